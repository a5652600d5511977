//! Parquet files as a record source.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use osusume_model::{Code, Fault, NoControl, Result};
use osusume_storage::{Content, Fs, Metadata, ReadFile, hash_open};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use rayon::prelude::*;

use crate::block::{Block, BlockColumn, BlockStart, InputFile, Places, RecordSource, Reject, RowPlace};
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
const BATCHES: usize = 4;

/// Reads one Parquet file.
pub(crate) struct ParquetSource {
    path: PathBuf,
    file: Arc<dyn ReadFile>,
    before: Metadata,
    layout: Arc<Layout>,
    columns: Columns,
    ready: Vec<(BlockStart, Vec<ArrayRef>)>,
    is_started: bool,
    /// Whether the file's digest is asked for.
    is_digested: bool,
    /// The digest, once everything is decoded.
    content: Option<Content>,
}

/// Columns of a file on their way through its row groups. Each has a reader of its own, so that all are decoded side by side, also where
/// the file is one row group.
struct Columns {
    path: PathBuf,
    file: Arc<dyn ReadFile>,
    metadata: ArrowReaderMetadata,
    /// Positions in the file, ascending.
    roots: Vec<usize>,
    group: Option<Group>,
    next_group: u32,
    records: u64,
}

/// The row group being read: a reader for each column, and the rows read.
struct Group {
    number: u32,
    readers: Vec<ParquetRecordBatchReader>,
    rows: u64,
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
    /// `is_digested`: whether the file's digest is wanted.
    pub(crate) fn open(
        fs: &dyn Fs,
        path: &Path,
        spec: &SourceSpec,
        zone: Arc<Zone>,
        is_digested: bool,
    ) -> Result<Self> {
        let file: Arc<dyn ReadFile> = Arc::from(fs.open_input(path)?);
        let before = file.metadata()?;
        check_magic(&*file, path)?;
        let metadata = metadata(&Chunks(Arc::clone(&file)), path, Code::ParquetDamaged)?;
        let roots = find_columns(&metadata, path, spec)?;
        let mut sorted = roots.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let position = roots.iter().map(|root| sorted.partition_point(|other| other < root)).collect();
        Ok(Self {
            path: path.to_owned(),
            file: Arc::clone(&file),
            before,
            layout: Arc::new(Layout { columns: spec.columns.clone(), position, fields: roots.into(), zone }),
            columns: Columns::new(path, file, metadata, sorted),
            ready: Vec::new(),
            is_started: false,
            is_digested,
            content: None,
        })
    }
}

/// Decodes the named columns of a Parquet file and forgets them, and says how many rows there were: what reading it costs at least.
///
/// # Errors
/// `ParquetDamaged`, `ColumnMissing`.
pub fn decode_columns(fs: &dyn Fs, path: &Path, columns: &[&str]) -> Result<u64> {
    let file: Arc<dyn ReadFile> = Arc::from(fs.open_input(path)?);
    let metadata = metadata(&Chunks(Arc::clone(&file)), path, Code::ParquetDamaged)?;
    let names: Vec<String> = metadata.schema().fields().iter().map(|field| field.name().clone()).collect();
    let root = |name: &&str| names.iter().position(|one| one == name).ok_or_else(|| column_missing(path, name, &names));
    let mut roots = columns.iter().map(root).collect::<Result<Vec<usize>>>()?;
    roots.sort_unstable();
    let mut columns = Columns::new(path, file, metadata, roots);
    while !columns.decode()?.is_empty() {}
    Ok(columns.records)
}

/// Hands the named columns of a Parquet file to `sink` as they are stored, batch by batch.
///
/// # Errors
/// `ParquetDamaged`, `ColumnMissing`, and what `sink` says.
pub(crate) fn read_columns(
    fs: &dyn Fs,
    path: &Path,
    headers: &[&str],
    sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let file: Arc<dyn ReadFile> = Arc::from(fs.open_input(path)?);
    check_magic(&*file, path)?;
    let metadata = metadata(&Chunks(Arc::clone(&file)), path, Code::ParquetDamaged)?;
    let names: Vec<String> = metadata.schema().fields().iter().map(|field| field.name().clone()).collect();
    let root = |header: &&str| {
        names.iter().position(|name| name == header).ok_or_else(|| column_missing(path, header, &names))
    };
    let mut roots = headers.iter().map(root).collect::<Result<Vec<usize>>>()?;
    roots.sort_unstable();
    let schema =
        metadata.schema().project(&roots).map_err(|error| in_file(Code::ParquetDamaged, path).because(error))?;
    let schema = Arc::new(schema);
    let mut columns = Columns::new(path, file, metadata, roots);
    loop {
        let batches = columns.decode()?;
        if batches.is_empty() {
            return Ok(());
        }
        for (_, arrays) in batches {
            let batch = RecordBatch::try_new(Arc::clone(&schema), arrays);
            sink(batch.map_err(|error| in_file(Code::ParquetDamaged, path).because(error))?)?;
        }
    }
}

