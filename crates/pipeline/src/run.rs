//! A run from the pipeline file to a published offer table: the table of contents of everything below.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{AsOf, Code, Control, Date, Exit, Fault, Result};
use osusume_storage::{
    Counts, Digest, Fs, InputEntry, Lock, LockInfo, Manifest, Published, RealFs, Run, Runs, StageTime, Staging,
    Timings, clean_staging, hash_input, next_run_id, run_key,
};
use osusume_tables::{Files, Ingest, InputFile, RejectCount, SourceSpec, Suppressed, Ties, expand};
use rayon::prelude::*;

use crate::benefit::Benefits;
use crate::calendar::{Calendar, LabelDays, Schedule};
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{AsOfPlan, Config, Export, Role, Source, ValueBasis};
use crate::copies::{self, CopiesTold};
use crate::history::History;
use crate::host::{Event, Host, Stage};
use crate::job::{Job, Scene};
use crate::registry::link_models;
use crate::stages::decide::{CapacityRow, Conditions, DecisionCounts};
use crate::stages::features::FeatureTables;
use crate::stages::mine::MineSummary;
use crate::stages::train::{Models, OfferModel};
use crate::stages::{decide, features, guard, ingest, report, score, train};
use crate::summary::{OfferSummary, Summary, write_summary};
use crate::suppression::{self, Listed};
use crate::units::Units;

/// The version that is part of every run key.
pub(crate) const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Largest run whose files are hashed again before it counts as already published.
const VERIFIED_BYTES: u64 = 256 << 20;

/// What a run is asked to do beyond its configuration.
pub struct Request<'a> {
    /// The checked configuration.
    pub config: &'a Config,
    /// The as-of date from the command line; the pipeline file's otherwise.
    pub as_of: Option<Date>,
    /// Memory budget in bytes.
    pub memory: u64,
    /// Who holds the lock.
    pub lock: LockInfo,
    /// When the run began, microseconds since 1970 UTC; for the timings file only.
    pub started_us: i64,
}

/// How a run ended well.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A new run is current.
    Published(Box<Summary>),
    /// The same run was published before; nothing was written.
    AlreadyPublished {
        /// Its name.
        run_id: String,
        /// Its directory.
        dir: PathBuf,
    },
}

/// A run that is current now, and the lock that keeps it so until it is delivered.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub outcome: Outcome,
    /// The lock of the pipeline's runs, for [`export`](crate::export()); dropping it lets the next run begin.
    pub lock: Lock,
}

