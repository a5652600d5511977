//! What an offer is worth to the company, in minor units.

use osusume_model::Minor;

/// How long a margin is counted, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lifetime {
    /// Months counted at most.
    pub horizon_months: u32,
    /// Probability of still holding the product a month later, in [0, 1].
    pub monthly_survival: f64,
    /// Interest a month, at least 0: money a month later is worth 1 / (1 + interest).
    pub monthly_discount: f64,
}

impl Lifetime {
    /// Expected discounted months, `Σ_{m = 0}^{horizon − 1} (survival / (1 + discount))^m`: between 0 and `horizon_months`.
    ///
    /// The first month is paid for certain once the offer is taken. Parameters outside their ranges are a broken invariant.
    pub fn expected_months(&self) -> f64 {
        assert!((0.0..=1.0).contains(&self.monthly_survival), "survival is a probability");
        assert!(self.monthly_discount >= 0.0 && self.monthly_discount.is_finite(), "interest is not negative");
        let kept = self.monthly_survival / (1.0 + self.monthly_discount);
        let (mut months, mut weight) = (0.0, 1.0);
        for _ in 0..self.horizon_months {
            months += weight;
            weight *= kept;
        }
        months
    }
}

/// `round(propensity · margin · months) − contact_cost`, the expected value of one offer in minor units.
///
/// `margin` is what a month adds: for an upgrade the new margin less the one it replaces, which may be negative. Rounding is half to
/// even, so that sums of many values carry no bias; results beyond an `i64` stay at its ends. `None` when the propensity is NaN or
/// outside [0, 1], or `months` is not a finite number of at least 0: no value comes out of what is not known.
pub fn expected_value(propensity: f64, margin: Minor, months: f64, contact_cost: Minor) -> Option<Minor> {
    if !(0.0..=1.0).contains(&propensity) || !(0.0..f64::INFINITY).contains(&months) {
        return None;
    }
    // From the left each factor is finite: the product may overflow to an infinity, where `as` saturates, but 0 · ∞ cannot arise.
    let gain = (propensity * margin.0 as f64 * months).round_ties_even() as i64;
    Some(Minor(gain) - contact_cost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(propensity: f64, margin: i64, months: f64, cost: i64, expected: Option<i64>) {
        assert_eq!(expected_value(propensity, Minor(margin), months, Minor(cost)), expected.map(Minor));
    }

    #[test]
    fn halves_go_to_even_and_cost_is_taken_after() {
        check(0.5, 5, 1.0, 0, Some(2));
        check(0.5, 7, 1.0, 0, Some(4));
        check(0.5, -5, 1.0, 0, Some(-2));
        check(0.5, 5, 1.0, 1, Some(1));
        check(0.25, 1000, 12.0, 300, Some(2700));
    }

    #[test]
    fn nothing_unknown_comes_out() {
        check(f64::NAN, 5, 1.0, 0, None);
        check(1.1, 5, 1.0, 0, None);
        check(-0.1, 5, 1.0, 0, None);
        check(0.5, 5, f64::NAN, 0, None);
        check(0.5, 5, f64::INFINITY, 0, None);
        check(0.0, i64::MAX, f64::MAX, 0, Some(0));
        check(1.0, i64::MAX, f64::MAX, 0, Some(i64::MAX));
        check(1.0, i64::MIN, 1e9, i64::MAX, Some(i64::MIN));
    }

    #[test]
    fn months_by_hand() {
        let months = |horizon_months, monthly_survival, monthly_discount| {
            Lifetime { horizon_months, monthly_survival, monthly_discount }.expected_months()
        };
        assert!((months(24, 1.0, 0.0) - 24.0).abs() < 1e-12);
        assert!((months(24, 0.0, 0.0) - 1.0).abs() < 1e-12);
        assert!(months(0, 0.9, 0.0).abs() < 1e-12);
        assert!((months(3, 0.9, 0.0) - 2.71).abs() < 1e-12);
        assert!((months(2, 0.9, 0.25) - 1.72).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn grows_with_propensity_for_a_positive_margin(p in 0.0..1.0_f64, q in 0.0..1.0_f64, margin in 0..1_000_000_i64, months in 0.0..60.0_f64) {
            let value = |p| expected_value(p, Minor(margin), months, Minor(10)).unwrap();
            prop_assert!(value(p.min(q)) <= value(p.max(q)));
            prop_assert!(value(0.0) == Minor(-10));
        }
    }
}
