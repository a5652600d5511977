//! A written table, read by ranges of customers into plain vectors.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt32Array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use osusume_model::{Code, Control, Fault, Result, check_stop};
use osusume_storage::Fs;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use rayon::prelude::*;

use crate::chunks::{Chunks, guarded, metadata};
use crate::input::in_file;
use crate::levels::Names;
use crate::write::{CUSTOMER, GROUPS_KEY, LEVELS_KEY, VERSION, VERSION_KEY};

/// Rows decoded at once.
const BATCH_ROWS: usize = 1 << 18;

/// A table that ingest made: a file, or row groups that never left memory.
pub struct TableFile {
    path: PathBuf,
    schema: SchemaRef,
    rows: Rows,
    dictionaries: BTreeMap<String, Names>,
    /// First customer of each row group, and behind them the number of customers; empty for a plain table.
    group_starts: Vec<u32>,
}

/// Where the row groups of a table are.
enum Rows {
    File {
        chunks: Chunks,
        metadata: ArrowReaderMetadata,
    },
    /// As they would be decoded from the file.
    Held(Vec<RecordBatch>),
}

/// Rows of a range of customers, sorted by (customer index, time, input order).
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The customer index of each row; empty for a table without customers.
    pub customer: ScalarBuffer<u32>,
    /// The columns asked for, in that order, one value a row.
    pub columns: Vec<Column>,
    /// Rows, also when no column was asked for.
    pub n_rows: usize,
}

/// One column of a part.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The values.
    pub values: Values,
    /// Whether each value is present; `None` when all are.
    pub valid: Option<Vec<bool>>,
    /// The levels of a category, sorted; codes count into them.
    pub dictionary: Option<Names>,
}

/// Values of a column. Of a table in memory they are lent where nothing is absent, not copied.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Whole numbers, minor units, flags (0 or 1) and instants (microseconds UTC); absent ones are 0.
    I64(ScalarBuffer<i64>),
    /// Decimals; absent ones are NaN.
    F64(ScalarBuffer<f64>),
    /// Codes into the dictionary; absent ones are `u32::MAX`.
    Code(ScalarBuffer<u32>),
    /// Texts and lists; absent ones are empty.
    Text(Texts),
}

/// Texts end to end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    /// Number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a row.
    pub fn get(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[start..self.ends[row]]
    }

    /// All texts in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|row| self.get(row))
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }
}

impl Part {
    /// Where each customer's rows start: `range.len() + 1` positions, the last one being the number of rows.
    pub fn offsets(&self, range: Range<u32>) -> Vec<u32> {
        let mut offsets = Vec::with_capacity(range.len() + 1);
        let mut row = self.customer.partition_point(|&customer| customer < range.start);
        for customer in range {
            offsets.push(row as u32);
            while self.customer.get(row) == Some(&customer) {
                row += 1;
            }
        }
        offsets.push(row as u32);
        offsets
    }
}

