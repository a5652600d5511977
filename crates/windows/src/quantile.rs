//! Order statistics of a window's values.

/// The quantile at `level` in [0, 1] of the present values; NaN when there are none.
///
/// With the values sorted as v₀ … v₍ₙ₋₁₎ and h = level · (n − 1): v₍⌊h⌋₎ + (h − ⌊h⌋)(v₍⌊h⌋₊₁₎ − v₍⌊h⌋₎), which is type 7 of Hyndman and Fan (1996).
/// Expected O(n).
pub(crate) fn quantile(values: &[f64], level: f64) -> f64 {
    let mut present: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    if present.is_empty() {
        return f64::NAN;
    }
    let h = level * (present.len() - 1) as f64;
    let below = h.floor() as usize;
    let (_, &mut low, above) = present.select_nth_unstable_by(below, f64::total_cmp);
    let fraction = h - below as f64;
    if fraction == 0.0 {
        return low;
    }
    let high = above.iter().copied().fold(f64::INFINITY, f64::min);
    low + fraction * (high - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "halves and quarters are exact")]
    fn between_two_values_lies_a_straight_line() {
        let values = [4.0, f64::NAN, 1.0, 2.0, 8.0];
        let at = |level| quantile(&values, level);
        assert_eq!([at(0.0), at(0.25), at(0.5), at(1.0)], [1.0, 1.75, 3.0, 8.0]);
        assert_eq!(quantile(&[5.0], 0.9), 5.0);
        assert!(quantile(&[f64::NAN], 0.5).is_nan() && quantile(&[], 0.5).is_nan());
    }
}
