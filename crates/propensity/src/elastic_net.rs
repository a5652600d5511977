//! Logistic regression that leaves columns out: L1 and elastic net penalties.
//!
//! f(β, b) = (1/W) Σ wᵢ ℓᵢ + λ Σⱼ ((1 − ρ)/2 βⱼ² + ρ |βⱼ|), with a free intercept and ρ the share of L1.
//!
//! Each step minimizes the second-order model of the log-loss plus the penalty itself, by coordinate descent on the Hessian, and goes
//! as far along it as the objective sinks (proximal Newton: Lee, Sun and Saunders, SIAM Journal on Optimization 24, 2014; coordinate
//! descent as in Friedman, Hastie and Tibshirani, Journal of Statistical Software 33, 2010). A Hessian serves while the row weights
//! hardly move, along a path for several λ. A coordinate at zero whose gradient lies within ±λρ costs one comparison.

mod kept;

use osusume_model::Control;

use self::kept::{Kept, candidates};
use crate::error::{Error, check_control, check_len};
use crate::logistic::start_params;
use crate::newton::{ARMIJO, KEPT_PROGRESS, LOSS_ROUNDING, MAX_HALVINGS, REFRESH_SHARE, scaled_tolerance};
use crate::problem::{Objective, Problem};
use crate::sweep::{Place, Ray, sweep};

/// Coordinate descent ends where no change moves the gradient by more than this share of the outer violation.
const INNER_SHARE: f64 = 0.01;
/// Passes of coordinate descent a step, at most.
const MAX_PASSES: u32 = 1_000;

/// The penalty λ Σ ((1 − ρ)/2 βⱼ² + ρ |βⱼ|).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElasticNet {
    /// λ > 0, beside the mean log-loss.
    pub lambda: f64,
    /// ρ, from 0 (L2 alone) to 1 (L1 alone).
    pub l1_share: f64,
}

impl ElasticNet {
    fn check(self) -> Result<(), Error> {
        if !(self.lambda > 0.0 && self.lambda.is_finite()) {
            return Err(Error::Parameter { name: "lambda", allowed: "above 0", got: self.lambda });
        }
        check_l1_share(self.l1_share, 0.0)
    }

    fn l1(self) -> f64 {
        self.lambda * self.l1_share
    }

    fn l2(self) -> f64 {
        self.lambda * (1.0 - self.l1_share)
    }

    fn of(self, beta: &[f64]) -> f64 {
        let (l1, l2) = (self.l1(), self.l2());
        beta.iter().map(|b| l1 * b.abs() + 0.5 * l2 * b * b).sum()
    }

    /// How far a coefficient is from where its subgradient holds zero, `gradient` being that of the log-loss.
    fn violation(self, b: f64, gradient: f64) -> f64 {
        let gradient = gradient + self.l2() * b;
        if b > 0.0 {
            (gradient + self.l1()).abs()
        } else if b < 0.0 {
            (gradient - self.l1()).abs()
        } else {
            (gradient.abs() - self.l1()).max(0.0)
        }
    }
}

fn check_l1_share(l1_share: f64, least: f64) -> Result<(), Error> {
    if l1_share >= least && l1_share <= 1.0 {
        return Ok(());
    }
    let allowed = if least > 0.0 { "from 0.001 to 1" } else { "from 0 to 1" };
    Err(Error::Parameter { name: "l1_share", allowed, got: l1_share })
}

/// When a search ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElasticNetParams {
    /// Converged when no subgradient is further than `tolerance` · 4 ȳ(1 − ȳ) from holding zero.
    pub tolerance: f64,
    /// Steps allowed for one λ.
    pub max_iterations: u32,
}

impl ElasticNetParams {
    /// 1e-8, 200 steps.
    pub const STANDARD: Self = Self { tolerance: 1e-8, max_iterations: 200 };

    fn check(&self) -> Result<(), Error> {
        if self.tolerance > 0.0 && self.tolerance < 1.0 {
            return Ok(());
        }
        Err(Error::Parameter { name: "tolerance", allowed: "in (0, 1)", got: self.tolerance })
    }
}

/// A model under an elastic net: η = xβ + intercept; many of the coefficients may be exactly zero.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseFit {
    /// Coefficients, one a design column.
    pub beta: Vec<f64>,
    /// Log-odds where every column is zero.
    pub intercept: f64,
    /// The penalty.
    pub penalty: ElasticNet,
    /// Mean log-loss over the training rows, without the penalty.
    pub loss: f64,
    /// Steps taken.
    pub iterations: u32,
    /// Hessians computed.
    pub hessians: u32,
    /// The largest distance of a subgradient from holding zero.
    pub max_violation: f64,
}

