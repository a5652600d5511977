//! Rejected rows: limits, deduplicated faults, and the files `quarantine/scans.csv` and `quarantine/rejects.csv`.
//!
//! Nothing here holds a cell's value: what was expected, the cell's length and its character classes take its place.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use osusume_model::{Arg, Code, Fault, Result};
use osusume_storage::write_fault;

use crate::DateFormat;
use crate::block::{BlockStart, InputFile, Reject};
use crate::ingest::SourceCount;
use crate::output::{OutputFile, Target};
use crate::spec::{OnError, RejectLimits, SourceSpec};
use crate::value::FLAGS_SHOWN;

/// Faults kept whole for each file, code and column.
const DETAILED: u64 = 5;
/// Rows after which the rate is looked at while a file is still being read: a few early rejects are no rate.
const RATE_ROWS: u64 = 10_000;

/// What stands before the line of the row that contradicts a rejected one.
pub(crate) const OTHER_LINE: &str = ", not also in line ";

const REJECTS_HEADER: &str = "run_id,file_id,line,record_no,byte_start,byte_len,row_group,row_in_group,column_idx,\
                              column_name,error_code,error_class,expected,value_bytes,value_shape,raw_sha256\n";
const SCANS_HEADER: &str =
    "file_id,source,path,bytes,sha256,dialect,rows_read,rows_accepted,rows_rejected,rows_excluded,first_error\n";

/// How often one code struck one column of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectCount {
    /// The source's name.
    pub source: String,
    /// The file as the user named it.
    pub file: PathBuf,
    /// What was wrong.
    pub code: Code,
    /// The column, where one is to blame.
    pub column: Option<String>,
    /// Rows.
    pub count: u64,
}

/// The first of `faults` for each count of `rejects`, with how many rows it stands for and of how many: the most frequent first, and
/// rows whose customer is unknown last, since they may be so because their customer's own row was rejected.
pub fn first_of_each(
    faults: &[Fault],
    rejects: &[RejectCount],
    rows_of: impl Fn(&RejectCount) -> Option<u64>,
) -> Vec<Fault> {
    let mut sources: Vec<&str> = rejects.iter().map(|reject| reject.source.as_str()).collect();
    sources.dedup();
    let source = |reject: &RejectCount| sources.iter().position(|name| *name == reject.source);
    let mut order: Vec<&RejectCount> = rejects.iter().collect();
    order.sort_by_key(|reject| (reject.code == Code::UnknownCustomer, source(reject), std::cmp::Reverse(reject.count)));
    let told = |reject: &&RejectCount| {
        let file = reject.file.display().to_string();
        let is_such = |fault: &&Fault| {
            let place = fault.place();
            fault.code() == reject.code && place.file.as_ref() == Some(&file) && place.name == reject.column
        };
        let fault = faults.iter().find(is_such)?.clone().with("alike", reject.count);
        Some(match rows_of(reject) {
            Some(rows) => fault.with("among", rows),
            None => fault,
        })
    };
    order.iter().filter_map(told).collect()
}

/// Key of a count: file, code, column.
type Key = (usize, Code, Option<usize>);

/// Collects the rejected rows of all sources.
pub(crate) struct Quarantine {
    run_id: String,
    rejects: OutputFile,
    n_rejects: u64,
    scans: String,
    /// Of the source being read.
    counts: BTreeMap<Key, u64>,
    files: Vec<PathBuf>,
    /// By file: the first code met.
    first_errors: Vec<Option<Code>>,
    /// By source: rows read.
    reads: BTreeMap<String, u64>,
    pub(crate) details: Vec<Fault>,
    pub(crate) totals: Vec<RejectCount>,
}

/// The file a reject belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Scan<'a> {
    pub(crate) spec: &'a SourceSpec,
    /// 1-based over all sources.
    pub(crate) file_id: usize,
    pub(crate) path: &'a Path,
    pub(crate) start: BlockStart,
}

impl Quarantine {
    pub(crate) fn create(target: &Target<'_>) -> Result<Self> {
        let mut rejects = target.create_file("quarantine/rejects.csv")?;
        let path = rejects.path().to_owned();
        rejects.write_all(REJECTS_HEADER.as_bytes()).map_err(|error| write_fault(&path, &error))?;
        Ok(Self {
            run_id: target.run_id(),
            rejects,
            n_rejects: 0,
            scans: SCANS_HEADER.to_owned(),
            counts: BTreeMap::new(),
            files: Vec::new(),
            first_errors: Vec::new(),
            reads: BTreeMap::new(),
            details: Vec::new(),
            totals: Vec::new(),
        })
    }

