//! What is sold in numbers: how many a taker takes is learned, told and paid for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use osusume_model::{Date, keyed_hash, unit_interval};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tempfile::TempDir;

use super::support::{AS_OF, OSUSUME, files_below, names, text};

const PIPELINE: &str = r#"
[pipeline]
name = "seats"
time_zone = "Asia/Tokyo"
currency = "JPY"
purpose = "how many licences to offer whom"

[sources.customers]
role = "customers"
path = "customers.csv"
columns = { customer = "id" }
attributes = { size = "category", floor = "integer" }

[sources.holdings]
role = "holdings"
path = "holdings.csv"
columns = { customer = "id", product = "product", start = "start", end = "end", quantity = "quantity" }

[sources.products]
role = "products"
path = "products.csv"
columns = { product = "product", family = "family", tier = "tier", margin = "margin", offer_cost = "offer_cost", counted = "counted", requires = "requires" }

[offers]
cross_sell = { families = ["licence", "support"] }

[features]
windows_days = [90]

[train]
min_positives = 50

[decide]
channels = ["mail"]
value = "taking"
contact_cost_minor = 0
min_value_minor = 0
per_customer = 9
holdout = { fraction = 0.1, salt = "q" }

[decide.consent]
required = false

[decide.contact_limit]
max = 20
days = 90
"#;

/// `support` is no less a cross-sell than `licence`; only the latter is sold in numbers.
const PRODUCTS: &str = "product,family,tier,margin,offer_cost,counted,requires\n\
                        suite,suite,1,1000,,,\n\
                        licence,licence,1,100,30,yes,suite\n\
                        support,support,1,500,,,suite\n";
const CUSTOMERS: u32 = 2_000;
/// What a taker takes on average, by size.
const MEANS: [(&str, f64); 2] = [("small", 3.0), ("large", 6.0)];

/// A number in [0, 1) of its own for every name.
fn draw(name: &str, of: u32, nth: u32) -> f64 {
    unit_interval(keyed_hash(name, format!("{of}/{nth}").as_bytes()))
}

/// At least one, so many on average: one and a draw from 0 to twice the rest.
fn units_taken(mean: f64, drawn: f64) -> u32 {
    1 + (drawn * (2.0 * mean - 1.0)).floor() as u32
}

struct Seats(TempDir);