/// Runs the pipeline: ingest, features, train, score, decide, report, publish.
///
/// # Errors
/// Every fault leaves the previous run current.
pub fn run(request: &Request<'_>, host: &dyn Host) -> Result<Ran> {
    let config = request.config;
    let as_of = request.as_of.or(config.pipeline.as_of).ok_or_else(|| Fault::new(Code::AsOfMissing))?;
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let root = runs_root(config);
    let mut inputs = digest_inputs(&ingest::reading_order(config), &*fs, host)?;
    check_destinations(config, &inputs)?;
    let lock = Lock::acquire(Arc::clone(&fs), &root, &request.lock)?;
    let runs = Runs::new(Arc::clone(&fs), &root);
    let earlier = decide::earlier_runs(&runs, config, as_of)?;
    let previous = decide::previous_run(&runs, &config.offers, as_of)?;
    let held_out = crate::power::earlier(&runs, config, as_of)?;
    let last = last_run(&runs)?;
    let listed = suppression::read(config, &*fs, as_of, last.as_ref())?;
    inputs.extend(listed.iter().flat_map(|listed| listed.inputs.iter().cloned()));
    if let Some(fault) = last.as_ref().and_then(|last| crate::earlier::unchanged(&inputs, as_of, last)) {
        host.event(Event::Warning(fault));
    }
    if let Some(run) = runs.current()?.and_then(|_| runs.open_current().ok()) {
        // A process that died after publishing kept nothing yet.
        copies::keep(&*fs, config, &run)?;
    }
    inputs.extend(copies::inputs(&copies::list(&*fs, config, as_of)?));
    inputs.extend(decide::ledger_inputs(&earlier));
    inputs.extend(decide::ledger_inputs(previous.as_slice()));
    inputs.extend(crate::power::inputs(held_out.as_ref()));
    inputs.sort_by(|a, b| a.path.cmp(&b.path));
    inputs.dedup();
    let config_sha256 = Digest::of(config.identity().reveal().as_bytes());
    let key = run_key(&config_sha256, as_of, TOOL_VERSION, &inputs);
    if let Some(found) = already_current(&runs, &key, &crate::job::Quiet::new(host))? {
        let outcome = Outcome::AlreadyPublished { run_id: found.current.run_id.to_string(), dir: found.dir };
        return Ok(Ran { outcome, lock });
    }
    check_fence(&runs, as_of)?;
    clean_staging(&lock)?;
    let staging = Staging::create(&lock, next_run_id(&lock, as_of, &config_sha256)?)?;
    let calendar = Calendar::new(&config.pipeline.time_zone)?;
    let mut clock = Clock::new(host);
    let scene = Scene { config, calendar: &calendar, host };
    let job = Job { scene, staging: &staging, memory: request.memory };
    let held_out = held_out.as_ref().map(crate::power::held_out).transpose()?.map(|(fraction, _)| fraction);
    let earlier = decide::Earlier { ledger: &earlier, previous: previous.as_ref(), held_out };
    let produced = produce(&job, as_of, Before { inputs: &inputs, earlier, last: last.as_ref() }, &mut clock).and_then(
        |produced| {
            host.event(Event::Begin(Stage::Publish));
            staging.write_side_file("timings.json", &clock.timings(request).to_bytes())?;
            link_models(config, &staging)?;
            Ok(produced)
        },
    );
    let produced = match produced {
        Ok(produced) => produced,
        Err(fault) => {
            // A failed run leaves nothing behind; a failure to clean up must not hide why it failed.
            drop(staging.discard());
            return Err(fault);
        }
    };
    // The last moment at which a run that was told to stop leaves nothing.
    if let Err(fault) = job.check_stop() {
        drop(staging.discard());
        return Err(fault);
    }
    let mut manifest = manifest(config, &staging, as_of, key, config_sha256, inputs, &produced);
    manifest.counts.extend(Listed::counts(listed.as_ref()));
    let published = staging.publish(manifest, &lock)?;
    // The run is published whatever becomes of its copies; the next run keeps them otherwise.
    if let Err(fault) = runs.open_current().and_then(|run| copies::keep(&*fs, config, &run)) {
        host.event(Event::Warning(fault));
    }
    host.event(Event::End(Stage::Publish));
    Ok(Ran { outcome: Outcome::Published(Box::new(finish(produced.summary, &published))), lock })
}

/// The current run, if it is the one asked for and undamaged. An earlier run with the same key is history: going back to it is a new run.
fn already_current(runs: &Runs, key: &Digest, control: &dyn Control) -> Result<Option<Run>> {
    if runs.current()?.is_none() {
        return Ok(None);
    }
    let run = match runs.open_current() {
        Ok(run) => run,
        Err(fault) if fault.code().info().exit == Exit::Integrity => return Ok(None),
        Err(fault) => return Err(fault),
    };
    if run.manifest.run_key != *key {
        return Ok(None);
    }
    let bytes: u64 = run.manifest.outputs.iter().map(|output| output.bytes).sum();
    // A large run is left to `runs verify`: saying "already published" must not take longer than a second.
    let is_sound = bytes > VERIFIED_BYTES || runs.verify(run.current.run_id, control)?.findings.is_empty();
    Ok(is_sound.then_some(run))
}

/// A run may not be older than the current one; said before anything is computed.
pub(crate) fn check_fence(runs: &Runs, as_of: Date) -> Result<()> {
    match runs.current()? {
        Some(current) if current.run_id.as_of() > as_of => {
            Err(Fault::new(Code::Fenced).with("current", current.run_id.to_string()).with("this", as_of.to_string()))
        }
        _ => Ok(()),
    }
}

/// The files ingest read must be those the run key was made from.
fn check_unchanged(inputs: &[InputEntry], read: &[(String, InputFile)]) -> Result<()> {
    let changed = read.iter().map(|(_, file)| file).filter(|file| {
        let path = file.path.display().to_string();
        let digest = file.content.map(|content| content.sha256);
        !inputs.iter().any(|input| input.path == path && Some(input.sha256) == digest)
    });
    Fault::all(changed.map(|file| Fault::new(Code::FileChanged).in_file(file.path.display().to_string())).collect())
}

