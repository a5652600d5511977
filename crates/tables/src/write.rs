//! A store's rows as a table file, sorted by customer and time; equal times by content, so that the order of files and rows is no matter.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt32Array,
};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use osusume_model::{BUCKETS, Code, Fault, Result};
use rayon::prelude::*;

use crate::cells::{Cells, NO_CODE, NO_I64};
use crate::customers::CustomerIndex;
use crate::levels::Ranked;
use crate::order::{Ordered, Orders, Rows, rank};
use crate::output::{FileFacts, Target};
use crate::sink::ParquetSink;
use crate::spec::{ColumnKind, ColumnSpec};
use crate::store::{PARTITION_BUCKETS, PARTITIONS, Store};
use crate::table::TableFile;

/// Column of the customer's index; a reserved name.
pub(crate) const CUSTOMER: &str = "customer_index";
/// Key of the format version.
pub(crate) const VERSION_KEY: &str = "osusume.format_version";
/// The format version this code writes.
pub(crate) const VERSION: &str = "1";
/// Key of the first customer of each row group, and of the number of customers.
pub(crate) const GROUPS_KEY: &str = "osusume.group_customers";
/// Key of a column's levels, before the column's name.
pub(crate) const LEVELS_KEY: &str = "osusume.levels.";

/// Row groups are made for about this many rows.
const GROUP_ROWS: u64 = 1 << 18;
/// Partitions sorted side by side.
const WAVE: usize = 16;
/// Row groups made side by side, where they do not stay.
const GROUPS: usize = 4;
/// Rows of a plain table written at once.
const PLAIN_ROWS: usize = 1 << 18;

/// Where a sorted table goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goes {
    /// Into its file.
    File,
    /// Into its file, and stays in memory as well.
    Both,
    /// Nowhere but memory.
    Memory,
}

/// Sorts a store and writes or keeps it.
pub(crate) fn write_table(
    mut store: Store,
    target: &Target<'_>,
    customers: &CustomerIndex,
    finals: &[u32],
    budget_bytes: u64,
    goes: Goes,
) -> Result<(Option<FileFacts>, Option<TableFile>)> {
    store.end_spilling()?;
    let ranked = |c: usize| store.is_category(c).then(|| Ranked::new(&store.dictionaries[c]));
    let dictionaries: Vec<Option<Ranked>> = (0..store.data.len()).into_par_iter().map(ranked).collect();
    let schema = schema_of(&store);
    let mut metadata = vec![(VERSION_KEY.to_owned(), VERSION.to_owned())];
    for (c, ranked) in dictionaries.iter().enumerate() {
        if let Some(ranked) = ranked {
            let levels = if goes == Goes::Memory { String::new() } else { ranked.escaped() };
            metadata.push((format!("{LEVELS_KEY}{}", store.spec.columns[store.data[c]].name), levels));
        }
    }
    let path = format!("tables/{}.parquet", store.spec.name);
    let sink = match goes {
        Goes::Memory => None,
        Goes::File | Goes::Both => Some(ParquetSink::create(target, &path, &schema, &metadata)?),
    };
    let held = (goes != Goes::File).then(Vec::new);
    let plan = Plan { schema: Arc::new(schema), dictionaries, finals };
    let mut writer = TableWriter { sink, held, starts: Vec::new(), plan };
    if store.has_customers() {
        writer.write_customers(&mut store, customers, budget_bytes)?;
    } else {
        store.join();
        writer.write_plain(&store)?;
    }
    let TableWriter { sink, held, starts, plan } = writer;
    let facts = sink.map(ParquetSink::finish).transpose()?;
    let held = held.map(|groups| {
        let names = store.data.iter().map(|&i| store.spec.columns[i].name.clone());
        let ranked = names.zip(plan.dictionaries);
        let dictionaries = ranked.filter_map(|(name, ranked)| Some((name, ranked?.names))).collect();
        TableFile::held(target.path(&path), plan.schema, groups, dictionaries, starts)
    });
    Ok((facts, held))
}

fn schema_of(store: &Store) -> Schema {
    let customer = store.has_customers().then(|| Field::new(CUSTOMER, DataType::UInt32, false));
    let data = store.data.iter().map(|&i| {
        let column = &store.spec.columns[i];
        Field::new(&column.name, stored_type(column.kind), !column.is_required())
    });
    Schema::new(customer.into_iter().chain(data).collect::<Vec<_>>())
}

fn stored_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Customer | ColumnKind::Text | ColumnKind::List => DataType::Utf8,
        ColumnKind::Category | ColumnKind::Coded(_) => DataType::Int32,
        ColumnKind::Integer | ColumnKind::Units | ColumnKind::Minor { .. } => DataType::Int64,
        ColumnKind::Decimal | ColumnKind::Measure => DataType::Float64,
        ColumnKind::Flag => DataType::Boolean,
        ColumnKind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

