//! One case for each clause of the definition of a take.
//!
//! Days are counted from 0. The as-of is day 100, the gap ends on day 107, the label window on day 167, a take is kept 30 days,
//! and the data end on day 400. Products: line 0, 1, 2 (tiers 1, 2, 3), 3 = the old code of line tier 1; add-on 4 and 5 (tiers 1, 2).

use osusume_model::{DAY_US, NoControl, OfferKind};
use osusume_windows::{
    HoldingState, Intervals, Label, LabelWindow, Labels, Ladder, Maybe, NO_TAKE, OfferRule, Truth, find_takes,
    holder_labels, holdings_as_of, offer_labels,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::config;

const LADDER: Ladder<'static> =
    Ladder { family: &[0, 0, 0, 0, 1, 1], tier: &[1, 2, 3, 1, 1, 2], canonical: &[0, 1, 2, 0, 4, 5], n_families: 2 };
const LINE_2: OfferRule = rule(OfferKind::Upsell, 0, 2);
const LINE_3: OfferRule = rule(OfferKind::Upsell, 0, 3);
const ADD_ON: OfferRule = rule(OfferKind::CrossSell, 1, 1);
const ADD_ON_2: OfferRule = rule(OfferKind::Upsell, 1, 2);
const OFFERS: [OfferRule; 4] = [LINE_2, LINE_3, ADD_ON, ADD_ON_2];

const fn rule(kind: OfferKind, family: u32, tier: u16) -> OfferRule {
    OfferRule {
        kind,
        family,
        tier,
        skips_steps: false,
        counted: None,
        requires: Vec::new(),
        excluded_families: Vec::new(),
        excluded_products: Vec::new(),
    }
}

/// A holding in days; `end` of `None` lasts.
#[derive(Clone, Copy, Debug)]
struct Holding {
    product: u32,
    start: f64,
    end: Option<f64>,
    arrived: f64,
    end_arrived: Option<f64>,
    by_company: bool,
}

fn held(product: u32, start: f64, end: impl Into<Option<f64>>) -> Holding {
    Holding { product, start, end: end.into(), arrived: start, end_arrived: None, by_company: false }
}

fn us(days: f64) -> i64 {
    (days * DAY_US as f64).round() as i64
}

fn window(as_of: f64) -> LabelWindow {
    let (gap_end, window_end, known_by) = (us(as_of + 7.0), us(as_of + 67.0), us(as_of + 97.0));
    LabelWindow { as_of: us(as_of), gap_end, window_end, known_by }
}

const TRUTH: Truth = Truth { kept_us: 30 * DAY_US, data_end: 400 * DAY_US };

/// Columns of one customer's holdings.
struct Columns {
    offsets: [u32; 2],
    product: Vec<u32>,
    start: Vec<i64>,
    end: Vec<i64>,
    has_end: Vec<bool>,
    arrived: Vec<i64>,
    end_arrived: Vec<i64>,
    has_end_arrived: Vec<bool>,
    by_company: Vec<bool>,
}

impl Columns {
    fn new(rows: &[Holding]) -> Self {
        Self {
            offsets: [0, rows.len() as u32],
            product: rows.iter().map(|r| r.product).collect(),
            start: rows.iter().map(|r| us(r.start)).collect(),
            end: rows.iter().map(|r| us(r.end.unwrap_or(0.0))).collect(),
            has_end: rows.iter().map(|r| r.end.is_some()).collect(),
            arrived: rows.iter().map(|r| us(r.arrived)).collect(),
            end_arrived: rows.iter().map(|r| us(r.end_arrived.unwrap_or(0.0))).collect(),
            has_end_arrived: rows.iter().map(|r| r.end_arrived.is_some()).collect(),
            by_company: rows.iter().map(|r| r.by_company).collect(),
        }
    }

    fn intervals(&self) -> Intervals<'_> {
        Intervals {
            offsets: &self.offsets,
            product: &self.product,
            start: &self.start,
            end: Maybe { values: &self.end, valid: Some(&self.has_end) },
            start_arrived: Some(&self.arrived),
            end_arrived: Some(Maybe { values: &self.end_arrived, valid: Some(&self.has_end_arrived) }),
            renews: None,
            price: None,
            quantity: None,
            by_company: Some(&self.by_company),
        }
    }
}

