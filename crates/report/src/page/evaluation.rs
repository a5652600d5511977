//! What the offers earned, as a forest plot: a row an offer, all on one scale.

use osusume_model::Arg;
use osusume_text::report::Line;

use super::section;
use super::words::{Words, share};
use crate::chart::{interval, scale_top};
use crate::markup::{Markup, element};
use crate::numbers::{Arm, ArmEffect, Effect, Evaluation};

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
    let parts = [until, early, table, nothing, beside(words, found), arms(words, found)];
    section(words, Line::Evaluation, parts)
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
    let name = if effect.offer.is_empty() {
        element("b", &[], [Markup::text(words.word(Line::AllOffers))])
    } else {
        Markup::text(words.name_of(&effect.offer))
    };
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
