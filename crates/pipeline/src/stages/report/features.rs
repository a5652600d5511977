//! What weighs most in a model: each feature's effect on the log-odds, in the units people think in.

use std::collections::BTreeMap;

use osusume_model::{FeatureKind, FeatureSpec, NullMeaning, Unit, Window};
use osusume_numeric::elementary::{exp, ln_1p};
use osusume_propensity::encoder::{Column, Encoder, Transform};
use osusume_propensity::logistic::Fit;
use osusume_report::{Feature, Push, SMALLEST_SHOWN};

use super::{Told, curves};
use crate::stages::train::{Columns, Evidence, OfferModel};

/// Features told of an offer.
const TOLD: usize = 6;
/// Weaker effects, in log-odds over the customers, are noise.
const WEAKEST: f64 = 0.02;

/// An effect no odds can be told of.
const IMPOSSIBLE: f64 = 50.0;

/// An effect of a feature.
pub(super) struct Weight {
    pub(super) of: &'static str,
    pub(super) level: Option<u32>,
    /// Log-odds of the step that is told: a standard deviation, or from absent to present.
    pub(super) step: f64,
    /// Standard deviation of the effect over the customers; what features are ranked by.
    pub(super) importance: f64,
    /// Effects from the lowest numbers to the highest, where there is a curve.
    pub(super) curve: Vec<f64>,
}

/// The strongest features of an offer, one entry a feature; none where there is no model.
pub(super) fn strongest(told: &Told<'_>, offer: usize, model: &OfferModel) -> Vec<Feature> {
    let unit = |raw: u32| told.specs[raw as usize].unit;
    let mut weights = match (&told.models.columns, &model.evidence) {
        (Columns::Linear(encoder), Evidence::Model(fit)) => of_columns(encoder, fit, model, unit),
        (Columns::Additive(curves), _) => curves::weights(curves, offer, model, unit),
        (Columns::Linear(_), Evidence::Rate) => return Vec::new(),
    };
    weights.retain(|(_, weight)| weight.importance >= WEAKEST && weight.step.abs() < IMPOSSIBLE);
    weights.sort_by(|a, b| b.1.importance.total_cmp(&a.1.importance).then(a.0.cmp(&b.0)));
    weights.truncate(TOLD);
    weights.into_iter().map(|(raw, weight)| feature(told, raw, weight)).collect()
}

fn of_columns(encoder: &Encoder, fit: &Fit, model: &OfferModel, unit: impl Fn(u32) -> Unit) -> Vec<(u32, Weight)> {
    let mut columns: BTreeMap<u32, Vec<(&Column, f64)>> = BTreeMap::new();
    for (column, beta) in encoder.columns.iter().zip(&fit.beta) {
        columns.entry(column.raw).or_default().push((column, model.calibrator.slope * beta));
    }
    let weight =
        |(raw, columns): (&u32, &Vec<(&Column, f64)>)| Some((*raw, weight(columns, unit(*raw) == Unit::Flag)?));
    columns.iter().filter_map(weight).collect()
}

/// The strongest of what the columns of one feature say.
fn weight(columns: &[(&Column, f64)], is_flag: bool) -> Option<Weight> {
    let indicators = columns.iter().filter_map(|(column, effect)| indicator(column, *effect));
    indicators.chain(number(columns, is_flag)).max_by(|a, b| a.importance.total_cmp(&b.importance))
}

/// A level, or the absence of a value: the effect of having it against not having it.
fn indicator(column: &Column, effect: f64) -> Option<Weight> {
    let (of, level) = match column.transform {
        Transform::Absent => ("absent", None),
        Transform::Level(level) => ("level", Some(level)),
        Transform::Other { .. } => ("level", None),
        Transform::Linear { .. } | Transform::Log1p { .. } => return None,
    };
    let step = effect / column.scale;
    Some(Weight {
        of,
        level,
        step,
        importance: (column.mean * (1.0 - column.mean)).max(0.0).sqrt() * step.abs(),
        curve: Vec::new(),
    })
}

/// A number: the effect of a value one standard deviation above the mean, through all its columns; a flag: of 1 against 0.
fn number(columns: &[(&Column, f64)], is_flag: bool) -> Option<Weight> {
    let (mean, deviation) = columns.iter().find_map(|(column, _)| match column.transform {
        Transform::Linear { .. } => Some((column.mean, column.scale)),
        _ => None,
    })?;
    let at = |value: f64| -> f64 {
        let part = |(column, effect): &(&Column, f64)| match column.transform {
            Transform::Linear { low, high } => effect * value.clamp(low, high) / column.scale,
            Transform::Log1p { low, high } => effect * ln_1p(value.clamp(low, high)) / column.scale,
            _ => 0.0,
        };
        columns.iter().map(part).sum()
    };
    let spread = at(mean + deviation) - at(mean);
    let (of, step) = if is_flag { ("flag", at(1.0) - at(0.0)) } else { ("high", spread) };
    Some(Weight { of, level: None, step, importance: spread.abs(), curve: Vec::new() })
}

