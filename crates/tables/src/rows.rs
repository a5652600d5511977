//! A few rows out of the middle of a large Parquet file of ours.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use osusume_model::{Code, Fault, Result};
use osusume_storage::Fs;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use crate::chunks::{Chunks, guarded, metadata};
use crate::input::in_file;

/// Reads `rows` of the named columns (all when empty), in the file's order of columns. Row groups outside are not touched, and pages
/// before the first row are skipped without being decompressed.
///
/// # Errors
/// `FileDamaged` when the file cannot be decoded or ends before the last row, `ColumnMissing`.
pub fn read_rows(fs: &dyn Fs, path: &Path, columns: &[&str], rows: Range<u64>) -> Result<RecordBatch> {
    let chunks = Chunks(Arc::from(fs.open(path)?));
    let metadata = metadata(&chunks, path, Code::FileDamaged)?;
    let mask = mask(&metadata, path, columns)?;
    let mut batches = Vec::new();
    for (group, part) in parts(&metadata, &rows) {
        let read = || {
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks.clone(), metadata.clone())
                .with_projection(mask.clone())
                .with_row_groups(vec![group])
                .with_offset(part.start as usize)
                .with_limit((part.end - part.start) as usize)
                .build()?;
            reader.collect::<std::result::Result<Vec<RecordBatch>, _>>().map_err(ParquetError::from)
        };
        batches.extend(guarded(Code::FileDamaged, path, read)?);
    }
    let damaged = |detail: &dyn std::fmt::Display| in_file(Code::FileDamaged, path).because(detail);
    let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    let batch = concat_batches(&schema, &batches).map_err(|error| damaged(&error))?;
    if batch.num_rows() as u64 == rows.end - rows.start { Ok(batch) } else { Err(damaged(&"rows are missing")) }
}

fn mask(metadata: &ArrowReaderMetadata, path: &Path, columns: &[&str]) -> Result<ProjectionMask> {
    if columns.is_empty() {
        return Ok(ProjectionMask::all());
    }
    let root = |name: &&str| {
        let missing = || in_file(Code::ColumnMissing, path).named(*name).with("column", *name);
        metadata.schema().index_of(name).map_err(|_| -> Fault { missing() })
    };
    let roots: Vec<usize> = columns.iter().map(root).collect::<Result<_>>()?;
    Ok(ProjectionMask::roots(metadata.parquet_schema(), roots))
}

/// The row groups `rows` lie in, and which of each one's own rows.
fn parts(metadata: &ArrowReaderMetadata, rows: &Range<u64>) -> Vec<(usize, Range<u64>)> {
    let mut start = 0;
    let mut parts = Vec::new();
    for (group, facts) in metadata.metadata().row_groups().iter().enumerate() {
        let end = start + u64::try_from(facts.num_rows()).unwrap_or(0);
        let part = rows.start.max(start)..rows.end.min(end);
        if part.start < part.end {
            parts.push((group, part.start - start..part.end - start));
        }
        start = end;
    }
    parts
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray, Int64Array, ListArray};
    use arrow::datatypes::{Float32Type, Int64Type};
    use osusume_storage::RealFs;

    use super::*;
    use crate::{ParquetSink, Target};

    #[test]
    fn rows_on_both_sides_of_a_group_border() {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::Dir { fs: Arc::new(RealFs), dir: dir.path().to_owned() };
        let batch = |from: i64, to: i64| {
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(from..to));
            let lists = (from..to).map(|n| Some([Some(n as f32), None]));
            let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(lists));
            RecordBatch::try_from_iter([("n", numbers), ("list", lists)]).unwrap()
        };
        let mut sink = ParquetSink::create(&target, "x.parquet", &batch(0, 1).schema(), &[]).unwrap();
        sink.write_group(&batch(0, 70_000)).unwrap();
        sink.write_group(&batch(70_000, 70_010)).unwrap();
        sink.finish().unwrap();
        let path = dir.path().join("x.parquet");
        for rows in [0..1, 69_999..70_002, 65_536..65_537, 70_009..70_010] {
            let read = read_rows(&RealFs, &path, &["list", "n"], rows.clone()).unwrap();
            let numbers = read.column_by_name("n").unwrap().as_primitive::<Int64Type>().values().to_vec();
            assert_eq!(numbers, (rows.start as i64..rows.end as i64).collect::<Vec<_>>());
            let first = read.column_by_name("list").unwrap().as_list::<i32>().value(0);
            assert_eq!(first.as_primitive::<Float32Type>().value(0).to_bits(), (rows.start as f32).to_bits());
        }
        assert_eq!(read_rows(&RealFs, &path, &[], 70_009..70_011).unwrap_err().code(), Code::FileDamaged);
        assert_eq!(read_rows(&RealFs, &path, &["m"], 0..1).unwrap_err().code(), Code::ColumnMissing);
    }
}
