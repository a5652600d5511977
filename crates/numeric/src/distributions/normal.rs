//! The standard normal distribution.

use super::gamma::gamma_tails;
use crate::elementary::ln;

/// Φ(x) = P(Z ≤ x); relative error below 1e-12 wherever Φ(x) is a normal number (x ≥ −37.5). NaN for NaN.
pub fn normal_cdf(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    // P(|Z| > |x|) is the chi-squared tail with one degree at x².
    let square = x * x;
    if square <= 0.0 {
        return 0.5;
    }
    let (inside, outside) = gamma_tails(0.5, 0.5 * square);
    if x < 0.0 { 0.5 * outside } else { 0.5 + 0.5 * inside }
}

/// The z with P(|Z| ≤ z) = `confidence`, for example 1.96 for 0.95.
///
/// `confidence` lies in (0, 1); anything else gives NaN.
pub fn two_sided_z(confidence: f64) -> f64 {
    if confidence > 0.0 && confidence < 1.0 { -normal_quantile(0.5 * (1.0 - confidence)) } else { f64::NAN }
}

/// The quantile Φ⁻¹(p); relative error about 1e-15. −∞ at 0, ∞ at 1, NaN outside [0, 1].
///
/// Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution", 1988, routine PPND16.
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&CENTRE, 0.180_625 - q * q);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return f64::INFINITY.copysign(q);
    }
    let r = (-ln(tail)).sqrt();
    let magnitude = if r <= 5.0 { ratio(&MIDDLE, r - 1.6) } else { ratio(&FAR, r - 5.0) };
    magnitude.copysign(q)
}

/// Numerator and denominator of a rational approximation, lowest power first.
type Rational = ([f64; 8], [f64; 8]);

fn ratio((numerator, denominator): &Rational, r: f64) -> f64 {
    let horner = |terms: &[f64; 8]| terms.iter().rev().fold(0.0, |sum, term| sum * r + term);
    horner(numerator) / horner(denominator)
}

const CENTRE: Rational = (
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
);
const MIDDLE: Rational = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);
const FAR: Rational = (
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_887_9,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64, relative: f64) {
        assert!((got - expected).abs() <= relative * expected.abs(), "{got:e} is not {expected:e}");
    }

    #[test]
    fn published_values() {
        close(normal_cdf(0.0), 0.5, 0.0);
        close(normal_cdf(1.0), 0.841_344_746_068_542_9, 1e-15);
        close(normal_cdf(-1.0), 0.158_655_253_931_457_05, 1e-14);
        close(normal_cdf(-6.0), 9.865_876_450_376_98e-10, 1e-13);
        close(normal_cdf(-20.0), 2.753_624_118_606_233_7e-89, 1e-12);
        close(normal_quantile(0.975), 1.959_963_984_540_054, 1e-15);
        close(normal_quantile(1e-10), -6.361_340_902_404_056, 1e-15);
        close(two_sided_z(0.99), 2.575_829_303_548_901, 1e-14);
    }

    #[test]
    fn quantile_and_cdf_are_inverse_over_the_whole_range() {
        for exponent in 1..280 {
            let p = 10.0_f64.powi(-exponent);
            close(normal_cdf(normal_quantile(p)), p, 2e-12);
        }
        for step in 1..2000 {
            let p = f64::from(step) / 2000.0;
            // A tenth of the accuracy stated for the distribution function.
            close(normal_cdf(normal_quantile(p)), p, 1e-13);
            close(normal_quantile(p) + normal_quantile(1.0 - p) + 1.0, 1.0, 1e-12);
        }
    }

    #[test]
    fn edges() {
        assert!(normal_quantile(0.0).is_infinite() && normal_quantile(0.0) < 0.0);
        assert!(normal_quantile(1.0).is_infinite() && normal_quantile(1.0) > 0.0);
        assert!(normal_quantile(1.1).is_nan() && normal_cdf(f64::NAN).is_nan() && two_sided_z(1.0).is_nan());
        close(normal_cdf(f64::INFINITY), 1.0, 0.0);
        close(normal_cdf(f64::NEG_INFINITY), 0.0, 0.0);
        close(normal_cdf(1e-200), 0.5, 0.0);
    }
}
