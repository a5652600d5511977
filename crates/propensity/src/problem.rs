//! The objective over a set of rows: its labels and weights, its value along a line. `sweep.rs` has value and gradient, `hessian.rs` the
//! second derivatives.
//!
//! f(β, b) = (1/W) Σ wᵢ ℓ(ηᵢ, yᵢ) + (λ/2) ‖β‖², with W = Σ wᵢ, ηᵢ = xᵢβ + b + offsetᵢ and ℓ(η, y) = ln(1 + e^η) − y η.
//! Vectors of parameters have length d + 1: the d coefficients, then the intercept, which carries no penalty.

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;

use osusume_numeric::dispatch;
use osusume_numeric::elementary::{Tails, exp, log_loss_row, tails};
use osusume_numeric::linalg::{linear_rows, linear_rows_at};
use osusume_numeric::sums::{self, BLOCK_ROWS, GROUPS};

use crate::design::Design;
use crate::error::{Error, check_finite, check_len};

/// Rows [`advance_block`] handles at once.
const LANES: usize = 8;
/// Weights of a block of rows that all count once.
const ONES: &[f64] = &[1.0; BLOCK_ROWS];

/// What one model is fitted to. Many problems share one design; `rows` picks the eligible ones.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The shared matrix.
    pub design: &'a Design,
    /// Rows of the design that take part, in any order; all of them when `None`. The other slices are parallel to it.
    pub rows: Option<&'a [u32]>,
    /// The labels.
    pub y: &'a [bool],
    /// Row weights ≥ 0, 1 when `None`. A weight of 2 is the row twice, 0 the row absent.
    pub weight: Option<&'a [f64]>,
    /// Added to the linear predictor of each row, 0 when `None`.
    pub offset: Option<&'a [f64]>,
}

impl Problem<'_> {
    /// Rows that take part.
    pub fn n_rows(&self) -> usize {
        self.rows.map_or(self.design.n_rows(), <[u32]>::len)
    }

    /// The positions of the problem's rows by design row: what is near in the design is read together.
    pub(crate) fn ascending(&self) -> Vec<u32> {
        let mut positions: Vec<u32> = (0..self.n_rows() as u32).collect();
        if let Some(rows) = self.rows
            && !rows.is_sorted()
        {
            positions.sort_by_key(|position| rows[*position as usize]);
        }
        positions
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let n = self.n_rows();
        check_len("y", self.y.len(), n)?;
        if let Some(row) = self.rows.and_then(|rows| rows.iter().find(|row| **row as usize >= self.design.n_rows())) {
            return Err(Error::Shape { what: "rows", got: *row as usize, expected: self.design.n_rows() });
        }
        if let Some(weight) = self.weight {
            check_len("weight", weight.len(), n)?;
            check_finite("weight", weight)?;
            if let Some(negative) = weight.iter().find(|w| **w < 0.0) {
                return Err(Error::Parameter { name: "weight", allowed: "at least 0", got: *negative });
            }
        }
        if let Some(offset) = self.offset {
            check_len("offset", offset.len(), n)?;
            check_finite("offset", offset)?;
        }
        Ok(())
    }
}

/// A checked problem in the form the passes read: rows as owned positions in ascending order, labels and weights beside them. A pass
/// waits for memory, so that nothing is stored that all rows share.
pub(crate) struct Objective<'a> {
    pub(crate) design: &'a Design,
    rows: Option<Vec<u32>>,
    /// Whether some row of the design comes twice.
    repeats: bool,
    pub(crate) y: Vec<bool>,
    /// `None` where all are one.
    w: Option<Vec<f64>>,
    pub(crate) offset: Option<Vec<f64>>,
    /// W = Σ w.
    pub(crate) total_weight: f64,
    /// Σ w y / W.
    pub(crate) mean_y: f64,
}

/// Labels and rows that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Classes {
    pub(crate) positives: u64,
    pub(crate) rows: u64,
}

impl Classes {
    pub(crate) fn is_mixed(self) -> bool {
        0 < self.positives && self.positives < self.rows
    }
}

