//! The model file: data only, versioned, bound to the features it was learned from, readable by people.

use osusume_model::{Code, Fault, FeatureKind, FeatureSpec, Offer, Result};
use osusume_numeric::elementary::logit;
use osusume_propensity::calibration::Calibrator;
use osusume_storage::{Digest, Run};
use serde::{Deserialize, Serialize};

use super::{Columns, Evidence, Models, OfferModel};
use crate::additive::{AdditiveFile, AdditiveModel, Written};
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::convert::{Input, InputKind, Portable};
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
    /// What a contact adds, where a draw tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<&'a super::Contact>,
    /// What follows a take or a contact, as far as it is known.
    #[serde(skip_serializing_if = "is_nothing")]
    after: super::After,
    /// How many units a taker takes; of what is sold in numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<super::quantity::QuantityFile>,
    model: Option<AnyFile>,
    tests: &'a [super::Measures],
}

/// What is read back of a model file.
#[derive(Deserialize)]
struct Header {
    format_version: u32,
    offer: String,
    basis: String,
    rate: f64,
    /// Models of earlier versions have none.
    #[serde(default)]
    contact: Option<super::Contact>,
    #[serde(default)]
    after: super::After,
    model: Option<AnyFile>,
}

/// An offer's model out of a published run.
pub(crate) struct PublishedModel {
    /// `model` or `rate`.
    pub(crate) basis: String,
    /// What a contact adds, where it is known.
    pub(crate) contact: Option<super::Contact>,
    /// What follows a take or a contact.
    pub(crate) after: super::After,
    /// The model, where the offer has one of its own.
    pub(crate) model: Option<AnyModel>,
}

/// A model read back.
pub(crate) enum AnyModel {
    Linear(LinearModel),
    Additive(AdditiveModel),
}

fn is_nothing(after: &super::After) -> bool {
    *after == super::After::default()
}

impl PublishedModel {
    /// What is known of what comes of offering it.
    pub(crate) fn effects(&self) -> super::Effects<'_> {
        super::Effects { contact: self.contact.as_ref(), after: self.after }
    }

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
            contact: model.contact.as_ref(),
            after: model.after,
            quantity: model.quantity.as_ref().map(|quantity| quantity.file(&raw)),
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
        let header = header(run, &name)?;
        if header.offer != offer.key {
            return Err(damaged(run, &name, &"it belongs to another offer"));
        }
        let model = header.model.as_ref().map(|file| file.read(&features)).transpose();
        let model = model.map_err(|detail| damaged(run, &name, &detail))?;
        Ok(PublishedModel { basis: header.basis, contact: header.contact, after: header.after, model })
    };
    offers.iter().enumerate().map(read).collect()
}

/// The models of a published run as one for other formats, and the keys of its offers in the order of its outputs.
///
/// # Errors
/// As [`read`].
pub(crate) fn portable(run: &Run, specs: &[FeatureSpec]) -> Result<(Portable, Vec<String>)> {
    let features = raw_features(specs);
    let input = |feature: &RawFeature<'_>| Input {
        name: feature.name.to_owned(),
        kind: feature.levels.map_or(InputKind::Number, |_| InputKind::Category),
    };
    let outputs = run.manifest.outputs.iter().map(|output| output.path.as_str());
    let mut names: Vec<&str> = outputs.filter(|path| path.starts_with("models/")).collect();
    // Numbers beyond 999 have more digits.
    names.sort_by_key(|name| (name.find('-'), *name));
    let mut portable = Portable::new(features.iter().map(input).collect(), names.len());
    let mut offers = Vec::with_capacity(names.len());
    for (output, name) in names.into_iter().enumerate() {
        let header = header(run, name)?;
        let model = header.model.as_ref().map(|file| file.read(&features)).transpose();
        model.map_err(|detail| damaged(run, name, &detail))?;
        let set = match &header.model {
            None => {
                portable.set_rate(output, logit(header.rate));
                Ok(())
            }
            Some(AnyFile::Linear(file)) => portable.set_linear(output, file),
            Some(AnyFile::Additive(file)) => portable.set_additive(output, file),
        };
        set.map_err(|detail| damaged(run, name, &detail))?;
        offers.push(header.offer);
    }
    Ok((portable, offers))
}

impl AnyFile {
    fn read(&self, features: &[RawFeature<'_>]) -> std::result::Result<AnyModel, String> {
        match self {
            Self::Linear(file) => file.read(features).map(AnyModel::Linear),
            Self::Additive(file) => file.read(features).map(AnyModel::Additive),
        }
    }
}

fn header(run: &Run, name: &str) -> Result<Header> {
    let header: Header = serde_json::from_value(read_json(run, name)?).map_err(|error| damaged(run, name, &error))?;
    if FORMAT_VERSIONS.contains(&header.format_version) {
        return Ok(header);
    }
    let fault = Fault::new(Code::FormatVersion).in_file(run.dir.join(name).display().to_string());
    Err(fault.with("found", u64::from(header.format_version)).with("supported", u64::from(FORMAT_VERSIONS[1])))
}

fn damaged(run: &Run, name: &str, detail: &dyn std::fmt::Display) -> Fault {
    Fault::new(Code::FileDamaged).in_file(run.dir.join(name).display().to_string()).because(detail)
}
