//! First offers from run to run: how many change, and why.

use std::collections::BTreeMap;
use std::fs::File;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int16Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::support::{AS_OF, Company, names};

const PIPELINE: &str = "pipelines/isp.toml";
/// A date on which other models were learned, and whose offers still stand.
const BEFORE: &str = "2026-08-10";

fn run(company: &Company, as_of: &str, more: &[&str]) -> String {
    company.succeed(&[&["run", PIPELINE, "--as-of", as_of, "--no-export", "--quiet"], more].concat());
    names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(as_of)).unwrap()
}

fn summary(company: &Company, run: &str) -> Value {
    let text = std::fs::read_to_string(company.path(&format!("runs/isp/{run}/summary.json"))).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["decisions"].clone()
}

/// Two columns of a table, text each, by rows; a third is a number to filter by where there is one.
fn pairs(company: &Company, run: &str, table: &str, columns: [&str; 2]) -> Vec<(String, Option<String>)> {
    let file = File::open(company.path(&format!("runs/isp/{run}/{table}.parquet"))).unwrap();
    let mut rows = Vec::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let is_first = |row: usize| {
            let rank = batch.column_by_name("rank").map(AsArray::as_primitive::<Int16Type>);
            rank.is_none_or(|rank| rank.value(row) == 1)
        };
        let [id, of] = columns.map(|name| batch.column_by_name(name).unwrap().as_string::<i32>().clone());
        let rows_of = (0..batch.num_rows()).filter(|&row| is_first(row));
        rows.extend(rows_of.map(|row| (id.value(row).to_owned(), of.is_valid(row).then(|| of.value(row).to_owned()))));
    }
    rows
}

#[test]
fn flips_are_those_of_the_tables() {
    let company = Company::new();
    let before = run(&company, BEFORE, &[]);
    assert!(summary(&company, &before)["stability"].is_null());
    let after = run(&company, AS_OF, &[]);
    let first = |run: &str, table: &str| -> BTreeMap<String, String> {
        let rows = pairs(&company, run, table, ["customer_id", "offer"]);
        rows.into_iter().map(|(id, offer)| (id, offer.unwrap())).collect()
    };
    let told = |run: &str| {
        let mut all = first(run, "offers");
        all.extend(first(run, "shadow"));
        all
    };
    let (was, is) = (told(&before), told(&after));
    for (customer, previous) in pairs(&company, &after, "decisions", ["customer_id", "previous"]) {
        assert_eq!(previous, was.get(&customer).cloned(), "{customer}");
    }
    let arms = pairs(&company, &after, "decisions", ["customer_id", "arm"]);
    let counted = |test: &dyn Fn(Option<&String>, Option<&String>) -> bool| {
        let outside = arms.iter().filter(|(_, arm)| arm.as_deref() == Some("offer"));
        outside.filter(|(id, _)| test(was.get(id), is.get(id))).count() as u64
    };
    let stability = &summary(&company, &after)["stability"];
    let count = |name: &str| stability[name].as_u64().unwrap();
    assert_eq!(stability["run_id"].as_str(), Some(before.as_str()));
    assert_eq!(count("kept"), counted(&|was, is| was.is_some() && was == is));
    assert_eq!(count("changed"), counted(&|was, is| was.is_some() && is.is_some() && was != is));
    assert_eq!(count("ended"), counted(&|was, is| was.is_some() && is.is_none()));
    assert_eq!(count("begun"), counted(&|was, is| was.is_none() && is.is_some()));
    assert!(["kept", "changed", "ended", "begun"].iter().all(|name| count(name) > 0), "{stability}");
    let causes: u64 = stability["causes"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(causes, count("changed") + count("ended"));
}

#[test]
fn an_offer_that_has_expired_is_no_previous_one() {
    let company = Company::new();
    run(&company, "2026-07-01", &[]);
    let after = run(&company, AS_OF, &[]);
    assert!(summary(&company, &after)["stability"].is_null());
}

#[test]
fn what_was_offered_stays_until_something_is_worth_more_by_the_gain() {
    let company = Company::new();
    run(&company, BEFORE, &[]);
    let free = run(&company, AS_OF, &[]);
    let before = summary(&company, &free)["stability"].clone();
    let kept = run(&company, AS_OF, &["--set", "decide.switch_gain=10.0"]);
    let after = summary(&company, &kept)["stability"].clone();
    assert!(before["changed"].as_u64().unwrap() > 0);
    // Nothing is worth eleven times as much: an offer changes only where a rule or the threshold ends it.
    assert_eq!(after["causes"].get("outranked"), None, "{after}");
    assert!(after["kept"].as_u64() > before["kept"].as_u64());
    // Of customers whose offer stayed, the page tells that another is worth more, and the run is retraced.
    let was: BTreeMap<String, Option<String>> =
        pairs(&company, &kept, "decisions", ["customer_id", "previous"]).into_iter().collect();
    let mut told = 0;
    for (customer, offer) in pairs(&company, &kept, "offers", ["customer_id", "offer"]) {
        if was[&customer] == offer {
            let said = company.succeed(&["why", &customer, &format!("runs/isp/{kept}"), "--output", "json"]);
            let said: Value = serde_json::from_str(&said).unwrap();
            let first = &said["offers"][0];
            assert_eq!(first["offer"].as_str(), offer.as_deref());
            told += 1;
        }
        if told == 5 {
            break;
        }
    }
    let asked =
        ["what-if", PIPELINE, "--set", "decide.switch_gain=10.0", "--set", "decide.per_customer=1", "--output", "json"];
    let found: Value = serde_json::from_str(&company.succeed(&asked)).unwrap();
    assert_eq!(found["now"]["reached"], summary(&company, &kept)["with_offer"]);
}
