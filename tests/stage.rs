//! The utilisation matrix against a naive computation: thirds by sorting everybody, stages by their definition.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use tempfile::TempDir;

use super::features::numbers;
use super::recipes::{Draw, assert_near, days, features, keys, midnight, utc};
use super::support::{OSUSUME, text};

const DAY: i64 = 86_400;
const CUSTOMERS: i64 = 90;
const WINDOW: i64 = 60;
const KINDS: [&str; 6] = ["mail", "calls", "files", "chat", "wiki", "hours"];

const PIPELINE: &str = r#"
[pipeline]
name = "stages"
time_zone = "Europe/Berlin"
currency = "EUR"
purpose = "a test"
as_of = 2026-10-01

[sources.receipts]
role = "purchases"
path = "receipts.csv"
columns = { customer = "customer", at = "at", product = "product" }

[sources.use]
role = "events"
path = "use.csv"
columns = { customer = "customer", at = "at", kind = "kind", value = "value", arrived = "arrived" }

[train]
as_of = [2026-04-01, 2026-05-14, 2026-07-20]

[offers.category]
source = "receipts"
level = "product"
names = ["milk"]
margin_minor = 1

[decide.consent]
required = false

[features]
windows_days = [30]
recipes = []

[features.utilisation]
source = "use"
window_days = 60
"#;

struct Row {
    customer: i64,
    at: i64,
    arrived: i64,
    kind: usize,
    value: i64,
}

/// Customers differ in how much they use, from when on, and until when; some use nothing.
fn rows(draw: &mut Draw) -> Vec<Row> {
    let begin = days(2026, 1, 1);
    let mut rows = Vec::new();
    for customer in 0..CUSTOMERS - 5 {
        let (first, kinds) = (draw.below(200), 1 + draw.below(6));
        let last = first + 20 + draw.below(260 - first.min(200));
        for _ in 0..draw.below(70) {
            let at = (begin + first + draw.below(last - first)) * DAY + draw.below(DAY);
            let arrived = at + if draw.below(4) == 0 { draw.below(50) * DAY } else { 30 };
            rows.push(Row { customer, at, arrived, kind: draw.below(kinds) as usize, value: draw.below(30) });
        }
    }
    rows
}

/// The values at or below which a third and two thirds lie.
fn edges(mut values: Vec<i64>) -> [i64; 2] {
    values.sort_unstable();
    [1, 2].map(|thirds| values.get((values.len() * thirds).div_ceil(3).max(1) - 1).copied().unwrap_or(0))
}

fn third(value: i64, edges: [i64; 2]) -> i64 {
    edges.iter().filter(|edge| value > **edge).count() as i64
}

/// The same table as purchases, which have an amount.
const PURCHASES: &str = r#"
[pipeline]
name = "stages"
time_zone = "Europe/Berlin"
currency = "JPY"
purpose = "a test"
as_of = 2026-10-01

[sources.use]
role = "purchases"
path = "use.csv"
columns = { customer = "customer", at = "at", product = "kind", amount = "value", arrived = "arrived" }

[train]
as_of = [2026-04-01, 2026-05-14, 2026-07-20]

[offers.category]
source = "use"
level = "product"
names = ["mail"]
margin_minor = 1

[decide.consent]
required = false

[features]
windows_days = [30]
recipes = []

[features.utilisation]
source = "use"
window_days = 60
"#;

