//! Checks of `features.own`: what it reads must be there, and every feature must get a name of its own.

use model::Code;
use osusume_model as model;

use super::{Checker, Node, Table, Value, View, got, keys_of, names, nearest};
use crate::config::settings::OwnMeasure;

/// Roles whose rows features of one's own are made of.
const ROLES: &[&str] = &["purchases", "events", "voice", "contacts"];

/// Keys that some measures have: whether they need them, and which.
const SETTINGS: &[(&str, bool, &[OwnMeasure])] = &[
    ("level", true, &[OwnMeasure::Quantile]),
    ("half_life_days", true, &[OwnMeasure::DecayedCount, OwnMeasure::DecayedSum]),
    ("period", false, &[OwnMeasure::Streak, OwnMeasure::LongestStreak]),
];

pub(super) fn check(checker: &mut Checker, view: &View) {
    let own = view.list("features.own");
    let has_recipes =
        view.node("features.recipes").is_none_or(|node| node.as_list().is_none_or(|list| !list.is_empty()));
    let has_others = !view.list("features.quota").is_empty() || view.node("features.utilisation").is_some();
    if own.is_empty() && !has_others && !has_recipes {
        let args = vec![("got", "[]".into()), ("allowed", "n ≥ 1".into())];
        checker.fault(Code::ConfigNotAllowed, "features.recipes", view.spot("features.recipes"), args);
    }
    for (position, node) in own.iter().enumerate() {
        let Some(table) = node.as_table() else { continue };
        let entry = Own { key: format!("features.own[{position}]"), node, table };
        entry.check(checker, view);
    }
}

/// One entry, as far as it could be understood.
struct Own<'a> {
    key: String,
    node: &'a Node,
    table: &'a Table,
}

impl<'a> Own<'a> {
    fn text(&self, key: &str) -> Option<(&'a Node, &'a str)> {
        let node = &self.table.get(key)?.node;
        Some((node, node.as_text()?))
    }

    fn check(&self, checker: &mut Checker, view: &View) {
        self.check_name(checker);
        self.check_settings(checker);
        let Some((node, source)) = self.text("source") else { return };
        let known: Vec<&str> = ROLES.iter().flat_map(|role| view.with_role(role)).map(|(name, _)| name).collect();
        let Some(role) = ROLES.iter().find(|role| view.with_role(role).any(|(name, _)| name == source)) else {
            self.unknown(checker, "source", (node, source), &known);
            return;
        };
        let categories = categories(view, role, source);
        let measure = self.text("measure").and_then(|(_, word)| OwnMeasure::parse(word));
        if let Some(measure) = measure {
            let numbers = numbers(view, role, source);
            let allowed = match measure {
                OwnMeasure::Distinct => [codes(view, role, source), categories.clone()].concat(),
                _ if measure.takes_numbers() => numbers,
                _ => Vec::new(),
            };
            let needs_of = measure.needs_numbers() || measure == OwnMeasure::Distinct;
            self.check_column(checker, "of", &allowed, needs_of);
            self.check_column(checker, "by", &categories, measure == OwnMeasure::Share);
        }
    }

    /// A name with several windows or levels must tell them apart.
    fn check_name(&self, checker: &mut Checker) {
        let Some((node, name)) = self.text("name") else { return };
        let has = |part: &str| name.contains(part);
        let windows = self.n_windows();
        let by = self.table.contains_key("by");
        let missing =
            [("_{days}d", windows > 1 && !has("{days}")), ("_{level}", by && !has("{level}") && !has("{rank}"))];
        let extra = [("{days}", windows == 0), ("{level}", !by), ("{rank}", !by)];
        let longer = missing.into_iter().filter(|(_, is_wrong)| *is_wrong).map(|(part, _)| format!("{name}{part}"));
        let extra = extra.into_iter().filter(|(part, is_wrong)| *is_wrong && has(part));
        let shorter = extra.map(|(part, _)| name.replace(&format!("_{part}d"), "").replace(part, ""));
        for allowed in longer.chain(shorter.map(|name| name.trim_matches('_').to_owned())) {
            let args = vec![("got", name.into()), ("allowed", allowed.into())];
            checker.fault(Code::ConfigNotAllowed, &format!("{}.name", self.key), node.spot, args);
        }
    }

