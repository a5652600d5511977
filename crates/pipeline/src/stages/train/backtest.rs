//! Out-of-time tests: models that learned only from dates known at the test's date, calibrated out of fold, and measured.

use osusume_evaluate as evaluate;
use osusume_model::{Code, Date, Fault, Result};
use osusume_numeric::linalg::linear_rows_at;
use osusume_propensity::calibration::{Calibrator, Sample, calibrate_together};
use osusume_propensity::folds::{FoldParams, out_of_fold};
use osusume_propensity::logistic::Fit;
use osusume_windows::check_disjoint_takes;
use rayon::prelude::*;

use super::Progress;
use super::data::{Outcomes, TrainingData};
use super::fit::{Encoded, Ground, Known, Task, learn};
use crate::calendar::Schedule;
use crate::job::Job;
use crate::kernel::{propensity_fault, windows_fault};

/// One offer at one test date: rows, outcomes and the propensities a run at that date would have given.
#[derive(Clone, Debug)]
pub(crate) struct Tested {
    /// Date of the test.
    pub(crate) date: Date,
    /// Customer of each row.
    pub(crate) customer: Vec<u32>,
    /// Whether the offer was taken.
    pub(crate) y: Vec<bool>,
    /// Calibrated propensity, by a model and a calibrator that have not seen the customer.
    pub(crate) propensity: Vec<f64>,
    /// Share of takes among the rows learned from: what a model that knows nothing would say.
    pub(crate) base_rate: f64,
    /// The calibrator fitted on all rows of the test; the next model is calibrated by it.
    pub(crate) calibrator: Calibrator,
    /// Propensity by a calibrator of windows that were over at the date, as a run of that day would have given it; for the gate, empty without
    /// one.
    pub(crate) carried: Vec<f64>,
}

/// What all tests share.
pub(super) struct Setting<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) data: &'a TrainingData,
    /// Fold of each training row.
    pub(super) folds: &'a [u8],
    pub(super) progress: &'a Progress<'a>,
}

/// Tolerance of a test's models of all folds: they are never published, only what the models of folds start from.
const TOLERANCE: f64 = 1e-5;

/// No date's labels were known by the test: it measures nothing.
pub(crate) fn nothing_to_learn(schedule: &Schedule, test: usize) -> Fault {
    Fault::new(Code::NoMatureLabels)
        .with("first", schedule.mature[0].date.to_string())
        .with("last", schedule.mature[test].date.to_string())
        .with("needed_days", i64::from(schedule.label.until_known()))
        .named("train.tests")
}

/// Tests every offer at `schedule.mature[test]`; `None` for offers with too little to learn from or to test on.
///
/// `known` goes from test to test: what an earlier one learned knows nothing of this one's dates.
pub(super) fn run(
    setting: &Setting<'_>,
    schedule: &Schedule,
    test: usize,
    offers: &[String],
    known: &mut Option<Known>,
) -> Result<Vec<Option<Tested>>> {
    let dates: Vec<Date> = schedule.purged(test).into_iter().map(|i| schedule.mature[i].date).collect();
    if dates.is_empty() {
        setting.job.warn(nothing_to_learn(schedule, test));
        return Ok(vec![None; offers.len()]);
    }
    let (data, date) = (setting.data, schedule.mature[test].date);
    let (train, at_test) = (data.rows_of(&dates), data.rows_of(&[date]));
    let split = |offer: usize| Split::new(data, offer, &train, &at_test);
    let splits: Vec<Split> = (0..offers.len()).into_par_iter().map(split).collect::<Result<_>>()?;
    let needed = setting.job.config.train.min_positives;
    let learned: Vec<usize> = (0..offers.len()).filter(|&i| splits[i].learned.is_learnable(needed)).collect();
    let tasks: Vec<Task<'_>> =
        learned.iter().map(|&i| Task { name: &offers[i], outcomes: &splits[i].learned }).collect();
    let ground = Ground { job: setting.job, data, folds: setting.folds };
    let (encoded, fits) = learn(&ground, &dates, &tasks, known, TOLERANCE)?;
    // Offers side by side: a fit's bits do not depend on the threads it gets.
    let predict = |(&offer, fit): (&usize, &Fit)| {
        setting.job.check_stop()?;
        let test = TestOf { setting, encoded: &encoded, name: &offers[offer] };
        let split = &splits[offer];
        let unseen = split.tested.is_mixed().then(|| test.unseen(&split.learned, &split.tested, fit)).transpose()?;
        setting.progress.step();
        Ok(unseen.map(|(eta, earlier)| Predicted { offer, eta, earlier, split }))
    };
    let predicted = learned.par_iter().zip(&fits).map(predict).collect::<Result<Vec<_>>>()?;
    let predicted: Vec<Predicted<'_>> = predicted.into_iter().flatten().collect();
    let mut tested = vec![None; offers.len()];
    for (predicted, found) in predicted.iter().zip(calibrated(setting, date, &predicted, offers)?) {
        tested[predicted.offer] = Some(found);
    }
    Ok(tested)
}

