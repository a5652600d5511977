//! Counting itemsets by size without visiting them.
//!
//! Every set found stands for a family: if q items are in all transactions of a set, each of their 2^q subsets may be added without
//! changing the count. Written as a generating function over sizes, a set of size d with q such items adds x^d (1 + x)^q, and all 2^m − 1
//! nonempty extensions of a set by m items that are frequent together add x^d ((1 + x)^m − 1) (1 + x)^q.

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

use super::lattice::{BLOCK, narrow, wide};
use crate::SetCounts;

/// Σ over q and d of a coefficient times x^d (1 + x)^q.
#[derive(Default)]
pub(crate) struct Tally {
    /// Coefficients by q, then d.
    terms: Vec<Vec<i64>>,
    /// As `terms`, with the low bits of the sets' masks still to be counted.
    rows: Vec<Vec<Row>>,
}

/// Sets whose size is d plus the ones of their lane.
#[derive(Clone, Default)]
struct Row {
    lanes: [u64; BLOCK],
    /// Tables added since the lanes were last emptied.
    n_tables: u32,
}

/// A lane of 16 bits takes 462 = C(11, 5) sets from one table: so many tables fit.
const MAX_TABLES: u32 = 65_535 / 462;

impl Tally {
    /// One set of size `d` with `q` items that may be added freely.
    #[inline(always)]
    pub(crate) fn set(&mut self, d: usize, q: usize) {
        *entry(&mut self.terms, q, d) += 1;
    }

    /// All nonempty extensions by `m` items of a set of size `d` with `q` free items.
    #[inline(always)]
    pub(crate) fn cube(&mut self, d: usize, q: usize, m: usize) {
        *entry(&mut self.terms, q + m, d) += 1;
        *entry(&mut self.terms, q, d) -= 1;
    }

    /// The frequent masks of a narrow table over a set of size `d` with `q` free items. Returns how many masks there are.
    pub(crate) fn narrow(&mut self, d: usize, q: usize, table: &[u64], min_count: u32) -> u64 {
        let mut found = [[0; BLOCK]; super::lattice::MAX_ITEMS];
        narrow::tally(table, u64::from(min_count), &mut found);
        let n_rows = (table.len() / BLOCK).ilog2() as usize + 1;
        for (high, found) in found[..n_rows].iter().enumerate() {
            let row = entry(&mut self.rows, q, d + high);
            for (sum, sets) in row.lanes.iter_mut().zip(found) {
                *sum += sets;
            }
            row.n_tables += 1;
            if row.n_tables == MAX_TABLES {
                let row = std::mem::take(row);
                self.empty(q, d + high, &row);
            }
        }
        let (mut all, mut n_masks) = ([0; BLOCK], 0);
        for found in &found[..n_rows] {
            for (sum, sets) in all.iter_mut().zip(found) {
                *sum += sets;
            }
        }
        narrow::lanes(&all, |_, sets| n_masks += sets);
        n_masks
    }

    /// As [`Tally::narrow`], for a wide table.
    pub(crate) fn wide(&mut self, d: usize, q: usize, table: &[u64], min_count: u32) -> u64 {
        let mut found = [[0; BLOCK]; super::lattice::MAX_ITEMS];
        wide::tally(table, u64::from(min_count), &mut found);
        let n_rows = (table.len() / BLOCK).ilog2() as usize + 1;
        let mut n_masks = 0;
        for (high, found) in found[..n_rows].iter().enumerate() {
            wide::lanes(found, |lane, sets| {
                *entry(&mut self.terms, q, d + high + lane.count_ones() as usize) += sets as i64;
                n_masks += sets;
            });
        }
        n_masks
    }

    fn empty(&mut self, q: usize, d: usize, row: &Row) {
        narrow::lanes(&row.lanes, |lane, sets| {
            *entry(&mut self.terms, q, d + lane.count_ones() as usize) += sets as i64;
        });
    }

    fn empty_all(&mut self) {
        for (q, rows) in std::mem::take(&mut self.rows).into_iter().enumerate() {
            for (d, row) in rows.iter().enumerate().filter(|(_, row)| row.n_tables > 0) {
                self.empty(q, d, row);
            }
        }
    }

