//! The strongest features of a model in words.

use osusume_model::{Family, FeatureKind, FeatureSpec, NullMeaning, Unit, Window};
use osusume_text::labels;
use osusume_text::report::Line;

use super::words::Words;
use crate::chart::{bar, curve};
use crate::markup::{Markup, classed, element};
use crate::numbers::Feature;

/// A list of sentences, each with its factor on the odds as number and bar; `strongest` is the scale in log-odds.
pub(super) fn features(words: &Words<'_>, features: &[Feature], strongest: f64) -> Markup {
    if features.is_empty() {
        return Markup::default();
    }
    let row = |feature: &Feature| {
        let (sentence, odds) = said(words, feature);
        let factor = format!("×{odds:.2}");
        let length = (odds.ln().abs() / strongest).min(1.0);
        let bar = bar(length, odds < 1.0);
        let shown =
            if feature.curve.is_empty() { bar } else { element("div", &[], [bar, curve(&feature.curve, strongest)]) };
        element("li", &[], [classed("span", "what", &sentence), shown, classed("span", "n", &factor)])
    };
    let parts =
        [words.line("h4", "", Line::Strongest), element("ul", &[("class", "features")], features.iter().map(row))];
    element("div", &[("class", "strongest")], parts)
}

/// The sentence, and the factor in the direction it names: a number that lowers the odds speaks for a sale when it is low.
fn said(words: &Words<'_>, feature: &Feature) -> (String, f64) {
    let (spec, push, language) = (spec(words, feature), &feature.push, words.language);
    let label = || osusume_model::Arg::from(labels::label(&spec, language));
    let named = |line| words.say(line, &[("label", label())]);
    match push.of.as_str() {
        "absent" => (labels::absent(&spec, language), push.odds),
        "level" => {
            let sentence = match &push.level {
                Some(level) => {
                    words.say(Line::FeatureLevel, &[("label", label()), ("level", words.called(level).into())])
                }
                None => named(Line::FeatureRareLevel),
            };
            (sentence, push.odds)
        }
        "flag" if push.odds >= 1.0 => (named(Line::FeatureYes), push.odds),
        "flag" => (named(Line::FeatureNo), 1.0 / push.odds),
        // What a high value of an attribute says, only its name can tell.
        _ if spec.text_key == "attribute" && push.odds >= 1.0 => (named(Line::FeatureHigh), push.odds),
        _ if spec.text_key == "attribute" => (named(Line::FeatureLow), 1.0 / push.odds),
        _ if push.odds >= 1.0 => (labels::high(&spec, language), push.odds),
        _ => (labels::low(&spec, language), 1.0 / push.odds),
    }
}

/// The dictionary entry as far as its words need it.
fn spec(words: &Words<'_>, feature: &Feature) -> FeatureSpec {
    FeatureSpec {
        name: feature.name.clone(),
        family: Family::ALL.into_iter().find(|family| family.id() == feature.family).unwrap_or(Family::Attribute),
        source: feature.source.clone(),
        window: Window::named(feature.window.as_deref(), feature.window_days),
        unit: Unit::Native,
        null: match feature.absent.as_str() {
            "never" => NullMeaning::Never,
            "not_yet" => NullMeaning::NotYet,
            "not_applicable" => NullMeaning::NotApplicable,
            _ => NullMeaning::Unknown,
        },
        kind: FeatureKind::Numeric,
        // A key of a newer version has no words yet; the column's name stands for it.
        text_key: labels::keys().find(|key| *key == feature.text_key).unwrap_or(""),
        subject: words.name_of(&feature.subject).to_owned(),
    }
}
