//! The holdout: who is left alone so that the effect of the offers can be measured, and how small an effect that shows.

use osusume_model::{keyed_hash, unit_interval};
use osusume_numeric::distributions::{normal_quantile, two_sided_z};

use crate::rule::{Rule, Verdict};

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

/// Removes the offers a customer is held out of; `is_held` has an entry a pair. What was not possible before any of the customer's own
/// conditions is asked stays as it is, so whoever is held out can be told from the verdicts.
pub fn hold_back(is_held: &[bool], verdicts: &mut [Verdict]) {
    for (verdict, _) in verdicts.iter_mut().zip(is_held).filter(|(_, is_held)| **is_held) {
        if !matches!(verdict, Verdict::Removed(rule) if *rule < Rule::OfferHoldout) {
            *verdict = Verdict::Removed(Rule::OfferHoldout);
        }
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

    /// Units both arms together need for a holdout of `fraction` to show `effect`, ∞ where an arm is empty or there is none: the normal
    /// approximation `(z_confidence + z_power)² [b (1 − b) / fraction + (b + d)(1 − b − d) / (1 − fraction)] / d²`.
    pub fn units_for(&self, fraction: f64, effect: f64) -> f64 {
        let is_held = fraction > 0.0 && fraction < 1.0;
        if !is_held || effect <= 0.0 {
            return f64::INFINITY;
        }
        let (b, z) = (self.base_rate, two_sided_z(self.confidence) + normal_quantile(self.power));
        let with = b + effect;
        z * z * (b * (1.0 - b) / fraction + with * (1.0 - with) / (1.0 - fraction)) / (effect * effect)
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
    fn offers_are_held_back_whatever_the_customer_is() {
        use Verdict::{Eligible, Removed};
        let mut verdicts =
            [Eligible, Eligible, Removed(Rule::AlreadyHeld), Removed(Rule::NoConsent), Removed(Rule::Lane)];
        hold_back(&[false, true, true, true, true], &mut verdicts);
        let held = Removed(Rule::OfferHoldout);
        assert_eq!(verdicts, [Eligible, held, held, Removed(Rule::NoConsent), held]);
        hold_back(&[], &mut verdicts);
        assert_eq!(verdicts[0], Eligible);
    }

    #[test]
    fn units_are_those_of_another_program() {
        // By Python's statistics.NormalDist: (z(.975) + z(.8))² [b(1−b)/f + c(1−c)/(1−f)] / d².
        let cases = [
            (0.03, 0.1, 0.1, 284_702.123_904_8),
            (0.02, 0.2, 0.05, 204_393.090_261_2),
            (0.005, 0.3, 0.2, 114_932.672_121_1),
        ];
        for (base_rate, relative, fraction, expected) in cases {
            let design = Design { n_units: 0, base_rate, power: 0.8, confidence: 0.95 };
            let units = design.units_for(fraction, relative * base_rate);
            assert!((units / expected - 1.0).abs() < 1e-6, "{units} and not {expected}");
            // So many units detect just that.
            let effect = Design { n_units: units.ceil() as u64, ..design }.detectable_effect(fraction);
            assert!((effect / (relative * base_rate) - 1.0).abs() < 1e-4, "{effect}");
            assert!(design.units_for(0.0, 0.01).is_infinite() && design.units_for(0.5, 0.0).is_infinite());
        }
    }

    #[test]
    fn simulated_campaigns_show_the_effect_as_often_as_promised() {
        use osusume_evaluate::{Assignment, rate_effect};
        let (base_rate, relative, fraction) = (0.08, 0.25, 0.2);
        let design = Design { n_units: 0, base_rate, power: 0.8, confidence: 0.95 };
        let n = design.units_for(fraction, relative * base_rate).ceil() as usize;
        let uniform = |campaign: u32, unit: usize, what: &str| {
            unit_interval(keyed_hash(&format!("{campaign}/{what}"), &unit.to_le_bytes()))
        };
        let (probabilities, clusters) = (vec![1.0; n], (0..n as u32).collect::<Vec<_>>());
        let campaigns = 400;
        let seen = (0..campaigns).filter(|&campaign| {
            let holdout = Holdout { salt: campaign.to_string(), fraction };
            let is_offered: Vec<bool> = (0..n).map(|unit| !holdout.contains(&unit.to_le_bytes())).collect();
            let rate = |offered: bool| if offered { base_rate * (1.0 + relative) } else { base_rate };
            let is_taken: Vec<bool> =
                (0..n).map(|unit| uniform(campaign, unit, "take") < rate(is_offered[unit])).collect();
            let assignment = Assignment { is_offered: &is_offered, probabilities: &probabilities, clusters: &clusters };
            rate_effect(&assignment, &is_taken, 0.95).unwrap().interval.unwrap().lower > 0.0
        });
        let power = seen.count() as f64 / f64::from(campaigns);
        // Three standard deviations of 400 coins of 0.8.
        assert!((power - 0.8).abs() < 0.06, "{power} with {n} units");
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
