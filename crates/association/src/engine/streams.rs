//! What stands before each rank in the rows, written one after the other, so that counting reads memory in order.
//!
//! A row of d ranks is written d (d − 1) / 2 values long: more than memory should hold. Ranks therefore come in rounds, each with about as
//! many values as the rows have.

use std::ops::Range;

use osusume_model::Control;
use rayon::prelude::*;

use super::root::{Partner, find_at_least};
use super::rows::{Rows, StoredRank};
use crate::error::check_stop;
use crate::{Error, shares};

/// Values copied at once.
const BLOCK: usize = 16;
/// Values of a round where the rows are shorter than this together.
const MIN_VALUES: usize = 1 << 22;
/// Rows between two looks at the control.
const STOP_STEP: usize = 1 << 14;
/// Counters read one after the other in the time of one that must be found.
const SCAN_SPEED: usize = 16;

/// The ranks of one round.
pub(crate) struct Streams<'a, R> {
    rows: &'a Rows<R>,
    n_ranks: usize,
    /// Values of a round, unless a single rank has more.
    capacity: usize,
    /// Ranks of this round.
    ranks: Range<usize>,
    parts: Vec<Part<R>>,
}

/// What a share of the rows adds.
struct Part<R> {
    rows: Range<usize>,
    /// How many values stand before each rank.
    n_values: Vec<u64>,
    values: Vec<R>,
    /// Weight of each value; none when all are 1.
    weights: Vec<u32>,
    /// Where the values of each rank of the round start and end. Between ranks there is room for a block.
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl<'a, R: StoredRank> Streams<'a, R> {
    pub(crate) fn new(rows: &'a Rows<R>, n_ranks: usize) -> Self {
        let shares = shares::ranges(rows.offsets(), shares::n_shares(rows.ranks().len()));
        let parts = shares.into_par_iter().with_max_len(1).map(|share| Part::new(rows, share, n_ranks)).collect();
        Self { rows, n_ranks, capacity: rows.ranks().len().max(MIN_VALUES), ranks: 0..0, parts }
    }

    /// Reads what stands before as many ranks from `first` on as a round has, and says which they are.
    pub(crate) fn read(&mut self, first: usize, control: &dyn Control) -> Result<Range<usize>, Error> {
        let n_values = |rank: usize| self.parts.iter().map(|part| part.n_values[rank] as usize).sum::<usize>();
        let (mut end, mut sum) = (first + 1, n_values(first));
        while end < self.n_ranks && sum + n_values(end) <= self.capacity {
            sum += n_values(end);
            end += 1;
        }
        self.ranks = first..end;
        let (rows, ranks) = (self.rows, &self.ranks);
        self.parts.par_iter_mut().with_max_len(1).try_for_each(|part| part.read(rows, ranks, control))?;
        Ok(self.ranks.clone())
    }

    /// What stands before a rank of the round, with weights unless all are 1.
    pub(crate) fn before(&self, rank: usize) -> impl Iterator<Item = (&[R], &[u32])> + Clone {
        let at = rank - self.ranks.start;
        self.parts.iter().map(move |part| {
            let values = part.starts[at]..part.ends[at];
            (&part.values[values.clone()], part.weights.get(values).unwrap_or_default())
        })
    }
}

impl<R: StoredRank> Part<R> {
    fn new(rows: &Rows<R>, share: Range<usize>, n_ranks: usize) -> Self {
        let mut n_values = vec![0; n_ranks];
        for row in share.clone() {
            for (before, rank) in (0..).zip(rows.row(row)) {
                n_values[rank.index()] += before;
            }
        }
        let (values, weights) = (Vec::new(), Vec::new());
        Self { rows: share, n_values, values, weights, starts: Vec::new(), ends: Vec::new() }
    }

