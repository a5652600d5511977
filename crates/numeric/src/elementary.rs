//! Exponential, logarithm, sigmoid and log-loss with the same bits everywhere.
//!
//! The platform's `exp` and `ln` differ between C libraries in the last bit, and an iterative solver carries that bit into every
//! coefficient it writes. These versions use additions, multiplications, divisions and integer shifts only, have no branch, and so
//! are the same on every processor and vectorize. Their errors stay below 2 units in the last place.

#![expect(
    clippy::inline_always,
    reason = "these run inside dispatched bodies and must be compiled with their features"
)]

use crate::dispatch;

/// 1.5 · 2^52: adding and subtracting it rounds to an integer, whose two's complement is then in the low mantissa bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// The upper 32 mantissa bits of ln 2: k · `LN2_HI` is exact for |k| < 2^20.
const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
/// ln 2 − `LN2_HI`.
const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
/// Bits of √½, the lower end of the mantissa range of `ln`.
const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
const ONE_BITS: u64 = 0x3ff0_0000_0000_0000;
const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;
const TWO_52: f64 = 4_503_599_627_370_496.0;
const TWO_54: f64 = 18_014_398_509_481_984.0;

/// e^x.
///
/// x = k ln 2 + r with |r| ≤ ln 2 / 2, then e^r by its Taylor polynomial of degree 13 (remainder below 2^-57), then times 2^k in two
/// factors so that subnormal results are rounded once. Overflow gives infinity from 709.79 on, underflow 0 below -745.14; NaN stays.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let x = x.clamp(-746.0, 710.0);
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN2_HI) - k * LN2_LO;
    // Even and odd halves of Σ r^i / (i+2)! run side by side.
    let s = r * r;
    let even = 0.5
        + s * (1.0 / 24.0
            + s * (1.0 / 720.0 + s * (1.0 / 40_320.0 + s * (1.0 / 3_628_800.0 + s * (1.0 / 479_001_600.0)))));
    let odd = 1.0 / 6.0
        + s * (1.0 / 120.0
            + s * (1.0 / 5_040.0 + s * (1.0 / 362_880.0 + s * (1.0 / 39_916_800.0 + s * (1.0 / 6_227_020_800.0)))));
    let y = 1.0 + (r + s * (even + r * odd));
    let k = shifted.to_bits().wrapping_sub(ROUND.to_bits());
    // Logical shift of a positive number: AVX2 has no arithmetic shift of 64-bit lanes.
    let half = (k.wrapping_add(2048) >> 1).wrapping_sub(1024);
    let rest = k.wrapping_sub(half);
    y * power_of_two(half) * power_of_two(rest)
}

/// 2^k for a two's complement k in the normal range.
#[inline(always)]
fn power_of_two(k: u64) -> f64 {
    f64::from_bits(k.wrapping_add(1023) << 52)
}

/// Natural logarithm. 0 gives -infinity, a negative number NaN.
///
/// x = 2^k m with m in [√½, √2); with f = m − 1 and s = f / (2 + f), ln m = 2 artanh s = f − f²/2 + s (f²/2 + R(s²)) where R is the
/// artanh series up to s^20 (remainder below 2^-60). The form keeps the leading terms exact.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let is_subnormal = x < f64::MIN_POSITIVE;
    let scaled = if is_subnormal { x * TWO_54 } else { x };
    let bits = scaled.to_bits().wrapping_add(ONE_BITS - SQRT_HALF_BITS);
    // The exponent becomes a double without an integer conversion, which AVX2 lacks for 64 bits.
    let exponent = f64::from_bits((bits >> 52) | TWO_52.to_bits()) - (TWO_52 + 1023.0);
    let k = if is_subnormal { exponent - 54.0 } else { exponent };
    let m = f64::from_bits((bits & MANTISSA).wrapping_add(SQRT_HALF_BITS));
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let series = z
        * (2.0 / 3.0
            + z * (2.0 / 5.0
                + z * (2.0 / 7.0
                    + z * (2.0 / 9.0
                        + z * (2.0 / 11.0
                            + z * (2.0 / 13.0
                                + z * (2.0 / 15.0 + z * (2.0 / 17.0 + z * (2.0 / 19.0 + z * (2.0 / 21.0))))))))));
    let half_square = 0.5 * f * f;
    let value = k * LN2_HI - ((half_square - (s * (half_square + series) + k * LN2_LO)) - f);
    ln_edges(x, value)
}

