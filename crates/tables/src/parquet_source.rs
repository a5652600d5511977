//! Parquet files as a record source.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use osusume_model::{Code, Fault, NoControl, Result};
use osusume_storage::{Fs, Metadata, ReadFile, hash_open};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use rayon::prelude::*;

use crate::block::{Block, BlockColumn, BlockStart, InputFile, RecordSource, Reject, RowPlace};
use crate::chunks::{Chunks, guarded, metadata, wrong_format};
use crate::convert::{can_serve, convert};
use crate::csv::column_missing;
use crate::input::{check_unchanged, in_file, sniff};
use crate::spec::{ColumnSpec, SourceSpec};
use crate::value::{CellFault, expected};
use crate::zone::Zone;

/// Rows decoded at once.
const BATCH_ROWS: usize = 1 << 16;
/// Batches decoded before they are converted side by side.
const BATCHES: usize = 8;

/// Reads one Parquet file.
pub(crate) struct ParquetSource {
    path: PathBuf,
    file: Arc<dyn ReadFile>,
    before: Metadata,
    metadata: ArrowReaderMetadata,
    layout: Arc<Layout>,
    mask: ProjectionMask,
    /// The row group being read, its reader, and the rows read of it.
    reader: Option<(u32, ParquetRecordBatchReader, u64)>,
    next_group: u32,
    ready: Vec<(BlockStart, RecordBatch)>,
    is_started: bool,
    records: u64,
}

/// What a batch is converted with.
struct Layout {
    columns: Vec<ColumnSpec>,
    /// Position in the projected batch of each declared column.
    position: Vec<usize>,
    /// Position in the file.
    fields: Arc<[usize]>,
    zone: Arc<Zone>,
}

impl ParquetSource {
    pub(crate) fn open(fs: &dyn Fs, path: &Path, spec: &SourceSpec, zone: Arc<Zone>) -> Result<Self> {
        let file: Arc<dyn ReadFile> = Arc::from(fs.open_input(path)?);
        let before = file.metadata()?;
        check_magic(&*file, path)?;
        let metadata = metadata(&Chunks(Arc::clone(&file)), path, Code::ParquetDamaged)?;
        let roots = find_columns(&metadata, path, spec)?;
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
        let mut sorted = roots.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let position = roots.iter().map(|root| sorted.partition_point(|other| other < root)).collect();
        Ok(Self {
            path: path.to_owned(),
            file,
            before,
            metadata,
            layout: Arc::new(Layout { columns: spec.columns.clone(), position, fields: roots.into(), zone }),
            mask,
            reader: None,
            next_group: 0,
            ready: Vec::new(),
            is_started: false,
            records: 0,
        })
    }

    /// Decodes the next batches, from row group to row group.
    fn decode(&mut self) -> Result<Vec<(BlockStart, RecordBatch)>> {
        let mut batches = Vec::with_capacity(BATCHES);
        while batches.len() < BATCHES {
            let Some((group, reader, rows)) = &mut self.reader else {
                if self.next_group as usize >= self.metadata.metadata().num_row_groups() {
                    break;
                }
                self.reader = Some((self.next_group, self.open_group(self.next_group)?, 0));
                self.next_group += 1;
                continue;
            };
            let batch =
                guarded(Code::ParquetDamaged, &self.path, || reader.next().transpose().map_err(ParquetError::from));
            let group_number = *group;
            match batch.map_err(|fault| fault.named(format!("row group {group_number}")))? {
                Some(batch) => {
                    let start = BlockStart {
                        record: self.records,
                        row_group: Some(*group),
                        row_in_group: *rows,
                        ..BlockStart::default()
                    };
                    *rows += batch.num_rows() as u64;
                    self.records += batch.num_rows() as u64;
                    batches.push((start, batch));
                }
                None => self.end_group()?,
            }
        }
        Ok(batches)
    }

    fn open_group(&self, group: u32) -> Result<ParquetRecordBatchReader> {
        let chunks = Chunks(Arc::clone(&self.file));
        guarded(Code::ParquetDamaged, &self.path, || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, self.metadata.clone())
                .with_projection(self.mask.clone())
                .with_row_groups(vec![group as usize])
                .with_batch_size(BATCH_ROWS)
                .build()
        })
    }

    fn end_group(&mut self) -> Result<()> {
        let Some((group, _, rows)) = self.reader.take() else { return Ok(()) };
        let declared = self.metadata.metadata().row_group(group as usize).num_rows();
        if u64::try_from(declared) == Ok(rows) {
            return Ok(());
        }
        Err(in_file(Code::ParquetDamaged, &self.path)
            .because(format!("row group {group} holds {rows} of {declared} rows")))
    }
}

