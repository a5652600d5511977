//! The offer table copied as Parquet, with its delivery key and lineage in further columns.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Code, Control, Fault, Result};
use osusume_storage::Fs;
use osusume_tables::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use osusume_tables::arrow::compute::filter_record_batch;
use osusume_tables::arrow::datatypes::{DataType, Field as ArrowField, Schema};
use osusume_tables::{FileFacts, ParquetSink, Target};
use serde_json::json;

use crate::csv_file::{Counts, Delivered, Lineage, destination_fault};
use crate::field::{Field, OfferRow, SCHEMA_VERSION};
use crate::key::KeyCheck;
use crate::manifest;
use crate::offers::{Arrays, for_each_batch};
use crate::parts::{Destination, Part, Place, put_in_place};

/// What is added behind the table's own columns.
const ADDED: [Field; 5] = [Field::Key, Field::RunId, Field::Pipeline, Field::Model, Field::SchemaVersion];
/// What identifies a row.
const KEY: [Field; 3] = [Field::Customer, Field::Offer, Field::AsOf];

/// Copies the offer table `from` to its destination.
///
/// # Errors
/// As for CSV, except that every character can be written.
pub(crate) fn deliver_parquet(
    fs: &Arc<dyn Fs>,
    to: &Destination<'_>,
    lineage: &Lineage<'_>,
    from: &Path,
    total: u64,
    control: &dyn Control,
) -> Result<Delivered> {
    let place = Place::of(to.path, to.token)?;
    place.prepare(&**fs).map_err(destination_fault)?;
    let temporary = place.temporary("001");
    let delivered = copy(fs, &place, lineage, from, total, control).and_then(|(facts, columns, suppressed)| {
        let FileFacts { rows, bytes, sha256 } = facts;
        let part = Part { name: place.name.clone(), rows, bytes, sha256 };
        let counts = Counts { rows, suppressed, ..Counts::default() };
        publish(&**fs, to, &place, lineage, (&columns, counts), &[(temporary.clone(), part)]).map_err(destination_fault)
    });
    if delivered.is_err() {
        // The fault that brought us here is the one to report; a leftover is removed by the next delivery.
        let _ = fs.remove_file(&temporary);
    }
    delivered
}

/// Writes the temporary file; its columns are the second value, the rows left out of it the third.
fn copy(
    fs: &Arc<dyn Fs>,
    place: &Place,
    lineage: &Lineage<'_>,
    from: &Path,
    total: u64,
    control: &dyn Control,
) -> Result<(FileFacts, Vec<String>, u64)> {
    let target = Target::Dir { fs: Arc::clone(fs), dir: place.dir.clone() };
    let create = |table: &Schema| -> Result<(Arc<Schema>, ParquetSink)> {
        let schema = Arc::new(extended(table));
        let pairs = [("osusume.schema_version".to_owned(), SCHEMA_VERSION.to_string())];
        let sink = ParquetSink::create(&target, &place.temporary_name("001"), &schema, &pairs);
        Ok((schema, sink.map_err(destination_fault)?))
    };
    let mut open = None;
    let mut keys = KeyCheck::new(KEY.map(Field::id).to_vec());
    let mut suppressed = 0;
    for_each_batch(&**fs, from, total, control, &mut |whole, _| {
        let batch = &of_others(whole, lineage, from)?;
        suppressed += (whole.num_rows() - batch.num_rows()) as u64;
        let added = added(batch, &Arrays::of(batch, from)?, lineage, &mut keys, from)?;
        if open.is_none() {
            open = Some(create(&batch.schema())?);
        }
        let (schema, sink) = open.as_mut().expect("just opened");
        let columns = batch.columns().iter().cloned().chain(added).collect();
        let batch = RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| damaged(from, &error))?;
        sink.write(&batch).map_err(destination_fault)
    })?;
    let (schema, sink) = open.map_or_else(|| create(&bare()), Ok)?;
    let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
    Ok((sink.finish().map_err(destination_fault)?, columns, suppressed))
}

