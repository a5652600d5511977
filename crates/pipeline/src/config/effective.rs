//! The configuration that holds, as TOML: keys sorted, defaults shown, secrets hidden.

use super::layer::{Node, Table, Value};

/// Whether secrets stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    Hidden,
    Shown,
}

/// The tree as TOML. Equal trees give equal bytes.
pub(super) fn print(root: &Table, secrets: Secrets) -> String {
    toml::to_string(&table(root, secrets)).expect("texts, numbers, flags, dates, lists and tables are TOML")
}

fn table(entries: &Table, secrets: Secrets) -> toml::Table {
    entries.iter().map(|(name, entry)| (name.clone(), value(&entry.node, secrets))).collect()
}

fn value(node: &Node, secrets: Secrets) -> toml::Value {
    match &node.value {
        Value::Text(_) if node.secret && secrets == Secrets::Hidden => "***".into(),
        Value::Text(text) => text.as_str().into(),
        Value::Integer(n) => (*n).into(),
        Value::Number(x) => (*x).into(),
        Value::Flag(flag) => (*flag).into(),
        Value::Date(date) => toml::Value::Datetime(date.to_string().parse().expect("a date is TOML")),
        Value::Other(kind) => (*kind).into(),
        Value::List(list) => toml::Value::Array(list.iter().map(|item| value(item, secrets)).collect()),
        Value::Table(inner) => toml::Value::Table(table(inner, secrets)),
    }
}
