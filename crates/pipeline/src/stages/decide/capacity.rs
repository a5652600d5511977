//! Capacity: who gets the places there are, settled over all customers before any of them is decided.
//!
//! The customers outside the holdout share the places. Those inside are then told at the prices that cleared them, so that both arms
//! are decided by one rule: an offer is made where its value exceeds the price of a place.

use std::collections::{BTreeMap, BTreeSet};

use osusume_decide::{
    Assignment, AtPrices, Bids, ChannelSet, Limit, PlacedOffers, Placement, Terms, Wanted, WantedOffers, assign,
};
use osusume_model::{Code, Fault, Offer, OfferId, Result, keyed_hash, unit_interval};

use super::arbiter::Arbiter;
use super::arbitration::Arbitration;
use super::conditions::{Conditions, Found};
use super::scored::Scored;
use super::state::Reader;
use super::valuation::contact_cost;
use crate::checked::Checked;
use crate::config::{Capacity, Config, Decide};
use crate::kernel::decide_fault;

/// Values are told apart by a share this small, drawn by hash, so that equal ones have an order in both arms.
const NUDGE: f64 = 1e-5;
/// Key of the draw.
const NUDGE_KEY: &str = "capacity";

/// One of `decide.capacity` after the run.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct CapacityRow {
    /// The offer whose rows count; absent for every offer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
    /// The channel whose rows count; absent for every channel's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The condition on customers whose rows count; absent for everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Least rows asked for.
    pub min: i64,
    /// Most rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// Instead of rows, most that contacts may cost, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_minor: Option<i64>,
    /// Rows of the offer table that count, or what they cost.
    pub used: i64,
    /// What one place more would be worth above `decide.min_value_minor`, or one minor unit of a budget, in minor units; below 0 what
    /// each row of a minimum costs. 0 where a minimum is missed, of it and of what stands against it: no price would clear them.
    pub price_minor: f64,
    /// By how much more the offer of the next customer outside would have had to be worth for the last place, in minor units; absent where
    /// a place is worth nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_short_minor: Option<f64>,
    /// How much a minimum is missed by; absent where it is met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<i64>,
    /// Positions of the limits, this one among them, that were proved to leave no room for the minimum together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflict: Vec<usize>,
}

/// What was settled.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct CapacitySummary {
    /// The limits, in the order of the configuration.
    pub limits: Vec<CapacityRow>,
    /// Sum of the values assigned, in minor units, before they are rounded.
    pub value_minor: f64,
    /// That, and by how much any assignment within the limits could bring more above `decide.min_value_minor`, at most; every offer
    /// valued beside as many others of its customer as there would be if places were not scarce.
    pub bound_minor: f64,
}

/// The limits of the configuration over this run's offers.
///
/// The solver sees slots: every offer, and behind these, where steps of approaches go through one channel each, every offer through each
/// channel alone.
#[derive(Clone)]
pub(crate) struct Limits {
    /// In the order of the configuration, over slots.
    pub(super) all: Vec<Limit>,
    /// Family of each slot.
    families: Vec<u16>,
    /// Whether a slot may be made through each channel; empty where every one may.
    open: Vec<bool>,
    n_offers: usize,
    /// Bits of the channels, in order of preference.
    channels: Vec<u8>,
    /// What a contact costs through each.
    costs: Vec<f64>,
    /// Whether a minimum counts the offer.
    is_due: Vec<bool>,
}

impl Limits {
    /// Whether limits speak of offers there are.
    ///
    /// # Errors
    /// `ConfigNotAllowed` for an offer that this run does not have.
    pub(crate) fn check_offers(config: &Config, offers: &[Offer]) -> Result<()> {
        for (position, one) in config.decide.capacity.iter().enumerate() {
            if let Some(name) = one.offer.as_deref().filter(|name| offers.iter().all(|offer| offer.key != *name)) {
                let known: Vec<&str> = offers.iter().map(|offer| offer.key.as_str()).collect();
                return Err(Fault::new(Code::ConfigNotAllowed)
                    .with("key", format!("decide.capacity[{position}].offer"))
                    .with("got", name)
                    .with("allowed", known.join(", ")));
            }
        }
        Ok(())
    }

