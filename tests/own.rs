//! Features of one's own against numbers worked out by hand, one customer and a few receipts in a zone nine hours ahead.

use std::fs;
use std::path::Path;

use arrow::array::RecordBatch;
use tempfile::TempDir;

use super::features::{numbers, table};
use super::support::{OSUSUME, text};

/// The last one had not arrived on the date.
const RECEIPTS: &str = "\
customer,at,product,amount,arrived
c1,2025-10-05T12:00:00,bread,100,2025-10-05
c1,2025-10-20T23:30:00,bread,300,2025-10-20
c1,2025-11-01T09:00:00,milk,700,2025-11-01
c1,2026-09-01T00:00:00,bread,200,2026-09-01
c1,2026-09-30T23:59:00,milk,400,2026-09-30
c1,2026-10-01T00:00:00,bread,500,2026-10-01
c1,2026-10-12T10:00:00,bread,600,2026-10-12
c1,2026-10-13T10:00:00,milk,800,2026-10-13
c1,2026-10-14T23:00:00,bread,900,2026-10-14
c1,2026-10-14T10:00:00,bread,5000,2026-10-16
";

const PIPELINE: &str = r#"
[pipeline]
name = "small"
time_zone = "Asia/Tokyo"
currency = "JPY"
purpose = "a test"
as_of = 2026-10-15

[sources.receipts]
role = "purchases"
path = "receipts.csv"
columns = { customer = "customer", at = "at", product = "product", amount = "amount", arrived = "arrived" }

[train]
as_of = [2026-08-01]

[offers.category]
source = "receipts"
level = "product"
names = ["milk"]
margin_minor = 1

[decide.consent]
required = false

[features]
windows_days = [30]
"#;

/// The row of the last date, with these features.
fn features(own: &str) -> RecordBatch {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("receipts.csv"), RECEIPTS).unwrap();
    fs::write(dir.path().join("pipeline.toml"), format!("{PIPELINE}{own}")).unwrap();
    let out = dir.path().join("features.parquet");
    let done = command(dir.path(), &out);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let table = table(&out);
    assert_eq!(table.num_rows(), 2);
    table.slice(1, 1)
}

fn command(dir: &Path, out: &Path) -> std::process::Output {
    let mut command = std::process::Command::new(OSUSUME);
    command.args(["features", "--quiet", "--out"]).arg(out).arg("pipeline.toml");
    command.current_dir(dir).env_clear().output().unwrap()
}

/// An entry over the amounts of receipts.
fn own(name: &str, measure: &str, rest: &str) -> String {
    let of = if measure.ends_with("count") || measure.ends_with("streak") { "" } else { "of = \"amount\"" };
    format!("[[features.own]]\nname = \"{name}\"\nsource = \"receipts\"\nmeasure = \"{measure}\"\n{of}\n{rest}\n")
}

#[test]
fn every_measure_and_window_as_worked_out_by_hand() {
    let expected = [
        ("mtd", "sum", "window = \"month_to_date\"", 2800.0),
        ("previous", "sum", "window = \"previous_month\"", 600.0),
        ("last_year", "sum", "window = \"same_month_last_year\"", 400.0),
        // What lies seven days behind the date and the sixty after, a year earlier: from 22 October to 20 December 2025.
        ("season", "count", "window = \"season_last_year\"", 1.0),
        ("first_amount", "first_value", "", 100.0),
        ("median", "quantile", "level = 0.5\nwindows_days = [30]", 600.0),
        ("p90", "quantile", "level = 0.9\nwindows_days = [30]", 860.0),
        ("days", "streak", "", 3.0),
        ("most_days", "longest_streak", "period = \"day\"", 3.0),
        // 14 October 2026 is a Wednesday; the week before has no receipt.
        ("weeks", "streak", "period = \"week\"", 1.0),
        ("most_weeks", "longest_streak", "period = \"week\"", 2.0),
        ("months", "streak", "period = \"month\"", 2.0),
        ("most_months", "longest_streak", "period = \"month\"\nwindow = \"same_month_last_year\"", 1.0),
    ];
    let mut entries: String = expected.iter().map(|(name, measure, rest, _)| own(name, measure, rest)).collect();
    let half_life = "half_life_days = 10\nwindows_days = [30]";
    entries += &own("recent_n", "decayed_count", half_life);
    entries += &own("recent", "decayed_sum", half_life);
    let row = features(&format!("recipes = []\n{entries}"));
    for (name, _, _, value) in expected {
        let got = numbers(&row, name)[0];
        assert!((got - value).abs() < 1e-9, "{name}: {got}, not {value}");
    }
    // Hours before midnight of the date, and amounts.
    let rows = [(336.0 + 1.0 / 60.0, 400.0), (336.0, 500.0), (62.0, 600.0), (38.0, 800.0), (1.0, 900.0)];
    let weight = |hours: f64| 0.5_f64.powf(hours / 24.0 / 10.0);
    let number: f64 = rows.iter().map(|(hours, _)| weight(*hours)).sum();
    let sum: f64 = rows.iter().map(|(hours, amount)| weight(*hours) * amount).sum();
    assert!((numbers(&row, "recent_n")[0] - number).abs() < 1e-12);
    assert!((numbers(&row, "recent")[0] - sum).abs() < 1e-9);
}

#[test]
fn expressions_over_other_features() {
    let row = features(
        r#"recipes = ["frequency", "money"]

[[features.derived]]
name = "a_receipt"
expression = "receipts_sum_30d / receipts_count_30d"

[[features.derived]]
name = "is_large"
expression = "a_receipt > 600 and not receipts_max_30d == receipts_sum_30d"

[[features.derived]]
name = "nothing"
expression = "a_receipt / (receipts_count_30d - 5)"
"#,
    );
    // 400, 500, 600, 800 and 900 in thirty days.
    assert!((numbers(&row, "a_receipt")[0] - 640.0).abs() < 1e-9);
    assert!((numbers(&row, "is_large")[0] - 1.0).abs() < 1e-12);
    assert!(numbers(&row, "nothing")[0].is_nan());
}

#[test]
fn an_expression_over_what_is_not_there_is_refused() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("receipts.csv"), RECEIPTS).unwrap();
    let refused = |expression: &str| {
        let entry = format!("\n[[features.derived]]\nname = \"x\"\nexpression = \"{expression}\"\n");
        fs::write(dir.path().join("pipeline.toml"), format!("{PIPELINE}{entry}")).unwrap();
        let done = command(dir.path(), &dir.path().join("features.parquet"));
        assert_eq!(done.status.code(), Some(2), "{}", text(&done.stderr));
        text(&done.stderr)
    };
    let unknown = refused("receipts_cuont_30d / 2");
    assert!(unknown.contains("E2006") && unknown.contains("did you mean `receipts_count_30d`"), "{unknown}");
    let sign = refused("receipts_count_30d / / 2");
    assert!(sign.contains("cannot have / at character 22"), "{sign}");
    let units = refused("receipts_sum_30d + receipts_recency");
    assert!(units.contains("minor + days"), "{units}");
}
