//! What each pair is worth: what is held, what a take would add, and what the contact puts at risk.

use osusume_model::{Control, Minor, OfferId, ProductId, Tier};

use super::{Candidate, Channel, Problem, RankPolicy};
use crate::block::for_each_block;
use crate::ladder::{Ladder, Rung, Target};
use crate::value::rounded;
use crate::{ApproachStep, Customers, DecideError, OfferTerms, Result, Rule, Verdict, Worth, worn};

/// What does not change from customer to customer.
pub(super) struct Gains {
    /// Expected discounted margin of each product over its lifetime, up to the horizon.
    of_products: Vec<f64>,
    /// Of each offer: the same, and the share of it that survives steps back.
    of_offers: Vec<(f64, f64)>,
}

impl Gains {
    pub(super) fn new(ladder: &Ladder, policy: &RankPolicy) -> Self {
        let worth =
            |margin: Minor, survival| margin.0 as f64 * policy.lifetime.with_survival(survival).expected_months();
        let of_offer = |(rung, terms): (&Rung, &OfferTerms)| {
            if let Target::Category { .. } = rung.target {
                return (rung.margin.0 as f64, 1.0);
            }
            let lost = policy.lifetime.with_survival(rung.survival).early_loss(terms.step_back_rate);
            (worth(rung.margin, rung.survival), 1.0 - lost)
        };
        let offers = ladder.offers.iter().zip(&policy.offers).map(of_offer);
        Self {
            of_products: ladder.products.iter().map(|step| worth(step.margin, step.survival)).collect(),
            of_offers: offers.collect(),
        }
    }
}

/// What a customer holds, in money.
pub(super) struct Possessions {
    /// By family: the highest tier held with its margin and worth.
    highest: Vec<(Tier, Minor, f64)>,
    /// What all that is held is still worth.
    remaining: f64,
}

impl Possessions {
    pub(super) fn new(ladder: &Ladder) -> Self {
        Self { highest: vec![(Tier(0), Minor(0), 0.0); ladder.n_families], remaining: 0.0 }
    }

    /// Replaces the customer. Of two products of one tier the one worth more counts: an upgrade is not valued above what it adds.
    pub(super) fn read(&mut self, ladder: &Ladder, gains: &Gains, held: &[ProductId]) {
        self.highest.fill((Tier(0), Minor(0), 0.0));
        self.remaining = 0.0;
        for (at, id) in held.iter().enumerate() {
            if held[..at].contains(id) {
                continue;
            }
            let (step, worth) = (ladder.products[id.0 as usize], gains.of_products[id.0 as usize]);
            self.remaining += worth;
            let slot = &mut self.highest[step.family as usize];
            let is_above = step.tier > slot.0 || (step.tier == slot.0 && (worth, step.margin) > (slot.2, slot.1));
            if is_above {
                *slot = (step.tier, step.margin, worth);
            }
        }
        // What loses money is no reason to send a customer away.
        self.remaining = self.remaining.max(0.0);
    }
}

