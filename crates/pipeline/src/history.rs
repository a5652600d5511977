//! Where the tables begin and end.

use osusume_model::{Code, Date, Fault, Result, Timestamp};
use osusume_tables::Zone;

use crate::checked::Checked;
use crate::config::{Config, Role, Source};
use crate::job::Job;
use crate::seam::Block;

/// Days without any row before the run's date from which on it is said: more than a monthly extract is ever behind.
const SILENT_DAYS: i32 = 31;

/// Days without any row from which on a run is refused: offers would be made on what was known a year ago, most likely because of a slip in the
/// date, and the newest date published stands in the way of every run that is right.
const LOST_DAYS: i32 = 366;

/// The days of which the tables speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct History {
    /// The day of the earliest purchase or holding, before which nobody was a customer.
    pub(crate) first: Date,
    /// The day after the last one of which the outcomes are known, at most the run's date: what did not happen later is not known.
    pub(crate) end: Date,
}

impl History {
    /// Reads the times of all purchases and holdings, and warns when they end long before `as_of`.
    ///
    /// Of several sources that labels come from, the one that ends first counts.
    ///
    /// # Errors
    /// `DataEndsEarly` when they end more than a year before; faults of reading, and a stop asked for.
    pub(crate) fn read(job: &Job<'_>, tables: &Checked, as_of: Date) -> Result<Self> {
        let history = Self::known(job, tables, as_of)?;
        if let Some(fault) = history.ends_early(as_of)? {
            job.warn(fault);
        }
        Ok(history)
    }

    /// As [`Self::read`], and silent about an early end.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn known(job: &Job<'_>, tables: &Checked, as_of: Date) -> Result<Self> {
        let zone = Zone::new(&job.config.pipeline.time_zone)?;
        let day = |instant: i64| zone.date_of(Timestamp(instant));
        let before = job.calendar.midnight(as_of).0;
        let (mut first, mut end) = (None, as_of);
        for source in job.config.sources.values() {
            let Some(times) = Times::of(source) else { continue };
            let reach = times.reach(job, tables, source, before)?;
            first = first.into_iter().chain(reach.earliest).min();
            if let Some(newest) = reach.newest.filter(|_| gives_labels(job.config, source)) {
                end = end.min(day(newest) + 1);
            }
        }
        Ok(Self { first: first.map_or(Date(i32::MIN / 2), day), end })
    }

    /// What to say where the tables end long before `as_of`.
    ///
    /// # Errors
    /// `DataEndsEarly` when they end more than a year before.
    pub(crate) fn ends_early(self, as_of: Date) -> Result<Option<Fault>> {
        let days = as_of.0 - self.end.0;
        let fault =
            || Fault::new(Code::DataEndsEarly).with("last", (self.end - 1).to_string()).with("days", i64::from(days));
        match days {
            days if days > LOST_DAYS => Err(fault()),
            days => Ok((days > SILENT_DAYS).then(fault)),
        }
    }
}

/// Whether labels are read from the source.
fn gives_labels(config: &Config, source: &Source) -> bool {
    let offers = &config.offers;
    match source.role {
        Role::Holdings => !offers.upsell_families.is_empty() || !offers.cross_sell_families.is_empty(),
        Role::Purchases => offers.category.as_ref().is_some_and(|category| category.source == source.name),
        _ => false,
    }
}

/// The columns of a source that say when something happened and became known.
#[derive(Clone, Copy)]
struct Times {
    at: &'static str,
    arrived: &'static str,
    /// A later arrival of the same row.
    later: Option<&'static str>,
}

/// The earliest time of a source, and the newest at which something became known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reach {
    earliest: Option<i64>,
    newest: Option<i64>,
}

impl Times {
    fn of(source: &Source) -> Option<Self> {
        match source.role {
            Role::Purchases => Some(Self { at: "at", arrived: "arrived", later: None }),
            Role::Holdings => Some(Self { at: "start", arrived: "start_arrived", later: Some("end_arrived") }),
            _ => None,
        }
    }

    fn reach(self, job: &Job<'_>, tables: &Checked, source: &Source, before: i64) -> Result<Reach> {
        let mut reach = Reach::default();
        let Some(table) = tables.table(&source.name) else { return Ok(reach) };
        let columns = [Some(self.at), Some(self.arrived), self.later].into_iter().flatten();
        let declared: Vec<&str> = columns.filter(|name| source.column(name).is_some()).collect();
        for customers in tables.passes() {
            let block = Block::read(table, customers, &declared, &job.quiet())?;
            let arrived = block.integers(self.arrived);
            let later = self.later.and_then(|name| block.integers(name));
            for (row, &at) in block.times(self.at).iter().enumerate() {
                let time = |column: Option<osusume_windows::Maybe<'_, i64>>| column.and_then(|c| c.get(row));
                reach.observe(at, time(arrived), time(later), before);
            }
        }
        Ok(reach)
    }
}

impl Reach {
    /// Takes one row in. What is not visible at `before` says nothing of where the data end, and neither does a time without an arrival
    /// beside one with: a start may be booked ahead.
    fn observe(&mut self, at: i64, arrived: Option<i64>, later: Option<i64>, before: i64) {
        let known = arrived.unwrap_or(at);
        if at < before && known < before {
            self.earliest = self.earliest.into_iter().chain([at]).min();
            let later = later.filter(|&later| later < before);
            self.newest = self.newest.into_iter().chain([known]).chain(later).max();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_end_with_the_newest_that_was_known() {
        let mut reach = Reach::default();
        reach.observe(10, Some(15), None, 100);
        reach.observe(20, None, None, 100);
        assert_eq!(reach, Reach { earliest: Some(10), newest: Some(20) });
        reach.observe(30, Some(60), Some(70), 100);
        assert_eq!(reach.newest, Some(70), "an end that became known is news");
    }

    #[test]
    fn the_future_does_not_move_the_end() {
        let mut reach = Reach::default();
        reach.observe(10, Some(15), Some(100), 100);
        reach.observe(20, Some(100), None, 100);
        reach.observe(100, Some(90), None, 100);
        assert_eq!(reach.newest, Some(15));
        // Booked ahead: what is known is the booking.
        reach.observe(80, Some(40), None, 100);
        assert_eq!(reach.newest, Some(40));
        reach.observe(-500, Some(100), None, 100);
        assert_eq!(reach.earliest, Some(10), "a row of long ago that arrives later moves no date");
    }

    #[test]
    fn a_silence_of_more_than_a_month_is_said() {
        let as_of: Date = "2026-10-01".parse().unwrap();
        let ending = |days: i32| History { first: as_of - 700, end: as_of - days }.ends_early(as_of);
        assert_eq!([ending(0), ending(31)], [Ok(None), Ok(None)]);
        let code = |fault: Fault| fault.code();
        assert_eq!(ending(32).map(|told| told.map(code)), Ok(Some(Code::DataEndsEarly)));
        assert_eq!(ending(367).map_err(code), Err(Code::DataEndsEarly));
    }
}
