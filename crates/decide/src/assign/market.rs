//! The bids beside what the solver derives from them once, and parts of them.

use std::collections::BTreeSet;
use std::ops::Range;

use rayon::prelude::*;

use super::choice::{Menu, Taken};
use super::{Bids, Limit, Terms};
use crate::ChannelSet;
use crate::block::BLOCK_ROWS;

/// An offer through a channel, `offer * channels + position of the channel`; [`NOTHING`] for none.
pub(super) type Choice = u32;
/// No offer.
pub(super) const NOTHING: Choice = u32::MAX;

/// Weight of a unit above a maximum beside one below a minimum.
const ABOVE: i64 = 1 << 32;
/// Blocks counted together before it is asked whether a minimum is within reach already.
const WAVE: usize = 64;

/// What customers have in common as far as prices go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    /// The channels they may be reached through.
    pub(super) reach: ChannelSet,
    /// The segment they are counted in.
    pub(super) segment: u16,
}

/// Bids and terms, checked.
pub(super) struct Market<'a> {
    pub(super) bids: Bids<'a>,
    pub(super) terms: Terms<'a>,
    /// The different classes of customers.
    pub(super) classes: Vec<Class>,
    /// Position of each customer's class among them.
    class_of: Vec<u16>,
    /// What can be used at most of each limit with a minimum, no more than the minimum.
    pub(super) least: Vec<i64>,
    /// Segments × choices × limits: what a choice of a customer of the segment uses.
    uses: Vec<i64>,
}

impl<'a> Market<'a> {
    pub(super) fn new(bids: &Bids<'a>, terms: &Terms<'a>) -> Self {
        let n = bids.len();
        assert!(bids.offsets.len() == n + 1 && bids.reach.len() == n, "one entry a customer");
        assert!(bids.offsets[n] == bids.offers.len() && bids.offers.len() == bids.values.len(), "one value a bid");
        let is_of_all = |len: usize| len == 0 || len == n;
        assert!(is_of_all(bids.segments.len()) && is_of_all(bids.keys.len()), "one entry a customer, or none");
        let n_choices = terms.families.len() * terms.channels.len();
        let is_sound = |limit: &Limit| {
            limit.uses.len() == n_choices
                && limit.uses.iter().all(|&use_| use_ >= 0)
                && limit.max.is_none_or(|max| limit.min <= max && max >= 0)
        };
        assert!(terms.limits.iter().all(is_sound), "limits that can hold");
        let codes = codes(bids);
        let class_of = (0..n)
            .into_par_iter()
            .map(|customer| codes.partition_point(|&code| code < code_of(bids, customer)) as u16)
            .collect();
        let classes: Vec<Class> = codes
            .into_iter()
            .map(|code| Class { reach: ChannelSet(code as u32), segment: (code >> 32) as u16 })
            .collect();
        let counted =
            |segment: usize, choice: usize| terms.limits.iter().map(move |limit| limit.uses_in(segment as u16, choice));
        let cells = 0..n_segments(&classes) * n_choices;
        let uses = cells.flat_map(|cell| counted(cell / n_choices, cell % n_choices)).collect();
        let mut market = Self { bids: *bids, terms: *terms, class_of, classes, least: Vec::new(), uses };
        market.least = (0..terms.limits.len()).map(|k| market.reachable(k)).collect();
        market
    }