    /// `None` where the configuration has none.
    ///
    /// # Errors
    /// As [`Self::check_offers`].
    pub(crate) fn of(config: &Config, offers: &[Offer], conditions: &Conditions) -> Result<Option<Self>> {
        let capacity = &config.decide.capacity;
        if capacity.is_empty() {
            return Ok(None);
        }
        let mut families: BTreeMap<&str, u16> = BTreeMap::new();
        let mut families: Vec<u16> = offers
            .iter()
            .map(|offer| {
                let next = families.len() as u16;
                *families.entry(offer.family.as_str()).or_insert(next)
            })
            .collect();
        let channels = &config.decide.channels;
        let mut limits = Vec::with_capacity(capacity.len());
        Self::check_offers(config, offers)?;
        for one in capacity {
            let segments = conditions.segments_of(one.condition.as_deref());
            limits.push(Limit { segments, ..limit(one, offers, &config.decide) });
        }
        let n = channels.len();
        let is_counted = |offer: usize| limits.iter().any(|one| one.min > 0 && one.uses[offer * n..][..n].contains(&1));
        let is_due = (0..offers.len()).map(is_counted).collect();
        let mut open = Vec::new();
        let steps = conditions.approaches.all.iter().flat_map(|approach| &approach.steps);
        if steps.into_iter().any(|step| step.channel.is_some()) {
            let slots =
                |per_offer: Vec<i64>| per_offer.chunks_exact(n).flat_map(|one| one.repeat(n)).collect::<Vec<_>>();
            for limit in &mut limits {
                let alone = slots(limit.uses.clone());
                limit.uses.extend(alone);
            }
            families = families.iter().copied().chain(families.iter().flat_map(|&one| vec![one; n])).collect();
            open = vec![true; offers.len() * n];
            open.extend((0..offers.len() * n * n).map(|cell| cell / n % n == cell % n));
        }
        Ok(Some(Self {
            all: limits,
            families,
            open,
            n_offers: offers.len(),
            channels: (0..n as u8).collect(),
            costs: channels.iter().map(|channel| contact_cost(&config.decide, channel) as f64).collect(),
            is_due,
        }))
    }

    /// The slot of an offer, through one channel alone where that is said.
    fn slot(&self, wanted: &Wanted) -> u16 {
        let n = self.channels.len();
        wanted.channel.map_or(wanted.offer, |channel| {
            (self.n_offers + usize::from(wanted.offer) * n + usize::from(channel)) as u16
        })
    }

    fn offer(&self, slot: u16) -> OfferId {
        let slot = usize::from(slot);
        let alone = slot.checked_sub(self.n_offers).map(|slot| slot / self.channels.len());
        OfferId(alone.unwrap_or(slot) as u32)
    }

    /// Whether a customer of a segment bids with what it wants: with what is worth too little only where a minimum counts it.
    fn is_bid(&self, wanted: &Wanted, segment: u16) -> bool {
        let is_counted = |limit: &Limit| {
            let first = usize::from(wanted.offer) * self.channels.len();
            limit.min > 0 && (0..self.channels.len()).any(|channel| limit.uses_in(segment, first + channel) > 0)
        };
        wanted.value > 0.0 || self.all.iter().all(|limit| limit.segments.is_empty()) || self.all.iter().any(is_counted)
    }

    /// What those who use so much of each limit leave to the others.
    pub(crate) fn less(&self, used: &[i64]) -> Self {
        let mut left = self.clone();
        for (limit, &used) in left.all.iter_mut().zip(used) {
            limit.max = limit.max.map(|max| (max - used).max(0));
            limit.min = (limit.min - used).max(0);
        }
        left
    }

