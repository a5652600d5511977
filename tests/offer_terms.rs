//! What the catalogue and the past say of an offer, on generated companies: what is given to takers, when a product may be offered,
//! takers who step back, and customers whom contacts drive away.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::PathBuf;

use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int64Type};
use osusume_testkit::repository_root;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::support::{AS_OF, Company, names};

/// An internet provider of this size in which `edit` changed the world, and its run.
fn company(customers: &str, edit: impl Fn(&str) -> String, sets: &[&str]) -> Company {
    let company = Company::new();
    let world = fs::read_to_string(repository_root().join("crates/synth/worlds/isp.toml")).unwrap();
    fs::write(company.path("world.toml"), edit(&world)).unwrap();
    fs::remove_dir_all(company.path("data/isp")).unwrap();
    let size = ["--customers", customers, "--events", "60000", "--worth", "--out", "data/isp"];
    company.succeed(&[&["synth", "--world", "world.toml"], &size[..]].concat());
    run(&company, sets);
    company
}

fn run(company: &Company, sets: &[&str]) {
    let mut words = vec!["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export", "--quiet"];
    for set in sets {
        words.extend(["--set", set]);
    }
    company.succeed(&words);
}

fn newest(company: &Company) -> PathBuf {
    let runs = company.path("runs/isp");
    let run = names(&runs).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap();
    runs.join(run)
}

/// Every pair of customer and offer published, with its propensity, its margin and its value.
fn offers(company: &Company) -> BTreeMap<(String, String), (f64, i64, i64)> {
    let file = File::open(newest(company).join("offers.parquet")).unwrap();
    let mut found = BTreeMap::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let text = |name: &str, row: usize| batch[name].as_string::<i32>().value(row).to_owned();
        let whole = |name: &str, row: usize| batch[name].as_primitive::<Int64Type>().value(row);
        for row in 0..batch.num_rows() {
            let propensity = batch["propensity"].as_primitive::<Float64Type>().value(row);
            let numbers = (propensity, whole("margin_minor", row), whole("expected_value_minor", row));
            found.insert((text("customer_id", row), text("offer", row)), numbers);
        }
    }
    found
}

fn model(company: &Company, offer: &str) -> Value {
    let models = newest(company).join("models");
    let name = names(&models).into_iter().find(|name| name.ends_with(&format!("-{offer}.json"))).unwrap();
    serde_json::from_slice(&fs::read(models.join(name)).unwrap()).unwrap()
}

/// Every take counts in full and nothing costs anything, so values can be recounted by hand.
const PLAIN: [&str; 5] = [
    "decide.value=\"taking\"",
    "decide.contact_cost_minor=0",
    "decide.min_value_minor=0",
    "decide.per_customer=9",
    "decide.contact_limit.max=20",
];

