//! What customers wrote: its tone becomes features and holds offers back, and no word of it goes further than the table it came in.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use osusume_model::Date;
use serde_json::Value;

use super::features::{numbers, table};
use super::support::{AS_OF, Company, files_below, names, text};

/// The recipes of a pipeline that says none, and this one.
const TONE: &str = "features.recipes=[\"recency\",\"frequency\",\"voice\",\"holding\",\"attributes\",\"tone\"]";
const BY_TONE: &str = "decide.hold_after=[{event=\"complaint\",days=30,by_tone=true}]";
const SECOND: i64 = 1;
const DAY: i64 = 86_400 * SECOND;
/// Midnight in Tokyo.
const OFFSET: i64 = 9 * 3_600;
/// Windows in which texts are counted.
const WINDOWS: [i64; 3] = [30, 90, 365];

/// A ticket as its file has it, in seconds.
struct Ticket {
    opened: i64,
    closed: Option<i64>,
    arrived: i64,
    said: osusume_voice::Said,
}

fn seconds(cell: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| cell.get(range)?.parse::<i64>().ok();
    let date = Date::from_ymd(number(0..4)? as i32, number(5..7)? as u32, number(8..10)? as u32)?;
    Some(i64::from(date.0) * DAY + number(11..13)? * 3_600 + number(14..16)? * 60 + number(17..19)?)
}

/// The cells of a line; a text in quotes may hold commas.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

fn tickets(company: &Company) -> BTreeMap<String, Vec<Ticket>> {
    let mut found: BTreeMap<String, Vec<Ticket>> = BTreeMap::new();
    for line in fs::read_to_string(company.path("data/isp/tickets.csv")).unwrap().lines().skip(1) {
        let cells = cells(line);
        found.entry(cells[0].clone()).or_default().push(Ticket {
            opened: seconds(&cells[1]).unwrap(),
            closed: seconds(&cells[2]),
            arrived: seconds(&cells[6]).unwrap(),
            said: osusume_voice::read(&cells[4]).unwrap(),
        });
    }
    found
}

fn midnight(date: i32) -> i64 {
    i64::from(date) * DAY - OFFSET
}

fn mean(tones: &[f64]) -> f64 {
    tones.iter().sum::<f64>() / tones.len() as f64
}

/// Every feature of the texts of one customer, the slow way.
fn expected(tickets: &[Ticket], date: i32) -> Vec<(String, f64)> {
    let as_of = midnight(date);
    let seen: Vec<&Ticket> = tickets.iter().filter(|t| t.opened < as_of && t.arrived < as_of).collect();
    let last = seen.iter().filter(|t| t.said.is_complaint).map(|t| t.opened).max();
    let open = seen.iter().filter(|t| t.closed.is_none_or(|closed| closed >= as_of)).count();
    let mut all = vec![
        ("tickets_complaint_recency".to_owned(), last.map_or(f64::NAN, |at| (as_of - at) as f64 / DAY as f64)),
        ("tickets_open".to_owned(), open as f64),
    ];
    for days in WINDOWS {
        let within = |from: i64, to: i64| -> Vec<&&Ticket> {
            let [from, to] = [from, to].map(|back| midnight(date) - back * DAY);
            seen.iter().filter(|t| (from..to).contains(&t.opened)).collect()
        };
        let tones =
            |of: &[&&Ticket]| -> Vec<f64> { of.iter().map(|t| (t.said.sentiment * 1000.0).round() / 1000.0).collect() };
        let (now, before) = (within(days, 0), within(2 * days, days));
        let count = |is: &dyn Fn(&Ticket) -> bool| now.iter().filter(|t| is(t)).count() as f64;
        all.extend([
            (format!("tickets_complaints_{days}d"), count(&|t| t.said.is_complaint)),
            (format!("tickets_praises_{days}d"), count(&|t| t.said.is_praise)),
            (format!("tickets_tone_mean_{days}d"), mean(&tones(&now))),
            (format!("tickets_tone_change_{days}d"), mean(&tones(&now)) - mean(&tones(&before))),
        ]);
    }
    all
}

fn features(company: &Company, out: &str) -> arrow::array::RecordBatch {
    let arguments = ["features", "pipelines/isp.toml", "--as-of", AS_OF, "--out", out, "--quiet", "--set", TONE];
    company.succeed(&arguments);
    table(&company.path(out))
}

