//! Rows in lexicographic order, equal ones merged.

use std::ops::Range;

use osusume_model::Control;
use osusume_numeric::sort::sort_u64;
use rayon::prelude::*;

use super::rows::{Rows, StoredRank};
use crate::error::check_stop;
use crate::{Error, shares};

/// Groups of rows of at least this size are sorted by a radix sort.
const RADIX_FROM: usize = 512;
/// Keys looked at, for each thread, to part the rows into as many groups as there are threads.
const SAMPLES: usize = 64;
/// Rows asked for at once: more than a processor fetches side by side, few enough to stay in the first cache.
const FETCH: usize = 64;
/// Ranks copied at once.
const BLOCK: usize = 16;
/// Rows between two looks at the control.
const STOP_STEP: usize = 1 << 14;

/// Neighbors among rows in lexicographic order.
pub(crate) struct Group {
    pub rows: Range<usize>,
    /// How often each rank is where a row differs from the one before it in the group, or behind.
    pub n_new: Vec<u32>,
}

impl<R: StoredRank> Rows<R> {
    /// The rows but those of `without`, ascending, in lexicographic order, equal ones merged; `n_ranks` bounds the ranks. They are in as
    /// many groups as threads of the current rayon pool share the work.
    ///
    /// What stands before a rank in neighbors begins alike, and lies close together in memory.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub(crate) fn sorted(
        self,
        n_ranks: usize,
        without: &[u32],
        control: &dyn Control,
    ) -> Result<(Self, Vec<Group>), Error> {
        let order = self.order(n_ranks, without, control)?;
        // Rows are copied and read in blocks.
        let rooms: Vec<usize> = order.iter().map(|(_, n_values)| n_values + R::PADDING).collect();
        let n_rows = || order.iter().map(|(rows, _)| rows.len());
        let mut ranks = vec![R::default(); rooms.iter().sum()];
        let (mut offsets, mut weights) = (vec![0; n_rows().sum::<usize>() + 1], vec![0; n_rows().sum()]);
        let parts: Vec<_> = shares::split(&mut ranks, rooms.iter().copied())
            .into_iter()
            .zip(shares::split(&mut offsets[1..], n_rows()))
            .zip(shares::split(&mut weights, n_rows()))
            .zip(&order)
            .map(|(((ranks, ends), weights), (rows, _))| Gather { from: &self, rows, ranks, ends, weights })
            .collect();
        let gathered = parts.into_par_iter().with_max_len(1).map(|part| part.run(n_ranks, control));
        let gathered = gathered.collect::<Result<Vec<Gathered>, Error>>()?;
        let kept = rooms.iter().copied().zip(gathered.iter().map(|it| it.values));
        let n_kept = shares::close_gaps(&mut ranks, kept);
        ranks.truncate(n_kept + R::PADDING);
        ranks.shrink_to_fit();
        let (mut start, mut row) = (0, 1);
        for (it, n_rows) in gathered.iter().zip(n_rows()) {
            offsets[row..row + it.rows].iter_mut().for_each(|end| *end += start);
            start += it.values as u32;
            row += n_rows;
        }
        let kept = || n_rows().zip(gathered.iter().map(|it| it.rows));
        let n_kept = shares::close_gaps(&mut offsets[1..], kept());
        offsets.truncate(n_kept + 1);
        offsets.shrink_to_fit();
        shares::close_gaps(&mut weights, kept());
        weights.truncate(n_kept);
        let weights = weights.iter().any(|weight| *weight != 1).then_some(weights);
        let mut end = 0;
        let groups = gathered.into_iter().map(|it| {
            end += it.rows;
            Group { rows: end - it.rows..end, n_new: it.news }
        });
        Ok((Self { offsets, ranks, weights }, groups.collect()))
    }

    /// The rows but those of `without` in lexicographic order, in groups one after the other, and how many values each group has. Equal
    /// rows are in one group.
    fn order(&self, n_ranks: usize, without: &[u32], control: &dyn Control) -> Result<Vec<(Vec<u32>, usize)>, Error> {
        let packing = Packing::new(n_ranks);
        let mut keys = vec![0_u64; self.len()];
        let shares = shares::ranges(self.offsets(), shares::n_shares(self.ranks().len()));
        let parts = shares::split(&mut keys, shares.iter().map(Range::len));
        parts.into_par_iter().zip(&shares).with_max_len(1).for_each(|(keys, rows)| {
            for (key, row) in keys.iter_mut().zip(rows.clone()) {
                *key = packing.key(self.row(row), 0);
            }
        });
        check_stop(control)?;
        let bounds = bounds(&keys, shares.len());
        let ranges = (0..bounds.len() + 1).into_par_iter().with_max_len(1);
        ranges
            .map(|group| {
                let (low, high) = (group.checked_sub(1).map(|at| bounds[at]), bounds.get(group).copied());
                let is_mine = |key: u64| low.is_none_or(|low| key >= low) && high.is_none_or(|high| key < high);
                let mut order = Vec::with_capacity(keys.iter().filter(|key| is_mine(**key)).count());
                order.extend((0..keys.len() as u32).filter(|row| is_mine(keys[*row as usize])));
                if !without.is_empty() {
                    order.retain(|row| without.binary_search(row).is_err());
                }
                let mut my_keys = order.iter().map(|row| keys[*row as usize]).collect::<Vec<u64>>();
                self.sort(&mut order, &mut my_keys, packing);
                check_stop(control)?;
                let n_values = order.iter().map(|row| self.row(*row as usize).len()).sum();
                Ok((order, n_values))
            })
            .collect()
    }

    /// Sorts rows by as many first ranks as fit a key, which `keys` hold; rows that agree in them by the next ones, and so on (as multikey
    /// quicksort goes by characters: Bentley and Sedgewick, "Fast algorithms for sorting and searching strings", 1997).
    fn sort(&self, order: &mut [u32], keys: &mut [u64], packing: Packing) {
        let mut pairs = Vec::new();
        let mut groups = vec![(0, order.len(), 0)];
        while let Some((start, end, from)) = groups.pop() {
            let (order, keys) = (&mut order[start..end], &mut keys[start..end]);
            if from > 0 {
                for (key, row) in keys.iter_mut().zip(order.iter()) {
                    *key = packing.key(self.row(*row as usize), from);
                }
            }
            sort_group(keys, order, &mut pairs);
            let mut at = start;
            for group in keys.chunk_by(|a, b| a == b) {
                // A key whose last rank is missing has seen the whole row.
                let next = from + packing.n_ranks;
                if group.len() > 1 && self.row(order[at - start] as usize).len() > next {
                    groups.push((at, at + group.len(), next));
                }
                at += group.len();
            }
        }
    }
}

