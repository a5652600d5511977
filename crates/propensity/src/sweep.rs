//! Value and gradient of many objectives over one design, in one read of it.
//!
//! A pass over a large design waits for memory: η = Xβ reads all of it, Xᵀr once more, and every offer and fold does so again at every
//! step. Here a strip of rows is read once. While it lies in the cache, every search that has some of these rows moves their linear
//! predictors, takes residuals there, and adds to its gradient. Searches that have most of the rows share the loads too: a row such a
//! search has not counts with a residual of zero.

use std::ops::Range;

use rayon::prelude::*;

use osusume_numeric::linalg::{BUNDLE_VECTORS, Bundle, add_t_product_at, add_t_products, linear_rows_at};
use osusume_numeric::sums;

use crate::problem::{Objective, add_all, advance_block};

/// Values of the design a strip, so that it stays in the first-level cache of one core.
const STRIP_VALUES: usize = 8_192;
/// Rows of the design a strip.
const STRIP_ROWS: [usize; 2] = [16, 128];

/// What an objective is at some parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// η, one a row of the problem.
    pub(crate) eta: Vec<f64>,
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
        Self { eta, gradient: Vec::new(), loss: f64::INFINITY }
    }
}

/// From one place of an objective to another.
pub(crate) struct Ray<'r, 'a> {
    pub(crate) objective: &'r Objective<'a>,
    /// η where it starts.
    pub(crate) from: &'r [f64],
    /// Change of the parameters.
    pub(crate) step: &'r [f64],
    /// Set to where it ends.
    pub(crate) to: &'r mut Place,
}

/// The rows of one ray in one group.
struct Part<'p, 'a> {
    objective: &'p Objective<'a>,
    step: &'p [f64],
    from: &'p [f64],
    /// Rows of the problem.
    range: Range<usize>,
    eta: &'p mut [f64],
    /// Rows that are done.
    done: usize,
    loss: f64,
    gradient: Vec<f64>,
}

