//! What stands below one root item: its partners and the rows they share with it.

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

use super::bulk::Bulk;
use super::paths::{Path, Paths};
use super::ranked::Frequent;
use super::rows::StoredRank;

/// Ranks copied at once.
const BLOCK: usize = 16;
/// Rows are filled up to a multiple of this, so that the ends of loops are foreseen more often than not.
const STEP: usize = 8;
/// Rows asked for at once: more than a processor fetches side by side, few enough to stay in the first cache.
const FETCH: usize = 64;
/// Counters read one after the other in the time of one that must be found.
const SCAN_SPEED: usize = 16;

/// An item frequent together with the root.
#[derive(Clone, Copy)]
pub(crate) struct Partner {
    pub rank: u32,
    pub count: u32,
}

/// The rows below a root, read once and kept close by; the buffers serve one root after the other.
#[derive(Default)]
pub(crate) struct Root {
    /// Ascending by rank.
    pub partners: Vec<Partner>,
    /// Weight of each row.
    pub weights: Vec<u32>,
    /// Columns of each row as bits; see [`Root::gather_masks`].
    pub masks: Vec<u64>,
    /// Weighted pair counts with the root, by rank; zero between roots.
    pair_counts: Vec<u32>,
    /// Ranks of the rows one after the other, where each row ends, and padding. Every row is filled up to a multiple of [`STEP`] with
    /// numbers above all ranks: different ones, so that counting one does not wait for another.
    ranks: Vec<u32>,
    ends: Vec<u32>,
    frequent: Vec<u32>,
    /// Bit of each rank (or column, for cut rows) that is wanted in masks; zero between gatherings.
    bits: Vec<u64>,
    /// Rows cut down to columns, see [`Root::cut_rows`], and for each column what stands before it in those.
    cut: Vec<Segment>,
    before: Vec<Segment>,
    before_starts: Vec<u32>,
    /// The root's bulk rows, a word for 64 of them: which word, and which of its rows hold the root.
    bulk: Vec<(usize, u64)>,
    /// For each of those words one for every column of the cut rows.
    bulk_columns: Vec<u64>,
}

/// Columns instead of ranks: `ranks[start..start + len]`, filled up to a multiple of [`STEP`] with others.
#[derive(Clone, Copy, Default)]
struct Segment {
    start: u32,
    len: u32,
    weight: u32,
}

impl Root {
    /// Reads the rows below `root` and finds its partners.
    pub(crate) fn open<R: StoredRank>(&mut self, paths: &Paths<'_, R>, root: u32) {
        let frequent = paths.frequent();
        let n_values = self.open_counts(paths.ranks(), paths.before(root), frequent);
        self.bulk.extend(paths.bulk().with(root));
        for (word, rows) in &self.bulk {
            add_common(&paths.bulk().words(*word)[..root as usize], *rows, &mut self.pair_counts);
        }
        self.find_partners(root, n_values, frequent.min_count);
        self.pair_counts[frequent.n_ranks()..].fill(0);
    }

    /// Reads the rows `paths`, places in `ranks`, and finds who of the first `limit` ranks is frequent in them.
    pub(crate) fn open_rows<R: StoredRank>(&mut self, ranks: &[R], paths: &[Path], frequent: &Frequent, limit: u32) {
        let n_values = self.open_counts(ranks, std::iter::once(paths), frequent);
        self.find_partners(limit, n_values, frequent.min_count);
        self.pair_counts[frequent.n_ranks()..].fill(0);
    }

