//! What counts as a take: a customer moving up a family's ladder for the first time, and staying there.

use osusume_model::DAY_US;

use crate::error::check_length;
use crate::{Error, Intervals, Truth};

/// Dates become local midnights, so thirty civil days may be an hour or two short of 30 × 24 hours where clocks change.
pub(crate) const CLOCK_CHANGE_US: i64 = 2 * 3_600_000_000;

/// Where each product stands. Slices have one entry a product.
#[derive(Clone, Copy, Debug)]
pub struct Ladder<'a> {
    /// Family, `0..n_families`.
    pub family: &'a [u32],
    /// Step within the family, 1 for the lowest.
    pub tier: &'a [u16],
    /// The product that stands for this one after following `replaces` to its end; itself where nothing replaces it.
    pub canonical: &'a [u32],
    /// Number of families.
    pub n_families: usize,
}

impl Ladder<'_> {
    /// Checks lengths and codes; returns the number of products.
    pub(crate) fn check(&self) -> Result<usize, Error> {
        let n_products = self.tier.len();
        check_length("family", self.family.len(), n_products)?;
        check_length("canonical", self.canonical.len(), n_products)?;
        check_codes("family", self.family, self.n_families)?;
        check_codes("canonical", self.canonical, n_products)?;
        Ok(n_products)
    }

    /// Family and tier of a product, read at the product that stands for it.
    #[inline]
    pub(crate) fn step(&self, product: u32) -> (usize, u16) {
        let product = self.canonical[product as usize] as usize;
        (self.family[product] as usize, self.tier[product])
    }

    /// The next lower tier of the family that is still sold, which is what no other product replaces.
    pub(crate) fn next_lower(&self, family: u32, tier: u16) -> Option<u16> {
        let sold = (0..self.tier.len()).filter(|&product| self.canonical[product] as usize == product);
        let tiers = sold.filter(|&product| self.family[product] == family).map(|product| self.tier[product]);
        tiers.filter(|&lower| lower < tier).max()
    }
}

pub(crate) fn check_codes(what: &'static str, codes: &[u32], n_codes: usize) -> Result<(), Error> {
    match codes.iter().find(|&&code| code as usize >= n_codes) {
        Some(&code) => Err(Error::Code { what, code, n_codes }),
        None => Ok(()),
    }
}

/// A step a customer took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Take {
    /// The family.
    pub family: u32,
    /// The tier reached.
    pub tier: u16,
    /// When it started, microseconds.
    pub start: i64,
    /// When the start was known.
    pub arrived: i64,
}

/// A holding as known at the end of the data.
#[derive(Clone, Copy, Debug)]
struct Held {
    family: u32,
    tier: u16,
    start: i64,
    arrived: i64,
    end: i64,
    by_company: bool,
}

/// Every take of a block as known at `truth.data_end`, with the index of its customer, by customer, family and start.
///
/// A start is a take when
/// - its tier is strictly higher than every tier of the family the customer had kept before (so renewals, re-pricings, migrations along
///   `replaces` and second holdings are none),
/// - the customer made it, not the company, and
/// - it is kept: the holding, continued by products of the same or a higher tier of the family without a break of more than a day,
///   lasts at least `truth.kept_us` (so cooling-off, returns and step-backs undo it, and what was undone does not stand in the way of
///   a later take).
///
/// A day here may be two hours short or long, for clock changes between local midnights.
/// O(rows log rows) and, within `kept_us`, the product of overlapping rows of a customer.
///
/// # Errors
/// Lengths or codes that do not agree.
pub fn find_takes(intervals: &Intervals<'_>, ladder: &Ladder<'_>, truth: &Truth) -> Result<Vec<(u32, Take)>, Error> {
    let n_customers = intervals.check(ladder)?;
    let (mut all, mut finder, mut takes) = (Vec::new(), TakeFinder::default(), Vec::new());
    for customer in 0..n_customers {
        finder.find(intervals, ladder, customer, truth, &mut takes);
        all.extend(takes.iter().map(|&take| (customer as u32, take)));
    }
    Ok(all)
}

/// Reused memory of the search for takes.
#[derive(Debug, Default)]
pub(crate) struct TakeFinder {
    held: Vec<Held>,
}

impl TakeFinder {
    pub(crate) fn find(
        &mut self,
        intervals: &Intervals<'_>,
        ladder: &Ladder<'_>,
        customer: usize,
        truth: &Truth,
        takes: &mut Vec<Take>,
    ) {
        takes.clear();
        self.held.clear();
        let rows = intervals.rows(customer).filter(|&row| intervals.has_started(row, truth.data_end));
        self.held.extend(rows.map(|row| known_at(intervals, ladder, row, truth.data_end)));
        // Every field is in the key, so the order of the rows never shows; the customer's own start goes before the company's.
        self.held.sort_unstable_by_key(|h| (h.family, h.start, h.tier, h.by_company, h.arrived, h.end));
        for family in self.held.chunk_by(|a, b| a.family == b.family) {
            takes_of_family(family, truth.kept_us, takes);
        }
    }
}

fn known_at(intervals: &Intervals<'_>, ladder: &Ladder<'_>, row: usize, data_end: i64) -> Held {
    let (family, tier) = ladder.step(intervals.product[row]);
    Held {
        family: family as u32,
        tier,
        start: intervals.start[row],
        arrived: intervals.arrival(row),
        end: intervals.known_end(row, data_end).unwrap_or(i64::MAX),
        by_company: intervals.by_company.is_some_and(|flags| flags[row]),
    }
}

/// `held` is sorted by start and tier, so that of several starts at one instant each tier is a take once.
fn takes_of_family(held: &[Held], kept_us: i64, takes: &mut Vec<Take>) {
    let mut reached = 0;
    for (i, step) in held.iter().enumerate() {
        if step.tier <= reached || !is_kept(&held[i..], kept_us) {
            continue;
        }
        reached = step.tier;
        if !step.by_company {
            takes.push(Take { family: step.family, tier: step.tier, start: step.start, arrived: step.arrived });
        }
    }
}

/// Whether the first of `held`, with what continues it, lasts `kept_us`.
fn is_kept(held: &[Held], kept_us: i64) -> bool {
    let first = held[0];
    let needed = first.start.saturating_add(kept_us - CLOCK_CHANGE_US);
    let mut end = first.end;
    for next in &held[1..] {
        if end >= needed || next.start > end.saturating_add(DAY_US + CLOCK_CHANGE_US) {
            break;
        }
        if next.tier >= first.tier {
            end = end.max(next.end);
        }
    }
    end >= needed
}
