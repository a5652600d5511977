//! The model registry: every model file once, under the digest of its content.

use std::path::PathBuf;

use osusume_model::{Code, Fault, Result};
use osusume_storage::{Staging, create_dirs};

use crate::config::Config;

/// The registry of a pipeline: `models/<pipeline>` beside the directory of all runs.
pub(crate) fn registry_dir(config: &Config) -> PathBuf {
    config.run.directory.with_file_name("models").join(&config.pipeline.name)
}

/// Links the staged model files into the registry, before the run becomes visible.
///
/// A link is another name of the same bytes, so a run that fails afterwards leaves nothing but names of files nobody refers to.
///
/// # Errors
/// Faults of writing, and `CannotWrite` where runs and registry do not share a file system.
pub(crate) fn link_models(config: &Config, staging: &Staging) -> Result<()> {
    let fs = &**staging.fs();
    let dir = registry_dir(config);
    create_dirs(fs, &dir)?;
    for output in staging.outputs().iter().filter(|output| output.path.starts_with("models/")) {
        let name = dir.join(format!("{}.json", output.sha256));
        if fs.metadata(&name)?.is_some() {
            continue;
        }
        fs.link(&staging.dir().join(&output.path), &name).map_err(|fault| match fault.code() {
            Code::CannotWrite => Fault::new(Code::CannotWrite).in_file(name.display().to_string()).because(fault),
            _ => fault,
        })?;
    }
    fs.sync_dir(&dir)
}
