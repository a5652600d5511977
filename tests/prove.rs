//! `osusume prove leakage`: what is proven of a sound company, how it is told, and that nothing is left behind.

use serde_json::Value;

use crate::support::{Company, OSUSUME, text};

/// Before the end of the tables, so that there is a future to take out.
const PAST: &str = "2026-06-26";
/// As few folds and dates as there may be: everything is built a dozen times.
const QUICK: [&str; 8] = [
    "--set",
    "train.folds=2",
    "--set",
    "train.min_positives=20",
    "--set",
    "train.as_of={every=\"1 month\",count=4}",
    "--as-of",
    PAST,
];

fn prove(company: &Company, more: &[&str]) -> (Option<i32>, String, String) {
    let output = company.osusume(&[&["prove", "leakage", "pipelines/isp.toml"], &QUICK[..], more].concat());
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_sound_company_is_proven_and_nothing_is_left() {
    let company = Company::new();
    let scratch = company.path("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let arguments = [&["prove", "leakage", "pipelines/isp.toml", "--output", "json"], &QUICK[..]].concat();
    let output = company.command(&arguments).env("TMPDIR", &scratch).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let proof: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!((&proof["type"], &proof["proven"]), (&Value::from("proof"), &Value::from(true)));
    let rebuilds = proof["proof"]["rebuilds"].as_array().unwrap();
    let done: Vec<&str> = rebuilds.iter().map(|rebuild| rebuild["disturbance"].as_str().unwrap()).collect();
    let at_dates = ["deleted", "replaced"].repeat(3);
    assert_eq!(done, [&["copied", "shuffled", "deleted", "changed", "added"], at_dates.as_slice()].concat());
    for rebuild in rebuilds {
        let rows: u64 = rebuild["rows"].as_array().unwrap().iter().map(|of| of[1].as_u64().unwrap()).sum();
        assert!(rows > 1000 && rebuild["compared"].as_u64().unwrap() > 15, "something was disturbed: {rebuild}");
        assert_eq!(rebuild["is_same"], Value::from(true));
    }
    let limits = proof["proof"]["limits"].as_array().unwrap();
    assert!(limits.iter().any(|limit| limit["source"] == "customers" && limit["kind"] == "undated"));
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "the scratch directory is removed");
    assert!(!company.path("runs").exists() && !company.path("out").exists(), "nothing is published or delivered");
}

/// Recipes that have to be asked for, and limits: what they learn and look back on is nothing of the future either.
#[test]
fn recipes_that_are_asked_for_are_proven_too() {
    let company = Company::new();
    let recipes = r#"
[features]
recipes = ["recency", "frequency", "money", "tenure", "holding", "night", "weekend", "season"]

[features.utilisation]
source = "usage"
depth = "traffic_gb"

[[features.quota]]
name = "data"
source = "usage"
kind = "traffic_gb"
limit = "area_block"
period = "month"

[[features.quota]]
name = "evening"
source = "usage"
kind = "traffic_gb"
limit = "area_block"
"#;
    std::fs::write(company.path("recipes.toml"), recipes).unwrap();
    let (code, page, errors) = prove(&company, &["--overlay", "recipes.toml"]);
    assert_eq!(code, Some(0), "{page}{errors}");
}

#[test]
fn without_a_date_nothing_is_begun() {
    let output = Company::new().osusume(&["prove", "leakage", "pipelines/isp.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("E2007"));
}

#[test]
fn a_deadline_ends_the_proof() {
    let company = Company::new();
    let arguments =
        [&["prove", "leakage", "pipelines/isp.toml", "--deadline", "1", "--threads", "1"], &QUICK[..]].concat();
    let output = company.command(&arguments).env("TMPDIR", company.path("")).output().unwrap();
    // A fast machine may be done before.
    if output.status.code() != Some(0) {
        assert_eq!(output.status.code(), Some(14), "{}", text(&output.stderr));
    }
    let left = std::fs::read_dir(company.path("")).unwrap();
    assert!(left.flatten().all(|entry| !entry.file_name().to_string_lossy().starts_with("osusume-prove")));
}

#[test]
fn a_person_reads_it_in_either_language() {
    let company = Company::new();
    let (code, page, _) = prove(&company, &["--language", "ja", "--quiet"]);
    assert_eq!((code, page.as_str()), (Some(0), ""), "quiet says only what went wrong");
}

/// `welcome_gift_on` is filled in when the gift for a new line is sent. The pipeline file leaves it out on purpose.
#[test]
fn a_column_filled_in_after_the_outcome_is_named() {
    let root = osusume_testkit::repository_root();
    let attribute = "sources.customers.attributes.welcome_gift_on=\"category\"";
    let run = |more: &[&str]| {
        let arguments = ["prove", "leakage", "pipelines/isp.toml", "--as-of", "2026-10-01", "--only", "tables"];
        let mut command = std::process::Command::new(OSUSUME);
        let output = command.args([&arguments[..], more].concat()).current_dir(&root).env_clear().output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, page, errors) = run(&["--set", attribute]);
    assert_eq!(code, Some(16), "{page}{errors}");
    assert!(errors.contains("error[E4032]") && errors.contains("customers_welcome_gift_on"), "{errors}");
    assert!(page.contains("gift_on is there tells the takers of line_1"), "{page}");
    // Who looked into it says so, and why; it is told, and ends nothing. What no sign answers to is told too.
    let known =
        |column: &str| format!("prove.known=[{{source=\"customers\",column=\"{column}\",because=\"sent on order\"}}]");
    let told = known("customers_welcome_gift_on");
    let (code, page, errors) = run(&["--set", attribute, "--set", &told]);
    assert_eq!(code, Some(0), "{page}{errors}");
    assert!(
        page.contains("tells the takers of line_1") && page.contains("known, as the pipeline file says: sent on order"),
        "{page}"
    );
    let (code, page, _) = run(&["--set", attribute, "--set", &known("joined")]);
    assert_eq!(code, Some(16));
    assert!(page.contains("no sign answers to `prove.known[0]`"), "{page}");
    let (code, _, errors) = run(&["--set", "prove.known=[{source=\"custmers\",sign=\"order\",because=\"x\"}]"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("prove.known[0].source") && errors.contains("customers"), "{errors}");
    let (code, _, errors) = run(&["--set", "prove.known=[{source=\"customers\",because=\"x\"}]"]);
    assert!(code == Some(2) && errors.contains("prove.known[0].column"), "a whole source is too much: {errors}");
    let (code, page, errors) = run(&[]);
    assert_eq!(code, Some(0), "{page}{errors}");
    assert!(page.contains("asked what they know of the takes of line_1g, line_10g"), "{page}");
}
