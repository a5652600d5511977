//! Times that are not what they seem, each with its verdict: what counts, what is set aside, what is said, what ends a run.

use std::fs;

use serde_json::Value;

use super::support::{AS_OF, Company, names, text};

/// What `check` says of the company, and how it ended.
fn check(company: &Company, more: &[&str]) -> (Value, String, Option<i32>) {
    check_of(company, AS_OF, more)
}

fn check_of(company: &Company, as_of: &str, more: &[&str]) -> (Value, String, Option<i32>) {
    let fixed = ["check", "pipelines/isp.toml", "--as-of", as_of, "--output", "json"];
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
    let (found, said, _) = check(&company, &[]);
    assert!(found["ready"] == false && said.contains("E4018"), "{said}");
    let (_, said, _) = check_of(&company, "2026-08-01", &["--set", "quality.max_shrink=1"]);
    assert!(said.contains("E3002") && !said.contains("E4018"), "{said}");
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
    let checked = company.succeed(&["check", "pipelines/isp.toml", "--as-of", AS_OF]);
    assert!(checked.contains("E4019"), "{checked}");
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

/// The numbers of a run of everybody, refusals or not.
fn summary(company: &Company, as_of: &str, dates: &str) -> Value {
    let set = ["--set", "train.include_opted_out=true", "--set", dates];
    company.succeed(&[&["run", "pipelines/isp.toml", "--as-of", as_of, "--no-export", "--quiet"][..], &set].concat());
    let runs = company.path("runs/isp");
    let run = names(&runs).into_iter().rev().find(|name| name.starts_with(as_of)).unwrap();
    serde_json::from_slice(&fs::read(runs.join(run).join("summary.json")).unwrap()).unwrap()
}

/// By offer, the rows that were eligible on the dates learned from.
fn eligible(summary: &Value) -> Vec<u64> {
    let labels = summary["offers"].as_array().unwrap().iter().map(|offer| &offer["labels"]);
    labels
        .map(|one| ["taken_in_gap", "negative", "positive"].iter().map(|key| one[key].as_u64().unwrap()).sum())
        .collect()
}

#[test]
fn labels_that_are_open_are_those_that_are_learned_from_later() {
    let company = Company::new();
    let early = summary(&company, "2026-07-01", "train.folds=3");
    let open = early["training"]["open_labels"].as_array().unwrap();
    let dates: Vec<&str> = open.iter().map(|open| open["as_of"].as_str().unwrap()).collect();
    assert_eq!(dates, ["2026-04-25", "2026-05-25", "2026-06-25"]);
    assert_eq!(open[0]["known_on"], "2026-07-31");
    let with = |more: &str| {
        let dates = format!("train.as_of=[2025-12-26,2026-01-26,2026-02-26{more}]");
        eligible(&summary(&company, AS_OF, &dates))
    };
    let (before, after) = (with(""), with(",2026-04-25"));
    let offers = early["offers"].as_array().unwrap().iter();
    let rows: Vec<u64> =
        offers.map(|offer| open[0]["rows"][offer["offer"].as_str().unwrap()].as_u64().unwrap()).collect();
    let later: Vec<u64> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
    assert_eq!(rows, later);
    assert!(rows.iter().sum::<u64>() > 1000, "{rows:?}");
}

/// A shop in New York; its purchases are two good rows and one odd one.
const SHOP: &str = r#"
[pipeline]
name = "odd"
time_zone = "America/New_York"
currency = "USD"
purpose = "odd rows"
as_of = 2026-06-01

[sources.people]
role = "customers"
path = "people.csv"
columns = { customer = "id", joined = "joined" }

[sources.bought]
role = "purchases"
path = "bought.csv"
columns = { customer = "id", at = "at", product = "product", quantity = "n", basket = "basket" }

[sources.goods]
role = "products"
path = "goods.csv"
columns = { product = "product" }
attributes = { shelf = "category" }

[offers.category]
source = "bought"
level = "shelf"
names = ["tea", "jam"]
margin_minor = 100

[decide.consent]
required = false
"#;

/// What becomes of an odd row.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Counts,
    /// It has not happened yet, and is counted as that.
    LeftOut,
    /// Set aside under this code, for this column.
    SetAside(&'static str, &'static str),
}
use Verdict::{Counts, LeftOut, SetAside};