impl Problem<'_> {
    /// The pair with its value through a channel, or why it has none.
    pub(super) fn candidate(
        &self,
        (customer, possessions): (usize, &Possessions),
        offer_idx: usize,
        channel: Channel,
    ) -> Result<std::result::Result<Candidate, Rule>> {
        let terms = &self.policy.offers[offer_idx];
        if terms.is_harmful {
            return Ok(Err(Rule::Harmful));
        }
        let propensity = f64::from(self.propensities[customer * self.ladder.n_offers() + offer_idx]);
        if propensity.is_nan() {
            return Ok(Err(Rule::NotScored));
        }
        if !(0.0..=1.0).contains(&propensity) {
            return Err(DecideError::NotAProbability { customer, offer: offer_idx });
        }
        // Adding 0 turns −0 into 0, whose bits would sort above every other propensity.
        let propensity = propensity + 0.0;
        let rung = &self.ladder.offers[offer_idx];
        let (new, staying) = self.gains.of_offers[offer_idx];
        let (held_margin, held) = match rung.target {
            Target::Upsell { .. } if self.policy.upsell_replaces => {
                let (_, margin, worth) = possessions.highest[rung.family as usize];
                (margin, worth)
            }
            Target::Upsell { .. } | Target::CrossSell { .. } | Target::Category { .. } => (Minor(0), 0.0),
        };
        let units = self.customers.expected_units(customer, offer_idx);
        if units.is_some_and(|units| !(units.is_finite() && units > 0.0)) {
            return Err(DecideError::NotAQuantity { customer, offer: offer_idx });
        }
        // Not multiplied where nothing is counted: one unit changes no bit, and half a minor unit would.
        let of_units = |amount: Minor| units.map_or(amount, |units| rounded(units * amount.0 as f64));
        let gain = units.map_or(new, |units| units * new) - held;
        let [alone, fresh] = terms.response.map_or([0.0, propensity], |response| response.parts(propensity));
        let kept = if terms.response.is_some() { self.kept(customer, 1) } else { 1.0 };
        let worth = Worth {
            alone,
            contacted: worn(alone, fresh, kept),
            kept,
            // Steps back take from what is gained; where nothing is, they take nothing.
            gain: if gain > 0.0 { gain * staying } else { gain },
            incentive: of_units(rung.incentive),
            units,
            contact_cost: channel.contact_cost,
            fatigue: self.fatigue(customer, 1),
            churn_cost: self.policy.churn_per_contact * possessions.remaining,
            lever: terms.lever,
            prepares: self.prepares(customer, offer_idx),
        };
        let (offer, margin) = (OfferId(offer_idx as u32), of_units(rung.margin) - held_margin);
        let value = worth.ranked();
        let ahead = self.ahead(customer, offer_idx, value);
        Ok(Ok(Candidate { offer, propensity, margin, worth, fresh, value, ahead }))
    }

    /// The channel through which a pair would be made: that of the step that is due, else the customer's.
    pub(super) fn channel_of(&self, customer: usize, offer_idx: usize, usual: Option<Channel>) -> Option<Channel> {
        let Some(index) = self.due(customer, offer_idx).and_then(|step| step.channel) else { return usual };
        let is_open = self.customers.open(customer).contains(index);
        self.policy.channels.iter().find(|channel| channel.index == index && is_open).copied()
    }

    pub(super) fn due(&self, customer: usize, offer_idx: usize) -> Option<ApproachStep> {
        let approaches = self.customers.approaches?;
        let (approach, step) = approaches.step(customer, offer_idx)?;
        Some(approaches.all[approach].steps[usize::from(step)])
    }

    /// Where the step that is due makes no offer: what the steps after it cost until one does, each through the channel that costs least.
    fn prepares(&self, customer: usize, offer_idx: usize) -> Option<Minor> {
        let approaches = self.customers.approaches?;
        let (approach, due) = approaches.step(customer, offer_idx)?;
        let steps = &approaches.all[approach].steps[usize::from(due)..];
        if steps[0].makes_offer {
            return None;
        }
        let cost = |step: &ApproachStep| {
            let through = |channel: &&Channel| step.channel.is_none_or(|index| index == channel.index);
            self.policy.channels.iter().filter(through).map(|channel| channel.contact_cost).min().unwrap_or(Minor(0))
        };
        let until_offer = steps.iter().position(|step| step.makes_offer).map_or(steps.len(), |at| at + 1);
        Some(steps[1..until_offer].iter().map(cost).fold(Minor(0), |sum, cost| sum + cost))
    }

    /// What another offer must be worth more than this one to take its place.
    pub(super) fn ahead(&self, customer: usize, offer_idx: usize, value: Minor) -> Minor {
        let is_incumbent = self.customers.incumbents.is_some_and(|offers| offers[customer] == offer_idx as u32);
        let share = if is_incumbent { self.policy.switch_gain } else { 0.0 };
        Minor((share * value.0.max(0) as f64).round_ties_even() as i64)
    }

    /// The value's interval, from the ends of the effect's.
    pub(super) fn interval(&self, candidate: &Candidate) -> Option<[Minor; 2]> {
        let response = self.policy.offers[candidate.offer.0 as usize].response?;
        if candidate.worth.prepares.is_some() {
            return None;
        }
        let at = |log_odds| candidate.worth.at(&response, candidate.propensity, log_odds).expected();
        let ends = response.interval?.map(at);
        // More takes are worth less where a take costs more than it brings.
        Some([ends[0].min(ends[1]), ends[0].max(ends[1])])
    }
}

/// The value of every pair in its parts, through the channel the pair is worth most by; `None` for what a rule removes.
///
/// Arguments and errors as in [`super::rank`].
///
/// # Errors
/// `Stopped`; `NotAProbability`.
pub fn worths(
    ladder: &Ladder,
    customers: &Customers,
    pairs: (&[Verdict], &[f32]),
    policy: &RankPolicy,
    control: &dyn Control,
) -> Result<Vec<Option<Worth>>> {
    let problem = Problem::new(ladder, customers, pairs, policy);
    let blocks = for_each_block(customers.len(), control, |rows| {
        let mut worths = Vec::with_capacity(rows.len() * ladder.n_offers());
        problem.visit(rows, |_, candidates, _| {
            let first = worths.len();
            worths.resize(first + ladder.n_offers(), None);
            for one in candidates {
                worths[first + one.offer.0 as usize] = Some(one.worth);
            }
        })?;
        Ok(worths)
    })?;
    Ok(blocks.concat())
}
