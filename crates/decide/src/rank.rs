//! The ranking: the best few offers of each customer by expected value, and for every other pair what stood in its way.

use std::cmp::Reverse;
use std::ops::Range;

use osusume_model::{Control, Minor, OfferId};

use crate::block::for_each_block;
use crate::eligibility::Holdings;
use crate::ladder::{Ladder, Target};
use crate::{Customers, DecideError, Lifetime, Result, Rule, Verdict, expected_value};

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
    /// An expected value below this loses against making no offer.
    pub threshold: Minor,
    /// Channels in order of preference: each customer is reached through the first one consented to.
    pub channels: Vec<Channel>,
    /// How long margins are counted; a category's margin counts once.
    pub lifetime: Lifetime,
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
    /// What a month adds: for an upsell the new margin less the one held, for a category the margin of a purchase.
    pub margin: Minor,
    /// Its expected value.
    pub expected_value: Minor,
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
    /// Customers × offers: the expected value of every pair that no rule removed, for "by how much"; `None` for the others.
    pub expected_values: Vec<Option<Minor>>,
}

/// Ranks the offers that `verdicts` leave by (expected value, propensity, order of offers), best first.
///
/// `verdicts` and `propensities` are customers × offers; NaN is a pair without a calibrated propensity and is removed as
/// [`Rule::NotScored`]. The expected value is [`expected_value`] over the net margin and the cost of the customer's channel. Going down
/// the order, an offer is chosen unless its family already has `per_family` offers or the customer `per_customer`, or as many as contacts
/// are left.
/// A customer with none of the policy's channels gets nothing, whatever the verdicts say. O(customers × offers · log offers).
///
/// # Errors
/// `Stopped`; `NotAProbability` when a propensity of an eligible pair is a number outside [0, 1].
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
        }
        all
    }
}

mod placed;

pub use placed::{PlacedOffers, Wanted, WantedOffers, rank_placed, wanted};

struct Problem<'a> {
    ladder: &'a Ladder,
    customers: &'a Customers<'a>,
    verdicts: &'a [Verdict],
    propensities: &'a [f32],
    policy: &'a RankPolicy,
    months: f64,
}

/// The customer in question.
struct Asked<'a> {
    customer: usize,
    /// The first channel of the policy that the customer consents to.
    channel: Option<Channel>,
    holdings: &'a Holdings<'a>,
}

/// An offer in the running.
#[derive(Clone, Copy)]
struct Candidate {
    offer: OfferId,
    propensity: f64,
    margin: Minor,
    value: Minor,
    /// The value before it is rounded.
    exact: f64,
}

impl Candidate {
    /// Ascending is best first. Propensities are in [0, 1], where the order of the bits is that of the numbers.
    fn key(&self) -> (Reverse<Minor>, Reverse<u64>, OfferId) {
        (Reverse(self.value), Reverse(self.propensity.to_bits()), self.offer)
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
        Self { ladder, customers, verdicts, propensities, policy, months: policy.lifetime.expected_months() }
    }

    fn rank_block(&self, rows: Range<usize>) -> Result<Ranked> {
        let mut ranked = Ranked::default();
        let mut holdings = Holdings::new(self.ladder);
        let mut candidates = Vec::with_capacity(self.ladder.n_offers());
        for customer in rows {
            let asked = self.asked(customer, &mut holdings);
            let channel = asked.channel;
            candidates.clear();
            self.weigh(&asked, &mut candidates, &mut ranked)?;
            candidates.retain(|candidate| candidate.value >= self.policy.threshold);
            candidates.sort_unstable_by_key(Candidate::key);
            if let Some(channel) = channel {
                self.choose(customer, channel, &candidates, &mut ranked);
            }
        }
        Ok(ranked)
    }

    fn asked<'h>(&self, customer: usize, holdings: &'h mut Holdings<'a>) -> Asked<'h>
    where
        'a: 'h,
    {
        holdings.read(self.ladder, self.customers.held_by(customer));
        let open = self.customers.open(customer);
        let channel = self.policy.channels.iter().find(|channel| open.contains(channel.index)).copied();
        Asked { customer, channel, holdings }
    }

