//! The file system as this project uses it: few operations, each one a place where a fault can be injected.

use std::any::Any;
use std::error::Error;
use std::io;
use std::path::Path;

use osusume_model::{Code, Fault, Result};

use crate::manifest::{CURRENT_NAME, MANIFEST_NAME};

/// What is known of a path or an open file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Length in bytes.
    pub len: u64,
    /// Time of the last change in nanoseconds since 1970; only for telling that a file changed, never for ordering.
    pub mtime_ns: i64,
    /// Inode number; a file replaced under the same name has another one.
    pub inode: u64,
    /// A regular file; false for symbolic links, pipes and devices too.
    pub is_file: bool,
    /// A directory.
    pub is_dir: bool,
    /// Group or world may write.
    pub writable_by_others: bool,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name; bytes that are not UTF-8 are replaced, so such a name matches no file of ours.
    pub name: String,
    /// A regular file.
    pub is_file: bool,
    /// A directory.
    pub is_dir: bool,
}

/// A file being written from its start. Errors of `write` and `flush` carry a [`Fault`]: see [`fault_in`].
pub trait WriteFile: io::Write + Send {
    /// Forces every byte to the disk. After one failure the file is lost: further calls fail without asking again.
    ///
    /// A file is complete only after this returned `Ok`; dropping it afterwards has nothing left to report.
    fn sync(&mut self) -> Result<()>;
}

/// A file open for reading at any offset, from any thread.
pub trait ReadFile: Send + Sync {
    /// Length in bytes when it was opened.
    fn len(&self) -> u64;

    /// Whether it held no bytes when it was opened.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the open file is now.
    fn metadata(&self) -> Result<Metadata>;

    /// Fills `buffer` from `offset`; `FileUnreadable` when the range ends after `len`, `FileChanged` when the file shrank.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;

    /// `len` bytes from `offset`. The range is checked against the file before anything is allocated.
    fn read_range(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        if offset.checked_add(len).is_none_or(|end| end > self.len()) {
            return Err(Fault::new(Code::FileUnreadable).because("range after the end").at_byte(offset));
        }
        let mut bytes = vec![0; usize::try_from(len).expect("lengths fit 64-bit memory")];
        self.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// The whole file; `RecordTooLarge` when it is longer than `limit` bytes.
    fn read_all(&self, limit: u64) -> Result<Vec<u8>> {
        if self.len() > limit {
            return Err(Fault::new(Code::RecordTooLarge).with("bytes", self.len()).with("limit", limit));
        }
        self.read_range(0, self.len())
    }
}

/// What came of asking for an exclusive lock.
pub enum LockAttempt {
    /// The lock is held until the value is dropped, or the process dies.
    Held(Box<dyn Any + Send + Sync>),
    /// Somebody else holds it; what the holder wrote into the file.
    Taken(Vec<u8>),
}

/// Every file operation of the project. Object safe: `Arc<dyn Fs>` is passed around.
///
/// Faults name the path. Writing faults are `CannotWrite`, `DiskFull` and `SyncFailed`; reading faults `FileUnreadable`.
/// Nothing here follows a symbolic link at the end of a path, except [`Fs::open_input`].
pub trait Fs: Send + Sync {
    /// Creates a file that must not exist yet, mode 0600, and opens it for writing.
    fn create(&self, path: &Path) -> Result<Box<dyn WriteFile>>;

    /// Opens a regular file of ours for reading.
    fn open(&self, path: &Path) -> Result<Box<dyn ReadFile>>;

    /// Opens a regular file of the user's for reading; symbolic links are followed, pipes and devices refused.
    fn open_input(&self, path: &Path) -> Result<Box<dyn ReadFile>>;

    /// Forces a directory's entries to the disk.
    fn sync_dir(&self, path: &Path) -> Result<()>;

    /// Renames within one file system, replacing a file of that name in one step.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;

    /// Renames, and fails with `CannotWrite` when `to` exists.
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()>;

