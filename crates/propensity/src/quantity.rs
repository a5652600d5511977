//! How many a taker takes: Poisson regression with a log link and a ridge penalty on takers alone.
//!
//! With μ = exp(xβ + b), ȳ the mean quantity and n takers, the fit minimizes
//!
//! ```text
//! f(β, b) = 1 / (n ȳ) · Σ (μ_i − y_i η_i) + λ / 2 · |β|²
//! ```
//!
//! by Newton steps (iteratively reweighted least squares) that are halved until f falls; f is convex, so the optimum is the only one.
//! Dividing by ȳ makes β and λ the same in single licences and in dozens. Quantities vary more than Poisson ones do; for the mean that
//! is no matter (`McCullagh` and Nelder, Generalized Linear Models, 2nd ed. 1989, chapters 2, 6 and 9), and no interval is made of f.
//!
//! λ is the best of [`PENALTIES`] by deviance out of fold, and the model is kept only if that deviance, 2 Σ (y ln(y / μ) − y + μ), is
//! below that of the means out of fold by more than the standard error of the difference: the best of several is below by chance alone. Of fewer than [`FEWEST_TAKERS`] the quantity is their mean, drawn toward a prior: with
//! y | m ~ Poisson(m) and m ~ Gamma with mean m₀ worth k takers, E[m | y] = (k m₀ + Σ y) / (k + n).

use osusume_model::Control;
use osusume_numeric::elementary::{exp, ln};
use osusume_numeric::linalg::{Cholesky, mixed_dot};
use rayon::prelude::*;

use crate::design::Design;
use crate::error::{Error, check_control, check_len};

/// Of fewer takers nothing but a mean is learned.
pub const FEWEST_TAKERS: usize = 50;
/// Penalties tried, strongest first; what follows one that predicts worse is not.
pub const PENALTIES: [f64; 5] = [10.0, 1.0, 0.1, 0.01, 0.001];
/// Predictions end at this quantile of the quantities seen.
pub const LARGEST_QUANTILE: f64 = 0.999;
/// Largest |∂f| at the end.
const TOLERANCE: f64 = 1e-9;
const MAX_STEPS: u32 = 100;
const MAX_HALVINGS: i32 = 60;
const ARMIJO: f64 = 1e-4;
/// Rounding of f: a step that lowers it by less cannot be told from one that does not.
const LOSS_ROUNDING: f64 = 1e-14;
/// Halvings of the interval in which the factor is looked for: down to neighbouring numbers.
const BISECTIONS: u32 = 80;
/// The factor's exponent lies within ± this.
const WIDEST: f64 = 20.0;

/// What is expected of an offer before anybody took it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantityPrior {
    /// Units a taker takes, above 0.
    pub mean: f64,
    /// As many takers is it worth, above 0.
    pub takers: f64,
}

impl QuantityPrior {
    /// One unit, worth ten takers: whoever sells in numbers sells one at least.
    pub const STANDARD: Self = Self { mean: 1.0, takers: 10.0 };
}

/// Takers of one offer. Slices have one entry a taker.
#[derive(Clone, Copy, Debug)]
pub struct Takers<'a> {
    /// The design of all rows.
    pub design: &'a Design,
    /// Row of the design; several may be of one customer.
    pub rows: &'a [u32],
    /// How many were taken, above 0 and finite.
    pub quantity: &'a [f64],
    /// The fold, below `n_folds`.
    pub fold: &'a [u8],
    /// Number of folds, at least 2.
    pub n_folds: u8,
}

/// What an expected quantity rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityBasis {
    /// The regression.
    Model,
    /// The mean: the regression predicted no better.
    Mean,
    /// The mean drawn toward the prior: too few takers.
    Prior,
}

/// E[quantity | take, x].
#[derive(Clone, Debug, PartialEq)]
pub struct QuantityFit {
    /// What it rests on.
    pub basis: QuantityBasis,
    /// Coefficients, zero but for [`QuantityBasis::Model`].
    pub beta: Vec<f64>,
    /// ln of the expected quantity at x = 0, the factor of calibration included.
    pub intercept: f64,
    /// Predictions lie between these.
    pub bounds: [f64; 2],
    /// Takers learned from.
    pub takers: usize,
    /// Their mean quantity.
    pub mean: f64,
    /// The penalty chosen; absent without a model.
    pub lambda: Option<f64>,
    /// Largest |∂f| at the end; 0 without a model.
    pub max_gradient: f64,
    /// Share of the deviance of the mean that the regression explains out of fold, before calibration; absent where it was not tried.
    pub explained: Option<f64>,
    /// What was taken over what is expected of it out of fold, after calibration: 1 unless bounds stand in the way.
    pub calibration: f64,
}

