//! Frequent itemsets: what is asked for, and the one entry of every engine.

use osusume_model::Control;

use crate::engine;
use crate::error::check_stop;
use crate::{Error, Hierarchy, Itemsets, SetCounts, Transactions};

/// Which frequent itemsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Every one.
    All,
    /// Those that no superset with the same count contains, or none that roles and hierarchy permit; they tell the counts of all.
    Closed,
}

/// Where an item may stand in a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemRole {
    /// Only on the left: what cannot be sold, such as a category or an attribute.
    Antecedent,
    /// Only on the right: what can be sold and should explain nothing.
    Consequent,
    /// On either side.
    Both,
    /// Nowhere.
    Ignore,
}

impl ItemRole {
    /// Whether it may stand on the left.
    pub fn may_precede(self) -> bool {
        matches!(self, Self::Antecedent | Self::Both)
    }

    /// Whether it may stand on the right.
    pub fn may_follow(self) -> bool {
        matches!(self, Self::Consequent | Self::Both)
    }
}

/// What to mine. Every field is the caller's decision.
#[derive(Clone, Copy, Debug)]
pub struct ItemsetParams<'a> {
    /// Which itemsets.
    pub kind: Kind,
    /// Least weighted number of transactions, at least 1; see [`crate::MinSupport::to_count`].
    pub min_count: u64,
    /// Longest itemset, at least 1. [`usize::MAX`] sets no limit.
    pub max_length: usize,
    /// A role for every item; absent: [`ItemRole::Both`]. No set contains an ignored item or two that stand only on the right.
    pub roles: Option<&'a [ItemRole]>,
    /// No set contains an item and its ancestor.
    pub hierarchy: Option<&'a Hierarchy>,
    /// More sets than this are an error that proposes a higher count instead of filling the memory.
    pub max_sets: u64,
}

impl ItemsetParams<'_> {
    /// All itemsets from `min_count` on, without limits.
    pub fn all(min_count: u64) -> Self {
        Self { kind: Kind::All, min_count, max_length: usize::MAX, roles: None, hierarchy: None, max_sets: u64::MAX }
    }

    /// Closed itemsets from `min_count` on, without limits.
    pub fn closed(min_count: u64) -> Self {
        Self { kind: Kind::Closed, ..Self::all(min_count) }
    }
}

/// Finds the frequent itemsets of `db`.
///
/// The same trie for any number of threads of the current rayon pool.
///
/// # Errors
/// [`Error::Parameter`], [`Error::Length`] for roles or a hierarchy of another number of items, [`Error::TooManySets`],
/// [`Error::Stopped`].
pub fn mine_itemsets(db: &Transactions, params: &ItemsetParams<'_>, control: &dyn Control) -> Result<Itemsets, Error> {
    check(db, params)?;
    match engine::collect(db, params, control)? {
        Some(found) => Ok(found),
        None => Err(too_many(db, params, control)?),
    }
}

/// Counts the frequent itemsets of `db` by size, without listing them. Shares [`mine_itemsets`]'s answer, not its cost.
///
/// # Errors
/// As [`mine_itemsets`].
pub fn count_itemsets(
    db: &Transactions,
    params: &ItemsetParams<'_>,
    control: &dyn Control,
) -> Result<SetCounts, Error> {
    check(db, params)?;
    match engine::count(db, params, control)? {
        Some(found) => Ok(found),
        None => Err(too_many(db, params, control)?),
    }
}

