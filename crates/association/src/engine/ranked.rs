//! The database as the search wants it: frequent items only, renumbered by frequency, equal transactions merged.

use osusume_model::Control;

use super::paths::Path;
use super::rows::{Rows, StoredRank};
use crate::{Error, ItemRole, ItemsetParams, Transactions};

/// Frequent items by rank: 0 is the most frequent, equal counts in order of item. Items that stand only on the right of a rule come after all
/// others: of those a set holds at most one, which is then the one it grows from, and below that nothing has to be asked about roles.
///
/// A set grows from its rarest item, so the part of a transaction that matters to rank r are its ranks below r: few for the items
/// that occur often.
pub(crate) struct Frequent {
    /// Item of each rank.
    pub items: Vec<u32>,
    /// Count of each rank.
    pub counts: Vec<u32>,
    /// Least count of a frequent itemset.
    pub min_count: u32,
}

impl Frequent {
    pub(crate) fn new(db: &Transactions, params: &ItemsetParams<'_>) -> Self {
        let role = |item: u32| params.roles.map_or(ItemRole::Both, |roles| roles[item as usize]);
        let counts = db.item_counts();
        let is_wanted = |item: &u32| counts[*item as usize] >= params.min_count && role(*item) != ItemRole::Ignore;
        let mut items: Vec<u32> = (0..db.n_items()).filter(is_wanted).collect();
        let is_last = |item: u32| role(item) == ItemRole::Consequent;
        items.sort_by_key(|item| (is_last(*item), std::cmp::Reverse(counts[*item as usize]), *item));
        let counts = items.iter().map(|item| counts[*item as usize] as u32).collect();
        Self { items, counts, min_count: u32::try_from(params.min_count).unwrap_or(u32::MAX) }
    }

    pub(crate) fn n_ranks(&self) -> usize {
        self.items.len()
    }
}

/// Transactions as ascending ranks, in lexicographic order and all different.
pub(crate) struct Ranked<'a, R> {
    pub frequent: &'a Frequent,
    rows: Rows<R>,
}

impl<'a, R: StoredRank> Ranked<'a, R> {
    /// `R` must hold every rank.
    pub(crate) fn new(db: &Transactions, frequent: &'a Frequent, control: &dyn Control) -> Result<Self, Error> {
        let rows = Rows::<R>::new(db, &frequent.items, control)?;
        let (rows, _) = rows.sorted(frequent.n_ranks(), &[], control)?;
        Ok(Self { frequent, rows })
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn row(&self, t: u32) -> &[R] {
        self.rows.row(t as usize)
    }

    pub(crate) fn weight(&self, t: u32) -> u32 {
        self.rows.weight(t as usize)
    }

    /// All of a row, as a place in [`Ranked::ranks`].
    pub(crate) fn path(&self, t: u32) -> Path {
        Path { at: self.rows.start(t as usize), len: self.row(t).len() as u32, weight: self.weight(t) }
    }

    /// The ranks of all rows, and padding after the last.
    pub(crate) fn ranks(&self) -> &[R] {
        self.rows.padded_ranks()
    }
}

/// Rows with each rank.
pub(crate) struct Occurrences {
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Occurrences {
    pub(crate) fn new<R: StoredRank>(ranked: &Ranked<'_, R>) -> Self {
        let mut starts = vec![0; ranked.frequent.n_ranks() + 1];
        let rows = || (0..ranked.n_rows() as u32).flat_map(|t| ranked.row(t).iter().map(move |rank| (t, rank.index())));
        rows().for_each(|(_, rank)| starts[rank + 1] += 1);
        sum_up(&mut starts);
        let mut next = starts.clone();
        let mut occurrences = vec![0; starts[starts.len() - 1]];
        for (t, rank) in rows() {
            occurrences[next[rank]] = t;
            next[rank] += 1;
        }
        Self { starts, rows: occurrences }
    }

    /// Rows with a rank, ascending.
    pub(crate) fn of(&self, rank: u32) -> &[u32] {
        &self.rows[self.starts[rank as usize]..self.starts[rank as usize + 1]]
    }
}

/// Makes starts of the counts that stand one place later.
fn sum_up(starts: &mut [usize]) {
    for rank in 1..starts.len() {
        starts[rank] += starts[rank - 1];
    }
}
