//! The bids beside what the solver derives from them once.

use std::collections::BTreeSet;

use super::choice::{Menu, Taken};
use super::{Bids, Limit, Terms};
use crate::ChannelSet;

/// An offer through a channel, `offer * channels + position of the channel`; [`NOTHING`] for none.
pub(super) type Choice = u32;
/// No offer.
pub(super) const NOTHING: Choice = u32::MAX;

/// Weight of a unit above a maximum beside one below a minimum.
const ABOVE: i64 = 1 << 32;

/// Bids and terms, checked.
pub(super) struct Market<'a> {
    pub(super) bids: Bids<'a>,
    pub(super) terms: Terms<'a>,
    /// The different sets of channels customers may be reached through.
    pub(super) classes: Vec<ChannelSet>,
    /// Position of each customer's set among them.
    pub(super) class_of: Vec<u16>,
    /// The least that must be used of each limit, no more than all bids together would use.
    pub(super) least: Vec<i64>,
}

impl<'a> Market<'a> {
    pub(super) fn new(bids: &Bids<'a>, terms: &Terms<'a>) -> Self {
        let n = bids.len();
        assert!(bids.offsets.len() == n + 1 && bids.reach.len() == n, "one entry a customer");
        assert!(bids.offsets[n] == bids.offers.len() && bids.offers.len() == bids.values.len(), "one value a bid");
        let n_choices = terms.families.len() * terms.channels.len();
        let is_sound = |limit: &Limit| {
            limit.uses.len() == n_choices
                && limit.uses.iter().all(|&use_| use_ >= 0)
                && limit.max.is_none_or(|max| limit.min <= max && max >= 0)
        };
        assert!(terms.limits.iter().all(is_sound), "limits that can hold");
        let classes: BTreeSet<u32> = bids.reach.iter().map(|reach| reach.0).collect();
        let classes: Vec<u32> = classes.into_iter().collect();
        let position = |set: u32| classes.binary_search(&set).expect("every set was collected") as u16;
        let mut last = (0, position_of_none(&classes));
        let class_of = bids
            .reach
            .iter()
            .map(|reach| {
                // Few customers differ from the one before, and looking up costs more than comparing.
                if reach.0 != last.0 {
                    last = (reach.0, position(reach.0));
                }
                last.1
            })
            .collect();
        let classes = classes.into_iter().map(ChannelSet).collect();
        let mut market = Self { bids: *bids, terms: *terms, class_of, classes, least: Vec::new() };
        market.least = terms.limits.iter().map(|limit| limit.min.min(market.reachable(limit))).collect();
        market
    }

    /// What all bids together would use of a limit; 0 without a minimum, where nobody asks.
    fn reachable(&self, limit: &Limit) -> i64 {
        if limit.min <= 0 {
            return 0;
        }
        let (n_offers, n_channels) = (self.n_offers(), self.n_channels());
        let largest = |class: usize, offer: usize| {
            let reached = (0..n_channels).filter(|&c| self.classes[class].contains(self.terms.channels[c]));
            reached.map(|c| limit.uses[offer * n_channels + c]).max().unwrap_or(0)
        };
        let largest: Vec<i64> =
            (0..self.classes.len() * n_offers).map(|cell| largest(cell / n_offers, cell % n_offers)).collect();
        let of = |customer: usize| -> i64 {
            let class = usize::from(self.class_of[customer]);
            self.bids_of(customer).0.iter().map(|&offer| largest[class * n_offers + usize::from(offer)]).sum()
        };
        (0..self.bids.len()).map(of).sum()
    }

    /// How far `used` of limit `k` lies outside it; a unit above the maximum weighs more than any number below a minimum.
    pub(super) fn excess(&self, k: usize, used: i64) -> i64 {
        let above = self.terms.limits[k].max.map_or(0, |max| (used - max).max(0));
        above.saturating_mul(ABOVE) + (self.least[k] - used).max(0)
    }

    pub(super) fn n_offers(&self) -> usize {
        self.terms.families.len()
    }

    pub(super) fn n_channels(&self) -> usize {
        self.terms.channels.len()
    }

    /// The offers a customer bids for, with their values.
    pub(super) fn bids_of(&self, customer: usize) -> (&'a [u16], &'a [f32]) {
        let range = self.bids.offsets[customer]..self.bids.offsets[customer + 1];
        (&self.bids.offers[range.clone()], &self.bids.values[range])
    }

    /// What a customer takes off a menu.
    pub(super) fn choose(&self, menu: &Menu, customer: usize, taken: &mut Taken) {
        let (class, places) = (usize::from(self.class_of[customer]), usize::from(self.bids.places[customer]));
        taken.choose((menu, class), self.terms.families, places, self.bids_of(customer));
    }

    /// Adds `times` of what a choice uses.
    pub(super) fn add_uses(&self, choice: Choice, times: i64, used: &mut [i64]) {
        if choice != NOTHING {
            let limits = self.terms.limits.iter().zip(used);
            limits.for_each(|(limit, used)| *used += times * limit.uses[choice as usize]);
        }
    }

    pub(super) fn choice(&self, offer: u16, channel: usize) -> Choice {
        (usize::from(offer) * self.n_channels() + channel) as Choice
    }
}

/// The class of a customer without channels, were there one.
fn position_of_none(classes: &[u32]) -> u16 {
    classes.iter().position(|&set| set == 0).unwrap_or(0) as u16
}