/// The least `min_count`, at least that of `params`, with at most `max_sets` itemsets.
///
/// Counts at a few supports, each count given up as soon as it passes `max_sets`; nothing is listed.
///
/// # Errors
/// As [`mine_itemsets`], but never [`Error::TooManySets`].
pub fn propose_min_count(db: &Transactions, params: &ItemsetParams<'_>, control: &dyn Control) -> Result<u64, Error> {
    check(db, params)?;
    let fits = |min_count: u64| -> Result<bool, Error> {
        check_stop(control)?;
        Ok(engine::count(db, &ItemsetParams { min_count, ..*params }, control)?.is_some())
    };
    if fits(params.min_count)? {
        return Ok(params.min_count);
    }
    // Invariant: `low` has too many, `high` fits. Above n nothing is frequent.
    let (mut low, mut high) = (params.min_count, db.n() + 1);
    // Halving the distance in the logarithm: numbers of sets grow like powers of the support.
    while low + 1 < high {
        let middle = (((low as f64) * (high as f64)).sqrt() as u64).clamp(low + 1, high - 1);
        if fits(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}

/// Finds the `k` most frequent itemsets of at least `min_length` items, and those as frequent as the last of them.
///
/// `params.min_count` is the least count considered; where fewer than `k` sets reach it, all of those are found. The count of the last set
/// is looked for by counting sets at falling supports, so that nothing is listed twice. Shorter sets are in the trie as steps of count 0.
///
/// # Errors
/// As [`mine_itemsets`]; [`Error::Parameter`] when `k` is 0. `params.max_sets` limits all frequent itemsets down to the count of the last one.
pub fn mine_top_k(
    db: &Transactions,
    k: u64,
    min_length: usize,
    params: &ItemsetParams<'_>,
    control: &dyn Control,
) -> Result<Itemsets, Error> {
    check(db, params)?;
    if k == 0 {
        return Err(Error::Parameter { name: "k", allowed: "at least 1", got: 0.0 });
    }
    let min_count = top_k_count(db, k, min_length, params, control)?;
    let mut found = mine_itemsets(db, &ItemsetParams { min_count, ..*params }, control)?;
    found.forget_shorter_than(min_length);
    Ok(found)
}

/// The highest count, at least that of `params`, that `k` sets of at least `min_length` items reach; without so many, that of `params`.
fn top_k_count(
    db: &Transactions,
    k: u64,
    min_length: usize,
    params: &ItemsetParams<'_>,
    control: &dyn Control,
) -> Result<u64, Error> {
    // Too many sets of all lengths are enough for the caller's limit, whatever their lengths: listing refuses them.
    let has_k = |min_count: u64| -> Result<bool, Error> {
        check_stop(control)?;
        let counted = engine::count(db, &ItemsetParams { min_count, ..*params }, control)?;
        Ok(counted.is_none_or(|sets| {
            sets.by_size.iter().skip(min_length).fold(0_u64, |sum, sets| sum.saturating_add(*sets)) >= k
        }))
    };
    // Invariant: `high` has fewer than k sets. Above n nothing is frequent.
    let mut high = (db.n() + 1).max(params.min_count);
    let mut low = (high / 2).max(params.min_count);
    while !has_k(low)? {
        if low == params.min_count {
            return Ok(low);
        }
        high = low;
        low = (high / 2).max(params.min_count);
    }
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if has_k(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn too_many(db: &Transactions, params: &ItemsetParams<'_>, control: &dyn Control) -> Result<Error, Error> {
    let proposed_min_count = propose_min_count(db, params, control)?;
    Ok(Error::TooManySets { max_sets: params.max_sets, min_count: params.min_count, proposed_min_count })
}

fn check(db: &Transactions, params: &ItemsetParams<'_>) -> Result<(), Error> {
    let expected = db.n_items() as usize;
    if params.min_count == 0 {
        return Err(Error::Parameter { name: "min_count", allowed: "at least 1", got: 0.0 });
    }
    if params.max_length == 0 {
        return Err(Error::Parameter { name: "max_length", allowed: "at least 1", got: 0.0 });
    }
    if let Some(roles) = params.roles
        && roles.len() != expected
    {
        return Err(Error::Length { what: "roles", got: roles.len(), expected });
    }
    if let Some(hierarchy) = params.hierarchy
        && hierarchy.n_items() as usize != expected
    {
        return Err(Error::Length { what: "parents", got: hierarchy.n_items() as usize, expected });
    }
    Ok(())
}
