//! `train.model = "additive"`: curves instead of lines, through scores, reasons, `why` and the page.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use super::support::{AS_OF, Company, files_below};

const SETTINGS: [&str; 4] = ["--set", "train.model=additive", "--set", "train.min_positives=10"];

fn run(company: &Company, extra: &[&str]) -> Vec<(String, Vec<u8>)> {
    let run = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet"];
    company.succeed(&[&run[..], &SETTINGS, extra].concat());
    let mut files = files_below(&company.path("runs"));
    files.extend(files_below(&company.path("out")));
    files.retain(|(name, _)| !name.ends_with("timings.json") && !name.ends_with("LOCK"));
    files
}

/// The model files of offers with a model of their own.
fn models(files: &[(String, Vec<u8>)]) -> Vec<Value> {
    let files = files.iter().filter(|(name, _)| name.contains("/models/"));
    let models = files.map(|(_, bytes)| serde_json::from_slice::<Value>(bytes).unwrap());
    models.filter(|model| model["basis"] == "model").collect()
}

#[test]
fn a_run_of_curves_is_written_scored_and_told_whatever_the_threads() {
    let company = Company::new();
    company.edit("pipelines/isp.toml", |pipeline| pipeline.replace("salesforce-bulk2", "csv"));
    let files = run(&company, &["--threads", "1"]);
    let models = models(&files);
    assert!(models.len() > 3, "most offers have a model of their own");
    let features = |model: &Value| -> Vec<String> {
        let curves = model["model"]["curves"].as_array().unwrap().iter();
        curves.map(|curve| curve["feature"].as_str().unwrap().to_owned()).collect()
    };
    for model in &models {
        assert_eq!(model["format_version"], 2);
        assert_eq!(features(model), features(&models[0]), "offers share their terms");
        for curve in model["model"]["curves"].as_array().unwrap() {
            let numbers = |key: &str| -> Vec<f64> {
                curve[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
            };
            let (effects, shares) = (numbers("effects"), numbers("shares"));
            let mean: f64 = effects.iter().zip(&shares).map(|(effect, share)| effect * share).sum();
            assert!(mean.abs() < 1e-9 && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{curve}");
        }
    }
    // Every offer delivered is explained as it was delivered.
    let table = fs::read_to_string(company.path("out/isp-offers.csv")).unwrap();
    let header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let of_models: Vec<&Vec<&str>> = rows.iter().filter(|row| row[at("basis")] == "model").collect();
    assert!(!of_models.is_empty());
    for row in of_models.iter().step_by(of_models.len().div_ceil(5)) {
        let why = company.succeed(&["why", row[at("customer_id")], "--output", "json"]);
        let why: Value = serde_json::from_str(&why).unwrap();
        let offer = why["offers"].as_array().unwrap().iter().find(|offer| offer["offer"] == row[at("offer")]).unwrap();
        assert_eq!(offer["fate"], "chosen");
        assert_eq!(format!("{:.6}", offer["propensity"].as_f64().unwrap()), row[at("propensity")]);
        for place in 0..3 {
            let code = offer["reasons"][place]["code"].as_str().unwrap_or_default();
            assert_eq!(code, row[at(&format!("reason_{}", place + 1))]);
        }
    }
    // Other resources, the same bytes.
    for extra in [["--threads", "3"], ["--memory", "256MiB"]] {
        let other = Company::new();
        other.edit("pipelines/isp.toml", |pipeline| pipeline.replace("salesforce-bulk2", "csv"));
        assert!(run(&other, &extra) == files, "{extra:?}");
    }
}

/// In a cross-section no curve of an offer's own family moves its model, bent or not.
#[test]
fn what_is_withheld_has_no_curve() {
    let company = Company::new();
    let mut table = "id,age,bill,loan,card\n".to_owned();
    for customer in 0..1_500_u32 {
        let age = 20 + customer * 7 % 50;
        // The middle-aged hold a loan, the young and the old a card, and the bill tells of the card.
        let loan = customer % 10 < if (35..55).contains(&age) { 6 } else { 2 };
        let card = customer / 10 % 10 < if (35..55).contains(&age) { 2 } else { 6 };
        let word = |holds: bool| if holds { "yes" } else { "no" };
        let bill = if card { 40 + customer % 3 } else { 20 + customer % 5 };
        writeln!(table, "K{customer},{age},{bill},{},{}", word(loan), word(card)).unwrap();
    }
    fs::write(company.path("data/bank.csv"), table).unwrap();
    fs::write(company.path("data/goods.csv"), "code,family,tier,margin\nloan,loan,1,9\ncard,card,1,2\n").unwrap();
    fs::write(company.path("pipelines/bank.toml"), BANK).unwrap();
    company.succeed(&["run", "pipelines/bank.toml", "--as-of", "2026-10-01"]);
    let files = files_below(&company.path("runs/bank"));
    let models = models(&files);
    assert_eq!(models.len(), 2);
    for model in &models {
        let largest = |feature: &str| {
            let curves = model["model"]["curves"].as_array().unwrap();
            let curve = curves.iter().find(|curve| curve["feature"] == feature)?;
            let effects = curve["effects"].as_array().unwrap().iter().map(|effect| effect.as_f64().unwrap().abs());
            Some(effects.fold(0.0, f64::max))
        };
        let withheld = model["withheld"].as_array().unwrap();
        assert!(withheld.iter().all(|feature| largest(feature.as_str().unwrap()).is_none_or(|effect| effect <= 0.0)));
        assert!(largest("customers_age").unwrap() > 0.3, "the bow in age is found: {model}");
        let auc = model["tests"][0]["auc"].as_f64().unwrap();
        assert!((0.6..0.95).contains(&auc), "{auc}");
    }
    let report = fs::read_to_string(company.path(&format!("runs/bank/{}", report(&files)))).unwrap();
    assert!(report.contains("class=\"strongest\"") && report.contains("class=\"curve\""), "what weighs most is drawn");
}

fn report(files: &[(String, Vec<u8>)]) -> &str {
    &files.iter().find(|(name, _)| name.ends_with("report.html")).unwrap().0
}

/// The reference solver and a fixed penalty fit curves as they fit lines.
#[test]
fn other_solvers_and_penalties_fit_curves_too() {
    let company = Company::new();
    for setting in ["train.penalty=0.001", "train.solver=linfa"] {
        let files = run(&company, &["--set", setting]);
        assert!(models(&files).len() > 3, "{setting}");
    }
}

const BANK: &str = r#"
[pipeline]
name = "bank"
time_zone = "UTC"
currency = "EUR"
purpose = "tests"
[sources.customers]
role = "customers"
path = "../data/bank.csv"
columns = { customer = "id" }
attributes = { age = "integer", bill = "integer" }
reveals = { bill = ["card"] }
[sources.held]
role = "cross_section"
path = "../data/bank.csv"
columns = { customer = "id" }
holds = { loan = { loan = "yes" }, card = { card = "yes" } }
[sources.goods]
role = "products"
path = "../data/goods.csv"
columns = { product = "code", family = "family", tier = "tier", margin = "margin" }
[offers.cross_sell]
families = ["loan", "card"]
[train]
model = "additive"
[decide]
consent = { required = false }
"#;
