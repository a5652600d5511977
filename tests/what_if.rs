//! `osusume what-if`: what it foretells is what a run under that policy does.

use osusume_testkit::{check_golden, repository_root};
use serde_json::Value;

use super::support::{AS_OF, Company, names, text};

const PIPELINE: &str = "pipelines/isp.toml";
/// A policy that moves everything it can: fewer offers, a dearer contact, places for some.
const ASKED: [&str; 6] = [
    "--set",
    "decide.per_customer=1",
    "--set",
    "decide.min_value_minor=400",
    "--set",
    "decide.capacity=[{channel=\"telephone\",max=60},{offer=\"tv\",max=20}]",
];

fn run(company: &Company, more: &[&str]) -> String {
    let arguments = ["run", PIPELINE, "--as-of", AS_OF, "--no-export", "--quiet"];
    company.succeed(&[&arguments[..], more].concat());
    names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap()
}

fn what_if(company: &Company, more: &[&str]) -> Value {
    let arguments = ["what-if", PIPELINE, "--output", "json"];
    serde_json::from_str(&company.succeed(&[&arguments[..], more].concat())).unwrap()
}

fn summary(company: &Company, run: &str) -> Value {
    let text = std::fs::read_to_string(company.path(&format!("runs/isp/{run}/summary.json"))).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["decisions"].clone()
}

fn check_side(side: &Value, decisions: &Value) {
    assert_eq!(side["reached"], decisions["with_offer"]);
    assert_eq!(side["expected_value_minor"], decisions["expected_value_minor"]);
    assert_eq!(side["channels"], decisions["channels"]);
    assert_eq!(side["removed"], decisions["removed"]);
    assert_eq!(side["capacity"], decisions["capacity"]);
    let offers: Vec<Value> = side["offers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|offer| serde_json::json!([offer["offer"], offer["rows"]]))
        .collect();
    assert_eq!(Value::from(offers), decisions["offers"]);
}

#[test]
fn both_sides_are_what_runs_decide() {
    let company = Company::new();
    let before = run(&company, &[]);
    let found = what_if(&company, &ASKED);
    assert_eq!(found["run_id"].as_str(), Some(before.as_str()));
    let after = run(&company, &ASKED);
    assert_ne!(before, after);
    check_side(&found["now"], &summary(&company, &before));
    check_side(&found["then"], &summary(&company, &after));
    let moved = &found["moved"];
    let count = |name: &str| moved[name].as_u64().unwrap();
    assert!(count("another") + count("lost") > 0);
    let counts = summary(&company, &before);
    let outside = counts["customers"].as_u64().unwrap() - counts["holdout"].as_u64().unwrap();
    assert_eq!(["same", "another", "gained", "lost", "neither"].map(count).iter().sum::<u64>(), outside);
    // The other way round: of the newer run, with the first policy asked for.
    let back = what_if(&company, &[]);
    check_side(&back["now"], &summary(&company, &after));
    check_side(&back["then"], &summary(&company, &before));
}

#[test]
fn a_page_for_a_person() {
    let company = Company::new();
    run(&company, &[]);
    let page = company.succeed(&[&["what-if", PIPELINE], &ASKED[..]].concat());
    for words in ["decide.per_customer", "customers with an offer", "expected value", "what one place more would earn"]
    {
        assert!(page.contains(words), "{words}\n{page}");
    }
    let page = company.succeed(&[&["what-if", PIPELINE, "--language", "ja"], &ASKED[..]].concat());
    assert!(page.contains("期待価値"), "{page}");
    let page = company.succeed(&["what-if", PIPELINE]);
    assert!(page.contains("--set"), "{page}");
}

/// A run with everything that is drawn.
const DRAWN: [&str; 12] = [
    "--set",
    "decide.holdout.fraction=0.2",
    "--set",
    "decide.holdout.offers={fraction=0.1}",
    "--set",
    "decide.explore={fraction=0.3,among=3}",
    "--set",
    "decide.arms={propensity=0.2,random=0.2}",
    "--set",
    "decide.per_customer=2",
    "--set",
    "decide.capacity=[{channel=\"telephone\",max=60},{offer=\"tv\",max=20}]",
];

/// What is drawn under a policy is drawn under that policy, on either side; so what-if foretells runs that explore, too.
#[test]
fn whatever_is_drawn_is_foretold() {
    let company = Company::new();
    let before = run(&company, &DRAWN);
    let same = what_if(&company, &DRAWN);
    assert_eq!(same["now"], same["then"], "nothing was asked");
    assert_eq!(same["changed"].as_array().map(Vec::len), Some(0));
    check_side(&same["now"], &summary(&company, &before));
    let moved = |name: &str| same["moved"][name].as_u64().unwrap();
    assert_eq!(["another", "gained", "lost"].map(moved), [0, 0, 0]);
    // Fewer places leave fewer lots, a threshold other ones, and the arms a share of less.
    let asked = [
        "decide.capacity=[{channel=\"telephone\",max=40},{offer=\"tv\",max=10}]",
        "decide.min_value_minor=60",
        "decide.capacity=[{channel=\"telephone\",max=400}]",
    ];
    for asked in asked {
        let all = [&DRAWN[..], &["--set", asked]].concat();
        let found = what_if(&company, &all);
        let after = run(&company, &all);
        assert_ne!(found["now"], found["then"], "{asked}");
        check_side(&found["now"], &summary(&company, &before));
        check_side(&found["then"], &summary(&company, &after));
        std::fs::remove_dir_all(company.path("runs")).unwrap();
        assert_eq!(run(&company, &DRAWN), before);
    }
    // By another key others would explore than did.
    company.edit(PIPELINE, |pipeline| pipeline.replace("salt = \"isp-2026\"", "salt = \"another\""));
    let other = company.osusume(&[&["what-if", PIPELINE], &DRAWN[..]].concat());
    let said = text(&other.stderr);
    assert!(other.status.code() == Some(2) && said.contains("decide.holdout.salt"), "{said}");
}

#[test]
fn levers_that_were_settled_are_refused_and_why_is_said() {
    let company = Company::with_run();
    run(&company, &[]);
    let mut all = String::new();
    for set in [
        "decide.holdout.fraction=0.2",
        "decide.explore.fraction=0.1",
        "decide.arms={random=0.1}",
        "decide.response={tv=0.2}",
        "decide.believed_response.mean=0.3",
        "decide.channels=[\"mail\"]",
        "decide.contact_limit.outstanding=true",
        "decide.contact_limit.days=90",
    ] {
        for language in ["en", "ja"] {
            let output = company.osusume(&["what-if", PIPELINE, "--language", language, "--set", set]);
            assert_eq!(output.status.code(), Some(2), "{set}: {}", text(&output.stdout));
            all.push_str(&text(&output.stderr));
        }
    }
    check_golden(&repository_root().join("tests/golden/what_if_refused.txt"), &all);
    // Fewer days are within what the run looked at.
    what_if(&company, &["--set", "decide.contact_limit.days=20"]);
}

#[test]
fn what_needs_a_run_is_refused() {
    let company = Company::new();
    run(&company, &[]);
    for set in ["decide.holdout.fraction=0.2", "decide.channels=[\"mail\"]", "train.folds=3", "offers.gap_days=3"] {
        let key = set.split('=').next().unwrap();
        let output = company.osusume(&["what-if", PIPELINE, "--set", set]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains("E3016") && said.contains(key), "{said}");
    }
}
