//! Faulty stages in the place of the sound ones: each reads something a date must not see, and the proof must name it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use osusume_model::{Control, NoControl, Stop};
use osusume_storage::Digest;
use osusume_tables::arrow::array::{ArrayRef, AsArray, Float32Array, RecordBatch};
use osusume_tables::arrow::datatypes::Float32Type;
use osusume_tables::{ParquetSink, Target, read_batches, read_stored};

use super::*;
use crate::host::Event;
use crate::stages::features::{SCORING, TRAINING};
use crate::stages::ingest;

const AS_OF: &str = "2026-06-26";

struct Silent;

impl Control for Silent {
    fn progress(&self, _done: u64, _total: u64) {}
    fn stop(&self) -> Option<Stop> {
        None
    }
}

impl Host for Silent {
    fn event(&self, _event: Event) {}
    fn secret(&self, _name: &str) -> Option<String> {
        None
    }
    fn elapsed_seconds(&self) -> f64 {
        0.0
    }
}

/// What a faulty stage sees of a source: all its rows, whenever they came.
struct Seen {
    rows: u64,
    cells: String,
    first: String,
}

fn see(config: &Config, name: &str) -> Seen {
    let spec = ingest::source_spec(config, &config.sources[name], None).unwrap();
    let mut seen = Seen { rows: 0, cells: String::new(), first: String::new() };
    let mut all = BTreeSet::new();
    for path in &spec.paths {
        read_stored(&RealFs, &spec, path, &NoControl, &mut |batch| {
            seen.rows += batch.num_rows() as u64;
            for row in 0..batch.num_rows() {
                let cells: Vec<String> =
                    batch.columns().iter().map(|column| format!("{:?}", column.slice(row, 1))).collect();
                if seen.first.is_empty() {
                    seen.first.clone_from(&cells[0]);
                }
                all.insert(Digest::of(cells.concat().as_bytes()).to_string());
            }
            Ok(())
        })
        .unwrap();
    }
    seen.cells = Digest::of(all.into_iter().collect::<String>().as_bytes()).to_string();
    seen
}

/// The stages up to the features, and then a fault.
struct Faulty<'a> {
    stages: &'a Stages<'a>,
    spoil: &'a dyn Fn(&Config, &Built),
}

impl Builder for Faulty<'_> {
    fn build(&self, config: &Config, root: &Path, until: Until<'_>) -> Result<Built> {
        let until = match until {
            Until::Decided => Until::Features(None),
            features @ Until::Features(_) => features,
        };
        let built = self.stages.build(config, root, until)?;
        (self.spoil)(config, &built);
        Ok(built)
    }
}

/// Adds `more` to a column of a table of a build.
fn shift(built: &Built, file: &str, column: &str, more: f32) {
    let path = built.dir.join(file);
    let batches: Vec<RecordBatch> = read_batches(&RealFs, &path, &[]).unwrap().map(Result::unwrap).collect();
    std::fs::remove_file(&path).unwrap();
    let target = Target::Dir { fs: Arc::new(RealFs), dir: built.dir.clone() };
    let mut sink = ParquetSink::create(&target, file, &batches[0].schema(), &[]).unwrap();
    for batch in &batches {
        let at = batch.schema().index_of(column).unwrap();
        let values: Float32Array =
            batch.column(at).as_primitive::<Float32Type>().iter().map(|v| v.map(|v| v + more)).collect();
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        columns[at] = Arc::new(values);
        sink.write(&RecordBatch::try_new(batch.schema(), columns).unwrap()).unwrap();
    }
    sink.finish().unwrap();
}

