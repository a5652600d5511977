//! The directory a run is written into before anybody can see it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use osusume_model::{Code, Date, Fault, Result};

use crate::digest::{Digest, HashingFile};
use crate::fs::{Fs, WriteFile, shown, write_fault};
use crate::lock::Lock;
use crate::manifest::{CURRENT_NAME, Current, Manifest, OutputEntry, SIDE_FILES, is_relative, is_reserved};
use crate::publish::{self, CURRENT_TMP_NAME, Published};
use crate::run_id::{MAX_SEQ, RunId};

/// Staging directories start with this; a leading dot hides them from readers that list directories.
pub(crate) const STAGING_PREFIX: &str = ".staging-";

/// Writers hand over small pieces; the file system gets them in pieces of this size.
const BUFFER_BYTES: usize = 256 * 1024;

/// A run being written. Dropping it leaves the directory for [`clean_staging`], or for a later resume.
///
/// Several threads may create files at once. Every file finished is on the disk and recorded with its digest.
pub struct Staging {
    fs: Arc<dyn Fs>,
    root: PathBuf,
    run_id: RunId,
    dir: PathBuf,
    written: Arc<Mutex<Written>>,
}

#[derive(Default)]
struct Written {
    outputs: BTreeMap<String, OutputEntry>,
    side_files: BTreeSet<String>,
    /// Sub-directories created, so that each is created once and synced when publishing.
    dirs: BTreeSet<PathBuf>,
}

impl Staging {
    /// Creates `<root>/.staging-<run_id>/` under the lock; `CannotWrite` when it exists.
    pub fn create(lock: &Lock, run_id: RunId) -> Result<Self> {
        let dir = lock.root().join(format!("{STAGING_PREFIX}{run_id}"));
        lock.fs().create_dir(&dir)?;
        Ok(Self { fs: Arc::clone(lock.fs()), root: lock.root().to_owned(), run_id, dir, written: Arc::default() })
    }

    /// The name the run will have.
    pub fn run_id(&self) -> RunId {
        self.run_id
    }

    /// The directory; work files placed in it by other means (spills) must be gone before publishing.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file system it is on.
    pub fn fs(&self) -> &Arc<dyn Fs> {
        &self.fs
    }

    /// Starts a file at `path`, relative to the run directory, with `/`; sub-directories are created.
    pub fn create_file(&self, path: &str) -> Result<StagedFile> {
        if !is_relative(path) || is_reserved(path) {
            return Err(Fault::new(Code::Bug).in_file(path).because("not a name for an output"));
        }
        self.start(path, false)
    }

    /// Starts one of [`SIDE_FILES`], which no digest covers.
    pub fn create_side_file(&self, path: &str) -> Result<StagedFile> {
        if !SIDE_FILES.contains(&path) {
            return Err(Fault::new(Code::Bug).in_file(path).because("not a side file"));
        }
        self.start(path, true)
    }

    /// Writes a whole file and records it.
    pub fn write_file(&self, path: &str, bytes: &[u8], rows: Option<u64>) -> Result<OutputEntry> {
        let mut file = self.create_file(path)?;
        file.write_all(bytes).map_err(|error| write_fault(&self.dir.join(path), &error))?;
        file.finish(rows)
    }

    /// Writes a whole side file.
    pub fn write_side_file(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let mut file = self.create_side_file(path)?;
        file.write_all(bytes).map_err(|error| write_fault(&self.dir.join(path), &error))?;
        file.finish(None).map(|_| ())
    }

    /// What has been finished so far, sorted by path.
    pub fn outputs(&self) -> Vec<OutputEntry> {
        self.lock_written().outputs.values().cloned().collect()
    }

    /// Makes the run visible, all of it or nothing: module [`crate::publish`] has the argument.
    ///
    /// `outputs` and `previous` of `manifest` are set here. `lock` must be the one the staging directory was created under.
    ///
    /// # Errors
    /// `Fenced` when a run of the same or a later (as-of date, sequence number) is current, `CountBalance` when the manifest's
    /// rows do not add up, writing faults. After an error before CURRENT moved, readers see what they saw before.
    pub fn publish(self, manifest: Manifest, lock: &Lock) -> Result<Published> {
        if self.root != lock.root() || manifest.run_id != self.run_id {
            return Err(Fault::new(Code::Bug)
                .in_file(shown(&self.dir))
                .because("published under another root or name"));
        }
        publish::publish(&self, manifest)
    }

