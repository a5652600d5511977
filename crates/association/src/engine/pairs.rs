//! Pairs alone: where sets of two are the longest wanted, every pair of a transaction is counted once, and that is all.

use std::sync::atomic::{AtomicU64, Ordering};

use osusume_model::Control;
use rayon::prelude::*;

use super::conflicts::Conflicts;
use super::ranked::Frequent;
use super::root::Partner;
use super::rows::{Rows, StoredRank};
use super::streams::{Counters, Streams};
use super::{SMALL_RANKS, task_len};
use crate::error::check_stop;
use crate::{Error, ItemsetParams, Itemsets, Kind, SetCounts, Transactions};

/// Most frequent items for which every worker has a counter for each two of them: 4 MB.
const TABLE_RANKS: usize = 1024;
/// Transactions between two looks at the control.
const STOP_STEP: usize = 1 << 13;

/// The frequent items, and the frequent pairs of those that may stand in a set together.
pub(crate) struct Pairs {
    frequent: Frequent,
    /// Of each rank the more frequent partners, ascending.
    partners: Vec<Vec<Partner>>,
}

impl Pairs {
    /// Whether longer sets or fewer than all frequent ones are not wanted.
    pub(crate) fn are_enough(params: &ItemsetParams<'_>) -> bool {
        params.kind == Kind::All && params.max_length <= 2
    }

    /// Finds them; `None` when there are more sets than wanted.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub(crate) fn find(
        db: &Transactions,
        params: &ItemsetParams<'_>,
        control: &dyn Control,
    ) -> Result<Option<Self>, Error> {
        let frequent = Frequent::new(db, params);
        let n_ranks = frequent.n_ranks();
        let conflicts = Conflicts::new(params);
        let search = Search { frequent: &frequent, conflicts, control, left: AtomicU64::new(0) };
        search.left.store(params.max_sets.saturating_sub(n_ranks as u64), Ordering::Relaxed);
        let partners = match (params.max_length, n_ranks) {
            _ if n_ranks as u64 > params.max_sets => return Ok(None),
            (0..2, _) => Some(vec![Vec::new(); n_ranks]),
            (_, 0..=TABLE_RANKS) => search.by_table(db)?,
            (_, 0..=SMALL_RANKS) => search.by_root(&Rows::<u16>::new(db, &frequent.items, control)?)?,
            _ => search.by_root(&Rows::<u32>::new(db, &frequent.items, control)?)?,
        };
        Ok(partners.map(|partners| Self { frequent, partners }))
    }

    /// How many sets of one and of two items there are.
    pub(crate) fn counted(&self) -> SetCounts {
        let mut out = SetCounts::default();
        let n_pairs = self.partners.iter().map(Vec::len).sum();
        for (size, sets) in (1..).zip([self.frequent.n_ranks(), n_pairs]).filter(|(_, sets)| *sets > 0) {
            out.add(size, sets as u64);
        }
        out
    }

    /// The sets themselves, in the order of every trie: by rank, each before its pairs.
    pub(crate) fn listed(&self, n: u64) -> Itemsets {
        let mut out = Itemsets { n, ..Itemsets::default() };
        out.reserve_exact(self.counted().sets as usize);
        let mut push = |depth, rank: u32, count| {
            out.depths.push(depth);
            out.items.push(self.frequent.items[rank as usize]);
            out.counts.push(count);
        };
        for ((rank, count), partners) in (0..).zip(&self.frequent.counts).zip(&self.partners) {
            push(1, rank, *count);
            for partner in partners {
                push(2, partner.rank, partner.count);
            }
        }
        out
    }
}

/// What both ways of counting need.
struct Search<'a> {
    frequent: &'a Frequent,
    conflicts: Conflicts<'a>,
    control: &'a dyn Control,
    /// How many pairs may still be found.
    left: AtomicU64,
}

