//! The suppression list: whose rows no run takes, and whom no delivery names. Whatever is wrong with it, nobody is taken for not being on it.

use std::path::{Path, PathBuf};

use osusume_model::{Code, Date, Fault, Result};
use osusume_storage::{Counts, Fs, InputEntry, Manifest};
use osusume_tables::{
    Anonymous, ColumnKind, ColumnSpec, CsvDialect, Identity, OnError, RejectLimits, SourceCount, SourceSpec,
    Suppressed, Ties, expand, read_suppressed,
};

use crate::calendar::Calendar;
use crate::config::{self, Config, Suppression};
use crate::stages::ingest::csv_encoding;

/// The list among the counts of a manifest: no source can have this name.
const COUNTED_AS: &str = "[suppression]";

/// The list as it stands now.
pub(crate) struct Listed {
    /// Who is on it.
    pub(crate) ids: Suppressed,
    /// Its files.
    pub(crate) inputs: Vec<InputEntry>,
}

impl Listed {
    /// What a manifest says of the list, where there is one.
    pub(crate) fn counts(list: Option<&Self>) -> Option<(String, Counts)> {
        let n = list?.ids.len() as u64;
        Some((COUNTED_AS.to_owned(), Counts { read: n, accepted: n, ..Counts::default() }))
    }
}

/// Reads the list and asks whether it can be trusted: whether every row can be read, whether it is new enough for a run as of `as_of`, and
/// whether it has lost customers since the run that `last` tells of. Nothing without `[suppression]`.
///
/// # Errors
/// `SuppressionUnread`, `SuppressionStale`, `SuppressionShrunken`.
pub(crate) fn read(config: &Config, fs: &dyn Fs, as_of: Date, last: Option<&Manifest>) -> Result<Option<Listed>> {
    let Some(declared) = &config.suppression else { return Ok(None) };
    let unread = |fault: Fault| Fault::new(Code::SuppressionUnread).because(fault.code().id()).and(vec![fault]);
    let spec = spec(config, declared).map_err(unread)?;
    check_age(config, declared, (fs, &spec.paths), as_of)?;
    let (ids, files) = read_suppressed(fs, &spec).map_err(unread)?;
    if ids.is_empty() && !declared.allow_empty {
        let file = spec.paths.first().map_or_else(String::new, |path| path.display().to_string());
        return Err(Fault::new(Code::SuppressionUnread).in_file(file).because("0"));
    }
    let before = last.and_then(|last| Some((last, last.counts.get(COUNTED_AS)?.read)));
    if let Some((last, before)) = before
        && (ids.len() as f64) < (1.0 - config.quality.max_shrink) * before as f64
    {
        let fault = Fault::new(Code::SuppressionShrunken).with("found", ids.len()).with("before", before);
        return Err(fault.with("run", last.run_id.to_string()));
    }
    let entry = |file: osusume_tables::InputFile| {
        let content = file.content?;
        Some(InputEntry { path: file.path.display().to_string(), bytes: content.bytes, sha256: content.sha256 })
    };
    Ok(Some(Listed { ids, inputs: files.into_iter().filter_map(entry).collect() }))
}

/// Who is on the list, for readings that nothing is decided by: as it stands.
///
/// # Errors
/// `SuppressionUnread`.
pub(crate) fn ids(config: &Config, fs: &dyn Fs) -> Result<Suppressed> {
    let Some(declared) = &config.suppression else { return Ok(Suppressed::default()) };
    let unread = |fault: Fault| Fault::new(Code::SuppressionUnread).because(fault.code().id()).and(vec![fault]);
    let found = spec(config, declared).and_then(|spec| read_suppressed(fs, &spec)).map_err(unread)?;
    Ok(found.0)
}

/// A list that holds nobody of whom the tables know is most likely one of other ids.
///
/// # Errors
/// `SuppressionUnmatched`.
pub(crate) fn check_matched(config: &Config, ids: &Suppressed, counts: &[(String, SourceCount)]) -> Result<()> {
    let is_allowed = config.suppression.as_ref().is_none_or(|declared| declared.allow_unmatched);
    if is_allowed || ids.is_empty() || counts.iter().any(|(_, count)| count.suppressed > 0) {
        return Ok(());
    }
    Err(Fault::new(Code::SuppressionUnmatched).with("found", ids.len()))
}

/// The newest file decides: a list in several files is delivered together.
fn check_age(config: &Config, declared: &Suppression, (fs, paths): (&dyn Fs, &[PathBuf]), as_of: Date) -> Result<()> {
    let Some(limit) = declared.max_age_days else { return Ok(()) };
    let calendar = Calendar::new(&config.pipeline.time_zone)?;
    let mut newest = None;
    for path in paths {
        let written = fs.metadata(path)?.map(|found| calendar.day(found.mtime_ns / 1_000));
        newest = newest.max(written);
    }
    let days = newest.map_or(i32::MAX, |date| as_of - date);
    if days <= limit {
        return Ok(());
    }
    let fault = Fault::new(Code::SuppressionStale).with("days", i64::from(days)).with("limit", i64::from(limit));
    let file = paths.first().map_or_else(String::new, |path| path.display().to_string());
    Err(fault.with("as_of", as_of.to_string()).in_file(file))
}

fn spec(config: &Config, declared: &Suppression) -> Result<SourceSpec> {
    let mut paths = Vec::new();
    for pattern in &declared.paths {
        paths.extend(expand(Path::new(pattern))?);
    }
    let is_parquet = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "parquet");
    let is_parquet = match declared.format {
        config::Format::Parquet => true,
        config::Format::Csv => false,
        config::Format::Auto => paths.first().is_some_and(is_parquet),
    };
    let dialect = CsvDialect {
        delimiter: declared.delimiter,
        encoding: csv_encoding(declared.encoding),
        ..CsvDialect::default()
    };
    let column = ColumnSpec {
        name: "id".to_owned(),
        header: declared.column.clone(),
        kind: ColumnKind::Customer,
        required: true,
    };
    Ok(SourceSpec {
        name: "suppression".to_owned(),
        paths,
        format: if is_parquet { osusume_tables::Format::Parquet } else { osusume_tables::Format::Csv(dialect) },
        zone: config.pipeline.time_zone.clone(),
        dates: osusume_tables::DateFormat::default(),
        columns: vec![column],
        customer: Some(0),
        order_by: None,
        interval: None,
        limits: RejectLimits { max_rejects: 0, max_reject_rate: 0.0, on_error: OnError::Abort },
        identity: Identity::Extends,
        anonymous: Anonymous::Reject,
        keep: Vec::new(),
        ties: Ties::Content,
        cutoff: None,
    })
}
