//! A store's rows as a table file, sorted by customer and time; equal times by content, so that the order of files and rows is no matter.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt32Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use osusume_model::{BUCKETS, Code, Fault, Result};
use rayon::prelude::*;

use crate::cells::{Cells, NO_CODE, NO_I64};
use crate::customers::CustomerIndex;
use crate::interner::Interner;
use crate::output::{FileFacts, Target};
use crate::sink::ParquetSink;
use crate::spec::{ColumnKind, ColumnSpec, Ties};
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
    let dictionaries: Vec<Option<Ranked>> = (0..store.data.len())
        .map(|c| store.is_category(c).then(|| Ranked::new(&store.dictionaries[c].texts)))
        .collect();
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
        writer.write_plain(&store)?;
    }
    let TableWriter { sink, held, starts, plan } = writer;
    let facts = sink.map(ParquetSink::finish).transpose()?;
    let held = held.map(|groups| {
        let names = store.data.iter().map(|&i| store.spec.columns[i].name.clone());
        let ranked = names.zip(plan.dictionaries);
        let dictionaries = ranked.filter_map(|(name, ranked)| Some((name, Arc::from(ranked?.levels)))).collect();
        TableFile::held(target.path(&path), plan.schema, groups, dictionaries, starts)
    });
    Ok((facts, held))
}

/// A dictionary's levels in order, and each provisional code's rank.
struct Ranked {
    levels: Vec<String>,
    rank: Vec<u32>,
}

impl Ranked {
    fn new(interner: &Interner) -> Self {
        let mut order: Vec<(u128, u32)> =
            (0..interner.len() as u32).map(|code| (head_of(interner.get(code)), code)).collect();
        // Distinct texts, so the unstable sort has one result.
        order.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| interner.get(a.1).cmp(interner.get(b.1))));
        let mut rank = vec![0; order.len()];
        for (at, &(_, code)) in order.iter().enumerate() {
            rank[code as usize] = at as u32;
        }
        let text = |&(_, code): &(u128, u32)| String::from_utf8_lossy(interner.get(code)).into_owned();
        Self { levels: order.par_iter().map(text).collect(), rank }
    }

    /// One level a line. Levels hold no control characters, so a line end is none of theirs.
    fn escaped(&self) -> String {
        self.levels.join("\n")
    }
}

