//! The database as the search wants it: frequent items only, renumbered by frequency, equal transactions merged.

use osusume_numeric::sort::sort_u64;

use crate::{ItemRole, ItemsetParams, Transactions};

/// Not a frequent item.
const NO_RANK: u32 = u32::MAX;
/// Rows asked for at once: more than a processor fetches side by side, few enough to stay in the first cache.
const FETCH: usize = 64;
/// Ranks a sorting key of 64 bits holds, 16 bits each.
const KEY_RANKS: usize = 4;

/// Frequent items by rank: 0 is the most frequent, equal counts in order of item.
///
/// A set grows from its rarest item, so the part of a transaction that matters to rank r are its ranks below r: few for the items
/// that occur often.
pub(crate) struct Ranked {
    /// Item of each rank.
    pub items: Vec<u32>,
    /// Least count of a frequent itemset.
    pub min_count: u32,
    /// Count of each rank.
    pub counts: Vec<u32>,
    /// Row `t` is `ranks[offsets[t]..offsets[t + 1]]`, ascending; rows are in lexicographic order and all different.
    offsets: Vec<u32>,
    ranks: Vec<u32>,
    /// Weight of each row.
    weights: Vec<u32>,
}

impl Ranked {
    pub(crate) fn new(db: &Transactions, params: &ItemsetParams<'_>) -> Self {
        let items = frequent_items(db, params);
        let counts = items.iter().map(|item| db.item_counts()[*item as usize] as u32).collect();
        let mut rank_of = vec![NO_RANK; db.n_items() as usize];
        for (rank, item) in items.iter().enumerate() {
            rank_of[*item as usize] = rank as u32;
        }
        let rows = Rows::new(db, &rank_of);
        let (mut offsets, mut ranks, mut weights) = (vec![0], Vec::with_capacity(rows.ranks.len()), Vec::new());
        let mut last: &[u32] = &[];
        for row in rows.sorted() {
            let mine = rows.row(row);
            if mine == last {
                *weights.last_mut().expect("equal rows follow the first one") += db.weight(rows.sources[row] as usize);
                continue;
            }
            ranks.extend_from_slice(mine);
            offsets.push(ranks.len() as u32);
            weights.push(db.weight(rows.sources[row] as usize));
            last = mine;
        }
        let min_count = u32::try_from(params.min_count).unwrap_or(u32::MAX);
        Self { items, min_count, counts, offsets, ranks, weights }
    }

    pub(crate) fn n_ranks(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.weights.len()
    }

    pub(crate) fn row(&self, t: u32) -> &[u32] {
        &self.ranks[self.offsets[t as usize] as usize..self.offsets[t as usize + 1] as usize]
    }

    pub(crate) fn weight(&self, t: u32) -> u32 {
        self.weights[t as usize]
    }
}

/// Transactions with at least one frequent item, as ranks; neither sorted nor merged.
struct Rows {
    offsets: Vec<u32>,
    ranks: Vec<u32>,
    /// Transaction of each row.
    sources: Vec<u32>,
}

impl Rows {
    fn new(db: &Transactions, rank_of: &[u32]) -> Self {
        let mut rows = Self { offsets: vec![0], ranks: Vec::with_capacity(db.n_values()), sources: Vec::new() };
        for t in 0..db.len() {
            let start = rows.ranks.len();
            rows.ranks.extend(db.basket(t).iter().map(|it| rank_of[*it as usize]).filter(|rank| *rank != NO_RANK));
            if rows.ranks.len() > start {
                rows.ranks[start..].sort_unstable();
                rows.offsets.push(rows.ranks.len() as u32);
                rows.sources.push(t as u32);
            }
        }
        rows
    }

