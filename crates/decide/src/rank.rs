//! The ranking: the best few offers of each customer by expected value, and for every other pair what stood in its way.

use std::cmp::Reverse;
use std::ops::Range;

use osusume_model::{Control, Minor, OfferId};

use self::worth::{Gains, Possessions};
use crate::block::for_each_block;
use crate::ladder::Ladder;
use crate::{Customers, Lifetime, OfferTerms, Result, Rule, Verdict, Worth};

/// A way to reach customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its bit in [`crate::ChannelSet`].
    pub index: u8,
    /// What one contact costs.
    pub contact_cost: Minor,
}

/// How offers are ranked. Nothing has a default here: the configuration holds them.
#[derive(Clone, Debug, PartialEq)]
pub struct RankPolicy {
    /// Offers a customer gets at most; at least 1.
    pub per_customer: usize,
    /// Offers of one family among them at most; at least 1.
    pub per_family: usize,
    /// A value below this loses against making no offer.
    pub threshold: Minor,
    /// Channels in order of preference: each customer is reached through the cheapest one consented to, the first of equals.
    pub channels: Vec<Channel>,
    /// How long margins are counted, for products without a survival of their own; a category's margin counts once.
    pub lifetime: Lifetime,
    /// Whether an upsell takes the place of the tier held, so that it adds the difference; else what is held stays or was paid for.
    pub upsell_replaces: bool,
    /// Share of what a customer's holdings are still worth that a contact loses, in [−1, 1].
    pub churn_per_contact: f64,
    /// Share of its effect that each contact of a customer loses by another one, in [0, 1).
    pub wear_out: f64,
    /// What one contact more costs in goodwill, by the contacts a customer has had: the first number after none, the last after as many or
    /// more; nothing where this is empty.
    pub fatigue: Vec<Minor>,
    /// By what share more another offer must be worth to take the place of the one a customer was made first last time; at least 0.
    pub switch_gain: f64,
    /// What is the same of each offer for all customers, one an offer.
    pub offers: Vec<OfferTerms>,
}

/// A chosen offer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Position of the customer in the block.
    pub customer: u32,
    /// 1 for the best.
    pub rank: u16,
    /// The offer.
    pub offer: OfferId,
    /// The channel's bit.
    pub channel: u8,
    /// The calibrated propensity.
    pub propensity: f64,
    /// What a month adds: for an upsell the new margin less the one it replaces, for a category the margin of a purchase.
    pub margin: Minor,
    /// What the contact is expected to add, levers aside.
    pub expected_value: Minor,
    /// Its interval, where the effect of a contact has one.
    pub interval: Option<[Minor; 2]>,
    /// What the lever adds to it in the ranking.
    pub lever: Minor,
    /// The value in its parts, through the channel.
    pub worth: Worth,
}

/// What became of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Among the customer's offers at this rank, 1 for the best.
    Chosen {
        /// The rank.
        rank: u16,
    },
    /// A rule removed it.
    Removed(Rule),
    /// Making no offer is worth more.
    BelowThreshold,
    /// The customer's places, or its family's, went to better ones; `by` is the last of those that took a place.
    Outranked {
        /// The winner with the smallest margin of victory.
        by: OfferId,
    },
}

impl Decision {
    /// The name in files: `chosen`, `below_threshold`, `outranked`, or the rule's own.
    pub fn id(self) -> &'static str {
        match self {
            Self::Chosen { .. } => "chosen",
            Self::Removed(rule) => rule.id(),
            Self::BelowThreshold => "below_threshold",
            Self::Outranked { .. } => "outranked",
        }
    }
}

/// The result of a ranking.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranked {
    /// Choices by (customer, rank).
    pub choices: Vec<Choice>,
    /// Customers × offers.
    pub decisions: Vec<Decision>,
    /// Customers × offers: the value of every pair that no rule removed, levers included, for "by how much"; `None` for the others.
    pub expected_values: Vec<Option<Minor>>,
    /// The same as if each were the only offer of this run: what lots are drawn by, however many offers the customer gets otherwise.
    pub single_values: Vec<Option<Minor>>,
}

