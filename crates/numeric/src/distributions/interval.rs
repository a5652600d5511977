//! Intervals for a rate.

use super::{beta_quantile, two_sided_z};

/// A closed interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl Interval {
    /// Whether `value` lies inside or on an end.
    pub fn contains(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }

    /// `estimate ± z · standard_error` for a two-sided `confidence` in (0, 1).
    pub fn normal(estimate: f64, standard_error: f64, confidence: f64) -> Self {
        let half = two_sided_z(confidence) * standard_error;
        Self { lower: estimate - half, upper: estimate + half }
    }
}

/// Wilson's score interval of a rate, `confidence` in (0, 1); coverage near nominal from a few trials on.
///
/// Without trials nothing is known: [0, 1]. `successes` above `trials` is a broken invariant. Wilson, 1927.
pub fn wilson(successes: u64, trials: u64, confidence: f64) -> Interval {
    assert!(successes <= trials, "more successes than trials");
    if trials == 0 {
        return Interval { lower: 0.0, upper: 1.0 };
    }
    wilson_of_rate(successes as f64 / trials as f64, trials as f64, confidence)
}

/// Wilson's interval of a `rate` in [0, 1] that is as uncertain as one of `trials` > 0 independent trials; these need not be whole, for
/// example an effective sample size.
pub fn wilson_of_rate(rate: f64, trials: f64, confidence: f64) -> Interval {
    assert!((0.0..=1.0).contains(&rate) && trials > 0.0, "not a rate of some trials");
    let n = trials;
    let z = two_sided_z(confidence);
    let shrink = 1.0 + z * z / n;
    let centre = (rate + 0.5 * z * z / n) / shrink;
    let half = z / shrink * (rate * (1.0 - rate) / n + 0.25 * z * z / (n * n)).sqrt();
    // Rounding must not push an end past the rate at 0 and 1, where the two meet exactly.
    let lower = if rate <= 0.0 { 0.0 } else { (centre - half).max(0.0) };
    let upper = if rate >= 1.0 { 1.0 } else { (centre + half).min(1.0) };
    Interval { lower, upper }
}

/// Clopper's and Pearson's exact interval of a rate, `confidence` in (0, 1): covers at least nominally, at the price of width.
///
/// Without trials [0, 1]. `successes` above `trials` is a broken invariant. Clopper and Pearson, 1934.
pub fn clopper_pearson(successes: u64, trials: u64, confidence: f64) -> Interval {
    assert!(successes <= trials, "more successes than trials");
    let tail = 0.5 * (1.0 - confidence);
    let (k, misses) = (successes as f64, (trials - successes) as f64);
    let lower = if successes == 0 { 0.0 } else { beta_quantile(tail, k, misses + 1.0) };
    // The upper end is one minus the lower end of the misses: no quantile near 1 is asked for.
    let upper = if successes == trials { 1.0 } else { 1.0 - beta_quantile(tail, misses, k + 1.0) };
    Interval { lower, upper }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distributions::{binomial_lower_tail, binomial_upper_tail};

    fn check(got: Interval, lower: f64, upper: f64) {
        assert!(
            (got.lower - lower).abs() < 1e-9 && (got.upper - upper).abs() < 1e-9,
            "{got:?} is not [{lower}, {upper}]"
        );
    }

    /// Closed forms: 1 − 0.025^(1/10), z²/(10 + z²) and ½ ± z/(2√(10 + z²)) with z = 1.959964.
    #[test]
    fn known_intervals() {
        check(clopper_pearson(0, 10, 0.95), 0.0, 0.308_497_107_818_760_8);
        check(clopper_pearson(10, 10, 0.95), 1.0 - 0.308_497_107_818_760_8, 1.0);
        check(wilson(0, 10, 0.95), 0.0, 0.277_532_799_862_889_6);
        check(wilson(5, 10, 0.95), 0.236_593_090_512_564, 0.763_406_909_487_436);
        check(wilson(0, 0, 0.95), 0.0, 1.0);
        check(clopper_pearson(0, 0, 0.95), 0.0, 1.0);
    }

    #[test]
    fn clopper_pearson_ends_are_where_the_tails_say() {
        for (k, n) in [(1_u64, 7_u64), (3, 1000), (500, 1000), (17, 1_000_000)] {
            let interval = clopper_pearson(k, n, 0.9);
            assert!((binomial_upper_tail(k, n, interval.lower) - 0.05).abs() < 1e-9);
            assert!((binomial_lower_tail(k, n, interval.upper) - 0.05).abs() < 1e-9);
            let score = wilson(k, n, 0.9);
            assert!(interval.contains(k as f64 / n as f64) && score.contains(k as f64 / n as f64));
        }
    }
}
