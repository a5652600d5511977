//! What has been published: lists of runs, one run with its numbers, and whether its files are still what they were.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Code, Control, Date, Fault, Result};
use osusume_storage::{Fs, RealFs, Run, RunId, Runs};
use serde_json::Value;

pub use osusume_storage::Standing;

use crate::config::Config;
use crate::run::runs_root;

/// Path below a run of the numbers it ended with.
const SUMMARY: &str = "summary.json";
/// What stands for the current run where a name is asked for.
const CURRENT: &str = "current";
/// A summary with a thousand offers has a megabyte.
const LIMIT_BYTES: u64 = 1 << 26;

/// One line of a list of runs.
#[derive(Clone, Debug)]
pub struct RunLine {
    /// Its name.
    pub run_id: String,
    /// Its as-of date.
    pub as_of: Date,
    /// What became of it.
    pub standing: Standing,
    /// Rows of its offer table, where the manifest can be read.
    pub offers: Option<u64>,
    /// Why the manifest cannot be read.
    pub fault: Option<Fault>,
}

/// A file of a run.
#[derive(Clone, Debug)]
pub struct RunFile {
    /// Path below the run's directory.
    pub path: String,
    /// Rows, where it is a table.
    pub rows: Option<u64>,
    /// Length.
    pub bytes: u64,
}

/// One run and its numbers.
#[derive(Clone, Debug)]
pub struct RunDetails {
    /// Its name.
    pub run_id: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Whether it is the current one.
    pub is_current: bool,
    /// The version of the program that made it.
    pub tool_version: String,
    /// Its files, sorted by path.
    pub files: Vec<RunFile>,
    /// `summary.json`: the numbers it ended with.
    pub summary: Value,
}

/// A run all of whose files are as published.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Its name.
    pub run_id: String,
    /// Files compared.
    pub files: u64,
    /// Bytes hashed.
    pub bytes: u64,
}

/// The current run's name; `None` when nothing has been published.
pub fn current(config: &Config) -> Result<Option<String>> {
    Ok(open(config).current()?.map(|current| current.run_id.to_string()))
}

/// Every run, the oldest first.
pub fn list(config: &Config) -> Result<Vec<RunLine>> {
    let lines = open(config).list()?.into_iter().map(|listed| {
        let (offers, fault) = match listed.manifest {
            Ok(manifest) => (manifest.output("offers.parquet").and_then(|output| output.rows), None),
            Err(fault) => (None, Some(fault)),
        };
        let (run_id, standing) = (listed.run_id, listed.standing);
        RunLine { run_id: run_id.to_string(), as_of: run_id.as_of(), standing, offers, fault }
    });
    Ok(lines.collect())
}

/// A run by name or directory, or the current one.
///
/// # Errors
/// `NothingPublished`, `RunUnknown`, and integrity faults of manifest and summary.
pub fn show(config: &Config, run: Option<&str>) -> Result<RunDetails> {
    let runs = open(config);
    let run = find(&runs, &runs_root(config), run)?;
    let is_current = runs.current()?.is_some_and(|current| current.run_id == run.current.run_id);
    Ok(RunDetails { is_current, ..details(run)? })
}

/// Hashes every file of a run, the current one unless another is named.
///
/// # Errors
/// `DigestMismatch` for every file that is not as published; otherwise as [`show`].
pub fn verify(config: &Config, run: Option<&str>, control: &dyn Control) -> Result<Verified> {
    let runs = open(config);
    let run = find(&runs, &runs_root(config), run)?;
    let found = runs.verify(run.current.run_id, control)?;
    found.check(&run.dir)?;
    Ok(Verified { run_id: run.current.run_id.to_string(), files: found.n_files, bytes: found.n_bytes })
}

/// The runs of a pipeline.
pub(crate) fn open(config: &Config) -> Runs {
    Runs::new(Arc::new(RealFs), runs_root(config))
}

/// A run by what a person typed: its name, its directory, `current`; or the current one.
pub(crate) fn find(runs: &Runs, root: &Path, name: Option<&str>) -> Result<Run> {
    let Some(name) = name.filter(|name| *name != CURRENT) else { return runs.open_current() };
    if let Some(run_id) = run_id_of(root, name) {
        return runs.show(run_id);
    }
    Err(unknown(runs, name)?)
}

/// The fault of a name no run has, with the names there are.
pub(crate) fn unknown(runs: &Runs, name: &str) -> Result<Fault> {
    let names: Vec<String> = runs.list()?.iter().map(|listed| listed.run_id.to_string()).collect();
    Ok(Fault::new(Code::RunUnknown).with("run", name).with("runs", names))
}

/// The run a name or the path of a directory of ours stands for.
fn run_id_of(root: &Path, name: &str) -> Option<RunId> {
    let path = Path::new(name);
    let run_id = path.file_name()?.to_str()?.parse().ok()?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let is_ours = |parent: &Path| Some(parent.canonicalize().ok()? == root.canonicalize().ok()?);
    parent.is_none_or(|parent| is_ours(parent).unwrap_or(false)).then_some(run_id)
}

fn details(run: Run) -> Result<RunDetails> {
    let summary = read_json(&run, SUMMARY)?;
    let files = run.manifest.outputs.iter();
    let files = files.map(|output| RunFile { path: output.path.clone(), rows: output.rows, bytes: output.bytes });
    Ok(RunDetails {
        run_id: run.current.run_id.to_string(),
        is_current: false,
        tool_version: run.manifest.tool_version.clone(),
        files: files.collect(),
        summary,
        dir: run.dir,
    })
}

/// A JSON file of a run, read whole.
pub(crate) fn read_json(run: &Run, output: &str) -> Result<Value> {
    let path = run.path_of(output)?;
    let bytes = RealFs.open(&path)?.read_all(LIMIT_BYTES)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Fault::new(Code::FileDamaged).in_file(path.display().to_string()).because(error))
}