/// Labels of [`OFFERS`] and the instants of takes.
fn labels(rows: &[Holding], window: LabelWindow, truth: &Truth) -> ([Label; 4], [i64; 4]) {
    let columns = Columns::new(rows);
    let (mut label, mut take_at) = ([Label::Negative; 4], [0; 4]);
    let mut out = Labels { label: &mut label, take_at: &mut take_at };
    offer_labels(&columns.intervals(), &LADDER, &OFFERS, &[window], truth, &mut out, &NoControl).unwrap();
    (label, take_at)
}

#[track_caller]
fn check(rows: &[Holding], offer: &OfferRule, expected: Label) {
    let (label, take_at) = labels(rows, window(100.0), &TRUTH);
    let idx = OFFERS.iter().position(|o| o == offer).unwrap();
    assert_eq!(label[idx], expected);
    assert_eq!(take_at[idx] != NO_TAKE, expected == Label::Positive);
}

/// A move from line tier 1 to `product` on `day`, kept until `end`.
fn moved(product: u32, day: f64, end: impl Into<Option<f64>>) -> [Holding; 2] {
    [held(0, 0.0, day), held(product, day, end)]
}

#[test]
fn a_strictly_higher_tier_is_a_take() {
    check(&moved(1, 120.0, None), &LINE_2, Label::Positive);
    let (_, take_at) = labels(&moved(1, 120.0, None), window(100.0), &TRUTH);
    assert_eq!(take_at[0], us(120.0));
}

#[test]
fn the_same_tier_is_none() {
    check(&moved(0, 120.0, None), &LINE_2, Label::Negative);
    check(&[held(1, 0.0, 120.0), held(1, 120.0, None)], &LINE_3, Label::Negative);
}

#[test]
fn a_lower_tier_is_none() {
    check(&[held(1, 0.0, 120.0), held(0, 120.0, None)], &LINE_3, Label::Negative);
}

#[test]
fn doing_nothing_is_none() {
    check(&[held(0, 0.0, None)], &LINE_2, Label::Negative);
    check(&[held(0, 0.0, None)], &ADD_ON, Label::Negative);
    check(&[held(0, 0.0, 110.0)], &LINE_2, Label::Negative);
}

#[test]
fn a_take_inside_the_gap_removes_the_row() {
    check(&moved(1, 100.0, None), &LINE_2, Label::GapTake);
    check(&moved(1, 106.99, None), &LINE_2, Label::GapTake);
    check(&[held(0, 0.0, None), held(4, 103.0, None)], &ADD_ON, Label::GapTake);
}

#[test]
fn a_start_inside_the_gap_that_is_not_kept_does_not() {
    check(&[held(0, 0.0, None), held(1, 103.0, 110.0)], &LINE_2, Label::Negative);
    check(&[held(0, 0.0, None), held(1, 103.0, 110.0), held(1, 130.0, None)], &LINE_2, Label::Positive);
}

#[test]
fn the_label_window_is_half_open() {
    check(&moved(1, 107.0, None), &LINE_2, Label::Positive);
    check(&moved(1, 166.99, None), &LINE_2, Label::Positive);
    check(&moved(1, 167.0, None), &LINE_2, Label::Negative);
}

#[test]
fn kept_for_exactly_the_days_is_kept() {
    check(&moved(1, 120.0, 150.0), &LINE_2, Label::Positive);
    // Local midnights thirty days apart, with a clock change between them.
    check(&moved(1, 120.0, 150.0 - 1.0 / 24.0), &LINE_2, Label::Positive);
}

#[test]
fn kept_one_day_less_is_not() {
    check(&moved(1, 120.0, 149.0), &LINE_2, Label::Negative);
    // Two hours is what a clock change may take away, and no more.
    check(&moved(1, 120.0, 150.0 - 2.0 / 24.0), &LINE_2, Label::Positive);
    check(&moved(1, 120.0, 150.0 - 2.01 / 24.0), &LINE_2, Label::Negative);
}

#[test]
fn a_return_cancels_it() {
    check(&[held(0, 0.0, 120.0), held(1, 120.0, 128.0), held(0, 128.0, None)], &LINE_2, Label::Negative);
    check(&[held(4, 120.0, 128.0)], &ADD_ON, Label::Negative);
    // Cooling-off may also be written as an interval without length.
    check(&[held(4, 120.0, 120.0)], &ADD_ON, Label::Negative);
}

#[test]
fn a_step_back_within_the_days_cancels_it_and_later_does_not() {
    check(&[held(0, 0.0, 120.0), held(1, 120.0, 140.0), held(0, 140.0, None)], &LINE_2, Label::Negative);
    check(&[held(0, 0.0, 120.0), held(1, 120.0, 151.0), held(0, 151.0, None)], &LINE_2, Label::Positive);
}

