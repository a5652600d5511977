//! Checks of `features.quota`: what counts and where the limit stands must be there, and no two may make columns of one name.

use model::Code;
use osusume_model as model;

use super::{Checker, Entry, Node, Value, View, keys_of, names, nearest, text_of};

pub(super) fn check(checker: &mut Checker, view: &View) {
    let mut taken = Vec::new();
    for (position, node) in view.list("features.quota").iter().enumerate() {
        let Some(table) = node.as_table() else { continue };
        let key = |name: &str| format!("features.quota[{position}].{name}");
        let text = |key: &str| table.get(key).and_then(|entry| Some((entry, entry.node.as_text()?)));
        if let Some((entry, name)) = text("limit") {
            let known = limits(view);
            one_of(checker, &key("limit"), (entry, name), &known);
        } else if !table.contains_key("limit") && !table.contains_key("hit_kind") {
            checker.fault(Code::ConfigMissingKey, &key("limit"), node.spot, vec![]);
        }
        if let (Some((entry, _)), true) = (text("period"), table.contains_key("days")) {
            not_allowed(checker, &key("period"), &entry.node, "period", "≠ days");
        }
        let Some((entry, source)) = text("source") else { continue };
        let events: Vec<(&str, &Entry)> = view.with_role("events").collect();
        let Some((_, declared)) = events.iter().find(|(name, _)| *name == source) else {
            let known: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
            one_of(checker, &key("source"), (entry, source), &known);
            continue;
        };
        let columns = keys_of(declared, "columns");
        for name in ["kind", "hit_kind"] {
            if let Some((entry, got)) = text(name).filter(|_| !columns.contains(&"kind")) {
                not_allowed(checker, &key(name), &entry.node, got, &format!("sources.{source}.columns.kind"));
            }
        }
        let has_period = ["period", "days"].iter().any(|name| table.contains_key(*name));
        if table.contains_key("limit") && !has_period && !columns.contains(&"value") {
            checker.fault(Code::ConfigMissingKey, &key("period"), node.spot, vec![]);
        }
        if let Some((entry, name)) = text("name") {
            if taken.contains(&(source, name)) {
                not_allowed(checker, &key("name"), &entry.node, name, &format!("≠ {name}"));
            }
            taken.push((source, name));
        }
    }
}

/// Attributes that are numbers: of products, and of customers unless a reload overwrites them.
fn limits<'a>(view: &View<'a>) -> Vec<&'a str> {
    let products =
        view.with_role("products").filter(|_| view.has_role("holdings")).flat_map(|(_, source)| numbers(source));
    let customers = view.with_role("customers").flat_map(|(_, source)| {
        let assumed = source.node.as_table().and_then(|table| table.get("assume_static"));
        let assumed: Vec<&str> =
            assumed.and_then(|entry| entry.node.as_list()).into_iter().flatten().filter_map(Node::as_text).collect();
        let is_reloaded = text_of(source, "history") == Some("snapshot");
        numbers(source).into_iter().filter(move |name| !is_reloaded || assumed.contains(name))
    });
    products.chain(customers).collect()
}

fn numbers(source: &Entry) -> Vec<&str> {
    let table = source.node.as_table().and_then(|source| source.get("attributes"));
    let attributes = table.and_then(|entry| entry.node.as_table()).into_iter().flatten();
    let is_number = |node: &Node| matches!(&node.value, Value::Text(kind) if kind == "integer" || kind == "number");
    attributes.filter(|(_, entry)| is_number(&entry.node)).map(|(name, _)| name.as_str()).collect()
}

fn one_of(checker: &mut Checker, key: &str, (entry, got): (&Entry, &str), known: &[&str]) {
    if known.contains(&got) {
        return;
    }
    let mut args = vec![("got", got.into()), ("allowed", names(known))];
    args.extend(nearest(got, known.iter().copied()).map(|word| ("suggestion", word.into())));
    checker.fault(Code::ConfigUnknownName, key, entry.node.spot, args);
}

fn not_allowed(checker: &mut Checker, key: &str, node: &Node, got: &str, allowed: &str) {
    checker.fault(Code::ConfigNotAllowed, key, node.spot, vec![("got", got.into()), ("allowed", allowed.into())]);
}
