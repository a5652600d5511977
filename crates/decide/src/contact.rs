//! The contact policy: not too often, not too soon, and not right after a complaint, a purchase or contacts that were ignored.

use crate::{Rule, Verdict};

/// The number of days since something that never happened.
pub const NEVER: u16 = u16::MAX;

/// The limits; `None` where a limit is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContactPolicy {
    /// Contacts allowed within the window over which the caller counted them.
    pub max_contacts: Option<u16>,
    /// Days from one contact to the next at least.
    pub min_days_between: Option<u16>,
    /// Days without an offer from the day of a complaint on.
    pub hold_after_complaint_days: Option<u16>,
    /// Days without an offer from the day of a purchase on.
    pub hold_after_purchase_days: Option<u16>,
    /// Days without an offer from the day of the last of several ignored contacts on.
    pub hold_after_ignored_days: Option<u16>,
}

/// What happened to each customer before the as-of date, one number a customer.
#[derive(Clone, Copy, Debug)]
pub struct ContactHistory<'a> {
    /// Contacts within the policy's window.
    pub n_contacts: &'a [u16],
    /// Whether every channel with the customer's consent has been used as often as allowed.
    pub is_used_up: &'a [bool],
    /// Days from the last contact to the as-of date; [`NEVER`] without one.
    pub days_since_contact: &'a [u16],
    /// Days from the last complaint to the as-of date; [`NEVER`] without one.
    pub days_since_complaint: &'a [u16],
    /// Days from the last purchase to the as-of date; [`NEVER`] without one.
    pub days_since_purchase: &'a [u16],
    /// Days from the last of so many contacts in a row that were ignored; [`NEVER`] where there were fewer.
    pub days_since_ignored: &'a [u16],
}

