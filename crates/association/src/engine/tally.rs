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
        let n_sizes = self.terms.iter().enumerate().map(|(q, terms)| q + terms.len()).max().unwrap_or(0);
        let mut sums = Sums { by_size: vec![Some(0); n_sizes], beyond: vec![0; n_sizes + 1] };
        let mut row = Pascal::default();
        for (q, terms) in self.terms.iter().enumerate() {
            row.advance_to(q);
            for (d, sets) in terms.iter().enumerate().filter(|(_, sets)| **sets != 0) {
                sums.add(d, &row, i128::from(*sets));
            }
        }
        let by_size = sums.finished();
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

/// Row q of Pascal's triangle: its entries up to the middle, or to before the first that exceeds an i128. Of a row of thousands a few
/// are left, and the time to add up families grows with their number and not with its square.
struct Pascal {
    q: usize,
    half: Vec<i128>,
}

impl Default for Pascal {
    fn default() -> Self {
        Self { q: 0, half: vec![1] }
    }
}

impl Pascal {
    fn advance_to(&mut self, q: usize) {
        while self.q < q {
            self.q += 1;
            // The entry behind the middle is the one before it.
            if self.q.is_multiple_of(2)
                && self.half.len() == self.q / 2
                && let Some(&last) = self.half.last()
            {
                self.half.push(last);
            }
            for at in (1..self.half.len()).rev() {
                match self.half[at].checked_add(self.half[at - 1]) {
                    Some(sum) => self.half[at] = sum,
                    // Those behind it are larger, and were dropped before.
                    None => self.half.truncate(at),
                }
            }
        }
    }
}

/// What families add up to by size.
struct Sums {
    /// `None` where a sum exceeds an i128.
    by_size: Vec<Option<i128>>,
    /// How many more, or less, families than at the size before have an entry that does.
    beyond: Vec<i64>,
}

impl Sums {
    /// Adds `sets` times x^d (1 + x)^q.
    fn add(&mut self, d: usize, row: &Pascal, sets: i128) {
        let known = row.half.len();
        let (q, is_whole) = (row.q, known > row.q / 2);
        for (k, binomial) in row.half.iter().enumerate() {
            let term = binomial.checked_mul(sets);
            let mut add = |size: usize| {
                let sum = &mut self.by_size[size];
                *sum = sum.zip(term).and_then(|(sum, term)| sum.checked_add(term));
            };
            add(d + k);
            if q - k != k {
                add(d + q - k);
            }
        }
        if !is_whole {
            self.beyond[d + known] += 1;
            self.beyond[d + q - known + 1] -= 1;
        }
    }

    fn finished(self) -> Vec<Option<i128>> {
        let mut beyond = 0;
        let sizes = self.by_size.into_iter().zip(self.beyond);
        let sums = sizes.map(|(sum, change)| {
            beyond += change;
            if beyond > 0 { None } else { sum }
        });
        sums.collect()
    }
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

    /// Row q of Pascal's triangle, entry by entry.
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

    #[test]
    fn families_of_any_size_add_up_as_entry_by_entry() {
        let mut row = Pascal::default();
        for q in 0..300 {
            row.advance_to(q);
            for d in [0, 3] {
                let mut sums = Sums { by_size: vec![Some(0); d + q + 1], beyond: vec![0; d + q + 2] };
                sums.add(d, &row, -2);
                let expected = binomials(q).into_iter().map(|b| b.and_then(|b| b.checked_mul(-2)));
                let expected: Vec<Option<i128>> = std::iter::repeat_n(Some(0), d).chain(expected).collect();
                assert_eq!(sums.finished(), expected, "{q}");
            }
        }
    }

    #[test]
    fn families_of_a_hundred_thousand_items_are_no_work() {
        let mut tally = Tally::default();
        for q in 0..100_000 {
            tally.set(1, q);
        }
        let counts = tally.into_counts(usize::MAX);
        assert_eq!(counts.by_size[1], 100_000);
        // Σ q and Σ C(q, 2).
        assert_eq!(counts.by_size[2], 4_999_950_000);
        assert_eq!(counts.by_size[3], 166_661_666_700_000);
        assert_eq!((counts.by_size.len(), counts.by_size[100_000], counts.by_size[50_000]), (100_001, 1, u64::MAX));
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