/// The manifest of the current run, if there is one that can be read: `runs verify` is who complains of it.
pub(crate) fn last_run(runs: &Runs) -> Result<Option<Manifest>> {
    match runs.current()? {
        Some(_) => Ok(runs.open_current().ok().map(|run| run.manifest)),
        None => Ok(None),
    }
}

/// What was there before a run.
#[derive(Clone, Copy)]
pub(crate) struct Before<'a> {
    /// The files it reads.
    pub(crate) inputs: &'a [InputEntry],
    /// The runs that decisions look back to.
    pub(crate) earlier: decide::Earlier<'a>,
    /// What the current run says of itself.
    pub(crate) last: Option<&'a Manifest>,
}

/// The stages, in order, and what a person reads of them.
fn produce(job: &Job<'_>, as_of: Date, before: Before<'_>, clock: &mut Clock<'_>) -> Result<Produced> {
    let learned = learn(job, as_of, before, clock)?;
    let Learned { tables, goods, schedule, units, mined, copies, found, models, decided } = learned;
    let counts = counts(job.config, &tables.checked, found.unknown_products);
    let summary = summarize(job, &tables, &schedule, &found, &models, decided, &goods);
    let audits = guard::audit(job, &tables.checked, &models, schedule.score)?;
    let summary = Summary { audits, mined, copies, ..summary };
    let told = report::Told { summary: &summary, models: &models, specs: &found.specs, goods: &goods, units: &units };
    let shown = clock.stage(Stage::Report, || report::write(job, &told, &schedule))?;
    // Counts by group are shown nowhere but as the report withholds them.
    let summary = Summary { audits: shown, ..summary };
    write_summary(job.staging, &summary, &found.specs)?;
    Ok(Produced { summary, counts })
}

/// What the stages leave for each other, once the last of them has decided.
pub(crate) struct Learned {
    pub(crate) tables: ReadTables,
    pub(crate) goods: Goods,
    pub(crate) schedule: Schedule,
    units: Units,
    mined: Option<MineSummary>,
    copies: Vec<CopiesTold>,
    pub(crate) found: FeatureTables,
    models: Models,
    decided: DecisionCounts,
}

/// From the files to who is offered what: everything that is learned or decided, in order.
pub(crate) fn learn(job: &Job<'_>, as_of: Date, before: Before<'_>, clock: &mut Clock<'_>) -> Result<Learned> {
    let Before { inputs, earlier, last } = before;
    let mut tables = clock.stage(Stage::Ingest, || {
        read_sources(job, &ingest::reading_order(job.config), Some(inputs), Some(as_of), Files::All)
    })?;
    if let Some(last) = last {
        crate::earlier::check_shrunken(job.config.quality.max_shrink, &tables.checked.counts, last)?;
        crate::earlier::refusals(job, &tables.checked)?.into_iter().for_each(|fault| job.warn(fault));
    }
    let goods = goods(job.config, &tables.checked)?;
    train::check_declared(job.config, &goods)?;
    ingest::check_consents(job.config, &tables.checked)?;
    ingest::check_values(job.config, &tables.checked)?;
    let odd = [crate::arrivals::late(job, &tables.checked)?, crate::arrivals::before_joining(job, &tables.checked)?];
    let doubts = crate::doubts::doubts(job, &tables.checked, &goods)?;
    odd.into_iter().flatten().chain(doubts).for_each(|fault| job.warn(fault));
    let schedule = schedule(job, &tables.checked, as_of)?;
    let dates = (schedule.mature.first().map(|date| date.instant), Some(schedule.score));
    for fault in crate::recipes::without_data(job, &tables.checked, dates)? {
        job.warn(fault);
    }
    let units = Units::read(job.config, &tables.checked, schedule.score, &job.quiet())?;
    copies::write(job, &tables.checked, schedule.score)?;
    let told = attach_copies(job, &mut tables.checked, &schedule, &[])?;
    let (mined, found) = look_back(job, (&tables.checked, &goods), &schedule, clock)?;
    copies::detach(job)?;
    let has_nobody_left = found.training_rows == 0 && found.opted_out > 0;
    if found.scoring_rows == 0 || has_nobody_left {
        return Err(Fault::new(Code::NoCustomers));
    }
    let conditions = Conditions::bind(job.config, &tables.checked, &goods, &found.specs)?;
    // Said before anything is learned.
    Benefits::bind(job.config, &goods, &found.specs)?;
    let models =
        clock.stage(Stage::Train, || train::train(job, (&tables.checked, &found), &goods, &schedule, &units))?;
    clock.stage(Stage::Score, || score::score(job, &found.specs, &models, &tables.checked, schedule.score))?;
    let base_rate = crate::power::base_rate(&found.labels, found.training_rows);
    let fraction = crate::power::fraction(job.config, found.scoring_rows, base_rate, earlier.held_out);
    let mut decided = clock.stage(Stage::Decide, || {
        let known = (found.specs.as_slice(), &conditions);
        decide::decide(job, &tables.checked, &goods, known, &models, &units, (schedule.score, earlier, fraction))
    })?;
    decided.power = crate::power::power(job.config, decided.customers, fraction, base_rate);
    nothing_offered(&decided).into_iter().chain(minimums_missed(&decided)).for_each(|fault| job.warn(fault));
    Ok(Learned { tables, goods, schedule, units, mined, copies: told, found, models, decided })
}