    /// Appends the customer's decisions and values, and collects what is left to choose from.
    fn weigh(&self, asked: &Asked, candidates: &mut Vec<Candidate>, ranked: &mut Ranked) -> Result<()> {
        for offer_idx in 0..self.ladder.n_offers() {
            let candidate = match (self.verdicts[self.cell(asked, offer_idx)], asked.channel) {
                (Verdict::Removed(rule), _) => Err(rule),
                (Verdict::Eligible, None) => Err(Rule::NoConsent),
                (Verdict::Eligible, Some(channel)) => {
                    let weariness = self.customers.fatigue_cost.map_or(Minor(0), |costs| costs[asked.customer]);
                    self.candidate(asked, offer_idx, channel.contact_cost + weariness)?
                }
            };
            // A pair in the running stays below the threshold until it is chosen or outranked.
            ranked.decisions.push(candidate.map_or_else(Decision::Removed, |_| Decision::BelowThreshold));
            ranked.expected_values.push(candidate.ok().map(|candidate| candidate.value));
            candidates.extend(candidate.ok());
        }
        Ok(())
    }

    fn cell(&self, asked: &Asked, offer_idx: usize) -> usize {
        asked.customer * self.ladder.n_offers() + offer_idx
    }

    /// The pair with its value, or why it has none.
    fn candidate(
        &self,
        asked: &Asked,
        offer_idx: usize,
        contact_cost: Minor,
    ) -> Result<std::result::Result<Candidate, Rule>> {
        let propensity = f64::from(self.propensities[self.cell(asked, offer_idx)]);
        if propensity.is_nan() {
            return Ok(Err(Rule::NotScored));
        }
        let rung = &self.ladder.offers[offer_idx];
        let (margin, months) = match rung.target {
            Target::Upsell { .. } => (rung.margin - asked.holdings.margin(rung.family), self.months),
            Target::CrossSell { .. } => (rung.margin, self.months),
            Target::Category { .. } => (rung.margin, 1.0),
        };
        // Adding 0 turns −0 into 0, whose bits would sort above every other propensity.
        let propensity = propensity + 0.0;
        let value = expected_value(propensity, margin, months, contact_cost)
            .ok_or(DecideError::NotAProbability { customer: asked.customer, offer: offer_idx })?;
        let exact = propensity * margin.0 as f64 * months - contact_cost.0 as f64;
        Ok(Ok(Candidate { offer: OfferId(offer_idx as u32), propensity, margin, value, exact }))
    }

    /// Offers the customer may get at most: as many as contacts are left, and as many through the first channel that is open.
    fn places(&self, customer: usize) -> usize {
        let left = self.customers.contacts_left.map_or(usize::MAX, |left| usize::from(left[customer]).max(1));
        let open = self.customers.open(customer);
        let first = self.policy.channels.iter().find(|channel| open.contains(channel.index));
        let through = first.map_or(usize::MAX, |channel| self.customers.left_through(customer, channel.index));
        self.policy.per_customer.min(left).min(through)
    }

    /// Goes down the sorted candidates, filling the customer's places.
    fn choose(&self, customer: usize, channel: Channel, candidates: &[Candidate], ranked: &mut Ranked) {
        let first = ranked.choices.len();
        let family = |offer: OfferId| self.ladder.offers[offer.0 as usize].family;
        let base = ranked.decisions.len() - self.ladder.n_offers();
        let places = self.places(customer);
        for candidate in candidates {
            let chosen = &ranked.choices[first..];
            let mut in_family = chosen.iter().filter(|choice| family(choice.offer) == family(candidate.offer));
            let rival = if in_family.clone().count() >= self.policy.per_family {
                in_family.next_back()
            } else if chosen.len() >= places {
                chosen.last()
            } else {
                None
            };
            ranked.decisions[base + candidate.offer.0 as usize] = if let Some(rival) = rival {
                Decision::Outranked { by: rival.offer }
            } else {
                let rank = (chosen.len() + 1) as u16;
                ranked.choices.push(candidate.choice(customer, rank, channel.index));
                Decision::Chosen { rank }
            };
        }
    }
}

impl Candidate {
    fn choice(&self, customer: usize, rank: u16, channel: u8) -> Choice {
        let Self { offer, propensity, margin, value, .. } = *self;
        Choice { customer: customer as u32, rank, offer, channel, propensity, margin, expected_value: value }
    }
}

#[cfg(test)]
mod tests;
