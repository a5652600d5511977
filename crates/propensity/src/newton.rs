//! Newton's method with a kept Hessian, corrected by what the steps have shown, on checked objectives and given penalties.
//!
//! Each step solves (H + Λ) δ = −∇f, where Λ is the diagonal of penalties, without the intercept's. The Hessian takes d/4 times the
//! operations of the rest of a step, so it is kept while the row weights μ(1 − μ) hardly move, and beyond that for as many steps as
//! cost about half of a new one. What the gradient did on the last steps corrects it meanwhile (limited-memory BFGS started from the
//! kept factor). Where a sample of the rows is large enough its Hessian will do. The gradient is always exact, so this changes the
//! number of steps and never the optimum.
//!
//! Searches over one design go side by side: one read of it serves the step of every one of them.

use std::collections::VecDeque;
use std::sync::Arc;

use osusume_model::Control;
use osusume_numeric::linalg::Cholesky;
use rayon::prelude::*;

use crate::error::{Error, check_control};
use crate::hessian::{Accuracy, relative_change};
use crate::prior::Prior;
use crate::problem::Objective;
use crate::sweep::{Place, Ray, sweep};
use crate::team::Failure;

/// The Hessian is outdated when Σ |c − c₀| exceeds this share of Σ c₀, c being the row weights now and c₀ those in it.
pub(crate) const REFRESH_SHARE: f64 = 0.125;
/// With a kept Hessian each step must shrink the gradient by at least this factor.
pub(crate) const KEPT_PROGRESS: f64 = 0.25;
/// An outdated Hessian may serve for d / 16 steps: together about half of its own operations, which run several times faster.
const COLUMNS_A_STEP: u32 = 16;
/// Last steps whose change of the gradient corrects the kept Hessian.
const MAX_PAIRS: usize = 8;
/// A correction must have at least this curvature along its step, as a share of ‖s‖ ‖y‖: below it is rounding.
const LEAST_CURVATURE: f64 = 1e-8;
/// A rough Hessian takes at least this many rows a parameter and this share of all rows, but no more than a sample that serves to the
/// end.
const ROUGH_ROWS: usize = 3;
const ROUGH_SHARE: usize = 8;
/// A Hessian may be rounded to six digits where every penalty is at least this share of the curvature of a standardized column.
const ROUNDING_MARGIN: f64 = 1e-5;
/// A sampled Hessian that serves to the end takes this many rows a parameter: eigenvalues within some fifth of those of all rows.
const SAMPLED_ROWS: usize = 128;
/// Steps an outdated Hessian may serve for where a new one is sampled.
const SAMPLED_STEPS: u32 = 1;
/// Fewer columns do not pay for a rough Hessian.
const ROUGH_COLUMNS: usize = 64;
/// Sufficient decrease of Armijo's rule.
pub(crate) const ARMIJO: f64 = 1.0 / 8192.0;
/// Halvings before the line search gives up.
pub(crate) const MAX_HALVINGS: u32 = 40;
/// Rounding of the objective's sum, relative: decreases below it cannot be seen.
pub(crate) const LOSS_ROUNDING: f64 = 1e-13;

/// A Hessian of the mean log-loss and the row weights it was computed with.
pub(crate) struct Curvature {
    /// Lower triangle, (d + 1) × (d + 1), without the penalty. Empty where only its factor was taken over.
    pub(crate) hessian: Vec<f64>,
    /// Some of the row weights; empty where they are unknown, infinitely far from any.
    probe: Vec<f64>,
    /// Whether it is that of all rows.
    pub(crate) is_whole: bool,
    /// Steps taken by it when it was outdated.
    steps: u32,
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopping {
    pub(crate) tolerance: f64,
    pub(crate) max_iterations: u32,
}

/// A step and the change of the data's gradient along it.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
}

/// Where a search stands: parameters, what the objective is there, and the last Hessian.
pub(crate) struct State {
    pub(crate) params: Vec<f64>,
    pub(crate) at: Place,
    pub(crate) curvature: Option<Curvature>,
    /// Factor of the kept Hessian plus Λ, with the penalties in it.
    factor: Option<(Arc<Cholesky>, Vec<f64>)>,
    pairs: VecDeque<Pair>,
    pub(crate) iterations: u32,
    pub(crate) hessians: u32,
    pub(crate) max_gradient: f64,
    pub(crate) is_converged: bool,
    /// Hessians may be those of one row of so many; of all rows where 1.
    sampling: usize,
    /// Whether the present call has nothing left to do.
    is_done: bool,
    step: Vec<f64>,
    squared_decrement: f64,
    /// Where the step leads.
    trial: Place,
}

