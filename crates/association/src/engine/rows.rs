//! Transactions as ranks: filtered, and each one sorted.

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

use std::ops::Range;

use osusume_model::Control;
use rayon::prelude::*;

use crate::error::check_stop;
use crate::{Error, Transactions, shares};

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

/// Transactions with at least one frequent item as ascending ranks; neither in order nor merged before [`Rows::sorted`].
pub(crate) struct Rows<R> {
    pub(super) offsets: Vec<u32>,
    /// And padding behind the last.
    pub(super) ranks: Vec<R>,
    /// Weight of each row; absent when all are 1.
    pub(super) weights: Option<Vec<u32>>,
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
        let n_values = |share: &Range<usize>| (db.offsets()[share.end] - db.offsets()[share.start]) as usize;
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
        ranks.shrink_to_fit();
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