/// What an offer is learned from and tested on.
struct Split {
    learned: Outcomes,
    tested: Outcomes,
}

impl Split {
    fn new(data: &TrainingData, offer: usize, train: &[u32], at_test: &[u32]) -> Result<Self> {
        let (learned, tested) = (data.outcomes(offer, train), data.outcomes(offer, at_test));
        check_disjoint_takes(&mut data.takes(offer, &learned.rows), &mut data.takes(offer, &tested.rows))
            .map_err(|error| windows_fault(&error))?;
        Ok(Self { learned, tested })
    }
}

/// Linear predictors of an offer's test rows.
struct Predicted<'a> {
    offer: usize,
    eta: Vec<f64>,
    /// Those of the rows learned from, by models that have not seen the customer; empty where all takes are of one fold.
    earlier: Vec<f64>,
    split: &'a Split,
}

/// Propensities of all test rows, by calibrators that each left out the fold they are applied to, and the calibrators of all rows.
fn calibrated(
    setting: &Setting<'_>,
    date: Date,
    predicted: &[Predicted<'_>],
    offers: &[String],
) -> Result<Vec<Tested>> {
    let fold = |test: &Predicted<'_>, i: usize| setting.folds[test.split.tested.rows[i] as usize];
    let mut propensity: Vec<Vec<f64>> = predicted.iter().map(|test| vec![0.0; test.eta.len()]).collect();
    for k in 0..setting.job.config.train.folds as u8 {
        let calibrators = calibrators(setting, predicted, offers, |test, i| fold(test, i) != k)?;
        for ((test, propensity), calibrator) in predicted.iter().zip(&mut propensity).zip(calibrators) {
            for i in (0..test.eta.len()).filter(|&i| fold(test, i) == k) {
                propensity[i] = calibrator.propensity(test.eta[i]);
            }
        }
    }
    let calibrators = calibrators(setting, predicted, offers, |_, _| true)?;
    let carried = carried(setting, predicted, offers)?;
    let found = predicted.iter().zip(propensity).zip(calibrators).zip(carried);
    let tested = found.map(|(((test, propensity), calibrator), carried)| Tested {
        date,
        customer: test.split.tested.rows.iter().map(|&row| setting.data.customer[row as usize]).collect(),
        propensity,
        y: test.split.tested.y.clone(),
        base_rate: test.split.learned.rate(),
        calibrator,
        carried,
    });
    Ok(tested.collect())
}

/// Propensities of all test rows by calibrators of the windows learned from; only where the gate asks for them.
fn carried(setting: &Setting<'_>, predicted: &[Predicted<'_>], offers: &[String]) -> Result<Vec<Vec<f64>>> {
    let is_known = |test: &&Predicted<'_>| setting.job.config.train.calibration_gate && !test.earlier.is_empty();
    let samples: Vec<Sample<'_>> =
        predicted.iter().filter(is_known).map(|test| Sample { eta: &test.earlier, y: &test.split.learned.y }).collect();
    let mut calibrators = together(setting, &samples, offers)?.into_iter();
    let of = |test: &Predicted<'_>| {
        let calibrator = if is_known(&test) { calibrators.next() } else { None };
        calibrator.map_or_else(Vec::new, |found| test.eta.iter().map(|&eta| found.propensity(eta)).collect())
    };
    Ok(predicted.iter().map(of).collect())
}

