//! A file system in memory that knows which bytes and names have reached the disk.
//!
//! It counts operations, makes any of them fail, keeps the state before every operation, and turns such a state into what a
//! power cut could have left ([`Snapshot::after_power_cut`]). Nothing in it is random but by seed.
//!
//! ```
//! use std::path::Path;
//! use osusume_storage::{Fs, sim::{Damage, SimFs}};
//! let fs = SimFs::new();
//! fs.create_dir(Path::new("kept")).unwrap();
//! fs.sync_dir(Path::new("")).unwrap();
//! fs.create_dir(Path::new("not-synced")).unwrap();
//! let left = fs.snapshot().after_power_cut(Damage::SyncedOnly, 0);
//! assert_eq!(left.list_dir(Path::new("")).unwrap().len(), 1);
//! ```

mod tree;

use std::any::Any;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use osusume_model::{Code, Fault, Result};

pub use tree::Damage;
use tree::{Found, NodeId, Tree};

use crate::fs::{Entry, Fs, LockAttempt, Metadata, ReadFile, WriteFile, carry, shown};

/// What a failing operation reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// ENOSPC: `DiskFull`.
    DiskFull,
    /// EIO: `CannotWrite`, `SyncFailed` or `FileUnreadable`.
    Io,
}

/// Which operations fail: the `at`-th one (from 0), and all after it when `is_sticky`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailurePlan {
    /// The operation, counted from the creation of the file system.
    pub at: u64,
    /// Whether every later one fails as well.
    pub is_sticky: bool,
    /// What it reports.
    pub failure: Failure,
}

/// What the tree says: done, or the name of the error.
type Outcome = std::result::Result<(), &'static str>;

/// A file system in memory; clones share it.
#[derive(Clone, Default)]
pub struct SimFs {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    tree: Tree,
    n_ops: u64,
    plan: Option<FailurePlan>,
    history: Option<Vec<Snapshot>>,
    max_write: Option<usize>,
    n_syncs: u64,
    skipped_sync: Option<u64>,
    locks: BTreeMap<PathBuf, Vec<u8>>,
}

/// The state before an operation: what is visible and what is durable.
#[derive(Clone)]
pub struct Snapshot(Tree);

impl Snapshot {
    /// What the next process finds when this one is killed: everything, and what was not synced still is not.
    pub fn after_kill(&self) -> SimFs {
        SimFs::of(self.0.clone())
    }

    /// The file system a machine could find after losing power in this state. The same seed gives the same one.
    pub fn after_power_cut(&self, damage: Damage, seed: u64) -> SimFs {
        SimFs::of(self.0.after_power_cut(damage, seed))
    }
}

impl SimFs {
    /// An empty file system.
    pub fn new() -> Self {
        Self::default()
    }

    fn of(tree: Tree) -> Self {
        Self { state: Arc::new(Mutex::new(State { tree, ..State::default() })) }
    }

