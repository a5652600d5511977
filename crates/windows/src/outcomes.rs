//! What became of customers over some stretches of time, as it is known afterwards: revenue, and whether they stayed.
//!
//! Nothing here is for a model: `known_by` lies after the stretches, so late rows and later ends count.

use osusume_model::DAY_US;

use crate::error::{check_length, check_offsets};
use crate::{Error, Intervals, Maybe, Span};

/// A month of which a price speaks, microseconds: a twelfth of 365.25 days.
const MONTH_US: i128 = (DAY_US as i128) * 1461 / 48;

/// Payments of a block of customers: purchases with what was paid.
#[derive(Clone, Copy, Debug)]
pub struct Payments<'a> {
    /// Customer `c` owns the rows `offsets[c]..offsets[c + 1]`.
    pub offsets: &'a [u32],
    /// When, microseconds UTC.
    pub at: &'a [i64],
    /// When the row was known; absent: when it happened.
    pub arrived: Option<&'a [i64]>,
    /// What was paid, minor units; negative for a refund. Absent values count as nothing.
    pub amount: Maybe<'a, i64>,
}

/// Adds what the holdings cost during each stretch to `out` (customers × spans, row-major), minor units.
///
/// `Σ price · overlap / month` over the rows known at `known_by`, rounded half away from zero once a customer and stretch; a row without a
/// price adds nothing. A month is a twelfth of 365.25 days, so that stretches of equal length are worth the same. O(rows × spans).
///
/// # Errors
/// Lengths that do not agree.
pub fn add_held_revenue(
    intervals: &Intervals<'_>,
    spans: &[Span],
    known_by: i64,
    out: &mut [i64],
) -> Result<(), Error> {
    let n_customers = check_intervals(intervals)?;
    check_length("out", out.len(), n_customers * spans.len())?;
    let Some(price) = intervals.price else { return Ok(()) };
    for (customer, out) in out.chunks_exact_mut(spans.len().max(1)).enumerate() {
        for (out, span) in out.iter_mut().zip(spans) {
            let known = intervals.rows(customer).filter(|&row| intervals.has_started(row, known_by));
            let cost = |row: usize| i128::from(price.get(row).unwrap_or(0)) * overlap(intervals, row, span, known_by);
            *out = out.saturating_add(rounded(known.map(cost).sum()));
        }
    }
    Ok(())
}

/// Adds what was paid inside each stretch to `out` (customers × spans, row-major), minor units. O(rows × spans).
///
/// # Errors
/// Lengths that do not agree.
pub fn add_payments(payments: &Payments<'_>, spans: &[Span], known_by: i64, out: &mut [i64]) -> Result<(), Error> {
    let n_rows = payments.at.len();
    check_length("arrived", payments.arrived.map_or(n_rows, <[i64]>::len), n_rows)?;
    payments.amount.check("amount", n_rows)?;
    let n_customers = check_offsets(payments.offsets, n_rows)?;
    check_length("out", out.len(), n_customers * spans.len())?;
    for (bounds, out) in payments.offsets.windows(2).zip(out.chunks_exact_mut(spans.len().max(1))) {
        for row in bounds[0] as usize..bounds[1] as usize {
            let at = payments.at[row];
            if at >= known_by || payments.arrived.is_some_and(|arrived| arrived[row] >= known_by) {
                continue;
            }
            let amount = payments.amount.get(row).unwrap_or(0);
            let within = out.iter_mut().zip(spans).filter(|(_, span)| span.start <= at && at < span.end);
            within.for_each(|(out, _)| *out = out.saturating_add(amount));
        }
    }
    Ok(())
}

/// Whether each customer held anything at the instant `at`, as is known at `known_by`.
///
/// # Errors
/// Lengths that do not agree.
pub fn was_held(intervals: &Intervals<'_>, at: i64, known_by: i64) -> Result<Vec<bool>, Error> {
    let n_customers = check_intervals(intervals)?;
    let holds = |row: usize| {
        let (start, end) = (intervals.start[row], intervals.known_end(row, known_by));
        start <= at && intervals.has_started(row, known_by) && end.is_none_or(|end| end > at)
    };
    Ok((0..n_customers).map(|customer| intervals.rows(customer).any(holds)).collect())
}

fn check_intervals(intervals: &Intervals<'_>) -> Result<usize, Error> {
    let n_rows = intervals.start.len();
    intervals.end.check("end", n_rows)?;
    check_length("start_arrived", intervals.start_arrived.map_or(n_rows, <[i64]>::len), n_rows)?;
    for (what, column) in [("end_arrived", intervals.end_arrived), ("price", intervals.price)] {
        column.map_or(Ok(()), |column| column.check(what, n_rows))?;
    }
    check_offsets(intervals.offsets, n_rows)
}

fn overlap(intervals: &Intervals<'_>, row: usize, span: &Span, known_by: i64) -> i128 {
    let end = intervals.known_end(row, known_by).unwrap_or(i64::MAX).min(span.end);
    (i128::from(end) - i128::from(intervals.start[row].max(span.start))).max(0)
}

fn rounded(minor_us: i128) -> i64 {
    let half = if minor_us < 0 { -MONTH_US / 2 } else { MONTH_US / 2 };
    i64::try_from((minor_us + half) / MONTH_US).unwrap_or(if minor_us < 0 { i64::MIN } else { i64::MAX })
}