impl<'a> Objective<'a> {
    pub(crate) fn new(problem: &Problem<'a>) -> Result<Self, Error> {
        problem.check()?;
        if problem.rows.is_some() {
            return Ok(Self::at(problem, &problem.ascending()));
        }
        // Consecutive rows need no positions.
        let (y, w) = (problem.y.to_vec(), problem.weight.map(<[f64]>::to_vec));
        Ok(Self::of(problem.design, None, y, w, problem.offset.map(<[f64]>::to_vec)))
    }

    /// The objective over the given positions of a checked problem's rows, in the order of [`Problem::ascending`].
    pub(crate) fn at(problem: &Problem<'a>, positions: &[u32]) -> Self {
        let of = |position: &u32| *position as usize;
        let y = positions.iter().map(|i| problem.y[of(i)]).collect();
        let w = problem.weight.map(|weight| positions.iter().map(|i| weight[of(i)]).collect());
        let offset = problem.offset.map(|offset| positions.iter().map(|i| offset[of(i)]).collect());
        let rows = positions.iter().map(|i| problem.rows.map_or(*i, |rows| rows[of(i)])).collect();
        Self::of(problem.design, Some(rows), y, w, offset)
    }

    fn of(
        design: &'a Design,
        rows: Option<Vec<u32>>,
        y: Vec<bool>,
        w: Option<Vec<f64>>,
        offset: Option<Vec<f64>>,
    ) -> Self {
        let number = |y: &bool| f64::from(u8::from(*y));
        let positives = |range: Range<usize>| y[range].iter().filter(|y| **y).count() as f64;
        let (total_weight, weight_of_positives) = match &w {
            None => (y.len() as f64, positives(0..y.len())),
            Some(w) => (sums::sum(w), sums::dot(w, &y.iter().map(number).collect::<Vec<f64>>())),
        };
        let repeats = rows.as_ref().is_some_and(|rows| rows.windows(2).any(|pair| pair[0] == pair[1]));
        Self { design, rows, repeats, y, w, offset, total_weight, mean_y: weight_of_positives / total_weight }
    }

    /// Some columns of its rows, in its order.
    pub(crate) fn columns(&self, columns: &[usize]) -> Design {
        let rows = (0..self.n_rows()).map(|i| self.design_row(i));
        let x = rows.flat_map(|row| columns.iter().map(move |column| row[*column])).collect();
        let source = columns.iter().map(|column| self.design.source()[*column]).collect();
        Design::from_parts(self.n_rows(), x, source).expect("part of a design is one")
    }

