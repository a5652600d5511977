//! `osusume demo`: the whole circle, from tables to what the offers earned.

use super::support::{Company, names, text};

#[test]
fn the_circle_closes_and_says_where_to_look() {
    let company = Company::new();
    let said = company.succeed(&["demo", "isp", "--customers", "600", "--out", "demo"]);
    for part in [
        "== 1. a company of 600 customers",
        "== 2. the run",
        "published 2026-10-01-001-",
        "== 3.",
        "2027-01-27",
        "== 4.",
        "== where to look",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for path in said
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("demo/") && word.contains('.')))
    {
        assert!(company.path(path.trim_end_matches([':', ',', '`'])).exists(), "{path}");
    }
    assert!(names(&company.path("demo")).contains(&"evaluations".to_owned()));
    let pipeline = std::fs::read_to_string(company.path("demo/pipelines/isp.toml")).unwrap();
    assert!(pipeline.contains("holdout = { fraction = 0.3,"), "the demo's own holdout");
    let contacts = std::fs::read_to_string(company.path("demo/data/isp/contacts.csv")).unwrap();
    assert!(
        contacts.lines().any(|line| line.contains(",2026-10-0") && line.contains(",targeted,")),
        "offers were sent"
    );
    let again = company.osusume(&["demo", "isp", "--out", "demo"]);
    assert_eq!(again.status.code(), Some(14));
    assert!(text(&again.stderr).contains("not empty"), "{}", text(&again.stderr));
}

/// Every other business closes the circle, too, and what its pipeline asks of the tables is there.
#[test]
fn every_business_has_a_demo() {
    let company = Company::new();
    for (name, customers) in [
        ("saas", 500),
        ("storage", 500),
        ("music", 500),
        ("mobile", 500),
        ("store", 500),
        ("cosmetics", 500),
        ("fanclub", 500),
        ("contacts", 300),
        ("restaurant", 500),
    ] {
        let number = customers.to_string();
        let said = company.succeed(&["demo", name, "--customers", &number, "--out", name]);
        for part in
            [&format!("== 1. a company of {number} customers"), "== where to look", &format!("{name}-offers.csv")]
        {
            assert!(said.contains(part), "{name}: {part}: {said}");
        }
        let pipeline = format!("{name}/pipelines/{name}.toml");
        let shown: serde_json::Value =
            serde_json::from_str(&company.succeed(&["runs", "show", &pipeline, "--output", "json"])).unwrap();
        let summary = shown.to_string();
        assert!(!summary.contains("E4013") && !summary.contains("E4016"), "{name}: {summary}");
        let why = company.succeed(&["why", "C000000064", &format!("{name}/runs/{name}")]);
        assert!(why.contains("as of 2026-10-01"), "{name}: {why}");
        let contacts = std::fs::read_to_string(company.path(&format!("{name}/data/{name}/contacts.csv"))).unwrap();
        let is_sent = contacts.lines().any(|line| line.contains(",2026-10-0") && line.contains(",targeted,"));
        // So few draws may say that a contact adds nothing; then nobody is offered anything, and the run says so.
        let rows =
            shown["summary"]["offers"].as_array().unwrap().iter().map(|offer| offer["offered"].as_u64().unwrap());
        assert_eq!(is_sent, rows.sum::<u64>() > 0, "{name}: what is offered is sent");
    }
}
