//! Train: one calibrated model an offer, tested out of time; rates borrowed from the family where takes are too few.

mod additive;
mod after;
mod backtest;
mod contact;
mod cross_section;
mod data;
mod declared;
mod fit;
mod gate;
mod model_file;
mod quantity;

use std::sync::atomic::{AtomicU64, Ordering};

use osusume_model::{Code, Date, Fault, Offer, Result, keyed_hash};
use osusume_propensity::calibration::{Calibrator, calibrate};
use osusume_propensity::encoder::Encoder;
use osusume_propensity::folds::{FoldParams, out_of_fold};
use osusume_propensity::logistic::Fit;
use osusume_propensity::pooled::PooledParams;
use osusume_propensity::shrink::{OfferCount, ShrunkRate, shrink_rates};
use rayon::prelude::*;

pub(crate) use additive::Curves;
pub(crate) use after::{After, Churn, Effects};
pub(crate) use backtest::{CONFIDENCE, DecileCounts, Measures, Tested, deciles};
pub(crate) use contact::{ARMS, ArmRows, Contact, Parts};
pub(crate) use data::{TrainingData, raw_kinds};
pub(crate) use declared::check_declared;
pub(crate) use gate::Gate;
pub(crate) use model_file::{AnyModel, PublishedModel, portable, read as read_models};
pub(crate) use quantity::{Quantity, expected as expected_units};

use self::data::Outcomes;
use self::fit::{Encoded, Task};
use super::features::FeatureTables;
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::Config;
use crate::job::Job;
use crate::kernel::propensity_fault;
use crate::units::Units;

/// What an offer's propensity rests on.
#[derive(Clone, Debug)]
pub(crate) enum Evidence {
    /// A model of its own.
    Model(Box<Fit>),
    /// The takes were too few, or the calibration did not hold: the rate, shrunk toward the family's.
    Rate,
}

/// What was learned of one offer.
#[derive(Clone, Debug)]
pub(crate) struct OfferModel {
    /// The offer's key.
    pub(crate) key: String,
    /// Model or rate.
    pub(crate) evidence: Evidence,
    /// Turns the model's linear predictor into log-odds.
    pub(crate) calibrator: Calibrator,
    /// The offer's rate and how much of it is borrowed.
    pub(crate) rate: ShrunkRate,
    /// Rows and takes learned from.
    pub(crate) rows: u64,
    pub(crate) positives: u64,
    /// What each out-of-time test said, by date.
    pub(crate) tests: Vec<Measures>,
    /// Features the model may not see; only in a cross-section.
    pub(crate) withheld: Vec<String>,
    /// What the calibration gate found; absent for an offer without a model or a test, and where there is no gate.
    pub(crate) gate: Option<Gate>,
    /// What a contact adds; absent where no draw tells it.
    pub(crate) contact: Option<Contact>,
    /// What follows a take or a contact.
    pub(crate) after: After,
    /// How many units a taker takes; of what is sold in numbers.
    pub(crate) quantity: Option<Quantity>,
}

impl OfferModel {
    /// The word in the offer table's column `basis`.
    pub(crate) fn basis(&self) -> &'static str {
        match self.evidence {
            Evidence::Model(_) => "model",
            Evidence::Rate => "rate",
        }
    }
}

/// What all models of a run share.
pub(crate) enum Columns {
    /// The encoder of linear models.
    Linear(Encoder),
    /// Bins and terms of additive models, and the models.
    Additive(Curves),
}

/// All that was learned.
pub(crate) struct Models {
    /// What all models share.
    pub(crate) columns: Columns,
    /// One entry an offer, in the order of offers.
    pub(crate) offers: Vec<OfferModel>,
    /// The tests row by row, by test and offer; for measures over several offers.
    pub(crate) tested: Vec<Vec<Option<Tested>>>,
}

impl Models {
    /// What is known of what comes of offering each offer.
    pub(crate) fn effects(&self) -> Vec<Effects<'_>> {
        self.offers.iter().map(|model| Effects { contact: model.contact.as_ref(), after: model.after }).collect()
    }
}