impl Columns {
    fn new(path: &Path, file: Arc<dyn ReadFile>, metadata: ArrowReaderMetadata, roots: Vec<usize>) -> Self {
        Self { path: path.to_owned(), file, metadata, roots, group: None, next_group: 0, records: 0 }
    }

    /// Decodes the next batches, from row group to row group; none at the end.
    fn decode(&mut self) -> Result<Vec<(BlockStart, Vec<ArrayRef>)>> {
        let mut batches = Vec::with_capacity(BATCHES);
        while batches.len() < BATCHES {
            let Some(group) = &mut self.group else {
                if self.next_group as usize >= self.metadata.metadata().num_row_groups() {
                    break;
                }
                self.group = Some(self.open_group(self.next_group)?);
                self.next_group += 1;
                continue;
            };
            let decoded = group.decode(BATCHES - batches.len(), &self.path)?;
            if decoded.is_empty() {
                self.end_group()?;
                continue;
            }
            for arrays in decoded {
                let (record, row_in_group) = (self.records, group.rows);
                let start = BlockStart { record, row_group: Some(group.number), row_in_group, ..BlockStart::default() };
                let rows = arrays[0].len() as u64;
                group.rows += rows;
                self.records += rows;
                batches.push((start, arrays));
            }
        }
        Ok(batches)
    }

    fn open_group(&self, number: u32) -> Result<Group> {
        let reader = |root: &usize| {
            guarded(Code::ParquetDamaged, &self.path, || {
                let mask = ProjectionMask::roots(self.metadata.parquet_schema(), [*root]);
                let chunks = Chunks(Arc::clone(&self.file));
                ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, self.metadata.clone())
                    .with_projection(mask)
                    .with_row_groups(vec![number as usize])
                    .with_batch_size(BATCH_ROWS)
                    .build()
            })
        };
        let readers = self.roots.iter().map(reader).collect::<Result<_>>()?;
        Ok(Group { number, readers, rows: 0 })
    }

    fn end_group(&mut self) -> Result<()> {
        let Some(Group { number, rows, .. }) = self.group.take() else { return Ok(()) };
        let declared = self.metadata.metadata().row_group(number as usize).num_rows();
        if u64::try_from(declared) == Ok(rows) {
            return Ok(());
        }
        Err(in_file(Code::ParquetDamaged, &self.path)
            .because(format!("row group {number} holds {rows} of {declared} rows")))
    }
}

impl Group {
    /// The next batches, at most `most`, each an array a column; none at the end of the row group.
    fn decode(&mut self, most: usize, path: &Path) -> Result<Vec<Vec<ArrayRef>>> {
        let decoded: Vec<Result<Vec<ArrayRef>>> =
            self.readers.par_iter_mut().map(|reader| next_arrays(reader, most, path)).collect();
        let named = |fault: Fault| fault.named(format!("row group {}", self.number));
        let mut columns = Vec::with_capacity(decoded.len());
        for arrays in decoded {
            columns.push(arrays.map_err(named)?.into_iter());
        }
        let mut batches = Vec::new();
        loop {
            let batch: Vec<Option<ArrayRef>> = columns.iter_mut().map(Iterator::next).collect();
            let rows = batch.first().and_then(Option::as_ref).map(|array| array.len());
            if batch.iter().any(|array| array.as_ref().map(|array| array.len()) != rows) {
                let fault = in_file(Code::ParquetDamaged, path).because("columns of one row group differ in length");
                return Err(named(fault));
            }
            match batch.into_iter().collect::<Option<Vec<ArrayRef>>>() {
                Some(batch) if rows.is_some() => batches.push(batch),
                _ => return Ok(batches),
            }
        }
    }
}

