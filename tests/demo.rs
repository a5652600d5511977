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
        "2027-01-07",
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
