//! Transactions as ranks: filtered, each one sorted, all in lexicographic order.

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

use std::ops::Range;

use osusume_model::Control;
use osusume_numeric::sort::sort_u64;
use rayon::prelude::*;

use crate::error::check_stop;
use crate::{Error, Transactions, shares};

/// Groups of rows of at least this size are sorted by a radix sort.
const RADIX_FROM: usize = 512;

/// A rank as stored: u16 where that is enough, because rows are visited in an order no cache foresees.
pub(crate) trait StoredRank: Copy + Default + Ord + TryFrom<usize> + Send + Sync {
    /// Stands for no rank; above all of them.
    const NONE: Self;
    /// So many values follow the last row, so that rows can be read in blocks.
    const PADDING: usize = 16;

    fn index(self) -> usize;

    /// Sorts every row; row `t` is `ranks[offsets[t]..offsets[t + 1]]`, and [`StoredRank::PADDING`] values follow the last.
    fn sort_rows(ranks: &mut [Self], offsets: &[u32]);
}

impl StoredRank for u16 {
    const NONE: Self = Self::MAX;
    const PADDING: usize = 64;

    fn index(self) -> usize {
        usize::from(self)
    }

    fn sort_rows(ranks: &mut [Self], offsets: &[u32]) {
        sort_short_rows(ranks, offsets);
    }
}

impl StoredRank for u32 {
    const NONE: Self = Self::MAX;

    fn index(self) -> usize {
        self as usize
    }

    fn sort_rows(ranks: &mut [Self], offsets: &[u32]) {
        for row in offsets.windows(2) {
            ranks[row[0] as usize..row[1] as usize].sort_unstable();
        }
    }
}

/// Transactions with at least one frequent item as ascending ranks; neither in order nor merged.
pub(crate) struct Rows<R> {
    offsets: Vec<u32>,
    ranks: Vec<R>,
    /// Weight of each row; absent when all are 1.
    weights: Option<Vec<u32>>,
}

