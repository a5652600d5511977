//! The regularised incomplete beta function, its inverse, and binomial tails.

use std::f64::consts::TAU;

use super::{deviance, scaled_exp, stirling_error};

/// The distribution function `I_x(a, b)` of a beta variable, a, b > 0; relative error below 1e-11 of the smaller tail for a + b ≤ 10⁷.
///
/// 0 for x ≤ 0, 1 for x ≥ 1; NaN when an argument is NaN or a shape is not positive and finite.
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    let is_shape = |shape: f64| shape > 0.0 && shape.is_finite();
    if x.is_nan() || !is_shape(a) || !is_shape(b) {
        return f64::NAN;
    }
    if x <= 0.0 {
        0.0
    } else if x >= 1.0 {
        1.0
    } else {
        beta_tails(x, 1.0 - x, a, b).0
    }
}

/// P(X ≥ `at_least`) of a binomial variable with `trials` trials of probability `p`; accuracy of [`beta_cdf`]. NaN for p outside [0, 1].
pub fn binomial_upper_tail(at_least: u64, trials: u64, p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if at_least == 0 {
        return 1.0;
    }
    if at_least > trials {
        return 0.0;
    }
    beta_cdf(p, at_least as f64, (trials - at_least + 1) as f64)
}

/// P(X ≤ `at_most`) of a binomial variable with `trials` trials of probability `p`; accuracy of [`beta_cdf`]. NaN for p outside [0, 1].
pub fn binomial_lower_tail(at_most: u64, trials: u64, p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if at_most >= trials || p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    beta_tails(p, 1.0 - p, (at_most + 1) as f64, (trials - at_most) as f64).1
}

/// The x with `I_x(a, b) = p`; relative error below 1e-11. 0 at p ≤ 0, 1 at p ≥ 1; NaN for NaN or shapes that are not positive.
///
/// Newton steps kept inside a shrinking bracket, bisected where they leave it.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    if p.is_nan() || beta_cdf(0.5, a, b).is_nan() {
        return f64::NAN;
    }
    if p <= 0.0 || p >= 1.0 {
        return p.clamp(0.0, 1.0);
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    let mut x = a / (a + b);
    // The bracket at least halves every second round; 200 rounds are far below the smallest number that matters.
    for _ in 0..200 {
        let excess = beta_cdf(x, a, b) - p;
        if excess > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let density = prefactor(x, 1.0 - x, a, b) / (x * (1.0 - x));
        let newton = x - excess / density;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - x).abs() <= 2.0 * f64::EPSILON * x {
            return next;
        }
        x = next;
    }
    x
}

/// `(I_x(a, b), 1 − I_x(a, b))` for 0 < x < 1 and y = 1 − x; the smaller one carries the accuracy.
fn beta_tails(x: f64, y: f64, a: f64, b: f64) -> (f64, f64) {
    let factor = prefactor(x, y, a, b);
    // The fraction converges quickly on the side of the mode where the tail is small.
    if x <= (a + 1.0) / (a + b + 2.0) {
        let lower = (factor / a * fraction(x, a, b)).min(1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (factor / b * fraction(y, b, a)).min(1.0);
        (1.0 - upper, upper)
    }
}

/// x^a y^b / B(a, b) in saddle-point form.
fn prefactor(x: f64, y: f64, a: f64, b: f64) -> f64 {
    let n = a + b;
    let exponent = stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, n * x) - deviance(b, n * y);
    scaled_exp((a / n * b / TAU).sqrt(), exponent)
}

/// The continued fraction of `I_x(a, b)` by the modified Lentz method; O(√max(a, b)) steps.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let floor = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / floor(1.0 - (a + b) * x / (a + 1.0));
    let (mut value, mut m) = (d, 1.0);
    // A million steps are beyond any argument this is stated for; the bound only says that it ends.
    while m < 1e6 {
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / floor(1.0 + even * d);
        c = floor(1.0 + even / c);
        value *= c * d;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / floor(1.0 + odd * d);
        c = floor(1.0 + odd / c);
        value *= c * d;
        if (c * d - 1.0).abs() <= f64::EPSILON {
            break;
        }
        m += 1.0;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(got: f64, expected: f64, relative: f64) {
        assert!((got - expected).abs() <= relative * expected.abs(), "{got:e} is not {expected:e}");
    }

    /// Probabilities of 0..=n by the recurrence from the mode, normalised: an oracle without gamma functions.
    fn binomial_weights(n: u64, p: f64) -> Vec<f64> {
        let mode = ((n as f64) * p) as usize;
        let mut weights = vec![0.0; n as usize + 1];
        weights[mode] = 1.0;
        for k in mode + 1..=n as usize {
            weights[k] = weights[k - 1] * (n as f64 - k as f64 + 1.0) / k as f64 * p / (1.0 - p);
        }
        for k in (0..mode).rev() {
            weights[k] = weights[k + 1] * (k as f64 + 1.0) / (n as f64 - k as f64) * (1.0 - p) / p;
        }
        let total: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / total).collect()
    }

    #[test]
    fn binomial_tails_are_the_exact_sums() {
        for (n, p) in [(1_u64, 0.3), (10, 0.5), (40, 0.02), (300, 0.9), (5000, 0.013)] {
            let weights = binomial_weights(n, p);
            for k in (0..=n).step_by(1 + n as usize / 37) {
                // Summed from the small end, so that the oracle itself keeps its digits.
                let upper: f64 = weights[k as usize..].iter().rev().sum();
                let lower: f64 = weights[..=k as usize].iter().sum();
                let is_smaller = |tail: f64| tail < 0.5 && tail > 1e-280;
                if is_smaller(upper) {
                    close(binomial_upper_tail(k, n, p), upper, 1e-11);
                }
                if is_smaller(lower) {
                    close(binomial_lower_tail(k, n, p), lower, 1e-11);
                }
                assert!((binomial_upper_tail(k, n, p) - upper).abs() < 1e-12);
                assert!((binomial_lower_tail(k, n, p) - lower).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn edges() {
        close(binomial_upper_tail(0, 5, 0.2), 1.0, 0.0);
        close(binomial_upper_tail(6, 5, 0.2), 0.0, 0.0);
        close(binomial_upper_tail(5, 5, 1.0), 1.0, 0.0);
        close(binomial_lower_tail(4, 5, 1.0), 0.0, 0.0);
        close(binomial_lower_tail(0, 0, 0.3), 1.0, 0.0);
        close(beta_cdf(0.3, 1.0, 1.0), 0.3, 1e-14);
        assert!(beta_cdf(0.3, 0.0, 1.0).is_nan() && binomial_upper_tail(1, 2, 1.5).is_nan());
        assert!(beta_quantile(f64::NAN, 1.0, 1.0).is_nan() && beta_quantile(0.5, -1.0, 1.0).is_nan());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn the_two_sides_mirror_each_other(x in 0.001..0.999_f64, a in 0.1..500.0_f64, b in 0.1..500.0_f64) {
            let sum = beta_cdf(x, a, b) + beta_cdf(1.0 - x, b, a);
            prop_assert!((sum - 1.0).abs() < 1e-12);
        }

        #[test]
        fn quantile_inverts_the_cdf(p in 1e-6..0.999_f64, a in 0.5..2e4_f64, b in 0.5..2e4_f64) {
            let x = beta_quantile(p, a, b);
            prop_assert!((beta_cdf(x, a, b) - p).abs() < 1e-11 * (1.0 + a + b).sqrt());
        }
    }
}
