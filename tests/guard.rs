//! Whom the offers reach: the audit by group, counted once more from the published tables; and what the guard keeps from models.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::support::{AS_OF, Company, text};
use super::timing::{run, table, words};

const PIPELINE: &str = "pipelines/isp.toml";
const OVERLAY: &str = "pipelines/guard.toml";

const GUARD: &str = r#"
[decide]
value = "taking"

[sources.customers]
restricted = ["birth_year", "prefecture"]

[guard]
groups = ["birth_year", "prefecture"]
bands = { birth_year = [1955, 1975, 1990] }

# Some get nothing, so that groups differ.
[[decide.rule]]
name = "some"
layer = "applicability"
when = "customers_payment_day <= 15"

[[decide.rule]]
name = "elderly"
layer = "suitability"
offers = ["security", "line_10g"]
when = "customers_birth_year <= 1955"
reason_en = "not sold to customers past seventy"
"#;

fn company(overlay: &str) -> Company {
    let company = Company::new();
    fs::write(company.path(OVERLAY), overlay).unwrap();
    company
}

fn json(company: &Company, path: &str) -> Value {
    serde_json::from_slice(&fs::read(company.path(path)).unwrap()).unwrap()
}

/// Birth year and prefecture, by customer.
fn people(company: &Company) -> BTreeMap<String, (Option<i32>, String)> {
    let text = fs::read_to_string(company.path("data/isp/customers.csv")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].to_owned(), (cells[4].parse().ok(), cells[6].to_owned()))
    };
    text.lines().skip(1).map(row).collect()
}

fn band(year: Option<i32>) -> &'static str {
    match year {
        None => "",
        Some(..1955) => "< 1955",
        Some(1955..1975) => "1955 – < 1975",
        Some(1975..1990) => "1975 – < 1990",
        Some(_) => "≥ 1990",
    }
}

#[test]
fn the_audit_is_what_the_offer_table_says_and_shows_no_small_count() {
    let company = company(GUARD);
    let run = run(&company, &["--overlay", OVERLAY]);
    let people = people(&company);
    let decisions = table(&company, &run, "decisions");
    let arms = words(&decisions, "arm");
    let offered: Vec<String> = words(&table(&company, &run, "offers"), "customer_id");
    // Customers outside the holdout, and those of them with an offer.
    let mut counted: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    let mut all = [0, 0];
    for (id, _) in words(&decisions, "customer_id").iter().zip(&arms).filter(|(_, arm)| *arm != "holdout") {
        let has_offer = u64::from(offered.contains(id));
        for counts in [counted.entry(band(people[id].0)).or_default(), &mut all] {
            counts[0] += 1;
            counts[1] += has_offer;
        }
    }
    let summary = json(&company, &format!("{run}/summary.json"));
    let audits = summary["guard"].as_array().unwrap();
    assert_eq!(audits.len(), 2);
    let birth = &audits[0];
    assert_eq!((birth["attribute"].as_str(), birth["is_restricted"].as_bool()), (Some("birth_year"), Some(true)));
    assert_eq!(birth["everybody"]["customers"], all[0]);
    assert_eq!(birth["everybody"]["with_offer"], all[1]);
    let mut shown = 0;
    for group in birth["groups"].as_array().unwrap().iter().filter(|group| group["kind"] == "group") {
        let [customers, with_offer] = counted[group["group"].as_str().unwrap()];
        assert_eq!(group["customers"], customers, "{group}");
        let Some(told) = group["with_offer"].as_u64() else { continue };
        assert_eq!(told, with_offer, "{group}");
        let share = with_offer as f64 / customers as f64;
        let told = |key: &str, at: usize| group[key][at].as_f64().unwrap();
        assert!((told("offer_share", 0) - share).abs() < 1e-3);
        assert!(told("offer_share", 1) <= share && share <= told("offer_share", 2));
        let ratio = share / (all[1] as f64 / all[0] as f64);
        assert!((told("ratio", 0) - ratio).abs() < 0.01 * ratio.max(1.0), "{group}");
        shown += 1;
    }
    assert!(shown >= 3, "{birth}");
    for audit in audits {
        let groups = audit["groups"].as_array().unwrap();
        for group in groups.iter().chain([&audit["everybody"]]) {
            for key in ["customers", "eligible", "with_offer", "takes"] {
                assert!(!matches!(group[key].as_u64(), Some(1..=9)), "{key} {group}");
            }
            if let (Some(all), Some(part)) = (group["customers"].as_u64(), group["with_offer"].as_u64()) {
                assert!(!(1..=9).contains(&(all - part)), "{group}");
            }
        }
        let hidden = groups.iter().filter(|group| group["with_offer"].is_null()).count();
        assert!(hidden != 1, "one withheld count could be worked out: {audit}");
    }
    let page = fs::read_to_string(company.path(&format!("{run}/report.html"))).unwrap();
    assert!(page.contains("Whom the offers reach") && page.contains("which no model sees"));
    assert_eq!(json(&company, &format!("{run}/report.json"))["audits"], summary["guard"]);
}