/// Trains, tests and calibrates every offer, and writes the model files.
///
/// # Errors
/// `LabelsConstant` when no offer can be learned, `NotConverged`, and faults of reading and writing.
pub(crate) fn train(
    job: &Job<'_>,
    (tables, features): (&Checked, &FeatureTables),
    goods: &Goods,
    schedule: &Schedule,
    units: &Units,
) -> Result<Models> {
    let keys: Vec<String> = goods.catalogue.offers.iter().map(|offer| offer.key.clone()).collect();
    let mut data = TrainingData::read(job, &features.specs, keys.len())?;
    data.restrict(contact::learned(job, tables, goods, schedule.label, &data)?);
    let all: Vec<Date> = schedule.mature.iter().map(|date| date.date).collect();
    let rows = data.rows_of(&all);
    let outcomes: Vec<Outcomes> = (0..keys.len()).map(|offer| data.outcomes(offer, &rows)).collect();
    fit::check_labels(&keys, &outcomes)?;
    let folds = folds(job, &data, units);
    let progress = Progress::new(job, (schedule.tests.len() + 1) * keys.len());
    let mut tested = Vec::new();
    let mut known = None;
    for &test in &schedule.tests {
        let setting = backtest::Setting { job, data: &data, folds: &folds, progress: &progress };
        tested.push(backtest::run(&setting, schedule, test, &keys, &mut known)?);
    }
    let tasks = learnable(job, &keys, &outcomes);
    let ground = fit::Ground { job, data: &data, folds: &folds };
    let rates = shrink_rates(&counts(job.config, goods, &outcomes), job.config.train.min_positives);
    let hash = |customer| units.hash("decile", customer);
    let (encoded, mut offers) = if job.config.is_cross_section() {
        let encoded = Encoded::new(&ground, &all, &tasks)?;
        let (data, folds, specs) = (&data, folds.as_slice(), features.specs.as_slice());
        let setting = cross_section::Setting { job, data, encoded: &encoded, folds, goods, specs };
        let (offers, by_fold) = at_once(&setting, &outcomes, &rates, &progress, hash)?;
        tested.push(by_fold);
        (encoded, offers)
    } else {
        let (encoded, fits) = fit::learn(&ground, &all, &tasks, &mut known, PooledParams::STANDARD.tolerance)?;
        let mut of_task = tasks.iter().map(|task| task.name).zip(fits).peekable();
        let mut fits: Vec<Option<Fit>> =
            keys.iter().map(|key| of_task.next_if(|(name, _)| name == key).map(|(_, fit)| fit)).collect();
        let learn = |((offer, key), fit): ((usize, &String), &mut Option<Fit>)| {
            let learned = Learned { job, encoded: &encoded, folds: &folds, outcomes: &outcomes[offer], key };
            let model = learned.offer(offer, fit.take(), &tested, rates[offer], hash);
            progress.step();
            model
        };
        let offers = keys.par_iter().enumerate().zip(&mut fits).map(learn).collect::<Result<Vec<OfferModel>>>()?;
        (encoded, offers)
    };
    for offer in offers.iter().filter(|offer| matches!(offer.evidence, Evidence::Rate)) {
        job.warn(too_few(offer, job.config.train.min_positives));
    }
    if let Some(newest) = tested.last().filter(|_| job.config.train.calibration_gate && !job.config.is_cross_section())
    {
        for fault in gate::close(&mut offers, newest) {
            job.warn(fault);
        }
    }
    let told = contact::Ground { job, tables, goods, schedule, units, data: &data, design: &encoded.design };
    contact::tell(&told, &mut offers)?;
    after::tell(job, tables, goods, schedule, &mut offers)?;
    quantity::tell(job, (&data, &folds), goods, &rows, &mut offers)?;
    let columns = match encoded.columns {
        fit::Columns::Linear(encoder) => Columns::Linear(encoder),
        fit::Columns::Additive(shape) => Columns::Additive(Curves::new(&shape, &offers)?),
    };
    let models = Models { columns, offers, tested };
    model_file::write(job, features, goods, schedule, &models)?;
    Ok(models)
}

/// The offers with enough takes to have a model of their own.
fn learnable<'a>(job: &Job<'_>, keys: &'a [String], outcomes: &'a [Outcomes]) -> Vec<Task<'a>> {
    let offers = keys.iter().zip(outcomes);
    let is_learnable = |(_, outcomes): &(&String, &Outcomes)| outcomes.is_learnable(job.config.train.min_positives);
    offers.filter(is_learnable).map(|(name, outcomes)| Task { name, outcomes }).collect()
}

/// Learns the offers of a cross-section, one after the other: each has a design of its own.
fn at_once(
    setting: &cross_section::Setting<'_>,
    outcomes: &[Outcomes],
    rates: &[ShrunkRate],
    progress: &Progress<'_>,
    hash: impl Fn(u32) -> u64 + Copy,
) -> Result<(Vec<OfferModel>, Vec<Option<Tested>>)> {
    let learn = |(offer, outcomes): (usize, &Outcomes)| {
        setting.job.check_stop()?;
        let learned = setting.offer(offer, outcomes, rates[offer], hash);
        progress.step();
        learned
    };
    outcomes.iter().enumerate().map(learn).collect::<Result<(Vec<_>, Vec<_>)>>()
}

