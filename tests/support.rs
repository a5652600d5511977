//! A small company in a directory of its own, and the command run inside it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int16Type, Int64Type};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

/// The built command.
pub(crate) const OSUSUME: &str = env!("CARGO_BIN_EXE_osusume");
/// As-of date of the run published before a test breaks something.
pub(crate) const BEFORE: &str = "2026-09-01";
/// As-of date of the run a test asks for.
pub(crate) const AS_OF: &str = "2026-10-01";

/// A working directory with `pipelines/isp.toml` and its tables.
pub(crate) struct Company(TempDir);

impl Company {
    /// A company nothing has been published for.
    pub(crate) fn new() -> Self {
        static TABLES: OnceLock<Company> = OnceLock::new();
        Self::copy_of(TABLES.get_or_init(Self::generate))
    }

    /// A company with a published run as of [`BEFORE`].
    pub(crate) fn with_run() -> Self {
        static PUBLISHED: OnceLock<Company> = OnceLock::new();
        Self::copy_of(PUBLISHED.get_or_init(|| {
            let company = Self::new();
            company.succeed(&["run", "pipelines/isp.toml", "--as-of", BEFORE, "--no-export", "--quiet"]);
            company
        }))
    }

    fn generate() -> Self {
        let company = Self(TempDir::new().unwrap());
        company.succeed(&["synth", "isp", "--customers", "400", "--events", "20000", "--out", "data/isp"]);
        fs::create_dir(company.path("pipelines")).unwrap();
        let shipped = osusume_testkit::repository_root().join("pipelines/isp.toml");
        let shipped = fs::read_to_string(shipped).unwrap();
        // Triggers and lanes speak of features that tests leave out; tests of them declare their own, and the demo runs the file as it is.
        let (first, last) = (shipped.find("# A renewal is talked about").unwrap(), shipped.find("[[export]]").unwrap());
        let pipeline = format!("{}{}", &shipped[..first], &shipped[last..]);
        fs::write(company.path("pipelines/isp.toml"), pipeline).unwrap();
        company
    }

    fn copy_of(other: &Self) -> Self {
        let copy = Self(TempDir::new().unwrap());
        copy_tree(other.0.path(), copy.0.path());
        copy
    }

    /// A path inside the working directory.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    /// The command with these arguments, nothing of the environment's languages or settings, in this directory.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(OSUSUME);
        command.args(arguments).current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        command
    }

    /// What the command does with these arguments.
    pub(crate) fn osusume(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.osusume(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Replaces the content of a file by what `edit` makes of it.
    pub(crate) fn edit(&self, relative: &str, edit: impl Fn(&str) -> String) {
        let before = fs::read_to_string(self.path(relative)).unwrap();
        let after = edit(&before);
        assert!(before != after, "{relative} is to be changed");
        fs::write(self.path(relative), after).unwrap();
    }

    /// What is published: the pointer, and the names beside it without the lock.
    pub(crate) fn published(&self) -> (String, Vec<String>) {
        let current = fs::read_to_string(self.path("runs/isp/CURRENT")).unwrap();
        (current, names(&self.path("runs/isp")).into_iter().filter(|name| name != "LOCK").collect())
    }
}

/// The names in a directory, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every file below a directory, by path below it, sorted.
pub(crate) fn files_below(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for name in names(dir) {
        let path = dir.join(&name);
        if path.is_dir() {
            files.extend(files_below(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            files.push((name, fs::read(path).unwrap()));
        }
    }
    files
}

/// Output as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// One row of an offer table or a shadow.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) customer: String,
    pub(crate) rank: i16,
    pub(crate) offer: String,
    pub(crate) channel: String,
    pub(crate) arm: String,
    pub(crate) value: i64,
    pub(crate) propensity: f64,
    pub(crate) probability: f64,
}

/// The batches of a table.
fn batches(path: &Path) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

fn cell(batch: &RecordBatch, name: &str, row: usize) -> String {
    batch.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned()
}

/// The rows of a run's table `name`, without its ending.
pub(crate) fn rows(company: &Company, run: &str, name: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches(&company.path(&format!("runs/isp/{run}/{name}.parquet"))) {
        let number =
            |name: &str, row: usize| batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().value(row);
        let values = batch.column_by_name("expected_value_minor").unwrap().as_primitive::<Int64Type>();
        let ranks = batch.column_by_name("rank").unwrap().as_primitive::<Int16Type>();
        rows.extend((0..batch.num_rows()).map(|row| Row {
            customer: cell(&batch, "customer_id", row),
            rank: ranks.value(row),
            offer: cell(&batch, "offer", row),
            channel: cell(&batch, "channel", row),
            arm: cell(&batch, "arm", row),
            value: values.value(row),
            propensity: number("propensity", row),
            probability: number("action_probability", row),
        }));
    }
    rows
}

/// Of every customer of a run the arm, and by offer what became of it.
pub(crate) fn decisions(company: &Company, run: &str) -> BTreeMap<String, (String, BTreeMap<String, String>)> {
    let mut found = BTreeMap::new();
    for batch in batches(&company.path(&format!("runs/isp/{run}/decisions.parquet"))) {
        let schema = batch.schema();
        let is_offer =
            |name: &&str| !name.ends_with("/won_by") && !["customer_id", "arm", "lane", "previous"].contains(name);
        let offers: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).filter(is_offer).collect();
        found.extend((0..batch.num_rows()).map(|row| {
            let fates = offers.iter().map(|offer| ((*offer).to_owned(), cell(&batch, offer, row))).collect();
            (cell(&batch, "customer_id", row), (cell(&batch, "arm", row), fates))
        }));
    }
    found
}

/// Of every customer of a run the lane.
pub(crate) fn lanes(company: &Company, run: &str) -> BTreeMap<String, String> {
    let batches = batches(&company.path(&format!("runs/isp/{run}/decisions.parquet")));
    let of = |batch: &RecordBatch| -> Vec<(String, String)> {
        (0..batch.num_rows()).map(|row| (cell(batch, "customer_id", row), cell(batch, "lane", row))).collect()
    };
    batches.iter().flat_map(of).collect()
}

fn copy_tree(from: &Path, to: &Path) {
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            fs::create_dir(&to).unwrap();
            copy_tree(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}
