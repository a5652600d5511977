//! Whom the offers reach, why others get none, and who is held back.

use osusume_text::reasons::without_label;
use osusume_text::report::Line;

use super::section;
use super::summary::with_bar;
use super::words::{Words, share};
use crate::Cell;
use crate::markup::{Markup, element};
use crate::suppress::OFFERED;

pub(super) fn decisions(words: &Words<'_>) -> Markup {
    let decisions = &words.numbers.decisions;
    let policy = [
        ("most", decisions.per_customer.into()),
        ("least", osusume_model::Arg::Number(words.money(Some(decisions.min_value_minor)))),
    ];
    let left = [
        words.line("h3", "", Line::Reach),
        words.paragraph("fine", Line::PolicyText, &policy),
        channels(words),
        lanes(words),
        triggers(words),
        holdout(words),
        churn(words),
    ];
    let right = [without(words), words.line("h3", "", Line::WhyNot), outcomes(words)];
    let columns = [element("div", &[], left), element("div", &[], right)];
    section(words, Line::Decisions, [element("div", &[("class", "columns")], columns)])
}

/// What contacts lose in customers: what draws say, and what the value counts.
fn churn(words: &Words<'_>) -> Markup {
    let decisions = &words.numbers.decisions;
    let mut sentences = Vec::new();
    if let Some(found) = &decisions.churn {
        let [value, lower, upper] = osusume_text::why::points(found.difference);
        let rows =
            [("contacted", words.arg(found.contacted.customers)), ("held", words.arg(found.held_back.customers))];
        let difference = [("value", value), ("lower", lower), ("upper", upper)];
        sentences.push(words.say(Line::ChurnByContact, &[rows.as_slice(), &difference].concat()));
    }
    if decisions.churn_per_contact.is_some() || decisions.churn.is_some() {
        let counted = osusume_model::Arg::Number(share(decisions.churn_per_contact.unwrap_or(0.0)));
        sentences.push(words.say(Line::ChurnCounted, &[("share", counted)]));
    }
    if sentences.is_empty() { Markup::default() } else { words.sentences(&sentences) }
}

fn channels(words: &Words<'_>) -> Markup {
    let rows = words
        .numbers
        .decisions
        .channels
        .iter()
        .map(|row| (Markup::text(words.called(&row.channel)), row.offers))
        .collect();
    counted(words, Line::Channel, Line::Made, rows)
}

/// Customers by lane, where the pipeline declares any.
fn lanes(words: &Words<'_>) -> Markup {
    let lanes = &words.numbers.decisions.lanes;
    if lanes.is_empty() {
        return Markup::text("");
    }
    let rows = lanes.iter().map(|row| (Markup::text(words.called(&row.lane)), row.customers)).collect();
    counted(words, Line::Lane, Line::Customers, rows)
}

/// Offers by trigger, where the pipeline declares any.
fn triggers(words: &Words<'_>) -> Markup {
    let triggers = &words.numbers.decisions.triggers;
    if triggers.is_empty() {
        return Markup::text("");
    }
    let name = |trigger: &Option<String>| {
        Markup::text(trigger.as_deref().map_or(words.word(Line::NoTrigger), |name| words.called(name)))
    };
    let rows = triggers.iter().map(|row| (name(&row.trigger), row.offers)).collect();
    counted(words, Line::Trigger, Line::Made, rows)
}

/// Customers without an offer, each under one cause.
fn without(words: &Words<'_>) -> Markup {
    let mut causes: Vec<_> =
        words.numbers.customers.without.iter().filter(|row| row.customers.get() != Some(0)).collect();
    if causes.is_empty() {
        return Markup::default();
    }
    // Withheld ones last, in the order of their names: their place must not tell how many they are.
    causes.sort_by(|a, b| b.customers.get().cmp(&a.customers.get()).then(a.cause.cmp(&b.cause)));
    let label = |cause: &str| Markup::text(without_label(cause, words.language).unwrap_or(cause));
    let rows = causes.into_iter().map(|row| (label(&row.cause), row.customers)).collect();
    [words.line("h3", "", Line::Without), counted(words, Line::Reason, Line::Customers, rows)].into_iter().collect()
}

fn outcomes(words: &Words<'_>) -> Markup {
    let mut outcomes: Vec<_> =
        words.numbers.decisions.outcomes.iter().filter(|row| row.pairs.get() != Some(0)).collect();
    // Withheld ones last, in the order of their names: their place must not tell how many they are.
    outcomes.sort_by(|a, b| b.pairs.get().cmp(&a.pairs.get()).then(a.outcome.cmp(&b.outcome)));
    let label = |id: &str| match id {
        OFFERED => words.word(Line::Offered).to_owned(),
        "shadow" => words.word(Line::Shadow).to_owned(),
        id => words.outcome(id),
    };
    let rows = outcomes.into_iter().map(|row| (Markup::text(&label(&row.outcome)), row.pairs)).collect();
    counted(words, Line::Reason, Line::Pairs, rows)
}

/// Names with counts and bars.
pub(super) fn counted(words: &Words<'_>, name: Line, count: Line, rows: Vec<(Markup, Cell)>) -> Markup {
    let largest = rows.iter().filter_map(|(_, cell)| cell.get()).max().unwrap_or(0);
    let heads = [("name", words.word(name)), ("num", words.word(count))];
    Words::table("counts", &heads, rows.into_iter().map(|(name, cell)| vec![name, with_bar(words, cell, largest)]))
}

fn holdout(words: &Words<'_>) -> Markup {
    let fraction = words.numbers.decisions.holdout_fraction;
    if fraction <= 0.0 {
        return words.paragraph("fine", Line::NoHoldout, &[]);
    }
    let args =
        [("count", words.arg(words.numbers.customers.holdout)), ("share", osusume_model::Arg::Number(share(fraction)))];
    words.paragraph("", Line::HoldoutText, &args)
}
