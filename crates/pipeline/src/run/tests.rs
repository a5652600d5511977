//! What can only be tried with a host that interferes.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use osusume_model::Stop;

use super::*;

const PIPELINE: &str = r#"
[pipeline]
name = "tiny"
time_zone = "UTC"
currency = "EUR"
purpose = "tests"
[sources.people]
role = "customers"
path = "people.csv"
columns = { customer = "id" }
[sources.held]
role = "holdings"
path = "held.csv"
columns = { customer = "id", product = "code", start = "since" }
[sources.goods]
role = "products"
path = "goods.csv"
columns = { product = "code", family = "family", tier = "tier", margin = "margin" }
[offers]
upsell = { families = ["line"] }
[decide]
consent = { required = false }
[run]
directory = "runs"
"#;

/// Appends a line to a table when a stage begins, as another process might.
struct Meddler<'a> {
    table: &'a Path,
    line: &'a str,
    at: Stage,
    begun: Mutex<Vec<Stage>>,
}

impl Control for Meddler<'_> {
    fn progress(&self, _done: u64, _total: u64) {}
    fn stop(&self) -> Option<Stop> {
        None
    }
}

impl Host for Meddler<'_> {
    fn event(&self, event: Event) {
        let Event::Begin(stage) = event else { return };
        self.begun.lock().unwrap().push(stage);
        if stage == self.at {
            let mut table = OpenOptions::new().append(true).open(self.table).unwrap();
            table.write_all(self.line.as_bytes()).unwrap();
        }
    }

    fn secret(&self, _name: &str) -> Option<String> {
        None
    }

    fn elapsed_seconds(&self) -> f64 {
        0.0
    }
}

/// Runs the tiny pipeline while `line` is appended to its customers as the stage `at` begins.
fn run_while_written(line: &str, at: Stage) -> (Code, Vec<Stage>) {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("people.csv", "id\nA\nB\n");
    write("held.csv", "id,code,since\nA,line_1,2026-01-01\nB,line_1,2026-01-01\n");
    write("goods.csv", "code,family,tier,margin\nline_1,line,1,1\nline_2,line,2,2\n");
    let name = dir.path().join("tiny.toml");
    let config = Config::parse(name.to_str().unwrap(), PIPELINE, &|_| None).unwrap();
    let lock =
        LockInfo { pid: 1, host: String::new(), boot_id: String::new(), start: String::new(), cmd: "test".to_owned() };
    let as_of = Date::from_ymd(2026, 10, 1);
    let request = Request { config: &config, as_of, memory: 1 << 28, lock, started_us: 0 };
    let host = Meddler { table: &dir.path().join("people.csv"), line, at, begun: Mutex::default() };
    let fault = run(&request, &host).unwrap_err();
    (fault.code(), host.begun.into_inner().unwrap())
}

#[test]
fn a_table_that_changes_between_hashing_and_reading_stops_the_run() {
    assert_eq!(run_while_written("C\n", Stage::Ingest), (Code::FileChanged, vec![Stage::Ingest]));
    // Undisturbed, the same run gets further: such tables teach nothing, and that is found only after they were read.
    assert_eq!(run_while_written("C\n", Stage::Publish), (Code::NoMatureLabels, vec![Stage::Ingest]));
}