/// The rows of whoever is on no suppression list.
fn of_others(batch: &RecordBatch, lineage: &Lineage<'_>, from: &Path) -> Result<RecordBatch> {
    if lineage.without.is_none() {
        return Ok(batch.clone());
    }
    let stays = Arrays::of(batch, from)?.each_customer(|id| Some(!lineage.is_suppressed(id)));
    filter_record_batch(batch, &stays).map_err(|error| damaged(from, &error))
}

fn publish(
    fs: &dyn Fs,
    to: &Destination<'_>,
    place: &Place,
    lineage: &Lineage<'_>,
    (columns, counts): (&[String], Counts),
    finished: &[(PathBuf, Part)],
) -> Result<Delivered> {
    let before = manifest::parts_before(fs, place)?;
    let parts: Vec<Part> = finished.iter().map(|(_, part)| part.clone()).collect();
    let format = json!({ "profile": crate::PARQUET, "kind": "parquet", "columns": columns });
    let bytes = manifest::bytes(&format, &KEY.map(Field::id), lineage, &counts, &parts);
    put_in_place(fs, place, finished, &bytes, &before, to.may_show)?;
    Ok(Delivered { counts, parts, manifest: place.dir.join(place.manifest_name()) })
}

/// The columns of a table, and the added ones.
fn extended(table: &Schema) -> Schema {
    let added = ADDED.map(|field| {
        let kind = if field == Field::SchemaVersion { DataType::Int32 } else { DataType::Utf8 };
        Arc::new(ArrowField::new(field.id(), kind, field == Field::Model || field == Field::Key))
    });
    Schema::new(table.fields().iter().cloned().chain(added).collect::<Vec<_>>())
}

/// The columns every offer table has, for a table without rows, of which no batch tells them.
fn bare() -> Schema {
    const COLUMNS: [(&str, DataType); 16] = [
        ("customer_id", DataType::Utf8),
        ("as_of", DataType::Date32),
        ("rank", DataType::Int16),
        ("offer", DataType::Utf8),
        ("kind", DataType::Utf8),
        ("family", DataType::Utf8),
        ("channel", DataType::Utf8),
        ("propensity", DataType::Float64),
        ("margin_minor", DataType::Int64),
        ("expected_value_minor", DataType::Int64),
        ("evidence", DataType::Utf8),
        ("reason_1", DataType::Utf8),
        ("reason_2", DataType::Utf8),
        ("reason_3", DataType::Utf8),
        ("expires_on", DataType::Date32),
        ("action_probability", DataType::Float64),
    ];
    Schema::new(COLUMNS.map(|(name, kind)| ArrowField::new(name, kind, true)).to_vec())
}

/// Numbers that must be finite where they are there.
const PROBABILITIES: [Field; 7] = [
    Field::Propensity,
    Field::PropensityContacted,
    Field::PropensityAlone,
    Field::Uplift,
    Field::UpliftLower,
    Field::UpliftUpper,
    Field::ActionProbability,
];

/// The added columns of a batch; checks the keys on the way.
fn added(
    batch: &RecordBatch,
    arrays: &Arrays<'_>,
    lineage: &Lineage<'_>,
    keys: &mut KeyCheck,
    from: &Path,
) -> Result<Vec<ArrayRef>> {
    let mut texts: [Vec<Option<String>>; 4] = Default::default();
    arrays.feed(from, &mut |row: &OfferRow<'_>| {
        let key: Result<Vec<_>> = KEY.iter().map(|field| field.value(row, lineage)).collect();
        keys.take(row.customer, key?)?;
        for field in PROBABILITIES {
            // Refuses what is not finite.
            field.value(row, lineage)?;
        }
        for (texts, field) in texts.iter_mut().zip(ADDED) {
            texts.push(field.value(row, lineage)?);
        }
        Ok(())
    })?;
    let version = Int32Array::from(vec![SCHEMA_VERSION as i32; batch.num_rows()]);
    let texts = texts.map(|texts| Arc::new(StringArray::from(texts)) as ArrayRef);
    Ok(texts.into_iter().chain([Arc::new(version) as ArrayRef]).collect())
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> Fault {
    Fault::new(Code::FileDamaged).in_file(path.display().to_string()).because(error)
}