impl QuantityFit {
    /// The expected quantity of an encoded row.
    pub fn predict(&self, x: &[f32]) -> f64 {
        bounded(self.intercept + mixed_dot(x, &self.beta), self.bounds)
    }
}

/// Learns how many are taken.
///
/// The same bits for any order of takers with different rows, and for any number of threads. O(folds × steps × takers × columns²).
///
/// # Errors
/// [`Error::Shape`], [`Error::Parameter`] for quantities, folds and priors that cannot be, [`Error::NotConverged`], [`Error::Singular`],
/// [`Error::Stopped`].
pub fn fit_quantity(takers: &Takers<'_>, prior: &QuantityPrior, control: &dyn Control) -> Result<QuantityFit, Error> {
    check(takers, prior)?;
    let sample = Sample::of(takers);
    let n = sample.y.len();
    let d = takers.design.n_cols();
    let mean = if n == 0 { 0.0 } else { sample.total() / n as f64 };
    if n < FEWEST_TAKERS {
        let drawn = (prior.takers * prior.mean + sample.total()) / (prior.takers + n as f64);
        return Ok(QuantityFit {
            basis: QuantityBasis::Prior,
            beta: vec![0.0; d],
            intercept: ln(drawn),
            bounds: [drawn; 2],
            takers: n,
            mean,
            lambda: None,
            max_gradient: 0.0,
            explained: None,
            calibration: if n == 0 { 1.0 } else { mean / drawn },
        });
    }
    let parts = sample.parts(takers.n_folds);
    let means: Vec<f64> = sample.fold.iter().map(|&fold| parts[usize::from(fold)].0.log_mean(mean)).collect();
    let plain = sample.deviance(&means);
    let Some(best) = search(&sample, &parts, d, control)? else { return Ok(sample.mean_alone(d, mean, None)) };
    let explained = (plain > 0.0).then(|| 1.0 - best.deviance / plain);
    if !sample.is_better(&best.eta, &means) {
        return Ok(sample.mean_alone(d, mean, explained));
    }
    let whole = minimize(&sample, d, best.lambda, None, control)?;
    let bounds = sample.bounds();
    let (shift, calibration) = calibrate(&best.eta, sample.total(), bounds);
    Ok(QuantityFit {
        basis: QuantityBasis::Model,
        intercept: whole.params[d] + shift,
        beta: whole.params[..d].to_vec(),
        bounds,
        takers: n,
        mean,
        lambda: Some(best.lambda),
        max_gradient: whole.max_gradient,
        explained,
        calibration,
    })
}

fn check(takers: &Takers<'_>, prior: &QuantityPrior) -> Result<(), Error> {
    check_len("quantity", takers.quantity.len(), takers.rows.len())?;
    check_len("fold", takers.fold.len(), takers.rows.len())?;
    let refuse = |name, allowed, got| Err(Error::Parameter { name, allowed, got });
    if takers.n_folds < 2 {
        return refuse("n_folds", "at least 2", f64::from(takers.n_folds));
    }
    if let Some(&bad) = takers.fold.iter().find(|fold| **fold >= takers.n_folds) {
        return refuse("fold", "below the number of folds", f64::from(bad));
    }
    if let Some(&bad) = takers.rows.iter().find(|row| **row as usize >= takers.design.n_rows()) {
        return refuse("rows", "rows of the design", f64::from(bad));
    }
    if let Some(&bad) = takers.quantity.iter().find(|y| !(y.is_finite() && **y > 0.0)) {
        return refuse("quantity", "above 0 and finite", bad);
    }
    for (name, value) in [("prior.mean", prior.mean), ("prior.takers", prior.takers)] {
        if !(value.is_finite() && value > 0.0) {
            return refuse(name, "above 0 and finite", value);
        }
    }
    Ok(())
}

/// Takers in the order of their rows.
struct Sample<'a> {
    design: &'a Design,
    rows: Vec<u32>,
    y: Vec<f64>,
    fold: Vec<u8>,
    total: f64,
}

impl<'a> Sample<'a> {
    fn of(takers: &Takers<'a>) -> Self {
        let mut order: Vec<usize> = (0..takers.rows.len()).collect();
        order.sort_unstable_by_key(|&at| (takers.rows[at], takers.quantity[at].to_bits(), takers.fold[at]));
        Self::new(
            takers.design,
            order.iter().map(|&at| takers.rows[at]).collect(),
            order.iter().map(|&at| takers.quantity[at]).collect(),
            order.iter().map(|&at| takers.fold[at]).collect(),
        )
    }

    fn new(design: &'a Design, rows: Vec<u32>, y: Vec<f64>, fold: Vec<u8>) -> Self {
        let total = y.iter().sum();
        Self { design, rows, y, fold, total }
    }

    fn total(&self) -> f64 {
        self.total
    }