#[test]
fn features_are_those_of_a_slow_reading() {
    let company = Company::new();
    let (table, tickets) = (features(&company, "tone.parquet"), tickets(&company));
    let ids = cast(table.column(0), &DataType::Utf8).unwrap();
    let dates = cast(table.column(1), &DataType::Date32).unwrap();
    let dates = cast(&dates, &DataType::Int32).unwrap();
    let (ids, dates) = (ids.as_string::<i32>(), dates.as_primitive::<Int32Type>());
    let names: Vec<String> = expected(&[], dates.value(0)).into_iter().map(|(name, _)| name).collect();
    let columns: BTreeMap<&str, Vec<f64>> = names.iter().map(|name| (name.as_str(), numbers(&table, name))).collect();
    let mut differing: BTreeMap<String, usize> = BTreeMap::new();
    for (row, (id, date)) in ids.iter().zip(dates).enumerate() {
        let id = id.unwrap();
        let of = tickets.get(id).map_or(&[][..], Vec::as_slice);
        for (name, expected) in expected(of, date.unwrap()) {
            let got = columns[name.as_str()][row];
            let is_near = (got - expected).abs() <= 1e-12 * expected.abs().max(1.0);
            assert!(is_near || got.is_nan() && expected.is_nan(), "{name} of {id}: {got} {expected}");
            let is_told = !got.is_nan() && got != 0.0;
            *differing.entry(name).or_default() += usize::from(is_told);
        }
    }
    for (name, n) in &differing {
        assert!(*n > 3, "{name} says something of {n} rows");
    }
}

/// Windows code page 932, as a call centre's system writes it, says the same.
#[test]
fn texts_in_another_encoding_have_the_same_tone() {
    let (company, other) = (Company::new(), Company::new());
    let utf8 = fs::read_to_string(other.path("data/isp/tickets.csv")).unwrap();
    let (cp932, _, is_lossy) = encoding_rs::SHIFT_JIS.encode(&utf8);
    assert!(!is_lossy && utf8.contains('夜'));
    fs::write(other.path("data/isp/tickets.csv"), cp932).unwrap();
    other.edit("pipelines/isp.toml", |text| {
        text.replace("role = \"voice\"\n", "role = \"voice\"\nencoding = \"cp932\"\n")
    });
    assert_eq!(features(&company, "tone.parquet"), features(&other, "tone.parquet"));
}

/// Personal data as people write them.
const CANARIES: [&str; 6] = [
    "09087654321",
    "090-8765-4321",
    "canary.bird@example.jp",
    "4111111111111111",
    "4111-1111-1111-1111",
    "canary.bird",
];

fn with_canaries() -> Company {
    let company = Company::new();
    company.edit("data/isp/tickets.csv", |text| {
        let line = |(i, line): (usize, &str)| {
            let (mut cells, canary) = (cells(line), CANARIES[i % 5]);
            if i > 0 {
                cells[4] = format!("\"{} {canary}、zzyzx様 東京都千代田区1-2-3\"", cells[4]);
            }
            cells.join(",")
        };
        text.lines().enumerate().map(line).collect::<Vec<_>>().join("\n") + "\n"
    });
    company
}

/// Every text of a Parquet file, cells and footer.
fn texts_of(bytes: &[u8]) -> String {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut all = format!("{:?}", reader.metadata().file_metadata().key_value_metadata());
    for batch in reader.build().unwrap() {
        for column in batch.unwrap().columns() {
            if let Ok(texts) = cast(column, &DataType::Utf8) {
                texts.as_string::<i32>().iter().flatten().for_each(|text| {
                    all.push_str(text);
                    all.push('\n');
                });
            }
        }
    }
    all
}

#[test]
fn no_word_that_was_written_stands_in_any_file() {
    let company = with_canaries();
    // A row that is set aside for its time must not take its text along either.
    company.edit("data/isp/tickets.csv", |text| text.replacen("T0", "X0", 1));
    let settings = [TONE, BY_TONE, "train.min_positives=20", "quality.max_reject_rate=0.1"];
    let sets: Vec<&str> = settings.into_iter().flat_map(|set| ["--set", set]).collect();
    let output = company.osusume(&[&["run", "pipelines/isp.toml", "--as-of", AS_OF][..], &sets].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout) + &text(&output.stderr);
    let mut files = vec![("printed".to_owned(), printed.into_bytes())];
    files.extend(files_below(&company.path("runs")));
    files.extend(files_below(&company.path("out")));
    let mut n_parquet = 0;
    for (name, bytes) in &files {
        let mut texts = String::from_utf8_lossy(bytes).into_owned();
        if name.ends_with(".parquet") {
            n_parquet += 1;
            texts.push_str(&texts_of(bytes));
        }
        for canary in CANARIES.iter().chain(&["zzyzx", "千代田区", "つながりません", "drops after"]) {
            assert!(!texts.contains(canary), "{canary} stands in {name}");
        }
    }
    assert!(n_parquet > 10, "{n_parquet}");
    let tickets = files.iter().find(|(name, _)| name.ends_with("tables/tickets.parquet")).unwrap();
    assert!(texts_of(&tickets.1).contains("complaint"), "the tone is kept");
    assert!(files.iter().any(|(name, bytes)| name.contains("reject") && !bytes.is_empty()), "one row was set aside");
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let files = |threads: &str| {
        let company = Company::new();
        let run = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet", "--no-export", "--threads", threads];
        company.succeed(&[&run[..], &["--set", TONE, "--set", BY_TONE]].concat());
        let mut files = files_below(&company.path("runs"));
        files.retain(|(name, _)| !name.ends_with("timings.json") && !name.ends_with("LOCK"));
        files
    };
    let (one, three) = (files("1"), files("3"));
    assert_eq!(one.len(), three.len());
    for ((name, one), (_, three)) in one.iter().zip(&three) {
        assert!(one == three, "{name} differs");
    }
}

