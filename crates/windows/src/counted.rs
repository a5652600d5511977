//! What counts as a take of a product sold in numbers: holding more units of it than before, and keeping them.

use osusume_model::DAY_US;

use crate::takes::{CLOCK_CHANGE_US, check_codes};
use crate::{Error, Intervals, Ladder, Truth};

/// What ends and begins again within this time has not been given up.
const GRACE_US: i64 = DAY_US + CLOCK_CHANGE_US;

/// Units of one product bought at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitsTaken {
    /// Since when more are held, microseconds.
    pub start: i64,
    /// When that was known.
    pub arrived: i64,
    /// How many more, above 0.
    pub units: i64,
}

/// Every take of `product` (a position in the ladder after `replaces`) in a block as known at `truth.data_end`, with the index of its
/// customer, by customer and start.
///
/// With H(t) the units held at t, all rows of the product and of those it replaced together, whatever ended less than a day ago still
/// counted in, a start at s is a take of
///
/// ```text
/// min { H(t) : s ≤ t, until what began at s has been kept } − H(just before s)
/// ```
///
/// units, at most those the customer (not the company) began at s, if that is above 0. So a row that ends and begins again within a day is
/// a take of what it has more than before: of nothing where it is renewed as it was; and units sent back before `truth.kept_us` were never
/// taken. A day here may be two hours short or long, as in [`crate::find_takes`].
/// O(rows log rows) and, within `kept_us`, the product of overlapping rows of a customer.
///
/// # Errors
/// Lengths or codes that do not agree.
pub fn units_taken(
    intervals: &Intervals<'_>,
    ladder: &Ladder<'_>,
    product: u32,
    truth: &Truth,
) -> Result<Vec<(u32, UnitsTaken)>, Error> {
    let n_customers = intervals.check(ladder)?;
    check_codes("counted product", &[product], ladder.tier.len())?;
    let (mut all, mut finder, mut takes) = (Vec::new(), UnitsFinder::default(), Vec::new());
    for customer in 0..n_customers {
        finder.find(intervals, ladder, (customer, product), truth, &mut takes);
        all.extend(takes.iter().map(|&take| (customer as u32, take)));
    }
    Ok(all)
}

/// Reused memory of the search.
#[derive(Debug, Default)]
pub(crate) struct UnitsFinder {
    /// Changes of the units held: instant and difference; afterwards the units held from each instant on.
    levels: Vec<(i64, i64)>,
    /// What customers began: instant, arrival, units.
    begun: Vec<UnitsTaken>,
}

impl UnitsFinder {
    /// Replaces `takes` by those of one customer and product, by start.
    pub(crate) fn find(
        &mut self,
        intervals: &Intervals<'_>,
        ladder: &Ladder<'_>,
        (customer, product): (usize, u32),
        truth: &Truth,
        takes: &mut Vec<UnitsTaken>,
    ) {
        takes.clear();
        self.read(intervals, ladder, (customer, product), truth);
        // What began is kept once it lasts so long; the grace is added as it is to every end.
        let kept_us = (truth.kept_us - CLOCK_CHANGE_US).max(GRACE_US) + GRACE_US;
        for begun in self.begun.chunk_by(|a, b| a.start == b.start) {
            let start = begun[0].start;
            let at = self.levels.partition_point(|&(instant, _)| instant < start);
            let before = at.checked_sub(1).map_or(0, |before| self.levels[before].1);
            let until = start.saturating_add(kept_us);
            let kept = self.levels[at..].iter().take_while(|&&(instant, _)| instant < until);
            let more = kept.map(|&(_, held)| held).min().unwrap_or(0) - before;
            let units = more.min(begun.iter().map(|one| one.units).sum());
            if units > 0 {
                let arrived = begun.iter().map(|one| one.arrived).max().unwrap_or(start);
                takes.push(UnitsTaken { start, arrived, units });
            }
        }
    }

    fn read(
        &mut self,
        intervals: &Intervals<'_>,
        ladder: &Ladder<'_>,
        (customer, product): (usize, u32),
        truth: &Truth,
    ) {
        self.levels.clear();
        self.begun.clear();
        let is_of = |row: &usize| ladder.canonical[intervals.product[*row] as usize] == product;
        let rows = intervals.rows(customer).filter(|&row| intervals.has_started(row, truth.data_end));
        for row in rows.filter(is_of) {
            let (start, units) = (intervals.start[row], intervals.units(row));
            self.levels.push((start, units));
            if let Some(end) = intervals.known_end(row, truth.data_end) {
                self.levels.push((end.saturating_add(GRACE_US), -units));
            }
            if !intervals.by_company.is_some_and(|flags| flags[row]) {
                self.begun.push(UnitsTaken { start, arrived: intervals.arrival(row), units });
            }
        }
        self.begun.sort_unstable_by_key(|one| one.start);
        self.levels.sort_unstable();
        let mut held = 0;
        for level in &mut self.levels {
            held += level.1;
            level.1 = held;
        }
        // Of several changes at one instant the last one says what is held from there on.
        self.levels.reverse();
        self.levels.dedup_by_key(|level| level.0);
        self.levels.reverse();
    }
}
