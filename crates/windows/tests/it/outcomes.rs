//! Revenue and staying, as known afterwards.

use osusume_model::DAY_US;
use osusume_windows::{Error, Intervals, Maybe, Payments, Span, add_held_revenue, add_payments, was_held};

const ABSENT: Maybe<'_, i64> = Maybe { values: &[], valid: None };

fn days(from: i64, to: i64) -> Span {
    Span { start: from * DAY_US, end: to * DAY_US }
}

/// Two customers. The first pays 1461 a month (48 a day) for days 10 to 40, then 2922 for good; the second 480 from day 90 on.
struct Shelf {
    start: Vec<i64>,
    end: Vec<i64>,
    has_end: Vec<bool>,
    end_arrived: Vec<i64>,
    price: Vec<i64>,
}

impl Shelf {
    fn new() -> Self {
        Self {
            start: [10, 40, 90].map(|day| day * DAY_US).to_vec(),
            end: [40, 0, 0].map(|day| day * DAY_US).to_vec(),
            has_end: vec![true, false, false],
            end_arrived: [45, 0, 0].map(|day| day * DAY_US).to_vec(),
            price: vec![1461, 2922, 1461],
        }
    }

    fn intervals(&self) -> Intervals<'_> {
        Intervals {
            offsets: &[0, 2, 3],
            product: &[0, 0, 0],
            start: &self.start,
            end: Maybe { values: &self.end, valid: Some(&self.has_end) },
            start_arrived: None,
            end_arrived: Some(Maybe { values: &self.end_arrived, valid: Some(&self.has_end) }),
            renews: None,
            price: Some(Maybe { values: &self.price, valid: None }),
            quantity: None,
            by_company: None,
        }
    }

    fn revenue(&self, spans: &[Span], known_by: i64) -> Vec<i64> {
        let mut out = vec![0; 2 * spans.len()];
        add_held_revenue(&self.intervals(), spans, known_by * DAY_US, &mut out).unwrap();
        out
    }
}

#[test]
fn a_price_counts_for_the_days_it_was_paid() {
    let shelf = Shelf::new();
    assert_eq!(shelf.revenue(&[days(0, 10), days(20, 30), days(35, 45)], 100), [0, 480, 5 * 48 + 5 * 96, 0, 0, 0]);
    assert_eq!(shelf.revenue(&[days(80, 100)], 100), [20 * 96, 10 * 48]);
    // Half a day of the second one's ten: rounding happens once, to the nearest.
    let half = Span { start: 90 * DAY_US, end: 90 * DAY_US + DAY_US / 96 };
    assert_eq!(shelf.revenue(&[half], 100), [1, 1]);
}

#[test]
fn only_what_is_known_by_then_counts() {
    let shelf = Shelf::new();
    // The end of the first row became known on day 45: before, it is thought to go on.
    assert_eq!(shelf.revenue(&[days(40, 44)], 44), [4 * 48 + 4 * 96, 0]);
    assert_eq!(shelf.revenue(&[days(40, 44)], 46), [4 * 96, 0]);
    assert_eq!(shelf.revenue(&[days(80, 100)], 90), [20 * 96, 0]);
}

#[test]
fn staying_is_holding_anything_at_the_instant() {
    let shelf = Shelf::new();
    let held = |at: i64, known_by: i64| was_held(&shelf.intervals(), at * DAY_US, known_by * DAY_US).unwrap();
    assert_eq!(held(9, 100), [false, false]);
    assert_eq!(held(10, 100), [true, false]);
    assert_eq!(held(40, 100), [true, false], "the second row begins as the first one ends");
    assert_eq!(held(90, 100), [true, true]);
    assert_eq!(held(90, 90), [true, false]);
}

#[test]
fn payments_and_refunds_inside_the_stretch() {
    let at = [5, 10, 19, 20, 12].map(|day| day * DAY_US);
    let arrived = [5, 10, 60, 20, 12].map(|day| day * DAY_US);
    let valid = [true, true, true, true, false];
    let amount = Maybe { values: &[100, 200, 400, 800, 1600], valid: Some(&valid) };
    let payments = Payments { offsets: &[0, 4, 5], at: &at, arrived: Some(&arrived), amount };
    let paid = |known_by: i64| {
        let mut out = vec![7; 4];
        add_payments(&payments, &[days(0, 10), days(10, 20)], known_by * DAY_US, &mut out).unwrap();
        out
    };
    assert_eq!(paid(50), [107, 207, 7, 7]);
    assert_eq!(paid(61), [107, 607, 7, 7]);
}

#[test]
fn lengths_must_agree() {
    let shelf = Shelf::new();
    let wrong = add_held_revenue(&shelf.intervals(), &[days(0, 1)], 0, &mut [0; 3]);
    assert_eq!(wrong, Err(Error::Length { what: "out", got: 3, expected: 2 }));
    let payments = Payments { offsets: &[0, 1], at: &[0], arrived: Some(&[]), amount: ABSENT };
    assert!(add_payments(&payments, &[], 0, &mut []).is_err());
}
