//! Reading what has been published: which runs there are, what they say, and whether every byte still is what it was.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Code, Control, Fault, Result, check_stop};

use crate::digest::{Digest, hash_file};
use crate::fs::{Fs, shown};
use crate::manifest::{CURRENT_NAME, Current, MANIFEST_NAME, Manifest, OutputEntry, is_reserved};
use crate::run_id::RunId;
use crate::staging::files_below;

/// What became of a run directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// CURRENT names it.
    Current,
    /// CURRENT named it once.
    Published,
    /// It is complete, but its writer stopped before CURRENT moved; no reader ever saw it.
    Unpublished,
}

/// One line of a list of runs.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The run.
    pub run_id: RunId,
    /// What became of it.
    pub standing: Standing,
    /// What it says of itself, or why that cannot be read.
    pub manifest: Result<Manifest>,
}

/// A run opened for reading, its manifest checked.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its name and its manifest's digest.
    pub current: Current,
    /// Its directory.
    pub dir: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

impl Run {
    /// The path of an output; `FileDamaged` when the manifest names none such.
    pub fn path_of(&self, output: &str) -> Result<PathBuf> {
        match self.manifest.output(output) {
            Some(_) => Ok(self.dir.join(output)),
            None => {
                Err(Fault::new(Code::FileDamaged).in_file(shown(&self.dir.join(output))).because("not in the manifest"))
            }
        }
    }
}

/// What is wrong with one file of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// The manifest names it, the directory has no such regular file.
    Missing,
    /// The directory has it, the manifest does not name it.
    Extra,
    /// Its length differs.
    Length,
    /// Its bytes differ.
    Bytes,
    /// It is there and cannot be read.
    Unreadable,
}