#[test]
fn what_takers_are_given_and_days_on_which_a_product_may_be_offered() {
    let company = company("1200", str::to_owned, &PLAIN);
    let before = offers(&company);
    let count =
        |of: &BTreeMap<(String, String), _>, wanted: &str| of.keys().filter(|(_, offer)| offer == wanted).count();
    assert!(["security", "storage", "tv"].iter().all(|offer| count(&before, offer) > 100));
    company.edit("data/isp/products.csv", |text| {
        let mut lines = text.lines();
        let mut out = format!("{},offer_cost,valid_from,valid_until\n", lines.next().unwrap());
        for line in lines {
            let more = match line.split(',').next().unwrap() {
                "security" => "1500,,",
                // Not yet, and no longer; the others have no days.
                "tv" => ",2026-11-01,",
                "storage" => ",,2026-09-30",
                "wifi_mesh" => ",2026-01-01,2027-01-01",
                _ => ",,",
            };
            writeln!(out, "{line},{more}").unwrap();
        }
        out
    });
    company.edit("pipelines/isp.toml", |text| {
        let columns = "replaces = \"replaces\", offer_cost = \"offer_cost\", valid_from = \"valid_from\", valid_until = \"valid_until\" }";
        text.replacen("replaces = \"replaces\" }", columns, 1)
    });
    run(&company, &PLAIN);
    let after = offers(&company);
    assert_eq!((count(&after, "tv"), count(&after, "storage")), (0, 0), "outside of their days nothing is offered");
    assert_eq!(count(&after, "wifi_mesh"), count(&before, "wifi_mesh"), "inside of them all is as it was");
    let mut seen = 0;
    for (pair, (propensity, _, value)) in &after {
        let Some((propensity_before, _, value_before)) = before.get(pair) else { continue };
        assert!((propensity - propensity_before).abs() < 1e-9, "{pair:?}: what is given changes no probability");
        let given = if pair.1 == "security" { propensity * 1_500.0 } else { 0.0 };
        // Both values are rounded to whole yen.
        assert!(((value_before - value) as f64 - given).abs() <= 1.01, "{pair:?}: {value_before} {value} {given}");
        seen += usize::from(pair.1 == "security");
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn takers_who_step_back_make_an_offer_worth_less() {
    let share = |stepped_back: &str| {
        let company = company(
            "2400",
            |world| {
                let (before, tv) = world.split_at(world.find("product = \"tv\"").unwrap());
                format!("{before}{}", tv.replacen("stepped_back = 0.02", &format!("stepped_back = {stepped_back}"), 1))
                    .replacen("per_60_days = 0.0042", "per_60_days = 0.03", 1)
                    // What was held before the history began has been kept: such rows tell nothing of steps back.
                    .replacen("held = { none = 0.78, tv = 0.22 }", "held = { none = 1.0, tv = 0.0 }", 1)
            },
            &PLAIN,
        );
        let found = &model(&company, "tv")["after"]["step_backs"];
        let rate = found["back"].as_f64().unwrap() / found["takes"].as_f64().unwrap();
        let rows: Vec<f64> = offers(&company)
            .iter()
            .filter(|((_, offer), (_, _, value))| offer == "tv" && *value > 40)
            .map(|(_, (propensity, margin, value))| *value as f64 / (propensity * *margin as f64))
            .collect();
        assert!(rows.len() > 30, "{}", rows.len());
        (rate, rows.iter().sum::<f64>() / rows.len() as f64)
    };
    let ((few, months), (many, fewer_months)) = (share("0.02"), share("0.50"));
    // Planted are 2 and 50 in a hundred takes, of which 94 are kept long enough to count; some leave altogether within 90 days.
    assert!(few < 0.12 && (0.40..0.68).contains(&many), "{few} {many}");
    // Both are told relative to what is usually lost in so many days.
    let kept = (1.0 - many) / (1.0 - few);
    assert!((fewer_months / months - kept).abs() < 0.12, "{months} {fewer_months} {kept}");
}

/// The mean over customers of what one contact adds to the probability of leaving within twelve months.
fn true_churn(company: &Company) -> f64 {
    let file = File::open(company.path("data/isp/truth/worth.parquet")).unwrap();
    let mut by_customer = BTreeMap::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let number = |name: &str, row: usize| batch[name].as_primitive::<Float64Type>().value(row);
        for row in 0..batch.num_rows() {
            let customer = batch["customer_id"].as_string::<i32>().value(row).to_owned();
            by_customer.insert(customer, number("leaves_1", row) - number("leaves_alone", row));
        }
    }
    by_customer.values().sum::<f64>() / by_customer.len() as f64
}

#[test]
fn the_churn_that_contacts_cause_is_estimated_near_the_truth() {
    let company = company(
        "6000",
        |world| {
            // Everybody leaves five times as readily for two months after a contact, and half of all are drawn each month.
            let world =
                world.replace("\nchurn = 1.0\n", "\nchurn = 5.0\n").replace("\nchurn = 1.3\n", "\nchurn = 5.0\n");
            world
                .replace("slice = 0.045", "slice = 0.30")
                .replace("worked = 0.35", "worked = 0.0")
                .replace("worked = 0.30", "worked = 0.0")
        },
        &["decide.churn=\"estimated\"", "decide.contact_limit.max=20"],
    );
    let truth = true_churn(&company);
    let churn = &model(&company, "security")["after"]["churn"];
    let number = |value: &Value| value.as_f64().unwrap();
    let (estimate, [lower, upper]) =
        (number(&churn["difference"]), [&churn["interval"][0], &churn["interval"][1]].map(number));
    assert!(truth > 0.01, "{truth}");
    assert!(lower < truth && truth < upper, "{estimate} ({lower} to {upper}), true {truth}");
    assert!((estimate / truth - 1.0).abs() < 0.5, "{estimate} of {truth}");
}
