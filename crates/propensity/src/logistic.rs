//! Penalized logistic regression for one offer.

use std::sync::Arc;

use osusume_model::Control;
use osusume_numeric::elementary::logit;
use osusume_numeric::linalg::{Cholesky, dependent_columns};
use rayon::prelude::*;

use crate::calibration::solve_intercept;
use crate::error::{Error, OfferError, Warning};
use crate::newton::{Search, State, Stopping, minimize, minimize_one, renew_drifted, renew_outdated, scaled_tolerance};
use crate::penalty;
use crate::prior::Prior;
use crate::problem::Objective;
use crate::team::{Failure, collect, in_teams};

pub use crate::problem::Problem;

/// Variance inflation of a million: f32 columns that agree this closely are the same information.
const COLLINEAR: f64 = 1e-6;

/// How λ is chosen. λ weighs ½‖β‖² against the mean log-loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Penalty {
    /// This λ ≥ 0.
    Fixed(f64),
    /// The λ that maximizes the evidence, by its fixed point, kept between a floor and a ceiling; `DESIGN.md` derives it.
    EmpiricalBayes,
}

/// How a model is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogisticParams {
    /// The penalty.
    pub penalty: Penalty,
    /// Converged when max |∇f| ≤ `tolerance` · 4 ȳ(1 − ȳ), and likewise the squared Newton decrement. 1e-8 leaves coefficients
    /// exact to about as many digits.
    pub tolerance: f64,
    /// Newton steps allowed for one value of λ.
    pub max_iterations: u32,
    /// Return the last point with `converged = false` instead of an error.
    pub accept_unconverged: bool,
}

impl LogisticParams {
    /// What the pipelines use: empirical Bayes, 1e-8, 100 steps, no unconverged result.
    pub const STANDARD: Self =
        Self { penalty: Penalty::EmpiricalBayes, tolerance: 1e-8, max_iterations: 100, accept_unconverged: false };

    fn check(&self) -> Result<(), Error> {
        if let Penalty::Fixed(lambda) = self.penalty
            && !(lambda >= 0.0 && lambda.is_finite())
        {
            return Err(Error::Parameter { name: "lambda", allowed: "at least 0", got: lambda });
        }
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            return Err(Error::Parameter { name: "tolerance", allowed: "in (0, 1)", got: self.tolerance });
        }
        Ok(())
    }
}

/// A fitted model: η = xβ + intercept on standardized design columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Coefficients, one a design column.
    pub beta: Vec<f64>,
    /// Log-odds at the training mean of every column.
    pub intercept: f64,
    /// The penalty used, beside the mean log-loss.
    pub prior: Prior,
    /// Mean log-loss over the training rows, without the penalty.
    pub loss: f64,
    /// Newton steps over all penalties tried.
    pub iterations: u32,
    /// Hessians computed.
    pub hessians: u32,
    /// max |∇f| at the end.
    pub max_gradient: f64,
    /// Whether the tolerance was reached.
    pub converged: bool,
    /// Diagonal of the Hessian of the mean log-loss, without the penalty: d coefficients, then the intercept. Its row weights are
    /// within an eighth of those at the optimum; [`fit_each`] makes it of a sample where there are many rows, 128 a parameter.
    pub hessian_diagonal: Vec<f64>,
    /// d − tr(Λ (H + Λ)⁻¹) over the coefficients, plus 1 for the intercept; from the same Hessian.
    pub effective_dof: f64,
    /// Factor of H + Λ, of that Hessian; the models of folds take their steps by it. `None` where it was given up to save memory.
    pub factor: Option<Arc<Cholesky>>,
    /// Sum of weights.
    pub total_weight: f64,
    /// Rows labeled 1 with a positive weight.
    pub positives: u64,
    /// Rows with a positive weight.
    pub rows: u64,
    /// Findings worth telling.
    pub warnings: Vec<Warning>,
}

impl Fit {
    /// The parameters as one vector, intercept last.
    pub fn params(&self) -> Vec<f64> {
        let mut params = self.beta.clone();
        params.push(self.intercept);
        params
    }
}

