//! A run that is told to stop does so in whatever stage it is, and leaves nothing.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use osusume_model::{Code, Control, Stop};
use osusume_pipeline::config::{Config, Layers};
use osusume_pipeline::{Event, Host, LockInfo, Outcome, Request, Stage, run};

use super::support::{AS_OF, Company};

/// Tells the run to stop as soon as a stage begins.
struct Impatient {
    with: Option<Stage>,
    is_stopping: AtomicBool,
}

impl Control for Impatient {
    fn progress(&self, _done: u64, _total: u64) {}
    fn stop(&self) -> Option<Stop> {
        self.is_stopping.load(Ordering::Relaxed).then_some(Stop::Cancelled)
    }
}

impl Host for Impatient {
    fn event(&self, event: Event) {
        if let Event::Begin(stage) = event {
            assert!(!self.is_stopping.load(Ordering::Relaxed), "{stage:?} begins after the run was told to stop");
            self.is_stopping.store(self.with == Some(stage), Ordering::Relaxed);
        }
    }
    fn secret(&self, _name: &str) -> Option<String> {
        None
    }
    fn elapsed_seconds(&self) -> f64 {
        0.0
    }
}

fn run_until(config: &Config, with: Option<Stage>) -> Result<(), Code> {
    let none = String::new;
    let lock = LockInfo { pid: 1, host: none(), boot_id: none(), start: none(), cmd: none() };
    let request = Request { config, as_of: AS_OF.parse().ok(), memory: 1 << 30, lock, started_us: 0 };
    let host = Impatient { with, is_stopping: AtomicBool::new(false) };
    loop {
        return match run(&request, &host).map(|ran| ran.outcome) {
            Ok(Outcome::Published(_)) => Ok(()),
            Ok(Outcome::AlreadyPublished { .. }) => panic!("{with:?}: it was not to be published"),
            // Another test starts a command: until that is another program it shares our files, and with them the lock.
            Err(fault) if fault.code() == Code::LockHeld => continue,
            Err(fault) => Err(fault.code()),
        };
    }
}

#[test]
fn every_stage_stops_and_leaves_nothing() {
    let company = Company::with_run();
    let file = company.path("pipelines/isp.toml");
    let directory = format!("run.directory='{}'", company.path("runs").display());
    let layers = Layers { file: Path::new(&file), overlays: &[], sets: &[directory] };
    let config = Config::load(layers, &|_| None).unwrap();
    let before = company.published();
    let stages = [Stage::Ingest, Stage::Features, Stage::Train, Stage::Score, Stage::Decide, Stage::Publish];
    for stage in stages {
        assert_eq!(run_until(&config, Some(stage)), Err(Code::Cancelled), "{stage:?}");
        assert_eq!(company.published(), before, "{stage:?}");
    }
    assert_eq!(run_until(&config, None), Ok(()));
    assert!(company.published() != before);
}
