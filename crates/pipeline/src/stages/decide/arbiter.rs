//! The arbiter: from what is known of customers and their propensities to what becomes of every offer.

use osusume_decide::{
    Approaches, ContactHistory, ContactPolicy, Customers, Declared, Ladder, Lever, PlacedOffers, RankPolicy, Ranked,
    Rule, Verdict, WantedOffers, Worth, apply_approaches, apply_contact_policy, apply_declared, eligibility, hold_back,
    rank, rank_placed, wanted, worths,
};
use osusume_model::{AsOf, Catalogue, Control, Minor, Result};

use super::state::State;
use super::valuation::policy;
use crate::catalogue::{Goods, contradictions};
use crate::config::{Config, HoldEvent};
use crate::job::Scene;
use crate::kernel::decide_fault;
use crate::stages::consents::all_channels;
use crate::stages::train::Effects;

/// Rules and policy of a run. It knows nothing of models: propensities come from outside.
#[derive(Clone)]
pub(crate) struct Arbiter {
    ladder: Ladder,
    policy: RankPolicy,
    contact: ContactPolicy,
    declared: Declared,
}

impl Arbiter {
    /// The rules of the catalogue, the policy of the configuration, and what it declares itself; `effects` is what
    /// was learned of each offer.
    ///
    /// # Errors
    /// `CatalogueContradiction`.
    pub(crate) fn new(config: &Config, goods: &Goods, declared: &Declared, effects: &[Effects<'_>]) -> Result<Self> {
        // Products of a shop form no ladder; only what is held does.
        let products = if goods.rules().is_empty() { Vec::new() } else { goods.catalogue.products.clone() };
        let catalogue = Catalogue { products, ..goods.catalogue.clone() };
        Ok(Self {
            ladder: Ladder::new(&catalogue).map_err(|errors| contradictions(&errors))?,
            policy: policy(config, &goods.catalogue.offers, effects),
            contact: contact_policy(config),
            declared: declared.clone(),
        })
    }

    /// The same rules, offers valued by the take alone: propensity × margin less what the contact costs, without what a contact adds or
    /// puts at risk, levers, and what was offered last time.
    pub(super) fn by_taking(&self) -> Self {
        let mut policy = self.policy.clone();
        (policy.churn_per_contact, policy.switch_gain) = (0.0, 0.0);
        for terms in &mut policy.offers {
            (terms.response, terms.lever) = (None, Lever::default());
        }
        Self { policy, ..self.clone() }
    }

    /// The expected value below which making no offer is worth more.
    pub(crate) fn threshold(&self) -> Minor {
        self.policy.threshold
    }

    /// What becomes of customers × offers; `propensity` is row-major, NaN where there is none.
    ///
    /// # Errors
    /// A stop asked for.
    pub(crate) fn rank(&self, scene: &Scene<'_>, state: &State, propensity: &[f32], as_of: AsOf) -> Result<Ranked> {
        self.judge(scene, state, as_of, |customers, verdicts, control| {
            rank(&self.ladder, customers, (verdicts, propensity), &self.policy, control)
        })
    }

    /// The value of customers × offers in its parts; `None` where a rule removes the offer.
    ///
    /// # Errors
    /// A stop asked for.
    pub(crate) fn worths(
        &self,
        scene: &Scene<'_>,
        state: &State,
        propensity: &[f32],
        as_of: AsOf,
    ) -> Result<Vec<Option<Worth>>> {
        self.judge(scene, state, as_of, |customers, verdicts, control| {
            worths(&self.ladder, customers, (verdicts, propensity), &self.policy, control)
        })
    }

    /// As [`Self::rank`], where it is settled what each customer gets.
    ///
    /// # Errors
    /// A stop asked for.
    pub(crate) fn rank_placed(
        &self,
        scene: &Scene<'_>,
        state: &State,
        propensity: &[f32],
        as_of: AsOf,
        placed: &PlacedOffers<'_>,
    ) -> Result<Ranked> {
        self.judge(scene, state, as_of, |customers, verdicts, control| {
            rank_placed(&self.ladder, customers, (verdicts, propensity), &self.policy, placed, control)
        })
    }

    /// What the customers could get; of offers with `is_due` also where they are worth less than the threshold.
    ///
    /// # Errors
    /// A stop asked for.
    pub(crate) fn wanted(
        &self,
        scene: &Scene<'_>,
        state: &State,
        propensity: &[f32],
        as_of: AsOf,
        is_due: &[bool],
    ) -> Result<WantedOffers> {
        self.judge(scene, state, as_of, |customers, verdicts, control| {
            wanted(&self.ladder, customers, (verdicts, propensity), &self.policy, is_due, control)
        })
    }

    /// Applies the rules, and hands what they leave to `then`.
    fn judge<T>(
        &self,
        scene: &Scene<'_>,
        state: &State,
        as_of: AsOf,
        then: impl FnOnce(&Customers<'_>, &[Verdict], &dyn Control) -> osusume_decide::Result<T>,
    ) -> Result<T> {
        let contacts = &state.contacts;
        let customers = Customers {
            held_offsets: &state.held_offsets,
            held: &state.held,
            consents: &state.consents,
            suppressed: None,
            bought: (!state.bought.is_empty()).then_some(state.bought.as_slice()),
            incumbents: (!state.incumbents.is_empty()).then_some(state.incumbents.as_slice()),
            contacts_left: None,
            channels_left: (!contacts.channels_left.is_empty()).then_some(contacts.channels_left.as_slice()),
            recent_contacts: Some(&contacts.n),
            approaches: Some(Approaches { all: &state.approaches, stands: &state.stands }),
            units: (!state.units.is_empty()).then_some(state.units.as_slice()),
        };
        let history = ContactHistory {
            n_contacts: &contacts.n,
            is_used_up: &customers.used_up(all_channels(scene)),
            days_since_contact: &contacts.days_since,
            days_since_complaint: &state.days_since_complaint,
            days_since_purchase: &state.days_since_purchase,
            days_since_ignored: &contacts.days_since_ignored,
        };
        let contacts_left = self.contact.contacts_left(&history);
        let customers = Customers { contacts_left: contacts_left.as_deref(), ..customers };
        let fault = |error: osusume_decide::DecideError| decide_fault(&error);
        let control = scene.quiet();
        let mut verdicts =
            eligibility(&self.ladder, &customers, as_of.date, all_channels(scene), &control).map_err(fault)?;
        apply_contact_policy(&self.contact, &history, &mut verdicts);
        apply_declared(&self.declared, &state.found.view(), &mut verdicts);
        apply_approaches(&customers, &mut verdicts);
        for (verdict, _) in verdicts.iter_mut().zip(&state.is_asked_of_others).filter(|(_, is_asked)| **is_asked) {
            if *verdict == Verdict::Eligible {
                *verdict = Verdict::Removed(Rule::UnitAsked);
            }
        }
        rest(&state.is_resting, &mut verdicts);
        hold_back(&state.is_held_back, &mut verdicts);
        then(&customers, &verdicts, &control).map_err(fault)
    }
}

/// Removes what is left of the offers of customers whose household others are asked of.
fn rest(is_resting: &[bool], verdicts: &mut [Verdict]) {
    let n_offers = verdicts.len() / is_resting.len().max(1);
    for (verdicts, _) in verdicts.chunks_exact_mut(n_offers.max(1)).zip(is_resting).filter(|(_, rests)| **rests) {
        for verdict in verdicts.iter_mut().filter(|verdict| **verdict == Verdict::Eligible) {
            *verdict = Verdict::Removed(Rule::HouseholdLimit);
        }
    }
}

fn contact_policy(config: &Config) -> ContactPolicy {
    let decide = &config.decide;
    let hold = |event: HoldEvent| {
        let days = decide.hold_after.iter().find(|hold| hold.event == event).map(|hold| hold.days)?;
        u16::try_from(days).ok()
    };
    ContactPolicy {
        max_contacts: u16::try_from(decide.contact_limit_max).ok(),
        min_days_between: u16::try_from(decide.min_days_between).ok().filter(|days| *days > 0),
        hold_after_complaint_days: hold(HoldEvent::Complaint),
        hold_after_purchase_days: hold(HoldEvent::Purchase),
        hold_after_ignored_days: hold(HoldEvent::Ignored),
    }
}
