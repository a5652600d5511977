//! Encoding, fitting, and measuring on rows a model has not seen.

use osusume_evaluate as evaluate;
use osusume_model::{Control, Result, keyed_hash};
use osusume_propensity::Warning;
use osusume_propensity::additive::bins::{Bins, Codes};
use osusume_propensity::additive::fit::{AdditiveFit, AdditiveParams};
use osusume_propensity::additive::terms::Term;
use osusume_propensity::additive::{fit as additive_fit, folds as additive_folds};
use osusume_propensity::calibration::{Calibrator, calibrate};
use osusume_propensity::design::Design;
use osusume_propensity::elastic_net::{self, Chosen, ElasticNetParams};
use osusume_propensity::encoder::{Encoder, EncoderParams};
use osusume_propensity::folds::{FoldParams, out_of_fold};
use osusume_propensity::logistic::{Fit, LogisticParams, Problem, fit};

use super::Kind;
use super::columns::{Table, check_memory};
use super::infer::no_columns;
use crate::kernel::propensity_fault;

/// Folds rows are dealt into.
const FOLDS: u8 = 5;
/// Key of the hash that deals them.
const FOLD_KEY: &str = "flat/fold";
/// A level fewer rows have never stands alone, nor in a model file.
const MIN_LEVEL_ROWS: u64 = 10;
/// A large table can ask for more: one in this many rows, up to the pipelines' own limit.
const ROWS_A_LEVEL: u64 = 1_000;

/// Steps of the path of L1 penalties.
const PATH_STEPS: u32 = 50;
/// How far below the first of them, which leaves every column out, the last is; with fewer rows than columns, where weak penalties
/// only separate the rows, it is not as far.
const PATH_RATIOS: [f64; 2] = [1e-4, 1e-2];
/// The penalty with the lowest loss of held-out rows is taken, not a stronger one within its error.
const STANDARD_ERRORS: f64 = 0.0;

/// What an additive fit keeps a row besides its cells: label, weight, predictor, residual, curvature now and before, and a direction.
const BYTES_A_ROW: u64 = 72;

/// How well rows are told apart by models that have not seen them.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Folds, of which each is predicted by a model of the others.
    pub folds: u32,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Its standard error.
    pub auc_standard_error: f64,
    /// Mean log loss of the calibrated propensities.
    pub log_loss: f64,
    /// Mean log loss of the base rate.
    pub base_log_loss: f64,
}

/// What a person should know of the data; columns by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The model tells the two values apart without an error, by one column alone where one is named: is it the answer itself?
    Separated {
        /// That column.
        column: Option<String>,
    },
    /// These columns depend on earlier ones.
    Collinear {
        /// The dependent columns.
        columns: Vec<String>,
    },
    /// No column carries a signal.
    NoSignal,
}

/// What a penalty with a share of L1 left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChosenColumns {
    /// Columns of the design with a coefficient; a column of the file may have several, one a level.
    pub kept: u64,
    /// Columns of the design.
    pub of: u64,
    /// Strength of the penalty beside the mean log-loss.
    pub lambda: f64,
}

/// What was fitted, and over which columns.
pub(super) enum Fitted {
    Linear { encoder: Encoder, fit: Fit },
    Sparse { encoder: Encoder, chosen: Chosen },
    Additive { bins: Bins, codes: Codes, fit: AdditiveFit },
}

/// The model and all that is known of it.
pub(super) struct Learned {
    pub(super) fitted: Fitted,
    pub(super) calibrator: Calibrator,
    pub(super) measured: Option<Measured>,
}

/// Rows a level needs to be named.
pub(super) fn min_level_rows(n_rows: u64) -> u64 {
    (n_rows / ROWS_A_LEVEL).clamp(MIN_LEVEL_ROWS, EncoderParams::STANDARD.min_level_count)
}

/// Fits a model with its penalties by empirical Bayes, or with a share of L1 by folds, calibrates it out of fold, and measures it there.
///
/// # Errors
/// `NoUsableColumns` when no column has anything to learn from, `MemoryBudget`, `NotConverged`, a stop asked for.
pub(super) fn learn(
    table: &Table,
    (kind, l1_share): (Kind, Option<f64>),
    memory: u64,
    control: &dyn Control,
) -> Result<Learned> {
    let fold = folds(&table.y);
    let (fitted, eta) = match kind {
        Kind::Linear => linear(table, &fold, l1_share, memory, control)?,
        Kind::Additive => additive(table, &fold, memory, control)?,
    };
    let Some(eta) = eta else {
        return Ok(Learned { fitted, calibrator: Calibrator::IDENTITY, measured: None });
    };
    let calibrator =
        calibrate(&eta, &table.y, None, control).map_err(|error| propensity_fault(&error, "model"))?.calibrator;
    let measured = measure(&eta, &table.y, &fold, control)?;
    Ok(Learned { fitted, calibrator, measured })
}

