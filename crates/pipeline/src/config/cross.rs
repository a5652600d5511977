//! Checks that need more than one key: names that refer to sources and columns, dates that fit together.

mod approach;
mod arms;
mod benefit;
mod derived;
mod guard;
mod limits;
mod own;
mod privacy;
mod quota;
mod recipes;
mod timing;
mod tone;
mod utilisation;

use model::{Arg, Code};
use osusume_model as model;

use super::check::{Checker, got};
use super::fields::ROLES;
use super::layer::{Entry, Node, Spot, Table, Value};
use super::settings::{FAMILY_LEVEL, PRODUCT_LEVEL};
use super::words::nearest;

/// Roles of which a pipeline may have several sources.
const MANY: &[&str] = &["events", "voice"];

/// Channels that crate `decide` tells apart.
const MAX_CHANNELS: usize = 32;

/// The tree as far as it could be understood; whatever is faulty already counts as absent.
struct View<'a> {
    root: &'a Table,
    sources: Vec<(&'a str, &'a Entry)>,
}

/// Finds what is wrong between keys, also in a tree that has other faults.
pub(super) fn check(checker: &mut Checker, root: &Table) {
    let sources = root.get("sources").and_then(|entry| entry.node.as_table());
    let sources = sources.into_iter().flatten().map(|(name, entry)| (name.as_str(), entry)).collect();
    let view = View { root, sources };
    one_source_a_role(checker, &view);
    what_offers_need(checker, &view);
    categories(checker, &view);
    static_columns(checker, &view);
    versions(checker, &view);
    channels(checker, &view);
    cross_section(checker, &view);
    revealing(checker, &view);
    mining(checker, &view);
    own::check(checker, &view);
    derived::check(checker, &view);
    recipes::check(checker, &view);
    quota::check(checker, &view);
    utilisation::check(checker, &view);
    consent(checker, &view);
    holds(checker, &view);
    tone::check(checker, &view);
    timing::check(checker, &view);
    approach::check(checker, &view);
    benefit::check(checker, &view);
    guard::check(checker, &view);
    restricted(checker, &view);
    limits::check(checker, &view);
    arms::check(checker, &view);
    tests(checker, &view);
    exports(checker, &view);
    privacy::check(checker, &view);
    known_signs(checker, &view);
}

impl<'a> View<'a> {
    fn entry(&self, path: &str) -> Option<&'a Entry> {
        let mut parts = path.split('.');
        let first = self.root.get(parts.next()?)?;
        parts.try_fold(first, |entry, part| entry.node.as_table()?.get(part))
    }

    fn node(&self, path: &str) -> Option<&'a Node> {
        self.entry(path).map(|entry| &entry.node)
    }

    fn list(&self, path: &str) -> &'a [Node] {
        self.node(path).and_then(Node::as_list).unwrap_or_default()
    }

    fn integer(&self, path: &str) -> Option<i64> {
        match self.node(path)?.value {
            Value::Integer(n) => Some(n),
            _ => None,
        }
    }

    /// The place of a table, or of the nearest one around it.
    fn spot(&self, path: &str) -> Spot {
        let written = |path: &str| self.entry(path).map(|entry| entry.key).filter(|spot| spot.layer.is_some());
        let outer = || path.rsplit_once('.').and_then(|(outer, _)| written(outer));
        written(path).or_else(outer).unwrap_or(Spot { layer: Some(0), line: 1, column: 1 })
    }

    fn with_role(&self, role: &str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        self.sources.iter().copied().filter(move |(_, source)| text_of(source, "role") == Some(role))
    }

    fn has_role(&self, role: &str) -> bool {
        self.with_role(role).next().is_some()
    }

    /// Whether a source's role could not be read: then nothing can be said of what is missing.
    fn is_unsure(&self) -> bool {
        self.sources.is_empty()
            || self.sources.iter().any(|(_, source)| !text_of(source, "role").is_some_and(|role| ROLES.contains(&role)))
    }
}

fn text_of<'a>(source: &'a Entry, key: &str) -> Option<&'a str> {
    source.node.as_table()?.get(key)?.node.as_text()
}

