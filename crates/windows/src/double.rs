//! Sums kept as an unevaluated pair of doubles, so that a difference of two running sums keeps its digits.
//!
//! A window's sum is the difference of two running sums; in plain doubles one large old value would blur every later window.
//! The pair carries about 106 bits (Dekker, 1971; Hida, Li and Bailey, 2001), and integers below 2^100 exactly.
//! No fused multiply-add: the same bits on every processor.

/// `hi + lo`, with `lo` below half a unit in the last place of `hi`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Double {
    hi: f64,
    lo: f64,
}

/// Splits a double into two halves of 26 bits: 2^27 + 1.
const SPLITTER: f64 = 134_217_729.0;

impl Double {
    #[inline]
    pub(crate) fn from_f64(x: f64) -> Self {
        Self { hi: x, lo: 0.0 }
    }

    /// The exact product of two doubles (Dekker's product; magnitudes below 1e150 so that no half overflows).
    #[inline]
    pub(crate) fn product(a: f64, b: f64) -> Self {
        let (a_hi, a_lo) = split(a);
        let (b_hi, b_lo) = split(b);
        let hi = a * b;
        let lo = ((a_hi * b_hi - hi) + a_hi * b_lo + a_lo * b_hi) + a_lo * b_lo;
        Self { hi, lo }
    }

    #[inline]
    pub(crate) fn add(self, other: Self) -> Self {
        let (high, high_error) = two_sum(self.hi, other.hi);
        let (low, low_error) = two_sum(self.lo, other.lo);
        let (high, rest) = quick_two_sum(high, high_error + low);
        let (hi, lo) = quick_two_sum(high, rest + low_error);
        Self { hi, lo }
    }

    #[inline]
    pub(crate) fn sub(self, other: Self) -> Self {
        self.add(Self { hi: -other.hi, lo: -other.lo })
    }

    #[inline]
    pub(crate) fn mul(self, other: Self) -> Self {
        let product = Self::product(self.hi, other.hi);
        let (hi, lo) = quick_two_sum(product.hi, product.lo + (self.hi * other.lo + self.lo * other.hi));
        Self { hi, lo }
    }

    #[inline]
    pub(crate) fn to_f64(self) -> f64 {
        self.hi + self.lo
    }
}

#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// Two-sum for |a| >= |b|.
#[inline]
fn quick_two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

#[inline]
fn split(a: f64) -> (f64, f64) {
    let scaled = SPLITTER * a;
    let hi = scaled - (scaled - a);
    (hi, a - hi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_value_survives_a_large_one() {
        let large = Double::from_f64(1e16);
        let both = large.add(Double::from_f64(1.0)).add(Double::from_f64(0.25));
        assert_eq!(both.sub(large), Double::from_f64(1.25));
    }

    #[test]
    fn products_of_integers_are_exact() {
        let (a, b) = ((1_i64 << 52) + 12_345, (1_i64 << 51) + 678_901);
        let product = Double::product(a as f64, b as f64);
        let exact = i128::from(a) * i128::from(b);
        assert_eq!(product.hi as i128 + product.lo as i128, exact);
        let square = Double::from_f64(3.0).mul(Double { hi: 1e16, lo: 1.0 });
        assert_eq!(square.hi as i128 + square.lo as i128, 30_000_000_000_000_003);
    }
}
