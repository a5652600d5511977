//! The three strongest reasons that speak for an offer.

use osusume_model::Family;

/// How the customer's value lies against the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Above it; for a flag or a category: it applies.
    Above,
    /// Below it or equal; for a flag or a category: it does not apply.
    Below,
    /// There is no value, and that itself speaks for the offer.
    Absent,
}

/// One reason: the family it is grouped under, the feature that contributes most in it, and which way that one lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The family.
    pub family: Family,
    /// Position of the feature.
    pub feature: usize,
    /// Which way it lies.
    pub direction: Direction,
}

/// The up to three families whose contributions to the log-odds sum to the most above 0, strongest first, each shown by its strongest
/// feature.
///
/// One number a feature in every slice. `deviations` is the customer's value less the usual one (NaN: absent). A contribution that is
/// NaN counts as 0. Equal sums go by the order of [`Family::ALL`], equal contributions by position. O(features).
pub fn reasons(families: &[Family], contributions: &[f64], deviations: &[f64]) -> [Option<Reason>; 3] {
    assert!(
        families.len() == contributions.len() && families.len() == deviations.len(),
        "one family, contribution and deviation a feature"
    );
    let mut sums = [0.0; Family::ALL.len()];
    let mut strongest: [Option<usize>; Family::ALL.len()] = [None; Family::ALL.len()];
    for (feature, (&family, &contribution)) in families.iter().zip(contributions).enumerate() {
        if contribution.is_nan() {
            continue;
        }
        let slot = family as usize;
        sums[slot] += contribution;
        if strongest[slot].is_none_or(|best| contribution > contributions[best]) {
            strongest[slot] = Some(feature);
        }
    }
    let mut order: Vec<usize> = (0..sums.len()).filter(|&slot| sums[slot] > 0.0).collect();
    order.sort_by(|&a, &b| sums[b].total_cmp(&sums[a]));
    let reason = |slot: usize| {
        let feature = strongest[slot].expect("a family with a sum has a feature");
        Reason { family: Family::ALL[slot], feature, direction: direction(deviations[feature]) }
    };
    let mut ordered = order.into_iter().map(reason);
    std::array::from_fn(|_| ordered.next())
}

fn direction(deviation: f64) -> Direction {
    if deviation.is_nan() {
        Direction::Absent
    } else if deviation > 0.0 {
        Direction::Above
    } else {
        Direction::Below
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn families_are_numbered_in_the_order_of_all() {
        assert!(Family::ALL.iter().enumerate().all(|(slot, &family)| family as usize == slot));
    }

    #[test]
    fn three_families_strongest_first() {
        use Family::{Attribute, Money, Surge, Tenure, Voice};
        let families = [Money, Money, Surge, Tenure, Attribute, Voice];
        let contributions = [0.3, 0.4, 0.9, 0.7, 0.1, -2.0];
        let got = reasons(&families, &contributions, &[1.0, -1.0, f64::NAN, 2.0, 1.0, 1.0]);
        let reason = |family, feature, direction| Some(Reason { family, feature, direction });
        assert_eq!(
            got,
            [
                reason(Surge, 2, Direction::Absent),
                reason(Money, 1, Direction::Below),
                reason(Tenure, 3, Direction::Above)
            ]
        );
    }

    #[test]
    fn nothing_in_favour_gives_no_reason() {
        assert_eq!(reasons(&[Family::Money, Family::Voice], &[-0.1, f64::NAN], &[0.0, 0.0]), [None; 3]);
        assert_eq!(reasons(&[], &[], &[]), [None; 3]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Against all families, summed and sorted the plain way; quarters make ties likely and sums exact.
        #[test]
        fn is_the_plain_sort(rows in prop::collection::vec((0..14_usize, -4..5_i8), 0..30)) {
            let families: Vec<Family> = rows.iter().map(|row| Family::ALL[row.0]).collect();
            let contributions: Vec<f64> = rows.iter().map(|row| f64::from(row.1) / 4.0).collect();
            let sum = |family: Family| -> i32 { rows.iter().filter(|r| Family::ALL[r.0] == family).map(|r| i32::from(r.1)).sum() };
            let mut expected: Vec<Family> = Family::ALL.into_iter().filter(|family| sum(*family) > 0).collect();
            expected.sort_by_key(|family| -sum(*family));
            let got = reasons(&families, &contributions, &vec![0.0; rows.len()]);
            for (place, reason) in got.into_iter().enumerate() {
                prop_assert_eq!(reason.map(|r| r.family), expected.get(place).copied());
                if let Some(reason) = reason {
                    let of_family = |i: &usize| families[*i] == reason.family;
                    let best = (0..rows.len()).filter(of_family).max_by(|&i, &j| rows[i].1.cmp(&rows[j].1).then(j.cmp(&i)));
                    prop_assert_eq!(Some(reason.feature), best);
                }
            }
        }
    }
}
