//! Newton's method with a line search, on a checked objective and a given penalty.
//!
//! Each step solves (H + Λ) δ = −∇f, where Λ is the diagonal of penalties, without the intercept's. The Hessian takes d/4 times the operations of the
//! rest of a step, so it is kept while the row weights μ(1 − μ) hardly move, and beyond that as the preconditioner of conjugate
//! gradients on the exact one, as long as these are cheaper than a new Hessian. The gradient is always exact, so this changes the
//! number of steps and never the optimum. η = Xβ and ξ = Xδ are cached: the line search evaluates the objective without reading X.

use osusume_model::Control;
use osusume_numeric::linalg::Cholesky;

use crate::error::{Error, check_control};
use crate::prior::Prior;
use crate::problem::{Objective, relative_change};

/// The Hessian is computed anew when Σ |c − c₀| exceeds this share of Σ c₀, c being the row weights now and c₀ those in it.
/// On 160,000 × 120 an eighth halves the time of a fit against a Hessian at every step; two fifths costs more steps than it saves.
const REFRESH_SHARE: f64 = 0.125;
/// With a kept Hessian each step must shrink the gradient by at least this factor.
const KEPT_PROGRESS: f64 = 0.25;
/// A Hessian may serve as preconditioner for d / 16 products with the exact one: together about half of its own operations, which run
/// several times faster.
const COLUMNS_A_PRODUCT: u32 = 16;
/// Conjugate gradients end when the squared residual, in the preconditioner's norm, is below this share of the first.
const INNER_RESIDUAL: f64 = 1e-4;
/// Products one step may take.
const MAX_PRODUCTS: u32 = 12;
/// A rough Hessian takes at least this many rows a parameter and this share of all rows.
const ROUGH_ROWS: usize = 3;
const ROUGH_SHARE: usize = 8;
/// Fewer columns do not pay for a rough Hessian.
const ROUGH_COLUMNS: usize = 64;
/// Sufficient decrease of Armijo's rule.
const ARMIJO: f64 = 1.0 / 8192.0;
/// Halvings before the line search gives up.
const MAX_HALVINGS: u32 = 40;
/// Rounding of the objective's sum, relative: decreases below it cannot be seen.
const LOSS_ROUNDING: f64 = 1e-13;

/// A Hessian of the mean log-loss and the row weights it was computed with.
pub(crate) struct Curvature {
    /// Lower triangle, (d + 1) × (d + 1), without the penalty.
    pub(crate) hessian: Vec<f64>,
    pub(crate) row_weights: Vec<f64>,
    /// Products it has preconditioned.
    products: u32,
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopping {
    pub(crate) tolerance: f64,
    pub(crate) max_iterations: u32,
}

/// Where the search stands: parameters, their linear predictor and the last Hessian.
pub(crate) struct State {
    pub(crate) params: Vec<f64>,
    pub(crate) eta: Vec<f64>,
    pub(crate) curvature: Option<Curvature>,
    /// Factor of the kept Hessian plus Λ, with the penalties in it.
    factor: Option<(Cholesky, Vec<f64>)>,
    pub(crate) iterations: u32,
    pub(crate) hessians: u32,
    pub(crate) max_gradient: f64,
    pub(crate) is_converged: bool,
    residual: Vec<f64>,
    row_weights: Vec<f64>,
    xi: Vec<f64>,
}

impl State {
    pub(crate) fn new(objective: &Objective<'_>, params: Vec<f64>) -> Self {
        let n = objective.n_rows();
        let mut eta = vec![0.0; n];
        objective.eta(&params, &mut eta);
        Self {
            params,
            eta,
            curvature: None,
            factor: None,
            iterations: 0,
            hessians: 0,
            max_gradient: f64::INFINITY,
            is_converged: false,
            residual: vec![0.0; n],
            row_weights: vec![0.0; n],
            xi: vec![0.0; n],
        }
    }

    /// Starts with a Hessian computed elsewhere for the present parameters.
    pub(crate) fn adopt(&mut self, objective: &Objective<'_>, hessian: Vec<f64>) {
        objective.link(&self.eta, &mut self.residual, &mut self.row_weights);
        self.set_curvature(hessian);
    }

    /// Starts with a Hessian of some of the rows, good enough to precondition the first steps and never taken for exact.
    /// For a positive penalty: without one it may be singular where that of all rows is not.
    pub(crate) fn adopt_rough(&mut self, objective: &Objective<'_>, control: &dyn Control) -> Result<(), Error> {
        let n = objective.n_rows();
        let stride = n / (ROUGH_ROWS * objective.n_params()).max(n / ROUGH_SHARE).max(1);
        if stride < 2 || objective.design.n_cols() < ROUGH_COLUMNS {
            return Ok(());
        }
        objective.link(&self.eta, &mut self.residual, &mut self.row_weights);
        if let Some(hessian) = objective.rough_hessian(stride, &self.row_weights, control)? {
            self.hessians += 1;
            // No row weights: infinitely far from any.
            self.curvature = Some(Curvature { hessian, row_weights: vec![0.0; n], products: 0 });
        }
        Ok(())
    }

