//! Curves that must not fall, or must not rise: Newton steps that stay among them.
//!
//! With H the penalized Hessian and x* = b − H⁻¹∇f where a plain step would go, the step goes to the x nearest to x* in the norm of H
//! among those with Cx ≥ 0, C having a row for each pair of neighbors whose difference may not be negative:
//!
//!   x = x* + H⁻¹Cᵀμ,   μ ≥ 0,   Cx ≥ 0,   μᵀCx = 0.
//!
//! The multipliers minimize ½ μᵀGμ + μᵀCx* over μ ≥ 0 with G = C H⁻¹ Cᵀ, and the active-set method of Lawson and Hanson (Solving Least
//! Squares Problems, 1974, chapter 23) finds them. Where no constraint binds, x is x*. At the optimum ∇f = Cᵀμ.

use osusume_numeric::linalg::Cholesky;
use osusume_numeric::sums;

use crate::additive::binned::Binned;
use crate::additive::cells::Cells;

/// How a curve of a number may run; what is absent stands apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// As the data say.
    #[default]
    Any,
    /// No bin is below one before it.
    Increasing,
    /// No bin is above one before it.
    Decreasing,
}

/// A difference below this share of the largest is none: the method would add and remove it by turns.
const ROUNDING: f64 = 1e-12;
/// Rounds of the active-set method a constraint.
const ROUNDS: usize = 4;

/// Pairs of parameters of which the second may not be below the first, and the multipliers of the last step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    pairs: Vec<(usize, usize)>,
    multipliers: Vec<f64>,
}

