//! Proving that nothing learned or decided rests on what was not known: by rebuilding it from disturbed copies of the tables, and by asking
//! whether the tables themselves know an outcome too well.
//!
//! [`prove`] is the table of contents. The stages of a run are gone through as they are, then again after what a date must not see was taken
//! out, changed, or added to, and after all rows were put in another order; every byte of what is learned must stay. What is done to the
//! rows stands in `perturb` and `batch`, how two builds are compared in `compare` (the run's date) and `dates` (the dates before),
//! how the blame is found in `blame`, and what stays unproven in `limits`. `signs` and `row_signs` hold the questions to the tables.

mod batch;
mod bins;
mod blame;
mod compare;
mod dated;
mod dates;
mod limits;
mod perturb;
mod rebuild;
mod row_signs;
mod signs;

use std::path::{Path, PathBuf};

use osusume_model::{AsOf, Code, Date, Fault, Result};
use osusume_storage::{Fs, LockInfo, RealFs};
use serde::Serialize;

pub use self::limits::{Limit, LimitKind};
pub use self::perturb::Disturbance;
pub use self::signs::{Sign, SignKind};

use self::blame::Blamed;
use self::compare::{Difference, stage_of};
use self::perturb::{Wish, disturb};
use self::rebuild::{Builder, Built, Muffled, Stages, Until};
use crate::calendar::Calendar;
use crate::config::Config;
use crate::host::Host;
use crate::job::Quiet;
use crate::stages::train::TrainingData;

/// Stages of a whole build, for progress.
const STAGES: u64 = 6;
/// Rebuilds of a proof without a leak, about.
const REBUILDS: u64 = 11;
/// Differing files and columns told of one rebuild.
const TOLD: usize = 20;

/// What is to be proven.
pub struct ProveRequest<'a> {
    /// The checked configuration.
    pub config: &'a Config,
    /// The as-of date from the command line; the pipeline file's otherwise.
    pub as_of: Option<Date>,
    /// Memory budget in bytes.
    pub memory: u64,
    /// A directory that does not exist yet; it is made, used and removed.
    pub scratch: PathBuf,
    /// Which half of the proof, or both.
    pub scope: Scope,
    /// Who asks.
    pub lock: LockInfo,
    /// Told once the first build is there: seconds the others will take, about.
    pub estimate: &'a (dyn Fn(f64) + Sync),
}

/// Which half of a proof is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Both.
    Everything,
    /// What the pipeline makes of its tables: everything is built again.
    Rebuilds,
    /// What the tables themselves know: features are built once.
    Tables,
}

/// What was proven, and what was not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proof {
    /// The pipeline.
    pub pipeline: String,
    /// The run's date.
    pub as_of: String,
    /// Whether copies of the files gave the same as the files themselves; without that the rest says nothing.
    pub is_sound: bool,
    /// What was built again, and whether it was the same.
    pub rebuilds: Vec<Rebuild>,
    /// Where it was not.
    pub leaks: Vec<Leak>,
    /// Columns, orders and rows that know an outcome too well to have been there before it.
    pub signs: Vec<Sign>,
    /// Entries of `prove.known`, by position, that no sign answers to any more.
    pub unseen_known: Vec<usize>,
    /// Whether the tables were asked for such signs.
    pub are_tables_asked: bool,
    /// Offers with takes enough to be asked about such signs.
    pub asked: Vec<String>,
    /// What cannot be proven.
    pub limits: Vec<Limit>,
}

/// One rebuild.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rebuild {
    /// What was done to rows: `copied`, `deleted`, `changed`, `added`, `replaced`, `shuffled`.
    pub disturbance: &'static str,
    /// The date that must not see them.
    pub as_of: String,
    /// Rows disturbed, by source.
    pub rows: Vec<(String, u64)>,
    /// Files compared byte by byte; at a date models learn from, rows of the training table.
    pub compared: u64,
    /// Whether all was the same.
    pub is_same: bool,
}