/// Odd rows of purchases, each with its verdict.
const ODD_ROWS: [(&str, Verdict); 30] = [
    // Who.
    (",2025-03-04,p,1,b1", SetAside("E1023", "id")),
    ("c9,2025-03-04,p,1,b1", SetAside("E1025", "id")),
    ("c3,2025-03-04,p,1,b1", Counts),
    // What.
    ("c1,2025-03-04,,1,b1", SetAside("E1023", "product")),
    ("c1,2025-03-04,unheard-of,1,b1", Counts),
    ("c1,2025-03-04,p,1,", Counts),
    ("c1,2025-03-04,p,-1,b1", Counts),
    ("c1,2025-03-04,p,0,b1", Counts),
    ("c1,2026-05-20,q,1,b0", Counts),
    // The date itself is the first day that is not known.
    ("c1,2026-06-01,p,1,b1", LeftOut),
    ("c1,2026-05-31T23:59:59.999999,p,1,b1", Counts),
    ("c1,2026-06-01T03:59:59Z,p,1,b1", Counts),
    ("c1,2026-06-01T04:00:00Z,p,1,b1", LeftOut),
    ("c1,2039-01-20,p,1,b1", LeftOut),
    ("c1,2150-01-01,p,1,b1", LeftOut),
    // Hours that a zone skips, or shows twice.
    ("c1,2026-03-08T02:30:00,p,1,b1", SetAside("E1037", "at")),
    ("c1,2025-11-02T01:30:00,p,1,b1", SetAside("E1037", "at")),
    ("c1,2025-11-02T01:30:00-05:00,p,1,b1", Counts),
    ("c1,2016-12-31T18:59:60-05:00,p,1,b1", Counts),
    // Days that are none, or beyond what a table may hold.
    ("c1,2025-02-31,p,1,b1", SetAside("E1022", "at")),
    ("c1,2025-02-29,p,1,b1", SetAside("E1022", "at")),
    ("c1,2024-02-29,p,1,b1", Counts),
    ("c1,9999-12-31,p,1,b1", SetAside("E1024", "at")),
    ("c1,0001-01-01,p,1,b1", SetAside("E1024", "at")),
    ("c1,1969-07-20,p,1,b1", Counts),
    // Other ways to write a day: nothing is guessed.
    ("c1,1735689600,p,1,b1", SetAside("E1022", "at")),
    ("c1,1735689600000,p,1,b1", SetAside("E1022", "at")),
    ("c1,45292,p,1,b1", SetAside("E1022", "at")),
    ("c1,01/02/2024,p,1,b1", SetAside("E1022", "at")),
    ("c1,2026-W09-2,p,1,b1", SetAside("E1022", "at")),
];

/// What `check` says of a source of the shop.
fn verdict(company: &Company, source: &str) -> Verdict {
    let raised = ["on_error=\"quarantine\"", "max_rejects=9", "max_reject_rate=1"]
        .map(|one| ["--set".to_owned(), format!("quality.{one}")]);
    let raised: Vec<&str> = raised.iter().flatten().map(String::as_str).collect();
    let found = company.succeed(&[&["check", "odd.toml", "--output", "json"][..], &raised].concat());
    let found: Value = serde_json::from_str(&found).unwrap();
    let counts = found["sources"].as_array().unwrap().iter().find(|one| one["name"] == source).unwrap();
    let [read, accepted, rejected, excluded] =
        ["read", "accepted", "rejected", "excluded"].map(|key| counts[key].as_u64().unwrap());
    assert_eq!(read, accepted + rejected + excluded, "every row is accounted for");
    match (rejected, excluded) {
        (0, 0) => Counts,
        (0, 1) => LeftOut,
        _ => {
            let reject = &found["rejects"][0];
            let known = ODD_ROWS.iter().filter_map(|(_, verdict)| match verdict {
                SetAside(code, column) => Some((*code, *column)),
                _ => None,
            });
            let said = |(code, column): &(&str, &str)| reject["error"] == *code && reject["column"] == *column;
            let (code, column) = known.into_iter().find(said).unwrap_or_else(|| panic!("{reject}"));
            SetAside(code, column)
        }
    }
}

/// Too little history is told with the rows that are wrong, and offers there are not before anything is computed.
#[test]
fn check_tells_everything_at_once() {
    let company = Company::new();
    let set = |value: &'static str| ["--set", value];
    let prior = set("train.prior=[{offer=\"line_9g\",rate=0.1},{offer=\"tv\",rate=0.1},{offer=\"tv\",rate=0.2}]");
    let response = set("decide.response={line_1h=0.1}");
    let (found, said, code) = check(&company, &[prior, response].concat());
    assert_eq!((code, &found["ready"]), (Some(2), &Value::Bool(false)), "{said}");
    for part in ["train.prior[0].offer", "train.prior[2].offer", "decide.response.line_1h", "line_1g"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let run = [&["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export"][..], &prior].concat();
    let output = company.osusume(&run);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(2) && !said.contains("features done"), "{said}");
    company.edit("data/isp/holdings.csv", |csv| {
        with_column(csv, 4, |row, day| if row == 0 { "2026-13-01".to_owned() } else { day.to_owned() })
    });
    let (found, said, _) = check_of(&company, "2030-01-01", &[]);
    assert!(said.contains("E4009"), "{said}");
    assert_eq!(found["rejects"][0]["error"], "E1022", "{found}");
}

#[test]
fn odd_rows_have_their_verdicts() {
    let company = Company::new();
    let write = |file: &str, text: &str| fs::write(company.path(file), text).unwrap();
    write("odd.toml", SHOP);
    write("goods.csv", "product,shelf\np,tea\nq,jam\n");
    write("people.csv", "id,joined\nc1,2024-01-01\nc2,2024-01-01\nc3,2024-01-01\n");
    for (row, expected) in ODD_ROWS {
        write("bought.csv", &format!("id,at,product,n,basket\nc1,2025-01-01,p,1,b0\nc2,2026-05-20,q,1,b0\n{row}\n"));
        assert_eq!(verdict(&company, "bought"), expected, "{row}");
    }
}
