//! The model file: data only, versioned, bound to the features it was learned from, readable by people.

use osusume_model::{Code, Fault, FeatureKind, FeatureSpec, Offer, Result};
use osusume_propensity::calibration::Calibrator;
use osusume_storage::{Digest, Run};
use serde::{Deserialize, Serialize};

use super::{Columns, Evidence, Models, OfferModel};
use crate::additive::{AdditiveFile, AdditiveModel, Written};
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::job::Job;
use crate::linear::{LinearFile, LinearModel, RawFeature};
use crate::runs::read_json;
use crate::stages::features::FeatureTables;

/// Versions of the format of model files: of linear models and rates, and of additive ones.
const FORMAT_VERSIONS: [u32; 2] = [1, 2];

/// The numbers of a model.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum AnyFile {
    Linear(LinearFile),
    Additive(AdditiveFile),
}

#[derive(Serialize)]
struct ModelFile<'a> {
    format_version: u32,
    offer: &'a str,
    kind: &'static str,
    family: &'a str,
    /// Digest over names and kinds of all features, in order.
    feature_schema: String,
    as_of_dates: Vec<String>,
    gap_days: u32,
    horizon_days: u32,
    kept_days: u32,
    rows: u64,
    positives: u64,
    basis: &'static str,
    /// Features it was not shown because they give away who holds the offer; only in a cross-section.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    withheld: &'a [String],
    /// The take rate used where there is no model of its own, and the share of it that is borrowed.
    rate: f64,
    borrowed_share: f64,
    /// What the calibration gate found at the newest test.
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration_gate: Option<&'a super::Gate>,
    model: Option<AnyFile>,
    tests: &'a [super::Measures],
}

/// What is read back of a model file.
#[derive(Deserialize)]
struct Header {
    format_version: u32,
    offer: String,
    basis: String,
    model: Option<AnyFile>,
}

/// An offer's model out of a published run.
pub(crate) struct PublishedModel {
    /// `model` or `rate`.
    pub(crate) basis: String,
    /// The model, where the offer has one of its own.
    pub(crate) model: Option<AnyModel>,
}

/// A model read back.
pub(crate) enum AnyModel {
    Linear(LinearModel),
    Additive(AdditiveModel),
}

impl PublishedModel {
    /// From the model's linear predictor to log-odds.
    pub(crate) fn calibrator(&self) -> Calibrator {
        match &self.model {
            Some(AnyModel::Linear(model)) => model.calibrator,
            Some(AnyModel::Additive(model)) => model.calibrator,
            None => Calibrator::IDENTITY,
        }
    }
}

/// Writes `models/<offer>.json` for every offer.
pub(super) fn write(
    job: &Job<'_>,
    features: &FeatureTables,
    goods: &Goods,
    schedule: &Schedule,
    models: &Models,
) -> Result<()> {
    let fingerprint = fingerprint(&features.specs).to_string();
    let dates: Vec<String> = schedule.mature.iter().map(|date| date.date.to_string()).collect();
    let raw = raw_features(&features.specs);
    for (offer, (model, declared)) in models.offers.iter().zip(&goods.catalogue.offers).enumerate() {
        let numbers = numbers(model, &models.columns, offer, &raw);
        let file = ModelFile {
            format_version: FORMAT_VERSIONS[usize::from(matches!(numbers, Some(AnyFile::Additive(_))))],
            offer: &model.key,
            kind: crate::words::offer_kind(declared.kind),
            family: &declared.family,
            feature_schema: fingerprint.clone(),
            as_of_dates: dates.clone(),
            gap_days: schedule.label.gap,
            horizon_days: schedule.label.horizon,
            kept_days: schedule.label.kept,
            rows: model.rows,
            positives: model.positives,
            basis: model.basis(),
            withheld: &model.withheld,
            rate: model.rate.rate,
            borrowed_share: model.rate.prior_share,
            calibration_gate: model.gate.as_ref(),
            model: numbers,
            tests: &model.tests,
        };
        let bytes = serde_json::to_vec_pretty(&file).expect("numbers and texts always become JSON");
        job.staging.write_file(&file_name(offer, &model.key), &bytes, None)?;
    }
    Ok(())
}

