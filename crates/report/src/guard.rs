//! The audit by group: who is offered something, among whom, and how far the probabilities hold there.

use serde::{Deserialize, Serialize};

use crate::Cell;
use crate::cell::withhold;

/// Offers delivered, by the groups of one attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The attribute, as the customers table heads it.
    pub attribute: String,
    /// Whether no feature, rule mined or model may see it.
    pub is_restricted: bool,
    /// Everybody decided about outside the holdout.
    pub everybody: Group,
    /// The groups, the largest first; those of fewer than ten customers are joined.
    pub groups: Vec<Group>,
}

/// Customers of one group outside the holdout. Intervals are `[value, lower, upper]`, 95 %; what is `null` is withheld or cannot be said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name: a level, a band of numbers, `yes` or `no`; `absent` and `others` are told by `kind`.
    pub group: String,
    /// `everybody`, `group`, `absent` (no value) or `others` (small groups together).
    pub kind: String,
    /// Customers decided about.
    pub customers: Cell,
    /// Those to whom the rules about them leave an offer.
    pub eligible: Cell,
    /// Their share.
    pub eligible_share: Option<[f64; 3]>,
    /// Those with an offer.
    pub with_offer: Cell,
    /// Their share.
    pub offer_share: Option<[f64; 3]>,
    /// The share over everybody's.
    pub ratio: Option<[f64; 3]>,
    /// Rows of the offer table for each of 100 customers.
    pub offers_per_100: Option<f64>,
    /// Mean value of what a customer with an offer is offered, in minor units.
    pub value_minor: Option<[f64; 3]>,
    /// Mean probability over the pairs of a customer and an offer that the rules leave.
    pub propensity: Option<f64>,
    /// Takes in the newest test.
    pub takes: Cell,
    /// Takes over takes expected there.
    pub observed_over_expected: Option<[f64; 3]>,
}

/// Withholds counts below ten, those they could be worked out from (what is left of a group, what is left of everybody), and every number
/// that rests on one.
///
/// `is_reach_shown`: whether the report shows how many customers have an offer at all.
pub(crate) fn suppress(audit: &mut Audit, is_reach_shown: bool) {
    if !is_reach_shown {
        audit.groups.iter_mut().chain([&mut audit.everybody]).for_each(|group| group.with_offer = Cell::WITHHELD);
    }
    partition(&mut audit.groups, |group| &mut group.customers);
    within_customers(&mut audit.groups, |group| &mut group.eligible);
    within_customers(&mut audit.groups, |group| &mut group.with_offer);
    partition(&mut audit.groups, |group| &mut group.takes);
    for group in audit.groups.iter_mut().chain([&mut audit.everybody]) {
        let is_hidden = |cell: Cell| cell.get().is_none_or(crate::cell::is_small);
        if is_hidden(group.customers) {
            let (name, kind) = (std::mem::take(&mut group.group), std::mem::take(&mut group.kind));
            *group = Group { group: name, kind, ..Group::withheld() };
        }
        if is_hidden(group.eligible) {
            (group.eligible_share, group.propensity) = (None, None);
        }
        if is_hidden(group.with_offer) || group.customers.get().zip(group.with_offer.get()).is_some_and(leaves_a_few) {
            group.with_offer = Cell::WITHHELD;
            (group.offer_share, group.ratio, group.offers_per_100, group.value_minor) = (None, None, None, None);
        }
        if is_hidden(group.takes) {
            group.observed_over_expected = None;
        }
    }
}

fn leaves_a_few((all, part): (u64, u64)) -> bool {
    crate::cell::is_small(all.saturating_sub(part))
}

impl Group {
    fn withheld() -> Self {
        let none = Cell::WITHHELD;
        Self { customers: none, eligible: none, with_offer: none, takes: none, ..Self::default() }
    }
}

/// Parts of a sum that is known.
fn partition(groups: &mut [Group], of: fn(&mut Group) -> &mut Cell) {
    let total = groups.iter_mut().filter_map(|group| of(group).get()).sum();
    withhold(total, &mut groups.iter_mut().map(of).collect::<Vec<_>>());
}

