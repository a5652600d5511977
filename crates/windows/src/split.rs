//! Keeping training and test apart in time.

use crate::{Error, LabelWindow};

/// A positive label with the instant of its take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PositiveTake {
    /// Index of the customer.
    pub customer: u32,
    /// Index of the offer.
    pub offer: u32,
    /// When it was taken, microseconds.
    pub at: i64,
}

/// Whether a training row must leave because its label window ends after the test's as-of instant.
///
/// A window that ends exactly at the test's as-of stays: windows are half-open.
pub fn is_purged(train: &LabelWindow, test_as_of: i64) -> bool {
    train.window_end > test_as_of
}

/// Checks that no take is a positive of a training row and of a test row. Sorts both slices. O(n log n).
///
/// # Errors
/// The first take, by customer, that counts in both.
pub fn check_disjoint_takes(train: &mut [PositiveTake], test: &mut [PositiveTake]) -> Result<(), Error> {
    train.sort_unstable();
    test.sort_unstable();
    match test.iter().find(|take| train.binary_search(take).is_ok()) {
        Some(&PositiveTake { customer, offer, at }) => Err(Error::TakeInBoth { customer, offer, at }),
        None => Ok(()),
    }
}
