//! Golden files: expected text beside the test, rewritten only on demand.

use std::path::Path;

/// Compares `got` with the file at `path`, or writes the file when the environment has `UPDATE_GOLDEN=1`.
///
/// # Panics
/// When they differ: the message names the first differing line and both versions of it.
pub fn check_golden(path: &Path, got: &str) {
    if update_wanted() {
        let folder = path.parent().expect("a golden file lies in a folder");
        std::fs::create_dir_all(folder).expect("the golden folder can be made");
        std::fs::write(path, got).expect("the golden file can be written");
        return;
    }
    let expected = std::fs::read_to_string(path)
        .unwrap_or_else(|e| panic!("{}: {e}; run once with UPDATE_GOLDEN=1 and read the difference", path.display()));
    if expected == got {
        return;
    }
    let line = expected.lines().zip(got.lines()).take_while(|(a, b)| a == b).count();
    panic!(
        "{} differs from line {}:\n  expected: {}\n  got:      {}\n\nwhole text got:\n{got}",
        path.display(),
        line + 1,
        expected.lines().nth(line).unwrap_or("<end>"),
        got.lines().nth(line).unwrap_or("<end>"),
    );
}

#[expect(clippy::disallowed_methods, reason = "tests may ask the environment; the product may not")]
fn update_wanted() -> bool {
    std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1")
}