/// Removes all offers of a customer whom the policy rests. An offer already removed keeps its rule.
///
/// A hold of d days rests the customer while the days since are below d; a limit of n contacts once n have been made.
///
/// Sets: `verdicts` (customers × offers).
pub fn apply_contact_policy(policy: &ContactPolicy, history: &ContactHistory, verdicts: &mut [Verdict]) {
    let n = history.n_contacts.len();
    let days = [
        history.days_since_contact,
        history.days_since_complaint,
        history.days_since_purchase,
        history.days_since_ignored,
    ];
    let is_whole = history.is_used_up.len() == n && days.iter().all(|column| column.len() == n);
    assert!(is_whole, "one value a customer in every column");
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
    /// Contacts that are left to each customer: a row of the offer table is a contact to come, and where days must lie between two
    /// contacts it is the only one. `None` without a limit.
    pub fn contacts_left(&self, history: &ContactHistory) -> Option<Vec<u16>> {
        let most = self.min_days_between.filter(|days| *days > 0).map_or(u16::MAX, |_| 1);
        let left = |made: u16| self.max_contacts.map_or(most, |max| max.saturating_sub(made).min(most));
        (self.max_contacts.is_some() || most == 1).then(|| history.n_contacts.iter().map(|&made| left(made)).collect())
    }

    fn rests(&self, history: &ContactHistory, customer: usize) -> Option<Rule> {
        // Never is no number of days, however long the hold.
        let is_held = |hold: Option<u16>, since: u16| since != NEVER && hold.is_some_and(|days| since < days);
        let is_limited = self.max_contacts.is_some_and(|max| history.n_contacts[customer] >= max);
        let causes = [
            (is_limited, Rule::ContactLimit),
            (history.is_used_up[customer], Rule::ChannelLimit),
            (is_held(self.min_days_between, history.days_since_contact[customer]), Rule::TooSoon),
            (is_held(self.hold_after_complaint_days, history.days_since_complaint[customer]), Rule::HoldAfterComplaint),
            (is_held(self.hold_after_purchase_days, history.days_since_purchase[customer]), Rule::HoldAfterPurchase),
            (is_held(self.hold_after_ignored_days, history.days_since_ignored[customer]), Rule::HoldAfterIgnored),
        ];
        causes.into_iter().find(|(applies, _)| *applies).map(|(_, rule)| rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happened to a customer: contacts, and days since the last contact, complaint, purchase and ignored contact.
    #[derive(Clone, Copy)]
    struct Past {
        n_contacts: u16,
        is_used_up: bool,
        contact: u16,
        complaint: u16,
        purchase: u16,
        ignored: u16,
    }

    const NOTHING: Past =
        Past { n_contacts: 0, is_used_up: false, contact: NEVER, complaint: NEVER, purchase: NEVER, ignored: NEVER };

    fn check(policy: ContactPolicy, past: Past, expected: Option<Rule>) {
        let history = ContactHistory {
            n_contacts: &[0, past.n_contacts],
            is_used_up: &[false, past.is_used_up],
            days_since_contact: &[NEVER, past.contact],
            days_since_complaint: &[NEVER, past.complaint],
            days_since_purchase: &[NEVER, past.purchase],
            days_since_ignored: &[NEVER, past.ignored],
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
            min_days_between: Some(7),
            hold_after_complaint_days: Some(30),
            hold_after_purchase_days: Some(14),
            hold_after_ignored_days: Some(60),
        };
        check(policy, Past { n_contacts: 1, contact: 7, complaint: 30, purchase: 14, ignored: 60, ..NOTHING }, None);
        check(policy, Past { n_contacts: 2, is_used_up: true, ..NOTHING }, Some(Rule::ContactLimit));
        check(policy, Past { n_contacts: 1, is_used_up: true, contact: 1, ..NOTHING }, Some(Rule::ChannelLimit));
        check(policy, Past { contact: 6, complaint: 1, ..NOTHING }, Some(Rule::TooSoon));
        check(policy, Past { complaint: 29, ..NOTHING }, Some(Rule::HoldAfterComplaint));
        check(policy, Past { complaint: 29, purchase: 3, ..NOTHING }, Some(Rule::HoldAfterComplaint));
        check(policy, Past { purchase: 13, ignored: 1, ..NOTHING }, Some(Rule::HoldAfterPurchase));
        check(policy, Past { ignored: 59, ..NOTHING }, Some(Rule::HoldAfterIgnored));
        let lately = Past { n_contacts: 99, contact: 0, complaint: 0, purchase: 0, ignored: 0, ..NOTHING };
        check(ContactPolicy::default(), lately, None);
        let endless = ContactPolicy { hold_after_complaint_days: Some(NEVER), ..ContactPolicy::default() };
        check(endless, Past { purchase: 0, ..NOTHING }, None);
        check(endless, Past { complaint: NEVER - 1, ..NOTHING }, Some(Rule::HoldAfterComplaint));
    }

    #[test]
    fn contacts_that_are_left() {
        let none: [u16; 3] = [NEVER; 3];
        let history = ContactHistory {
            n_contacts: &[0, 2, 5],
            is_used_up: &[false; 3],
            days_since_contact: &none,
            days_since_complaint: &none,
            days_since_purchase: &none,
            days_since_ignored: &none,
        };
        let left = |max_contacts, min_days_between| {
            ContactPolicy { max_contacts, min_days_between, ..ContactPolicy::default() }.contacts_left(&history)
        };
        assert_eq!(left(None, None), None);
        assert_eq!(left(None, Some(0)), None);
        assert_eq!(left(Some(3), None), Some(vec![3, 1, 0]));
        assert_eq!(left(Some(3), Some(1)), Some(vec![1, 1, 0]));
        assert_eq!(left(None, Some(7)), Some(vec![1, 1, 1]));
    }

    #[test]
    fn no_customers() {
        let history = ContactHistory {
            n_contacts: &[],
            is_used_up: &[],
            days_since_contact: &[],
            days_since_complaint: &[],
            days_since_purchase: &[],
            days_since_ignored: &[],
        };
        apply_contact_policy(&ContactPolicy::default(), &history, &mut []);
    }
}