impl SparseFit {
    /// The parameters as one vector, intercept last.
    pub fn params(&self) -> Vec<f64> {
        let mut params = self.beta.clone();
        params.push(self.intercept);
        params
    }

    /// Design columns with a coefficient.
    pub fn chosen(&self) -> Vec<u32> {
        let chosen = self.beta.iter().enumerate().filter(|(_, b)| b.abs() > 0.0);
        chosen.map(|(column, _)| column as u32).collect()
    }
}

/// Fits one model from β = 0, or from `start` (length d + 1, intercept last). Bits do not depend on the number of threads.
///
/// # Errors
/// As [`crate::logistic::fit`]; [`Error::Parameter`] for a λ that is not positive.
pub fn fit(
    problem: &Problem<'_>,
    penalty: ElasticNet,
    params: &ElasticNetParams,
    start: Option<&[f64]>,
    control: &dyn Control,
) -> Result<SparseFit, Error> {
    penalty.check()?;
    params.check()?;
    let objective = checked(problem)?;
    let mut walk = Walk::new(&objective, start_params(&objective, start)?);
    walk.minimize(penalty, params, control)
}

/// The least λ at which no column is chosen: max |∂ mean log-loss / ∂βⱼ| / ρ at β = 0.
///
/// # Errors
/// As [`fit`]; [`Error::Parameter`] for a share of L1 below a thousandth, where nothing is ever left out.
pub fn largest_lambda(problem: &Problem<'_>, l1_share: f64, control: &dyn Control) -> Result<f64, Error> {
    check_l1_share(l1_share, 1e-3)?;
    let objective = checked(problem)?;
    let mut walk = Walk::new(&objective, start_params(&objective, None)?);
    walk.largest_lambda(l1_share, control)
}

/// Fits from the largest λ down to `ratio` times it in `n` equal steps of its logarithm, each from the one before.
///
/// # Errors
/// As [`largest_lambda`].
pub fn path(
    problem: &Problem<'_>,
    l1_share: f64,
    (n, ratio): (u32, f64),
    params: &ElasticNetParams,
    control: &dyn Control,
) -> Result<Vec<SparseFit>, Error> {
    check_l1_share(l1_share, 1e-3)?;
    params.check()?;
    check_steps(n, ratio)?;
    let objective = checked(problem)?;
    let mut walk = Walk::new(&objective, start_params(&objective, None)?);
    let largest = walk.largest_lambda(l1_share, control)?;
    let lambdas = lambdas(largest, n, ratio);
    lambdas.into_iter().map(|lambda| walk.minimize(ElasticNet { lambda, l1_share }, params, control)).collect()
}

fn check_steps(n: u32, ratio: f64) -> Result<(), Error> {
    if n < 2 {
        return Err(Error::Parameter { name: "steps", allowed: "at least 2", got: f64::from(n) });
    }
    if !(ratio > 0.0 && ratio < 1.0) {
        return Err(Error::Parameter { name: "ratio", allowed: "in (0, 1)", got: ratio });
    }
    Ok(())
}

fn lambdas(largest: f64, n: u32, ratio: f64) -> Vec<f64> {
    (0..n).map(|i| largest * ratio.powf(f64::from(i) / f64::from(n - 1))).collect()
}

/// A penalty chosen by folds.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The model of all rows under the chosen λ.
    pub fit: SparseFit,
    /// By λ, descending: its value, the mean log-loss of held-out rows, and the standard error of that over folds.
    pub curve: Vec<(f64, f64, f64)>,
}

/// Chooses λ by the mean log-loss of held-out folds: the largest whose loss is within `n_errors` standard errors of the least one.
/// `fold[i] < n_folds` is the fold of the i-th row of the problem.
///
/// # Errors
/// As [`path`]; [`Error::OneClassFold`] when a fold holds all rows of a class.
pub fn choose(
    problem: &Problem<'_>,
    (fold, n_folds): (&[u8], u8),
    l1_share: f64,
    (n, ratio): (u32, f64),
    n_errors: f64,
    params: &ElasticNetParams,
    control: &dyn Control,
) -> Result<Chosen, Error> {
    let whole = path(problem, l1_share, (n, ratio), params, control)?;
    check_len("fold", fold.len(), problem.n_rows())?;
    let penalties: Vec<ElasticNet> = whole.iter().map(|fit| fit.penalty).collect();
    let mut held_out = vec![Vec::new(); whole.len()];
    for number in 0..n_folds {
        let losses = losses_of_fold(problem, (fold, number), &penalties, params, control)?;
        held_out.iter_mut().zip(losses).for_each(|(all, loss)| all.extend(loss));
    }
    let curve: Vec<(f64, f64, f64)> = penalties
        .iter()
        .zip(&held_out)
        .map(|(penalty, losses)| {
            let (mean, error) = mean_and_error(losses);
            (penalty.lambda, mean, error)
        })
        .collect();
    let least = curve.iter().copied().reduce(|a, b| if b.1 < a.1 { b } else { a });
    let (_, loss, error) = least.expect("a path has at least two steps");
    let at = curve.iter().position(|(_, mean, _)| *mean <= loss + n_errors * error).expect("the least is one of them");
    Ok(Chosen { fit: whole.into_iter().nth(at).expect("a fit a step"), curve })
}