impl State {
    /// A search at `params`, where the objective is `at`. `trial` has room for another place.
    pub(crate) fn at(params: Vec<f64>, at: Place, trial: Place) -> Self {
        Self {
            params,
            at,
            curvature: None,
            factor: None,
            pairs: VecDeque::new(),
            iterations: 0,
            hessians: 0,
            max_gradient: f64::INFINITY,
            is_converged: false,
            sampling: 1,
            is_done: false,
            step: Vec::new(),
            squared_decrement: 0.0,
            trial,
        }
    }

    /// A search at `params`.
    pub(crate) fn new(objective: &Objective<'_>, params: Vec<f64>) -> Self {
        let mut states = Self::new_each(std::slice::from_ref(objective), vec![params]);
        states.pop().expect("one search was asked for")
    }

    /// Searches over one design at their `params`, found in one read of it.
    pub(crate) fn new_each(objectives: &[Objective<'_>], params: Vec<Vec<f64>>) -> Vec<Self> {
        let from: Vec<Place> = objectives.iter().map(Place::new).collect();
        let mut to: Vec<Place> = objectives.iter().map(Place::new).collect();
        let rays = objectives.iter().zip(&from).zip(&params).zip(&mut to);
        sweep(rays.map(|(((objective, from), step), to)| Ray { objective, from: &from.eta, step, to }).collect());
        params.into_iter().zip(to).zip(from).map(|((params, at), from)| Self::at(params, at, from)).collect()
    }

    /// Starts with a Hessian of all rows computed elsewhere for the present parameters.
    pub(crate) fn adopt(&mut self, objective: &Objective<'_>, hessian: Vec<f64>) {
        self.set_curvature(objective, hessian, true);
    }

    fn set_curvature(&mut self, objective: &Objective<'_>, hessian: Vec<f64>, is_whole: bool) {
        self.curvature = Some(Curvature { hessian, probe: objective.probe(&self.at.eta), is_whole, steps: 0 });
        self.factor = None;
        self.pairs.clear();
    }

    /// Lets Hessians be those of samples where there are rows to spare.
    /// For a positive penalty: without one they may be singular where that of all rows is not.
    pub(crate) fn allow_samples(&mut self, objective: &Objective<'_>) {
        self.sampling = sampling(objective, SAMPLED_ROWS);
    }

    /// Starts with a Hessian of some of the rows, good enough for the first steps and never taken for exact.
    /// For a positive penalty, as with [`State::allow_samples`].
    pub(crate) fn adopt_rough(&mut self, objective: &Objective<'_>, control: &dyn Control) -> Result<(), Error> {
        let every = sampling(objective, ROUGH_ROWS);
        if every > 1
            && let Some(hessian) = objective.hessian(&self.at.eta, Accuracy::Sample(every), control)?
        {
            self.hessians += 1;
            self.curvature = Some(Curvature { hessian, probe: Vec::new(), is_whole: false, steps: 0 });
        }
        Ok(())
    }

    /// Starts with the factor of a Hessian of other rows plus a penalty much like `prior`, as with a rough Hessian.
    pub(crate) fn adopt_factor(&mut self, factor: Arc<Cholesky>, prior: &Prior) {
        self.curvature = Some(Curvature { hessian: Vec::new(), probe: Vec::new(), is_whole: true, steps: 0 });
        self.factor = Some((factor, prior.precision.clone()));
    }

    /// The factor of the kept Hessian plus Λ, computed unless it is at hand.
    pub(crate) fn factor_with(&mut self, prior: &Prior) -> Result<&Arc<Cholesky>, Error> {
        if self.factor.as_ref().is_none_or(|(_, of)| *of != prior.precision) {
            let curvature = self.curvature.as_ref().expect("every search computes a Hessian first");
            let factor = factor(&curvature.hessian, self.params.len(), prior)?;
            self.factor = Some((Arc::new(factor), prior.precision.clone()));
        }
        Ok(&self.factor.as_ref().expect("just computed").0)
    }

    /// The last factor of H + Λ.
    pub(crate) fn factor(&self) -> &Cholesky {
        &self.factor.as_ref().expect("the Hessian was factored before the step").0
    }

    /// The last Hessian, without the penalty.
    pub(crate) fn take_hessian(&mut self) -> Vec<f64> {
        self.factor = None;
        self.curvature.take().expect("every search computes a Hessian first").hessian
    }

    /// Σ |c − c₀| / Σ c₀ of the row weights now against those in the Hessian.
    fn drift(&self, objective: &Objective<'_>) -> f64 {
        match &self.curvature {
            Some(curvature) if !curvature.probe.is_empty() => {
                relative_change(&objective.probe(&self.at.eta), &curvature.probe)
            }
            _ => f64::INFINITY,
        }
    }

    fn is_whole(&self) -> bool {
        self.curvature.as_ref().is_some_and(|curvature| curvature.is_whole)
    }
}

/// One row of how many a sample takes that is to have some rows a parameter and a share of all; 1 where that does not pay.
fn sampling(objective: &Objective<'_>, rows_a_param: usize) -> usize {
    if objective.design.n_cols() < ROUGH_COLUMNS {
        return 1;
    }
    let n = objective.n_rows();
    let [least, most] = [rows_a_param, SAMPLED_ROWS].map(|rows| rows * objective.n_params());
    (n / (n / ROUGH_SHARE).clamp(least, most).max(1)).max(1)
}

/// Replaces a Hessian of some of the rows, or one whose row weights are not within an eighth of the present ones. Whether it was
/// replaced.
pub(crate) fn renew_outdated(
    objective: &Objective<'_>,
    prior: &Prior,
    state: &mut State,
    control: &dyn Control,
) -> Result<bool, Error> {
    let is_outdated = !state.is_whole() || state.drift(objective) > REFRESH_SHARE;
    if is_outdated {
        renew(objective, prior, state, control)?;
    }
    Ok(is_outdated)
}

/// As [`renew_outdated`], but a sample will do where samples are allowed.
pub(crate) fn renew_drifted(
    objective: &Objective<'_>,
    prior: &Prior,
    state: &mut State,
    control: &dyn Control,
) -> Result<(), Error> {
    if state.sampling == 1 {
        renew_outdated(objective, prior, state, control)?;
    } else if state.drift(objective) > REFRESH_SHARE {
        resample(objective, prior, state, control)?;
    }
    Ok(())
}

/// Sets the Hessian of all rows.
fn renew(objective: &Objective<'_>, prior: &Prior, state: &mut State, control: &dyn Control) -> Result<(), Error> {
    // A penalty far above the rounding keeps the sum of both positive definite.
    let floor = ROUNDING_MARGIN * objective.mean_y * (1.0 - objective.mean_y);
    let is_rounded = prior.precision.iter().all(|precision| *precision >= floor);
    let accuracy = if is_rounded { Accuracy::Rounded } else { Accuracy::Exact };
    let hessian = objective.hessian(&state.at.eta, accuracy, control)?.expect("only samples may have no row");
    state.hessians += 1;
    state.set_curvature(objective, hessian, true);
    Ok(())
}

/// Sets the Hessian of a sample.
fn resample(objective: &Objective<'_>, prior: &Prior, state: &mut State, control: &dyn Control) -> Result<(), Error> {
    let Some(hessian) = objective.hessian(&state.at.eta, Accuracy::Sample(state.sampling), control)? else {
        return renew(objective, prior, state, control);
    };
    state.hessians += 1;
    state.set_curvature(objective, hessian, false);
    Ok(())
}

/// One of several searches over the same design.
pub(crate) struct Search<'s, 'a> {
    pub(crate) objective: &'s Objective<'a>,
    pub(crate) prior: &'s Prior,
    pub(crate) state: &'s mut State,
}

/// [`minimize`] for a single search.
pub(crate) fn minimize_one(
    objective: &Objective<'_>,
    prior: &Prior,
    stopping: Stopping,
    state: &mut State,
    control: &dyn Control,
) -> Result<(), Error> {
    minimize(&mut [Search { objective, prior, state }], stopping, control).map_err(|(_, error)| error)
}

/// Minimizes every objective from its state's parameters.
///
/// Converged when max |∇f| and the squared Newton decrement, −∇f·δ, are at most tolerance · 4 ȳ(1 − ȳ): rare labels have small
/// gradients everywhere, and the factor keeps the accuracy of the coefficients independent of the base rate.
///
/// # Errors
/// [`Error::Singular`], [`Error::Stopped`]. Missing the tolerance is not an error here.
pub(crate) fn minimize(
    searches: &mut [Search<'_, '_>],
    stopping: Stopping,
    control: &dyn Control,
) -> Result<(), Failure> {
    for search in searches.iter_mut() {
        search.state.is_converged = false;
        search.state.is_done = false;
        search.state.max_gradient = f64::INFINITY;
    }
    for iteration in 0..=stopping.max_iterations {
        check_control(control).map_err(|error| (0, error))?;
        let is_last = iteration == stopping.max_iterations;
        let chosen: Vec<Result<(), Error>> = searches
            .par_iter_mut()
            .map(
                |search| {
                    if search.state.is_done { Ok(()) } else { search.choose(stopping.tolerance, is_last, control) }
                },
            )
            .collect();
        for (at, result) in chosen.into_iter().enumerate() {
            result.map_err(|error| (at, error))?;
        }
        let mut active: Vec<&mut Search<'_, '_>> = searches.iter_mut().filter(|search| !search.state.is_done).collect();
        if active.is_empty() {
            return Ok(());
        }
        sweep(active.iter_mut().map(|search| search.ray()).collect());
        active.into_par_iter().for_each(Search::advance);
        control.progress(u64::from(iteration) + 1, 0);
    }
    Ok(())
}

/// The tolerance on the gradient of this problem.
pub(crate) fn scaled_tolerance(objective: &Objective<'_>, tolerance: f64) -> f64 {
    tolerance * 4.0 * objective.mean_y * (1.0 - objective.mean_y)
}

impl<'a> Search<'_, 'a> {
    /// Sets the next step, or finds that none is needed or left.
    fn choose(&mut self, tolerance: f64, is_last: bool, control: &dyn Control) -> Result<(), Error> {
        let tolerance = scaled_tolerance(self.objective, tolerance);
        let d = self.objective.design.n_cols();
        let state = &mut *self.state;
        let mut gradient = state.at.gradient.clone();
        self.prior.add_gradient(&state.params[..d], &mut gradient[..d]);
        let previous = state.max_gradient;
        state.max_gradient =
            gradient.iter().fold(0.0, |max: f64, g| if g.is_nan() { f64::NAN } else { max.max(g.abs()) });
        let is_slow = state.max_gradient > KEPT_PROGRESS * previous;
        refresh(self.objective, self.prior, is_slow, state, control)?;
        state.step = corrected_step(&gradient, self.prior, state);
        state.squared_decrement = -dot(&gradient, &state.step);
        state.is_converged = state.max_gradient <= tolerance && state.squared_decrement <= tolerance;
        state.is_done = state.is_converged || is_last;
        Ok(())
    }

