//! Minimum and maximum of any stretch of a growing list, also when its end is cut off again.
//!
//! A monotone deque answers faster but forgets what it dropped, and late rows need the end of the list taken back.
//! Complete blocks of eight values are folded into one of the level above: appending costs 8/7 folds, a question about 16 a level.

/// Values a block folds into one.
const FAN: usize = 8;

/// The levels above the values themselves, which the caller keeps; absent values are NaN and ignored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Levels<const HIGH: bool> {
    levels: Vec<Vec<f64>>,
}

impl<const HIGH: bool> Levels<HIGH> {
    /// Call after each push onto `values`.
    pub(crate) fn appended(&mut self, values: &[f64]) {
        let mut len = values.len();
        let mut level = 0;
        while len.is_multiple_of(FAN) {
            let below = if level == 0 { values } else { &self.levels[level - 1] };
            let folded = fold::<HIGH>(f64::NAN, &below[len - FAN..len]);
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(folded);
            (len, level) = (len / FAN, level + 1);
        }
    }

    /// Call after the values were cut to `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        let mut len = len;
        for level in &mut self.levels {
            len /= FAN;
            level.truncate(len);
        }
    }

    /// The extreme of `values[from..to]`; NaN when all of them are absent.
    pub(crate) fn extreme(&self, values: &[f64], from: usize, to: usize) -> f64 {
        let (mut from, mut to, mut current, mut best) = (from, to, values, f64::NAN);
        for above in &self.levels {
            if to - from <= 2 * FAN {
                break;
            }
            let (first, last) = (from.div_ceil(FAN), to / FAN);
            best = fold::<HIGH>(best, &current[from..first * FAN]);
            best = fold::<HIGH>(best, &current[last * FAN..to]);
            (from, to, current) = (first, last, above);
        }
        fold::<HIGH>(best, &current[from..to])
    }
}

/// `f64::min` and `f64::max` return the other argument when one is NaN.
#[inline]
fn fold<const HIGH: bool>(start: f64, values: &[f64]) -> f64 {
    values.iter().fold(start, |best, &x| if HIGH { best.max(x) } else { best.min(x) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stretch_agrees_with_a_scan_also_after_cutting() {
        let mut values = Vec::new();
        let (mut low, mut high) = (Levels::<false>::default(), Levels::<true>::default());
        for round in 0..3 {
            for i in values.len()..700 {
                let x = ((i * 7919 + round) % 1009) as f64;
                values.push(if i % 11 == 0 { f64::NAN } else { x });
                low.appended(&values);
                high.appended(&values);
            }
            for from in (0..700).step_by(13) {
                for to in (from + 1..=700).step_by(17) {
                    let scan = &values[from..to];
                    assert_eq!(low.extreme(&values, from, to).to_bits(), fold::<false>(f64::NAN, scan).to_bits());
                    assert_eq!(high.extreme(&values, from, to).to_bits(), fold::<true>(f64::NAN, scan).to_bits());
                }
            }
            values.truncate(300 + 57 * round);
            low.truncate(values.len());
            high.truncate(values.len());
        }
    }
}
