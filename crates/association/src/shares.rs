//! Work on a column in shares, one for each thread: each writes what it keeps at the start of its part of the column, and the gaps are closed.

use std::ops::Range;

/// Columns shorter than this are not shared: threads would wait for each other longer than they work.
const MIN_SHARED: usize = 1 << 14;

/// Shares of `n` units of work.
pub(crate) fn n_shares(n: usize) -> usize {
    if n < MIN_SHARED { 1 } else { rayon::current_num_threads() }
}

/// As many ranges of rows as `n_shares`, one after the other and about equally long in values; row r holds those from `offsets[r]` on.
pub(crate) fn ranges<T: Copy + TryInto<usize>>(offsets: &[T], n_shares: usize) -> Vec<Range<usize>> {
    let offset = |at: usize| offsets[at].try_into().unwrap_or(usize::MAX);
    let n_rows = offsets.len() - 1;
    let (first, n_values) = (offset(0), offset(n_rows) - offset(0));
    let mut start = 0;
    (1..=n_shares)
        .map(|share| {
            let wanted = first + n_values / n_shares * share;
            let end = if share == n_shares {
                n_rows
            } else {
                offsets.partition_point(|at| (*at).try_into().unwrap_or(usize::MAX) < wanted).clamp(start, n_rows)
            };
            let range = start..end;
            start = end;
            range
        })
        .collect()
}

/// Consecutive parts of a column, as long as asked for; what is left of it belongs to none.
pub(crate) fn split<T>(mut column: &mut [T], lens: impl IntoIterator<Item = usize>) -> Vec<&mut [T]> {
    let part = |len| column.split_off_mut(..len).expect("the parts are no longer than the column");
    lens.into_iter().map(part).collect()
}

/// Moves what is kept of each part, (length, values kept at its start), together. Returns how many values that is.
pub(crate) fn close_gaps<T: Copy>(column: &mut [T], parts: impl IntoIterator<Item = (usize, usize)>) -> usize {
    let (mut from, mut to) = (0, 0);
    for (len, kept) in parts {
        if from != to {
            column.copy_within(from..from + kept, to);
        }
        from += len;
        to += kept;
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_share_the_values() {
        assert_eq!(ranges(&[0_u32, 4, 4, 5, 9, 10], 2), [0..3, 3..5]);
        assert_eq!(ranges(&[0_usize, 100, 101], 3), [0..1, 1..1, 1..2]);
        assert_eq!(ranges(&[0_usize], 2), [0..0, 0..0]);
    }

    #[test]
    fn what_is_kept_moves_together() {
        let mut column = [1, 2, 0, 3, 0, 4];
        assert_eq!(close_gaps(&mut column, [(3, 2), (2, 1), (1, 1)]), 4);
        assert_eq!(column[..4], [1, 2, 3, 4]);
    }
}
