//! The stages of a run, gone through again in a directory that is thrown away.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use osusume_model::{Control, Date, FeatureSpec, Result, Stop};
use osusume_storage::{Digest, Fs, Lock, LockInfo, RealFs, RunId, Staging};
use osusume_tables::{CustomerIndex, Files};

use crate::calendar::{Calendar, Schedule};
use crate::checked::Checked;
use crate::config::Config;
use crate::host::{Event, Host};
use crate::job::{Job, Scene};
use crate::run::{Before, Clock, attach_copies, digest_inputs, goods, learn, look_back, read_sources};
use crate::stages::decide::Earlier;
use crate::stages::ingest;

/// What a pipeline file makes of its tables, in a directory of its own.
pub(super) struct Built {
    /// Where the files are.
    pub(super) dir: PathBuf,
    /// The checked tables.
    pub(super) tables: Checked,
    /// The feature dictionary.
    pub(super) specs: Vec<FeatureSpec>,
    /// The dates.
    pub(super) schedule: Schedule,
    /// Keys of the offers.
    pub(super) offers: Vec<String>,
    /// Share of the customers that is learned from.
    pub(super) sample: f64,
    root: PathBuf,
    /// Held until the directory is removed.
    _lock: Lock,
}

impl Built {
    /// All customers.
    pub(super) fn customers(&self) -> &CustomerIndex {
        &self.tables.customers
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        // What was found matters more than a leftover in the scratch directory, which is removed as a whole at the end.
        drop(RealFs.remove_dir_all(&self.root));
    }
}

/// How far to build.
#[derive(Clone, Copy)]
pub(super) enum Until<'a> {
    /// Up to who is offered what.
    Decided,
    /// Up to the features; where dates are given, of those of another build: dates follow from where the tables end, which is not what is
    /// asked about.
    Features(Option<&'a Schedule>),
}

/// Builds what a pipeline file makes of its tables. The stages themselves do it; tests put a faulty one in their place.
pub(super) trait Builder {
    /// Builds below `root`, which does not exist yet.
    ///
    /// # Errors
    /// What would stop a run.
    fn build(&self, config: &Config, root: &Path, until: Until<'_>) -> Result<Built>;
}

/// The stages of a run.
pub(super) struct Stages<'a> {
    /// The run's date.
    pub(super) as_of: Date,
    /// Memory budget in bytes.
    pub(super) memory: u64,
    /// Who asks.
    pub(super) lock: &'a LockInfo,
    /// Progress and stop; stages and warnings are not told, for there are a dozen of each.
    pub(super) host: &'a Muffled<'a>,
}

impl Builder for Stages<'_> {
    fn build(&self, config: &Config, root: &Path, until: Until<'_>) -> Result<Built> {
        let fs: Arc<dyn Fs> = Arc::new(RealFs);
        let sources = ingest::reading_order(config);
        let inputs = digest_inputs(&sources, &*fs, self.host)?;
        let lock = Lock::acquire(Arc::clone(&fs), root, self.lock)?;
        let run_id = RunId::new(self.as_of, 1, &Digest::of(b"prove")).expect("1 is a sequence number");
        let staging = Staging::create(&lock, run_id)?;
        let calendar = Calendar::new(&config.pipeline.time_zone)?;
        let scene = Scene { config, calendar: &calendar, host: self.host };
        let job = Job { scene, staging: &staging, memory: self.memory };
        let mut clock = Clock::new(self.host);
        let (tables, goods, schedule, found) = match until {
            Until::Decided => {
                let learned = learn(
                    &job,
                    self.as_of,
                    Before {
                        inputs: &inputs,
                        earlier: Earlier { ledger: &[], previous: None, held_out: None },
                        last: None,
                    },
                    &mut clock,
                )?;
                (learned.tables.checked, learned.goods, learned.schedule, learned.found)
            }
            Until::Features(schedule) => {
                let mut tables = read_sources(&job, &sources, Some(&inputs), Some(self.as_of), Files::Unheld)?.checked;
                let goods = goods(config, &tables)?;
                let schedule = match schedule {
                    Some(schedule) => schedule.clone(),
                    None => crate::run::schedule(&job, &tables, self.as_of)?,
                };
                attach_copies(&job, &mut tables, &schedule, &[])?;
                let (_, found) = look_back(&job, (&tables, &goods), &schedule, &mut clock)?;
                (tables, goods, schedule, found)
            }
        };
        Ok(Built {
            dir: staging.dir().to_owned(),
            tables,
            specs: found.specs,
            schedule,
            offers: goods.catalogue.offers.iter().map(|offer| offer.key.clone()).collect(),
            sample: found.sample,
            root: root.to_owned(),
            _lock: lock,
        })
    }
}

/// A host that passes on stop and progress and nothing else: of several builds, each of several stages.
pub(super) struct Muffled<'a> {
    host: &'a dyn Host,
    done: AtomicU64,
    steps: AtomicU64,
}

impl<'a> Muffled<'a> {
    /// For work of so many steps, a stage each, about.
    pub(super) fn new(host: &'a dyn Host, steps: u64) -> Self {
        Self { host, done: AtomicU64::new(0), steps: AtomicU64::new(steps) }
    }
}

impl Control for Muffled<'_> {
    fn progress(&self, _done: u64, _total: u64) {}

    fn stop(&self) -> Option<Stop> {
        self.host.stop()
    }
}

impl Host for Muffled<'_> {
    fn event(&self, event: Event) {
        if matches!(event, Event::End(_)) {
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            let steps = self.steps.load(Ordering::Relaxed);
            self.host.progress(done.min(steps), steps);
        }
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.host.secret(name)
    }

    fn elapsed_seconds(&self) -> f64 {
        self.host.elapsed_seconds()
    }
}
