//! The contact policy: not too often, and not right after a complaint or a purchase.

use crate::{Rule, Verdict};

/// The number of days since something that never happened.
pub const NEVER: u16 = u16::MAX;

/// The limits; `None` where a limit is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContactPolicy {
    /// Contacts allowed within the window over which the caller counted them.
    pub max_contacts: Option<u16>,
    /// Days without an offer from the day of a complaint on.
    pub hold_after_complaint_days: Option<u16>,
    /// Days without an offer from the day of a purchase on.
    pub hold_after_purchase_days: Option<u16>,
}

/// What happened to each customer before the as-of date, one number a customer.
#[derive(Clone, Copy, Debug)]
pub struct ContactHistory<'a> {
    /// Contacts within the policy's window.
    pub n_contacts: &'a [u16],
    /// Days from the last complaint to the as-of date; [`NEVER`] without one.
    pub days_since_complaint: &'a [u16],
    /// Days from the last purchase to the as-of date; [`NEVER`] without one.
    pub days_since_purchase: &'a [u16],
}

/// Removes all offers of a customer whom the policy rests. An offer already removed keeps its rule.
///
/// A hold of d days rests the customer while the days since are below d; a limit of n contacts once n have been made.
///
/// Sets: `verdicts` (customers × offers).
pub fn apply_contact_policy(policy: &ContactPolicy, history: &ContactHistory, verdicts: &mut [Verdict]) {
    let n = history.n_contacts.len();
    assert!(
        history.days_since_complaint.len() == n && history.days_since_purchase.len() == n,
        "one number a customer in every column"
    );
    if verdicts.is_empty() {
        return;
    }
    assert_eq!(verdicts.len() % n, 0, "one verdict a customer and offer");
    let n_offers = verdicts.len() / n;
    for (customer, verdicts) in verdicts.chunks_exact_mut(n_offers).enumerate() {
        if let Some(rule) = policy.rests(history, customer) {
            for verdict in verdicts.iter_mut().filter(|verdict| **verdict == Verdict::Eligible) {
                *verdict = Verdict::Removed(rule);
            }
        }
    }
}

impl ContactPolicy {
    /// Contacts that are left to each customer: a row of the offer table is a contact to come. `None` without a limit.
    pub fn contacts_left(&self, history: &ContactHistory) -> Option<Vec<u16>> {
        let max = self.max_contacts?;
        Some(history.n_contacts.iter().map(|&made| max.saturating_sub(made)).collect())
    }

    fn rests(&self, history: &ContactHistory, customer: usize) -> Option<Rule> {
        // Never is no number of days, however long the hold.
        let is_held = |hold: Option<u16>, since: u16| since != NEVER && hold.is_some_and(|days| since < days);
        if self.max_contacts.is_some_and(|max| history.n_contacts[customer] >= max) {
            Some(Rule::ContactLimit)
        } else if is_held(self.hold_after_complaint_days, history.days_since_complaint[customer]) {
            Some(Rule::HoldAfterComplaint)
        } else {
            is_held(self.hold_after_purchase_days, history.days_since_purchase[customer])
                .then_some(Rule::HoldAfterPurchase)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: ContactPolicy, n_contacts: u16, complaint: u16, purchase: u16, expected: Option<Rule>) {
        let history = ContactHistory {
            n_contacts: &[0, n_contacts],
            days_since_complaint: &[NEVER, complaint],
            days_since_purchase: &[NEVER, purchase],
        };
        let removed = Verdict::Removed(Rule::AlreadyHeld);
        let mut verdicts = [Verdict::Eligible, removed, Verdict::Eligible, removed];
        apply_contact_policy(&policy, &history, &mut verdicts);
        let second = expected.map_or(Verdict::Eligible, Verdict::Removed);
        assert_eq!(verdicts, [Verdict::Eligible, removed, second, removed]);
    }

    #[test]
    fn limits_and_their_borders() {
        let policy = ContactPolicy {
            max_contacts: Some(2),
            hold_after_complaint_days: Some(30),
            hold_after_purchase_days: Some(14),
        };
        check(policy, 1, 30, 14, None);
        check(policy, 2, NEVER, NEVER, Some(Rule::ContactLimit));
        check(policy, 0, 29, NEVER, Some(Rule::HoldAfterComplaint));
        check(policy, 0, 29, 3, Some(Rule::HoldAfterComplaint));
        check(policy, 0, NEVER, 13, Some(Rule::HoldAfterPurchase));
        check(ContactPolicy::default(), 99, 0, 0, None);
        let endless = ContactPolicy { hold_after_complaint_days: Some(NEVER), ..ContactPolicy::default() };
        check(endless, 0, NEVER, 0, None);
        check(endless, 0, NEVER - 1, 0, Some(Rule::HoldAfterComplaint));
    }

    #[test]
    fn no_customers() {
        let history = ContactHistory { n_contacts: &[], days_since_complaint: &[], days_since_purchase: &[] };
        apply_contact_policy(&ContactPolicy::default(), &history, &mut []);
    }
}
