//! How a group's rate compares with everybody's, the group included.

use osusume_numeric::distributions::{two_sided_z, wilson};
use osusume_numeric::elementary::{exp, ln};

/// A group's rate over that of everybody, with its interval: `[ratio, lower, upper]`; `None` where nobody succeeded or the group is empty.
///
/// `group` and `everybody` are successes and trials, the group's among everybody's. With w the group's share of the trials, p its rate, r that
/// of the others and q = w p + (1 − w) r, the variance of ln(p / q) is (1/p − w/q)² p(1 − p)/n + ((1 − w)/q)² r(1 − r)/(N − n), by the
/// delta method. Where the group has no success the interval runs from 0 to Wilson's upper end of p over q. `confidence` lies in (0, 1).
pub fn ratio_to_everybody(group: [u64; 2], everybody: [u64; 2], confidence: f64) -> Option<[f64; 3]> {
    let ([k, n], [all_k, all_n]) = (group, everybody);
    assert!(k <= n && all_k <= all_n && k <= all_k && n <= all_n, "a group is a part of everybody");
    if n == 0 || all_k == 0 {
        return None;
    }
    let q = all_k as f64 / all_n as f64;
    if k == 0 {
        return Some([0.0, 0.0, wilson(k, n, confidence).upper / q]);
    }
    let p = k as f64 / n as f64;
    let others = (all_n - n) as f64;
    let w = n as f64 / all_n as f64;
    let r = if others > 0.0 { (all_k - k) as f64 / others } else { 0.0 };
    let own = (1.0 / p - w / q).powi(2) * p * (1.0 - p) / n as f64;
    let rest = if others > 0.0 { ((1.0 - w) / q).powi(2) * r * (1.0 - r) / others } else { 0.0 };
    let half = two_sided_z(confidence) * (own + rest).sqrt();
    let log = ln(p / q);
    Some([p / q, exp(log - half), exp(log + half)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_like_everybody() {
        assert_eq!(ratio_to_everybody([30, 100], [30, 100], 0.95), Some([1.0, 1.0, 1.0]));
        assert_eq!(ratio_to_everybody([0, 0], [30, 100], 0.95), None);
        assert_eq!(ratio_to_everybody([0, 10], [0, 100], 0.95), None);
    }

    #[test]
    fn a_group_without_success_has_an_upper_end() {
        let [ratio, lower, upper] = ratio_to_everybody([0, 20], [50, 100], 0.95).unwrap();
        assert_eq!((ratio, lower), (0.0, 0.0));
        assert!(upper > 0.3 && upper < 0.35, "{upper}");
    }

    /// A small group against very many others: the interval is nearly that of the group's own rate over a constant.
    #[test]
    fn a_small_group_has_the_interval_of_its_own_rate() {
        let [ratio, lower, upper] = ratio_to_everybody([20, 100], [100_020, 1_000_100], 0.95).unwrap();
        assert!((ratio - 2.0).abs() < 0.001, "{ratio}");
        let half = 1.959_964 * (0.8_f64 / 20.0).sqrt();
        assert!((lower - ratio * (-half).exp()).abs() < 0.002 && (upper - ratio * half.exp()).abs() < 0.002);
    }

    /// Draws where the group's rate is everybody's: the interval holds 1 about as often as it says.
    #[test]
    fn the_interval_covers_what_it_says() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut unit = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut covered = 0;
        for _ in 0..2000 {
            let mut draw = |n: u64| (0..n).filter(|_| unit() < 0.3).count() as u64;
            let (k, others) = (draw(60), draw(200));
            let [_, lower, upper] = ratio_to_everybody([k, 60], [k + others, 260], 0.95).unwrap();
            covered += u32::from(lower <= 1.0 && 1.0 <= upper);
        }
        // Three standard errors of 2000 draws are 0.0146.
        assert!((1870..=1940).contains(&covered), "{covered}");
    }
}
