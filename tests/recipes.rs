//! Recipes against a naive computation, row by row, over customers drawn at random: late arrivals, changes of the clocks, refunds.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use tempfile::TempDir;

use super::features::{numbers, table};
use super::support::{OSUSUME, text};

pub(crate) const DAY: i64 = 86_400;

/// Numbers that look random and are the same every time.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    /// A number from 0 to `below`, that excluded.
    pub(crate) fn below(&mut self, below: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % below
    }
}

/// Days since 1970 of a civil date, by counting (Hinnant's algorithm is the library's own).
pub(crate) fn days(year: i64, month: usize, day: i64) -> i64 {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let years: i64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    years + lengths[..month - 1].iter().sum::<i64>() + day - 1
}

/// 0 for Monday.
fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// Seconds that clocks in Berlin are ahead of UTC: by the rule of the law, the last Sundays of March and October at one o'clock UTC.
fn berlin(at: i64) -> i64 {
    let year = (1970..2100).find(|&year| days(year + 1, 1, 1) * DAY > at).unwrap();
    let last_sunday = |month: usize| {
        let last = days(year, month, 31);
        (last - (weekday(last) + 1) % 7) * DAY + 3600
    };
    if (last_sunday(3)..last_sunday(10)).contains(&at) { 7200 } else { 3600 }
}

/// The instant a civil day begins in Berlin.
pub(crate) fn midnight(day: i64) -> i64 {
    let guess = day * DAY - 3600;
    guess - (berlin(guess) - 3600)
}

pub(crate) fn utc(at: i64) -> String {
    let (day, second) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    format!("{}T{:02}:{:02}:{:02}Z", civil(day), second / 3600, second / 60 % 60, second % 60)
}

pub(crate) fn civil(day: i64) -> String {
    let year = (1970..2100).find(|&year| days(year + 1, 1, 1) > day).unwrap();
    let month = (1..=12).rev().find(|&month| days(year, month, 1) <= day).unwrap();
    format!("{year}-{month:02}-{:02}", day - days(year, month, 1) + 1)
}

struct Row {
    customer: i64,
    at: i64,
    arrived: i64,
    /// Whole euros, or gigabytes.
    amount: i64,
    is_down: bool,
}

const CUSTOMERS: i64 = 24;

/// A third of the rows lie around changes of the clocks, a quarter arrive late.
fn rows(draw: &mut Draw, n: i64) -> Vec<Row> {
    let (first, last) = (days(2024, 7, 1), days(2026, 9, 30));
    let changes = [days(2024, 10, 27), days(2025, 3, 30), days(2025, 10, 26), days(2026, 3, 29)];
    let mut row = |_| {
        let day = if draw.below(3) == 0 { changes[draw.below(4) as usize] } else { first + draw.below(last - first) };
        let at = day * DAY + draw.below(DAY / 900) * 900;
        let delay = if draw.below(4) == 0 { draw.below(60) * DAY } else { draw.below(300) };
        let amount = draw.below(50) - 5;
        Row { customer: draw.below(CUSTOMERS), at, arrived: at + delay, amount, is_down: draw.below(3) > 0 }
    };
    let mut rows: Vec<Row> = (0..n).map(&mut row).collect();
    // One row reaches back further, which nobody knew until 2026.
    let late =
        Row { customer: 0, at: days(2024, 3, 1) * DAY, arrived: days(2026, 1, 1) * DAY, amount: 3, is_down: true };
    rows.push(late);
    rows
}

const PIPELINE: &str = r#"
[pipeline]
name = "recipes"
time_zone = "Europe/Berlin"
currency = "EUR"
purpose = "a test"
as_of = 2026-10-01

[sources.receipts]
role = "purchases"
path = "receipts.csv"
columns = { customer = "customer", at = "at", product = "product", amount = "amount", arrived = "arrived" }

[sources.traffic]
role = "events"
path = "traffic.csv"
columns = { customer = "customer", at = "at", kind = "kind", value = "gb", arrived = "arrived" }

[train]
as_of = [2025-04-01, 2025-06-20, 2025-07-15, 2025-11-01, 2026-04-01, 2026-07-01]

[offers]
gap_days = 7
horizon_days = 60

[offers.category]
source = "receipts"
level = "product"
names = ["milk"]
margin_minor = 1

[decide.consent]
required = false

[features]
windows_days = [30, 365]
recipes = ["night", "weekend", "season"]
"#;

