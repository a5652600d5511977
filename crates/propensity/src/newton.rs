//! Newton's method with a line search, on a checked objective and a given penalty.
//!
//! Each step solves (H + λD) δ = −∇f, where D is the identity without the intercept. The Hessian takes d/4 times the operations of the
//! rest of a step, so it is kept while the row weights μ(1 − μ) hardly move; the gradient is always exact, so this changes the number
//! of steps and never the optimum. η = Xβ and ξ = Xδ are cached: the line search evaluates the objective without reading X.

use osusume_model::Control;
use osusume_numeric::linalg::Cholesky;

use crate::error::{Error, check_control};
use crate::problem::{Objective, relative_change};

/// The Hessian is computed anew when Σ |c − c₀| exceeds this share of Σ c₀, c being the row weights now and c₀ those in it.
/// On 160,000 × 120 an eighth halves the time of a fit against a Hessian at every step; two fifths costs more steps than it saves.
const REFRESH_SHARE: f64 = 0.125;
/// With a kept Hessian each step must shrink the gradient by at least this factor.
const KEPT_PROGRESS: f64 = 0.25;
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
    pub(crate) factor: Option<Cholesky>,
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
        self.curvature = Some(Curvature { hessian, row_weights: self.row_weights.clone() });
    }
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
    lambda: f64,
    stopping: Stopping,
    state: &mut State,
    control: &dyn Control,
) -> Result<(), Error> {
    let tolerance = scaled_tolerance(objective, stopping.tolerance);
    state.is_converged = false;
    state.factor = None;
    let mut previous = f64::INFINITY;
    for iteration in 0..=stopping.max_iterations {
        check_control(control)?;
        let gradient = gradient(objective, lambda, state);
        let is_slow = state.max_gradient > KEPT_PROGRESS * previous;
        refresh(objective, lambda, is_slow, state, control)?;
        previous = state.max_gradient;
        let step = newton_step(&gradient, state);
        let squared_decrement = -dot(&gradient, &step);
        if state.max_gradient <= tolerance && squared_decrement <= tolerance {
            state.is_converged = true;
        }
        if state.is_converged || iteration == stopping.max_iterations {
            return Ok(());
        }
        if !advance(objective, lambda, &step, squared_decrement, state) {
            if is_exact(state) {
                return Ok(());
            }
            // Only a kept Hessian can be to blame.
            state.curvature = None;
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

/// Gradient of the penalized objective at the state. Sets residuals, row weights and `max_gradient`.
fn gradient(objective: &Objective<'_>, lambda: f64, state: &mut State) -> Vec<f64> {
    objective.link(&state.eta, &mut state.residual, &mut state.row_weights);
    let mut gradient = objective.gradient(&state.residual);
    let d = objective.design.n_cols();
    gradient[..d].iter_mut().zip(&state.params).for_each(|(g, beta)| *g += lambda * beta);
    state.max_gradient = gradient.iter().fold(0.0, |max: f64, g| if g.is_nan() { f64::NAN } else { max.max(g.abs()) });
    gradient
}

/// Sets the factor of H + λD, with a new H where the kept one is too far away.
fn refresh(
    objective: &Objective<'_>,
    lambda: f64,
    is_slow: bool,
    state: &mut State,
    control: &dyn Control,
) -> Result<(), Error> {
    let is_kept = state.curvature.as_ref().is_some_and(|curvature| {
        // An exact Hessian cannot be improved, however slow the step was.
        let limit = if is_slow { 0.0 } else { REFRESH_SHARE };
        relative_change(&state.row_weights, &curvature.row_weights) <= limit
    });
    if is_kept && state.factor.is_some() {
        return Ok(());
    }
    if !is_kept {
        let hessian = objective.hessian(&state.row_weights, control)?;
        state.hessians += 1;
        state.curvature = Some(Curvature { hessian, row_weights: state.row_weights.clone() });
    }
    let curvature = state.curvature.as_ref().expect("set above");
    state.factor = Some(factor(&curvature.hessian, objective.n_params(), lambda)?);
    Ok(())
}

/// Whether the Hessian belongs to the present parameters.
fn is_exact(state: &State) -> bool {
    let row_weights = state.curvature.as_ref().map(|curvature| &curvature.row_weights);
    row_weights.is_some_and(|kept| relative_change(&state.row_weights, kept) <= 0.0)
}

/// Cholesky factor of H + λD.
pub(crate) fn factor(hessian: &[f64], n: usize, lambda: f64) -> Result<Cholesky, Error> {
    let mut penalized = hessian.to_vec();
    (0..n - 1).for_each(|j| penalized[j * n + j] += lambda);
    Cholesky::new(&penalized, n).map_err(|error| Error::Singular { column: error.column, lambda })
}

fn newton_step(gradient: &[f64], state: &State) -> Vec<f64> {
    let mut step: Vec<f64> = gradient.iter().map(|g| -g).collect();
    state.factor.as_ref().expect("the Hessian was factored before the step").solve(&mut step);
    step
}

/// Moves along `step` by Armijo's rule. False when no step length lowers the objective.
fn advance(objective: &Objective<'_>, lambda: f64, step: &[f64], squared_decrement: f64, state: &mut State) -> bool {
    objective.linear(step, &mut state.xi);
    let d = objective.design.n_cols();
    let beta = &state.params[..d];
    let [bb, bs, ss] = [dot(beta, beta), dot(beta, &step[..d]), dot(&step[..d], &step[..d])];
    let value = |t: f64| objective.loss(&state.eta, &state.xi, t) + lambda * (0.5 * bb + t * (bs + 0.5 * t * ss));
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