/// `value`, except where the formula of `ln` does not hold.
#[inline(always)]
fn ln_edges(x: f64, value: f64) -> f64 {
    let value = if x == f64::INFINITY { f64::INFINITY } else { value };
    let value = if x == 0.0 { f64::NEG_INFINITY } else { value };
    let is_number = x >= 0.0;
    if is_number { value } else { f64::NAN }
}

/// ln(1 + x), exact also where 1 + x rounds to 1.
///
/// ln u + (x − (u − 1)) / u with u = 1 + x rounded: the second term returns what the rounding lost.
#[inline(always)]
pub fn ln_1p(x: f64) -> f64 {
    let u = 1.0 + x;
    let lost = if x < 1.0 { x - (u - 1.0) } else { 1.0 - (u - x) };
    let value = ln(u) + lost / u;
    let is_ordinary = u > 0.0 && u < f64::INFINITY;
    let value = if is_ordinary { value } else { ln(u) };
    // Below 2^-54 the result is x itself, with its sign.
    if x.abs() < 1.0 / TWO_54 { x } else { value }
}

/// 1 / (1 + e^-x), without overflow for either sign.
#[inline(always)]
pub fn sigmoid(x: f64) -> f64 {
    let e = exp(-x.abs());
    let numerator = if x < 0.0 { e } else { 1.0 };
    numerator / (1.0 + e)
}

/// ln(p / (1 − p)). 0 gives -infinity, 1 infinity, anything outside [0, 1] NaN.
#[inline(always)]
pub fn logit(p: f64) -> f64 {
    let odds = p / (1.0 - p);
    // Near one half the logarithm's argument is near 1; 2p − 1 is exact there and keeps every digit.
    let is_central = (p - 0.5).abs() < 0.25;
    if is_central { ln_1p((2.0 * p - 1.0) / (1.0 - p)) } else { ln(odds) }
}

/// Log-loss of one row with label `y` in [0, 1] and linear predictor `eta`: ln(1 + e^eta) − y·eta, without overflow.
#[inline(always)]
pub fn log_loss_row(eta: f64, y: f64) -> f64 {
    let positive = if eta > 0.0 { eta } else { 0.0 };
    // For a label of 1 and a large eta the difference is exact because both are the same number.
    positive - y * eta + ln_1p(exp(-eta.abs()))
}

/// What the log-loss of a row and its derivatives are made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tails {
    /// 1 / (1 + e^|η|), the smaller of μ and 1 − μ; at least 1e-308.
    pub small: f64,
    /// The larger.
    pub large: f64,
    /// ln(1 + e^-|η|), the log-loss of the likelier label.
    pub loss: f64,
}

/// Both tails and the loss at η from one exponential and one division, to a few units in the last place.
///
/// The exponential is that of [`exp`] without its edges. With s = e / (2 + e) ≤ 1/3, ln(1 + e) = 2 artanh s = 2 Σ s^(2k+1) / (2k + 1) up
/// to s^29, remainder below 2^-56 of it. 1 / (1 + e) and s share the division by (1 + e)(2 + e).
#[inline(always)]
pub fn tails(eta: f64) -> Tails {
    let x = (-eta.abs()).clamp(-708.0, 0.0);
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUND);
    let k = shifted - ROUND;
    let r = k.mul_add(-LN2_LO, k.mul_add(-LN2_HI, x));
    let t = r * r;
    let even = series(t, [1.0 / 479_001_600.0, 1.0 / 3_628_800.0, 1.0 / 40_320.0, 1.0 / 720.0, 1.0 / 24.0, 0.5]);
    let odd =
        series(t, [1.0 / 6_227_020_800.0, 1.0 / 39_916_800.0, 1.0 / 362_880.0, 1.0 / 5_040.0, 1.0 / 120.0, 1.0 / 6.0]);
    let y = 1.0 + t.mul_add(r.mul_add(odd, even), r);
    let e = y * power_of_two(shifted.to_bits().wrapping_sub(ROUND.to_bits()));
    let (one, two) = (1.0 + e, 2.0 + e);
    let inverse = 1.0 / (one * two);
    let large = two * inverse;
    let s = e * (one * inverse);
    let z = s * s;
    // Two halves of the series side by side.
    let w = z * z;
    let even = series(w, [2.0 / 29.0, 2.0 / 25.0, 2.0 / 21.0, 2.0 / 17.0, 2.0 / 13.0, 2.0 / 9.0, 2.0 / 5.0, 2.0]);
    let odd = series(w, [2.0 / 27.0, 2.0 / 23.0, 2.0 / 19.0, 2.0 / 15.0, 2.0 / 11.0, 2.0 / 7.0, 2.0 / 3.0]);
    Tails { small: e * large, large, loss: s * z.mul_add(odd, even) }
}

