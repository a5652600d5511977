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
    calibrate_under(&CalibrationPrior::ALONE, eta, y, &weight, control)
}

fn calibrate_under(
    prior: &CalibrationPrior,
    eta: &[f64],
    y: &[bool],
    weight: &[f64],
    control: &dyn Control,
) -> Result<Calibration, Error> {
    let counted = |class: bool| y.iter().zip(weight).filter(|(y, w)| **y == class && **w > 0.0).count() as u64;
    let [positives, negatives] = [counted(true), counted(false)];
    let result = |calibrator, kind| Calibration { calibrator, kind, positives, rows: positives + negatives };
    if positives == 0 || negatives == 0 {
        return Ok(result(Calibrator::IDENTITY, CalibrationKind::IdentityOneClass));
    }
    let target = platt_targets(y, weight);
    let platt = Platt { eta, target: &target, weight, prior };
    let calibrator = platt.fit(control)?;
    if calibrator.slope > 0.0 {
        return Ok(result(calibrator, CalibrationKind::Platt));
    }
    let mean = sums::dot(weight, &target) / sums::sum(weight);
    let calibrator = Calibrator::IDENTITY.with_mean(eta, Some(weight), mean)?;
    Ok(result(calibrator, CalibrationKind::InterceptOnly))
}

/// Rows of one offer that its model has not seen.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Linear predictors.
    pub eta: &'a [f64],
    /// Labels.
    pub y: &'a [bool],
}

/// Fewer offers say nothing of how much offers differ.
const FEWEST_OFFERS: usize = 3;
/// Standard deviation, over dates, of the mean slope around 1. The pooled prior leaves models neither too bold nor too timid on average;
/// one date's takes say less of it than that.
const MEAN_SLOPE_DEVIATION: f64 = 0.05;
/// Offers never agree better than this standard deviation of slope and shift.
const LEAST_DEVIATION: f64 = 0.02;

