//! Export: the offers of a published run go to every destination of the pipeline file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use osusume_export::{Delivery, Destination, Format, PublishedRun};
use osusume_model::{Code, Control, Fault, FeatureSpec, Result};
use osusume_storage::{Fs, Lock, RealFs, RunId, Runs, hash_file};
use osusume_text::Language;
use serde_json::Value;

use crate::config::{self, Config};
use crate::host::{Event, Host, Stage};
use crate::job::Quiet;
use crate::runs::{open, read_json};
use crate::suppression;

/// Characters of a model file's digest that name the model.
const MODEL_ID: usize = 16;

/// A profile file is written by hand.
const MAX_PROFILE_BYTES: u64 = 1 << 20;

/// One destination and what it holds now.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The delivery profile.
    pub profile: String,
    /// The destination as the pipeline file names it.
    pub path: PathBuf,
    /// Rows delivered.
    pub rows: u64,
    /// Rows left out because the encoding lacks a character.
    pub left_out: u64,
    /// Rows left out because their customer is on the suppression list by now.
    pub suppressed: u64,
    /// Names of the files in its directory.
    pub files: Vec<String>,
}

/// Delivers the current run to every `[[export]]` of the pipeline file. Doing it again writes the same bytes again.
///
/// `lock` is that of the pipeline's runs: while it is held nobody else delivers, and no other run becomes the current one.
///
/// # Errors
/// What reading the suppression list says (E6001 to E6004); `NothingPublished`; `Fenced` where another run has become the current one nevertheless; what crate `export` says of a destination or of a run that is not what was published.
pub fn export(config: &Config, lock: &Lock, host: &dyn Host) -> Result<Vec<Exported>> {
    if config.export.is_empty() {
        return Ok(Vec::new());
    }
    host.event(Event::Begin(Stage::Export));
    let runs = open(config);
    let run = PublishedRun::current(&runs)?;
    let may_show = || check_current(&runs, run.run().current.run_id);
    // A feature this version has no words for is told by its family.
    let dictionary: Vec<FeatureSpec> = crate::dictionary::read(run.run())?.into_iter().flatten().collect();
    let dictionary = crate::dictionary::spoken(dictionary, &config.spoken_names);
    let models = model_ids(&run)?;
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    // Whoever objected since the run was made is on the list of now.
    let manifest = &run.run().manifest;
    let listed = suppression::read(config, &*fs, manifest.as_of, Some(manifest))?;
    let without = listed.map(|listed| listed.ids);
    let mut exported = Vec::new();
    for (i, destination) in config.export.iter().enumerate() {
        let format = format(destination)?;
        let delivery = Delivery {
            fs: Arc::clone(&fs),
            to: Destination { path: &destination.path, token: lock.token(), may_show: &may_show },
            format: &format,
            models: &models,
            dictionary: &dictionary,
            language: language(config),
            currency: &config.pipeline.currency,
            without: without.as_ref(),
        };
        let delivered = osusume_export::export(&run, &delivery, &Quiet::new(host))?;
        exported.push(Exported {
            profile: destination.profile.clone(),
            path: destination.path.clone(),
            rows: delivered.counts.rows,
            left_out: delivered.counts.left_out,
            suppressed: delivered.counts.suppressed,
            files: delivered.parts.iter().map(|part| part.name.clone()).collect(),
        });
        host.progress(i as u64 + 1, config.export.len() as u64);
    }
    host.event(Event::End(Stage::Export));
    Ok(exported)
}

/// A lock is only as good as its file system: a run that is no longer the current one must not replace what is newer.
fn check_current(runs: &Runs, run_id: RunId) -> Result<()> {
    match runs.current()? {
        Some(current) if current.run_id == run_id => Ok(()),
        Some(current) => {
            Err(Fault::new(Code::Fenced).with("current", current.run_id.to_string()).with("this", run_id.to_string()))
        }
        None => Err(Fault::new(Code::NothingPublished)),
    }
}

/// The form a destination wants: a shipped profile, and what a profile file lays over it.
fn format(destination: &config::Export) -> Result<Format> {
    let shipped = Format::named(&destination.profile, &BTreeMap::new())?;
    let Some(file) = &destination.profile_file else { return Ok(shipped) };
    let name = file.display().to_string();
    let bytes = RealFs.open_input(file)?.read_all(MAX_PROFILE_BYTES).map_err(|fault| fault.in_file(name.as_str()))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Fault::new(Code::WrongEncoding).with("encoding", "utf-8").in_file(name.as_str()))?;
    shipped.with_file(&name, &text)
}

/// Whether every destination of the pipeline file holds run `run_id`, byte for byte as it was delivered.
///
/// A delivery without somebody who has been put on the suppression list since is another one; so is every one while the list cannot be read.
pub fn is_exported(config: &Config, run_id: &str, host: &dyn Host) -> bool {
    let Ok(listed) = suppression::ids(config, &RealFs) else { return config.export.is_empty() };
    let list = config.suppression.as_ref().map(|_| listed.digest().to_string());
    let holds = |destination| holds(destination, run_id, list.as_deref(), &Quiet::new(host)) == Some(true);
    config.export.iter().all(holds)
}

/// Whether the manifest beside a destination names the run and the form, and the files it lists are still what it says of them; `None` where
/// something is missing or cannot be understood.
fn holds(destination: &config::Export, run_id: &str, list: Option<&str>, control: &dyn Control) -> Option<bool> {
    let path = &destination.path;
    let manifest = path.with_file_name(format!("{}.manifest.json", path.file_name()?.to_str()?));
    let bytes = RealFs.open(&manifest).ok()?.read_all(1 << 24).ok()?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    let is_whole = |part: &Value| {
        let content = hash_file(&RealFs, &path.with_file_name(part["name"].as_str()?), control).ok()?;
        let is_same = part["sha256"].as_str() == Some(content.sha256.to_string().as_str());
        Some(is_same && part["bytes"].as_u64() == Some(content.bytes))
    };
    let parts = value["parts"].as_array()?;
    let form = format(destination).ok()?.digest().map(|digest| digest.to_string());
    let is_run =
        value["run_id"].as_str() == Some(run_id) && value["format"]["profile_sha256"].as_str() == form.as_deref();
    let is_run = is_run && value.get("suppression_sha256").and_then(Value::as_str) == list;
    Some(is_run && !parts.is_empty() && parts.iter().all(|part| is_whole(part) == Some(true)))
}

fn language(config: &Config) -> Language {
    match config.language {
        config::Language::En => Language::En,
        config::Language::Ja => Language::Ja,
    }
}

/// The offers with a model of their own, and a name for it that changes with its content.
fn model_ids(run: &PublishedRun) -> Result<BTreeMap<String, String>> {
    let run = run.run();
    let summary = read_json(run, "summary.json")?;
    let offers = summary.get("offers").and_then(Value::as_array).into_iter().flatten();
    // Model files are numbered like the offers; the rest of their names is for people.
    let file = |at: usize| run.manifest.outputs.iter().find(|file| file.path.starts_with(&format!("models/{at:03}-")));
    let id = |(at, offer): (usize, &Value)| {
        let key = offer["offer"].as_str().filter(|_| offer["basis"] == "model")?;
        Some((key.to_owned(), file(at)?.sha256.to_string()[..MODEL_ID].to_owned()))
    };
    Ok(offers.enumerate().filter_map(id).collect())
}
