//! The objective over a set of rows: its labels and weights, its value along a line, its Hessian. `sweep.rs` has value and gradient.
//!
//! f(β, b) = (1/W) Σ wᵢ ℓ(ηᵢ, yᵢ) + (λ/2) ‖β‖², with W = Σ wᵢ, ηᵢ = xᵢβ + b + offsetᵢ and ℓ(η, y) = ln(1 + e^η) − y η.
//! Vectors of parameters have length d + 1: the d coefficients, then the intercept, which carries no penalty.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use osusume_model::Control;
use osusume_numeric::dispatch;
use osusume_numeric::elementary::{exp, ln_1p, log_loss_row};
use osusume_numeric::linalg::{GramScratch, GramScratchSingle, linear_rows, linear_rows_at};
use osusume_numeric::sums::{self, BLOCK_ROWS, GROUPS};

use crate::design::Design;
use crate::error::{Error, check_control, check_finite, check_len};

/// Rows [`advance_block`] handles at once.
const LANES: usize = 8;

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

/// A checked problem in the form the passes read: labels and weights as numbers, rows as owned positions in ascending order.
pub(crate) struct Objective<'a> {
    pub(crate) design: &'a Design,
    rows: Option<Vec<u32>>,
    pub(crate) y: Vec<f64>,
    pub(crate) w: Vec<f64>,
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
        let mut objective = Self::at(problem, &problem.ascending());
        if problem.rows.is_none() {
            // Consecutive rows need no positions.
            objective.rows = None;
        }
        Ok(objective)
    }

    /// The objective over the given positions of a checked problem's rows, in the order of [`Problem::ascending`].
    pub(crate) fn at(problem: &Problem<'a>, positions: &[u32]) -> Self {
        let of = |position: &u32| *position as usize;
        let y: Vec<f64> = positions.iter().map(|i| f64::from(u8::from(problem.y[of(i)]))).collect();
        let w: Vec<f64> = match problem.weight {
            None => vec![1.0; y.len()],
            Some(weight) => positions.iter().map(|i| weight[of(i)]).collect(),
        };
        let offset = problem.offset.map(|offset| positions.iter().map(|i| offset[of(i)]).collect());
        let rows = positions.iter().map(|i| problem.rows.map_or(*i, |rows| rows[of(i)])).collect();
        let total_weight = sums::sum(&w);
        let mean_y = sums::dot(&w, &y) / total_weight;
        Self { design: problem.design, rows: Some(rows), y, w, offset, total_weight, mean_y }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.y.len()
    }

    /// Parameters: coefficients and intercept.
    pub(crate) fn n_params(&self) -> usize {
        self.design.n_cols() + 1
    }

    pub(crate) fn classes(&self) -> Classes {
        let counted = |positive: bool| {
            self.y.iter().zip(&self.w).filter(|(y, w)| **w > 0.0 && (!positive || **y > 0.5)).count() as u64
        };
        Classes { positives: counted(true), rows: counted(false) }
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
        let (mut residual, mut curvature) = (vec![0.0; eta.len()], vec![0.0; eta.len()]);
        let outputs = residual.par_chunks_mut(BLOCK_ROWS).zip(curvature.par_chunks_mut(BLOCK_ROWS));
        let inputs = eta.par_chunks(BLOCK_ROWS).zip(self.y.par_chunks(BLOCK_ROWS)).zip(self.w.par_chunks(BLOCK_ROWS));
        outputs.zip(inputs).for_each(|((r, c), ((eta, y), w))| link_block(eta, y, w, r, c));
        residual
    }

    /// Mean log-loss at η + t ξ.
    pub(crate) fn loss(&self, eta: &[f64], xi: &[f64], t: f64) -> f64 {
        let block = |sum: &mut f64, rows: Range<usize>| {
            *sum += loss_block(&eta[rows.clone()], &xi[rows.clone()], t, &self.y[rows.clone()], &self.w[rows]);
        };
        sums::reduce(self.n_rows(), GROUPS, || 0.0, block, |sum, other| *sum += other) / self.total_weight
    }

    /// Hessian of the mean log-loss, Xᵀ diag(c) X / W, lower triangle of a (d + 1) × (d + 1) matrix.
    ///
    /// `is_rounded`: in single precision inside, which leaves six digits.
    pub(crate) fn hessian(
        &self,
        curvature: &[f64],
        is_rounded: bool,
        control: &dyn Control,
    ) -> Result<Vec<f64>, Error> {
        self.hessian_of_every(1, curvature, self.total_weight, is_rounded, control)
    }

    /// The Hessian as every `stride`-th row estimates it, rounded; `None` when these have no weight.
    pub(crate) fn rough_hessian(
        &self,
        stride: usize,
        curvature: &[f64],
        control: &dyn Control,
    ) -> Result<Option<Vec<f64>>, Error> {
        let weight: f64 = self.w.iter().step_by(stride).sum();
        (weight > 0.0).then(|| self.hessian_of_every(stride, curvature, weight, true, control)).transpose()
    }

    fn hessian_of_every(
        &self,
        stride: usize,
        curvature: &[f64],
        weight: f64,
        is_rounded: bool,
        control: &dyn Control,
    ) -> Result<Vec<f64>, Error> {
        let n = self.n_params();
        // 64 MiB of partial sums at once, and no more than keep every thread at work: fresh memory costs more than merging.
        let max_states = ((64 << 20) / (8 * n * n)).min(2 * rayon::current_num_threads()).clamp(2, GROUPS);
        let is_stopped = AtomicBool::new(false);
        // As many scratches as threads are at work; a scratch keeps nothing from one block to the next.
        let scratches = Mutex::new(Vec::new());
        let pool = || scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let block = |h: &mut Vec<f64>, rows: Range<usize>| {
            if is_stopped.load(Ordering::Relaxed) || control.stop().is_some() {
                is_stopped.store(true, Ordering::Relaxed);
                return;
            }
            let pooled = pool().pop();
            let mut scratch = pooled.unwrap_or_else(|| Scratch::new(n, is_rounded));
            let weighted = rows.map(|i| (self.design_row(i * stride), curvature[i * stride]));
            match &mut scratch {
                Scratch::Double(scratch) => {
                    for (x, w) in weighted {
                        scratch.push(x, w);
                        if scratch.is_full() {
                            scratch.add_to(h);
                        }
                    }
                    scratch.add_to(h);
                }
                Scratch::Single(scratch) => {
                    for (x, w) in weighted {
                        scratch.push(x, w);
                        if scratch.is_full() {
                            scratch.add_to(h);
                        }
                    }
                    scratch.add_to(h);
                }
            }
            pool().push(scratch);
        };
        let n_rows = self.n_rows().div_ceil(stride);
        let mut h = sums::reduce(n_rows, max_states, || vec![0.0; n * n], block, |a, b| add_all(a, &b));
        if is_stopped.into_inner() {
            check_control(control)?;
        }
        for value in &mut h {
            *value /= weight;
        }
        Ok(h)
    }
}

