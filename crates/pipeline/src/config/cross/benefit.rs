//! Checks of `offers.benefit`: texts and conditions can be read, triggers are there, and nothing that may not be said is named. Which features
//! there are, only the tables tell.

use model::Code;
use osusume_model as model;
use osusume_text::benefit::{Part, parse as parse_template};

use super::derived::unreadable;
use super::{Checker, Entry, Table, View, keys_of, names, text_of, unknown_name};
use crate::expression::parse;
use crate::plan::plain;

/// The keys of the texts.
const TEXTS: [&str; 2] = ["en", "ja"];

pub(super) fn check(checker: &mut Checker, view: &View) {
    let triggers: Vec<&str> =
        view.list("decide.trigger").iter().filter_map(|node| node.as_table()?.get("name")?.node.as_text()).collect();
    let unspoken = unspoken(view);
    for (position, node) in view.list("offers.benefit").iter().enumerate() {
        let Some(table) = node.as_table() else { continue };
        let one = One { key: format!("offers.benefit[{position}]"), table };
        if TEXTS.iter().all(|key| !table.contains_key(*key)) {
            checker.fault(Code::ConfigMissingKey, &format!("{}.en", one.key), node.spot, vec![]);
        }
        if let Some((entry, _)) = one.text("trigger").filter(|(_, name)| !triggers.contains(name)) {
            unknown_name(checker, &format!("{}.trigger", one.key), &entry.node, &triggers);
        }
        one.check_condition(checker, &unspoken);
        for key in TEXTS {
            one.check_text(checker, key, &unspoken);
        }
    }
}

/// Columns that no customer is told of, each with what it is: restricted attributes, and free text.
fn unspoken(view: &View) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, source) in view.with_role("customers") {
        let column = |header: &str| format!("{name}_{}", plain(header));
        let source = source.node.as_table();
        let listed = source.and_then(|source| source.get("restricted")).and_then(|entry| entry.node.as_list());
        let headers = listed.into_iter().flatten().filter_map(|node| node.as_text());
        found.extend(headers.map(|header| (column(header), format!("∉ sources.{name}.restricted"))));
        let attributes = source.and_then(|source| source.get("attributes")).and_then(|entry| entry.node.as_table());
        let texts = attributes.into_iter().flatten().filter(|(_, entry)| entry.node.as_text() == Some("text"));
        found.extend(texts.map(|(header, _)| (column(header), format!("sources.{name}.attributes.{header} ≠ text"))));
    }
    for (name, source) in view.with_role("voice").filter(|(_, source)| keys_of(source, "columns").contains(&"text")) {
        let columns = source.node.as_table().and_then(|source| source.get("columns"));
        let header = columns.and_then(|entry| text_of(entry, "text"));
        for column in ["text"].into_iter().chain(header) {
            found.push((format!("{name}_{}", plain(column)), format!("≠ sources.{name}.columns.text")));
        }
    }
    found
}

/// One entry, as far as it could be understood.
struct One<'a> {
    key: String,
    table: &'a Table,
}

impl<'a> One<'a> {
    fn text(&self, key: &str) -> Option<(&'a Entry, &'a str)> {
        let entry = self.table.get(key)?;
        Some((entry, entry.node.as_text()?))
    }

    fn check_condition(&self, checker: &mut Checker, unspoken: &[(String, String)]) {
        let Some((entry, expression)) = self.text("when") else { return };
        let key = format!("{}.when", self.key);
        match parse(expression) {
            Ok(syntax) => syntax.names().into_iter().for_each(|name| refuse(checker, &key, entry, name, unspoken)),
            Err(wrong) => unreadable(checker, &key, entry, &wrong),
        }
    }

    fn check_text(&self, checker: &mut Checker, key: &str, unspoken: &[(String, String)]) {
        let Some((entry, template)) = self.text(key) else { return };
        let key = format!("{}.{key}", self.key);
        match parse_template(template) {
            Ok(parts) => {
                let named = |part| match part {
                    Part::Placeholder { name, .. } => Some(name),
                    Part::Words(_) => None,
                };
                parts.into_iter().filter_map(named).for_each(|name| refuse(checker, &key, entry, &name, unspoken));
            }
            Err(wrong) => {
                let args = vec![
                    ("got", wrong.got.as_str().into()),
                    ("allowed", names(&wrong.allowed)),
                    ("position", (wrong.at as i64).into()),
                ];
                checker.fault(Code::ConfigExpression, &key, entry.node.spot, args);
            }
        }
    }
}

fn refuse(checker: &mut Checker, key: &str, entry: &Entry, name: &str, unspoken: &[(String, String)]) {
    if let Some((_, allowed)) = unspoken.iter().find(|(column, _)| column == name) {
        let args = vec![("got", name.into()), ("allowed", allowed.as_str().into())];
        checker.fault(Code::ConfigNotAllowed, key, entry.node.spot, args);
    }
}
