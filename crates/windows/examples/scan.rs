//! Seconds to scan the events of many customers for twenty aggregates over five windows as of several dates, and the most memory that took.
//!
//! `cargo run --release -p osusume-windows --example scan -- [CUSTOMERS] [EVENTS_A_CUSTOMER] [DATES] [LATE_SHARE]`
//!
//! Events are drawn in blocks of customers and forgotten; only the scan is timed. Three lines: the windows and dates asked for, the same
//! with every window of a week, and the same with a quarter of the dates.

use std::time::Instant;

use osusume_model::{DAY_US, NoControl};
use osusume_windows::{
    Aggregate, Amount, ColumnKind, Cutoffs, EventColumn, EventValues, Events, Filter, Measure, Plan, Span, aggregate,
};

/// Customers whose events are at hand together.
const BLOCK: usize = 1 << 14;
/// Days the events are spread over: three years.
const DAYS: u64 = 1_095;
const AMOUNT: usize = 0;
const CATEGORY: usize = 1;
const PRODUCT: usize = 2;
const CATEGORIES: u64 = 50;
const PRODUCTS: u64 = 20_000;

/// A number below `n` from a counter.
fn below(n: u64, i: u64) -> u64 {
    // splitmix64 (Steele, Lea and Flood 2014).
    let mut z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((u128::from(z ^ (z >> 31)) * u128::from(n)) >> 64) as u64
}

/// The events of a block of customers.
struct Drawn {
    offsets: Vec<u32>,
    at: Vec<i64>,
    arrived: Vec<i64>,
    amount: Vec<i64>,
    category: Vec<u32>,
    product: Vec<u32>,
}

impl Drawn {
    fn new(customers: std::ops::Range<usize>, events: usize, late_share: f64) -> Self {
        let n = customers.len() * events;
        let first = (customers.start * events) as u64;
        let draw = |what: u64, n: u64| move |i: usize| below(n, (first + i as u64) * 5 + what);
        let mut at: Vec<i64> = (0..n).map(draw(0, DAYS * 86_400)).map(|second| second as i64 * 1_000_000).collect();
        at.chunks_mut(events.max(1)).for_each(<[i64]>::sort_unstable);
        let late = (late_share * 1e6) as u64;
        let delay = |i: usize| if draw(1, 1_000_000)(i) < late { (1 + i as i64 % 30) * DAY_US } else { 0 };
        Self {
            offsets: (0..=customers.len()).map(|customer| (customer * events) as u32).collect(),
            arrived: at.iter().enumerate().map(|(i, &at)| at + delay(i)).collect(),
            at,
            amount: (0..n).map(draw(2, 100_000)).map(|amount| amount as i64).collect(),
            category: (0..n).map(draw(3, CATEGORIES)).map(|code| code as u32).collect(),
            product: (0..n).map(draw(4, PRODUCTS)).map(|code| code as u32).collect(),
        }
    }
}

/// Twenty aggregates over each of five windows.
fn aggregates() -> Vec<Aggregate> {
    let by = |code| Some(Filter { column: CATEGORY, code });
    let all = [
        Measure::Count,
        Measure::Sum(AMOUNT),
        Measure::Mean(AMOUNT),
        Measure::Min(AMOUNT),
        Measure::Max(AMOUNT),
        Measure::Last(AMOUNT),
        Measure::Distinct(PRODUCT),
        Measure::Distinct(CATEGORY),
        Measure::RecencyDays,
        Measure::MeanGapDays,
        Measure::Surge(Amount::Rows),
        Measure::Surge(Amount::Sum(AMOUNT)),
    ];
    let measures: Vec<(Measure, Option<Filter>)> = all
        .into_iter()
        .map(|measure| (measure, None))
        .chain((0..4).map(|code| (Measure::Sum(AMOUNT), by(code))))
        .chain((0..2).map(|code| (Measure::Count, by(code))))
        .chain((0..2).map(|code| (Measure::Share(Amount::Sum(AMOUNT)), by(code))))
        .collect();
    let of = |window| measures.iter().map(move |&(measure, filter)| Aggregate { measure, filter, window });
    (0..5).flat_map(of).collect()
}

/// The first of so many months before the end, with windows of these lengths in days.
fn cutoffs(dates: usize, lengths: [i64; 5]) -> Cutoffs {
    let as_of: Vec<i64> = (0..dates as i64).rev().map(|month| (DAYS as i64 - 30 * month) * DAY_US).collect();
    let span = |end: i64| lengths.map(|days| Span { start: end - days * DAY_US, end });
    let spans = as_of.iter().flat_map(|&end| span(end)).collect();
    Cutoffs::new(as_of, spans).expect("months ascend")
}

/// The most memory the process had, in MiB; 0 where the system does not say.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}

#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures and prints")]
fn main() {
    let argument = |i: usize| std::env::args().nth(i);
    let number = |i: usize, other: usize| argument(i).and_then(|text| text.parse().ok()).unwrap_or(other);
    let (customers, events, dates) = (number(1, 1_000_000), number(2, 100), number(3, 12).max(1));
    let late_share = argument(4).and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let kinds = [
        ColumnKind::Money,
        ColumnKind::Code { n_codes: CATEGORIES as usize },
        ColumnKind::Code { n_codes: PRODUCTS as usize },
    ];
    let plan = Plan::new(&aggregates(), &kinds, 5).expect("the aggregates fit the columns");
    for (dates, lengths) in
        [(dates, [7, 28, 91, 365, 730]), (dates, [7; 5]), (dates.div_ceil(4), [7, 28, 91, 365, 730])]
    {
        let cutoffs = cutoffs(dates, lengths);
        let mut out = vec![0.0_f32; BLOCK * dates * plan.n_aggregates()];
        let (mut seconds, mut total) = (0.0, 0.0);
        for first in (0..customers).step_by(BLOCK) {
            let block = first..customers.min(first + BLOCK);
            let out = &mut out[..block.len() * dates * plan.n_aggregates()];
            let drawn = Drawn::new(block, events, late_share);
            let columns = [
                EventColumn { values: EventValues::Money(&drawn.amount), valid: None },
                EventColumn { values: EventValues::Code(&drawn.category), valid: None },
                EventColumn { values: EventValues::Code(&drawn.product), valid: None },
            ];
            let arrived = Some(drawn.arrived.as_slice());
            let events = Events { offsets: &drawn.offsets, at: &drawn.at, arrived, columns: &columns };
            let start = Instant::now();
            aggregate(&events, &cutoffs, &plan, out, &NoControl).expect("the events fit the plan");
            seconds += start.elapsed().as_secs_f64();
            total += out.iter().filter(|cell| !cell.is_nan()).map(|&cell| f64::from(cell)).sum::<f64>();
        }
        println!(
            "{{\"customers\": {customers}, \"events\": {}, \"dates\": {dates}, \"windows_days\": {lengths:?}, \"aggregates\": {}, \"late_share\": {late_share}, \"scan_seconds\": {seconds:.3}, \"peak_mib\": {}, \"check\": {total:.6e}}}",
            customers * events,
            plan.n_aggregates(),
            peak_mib(),
        );
    }
}
