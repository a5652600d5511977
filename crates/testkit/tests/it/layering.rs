//! The layers of ARCHITECTURE.md, read from the manifests: an edge the table forbids fails with its reason.

use std::collections::BTreeMap;
use std::path::Path;

use osusume_testkit::repository_root;

/// What a crate may use, and why it may not see the rest.
struct Rule {
    name: &'static str,
    /// Our own crates it may name.
    may_use: &'static [&'static str],
    /// Outside crates it may not name.
    forbidden: &'static [&'static str],
    reason: &'static str,
}

const ENGINES: &[&str] = &["arrow", "parquet", "serde", "serde_json", "toml", "tokio", "clap", "datafusion"];
const KERNEL: &str = "a kernel is a function on slices, testable and benchable alone, untouched by an Arrow major";

const RULES: &[Rule] = &[
    Rule { name: "model", may_use: &[], forbidden: ENGINES, reason: "vocabulary has no machinery" },
    Rule { name: "numeric", may_use: &[], forbidden: ENGINES, reason: "numerics know nothing of the trade" },
    Rule { name: "association", may_use: &["model", "numeric"], forbidden: ENGINES, reason: KERNEL },
    Rule { name: "evaluate", may_use: &["model", "numeric"], forbidden: ENGINES, reason: KERNEL },
    Rule { name: "propensity", may_use: &["model", "numeric", "evaluate"], forbidden: ENGINES, reason: KERNEL },
    Rule { name: "windows", may_use: &["model", "numeric"], forbidden: ENGINES, reason: KERNEL },
    Rule { name: "decide", may_use: &["model", "numeric", "evaluate"], forbidden: ENGINES, reason: KERNEL },
    Rule {
        name: "voice",
        may_use: &[],
        forbidden: ENGINES,
        reason: "what customers write is read as text alone: nothing here could store it",
    },
    Rule {
        name: "storage",
        may_use: &["model"],
        forbidden: &["arrow", "parquet", "clap", "tokio"],
        reason: "the crash-safety argument fits on one page",
    },
    Rule {
        name: "tables",
        may_use: &["model", "storage"],
        forbidden: &["clap", "tokio"],
        reason: "input and output do not decide",
    },
    Rule { name: "text", may_use: &["model"], forbidden: ENGINES, reason: "sentences need no machinery" },
    Rule {
        name: "export",
        may_use: &["model", "storage", "tables", "text"],
        forbidden: &["parquet", "clap"],
        reason: "an export writes what was decided and published",
    },
    Rule {
        name: "report",
        may_use: &["model", "storage", "text"],
        forbidden: &["arrow", "parquet", "clap"],
        reason: "a report can be drawn again from its JSON",
    },
    Rule {
        name: "pipeline",
        may_use: &[
            "model",
            "numeric",
            "association",
            "evaluate",
            "propensity",
            "windows",
            "decide",
            "voice",
            "storage",
            "tables",
            "text",
            "export",
            "report",
        ],
        forbidden: &["clap", "parquet", "arrow", "indicatif"],
        reason: "the pipeline knows neither terminal nor clock, and takes Arrow from tables",
    },
    Rule {
        name: "synth",
        may_use: &["model", "numeric", "storage", "tables", "text"],
        forbidden: &["clap", "parquet", "arrow"],
        reason: "the generated truth shares no code with what must find it",
    },
    Rule {
        name: "cli",
        may_use: &["pipeline", "synth", "model", "text"],
        forbidden: &["arrow", "parquet", "linfa", "ndarray", "toml"],
        reason: "presentation only",
    },
    Rule { name: "testkit", may_use: &["model"], forbidden: &["clap"], reason: "helpers for tests" },
];

fn dependencies(manifest: &Path, section: &str) -> Vec<String> {
    let text = std::fs::read_to_string(manifest).expect("every crate has a manifest");
    let manifest: toml::Table = text.parse().expect("manifests are TOML");
    manifest
        .get(section)
        .and_then(toml::Value::as_table)
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

fn broken_edges(rule: &Rule, dependencies: &[String]) -> Vec<String> {
    let mut broken = Vec::new();
    for dependency in dependencies {
        if let Some(ours) = dependency.strip_prefix("osusume-") {
            if !rule.may_use.contains(&ours) {
                broken.push(format!("{} may not use {ours}: {}", rule.name, rule.reason));
            }
        } else if rule.forbidden.contains(&dependency.as_str()) {
            broken.push(format!("{} may not use {dependency}: {}", rule.name, rule.reason));
        }
    }
    broken
}

#[test]
fn every_edge_is_in_the_table() {
    let rules: BTreeMap<&str, &Rule> = RULES.iter().map(|rule| (rule.name, rule)).collect();
    let mut broken = Vec::new();
    for entry in std::fs::read_dir(repository_root().join("crates")).expect("there are crates") {
        let folder = entry.expect("a readable folder").path();
        let name = folder.file_name().expect("a named folder").to_string_lossy().into_owned();
        let Some(rule) = rules.get(name.as_str()) else {
            broken.push(format!("crate {name} is not in the layers table of ARCHITECTURE.md and of this test"));
            continue;
        };
        broken.extend(broken_edges(rule, &dependencies(&folder.join("Cargo.toml"), "dependencies")));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn only_tables_names_parquet() {
    for rule in RULES.iter().filter(|rule| rule.name != "tables") {
        let manifest = repository_root().join("crates").join(rule.name).join("Cargo.toml");
        if manifest.is_file() {
            assert!(!dependencies(&manifest, "dependencies").iter().any(|d| d == "parquet"), "{}", rule.name);
        }
    }
}

#[test]
fn a_forbidden_edge_is_found() {
    let rule = RULES.iter().find(|rule| rule.name == "windows").expect("in the table");
    let broken = broken_edges(rule, &["osusume-tables".into(), "arrow".into(), "rayon".into()]);
    assert_eq!(broken.len(), 2);
    assert!(broken[0].contains("function on slices"));
}

#[test]
fn one_arrow_and_one_ndarray_in_the_graph() {
    let lock = std::fs::read_to_string(repository_root().join("Cargo.lock")).expect("the lock file is committed");
    for name in ["arrow", "arrow-array", "parquet", "ndarray", "linfa"] {
        let count = lock.lines().filter(|line| *line == format!("name = \"{name}\"")).count();
        assert_eq!(count, 1, "{name} must stand once in Cargo.lock");
    }
}
