//! Writing Parquet whose bytes depend on the rows alone, and reading it back by batches.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use osusume_model::{Code, Fault, Result};
use osusume_storage::{Fs, fault_in};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves};
use parquet::arrow::{ArrowWriter, arrow_writer::ArrowColumnWriter};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use crate::chunks::{Chunks, guarded, metadata};
use crate::input::in_file;
use crate::output::{FileFacts, OutputFile, Target};

/// Written into every file; constant, so that a newer build of the same format writes the same bytes.
const CREATED_BY: &str = "osusume";
/// Most rows of a group, unless groups are ended by hand.
const GROUP_ROWS: usize = 1 << 18;
/// Bytes of a group's rows, about: a wide table has fewer rows in a group, which is held until it is full.
const GROUP_BYTES: usize = 64 << 20;
/// Fewest rows of a group, however wide the table.
const FEWEST_GROUP_ROWS: usize = 1 << 14;
/// Rows of a data page at most.
const PAGE_ROWS: usize = 1 << 16;
/// Rows a reader hands over at once.
const READ_ROWS: usize = 1 << 16;

/// Writes batches as Parquet: zstd, fixed row groups, no statistics, no time stamps. Columns are encoded side by side.
pub struct ParquetSink {
    writer: SerializedFileWriter<OutputFile>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    group_rows: usize,
    rows: u64,
    n_groups: usize,
    path: std::path::PathBuf,
}

impl ParquetSink {
    /// Starts the file `relative` in `target`; `metadata` becomes the file's key-value pairs, in this order.
    pub fn create(target: &Target<'_>, relative: &str, schema: &Schema, metadata: &[(String, String)]) -> Result<Self> {
        let zstd = ZstdLevel::try_new(1).expect("zstd has a level 1");
        Self::create_packed(target, relative, schema, metadata, Compression::ZSTD(zstd))
    }

    /// The same for a file that is read once and soon: packed with Snappy, in less than half of the time and twice the room.
    pub fn create_quick(
        target: &Target<'_>,
        relative: &str,
        schema: &Schema,
        metadata: &[(String, String)],
    ) -> Result<Self> {
        Self::create_packed(target, relative, schema, metadata, Compression::SNAPPY)
    }

