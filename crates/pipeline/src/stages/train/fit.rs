//! Fitting: one model an offer on the rows of some dates, over one shared design and drawn toward what all offers have in common.

use std::collections::BTreeMap;

use osusume_model::{Code, Date, Fault, Result};
use osusume_propensity::OfferError;
use osusume_propensity::design::Design;
use osusume_propensity::encoder::{Encoder, EncoderParams};
use osusume_propensity::logistic::{self, Fit, LogisticParams, Problem};
use osusume_propensity::pooled::{PooledParams, Precisions, Shared, fit_pooled};
use osusume_propensity::reference::fit_linfa;
use rayon::prelude::*;

use super::additive::{self, Found, Shape};
use super::data::{Outcomes, TrainingData};
use crate::config::{Config, ModelKind, Penalty, Solver};
use crate::job::Job;
use crate::kernel::propensity_fault;

/// Where the columns of a design come from.
pub(super) enum Columns {
    /// One encoder.
    Linear(Encoder),
    /// Functions of codes.
    Additive(Box<Shape>),
}

/// Columns chosen by the rows of some dates, and every training row encoded by them.
pub(super) struct Encoded {
    pub(super) columns: Columns,
    pub(super) design: Design,
}

impl Encoded {
    /// Chooses the columns by the rows of `dates` only, and encodes all rows with them. Additive ones are those that the offers of
    /// `tasks` ask for one by one.
    pub(super) fn new(ground: &Ground<'_>, dates: &[Date], tasks: &[Task<'_>]) -> Result<Self> {
        let rows = ground.data.rows_of(dates);
        let encoder = encoder(ground.data, &rows)?;
        if ground.job.config.train.model == ModelKind::Additive {
            return additive::encode(ground, &encoder, &rows, tasks);
        }
        Self::linear(ground.data, encoder)
    }

    fn linear(data: &TrainingData, encoder: Encoder) -> Result<Self> {
        let slices = data.slices();
        let design =
            Design::encode(&encoder, &data.raw(&slices)).map_err(|error| propensity_fault(&error, "encoder"))?;
        Ok(Self { columns: Columns::Linear(encoder), design })
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

/// What every fit stands on.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) data: &'a TrainingData,
    /// Fold of each training row.
    pub(super) folds: &'a [u8],
}

/// An offer to be fitted.
pub(super) struct Task<'a> {
    /// Its key.
    pub(super) name: &'a str,
    /// What it is learned from.
    pub(super) outcomes: &'a Outcomes,
}

/// A design, and which precision each of its columns has.
pub(super) struct Grouped<'a> {
    pub(super) design: &'a Design,
    /// By column.
    pub(super) groups: Vec<u32>,
    /// How many precisions there are.
    pub(super) n_groups: usize,
}

/// Fits of several offers, and the precisions a later fit may start from.
pub(super) struct Fits {
    /// One an offer.
    pub(super) fits: Vec<Fit>,
    /// Of the pooled prior, by feature.
    pub(super) precisions: Option<Precisions>,
}

/// What a fit starts from and how far it goes.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    /// Of a fit that knew no later date.
    pub(super) precisions: Option<&'a Precisions>,
    /// As [`Shared::params`].
    pub(super) params: Option<&'a [Option<Vec<f64>>]>,
    /// As [`PooledParams::tolerance`].
    pub(super) tolerance: f64,
}