impl TableFile {
    /// Opens a table; reads its footer only.
    ///
    /// # Errors
    /// `FileDamaged`, `FormatVersion`.
    pub fn open(fs: &dyn Fs, path: &Path) -> Result<Self> {
        let chunks = Chunks(Arc::from(fs.open(path)?));
        let metadata = metadata(&chunks, path, Code::FileDamaged)?;
        let pairs: BTreeMap<String, String> = metadata
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .into_iter()
            .flatten()
            .map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default()))
            .collect();
        let version = pairs.get(VERSION_KEY).map_or("none", String::as_str);
        if version != VERSION {
            let fault = in_file(Code::FormatVersion, path).with("found", version);
            return Err(fault.with("supported", VERSION));
        }
        let levels =
            |text: &str| if text.is_empty() { Vec::new() } else { text.split('\n').map(str::to_owned).collect() };
        let dictionaries = pairs
            .iter()
            .filter_map(|(key, text)| Some((key.strip_prefix(LEVELS_KEY)?.to_owned(), Names::from(levels(text)))))
            .collect();
        let n_groups = metadata.metadata().num_row_groups();
        let group_starts = group_starts(pairs.get(GROUPS_KEY), n_groups)
            .ok_or_else(|| in_file(Code::FileDamaged, path).because("row groups without their customers"))?;
        let schema = Arc::clone(metadata.schema());
        Ok(Self { path: path.to_owned(), schema, rows: Rows::File { chunks, metadata }, dictionaries, group_starts })
    }

    /// A table of row groups in memory. `group_starts`: the first customer of each and the number of customers; empty for a plain table.
    pub(crate) fn held(
        path: PathBuf,
        schema: SchemaRef,
        groups: Vec<RecordBatch>,
        dictionaries: BTreeMap<String, Names>,
        group_starts: Vec<u32>,
    ) -> Self {
        Self { path, schema, rows: Rows::Held(groups), dictionaries, group_starts }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> u64 {
        match &self.rows {
            Rows::File { metadata, .. } => u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0),
            Rows::Held(groups) => groups.iter().map(|group| group.num_rows() as u64).sum(),
        }
    }

    /// Whether the rows are in memory, so that reading some of them decodes no others.
    pub fn is_held(&self) -> bool {
        matches!(self.rows, Rows::Held(_))
    }

    fn n_groups(&self) -> usize {
        match &self.rows {
            Rows::File { metadata, .. } => metadata.metadata().num_row_groups(),
            Rows::Held(groups) => groups.len(),
        }
    }

    /// Names of the columns, without the customer index.
    pub fn columns(&self) -> Vec<&str> {
        let fields = self.schema.fields();
        fields.iter().map(|field| field.name().as_str()).filter(|name| *name != CUSTOMER).collect()
    }

    /// Whether there is such a column.
    pub fn has_column(&self, column: &str) -> bool {
        self.columns().contains(&column)
    }

    /// The sorted levels of a category; `None` for a column of another kind.
    pub fn dictionary(&self, column: &str) -> Option<Names> {
        self.dictionaries.get(column).cloned()
    }

    /// `customers` in runs of `most` at most. Of a table in memory no run reaches over the end of a row group, so that its rows are read
    /// without a copy; of a file runs end with a row group where they can, so that few are decoded twice.
    pub fn runs(&self, customers: Range<u32>, most: u32) -> Vec<Range<u32>> {
        let borders = self.group_starts.as_slice();
        let (mut runs, mut start) = (Vec::new(), customers.start);
        while start < customers.end {
            let furthest = customers.end.min(start.saturating_add(most.max(1)));
            let next = borders.partition_point(|&border| border <= start);
            let last = borders.partition_point(|&border| border <= furthest);
            let border = if self.is_held() { next } else { last.saturating_sub(1) };
            let border = borders.get(border).filter(|_| next < last);
            let end = border.map_or(furthest, |&border| border.min(furthest));
            runs.push(start..end);
            start = end;
        }
        runs
    }

    /// All rows.
    pub fn read_all(&self, columns: &[&str], control: &dyn Control) -> Result<Part> {
        self.read(0..u32::MAX, columns, control)
    }

    /// The rows of a range of customers; of a table without customers, all rows. Only the row groups needed are read, side by side.
    ///
    /// # Errors
    /// `ColumnMissing`; `FileDamaged` when the file cannot be decoded.
    pub fn read(&self, customers: Range<u32>, columns: &[&str], control: &dyn Control) -> Result<Part> {
        let roots = self.roots(columns)?;
        let groups = self.groups_of(&customers);
        let pieces: Result<Vec<Vec<RecordBatch>>> =
            groups.par_iter().map(|&group| self.read_group(group, &roots, &customers, control)).collect();
        let batches: Vec<RecordBatch> = pieces?.into_iter().flatten().collect();
        self.assemble(&batches, &roots, columns)
    }

    fn has_customers(&self) -> bool {
        !self.group_starts.is_empty()
    }

    /// Positions in the file: the customer first where there is one, then the columns.
    fn roots(&self, columns: &[&str]) -> Result<Vec<usize>> {
        let customer = self.has_customers().then_some(&CUSTOMER);
        let schema = &self.schema;
        let mut roots = Vec::with_capacity(columns.len() + 1);
        for name in customer.into_iter().chain(columns) {
            roots.push(schema.index_of(name).map_err(|_| {
                let names: Vec<String> = self.columns().into_iter().map(str::to_owned).collect();
                in_file(Code::ColumnMissing, &self.path).named(*name).with("column", *name).with("columns", names)
            })?);
        }
        Ok(roots)
    }

    fn groups_of(&self, customers: &Range<u32>) -> Vec<usize> {
        let n_groups = self.n_groups();
        if !self.has_customers() {
            return (0..n_groups).collect();
        }
        let touches =
            |group: &usize| self.group_starts[*group] < customers.end && customers.start < self.group_starts[group + 1];
        (0..n_groups).filter(touches).collect()
    }

    fn read_group(
        &self,
        group: usize,
        roots: &[usize],
        customers: &Range<u32>,
        control: &dyn Control,
    ) -> Result<Vec<RecordBatch>> {
        let (chunks, metadata) = match &self.rows {
            Rows::File { chunks, metadata } => (chunks, metadata),
            Rows::Held(groups) => {
                check_stop(control)?;
                let mut wanted = roots.to_vec();
                wanted.sort_unstable();
                wanted.dedup();
                let batch = groups[group].project(&wanted).map_err(|error| self.damaged().because(error))?;
                return Ok(vec![if self.has_customers() { self.trimmed(&batch, roots, customers)? } else { batch }]);
            }
        };
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
        let mut reader = guarded(Code::FileDamaged, &self.path, || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(chunks.clone(), metadata.clone())
                .with_projection(mask)
                .with_row_groups(vec![group])
                .with_batch_size(BATCH_ROWS)
                .build()
        })?;
        let mut batches = Vec::new();
        loop {
            check_stop(control)?;
            let batch = guarded(Code::FileDamaged, &self.path, || Ok(reader.next().transpose()?))?;
            let Some(batch) = batch else { return Ok(batches) };
            batches.push(if self.has_customers() { self.trimmed(&batch, roots, customers)? } else { batch });
        }
    }

    /// The rows of a batch whose customer is in the range; customers are sorted.
    fn trimmed(&self, batch: &RecordBatch, roots: &[usize], customers: &Range<u32>) -> Result<RecordBatch> {
        let column = batch.column(position(roots, 0));
        let values = column.as_any().downcast_ref::<UInt32Array>().ok_or_else(|| self.damaged())?.values();
        let start = values.partition_point(|&customer| customer < customers.start);
        let end = values.partition_point(|&customer| customer < customers.end);
        Ok(batch.slice(start, end.saturating_sub(start)))
    }

    fn assemble(&self, batches: &[RecordBatch], roots: &[usize], columns: &[&str]) -> Result<Part> {
        let n_rows = batches.iter().map(RecordBatch::num_rows).sum();
        let arrays = |at: usize| -> Vec<ArrayRef> {
            batches.iter().map(|batch| Arc::clone(batch.column(position(roots, at)))).collect()
        };
        let skip = usize::from(self.has_customers());
        let customer = if self.has_customers() {
            customers_of(&arrays(0), n_rows, self.is_held()).ok_or_else(|| self.damaged())?
        } else {
            ScalarBuffer::from(Vec::new())
        };
        let columns: Result<Vec<Column>> = columns
            .par_iter()
            .enumerate()
            .map(|(i, name)| {
                let data_type = self.schema.field(roots[i + skip]).data_type();
                let values =
                    values_of(&arrays(i + skip), data_type, n_rows, self.is_held()).ok_or_else(|| self.damaged())?;
                let valid = validity(&arrays(i + skip), n_rows);
                Ok(Column { values, valid, dictionary: self.dictionary(name) })
            })
            .collect();
        Ok(Part { customer, columns: columns?, n_rows })
    }

    fn damaged(&self) -> Fault {
        in_file(Code::FileDamaged, &self.path)
    }
}

