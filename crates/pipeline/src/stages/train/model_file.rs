//! The model file: data only, versioned, bound to the features it was learned from, readable by people.

use osusume_model::{FeatureSpec, Result};
use osusume_propensity::encoder::{Column, Encoder, RawKind, Transform};
use osusume_storage::Digest;
use serde::Serialize;

use super::{Evidence, Models, OfferModel};
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::job::Job;
use crate::stages::features::FeatureTables;

/// Version of the format of model files.
const FORMAT_VERSION: u32 = 1;

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
    /// The take rate used where there is no model of its own, and the share of it that is borrowed.
    rate: f64,
    borrowed_share: f64,
    model: Option<Linear>,
    tests: &'a [super::Measures],
}

#[derive(Serialize)]
struct Linear {
    lambda: f64,
    iterations: u32,
    max_gradient: f64,
    converged: bool,
    intercept: f64,
    calibration_slope: f64,
    calibration_intercept: f64,
    columns: Vec<Coefficient>,
}

#[derive(Serialize)]
struct Coefficient {
    feature: String,
    transform: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    levels: Option<Vec<String>>,
    mean: f64,
    scale: f64,
    beta: f64,
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
    for (offer, (model, declared)) in models.offers.iter().zip(&goods.catalogue.offers).enumerate() {
        let file = ModelFile {
            format_version: FORMAT_VERSION,
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
            rate: model.rate.rate,
            borrowed_share: model.rate.prior_share,
            model: linear(model, &models.encoder, &features.specs),
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

fn linear(model: &OfferModel, encoder: &Encoder, specs: &[FeatureSpec]) -> Option<Linear> {
    let Evidence::Model(fit) = &model.evidence else { return None };
    let columns = encoder.columns.iter().zip(&fit.beta);
    Some(Linear {
        lambda: fit.lambda,
        iterations: fit.iterations,
        max_gradient: fit.max_gradient,
        converged: fit.converged,
        intercept: fit.intercept,
        calibration_slope: model.calibrator.slope,
        calibration_intercept: model.calibrator.intercept,
        columns: columns.map(|(column, &beta)| coefficient(column, beta, encoder, specs)).collect(),
    })
}

fn coefficient(column: &Column, beta: f64, encoder: &Encoder, specs: &[FeatureSpec]) -> Coefficient {
    let spec = &specs[column.raw as usize];
    let (transform, low, high, levels) = match &column.transform {
        Transform::Linear { low, high } => ("linear", Some(*low), Some(*high), None),
        Transform::Log1p { low, high } => ("log1p", Some(*low), Some(*high), None),
        Transform::Absent => ("absent", None, None, None),
        Transform::Level(level) => ("level", None, None, Some(vec![level_name(spec, *level)])),
        Transform::Other { known } => {
            ("other_than", None, None, Some(known.iter().map(|&level| level_name(spec, level)).collect()))
        }
    };
    debug_assert!(matches!(encoder.kinds[column.raw as usize], RawKind::Numeric) || low.is_none());
    Coefficient {
        feature: spec.name.clone(),
        transform,
        low,
        high,
        levels,
        mean: column.mean,
        scale: column.scale,
        beta,
    }
}

fn level_name(spec: &FeatureSpec, level: u32) -> String {
    match &spec.kind {
        osusume_model::FeatureKind::Category(levels) => levels.get(level as usize).cloned().unwrap_or_default(),
        osusume_model::FeatureKind::Numeric => level.to_string(),
    }
}
