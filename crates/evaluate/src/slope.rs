//! The calibration slope: a logistic regression of what happened on the log-odds of what was predicted.

use osusume_numeric::distributions::Interval;
use osusume_numeric::elementary::{log_loss_row, logit, sigmoid};

use crate::cluster::{clustered_variance, largest};
use crate::error::{EvaluateError, Result, check_probabilities, count_classes};

/// Newton stops when its next step is shorter than this many standard errors.
const TOLERANCE: f64 = 1e-8;
/// Separated classes are refused beforehand; without them a two-parameter fit needs fewer than ten steps.
const MAX_ITERATIONS: usize = 50;

/// Predictions and what happened, all of one length.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The predicted probabilities.
    pub probabilities: &'a [f64],
    /// Whether it happened.
    pub labels: &'a [bool],
    /// The customer of each row as a dense index, where the variances shall follow customers instead of rows.
    pub clusters: Option<&'a [u32]>,
}

/// A number with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

impl Estimate {
    /// Normal interval; `confidence` in (0, 1).
    pub fn interval(&self, confidence: f64) -> Interval {
        Interval::normal(self.value, self.standard_error, confidence)
    }
}

/// `logit P(y = 1) = intercept + slope · logit(p)`: 0 and 1 for calibrated probabilities, a slope below 1 for overconfident ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlopeAndIntercept {
    /// The slope.
    pub slope: Estimate,
    /// The intercept.
    pub intercept: Estimate,
}

/// One slope over many offers, each with an intercept of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PooledSlope {
    /// The common slope.
    pub slope: Estimate,
    /// Offers that took part: those with both classes. The others say nothing of a slope.
    pub n_used: usize,
}

/// Calibration slope and intercept by Newton's method with step halving (Cox, 1958).
///
/// Standard errors come from the inverse Hessian, or with clusters from the cluster-robust sandwich. O(n) a step.
///
/// # Errors
/// `Empty`, `NotAProbability`, `ProbabilityAtBound`, `SingleClass`, `ConstantScore`, `Separated`, `NotConverged`.
pub fn slope_and_intercept(rows: &Rows) -> Result<SlopeAndIntercept> {
    check_probabilities(rows.probabilities, rows.labels)?;
    count_classes(rows.labels)?;
    let fit = Fit::new(&[*rows])?;
    Ok(SlopeAndIntercept { slope: fit.slope(), intercept: fit.intercept(0) })
}

/// The slope common to all `offers`, with an intercept for each, so that differences of the offers' base rates do not pass for a
/// slope. Clusters are either given for all offers or for none, and mean the same customers in each.
///
/// # Errors
/// As [`slope_and_intercept`]; `SingleClass` when no offer has both classes.
pub fn pooled_slope(offers: &[Rows]) -> Result<PooledSlope> {
    let mut used = Vec::with_capacity(offers.len());
    for rows in offers {
        check_probabilities(rows.probabilities, rows.labels)?;
        if count_classes(rows.labels).is_ok() {
            used.push(*rows);
        }
    }
    if used.is_empty() {
        let label = offers.iter().any(|rows| rows.labels.contains(&true));
        return Err(EvaluateError::SingleClass { rows: offers.iter().map(|rows| rows.labels.len()).sum(), label });
    }
    let has_clusters = used[0].clusters.is_some();
    assert!(used.iter().all(|rows| rows.clusters.is_some() == has_clusters), "clusters for all offers or for none");
    Ok(PooledSlope { slope: Fit::new(&used)?.slope(), n_used: used.len() })
}

/// One offer's rows as the regression sees them.
struct Group<'a> {
    rows: Rows<'a>,
    /// logit(p) − centre: centred, the intercept and the slope are nearly uncorrelated.
    x: Vec<f64>,
    centre: f64,
}

/// Gradient and Hessian of one group: the Hessian of all has an arrow's shape, diagonal in the intercepts.
#[derive(Clone, Copy, Default)]
struct Moments {
    /// Σ r, the gradient by the intercept.
    r: f64,
    /// Σ r x, this group's share of the gradient by the slope.
    rx: f64,
    /// Σ w.
    w: f64,
    /// Σ w x.
    wx: f64,
    /// Σ w x².
    wxx: f64,
    /// Log loss.
    loss: f64,
}

struct Fit<'a> {
    groups: Vec<Group<'a>>,
    intercepts: Vec<f64>,
    slope: f64,
    moments: Vec<Moments>,
    /// `Σ_k (Σ w x² − (Σ w x)² / Σ w)`: the information on the slope once the intercepts are fitted.
    information: f64,
}

