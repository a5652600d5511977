//! What callers of this crate can get wrong.

use osusume_model::Stop;

/// Why a kernel of this crate refused its input or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The control asked to stop.
    #[error("stopped")]
    Stopped(Stop),
    /// A slice does not have the length the others demand.
    #[error("`{what}` holds {got} values, expected {expected}")]
    Length {
        /// The slice.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The length it must have.
        expected: usize,
    },
    /// Values that must ascend do not.
    #[error("`{what}` does not ascend at position {idx}")]
    Unsorted {
        /// The slice.
        what: &'static str,
        /// First position that is smaller than the one before.
        idx: usize,
    },
    /// A window of time is not `start <= end <= as_of`.
    #[error("window {window} of as-of {cutoff} does not satisfy start <= end <= as-of")]
    Span {
        /// Position of the as-of instant.
        cutoff: usize,
        /// Position of the window.
        window: usize,
    },
    /// An aggregate names a column that is absent or of a kind it cannot use.
    #[error("aggregate {aggregate} cannot use column {column}")]
    Column {
        /// Position of the aggregate.
        aggregate: usize,
        /// Position of the column.
        column: usize,
    },
    /// An aggregate names a window that is not declared.
    #[error("aggregate {aggregate} names window {window} of {n_windows}")]
    Window {
        /// Position of the aggregate.
        aggregate: usize,
        /// The window it names.
        window: usize,
        /// How many there are.
        n_windows: usize,
    },
    /// A level outside [0, 1], a half-life that is not above 0, or a calendar that is not there.
    #[error("aggregate {aggregate} has a level, half-life or calendar that cannot be")]
    Setting {
        /// Position of the aggregate.
        aggregate: usize,
    },
    /// A share without a filter has nothing to be a share of.
    #[error("aggregate {aggregate} is a share without a filter")]
    ShareWithoutFilter {
        /// Position of the aggregate.
        aggregate: usize,
    },
    /// A column of the events is not of the kind the plan was built for.
    #[error("column {column} is not of the planned kind")]
    ColumnKind {
        /// Position of the column.
        column: usize,
    },
    /// A code is not below the declared number of codes.
    #[error("code {code} of `{what}` is not below {n_codes}")]
    Code {
        /// The slice.
        what: &'static str,
        /// The code found.
        code: u32,
        /// How many codes were declared.
        n_codes: usize,
    },
    /// The same take is a positive of a training row and of a test row.
    #[error("the take of customer {customer} for offer {offer} at {at} counts in training and test")]
    TakeInBoth {
        /// Index of the customer.
        customer: u32,
        /// Index of the offer.
        offer: u32,
        /// The instant of the take, microseconds.
        at: i64,
    },
}

/// Checks one length.
pub(crate) fn check_length(what: &'static str, got: usize, expected: usize) -> Result<(), Error> {
    if got == expected { Ok(()) } else { Err(Error::Length { what, got, expected }) }
}

/// Checks that `offsets` ascends, is not empty and stays within `n_rows`; returns the number of customers.
pub(crate) fn check_offsets(offsets: &[u32], n_rows: usize) -> Result<usize, Error> {
    if let Some(idx) = (1..offsets.len()).find(|&i| offsets[i] < offsets[i - 1]) {
        return Err(Error::Unsorted { what: "offsets", idx });
    }
    match offsets.last() {
        Some(&last) if last as usize <= n_rows => Ok(offsets.len() - 1),
        Some(&last) => Err(Error::Length { what: "rows", got: n_rows, expected: last as usize }),
        None => Err(Error::Length { what: "offsets", got: 0, expected: 1 }),
    }
}