    /// This share of every limit, as far as others, who use so much of each, leave it. What is due is left to the rest.
    pub(super) fn share(&self, share: f64, used: &[i64]) -> Self {
        let mut own = self.clone();
        for (limit, &used) in own.all.iter_mut().zip(used) {
            limit.max = limit.max.map(|max| ((share * max as f64).round() as i64).min(max - used).max(0));
            limit.min = 0;
        }
        own.is_due.fill(false);
        own
    }

    fn terms(&self) -> Terms<'_> {
        Terms {
            families: &self.families,
            channels: &self.channels,
            costs: &self.costs,
            limits: &self.all,
            open: &self.open,
        }
    }
}

/// One row of the table counts toward every limit that names its offer and channel: once, or as what its contact costs toward a budget.
fn limit(one: &Capacity, offers: &[Offer], decide: &Decide) -> Limit {
    let is_named = |name: &Option<String>, key: &str| name.as_deref().is_none_or(|name| name == key);
    let amount = |channel: &str| if one.budget_minor.is_some() { contact_cost(decide, channel) } else { 1 };
    let uses = offers.iter().flat_map(|offer| {
        let counts = is_named(&one.offer, &offer.key);
        decide
            .channels
            .iter()
            .map(move |channel| if counts && is_named(&one.channel, channel) { amount(channel) } else { 0 })
    });
    Limit { uses: uses.collect(), min: one.min, max: one.budget_minor.or(one.max), segments: Vec::new() }
}

/// Who gets what.
pub(crate) struct Settlement<'a> {
    limits: &'a Limits,
    /// Customers who shared the places, ascending; positions of the assignment.
    customers: Vec<u32>,
    assignment: Assignment,
    /// Sum of what the placements are worth in money, not rounded.
    value: f64,
    /// Channels holdout customers may be reached through.
    at_prices: AtPrices<'a>,
    /// By offer, whether a limit that counts it is used up or has a price.
    is_scarce: Vec<bool>,
}

/// What the customers of a block get, owned.
pub(crate) struct Placed {
    offsets: Vec<usize>,
    offers: Vec<(OfferId, u8)>,
    /// By offer, whether others could take its place; empty where any may be.
    is_scarce: Vec<bool>,
}

impl Default for Placed {
    /// Nobody yet.
    fn default() -> Self {
        Self { offsets: vec![0], offers: Vec::new(), is_scarce: Vec::new() }
    }
}

impl Placed {
    /// Of one customer.
    pub(crate) fn of_one(offers: Vec<(OfferId, u8)>, is_scarce: Vec<bool>) -> Self {
        Self { offsets: vec![0, offers.len()], offers, is_scarce }
    }

    /// Appends what the next customer gets.
    pub(super) fn push(&mut self, offers: &[(OfferId, u8)]) {
        self.offers.extend_from_slice(offers);
        self.offsets.push(self.offers.len());
    }

    pub(crate) fn view(&self) -> PlacedOffers<'_> {
        PlacedOffers { offsets: &self.offsets, offers: &self.offers, is_scarce: &self.is_scarce }
    }
}

