//! The ranking where places are fewer than customers: what customers are worth to the offers, and what became of every pair once an
//! assignment over all of them has settled who gets which.

use std::ops::Range;

use osusume_model::{Control, OfferId};

use super::worth::Possessions;
use super::{Candidate, Channel, Choice, Decision, Problem, RankPolicy, Ranked};
use crate::block::for_each_block;
use crate::ladder::Ladder;
use crate::{ChannelSet, Customers, Result, Rule, Verdict, Worth};

/// What is worth no less than the threshold is wanted by so much at least.
const LEAST: f64 = 1e-3;

/// One offer a customer could get.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// The offer.
    pub offer: u16,
    /// What it is worth above the policy's threshold through the cheapest channel, levers included, not rounded; for the offer made first
    /// last time with what another must be worth more. Above 0 where the offer is worth the threshold.
    pub value: f64,
    /// The part of it that is money: without the threshold and what keeps the offer made last time.
    pub worth: f64,
    /// The one channel it may go through, where a step says so.
    pub channel: Option<u8>,
}

/// What a block of customers could get.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WantedOffers {
    /// One more than customers, ascending: customer c could get `offers[offsets[c]..offsets[c + 1]]`.
    pub offsets: Vec<usize>,
    /// Offers, ascending within a customer.
    pub offers: Vec<Wanted>,
    /// Offers each customer may get at most.
    pub places: Vec<u8>,
    /// The channels of the policy that are open to each customer and have room for all of the places.
    pub reach: Vec<ChannelSet>,
}

/// The offers that `verdicts` leave and that are worth the policy's threshold, for [`crate::assign`]; of offers with `is_due` also those
/// worth less.
///
/// Arguments and errors as in [`super::rank`].
///
/// # Errors
/// `Stopped`; `NotAProbability`.
pub fn wanted(
    ladder: &Ladder,
    customers: &Customers,
    pairs: (&[Verdict], &[f32]),
    policy: &RankPolicy,
    is_due: &[bool],
    control: &dyn Control,
) -> Result<WantedOffers> {
    let problem = Problem::new(ladder, customers, pairs, policy);
    let blocks = for_each_block(customers.len(), control, |rows| problem.wanted_block(rows, is_due))?;
    let mut all = WantedOffers { offsets: vec![0], ..WantedOffers::default() };
    for block in blocks {
        let before = all.offers.len();
        all.offsets.extend(block.offsets.iter().map(|offset| before + offset));
        all.offers.extend(block.offers);
        all.places.extend(block.places);
        all.reach.extend(block.reach);
    }
    Ok(all)
}

/// What an assignment gives a block of customers.
#[derive(Clone, Copy, Debug)]
pub struct PlacedOffers<'a> {
    /// One more than customers, ascending: customer c gets `offers[offsets[c]..offsets[c + 1]]`.
    pub offsets: &'a [usize],
    /// Offers and the bits of their channels.
    pub offers: &'a [(OfferId, u8)],
    /// By offer, whether others could take its place: a limit that counts it is used up or has a price. Empty where any may be.
    pub is_scarce: &'a [bool],
}

/// As [`super::rank`], with the choice already made: `placed` is what each customer gets.
///
/// What is not placed is outranked where offers worth more fill the customer's places or its family's, and else lost its place to
/// other customers ([`Rule::NoCapacity`]). Where no others could take its place, what the customer gets is worth more without it: it is
/// outranked by the last of that where the places are full, and else worn out.
///
/// # Errors
/// `Stopped`; `NotAProbability`.
pub fn rank_placed(
    ladder: &Ladder,
    customers: &Customers,
    pairs: (&[Verdict], &[f32]),
    policy: &RankPolicy,
    placed: &PlacedOffers<'_>,
    control: &dyn Control,
) -> Result<Ranked> {
    assert!(placed.offsets.len() == customers.len() + 1, "one more offset than customers");
    let problem = Problem::new(ladder, customers, pairs, policy);
    let blocks = for_each_block(customers.len(), control, |rows| problem.placed_block(rows, placed))?;
    Ok(Ranked::joined(blocks))
}

