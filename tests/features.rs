//! `osusume features`: the same features as a run's, and those of one's own against numbers that another program computed.

use std::fs::{self, File};
use std::path::Path;

use arrow::array::{AsArray, RecordBatch, RecordBatchReader};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type};
use osusume_testkit::{data_dir, repository_root};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use super::support::{AS_OF, Company, OSUSUME, files_below, names, text};

pub(crate) fn table(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let schema = reader.schema();
    concat_batches(&schema, &reader.collect::<Result<Vec<_>, _>>().unwrap()).unwrap()
}

/// A column as numbers, NaN where absent.
pub(crate) fn numbers(table: &RecordBatch, name: &str) -> Vec<f64> {
    let column = cast(table.column_by_name(name).unwrap(), &DataType::Float64).unwrap();
    column.as_primitive::<Float64Type>().iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

/// Features beside the recipes', in a file laid over the pipeline's.
const OWN: &str = r#"
[[features.own]]
name = "{level}_total_{days}"
source = "usage"
measure = "sum"
of = "value"
by = "kind"
levels = 2
windows_days = [10, 30]

[[features.own]]
name = "quiet_days"
source = "tickets"
measure = "days_since"

[[features.own]]
name = "said_{days}_{level}"
source = "tickets"
measure = "count"
by = "topic"
only = ["outage"]
windows_days = [90]
"#;

fn features(company: &Company, out: &str, more: &[&str]) -> RecordBatch {
    fs::write(company.path("own.toml"), OWN).unwrap();
    let fixed = ["features", "pipelines/isp.toml", "--as-of", AS_OF, "--overlay", "own.toml", "--out", out, "--quiet"];
    company.succeed(&[&fixed[..], more].concat());
    table(&company.path(out))
}

#[test]
fn a_table_of_features_holds_what_a_run_scores() {
    let company = Company::new();
    let ours = features(&company, "features.parquet", &[]);
    company.succeed(&[
        "run",
        "pipelines/isp.toml",
        "--as-of",
        AS_OF,
        "--overlay",
        "own.toml",
        "--no-export",
        "--quiet",
    ]);
    let run = names(&company.path("runs/isp")).into_iter().find(|name| name.starts_with(AS_OF)).unwrap();
    let scored = table(&company.path("runs/isp").join(run).join("features/scoring.parquet"));
    let dates = cast(ours.column_by_name("as_of").unwrap(), &DataType::Date32).unwrap();
    let last = cast(scored.column_by_name("as_of").unwrap(), &DataType::Int32).unwrap();
    let last = last.as_primitive::<arrow::datatypes::Int32Type>().value(0);
    let dates = cast(&dates, &DataType::Int32).unwrap();
    let rows: Vec<usize> = (0..ours.num_rows())
        .filter(|&row| dates.as_primitive::<arrow::datatypes::Int32Type>().value(row) == last)
        .collect();
    assert_eq!(rows.len(), scored.num_rows());
    assert!(ours.num_rows() > 4 * rows.len(), "further dates come before");
    let mut compared = 0;
    for field in scored.schema().fields().iter().skip(2) {
        let column = ours.column_by_name(field.name()).unwrap();
        if *column.data_type() == DataType::Utf8 {
            continue;
        }
        let (all, expected) = (numbers(&ours, field.name()), numbers(&scored, field.name()));
        for (&row, &expected) in rows.iter().zip(&expected) {
            let got = f64::from(all[row] as f32);
            assert!(
                got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(),
                "{}: {got} {expected}",
                field.name()
            );
        }
        compared += 1;
    }
    assert!(compared > 40, "{compared}");
    let schema = ours.schema();
    let own: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let has = |name: &str| own.contains(&name);
    assert!(has("quiet_days"), "{own:?}");
    assert_eq!(own.iter().filter(|name| name.contains("_total_")).count(), 4, "two levels in two windows");
}

#[test]
fn the_same_table_for_any_threads_and_memory() {
    let company = Company::new();
    let bytes = |name: &str, more: &[&str]| {
        features(&company, name, more);
        fs::read(company.path(name)).unwrap()
    };
    let one = bytes("one.parquet", &["--threads", "1"]);
    assert!(one == bytes("three.parquet", &["--threads", "3", "--memory", "256MiB"]));
    assert!(files_below(&company.path(".")).iter().all(|(name, _)| !name.contains(".part")), "nothing half-written");
}

#[test]
fn what_is_read_is_not_written_over() {
    let company = Company::new();
    let refused =
        company.osusume(&["features", "pipelines/isp.toml", "--as-of", AS_OF, "--out", "data/isp/customers.csv"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("E2"), "{}", text(&refused.stderr));
}

/// `[column, sum over all rows]`, computed with polars 1.36 by the direct formulation: for each date the lines of the 182 days before it,
/// grouped by household, every window a filter.
const SUMS: [(&str, f64); 9] = [
    ("n_182", 4_371_575.0),
    ("sum_91", 6_850_820.12),
    ("products_28", 581_457.0),
    ("baskets_7", 17_574.0),
    ("mean_28", 42_451.279_27),
    ("max_28", 207_155.93),
    ("dep0_182", 6_809_356.96),
    ("dep19_28", 615.55),
    ("recency", 236_880.0),
];

#[test]
fn a_hundred_features_of_a_year_agree_with_what_others_compute() {
    let Some(tables) = data_dir("complete-journey") else { return };
    let dir = TempDir::new().unwrap();
    let (pipeline, out) = (dir.path().join("pipeline.toml"), dir.path().join("features.parquet"));
    let benches = repository_root().join("benches");
    let text_of = |name: &str| fs::read_to_string(benches.join(name)).unwrap();
    let file = |name: &str| tables.join(name).display().to_string();
    let written = text_of("features.toml").replace("{transactions}", &file("transactions.parquet"));
    fs::write(&pipeline, written.replace("{products}", &file("products.parquet"))).unwrap();
    let done = std::process::Command::new(OSUSUME)
        .args(["features", "--quiet", "--out"])
        .args([&out, &pipeline])
        .env_clear()
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let table = table(&out);
    assert_eq!((table.num_rows(), table.num_columns()), (14_456, 107));
    for (name, expected) in SUMS {
        let got: f64 = numbers(&table, name).into_iter().filter(|value| !value.is_nan()).sum();
        assert!((got - expected).abs() < 0.006, "{name}: {got}, not {expected}");
    }
}

/// Nothing is written over what was read, and no name stands for two columns.
#[test]
fn names_and_files_are_nobody_elses() {
    let company = Company::new();
    let fail = |own: &str, out: &str, part: &str| {
        fs::write(company.path("own.toml"), own).unwrap();
        let arguments = ["features", "pipelines/isp.toml", "--as-of", AS_OF, "--overlay", "own.toml", "--out", out];
        let output = company.osusume(&arguments);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains("E2004") && said.contains(part), "{own}: {said}");
    };
    let own = |name: &str| format!("[[features.own]]\nname = \"{name}\"\nsource = \"tickets\"\nmeasure = \"count\"\n");
    let before = fs::read(company.path("pipelines/isp.toml")).unwrap();
    fail("", "pipelines/isp.toml", "--out");
    fail("", "own.toml", "--out");
    assert_eq!(fs::read(company.path("pipelines/isp.toml")).unwrap(), before);
    fail(&own("usage_recency"), "f.parquet", "features.own[0].name");
    fail(&(own("a") + &own("b") + &own("a")), "f.parquet", "features.own[2].name");
    fail(&own("customer_id"), "f.parquet", "customer_id");
}