    fn create_packed(
        target: &Target<'_>,
        relative: &str,
        schema: &Schema,
        metadata: &[(String, String)],
        packing: Compression,
    ) -> Result<Self> {
        let file = target.create_file(relative)?;
        let path = file.path().to_owned();
        let schema = Arc::new(schema.clone());
        let options = ArrowWriterOptions::new()
            .with_properties(properties(&schema, metadata, packing))
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, Arc::clone(&schema), options);
        let (writer, factory) =
            writer.and_then(ArrowWriter::into_serialized_writer).map_err(|error| write_error(&path, error))?;
        let group_rows = GROUP_BYTES / 8 / schema.fields().len().max(1);
        let group_rows = group_rows.clamp(FEWEST_GROUP_ROWS, GROUP_ROWS);
        let (pending, pending_rows) = (Vec::new(), 0);
        Ok(Self { writer, factory, schema, pending, pending_rows, group_rows, rows: 0, n_groups: 0, path })
    }

    /// Appends rows; the batch must have the sink's schema.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut offset = 0;
        while offset < batch.num_rows() {
            let take = (batch.num_rows() - offset).min(self.group_rows - self.pending_rows);
            self.pending.push(batch.slice(offset, take));
            self.pending_rows += take;
            offset += take;
            if self.pending_rows == self.group_rows {
                self.end_group()?;
            }
        }
        Ok(())
    }

    /// Writes `batch` as one row group of its own, whatever its size.
    pub(crate) fn write_group(&mut self, batch: &RecordBatch) -> Result<()> {
        self.end_group()?;
        self.pending_rows = batch.num_rows();
        self.pending.push(batch.clone());
        self.end_group()
    }

    /// Adds a key-value pair that is only known after the rows.
    pub fn add_metadata(&mut self, key: &str, value: String) {
        self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
    }

    /// Ends the file and forces it to the disk.
    pub fn finish(mut self) -> Result<FileFacts> {
        self.end_group()?;
        let path = self.path;
        let file = self.writer.into_inner().map_err(|error| write_error(&path, error))?;
        file.finish(self.rows)
    }

    fn end_group(&mut self) -> Result<()> {
        if self.pending_rows == 0 {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        self.rows += std::mem::take(&mut self.pending_rows) as u64;
        self.encode(&pending).map_err(|error| write_error(&self.path, error))?;
        self.n_groups += 1;
        Ok(())
    }

    /// Encodes the rows of some batches as one row group. Its bytes do not depend on where one batch ends and the next begins.
    fn encode(&mut self, batches: &[RecordBatch]) -> std::result::Result<(), ParquetError> {
        let writers = self.factory.create_column_writers(self.n_groups)?;
        // One leaf a column unless lists are stored; those have one leaf too, since structs are never written.
        let fields = self.schema.fields();
        let chunks: std::result::Result<Vec<ArrowColumnChunk>, ParquetError> = writers
            .into_par_iter()
            .zip(fields.par_iter().enumerate())
            .map(|(writer, (column, field))| {
                let arrays: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
                match batches {
                    [one] => encode_column(writer, field, one.column(column)),
                    _ => encode_column(writer, field, &concat(&arrays)?),
                }
            })
            .collect();
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks? {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        Ok(())
    }
}

fn encode_column(
    mut writer: ArrowColumnWriter,
    field: &Field,
    array: &ArrayRef,
) -> std::result::Result<ArrowColumnChunk, ParquetError> {
    for leaf in compute_leaves(field, array)? {
        writer.write(&leaf)?;
    }
    writer.close()
}

fn properties(schema: &Schema, metadata: &[(String, String)], packing: Compression) -> WriterProperties {
    let pairs = metadata.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(packing)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_max_row_group_row_count(None)
        .set_key_value_metadata(Some(pairs));
    for field in schema.fields() {
        let (path, data_type) = leaf_of(field);
        // Instants, amounts and scores are mostly distinct: a dictionary of them costs time and saves nothing. Deltas are small.
        if matches!(data_type, DataType::Timestamp(_, _) | DataType::Int64 | DataType::UInt32) {
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        } else if data_type.is_floating() {
            builder = builder.set_column_dictionary_enabled(path, false);
        }
    }
    builder.build()
}

/// Where a column's values are stored: in itself, or in the items of a list.
fn leaf_of(field: &Field) -> (ColumnPath, &DataType) {
    match field.data_type() {
        DataType::List(item) | DataType::FixedSizeList(item, _) => {
            let path = vec![field.name().clone(), "list".to_owned(), item.name().clone()];
            (ColumnPath::new(path), item.data_type())
        }
        other => (ColumnPath::from(field.name().as_str()), other),
    }
}

fn write_error(path: &Path, error: ParquetError) -> Fault {
    fault_in(&error).unwrap_or_else(|| in_file(Code::CannotWrite, path).because(error))
}

/// Reads the named columns (all when empty) of a Parquet file of ours, batch by batch, in the given order of names.
///
/// # Errors
/// `FileDamaged` when it cannot be decoded, `ColumnMissing` when a column is not there; the first error ends the sequence.
pub fn read_batches(
    fs: &dyn Fs,
    path: &Path,
    columns: &[&str],
) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
    let chunks = Chunks(Arc::from(fs.open(path)?));
    let metadata = metadata(&chunks, path, Code::FileDamaged)?;
    let schema = Arc::clone(metadata.schema());
    let all: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let wanted = if columns.is_empty() { all.as_slice() } else { columns };
    let mut roots = Vec::with_capacity(wanted.len());
    for name in wanted {
        let root = schema.index_of(name);
        roots.push(root.map_err(|_| in_file(Code::ColumnMissing, path).named(*name).with("column", *name))?);
    }
    let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
    let mut sorted = roots.clone();
    sorted.sort_unstable();
    let order: Vec<usize> = roots.iter().map(|root| sorted.partition_point(|other| other < root)).collect();
    let mut reader = guarded(Code::FileDamaged, path, || {
        ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata)
            .with_projection(mask)
            .with_batch_size(READ_ROWS)
            .build()
    })?;
    let path = path.to_owned();
    let mut is_failed = false;
    Ok(std::iter::from_fn(move || {
        if is_failed {
            return None;
        }
        let batch = guarded(Code::FileDamaged, &path, || match reader.next() {
            None => Ok(None),
            Some(batch) => Ok(Some(batch?.project(&order)?)),
        });
        is_failed = batch.is_err();
        batch.transpose()
    }))
}

/// Rows and key-value pairs of a Parquet file of ours.
pub fn read_metadata(fs: &dyn Fs, path: &Path) -> Result<(u64, Vec<(String, String)>)> {
    let chunks = Chunks(Arc::from(fs.open(path)?));
    let metadata = metadata(&chunks, path, Code::FileDamaged)?;
    let file = metadata.metadata().file_metadata();
    let pairs = file.key_value_metadata().into_iter().flatten();
    let pairs = pairs.map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default())).collect();
    Ok((u64::try_from(file.num_rows()).unwrap_or(0), pairs))
}