impl Problem<'_> {
    fn wanted_block(&self, rows: Range<usize>, is_due: &[bool]) -> Result<WantedOffers> {
        let mut block = WantedOffers::default();
        self.visit(rows, |(customer, places), candidates, _| {
            let is_wanted = |one: &&Candidate| one.value >= self.policy.threshold || is_due[one.offer.0 as usize];
            let wanted = |one: &Candidate| {
                let worth = one.worth.exact();
                let above = worth - self.policy.threshold.0 as f64;
                // What is worth the threshold only when it is rounded is worth it.
                let value =
                    if one.value >= self.policy.threshold { above.max(LEAST) + one.ahead.0 as f64 } else { above };
                let channel = self.due(customer, one.offer.0 as usize).and_then(|step| step.channel);
                Wanted { offer: one.offer.0 as u16, value, worth, channel }
            };
            block.offers.extend(candidates.iter().filter(is_wanted).map(wanted));
            block.offsets.push(block.offers.len());
            let places = places.min(self.places_among(customer, candidates.iter().filter(is_wanted)));
            block.places.push(places.min(usize::from(u8::MAX)) as u8);
            // Any of them may be given every place, so each must have room for all.
            let open = self.customers.open(customer);
            let has_room = |index: u8| open.contains(index) && self.customers.left_through(customer, index) >= places;
            let is_reached = |channel: &&Channel| has_room(channel.index);
            let channels = self.policy.channels.iter().filter(is_reached);
            block.reach.push(channels.fold(ChannelSet::default(), |set, channel| set.with(channel.index)));
        })?;
        Ok(block)
    }

    fn placed_block(&self, rows: Range<usize>, placed: &PlacedOffers<'_>) -> Result<Ranked> {
        let mut choices = Vec::new();
        let mut ranked = self.visit(rows, |(customer, places), candidates, ranked| {
            let mine = &placed.offers[placed.offsets[customer]..placed.offsets[customer + 1]];
            self.wear(customer, candidates, mine.len());
            self.tell_values(candidates, ranked);
            self.settle((customer, places), candidates, (mine, placed.is_scarce), ranked, &mut choices);
        })?;
        ranked.choices = choices;
        Ok(ranked)
    }

    /// Weighs every customer of `rows` and hands it, with how many offers it gets at most, and its candidates, in the order of offers, to
    /// `each`.
    pub(super) fn visit(
        &self,
        rows: Range<usize>,
        mut each: impl FnMut((usize, usize), &mut [Candidate], &mut Ranked),
    ) -> Result<Ranked> {
        let mut ranked = Ranked::default();
        let mut possessions = Possessions::new(self.ladder);
        let mut candidates = Vec::with_capacity(self.ladder.n_offers());
        for customer in rows {
            candidates.clear();
            let channel = self.channel(customer);
            let places = self.weigh((customer, channel), &mut possessions, &mut candidates, &mut ranked)?;
            each((customer, places), &mut candidates, &mut ranked);
        }
        Ok(ranked)
    }

    /// Offers the customer may get at most. A place may come through any channel that one of the offers needs, so each of these must have
    /// room for all.
    fn places_among<'c>(&self, customer: usize, candidates: impl Iterator<Item = &'c Candidate>) -> usize {
        let usual = self.channel(customer);
        let needed = candidates.filter_map(|one| self.channel_of(customer, one.offer.0 as usize, usual));
        let left = |channel: Channel| self.customers.left_through(customer, channel.index);
        needed.chain(usual).map(left).fold(self.places(customer), usize::min)
    }

    /// The pair with the cost of the channel it got.
    fn through(&self, one: &Candidate, channel: u8) -> Candidate {
        let channel = self.policy.channels.iter().find(|other| other.index == channel);
        let contact_cost = channel.map_or(one.worth.contact_cost, |channel| channel.contact_cost);
        let worth = Worth { contact_cost, ..one.worth };
        Candidate { worth, value: worth.ranked(), ..*one }
    }

    /// The customer's decisions and choices from what it gets.
    fn settle(
        &self,
        (customer, places): (usize, usize),
        candidates: &[Candidate],
        (mine, is_scarce): (&[(OfferId, u8)], &[bool]),
        ranked: &mut Ranked,
        choices: &mut Vec<Choice>,
    ) {
        let base = ranked.decisions.len() - self.ladder.n_offers();
        let mut chosen: Vec<(Candidate, u8)> = candidates
            .iter()
            .filter_map(|one| {
                let (_, channel) = mine.iter().find(|(offer, _)| *offer == one.offer)?;
                Some((self.through(one, *channel), *channel))
            })
            .collect();
        chosen.sort_unstable_by_key(|(one, _)| one.key());
        let is_wanted = |one: &&Candidate| one.value >= self.policy.threshold;
        let most = self.places_among(customer, candidates.iter().filter(is_wanted));
        let is_full = chosen.len() >= places.min(most);
        let is_worn = places < most;
        let family = |offer: OfferId| self.ladder.offers[offer.0 as usize].family;
        for one in candidates.iter().filter(is_wanted) {
            let same_family = chosen.iter().find(|(other, _)| family(other.offer) == family(one.offer));
            let last = chosen.last().filter(|_| is_full);
            let is_better = |(other, _): &&(Candidate, u8)| other.key() <= one.key();
            let outranked = |(other, _): &(Candidate, u8)| Decision::Outranked { by: other.offer };
            let has_room = !chosen.is_empty() && is_scarce.get(one.offer.0 as usize) == Some(&false);
            let lost = || match last.filter(|rival| has_room || is_better(rival)) {
                Some(_) if is_worn => Decision::Removed(Rule::WearOut),
                Some(rival) => outranked(rival),
                None if has_room => Decision::Removed(Rule::WearOut),
                None => Decision::Removed(Rule::NoCapacity),
            };
            ranked.decisions[base + one.offer.0 as usize] = same_family.filter(is_better).map_or_else(lost, outranked);
        }
        for (at, (one, channel)) in chosen.iter().enumerate() {
            let rank = (at + 1) as u16;
            ranked.decisions[base + one.offer.0 as usize] = Decision::Chosen { rank };
            choices.push(self.choice(one, customer, rank, *channel));
        }
    }
}
