//! Check: reads everything a run would read, publishes nothing, and reports every fault instead of the first.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Arg, AsOf, Code, Date, Fault, Result};
use osusume_storage::{Digest, Fs, InputEntry, Lock, LockInfo, RealFs, RunId, Runs, Staging};
use osusume_tables::{Ingest, InputFile, OnError, RejectLimits, Suppressed, Tables};

pub use osusume_tables::{RejectCount, SourceCount};

use crate::benefit::Benefits;
use crate::calendar::{Calendar, Schedule};
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{self, Config, Decide, Role, Source};
use crate::copies::CopiesTold;
use crate::history::History;
use crate::host::Host;
use crate::job::{Job, Scene};
use crate::power::Power;
use crate::run::{attach_copies, check_fence, goods, last_run, runs_root, schedule, scheduled};
use crate::stages::decide::{Conditions, Limits};
use crate::stages::ingest;
use crate::suppression;

/// What is to be checked.
pub struct CheckRequest<'a> {
    /// The checked configuration.
    pub config: &'a Config,
    /// The as-of date from the command line; the pipeline file's otherwise.
    pub as_of: Option<Date>,
    /// Memory budget in bytes.
    pub memory: u64,
    /// A directory that does not exist yet; it is made, used and removed.
    pub scratch: PathBuf,
    /// Who checks.
    pub lock: LockInfo,
}

/// The rows of one source.
#[derive(Clone, Debug)]
pub struct SourceCheck {
    /// The source's name.
    pub name: String,
    /// What became of its rows.
    pub count: SourceCount,
    /// The column that says when a row arrived, where the source could have one and has none.
    pub no_arrival: Option<&'static str>,
    /// Whether it says who is a customer.
    pub defines_customers: bool,
    /// Attributes of customers, renewals and prices of holdings, that only dated copies can make features of: a reload overwrites them.
    pub not_static: Vec<String>,
}