/// `models/003-line_1g.json`: the number keeps names apart that differ only in what a file name cannot hold.
/// Characters of an offer's key in the name of its file: enough to know it by; the number before them tells files apart.
const KEY_CHARS: usize = 64;

fn file_name(offer: usize, key: &str) -> String {
    let safe: String = key
        .chars()
        .take(KEY_CHARS)
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' })
        .collect();
    format!("models/{offer:03}-{safe}.json")
}

/// Digest over names and kinds of all features, in order: a model may only meet the features it was learned from.
pub(crate) fn fingerprint(specs: &[FeatureSpec]) -> Digest {
    let lines: Vec<String> = specs.iter().map(|spec| format!("{}\t{:?}\n", spec.name, spec.kind)).collect();
    Digest::of_parts(lines.iter().map(String::as_bytes))
}

fn numbers(model: &OfferModel, columns: &Columns, offer: usize, raw: &[RawFeature<'_>]) -> Option<AnyFile> {
    let Evidence::Model(fit) = &model.evidence else { return None };
    match columns {
        Columns::Linear(encoder) => Some(AnyFile::Linear(LinearFile::new(fit, model.calibrator, encoder, raw))),
        Columns::Additive(curves) => {
            let written = Written {
                model: curves.offers[offer].as_ref()?,
                bins: &curves.bins,
                shares: &curves.shares,
                strength: &[],
                calibrator: model.calibrator,
                iterations: fit.iterations,
                max_gradient: fit.max_gradient,
                effective_dof: fit.effective_dof,
            };
            Some(AnyFile::Additive(AdditiveFile::new(&written, raw)))
        }
    }
}

fn raw_features(specs: &[FeatureSpec]) -> Vec<RawFeature<'_>> {
    specs.iter().map(|spec| RawFeature { name: &spec.name, levels: levels(&spec.kind) }).collect()
}

fn levels(kind: &FeatureKind) -> Option<&[String]> {
    match kind {
        FeatureKind::Category(levels) => Some(levels),
        FeatureKind::Numeric => None,
    }
}

/// The models of a published run, in the order of `offers`.
///
/// # Errors
/// `FileDamaged` when a file is missing, cannot be understood or belongs to other features or another offer; `FormatVersion`.
pub(crate) fn read(run: &Run, offers: &[Offer], specs: &[FeatureSpec]) -> Result<Vec<PublishedModel>> {
    let features = raw_features(specs);
    let read = |(at, offer): (usize, &Offer)| {
        let name = file_name(at, &offer.key);
        let damaged = |detail: &dyn std::fmt::Display| {
            Fault::new(Code::FileDamaged).in_file(run.dir.join(&name).display().to_string()).because(detail)
        };
        let header: Header = serde_json::from_value(read_json(run, &name)?).map_err(|error| damaged(&error))?;
        if !FORMAT_VERSIONS.contains(&header.format_version) {
            let fault = Fault::new(Code::FormatVersion).in_file(run.dir.join(&name).display().to_string());
            return Err(fault
                .with("found", u64::from(header.format_version))
                .with("supported", u64::from(FORMAT_VERSIONS[1])));
        }
        if header.offer != offer.key {
            return Err(damaged(&"it belongs to another offer"));
        }
        let read = |file: AnyFile| match file {
            AnyFile::Linear(file) => file.read(&features).map(AnyModel::Linear),
            AnyFile::Additive(file) => file.read(&features).map(AnyModel::Additive),
        };
        let model = header.model.map(read).transpose().map_err(|detail| damaged(&detail))?;
        Ok(PublishedModel { basis: header.basis, model })
    };
    offers.iter().enumerate().map(read).collect()
}
