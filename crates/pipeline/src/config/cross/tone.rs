//! Whoever asks for the tone of texts needs texts.

use model::Code;
use osusume_model as model;

use super::super::check::Checker;
use super::super::layer::{Node, Value};
use super::{View, keys_of, need};

pub(super) fn check(checker: &mut Checker, view: &View) {
    texts_alone(checker, view);
    if view.list("features.recipes").iter().any(|recipe| recipe.as_text() == Some("tone")) {
        texts(checker, view, "features.recipes");
    }
    let mut seen = Vec::new();
    for (position, hold) in view.list("decide.hold_after").iter().enumerate() {
        let Some(table) = hold.as_table() else { continue };
        let key = |name: &str| format!("decide.hold_after[{position}].{name}");
        let event = table.get("event").map(|entry| &entry.node);
        let Some(name) = event.and_then(Node::as_text) else { continue };
        if seen.contains(&name) {
            // Only one of them could hold.
            let args = vec![("got", name.into()), ("allowed", "each event once".into())];
            checker.fault(Code::ConfigNotAllowed, &key("event"), event.map_or(hold.spot, |node| node.spot), args);
        }
        seen.push(name);
        let by_tone = table.get("by_tone").map(|entry| &entry.node);
        if !by_tone.is_some_and(|node| matches!(node.value, Value::Flag(true))) {
            continue;
        }
        if name == "complaint" {
            texts(checker, view, &key("by_tone"));
        } else {
            let args = vec![("got", "true".into()), ("allowed", "event = \"complaint\"".into())];
            checker.fault(Code::ConfigNotAllowed, &key("by_tone"), by_tone.map_or(hold.spot, |node| node.spot), args);
        }
    }
}

/// A column of texts is nothing else too: as a category its words would be kept, and be features.
fn texts_alone(checker: &mut Checker, view: &View) {
    for (name, source) in view.with_role("voice") {
        let Some(columns) = source.node.as_table().and_then(|source| source.get("columns")?.node.as_table()) else {
            continue;
        };
        let Some(header) = columns.get("text").and_then(|entry| entry.node.as_text()) else { continue };
        let kept = keys_of(source, "keep").contains(&header);
        let twice = columns.iter().find(|(key, entry)| *key != "text" && entry.node.as_text() == Some(header));
        if let Some(key) = twice.map(|(key, _)| key.as_str()).or(kept.then_some("keep")) {
            let args = vec![("got", header.into()), ("allowed", format!("≠ sources.{name}.{key}").into())];
            let spot = columns["text"].node.spot;
            checker.fault(Code::ConfigNotAllowed, &format!("sources.{name}.columns.text"), spot, args);
        }
    }
}

/// Some source of role `voice` has to have texts; `by` needs them.
fn texts(checker: &mut Checker, view: &View, by: &str) {
    need(checker, view, "voice", by);
    let has_text = view.with_role("voice").any(|(_, source)| keys_of(source, "columns").contains(&"text"));
    if let Some((name, _)) = view.with_role("voice").next().filter(|_| !has_text) {
        let args = vec![("needed_by", by.to_owned().into())];
        checker.fault(Code::ConfigMissingKey, &format!("sources.{name}.columns.text"), view.spot(by), args);
    }
}