    /// ln of the mean, or of `otherwise` where nobody is.
    fn log_mean(&self, otherwise: f64) -> f64 {
        ln(if self.y.is_empty() { otherwise } else { self.total / self.y.len() as f64 })
    }

    /// By fold: those outside it, and the positions of those inside.
    fn parts(&self, n_folds: u8) -> Vec<(Self, Vec<usize>)> {
        let of = |fold: u8| {
            let (inside, outside): (Vec<usize>, Vec<usize>) = (0..self.y.len()).partition(|&at| self.fold[at] == fold);
            let rows = outside.iter().map(|&at| self.rows[at]).collect();
            let y = outside.iter().map(|&at| self.y[at]).collect();
            (Self::new(self.design, rows, y, outside.iter().map(|&at| self.fold[at]).collect()), inside)
        };
        (0..n_folds).map(of).collect()
    }

    fn x(&self, at: usize) -> &[f32] {
        self.design.row(self.rows[at] as usize)
    }

    /// 2 (y ln(y / μ) − y + μ) of each taker at these linear predictors.
    fn deviances<'b>(&'b self, eta: &'b [f64]) -> impl Iterator<Item = f64> + 'b {
        self.y.iter().zip(eta).map(|(&y, &eta)| 2.0 * (y * (ln(y) - eta) - y + exp(eta)))
    }

    fn deviance(&self, eta: &[f64]) -> f64 {
        self.deviances(eta).sum()
    }

    /// Whether `eta` predicts better than `means` by more than one standard error.
    fn is_better(&self, eta: &[f64], means: &[f64]) -> bool {
        let gains: Vec<f64> =
            self.deviances(means).zip(self.deviances(eta)).map(|(mean, model)| mean - model).collect();
        let total: f64 = gains.iter().sum();
        let average = total / gains.len() as f64;
        let square: f64 = gains.iter().map(|gain| (gain - average) * (gain - average)).sum();
        total > square.sqrt()
    }

    /// The least a taker took, at most one unit, and the largest quantile.
    fn bounds(&self) -> [f64; 2] {
        let mut sorted = self.y.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = (LARGEST_QUANTILE * sorted.len() as f64).ceil() as usize;
        [sorted[0].min(1.0), sorted[at.clamp(1, sorted.len()) - 1].max(1.0)]
    }

    fn mean_alone(&self, d: usize, mean: f64, explained: Option<f64>) -> QuantityFit {
        QuantityFit {
            basis: QuantityBasis::Mean,
            beta: vec![0.0; d],
            intercept: ln(mean),
            bounds: [mean; 2],
            takers: self.y.len(),
            mean,
            lambda: None,
            max_gradient: 0.0,
            explained,
            calibration: 1.0,
        }
    }
}

/// The best penalty, and what its models say of takers they have not seen.
struct Best {
    lambda: f64,
    deviance: f64,
    eta: Vec<f64>,
}

/// Parameters of a fold's model, and the linear predictors of the takers inside the fold.
type Told = (Vec<f64>, Vec<f64>);