    /// Reads rows and counts who is in them. Returns how many values they are, filled up.
    fn open_counts<'p, R: StoredRank>(
        &mut self,
        ranks: &[R],
        paths: impl Iterator<Item = &'p [Path]> + Clone,
        frequent: &Frequent,
    ) -> usize {
        self.close();
        let n_ranks = frequent.n_ranks();
        self.pair_counts.resize(n_ranks + STEP, 0);
        self.bits.resize(n_ranks + STEP, 0);
        let n_values = paths.clone().flatten().map(|path| (path.len as usize).next_multiple_of(STEP)).sum();
        if self.ranks.len() < n_values + BLOCK {
            self.ranks.resize(n_values + BLOCK, 0);
        }
        self.read(ranks, paths, n_values);
        n_values
    }

    /// Forgets everything.
    pub(crate) fn close(&mut self) {
        self.partners.clear();
        self.weights.clear();
        self.masks.clear();
        self.ends.clear();
        self.bulk.clear();
    }

    fn read<'p, R: StoredRank>(&mut self, all: &[R], paths: impl Iterator<Item = &'p [Path]>, n_values: usize) {
        let copied = &mut self.ranks[..n_values + BLOCK];
        let counts = &mut self.pair_counts[..];
        let filler: [u32; STEP] = std::array::from_fn(|at| (counts.len() - STEP + at) as u32);
        let mut end = 0;
        for batch in paths.flat_map(|paths| paths.chunks(FETCH)) {
            // A row lies anywhere in memory. Asking for a batch of them first lets the processor fetch them all at once, where the
            // work on a row would keep it from seeing more than a few rows ahead.
            std::hint::black_box(batch.iter().fold(0, |sum, path| sum ^ all[path.at as usize].index()));
            for path in batch {
                let (at, len) = (path.at as usize, path.len as usize);
                // Whole blocks: what is too much is overwritten by the next row.
                for block in (0..len).step_by(BLOCK) {
                    let from = &all[at + block..at + block + BLOCK];
                    for (to, rank) in copied[end + block..end + block + BLOCK].iter_mut().zip(from) {
                        *to = rank.index() as u32;
                    }
                }
                copied[end + len..end + len + STEP].copy_from_slice(&filler);
                let start = end;
                end += len.next_multiple_of(STEP);
                for ranks in copied[start..end].as_chunks::<STEP>().0 {
                    for rank in ranks {
                        counts[*rank as usize] += path.weight;
                    }
                }
                self.ends.push(end as u32);
                self.weights.push(path.weight);
            }
        }
    }

    /// Leaves the pair counts at zero.
    fn find_partners(&mut self, limit: u32, n_values: usize, min_count: u32) {
        if self.bulk.is_empty() && n_values * SCAN_SPEED < limit as usize {
            for rank in &self.ranks[..n_values] {
                let count = std::mem::take(&mut self.pair_counts[*rank as usize]);
                if count >= min_count && *rank < limit {
                    self.partners.push(Partner { rank: *rank, count });
                }
            }
            self.partners.sort_unstable_by_key(|partner| partner.rank);
            return;
        }
        let counts = &mut self.pair_counts[..limit as usize];
        self.frequent.clear();
        find_at_least(counts, min_count, &mut self.frequent);
        let partner = |rank: &u32| Partner { rank: *rank, count: counts[*rank as usize] };
        self.partners.extend(self.frequent.iter().map(partner));
        counts.fill(0);
    }

    /// Makes a mask of every row with at least `min_bits` of the columns, bit b for `columns[b]`, of which there are at most 64. Other rows
    /// are dropped: where there is one column in a row only sets of one column are, and those have their counts.
    pub(crate) fn gather_masks(&mut self, columns: impl Iterator<Item = u32> + Clone, min_bits: u32) {
        for (bit, rank) in columns.clone().enumerate() {
            self.bits[rank as usize] = 1 << bit;
        }
        self.masks.resize(self.ends.len(), 0);
        let kept = gather(&self.ranks, &self.ends, &self.bits, min_bits, &mut self.masks, &mut self.weights);
        self.masks.truncate(kept);
        self.weights.truncate(kept);
        columns.for_each(|rank| self.bits[rank as usize] = 0);
    }

    /// Weight of the rows with all columns of a mask.
    pub(crate) fn weight_of(&self, mask: u64) -> u32 {
        let rows = self.masks.iter().zip(&self.weights);
        rows.map(|(row, weight)| if *row & mask == mask { *weight } else { 0 }).sum()
    }

    /// Puts as many copies of each mask as it weighs.
    pub(crate) fn repeat_masks(&mut self) {
        let n_rows = self.masks.len();
        for row in 0..n_rows {
            for _ in 1..self.weights[row] {
                self.masks.push(self.masks[row]);
            }
        }
    }

    /// As [`Root::gather_masks`] for the root's bulk rows, whose masks follow the others.
    pub(crate) fn gather_bulk_masks(
        &mut self,
        bulk: &Bulk,
        columns: &(impl Iterator<Item = u32> + Clone),
        min_bits: u32,
    ) {
        for (word, rows) in &self.bulk {
            let words = bulk.words(*word);
            let mut block = [0; 64];
            for (bits, rank) in block.iter_mut().zip(columns.clone()) {
                *bits = words[rank as usize];
            }
            push_masks(&mut block, *rows, min_bits, &mut self.masks, &mut self.weights);
        }
    }

    /// Cuts rows down to columns, whose positions take the place of their ranks, and drops rows with less than two: only sets of one column
    /// are in them, and those have their counts. Returns how many pairs of columns the rows hold.
    pub(crate) fn cut_rows(&mut self, bulk: &Bulk, columns: impl ExactSizeIterator<Item = u32> + Clone) -> usize {
        self.bulk_columns.clear();
        for (word, rows) in &self.bulk {
            let words = bulk.words(*word);
            self.bulk_columns.extend(columns.clone().map(|rank| words[rank as usize] & rows));
        }
        // While this lasts the pair counter holds one more than the column.
        for (column, rank) in (1..).zip(columns.clone()) {
            self.pair_counts[rank as usize] = column;
        }
        self.cut.clear();
        let filler = [columns.len() as u32; STEP];
        let (mut start, mut next, mut n_pairs) = (0, 0, 0);
        for (end, weight) in self.ends.iter().zip(&self.weights) {
            let (end, mut len) = (*end as usize, 0);
            for at in start..end {
                // Written in any case: whether a rank is a column is not foreseen by a processor.
                let column = self.pair_counts[self.ranks[at] as usize];
                self.ranks[next + len] = column.wrapping_sub(1);
                len += usize::from(column > 0);
            }
            if len > 1 {
                n_pairs += len * (len - 1) / 2;
                let filled = len.next_multiple_of(STEP);
                self.ranks[next + len..next + filled].copy_from_slice(&filler[..filled - len]);
                self.cut.push(Segment { start: next as u32, len: len as u32, weight: *weight });
                next += filled;
            }
            start = end;
        }
        columns.for_each(|rank| self.pair_counts[rank as usize] = 0);
        n_pairs
    }

    /// Cut rows, and the bulk rows with the root.
    pub(crate) fn n_cut_rows(&self) -> usize {
        self.cut.len() + self.n_bulk_rows()
    }

    /// Bulk rows with the root.
    pub(crate) fn n_bulk_rows(&self) -> usize {
        self.bulk.iter().map(|(_, rows)| rows.count_ones() as usize).sum()
    }

    /// Finds what stands before each of `n_columns` columns in the cut rows.
    pub(crate) fn index_cut_rows(&mut self, n_columns: usize) {
        let starts = &mut self.before_starts;
        starts.clear();
        starts.resize(n_columns + 2, 0);
        let columns = |row: &Segment| &self.ranks[row.start as usize..][1..row.len as usize];
        for row in &self.cut {
            for column in columns(row) {
                starts[*column as usize + 2] += 1;
            }
        }
        for column in 2..starts.len() {
            starts[column] += starts[column - 1];
        }
        // Where a column's rows go is kept a place later than where they start, so that in the end it is where they start.
        let n_segments = starts[n_columns + 1] as usize;
        if self.before.len() < n_segments {
            self.before.resize(n_segments, Segment::default());
        }
        for row in &self.cut {
            for (len, column) in (1..).zip(columns(row)) {
                let next = &mut starts[*column as usize + 1];
                self.before[*next as usize] = Segment { len, ..*row };
                *next += 1;
            }
        }
    }

    /// What stands before a column in the cut rows.
    fn before(&self, column: usize) -> &[Segment] {
        &self.before[self.before_starts[column] as usize..self.before_starts[column + 1] as usize]
    }

    /// The columns before `column` that are frequent together with it and the root, ascending. All of them are in `found` with their counts.
    pub(crate) fn find_columns(&mut self, column: usize, min_count: u32, found: &mut Vec<Partner>) {
        found.clear();
        let n_columns = self.before_starts.len() - 2;
        let words = self.bulk_columns.chunks_exact(n_columns);
        let most = words.clone().map(|words| words[column].count_ones()).sum::<u32>();
        let (weight, n_values) = (self.before(column).iter())
            .fold((most, 0), |(weight, n_values), it| (weight + it.weight, n_values + it.len as usize));
        if weight < min_count {
            return;
        }
        let mut counts = std::mem::take(&mut self.pair_counts);
        for Segment { start, len, weight } in self.before(column) {
            for other in &self.ranks[*start as usize..][..*len as usize] {
                counts[*other as usize] += weight;
            }
        }
        if self.bulk.is_empty() && n_values * SCAN_SPEED < column {
            for Segment { start, len, .. } in self.before(column) {
                for other in &self.ranks[*start as usize..][..*len as usize] {
                    let count = std::mem::take(&mut counts[*other as usize]);
                    if count >= min_count {
                        found.push(Partner { rank: *other, count });
                    }
                }
            }
            found.sort_unstable_by_key(|partner| partner.rank);
        } else {
            for words in words {
                add_common(&words[..column], words[column], &mut counts);
            }
            self.frequent.clear();
            find_at_least(&counts[..column], min_count, &mut self.frequent);
            found.extend(self.frequent.iter().map(|at| Partner { rank: *at, count: counts[*at as usize] }));
            counts[..column].fill(0);
        }
        self.pair_counts = counts;
    }

    /// As [`Root::gather_masks`], for cut and bulk rows: all of them, or those with column `with`, of whose rows only columns before it are
    /// asked for. Rows with less than `min_bits` are dropped. `n_columns` is how many columns the rows were cut down to.
    pub(crate) fn gather_cut_masks(
        &mut self,
        with: Option<usize>,
        n_columns: usize,
        columns: impl Iterator<Item = u32> + Clone,
        min_bits: u32,
    ) {
        for (bit, column) in columns.clone().enumerate() {
            self.bits[column as usize] = 1 << bit;
        }
        let picked = match with {
            None => &self.cut[..],
            Some(column) => &self.before[self.before_starts[column] as usize..self.before_starts[column + 1] as usize],
        };
        self.masks.resize(picked.len(), 0);
        self.weights.resize(picked.len(), 0);
        let kept = gather_cut(picked, &self.ranks, &self.bits, min_bits, &mut self.masks, &mut self.weights);
        self.masks.truncate(kept);
        self.weights.truncate(kept);
        for ((_, rows), words) in self.bulk.iter().zip(self.bulk_columns.chunks_exact(n_columns)) {
            let mut block = [0; 64];
            for (bits, column) in block.iter_mut().zip(columns.clone()) {
                *bits = words[column as usize];
            }
            let rows = with.map_or(*rows, |column| words[column]);
            push_masks(&mut block, rows, min_bits, &mut self.masks, &mut self.weights);
        }
        columns.for_each(|column| self.bits[column as usize] = 0);
    }
}

