//! The future cannot be seen: rows that happen or arrive at or after the as-of date change no byte of what a run learns or decides.

use std::fmt::Write;

use crate::support::{Company, files_below, names};

const PAST: &str = "2026-06-26";
/// Midnight of that date in Tokyo.
const INSTANT: &str = "2026-06-25T15:00:00Z";

/// Everything learned and decided, by path below the run's directory.
fn learned(company: &Company) -> Vec<(String, Vec<u8>)> {
    company.succeed(&[
        "run",
        "pipelines/isp.toml",
        "--as-of",
        PAST,
        "--no-export",
        "--quiet",
        "--set",
        "train.min_positives=20",
    ]);
    let runs = company.path("runs/isp");
    let run = names(&runs).into_iter().find(|name| name.starts_with(PAST)).unwrap();
    let mut files = files_below(&runs.join(run));
    let says_what_was_learned = |path: &str| {
        ["rules", "itemsets", "features/", "models/", "scores", "offers", "shadow", "decisions"]
            .iter()
            .any(|p| path.starts_with(p))
    };
    files.retain(|(path, _)| says_what_was_learned(path));
    files
}

fn assert_same(expected: &[(String, Vec<u8>)], got: &[(String, Vec<u8>)]) {
    let paths = |files: &[(String, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(expected), paths(got));
    assert!(expected.len() >= 15, "features, models, scores, offers, shadow and decisions: {:?}", paths(expected));
    let differing: Vec<&String> =
        expected.iter().zip(got).filter(|(a, b)| a.1 != b.1).map(|((path, _), _)| path).collect();
    assert!(differing.is_empty(), "rows of the future reached {differing:?}");
}

/// The last field is when a row arrived, or was recorded.
fn arrived(line: &str) -> &str {
    line.rsplit(',').next().unwrap()
}

fn without_the_future(csv: &str) -> String {
    let (header, rows) = csv.split_once('\n').unwrap();
    let kept = rows.lines().filter(|line| arrived(line) < INSTANT);
    kept.fold(format!("{header}\n"), |text, line| text + line + "\n")
}

/// Holdings that arrived later are gone, and so are ends that became known later.
fn holdings_without_the_future(csv: &str) -> String {
    let (header, rows) = csv.split_once('\n').unwrap();
    let mut text = format!("{header}\n");
    for row in rows.lines() {
        let mut fields: Vec<&str> = row.split(',').collect();
        if fields[8] >= INSTANT {
            continue;
        }
        if fields[9] >= INSTANT {
            (fields[5], fields[9]) = ("", "");
        }
        writeln!(text, "{}", fields.join(",")).unwrap();
    }
    text
}

/// The customers of the first rows of a table, each once.
fn some_customers(csv: &str) -> Vec<String> {
    let mut ids: Vec<String> =
        csv.lines().skip(1).filter_map(|line| Some(line.split(',').next()?.to_owned())).collect();
    ids.dedup();
    ids.truncate(200);
    ids
}

fn with_rows(csv: &str, rows: impl Fn(&str) -> String) -> String {
    some_customers(csv).iter().fold(csv.to_owned(), |text, id| text + &rows(id))
}

#[test]
fn rows_of_the_future_change_nothing() {
    let company = Company::new();
    let expected = learned(&company);

    let forgetful = Company::new();
    for table in ["tickets", "contacts"] {
        forgetful.edit(&format!("data/isp/{table}.csv"), without_the_future);
    }
    // A refusal is heard whenever it comes; what must not count is a consent of the future.
    forgetful.edit("data/isp/consents.csv", |csv| {
        let (header, rows) = csv.split_once('\n').unwrap();
        let kept = rows.lines().filter(|line| line.contains(",no,") || arrived(line) < INSTANT);
        kept.fold(format!("{header}\n"), |text, line| text + line + "\n")
    });
    forgetful.edit("data/isp/holdings.csv", holdings_without_the_future);
    assert_same(&expected, &learned(&forgetful));

    // One row of each pair happened before the date and arrived after it; the other happens after it.
    let prophetic = Company::new();
    prophetic.edit("data/isp/holdings.csv", |csv| {
        with_rows(csv, |id| {
            format!(
                "{id},L9,line_10g,1,2026-05-02,,2026-07-20,6800,2026-08-01T17:00:00Z,\n{id},L9,tv,1,2026-07-02,,,900,2026-07-02T17:00:00Z,\n"
            )
        })
    });
    prophetic.edit("data/isp/tickets.csv", |csv| {
        with_rows(csv, |id| {
            format!(
                "{id},2026-06-02T03:00:00Z,2026-06-03T03:00:00Z,speed,slow,1,2026-06-26T17:00:00Z\n{id},2026-06-26T03:00:00Z,,new_topic,slow,,2026-06-26T17:00:00Z\n"
            )
        })
    });
    prophetic.edit("data/isp/contacts.csv", |csv| {
        with_rows(csv, |id| format!("{id},2026-06-20T03:00:00Z,tv,mail,targeted,0.1,,{INSTANT}\n"))
    });
    prophetic
        .edit("data/isp/consents.csv", |csv| with_rows(csv, |id| format!("{id},telephone,marketing,yes,{INSTANT}\n")));
    assert_same(&expected, &learned(&prophetic));
}

/// Whoever said no on the day of the run, or in words the pipeline file does not use, or of everything at once, gets no offer.
#[test]
fn a_refusal_counts_as_soon_as_it_is_there() {
    let offered = |company: &Company| -> Vec<String> {
        let args = ["run", "pipelines/isp.toml", "--as-of", PAST, "--quiet", "--set", "train.min_positives=20"];
        company.succeed(&args);
        let rows = std::fs::read_to_string(company.path("out/isp-offers.csv")).unwrap();
        rows.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned()).collect()
    };
    let before = offered(&Company::new());
    let refusing = Company::new();
    let some: Vec<&String> = before.iter().take(60).collect();
    refusing.edit("data/isp/consents.csv", |csv| {
        some.iter().enumerate().fold(csv.to_owned(), |text, (i, id)| {
            let said = match i % 3 {
                0 => ["telephone", "mail", "member_page"]
                    .map(|at| format!("{id},{at},marketing,no,{INSTANT}\n"))
                    .concat(),
                1 => ["Telephone ", "MAIL", " member_page"]
                    .map(|at| format!("{id},{at},Marketing,no,{INSTANT}\n"))
                    .concat(),
                _ => format!("{id},telephone,,no,2026-06-25T14:00:00Z\n{id},mail,,no,2026-06-25T14:00:00Z\n{id},member_page,,no,2026-06-25T14:00:00Z\n"),
            };
            text + &said
        })
    });
    let after = offered(&refusing);
    assert!(after.len() > 100 && some.len() == 60);
    assert!(some.iter().all(|id| !after.contains(id)), "an offer after a refusal");
}

