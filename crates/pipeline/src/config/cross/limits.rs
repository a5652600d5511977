//! Checks of `decide.capacity` and `decide.per_household`: channels there are, limits that say something, households that are known.

use std::collections::BTreeSet;

use model::{Arg, Code};
use osusume_model as model;

use super::super::check::{Checker, got, join, quoted};
use super::super::layer::{Entry, Node, Table, Value};
use super::derived::unreadable;
use super::{View, keys_of};
use crate::expression::parse;

/// Different conditions on the customers of limits.
const MAX_CONDITIONS: usize = 8;

/// Finds what is wrong between limits and the rest of the file.
pub(super) fn check(checker: &mut Checker, view: &View) {
    let channels: Vec<&str> = view.list("decide.channels").iter().filter_map(Node::as_text).collect();
    for (position, entry) in view.list("decide.capacity").iter().enumerate() {
        let Some(table) = entry.as_table() else { continue };
        let limit = Limit { position, entry, table };
        limit.channel(checker, &channels);
        limit.numbers(checker);
        limit.budget(checker, view);
        limit.condition(checker);
    }
    conditions(checker, view);
    households(checker, view);
    costs(checker, view, &channels);
}

/// Costs are those of channels there are.
fn costs(checker: &mut Checker, view: &View, channels: &[&str]) {
    let costs = view.node("decide.channel_cost_minor").and_then(Node::as_table);
    for (name, entry) in costs.into_iter().flatten().filter(|(name, _)| !channels.contains(&name.as_str())) {
        let known: Vec<String> = channels.iter().map(|&channel| channel.to_owned()).collect();
        let key = join("decide.channel_cost_minor", &quoted(name));
        let args = vec![("got", name.as_str().into()), ("allowed", known.into())];
        checker.fault(Code::ConfigUnknownName, &key, entry.key, args);
    }
}

/// Customers are told apart by one bit a condition.
fn conditions(checker: &mut Checker, view: &View) {
    let limits = view.list("decide.capacity");
    let when = |node: &Node| node.as_table().and_then(|table| table.get("when")?.node.as_text().map(str::to_owned));
    let different: BTreeSet<String> = limits.iter().filter_map(when).collect();
    if different.len() > MAX_CONDITIONS {
        let allowed = format!("{MAX_CONDITIONS} different `when`");
        let args = vec![("got", Arg::from(different.len().to_string())), ("allowed", allowed.into())];
        checker.fault(Code::ConfigNotAllowed, "decide.capacity", view.spot("decide.capacity"), args);
    }
}

/// One of `decide.capacity`.
struct Limit<'a> {
    position: usize,
    entry: &'a Node,
    table: &'a Table,
}

impl Limit<'_> {
    fn key(&self, name: &str) -> String {
        format!("decide.capacity[{}].{name}", self.position)
    }

    fn number(&self, name: &str) -> Option<i64> {
        integer(&self.table.get(name)?.node)
    }

    fn channel(&self, checker: &mut Checker, channels: &[&str]) {
        let Some(channel) = self.table.get("channel") else { return };
        if let Some(name) = channel.node.as_text().filter(|name| !channels.contains(name)) {
            let args = vec![("got", name.into()), ("allowed", channels.join(", ").into())];
            checker.fault(Code::ConfigNotAllowed, &self.key("channel"), channel.node.spot, args);
        }
    }

    fn numbers(&self, checker: &mut Checker) {
        let min = self.number("min").unwrap_or(0);
        match self.number("max") {
            Some(max) if max < min => {
                let args = vec![("got", Arg::from(max.to_string())), ("allowed", format!("≥ {min}").into())];
                checker.fault(Code::ConfigNotAllowed, &self.key("max"), self.entry.spot, args);
            }
            None if min == 0 && !self.table.contains_key("max") && !self.table.contains_key("budget_minor") => {
                let needed_by = self.key("").trim_end_matches('.').to_owned();
                checker.fault(
                    Code::ConfigMissingKey,
                    &self.key("max"),
                    self.entry.spot,
                    vec![("needed_by", needed_by.into())],
                );
            }
            _ => {}
        }
    }

    fn condition(&self, checker: &mut Checker) {
        if let Some(entry) = self.table.get("when")
            && let Some(text) = entry.node.as_text()
            && let Err(wrong) = parse(text)
        {
            unreadable(checker, &self.key("when"), entry, &wrong);
        }
    }

    /// A budget counts money and not rows, and contacts must cost some.
    fn budget(&self, checker: &mut Checker, view: &View) {
        let Some(budget) = self.table.get("budget_minor") else { return };
        let place = |entry: &Entry| entry.node.spot;
        for name in ["max", "min"] {
            if let Some(other) = self.table.get(name) {
                let args = vec![
                    ("got", got(&other.node)),
                    ("beside", "budget_minor".into()),
                    ("allowed", format!("{name} | budget_minor").into()),
                ];
                checker.fault(Code::ConfigNotAllowed, &self.key(name), place(other), args);
            }
        }
        let costs = view.node("decide.channel_cost_minor").and_then(Node::as_table).into_iter().flatten();
        let costs_nothing = costs.filter_map(|(_, entry)| integer(&entry.node)).all(|cost| cost == 0);
        if costs_nothing && view.integer("decide.contact_cost_minor").is_some_and(|cost| cost == 0) {
            let args = vec![("got", Arg::from("0")), ("allowed", "≥ 1".into())];
            checker.fault(Code::ConfigNotAllowed, "decide.contact_cost_minor", place(budget), args);
        }
    }
}

fn integer(node: &Node) -> Option<i64> {
    match node.value {
        Value::Integer(number) => Some(number),
        _ => None,
    }
}

/// A limit on households needs households.
fn households(checker: &mut Checker, view: &View) {
    let Some(limit) = view.node("decide.per_household") else { return };
    let is_known = |source| keys_of(source, "columns").contains(&"household");
    if let Some((name, _)) = view.with_role("customers").next()
        && !view.with_role("customers").any(|(_, source)| is_known(source))
    {
        let args = vec![("needed_by", Arg::from("decide.per_household"))];
        checker.fault(Code::ConfigMissingKey, &format!("sources.{name}.columns.household"), limit.spot, args);
    }
}