/// Makes the dated copies that the dates of a schedule, and some others, see known to the stages; says what copies there are.
///
/// # Errors
/// As [`copies::attach`].
pub(crate) fn attach_copies(
    job: &Job<'_>,
    tables: &mut Checked,
    schedule: &Schedule,
    others: &[AsOf],
) -> Result<Vec<CopiesTold>> {
    let found = copies::list(&**job.staging.fs(), job.config, schedule.score.date)?;
    copies::attach(job, tables, &found, (&schedule.mature, others, schedule.score))?;
    Ok(copies::told(job.config, &found, &schedule.mature))
}

/// What to say where nobody is offered anything: a whole company without an offer is most likely a slip.
fn nothing_offered(decided: &DecisionCounts) -> Option<Fault> {
    let is_empty = decided.offers.iter().all(|(_, rows)| *rows == 0) && decided.shadow_rows == 0;
    (is_empty && decided.scored > 0).then(|| {
        let fault = Fault::new(Code::NothingOffered).with("customers", decided.scored);
        // Pairs that came as far as this would have been offers; else the most, of equal counts the first by name.
        let last = ["no_capacity", "below_threshold"].into_iter().find_map(|rule| decided.removed.get_key_value(rule));
        let most = || decided.removed.iter().rev().max_by_key(|(_, pairs)| **pairs);
        match last.or_else(most) {
            Some((reason, pairs)) => fault.with("reason", reason.as_str()).with("pairs", *pairs),
            None => fault,
        }
    })
}

/// A warning for every minimum of `decide.capacity` that could not be met.
fn minimums_missed(decided: &DecisionCounts) -> Vec<Fault> {
    let limits = decided.capacity.as_ref().map_or(&[][..], |capacity| &capacity.limits);
    let key = |position: usize| format!("decide.capacity[{position}]");
    let fault = |(position, limit): (usize, &CapacityRow)| {
        let fault = Fault::new(Code::MinimumMissed).with("key", key(position)).with("min", limit.min);
        let fault = fault.with("used", limit.used).with("missing", limit.missing?);
        let limits: Vec<String> = limit.conflict.iter().copied().map(key).collect();
        Some(if limits.len() > 1 { fault.with("limits", limits) } else { fault })
    };
    limits.iter().enumerate().filter_map(fault).collect()
}

/// What is known of the past at every date of the schedule: rules, features and labels.
pub(crate) fn look_back(
    job: &Job<'_>,
    (tables, goods): (&Checked, &Goods),
    schedule: &Schedule,
    clock: &mut Clock<'_>,
) -> Result<(Option<MineSummary>, FeatureTables)> {
    let mined = job
        .config
        .mine
        .as_ref()
        .map(|config| clock.stage(Stage::Mine, || crate::stages::mine::mine(job, tables, goods, schedule, config)));
    let (mined, leads) = mined.transpose()?.unzip();
    let found = clock.stage(Stage::Features, || features::build(job, tables, goods, schedule, leads))?;
    Ok((mined, found))
}

