//! Features without a run: the feature table of a pipeline file as of its dates, for whoever works with it elsewhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Code, Date, Fault, FeatureSpec, Result};
use osusume_storage::{Digest, Fs, Lock, LockInfo, RealFs, RunId, Staging, check_destination, create_dirs};
use osusume_tables::{Files, Target};

use crate::calendar::{Calendar, LabelDays, Schedule};
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{AsOfPlan, Config};
use crate::host::{Event, Host, Stage};
use crate::job::{Job, Scene};
use crate::run::{attach_copies, check_not_over, check_not_read, goods, input_paths, read_sources};
use crate::stages::{features, ingest};

/// What table is wanted.
pub struct FeaturesRequest<'a> {
    /// The checked configuration.
    pub config: &'a Config,
    /// The last date; the pipeline file's otherwise. The others are those of `train.as_of` before it.
    pub as_of: Option<Date>,
    /// Memory budget in bytes.
    pub memory: u64,
    /// The file to write.
    pub out: &'a Path,
    /// The files the configuration was read from: nothing is written over them.
    pub configured_by: &'a [PathBuf],
    /// A directory that does not exist yet; it is made, used and removed.
    pub scratch: PathBuf,
    /// Who asks.
    pub lock: LockInfo,
}

/// What was written.
#[derive(Clone, Debug)]
pub struct WrittenFeatures {
    /// Pairs of a customer and a date on which they were one.
    pub rows: u64,
    /// The dictionary, in the order of the columns.
    pub specs: Vec<FeatureSpec>,
    /// The dates, ascending.
    pub dates: Vec<Date>,
    /// Customers in the tables, of any date.
    pub customers: u64,
    /// What it was made of.
    pub remains: Remains,
}

/// Tables and catalogue that a table of features was made of. Giving millions of rows and texts back takes time; a process that ends anyway
/// can save itself that with [`std::mem::forget`].
#[derive(Clone)]
pub struct Remains(Arc<(Checked, Goods)>);

impl std::fmt::Debug for Remains {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remains({} customers)", self.0.0.n_customers())
    }
}

/// Reads the sources as a run of the last date would and writes the features of every date into one Parquet file; nothing is trained and
/// no run is touched. The columns are the customer as the source calls them, `as_of`, and the features by name; amounts are in whole
/// units of the currency.
///
/// # Errors
/// What would stop a run before it trains; a destination that cannot be written.
pub fn write_features(request: &FeaturesRequest<'_>, host: &dyn Host) -> Result<WrittenFeatures> {
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    check_destination(&*fs, request.out)?;
    check_not_over(request.out, request.configured_by.iter().map(PathBuf::as_path), "≠ PIPELINE, --overlay")?;
    let written = write_in(request, &fs, host);
    // What was found matters more than a leftover in the scratch directory.
    drop(fs.remove_dir_all(&request.scratch));
    written
}

fn write_in(request: &FeaturesRequest<'_>, fs: &Arc<dyn Fs>, host: &dyn Host) -> Result<WrittenFeatures> {
    let config = request.config;
    let as_of = request.as_of.or(config.pipeline.as_of).ok_or_else(|| Fault::new(Code::AsOfMissing))?;
    let sources = ingest::reading_order(config);
    check_not_read(request.out, &input_paths(&sources)?, "--out")?;
    let lock = Lock::acquire(Arc::clone(fs), &request.scratch, &request.lock)?;
    let run_id = RunId::new(as_of, 1, &Digest::of(b"features")).expect("1 is a sequence number");
    let staging = Staging::create(&lock, run_id)?;
    let calendar = Calendar::new(&config.pipeline.time_zone)?;
    let scene = Scene { config, calendar: &calendar, host };
    let job = Job { scene, staging: &staging, memory: request.memory };
    host.event(Event::Begin(Stage::Ingest));
    let mut tables = read_sources(&job, &sources, None, Some(as_of), Files::Unheld)?.checked;
    let goods = goods(config, &tables)?;
    ingest::check_values(config, &tables)?;
    host.event(Event::End(Stage::Ingest));
    host.event(Event::Begin(Stage::Features));
    let schedule = dates(config, &calendar, as_of);
    attach_copies(&job, &mut tables, &schedule, &[])?;
    let part = part_of(request.out);
    let directory = request.out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_dirs(&**fs, directory)?;
    if fs.metadata(&part)?.is_some() {
        fs.remove_file(&part)?;
    }
    let target = Target::Dir { fs: Arc::clone(fs), dir: directory.to_owned() };
    let name = Path::new(part.file_name().unwrap_or_default());
    let table = features::write_table(&job, &tables, &goods, &schedule, (&target, name));
    let table = table.inspect_err(|_| drop(fs.remove_file(&part)))?;
    fs.rename(&part, request.out)?;
    fs.sync_dir(directory)?;
    host.event(Event::End(Stage::Features));
    let dates = schedule.mature.iter().chain([&schedule.score]).map(|date| date.date).collect();
    let customers = u64::from(tables.n_customers());
    let remains = Remains(Arc::new((tables, goods)));
    Ok(WrittenFeatures { rows: table.rows, specs: table.specs, dates, customers, remains })
}

/// Where the file grows until it is whole; another process has another.
fn part_of(out: &Path) -> PathBuf {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    out.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

/// The dates of `train.as_of` before the last one, and that; no labels are asked for, so none needs to be mature.
pub(crate) fn dates(config: &Config, calendar: &Calendar, as_of: Date) -> Schedule {
    let offers = &config.offers;
    let label = LabelDays { gap: offers.gap_days, horizon: offers.horizon_days, kept: offers.kept_days };
    if config.is_cross_section() {
        return Schedule { mature: Vec::new(), ..Schedule::at_once(calendar, as_of, label) };
    }
    match &config.train.as_of {
        AsOfPlan::Every { step, count } => Schedule::unlabeled(calendar, as_of, label, *step, *count),
        AsOfPlan::Dates { dates, tests } => {
            let mut dates: Vec<Date> = dates.iter().chain(tests).copied().filter(|date| *date < as_of).collect();
            dates.sort_unstable();
            dates.dedup();
            let mature = dates.into_iter().map(|date| calendar.as_of(date)).collect();
            Schedule { mature, ..Schedule::at_once(calendar, as_of, label) }
        }
    }
}