#[test]
fn a_step_back_to_a_tier_still_above_is_a_take_of_that_tier() {
    let rows = [held(0, 0.0, 120.0), held(2, 120.0, 130.0), held(1, 130.0, None)];
    check(&rows, &LINE_2, Label::Positive);
    let (_, take_at) = labels(&rows, window(100.0), &TRUTH);
    assert_eq!(take_at[0], us(130.0));
}

#[test]
fn a_continuation_without_a_break_counts_as_keeping() {
    let start_of_take = |rows: &[Holding]| labels(rows, window(100.0), &TRUTH).1[0];
    assert_eq!(start_of_take(&[held(0, 0.0, 120.0), held(1, 120.0, 130.0), held(1, 130.0, None)]), us(120.0));
    assert_eq!(start_of_take(&[held(0, 0.0, 120.0), held(1, 120.0, 130.0), held(2, 131.0, None)]), us(120.0));
    assert_eq!(start_of_take(&[held(0, 0.0, 120.0), held(1, 120.0, 130.0), held(2, 132.0, None)]), us(132.0));
    let broken = [held(0, 0.0, 120.0), held(1, 120.0, 130.0), held(1, 132.0, 140.0)];
    check(&broken, &LINE_2, Label::Negative);
}

#[test]
fn repricing_is_none() {
    check(&[held(1, 0.0, 115.0), held(1, 115.0, 130.0), held(1, 130.0, None)], &LINE_3, Label::Negative);
    check(&[held(0, 0.0, 115.0), held(0, 115.0, None)], &LINE_2, Label::Negative);
}

#[test]
fn renewal_is_none() {
    // The old contract ends on day 119, the new one starts the day after.
    check(&[held(0, 0.0, 119.0), held(0, 120.0, None)], &LINE_2, Label::Negative);
    check(&[held(4, 0.0, 119.0), held(4, 120.0, None)], &ADD_ON_2, Label::Negative);
}

#[test]
fn migration_by_replaces_is_none() {
    check(&[held(3, 0.0, 120.0), held(0, 120.0, None)], &LINE_2, Label::Negative);
    let columns = Columns::new(&[held(3, 0.0, 120.0), held(0, 120.0, None)]);
    let takes = find_takes(&columns.intervals(), &LADDER, &TRUTH).unwrap();
    assert_eq!(takes.iter().map(|(_, take)| take.start).collect::<Vec<_>>(), [0]);
    // From the old code upwards is a take like any other.
    check(&[held(3, 0.0, 120.0), held(1, 120.0, None)], &LINE_2, Label::Positive);
}

#[test]
fn a_migration_between_codes_the_table_puts_on_different_tiers_is_none() {
    // The old code is listed below the product that replaces it; it is read at that product.
    let ladder = Ladder { tier: &[2, 3, 4, 1, 1, 2], ..LADDER };
    let columns = Columns::new(&[held(3, 0.0, 120.0), held(0, 120.0, None)]);
    let takes = find_takes(&columns.intervals(), &ladder, &TRUTH).unwrap();
    assert_eq!(takes.len(), 1);
    assert_eq!(takes[0].1.start, 0);
}

#[test]
fn what_the_company_does_is_none() {
    let mut rows = moved(1, 120.0, None);
    rows[1].by_company = true;
    check(&rows, &LINE_2, Label::Negative);
    let mut add_on = [held(0, 0.0, None), held(4, 120.0, None)];
    add_on[1].by_company = true;
    check(&add_on, &ADD_ON, Label::Negative);
}

#[test]
fn the_first_holding_of_an_add_on_is_a_take() {
    check(&[held(0, 0.0, None), held(4, 120.0, None)], &ADD_ON, Label::Positive);
    // Also when it starts at a higher tier than the one offered.
    check(&[held(0, 0.0, None), held(5, 120.0, None)], &ADD_ON, Label::Positive);
}

#[test]
fn a_second_holding_after_an_earlier_one_is_none() {
    check(&[held(4, 0.0, 60.0), held(4, 120.0, None)], &ADD_ON, Label::Negative);
    check(
        &[held(0, 0.0, 20.0), held(1, 20.0, 80.0), held(0, 80.0, 120.0), held(1, 120.0, None)],
        &LINE_2,
        Label::Negative,
    );
}

#[test]
fn an_earlier_one_that_was_sent_back_does_not_stand_in_the_way() {
    check(&[held(4, 50.0, 58.0), held(4, 120.0, None)], &ADD_ON, Label::Positive);
}

