//! The rows of copies: written by the run that read the table, and read by later ones as versions of each customer.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{AsOf, Code, Control, Fault, Result};
use osusume_storage::{Fs, hash_file};
use osusume_tables::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use osusume_tables::arrow::compute::take;
use osusume_tables::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use osusume_tables::{
    Anonymous, Column, ColumnKind, ColumnSpec, CustomerIndex, DateFormat, Files, Format, Identity, Ingest, OnError,
    ParquetSink, Part, RejectLimits, SourceSpec, TableFile, Target, Ties, Values, read_batches, read_metadata,
};

use super::{Copied, CopyFile, newest, sources, staged, table_of};
use crate::checked::Checked;
use crate::config::Source;
use crate::job::Job;
use crate::kernel::batch;
use crate::stages::consents::opted_out;
use crate::stages::ingest;

/// The format of copies.
const FORMAT: (&str, &str) = ("osusume.copy_version", "1");
/// Whose row it is.
const CUSTOMER: &str = "customer";
/// Since when a row is known, in the table made of copies.
const KNOWN: &str = "arrived";
/// Where that table is made, below the directory of the run; gone before it is published.
const WORK: &str = "copies-work";
/// The parts of the memory budget that the table is made with, and that it may keep.
const BUDGET_SHARE: u64 = 8;

/// Writes a copy of every reloaded table into the run: of the columns that change, in the order of customers, without those who refused
/// every channel.
///
/// # Errors
/// Faults of reading and writing, and a stop asked for.
pub(crate) fn write(job: &Job<'_>, tables: &Checked, as_of: AsOf) -> Result<()> {
    for source in sources(job.config) {
        let Some(table) = tables.table(&source.name) else { continue };
        let columns = ingest::copied_columns(job.config, source);
        let schema = Arc::new(schema(&columns, false));
        let metadata = [(FORMAT.0.to_owned(), FORMAT.1.to_owned())];
        let mut sink = ParquetSink::create(&job.target(), &staged(&source.name), &schema, &metadata)?;
        for customers in tables.passes() {
            job.check_stop()?;
            let asked: Vec<u32> = customers.clone().collect();
            let is_left_out = opted_out(job, tables, &asked, as_of)?;
            let part = read(table, &columns, customers.clone(), &job.quiet())?;
            let rows = (0..part.n_rows).filter(|&row| !is_left_out[(part.customer[row] - customers.start) as usize]);
            let rows: Vec<usize> = rows.collect();
            sink.write(&batch(&schema, arrays(&part, &columns, &tables.customers, &rows))?)?;
        }
        sink.finish()?;
    }
    Ok(())
}

fn read(
    table: &TableFile,
    columns: &[ColumnSpec],
    customers: std::ops::Range<u32>,
    control: &dyn Control,
) -> Result<Part> {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    table.read(customers, &names, control)
}

/// The schema of a copy, or with `is_dated` of the table made of several.
fn schema(columns: &[ColumnSpec], is_dated: bool) -> Schema {
    let known = is_dated.then(|| Field::new(KNOWN, instant(), false));
    let own = columns.iter().map(|column| Field::new(&column.name, stored(column.kind), true));
    Schema::new(
        std::iter::once(Field::new(CUSTOMER, DataType::Utf8, false)).chain(known).chain(own).collect::<Vec<_>>(),
    )
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn stored(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Integer | ColumnKind::Units | ColumnKind::Minor { .. } => DataType::Int64,
        ColumnKind::Decimal | ColumnKind::Measure => DataType::Float64,
        ColumnKind::Flag => DataType::Boolean,
        ColumnKind::Timestamp => instant(),
        ColumnKind::Customer | ColumnKind::Text | ColumnKind::Category | ColumnKind::Coded(_) | ColumnKind::List => {
            DataType::Utf8
        }
    }
}

/// The columns of a copy: the customers' ids, and what stands in `rows` of a part.
fn arrays(part: &Part, columns: &[ColumnSpec], customers: &CustomerIndex, rows: &[usize]) -> Vec<ArrayRef> {
    let ids: StringArray = rows.iter().map(|&row| Some(customers.id(part.customer[row]))).collect();
    let own = part.columns.iter().zip(columns).map(|(column, spec)| array(column, spec.kind, rows));
    std::iter::once(Arc::new(ids) as ArrayRef).chain(own).collect()
}

fn array(column: &Column, kind: ColumnKind, rows: &[usize]) -> ArrayRef {
    let is_there = |row: usize| column.valid.as_ref().is_none_or(|valid| valid[row]);
    let there = || rows.iter().map(|&row| Some(row).filter(|&row| is_there(row)));
    match &column.values {
        Values::I64(values) if kind == ColumnKind::Flag => {
            Arc::new(there().map(|row| row.map(|row| values[row] != 0)).collect::<BooleanArray>())
        }
        Values::I64(values) if kind == ColumnKind::Timestamp => {
            let times: TimestampMicrosecondArray = there().map(|row| row.map(|row| values[row])).collect();
            Arc::new(times.with_timezone("UTC"))
        }
        Values::I64(values) => Arc::new(there().map(|row| row.map(|row| values[row])).collect::<Int64Array>()),
        Values::F64(values) => Arc::new(there().map(|row| row.map(|row| values[row])).collect::<Float64Array>()),
        Values::Code(codes) => {
            let names = column.dictionary.clone().unwrap_or_default();
            let name = |row: usize| names.get(codes[row] as usize).map(String::as_str);
            Arc::new(there().map(|row| row.and_then(name)).collect::<StringArray>())
        }
        Values::Text(texts) => Arc::new(there().map(|row| row.map(|row| texts.get(row))).collect::<StringArray>()),
    }
}