    fn read(&mut self, rows: &Rows<R>, ranks: &Range<usize>, control: &dyn Control) -> Result<(), Error> {
        let mut start = 0;
        self.starts.clear();
        for n_values in &self.n_values[ranks.clone()] {
            self.starts.push(start);
            start += *n_values as usize + BLOCK;
        }
        self.ends.clone_from(&self.starts);
        if self.values.len() < start {
            self.values.resize(start, R::default());
        }
        if rows.weights().is_some() {
            self.weights.resize(self.values.len(), 0);
        }
        let lowest = R::try_from(ranks.start).unwrap_or_else(|_| unreachable!("the rows hold higher ranks"));
        for (at, row) in self.rows.clone().enumerate() {
            if at % STOP_STEP == 0 {
                check_stop(control)?;
            }
            self.write(rows, row, ranks, lowest);
        }
        Ok(())
    }

    /// Writes what stands before each of `ranks`, of which `lowest` is the first, in a row.
    fn write(&mut self, rows: &Rows<R>, row: usize, ranks: &Range<usize>, lowest: R) {
        let (start, len) = (rows.start(row) as usize, rows.row(row).len());
        let padded = &rows.padded_ranks()[start..];
        let block = padded.first_chunk::<BLOCK>().expect("rows are followed by more than a block");
        // As many as are smaller, in a row of at most a block: without a branch.
        let first = if len <= BLOCK {
            let is_before = |(at, rank): (u16, &R)| u16::from(at < len as u16) & u16::from(*rank < lowest);
            usize::from((0..).zip(block).map(is_before).sum::<u16>())
        } else {
            padded[..len].partition_point(|rank| *rank < lowest)
        };
        for len in first.max(1)..len {
            let rank = padded[len].index();
            if rank >= ranks.end {
                break;
            }
            let end = &mut self.ends[rank - ranks.start];
            if len <= BLOCK {
                // A whole block: what is too much is overwritten by the next one.
                self.values[*end..*end + BLOCK].copy_from_slice(block);
            } else {
                self.values[*end..*end + len].copy_from_slice(&padded[..len]);
            }
            if let Some(weights) = rows.weights() {
                self.weights[*end..*end + len].fill(weights[row]);
            }
            *end += len;
        }
    }
}

/// Counters of one worker.
pub(crate) struct Counters {
    /// By rank; zero between roots.
    counts: Vec<u32>,
    frequent: Vec<u32>,
    partners: Vec<Partner>,
}

impl Counters {
    pub(crate) fn new(n_ranks: usize) -> Self {
        Self { counts: vec![0; n_ranks], frequent: Vec::new(), partners: Vec::new() }
    }

    /// Who stands often enough before `root`, ascending.
    pub(crate) fn partners<'a, R: StoredRank + 'a>(
        &mut self,
        before: impl Iterator<Item = (&'a [R], &'a [u32])> + Clone,
        root: u32,
        min_count: u32,
    ) -> &[Partner] {
        let counts = &mut self.counts[..root as usize];
        let mut n_values = 0;
        for (values, weights) in before.clone() {
            n_values += values.len();
            if weights.is_empty() {
                for rank in values {
                    counts[rank.index()] += 1;
                }
            } else {
                for (rank, weight) in values.iter().zip(weights) {
                    counts[rank.index()] += weight;
                }
            }
        }
        self.partners.clear();
        if n_values * SCAN_SPEED < counts.len() {
            for rank in before.flat_map(|(values, _)| values) {
                let count = std::mem::take(&mut counts[rank.index()]);
                if count >= min_count {
                    self.partners.push(Partner { rank: rank.index() as u32, count });
                }
            }
            self.partners.sort_unstable_by_key(|partner| partner.rank);
        } else {
            self.frequent.clear();
            find_at_least(counts, min_count, &mut self.frequent);
            let partner = |rank: &u32| Partner { rank: *rank, count: counts[*rank as usize] };
            self.partners.extend(self.frequent.iter().map(partner));
            counts.fill(0);
        }
        &self.partners
    }
}
