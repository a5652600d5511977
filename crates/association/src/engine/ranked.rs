//! The database as the search wants it: frequent items only, renumbered by frequency, equal transactions merged.

use osusume_model::Control;

use super::bulk::Bulk;
use super::rows::{Rows, StoredRank};
use crate::{Error, ItemRole, ItemsetParams, Transactions};

/// Rows asked for at once: more than a processor fetches side by side, few enough to stay in the first cache.
pub(crate) const FETCH: usize = 64;

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
    /// The place of each row in `rows` and its weight.
    kept: Vec<(u32, u32)>,
}

impl<'a, R: StoredRank> Ranked<'a, R> {
    /// `R` must hold every rank.
    pub(crate) fn new(db: &Transactions, frequent: &'a Frequent, control: &dyn Control) -> Result<Self, Error> {
        let rows = Rows::<R>::new(db, &frequent.items, control)?;
        let mut kept: Vec<(u32, u32)> = Vec::new();
        for row in rows.sorted(frequent.n_ranks()) {
            let weight = rows.weight(row as usize);
            match kept.last_mut() {
                Some((last, sum)) if rows.row(*last as usize) == rows.row(row as usize) => *sum += weight,
                _ => kept.push((row, weight)),
            }
        }
        Ok(Self { frequent, rows, kept })
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.kept.len()
    }

    pub(crate) fn row(&self, t: u32) -> &[R] {
        self.rows.row(self.kept[t as usize].0 as usize)
    }

    pub(crate) fn weight(&self, t: u32) -> u32 {
        self.kept[t as usize].1
    }

    /// All of a row, as a place in [`Ranked::ranks`].
    pub(crate) fn path(&self, t: u32) -> Path {
        let (row, weight) = self.kept[t as usize];
        Path { at: self.rows.start(row as usize), len: self.rows.row(row as usize).len() as u32, weight }
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

/// What stands before each rank in the rows: every different beginning once, with the weight of the rows that share it.
///
/// Rows in lexicographic order that share a beginning are neighbors, so these are the nodes of a prefix tree (Han, Pei and Yin, "Mining
/// frequent patterns without candidate generation", 2000) without the tree: a node is a place in the last of its rows.
pub(crate) struct Paths<'a, R> {
    frequent: &'a Frequent,
    /// The ranks of all rows.
    ranks: Vec<R>,
    starts: Vec<usize>,
    nodes: Vec<Path>,
    /// Rows that are in no path.
    bulk: Bulk,
}

/// What stands before a rank in some rows.
#[derive(Clone, Copy, Default)]
pub(crate) struct Path {
    /// Where it starts in the ranks of all rows.
    pub at: u32,
    pub len: u32,
    /// Weight of the rows.
    pub weight: u32,
}

impl<'a, R: StoredRank> Paths<'a, R> {
    /// `R` must hold every rank.
    pub(crate) fn new(db: &Transactions, frequent: &'a Frequent, control: &dyn Control) -> Result<Self, Error> {
        let rows = Rows::<R>::new(db, &frequent.items, control)?;
        let n_ranks = frequent.n_ranks();
        let chosen = Bulk::choose(&rows, n_ranks);
        let bulk = Bulk::new(&rows, &chosen, n_ranks);
        let mut order = rows.sorted(n_ranks);
        if !chosen.is_empty() {
            order.retain(|row| chosen.binary_search(row).is_err());
        }
        let mut paths = Writer::new(&rows, n_ranks);
        for batch in order.chunks(FETCH) {
            // Asked for together, so that the processor fetches them all at once.
            std::hint::black_box(batch.iter().fold(0, |sum, row| sum ^ rows.row(*row as usize)[0].index()));
            for row in batch {
                paths.add(*row as usize, rows.weight(*row as usize));
            }
        }
        let (starts, nodes) = paths.finish();
        Ok(Self { frequent, ranks: rows.into_ranks(), starts, nodes, bulk })
    }

    pub(crate) fn frequent(&self) -> &'a Frequent {
        self.frequent
    }

    /// The ranks of all rows, and padding after the last.
    pub(crate) fn ranks(&self) -> &[R] {
        &self.ranks
    }

    /// Rows that are in no path.
    pub(crate) fn bulk(&self) -> &Bulk {
        &self.bulk
    }

    /// What stands before a rank, in lexicographic order.
    pub(crate) fn before(&self, rank: u32) -> &[Path] {
        &self.nodes[self.starts[2 * rank as usize]..self.starts[2 * rank as usize + 1]]
    }
}

/// Writes the paths of rows that come in lexicographic order. A path is written when its last row is known, so once, and nothing in an
/// order no cache foresees is read.
struct Writer<'a, R> {
    rows: &'a Rows<R>,
    /// Start and end of each rank's paths, one after the other.
    starts: Vec<usize>,
    nodes: Vec<Path>,
    /// For each rank of the last row: the weight of all rows before the first one that shares it.
    open: Vec<u32>,
    last: usize,
    /// Weight of all rows so far.
    weight: u32,
}

impl<'a, R: StoredRank> Writer<'a, R> {
    fn new(rows: &'a Rows<R>, n_ranks: usize) -> Self {
        let mut starts = vec![0; 2 * n_ranks + 2];
        for rank in rows.ranks() {
            starts[2 * rank.index() + 2] += 1;
        }
        for rank in 0..n_ranks {
            starts[2 * rank + 2] += starts[2 * rank];
            starts[2 * rank + 1] = starts[2 * rank];
        }
        let nodes = vec![Path::default(); starts[2 * n_ranks]];
        Self { rows, starts, nodes, open: Vec::new(), last: 0, weight: 0 }
    }

    fn add(&mut self, row: usize, weight: u32) {
        let (last, mine) = (self.rows.row(self.last), self.rows.row(row));
        let shared = mine.iter().zip(&last[..self.open.len()]).take_while(|(a, b)| a == b).count();
        self.close(shared);
        self.open.resize(mine.len(), self.weight);
        self.last = row;
        self.weight += weight;
    }

    /// Writes the paths of the last row that are longer than `shared`.
    fn close(&mut self, shared: usize) {
        let (at, last) = (self.rows.start(self.last), self.rows.row(self.last));
        for (len, (rank, before)) in last.iter().zip(&self.open).enumerate().skip(shared) {
            let end = &mut self.starts[2 * rank.index() + 1];
            self.nodes[*end] = Path { at, len: len as u32, weight: self.weight - before };
            *end += 1;
        }
        self.open.truncate(shared);
    }

    fn finish(mut self) -> (Vec<usize>, Vec<Path>) {
        if !self.open.is_empty() {
            self.close(0);
        }
        (self.starts, self.nodes)
    }
}
