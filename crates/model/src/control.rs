//! How a long computation reports progress and is asked to stop, without knowing the clock or the terminal.

/// Why a computation should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A signal or the user asked for it.
    Cancelled,
    /// The time allowed has passed.
    Deadline,
}

/// Passed to every kernel and stage; polled once a block, never once a row.
pub trait Control: Sync {
    /// `done` of `total` units of the current step are finished. The unit is the caller's; `total` may be 0 when unknown.
    fn progress(&self, done: u64, total: u64);
    /// Whether to stop now, and why.
    fn stop(&self) -> Option<Stop>;
}

/// A control that never stops and reports to nobody: for tests and for kernels used as a library.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoControl;

impl Control for NoControl {
    fn progress(&self, _done: u64, _total: u64) {}
    fn stop(&self) -> Option<Stop> {
        None
    }
}
