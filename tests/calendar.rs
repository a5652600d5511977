//! Times that are not what they seem, each with its verdict: what counts, what is set aside, what is said, what ends a run.

use serde_json::Value;

use super::support::{AS_OF, Company, text};

/// What `check` says of the company, and how it ended.
fn check(company: &Company, more: &[&str]) -> (Value, String, Option<i32>) {
    let fixed = ["check", "pipelines/isp.toml", "--as-of", AS_OF, "--output", "json"];
    let output = company.osusume(&[&fixed[..], more].concat());
    (serde_json::from_slice(&output.stdout).unwrap_or_default(), text(&output.stderr), output.status.code())
}

/// A table with another value in one column, row by row.
fn with_column(csv: &str, column: usize, value: impl Fn(usize, &str) -> String) -> String {
    let (header, rows) = csv.split_once('\n').unwrap();
    rows.lines().enumerate().fold(format!("{header}\n"), |text, (row, line)| {
        let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        fields[column] = value(row, &fields[column]);
        text + &fields.join(",") + "\n"
    })
}

#[test]
fn a_table_loaded_again_every_night_is_not_believed() {
    let company = Company::new();
    company.edit("data/isp/contacts.csv", |csv| with_column(csv, 7, |_, _| "2026-09-29T17:00:00Z".to_owned()));
    let (found, said, code) = check(&company, &[]);
    assert_eq!(code, Some(10), "{said}");
    assert!(said.contains("E4016") && said.contains("`contacts`"), "{said}");
    assert_eq!(found["ready"], false);
    // A scheduled run goes on and says it.
    let run = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export"];
    let output = company.osusume(&run);
    assert!(output.status.success() && text(&output.stderr).contains("warning[E4016]"), "{}", text(&output.stderr));
}

#[test]
fn a_sixth_of_late_rows_is_believed() {
    let company = Company::new();
    let late = |row: usize, arrived: &str| {
        if row.is_multiple_of(6) { "2026-09-29T17:00:00Z".to_owned() } else { arrived.to_owned() }
    };
    company.edit("data/isp/contacts.csv", |csv| with_column(csv, 7, late));
    let (found, said, code) = check(&company, &[]);
    assert_eq!((code, &found["ready"]), (Some(0), &Value::Bool(true)), "{said}");
}

#[test]
fn many_rows_before_joining_are_said() {
    let company = Company::new();
    company.edit("data/isp/customers.csv", |csv| with_column(csv, 2, |_, _| "2026-09-20".to_owned()));
    let output = company.osusume(&["check", "pipelines/isp.toml", "--as-of", AS_OF]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for source in ["contacts", "holdings", "tickets", "usage"] {
        assert!(said.contains("E4017") && said.contains(&format!("`{source}` happened before")), "{source}: {said}");
    }
}

#[test]
fn a_source_that_lost_half_its_rows_is_refused() {
    let company = Company::with_run();
    let half = |csv: &str| {
        let rows: Vec<&str> = csv.lines().collect();
        rows[..rows.len() * 2 / 5].join("\n") + "\n"
    };
    company.edit("data/isp/consents.csv", half);
    let before = company.published();
    let run = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export", "--quiet"];
    let output = company.osusume(&run);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(10) && said.contains("E4018") && said.contains("`consents`"), "{said}");
    assert_eq!(company.published(), before);
    company.succeed(&[&run[..], &["--set", "quality.max_shrink=1"]].concat());
}

#[test]
fn nothing_new_is_said() {
    let company = Company::with_run();
    let said = |as_of: &str| {
        let output = company.osusume(&["run", "pipelines/isp.toml", "--as-of", as_of, "--no-export"]);
        assert!(output.status.success());
        text(&output.stderr)
    };
    assert!(said(AS_OF).contains("warning[E4019]"));
    company.edit("data/isp/tickets.csv", |csv| csv.lines().take(200).collect::<Vec<_>>().join("\n") + "\n");
    let again = company.osusume(&[
        "run",
        "pipelines/isp.toml",
        "--as-of",
        AS_OF,
        "--set",
        "quality.max_shrink=1",
        "--no-export",
    ]);
    assert!(again.status.success() && !text(&again.stderr).contains("E4019"), "{}", text(&again.stderr));
}
