//! What stands before each rank in the rows, a few ranks at a time.

use std::ops::Range;

use osusume_model::Control;
use rayon::prelude::*;

use super::bulk::Bulk;
use super::order::{Group, n_shared};
use super::ranked::Frequent;
use super::rows::{Rows, StoredRank};
use crate::error::check_stop;
use crate::{Error, Transactions};

/// Paths of a round where the rows are few: as much memory as anything takes.
const MIN_PATHS: usize = 1 << 20;
/// Bytes the paths of a round may take for each value of the rows. The transactions take more than four, the rows two or four, and all
/// together should be no more than twelve.
const PATH_BYTES: usize = 2;
/// Rows between two looks at the control.
const STOP_STEP: usize = 1 << 14;

/// What stands before a rank in some rows.
#[derive(Clone, Copy, Default)]
pub(crate) struct Path {
    /// Where it starts in the ranks of all rows.
    pub at: u32,
    pub len: u32,
    /// Weight of the rows.
    pub weight: u32,
}

/// What stands before each rank in the rows: every different beginning once, with the weight of the rows that share it.
///
/// Rows in lexicographic order that share a beginning are neighbors, so these are the nodes of a prefix tree (Han, Pei and Yin, "Mining
/// frequent patterns without candidate generation", 2000) without the tree: a node is a place in the last of its rows.
///
/// All of them together would be several times the rows. They come in rounds, the rarest ranks first.
pub(crate) struct Paths<'a, R> {
    frequent: &'a Frequent,
    /// In lexicographic order.
    rows: Rows<R>,
    /// Rows that are in no path.
    bulk: Bulk,
    /// Paths of a round, unless a single rank has more.
    capacity: usize,
    /// Ranks of this round.
    ranks: Range<usize>,
    parts: Vec<Part>,
}

/// The paths of neighbors.
struct Part {
    rows: Range<usize>,
    /// How many paths each rank has.
    n_paths: Vec<u32>,
    /// Where the paths of each rank of the round end.
    ends: Vec<usize>,
    paths: Vec<Path>,
}

impl<'a, R: StoredRank> Paths<'a, R> {
    /// `R` must hold every rank. No rank is read yet.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub(crate) fn new(db: &Transactions, frequent: &'a Frequent, control: &dyn Control) -> Result<Self, Error> {
        let rows = Rows::<R>::new(db, &frequent.items, control)?;
        let n_ranks = frequent.n_ranks();
        let chosen = Bulk::choose(&rows, n_ranks);
        let bulk = Bulk::new(&rows, &chosen, n_ranks);
        let (rows, groups) = rows.sorted(n_ranks, &chosen, control)?;
        let n_values = rows.ranks().len();
        let capacity = (n_values * PATH_BYTES / size_of::<Path>()).max(MIN_PATHS);
        let parts = groups.into_iter().map(Part::new).collect();
        Ok(Self { frequent, rows, bulk, capacity, ranks: n_ranks..n_ranks, parts })
    }

    /// Reads as many ranks below `end`, at least one, as a round has, and says which they are.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub(crate) fn read(&mut self, end: usize, control: &dyn Control) -> Result<Range<usize>, Error> {
        let n_paths = |rank: usize| self.parts.iter().map(|part| part.n_paths[rank] as usize).sum::<usize>();
        let (mut start, mut sum) = (end - 1, n_paths(end - 1));
        while start > 0 && sum + n_paths(start - 1) <= self.capacity {
            start -= 1;
            sum += n_paths(start);
        }
        if self.ranks != (start..end) {
            self.ranks = start..end;
            let (rows, ranks) = (&self.rows, &self.ranks);
            self.parts.par_iter_mut().with_max_len(1).try_for_each(|part| part.read(rows, ranks, control))?;
        }
        Ok(self.ranks.clone())
    }

    pub(crate) fn frequent(&self) -> &'a Frequent {
        self.frequent
    }

    /// The ranks of all rows, and padding after the last.
    pub(crate) fn ranks(&self) -> &[R] {
        self.rows.padded_ranks()
    }

    /// Rows that are in no path.
    pub(crate) fn bulk(&self) -> &Bulk {
        &self.bulk
    }

    /// What stands before a rank of the round, in lexicographic order but for the beginnings that two shares have in common.
    pub(crate) fn before(&self, rank: u32) -> impl Iterator<Item = &[Path]> + Clone {
        let at = rank as usize - self.ranks.start;
        self.parts.iter().map(move |part| {
            let start = at.checked_sub(1).map_or(0, |before| part.ends[before]);
            &part.paths[start..part.ends[at]]
        })
    }
}

impl Part {
    fn new(group: Group) -> Self {
        Self { rows: group.rows, n_paths: group.n_new, ends: Vec::new(), paths: Vec::new() }
    }

    /// Writes the paths of `ranks`.
    fn read<R: StoredRank>(
        &mut self,
        rows: &Rows<R>,
        ranks: &Range<usize>,
        control: &dyn Control,
    ) -> Result<(), Error> {
        self.ends.clear();
        let mut n_paths = 0;
        for n_more in &self.n_paths[ranks.clone()] {
            self.ends.push(n_paths);
            n_paths += *n_more as usize;
        }
        if self.paths.len() < n_paths {
            self.paths.resize(n_paths, Path::default());
        }
        let mut writer = Writer {
            rows,
            first: ranks.start,
            ends: &mut self.ends,
            paths: &mut self.paths,
            open: Vec::new(),
            weight: 0,
        };
        let mut last = self.rows.start;
        for (at, row) in self.rows.clone().enumerate() {
            if at % STOP_STEP == 0 {
                check_stop(control)?;
            }
            // Rows that share a rank of the round are neighbors whatever rows without one are left out.
            if rows.row(row).last().is_some_and(|rank| rank.index() >= ranks.start) {
                writer.add(last, row);
                last = row;
            }
        }
        if !writer.open.is_empty() {
            writer.close(last, 0);
        }
        Ok(())
    }
}

/// Writes the paths of rows that come in lexicographic order. A path is written when its last row is known, so once, and nothing in an
/// order no cache foresees is read.
struct Writer<'a, R> {
    rows: &'a Rows<R>,
    /// The ranks wanted: from this one on as many as there are ends.
    first: usize,
    /// Where the next path of each of them goes.
    ends: &'a mut [usize],
    paths: &'a mut [Path],
    /// For each rank of the last row: the weight of all rows before the first one that shares it.
    open: Vec<u32>,
    /// Weight of all rows so far.
    weight: u32,
}

impl<R: StoredRank> Writer<'_, R> {
    /// Takes a row that follows row `last`.
    fn add(&mut self, last: usize, row: usize) {
        let mine = self.rows.row(row);
        let shared = if self.open.is_empty() { 0 } else { n_shared(self.rows.row(last), mine) };
        self.close(last, shared);
        self.open.resize(mine.len(), self.weight);
        self.weight += self.rows.weight(row);
    }

    /// Writes the paths of row `last` that are longer than `shared`.
    fn close(&mut self, last: usize, shared: usize) {
        let (at, last) = (self.rows.start(last), self.rows.row(last));
        for (len, (rank, before)) in last.iter().zip(&self.open).enumerate().skip(shared) {
            if rank.index() >= self.first {
                let Some(end) = self.ends.get_mut(rank.index() - self.first) else { break };
                self.paths[*end] = Path { at, len: len as u32, weight: self.weight - before };
                *end += 1;
            }
        }
        self.open.truncate(shared);
    }
}
