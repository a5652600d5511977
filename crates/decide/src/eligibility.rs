//! Which offers a customer may have, from what is held, consented and bought.

use std::cmp::Ordering;

use osusume_model::{Control, Date, ProductId, Tier};

use crate::block::for_each_block;
use crate::ladder::{Ladder, Rung, Target};
use crate::{Approaches, Result, Rule, Verdict};

/// A set of channels, one bit each; the meaning of a bit is the caller's, at most 32 channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelSet(pub u32);

impl ChannelSet {
    /// Whether channel `index` (0..32) is in the set.
    pub fn contains(self, index: u8) -> bool {
        self.0 >> index & 1 == 1
    }

    /// The set with channel `index` (0..32) added.
    #[must_use]
    pub fn with(self, index: u8) -> Self {
        Self(self.0 | 1 << index)
    }
}

/// No offer, where a number stands for one.
pub const NO_OFFER: u32 = u32::MAX;

/// A block of customers at the as-of date.
#[derive(Clone, Copy, Debug)]
pub struct Customers<'a> {
    /// One more than customers, ascending: customer c holds `held[held_offsets[c]..held_offsets[c + 1]]`.
    pub held_offsets: &'a [u32],
    /// Products held, in any order; duplicates do not matter. A replaced product stands here as itself: it counts at the tier of what
    /// replaces it, but its margin and its code are its own.
    pub held: &'a [ProductId],
    /// The channels each customer consents to, one set a customer.
    pub consents: &'a [ChannelSet],
    /// Customers on a suppression list, one flag a customer; `None` where there is no such list.
    pub suppressed: Option<&'a [bool]>,
    /// Customers × categories: bought within the category's window. `None` where no offer is a category.
    pub bought: Option<&'a [bool]>,
    /// The first offer each customer was made last, [`NO_OFFER`] for none; `None` where nobody is made one for longer than it is best.
    pub incumbents: Option<&'a [u32]>,
    /// Contacts the policy leaves each customer, at least 1 for whoever has an eligible offer; `None` without a limit.
    pub contacts_left: Option<&'a [u16]>,
    /// Customers × channels, in the order of their bits: contacts left through each; `None` without a limit. A channel with none is as
    /// good as not consented to.
    pub channels_left: Option<&'a [u16]>,
    /// Contacts each customer has had lately, which tire and wear those to come; `None` for none.
    pub recent_contacts: Option<&'a [u16]>,
    /// Where they stand in staged approaches; `None` where no offer is made in steps.
    pub approaches: Option<Approaches<'a>>,
    /// Customers × offers: how many a taker is expected to take, NaN for an offer that is not sold in numbers; `None` where none is.
    pub units: Option<&'a [f32]>,
}

impl<'a> Customers<'a> {
    /// Number of customers.
    pub fn len(&self) -> usize {
        self.held_offsets.len().saturating_sub(1)
    }

    /// Whether there is no customer.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many a taker is expected to take; `None` of what is not sold in numbers.
    pub(crate) fn expected_units(&self, customer: usize, offer_idx: usize) -> Option<f64> {
        let units = self.units?;
        let units = units[customer * (units.len() / self.len()) + offer_idx];
        (!units.is_nan()).then(|| f64::from(units))
    }

    /// The channels through which the customer may still be reached.
    pub(crate) fn open(&self, customer: usize) -> ChannelSet {
        let consents = self.consents[customer];
        if self.channels_left.is_none() {
            return consents;
        }
        let closed = (0..32).filter(|&channel| consents.contains(channel) && self.left_through(customer, channel) == 0);
        ChannelSet(closed.fold(consents.0, |set, channel| set & !(1 << channel)))
    }

    /// Whether each customer consents to some of `channels`, and none of these is open any more.
    pub fn used_up(&self, channels: ChannelSet) -> Vec<bool> {
        let is_used_up = |customer: usize| {
            let consents = self.consents[customer].0 & channels.0;
            consents != 0 && self.open(customer).0 & channels.0 == 0
        };
        (0..self.len()).map(is_used_up).collect()
    }

    /// Contacts left through one channel.
    pub(crate) fn left_through(&self, customer: usize, channel: u8) -> usize {
        let Some(left) = self.channels_left else { return usize::MAX };
        let n_channels = left.len() / self.len();
        let own = &left[customer * n_channels..][..n_channels];
        own.get(usize::from(channel)).map_or(usize::MAX, |&left| usize::from(left))
    }

    pub(crate) fn held_by(&self, customer: usize) -> &'a [ProductId] {
        &self.held[self.held_offsets[customer] as usize..self.held_offsets[customer + 1] as usize]
    }

    fn check(&self, ladder: &Ladder) {
        let n = self.len();
        assert_eq!(self.consents.len(), n, "one consent set a customer");
        let n_units = self.units.map_or(n * ladder.n_offers(), <[f32]>::len);
        assert_eq!(n_units, n * ladder.n_offers(), "one quantity a customer and offer");
        assert!(self.incumbents.is_none_or(|offers| offers.len() == n), "one offer made last a customer");
        assert!(self.suppressed.is_none_or(|flags| flags.len() == n), "one suppression flag a customer");
        let n_flags = self.bought.map_or(0, <[bool]>::len);
        assert_eq!(n_flags, n * ladder.n_categories, "one purchase flag a customer and category");
        assert!(self.channels_left.is_none_or(|left| left.len() % n.max(1) == 0), "one number a customer and channel");
        assert!(self.recent_contacts.is_none_or(|recent| recent.len() == n), "one number a customer");
        assert!(self.approaches.is_none_or(|found| found.stands.len() == n * found.all.len()), "one stand a customer");
    }
}