/// Weighted mean of the folds' mean losses, and its standard error.
fn mean_and_error(losses: &[(f64, f64)]) -> (f64, f64) {
    let total: f64 = losses.iter().map(|(_, weight)| weight).sum();
    let mean = losses.iter().map(|(loss, weight)| loss * weight).sum::<f64>() / total;
    let n = losses.len() as f64;
    let square: f64 = losses.iter().map(|(loss, weight)| weight / total * (loss - mean) * (loss - mean)).sum();
    (mean, (square / (n - 1.0).max(1.0)).sqrt())
}

/// The rows inside a fold, and the objectives over them and over all others.
struct Parted<'a> {
    /// Positions of the rows inside, by row of the design.
    inside: Vec<u32>,
    held_out: Objective<'a>,
    learned: Objective<'a>,
}

impl<'a> Parted<'a> {
    /// `None` for a fold without rows that count.
    fn new(problem: &Problem<'a>, (fold, number): (&[u8], u8)) -> Result<Option<Self>, Error> {
        let ascending = problem.ascending();
        let (inside, outside): (Vec<u32>, Vec<u32>) =
            ascending.into_iter().partition(|position| fold[*position as usize] == number);
        let held_out = Objective::at(problem, &inside);
        if held_out.classes().rows == 0 {
            return Ok(None);
        }
        let learned = Objective::at(problem, &outside);
        let classes = learned.classes();
        if !classes.is_mixed() {
            return Err(Error::OneClassFold { fold: number, positives: classes.positives, rows: classes.rows });
        }
        Ok(Some(Self { inside, held_out, learned }))
    }
}

/// Mean log-loss and weight of the rows of a fold, by models of the other rows; `None` for a fold without rows.
fn losses_of_fold(
    problem: &Problem<'_>,
    of: (&[u8], u8),
    penalties: &[ElasticNet],
    params: &ElasticNetParams,
    control: &dyn Control,
) -> Result<Vec<Option<(f64, f64)>>, Error> {
    let Some(Parted { held_out, learned, .. }) = Parted::new(problem, of)? else {
        return Ok(vec![None; penalties.len()]);
    };
    let mut walk = Walk::new(&learned, start_params(&learned, None)?);
    let mut eta = vec![0.0; held_out.n_rows()];
    let still = vec![0.0; held_out.n_rows()];
    let loss = |penalty: &ElasticNet| {
        let fit = walk.minimize(*penalty, params, control)?;
        held_out.eta(&fit.params(), &mut eta);
        Ok(Some((held_out.loss(&eta, &still, 0.0), held_out.total_weight)))
    };
    penalties.iter().map(loss).collect()
}

/// The linear predictor of each row by a model of the other folds, under the penalty of `full` and from its coefficients on.
/// `fold[i] < n_folds` is the fold of the i-th row of the problem. λ stands beside a mean, so it is the same for fewer rows.
///
/// # Errors
/// As [`fit`]; [`Error::OneClassFold`] when a fold holds all rows of a class.
pub fn out_of_fold(
    problem: &Problem<'_>,
    (fold, n_folds): (&[u8], u8),
    full: &SparseFit,
    params: &ElasticNetParams,
    control: &dyn Control,
) -> Result<Vec<f64>, Error> {
    problem.check()?;
    check_len("fold", fold.len(), problem.n_rows())?;
    check_len("beta", full.beta.len(), problem.design.n_cols())?;
    let mut all = vec![0.0; fold.len()];
    for number in 0..n_folds {
        let Some(Parted { inside, held_out, learned }) = Parted::new(problem, (fold, number))? else { continue };
        let mut walk = Walk::new(&learned, full.params());
        let found = walk.minimize(full.penalty, params, control)?.params();
        let mut eta = vec![0.0; held_out.n_rows()];
        held_out.eta(&found, &mut eta);
        inside.iter().zip(eta).for_each(|(position, eta)| all[*position as usize] = eta);
    }
    Ok(all)
}

