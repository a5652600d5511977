//! What is held, against the memory there is.

use osusume_model::{Code, Fault, Result};

/// Bytes a frequent item of a basket takes in the engines, at most: its rank, and a place in the list of those with that rank.
const ENGINE_VALUE_BYTES: u64 = 20;

/// The memory budget of mining a file, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(pub(super) u64);

impl Budget {
    /// Faults when `needed` bytes, most of them for `largest`, are more.
    pub(super) fn check(self, needed: u64, largest: &str) -> Result<()> {
        if needed <= self.0 { Ok(()) } else { Err(self.fault(largest).with("needed", needed)) }
    }

    /// The budget is too small, most of all for `largest`.
    pub(super) fn fault(self, largest: &str) -> Fault {
        Fault::new(Code::MemoryBudget).with("budget", self.0).with("largest", largest).with("plain", 1_i64)
    }

    /// What is left beside `held` bytes.
    pub(super) fn left(self, held: u64) -> u64 {
        self.0.saturating_sub(held)
    }
}

/// Bytes of baskets: items, where each basket ends, and a number an item of the catalog.
pub(super) fn basket_bytes(baskets: u64, values: u64, items: u64) -> u64 {
    8 * baskets + 4 * values + 16 * items
}

/// Bytes the engines take beside the baskets, of which `values` are frequent.
pub(super) fn engine_bytes(baskets: u64, values: u64) -> u64 {
    8 * baskets + ENGINE_VALUE_BYTES * values
}