    fn set_curvature(&mut self, hessian: Vec<f64>) {
        self.curvature = Some(Curvature { hessian, row_weights: self.row_weights.clone(), products: 0 });
        self.factor = None;
    }

    /// The last factor of H + Λ.
    pub(crate) fn factor(&self) -> &Cholesky {
        &self.factor.as_ref().expect("the Hessian was factored before the step").0
    }

    /// w (μ − y) at the last gradient.
    pub(crate) fn residual(&self) -> &[f64] {
        &self.residual
    }

    /// The last Hessian, without the penalty.
    pub(crate) fn take_hessian(&mut self) -> Vec<f64> {
        self.factor = None;
        self.curvature.take().expect("every search computes a Hessian first").hessian
    }

    /// Σ |c − c₀| / Σ c₀ of the row weights now against those in the Hessian.
    fn drift(&self) -> f64 {
        let kept = self.curvature.as_ref().map(|curvature| &curvature.row_weights);
        kept.map_or(f64::INFINITY, |kept| relative_change(&self.row_weights, kept))
    }
}

/// Replaces a Hessian whose row weights are not within an eighth of the present ones. Whether it was replaced.
pub(crate) fn renew_outdated(
    objective: &Objective<'_>,
    state: &mut State,
    control: &dyn Control,
) -> Result<bool, Error> {
    objective.link(&state.eta, &mut state.residual, &mut state.row_weights);
    let is_outdated = state.drift() > REFRESH_SHARE;
    if is_outdated {
        renew(objective, state, control)?;
    }
    Ok(is_outdated)
}

fn renew(objective: &Objective<'_>, state: &mut State, control: &dyn Control) -> Result<(), Error> {
    let hessian = objective.hessian(&state.row_weights, control)?;
    state.hessians += 1;
    state.set_curvature(hessian);
    Ok(())
}

/// Minimizes the objective from the state's parameters. Sets every field of `state`.
///
/// Converged when max |∇f| and the squared Newton decrement, −∇f·δ, are at most tolerance · 4 ȳ(1 − ȳ): rare labels have small
/// gradients everywhere, and the factor keeps the accuracy of the coefficients independent of the base rate.
///
/// # Errors
/// [`Error::Singular`], [`Error::Stopped`]. Missing the tolerance is not an error here.
pub(crate) fn minimize(
    objective: &Objective<'_>,
    prior: &Prior,
    stopping: Stopping,
    state: &mut State,
    control: &dyn Control,
) -> Result<(), Error> {
    let tolerance = scaled_tolerance(objective, stopping.tolerance);
    state.is_converged = false;
    let mut previous = f64::INFINITY;
    for iteration in 0..=stopping.max_iterations {
        check_control(control)?;
        let gradient = gradient(objective, prior, state);
        let is_slow = state.max_gradient > KEPT_PROGRESS * previous;
        let is_near = refresh(objective, prior, is_slow, state, control)?;
        previous = state.max_gradient;
        let step = if is_near { newton_step(&gradient, state) } else { inner_step(objective, prior, &gradient, state) };
        let squared_decrement = -dot(&gradient, &step);
        if state.max_gradient <= tolerance && squared_decrement <= tolerance {
            state.is_converged = true;
        }
        if state.is_converged || iteration == stopping.max_iterations {
            return Ok(());
        }
        if !advance(objective, prior, &step, squared_decrement, state) {
            if is_exact(state) {
                return Ok(());
            }
            // Only a kept Hessian can be to blame.
            state.curvature = None;
            state.factor = None;
        }
        state.iterations += 1;
        control.progress(u64::from(state.iterations), 0);
    }
    Ok(())
}

/// The tolerance on the gradient of this problem.
pub(crate) fn scaled_tolerance(objective: &Objective<'_>, tolerance: f64) -> f64 {
    tolerance * 4.0 * objective.mean_y * (1.0 - objective.mean_y)
}

/// Gradient of the mean log-loss at the state, without the penalty. Sets residuals and row weights.
pub(crate) fn data_gradient(objective: &Objective<'_>, state: &mut State) -> Vec<f64> {
    objective.link(&state.eta, &mut state.residual, &mut state.row_weights);
    objective.gradient(&state.residual)
}

/// Gradient of the penalized objective at the state. Sets residuals, row weights and `max_gradient`.
fn gradient(objective: &Objective<'_>, prior: &Prior, state: &mut State) -> Vec<f64> {
    let mut gradient = data_gradient(objective, state);
    let d = objective.design.n_cols();
    prior.add_gradient(&state.params[..d], &mut gradient[..d]);
    state.max_gradient = gradient.iter().fold(0.0, |max: f64, g| if g.is_nan() { f64::NAN } else { max.max(g.abs()) });
    gradient
}

/// Sets the factor of H + Λ, with a new H where the kept one is too far away and has done its products. Whether it is near enough to
/// take steps by it alone.
fn refresh(
    objective: &Objective<'_>,
    prior: &Prior,
    is_slow: bool,
    state: &mut State,
    control: &dyn Control,
) -> Result<bool, Error> {
    // An exact Hessian cannot be improved, however slow the step was.
    let limit = if is_slow { 0.0 } else { REFRESH_SHARE };
    let is_near = state.drift() <= limit;
    let allowed = objective.design.n_cols() as u32 / COLUMNS_A_PRODUCT;
    let can_precondition = state.curvature.as_ref().is_some_and(|curvature| curvature.products < allowed);
    let is_kept = is_near || can_precondition;
    if !is_kept {
        renew(objective, state, control)?;
    }
    if state.factor.as_ref().is_none_or(|(_, of)| *of != prior.precision) {
        let curvature = state.curvature.as_ref().expect("kept or computed above");
        state.factor = Some((factor(&curvature.hessian, objective.n_params(), prior)?, prior.precision.clone()));
    }
    Ok(is_near || !is_kept)
}

/// Whether the Hessian belongs to the present parameters.
fn is_exact(state: &State) -> bool {
    state.drift() <= 0.0
}

/// Cholesky factor of H + Λ.
pub(crate) fn factor(hessian: &[f64], n: usize, prior: &Prior) -> Result<Cholesky, Error> {
    let mut penalized = hessian.to_vec();
    prior.add_diagonal(&mut penalized, n);
    let lambda = |column: usize| prior.precision.get(column).copied().unwrap_or(0.0);
    Cholesky::in_place(penalized, n)
        .map_err(|error| Error::Singular { column: error.column, lambda: lambda(error.column) })
}

fn newton_step(gradient: &[f64], state: &State) -> Vec<f64> {
    let mut step: Vec<f64> = gradient.iter().map(|g| -g).collect();
    state.factor().solve(&mut step);
    step
}

/// The step of the exact Hessian by conjugate gradients, preconditioned by the kept one. A descent direction wherever it ends.
/// Source: Nocedal and Wright, Numerical Optimization (2006), algorithms 5.3 and 7.1.
fn inner_step(objective: &Objective<'_>, prior: &Prior, gradient: &[f64], state: &mut State) -> Vec<f64> {
    let mut residual: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut step = vec![0.0; gradient.len()];
    let mut preconditioned = newton_step(gradient, state);
    let mut direction = preconditioned.clone();
    let mut size = dot(&residual, &preconditioned);
    let enough = INNER_RESIDUAL * size;
    let mut products = 0;
    while products < MAX_PRODUCTS && size > enough {
        let image = hessian_product(objective, prior, &direction, state);
        let length = size / dot(&direction, &image);
        step.iter_mut().zip(&direction).for_each(|(s, p)| *s += length * p);
        residual.iter_mut().zip(&image).for_each(|(r, a)| *r -= length * a);
        preconditioned.copy_from_slice(&residual);
        state.factor().solve(&mut preconditioned);
        let next = dot(&residual, &preconditioned);
        direction.iter_mut().zip(&preconditioned).for_each(|(p, z)| *p = z + next / size * *p);
        size = next;
        products += 1;
    }
    if let Some(curvature) = &mut state.curvature {
        // A step without a product still counts, so that the search ends.
        curvature.products += products.max(1);
    }
    step
}

/// (H + Λ) v at the present row weights.
fn hessian_product(objective: &Objective<'_>, prior: &Prior, v: &[f64], state: &mut State) -> Vec<f64> {
    objective.linear(v, &mut state.xi);
    state.xi.iter_mut().zip(&state.row_weights).for_each(|(xi, c)| *xi *= c);
    let mut product = objective.gradient(&state.xi);
    let d = objective.design.n_cols();
    prior.add_product(&v[..d], &mut product[..d]);
    product
}

/// Moves along `step` by Armijo's rule. False when no step length lowers the objective.
fn advance(objective: &Objective<'_>, prior: &Prior, step: &[f64], squared_decrement: f64, state: &mut State) -> bool {
    objective.linear(step, &mut state.xi);
    let d = objective.design.n_cols();
    let [constant, linear, square] = prior.along(&state.params[..d], &step[..d]);
    let value = |t: f64| objective.loss(&state.eta, &state.xi, t) + (constant + t * (linear + t * square));
    let start = value(0.0);
    let rounding = LOSS_ROUNDING * start.abs();
    let mut t = 1.0;
    for _ in 0..MAX_HALVINGS {
        if value(t) <= start - ARMIJO * t * squared_decrement + rounding {
            state.params.iter_mut().zip(step).for_each(|(p, s)| *p += t * s);
            state.eta.iter_mut().zip(&state.xi).for_each(|(eta, xi)| *eta += t * xi);
            return true;
        }
        t *= 0.5;
    }
    false
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    osusume_numeric::sums::dot(a, b)
}
