//! What the benchmark programs share: generate a company, run the internet provider's pipeline on it, and read what came out.

#![expect(clippy::disallowed_methods, reason = "benchmarks measure time")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use osusume_model::{Control, Date, NoControl, Stop};
use osusume_pipeline::config::{Config, Layers};
use osusume_pipeline::{Event, Host, LockInfo, Outcome, Request, Summary, run};
use osusume_storage::{Fs, RealFs};
use osusume_synth::{Options, World, generate};

/// A host that only measures.
pub(crate) struct Silent(Instant);

impl Silent {
    /// Starts the clock.
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for Silent {
    fn default() -> Self {
        Self::new()
    }
}

impl Control for Silent {
    fn progress(&self, _done: u64, _total: u64) {}
    fn stop(&self) -> Option<Stop> {
        None
    }
}

impl Host for Silent {
    fn event(&self, _event: Event) {}
    fn secret(&self, _name: &str) -> Option<String> {
        None
    }
    fn elapsed_seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Writes the internet provider's tables into `dir`, unless they are there.
///
/// # Panics
/// When they cannot be written.
pub(crate) fn company(dir: &Path, customers: u64, seed: u64, events: Option<u64>) {
    if dir.join("consents.csv").exists() {
        return;
    }
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let out_dir = dir.to_owned();
    let options =
        Options { customers, seed, events, until: None, truth_as_of: Vec::new(), worth: false, offers: None, out_dir };
    generate(&World::isp(), &options, &fs, &NoControl).expect("the company can be written");
}

/// Runs `pipelines/isp.toml` on the tables in `dir` as of a date; `sets` are laid over the file.
///
/// # Panics
/// When the run fails.
pub(crate) fn run_isp(dir: &Path, as_of: Date, runs: &Path, memory: u64, sets: &[&str]) -> Box<Summary> {
    let mut all: Vec<String> = ["customers", "holdings", "tickets", "contacts", "products", "consents"]
        .iter()
        .map(|name| format!("sources.{name}.path='{}'", dir.join(format!("{name}.csv")).display()))
        .collect();
    all.push(format!("sources.usage.path='{}'", dir.join("usage/*.parquet").display()));
    all.push(format!("run.directory='{}'", runs.display()));
    all.extend(sets.iter().map(|&set| set.to_owned()));
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../pipelines/isp.toml"));
    let layers = Layers { file: &file, overlays: &[], sets: &all };
    let config = Config::load(layers, &|_| None).expect("the pipeline file is right");
    let text = String::new;
    let lock = LockInfo { pid: std::process::id(), host: text(), boot_id: text(), start: text(), cmd: text() };
    let request = Request { config: &config, as_of: Some(as_of), memory, lock, started_us: 0 };
    match run(&request, &Silent::new()).expect("the run succeeds").outcome {
        Outcome::Published(summary) => summary,
        Outcome::AlreadyPublished { .. } => panic!("a benchmark runs in a new directory"),
    }
}