/// Rejected rows of a source that are wrong in the same way.
#[derive(Clone, Debug)]
pub struct SetAside {
    /// The source's name.
    pub source: String,
    /// The column, where one is to blame.
    pub column: Option<String>,
    /// Rows.
    pub rows: u64,
    /// Rows of the source.
    pub read: u64,
    /// The first of them, with its place.
    pub first: Fault,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Checks {
    /// Customers known.
    pub customers: u64,
    /// One entry a source, in the order read.
    pub sources: Vec<SourceCheck>,
    /// Rejected rows by source, file, code and column.
    pub rejects: Vec<RejectCount>,
    /// The same by source, code and column, causes before consequences.
    pub set_aside: Vec<SetAside>,
    /// What a run would warn of.
    pub faults: Vec<Fault>,
    /// What a run would stop with: sources over the limits of `[quality]`, names of offers there are not, too little history. Beside it
    /// sources whose arrivals are not to be believed.
    pub over: Vec<Fault>,
    /// Rows of holdings whose product is in no catalogue.
    pub unknown_products: u64,
    /// Keys of the offers that follow.
    pub offers: Vec<String>,
    /// The dates learned from, and whether each is a test; empty when no as-of date is known.
    pub dates: Vec<(Date, bool)>,
    /// What dated copies there are of tables that are loaded again whole; empty when no as-of date is known.
    pub copies: Vec<CopiesTold>,
    /// What the holdout of a run could show, by the rate of takes the current run knew, else by an example; absent without a holdout.
    pub power: Option<Power>,
}

/// Reads every source and draws up offers and dates, in a scratch directory that is removed again.
///
/// # Errors
/// Every fault that would stop a run before its first feature, those of several sources together.
pub fn check(request: &CheckRequest<'_>, host: &dyn Host) -> Result<Checks> {
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let checked = check_in(request, &fs, host);
    // What was found matters more than a leftover in the scratch directory.
    drop(fs.remove_dir_all(&request.scratch));
    checked
}

fn check_in(request: &CheckRequest<'_>, fs: &Arc<dyn Fs>, host: &dyn Host) -> Result<Checks> {
    let config = request.config;
    let as_of = request.as_of.or(config.pipeline.as_of);
    let lock = Lock::acquire(Arc::clone(fs), &request.scratch, &request.lock)?;
    let run_id = RunId::new(as_of.unwrap_or_default(), 1, &Digest::of(b"check")).expect("1 is a sequence number");
    let staging = Staging::create(&lock, run_id)?;
    let calendar = Calendar::new(&config.pipeline.time_zone)?;
    let scene = Scene { config, calendar: &calendar, host };
    let job = Job { scene, staging: &staging, memory: request.memory };
    let written = read_all(&job, as_of.map(|date| calendar.as_of(date)))?;
    let read: Vec<InputEntry> = written.inputs.iter().filter_map(|(_, file)| entry(file)).collect();
    let mut checks = rows(config, &written);
    if written.customers.is_empty() {
        let sources = ingest::reading_order(config);
        let late = ingest::late_customers(&sources, &written.counts);
        // What the rows are rejected for comes first: nobody is left because of it.
        checks.over.push(late.unwrap_or_else(|| Fault::new(Code::NoCustomers)));
        return Ok(checks);
    }
    let tables = Checked::open(&**fs, staging.dir(), written)?;
    checks.customers = u64::from(tables.n_customers());
    checks.over.extend(ingest::check_consents(config, &tables).err());
    checks.over.extend(ingest::check_values(config, &tables).err());
    checks.over.extend(crate::arrivals::late(&job, &tables)?);
    against_last(&job, &read, &tables, as_of, &mut checks)?;
    checks.faults.extend(crate::arrivals::before_joining(&job, &tables)?);
    let schedule = as_of.map(|as_of| dated(&job, &tables, as_of, &mut checks.faults));
    let first = schedule.iter().flatten().find_map(|schedule| schedule.mature.first()).map(|date| date.instant);
    let dates_known = (first, as_of.map(|date| calendar.as_of(date)));
    checks.faults.extend(crate::recipes::without_data(&job, &tables, dates_known)?);
    match goods(config, &tables) {
        Ok(goods) => offered(&job, &tables, &goods, schedule.as_ref(), &mut checks)?,
        Err(fault) => checks.over.push(fault),
    }
    // What is wrong with the dates is told beside what is wrong with the rows, which may be why.
    let told = schedule.map_or(Ok(Default::default()), |schedule| dates(&job, tables, &schedule?));
    match told {
        Ok(told) => (checks.dates, checks.copies) = told,
        Err(fault) => checks.over.push(fault),
    }
    // How many customers there will be is known where nothing is wrong.
    if checks.over.is_empty() {
        checks.power = power(config, fs, checks.customers)?;
    }
    Ok(checks)
}

/// What became of the rows, and which sources are over their limits.
fn rows(config: &Config, written: &Tables) -> Checks {
    let sources: Vec<SourceCheck> = written.counts.iter().map(|(name, count)| source(config, name, *count)).collect();
    let mut told = ingest::first_of_each(written);
    if config.quality.on_error == config::OnError::Abort {
        told = told.into_iter().map(|fault| fault.with("instead", "quarantine")).collect();
    }
    let set_aside = set_aside(&sources, &written.rejects, &told);
    // Whoever was set aside makes their rows of other tables unknown: one mistake is told once.
    let customers: Vec<&str> = config.sources_of(Role::Customers).map(|source| source.name.as_str()).collect();
    let is_cause = sources.iter().any(|one| customers.contains(&one.name.as_str()) && one.count.rejected > 0);
    told.retain(|fault| !(is_cause && fault.code() == Code::UnknownCustomer));
    let mut over: Vec<(&SourceCheck, Fault)> =
        sources.iter().filter_map(|one| Some((one, over(config, one, &written.rejects, &told)?))).collect();
    if over.iter().any(|(source, _)| source.defines_customers) {
        // What is too much only because of them is in the table.
        over.retain(|(source, _)| source.defines_customers || !is_consequence(source, &written.rejects));
    }
    let over = over.into_iter().map(|(_, fault)| fault).collect();
    Checks {
        customers: 0,
        sources,
        rejects: written.rejects.clone(),
        set_aside,
        faults: Vec::new(),
        over,
        unknown_products: 0,
        offers: Vec::new(),
        dates: Vec::new(),
        copies: Vec::new(),
        power: None,
    }
}

/// Whether every rejected row of a source is one of a customer who is not known.
fn is_consequence(source: &SourceCheck, rejects: &[RejectCount]) -> bool {
    let mut own = rejects.iter().filter(|reject| reject.source == source.name);
    own.all(|reject| reject.code == Code::UnknownCustomer)
}

/// Rejected rows by source, code and column, in the order of `told`.
fn set_aside(sources: &[SourceCheck], rejects: &[RejectCount], told: &[Fault]) -> Vec<SetAside> {
    let mut found: Vec<SetAside> = Vec::new();
    for fault in told {
        let place = fault.place();
        let is_of = |reject: &&RejectCount| {
            let is_file = place.file.as_deref() == Some(shown(&reject.file).as_str());
            is_file && reject.code == fault.code() && reject.column == place.name
        };
        let Some(reject) = rejects.iter().find(is_of) else { continue };
        let is_same = |one: &&mut SetAside| {
            one.source == reject.source && one.first.code() == reject.code && one.column == reject.column
        };
        match found.iter_mut().find(is_same) {
            Some(one) => one.rows += reject.count,
            None => found.push(SetAside {
                source: reject.source.clone(),
                column: reject.column.clone(),
                rows: reject.count,
                read: sources.iter().find(|one| one.name == reject.source).map_or(0, |one| one.count.read),
                first: fault.clone(),
            }),
        }
    }
    found
}

/// What is wrong with what is offered, and what is offered.
fn offered(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    schedule: Option<&Result<Schedule>>,
    checks: &mut Checks,
) -> Result<()> {
    checks.over.extend(crate::stages::train::check_declared(job.config, goods).err());
    checks.over.extend(Limits::check_offers(job.config, &goods.catalogue.offers).err());
    checks.faults.extend(crate::doubts::doubts(job, tables, goods)?);
    let schedule = schedule.and_then(|schedule| schedule.as_ref().ok());
    checks.over.extend(schedule.and_then(|schedule| conditions(job, tables, goods, schedule).err()));
    let unknown_products = ingest::unknown_products(job, tables, goods)?;
    checks.faults.extend(unknown_products.iter().map(|(_, fault)| fault.clone()));
    checks.unknown_products = unknown_products.map_or(0, |(count, _)| count);
    checks.offers = goods.catalogue.offers.iter().map(|offer| offer.key.clone()).collect();
    Ok(())
}

/// The dates of a run as of `as_of`; that the tables end long before is told in `faults`.
fn dated(job: &Job<'_>, tables: &Checked, as_of: Date, faults: &mut Vec<Fault>) -> Result<Schedule> {
    if job.config.is_cross_section() {
        return schedule(job, tables, as_of);
    }
    let history = History::known(job, tables, as_of)?;
    faults.extend(history.ends_early(as_of)?);
    scheduled(job, as_of, history)
}

/// Take rate for which the holdout's power is told where no run knows one.
const EXAMPLE_RATE: f64 = 0.02;

/// What the holdout of a run of so many customers could show.
fn power(config: &Config, fs: &Arc<dyn Fs>, customers: u64) -> Result<Option<Power>> {
    let runs = Runs::new(Arc::clone(fs), runs_root(config));
    // A run that cannot be read is what `runs verify` tells of.
    let current = runs.current()?.and_then(|_| runs.open_current().ok());
    let known = current.and_then(|run| crate::power::held_out(&run).ok());
    let (before, rate) = known.map_or((None, None), |(before, rate)| (Some(before), rate));
    let rate = rate.unwrap_or(EXAMPLE_RATE);
    let fraction = crate::power::fraction(config, customers, rate, before);
    Ok(crate::power::power(config, customers, fraction, rate))
}

/// Whether what `decide` declares fits the columns and offers there will be. Without a date nothing tells which columns there will be.
fn conditions(job: &Job<'_>, tables: &Checked, goods: &Goods, schedule: &Schedule) -> Result<()> {
    if has_no_conditions(&job.config.decide) && job.config.offers.benefits.is_empty() {
        return Ok(());
    }
    let specs = crate::stages::features::dictionary(job, tables, goods, schedule)?;
    let faults = [
        Conditions::bind(job.config, tables, goods, &specs).map(drop),
        Benefits::bind(job.config, goods, &specs).map(drop),
    ];
    Fault::all(faults.into_iter().filter_map(Result::err).collect())
}

/// Whether nothing in `decide` speaks of columns or offers.
fn has_no_conditions(decide: &Decide) -> bool {
    decide.timing.has_no_conditions() && decide.capacity.iter().all(|limit| limit.condition.is_none())
}

/// A file as a run's manifest names it.
fn entry(file: &InputFile) -> Option<InputEntry> {
    let content = file.content?;
    Some(InputEntry { path: file.path.display().to_string(), bytes: content.bytes, sha256: content.sha256 })
}

/// What a run would stop with because of the one before (it is older than that, or a source has lost its rows), and what it would warn of.
fn against_last(
    job: &Job<'_>,
    read: &[InputEntry],
    tables: &Checked,
    as_of: Option<Date>,
    checks: &mut Checks,
) -> Result<()> {
    let runs = Runs::new(Arc::clone(job.staging.fs()), runs_root(job.config));
    let last = last_run(&runs)?;
    let listed = as_of.map(|as_of| suppression::read(job.config, &**job.staging.fs(), as_of, last.as_ref()));
    match listed.transpose() {
        Ok(listed) => {
            let ids = listed.flatten().map_or_else(Suppressed::default, |listed| listed.ids);
            checks.over.extend(suppression::check_matched(job.config, &ids, &tables.counts).err());
        }
        Err(fault) => checks.over.push(fault),
    }
    let Some(last) = last else { return Ok(()) };
    let shrunken = crate::earlier::check_shrunken(job.config.quality.max_shrink, &tables.counts, &last);
    let refusals = crate::earlier::refusals(job, tables);
    let fenced = as_of.map_or(Ok(()), |as_of| check_fence(&runs, as_of));
    checks.faults.extend(as_of.and_then(|as_of| crate::earlier::unchanged(read, as_of, &last)));
    checks.over.extend(shrunken.err());
    match refusals {
        Ok(fewer) => checks.faults.extend(fewer),
        Err(fault) => checks.over.push(fault),
    }
    checks.over.extend(fenced.err());
    Ok(())
}

/// Reads every source with no limit on rejects; the faults of all that cannot be read at all come together.
fn read_all(job: &Job<'_>, as_of: Option<AsOf>) -> Result<Tables> {
    let quiet = job.quiet();
    let mut faults = Vec::new();
    // Whether the list can be trusted is told beside what else a run would stop with.
    let suppressed = suppression::ids(job.config, &**job.staging.fs()).unwrap_or_default();
    let mut reading = Ingest::new(job.target(), job.memory / 2, &quiet)?.without(suppressed);
    let sources = ingest::reading_order(job.config);
    for (i, source) in sources.iter().enumerate() {
        job.check_stop()?;
        if let Err(fault) = read_one(job, &mut reading, source, as_of) {
            faults.push(fault);
        }
        job.host.progress(i as u64 + 1, sources.len() as u64);
    }
    job.check_stop()?;
    Fault::all(faults)?;
    reading.finish()
}

fn read_one(job: &Job<'_>, reading: &mut Ingest<'_>, source: &Source, as_of: Option<AsOf>) -> Result<()> {
    let mut spec = ingest::source_spec(job.config, source, as_of)?;
    spec.limits = RejectLimits { max_rejects: u64::MAX, max_reject_rate: 1.0, on_error: OnError::Quarantine };
    ingest::read(reading, &spec, None)
}

fn source(config: &Config, name: &str, count: SourceCount) -> SourceCheck {
    let no_arrival = config.sources.get(name).and_then(|source| {
        let column = match source.role {
            Role::Products | Role::Consents | Role::CrossSection => return None,
            Role::Holdings => "start_arrived",
            _ => "arrived",
        };
        source.column(column).is_none().then_some(column)
    });
    let not_static = config.sources.get(name).map_or_else(Vec::new, not_static);
    let defines_customers = config.sources.get(name).is_some_and(|source| source.role == Role::Customers);
    SourceCheck { name: name.to_owned(), count, no_arrival, defines_customers, not_static }
}

/// The headers that a reload overwrites and that would make features otherwise.
fn not_static(source: &Source) -> Vec<String> {
    let headers: Vec<&String> = match source.role {
        Role::Customers => source.attributes.keys().collect(),
        Role::Holdings => ["renews", "price", "quantity"].iter().filter_map(|name| source.columns.get(*name)).collect(),
        _ => Vec::new(),
    };
    headers.into_iter().filter(|header| !source.is_static(header)).cloned().collect()
}

/// The fault a run would end with because of the rejected rows of `source`.
fn over(config: &Config, source: &SourceCheck, rejects: &[RejectCount], faults: &[Fault]) -> Option<Fault> {
    let (quality, count) = (&config.quality, source.count);
    let is_abort = quality.on_error == config::OnError::Abort;
    let limit = if is_abort { 0 } else { quality.max_rejects };
    let is_over_rate = count.rejected as f64 > quality.max_reject_rate * count.read as f64;
    if count.rejected <= limit && (is_abort || !is_over_rate) {
        return None;
    }
    let own: Vec<&RejectCount> = rejects.iter().filter(|reject| reject.source == source.name).collect();
    let worst = own.iter().max_by_key(|reject| reject.count)?;
    let files: Vec<String> = own.iter().map(|reject| reject.file.display().to_string()).collect();
    let is_over_count = count.rejected > limit;
    let limit = if is_over_count { limit.into() } else { Arg::from(format!("{} %", quality.max_reject_rate * 100.0)) };
    let worst_text = worst.column.as_ref().map_or_else(String::new, |column| format!(" {column}"));
    let is_own = |fault: &&Fault| fault.place().file.as_ref().is_some_and(|file| files.contains(file));
    Some(
        Fault::new(Code::TooManyRejects)
            .in_file(shown(&worst.file))
            .with("rejected", count.rejected)
            .with("read", count.read)
            .with("limit", limit)
            .with("worst", format!("{}{worst_text}", worst.code.id()))
            .and(faults.iter().filter(is_own).cloned().collect()),
    )
}

/// Dates learned from, and whether each is a test.
type TestedDates = Vec<(Date, bool)>;

/// The dates learned from, and the copies that they see, each of which is read.
fn dates(job: &Job<'_>, mut tables: Checked, schedule: &Schedule) -> Result<(TestedDates, Vec<CopiesTold>)> {
    let copies = attach_copies(job, &mut tables, schedule, &[])?;
    let dates = schedule.mature.iter().enumerate();
    Ok((dates.map(|(i, mature)| (mature.date, schedule.tests.contains(&i))).collect(), copies))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
