//! From a published run to files, through the whole crate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_export::{Delivered, Delivery, Destination, Format, OFFERS, OfferRow, PublishedRun, export};
use osusume_model::{Code, Date, Fault, Minor, NoControl, Result};
use osusume_storage::sim::{Damage, Failure, FailurePlan, SimFs};
use osusume_storage::{Digest, Fs, Lock, LockInfo, Manifest, Runs, Staging, next_run_id, run_key};
use osusume_tables::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Float64Array, Int16Array, Int64Array, RecordBatch, StringArray,
};
use osusume_tables::arrow::datatypes::{Date32Type, Float64Type, Int32Type};
use osusume_tables::{ParquetSink, Target, read_batches};
use osusume_text::Language;

use crate::golden;
use crate::shop::{TOKEN, date, dictionary, in_order, models, names, read, row, rows};

const ROOT: &str = "runs/isp";

/// The offer table of these rows.
fn batch(rows: &[OfferRow<'_>]) -> RecordBatch {
    let text = |value: &dyn Fn(&OfferRow<'_>) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(value).collect::<StringArray>())
    };
    let own = |value: &str| Some(value.to_owned());
    let reason = |place: usize| text(&|row| row.reasons[place].map(str::to_owned));
    let minor = |value: &dyn Fn(&OfferRow<'_>) -> Option<Minor>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| value(row).map(|amount| amount.0)).collect::<Int64Array>())
    };
    let number = |value: &dyn Fn(&OfferRow<'_>) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(value).collect::<Float64Array>())
    };
    let day = |value: &dyn Fn(&OfferRow<'_>) -> Option<Date>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| value(row).map(|date| date.0)).collect::<Date32Array>())
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer_id", text(&|row| own(row.customer))),
        ("as_of", Arc::new(rows.iter().map(|row| Some(row.as_of.0)).collect::<Date32Array>())),
        ("rank", Arc::new(rows.iter().map(|row| Some(row.rank)).collect::<Int16Array>())),
        ("offer", text(&|row| own(row.offer))),
        ("kind", text(&|row| own(row.kind))),
        ("family", text(&|row| own(row.family))),
        ("channel", text(&|row| row.channel.map(str::to_owned))),
        ("step", text(&|row| row.step.map(str::to_owned))),
        ("propensity", number(&|row| row.propensity)),
        ("propensity_contacted", number(&|row| row.propensity_contacted)),
        ("propensity_alone", number(&|row| row.propensity_alone)),
        ("uplift", number(&|row| row.uplift[0])),
        ("uplift_lower", number(&|row| row.uplift[1])),
        ("uplift_upper", number(&|row| row.uplift[2])),
        ("margin_minor", minor(&|row| row.margin)),
        ("expected_value_minor", minor(&|row| row.expected_value)),
        ("evidence", text(&|row| row.evidence.map(str::to_owned))),
        ("basis", text(&|row| row.basis.map(str::to_owned))),
        ("reason_1", reason(0)),
        ("reason_2", reason(1)),
        ("reason_3", reason(2)),
        ("expires_on", day(&|row| row.expires_on)),
        ("trigger", text(&|row| row.trigger.map(str::to_owned))),
        ("contact_from", day(&|row| row.contact[0])),
        ("contact_until", day(&|row| row.contact[1])),
        ("benefit_en", text(&|row| row.benefit[0].map(str::to_owned))),
        ("benefit_ja", text(&|row| row.benefit[1].map(str::to_owned))),
        ("action_probability", number(&|row| row.action_probability)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// Publishes a run whose offer table is `table`.
fn publish(fs: &Arc<dyn Fs>, table: &RecordBatch) {
    let info = LockInfo { pid: 1, host: "h".into(), boot_id: "b".into(), start: "t".into(), cmd: "run".into() };
    let lock = Lock::acquire(Arc::clone(fs), Path::new(ROOT), &info).unwrap();
    let (as_of, config) = (date("2026-10-01"), Digest::of(b""));
    let run_id = next_run_id(&lock, as_of, &config).unwrap();
    let staging = Staging::create(&lock, run_id).unwrap();
    let mut sink = ParquetSink::create(&Target::Staging(&staging), OFFERS, &table.schema(), &[]).unwrap();
    sink.write(table).unwrap();
    sink.finish().unwrap();
    let manifest = Manifest {
        format_version: 1,
        tool_version: "0.1.0".into(),
        pipeline: "isp".into(),
        run_id,
        as_of,
        run_key: run_key(&config, as_of, "0.1.0", &[]),
        config_sha256: config,
        config: String::new(),
        previous: None,
        inputs: vec![],
        outputs: vec![],
        counts: BTreeMap::new(),
        seeds: BTreeMap::new(),
    };
    staging.publish(manifest, &lock).unwrap();
}

fn published(rows: &[OfferRow<'_>]) -> SimFs {
    let fs = SimFs::new();
    publish(&(Arc::new(fs.clone()) as Arc<dyn Fs>), &batch(rows));
    fs
}

/// Exports the current run to `out/offers`.
fn deliver(fs: &SimFs, profile: &str) -> Result<Delivered> {
    deliver_if(fs, profile, &|| Ok(()))
}

/// The same, with a last question before it is shown.
fn deliver_if(fs: &SimFs, profile: &str, may_show: &dyn Fn() -> Result<()>) -> Result<Delivered> {
    let fs: Arc<dyn Fs> = Arc::new(fs.clone());
    let run = PublishedRun::current(&Runs::new(Arc::clone(&fs), ROOT))?;
    let (models, dictionary) = (models(), dictionary());
    let format = Format::named(profile, &BTreeMap::new())?;
    let delivery = Delivery {
        fs,
        to: Destination { path: Path::new("out/offers"), token: TOKEN, may_show },
        format: &format,
        models: &models,
        dictionary: &dictionary,
        language: Language::Ja,
        currency: "USD",
        without: None,
    };
    export(&run, &delivery, &NoControl)
}

fn offers_path(fs: &SimFs) -> PathBuf {
    let runs = Runs::new(Arc::new(fs.clone()), ROOT);
    runs.open_current().unwrap().path_of(OFFERS).unwrap()
}

#[test]
fn the_table_arrives_as_its_rows_do() {
    let fs = published(&rows());
    let delivered = deliver(&fs, "csv").unwrap();
    let own_id = String::from_utf8(read(&fs, "out/offers")).unwrap();
    let run_id = PublishedRun::current(&Runs::new(Arc::new(fs.clone()), ROOT)).unwrap().run().manifest.run_id;
    golden::check("csv.csv", own_id.replace(&run_id.to_string(), "2026-10-01-001-ab12cd34").as_bytes());
    assert_eq!(delivered.counts.rows, 5);
}

#[test]
fn the_parquet_copy_adds_key_and_lineage() {
    let fs = published(&rows());
    let delivered = deliver(&fs, "parquet").unwrap();
    assert_eq!(names(&fs, "out"), ["offers", "offers.manifest.json"]);
    let batches: Vec<RecordBatch> =
        read_batches(&fs, Path::new("out/offers"), &[]).unwrap().collect::<Result<_>>().unwrap();
    let [copy] = &batches[..] else { panic!("one batch") };
    let original = batch(&rows());
    assert_eq!(copy.num_columns(), original.num_columns() + 5);
    for (i, column) in original.columns().iter().enumerate() {
        assert_eq!(copy.column(i).as_ref(), column.as_ref(), "column {i}");
    }
    let texts = |name: &str| copy.column_by_name(name).unwrap().as_string::<i32>().clone();
    for (i, row) in rows().iter().enumerate() {
        assert_eq!(texts("key").value(i), osusume_export::delivery_key(row.customer, row.offer, row.as_of));
        assert_eq!(texts("pipeline").value(i), "isp");
        let model = texts("model");
        assert_eq!(model.is_valid(i).then(|| model.value(i).to_owned()), models().get(row.offer).cloned());
    }
    assert_eq!(copy.column_by_name("schema_version").unwrap().as_primitive::<Int32Type>().value(4), 1);
    assert!(copy.column_by_name("as_of").unwrap().as_primitive_opt::<Date32Type>().is_some());
    assert!(copy.column_by_name("propensity").unwrap().as_primitive_opt::<Float64Type>().is_some());
    assert_eq!(Digest::of(&read(&fs, "out/offers")), delivered.parts[0].sha256);

    let again = deliver(&fs, "parquet").unwrap();
    assert_eq!(again, delivered, "the same run gives the same bytes");
}

#[test]
fn only_what_was_published_is_exported() {
    let fs = SimFs::new();
    assert_eq!(deliver(&fs, "csv").unwrap_err().code(), Code::NothingPublished);

    fs.keep_history();
    publish(&(Arc::new(fs.clone()) as Arc<dyn Fs>), &batch(&rows()));
    let run_id = Runs::new(Arc::new(fs.clone()), ROOT).open_current().unwrap().manifest.run_id;
    let mut n_unpublished = 0;
    for snapshot in fs.history() {
        let left = snapshot.after_power_cut(Damage::SyncedOnly, 1);
        let runs = Runs::new(Arc::new(left), ROOT);
        let is_published = runs.current().unwrap().is_some();
        match PublishedRun::named(&runs, run_id) {
            Ok(_) => assert!(is_published),
            Err(fault) => assert!(!is_published && fault.code() == Code::RunUnknown),
        }
        n_unpublished += usize::from(!is_published && !runs.list().unwrap().is_empty());
    }
    assert!(n_unpublished > 0, "a complete run that CURRENT never named was among them");
}

#[test]
fn a_table_that_is_not_the_published_one_is_refused() {
    for profile in ["csv", "parquet"] {
        let fs = published(&rows());
        let path = offers_path(&fs);
        let mut bytes = read(&fs, &path.display().to_string());
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs.overwrite(&path, bytes);
        assert_eq!(deliver(&fs, profile).unwrap_err().code(), Code::DigestMismatch);
        assert!(fs.metadata(Path::new("out")).unwrap().is_none(), "the destination is not touched");
    }
}

/// Columns tables of earlier versions do not have.
const OLDER: [&str; 6] =
    ["basis", "propensity_contacted", "propensity_alone", "uplift", "uplift_lower", "uplift_upper"];

#[test]
fn a_table_of_another_shape_is_refused() {
    let table = batch(&rows());
    let without = |columns: &[&str]| {
        let schema = table.schema();
        let kept: Vec<usize> =
            (0..table.num_columns()).filter(|&i| !columns.contains(&schema.field(i).name().as_str())).collect();
        table.project(&kept).unwrap()
    };
    let check = |table: &RecordBatch, code: Code| {
        for profile in ["csv", "parquet"] {
            let fs = SimFs::new();
            publish(&(Arc::new(fs.clone()) as Arc<dyn Fs>), table);
            assert_eq!(deliver(&fs, profile).unwrap_err().code(), code, "{profile}");
            assert!(fs.metadata(Path::new("out")).unwrap().is_none() || names(&fs, "out").is_empty());
        }
    };
    check(&without(&["offer"]), Code::ColumnMissing);
    check(&without(&["uplift_lower"]), Code::ColumnMissing);
    let fs = SimFs::new();
    publish(&(Arc::new(fs.clone()) as Arc<dyn Fs>), &without(&OLDER));
    assert_eq!(deliver(&fs, "csv").unwrap().counts.rows, 5, "older tables have neither basis nor uplift");
    let mut columns = table.columns().to_vec();
    columns[2] = Arc::clone(&columns[0]);
    let names = table.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    let swapped = names.iter().zip(columns).map(|(name, column)| (name, column, true));
    check(&RecordBatch::try_from_iter_with_nullable(swapped).unwrap(), Code::FileDamaged);
    let not_finite = OfferRow { propensity: Some(f64::NAN), ..row("C1", 1, "tv") };
    check(&batch(&[not_finite]), Code::FileDamaged);
    check(&batch(&[row("C1", 1, "tv"), row("C1", 2, "tv")]), Code::ExportKey);
    check(&batch(&[row("", 1, "tv")]), Code::ExportKey);
}

#[test]
fn an_empty_offer_table_is_delivered_as_one() {
    for profile in ["csv", "parquet"] {
        let fs = published(&in_order(vec![]));
        assert_eq!(deliver(&fs, profile).unwrap().counts.rows, 0);
    }
}

#[test]
fn every_operation_of_a_parquet_delivery_may_fail() {
    let whole = published(&rows());
    let first = whole.n_ops();
    let delivered = deliver(&whole, "parquet").unwrap();
    for at in 0..whole.n_ops() - first {
        let fs = published(&rows());
        fs.set_plan(Some(FailurePlan { at: fs.n_ops() + at, is_sticky: false, failure: Failure::Io }));
        let result = deliver(&fs, "parquet");
        fs.set_plan(None);
        if let Err(fault) = &result {
            let expected = [Code::ExportFailed, Code::FileUnreadable, Code::FileDamaged];
            assert!(expected.contains(&fault.code()), "operation {at}: {fault:?}");
        }
        let is_there = |name: &str| fs.metadata(Path::new(name)).unwrap().is_some();
        if is_there("out/offers.manifest.json") {
            assert_eq!(Digest::of(&read(&fs, "out/offers")), delivered.parts[0].sha256);
        }
        assert_eq!(deliver(&fs, "parquet").unwrap(), delivered);
        assert_eq!(names(&fs, "out"), ["offers", "offers.manifest.json"]);
    }
}

#[test]
fn what_may_not_be_shown_leaves_the_destination_as_it_was() {
    for profile in ["csv", "parquet"] {
        let fs = published(&rows());
        deliver(&fs, profile).unwrap();
        let before = (names(&fs, "out"), read(&fs, "out/offers"), read(&fs, "out/offers.manifest.json"));
        publish(&(Arc::new(fs.clone()) as Arc<dyn Fs>), &batch(&rows()[..2]));
        let fault = deliver_if(&fs, profile, &|| Err(Fault::new(Code::Fenced))).unwrap_err();
        assert_eq!(fault.code(), Code::Fenced);
        assert_eq!((names(&fs, "out"), read(&fs, "out/offers"), read(&fs, "out/offers.manifest.json")), before);
        deliver(&fs, profile).unwrap();
        assert_ne!(read(&fs, "out/offers"), before.1);
    }
}
