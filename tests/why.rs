//! `osusume why`: what it tells is what was published.

use osusume_testkit::{check_golden, repository_root};
use serde_json::Value;

use super::support::{AS_OF, Company, text};

/// A company with a run whose offers were delivered as CSV.
fn company() -> Company {
    let company = Company::new();
    company.edit("pipelines/isp.toml", |pipeline| pipeline.replace("salesforce-bulk2", "csv"));
    // So small a company has few takes; some offers are to have models of their own.
    company.succeed(&["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet", "--set", "train.min_positives=10"]);
    company
}

/// The delivered offers: one map from header to cell a row.
fn delivered(company: &Company) -> Vec<Vec<(String, String)>> {
    let table = std::fs::read_to_string(company.path("out/isp-offers.csv")).unwrap();
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    // Sentences may hold commas; the columns looked at stand before them.
    lines.map(|line| header.iter().map(|h| (*h).to_owned()).zip(line.split(',').map(str::to_owned)).collect()).collect()
}

fn cell<'a>(row: &'a [(String, String)], name: &str) -> &'a str {
    &row.iter().find(|(header, _)| header == name).unwrap().1
}

fn why(company: &Company, customer: &str) -> Value {
    serde_json::from_str(&company.succeed(&["why", customer, "--output", "json"])).unwrap()
}

fn with_fate<'a>(why: &'a Value, fate: &str) -> Vec<&'a Value> {
    why["offers"].as_array().unwrap().iter().filter(|offer| offer["fate"] == fate).collect()
}

#[test]
fn what_was_delivered_is_what_is_explained() {
    let company = company();
    let rows = delivered(&company);
    assert!(rows.iter().any(|row| cell(row, "basis") == "model"), "models are explained too");
    let customers: Vec<&str> = rows.iter().step_by(rows.len() / 6).map(|row| cell(row, "customer_id")).collect();
    for customer in customers {
        let why = why(&company, customer);
        assert_eq!(why["arm"], "offer");
        let expected: Vec<_> = rows.iter().filter(|row| cell(row, "customer_id") == customer).collect();
        let chosen = with_fate(&why, "chosen");
        assert_eq!(chosen.len(), expected.len());
        for (offer, row) in chosen.iter().zip(&expected) {
            let text = |name: &str| offer[name].as_str().unwrap_or_default().to_owned();
            let number = |name: &str| offer[name].to_string();
            assert_eq!(number("rank"), cell(row, "rank"));
            for name in ["offer", "kind", "family", "channel", "basis"] {
                assert_eq!(text(name), cell(row, name));
            }
            assert_eq!(format!("{:.6}", offer["propensity"].as_f64().unwrap()), cell(row, "propensity"));
            for name in ["margin_minor", "expected_value_minor"] {
                assert_eq!(number(name), cell(row, name));
            }
            for place in 0..3 {
                let code = offer["reasons"][place]["code"].as_str().unwrap_or_default();
                assert_eq!(code, cell(row, &format!("reason_{}", place + 1)));
            }
        }
        for loser in with_fate(&why, "outranked") {
            let rival = chosen.iter().find(|offer| offer["offer"] == loser["won_by"]).unwrap();
            let value = |offer: &Value| offer["expected_value_minor"].as_i64().unwrap();
            assert_eq!(value(rival) - value(loser), loser["ahead_minor"].as_i64().unwrap());
        }
        for removed in with_fate(&why, "removed").into_iter().filter(|offer| offer["rule"] != "wear_out") {
            assert!(
                removed["rule"].is_string()
                    && removed["layer"].is_string()
                    && removed["expected_value_minor"].is_null()
            );
        }
    }
}