#[test]
fn two_starts_at_one_instant_are_one_take_and_the_customers_counts() {
    let mut rows = [held(4, 120.0, None), held(4, 120.0, None), held(4, 120.0, None)];
    rows[0].by_company = true;
    let columns = Columns::new(&rows);
    assert_eq!(find_takes(&columns.intervals(), &LADDER, &TRUTH).unwrap().len(), 1);
    check(&rows, &ADD_ON, Label::Positive);
}

#[test]
fn a_jump_over_a_tier_counts_for_the_offer_below() {
    check(&moved(2, 120.0, None), &LINE_2, Label::Positive);
    check(&moved(2, 120.0, None), &LINE_3, Label::NotEligible);
}

#[test]
fn only_the_next_lower_tier_is_eligible_for_an_upsell() {
    check(&[held(0, 0.0, None)], &LINE_3, Label::NotEligible);
    check(&[held(1, 0.0, None)], &LINE_2, Label::NotEligible);
    check(&[held(2, 0.0, None)], &LINE_3, Label::NotEligible);
    check(&[], &LINE_2, Label::NotEligible);
    check(&[held(1, 0.0, None)], &LINE_3, Label::Negative);
}

/// The label of one offer under a ladder of its own.
fn label_of(rows: &[Holding], ladder: &Ladder<'_>, offer: &OfferRule) -> Label {
    let columns = Columns::new(rows);
    let (mut label, mut take_at) = ([Label::Negative], [0]);
    let mut out = Labels { label: &mut label, take_at: &mut take_at };
    let offers = std::slice::from_ref(offer);
    offer_labels(&columns.intervals(), ladder, offers, &[window(100.0)], &TRUTH, &mut out, &NoControl).unwrap();
    label[0]
}

#[test]
fn a_replaced_product_is_no_step_of_the_ladder() {
    // Product 1 (tier 2) was replaced by product 0 (tier 1): from tier 1 the next step up is tier 3.
    let ladder = Ladder { canonical: &[0, 0, 2, 0, 4, 5], ..LADDER };
    assert_eq!(label_of(&[held(0, 0.0, None)], &ladder, &LINE_3), Label::Negative);
    assert_eq!(label_of(&[held(1, 0.0, None)], &ladder, &LINE_3), Label::Negative);
    assert_eq!(label_of(&moved(2, 120.0, None), &ladder, &LINE_3), Label::Positive);
    assert_eq!(label_of(&[held(2, 0.0, None)], &ladder, &LINE_3), Label::NotEligible);
}

#[test]
fn nothing_lies_below_the_lowest_tier() {
    let lowest = rule(OfferKind::Upsell, 0, 1);
    assert_eq!(label_of(&[], &LADDER, &lowest), Label::NotEligible);
    assert_eq!(label_of(&[held(0, 0.0, None)], &LADDER, &lowest), Label::NotEligible);
}

#[test]
fn who_lacks_a_required_family_is_not_eligible() {
    let offer = OfferRule { requires: vec![0], ..ADD_ON };
    assert_eq!(label_of(&[held(4, 120.0, None)], &LADDER, &offer), Label::NotEligible);
    assert_eq!(label_of(&[held(0, 0.0, None), held(4, 120.0, None)], &LADDER, &offer), Label::Positive);
    // As known on the day: what started later, or ended before, does not serve.
    assert_eq!(label_of(&[held(0, 100.0, None)], &LADDER, &offer), Label::NotEligible);
    assert_eq!(label_of(&[held(0, 0.0, 99.0)], &LADDER, &offer), Label::NotEligible);
}

#[test]
fn who_holds_what_is_excluded_is_not_eligible() {
    let by_family = OfferRule { excluded_families: vec![1], ..LINE_2 };
    let by_product = OfferRule { excluded_products: vec![5], ..LINE_2 };
    let with = |product: u32| [held(0, 0.0, None), held(product, 0.0, None)];
    assert_eq!(label_of(&with(4), &LADDER, &by_family), Label::NotEligible);
    assert_eq!(label_of(&with(4), &LADDER, &by_product), Label::Negative);
    assert_eq!(label_of(&with(5), &LADDER, &by_product), Label::NotEligible);
    assert_eq!(label_of(&[held(0, 0.0, None)], &LADDER, &by_family), Label::Negative);
    // A replaced code is not the product that replaced it.
    let old_code = OfferRule { excluded_products: vec![0], ..LINE_2 };
    assert_eq!(label_of(&[held(3, 0.0, None)], &LADDER, &old_code), Label::Negative);
}

