//! Capacity: which offers are made when places are fewer than customers who are worth one.
//!
//! A call centre has a number of calls, a coupon a number of prints, a campaign a least number of contacts that was promised. Over all
//! customers at once the sum of the values of the offers made is maximized, subject to such limits:
//!
//! ```text
//! max Σ v x   s.t.   minₖ ≤ Σ aₖ x ≤ maxₖ  for every limit k,   at most `places` offers a customer, one a family, one channel an offer
//! ```
//!
//! The work is done by prices. With a price λₖ on what each limit measures, a customer simply takes the best offers by value less price,
//! and the prices are right when what is used fits the limits: they minimize the convex dual `g(λ) = Σ best(v − aλ) + λ⁺ max − λ⁻ min`
//! (`dual.rs`; Geoffrion 1974). Where customers are many, nearly all of them are decided by prices alone, in one pass over all bids
//! (`field.rs`); they are then only counted (`crowd.rs`), and the few at the margin are settled by exchanges, in which chains of
//! customers change places (`exchange.rs`). The dual at the final prices is an upper bound of what any assignment could earn, so the gap
//! to it is known. Minima that are missed are proved impossible where they are (`shortfall.rs`).
//!
//! The result depends on the set of customers, their keys and bids alone: not on threads, and not on the order customers come in. Sums are
//! of whole numbers, samples and ties go by a hash of the key.

mod choice;
mod crowd;
mod dual;
mod exchange;
mod field;
mod market;
mod paths;
mod shortfall;
#[cfg(test)]
mod tests;

use osusume_model::Control;

use self::choice::{Menu, Taken};
use self::dual::clearing_prices;
use self::exchange::settle;
use self::market::{Class, Market};
use crate::{ChannelSet, Result};

/// What customers are worth to each offer: rows of customers, compressed.
#[derive(Clone, Copy, Debug)]
pub struct Bids<'a> {
    /// `n + 1` positions: customer c bids for `offers[offsets[c]..offsets[c + 1]]`.
    pub offsets: &'a [usize],
    /// Offers, ascending within a customer.
    pub offers: &'a [u16],
    /// Value of each bid through the cheapest channel the customer is reached by, finite. One below 0 is made only where a limit's minimum
    /// wants it.
    pub values: &'a [f32],
    /// Offers each customer may get at most.
    pub places: &'a [u8],
    /// Channels each customer may be reached through.
    pub reach: &'a [ChannelSet],
    /// Segment each customer is counted in by limits that name segments; all are in segment 0 where this is empty.
    pub segments: &'a [u16],
    /// What tells customers apart who are otherwise alike, whatever the order they come in: an id, or a hash of one. Positions where
    /// this is empty.
    pub keys: &'a [u64],
}

impl Bids<'_> {
    /// Number of customers.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// A limit on what all offers together use of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What an offer through a channel uses of it, at least 0: `uses[offer * channels + position of the channel]`.
    pub uses: Vec<i64>,
    /// What must be used at least, if it can be.
    pub min: i64,
    /// What may be used at most.
    pub max: Option<i64>,
    /// Segments whose customers count; everybody's do where this is empty.
    pub segments: Vec<u16>,
}

impl Limit {
    /// What a choice, `offer * channels + position of the channel`, of a customer of a segment uses.
    pub fn uses_in(&self, segment: u16, choice: usize) -> i64 {
        if self.segments.is_empty() || self.segments.contains(&segment) { self.uses[choice] } else { 0 }
    }
}

/// What is the same for all customers.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Family of each offer; a customer gets one offer a family.
    pub families: &'a [u16],
    /// Bits of the channels in [`ChannelSet`], in order of preference.
    pub channels: &'a [u8],
    /// What an offer costs through each channel, in the order of `channels`; nothing where this is empty. Values of bids are through the
    /// cheapest channel a customer is reached by, so a dearer one takes the difference off.
    pub costs: &'a [f64],
    /// The limits.
    pub limits: &'a [Limit],
    /// Whether an offer may be made through a channel, `offer * channels + position of the channel`; through every one where this is empty.
    pub open: &'a [bool],
}

impl Terms<'_> {
    /// Whether a choice is open.
    pub(crate) fn is_open(&self, choice: usize) -> bool {
        self.open.is_empty() || self.open[choice]
    }
}

impl Terms<'_> {
    /// What an offer costs more through a channel, by its position, than through the cheapest of those reached.
    pub fn extra(&self, reach: ChannelSet, channel: usize) -> f64 {
        let Some(cost) = self.costs.get(channel) else { return 0.0 };
        let reached = self.channels.iter().zip(self.costs).filter(|(bit, _)| reach.contains(**bit));
        cost - reached.map(|(_, cost)| *cost).fold(f64::INFINITY, f64::min).min(*cost)
    }
}

