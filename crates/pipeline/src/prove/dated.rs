//! Dated copies of reloaded tables, disturbed: what was copied after a date must change nothing there.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use osusume_model::Result;
use osusume_storage::{Fs, RealFs, create_dirs, write_fault};
use osusume_tables::arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use osusume_tables::arrow::compute::take;
use osusume_tables::{ParquetSink, Target, read_batches, read_metadata};

use super::perturb::{Disturbance, Wish};
use crate::config::Config;
use crate::copies::{self, CopyFile};
use crate::kernel::{arrow_fault, batch};

/// Largest copy that is held at once to be written elsewhere.
const LARGEST: u64 = 1 << 32;

/// Writes all copies below `dir` again: those after the date of the wish are left out, or say of each customer what they said of another.
/// Makes `config` read them and returns the number of rows disturbed by source.
///
/// # Errors
/// Faults of reading and writing.
pub(super) fn disturb(config: &mut Config, wish: &Wish<'_>, dir: &Path) -> Result<Vec<(String, u64)>> {
    let is_about_rows = wish.disturbance == Disturbance::Deleted || wish.disturbance.changes();
    if wish.is_of_run || !is_about_rows {
        return Ok(Vec::new());
    }
    let root = dir.join("history");
    let mut counts = Vec::new();
    let names: Vec<String> = copies::sources(config).map(|source| source.name.clone()).collect();
    for name in names {
        let is_wanted = wish.source.is_none_or(|source| source == name);
        let to = root.join(&config.pipeline.name).join(&name);
        create_dirs(&RealFs, &to)?;
        let mut rows = 0;
        for copy in copies::of_source(&RealFs, config, &name)? {
            if !is_wanted || copy.as_of <= wish.as_of.date {
                duplicate(&copy, &to)?;
                continue;
            }
            rows += read_metadata(&RealFs, &copy.path)?.0;
            if wish.disturbance.changes() {
                change(&copy, wish.column, &to)?;
            }
        }
        counts.push((name, rows));
    }
    config.run.copies = root;
    Ok(counts)
}

fn duplicate(copy: &CopyFile, to: &Path) -> Result<()> {
    let bytes = RealFs.open(&copy.path)?.read_all(LARGEST)?;
    let path = to.join(copy.path.file_name().unwrap_or_default());
    let mut file = RealFs.create(&path)?;
    file.write_all(&bytes).map_err(|error| write_fault(&path, &error))?;
    file.sync()
}

/// Turns the values of all columns, or of one, against the customers.
fn change(copy: &CopyFile, column: Option<&str>, to: &Path) -> Result<()> {
    let target = Target::Dir { fs: Arc::new(RealFs), dir: to.to_owned() };
    let (_, metadata) = read_metadata(&RealFs, &copy.path)?;
    let own = metadata.into_iter().filter(|(key, _)| key.starts_with("osusume.")).collect::<Vec<_>>();
    let part = ".part.parquet";
    let mut sink: Option<ParquetSink> = None;
    for rows in read_batches(&RealFs, &copy.path, &[])? {
        let rows = turned(&rows?, column)?;
        let sink = match &mut sink {
            Some(sink) => sink,
            None => sink.insert(ParquetSink::create(&target, part, &rows.schema(), &own)?),
        };
        sink.write(&rows)?;
    }
    let Some(sink) = sink else { return duplicate(copy, to) };
    let written = sink.finish()?;
    RealFs.rename(&to.join(part), &to.join(copies::name_of(copy.as_of, &written.sha256)))
}

fn turned(rows: &RecordBatch, column: Option<&str>) -> Result<RecordBatch> {
    let n_rows = rows.num_rows() as u32;
    let order = UInt32Array::from((0..n_rows).rev().collect::<Vec<u32>>());
    let schema = rows.schema();
    let turn = |(at, values): (usize, &ArrayRef)| {
        let is_meant = at > 0 && column.is_none_or(|column| schema.field(at).name() == column);
        if is_meant { take(values, &order, None).map_err(arrow_fault) } else { Ok(Arc::clone(values)) }
    };
    batch(&schema, rows.columns().iter().enumerate().map(turn).collect::<Result<Vec<ArrayRef>>>()?)
}
