//! The holdout: who is left alone so that the effect of the offers can be measured, and how small an effect that shows.

use osusume_model::{keyed_hash, unit_interval};
use osusume_numeric::distributions::{normal_quantile, two_sided_z};

/// A share of the units set apart by a salted hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Holdout {
    /// Names the experiment; another salt draws independently.
    pub salt: String,
    /// Share held out, in [0, 1].
    pub fraction: f64,
}

impl Holdout {
    /// Whether the unit (customer, or household where one is given) is held out: `unit_interval(keyed_hash(salt, id)) < fraction`.
    ///
    /// The arm never changes while salt and fraction stay, and a larger fraction only adds units.
    pub fn contains(&self, id: &[u8]) -> bool {
        unit_interval(keyed_hash(&self.salt, id)) < self.fraction
    }
}

/// A comparison of two rates, the offered and the held out, by a two-sided test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Design {
    /// Units in both arms together.
    pub n_units: u64,
    /// Rate without the offers, in (0, 1).
    pub base_rate: f64,
    /// Probability with which a true effect shall be seen, for example 0.8.
    pub power: f64,
    /// Confidence of the interval that shall exclude 0, for example 0.95.
    pub confidence: f64,
}

impl Design {
    /// The smallest increase of the rate that a holdout of `fraction` shows with the design's power; ∞ when an arm is empty.
    ///
    /// Solves `d² = (z_confidence + z_power)² [b (1 − b) / n_held + (b + d)(1 − b − d) / n_offered]` for d, the normal approximation
    /// with both arms' own variances. From about 30 expected positives in the holdout the power holds to 3 points; below, it promises
    /// too much.
    pub fn detectable_effect(&self, fraction: f64) -> f64 {
        let (held, offered) = (fraction * self.n_units as f64, (1.0 - fraction) * self.n_units as f64);
        if held <= 0.0 || offered <= 0.0 {
            return f64::INFINITY;
        }
        let (b, z) = (self.base_rate, two_sided_z(self.confidence) + normal_quantile(self.power));
        let zz = z * z;
        // (1 + z²/n) d² − z² (1 − 2b)/n d − z² b (1 − b) (1/n + 1/n_held) = 0, n = n_offered.
        let quadratic = 1.0 + zz / offered;
        let linear = zz * (1.0 - 2.0 * b) / offered;
        let constant = zz * b * (1.0 - b) * (1.0 / offered + 1.0 / held);
        (linear + (linear * linear + 4.0 * quadratic * constant).sqrt()) / (2.0 * quadratic)
    }

    /// The smallest fraction that shows `effect`, to 1/1,000; `None` when even an even split does not.
    pub fn fraction_for(&self, effect: f64) -> Option<f64> {
        (1..=500).map(|thousandths| f64::from(thousandths) / 1000.0).find(|&f| self.detectable_effect(f) <= effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use osusume_numeric::distributions::{binomial_lower_tail, binomial_upper_tail};

    #[test]
    fn arms_hold_their_share_and_grow_by_adding() {
        let arm = |salt: &str, fraction| Holdout { salt: salt.to_owned(), fraction };
        let ids: Vec<String> = (0..100_000).map(|i| format!("C{i:06}")).collect();
        let count = |holdout: &Holdout| ids.iter().filter(|id| holdout.contains(id.as_bytes())).count();
        let (small, large, other) = (arm("a", 0.05), arm("a", 0.1), arm("b", 0.05));
        // Five standard deviations of a binomial count.
        assert!((4655..5345).contains(&count(&small)) && (9525..10_475).contains(&count(&large)));
        assert!(ids.iter().all(|id| large.contains(id.as_bytes()) || !small.contains(id.as_bytes())));
        let both = ids.iter().filter(|id| small.contains(id.as_bytes()) && other.contains(id.as_bytes())).count();
        assert!((170..335).contains(&both), "independent salts share 0.05² of the units, not {both}");
        assert_eq!((count(&arm("a", 0.0)), count(&arm("a", 1.0))), (0, 100_000));
    }

    /// Power of the two-sample z-test with unpooled variances, summed over the exact binomial outcomes.
    fn exact_power(held: u64, offered: u64, base: f64, effect: f64, z: f64) -> f64 {
        let is_seen = |k: u64, m: u64| {
            let (p, q) = (k as f64 / held as f64, m as f64 / offered as f64);
            q - p > z * (p * (1.0 - p) / held as f64 + q * (1.0 - q) / offered as f64).sqrt()
        };
        let mut critical = 0;
        (0..=held)
            .map(|k| {
                while critical <= offered && !is_seen(k, critical) {
                    critical += 1;
                }
                let below = if k == 0 { 0.0 } else { binomial_lower_tail(k - 1, held, base) };
                (binomial_lower_tail(k, held, base) - below) * binomial_upper_tail(critical, offered, base + effect)
            })
            .sum()
    }

    #[test]
    fn the_detectable_effect_has_the_power_it_promises() {
        for (held, offered, base_rate) in [(300_u64, 2700_u64, 0.1), (1000, 1000, 0.3), (1000, 9000, 0.03)] {
            let n_units = held + offered;
            let design = Design { n_units, base_rate, power: 0.8, confidence: 0.95 };
            let effect = design.detectable_effect(held as f64 / n_units as f64);
            let power = exact_power(held, offered, base_rate, effect, 1.96);
            assert!((power - 0.8).abs() < 0.03, "power {power} with an effect of {effect}");
        }
    }

    #[test]
    fn fractions_for_an_effect() {
        let design = Design { n_units: 20_000, base_rate: 0.03, power: 0.8, confidence: 0.95 };
        let fraction = design.fraction_for(0.01).unwrap();
        assert!(design.detectable_effect(fraction) <= 0.01 && design.detectable_effect(fraction - 0.001) > 0.01);
        assert_eq!(design.fraction_for(0.0001), None);
        assert!(design.detectable_effect(0.0).is_infinite() && design.detectable_effect(1.0).is_infinite());
        assert!(Design { n_units: 0, ..design }.detectable_effect(0.1).is_infinite());
    }
}
