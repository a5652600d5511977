//! What the offers earned, as a forest plot: a row an offer, all on one scale.

use osusume_model::Arg;
use osusume_text::report::Line;

use super::section;
use super::words::{Words, share};
use crate::chart::{interval, scale_top};
use crate::markup::{Markup, element};
use crate::numbers::{Arm, ArmEffect, Compared, Effect, Evaluation, ExpectedRow};

pub(super) fn evaluation(words: &Words<'_>) -> Markup {
    let Some(found) = &words.numbers.evaluation else { return Markup::default() };
    let effects: Vec<&Effect> = found.total.iter().chain(&found.offers).collect();
    let reach = reach(&effects);
    let heads = [
        ("name", words.word(Line::Offer)),
        ("dots", words.word(Line::EvaluationAxis)),
        ("num", words.word(Line::EvaluationDifference)),
        ("num wide", words.word(Line::EvaluationOffered)),
        ("num wide", words.word(Line::EvaluationHeldBack)),
    ];
    let table = Words::table("effects", &heads, effects.into_iter().map(|effect| row(words, effect, reach)));
    let early = if found.is_complete { Markup::default() } else { words.line("p", "", Line::EvaluationEarly) };
    let until = words.paragraph("", Line::EvaluationText, &[("date", words.day(&found.until).into())]);
    let nothing = words.line("p", "fine", Line::EvaluationNothing);
    let parts = [until, early, table, nothing, beside(words, found), expected(words, found), arms(words, found)];
    section(words, Line::Evaluation, parts)
}

/// What the run had said of its offers, beside what came; nothing where an evaluation does not tell.
fn expected(words: &Words<'_>, found: &Evaluation) -> Markup {
    let Some(all) = found.expected.first() else { return Markup::default() };
    let heads = [
        ("name", words.word(Line::Offer)),
        ("num wide", words.word(Line::ExpectedTakes)),
        ("num", words.word(Line::ExpectedAdded)),
        ("num wide", words.word(Line::ExpectedMargin)),
        ("name", words.word(Line::ExpectedVerdict)),
    ];
    let made = [
        ("made", words.arg(all.made.customers)),
        ("value", Arg::Number(words.money(Some(all.value_minor)))),
        ("months", i64::from(words.numbers.decisions.months).into()),
    ];
    let parts = [
        words.line("h3", "", Line::Expected),
        words.line("p", "", Line::ExpectedText),
        words.paragraph("fine", Line::ExpectedMade, &made),
        Words::table("expected", &heads, found.expected.iter().map(|row| expected_row(words, row))),
        words.line("p", "fine", Line::ExpectedNote),
    ];
    parts.into_iter().collect()
}

fn expected_row(words: &Words<'_>, row: &ExpectedRow) -> Vec<Markup> {
    let per_hundred = |value: f64| format!("{:.2}", value * 100.0);
    let signed = |value: f64| format!("{:+.2}", value * 100.0);
    let money = |minor: f64| words.money(Some(minor.round().clamp(-1e15, 1e15) as i64));
    let cell = |one: Option<&Compared>, shown: &dyn Fn(f64) -> String| {
        one.map_or_else(|| Markup::text("–"), |one| beside_each_other(words, one, shown))
    };
    let verdict = |line, one: &Compared| words.say(line, &[("verdict", Arg::from(in_words(words, one)))]);
    let mut said = vec![verdict(Line::ExpectedSales, &row.takes)];
    said.extend(row.added.as_ref().map(|one| verdict(Line::ExpectedAddition, one)));
    vec![
        named(words, &row.offer),
        cell(Some(&row.takes), &per_hundred),
        cell(row.added.as_ref(), &signed),
        cell(row.margin_minor.as_ref(), &money),
        lines(said),
    ]
}

/// What was expected above what came.
fn beside_each_other(words: &Words<'_>, one: &Compared, shown: &dyn Fn(f64) -> String) -> Markup {
    let expected = match one.expected_interval {
        Some([lower, upper]) => words.interval([one.expected, lower, upper], shown),
        None => shown(one.expected),
    };
    let came = match one.came {
        Some(values) => words.interval(values, shown),
        None if one.verdict == "not_shown" => "–".to_owned(),
        None => words.word(Line::Withheld).to_owned(),
    };
    let said = |line, value| words.say(line, &[("value", Arg::Number(value))]);
    lines([said(Line::ExpectedWas, expected), said(Line::ExpectedCame, came)])
}

/// Texts one under the other.
fn lines(texts: impl IntoIterator<Item = String>) -> Markup {
    texts.into_iter().map(|text| element("div", &[], [Markup::text(&text)])).collect()
}

