//! The threads a run works with.

use osusume_model::{Code, Fault, Result};

/// Does `work` with a pool of `threads` threads (at least 1). Results never depend on the number.
///
/// # Errors
/// `Bug` with the system's word when the threads cannot be started.
pub fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
    Ok(pool.map_err(|error| Fault::new(Code::Bug).because(error))?.install(work))
}
