//! Runs with known content, and a reader that says which of them it sees.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use osusume_model::{Code, Date, NoControl, Result, keyed_hash};
use osusume_storage::{
    Counts, Digest, FORMAT_VERSION, Fs, InputEntry, Lock, LockInfo, Manifest, Published, RunId, Runs, StageTime,
    Staging, Timings, clean_staging, next_run_id, run_key,
};

pub(crate) const ROOT: &str = "runs/shop";

pub(crate) fn date(text: &str) -> Date {
    text.parse().unwrap()
}

pub(crate) fn info() -> LockInfo {
    LockInfo {
        pid: 4711,
        host: "batch-1".into(),
        boot_id: "b-1".into(),
        start: "2026-10-01T02:00:00Z".into(),
        cmd: "run".into(),
    }
}

pub(crate) fn lock(fs: &Arc<dyn Fs>, root: &Path) -> Result<Lock> {
    Lock::acquire(Arc::clone(fs), root, &info())
}

/// What a run of that name contains: files of 0 to some 9,000 bytes in three directories.
pub(crate) fn content(name: &str) -> BTreeMap<String, Vec<u8>> {
    let sizes = [
        ("offers.parquet", 3000),
        ("tables/customers.parquet", 9000),
        ("tables/parts/events.parquet", 700),
        ("models/line_10g.json", 40),
        ("quarantine/rejects.csv", 0),
    ];
    sizes.into_iter().map(|(path, len)| (path.to_owned(), noise(&format!("{name} {path}"), len))).collect()
}

/// Bytes that look random; none is zero, so that a zeroed sector differs.
pub(crate) fn noise(key: &str, len: u64) -> Vec<u8> {
    let words = (0..len.div_ceil(8)).map(|i| keyed_hash(key, &i.to_le_bytes()) | 0x0101_0101_0101_0101);
    words.flat_map(u64::to_le_bytes).take(len as usize).collect()
}

pub(crate) fn manifest(run_id: RunId, name: &str) -> Manifest {
    let config = format!("[pipeline]\nname = \"{name}\"\n");
    let config_sha256 = Digest::of(config.as_bytes());
    let inputs = vec![InputEntry { path: "data/customers.csv".into(), bytes: 12, sha256: Digest::of(name.as_bytes()) }];
    let excluded = BTreeMap::from([("immature".to_owned(), 3)]);
    let counts = Counts { read: 10, accepted: 4, rejected: 2, suppressed: 1, excluded };
    Manifest {
        format_version: FORMAT_VERSION,
        tool_version: "0.1.0".into(),
        pipeline: "shop".into(),
        run_id,
        as_of: run_id.as_of(),
        run_key: run_key(&config_sha256, run_id.as_of(), "0.1.0", &inputs),
        config_sha256,
        config,
        previous: None,
        inputs,
        outputs: Vec::new(),
        counts: BTreeMap::from([("customers".to_owned(), counts)]),
        seeds: BTreeMap::from([("holdout".to_owned(), 7)]),
    }
}

/// Writes the content of `name` below a fresh staging directory.
pub(crate) fn stage(lock: &Lock, as_of: Date, name: &str) -> Result<Staging> {
    let run_id = next_run_id(lock, as_of, &Digest::of(name.as_bytes()))?;
    let staging = Staging::create(lock, run_id)?;
    for (path, bytes) in content(name) {
        staging.write_file(&path, &bytes, Some(bytes.len() as u64))?;
    }
    let stages = vec![StageTime { stage: "ingest".into(), duration_us: 5 }];
    let timings = Timings { format_version: FORMAT_VERSION, host: "batch-1".into(), started_us: 1, stages };
    staging.write_side_file("timings.json", &timings.to_bytes())?;
    Ok(staging)
}

/// A whole run as the pipeline makes one: lock, clean, stage, publish.
pub(crate) fn publish(fs: &Arc<dyn Fs>, root: &Path, as_of: Date, name: &str) -> Result<Published> {
    let lock = lock(fs, root)?;
    clean_staging(&lock)?;
    let staging = stage(&lock, as_of, name)?;
    let manifest = manifest(staging.run_id(), name);
    staging.publish(manifest, &lock)
}

/// Which of `names` a reader that follows CURRENT sees, `None` when nothing is published; the text says why it is neither.
pub(crate) fn seen<'a>(
    fs: &Arc<dyn Fs>,
    root: &Path,
    names: &[&'a str],
) -> std::result::Result<Option<&'a str>, String> {
    let runs = Runs::new(Arc::clone(fs), root);
    let run = match runs.open_current() {
        Ok(run) => run,
        Err(fault) if fault.code() == Code::NothingPublished => return Ok(None),
        Err(fault) => return Err(format!("{fault:?}")),
    };
    let verification = runs.verify(run.current.run_id, &NoControl).map_err(|fault| format!("{fault:?}"))?;
    if !verification.findings.is_empty() {
        return Err(format!("{:?}", verification.findings));
    }
    let mut found = BTreeMap::new();
    for output in &run.manifest.outputs {
        let path = run.path_of(&output.path).map_err(|fault| format!("{fault:?}"))?;
        let bytes = fs.open(&path).and_then(|file| file.read_all(1 << 20)).map_err(|fault| format!("{fault:?}"))?;
        found.insert(output.path.clone(), bytes);
    }
    let name = names.iter().find(|name| content(name) == found);
    name.map(|name| Some(*name)).ok_or_else(|| "neither of the expected contents".to_owned())
}