#[test]
fn a_proof_with_texts_is_clean() {
    let company = Company::new();
    let scratch = company.path("scratch");
    fs::create_dir(&scratch).unwrap();
    let arguments = [
        "prove",
        "leakage",
        "pipelines/isp.toml",
        "--as-of",
        "2026-06-26",
        "--set",
        "train.folds=2",
        "--set",
        "train.min_positives=20",
        "--set",
        "train.as_of={every=\"1 month\",count=4}",
        "--set",
        TONE,
        "--set",
        BY_TONE,
    ];
    let output = company.command(&arguments).env("TMPDIR", &scratch).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn rows_are_shown_by_their_tone() {
    let company = Company::new();
    let tickets = tickets(&company);
    let is_told = |of: &&Vec<Ticket>| of.iter().any(|t| t.said.is_complaint) && of.len() > 1;
    let customer = tickets.iter().find(|(_, of)| is_told(of)).unwrap().0;
    let arguments = ["inspect", customer, "pipelines/isp.toml", "--as-of", AS_OF, "--quiet", "--output", "json"];
    let found: Value = serde_json::from_str(&company.succeed(&[&arguments[..], &["--set", TONE]].concat())).unwrap();
    let shown = found["tables"].as_array().unwrap().iter().find(|table| table["source"] == "tickets").unwrap();
    let rows = shown["rows"].as_array().unwrap();
    let feature = |name: &str| {
        let features = found["features"].as_array().unwrap();
        features.iter().find(|feature| feature["name"] == name).unwrap_or_else(|| panic!("{name}"))
    };
    let named = |name: &str| -> Vec<&Value> {
        let numbers = feature(name)["rows"].as_array().unwrap();
        rows.iter().filter(|row| numbers.contains(&row["row"])).collect()
    };
    let last = named("tickets_complaint_recency");
    assert!(last.len() == 1 && last[0]["text"].as_str().unwrap().ends_with(" complaint"), "{last:?}");
    let counted = named("tickets_complaints_365d");
    assert_eq!(feature("tickets_complaints_365d")["value"].as_f64(), Some(counted.len() as f64));
    assert!(named("tickets_open").iter().all(|row| row["closed"].is_null()));
    for row in rows {
        let tone = row["text"].as_str().unwrap();
        assert!(tone.starts_with(['+', '-']) && tone.len() < 30, "{tone}");
    }
    // Without anybody who asks for it, nothing of the text is read.
    let bare: Value = serde_json::from_str(&company.succeed(&arguments)).unwrap();
    assert!(!bare.to_string().contains("complaint\""));
}

/// Who is offered something, with these settings.
fn offered(company: &Company, settings: &[&str]) -> Vec<String> {
    let sets: Vec<&str> = settings.iter().flat_map(|set| ["--set", set]).collect();
    // Few are left out for what an offer is worth, and nobody is held out.
    let all = ["decide.min_value_minor=0", "decide.contact_cost_minor=0", "decide.holdout.fraction=0.0"];
    let all: Vec<&str> = all.into_iter().flat_map(|set| ["--set", set]).collect();
    let run = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet", "--no-export"];
    company.succeed(&[&run[..], &all, &sets].concat());
    let run = names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap();
    let offers = table(&company.path("runs/isp").join(run).join("offers.parquet"));
    let ids = cast(offers.column(0), &DataType::Utf8).unwrap();
    let mut ids: Vec<String> = ids.as_string::<i32>().iter().flatten().map(str::to_owned).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn offers_wait_after_a_complaint_that_was_written() {
    let days = 200;
    let hold = |by_tone: bool| format!("decide.hold_after=[{{event=\"complaint\",days={days},by_tone={by_tone}}}]");
    let said = tickets(&Company::new());
    let as_of = midnight(Date::from_ymd(2026, 10, 1).unwrap().0);
    // The day itself counts.
    let first = as_of - (days - 1) * DAY;
    let is_recent = |t: &&Ticket| t.opened < as_of && t.arrived < as_of && t.opened >= first;
    let complained =
        |id: &String| said.get(id).is_some_and(|of| of.iter().filter(is_recent).any(|t| t.said.is_complaint));
    let wrote = |id: &String| said.get(id).is_some_and(|of| of.iter().any(|t| is_recent(&t)));
    let never = offered(&Company::new(), &["decide.hold_after=[]"]);
    let by_tone = offered(&Company::new(), &[&hold(true)]);
    let by_row = offered(&Company::new(), &[&hold(false)]);
    let without = |is_held: &dyn Fn(&String) -> bool| -> Vec<String> {
        never.iter().filter(|id| !is_held(id)).cloned().collect()
    };
    assert_eq!(by_tone, without(&complained));
    assert_eq!(by_row, without(&wrote));
    assert!(by_row.len() < by_tone.len() && by_tone.len() < never.len(), "{by_row:?}");
}
