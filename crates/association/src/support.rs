//! How often a set must occur: as a count or as a share of the transactions.

use crate::Error;

/// The least support of a frequent itemset, in the unit the caller thinks in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MinSupport {
    /// This many transactions, at least 1.
    Count(u64),
    /// This share of all transactions, in (0, 1].
    Fraction(f64),
}

impl MinSupport {
    /// The count that stands for it among `n` transactions: ⌈f n⌉, at least 1.
    ///
    /// The product is lowered by four units in the last place first, so that 0.07 of 100 is 7 although 0.07 × 100 rounds to
    /// 7.000000000000001.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a count of 0 and for a fraction outside (0, 1] or NaN.
    pub fn to_count(self, n: u64) -> Result<u64, Error> {
        match self {
            Self::Count(0) => Err(Error::Parameter { name: "min_count", allowed: "at least 1", got: 0.0 }),
            Self::Count(count) => Ok(count),
            Self::Fraction(f) if f > 0.0 && f <= 1.0 => {
                Ok(((f * n as f64 * (1.0 - 4.0 * f64::EPSILON)).ceil() as u64).max(1))
            }
            Self::Fraction(f) => Err(Error::Parameter { name: "min_support", allowed: "in (0, 1]", got: f }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_fractions_meet_exact_counts() {
        for n in 1..=1000_u64 {
            for percent in 1..=100_u64 {
                let expected = (percent * n).div_ceil(100).max(1);
                let got = MinSupport::Fraction(percent as f64 / 100.0).to_count(n).unwrap();
                assert_eq!(got, expected, "{percent} % of {n}");
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in
            [MinSupport::Count(0), MinSupport::Fraction(0.0), MinSupport::Fraction(1.1), MinSupport::Fraction(f64::NAN)]
        {
            assert!(bad.to_count(10).is_err(), "{bad:?}");
        }
        assert_eq!(MinSupport::Fraction(1e-9).to_count(10), Ok(1));
    }
}
