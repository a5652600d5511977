//! Runs a function over blocks of customers, in parallel, with results in the customers' order.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use osusume_model::Control;
use rayon::prelude::*;

use crate::{DecideError, Result};

/// Customers in a block: large enough that polling costs nothing, small enough that a stop takes milliseconds.
pub(crate) const BLOCK_ROWS: usize = 8192;

/// `step` of every block of `0..n_rows`, collected in order; `control` is polled once a block.
///
/// # Errors
/// `Stopped`, or the error of the earliest block that has one among those run.
pub(crate) fn for_each_block<T: Send>(
    n_rows: usize,
    control: &dyn Control,
    step: impl Fn(Range<usize>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let done = AtomicU64::new(0);
    let run = |start: usize| {
        if let Some(stop) = control.stop() {
            return Err(DecideError::Stopped(stop));
        }
        let rows = start..n_rows.min(start + BLOCK_ROWS);
        let n = rows.len() as u64;
        let result = step(rows)?;
        control.progress(done.fetch_add(n, Ordering::Relaxed) + n, n_rows as u64);
        Ok(result)
    };
    let starts: Vec<usize> = (0..n_rows).step_by(BLOCK_ROWS).collect();
    // Every block is run before the errors are looked at, so that which error is returned does not depend on timing.
    starts.into_par_iter().map(run).collect::<Vec<Result<T>>>().into_iter().collect()
}