fn next_arrays(reader: &mut ParquetRecordBatchReader, most: usize, path: &Path) -> Result<Vec<ArrayRef>> {
    let next = |_| {
        let batch = guarded(Code::ParquetDamaged, path, || reader.next().transpose().map_err(ParquetError::from));
        batch.map(|batch| batch.map(|batch| Arc::clone(batch.column(0)))).transpose()
    };
    (0..most).map_while(next).collect()
}

impl RecordSource for ParquetSource {
    fn next_blocks(&mut self) -> Result<Vec<Block>> {
        if !std::mem::replace(&mut self.is_started, true) {
            self.ready = self.columns.decode()?;
        }
        let current = std::mem::take(&mut self.ready);
        if current.is_empty() {
            return Ok(Vec::new());
        }
        let layout = Arc::clone(&self.layout);
        let path = self.path.clone();
        let (file, is_digested) = (&self.file, self.is_digested);
        let (next, blocks) = rayon::join(
            || {
                let next = self.columns.decode()?;
                // Nothing is left to decode beside the last conversion.
                let is_last = is_digested && next.is_empty();
                let content = if is_last { Some(hash_open(&**file, &NoControl)?) } else { None };
                Ok::<_, Fault>((next, content))
            },
            || {
                current
                    .into_par_iter()
                    .map(|(start, arrays)| layout.block(&path, start, &arrays))
                    .collect::<Result<Vec<_>>>()
            },
        );
        let blocks = blocks?;
        (self.ready, self.content) = next?;
        Ok(blocks)
    }

    fn finish(&mut self) -> Result<InputFile> {
        let content = match self.content.take() {
            None if self.is_digested => Some(hash_open(&*self.file, &NoControl)?),
            content => content,
        };
        check_unchanged(&*self.file, self.before, &self.path)?;
        Ok(InputFile { path: self.path.clone(), content, dialect: "parquet".to_owned() })
    }
}

impl Layout {
    fn block(&self, path: &Path, start: BlockStart, arrays: &[ArrayRef]) -> Result<Block> {
        let n_rows = arrays.first().map_or(0, |array| array.len());
        let mut first_fault: Vec<Option<(usize, CellFault)>> = Vec::new();
        let mut columns = Vec::with_capacity(self.columns.len());
        for (i, column) in self.columns.iter().enumerate() {
            let array = &arrays[self.position[i]];
            let converted = guarded(Code::ParquetDamaged, path, || {
                convert(array, column, &[], &self.zone).map_err(|error| ParquetError::General(error.to_string()))
            });
            let (converted, faults) = converted?;
            if !faults.is_empty() {
                first_fault.resize(n_rows, None);
            }
            for (row, fault) in faults {
                first_fault[row].get_or_insert((i, fault));
            }
            columns.push(BlockColumn { cells: converted.cells, levels: converted.levels });
        }
        Ok(assemble(start, n_rows, &self.fields, columns, &first_fault))
    }
}

/// Drops the rows with a fault from all columns. `first_fault` is empty where no row has one.
fn assemble(
    start: BlockStart,
    n_rows: usize,
    fields: &Arc<[usize]>,
    mut columns: Vec<BlockColumn>,
    first_fault: &[Option<(usize, CellFault)>],
) -> Block {
    let place = |row: usize| RowPlace { record: row as u32, ..RowPlace::default() };
    let block = |columns, places, rejects| Block {
        read: n_rows as u64,
        start,
        fields: Arc::clone(fields),
        columns,
        places,
        rejects,
        text: Vec::new(),
    };
    if first_fault.is_empty() {
        return block(columns, Places::All(n_rows as u32), Vec::new());
    }
    let is_fine = |row: &usize| first_fault[*row].is_none();
    let kept: Vec<u32> = (0..n_rows).filter(is_fine).map(|row| row as u32).collect();
    let faulty = first_fault.iter().enumerate().filter_map(|(row, fault)| Some((row, (*fault)?)));
    let rejects: Vec<Reject> = faulty
        .map(|(row, (column, fault))| Reject {
            column: Some(column),
            field: Some(fields[column]),
            ..Reject::of_row(place(row), fault.code, fault.expected)
        })
        .collect();
    for column in &mut columns {
        let mut cells = column.cells.empty_like();
        cells.extend_rows(&column.cells, &kept);
        column.cells = cells;
    }
    block(columns, Places::Each(kept.iter().map(|&row| place(row as usize)).collect()), rejects)
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