    /// An independent file system with the same content and the same unsynced changes, no plan and no locks.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::of(self.lock().tree.clone())
    }

    /// Operations so far, reads included.
    pub fn n_ops(&self) -> u64 {
        self.lock().n_ops
    }

    /// Makes operations fail from now on; `None` ends it.
    pub fn set_plan(&self, plan: Option<FailurePlan>) {
        self.lock().plan = plan;
    }

    /// Syncs of files and directories so far, those that failed included.
    pub fn n_syncs(&self) -> u64 {
        self.lock().n_syncs
    }

    /// Makes the sync of that number (from 0) report success and do nothing, as if the program had forgotten it.
    pub fn skip_sync(&self, number: u64) {
        self.lock().skipped_sync = Some(number);
    }

    /// Lets one `write` take at most `bytes`, as a nearly full pipe or disk does.
    pub fn set_max_write(&self, bytes: usize) {
        self.lock().max_write = Some(bytes);
    }

    /// Keeps a snapshot before every operation that changes something, from now on.
    pub fn keep_history(&self) {
        self.lock().history = Some(Vec::new());
    }

    /// The snapshots kept, one before each changing operation.
    pub fn history(&self) -> Vec<Snapshot> {
        self.lock().history.clone().unwrap_or_default()
    }

    /// The present state.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.lock().tree.clone())
    }

    /// Changes bytes behind everybody's back, as a bad disk does; for tests of readers.
    pub fn overwrite(&self, path: &Path, bytes: Vec<u8>) {
        self.lock().tree.overwrite(path, bytes);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a reading operation; `FileUnreadable` when it is to fail.
    fn read_step(&self, path: &Path) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        match state.count() {
            None => Ok(state),
            Some(_) => Err(Fault::new(Code::FileUnreadable).in_file(shown(path)).because("EIO")),
        }
    }

    /// Counts a changing operation and keeps the state before it; `code` when it is to fail.
    fn write_step(&self, path: &Path, code: Code) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        let state_now = state.history.is_some().then(|| Snapshot(state.tree.clone()));
        if let (Some(history), Some(snapshot)) = (&mut state.history, state_now) {
            history.push(snapshot);
        }
        match state.count() {
            None => Ok(state),
            Some(Failure::Io) => Err(Fault::new(code).in_file(shown(path)).because("EIO")),
            Some(Failure::DiskFull) => {
                Err(Fault::new(Code::DiskFull).in_file(shown(path)).with("free", 0_u64).because("ENOSPC"))
            }
        }
    }

    /// Counts a sync, and does it unless it is the one to skip.
    fn sync_step(&self, path: &Path, apply: impl FnOnce(&mut Tree) -> Outcome) -> Result<Outcome> {
        let number = self.lock().n_syncs;
        self.lock().n_syncs += 1;
        let mut state = self.write_step(path, Code::SyncFailed)?;
        Ok(if state.skipped_sync == Some(number) { Ok(()) } else { apply(&mut state.tree) })
    }

    fn change(&self, path: &Path, apply: impl FnOnce(&mut Tree) -> Outcome) -> Result<()> {
        let mut state = self.write_step(path, Code::CannotWrite)?;
        apply(&mut state.tree).map_err(|detail| cannot_write(path, detail))
    }
}

impl State {
    fn count(&mut self) -> Option<Failure> {
        let op = self.n_ops;
        self.n_ops += 1;
        let plan = self.plan?;
        (op == plan.at || (plan.is_sticky && op > plan.at)).then_some(plan.failure)
    }
}

fn cannot_write(path: &Path, detail: &'static str) -> Fault {
    Fault::new(Code::CannotWrite).in_file(shown(path)).because(detail)
}

fn metadata_of(found: &Found) -> Metadata {
    Metadata {
        len: found.len,
        mtime_ns: found.version as i64,
        inode: found.id,
        is_file: !found.is_dir,
        is_dir: found.is_dir,
        writable_by_others: false,
    }
}

