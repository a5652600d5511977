//! What rules and itemsets would tell of fewer than ten customers or baskets: nothing that is published lets such a group be worked out by
//! subtracting two counts, however frequent both are. Of A held by 500 and A with B by 499 one person is left, whose name whoever knows one
//! holder of A without B also knows. (Atzori, Bonchi, Giannotti, Pedreschi: Anonymity preserving pattern discovery, VLDB Journal 17, 2008.)

use osusume_association::{Contingency, Evidence, Rules};
use osusume_report::SMALLEST_SHOWN;

use crate::rule_table::SetLists;

/// Whether a count stands for somebody, and for too few.
fn is_small(count: u64) -> bool {
    (1..SMALLEST_SHOWN).contains(&count)
}

/// Whether none of the groups into which two things part everybody is small.
pub(super) fn tells_nobody(counts: &Contingency) -> bool {
    let Contingency { n, n_antecedent, n_consequent, n_both } = *counts;
    let with_either = n_antecedent + n_consequent - n_both;
    let parts = [n_both, n_antecedent - n_both, n_consequent - n_both, n.saturating_sub(with_either)];
    let margins = [n.saturating_sub(n_antecedent), n.saturating_sub(n_consequent)];
    !parts.into_iter().chain(margins).any(is_small)
}

/// The rules that may be told, and what the data say for each.
pub(super) fn tellable(rules: &Rules, evidence: &[Evidence]) -> (Rules, Vec<Evidence>) {
    let may_tell = |r: usize| tells_nobody(&rules.contingency(r));
    let evidence = (0..rules.len()).filter(|&r| may_tell(r)).map(|r| evidence[r]).collect();
    (rules.filtered(may_tell), evidence)
}

/// The itemsets that may be told, in the order of `lists`: none is small, nor what any of its subsets, the empty one too, has more.
pub(super) fn sets_told(lists: &SetLists) -> Vec<usize> {
    let mut by_items = lists.order.clone();
    by_items.sort_unstable_by(|&a, &b| lists.members(a).cmp(lists.members(b)));
    lists.order.iter().copied().filter(|&set| may_tell(lists, &by_items, set)).collect()
}

/// `by_items`: the sets in the order of their items.
fn may_tell(lists: &SetLists, by_items: &[usize], set: usize) -> bool {
    let (members, count) = (lists.members(set), u64::from(lists.count(set)));
    if is_small(count) || is_small(lists.n().saturating_sub(count)) {
        return false;
    }
    // Longer sets than any configuration asks for are not looked into one by one: none of them is told.
    let Some(n_subsets) = 1_u32.checked_shl(members.len() as u32) else { return false };
    let subset = |mask: u32| -> Vec<u32> {
        let is_in = |(at, item): (usize, &u32)| (mask >> at & 1 == 1).then_some(*item);
        members.iter().enumerate().filter_map(is_in).collect()
    };
    let count_of = |items: &[u32]| {
        let at = by_items.binary_search_by(|&other| lists.members(other).cmp(items)).ok()?;
        Some(u64::from(lists.count(by_items[at])))
    };
    !(1..n_subsets - 1).any(|mask| count_of(&subset(mask)).is_some_and(|of| is_small(of.saturating_sub(count))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(n: u64, n_antecedent: u64, n_consequent: u64, n_both: u64) -> Contingency {
        Contingency { n, n_antecedent, n_consequent, n_both }
    }

    #[test]
    fn a_rule_that_leaves_a_few_is_not_told() {
        assert!(tells_nobody(&counts(1000, 500, 600, 400)));
        assert!(tells_nobody(&counts(1000, 500, 600, 500)), "nobody is left");
        assert!(!tells_nobody(&counts(1000, 500, 600, 499)), "one has the antecedent alone");
        assert!(!tells_nobody(&counts(1000, 500, 109, 100)), "nine have the consequent alone");
        assert!(!tells_nobody(&counts(1000, 500, 600, 9)));
        assert!(!tells_nobody(&counts(1000, 995, 600, 600)), "five have not the antecedent");
        assert!(!tells_nobody(&counts(1000, 500, 600, 105)), "five have neither");
    }
}
