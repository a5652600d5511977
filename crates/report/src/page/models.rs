//! Offer by offer: the tests as small multiples, and what weighs most.

use osusume_text::report::Line;

use super::features::features;
use super::section;
use super::words::{Words, fact, number, share, totals};
use crate::SMALLEST_SHOWN;
use crate::chart::{Caption, calibration, gains, lift};
use crate::markup::{Markup, element};
use crate::numbers::{Band, ClosedGate, ContactRow, OfferRow, QuantityRow, StepBackRow, Test};

/// With fewer bands there is nothing to compare.
const FEWEST_BANDS: usize = 2;

pub(super) fn models(words: &Words<'_>) -> Markup {
    let meanings =
        [Line::LiftMeans, Line::GainsMeans, Line::CalibrationMeans, Line::LogLossMeans, Line::StrongestMeans];
    let has_curves =
        words.numbers.offers.iter().flat_map(|offer| &offer.features).any(|feature| !feature.curve.is_empty());
    let meanings = meanings.into_iter().chain(has_curves.then_some(Line::CurvesMean));
    let meanings = meanings.map(|line| words.line("li", "", line));
    let joined = words.say(Line::BandsNote, &[("smallest", SMALLEST_SHOWN.into())]);
    let intro = [
        element("ul", &[("class", "meanings fine")], meanings),
        element("p", &[("class", "fine")], [Markup::text(&joined)]),
        together(words).unwrap_or_default(),
    ];
    let strongest = strongest(&words.numbers.offers);
    let each = words.numbers.offers.iter().enumerate().map(|(i, offer)| one(words, i, offer, strongest));
    section(words, Line::Models, intro.into_iter().chain(each))
}

/// The largest effect of any feature, in log-odds: all bars share the scale.
fn strongest(offers: &[OfferRow]) -> f64 {
    let effects = offers.iter().flat_map(|offer| &offer.features).map(|feature| feature.push.odds.ln().abs());
    effects.filter(|effect| effect.is_finite()).fold(0.1, f64::max)
}

fn together(words: &Words<'_>) -> Option<Markup> {
    let test = words.numbers.learning.together.as_ref().filter(|test| test.bands.len() >= FEWEST_BANDS)?;
    let args =
        [("date", words.day(&test.as_of).into()), ("rows", words.arg(test.rows)), ("takes", words.arg(test.takes))];
    let parts = [
        words.line("h3", "", Line::Together),
        words.paragraph("fine", Line::TogetherNote, &args),
        charts(words, &test.bands),
        table(words, &test.bands),
    ];
    Some(element("article", &[("class", "offer")], parts))
}

fn one(words: &Words<'_>, i: usize, offer: &OfferRow, strongest: f64) -> Markup {
    let heading = [Markup::text(words.name(offer)), element("small", &[], [Markup::text(words.kind(offer))])];
    let mut parts = vec![element("h3", &[], heading), facts(words, offer), story(words, offer)];
    if let Some(test) = offer.newest() {
        parts.push(tested(words, test));
    }
    parts.push(features(words, &offer.features, strongest));
    element("article", &[("class", "offer"), ("id", &format!("offer-{}", i + 1))], parts)
}

fn facts(words: &Words<'_>, offer: &OfferRow) -> Markup {
    let mut facts = vec![
        fact(words.word(Line::Made), &words.count(offer.offered)),
        fact(words.word(Line::Value), &words.money(offer.expected_value_minor)),
    ];
    let two = |value: f64| format!("{value:.2}");
    if let Some(test) = offer.newest() {
        facts.extend(test.auc.map(|auc| fact(words.word(Line::Auc), &words.interval(auc, two))));
        facts.extend(
            test.observed_over_expected.map(|ratio| fact(words.word(Line::Level), &words.interval(ratio, two))),
        );
        facts.extend(
            test.log_loss
                .zip(test.base_log_loss)
                .map(|(model, base)| fact(words.word(Line::LogLoss), &log_loss(words, model, base))),
        );
    }
    element("div", &[("class", "facts")], facts)
}

pub(super) fn log_loss(words: &Words<'_>, model: f64, base: f64) -> String {
    let four = |value: f64| osusume_model::Arg::Number(format!("{value:.4}"));
    words.say(Line::LogLossValue, &[("model", four(model)), ("base", four(base))])
}

