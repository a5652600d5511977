//! The evidence of the pooled prior on quadratic log-likelihoods, and its fixed point.
//!
//! Near its optimum the log-likelihood of offer k is −½ βᵀ Iₖ β + rₖᵀ β, the intercept profiled out and both divided by the offer's
//! design effect. With P = diag(p) and Sₖ = (Iₖ + P)⁻¹:
//!
//!   βₖ = Sₖ (rₖ + P m),   γₖⱼ = 1 − pⱼ (Sₖ)ⱼⱼ,
//!   p(g) = Σₖ Σ(j in g) γₖⱼ / Σₖ Σ(j in g) (βₖⱼ − mⱼ)².
//!
//! Integrating βₖ out leaves rₖ to speak for m with precision (Iₖ⁻¹ + P⁻¹)⁻¹ = P − P Sₖ P and right side P Sₖ rₖ, so that
//!
//!   m = M Σₖ P Sₖ rₖ,   M = (Q + Σₖ (P − P Sₖ P))⁻¹,   q(g) = Σ(j in g) (1 − qⱼ Mⱼⱼ) / Σ(j in g) mⱼ².
//!
//! Both are the fixed points of Bayesian Interpolation (Neural Computation 4, 1992), one for each level of the prior.

use osusume_model::Control;
use osusume_numeric::elementary::{exp, ln};
use osusume_numeric::linalg::Cholesky;
use rayon::prelude::*;

use crate::error::{Error, check_control};
use crate::pooled::{Precisions, Shared};
use crate::prior::Prior;

/// Updates a round. The first few do nearly all; ranking and log-loss no longer move after them.
const MAX_UPDATES: u32 = 4;
/// How much farther than to its quotient the logarithm of a precision goes: the plain iteration creeps from one side. Below 2 the fixed
/// point attracts from wherever the plain iteration does without overshooting.
const STRETCH: f64 = 1.7;
/// Mean change of ln p and ln q at which the updates end.
const SETTLED: f64 = 0.02;
/// A prior standard deviation of 2 in log-odds for one standard deviation of a column.
const LEAST_PRECISION: f64 = 0.25;
/// A precision of this many times the largest information of an offer leaves a thousandth of what the data ask for.
const CEILING: f64 = 1e3;
/// Keep quotients finite where nothing is determined.
const LEAST_DETERMINED: f64 = 1e-3;
const LEAST_SQUARE: f64 = 1e-9;
/// Offers whose matrices are in memory at once.
const CHUNK: usize = 16;

/// The log-likelihood of an offer near a point, in the coefficients alone.
pub(crate) struct Quadratic {
    /// I, d × d, symmetric.
    information: Vec<f64>,
    /// r.
    score: Vec<f64>,
    /// The point, its gradient at the intercept and the intercept's row of the Hessian: to bring the intercept along.
    beta: Vec<f64>,
    intercept_gradient: f64,
    intercept_row: Vec<f64>,
}

impl Quadratic {
    /// From the mean log-loss's Hessian (lower triangle, order d + 1) and gradient at `params`; `scale` is W over the design effect.
    pub(crate) fn new(hessian: &[f64], gradient: &[f64], params: &[f64], scale: f64) -> Self {
        let n = params.len();
        let d = n - 1;
        let row = &hessian[d * n..];
        let own = row[d].max(f64::MIN_POSITIVE);
        let mut information = vec![0.0; d * d];
        for i in 0..d {
            for j in 0..=i {
                let value = scale * (hessian[i * n + j] - row[i] * row[j] / own);
                information[i * d + j] = value;
                information[j * d + i] = value;
            }
        }
        let beta = params[..d].to_vec();
        let slope = |j: usize| -scale * (gradient[j] - row[j] * gradient[d] / own);
        let score = (0..d).map(|j| slope(j) + dot(&information[j * d..(j + 1) * d], &beta)).collect();
        Self { information, score, beta, intercept_gradient: gradient[d], intercept_row: row[..n].to_vec() }
    }

    /// Sets `params` to `beta` and the intercept that is best beside it.
    pub(crate) fn move_to(&self, beta: &[f64], params: &mut [f64]) {
        let d = beta.len();
        let moved: f64 = (0..d).map(|j| self.intercept_row[j] * (beta[j] - self.beta[j])).sum();
        params[..d].copy_from_slice(beta);
        params[d] -= (self.intercept_gradient + moved) / self.intercept_row[d].max(f64::MIN_POSITIVE);
    }

