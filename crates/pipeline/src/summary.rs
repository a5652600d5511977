//! The numbers a run ends with, for the terminal and for `summary.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use osusume_evaluate as evaluate;
use osusume_model::{AsOf, FeatureSpec, Offer, Result};
use osusume_storage::Staging;
use osusume_tables::SourceCount;
use serde_json::{Value, json};

use crate::calendar::Schedule;
use crate::copies::CopiesTold;
use crate::stages::decide::DecisionCounts;
use crate::stages::mine::MineSummary;
use crate::stages::train::{After, Contact, Gate, Measures, Models, OfferModel, Tested};

/// What a finished run has to say.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Name of the run.
    pub run_id: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Name of the pipeline.
    pub pipeline: String,
    /// The as-of date.
    pub as_of: String,
    /// Currency, ISO 4217.
    pub currency: String,
    /// Digits of the minor unit.
    pub minor_digits: u32,
    /// Customers known.
    pub customers: u64,
    /// Rows learned from, over all dates.
    pub training_rows: u64,
    /// Share of the customers among them.
    pub training_sample: f64,
    /// Customers who are not learned from because they refused every channel.
    pub training_opted_out: u64,
    /// Whom offers are learned from, by the contacts about them: `everybody`, `left_alone` or `held_back`.
    pub learn_from: &'static str,
    /// Columns of the feature table.
    pub features: u64,
    /// Whether the tables are of one date, so that propensities say who resembles holders and nothing of time.
    pub is_cross_section: bool,
    /// The dates learned from.
    pub as_of_dates: Vec<String>,
    /// The dates whose labels are not known yet, ascending.
    pub open: Vec<OpenLabels>,
    /// Rows of each source.
    pub counts: Vec<(String, SourceCount)>,
    /// Rejected rows by code.
    pub rejects: Vec<(String, u64)>,
    /// Holding rows without a product in the catalogue.
    pub unknown_products: u64,
    /// One entry an offer.
    pub offers: Vec<OfferSummary>,
    /// Tests over all offers, by date.
    pub pooled: Vec<Pooled>,
    /// What was decided.
    pub decided: DecisionCounts,
    /// What expected values count: `added` by contacts, all `takes`, or `mixed`, the one for some offers and the other for the rest.
    pub value_counts: &'static str,
    /// Whom the offers reach, by declared groups; small counts are withheld.
    pub audits: Vec<osusume_report::Audit>,
    /// What was mined, where the pipeline file asks for it.
    pub mined: Option<MineSummary>,
    /// What dated copies there are of tables that are loaded again whole.
    pub copies: Vec<CopiesTold>,
}

/// A date whose labels are not known yet.
#[derive(Clone, Debug)]
pub struct OpenLabels {
    /// The date.
    pub as_of: String,
    /// The first day on which its labels are known.
    pub known_on: String,
    /// By offer, in the order of the catalogue, the rows that models will learn from then.
    pub rows: Vec<u64>,
}

/// One offer in the summary.
#[derive(Clone, Debug)]
pub struct OfferSummary {
    /// The offer's key.
    pub key: String,
    /// `upsell`, `cross_sell` or `category`.
    pub kind: &'static str,
    /// `model` or `rate`.
    pub basis: &'static str,
    /// Rows and takes learned from.
    pub rows: u64,
    /// Takes among them.
    pub positives: u64,
    /// Rows not eligible, immature, taken in the gap, negative, positive.
    pub labels: [u64; 5],
    /// Rows in the offer table.
    pub offered: u64,
    /// Tests by date.
    pub(crate) tests: Vec<Measures>,
    /// What the calibration gate found.
    pub(crate) gate: Option<Gate>,
    /// What a contact adds.
    pub(crate) contact: Option<Contact>,
    /// What follows a take or a contact.
    pub(crate) after: After,
}

impl OfferSummary {
    pub(crate) fn new(model: &OfferModel, offer: &Offer, labels: [u64; 5], offered: u64) -> Self {
        Self {
            key: model.key.clone(),
            kind: crate::words::offer_kind(offer.kind),
            basis: model.basis(),
            rows: model.rows,
            positives: model.positives,
            labels,
            offered,
            tests: model.tests.clone(),
            gate: model.gate.clone(),
            contact: model.contact.clone(),
            after: model.after,
        }
    }

    /// Area under the ROC curve at the newest test.
    pub fn newest_auc(&self) -> Option<f64> {
        self.tests.last().and_then(|test| test.auc)
    }
}

/// A test over all offers.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Pooled {
    /// Its date.
    pub as_of: String,
    /// Offers tested.
    pub offers: u64,
    /// Mean of their areas under the ROC curve.
    pub mean_auc: Option<f64>,
    /// Log loss over all rows of all offers.
    pub log_loss: Option<f64>,
    /// The same of the base rates.
    pub base_log_loss: Option<f64>,
    /// Common calibration slope with its 95 % interval, by customer.
    pub slope: Option<[f64; 3]>,
}

/// The tests of each date over all offers.
pub(crate) fn pooled(models: &Models) -> Vec<Pooled> {
    models.tested.iter().filter_map(|test| pool(&test.iter().flatten().collect::<Vec<_>>())).collect()
}