/// Something that rests on what was not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leak {
    /// What was done to rows.
    pub disturbance: &'static str,
    /// The date that must not see them.
    pub as_of: String,
    /// The stage that makes the file.
    pub stage: &'static str,
    /// The file.
    pub file: String,
    /// The first column or place in it that differs.
    pub column: Option<String>,
    /// The source that column is made of, where it is a feature.
    pub feature_of: Option<String>,
    /// The sources that make the difference alone.
    pub sources: Vec<String>,
    /// Columns of them that do, with the source before a dot; none where it is the number of rows.
    pub source_columns: Vec<String>,
}

/// Proves by rebuilding, in a scratch directory that is removed again.
///
/// # Errors
/// What would stop a run.
pub fn prove(request: &ProveRequest<'_>, host: &dyn Host) -> Result<Proof> {
    let proof = prove_in(request, host);
    // What was found matters more than a leftover in the scratch directory.
    drop(RealFs.remove_dir_all(&request.scratch));
    proof
}

fn prove_in(request: &ProveRequest<'_>, host: &dyn Host) -> Result<Proof> {
    let config = request.config;
    let as_of = request.as_of.or(config.pipeline.as_of).ok_or_else(|| Fault::new(Code::AsOfMissing))?;
    RealFs.create_dir(&request.scratch)?;
    let muffled = Muffled::new(host, REBUILDS * STAGES);
    let stages = Stages { as_of, memory: request.memory, lock: &request.lock, host: &muffled };
    let began = host.elapsed_seconds();
    let until = if request.scope == Scope::Tables { Until::Features(None) } else { Until::Decided };
    let baseline = stages.build(config, &request.scratch.join("as-it-is"), until)?;
    if request.scope != Scope::Tables {
        (request.estimate)((host.elapsed_seconds() - began) * (REBUILDS - 1) as f64);
    }
    let prover = Prover { config, scratch: &request.scratch, builder: &stages, baseline: &baseline, host: &muffled };
    prover.prove(as_of, request.scope)
}

/// A proof at work.
struct Prover<'a> {
    config: &'a Config,
    scratch: &'a Path,
    builder: &'a dyn Builder,
    baseline: &'a Built,
    host: &'a dyn Host,
}

/// What one rebuild came to.
struct Outcome {
    rows: Vec<(String, u64)>,
    compared: u64,
    differences: Vec<Difference>,
}