impl Seats {
    /// Two years of a company in which large customers buy twice as many licences as small ones, and everybody renews after a year.
    fn new() -> Self {
        let seats = Self(TempDir::new().unwrap());
        let first: Date = "2024-10-01".parse().unwrap();
        let (mut customers, mut holdings) =
            ("id,size,floor\n".to_owned(), "id,product,start,end,quantity\n".to_owned());
        for id in 0..CUSTOMERS {
            let (size, mean) = MEANS[usize::from(id % 2 == 1)];
            writeln!(customers, "C{id:05},{size},{}", (draw("floor", id, 0) * 9.0) as u32).unwrap();
            writeln!(holdings, "C{id:05},suite,2024-06-01,,").unwrap();
            for month in 0..24 {
                let day = first + (month as i32 * 30 + (draw("day", id, month) * 28.0) as i32);
                if draw("licence", id, month) < 0.04 {
                    let units = units_taken(mean, draw("units", id, month));
                    // A renewal: what ends begins again on the same day, of the same number.
                    writeln!(holdings, "C{id:05},licence,{day},{},{units}", day + 365).unwrap();
                    writeln!(holdings, "C{id:05},licence,{},,{units}", day + 365).unwrap();
                }
                if draw("support", id, month) < 0.01 {
                    writeln!(holdings, "C{id:05},support,{day},,").unwrap();
                }
            }
        }
        seats.write("customers.csv", &customers);
        // What lies behind the date is not there to be read.
        let is_past = |line: &&str| line.split(',').nth(2).is_none_or(|start| start < AS_OF || start == "start");
        let holdings: String = holdings.lines().filter(is_past).map(|line| line.to_owned() + "\n").collect();
        seats.write("holdings.csv", &holdings);
        seats.write("products.csv", PRODUCTS);
        seats.write("seats.toml", PIPELINE);
        seats
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.0.path().join(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn osusume(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(OSUSUME);
        command.args(arguments).current_dir(self.0.path()).env_clear().stdin(Stdio::null()).output().unwrap()
    }

    fn run(&self, directory: &str, sets: &[&str]) -> PathBuf {
        let at = format!("run.directory=\"{directory}\"");
        let mut words = vec!["run", "seats.toml", "--as-of", AS_OF, "--no-export", "--quiet", "--set", &at];
        for set in sets {
            words.extend(["--set", set]);
        }
        let output = self.osusume(&words);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let runs = self.0.path().join(directory).join("seats");
        let run = names(&runs).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap();
        runs.join(run)
    }

    fn refused(&self) -> String {
        let output = self.osusume(&["run", "seats.toml", "--as-of", AS_OF, "--no-export", "--quiet"]);
        assert!(!output.status.success());
        text(&output.stderr)
    }
}

/// A row of offers.
#[derive(Debug)]
struct Offered {
    offer: String,
    propensity: f64,
    units: Option<f64>,
    margin: i64,
    value: i64,
}

/// The rows of an offer table, by customer.
fn offered(run: &Path) -> BTreeMap<String, Vec<Offered>> {
    let mut found: BTreeMap<String, Vec<Offered>> = BTreeMap::new();
    let file = File::open(run.join("offers.parquet")).unwrap();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let text = |name: &str, row: usize| batch[name].as_string::<i32>().value(row).to_owned();
        let whole = |name: &str, row: usize| batch[name].as_primitive::<Int64Type>().value(row);
        let units = batch.column_by_name("expected_quantity").map(AsArray::as_primitive::<Float64Type>);
        for row in 0..batch.num_rows() {
            found.entry(text("customer_id", row)).or_default().push(Offered {
                offer: text("offer", row),
                propensity: batch["propensity"].as_primitive::<Float64Type>().value(row),
                units: units.filter(|column| column.is_valid(row)).map(|column| column.value(row)),
                margin: whole("margin_minor", row),
                value: whole("expected_value_minor", row),
            });
        }
    }
    found
}

fn model(run: &Path, offer: &str) -> Value {
    let models = run.join("models");
    let name = names(&models).into_iter().find(|name| name.ends_with(&format!("-{offer}.json"))).unwrap();
    serde_json::from_slice(&fs::read(models.join(name)).unwrap()).unwrap()
}

fn size(customer: &str) -> usize {
    customer[1..].parse::<usize>().unwrap() % 2
}

#[test]
fn who_takes_twice_as_many_is_expected_to() {
    let seats = Seats::new();
    let run = seats.run("runs", &[]);
    let quantity = &model(&run, "licence")["quantity"];
    assert_eq!(quantity["basis"], "model", "{quantity}");
    let takers = quantity["takers"].as_f64().unwrap();
    // About nine months of purchases, at 0.04 a customer and month; renewals of the year before would be as many again.
    assert!((600.0..800.0).contains(&takers), "{takers}");
    assert!((quantity["mean"].as_f64().unwrap() - 4.5).abs() < 0.25, "{quantity}");
    assert_eq!(model(&run, "support")["quantity"], Value::Null);
    let (mut means, mut n) = ([0.0; 2], [0.0; 2]);
    let found = offered(&run);
    for (customer, rows) in &found {
        for row in rows {
            let Some(units) = row.units else {
                assert_eq!(row.offer, "support");
                continue;
            };
            assert_eq!(row.offer, "licence");
            (means[size(customer)], n[size(customer)]) = (means[size(customer)] + units, n[size(customer)] + 1.0);
            assert_eq!(row.margin, (units * 100.0).round() as i64, "{row:?}");
        }
    }
    assert!(n[0] > 700.0 && n[1] > 700.0, "holders of licences are offered more: {n:?}");
    for (at, (name, mean)) in MEANS.iter().enumerate() {
        let expected = means[at] / n[at];
        assert!((expected / mean - 1.0).abs() < 0.08, "{name}: {expected} and not {mean}");
    }
    // The value is that of one unit, so many times.
    let rows: Vec<&Offered> = found.values().flatten().filter(|row| row.units.is_some()).collect();
    let expected = |row: &Offered| row.propensity * row.units.unwrap();
    let most = rows.iter().max_by_key(|row| row.value).unwrap();
    let of_one = most.value as f64 / expected(most);
    // Values are rounded, and so is what is given for all units.
    let is_near = |row: &&Offered| (row.value as f64 - expected(row) * of_one).abs() <= 1.1;
    assert!(most.value > 100 && rows.iter().all(is_near), "{of_one}: {:?}", rows.iter().find(|row| !is_near(row)));
}

#[test]
fn holders_who_renew_take_nothing_and_who_buys_more_does() {
    let seats = Seats::new();
    let run = seats.run("runs", &[]);
    let file = File::open(run.join("features/training.parquet")).unwrap();
    let mut counts = BTreeMap::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let (units, takes) = (&batch["units_000"], &batch["take_000"]);
        for row in 0..batch.num_rows() {
            assert_eq!(units.is_valid(row), takes.is_valid(row), "units stand where a take does");
            if units.is_valid(row) {
                *counts.entry(units.as_primitive::<Int64Type>().value(row)).or_insert(0) += 1;
            }
        }
        let held = batch["holdings_licence_units"].as_primitive::<arrow::datatypes::Float32Type>();
        let is_more = (0..batch.num_rows()).any(|row| held.value(row) > 1.0 && units.is_valid(row));
        assert!(is_more, "takers hold licences already");
    }
    // No take is of more than anybody bought at once, but for two purchases on one day.
    assert!(counts.keys().all(|&units| (1..=24).contains(&units)), "{counts:?}");
}