/// The fold of each row: those of a value are dealt in an order drawn by hash, so that every fold has the base rate of all. With rates of
/// their own, folds would be told apart by how few positives the others have, and models that know little would look worse than none.
fn folds(y: &[bool]) -> Vec<u8> {
    let mut order: Vec<(bool, u64, u32)> =
        (0..).zip(y).map(|(row, y): (u32, &bool)| (*y, keyed_hash(FOLD_KEY, &row.to_le_bytes()), row)).collect();
    order.sort_unstable();
    let mut fold = vec![0; y.len()];
    for (at, (_, _, row)) in order.into_iter().enumerate() {
        fold[row as usize] = (at % usize::from(FOLDS)) as u8;
    }
    fold
}

/// The out-of-fold linear predictors; `None` where one fold holds every row of a class: nothing is left to measure or calibrate by.
fn unless_one_class<T>(result: std::result::Result<T, osusume_propensity::Error>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(osusume_propensity::Error::OneClassFold { .. }) => Ok(None),
        Err(error) => Err(propensity_fault(&error, "model")),
    }
}

fn linear(
    table: &Table,
    fold: &[u8],
    l1_share: Option<f64>,
    memory: u64,
    control: &dyn Control,
) -> Result<(Fitted, Option<Vec<f64>>)> {
    let fault = |error: osusume_propensity::Error| propensity_fault(&error, "model");
    let (slices, kinds) = (table.slices(), table.kinds());
    let raw = table.raw(&slices, &kinds);
    let rows: Vec<u32> = (0..table.y.len() as u32).collect();
    let params = EncoderParams { min_level_count: min_level_rows(table.y.len() as u64), ..EncoderParams::STANDARD };
    let encoder = Encoder::fit(&raw, &rows, &params).map_err(fault)?;
    if encoder.n_cols() == 0 {
        return Err(no_columns(""));
    }
    // The design, and the Hessian with what it is solved by.
    let n_params = encoder.n_cols() as u64 + 1;
    check_memory(4 * rows.len() as u64 * n_params + 24 * n_params * n_params, memory / 2)?;
    let design = Design::encode(&encoder, &raw).map_err(fault)?;
    let problem = Problem { design: &design, rows: None, y: &table.y, weight: None, offset: None };
    if let Some(l1_share) = l1_share {
        return sparse(&problem, encoder, fold, l1_share, control);
    }
    let fit = fit(&problem, &LogisticParams::STANDARD, None, control).map_err(fault)?;
    let folds = out_of_fold(&problem, fold, FOLDS, &fit, &FoldParams::STANDARD, control);
    let eta = unless_one_class(folds)?.map(|folds| folds.eta);
    Ok((Fitted::Linear { encoder, fit }, eta))
}

/// Chooses columns and penalty. Where the rows of one value lie in one fold, none but the strongest penalty, which chooses nothing, can be
/// justified.
fn sparse(
    problem: &Problem<'_>,
    encoder: Encoder,
    fold: &[u8],
    l1_share: f64,
    control: &dyn Control,
) -> Result<(Fitted, Option<Vec<f64>>)> {
    let params = ElasticNetParams::STANDARD;
    let folds = (fold, FOLDS);
    let is_wide = problem.y.len() < encoder.n_cols();
    let path = (PATH_STEPS, PATH_RATIOS[usize::from(is_wide)]);
    let chosen = elastic_net::choose(problem, folds, l1_share, path, STANDARD_ERRORS, &params, control);
    let Some(chosen) = unless_one_class(chosen)? else {
        let strongest = elastic_net::path(problem, l1_share, path, &params, control);
        let strongest = strongest.map_err(|error| propensity_fault(&error, "model"))?;
        let fit = strongest.into_iter().next().expect("a path has its first step");
        return Ok((Fitted::Sparse { encoder, chosen: Chosen { fit, curve: Vec::new() } }, None));
    };
    if chosen.fit.chosen().is_empty() {
        // The folds would be told apart by nothing but their base rates.
        let eta = vec![chosen.fit.intercept; problem.y.len()];
        return Ok((Fitted::Sparse { encoder, chosen }, Some(eta)));
    }
    let eta = unless_one_class(elastic_net::out_of_fold(problem, folds, &chosen.fit, &params, control))?;
    Ok((Fitted::Sparse { encoder, chosen }, eta))
}

