//! The penalty that maximizes the evidence.
//!
//! Multiply the objective by W: Σ wᵢ ℓᵢ + (α/2)‖β‖² with α = λ W. That is the negative logarithm of a posterior whose prior is
//! β ~ N(0, 1/α), flat in the intercept. Under the Laplace approximation the evidence is stationary in α where α ‖β‖² = γ, with
//! γ = d − α tr(Σ) the number of coefficients the data determine and Σ = (W H + α D)⁻¹ restricted to the coefficients
//! (Bayesian Interpolation, Neural Computation 4, 1992, section 4.4). With W H + α D = W (H + λ D) this reads in our scale
//!
//!   γ = d − λ tr((H + λD)⁻¹),   λ = γ / (W ‖β‖²).
//!
//! Iterating the right side moves toward the maximum from either side, slowly where the evidence is flat; secants in ln λ through the
//! last two updates shorten the way and leave the fixed point where it is. Two limits keep rare labels safe:
//!
//! * Floor: α ≥ max(¼, d / (4 P)) with P positives. ¼ is a prior standard deviation of 2 in log-odds for one standard deviation of a
//!   column. d / (4 P) bounds the prior variance of xβ, about d/α on standardized columns, by 4 P: with a single positive the model
//!   may move odds by e² and no more.
//! * Ceiling: λ ≤ 100 times the mean diagonal of H, which shrinks every coefficient by a factor of about 100. The fixed point runs
//!   there when no column carries a signal.

use osusume_model::Control;
use osusume_numeric::elementary::{exp, ln};

use crate::error::{Error, Warning};
use crate::newton::{State, Stopping, minimize_one, renew_outdated};
use crate::prior::Prior;
use crate::problem::Objective;

/// Penalties tried before the last is taken. The evidence is flat near its maximum: a few percent of λ do not matter.
const MAX_UPDATES: u32 = 40;
/// Relative change of λ at which the iteration ends.
const SETTLED: f64 = 0.01;
/// A secant goes at most this many times as far as the update itself.
const FARTHEST: f64 = 6.0;
/// Accuracy of the coefficients until λ has settled once.
const FIRST: f64 = 1e-3;
/// Accuracy of the coefficients while λ still moves.
const COARSE: f64 = 1e-4;
/// 1/4: a prior standard deviation of 2.
const LEAST_PRECISION: f64 = 0.25;
/// Shrinks by a factor of about 100.
const CEILING: f64 = 100.0;

/// Iterates λ to its fixed point, fitting coarsely for each. Sets `state` near the optimum for the λ returned.
pub(crate) fn empirical_bayes(
    objective: &Objective<'_>,
    stopping: Stopping,
    state: &mut State,
    control: &dyn Control,
) -> Result<(f64, Vec<Warning>), Error> {
    let d = objective.design.n_cols();
    if d == 0 {
        return Ok((0.0, Vec::new()));
    }
    let mut tolerance = stopping.tolerance.max(FIRST);
    let weight = objective.total_weight;
    let floor = LEAST_PRECISION.max(d as f64 / (4.0 * objective.classes().positives as f64)) / weight;
    // A prior variance of 1 for xβ.
    let mut lambda = (d as f64 / weight).max(floor);
    let mut ceiling = f64::INFINITY;
    let mut last = None;
    state.adopt_rough(objective, control)?;
    for _ in 0..MAX_UPDATES {
        minimize_one(objective, &Prior::uniform(lambda, d), Stopping { tolerance, ..stopping }, state, control)?;
        let [determined, size, curvature] = summary(state, d, lambda);
        ceiling = (CEILING * curvature).max(floor);
        let update = (determined / (weight * size)).min(ceiling).max(floor);
        let change = ln(update / lambda);
        if change.abs() < SETTLED {
            lambda = update;
            // An update by a hasty fit or an outdated Hessian proves nothing.
            let is_hasty = tolerance > COARSE.max(stopping.tolerance);
            if !renew_outdated(objective, &Prior::uniform(lambda, d), state, control)? && !is_hasty {
                break;
            }
            last = None;
            tolerance = stopping.tolerance.max(COARSE);
            continue;
        }
        let previous = lambda;
        lambda = (lambda * exp(change * stretch(last, ln(lambda), change))).min(ceiling).max(floor);
        last = Some([ln(previous), change]);
    }
    let mut warnings = Vec::new();
    if lambda >= ceiling {
        warnings.push(Warning::NoSignal);
    } else if lambda <= floor {
        warnings.push(Warning::PenaltyAtFloor);
    }
    Ok((lambda, warnings))
}

/// How far to follow a change of ln λ: to the root of the secant through the last pair of (ln λ, change) and this one.
fn stretch(last: Option<[f64; 2]>, at: f64, change: f64) -> f64 {
    let Some([last_at, last_change]) = last else { return 1.0 };
    let slope = (change - last_change) / (at - last_at);
    // A slope of −1 or less would shorten the way, one of 0 or more never end it.
    if slope < -1.0 / FARTHEST {
        (-1.0 / slope).max(1.0 / FARTHEST)
    } else if slope.is_finite() {
        FARTHEST
    } else {
        1.0
    }
}

/// γ, ‖β‖² and the mean diagonal of H over the coefficients, by the Hessian and the factor of the last step.
fn summary(state: &State, d: usize, lambda: f64) -> [f64; 3] {
    let hessian = &state.curvature.as_ref().expect("every search computes a Hessian first").hessian;
    let trace = state.factor().inverse_trace(d);
    let size: f64 = state.params[..d].iter().map(|b| b * b).sum();
    let curvature = (0..d).map(|j| hessian[j * (d + 2)]).sum::<f64>() / d as f64;
    [(d as f64 - lambda * trace).max(0.0), size, curvature]
}
