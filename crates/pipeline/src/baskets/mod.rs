//! Mining a file of baskets, without a pipeline file.

mod files;
mod hierarchy;
mod memory;
mod read;
mod rules;
mod scratch;

use osusume_association::{
    Error, Hierarchy, ItemsetParams, OwnedBaskets, Repairs, SetCounts, Transactions, count_itemsets, mine_itemsets,
    mine_top_k,
};
use osusume_model::{Code, Control, Fault, Result, Stop};

pub use files::{WrittenTable, check_out, write_tables};
pub use hierarchy::{Belonging, Names, ParentsRead, read_parents};
pub use osusume_association::{DEFAULT_MAX_BASKET, FalseDiscovery, Itemsets, Kind, MinSupport};
pub use osusume_tables::Encoding;
pub use read::{BasketSource, BasketsRead, Layout, read_baskets};
pub use rules::{FoundRule, MinedRules, RuleOptions, draw_rules};

use crate::host::Host;
use crate::job::Quiet;
use hierarchy::Above;
use memory::{Budget, basket_bytes, engine_bytes};
use read::SOURCE;

/// Most rules kept unless the caller says otherwise.
pub const DEFAULT_MAX_RULES: usize = crate::stages::mine::MAX_RULES;
/// Longest itemset that can be listed: files give its size in 16 bits.
const MAX_LISTED: usize = i16::MAX as usize;
/// Bytes an itemset takes while it is listed.
const SET_BYTES: u64 = 10;
/// Bytes a closed one takes, with the steps that lead to it: parts are gathered before they are joined.
const CLOSED_SET_BYTES: u64 = 40;
/// Bytes one of the most frequent ones takes beside that, with the names of its items.
const NAMED_SET_BYTES: u64 = 256;

/// What to mine.
#[derive(Clone, Copy, Debug)]
pub struct MineOptions {
    /// Least support.
    pub support: MinSupport,
    /// Which itemsets.
    pub kind: Kind,
    /// Longest itemset; [`usize::MAX`] without a limit.
    pub max_length: usize,
    /// Most items of a basket.
    pub max_basket: usize,
    /// Most itemsets; [`u64::MAX`] without a limit.
    pub max_sets: u64,
    /// Whether itemsets are listed or only counted.
    pub wanted: Wanted,
    /// Of listed itemsets, how many of the most frequent ones of two items and more to name.
    pub n_named: usize,
}

/// What is to come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Numbers of itemsets by size.
    Counts,
    /// The itemsets themselves.
    Sets,
    /// The most frequent ones, and those as frequent as the last of them.
    Top {
        /// How many.
        k: u64,
        /// Least number of items in one.
        min_length: usize,
    },
}

/// What was found.
pub struct MinedBaskets {
    /// Baskets mined, empty ones included.
    pub baskets: u64,
    /// Baskets left out as too large.
    pub oversize_baskets: u64,
    /// Baskets without items.
    pub empty_baskets: u64,
    /// Items named again in the same basket.
    pub duplicate_items: u64,
    /// Rows and fields skipped because they name no item.
    pub missing_items: u64,
    /// Rows skipped because they name no basket.
    pub missing_baskets: u64,
    /// The count that stood for the support.
    pub min_count: u64,
    /// How many itemsets there are; the empty one is not counted. Stays at [`u64::MAX`] where there are more.
    pub sets: u64,
    /// How many there are of each size; the first entry is that of the empty one, 0.
    pub by_size: Vec<u64>,
    /// The itemsets, where they were wanted.
    pub itemsets: Option<Itemsets>,
    /// The most frequent of them as items and count, equal counts in order of items.
    pub named: Vec<(Vec<u32>, u32)>,
    /// What the items are called.
    pub names: Names,
    /// What items belong to, where a table said it.
    pub belonging: Option<Belonging>,
    /// The baskets, checked and repaired, with what their items belong to.
    db: Transactions,
    above: Option<Above>,
    /// Most items of a set that was looked for.
    max_length: usize,
    /// Memory budget in bytes.
    memory: u64,
}

impl MinedBaskets {
    fn hierarchy(&self) -> Option<&Hierarchy> {
        self.above.as_ref().map(|above| &above.forest)
    }

    /// Bytes of baskets and itemsets.
    fn held(&self) -> u64 {
        let sets = self.itemsets.as_ref().map_or(0, |itemsets| SET_BYTES * itemsets.n_nodes() as u64);
        bytes_of(&self.db) + sets
    }
}

/// Mines baskets that were read, with what their items belong to where `parents` say it, within `memory` bytes.
///
/// # Errors
/// `OutOfRange` for an option, `ItemsetLimit` with a count that stays within it, `MemoryBudget`, `ConfigUnknownName` when the parents are
/// those of other items, and a stop asked for.
pub fn mine_baskets(
    read: BasketsRead,
    parents: Option<ParentsRead>,
    options: &MineOptions,
    memory: u64,
    host: &dyn Host,
) -> Result<MinedBaskets> {
    let control = Quiet::new(host);
    let (missing_items, missing_baskets) = (read.lists.missing_items, read.missing_baskets);
    let Checked { db, names, above, belonging, repairs } = checked(read, parents, options, Budget(memory), &control)?;
    let min_count = options.support.to_count(db.n()).map_err(|error| fault(&error))?;
    let params = ItemsetParams {
        kind: options.kind,
        min_count,
        max_length: options.max_length,
        roles: None,
        hierarchy: above.as_ref().map(|above| &above.forest),
        max_sets: options.max_sets,
    };
    let (counts, itemsets, named) = find(&db, params, options, Budget(memory), &control)?;
    let Repairs { oversize_baskets, empty_baskets, duplicate_items, .. } = repairs;
    Ok(MinedBaskets {
        baskets: db.n(),
        oversize_baskets,
        empty_baskets,
        duplicate_items,
        missing_items,
        missing_baskets,
        min_count,
        sets: counts.sets,
        by_size: counts.by_size,
        itemsets,
        named,
        names,
        belonging,
        db,
        above,
        max_length: options.max_length,
        memory,
    })
}