    /// Files begun so far.
    pub(crate) fn n_files(&self) -> usize {
        self.files.len()
    }

    /// Starts a file.
    pub(crate) fn begin_file(&mut self, path: &Path) {
        self.files.push(path.to_owned());
        self.first_errors.push(None);
    }

    /// Writes a reject down. With [`OnError::Abort`] it is returned as the fault it is.
    pub(crate) fn take(&mut self, scan: Scan<'_>, reject: &Reject) -> Result<()> {
        let fault = fault_of(scan, reject);
        self.first_errors[scan.file_id - 1].get_or_insert(reject.code);
        let line = line_of(&self.run_id, scan, reject);
        self.rejects.write_all(line.as_bytes()).map_err(|error| write_fault(self.rejects.path(), &error))?;
        self.n_rejects += 1;
        let count = self.counts.entry((scan.file_id, reject.code, reject.column)).or_insert(0);
        *count += 1;
        if *count <= DETAILED {
            self.details.push(fault.clone());
        }
        if scan.spec.limits.on_error == OnError::Abort { Err(fault) } else { Ok(()) }
    }

    /// Writes a file's line of the scans.
    pub(crate) fn end_file(&mut self, spec: &SourceSpec, file_id: usize, file: &InputFile, count: SourceCount) {
        *self.reads.entry(spec.name.clone()).or_insert(0) += count.read;
        let columns = [
            file_id.to_string(),
            spec.name.clone(),
            file.path.display().to_string(),
            file.content.map_or_else(String::new, |content| content.bytes.to_string()),
            file.content.map_or_else(String::new, |content| content.sha256.to_string()),
            file.dialect.clone(),
            count.read.to_string(),
            count.accepted.to_string(),
            count.rejected.to_string(),
            (count.excluded + count.suppressed).to_string(),
            self.first_errors[file_id - 1].map_or("", Code::id).to_owned(),
        ];
        for (i, column) in columns.iter().enumerate() {
            if i > 0 {
                self.scans.push(',');
            }
            push_field(&mut self.scans, column);
        }
        self.scans.push('\n');
    }

    /// Moves the source's counts to the totals.
    pub(crate) fn end_source(&mut self, spec: &SourceSpec) {
        for (key, count) in std::mem::take(&mut self.counts) {
            self.totals.push(self.reject_count(spec, key, count));
        }
    }

    /// The code and column that rejected most rows of the source being read.
    fn worst(&self, spec: &SourceSpec) -> String {
        let worst = self.counts.iter().max_by_key(|(key, count)| (**count, std::cmp::Reverse(**key)));
        worst.map_or_else(String::new, |((_, code, column), _)| {
            let mut text = code.id().to_owned();
            if let Some(column) = column {
                write!(text, " {}", spec.columns[*column].header).expect("writing to a String cannot fail");
            }
            text
        })
    }

    /// Faults when a file or source has crossed its limits.
    pub(crate) fn check(&self, spec: &SourceSpec, path: &Path, count: SourceCount, is_end: IsEnd) -> Result<()> {
        let RejectLimits { max_rejects, max_reject_rate, .. } = spec.limits;
        let may_rate = is_end == IsEnd::Yes || count.read >= RATE_ROWS;
        let over_rate = may_rate && count.rejected as f64 > max_reject_rate * count.read as f64;
        if count.rejected <= max_rejects && !over_rate {
            return Ok(());
        }
        let limit = if count.rejected > max_rejects {
            Arg::from(max_rejects)
        } else {
            Arg::from(format!("{} %", max_reject_rate * 100.0))
        };
        Err(Fault::new(Code::TooManyRejects)
            .in_file(path.display().to_string())
            .with("rejected", count.rejected)
            .with("read", count.read)
            .with("limit", limit)
            .with("worst", self.worst(spec))
            .and(first_of_each(&self.details, &self.so_far(spec), |reject| {
                let is_current = reject.source == spec.name;
                if is_current { Some(count.read) } else { self.reads.get(&reject.source).copied() }
            })))
    }

    /// The rows rejected until now, those of the source being read too.
    fn so_far(&self, spec: &SourceSpec) -> Vec<RejectCount> {
        let current = self.counts.iter().map(|(key, count)| self.reject_count(spec, *key, *count));
        self.totals.iter().cloned().chain(current).collect()
    }

    fn reject_count(&self, spec: &SourceSpec, (file, code, column): Key, count: u64) -> RejectCount {
        RejectCount {
            source: spec.name.clone(),
            file: self.files[file - 1].clone(),
            code,
            column: column.map(|column| spec.columns[column].header.clone()),
            count,
        }
    }