    fn mean_information(&self) -> f64 {
        let d = self.score.len();
        (0..d).map(|j| self.information[j * (d + 1)]).sum::<f64>() / d.max(1) as f64
    }
}

/// The prior under way.
pub(crate) struct Evidence<'a> {
    features: &'a [u32],
    pub(crate) precisions: Precisions,
    /// m, one a column.
    pub(crate) common: Vec<f64>,
    /// βₖ at the last update.
    pub(crate) coefficients: Vec<Vec<f64>>,
    /// One offer has nothing in common with others.
    is_pooled: bool,
}

/// What one offer says at the present precisions.
struct Said {
    beta: Vec<f64>,
    /// γ by column.
    determined: Vec<f64>,
    /// P − P S P and P S r; empty when nothing is pooled.
    common_precision: Vec<f64>,
    common_score: Vec<f64>,
}

impl<'a> Evidence<'a> {
    /// Without a start the prior variance of xβ is one.
    pub(crate) fn new(shared: &Shared<'a>, d: usize, n_offers: usize) -> Self {
        let first = || vec![(d as f64).max(1.0); shared.n_features];
        let precisions = shared.start.cloned().unwrap_or_else(|| Precisions { own: first(), common: first() });
        Self {
            features: shared.features,
            precisions,
            common: vec![0.0; d],
            coefficients: Vec::new(),
            is_pooled: n_offers > 1,
        }
    }

    /// The prior of one offer beside its mean log-loss; `factor` is the design effect over W.
    pub(crate) fn prior(&self, factor: f64) -> Prior {
        let precision = self.own().map(|p| p * factor).collect();
        Prior { precision, center: self.common.clone() }
    }

    /// p by column.
    fn own(&self) -> impl Iterator<Item = f64> {
        self.features.iter().map(|&feature| self.precisions.own[feature as usize])
    }

    /// Iterates precisions, common and own coefficients on the quadratics. The weighted mean change of ln p and ln q over all of it.
    pub(crate) fn update(&mut self, quadratics: &[Quadratic], control: &dyn Control) -> Result<f64, Error> {
        let before = self.precisions.clone();
        let information = quadratics.iter().map(Quadratic::mean_information).fold(0.0, f64::max);
        let ceiling = (CEILING * information).max(LEAST_PRECISION);
        let mut weights = Precisions { own: Vec::new(), common: Vec::new() };
        for _ in 0..MAX_UPDATES {
            check_control(control)?;
            let last = self.precisions.clone();
            weights = self.step(quadratics, ceiling)?;
            if self.change(&last, &weights) < SETTLED {
                break;
            }
        }
        Ok(self.change(&before, &weights))
    }

    /// One update of everything. γ by feature, for either level.
    fn step(&mut self, quadratics: &[Quadratic], ceiling: f64) -> Result<Precisions, Error> {
        let d = self.features.len();
        let p: Vec<f64> = self.own().collect();
        let n_features = self.precisions.own.len();
        let (mut determined, mut squares) = (vec![0.0; n_features], vec![0.0; n_features]);
        let mut precision = vec![0.0; if self.is_pooled { d * d } else { 0 }];
        let mut score = vec![0.0; if self.is_pooled { d } else { 0 }];
        self.coefficients.clear();
        for chunk in quadratics.chunks(CHUNK) {
            let said: Vec<Result<Said, Error>> = chunk.par_iter().map(|quadratic| self.ask(quadratic, &p)).collect();
            for said in said {
                let said = said?;
                for (j, &feature) in self.features.iter().enumerate() {
                    let excess = said.beta[j] - self.common[j];
                    determined[feature as usize] += said.determined[j];
                    squares[feature as usize] += excess * excess;
                }
                precision.iter_mut().zip(&said.common_precision).for_each(|(sum, value)| *sum += value);
                score.iter_mut().zip(&said.common_score).for_each(|(sum, value)| *sum += value);
                self.coefficients.push(said.beta);
            }
        }
        self.precisions.own = stretched(&self.precisions.own, &determined, &squares, ceiling);
        let common = if self.is_pooled { self.step_common(precision, score, ceiling)? } else { vec![0.0; n_features] };
        Ok(Precisions { own: determined, common })
    }

