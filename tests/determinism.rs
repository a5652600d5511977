//! The same inputs give the same bytes, whatever the threads and the memory.

use super::support::{AS_OF, Company, files_below, text};

/// Every file of a run with these resources, but for those that tell of the clock, and every delivered file.
fn files(threads: &str, memory: &str) -> Vec<(String, Vec<u8>)> {
    let company = Company::new();
    let resources = ["--threads", threads, "--memory", memory];
    // A company this small has few takes; models are wanted all the same.
    let run = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet", "--set", "train.min_positives=20"];
    company.succeed(&[&run[..], &resources[..]].concat());
    let mut files = files_below(&company.path("runs"));
    files.extend(files_below(&company.path("out")));
    files.retain(|(name, _)| !name.ends_with("timings.json") && !name.ends_with("LOCK"));
    files
}

#[test]
fn bytes_depend_neither_on_threads_nor_on_memory() {
    let expected = files("1", "4GiB");
    let models = expected.iter().filter(|(name, _)| name.contains("/models/"));
    let is_model = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("\"basis\": \"model\"");
    assert!(models.filter(|(_, bytes)| is_model(bytes)).count() > 3, "most offers have a model of their own");
    let dictionary = expected.iter().find(|(name, _)| name.ends_with("features/dictionary.json")).unwrap();
    assert!(text(&dictionary.1).contains("holdings_rules_"), "what rules say is among the features");
    for (threads, memory) in [("2", "4GiB"), ("7", "4GiB"), ("2", "256MiB")] {
        let got = files(threads, memory);
        let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&got), names(&expected));
        for ((name, got), (_, expected)) in got.iter().zip(&expected) {
            assert!(got == expected, "{name} differs with {threads} threads and {memory}");
        }
    }
}

/// Where all are learned from, one walk over the rows serves every date; where a sample is, the run's own date has a walk of its own.
#[test]
fn what_is_scored_does_not_depend_on_how_many_are_learned_from() {
    let scored = |max_rows: &str| {
        let company = Company::new();
        let max_rows = format!("train.max_rows={max_rows}");
        company.succeed(&["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet", "--set", &max_rows]);
        let mut files = files_below(&company.path("runs"));
        files.retain(|(name, _)| name.ends_with("features/scoring.parquet"));
        files.pop().unwrap().1
    };
    assert!(scored("1000") == scored("1000000"), "features of the run's date differ");
}
