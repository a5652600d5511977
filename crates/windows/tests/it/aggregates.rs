//! The fast pass against the naive loop.

use osusume_model::{DAY_US, NoControl};
use osusume_windows::{
    Aggregate, ColumnKind, Cutoffs, EventColumn, EventValues, Events, Filter, Measure, Plan, Scratch, Span, aggregate,
    aggregate_block,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rayon::prelude::*;

use crate::oracle::{cell, scale, visible};
use crate::world::{
    ITEM, MONEY, REAL, Row, Table, aggregates, computed, config, customer, customers, cutoffs, cutoffs_at, plan, spans,
};

/// Whether a cell agrees: to the bit, except for the measures the oracle itself computes with rounding.
/// `scale` is the largest value of the window; times are at least a quarter day apart, so slopes are at most four times as blurred.
fn agrees(measure: Measure, got: f64, expected: f64, scale: impl Fn() -> f64) -> bool {
    if got == expected || (got.is_nan() && expected.is_nan()) {
        return true;
    }
    let slack = match measure {
        Measure::StdDev(_) | Measure::Trend(_) => 1e-11 * expected.abs() + 64.0 * f64::EPSILON * scale(),
        // Two exponentials that each are right to an ulp or two; values of both signs may cancel.
        Measure::DecayedCount { .. } | Measure::DecayedSum { .. } => 1e-13 * (expected.abs() + scale()),
        _ => 0.0,
    };
    (got - expected).abs() <= slack
}

fn check(customers: &[Vec<Row>]) {
    check_at(customers, &cutoffs());
}

fn check_at(customers: &[Vec<Row>], cutoffs: &Cutoffs) {
    let aggregates = aggregates();
    let out = computed(customers, cutoffs, &aggregates);
    let mut got = out.iter();
    for (c, rows) in customers.iter().enumerate() {
        for &as_of in cutoffs.as_of() {
            let (visible, spans) = (visible(rows, as_of), spans(as_of));
            for aggregate in &aggregates {
                let span = spans[aggregate.window];
                let expected = cell(&visible, as_of, span, aggregate);
                let got = *got.next().unwrap();
                assert!(
                    agrees(aggregate.measure, got, expected, || scale(&visible, span, aggregate)),
                    "customer {c}, day {}, {aggregate:?}: got {got}, expected {expected}",
                    as_of / DAY_US
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn every_cell_agrees_with_the_naive_loop(customers in customers(40)) {
        check(&customers);
    }
}

/// Ten thousand customers at once, every aggregate over every window, each cell against the naive loop: sums of money to the unit.
#[test]
fn ten_thousand_customers_agree_with_the_naive_loop() {
    let mut runner = TestRunner::new(config(1));
    let customers: Vec<Vec<Row>> = (0..10_000).map(|_| customer(24).new_tree(&mut runner).unwrap().current()).collect();
    assert!(customers.iter().map(Vec::len).sum::<usize>() > 100_000, "they have rows");
    let cutoffs = cutoffs_at(&[19, 45]);
    customers.par_chunks(100).for_each(|customers| check_at(customers, &cutoffs));
}

/// The same rows, known when they happened but for those that become known before the next instant anybody asks at.
fn in_time(customers: &[Vec<Row>]) -> Vec<Vec<Row>> {
    let next = |at: i64| cutoffs().as_of().iter().copied().find(|&as_of| as_of > at).unwrap_or(i64::MAX);
    let row = |row: &Row| Row { arrived: row.arrived.min(next(row.at) - 1), ..row.clone() };
    customers.iter().map(|rows| rows.iter().map(row).collect()).collect()
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn rows_that_came_in_time_agree_with_the_naive_loop(customers in customers(40)) {
        check(&in_time(&customers));
    }

    /// A row that no instant sees takes the customer through the lists of rows instead of the segments: not a bit may differ.
    #[test]
    fn segments_and_lists_of_rows_give_the_same_bits(customers in customers(60)) {
        let customers = in_time(&customers);
        let unseen = Row { at: 0, arrived: i64::MAX, money: Some(5), real: 5.0, metric: Some(1), item: 3 };
        let slow: Vec<Vec<Row>> =
            customers.iter().map(|rows| [std::slice::from_ref(&unseen), rows.as_slice()].concat()).collect();
        let bits = |customers: &[Vec<Row>]| -> Vec<u64> {
            computed(customers, &cutoffs(), &aggregates()).into_iter().map(f64::to_bits).collect()
        };
        // A customer without rows stays one without visible rows.
        prop_assert!(bits(&customers) == bits(&slow));
    }
}

#[test]
fn columns_that_lack_nothing_agree_with_the_naive_loop() {
    let mut rows = busy_customer(3_000);
    for row in &mut rows {
        (row.arrived, row.money, row.metric) = (row.at, Some(row.money.unwrap_or(-7)), Some(2));
    }
    let customers = [rows, Vec::new()];
    let (aggregates, cutoffs, table) = (aggregates(), cutoffs(), Table::new(&customers));
    let columns = table.columns().map(|column| EventColumn { valid: None, ..column });
    let plan = plan(&aggregates);
    let mut out = vec![0.0_f64; 2 * cutoffs.as_of().len() * aggregates.len()];
    let events = Events { arrived: None, ..table.events(&columns) };
    aggregate(&events, &cutoffs, &plan, &mut out, &NoControl).unwrap();
    let expected = computed(&customers, &cutoffs, &aggregates);
    assert!(out.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
    check(&customers);
}

/// A plan keeps working memory from use to use; nothing of one may show in the next, however many instants either asks at.
#[test]
fn what_a_plan_was_used_for_before_changes_nothing() {
    let customers: Vec<Vec<Row>> = in_time(&(0..40).map(|c| busy_customer(50 + c % 7)).collect::<Vec<_>>());
    let (aggregates, table) = (aggregates(), Table::new(&customers));
    let columns = table.columns();
    let events = table.events(&columns);
    let used = plan(&aggregates);
    for days in [vec![12, 19, 31, 45, 58, 90], vec![45], vec![31, 58], vec![12, 19, 20, 31, 45, 58, 90]] {
        let as_of: Vec<i64> = days.iter().map(|day| day * DAY_US).collect();
        let cutoffs = Cutoffs::new(as_of.clone(), as_of.iter().flat_map(|&t| spans(t)).collect()).unwrap();
        let run = |plan: &Plan| {
            let mut out = vec![0.0_f64; customers.len() * as_of.len() * aggregates.len()];
            aggregate(&events, &cutoffs, plan, &mut out, &NoControl).unwrap();
            out.into_iter().map(f64::to_bits).collect::<Vec<_>>()
        };
        assert!(run(&used) == run(&plan(&aggregates)), "{days:?}");
    }
}

/// A deterministic customer with many rows.
fn busy_customer(n: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = (0..n as i64)
        .map(|i| {
            let at = (i * 7_919 % 90_000) * (DAY_US / 1_000);
            Row {
                at,
                arrived: at + if i % 5 == 0 { i % 31 * DAY_US } else { 0 },
                money: (i % 13 != 0).then_some(i % 1_009),
                real: (i % 257) as f64 / 8.0,
                metric: Some((i % 4) as u32),
                item: (i * i % 9) as u32,
            }
        })
        .collect();
    rows.sort_by_key(|r| r.at);
    rows
}

#[test]
fn one_huge_customer_between_empty_ones() {
    check(&[Vec::new(), busy_customer(9_000), Vec::new(), Vec::new(), busy_customer(3)]);
}

#[test]
fn the_same_bits_for_any_number_of_threads_and_any_block() {
    let customers: Vec<Vec<Row>> = (0..2_500).map(|c| busy_customer(c % 9)).collect();
    let (aggregates, cutoffs) = (aggregates(), cutoffs());
    let plan = plan(&aggregates);
    let table = Table::new(&customers);
    let columns = table.columns();
    let row_len = cutoffs.as_of().len() * aggregates.len();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut out = vec![0.0_f32; customers.len() * row_len];
        pool.install(|| aggregate(&table.events(&columns), &cutoffs, &plan, &mut out, &NoControl)).unwrap();
        out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let one = run(1);
    assert!(one == run(3));
    // A block of customers in the middle, on this thread: offsets start above 0.
    let mut out = vec![0.0_f32; 700 * row_len];
    let block = Events { offsets: &table.offsets[900..=1_600], ..table.events(&columns) };
    aggregate_block(&block, &cutoffs, &plan, &mut Scratch::new(&plan), &mut out).unwrap();
    assert!(out.iter().map(|x| x.to_bits()).eq(one[900 * row_len..1_600 * row_len].iter().copied()));
}

/// One customer, one as-of at 100, one window `[40, 100)`, money only.
fn single(at: &[i64], arrived: Option<&[i64]>, money: &[i64], measure: Measure) -> f64 {
    let columns = [EventColumn { values: EventValues::Money(money), valid: None }];
    let events = Events { offsets: &[0, at.len() as u32], at, arrived, columns: &columns };
    let cutoffs = Cutoffs::new(vec![100], vec![Span { start: 40, end: 100 }]).unwrap();
    let plan = Plan::new(&[Aggregate { measure, filter: None, window: 0 }], &[ColumnKind::Money], 1).unwrap();
    let mut out = [0.0];
    aggregate(&events, &cutoffs, &plan, &mut out, &NoControl).unwrap();
    out[0]
}

#[test]
fn windows_are_half_open() {
    let sum = |at: &[i64]| single(at, None, &[1, 2, 4, 8], Measure::Sum(0));
    assert_eq!(sum(&[39, 40, 99, 100]), 6.0);
    assert_eq!(sum(&[100, 100, 100, 100]), 0.0);
}

#[test]
fn arrival_at_the_as_of_instant_is_too_late() {
    let sum = |arrived: &[i64]| single(&[50, 60, 70], Some(arrived), &[1, 2, 4], Measure::Sum(0));
    assert_eq!(sum(&[99, 100, 101]), 1.0);
    // A row that arrived before it happened is seen once it has happened.
    assert_eq!(sum(&[0, 99, 99]), 7.0);
}

#[test]
fn money_is_exact_beyond_doubles() {
    let old = i64::MAX - 10;
    // The old row lies outside the window, and the running sum wraps; the window's own sum does not notice.
    assert_eq!(single(&[10, 50, 60], None, &[old, 20, 3], Measure::Sum(0)), 23.0);
}

#[test]
fn equal_values_have_no_deviation_and_no_slope() {
    let at = [50, 2_000_000, 4_000_000];
    assert_eq!(single(&[50, 60, 70], None, &[7, 7, 7], Measure::StdDev(0)), 0.0);
    assert!(single(&at[..1], None, &[7], Measure::StdDev(0)).is_nan());
    assert!(single(&[50, 50], None, &[7, 9], Measure::Trend(0)).is_nan());
}

#[test]
fn a_small_real_value_survives_a_huge_one_before_the_window() {
    let rows =
        |real: f64, day: i64| Row { at: day * DAY_US, arrived: day * DAY_US, money: None, real, metric: None, item: 0 };
    let out = computed(
        &[vec![rows(1e17, 1), rows(0.1, 50), rows(0.3, 55)]],
        &cutoffs(),
        &[
            Aggregate { measure: Measure::Sum(REAL), filter: None, window: 2 },
            Aggregate { measure: Measure::Trend(REAL), filter: None, window: 2 },
            Aggregate { measure: Measure::Sum(MONEY), filter: Some(Filter { column: ITEM, code: 8 }), window: 2 },
        ],
    );
    // As-of day 58 is the sixth; its week holds day 55 alone.
    // The pairs carry 1e17 · 2^-104 = 5e-15; plain doubles would give 0.
    assert!((out[5 * 3] - 0.3).abs() < 1e-14);
    assert!(out[5 * 3 + 1].is_nan());
    assert_eq!(out[5 * 3 + 2], 0.0);
}