    /// Removes the directory.
    pub fn discard(self) -> Result<()> {
        self.fs.remove_dir_all(&self.dir)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Every directory of the run, the deepest first and the run directory last.
    pub(crate) fn dirs(&self) -> Vec<PathBuf> {
        let mut dirs: Vec<PathBuf> = self.lock_written().dirs.iter().map(|dir| self.dir.join(dir)).collect();
        dirs.push(self.dir.clone());
        // A path sorts before the paths below it.
        dirs.sort();
        dirs.reverse();
        dirs
    }

    /// `Bug` when the directory holds anything but finished files: the manifest must describe all of it.
    pub(crate) fn check_complete(&self) -> Result<()> {
        let found = files_below(&*self.fs, &self.dir)?;
        let written = self.lock_written();
        let expected: BTreeSet<String> = written.outputs.keys().chain(&written.side_files).cloned().collect();
        let differing: Vec<String> = found.symmetric_difference(&expected).cloned().collect();
        if differing.is_empty() {
            return Ok(());
        }
        Err(Fault::new(Code::Bug).in_file(shown(&self.dir)).with("names", differing).because("unfinished files"))
    }

    fn start(&self, path: &str, is_side_file: bool) -> Result<StagedFile> {
        if let Some(parent) = Path::new(path).parent() {
            self.create_parents(parent)?;
        }
        let full = self.dir.join(path);
        let file = HashingFile::new(BufWriter::with_capacity(BUFFER_BYTES, self.fs.create(&full)?));
        Ok(StagedFile { file, full, path: path.to_owned(), is_side_file, written: Arc::clone(&self.written) })
    }

    fn create_parents(&self, parent: &Path) -> Result<()> {
        // Held over the creation, so that two threads do not create the same directory.
        let mut written = self.lock_written();
        let mut dir = PathBuf::new();
        for name in parent {
            dir.push(name);
            if !written.dirs.contains(&dir) {
                self.fs.create_dir(&self.dir.join(&dir))?;
                written.dirs.insert(dir.clone());
            }
        }
        Ok(())
    }

    fn lock_written(&self) -> std::sync::MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file of a [`Staging`] directory being written. Only [`StagedFile::finish`] makes it part of the run.
pub struct StagedFile {
    file: HashingFile<BufWriter<Box<dyn WriteFile>>>,
    full: PathBuf,
    path: String,
    is_side_file: bool,
    written: Arc<Mutex<Written>>,
}

impl StagedFile {
    /// Forces the file to the disk and records its length and digest; `rows` where it is a table.
    pub fn finish(mut self, rows: Option<u64>) -> Result<OutputEntry> {
        self.file.flush().map_err(|error| write_fault(&self.full, &error))?;
        self.file.get_mut().get_mut().sync()?;
        let (_, content) = self.file.finish();
        let entry = OutputEntry { path: self.path, bytes: content.bytes, sha256: content.sha256, rows };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_side_file {
            written.side_files.insert(entry.path.clone());
        } else {
            written.outputs.insert(entry.path.clone(), entry.clone());
        }
        Ok(entry)
    }

    /// The full path, for messages.
    pub fn path(&self) -> &Path {
        &self.full
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The name for the next run of an as-of date: one more than the highest sequence number used, published or not.
///
/// # Errors
/// `CannotWrite` when 999 runs of the date exist.
pub fn next_run_id(lock: &Lock, as_of: Date, config_sha256: &Digest) -> Result<RunId> {
    let entries = lock.fs().list_dir(lock.root())?;
    let names = entries.iter().map(|entry| entry.name.strip_prefix(STAGING_PREFIX).unwrap_or(&entry.name));
    let current = Current::read(&**lock.fs(), lock.root())?.map(|current| current.run_id);
    let used = names.filter_map(|name| name.parse::<RunId>().ok()).chain(current);
    let last = used.filter(|id| id.as_of() == as_of).map(|id| id.seq()).max().unwrap_or(0);
    RunId::new(as_of, last + 1, config_sha256).ok_or_else(|| {
        Fault::new(Code::CannotWrite).in_file(shown(lock.root())).because(format!("{MAX_SEQ} runs of {as_of} exist"))
    })
}

/// Removes what dead runs left below the root: staging directories with their spills, and CURRENT.tmp.
///
/// Safe only under the lock, which says that nobody else is writing. Run directories are never touched. Returns what was removed.
pub fn clean_staging(lock: &Lock) -> Result<Vec<String>> {
    let (fs, root) = (lock.fs(), lock.root());
    let mut removed = Vec::new();
    for entry in fs.list_dir(root)? {
        if entry.name.starts_with(STAGING_PREFIX) && entry.is_dir {
            fs.remove_dir_all(&root.join(&entry.name))?;
        } else if entry.name == CURRENT_TMP_NAME {
            fs.remove_file(&root.join(&entry.name))?;
        } else {
            continue;
        }
        removed.push(entry.name);
    }
    if !removed.is_empty() {
        fs.sync_dir(root)?;
    }
    debug_assert!(!removed.iter().any(|name| name == CURRENT_NAME));
    Ok(removed)
}

/// The relative paths of everything below `dir` that is not a directory.
pub(crate) fn files_below(fs: &dyn Fs, dir: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut open = vec![String::new()];
    while let Some(prefix) = open.pop() {
        for entry in fs.list_dir(&dir.join(&prefix))? {
            let path = if prefix.is_empty() { entry.name } else { format!("{prefix}/{}", entry.name) };
            if entry.is_dir {
                open.push(path);
            } else {
                found.insert(path);
            }
        }
    }
    Ok(found)
}
