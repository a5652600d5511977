//! Whom the offers reach, by groups of customers that models may not see.

use osusume_model::Arg;
use osusume_text::report::Line;

use super::section;
use super::words::{Words, share};
use crate::chart::interval;
use crate::guard::{Audit, Group};
use crate::markup::{Markup, element};

pub(super) fn guard(words: &Words<'_>) -> Markup {
    let audits = &words.numbers.audits;
    if audits.is_empty() {
        return Markup::default();
    }
    let tables = audits.iter().map(|audit| table(words, audit));
    let notes = [Line::GuardShown, Line::GuardColumns, Line::GuardNotShown].map(|line| words.line("p", "fine", line));
    section(words, Line::Guard, tables.chain(notes))
}

fn table(words: &Words<'_>, audit: &Audit) -> Markup {
    let all: Vec<&Group> = std::iter::once(&audit.everybody).chain(&audit.groups).collect();
    let range = [0.0, all.iter().filter_map(|group| group.ratio).map(|ratio| ratio[2]).fold(1.5, f64::max).min(4.0)];
    let heads = [
        ("name", words.word(Line::GuardGroup)),
        ("num", words.word(Line::Customers)),
        ("num wide", words.word(Line::GuardEligible)),
        ("num", words.word(Line::GuardWithOffer)),
        ("dots", words.word(Line::GuardRatio)),
        ("num wide", words.word(Line::GuardValue)),
        ("num wide", words.word(Line::GuardPropensity)),
        ("num wide", words.word(Line::Level)),
    ];
    let rows = all.iter().map(|group| row(words, group, range));
    let line = if audit.is_restricted { Line::GuardRestricted } else { Line::GuardOpen };
    let heading = words.say(line, &[("attribute", Arg::from(words.called(&audit.attribute).replace('`', "'")))]);
    [element("h3", &[], [Markup::prose(&heading)]), Words::table("guard", &heads, rows)].into_iter().collect()
}

fn row(words: &Words<'_>, group: &Group, range: [f64; 2]) -> Vec<Markup> {
    let name = match group.kind.as_str() {
        "everybody" => words.word(Line::GuardEverybody),
        "absent" => words.word(Line::GuardAbsent),
        "others" => words.word(Line::GuardOthers),
        _ if group.group == "yes" => words.word(Line::GuardYes),
        _ if group.group == "no" => words.word(Line::GuardNo),
        _ => &group.group,
    };
    let or_none = |text: Option<String>| Markup::text(&text.unwrap_or_else(|| words.word(Line::Withheld).to_owned()));
    let between =
        |values: Option<[f64; 3]>, shown: &dyn Fn(f64) -> String| values.map(|values| words.interval(values, shown));
    let money = |value: f64| words.money(Some(value.round().clamp(-1e15, 1e15) as i64));
    let ratio = match group.ratio {
        Some(values) if group.kind != "everybody" => {
            [super::words::digits(values[0]), interval(values, range, 1.0)].into_iter().collect()
        }
        _ => Markup::text("–"),
    };
    // Too few takes to say anything are no secret.
    let level = between(group.observed_over_expected, &|value| format!("{value:.2}")).unwrap_or_else(|| "–".to_owned());
    vec![
        Markup::text(name),
        Markup::text(&words.count(group.customers)),
        or_none(between(group.eligible_share, &share)),
        or_none(between(group.offer_share, &share)),
        ratio,
        Markup::text(&group.value_minor.map_or_else(|| "–".to_owned(), |values| words.interval(values, money))),
        or_none(group.propensity.map(share)),
        Markup::text(&level),
    ]
}