/// Position of the `at`-th wanted column in a projected batch, which keeps the file's order.
fn position(roots: &[usize], at: usize) -> usize {
    let mut before: Vec<usize> = roots.iter().copied().filter(|&root| root < roots[at]).collect();
    before.sort_unstable();
    before.dedup();
    before.len()
}

/// The customers' starts of the row groups; empty for a plain table, `None` when they cannot be right.
fn group_starts(text: Option<&String>, n_groups: usize) -> Option<Vec<u32>> {
    let Some(text) = text else { return Some(Vec::new()) };
    let starts: Vec<u32> = text.split(',').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let is_sorted = starts.windows(2).all(|pair| pair[0] <= pair[1]);
    (starts.len() == n_groups + 1 && is_sorted).then_some(starts)
}

fn customers_of(arrays: &[ArrayRef], n_rows: usize, is_held: bool) -> Option<ScalarBuffer<u32>> {
    let values = |array: &ArrayRef| Some(array.as_any().downcast_ref::<UInt32Array>()?.values().clone());
    if let Some(one) = lent(arrays, is_held) {
        return values(one);
    }
    let mut customers = Vec::with_capacity(n_rows);
    for array in arrays {
        customers.extend_from_slice(&values(array)?);
    }
    Some(customers.into())
}

/// The array whose values can be lent: the only one, of a table in memory, with nothing absent. What was decoded for this part alone is
/// copied, so that a few rows do not keep all that were decoded with them.
fn lent(arrays: &[ArrayRef], is_held: bool) -> Option<&ArrayRef> {
    match arrays {
        [one] if is_held && one.null_count() == 0 => Some(one),
        _ => None,
    }
}

