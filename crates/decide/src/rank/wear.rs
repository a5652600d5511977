//! What contacts of one customer take from each other, and how many of a run are worth making.
//!
//! Each contact loses the share w of its effect by every other one: with r recent ones and n of this run, (1 − w)^(r + n − 1) of it is
//! left. The k-th of them costs the goodwill of one after r + k − 1, and each bears the mean of the n, so that they add up to what all
//! cost. Values of n offers made together are those of so worn contacts, and n is the number at which they bring the most over what each
//! must be worth. For every n the best n are the first ones down the order, since what is left out for a family's sake can only be
//! replaced by something behind it; so trying each n finds the best set there is. Where steps bind offers to channels and a channel has
//! room for fewer, the order decides.

use osusume_model::Minor;

use super::{Candidate, Problem};

impl Problem<'_> {
    /// The share of its effect that is left to each of `n` contacts of this run.
    pub(super) fn kept(&self, customer: usize, n: usize) -> f64 {
        let recent = self.customers.recent_contacts.map_or(0, |recent| usize::from(recent[customer]));
        (1.0 - self.policy.wear_out).powi((recent + n).saturating_sub(1).min(1_000) as i32)
    }

    /// Whether how many contacts there are matters to any of them.
    fn is_worn(&self) -> bool {
        self.policy.wear_out > 0.0 || !self.policy.fatigue.is_empty()
    }

    /// What each of `n` contacts of this run costs in goodwill.
    pub(super) fn fatigue(&self, customer: usize, n: usize) -> Minor {
        let Some(last) = self.policy.fatigue.len().checked_sub(1) else { return Minor(0) };
        let recent = self.customers.recent_contacts.map_or(0, |recent| usize::from(recent[customer]));
        let sum: i128 = (recent..recent + n).map(|before| i128::from(self.policy.fatigue[before.min(last)].0)).sum();
        Minor((sum as f64 / n as f64).round_ties_even() as i64)
    }

    /// Gives the candidates what they are worth as one of `n` contacts of this run.
    pub(super) fn wear(&self, customer: usize, candidates: &mut [Candidate], n: usize) {
        if !self.is_worn() {
            return;
        }
        let (kept, fatigue) = (self.kept(customer, n.max(1)), self.fatigue(customer, n.max(1)));
        for one in candidates {
            one.worth.fatigue = fatigue;
            if self.policy.offers[one.offer.0 as usize].response.is_some() {
                one.worth = one.worth.worn(one.fresh, kept);
            }
            one.value = one.worth.ranked();
            one.ahead = self.ahead(customer, one.offer.0 as usize, one.value);
        }
    }

    /// How many offers of this run the customer gets at most, at which the candidates are then valued.
    pub(super) fn wear_as_many_as_pay(&self, customer: usize, candidates: &mut [Candidate]) -> usize {
        let places = self.places(customer);
        if !self.is_worn() || places < 2 || candidates.len() < 2 {
            return places;
        }
        let mut best: Option<(i128, usize)> = None;
        for n in 1..=places {
            self.wear(customer, candidates, n);
            let sum = self.sum_of_best(customer, candidates, n);
            best = match (best, sum) {
                (Some((most, _)), Some(sum)) if sum <= most => best,
                (_, Some(sum)) => Some((sum, n)),
                (_, None) => best,
            };
        }
        // Where nothing pays there are as many places as ever, and nobody for them.
        self.wear(customer, candidates, best.map_or(1, |(_, n)| n));
        best.map_or(places, |(_, n)| n)
    }

    /// What the best `n` are worth above the threshold, one family after its limit left out; `None` where there are fewer.
    fn sum_of_best(&self, customer: usize, candidates: &[Candidate], n: usize) -> Option<i128> {
        let threshold = self.policy.threshold;
        let mut paying: Vec<&Candidate> = candidates.iter().filter(|one| one.value >= threshold).collect();
        if paying.len() < n {
            return None;
        }
        paying.sort_unstable_by_key(|one| one.key());
        let family = |one: &Candidate| self.ladder.offers[one.offer.0 as usize].family;
        let usual = self.channel(customer);
        let channel =
            |one: &Candidate| self.channel_of(customer, one.offer.0 as usize, usual).map(|channel| channel.index);
        let mut taken: Vec<&Candidate> = Vec::with_capacity(n);
        for one in paying {
            let in_family = taken.iter().filter(|other| family(other) == family(one)).count();
            let alike = || taken.iter().filter(|other| channel(other) == channel(one)).count();
            let has_room = || channel(one).is_some_and(|index| alike() < self.customers.left_through(customer, index));
            if taken.len() < n && in_family < self.policy.per_family && has_room() {
                taken.push(one);
            }
        }
        let above = |value: Minor| i128::from(value.0) - i128::from(threshold.0);
        (taken.len() == n).then(|| taken.iter().map(|one| above(one.value)).sum())
    }
}