/// Everybody is an offer's customer, in the holdout, or nobody's customer: the three are told apart, and none fails.
#[test]
fn every_kind_of_customer_is_told() {
    let company = company();
    let rows = delivered(&company);
    let table = std::fs::read_to_string(company.path("data/isp/customers.csv")).unwrap();
    let ids = table.lines().skip(1).map(|line| line.split(',').next().unwrap());
    let without: Vec<&str> = ids.filter(|id| rows.iter().all(|row| cell(row, "customer_id") != *id)).take(25).collect();
    let arms: Vec<String> = without.iter().map(|id| why(&company, id)["arm"].as_str().unwrap().to_owned()).collect();
    for arm in ["offer", "holdout", "inactive"] {
        assert!(arms.iter().any(|found| found == arm), "{arm}: {arms:?}");
    }
}

#[test]
fn the_page_in_both_languages() {
    let company = company();
    let rows = delivered(&company);
    let customer = cell(&rows[0], "customer_id");
    for language in ["en", "ja"] {
        let page = company.succeed(&["why", customer, "--language", language]);
        let page = page.replace(&page[page.find("-001-").unwrap() + 5..][..8], "[config]");
        assert!(!page.contains(customer), "the page can be shown without saying whose it is");
        check_golden(&repository_root().join(format!("tests/golden/why.{language}.txt")), &page);
    }
}

#[test]
fn an_unknown_customer_is_not_named() {
    let company = Company::with_run();
    for language in ["en", "ja"] {
        let output = company.osusume(&["why", "C-nobody", "--language", language]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(!said.contains("nobody") && text(&output.stdout).is_empty());
        let said = said.replace(&said[said.find("-001-").unwrap() + 5..][..8], "[config]");
        check_golden(&repository_root().join(format!("tests/golden/why_nobody.{language}.txt")), &said);
    }
}

#[test]
fn runs_are_found_by_directory_by_name_and_by_pipeline() {
    let company = Company::with_run();
    let current = company.published().0;
    let run = current.split(' ').next().unwrap().to_owned();
    let table = std::fs::read_to_string(company.path("data/isp/customers.csv")).unwrap();
    let customer = table.lines().nth(1).unwrap().split(',').next().unwrap();
    let dir = format!("runs/isp/{run}");
    let expected = company.succeed(&["why", customer]);
    for arguments in [
        &["runs/isp"][..],
        &[&dir],
        &[&run],
        &["--pipeline", "pipelines/isp.toml"],
        &[&run, "--pipeline", "pipelines/isp.toml"],
    ] {
        assert_eq!(company.succeed(&[&["why", customer], arguments].concat()), expected, "{arguments:?}");
    }
    std::fs::create_dir_all(company.path("runs/other")).unwrap();
    std::fs::copy(company.path("runs/isp/CURRENT"), company.path("runs/other/CURRENT")).unwrap();
    let output = company.osusume(&["why", customer]);
    assert!(text(&output.stderr).starts_with("error[E3013]") && text(&output.stderr).contains("runs/other"));
    let output = company.osusume(&["why", customer, "runs/isp/2026-01-01-001-00000000"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("error[E3008]") || text(&output.stderr).starts_with("error[E3013]"));
}

/// Where decisions and their explanation disagree, nothing is explained.
#[test]
fn a_run_that_decided_otherwise_is_not_explained() {
    let company = Company::with_run();
    let current = company.published().0;
    let run = current.split(' ').next().unwrap();
    let dir = format!("runs/isp/{run}");
    std::fs::copy(company.path(&format!("{dir}/shadow.parquet")), company.path(&format!("{dir}/decisions.parquet")))
        .unwrap();
    let table = std::fs::read_to_string(company.path("data/isp/customers.csv")).unwrap();
    let codes: Vec<i32> = (1..12)
        .map(|line| {
            let customer = table.lines().nth(line).unwrap().split(',').next().unwrap();
            company.osusume(&["why", customer]).status.code().unwrap()
        })
        .collect();
    // Whoever was no customer has no decision that could disagree; who came later is not in the run at all.
    assert!(codes.iter().all(|code| [0, 2, 17].contains(code)) && codes.contains(&17), "{codes:?}");
}
