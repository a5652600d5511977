//! A column's values in a few bins, so that whatever form a leak has, rates of bins tell it.

/// Quantiles at which numbers are cut: twentieths, and closer together in the tails, where a value written for few stands.
const QUANTILES: [f64; 25] = [
    0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85,
    0.9, 0.95, 0.98, 0.99, 0.995,
];
/// Rows at everybody's rate that every bin counts with its own.
const PRIOR_ROWS: f64 = 20.0;

/// Bins of one column: the absent values first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bins {
    /// Lower ends of the bins of numbers but the first, ascending; none for levels.
    cuts: Vec<f32>,
    /// Levels, where the column holds codes.
    levels: Option<usize>,
}

impl Bins {
    /// Bins of numbers like these, or of so many levels.
    pub(super) fn draw(values: &[f32], levels: Option<usize>) -> Self {
        if levels.is_some() {
            return Self { cuts: Vec::new(), levels };
        }
        let mut present: Vec<f32> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        present.sort_unstable_by(f32::total_cmp);
        let at = |quantile: f64| present.get((quantile * present.len() as f64) as usize).copied();
        let mut cuts: Vec<f32> = QUANTILES.into_iter().filter_map(at).collect();
        // Also just above the value most rows have, so that it stands alone.
        let above = |cut: &f32| present.get(present.partition_point(|value| value <= cut)).copied();
        cuts.extend(cuts.clone().iter().filter_map(above));
        cuts.sort_unstable_by(f32::total_cmp);
        cuts.dedup();
        Self { cuts, levels }
    }

    /// Number of bins.
    pub(super) fn len(&self) -> usize {
        // Beside the levels with a name there are the others.
        2 + self.levels.unwrap_or(self.cuts.len())
    }

    /// The bin of each value.
    pub(super) fn of(&self, values: &[f32]) -> Vec<usize> {
        let bin = |value: &f32| match self.levels {
            _ if value.is_nan() => 0,
            Some(levels) => 1 + (*value as usize).min(levels),
            None => 1 + self.cuts.partition_point(|cut| cut <= value),
        };
        values.iter().map(bin).collect()
    }

    /// The take rate of each bin, drawn toward everybody's.
    pub(super) fn rates(&self, bins: &[usize], y: &[bool]) -> Vec<f64> {
        let mut counts = vec![(0.0, 0.0); self.len()];
        for (&bin, &y) in bins.iter().zip(y) {
            counts[bin].0 += f64::from(u8::from(y));
            counts[bin].1 += 1.0;
        }
        let base = y.iter().filter(|&&y| y).count() as f64 / y.len().max(1) as f64;
        counts.iter().map(|(takes, n)| (takes + PRIOR_ROWS * base) / (n + PRIOR_ROWS)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_values_and_the_commonest_stand_alone() {
        let mut values = vec![0.0; 90];
        values.extend([f32::NAN, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        let bins = Bins::draw(&values, None);
        let of = bins.of(&values);
        assert!(of[..90].iter().all(|&bin| bin == of[0]) && of[91..].iter().all(|&bin| bin > of[0]));
        assert_eq!(of[90], 0);
        assert!(of.iter().all(|&bin| bin < bins.len()));
    }

    #[test]
    fn levels_are_bins_and_the_others_one_more() {
        let bins = Bins::draw(&[], Some(2));
        assert_eq!((bins.of(&[f32::NAN, 0.0, 1.0, 2.0]), bins.len()), (vec![0, 1, 2, 3], 4));
        let rates = bins.rates(&[1, 1, 2, 2], &[true, true, false, false]);
        assert_eq!(rates, [0.5, 12.0 / 22.0, 10.0 / 22.0, 0.5]);
    }
}
