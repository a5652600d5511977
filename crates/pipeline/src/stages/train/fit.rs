//! Fitting: one model an offer on the rows of some dates, over one shared design and drawn toward what all offers have in common.

use osusume_model::{Code, Date, Fault, Result};
use osusume_propensity::design::Design;
use osusume_propensity::encoder::{Encoder, EncoderParams};
use osusume_propensity::logistic::{self, Fit, LogisticParams, Problem};
use osusume_propensity::pooled::{PooledParams, Precisions, Shared, fit_pooled};
use osusume_propensity::reference::fit_linfa;
use rayon::prelude::*;

use super::data::{Outcomes, TrainingData};
use crate::config::{Config, Penalty, Solver};
use crate::job::Job;
use crate::kernel::propensity_fault;

/// An encoder fitted on the rows of some dates, and every training row encoded by it.
pub(super) struct Encoded {
    pub(super) encoder: Encoder,
    pub(super) design: Design,
}

impl Encoded {
    /// Fits the encoder on the rows of `dates` only, and encodes all rows with it.
    pub(super) fn new(data: &TrainingData, dates: &[Date]) -> Result<Self> {
        let slices = data.slices();
        let raw = data.raw(&slices);
        let bug = |error: osusume_propensity::Error| propensity_fault(&error, "encoder");
        let encoder = Encoder::fit(&raw, &data.rows_of(dates), &EncoderParams::WINDOWS).map_err(bug)?;
        let design = Design::encode(&encoder, &raw).map_err(bug)?;
        Ok(Self { encoder, design })
    }

    /// The problem of one offer on the given outcomes.
    pub(super) fn problem<'a>(&'a self, outcomes: &'a Outcomes) -> Problem<'a> {
        problem(&self.design, outcomes)
    }
}

/// The problem of one offer over a design.
pub(super) fn problem<'a>(design: &'a Design, outcomes: &'a Outcomes) -> Problem<'a> {
    Problem { design, rows: Some(&outcomes.rows), y: &outcomes.y, weight: None, offset: None }
}

fn parameters(config: &Config) -> LogisticParams {
    let penalty = match config.train.penalty {
        Penalty::Auto => logistic::Penalty::EmpiricalBayes,
        Penalty::Fixed(lambda) => logistic::Penalty::Fixed(lambda),
    };
    LogisticParams { penalty, ..LogisticParams::STANDARD }
}

/// An offer to be fitted.
pub(super) struct Task<'a> {
    /// Its key.
    pub(super) name: &'a str,
    /// What it is learned from.
    pub(super) outcomes: &'a Outcomes,
}

/// Fits of several offers, and the precisions a later fit may start from.
pub(super) struct Fits {
    /// One an offer.
    pub(super) fits: Vec<Fit>,
    /// Of the pooled prior, by feature.
    pub(super) precisions: Option<Precisions>,
}

/// Fits the models of all offers: together where penalty and solver are the default, else each by itself.
///
/// `start` are the precisions of a fit that knew no later date.
///
/// # Errors
/// `NotConverged` with offer, iterations, gradient and tolerance; a stop asked for.
pub(super) fn fit_offers(
    job: &Job<'_>,
    data: &TrainingData,
    encoded: &Encoded,
    tasks: &[Task<'_>],
    start: Option<&Precisions>,
) -> Result<Fits> {
    if job.config.train.penalty != Penalty::Auto || job.config.train.solver != Solver::Newton {
        let fits = tasks.par_iter().map(|task| fit_alone(job, &encoded.design, task)).collect::<Result<Vec<Fit>>>()?;
        return Ok(Fits { fits, precisions: None });
    }
    if tasks.is_empty() {
        return Ok(Fits { fits: Vec::new(), precisions: start.cloned() });
    }
    let features: Vec<u32> = encoded.encoder.columns.iter().map(|column| column.raw).collect();
    let shared =
        Shared { features: &features, n_features: encoded.encoder.kinds.len(), customers: Some(&data.customer), start };
    let problems: Vec<Problem<'_>> = tasks.iter().map(|task| encoded.problem(task.outcomes)).collect();
    let pooled = fit_pooled(&problems, &shared, &PooledParams::STANDARD, &job.quiet())
        .map_err(|failed| propensity_fault(&failed.error, tasks[failed.offer].name))?;
    Ok(Fits { fits: pooled.fits, precisions: Some(pooled.precisions) })
}

/// Fits the model of one offer by itself, with the solver the pipeline file names.
///
/// # Errors
/// As [`fit_offers`].
pub(super) fn fit_alone(job: &Job<'_>, design: &Design, task: &Task<'_>) -> Result<Fit> {
    let problem = problem(design, task.outcomes);
    let ours = logistic::fit(&problem, &parameters(job.config), None, &job.quiet())
        .map_err(|error| propensity_fault(&error, task.name))?;
    match job.config.train.solver {
        Solver::Newton => Ok(ours),
        Solver::Linfa => refit_with_linfa(design, task.outcomes, ours, task.name),
    }
}

/// The same problem with the same penalty by linfa-logistic, which knows no row subsets: its rows are copied out.
fn refit_with_linfa(design: &Design, outcomes: &Outcomes, ours: Fit, offer: &str) -> Result<Fit> {
    let fault = |error: osusume_propensity::Error| propensity_fault(&error, offer);
    let x: Vec<f32> = outcomes.rows.iter().flat_map(|&row| design.row(row as usize)).copied().collect();
    let copied = Design::from_parts(outcomes.rows.len(), x, design.source().to_vec()).map_err(fault)?;
    // linfa stops on a gradient tolerance of its own; ours is checked afterwards at a hundredth of a percent of the base rate.
    let tolerance = 1e-4 * outcomes.rate() * (1.0 - outcomes.rate());
    let lambda = ours.prior.lambda().unwrap_or(0.0);
    let reference = fit_linfa(&copied, &outcomes.y, lambda, tolerance).map_err(fault)?;
    Ok(Fit { beta: reference.beta, intercept: reference.intercept, max_gradient: reference.max_gradient, ..ours })
}

/// Err when no offer has both takes and refusals to learn from.
pub(super) fn check_labels(offers: &[String], outcomes: &[Outcomes]) -> Result<()> {
    let is_constant = |o: &Outcomes| o.positives() == 0 || o.positives() == o.y.len() as u64;
    if outcomes.iter().all(is_constant) {
        return Err(Fault::new(Code::LabelsConstant).with("offers", offers.to_vec()));
    }
    Ok(())
}
