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
//! (`dual.rs`). Where customers are many, nearly all of them are decided by prices alone; the few at the margin are settled by
//! exchanges, in which chains of customers change places (`exchange.rs`). The dual at the final prices is an upper bound of what any
//! assignment could earn, so the gap to it is known.
//!
//! The result depends on the set of bids, not on threads; ties are settled by the order of customers, which the caller keeps free of
//! meaning (here it is the order of a hash).

mod choice;
mod dual;
mod exchange;
mod field;
mod market;
#[cfg(test)]
mod tests;

use osusume_model::Control;

use self::choice::{Menu, Taken};
use self::dual::clearing_prices;
use self::exchange::settle;
use self::market::Market;
use crate::{ChannelSet, Result};

/// What customers are worth to each offer: rows of customers, compressed.
#[derive(Clone, Copy, Debug)]
pub struct Bids<'a> {
    /// `n + 1` positions: customer c bids for `offers[offsets[c]..offsets[c + 1]]`.
    pub offsets: &'a [usize],
    /// Offers, ascending within a customer.
    pub offers: &'a [u16],
    /// Value of each bid, finite. One below 0 is made only where a limit's minimum wants it.
    pub values: &'a [f32],
    /// Offers each customer may get at most.
    pub places: &'a [u8],
    /// Channels each customer may be reached through.
    pub reach: &'a [ChannelSet],
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
}

/// What is the same for all customers.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Family of each offer; a customer gets one offer a family.
    pub families: &'a [u16],
    /// Bits of the channels in [`ChannelSet`], in order of preference.
    pub channels: &'a [u8],
    /// The limits.
    pub limits: &'a [Limit],
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

/// Who gets what, and what the limits cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Offers made, by (customer, offer).
    pub placements: Vec<Placement>,
    /// Price of a unit of each limit: above 0 what one unit more would earn, below 0 what each unit of the minimum costs.
    pub prices: Vec<f64>,
    /// What an offer through a channel costs, `offer * channels + position of the channel`: whoever gains more from it than from
    /// anything else got it, but for the last few whom exchanges settled.
    pub choice_prices: Vec<f64>,
    /// What is used of each limit.
    pub used: Vec<i64>,
    /// Sum of the values of the offers made.
    pub value: f64,
    /// What no assignment within the limits exceeds.
    pub bound: f64,
}

/// Assigns offers to all customers within the limits.
///
/// Maxima always hold. A minimum above what the bids allow is met as far as they reach; `used` tells.
/// O(bids) a pass over the data, with some ten passes over a sample and a few over everything.
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
    menus: Vec<(ChannelSet, Menu)>,
}

impl<'a> AtPrices<'a> {
    /// Prices as [`Assignment::choice_prices`] has them.
    pub fn new(terms: Terms<'a>, prices: &[f64], reach: impl IntoIterator<Item = ChannelSet>) -> Self {
        let mut sets: Vec<ChannelSet> = reach.into_iter().collect();
        sets.sort_unstable_by_key(|set| set.0);
        sets.dedup();
        let menus = sets.into_iter().map(|set| (set, Menu::of_choices(&terms, &[set], prices, 0.0))).collect();
        Self { terms, menus }
    }

    /// The offers and channel bits of a customer with `bids` (offers ascending, with their values), best first by value less price.
    /// Nothing for a set of channels [`Self::new`] was not told of.
    pub fn choose(&self, reach: ChannelSet, places: u8, bids: (&[u16], &[f32])) -> Vec<(u16, u8)> {
        let Some((_, menu)) = self.menus.iter().find(|(set, _)| *set == reach) else { return Vec::new() };
        let mut taken = Taken::default();
        taken.choose((menu, 0), self.terms.families, usize::from(places), bids);
        taken.picks.iter().map(|pick| (pick.offer, self.terms.channels[menu.best_channel(0, pick.offer)])).collect()
    }
}