impl Prover<'_> {
    fn prove(&self, as_of: Date, scope: Scope) -> Result<Proof> {
        let calendar = Calendar::new(&self.config.pipeline.time_zone)?;
        let run = calendar.as_of(as_of);
        let mut proof = Proof {
            pipeline: self.config.pipeline.name.clone(),
            as_of: as_of.to_string(),
            is_sound: true,
            rebuilds: Vec::new(),
            leaks: Vec::new(),
            signs: Vec::new(),
            unseen_known: Vec::new(),
            are_tables_asked: false,
            asked: Vec::new(),
            limits: limits::limits(self.config),
        };
        if scope != Scope::Tables {
            self.rebuilds(run, &mut proof)?;
        }
        if scope != Scope::Rebuilds && proof.is_sound {
            self.signs(&calendar, &mut proof)?;
        }
        Ok(proof)
    }

    /// Builds everything again, a dozen times, unless the first one shows that nothing can be proven so.
    fn rebuilds(&self, run: AsOf, proof: &mut Proof) -> Result<()> {
        self.rebuild(wish(Disturbance::Copied, run, true), proof)?;
        proof.is_sound = proof.leaks.is_empty();
        if !proof.is_sound {
            return Ok(());
        }
        self.rebuild(wish(Disturbance::Shuffled, run, true), proof)?;
        if self.config.is_cross_section() {
            return Ok(());
        }
        for disturbance in [Disturbance::Deleted, Disturbance::Changed, Disturbance::Added] {
            self.rebuild(wish(disturbance, run, true), proof)?;
        }
        for date in self.dates() {
            for disturbance in [Disturbance::Deleted, Disturbance::Replaced] {
                self.rebuild(wish(disturbance, date, false), proof)?;
            }
        }
        Ok(())
    }

    /// Asks what the tables themselves may have been told by the outcome.
    fn signs(&self, calendar: &Calendar, proof: &mut Proof) -> Result<()> {
        let (built, quiet) = (self.baseline, Quiet::new(self.host));
        let data = TrainingData::read_in(&RealFs, &built.dir, &built.specs, built.offers.len(), &quiet)?;
        let asked = signs::asked(&data, &built.schedule, built.offers.len());
        proof.are_tables_asked = true;
        proof.asked = asked.iter().map(|asked| built.offers[asked.offer].clone()).collect();
        let dates = (built.offers.as_slice(), calendar, &built.schedule);
        proof.signs = signs::columns(&data, &built.specs, &asked, dates);
        proof.signs.extend(row_signs::rows(self.config, built, &data, &asked, &quiet)?);
        let known = &self.config.known_signs;
        for sign in &mut proof.signs {
            sign.known = known.iter().find(|known| sign.is(known)).map(|known| known.because.clone());
        }
        let is_unseen = |known| !proof.signs.iter().any(|sign| sign.is(known));
        proof.unseen_known = (0..known.len()).filter(|&at| is_unseen(&known[at])).collect();
        Ok(())
    }

    /// The oldest, the middle and the newest date models learn from: most leaks hide there.
    fn dates(&self) -> Vec<AsOf> {
        let mature = &self.baseline.schedule.mature;
        let mut at = vec![0, mature.len() / 2, mature.len().saturating_sub(1)];
        at.dedup();
        at.into_iter().filter_map(|at| mature.get(at).copied()).collect()
    }

    /// Builds once more as `wish` says, and adds what comes of it to the proof.
    fn rebuild(&self, wish: Wish<'_>, proof: &mut Proof) -> Result<()> {
        let outcome = self.outcome(&wish)?;
        let named = |difference: &Difference, blamed: &Blamed| Leak {
            disturbance: wish.disturbance.id(),
            as_of: wish.as_of.date.to_string(),
            stage: stage_of(&difference.file),
            file: difference.file.clone(),
            column: difference.column.clone(),
            feature_of: difference.feature_of.clone(),
            sources: blamed.sources.clone(),
            source_columns: blamed.columns.clone(),
        };
        if !outcome.differences.is_empty() {
            let blamed = self.blame(&wish, &outcome)?;
            proof.leaks.extend(outcome.differences.iter().take(TOLD).map(|difference| named(difference, &blamed)));
        }
        if wish.is_of_run && wish.disturbance == Disturbance::Deleted {
            let nothing = outcome.rows.iter().filter(|(_, rows)| *rows == 0);
            let limit =
                |source: &String| Limit { source: source.clone(), kind: LimitKind::NothingLater, columns: Vec::new() };
            proof.limits.extend(nothing.map(|(source, _)| limit(source)));
        }
        proof.rebuilds.push(Rebuild {
            disturbance: wish.disturbance.id(),
            as_of: wish.as_of.date.to_string(),
            rows: outcome.rows,
            compared: outcome.compared,
            is_same: outcome.differences.is_empty(),
        });
        Ok(())
    }

    /// What a rebuild as `wish` says comes to. Where there was nothing to disturb, nothing is compared.
    fn outcome(&self, wish: &Wish<'_>) -> Result<Outcome> {
        let copies = self.scratch.join("copies");
        let quiet = Quiet::new(self.host);
        let (config, rows) = disturb(self.config, wish, &copies, &quiet)?;
        let outcome = if rows.iter().all(|(_, count)| *count == 0) {
            Outcome { rows, compared: 0, differences: Vec::new() }
        } else {
            let root = self.scratch.join("again");
            let (compared, differences) = if wish.is_of_run {
                let built = self.builder.build(&config, &root, Until::Decided)?;
                compare::differences(self.baseline, &built)?
            } else {
                let built = self.builder.build(&config, &root, Until::Features(Some(&self.baseline.schedule)))?;
                dates::differences(self.baseline, &built, wish.as_of.date, &quiet)?
            };
            Outcome { rows, compared, differences }
        };
        if RealFs.metadata(&copies)?.is_some() {
            RealFs.remove_dir_all(&copies)?;
        }
        Ok(outcome)
    }
}

fn wish(disturbance: Disturbance, as_of: AsOf, is_of_run: bool) -> Wish<'static> {
    Wish { disturbance, as_of, is_of_run, source: None, column: None }
}

#[cfg(test)]
mod tests;
