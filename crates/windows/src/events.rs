//! The input of the aggregates: a block of customers' events, and the instants they are asked at.

use crate::error::{check_length, check_offsets};
use crate::{ColumnKind, Error};

/// The events of a block of customers, grouped by customer and sorted by time within each.
///
/// `offsets` may start above 0, so that a block is a sub-slice of a whole table's offsets beside the whole table's columns.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    /// Customer `c` owns the rows `offsets[c]..offsets[c + 1]`; one more than customers.
    pub offsets: &'a [u32],
    /// When each event happened, microseconds UTC; ascending within a customer, ties in file order.
    pub at: &'a [i64],
    /// When each row was known, microseconds UTC. Absent: known when it happened.
    pub arrived: Option<&'a [i64]>,
    /// The value columns, in the order aggregates number them.
    pub columns: &'a [EventColumn<'a>],
}

/// One value column of the events.
#[derive(Clone, Copy, Debug)]
pub struct EventColumn<'a> {
    /// One value a row.
    pub values: EventValues<'a>,
    /// `false` where the value is absent. `None`: all present.
    pub valid: Option<&'a [bool]>,
}

/// The values of a column.
#[derive(Clone, Copy, Debug)]
pub enum EventValues<'a> {
    /// Minor units of money or any other exact integer. The sum of absolute values of a customer must fit in an `i64`.
    Money(&'a [i64]),
    /// Real numbers. A value that is not finite or above 1e100 in magnitude counts as absent.
    Real(&'a [f64]),
    /// Dictionary codes below the `n_codes` of the plan.
    Code(&'a [u32]),
}

/// A half-open stretch of time `[start, end)`, microseconds UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First instant inside; `i64::MIN` for "from the beginning".
    pub start: i64,
    /// First instant after it; at most the as-of instant it belongs to.
    pub end: i64,
}

/// The as-of instants with their windows, checked.
#[derive(Clone, Debug)]
pub struct Cutoffs {
    as_of: Vec<i64>,
    spans: Vec<Span>,
    n_windows: usize,
}

impl Cutoffs {
    /// `as_of`: strictly ascending instants. `spans`: `as_of.len()` × windows, row-major: the windows of the first as-of come first.
    ///
    /// Windows are instants so that calendars and zones stay with the caller; a window may end before its as-of (the same month last year).
    ///
    /// # Errors
    /// Instants that do not ascend; a span that is not `start <= end <= as_of`; a window that moves back between two as-of instants.
    pub fn new(as_of: Vec<i64>, spans: Vec<Span>) -> Result<Self, Error> {
        if let Some(idx) = (1..as_of.len()).find(|&i| as_of[i] <= as_of[i - 1]) {
            return Err(Error::Unsorted { what: "as_of", idx });
        }
        let n_windows = if as_of.is_empty() { 0 } else { spans.len() / as_of.len() };
        check_length("spans", spans.len(), as_of.len() * n_windows)?;
        for (i, span) in spans.iter().enumerate() {
            let (cutoff, window) = (i / n_windows, i % n_windows);
            if span.start > span.end || span.end > as_of[cutoff] {
                return Err(Error::Span { cutoff, window });
            }
            if cutoff > 0 {
                let before = spans[i - n_windows];
                if before.start > span.start || before.end > span.end {
                    return Err(Error::Unsorted { what: "spans", idx: i });
                }
            }
        }
        Ok(Self { as_of, spans, n_windows })
    }

    /// The as-of instants.
    pub fn as_of(&self) -> &[i64] {
        &self.as_of
    }

    /// How many windows each has.
    pub fn n_windows(&self) -> usize {
        self.n_windows
    }

    /// The windows of one as-of instant.
    pub fn spans(&self, cutoff: usize) -> &[Span] {
        &self.spans[cutoff * self.n_windows..][..self.n_windows]
    }
}

/// Start of the window of the same length right before `span`: what [`crate::Measure::Surge`] compares with.
pub fn earlier_start(span: Span) -> i64 {
    span.start.saturating_sub(span.end.saturating_sub(span.start))
}

impl Events<'_> {
    /// Checks lengths, order and codes against the planned column kinds; returns the number of customers. One pass over the rows.
    pub(crate) fn check(&self, kinds: &[ColumnKind]) -> Result<usize, Error> {
        let n_rows = self.at.len();
        let n_customers = check_offsets(self.offsets, n_rows)?;
        if let Some(arrived) = self.arrived {
            check_length("arrived", arrived.len(), n_rows)?;
        }
        check_length("columns", self.columns.len(), kinds.len())?;
        for (column, (values, &kind)) in self.columns.iter().zip(kinds).enumerate() {
            values.check(column, kind, n_rows, self.rows())?;
        }
        for customer in self.offsets.windows(2) {
            let (from, to) = (customer[0] as usize, customer[1] as usize);
            let at = &self.at[from..to];
            if !at.is_sorted() {
                let idx = (1..at.len()).find(|&i| at[i] < at[i - 1]).map_or(from, |i| from + i);
                return Err(Error::Unsorted { what: "at", idx });
            }
        }
        Ok(n_customers)
    }

    /// The rows this block covers.
    fn rows(&self) -> std::ops::Range<usize> {
        let first = self.offsets.first().map_or(0, |&o| o as usize);
        let last = self.offsets.last().map_or(0, |&o| o as usize);
        first..last
    }

    /// The same columns for the customers `from..to` only.
    pub(crate) fn block(&self, from: usize, to: usize) -> Self {
        Self { offsets: &self.offsets[from..=to], ..*self }
    }
}

impl EventColumn<'_> {
    fn check(
        &self,
        column: usize,
        kind: ColumnKind,
        n_rows: usize,
        block: std::ops::Range<usize>,
    ) -> Result<(), Error> {
        if let Some(valid) = self.valid {
            check_length("valid", valid.len(), n_rows)?;
        }
        match (self.values, kind) {
            (EventValues::Money(values), ColumnKind::Money) => check_length("money", values.len(), n_rows),
            (EventValues::Real(values), ColumnKind::Real) => check_length("real", values.len(), n_rows),
            (EventValues::Code(codes), ColumnKind::Code { n_codes }) => {
                check_length("codes", codes.len(), n_rows)?;
                // The largest code is soon told; where it is too large, which row it is of is looked for.
                let is_fine = codes[block.clone()].iter().max().is_none_or(|&most| (most as usize) < n_codes);
                let is_wrong = |row: &usize| codes[*row] as usize >= n_codes && self.is_valid(*row);
                let wrong = (!is_fine).then(|| block.clone().find(is_wrong)).flatten();
                wrong.map_or(Ok(()), |row| Err(Error::Code { what: "codes", code: codes[row], n_codes }))
            }
            _ => Err(Error::ColumnKind { column }),
        }
    }

    /// Whether the row has a value.
    #[inline]
    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.valid.is_none_or(|valid| valid[row])
    }

    /// The code of a row; only called for columns planned as codes.
    #[inline]
    pub(crate) fn code(&self, row: usize) -> Option<u32> {
        match self.values {
            EventValues::Code(codes) if self.is_valid(row) => Some(codes[row]),
            _ => None,
        }
    }
}
