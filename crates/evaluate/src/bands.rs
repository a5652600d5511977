//! Tenths of the rows by probability, and bands of neighboring tenths that rest on enough rows of either class.

use osusume_numeric::distributions::{Interval, wilson};

use crate::error::{Result, check_probabilities};
use crate::gains::deciles;

/// What adds up over neighboring rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tenth {
    /// Rows.
    pub n_rows: u64,
    /// Rows with label true.
    pub n_positives: u64,
    /// Sum of the probabilities.
    pub expected: f64,
}

impl Tenth {
    fn and(self, other: &Self) -> Self {
        Self {
            n_rows: self.n_rows + other.n_rows,
            n_positives: self.n_positives + other.n_positives,
            expected: self.expected + other.expected,
        }
    }

    fn has_both(&self, smallest: u64) -> bool {
        self.n_positives >= smallest && self.n_rows - self.n_positives >= smallest
    }
}

/// The deciles of the probabilities, highest first; ties as in [`deciles`].
///
/// # Errors
/// `Empty`, `NotAProbability`.
pub fn tenths(probabilities: &[f64], labels: &[bool], hashes: &[u64]) -> Result<[Tenth; 10]> {
    check_probabilities(probabilities, labels)?;
    let mut tenths = [Tenth::default(); 10];
    for ((decile, &probability), &label) in deciles(probabilities, hashes)?.into_iter().zip(probabilities).zip(labels) {
        let tenth = &mut tenths[usize::from(decile) - 1];
        tenth.n_rows += 1;
        tenth.n_positives += u64::from(label);
        tenth.expected += probability;
    }
    Ok(tenths)
}

/// One or several neighboring tenths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// What they add up to.
    pub sums: Tenth,
    /// Share of positives.
    pub rate: f64,
    /// Its Wilson interval.
    pub rate_interval: Interval,
    /// Share of all positives in this and the higher bands; 1 in the last.
    pub gain: f64,
    /// Its Wilson interval, given the number of all positives; a point in the last band.
    pub gain_interval: Interval,
}

/// Joins neighbors, from the first on, until each band has at least `smallest` positives and as many negatives; what is left behind
/// the last one joins it.
///
/// The first band is as narrow as it can be, because the rows of highest probability are the ones acted on. Empty when all rows
/// together have too few of a class. `confidence` lies in (0, 1).
pub fn bands(tenths: &[Tenth], smallest: u64, confidence: f64) -> Vec<Band> {
    let mut joined: Vec<Tenth> = Vec::new();
    let mut open = Tenth::default();
    for tenth in tenths {
        open = open.and(tenth);
        if open.has_both(smallest) {
            joined.push(std::mem::take(&mut open));
        }
    }
    let Some(last) = joined.last_mut() else { return Vec::new() };
    *last = last.and(&open);
    let total: u64 = joined.iter().map(|band| band.n_positives).sum();
    let mut found = 0;
    let band = |sums: Tenth| {
        found += sums.n_positives;
        Band {
            sums,
            rate: sums.n_positives as f64 / sums.n_rows as f64,
            rate_interval: wilson(sums.n_positives, sums.n_rows, confidence),
            gain: found as f64 / total as f64,
            // All bands together hold all positives, which is no estimate.
            gain_interval: if found < total {
                wilson(found, total, confidence)
            } else {
                Interval { lower: 1.0, upper: 1.0 }
            },
        }
    };
    joined.into_iter().map(band).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tenth(n_rows: u64, n_positives: u64) -> Tenth {
        Tenth { n_rows, n_positives, expected: n_positives as f64 }
    }

    #[test]
    fn neighbors_are_joined_from_the_top() {
        let tenths = [tenth(100, 12), tenth(100, 6), tenth(100, 5), tenth(100, 98), tenth(100, 3)];
        let sums: Vec<(u64, u64)> =
            bands(&tenths, 10, 0.95).iter().map(|band| (band.sums.n_rows, band.sums.n_positives)).collect();
        // 6 + 5 is enough; 98 of 100 leaves 2 of the other class, which the last tenth fills up.
        assert_eq!(sums, [(100, 12), (200, 11), (200, 101)]);
        assert!(bands(&[tenth(100, 4), tenth(100, 5)], 10, 0.95).is_empty());
        assert!(bands(&[], 10, 0.95).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn bands_hold_every_row_once_and_enough_of_either_class(rows in prop::collection::vec((0..200_u64, 0..30_u64), 0..12), smallest in 1..12_u64) {
            let tenths: Vec<Tenth> = rows.iter().map(|&(others, positives)| tenth(others + positives, positives)).collect();
            let all = tenths.iter().fold(Tenth::default(), Tenth::and);
            let bands = bands(&tenths, smallest, 0.95);
            prop_assert_eq!(bands.is_empty(), !all.has_both(smallest));
            prop_assert!(bands.iter().all(|band| band.sums.has_both(smallest) && band.rate_interval.contains(band.rate)));
            prop_assert!(bands.windows(2).all(|pair| pair[0].gain < pair[1].gain));
            if let Some(last) = bands.last() {
                let sum = bands.iter().fold(Tenth::default(), |sum, band| sum.and(&band.sums));
                prop_assert_eq!((sum.n_rows, sum.n_positives), (all.n_rows, all.n_positives));
                prop_assert!((last.gain - 1.0).abs() <= 0.0);
            }
        }

        #[test]
        fn tenths_are_the_decile_table(rows in prop::collection::vec(((0..30_u8).prop_map(|p| f64::from(p) / 30.0), any::<bool>(), 0..9_u64), 1..90)) {
            let p: Vec<f64> = rows.iter().map(|row| row.0).collect();
            let y: Vec<bool> = rows.iter().map(|row| row.1).collect();
            let hashes: Vec<u64> = rows.iter().map(|row| row.2).collect();
            let tenths = tenths(&p, &y, &hashes).unwrap();
            prop_assert!((tenths.iter().map(|tenth| tenth.expected).sum::<f64>() - p.iter().sum::<f64>()).abs() < 1e-9);
            if let Ok(table) = crate::decile_table(&p, &y, &hashes) {
                prop_assert!(tenths.iter().zip(&table).all(|(a, b)| (a.n_rows, a.n_positives) == (b.n_rows, b.n_positives)));
            }
        }
    }
}