/// Asks every customer what it could get by the arbiter's values, and assigns the places; `shares_none` says of a block of customers who
/// has none of them.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(super) fn settle<'a>(
    (arbitration, arbiter): (&Arbitration<'_>, &Arbiter),
    scored: &Scored<'_>,
    limits: &'a Limits,
    shares_none: &dyn Fn(&[u32]) -> Vec<bool>,
) -> Result<Settlement<'a>> {
    let Reader { scene, tables, as_of, .. } = *arbitration.reader();
    let (mut customers, mut wants, mut sets) = (Vec::new(), Wants::new(), BTreeSet::new());
    for batch in scored.batches(&arbitration.reader().columns())? {
        scene.check_stop()?;
        let (rows, propensity) = batch?;
        let rows = arbitration.reader().rows(&rows);
        let (state, block) = (arbitration.state(&rows)?, rows.customer.as_slice());
        let wanted = arbiter.wanted(scene, &state, &propensity, as_of, &limits.is_due)?;
        for (position, (&customer, none)) in block.iter().zip(shares_none(block)).enumerate() {
            sets.insert(wanted.reach[position].0);
            if !none {
                customers.push(customer);
                let segment = state.found.segment(position);
                wants.push(limits, (&wanted, position, segment), tables.customers.id(customer));
            }
        }
        scene.host.progress(u64::from(block.last().copied().unwrap_or(0)), u64::from(tables.n_customers()));
    }
    let assignment = assign(&wants.bids(), &limits.terms(), &scene.quiet()).map_err(|error| decide_fault(&error))?;
    let at_prices = AtPrices::new(limits.terms(), &assignment.choice_prices, sets.into_iter().map(ChannelSet));
    let value = wants.worth(&assignment, &limits.terms());
    let is_scarce = scarce(limits, &assignment);
    Ok(Settlement { limits, customers, assignment, value, at_prices, is_scarce })
}

/// By offer, whether a limit that counts it, through whatever channel, has no room for one more or a price.
fn scarce(limits: &Limits, assignment: &Assignment) -> Vec<bool> {
    let n_channels = limits.channels.len().max(1);
    let mut scarce = vec![false; limits.is_due.len()];
    for (limit, (price, used)) in limits.all.iter().zip(assignment.prices.iter().zip(&assignment.used)) {
        let left = limit.max.map_or(i64::MAX, |max| max - used);
        let is_short = |uses: &i64| *uses > 0 && (*price > 0.0 || *uses > left);
        let short = limit.uses.chunks(n_channels).map(|uses| uses.iter().any(is_short));
        scarce.iter_mut().zip(short).for_each(|(scarce, short)| *scarce |= short);
    }
    scarce
}

/// What customers could get, as the solver takes it.
#[derive(Default)]
struct Wants {
    offsets: Vec<usize>,
    offers: Vec<u16>,
    values: Vec<f32>,
    /// What each is worth in money.
    worths: Vec<f32>,
    places: Vec<u8>,
    reach: Vec<ChannelSet>,
    segments: Vec<u16>,
}

impl Wants {
    fn new() -> Self {
        Self { offsets: vec![0], ..Self::default() }
    }

    /// Appends the customer at `position` of a block, who is in a segment.
    fn push(&mut self, limits: &Limits, (wanted, position, segment): (&WantedOffers, usize, u16), id: &str) {
        let own = &wanted.offers[wanted.offsets[position]..wanted.offsets[position + 1]];
        let (terms, reach) = (limits.terms(), wanted.reach[position]);
        let mut own: Vec<(u16, &Wanted)> = own.iter().map(|one| (limits.slot(one), one)).collect();
        own.sort_unstable_by_key(|(slot, _)| *slot);
        for (slot, one) in own.into_iter().filter(|(_, one)| limits.is_bid(one, segment)) {
            // The hash of customer and offer: the order of customers alone would favor the same ones for every offer.
            let draw = unit_interval(keyed_hash(NUDGE_KEY, format!("{}\n{id}", one.offer).as_bytes()));
            // The solver takes off what its channel costs more than the cheapest one.
            let extra = one.channel.map_or(0.0, |channel| terms.extra(reach, usize::from(channel)));
            self.offers.push(slot);
            self.values.push((one.value * (1.0 + NUDGE * draw) + extra) as f32);
            self.worths.push((one.worth + extra) as f32);
        }
        self.segments.push(segment);
        self.offsets.push(self.offers.len());
        self.places.push(wanted.places[position]);
        self.reach.push(reach);
    }

