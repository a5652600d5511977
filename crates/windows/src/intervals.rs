//! Holdings as they were known at an instant: what is held, for how long, until when, at which price.

use osusume_model::{Control, DAY_US};
use rayon::prelude::*;

use crate::error::{check_length, check_offsets};
use crate::{Error, Ladder};

/// Customers a task works on between two looks at the control.
pub(crate) const BLOCK: usize = 1024;

/// A column in which values may be absent.
#[derive(Clone, Copy, Debug)]
pub struct Maybe<'a, T> {
    /// One value a row; anything where absent.
    pub values: &'a [T],
    /// `false` where absent. `None`: all present.
    pub valid: Option<&'a [bool]>,
}

impl<T: Copy> Maybe<'_, T> {
    /// The value of a row, if present.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T> {
        self.valid.is_none_or(|valid| valid[row]).then(|| self.values[row])
    }

    pub(crate) fn check(&self, what: &'static str, n_rows: usize) -> Result<(), Error> {
        check_length(what, self.values.len(), n_rows)?;
        self.valid.map_or(Ok(()), |valid| check_length(what, valid.len(), n_rows))
    }
}

/// The holdings of a block of customers: one row a stretch of time `[start, end)` in which a product was held.
///
/// `offsets` may start above 0; rows of a customer may stand in any order.
#[derive(Clone, Copy, Debug)]
pub struct Intervals<'a> {
    /// Customer `c` owns the rows `offsets[c]..offsets[c + 1]`.
    pub offsets: &'a [u32],
    /// Product code, a position in the [`Ladder`].
    pub product: &'a [u32],
    /// First instant of holding, microseconds UTC.
    pub start: &'a [i64],
    /// First instant after it; absent while it lasts.
    pub end: Maybe<'a, i64>,
    /// When the row was known; absent: when it started.
    pub start_arrived: Option<&'a [i64]>,
    /// When its end was known; an absent column or value: when it ended.
    pub end_arrived: Option<Maybe<'a, i64>>,
    /// When it renews; known with the row.
    pub renews: Option<Maybe<'a, i64>>,
    /// Price a month, minor units; known with the row.
    pub price: Option<Maybe<'a, i64>>,
    /// Units held (seats); an absent column or value: 1.
    pub quantity: Option<Maybe<'a, i64>>,
    /// Whether the company made the change rather than the customer.
    pub by_company: Option<&'a [bool]>,
}

impl Intervals<'_> {
    /// Checks lengths and product codes; returns the number of customers.
    pub(crate) fn check(&self, ladder: &Ladder<'_>) -> Result<usize, Error> {
        let n_rows = self.product.len();
        let n_products = ladder.check()?;
        check_length("start", self.start.len(), n_rows)?;
        self.end.check("end", n_rows)?;
        check_length("start_arrived", self.start_arrived.map_or(n_rows, <[i64]>::len), n_rows)?;
        check_length("by_company", self.by_company.map_or(n_rows, <[bool]>::len), n_rows)?;
        for (what, column) in [
            ("end_arrived", self.end_arrived),
            ("renews", self.renews),
            ("price", self.price),
            ("quantity", self.quantity),
        ] {
            column.map_or(Ok(()), |column| column.check(what, n_rows))?;
        }
        if let Some(&code) = self.product.iter().find(|&&p| p as usize >= n_products) {
            return Err(Error::Code { what: "product", code, n_codes: n_products });
        }
        check_offsets(self.offsets, n_rows)
    }

    pub(crate) fn rows(&self, customer: usize) -> std::ops::Range<usize> {
        self.offsets[customer] as usize..self.offsets[customer + 1] as usize
    }

    /// Whether the row is known at `at` to have started before it.
    #[inline]
    pub fn has_started(&self, row: usize, at: i64) -> bool {
        self.start[row] < at && self.arrival(row) < at
    }

    /// When the row was known.
    #[inline]
    pub(crate) fn arrival(&self, row: usize) -> i64 {
        self.start_arrived.map_or(self.start[row], |arrived| arrived[row])
    }

    /// The end as known at `at`: also one announced for later.
    #[inline]
    pub(crate) fn known_end(&self, row: usize, at: i64) -> Option<i64> {
        let end = self.end.get(row)?;
        let arrived = self.end_arrived.and_then(|arrived| arrived.get(row)).unwrap_or(end);
        (arrived < at).then_some(end)
    }

    /// Whether the product is held at `at` as known at `at`: an end that became known later never rewrites the past.
    #[inline]
    pub fn is_held(&self, row: usize, at: i64) -> bool {
        self.has_started(row, at) && self.known_end(row, at).is_none_or(|end| end > at)
    }

    pub(crate) fn units(&self, row: usize) -> i64 {
        self.quantity.and_then(|quantity| quantity.get(row)).unwrap_or(1)
    }
}

/// What a customer holds of a family, or of anything, as known at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HoldingState {
    /// Number of rows held.
    pub n_held: u32,
    /// Highest tier held; 0 for nothing (and for the scope "anything").
    pub tier: u16,
    /// Units held.
    pub quantity: i64,
    /// Days since the first start ever known, also of what has ended; NaN before any.
    pub tenure_days: f64,
    /// Days to the nearest renewal at or after the instant, among what is held; NaN without one.
    pub days_to_renewal: f64,
    /// Sum of the prices of what is held, minor units; NaN when no price is known.
    pub price_minor: f64,
}

