//! Places and budgets that all customers share, and how far first offers are those of the run before.

use osusume_model::Arg;
use osusume_text::report::Line;

use super::decisions::counted;
use super::section;
use super::words::{Words, number, share};
use crate::markup::{Markup, element};
use crate::numbers::LimitRow;

pub(super) fn limits(words: &Words<'_>) -> Markup {
    let limits = &words.numbers.decisions.limits;
    if limits.is_empty() {
        return Markup::default();
    }
    let heads = [
        ("name", words.word(Line::Limit)),
        ("num", words.word(Line::LimitAllowed)),
        ("num", words.word(Line::Used)),
        ("num", words.word(Line::LimitPrice)),
        ("num wide", words.word(Line::LimitNext)),
    ];
    let row = |limit: &LimitRow| {
        vec![
            Markup::text(&subject(words, limit)),
            Markup::text(&allowed(words, limit)),
            Markup::text(&used(words, limit)),
            Markup::text(&price(words, limit)),
            Markup::text(&limit.next_short_minor.map_or_else(|| "–".to_owned(), |short| money(words, short))),
        ]
    };
    let missed = limits.iter().filter(|limit| limit.is_missed).map(|limit| {
        let args = [("limit", Arg::from(subject(words, limit).replace('`', "'"))), ("rows", words.arg(limit.missing))];
        let line = if limit.missing.get().is_some() { Line::LimitMissed } else { Line::LimitMissedWithheld };
        element("p", &[("class", "caution")], [Markup::prose(&words.say(line, &args))])
    });
    let missed: Markup = missed.collect();
    let table = Words::table("limits", &heads, limits.iter().map(row));
    section(words, Line::Limits, [missed, table, words.line("p", "fine", Line::LimitsNote)])
}

/// Whose rows count.
fn subject(words: &Words<'_>, limit: &LimitRow) -> String {
    let offer = limit.offer.as_deref().map(|key| words.name_of(key));
    let parts: Vec<&str> = offer.into_iter().chain(limit.channel.as_deref().map(|name| words.called(name))).collect();
    if parts.is_empty() { words.word(Line::AllOffers).to_owned() } else { parts.join(" · ") }
}

/// From the fewest rows to the most, or the budget.
fn allowed(words: &Words<'_>, limit: &LimitRow) -> String {
    let rows = |n: i64| number(n.unsigned_abs());
    match (limit.min, limit.max, limit.budget_minor) {
        (_, _, Some(budget)) => words.money(Some(budget)),
        (Some(min), Some(max), _) => format!("{}–{}", rows(min), rows(max)),
        (Some(min), None, _) => format!("≥ {}", rows(min)),
        (None, Some(max), _) => format!("≤ {}", rows(max)),
        (None, None, None) => "–".to_owned(),
    }
}

fn used(words: &Words<'_>, limit: &LimitRow) -> String {
    match limit.used.get() {
        Some(cost) if limit.budget_minor.is_some() => words.money(i64::try_from(cost).ok()),
        _ => words.count(limit.used),
    }
}

/// What one place more earns, or one unit of money.
fn price(words: &Words<'_>, limit: &LimitRow) -> String {
    match limit.price_minor {
        0.0 => "–".to_owned(),
        price if limit.budget_minor.is_some() => format!("{price:.2}"),
        price => money(words, price),
    }
}

fn money(words: &Words<'_>, minor: f64) -> String {
    words.money(Some(minor.round().clamp(-1e15, 1e15) as i64))
}

pub(super) fn stability(words: &Words<'_>) -> Markup {
    let Some(found) = &words.numbers.decisions.stability else { return Markup::default() };
    let args = [
        ("run", Arg::from(found.run_id.as_str())),
        ("kept", words.arg(found.kept)),
        ("changed", words.arg(found.changed)),
        ("ended", words.arg(found.ended)),
        ("begun", words.arg(found.begun)),
    ];
    let mut sentences = vec![words.say(Line::StabilityText, &args)];
    sentences.extend(found.flip_rate.map(|rate| words.say(Line::FlipRate, &[("share", Arg::Number(share(rate)))])));
    let text = sentences.join(if words.language == osusume_text::Language::Ja { "" } else { " " });
    let label = |cause: &str| match cause {
        "not_in_catalogue" => words.word(Line::NotInCatalogue).to_owned(),
        cause => words.outcome(cause),
    };
    let mut causes: Vec<_> = found.causes.iter().filter(|row| row.customers.get() != Some(0)).collect();
    // Withheld ones last, in the order of their names: their place must not tell how many they are.
    causes.sort_by(|a, b| b.customers.get().cmp(&a.customers.get()).then(a.cause.cmp(&b.cause)));
    let rows: Vec<_> = causes.iter().map(|row| (Markup::text(&label(&row.cause)), row.customers)).collect();
    let table =
        if rows.is_empty() { Markup::default() } else { counted(words, Line::StabilityCause, Line::Customers, rows) };
    section(words, Line::StabilityHead, [element("p", &[], [Markup::prose(&text)]), table])
}