impl Orders {
    /// The pairs of neighboring runs of the curves with a direction.
    pub(crate) fn new(binned: &Binned, terms: &[Cells], directions: &[Direction]) -> Self {
        let mut pairs = Vec::new();
        for (term, at) in terms.iter().zip(binned.offsets()) {
            let Cells::Curve { feature, groups } = term else { continue };
            let neighbors = (1..groups.n_ordered).map(|run| (at + run - 1, at + run));
            match directions.get(*feature) {
                Some(Direction::Increasing) => pairs.extend(neighbors),
                Some(Direction::Decreasing) => pairs.extend(neighbors.map(|(k, l)| (l, k))),
                _ => {}
            }
        }
        Self { multipliers: vec![0.0; pairs.len()], pairs }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Takes `target`, where a plain step goes, to where the step among the allowed parameters does; `factor` is of H.
    pub(crate) fn hold(&mut self, factor: &Cholesky, target: &mut [f64]) {
        let slack: Vec<f64> = self.pairs.iter().map(|(k, l)| target[*l] - target[*k]).collect();
        if slack.iter().all(|slack| *slack >= 0.0) {
            self.multipliers.fill(0.0);
            return;
        }
        let m = self.pairs.len();
        let columns: Vec<Vec<f64>> = self.pairs.iter().map(|pair| column(factor, *pair, target.len())).collect();
        let gram: Vec<f64> = (0..m * m)
            .map(|at| columns[at % m][self.pairs[at / m].1] - columns[at % m][self.pairs[at / m].0])
            .collect();
        self.multipliers = non_negative(&gram, &slack);
        for (column, mu) in columns.iter().zip(&self.multipliers).filter(|(_, mu)| **mu > 0.0) {
            target.iter_mut().zip(column).for_each(|(x, v)| *x += mu * v);
        }
    }

    /// Takes away what rounding left of differences below zero: later bins of a curve give way to earlier ones.
    pub(crate) fn tidy(&self, params: &mut [f64]) {
        for &(k, l) in &self.pairs {
            if params[l] < params[k] {
                let (first, second) = (k.min(l), k.max(l));
                params[second] = params[first];
            }
        }
    }

    /// ∇f − Cᵀμ, and how far μ and Cb are from one of them being zero in every pair: all of it vanishes at the optimum.
    pub(crate) fn largest_violation(&self, gradient: &[f64], params: &[f64]) -> f64 {
        let mut rest = gradient.to_vec();
        let mut largest = 0.0_f64;
        for ((k, l), mu) in self.pairs.iter().zip(&self.multipliers) {
            rest[*l] -= mu;
            rest[*k] += mu;
            largest = largest.max(mu.min(params[*l] - params[*k]));
        }
        rest.into_iter().fold(largest, |largest, r| largest.max(r.abs()))
    }
}

/// H⁻¹ of the difference of two parameters.
fn column(factor: &Cholesky, (k, l): (usize, usize), n: usize) -> Vec<f64> {
    let mut column = vec![0.0; n];
    column[l] = 1.0;
    column[k] = -1.0;
    factor.solve(&mut column);
    column
}

/// The μ ≥ 0 that minimizes ½ μᵀGμ + μᵀh.
fn non_negative(gram: &[f64], h: &[f64]) -> Vec<f64> {
    let m = h.len();
    let scale = ROUNDING * h.iter().fold(0.0_f64, |largest, h| largest.max(h.abs()));
    let mut mu = vec![0.0; m];
    let mut active: Vec<usize> = Vec::new();
    for _ in 0..ROUNDS * m {
        let slope = |j: usize| h[j] + sums::dot(&gram[j * m..(j + 1) * m], &mu);
        let steepest = (0..m).filter(|j| !active.contains(j)).map(|j| (slope(j), j)).min_by(|a, b| a.0.total_cmp(&b.0));
        match steepest {
            Some((slope, j)) if slope < -scale => active.push(j),
            _ => break,
        }
        active.sort_unstable();
        settle(gram, h, &mut active, &mut mu);
    }
    mu
}

/// Goes to the minimum over the active multipliers, and takes out those that would become negative on the way.
fn settle(gram: &[f64], h: &[f64], active: &mut Vec<usize>, mu: &mut [f64]) {
    let m = h.len();
    while !active.is_empty() {
        let a = active.len();
        let block = (0..a * a).map(|at| gram[active[at / a] * m + active[at % a]]).collect();
        let mut goal: Vec<f64> = active.iter().map(|j| -h[*j]).collect();
        // Positive definite but for rounding.
        let Ok(factor) = Cholesky::in_place(block, a) else { return };
        factor.solve(&mut goal);
        let step = |j: usize, z: f64| if mu[j] > 0.0 { mu[j] / (mu[j] - z) } else { 0.0 };
        let blocked = active.iter().zip(&goal).filter(|(_, z)| **z <= 0.0).map(|(j, z)| (step(*j, *z), *j));
        let first = blocked.min_by(|a, b| a.0.total_cmp(&b.0));
        let share = first.map_or(1.0, |(share, _)| share);
        for (j, z) in active.iter().zip(&goal) {
            mu[*j] = (mu[*j] + share * (z - mu[*j])).max(0.0);
        }
        let Some((_, out)) = first else { return };
        mu[out] = 0.0;
        active.retain(|j| *j != out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: usize) -> f64 {
        ((i.wrapping_mul(2_654_435_761) >> 7) % 2_003) as f64 / 1_001.0 - 1.0
    }

    #[test]
    fn multipliers_satisfy_their_conditions() {
        for (seed, m) in [(1, 1), (2, 4), (3, 9), (4, 30)] {
            let b: Vec<f64> = (0..m * m).map(|k| noise(k + 1_000 * seed)).collect();
            let gram: Vec<f64> = (0..m * m)
                .map(|at| {
                    let (i, j) = (at / m, at % m);
                    (0..m).map(|k| b[i * m + k] * b[j * m + k]).sum::<f64>() + if i == j { 0.1 } else { 0.0 }
                })
                .collect();
            let h: Vec<f64> = (0..m).map(|k| noise(k + 77 * seed)).collect();
            let mu = non_negative(&gram, &h);
            for j in 0..m {
                let slope = h[j] + (0..m).map(|k| gram[j * m + k] * mu[k]).sum::<f64>();
                assert!(mu[j] >= 0.0 && slope > -1e-9 && (mu[j] * slope).abs() < 1e-9, "{m} {j} {} {slope}", mu[j]);
            }
        }
    }
}