impl HoldingState {
    /// The state of a customer without any row.
    pub const NOTHING: Self = Self {
        n_held: 0,
        tier: 0,
        quantity: 0,
        tenure_days: f64::NAN,
        days_to_renewal: f64::NAN,
        price_minor: f64::NAN,
    };

    fn observe(&mut self, intervals: &Intervals<'_>, row: usize, tier: u16, as_of: i64) {
        if !intervals.has_started(row, as_of) {
            return;
        }
        // max and min return the other argument when one is NaN.
        self.tenure_days = self.tenure_days.max(days(intervals.start[row], as_of));
        if !intervals.is_held(row, as_of) {
            return;
        }
        self.n_held += 1;
        self.tier = self.tier.max(tier);
        self.quantity += intervals.units(row);
        if let Some(renews) = intervals.renews.and_then(|renews| renews.get(row)).filter(|&renews| renews >= as_of) {
            self.days_to_renewal = self.days_to_renewal.min(days(as_of, renews));
        }
        if let Some(price) = intervals.price.and_then(|price| price.get(row)) {
            // Sums of whole minor units stay exact below 2^53.
            self.price_minor = if self.price_minor.is_nan() { 0.0 } else { self.price_minor } + price as f64;
        }
    }
}

/// The state of every family and of anything together, for every customer as of every instant.
///
/// `as_of`: instants in any order. `out`: customers × instants × (families + 1), row-major; the last scope is "anything".
/// A row counts from `start < T` and `start_arrived < T` on, until `end <= T` is known with `end_arrived < T`.
/// O(rows × instants).
///
/// # Errors
/// Lengths or codes that do not agree, and a stop asked for by `control`.
pub fn holdings_as_of(
    intervals: &Intervals<'_>,
    ladder: &Ladder<'_>,
    as_of: &[i64],
    out: &mut [HoldingState],
    control: &dyn Control,
) -> Result<(), Error> {
    let n_customers = intervals.check(ladder)?;
    let n_scopes = ladder.n_families + 1;
    check_length("out", out.len(), n_customers * as_of.len() * n_scopes)?;
    by_customer(out, as_of.len() * n_scopes, control, |customer, out| {
        out.fill(HoldingState::NOTHING);
        for (states, &at) in out.chunks_exact_mut(n_scopes).zip(as_of) {
            for row in intervals.rows(customer) {
                let (family, tier) = ladder.step(intervals.product[row]);
                states[family].observe(intervals, row, tier, at);
                states[n_scopes - 1].observe(intervals, row, 0, at);
            }
        }
    })
}

/// Whether anything is held, for every customer as of every instant, by the rule of [`holdings_as_of`].
///
/// `out`: customers × instants, row-major. O(rows × instants).
///
/// # Errors
/// Lengths or codes that do not agree, and a stop asked for by `control`.
pub fn holds_anything(
    intervals: &Intervals<'_>,
    ladder: &Ladder<'_>,
    as_of: &[i64],
    out: &mut [bool],
    control: &dyn Control,
) -> Result<(), Error> {
    let n_customers = intervals.check(ladder)?;
    check_length("out", out.len(), n_customers * as_of.len())?;
    by_customer(out, as_of.len(), control, |customer, out| {
        for (holds, &at) in out.iter_mut().zip(as_of) {
            *holds = intervals.rows(customer).any(|row| intervals.is_held(row, at));
        }
    })
}

/// The units held of every product, for every customer as of every instant.
///
/// `out`: customers × instants × products, row-major; products are those of the ladder after `replaces`. O(rows × instants).
///
/// # Errors
/// Lengths or codes that do not agree, and a stop asked for by `control`.
pub fn held_quantities(
    intervals: &Intervals<'_>,
    ladder: &Ladder<'_>,
    as_of: &[i64],
    out: &mut [i64],
    control: &dyn Control,
) -> Result<(), Error> {
    let n_customers = intervals.check(ladder)?;
    let n_products = ladder.tier.len();
    check_length("out", out.len(), n_customers * as_of.len() * n_products)?;
    by_customer(out, as_of.len() * n_products, control, |customer, out| {
        out.fill(0);
        for (units, &at) in out.chunks_exact_mut(n_products).zip(as_of) {
            for row in intervals.rows(customer).filter(|&row| intervals.is_held(row, at)) {
                units[ladder.canonical[intervals.product[row] as usize] as usize] += intervals.units(row);
            }
        }
    })
}

/// Calls `fill(customer, its part of out)` for every customer, blocks in parallel.
fn by_customer<T: Send>(
    out: &mut [T],
    row_len: usize,
    control: &dyn Control,
    fill: impl Fn(usize, &mut [T]) + Sync,
) -> Result<(), Error> {
    if out.is_empty() {
        return Ok(());
    }
    out.par_chunks_mut(BLOCK * row_len).enumerate().try_for_each(|(block, out)| {
        if let Some(stop) = control.stop() {
            return Err(Error::Stopped(stop));
        }
        for (i, out) in out.chunks_exact_mut(row_len).enumerate() {
            fill(block * BLOCK + i, out);
        }
        Ok(())
    })
}

fn days(from: i64, to: i64) -> f64 {
    to.saturating_sub(from) as f64 / DAY_US as f64
}
