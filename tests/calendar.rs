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
