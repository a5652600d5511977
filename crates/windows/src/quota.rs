//! How much of a limit is used, and when it was reached: what is counted against it, period by period, beside the limit in force at each
//! instant.

use osusume_model::{Control, DAY_US};
use rayon::prelude::*;

use crate::error::{check_length, check_offsets};
use crate::intervals::BLOCK;
use crate::{Cell, Cutoffs, Error, Intervals, Span};

/// The rows of a block of customers that count against a limit, grouped by customer and in order of time within each.
#[derive(Clone, Copy, Debug)]
pub struct QuotaRows<'a> {
    /// Customer `c` owns the rows `offsets[c]..offsets[c + 1]`.
    pub offsets: &'a [u32],
    /// When each happened, microseconds UTC.
    pub at: &'a [i64],
    /// When each was known. Absent: when it happened.
    pub arrived: Option<&'a [i64]>,
    /// What each counts; NaN for a row that does not.
    pub amount: &'a [f64],
    /// Rows that say themselves that a limit was reached, where the table has such: then nothing else is a hit.
    pub said: Option<&'a [bool]>,
}

/// What is held against the limit.
#[derive(Clone, Copy, Debug)]
pub enum Counted<'a> {
    /// The newest amount: what is stored, seats that are taken.
    Newest,
    /// The sum since the last of these instants, at each of which counting starts again; ascending, from before the first row.
    Since(&'a [i64]),
    /// The sum over so many days of 24 hours.
    Days(u32),
}

/// Where the limit stands.
#[derive(Clone, Copy, Debug)]
pub enum Limit<'a> {
    /// Nowhere.
    Unknown,
    /// With the products held: the sum of theirs, by product; NaN where a product has none.
    Held(&'a Intervals<'a>, &'a [f64]),
    /// With the customer: customers × as-of instants; NaN where there is none.
    Own(&'a [f64]),
}

/// One output column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaCell {
    /// Share of the limit used up to the as-of instant; absent without a limit above 0.
    Used,
    /// The same for the period before the one that runs, of the limit in force at its end; absent for [`Counted::Newest`].
    UsedBefore,
    /// How often the limit was reached within a window.
    Hits(usize),
    /// Days since it was last reached; absent before.
    HitDays,
}

/// What became of a limit up to an as-of instant.
#[derive(Clone, Debug, PartialEq)]
pub struct QuotaUse {
    /// Share used of the limit.
    pub used: f64,
    /// Share used in the period before.
    pub used_before: f64,
    /// The rows with which the limit was reached.
    pub hits: Vec<usize>,
    /// What the first share is over.
    pub current: Span,
    /// What the second share is over; empty where there is none.
    pub before: Span,
}

/// The cells of every customer as of every instant: customers × instants × cells, row-major. A limit is reached by the row with which the
/// amount comes up to it; it can be reached again once it was not, or counting started again. O(rows × (instants + rows of a window of
/// days)).
///
/// # Errors
/// Lengths that do not agree, a window there is not, and a stop asked for by `control`.
pub fn quota_cells<C: Cell>(
    rows: &QuotaRows<'_>,
    counted: Counted<'_>,
    limit: Limit<'_>,
    (cutoffs, cells): (&Cutoffs, &[QuotaCell]),
    out: &mut [C],
    control: &dyn Control,
) -> Result<(), Error> {
    let n_customers = check(rows, limit, cutoffs.as_of().len())?;
    for (aggregate, cell) in cells.iter().enumerate() {
        if let QuotaCell::Hits(window) = *cell
            && window >= cutoffs.n_windows()
        {
            return Err(Error::Window { aggregate, window, n_windows: cutoffs.n_windows() });
        }
    }
    let width = cutoffs.as_of().len() * cells.len();
    check_length("out", out.len(), n_customers * width)?;
    if out.is_empty() {
        return Ok(());
    }
    out.par_chunks_mut(BLOCK * width).enumerate().try_for_each(|(block, out)| {
        if let Some(stop) = control.stop() {
            return Err(Error::Stopped(stop));
        }
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            for (d, out) in out.chunks_exact_mut(cells.len()).enumerate() {
                let found = quota_use(rows, counted, limit, block * BLOCK + i, (cutoffs.as_of(), d));
                for (out, cell) in out.iter_mut().zip(cells) {
                    *out = C::from_f64(found.cell(*cell, rows.at, cutoffs, d));
                }
            }
        }
        Ok(())
    })
}

fn check(rows: &QuotaRows<'_>, limit: Limit<'_>, n_dates: usize) -> Result<usize, Error> {
    let n_rows = rows.at.len();
    let n_customers = check_offsets(rows.offsets, n_rows)?;
    check_length("arrived", rows.arrived.map_or(n_rows, <[i64]>::len), n_rows)?;
    check_length("amount", rows.amount.len(), n_rows)?;
    check_length("said", rows.said.map_or(n_rows, <[bool]>::len), n_rows)?;
    match limit {
        Limit::Unknown => {}
        Limit::Own(limits) => check_length("limits", limits.len(), n_customers * n_dates)?,
        Limit::Held(intervals, of) => {
            check_length("offsets", intervals.offsets.len(), n_customers + 1)?;
            if let Some(&code) = intervals.product.iter().find(|&&product| product as usize >= of.len()) {
                return Err(Error::Code { what: "product", code, n_codes: of.len() });
            }
        }
    }
    Ok(n_customers)
}