    /// What each customer can use of limit `k` at most, added up over them; not counted beyond the limit's minimum.
    fn reachable(&self, k: usize) -> i64 {
        let min = self.terms.limits[k].min;
        let (n_offers, n_channels) = (self.n_offers(), self.n_channels());
        let largest = |class: Class, offer: usize| {
            let is_open = |c: &usize| self.terms.is_open(offer * n_channels + c);
            let reached = (0..n_channels).filter(|&c| class.reach.contains(self.terms.channels[c])).filter(is_open);
            reached.map(|c| self.uses_of(class.segment, offer * n_channels + c)[k]).max().unwrap_or(0)
        };
        let largest: Vec<i64> = (0..self.classes.len() * n_offers)
            .map(|cell| largest(self.classes[cell / n_offers], cell % n_offers))
            .collect();
        let of = |customer: usize| -> i64 {
            let class = usize::from(self.class_of[customer]);
            let places = usize::from(self.bids.places[customer]);
            let amounts = self.bids_of(customer).0.iter().map(|&o| largest[class * n_offers + usize::from(o)]);
            if places == 1 {
                return amounts.max().unwrap_or(0);
            }
            let mut amounts: Vec<i64> = amounts.collect();
            amounts.sort_unstable_by_key(|&amount| -amount);
            amounts.iter().take(places).sum()
        };
        let mut sum = 0;
        for start in (0..self.bids.len()).step_by(WAVE * BLOCK_ROWS) {
            if sum >= min {
                break;
            }
            sum += (start..self.bids.len().min(start + WAVE * BLOCK_ROWS)).into_par_iter().map(of).sum::<i64>();
        }
        sum.min(min)
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

    pub(super) fn n_choices(&self) -> usize {
        self.n_offers() * self.n_channels()
    }

    pub(super) fn n_segments(&self) -> usize {
        n_segments(&self.classes)
    }

    /// The offers a customer bids for, with their values.
    pub(super) fn bids_of(&self, customer: usize) -> (&'a [u16], &'a [f32]) {
        let range = self.bids.offsets[customer]..self.bids.offsets[customer + 1];
        (&self.bids.offers[range.clone()], &self.bids.values[range])
    }

    /// Position of a customer's class.
    pub(super) fn class_of(&self, customer: u32) -> usize {
        usize::from(self.class_of[customer as usize])
    }

    /// What orders customers who are otherwise alike: a hash of the key, another one for every key.
    pub(super) fn rank(&self, customer: u32) -> u64 {
        mixed(self.bids.keys.get(customer as usize).copied().unwrap_or(u64::from(customer)))
    }

    /// Customers of a sample of about `n`: the same ones in whatever order customers come.
    pub(super) fn sample(&self, n: usize) -> Vec<u32> {
        let all = self.bids.len();
        if n >= all {
            return (0..all as u32).collect();
        }
        let below = (n as f64 / all as f64 * u64::MAX as f64) as u64;
        let sample: Vec<u32> =
            (0..all as u32).into_par_iter().filter(|&customer| self.rank(customer) < below).collect();
        if sample.len() > n / 2 && sample.len() < 2 * n {
            return sample;
        }
        // Keys that do not tell customers apart.
        (0..all as u32).filter(|&customer| mixed(u64::from(customer)) < below).collect()
    }

    /// What a choice of a customer of a segment uses of each limit.
    pub(super) fn uses_of(&self, segment: u16, choice: usize) -> &[i64] {
        let n = self.terms.limits.len();
        &self.uses[(usize::from(segment) * self.n_choices() + choice) * n..][..n]
    }

    /// Adds `times` of what a choice of a customer of a class uses.
    pub(super) fn add_uses(&self, class: usize, choice: Choice, times: i64, used: &mut [i64]) {
        if choice != NOTHING {
            let uses = self.uses_of(self.classes[class].segment, choice as usize);
            uses.iter().zip(used).for_each(|(use_, used)| *used += times * use_);
        }
    }

    pub(super) fn choice(&self, offer: u16, channel: usize) -> Choice {
        (usize::from(offer) * self.n_channels() + channel) as Choice
    }
}

/// One more than the highest segment.
fn n_segments(classes: &[Class]) -> usize {
    classes.iter().map(|class| usize::from(class.segment) + 1).max().unwrap_or(1)
}

/// A class as one number.
fn code_of(bids: &Bids<'_>, customer: usize) -> u64 {
    let segment = bids.segments.get(customer).copied().unwrap_or(0);
    u64::from(segment) << 32 | u64::from(bids.reach[customer].0)
}

/// The codes of all classes, ascending.
fn codes(bids: &Bids<'_>) -> Vec<u64> {
    let of_block = |rows: Range<usize>| {
        let mut seen: Vec<u64> = Vec::new();
        for customer in rows {
            let code = code_of(bids, customer);
            if let Err(at) = seen.binary_search(&code) {
                seen.insert(at, code);
            }
        }
        seen
    };
    let n = bids.len();
    let starts: Vec<usize> = (0..n).step_by(BLOCK_ROWS).collect();
    let blocks: Vec<Vec<u64>> =
        starts.into_par_iter().map(|start| of_block(start..n.min(start + BLOCK_ROWS))).collect();
    let all: BTreeSet<u64> = blocks.into_iter().flatten().collect();
    all.into_iter().collect()
}

/// A number that follows no rhythm keys could have, one to one (the finalizer of splitmix64: Steele, Lea and Flood 2014).
fn mixed(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Some of the customers with some of their bids, side by side in memory.
#[derive(Default)]
pub(super) struct Part {
    /// Which customers.
    pub(super) customers: Vec<u32>,
    /// End of each one's bids.
    ends: Vec<usize>,
    offers: Vec<u16>,
    values: Vec<f32>,
    class_of: Vec<u16>,
    places: Vec<u8>,
}

impl Part {
    pub(super) fn len(&self) -> usize {
        self.customers.len()
    }

    /// Adds a customer with those of the bids that are wanted.
    pub(super) fn push(
        &mut self,
        market: &Market<'_>,
        customer: u32,
        bids: (&[u16], &[f32]),
        mut is_wanted: impl FnMut(u16, f32) -> bool,
    ) {
        for (&offer, &value) in bids.0.iter().zip(bids.1) {
            if is_wanted(offer, value) {
                self.offers.push(offer);
                self.values.push(value);
            }
        }
        self.customers.push(customer);
        self.ends.push(self.offers.len());
        self.class_of.push(market.class_of[customer as usize]);
        self.places.push(market.bids.places[customer as usize]);
    }

    /// The bids of a row.
    pub(super) fn bids_of(&self, row: usize) -> (&[u16], &[f32]) {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        (&self.offers[start..self.ends[row]], &self.values[start..self.ends[row]])
    }

    pub(super) fn class_of(&self, row: usize) -> usize {
        usize::from(self.class_of[row])
    }

    pub(super) fn places(&self, row: usize) -> usize {
        usize::from(self.places[row])
    }

    /// What the offer is worth to a row's customer.
    pub(super) fn value_of(&self, row: usize, offer: u16) -> f64 {
        let (offers, values) = self.bids_of(row);
        offers.binary_search(&offer).map_or(0.0, |at| f64::from(values[at]))
    }

    /// What a row's customer takes off a menu.
    pub(super) fn choose(&self, terms: &Terms<'_>, menu: &Menu, row: usize, taken: &mut Taken) {
        taken.choose((menu, self.class_of(row)), terms.families, self.places(row), self.bids_of(row));
    }
}

/// Sums of amounts that do not depend on the order in which they are added: whole numbers of a small unit, a power of two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit(f64);

impl Unit {
    /// A unit in which the largest amount of a sample has 44 bits, so that ones much larger have room.
    pub(super) fn of(largest: f64) -> Self {
        let exponent = if largest > 0.0 && largest.is_finite() { largest.log2().ceil() as i32 - 44 } else { -44 };
        Self(2.0_f64.powi(exponent.clamp(-900, 900)))
    }

    pub(super) fn count(self, amount: f64) -> i64 {
        (amount * (1.0 / self.0)) as i64
    }

    pub(super) fn amount(self, count: i128) -> f64 {
        count as f64 * self.0
    }
}
