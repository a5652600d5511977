//! Hessians of the mean log-loss, of all rows or of a sample of them.
//!
//! A Hessian is Xᵀ diag(c) X / W with row weights c = w μ (1 − μ), in n d² operations: as many as dozens of gradients. As the metric of a
//! step it need not be exact. A sample that takes a row with a probability proportional to its c gives every row it takes the same
//! weight, so that none is spent on rows that say little: of a hundred rows with rare labels ninety may.
//! The sample is systematic, every so many units of curvature a row (Madow, On the Theory of Systematic Sampling, Annals of Mathematical
//! Statistics 20, 1949), and so a function of the data.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use osusume_model::Control;
use osusume_numeric::linalg::{GramScratch, GramScratchSingle};
use osusume_numeric::sums::{self, BLOCK_ROWS, GROUPS};

use crate::error::{Error, check_control};
use crate::problem::{Objective, add_all, curvature_block};

/// Rows by which a change of the row weights is judged, at least.
const PROBE_ROWS: usize = 8_192;

/// Which rows a Hessian is made of, and how closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accuracy {
    /// All rows, in double precision.
    Exact,
    /// All rows, in single precision inside, which leaves six digits.
    Rounded,
    /// One row of so many, on average; rounded.
    Sample(usize),
}

impl Objective<'_> {
    /// The Hessian at η, lower triangle of a (d + 1) × (d + 1) matrix; `None` when no row has any curvature to be sampled by.
    pub(crate) fn hessian(
        &self,
        eta: &[f64],
        accuracy: Accuracy,
        control: &dyn Control,
    ) -> Result<Option<Vec<f64>>, Error> {
        let unit = match accuracy {
            Accuracy::Exact | Accuracy::Rounded => None,
            Accuracy::Sample(every) => Some(self.total_curvature(eta) / (self.n_rows() / every).max(1) as f64),
        };
        if unit.is_some_and(|unit| unit.is_nan() || unit <= 0.0) {
            return Ok(None);
        }
        let n = self.n_params();
        // 64 MiB of partial sums at once, and no more than keep every thread at work: fresh memory costs more than merging.
        let max_states = ((64 << 20) / (8 * n * n)).min(2 * rayon::current_num_threads()).clamp(2, GROUPS);
        let is_stopped = AtomicBool::new(false);
        // As many scratches as threads are at work; a scratch keeps nothing from one block to the next.
        let scratches = Mutex::new(Vec::new());
        let pool = || scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let block = |partial: &mut Partial, rows: Range<usize>| {
            if is_stopped.load(Ordering::Relaxed) || control.stop().is_some() {
                is_stopped.store(true, Ordering::Relaxed);
                return;
            }
            let pooled = pool().pop();
            let mut scratch = pooled.unwrap_or_else(|| Scratch::new(n, accuracy));
            scratch.add(self, eta, rows, unit, partial);
            pool().push(scratch);
        };
        let start = || Partial { sum: vec![0.0; n * n], carried: unit.unwrap_or(0.0) / 2.0 };
        let total = sums::reduce(self.n_rows(), max_states, start, block, |a, b| add_all(&mut a.sum, &b.sum));
        if is_stopped.into_inner() {
            check_control(control)?;
        }
        let mut h = total.sum;
        for value in &mut h {
            *value /= self.total_weight;
        }
        Ok(Some(h))
    }

    fn total_curvature(&self, eta: &[f64]) -> f64 {
        let block = |sum: &mut f64, rows: Range<usize>| {
            let mut curvature = vec![0.0; rows.len()];
            curvature_block(&eta[rows.clone()], self.weights(rows), &mut curvature);
            *sum += sums::sum(&curvature);
        };
        sums::reduce(self.n_rows(), GROUPS, || 0.0, block, |sum, other| *sum += other)
    }

    /// Row weights at η of some thousand rows spread over all: by them it is told how far the present ones are from others.
    pub(crate) fn probe(&self, eta: &[f64]) -> Vec<f64> {
        let every = (self.n_rows() / PROBE_ROWS).max(1);
        let eta: Vec<f64> = eta.iter().step_by(every).copied().collect();
        let w: Vec<f64> = (0..self.n_rows()).step_by(every).map(|i| self.weights(i..i + 1)[0]).collect();
        let mut curvature = vec![0.0; eta.len()];
        curvature_block(&eta, &w, &mut curvature);
        curvature
    }
}

/// Σ |a − b| / Σ b.
pub(crate) fn relative_change(a: &[f64], b: &[f64]) -> f64 {
    let change: f64 = a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum();
    let total: f64 = b.iter().sum();
    if total > 0.0 { change / total } else { f64::INFINITY }
}

/// The sum over some blocks of a group, and the curvature since the last row that was taken.
struct Partial {
    sum: Vec<f64>,
    carried: f64,
}

enum Gram {
    Double(GramScratch),
    Single(GramScratchSingle),
}

struct Scratch {
    gram: Gram,
    curvature: Vec<f64>,
}

impl Scratch {
    fn new(n: usize, accuracy: Accuracy) -> Self {
        let gram = if accuracy == Accuracy::Exact {
            Gram::Double(GramScratch::new(n))
        } else {
            Gram::Single(GramScratchSingle::new(n))
        };
        Self { gram, curvature: vec![0.0; BLOCK_ROWS] }
    }

    /// Adds consecutive rows, or those of them that are taken.
    fn add(&mut self, objective: &Objective<'_>, eta: &[f64], rows: Range<usize>, unit: Option<f64>, to: &mut Partial) {
        let curvature = &mut self.curvature[..rows.len()];
        curvature_block(&eta[rows.clone()], objective.weights(rows.clone()), curvature);
        for (i, &mut curvature) in rows.zip(curvature) {
            let weight = match unit {
                None => curvature,
                Some(unit) => {
                    to.carried += curvature;
                    let taken = (to.carried / unit).floor() * unit;
                    to.carried -= taken;
                    taken
                }
            };
            if unit.is_none() || weight > 0.0 {
                self.gram.push(objective.design_row(i), weight, &mut to.sum);
            }
        }
        self.gram.flush(&mut to.sum);
    }
}

impl Gram {
    fn push(&mut self, x: &[f32], weight: f64, sum: &mut [f64]) {
        match self {
            Self::Double(scratch) => {
                scratch.push(x, weight);
                if scratch.is_full() {
                    scratch.add_to(sum);
                }
            }
            Self::Single(scratch) => {
                scratch.push(x, weight);
                if scratch.is_full() {
                    scratch.add_to(sum);
                }
            }
        }
    }

    fn flush(&mut self, sum: &mut [f64]) {
        match self {
            Self::Double(scratch) => scratch.add_to(sum),
            Self::Single(scratch) => scratch.add_to(sum),
        }
    }
}
