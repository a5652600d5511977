//! The shape of the code: no file grows beyond what a reader can hold, and unsafe stays where it is argued for.

use std::path::{Path, PathBuf};

use osusume_testkit::repository_root;

/// Lines of code a source file may have, tests aside (CONTRIBUTING.md).
const FILE_LIMIT: usize = 700;

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(repository_root().join("crates")).expect("there are crates") {
        source_files(&entry.expect("a readable entry").path().join("src"), &mut found);
    }
    found.sort();
    found
}

fn code_lines(text: &str) -> usize {
    let code = text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at]);
    code.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//")).count()
}

#[test]
fn no_file_is_too_long() {
    for path in all_sources() {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let lines = code_lines(&text);
        assert!(lines <= FILE_LIMIT, "{}: {lines} lines of code, at most {FILE_LIMIT}", path.display());
    }
}

#[test]
fn unsafe_lives_in_dispatch_only() {
    for path in all_sources() {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let has_unsafe = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .any(|line| line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("unsafe impl"));
        assert!(!has_unsafe || path.ends_with("numeric/src/dispatch.rs"), "unsafe in {}", path.display());
    }
}
