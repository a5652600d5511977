//! All offers in one table: how many, what they are worth, and how far their models can be trusted.

use osusume_text::report::Line;

use super::section;
use super::summary::with_bar;
use super::words::Words;
use crate::chart::interval;
use crate::markup::{Markup, element};
use crate::numbers::OfferRow;

pub(super) fn offers(words: &Words<'_>) -> Markup {
    let offers = &words.numbers.offers;
    let largest = offers.iter().filter_map(|offer| offer.offered.get()).max().unwrap_or(0);
    let (auc, level) = (auc_range(offers), level_range(offers));
    let heads = [
        ("name", words.word(Line::Offer)),
        ("num", words.word(Line::Made)),
        ("num", words.word(Line::Value)),
        ("dots", words.word(Line::Ranking)),
        ("dots", words.word(Line::Level)),
        ("name", words.word(Line::EvidenceHead)),
    ];
    let row = |(i, offer): (usize, &OfferRow)| {
        let newest = offer.newest();
        vec![
            element("a", &[("href", &format!("#offer-{}", i + 1))], [Markup::text(words.name(offer))]),
            with_bar(words, offer.offered, largest),
            Markup::text(&words.money(offer.expected_value_minor)),
            dots(newest.and_then(|test| test.auc), auc, 0.5),
            dots(newest.and_then(|test| test.observed_over_expected), level, 1.0),
            Markup::text(words.word(evidence(offer))),
        ]
    };
    let table = Words::table("offers", &heads, offers.iter().enumerate().map(row));
    let notes = [Line::OffersNote, Line::AucMeans, Line::LevelMeans, Line::EvidenceMeans]
        .map(|line| words.line("p", "fine", line));
    section(words, Line::Offers, [table].into_iter().chain(notes))
}

/// What tells what a contact adds.
fn evidence(offer: &OfferRow) -> Line {
    match offer.evidence.as_str() {
        "randomised" => Line::EvidenceDrawn,
        "assumed" => Line::EvidenceAssumed,
        "cross_section" => Line::EvidenceResemblance,
        _ => Line::EvidenceNone,
    }
}

/// The value in digits, and its interval on the scale of the column.
fn dots(values: Option<[f64; 3]>, range: [f64; 2], reference: f64) -> Markup {
    let Some(values) = values else { return Markup::text("–") };
    [super::words::digits(values[0]), interval(values, range, reference)].into_iter().collect()
}

/// From the lowest lower end, or a little below chance, to 1.
fn auc_range(offers: &[OfferRow]) -> [f64; 2] {
    let lows = offers.iter().filter_map(|offer| offer.newest()?.auc).map(|auc| auc[1]);
    [lows.fold(0.4, f64::min).max(0.0), 1.0]
}

/// From 0 to the largest ratio with room for its interval; between 2 and 4.
fn level_range(offers: &[OfferRow]) -> [f64; 2] {
    let highs = offers.iter().filter_map(|offer| offer.newest()?.observed_over_expected).map(|ratio| ratio[2]);
    [0.0, highs.fold(2.0, f64::max).min(4.0)]
}