impl<R: StoredRank> Rows<R> {
    /// `items` are the items of the ranks. The threads of the current rayon pool share the work.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub(crate) fn new(db: &Transactions, items: &[u32], control: &dyn Control) -> Result<Self, Error> {
        let mut rank_of = vec![R::NONE; db.n_items() as usize];
        for (rank, item) in items.iter().enumerate() {
            rank_of[*item as usize] =
                R::try_from(rank).unwrap_or_else(|_| unreachable!("the caller chose a type for all ranks"));
        }
        let shares = shares::ranges(db.offsets(), shares::n_shares(db.n_values()));
        let n_values = |share: &Range<usize>| db.offsets()[share.end] - db.offsets()[share.start];
        // Every share needs room behind its last row.
        let rooms: Vec<usize> = shares.iter().map(|share| n_values(share) + R::PADDING).collect();
        let (mut ranks, mut offsets) = (vec![R::default(); rooms.iter().sum()], vec![0; db.len() + 1]);
        let parts: Vec<_> = shares::split(&mut ranks, rooms.iter().copied())
            .into_iter()
            .zip(shares::split(&mut offsets[1..], shares.iter().map(Range::len)))
            .collect();
        let write = |((ranks, ends), share): ((&mut [R], &mut [u32]), &Range<usize>)| {
            write_rows(db, share.clone(), &rank_of, ranks, ends, control)
        };
        let written = parts.into_par_iter().zip(&shares).with_max_len(1).map(write);
        let written = written.collect::<Result<Vec<Written>, Error>>()?;
        let kept = rooms.iter().copied().zip(written.iter().map(|it| it.n_values));
        let n_kept = shares::close_gaps(&mut ranks, kept);
        ranks.truncate(n_kept + R::PADDING);
        let mut start = 0;
        for (share, it) in shares.iter().zip(&written) {
            offsets[1 + share.start..][..it.n_rows].iter_mut().for_each(|end| *end += start);
            start += it.n_values as u32;
        }
        let kept = shares.iter().map(Range::len).zip(written.iter().map(|it| it.n_rows));
        let n_kept = shares::close_gaps(&mut offsets[1..], kept);
        offsets.truncate(n_kept + 1);
        let weights = db.weights().map(|_| written.into_iter().flat_map(|it| it.weights).collect());
        Ok(Self { offsets, ranks, weights })
    }

    /// The ranks of all rows one after the other.
    pub(crate) fn ranks(&self) -> &[R] {
        &self.ranks[..self.offsets[self.len()] as usize]
    }

    /// As [`Rows::ranks`], with padding after the last.
    pub(crate) fn padded_ranks(&self) -> &[R] {
        &self.ranks
    }

    /// As [`Rows::padded_ranks`].
    pub(crate) fn into_ranks(self) -> Vec<R> {
        self.ranks
    }

    /// Where a row starts in [`Rows::ranks`].
    pub(crate) fn start(&self, row: usize) -> u32 {
        self.offsets[row]
    }

    pub(crate) fn row(&self, row: usize) -> &[R] {
        &self.ranks[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Where each row starts in [`Rows::ranks`], and the end.
    pub(crate) fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    pub(crate) fn weight(&self, row: usize) -> u32 {
        self.weights.as_ref().map_or(1, |weights| weights[row])
    }

    /// Weights by row; absent when all are 1.
    pub(crate) fn weights(&self) -> Option<&[u32]> {
        self.weights.as_deref()
    }

    /// Rows in lexicographic order; `n_ranks` bounds the ranks. By as many first ranks as fit a key; rows that agree in them by the
    /// next ones, and so on (as multikey quicksort goes by characters: Bentley and Sedgewick, "Fast algorithms for sorting and
    /// searching strings", 1997).
    pub(crate) fn sorted(&self, n_ranks: usize) -> Vec<u32> {
        let bits = usize::BITS - n_ranks.max(1).leading_zeros();
        let n_ranks_a_key = (u64::BITS / bits) as usize;
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        let mut keys = vec![0_u64; order.len()];
        let mut pairs = Vec::new();
        let mut groups = vec![(0, order.len(), 0)];
        while let Some((start, end, from)) = groups.pop() {
            let (order, keys) = (&mut order[start..end], &mut keys[start..end]);
            for (key, row) in keys.iter_mut().zip(order.iter()) {
                *key = key_of(self.row(*row as usize), from, n_ranks_a_key, bits);
            }
            sort_group(keys, order, &mut pairs);
            let mut at = start;
            for group in keys.chunk_by(|a, b| a == b) {
                // A key whose last rank is missing has seen the whole row.
                if group.len() > 1 && self.row(order[at - start] as usize).len() > from + n_ranks_a_key {
                    groups.push((at, at + group.len(), from + n_ranks_a_key));
                }
                at += group.len();
            }
        }
        order
    }
}

/// Rows between two looks at the control, which are also sorted while a core has them close by.
const STEP: usize = 1 << 13;

/// What a share of the rows came to.
struct Written {
    n_values: usize,
    n_rows: usize,
    /// None when all are 1.
    weights: Vec<u32>,
}

/// Writes the rows of `transactions` with a rank at the start of `ranks`, and where each ends.
fn write_rows<R: StoredRank>(
    db: &Transactions,
    transactions: Range<usize>,
    rank_of: &[R],
    ranks: &mut [R],
    ends: &mut [u32],
    control: &dyn Control,
) -> Result<Written, Error> {
    let mut out = Written { n_values: 0, n_rows: 0, weights: Vec::new() };
    let mut offsets = Vec::with_capacity(STEP + 1);
    for first in transactions.clone().step_by(STEP) {
        check_stop(control)?;
        offsets.clear();
        offsets.push(out.n_values as u32);
        for t in first..transactions.end.min(first + STEP) {
            let start = out.n_values;
            for item in db.basket(t) {
                let rank = rank_of[*item as usize];
                // Written in any case: whether an item is frequent is not foreseen by a processor.
                ranks[out.n_values] = rank;
                out.n_values += usize::from(rank != R::NONE);
            }
            if out.n_values > start {
                offsets.push(out.n_values as u32);
                if db.weights().is_some() {
                    out.weights.push(db.weight(t));
                }
            }
        }
        R::sort_rows(ranks, &offsets);
        ends[out.n_rows..][..offsets.len() - 1].copy_from_slice(&offsets[1..]);
        out.n_rows += offsets.len() - 1;
    }
    Ok(out)
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

/// Ranks from position `from` on, one more each so that a missing one comes first.
fn key_of<R: StoredRank>(row: &[R], from: usize, n_ranks: usize, bits: u32) -> u64 {
    let rest = row.get(from..).unwrap_or_default();
    let rest = &rest[..rest.len().min(n_ranks)];
    let key = rest.iter().fold(0, |key, rank| key << bits | (rank.index() as u64 + 1));
    // Shifted in two steps: no rank left may mean all 64 bits.
    let missing = bits * (n_ranks - rest.len()) as u32;
    key << (missing / 2) << (missing - missing / 2)
}

osusume_numeric::dispatch! {
    /// [`StoredRank::sort_rows`] for ranks of 16 bits.
    fn sort_short_rows(ranks: &mut [u16], offsets: &[u32]) {
        for row in offsets.windows(2) {
            let (start, end) = (row[0] as usize, row[1] as usize);
            match end - start {
                0..=1 => {}
                2..=16 => sort_by_ranking::<16>(ranks, start, end),
                17..=32 => sort_by_ranking::<32>(ranks, start, end),
                33..=64 => sort_by_ranking::<64>(ranks, start, end),
                _ => ranks[start..end].sort_unstable(),
            }
        }
    }
}

/// Sorts at most `N` different values by counting the smaller ones of each: `N` comparisons a value, but a vector at a time and none of
/// them a branch.
#[inline(always)]
fn sort_by_ranking<const N: usize>(ranks: &mut [u16], start: usize, end: usize) {
    let block: &mut [u16; N] = (&mut ranks[start..start + N]).try_into().expect("as long as asked for");
    let (values, len) = (*block, end - start);
    let mut places = [0_u16; N];
    for value in &values[..len] {
        for (place, other) in places.iter_mut().zip(&values) {
            *place += u16::from(value < other);
        }
    }
    for (value, place) in values[..len].iter().zip(&places) {
        block[usize::from(*place) % N] = *value;
    }
}

#[cfg(test)]
mod tests {
    use osusume_model::NoControl;

    use super::*;
    use crate::Baskets;

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
        check::<u16>(&db, &items, &expected);
        check::<u32>(&db, &items, &expected);
        osusume_numeric::dispatch::with_baseline(|| check::<u16>(&db, &items, &expected));
    }

    fn check<R: StoredRank>(db: &Transactions, items: &[u32], expected: &[Vec<usize>]) {
        let rows = Rows::<R>::new(db, items, &NoControl).unwrap();
        let got: Vec<Vec<usize>> = (rows.sorted(items.len()).iter())
            .map(|row| rows.row(*row as usize).iter().map(|rank| rank.index()).collect())
            .collect();
        assert_eq!(got, expected);
    }
}
