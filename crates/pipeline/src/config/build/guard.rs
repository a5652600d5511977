//! Groups of the audit.

use super::{At, number};
use crate::config::settings::Guard;

pub(in crate::config) fn guard(at: At) -> Guard {
    let bands = at.map("bands");
    let edges =
        |table: At, key: &str| table.node(key).as_list().unwrap_or_default().iter().filter_map(number).collect();
    let keys = bands.into_iter().flat_map(|table| table.0.keys().map(move |key| (key.clone(), edges(table, key))));
    Guard { groups: at.texts("groups"), bands: keys.collect() }
}
