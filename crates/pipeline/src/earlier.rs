//! What the run before knew of the same sources: tables that lost their rows, and a delivery that never came.

use std::sync::Arc;

use osusume_model::{Code, Date, Fault, Result};
use osusume_storage::{InputEntry, Manifest, Runs};
use osusume_tables::SourceCount;

use crate::checked::Checked;
use crate::config::Role;
use crate::job::Job;
use crate::run::runs_root;
use crate::stages::consents::refusals as count_refusals;

/// The share of the refusals of the run before whose loss is said, in percent: some are taken back, not one in ten at once.
const LOST_PERCENT: u64 = 10;

/// A source that has lost more than `max_shrink` of the rows it had for the run before, most likely in an extract that broke off.
///
/// # Errors
/// `SourceShrunken`, for every such source together.
pub(crate) fn check_shrunken(max_shrink: f64, counts: &[(String, SourceCount)], last: &Manifest) -> Result<()> {
    let fault = |(name, count): &(String, SourceCount)| {
        let before = last.counts.get(name)?.read;
        let is_shrunken = (count.read as f64) < (1.0 - max_shrink) * before as f64;
        is_shrunken.then(|| {
            let fault = Fault::new(Code::SourceShrunken).with("source", name.as_str()).with("read", count.read);
            fault.with("before", before).with("run", last.run_id.to_string())
        })
    };
    Fault::all(counts.iter().filter_map(fault).collect())
}

/// Says that every file is the same as for a run of an earlier date: what happened since has not been delivered.
pub(crate) fn unchanged(inputs: &[InputEntry], as_of: Date, last: &Manifest) -> Option<Fault> {
    let is_same = |input: &InputEntry| last.inputs.contains(input);
    let is_stale = last.as_of < as_of && !inputs.is_empty() && inputs.iter().all(is_same);
    is_stale.then(|| Fault::new(Code::InputsUnchanged).with("run", last.run_id.to_string()))
}

/// Compares the refusals with those that the current run knew: an extract that lost only its refusals loses few rows, and every customer
/// who said no would be contacted. What is told where more than a tenth are gone.
///
/// # Errors
/// `RefusalsLost` where more than `quality.max_shrink` are gone; faults of reading these tables, and a stop asked for.
pub(crate) fn refusals(job: &Job<'_>, tables: &Checked) -> Result<Option<Fault>> {
    let Some(source) = job.config.source_of(Role::Consents) else { return Ok(None) };
    let fs = job.staging.fs();
    // Whether what was published is sound is for `runs verify` to say.
    let Ok(run) = Runs::new(Arc::clone(fs), runs_root(job.config)).open_current() else { return Ok(None) };
    let Ok(published) = Checked::published(&**fs, &run) else { return Ok(None) };
    let Ok(Some(before)) = count_refusals(job, &published, source) else { return Ok(None) };
    let Some(now) = count_refusals(job, tables, source)? else { return Ok(None) };
    let fault = || {
        let fault = Fault::new(Code::RefusalsLost).with("source", source.name.as_str()).with("refusals", now);
        fault.with("before", before).with("run", run.manifest.run_id.to_string())
    };
    if (now as f64) < (1.0 - job.config.quality.max_shrink) * before as f64 {
        return Err(fault());
    }
    Ok((now * 100 < before * (100 - LOST_PERCENT)).then(fault))
}
