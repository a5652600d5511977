//! How likely something is: gates, terms and the rate of a take.

use osusume_model::Date;

use crate::life::{Setup, State};
use crate::math::exp;
use crate::person::Person;
use crate::plan::{Gate, NEVER, Term, bit};

/// What gates look at.
pub(crate) struct View<'a> {
    pub(crate) person: &'a Person,
    pub(crate) drivers: &'a [f64],
    pub(crate) triggers: &'a [i32],
    pub(crate) mask: u64,
    pub(crate) day: i32,
    /// Day on which another member of the household last took something of the family in question.
    pub(crate) household_take: i32,
}

/// Σ weight · Π gates over the terms in force.
pub(crate) fn sum_of_terms(terms: &[Term], view: &View<'_>) -> f64 {
    let in_force = terms.iter().filter(|term| term.from <= view.day && view.day < term.until);
    in_force.map(|term| term.weight * product_of_gates(&term.gates, view)).sum()
}

fn product_of_gates(gates: &[Gate], view: &View<'_>) -> f64 {
    let mut product = 1.0;
    for gate in gates {
        product *= open(gate, view);
        if product <= 0.0 {
            return 0.0;
        }
    }
    product
}

fn open(gate: &Gate, view: &View<'_>) -> f64 {
    let one_if = |condition: bool| f64::from(u8::from(condition));
    let own = |own: &Option<usize>| own.map_or(1.0, |i| view.person.thresholds[i]);
    match gate {
        Gate::Above { driver, at, own: slot } => one_if(view.drivers[*driver] >= at * own(slot)),
        Gate::Below { driver, at, own: slot } => one_if(view.drivers[*driver] < at * own(slot)),
        Gate::Between { driver, from, to } => one_if((*from..*to).contains(&view.drivers[*driver])),
        Gate::Saturating { driver, half } => {
            let x = view.drivers[*driver].max(0.0);
            x / (x + half)
        }
        Gate::Within { triggers, days } => {
            let newest = triggers.iter().map(|i| view.triggers[*i]).max().unwrap_or(NEVER);
            (1.0 - f64::from(view.day - newest) / days).max(0.0)
        }
        Gate::Among { attribute, values } => one_if(values & bit(view.person.attributes[*attribute] as usize) != 0),
        Gate::Segments(mask) => one_if(mask & bit(view.person.segment) != 0),
        Gate::Holds(mask) => one_if(mask & view.mask != 0),
        Gate::Season { peak } => season(view.day, *peak),
        Gate::Household { days } => one_if(view.day - view.household_take < *days),
    }
}

/// A triangle wave over the year: 1 in the middle of month `peak`, 0 half a year away.
pub(crate) fn season(day: i32, peak: f64) -> f64 {
    let (_, month, day_of_month) = Date(day).ymd();
    let months = f64::from(month) + f64::from(day_of_month) / 31.0 - 0.5;
    let apart = (months - peak).abs().rem_euclid(12.0);
    1.0 - apart.min(12.0 - apart) / 6.0
}

/// Rate over 60 days at which the customer takes the offer, contacts of the past included.
pub(crate) fn rate_of_offer(state: &State, setup: Setup<'_>, offer: usize, day: i32, household_take: i32) -> f64 {
    let rate = natural_rate(state, setup, offer, day, household_take);
    if day - state.contacted[offer] < setup.file.contact.lasts_days {
        rate * (1.0 + effect_of_contact(state, setup, day, state.drivers[3] - 1.0))
    } else {
        rate
    }
}

/// Rate over 60 days without any contact: a floor nothing moves, an exponential of the terms, bent below a cap.
pub(crate) fn natural_rate(state: &State, setup: Setup<'_>, offer: usize, day: i32, household_take: i32) -> f64 {
    let known = &setup.file.offer[offer];
    let eta = sum_of_terms(&setup.plan.offers[offer].terms, &state.view(setup, day, household_take));
    let natural = setup.file.response[setup.person.response].natural;
    let x = known.per_60_days * natural * setup.person.tastes[offer] * (known.floor + (1.0 - known.floor) * exp(eta));
    known.cap * (1.0 - exp(-x / known.cap))
}

/// Relative change of the rate by a contact, after `recent` other contacts.
pub(crate) fn effect_of_contact(state: &State, setup: Setup<'_>, day: i32, recent: f64) -> f64 {
    let contact = &setup.file.contact;
    let recent = recent.max(0.0);
    let class = setup.file.response[setup.person.response].effect;
    let tired = if class > 0.0 { class * exp(-contact.fatigue * recent) } else { class };
    let annoyed = contact.annoyance * (recent - 2.0).max(0.0);
    let more = sum_of_terms(&setup.plan.contact, &state.view(setup, day, NEVER));
    (tired - annoyed + more).clamp(contact.least, contact.most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_season_peaks_in_its_month_and_is_lowest_half_a_year_later() {
        let on = |text: &str| text.parse::<Date>().unwrap().0;
        assert!(season(on("2026-03-16"), 3.0) > 0.99);
        assert!(season(on("2026-09-16"), 3.0) < 0.01);
        // December and January are neighbours.
        assert!(season(on("2026-12-31"), 1.0) > 0.89);
        assert!(season(on("2026-01-01"), 12.5) > 0.99);
    }
}
