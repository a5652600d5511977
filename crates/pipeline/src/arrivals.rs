//! Whether arrival times are what they should be: when a row first became known, not when its table was last loaded.

use osusume_model::{Code, DAY_US, Fault, Result};

use crate::checked::Checked;
use crate::config::{Role, Source};
use crate::job::Job;
use crate::seam::Block;

/// Customers read at once.
const BLOCK: u32 = 1 << 16;

/// Days after which an arrival counts as late: more than a monthly extract is ever behind.
const LATE_DAYS: i64 = 30;

/// The share of late rows above which a source is not believed, in percent.
const LATE_PERCENT: u64 = 20;

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

/// When a row of the source happened and when it arrived, where both are declared.
fn times(source: &Source) -> Option<[&'static str; 2]> {
    let columns = match source.role {
        Role::Purchases | Role::Events | Role::Voice | Role::Contacts => ["at", "arrived"],
        Role::Holdings => ["start", "start_arrived"],
        _ => return None,
    };
    let is_declared = columns.iter().all(|name| source.column(name).is_some());
    is_declared.then_some(columns)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Rows with an arrival.
    rows: u64,
    late: u64,
}

impl Counts {
    fn of(job: &Job<'_>, tables: &Checked, source: &Source, [at, arrived]: [&'static str; 2]) -> Result<Self> {
        let mut counts = Self::default();
        let Some(table) = tables.table(&source.name) else { return Ok(counts) };
        let n = tables.n_customers();
        for start in (0..n).step_by(BLOCK as usize) {
            job.check_stop()?;
            let block = Block::read(table, start..n.min(start + BLOCK), &[at, arrived], &job.quiet())?;
            let Some(arrivals) = block.integers(arrived) else { continue };
            for (row, &at) in block.times(at).iter().enumerate() {
                counts.observe(at, arrivals.get(row));
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
