//! Value and gradient of many objectives over one design, in one read of it.
//!
//! A pass over a large design waits for memory: η = Xβ reads all of it, Xᵀr once more, and every offer and fold does so again at every
//! step. Here a strip of rows is read once. While it lies in the cache, every search that has some of these rows moves their linear
//! predictors, takes residuals and row weights there, and adds to its gradient.

use std::ops::Range;

use rayon::prelude::*;

use osusume_numeric::linalg::{add_t_product, add_t_product_at, linear_rows, linear_rows_at};
use osusume_numeric::sums;

use crate::problem::{Objective, add_all, advance_block};

/// Rows of the design a strip: with a few hundred columns they stay in the caches of one core.
const STRIP_ROWS: usize = 128;

/// What an objective is at some parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// η, one a row of the problem.
    pub(crate) eta: Vec<f64>,
    /// w μ (1 − μ).
    pub(crate) row_weights: Vec<f64>,
    /// Gradient of the mean log-loss, without the penalty, length d + 1.
    pub(crate) gradient: Vec<f64>,
    /// Mean log-loss, without the penalty.
    pub(crate) loss: f64,
}

impl Place {
    /// A place to be filled by a sweep; η is the offset, where the coefficients are zero.
    pub(crate) fn new(objective: &Objective<'_>) -> Self {
        let n = objective.n_rows();
        let eta = objective.offset.clone().unwrap_or_else(|| vec![0.0; n]);
        Self { eta, row_weights: vec![0.0; n], gradient: Vec::new(), loss: f64::INFINITY }
    }

    /// The place at `params`.
    pub(crate) fn of(objective: &Objective<'_>, params: &[f64]) -> Self {
        let (from, mut to) = (Self::new(objective), Self::new(objective));
        sweep(vec![Ray { objective, from: &from.eta, step: params, to: &mut to }]);
        to
    }
}

/// From one place of an objective to another.
pub(crate) struct Ray<'r, 'a> {
    pub(crate) objective: &'r Objective<'a>,
    /// η where it starts.
    pub(crate) from: &'r [f64],
    /// The change of the parameters, length d + 1.
    pub(crate) step: &'r [f64],
    /// Where it ends: every field is set.
    pub(crate) to: &'r mut Place,
}

/// The rows of a ray in one group of design rows.
struct Part<'p, 'a> {
    objective: &'p Objective<'a>,
    step: &'p [f64],
    from: &'p [f64],
    /// Rows of the problem.
    range: Range<usize>,
    eta: &'p mut [f64],
    row_weights: &'p mut [f64],
    loss: f64,
    gradient: Vec<f64>,
}

/// Goes along all rays, which share one design. Sums have a shape that depends on the number of rows of the design alone.
pub(crate) fn sweep(mut rays: Vec<Ray<'_, '_>>) {
    let Some(first) = rays.first() else { return };
    let (n_rows, n_params) = (first.objective.design.n_rows(), first.objective.n_params());
    let groups = sums::groups(n_rows);
    let mut parts: Vec<Vec<Part<'_, '_>>> = groups.iter().map(|_| Vec::with_capacity(rays.len())).collect();
    for ray in &mut rays {
        let (mut eta, mut row_weights) = (ray.to.eta.as_mut_slice(), ray.to.row_weights.as_mut_slice());
        let mut start = 0;
        for (group, parts) in groups.iter().zip(&mut parts) {
            let end = ray.objective.n_before(group.end);
            let (own_eta, later_eta) = eta.split_at_mut(end - start);
            let (own_weights, later_weights) = row_weights.split_at_mut(end - start);
            (eta, row_weights) = (later_eta, later_weights);
            parts.push(Part {
                objective: ray.objective,
                step: ray.step,
                from: &ray.from[start..end],
                range: start..end,
                eta: own_eta,
                row_weights: own_weights,
                loss: 0.0,
                gradient: vec![0.0; n_params],
            });
            start = end;
        }
    }
    groups.into_par_iter().zip(&mut parts).for_each(|(group, parts)| sweep_group(group, parts));
    let sums: Vec<Vec<(f64, Vec<f64>)>> =
        parts.into_iter().map(|parts| parts.into_iter().map(|part| (part.loss, part.gradient)).collect()).collect();
    for (at, ray) in rays.iter_mut().enumerate() {
        let weight = ray.objective.total_weight;
        let (mut loss, mut gradient) = (0.0, vec![0.0; n_params]);
        for group in &sums {
            loss += group[at].0;
            add_all(&mut gradient, &group[at].1);
        }
        for g in &mut gradient {
            *g /= weight;
        }
        ray.to.loss = loss / weight;
        ray.to.gradient = gradient;
    }
}

fn sweep_group(group: Range<usize>, parts: &mut [Part<'_, '_>]) {
    // Rows of each part that are done.
    let mut done = vec![0; parts.len()];
    let mut xi = [0.0; STRIP_ROWS];
    for strip in group.clone().step_by(STRIP_ROWS) {
        let end = group.end.min(strip + STRIP_ROWS);
        for (part, done) in parts.iter_mut().zip(&mut done) {
            let until = part.objective.end_before(part.range.start + *done, end) - part.range.start;
            // A row may stand in a problem several times.
            while *done < until {
                let rows = *done..until.min(*done + STRIP_ROWS);
                *done = rows.end;
                part.sweep_rows(&mut xi[..rows.len()], rows);
            }
        }
    }
}

impl Part<'_, '_> {
    /// `rows`: counted from the first of the part.
    fn sweep_rows(&mut self, xi: &mut [f64], rows: Range<usize>) {
        let objective = self.objective;
        let x = objective.design.x();
        let d = objective.design.n_cols();
        let range = self.range.start + rows.start..self.range.start + rows.end;
        let at = objective.rows(range.clone());
        match at {
            None => linear_rows(&x[range.start * d..range.end * d], &self.step[..d], self.step[d], xi),
            Some(at) => linear_rows_at(x, at, &self.step[..d], self.step[d], xi),
        }
        self.loss += advance_block(
            &self.from[rows.clone()],
            xi,
            &objective.y[range.clone()],
            &objective.w[range.clone()],
            &mut self.eta[rows.clone()],
            &mut self.row_weights[rows],
        );
        match at {
            None => add_t_product(&x[range.start * d..range.end * d], xi, &mut self.gradient),
            Some(at) => add_t_product_at(x, at, xi, &mut self.gradient),
        }
    }
}