/// The limit that was in force at `at`, as it was known at the as-of instant; NaN where none was.
fn limit_at(limit: Limit<'_>, customer: usize, (as_of, date): (&[i64], usize), at: i64) -> f64 {
    match limit {
        Limit::Unknown => f64::NAN,
        Limit::Own(limits) => limits[customer * as_of.len() + date],
        Limit::Held(intervals, of) => {
            let known = as_of[date];
            let is_held = |row: &usize| {
                intervals.has_started(*row, known)
                    && intervals.start[*row] <= at
                    && intervals.known_end(*row, known).is_none_or(|end| end > at)
            };
            let limits = intervals.rows(customer).filter(is_held).map(|row| of[intervals.product[row] as usize]);
            limits
                .filter(|limit| !limit.is_nan())
                .fold(f64::NAN, |sum, limit| if sum.is_nan() { limit } else { sum + limit })
        }
    }
}

/// What became of the limit of one customer up to the as-of instant at position `date`.
pub fn quota_use(
    rows: &QuotaRows<'_>,
    counted: Counted<'_>,
    limit: Limit<'_>,
    customer: usize,
    (as_of, date): (&[i64], usize),
) -> QuotaUse {
    let known = as_of[date];
    let all = rows.offsets[customer] as usize..rows.offsets[customer + 1] as usize;
    let is_visible = |row: &usize| rows.at[*row] < known && rows.arrived.is_none_or(|arrived| arrived[*row] < known);
    let visible: Vec<usize> = all.filter(is_visible).collect();
    let counts: Vec<usize> = visible.iter().copied().filter(|&row| !rows.amount[row].is_nan()).collect();
    let limit = |at: i64| limit_at(limit, customer, (as_of, date), at);
    let (current, before) = spans(counted, known);
    let within = |span: Span| {
        let amounts = counts.iter().filter(|row| (span.start..span.end).contains(&rows.at[**row]));
        // An empty sum is a negative zero; whoever has used nothing has used zero.
        amounts.map(|row| rows.amount[*row]).sum::<f64>() + 0.0
    };
    let (used, used_before) = match counted {
        Counted::Newest => (counts.last().map_or(f64::NAN, |&row| share(rows.amount[row], limit(known))), f64::NAN),
        _ => (share(within(current), limit(known)), share(within(before), limit(before.end - 1))),
    };
    let hits = match rows.said {
        Some(said) => visible.iter().copied().filter(|&row| said[row]).collect(),
        None => reached(rows, counted, &counts, limit),
    };
    QuotaUse { used, used_before, hits, current, before }
}

/// The period that runs at the as-of instant, and the one before.
fn spans(counted: Counted<'_>, as_of: i64) -> (Span, Span) {
    let start = |days: i64| as_of.saturating_sub(days * DAY_US);
    match counted {
        Counted::Newest => (Span { start: i64::MIN, end: as_of }, Span { start: as_of, end: as_of }),
        Counted::Days(days) => {
            let days = i64::from(days);
            (Span { start: start(days), end: as_of }, Span { start: start(2 * days), end: start(days) })
        }
        Counted::Since(starts) => {
            let running = starts.partition_point(|start| *start <= as_of);
            let begin = |back: usize| running.checked_sub(back).map_or(i64::MIN, |at| starts[at]);
            (Span { start: begin(1), end: as_of }, Span { start: begin(2), end: begin(1) })
        }
    }
}

fn share(amount: f64, limit: f64) -> f64 {
    if limit > 0.0 { amount / limit } else { f64::NAN }
}

/// The rows among `counts` with which the limit was reached.
fn reached(rows: &QuotaRows<'_>, counted: Counted<'_>, counts: &[usize], limit: impl Fn(i64) -> f64) -> Vec<usize> {
    let (mut hits, mut was_reached) = (Vec::new(), false);
    let (mut sum, mut until, mut first) = (0.0, i64::MIN, 0);
    for (i, &row) in counts.iter().enumerate() {
        let at = rows.at[row];
        sum = match counted {
            Counted::Newest => rows.amount[row],
            Counted::Since(starts) => {
                if at >= until {
                    let next = starts.partition_point(|start| *start <= at);
                    (sum, was_reached) = (0.0, false);
                    until = starts.get(next).copied().unwrap_or(i64::MAX);
                }
                sum + rows.amount[row]
            }
            Counted::Days(days) => {
                let start = at.saturating_sub(i64::from(days) * DAY_US);
                first += counts[first..=i].iter().take_while(|&&row| rows.at[row] <= start).count();
                // Summed anew each time: what is added and taken away again would leave rounding behind.
                counts[first..=i].iter().map(|&row| rows.amount[row]).sum()
            }
        };
        let limit = limit(at);
        let is_reached = limit > 0.0 && sum >= limit;
        if is_reached && !was_reached {
            hits.push(row);
        }
        was_reached = is_reached;
    }
    hits
}

impl QuotaUse {
    fn cell(&self, cell: QuotaCell, at: &[i64], cutoffs: &Cutoffs, date: usize) -> f64 {
        match cell {
            QuotaCell::Used => self.used,
            QuotaCell::UsedBefore => self.used_before,
            QuotaCell::Hits(window) => {
                let span = cutoffs.spans(date)[window];
                self.hits.iter().filter(|row| (span.start..span.end).contains(&at[**row])).count() as f64
            }
            QuotaCell::HitDays => self
                .hits
                .last()
                .map_or(f64::NAN, |&row| cutoffs.as_of()[date].saturating_sub(at[row]) as f64 / DAY_US as f64),
        }
    }
}
