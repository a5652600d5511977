//! The published offer table, row by row.

use std::path::Path;

use osusume_model::{Code, Control, Date, Fault, Minor, Result, check_stop};
use osusume_storage::Fs;
use osusume_tables::arrow::array::{
    Array, Date32Array, Float64Array, Int16Array, Int64Array, RecordBatch, StringArray,
};
use osusume_tables::read_batches;

use crate::csv_file::Sink;
use crate::field::OfferRow;

/// The columns of the table, in the order of [`Arrays`].
pub(crate) const COLUMNS: [&str; 15] = [
    "customer_id",
    "as_of",
    "rank",
    "offer",
    "kind",
    "family",
    "channel",
    "propensity",
    "margin_minor",
    "expected_value_minor",
    "evidence",
    "reason_1",
    "reason_2",
    "reason_3",
    "expires_on",
];
/// The last column; apart, because arrays of names stop reading well.
pub(crate) const ACTION_PROBABILITY: &str = "action_probability";

/// Hands every batch of an offer table over, with its rows. Progress is in rows of `total`.
///
/// # Errors
/// `ColumnMissing` and `FileDamaged` when the file is not an offer table; `Cancelled`, `DeadlinePassed`.
pub(crate) fn for_each_batch(
    fs: &dyn Fs,
    path: &Path,
    total: u64,
    control: &dyn Control,
    take: &mut dyn FnMut(&RecordBatch, &Arrays<'_>) -> Result<()>,
) -> Result<()> {
    let columns: Vec<&str> = COLUMNS.into_iter().chain([ACTION_PROBABILITY]).collect();
    let mut done = 0;
    for batch in read_batches(fs, path, &columns)? {
        check_stop(control)?;
        let batch = batch?;
        take(&batch, &Arrays::of(&batch, path)?)?;
        done += batch.num_rows() as u64;
        control.progress(done, total);
    }
    Ok(())
}

/// The columns of a batch.
pub(crate) struct Arrays<'a> {
    customer: &'a StringArray,
    as_of: &'a Date32Array,
    rank: &'a Int16Array,
    offer: &'a StringArray,
    kind: &'a StringArray,
    family: &'a StringArray,
    channel: &'a StringArray,
    propensity: &'a Float64Array,
    margin: &'a Int64Array,
    expected_value: &'a Int64Array,
    evidence: &'a StringArray,
    reasons: [&'a StringArray; 3],
    expires_on: &'a Date32Array,
    action_probability: &'a Float64Array,
}

impl<'a> Arrays<'a> {
    fn of(batch: &'a RecordBatch, path: &Path) -> Result<Self> {
        Ok(Self {
            customer: column(batch, 0, path)?,
            as_of: column(batch, 1, path)?,
            rank: column(batch, 2, path)?,
            offer: column(batch, 3, path)?,
            kind: column(batch, 4, path)?,
            family: column(batch, 5, path)?,
            channel: column(batch, 6, path)?,
            propensity: column(batch, 7, path)?,
            margin: column(batch, 8, path)?,
            expected_value: column(batch, 9, path)?,
            evidence: column(batch, 10, path)?,
            reasons: [column(batch, 11, path)?, column(batch, 12, path)?, column(batch, 13, path)?],
            expires_on: column(batch, 14, path)?,
            action_probability: column(batch, 15, path)?,
        })
    }

    /// Feeds every row to `sink`.
    pub(crate) fn feed(&self, path: &Path, sink: Sink<'_>) -> Result<()> {
        (0..self.customer.len()).try_for_each(|i| sink(&self.row(i, path)?))
    }

    /// Absent texts of the key read as empty, which no key may be.
    fn row(&self, i: usize, path: &Path) -> Result<OfferRow<'a>> {
        let text = |array: &'a StringArray| array.is_valid(i).then(|| array.value(i));
        let share = |array: &Float64Array| array.is_valid(i).then(|| array.value(i));
        let minor = |array: &Int64Array| array.is_valid(i).then(|| Minor(array.value(i)));
        if self.as_of.is_null(i) || self.rank.is_null(i) {
            return Err(damaged(path, COLUMNS[if self.rank.is_null(i) { 2 } else { 1 }]));
        }
        Ok(OfferRow {
            customer: text(self.customer).unwrap_or_default(),
            as_of: Date(self.as_of.value(i)),
            rank: self.rank.value(i),
            offer: text(self.offer).unwrap_or_default(),
            kind: text(self.kind).unwrap_or_default(),
            family: text(self.family).unwrap_or_default(),
            channel: text(self.channel),
            propensity: share(self.propensity),
            margin: minor(self.margin),
            expected_value: minor(self.expected_value),
            evidence: text(self.evidence),
            reasons: self.reasons.map(text),
            expires_on: self.expires_on.is_valid(i).then(|| Date(self.expires_on.value(i))),
            action_probability: share(self.action_probability),
        })
    }
}

fn column<'a, T: Array + 'static>(batch: &'a RecordBatch, at: usize, path: &Path) -> Result<&'a T> {
    let name = COLUMNS.get(at).copied().unwrap_or(ACTION_PROBABILITY);
    batch.column(at).as_any().downcast_ref::<T>().ok_or_else(|| damaged(path, name))
}

fn damaged(path: &Path, column: &str) -> Fault {
    let fault = Fault::new(Code::FileDamaged).in_file(path.display().to_string());
    fault.named(column).because("not as an offer table has it")
}