fn feature(told: &Told<'_>, raw: u32, weight: Weight) -> Feature {
    let spec = &told.specs[raw as usize];
    Feature {
        name: spec.name.clone(),
        family: spec.family.id().to_owned(),
        source: spec.source.clone(),
        window_days: spec.window.and_then(Window::days),
        window: spec.window.and_then(Window::id).map(str::to_owned),
        absent: absent(spec.null).to_owned(),
        text_key: spec.text_key.to_owned(),
        subject: spec.subject.clone(),
        push: Push {
            of: weight.of.to_owned(),
            level: weight.level.filter(|level| is_common(told, raw, *level)).and_then(|level| name(spec, level)),
            odds: exp(weight.step),
        },
        curve: weight.curve,
    }
}

/// Whether enough customers have a level to name it. Rows repeat customers from date to date, so they are divided by the dates.
fn is_common(told: &Told<'_>, raw: u32, level: u32) -> bool {
    let rows_a_date = told.summary.training_rows as f64 / told.summary.as_of_dates.len().max(1) as f64;
    let share = match &told.models.columns {
        Columns::Linear(encoder) => share_of_column(encoder, raw, level),
        Columns::Additive(curves) => curves::share_of_level(curves, raw, level),
    };
    rows_a_date * share >= SMALLEST_SHOWN as f64
}

/// Share of the training rows with a level.
fn share_of_column(encoder: &Encoder, raw: u32, level: u32) -> f64 {
    let share = |wanted: &Transform| {
        let mut columns = encoder.columns.iter().filter(|column| column.raw == raw);
        columns.find(|column| column.transform == *wanted).map_or(0.0, |column| column.mean)
    };
    (1.0 - share(&Transform::Absent)) * share(&Transform::Level(level))
}

fn name(spec: &FeatureSpec, level: u32) -> Option<String> {
    match &spec.kind {
        FeatureKind::Category(levels) => levels.get(level as usize).cloned(),
        FeatureKind::Numeric => None,
    }
}

fn absent(null: NullMeaning) -> &'static str {
    match null {
        NullMeaning::Never => "never",
        NullMeaning::Unknown => "unknown",
        NullMeaning::NotYet => "not_yet",
        NullMeaning::NotApplicable => "not_applicable",
    }
}

#[cfg(test)]
mod tests {
    use osusume_numeric::elementary::ln;

    use super::*;

    fn column(transform: Transform, mean: f64, scale: f64) -> Column {
        Column { raw: 0, transform, mean, scale }
    }

    #[test]
    fn a_number_is_told_by_one_standard_deviation_through_all_its_columns() {
        let linear = column(Transform::Linear { low: 0.0, high: 5.0 }, 3.0, 4.0);
        let log = column(Transform::Log1p { low: 0.0, high: 5.0 }, 1.0, 0.5);
        // From 3 to 7, which the model clips to 5.
        let weight = number(&[(&linear, 0.8), (&log, -0.1)], false).unwrap();
        let expected = 0.8 * 2.0 / 4.0 - 0.1 * (ln(6.0) - ln(4.0)) / 0.5;
        assert!((weight.step - expected).abs() < 1e-12, "{}", weight.step);
        assert!(number(&[(&log, 1.0)], false).is_none());
    }

    #[test]
    fn a_flag_is_told_by_yes_against_no() {
        let flag = column(Transform::Linear { low: 0.0, high: 1.0 }, 0.25, 0.5);
        let weight = number(&[(&flag, 0.3)], true).unwrap();
        assert_eq!(weight.of, "flag");
        assert!((weight.step - 0.6).abs() < 1e-12 && (weight.importance - 0.3).abs() < 1e-12);
    }

    #[test]
    fn a_level_is_told_against_the_others_and_ranked_by_how_many_have_it() {
        let level = column(Transform::Level(3), 0.2, 0.5);
        let absent = column(Transform::Absent, 0.5, 0.5);
        let strongest = weight(&[(&level, 0.3), (&absent, -0.29)], false).unwrap();
        assert_eq!((strongest.of, strongest.level), ("absent", None));
        assert!((strongest.step + 0.58).abs() < 1e-12 && (strongest.importance - 0.29).abs() < 1e-12);
        let level = indicator(&level, 0.3).unwrap();
        assert!((level.step - 0.6).abs() < 1e-12 && (level.importance - 0.24).abs() < 1e-12);
    }
}