/// Keys of a source's table of columns or attributes.
fn keys_of<'a>(source: &'a Entry, table: &str) -> Vec<&'a str> {
    let inner = source.node.as_table().and_then(|source| source.get(table)).and_then(|entry| entry.node.as_table());
    inner.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// The headers a source declares, as columns or attributes.
fn headers_of(source: &Entry) -> Vec<&str> {
    let columns =
        source.node.as_table().and_then(|source| source.get("columns")).and_then(|entry| entry.node.as_table());
    let headers = columns.into_iter().flatten().filter_map(|(_, entry)| entry.node.as_text());
    headers.chain(keys_of(source, "attributes")).collect()
}

/// A sign is told of a source there is.
fn known_signs(checker: &mut Checker, view: &View) {
    let sources: Vec<&str> = view.sources.iter().map(|(name, _)| *name).collect();
    for (position, known) in view.list("prove.known").iter().enumerate() {
        let Some(table) = known.as_table() else { continue };
        if !table.contains_key("sign") && !table.contains_key("column") {
            // A whole source explained away would hide the leak that comes next.
            checker.fault(Code::ConfigMissingKey, &format!("prove.known[{position}].column"), known.spot, vec![]);
        }
        let Some(source) = table.get("source") else { continue };
        if source.node.as_text().is_some_and(|name| !sources.contains(&name)) {
            unknown_name(checker, &format!("prove.known[{position}].source"), &source.node, &sources);
        }
    }
}

fn unknown_name(checker: &mut Checker, key: &str, node: &Node, known: &[&str]) {
    let suggestion = node.as_text().and_then(|text| nearest(text, known.iter().copied()));
    let mut args = vec![("got", got(node)), ("allowed", names(known))];
    args.extend(suggestion.map(|word| ("suggestion", word.into())));
    checker.fault(Code::ConfigUnknownName, key, node.spot, args);
}

fn names(words: &[&str]) -> Arg {
    words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>().into()
}

/// A role that is needed and not there; the place is that of the key that needs it.
fn need(checker: &mut Checker, view: &View, role: &str, by: &str) {
    if !view.has_role(role) && !view.is_unsure() {
        let args = vec![("needed_by", by.into())];
        checker.fault(Code::ConfigMissingKey, &role_key(role), view.spot(by), args);
    }
}

/// How a source of a role begins.
fn role_key(role: &str) -> String {
    format!("sources.*.role = \"{role}\"")
}

fn one_source_a_role(checker: &mut Checker, view: &View) {
    for role in ROLES.iter().filter(|role| !MANY.contains(role)) {
        let first = view.with_role(role).next().map(|(name, _)| format!("≠ sources.{name}.role"));
        for (name, source) in view.with_role(role).skip(1) {
            let args = vec![("got", (*role).into()), ("allowed", first.clone().unwrap_or_default().into())];
            checker.fault(Code::ConfigNotAllowed, &format!("sources.{name}.role"), source.key, args);
        }
    }
    // Where there is no table of them, customers are those who buy or hold something.
    if !["purchases", "holdings", "cross_section"].iter().any(|role| view.has_role(role)) {
        need(checker, view, "customers", "sources");
    }
}

fn what_offers_need(checker: &mut Checker, view: &View) {
    let ladders = ["offers.upsell.families", "offers.cross_sell.families"];
    let ladder = ladders.into_iter().find(|path| !view.list(path).is_empty());
    let is_category = view.entry("offers.category").is_some();
    match ladder {
        Some(path) => {
            if !view.has_role("cross_section") {
                need(checker, view, "holdings", path);
            }
            need(checker, view, "products", path);
            for (name, source) in view.with_role("products") {
                let columns = keys_of(source, "columns");
                for column in ["family", "tier", "margin"].into_iter().filter(|column| !columns.contains(column)) {
                    checker.fault(
                        Code::ConfigMissingKey,
                        &format!("sources.{name}.columns.{column}"),
                        source.key,
                        vec![],
                    );
                }
            }
        }
        None if !is_category
            && ladders.into_iter().all(|path| view.node(path).is_some_and(|node| node.as_list().is_some())) =>
        {
            checker.fault(Code::NoOffers, "offers", view.spot("offers"), vec![]);
        }
        None => {}
    }
}