    fn ray(&mut self) -> Ray<'_, 'a> {
        let State { at, step, trial, .. } = &mut *self.state;
        Ray { objective: self.objective, from: &at.eta, step, to: trial }
    }

    /// Moves to where the step leads, if that is low enough by Armijo's rule; else to where a shorter one does. Where none does, only a
    /// kept Hessian can be to blame; an exact one leaves nothing to do.
    fn advance(&mut self) {
        let d = self.objective.design.n_cols();
        let state = &mut *self.state;
        let [constant, linear, square] = self.prior.along(&state.params[..d], &state.step[..d]);
        let penalty = |t: f64| constant + t * (linear + t * square);
        let start = state.at.loss + penalty(0.0);
        let rounding = LOSS_ROUNDING * start.abs();
        let is_low = |loss: f64, t: f64| loss + penalty(t) <= start - ARMIJO * t * state.squared_decrement + rounding;
        if is_low(state.trial.loss, 1.0) {
            state.move_to_trial();
            return;
        }
        let xi: Vec<f64> = state.trial.eta.iter().zip(&state.at.eta).map(|(to, from)| to - from).collect();
        let shorter = (1..MAX_HALVINGS)
            .map(|halvings| 0.5_f64.powi(halvings as i32))
            .find(|t| is_low(self.objective.loss(&state.at.eta, &xi, *t), *t));
        if let Some(t) = shorter {
            state.step.iter_mut().for_each(|s| *s *= t);
            sweep(vec![self.ray()]);
            self.state.move_to_trial();
        } else if state.is_whole() && state.drift(self.objective) <= 0.0 {
            state.is_done = true;
        } else {
            state.curvature = None;
            state.factor = None;
            state.pairs.clear();
            state.iterations += 1;
        }
    }
}