/// Makes the copies that `mature` and `others` see known to the stages, beside the tables of the run. Nothing is read where no date that is
/// learned from has one.
///
/// # Errors
/// Copies that are not what they were, faults of reading and writing, and a stop asked for.
pub(crate) fn attach(
    job: &Job<'_>,
    tables: &mut Checked,
    copies: &[CopyFile],
    (mature, others, score): (&[AsOf], &[AsOf], AsOf),
) -> Result<()> {
    for source in sources(job.config) {
        let own: Vec<&CopyFile> = copies.iter().filter(|copy| copy.source == source.name).collect();
        let seen_at =
            |dates: &[AsOf]| -> BTreeSet<usize> { dates.iter().filter_map(|at| newest(&own, at.date)).collect() };
        let learned = seen_at(mature);
        if learned.is_empty() || tables.table(&source.name).is_none() {
            continue;
        }
        let seen: Vec<(&CopyFile, bool)> =
            learned.union(&seen_at(others)).map(|&at| (own[at], learned.contains(&at))).collect();
        let work = Work { job, source, dir: job.staging.dir().join(WORK), score };
        work.attach(tables, &seen)?;
    }
    Ok(())
}

/// Removes what [`attach`] made; its tables must not be read any more.
///
/// # Errors
/// Faults of writing.
pub(crate) fn detach(job: &Job<'_>) -> Result<()> {
    let (fs, dir) = (job.staging.fs(), job.staging.dir().join(WORK));
    if fs.metadata(&dir)?.is_some() { fs.remove_dir_all(&dir) } else { Ok(()) }
}

/// The copies of one source on their way into a table.
struct Work<'a> {
    job: &'a Job<'a>,
    source: &'a Source,
    dir: PathBuf,
    score: AsOf,
}

impl Work<'_> {
    fn attach(&self, tables: &mut Checked, seen: &[(&CopyFile, bool)]) -> Result<()> {
        let columns = ingest::copied_columns(self.job.config, self.source);
        let name = table_of(&self.source.name);
        let target = Target::Dir { fs: Arc::clone(self.job.staging.fs()), dir: self.dir.clone() };
        let rows = format!("{name}.rows.parquet");
        let told = self.gather(tables, seen, &columns, (&target, &rows))?;
        let lacking = columns.iter().filter(|column| told.is_lacking(&column.name));
        let lacking: Vec<String> = lacking.map(|column| column.header.clone()).collect();
        if !lacking.is_empty() {
            let fault = Fault::new(Code::CopiesLackColumns).with("source", self.source.name.as_str());
            self.job.warn(fault.with("columns", lacking));
        }
        let spec = spec(&name, self.dir.join(&rows), &columns);
        let memory = self.job.memory / BUDGET_SHARE;
        let quiet = self.job.quiet();
        let mut reading = Ingest::new(target, memory, &quiet)?.without_digests().knowing(&tables.customers);
        reading.read(&spec)?;
        let written = reading.finish_holding(Files::Unheld, memory / 2)?;
        let table = match written.held.into_iter().next() {
            Some((_, table)) => table,
            None => TableFile::open(&**self.job.staging.fs(), &self.dir.join(format!("tables/{name}.parquet")))?,
        };
        let known = seen.iter().map(|(copy, _)| since(self.job.calendar.as_of(copy.as_of)));
        let known = known.chain([since(self.score)]).collect();
        let is_learned = |column: &&ColumnSpec| told.learned.contains(&column.name);
        let columns = columns.iter().filter(is_learned).map(|column| column.name.clone()).collect();
        tables.attach(&self.source.name, table, Copied { table: name, known, columns });
        Ok(())
    }

    /// Writes the rows of the copies and of the run's own table one after the other, each with the instant since when it was known, and
    /// those of today's customers alone.
    fn gather(
        &self,
        tables: &Checked,
        seen: &[(&CopyFile, bool)],
        columns: &[ColumnSpec],
        (target, name): (&Target<'_>, &str),
    ) -> Result<Gathered> {
        let schema = Arc::new(schema(columns, true));
        let mut sink = ParquetSink::create_quick(target, name, &schema, &[])?;
        let mut gathered = Gathered::default();
        let fs = &**self.job.staging.fs();
        for (copy, is_learned) in seen {
            self.check(fs, copy)?;
            let known = since(self.job.calendar.as_of(copy.as_of));
            for rows in read_batches(fs, &copy.path, &[])? {
                self.job.check_stop()?;
                let rows = rows?;
                gathered.take_note(&rows, columns, *is_learned);
                let aligned = aligned(&rows, &schema, &tables.customers, known);
                sink.write(&aligned.ok_or_else(|| damaged(&copy.path, "no customers"))?)?;
            }
        }
        let table = tables.table(&self.source.name).ok_or_else(|| Fault::new(Code::Bug))?;
        for customers in tables.passes() {
            let part = read(table, columns, customers, &self.job.quiet())?;
            let rows: Vec<usize> = (0..part.n_rows).collect();
            let mut own = arrays(&part, columns, &tables.customers, &rows);
            own.insert(1, instants(since(self.score), rows.len()));
            sink.write(&batch(&schema, own)?)?;
        }
        sink.finish()?;
        Ok(gathered)
    }

    /// A copy must be what it was when it was made.
    fn check(&self, fs: &dyn Fs, copy: &CopyFile) -> Result<()> {
        let content = hash_file(fs, &copy.path, &self.job.quiet())?;
        if content.sha256 != copy.sha256 {
            return Err(damaged(&copy.path, "other bytes than its name says"));
        }
        let (_, metadata) = read_metadata(fs, &copy.path)?;
        let version = metadata.iter().find(|(key, _)| key == FORMAT.0).map_or("none", |(_, value)| value);
        if version == FORMAT.1 {
            return Ok(());
        }
        let fault = Fault::new(Code::FormatVersion).in_file(copy.path.display().to_string());
        Err(fault.with("found", version).with("supported", FORMAT.1))
    }
}