#[test]
fn who_holds_something_of_the_family_is_not_eligible_for_a_cross_sell() {
    check(&[held(4, 0.0, None)], &ADD_ON, Label::NotEligible);
    check(&[held(5, 0.0, None)], &ADD_ON, Label::NotEligible);
    check(&[], &ADD_ON, Label::Negative);
}

#[test]
fn a_start_that_arrived_late_is_not_held_against_eligibility_but_removes_the_row() {
    let mut rows = moved(1, 95.0, None);
    rows[0].end_arrived = Some(104.0);
    rows[1].arrived = 104.0;
    // On day 100 the customer looked like one on tier 1; the truth, known later, is a take before the window.
    check(&rows, &LINE_2, Label::GapTake);
    // Known in time, there is nothing to offer.
    check(&moved(1, 95.0, None), &LINE_2, Label::NotEligible);
}

#[test]
fn a_start_that_arrives_after_the_end_of_the_data_is_unknown() {
    let mut rows = moved(1, 120.0, None);
    rows[1].arrived = 400.0;
    check(&rows, &LINE_2, Label::Negative);
    rows[1].arrived = 399.0;
    check(&rows, &LINE_2, Label::Positive);
}

#[test]
fn an_end_that_became_known_later_does_not_rewrite_the_past() {
    // The add-on ended on day 90, which was known only on day 110.
    let mut rows = [held(4, 0.0, 90.0)];
    rows[0].end_arrived = Some(110.0);
    check(&rows, &ADD_ON, Label::NotEligible);
    rows[0].end_arrived = Some(99.0);
    check(&rows, &ADD_ON, Label::Negative);
}

#[test]
fn a_label_is_mature_when_its_window_and_the_days_to_keep_are_over() {
    // Day 167 ends the window, 30 days to keep it: day 197.
    let truth = |day: f64| Truth { data_end: us(day), ..TRUTH };
    let label = |day| labels(&moved(1, 120.0, None), window(100.0), &truth(day)).0;
    assert_eq!(label(197.0)[0], Label::Positive);
    assert_eq!(label(196.99)[0], Label::Immature);
    assert_eq!(label(196.99)[2], Label::Immature);
    assert_eq!(label(196.99)[1], Label::NotEligible, "eligibility comes first");
}

#[test]
fn the_days_to_keep_are_the_callers_calendar_days() {
    // Clocks went forward while the take was kept: thirty days by the calendar are an hour short.
    let window = LabelWindow { known_by: us(197.0) - DAY_US / 24, ..window(100.0) };
    let truth = Truth { data_end: window.known_by, ..TRUTH };
    assert_eq!(labels(&moved(1, 120.0, None), window, &truth).0[0], Label::Positive);
    let truth = Truth { data_end: window.known_by - 1, ..TRUTH };
    assert_eq!(labels(&moved(1, 120.0, None), window, &truth).0[0], Label::Immature);
}

fn holding() -> impl Strategy<Value = Holding> {
    let late = prop_oneof![3 => Just(0_u32), 1 => 1..90_u32];
    (0..6_u32, 0..300_u32, prop::option::of(0..120_u32), late.clone(), prop::option::of(late), 0..10_u32).prop_map(
        |(product, start, length, late, end_late, company)| {
            let end = length.map(|length| f64::from(start + length));
            Holding {
                product,
                start: f64::from(start),
                end,
                arrived: f64::from(start + late),
                end_arrived: end.and_then(|end| end_late.map(|late| end + f64::from(late))),
                by_company: company == 0,
            }
        },
    )
}

/// Nothing that happens or becomes known at or after `day`: such rows are gone, such ends are open.
fn without_future(rows: &[Holding], day: f64) -> Vec<Holding> {
    let known = rows.iter().filter(|row| row.start < day && row.arrived < day).copied();
    known
        .map(|mut row| {
            if row.end_arrived.or(row.end).is_some_and(|arrived| arrived >= day) {
                (row.end, row.end_arrived) = (None, None);
            }
            row
        })
        .collect()
}

