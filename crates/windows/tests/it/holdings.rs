//! Holdings as known at an instant.

use osusume_model::NoControl;
use osusume_windows::{Error, HoldingState, Intervals, Ladder, Maybe, held_quantities, holdings_as_of, holds_anything};

const DAY: i64 = osusume_model::DAY_US;
/// Line tiers 1 and 2, an old code of tier 1, and one add-on.
const LADDER: Ladder<'static> =
    Ladder { family: &[0, 0, 0, 1], tier: &[1, 2, 1, 1], canonical: &[0, 1, 0, 3], n_families: 2 };
const ALL: Option<&[bool]> = None;

/// Customer 0: line tier 1 from day 10 to 50 (its end known on day 60), tier 2 from day 50, an add-on from day 40 (known on day 45).
/// Customer 1: nothing. Customer 2: the old code of the line, two units, its end on day 80 announced on day 20.
fn with<R>(f: impl FnOnce(&Intervals<'_>) -> R) -> R {
    let end = [50 * DAY, 0, 0, 80 * DAY];
    let end_arrived = [60 * DAY, 0, 0, 20 * DAY];
    let intervals = Intervals {
        offsets: &[0, 3, 3, 4],
        product: &[0, 1, 3, 2],
        start: &[10 * DAY, 50 * DAY, 40 * DAY, 5 * DAY],
        end: Maybe { values: &end, valid: Some(&[true, false, false, true]) },
        start_arrived: Some(&[10 * DAY, 50 * DAY, 45 * DAY, 5 * DAY]),
        end_arrived: Some(Maybe { values: &end_arrived, valid: ALL }),
        renews: Some(Maybe { values: &[60 * DAY, 100 * DAY, 0, 90 * DAY], valid: Some(&[true, true, false, true]) }),
        price: Some(Maybe { values: &[3_000, 5_000, 500, 0], valid: Some(&[true, true, true, false]) }),
        quantity: Some(Maybe { values: &[1, 1, 1, 2], valid: Some(&[false, true, true, true]) }),
        by_company: None,
    };
    f(&intervals)
}

/// The state of a customer on a day in a scope: family 0, family 1 or 2 for anything.
fn state(customer: usize, day: i64, scope: usize) -> HoldingState {
    let mut out = [HoldingState::NOTHING; 9];
    with(|intervals| holdings_as_of(intervals, &LADDER, &[day * DAY], &mut out, &NoControl)).unwrap();
    out[customer * 3 + scope]
}

#[track_caller]
fn check(got: HoldingState, n_held: u32, tier: u16, tenure_days: f64, days_to_renewal: f64, price_minor: f64) {
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    assert_eq!((got.n_held, got.tier), (n_held, tier));
    assert!(same(got.tenure_days, tenure_days), "{got:?}");
    assert!(same(got.days_to_renewal, days_to_renewal), "{got:?}");
    assert!(same(got.price_minor, price_minor), "{got:?}");
}

#[test]
fn a_start_is_seen_after_it_and_after_its_arrival() {
    check(state(0, 10, 0), 0, 0, f64::NAN, f64::NAN, f64::NAN);
    check(state(0, 11, 0), 1, 1, 1.0, 49.0, 3_000.0);
    // The add-on started on day 40 and arrived on day 45.
    check(state(0, 45, 1), 0, 0, f64::NAN, f64::NAN, f64::NAN);
    check(state(0, 46, 1), 1, 1, 6.0, f64::NAN, 500.0);
}

#[test]
fn an_end_counts_once_it_is_known() {
    // Day 55: tier 2 has begun, and the end of tier 1 is not known yet.
    check(state(0, 55, 0), 2, 2, 45.0, 5.0, 8_000.0);
    check(state(0, 60, 0), 2, 2, 50.0, 0.0, 8_000.0);
    check(state(0, 61, 0), 1, 2, 51.0, 39.0, 5_000.0);
    check(state(0, 61, 2), 2, 0, 51.0, 39.0, 5_500.0);
}

#[test]
fn an_announced_end_counts_from_its_day() {
    check(state(2, 79, 0), 1, 1, 74.0, 11.0, f64::NAN);
    check(state(2, 80, 0), 0, 0, 75.0, f64::NAN, f64::NAN);
    assert_eq!(state(2, 79, 0).quantity, 2);
}

#[test]
fn a_customer_without_rows_holds_nothing() {
    check(state(1, 99, 2), 0, 0, f64::NAN, f64::NAN, f64::NAN);
}

#[test]
fn holding_anything_is_a_number_above_none() {
    let days: Vec<i64> = (0..110).collect();
    let as_of: Vec<i64> = days.iter().map(|day| day * DAY).collect();
    let mut holds = vec![false; 3 * as_of.len()];
    with(|intervals| holds_anything(intervals, &LADDER, &as_of, &mut holds, &NoControl)).unwrap();
    for customer in 0..3 {
        for &day in &days {
            let at = customer * days.len() + day as usize;
            assert_eq!(holds[at], state(customer, day, 2).n_held > 0, "customer {customer} on day {day}");
        }
    }
    assert_eq!(holds.iter().filter(|&&holds| holds).count(), 99 + 74);
}

#[test]
fn quantities_are_those_of_the_product_that_stands_for_the_code() {
    let mut out = [9; 3 * 2 * 4];
    with(|intervals| held_quantities(intervals, &LADDER, &[46 * DAY, 61 * DAY], &mut out, &NoControl)).unwrap();
    assert_eq!(out[..8], [1, 0, 0, 1, 0, 1, 0, 1]);
    assert_eq!(out[8..16], [0; 8]);
    assert_eq!(out[16..], [2, 0, 0, 0, 2, 0, 0, 0]);
}

#[test]
fn without_arrivals_an_end_is_known_after_it() {
    let held_on = |at: i64| {
        let intervals = Intervals {
            offsets: &[0, 1],
            product: &[0],
            start: &[0],
            end: Maybe { values: &[10], valid: ALL },
            start_arrived: None,
            end_arrived: None,
            renews: None,
            price: None,
            quantity: None,
            by_company: None,
        };
        let mut out = [0; 4];
        held_quantities(&intervals, &LADDER, &[at], &mut out, &NoControl).unwrap();
        out[0]
    };
    assert_eq!([held_on(0), held_on(1), held_on(10), held_on(11)], [0, 1, 1, 0]);
}

#[test]
fn a_product_the_ladder_does_not_know() {
    let short = Ladder { family: &[0], tier: &[1], canonical: &[0], n_families: 1 };
    let found = with(|intervals| holdings_as_of(intervals, &short, &[], &mut [], &NoControl));
    assert_eq!(found, Err(Error::Code { what: "product", code: 1, n_codes: 1 }));
}
