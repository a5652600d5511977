//! Labels of offers out of purchases: a category not bought for a while, and bought inside the label window.

use osusume_model::Control;

use crate::error::{check_length, check_offsets};
use crate::labels::by_customer;
use crate::takes::check_codes;
use crate::{Error, Label, LabelWindow, Labels, Maybe, NO_TAKE, Truth};

/// The purchases of a block of customers, sorted by time within each.
///
/// `offsets` may start above 0.
#[derive(Clone, Copy, Debug)]
pub struct Purchases<'a> {
    /// Customer `c` owns the rows `offsets[c]..offsets[c + 1]`.
    pub offsets: &'a [u32],
    /// When it was bought (or returned), microseconds UTC; ascending within a customer.
    pub at: &'a [i64],
    /// When the row was known; absent: when it was bought.
    pub arrived: Option<&'a [i64]>,
    /// Category code.
    pub category: &'a [u32],
    /// Product code, by which returns find their purchase.
    pub product: &'a [u32],
    /// Units; negative for a return, 0 is no purchase. An absent column or value: 1.
    pub quantity: Option<Maybe<'a, i64>>,
}

/// The instants of one as-of of a category offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CategoryWindow {
    /// Eligible is who bought nothing of the category in `[recent_start, as_of)`, as known at the as-of instant.
    pub recent_start: i64,
    /// The as-of instant and the label window.
    pub label: LabelWindow,
}

impl Purchases<'_> {
    fn check(&self, n_categories: usize) -> Result<usize, Error> {
        let n_rows = self.at.len();
        check_length("arrived", self.arrived.map_or(n_rows, <[i64]>::len), n_rows)?;
        check_length("category", self.category.len(), n_rows)?;
        check_length("product", self.product.len(), n_rows)?;
        self.quantity.map_or(Ok(()), |quantity| quantity.check("quantity", n_rows))?;
        check_codes("category", self.category, n_categories)?;
        let n_customers = check_offsets(self.offsets, n_rows)?;
        for customer in 0..n_customers {
            let rows = self.rows(customer);
            if let Some(idx) = rows.clone().skip(1).find(|&i| self.at[i] < self.at[i - 1]) {
                return Err(Error::Unsorted { what: "at", idx });
            }
        }
        Ok(n_customers)
    }

    fn rows(&self, customer: usize) -> std::ops::Range<usize> {
        self.offsets[customer] as usize..self.offsets[customer + 1] as usize
    }

    fn is_known(&self, row: usize, at: i64) -> bool {
        self.at[row] < at && self.arrived.is_none_or(|arrived| arrived[row] < at)
    }

    fn units(&self, row: usize) -> i64 {
        self.quantity.and_then(|quantity| quantity.get(row)).unwrap_or(1)
    }
}

/// Labels every customer × window × category offer.
///
/// `offers`: the category each offer stands for. `n_categories`: codes are `0..n_categories`.
/// A return within `truth.kept_us` of the purchase cancels it: each returned unit goes to the newest purchase of the same product that
/// still has units, and a purchase without units left is none. `truth.kept_us = 0` leaves purchases as they are.
/// Taken before the label window opened (inside the gap, or unknown at the as-of instant) removes the row.
/// O(rows × windows + customers × windows × offers), and for a return the rows of `kept_us` before it.
///
/// # Errors
/// Lengths, order or codes that do not agree, a category offered twice, and a stop asked for by `control`.
pub fn category_labels(
    purchases: &Purchases<'_>,
    offers: &[u32],
    n_categories: usize,
    windows: &[CategoryWindow],
    truth: &Truth,
    out: &mut Labels<'_>,
    control: &dyn Control,
) -> Result<(), Error> {
    let n_customers = purchases.check(n_categories)?;
    let offer_of = offer_of_category(offers, n_categories)?;
    by_customer(out, n_customers, windows.len() * offers.len(), control, |memory: &mut Memory, customer, out| {
        let rows = purchases.rows(customer);
        memory.settle_returns(purchases, rows.clone(), truth);
        memory.cells.clear();
        memory.cells.resize(out.label.len(), Seen::default());
        for row in rows.clone() {
            let Some(offer) = offer_of[purchases.category[row] as usize] else { continue };
            let is_kept = memory.units_left[row - rows.start] > 0;
            for (w, window) in windows.iter().enumerate() {
                memory.cells[w * offers.len() + offer].observe(purchases, row, is_kept, window);
            }
        }
        for (i, seen) in memory.cells.iter().enumerate() {
            (out.label[i], out.take_at[i]) = seen.judge(&windows[i / offers.len()].label, truth);
        }
    })
}

fn offer_of_category(offers: &[u32], n_categories: usize) -> Result<Vec<Option<usize>>, Error> {
    check_codes("offer category", offers, n_categories)?;
    let mut offer_of = vec![None; n_categories];
    for (offer, &category) in offers.iter().enumerate() {
        if offer_of[category as usize].replace(offer).is_some() {
            return Err(Error::Unsorted { what: "offer category", idx: offer });
        }
    }
    Ok(offer_of)
}

/// Reused memory of one thread.
#[derive(Debug, Default)]
struct Memory {
    /// Units of each purchase of the customer that were not returned; 0 for returns and what is not known at the end of the data.
    units_left: Vec<i64>,
    cells: Vec<Seen>,
}

impl Memory {
    fn settle_returns(&mut self, purchases: &Purchases<'_>, rows: std::ops::Range<usize>, truth: &Truth) {
        let first = rows.start;
        self.units_left.clear();
        for row in rows {
            let units = if purchases.is_known(row, truth.data_end) { purchases.units(row) } else { 0 };
            self.units_left.push(units.max(0));
            if units >= 0 || truth.kept_us == 0 {
                continue;
            }
            let mut returned = units.saturating_neg();
            for bought in (first..row).rev() {
                if returned == 0 || purchases.at[row].saturating_sub(purchases.at[bought]) > truth.kept_us {
                    break;
                }
                if purchases.product[bought] == purchases.product[row] {
                    let undone = returned.min(self.units_left[bought - first]);
                    self.units_left[bought - first] -= undone;
                    returned -= undone;
                }
            }
        }
    }
}

/// What was seen of one customer × window × offer.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    bought_recently: bool,
    bought_early: bool,
    first_take: Option<i64>,
}

impl Seen {
    fn observe(&mut self, purchases: &Purchases<'_>, row: usize, is_kept: bool, window: &CategoryWindow) {
        let (at, label) = (purchases.at[row], &window.label);
        if at < window.recent_start || at >= label.window_end {
            return;
        }
        if purchases.is_known(row, label.as_of) {
            self.bought_recently |= purchases.units(row) > 0;
        } else if is_kept && at < label.gap_end {
            self.bought_early = true;
        } else if is_kept && self.first_take.is_none() {
            self.first_take = Some(at);
        }
    }

    fn judge(&self, window: &LabelWindow, truth: &Truth) -> (Label, i64) {
        match self.first_take {
            _ if self.bought_recently => (Label::NotEligible, NO_TAKE),
            _ if !window.is_mature(truth) => (Label::Immature, NO_TAKE),
            _ if self.bought_early => (Label::GapTake, NO_TAKE),
            Some(at) => (Label::Positive, at),
            None => (Label::Negative, NO_TAKE),
        }
    }
}