/// Ranks the offers that `verdicts` leave by (value, propensity, order of offers), best first. The offer a customer was made first last
/// time stands before those that are not worth [`RankPolicy::switch_gain`] more.
///
/// `verdicts` and `propensities` are customers × offers; NaN is a pair without a calibrated propensity and is removed as
/// [`Rule::NotScored`], an offer whose effect lies below zero as [`Rule::Harmful`]. The value is [`Worth::ranked`]. Going down
/// the order, an offer is chosen unless its family already has `per_family` offers or the customer `per_customer`, as many as contacts
/// are left, or as many as are worth making although each wears the others ([`Rule::WearOut`]); values are those of so many.
/// A customer with none of the policy's channels gets nothing, whatever the verdicts say. O(customers × offers · log offers).
///
/// # Errors
/// `Stopped`; `NotAProbability` when a propensity of an eligible pair is a number outside [0, 1]; `NotAQuantity` when its units are
/// infinite or not above 0.
pub fn rank(
    ladder: &Ladder,
    customers: &Customers,
    pairs: (&[Verdict], &[f32]),
    policy: &RankPolicy,
    control: &dyn Control,
) -> Result<Ranked> {
    assert!(policy.per_customer > 0 && policy.per_family > 0, "a policy that chooses nothing is no ranking");
    let problem = Problem::new(ladder, customers, pairs, policy);
    let blocks = for_each_block(customers.len(), control, |rows| problem.rank_block(rows))?;
    Ok(Ranked::joined(blocks))
}

impl Ranked {
    fn joined(blocks: Vec<Self>) -> Self {
        let mut all = Self::default();
        for block in blocks {
            all.choices.extend(block.choices);
            all.decisions.extend(block.decisions);
            all.expected_values.extend(block.expected_values);
            all.single_values.extend(block.single_values);
        }
        all
    }
}

mod placed;
mod wear;
mod worth;

pub use placed::{PlacedOffers, Wanted, WantedOffers, rank_placed, wanted};
pub use worth::worths;

struct Problem<'a> {
    ladder: &'a Ladder,
    customers: &'a Customers<'a>,
    verdicts: &'a [Verdict],
    propensities: &'a [f32],
    policy: &'a RankPolicy,
    gains: Gains,
}

/// An offer in the running.
#[derive(Clone, Copy)]
struct Candidate {
    offer: OfferId,
    propensity: f64,
    margin: Minor,
    worth: Worth,
    /// Probability of a take with a contact that nothing has worn.
    fresh: f64,
    /// What it is worth, levers included.
    value: Minor,
    /// What another must be worth more to be ranked before it: something where it was made first last time.
    ahead: Minor,
}

impl Candidate {
    /// Ascending is best first. Propensities are in [0, 1], where the order of the bits is that of the numbers.
    fn key(&self) -> (Reverse<Minor>, Reverse<bool>, Reverse<u64>, OfferId) {
        let is_kept = self.ahead > Minor(0);
        (Reverse(self.value + self.ahead), Reverse(is_kept), Reverse(self.propensity.to_bits()), self.offer)
    }
}

impl<'a> Problem<'a> {
    fn new(
        ladder: &'a Ladder,
        customers: &'a Customers<'a>,
        (verdicts, propensities): (&'a [Verdict], &'a [f32]),
        policy: &'a RankPolicy,
    ) -> Self {
        let n_pairs = customers.len() * ladder.n_offers();
        let is_whole = verdicts.len() == n_pairs && propensities.len() == n_pairs;
        assert!(is_whole, "one verdict and propensity a customer and offer");
        assert!(policy.offers.len() == ladder.n_offers(), "terms of every offer");
        Self { ladder, customers, verdicts, propensities, policy, gains: Gains::new(ladder, policy) }
    }

    fn rank_block(&self, rows: Range<usize>) -> Result<Ranked> {
        let mut ranked = Ranked::default();
        let mut possessions = Possessions::new(self.ladder);
        let mut candidates = Vec::with_capacity(self.ladder.n_offers());
        for customer in rows {
            let channel = self.channel(customer);
            candidates.clear();
            let places = self.weigh((customer, channel), &mut possessions, &mut candidates, &mut ranked)?;
            candidates.retain(|candidate| candidate.value >= self.policy.threshold);
            candidates.sort_unstable_by_key(Candidate::key);
            self.choose((customer, places), channel, &candidates, &mut ranked);
        }
        Ok(ranked)
    }

