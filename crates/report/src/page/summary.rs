//! The first minute: four figures, what to do, and what is not proven.

use osusume_model::Arg;
use osusume_text::report::Line;

use super::words::{Words, number, share};
use crate::Cell;
use crate::chart::{Share, stacked};
use crate::markup::{Markup, classed, element};
use crate::numbers::{OfferRow, Reloaded};

pub(super) fn summary(words: &Words<'_>) -> Markup {
    let columns = [to_do(words), not_proven(words)];
    let caution = if words.numbers.about.is_cross_section {
        words.line("p", "caution", Line::CrossSection)
    } else {
        Markup::default()
    };
    let parts = [caution, figures(words), by_outcome(words), element("div", &[("class", "columns")], columns)];
    element("section", &[("class", "summary")], parts)
}

fn figures(words: &Words<'_>) -> Markup {
    let (customers, decisions) = (&words.numbers.customers, &words.numbers.decisions);
    let whom = [("known", words.arg(customers.known)), ("offers", words.arg(decisions.offers))];
    let months = [("months", i64::from(decisions.months).into())];
    let held = if decisions.holdout_fraction > 0.0 { Line::HeldBackNote } else { Line::NobodyHeldBack };
    let with_offer = figure(
        words,
        &words.count(customers.with_offer),
        Line::CustomersWithOffer,
        &words.say(Line::CustomersWithOfferNote, &whom),
    );
    let value = figure(
        words,
        &words.money(decisions.expected_value_minor),
        Line::ExpectedValue,
        &words.say(what_value_counts(words), &months),
    );
    // Resemblance times margin is no money to come.
    let value = Some(value).filter(|_| !words.numbers.about.is_cross_section);
    let others = [
        figure(words, &words.count(customers.without_offer), Line::LeftInPeace, words.word(Line::LeftInPeaceNote)),
        figure(words, &words.count(customers.holdout), Line::HeldBack, words.word(held)),
    ];
    element("div", &[("class", "figures")], std::iter::once(with_offer).chain(value).chain(others))
}

/// Whether what contacts add is counted, every sale, or the one for some offers and the other for the rest.
fn what_value_counts(words: &Words<'_>) -> Line {
    let adds = words.numbers.offers.iter().filter(|offer| counts_what_is_added(words, offer)).count();
    if adds == 0 {
        Line::ExpectedValueNote
    } else if adds == words.numbers.offers.len() {
        Line::ExpectedValueAdds
    } else {
        Line::ExpectedValueMixed
    }
}

/// Whether the offer's value is of what the contact adds.
fn counts_what_is_added(words: &Words<'_>, offer: &OfferRow) -> bool {
    !words.numbers.decisions.values_takes && ["randomised", "assumed"].contains(&offer.evidence.as_str())
}

fn figure(words: &Words<'_>, value: &str, label: Line, note: &str) -> Markup {
    let parts = [classed("p", "big", value), classed("p", "label", words.word(label)), classed("p", "fine", note)];
    element("div", &[("class", "figure")], parts)
}

/// All customers as one bar, with a legend that says the numbers.
fn by_outcome(words: &Words<'_>) -> Markup {
    let customers = &words.numbers.customers;
    let parts = [
        ("part-offer", Line::WithOffer, customers.with_offer),
        ("part-none", Line::WithoutOffer, customers.without_offer),
        ("part-barred", Line::NotAsked, customers.not_asked),
        ("part-holdout", Line::Holdout, customers.holdout),
    ];
    // Widths would tell what is withheld.
    let known: Option<Vec<Share>> =
        parts.iter().map(|(class, _, cell)| cell.get().map(|count| Share { class, count })).collect();
    let total = known.iter().flatten().map(|part| part.count).sum::<u64>();
    let bar = known.filter(|_| total > 0).map(|parts| stacked(&parts)).unwrap_or_default();
    let key = |(class, line, cell): (&'static str, Line, Cell)| {
        let portion = cell
            .get()
            .filter(|_| total > 0)
            .map_or_else(String::new, |count| format!(" ({})", share(count as f64 / total as f64)));
        let swatch = element("i", &[("class", class)], []);
        let text = format!(" {} {}{portion}", words.word(line), words.count(cell));
        element("li", &[], [swatch, Markup::text(&text)])
    };
    let legend =
        element("ul", &[("class", "legend")], parts.into_iter().filter(|(_, _, cell)| cell.get() != Some(0)).map(key));
    let caption = words.line("p", "label", Line::CustomersByOutcome);
    element("figure", &[("class", "outcome")], [caption, bar, legend])
}

fn to_do(words: &Words<'_>) -> Markup {
    let (about, numbers) = (&words.numbers.about, words.numbers);
    let send =
        [("offers", words.arg(numbers.decisions.offers)), ("customers", words.arg(numbers.customers.with_offer))];
    let on = |date: &str| vec![("date", words.day(date).into())];
    let mut steps = vec![words.say(Line::ToDoSend, &send)];
    if numbers.decisions.per_customer > 1 {
        steps.push(words.word(Line::ToDoRank).to_owned());
    }
    steps.push(words.say(Line::ToDoBefore, &on(&about.window_end)));
    if numbers.decisions.holdout_fraction > 0.0 {
        steps.push(words.word(Line::ToDoHoldout).to_owned());
        steps.push(words.say(Line::ToDoMeasure, &on(&about.measurable_from)));
    }
    let items = steps.iter().map(|step| element("li", &[], [Markup::prose(step)]));
    element("div", &[], [words.line("h2", "", Line::ToDo), element("ol", &[], items)])
}