fn checked<'a>(problem: &Problem<'a>) -> Result<Objective<'a>, Error> {
    let objective = Objective::new(problem)?;
    let classes = objective.classes();
    if classes.is_mixed() {
        Ok(objective)
    } else {
        Err(Error::OneClass { positives: classes.positives, rows: classes.rows })
    }
}

/// A search that keeps where it stands from one λ to the next.
struct Walk<'s, 'a> {
    objective: &'s Objective<'a>,
    params: Vec<f64>,
    at: Place,
    trial: Place,
    kept: Option<Kept>,
    iterations: u32,
    hessians: u32,
}

impl<'s, 'a> Walk<'s, 'a> {
    fn new(objective: &'s Objective<'a>, params: Vec<f64>) -> Self {
        let (from, mut at) = (Place::new(objective), Place::new(objective));
        sweep(vec![Ray { objective, from: &from.eta, step: &params, to: &mut at }]);
        Self { objective, params, at, trial: from, kept: None, iterations: 0, hessians: 0 }
    }

    /// λ at which every column has just been left out, at the present intercept, that of no column.
    fn largest_lambda(&mut self, l1_share: f64, control: &dyn Control) -> Result<f64, Error> {
        check_control(control)?;
        let d = self.objective.design.n_cols();
        let largest = self.at.gradient[..d].iter().fold(0.0, |most: f64, g| most.max(g.abs()));
        // Rounding up keeps the first column out; without a signal any penalty does.
        Ok((largest / l1_share * (1.0 + 1e-12)).max(f64::MIN_POSITIVE.sqrt()))
    }

    fn max_violation(&self, penalty: ElasticNet) -> f64 {
        let d = self.objective.design.n_cols();
        let of_column = |(b, g): (&f64, &f64)| penalty.violation(*b, *g);
        let columns = self.params[..d].iter().zip(&self.at.gradient).map(of_column);
        columns.fold(self.at.gradient[d].abs(), f64::max)
    }

    fn minimize(
        &mut self,
        penalty: ElasticNet,
        params: &ElasticNetParams,
        control: &dyn Control,
    ) -> Result<SparseFit, Error> {
        let tolerance = scaled_tolerance(self.objective, params.tolerance);
        let mut previous = f64::INFINITY;
        for iteration in 0..=params.max_iterations {
            check_control(control)?;
            let violation = self.max_violation(penalty);
            if violation <= tolerance {
                return Ok(self.fit_under(penalty, violation));
            }
            if iteration == params.max_iterations {
                break;
            }
            self.refresh(penalty, violation > KEPT_PROGRESS * previous, control)?;
            previous = violation;
            let kept = self.kept.as_ref().expect("refreshed");
            let (gradient, params) = (kept.gather(&self.at.gradient), kept.gather(&self.params));
            let step = descend(&kept.hessian, &gradient, &params, penalty, INNER_SHARE * violation);
            let step = kept.scatter(&step, self.params.len());
            if !self.advance(penalty, &step) && !self.forget_drifted() {
                // The Hessian is that of this place: what is left is rounding.
                break;
            }
            control.progress(u64::from(iteration) + 1, 0);
        }
        let max_gradient = self.max_violation(penalty);
        Err(Error::NotConverged { iterations: self.iterations, max_gradient, tolerance, is_separated: false })
    }

    fn fit_under(&self, penalty: ElasticNet, max_violation: f64) -> SparseFit {
        let d = self.objective.design.n_cols();
        SparseFit {
            beta: self.params[..d].to_vec(),
            intercept: self.params[d],
            penalty,
            loss: self.at.loss,
            iterations: self.iterations,
            hessians: self.hessians,
            max_violation,
        }
    }

    /// Computes the Hessian where there is none, or one of too few columns or too different row weights, or where the last step was slow.
    fn refresh(&mut self, penalty: ElasticNet, is_slow: bool, control: &dyn Control) -> Result<(), Error> {
        let wanted = candidates(&self.params, &self.at.gradient, penalty.l1());
        let drift = self.drift();
        let covers = self.kept.as_ref().is_some_and(|kept| kept.covers(&wanted));
        if covers && drift <= REFRESH_SHARE && !(is_slow && drift > 0.0) {
            return Ok(());
        }
        self.kept = Some(Kept::new(self.objective, wanted, &self.at.eta, control)?);
        self.hessians += 1;
        Ok(())
    }

    /// How far the row weights are from those of the Hessian.
    fn drift(&self) -> f64 {
        self.kept.as_ref().map_or(f64::INFINITY, |kept| kept.drift(self.objective, &self.at.eta))
    }