/// What the stages leave for publishing.
struct Produced {
    summary: Summary,
    counts: BTreeMap<String, Counts>,
}

/// The directory of all runs of a pipeline.
pub fn runs_root(config: &Config) -> PathBuf {
    config.run.directory.join(&config.pipeline.name)
}

/// Every input file of the sources, sorted.
///
/// # Errors
/// `FileMissing` when a path matches nothing.
pub(crate) fn input_paths(sources: &[&Source]) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for source in sources {
        for pattern in &source.paths {
            paths.extend(expand(Path::new(pattern))?);
        }
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// Digests of every input file of the sources, sorted by path.
pub(crate) fn digest_inputs(sources: &[&Source], fs: &dyn Fs, control: &dyn Host) -> Result<Vec<InputEntry>> {
    let paths = input_paths(sources)?;
    let quiet = crate::job::Quiet::new(control);
    paths
        .par_iter()
        .map(|path| {
            let content = hash_input(fs, path, &quiet as &dyn Control)?;
            Ok(InputEntry { path: path.display().to_string(), bytes: content.bytes, sha256: content.sha256 })
        })
        .collect()
}

/// Nothing may be delivered over what was read, or among the runs.
fn check_destinations(config: &Config, inputs: &[InputEntry]) -> Result<()> {
    let read: Vec<PathBuf> = inputs.iter().map(|input| real(Path::new(&input.path))).collect();
    let runs = real(&config.run.directory);
    let fault = |(i, export): (usize, &Export)| {
        let path = real(&export.path);
        let allowed = if read.contains(&path) {
            "≠ sources.*.path"
        } else if path.starts_with(&runs) {
            "∉ run.directory"
        } else {
            return None;
        };
        let key = format!("export[{i}].path");
        let fault = Fault::new(Code::ConfigNotAllowed).named(key.as_str()).with("key", key.as_str());
        Some(fault.with("got", export.path.display().to_string()).with("allowed", allowed))
    };
    Fault::all(config.export.iter().enumerate().filter_map(fault).collect())
}

/// Nothing may be written over what was read.
pub(crate) fn check_not_read(out: &Path, inputs: &[PathBuf], key: &'static str) -> Result<()> {
    if !inputs.iter().any(|input| real(input) == real(out)) {
        return Ok(());
    }
    let fault = Fault::new(Code::ConfigNotAllowed).named(key).with("key", key);
    Err(fault.with("got", out.display().to_string()).with("allowed", "≠ sources.*.path"))
}

/// Nothing may be written over one of `files`.
pub(crate) fn check_not_over<'a>(
    out: &Path,
    mut files: impl Iterator<Item = &'a Path>,
    allowed: &'static str,
) -> Result<()> {
    if !files.any(|file| real(file) == real(out)) {
        return Ok(());
    }
    let fault = Fault::new(Code::ConfigNotAllowed).named("--out").with("key", "--out");
    Err(fault.with("got", out.display().to_string()).with("allowed", allowed))
}

/// A path without links and detours, also of a file that does not exist yet.
fn real(path: &Path) -> PathBuf {
    let resolved = |path: &Path| path.canonicalize().ok();
    let in_dir = || {
        let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(resolved(parent)?.join(path.file_name()?))
    };
    resolved(path).or_else(in_dir).unwrap_or_else(|| path.to_owned())
}

/// The tables, and what was set aside on the way.
pub(crate) struct ReadTables {
    pub(crate) checked: Checked,
    rejects: Vec<RejectCount>,
}

/// The part of the memory budget that tables may keep after they were read, so that stages need not decode them again.
const HELD_SHARE: u64 = 8;

