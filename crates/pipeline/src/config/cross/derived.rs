//! Checks of `features.derived`: expressions can be read, and no two have a name. Which features there are, only the tables tell.

use model::Code;
use osusume_model as model;

use super::{Checker, Entry, View, names, nearest};
use crate::expression::{Wrong, parse};

pub(super) fn check(checker: &mut Checker, view: &View) {
    let derived = view.list("features.derived");
    if !derived.is_empty() && view.has_role("cross_section") {
        let args = vec![("got", "derived".into()), ("allowed", "≠ cross_section".into())];
        checker.fault(Code::ConfigNotAllowed, "features.derived", view.spot("features.derived"), args);
    }
    let mut taken = vec!["customer", "as_of"];
    for (position, node) in derived.iter().enumerate() {
        let Some(table) = node.as_table() else { continue };
        let text = |key: &str| table.get(key).and_then(|entry| Some((entry, entry.node.as_text()?)));
        if let Some((entry, name)) = text("name") {
            if taken.contains(&name) {
                let args = vec![("got", name.into()), ("allowed", format!("≠ {name}").into())];
                checker.fault(
                    Code::ConfigNotAllowed,
                    &format!("features.derived[{position}].name"),
                    entry.node.spot,
                    args,
                );
            }
            taken.push(name);
        }
        if let Some((entry, expression)) = text("expression")
            && let Err(wrong) = parse(expression)
        {
            unreadable(checker, &format!("features.derived[{position}].expression"), entry, &wrong);
        }
    }
}

pub(super) fn unreadable(checker: &mut Checker, key: &str, entry: &Entry, wrong: &Wrong) {
    let allowed: Vec<&str> = wrong.allowed.iter().map(String::as_str).collect();
    let mut args = vec![("got", wrong.got.as_str().into()), ("allowed", names(&allowed))];
    if wrong.is_name {
        args.extend(nearest(&wrong.got, allowed.iter().copied()).map(|word| ("suggestion", word.into())));
        checker.fault(Code::ConfigUnknownName, key, entry.node.spot, args);
    } else {
        args.push(("position", (wrong.at as i64).into()));
        checker.fault(Code::ConfigExpression, key, entry.node.spot, args);
    }
}