    fn row(&self, row: usize) -> &[u32] {
        &self.ranks[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// Rows in lexicographic order: by their first ranks, then, among those that agree in them, by the rest.
    fn sorted(&self) -> impl Iterator<Item = usize> {
        let mut keys: Vec<u64> = (0..self.sources.len()).map(|row| key(self.row(row))).collect();
        let mut order: Vec<u32> = (0..self.sources.len() as u32).collect();
        sort_u64(&mut keys, &mut order);
        let mut start = 0;
        for group in keys.chunk_by(|a, b| a == b) {
            let end = start + group.len();
            if group.len() > 1 {
                order[start..end].sort_unstable_by_key(|row| self.row(*row as usize));
            }
            start = end;
        }
        order.into_iter().map(|row| row as usize)
    }
}

/// The first ranks, one more each so that a missing one comes first. Ranks that do not fit agree in the key.
fn key(row: &[u32]) -> u64 {
    (0..KEY_RANKS).fold(0, |key, at| key << 16 | row.get(at).map_or(0, |rank| u64::from((rank + 1).min(0xFFFF))))
}

fn frequent_items(db: &Transactions, params: &ItemsetParams<'_>) -> Vec<u32> {
    let role = |item: u32| params.roles.map_or(ItemRole::Both, |roles| roles[item as usize]);
    let counts = db.item_counts();
    let is_wanted = |item: &u32| counts[*item as usize] >= params.min_count && role(*item) != ItemRole::Ignore;
    let mut items: Vec<u32> = (0..db.n_items()).filter(is_wanted).collect();
    items.sort_by_key(|item| (std::cmp::Reverse(counts[*item as usize]), *item));
    items
}

/// Rows with each rank.
pub(crate) struct Occurrences {
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Occurrences {
    pub(crate) fn new(ranked: &Ranked) -> Self {
        let mut starts = vec![0; ranked.n_ranks() + 1];
        for rank in &ranked.ranks {
            starts[*rank as usize + 1] += 1;
        }
        for rank in 1..starts.len() {
            starts[rank] += starts[rank - 1];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; ranked.ranks.len()];
        for t in 0..ranked.n_rows() as u32 {
            for rank in ranked.row(t) {
                rows[next[*rank as usize]] = t;
                next[*rank as usize] += 1;
            }
        }
        Self { starts, rows }
    }

    /// Rows with a rank, ascending.
    pub(crate) fn of(&self, rank: u32) -> &[u32] {
        &self.rows[self.starts[rank as usize]..self.starts[rank as usize + 1]]
    }
}

/// What stands before each rank in the rows: every different beginning once, with the weight of the rows that share it.
///
/// Rows in lexicographic order that share a beginning are neighbors, so these are the nodes of a prefix tree (Han, Pei and Yin, "Mining
/// frequent patterns without candidate generation", 2000) without the tree: a node is a place in the first of its rows.
pub(crate) struct Paths<'a, R> {
    ranked: &'a Ranked,
    /// The ranks of all rows. Rows are visited in an order no cache foresees, so it matters that they are small.
    ranks: Vec<R>,
    starts: Vec<usize>,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Default)]
struct Node {
    /// Where its row starts.
    at: u32,
    /// How many ranks of the row come before it.
    len: u32,
    weight: u32,
}

/// A rank as stored: u16 where that is enough.
pub(crate) trait StoredRank: Copy + Into<u32> + TryFrom<u32> + Send + Sync {}
impl StoredRank for u16 {}
impl StoredRank for u32 {}

impl<'a, R: StoredRank> Paths<'a, R> {
    /// `R` must hold every rank of the database.
    pub(crate) fn new(ranked: &'a Ranked) -> Self {
        let store =
            |rank: &u32| R::try_from(*rank).unwrap_or_else(|_| unreachable!("the caller chose a type for all ranks"));
        let shared = shared_lengths(ranked);
        let mut starts = vec![0; ranked.n_ranks() + 1];
        for (t, shared) in shared.iter().enumerate() {
            for rank in &ranked.row(t as u32)[*shared as usize..] {
                starts[*rank as usize + 1] += 1;
            }
        }
        for rank in 1..starts.len() {
            starts[rank] += starts[rank - 1];
        }
        let mut next = starts.clone();
        let mut nodes = vec![Node::default(); starts[starts.len() - 1]];
        let mut open: Vec<usize> = Vec::new();
        for (t, shared) in shared.iter().enumerate() {
            let (at, weight) = (ranked.offsets[t], ranked.weights[t]);
            open.truncate(*shared as usize);
            for node in &open {
                nodes[*node].weight += weight;
            }
            for (len, rank) in ranked.row(t as u32).iter().enumerate().skip(*shared as usize) {
                let node = &mut next[*rank as usize];
                nodes[*node] = Node { at, len: len as u32, weight };
                open.push(*node);
                *node += 1;
            }
        }
        Self { ranked, ranks: ranked.ranks.iter().map(store).collect(), starts, nodes }
    }

    pub(crate) fn ranked(&self) -> &'a Ranked {
        self.ranked
    }

    /// Calls `f` with every beginning before a rank and its weight.
    ///
    /// A row lies anywhere in memory. Asking for a batch of them first lets the processor fetch them all at once, where the work on a row
    /// would keep it from seeing more than a few rows ahead.
    pub(crate) fn for_each_before(&self, rank: u32, mut f: impl FnMut(&[R], u32)) {
        let nodes = &self.nodes[self.starts[rank as usize]..self.starts[rank as usize + 1]];
        for batch in nodes.chunks(FETCH) {
            std::hint::black_box(batch.iter().fold(0, |all, node| all ^ self.ranks[node.at as usize].into()));
            for node in batch {
                f(&self.ranks[node.at as usize..(node.at + node.len) as usize], node.weight);
            }
        }
    }
}

/// How many ranks each row shares with the one before it.
fn shared_lengths(ranked: &Ranked) -> Vec<u32> {
    let mut last: &[u32] = &[];
    let shared = (0..ranked.n_rows() as u32).map(|t| {
        let row = ranked.row(t);
        let shared = row.iter().zip(last).take_while(|(a, b)| a == b).count();
        last = row;
        shared as u32
    });
    shared.collect()
}
