//! Random customers with ties, late rows, absent and huge values; and the aggregates asked of them.

use std::sync::Arc;

use osusume_model::{DAY_US, NoControl};
use osusume_windows::{
    Aggregate, Amount, ColumnKind, Cutoffs, EventColumn, EventValues, Events, Filter, Measure, Plan, Span, aggregate,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

pub(crate) const MONEY: usize = 0;
pub(crate) const REAL: usize = 1;
pub(crate) const METRIC: usize = 2;
pub(crate) const ITEM: usize = 3;
pub(crate) const KINDS: [ColumnKind; 4] =
    [ColumnKind::Money, ColumnKind::Real, ColumnKind::Code { n_codes: 4 }, ColumnKind::Code { n_codes: 9 }];

/// How many windows an as-of has.
pub(crate) const N_WINDOWS: usize = 8;

/// Times move on this grid, so that ties and rows exactly on a boundary are common.
pub(crate) const GRID: i64 = DAY_US / 4;

/// A fixed seed: a failure seen once is seen again.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_261_001),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) at: i64,
    pub(crate) arrived: i64,
    pub(crate) money: Option<i64>,
    pub(crate) real: f64,
    pub(crate) metric: Option<u32>,
    pub(crate) item: u32,
}

pub(crate) fn row() -> impl Strategy<Value = Row> {
    let late = prop_oneof![3 => Just(0_i64), 1 => 1..6_i64, 1 => 6..160_i64];
    let money = prop_oneof![4 => (-50..2_000_i64).prop_map(Some), 1 => Just(None), 1 => Just(Some(1 << 46))];
    // Multiples of 1/8 add up exactly in doubles, so the oracle's plain sums are exact too.
    let real = prop_oneof![
        6 => (-400..8_000_i32).prop_map(|k| f64::from(k) / 8.0),
        1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(1e12), 1 => Just(-0.0), 1 => Just(1e300),
    ];
    let metric = prop_oneof![5 => (0..4_u32).prop_map(Some), 1 => Just(None)];
    (0..240_i64, late, money, real, metric, 0..9_u32).prop_map(|(at, late, money, real, metric, item)| Row {
        at: at * GRID,
        arrived: (at + late) * GRID,
        money,
        real,
        metric,
        item,
    })
}

/// A customer's rows, sorted by time.
pub(crate) fn customer(max_rows: usize) -> impl Strategy<Value = Vec<Row>> {
    vec(row(), 0..max_rows).prop_map(|mut rows| {
        rows.sort_by_key(|r| r.at);
        rows
    })
}

/// Several customers.
pub(crate) fn customers(max_rows: usize) -> impl Strategy<Value = Vec<Vec<Row>>> {
    vec(customer(max_rows), 1..5)
}

/// Where the periods of each calendar begin: days, and stretches of three days and a half.
pub(crate) fn calendars() -> Vec<Arc<[i64]>> {
    [DAY_US, DAY_US * 7 / 2].map(|length| (-1..120).map(|n| n * length).collect()).to_vec()
}

/// The aggregates, arranged.
pub(crate) fn plan(aggregates: &[Aggregate]) -> Plan {
    Plan::with_calendars(aggregates, &KINDS, N_WINDOWS, calendars()).unwrap()
}

/// Windows of an as-of: none, a day, a week, all history, a week a fortnight ago; the "month" of 20 days to date, the whole one before it,
/// and that which "last year" began 40 days before it.
pub(crate) fn spans(as_of: i64) -> Vec<Span> {
    let back = |days: i64| as_of - days * DAY_US;
    let month = as_of.div_euclid(20 * DAY_US) * 20 * DAY_US;
    vec![
        Span { start: as_of, end: as_of },
        Span { start: back(1), end: as_of },
        Span { start: back(7), end: as_of },
        Span { start: i64::MIN, end: as_of },
        Span { start: back(21), end: back(14) },
        Span { start: month, end: as_of },
        Span { start: month - 20 * DAY_US, end: month },
        Span { start: month - 40 * DAY_US, end: month - 20 * DAY_US },
    ]
}

pub(crate) fn cutoffs() -> Cutoffs {
    cutoffs_at(&[12, 19, 20, 31, 45, 58, 90])
}

pub(crate) fn cutoffs_at(days: &[i64]) -> Cutoffs {
    let as_of: Vec<i64> = days.iter().map(|days| days * DAY_US).collect();
    let spans = as_of.iter().flat_map(|&t| spans(t)).collect();
    Cutoffs::new(as_of, spans).unwrap()
}