/// Goes along all rays, which share one design. Sums have a shape that depends on the rows of the design and of the ray alone.
pub(crate) fn sweep(mut rays: Vec<Ray<'_, '_>>) {
    let Some(first) = rays.first() else { return };
    let (n_rows, n_params) = (first.objective.design.n_rows(), first.objective.n_params());
    let groups = sums::groups(n_rows);
    let mut parts: Vec<Vec<Part<'_, '_>>> = groups.iter().map(|_| Vec::with_capacity(rays.len())).collect();
    for ray in &mut rays {
        let mut eta = ray.to.eta.as_mut_slice();
        let mut start = 0;
        for (group, parts) in groups.iter().zip(&mut parts) {
            let end = ray.objective.n_before(group.end);
            let (own_eta, later_eta) = eta.split_at_mut(end - start);
            eta = later_eta;
            parts.push(Part {
                objective: ray.objective,
                step: ray.step,
                from: &ray.from[start..end],
                range: start..end,
                eta: own_eta,
                done: 0,
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
    let Some(first) = parts.first() else { return };
    let n_cols = first.objective.design.n_cols();
    let strip_rows = (STRIP_VALUES / n_cols.max(1) / 8 * 8).clamp(STRIP_ROWS[0], STRIP_ROWS[1]);
    let (mut dense, mut sparse): (Vec<_>, Vec<_>) =
        parts.iter_mut().partition(|part| part.objective.is_dense(&part.range, &group));
    // Bundles of nearly equal size.
    let size = dense.len().div_ceil(dense.len().div_ceil(BUNDLE_VECTORS).max(1)).max(1);
    let mut bundles: Vec<Together<'_, '_, '_>> =
        dense.chunks_mut(size).map(|parts| Together::new(parts, strip_rows)).collect();
    let mut xi = vec![0.0; strip_rows];
    for start in group.clone().step_by(strip_rows) {
        let strip = start..group.end.min(start + strip_rows);
        for bundle in &mut bundles {
            bundle.sweep(strip.clone(), &mut xi);
        }
        for part in &mut sparse {
            part.sweep_alone(strip.end, &mut xi);
        }
    }
    bundles.into_iter().for_each(Together::finish);
}

/// Parts that have most rows of the group.
struct Together<'g, 'p, 'a> {
    parts: &'g mut [&'g mut Part<'p, 'a>],
    steps: Bundle,
    /// By part, one a row of the strip: the change of η, then the residual.
    products: Vec<f64>,
    /// By part.
    gradients: Vec<f64>,
}

impl<'g, 'p, 'a> Together<'g, 'p, 'a> {
    fn new(parts: &'g mut [&'g mut Part<'p, 'a>], strip_rows: usize) -> Self {
        let steps = Bundle::new(&parts.iter().map(|part| part.step).collect::<Vec<_>>());
        let n_params = parts[0].step.len();
        let (products, gradients) = (vec![0.0; parts.len() * strip_rows], vec![0.0; parts.len() * n_params]);
        Self { parts, steps, products, gradients }
    }

    fn sweep(&mut self, strip: Range<usize>, xi: &mut [f64]) {
        let design = self.parts[0].objective.design;
        let x = &design.x()[strip.start * design.n_cols()..strip.end * design.n_cols()];
        let n_rows = strip.len();
        let products = &mut self.products[..n_rows * self.parts.len()];
        self.steps.linear_rows(x, products);
        for (part, products) in self.parts.iter_mut().zip(products.chunks_exact_mut(n_rows)) {
            part.advance(strip.clone(), products, xi);
        }
        add_t_products(x, self.parts.len(), products, &mut self.gradients);
    }

    fn finish(self) {
        let n_params = self.gradients.len() / self.parts.len();
        for (part, gradient) in self.parts.iter_mut().zip(self.gradients.chunks_exact(n_params)) {
            part.gradient.copy_from_slice(gradient);
        }
    }
}

impl Part<'_, '_> {
    /// Moves the rows of a strip by `products`, one a row of the design, and sets these to the residuals. `xi`: scratch.
    fn advance(&mut self, strip: Range<usize>, products: &mut [f64], xi: &mut [f64]) {
        let rows = self.take_before(strip.end);
        let objective = self.objective;
        match objective.rows(self.range.start + rows.start..self.range.start + rows.end) {
            None => self.move_by(rows, products),
            Some(at) => {
                let xi = &mut xi[..at.len()];
                let places = || at.iter().map(|row| *row as usize - strip.start);
                xi.iter_mut().zip(places()).for_each(|(xi, place)| *xi = products[place]);
                self.move_by(rows, xi);
                products.fill(0.0);
                xi.iter().zip(places()).for_each(|(residual, place)| products[place] = *residual);
            }
        }
    }

    /// Sweeps the rows before a row of the design. A row may stand in a problem several times. `xi`: scratch.
    fn sweep_alone(&mut self, end: usize, xi: &mut [f64]) {
        let rows = self.take_before(end);
        let objective = self.objective;
        let x = objective.design.x();
        let d = objective.design.n_cols();
        for start in rows.clone().step_by(xi.len()) {
            let rows = start..rows.end.min(start + xi.len());
            let range = self.range.start + rows.start..self.range.start + rows.end;
            let at = objective.rows(range).expect("consecutive rows are dense");
            let xi = &mut xi[..rows.len()];
            linear_rows_at(x, at, &self.step[..d], self.step[d], xi);
            self.move_by(rows, xi);
            add_t_product_at(x, at, xi, &mut self.gradient);
        }
    }

    /// The next rows, to before a row of the design; counted from the first of the part.
    fn take_before(&mut self, design_row: usize) -> Range<usize> {
        let start = self.done;
        self.done = self.objective.end_before(self.range.start + start, design_row) - self.range.start;
        start..self.done
    }

    /// Moves rows, counted from the first of the part, by `xi`, and sets it to the residuals.
    fn move_by(&mut self, rows: Range<usize>, xi: &mut [f64]) {
        let range = self.range.start + rows.start..self.range.start + rows.end;
        let weights = self.objective.weights(range.clone());
        let eta = &mut self.eta[rows.clone()];
        self.loss += advance_block(&self.from[rows], xi, &self.objective.y[range], weights, eta);
    }
}
