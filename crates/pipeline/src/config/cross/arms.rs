//! Checks of `decide.arms`: shares that leave somebody to the ranking, and a holdout to compare with.

use model::{Arg, Code};
use osusume_model as model;

use super::super::check::Checker;
use super::super::layer::Value;
use super::View;

/// The arms that are not the ranking's.
const ARMS: [&str; 2] = ["decide.arms.propensity", "decide.arms.random"];

pub(super) fn check(checker: &mut Checker, view: &View) {
    let shares: f64 = ARMS.iter().filter_map(|key| number(view, key)).sum();
    if shares <= 0.0 {
        return;
    }
    let (table, sum) = ("decide.arms", ARMS.map(|key| key.rsplit('.').next().unwrap_or(key)).join(" + "));
    if shares >= 1.0 {
        let args = vec![("got", Arg::from(format!("{sum} = {shares}"))), ("allowed", format!("{sum} < 1").into())];
        checker.fault(Code::ConfigNotAllowed, table, view.spot(table), args);
    }
    if number(view, "decide.holdout.fraction") == Some(0.0) {
        let args = vec![("got", Arg::from("0")), ("allowed", Arg::from("> 0 (decide.arms)"))];
        let key = "decide.holdout.fraction";
        let place = if view.node(key).is_some_and(|node| node.spot.layer.is_some()) { key } else { table };
        checker.fault(Code::ConfigNotAllowed, key, view.spot(place), args);
    }
}

fn number(view: &View, key: &str) -> Option<f64> {
    match view.node(key)?.value {
        Value::Number(number) => Some(number),
        Value::Integer(number) => Some(number as f64),
        _ => None,
    }
}
