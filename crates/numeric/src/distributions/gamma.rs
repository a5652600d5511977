//! Log-gamma and the regularised incomplete gamma function.

use std::f64::consts::TAU;

use super::{LN_SQRT_TWO_PI, STIRLING_FROM, deviance, scaled_exp, stirling_error, stirling_series};
use crate::elementary::ln;

/// ln Γ(x) for x > 0; relative error below 1e-15 from 10 on, absolute error below 1e-14 before. NaN for anything else.
pub fn ln_gamma(x: f64) -> f64 {
    if x > 0.0 { ln_gamma_shifted(x) } else { f64::NAN }
}

/// ln Γ(x) by Stirling's series, for small x after shifting it up: Γ(x) = Γ(x + n) / (x (x + 1) … (x + n − 1)).
pub(super) fn ln_gamma_shifted(x: f64) -> f64 {
    let (mut shifted, mut product) = (x, 1.0);
    while shifted < STIRLING_FROM {
        product *= shifted;
        shifted += 1.0;
    }
    let stirling = (shifted - 0.5) * ln(shifted) - shifted + LN_SQRT_TWO_PI + stirling_series(shifted);
    if shifted > x { stirling - ln(product) } else { stirling }
}

/// The upper tail P(X ≥ x) of a chi-squared variable with `degrees` > 0 degrees of freedom; relative error below 1e-12 for tails
/// above 1e-280 and up to 10⁵ degrees.
///
/// 1 for x ≤ 0; NaN when an argument is NaN or `degrees` is not positive.
pub fn chi_squared_tail(x: f64, degrees: f64) -> f64 {
    if x.is_nan() || degrees.is_nan() || degrees <= 0.0 {
        return f64::NAN;
    }
    if x <= 0.0 { 1.0 } else { gamma_tails(0.5 * degrees, 0.5 * x).1 }
}

/// Both regularised incomplete gammas (P(a, x), Q(a, x)) for a, x > 0; the smaller one carries the accuracy.
pub(super) fn gamma_tails(a: f64, x: f64) -> (f64, f64) {
    if x.is_infinite() {
        return (1.0, 0.0);
    }
    let factor = scaled_exp((a / TAU).sqrt(), -stirling_error(a) - deviance(a, x));
    if x < a + 1.0 {
        let lower = (factor / a * series(a, x)).min(1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (factor * fraction(a, x)).min(1.0);
        (1.0 - upper, upper)
    }
}

/// Σ xⁿ / ((a + 1) … (a + n)); for x < a + 1 the terms fall from the start.
fn series(a: f64, x: f64) -> f64 {
    let (mut sum, mut term, mut n) = (1.0, 1.0, 1.0);
    while term > sum * 0.25 * f64::EPSILON {
        term *= x / (a + n);
        sum += term;
        n += 1.0;
    }
    sum
}

/// Q's continued fraction by the modified Lentz method (Thompson and Barnett, 1986); converges in O(√a) steps for x ≥ a + 1.
fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / b);
    let (mut value, mut n) = (d, 1.0);
    // A million steps are beyond any argument this is stated for; the bound only says that it ends.
    while n < 1e6 {
        let numerator = n * (a - n);
        b += 2.0;
        d = away_from_zero(numerator * d + b, TINY);
        c = away_from_zero(b + numerator / c, TINY);
        d = 1.0 / d;
        let factor = c * d;
        value *= factor;
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
        n += 1.0;
    }
    value
}

fn away_from_zero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64, relative: f64) {
        assert!((got - expected).abs() <= relative * expected.abs(), "{got} is not {expected}");
    }

    #[test]
    fn log_gamma_of_integers_is_the_log_factorial() {
        let mut log_factorial = 0.0_f64;
        for n in 1..200_i32 {
            assert!((ln_gamma(f64::from(n)) - log_factorial).abs() <= 1e-14 + 1e-14 * log_factorial);
            log_factorial += f64::from(n).ln();
        }
        close(ln_gamma(0.5), 0.572_364_942_924_700_1, 1e-14);
        close(ln_gamma(1e6), 12_815_504.569_147_612, 1e-15);
        close(ln_gamma(1e-10), 23.025_850_929_882_736, 1e-14);
        assert!(ln_gamma(0.0).is_nan() && ln_gamma(-1.5).is_nan());
    }

    /// With 2k degrees the tail is the Poisson sum e^(−x/2) Σ_{i<k} (x/2)^i / i!.
    #[test]
    fn even_degrees_are_poisson_sums() {
        for k in [1_i32, 2, 5, 20] {
            for x in [0.01, 0.5, 3.0, 11.0, 60.0, 300.0] {
                let half: f64 = x / 2.0;
                let (mut sum, mut term) = (0.0, 1.0);
                for i in 0..k {
                    sum += term;
                    term *= half / f64::from(i + 1);
                }
                close(chi_squared_tail(x, f64::from(2 * k)), (-half).exp() * sum, 1e-12);
            }
        }
    }

    #[test]
    fn known_quantiles_of_one_degree_and_the_edges() {
        close(chi_squared_tail(3.841_458_820_694_124, 1.0), 0.05, 1e-13);
        close(chi_squared_tail(124.342_113_404_004_07, 100.0), 0.05, 1e-12);
        close(chi_squared_tail(0.0, 3.0), 1.0, 0.0);
        close(chi_squared_tail(f64::INFINITY, 3.0), 0.0, 0.0);
        assert!(chi_squared_tail(1.0, 0.0).is_nan() && chi_squared_tail(f64::NAN, 1.0).is_nan());
    }
}
