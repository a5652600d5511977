//! Checks of what single recipes are told.

use model::Code;
use osusume_model as model;

use super::{Checker, Value, View};

pub(super) fn check(checker: &mut Checker, view: &View) {
    night_hours(checker, view);
}

/// A night has a beginning and an end, at different hours.
fn night_hours(checker: &mut Checker, view: &View) {
    let key = "features.night_hours";
    let hours: Vec<&Value> = view.list(key).iter().map(|node| &node.value).collect();
    let is_night = match hours.as_slice() {
        [Value::Integer(from), Value::Integer(to)] => from != to,
        // Another kind is told where kinds are.
        [_, _] => true,
        _ => view.node(key).is_none_or(|node| node.as_list().is_none()),
    };
    if !is_night {
        let args = vec![("got", "list".into()), ("allowed", "[from, to], from ≠ to".into())];
        checker.fault(Code::ConfigNotAllowed, key, view.spot(key), args);
    }
}
