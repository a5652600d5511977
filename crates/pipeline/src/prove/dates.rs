//! Features of the dates models learn from: what they are must not depend on rows that came later.

use std::collections::BTreeMap;

use osusume_model::{Control, Date, FeatureKind, FeatureSpec, Result};
use osusume_storage::RealFs;

use super::compare::Difference;
use super::rebuild::Built;
use crate::stages::features::TRAINING;
use crate::stages::train::TrainingData;

/// What the training tables of two builds differ in, over the rows of dates up to `until`: features only, since labels lie behind their date.
///
/// Customers are compared by id and levels by name. A level that only one of the two has a name for is one of the others in both: who else
/// has it may be known later.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(super) fn differences(
    one: &Built,
    other: &Built,
    until: Date,
    control: &dyn Control,
) -> Result<(u64, Vec<Difference>)> {
    let (ours, theirs) = (table(one, control)?, table(other, control)?);
    let there = rows(other, &theirs, until);
    let mut pairs = Vec::new();
    let mut is_missing = false;
    for (key, row) in rows(one, &ours, until) {
        match there.get(&key) {
            Some(&other) => pairs.push((row, other)),
            None => is_missing = true,
        }
    }
    // Where customers are drawn, who is drawn depends on how many there are.
    let is_drawn = one.sample < 1.0 || other.sample < 1.0;
    let has_other_rows = !is_drawn && (is_missing || pairs.len() != there.len());
    let rows = has_other_rows.then(|| Difference { file: TRAINING.to_owned(), column: None, feature_of: None });
    let differing = one.specs.iter().enumerate().filter(|(at, spec)| {
        let found = other.specs.iter().position(|there| there.name == spec.name);
        let says_nothing = || pairs.iter().all(|&(row, _)| ours.column(*at)[row as usize].is_nan());
        match found {
            Some(there) => !is_same((&ours, *at, spec), (&theirs, there, &other.specs[there]), &pairs),
            // A feature that only later dates know anything of may be none without them.
            None => !says_nothing(),
        }
    });
    let columns = differing.map(|(_, spec)| Difference {
        file: TRAINING.to_owned(),
        column: Some(spec.name.clone()),
        feature_of: Some(spec.source.clone()),
    });
    Ok((pairs.len() as u64, rows.into_iter().chain(columns).collect()))
}

fn table(built: &Built, control: &dyn Control) -> Result<TrainingData> {
    TrainingData::read_in(&RealFs, &built.dir, &built.specs, 0, control)
}

fn rows<'a>(built: &'a Built, data: &TrainingData, until: Date) -> BTreeMap<(&'a str, Date), u32> {
    let row = |row: usize| ((built.customers().id(data.customer[row]), data.date[row]), row as u32);
    (0..data.n_rows()).filter(|&row| data.date[row] <= until).map(row).collect()
}

type Feature<'a> = (&'a TrainingData, usize, &'a FeatureSpec);

fn is_same(ours: Feature<'_>, theirs: Feature<'_>, pairs: &[(u32, u32)]) -> bool {
    let common = |levels: &[String], others: &[String]| -> Vec<Option<String>> {
        levels.iter().map(|level| others.contains(level).then(|| level.clone())).collect()
    };
    let value = |feature: &Feature<'_>, row: u32| feature.0.column(feature.1)[row as usize];
    match (&ours.2.kind, &theirs.2.kind) {
        (FeatureKind::Category(a), FeatureKind::Category(b)) => {
            let (names, others) = (common(a, b), common(b, a));
            let level = |names: &'_ [Option<String>], value: f32| -> Option<Option<String>> {
                (!value.is_nan()).then(|| names.get(value as usize).cloned().flatten())
            };
            pairs.iter().all(|&(row, other)| level(&names, value(&ours, row)) == level(&others, value(&theirs, other)))
        }
        (FeatureKind::Numeric, FeatureKind::Numeric) => pairs.iter().all(|&(row, other)| {
            let (a, b) = (value(&ours, row), value(&theirs, other));
            a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
        }),
        _ => false,
    }
}