/// The first sixteen bytes as a number that is ordered as they are; of a shorter text, zeros follow, which no level holds.
fn head_of(text: &[u8]) -> u128 {
    let mut head = [0; 16];
    let len = text.len().min(16);
    head[..len].copy_from_slice(&text[..len]);
    u128::from_be_bytes(head)
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
        ColumnKind::Category => DataType::Int32,
        ColumnKind::Integer | ColumnKind::Minor { .. } => DataType::Int64,
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
        let columns = self.plan.ranked(store.load(0)?.into_iter().map(Cow::into_owned).collect());
        let n_rows = columns.first().map_or(0, Cells::len);
        for start in (0..n_rows).step_by(PLAIN_ROWS) {
            let rows: Vec<u32> = (start as u32..(start + PLAIN_ROWS).min(n_rows) as u32).collect();
            let cells = columns.iter().map(|column| gathered(column, &rows)).collect();
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
            let range = |p: usize| {
                let starts = customers.bucket_starts();
                (starts[p * PARTITION_BUCKETS], starts[(p + 1) * PARTITION_BUCKETS])
            };
            let sorted: Result<Vec<Sorted>> =
                partitions.par_iter().map(|&p| self.plan.sorted(store, p, range(p))).collect();
            for (sorted, p) in sorted?.into_iter().zip(partitions) {
                store.release(p);
                let whole = groups.take(sorted, range(p).1);
                for group in whole {
                    self.write_group(store, group)?;
                }
            }
        }
        self.starts = groups.starts;
        self.starts.push(customers.len() as u32);
        let starts: Vec<String> = self.starts.iter().map(u32::to_string).collect();
        self.sink.iter_mut().for_each(|sink| sink.add_metadata(GROUPS_KEY, starts.join(",")));
        Ok(())
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

    /// A partition's rows by customer, time (absent last), and content or input order.
    fn sorted(&self, store: &Store, partition: usize, range: (u32, u32)) -> Result<Sorted> {
        let columns = store.load(partition)?;
        let Some((provisional, data)) = columns.split_first() else { unreachable!("column 0 is the customer") };
        let Cells::Code(provisional) = &**provisional else { unreachable!("customers are codes") };
        let kept: Vec<u32> =
            (0..provisional.len() as u32).filter(|&row| self.is_kept(store, provisional[row as usize])).collect();
        let finals: Vec<u32> = provisional.iter().map(|&customer| self.finals[customer as usize]).collect();
        let mut order = counted_order(&kept, &finals, range);
        let time = store.spec.order_by.and_then(|i| store.data.iter().position(|&d| d == i));
        let times = time.and_then(|time| if let Cells::I64(times) = &*data[time] { Some(&times[..]) } else { None });
        let is_same = |a: u32, b: u32| finals[a as usize] == finals[b as usize];
        sort_runs(&mut order, is_same, |a, b| by_time(times, a, b));
        if store.spec.ties == Ties::Content {
            // Rows of one time are few: comparing contents within them alone is cheaper than wherever two rows meet.
            let is_tied = |a, b| is_same(a, b) && by_time(times, a, b).is_eq();
            self.sort_ties(&mut order, data, time, is_tied);
        }
        let customers = order.iter().map(|&row| finals[row as usize]).collect();
        let columns = data.iter().map(|cells| gathered(cells, &order)).collect();
        Ok(Sorted { customers, columns: self.ranked(columns) })
    }

    /// Sorts rows of one customer and time by their contents. Most differ in the first column behind the time, so that one is looked up
    /// once a row and not once a comparison.
    fn sort_ties(
        &self,
        order: &mut [u32],
        data: &[Cow<'_, Cells>],
        time: Option<usize>,
        is_tied: impl Fn(u32, u32) -> bool,
    ) {
        let lead = (0..data.len()).find(|&column| Some(column) != time);
        // Columns before the leading one are the time alone, and that is equal.
        let key = |row: u32| lead.map_or(0, |lead| self.content_key(&data[lead], lead, row));
        let mut keyed: Vec<(u64, u32)> = Vec::new();
        for run in order.chunk_by_mut(|&a, &b| is_tied(a, b)).filter(|run| run.len() > 1) {
            keyed.clear();
            keyed.extend(run.iter().map(|&row| (key(row), row)));
            keyed.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| self.by_content(data, a.1, b.1)));
            run.iter_mut().zip(&keyed).for_each(|(slot, &(_, row))| *slot = row);
        }
    }

    /// A number that orders the values of a column as [`Plan::by_content`] does, or not at all.
    fn content_key(&self, cells: &Cells, column: usize, row: u32) -> u64 {
        let row = row as usize;
        match (cells, &self.dictionaries[column]) {
            (Cells::I64(v), _) => (v[row] as u64) ^ (1 << 63),
            (Cells::Code(v), Some(ranked)) if v[row] != NO_CODE => ranked.rank[v[row] as usize].into(),
            (Cells::Code(v), _) => v[row].into(),
            (Cells::F64(_) | Cells::Text(_), _) => 0,
        }
    }

    /// Compares two rows column by column; absent values have a place of their own.
    fn by_content(&self, data: &[Cow<'_, Cells>], a: u32, b: u32) -> Ordering {
        let (a, b) = (a as usize, b as usize);
        let rank = |ranked: &Option<Ranked>, code: u32| match ranked {
            Some(ranked) if code != NO_CODE => ranked.rank[code as usize],
            _ => code,
        };
        let compare = |(cells, ranked): (&Cow<'_, Cells>, &Option<Ranked>)| match &**cells {
            Cells::I64(v) => v[a].cmp(&v[b]),
            Cells::F64(v) => v[a].total_cmp(&v[b]),
            Cells::Code(v) => rank(ranked, v[a]).cmp(&rank(ranked, v[b])),
            Cells::Text(v) => v.get(a).cmp(v.get(b)),
        };
        data.iter().zip(&self.dictionaries).map(compare).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// Provisional codes become ranks.
    fn ranked(&self, mut columns: Vec<Cells>) -> Vec<Cells> {
        for (cells, ranked) in columns.iter_mut().zip(&self.dictionaries) {
            if let (Cells::Code(codes), Some(ranked)) = (cells, ranked) {
                codes.iter_mut().filter(|code| **code != NO_CODE).for_each(|code| *code = ranked.rank[*code as usize]);
            }
        }
        columns
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

fn gathered(cells: &Cells, rows: &[u32]) -> Cells {
    let mut gathered = cells.empty_like();
    gathered.extend_rows(cells, rows);
    gathered
}

/// Rows by customer, in input order within one, by counting.
fn counted_order(rows: &[u32], customers: &[u32], (first, end): (u32, u32)) -> Vec<u32> {
    let customer_of = |row: u32| customers[row as usize];
    let mut next = vec![0_u32; (end - first) as usize + 1];
    for &row in rows {
        next[(customer_of(row) - first) as usize + 1] += 1;
    }
    for i in 1..next.len() {
        next[i] += next[i - 1];
    }
    let mut order = vec![0; rows.len()];
    for &row in rows {
        let slot = &mut next[(customer_of(row) - first) as usize];
        order[*slot as usize] = row;
        *slot += 1;
    }
    order
}

/// Sorts each run of rows that belong together; stable, so that input order decides between equal rows.
fn sort_runs(order: &mut [u32], is_same: impl Fn(u32, u32) -> bool, compare: impl Fn(u32, u32) -> Ordering) {
    for run in order.chunk_by_mut(|&a, &b| is_same(a, b)) {
        if !run.is_sorted_by(|&a, &b| compare(a, b).is_le()) {
            run.sort_by(|&a, &b| compare(a, b));
        }
    }
}

/// Compares the times of two rows; an absent one comes last, and without times all are equal.
fn by_time(times: Option<&[i64]>, a: u32, b: u32) -> Ordering {
    let key = |times: &[i64], row: u32| match times[row as usize] {
        NO_I64 => i64::MAX,
        time => time,
    };
    times.map_or(Ordering::Equal, |times| key(times, a).cmp(&key(times, b)))
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
            columns: self.columns.iter().map(|cells| gathered(cells, &rows)).collect(),
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
            let codes: Vec<i32> = codes.into_iter().map(|code| code as i32).collect();
            Arc::new(Int32Array::new(codes.into(), nulls))
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