    /// The same rows over a design that has them and nothing else, without an offset.
    pub(crate) fn over<'b>(&self, design: &'b Design) -> Objective<'b> {
        Objective {
            design,
            rows: None,
            repeats: false,
            y: self.y.clone(),
            w: self.w.clone(),
            offset: None,
            total_weight: self.total_weight,
            mean_y: self.mean_y,
        }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.y.len()
    }

    /// Parameters: coefficients and intercept.
    pub(crate) fn n_params(&self) -> usize {
        self.design.n_cols() + 1
    }

    pub(crate) fn classes(&self) -> Classes {
        let counted =
            |positive: bool| (0..self.n_rows()).filter(|i| self.counts(*i) && (!positive || self.y[*i])).count() as u64;
        Classes { positives: counted(true), rows: counted(false) }
    }

    /// Whether the i-th row has a positive weight.
    pub(crate) fn counts(&self, i: usize) -> bool {
        self.w.as_ref().is_none_or(|w| w[i] > 0.0)
    }

    /// Weights of at most [`BLOCK_ROWS`] consecutive rows.
    pub(crate) fn weights(&self, range: Range<usize>) -> &[f64] {
        match &self.w {
            None => &ONES[..range.len()],
            Some(w) => &w[range],
        }
    }

    /// Weights of all rows.
    pub(crate) fn all_weights(&self) -> Cow<'_, [f64]> {
        self.w.as_deref().map_or_else(|| Cow::Owned(vec![1.0; self.n_rows()]), Cow::Borrowed)
    }

    /// Whether the rows from `range.start` on to before `range.end` are at least half of the rows of the design in `group`, each once.
    pub(crate) fn is_dense(&self, range: &Range<usize>, group: &Range<usize>) -> bool {
        self.rows.is_none() || (!self.repeats && 2 * range.len() >= group.len())
    }

    /// Position in the design of the i-th row of the problem.
    pub(crate) fn design_position(&self, i: usize) -> usize {
        self.rows.as_ref().map_or(i, |rows| rows[i] as usize)
    }

    /// Design row of the i-th row of the problem.
    pub(crate) fn design_row(&self, i: usize) -> &[f32] {
        self.design.row(self.design_position(i))
    }

    /// How many rows of the problem lie before a row of the design.
    pub(crate) fn n_before(&self, design_row: usize) -> usize {
        match &self.rows {
            None => design_row,
            Some(rows) => rows.partition_point(|row| (*row as usize) < design_row),
        }
    }

    /// Of the rows of the problem from the `from`-th on, the end of those before a row of the design. It is near `from`.
    pub(crate) fn end_before(&self, from: usize, design_row: usize) -> usize {
        match &self.rows {
            None => design_row,
            Some(rows) => {
                rows[from..].iter().position(|row| *row as usize >= design_row).map_or(rows.len(), |n| from + n)
            }
        }
    }

    /// Positions in the design of the given rows, where they are not consecutive.
    pub(crate) fn rows(&self, range: Range<usize>) -> Option<&[u32]> {
        self.rows.as_ref().map(|rows| &rows[range])
    }

    /// Sets `eta` to the linear predictor X v + v₀, offset included; v₀ is the last entry of `params`.
    pub(crate) fn eta(&self, params: &[f64], eta: &mut [f64]) {
        let d = self.design.n_cols();
        let x = self.design.x();
        eta.par_chunks_mut(BLOCK_ROWS).enumerate().for_each(|(block, out)| {
            let range = block * BLOCK_ROWS..block * BLOCK_ROWS + out.len();
            match self.rows(range.clone()) {
                None => linear_rows(&x[range.start * d..range.end * d], &params[..d], params[d], out),
                Some(rows) => linear_rows_at(x, rows, &params[..d], params[d], out),
            }
        });
        if let Some(offset) = &self.offset {
            eta.iter_mut().zip(offset).for_each(|(eta, offset)| *eta += offset);
        }
    }

    /// w (μ − y).
    pub(crate) fn residual(&self, eta: &[f64]) -> Vec<f64> {
        let mut residual = vec![0.0; eta.len()];
        residual.par_chunks_mut(BLOCK_ROWS).enumerate().for_each(|(block, residual)| {
            let rows = block * BLOCK_ROWS..block * BLOCK_ROWS + residual.len();
            let mut curvature = vec![0.0; residual.len()];
            link_block(&eta[rows.clone()], &self.labels(rows.clone()), self.weights(rows), residual, &mut curvature);
        });
        residual
    }

    /// Mean log-loss at η + t ξ.
    pub(crate) fn loss(&self, eta: &[f64], xi: &[f64], t: f64) -> f64 {
        let block = |sum: &mut f64, rows: Range<usize>| {
            let y = self.labels(rows.clone());
            *sum += loss_block(&eta[rows.clone()], &xi[rows.clone()], t, &y, self.weights(rows));
        };
        sums::reduce(self.n_rows(), GROUPS, || 0.0, block, |sum, other| *sum += other) / self.total_weight
    }

    /// Labels as numbers.
    fn labels(&self, rows: Range<usize>) -> Vec<f64> {
        self.y[rows].iter().map(|y| f64::from(u8::from(*y))).collect()
    }
}

pub(crate) fn add_all(sum: &mut [f64], other: &[f64]) {
    sum.iter_mut().zip(other).for_each(|(a, b)| *a += b);
}

