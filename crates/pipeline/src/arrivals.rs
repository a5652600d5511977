//! What times give away about a table: arrivals that tell of the last load instead of the first, and rows from before their customer joined.

use osusume_model::{Code, DAY_US, Fault, Result};
use osusume_tables::TableFile;

use crate::checked::Checked;
use crate::config::{Role, Source};
use crate::job::Job;
use crate::seam::Block;

/// Days after which an arrival counts as late: more than a monthly extract is ever behind.
const LATE_DAYS: i64 = 30;

/// The share of late rows above which a source is not believed, in percent.
const LATE_PERCENT: u64 = 20;

/// The share of rows from before their customer joined above which it is said, in percent: a slip here and there is no news.
const EARLY_PERCENT: u64 = 1;

/// A fault for every source more than a fifth of whose rows arrived more than 30 days after they happened: past dates then see next to
/// nothing of it, and models learn from customers who seem to have done nothing. Customers are left out, whose versions may come at any
/// time.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn late(job: &Job<'_>, tables: &Checked) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for source in job.config.sources.values() {
        let Some(columns) = times(source) else { continue };
        let counts = Counts::of(job, tables, source, columns)?;
        if counts.late * 100 > counts.rows * LATE_PERCENT {
            let fault = Fault::new(Code::LateArrivals).with("source", source.name.as_str()).with("late", counts.late);
            faults.push(fault.with("rows", counts.rows).with("days", LATE_DAYS));
        }
    }
    Ok(faults)
}

/// A fault for every source of which more than one row in a hundred happened before its customer joined: the zone, the unit of a time or
/// the customers' own dates are likely wrong. The rows count all the same.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn before_joining(job: &Job<'_>, tables: &Checked) -> Result<Vec<Fault>> {
    let customers = job.config.source_of(Role::Customers).filter(|source| source.column("joined").is_some());
    let Some(joined) = customers.and_then(|source| tables.table(&source.name)) else { return Ok(Vec::new()) };
    let mut faults = Vec::new();
    for source in job.config.sources.values() {
        let (Some(at), Some(table)) = (happened(source.role), tables.table(&source.name)) else { continue };
        let counts = Counts::before_joining(job, tables, joined, (table, at))?;
        if counts.late * 100 > counts.rows * EARLY_PERCENT {
            let fault = Fault::new(Code::BeforeJoining).with("source", source.name.as_str());
            faults.push(fault.with("early", counts.late).with("rows", counts.rows));
        }
    }
    Ok(faults)
}

/// The column that says when a row of the role happened.
fn happened(role: Role) -> Option<&'static str> {
    match role {
        Role::Purchases | Role::Events | Role::Voice | Role::Contacts => Some("at"),
        Role::Holdings => Some("start"),
        _ => None,
    }
}

/// When a row of the source happened and when it arrived, where both are declared.
fn times(source: &Source) -> Option<[&'static str; 2]> {
    let arrived = if source.role == Role::Holdings { "start_arrived" } else { "arrived" };
    let columns = [happened(source.role)?, arrived];
    let is_declared = columns.iter().all(|name| source.column(name).is_some());
    is_declared.then_some(columns)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Rows with both times.
    rows: u64,
    /// Those among them whose second time is too late.
    late: u64,
}

impl Counts {
    fn of(job: &Job<'_>, tables: &Checked, source: &Source, [at, arrived]: [&'static str; 2]) -> Result<Self> {
        let mut counts = Self::default();
        let Some(table) = tables.table(&source.name) else { return Ok(counts) };
        for customers in tables.passes() {
            job.check_stop()?;
            let block = Block::read(table, customers, &[at, arrived], &job.quiet())?;
            let Some(arrivals) = block.integers(arrived) else { continue };
            for (row, &at) in block.times(at).iter().enumerate() {
                counts.observe(at, arrivals.get(row));
            }
        }
        Ok(counts)
    }

    /// Rows that happened before the earliest date their customer is said to have joined on.
    fn before_joining(
        job: &Job<'_>,
        tables: &Checked,
        joined: &TableFile,
        (table, at): (&TableFile, &'static str),
    ) -> Result<Self> {
        let mut counts = Self::default();
        for range in tables.passes() {
            job.check_stop()?;
            let people = Block::read(joined, range.clone(), &["joined"], &job.quiet())?;
            let rows = Block::read(table, range, &[at], &job.quiet())?;
            let (Some(joined), times) = (people.integers("joined"), rows.times(at)) else { continue };
            for (people, rows) in people.offsets.windows(2).zip(rows.offsets.windows(2)) {
                let since = (people[0]..people[1]).filter_map(|row| joined.get(row as usize)).min();
                let Some(since) = since else { continue };
                counts.rows += u64::from(rows[1] - rows[0]);
                let early = times[rows[0] as usize..rows[1] as usize].iter().filter(|time| **time < since);
                counts.late += early.count() as u64;
            }
        }
        Ok(counts)
    }

    fn observe(&mut self, at: i64, arrived: Option<i64>) {
        let Some(arrived) = arrived else { return };
        self.rows += 1;
        self.late += u64::from(arrived.saturating_sub(at) > LATE_DAYS * DAY_US);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_is_more_than_thirty_days() {
        let mut counts = Counts::default();
        counts.observe(0, Some(30 * DAY_US));
        counts.observe(0, Some(30 * DAY_US + 1));
        counts.observe(5 * DAY_US, Some(0));
        counts.observe(i64::MIN / 2, Some(i64::MAX / 2));
        counts.observe(0, None);
        assert_eq!(counts, Counts { rows: 4, late: 2 });
    }
}
