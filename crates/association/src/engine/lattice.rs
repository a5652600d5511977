//! The counts of all subsets of a few items at once.
//!
//! With k items a transaction is a mask of k bits. A table of 2^k counters first gets each transaction's weight at its mask; then, bit by
//! bit, table[mask without the bit] += table[mask with it]. What remains at a mask is the weight of all transactions that hold it, its
//! support: k 2^(k−1) additions for 2^k supports (Yates, "The design and analysis of factorial experiments", 1937).
//!
//! Counters are fields of u64 words, so that plain 64-bit arithmetic handles four (or two) of them and vectors of words as many more, on
//! any processor. No field ever carries into the next: the top bit of a field stays free, see [`narrow`] and [`wide`].

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

/// Words handled together when supports are compared with the least count.
pub(crate) const BLOCK: usize = 8;
/// Most items of a table: its masks have 16 bits.
pub(crate) const MAX_ITEMS: usize = 16;

/// Where the masks come from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// Bitmaps of `n_words` words each, somewhere in here.
    pub words: &'a [u64],
    /// Where each item's bitmap starts; at most [`MAX_ITEMS`].
    pub starts: &'a [usize],
    pub n_words: usize,
    /// Weight of each transaction; empty when all are 1.
    pub weights: &'a [u32],
}

impl Source<'_> {
    /// The masks of transactions 64 `word` and on: field b of word c is transaction 16 b + c of them.
    #[inline(always)]
    fn masks(&self, word: usize) -> [u64; 16] {
        let mut fields = [0_u64; 16];
        for (field, start) in fields.iter_mut().zip(self.starts) {
            *field = self.words[start + word];
        }
        transpose(&mut fields);
        fields
    }
}

/// Transposes four 16 × 16 matrices of bits side by side: blocks of 8 × 8, 4 × 4, 2 × 2 and 1 × 1 bits change places
/// (Warren, "Hacker's Delight", 2nd edition, section 7-3).
#[inline(always)]
fn transpose(words: &mut [u64; 16]) {
    const MASKS: [u64; 4] =
        [0x00FF_00FF_00FF_00FF, 0x0F0F_0F0F_0F0F_0F0F, 0x3333_3333_3333_3333, 0x5555_5555_5555_5555];
    for (stage, mask) in MASKS.iter().enumerate() {
        let step = 8 >> stage;
        for at in 0..16 {
            if at & step == 0 {
                let (low, high) = (words[at], words[at + step]);
                let moved = ((low >> step) ^ high) & mask;
                words[at] = low ^ (moved << step);
                words[at + step] = high ^ moved;
            }
        }
    }
}