#[test]
fn a_rule_may_read_what_no_model_sees() {
    let company = company(GUARD);
    let run = run(&company, &["--overlay", OVERLAY]);
    let people = people(&company);
    let decisions = table(&company, &run, "decisions");
    let removed = words(&decisions, "security").into_iter().zip(words(&decisions, "customer_id"));
    let elderly: Vec<String> = removed.filter(|(fate, _)| fate == "rule:elderly").map(|(_, id)| id).collect();
    assert!(!elderly.is_empty());
    assert!(elderly.iter().all(|id| people[id].0.is_some_and(|year| year <= 1955)));
    let schema = table(&company, &run, "features/scoring").schema();
    for header in ["birth_year", "prefecture"] {
        assert!(schema.fields().iter().all(|field| !field.name().contains(header)), "{header}");
        for (path, bytes) in super::support::files_below(&company.path(&format!("{run}/models"))) {
            assert!(!String::from_utf8_lossy(&bytes).contains(header), "{path} {header}");
        }
    }
}

#[test]
fn without_groups_nothing_is_told_and_the_offers_are_the_same() {
    let company = company(GUARD);
    let with = run(&company, &["--overlay", OVERLAY]);
    let offers = fs::read(company.path(&format!("{with}/offers.parquet"))).unwrap();
    fs::write(
        company.path(OVERLAY),
        GUARD.replace("groups = [\"birth_year\", \"prefecture\"]", "groups = []").replace("bands =", "#"),
    )
    .unwrap();
    let without = run(&company, &["--overlay", OVERLAY]);
    assert!(with != without);
    assert!(fs::read(company.path(&format!("{without}/offers.parquet"))).unwrap() == offers);
    assert!(json(&company, &format!("{without}/summary.json")).get("guard").is_none());
}

#[test]
fn groups_are_attributes_and_numbers_have_bands() {
    let cases = [
        ("groups = [\"birthyear\"]", "E2006", "birth_year"),
        ("groups = [\"birth_year\"]", "E2005", "guard.bands.birth_year"),
        ("groups = [\"prefecture\"]\nbands = { birth_year = [1955] }", "E2006", "guard.bands.birth_year"),
        ("groups = [\"birth_year\"]\nbands = { birth_year = [1955, 1955] }", "E2004", "guard.bands.birth_year"),
    ];
    for (guard, code, told) in cases {
        let company = company(&format!("[guard]\n{guard}\n"));
        let output = company.osusume(&["check", PIPELINE, "--as-of", AS_OF, "--overlay", OVERLAY]);
        let said = text(&output.stderr) + &text(&output.stdout);
        assert!(!output.status.success() && said.contains(code) && said.contains(told), "{guard}: {said}");
    }
}