fn in_words(words: &Words<'_>, one: &Compared) -> String {
    let factor = |of: f64| vec![("factor", Arg::Number(format!("{of:.1}")))];
    match one.verdict.as_str() {
        "as_expected" => words.word(Line::ExpectedAsSaid).to_owned(),
        "overstated" => words.say(Line::ExpectedOver, &one.factor.map(factor).unwrap_or_default()),
        "understated" => words.say(Line::ExpectedUnder, &one.factor.map(|of| factor(1.0 / of)).unwrap_or_default()),
        _ => words.word(Line::ExpectedNotShown).to_owned(),
    }
}

/// The name of an offer; all of them where it is empty.
fn named(words: &Words<'_>, offer: &str) -> Markup {
    if offer.is_empty() {
        element("b", &[], [Markup::text(words.word(Line::AllOffers))])
    } else {
        Markup::text(words.name_of(offer))
    }
}

/// The policy arms, each against each; nothing for a run without.
fn arms(words: &Words<'_>, found: &Evaluation) -> Markup {
    if found.arms.is_empty() {
        return Markup::default();
    }
    let heads = [
        ("name", words.word(Line::EvaluationArm)),
        ("num", words.word(Line::EvaluationArmTakes)),
        ("num", words.word(Line::EvaluationArmRevenue)),
        ("num", words.word(Line::EvaluationArmRetention)),
        ("name", words.word(Line::EvaluationVerdict)),
    ];
    let rows = found.arms.iter().map(|one| arm_row(words, one));
    let table = Words::table("arms", &heads, rows);
    [words.line("p", "", Line::EvaluationArms), table].into_iter().collect()
}

fn arm_row(words: &Words<'_>, one: &ArmEffect) -> Vec<Markup> {
    let name = |arm: &str| {
        words.word(match arm {
            "holdout" => Line::ArmHoldout,
            "propensity" => Line::ArmPropensity,
            "random" => Line::ArmRandom,
            _ => Line::ArmRanking,
        })
    };
    let verdict = match one.verdict.as_str() {
        "better" => Line::VerdictBetter,
        "worse" => Line::VerdictWorse,
        _ => Line::VerdictNotShown,
    };
    let shown = |values: Option<[f64; 3]>, of: &dyn Fn(f64) -> String| {
        Markup::text(&values.map_or_else(|| "–".to_owned(), |values| words.interval(values, of)))
    };
    let points = |share: f64| format!("{:+.2}", share * 100.0);
    let money = |minor: f64| words.money(Some(minor.round() as i64));
    let pair = [("arm", Arg::from(name(&one.takes.offer))), ("against", Arg::from(name(&one.against)))];
    vec![
        Markup::text(&words.say(Line::ArmLess, &pair)),
        shown(one.takes.difference, &points),
        shown(one.revenue_minor, &money),
        shown(one.retention, &points),
        Markup::text(words.word(verdict)),
    ]
}

/// Revenue and retention of everybody, in sentences.
fn beside(words: &Words<'_>, found: &Evaluation) -> Markup {
    let said = |line, values: [f64; 3], shown: &dyn Fn(f64) -> String| {
        words.paragraph("", line, &[("difference", Arg::Number(words.interval(values, shown)))])
    };
    let money = |minor: f64| words.money(Some(minor.round() as i64));
    let points = |share: f64| format!("{:+.2}", share * 100.0);
    let revenue = found.revenue_minor.map(|values| said(Line::EvaluationRevenue, values, &money));
    let retention = found.retention.map(|values| said(Line::EvaluationRetention, values, &points));
    revenue.into_iter().chain(retention).collect()
}

/// How far the scale reaches to either side of 0: to the largest effect and most of its interval.
fn reach(effects: &[&Effect]) -> f64 {
    let differences = || effects.iter().filter_map(|effect| effect.difference);
    let largest = differences().map(|[value, ..]| value.abs()).fold(0.0, f64::max);
    let ends = differences().map(|[_, lower, upper]| lower.abs().max(upper.abs())).fold(0.0, f64::max);
    scale_top(ends.min(4.0 * largest).max(0.001))
}

fn row(words: &Words<'_>, effect: &Effect, reach: f64) -> Vec<Markup> {
    let name = named(words, &effect.offer);
    let none = || "–".to_owned();
    // Sales per 100 customers: a signed number, since a difference of shares is easily read as a ratio.
    let per_hundred = |value: f64| format!("{:+.2}", value * 100.0);
    let difference = effect.difference.map_or_else(none, |values| words.interval(values, per_hundred));
    vec![
        name,
        effect.difference.map(|values| interval(values, [-reach, reach], 0.0)).unwrap_or_default(),
        Markup::text(&difference),
        Markup::text(&rate(words, &effect.offered)),
        Markup::text(&rate(words, &effect.held_back)),
    ]
}

fn rate(words: &Words<'_>, arm: &Arm) -> String {
    let rate = arm.rate.map_or_else(|| words.word(Line::Withheld).to_owned(), share);
    format!("{rate} / {}", words.count(arm.customers))
}