osusume_numeric::dispatch! {
    /// Pushes the positions of all counts of at least `min_count`.
    pub(crate) fn find_at_least(counts: &[u32], min_count: u32, out: &mut Vec<u32>) {
        let (blocks, rest) = counts.as_chunks::<32>();
        for (block, counts) in blocks.iter().enumerate() {
            // Most blocks have none: whether one has is a vector comparison.
            if counts.iter().fold(0, |most, count| most.max(*count)) >= min_count {
                push_at_least(counts, min_count, block as u32 * 32, out);
            }
        }
        push_at_least(rest, min_count, blocks.len() as u32 * 32, out);
    }

    /// Writes the masks of rows with at least `min_bits` bits, and their weights, one after the other; returns how many there are.
    fn gather(
        ranks: &[u32],
        ends: &[u32],
        bits: &[u64],
        min_bits: u32,
        masks: &mut [u64],
        weights: &mut [u32],
    ) -> usize {
        let (mut start, mut kept) = (0, 0);
        for (row, end) in ends.iter().enumerate() {
            let mut mask = 0;
            for ranks in ranks[start..*end as usize].as_chunks::<STEP>().0 {
                mask |= ranks.iter().fold(0, |mask, rank| mask | bits[*rank as usize]);
            }
            masks[kept] = mask;
            weights[kept] = weights[row];
            kept += usize::from(mask.count_ones() >= min_bits);
            start = *end as usize;
        }
        kept
    }

    /// As `gather`, for the rows `picked` of `columns`; those with at least `min_bits`.
    fn gather_cut(
        picked: &[Segment],
        columns: &[u32],
        bits: &[u64],
        min_bits: u32,
        masks: &mut [u64],
        weights: &mut [u32],
    ) -> usize {
        let mut kept = 0;
        for Segment { start, len, weight } in picked {
            let mut mask = 0;
            for columns in columns[*start as usize..][..(*len as usize).next_multiple_of(STEP)].as_chunks::<STEP>().0 {
                mask |= columns.iter().fold(0, |mask, column| mask | bits[*column as usize]);
            }
            masks[kept] = mask;
            weights[kept] = *weight;
            kept += usize::from(mask.count_ones() >= min_bits);
        }
        kept
    }

    /// Adds to each counter how many of the `rows` are in its word.
    fn add_common(words: &[u64], rows: u64, counts: &mut [u32]) {
        for (count, word) in counts.iter_mut().zip(words) {
            *count += (word & rows).count_ones();
        }
    }

    /// Pushes the masks of those of 64 rows that are in `rows`, as far as they have `min_bits`, each with weight 1. Word c of the block says
    /// which rows have column c.
    fn push_masks(block: &mut [u64; 64], rows: u64, min_bits: u32, masks: &mut Vec<u64>, weights: &mut Vec<u32>) {
        transpose_block(block);
        for (row, mask) in block.iter().enumerate() {
            if rows >> row & 1 == 1 && mask.count_ones() >= min_bits {
                masks.push(*mask);
                weights.push(1);
            }
        }
    }

    /// Turns masks into bitmaps: bit r of word w of bitmap b is bit b of mask 64 w + r. Bitmaps have `n_words` words each.
    pub(crate) fn transpose(masks: &[u64], n_words: usize, bitmaps: &mut [u64]) {
        for word in 0..n_words {
            let mut block = [0; 64];
            let rows = &masks[64 * word..masks.len().min(64 * word + 64)];
            block[..rows.len()].copy_from_slice(rows);
            transpose_block(&mut block);
            for (bitmap, bits) in bitmaps.chunks_exact_mut(n_words).zip(block) {
                bitmap[word] = bits;
            }
        }
    }
}

