//! How far tables reach back, as that was known at any date, and whether their times tell the hour.

use osusume_model::{DAY_US, Result, Timestamp};
use osusume_tables::TableFile;
use osusume_windows::Span;

use crate::calendar::{Calendar, Clock};
use crate::checked::most_customers;
use crate::config::Source;
use crate::job::Job;
use crate::seam::Block;

/// The earliest time of a table, by when that was known: a row about the past that arrived late reaches back from its arrival on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beginnings {
    /// Instants from which on an earlier time was known, ascending, and that time; times descend.
    steps: Vec<(i64, i64)>,
}

impl Beginnings {
    /// Of the rows of a table of events.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn read(job: &Job<'_>, source: &Source, (table, n_customers): (&TableFile, u32)) -> Result<Self> {
        let mut beginnings = Self::default();
        for_rows(job, source, (table, n_customers), |at, known| beginnings.observe(at, known))?;
        Ok(beginnings)
    }

    /// The earliest time among the rows that had happened and arrived before `as_of`.
    pub(crate) fn at(&self, as_of: i64) -> Option<i64> {
        let known = self.steps.partition_point(|(known, _)| *known < as_of);
        known.checked_sub(1).map(|last| self.steps[last].1)
    }

    /// Whether the table, as it was known at `as_of`, begins on or before the day on which a window begins.
    pub(crate) fn reaches(&self, calendar: &Calendar, as_of: i64, window: Span) -> bool {
        self.at(as_of).is_some_and(|first| calendar.midnight(calendar.day(first)).0 <= window.start)
    }

    fn observe(&mut self, at: i64, known: i64) {
        let place = self.steps.partition_point(|(since, _)| *since <= known);
        if place > 0 && self.steps[place - 1].1 <= at {
            return;
        }
        // What was known no earlier and tells of no earlier time says nothing any more.
        let place = if place > 0 && self.steps[place - 1].0 == known { place - 1 } else { place };
        let end = place + self.steps[place..].partition_point(|(_, first)| *first >= at);
        self.steps.splice(place..end, [(known, at)]);
    }
}

/// Whether most rows that were known before `first` tell the hour: dates alone are midnights of the source's zone.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn has_clock_times(
    job: &Job<'_>,
    source: &Source,
    (table, n_customers): (&TableFile, u32),
    first: Timestamp,
) -> Result<bool> {
    let clock = Calendar::new(&source.time_zone)?.clock();
    let (mut rows, mut told) = (0_u64, 0_u64);
    for_rows(job, source, (table, n_customers), |at, known| {
        let is_known = known < first.0;
        rows += u64::from(is_known);
        told += u64::from(is_known && tells_hour(&clock, at));
    })?;
    Ok(told * 2 > rows)
}

fn tells_hour(clock: &Clock, at: i64) -> bool {
    clock.local(at).rem_euclid(DAY_US) != 0
}

/// Shows every row's time and when it was known to have happened.
fn for_rows(
    job: &Job<'_>,
    source: &Source,
    (table, n): (&TableFile, u32),
    mut see: impl FnMut(i64, i64),
) -> Result<()> {
    let names: Vec<&str> = ["at", "arrived"].into_iter().filter(|name| source.column(name).is_some()).collect();
    for customers in table.runs(0..n, most_customers(n, table.n_rows())) {
        job.check_stop()?;
        let block = Block::read(table, customers, &names, &job.quiet())?;
        let arrived = block.integers("arrived");
        for (row, &at) in block.times("at").iter().enumerate() {
            let arrived = arrived.and_then(|arrived| arrived.get(row)).unwrap_or(at);
            see(at, arrived.max(at));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_time_is_that_of_the_rows_known_by_then() {
        // A generator of small numbers; every order and every tie comes up.
        let mut state = 7_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i64 % 12
        };
        for _ in 0..2000 {
            let rows: Vec<(i64, i64)> = (0..draw()).map(|_| (draw(), draw())).collect();
            let rows: Vec<(i64, i64)> = rows.into_iter().map(|(at, arrived)| (at, at.max(arrived))).collect();
            let mut beginnings = Beginnings::default();
            for &(at, known) in &rows {
                beginnings.observe(at, known);
            }
            for as_of in -1..14 {
                let expected = rows.iter().filter(|(_, known)| *known < as_of).map(|(at, _)| *at).min();
                assert_eq!(beginnings.at(as_of), expected, "{rows:?} {as_of} {beginnings:?}");
            }
        }
    }
}
