//! Penalties of a term: differences of neighboring cells, and sizes of cells, each with a strength of its own.
//!
//! Part j of a term penalizes λⱼ bᵀPⱼb / 2 with bᵀPⱼb = Σ (bₖ − bₗ)² over its links + Σ rₖ bₖ². As a prior the strengths are
//! precisions, whatever the number of rows.

use osusume_numeric::linalg::Cholesky;

use crate::additive::cells::Cells;
use crate::additive::terms::Groups;

/// Ridge beside the differences of a map, whose strength is shared: a cell nobody has goes to zero, not to infinity.
const MAP_RIDGE: f64 = 0.1;
/// Strength before anything is known: a standard deviation of 1 in log-odds.
const CURVE_START: f64 = 1.0;
/// A map begins with little, as what it can add to its curves is little.
const MAP_START: f64 = 20.0;

/// One part: a sparse, positive semidefinite matrix.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    links: Vec<(usize, usize)>,
    ridge: Vec<(usize, f64)>,
}

/// The parts of a term and their strengths.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TermPenalty {
    size: usize,
    parts: Vec<Part>,
    /// λ by part.
    pub(crate) strength: Vec<f64>,
}

impl Part {
    /// bᵀPb.
    pub(crate) fn quadratic(&self, b: &[f64]) -> f64 {
        let differences: f64 = self.links.iter().map(|(k, l)| (b[*k] - b[*l]).powi(2)).sum();
        differences + self.ridge.iter().map(|(k, r)| r * b[*k] * b[*k]).sum::<f64>()
    }

    /// tr(V P), where V is symmetric and has the order of the term.
    pub(crate) fn trace(&self, v: &[f64], size: usize) -> f64 {
        let v = |k: usize, l: usize| v[k * size + l];
        let differences: f64 = self.links.iter().map(|(k, l)| v(*k, *k) + v(*l, *l) - 2.0 * v(*k, *l)).sum();
        differences + self.ridge.iter().map(|(k, r)| r * v(*k, *k)).sum::<f64>()
    }

    /// Adds λP to the lower triangle of the block at `at` of a matrix of order `n`.
    fn add_to(&self, lambda: f64, matrix: &mut [f64], n: usize, at: usize) {
        for &(k, l) in &self.links {
            matrix[(at + k) * n + at + k] += lambda;
            matrix[(at + l) * n + at + l] += lambda;
            matrix[(at + k.max(l)) * n + at + k.min(l)] -= lambda;
        }
        for &(k, r) in &self.ridge {
            matrix[(at + k) * n + at + k] += lambda * r;
        }
    }

    /// Adds λPb to `out`.
    fn add_product(&self, lambda: f64, b: &[f64], out: &mut [f64]) {
        for &(k, l) in &self.links {
            let pull = lambda * (b[k] - b[l]);
            out[k] += pull;
            out[l] -= pull;
        }
        self.ridge.iter().for_each(|(k, r)| out[*k] += lambda * r * b[*k]);
    }
}

impl TermPenalty {
    /// A number's curve: differences along its bins, the size of its bins, the size of the absent one. A category's: the size of its
    /// levels. A map: differences along its ordered sides with a little of the size.
    pub(crate) fn new(cells: &Cells) -> Self {
        match cells {
            Cells::Curve { groups, .. } => Self::curve(groups.n, groups.n_ordered),
            Cells::Map { groups, .. } => Self::map(groups),
        }
    }

    fn curve(size: usize, n_ordered: usize) -> Self {
        let part = |cells: std::ops::Range<usize>| Part { links: Vec::new(), ridge: cells.map(|k| (k, 1.0)).collect() };
        let parts = match n_ordered {
            0 => vec![part(0..size)],
            1 => vec![part(0..1), part(1..2)],
            n => {
                let chain = Part { links: (1..n).map(|k| (k - 1, k)).collect(), ridge: Vec::new() };
                vec![chain, part(0..n), part(n..size)]
            }
        };
        Self { size, strength: vec![CURVE_START; parts.len()], parts }
    }

