//! Operations on bitmaps of transactions, many at a time.

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

/// Which supports matter.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub min_count: u32,
    /// Columns of this support are free and need no bitmap.
    pub free_count: u32,
}

osusume_numeric::dispatch! {
    /// Writes the bitmaps at `counts` in `old`, cut down to the one at `chosen`, one after the other into `new` as far as they are frequent and
    /// not free, and replaces `counts` by their supports. Returns how many were written.
    pub(crate) fn intersect(
        old: &[u64],
        new: &mut [u64],
        counts: &mut [u32],
        chosen: usize,
        n_words: usize,
        planes: &[u64],
        limits: Limits,
    ) -> usize {
        let chosen = &old[chosen..chosen + n_words];
        let mut kept = 0;
        for count in counts.iter_mut() {
            let column = &old[*count as usize..*count as usize + n_words];
            let out = &mut new[kept * n_words..(kept + 1) * n_words];
            let mut ones = 0;
            for ((o, a), b) in out.iter_mut().zip(column).zip(chosen) {
                *o = a & b;
                ones += o.count_ones();
            }
            *count = if planes.is_empty() { ones } else { weigh(out, planes) };
            kept += usize::from(*count >= limits.min_count && *count != limits.free_count);
        }
        kept
    }

    /// Whether the bitmap at `chosen` lies within one of those at `starts`. Most end at the first word with a bit.
    pub(crate) fn is_within_any(words: &[u64], chosen: usize, n_words: usize, starts: &[u32]) -> bool {
        let chosen = &words[chosen..chosen + n_words];
        let first = chosen.iter().position(|word| *word != 0).unwrap_or(0);
        let chosen = &chosen[first..];
        starts.iter().any(|start| {
            let other = &words[*start as usize + first..*start as usize + n_words];
            chosen.iter().zip(other).all(|(a, b)| a & !b == 0)
        })
    }

    /// Support of all bitmaps at `starts` together.
    pub(crate) fn count_common(words: &[u64], starts: &[u32], n_words: usize, planes: &[u64]) -> u32 {
        let mut count = 0;
        for word in 0..n_words {
            let common = starts.iter().fold(u64::MAX, |common, start| common & words[*start as usize + word]);
            if planes.is_empty() {
                count += common.count_ones();
            } else {
                for (bit, plane) in planes.chunks_exact(n_words).enumerate() {
                    count += (common & plane[word]).count_ones() << bit;
                }
            }
        }
        count
    }
}

/// Σ 2^b · bits set in both the words and plane b.
#[inline(always)]
fn weigh(words: &[u64], planes: &[u64]) -> u32 {
    let in_plane = |plane: &[u64]| words.iter().zip(plane).map(|(w, p)| (w & p).count_ones()).sum::<u32>();
    planes.chunks_exact(words.len()).enumerate().map(|(bit, plane)| in_plane(plane) << bit).sum()
}