/// Σ c x^i by Horner's rule, fused, the highest power first.
#[inline(always)]
fn series<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut sum = coefficients[0];
    for c in &coefficients[1..] {
        sum = sum.mul_add(x, *c);
    }
    sum
}

dispatch! {
    /// `out[i]` = e^`x[i]`. Panics when the lengths differ.
    pub fn exp_slice(x: &[f64], out: &mut [f64]) {
        assert_eq!(x.len(), out.len(), "one result a value");
        for (o, v) in out.iter_mut().zip(x) {
            *o = exp(*v);
        }
    }

    /// `out[i]` = ln `x[i]`. Panics when the lengths differ.
    pub fn ln_slice(x: &[f64], out: &mut [f64]) {
        assert_eq!(x.len(), out.len(), "one result a value");
        for (o, v) in out.iter_mut().zip(x) {
            *o = ln(*v);
        }
    }

    /// `out[i]` = ln(1 + `x[i]`). Panics when the lengths differ.
    pub fn ln_1p_slice(x: &[f64], out: &mut [f64]) {
        assert_eq!(x.len(), out.len(), "one result a value");
        for (o, v) in out.iter_mut().zip(x) {
            *o = ln_1p(*v);
        }
    }

    /// `out[i]` = sigmoid(`x[i]`). Panics when the lengths differ.
    pub fn sigmoid_slice(x: &[f64], out: &mut [f64]) {
        assert_eq!(x.len(), out.len(), "one result a value");
        for (o, v) in out.iter_mut().zip(x) {
            *o = sigmoid(*v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::with_baseline;
    use proptest::prelude::*;

    /// Distance in representable numbers.
    fn ulps(a: f64, b: f64) -> u64 {
        if a.is_nan() && b.is_nan() {
            return 0;
        }
        let order = |v: f64| {
            let bits = v.to_bits() as i64;
            if bits < 0 { i64::MIN - bits } else { bits }
        };
        order(a).abs_diff(order(b))
    }

    #[track_caller]
    fn check(ours: f64, std: f64, limit: u64, x: f64) {
        let distance = ulps(ours, std);
        assert!(distance <= limit, "{distance} ulp at {x:e}: {ours:e} against {std:e}");
    }

    #[test]
    fn exp_edges() {
        for x in
            [0.0, -0.0, 1.0, -1.0, 709.782_712_893_384, 709.8, -708.4, -744.44, -745.13, -745.2, 1e300, -1e300, 1e-300]
        {
            check(exp(x), x.exp(), 1, x);
        }
        assert_eq!(exp(0.0).to_bits(), 1.0_f64.to_bits());
        assert!(exp(f64::INFINITY).is_infinite());
        assert_eq!(exp(f64::NEG_INFINITY).to_bits(), 0);
        assert!(exp(f64::NAN).is_nan());
        assert!(exp(-745.0) > 0.0);
        assert!(exp(709.0).is_finite());
    }

    #[test]
    fn ln_edges_hold() {
        for x in [
            1.0,
            0.5,
            2.0,
            f64::MIN_POSITIVE,
            5e-324,
            f64::MAX,
            0.0,
            -0.0,
            f64::INFINITY,
            1.0 + f64::EPSILON,
            std::f64::consts::FRAC_1_SQRT_2,
        ] {
            check(ln(x), x.ln(), 2, x);
        }
        assert!(ln(-1.0).is_nan() && ln(f64::NAN).is_nan() && ln(f64::NEG_INFINITY).is_nan());
    }

    #[test]
    fn ln_1p_edges_hold() {
        for x in [0.0, -0.0, -1.0, 1e-20, -1e-20, 1e-9, -0.999_999, f64::INFINITY, f64::MAX, 5e-324] {
            check(ln_1p(x), x.ln_1p(), 2, x);
        }
        assert!(ln_1p(-1.5).is_nan() && ln_1p(f64::NAN).is_nan());
        assert!(ln_1p(-0.0).is_sign_negative());
    }

    #[test]
    fn sigmoid_and_logit_edges() {
        assert_eq!(sigmoid(0.0).to_bits(), 0.5_f64.to_bits());
        assert_eq!(sigmoid(800.0).to_bits(), 1.0_f64.to_bits());
        assert_eq!(sigmoid(-800.0).to_bits(), 0);
        assert!(sigmoid(-740.0) > 0.0);
        assert!(sigmoid(f64::NAN).is_nan());
        assert!(logit(0.0) == f64::NEG_INFINITY && logit(1.0) == f64::INFINITY);
        assert!(logit(-0.1).is_nan() && logit(1.1).is_nan());
        assert_eq!(logit(0.5).to_bits(), 0);
    }

    #[test]
    fn tails_keep_their_edges() {
        assert_eq!(tails(0.0), Tails { small: 0.5, large: 0.5, loss: tails(0.0).loss });
        for eta in [708.0, -708.0, 1e300, f64::INFINITY, f64::NEG_INFINITY] {
            let Tails { small, large, loss } = tails(eta);
            assert!(small > 0.0 && small < 1e-307 && large >= 1.0 - 1e-15 && loss > 0.0 && loss < 1e-307, "{eta}");
        }
        assert!(tails(f64::NAN).loss.is_nan() && tails(f64::NAN).small.is_nan());
    }

    #[test]
    fn log_loss_does_not_overflow() {
        assert!((log_loss_row(1e6, 0.0) - 1e6).abs() < 1e-9);
        assert!(log_loss_row(1e6, 1.0).abs() < 1e-12);
        assert!((log_loss_row(-1e6, 1.0) - 1e6).abs() < 1e-9);
        assert!((log_loss_row(0.0, 1.0) - std::f64::consts::LN_2).abs() < 1e-15);
        assert!(log_loss_row(f64::NAN, 1.0).is_nan());
    }

    #[test]
    fn slices_agree_in_bits_on_both_bodies() {
        let x: Vec<f64> = (0..4_001).map(|i| (f64::from(i) - 2000.0) * 0.377).collect();
        let run = || {
            let mut out = vec![0.0; 4 * x.len()];
            let (a, rest) = out.split_at_mut(x.len());
            let (b, rest) = rest.split_at_mut(x.len());
            let (c, d) = rest.split_at_mut(x.len());
            exp_slice(&x, a);
            ln_slice(a, b);
            ln_1p_slice(a, c);
            sigmoid_slice(&x, d);
            out.iter().map(|v| v.to_bits()).collect::<Vec<u64>>()
        };
        let fast = run();
        assert_eq!(fast, with_baseline(run));
        assert_eq!(fast[7], exp(x[7]).to_bits());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn exp_is_close(x in -745.5_f64..710.0) { check(exp(x), x.exp(), 2, x); }

        #[test]
        fn exp_is_close_near_zero(x in -1.5_f64..1.5) { check(exp(x), x.exp(), 2, x); }

        #[test]
        fn ln_is_close(bits in 1_u64..f64::INFINITY.to_bits()) { let x = f64::from_bits(bits); check(ln(x), x.ln(), 2, x); }

        #[test]
        fn ln_is_close_near_one(x in 0.5_f64..2.0) { check(ln(x), x.ln(), 2, x); }

        #[test]
        fn ln_1p_is_close(x in -1.0_f64..1.0) { check(ln_1p(x), x.ln_1p(), 2, x); }

        #[test]
        fn ln_1p_is_close_far(e in -320.0_f64..300.0) { let x = 10.0_f64.powf(e); check(ln_1p(x), x.ln_1p(), 2, x); }

        #[test]
        fn sigmoid_is_close(x in -740.0_f64..740.0) {
            let e = (-x.abs()).exp();
            check(sigmoid(x), if x < 0.0 { e } else { 1.0 } / (1.0 + e), 2, x);
        }

        #[test]
        fn tails_are_close(eta in -700.0_f64..700.0) {
            let e = (-eta.abs()).exp();
            let Tails { small, large, loss } = tails(eta);
            check(small, e / (1.0 + e), 6, eta);
            check(large, 1.0 / (1.0 + e), 4, eta);
            check(loss, e.ln_1p(), 6, eta);
        }

        #[test]
        fn tails_are_close_near_zero(eta in -4.0_f64..4.0) {
            let e = (-eta.abs()).exp();
            check(tails(eta).loss, e.ln_1p(), 6, eta);
        }

        #[test]
        fn logit_undoes_sigmoid(x in -15.0_f64..15.0) {
            // The sigmoid's rounding is magnified by 1 / (1 − p).
            prop_assert!((logit(sigmoid(x)) - x).abs() <= 1e-15 * (2.0 + x.exp() + x.abs()));
        }

        #[test]
        fn log_loss_matches_its_formula(eta in -30.0_f64..30.0, y in 0.0_f64..1.0) {
            let expected = (1.0 + eta.exp()).ln() - y * eta;
            prop_assert!((log_loss_row(eta, y) - expected).abs() <= 1e-13);
        }
    }
}