impl Finding {
    /// The finding as messages name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Length => "length",
            Self::Bytes => "bytes",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What [`Runs::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Files of the manifest.
    pub n_files: u64,
    /// Bytes hashed.
    pub n_bytes: u64,
    /// What is wrong, by path below the run directory; empty when all is well.
    pub findings: Vec<(String, Finding)>,
}

impl Verification {
    /// `DigestMismatch` for each finding, or `Ok`.
    pub fn check(&self, dir: &Path) -> Result<()> {
        let fault = |(path, finding): &(String, Finding)| {
            Fault::new(Code::DigestMismatch).in_file(shown(&dir.join(path))).with("what", finding.name())
        };
        Fault::all(self.findings.iter().map(fault).collect())
    }
}

/// The runs of one pipeline, for readers. Takes no lock and writes nothing.
#[derive(Clone)]
pub struct Runs {
    fs: Arc<dyn Fs>,
    root: PathBuf,
}

impl Runs {
    /// The runs below `root` (`runs/<pipeline>`), which need not exist.
    pub fn new(fs: Arc<dyn Fs>, root: impl Into<PathBuf>) -> Self {
        Self { fs, root: root.into() }
    }

    /// The directory of a run.
    pub fn dir_of(&self, run_id: RunId) -> PathBuf {
        self.root.join(run_id.to_string())
    }

    /// What CURRENT says; `None` when nothing has been published.
    pub fn current(&self) -> Result<Option<Current>> {
        Current::read(&*self.fs, &self.root)
    }

    /// The current run; `NothingPublished` when there is none, integrity faults when it is not what CURRENT says.
    pub fn open_current(&self) -> Result<Run> {
        let path = shown(&self.root.join(CURRENT_NAME));
        self.open(self.current()?.ok_or_else(|| Fault::new(Code::NothingPublished).in_file(path))?)
    }

    /// A run by name; `RunUnknown` with the names there are. A published run's manifest is checked against its successor's word.
    pub fn show(&self, run_id: RunId) -> Result<Run> {
        if let Some(current) = self.published()?.into_iter().find(|current| current.run_id == run_id) {
            return self.open(current);
        }
        let ids = self.ids()?;
        if !ids.contains(&run_id) {
            let names: Vec<String> = ids.iter().map(RunId::to_string).collect();
            return Err(Fault::new(Code::RunUnknown).with("run", run_id.to_string()).with("runs", names));
        }
        let (manifest, manifest_sha256) = Manifest::read_digested(&*self.fs, &self.manifest_path(run_id), None)?;
        self.run_of(Current { run_id, manifest_sha256 }, manifest)
    }

    /// Every run directory, the oldest first.
    pub fn list(&self) -> Result<Vec<Listed>> {
        let published = self.published()?;
        let list = |run_id: RunId| {
            let place = published.iter().position(|current| current.run_id == run_id);
            let expected = place.map(|place| &published[place].manifest_sha256);
            let standing = match place {
                Some(0) => Standing::Current,
                Some(_) => Standing::Published,
                None => Standing::Unpublished,
            };
            Listed { run_id, standing, manifest: Manifest::read(&*self.fs, &self.manifest_path(run_id), expected) }
        };
        Ok(self.ids()?.into_iter().map(list).collect())
    }

    /// The published run with this idempotence key, the newest if several.
    pub fn find_key(&self, run_key: &Digest) -> Result<Option<Run>> {
        for current in self.published()? {
            match self.open(current) {
                Ok(run) if run.manifest.run_key == *run_key => return Ok(Some(run)),
                Ok(_) => {}
                // A damaged old run is for `verify` to tell; it must not stop new ones.
                Err(fault) if is_damage(&fault) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(None)
    }

    /// Hashes every file of a run against its manifest, and names files missing and files too many. Progress is in bytes.
    ///
    /// # Errors
    /// Only when the manifest itself cannot be trusted; damage to files is in the result.
    pub fn verify(&self, run_id: RunId, control: &dyn Control) -> Result<Verification> {
        let run = self.show(run_id)?;
        let total = run.manifest.outputs.iter().fold(0_u64, |sum, output| sum.saturating_add(output.bytes));
        let mut verification = Verification::default();
        for output in &run.manifest.outputs {
            check_stop(control)?;
            if let Some(finding) = self.compare(&run.dir, output, control)? {
                verification.findings.push((output.path.clone(), finding));
            }
            verification.n_files += 1;
            verification.n_bytes = verification.n_bytes.saturating_add(output.bytes);
            control.progress(verification.n_bytes, total);
        }
        let named: BTreeSet<&str> = run.manifest.outputs.iter().map(|output| output.path.as_str()).collect();
        for path in files_below(&*self.fs, &run.dir)? {
            if !named.contains(path.as_str()) && !is_reserved(&path) {
                verification.findings.push((path, Finding::Extra));
            }
        }
        verification.findings.sort();
        Ok(verification)
    }

    fn compare(&self, dir: &Path, output: &OutputEntry, control: &dyn Control) -> Result<Option<Finding>> {
        let path = dir.join(&output.path);
        match self.fs.metadata(&path)? {
            None => return Ok(Some(Finding::Missing)),
            Some(found) if !found.is_file => return Ok(Some(Finding::Missing)),
            Some(found) if found.len != output.bytes => return Ok(Some(Finding::Length)),
            Some(_) => {}
        }
        match hash_file(&*self.fs, &path, &Quiet(control)) {
            Ok(content) if content.sha256 == output.sha256 => Ok(None),
            Ok(_) => Ok(Some(Finding::Bytes)),
            Err(fault) if fault.code() == Code::FileUnreadable => Ok(Some(Finding::Unreadable)),
            Err(fault) => Err(fault),
        }
    }

    /// What CURRENT has named, the newest first: each manifest has the name and digest of its predecessor.
    ///
    /// A predecessor that is gone or damaged ends the list, because nobody can vouch for what came before it.
    fn published(&self) -> Result<Vec<Current>> {
        let mut published = Vec::new();
        let mut next = self.current()?;
        while let Some(current) = next {
            published.push(current);
            next = match self.open(current) {
                // Always true of what was published through the fence; otherwise a cycle could be written by hand.
                Ok(run) => run.manifest.previous.filter(|previous| previous.run_id.order() < current.run_id.order()),
                Err(fault) if is_damage(&fault) => None,
                Err(fault) => return Err(fault),
            };
        }
        Ok(published)
    }

    fn open(&self, current: Current) -> Result<Run> {
        let path = self.manifest_path(current.run_id);
        if self.fs.metadata(&path)?.is_none() {
            return Err(Fault::new(Code::DigestMismatch).in_file(shown(&path)).with("what", Finding::Missing.name()));
        }
        let manifest = Manifest::read(&*self.fs, &path, Some(&current.manifest_sha256))?;
        self.run_of(current, manifest)
    }

    fn run_of(&self, current: Current, manifest: Manifest) -> Result<Run> {
        let dir = self.dir_of(current.run_id);
        if manifest.run_id != current.run_id {
            return Err(Fault::new(Code::DigestMismatch).in_file(shown(&dir)).with("what", "run_id"));
        }
        Ok(Run { current, dir, manifest })
    }

    fn ids(&self) -> Result<BTreeSet<RunId>> {
        if self.fs.metadata(&self.root)?.is_none() {
            return Ok(BTreeSet::new());
        }
        let entries = self.fs.list_dir(&self.root)?;
        Ok(entries.iter().filter(|entry| entry.is_dir).filter_map(|entry| entry.name.parse().ok()).collect())
    }

    fn manifest_path(&self, run_id: RunId) -> PathBuf {
        self.dir_of(run_id).join(MANIFEST_NAME)
    }
}

/// Whether a fault says that files are not what they should be, and not that the disk failed.
fn is_damage(fault: &Fault) -> bool {
    matches!(fault.code(), Code::DigestMismatch | Code::FileDamaged | Code::FormatVersion)
}

/// Stops when the caller asks, and keeps one file's progress to itself.
struct Quiet<'a>(&'a dyn Control);

impl Control for Quiet<'_> {
    fn progress(&self, _done: u64, _total: u64) {}

    fn stop(&self) -> Option<osusume_model::Stop> {
        self.0.stop()
    }
}
