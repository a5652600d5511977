//! How a run becomes visible: why a reader never sees half of one, on one page.
//!
//! # The promise
//!
//! Below `runs/<pipeline>/` a reader opens CURRENT, then the MANIFEST.json of the run it names, then the files that one names.
//! Whatever stops the writer (a kill, an error, a power cut) at whatever point, that reader finds exactly the run that was
//! current before, or exactly the new one: every file there, every byte as digested.
//! After [`Staging::publish`] returned `Ok`, it finds the new one, also after a power cut.
//!
//! # What is assumed of the file system
//!
//! 1. Bytes of a file whose fsync returned `Ok` survive; of any other file, any part may be lost, torn or zero.
//! 2. Entries of a directory whose fsync returned `Ok` survive; each later change of an entry may or may not, in any combination.
//! 3. A rename is one change: the name is the old file or the new one, never absent and never a mixture.
//!
//! # The order
//!
//! | step | what | afterwards |
//! |---|---|---|
//! | 1 | every output is written into `.staging-<run_id>/` and fsynced when it is finished | contents are durable (1) |
//! | 2 | MANIFEST.json is written with the digests taken while writing, and fsynced | so is the description |
//! | 3 | every sub-directory, the deepest first, then the staging directory is fsynced | so are the names: the directory is complete (2) |
//! | 4 | `renameat2(NOREPLACE)` to `<run_id>/`, fsync of the root | it has its final name; nobody points to it yet |
//! | 5 | CURRENT.tmp is written with the run's name and the manifest's digest, and fsynced | the pointer's content is durable (1) |
//! | 6 | CURRENT.tmp is renamed to CURRENT | **the new run is visible** (3) |
//! | 7 | the root is fsynced | it stays visible (2) |
//!
//! # The argument
//!
//! *Before step 6* CURRENT is not touched, neither is any published directory (no step opens an existing file for writing, and
//! NOREPLACE never lands on one), so a reader sees the old run.
//! *From step 6 on* the name CURRENT leads to the old pointer or to the new one (3). The new pointer's bytes were durable before it
//! got the name (step 5). The directory it names was durable under its name (step 4 was fsynced), with all its names (step 3) and
//! contents (steps 1 and 2). So wherever a cut lets CURRENT be new, everything it leads to is there; wherever it lets CURRENT be
//! old, the old run is there, because nothing of it changed.
//! *Should the file system break an assumption*, the reader still knows: the pointer has the manifest's digest and the manifest has
//! every file's, so a wrong byte is a fault and never data.
//!
//! *Errors.* Any failing step ends the run with its fault. A failed fsync is never repeated: the kernel may have dropped the pages
//! and would answer the second call with success. The next run writes new files into a new directory.
//! A failure in step 7 is reported although readers may already see the new run; both outcomes are whole.
//! A failure between 4 and 6 leaves a directory nobody points to; `runs` lists it as unpublished, and its number is not used again.
//!
//! *Kills.* A killed writer leaves names that are visible and not yet durable. Whoever takes the lock next syncs the root before it
//! looks, so a run it calls already published stays published.
//!
//! *Two writers.* The lock is held from before the staging directory until after step 7, and the kernel frees it when its holder
//! dies. Where locks do not hold (network file systems), NOREPLACE lets only one of two runs have a name, and the fence, asked at the
//! start and again before step 5, refuses a run whose (as-of date, sequence number) is not higher than the current one's, so a
//! slow writer cannot replace newer output. Between that last look and step 6 two unlocked writers can still race: then one whole
//! run replaces another.
//!
//! *Removal* goes the other way: first the pointer, then the directory. Nothing here removes a run directory.
//!
//! The test `crash` cuts the power before every operation of this sequence, damages what was not durable in every way the
//! assumptions allow, and reads.

use std::io::Write;
use std::path::{Path, PathBuf};

use osusume_model::{Code, Fault, Result};

use crate::digest::Digest;
use crate::fs::{Fs, shown, write_fault};
use crate::manifest::{CURRENT_NAME, Current, FORMAT_VERSION, MANIFEST_NAME, Manifest};
use crate::run_id::RunId;
use crate::staging::Staging;

/// The pointer before it is renamed.
pub(crate) const CURRENT_TMP_NAME: &str = "CURRENT.tmp";

/// A run that readers now see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name and the digest of its manifest.
    pub current: Current,
    /// Its manifest, with outputs and predecessor.
    pub manifest: Manifest,
    /// Its directory.
    pub dir: PathBuf,
}

/// Steps 2 to 7; step 1 happened file by file.
pub(crate) fn publish(staging: &Staging, mut manifest: Manifest) -> Result<Published> {
    let (fs, root) = (&**staging.fs(), staging.root());
    manifest.format_version = FORMAT_VERSION;
    manifest.previous = check_fence(fs, root, staging.run_id())?;
    manifest.outputs = staging.outputs();
    manifest.check()?;
    staging.check_complete()?;

    let bytes = manifest.to_bytes();
    write_synced(fs, &staging.dir().join(MANIFEST_NAME), &bytes)?;
    for dir in staging.dirs() {
        fs.sync_dir(&dir)?;
    }
    let dir = root.join(staging.run_id().to_string());
    fs.rename_noreplace(staging.dir(), &dir)?;
    fs.sync_dir(root)?;

    check_fence(fs, root, staging.run_id())?;
    let current = Current { run_id: staging.run_id(), manifest_sha256: Digest::of(&bytes) };
    point_to(fs, root, &current)?;
    Ok(Published { current, manifest, dir })
}

/// What is current now; `Fenced` unless it is older than `run_id`.
fn check_fence(fs: &dyn Fs, root: &Path, run_id: RunId) -> Result<Option<Current>> {
    let current = Current::read(fs, root)?;
    match current {
        Some(current) if current.run_id.order() >= run_id.order() => Err(Fault::new(Code::Fenced)
            .in_file(shown(&root.join(CURRENT_NAME)))
            .with("current", current.run_id.to_string())
            .with("this", run_id.to_string())),
        _ => Ok(current),
    }
}

/// Steps 5 to 7.
fn point_to(fs: &dyn Fs, root: &Path, current: &Current) -> Result<()> {
    let (tmp, name) = (root.join(CURRENT_TMP_NAME), root.join(CURRENT_NAME));
    if fs.metadata(&tmp)?.is_some() {
        // Left by a dead run. Its pages may be lost whatever fsync says, so it is not written again but replaced.
        fs.remove_file(&tmp)?;
    }
    write_synced(fs, &tmp, &current.to_bytes())?;
    fs.rename(&tmp, &name)?;
    fs.sync_dir(root)
}

fn write_synced(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = fs.create(path)?;
    file.write_all(bytes).map_err(|error| write_fault(path, &error))?;
    file.sync()
}
