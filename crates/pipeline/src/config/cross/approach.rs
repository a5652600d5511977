//! Checks of approaches: steps can be told apart, go through channels there are, and lead to an offer; contacts say what steps are judged by.

use model::{Arg, Code};
use osusume_decide::{MAX_APPROACHES, MAX_STEPS};
use osusume_model as model;

use super::timing::{One, contacts_tell};
use super::{Checker, Node, Value, View, need, unknown_name};

pub(super) fn check(checker: &mut Checker, view: &View) {
    let approaches = view.list("decide.approach");
    if approaches.is_empty() {
        return;
    }
    need(checker, view, "contacts", "decide.approach");
    if approaches.len() > MAX_APPROACHES {
        let args = vec![("got", (approaches.len() as i64).into()), ("allowed", format!("n ≤ {MAX_APPROACHES}").into())];
        checker.fault(Code::ConfigNotAllowed, "decide.approach", view.spot("decide.approach"), args);
    }
    let mut taken = Vec::new();
    for (position, node) in approaches.iter().enumerate() {
        let one = One { key: format!("decide.approach[{position}]"), node };
        one.check_name(checker, &mut taken);
        one.check_expressions(checker);
        if one.entry("stop_after_ignored").is_some() {
            contacts_tell(checker, view, "responded", &format!("{}.stop_after_ignored", one.key));
        }
        steps(checker, view, &one);
    }
}

fn steps(checker: &mut Checker, view: &View, approach: &One<'_>) {
    let Some(entry) = approach.entry("steps") else { return };
    let Some(steps) = entry.node.as_list() else { return };
    let key = format!("{}.steps", approach.key);
    if steps.is_empty() || steps.len() > MAX_STEPS {
        let allowed = format!("1 ≤ n ≤ {MAX_STEPS}");
        let args = vec![("got", (steps.len() as i64).into()), ("allowed", allowed.into())];
        checker.fault(Code::ConfigNotAllowed, &key, entry.node.spot, args);
    }
    let channels: Vec<&str> = view.list("decide.channels").iter().filter_map(Node::as_text).collect();
    let mut taken = Vec::new();
    for (position, node) in steps.iter().enumerate() {
        let step = One { key: format!("{key}[{position}]"), node };
        step.check_name(checker, &mut taken);
        if let Some((entry, name)) = step.text("channel")
            && !channels.contains(&name)
        {
            unknown_name(checker, &format!("{}.channel", step.key), &entry.node, &channels);
        }
        let not_allowed = |checker: &mut Checker, name: &str, got: String, allowed: &str| {
            let Some(entry) = step.entry(name) else { return };
            let args = vec![("got", Arg::from(got)), ("allowed", allowed.into())];
            checker.fault(Code::ConfigNotAllowed, &format!("{}.{name}", step.key), entry.node.spot, args);
        };
        match step.entry("wait_days").map(|entry| &entry.node.value) {
            Some(Value::Integer(days)) if position == 0 && *days != 0 => {
                not_allowed(checker, "wait_days", days.to_string(), "0");
            }
            _ => {}
        }
        let is_last = position + 1 == steps.len();
        if is_last && step.entry("offer").is_some_and(|entry| matches!(entry.node.value, Value::Flag(false))) {
            not_allowed(checker, "offer", "false".to_owned(), "true");
        }
    }
}
