//! Evaluate: what became of a published run's offers, from the tables as they stand now.
//!
//! The run is only read. What is found is published beside it, in `evaluations/<pipeline>/<run>/`, with the same steps as a run: a
//! directory that never changes, and CURRENT beside it for the newest one.

mod expected;
mod numbers;
mod outcomes;
mod published;

pub(crate) use outcomes::outcome_blocks;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{AsOf, Code, Control, Date, Fault, Result};
use osusume_storage::{
    Counts, Digest, Fs, InputEntry, Lock, LockInfo, MAX_SEQ, Manifest, RealFs, Run, RunId, Runs, Staging, Standing,
    clean_staging, next_run_id, run_key,
};
use osusume_tables::Files;

use self::numbers::Numbers;
use self::outcomes::Outcomes;
use self::published::PublishedRun;
use super::ingest;
use crate::calendar::{Calendar, LabelDays, Schedule};
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{Config, Role, Source};
use crate::evaluation::{EVALUATION, Evaluation};
use crate::history::History;
use crate::host::{Event, Host, Stage};
use crate::job::{Job, Quiet, Scene};
use crate::run::{TOOL_VERSION, counts, digest_inputs, read_sources, runs_root};
use crate::runs::{find, open};
use crate::units::Units;

/// Share of a run's customers, or of a table's rows, that may be gone: people ask to be forgotten, but not one in twenty at once.
const MOST_LOST: f64 = 0.05;

/// What is to be evaluated.
pub struct EvaluateRequest<'a> {
    /// The checked configuration: it says where the tables are now. What was offered and which days count is read from the run.
    pub config: &'a Config,
    /// The run's name or directory, or `current`; the current one without it.
    pub run: Option<&'a str>,
    /// Nothing of this day or a later one is read.
    pub as_of: Date,
    /// Memory budget in bytes.
    pub memory: u64,
    /// Who holds the lock.
    pub lock: LockInfo,
}

/// An evaluation that is published now.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// Its numbers.
    pub evaluation: Evaluation,
    /// Its directory.
    pub dir: PathBuf,
    /// Whether it was not published before.
    pub is_new: bool,
}

/// The directory of the evaluations of a run: `evaluations/<pipeline>/<run>` beside the directory of all runs.
pub fn evaluations_root(config: &Config, run_id: &str) -> PathBuf {
    config.run.directory.with_file_name("evaluations").join(&config.pipeline.name).join(run_id)
}

/// Compares what became of those a run assigned offers to with those it held out.
///
/// # Errors
/// `NothingPublished` and `RunUnknown`, `DigestMismatch` for a run that is not as published, `TooEarly` before the label window and the
/// days to keep a take are over in the tables, `TablesShrunken`; what ingest and writing say.
pub fn evaluate(request: &EvaluateRequest<'_>, host: &dyn Host) -> Result<Evaluated> {
    let run = published_run(request.config, request.run, &Quiet::new(host))?;
    let ran = Config::parse("MANIFEST.json", &run.manifest.config, &|_| None)?;
    if ran.is_cross_section() {
        // Tables of one date tell no take, however often they are reloaded.
        let fault = Fault::new(Code::ConfigNotAllowed).with("key", "sources.*.role").with("got", "cross_section");
        return Err(fault.with("allowed", vec!["holdings".to_owned(), "purchases".to_owned()]));
    }
    let mut config = request.config.clone();
    config.offers.clone_from(&ran.offers);
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let root = evaluations_root(request.config, &run.current.run_id.to_string());
    let lock = Lock::acquire(Arc::clone(&fs), &root, &request.lock)?;
    clean_staging(&lock)?;
    let scratch = RunId::new(run.manifest.as_of, MAX_SEQ, &Digest::of(b"scratch")).expect("a sequence number");
    let staging = Staging::create(&lock, scratch)?;
    let calendar = Calendar::new(&ran.pipeline.time_zone)?;
    let scene = Scene { config: &config, calendar: &calendar, host };
    let job = Job { scene, staging: &staging, memory: request.memory };
    let (holdout_fraction, _) = crate::power::held_out(&run)?;
    let evaluator = Evaluator { job: &job, run: &run, holdout_fraction };
    let found = evaluator.find(request.as_of);
    // The tables were needed for the numbers only; a failure to clean up must not hide why there are none.
    drop(staging.discard());
    publish(&found?, &run, &lock, host)
}

/// A run that readers saw, all of its files as published.
fn published_run(config: &Config, name: Option<&str>, control: &dyn Control) -> Result<Run> {
    let runs = open(config);
    let run = find(&runs, &runs_root(config), name)?;
    let is_published = |runs: &Runs| -> Result<bool> {
        let listed = runs.list()?;
        let standing = listed.iter().find(|listed| listed.run_id == run.current.run_id).map(|listed| listed.standing);
        Ok(matches!(standing, Some(Standing::Current | Standing::Published)))
    };
    if !is_published(&runs)? {
        return Err(Fault::new(Code::RunUnknown).with("run", run.current.run_id.to_string()));
    }
    runs.verify(run.current.run_id, control)?.check(&run.dir)?;
    Ok(run)
}

