//! The strengths of the penalties that maximize the evidence.
//!
//! With S = Σ λⱼPⱼ and V the inverse of the penalized Hessian, the Laplace approximation of the log evidence is stationary in λⱼ where
//! λⱼ bᵀPⱼb = λⱼ (tr S⁻¹Pⱼ − tr V Pⱼ). Each update multiplies λⱼ by the right side over the left one, which raises the evidence of the
//! present quadratic approximation (S. Wood & M. Fasiolo, A generalized Fellner-Schall method for smoothing parameter optimization,
//! Biometrics 73, 2017). A Newton step of the coefficients goes with each update.

use osusume_model::Control;
use osusume_numeric::elementary::{exp, ln};
use osusume_numeric::linalg::Cholesky;

use crate::additive::binned::Binned;
use crate::additive::penalty::TermPenalty;
use crate::additive::search::State;
use crate::error::{Error, check_control};

/// Mean |Δ ln λ|, weighted by what each part determines, at which the updates end. The evidence is flat near its maximum.
const SETTLED: f64 = 0.05;
/// How much farther than to its quotient the logarithm of a strength goes: the plain iteration creeps from one side. Below 2 the fixed
/// point attracts from wherever the plain iteration does without overshooting.
const STRETCH: f64 = 1.4;
/// A prior standard deviation of 4.5 in log-odds between neighbors or from zero.
const LEAST: f64 = 0.05;
/// Strongest penalty a unit of total weight: a hundred times all curvature there can be, and 400 times that in one cell.
const MOST: f64 = 100.0;
/// Keep quotients finite where nothing is determined.
const LEAST_DETERMINED: f64 = 1e-6;
const LEAST_SQUARE: f64 = 1e-12;

/// Strengths within these are tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    least: f64,
    most: f64,
}

impl Limits {
    /// With P positives and K terms the prior variance of the linear predictor, about K / λ, stays below 4P: a single positive cannot
    /// move odds by more than about e².
    pub(crate) fn new(n_terms: usize, positives: u64, weight: f64) -> Self {
        let least = LEAST.max(n_terms as f64 / (4.0 * positives as f64));
        Self { least, most: (MOST * weight).max(least) }
    }
}

/// Updates strengths and coefficients in turn, at most `max_updates` times.
pub(crate) fn learn(
    binned: &Binned,
    penalties: &mut [TermPenalty],
    state: &mut State,
    limits: Limits,
    max_updates: u32,
    control: &dyn Control,
) -> Result<(), Error> {
    for penalty in &mut *penalties {
        for lambda in &mut penalty.strength {
            *lambda = lambda.clamp(limits.least, limits.most);
        }
    }
    for _ in 0..max_updates {
        check_control(control)?;
        let variances = state.step(binned, penalties, control)?.inverse_blocks(binned.offsets());
        let (mut change, mut total) = (0.0, LEAST_DETERMINED);
        for ((penalty, variance), at) in penalties.iter_mut().zip(variances).zip(binned.offsets().windows(2)) {
            let Some(slopes) = penalty.log_det_slopes() else { continue };
            let b = &state.params[at[0]..at[1]];
            for (j, slope) in slopes.into_iter().enumerate() {
                let part = &penalty.parts()[j];
                let free = (slope - part.trace(&variance, b.len())).max(LEAST_DETERMINED);
                let quotient = free / (part.quadratic(b) + LEAST_SQUARE);
                let lambda = penalty.strength[j];
                let within = |update: f64| update.clamp(limits.least, limits.most);
                change += lambda * free * ln(within(lambda * quotient) / lambda).abs();
                total += lambda * free;
                penalty.strength[j] = within(lambda * exp(STRETCH * ln(quotient)));
            }
        }
        if change < SETTLED * total {
            break;
        }
    }
    Ok(())
}

/// How many coefficients the data determine: d + 1 − tr(V S), S being without effect on the intercept; `factor` is of V⁻¹.
pub(crate) fn effective_dof(binned: &Binned, penalties: &[TermPenalty], factor: &Cholesky) -> f64 {
    let variances = factor.inverse_blocks(binned.offsets());
    let shrunken = |(penalty, variance): (&TermPenalty, &Vec<f64>)| {
        let parts = penalty.parts().iter().zip(&penalty.strength);
        parts.map(|(part, lambda)| lambda * part.trace(variance, penalty.size())).sum::<f64>()
    };
    factor.order() as f64 - penalties.iter().zip(&variances).map(shrunken).sum::<f64>()
}