impl Search<'_> {
    /// Pairs with counters for each root item in turn, which a core keeps close by however many items there are.
    fn by_root<R: StoredRank>(&self, rows: &Rows<R>) -> Result<Option<Vec<Vec<Partner>>>, Error> {
        let n_ranks = self.frequent.n_ranks();
        let mut streams = Streams::new(rows, n_ranks);
        let mut all = Vec::with_capacity(n_ranks);
        while all.len() < n_ranks {
            let roots = streams.read(all.len(), self.control)?;
            let n_roots = roots.len();
            let partners = roots.into_par_iter().with_max_len(task_len(n_roots)).map_init(
                || Counters::new(n_ranks),
                |counters, root| {
                    check_stop(self.control)?;
                    let partners = counters.partners(streams.before(root), root as u32, self.frequent.min_count);
                    Ok(self.keep(root as u32, partners.iter().copied()))
                },
            );
            match partners.collect::<Result<Option<Vec<Vec<Partner>>>, Error>>()? {
                Some(partners) => all.extend(partners),
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    }

    /// Those of a rank's frequent partners that may stand in a set with it; `None` when there are more pairs than wanted.
    fn keep(&self, rank: u32, partners: impl Iterator<Item = Partner>) -> Option<Vec<Partner>> {
        let item = |rank: u32| self.frequent.items[rank as usize];
        let may_meet = |partner: &Partner| !self.conflicts.between(item(partner.rank), item(rank));
        let kept: Vec<Partner> = partners.filter(may_meet).collect();
        let take = |left: u64| left.checked_sub(kept.len() as u64);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok().then_some(kept)
    }

    /// A table a worker, each for its part of the transactions; what they add up to depends on neither.
    fn by_table(&self, db: &Transactions) -> Result<Option<Vec<Vec<Partner>>>, Error> {
        let n_ranks = self.frequent.n_ranks();
        let mut rank_of = vec![n_ranks as u16; db.n_items() as usize];
        for (rank, item) in (0..).zip(&self.frequent.items) {
            rank_of[*item as usize] = rank;
        }
        let n_workers = rayon::current_num_threads();
        let part_len = db.len().div_ceil(n_workers).max(1);
        let count_part = |worker: usize| {
            let mut table = Table { n_ranks, counts: vec![0; n_ranks * n_ranks] };
            let end = db.len().min((worker + 1) * part_len);
            for start in (worker * part_len..end).step_by(STOP_STEP) {
                check_stop(self.control)?;
                table.add(db, start..end.min(start + STOP_STEP), &rank_of);
            }
            Ok(table)
        };
        let tables = (0..n_workers).into_par_iter().map(count_part);
        let table = tables.try_reduce_with(|a, b| Ok(a.plus(&b))).transpose()?;
        Ok(table.and_then(|table| {
            let partners = |rank: u32| self.keep(rank, table.partners(rank, self.frequent.min_count));
            (0..n_ranks as u32).map(partners).collect()
        }))
    }
}

/// Counts of pairs in the order in which a transaction names them: which of the two is more frequent is settled in the end.
struct Table {
    n_ranks: usize,
    counts: Vec<u32>,
}

impl Table {
    fn add(&mut self, db: &Transactions, transactions: std::ops::Range<usize>, rank_of: &[u16]) {
        let mut ranks = Vec::new();
        for t in transactions {
            let (basket, weight) = (db.basket(t), db.weight(t));
            if ranks.len() < basket.len() {
                ranks.resize(basket.len(), 0);
            }
            let mut len = 0;
            for item in basket {
                // Written in any case: whether an item is frequent is not foreseen by a processor.
                ranks[len] = usize::from(rank_of[*item as usize]);
                len += usize::from(ranks[len] < self.n_ranks);
            }
            for (at, rank) in ranks[..len].iter().enumerate() {
                let counts = &mut self.counts[rank * self.n_ranks..][..self.n_ranks];
                for other in &ranks[..at] {
                    counts[*other] += weight;
                }
            }
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self
    }

    /// The more frequent items that are with that of `rank` often enough.
    fn partners(&self, rank: u32, min_count: u32) -> impl Iterator<Item = Partner> {
        let count = move |other: u32| {
            let [a, b] = [rank, other].map(|rank| rank as usize);
            self.counts[self.n_ranks * a + b] + self.counts[self.n_ranks * b + a]
        };
        (0..rank).map(move |rank| Partner { rank, count: count(rank) }).filter(move |it| it.count >= min_count)
    }
}

#[cfg(test)]
mod tests {
    use osusume_model::NoControl;

    use super::*;
    use crate::{Baskets, Hierarchy, ItemRole, NO_PARENT};

    /// Baskets of up to 13 items out of 40, in no order, each item in fewer than the one before.
    fn db() -> Transactions {
        let mut state = 7_u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let mut baskets: Vec<Vec<u32>> = Vec::new();
        for _ in 0..3_000 {
            let n_items = below(14);
            baskets.push(
                (0..n_items)
                    .map(|_| below(40))
                    .collect::<Vec<u64>>()
                    .iter()
                    .map(|most| below(most + 1) as u32)
                    .collect(),
            );
        }
        let offsets: Vec<usize> = (0..=baskets.len()).map(|t| baskets[..t].iter().map(Vec::len).sum()).collect();
        let weights: Vec<u32> = (0..baskets.len()).map(|_| below(4) as u32).collect();
        let given =
            Baskets { offsets: &offsets, items: &baskets.concat(), n_items: 40, weights: Some(&weights), groups: None };
        Transactions::new(&given, 100).unwrap().0
    }

    /// Partners of each rank with their counts.
    type Plain = Vec<Vec<(u32, u32)>>;

    fn both_ways(db: &Transactions, params: &ItemsetParams<'_>) -> [Option<Plain>; 3] {
        let frequent = Frequent::new(db, params);
        let search = || Search {
            frequent: &frequent,
            conflicts: Conflicts::new(params),
            control: &NoControl,
            left: AtomicU64::new(params.max_sets),
        };
        let short = Rows::<u16>::new(db, &frequent.items, &NoControl).unwrap();
        let long = Rows::<u32>::new(db, &frequent.items, &NoControl).unwrap();
        let found = [search().by_table(db), search().by_root(&short), search().by_root(&long)];
        let plain = |of_rank: Vec<Partner>| of_rank.into_iter().map(|it| (it.rank, it.count)).collect();
        found.map(|found| found.unwrap().map(|partners| partners.into_iter().map(plain).collect()))
    }

    #[test]
    fn tables_and_roots_find_the_same_pairs() {
        let db = db();
        let roles: Vec<ItemRole> = (0..40)
            .map(|item| match item % 5 {
                0 => ItemRole::Consequent,
                1 => ItemRole::Ignore,
                2 => ItemRole::Antecedent,
                _ => ItemRole::Both,
            })
            .collect();
        let forest = Hierarchy::new((0..40).map(|item| if item % 3 == 0 { NO_PARENT } else { item - 1 }).collect());
        let forest = forest.unwrap();
        for min_count in [1, 30, 300, 100_000] {
            let free = ItemsetParams { max_length: 2, ..ItemsetParams::all(min_count) };
            let bound = ItemsetParams { roles: Some(&roles), hierarchy: Some(&forest), ..free };
            for params in [free, bound] {
                for n_threads in [1, 3] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
                    let [table, short, long] = pool.install(|| both_ways(&db, &params));
                    assert!(table.is_some() && table == short && table == long, "{params:?}, {n_threads} threads");
                }
            }
        }
    }

    #[test]
    fn a_limit_counts_items_and_pairs() {
        let db = db();
        let all = ItemsetParams { max_length: 2, ..ItemsetParams::all(30) };
        let n_sets = Pairs::find(&db, &all, &NoControl).unwrap().unwrap().counted().sets;
        for (max_sets, fits) in [(n_sets, true), (n_sets - 1, false), (3, false), (0, false)] {
            let found = Pairs::find(&db, &ItemsetParams { max_sets, ..all }, &NoControl).unwrap();
            assert_eq!(found.is_some(), fits, "{max_sets}");
        }
        let n_pairs = n_sets - Frequent::new(&db, &all).n_ranks() as u64;
        let [table, short, long] = both_ways(&db, &ItemsetParams { max_sets: n_pairs - 1, ..all });
        assert!(table.is_none() && short.is_none() && long.is_none());
    }
}
