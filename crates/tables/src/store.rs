//! Rows of one source while sources are read: kept as they came, by partition of customers and spilled when memory runs short.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use osusume_model::{BUCKETS, Result};
use osusume_storage::{Chunk, SpillDir, SpillReader, SpillWriter};

use crate::cells::{CellSlice, Cells, TextCells};
use crate::levels::Dictionary;
use crate::spec::{ColumnKind, SourceSpec};
use crate::value::ColumnBuilder;

/// Customers are kept in this many runs of buckets. A constant: neither budget nor threads move a row.
pub(crate) const PARTITIONS: usize = 64;
/// Buckets of one partition.
pub(crate) const PARTITION_BUCKETS: usize = BUCKETS as usize / PARTITIONS;

/// The rows of a source, column by column and partition by partition, each in input order.
pub(crate) struct Store {
    pub(crate) spec: SourceSpec,
    /// Positions in the specification of the columns stored; the customer comes before them.
    pub(crate) data: Vec<usize>,
    /// The rows that came last, in the pieces they came in.
    pieces: Vec<Prepared>,
    /// The rows before them in one piece, by stored column, then by partition. Column 0 is the provisional customer, where there is one.
    columns: Vec<Vec<Cells>>,
    /// Levels of each stored data column, in order of first sight; empty unless it is a category.
    pub(crate) dictionaries: Vec<Dictionary>,
    /// Provisional customers whose rows of this source are dropped, ascending.
    pub(crate) dropped: Vec<u32>,
    spills: Vec<Vec<SpilledPart>>,
    file: SpillFile,
}

enum SpillFile {
    None,
    /// Behind a lock only because threads share the store while they look at its columns; nobody waits for it.
    Writing(Mutex<SpillWriter>),
    Reading(SpillReader),
}

/// One partition's rows in the spill file.
struct SpilledPart {
    chunks: Vec<SpilledColumn>,
    bytes: u64,
}

enum SpilledColumn {
    I64(Chunk),
    F64(Chunk),
    Code(Chunk),
    Text { ends: Chunk, bytes: Chunk },
}

/// Rows ready to be stored, by partition: all columns equally long.
pub(crate) struct Prepared {
    /// As [`Store::columns`]: the provisional customer first, where there is one.
    pub(crate) columns: Vec<Cells>,
    /// Where the rows of each partition start, and behind them the number of rows.
    pub(crate) starts: Vec<usize>,
}

impl Prepared {
    fn footprint(&self) -> usize {
        self.columns.iter().map(Cells::footprint).sum()
    }

    fn of_all(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    fn of(&self, partition: usize) -> Range<usize> {
        self.starts[partition]..self.starts[partition + 1]
    }
}

impl Store {
    pub(crate) fn new(spec: &SourceSpec) -> Self {
        let data: Vec<usize> = (0..spec.columns.len()).filter(|&i| Some(i) != spec.customer).collect();
        let n_partitions = if spec.customer.is_some() { PARTITIONS } else { 1 };
        let customer = spec.customer.map(|_| Cells::Code(Vec::new()));
        let kinds = data.iter().map(|&i| ColumnBuilder::new(spec.columns[i].kind).cells);
        let columns = customer.into_iter().chain(kinds).map(|cells| vec![cells; n_partitions]).collect();
        let dictionaries = data.iter().map(|_| Dictionary::default()).collect();
        let spills = (0..n_partitions).map(|_| Vec::new()).collect();
        Self {
            spec: spec.clone(),
            data,
            pieces: Vec::new(),
            columns,
            dictionaries,
            dropped: Vec::new(),
            spills,
            file: SpillFile::None,
        }
    }

    pub(crate) fn has_customers(&self) -> bool {
        self.spec.customer.is_some()
    }

    pub(crate) fn is_category(&self, data_column: usize) -> bool {
        matches!(self.spec.columns[self.data[data_column]].kind, ColumnKind::Category | ColumnKind::Coded(_))
    }

    pub(crate) fn n_partitions(&self) -> usize {
        self.spills.len()
    }

    /// Bytes held in memory.
    pub(crate) fn footprint(&self) -> usize {
        let cells: usize = self.columns.iter().flatten().map(Cells::footprint).sum();
        let pieces: usize = self.pieces.iter().map(Prepared::footprint).sum();
        cells + pieces + self.dictionaries.iter().map(Dictionary::footprint).sum::<usize>()
    }

    /// Bytes of a partition, in memory and spilled.
    pub(crate) fn partition_bytes(&self, partition: usize) -> u64 {
        let memory: usize = self.columns.iter().map(|column| column[partition].footprint()).sum();
        let share = |piece: &Prepared| piece.footprint() * piece.of(partition).len() / piece.of_all().max(1);
        let pieces: usize = self.pieces.iter().map(share).sum();
        (memory + pieces) as u64 + self.spills[partition].iter().map(|part| part.bytes).sum::<u64>()
    }

    /// Takes rows in.
    pub(crate) fn append(&mut self, blocks: Vec<Prepared>) {
        self.pieces.extend(blocks);
    }

    /// The columns of a partition in pieces, where all rows are in memory and in pieces.
    pub(crate) fn pieces(&self, partition: usize) -> Option<Vec<Vec<CellSlice<'_>>>> {
        let is_whole = self.spills.iter().all(Vec::is_empty) && self.columns.iter().flatten().all(Cells::is_empty);
        let column = |c: usize| self.pieces.iter().map(|piece| piece.columns[c].slice(piece.of(partition))).collect();
        (is_whole && !self.pieces.is_empty()).then(|| (0..self.columns.len()).map(column).collect())
    }