fn categories(checker: &mut Checker, view: &View) {
    if let Some(node) = view.node("offers.category.source").filter(|node| node.as_text().is_some()) {
        let known: Vec<&str> = view.with_role("purchases").map(|(name, _)| name).collect();
        if !known.iter().any(|&name| node.as_text() == Some(name)) {
            unknown_name(checker, "offers.category.source", node, &known);
        }
    }
    if let Some(node) = view.node("offers.category.level").filter(|node| node.as_text().is_some()) {
        let known: Vec<&str> =
            view.with_role("products").flat_map(|(_, source)| keys_of(source, "attributes")).collect();
        if !known.iter().chain(&[PRODUCT_LEVEL]).any(|&name| node.as_text() == Some(name)) {
            unknown_name(checker, "offers.category.level", node, &known);
        }
    }
}

/// What has no time can neither be learned from over time nor hold purchases on offer; and what is held is no attribute of who holds it.
fn cross_section(checker: &mut Checker, view: &View) {
    let Some((name, source)) = view.with_role("cross_section").next() else { return };
    let has_dates = |node: &Node| node.as_list().is_some_and(|dates| !dates.is_empty());
    for path in ["offers.category", "train.as_of", "train.tests"] {
        let contradicts = |entry: &&Entry| !path.starts_with("train") || has_dates(&entry.node);
        if let Some(entry) = view.entry(path).filter(contradicts) {
            let args =
                vec![("got", got(&entry.node)), ("allowed", format!("sources.{name}.role ≠ cross_section").into())];
            checker.fault(Code::ConfigNotAllowed, path, entry.key, args);
        }
    }
    for (other, holdings) in view.with_role("holdings") {
        let args = vec![("got", "holdings".into()), ("allowed", format!("≠ sources.{name}.role").into())];
        checker.fault(Code::ConfigNotAllowed, &format!("sources.{other}.role"), holdings.key, args);
    }
    let holds = keys_of(source, "holds");
    if holds.is_empty() {
        checker.fault(Code::ConfigMissingKey, &format!("sources.{name}.holds"), source.key, vec![]);
    }
    let read: Vec<&str> = holds.iter().flat_map(|product| keys_below(source, "holds", product)).collect();
    for (customers, table) in view.with_role("customers").filter(|(_, table)| paths_of(table) == paths_of(source)) {
        for header in keys_of(table, "attributes").into_iter().filter(|header| read.contains(header)) {
            let args = vec![("got", header.into()), ("allowed", format!("≠ sources.{name}.holds.*.{header}").into())];
            checker.fault(Code::ConfigNotAllowed, &format!("sources.{customers}.attributes.{header}"), table.key, args);
        }
    }
}

/// What gives something away must be an attribute, and only a cross-section has use for knowing it.
fn revealing(checker: &mut Checker, view: &View) {
    for (name, source) in view.with_role("customers") {
        let known = keys_of(source, "attributes");
        let Some(table) = source.node.as_table().and_then(|source| source.get("reveals")) else { continue };
        for (header, entry) in table.node.as_table().into_iter().flatten() {
            let key = format!("sources.{name}.reveals.{header}");
            if !view.has_role("cross_section") && !view.is_unsure() {
                let args = vec![("needed_by", key.as_str().into())];
                checker.fault(Code::ConfigMissingKey, &role_key("cross_section"), entry.key, args);
            } else if !known.contains(&header.as_str()) {
                let args = vec![("got", header.as_str().into()), ("allowed", names(&known))];
                checker.fault(Code::ConfigUnknownName, &key, entry.key, args);
            }
        }
    }
}