/// Calibrates several offers of one date, each drawn toward what they have in common.
///
/// What a season, a price or a drift does to one offer it mostly does to others, and an offer's own takes at one date are few. Each offer
/// is calibrated alone first; the mean slope, the mean shift of log-odds and how much offers differ in either follow by the method of
/// moments and are the prior of a second fit, the mean slope itself being drawn toward 1.
/// Source: R. `DerSimonian` and N. Laird, Meta-analysis in Clinical Trials, Controlled Clinical Trials 7 (1986).
/// Fewer than three offers with both classes are calibrated alone.
///
/// # Errors
/// As [`calibrate`].
pub fn calibrate_together(samples: &[Sample<'_>], control: &dyn Control) -> Result<Vec<Calibration>, Error> {
    let alone = samples
        .iter()
        .map(|sample| calibrate(sample.eta, sample.y, None, control))
        .collect::<Result<Vec<Calibration>, Error>>()?;
    let found: Vec<Option<Moments>> =
        samples.iter().zip(&alone).map(|(sample, alone)| Moments::of(sample, alone)).collect();
    let known: Vec<&Moments> = found.iter().flatten().collect();
    if known.len() < FEWEST_OFFERS {
        return Ok(alone);
    }
    let pooled = |value: &dyn Fn(&Moments) -> [f64; 2]| Spread::of(&known.iter().map(|m| value(m)).collect::<Vec<_>>());
    let slope = pooled(&|m| m.slope).drawn_toward(1.0, MEAN_SLOPE_DEVIATION);
    let shift = pooled(&|m| m.shift);
    let again = samples.iter().zip(&found).zip(alone).map(|((sample, moments), alone)| {
        let Some(moments) = moments else { return Ok(alone) };
        let prior = CalibrationPrior {
            slope: slope.mean,
            slope_precision: slope.precision(),
            center: moments.center,
            shift: shift.mean,
            shift_precision: shift.precision(),
        };
        calibrate_under(&prior, sample.eta, sample.y, &vec![1.0; sample.eta.len()], control)
    });
    again.collect()
}

/// Slope and shift of one offer with the information its rows have of them.
struct Moments {
    center: f64,
    slope: [f64; 2],
    shift: [f64; 2],
}

impl Moments {
    /// `None` unless both slope and intercept were fitted. At the mean of η weighted by μ(1 − μ) slope and shift are uncorrelated.
    fn of(sample: &Sample<'_>, alone: &Calibration) -> Option<Self> {
        let fitted = alone.calibrator;
        let curvature = |eta: f64| {
            let mu = fitted.propensity(eta);
            mu * (1.0 - mu)
        };
        let [weight, first, second] = sample.eta.iter().fold([0.0; 3], |[w, f, s], eta| {
            let c = curvature(*eta);
            [w + c, f + c * eta, s + c * eta * eta]
        });
        let center = first / weight;
        let about_slope = second - first * center;
        let is_usable = alone.kind == CalibrationKind::Platt && weight > 0.0 && about_slope > 0.0;
        is_usable.then_some(Self {
            center,
            slope: [fitted.slope, about_slope],
            shift: [fitted.intercept + (fitted.slope - 1.0) * center, weight],
        })
    }
}

/// Mean and variance over offers.
struct Spread {
    mean: f64,
    variance: f64,
    /// Variance of the mean.
    uncertainty: f64,
}

impl Spread {
    /// Of pairs (value, information): the mean weighted by information, and what its scatter leaves unexplained.
    fn of(pairs: &[[f64; 2]]) -> Self {
        let total: f64 = pairs.iter().map(|[_, w]| w).sum();
        let mean = pairs.iter().map(|[v, w]| v * w).sum::<f64>() / total;
        let scatter: f64 = pairs.iter().map(|[v, w]| w * (v - mean) * (v - mean)).sum();
        let unequal = total - pairs.iter().map(|[_, w]| w * w).sum::<f64>() / total;
        let variance = if unequal > 0.0 { (scatter - (pairs.len() - 1) as f64) / unequal } else { 0.0 };
        let variance = variance.max(0.0);
        let uncertainty = 1.0 / total + variance / pairs.len() as f64;
        Self { mean, variance, uncertainty }
    }

    /// The mean between what was found and `center`, by their precisions.
    fn drawn_toward(self, center: f64, deviation: f64) -> Self {
        let share = self.uncertainty / (self.uncertainty + deviation * deviation);
        Self { mean: self.mean + share * (center - self.mean), ..self }
    }

    fn precision(&self) -> f64 {
        1.0 / self.variance.max(LEAST_DEVIATION * LEAST_DEVIATION)
    }
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

/// What is known of slope and shift before the rows are seen. The shift is the change of log-odds at η = `center`.
#[derive(Clone, Copy, Debug)]
struct CalibrationPrior {
    slope: f64,
    slope_precision: f64,
    center: f64,
    shift: f64,
    shift_precision: f64,
}

impl CalibrationPrior {
    /// Of an offer by itself: the slope is near 1, the shift unknown.
    const ALONE: Self = Self {
        slope: 1.0,
        slope_precision: 1.0 / (SLOPE_DEVIATION * SLOPE_DEVIATION),
        center: 0.0,
        shift: 0.0,
        shift_precision: 0.0,
    };
}

struct Platt<'a> {
    eta: &'a [f64],
    target: &'a [f64],
    weight: &'a [f64],
    prior: &'a CalibrationPrior,
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
        let prior = self.prior;
        let excess = point.slope - prior.slope;
        let shift = point.intercept + (point.slope - 1.0) * prior.center - prior.shift;
        let along = prior.shift_precision * prior.center;
        sum[0] += 0.5 * (prior.slope_precision * excess * excess + prior.shift_precision * shift * shift);
        sum[1] += prior.slope_precision * excess + along * shift;
        sum[2] += prior.shift_precision * shift;
        sum[3] += prior.slope_precision + along * prior.center;
        sum[4] += along;
        sum[5] += prior.shift_precision;
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