    /// Makes one piece of all rows in memory.
    pub(crate) fn join(&mut self) {
        for piece in std::mem::take(&mut self.pieces) {
            for (partitions, more) in self.columns.iter_mut().zip(&piece.columns) {
                for (p, cells) in partitions.iter_mut().enumerate() {
                    cells.extend_slice(more.slice(piece.of(p)));
                }
            }
        }
    }

    /// Moves all rows in memory to the spill file.
    pub(crate) fn spill(&mut self, dir: &SpillDir) -> Result<()> {
        self.join();
        if matches!(self.file, SpillFile::None) {
            self.file = SpillFile::Writing(Mutex::new(dir.create_file()?));
        }
        let SpillFile::Writing(file) = &mut self.file else {
            unreachable!("nothing is spilled once reading has begun")
        };
        let file = file.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (p, spills) in self.spills.iter_mut().enumerate() {
            if self.columns[0][p].is_empty() {
                continue;
            }
            let before: u64 = self.columns.iter().map(|column| column[p].footprint() as u64).sum();
            let mut chunks = Vec::with_capacity(self.columns.len());
            for column in &mut self.columns {
                let empty = column[p].empty_like();
                chunks.push(write_cells(file, &std::mem::replace(&mut column[p], empty))?);
            }
            spills.push(SpilledPart { chunks, bytes: before });
        }
        Ok(())
    }

    /// Ends spilling, so that partitions can be taken.
    pub(crate) fn end_spilling(&mut self) -> Result<()> {
        self.file = match std::mem::replace(&mut self.file, SpillFile::None) {
            SpillFile::Writing(file) => {
                SpillFile::Reading(file.into_inner().unwrap_or_else(PoisonError::into_inner).into_reader()?)
            }
            other => other,
        };
        Ok(())
    }

    /// All rows of a partition in input order, as columns; those that never left memory are lent. After [`Store::join`].
    pub(crate) fn load(&self, partition: usize) -> Result<Vec<Cow<'_, Cells>>> {
        if self.spills[partition].is_empty() {
            return Ok(self.columns.iter().map(|column| Cow::Borrowed(&column[partition])).collect());
        }
        let mut columns: Vec<Cells> = self.columns.iter().map(|column| column[partition].empty_like()).collect();
        if let SpillFile::Reading(file) = &self.file {
            for part in &self.spills[partition] {
                for (cells, chunk) in columns.iter_mut().zip(&part.chunks) {
                    cells.append(&read_cells(file, chunk)?);
                }
            }
        }
        for (cells, column) in columns.iter_mut().zip(&self.columns) {
            cells.append(&column[partition]);
        }
        Ok(columns.into_iter().map(Cow::Owned).collect())
    }

    /// Rows of a partition whose customer satisfies `is_kept`. After [`Store::join`].
    pub(crate) fn rows_kept(&self, partition: usize, is_kept: impl Fn(u32) -> bool) -> Result<u64> {
        let mut rows = 0;
        let mut count = |cells: &Cells| {
            let Cells::Code(customers) = cells else { unreachable!("column 0 is the customer") };
            rows += customers.iter().filter(|&&customer| is_kept(customer)).count() as u64;
        };
        if let SpillFile::Reading(file) = &self.file {
            for part in &self.spills[partition] {
                count(&read_cells(file, &part.chunks[0])?);
            }
        }
        count(&self.columns[0][partition]);
        Ok(rows)
    }

    /// Forgets a partition that has been written.
    pub(crate) fn release(&mut self, partition: usize) {
        for column in &mut self.columns {
            column[partition] = column[partition].empty_like();
        }
    }
}

/// The rows of a block that stay, by partition, in input order within one, and where each partition's start: by counting.
pub(crate) fn by_partition(partition: &[u8], kept: &[bool], n_partitions: usize) -> (Vec<u32>, Vec<usize>) {
    let mut starts = vec![0; n_partitions + 1];
    for (&p, &is_kept) in partition.iter().zip(kept) {
        starts[usize::from(p) + 1] += usize::from(is_kept);
    }
    for p in 0..n_partitions {
        starts[p + 1] += starts[p];
    }
    let mut next = starts.clone();
    let mut rows = vec![0; starts[n_partitions]];
    for (row, (&p, _)) in partition.iter().zip(kept).enumerate().filter(|(_, (_, kept))| **kept) {
        rows[next[usize::from(p)]] = row as u32;
        next[usize::from(p)] += 1;
    }
    (rows, starts)
}

fn write_cells(file: &mut SpillWriter, cells: &Cells) -> Result<SpilledColumn> {
    Ok(match cells {
        Cells::I64(v) => SpilledColumn::I64(file.append_values(v)?),
        Cells::F64(v) => SpilledColumn::F64(file.append_values(v)?),
        Cells::Code(v) => SpilledColumn::Code(file.append_values(v)?),
        Cells::Text(v) => {
            let ends: Vec<u64> = v.ends.iter().map(|&end| end as u64).collect();
            SpilledColumn::Text { ends: file.append_values(&ends)?, bytes: file.append(&v.bytes)? }
        }
    })
}

fn read_cells(file: &SpillReader, column: &SpilledColumn) -> Result<Cells> {
    Ok(match column {
        SpilledColumn::I64(chunk) => Cells::I64(file.read_values(*chunk)?),
        SpilledColumn::F64(chunk) => Cells::F64(file.read_values(*chunk)?),
        SpilledColumn::Code(chunk) => Cells::Code(file.read_values(*chunk)?),
        SpilledColumn::Text { ends, bytes } => {
            let ends: Vec<u64> = file.read_values(*ends)?;
            let ends = ends.into_iter().map(|end| end as usize).collect();
            Cells::Text(TextCells { ends, bytes: file.read(*bytes)? })
        }
    })
}
