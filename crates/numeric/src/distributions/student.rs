//! Quantiles of Student's t distribution.

use super::beta_quantile;

/// The t with P(|T| ≤ t) = `confidence` for `degrees` > 0 degrees of freedom, which need not be whole; relative error below 1e-9.
///
/// ν / (ν + T²) is beta distributed with shapes ν/2 and ½. `confidence` lies in (0, 1); anything else gives NaN.
pub fn two_sided_t(confidence: f64, degrees: f64) -> f64 {
    if !(confidence > 0.0 && confidence < 1.0) {
        return f64::NAN;
    }
    // Asked for as T² / (ν + T²), which stays exact where the degrees are many and the share is near 0.
    let share = beta_quantile(confidence, 0.5, 0.5 * degrees);
    (degrees * share / (1.0 - share)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distributions::two_sided_z;

    /// Closed forms: tan(π/2 · c) with one degree, c √(2 / (1 − c²)) with two; table values for five and thirty.
    #[test]
    fn known_quantiles() {
        let check = |degrees: f64, expected: f64| {
            let got = two_sided_t(0.95, degrees);
            assert!((got / expected - 1.0).abs() < 1e-7, "{degrees}: {got} is not {expected}");
        };
        check(1.0, (0.475 * std::f64::consts::PI).tan());
        check(2.0, 0.95 * (2.0 / (1.0 - 0.95 * 0.95_f64)).sqrt());
        check(5.0, 2.570_581_836);
        check(30.0, 2.042_272_456);
        check(1e7, two_sided_z(0.95) * (1.0 + (1.959_963_985_f64.powi(2) + 1.0) / 4e7));
        assert!(two_sided_t(1.0, 5.0).is_nan() && two_sided_t(0.95, 0.0).is_nan());
    }
}