    /// The cheapest channel of the policy that is open to the customer, the first of equals.
    fn channel(&self, customer: usize) -> Option<Channel> {
        let open = self.customers.open(customer);
        let channels = self.policy.channels.iter().filter(|channel| open.contains(channel.index));
        channels.min_by_key(|channel| channel.contact_cost).copied()
    }

    /// Appends the customer's decisions and values, and collects what is left to choose from; how many of it the customer gets at most.
    fn weigh(
        &self,
        (customer, channel): (usize, Option<Channel>),
        possessions: &mut Possessions,
        candidates: &mut Vec<Candidate>,
        ranked: &mut Ranked,
    ) -> Result<usize> {
        possessions.read(self.ladder, &self.gains, self.customers.held_by(customer));
        let n_offers = self.ladder.n_offers();
        for offer_idx in 0..n_offers {
            let channel = self.channel_of(customer, offer_idx, channel);
            let candidate = match (self.verdicts[customer * n_offers + offer_idx], channel) {
                (Verdict::Removed(rule), _) => Err(rule),
                (Verdict::Eligible, None) => Err(Rule::NoConsent),
                (Verdict::Eligible, Some(channel)) => self.candidate((customer, possessions), offer_idx, channel)?,
            };
            // A pair in the running stays below the threshold until it is chosen or outranked.
            ranked.decisions.push(candidate.map_or_else(Decision::Removed, |_| Decision::BelowThreshold));
            ranked.expected_values.push(None);
            ranked.single_values.push(candidate.ok().map(|candidate| candidate.value));
            candidates.extend(candidate.ok());
        }
        let places = self.wear_as_many_as_pay(customer, candidates);
        self.tell_values(candidates, ranked);
        Ok(places)
    }

    /// Writes what the candidates are worth to the values of the last customer.
    fn tell_values(&self, candidates: &[Candidate], ranked: &mut Ranked) {
        let base = ranked.expected_values.len() - self.ladder.n_offers();
        for one in candidates {
            ranked.expected_values[base + one.offer.0 as usize] = Some(one.value);
        }
    }

    /// Offers the customer may get at most: as many as contacts are left. How many through one channel is another question.
    fn places(&self, customer: usize) -> usize {
        let left = self.customers.contacts_left.map_or(usize::MAX, |left| usize::from(left[customer]).max(1));
        self.policy.per_customer.min(left)
    }

    fn choice(&self, candidate: &Candidate, customer: usize, rank: u16, channel: u8) -> Choice {
        let Candidate { offer, propensity, margin, worth, .. } = *candidate;
        let expected_value = worth.expected();
        let (interval, lever) = (self.interval(candidate), worth.pull());
        Choice {
            customer: customer as u32,
            rank,
            offer,
            channel,
            propensity,
            margin,
            expected_value,
            interval,
            lever,
            worth,
        }
    }

    /// Goes down the sorted candidates, filling the customer's places.
    fn choose(
        &self,
        (customer, places): (usize, usize),
        usual: Option<Channel>,
        candidates: &[Candidate],
        ranked: &mut Ranked,
    ) {
        let first = ranked.choices.len();
        let family = |offer: OfferId| self.ladder.offers[offer.0 as usize].family;
        let base = ranked.decisions.len() - self.ladder.n_offers();
        let is_worn = places < self.places(customer);
        for candidate in candidates {
            let Some(channel) = self.channel_of(customer, candidate.offer.0 as usize, usual) else { continue };
            let chosen = &ranked.choices[first..];
            let mut in_family = chosen.iter().filter(|choice| family(choice.offer) == family(candidate.offer));
            let mut alike = chosen.iter().filter(|choice| choice.channel == channel.index);
            let rank = (chosen.len() + 1) as u16;
            let by = |rival: &Choice| Decision::Outranked { by: rival.offer };
            let decision = if in_family.clone().count() >= self.policy.per_family {
                in_family.next_back().map(by)
            } else if alike.clone().count() >= self.customers.left_through(customer, channel.index) {
                alike.next_back().map(by)
            } else if chosen.len() < places {
                None
            } else if is_worn {
                Some(Decision::Removed(Rule::WearOut))
            } else {
                chosen.last().map(by)
            };
            if decision.is_none() {
                ranked.choices.push(self.choice(candidate, customer, rank, channel.index));
            }
            ranked.decisions[base + candidate.offer.0 as usize] = decision.unwrap_or(Decision::Chosen { rank });
        }
    }
}

#[cfg(test)]
mod tests;
