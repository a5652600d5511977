//! The feature dictionary of a run: written beside the features, read back by what explains a published run.

use std::collections::BTreeMap;

use osusume_model::{Family, FeatureKind, FeatureSpec, NullMeaning, Result, Unit, Window};
use osusume_storage::{Run, Staging};
use osusume_text::labels;
use serde_json::{Value, json};

use crate::runs::read_json;

/// Path below a run.
const DICTIONARY: &str = "features/dictionary.json";

/// Writes what every feature means, in the order of the columns.
pub(crate) fn write(staging: &Staging, specs: &[FeatureSpec]) -> Result<()> {
    let features: Vec<Value> = specs.iter().map(entry).collect();
    crate::summary::write_json(staging, DICTIONARY, &json!({ "format_version": 1, "features": features }))
}

fn entry(spec: &FeatureSpec) -> Value {
    let mut entry = json!({
        "name": spec.name, "family": spec.family.id(), "source": spec.source, "unit": format!("{:?}", spec.unit).to_lowercase(),
        "absent": format!("{:?}", spec.null), "window_days": spec.window.and_then(Window::days),
        "text": spec.text_key, "subject": spec.subject,
    });
    if let Some(window) = spec.window.and_then(Window::id) {
        entry["window"] = json!(window);
    }
    if let FeatureKind::Category(levels) = &spec.kind {
        entry["levels"] = json!(levels);
    }
    entry
}

/// The dictionary of a published run, one entry a feature; `None` for one this version has no words for.
///
/// # Errors
/// `FileDamaged` when there is none or it is no JSON.
pub(crate) fn read(run: &Run) -> Result<Vec<Option<FeatureSpec>>> {
    let value = read_json(run, DICTIONARY)?;
    let features = value.get("features").and_then(Value::as_array).into_iter().flatten();
    Ok(features.map(spec).collect())
}

/// The dictionary with subjects under the names that people call them by.
pub(crate) fn spoken(mut dictionary: Vec<FeatureSpec>, names: &BTreeMap<String, String>) -> Vec<FeatureSpec> {
    for spec in &mut dictionary {
        if let Some(name) = names.get(&spec.subject) {
            spec.subject.clone_from(name);
        }
    }
    dictionary
}

fn spec(entry: &Value) -> Option<FeatureSpec> {
    let family = entry["family"].as_str()?;
    let text_key = entry["text"].as_str()?;
    let days = |at: usize| entry["window_days"][at].as_u64().map(|days| days as u32);
    Some(FeatureSpec {
        name: entry["name"].as_str()?.to_owned(),
        family: Family::ALL.into_iter().find(|known| known.id() == family)?,
        source: entry["source"].as_str()?.to_owned(),
        window: Window::named(entry["window"].as_str(), days(0).zip(days(1)).map(|(start, end)| [start, end])),
        // Sentences say nothing of units.
        unit: Unit::Native,
        null: null_meaning(entry["absent"].as_str()?)?,
        kind: kind(&entry["levels"])?,
        text_key: labels::keys().find(|known| *known == text_key)?,
        subject: entry["subject"].as_str()?.to_owned(),
    })
}

fn null_meaning(text: &str) -> Option<NullMeaning> {
    use NullMeaning::{Never, NotApplicable, NotYet, Unknown};
    [Never, Unknown, NotYet, NotApplicable].into_iter().find(|meaning| format!("{meaning:?}") == text)
}

fn kind(levels: &Value) -> Option<FeatureKind> {
    let Some(levels) = levels.as_array() else { return Some(FeatureKind::Numeric) };
    let names = levels.iter().map(|level| level.as_str().map(str::to_owned));
    names.collect::<Option<Vec<_>>>().map(FeatureKind::Category)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let numeric = FeatureSpec {
            name: "traffic_sum_30d".to_owned(),
            family: Family::Money,
            source: "usage".to_owned(),
            window: Some(Window::last(30)),
            unit: Unit::Native,
            null: NullMeaning::NotYet,
            kind: FeatureKind::Numeric,
            text_key: "sum_window",
            subject: "traffic".to_owned(),
        };
        let levels = FeatureKind::Category(vec!["chiba".to_owned(), "東京".to_owned()]);
        let category = FeatureSpec { window: None, kind: levels, text_key: "attribute", ..numeric.clone() };
        let calendar = FeatureSpec { window: Some(Window::SameMonthLastYear), ..numeric.clone() };
        for expected in [numeric, category, calendar] {
            assert_eq!(spec(&entry(&expected)), Some(expected));
        }
        assert_eq!(spec(&json!({ "name": "x", "family": "weather" })), None);
    }
}