/// What was found, and out of what.
struct Found {
    evaluation: Evaluation,
    data_end: Date,
    inputs: Vec<InputEntry>,
    counts: BTreeMap<String, Counts>,
}

struct Evaluator<'a> {
    job: &'a Job<'a>,
    run: &'a Run,
    holdout_fraction: f64,
}

impl Evaluator<'_> {
    fn find(&self, as_of: Date) -> Result<Found> {
        let job = self.job;
        job.host.event(Event::Begin(Stage::Ingest));
        let sources = sources(job.config);
        let inputs = digest_inputs(&sources, &RealFs, job.host)?;
        let tables = read_sources(job, &sources, Some(&inputs), None, Files::All)?.checked;
        job.host.event(Event::End(Stage::Ingest));
        job.host.event(Event::Begin(Stage::Evaluate));
        let goods = crate::run::goods(job.config, &tables)?;
        let unknown = ingest::unknown_products(job, &tables, &goods)?.map_or(0, |(count, _)| count);
        let counts = counts(job.config, &tables, unknown);
        self.check_rows(&counts)?;
        let schedule = self.schedule(&tables, as_of)?;
        let units = Units::read(job.config, &tables, schedule.score, &job.quiet())?;
        let published = PublishedRun::read(&RealFs, self.run, &tables.customers)?;
        check_customers(&published)?;
        let outcomes = Outcomes::read(job, &tables, &goods, &schedule)?;
        let numbers = Numbers { published: &published, outcomes: &outcomes, units: &units, goods: &goods };
        let evaluation = self.evaluation(&numbers, &schedule)?;
        self.warn(&evaluation, &goods);
        job.host.event(Event::End(Stage::Evaluate));
        Ok(Found { evaluation, data_end: schedule.data_end.date, inputs, counts })
    }

    /// The run's own days, and the end of what is known now.
    fn schedule(&self, tables: &Checked, as_of: Date) -> Result<Schedule> {
        let offers = &self.job.config.offers;
        let label = LabelDays { gap: offers.gap_days, horizon: offers.horizon_days, kept: offers.kept_days };
        let history = History::known(self.job, tables, as_of)?;
        let score = self.job.calendar.as_of(self.run.manifest.as_of);
        let needed = score.date + label.until_known();
        if history.end < needed {
            return Err(Fault::new(Code::TooEarly)
                .with("run", self.run.current.run_id.to_string())
                .with("known", history.end.to_string())
                .with("needed", needed.to_string())
                .with("rows", self.assigned_rows()));
        }
        let data_end = self.job.calendar.as_of(history.end);
        Ok(Schedule { mature: vec![score], tests: Vec::new(), open: Vec::new(), score, data_end, label })
    }

    /// Rows of offers and shadow: none of their outcomes is known yet.
    fn assigned_rows(&self) -> u64 {
        let rows = |name: &str| self.run.manifest.output(name).and_then(|output| output.rows).unwrap_or(0);
        rows(super::decide::OFFERS) + rows(super::decide::SHADOW)
    }

    /// Takes are told by all rows there ever were: a table that lost many of them would tell others.
    fn check_rows(&self, counts: &BTreeMap<String, Counts>) -> Result<()> {
        let tells = |name: &String| {
            let role = self.job.config.sources.get(name).map(|source| source.role);
            matches!(role, Some(Role::Holdings | Role::Purchases))
        };
        let faults = counts.iter().filter(|(name, _)| tells(name)).filter_map(|(name, now)| {
            let before = self.run.manifest.counts.get(name)?.accepted;
            shrunken(name, before.saturating_sub(now.accepted), before)
        });
        Fault::all(faults.collect())
    }

    fn evaluation(&self, numbers: &Numbers<'_>, schedule: &Schedule) -> Result<Evaluation> {
        let (label, pipeline) = (schedule.label, &self.job.config.pipeline);
        let window_first = schedule.score.date + label.gap as i32;
        let (arms, comparisons) = numbers.arms()?;
        let (offers, expected) = numbers.offers()?;
        Ok(Evaluation {
            format_version: crate::evaluation::EVALUATION_VERSION,
            run_id: self.run.current.run_id.to_string(),
            pipeline: pipeline.name.clone(),
            as_of: schedule.score.date.to_string(),
            window_first: window_first.to_string(),
            window_end: (window_first + label.horizon as i32).to_string(),
            before_first: (schedule.score.date - label.horizon as i32).to_string(),
            kept_days: label.kept,
            known_until: schedule.data_end.date.to_string(),
            currency: pipeline.currency.clone(),
            minor_digits: pipeline.minor_digits,
            confidence: numbers::CONFIDENCE,
            holdout_fraction: self.holdout_fraction,
            lost_customers: numbers.published.lost.iter().sum(),
            total: numbers.total()?,
            arms,
            comparisons,
            expected,
            offers,
        })
    }

    /// What a reader of the numbers must know beside them.
    fn warn(&self, evaluation: &Evaluation, goods: &Goods) {
        if evaluation.total.holdout.customers == 0 {
            self.job.warn(Fault::new(Code::NoHoldout).with("run", evaluation.run_id.as_str()));
        }
        let is_known = |key: &String| goods.catalogue.offers.iter().any(|offer| offer.key == *key);
        let gone: Vec<String> =
            evaluation.offers.iter().map(|offer| offer.offer.clone()).filter(|key| !is_known(key)).collect();
        if !gone.is_empty() {
            self.job.warn(Fault::new(Code::UnknownProduct).because(gone.join(", ")));
        }
    }
}