/// What models may not see is an attribute.
fn restricted(checker: &mut Checker, view: &View) {
    for (name, source) in view.with_role("customers") {
        let known = keys_of(source, "attributes");
        let listed = source.node.as_table().and_then(|source| source.get("restricted"));
        let listed = listed.and_then(|entry| entry.node.as_list()).unwrap_or_default();
        for (position, node) in listed.iter().enumerate() {
            if node.as_text().is_some_and(|text| !known.contains(&text)) {
                unknown_name(checker, &format!("sources.{name}.restricted[{position}]"), node, &known);
            }
        }
    }
}

/// Baskets need a source that tells them.
fn mining(checker: &mut Checker, view: &View) {
    levels_above(checker, view);
    let Some(kind) = view.node("mine.baskets").and_then(Node::as_text) else { return };
    match kind {
        "holdings" if !view.has_role("cross_section") => need(checker, view, "holdings", "mine.baskets"),
        "purchases" => {
            need(checker, view, "purchases", "mine.baskets");
            for (name, source) in view.with_role("purchases") {
                if !keys_of(source, "columns").contains(&"basket") {
                    let args = vec![("needed_by", "mine.baskets".into())];
                    checker.fault(Code::ConfigMissingKey, &format!("sources.{name}.columns.basket"), source.key, args);
                }
            }
        }
        _ => {}
    }
}

/// What lies in a basket belongs to other levels of the products than its own.
fn levels_above(checker: &mut Checker, view: &View) {
    let own = view.node("mine.level").and_then(Node::as_text).unwrap_or(PRODUCT_LEVEL);
    let attributes = view.with_role("products").flat_map(|(_, source)| keys_of(source, "attributes"));
    let known: Vec<&str> = attributes.chain([FAMILY_LEVEL]).filter(|level| *level != own).collect();
    let listed = view.node("mine.above").and_then(Node::as_list).unwrap_or_default();
    for (position, node) in listed.iter().enumerate() {
        if node.as_text().is_some_and(|text| !known.contains(&text)) {
            unknown_name(checker, &format!("mine.above[{position}]"), node, &known);
        }
    }
}

/// Keys of a table inside a table of a source.
fn keys_below<'a>(source: &'a Entry, table: &str, inner: &str) -> Vec<&'a str> {
    let outer = source.node.as_table().and_then(|source| source.get(table)).and_then(|entry| entry.node.as_table());
    let inner = outer.and_then(|table| table.get(inner)).and_then(|entry| entry.node.as_table());
    inner.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// The files of a source, as they were written.
fn paths_of(source: &Entry) -> Vec<&str> {
    let Some(path) = source.node.as_table().and_then(|source| source.get("path")) else { return Vec::new() };
    let nodes = path.node.as_list().unwrap_or(std::slice::from_ref(&path.node));
    nodes.iter().filter_map(Node::as_text).collect()
}

fn static_columns(checker: &mut Checker, view: &View) {
    for (name, source) in &view.sources {
        let known = headers_of(source);
        let listed = source.node.as_table().and_then(|source| source.get("assume_static"));
        let listed = listed.and_then(|entry| entry.node.as_list()).unwrap_or_default();
        for (position, node) in listed.iter().enumerate() {
            if node.as_text().is_some_and(|text| !known.contains(&text)) {
                unknown_name(checker, &format!("sources.{name}.assume_static[{position}]"), node, &known);
            }
        }
    }
}

/// Only customers come in versions, and a version counts from its arrival.
fn versions(checker: &mut Checker, view: &View) {
    let in_versions = |source: &Entry| text_of(source, "history") == Some("versions");
    for &(name, source) in view.sources.iter().filter(|(_, source)| in_versions(source)) {
        let key = format!("sources.{name}.history");
        let spot = view.node(&key).map_or(source.key, |node| node.spot);
        if text_of(source, "role") != Some("customers") {
            let args = vec![("got", "versions".into()), ("allowed", names(&["append", "snapshot"]))];
            checker.fault(Code::ConfigNotAllowed, &key, spot, args);
        } else if !keys_of(source, "columns").contains(&"arrived") {
            let args = vec![("needed_by", key.into())];
            checker.fault(Code::ConfigMissingKey, &format!("sources.{name}.columns.arrived"), spot, args);
        }
    }
}