impl Fs for SimFs {
    fn create(&self, path: &Path) -> Result<Box<dyn WriteFile>> {
        let mut state = self.write_step(path, Code::CannotWrite)?;
        let node = state.tree.create_file(path).map_err(|detail| cannot_write(path, detail))?;
        Ok(Box::new(SimWrite { fs: self.clone(), node, path: path.to_owned(), is_lost: false }))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadFile>> {
        let state = self.read_step(path)?;
        match state.tree.find(path) {
            Some(found) if !found.is_dir => {
                Ok(Box::new(SimRead { fs: self.clone(), node: found.id, len: found.len, path: path.to_owned() }))
            }
            _ => Err(Fault::new(Code::FileUnreadable).in_file(shown(path)).because("ENOENT")),
        }
    }

    fn open_input(&self, path: &Path) -> Result<Box<dyn ReadFile>> {
        self.open(path)
    }

    fn sync_dir(&self, path: &Path) -> Result<()> {
        let synced = self.sync_step(path, |tree| tree.sync_dir(path))?;
        synced.map_err(|detail| Fault::new(Code::SyncFailed).in_file(shown(path)).because(detail))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.change(to, |tree| tree.rename(from, to, true))
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.change(to, |tree| tree.rename(from, to, false))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.change(to, |tree| tree.link(from, to))
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.change(path, |tree| tree.remove(path, false))
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        self.change(path, |tree| tree.remove(path, true))
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        self.change(path, |tree| tree.create_dir(path))
    }

    fn list_dir(&self, path: &Path) -> Result<Vec<Entry>> {
        let state = self.read_step(path)?;
        let names = state.tree.list(path);
        let entry = |(name, is_dir): (String, bool)| Entry { name, is_file: !is_dir, is_dir };
        names
            .map(|names| names.into_iter().map(entry).collect())
            .ok_or_else(|| Fault::new(Code::FileUnreadable).in_file(shown(path)).because("ENOTDIR"))
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        Ok(self.read_step(path)?.tree.find(path).as_ref().map(metadata_of))
    }

    fn free_space(&self, path: &Path) -> Result<u64> {
        self.read_step(path).map(|_| u64::MAX)
    }

    fn network_kind(&self, path: &Path) -> Result<Option<&'static str>> {
        self.read_step(path).map(|_| None)
    }

    fn try_lock(&self, path: &Path, content: &[u8]) -> Result<LockAttempt> {
        let mut state = self.write_step(path, Code::CannotWrite)?;
        if let Some(holder) = state.locks.get(path) {
            return Ok(LockAttempt::Taken(holder.clone()));
        }
        if state.tree.find(path).is_none() {
            state.tree.create_file(path).map_err(|detail| cannot_write(path, detail))?;
        }
        state.locks.insert(path.to_owned(), content.to_owned());
        let held: Box<dyn Any + Send + Sync> = Box::new(SimHeld { fs: self.clone(), path: path.to_owned() });
        Ok(LockAttempt::Held(held))
    }
}

struct SimHeld {
    fs: SimFs,
    path: PathBuf,
}

impl Drop for SimHeld {
    fn drop(&mut self) {
        self.fs.lock().locks.remove(&self.path);
    }
}

struct SimWrite {
    fs: SimFs,
    node: NodeId,
    path: PathBuf,
    is_lost: bool,
}

impl Write for SimWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.fs.write_step(&self.path, Code::CannotWrite).map_err(carry)?;
        let len = state.max_write.map_or(bytes.len(), |max| bytes.len().min(max));
        state.tree.append(self.node, &bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteFile for SimWrite {
    fn sync(&mut self) -> Result<()> {
        if self.is_lost {
            return Err(Fault::new(Code::SyncFailed).in_file(shown(&self.path)).because("an earlier sync failed"));
        }
        let synced = self.fs.sync_step(&self.path, |tree| {
            tree.sync_file(self.node);
            Ok(())
        });
        if synced.is_err() {
            self.is_lost = true;
            self.fs.lock().tree.lose_file(self.node);
        }
        synced.map(|_| ())
    }
}

struct SimRead {
    fs: SimFs,
    node: NodeId,
    len: u64,
    path: PathBuf,
}

impl ReadFile for SimRead {
    fn len(&self) -> u64 {
        self.len
    }

    fn metadata(&self) -> Result<Metadata> {
        Ok(metadata_of(&self.fs.read_step(&self.path)?.tree.describe(self.node)))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let state = self.fs.read_step(&self.path)?;
        let fault = |code| Fault::new(code).in_file(shown(&self.path)).at_byte(offset);
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.len);
        let end = end.ok_or_else(|| fault(Code::FileUnreadable))?;
        let bytes = state.tree.bytes(self.node);
        let range = bytes.get(offset as usize..end as usize).ok_or_else(|| fault(Code::FileChanged))?;
        buffer.copy_from_slice(range);
        Ok(())
    }
}
