//! Checks of rules, triggers and lanes: conditions can be read, names are told apart, and every effect has what it needs. Which features
//! and offers there are, only the tables tell.

use model::Code;
use osusume_decide::{MAX_DECLARED, MAX_LANES};
use osusume_model as model;

use super::derived::unreadable;
use super::{Checker, Entry, Node, View, got, keys_of, unknown_name};
use crate::expression::parse;

/// The lane of everybody who is in no other.
const EVERYBODY: &str = "offer";

/// Keys of a trigger, and the effect that has use for each.
const OF_EFFECT: [(&str, &str); 3] = [("from", "date"), ("until", "date"), ("days", "expire")];

pub(super) fn check(checker: &mut Checker, view: &View) {
    channel_limits(checker, view);
    ignored(checker, view);
    for (list, most, reserved) in [
        ("decide.rule", MAX_DECLARED, None),
        ("decide.trigger", MAX_DECLARED, None),
        ("decide.lane", MAX_LANES, Some(EVERYBODY)),
    ] {
        let entries = view.list(list);
        if entries.len() > most {
            let args = vec![("got", (entries.len() as i64).into()), ("allowed", format!("n ≤ {most}").into())];
            checker.fault(Code::ConfigNotAllowed, list, view.spot(list), args);
        }
        let mut taken: Vec<&str> = reserved.into_iter().collect();
        for (position, node) in entries.iter().enumerate() {
            let one = One { key: format!("{list}[{position}]"), node };
            one.check_name(checker, &mut taken);
            one.check_expressions(checker);
            match list {
                "decide.rule" => one.check_rule(checker),
                "decide.trigger" => one.check_trigger(checker),
                _ => {}
            }
        }
    }
}

/// A limit speaks of a channel there is, and contacts must tell theirs.
fn channel_limits(checker: &mut Checker, view: &View) {
    let channels: Vec<&str> = view.list("decide.channels").iter().filter_map(Node::as_text).collect();
    for (position, node) in view.list("decide.channel_limit").iter().enumerate() {
        let key = format!("decide.channel_limit[{position}].channel");
        let Some(entry) = node.as_table().and_then(|table| table.get("channel")) else { continue };
        if entry.node.as_text().is_some_and(|name| !channels.contains(&name)) {
            unknown_name(checker, &key, &entry.node, &channels);
        }
        contacts_tell(checker, view, "channel", &key);
    }
}

/// Whether a contact was answered, only a column of theirs tells.
fn ignored(checker: &mut Checker, view: &View) {
    for (position, hold) in view.list("decide.hold_after").iter().enumerate() {
        let event = hold.as_table().and_then(|table| table.get("event"));
        if event.and_then(|entry| entry.node.as_text()) == Some("ignored") {
            contacts_tell(checker, view, "responded", &format!("decide.hold_after[{position}].event"));
        }
    }
}

pub(super) fn contacts_tell(checker: &mut Checker, view: &View, column: &str, by: &str) {
    for (name, source) in view.with_role("contacts") {
        if !keys_of(source, "columns").contains(&column) {
            let args = vec![("needed_by", by.into())];
            checker.fault(Code::ConfigMissingKey, &format!("sources.{name}.columns.{column}"), source.key, args);
        }
    }
}

/// One entry, as far as it could be understood.
pub(super) struct One<'a> {
    pub(super) key: String,
    pub(super) node: &'a Node,
}

impl<'a> One<'a> {
    pub(super) fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.node.as_table()?.get(key)
    }

    pub(super) fn text(&self, key: &str) -> Option<(&'a Entry, &'a str)> {
        let entry = self.entry(key)?;
        Some((entry, entry.node.as_text()?))
    }

    pub(super) fn check_name(&self, checker: &mut Checker, taken: &mut Vec<&'a str>) {
        let Some((entry, name)) = self.text("name") else { return };
        if taken.contains(&name) {
            let args = vec![("got", name.into()), ("allowed", format!("≠ {name}").into())];
            checker.fault(Code::ConfigNotAllowed, &format!("{}.name", self.key), entry.node.spot, args);
        }
        taken.push(name);
    }

    pub(super) fn check_expressions(&self, checker: &mut Checker) {
        for key in ["when", "unless", "from", "until", "stop_when"] {
            if let Some((entry, expression)) = self.text(key)
                && let Err(wrong) = parse(expression)
            {
                unreadable(checker, &format!("{}.{key}", self.key), entry, &wrong);
            }
        }
    }

    /// One condition, said one way.
    fn check_rule(&self, checker: &mut Checker) {
        match (self.entry("when"), self.entry("unless")) {
            (Some(_), Some(unless)) => {
                let args =
                    vec![("got", got(&unless.node)), ("beside", "when".into()), ("allowed", "when | unless".into())];
                checker.fault(Code::ConfigNotAllowed, &format!("{}.unless", self.key), unless.key, args);
            }
            (None, None) if self.node.as_table().is_some() => {
                checker.fault(Code::ConfigMissingKey, &format!("{}.when", self.key), self.node.spot, vec![]);
            }
            _ => {}
        }
    }

    fn check_trigger(&self, checker: &mut Checker) {
        let Some((_, effect)) = self.text("effect") else { return };
        for (key, of) in OF_EFFECT {
            if let Some(entry) = self.entry(key).filter(|_| of != effect) {
                // The value is fine by itself: what it is of is not what was asked for.
                let args = vec![
                    ("got", got(&entry.node)),
                    ("beside", format!("effect = \"{effect}\"").into()),
                    ("allowed", format!("effect = \"{of}\"").into()),
                ];
                checker.fault(Code::ConfigNotAllowed, &format!("{}.{key}", self.key), entry.key, args);
            }
        }
        let needed = match effect {
            "date" if self.entry("until").is_none() => "from",
            "expire" => "days",
            _ => return,
        };
        if self.entry(needed).is_none() {
            let by = format!("{}.effect", self.key);
            let args = vec![("needed_by", by.into())];
            checker.fault(Code::ConfigMissingKey, &format!("{}.{needed}", self.key), self.node.spot, args);
        }
    }
}