/// Counts fits done, over all offers and tests.
struct Progress<'a> {
    job: &'a Job<'a>,
    done: AtomicU64,
    total: u64,
}

impl<'a> Progress<'a> {
    fn new(job: &'a Job<'a>, total: usize) -> Self {
        job.host.progress(0, total as u64);
        Self { job, done: AtomicU64::new(0), total: total as u64 }
    }

    fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.job.host.progress(done, self.total);
    }
}

/// The fold of each training row: by household where there is one, else by customer, so that no unit is on both sides.
fn folds(job: &Job<'_>, data: &TrainingData, units: &Units) -> Vec<u8> {
    let seed = format!("{}/fold", job.config.train.seed);
    let n_folds = u64::from(job.config.train.folds);
    data.customer.iter().map(|&customer| (keyed_hash(&seed, units.id(customer).as_bytes()) % n_folds) as u8).collect()
}

/// # Errors
/// `ConfigNotAllowed` where a rate is declared of something that is no offer.
fn counts(config: &Config, goods: &Goods, outcomes: &[Outcomes]) -> Vec<OfferCount> {
    let offers = &goods.catalogue.offers;
    let declared = &config.train.prior;
    let expected = |key: &str| declared.iter().find(|one| one.offer == key).map(|one| one.rate);
    let counts = offers.iter().zip(outcomes).zip(families(offers)).map(|((offer, outcomes), family)| OfferCount {
        family,
        rows: outcomes.y.len() as u64,
        positives: outcomes.positives(),
        expected: expected(&offer.key),
    });
    counts.collect()
}

/// Which offers are alike: a number for each family.
fn families(offers: &[Offer]) -> impl Iterator<Item = u32> + '_ {
    let first = |name: &str| offers.iter().position(|offer| offer.family == name).unwrap_or(0) as u32;
    // Offers out of categories are alike: they are one another's family.
    offers.iter().map(move |offer| if offer.product.is_some() { first(&offer.family) } else { u32::MAX })
}

fn too_few(offer: &OfferModel, needed: u64) -> Fault {
    Fault::new(Code::TooFewPositives).named(&offer.key).with("positives", offer.positives).with("needed", needed)
}

/// One offer with all rows it is learned from.
struct Learned<'a> {
    job: &'a Job<'a>,
    encoded: &'a Encoded,
    folds: &'a [u8],
    outcomes: &'a Outcomes,
    key: &'a str,
}

impl Learned<'_> {
    fn offer(
        &self,
        offer: usize,
        fit: Option<Fit>,
        tested: &[Vec<Option<Tested>>],
        rate: ShrunkRate,
        hash: impl Fn(u32) -> u64,
    ) -> Result<OfferModel> {
        let positives = self.outcomes.positives();
        let tests: Vec<&Tested> = tested.iter().filter_map(|test| test[offer].as_ref()).collect();
        // A score that was never compared with what came of it is no propensity: then the rate says more.
        let (evidence, calibrator) = match fit {
            None => None,
            Some(fit) => {
                let newest = tests.last().map(|newest| newest.calibrator);
                let calibrator = if newest.is_some() { newest } else { self.calibrated_by_customer(&fit)? };
                calibrator.map(|calibrator| (Evidence::Model(Box::new(Fit { factor: None, ..fit })), calibrator))
            }
        }
        .unwrap_or((Evidence::Rate, Calibrator::IDENTITY));
        Ok(OfferModel {
            key: self.key.to_owned(),
            evidence,
            calibrator,
            rate,
            rows: self.outcomes.y.len() as u64,
            positives,
            tests: tests.into_iter().map(|test| backtest::measure(test, &hash)).collect(),
            withheld: Vec::new(),
            gate: None,
            contact: None,
            after: After::default(),
            quantity: None,
        })
    }

    /// Without a test in time, the calibrator comes from customers the model has not seen; there is none where all takes lie in one fold.
    fn calibrated_by_customer(&self, fit: &Fit) -> Result<Option<Calibrator>> {
        let fault = |error: osusume_propensity::Error| propensity_fault(&error, self.key);
        let fold: Vec<u8> = self.outcomes.rows.iter().map(|&row| self.folds[row as usize]).collect();
        let n_folds = self.job.config.train.folds as u8;
        let problem = self.encoded.problem(self.outcomes);
        let eta = match out_of_fold(&problem, &fold, n_folds, fit, &FoldParams::STANDARD, &self.job.quiet()) {
            Ok(folds) => folds.eta,
            Err(osusume_propensity::Error::OneClassFold { .. }) => return Ok(None),
            Err(error) => return Err(fault(error)),
        };
        calibrate(&eta, &self.outcomes.y, None, &self.job.quiet()).map(|found| Some(found.calibrator)).map_err(fault)
    }
}
