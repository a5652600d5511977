//! Places for fewer customers than want them: who gets them, what is said of the others, and that both arms are told alike.

use std::collections::BTreeMap;
use std::fs::File;

use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::support::{AS_OF, Company, names, text};

const PIPELINE: &str = "pipelines/isp.toml";
/// Places for calls and for one offer, a campaign that was promised, and a holdout that is large enough to look at.
const CAPACITY: [&str; 6] = [
    "--set",
    "decide.capacity=[{channel=\"telephone\",max=60},{offer=\"tv\",max=20},{offer=\"storage\",min=3}]",
    "--set",
    "decide.holdout.fraction=0.4",
    "--set",
    "decide.per_customer=2",
];

fn run(company: &Company, more: &[&str]) -> String {
    let arguments = ["run", PIPELINE, "--as-of", AS_OF, "--no-export", "--quiet", "--output", "json"];
    company.succeed(&[&arguments[..], more].concat());
    names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap()
}

struct Row {
    customer: String,
    offer: String,
    channel: String,
    value: i64,
    propensity: f64,
}

fn rows(company: &Company, run: &str, name: &str) -> Vec<Row> {
    let file = File::open(company.path(&format!("runs/isp/{run}/{name}.parquet"))).unwrap();
    let mut rows = Vec::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let text =
            |name: &str, row: usize| batch.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned();
        let values = batch.column_by_name("expected_value_minor").unwrap().as_primitive::<Int64Type>();
        let propensities = batch.column_by_name("propensity").unwrap().as_primitive::<Float64Type>();
        rows.extend((0..batch.num_rows()).map(|row| Row {
            customer: text("customer_id", row),
            offer: text("offer", row),
            channel: text("channel", row),
            value: values.value(row),
            propensity: propensities.value(row),
        }));
    }
    rows
}

/// The word for each customer's offer in the decisions.
fn words(company: &Company, run: &str, offer: &str) -> BTreeMap<String, String> {
    let file = File::open(company.path(&format!("runs/isp/{run}/decisions.parquet"))).unwrap();
    let mut words = BTreeMap::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let text =
            |name: &str, row: usize| batch.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned();
        words.extend((0..batch.num_rows()).map(|row| (text("customer_id", row), text(offer, row))));
    }
    words
}

#[test]
fn places_go_where_they_are_worth_most() {
    let company = Company::new();
    let free = run(&company, &["--set", "decide.holdout.fraction=0.4", "--set", "decide.per_customer=2"]);
    let wanted = rows(&company, &free, "offers");
    let count = |rows: &[Row], is: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
    assert!(count(&wanted, &|row| row.channel == "telephone") > 90, "more calls are wanted than there will be");
    let n_tv = count(&wanted, &|row| row.offer == "tv");
    assert!(n_tv > 24, "{n_tv}");
    std::fs::remove_dir_all(company.path("runs")).unwrap();

    let run_id = run(&company, &CAPACITY);
    let (offers, shadow) = (rows(&company, &run_id, "offers"), rows(&company, &run_id, "shadow"));
    assert_eq!(count(&offers, &|row| row.channel == "telephone"), 60);
    assert_eq!(count(&offers, &|row| row.offer == "tv"), 20);
    assert!(count(&offers, &|row| row.offer == "storage") >= 3);
    // Six customers in ten share the places; of the other four, as many as that are told at the same prices.
    let told = count(&shadow, &|row| row.offer == "tv");
    assert!((4..=26).contains(&told), "{told}");
    for row in offers.iter().chain(&shadow) {
        assert!(row.propensity > 0.0, "{} of {}", row.offer, row.customer);
    }

    // Nobody without TV would have been worth more than the one who got it for least: places in it are all that differ.
    let least = offers.iter().filter(|row| row.offer == "tv").map(|row| row.value).min().unwrap();
    let words = words(&company, &run_id, "tv");
    let lost: Vec<&String> = words.iter().filter(|(_, word)| *word == "no_capacity").map(|(id, _)| id).collect();
    assert!(!lost.is_empty());
    let summary: Value =
        serde_json::from_slice(&std::fs::read(company.path(&format!("runs/isp/{run_id}/summary.json"))).unwrap())
            .unwrap();
    let capacity = &summary["decisions"]["capacity"];
    assert_eq!(capacity["limits"][0]["used"], 60);
    assert_eq!(capacity["limits"][1]["used"], 20);
    assert!(capacity["limits"][1]["price_minor"].as_f64().unwrap() > 0.0);
    let (value, bound) = (capacity["value_minor"].as_f64().unwrap(), capacity["bound_minor"].as_f64().unwrap());
    assert!(value <= bound && value > 0.9 * bound, "{value} of {bound}");
    assert!(summary["decisions"]["removed"]["no_capacity"].as_u64().unwrap() >= lost.len() as u64);

    // What became of them is told from the run alone; a place lost names the rule.
    let mut beaten = 0;
    for id in lost.iter().take(5) {
        let said: Value =
            serde_json::from_str(&company.succeed(&["why", id, &format!("runs/isp/{run_id}"), "--output", "json"]))
                .unwrap();
        let tv = said["offers"].as_array().unwrap().iter().find(|offer| offer["offer"] == "tv").unwrap();
        assert_eq!(tv["rule"], "no_capacity");
        beaten += i64::from(tv["expected_value_minor"].as_i64().unwrap() <= least);
    }
    assert!(beaten >= 3, "{beaten} of 5 were worth less than the least of those who got a place");
    let chosen = &offers[0];
    let said = company.succeed(&["why", &chosen.customer, &format!("runs/isp/{run_id}")]);
    assert!(said.contains(&chosen.offer), "{said}");
}

#[test]
fn an_offer_there_is_none_of_has_no_places() {
    let company = Company::new();
    let settings = "decide.capacity=[{offer=\"stroage\",max=5}]";
    let output = company.osusume(&["run", PIPELINE, "--as-of", AS_OF, "--no-export", "--set", settings]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("stroage") && said.contains("storage"), "{said}");
    assert!(said.contains("decide.capacity[0].offer"), "{said}");
}
