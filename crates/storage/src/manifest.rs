//! What a run directory says of itself: MANIFEST.json, CURRENT and the side file with the timings.
//!
//! These structures are the file format and nothing else; no kernel type is written.
//! Whatever depends on the clock or the host stands in the side files, so that the same run has the same manifest.

use std::collections::BTreeMap;
use std::path::Path;

use osusume_model::{Code, Date, Fault, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::fs::{Fs, shown};
use crate::run_id::RunId;

/// Name of the manifest inside a run directory.
pub const MANIFEST_NAME: &str = "MANIFEST.json";
/// Name of the pointer beside the run directories.
pub const CURRENT_NAME: &str = "CURRENT";
/// Files of a run that no digest covers: they tell of the clock and the host.
pub const SIDE_FILES: [&str; 2] = ["timings.json", "log.jsonl"];
/// The version this program writes; it also reads the one before, when there is one.
pub const FORMAT_VERSION: u32 = 1;

/// A manifest with a thousand outputs has a quarter of a megabyte.
const MANIFEST_LIMIT: u64 = 16 << 20;
/// Run id (23), space, digest (64), newline.
const CURRENT_BYTES: u64 = 89;

/// An input the run read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputEntry {
    /// The path as the pipeline file resolved it.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Digest of the bytes as stored.
    pub sha256: Digest,
}

/// A file of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputEntry {
    /// Path below the run directory, with `/`.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Digest of the bytes.
    pub sha256: Digest,
    /// Rows, where the file is a table.
    pub rows: Option<u64>,
}

/// What became of the rows of one source: `read = accepted + rejected + suppressed + Σ excluded`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Rows read.
    pub read: u64,
    /// Rows used.
    pub accepted: u64,
    /// Rows in the quarantine.
    pub rejected: u64,
    /// Rows dropped because the customer objects.
    pub suppressed: u64,
    /// Rows left out, by reason.
    pub excluded: BTreeMap<String, u64>,
}

impl Counts {
    /// Rows accounted for; `None` when the sum leaves 64 bits.
    pub fn accounted(&self) -> Option<u64> {
        let parts = [self.accepted, self.rejected, self.suppressed];
        parts.iter().chain(self.excluded.values()).try_fold(0_u64, |sum, part| sum.checked_add(*part))
    }
}

/// MANIFEST.json: what went in, what came out, and under which configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format.
    pub format_version: u32,
    /// Version of the program.
    pub tool_version: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Name of the run; publishing checks it against the staging directory.
    pub run_id: RunId,
    /// The as-of date.
    #[serde(with = "date_text")]
    pub as_of: Date,
    /// Idempotence key: see [`run_key`].
    pub run_key: Digest,
    /// Digest of the effective configuration, before secrets were taken out.
    pub config_sha256: Digest,
    /// The effective configuration as text; the caller has taken the secrets out.
    pub config: String,
    /// The run CURRENT named when this one was published. Set by publishing.
    pub previous: Option<Current>,
    /// What was read, sorted by path.
    pub inputs: Vec<InputEntry>,
    /// What was written, sorted by path. Set by publishing.
    pub outputs: Vec<OutputEntry>,
    /// Row counts by source.
    pub counts: BTreeMap<String, Counts>,
    /// Seeds by use.
    pub seeds: BTreeMap<String, u64>,
}

impl Manifest {
    /// The file's bytes: JSON with two spaces of indentation and a final newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }

    /// The manifest in `bytes`; `FormatVersion` when it is from a newer program, `FileDamaged` when it is not one.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self> {
        let manifest: Self = from_json(bytes, path)?;
        match manifest.check() {
            Ok(()) => Ok(manifest),
            Err(fault) => Err(damaged(path, fault.code().id()).and(vec![fault])),
        }
    }

    /// Reads a manifest, and compares its digest when one is given.
    pub fn read(fs: &dyn Fs, path: &Path, expected: Option<&Digest>) -> Result<Self> {
        Self::read_digested(fs, path, expected).map(|(manifest, _)| manifest)
    }

    /// As [`Manifest::read`], with the digest of the file's bytes.
    pub(crate) fn read_digested(fs: &dyn Fs, path: &Path, expected: Option<&Digest>) -> Result<(Self, Digest)> {
        let bytes = read_limited(fs, path, MANIFEST_LIMIT)?;
        let digest = Digest::of(&bytes);
        if expected.is_some_and(|expected| digest != *expected) {
            return Err(Fault::new(Code::DigestMismatch).in_file(shown(path)).with("what", MANIFEST_NAME));
        }
        Ok((Self::from_bytes(&bytes, path)?, digest))
    }

    /// The output of that path.
    pub fn output(&self, path: &str) -> Option<&OutputEntry> {
        self.outputs.binary_search_by(|output| output.path.as_str().cmp(path)).ok().map(|found| &self.outputs[found])
    }

    /// What must hold of every manifest: rows balance, paths are sorted, unique and stay inside the directory.
    pub(crate) fn check(&self) -> Result<()> {
        for (source, counts) in &self.counts {
            if counts.accounted() != Some(counts.read) {
                let accounted = counts.accounted().unwrap_or(u64::MAX);
                let fault = Fault::new(Code::CountBalance).with("source", source.as_str());
                return Err(fault.with("read", counts.read).with("accounted", accounted));
            }
        }
        let is_sorted =
            self.inputs.is_sorted_by(|a, b| a.path < b.path) && self.outputs.is_sorted_by(|a, b| a.path < b.path);
        let is_inside = self.outputs.iter().all(|output| is_relative(&output.path) && !is_reserved(&output.path));
        if !is_sorted || !is_inside || self.run_id.as_of() != self.as_of {
            return Err(Fault::new(Code::FileDamaged).because("paths or as-of date"));
        }
        Ok(())
    }
}

