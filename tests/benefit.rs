//! Benefit texts: the figures of the very customer, in both languages, or nothing.

use std::collections::BTreeMap;
use std::fs;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, UInt32Type};
use serde_json::Value;

use super::support::{AS_OF, Company, text};
use super::timing::{run, table, words};

const PIPELINE: &str = "pipelines/isp.toml";
const OVERLAY: &str = "pipelines/benefit.toml";

const TEXTS: &str = r#"
[decide]
value = "taking"

[sources.customers]
restricted = ["birth_year"]

[report.names]
traffic_gb = "data used"

[[decide.trigger]]
name = "busy"
when = "usage_traffic_gb_surge_30d > 1.2 and (is_absent(customers_birth_year) or customers_birth_year > 0)"
offers = ["line"]
effect = "date"
from = "7"

[[offers.benefit]]
offers = ["line"]
trigger = "busy"
en = "You use more: {cause}. {product_name} helps until {contact_from:date}."
ja = "{cause}状況です。"

[[offers.benefit]]
offers = ["line", "tv"]
when = "usage_traffic_gb_surge_30d <= 1.2"
en = "{{calm}} {usage_traffic_gb_surge_30d:ratio}x, renewal in {holdings_days_to_renewal:month}"

[[offers.benefit]]
en = "Fits what you have."
ja = "ご契約に合う{product_name}です。"

[[offers.benefit]]
ja = "お客様に合う商品です。"
"#;

fn company(overlay: &str) -> Company {
    let company = Company::new();
    fs::write(company.path(OVERLAY), overlay).unwrap();
    company
}

fn numbers(table: &RecordBatch, name: &str) -> Vec<Option<f32>> {
    table.column_by_name(name).unwrap().as_primitive::<Float32Type>().iter().collect()
}

fn texts(table: &RecordBatch, name: &str) -> Vec<Option<String>> {
    table.column_by_name(name).unwrap().as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// Surge and days to renewal of each customer.
fn figures(company: &Company, run: &str) -> BTreeMap<String, [Option<f32>; 2]> {
    let features = table(company, run, "features/scoring");
    let [surge, renewal] =
        ["usage_traffic_gb_surge_30d", "holdings_days_to_renewal"].map(|name| numbers(&features, name));
    assert!(features.column_by_name("customer").unwrap().as_primitive::<UInt32Type>().len() > 100);
    let ids = words(&table(company, run, "decisions"), "customer_id");
    ids.into_iter().zip(surge.into_iter().zip(renewal).map(|(a, b)| [a, b])).collect()
}

/// The month of the day so many days after 2026-10-01.
fn month_of(days: f32) -> &'static str {
    let months = [
        ("October", 31),
        ("November", 30),
        ("December", 31),
        ("January", 31),
        ("February", 28),
        ("March", 31),
        ("April", 30),
        ("May", 31),
        ("June", 30),
        ("July", 31),
        ("August", 31),
        ("September", 30),
    ];
    let mut left = days.floor() as i32;
    for (at, (name, length)) in months.iter().cycle().enumerate() {
        // 2028 has a February of 29 days.
        left -= if at == 16 { 29 } else { *length };
        if left < 0 {
            return name;
        }
    }
    unreachable!("months go on")
}

