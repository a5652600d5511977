//! Whether probabilities are frequencies: observed over expected, and reliability bins.

use osusume_numeric::distributions::{Interval, two_sided_z, wilson};
use osusume_numeric::elementary::{exp, ln};

use crate::EvaluateError;
use crate::bins::equal_count_bins;
use crate::cluster::{clustered_variance, largest};
use crate::error::{Result, check_probabilities};
use crate::slope::Rows;

/// How many positives came for each one expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ObservedOverExpected {
    /// Rows with label true.
    pub observed: u64,
    /// Sum of the probabilities.
    pub expected: f64,
    /// Observed / expected.
    pub ratio: f64,
    /// Its interval.
    pub interval: Interval,
}

/// Observed over expected with its interval.
///
/// The interval is `ratio · exp(± z · s / observed)`, where s² is the sum of squared residuals `y − p`: over rows, or over the
/// customers' sums where clusters are given. With nothing observed it runs from 0 to the exact Poisson limit `−ln(½ (1 − confidence)) / expected`.
/// `confidence` lies in (0, 1).
///
/// # Errors
/// `Empty`, `NotAProbability`, `NothingExpected`.
pub fn observed_over_expected(rows: &Rows, confidence: f64) -> Result<ObservedOverExpected> {
    check_probabilities(rows.probabilities, rows.labels)?;
    let expected: f64 = rows.probabilities.iter().sum();
    if expected <= 0.0 {
        return Err(EvaluateError::NothingExpected);
    }
    let observed = rows.labels.iter().filter(|&&label| label).count() as u64;
    let ratio = observed as f64 / expected;
    let interval = if observed == 0 {
        Interval { lower: 0.0, upper: -ln(0.5 * (1.0 - confidence)) / expected }
    } else {
        let factor = exp(two_sided_z(confidence) * residual_variance(rows).sqrt() / observed as f64);
        Interval { lower: ratio / factor, upper: ratio * factor }
    };
    Ok(ObservedOverExpected { observed, expected, ratio, interval })
}

fn residual_variance(rows: &Rows) -> f64 {
    let residuals = rows.probabilities.iter().zip(rows.labels).map(|(p, &label)| f64::from(u8::from(label)) - p);
    match rows.clusters {
        None => residuals.map(|residual| residual * residual).sum(),
        Some(clusters) => clustered_variance(clusters.iter().copied().zip(residuals), largest(clusters)),
    }
}

/// One bin of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReliabilityBin {
    /// Rows in the bin.
    pub n_rows: u64,
    /// Rows with label true.
    pub n_positives: u64,
    /// Mean probability.
    pub mean_probability: f64,
    /// Share of positives.
    pub observed_rate: f64,
    /// Wilson interval of the share.
    pub interval: Interval,
}

/// At most `n_bins` bins of about equal counts by ascending probability; equal probabilities share a bin.
///
/// # Errors
/// `Empty`, `NotAProbability`.
pub fn reliability_bins(
    probabilities: &[f64],
    labels: &[bool],
    n_bins: usize,
    confidence: f64,
) -> Result<Vec<ReliabilityBin>> {
    check_probabilities(probabilities, labels)?;
    let bin = |rows: Vec<u32>| {
        let n_rows = rows.len() as u64;
        let n_positives = rows.iter().filter(|&&row| labels[row as usize]).count() as u64;
        let sum: f64 = rows.iter().map(|&row| probabilities[row as usize]).sum();
        ReliabilityBin {
            n_rows,
            n_positives,
            mean_probability: sum / n_rows as f64,
            observed_rate: n_positives as f64 / n_rows as f64,
            interval: wilson(n_positives, n_rows, confidence),
        }
    };
    Ok(equal_count_bins(probabilities, n_bins).into_iter().map(bin).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_observed_and_nothing_expected() {
        let none = Rows { probabilities: &[0.1, 0.2], labels: &[false, false], clusters: None };
        let got = observed_over_expected(&none, 0.95).unwrap();
        assert!(got.ratio.abs() <= 0.0 && got.interval.lower.abs() <= 0.0);
        assert!((got.interval.upper - 3.688_879_454_113_936 / 0.3).abs() < 1e-9);
        let zero = Rows { probabilities: &[0.0], labels: &[true], clusters: None };
        assert_eq!(observed_over_expected(&zero, 0.95), Err(EvaluateError::NothingExpected));
    }

    #[test]
    fn customers_seen_twice_widen_the_interval() {
        let (p, y): (Vec<f64>, Vec<bool>) = (0..400).map(|i| (0.25, i % 4 == 0)).unzip();
        let ids: Vec<u32> = (0..400).map(|i| i / 8 * 4 + i % 4).collect();
        let by_row = observed_over_expected(&Rows { probabilities: &p, labels: &y, clusters: None }, 0.95).unwrap();
        let clustered = Rows { probabilities: &p, labels: &y, clusters: Some(&ids) };
        let by_customer = observed_over_expected(&clustered, 0.95).unwrap();
        assert!((by_row.ratio - 1.0).abs() < 1e-12 && by_row.interval.contains(1.0));
        let log_width = |i: Interval| (i.upper / i.lower).ln();
        // Identical pairs: the variance doubles, up to G / (G − 1).
        let growth = log_width(by_customer.interval) / log_width(by_row.interval);
        assert!((growth - (2.0_f64 * 200.0 / 199.0).sqrt()).abs() < 1e-9, "{growth}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bins_hold_every_row_once_in_order(rows in prop::collection::vec(((0..30_u8).prop_map(|p| f64::from(p) / 30.0), any::<bool>()), 1..90), n_bins in 1..11_usize) {
            let (p, y): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
            let bins = reliability_bins(&p, &y, n_bins, 0.9).unwrap();
            prop_assert!(bins.len() <= n_bins);
            prop_assert_eq!(bins.iter().map(|bin| bin.n_rows).sum::<u64>(), p.len() as u64);
            prop_assert_eq!(bins.iter().map(|bin| bin.n_positives).sum::<u64>(), y.iter().filter(|y| **y).count() as u64);
            prop_assert!(bins.windows(2).all(|pair| pair[0].mean_probability < pair[1].mean_probability));
            prop_assert!(bins.iter().all(|bin| bin.interval.contains(bin.observed_rate)));
        }
    }
}
