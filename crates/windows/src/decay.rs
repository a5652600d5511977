//! Sums in which a row weighs half as much with every half-life that has passed since.

use std::f64::consts::LN_2;

use osusume_model::DAY_US;
use osusume_numeric::elementary::exp;

/// Σ 2^(−age / half-life) over rows at `at`, ages in days of 24 hours before `as_of`.
///
/// Every row is weighed anew: what a running sum keeps of an old huge value would blur the window's own small ones.
pub(crate) fn count(at: &[i64], as_of: i64, half_life_days: f64) -> f64 {
    at.iter().map(|&at| weight(at, as_of, half_life_days)).sum::<f64>() + 0.0
}

/// Σ x · 2^(−age / half-life) over the present values `x`.
pub(crate) fn sum(at: &[i64], values: &[f64], as_of: i64, half_life_days: f64) -> f64 {
    let present = at.iter().zip(values).filter(|(_, x)| !x.is_nan());
    present.map(|(&at, x)| x * weight(at, as_of, half_life_days)).sum::<f64>() + 0.0
}

/// An exponential of our own, so that every processor gives the same bits.
fn weight(at: i64, as_of: i64, half_life_days: f64) -> f64 {
    let age = as_of.saturating_sub(at) as f64 / DAY_US as f64;
    exp(-LN_2 / half_life_days * age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_life_halves() {
        let at = [0, 10 * DAY_US, 20 * DAY_US];
        assert!((count(&at, 20 * DAY_US, 10.0) - 1.75).abs() < 1e-15);
        assert!((sum(&at, &[8.0, f64::NAN, -1.0], 20 * DAY_US, 10.0) - 1.0).abs() < 1e-15);
        assert!(sum(&at, &[f64::NAN; 3], 20 * DAY_US, 10.0).to_bits() == 0, "a sum of nothing is 0");
        assert!(count(&[i64::MIN], i64::MAX, 1e-3).to_bits() == 0, "no age is too old");
    }
}
