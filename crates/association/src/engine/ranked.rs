//! The database as the search wants it: frequent items only, renumbered by frequency, with occurrence lists.

use crate::{ItemRole, ItemsetParams, Transactions};

/// Not a frequent item.
const NO_RANK: u32 = u32::MAX;

/// Frequent items by rank: 0 is the most frequent, equal counts in order of item.
///
/// A set grows from its rarest item, so the part of a transaction that matters to rank r are its ranks below r: few for the items
/// that occur often.
pub(crate) struct Ranked {
    /// Item of each rank.
    pub items: Vec<u32>,
    /// Count of each rank.
    pub counts: Vec<u32>,
    /// Row `t` is `ranks[offsets[t]..offsets[t + 1]]`, ascending.
    offsets: Vec<usize>,
    ranks: Vec<u32>,
    weights: Option<Vec<u32>>,
    /// Rows with rank r, ascending: `rows[starts[r]..starts[r + 1]]`.
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Ranked {
    pub(crate) fn new(db: &Transactions, params: &ItemsetParams<'_>) -> Self {
        let items = frequent_items(db, params);
        let counts = items.iter().map(|item| db.item_counts()[*item as usize] as u32).collect();
        let mut rank_of = vec![NO_RANK; db.n_items() as usize];
        for (rank, item) in items.iter().enumerate() {
            rank_of[*item as usize] = rank as u32;
        }
        let mut out = Self {
            items,
            counts,
            offsets: Vec::with_capacity(db.len() + 1),
            ranks: Vec::with_capacity(db.n_values()),
            weights: db.weights().map(<[u32]>::to_vec),
            starts: Vec::new(),
            rows: Vec::new(),
        };
        out.offsets.push(0);
        for t in 0..db.len() {
            let start = out.ranks.len();
            out.ranks.extend(db.basket(t).iter().map(|it| rank_of[*it as usize]).filter(|rank| *rank != NO_RANK));
            out.ranks[start..].sort_unstable();
            out.offsets.push(out.ranks.len());
        }
        out.list_occurrences();
        out
    }

    pub(crate) fn n_ranks(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn row(&self, t: u32) -> &[u32] {
        &self.ranks[self.offsets[t as usize]..self.offsets[t as usize + 1]]
    }

    pub(crate) fn weight(&self, t: u32) -> u32 {
        self.weights.as_ref().map_or(1, |weights| weights[t as usize])
    }

    pub(crate) fn rows_with(&self, rank: u32) -> &[u32] {
        &self.rows[self.starts[rank as usize]..self.starts[rank as usize + 1]]
    }

    fn list_occurrences(&mut self) {
        let mut starts = vec![0; self.n_ranks() + 1];
        self.ranks.iter().for_each(|rank| starts[*rank as usize + 1] += 1);
        for rank in 1..starts.len() {
            starts[rank] += starts[rank - 1];
        }
        let mut next = starts.clone();
        self.rows = vec![0; self.ranks.len()];
        for t in 0..self.offsets.len() - 1 {
            for rank in &self.ranks[self.offsets[t]..self.offsets[t + 1]] {
                self.rows[next[*rank as usize]] = t as u32;
                next[*rank as usize] += 1;
            }
        }
        self.starts = starts;
    }
}

fn frequent_items(db: &Transactions, params: &ItemsetParams<'_>) -> Vec<u32> {
    let role = |item: u32| params.roles.map_or(ItemRole::Both, |roles| roles[item as usize]);
    let counts = db.item_counts();
    let is_wanted = |item: &u32| counts[*item as usize] >= params.min_count && role(*item) != ItemRole::Ignore;
    let mut items: Vec<u32> = (0..db.n_items()).filter(is_wanted).collect();
    items.sort_by_key(|item| (std::cmp::Reverse(counts[*item as usize]), *item));
    items
}