/// Every customer a second time, as somebody who moved into one large house and told so at `arrived`.
fn restated(csv: &str, arrived: &str) -> String {
    let moved = csv.lines().skip(1).map(|line| {
        let mut fields: Vec<&str> = line.split(',').collect();
        (fields[1], fields[3], fields[8]) = ("H-moved", arrived, "house");
        fields.join(",") + "\n"
    });
    moved.fold(csv.to_owned(), |text, line| text + &line)
}

#[test]
fn a_version_counts_from_its_arrival() {
    let learned = |customers: &dyn Fn(&str) -> String| {
        let company = Company::new();
        company.edit("pipelines/isp.toml", |config| {
            config.replacen("role = \"customers\"", "role = \"customers\"\nhistory = \"versions\"", 1)
        });
        let path = company.path("data/isp/customers.csv");
        std::fs::write(&path, customers(&std::fs::read_to_string(&path).unwrap())).unwrap();
        learned(&company)
    };
    let expected = learned(&str::to_owned);
    assert_same(&expected, &learned(&|csv| restated(csv, "2026-08-01T17:00:00Z")));
    let known = learned(&|csv| restated(csv, "2026-03-01T17:00:00Z"));
    let differs = |path: &str| {
        let of =
            |files: &[(String, Vec<u8>)]| files.iter().find(|(name, _)| name == path).map(|(_, bytes)| bytes.clone());
        of(&expected) != of(&known)
    };
    assert!(differs("features/training.parquet") && differs("features/scoring.parquet"));
}