    /// How many `windows_days` there are.
    fn n_windows(&self) -> usize {
        self.table.get("windows_days").and_then(|entry| entry.node.as_list()).map_or(0, <[Node]>::len)
    }

    /// One way to say the window; a level, a half-life or a period only where the measure has one.
    fn check_settings(&self, checker: &mut Checker) {
        if let (Some((node, word)), true) = (self.text("window"), self.n_windows() > 0) {
            let args = vec![("got", word.into()), ("allowed", "window | windows_days".into())];
            checker.fault(Code::ConfigNotAllowed, &format!("{}.window", self.key), node.spot, args);
        }
        let Some(measure) = self.text("measure").and_then(|(_, word)| OwnMeasure::parse(word)) else { return };
        for (key, needs, measures) in SETTINGS {
            let key_path = format!("{}.{key}", self.key);
            match self.table.get(*key) {
                None if *needs && measures.contains(&measure) => {
                    checker.fault(Code::ConfigMissingKey, &key_path, self.node.spot, vec![]);
                }
                Some(entry) if !measures.contains(&measure) => {
                    let allowed: Vec<&str> = measures.iter().map(|measure| measure.id()).collect();
                    let args = vec![
                        ("got", got(&entry.node)),
                        ("allowed", format!("measure = {} (≠ {})", allowed.join(" | "), measure.id()).into()),
                    ];
                    checker.fault(Code::ConfigNotAllowed, &key_path, entry.key, args);
                }
                _ => {}
            }
        }
    }

    fn check_column(&self, checker: &mut Checker, key: &str, allowed: &[&str], is_needed: bool) {
        match self.text(key) {
            None if is_needed => {
                checker.fault(Code::ConfigMissingKey, &format!("{}.{key}", self.key), self.node.spot, vec![]);
            }
            Some((node, name)) if !allowed.contains(&name) => self.unknown(checker, key, (node, name), allowed),
            _ => {}
        }
    }

    fn unknown(&self, checker: &mut Checker, key: &str, (node, name): (&Node, &str), known: &[&str]) {
        let mut args = vec![("got", name.into()), ("allowed", names(known))];
        args.extend(nearest(name, known.iter().copied()).map(|word| ("suggestion", word.into())));
        checker.fault(Code::ConfigUnknownName, &format!("{}.{key}", self.key), node.spot, args);
    }
}

fn has_column(view: &View, role: &str, source: &str, column: &str) -> bool {
    view.with_role(role).any(|(name, entry)| name == source && keys_of(entry, "columns").contains(&column))
}

/// Columns of numbers that measures read.
fn numbers(view: &View, role: &str, source: &str) -> Vec<&'static str> {
    let has = |column| has_column(view, role, source, column);
    match role {
        "purchases" if has("amount") || has("unit_price") => vec!["amount"],
        "events" if has("value") => vec!["value"],
        _ => Vec::new(),
    }
}

/// Columns whose different values are counted, besides the categories.
fn codes(view: &View, role: &str, source: &str) -> Vec<&'static str> {
    let columns: &[&str] = if role == "purchases" { &["product", "basket"] } else { &[] };
    columns.iter().copied().filter(|column| has_column(view, role, source, column)).collect()
}

/// Columns whose levels get features.
fn categories<'a>(view: &View<'a>, role: &str, source: &str) -> Vec<&'a str> {
    let has = |column| has_column(view, role, source, column);
    match role {
        "purchases" => view.with_role("products").flat_map(|(_, entry)| category_attributes(entry)).collect(),
        "events" if has("kind") => vec!["kind"],
        "voice" if has("topic") => vec!["topic"],
        _ => Vec::new(),
    }
}

pub(super) fn category_attributes(source: &super::Entry) -> Vec<&str> {
    let table = source.node.as_table().and_then(|source| source.get("attributes"));
    let attributes = table.and_then(|entry| entry.node.as_table()).into_iter().flatten();
    let is_category = |node: &Node| matches!(&node.value, Value::Text(kind) if kind == "category");
    attributes.filter(|(_, entry)| is_category(&entry.node)).map(|(name, _)| name.as_str()).collect()
}