    fn map(groups: &[Groups; 2]) -> Self {
        let [a, b] = groups;
        let size = a.n * b.n;
        let mut links = Vec::new();
        for i in 0..a.n {
            links.extend((1..b.n_ordered).map(|j| (i * b.n + j - 1, i * b.n + j)));
        }
        for j in 0..b.n {
            links.extend((1..a.n_ordered).map(|i| ((i - 1) * b.n + j, i * b.n + j)));
        }
        let ridge = if links.is_empty() { 1.0 } else { MAP_RIDGE };
        let part = Part { links, ridge: (0..size).map(|k| (k, ridge)).collect() };
        Self { size, parts: vec![part], strength: vec![MAP_START] }
    }

    /// Number of coefficients.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The parts.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// bᵀSb with S = Σ λⱼPⱼ.
    pub(crate) fn quadratic(&self, b: &[f64]) -> f64 {
        self.parts.iter().zip(&self.strength).map(|(part, lambda)| lambda * part.quadratic(b)).sum()
    }

    /// Adds S to the lower triangle of the block at `at` of a matrix of order `n`.
    pub(crate) fn add_to(&self, matrix: &mut [f64], n: usize, at: usize) {
        for (part, lambda) in self.parts.iter().zip(&self.strength) {
            part.add_to(*lambda, matrix, n, at);
        }
    }

    /// Adds S b to `out`.
    pub(crate) fn add_product(&self, b: &[f64], out: &mut [f64]) {
        for (part, lambda) in self.parts.iter().zip(&self.strength) {
            part.add_product(*lambda, b, out);
        }
    }

    /// tr(S⁻¹Pⱼ) by part: the derivative of ln det S in λⱼ. `None` where S is singular to rounding.
    pub(crate) fn log_det_slopes(&self) -> Option<Vec<f64>> {
        if let [lambda] = self.strength.as_slice() {
            return Some(vec![self.size as f64 / lambda]);
        }
        let mut s = vec![0.0; self.size * self.size];
        self.add_to(&mut s, self.size, 0);
        let inverse = Cholesky::in_place(s, self.size).ok()?.inverse();
        Some(self.parts.iter().map(|part| part.trace(&inverse, self.size)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_penalty_is_the_same_matrix() {
        let groups = |n: usize, n_ordered: usize| Groups { of_code: Vec::new(), n, n_ordered };
        let penalties = [
            TermPenalty::curve(6, 5),
            TermPenalty::curve(4, 0),
            TermPenalty::curve(2, 1),
            TermPenalty::map(&[groups(3, 2), groups(4, 4)]),
            TermPenalty::map(&[groups(2, 0), groups(3, 0)]),
        ];
        for mut penalty in penalties {
            penalty.strength.iter_mut().enumerate().for_each(|(j, lambda)| *lambda = 0.5 + j as f64);
            let n = penalty.size;
            let b: Vec<f64> = (0..n).map(|k| ((k * k) % 7) as f64 - 2.0).collect();
            let mut lower = vec![0.0; n * n];
            penalty.add_to(&mut lower, n, 0);
            let full = |k: usize, l: usize| lower[k.max(l) * n + k.min(l)];
            let product: Vec<f64> = (0..n).map(|k| (0..n).map(|l| full(k, l) * b[l]).sum()).collect();
            let mut out = vec![0.0; n];
            penalty.add_product(&b, &mut out);
            assert!(out.iter().zip(&product).all(|(a, b)| (a - b).abs() < 1e-12));
            let quadratic: f64 = b.iter().zip(&product).map(|(b, p)| b * p).sum();
            assert!((penalty.quadratic(&b) - quadratic).abs() < 1e-12);
            // Σ λⱼ tr(S⁻¹Pⱼ) is the rank, which is full.
            let slopes = penalty.log_det_slopes().unwrap();
            let rank: f64 = slopes.iter().zip(&penalty.strength).map(|(slope, lambda)| slope * lambda).sum();
            assert!((rank - n as f64).abs() < 1e-9, "{rank} of {n}");
        }
    }
}