/// Writes a file of a later stage.
fn write(built: &Built, file: &str, text: &str) {
    let path = built.dir.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// What the proof finds of stages with a fault: the first leak where rows are disturbed so.
fn found(disturbance: Disturbance, is_of_run: bool, spoil: &dyn Fn(&Config, &Built)) -> Option<Leak> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = include_str!("../../../../pipelines/isp.toml").replace("count = 8", "count = 3");
    let config = Config::parse(&root.join("pipelines/isp.toml").display().to_string(), &text, &|_| None).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let muffled = Muffled::new(&Silent, 1);
    let lock =
        LockInfo { pid: 1, host: String::new(), boot_id: String::new(), start: String::new(), cmd: String::new() };
    let as_of: Date = AS_OF.parse().unwrap();
    let stages = Stages { as_of, memory: 1 << 30, lock: &lock, host: &muffled };
    let builder = Faulty { stages: &stages, spoil };
    let baseline = builder.build(&config, &scratch.path().join("as-it-is"), Until::Decided).unwrap();
    let prover =
        Prover { config: &config, scratch: scratch.path(), builder: &builder, baseline: &baseline, host: &muffled };
    let mut proof = Proof {
        pipeline: String::new(),
        as_of: String::new(),
        is_sound: true,
        rebuilds: Vec::new(),
        leaks: Vec::new(),
        signs: Vec::new(),
        unseen_known: Vec::new(),
        are_tables_asked: false,
        asked: Vec::new(),
        limits: Vec::new(),
    };
    let calendar = Calendar::new("Asia/Tokyo").unwrap();
    let date = if is_of_run { calendar.as_of(as_of) } else { prover.dates()[0] };
    prover.rebuild(wish(disturbance, date, is_of_run), &mut proof).unwrap();
    assert_eq!(proof.rebuilds.len(), 1);
    proof.leaks.into_iter().next()
}

#[test]
fn sound_stages_are_proven() {
    for (disturbance, is_of_run) in [(Disturbance::Copied, true), (Disturbance::Replaced, false)] {
        assert_eq!(found(disturbance, is_of_run, &|_, _| {}), None);
    }
}

#[test]
fn a_window_that_reads_later_rows_is_named() {
    let column = "tickets_topic_billing_365d";
    let leak = found(Disturbance::Deleted, true, &|config, built| {
        shift(built, SCORING, column, see(config, "tickets").rows as f32);
    });
    let leak = leak.expect("rows were taken out");
    assert_eq!((leak.stage, leak.file.as_str(), leak.column.as_deref()), ("features", SCORING, Some(column)));
    assert_eq!((leak.feature_of.as_deref(), leak.sources), (Some("tickets"), vec!["tickets".to_owned()]));
}

#[test]
fn rules_of_the_run_at_the_dates_before_are_named() {
    let leak = found(Disturbance::Replaced, false, &|config, built| {
        shift(built, TRAINING, "holdings_rules_tv", see(config, "holdings").rows as f32);
    });
    let leak = leak.expect("rows were added");
    assert_eq!((leak.column.as_deref(), leak.sources), (Some("holdings_rules_tv"), vec!["holdings".to_owned()]));
}

#[test]
fn a_vocabulary_of_later_rows_is_named() {
    let leak = found(Disturbance::Added, true, &|config, built| {
        write(built, "features/vocabulary.json", &format!("{{\"words\": \"{}\"}}", see(config, "tickets").cells));
    });
    let leak = leak.expect("rows were added");
    assert_eq!((leak.stage, leak.column.as_deref()), ("features", Some("words")));
}

#[test]
fn a_calibrator_that_reads_a_later_value_is_blamed_on_its_column() {
    let leak = found(Disturbance::Changed, true, &|config, built| {
        write(
            built,
            "models/tv.json",
            &format!("{{\"calibration\": {{\"slope\": \"{}\"}}}}", see(config, "contacts").cells),
        );
    });
    let leak = leak.expect("values were changed");
    assert_eq!((leak.stage, leak.column.as_deref()), ("train", Some("calibration.slope")));
    assert_eq!(leak.sources, ["contacts"]);
    assert!(leak.source_columns.contains(&"contacts.offer_id".to_owned()), "{:?}", leak.source_columns);
}

#[test]
fn a_tie_that_the_order_of_rows_breaks_is_named() {
    let leak = found(Disturbance::Shuffled, true, &|config, built| {
        write(built, "offers.json", &format!("{{\"first\": {:?}}}", see(config, "customers").first));
    });
    let leak = leak.expect("rows were shuffled");
    assert_eq!((leak.stage, leak.sources), ("decide", vec!["customers".to_owned()]));
}