#[test]
fn every_text_has_the_figures_of_its_own_customer() {
    let company = company(TEXTS);
    let run = run(&company, &["--overlay", OVERLAY]);
    let figures = figures(&company, &run);
    let (mut with_cause, mut calm, mut plain) = (0, 0, 0);
    for name in ["offers", "shadow"] {
        let offers = table(&company, &run, name);
        let (ids, keys, families) = (words(&offers, "customer_id"), words(&offers, "offer"), words(&offers, "family"));
        let (en, ja, triggers) =
            (texts(&offers, "benefit_en"), texts(&offers, "benefit_ja"), texts(&offers, "trigger"));
        for row in 0..ids.len() {
            let [surge, renewal] = figures[&ids[row]];
            let (en, ja) = (en[row].as_deref().unwrap(), ja[row].as_deref().unwrap());
            let is_calm =
                surge.is_some_and(|surge| f64::from(surge) <= 1.2) && ["line", "tv"].contains(&families[row].as_str());
            if triggers[row].is_some() {
                let surge = surge.unwrap();
                assert!(f64::from(surge) > 1.2 && families[row] == "line");
                let ratio = format!("{surge:.1}");
                assert!(
                    en.starts_with(&format!("You use more: data used over the last 30 days is {ratio} times")),
                    "{en}"
                );
                assert!(en.ends_with("helps until October 8, 2026."), "{en}");
                assert_eq!(ja, format!("直近30日間の data used がその前の期間の{ratio}倍になっている状況です。"));
                with_cause += 1;
            } else if is_calm && renewal.is_some() {
                let expected = format!("{{calm}} {:.1}x, renewal in {}", surge.unwrap(), month_of(renewal.unwrap()));
                assert_eq!(en, expected);
                assert!(ja.starts_with("ご契約に合う"), "{ja}");
                calm += 1;
            } else {
                assert_eq!(en, "Fits what you have.", "{} {}", ids[row], keys[row]);
                plain += 1;
            }
            assert!(!en.contains("NaN") && !ja.contains("NaN") && !ja.contains('{'));
        }
    }
    assert!(with_cause > 0 && calm > 0 && plain > 0, "{with_cause} {calm} {plain}");
    let summary: Value =
        serde_json::from_slice(&fs::read(company.path(&format!("{run}/summary.json"))).unwrap()).unwrap();
    let rows = table(&company, &run, "offers").num_rows();
    assert_eq!(summary["decisions"]["benefit_texts"]["en"], rows);
}

/// What `check` says of an overlay with one text.
fn refusal(benefit: &str) -> String {
    let company =
        company(&format!("[sources.customers]\nrestricted = [\"birth_year\"]\n\n[[offers.benefit]]\n{benefit}\n"));
    let output = company.osusume(&["check", PIPELINE, "--as-of", AS_OF, "--overlay", OVERLAY]);
    assert!(!output.status.success(), "{benefit}");
    text(&output.stderr) + &text(&output.stdout)
}

#[test]
fn what_cannot_be_said_is_refused_with_the_names_there_are() {
    let cases = [
        ("en = \"{usage_traffic_gb_surge_30:ratio}\"", "E2006", "usage_traffic_gb_surge_30d"),
        ("en = \"{product_nam}\"", "E2006", "product_name"),
        ("en = \"{customers_birth_year}\"", "E2004", "sources.customers.restricted"),
        ("en = \"old\"\nwhen = \"customers_birth_year < 1960\"", "E2004", "sources.customers.restricted"),
        ("ja = \"{usage_traffic_gb_surge_30d:money}\"", "E2004", "usage_traffic_gb_surge_30d:ratio"),
        ("ja = \"{usage_traffic_gb_surge_30d\"", "E2017", "{{"),
        ("ja = \"{usage_traffic_gb_surge_30d:often}\"", "E2017", "percent"),
        ("en = \"x\"\noffers = [\"lines\"]", "E2006", "line"),
        ("en = \"x\"\ntrigger = \"busy\"", "E2006", "busy"),
        ("offers = [\"line\"]", "E2005", "offers.benefit[0].en"),
        ("en = \"x\"\nwhen = \"usage_traffic_gb_surge_30d\"", "E2017", "a > b"),
    ];
    for (benefit, code, told) in cases {
        let said = refusal(benefit);
        assert!(said.contains(code) && said.contains(told), "{benefit}: {said}");
    }
}

#[test]
fn a_pipeline_without_texts_has_empty_columns() {
    let company = Company::new();
    let run = run(&company, &[]);
    let offers = table(&company, &run, "offers");
    for name in ["benefit_en", "benefit_ja"] {
        assert_eq!(offers.column_by_name(name).unwrap().null_count(), offers.num_rows());
    }
    let summary = fs::read_to_string(company.path(&format!("{run}/summary.json"))).unwrap();
    assert!(!summary.contains("benefit_texts"));
}