/// The verdict of every customer and offer (customer-major) at `as_of`, over the `channels` of this run.
///
/// An offer is removed by the first rule that applies, in the order of [`Rule`]. Of several products held in a family the one of the
/// highest tier counts, whichever contract it stands on. O(customers × (held + offers)).
///
/// # Errors
/// `Stopped`.
pub fn eligibility(
    ladder: &Ladder,
    customers: &Customers,
    as_of: Date,
    channels: ChannelSet,
    control: &dyn Control,
) -> Result<Vec<Verdict>> {
    customers.check(ladder);
    let blocks = for_each_block(customers.len(), control, |rows| {
        let mut verdicts = Vec::with_capacity(rows.len() * ladder.n_offers());
        let mut holdings = Holdings::new(ladder);
        for customer in rows {
            holdings.read(ladder, customers.held_by(customer));
            let barred = barred(customers, customer, channels);
            for rung in &ladder.offers {
                let rule = if is_valid(rung, as_of) { barred } else { Some(Rule::NotValid) };
                let rule = rule.or_else(|| removed_by(rung, &holdings, ladder, customers, customer));
                verdicts.push(rule.map_or(Verdict::Eligible, Verdict::Removed));
            }
        }
        Ok(verdicts)
    })?;
    Ok(blocks.concat())
}

/// The highest tier held of each family.
pub(crate) struct Holdings<'a> {
    highest: Vec<Tier>,
    held: &'a [ProductId],
}

impl<'a> Holdings<'a> {
    pub(crate) fn new(ladder: &Ladder) -> Self {
        Self { highest: vec![Tier(0); ladder.n_families], held: &[] }
    }

    /// Replaces the customer.
    pub(crate) fn read(&mut self, ladder: &Ladder, held: &'a [ProductId]) {
        self.highest.fill(Tier(0));
        self.held = held;
        for id in held {
            let step = ladder.products[id.0 as usize];
            let slot = &mut self.highest[step.family as usize];
            *slot = (*slot).max(step.tier);
        }
    }

    /// The highest tier held of a family, `Tier(0)` for nothing.
    fn tier(&self, family: u32) -> Tier {
        self.highest[family as usize]
    }
}

fn is_valid(rung: &Rung, as_of: Date) -> bool {
    rung.valid_from.is_none_or(|from| from <= as_of) && rung.valid_until.is_none_or(|until| as_of < until)
}

/// What bars the customer from every offer.
fn barred(customers: &Customers, customer: usize, channels: ChannelSet) -> Option<Rule> {
    if customers.suppressed.is_some_and(|flags| flags[customer]) {
        return Some(Rule::Suppressed);
    }
    (customers.consents[customer].0 & channels.0 == 0).then_some(Rule::NoConsent)
}

/// What removes this one offer.
fn removed_by(
    rung: &Rung,
    holdings: &Holdings,
    ladder: &Ladder,
    customers: &Customers,
    customer: usize,
) -> Option<Rule> {
    let bought = |position| customers.bought.is_some_and(|flags| flags[customer * ladder.n_categories + position]);
    let step = match rung.target {
        Target::Category { position } => return bought(position).then_some(Rule::RecentPurchase),
        Target::Upsell { lower, tier } => upsell_rule(holdings.tier(rung.family), lower, tier),
        // Of what is sold in numbers more may be had.
        Target::CrossSell { tier } if rung.is_counted && holdings.tier(rung.family) == tier => None,
        Target::CrossSell { tier } => cross_sell_rule(holdings.tier(rung.family), tier),
    };
    step.or_else(|| {
        let lacks = rung.requires.iter().any(|&family| holdings.tier(family) == Tier(0));
        lacks.then_some(Rule::Prerequisite)
    })
    .or_else(|| {
        let by_family = rung.excluded_families.iter().any(|&family| holdings.tier(family) > Tier(0));
        let by_product = rung.excluded_products.iter().any(|id| holdings.held.contains(id));
        (by_family || by_product).then_some(Rule::Excluded)
    })
}

fn upsell_rule(held: Tier, lower: Tier, offered: Tier) -> Option<Rule> {
    match held.cmp(&offered) {
        Ordering::Greater => Some(Rule::HigherTierHeld),
        Ordering::Equal => Some(Rule::AlreadyHeld),
        Ordering::Less => (held < lower).then_some(Rule::LadderStep),
    }
}

fn cross_sell_rule(held: Tier, offered: Tier) -> Option<Rule> {
    if held > offered { Some(Rule::HigherTierHeld) } else { (held > Tier(0)).then_some(Rule::AlreadyHeld) }
}

#[cfg(test)]
mod tests;