/// A table's operations for counters of one width.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident, $bits:literal) => {
        $(#[$meta])*
        pub(crate) mod $name {
            use super::{BLOCK, Source};

            /// Bits of a counter.
            const BITS: usize = $bits;
            const PER_WORD: usize = 64 / BITS;
            /// Every counter at 1.
            const ONES: u64 = u64::MAX / ((1 << BITS) - 1);
            const FIELD: u64 = (1 << BITS) - 1;
            /// Transactions of a table weigh less than this together.
            pub(crate) const CAPACITY: u64 = 1 << (BITS - 1);
            /// Bits of a mask that lie within a block; a table has at least these.
            pub(crate) const LOW_BITS: usize = (PER_WORD * BLOCK).ilog2() as usize;

            /// Words of a table of `n_bits` items.
            pub(crate) fn n_words(n_bits: usize) -> usize {
                (1 << n_bits) / PER_WORD
            }

            osusume_numeric::dispatch! {
                /// Sets `table` to the supports of all nonempty masks of the source's items; that of the empty one to anything.
                pub(crate) fn fill(source: Source<'_>, table: &mut [u64]) {
                    table.fill(0);
                    scatter(source, table);
                    sum(table);
                }

                /// As `fill`, for transactions that are masks already; bits beyond the table's are not looked at.
                pub(crate) fn fill_with_masks(masks: &[u64], weights: &[u32], table: &mut [u64]) {
                    table.fill(0);
                    let n_masks = table.len() * PER_WORD;
                    for (mask, weight) in masks.iter().zip(weights) {
                        let mask = *mask as usize & (n_masks - 1);
                        let word = &mut table[mask / PER_WORD];
                        *word = word.wrapping_add(u64::from(*weight) << (mask % PER_WORD * BITS));
                    }
                    sum(table);
                }

                /// Empties some lanes of all words whose position has these bits.
                fn clear_lanes(table: &mut [u64], bits: usize, lanes: u64) {
                    for (at, word) in table.iter_mut().enumerate() {
                        *word &= if at & bits == bits { !lanes } else { u64::MAX };
                    }
                }

                /// Adds 1 to the counter of each lane of `out[h]` for every mask of support at least `min_count` with h ones above its low
                /// bits. A lane gets at most 924 from one table, and there are [`MAX_ITEMS`] − [`LOW_BITS`] + 1 rows.
                pub(crate) fn tally(table: &[u64], min_count: u64, out: &mut [[u64; BLOCK]]) {
                    let bias = (CAPACITY - min_count) * ONES;
                    for (high, block) in table.as_chunks::<BLOCK>().0.iter().enumerate() {
                        let row = &mut out[high.count_ones() as usize];
                        for (sum, word) in row.iter_mut().zip(block) {
                            *sum += (word.wrapping_add(bias) >> (BITS - 1)) & ONES;
                        }
                    }
                }
            }

            /// Empties the counters of all masks with both bits.
            pub(crate) fn forbid(a: usize, b: usize, table: &mut [u64]) {
                let lane_bits = PER_WORD.ilog2() as usize;
                // Bits of a mask are told apart by the lane, or by the word.
                let [lanes_a, lanes_b] = [a, b].map(|bit| match bit {
                    bit if bit < lane_bits => {
                        (0..PER_WORD).filter(|lane| lane >> bit & 1 == 1).map(|lane| FIELD << (lane * BITS)).sum()
                    }
                    _ => u64::MAX,
                });
                let words = [a, b].map(|bit| if bit < lane_bits { 0 } else { 1 << (bit - lane_bits) });
                clear_lanes(table, words[0] | words[1], lanes_a & lanes_b);
            }

            /// Sets the supports of the masks of one bit.
            pub(crate) fn set_singles(supports: impl Iterator<Item = u32>, table: &mut [u64]) {
                for (bit, support) in supports.enumerate() {
                    let (mask, support) = (1 << bit, u64::from(support));
                    let (word, shift) = (&mut table[mask / PER_WORD], mask % PER_WORD * BITS);
                    *word = *word & !(FIELD << shift) | support << shift;
                }
            }

            /// Makes supports of the weights at each mask.
            #[inline(always)]
            fn sum(table: &mut [u64]) {
                // Transactions without any of the items: nobody asks for them, and their number may be above the capacity.
                table[0] &= !FIELD;
                let (blocks, _) = table.as_chunks_mut::<BLOCK>();
                for block in blocks.iter_mut() {
                    sum_within(block);
                }
                sum_across(blocks);
                table[0] &= !FIELD;
            }

            /// Calls `f` with every mask of support at least `min_count` and its support, in ascending order.
            #[inline(always)]
            pub(crate) fn for_each(table: &[u64], min_count: u64, mut f: impl FnMut(usize, u32)) {
                let bias = (CAPACITY - min_count) * ONES;
                for (at, word) in table.iter().enumerate() {
                    let mut frequent = word.wrapping_add(bias) & (ONES << (BITS - 1));
                    while frequent != 0 {
                        let lane = frequent.trailing_zeros() as usize / BITS;
                        frequent &= frequent - 1;
                        f(at * PER_WORD + lane, (word >> (lane * BITS) & FIELD) as u32);
                    }
                }
            }

            /// Calls `f` with the lane and the value of every counter of a row.
            #[inline(always)]
            pub(crate) fn lanes(row: &[u64; BLOCK], mut f: impl FnMut(usize, u64)) {
                for (at, word) in row.iter().enumerate() {
                    for lane in 0..PER_WORD {
                        f(at * PER_WORD + lane, word >> (lane * BITS) & FIELD);
                    }
                }
            }

            #[inline(always)]
            fn scatter(source: Source<'_>, table: &mut [u64]) {
                let n_masks = table.len() * PER_WORD;
                let mut add = |mask: usize, weight: u64| {
                    let mask = mask & (n_masks - 1);
                    let word = &mut table[mask / PER_WORD];
                    *word = word.wrapping_add(weight << (mask % PER_WORD * BITS));
                };
                for word in 0..source.n_words {
                    let fields = source.masks(word);
                    if source.weights.is_empty() {
                        for field in fields {
                            for part in 0..4 {
                                add((field >> (16 * part) & 0xFFFF) as usize, 1);
                            }
                        }
                    } else {
                        let weights = &source.weights[64 * word..];
                        for (row, field) in fields.iter().enumerate() {
                            for part in 0..4 {
                                let weight = weights.get(16 * part + row).copied().unwrap_or(0);
                                add((field >> (16 * part) & 0xFFFF) as usize, u64::from(weight));
                            }
                        }
                    }
                }
            }

            #[inline(always)]
            fn sum_within(block: &mut [u64; BLOCK]) {
                let mut shift = BITS;
                while shift < 64 {
                    // The counters whose lane lacks the bit: the low half of every pair of `shift` bits.
                    let without = u64::MAX / ((1_u128 << (2 * shift)) - 1).min(u128::from(u64::MAX)) as u64
                        * ((1 << shift) - 1);
                    for word in block.iter_mut() {
                        *word = word.wrapping_add(*word >> shift & without);
                    }
                    shift *= 2;
                }
                for half in [1, 2, 4] {
                    for at in 0..BLOCK {
                        if at & half == 0 {
                            block[at] = block[at].wrapping_add(block[at + half]);
                        }
                    }
                }
            }

            #[inline(always)]
            fn sum_across(blocks: &mut [[u64; BLOCK]]) {
                let mut half = blocks.len() / 2;
                while half > 0 {
                    for pair in blocks.chunks_exact_mut(2 * half) {
                        let (without, with) = pair.split_at_mut(half);
                        for (a, b) in without.iter_mut().zip(with) {
                            for (x, y) in a.iter_mut().zip(b) {
                                *x = x.wrapping_add(*y);
                            }
                        }
                    }
                    half /= 2;
                }
            }
        }
    };
}

