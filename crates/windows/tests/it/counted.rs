//! What counts as a take of a product sold in numbers. Days are counted from 0; a take is kept 30 days, and the data end on day 400.
//! Products: 0 is sold in numbers, 1 is its old code, 2 is another one of the same family and a higher tier.

use osusume_model::{DAY_US, NoControl, OfferKind};
use osusume_windows::{
    Error, Intervals, Label, LabelWindow, Labels, Ladder, Maybe, NO_TAKE, OfferRule, Truth, UnitsTaken, offer_labels,
    units_taken,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::config;

const LADDER: Ladder<'static> = Ladder { family: &[0, 0, 0], tier: &[1, 1, 2], canonical: &[0, 0, 2], n_families: 1 };
const TRUTH: Truth = Truth { kept_us: 30 * DAY_US, data_end: 400 * DAY_US };

/// A row in days; `end` of `None` lasts.
#[derive(Clone, Copy, Debug)]
struct Row {
    product: u32,
    start: f64,
    end: Option<f64>,
    units: i64,
    arrived: f64,
    by_company: bool,
}

fn row(start: f64, end: impl Into<Option<f64>>, units: i64) -> Row {
    Row { product: 0, start, end: end.into(), units, arrived: start, by_company: false }
}

fn us(days: f64) -> i64 {
    (days * DAY_US as f64).round() as i64
}

/// Lends the rows of one customer.
fn with<R>(rows: &[Row], then: impl FnOnce(&Intervals<'_>) -> R) -> R {
    let offsets = [0, rows.len() as u32];
    let product: Vec<u32> = rows.iter().map(|row| row.product).collect();
    let start: Vec<i64> = rows.iter().map(|row| us(row.start)).collect();
    let arrived: Vec<i64> = rows.iter().map(|row| us(row.arrived)).collect();
    let end: Vec<i64> = rows.iter().map(|row| us(row.end.unwrap_or(0.0))).collect();
    let has_end: Vec<bool> = rows.iter().map(|row| row.end.is_some()).collect();
    let units: Vec<i64> = rows.iter().map(|row| row.units).collect();
    let by_company: Vec<bool> = rows.iter().map(|row| row.by_company).collect();
    then(&Intervals {
        offsets: &offsets,
        product: &product,
        start: &start,
        end: Maybe { values: &end, valid: Some(&has_end) },
        start_arrived: Some(&arrived),
        end_arrived: None,
        renews: None,
        price: None,
        quantity: Some(Maybe { values: &units, valid: None }),
        by_company: Some(&by_company),
    })
}

/// Start in days and units of every take.
fn takes(rows: &[Row]) -> Vec<(f64, i64)> {
    let found = with(rows, |intervals| units_taken(intervals, &LADDER, 0, &TRUTH).unwrap());
    found.iter().map(|(_, take)| (take.start as f64 / DAY_US as f64, take.units)).collect()
}

#[test]
fn the_first_units_and_more_of_them_are_takes() {
    assert_eq!(takes(&[row(50.0, None, 3)]), [(50.0, 3)]);
    assert_eq!(takes(&[row(50.0, None, 3), row(90.0, None, 2)]), [(50.0, 3), (90.0, 2)]);
    // Another row and the same row with more in it are the same thing.
    assert_eq!(takes(&[row(50.0, 90.0, 3), row(90.0, None, 5)]), [(50.0, 3), (90.0, 2)]);
    assert_eq!(takes(&[row(50.0, None, 3), row(50.0, None, 4)]), [(50.0, 7)]);
}

#[test]
fn what_is_renewed_as_it_was_is_none() {
    for (end, again) in [(90.0, 90.0), (90.0, 91.0), (90.5, 90.0), (91.0, 90.0)] {
        assert_eq!(takes(&[row(50.0, end, 3), row(again, None, 3)]), [(50.0, 3)], "{end} {again}");
        assert_eq!(takes(&[row(50.0, end, 3), row(again, None, 2)]), [(50.0, 3)], "fewer than before");
        assert_eq!(takes(&[row(50.0, end, 3), row(again, None, 7)]), [(50.0, 3), (again, 4)], "what is more");
    }
    // Whoever was without it for days begins anew.
    assert_eq!(takes(&[row(50.0, 90.0, 3), row(93.0, None, 3)]), [(50.0, 3), (93.0, 3)]);
    // Two rows become one.
    assert_eq!(takes(&[row(50.0, 90.0, 3), row(60.0, 90.0, 2), row(90.0, None, 5)]), [(50.0, 3), (60.0, 2)]);
    // The old code is the same product.
    let old = Row { product: 1, ..row(50.0, 90.0, 3) };
    assert_eq!(takes(&[old, row(90.0, None, 4)]), [(50.0, 3), (90.0, 1)]);
}

#[test]
fn what_was_not_kept_was_not_taken() {
    assert_eq!(takes(&[row(50.0, 70.0, 3)]), []);
    assert_eq!(takes(&[row(50.0, 80.0, 3)]), [(50.0, 3)]);
    // Of five two were sent back.
    assert_eq!(takes(&[row(50.0, 60.0, 5), row(60.0, None, 3)]), [(50.0, 3)]);
    // What is bought later does not keep what was sent back.
    assert_eq!(takes(&[row(50.0, 60.0, 5), row(70.0, None, 5)]), [(70.0, 5)]);
    // A change for something else is no more than before.
    assert_eq!(takes(&[row(10.0, None, 2), row(11.0, 60.0, 4), row(60.0, None, 4)]), [(10.0, 2), (11.0, 4)]);
}

#[test]
fn what_the_company_adds_and_other_products_are_none() {
    assert_eq!(takes(&[Row { by_company: true, ..row(50.0, None, 3) }]), []);
    let rows = [Row { by_company: true, ..row(50.0, None, 3) }, row(50.0, None, 2), row(90.0, None, 1)];
    assert_eq!(takes(&rows), [(50.0, 2), (90.0, 1)]);
    assert_eq!(takes(&[Row { product: 2, ..row(50.0, None, 3) }]), []);
    let late = Row { arrived: 400.0, ..row(50.0, None, 3) };
    assert_eq!(takes(&[late]), [], "not known by the end of the data");
    let found = with(&[Row { arrived: 60.0, ..row(50.0, None, 3) }], |rows| units_taken(rows, &LADDER, 0, &TRUTH));
    assert_eq!(found, Ok(vec![(0, UnitsTaken { start: us(50.0), arrived: us(60.0), units: 3 })]));
    let refused = with(&[], |rows| units_taken(rows, &LADDER, 3, &TRUTH));
    assert!(matches!(refused, Err(Error::Code { what: "counted product", .. })));
}

/// As of day 100, with the gap until 107 and the window until 167.
fn label(rows: &[Row], rule: &OfferRule) -> (Label, i64) {
    let window = LabelWindow { as_of: us(100.0), gap_end: us(107.0), window_end: us(167.0), known_by: us(197.0) };
    let (mut label, mut take_at) = ([Label::Negative], [0]);
    let mut out = Labels { label: &mut label, take_at: &mut take_at };
    let rules = std::slice::from_ref(rule);
    with(rows, |rows| offer_labels(rows, &LADDER, rules, &[window], &TRUTH, &mut out, &NoControl)).unwrap();
    (label[0], take_at[0])
}

#[test]
fn who_holds_units_is_learned_from() {
    let plain = OfferRule {
        kind: OfferKind::CrossSell,
        family: 0,
        tier: 1,
        skips_steps: false,
        counted: None,
        requires: Vec::new(),
        excluded_families: Vec::new(),
        excluded_products: Vec::new(),
    };
    let counted = OfferRule { counted: Some(0), ..plain.clone() };
    let holder = row(10.0, None, 3);
    assert_eq!(label(&[holder], &plain), (Label::NotEligible, NO_TAKE));
    assert_eq!(label(&[holder], &counted), (Label::Negative, NO_TAKE));
    assert_eq!(label(&[holder, row(120.0, None, 1)], &counted), (Label::Positive, us(120.0)));
    assert_eq!(label(&[row(120.0, None, 1)], &counted), (Label::Positive, us(120.0)));
    assert_eq!(label(&[row(10.0, 120.0, 3), row(120.0, None, 3)], &counted), (Label::Negative, NO_TAKE), "a renewal");
    assert_eq!(label(&[holder, row(103.0, None, 1)], &counted), (Label::GapTake, NO_TAKE));
    assert_eq!(label(&[holder, Row { arrived: 105.0, ..row(95.0, None, 1) }], &counted), (Label::GapTake, NO_TAKE));
    // Who holds a higher tier of the family may not be offered it, and taking one is no take of it.
    let higher = |start| Row { product: 2, ..row(start, None, 1) };
    assert_eq!(label(&[holder, higher(20.0)], &counted), (Label::NotEligible, NO_TAKE));
    assert_eq!(label(&[holder, higher(120.0)], &counted), (Label::Negative, NO_TAKE));
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let one = (0..3_u32, 0..200_u32, prop::option::of(1..120_u32), 1..6_i64, any::<bool>());
    let row = one.prop_map(|(product, half_days, length, units, by_company)| {
        let start = f64::from(half_days) / 2.0;
        let end = length.map(|halves| start + f64::from(halves) / 2.0);
        Row { product, start, end, units, arrived: start, by_company }
    });
    vec(row, 0..9)
}

/// The definition, half hour by half hour.
fn plain(rows: &[Row]) -> Vec<(f64, i64)> {
    let grace = 1.0 + 2.0 / 24.0;
    let of: Vec<&Row> = rows.iter().filter(|row| row.product < 2).collect();
    let held = |at: f64| {
        let is_held = |row: &&&Row| row.start <= at && row.end.is_none_or(|end| at < end + grace - 1e-9);
        of.iter().filter(is_held).map(|row| row.units).sum::<i64>()
    };
    let mut starts: Vec<f64> = of.iter().filter(|row| !row.by_company).map(|row| row.start).collect();
    starts.sort_by(f64::total_cmp);
    starts.dedup();
    let take = |start: f64| {
        let begun: i64 = of.iter().filter(|row| row.start == start && !row.by_company).map(|row| row.units).sum();
        let n_steps = ((30.0 - 2.0 / 24.0 + grace) * 48.0).round() as u32;
        let kept = (0..n_steps).map(|step| held(start + f64::from(step) / 48.0)).min().unwrap();
        let units = (kept - held(start - 1.0 / 48.0)).min(begun);
        (units > 0).then_some((start, units))
    };
    starts.into_iter().filter_map(take).collect()
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn takes_are_those_of_the_definition(rows in rows()) {
        prop_assert_eq!(takes(&rows), plain(&rows));
    }

    #[test]
    fn the_order_of_rows_changes_nothing(rows in rows()) {
        let reversed: Vec<Row> = rows.iter().rev().copied().collect();
        prop_assert_eq!(takes(&rows), takes(&reversed));
    }
}