/// Every measure, unfiltered and by a metric and an item, over every window.
pub(crate) fn aggregates() -> Vec<Aggregate> {
    let mut measures = vec![
        Measure::Count,
        Measure::RecencyDays,
        Measure::WholeDays,
        Measure::FirstDays,
        Measure::MeanGapDays,
        Measure::Distinct(ITEM),
        Measure::Distinct(METRIC),
        Measure::Surge(Amount::Rows),
        Measure::Share(Amount::Rows),
        Measure::DecayedCount { half_life_days: 10.0 },
    ];
    for calendar in [0, 1] {
        measures.extend([Measure::LongestStreak { calendar }, Measure::Streak { calendar }]);
    }
    for c in [MONEY, REAL] {
        measures.extend([Measure::Sum(c), Measure::Mean(c), Measure::Min(c), Measure::Max(c), Measure::Last(c)]);
        measures.extend([Measure::StdDev(c), Measure::Trend(c), Measure::FirstValue(c)]);
        measures.extend([0.0, 0.25, 0.5, 0.9, 1.0].map(|level| Measure::Quantile { column: c, level }));
        measures.extend([1.5, 30.0].map(|half_life_days| Measure::DecayedSum { column: c, half_life_days }));
        measures.extend([Measure::Surge(Amount::Sum(c)), Measure::Share(Amount::Sum(c))]);
    }
    let filters = [
        None,
        Some(Filter { column: METRIC, code: 1 }),
        Some(Filter { column: ITEM, code: 3 }),
        Some(Filter { column: METRIC, code: 3 }),
    ];
    let mut all = Vec::new();
    for window in 0..N_WINDOWS {
        for filter in filters {
            let fits = measures.iter().filter(|m| filter.is_some() || !matches!(m, Measure::Share(_)));
            all.extend(fits.map(|&measure| Aggregate { measure, filter, window }));
        }
    }
    all
}

/// The rows as columns.
pub(crate) struct Table {
    pub(crate) offsets: Vec<u32>,
    pub(crate) at: Vec<i64>,
    arrived: Vec<i64>,
    money: Vec<i64>,
    has_money: Vec<bool>,
    real: Vec<f64>,
    metric: Vec<u32>,
    has_metric: Vec<bool>,
    item: Vec<u32>,
}

impl Table {
    pub(crate) fn new(customers: &[Vec<Row>]) -> Self {
        let mut offsets = vec![0];
        offsets.extend(customers.iter().scan(0, |n, rows| {
            *n += rows.len() as u32;
            Some(*n)
        }));
        let rows: Vec<&Row> = customers.iter().flatten().collect();
        Self {
            offsets,
            at: rows.iter().map(|r| r.at).collect(),
            arrived: rows.iter().map(|r| r.arrived).collect(),
            money: rows.iter().map(|r| r.money.unwrap_or(i64::MAX)).collect(),
            has_money: rows.iter().map(|r| r.money.is_some()).collect(),
            real: rows.iter().map(|r| r.real).collect(),
            metric: rows.iter().map(|r| r.metric.unwrap_or(u32::MAX)).collect(),
            has_metric: rows.iter().map(|r| r.metric.is_some()).collect(),
            item: rows.iter().map(|r| r.item).collect(),
        }
    }

    pub(crate) fn columns(&self) -> [EventColumn<'_>; 4] {
        [
            EventColumn { values: EventValues::Money(&self.money), valid: Some(&self.has_money) },
            EventColumn { values: EventValues::Real(&self.real), valid: None },
            EventColumn { values: EventValues::Code(&self.metric), valid: Some(&self.has_metric) },
            EventColumn { values: EventValues::Code(&self.item), valid: None },
        ]
    }

    pub(crate) fn events<'a>(&'a self, columns: &'a [EventColumn<'a>]) -> Events<'a> {
        Events { offsets: &self.offsets, at: &self.at, arrived: Some(&self.arrived), columns }
    }
}

/// Customers × cutoffs × aggregates.
pub(crate) fn computed(customers: &[Vec<Row>], cutoffs: &Cutoffs, aggregates: &[Aggregate]) -> Vec<f64> {
    let table = Table::new(customers);
    let columns = table.columns();
    let plan = plan(aggregates);
    let mut out = vec![9.5; customers.len() * cutoffs.as_of().len() * aggregates.len()];
    aggregate(&table.events(&columns), cutoffs, &plan, &mut out, &NoControl).unwrap();
    out
}
