use std::fmt::Write;

use super::*;

const ISP: &str = include_str!("../../../../pipelines/isp.toml");
const GROCER: &str = include_str!("../../../../pipelines/grocer.toml");

fn no_secrets(_: &SecretRef) -> Option<String> {
    None
}

/// Codes, places, keys and arguments, one fault a line: the sentences belong to crate `text`.
fn show(result: Result<Config>) -> String {
    let Err(fault) = result else { return "no fault\n".to_owned() };
    let mut out = String::new();
    for fault in std::iter::once(&fault).chain(fault.others()) {
        let place = fault.place();
        let (line, column) = (place.line.unwrap_or(0), place.column.unwrap_or(0));
        let file = place.file.as_deref().unwrap_or("-");
        write!(out, "{file}:{line}:{column} {:?}", fault.code()).unwrap();
        for (name, arg) in fault.args() {
            write!(out, " {name}={}", show_arg(arg)).unwrap();
        }
        out.push('\n');
    }
    out
}

fn show_arg(arg: &model::Arg) -> String {
    match arg {
        model::Arg::Int(n) => n.to_string(),
        model::Arg::Number(text) | model::Arg::Name(text) | model::Arg::Detail(text) => text.clone(),
        model::Arg::Names(names) => format!("[{}]", names.join(" ")),
    }
}

fn parse(text: &str) -> Result<Config> {
    Config::parse("pipelines/x.toml", text, &no_secrets)
}

#[test]
fn our_pipelines_have_no_fault() {
    for (name, text) in [("pipelines/isp.toml", ISP), ("pipelines/grocer.toml", GROCER)] {
        assert_eq!(show(Config::parse(name, text, &no_secrets)), "no fault\n", "{name}");
    }
}

/// Compares with a committed file, or writes it when `UPDATE_GOLDEN` is set.
fn check_golden(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(golden, text, "{} differs: run with UPDATE_GOLDEN=1 and review the change", path.display());
}

#[test]
fn the_reference_is_current() {
    check_golden("docs/pipeline-file.md", &reference());
}

#[test]
fn the_schema_is_current() {
    check_golden("docs/pipeline.schema.json", &schema());
}