/// What copies hold.
#[derive(Default)]
struct Gathered {
    /// Columns that a copy which is learned from has.
    learned: BTreeSet<String>,
    /// Columns that a copy has not, or in another kind.
    lacking: BTreeSet<String>,
}

impl Gathered {
    fn take_note(&mut self, rows: &RecordBatch, columns: &[ColumnSpec], is_learned: bool) {
        for column in columns {
            if !has(rows, &column.name, &stored(column.kind)) {
                self.lacking.insert(column.name.clone());
            } else if is_learned {
                self.learned.insert(column.name.clone());
            }
        }
    }

    fn is_lacking(&self, column: &str) -> bool {
        self.lacking.contains(column)
    }
}

fn has(rows: &RecordBatch, column: &str, stored: &DataType) -> bool {
    rows.schema().field_with_name(column).is_ok_and(|field| field.data_type() == stored)
}

/// The instant from which on a copy counts: a date sees what was copied that day.
fn since(as_of: AsOf) -> i64 {
    as_of.instant.0 - 1
}

fn instants(known: i64, n_rows: usize) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(vec![known; n_rows]).with_timezone("UTC"))
}

/// The rows of today's customers with the columns of `schema`; what the copy lacks, or has in another kind, is absent. Nothing where it does
/// not say whose they are.
fn aligned(rows: &RecordBatch, schema: &SchemaRef, customers: &CustomerIndex, known: i64) -> Option<RecordBatch> {
    let ids = rows.column_by_name(CUSTOMER)?.as_string_opt::<i32>()?;
    let is_known = |row: &u32| !ids.is_null(*row as usize) && customers.find(ids.value(*row as usize)).is_some();
    let kept = UInt32Array::from((0..rows.num_rows() as u32).filter(is_known).collect::<Vec<u32>>());
    let column = |field: &Arc<Field>| match field.name().as_str() {
        KNOWN => Some(instants(known, kept.len())),
        name if has(rows, name, field.data_type()) => take(rows.column_by_name(name)?, &kept, None).ok(),
        _ => Some(new_null_array(field.data_type(), kept.len())),
    };
    let columns = schema.fields().iter().map(column).collect::<Option<Vec<ArrayRef>>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns).ok()
}

fn damaged(path: &Path, why: &str) -> Fault {
    Fault::new(Code::FileDamaged).in_file(path.display().to_string()).because(why)
}

/// The table of copies as a source: several rows a customer, ordered by when they were known.
fn spec(name: &str, path: PathBuf, columns: &[ColumnSpec]) -> SourceSpec {
    let column =
        |name: &str, kind, required| ColumnSpec { name: name.to_owned(), header: name.to_owned(), kind, required };
    let own = columns.iter().map(|spec| {
        // Amounts are stored in minor units.
        let kind = match spec.kind {
            ColumnKind::Minor { .. } => ColumnKind::Integer,
            ColumnKind::Measure => ColumnKind::Decimal,
            kind => kind,
        };
        column(&spec.name, kind, false)
    });
    let first = [column(CUSTOMER, ColumnKind::Customer, true), column(KNOWN, ColumnKind::Timestamp, true)];
    SourceSpec {
        name: name.to_owned(),
        paths: vec![path],
        format: Format::Parquet,
        zone: "UTC".to_owned(),
        columns: first.into_iter().chain(own).collect(),
        customer: Some(0),
        order_by: Some(1),
        limits: RejectLimits { max_rejects: 0, max_reject_rate: 0.0, on_error: OnError::Abort },
        interval: None,
        dates: DateFormat::default(),
        identity: Identity::MustExist,
        anonymous: Anonymous::Reject,
        keep: Vec::new(),
        ties: Ties::Content,
        cutoff: None,
    }
}
