//! Generating into a scratch directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::NoControl;
use osusume_storage::{Digest, Fs, RealFs};
use osusume_synth::{Options, Summary, World, generate};

pub(crate) fn real_fs() -> Arc<dyn Fs> {
    Arc::new(RealFs)
}

pub(crate) fn options(customers: u64, out_dir: &Path) -> Options {
    let seed = World::isp().default_seed();
    Options { customers, seed, events: None, until: None, truth_as_of: Vec::new(), out_dir: out_dir.to_owned() }
}

pub(crate) fn generate_isp(options: &Options) -> Summary {
    generate(&World::isp(), options, &real_fs(), &NoControl).expect("a scratch directory takes every file")
}

/// Path and digest of every file the summary names.
pub(crate) fn digests(dir: &Path, summary: &Summary) -> Vec<(String, Digest)> {
    summary.files.iter().map(|file| (file.path.clone(), digest(&dir.join(&file.path)))).collect()
}

pub(crate) fn digest(path: &Path) -> Digest {
    Digest::of(&std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