    /// Gives up a Hessian of other row weights. Whether it was one.
    fn forget_drifted(&mut self) -> bool {
        let is_drifted = self.drift() > 0.0;
        if is_drifted {
            self.kept = None;
        }
        is_drifted
    }

    /// Moves along the step as far as the objective sinks enough; whether it does.
    fn advance(&mut self, penalty: ElasticNet, step: &[f64]) -> bool {
        let d = self.objective.design.n_cols();
        let to = |t: f64| -> Vec<f64> { self.params.iter().zip(step).map(|(p, s)| p + t * s).collect() };
        let start = self.at.loss + penalty.of(&self.params[..d]);
        let linear: f64 = self.at.gradient.iter().zip(step).map(|(g, s)| g * s).sum();
        let sinks = linear + penalty.of(&to(1.0)[..d]) - penalty.of(&self.params[..d]);
        let rounding = LOSS_ROUNDING * start.abs();
        sweep(vec![Ray { objective: self.objective, from: &self.at.eta, step, to: &mut self.trial }]);
        let xi: Vec<f64> = self.trial.eta.iter().zip(&self.at.eta).map(|(to, from)| to - from).collect();
        let is_low = |t: f64| {
            let loss = if t < 1.0 { self.objective.loss(&self.at.eta, &xi, t) } else { self.trial.loss };
            loss + penalty.of(&to(t)[..d]) <= start + ARMIJO * t * sinks + rounding
        };
        let Some(t) = (0..MAX_HALVINGS).map(|halvings| 0.5_f64.powi(halvings as i32)).find(|t| is_low(*t)) else {
            return false;
        };
        let params = to(t);
        if t < 1.0 {
            let shorter: Vec<f64> = step.iter().map(|s| s * t).collect();
            sweep(vec![Ray { objective: self.objective, from: &self.at.eta, step: &shorter, to: &mut self.trial }]);
        }
        self.params = params;
        std::mem::swap(&mut self.at, &mut self.trial);
        self.iterations += 1;
        true
    }
}

/// Minimizes gᵀδ + ½ δᵀHδ + penalty(β + δ) over δ by coordinate descent: all coordinates once, then those that moved or are not zero
/// until they rest, then all again. Ends when no change moves the gradient by more than `tolerance`.
fn descend(hessian: &[f64], gradient: &[f64], params: &[f64], penalty: ElasticNet, tolerance: f64) -> Vec<f64> {
    let n = params.len();
    let mut quadratic = Quadratic { hessian, gradient: gradient.to_vec(), at: params.to_vec(), penalty };
    let all: Vec<usize> = (0..n).collect();
    let mut passes = 0;
    while passes < MAX_PASSES {
        passes += 1;
        if quadratic.pass(&all) <= tolerance {
            break;
        }
        let active: Vec<usize> = (0..n).filter(|j| *j == n - 1 || quadratic.at[*j].abs() > 0.0).collect();
        while passes < MAX_PASSES {
            passes += 1;
            if quadratic.pass(&active) <= tolerance {
                break;
            }
        }
    }
    quadratic.at.iter().zip(params).map(|(to, from)| to - from).collect()
}

/// The model of the objective around the present parameters.
struct Quadratic<'h> {
    hessian: &'h [f64],
    /// Of the log-loss's model, at `at`.
    gradient: Vec<f64>,
    at: Vec<f64>,
    penalty: ElasticNet,
}

impl Quadratic<'_> {
    /// Sets each of the coordinates to its minimum; the largest change in units of the gradient.
    fn pass(&mut self, coordinates: &[usize]) -> f64 {
        let n = self.at.len();
        let mut largest = 0.0_f64;
        for &j in coordinates {
            let (l1, l2) = if j == n - 1 { (0.0, 0.0) } else { (self.penalty.l1(), self.penalty.l2()) };
            let row = &self.hessian[j * n..(j + 1) * n];
            let curvature = row[j] + l2;
            if curvature <= 0.0 {
                // A column without variance says nothing.
                continue;
            }
            let target = row[j] * self.at[j] - self.gradient[j];
            let to = (target.abs() - l1).max(0.0).copysign(target) / curvature;
            let change = to - self.at[j];
            if change.abs() > 0.0 {
                self.gradient.iter_mut().zip(row).for_each(|(g, h)| *g += change * h);
                // Exactly zero where it is left out, never minus zero.
                self.at[j] = if to.abs() > 0.0 { to } else { 0.0 };
                largest = largest.max(change.abs() * curvature);
            }
        }
        largest
    }
}
