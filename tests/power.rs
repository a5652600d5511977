//! How large a holdout is, what it can show, and that it never shrinks by itself.

use std::fs;

use osusume_testkit::{check_golden, repository_root};
use serde_json::Value;

use super::support::{AS_OF, BEFORE, Company, decisions, names, text};

const PIPELINE: &str = "pipelines/isp.toml";

fn run(company: &Company, as_of: &str, more: &[&str]) -> (String, Value) {
    let settings = more.iter().flat_map(|set| ["--set", set]).collect::<Vec<_>>();
    let arguments = ["run", PIPELINE, "--as-of", as_of, "--no-export", "--quiet"];
    company.succeed(&[&arguments[..], &settings].concat());
    let run = names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(as_of)).unwrap();
    let summary = fs::read(company.path(&format!("runs/isp/{run}/summary.json"))).unwrap();
    (run, serde_json::from_slice::<Value>(&summary).unwrap()["decisions"].clone())
}

fn held_out(company: &Company, run: &str) -> Vec<String> {
    let found = decisions(company, run).into_iter().filter(|(_, (arm, _))| arm == "holdout");
    found.map(|(customer, _)| customer).collect()
}

#[test]
fn an_automatic_holdout_grows_and_never_shrinks() {
    let company = Company::new();
    let auto = "decide.holdout.fraction=\"auto\"";
    // So small a company cannot show a tenth more takes: as many as the file allows.
    let (first, told) = run(&company, BEFORE, &[auto, "decide.holdout.at_most=0.15"]);
    assert_eq!(told["holdout_fraction"], 0.15);
    let power = &told["power"];
    let number = |name: &str| power[name].as_f64().unwrap();
    let (b, n, f) = (number("base_rate"), number("customers"), number("holdout_fraction"));
    assert!(b > 0.0 && (f - 0.15).abs() < 1e-12 && (number("detect") - 0.1).abs() < 1e-12);
    // What one run shows solves the formula of the reference, and the months follow from it.
    let z = 1.959_963_985 + 0.841_621_234;
    let needed = |d: f64| z * z * (b * (1.0 - b) / f + (b + d) * (1.0 - b - d) / (1.0 - f)) / (d * d);
    assert!((needed(number("detectable")) / n - 1.0).abs() < 1e-6);
    let days = (needed(0.1 * b) / n).ceil() * 60.0;
    let months = number("months") * 365.25 / 12.0 - days;
    assert!((0.0..=60.0).contains(&months), "{months} days for gap and kept");
    // A file that asks for less does not let anybody back, one that allows more only adds.
    let (second, told) = run(&company, "2026-09-15", &[auto, "decide.holdout.at_most=0.05"]);
    assert_eq!(told["holdout_fraction"], 0.15);
    let (third, told) = run(&company, AS_OF, &[auto, "decide.holdout.at_most=0.3"]);
    assert_eq!(told["holdout_fraction"], 0.3);
    let [first, second, third] = [first, second, third].map(|run| held_out(&company, &run));
    let known = |customer: &&String| third.contains(customer) || !second.contains(customer);
    assert!(!first.is_empty() && third.len() > second.len());
    assert!(second.iter().filter(|customer| third.contains(customer)).count() + 3 > second.len());
    assert!(first.iter().all(|customer| known(&customer)));
    // The same run again is the one that is there: it follows from earlier dates alone.
    let settings = ["--set", auto, "--set", "decide.holdout.at_most=0.3"];
    let arguments = ["run", PIPELINE, "--as-of", AS_OF, "--no-export", "--output", "json"];
    let again = company.succeed(&[&arguments[..], &settings].concat());
    assert!(again.contains("already_published"), "{again}");
    for (language, words) in [("en", "10 % more takes show in about"), ("ja", "成約が10%増える効果は約")] {
        let page = company.succeed(&[&["check", PIPELINE, "--language", language][..], &settings].concat());
        assert!(page.contains(words), "{page}");
    }
    let checked = company.succeed(&[&["check", PIPELINE, "--output", "json"][..], &settings].concat());
    let checked: Value = serde_json::from_str(&checked).unwrap();
    assert_eq!(checked["holdout"]["holdout_fraction"], 0.3);
    assert_eq!(checked["holdout"]["base_rate"], told["power"]["base_rate"]);
}

#[test]
fn holdouts_that_cannot_be_are_refused() {
    let company = Company::new();
    let mut all = String::new();
    for set in [
        "decide.holdout.fraction=\"some\"",
        "decide.holdout.fraction=-0.1",
        "decide.holdout.detect=0",
        "decide.holdout.at_most=0.9",
    ] {
        for language in ["en", "ja"] {
            let output = company.osusume(&["check", PIPELINE, "--language", language, "--set", set]);
            assert_eq!(output.status.code(), Some(2));
            all.push_str(&text(&output.stderr));
        }
    }
    check_golden(&repository_root().join("tests/golden/holdout_refused.txt"), &all);
}