/// `None` where there is nothing to learn from.
fn search(
    sample: &Sample<'_>,
    parts: &[(Sample<'_>, Vec<usize>)],
    d: usize,
    control: &dyn Control,
) -> Result<Option<Best>, Error> {
    if d == 0 || parts.iter().any(|(outside, _)| outside.y.is_empty()) {
        return Ok(None);
    }
    let mut starts: Vec<Option<Vec<f64>>> = vec![None; parts.len()];
    let mut best: Option<Best> = None;
    for lambda in PENALTIES {
        let fit = |((outside, inside), start): (&(Sample<'_>, Vec<usize>), &Option<Vec<f64>>)| {
            let end = minimize(outside, d, lambda, start.clone(), control)?;
            let eta = |&at: &usize| end.params[d] + mixed_dot(sample.x(at), &end.params[..d]);
            let eta: Vec<f64> = inside.iter().map(eta).collect();
            Ok((end.params, eta))
        };
        let fits: Vec<Result<Told, Error>> = parts.par_iter().zip(&starts).map(fit).collect();
        let mut eta = vec![0.0; sample.y.len()];
        let mut next = Vec::with_capacity(parts.len());
        for ((_, inside), fit) in parts.iter().zip(fits) {
            let (params, told) = fit?;
            inside.iter().zip(told).for_each(|(&at, told)| eta[at] = told);
            next.push(Some(params));
        }
        starts = next;
        let deviance = sample.deviance(&eta);
        // NaN and infinity are never better.
        if best
            .as_ref()
            .is_some_and(|best| !matches!(deviance.partial_cmp(&best.deviance), Some(std::cmp::Ordering::Less)))
        {
            break;
        }
        best = deviance.is_finite().then_some(Best { lambda, deviance, eta }).or(best);
    }
    Ok(best)
}

/// An optimum.
struct Optimum {
    /// Coefficients and intercept.
    params: Vec<f64>,
    max_gradient: f64,
}

fn minimize(
    sample: &Sample<'_>,
    d: usize,
    lambda: f64,
    start: Option<Vec<f64>>,
    control: &dyn Control,
) -> Result<Optimum, Error> {
    let mut params = start.unwrap_or_else(|| {
        let mut params = vec![0.0; d];
        params.push(sample.log_mean(1.0));
        params
    });
    let mut max_gradient = f64::INFINITY;
    for _ in 0..MAX_STEPS {
        check_control(control)?;
        let (loss, gradient, hessian) = curvature(sample, &params, lambda);
        max_gradient = gradient.iter().fold(0.0, |max: f64, g| max.max(g.abs()));
        if max_gradient <= TOLERANCE {
            return Ok(Optimum { params, max_gradient });
        }
        let factor =
            Cholesky::in_place(hessian, d + 1).map_err(|error| Error::Singular { column: error.column, lambda })?;
        let mut step: Vec<f64> = gradient.iter().map(|g| -g).collect();
        factor.solve(&mut step);
        let slope: f64 = gradient.iter().zip(&step).map(|(g, s)| g * s).sum();
        let moved = |t: f64| -> Vec<f64> { params.iter().zip(&step).map(|(p, s)| p + t * s).collect() };
        let is_low = |to: &Vec<f64>, t: f64| {
            self::loss(sample, to, lambda) <= loss + ARMIJO * t * slope + LOSS_ROUNDING * loss.abs().max(1.0)
        };
        let lower = (0..MAX_HALVINGS).map(|halvings| 0.5_f64.powi(halvings));
        let Some(to) = lower.map(|t| (moved(t), t)).find(|(to, t)| is_low(to, *t)) else { break };
        params = to.0;
    }
    Err(Error::NotConverged { iterations: MAX_STEPS, max_gradient, tolerance: TOLERANCE, is_separated: false })
}

fn penalty(params: &[f64], lambda: f64) -> f64 {
    let d = params.len() - 1;
    0.5 * lambda * params[..d].iter().map(|beta| beta * beta).sum::<f64>()
}

fn loss(sample: &Sample<'_>, params: &[f64], lambda: f64) -> f64 {
    let d = params.len() - 1;
    let of = |at: usize| {
        let eta = params[d] + mixed_dot(sample.x(at), &params[..d]);
        exp(eta) - sample.y[at] * eta
    };
    (0..sample.y.len()).map(of).sum::<f64>() / sample.total() + penalty(params, lambda)
}

/// f, its gradient, and the Hessian, row-major.
fn curvature(sample: &Sample<'_>, params: &[f64], lambda: f64) -> (f64, Vec<f64>, Vec<f64>) {
    let d = params.len() - 1;
    let n = d + 1;
    let (mut loss, mut gradient, mut hessian) = (0.0, vec![0.0; n], vec![0.0; n * n]);
    for at in 0..sample.y.len() {
        let x = sample.x(at);
        let eta = params[d] + mixed_dot(x, &params[..d]);
        let mu = exp(eta);
        loss += mu - sample.y[at] * eta;
        let residual = mu - sample.y[at];
        for (j, &xj) in x.iter().enumerate() {
            let xj = f64::from(xj);
            gradient[j] += residual * xj;
            let weighted = mu * xj;
            hessian[j * n..=j * n + j].iter_mut().zip(x).for_each(|(h, &xk)| *h += weighted * f64::from(xk));
            hessian[d * n + j] += weighted;
        }
        gradient[d] += residual;
        hessian[d * n + d] += mu;
    }
    let total = sample.total();
    for value in gradient.iter_mut().chain(&mut hessian) {
        *value /= total;
    }
    for j in 0..d {
        gradient[j] += lambda * params[j];
        hessian[j * n + j] += lambda;
    }
    for j in 0..n {
        for k in 0..j {
            hessian[k * n + j] = hessian[j * n + k];
        }
    }
    (loss / total + penalty(params, lambda), gradient, hessian)
}

fn bounded(eta: f64, [least, most]: [f64; 2]) -> f64 {
    exp(eta).clamp(least, most)
}

/// What is added to η so that bounded predictions sum to `total`, and what is left between the two sums, as a ratio. The sum never falls
/// as η rises, so halving an interval finds it.
fn calibrate(eta: &[f64], total: f64, bounds: [f64; 2]) -> (f64, f64) {
    let sum = |shift: f64| eta.iter().map(|eta| bounded(eta + shift, bounds)).sum::<f64>();
    let (mut low, mut high) = (-WIDEST, WIDEST);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if sum(middle) < total { low = middle } else { high = middle }
    }
    (high, total / sum(high))
}
