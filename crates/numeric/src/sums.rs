//! Sums of fixed shape.
//!
//! A floating-point sum depends on its order. Here the order is a function of the number of rows alone: [`LANES`] running sums inside
//! a slice, blocks of [`BLOCK_ROWS`] rows inside a group, and up to [`GROUPS`] groups of consecutive rows that are reduced in parallel
//! and merged in index order. The number of threads never changes a bit.

use std::ops::Range;

use rayon::prelude::*;

use crate::dispatch;

/// Independent running sums of [`dot`] and [`sum`]. Fixed, not by target: the bits must not depend on the build. Eight would wait for
/// the latency of the addition.
pub const LANES: usize = 32;
/// Rows a block: what one call of a kernel handles between two polls of the control.
pub const BLOCK_ROWS: usize = 8_192;
/// Most groups of a parallel reduction; also its most useful number of threads.
pub const GROUPS: usize = 64;
/// Fewer rows than this are not worth a group.
const MIN_GROUP_ROWS: usize = 512;

dispatch! {
    /// Σ `a[i]` `b[i]`. Panics when the lengths differ.
    pub fn dot(a: &[f64], b: &[f64]) -> f64 {
        assert_eq!(a.len(), b.len(), "a dot product needs equal lengths");
        let mut acc = [0.0; LANES];
        let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let tail: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
        for (x, y) in a_chunks.zip(b_chunks) {
            for lane in 0..LANES {
                acc[lane] += x[lane] * y[lane];
            }
        }
        acc.iter().sum::<f64>() + tail
    }

    /// Σ `a[i]`.
    pub fn sum(a: &[f64]) -> f64 {
        let mut acc = [0.0; LANES];
        let chunks = a.chunks_exact(LANES);
        let tail: f64 = chunks.remainder().iter().sum();
        for x in chunks {
            for lane in 0..LANES {
                acc[lane] += x[lane];
            }
        }
        acc.iter().sum::<f64>() + tail
    }
}

/// The groups of `n_rows` rows: consecutive ranges of nearly equal length, at most [`GROUPS`] of them, a function of `n_rows` alone.
pub fn groups(n_rows: usize) -> Vec<Range<usize>> {
    let n_groups = n_rows.div_ceil(MIN_GROUP_ROWS).clamp(1, GROUPS);
    (0..n_groups).map(|g| g * n_rows / n_groups..(g + 1) * n_rows / n_groups).collect()
}

/// The blocks of one group: consecutive ranges of at most [`BLOCK_ROWS`] rows.
pub fn blocks(group: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = group.end;
    group.step_by(BLOCK_ROWS).map(move |start| start..end.min(start + BLOCK_ROWS))
}

/// Reduces `n_rows` rows: `accumulate` adds a block to the state of its group, `merge` adds a later group's state to the earlier ones'.
///
/// Groups run in parallel on the current rayon pool, blocks of a group in order, and merges in group order on the calling thread.
/// At most `max_states` states exist at once; their number changes memory and speed, never the result.
pub fn reduce<S: Send>(
    n_rows: usize,
    max_states: usize,
    init: impl Fn() -> S + Sync,
    accumulate: impl Fn(&mut S, Range<usize>) + Sync,
    mut merge: impl FnMut(&mut S, S),
) -> S {
    let groups = groups(n_rows);
    let mut total: Option<S> = None;
    for wave in groups.chunks(max_states.max(1)) {
        let states: Vec<S> = wave
            .par_iter()
            .map(|group| {
                let mut state = init();
                blocks(group.clone()).for_each(|block| accumulate(&mut state, block));
                state
            })
            .collect();
        for state in states {
            match &mut total {
                None => total = Some(state),
                Some(total) => merge(total, state),
            }
        }
    }
    total.expect("there is at least one group")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::with_baseline;

    fn values(n: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 7919 + 13) % 1009) as f64 * 0.01 - 5.0).collect()
    }

    #[test]
    fn dot_and_sum_match_the_plain_loop() {
        for n in [0, 1, 31, 32, 33, 1000] {
            let a = values(n);
            let b: Vec<f64> = a.iter().rev().copied().collect();
            let plain: f64 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert!((dot(&a, &b) - plain).abs() <= 1e-9, "{n}");
            assert!((sum(&a) - a.iter().sum::<f64>()).abs() <= 1e-9, "{n}");
            assert_eq!(dot(&a, &b).to_bits(), with_baseline(|| dot(&a, &b)).to_bits());
            assert_eq!(sum(&a).to_bits(), with_baseline(|| sum(&a)).to_bits());
        }
    }

    #[test]
    fn groups_cover_every_row_once() {
        for n in [0, 1, 511, 512, 513, 100_000, 1_000_003] {
            let groups = groups(n);
            assert!(groups.len() <= GROUPS);
            assert_eq!(groups[0].start, 0);
            assert_eq!(groups.last().unwrap().end, n);
            assert!(groups.windows(2).all(|pair| pair[0].end == pair[1].start));
            let rows: usize = groups.into_iter().flat_map(blocks).map(|block| block.len()).sum();
            assert_eq!(rows, n);
        }
    }

    #[test]
    fn threads_and_waves_do_not_change_the_sum() {
        let a = values(70_001);
        let total = |max_states: usize| {
            reduce(a.len(), max_states, || 0.0, |s: &mut f64, block| *s += sum(&a[block]), |s, other| *s += other)
                .to_bits()
        };
        let expected = total(GROUPS);
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| total(GROUPS)), expected);
            assert_eq!(pool.install(|| total(3)), expected);
        }
    }
}