table!(
    /// Counters of 16 bits, for transactions that weigh less than 2^15 together.
    narrow, 16
);
table!(
    /// Counters of 32 bits, for transactions that weigh less than 2^31 together.
    wide, 32
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Supports of all masks, by looking at every transaction.
    fn expected(masks: &[u16], weights: &[u32], n_items: usize) -> Vec<u32> {
        let support = |mask: u16| -> u32 {
            masks.iter().zip(weights).filter(|(row, _)| **row & mask == mask).map(|(_, weight)| weight).sum()
        };
        (0..1_u32 << n_items).map(|mask| support(mask as u16)).collect()
    }

    #[test]
    fn supports_by_enumeration() {
        for n_items in [5, 7, 10] {
            let masks: Vec<u16> = (0..150_u32)
                .map(|t| (t.wrapping_mul(t).wrapping_mul(2_654_435) >> 7) as u16 & ((1 << n_items) - 1))
                .collect();
            let starts: Vec<usize> = (0..n_items).map(|item| 3 * item).collect();
            let mut words = vec![0_u64; 3 * n_items];
            for (t, mask) in masks.iter().enumerate() {
                for item in (0..n_items).filter(|item| mask >> item & 1 == 1) {
                    words[3 * item + t / 64] |= 1 << (t % 64);
                }
            }
            let weights: Vec<u32> = (0..150).map(|t| t % 5).collect();
            for weights in [Vec::new(), weights] {
                let source = Source { words: &words, starts: &starts, n_words: 3, weights: &weights };
                let plain = if weights.is_empty() { vec![1; 150] } else { weights.clone() };
                let expected = expected(&masks, &plain, n_items);
                let frequent: Vec<(usize, u32)> =
                    expected.iter().copied().enumerate().skip(1).filter(|(_, support)| *support >= 4).collect();
                let mut got = Vec::new();
                let mut table = vec![7; narrow::n_words(n_items)];
                narrow::fill(source, &mut table);
                narrow::for_each(&table, 4, |mask, support| got.push((mask, support)));
                assert_eq!(got, frequent);
                let mut table = vec![7; wide::n_words(n_items)];
                wide::fill(source, &mut table);
                got.clear();
                wide::for_each(&table, 4, |mask, support| got.push((mask, support)));
                assert_eq!(got, frequent);
            }
        }
    }

    #[test]
    fn masks_with_two_bits_are_emptied() {
        let n_items = 6;
        for (a, b) in (0..n_items).flat_map(|a| (0..n_items).map(move |b| (a, b))).filter(|(a, b)| a != b) {
            let expected: Vec<usize> =
                (0..1_usize << n_items).filter(|mask| mask >> a & 1 == 0 || mask >> b & 1 == 0).collect();
            let (mut found, mut table) = (Vec::new(), vec![u64::MAX / 0xFFFF; narrow::n_words(n_items)]);
            narrow::forbid(a, b, &mut table);
            narrow::for_each(&table, 1, |mask, _| found.push(mask));
            assert_eq!(found, expected, "{a} {b}");
            found.clear();
            let mut table = vec![u64::MAX / 0xFFFF_FFFF; wide::n_words(n_items)];
            wide::forbid(a, b, &mut table);
            wide::for_each(&table, 1, |mask, _| found.push(mask));
            assert_eq!(found, expected, "{a} {b}");
        }
    }
}