fn values_of(arrays: &[ArrayRef], data_type: &DataType, n_rows: usize, is_held: bool) -> Option<Values> {
    let one = lent(arrays, is_held).map(Array::as_any);
    match data_type {
        DataType::Utf8 => texts_of(arrays, n_rows),
        DataType::Float64 => {
            if let Some(one) = one {
                return Some(Values::F64(one.downcast_ref::<Float64Array>()?.values().clone()));
            }
            let mut values = Vec::with_capacity(n_rows);
            for array in arrays {
                let array = array.as_any().downcast_ref::<Float64Array>()?;
                extend(&mut values, array.values(), array, f64::NAN);
            }
            Some(Values::F64(values.into()))
        }
        DataType::Int32 => {
            if let Some(one) = one {
                let codes = one.downcast_ref::<Int32Array>()?.values();
                return Some(Values::Code(ScalarBuffer::from(codes.inner().clone())));
            }
            let mut values = Vec::with_capacity(n_rows);
            for array in arrays {
                let array = array.as_any().downcast_ref::<Int32Array>()?;
                let absent = |(row, &code): (usize, &i32)| if array.is_null(row) { u32::MAX } else { code as u32 };
                match array.null_count() {
                    0 => values.extend(array.values().iter().map(|&code| code as u32)),
                    _ => values.extend(array.values().iter().enumerate().map(absent)),
                }
            }
            Some(Values::Code(values.into()))
        }
        _ => integers_of(arrays, data_type, n_rows, is_held),
    }
}

fn integers_of(arrays: &[ArrayRef], data_type: &DataType, n_rows: usize, is_held: bool) -> Option<Values> {
    match (lent(arrays, is_held), data_type) {
        (Some(one), DataType::Int64) => {
            return Some(Values::I64(one.as_any().downcast_ref::<Int64Array>()?.values().clone()));
        }
        (Some(one), DataType::Timestamp(_, _)) => {
            return Some(Values::I64(one.as_primitive_opt::<TimestampMicrosecondType>()?.values().clone()));
        }
        _ => {}
    }
    let mut values = Vec::with_capacity(n_rows);
    for array in arrays {
        match data_type {
            DataType::Int64 => {
                let array = array.as_any().downcast_ref::<Int64Array>()?;
                extend(&mut values, array.values(), array, 0);
            }
            DataType::Boolean => {
                let array = array.as_any().downcast_ref::<BooleanArray>()?;
                values.extend(array.iter().map(|flag| i64::from(flag == Some(true))));
            }
            DataType::Timestamp(_, _) => {
                let array = array.as_primitive_opt::<TimestampMicrosecondType>()?;
                extend(&mut values, array.values(), array, 0);
            }
            _ => return None,
        }
    }
    Some(Values::I64(values.into()))
}

/// Appends values, with `absent` for those that are null.
fn extend<T: Copy>(values: &mut Vec<T>, more: &[T], array: &dyn Array, absent: T) {
    let start = values.len();
    values.extend_from_slice(more);
    if array.null_count() > 0 {
        for (i, value) in values[start..].iter_mut().enumerate().filter(|(i, _)| array.is_null(*i)) {
            let _ = i;
            *value = absent;
        }
    }
}

fn texts_of(arrays: &[ArrayRef], n_rows: usize) -> Option<Values> {
    let mut texts = Texts::default();
    texts.ends.reserve(n_rows);
    for array in arrays {
        let array = array.as_any().downcast_ref::<StringArray>()?;
        array.iter().for_each(|text| texts.push(text.unwrap_or_default()));
    }
    Some(Values::Text(texts))
}

fn validity(arrays: &[ArrayRef], n_rows: usize) -> Option<Vec<bool>> {
    if arrays.iter().all(|array| array.null_count() == 0) {
        return None;
    }
    let mut valid = Vec::with_capacity(n_rows);
    for array in arrays {
        valid.extend((0..array.len()).map(|row| array.is_valid(row)));
    }
    Some(valid)
}