/// The feature table of a pipeline file in a directory.
pub(crate) fn features(dir: &Path, pipeline: &str) -> RecordBatch {
    fs::write(dir.join("pipeline.toml"), pipeline).unwrap();
    let out = dir.join("features.parquet");
    let mut command = std::process::Command::new(OSUSUME);
    command.args(["features", "--quiet", "--out"]).arg(&out).arg("pipeline.toml");
    let done = command.current_dir(dir).env_clear().output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    table(&out)
}

/// The customers' numbers and the days of a table's rows.
pub(crate) fn keys(table: &RecordBatch) -> Vec<(i64, i64)> {
    let ids = cast(table.column(0), &DataType::Utf8).unwrap();
    let dates = cast(&cast(table.column(1), &DataType::Date32).unwrap(), &DataType::Int32).unwrap();
    let dates = dates.as_primitive::<arrow::datatypes::Int32Type>();
    let ids = ids.as_string::<i32>();
    (0..table.num_rows()).map(|row| (ids.value(row)[1..].parse().unwrap(), i64::from(dates.value(row)))).collect()
}

/// Equal, both absent, or apart by no more than rounding.
pub(crate) fn assert_near(got: f64, expected: f64, what: &str) {
    let is_same = got.is_nan() && expected.is_nan() || (got - expected).abs() <= 1e-9 * expected.abs().max(1.0);
    assert!(is_same, "{what}: {got}, not {expected}");
}

fn is_night(row: &Row) -> bool {
    let hour = (row.at + berlin(row.at)).rem_euclid(DAY) / 3600;
    !(6..22).contains(&hour)
}

fn is_weekend(row: &Row) -> bool {
    weekday((row.at + berlin(row.at)).div_euclid(DAY)) >= 5
}

fn sum<'a>(rows: impl Iterator<Item = &'a &'a Row>) -> f64 {
    rows.map(|row| row.amount as f64).sum()
}

/// A part over a whole; absent where the whole is 0.
fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { f64::NAN } else { part / whole }
}

#[test]
fn nights_and_weekends_by_the_clock_on_the_wall_and_the_season_where_data_reach() {
    let dir = TempDir::new().unwrap();
    let (receipts, traffic) = (rows(&mut Draw(1), 3000), rows(&mut Draw(2), 3000));
    let product = |row: &Row| if row.is_down { "bread" } else { "milk" };
    let kind = |row: &Row| if row.is_down { "down" } else { "up" };
    let file = |name: &str, header: &str, rows: &[Row], level: &dyn Fn(&Row) -> &'static str| {
        let line = |mut text: String, row: &Row| {
            let (at, arrived) = (utc(row.at), utc(row.arrived));
            writeln!(text, "c{},{at},{},{},{arrived}", row.customer, level(row), row.amount).unwrap();
            text
        };
        fs::write(dir.path().join(name), rows.iter().fold(format!("{header}\n"), line)).unwrap();
    };
    file("receipts.csv", "customer,at,product,amount,arrived", &receipts, &product);
    file("traffic.csv", "customer,at,kind,gb,arrived", &traffic, &kind);
    let table = features(dir.path(), PIPELINE);
    let keys = keys(&table);
    let column = |name: &str| numbers(&table, name);
    let is_there = |row: &Row| row.is_down;
    for (at, &(customer, date)) in keys.iter().enumerate() {
        let as_of = midnight(date);
        let known = |rows: &'static str| -> Vec<&Row> {
            let rows = if rows == "receipts" { &receipts } else { &traffic };
            rows.iter().filter(|row| row.at < as_of && row.arrived < as_of).collect()
        };
        for (source, prefix) in [("receipts", ""), ("receipts", "amount_"), ("traffic", "down_"), ("traffic", "up_")] {
            for days in [30, 365] {
                let counts = |row: &&&Row| {
                    let is_of = prefix != "down_" && prefix != "up_" || is_there(row) == (prefix == "down_");
                    row.customer == customer && row.at >= midnight(date - days) && is_of
                };
                let rows = known(source);
                let rows: Vec<&Row> = rows.iter().filter(counts).copied().collect();
                let amount = |of: Vec<&Row>| if prefix.is_empty() { of.len() as f64 } else { sum(of.iter()) };
                for (name, falls) in [("night", is_night as fn(&Row) -> bool), ("weekend", is_weekend)] {
                    let part = amount(rows.iter().filter(|row| falls(row)).copied().collect());
                    let name = format!("{source}_{prefix}{name}_share_{days}d");
                    assert_near(column(&name)[at], share(part, amount(rows.clone())), &name);
                }
            }
        }
        // A year before the label window, which begins seven days behind the date; no 29 February is met.
        let text = civil(date + 7);
        let part = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
        let first = days(part(0..4) - 1, part(5..7) as usize, part(8..10));
        let season = midnight(first)..midnight((first + 60).min(date));
        for source in ["receipts", "traffic"] {
            let all = known(source);
            let reaches = all.iter().map(|row| row.at).min().is_some_and(|first| first < season.start + DAY);
            let rows: Vec<&Row> =
                all.into_iter().filter(|row| row.customer == customer && season.contains(&row.at)).collect();
            let expect = |name: &str, value: f64| {
                assert_near(column(name)[at], if reaches { value } else { f64::NAN }, &format!("{name} {text}"));
            };
            let of = |is_down: bool| rows.iter().filter(move |row| row.is_down == is_down);
            if source == "receipts" {
                expect("receipts_count_season_last_year", rows.len() as f64);
                expect("receipts_sum_season_last_year", sum(rows.iter()));
                expect("receipts_offer_milk_count_season_last_year", of(false).count() as f64);
            } else {
                expect("traffic_down_mean_season_last_year", share(sum(of(true)), of(true).count() as f64));
                expect("traffic_up_mean_season_last_year", share(sum(of(false)), of(false).count() as f64));
            }
        }
    }
    assert!(keys.len() > 150, "{}", keys.len());
    let reached = |day: i64| {
        let values = column("receipts_count_season_last_year");
        keys.iter().zip(values).any(|(key, value)| key.1 == day && !value.is_nan())
    };
    assert!(!reached(days(2025, 6, 20)) && reached(days(2025, 7, 15)), "the season comes as data reach back");
}