fn not_proven(words: &Words<'_>) -> Markup {
    let numbers = words.numbers;
    let mut doubts = Vec::new();
    let adds = numbers.offers.iter().any(|offer| counts_what_is_added(words, offer));
    let is_drawn = numbers.offers.iter().any(|offer| offer.contact.is_some());
    let effect = match numbers.evaluation {
        Some(_) => Some(Line::EffectMeasured),
        None if adds => None,
        None if is_drawn => Some(Line::ValueNotAdded),
        None => Some(Line::NoEffectYet),
    };
    doubts.extend(effect.map(|line| words.word(line).to_owned()));
    if let Some(newest) = numbers.learning.tests.last() {
        doubts.push(words.say(Line::LevelMayMove, &[("date", words.day(&newest.as_of).into())]));
    }
    doubts.extend(numbers.learning.reloaded.iter().flat_map(|table| reloaded(words, table)));
    if numbers.decisions.holdout_fraction <= 0.0 {
        doubts.push(words.word(Line::NoHoldout).to_owned());
    }
    let mut doubt = |line, doubted: &dyn Fn(&OfferRow) -> bool| {
        let offers: Vec<&OfferRow> = numbers.offers.iter().filter(|offer| doubted(offer)).collect();
        if !offers.is_empty() {
            doubts.push(words.say(line, &[("names", words.names(&offers))]));
        }
    };
    let ratio = |offer: &OfferRow| offer.newest().and_then(|test| test.observed_over_expected);
    let has_model = |offer: &OfferRow| offer.basis == "model";
    let odds = |offer: &OfferRow| offer.contact.as_ref().map(|contact| contact.odds);
    doubt(Line::NotIncremental, &|offer| !counts_what_is_added(words, offer));
    doubt(Line::ContactAssumed, &|offer| counts_what_is_added(words, offer) && offer.evidence == "assumed");
    doubt(Line::ContactMayDoNothing, &|offer| {
        odds(offer).is_some_and(|[_, lower, upper]| lower <= 1.0 && 1.0 <= upper)
    });
    doubt(Line::ContactHarms, &|offer| odds(offer).is_some_and(|[_, _, upper]| upper < 1.0));
    doubt(Line::RateOnly, &|offer| !has_model(offer) && offer.gate.is_none());
    doubt(Line::GateRate, &|offer| !has_model(offer) && offer.gate.is_some());
    doubt(Line::Untested, &|offer| has_model(offer) && offer.tests.is_empty());
    doubt(Line::NoBetterThanChance, &|offer| {
        offer.newest().is_some_and(|test| test.auc.is_none_or(|auc| auc[1] <= 0.5))
    });
    doubt(Line::Overestimated, &|offer| ratio(offer).is_some_and(|[_, _, upper]| upper < 1.0));
    doubt(Line::Underestimated, &|offer| ratio(offer).is_some_and(|[_, lower, _]| lower > 1.0));
    let items = doubts.iter().map(|doubt| element("li", &[], [Markup::prose(doubt)]));
    element("div", &[], [words.line("h2", "", Line::NotProven), element("ul", &[], items)])
}

/// What nothing but the pipeline file, or copies since a date, says of the past of a table.
fn reloaded(words: &Words<'_>, table: &Reloaded) -> Vec<String> {
    let mut doubts = Vec::new();
    let source = || ("source", Arg::from(table.source.as_str()));
    if !table.assumed_static.is_empty() {
        doubts.push(words.say(Line::AssumedStatic, &[source(), ("names", Arg::Names(table.assumed_static.clone()))]));
    }
    let names = ("names", Arg::Names(table.changing.clone()));
    match &table.first {
        _ if table.changing.is_empty() => {}
        Some(first) if table.served > 0 => {
            let dates = words.numbers.learning.as_of_dates.len() as u64;
            let counts = [("served", Arg::from(table.served)), ("dates", Arg::from(dates))];
            let args: Vec<_> =
                [source(), names, ("first", words.day(first).into())].into_iter().chain(counts).collect();
            doubts.push(words.say(Line::KnownByCopies, &args));
        }
        _ => doubts.push(words.say(Line::NoCopies, &[source(), names])),
    }
    doubts
}

/// How many of `whole` a number is, for a bar.
pub(super) fn portion(part: Option<u64>, whole: u64) -> Option<f64> {
    part.filter(|_| whole > 0).map(|part| part as f64 / whole as f64)
}

/// A number with a bar under it, as long as its share of the largest.
pub(super) fn with_bar(words: &Words<'_>, cell: Cell, largest: u64) -> Markup {
    let text = cell.get().map_or_else(|| words.count(cell), number);
    let bar = portion(cell.get(), largest).map(|share| crate::chart::bar(share, false)).unwrap_or_default();
    [classed("span", "n", &text), bar].into_iter().collect()
}
