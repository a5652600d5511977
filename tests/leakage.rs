//! The future cannot be seen: rows that happen or arrive at or after the as-of date change no byte of what a run learns or decides.

use std::fmt::Write;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Date32Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::TimestampMicrosecondType;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::{Company, files_below, names, text};

const PAST: &str = "2026-06-26";
/// Midnight of that date in Tokyo.
const INSTANT: &str = "2026-06-25T15:00:00Z";
/// The same in microseconds since 1970.
const INSTANT_US: i64 = 1_782_399_600_000_000;

/// Everything learned and decided, by path below the run's directory.
fn learned(company: &Company) -> Vec<(String, Vec<u8>)> {
    learned_with(company, "train.min_positives=20")
}

/// The same under a setting.
fn learned_with(company: &Company, setting: &str) -> Vec<(String, Vec<u8>)> {
    let run = ["run", "pipelines/isp.toml", "--as-of", PAST, "--no-export", "--quiet", "--set", setting];
    company.succeed(&[&run[..], &["--set", "train.folds=3", "--set", "quality.max_reject_rate=0.01"]].concat());
    let runs = company.path("runs/isp");
    let run = names(&runs).into_iter().find(|name| name.starts_with(PAST)).unwrap();
    let mut files = files_below(&runs.join(run));
    let says_what_was_learned = |path: &str| {
        ["rules", "itemsets", "follows", "tables/", "features/", "models/", "scores", "offers", "shadow", "decisions"]
            .iter()
            .any(|p| path.starts_with(p))
    };
    files.retain(|(path, _)| says_what_was_learned(path));
    let dictionary = files.iter().find(|(path, _)| path == "features/dictionary.json").unwrap();
    assert!(text(&dictionary.1).contains("holdings_rules_"), "what rules say is among what is learned");
    files
}