fn additive(table: &Table, fold: &[u8], memory: u64, control: &dyn Control) -> Result<(Fitted, Option<Vec<f64>>)> {
    let fault = |error: osusume_propensity::Error| propensity_fault(&error, "model");
    let (slices, kinds) = (table.slices(), table.kinds());
    let raw = table.raw(&slices, &kinds);
    let bins = Bins::fit(&raw, min_level_rows(table.y.len() as u64)).map_err(fault)?;
    if bins.features.is_empty() {
        return Err(no_columns(""));
    }
    let params = AdditiveParams::STANDARD;
    let cells = bins.features.len() + params.max_maps;
    check_memory(table.y.len() as u64 * (2 * cells as u64 + BYTES_A_ROW), memory / 2)?;
    let codes = bins.encode(&raw).map_err(fault)?;
    let problem = additive_fit::Problem { bins: &bins, codes: &codes, y: &table.y, weight: None };
    let fit = additive_fit::fit(&problem, &params, control).map_err(fault)?;
    let eta = unless_one_class(additive_folds::out_of_fold(&problem, fold, FOLDS, &[], &params, control))?;
    Ok((Fitted::Additive { bins, codes, fit }, eta))
}

/// Propensities by calibrators that each left out the fold they are applied to, measured.
fn measure(eta: &[f64], y: &[bool], fold: &[u8], control: &dyn Control) -> Result<Option<Measured>> {
    let mut propensity = vec![0.0; eta.len()];
    for k in 0..FOLDS {
        let others: Vec<usize> = (0..eta.len()).filter(|&i| fold[i] != k).collect();
        let eta_others: Vec<f64> = others.iter().map(|&i| eta[i]).collect();
        let y_others: Vec<bool> = others.iter().map(|&i| y[i]).collect();
        let found = calibrate(&eta_others, &y_others, None, control);
        let calibrator = found.map_err(|error| propensity_fault(&error, "model"))?.calibrator;
        for i in (0..eta.len()).filter(|&i| fold[i] == k) {
            propensity[i] = calibrator.propensity(eta[i]);
        }
    }
    let rate = y.iter().filter(|&&y| y).count() as f64 / y.len() as f64;
    let measured = || {
        let auc = evaluate::auc_estimate(&propensity, y, None).ok()?;
        Some(Measured {
            folds: u32::from(FOLDS),
            auc: auc.auc,
            auc_standard_error: auc.standard_error,
            log_loss: evaluate::log_loss(&propensity, y).ok()?,
            base_log_loss: evaluate::log_loss(&vec![rate; y.len()], y).ok()?,
        })
    };
    Ok(measured())
}

impl Learned {
    /// The warnings of the fit by names of columns.
    pub(super) fn findings(&self, table: &Table) -> Vec<Finding> {
        let no_signal = [Warning::NoSignal];
        let warnings = match &self.fitted {
            Fitted::Linear { fit, .. } => fit.warnings.as_slice(),
            Fitted::Sparse { chosen, .. } if chosen.fit.chosen().is_empty() => &no_signal,
            Fitted::Sparse { .. } => &[],
            Fitted::Additive { fit, .. } => &fit.warnings,
        };
        let name = |column: u32| self.raw_of(column).map(|raw| table.columns[raw as usize].name.clone());
        let finding = |warning: &Warning| match warning {
            Warning::Separated { column } => Some(Finding::Separated { column: column.and_then(name) }),
            Warning::Collinear { columns } => {
                let mut names: Vec<String> = columns.iter().filter_map(|&column| name(column)).collect();
                names.dedup();
                Some(Finding::Collinear { columns: names })
            }
            Warning::NoSignal => Some(Finding::NoSignal),
            Warning::PenaltyAtFloor => None,
        };
        warnings.iter().filter_map(finding).collect()
    }

    /// The raw column a warning's column comes from; a map comes from two.
    fn raw_of(&self, column: u32) -> Option<u32> {
        match &self.fitted {
            Fitted::Linear { encoder, .. } | Fitted::Sparse { encoder, .. } => {
                Some(encoder.columns[column as usize].raw)
            }
            Fitted::Additive { bins, fit, .. } => match &fit.model.terms[column as usize] {
                Term::Curve { feature } => Some(bins.features[*feature].raw),
                Term::Map { .. } => None,
            },
        }
    }

    /// What an L1 penalty left.
    pub(super) fn chosen(&self) -> Option<ChosenColumns> {
        let Fitted::Sparse { encoder, chosen } = &self.fitted else { return None };
        let (kept, of) = (chosen.fit.chosen().len() as u64, encoder.n_cols() as u64);
        Some(ChosenColumns { kept, of, lambda: chosen.fit.penalty.lambda })
    }

    /// Whether the model can use a raw column; whether it does, an L1 penalty says.
    pub(super) fn uses(&self, raw: usize) -> bool {
        match &self.fitted {
            Fitted::Linear { encoder, .. } | Fitted::Sparse { encoder, .. } => {
                encoder.columns.iter().any(|used| used.raw as usize == raw)
            }
            Fitted::Additive { bins, .. } => bins.features.iter().any(|used| used.raw as usize == raw),
        }
    }
}
