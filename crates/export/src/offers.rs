//! The published offer table, row by row.

use std::path::Path;

use osusume_model::{Code, Control, Date, Fault, Minor, Result, check_stop};
use osusume_storage::Fs;
use osusume_tables::arrow::array::{
    Array, BooleanArray, Date32Array, Float64Array, Int16Array, Int64Array, RecordBatch, StringArray,
};
use osusume_tables::read_batches;

use crate::csv_file::Sink;
use crate::field::OfferRow;

/// Hands every batch of an offer table over, all columns of it, and the ones known by name. Progress is in rows of `total`.
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
    let mut done = 0;
    for batch in read_batches(fs, path, &[])? {
        check_stop(control)?;
        let batch = batch?;
        take(&batch, &Arrays::of(&batch, path)?)?;
        done += batch.num_rows() as u64;
        control.progress(done, total);
    }
    Ok(())
}

/// The columns that tell what a contact adds; tables of earlier versions have none.
const PARTS: [&str; 5] = ["propensity_contacted", "propensity_alone", "uplift", "uplift_lower", "uplift_upper"];

/// The column of tables in which something is sold in numbers.
const UNITS: &str = "expected_quantity";

/// What triggers say; tables of earlier versions have no such columns.
#[derive(Clone, Copy)]
struct Moment<'a> {
    trigger: &'a StringArray,
    contact: [&'a Date32Array; 2],
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
    /// Absent in tables of earlier versions.
    step: Option<&'a StringArray>,
    propensity: &'a Float64Array,
    /// With contact, without, and what it adds with its interval.
    parts: Option<[&'a Float64Array; 5]>,
    /// Absent where nothing is sold in numbers.
    expected_quantity: Option<&'a Float64Array>,
    margin: &'a Int64Array,
    expected_value: &'a Int64Array,
    evidence: &'a StringArray,
    basis: Option<&'a StringArray>,
    reasons: [&'a StringArray; 3],
    expires_on: &'a Date32Array,
    moment: Option<Moment<'a>>,
    /// Tables of earlier versions have no texts.
    benefit: Option<[&'a StringArray; 2]>,
    action_probability: &'a Float64Array,
}

impl<'a> Arrays<'a> {
    pub(crate) fn of(batch: &'a RecordBatch, path: &Path) -> Result<Self> {
        let has_basis = batch.column_by_name("basis").is_some();
        let has_parts = batch.column_by_name(PARTS[0]).is_some();
        Ok(Self {
            customer: column(batch, "customer_id", path)?,
            as_of: column(batch, "as_of", path)?,
            rank: column(batch, "rank", path)?,
            offer: column(batch, "offer", path)?,
            kind: column(batch, "kind", path)?,
            family: column(batch, "family", path)?,
            channel: column(batch, "channel", path)?,
            step: batch.column_by_name("step").map(|_| column(batch, "step", path)).transpose()?,
            propensity: column(batch, "propensity", path)?,
            parts: if has_parts { Some(parts(batch, path)?) } else { None },
            expected_quantity: batch.column_by_name(UNITS).map(|_| column(batch, UNITS, path)).transpose()?,
            margin: column(batch, "margin_minor", path)?,
            expected_value: column(batch, "expected_value_minor", path)?,
            evidence: column(batch, "evidence", path)?,
            basis: if has_basis { Some(column(batch, "basis", path)?) } else { None },
            reasons: [
                column(batch, "reason_1", path)?,
                column(batch, "reason_2", path)?,
                column(batch, "reason_3", path)?,
            ],
            expires_on: column(batch, "expires_on", path)?,
            moment: batch.column_by_name("trigger").map(|_| moment(batch, path)).transpose()?,
            benefit: batch.column_by_name("benefit_en").map(|_| benefit(batch, path)).transpose()?,
            action_probability: column(batch, "action_probability", path)?,
        })
    }

    /// What is said of each row's customer.
    pub(crate) fn each_customer(&self, say: impl Fn(&str) -> Option<bool>) -> BooleanArray {
        self.customer.iter().map(|id| say(id.unwrap_or_default())).collect()
    }

    /// Feeds every row to `sink`.
    pub(crate) fn feed(&self, path: &Path, sink: Sink<'_>) -> Result<()> {
        (0..self.customer.len()).try_for_each(|i| sink(&self.row(i, path)?))
    }

    /// Absent texts of the key read as empty, which no key may be.
    fn row(&self, i: usize, path: &Path) -> Result<OfferRow<'a>> {
        let text = |array: &'a StringArray| array.is_valid(i).then(|| array.value(i));
        let share = |array: &Float64Array| array.is_valid(i).then(|| array.value(i));
        let date = |array: &Date32Array| array.is_valid(i).then(|| Date(array.value(i)));
        let minor = |array: &Int64Array| array.is_valid(i).then(|| Minor(array.value(i)));
        for (is_null, name) in [(self.as_of.is_null(i), "as_of"), (self.rank.is_null(i), "rank")] {
            if is_null {
                return Err(damaged(path, name));
            }
        }
        let parts = self.parts.map_or([None; 5], |parts| parts.map(share));
        Ok(OfferRow {
            customer: text(self.customer).unwrap_or_default(),
            as_of: Date(self.as_of.value(i)),
            rank: self.rank.value(i),
            offer: text(self.offer).unwrap_or_default(),
            kind: text(self.kind).unwrap_or_default(),
            family: text(self.family).unwrap_or_default(),
            channel: text(self.channel),
            step: self.step.and_then(text),
            propensity: share(self.propensity),
            propensity_contacted: parts[0],
            propensity_alone: parts[1],
            uplift: [parts[2], parts[3], parts[4]],
            expected_quantity: self.expected_quantity.and_then(share),
            margin: minor(self.margin),
            expected_value: minor(self.expected_value),
            evidence: text(self.evidence),
            basis: self.basis.and_then(text),
            reasons: self.reasons.map(text),
            expires_on: date(self.expires_on),
            trigger: self.moment.and_then(|moment| text(moment.trigger)),
            contact: self.moment.map_or([None; 2], |moment| moment.contact.map(date)),
            benefit: self.benefit.map_or([None; 2], |texts| texts.map(text)),
            action_probability: share(self.action_probability),
        })
    }
}

fn moment<'a>(batch: &'a RecordBatch, path: &Path) -> Result<Moment<'a>> {
    let contact = [column(batch, "contact_from", path)?, column(batch, "contact_until", path)?];
    Ok(Moment { trigger: column(batch, "trigger", path)?, contact })
}

fn benefit<'a>(batch: &'a RecordBatch, path: &Path) -> Result<[&'a StringArray; 2]> {
    Ok([column(batch, "benefit_en", path)?, column(batch, "benefit_ja", path)?])
}

fn parts<'a>(batch: &'a RecordBatch, path: &Path) -> Result<[&'a Float64Array; 5]> {
    let [contacted, alone, uplift, lower, upper] = PARTS.map(|name| column(batch, name, path));
    Ok([contacted?, alone?, uplift?, lower?, upper?])
}

fn column<'a, T: Array + 'static>(batch: &'a RecordBatch, name: &str, path: &Path) -> Result<&'a T> {
    let Some(column) = batch.column_by_name(name) else {
        let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        let fault = Fault::new(Code::ColumnMissing).in_file(path.display().to_string());
        return Err(fault.with("column", name).with("columns", names));
    };
    column.as_any().downcast_ref::<T>().ok_or_else(|| damaged(path, name))
}

fn damaged(path: &Path, column: &str) -> Fault {
    let fault = Fault::new(Code::FileDamaged).in_file(path.display().to_string());
    fault.named(column).because("not as an offer table has it")
}