/// The sources that tell outcomes, households and what can be taken, in the order they must be read.
fn sources(config: &Config) -> Vec<&Source> {
    let mut sources = ingest::reading_order(config);
    let is_needed = |role| matches!(role, Role::Products | Role::Customers | Role::Purchases | Role::Holdings);
    sources.retain(|source| is_needed(source.role));
    sources
}

fn check_customers(published: &PublishedRun) -> Result<()> {
    shrunken("customers", published.lost.iter().sum(), published.n_decided).map_or(Ok(()), Err)
}

fn shrunken(what: &str, lost: u64, before: u64) -> Option<Fault> {
    let is_too_much = lost as f64 > MOST_LOST * before as f64;
    is_too_much.then(|| Fault::new(Code::TablesShrunken).with("what", what).with("lost", lost).with("before", before))
}

/// Publishes the numbers, unless the newest evaluation has the same.
fn publish(found: &Found, run: &Run, lock: &Lock, host: &dyn Host) -> Result<Evaluated> {
    let mut bytes = serde_json::to_vec_pretty(&found.evaluation).map_err(|e| Fault::new(Code::Bug).because(e))?;
    bytes.push(b'\n');
    let evaluation = found.evaluation.clone();
    if let Some(dir) = already_published(lock, &Digest::of(&bytes))? {
        return Ok(Evaluated { evaluation, dir, is_new: false });
    }
    host.event(Event::Begin(Stage::Publish));
    // The run is an input like the tables: an evaluation of other offers is another one.
    let mut inputs = found.inputs.clone();
    let manifest_path = run.dir.join(osusume_storage::MANIFEST_NAME);
    let bytes_of_manifest = RealFs.metadata(&manifest_path)?.map_or(0, |found| found.len);
    let path = manifest_path.display().to_string();
    inputs.push(InputEntry { path, bytes: bytes_of_manifest, sha256: run.current.manifest_sha256 });
    inputs.sort_by(|a, b| a.path.cmp(&b.path));
    let config_sha256 = run.manifest.config_sha256;
    let staging = Staging::create(lock, next_run_id(lock, found.data_end, &config_sha256)?)?;
    staging.write_file(EVALUATION, &bytes, None)?;
    let manifest = Manifest {
        format_version: 1,
        tool_version: TOOL_VERSION.to_owned(),
        pipeline: found.evaluation.pipeline.clone(),
        run_id: staging.run_id(),
        as_of: found.data_end,
        run_key: run_key(&config_sha256, found.data_end, TOOL_VERSION, &inputs),
        config_sha256,
        config: run.manifest.config.clone(),
        previous: None,
        inputs,
        outputs: Vec::new(),
        counts: found.counts.clone(),
        seeds: BTreeMap::new(),
    };
    let published = staging.publish(manifest, lock)?;
    host.event(Event::End(Stage::Publish));
    Ok(Evaluated { evaluation, dir: published.dir, is_new: true })
}

/// The directory of the newest evaluation, if it has these bytes.
fn already_published(lock: &Lock, sha256: &Digest) -> Result<Option<PathBuf>> {
    let runs = Runs::new(Arc::clone(lock.fs()), lock.root());
    if runs.current()?.is_none() {
        return Ok(None);
    }
    let newest = runs.open_current()?;
    let is_same = newest.manifest.output(EVALUATION).is_some_and(|output| output.sha256 == *sha256);
    Ok(is_same.then_some(newest.dir))
}

/// The instants outcomes are read between.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    as_of: AsOf,
    before: osusume_windows::Span,
    window: osusume_windows::Span,
    known_by: i64,
}

impl Stretch {
    fn new(job: &Job<'_>, schedule: &Schedule) -> Self {
        let as_of = schedule.score;
        let window = crate::stages::features::window(job.calendar, schedule.label, as_of);
        let first = job.calendar.midnight(as_of.date - schedule.label.horizon as i32).0;
        Self {
            as_of,
            before: osusume_windows::Span { start: first, end: as_of.instant.0 },
            window: osusume_windows::Span { start: window.gap_end, end: window.window_end },
            known_by: schedule.data_end.instant.0,
        }
    }
}

/// A damaged file of the run.
fn damaged(path: &Path, what: &str) -> Fault {
    Fault::new(Code::FileDamaged).in_file(path.display().to_string()).named(what).because("not as a run has it")
}
