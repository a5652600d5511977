//! The search where a set is in few transactions: each column is one word, and nothing but words is touched.

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

use super::root::transpose_block;
use super::tally::Tally;
use super::target::{Place, Sizes, Target};

/// Most columns and most transactions.
pub(crate) const MAX: usize = 64;
/// Words of the columns of a node and of all nodes above it: each has fewer columns than the one above.
const STACK: usize = MAX * (MAX + 1) / 2;

/// The set whose extensions are wanted, and which of them.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    pub depth: usize,
    pub n_free: usize,
    pub min_count: u32,
    /// Longest set wanted.
    pub max_length: usize,
}

/// A stack of columns, those of a node above those of its parent.
pub(crate) struct Words {
    n_columns: usize,
    /// Which transactions hold each column.
    bitmaps: Vec<u64>,
    /// Position of each among the columns of the first node.
    columns: Vec<u8>,
    /// Item and count of each column of the first node.
    items: [u32; MAX],
    counts: [u32; MAX],
    /// Columns of the first node that may not stand with each; only looked at unless all may stand together.
    barred: [u64; MAX],
    is_clear: bool,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            n_columns: 0,
            bitmaps: vec![0; STACK],
            columns: vec![0; STACK],
            items: [0; MAX],
            counts: [0; MAX],
            barred: [0; MAX],
            is_clear: true,
        }
    }
}

impl Words {
    /// Takes the columns of transactions that are masks of them. Transactions with only one column may be missing.
    pub(crate) fn open(&mut self, masks: &[u64], columns: impl Iterator<Item = (u32, u32)>) {
        self.n_columns = 0;
        self.is_clear = true;
        for (item, count) in columns {
            (self.items[self.n_columns], self.counts[self.n_columns]) = (item, count);
            self.n_columns += 1;
        }
        let block = self.bitmaps.first_chunk_mut::<MAX>().expect("the stack is longer");
        block.fill(0);
        block[..masks.len()].copy_from_slice(masks);
    }

    /// No set may hold both of two columns.
    pub(crate) fn bar(&mut self, a: usize, b: usize) {
        if self.is_clear {
            self.barred = [0; MAX];
            self.is_clear = false;
        }
        self.barred[a] |= 1 << b;
        self.barred[b] |= 1 << a;
    }
}

osusume_numeric::dispatch! {
    /// Counts all extensions of the node by the columns; returns how many there are.
    pub(crate) fn count(words: &mut Words, node: Node, target: &mut Tally) -> u64 {
        if words.is_clear { search::<_, true>(words, node, target) } else { search::<_, false>(words, node, target) }
    }

    /// As `count`, one by one.
    pub(crate) fn count_each(words: &mut Words, node: Node, target: &mut Sizes) -> u64 {
        if words.is_clear { search::<_, true>(words, node, target) } else { search::<_, false>(words, node, target) }
    }

    /// Lists them.
    pub(crate) fn list(words: &mut Words, node: Node, target: &mut Place<'_>) -> u64 {
        if words.is_clear { search::<_, true>(words, node, target) } else { search::<_, false>(words, node, target) }
    }
}

/// The columns of a node, and which of them is next.
#[derive(Clone, Copy, Default)]
struct Level {
    start: usize,
    end: usize,
    next: usize,
    n_free: usize,
}

#[inline(always)]
fn search<T: Target, const CLEAR: bool>(tree: &mut Words, node: Node, target: &mut T) -> u64 {
    transpose_block(tree.bitmaps.first_chunk_mut::<MAX>().expect("the stack is longer"));
    for (column, at) in tree.columns.iter_mut().zip(0..MAX as u8) {
        *column = at;
    }
    let mut levels = [Level::default(); MAX + 1];
    levels[0] = Level { start: 0, end: tree.n_columns, next: 0, n_free: node.n_free };
    let (mut at, mut found) = (0, 0_u64);
    loop {
        let level = levels[at];
        if level.next == level.end {
            if at == 0 {
                return found;
            }
            at -= 1;
            continue;
        }
        levels[at].next += 1;
        let (depth, item) = (node.depth + at + 1, tree.item(level.next));
        let count = if at == 0 { tree.counts[level.next] } else { tree.bitmaps[level.next].count_ones() };
        let (child, common) = if depth < node.max_length {
            tree.extend::<T, CLEAR>(level, count, node.min_count)
        } else {
            (Level { start: level.end, end: level.end, next: level.end, ..level }, 0)
        };
        found = found.saturating_add(target.set(depth, child.n_free, item, count));
        let n_columns = child.end - child.start;
        if n_columns == 1 {
            let (item, count) = (tree.item(child.start), tree.bitmaps[child.start].count_ones());
            found = found.saturating_add(target.set(depth + 1, child.n_free, item, count));
        } else if !T::LISTS && n_columns > 1 && common.count_ones() >= node.min_count {
            found = found.saturating_add(target.cube(depth, child.n_free, n_columns));
        } else if n_columns > 1 {
            at += 1;
            levels[at] = child;
        }
    }
}

impl Words {
    #[inline(always)]
    fn item(&self, at: usize) -> u32 {
        self.items[usize::from(self.columns[at])]
    }

    /// Pushes the columns of a level before the next one, cut down to its transactions, `count` of them, as far as they are frequent and not
    /// free. Returns where they are, and which transactions hold all of them; none, where they may not all stand together.
    #[inline(always)]
    fn extend<T: Target, const CLEAR: bool>(&mut self, level: Level, count: u32, min_count: u32) -> (Level, u64) {
        let (bitmaps, columns) = (&mut self.bitmaps[..STACK], &mut self.columns[..STACK]);
        let chosen = bitmaps[level.next];
        let barred = if CLEAR { 0 } else { self.barred[usize::from(columns[level.next])] };
        let (mut kept, mut barred_below) = (0_u64, 0_u64);
        let (mut end, mut n_free, mut common) = (level.end, level.n_free, u64::MAX);
        for other in level.start..level.next {
            let word = bitmaps[other] & chosen;
            let ones = word.count_ones();
            let (mut is_free, mut is_kept) = (!T::LISTS && ones == count, ones >= min_count);
            if !CLEAR {
                let column = usize::from(columns[other]);
                is_kept &= barred >> column & 1 == 0;
                // Free is what may stand with everything.
                is_free &= is_kept && self.barred[column] == 0;
                kept |= u64::from(is_kept && !is_free) << column;
                barred_below |= if is_kept { self.barred[column] } else { 0 };
            }
            is_kept &= !is_free;
            // Written in any case: which columns stay is not foreseen by a processor.
            (bitmaps[end], columns[end]) = (word, columns[other]);
            end += usize::from(is_kept);
            n_free += usize::from(is_free);
            common &= if is_kept { word } else { u64::MAX };
        }
        if !CLEAR && kept & barred_below != 0 {
            common = 0;
        }
        (Level { start: level.end, end, next: level.end, n_free }, common)
    }
}
