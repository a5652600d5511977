//! What the run before knew of the same sources: tables that lost their rows, and a delivery that never came.

use osusume_model::{Code, Date, Fault, Result};
use osusume_storage::{InputEntry, Manifest};
use osusume_tables::SourceCount;

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