/// At most `n_groups - 1` keys that part all keys into groups of about the same size.
fn bounds(keys: &[u64], n_groups: usize) -> Vec<u64> {
    let step = keys.len().div_ceil(SAMPLES * n_groups).max(1);
    let mut sample: Vec<u64> = if n_groups > 1 { keys.iter().step_by(step).copied().collect() } else { Vec::new() };
    sample.sort_unstable();
    let mut bounds: Vec<u64> =
        (1..n_groups).filter_map(|at| sample.get(sample.len() * at / n_groups).copied()).collect();
    bounds.dedup();
    bounds
}

fn sort_group(keys: &mut [u64], order: &mut [u32], pairs: &mut Vec<(u64, u32)>) {
    if keys.len() >= RADIX_FROM {
        sort_u64(keys, order);
        return;
    }
    pairs.clear();
    pairs.extend(keys.iter().copied().zip(order.iter().copied()));
    pairs.sort_unstable();
    for (at, (key, row)) in pairs.iter().enumerate() {
        (keys[at], order[at]) = (*key, *row);
    }
}

/// How ranks are put into a key.
#[derive(Clone, Copy)]
struct Packing {
    bits: u32,
    /// So many fit.
    n_ranks: usize,
}

impl Packing {
    /// For ranks below `n_ranks`.
    fn new(n_ranks: usize) -> Self {
        let bits = usize::BITS - n_ranks.max(1).leading_zeros();
        Self { bits, n_ranks: (u64::BITS / bits) as usize }
    }

    /// Ranks from position `from` on, one more each so that a missing one comes first.
    fn key<R: StoredRank>(self, row: &[R], from: usize) -> u64 {
        let rest = row.get(from..).unwrap_or_default();
        let rest = &rest[..rest.len().min(self.n_ranks)];
        let key = rest.iter().fold(0, |key, rank| key << self.bits | (rank.index() as u64 + 1));
        // Shifted in two steps: no rank left may mean all 64 bits.
        let missing = self.bits * (self.n_ranks - rest.len()) as u32;
        key << (missing / 2) << (missing - missing / 2)
    }
}