struct TableWriter<'a> {
    sink: Option<ParquetSink>,
    /// The row groups, where they stay.
    held: Option<Vec<RecordBatch>>,
    /// First customer of each row group, and the number of customers.
    starts: Vec<u32>,
    plan: Plan<'a>,
}

/// How rows are ordered and coded; shared by threads.
struct Plan<'a> {
    schema: Arc<Schema>,
    dictionaries: Vec<Option<Ranked>>,
    finals: &'a [u32],
}

/// Rows in their final order.
struct Sorted {
    customers: Vec<u32>,
    columns: Vec<Cells>,
}

impl TableWriter<'_> {
    fn write_plain(&mut self, store: &Store) -> Result<()> {
        let columns = store.load(0)?;
        let rows = Rows::of_one(&columns);
        let n_rows = columns.first().map_or(0, |cells| cells.len());
        for start in (0..n_rows).step_by(PLAIN_ROWS) {
            let ids: Vec<u32> = (start as u32..(start + PLAIN_ROWS).min(n_rows) as u32).collect();
            let gather = |column| self.plan.gathered(&[(&rows, &ids)], column, column);
            let cells = (0..columns.len()).into_par_iter().map(gather).collect();
            let batch = self.plan.batch(&store.spec.columns, &store.data, None, cells);
            self.put(&batch, ParquetSink::write)?;
        }
        Ok(())
    }

    /// Writes a batch, keeps it, or both.
    fn put(&mut self, batch: &RecordBatch, write: impl Fn(&mut ParquetSink, &RecordBatch) -> Result<()>) -> Result<()> {
        if let Some(sink) = &mut self.sink {
            write(sink, batch)?;
        }
        self.held.iter_mut().for_each(|held| held.push(batch.clone()));
        Ok(())
    }

    fn write_customers(&mut self, store: &mut Store, customers: &CustomerIndex, budget_bytes: u64) -> Result<()> {
        // Rows, their copies in order, and their places in it.
        let is_roomy = 3 * store.footprint() as u64 <= budget_bytes;
        let rows = |p: usize| store.pieces(p).and_then(Rows::of_pieces);
        if let (true, Some(rows)) = (is_roomy, (0..PARTITIONS).map(rows).collect::<Option<Vec<Rows<'_>>>>()) {
            let ordered = (0..PARTITIONS).into_par_iter();
            let ordered: Vec<Ordered> =
                ordered.map(|p| self.plan.order(store, &rows[p], range(customers, p))).collect();
            return self.write_ordered(store, customers, &rows, &ordered);
        }
        store.join();
        let largest = (0..store.n_partitions()).map(|p| store.partition_bytes(p)).max().unwrap_or(0);
        // Loading, the sorted copy and the encoded pages exist side by side.
        if 3 * largest > budget_bytes {
            let fault = Fault::new(Code::MemoryBudget).with("budget", budget_bytes).with("needed", 3 * largest);
            return Err(fault.with("largest", store.spec.name.as_str()));
        }
        let wave = (budget_bytes / (6 * largest.max(1))).clamp(1, WAVE as u64) as usize;
        let rows = self.plan.count_rows(store)?;
        let n_groups = group_count(rows);
        let ends = group_ends(customers, n_groups);
        let mut groups = GroupCutter { ends, pending: None, starts: Vec::new() };
        for first in (0..PARTITIONS).step_by(wave) {
            let partitions: Vec<usize> = (first..(first + wave).min(PARTITIONS)).collect();
            let sorted: Result<Vec<Sorted>> =
                partitions.par_iter().map(|&p| self.plan.sorted(store, p, range(customers, p))).collect();
            for (sorted, p) in sorted?.into_iter().zip(partitions) {
                store.release(p);
                let whole = groups.take(sorted, range(customers, p).1);
                for group in whole {
                    self.write_group(store, group)?;
                }
            }
        }
        self.end_groups(groups.starts, customers);
        Ok(())
    }

    /// Writes rows that are all at hand, group by group out of where they came.
    fn write_ordered(
        &mut self,
        store: &Store,
        customers: &CustomerIndex,
        rows: &[Rows<'_>],
        ordered: &[Ordered],
    ) -> Result<()> {
        let n_rows: usize = ordered.iter().map(|ordered| ordered.ids.len()).sum();
        let groups = pieces_of(ordered, &group_ends(customers, group_count(n_rows as u64)));
        let first = |pieces: &Vec<Piece>| ordered[pieces[0].0].customers[pieces[0].1.start];
        let starts = groups.iter().enumerate().map(|(i, pieces)| if i == 0 { 0 } else { first(pieces) }).collect();
        let wave = if self.sink.is_some() { GROUPS } else { groups.len().max(1) };
        for groups in groups.chunks(wave) {
            let gather = |pieces: &Vec<Piece>| {
                let whose: Vec<&[u32]> =
                    pieces.iter().map(|(p, range)| &ordered[*p].customers[range.clone()]).collect();
                let pieces: Vec<(&Rows<'_>, &[u32])> =
                    pieces.iter().map(|(p, range)| (&rows[*p], &ordered[*p].ids[range.clone()])).collect();
                // Column 0 is the provisional customer.
                let gather = |column| self.plan.gathered(&pieces, column + 1, column);
                let cells = (0..store.data.len()).into_par_iter().map(gather).collect();
                self.plan.batch(&store.spec.columns, &store.data, Some(whose.concat()), cells)
            };
            let batches: Vec<RecordBatch> = groups.par_iter().map(gather).collect();
            batches.iter().try_for_each(|batch| self.put(batch, ParquetSink::write_group))?;
        }
        self.end_groups(starts, customers);
        Ok(())
    }

    /// Takes note of the first customer of each row group.
    fn end_groups(&mut self, starts: Vec<u32>, customers: &CustomerIndex) {
        self.starts = starts;
        self.starts.push(customers.len() as u32);
        let starts: Vec<String> = self.starts.iter().map(u32::to_string).collect();
        self.sink.iter_mut().for_each(|sink| sink.add_metadata(GROUPS_KEY, starts.join(",")));
    }

    fn write_group(&mut self, store: &Store, group: Sorted) -> Result<()> {
        let batch = self.plan.batch(&store.spec.columns, &store.data, Some(group.customers), group.columns);
        self.put(&batch, ParquetSink::write_group)
    }
}

impl Plan<'_> {
    /// Rows that will be written; a constant of the data, which the row groups are chosen by.
    fn count_rows(&self, store: &Store) -> Result<u64> {
        let mut rows = 0;
        for p in 0..store.n_partitions() {
            rows += store.rows_kept(p, |customer| self.is_kept(store, customer))?;
        }
        Ok(rows)
    }

    fn is_kept(&self, store: &Store, customer: u32) -> bool {
        self.finals[customer as usize] != NO_CODE && store.dropped.binary_search(&customer).is_err()
    }

    /// A partition's rows in order.
    fn sorted(&self, store: &Store, partition: usize, range: (u32, u32)) -> Result<Sorted> {
        let columns = store.load(partition)?;
        let rows = Rows::of_one(&columns);
        let Ordered { ids, customers } = self.order(store, &rows, range);
        let gather = |column| self.gathered(&[(&rows, &ids)], column + 1, column);
        Ok(Sorted { customers, columns: (0..store.data.len()).map(gather).collect() })
    }

    /// Rows that stay, in order.
    fn order(&self, store: &Store, rows: &Rows<'_>, range: (u32, u32)) -> Ordered {
        let whose = rows.customers(|customer| self.is_kept(store, customer), self.finals);
        Orders::new(&store.spec, &store.data, &self.dictionaries).order(rows, whose, range)
    }

    /// The values of a data column, which is the stored column `stored`, at rows of several partitions one after the other.
    fn gathered(&self, pieces: &[(&Rows<'_>, &[u32])], stored: usize, column: usize) -> Cells {
        let mut cells = pieces.first().map_or(Cells::Code(Vec::new()), |(rows, _)| rows.empty(stored));
        cells.reserve(pieces.iter().map(|(_, ids)| ids.len()).sum());
        for (rows, ids) in pieces {
            rows.gather(stored, ids, &mut cells);
        }
        rank(&mut cells, self.dictionaries[column].as_ref());
        cells
    }

    fn batch(
        &self,
        specs: &[ColumnSpec],
        data: &[usize],
        customers: Option<Vec<u32>>,
        cells: Vec<Cells>,
    ) -> RecordBatch {
        let customer = customers.map(|customers| Arc::new(UInt32Array::from(customers)) as ArrayRef);
        let arrays = cells.into_par_iter().zip(data).map(|(cells, &i)| array_of(cells, specs[i].kind));
        let arrays: Vec<ArrayRef> = customer.into_iter().chain(arrays.collect::<Vec<_>>()).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).expect("the schema was made from the same columns")
    }
}

/// Customers of a partition.
fn range(customers: &CustomerIndex, partition: usize) -> (u32, u32) {
    let starts = customers.bucket_starts();
    (starts[partition * PARTITION_BUCKETS], starts[(partition + 1) * PARTITION_BUCKETS])
}

/// A partition and some of its rows.
type Piece = (usize, Range<usize>);

/// The rows of each group, out of partitions in order; groups without rows are left out.
fn pieces_of(ordered: &[Ordered], ends: &[u32]) -> Vec<Vec<Piece>> {
    let (mut groups, mut partition, mut start) = (Vec::new(), 0, 0);
    for &end in ends {
        let mut pieces = Vec::new();
        while let Some(Ordered { customers, .. }) = ordered.get(partition) {
            let until = customers.partition_point(|&customer| customer < end);
            if start < until {
                pieces.push((partition, start..until));
            }
            if until < customers.len() {
                start = until;
                break;
            }
            (partition, start) = (partition + 1, 0);
        }
        if !pieces.is_empty() {
            groups.push(pieces);
        }
    }
    groups
}

/// A power of two, so that groups are whole runs of buckets.
fn group_count(rows: u64) -> usize {
    rows.div_ceil(GROUP_ROWS).clamp(1, BUCKETS.into()).next_power_of_two() as usize
}

/// First customer behind each group.
fn group_ends(customers: &CustomerIndex, n_groups: usize) -> Vec<u32> {
    let buckets = BUCKETS as usize / n_groups;
    (1..=n_groups).map(|group| customers.bucket_starts()[group * buckets]).collect()
}

/// Cuts sorted rows at the ends of row groups.
struct GroupCutter {
    /// Ends of the groups not yet written.
    ends: Vec<u32>,
    pending: Option<Sorted>,
    /// First customer of each group written.
    starts: Vec<u32>,
}

impl GroupCutter {
    /// Adds the rows of customers below `until`; returns the groups they complete. Empty groups are left out.
    fn take(&mut self, rows: Sorted, until: u32) -> Vec<Sorted> {
        let mut rest = match self.pending.take() {
            None => rows,
            Some(mut pending) => {
                pending.customers.extend_from_slice(&rows.customers);
                for (cells, more) in pending.columns.iter_mut().zip(&rows.columns) {
                    cells.append(more);
                }
                pending
            }
        };
        let mut whole = Vec::new();
        let n_whole = self.ends.partition_point(|&end| end <= until);
        for end in self.ends.drain(..n_whole).collect::<Vec<_>>() {
            let cut = rest.customers.partition_point(|&customer| customer < end);
            if cut == 0 {
                continue;
            }
            let tail = rest.split_off(cut);
            let group = std::mem::replace(&mut rest, tail);
            self.starts.push(if self.starts.is_empty() { 0 } else { group.customers[0] });
            whole.push(group);
        }
        self.pending = Some(rest);
        whole
    }
}

impl Sorted {
    fn split_off(&mut self, at: usize) -> Self {
        if at == self.customers.len() {
            return Self { customers: Vec::new(), columns: self.columns.iter().map(Cells::empty_like).collect() };
        }
        let rows: Vec<u32> = (at as u32..self.customers.len() as u32).collect();
        let tail = Self {
            customers: self.customers.split_off(at),
            columns: self.columns.iter().map(|cells| cells.at(&rows)).collect(),
        };
        self.columns.iter_mut().for_each(|cells| cells.truncate(at));
        tail
    }
}

fn array_of(cells: Cells, kind: ColumnKind) -> ArrayRef {
    match cells {
        Cells::I64(values) => {
            let nulls = nulls(&values, |value| *value != NO_I64);
            match kind {
                ColumnKind::Flag => {
                    let flags: Vec<bool> = values.iter().map(|&value| value == 1).collect();
                    Arc::new(BooleanArray::new(flags.into(), nulls))
                }
                ColumnKind::Timestamp => {
                    Arc::new(TimestampMicrosecondArray::new(values.into(), nulls).with_timezone("UTC"))
                }
                _ => Arc::new(Int64Array::new(values.into(), nulls)),
            }
        }
        Cells::F64(values) => {
            let nulls = nulls(&values, |value| !value.is_nan());
            Arc::new(Float64Array::new(values.into(), nulls))
        }
        Cells::Code(codes) => {
            let nulls = nulls(&codes, |code| *code != NO_CODE);
            // The same bits: an absent code is -1.
            Arc::new(Int32Array::new(ScalarBuffer::from(Buffer::from_vec(codes)), nulls))
        }
        Cells::Text(texts) => {
            let text = |row| std::str::from_utf8(texts.get(row)).expect("sources give UTF-8");
            Arc::new(
                (0..texts.len()).map(|row| Some(text(row)).filter(|text| !text.is_empty())).collect::<StringArray>(),
            )
        }
    }
}

/// Validity, or nothing when all values are present.
fn nulls<T>(values: &[T], is_present: impl Fn(&T) -> bool) -> Option<NullBuffer> {
    if values.iter().all(&is_present) { None } else { Some(values.iter().map(is_present).collect()) }
}
