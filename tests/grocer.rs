//! `pipelines/grocer.toml` on the real tables of a year, against numbers that another program computed.

use std::fs;
use std::path::Path;

use osusume_testkit::{data_dir, repository_root};
use serde_json::Value;
use tempfile::TempDir;

use super::support::{OSUSUME, files_below, names, text};

/// Three of the twenty categories: one near the ends of the ranking each, and one in the middle.
const CATEGORIES: [&str; 3] = ["SOUP", "COLD CEREAL", "POTATOES"];

/// Households × the six as-of dates that are not eligible, take nothing, and take, for each of [`CATEGORIES`].
///
/// Computed with polars 1.36, independently of the kernels here:
///
/// ```python
/// lines = pl.read_parquet("transactions.parquet").join(pl.read_parquet("products.parquet"), on="product_id")
/// time, bought = pl.col("transaction_timestamp"), pl.col("quantity") > 0
/// def households(rows, start, end): return set(rows.filter((time >= start) & (time < end))["household_id"])
/// for name in ["SOUP", "COLD CEREAL", "POTATOES"]:
///     own, counts = lines.filter(bought & (pl.col("product_category") == name)), [0, 0, 0]
///     for day in [datetime(2017, month, 1) for month in range(7, 13)]:
///         active = households(lines, datetime.min, day)
///         eligible = active - households(own, day - timedelta(182), day)
///         took = households(own, day, day + timedelta(28)) & eligible
///         for i, n in enumerate([len(active - eligible), len(eligible - took), len(took)]): counts[i] += n
///     print(name, counts)
/// ```
const LABELS: [[u64; 3]; 3] = [[9_150, 4_933, 515], [9_375, 4_842, 381], [7_846, 6_299, 453]];

/// Households that bought the first before ever buying the second, those of them that added it within 28 days, the ratio of rates to
/// other shopping days of the same month, tenure and size, and the days by which a quarter, half and three quarters of them had.
///
/// Computed with polars 1.36 from days of purchases, with a column for each stratum and the sums of days and additions within it:
///
/// ```python
/// strata = days.group_by("month", "tenure", "size").agg(...)  # d1, t1 after the first, d0, t0 after others
/// ratio = (d1 * t0 / (t0 + t1)).sum() / (d0 * t1 / (t0 + t1)).sum()
/// ```
const FOLLOWS: (&str, &str, [u64; 2], f64, [f64; 3]) =
    ("DIAPERS & DISPOSABLES", "COLD CEREAL", [182, 86], 1.739_333_093_139_018_7, [6.0, 9.0, 14.0]);

/// Rows of the tables and their households, as the publisher documents them.
const TRANSACTIONS: u64 = 1_469_307;
/// Those of them at or after the midnight in UTC that ends the year.
const BOUGHT_LATER: u64 = 534;
const PRODUCTS: u64 = 92_331;
const HOUSEHOLDS: u64 = 2_469;

/// Runs the pipeline for some of the categories; the run's directory.
fn run(tables: &Path, out: &Path, threads: &str) -> std::path::PathBuf {
    let source = |name: &str, file: &str| format!("sources.{name}.path='{}'", tables.join(file).display());
    let mut command = std::process::Command::new(OSUSUME);
    command.arg("run").arg(repository_root().join("pipelines/grocer.toml")).env_clear();
    command.args(["--as-of", "2018-01-01", "--no-export", "--quiet", "--threads", threads]);
    for set in [
        source("transactions", "transactions.parquet"),
        source("products", "products.parquet"),
        source("households", "demographics.parquet"),
        format!("run.directory='{}'", out.display()),
        format!("offers.category.names={CATEGORIES:?}"),
    ] {
        command.args(["--set", &set]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let run = names(&out.join("grocer")).into_iter().find(|name| name.starts_with("2018-01-01")).unwrap();
    out.join("grocer").join(run)
}

#[test]
fn a_year_of_a_grocer_agrees_with_what_others_count() {
    let Some(tables) = data_dir("complete-journey") else { return };
    let out = TempDir::new().unwrap();
    let run_dir = run(&tables, &out.path().join("one"), "1");
    let summary: Value = serde_json::from_slice(&fs::read(run_dir.join("summary.json")).unwrap()).unwrap();
    for (source, rows) in [("transactions", TRANSACTIONS), ("products", PRODUCTS)] {
        let counts = &summary["sources"][source];
        // The shops' clocks are hours behind UTC, where the last lines of the year were bought on the run's date.
        let accepted = rows - if source == "transactions" { BOUGHT_LATER } else { 0 };
        assert_eq!((&counts["read"], &counts["accepted"]), (&rows.into(), &accepted.into()), "{source}");
        assert_eq!(counts["excluded_not_yet_known"], rows - accepted, "{source}");
    }
    assert_eq!((&summary["customers"], &summary["decisions"]["customers"]), (&HOUSEHOLDS.into(), &HOUSEHOLDS.into()));
    let rows: u64 = LABELS[0].iter().sum();
    assert_eq!(summary["training"]["rows"], rows, "a row for each household that had bought before the date");
    for (i, (name, [not_eligible, negative, positive])) in CATEGORIES.iter().zip(LABELS).enumerate() {
        let offer = &summary["offers"][i];
        let expected = serde_json::json!({
            "not_eligible": not_eligible, "negative": negative, "positive": positive, "immature": 0, "taken_in_gap": 0,
        });
        assert_eq!((offer["offer"].as_str(), &offer["labels"]), (Some(*name), &expected));
    }
    let tests = summary["training"]["tests"].as_array().unwrap();
    let dates: Vec<&str> = tests.iter().map(|test| test["as_of"].as_str().unwrap()).collect();
    assert_eq!(dates, ["2017-10-01", "2017-11-01", "2017-12-01"]);
    for test in tests {
        let of = |name: &str| test[name].as_f64().unwrap();
        assert!(of("mean_auc") > 0.6 && of("log_loss") < of("base_log_loss"), "{test}");
    }
    follows_agree(&summary["rules"]["follows"]);
    let again = run(&tables, &out.path().join("three"), "3");
    let published = |dir: &Path| {
        let mut files = files_below(dir);
        // How long it took, and where it was told to write.
        files.retain(|(name, _)| !["timings.json", "MANIFEST.json"].contains(&name.as_str()));
        files
    };
    let (one, three) = (published(&run_dir), published(&again));
    let paths = |files: &[(String, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&one), paths(&three));
    let differing: Vec<&String> = one.iter().zip(&three).filter(|(a, b)| a.1 != b.1).map(|(a, _)| &a.0).collect();
    assert!(differing.is_empty(), "{differing:?} differ with the number of threads");
}

fn follows_agree(follows: &Value) {
    let (antecedent, consequent, [customers, added], ratio, leads) = FOLLOWS;
    let is_asked = |it: &&Value| it["antecedent"] == antecedent && it["consequent"] == consequent;
    let found = follows["top"].as_array().unwrap().iter().find(is_asked).expect("it is among the surest");
    assert_eq!((&found["customers"], &found["added"]), (&customers.into(), &added.into()));
    assert!((found["rate_ratio"][0].as_f64().unwrap() - ratio).abs() < 1e-12, "{found}");
    assert_eq!(found["lead_days"], serde_json::json!(leads));
}
