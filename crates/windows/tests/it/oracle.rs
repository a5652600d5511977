//! The naive loop: for every cell, look at every row of the customer again.

use osusume_model::DAY_US;
use osusume_windows::{Aggregate, Amount, Filter, Measure, Span};

use crate::world::{METRIC, MONEY, Row};

/// The rows that happened and had arrived before `as_of`.
pub(crate) fn visible(rows: &[Row], as_of: i64) -> Vec<&Row> {
    rows.iter().filter(|r| r.at < as_of && r.arrived < as_of).collect()
}

/// One cell out of the visible rows of a customer.
pub(crate) fn cell(visible: &[&Row], as_of: i64, span: Span, aggregate: &Aggregate) -> f64 {
    let all = inside(visible, span.start, span.end, None);
    let own = inside(visible, span.start, span.end, aggregate.filter);
    let days = |a: i64, b: i64| (b - a) as f64 / DAY_US as f64;
    match aggregate.measure {
        Measure::Count => own.len() as f64,
        Measure::Sum(c) => values(&own, c).iter().map(|v| v.1).sum::<f64>() + 0.0,
        Measure::Mean(c) => mean(&values(&own, c)),
        Measure::Min(c) => values(&own, c).iter().map(|v| v.1).fold(f64::NAN, f64::min),
        Measure::Max(c) => values(&own, c).iter().map(|v| v.1).fold(f64::NAN, f64::max),
        Measure::Last(c) => values(&own, c).last().map_or(f64::NAN, |v| v.1),
        Measure::Distinct(c) => {
            let code = |r: &&Row| if c == METRIC { r.metric } else { Some(r.item) };
            own.iter().filter_map(code).collect::<std::collections::BTreeSet<_>>().len() as f64
        }
        Measure::RecencyDays => own.last().map_or(f64::NAN, |r| days(r.at, as_of)),
        Measure::WholeDays => own.last().map_or(f64::NAN, |r| ((as_of - r.at) / DAY_US) as f64),
        Measure::FirstDays => own.first().map_or(f64::NAN, |r| days(r.at, as_of)),
        Measure::MeanGapDays if own.len() < 2 => f64::NAN,
        Measure::MeanGapDays => days(own[0].at, own[own.len() - 1].at) / (own.len() - 1) as f64,
        Measure::FirstValue(c) => values(&own, c).first().map_or(f64::NAN, |v| v.1),
        Measure::Quantile { column, level } => quantile(&values(&own, column), level),
        Measure::DecayedCount { half_life_days } => {
            own.iter().map(|r| 0.5_f64.powf(days(r.at, as_of) / half_life_days)).sum::<f64>() + 0.0
        }
        Measure::DecayedSum { column, half_life_days } => {
            let present = own.iter().filter_map(|r| values(&[*r], column).first().map(|v| (r.at, v.1)));
            present.map(|(at, x)| x * 0.5_f64.powf(days(at, as_of) / half_life_days)).sum::<f64>() + 0.0
        }
        Measure::LongestStreak { calendar } => {
            let periods = periods(&own, calendar);
            let run = |&first: &i64| (first..1000).take_while(|period| periods.contains(period)).count();
            periods.iter().map(run).max().unwrap_or(0) as f64
        }
        Measure::Streak { calendar } => {
            let (periods, running) = (periods(&own, calendar), period(span.end, calendar));
            let last = if periods.contains(&running) { running } else { running - 1 };
            (0..1000).take_while(|back| periods.contains(&(last - back))).count() as f64
        }
        Measure::StdDev(c) => std_dev(&values(&own, c)),
        Measure::Trend(c) => slope(&values(&own, c)),
        Measure::Surge(amount) => {
            let start = span.start.saturating_sub(span.end.saturating_sub(span.start));
            let before = inside(visible, start, span.start, aggregate.filter);
            ratio(total(&own, amount), total(&before, amount))
        }
        Measure::Share(amount) => ratio(total(&own, amount), total(&all, amount)),
    }
}

/// The largest magnitude among the values of a measure that is computed with rounding: what that is judged by.
pub(crate) fn scale(visible: &[&Row], span: Span, aggregate: &Aggregate) -> f64 {
    let (Measure::StdDev(c) | Measure::Trend(c) | Measure::DecayedSum { column: c, .. }) = aggregate.measure else {
        return 0.0;
    };
    let own = inside(visible, span.start, span.end, aggregate.filter);
    values(&own, c).iter().map(|v| v.1.abs()).fold(0.0, f64::max)
}

fn inside<'a>(rows: &[&'a Row], start: i64, end: i64, filter: Option<Filter>) -> Vec<&'a Row> {
    let passes = |r: &Row| match filter {
        Some(f) if f.column == METRIC => r.metric == Some(f.code),
        Some(f) => r.item == f.code,
        None => true,
    };
    rows.iter().copied().filter(|r| r.at >= start && r.at < end && passes(r)).collect()
}

/// Times (days, of whole seconds) and present values.
fn values(rows: &[&Row], column: usize) -> Vec<(f64, f64)> {
    let value = |r: &Row| if column == MONEY { r.money.map(|m| m as f64) } else { Some(r.real + 0.0) };
    let present = rows.iter().filter_map(|r| value(r).map(|x| (r.at.div_euclid(1_000_000) as f64 / 86_400.0, x)));
    present.filter(|v| v.1.abs() <= 1e100).collect()
}

fn total(rows: &[&Row], amount: Amount) -> f64 {
    match amount {
        Amount::Rows => rows.len() as f64,
        Amount::Sum(c) => values(rows, c).iter().map(|v| v.1).sum(),
    }
}

fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { f64::NAN } else { a / b }
}

fn mean(values: &[(f64, f64)]) -> f64 {
    values.iter().map(|v| v.1).sum::<f64>() / values.len() as f64
}

/// The calendars' periods: of a day, and of twelve hours more than three days.
pub(crate) fn period(at: i64, calendar: usize) -> i64 {
    at.div_euclid([DAY_US, DAY_US * 7 / 2][calendar])
}

fn periods(rows: &[&Row], calendar: usize) -> std::collections::BTreeSet<i64> {
    rows.iter().map(|r| period(r.at, calendar)).collect()
}

fn quantile(values: &[(f64, f64)], level: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().map(|v| v.1).collect();
    sorted.sort_by(f64::total_cmp);
    let h = level * (sorted.len() as f64 - 1.0);
    match (sorted.get(h.floor().max(0.0) as usize), sorted.get(h.ceil().max(0.0) as usize)) {
        (Some(low), Some(high)) => low + (h - h.floor()) * (high - low),
        _ => f64::NAN,
    }
}

/// Two passes, which is exact enough to judge by.
fn std_dev(values: &[(f64, f64)]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    let center = mean(values);
    let squares: f64 = values.iter().map(|v| (v.1 - center) * (v.1 - center)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

fn slope(values: &[(f64, f64)]) -> f64 {
    let n = values.len() as f64;
    let (t_mean, x_mean) = (values.iter().map(|v| v.0).sum::<f64>() / n, mean(values));
    let spread: f64 = values.iter().map(|v| (v.0 - t_mean) * (v.0 - t_mean)).sum();
    if values.is_empty() || values.iter().all(|v| v.0 == values[0].0) {
        return f64::NAN;
    }
    values.iter().map(|v| (v.0 - t_mean) * (v.1 - x_mean)).sum::<f64>() / spread
}