enum Scratch {
    Double(GramScratch),
    Single(GramScratchSingle),
}

impl Scratch {
    fn new(n: usize, is_single: bool) -> Self {
        if is_single { Self::Single(GramScratchSingle::new(n)) } else { Self::Double(GramScratch::new(n)) }
    }
}

pub(crate) fn add_all(sum: &mut [f64], other: &[f64]) {
    sum.iter_mut().zip(other).for_each(|(a, b)| *a += b);
}

/// Σ |a − b| / Σ b.
pub(crate) fn relative_change(a: &[f64], b: &[f64]) -> f64 {
    let block = |sums: &mut [f64; 2], rows: Range<usize>| {
        let [change, total] = change_block(&a[rows.clone()], &b[rows]);
        sums[0] += change;
        sums[1] += total;
    };
    let merge = |a: &mut [f64; 2], b: [f64; 2]| {
        a[0] += b[0];
        a[1] += b[1];
    };
    let [change, total] = sums::reduce(a.len(), GROUPS, || [0.0; 2], block, merge);
    if total > 0.0 { change / total } else { f64::INFINITY }
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

    /// From η to η + ξ: sets `to` to it, `curvature` to w μ (1 − μ) there and `xi` to w (μ − y). Gives Σ w ℓ.
    pub(crate) fn advance_block(
        eta: &[f64],
        xi: &mut [f64],
        y: &[f64],
        w: &[f64],
        to: &mut [f64],
        curvature: &mut [f64],
    ) -> f64 {
        let mut losses = [0.0; LANES];
        let ((etas, eta), (ys, y), (ws, w)) = (eta.as_chunks(), y.as_chunks(), w.as_chunks());
        let ((xis, xi), (tos, to), (cs, c)) = (xi.as_chunks_mut(), to.as_chunks_mut(), curvature.as_chunks_mut());
        for (((eta, xi), (y, w)), (to, c)) in etas.iter().zip(xis).zip(ys.iter().zip(ws)).zip(tos.iter_mut().zip(cs)) {
            advance_lanes(eta, xi, y, w, to, c, &mut losses);
        }
        // The last rows are filled up with rows of weight zero.
        let n = eta.len();
        let filled = |values: &[f64]| -> [f64; LANES] { std::array::from_fn(|i| if i < n { values[i] } else { 0.0 }) };
        let (mut residual, mut moved, mut weight) = (filled(xi), [0.0; LANES], [0.0; LANES]);
        advance_lanes(&filled(eta), &mut residual, &filled(y), &filled(w), &mut moved, &mut weight, &mut losses);
        for i in 0..n {
            (xi[i], to[i], c[i]) = (residual[i], moved[i], weight[i]);
        }
        losses.iter().sum()
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

    fn change_block(a: &[f64], b: &[f64]) -> [f64; 2] {
        let mut change = [0.0; 8];
        let mut total = [0.0; 8];
        for (a, b) in a.chunks(8).zip(b.chunks(8)) {
            for (lane, (a, b)) in a.iter().zip(b).enumerate() {
                change[lane] += (a - b).abs();
                total[lane] += b;
            }
        }
        [change.iter().sum(), total.iter().sum()]
    }
}

#[expect(clippy::inline_always, reason = "called inside a dispatched body")]
#[inline(always)]
fn advance_lanes(
    eta: &[f64; LANES],
    xi: &mut [f64; LANES],
    y: &[f64; LANES],
    w: &[f64; LANES],
    to: &mut [f64; LANES],
    curvature: &mut [f64; LANES],
    losses: &mut [f64; LANES],
) {
    for i in 0..LANES {
        let at = eta[i] + xi[i];
        // Both tails and the loss from one exponential.
        let e = exp(-at.abs());
        let large = 1.0 / (1.0 + e);
        let small = e * large;
        let (mu, nu) = if at < 0.0 { (small, large) } else { (large, small) };
        let positive = if at > 0.0 { at } else { 0.0 };
        to[i] = at;
        xi[i] = w[i] * if y[i] > 0.5 { -nu } else { mu };
        curvature[i] = w[i] * (mu * nu);
        losses[i] += w[i] * (positive - y[i] * at + ln_1p(e));
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