/// Fits the models of all offers: together where penalty and solver are the default, side by side under a fixed penalty, and each by
/// itself with another solver.
///
/// # Errors
/// `NotConverged` with offer, iterations, gradient and tolerance; a stop asked for.
pub(super) fn fit_offers(
    job: &Job<'_>,
    data: &TrainingData,
    grouped: &Grouped<'_>,
    tasks: &[Task<'_>],
    start: Start<'_>,
) -> Result<Fits> {
    let problems: Vec<Problem<'_>> = tasks.iter().map(|task| problem(grouped.design, task.outcomes)).collect();
    let refused = |failed: OfferError| propensity_fault(&failed.error, tasks[failed.offer].name);
    if job.config.train.solver == Solver::Newton && job.config.train.penalty != Penalty::Auto {
        let fits = logistic::fit_each(&problems, &parameters(job.config), &job.quiet()).map_err(refused)?;
        return Ok(Fits { fits, precisions: None });
    }
    if job.config.train.solver != Solver::Newton {
        let fits = tasks.par_iter().map(|task| fit_alone(job, grouped.design, task)).collect::<Result<Vec<Fit>>>()?;
        return Ok(Fits { fits, precisions: None });
    }
    if tasks.is_empty() {
        return Ok(Fits { fits: Vec::new(), precisions: start.precisions.cloned() });
    }
    let (features, n_features) = (grouped.groups.as_slice(), grouped.n_groups);
    let precisions = start.precisions.map(|precisions| fitting(precisions, n_features, features.len()));
    let shared = Shared {
        features,
        n_features,
        customers: Some(&data.customer),
        start: precisions.as_ref(),
        params: start.params,
    };
    let params = PooledParams { tolerance: start.tolerance, ..PooledParams::STANDARD };
    let pooled = fit_pooled(&problems, &shared, &params, &job.quiet()).map_err(refused)?;
    Ok(Fits { fits: pooled.fits, precisions: Some(pooled.precisions) })
}

/// What one fit knows for the next one, whose dates include its own.
pub(super) struct Known {
    /// Of the pooled prior.
    pub(super) precisions: Option<Precisions>,
    /// Of additive models.
    pub(super) found: Found,
    /// Of linear models.
    pub(super) params: Option<Parameters>,
}

/// The parameters of linear models.
pub(super) struct Parameters {
    /// Their columns.
    encoder: Encoder,
    /// By offer's key: coefficients and intercept.
    by_offer: BTreeMap<String, Vec<f64>>,
}

impl Parameters {
    fn of(encoder: &Encoder, tasks: &[Task<'_>], fits: &[Fit]) -> Self {
        let by_offer = tasks.iter().zip(fits).map(|(task, fit)| (task.name.to_owned(), fit.params())).collect();
        Self { encoder: encoder.clone(), by_offer }
    }

    /// Those of each task by the columns of another encoder; `None` for an offer that was not learned then.
    fn carried(&self, tasks: &[Task<'_>], encoder: &Encoder) -> Result<Vec<Option<Vec<f64>>>> {
        let carried = |task: &Task<'_>| {
            let params = self.by_offer.get(task.name).map(|params| encoder.carry(&self.encoder, params));
            params.transpose().map_err(|error| propensity_fault(&error, task.name))
        };
        tasks.iter().map(carried).collect()
    }
}

/// Chooses columns by the rows of `dates` only and fits the models of all offers; `known` comes from a fit that knew no later date, and
/// goes on from here to the next; `tolerance` is that of [`PooledParams`].
///
/// # Errors
/// As [`fit_offers`].
pub(super) fn learn(
    ground: &Ground<'_>,
    dates: &[Date],
    tasks: &[Task<'_>],
    known: &mut Option<Known>,
    tolerance: f64,
) -> Result<(Encoded, Vec<Fit>)> {
    let rows = ground.data.rows_of(dates);
    let encoder = encoder(ground.data, &rows)?;
    let (encoded, fits) = if ground.job.config.train.model == ModelKind::Additive {
        additive::learn(ground, &encoder, &rows, tasks, known.as_ref(), tolerance)?
    } else {
        let (groups, n_groups) = (encoder.columns.iter().map(|column| column.raw).collect(), encoder.kinds.len());
        let before = known.as_ref().and_then(|known| known.params.as_ref());
        let params = before.map(|before| before.carried(tasks, &encoder)).transpose()?;
        let encoded = Encoded::linear(ground.data, encoder)?;
        let precisions = known.as_ref().and_then(|known| known.precisions.as_ref());
        let grouped = Grouped { design: &encoded.design, groups, n_groups };
        let start = Start { precisions, params: params.as_deref(), tolerance };
        let fits = fit_offers(ground.job, ground.data, &grouped, tasks, start)?;
        (encoded, fits)
    };
    let mut now = Known::of(&encoded, &fits);
    if let Columns::Linear(encoder) = &encoded.columns {
        now.params = Some(Parameters::of(encoder, tasks, &fits.fits));
    }
    *known = Some(now);
    Ok((encoded, fits.fits))
}

fn encoder(data: &TrainingData, rows: &[u32]) -> Result<Encoder> {
    let slices = data.slices();
    Encoder::fit(&data.raw(&slices), rows, &EncoderParams::WINDOWS).map_err(|error| propensity_fault(&error, "encoder"))
}

/// Precisions of an earlier fit for `n` groups, new ones as free as those of a first fit of `n_cols` columns.
fn fitting(start: &Precisions, n: usize, n_cols: usize) -> Precisions {
    let resized = |values: &[f64]| values.iter().copied().chain(std::iter::repeat(n_cols as f64)).take(n).collect();
    Precisions { own: resized(&start.own), common: resized(&start.common) }
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
