//! From a linear predictor to a propensity: Platt scaling and shifts of the prior.

use osusume_model::Control;
use osusume_numeric::elementary::{log_loss_row, logit, sigmoid};
use osusume_numeric::sums::{self, GROUPS};

use crate::error::{Error, check_control, check_finite, check_len};

/// Prior standard deviation of the slope around 1. A quarter says: without evidence the model's spread of log-odds is right within a
/// factor of about 1½; a few hundred positives outweigh it.
const SLOPE_DEVIATION: f64 = 0.25;
const MAX_ITERATIONS: u32 = 100;
/// Gradients of the summed objective below this share of the number of rows in the smaller class end the search.
const TOLERANCE: f64 = 1e-10;

/// propensity = σ(slope · η + intercept). Plain data, to be written into a model file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibrator {
    /// Multiplies the linear predictor; positive, so that ranks stay.
    pub slope: f64,
    /// Added to it.
    pub intercept: f64,
}

impl Calibrator {
    /// Leaves the linear predictor as it is.
    pub const IDENTITY: Self = Self { slope: 1.0, intercept: 0.0 };

    /// Calibrated log-odds.
    pub fn log_odds(&self, eta: f64) -> f64 {
        self.slope * eta + self.intercept
    }

    /// Calibrated probability.
    pub fn propensity(&self, eta: f64) -> f64 {
        sigmoid(self.log_odds(eta))
    }

    /// The same slope with the intercept at which the mean propensity of the rows is `mean`: a shift of the prior.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`], [`Error::Parameter`] when `mean` is not strictly between 0 and 1 or no row counts.
    pub fn with_mean(&self, eta: &[f64], weight: Option<&[f64]>, mean: f64) -> Result<Self, Error> {
        check_finite("eta", eta)?;
        let weight = weights(eta.len(), weight)?;
        let counts = weight.iter().any(|w| *w > 0.0);
        if !(counts && mean > 0.0 && mean < 1.0) {
            return Err(Error::Parameter {
                name: "mean",
                allowed: "strictly between 0 and 1, over some rows",
                got: mean,
            });
        }
        let scaled: Vec<f64> = eta.iter().map(|eta| self.slope * eta).collect();
        Ok(Self { slope: self.slope, intercept: solve_intercept(&scaled, &weight, mean) })
    }
}

/// Which rule gave a calibrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalibrationKind {
    /// Slope and intercept fitted.
    Platt,
    /// Only one class among the rows: nothing can be fitted.
    IdentityOneClass,
    /// The fitted slope was not positive, so the predictor does not rank these rows; the intercept alone is fitted, with slope 1.
    InterceptOnly,
}

/// A fitted calibrator and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// What to apply.
    pub calibrator: Calibrator,
    /// Which rule gave it.
    pub kind: CalibrationKind,
    /// Rows labeled 1 with a positive weight.
    pub positives: u64,
    /// Rows with a positive weight.
    pub rows: u64,
}

/// Fits slope and intercept on rows the model has not seen (out-of-fold or out-of-time `eta`).
///
/// Minimizes Σ wᵢ ℓ(a ηᵢ + b, tᵢ) + (a − 1)² / (2 · ¼²) with Platt's targets t₊ = (P + 1)/(P + 2), t₋ = 1/(N + 2), which keep the
/// intercept finite when the rows are separated. The second term is a prior that matters only while positives are few.
/// Source: Platt, Probabilistic Outputs for Support Vector Machines (1999), section 2.2.
///
/// # Errors
/// [`Error::Shape`], [`Error::NotFinite`], [`Error::Stopped`]. One class or a slope that is not positive is no error: see
/// [`CalibrationKind`].
pub fn calibrate(eta: &[f64], y: &[bool], weight: Option<&[f64]>, control: &dyn Control) -> Result<Calibration, Error> {
    check_len("y", y.len(), eta.len())?;
    check_finite("eta", eta)?;
    let weight = weights(eta.len(), weight)?;
    let counted = |class: bool| y.iter().zip(&weight).filter(|(y, w)| **y == class && **w > 0.0).count() as u64;
    let [positives, negatives] = [counted(true), counted(false)];
    let result = |calibrator, kind| Calibration { calibrator, kind, positives, rows: positives + negatives };
    if positives == 0 || negatives == 0 {
        return Ok(result(Calibrator::IDENTITY, CalibrationKind::IdentityOneClass));
    }
    let target = platt_targets(y, &weight);
    let platt = Platt { eta, target: &target, weight: &weight };
    let calibrator = platt.fit(control)?;
    if calibrator.slope > 0.0 {
        return Ok(result(calibrator, CalibrationKind::Platt));
    }
    let mean = sums::dot(&weight, &target) / sums::sum(&weight);
    let calibrator = Calibrator::IDENTITY.with_mean(eta, Some(&weight), mean)?;
    Ok(result(calibrator, CalibrationKind::InterceptOnly))
}

fn weights(n: usize, weight: Option<&[f64]>) -> Result<Vec<f64>, Error> {
    let Some(weight) = weight else { return Ok(vec![1.0; n]) };
    check_len("weight", weight.len(), n)?;
    check_finite("weight", weight)?;
    match weight.iter().find(|w| **w < 0.0) {
        None => Ok(weight.to_vec()),
        Some(negative) => Err(Error::Parameter { name: "weight", allowed: "at least 0", got: *negative }),
    }
}

