//! Feature and label rows on their way to Parquet.

use std::sync::Arc;

use osusume_model::{AsOf, FeatureSpec, Offer, Result};
use osusume_tables::arrow::array::{
    ArrayRef, Date32Array, Float32Array, Int64Array, RecordBatch, UInt8Array, UInt32Array,
};
use osusume_tables::arrow::datatypes::{DataType, Field, Schema};
use osusume_windows::NO_TAKE;

use super::cells::Cells;
use super::labels::LabelCells;

/// Name of the label column of an offer, by its position.
pub(crate) fn label_column(offer: usize) -> String {
    format!("label_{offer:03}")
}

/// Name of the column with the instant of an offer's take.
pub(crate) fn take_column(offer: usize) -> String {
    format!("take_{offer:03}")
}

/// Name of the column with the units of an offer's take.
pub(crate) fn units_column(offer: usize) -> String {
    format!("units_{offer:03}")
}

/// The offers with labels, and those of them sold in numbers with the products that stand for them.
type Labeled<'a> = (&'a [Offer], &'a [(usize, u32)]);

/// The schema of feature rows; for training with labels, and of offers sold in numbers (`counted`) with units.
pub(crate) fn schema(specs: &[FeatureSpec], offers: Option<Labeled<'_>>) -> Schema {
    let mut fields =
        vec![Field::new("customer", DataType::UInt32, false), Field::new("as_of", DataType::Date32, false)];
    fields.extend(specs.iter().map(|spec| Field::new(&spec.name, DataType::Float32, true)));
    let n_offers = offers.map_or(0, |(offers, _)| offers.len());
    fields.extend((0..n_offers).map(|offer| Field::new(label_column(offer), DataType::UInt8, false)));
    fields.extend((0..n_offers).map(|offer| Field::new(take_column(offer), DataType::Int64, true)));
    let counted = offers.map_or(&[][..], |(_, counted)| counted);
    fields.extend(counted.iter().map(|(offer, _)| Field::new(units_column(*offer), DataType::Int64, true)));
    Schema::new(fields)
}

/// A row that is written: position of the customer in the partition, and of the date.
#[derive(Clone, Copy)]
pub(super) struct RowAt {
    pub(super) customer: u32,
    pub(super) date: u32,
}

/// The rows `at` of a partition as a batch. `customers`: index of each customer of the partition. `labels`: those of the first so many
/// dates.
pub(super) fn batch(
    schema: &Arc<Schema>,
    at: &[RowAt],
    customers: &[u32],
    dates: &[AsOf],
    cells: &[Cells<f32>],
    labels: Option<(&LabelCells, usize)>,
) -> Result<RecordBatch> {
    let n_dates = dates.len();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(at.iter().map(|row| customers[row.customer as usize]))),
        Arc::new(Date32Array::from_iter_values(at.iter().map(|row| dates[row.date as usize].date.0))),
    ];
    let cell = |row: &RowAt| row.customer as usize * n_dates + row.date as usize;
    for group in cells {
        for column in 0..group.width {
            let values =
                at.iter().map(|row| Some(group.values[cell(row) * group.width + column]).filter(|v| !v.is_nan()));
            columns.push(Arc::new(values.collect::<Float32Array>()));
        }
    }
    if let Some((labels, n_dates)) = labels {
        let cell = |row: &RowAt| row.customer as usize * n_dates + row.date as usize;
        let n_offers = labels.label.len() / (customers.len() * n_dates).max(1);
        for offer in 0..n_offers {
            let values = at.iter().map(|row| labels.label[cell(row) * n_offers + offer] as u8);
            columns.push(Arc::new(UInt8Array::from_iter_values(values)));
        }
        for offer in 0..n_offers {
            let values =
                at.iter().map(|row| Some(labels.take_at[cell(row) * n_offers + offer]).filter(|&t| t != NO_TAKE));
            columns.push(Arc::new(values.collect::<Int64Array>()));
        }
        let n_counted = labels.units.len() / (customers.len() * n_dates).max(1);
        for column in 0..n_counted {
            let values = at.iter().map(|row| Some(labels.units[cell(row) * n_counted + column]).filter(|&u| u > 0));
            columns.push(Arc::new(values.collect::<Int64Array>()));
        }
    }
    crate::kernel::batch(schema, columns)
}