impl State {
    fn move_to_trial(&mut self) {
        self.params.iter_mut().zip(&self.step).for_each(|(p, s)| *p += s);
        let change: Vec<f64> = self.trial.gradient.iter().zip(&self.at.gradient).map(|(to, from)| to - from).collect();
        if self.pairs.len() == MAX_PAIRS {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair { step: std::mem::take(&mut self.step), change });
        std::mem::swap(&mut self.at, &mut self.trial);
        self.iterations += 1;
    }
}

/// Sets the factor of H + Λ, with a new H where the kept one is too far away and has done its steps.
fn refresh(
    objective: &Objective<'_>,
    prior: &Prior,
    is_slow: bool,
    state: &mut State,
    control: &dyn Control,
) -> Result<(), Error> {
    let drift = state.drift(objective);
    // An exact Hessian cannot be improved, however slow the step was.
    let is_exact = state.is_whole() && drift <= 0.0;
    if drift > REFRESH_SHARE || (is_slow && !is_exact) {
        let samples = state.sampling > 1;
        let allowed = if samples { SAMPLED_STEPS } else { objective.design.n_cols() as u32 / COLUMNS_A_STEP };
        match &mut state.curvature {
            Some(curvature) if curvature.steps < allowed => curvature.steps += 1,
            // Near as it is, the sample is to blame.
            _ if samples && drift > REFRESH_SHARE => resample(objective, prior, state, control)?,
            _ => renew(objective, prior, state, control)?,
        }
    }
    state.factor_with(prior).map(|_| ())
}