/// Baskets to mine.
struct Checked {
    db: Transactions,
    names: Names,
    above: Option<Above>,
    belonging: Option<Belonging>,
    repairs: Repairs,
}

fn checked(
    read: BasketsRead,
    parents: Option<ParentsRead>,
    options: &MineOptions,
    budget: Budget,
    control: &dyn Control,
) -> Result<Checked> {
    let BasketsRead { lists, groups, .. } = read;
    let (names, above) = match parents {
        Some(parents) => {
            let mut is_bought = vec![false; lists.names.len() as usize];
            lists.items.iter().for_each(|item| is_bought[*item as usize] = true);
            let (names, above) = parents.over(lists.names, &is_bought)?;
            (names, Some(above))
        }
        None => (Names::of(lists.names), None),
    };
    let read = basket_bytes(lists.offsets.len() as u64, lists.items.len() as u64, u64::from(names.len()));
    budget.check(2 * read, "baskets to mine")?;
    let baskets =
        OwnedBaskets { offsets: lists.offsets, items: lists.items, n_items: names.len(), weights: None, groups };
    let (db, repairs) =
        Transactions::build_owned(baskets, options.max_basket, control).map_err(|error| fault(&error))?;
    let Some(above) = above else { return Ok(Checked { db, names, above: None, belonging: None, repairs }) };
    let belonging = Some(above.told(db.item_counts(), &names)?);
    // An item, and how many of those bought it stands for.
    let extended = basket_bytes(db.len() as u64, 2 * above.values(db.item_counts()), u64::from(names.len()));
    budget.check(bytes_of(&db).saturating_add(extended), "baskets to mine")?;
    let db = db.with_ancestors(&above.forest, control).map_err(|error| fault(&error))?;
    Ok(Checked { db, names, above: Some(above), belonging, repairs })
}

/// Numbers of itemsets, the itemsets where they are wanted, and the most frequent of them.
type Found = (SetCounts, Option<Itemsets>, Vec<(Vec<u32>, u32)>);

fn find(
    db: &Transactions,
    params: ItemsetParams<'_>,
    options: &MineOptions,
    budget: Budget,
    control: &dyn Control,
) -> Result<Found> {
    let frequent = db.item_counts().iter().filter(|count| **count >= params.min_count).sum();
    let working = bytes_of(db) + engine_bytes(db.len() as u64, frequent);
    budget.check(working, "baskets to mine")?;
    if options.wanted != Wanted::Counts && params.max_length > MAX_LISTED {
        check_lengths(db)?;
    }
    let room = budget.left(working) / set_bytes(options);
    let within = ItemsetParams { max_sets: params.max_sets.min(room), ..params };
    let (itemsets, n_named, min_length) = match options.wanted {
        Wanted::Counts => {
            let counted = count_itemsets(db, &params, control).map_err(|error| fault(&error))?;
            return Ok((counted, None, Vec::new()));
        }
        Wanted::Sets => (mine_itemsets(db, &within, control), options.n_named, 2),
        Wanted::Top { k, min_length } => (mine_top_k(db, k, min_length, &within, control), usize::MAX, min_length),
    };
    let itemsets = itemsets.map_err(|error| match error {
        Error::TooManySets { proposed_min_count, .. } if room < params.max_sets => {
            budget.fault("itemsets").with("proposed", proposed_min_count)
        }
        error => fault(&error),
    })?;
    let named = itemsets.most_frequent(n_named, min_length, control).map_err(|error| fault(&error))?;
    Ok((itemsets.counted(), Some(itemsets), named))
}

/// Faults when a basket has more items than an itemset that is listed may have.
fn check_lengths(db: &Transactions) -> Result<()> {
    let longest = (0..db.len()).map(|t| db.basket(t).len()).max().unwrap_or(0);
    if longest <= MAX_LISTED {
        return Ok(());
    }
    let detail = format!("a basket has {longest} items: add --count-only, or --max-length {MAX_LISTED} or less");
    Err(Fault::new(Code::CommandLine).because(detail))
}

fn bytes_of(db: &Transactions) -> u64 {
    basket_bytes(db.len() as u64, db.n_values() as u64, u64::from(db.n_items()))
}

/// Bytes an itemset takes.
fn set_bytes(options: &MineOptions) -> u64 {
    let listed = if options.kind == Kind::Closed { CLOSED_SET_BYTES } else { SET_BYTES };
    listed + if matches!(options.wanted, Wanted::Top { .. }) { NAMED_SET_BYTES } else { 0 }
}

fn fault(error: &Error) -> Fault {
    match error {
        Error::Stopped(Stop::Cancelled) => Fault::new(Code::Cancelled),
        Error::Stopped(Stop::Deadline) => Fault::new(Code::DeadlinePassed),
        Error::Parameter { name, allowed, .. } => Fault::new(Code::OutOfRange).named(*name).with("allowed", *allowed),
        Error::Weight { allowed, .. } | Error::Values { allowed, .. } => {
            Fault::new(Code::OutOfRange).named(SOURCE).with("allowed", allowed.to_string())
        }
        Error::TooManySets { max_sets, min_count, proposed_min_count } => Fault::new(Code::ItemsetLimit)
            .with("limit", *max_sets)
            .with("count", *min_count)
            .with("proposed", *proposed_min_count),
        other => Fault::new(Code::Bug).because(other),
    }
}

#[cfg(test)]
mod tests;
