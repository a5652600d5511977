//! Proper scores: log loss and Brier.

use osusume_numeric::elementary::{ln, ln_1p};

use crate::bins::equal_count_bins;
use crate::error::{Result, check_probabilities};

/// Mean log loss, `−1/n Σ [y ln p + (1 − y) ln(1 − p)]`.
///
/// Never padded: a probability of 0 for what happened gives ∞.
///
/// # Errors
/// `Empty`, `NotAProbability`.
pub fn log_loss(probabilities: &[f64], labels: &[bool]) -> Result<f64> {
    check_probabilities(probabilities, labels)?;
    let row = |(&p, &label): (&f64, &bool)| match (label, p) {
        (true, p) if p <= 0.0 => f64::INFINITY,
        (false, p) if p >= 1.0 => f64::INFINITY,
        (true, p) => -ln(p),
        (false, p) => -ln_1p(-p),
    };
    Ok(probabilities.iter().zip(labels).map(row).sum::<f64>() / labels.len() as f64)
}

/// The Brier score and what it consists of: `brier = reliability − resolution + uncertainty + within_bins`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brier {
    /// `1/n Σ (p − y)²`.
    pub brier: f64,
    /// `1/n Σ_k n_k (mean p of bin k − rate of bin k)²`; 0 is perfectly calibrated.
    pub reliability: f64,
    /// `1/n Σ_k n_k (rate of bin k − overall rate)²`; larger tells customers apart better.
    pub resolution: f64,
    /// `rate (1 − rate)`; a property of the rows alone.
    pub uncertainty: f64,
    /// What the bins hide: `1/n Σ [(p − mean p)² − 2 (y − rate)(p − mean p)]` inside bins; 0 when probabilities are equal inside each.
    pub within_bins: f64,
}

/// The Brier score with Murphy's decomposition (1973) over at most `n_bins` bins of about equal counts, exact by the two terms inside
/// bins of Stephenson, Coelho and Jolliffe (2008).
///
/// # Errors
/// `Empty`, `NotAProbability`.
pub fn brier(probabilities: &[f64], labels: &[bool], n_bins: usize) -> Result<Brier> {
    check_probabilities(probabilities, labels)?;
    let n = labels.len() as f64;
    let value = |label: bool| f64::from(u8::from(label));
    let squares = probabilities.iter().zip(labels).map(|(p, &label)| (p - value(label)).powi(2));
    let brier = squares.sum::<f64>() / n;
    let rate = labels.iter().filter(|&&label| label).count() as f64 / n;
    let (mut reliability, mut resolution, mut within_bins) = (0.0, 0.0, 0.0);
    for bin in equal_count_bins(probabilities, n_bins) {
        let size = bin.len() as f64;
        let row = |&row: &u32| (probabilities[row as usize], value(labels[row as usize]));
        let (p_sum, y_sum) = bin.iter().map(row).fold((0.0, 0.0), |(ps, ys), (p, y)| (ps + p, ys + y));
        let (p_mean, y_mean) = (p_sum / size, y_sum / size);
        reliability += size * (p_mean - y_mean).powi(2);
        resolution += size * (y_mean - rate).powi(2);
        within_bins += bin.iter().map(row).map(|(p, y)| (p - p_mean) * (p - p_mean - 2.0 * (y - y_mean))).sum::<f64>();
    }
    Ok(Brier {
        brier,
        reliability: reliability / n,
        resolution: resolution / n,
        uncertainty: rate * (1.0 - rate),
        within_bins: within_bins / n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EvaluateError;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn the_parts_add_up(rows in prop::collection::vec(((0..21_u8).prop_map(|p| f64::from(p) / 20.0), any::<bool>()), 1..80), n_bins in 1..12_usize) {
            let (p, y): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
            let got = brier(&p, &y, n_bins).unwrap();
            prop_assert!((got.reliability - got.resolution + got.uncertainty + got.within_bins - got.brier).abs() < 1e-13);
            // With a bin for every distinct probability nothing is hidden inside bins.
            prop_assert!(brier(&p, &y, 100 * p.len()).unwrap().within_bins.abs() < 1e-13);
        }

        /// The rate itself is the best constant, for both scores.
        #[test]
        fn the_rate_is_the_best_constant(y in prop::collection::vec(any::<bool>(), 2..50), other in 0.01..0.99_f64) {
            let rate = y.iter().filter(|y| **y).count() as f64 / y.len() as f64;
            let (at_rate, at_other) = (vec![rate; y.len()], vec![other; y.len()]);
            prop_assert!(log_loss(&at_rate, &y).unwrap() <= log_loss(&at_other, &y).unwrap() + 1e-12);
            prop_assert!(brier(&at_rate, &y, 5).unwrap().brier <= brier(&at_other, &y, 5).unwrap().brier + 1e-12);
        }
    }

    #[test]
    fn edges() {
        assert_eq!(log_loss(&[], &[]), Err(EvaluateError::Empty));
        assert_eq!(log_loss(&[0.5, 1.5], &[true, true]), Err(EvaluateError::NotAProbability { row: 1 }));
        assert_eq!(log_loss(&[f64::NAN], &[true]), Err(EvaluateError::NotAProbability { row: 0 }));
        assert_eq!(log_loss(&[0.0, 1.0], &[false, true]), Ok(0.0));
        assert_eq!(log_loss(&[0.0, 1.0], &[true, true]), Ok(f64::INFINITY));
        assert_eq!(log_loss(&[1.0], &[false]), Ok(f64::INFINITY));
        assert!((log_loss(&[0.25, 0.75], &[true, true]).unwrap() - 0.836_988_216_785_8).abs() < 1e-12);
    }
}
