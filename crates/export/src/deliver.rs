//! From a published run to a destination.

use std::collections::BTreeMap;
use std::sync::Arc;

use osusume_model::{Code, Control, Fault, FeatureSpec, Result, check_stop};
use osusume_storage::{Digest, Fs, Run, RunId, Runs, Standing, hash_file};
use osusume_tables::Suppressed;
use osusume_text::Language;

use crate::PARQUET;
use crate::csv_file::{Delivered, Lineage, Sink, deliver_csv};
use crate::offers::for_each_batch;
use crate::parquet_file::deliver_parquet;
use crate::parts::Destination;
use crate::profile::Profile;
use crate::shipped::profile;

/// The offer table's path below a run.
pub const OFFERS: &str = "offers.parquet";

/// A run that CURRENT names, or named once. Nothing else can be exported.
#[derive(Clone, Debug)]
pub struct PublishedRun(Run);

impl PublishedRun {
    /// The current run; `NothingPublished` when there is none.
    pub fn current(runs: &Runs) -> Result<Self> {
        runs.open_current().map(Self)
    }

    /// A published run by name; `RunUnknown` with the published ones for any other, complete or not.
    pub fn named(runs: &Runs, run_id: RunId) -> Result<Self> {
        let mut published = runs.list()?;
        published.retain(|listed| listed.standing != Standing::Unpublished);
        if !published.iter().any(|listed| listed.run_id == run_id) {
            let names: Vec<String> = published.iter().map(|listed| listed.run_id.to_string()).collect();
            return Err(Fault::new(Code::RunUnknown).with("run", run_id.to_string()).with("runs", names));
        }
        runs.show(run_id).map(Self)
    }

    /// The run.
    pub fn run(&self) -> &Run {
        &self.0
    }
}

/// The format of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// A copy as Parquet, with the delivery key and lineage in further columns.
    Parquet,
    /// CSV as a profile wants it.
    Csv(Box<Profile>),
}

impl Format {
    /// The format of a profile's name, with some headers replaced by field id (CSV only).
    ///
    /// # Errors
    /// `ConfigUnknownName`, and what [`Profile::check`] says.
    pub fn named(name: &str, headers: &BTreeMap<String, String>) -> Result<Self> {
        if name == PARQUET {
            return Ok(Self::Parquet);
        }
        Ok(Self::Csv(Box::new(profile(name)?.with_headers(headers)?)))
    }

    /// The format with a profile file laid over it; `file` names it in faults.
    ///
    /// # Errors
    /// What [`Profile::with_file`] says; `ConfigNotAllowed` for Parquet, which is no file of a profile.
    pub fn with_file(self, file: &str, text: &str) -> Result<Self> {
        match self {
            Self::Csv(profile) => Ok(Self::Csv(Box::new(profile.with_file(file, text)?))),
            Self::Parquet => {
                let fault = Fault::new(Code::ConfigNotAllowed).in_file(file).with("key", "export[].profile");
                Err(fault.with("got", PARQUET).with("allowed", "a CSV profile, where there is a profile_file"))
            }
        }
    }

    /// What tells two profiles apart; `None` for Parquet, of which there is one form.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Csv(profile) => Some(profile.digest()),
            Self::Parquet => None,
        }
    }
}

/// What is to be delivered where.
#[derive(Clone)]
pub struct Delivery<'a> {
    /// The file system of run and destination.
    pub fs: Arc<dyn Fs>,
    /// The destination.
    pub to: Destination<'a>,
    /// Its format.
    pub format: &'a Format,
    /// Model ids by offer key.
    pub models: &'a BTreeMap<String, String>,
    /// The feature dictionary, for the sentences of reasons; may be empty.
    pub dictionary: &'a [FeatureSpec],
    /// Language of those sentences.
    pub language: Language,
    /// The pipeline's currency (ISO 4217).
    pub currency: &'a str,
    /// Customers of whom nothing is delivered, where there is a list.
    pub without: Option<&'a Suppressed>,
}

/// Writes the offers of a published run to their destination, with a manifest beside it.
///
/// The offer table is hashed against the run's manifest first. Running it again writes the same bytes again.
///
/// # Errors
/// `DigestMismatch`, `FileDamaged` when the run is not what was published; `ExportKey`, `ExportUnmappable`, `ExportFailed`,
/// `DiskFull` when the destination cannot take it, which then shows what it showed before; what `to.may_show` says.
pub fn export(run: &PublishedRun, delivery: &Delivery<'_>, control: &dyn Control) -> Result<Delivered> {
    check_stop(control)?;
    let Run { manifest, .. } = run.run();
    let run_id = manifest.run_id.to_string();
    let lineage = Lineage {
        run_id: &run_id,
        pipeline: &manifest.pipeline,
        as_of: manifest.as_of,
        models: delivery.models,
        dictionary: delivery.dictionary,
        language: delivery.language,
        currency: delivery.currency,
        without: delivery.without,
    };
    let (table, total) = checked_table(run.run(), &*delivery.fs, control)?;
    match delivery.format {
        Format::Parquet => deliver_parquet(&delivery.fs, &delivery.to, &lineage, &table, total, control),
        Format::Csv(profile) => {
            let mut source = |sink: Sink<'_>| {
                for_each_batch(&*delivery.fs, &table, total, control, &mut |_, arrays| arrays.feed(&table, sink))
            };
            deliver_csv(&*delivery.fs, &delivery.to, profile, &lineage, &mut source)
        }
    }
}

/// The offer table's path and its number of rows, once its bytes are known to be the published ones.
fn checked_table(run: &Run, fs: &dyn Fs, control: &dyn Control) -> Result<(std::path::PathBuf, u64)> {
    let path = run.path_of(OFFERS)?;
    let content = hash_file(fs, &path, control)?;
    match run.manifest.output(OFFERS) {
        Some(output) if output.sha256 == content.sha256 => Ok((path, output.rows.unwrap_or(0))),
        _ => Err(Fault::new(Code::DigestMismatch).in_file(path.display().to_string()).with("what", "bytes")),
    }
}