/// A set of channels is a set of bits.
fn channels(checker: &mut Checker, view: &View) {
    if view.list("decide.channels").len() > MAX_CHANNELS {
        let args = vec![("got", "list".into()), ("allowed", format!("n ≤ {MAX_CHANNELS}").into())];
        checker.fault(Code::ConfigNotAllowed, "decide.channels", view.spot("decide.channels"), args);
    }
}

fn consent(checker: &mut Checker, view: &View) {
    if matches!(view.node("decide.consent.required").map(|node| &node.value), Some(Value::Flag(true))) {
        need(checker, view, "consents", "decide.consent.required");
    }
}

fn holds(checker: &mut Checker, view: &View) {
    for (position, hold) in view.list("decide.hold_after").iter().enumerate() {
        let Some(event) = hold.as_table().and_then(|table| table.get("event")) else { continue };
        let roles: &[&str] = match event.node.as_text() {
            Some("complaint") => &["voice"],
            Some("purchase") => &["purchases", "holdings"],
            Some("ignored") => &["contacts"],
            _ => continue,
        };
        if !view.is_unsure() && !roles.iter().any(|role| view.has_role(role)) {
            let key = format!("decide.hold_after[{position}].event");
            checker.fault(
                Code::ConfigMissingKey,
                &role_key(roles[0]),
                event.node.spot,
                vec![("needed_by", key.into())],
            );
        }
    }
}

/// A capacity names a channel there is, and bounds something: from above, from below, or both in that order.
/// Tests must be among the dates, and each needs a date before it whose takes were known to be kept by then.
fn tests(checker: &mut Checker, view: &View) {
    let tests = view.list("train.tests");
    let Some(plan) = view.node("train.as_of") else { return };
    let Some(dates) = plan.as_list() else {
        if let Some(test) = tests.first().filter(|_| plan.as_table().is_some()) {
            let args = vec![("got", got(test)), ("allowed", "train.as_of = [ … ]".into())];
            checker.fault(Code::ConfigNotAllowed, "train.tests[0]", test.spot, args);
        }
        return;
    };
    let days = |node: &Node| match node.value {
        Value::Date(date) => Some(date),
        _ => None,
    };
    let known: Vec<model::Date> = dates.iter().filter_map(days).collect();
    let lengths = ["gap_days", "horizon_days", "kept_days"].map(|key| view.integer(&format!("offers.{key}")));
    let window = lengths.into_iter().sum::<Option<i64>>();
    for (position, node) in tests.iter().enumerate() {
        let (key, Some(test)) = (format!("train.tests[{position}]"), days(node)) else { continue };
        if !known.contains(&test) {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            unknown_name(checker, &key, node, &known.iter().map(String::as_str).collect::<Vec<_>>());
        } else if let Some(window) = window
            && !known.iter().any(|date| i64::from(date.0) + window <= i64::from(test.0))
        {
            let first = known.first().copied().unwrap_or(test);
            let args = vec![("got", got(node)), ("allowed", format!("≥ {first} + {window} d").into())];
            checker.fault(Code::ConfigNotAllowed, &key, node.spot, args);
        }
    }
}

/// Two exports into one file would leave only the second.
fn exports<'a>(checker: &mut Checker, view: &View<'a>) {
    let path =
        |node: &'a Node| node.as_table()?.get("path").map(|entry| &entry.node).filter(|node| node.as_text().is_some());
    let paths: Vec<Option<&Node>> = view.list("export").iter().map(path).collect();
    for (position, node) in paths.iter().enumerate() {
        let Some(node) = node else { continue };
        let mut before = paths[..position].iter().map(|other| other.and_then(Node::as_text));
        if let Some(twin) = before.position(|text| text == node.as_text()) {
            let args = vec![("got", got(node)), ("allowed", format!("≠ export[{twin}].path").into())];
            checker.fault(Code::ConfigNotAllowed, &format!("export[{position}].path"), node.spot, args);
        }
    }
}