impl<'a> Fit<'a> {
    fn new(offers: &[Rows<'a>]) -> Result<Self> {
        let groups = offers.iter().map(|rows| group(*rows)).collect::<Result<Vec<_>>>()?;
        check_identified(&groups)?;
        let intercepts: Vec<f64> = groups.iter().map(|group| group.centre).collect();
        let moments = moments(&groups, &intercepts, 1.0);
        let mut fit = Self { groups, intercepts, slope: 1.0, moments, information: 0.0 };
        fit.run()?;
        Ok(fit)
    }

    fn run(&mut self) -> Result<()> {
        let mut decrement = f64::INFINITY;
        for _ in 0..MAX_ITERATIONS {
            let (steps, slope_step) = self.newton_step();
            let gradient = self.moments.iter().map(|m| m.rx).sum::<f64>() * slope_step;
            decrement = (gradient + self.moments.iter().zip(&steps).map(|(m, step)| m.r * step).sum::<f64>()).sqrt();
            if decrement <= TOLERANCE {
                return Ok(());
            }
            self.advance(&steps, slope_step);
        }
        Err(EvaluateError::NotConverged { iterations: MAX_ITERATIONS, decrement, tolerance: TOLERANCE })
    }

    /// Solves the arrow-shaped system: the slope by elimination of the intercepts, then each intercept.
    fn newton_step(&mut self) -> (Vec<f64>, f64) {
        self.information = self.moments.iter().map(|m| m.wxx - m.wx * m.wx / m.w).sum();
        let gradient: f64 = self.moments.iter().map(|m| m.rx - m.wx * m.r / m.w).sum();
        let slope_step = gradient / self.information;
        (self.moments.iter().map(|m| (m.r - m.wx * slope_step) / m.w).collect(), slope_step)
    }

    /// Takes the step, halved until the loss does not grow.
    fn advance(&mut self, steps: &[f64], slope_step: f64) {
        let loss = |moments: &[Moments]| moments.iter().map(|m| m.loss).sum::<f64>();
        let before = loss(&self.moments);
        let mut length = 1.0;
        loop {
            let intercepts: Vec<f64> = self.intercepts.iter().zip(steps).map(|(a, step)| a + length * step).collect();
            let slope = self.slope + length * slope_step;
            let tried = moments(&self.groups, &intercepts, slope);
            // A growth within the rounding of the sum is none; after 30 halvings the step is noise.
            if loss(&tried) <= before * (1.0 + 1e-13) || length < 1e-9 {
                (self.intercepts, self.slope, self.moments) = (intercepts, slope, tried);
                return;
            }
            length *= 0.5;
        }
    }

    fn slope(&self) -> Estimate {
        let variance = if self.groups[0].rows.clusters.is_some() {
            self.sandwich(|_, _, slope_influence| slope_influence)
        } else {
            1.0 / self.information
        };
        Estimate { value: self.slope, standard_error: variance.sqrt() }
    }

    /// The intercept of group `k` at log-odds 0, from the one at the centre.
    fn intercept(&self, k: usize) -> Estimate {
        let (moments, centre) = (self.moments[k], self.groups[k].centre);
        let lever = moments.wx / moments.w + centre;
        let variance = if self.groups[k].rows.clusters.is_some() {
            self.sandwich(|group, residual, slope_influence| {
                let own = if group == k { residual / moments.w } else { 0.0 };
                own - lever * slope_influence
            })
        } else {
            1.0 / moments.w + lever * lever / self.information
        };
        Estimate { value: self.intercepts[k] - self.slope * centre, standard_error: variance.sqrt() }
    }

    /// Cluster-robust variance of the parameter whose row influence is `influence(group, residual, influence on the slope)`.
    fn sandwich(&self, influence: impl Fn(usize, f64, f64) -> f64) -> f64 {
        let clusters = |group: &Group<'a>| group.rows.clusters.expect("asked for only with clusters");
        let rows = self.groups.iter().enumerate().flat_map(|(k, group)| {
            let (a, mean) = (self.intercepts[k], self.moments[k].wx / self.moments[k].w);
            let influence = &influence;
            group.x.iter().zip(group.rows.labels).zip(clusters(group)).map(move |((&x, &label), &cluster)| {
                let residual = f64::from(u8::from(label)) - sigmoid(a + self.slope * x);
                (cluster, influence(k, residual, residual * (x - mean) / self.information))
            })
        });
        let most = self.groups.iter().map(|group| largest(clusters(group))).max().unwrap_or(0);
        clustered_variance(rows, most)
    }
}

fn group(rows: Rows) -> Result<Group> {
    if let Some(clusters) = rows.clusters {
        assert_eq!(clusters.len(), rows.labels.len(), "one cluster a row");
    }
    if let Some(row) = rows.probabilities.iter().position(|&p| p <= 0.0 || p >= 1.0) {
        return Err(EvaluateError::ProbabilityAtBound { row });
    }
    let mut x: Vec<f64> = rows.probabilities.iter().map(|&p| logit(p)).collect();
    let centre = x.iter().sum::<f64>() / x.len() as f64;
    for x in &mut x {
        *x -= centre;
    }
    Ok(Group { rows, x, centre })
}

/// A slope exists when some group's scores differ and no direction orders the classes without overlap in every group.
fn check_identified(groups: &[Group]) -> Result<()> {
    let range = |group: &Group, class: bool| {
        let of_class = group.x.iter().zip(group.rows.labels).filter(|(_, label)| **label == class);
        of_class.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (&x, _)| (low.min(x), high.max(x)))
    };
    let ranges: Vec<_> = groups.iter().map(|group| (range(group, true), range(group, false))).collect();
    if ranges.iter().all(|(p, n)| p.0.min(n.0) >= p.1.max(n.1)) {
        return Err(EvaluateError::ConstantScore);
    }
    let is_upward = ranges.iter().all(|(positive, negative)| negative.1 <= positive.0);
    let is_downward = ranges.iter().all(|(positive, negative)| positive.1 <= negative.0);
    if is_upward || is_downward { Err(EvaluateError::Separated) } else { Ok(()) }
}

fn moments(groups: &[Group], intercepts: &[f64], slope: f64) -> Vec<Moments> {
    groups.iter().zip(intercepts).map(|(group, &intercept)| moments_of(group, intercept, slope)).collect()
}

fn moments_of(group: &Group, intercept: f64, slope: f64) -> Moments {
    let mut sums = Moments::default();
    for (&x, &label) in group.x.iter().zip(group.rows.labels) {
        let (eta, y) = (intercept + slope * x, f64::from(u8::from(label)));
        let mu = sigmoid(eta);
        let (r, w) = (y - mu, mu * (1.0 - mu));
        sums.r += r;
        sums.rx += r * x;
        sums.w += w;
        sums.wx += w * x;
        sums.wxx += w * x * x;
        sums.loss += log_loss_row(eta, y);
    }
    sums
}

#[cfg(test)]
mod tests;