/// What is added up: numbers of rows, or the values of one kind or of all.
#[derive(Clone, Copy)]
enum Depth {
    Rows,
    Of(&'static str),
    Everything,
}

fn check(pipeline: &str, depth: Depth) -> usize {
    let dir = TempDir::new().unwrap();
    let rows = rows(&mut Draw(11));
    let mut text = "customer,at,kind,value,arrived\n".to_owned();
    for row in &rows {
        writeln!(text, "c{},{},{},{},{}", row.customer, utc(row.at), KINDS[row.kind], row.value, utc(row.arrived))
            .unwrap();
    }
    fs::write(dir.path().join("use.csv"), text).unwrap();
    let receipts = (0..CUSTOMERS)
        .fold("customer,at,product\n".to_owned(), |text, customer| text + &format!("c{customer},2026-01-01,milk\n"));
    fs::write(dir.path().join("receipts.csv"), receipts).unwrap();
    let table = features(dir.path(), pipeline);
    let stages = cast(table.column_by_name("use_stage_60d").unwrap(), &DataType::Utf8).unwrap();
    let [breadths, depths] = ["use_breadth_60d", "use_depth_60d"].map(|name| numbers(&table, name));
    let mut seen = BTreeSet::new();
    for (at, (customer, date)) in keys(&table).into_iter().enumerate() {
        let as_of = midnight(date);
        let since = |back: i64| midnight(date - WINDOW) - back;
        let of = |customer: i64, from: i64, to: i64| -> Vec<&Row> {
            let known = rows.iter().filter(|row| row.at < as_of && row.arrived < as_of);
            known.filter(|row| row.customer == customer && (from..to).contains(&row.at)).collect()
        };
        let kinds = |rows: &[&Row]| rows.iter().map(|row| row.kind).collect::<BTreeSet<usize>>();
        let amount = |rows: &[&Row]| match depth {
            Depth::Rows => rows.len() as i64,
            Depth::Of(kind) => rows.iter().filter(|row| KINDS[row.kind] == kind).map(|row| row.value).sum(),
            Depth::Everything => rows.iter().map(|row| row.value).sum(),
        };
        let all: Vec<Vec<&Row>> = (0..CUSTOMERS).map(|customer| of(customer, since(0), as_of)).collect();
        let users: Vec<&Vec<&Row>> = all.iter().filter(|rows| !rows.is_empty()).collect();
        let broad = edges(users.iter().map(|rows| kinds(rows).len() as i64).collect());
        let deep = edges(users.iter().map(|rows| amount(rows)).collect());
        let available = users.iter().flat_map(|rows| kinds(rows)).collect::<BTreeSet<usize>>().len();
        let (now, ever) = (&all[customer as usize], of(customer, i64::MIN, as_of));
        let before = amount(&of(customer, since(as_of - since(0)), since(0)));
        let [breadth, depth] = [third(kinds(now).len() as i64, broad), third(amount(now), deep)];
        let first = ever.iter().map(|row| row.at).min();
        let expected = match first {
            None => "not_started",
            Some(first) if (as_of - first) < WINDOW * DAY => "new",
            _ if now.is_empty() => "dormant",
            _ if before > 0 && 2 * amount(now) < before => "declining",
            _ if breadth == 2 && depth == 2 => "full",
            _ if breadth == 2 => "exploring",
            _ if depth == 2 => "focused",
            _ if breadth + depth == 0 => "light",
            _ => "steady",
        };
        assert_eq!(stages.as_string::<i32>().value(at), expected, "c{customer} on {date}");
        seen.insert(expected);
        assert_near(breadths[at], kinds(now).len() as f64 / available as f64, "breadth");
        assert_near(depths[at], if now.is_empty() { f64::NAN } else { depth as f64 / 2.0 }, "depth");
    }
    seen.len()
}

#[test]
fn stages_by_rows() {
    assert_eq!(check(PIPELINE, Depth::Rows), 9, "every stage is met");
}

#[test]
fn stages_by_a_metric() {
    assert_eq!(check(&format!("{PIPELINE}depth = \"mail\"\n"), Depth::Of("mail")), 9);
}

/// Who never bought anything is no customer, and so in no stage.
#[test]
fn stages_by_what_was_paid() {
    assert_eq!(check(PURCHASES, Depth::Everything), 8);
}

#[test]
fn a_metric_there_is_not_is_said() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("use.csv"), "customer,at,kind,value,arrived\nc1,2026-01-01,mail,1,2026-01-01\n").unwrap();
    fs::write(dir.path().join("receipts.csv"), "customer,at,product\nc1,2026-01-01,milk\n").unwrap();
    fs::write(dir.path().join("pipeline.toml"), format!("{PIPELINE}depth = \"mial\"\n")).unwrap();
    let arguments = ["features", "--quiet", "--out", "out.parquet", "pipeline.toml"];
    let done = Command::new(OSUSUME).args(arguments).current_dir(dir.path()).env_clear().output().unwrap();
    let said = text(&done.stderr);
    assert!(said.contains("features.utilisation.depth") && said.contains("did you mean `mail`"), "{said}");
}