/// Platt's smoothed labels; P and N are sums of weights.
fn platt_targets(y: &[bool], weight: &[f64]) -> Vec<f64> {
    let of_class = |class: bool| y.iter().zip(weight).filter(|(y, _)| **y == class).map(|(_, w)| w).sum::<f64>();
    let positive = (of_class(true) + 1.0) / (of_class(true) + 2.0);
    let negative = 1.0 / (of_class(false) + 2.0);
    y.iter().map(|y| if *y { positive } else { negative }).collect()
}

struct Platt<'a> {
    eta: &'a [f64],
    target: &'a [f64],
    weight: &'a [f64],
}

/// Value, gradient and Hessian in (slope, intercept): f, ∂a, ∂b, ∂aa, ∂ab, ∂bb.
type Expansion = [f64; 6];

impl Platt<'_> {
    fn fit(&self, control: &dyn Control) -> Result<Calibrator, Error> {
        let mut point = Calibrator::IDENTITY;
        let mut here = self.expand(point);
        let tolerance = TOLERANCE * sums::dot(self.weight, self.target).max(1.0);
        for _ in 0..MAX_ITERATIONS {
            check_control(control)?;
            if here[1].abs().max(here[2].abs()) <= tolerance {
                break;
            }
            let Some((next, expansion)) = self.step(point, here) else { break };
            (point, here) = (next, expansion);
        }
        Ok(point)
    }

    /// A damped Newton step; none when no step lowers the objective any more.
    fn step(&self, point: Calibrator, here: Expansion) -> Option<(Calibrator, Expansion)> {
        let [f, ga, gb, haa, hab, hbb] = here;
        // The prior keeps ∂aa positive; the second keeps the intercept's curvature from vanishing on saturated rows.
        let hbb = hbb + 1e-12;
        let determinant = haa * hbb - hab * hab;
        let [sa, sb] = [(hab * gb - hbb * ga) / determinant, (hab * ga - haa * gb) / determinant];
        let decrease = -(ga * sa + gb * sb);
        let mut t = 1.0;
        for _ in 0..40 {
            let next = Calibrator { slope: point.slope + t * sa, intercept: point.intercept + t * sb };
            let expansion = self.expand(next);
            if expansion[0] <= f - 1e-4 * t * decrease + 1e-13 * f.abs() {
                return Some((next, expansion));
            }
            t *= 0.5;
        }
        None
    }

    fn expand(&self, point: Calibrator) -> Expansion {
        let block = |sum: &mut Expansion, rows: std::ops::Range<usize>| {
            for i in rows {
                add_row(sum, point, self.eta[i], self.target[i], self.weight[i]);
            }
        };
        let merge = |sum: &mut Expansion, other: Expansion| sum.iter_mut().zip(other).for_each(|(a, b)| *a += b);
        let mut sum = sums::reduce(self.eta.len(), GROUPS, || [0.0; 6], block, merge);
        let precision = 1.0 / (SLOPE_DEVIATION * SLOPE_DEVIATION);
        let excess = point.slope - 1.0;
        sum[0] += 0.5 * precision * excess * excess;
        sum[1] += precision * excess;
        sum[3] += precision;
        sum
    }
}

fn add_row(sum: &mut Expansion, point: Calibrator, eta: f64, target: f64, weight: f64) {
    let log_odds = point.log_odds(eta);
    let mu = sigmoid(log_odds);
    let residual = weight * (mu - target);
    let curvature = weight * mu * (1.0 - mu);
    let terms = [
        weight * log_loss_row(log_odds, target),
        residual * eta,
        residual,
        curvature * eta * eta,
        curvature * eta,
        curvature,
    ];
    sum.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
}

/// The b with Σ w σ(ηᵢ + b) = `mean` Σ w, for 0 < mean < 1 and a positive Σ w.
///
/// Newton inside a bracket: the mean of sigmoids is monotone in b, and logit(mean) − max η and logit(mean) − min η enclose the root.
pub(crate) fn solve_intercept(eta: &[f64], weight: &[f64], mean: f64) -> f64 {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for (eta, _) in eta.iter().zip(weight).filter(|(_, w)| **w > 0.0) {
        low = low.min(logit(mean) - eta);
        high = high.max(logit(mean) - eta);
    }
    let goal = mean * sums::sum(weight);
    let mut b = 0.5 * (low + high);
    for _ in 0..200 {
        let [total, slope] = sigmoid_sums(eta, weight, b);
        let excess = total - goal;
        if excess > 0.0 {
            high = b;
        } else {
            low = b;
        }
        let newton = b - excess / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - b).abs() <= 1e-14 * (1.0 + b.abs()) {
            return next;
        }
        b = next;
    }
    b
}

fn sigmoid_sums(eta: &[f64], weight: &[f64], b: f64) -> [f64; 2] {
    let block = |sums: &mut [f64; 2], rows: std::ops::Range<usize>| {
        for i in rows {
            let mu = sigmoid(eta[i] + b);
            sums[0] += weight[i] * mu;
            sums[1] += weight[i] * mu * (1.0 - mu);
        }
    };
    let merge = |a: &mut [f64; 2], b: [f64; 2]| {
        a[0] += b[0];
        a[1] += b[1];
    };
    sums::reduce(eta.len(), GROUPS, || [0.0; 2], block, merge)
}