/// Rows to be copied in the order `rows`.
struct Gather<'a, R> {
    from: &'a Rows<R>,
    rows: &'a [u32],
    ranks: &'a mut [R],
    ends: &'a mut [u32],
    weights: &'a mut [u32],
}

/// What copying rows came to.
struct Gathered {
    values: usize,
    rows: usize,
    /// As [`Group::n_new`].
    news: Vec<u32>,
}

impl<R: StoredRank> Gather<'_, R> {
    /// Copies them, equal ones once.
    fn run(self, n_ranks: usize, control: &dyn Control) -> Result<Gathered, Error> {
        let Self { from, rows, ranks, ends, weights } = self;
        let all = from.padded_ranks();
        let (mut last_start, mut end, mut n_rows) = (0, 0, 0);
        let mut n_new = vec![0; n_ranks];
        for (at, batch) in rows.chunks(FETCH).enumerate() {
            if at % (STOP_STEP / FETCH) == 0 {
                check_stop(control)?;
            }
            // Asked for together, so that the processor fetches them all at once.
            std::hint::black_box(batch.iter().fold(0, |sum, row| sum ^ from.row(*row as usize)[0].index()));
            for row in batch {
                let (start, len) = (from.start(*row as usize) as usize, from.row(*row as usize).len());
                let n_shared = n_shared(&ranks[last_start..end], &all[start..start + len]);
                let is_new = len > n_shared || end - last_start > n_shared || n_rows == 0;
                n_rows += usize::from(is_new);
                let weight = &mut weights[n_rows - 1];
                *weight += from.weight(*row as usize);
                if !is_new {
                    continue;
                }
                last_start = end;
                // Whole blocks: what is too much is overwritten by the next row.
                for block in (0..len).step_by(BLOCK) {
                    let from = &all[start + block..start + block + BLOCK];
                    ranks[end + block..end + block + BLOCK].copy_from_slice(from);
                }
                for rank in &all[start + n_shared..start + len] {
                    n_new[rank.index()] += 1;
                }
                end += len;
                ends[n_rows - 1] = end as u32;
            }
        }
        Ok(Gathered { values: end, rows: n_rows, news: n_new })
    }
}

/// How many first ranks two rows share.
pub(crate) fn n_shared<R: StoredRank>(a: &[R], b: &[R]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use osusume_model::NoControl;

    use super::*;
    use crate::{Baskets, Transactions};

    /// Rows of every length up to 70, in an order of no meaning, some of them twice.
    #[test]
    fn rows_come_in_lexicographic_order() {
        let baskets: Vec<Vec<u32>> = (0..700_u32)
            .map(|t| {
                let (len, step) = (t % 71, 1 + t / 71 % 5);
                (0..len).rev().map(|at| (at * step + t / 355) % 300).collect()
            })
            .collect();
        let offsets: Vec<usize> = (0..=baskets.len()).map(|t| baskets[..t].iter().map(Vec::len).sum()).collect();
        let given = Baskets { offsets: &offsets, items: &baskets.concat(), n_items: 300, weights: None, groups: None };
        let db = Transactions::new(&given, 1_000).unwrap().0;
        let items: Vec<u32> = (0..300).rev().filter(|item| item % 7 != 3).collect();
        let mut expected: Vec<Vec<usize>> = (baskets.iter())
            .map(|basket| {
                let mut row: Vec<usize> =
                    basket.iter().filter_map(|item| items.iter().position(|other| other == item)).collect();
                row.sort_unstable();
                row.dedup();
                row
            })
            .filter(|row| !row.is_empty())
            .collect();
        expected.sort();
        expected.dedup();
        for n_threads in [1, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| {
                check::<u16>(&db, &items, &expected);
                check::<u32>(&db, &items, &expected);
            });
        }
        osusume_numeric::dispatch::with_baseline(|| check::<u16>(&db, &items, &expected));
    }

    fn check<R: StoredRank>(db: &Transactions, items: &[u32], expected: &[Vec<usize>]) {
        let rows = Rows::<R>::new(db, items, &NoControl).unwrap();
        let n_rows = rows.len();
        let rows = rows.sorted(items.len(), &[], &NoControl).unwrap().0;
        let got: Vec<Vec<usize>> =
            (0..rows.len()).map(|row| rows.row(row).iter().map(|rank| rank.index()).collect()).collect();
        assert_eq!(got, expected);
        assert_eq!((0..rows.len()).map(|row| rows.weight(row) as usize).sum::<usize>(), n_rows);
    }
}
