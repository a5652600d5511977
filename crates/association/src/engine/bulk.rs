//! The few rows that hold a large share of all items, as bits.
//!
//! A list of such a row would be read for most of the items in it. As bits, 64 of them cost an AND a pair of items, however long they are:
//! thirty baskets of a thousand items among a hundred thousand of ten then take about as long as one of them.

use super::rows::{Rows, StoredRank};

/// A row is bulky when it holds more than one in so many of the ranks.
const SHARE: usize = 8;
/// Bulk rows worth a word of each rank.
const MIN_ROWS: usize = 8;
/// With more bulk rows than this, or more than one in so many of all, the rows are dense, and the search is made for that.
const MAX_ROWS: usize = 256;
const FEW: usize = 16;

/// Rows as bits, a word of every rank for 64 of them. Each row weighs 1.
#[derive(Default)]
pub(crate) struct Bulk {
    n_ranks: usize,
    /// Word w of rank r at `w n_ranks + r`.
    words: Vec<u64>,
}

impl Bulk {
    /// Of rows of the ranks below `n_ranks` those that are bulky, ascending; none when lists serve them as well.
    pub(crate) fn choose<R: StoredRank>(rows: &Rows<R>, n_ranks: usize) -> Vec<u32> {
        let is_bulky = |row: &u32| {
            let row = *row as usize;
            rows.row(row).len() * SHARE > n_ranks && rows.weight(row) == 1
        };
        let most = MAX_ROWS.min(rows.len() / FEW);
        let chosen: Vec<u32> = (0..rows.len() as u32).filter(is_bulky).take(most + 1).collect();
        if (MIN_ROWS..=most).contains(&chosen.len()) { chosen } else { Vec::new() }
    }

    pub(crate) fn new<R: StoredRank>(rows: &Rows<R>, chosen: &[u32], n_ranks: usize) -> Self {
        let mut words = vec![0; chosen.len().div_ceil(64) * n_ranks];
        for (at, row) in chosen.iter().enumerate() {
            let words = &mut words[at / 64 * n_ranks..][..n_ranks];
            for rank in rows.row(*row as usize) {
                words[rank.index()] |= 1 << (at % 64);
            }
        }
        Self { n_ranks, words }
    }

    /// Word `word` of every rank.
    pub(crate) fn words(&self, word: usize) -> &[u64] {
        &self.words[word * self.n_ranks..][..self.n_ranks]
    }

    /// The words in which rows hold a rank, and which rows.
    pub(crate) fn with(&self, rank: u32) -> impl Iterator<Item = (usize, u64)> {
        let words = self.words.iter().skip(rank as usize).step_by(self.n_ranks.max(1));
        words.copied().enumerate().filter(|(_, rows)| *rows != 0)
    }
}
