//! Households and other units: how many of their members are offered anything in one run, and who is asked about what is sold to all of
//! them together.

use osusume_model::Minor;

/// A customer who shares a household, and what the offers they could get are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The household.
    pub household: u32,
    /// The customer.
    pub customer: u32,
    /// Sum of the expected values of the offers the customer would get alone.
    pub value: Minor,
    /// What tells members of equal value apart, whatever the order they come in.
    pub draw: u64,
}

/// The customers who rest because others of their household are worth more, ascending: of each household all but the `max` members of
/// greatest value. Where places are not scarce the sum of values is the largest there is.
///
/// O(members · log members).
pub fn resting_members(mut members: Vec<Member>, max: usize) -> Vec<u32> {
    members.sort_unstable_by_key(|one| (one.household, std::cmp::Reverse(one.value), one.draw, one.customer));
    let households = members.chunk_by(|one, other| one.household == other.household);
    let mut resting: Vec<u32> = households.flat_map(|own| own.iter().skip(max)).map(|one| one.customer).collect();
    resting.sort_unstable();
    resting
}

/// A member who may be offered something that is sold to the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The unit, and the family that is sold to it.
    pub unit: (u32, u32),
    /// The customer.
    pub customer: u32,
    /// Whether the customer would get it alone.
    pub is_chosen: bool,
    /// What it is worth to this customer.
    pub value: Minor,
    /// What tells members of equal value apart, whatever the order they come in.
    pub draw: u64,
}

/// For each unit and family with several claims the one customer who is asked: of those who would get it the one it is worth most to, else of
/// all. Ascending by unit and family.
///
/// O(claims · log claims).
pub fn asked_members(mut claims: Vec<Claim>) -> Vec<((u32, u32), u32)> {
    use std::cmp::Reverse;
    claims.sort_unstable_by_key(|one| (one.unit, Reverse(one.is_chosen), Reverse(one.value), one.draw, one.customer));
    let units = claims.chunk_by(|one, other| one.unit == other.unit);
    let asked = units.filter(|own| own.iter().any(|one| one.customer != own[0].customer));
    asked.map(|own| (own[0].unit, own[0].customer)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(household: u32, customer: u32, value: i64) -> Member {
        Member { household, customer, value: Minor(value), draw: u64::from(customer) }
    }

    #[test]
    fn one_member_is_asked_about_what_the_unit_shares() {
        let claim = |unit, family, customer, is_chosen, value| Claim {
            unit: (unit, family),
            customer,
            is_chosen,
            value: Minor(value),
            draw: u64::from(customer),
        };
        let claims = vec![
            claim(1, 0, 4, false, 90),
            claim(1, 0, 3, true, 20),
            claim(1, 0, 2, true, 30),
            claim(1, 5, 2, false, 7),
            claim(1, 5, 4, false, 8),
            claim(2, 0, 9, true, 1),
            claim(3, 0, 8, true, 5),
            claim(3, 0, 7, true, 5),
        ];
        let expected = [((1, 0), 2), ((1, 5), 4), ((3, 0), 7)];
        assert_eq!(asked_members(claims.clone()), expected);
        assert_eq!(asked_members(claims.into_iter().rev().collect()), expected);
        // Two offers of one family to one customer need nobody else to give way.
        assert_eq!(asked_members(vec![claim(1, 0, 4, true, 9), claim(1, 0, 4, false, 3)]), []);
    }

    #[test]
    fn the_members_worth_most_are_asked() {
        let members = vec![member(1, 0, 5), member(2, 1, 1), member(1, 2, 9), member(1, 3, 5)];
        assert_eq!(resting_members(members.clone(), 1), [0, 3]);
        assert_eq!(resting_members(members.clone(), 2), [3]);
        assert_eq!(resting_members(members, 3), [0; 0]);
    }

    proptest! {
        #[test]
        fn no_choice_within_the_limit_is_worth_more(
            values in prop::collection::vec((0_u32..3, 0_i64..6), 0..9),
            max in 1_usize..3,
        ) {
            let members: Vec<Member> = values.iter().zip(0..).map(|(&(h, v), c)| member(h, c, v)).collect();
            let resting = resting_members(members.clone(), max);
            let worth = |is_in: &dyn Fn(u32) -> bool| members.iter().filter(|m| is_in(m.customer)).map(|m| m.value.0).sum::<i64>();
            let found = worth(&|customer| !resting.contains(&customer));
            let best = (0_u32..1 << members.len())
                .filter(|set| (0..3).all(|h| members.iter().filter(|m| m.household == h && set >> m.customer & 1 == 1).count() <= max))
                .map(|set| worth(&|customer| set >> customer & 1 == 1))
                .max()
                .unwrap();
            prop_assert_eq!(found, best);
            let mut turned = members.clone();
            turned.reverse();
            prop_assert_eq!(resting_members(turned, max), resting);
        }
    }
}