/// What it was learned from and tested on, in sentences.
fn story(words: &Words<'_>, offer: &OfferRow) -> Markup {
    let mut sentences = Vec::new();
    if offer.offered.get() == Some(0) {
        sentences.push(words.word(Line::NothingOffered).to_owned());
    }
    let learned = if offer.takes.get().is_some() { Line::LearnedFrom } else { Line::LearnedFromWithheld };
    sentences.push(words.say(learned, &[("rows", words.arg(offer.rows)), ("takes", words.arg(offer.takes))]));
    match (offer.basis.as_str(), offer.newest()) {
        ("rate", _) if offer.gate.is_some() => sentences.extend(offer.gate.as_ref().map(|gate| closed(words, gate))),
        ("rate", _) => sentences.push(words.word(Line::BasisRate).to_owned()),
        (_, None) => sentences.push(words.word(Line::NotTested).to_owned()),
        (_, Some(test)) => {
            let line = if test.takes.get().is_some() { Line::TestedOn } else { Line::TestedOnWithheld };
            let args = [
                ("date", words.day(&test.as_of).into()),
                ("rows", words.arg(test.rows)),
                ("takes", words.arg(test.takes)),
            ];
            sentences.push(words.say(line, &args));
            if test.bands.len() < FEWEST_BANDS {
                sentences.push(words.say(Line::TooFewForCharts, &[("smallest", SMALLEST_SHOWN.into())]));
            }
        }
    }
    sentences.extend(offer.contact.iter().flat_map(|contact| contacted(words, contact)));
    sentences.push(words.word(evidence(words, offer)).to_owned());
    sentences.extend(offer.step_backs.and_then(|found| stepped_back(words, found)));
    sentences.extend(offer.quantity.and_then(|found| taken(words, found)));
    sentences.extend(offer.lever.map(|lever| pulled(words, lever)));
    words.sentences(&sentences)
}

/// What the expected value of the offer rests on.
fn evidence(words: &Words<'_>, offer: &OfferRow) -> Line {
    match offer.evidence.as_str() {
        "cross_section" => Line::ValueOfResemblance,
        "randomised" | "assumed" if words.numbers.decisions.values_takes => Line::ValueOfTakes,
        "randomised" => Line::ValueByDraw,
        "assumed" => Line::ValueAssumed,
        _ => Line::ValueUnknown,
    }
}

/// Nothing where one of the two is withheld.
fn stepped_back(words: &Words<'_>, found: StepBackRow) -> Option<String> {
    let (takes, back) = (found.takes.get()?, found.back.get()?);
    let rate = osusume_model::Arg::Number(share(back as f64 / takes.max(1) as f64));
    Some(words.say(Line::StepBacks, &[("takes", takes.into()), ("back", back.into()), ("rate", rate)]))
}

/// Nothing where the takes are withheld.
fn taken(words: &Words<'_>, found: QuantityRow) -> Option<String> {
    let (takes, mean) = (found.takes.get()?, found.mean?);
    let line = if found.is_own { Line::QuantityOwn } else { Line::QuantityMean };
    Some(words.say(line, &[("takes", takes.into()), ("mean", osusume_model::Arg::Number(format!("{mean:.1}")))]))
}

fn pulled(words: &Words<'_>, (factor, added): (f64, i64)) -> String {
    let args = [
        ("factor", osusume_model::Arg::Number(format!("{factor}"))),
        ("added", osusume_model::Arg::Number(words.money(Some(added)))),
    ];
    words.say(Line::LeverPulled, &args)
}

/// What a contact adds, and whom it was seen on.
fn contacted(words: &Words<'_>, contact: &ContactRow) -> [String; 2] {
    let [value, lower, upper] = contact.odds.map(|odds| osusume_model::Arg::Number(format!("{odds:.2}")));
    let (arms, is_shown) = ([&contact.contacted, &contact.held_back], contact.contacted.takes.get().is_some());
    let rows = [("contacted", words.arg(arms[0].customers)), ("held", words.arg(arms[1].customers))];
    let takes = [("taken", words.arg(arms[0].takes)), ("alone", words.arg(arms[1].takes))];
    let drawn = if is_shown { Line::DrawnByLot } else { Line::DrawnByLotWithheld };
    let odds = [("value", value), ("lower", lower), ("upper", upper)];
    [words.say(drawn, &[rows, takes].concat()), words.say(Line::ContactOdds, &odds)]
}