/// Fits one model: minimizes (1/W) Σ wᵢ ℓᵢ + (λ/2)‖β‖² over β and a free intercept.
///
/// `start` is a warm start (length d + 1, intercept last); without one β = 0 and the intercept is the logit of the mean.
/// Each step reads X once (4 n d operations), plus n d² where the Hessian is computed anew. Bits do not depend on the number of
/// threads. Method: Boyd and Vandenberghe, Convex Optimization (2004), 9.5.
///
/// # Errors
/// [`Error::Shape`], [`Error::NotFinite`], [`Error::Parameter`], [`Error::OneClass`], [`Error::Singular`],
/// [`Error::NotConverged`] unless accepted, [`Error::Stopped`].
pub fn fit(
    problem: &Problem<'_>,
    params: &LogisticParams,
    start: Option<&[f64]>,
    control: &dyn Control,
) -> Result<Fit, Error> {
    params.check()?;
    let objective = Objective::new(problem)?;
    let classes = objective.classes();
    if !classes.is_mixed() {
        return Err(Error::OneClass { positives: classes.positives, rows: classes.rows });
    }
    let mut state = State::new(&objective, start_params(&objective, start)?);
    let stopping = Stopping { tolerance: params.tolerance, max_iterations: params.max_iterations };
    let (lambda, mut warnings) = match params.penalty {
        Penalty::Fixed(lambda) => (lambda, Vec::new()),
        Penalty::EmpiricalBayes => penalty::empirical_bayes(&objective, stopping, &mut state, control)?,
    };
    let prior = Prior::uniform(lambda, objective.design.n_cols());
    minimize_one(&objective, &prior, stopping, &mut state, control)?;
    let mut fit = conclude(&objective, prior, stopping, params.accept_unconverged, &mut state, control)?;
    warnings.append(&mut fit.warnings);
    Ok(Fit { warnings, ..fit })
}

