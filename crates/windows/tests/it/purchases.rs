//! Labels of category offers. Days as in the takes: as-of 100, gap to 107, window to 135, nothing bought since day 0; kept 30 days.

use osusume_model::{DAY_US, NoControl};
use osusume_windows::{
    CategoryWindow, Error, Label, LabelWindow, Labels, Maybe, NO_TAKE, Purchases, Truth, category_labels,
};

/// Day, arrival day, category, product, units.
type Bought = (f64, f64, u32, u32, i64);

fn us(days: f64) -> i64 {
    (days * DAY_US as f64) as i64
}

const TRUTH: Truth = Truth { kept_us: 30 * DAY_US, data_end: 400 * DAY_US };

fn window() -> CategoryWindow {
    let (gap_end, window_end, known_by) = (us(107.0), us(135.0), us(165.0));
    let label = LabelWindow { as_of: us(100.0), gap_end, window_end, known_by };
    CategoryWindow { recent_start: us(10.0), label }
}

/// Labels of the offers for categories 2 and 0.
fn labels(rows: &[Bought], truth: &Truth) -> Result<([Label; 2], [i64; 2]), Error> {
    let at: Vec<i64> = rows.iter().map(|r| us(r.0)).collect();
    let arrived: Vec<i64> = rows.iter().map(|r| us(r.1)).collect();
    let category: Vec<u32> = rows.iter().map(|r| r.2).collect();
    let product: Vec<u32> = rows.iter().map(|r| r.3).collect();
    let units: Vec<i64> = rows.iter().map(|r| r.4).collect();
    let purchases = Purchases {
        offsets: &[0, rows.len() as u32],
        at: &at,
        arrived: Some(&arrived),
        category: &category,
        product: &product,
        quantity: Some(Maybe { values: &units, valid: None }),
    };
    let (mut label, mut take_at) = ([Label::Negative; 2], [0; 2]);
    let mut out = Labels { label: &mut label, take_at: &mut take_at };
    category_labels(&purchases, &[2, 0], 3, &[window()], truth, &mut out, &NoControl)?;
    Ok((label, take_at))
}

/// The label of category 2; category 0 stays untouched.
#[track_caller]
fn check(rows: &[Bought], expected: Label) {
    let (label, take_at) = labels(rows, &TRUTH).unwrap();
    assert_eq!(label, [expected, Label::Negative]);
    assert_eq!(take_at[0] != NO_TAKE, expected == Label::Positive);
}

fn bought(day: f64) -> Bought {
    (day, day, 2, 7, 1)
}

fn returned(day: f64, units: i64) -> Bought {
    (day, day, 2, 7, -units)
}

#[test]
fn a_purchase_inside_the_window_is_a_take_at_its_first_instant() {
    check(&[bought(107.0), bought(120.0)], Label::Positive);
    assert_eq!(labels(&[bought(110.0), bought(120.0)], &TRUTH).unwrap().1[0], us(110.0));
    check(&[bought(134.99)], Label::Positive);
    check(&[bought(135.0)], Label::Negative);
    check(&[], Label::Negative);
}

#[test]
fn who_bought_recently_is_not_eligible() {
    check(&[bought(10.0), bought(110.0)], Label::NotEligible);
    check(&[bought(99.99), bought(110.0)], Label::NotEligible);
    check(&[bought(9.99), bought(110.0)], Label::Positive);
}

#[test]
fn a_purchase_inside_the_gap_or_unknown_at_the_as_of_removes_the_row() {
    check(&[bought(100.0), bought(120.0)], Label::GapTake);
    check(&[bought(106.99)], Label::GapTake);
    check(&[(90.0, 100.0, 2, 7, 1)], Label::GapTake);
    check(&[(90.0, 99.0, 2, 7, 1)], Label::NotEligible);
}

#[test]
fn returns_cancel_unit_by_unit() {
    check(&[bought(110.0), returned(115.0, 1)], Label::Negative);
    check(&[bought(110.0), returned(140.0, 1)], Label::Negative);
    check(&[bought(110.0), returned(140.01, 1)], Label::Positive);
    check(&[(110.0, 110.0, 2, 7, 2), returned(115.0, 1)], Label::Positive);
    // One of two purchases comes back: the newer one.
    check(&[bought(110.0), bought(112.0), returned(115.0, 1)], Label::Positive);
    assert_eq!(labels(&[bought(110.0), bought(112.0), returned(115.0, 1)], &TRUTH).unwrap().1[0], us(110.0));
    check(&[bought(110.0), bought(112.0), returned(115.0, 2)], Label::Negative);
    // Another product's return, and a return of what was bought in the gap, leave the purchase alone.
    check(&[bought(110.0), (115.0, 115.0, 2, 8, -1)], Label::Positive);
    check(&[bought(101.0), returned(103.0, 1), bought(110.0)], Label::Positive);
}

#[test]
fn returns_are_ignored_when_nothing_need_be_kept() {
    let truth = Truth { kept_us: 0, ..TRUTH };
    assert_eq!(labels(&[bought(110.0), returned(111.0, 1)], &truth).unwrap().0[0], Label::Positive);
}

#[test]
fn immature_until_the_window_and_the_days_to_keep_are_over() {
    let at = |day: f64| labels(&[bought(110.0)], &Truth { data_end: us(day), ..TRUTH }).unwrap().0;
    assert_eq!(at(165.0), [Label::Positive, Label::Negative]);
    assert_eq!(at(164.99), [Label::Immature, Label::Immature]);
}

#[test]
fn what_arrives_after_the_end_of_the_data_is_unknown() {
    check(&[(110.0, 400.0, 2, 7, 1)], Label::Negative);
    check(&[(110.0, 399.0, 2, 7, 1)], Label::Positive);
    check(&[bought(110.0), (115.0, 400.0, 2, 7, -1)], Label::Positive);
}

#[test]
fn categories_that_are_unknown_or_rows_out_of_order() {
    let error = labels(&[(1.0, 1.0, 3, 0, 1)], &TRUTH).unwrap_err();
    assert_eq!(error, Error::Code { what: "category", code: 3, n_codes: 3 });
    let error = labels(&[bought(2.0), bought(1.0)], &TRUTH).unwrap_err();
    assert_eq!(error, Error::Unsorted { what: "at", idx: 1 });
}