/// Cholesky factor of H + Λ.
fn factor(hessian: &[f64], n: usize, prior: &Prior) -> Result<Cholesky, Error> {
    let mut penalized = hessian.to_vec();
    prior.add_diagonal(&mut penalized, n);
    let lambda = |column: usize| prior.precision.get(column).copied().unwrap_or(0.0);
    Cholesky::in_place(penalized, n)
        .map_err(|error| Error::Singular { column: error.column, lambda: lambda(error.column) })
}

/// The step of the kept Hessian, corrected by the last steps: the two loops of limited-memory BFGS. A descent direction, since every
/// correction has positive curvature. The penalty's part of the curvature is exact and may have changed since.
/// Source: Nocedal and Wright, Numerical Optimization (2006), algorithm 7.4.
fn corrected_step(gradient: &[f64], prior: &Prior, state: &State) -> Vec<f64> {
    let mut step: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let d = gradient.len() - 1;
    // y and 1 / s·y of each pair, newest first, and the share of it that was taken out.
    let mut taken = Vec::with_capacity(state.pairs.len());
    for pair in state.pairs.iter().rev() {
        let mut change = pair.change.clone();
        prior.add_product(&pair.step[..d], &mut change[..d]);
        let curvature = dot(&pair.step, &change);
        let size = (dot(&pair.step, &pair.step) * dot(&change, &change)).sqrt();
        if curvature > LEAST_CURVATURE * size {
            let share = dot(&pair.step, &step) / curvature;
            step.iter_mut().zip(&change).for_each(|(q, y)| *q -= share * y);
            taken.push((pair, change, curvature, share));
        }
    }
    state.factor().solve(&mut step);
    for (pair, change, curvature, share) in taken.iter().rev() {
        let correction = share - dot(change, &step) / curvature;
        step.iter_mut().zip(&pair.step).for_each(|(r, s)| *r += correction * s);
    }
    step
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    osusume_numeric::sums::dot(a, b)
}