/// The calibrators of all offers on the chosen test rows.
fn calibrators(
    setting: &Setting<'_>,
    predicted: &[Predicted<'_>],
    offers: &[String],
    is_chosen: impl Fn(&Predicted<'_>, usize) -> bool,
) -> Result<Vec<Calibrator>> {
    let chosen: Vec<(Vec<f64>, Vec<bool>)> = predicted
        .iter()
        .map(|test| (0..test.eta.len()).filter(|&i| is_chosen(test, i)).map(|i| (test.eta[i], test.split.tested.y[i])))
        .map(Iterator::unzip)
        .collect();
    let samples: Vec<Sample<'_>> = chosen.iter().map(|(eta, y)| Sample { eta, y }).collect();
    together(setting, &samples, offers)
}

fn together(setting: &Setting<'_>, samples: &[Sample<'_>], offers: &[String]) -> Result<Vec<Calibrator>> {
    calibrate_together(samples, &setting.job.quiet())
        .map(|found| found.into_iter().map(|calibration| calibration.calibrator).collect())
        .map_err(|error| propensity_fault(&error, offers.first().map_or("", String::as_str)))
}

/// One offer at one test date.
struct TestOf<'a> {
    setting: &'a Setting<'a>,
    encoded: &'a Encoded,
    name: &'a str,
}

impl TestOf<'_> {
    /// Linear predictors of the test rows by the model that left out their customer's fold; and of the rows learned from, likewise.
    fn unseen(&self, learned: &Outcomes, tested: &Outcomes, full: &Fit) -> Result<(Vec<f64>, Vec<f64>)> {
        let fold: Vec<u8> = learned.rows.iter().map(|&row| self.setting.folds[row as usize]).collect();
        let n_folds = self.setting.job.config.train.folds as u8;
        let problem = self.encoded.problem(learned);
        let (params, earlier) =
            match out_of_fold(&problem, &fold, n_folds, full, &FoldParams::STANDARD, &self.setting.job.quiet()) {
                Ok(folds) => (each_filled(folds.params, &full.params()), folds.eta),
                // All takes lie in one fold: leaving it out leaves nothing to learn from, so time alone keeps the rows apart.
                Err(osusume_propensity::Error::OneClassFold { .. }) => {
                    (vec![full.params(); n_folds as usize], Vec::new())
                }
                Err(error) => return Err(propensity_fault(&error, self.name)),
            };
        let mut eta = vec![0.0; tested.rows.len()];
        for (fold, params) in params.iter().enumerate() {
            let at: Vec<usize> = (0..tested.rows.len())
                .filter(|&i| usize::from(self.setting.folds[tested.rows[i] as usize]) == fold)
                .collect();
            let Some((intercept, beta)) = params.split_last() else { continue };
            let rows: Vec<u32> = at.iter().map(|&i| tested.rows[i]).collect();
            let mut part = vec![0.0; rows.len()];
            linear_rows_at(self.encoded.design.x(), &rows, beta, *intercept, &mut part);
            for (&i, value) in at.iter().zip(part) {
                eta[i] = value;
            }
        }
        Ok((eta, earlier))
    }
}

/// The parameters of each fold; a fold that learned from no row less than all of them has those of all.
fn each_filled(folds: Vec<Vec<f64>>, full: &[f64]) -> Vec<Vec<f64>> {
    folds.into_iter().map(|params| if params.is_empty() { full.to_vec() } else { params }).collect()
}