    /// βₖ, γₖ and what the offer says of m.
    fn ask(&self, quadratic: &Quadratic, p: &[f64]) -> Result<Said, Error> {
        let d = p.len();
        let mut matrix = quadratic.information.clone();
        p.iter().enumerate().for_each(|(j, p)| matrix[j * (d + 1)] += p);
        let factor = Cholesky::in_place(matrix, d).map_err(|error| singular(error.column, p))?;
        let mut beta: Vec<f64> = quadratic.score.iter().zip(p).zip(&self.common).map(|((r, p), m)| r + p * m).collect();
        factor.solve(&mut beta);
        if !self.is_pooled {
            let variance = factor.inverse_diagonal();
            let determined = variance.iter().zip(p).map(|(s, p)| (1.0 - p * s).max(0.0)).collect();
            return Ok(Said { beta, determined, common_precision: Vec::new(), common_score: Vec::new() });
        }
        let mut inverse = factor.inverse();
        let determined = (0..d).map(|j| (1.0 - p[j] * inverse[j * (d + 1)]).max(0.0)).collect();
        let mut common_score = quadratic.score.clone();
        factor.solve(&mut common_score);
        common_score.iter_mut().zip(p).for_each(|(value, p)| *value *= p);
        for (row, p_row) in inverse.chunks_exact_mut(d).zip(p) {
            row.iter_mut().zip(p).for_each(|(value, p)| *value *= -p_row * p);
        }
        p.iter().enumerate().for_each(|(j, p)| inverse[j * (d + 1)] += p);
        Ok(Said { beta, determined, common_precision: inverse, common_score })
    }

    /// m and q from what all offers said. γ of the common coefficients by feature.
    fn step_common(&mut self, mut precision: Vec<f64>, score: Vec<f64>, ceiling: f64) -> Result<Vec<f64>, Error> {
        let d = score.len();
        let q: Vec<f64> = self.features.iter().map(|&feature| self.precisions.common[feature as usize]).collect();
        q.iter().enumerate().for_each(|(j, q)| precision[j * (d + 1)] += q);
        let factor = Cholesky::in_place(precision, d).map_err(|error| singular(error.column, &q))?;
        let variance = factor.inverse_diagonal();
        self.common = score;
        factor.solve(&mut self.common);
        let n_features = self.precisions.common.len();
        let (mut determined, mut squares) = (vec![0.0; n_features], vec![0.0; n_features]);
        for (j, &feature) in self.features.iter().enumerate() {
            determined[feature as usize] += (1.0 - q[j] * variance[j]).max(0.0);
            squares[feature as usize] += self.common[j] * self.common[j];
        }
        self.precisions.common = stretched(&self.precisions.common, &determined, &squares, ceiling);
        Ok(determined)
    }

    /// Mean |Δ ln| of the precisions since `last`, weighted by γ.
    fn change(&self, last: &Precisions, weights: &Precisions) -> f64 {
        let (mut sum, mut total) = (0.0, LEAST_DETERMINED);
        for (now, last, weights) in
            [(&self.precisions.own, &last.own, &weights.own), (&self.precisions.common, &last.common, &weights.common)]
        {
            for ((now, last), weight) in now.iter().zip(last).zip(weights) {
                sum += weight * ln(now / last).abs();
                total += weight;
            }
        }
        sum / total
    }
}

fn singular(column: usize, penalty: &[f64]) -> Error {
    Error::Singular { column, lambda: penalty.get(column).copied().unwrap_or(0.0) }
}

/// Precisions on the way from the last ones to γ / ‖·‖² by feature and beyond, between the floor and the ceiling.
fn stretched(last: &[f64], determined: &[f64], squares: &[f64], ceiling: f64) -> Vec<f64> {
    let next = |((last, d), s): ((&f64, &f64), &f64)| {
        let quotient = (d + LEAST_DETERMINED) / (s + LEAST_SQUARE);
        (last * exp(STRETCH * ln(quotient / last))).clamp(LEAST_PRECISION, ceiling)
    };
    last.iter().zip(determined).zip(squares).map(next).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    osusume_numeric::sums::dot(a, b)
}