/// Fits several models over one design with one fixed penalty, in the order of the problems: one read of the design serves a step of
/// many of them. Otherwise as [`fit`], from β = 0; every offer ends within the tolerance of the same optimum.
///
/// # Errors
/// [`Error::Parameter`] for offer 0 when the penalty is not fixed; otherwise as [`fit`], with the offer.
pub fn fit_each(
    problems: &[Problem<'_>],
    params: &LogisticParams,
    control: &dyn Control,
) -> Result<Vec<Fit>, OfferError> {
    params.check().map_err(|error| OfferError { offer: 0, error })?;
    let Penalty::Fixed(lambda) = params.penalty else {
        let error = Error::Parameter { name: "penalty", allowed: "fixed", got: f64::NAN };
        return Err(OfferError { offer: 0, error });
    };
    in_teams(problems, &mut vec![(); problems.len()], |team, _| fit_team(team, lambda, params, control))
}

fn fit_team(
    problems: &[Problem<'_>],
    lambda: f64,
    params: &LogisticParams,
    control: &dyn Control,
) -> Result<Vec<Fit>, Failure> {
    let checked = problems.par_iter().map(|problem| {
        let objective = Objective::new(problem)?;
        let classes = objective.classes();
        if classes.is_mixed() {
            let start = start_params(&objective, None)?;
            Ok((objective, start))
        } else {
            Err(Error::OneClass { positives: classes.positives, rows: classes.rows })
        }
    });
    let (objectives, starts): (Vec<Objective<'_>>, Vec<Vec<f64>>) = collect(checked.collect())?.into_iter().unzip();
    let mut states = State::new_each(&objectives, starts);
    if lambda > 0.0 {
        for (objective, state) in objectives.iter().zip(&mut states) {
            state.allow_samples(objective);
        }
        let rough =
            objectives.par_iter().zip(&mut states).map(|(objective, state)| state.adopt_rough(objective, control));
        collect(rough.collect())?;
    }
    let prior = Prior::uniform(lambda, objectives.first().map_or(0, |first| first.design.n_cols()));
    let stopping = Stopping { tolerance: params.tolerance, max_iterations: params.max_iterations };
    let mut searches: Vec<Search<'_, '_>> = objectives
        .iter()
        .zip(&mut states)
        .map(|(objective, state)| Search { objective, prior: &prior, state })
        .collect();
    minimize(&mut searches, stopping, control)?;
    let fits = objectives.par_iter().zip(&mut states).map(|(objective, state)| {
        conclude(objective, prior.clone(), stopping, params.accept_unconverged, state, control)
    });
    collect(fits.collect())
}

/// Assembles the fit where a search under a given prior has ended.
///
/// # Errors
/// [`Error::NotConverged`] unless accepted, [`Error::Singular`], [`Error::Stopped`].
pub(crate) fn conclude(
    objective: &Objective<'_>,
    prior: Prior,
    stopping: Stopping,
    accepts_unconverged: bool,
    state: &mut State,
    control: &dyn Control,
) -> Result<Fit, Error> {
    renew_drifted(objective, &prior, state, control)?;
    let separation = find_separation(objective, &state.at.eta);
    if separation.is_some() && prior.precision.iter().all(|p| *p <= 0.0) {
        // A vanishing gradient far out is no optimum: coefficients would grow without end.
        state.is_converged = false;
    }
    if !state.is_converged && !accepts_unconverged {
        return Err(Error::NotConverged {
            iterations: state.iterations,
            max_gradient: state.max_gradient,
            tolerance: scaled_tolerance(objective, stopping.tolerance),
            is_separated: separation.is_some(),
        });
    }
    let mut warnings: Vec<Warning> = separation.into_iter().collect();
    let mut columns = find_collinear(state, objective.n_params());
    if !columns.is_empty() && renew_outdated(objective, &prior, state, control)? {
        // Columns that only vary outside a sample seem to depend on others.
        columns = find_collinear(state, objective.n_params());
    }
    if !columns.is_empty() {
        warnings.push(Warning::Collinear { columns });
    }
    finish(objective, state, prior, warnings)
}

pub(crate) fn start_params(objective: &Objective<'_>, start: Option<&[f64]>) -> Result<Vec<f64>, Error> {
    if let Some(start) = start {
        crate::error::check_len("start", start.len(), objective.n_params())?;
        crate::error::check_finite("start", start)?;
        return Ok(start.to_vec());
    }
    let mut params = vec![0.0; objective.n_params()];
    params[objective.design.n_cols()] = match &objective.offset {
        None => logit(objective.mean_y),
        Some(offset) => solve_intercept(offset, &objective.all_weights(), objective.mean_y),
    };
    Ok(params)
}

/// Assembles the result from the last state.
fn finish(objective: &Objective<'_>, state: &mut State, prior: Prior, warnings: Vec<Warning>) -> Result<Fit, Error> {
    let n = objective.n_params();
    let factor = Arc::clone(state.factor_with(&prior)?);
    let curvature = state.curvature.as_ref().expect("every search computes a Hessian first");
    let classes = objective.classes();
    Ok(Fit {
        beta: state.params[..n - 1].to_vec(),
        intercept: state.params[n - 1],
        loss: state.at.loss,
        iterations: state.iterations,
        hessians: state.hessians,
        max_gradient: state.max_gradient,
        converged: state.is_converged,
        hessian_diagonal: (0..n).map(|j| curvature.hessian[j * n + j]).collect(),
        effective_dof: n as f64 - prior.weighted_sum(&factor.inverse_diagonal()),
        factor: Some(factor),
        prior,
        total_weight: objective.total_weight,
        positives: classes.positives,
        rows: classes.rows,
        warnings,
    })
}

/// Design columns that depend on earlier ones or on the constant, in the metric of the Hessian.
fn find_collinear(state: &State, n: usize) -> Vec<u32> {
    let hessian = &state.curvature.as_ref().expect("every search computes a Hessian first").hessian;
    // The constant goes first, so that a column equal to it is named and not the intercept.
    let order: Vec<usize> = std::iter::once(n - 1).chain(0..n - 1).collect();
    let mut permuted = vec![0.0; n * n];
    for (i, from_i) in order.iter().enumerate() {
        for (j, from_j) in order[..=i].iter().enumerate() {
            permuted[i * n + j] = hessian[from_i.max(from_j) * n + from_i.min(from_j)];
        }
    }
    dependent_columns(&permuted, n, COLLINEAR).into_iter().filter(|i| *i > 0).map(|i| i as u32 - 1).collect()
}

/// Whether the linear predictor separates the classes, and the first column that does so alone.
fn find_separation(objective: &Objective<'_>, eta: &[f64]) -> Option<Warning> {
    if !Ranges::over(objective, 1, |i| &eta[i..=i]).are_disjoint(0) {
        return None;
    }
    let n_cols = objective.design.n_cols();
    let ranges = Ranges::over(objective, n_cols, |i| objective.design_row(i));
    let column = (0..n_cols).find(|&column| ranges.are_disjoint(column));
    Some(Warning::Separated { column: column.map(|j| j as u32) })
}

/// Smallest and largest value of each class, by column.
struct Ranges<T> {
    low: [Vec<T>; 2],
    high: [Vec<T>; 2],
}

impl<T: Copy + PartialOrd> Ranges<T> {
    /// Over the rows that count, of which `row` gives the values of all columns.
    fn over<'r>(objective: &Objective<'_>, n_cols: usize, row: impl Fn(usize) -> &'r [T]) -> Self
    where
        T: 'r,
    {
        let mut ranges = Self { low: [const { Vec::new() }; 2], high: [const { Vec::new() }; 2] };
        for i in (0..objective.n_rows()).filter(|i| objective.counts(*i)) {
            let (class, values) = (usize::from(objective.y[i]), &row(i)[..n_cols]);
            let (low, high) = (&mut ranges.low[class], &mut ranges.high[class]);
            if low.is_empty() {
                low.extend(values);
                high.extend(values);
            }
            for ((low, high), value) in low.iter_mut().zip(high).zip(values) {
                *low = if *value < *low { *value } else { *low };
                *high = if *value > *high { *value } else { *high };
            }
        }
        ranges
    }

    fn are_disjoint(&self, column: usize) -> bool {
        self.low[1][column] > self.high[0][column] || self.low[0][column] > self.high[1][column]
    }
}
