//! Inspect: the features of one customer as of a date, with the rows each of them is computed from.

use std::path::PathBuf;
use std::sync::Arc;

use osusume_model::{Code, Date, Fault, FeatureSpec, Result};
use osusume_storage::{Digest, Fs, Lock, LockInfo, RealFs, RunId, Staging};
use osusume_tables::Files;

use crate::calendar::Calendar;
use crate::config::Config;
use crate::feature_table::dates;
use crate::host::{Event, Host, Stage};
use crate::job::{Job, Scene};
use crate::run::{attach_copies, digest_inputs, goods, read_sources, schedule};
use crate::stages::{features, ingest};

/// Whose features are wanted, and as of when.
pub struct InspectRequest<'a> {
    /// The checked configuration.
    pub config: &'a Config,
    /// The customer's id, exactly as the tables spell it.
    pub customer: &'a str,
    /// The date of the run whose features they are; the pipeline file's otherwise. Nothing that arrived later is read.
    pub as_of: Option<Date>,
    /// The date the features are of, at most that of the run, such as one that models learn from; the run's own without it.
    pub at: Option<Date>,
    /// Memory budget in bytes.
    pub memory: u64,
    /// A directory that does not exist yet; it is made, used and removed.
    pub scratch: PathBuf,
    /// Who asks.
    pub lock: LockInfo,
}

/// What features say of a customer on a date.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The date.
    pub at: Date,
    /// Whether they were a customer on that day.
    pub is_customer: bool,
    /// Their rows in every table that a feature reads.
    pub tables: Vec<InspectedTable>,
    /// Every feature, in the order of the dictionary.
    pub features: Vec<InspectedFeature>,
}

/// The rows of one customer in one table.
#[derive(Clone, Debug)]
pub struct InspectedTable {
    /// The source.
    pub source: String,
    /// The columns by the names of the pipeline file.
    pub columns: Vec<String>,
    /// The rows that had happened and arrived before the date.
    pub rows: Vec<InspectedRow>,
    /// How many more had not, and are in no feature.
    pub hidden: u64,
}

/// One row.
#[derive(Clone, Debug)]
pub struct InspectedRow {
    /// Its number among the customer's rows, from 1 on.
    pub number: u32,
    /// One value a column.
    pub cells: Vec<Value>,
}

/// A feature's value and what it comes from.
#[derive(Clone, Debug)]
pub struct InspectedFeature {
    /// Its entry in the dictionary.
    pub spec: FeatureSpec,
    /// Its value; amounts are in whole units of the currency.
    pub value: Value,
    /// The table it reads.
    pub source: String,
    /// Numbers of the rows it is computed from, ascending; of recencies and the newest value only the row that decides.
    pub rows: Vec<u32>,
}

/// A value of a row or a feature.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// None; for features the dictionary says what that means.
    Absent,
    /// A number.
    Number(f64),
    /// A level, or a time by the clocks of the pipeline's zone.
    Text(String),
    /// A level that too few customers have for a name.
    Other,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Reads the sources as a run of the date would and computes the features of one customer; nothing is kept.
///
/// # Errors
/// What would stop a run before its features; `CustomerNotInTables`, which does not name the customer; `OptionNotAllowed` for a date after
/// the run's.
pub fn inspect(request: &InspectRequest<'_>, host: &dyn Host) -> Result<Inspected> {
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let inspected = inspect_in(request, &fs, host);
    // What was found matters more than a leftover in the scratch directory.
    drop(fs.remove_dir_all(&request.scratch));
    inspected
}

fn inspect_in(request: &InspectRequest<'_>, fs: &Arc<dyn Fs>, host: &dyn Host) -> Result<Inspected> {
    let config = request.config;
    let as_of = request.as_of.or(config.pipeline.as_of).ok_or_else(|| Fault::new(Code::AsOfMissing))?;
    let at = request.at.unwrap_or(as_of);
    if at > as_of {
        let fault = Fault::new(Code::OptionNotAllowed).with("option", "--at").with("got", at.to_string());
        return Err(fault.with("allowed", format!("≤ {as_of}")));
    }
    let sources = ingest::reading_order(config);
    let inputs = digest_inputs(&sources, &**fs, host)?;
    let lock = Lock::acquire(Arc::clone(fs), &request.scratch, &request.lock)?;
    let run_id = RunId::new(as_of, 1, &Digest::of(b"inspect")).expect("1 is a sequence number");
    let staging = Staging::create(&lock, run_id)?;
    let calendar = Calendar::new(&config.pipeline.time_zone)?;
    let scene = Scene { config, calendar: &calendar, host };
    let job = Job { scene, staging: &staging, memory: request.memory };
    host.event(Event::Begin(Stage::Ingest));
    let mut tables = read_sources(&job, &sources, Some(&inputs), Some(as_of), Files::Unheld)?.checked;
    let goods = goods(config, &tables)?;
    host.event(Event::End(Stage::Ingest));
    let customer = tables
        .customers
        .find(request.customer)
        .ok_or_else(|| Fault::new(Code::CustomerNotInTables).with("as_of", as_of.to_string()))?;
    host.event(Event::Begin(Stage::Features));
    // Where there are no labels yet, a run would end; its features can be looked at all the same.
    let schedule = schedule(&job, &tables, as_of).unwrap_or_else(|_| dates(config, &calendar, as_of));
    let at = calendar.as_of(at);
    attach_copies(&job, &mut tables, &schedule, &[at])?;
    let inspected = features::inspect(&job, &tables, &goods, &schedule, (customer, at))?;
    host.event(Event::End(Stage::Features));
    Ok(inspected)
}
