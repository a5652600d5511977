//! Staged approaches: what the pipeline file declares of them, bound to offers, and where customers stand in each, out of their contacts.

use std::sync::Arc;

use osusume_decide::{Approach, ApproachStep, ChannelSet, Stand, Stops, Touch};
use osusume_model::{Code, Date, Fault, Offer};

use super::state::Reader;
use crate::config::ApproachSetting;

/// The kind of a row whose step makes no offer.
pub(crate) const CHECK: &str = "check";

/// No step that any approach has; what stands for it in the ledger.
pub(super) const NO_STEP: u16 = u16::MAX;

/// The approaches of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct BoundApproaches {
    /// As the kernel takes them.
    pub(crate) all: Arc<[Approach]>,
    /// The names of the steps, approach by approach.
    names: Vec<Vec<String>>,
    /// For each approach the step that each of the names the ledger knows stands for.
    of_name: Vec<Vec<Option<u8>>>,
}

impl BoundApproaches {
    /// `offers` says for each approach which offers it names; `step_names` are all names of steps, as the ledger numbers them. An offer in two
    /// approaches is a fault.
    pub(super) fn new(
        settings: &[ApproachSetting],
        offers: Vec<Vec<bool>>,
        (keys, step_names): (&[Offer], &[&str]),
        faults: &mut Vec<Fault>,
    ) -> Self {
        for (offer, key) in keys.iter().enumerate() {
            let of: Vec<usize> = (0..offers.len()).filter(|&approach| offers[approach][offer]).collect();
            if let [first, second, ..] = of[..] {
                let place = format!("decide.approach[{second}].offers");
                let fault = Fault::new(Code::ConfigNotAllowed).named(&place).with("key", place.as_str());
                let other = format!("≠ decide.approach[{first}].offers");
                faults.push(fault.with("got", key.key.as_str()).with("allowed", other));
            }
        }
        let of_name = |setting: &ApproachSetting| {
            let position = |name: &&str| setting.steps.iter().position(|step| step.name == *name);
            step_names.iter().map(|name| position(name).map(|step| step as u8)).collect()
        };
        Self {
            all: settings.iter().zip(offers).map(|(setting, offers)| approach(setting, offers)).collect(),
            names: settings
                .iter()
                .map(|setting| setting.steps.iter().map(|step| step.name.clone()).collect())
                .collect(),
            of_name: settings.iter().map(of_name).collect(),
        }
    }

    /// The step of an offer's approach that is due for a customer, and whether it makes the offer; `stands` are those of a block.
    pub(crate) fn step(&self, stands: &[Stand], customer: usize, offer: usize) -> Option<(&str, bool)> {
        let (approach, step) = due(&self.all, stands, customer, offer)?;
        let makes_offer = self.all[approach].steps[step].makes_offer;
        Some((&self.names[approach][step], makes_offer))
    }
}

fn approach(setting: &ApproachSetting, offers: Vec<bool>) -> Approach {
    let step = |step: &crate::config::StepSetting| ApproachStep {
        wait_days: step.wait_days,
        channel: step.channel.map(|channel| channel as u8),
        makes_offer: step.makes_offer,
    };
    Approach {
        offers,
        steps: setting.steps.iter().map(step).collect(),
        again_days: setting.again_days,
        stop_after_ignored: setting.stop_after_ignored,
    }
}

/// Approach and step of an offer for a customer, where one is due.
fn due(all: &[Approach], stands: &[Stand], customer: usize, offer: usize) -> Option<(usize, usize)> {
    let approach = all.iter().position(|approach| approach.offers[offer])?;
    match stands[customer * all.len() + approach] {
        Stand::Due(step) => Some((approach, usize::from(step))),
        Stand::Waiting | Stand::Stopped | Stand::Done => None,
    }
}

/// The channels of `open` that the step of an offer, where it has one, may go through.
pub(super) fn channels(
    all: &[Approach],
    stands: &[Stand],
    (customer, offer): (usize, usize),
    open: ChannelSet,
) -> ChannelSet {
    let channel = due(all, stands, customer, offer).and_then(|(approach, step)| all[approach].steps[step].channel);
    channel.map_or(open, |channel| ChannelSet(open.0 & 1 << channel))
}

/// A contact made, or one that is out, as approaches see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    /// Its day.
    pub(super) day: Date,
    /// The offer it was about, a position among the ledger's names.
    pub(super) offer: Option<u32>,
    /// The step it tells, a position among the names of steps; [`NO_STEP`] for none of them.
    pub(super) step: u16,
    /// Whether the customer answered.
    pub(super) is_answered: bool,
    /// Whether it is still to come.
    pub(super) is_out: bool,
}

impl Reader<'_> {
    /// One list an approach, oldest first: the contacts of a customer that belong to it.
    pub(super) fn touches(&self, mut made: Vec<Made>) -> Vec<Vec<Touch>> {
        let BoundApproaches { all, of_name, .. } = &self.conditions.approaches;
        made.sort_by_key(|contact| contact.day);
        let touches = |(approach, of_name): (&Approach, &Vec<Option<u8>>)| {
            let is_about = |offer: u32| approach.offers.get(offer as usize).is_some_and(|is_named| *is_named);
            let own = made.iter().filter(|contact| contact.offer.is_some_and(is_about));
            let touch = |contact: &Made| Touch {
                days_ago: self.days_from(contact.day),
                step: of_name.get(usize::from(contact.step)).copied().flatten(),
                is_answered: contact.is_answered,
                is_out: contact.is_out,
            };
            own.map(touch).collect()
        };
        all.iter().zip(of_name).map(touches).collect()
    }

    /// Where customers stand, customers × approaches.
    pub(super) fn stands(&self, touches: &[Vec<Touch>], stops: impl Fn(usize, usize) -> Stops) -> Vec<Stand> {
        let all = &self.conditions.approaches.all;
        let stand = |(cell, touches): (usize, &Vec<Touch>)| {
            let (customer, approach) = (cell / all.len(), cell % all.len());
            all[approach].stand(touches, &stops(customer, approach))
        };
        touches.iter().enumerate().map(stand).collect()
    }
}