/// Dates tell no hour: a weekend is that of the zone they were written in, and nothing is at night.
#[test]
fn dates_alone_have_weekends_and_no_nights_and_it_is_said() {
    let dir = TempDir::new().unwrap();
    let mut receipts = "customer,at,product,amount,arrived\n".to_owned();
    for day in days(2026, 1, 1)..days(2026, 10, 1) {
        writeln!(receipts, "c{},{},milk,1,{}", day % 12, civil(day), civil(day)).unwrap();
    }
    fs::write(dir.path().join("receipts.csv"), receipts).unwrap();
    let (before, rest) = PIPELINE.split_once("[sources.traffic]").unwrap();
    let zoned = before.replace("role = \"purchases\"", "role = \"purchases\"\ntime_zone = \"America/Los_Angeles\"");
    let pipeline = format!("{zoned}{}", &rest[rest.find("[train]").unwrap()..]);
    let pipeline = pipeline.replace(
        "[2025-04-01, 2025-06-20, 2025-07-15, 2025-11-01, 2026-04-01, 2026-07-01]",
        "[2026-04-01, 2026-05-01]",
    );
    let table = features(dir.path(), &pipeline);
    let schema = table.schema();
    assert!(!schema.fields().iter().any(|field| field.name().contains("night")), "{schema}");
    let shares = numbers(&table, "receipts_weekend_share_30d");
    for (&(customer, date), share) in keys(&table).iter().zip(shares) {
        if date < days(2026, 10, 1) {
            continue;
        }
        let of: Vec<i64> = (days(2026, 9, 1)..date).filter(|day| day % 12 == customer).collect();
        let weekends = of.iter().filter(|day| weekday(**day) >= 5).count();
        assert_near(share, weekends as f64 / of.len() as f64, &format!("c{customer}"));
    }
    let check = || {
        let mut command = std::process::Command::new(OSUSUME);
        let done = command.args(["check", "pipeline.toml"]).current_dir(dir.path()).env_clear().output().unwrap();
        text(&done.stdout) + &text(&done.stderr)
    };
    let said = check();
    assert!(said.contains("E4024") && said.contains("`night`") && said.contains("`season`"), "{said}");
    // Rows that tell the hour and came after the first date make no nights there.
    let later = (days(2026, 6, 1)..days(2026, 9, 30)).flat_map(|day| [day; 9]).enumerate();
    let later: Vec<String> = later.map(|(i, day)| format!("c{},{}T13:20:07Z,milk,1,\n", i % 12, civil(day))).collect();
    let receipts = fs::read_to_string(dir.path().join("receipts.csv")).unwrap();
    fs::write(dir.path().join("receipts.csv"), receipts + &later.concat()).unwrap();
    let said = check();
    assert!(said.contains("E4024") && said.contains("`night`"), "{said}");
}
