//! What no rebuilding can prove, because the tables do not tell it.

use serde::Serialize;

use crate::config::{Config, History, Role, Source};

/// Why something cannot be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// No column says when a row arrived: each counts as known when it happened, the rows of customers always.
    NoArrival,
    /// Ends of holdings count as known when they happen.
    NoEndArrival,
    /// The table is loaded again whole, so what it says of the past may have been written later.
    Snapshot,
    /// Columns of such a table that are taken for what they always were.
    AssumedStatic,
    /// Columns whose values may have been written after their row arrived.
    Undated,
    /// A table of one date: there is no past to go back to.
    NoTime,
    /// Nothing of the table happened or arrived at or after the run's date, so taking it out proved nothing there.
    NothingLater,
}

impl LimitKind {
    /// The name in structured output.
    pub fn id(self) -> &'static str {
        match self {
            Self::NoArrival => "no_arrival",
            Self::NoEndArrival => "no_end_arrival",
            Self::Snapshot => "snapshot",
            Self::AssumedStatic => "assumed_static",
            Self::Undated => "undated",
            Self::NoTime => "no_time",
            Self::NothingLater => "nothing_later",
        }
    }
}

/// Something that cannot be proven of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The source.
    pub source: String,
    /// Why.
    pub kind: LimitKind,
    /// The headers concerned, where it is not the whole table.
    pub columns: Vec<String>,
}

/// What the pipeline file's declarations leave open, source by source.
pub(super) fn limits(config: &Config) -> Vec<Limit> {
    config.sources.values().flat_map(of_source).collect()
}

fn of_source(source: &Source) -> Vec<Limit> {
    let limit = |kind, columns| Limit { source: source.name.clone(), kind, columns };
    let whole = |kind| limit(kind, Vec::new());
    let lacks = |column: &str| source.column(column).is_none();
    let mut limits = Vec::new();
    match source.role {
        Role::Products | Role::Consents => return limits,
        Role::CrossSection => return vec![whole(LimitKind::NoTime)],
        Role::Customers if source.history == History::Snapshot => {
            limits.push(whole(LimitKind::Snapshot));
            if !source.assume_static.is_empty() {
                limits.push(limit(LimitKind::AssumedStatic, source.assume_static.clone()));
            }
        }
        Role::Customers if source.history == History::Append && !source.attributes.is_empty() => {
            limits.push(limit(LimitKind::Undated, source.attributes.keys().cloned().collect()));
        }
        Role::Holdings => {
            let undated = ["renews", "price"].into_iter().filter_map(|column| source.column(column));
            let undated: Vec<String> = undated.map(str::to_owned).collect();
            if !undated.is_empty() {
                limits.push(limit(LimitKind::Undated, undated));
            }
            if lacks("end_arrived") && !lacks("end") {
                limits.push(whole(LimitKind::NoEndArrival));
            }
        }
        _ => {}
    }
    let arrival = if source.role == Role::Holdings { "start_arrived" } else { "arrived" };
    let is_reloaded = source.role == Role::Customers && source.history == History::Snapshot;
    if lacks(arrival) && !is_reloaded {
        limits.push(whole(LimitKind::NoArrival));
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_leaves_little_open() {
        let isp = include_str!("../../../../pipelines/isp.toml");
        let kinds = |text: &str| {
            let config = Config::parse("isp.toml", text, &|_| None).expect("the file is sound");
            limits(&config).into_iter().map(|limit| (limit.source, limit.kind)).collect::<Vec<_>>()
        };
        let named = |source: &str, kind| (source.to_owned(), kind);
        let expected = [named("customers", LimitKind::Undated), named("holdings", LimitKind::Undated)];
        assert_eq!(kinds(isp), expected);
        let bare = isp.replace(", arrived = \"loaded_at\"", "").replace(", end_arrived = \"end_loaded_at\"", "");
        let found = kinds(&bare);
        assert!(found.contains(&named("usage", LimitKind::NoArrival)));
        assert!(found.contains(&named("holdings", LimitKind::NoEndArrival)));
        let reloaded = "role = \"customers\"\nhistory = \"snapshot\"\nassume_static = [\"dwelling\"]";
        let found = kinds(&isp.replacen("role = \"customers\"", reloaded, 1));
        assert!(found.contains(&named("customers", LimitKind::Snapshot)));
        assert!(found.contains(&named("customers", LimitKind::AssumedStatic)));
    }
}
