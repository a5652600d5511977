//! The committed sample is what the command makes.

use osusume_synth::Summary;

use crate::support::{digest, generate_isp, options, repository};

const CUSTOMERS: u64 = 2_000;
const MOST_BYTES: u64 = 3_000_000;

/// To write the sample anew: `UPDATE_SAMPLE=1 cargo test -p osusume-synth sample`.
#[test]
fn the_sample_is_what_the_command_makes() {
    let sample = repository().join("data/isp");
    if option_env!("UPDATE_SAMPLE").is_some() {
        generate_isp(&options(CUSTOMERS, &sample));
    }
    let scratch = tempfile::tempdir().unwrap();
    let summary = generate_isp(&options(CUSTOMERS, scratch.path()));
    for path in shown(&summary) {
        assert_eq!(digest(&scratch.path().join(path)), digest(&sample.join(path)), "{path} differs from data/isp");
    }
    let bytes: u64 = shown(&summary).map(|path| sample.join(path).metadata().unwrap().len()).sum();
    assert!(bytes < MOST_BYTES, "the sample has {bytes} bytes");
}

/// The truth is not part of the sample.
fn shown(summary: &Summary) -> impl Iterator<Item = &str> {
    summary.files.iter().map(|file| file.path.as_str()).filter(|path| !path.starts_with("truth/"))
}
