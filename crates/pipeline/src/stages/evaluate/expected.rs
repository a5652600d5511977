//! What a run expected of the offers it made, beside what came of them.
//!
//! The run promised three things of each row: how likely a contacted customer takes it (`propensity_contacted`), what the contact adds to
//! that (`uplift`, where something tells it), and what a take brings in a month (`margin_minor`). The label window of the evaluation is the
//! one the propensity speaks of, so the first two are held against it as they are; the value of a row (`expected_value_minor`) counts months
//! that lie ahead, so of money it is the margin of a month that is compared. Offers that were never sent count as made: the promise was of
//! what becomes of the table.

use osusume_evaluate::{Came, NoInterval, against_expected, mean_effect, offered_rate, rate_effect};
use osusume_model::{Code, Fault, Result};
use osusume_numeric::distributions::Interval;

use super::numbers::{CONFIDENCE, Known, effect};
use super::published::{Expected, OFFER};
use crate::evaluation::{Compared, Effect, Expectation, Span};

/// What was expected of the rows of the ranking among `known`; `strict` is the confidence of verdicts.
///
/// # Errors
/// `Bug` for probabilities a run cannot have.
pub(super) fn expectation(known: &Known, strict: f64) -> Result<Option<Expectation>> {
    let made = known.rows(OFFER);
    let mean = |of: fn(&Expected) -> f64| known.mean(&made, |row| of(&known.expected[row]));
    let (Some(expected), Some(value)) = (mean(|row| row.contacted), mean(|row| row.value)) else { return Ok(None) };
    let mut customers: Vec<u32> = made.iter().map(|&row| known.customers[row]).collect();
    customers.sort_unstable();
    customers.dedup();
    let rate = |confidence| -> Result<Effect> {
        let found = offered_rate(&known.assignment(), &known.is_taken, confidence);
        let (value, interval) = found.map_err(|error| Fault::new(Code::Bug).because(error))?;
        Ok(told(value, interval))
    };
    let (added, added_margin_minor) = added(known, strict)?.unzip();
    Ok(Some(Expectation {
        made: made.len() as u64,
        taken: made.iter().filter(|&&row| known.is_taken[row]).count() as u64,
        customers: customers.len() as u64,
        expected_value_minor: value,
        takes: compared([expected; 3], false, strict, rate)?,
        added,
        added_margin_minor,
    }))
}

/// Takes added, and what they bring in a month, over the rows whose uplift something tells.
fn added(all: &Known, strict: f64) -> Result<Option<(Compared, Compared)>> {
    let mut known = Known::default();
    known.extend(all, |row| all.expected[row].uplift.is_some());
    let made = known.rows(OFFER);
    let of = |row: usize| known.expected[row];
    let mean = |of: &dyn Fn(&Expected, usize) -> f64| -> Option<[f64; 3]> {
        let end = |at: usize| known.mean(&made, |row| of(&known.expected[row], at));
        Some([end(0)?, end(1)?, end(2)?])
    };
    let uplift = |row: &Expected, at: usize| row.uplift.map_or(0.0, |uplift| uplift[at]);
    let Some(expected) = mean(&uplift) else { return Ok(None) };
    let Some(of_margin) = mean(&|row, at| uplift(row, at) * row.margin) else { return Ok(None) };
    let has_interval = made.iter().all(|&row| of(row).has_interval);
    let takes = |confidence| effect(rate_effect(&known.assignment(), &known.is_taken, confidence));
    // Where all takes bring the same, money is takes in another unit; a symmetric interval would say less of rare ones.
    let first = of(made[0]).margin;
    let is_same = known.expected.iter().all(|row| row.margin.total_cmp(&first).is_eq());
    let brought: Vec<f64> =
        (0..known.is_taken.len()).map(|row| if known.is_taken[row] { of(row).margin } else { 0.0 }).collect();
    let margin = |confidence| -> Result<Effect> {
        if is_same {
            return Ok(scaled(&takes(confidence)?, first));
        }
        effect(mean_effect(&known.assignment(), &brought, confidence))
    };
    Ok(Some((compared(expected, has_interval, strict, takes)?, compared(of_margin, has_interval, strict, margin)?)))
}

/// `[value, lower, upper]` of what was expected, beside what came at a confidence.
fn compared(
    [value, one, other]: [f64; 3],
    has_interval: bool,
    strict: f64,
    came: impl Fn(f64) -> Result<Effect>,
) -> Result<Compared> {
    // A margin below 0 turns the ends around.
    let expected = Interval { lower: one.min(other), upper: one.max(other) };
    let (shown, judged) = (came(CONFIDENCE)?, came(strict)?);
    let verdict = match (judged.value, judged.interval) {
        (Some(found), Some(Span { lower, upper })) => {
            match against_expected((found, Interval { lower, upper }), (value, has_interval.then_some(expected))) {
                Came::AsExpected => "as_expected",
                Came::Less => "overstated",
                Came::More => "understated",
            }
        }
        _ => "not_shown",
    };
    Ok(Compared {
        expected: value,
        expected_interval: has_interval.then_some(Span { lower: expected.lower, upper: expected.upper }),
        factor: shown.value.filter(|found| *found > 0.0 && value > 0.0).map(|found| value / found),
        came: shown,
        verdict: verdict.to_owned(),
        verdict_confidence: strict,
    })
}

fn told(value: f64, interval: std::result::Result<Interval, NoInterval>) -> Effect {
    let found = osusume_evaluate::Effect { offered: value, held_out: 0.0, difference: value, interval };
    effect(Ok(found)).unwrap_or(Effect { value: None, interval: None, no_interval: None })
}

fn scaled(found: &Effect, by: f64) -> Effect {
    let ends = |span: Span| {
        let (one, other) = (span.lower * by, span.upper * by);
        Span { lower: one.min(other), upper: one.max(other) }
    };
    Effect { value: found.value.map(|value| value * by), interval: found.interval.map(ends), ..found.clone() }
}