impl RecordSource for ParquetSource {
    fn next_blocks(&mut self) -> Result<Vec<Block>> {
        if !std::mem::replace(&mut self.is_started, true) {
            self.ready = self.decode()?;
        }
        let current = std::mem::take(&mut self.ready);
        if current.is_empty() {
            return Ok(Vec::new());
        }
        let layout = Arc::clone(&self.layout);
        let path = self.path.clone();
        let (next, blocks) = rayon::join(
            || self.decode(),
            || {
                current
                    .into_par_iter()
                    .map(|(start, batch)| layout.block(&path, start, &batch))
                    .collect::<Result<Vec<_>>>()
            },
        );
        let blocks = blocks?;
        self.ready = next?;
        Ok(blocks)
    }

    fn finish(&mut self) -> Result<InputFile> {
        let content = hash_open(&*self.file, &NoControl)?;
        check_unchanged(&*self.file, self.before, &self.path)?;
        Ok(InputFile { path: self.path.clone(), content, dialect: "parquet".to_owned() })
    }
}

impl Layout {
    fn block(&self, path: &Path, start: BlockStart, batch: &RecordBatch) -> Result<Block> {
        let mut first_fault: Vec<Option<(usize, CellFault)>> = vec![None; batch.num_rows()];
        let mut columns = Vec::with_capacity(self.columns.len());
        for (i, column) in self.columns.iter().enumerate() {
            let array = batch.column(self.position[i]);
            let converted = guarded(Code::ParquetDamaged, path, || {
                convert(array, column, &[], &self.zone).map_err(|error| ParquetError::General(error.to_string()))
            });
            let (builder, faults) = converted?;
            for (row, fault) in faults {
                first_fault[row].get_or_insert((i, fault));
            }
            columns.push(BlockColumn { cells: builder.cells, levels: builder.levels });
        }
        Ok(assemble(start, batch.num_rows(), &self.fields, columns, &first_fault))
    }
}

/// Drops the rows with a fault from all columns.
fn assemble(
    start: BlockStart,
    n_rows: usize,
    fields: &Arc<[usize]>,
    mut columns: Vec<BlockColumn>,
    first_fault: &[Option<(usize, CellFault)>],
) -> Block {
    let place = |row: usize| RowPlace { record: row as u32, ..RowPlace::default() };
    let kept: Vec<u32> = (0..n_rows).filter(|&row| first_fault[row].is_none()).map(|row| row as u32).collect();
    let faulty = first_fault.iter().enumerate().filter_map(|(row, fault)| Some((row, (*fault)?)));
    let rejects: Vec<Reject> = faulty
        .map(|(row, (column, fault))| Reject {
            column: Some(column),
            field: Some(fields[column]),
            ..Reject::of_row(place(row), fault.code, fault.expected)
        })
        .collect();
    if !rejects.is_empty() {
        for column in &mut columns {
            let mut cells = column.cells.empty_like();
            cells.extend_rows(&column.cells, &kept);
            column.cells = cells;
        }
    }
    let places = kept.iter().map(|&row| place(row as usize)).collect();
    Block { read: n_rows as u64, start, fields: Arc::clone(fields), columns, places, rejects, text: Vec::new() }
}

fn check_magic(file: &dyn ReadFile, path: &Path) -> Result<()> {
    if file.is_empty() {
        return Err(in_file(Code::FileEmpty, path).with("what", "bytes"));
    }
    let head = file.read_range(0, file.len().min(4))?;
    if head == b"PAR1" { Ok(()) } else { Err(wrong_format(path, sniff(&head).unwrap_or("something else"))) }
}

/// The file's positions of the declared columns.
fn find_columns(metadata: &ArrowReaderMetadata, path: &Path, spec: &SourceSpec) -> Result<Vec<usize>> {
    let fields = metadata.schema().fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    let (mut roots, mut faults) = (Vec::new(), Vec::new());
    for column in &spec.columns {
        let mut found = (0..names.len()).filter(|&i| names[i] == column.header);
        match (found.next(), found.next()) {
            (None, _) => faults.push(column_missing(path, &column.header, &names)),
            (Some(_), Some(_)) => {
                let fault = in_file(Code::ColumnTwice, path).named(&column.header);
                faults.push(fault.with("column", column.header.as_str()));
            }
            (Some(root), None) => {
                let stored = fields[root].data_type();
                if !can_serve(stored, column.kind) {
                    let fault = in_file(Code::ColumnType, path).named(&column.header);
                    faults.push(fault.with("found", stored.to_string()).with("expected", expected(column.kind)));
                }
                roots.push(root);
            }
        }
    }
    Fault::all(faults).map(|()| roots)
}