/// Reads the sources, in the order given, into checked tables; with a date, only what had arrived before it. `inputs`: the digests that the
/// files must have, where anybody asks.
pub(crate) fn read_sources(
    job: &Job<'_>,
    sources: &[&Source],
    inputs: Option<&[InputEntry]>,
    as_of: Option<Date>,
    files: Files,
) -> Result<ReadTables> {
    let quiet = job.quiet();
    let as_of = as_of.map(|date| job.calendar.as_of(date));
    // What became of offers made is measured for everybody they were made to.
    let suppressed = match as_of {
        Some(_) => suppression::ids(job.config, &**job.staging.fs())?,
        None => Suppressed::default(),
    };
    let reading = Ingest::new(job.target(), job.memory / 2, &quiet)?.without(suppressed.clone());
    let mut reading = if inputs.is_some() { reading } else { reading.without_digests() };
    let spec = |source: &&Source| {
        let spec = ingest::source_spec(job.config, source, as_of)?;
        // Without digests nothing of this reading is kept but what is made of it.
        let is_free = inputs.is_none() && ingest::is_order_free(job.config, source);
        Ok(if is_free { SourceSpec { ties: Ties::Any, ..spec } } else { spec })
    };
    let specs: Vec<SourceSpec> = sources.iter().map(spec).collect::<Result<_>>()?;
    for (i, spec) in specs.iter().enumerate() {
        job.check_stop()?;
        ingest::read(&mut reading, spec, specs.get(i + 1))?;
        job.host.progress(i as u64 + 1, sources.len() as u64 + 1);
    }
    let written = reading.finish_holding(files, job.memory / HELD_SHARE)?;
    inputs.map_or(Ok(()), |inputs| check_unchanged(inputs, &written.inputs))?;
    suppression::check_matched(job.config, &suppressed, &written.counts)?;
    for fault in ingest::first_of_each(&written).into_iter().take(20) {
        job.warn(fault);
    }
    let rejects = written.rejects.clone();
    if let Some(fault) = ingest::unheard_refusals(sources, &rejects) {
        return Err(fault);
    }
    let late = ingest::late_customers(sources, &written.counts);
    if written.customers.is_empty() {
        return Err(late.unwrap_or_else(|| Fault::new(Code::NoCustomers)));
    }
    if let Some(fault) = late {
        job.warn(fault);
    }
    let checked = Checked::open(&**job.staging.fs(), job.staging.dir(), written)?;
    Ok(ReadTables { checked, rejects })
}

pub(crate) fn goods(config: &Config, tables: &Checked) -> Result<Goods> {
    let source = config.source_of(Role::Products);
    let bought = config.offers.category.as_ref().and_then(|category| tables.table(&category.source));
    let sold = bought.and_then(|table| table.dictionary("product"));
    Goods::read(config, source.and_then(|source| tables.table(&source.name)), sold)
}

pub(crate) fn schedule(job: &Job<'_>, tables: &Checked, as_of: Date) -> Result<Schedule> {
    let offers = &job.config.offers;
    let label = LabelDays { gap: offers.gap_days, horizon: offers.horizon_days, kept: offers.kept_days };
    if job.config.is_cross_section() {
        return Ok(Schedule::at_once(job.calendar, as_of, label));
    }
    scheduled(job, as_of, History::read(job, tables, as_of)?)
}

/// The dates of a pipeline with time, of what is known of the past.
pub(crate) fn scheduled(job: &Job<'_>, as_of: Date, history: History) -> Result<Schedule> {
    let offers = &job.config.offers;
    let label = LabelDays { gap: offers.gap_days, horizon: offers.horizon_days, kept: offers.kept_days };
    match &job.config.train.as_of {
        AsOfPlan::Every { step, count } => Schedule::every(job.calendar, as_of, label, *step, *count, history),
        AsOfPlan::Dates { dates, tests } => Schedule::listed(job.calendar, as_of, label, dates, tests, history),
    }
}

/// What became of every source's rows; `unknown` of the holdings name a product that is in no catalogue.
pub(crate) fn counts(config: &Config, tables: &Checked, unknown: u64) -> BTreeMap<String, Counts> {
    let holdings = config.source_of(Role::Holdings).map(|source| source.name.as_str());
    let count = |name: &str, read: &osusume_tables::SourceCount| {
        let unknown = if holdings == Some(name) { unknown } else { 0 };
        let excluded = read.reasons().into_iter().chain([("unknown_product", unknown)]);
        Counts {
            read: read.read,
            accepted: read.accepted - unknown,
            rejected: read.rejected,
            suppressed: read.suppressed,
            excluded: excluded.filter(|(_, n)| *n > 0).map(|(why, n)| (why.to_owned(), n)).collect(),
        }
    };
    tables.counts.iter().map(|(name, read)| (name.clone(), count(name, read))).collect()
}