/// What a test says of one offer. Numbers that cannot be computed are absent.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Measures {
    /// Date of the test.
    pub(crate) as_of: String,
    /// Rows tested.
    pub(crate) rows: u64,
    /// Takes among them.
    pub(crate) positives: u64,
    /// Area under the ROC curve, never folded.
    pub(crate) auc: Option<f64>,
    /// Its standard error, clustered by customer.
    pub(crate) auc_standard_error: Option<f64>,
    /// Mean log loss of the propensities.
    pub(crate) log_loss: Option<f64>,
    /// Mean log loss of the base rate.
    pub(crate) base_log_loss: Option<f64>,
    /// Takes over the sum of propensities, with its 95 % interval.
    pub(crate) observed_over_expected: Option<[f64; 3]>,
    /// Calibration slope with its 95 % interval.
    pub(crate) slope: Option<[f64; 3]>,
    /// Take rate of the highest decile over that of all.
    pub(crate) top_decile_lift: Option<f64>,
    /// The deciles by propensity, highest first.
    pub(crate) deciles: Vec<DecileCounts>,
}

/// What deciles, gains and calibration are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct DecileCounts {
    /// Rows.
    pub(crate) rows: u64,
    /// Takes among them.
    pub(crate) positives: u64,
    /// Sum of the propensities.
    pub(crate) expected: f64,
}

/// Confidence of every interval of a test.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// Measures one offer at one test. `hashes` of customers break ties of deciles.
pub(crate) fn measure(tested: &Tested, hash: impl Fn(u32) -> u64) -> Measures {
    let rows = evaluate::Rows { probabilities: &tested.propensity, labels: &tested.y, clusters: None };
    let auc = evaluate::auc_estimate(&tested.propensity, &tested.y, None).ok();
    let base = vec![tested.base_rate; tested.y.len()];
    let hashes: Vec<u64> = tested.customer.iter().map(|&customer| hash(customer)).collect();
    let around =
        |value: f64, interval: osusume_numeric::distributions::Interval| [value, interval.lower, interval.upper];
    Measures {
        as_of: tested.date.to_string(),
        rows: tested.y.len() as u64,
        positives: tested.y.iter().filter(|&&y| y).count() as u64,
        auc: auc.as_ref().map(|estimate| estimate.auc),
        auc_standard_error: auc.as_ref().map(|estimate| estimate.standard_error),
        log_loss: evaluate::log_loss(&tested.propensity, &tested.y).ok(),
        base_log_loss: evaluate::log_loss(&base, &tested.y).ok(),
        observed_over_expected: evaluate::observed_over_expected(&rows, CONFIDENCE)
            .ok()
            .map(|found| around(found.ratio, found.interval)),
        slope: evaluate::slope_and_intercept(&rows)
            .ok()
            .map(|found| around(found.slope.value, found.slope.interval(CONFIDENCE))),
        top_decile_lift: evaluate::decile_table(&tested.propensity, &tested.y, &hashes)
            .ok()
            .map(|table| table[0].decile_lift),
        deciles: deciles(&tested.propensity, &tested.y, &hashes),
    }
}

/// The deciles of rows by propensity; none where there are no rows.
pub(crate) fn deciles(propensity: &[f64], y: &[bool], hashes: &[u64]) -> Vec<DecileCounts> {
    let counts = |tenth: &evaluate::Tenth| DecileCounts {
        rows: tenth.n_rows,
        positives: tenth.n_positives,
        expected: tenth.expected,
    };
    evaluate::tenths(propensity, y, hashes).map(|tenths| tenths.iter().map(counts).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever falls into a fold that held no row to learn from is scored by the model of all rows, which has not seen them either.
    #[test]
    fn a_fold_without_rows_has_the_model_of_all() {
        let folds = vec![vec![1.0, 2.0], Vec::new(), vec![3.0, 4.0]];
        assert_eq!(each_filled(folds, &[5.0, 6.0]), [[1.0, 2.0], [5.0, 6.0], [3.0, 4.0]]);
    }
}