dispatch! {
    pub(crate) fn link_block(eta: &[f64], y: &[f64], w: &[f64], residual: &mut [f64], curvature: &mut [f64]) {
        let n = eta.len();
        let (y, w) = (&y[..n], &w[..n]);
        let (residual, curvature) = (&mut residual[..n], &mut curvature[..n]);
        for i in 0..n {
            // Both tails from one exponential: 1 − μ would lose the smaller one for a large η.
            let e = exp(-eta[i].abs());
            let large = 1.0 / (1.0 + e);
            let small = e * large;
            let (mu, nu) = if eta[i] < 0.0 { (small, large) } else { (large, small) };
            residual[i] = w[i] * if y[i] > 0.5 { -nu } else { mu };
            curvature[i] = w[i] * (mu * nu);
        }
    }

    /// From η to η + ξ: sets `to` to it and `xi` to w (μ − y) there. Gives Σ w ℓ.
    pub(crate) fn advance_block(eta: &[f64], xi: &mut [f64], y: &[bool], w: &[f64], to: &mut [f64]) -> f64 {
        let n = eta.len();
        let mut losses = [0.0; LANES];
        let ((etas, eta), (ys, y), (ws, w)) = (eta.as_chunks(), y.as_chunks(), w[..n].as_chunks());
        let ((xis, xi), (tos, to)) = (xi.as_chunks_mut(), to.as_chunks_mut());
        for (((eta, xi), (y, w)), to) in etas.iter().zip(xis).zip(ys.iter().zip(ws)).zip(tos) {
            advance_lanes(eta, xi, y, w, to, &mut losses);
        }
        // The last rows are filled up with rows of weight zero.
        let n = eta.len();
        let filled = |values: &[f64]| -> [f64; LANES] { std::array::from_fn(|i| if i < n { values[i] } else { 0.0 }) };
        let labels = std::array::from_fn(|i| i < n && y[i]);
        let (mut residual, mut moved) = (filled(xi), [0.0; LANES]);
        advance_lanes(&filled(eta), &mut residual, &labels, &filled(w), &mut moved, &mut losses);
        xi.copy_from_slice(&residual[..n]);
        to.copy_from_slice(&moved[..n]);
        losses.iter().sum()
    }

    /// Row weights in the Hessian, w μ (1 − μ).
    pub(crate) fn curvature_block(eta: &[f64], w: &[f64], curvature: &mut [f64]) {
        let n = eta.len();
        let (w, curvature) = (&w[..n], &mut curvature[..n]);
        for i in 0..n {
            let Tails { small, large, .. } = tails(eta[i]);
            curvature[i] = w[i] * (large * small);
        }
    }

    pub(crate) fn loss_block(eta: &[f64], xi: &[f64], t: f64, y: &[f64], w: &[f64]) -> f64 {
        let mut losses = [0.0; 256];
        let mut total = 0.0;
        for start in (0..eta.len()).step_by(256) {
            let end = eta.len().min(start + 256);
            let (eta, xi, y, w) = (&eta[start..end], &xi[start..end], &y[start..end], &w[start..end]);
            let losses = &mut losses[..end - start];
            for i in 0..losses.len() {
                losses[i] = w[i] * log_loss_row(eta[i] + t * xi[i], y[i]);
            }
            total += lane_sum(losses);
        }
        total
    }
}

#[expect(clippy::inline_always, reason = "called inside a dispatched body")]
#[inline(always)]
fn advance_lanes(
    eta: &[f64; LANES],
    xi: &mut [f64; LANES],
    y: &[bool; LANES],
    w: &[f64; LANES],
    to: &mut [f64; LANES],
    losses: &mut [f64; LANES],
) {
    for i in 0..LANES {
        let at = eta[i] + xi[i];
        let Tails { small, large, loss } = tails(at);
        let (mu, nu) = if at < 0.0 { (small, large) } else { (large, small) };
        let positive = if at > 0.0 { at } else { 0.0 };
        to[i] = at;
        xi[i] = w[i] * if y[i] { -nu } else { mu };
        losses[i] += w[i] * (positive - if y[i] { at } else { 0.0 } + loss);
    }
}

#[expect(clippy::inline_always, reason = "called inside a dispatched body")]
#[inline(always)]
fn lane_sum(values: &[f64]) -> f64 {
    let mut acc = [0.0; 16];
    for chunk in values.chunks(16) {
        for (sum, value) in acc.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    acc.iter().sum()
}
