//! Golden snapshots: every code as a person sees it, in both languages.
//!
//! `UPDATE_GOLDEN=1 cargo test -p osusume-text` writes them anew; the difference is read before it is committed.

use std::path::Path;

use osusume_model::{Arg, Code, Fault};
use osusume_text::{Effect, Language, explain, render};

/// An argument of each documented name, of the kind the code's raiser passes.
fn sample(code: Code, name: &str) -> Arg {
    let names = |list: &[&str]| Arg::Names(list.iter().map(|&name| name.to_owned()).collect());
    match (code, name) {
        (Code::FileEmpty, "what") => Arg::from("rows"),
        (Code::DigestMismatch, "what") => Arg::from("length"),
        (Code::WrongFormat, "found") => Arg::from("gzip"),
        (Code::WrongFormat, "expected") => Arg::from("CSV"),
        (Code::WrongType, "expected") => Arg::from("date"),
        (Code::WrongType, "shape") => Arg::from("digits+signs"),
        (Code::ColumnType, "found") => Arg::from("text"),
        (Code::ColumnType | Code::ConfigWrongKind, "expected") => Arg::from("integer"),
        (Code::ConfigWrongKind, "got") => Arg::from("string"),
        (Code::ConfigNotAllowed | Code::OutOfRange, "allowed") => Arg::from("[0, 1]"),
        (Code::ConfigNotAllowed | Code::OptionNotAllowed, "got") => Arg::from(1.5),
        (Code::WordsUnknown, "got") => names(&["対象 (1,743)"]),
        (_, "instead") => Arg::from("quarantine"),
        (Code::WrongType, "format") => Arg::from("%d/%m/%Y"),
        (_, "format") => Arg::from("PMML"),
        (Code::ConflictingRows, "other") => Arg::from("17"),
        (_, "flags") => Arg::from("yes/no, 1/0"),
        (_, "times") => Arg::from("2026-03-01"),
        (Code::ConfigUnknownName, "got") => Arg::from("lines"),
        (_, "detail") => Arg::Detail("what the system said".to_owned()),
        (_, "columns") => names(&["customer_id", "joined_on", "prefecture"]),
        (_, "allowed") => names(&["horizon_days", "gap_days"]),
        (_, "runs") => names(&["2026-09-01-001-12cd34ab", "2026-10-01-001-ab12cd34"]),
        (_, "limits") => names(&["decide.capacity[0]", "decide.capacity[2]"]),
        (_, "names") => names(&["line_1g", "line_10g"]),
        (_, "offers") => names(&["line_10g", "tv"]),
        (_, "first" | "last") => Arg::from("2026-08-01"),
        (_, "encoding") => Arg::from("CP932"),
        (_, "hint") => Arg::from("UTF-8"),
        (_, "zone") => Arg::from("America/New_York"),
        (_, "gradient" | "tolerance") => Arg::Number("3.1e-4".to_owned()),
        (_, name) if COUNTS.contains(&name) => Arg::Int(12_345),
        (_, other) => Arg::Name(format!("sample_{other}")),
    }
}

/// Arguments that are whole numbers.
const COUNTS: &[&str] = &[
    "accounted",
    "before",
    "budget",
    "bytes",
    "count",
    "days",
    "expected",
    "found",
    "free",
    "got",
    "iterations",
    "limit",
    "min",
    "missing",
    "needed",
    "needed_days",
    "of",
    "pid",
    "positives",
    "proposed",
    "read",
    "refusals",
    "rejected",
    "rows",
    "supported",
    "used",
];

/// Names of arguments, longest lists of all codes together; a code takes what it needs.
const NAMES: &[&str] = &[
    "accounted",
    "allowed",
    "as_of",
    "before",
    "budget",
    "bytes",
    "channel",
    "class",
    "column",
    "columns",
    "count",
    "current",
    "days",
    "detail",
    "encoding",
    "expected",
    "first",
    "flags",
    "format",
    "found",
    "free",
    "got",
    "gradient",
    "hint",
    "host",
    "instead",
    "iterations",
    "key",
    "largest",
    "last",
    "limit",
    "limits",
    "min",
    "missing",
    "name",
    "names",
    "needed",
    "needed_days",
    "of",
    "offer",
    "offers",
    "other",
    "path",
    "pid",
    "positives",
    "proposed",
    "purpose",
    "read",
    "recipe",
    "refusals",
    "rejected",
    "rows",
    "run",
    "runs",
    "shape",
    "since",
    "source",
    "suggestion",
    "supported",
    "this",
    "times",
    "tolerance",
    "used",
    "what",
    "worst",
    "zone",
];

fn full(code: Code) -> Fault {
    let fault = Fault::new(code).in_file("data/isp/customers.csv").at(48211, 3).at_byte(9_331_204);
    NAMES.iter().fold(fault, |fault, name| fault.with(name, sample(code, name)))
}

fn page(language: Language) -> String {
    let previous = Effect::NothingPublished { previous: Some("2026-09-01-001-12cd34ab".to_owned()) };
    let mut page = String::new();
    for &code in Code::ALL {
        page.push_str(&render(&full(code), &previous, language));
        page.push('\n');
    }
    page
}

fn pages(language: Language) -> String {
    Code::ALL.iter().map(|&code| explain(code, language)).collect::<Vec<_>>().join("\n")
}

#[expect(clippy::disallowed_methods, reason = "the switch that writes golden files anew is an environment variable")]
fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1") {
        std::fs::write(&path, actual).expect("the golden directory can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (expected, actual)) in expected.lines().zip(actual.lines()).enumerate() {
        assert_eq!(expected, actual, "{name}, line {}; UPDATE_GOLDEN=1 accepts the change", line + 1);
    }
    assert_eq!(expected, actual, "{name} has another length; UPDATE_GOLDEN=1 accepts the change");
}

#[test]
fn messages_are_as_reviewed() {
    check("messages.en.txt", &page(Language::En));
    check("messages.ja.txt", &page(Language::Ja));
}

#[test]
fn explanations_are_as_reviewed() {
    check("explain.en.txt", &pages(Language::En));
    check("explain.ja.txt", &pages(Language::Ja));
}