/// Why the model is not used.
fn closed(words: &Words<'_>, gate: &ClosedGate) -> String {
    let shown = |found: Option<[f64; 3]>| {
        let text = found.map_or_else(|| "–".to_owned(), |[v, low, high]| format!("{v:.2} ({low:.2}–{high:.2})"));
        osusume_model::Arg::Number(text)
    };
    words.say(Line::GateClosed, &[("slope", shown(gate.slope)), ("level", shown(gate.observed_over_expected))])
}

fn tested(words: &Words<'_>, test: &Test) -> Markup {
    if test.bands.len() < FEWEST_BANDS {
        return Markup::default();
    }
    [charts(words, &test.bands), table(words, &test.bands)].into_iter().collect()
}

/// Lift, gains and calibration side by side.
fn charts(words: &Words<'_>, bands: &[Band]) -> Markup {
    let (rows, takes) = totals(bands);
    let (Some(first), average) = (bands.first(), takes as f64 / rows as f64) else { return Markup::default() };
    let arg = |text: String| osusume_model::Arg::Number(text);
    let two = |value: f64| arg(format!("{:.2}", value / average));
    let [value, lower, upper] = first.observed;
    let lift_args = [("first", two(value)), ("lower", two(lower)), ("upper", two(upper))];
    let of_rows = first.rows.get().unwrap_or(0) as f64 / rows as f64;
    let gain_args = [("share", arg(share(of_rows))), ("gain", arg(share(first.gain[0])))];
    let calibration_args = [("predicted", arg(share(first.predicted))), ("observed", arg(share(value)))];
    let caption = |title, description: String, across, up| Caption {
        title: words.word(title).to_owned(),
        description,
        across: words.word(across).to_owned(),
        up: words.word(up).to_owned(),
    };
    let captions = [
        caption(Line::Lift, words.say(Line::LiftDescription, &lift_args), Line::CustomersAxis, Line::LiftAxis),
        caption(Line::Gains, words.say(Line::GainsDescription, &gain_args), Line::CustomersAxis, Line::GainsAxis),
        caption(
            Line::Calibration,
            words.say(Line::CalibrationDescription, &calibration_args),
            Line::PredictedAxis,
            Line::ObservedAxis,
        ),
    ];
    let drawn = [lift(bands, &captions[0]), gains(bands, &captions[1]), calibration(bands, &captions[2])];
    let figures = drawn.into_iter().zip(&captions).map(|(svg, caption)| {
        let words =
            [element("b", &[], [Markup::text(&caption.title)]), Markup::text(" "), Markup::text(&caption.description)];
        element("figure", &[], [element("figcaption", &[], words), svg])
    });
    element("div", &[("class", "charts")], figures)
}

/// The numbers behind the charts, folded away.
fn table(words: &Words<'_>, bands: &[Band]) -> Markup {
    let (rows, _) = totals(bands);
    let heads = [
        ("num", words.word(Line::Band)),
        ("num", words.word(Line::BandRows)),
        ("num", words.word(Line::BandTakes)),
        ("num", words.word(Line::BandPredicted)),
        ("num", words.word(Line::BandObserved)),
        ("num", words.word(Line::Gains)),
    ];
    let mut done = 0;
    let lines = bands.iter().map(|band| {
        let before = done as f64 / rows as f64;
        done += band.rows.get().unwrap_or(0);
        let span = format!("{:.0}–{:.0}%", before * 100.0, done as f64 / rows as f64 * 100.0);
        let cells = [
            span,
            band.rows.get().map_or_else(String::new, number),
            band.takes.get().map_or_else(String::new, number),
            share(band.predicted),
            words.interval(band.observed, share),
            share(band.gain[0]),
        ];
        cells.iter().map(|cell| Markup::text(cell)).collect()
    });
    let table = Words::table("numbers", &heads, lines.collect::<Vec<_>>());
    element("details", &[], [words.line("summary", "", Line::Numbers), table])
}
