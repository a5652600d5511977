//! The two large tables as columns, written as Parquet: measurements and chances.

use std::sync::Arc;

use osusume_model::{Code, Fault, Result};
use osusume_tables::arrow::array::{
    ArrayRef, Date32Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use osusume_tables::arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use crate::World;
use crate::rows::customer_id;
use crate::truth::Chance;
use crate::worth::Worth;

/// Measurements.
#[derive(Default)]
pub(crate) struct UsageColumns {
    customer: Vec<u64>,
    day: Vec<i32>,
    metric: Vec<usize>,
    value: Vec<f64>,
    /// Microseconds UTC.
    loaded: Vec<i64>,
}

impl UsageColumns {
    /// Appends one measurement.
    pub(crate) fn push(&mut self, customer: u64, day: i32, metric: usize, value: f64, loaded: i64) {
        self.customer.push(customer);
        self.day.push(day);
        self.metric.push(metric);
        self.value.push(value);
        self.loaded.push(loaded);
    }

    /// The columns as Arrow.
    pub(crate) fn batch(self, world: &World) -> Result<RecordBatch> {
        let metrics = &world.file().metric;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(ids(&self.customer)),
            Arc::new(Date32Array::from(self.day)),
            Arc::new(self.metric.iter().map(|i| Some(metrics[*i].name.as_str())).collect::<StringArray>()),
            Arc::new(Float64Array::from(self.value)),
            Arc::new(TimestampMicrosecondArray::from(self.loaded).with_timezone("UTC")),
        ];
        batch(usage_schema(), columns)
    }
}

/// Columns of the usage table.
pub(crate) fn usage_schema() -> Schema {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    schema(&[
        ("customer_id", DataType::Utf8),
        ("day", DataType::Date32),
        ("metric", DataType::Utf8),
        ("value", DataType::Float64),
        ("loaded_at", utc),
    ])
}

/// Chances of customers, as-of dates and offers.
#[derive(Default)]
pub(crate) struct ChanceColumns {
    customer: Vec<u64>,
    as_of: Vec<i32>,
    chances: Vec<Chance>,
}

impl ChanceColumns {
    /// Appends the chances of one customer as of one date.
    pub(crate) fn extend(&mut self, customer: u64, as_of: i32, chances: &[Chance]) {
        self.customer.extend(chances.iter().map(|_| customer));
        self.as_of.extend(chances.iter().map(|_| as_of));
        self.chances.extend_from_slice(chances);
    }

    /// The columns as Arrow.
    pub(crate) fn batch(self, world: &World) -> Result<RecordBatch> {
        let offers = &world.file().offer;
        let number = |of: fn(&Chance) -> f64| Arc::new(Float64Array::from_iter_values(self.chances.iter().map(of)));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(ids(&self.customer)),
            Arc::new(Date32Array::from(self.as_of)),
            Arc::new(self.chances.iter().map(|c| Some(offers[c.offer].product.as_str())).collect::<StringArray>()),
            number(|chance| chance.without),
            number(|chance| chance.with),
            number(|chance| chance.effect),
        ];
        batch(chances_schema(), columns)
    }
}

/// Columns of the truth about takes.
pub(crate) fn chances_schema() -> Schema {
    schema(&[
        ("customer_id", DataType::Utf8),
        ("as_of", DataType::Date32),
        ("offer", DataType::Utf8),
        ("without_contact", DataType::Float64),
        ("with_contact", DataType::Float64),
        ("effect", DataType::Float64),
    ])
}

/// Numbers of contacts to one customer that their worth is told for.
pub(crate) const CONTACTS: [u32; 3] = [1, 2, 3];
const GAINS: [&str; 3] = ["gain_1", "gain_2", "gain_3"];
const DRAGS: [&str; 3] = ["drag_1", "drag_2", "drag_3"];
const LEAVES: [&str; 3] = ["leaves_1", "leaves_2", "leaves_3"];

/// What contacts are worth, by customer, as-of date and offer.
#[derive(Default)]
pub(crate) struct WorthColumns {
    customer: Vec<u64>,
    as_of: Vec<i32>,
    offer: Vec<usize>,
    margin: Vec<f64>,
    gains: [Vec<f64>; 3],
    drags: [Vec<f64>; 3],
    leaves_alone: Vec<f64>,
    leaves: [Vec<f64>; 3],
}

impl WorthColumns {
    /// Appends what [`CONTACTS`] are worth for one customer as of one date.
    pub(crate) fn extend(&mut self, customer: u64, as_of: i32, worth: &Worth) {
        for offer in &worth.offers {
            self.customer.push(customer);
            self.as_of.push(as_of);
            self.offer.push(offer.offer);
            self.margin.push(offer.margin);
            self.leaves_alone.push(worth.leaves_alone);
            for i in 0..CONTACTS.len() {
                self.gains[i].push(offer.gains[i]);
                self.drags[i].push(worth.drags[i]);
                self.leaves[i].push(worth.leaves[i]);
            }
        }
    }

    /// The columns as Arrow.
    pub(crate) fn batch(self, world: &World) -> Result<RecordBatch> {
        let offers = &world.file().offer;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(ids(&self.customer)),
            Arc::new(Date32Array::from(self.as_of)),
            Arc::new(self.offer.iter().map(|i| Some(offers[*i].product.as_str())).collect::<StringArray>()),
        ];
        let [numbers, alone] = [self.margin, self.leaves_alone].map(|numbers| vec![numbers]);
        let numbers = numbers.into_iter().chain(self.gains).chain(self.drags).chain(alone).chain(self.leaves);
        columns.extend(numbers.map(|numbers| Arc::new(Float64Array::from(numbers)) as ArrayRef));
        batch(worth_schema(), columns)
    }
}

/// Columns of the truth about worth.
pub(crate) fn worth_schema() -> Schema {
    let keys = [("customer_id", DataType::Utf8), ("as_of", DataType::Date32), ("offer", DataType::Utf8)];
    let names = ["margin"].into_iter().chain(GAINS).chain(DRAGS).chain(["leaves_alone"]).chain(LEAVES);
    let all: Vec<(&str, DataType)> = keys.into_iter().chain(names.map(|name| (name, DataType::Float64))).collect();
    schema(&all)
}

pub(crate) fn schema(columns: &[(&str, DataType)]) -> Schema {
    Schema::new(columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), false)).collect::<Vec<Field>>())
}

pub(crate) fn batch(schema: Schema, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(Arc::new(schema), columns).map_err(|error| Fault::new(Code::Bug).because(error))
}

fn ids(numbers: &[u64]) -> StringArray {
    StringArray::from_iter_values(numbers.iter().map(|number| customer_id(*number)))
}