#[test]
fn threads_change_nothing() {
    let seats = Seats::new();
    let tables = |run: &Path| -> Vec<(String, Vec<u8>)> {
        let is_table = |name: &str| name.ends_with(".parquet") || name.starts_with("models/");
        files_below(run).into_iter().filter(|(name, _)| is_table(name)).collect()
    };
    let one = tables(&seats.run("one", &["run.threads=1"]));
    let two = tables(&seats.run("two", &["run.threads=2"]));
    assert!(one.iter().any(|(name, _)| name == "offers.parquet"));
    assert_eq!(one.len(), two.len());
    for (one, two) in one.iter().zip(&two) {
        assert!(one == two, "{} differs", one.0);
    }
}

#[test]
fn without_the_flag_nothing_is_counted() {
    let seats = Seats::new();
    seats.write("products.csv", &PRODUCTS.replace("yes", ""));
    let run = seats.run("runs", &[]);
    assert!(offered(&run).values().flatten().all(|row| row.units.is_none()));
    let file = File::open(run.join("offers.parquet")).unwrap();
    let schema = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().schema().clone();
    assert!(schema.column_with_name("expected_quantity").is_none() && schema.fields().len() == 34);
}

#[test]
fn why_says_how_many() {
    let seats = Seats::new();
    let run = seats.run("runs", &[]);
    let found = offered(&run);
    let (customer, rows) = found.iter().find(|(_, rows)| rows[0].units.is_some()).unwrap();
    let units = format!("{:.1}", rows[0].units.unwrap());
    for (language, words) in [("en", "whoever takes it is expected to take "), ("ja", "成約時の見込み数量は")]
    {
        let output = seats.osusume(&["why", customer, "--language", language]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let page = text(&output.stdout);
        assert!(page.contains(&format!("{words}{units}")), "{page}");
    }
}

#[test]
fn quantities_that_cannot_be_are_set_aside() {
    let seats = Seats::new();
    let holdings = seats.read("holdings.csv");
    let bad = "C00001,licence,2026-01-05,,0\nC00001,licence,2026-01-05,,-3\nC00001,licence,2026-01-05,,2.5\n\
               C00001,licence,2026-01-05,,many\nC00001,licence,2026-01-05,,1000000001\n";
    seats.write("holdings.csv", &format!("{holdings}{bad}"));
    let run = seats
        .run("runs", &["quality.on_error=\"quarantine\"", "quality.max_rejects=10", "quality.max_reject_rate=0.01"]);
    let summary: Value = serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
    let rejects = summary.to_string();
    assert!(rejects.contains("E1024"), "out of range: {rejects}");
    let output = seats.osusume(&["check", "seats.toml", "--as-of", AS_OF]);
    let told = text(&output.stdout) + &text(&output.stderr);
    assert!(told.contains("quantity") && told.contains("1 to 1000000000"), "{told}");
}

#[test]
fn a_ladder_is_not_sold_in_numbers() {
    let seats = Seats::new();
    seats.write(
        "products.csv",
        &PRODUCTS.replace("suite,suite,1,1000,,,", "suite,suite,1,1000,,,\nbig,suite,2,2000,,1,"),
    );
    let pipeline = PIPELINE.replace("[offers]\n", "[offers]\nupsell = { families = [\"suite\"] }\n");
    seats.write("seats.toml", &pipeline);
    let told = seats.refused();
    assert!(told.contains("big") && told.contains("counted"), "{told}");
}
