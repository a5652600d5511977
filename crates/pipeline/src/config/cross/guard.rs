//! Checks of `guard`: groups are attributes of the customers, and those that are numbers have bands.

use model::Code;
use osusume_model as model;

use super::{Checker, Node, Value, View, keys_of, need, unknown_name};

pub(super) fn check(checker: &mut Checker, view: &View) {
    let groups = view.list("guard.groups");
    if !groups.is_empty() {
        need(checker, view, "customers", "guard.groups");
    }
    let Some((name, source)) = view.with_role("customers").next() else { return };
    let known = keys_of(source, "attributes");
    let kind = |header: &str| {
        view.node(&format!("sources.{name}.attributes")).and_then(|node| node.as_table()?.get(header)?.node.as_text())
    };
    let bands = view.node("guard.bands").and_then(Node::as_table);
    let is_number = |header: &str| matches!(kind(header), Some("integer" | "number"));
    for (position, node) in groups.iter().enumerate() {
        let Some(header) = node.as_text() else { continue };
        let key = format!("guard.groups[{position}]");
        if !known.contains(&header) {
            unknown_name(checker, &key, node, &known);
        } else if kind(header) == Some("text") {
            let args = vec![("got", "text".into()), ("allowed", "category | flag | integer | number".into())];
            checker.fault(Code::ConfigNotAllowed, &key, node.spot, args);
        } else if is_number(header) && bands.is_none_or(|bands| !bands.contains_key(header)) {
            let args = vec![("needed_by", key.into())];
            checker.fault(Code::ConfigMissingKey, &format!("guard.bands.{header}"), node.spot, args);
        }
    }
    for (header, entry) in bands.into_iter().flatten() {
        let borders: Vec<f64> = entry.node.as_list().into_iter().flatten().filter_map(border).collect();
        if borders.windows(2).any(|pair| pair[0] >= pair[1]) {
            let got = borders.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
            let args = vec![("got", got.into()), ("allowed", "each above the one before".into())];
            checker.fault(Code::ConfigNotAllowed, &format!("guard.bands.{header}"), entry.key, args);
        }
    }
    let listed: Vec<&str> = groups.iter().filter_map(Node::as_text).filter(|header| is_number(header)).collect();
    for (header, entry) in bands.into_iter().flatten().filter(|(header, _)| !listed.contains(&header.as_str())) {
        let mut args = vec![("got", header.as_str().into())];
        args.push(("allowed", super::names(&listed)));
        checker.fault(Code::ConfigUnknownName, &format!("guard.bands.{header}"), entry.key, args);
    }
}

fn border(node: &Node) -> Option<f64> {
    match node.value {
        Value::Number(x) => Some(x),
        Value::Integer(n) => Some(n as f64),
        _ => None,
    }
}