    /// Writes both files.
    pub(crate) fn finish(self, target: &Target<'_>) -> Result<()> {
        self.rejects.finish(self.n_rejects)?;
        let mut scans = target.create_file("quarantine/scans.csv")?;
        let path = scans.path().to_owned();
        scans.write_all(self.scans.as_bytes()).map_err(|error| write_fault(&path, &error))?;
        scans.finish(self.files.len() as u64)?;
        Ok(())
    }
}

/// Whether all rows of what is counted have been read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsEnd {
    Yes,
    NotYet,
}

/// A reject as a line of `rejects.csv`.
fn line_of(run_id: &str, scan: Scan<'_>, reject: &Reject) -> String {
    let (start, place) = (scan.start, reject.place);
    let mut line = run_id.to_owned();
    let mut field = |text: &str| {
        line.push(',');
        push_field(&mut line, text);
    };
    let number = |n: u64| n.to_string();
    field(&number(scan.file_id as u64));
    let is_text = start.row_group.is_none();
    let if_text = |n: u64| if is_text { n.to_string() } else { String::new() };
    field(&if_text(start.line + u64::from(place.line)));
    field(&number(start.record + u64::from(place.record) + 1));
    field(&if_text(start.byte + u64::from(place.byte)));
    field(&if_text(place.bytes.into()));
    field(&start.row_group.map_or_else(String::new, |group| number(group.into())));
    field(&start.row_group.map_or_else(String::new, |_| number(start.row_in_group + u64::from(place.record))));
    field(&reject.field.map_or_else(String::new, |field| number(field as u64 + 1)));
    field(reject.column.map_or("", |column| &scan.spec.columns[column].header));
    field(reject.code.id());
    field(&format!("{:?}", reject.code));
    field(&reject.expected);
    field(&number(reject.value_bytes as u64));
    field(&reject.shape);
    field(&reject.raw.map_or_else(String::new, |digest| digest.to_string()));
    line.push('\n');
    line
}

/// A reject as a message.
fn fault_of(scan: Scan<'_>, reject: &Reject) -> Fault {
    reject_fault(scan.path, scan.spec, scan.start, reject)
}

/// A rejected row of a file as a fault, with its place and the shape of what was refused.
pub(crate) fn reject_fault(path: &Path, spec: &SourceSpec, start: BlockStart, reject: &Reject) -> Fault {
    let place = reject.place;
    let mut fault = Fault::new(reject.code).in_file(path.display().to_string());
    let field = reject.field.map_or(1, |field| field as u64 + 1);
    fault = match start.row_group {
        None => fault.at(start.line + u64::from(place.line), field).at_byte(start.byte + u64::from(place.byte)),
        // Parquet has no lines: the row's number in the file stands in.
        Some(_) => fault.at(start.record + u64::from(place.record) + 1, field),
    };
    if let Some(column) = reject.column {
        fault = fault.named(&spec.columns[column].header);
    }
    if spec.limits.on_error == OnError::Abort {
        fault = fault.with("instead", "quarantine");
    }
    match reject.code {
        Code::ConflictingRows => match reject.expected.rsplit_once(OTHER_LINE) {
            Some((_, line)) => fault.with("other", line),
            None => fault,
        },
        Code::RowTooShort | Code::RowTooLong => {
            let (expected, got) = reject.expected.split_once(" fields, got ").unwrap_or((&reject.expected, ""));
            fault.with("got", got).with("expected", expected)
        }
        Code::OutOfRange => fault.with("allowed", &*reject.expected),
        Code::AmbiguousTime => fault.with("zone", spec.zone.as_str()),
        Code::RecordTooLarge => fault.with("bytes", u64::from(place.bytes)).with("limit", &*reject.expected),
        Code::WrongEncoding => fault.with("encoding", &*reject.expected),
        _ => {
            let fault = fault.with("expected", &*reject.expected).with("bytes", reject.value_bytes);
            spelled(fault.with("shape", reject.shape.as_str()), spec, &reject.expected)
        }
    }
}

/// A fault that also says how values of the kind are written.
fn spelled(fault: Fault, spec: &SourceSpec, expected: &str) -> Fault {
    match (fault.code(), expected) {
        (Code::WrongType, "flag") => fault.with("flags", FLAGS_SHOWN),
        (Code::WrongType, "date or time") => {
            let fault = fault.with("times", "2026-03-01, 2026-03-01T09:00:00+09:00");
            if spec.dates == DateFormat::default() { fault } else { fault.with("format", spec.dates.pattern()) }
        }
        _ => fault,
    }
}

/// Appends a CSV field, quoted where it must be.
fn push_field(line: &mut String, text: &str) {
    if text.contains(['"', ',', '\n', '\r']) {
        line.push('"');
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(text);
    }
}