/// One offer made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placement {
    /// Position of the customer.
    pub customer: u32,
    /// The offer.
    pub offer: u16,
    /// The channel's bit.
    pub channel: u8,
}

/// Who came next: the customer outside a limit who would have had to be worth the least more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loser {
    /// Position of the customer.
    pub customer: u32,
    /// The offer it lost.
    pub offer: u16,
    /// The channel's bit.
    pub channel: u8,
    /// By how much more the offer would have had to be worth for it to take the place of the last who got one, given what else the two
    /// could get at the prices.
    pub by: f64,
}

/// A minimum that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Position of the limit.
    pub limit: usize,
    /// How much is missing.
    pub missing: i64,
    /// Positions of limits, this one among them, that no assignment meets at once, as was proved; this one alone where the bids do not
    /// reach so far. Empty where that was not proved.
    pub conflict: Vec<usize>,
}

/// Who gets what, and what the limits cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Offers made, by (customer, offer).
    pub placements: Vec<Placement>,
    /// Price of a unit of each limit: above 0 what one unit more would earn, below 0 what each unit of the minimum costs.
    pub prices: Vec<f64>,
    /// What an offer through a channel costs in each segment, `(segment * offers + offer) * channels + position of the channel`: whoever gains more from it than from
    /// anything else got it, but for the last few whom exchanges settled.
    pub choice_prices: Vec<f64>,
    /// What is used of each limit.
    pub used: Vec<i64>,
    /// Sum of the values of the offers made.
    pub value: f64,
    /// What no assignment within the limits exceeds.
    pub bound: f64,
    /// For each limit whose maximum has a price, who lost the last place of it; `None` where nobody was near.
    pub last: Vec<Option<Loser>>,
    /// The minima that are not met.
    pub shortfalls: Vec<Shortfall>,
}

/// Assigns offers to all customers within the limits.
///
/// Maxima always hold. A minimum that cannot be met is met as far as possible; `shortfalls` tells.
/// O(bids), with some hundred passes over a sample of 20,000 customers, one over 400,000 and one over everything.
///
/// # Errors
/// `Stopped`. Lengths that do not match, uses below 0 and minima above maxima are broken invariants.
pub fn assign(bids: &Bids<'_>, terms: &Terms<'_>, control: &dyn Control) -> Result<Assignment> {
    let market = Market::new(bids, terms);
    let (dual, field) = clearing_prices(&market, control)?;
    settle(&market, &dual, field, control)
}

/// What customers outside the assignment would get at its prices, for example those held out: the best offers by value less price.
#[derive(Clone, Debug)]
pub struct AtPrices<'a> {
    terms: Terms<'a>,
    n_segments: usize,
    /// For each set of channels the prices of all segments.
    menus: Vec<(ChannelSet, Menu)>,
}

impl<'a> AtPrices<'a> {
    /// Prices as [`Assignment::choice_prices`] has them.
    pub fn new(terms: Terms<'a>, prices: &[f64], reach: impl IntoIterator<Item = ChannelSet>) -> Self {
        let mut sets: Vec<ChannelSet> = reach.into_iter().collect();
        sets.sort_unstable_by_key(|set| set.0);
        sets.dedup();
        let n_segments = prices.len() / (terms.families.len() * terms.channels.len()).max(1);
        let is_same = |_: u16, a: usize, b: usize| terms.limits.iter().all(|limit| limit.uses[a] == limit.uses[b]);
        let menu = |reach: ChannelSet| {
            let classes: Vec<Class> = (0..n_segments).map(|s| Class { reach, segment: s as u16 }).collect();
            Menu::of_choices(&terms, &classes, prices, &is_same, 0.0)
        };
        let menus = sets.into_iter().map(|set| (set, menu(set))).collect();
        Self { terms, n_segments, menus }
    }

    /// The offers and channel bits of a customer of segment 0 with `bids` (offers ascending, with their values), best first by value
    /// less price. Nothing for a set of channels [`Self::new`] was not told of.
    pub fn choose(&self, reach: ChannelSet, places: u8, bids: (&[u16], &[f32])) -> Vec<(u16, u8)> {
        self.choose_in(0, reach, places, bids)
    }

    /// The same for a customer of any segment; nothing for one that nobody of the assignment was in.
    pub fn choose_in(&self, segment: u16, reach: ChannelSet, places: u8, bids: (&[u16], &[f32])) -> Vec<(u16, u8)> {
        let class = usize::from(segment);
        let menu = self.menus.iter().find(|(set, _)| *set == reach && class < self.n_segments);
        let Some((_, menu)) = menu else { return Vec::new() };
        let mut taken = Taken::default();
        taken.choose((menu, class), self.terms.families, usize::from(places), bids);
        taken.picks.iter().map(|pick| (pick.offer, self.terms.channels[menu.best_channel(class, pick.offer)])).collect()
    }
}
