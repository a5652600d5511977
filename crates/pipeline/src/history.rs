//! Where the tables begin.

use osusume_model::{Date, Result, Timestamp};
use osusume_tables::Zone;

use crate::checked::Checked;
use crate::config::Role;
use crate::job::Job;
use crate::seam::Block;

/// Customers read at once.
const BLOCK: u32 = 1 << 16;

/// The first day of history: the earliest purchase or holding, before which nobody was a customer.
pub(crate) fn first_day(job: &Job<'_>, tables: &Checked) -> Result<Date> {
    let mut first = i64::MAX;
    let timed = |role| match role {
        Role::Purchases => Some("at"),
        Role::Holdings => Some("start"),
        _ => None,
    };
    let n = tables.n_customers();
    for source in job.config.sources.values() {
        let (Some(column), Some(table)) = (timed(source.role), tables.table(&source.name)) else { continue };
        for start in (0..n).step_by(BLOCK as usize) {
            let block = Block::read(table, start..n.min(start + BLOCK), &[column], &job.quiet())?;
            first = block.times(column).iter().copied().fold(first, i64::min);
        }
    }
    let zone = Zone::new(&job.config.pipeline.time_zone)?;
    Ok(if first == i64::MAX { Date(i32::MIN / 2) } else { zone.date_of(Timestamp(first)) })
}
