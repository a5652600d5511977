//! Files: every write of the project, locks, staging, the manifest, atomic publishing and spills.
//!
//! All writes go through [`Fs`], so that faults can be injected and power cuts simulated ([`sim::SimFs`]).
//! A run is written into a [`Staging`] directory under a [`Lock`] and made visible by [`Staging::publish`];
//! why that is safe stands on one page, in module [`publish`]. Readers use [`Runs`].
//!
//! ```
//! use std::{collections::BTreeMap, path::Path, sync::Arc};
//! use osusume_storage::{Digest, Fs, Lock, LockInfo, Manifest, Runs, Staging, next_run_id, run_key, sim::SimFs};
//! # fn main() -> osusume_model::Result<()> {
//! let fs: Arc<dyn Fs> = Arc::new(SimFs::new());
//! let root = Path::new("runs/isp");
//! let info = LockInfo { pid: 1, host: "here".into(), boot_id: "b".into(), start: "t".into(), cmd: "run".into() };
//! let lock = Lock::acquire(Arc::clone(&fs), root, &info)?;
//! let (as_of, config) = ("2026-10-01".parse().unwrap(), Digest::of(b"[pipeline]"));
//! let run_id = next_run_id(&lock, as_of, &config)?;
//! let staging = Staging::create(&lock, run_id)?;
//! staging.write_file("tables/customers.csv", b"id\n1\n", Some(1))?;
//! let manifest = Manifest {
//!     format_version: 1, tool_version: "0.1.0".into(), pipeline: "isp".into(), run_id, as_of,
//!     run_key: run_key(&config, as_of, "0.1.0", &[]), config_sha256: config, config: "[pipeline]".into(),
//!     previous: None, inputs: vec![], outputs: vec![], counts: BTreeMap::new(), seeds: BTreeMap::new(),
//! };
//! staging.publish(manifest, &lock)?;
//! assert_eq!(Runs::new(fs, root).open_current()?.manifest.outputs[0].rows, Some(1));
//! # Ok(())
//! # }
//! ```
//!
//! Not here: formats of tables (crate `tables`), sentences (crate `text`), the clock and the environment (crate `cli`).

mod digest;
mod fs;
mod lock;
mod manifest;
pub mod publish;
mod real;
mod run_id;
mod runs;
pub mod sim;
mod spill;
mod staging;

pub use digest::{Content, Digest, HashingFile, ParseDigestError, hash_file, hash_input, hash_open};
pub use fs::{
    Entry, Fs, LockAttempt, Metadata, ReadFile, WriteFile, carry, check_destination, create_dirs, fault_in, write_fault,
};
pub use lock::{LOCK_NAME, Lock, LockInfo, RootWarnings};
pub use manifest::{
    CURRENT_NAME, Counts, Current, FORMAT_VERSION, InputEntry, MANIFEST_NAME, Manifest, OutputEntry, SIDE_FILES,
    StageTime, Timings, run_key,
};
pub use publish::Published;
pub use real::RealFs;
pub use run_id::{MAX_SEQ, ParseRunIdError, RunId};
pub use runs::{Finding, Listed, Run, Runs, Standing, Verification};
pub use spill::{Chunk, SpillDir, SpillReader, SpillWriter, Value};
pub use staging::{StagedFile, Staging, clean_staging, next_run_id};