fn manifest(
    config: &Config,
    staging: &Staging,
    as_of: Date,
    run_key: Digest,
    config_sha256: Digest,
    inputs: Vec<InputEntry>,
    produced: &Produced,
) -> Manifest {
    Manifest {
        format_version: 1,
        tool_version: TOOL_VERSION.to_owned(),
        pipeline: config.pipeline.name.clone(),
        run_id: staging.run_id(),
        as_of,
        run_key,
        config_sha256,
        config: config.effective().to_owned(),
        previous: None,
        inputs,
        outputs: Vec::new(),
        counts: produced.counts.clone(),
        seeds: BTreeMap::new(),
    }
}

/// What the expected values of a run count.
fn value_counts(config: &Config, models: &Models) -> &'static str {
    let is_added = |model: &OfferModel| model.contact.is_some();
    match config.decide.valuation.basis {
        ValueBasis::Incremental if models.offers.iter().all(is_added) => "added",
        ValueBasis::Incremental if models.offers.iter().any(is_added) => "mixed",
        _ => "takes",
    }
}

fn summarize(
    job: &Job<'_>,
    tables: &ReadTables,
    schedule: &Schedule,
    found: &FeatureTables,
    models: &Models,
    decided: DecisionCounts,
    goods: &Goods,
) -> Summary {
    let offers = models.offers.iter().zip(&goods.catalogue.offers).zip(&found.labels).zip(&decided.offers);
    Summary {
        run_id: job.staging.run_id().to_string(),
        dir: PathBuf::new(),
        pipeline: job.config.pipeline.name.clone(),
        as_of: schedule.score.date.to_string(),
        currency: job.config.pipeline.currency.clone(),
        minor_digits: job.config.pipeline.minor_digits,
        customers: u64::from(tables.checked.n_customers()),
        training_rows: found.training_rows,
        training_sample: found.sample,
        training_opted_out: found.opted_out,
        learn_from: job.config.train.learn_from.id(),
        features: found.specs.len() as u64,
        value_counts: value_counts(job.config, models),
        audits: Vec::new(),
        is_cross_section: job.config.is_cross_section(),
        as_of_dates: schedule.mature.iter().map(|date| date.date.to_string()).collect(),
        open: crate::summary::open_labels(schedule, &found.open),
        counts: tables.checked.counts.clone(),
        rejects: tables.rejects.iter().map(|reject| (reject.code.id().to_owned(), reject.count)).collect(),
        unknown_products: found.unknown_products,
        offers: offers
            .map(|(((model, offer), labels), (_, rows))| OfferSummary::new(model, offer, *labels, *rows))
            .collect(),
        pooled: crate::summary::pooled(models),
        decided,
        mined: None,
        copies: Vec::new(),
    }
}

fn finish(mut summary: Summary, published: &Published) -> Summary {
    summary.dir.clone_from(&published.dir);
    summary
}

#[cfg(test)]
mod tests;

/// Measures stages by the host's clock.
pub(crate) struct Clock<'a> {
    host: &'a dyn Host,
    began: f64,
    stages: Vec<StageTime>,
}

impl<'a> Clock<'a> {
    pub(crate) fn new(host: &'a dyn Host) -> Self {
        Self { host, began: 0.0, stages: Vec::new() }
    }

    fn begin(&mut self, stage: Stage) {
        self.began = self.host.elapsed_seconds();
        self.host.event(Event::Begin(stage));
    }

    fn end(&mut self, stage: Stage) {
        let seconds = (self.host.elapsed_seconds() - self.began).max(0.0);
        self.stages.push(StageTime { stage: stage.id().to_owned(), duration_us: (seconds * 1e6) as u64 });
        self.host.event(Event::End(stage));
    }

    fn stage<T>(&mut self, stage: Stage, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.begin(stage);
        let done = work()?;
        self.end(stage);
        Ok(done)
    }

    fn timings(self, request: &Request<'_>) -> Timings {
        Timings {
            format_version: 1,
            host: request.lock.host.clone(),
            started_us: request.started_us,
            stages: self.stages,
        }
    }
}
