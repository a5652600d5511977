//! Policy arms: customers whose offers are chosen by another policy than the ranking by value, so that the ranking itself can be measured.
//!
//! Membership is drawn once, by a hash of the unit that has nothing to do with the holdout's. The arms grow from opposite ends of one
//! draw: a larger share only takes members from the full arm, and nobody ever changes from one small arm to the other.

use osusume_model::{keyed_hash, unit_interval};

/// The policy a customer's offers are chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arm {
    /// The ranking by value.
    Full,
    /// By the value of a take: propensity × margin.
    Propensity,
    /// One of the offers the rules leave, by lot.
    Random,
}

/// The draw of the arms.
#[derive(Clone, Debug, PartialEq)]
pub struct Arms {
    /// Names the draw of members; another key draws independently.
    pub key: String,
    /// Names the draw of lots; another one draws other lots for the same members.
    pub lot_key: String,
    /// Share of the units in [`Arm::Propensity`], in [0, 1).
    pub propensity: f64,
    /// Share of the units in [`Arm::Random`]; below 1 together.
    pub random: f64,
}

impl Arms {
    /// Whether everybody is in the full arm.
    pub fn is_empty(&self) -> bool {
        self.propensity <= 0.0 && self.random <= 0.0
    }

    /// The arm of a unit (customer, or household where one is given).
    pub fn of(&self, unit: &[u8]) -> Arm {
        let draw = unit_interval(keyed_hash(&self.key, unit));
        if draw < self.propensity {
            Arm::Propensity
        } else if draw >= 1.0 - self.random && self.random > 0.0 {
            Arm::Random
        } else {
            Arm::Full
        }
    }

    /// Which of `n_options` offers a customer of the random arm draws, each as likely as the others; `None` where there are none.
    pub fn lot(&self, customer: &[u8], n_options: usize) -> Option<usize> {
        let draw = unit_interval(keyed_hash(&self.lot_key, customer));
        (n_options > 0).then(|| ((draw * n_options as f64) as usize).min(n_options - 1))
    }

    /// Where a customer stands in the draw of scarce places, in [0, 1): a lot is made if this lies below the share of lots there are places
    /// for.
    pub fn turn(&self, customer: &[u8]) -> f64 {
        unit_interval(keyed_hash(&format!("{}/turn", self.lot_key), customer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Holdout;

    fn arms(propensity: f64, random: f64) -> Arms {
        Arms { key: "k/arms".to_owned(), lot_key: "k/arms/2026-10-01".to_owned(), propensity, random }
    }

    fn ids() -> Vec<String> {
        (0..100_000).map(|n| format!("C{n}")).collect()
    }

    #[test]
    fn shares_are_held_and_growing_keeps_members() {
        let (small, large) = (arms(0.05, 0.1), arms(0.2, 0.3));
        let mut counts = [0_u32; 3];
        for id in ids() {
            let (before, after) = (small.of(id.as_bytes()), large.of(id.as_bytes()));
            counts[before as usize] += 1;
            assert!(before == Arm::Full || before == after, "{id} changed from {before:?} to {after:?}");
        }
        // Five standard deviations of a binomial count.
        assert!((4655..5345).contains(&counts[1]) && (9525..10_475).contains(&counts[2]), "{counts:?}");
        assert!(ids().iter().all(|id| arms(0.0, 0.0).of(id.as_bytes()) == Arm::Full));
        assert!(arms(0.0, 0.0).is_empty() && !arms(0.0, 0.1).is_empty());
    }

    #[test]
    fn members_lots_and_turns_are_drawn_apart_from_the_holdout_and_each_other() {
        let arms = arms(0.5, 0.0);
        let holdout = Holdout { salt: "k".to_owned(), fraction: 0.5 };
        let mut counts = [0_u32; 16];
        for id in ids() {
            let id = id.as_bytes();
            let halves =
                [holdout.contains(id), arms.of(id) != Arm::Full, arms.lot(id, 2) == Some(0), arms.turn(id) < 0.5];
            counts[halves.iter().fold(0, |cell, half| 2 * cell + usize::from(*half))] += 1;
        }
        // Four fair coins: each of the sixteen cells has a sixteenth, to five standard deviations.
        assert!(counts.iter().all(|count| (5867..6633).contains(count)), "{counts:?}");
    }

    #[test]
    fn lots_are_even() {
        let mut counts = [0_u32; 3];
        for id in ids() {
            counts[arms(0.0, 1.0).lot(id.as_bytes(), 3).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (32_587..34_080).contains(count)), "{counts:?}");
        assert_eq!(arms(0.0, 0.5).lot(b"C", 0), None);
    }
}