#[inline(always)]
fn push_at_least(counts: &[u32], min_count: u32, first: u32, out: &mut Vec<u32>) {
    for (at, count) in (first..).zip(counts) {
        if *count >= min_count {
            out.push(at);
        }
    }
}

/// Transposes a 64 × 64 matrix of bits: blocks of half the size change places, then halves of those
/// (Warren, "Hacker's Delight", 2nd edition, section 7-3).
#[inline(always)]
pub(crate) fn transpose_block(rows: &mut [u64; 64]) {
    swap_blocks::<32>(rows, 0x0000_0000_FFFF_FFFF);
    swap_blocks::<16>(rows, 0x0000_FFFF_0000_FFFF);
    swap_blocks::<8>(rows, 0x00FF_00FF_00FF_00FF);
    swap_blocks::<4>(rows, 0x0F0F_0F0F_0F0F_0F0F);
    swap_blocks::<2>(rows, 0x3333_3333_3333_3333);
    swap_blocks::<1>(rows, 0x5555_5555_5555_5555);
}

#[inline(always)]
fn swap_blocks<const STEP: usize>(rows: &mut [u64; 64], low: u64) {
    for pair in rows.chunks_exact_mut(2 * STEP) {
        let (upper, lower) = pair.split_at_mut(STEP);
        for (a, b) in upper.iter_mut().zip(lower) {
            let moved = (*a >> STEP ^ *b) & low;
            *a ^= moved << STEP;
            *b ^= moved;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::transpose;

    #[test]
    fn masks_become_bitmaps() {
        let masks: Vec<u64> =
            (1..=150_u64).map(|t| t.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(t as u32)).collect();
        let mut bitmaps = vec![0; 64 * 3];
        transpose(&masks, 3, &mut bitmaps);
        for (row, mask) in masks.iter().enumerate() {
            for bit in 0..64 {
                assert_eq!(bitmaps[3 * bit + row / 64] >> (row % 64) & 1, mask >> bit & 1);
            }
        }
        assert_eq!(
            bitmaps.iter().map(|word| word.count_ones()).sum::<u32>(),
            masks.iter().map(|m| m.count_ones()).sum()
        );
    }
}
