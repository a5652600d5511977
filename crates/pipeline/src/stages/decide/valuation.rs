//! What offers are valued by: from the pipeline file and what was learned of contacts to the terms of crate `decide`.

use std::collections::BTreeMap;

use osusume_decide::{Channel, Lever, Lifetime, OfferTerms, RankPolicy, Response};
use osusume_model::{Minor, Offer};
use osusume_numeric::distributions::two_sided_z;

use crate::config::{ChurnBasis, Config, Decide, LeverSetting, ValueBasis};
use crate::stages::train::{CONFIDENCE, Contact, Effects};

/// The policy of a run whose offers are `offers`; `effects` is what was learned of each.
pub(super) fn policy(config: &Config, offers: &[Offer], effects: &[Effects<'_>]) -> RankPolicy {
    let decide = &config.decide;
    let terms = |(offer, effects): (&Offer, &Effects<'_>)| OfferTerms {
        response: effects.contact.filter(|_| decide.valuation.basis == ValueBasis::Incremental).map(response),
        is_harmful: effects.contact.is_some_and(|contact| response(contact).is_harmful()),
        step_back_rate: effects.after.step_backs.map_or(0.0, |found| found.rate()),
        lever: lever(&decide.valuation.levers, offer),
    };
    RankPolicy {
        per_customer: decide.per_customer,
        per_family: 1,
        threshold: Minor(decide.min_value_minor),
        channels: channels(decide),
        lifetime: Lifetime {
            horizon_months: decide.months,
            monthly_survival: decide.monthly_survival,
            monthly_discount: monthly_interest(decide.yearly_discount),
        },
        upsell_replaces: config.offers.upsell_replaces,
        churn_per_contact: churn_per_contact(decide, effects),
        wear_out: decide.valuation.wear_out,
        fatigue: decide.timing.fatigue.iter().map(|&minor| Minor(minor)).collect(),
        switch_gain: decide.switch_gain,
        offers: offers.iter().zip(effects).map(terms).collect(),
    }
}

fn response(contact: &Contact) -> Response {
    let Contact { contacted_share, log_odds, interval, .. } = *contact;
    Response { contacted_share, log_odds, interval }
}

/// The lever of the offer itself, else that of its family.
pub(crate) fn lever(levers: &BTreeMap<String, LeverSetting>, offer: &Offer) -> Lever {
    let setting = levers.get(&offer.key).or_else(|| levers.get(&offer.family));
    setting.map_or_else(Lever::default, |set| Lever { factor: set.factor, added: Minor(set.added_minor) })
}

/// Every channel with what a contact through it costs, in order of preference.
fn channels(decide: &Decide) -> Vec<Channel> {
    let channel = |(index, name): (u8, &String)| Channel { index, contact_cost: Minor(contact_cost(decide, name)) };
    (0..).zip(&decide.channels).map(channel).collect()
}

/// What a contact through a channel costs, in minor units.
pub(super) fn contact_cost(decide: &Decide, channel: &str) -> i64 {
    decide.contact_cost(channel)
}

/// How far the share of customers a contact loses may lie from the declared one: a standard deviation. Contacts seldom lose more than one
/// customer in a thousand, and a hundred thousand customers drawn tell about as much.
const CHURN_SPREAD: f64 = 0.0005;

/// The share of customers a contact loses: as the file says, or that drawn toward what draws tell, each by its precision. Never below 0, or
/// contacts alone would keep customers.
pub(crate) fn churn_per_contact(decide: &Decide, effects: &[Effects<'_>]) -> f64 {
    let declared = decide.valuation.churn_per_contact;
    let told = effects.iter().find_map(|effects| effects.after.churn);
    match told.filter(|_| decide.valuation.churn == ChurnBasis::Estimated) {
        Some(churn) => {
            let error = (churn.interval[1] - churn.interval[0]) / (2.0 * two_sided_z(CONFIDENCE));
            let [belief, evidence] = [CHURN_SPREAD, error].map(|spread| 1.0 / (spread * spread));
            ((belief * declared + evidence * churn.difference) / (belief + evidence)).max(0.0)
        }
        None => declared,
    }
}

/// The monthly interest i at which money a year later is worth 1 − `yearly_discount`: (1 + i)^−12 = 1 − discount.
fn monthly_interest(yearly_discount: f64) -> f64 {
    use osusume_numeric::elementary::{exp, ln};
    exp(-ln(1.0 - yearly_discount) / 12.0) - 1.0
}