proptest! {
    #![proptest_config(config(300))]

    /// The states of a day are those of a world that ended with that day.
    #[test]
    fn the_future_changes_no_state(rows in vec(holding(), 0..8), day in 1..330_u32) {
        let states = |rows: &[Holding]| {
            let mut out = [HoldingState::NOTHING; 3];
            let columns = Columns::new(rows);
            holdings_as_of(&columns.intervals(), &LADDER, &[us(f64::from(day))], &mut out, &NoControl).unwrap();
            // Debug text, because an absent number is not equal to itself.
            format!("{out:?}")
        };
        prop_assert_eq!(states(&rows), states(&without_future(&rows, f64::from(day))));
    }

    /// Eligibility is what a world that ended with the as-of day would say.
    #[test]
    fn the_future_changes_no_eligibility(rows in vec(holding(), 0..8), day in 1..330_u32) {
        let window = window(f64::from(day));
        let late = Truth { data_end: us(1_000.0), ..TRUTH };
        let eligible = |rows: &[Holding]| labels(rows, window, &late).0.map(|label| label != Label::NotEligible);
        prop_assert_eq!(eligible(&rows), eligible(&without_future(&rows, f64::from(day))));
    }

    /// What happens or arrives at or after the end of the data changes no label, and the order of rows never matters.
    #[test]
    fn the_future_and_the_order_change_no_label(
        rows in vec(holding(), 0..8), extra in vec(holding(), 0..4), as_of in 20..120_u32,
    ) {
        let truth = Truth { data_end: us(230.0), ..TRUTH };
        let window = window(f64::from(as_of));
        let expected = labels(&rows, window, &truth);
        let hidden = extra.iter().map(|h| Holding { arrived: h.arrived.max(230.0), ..*h });
        let changed: Vec<Holding> = without_future(&rows, 230.0).into_iter().chain(hidden).rev().collect();
        prop_assert_eq!(labels(&changed, window, &truth), expected);
    }

    /// A take inside the window is counted once, at its own instant, and only there.
    #[test]
    fn positives_are_takes_inside_the_window(rows in vec(holding(), 0..8), as_of in 20..120_u32) {
        let window = window(f64::from(as_of));
        let columns = Columns::new(&rows);
        let takes = find_takes(&columns.intervals(), &LADDER, &TRUTH).unwrap();
        let (label, take_at) = labels(&rows, window, &TRUTH);
        for ((label, at), offer) in label.iter().zip(take_at).zip(OFFERS) {
            let fits = takes.iter().any(|(_, t)| t.start == at && t.family == offer.family && t.tier >= offer.tier);
            let inside = at >= window.gap_end && at < window.window_end;
            prop_assert_eq!(*label == Label::Positive, fits && inside);
        }
    }
}

/// Who holds each offer of [`OFFERS`] on day 100, and who could.
fn holders(rows: &[Holding], offers: &[OfferRule]) -> Vec<Label> {
    let columns = Columns::new(rows);
    let (mut label, mut take_at) = (vec![Label::Immature; offers.len()], vec![0; offers.len()]);
    let mut out = Labels { label: &mut label, take_at: &mut take_at };
    holder_labels(&columns.intervals(), &LADDER, offers, us(100.0), &mut out, &NoControl).unwrap();
    assert!(take_at.iter().all(|&at| at == NO_TAKE));
    label
}

#[test]
fn a_holder_is_who_holds_the_tier_or_a_higher_one_on_the_day() {
    use Label::{Negative as No, NotEligible as Out, Positive as Yes};
    // Line to tier 2, line to tier 3, the add-on, the add-on's tier 2.
    assert_eq!(holders(&[], &OFFERS), [Out, Out, No, Out]);
    assert_eq!(holders(&[held(0, 0.0, None)], &OFFERS), [No, Out, No, Out]);
    assert_eq!(holders(&[held(2, 0.0, None), held(4, 0.0, None)], &OFFERS), [Yes, Yes, Yes, No]);
    assert_eq!(
        holders(&[held(1, 0.0, 90.0), held(4, 101.0, None)], &OFFERS),
        [Out, Out, No, Out],
        "over, or not begun"
    );
}

#[test]
fn holders_need_what_the_offer_requires_like_everybody() {
    let needs = OfferRule { requires: vec![0], ..ADD_ON };
    let alone = OfferRule { excluded_families: vec![0], ..ADD_ON };
    let offers = [needs, alone];
    assert_eq!(holders(&[held(4, 0.0, None)], &offers), [Label::NotEligible, Label::Positive]);
    assert_eq!(holders(&[held(0, 0.0, None), held(4, 0.0, None)], &offers), [Label::Positive, Label::NotEligible]);
    assert_eq!(holders(&[held(0, 0.0, None)], &offers), [Label::Negative, Label::NotEligible]);
}