    /// What the placements are worth in money, each through its channel.
    fn worth(&self, assignment: &Assignment, terms: &Terms<'_>) -> f64 {
        let of = |one: &Placement| {
            let customer = one.customer as usize;
            let own = self.offsets[customer]..self.offsets[customer + 1];
            let at = own.start + self.offers[own].partition_point(|&offer| offer < one.offer);
            let channel = terms.channels.iter().position(|&bit| bit == one.channel).unwrap_or(0);
            f64::from(self.worths[at]) - terms.extra(self.reach[customer], channel)
        };
        assignment.placements.iter().map(of).sum()
    }

    fn bids(&self) -> Bids<'_> {
        Bids {
            offsets: &self.offsets,
            offers: &self.offers,
            values: &self.values,
            places: &self.places,
            reach: &self.reach,
            segments: &self.segments,
            // Customers stand in the order of a hash of their ids.
            keys: &[],
        }
    }
}

impl Settlement<'_> {
    /// What the customers of a block (ascending) get; those who share no places, what the prices would give them.
    pub(crate) fn of_block(
        &self,
        (customers, shares_none): (&[u32], &[bool]),
        (wanted, found): (&WantedOffers, &Found),
        tables: &Checked,
    ) -> Placed {
        let mut placed = Placed { is_scarce: self.is_scarce.clone(), ..Placed::default() };
        for (position, (&customer, &none)) in customers.iter().zip(shares_none).enumerate() {
            if none {
                let mut wants = Wants::new();
                let segment = found.segment(position);
                wants.push(self.limits, (wanted, position, segment), tables.customers.id(customer));
                let bids = (wants.offers.as_slice(), wants.values.as_slice());
                let chosen = self.at_prices.choose_in(segment, wants.reach[0], wants.places[0], bids);
                placed.offers.extend(chosen.into_iter().map(|(slot, channel)| (self.limits.offer(slot), channel)));
            } else {
                placed.offers.extend(self.of_customer(customer));
            }
            placed.offsets.push(placed.offers.len());
        }
        placed
    }

    fn of_customer(&self, customer: u32) -> impl Iterator<Item = (OfferId, u8)> {
        let position = self.customers.partition_point(|&other| other < customer) as u32;
        let placements = &self.assignment.placements;
        let first = placements.partition_point(|one| one.customer < position);
        let mine = placements[first..].iter().take_while(move |one| one.customer == position);
        mine.map(|one| (self.limits.offer(one.offer), one.channel))
    }

    /// Whether a minimum counts each offer.
    pub(crate) fn is_due(&self) -> &[bool] {
        &self.limits.is_due
    }

    /// The numbers of the settlement; `apart` is what was given away of each limit before it.
    pub(crate) fn summary(&self, config: &Config, apart: &[i64]) -> CapacitySummary {
        let assignment = &self.assignment;
        // A limit that stands against a minimum has the price at which the solver gave up, which nobody would pay.
        let against =
            assignment.shortfalls.iter().flat_map(|shortfall| shortfall.conflict.iter().chain([&shortfall.limit]));
        let against: BTreeSet<usize> = against.copied().collect();
        let is_priced = |at: usize| !against.contains(&at);
        let row = |(at, one): (usize, &Capacity)| {
            let shortfall = assignment.shortfalls.iter().find(|shortfall| shortfall.limit == at);
            CapacityRow {
                offer: one.offer.clone(),
                channel: one.channel.clone(),
                when: one.condition.clone(),
                min: one.min,
                max: one.max,
                budget_minor: one.budget_minor,
                used: assignment.used[at] + apart[at],
                price_minor: if is_priced(at) { assignment.prices[at] } else { 0.0 },
                next_short_minor: assignment.last[at].filter(|_| is_priced(at)).map(|loser| loser.by),
                missing: shortfall.map(|shortfall| shortfall.missing),
                conflict: shortfall.map_or_else(Vec::new, |shortfall| shortfall.conflict.clone()),
            }
        };
        let rows = config.decide.capacity.iter().enumerate();
        CapacitySummary {
            limits: rows.map(row).collect(),
            value_minor: self.value,
            bound_minor: self.value + (assignment.bound - assignment.value),
        }
    }
}