/// Counts of customers within groups whose sizes are known: what is left of a group tells as much as the count itself.
fn within_customers(groups: &mut [Group], of: fn(&mut Group) -> &mut Cell) {
    let rest = |group: &mut Group| {
        let customers = group.customers.get();
        customers.zip(of(group).get()).map_or(Cell::WITHHELD, |(all, part)| Cell::from(all.saturating_sub(part)))
    };
    let mut others: Vec<Cell> = groups.iter_mut().map(rest).collect();
    let counts = |cells: &mut dyn Iterator<Item = Cell>| cells.filter_map(Cell::get).sum::<u64>();
    let total = counts(&mut groups.iter_mut().map(|group| *of(group)));
    let total_others = counts(&mut others.iter().copied());
    loop {
        let before: Vec<Cell> = groups.iter_mut().map(|group| *of(group)).collect();
        withhold(total, &mut groups.iter_mut().map(of).collect::<Vec<_>>());
        withhold(total_others, &mut others.iter_mut().collect::<Vec<_>>());
        for (group, rest) in groups.iter_mut().zip(&mut others) {
            let part = of(group);
            if part.get().is_none() || rest.get().is_none() {
                (*part, *rest) = (Cell::WITHHELD, Cell::WITHHELD);
            }
        }
        if before == groups.iter_mut().map(|group| *of(group)).collect::<Vec<_>>() {
            break;
        }
    }
    // What is withheld of several groups together is what is shown of the others less than all: a few are a few there, too.
    let shown = counts(&mut groups.iter_mut().map(|group| *of(group)));
    let shown_others = counts(&mut others.iter().copied());
    if [total - shown, total_others - shown_others].into_iter().any(crate::cell::is_small) {
        for group in groups.iter_mut() {
            *of(group) = Cell::WITHHELD;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, customers: u64, with_offer: u64) -> Group {
        Group {
            group: name.to_owned(),
            kind: "group".to_owned(),
            customers: customers.into(),
            eligible: customers.into(),
            with_offer: with_offer.into(),
            offer_share: Some([0.5, 0.4, 0.6]),
            ratio: Some([1.0, 0.9, 1.1]),
            value_minor: Some([5.0, 4.0, 6.0]),
            takes: 20.into(),
            observed_over_expected: Some([1.0, 0.8, 1.2]),
            ..Group::default()
        }
    }

    fn audit(groups: Vec<Group>) -> Audit {
        let sum = |of: fn(&Group) -> Cell| groups.iter().filter_map(|one| of(one).get()).sum::<u64>();
        let everybody = group("", sum(|one| one.customers), sum(|one| one.with_offer));
        let mut audit = Audit { attribute: "age".to_owned(), is_restricted: true, everybody, groups };
        suppress(&mut audit, true);
        audit
    }

    fn shown(audit: &Audit) -> Vec<Option<u64>> {
        audit.groups.iter().map(|group| group.with_offer.get()).collect()
    }

    #[test]
    fn what_is_left_of_a_group_is_withheld_like_the_count() {
        let found = audit(vec![group("a", 100, 50), group("b", 100, 95), group("c", 80, 40)]);
        assert_eq!(shown(&found), [Some(50), None, None], "5 of b have none; c would tell it");
        assert_eq!(found.groups[1].ratio, None);
        assert!(found.groups[0].ratio.is_some());
        let found = audit(vec![group("a", 100, 50), group("b", 100, 3), group("c", 80, 40)]);
        assert_eq!(shown(&found), [Some(50), None, None]);
        let found = audit(vec![group("a", 100, 100), group("b", 100, 0)]);
        assert_eq!(shown(&found), [Some(100), Some(0)], "nobody is no secret");
    }

    #[test]
    fn nothing_withheld_can_be_worked_out() {
        let mut state = 7_u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for _ in 0..500 {
            let groups: Vec<Group> = (0..2 + below(4))
                .map(|i| {
                    let customers = 10 + below(60);
                    group(&i.to_string(), customers, below(customers + 1))
                })
                .collect();
            let true_counts: Vec<(u64, u64)> = groups
                .iter()
                .map(|one| (one.customers.get().unwrap_or(0), one.with_offer.get().unwrap_or(0)))
                .collect();
            let found = audit(groups);
            let hidden: Vec<(u64, u64)> = found
                .groups
                .iter()
                .zip(&true_counts)
                .filter(|(group, _)| group.with_offer.get().is_none())
                .map(|(_, counts)| *counts)
                .collect();
            assert!(found.groups.iter().all(|group| !group.with_offer.is_small()));
            let everything = hidden.len() == true_counts.len();
            assert!(hidden.len() != 1 || everything, "{true_counts:?}");
            let (all, part): (u64, u64) = hidden.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            let is_small = |n: u64| (1..10).contains(&n);
            assert!(everything || !is_small(part) && !is_small(all - part), "{true_counts:?} {hidden:?}");
        }
    }
}