/// The idempotence key: the same configuration, as-of date, inputs and major version of the program give the same key.
///
/// Paths count: the same bytes under another name are another input. The order of `inputs` does not.
pub fn run_key(config_sha256: &Digest, as_of: Date, tool_version: &str, inputs: &[InputEntry]) -> Digest {
    let mut lines: Vec<String> =
        inputs.iter().map(|input| format!("{} {} {}", input.sha256, input.bytes, input.path)).collect();
    lines.sort();
    // Below 1.0 every minor version may change results.
    let n_numbers = if tool_version.starts_with("0.") { 2 } else { 1 };
    let major = tool_version.split('.').take(n_numbers).collect::<Vec<_>>().join(".");
    let head = [config_sha256.to_string(), as_of.to_string(), major];
    Digest::of_parts(head.iter().chain(&lines).map(String::as_bytes))
}

/// CURRENT: which run readers use, and the digest of its manifest. One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Current {
    /// The run.
    pub run_id: RunId,
    /// Digest of its MANIFEST.json.
    pub manifest_sha256: Digest,
}

impl Current {
    /// The file's bytes: run id, a space, the digest, a newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        format!("{} {}\n", self.run_id, self.manifest_sha256).into_bytes()
    }

    /// The pointer in `bytes`; `FileDamaged` unless they are exactly what [`Current::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self> {
        let parse = || {
            let (run_id, sha256) = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split_once(' ')?;
            Some(Self { run_id: run_id.parse().ok()?, manifest_sha256: sha256.parse().ok()? })
        };
        parse().ok_or_else(|| damaged(path, "not of the form `<run id> <sha256>`"))
    }

    /// Reads the pointer below `root`; `None` when nothing has been published.
    pub fn read(fs: &dyn Fs, root: &Path) -> Result<Option<Self>> {
        let path = root.join(CURRENT_NAME);
        if fs.metadata(&path)?.is_none() {
            return Ok(None);
        }
        Self::from_bytes(&read_limited(fs, &path, CURRENT_BYTES)?, &path).map(Some)
    }
}

/// timings.json: how long each stage took and where; in no digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timings {
    /// Version of this format.
    pub format_version: u32,
    /// Name of the host.
    pub host: String,
    /// Start of the run, microseconds since 1970 UTC.
    pub started_us: i64,
    /// Duration of each stage in microseconds, in the order they ran.
    pub stages: Vec<StageTime>,
}

/// One stage's share of [`Timings`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageTime {
    /// Name of the stage.
    pub stage: String,
    /// How long it took, in microseconds.
    pub duration_us: u64,
}

impl Timings {
    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }

    /// Reads the side file of a run directory; `None` when it is absent.
    pub fn read(fs: &dyn Fs, run_dir: &Path) -> Result<Option<Self>> {
        let path = run_dir.join(SIDE_FILES[0]);
        if fs.metadata(&path)?.is_none() {
            return Ok(None);
        }
        from_json(&read_limited(fs, &path, MANIFEST_LIMIT)?, &path).map(Some)
    }
}

/// Whether `path` is made of plain names below a directory: no root, no dots in front, no control characters.
pub(crate) fn is_relative(path: &str) -> bool {
    let is_plain = |name: &str| {
        !name.is_empty()
            && name.len() <= 255
            && !name.starts_with('.')
            && !name.contains(|c: char| c.is_control() || c == '\\')
    };
    path.len() <= 1024 && path.split('/').all(is_plain)
}

/// Whether publishing writes this name itself, or no digest covers it.
pub(crate) fn is_reserved(path: &str) -> bool {
    path == MANIFEST_NAME || SIDE_FILES.contains(&path)
}

pub(crate) fn damaged(path: &Path, detail: impl std::fmt::Display) -> Fault {
    Fault::new(Code::FileDamaged).in_file(shown(path)).because(detail)
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("text, numbers and maps with text keys become JSON");
    bytes.push(b'\n');
    bytes
}

/// The version first, so that a newer file is called newer and not damaged; then everything, with no unknown key.
fn from_json<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let read: Version = serde_json::from_slice(bytes).map_err(|error| damaged(path, error))?;
    if read.format_version != FORMAT_VERSION {
        let fault = Fault::new(Code::FormatVersion).in_file(shown(path)).with("found", u64::from(read.format_version));
        return Err(fault.with("supported", u64::from(FORMAT_VERSION)));
    }
    serde_json::from_slice(bytes).map_err(|error| damaged(path, error))
}

fn read_limited(fs: &dyn Fs, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = fs.open(path)?;
    if file.len() > limit {
        return Err(damaged(path, format!("{} bytes, at most {limit}", file.len())));
    }
    file.read_all(limit)
}

mod date_text {
    use osusume_model::Date;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
    pub(super) fn serialize<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(date)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