    /// Gives a file a second name; fails with `CannotWrite` when `to` exists.
    fn link(&self, from: &Path, to: &Path) -> Result<()>;

    /// Removes a file.
    fn remove_file(&self, path: &Path) -> Result<()>;

    /// Removes a directory and everything in it, following no link.
    fn remove_dir_all(&self, path: &Path) -> Result<()>;

    /// Creates a directory, mode 0700, in an existing one.
    fn create_dir(&self, path: &Path) -> Result<()>;

    /// The names in a directory, sorted by bytes.
    fn list_dir(&self, path: &Path) -> Result<Vec<Entry>>;

    /// What stands under a path; `None` when nothing does. Links are not followed.
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>>;

    /// Bytes this user may still write on the file system of `path`.
    fn free_space(&self, path: &Path) -> Result<u64>;

    /// The kind of network file system `path` is on (`nfs`, `cifs`, `fuse` …), or `None` on a local disk.
    fn network_kind(&self, path: &Path) -> Result<Option<&'static str>>;

    /// Asks for the exclusive lock on `path` without waiting, and writes `content` into it when it is ours.
    fn try_lock(&self, path: &Path, content: &[u8]) -> Result<LockAttempt>;
}

/// The path as faults show it.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// `fault` as an `io::Error`, so that it survives writers that know only those (`fault_in` takes it out again).
pub fn carry(fault: Fault) -> io::Error {
    io::Error::other(fault)
}

/// The fault carried by an error or by anything it was caused by.
pub fn fault_in(error: &(dyn Error + 'static)) -> Option<Fault> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return Some(fault.clone());
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The fault an `io::Error` carries, or `CannotWrite` on `path` when it came from elsewhere.
pub fn write_fault(path: &Path, error: &io::Error) -> Fault {
    fault_in(error).unwrap_or_else(|| Fault::new(Code::CannotWrite).in_file(shown(path)).because(error))
}

/// How deep files lie inside a run.
const RUN_DEPTH: usize = 3;

/// Refuses a destination at which a rename would take something away: what stands there is a device, a pipe, a link or a directory, or
/// the path lies in a published run or beside the pointer to one.
///
/// # Errors
/// `CannotWrite` with what stands in the way, and faults of looking.
pub fn check_destination(fs: &dyn Fs, path: &Path) -> Result<()> {
    let refuse = |detail: &str| Err(Fault::new(Code::CannotWrite).in_file(shown(path)).because(detail));
    if fs.metadata(path)?.is_some_and(|found| !found.is_file) {
        return refuse("something that is no regular file has this name");
    }
    let Ok(absolute) = std::path::absolute(path) else { return Ok(()) };
    let holds = |dir: &Path, name: &str| matches!(fs.metadata(&dir.join(name)), Ok(Some(found)) if found.is_file);
    let above = || absolute.ancestors().skip(1);
    if above().take(RUN_DEPTH).any(|dir| holds(dir, MANIFEST_NAME))
        || above().take(1).any(|dir| holds(dir, CURRENT_NAME))
    {
        return refuse("published runs are never changed");
    }
    Ok(())
}

/// Creates `path` and the directories above it that are absent, each made durable in its parent before the next.
///
/// A process killed in between leaves at most the last directory it created not yet durable, so the deepest one found is made
/// durable as well. `Ok` too when another process creates one of them at the same moment.
pub fn create_dirs(fs: &dyn Fs, path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let is_dir = || fs.metadata(path).map(|found| found.is_some_and(|found| found.is_dir));
    if is_dir()? {
        // A directory whose parent we may not even list was not created by us.
        return if fs.list_dir(parent).is_ok() { fs.sync_dir(parent) } else { Ok(()) };
    }
    if parent != Path::new(".") {
        create_dirs(fs, parent)?;
    }
    match fs.create_dir(path) {
        Err(fault) if !is_dir()? => Err(fault),
        _ => fs.sync_dir(parent),
    }
}