fn assert_same(expected: &[(String, Vec<u8>)], got: &[(String, Vec<u8>)]) {
    let paths = |files: &[(String, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(expected), paths(got));
    assert!(expected.len() >= 20, "features, models, scores, offers, shadow and decisions: {:?}", paths(expected));
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
    forgetful.edit("data/isp/customers.csv", |csv| without(csv, 3));
    edit_usage(&forgetful, |usage| {
        let loaded = usage.column(4).as_primitive::<TimestampMicrosecondType>();
        rows_of(&usage, (0..usage.num_rows() as u32).filter(|&row| loaded.value(row as usize) < INSTANT_US).collect())
    });
    // A refusal is heard whenever it comes; what must not count is a consent of the future. Some refuse who came later: they are rejected
    // where nobody knows them.
    forgetful.edit("data/isp/consents.csv", |csv| {
        let (header, rows) = csv.split_once('\n').unwrap();
        let kept = rows.lines().filter(|line| line.contains(",no,") || arrived(line) < INSTANT);
        kept.fold(format!("{header}\n"), |text, line| text + line + "\n")
    });
    forgetful.edit("data/isp/holdings.csv", holdings_without_the_future);
    assert_same(&expected, &learned(&forgetful));

    assert_same(&expected, &learned(&prophetic()));
}

/// A company that knows the future: people, products in use and topics nobody had heard of, and rows about the past that arrived late.
fn prophetic() -> Company {
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
    join(&prophetic, INSTANT);
    edit_usage(&prophetic, |usage| concat_batches(&usage.schema(), [&usage, &usage_to_come(&usage)]).unwrap());
    prophetic
}

/// Forty people in as many new houses who joined in May and were told of at `loaded`, with all they hold, do and say.
fn join(company: &Company, loaded: &str) {
    let ids: Vec<String> = (0..40).map(|i| format!("F{i:03}")).collect();
    let add = |table: &str, row: &dyn Fn(&String) -> String| {
        company
            .edit(&format!("data/isp/{table}.csv"), |csv| ids.iter().fold(csv.to_owned(), |text, id| text + &row(id)));
    };
    add("customers", &|id| {
        format!(
            "{id},H{id},2026-05-01,{loaded},1950,palace,atlantis,yes,castle,gold,dream,yes,1,octarine,moon,telex,yes,9,\n"
        )
    });
    add("holdings", &|id| {
        format!(
            "{id},L{id},line_100m,1,2026-05-01,,2027-05-01,3900,{INSTANT},\n{id},L{id},tv,1,2026-05-01,,,900,{INSTANT},\n"
        )
    });
    add("tickets", &|id| format!("{id},2026-05-02T03:00:00Z,2026-05-03T03:00:00Z,oracle,slow,1,{INSTANT}\n"));
    add("contacts", &|id| format!("{id},2026-05-20T03:00:00Z,tv,mail,targeted,0.1,,{INSTANT}\n"));
    add("consents", &|id| format!("{id},mail,marketing,yes,{INSTANT}\n"));
}

/// Use that was measured before the date and arrived after it, of a metric nobody had heard of and of a known one, and use on the date itself.
fn usage_to_come(usage: &RecordBatch) -> RecordBatch {
    let n = usage.num_rows().min(900) as u32;
    let some = rows_of(usage, (0..n).collect());
    let metric: StringArray =
        (0..n).map(|row| Some(["foresight", "traffic_gb", "traffic_gb"][row as usize % 3])).collect();
    let before = INSTANT_US / 86_400_000_000;
    let day: Date32Array = (0..n).map(|row| Some(before as i32 - 30 + 31 * i32::from(row % 3 == 2))).collect();
    let loaded = TimestampMicrosecondArray::from(vec![INSTANT_US; n as usize]).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![
        Arc::clone(some.column(0)),
        Arc::new(day),
        Arc::new(metric),
        Arc::new(Float64Array::from(vec![1e6; n as usize])),
        Arc::new(loaded),
    ];
    RecordBatch::try_new(usage.schema(), columns).unwrap()
}

/// Replaces the table of use.
fn edit_usage(company: &Company, edit: impl Fn(RecordBatch) -> RecordBatch) {
    let path = company.path("data/isp/usage/usage.parquet");
    write_usage(&path, &edit(read_usage(&path)));
}

fn read_usage(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn write_usage(path: &Path, rows: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
}

fn rows_of(batch: &RecordBatch, rows: Vec<u32>) -> RecordBatch {
    let rows = UInt32Array::from(rows);
    let columns = batch.columns().iter().map(|column| take(column, &rows, None).unwrap()).collect();
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// The rows whose arrival, a cell of the table, lies in the past.
fn without(csv: &str, arrival: usize) -> String {
    let (header, rows) = csv.split_once('\n').unwrap();
    let kept = rows.lines().filter(|row| row.split(',').nth(arrival).unwrap() < INSTANT);
    kept.fold(format!("{header}\n"), |text, row| text + row + "\n")
}

#[test]
fn the_future_changes_nobody_who_is_drawn() {
    let setting = "train={max_rows=1000,min_positives=5}";
    let expected = learned_with(&Company::new(), setting);
    let summary = expected.iter().find(|(path, _)| path == "features/training.parquet").unwrap();
    assert_same(&expected, &learned_with(&prophetic(), setting));
    let all = learned_with(&Company::new(), "train.min_positives=5");
    let whole = all.iter().find(|(path, _)| path == "features/training.parquet").unwrap();
    assert!(summary.1.len() < whole.1.len() * 2 / 3, "the limit binds");
}

/// A table that is loaded again every night tells of people who came later, and nothing says so but that they hold nothing yet.
#[test]
fn people_to_come_in_a_reloaded_table_change_nothing_but_its_numbering() {
    let reloaded = |prepare: &dyn Fn(&Company)| {
        let company = Company::new();
        company.edit("pipelines/isp.toml", |config| {
            let statics = "history = \"snapshot\"\nassume_static = [\"contract_office\", \"dwelling\", \"prefecture\"]";
            config.replacen("role = \"customers\"", &format!("role = \"customers\"\n{statics}"), 1)
        });
        prepare(&company);
        let mut files = learned_with(&company, "train={max_rows=1000,min_positives=5}");
        // Rows of features and tables name customers by number.
        files.retain(|(path, _)| {
            !(path.starts_with("tables/") || path.starts_with("features/") && path.ends_with("parquet"))
        });
        files
    };
    let expected = reloaded(&|_| {});
    let got = reloaded(&|company| join(company, "2026-10-01T00:00:00Z"));
    let paths = |files: &[(String, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&expected), paths(&got));
    let differing: Vec<&String> =
        expected.iter().zip(&got).filter(|(a, b)| a.1 != b.1).map(|((path, _), _)| path).collect();
    assert!(expected.len() >= 10 && differing.is_empty(), "{differing:?}");
}

#[test]
fn neither_the_order_of_rows_nor_the_names_of_files_change_anything() {
    let expected = learned(&Company::new());
    let shuffled = Company::new();
    for table in ["customers", "holdings", "contacts", "consents"] {
        shuffled.edit(&format!("data/isp/{table}.csv"), |csv| {
            let (header, rows) = csv.split_once('\n').unwrap();
            let mut rows: Vec<&str> = rows.lines().collect();
            rows.reverse();
            let turn = rows.len() / 3;
            rows.rotate_left(turn);
            format!("{header}\n{}\n", rows.join("\n"))
        });
    }
    let path = shuffled.path("data/isp/usage/usage.parquet");
    let usage = read_usage(&path);
    let (n, odd) = (usage.num_rows() as u32, |row: &u32| row % 2 == 1);
    write_usage(&shuffled.path("data/isp/usage/b.parquet"), &rows_of(&usage, (0..n).rev().filter(odd).collect()));
    write_usage(
        &shuffled.path("data/isp/usage/a.parquet"),
        &rows_of(&usage, (0..n).rev().filter(|row| !odd(row)).collect()),
    );
    std::fs::remove_file(path).unwrap();
    assert_same(&expected, &learned(&shuffled));
}

/// A level that hardly anybody has could name somebody.
#[test]
fn no_level_of_a_few_customers_has_a_name() {
    let company = Company::new();
    company.edit("data/isp/customers.csv", |csv| {
        let (header, rows) = csv.split_once('\n').unwrap();
        let named = rows.lines().enumerate().map(|(i, row)| {
            let mut cells: Vec<&str> = row.split(',').collect();
            cells[14] = match i {
                0 => "the office of one",
                1..=9 => "the office of nine",
                10..=29 => "the office of twenty",
                _ => cells[14],
            };
            cells.join(",")
        });
        named.fold(format!("{header}\n"), |text, row| text + &row + "\n")
    });
    let files = learned(&company);
    let text = |path: &str| {
        let file = files.iter().find(|(name, _)| name == path).unwrap();
        String::from_utf8(file.1.clone()).unwrap()
    };
    let dictionary = text("features/dictionary.json");
    assert!(dictionary.contains("the office of twenty"));
    assert!(!dictionary.contains("the office of nine") && !dictionary.contains("the office of one"));
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

/// Whoever refused every channel teaches nothing: not the models, and not the rules.
#[test]
fn who_refused_everything_is_not_learned_from() {
    let run = |setting: &str, changes: bool| {
        let company = Company::new();
        let table = std::fs::read_to_string(company.path("data/isp/customers.csv")).unwrap();
        let refusing: Vec<String> = some_customers(&table).into_iter().step_by(4).collect();
        company.edit("data/isp/consents.csv", |csv| {
            let channels = ["telephone", "mail", "member_page"];
            let refusal = |id: &String| channels.map(|at| format!("{id},{at},marketing,no,{INSTANT}\n")).concat();
            refusing.iter().fold(csv.to_owned(), |text, id| text + &refusal(id))
        });
        if changes {
            company.edit("data/isp/holdings.csv", |csv| {
                let row = |id: &String| format!("{id},L9,tv,1,2025-11-02,,,900,2025-11-02T17:00:00Z,\n");
                refusing.iter().fold(csv.to_owned(), |text, id| text + &row(id))
            });
            company.edit("data/isp/tickets.csv", |csv| {
                let row = |id: &String| format!("{id},2026-01-02T03:00:00Z,,speed,slow,,2026-01-02T17:00:00Z\n");
                refusing.iter().fold(csv.to_owned(), |text, id| text + &row(id))
            });
        }
        let mut files = learned_with(&company, setting);
        let is_learned = |path: &str| {
            ["rules", "itemsets", "models/", "offers", "features/training"].iter().any(|p| path.starts_with(p))
        };
        files.retain(|(path, _)| is_learned(path));
        files
    };
    let ours = "train={min_positives=5}";
    assert!(run(ours, false) == run(ours, true), "who refused everything was learned from");
    let all = "train={min_positives=5,include_opted_out=true}";
    let (before, after) = (run(all, false), run(all, true));
    let differs = |name: &str| before.iter().zip(&after).any(|(a, b)| a.0.starts_with(name) && a.1 != b.1);
    assert!(differs("models/") && differs("rules") && differs("features/training"));
}
