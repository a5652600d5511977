//! From the command line to a checked configuration.

use std::path::Path;

use osusume_model::Result;
use osusume_pipeline::config::{Config, Layers, SecretRef};

use crate::args::{PipelineArgs, Resources};
use crate::console::variable;
use crate::memory::default_budget;

/// Reads and checks the pipeline file and what is laid over it.
///
/// # Errors
/// What crate `pipeline` says of the files.
pub(crate) fn load(args: &PipelineArgs) -> Result<Config> {
    Config::load(Layers { file: &args.pipeline, overlays: &args.overlay, sets: &args.set }, &secret)
}

/// A secret out of the environment or a file; line ends after it are no part of it.
fn secret(secret: &SecretRef) -> Option<String> {
    match secret {
        SecretRef::Env(name) => variable(name),
        SecretRef::File(path) => {
            let text = std::fs::read_to_string(Path::new(path)).ok()?;
            Some(text.trim_end_matches(['\n', '\r']).to_owned())
        }
    }
}

/// Threads: the command line's, else the pipeline file's, else what the machine allows.
pub(crate) fn threads(asked: Option<u16>, config: Option<&Config>) -> usize {
    let asked = asked.map(usize::from).or_else(|| config.and_then(|config| config.run.threads));
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Memory budget of a command without a pipeline file.
pub(crate) fn plain_memory(resources: &Resources) -> u64 {
    resources.memory.unwrap_or_else(default_budget)
}

/// Memory budget in bytes: the command line's, else the pipeline file's, else a share of what the machine grants.
pub(crate) fn memory(resources: &Resources, config: &Config) -> u64 {
    resources.memory.or(config.run.memory).unwrap_or_else(default_budget)
}