fn pool(tests: &[&Tested]) -> Option<Pooled> {
    let first = tests.first()?;
    let aucs: Vec<f64> = tests.iter().filter_map(|test| evaluate::auc(&test.propensity, &test.y).ok()).collect();
    let y: Vec<bool> = tests.iter().flat_map(|test| test.y.iter().copied()).collect();
    let propensity: Vec<f64> = tests.iter().flat_map(|test| test.propensity.iter().copied()).collect();
    let base: Vec<f64> = tests.iter().flat_map(|test| vec![test.base_rate; test.y.len()]).collect();
    let dense = dense_customers(tests);
    let rows: Vec<evaluate::Rows<'_>> = tests
        .iter()
        .zip(&dense)
        .map(|(test, clusters)| evaluate::Rows {
            probabilities: &test.propensity,
            labels: &test.y,
            clusters: Some(clusters),
        })
        .collect();
    let slope = evaluate::pooled_slope(&rows).ok().map(|found| {
        let interval = found.slope.interval(0.95);
        [found.slope.value, interval.lower, interval.upper]
    });
    Some(Pooled {
        as_of: first.date.to_string(),
        offers: tests.len() as u64,
        mean_auc: (!aucs.is_empty()).then(|| aucs.iter().sum::<f64>() / aucs.len() as f64),
        log_loss: evaluate::log_loss(&propensity, &y).ok(),
        base_log_loss: evaluate::log_loss(&base, &y).ok(),
        slope,
    })
}

/// The dates whose labels are not known yet, with their rows by offer.
pub(crate) fn open_labels(schedule: &Schedule, rows: &[Vec<u64>]) -> Vec<OpenLabels> {
    let of_date = |(date, rows): (&AsOf, &Vec<u64>)| OpenLabels {
        as_of: date.date.to_string(),
        known_on: (date.date + schedule.label.until_known()).to_string(),
        rows: rows.clone(),
    };
    schedule.open.iter().zip(rows).map(of_date).collect()
}

/// Customers as 0, 1, 2, … over all tests, as clusters must be.
fn dense_customers(tests: &[&Tested]) -> Vec<Vec<u32>> {
    let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
    for customer in tests.iter().flat_map(|test| &test.customer) {
        let next = numbers.len() as u32;
        numbers.entry(*customer).or_insert(next);
    }
    tests.iter().map(|test| test.customer.iter().map(|customer| numbers[customer]).collect()).collect()
}

/// Writes `summary.json` and the feature dictionary into the run.
pub(crate) fn write_summary(staging: &Staging, summary: &Summary, specs: &[FeatureSpec]) -> Result<()> {
    let offers: Vec<Value> = summary
        .offers
        .iter()
        .map(|offer| {
            json!({
                "offer": offer.key, "kind": offer.kind, "basis": offer.basis, "rows": offer.rows, "positives": offer.positives,
                "labels": {
                    "not_eligible": offer.labels[0], "immature": offer.labels[1], "taken_in_gap": offer.labels[2],
                    "negative": offer.labels[3], "positive": offer.labels[4],
                },
                "offered": offer.offered, "tests": offer.tests, "calibration_gate": offer.gate, "contact": offer.contact,
                "after": offer.after,
            })
        })
        .collect();
    let counts: BTreeMap<&str, Value> = summary
        .counts
        .iter()
        .map(|(name, count)| {
            let value = json!({
                "read": count.read, "accepted": count.accepted, "rejected": count.rejected, "suppressed": count.suppressed,
                "excluded": count.excluded,
                "excluded_anonymous": count.anonymous, "excluded_not_kept": count.not_kept,
                "excluded_not_yet_known": count.not_yet_known,
            });
            (name.as_str(), value)
        })
        .collect();
    let open = summary.open.iter().map(|open| {
        let rows: BTreeMap<&str, u64> =
            summary.offers.iter().zip(&open.rows).map(|(offer, rows)| (offer.key.as_str(), *rows)).collect();
        json!({ "as_of": open.as_of, "known_on": open.known_on, "rows": rows })
    });
    let open: Vec<Value> = open.collect();
    let mut value = json!({
        "format_version": 1, "pipeline": summary.pipeline, "as_of": summary.as_of, "currency": summary.currency,
        "minor_digits": summary.minor_digits, "design": if summary.is_cross_section { "cross_section" } else { "over_time" },
        "customers": summary.customers, "sources": counts, "rejects": summary.rejects,
        "holdings_of_unknown_products": summary.unknown_products,
        "training": {
            "rows": summary.training_rows, "share_of_customers": summary.training_sample, "opted_out": summary.training_opted_out, "learn_from": summary.learn_from, "features": summary.features,
            "as_of_dates": summary.as_of_dates, "tests": summary.pooled, "open_labels": open,
        },
        "offers": offers, "value_counts": summary.value_counts, "decisions": summary.decided, "rules": summary.mined,
    });
    if !summary.audits.is_empty() {
        value["guard"] = json!(summary.audits);
    }
    if !summary.copies.is_empty() {
        value["copies"] = json!(summary.copies);
    }
    write_json(staging, "summary.json", &value)?;
    crate::dictionary::write(staging, specs)
}

/// A JSON file of the run, for people and programs.
pub(crate) fn write_json(staging: &Staging, path: &str, value: &Value) -> Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("numbers and texts always become JSON");
    bytes.push(b'\n');
    staging.write_file(path, &bytes, None).map(|_| ())
}
