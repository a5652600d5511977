//! Checks of `features.utilisation`: the table is one of use, and what breadth and depth are read from is there.

use model::{Arg, Code};
use osusume_model as model;

use super::{Checker, Entry, FAMILY_LEVEL, View, keys_of, names, nearest, own::category_attributes};

pub(super) fn check(checker: &mut Checker, view: &View) {
    let key = |name: &str| format!("features.utilisation.{name}");
    let text = |name: &str| view.entry(&key(name)).and_then(|entry| Some((entry, entry.node.as_text()?)));
    let Some((entry, source)) = text("source") else { return };
    let of = |role| view.with_role(role).find(|(name, _)| *name == source).map(|(_, source)| source);
    let wrong = |checker: &mut Checker, name: &str, entry: &Entry, got: &str, known: &[&str]| {
        let mut args: Vec<(&'static str, Arg)> = vec![("got", got.into()), ("allowed", names(known))];
        args.extend(nearest(got, known.iter().copied()).map(|word| ("suggestion", word.into())));
        checker.fault(Code::ConfigUnknownName, &key(name), entry.node.spot, args);
    };
    if let Some(source) = of("events") {
        let columns = keys_of(source, "columns");
        if !columns.contains(&"kind") {
            let args = vec![("needed_by", Arg::from("features.utilisation"))];
            checker.fault(Code::ConfigMissingKey, "sources.*.columns.kind", entry.node.spot, args);
        }
        if let Some((entry, got)) = text("by") {
            wrong(checker, "by", entry, got, &[]);
        }
        if let Some((entry, got)) = text("depth").filter(|_| !columns.contains(&"value")) {
            wrong(checker, "depth", entry, got, &[]);
        }
    } else if of("purchases").is_some() {
        let known: Vec<&str> = view
            .with_role("products")
            .flat_map(|(_, source)| category_attributes(source))
            .chain([FAMILY_LEVEL])
            .collect();
        if let Some((entry, got)) = text("by").filter(|(_, got)| !known.contains(got)) {
            wrong(checker, "by", entry, got, &known);
        }
        if let Some((entry, got)) = text("depth") {
            wrong(checker, "depth", entry, got, &[]);
        }
    } else {
        let known: Vec<&str> =
            ["events", "purchases"].iter().flat_map(|role| view.with_role(role)).map(|(name, _)| name).collect();
        wrong(checker, "source", entry, source, &known);
    }
}
