//! The models of a published run, all offers in one.

use std::path::Path;

use osusume_model::Result;

use super::Source;
use crate::stages::train::portable;
use crate::why::{RunAt, published, specs};

/// Reads the models of a run; `dir` is its directory, or that of the runs of one pipeline.
///
/// # Errors
/// `NothingPublished`, `RunUnknown`; `FileDamaged`, `FormatVersion` for its model files.
pub(super) fn read(dir: &Path) -> Result<Source> {
    let run = published(RunAt::Directory(dir))?;
    let run = run.run();
    let (portable, offers) = portable(run, &specs(run)?)?;
    let properties = vec![
        ("run", run.current.run_id.to_string()),
        ("as_of", run.manifest.as_of.to_string()),
        ("offers", offers.join("\n")),
    ];
    let doc = format!("probability of taking each of {} offers, in the order of the property `offers`", offers.len());
    Ok(Source { portable, missing: &[""], doc, properties, target: None })
}