    pub(crate) fn merge(mut self, mut other: Self) -> Self {
        self.empty_all();
        other.empty_all();
        for (q, terms) in other.terms.into_iter().enumerate() {
            for (d, sets) in terms.into_iter().enumerate().filter(|(_, sets)| *sets != 0) {
                *entry(&mut self.terms, q, d) += sets;
            }
        }
        self
    }

    /// Sets by size, none longer than `max_length`. What does not fit a u64 becomes its largest value.
    pub(crate) fn into_counts(mut self, max_length: usize) -> SetCounts {
        self.empty_all();
        let mut by_size: Vec<Option<i128>> = Vec::new();
        for (q, terms) in self.terms.iter().enumerate().filter(|(_, terms)| terms.iter().any(|sets| *sets != 0)) {
            let binomials = binomials(q);
            for (d, sets) in terms.iter().enumerate().filter(|(_, sets)| **sets != 0) {
                by_size.resize(by_size.len().max(d + q + 1), Some(0));
                for (sum, binomial) in by_size[d..].iter_mut().zip(&binomials) {
                    let term = binomial.and_then(|binomial| binomial.checked_mul(i128::from(*sets)));
                    *sum = sum.zip(term).and_then(|(sum, term)| sum.checked_add(term));
                }
            }
        }
        let mut out = SetCounts::default();
        for (size, sets) in by_size.into_iter().enumerate().take(max_length.saturating_add(1)) {
            match sets {
                Some(0) => {}
                Some(sets) => out.add(size, u64::try_from(sets).unwrap_or(u64::MAX)),
                None => out.add(size, u64::MAX),
            }
        }
        out
    }
}

/// The entry of row `q` and column `d`, made when it is not there.
#[inline(always)]
fn entry<T: Clone + Default>(rows: &mut Vec<Vec<T>>, q: usize, d: usize) -> &mut T {
    if rows.len() <= q {
        rows.resize_with(q + 1, Vec::new);
    }
    let row = &mut rows[q];
    if row.len() <= d {
        row.resize(d + 1, T::default());
    }
    &mut row[d]
}

/// Row q of Pascal's triangle; `None` from where it exceeds an i128.
fn binomials(q: usize) -> Vec<Option<i128>> {
    let mut row = vec![Some(1_i128)];
    for _ in 0..q {
        row.push(Some(0));
        for at in (1..row.len()).rev() {
            row[at] = row[at].zip(row[at - 1]).and_then(|(a, b)| a.checked_add(b));
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_expand_to_sizes() {
        let mut tally = Tally::default();
        tally.set(2, 3);
        tally.cube(1, 0, 2);
        let counts = tally.merge(Tally::default()).into_counts(usize::MAX);
        // x²(1+x)³ + x((1+x)² − 1)
        assert_eq!(counts.by_size, [0, 0, 1 + 2, 3 + 1, 3, 1]);
        assert_eq!(counts.sets, 11);
    }

    #[test]
    fn tables_add_up_beyond_what_a_lane_holds() {
        // All 2^16 − 1 masks frequent in every table: the rows overflow unless they are emptied in time.
        let mut tally = Tally::default();
        let table = vec![1 << 48 | 1 << 32 | 1 << 16 | 1; narrow::n_words(16)];
        for _ in 0..1_000 {
            tally.narrow(2, 1, &table, 1);
        }
        let counts = tally.into_counts(usize::MAX);
        assert_eq!(counts.by_size[2..5], [1_000, 17_000, 1_000 * (120 + 16)]);
        assert_eq!(counts.sets, 1_000 << 17);
    }

    #[test]
    fn what_does_not_fit_saturates() {
        let mut tally = Tally::default();
        tally.set(1, 400);
        let counts = tally.into_counts(70);
        assert_eq!((counts.sets, counts.by_size[2], counts.by_size[70]), (u64::MAX, 400, u64::MAX));
        assert_eq!(counts.by_size.len(), 71);
    }
}
