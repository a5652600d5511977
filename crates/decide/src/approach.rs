//! Staged approaches: offers that are made in steps, with waits between them and reasons to stop.
//!
//! Which step a customer is at follows from the contacts there were, and from nothing that is kept beside them. An approach is one
//! conversation with a customer, whichever of its offers a contact was about.

use crate::eligibility::{ChannelSet, Customers};
use crate::{NEVER, Rule, Verdict};

/// Most approaches a pipeline may declare: one bit each of what stops them for a customer.
pub const MAX_APPROACHES: usize = u64::BITS as usize;

/// Most steps of an approach.
pub const MAX_STEPS: usize = 32;

/// One step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApproachStep {
    /// Days from the contact before it to this one at least; nothing for the first.
    pub wait_days: u16,
    /// The channel it goes through; any without.
    pub channel: Option<u8>,
    /// Whether it makes the offer. Otherwise it is a contact that prepares one.
    pub makes_offer: bool,
}

/// An approach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approach {
    /// One flag an offer: whether it is made in these steps.
    pub offers: Vec<bool>,
    /// Between 1 and [`MAX_STEPS`].
    pub steps: Vec<ApproachStep>,
    /// Days without a contact after which it begins anew; never without.
    pub again_days: Option<u16>,
    /// Contacts in a row that nobody answered, after which it stops.
    pub stop_after_ignored: Option<u16>,
}

/// A contact about one of an approach's offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Days from it to the as-of date.
    pub days_ago: u16,
    /// The step it was; without, the one whose turn it was.
    pub step: Option<u8>,
    /// Whether the customer answered.
    pub is_answered: bool,
    /// Whether it is still to come: handed out by an earlier run, and not reported yet.
    pub is_out: bool,
}

/// What ends an approach, of one customer. Days to the as-of date; [`NEVER`] where nothing of the kind happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stops {
    /// The condition that the pipeline declares holds.
    pub is_declared: bool,
    /// Days since the last complaint.
    pub days_since_complaint: u16,
    /// Days since one of the approach's offers was last taken.
    pub days_since_take: u16,
}

impl Default for Stops {
    fn default() -> Self {
        Self { is_declared: false, days_since_complaint: NEVER, days_since_take: NEVER }
    }
}

/// Where a customer stands in an approach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// This step is due.
    Due(u8),
    /// The next one is not due yet.
    Waiting,
    /// It ended before its last step.
    Stopped,
    /// Its last step was made.
    Done,
}

impl Approach {
    /// Where a customer stands after `touches`, oldest first.
    ///
    /// A gap of [`Self::again_days`] begins the approach anew: what was before it counts for nothing. A touch that names no step is the next
    /// one if its wait was over by then, and else belongs to the one before. While one is out everything waits for it. A complaint or a take
    /// since the approach began stops it.
    pub fn stand(&self, touches: &[Touch], stops: &Stops) -> Stand {
        let is_gap = |days: u16| self.again_days.is_some_and(|again| days >= again);
        let begins = (1..touches.len()).rev().find(|&at| is_gap(touches[at - 1].days_ago - touches[at].days_ago));
        let round = &touches[begins.unwrap_or(0)..];
        let round = if round.last().is_some_and(|last| !last.is_out && is_gap(last.days_ago)) { &[] } else { round };
        let Some((first, last)) = round.first().zip(round.last()) else {
            return if stops.is_declared { Stand::Stopped } else { Stand::Due(0) };
        };
        if round.iter().any(|touch| touch.is_out) {
            return Stand::Waiting;
        }
        let is_since = |days: u16| days != NEVER && days <= first.days_ago;
        if stops.is_declared || is_since(stops.days_since_complaint) || is_since(stops.days_since_take) {
            return Stand::Stopped;
        }
        let next = self.reached(round) + 1;
        match self.steps.get(next) {
            None => Stand::Done,
            Some(step) if last.days_ago < step.wait_days => Stand::Waiting,
            // Only now has the customer had the time to answer.
            Some(_) if self.is_ignored(round) => Stand::Stopped,
            Some(_) => Stand::Due(next as u8),
        }
    }

    /// The furthest step of a round that has begun.
    fn reached(&self, round: &[Touch]) -> usize {
        let mut reached: Option<usize> = None;
        let mut before = 0;
        for touch in round {
            let named = touch.step.map(usize::from).filter(|&step| step < self.steps.len());
            let now = match (named, reached) {
                (Some(step), _) => step,
                (None, None) => 0,
                (None, Some(at)) => {
                    let is_over = |step: &ApproachStep| before - touch.days_ago >= step.wait_days;
                    if self.steps.get(at + 1).is_some_and(is_over) { at + 1 } else { at }
                }
            };
            reached = Some(reached.map_or(now, |at| at.max(now)));
            before = touch.days_ago;
        }
        reached.unwrap_or(0)
    }

    fn is_ignored(&self, round: &[Touch]) -> bool {
        let ignored = round.iter().rev().take_while(|touch| !touch.is_answered).count();
        self.stop_after_ignored.is_some_and(|most| ignored >= usize::from(most))
    }
}

/// Where customers stand in all approaches of a pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Approaches<'a> {
    /// The approaches; no offer is made in two of them.
    pub all: &'a [Approach],
    /// Customers × approaches.
    pub stands: &'a [Stand],
}

impl Approaches<'_> {
    /// The step of the approach the offer is made in, which must be due.
    pub(crate) fn step(&self, customer: usize, offer: usize) -> Option<(usize, u8)> {
        let approach = self.all.iter().position(|one| one.offers[offer])?;
        match self.stands[customer * self.all.len() + approach] {
            Stand::Due(step) => Some((approach, step)),
            Stand::Waiting | Stand::Stopped | Stand::Done => None,
        }
    }
}

/// Removes the offers of approaches whose next step is not due, that ended, or whose step goes through a channel that is not open to the
/// customer. An offer already removed keeps its rule.
///
/// Sets: `verdicts` (customers × offers).
pub fn apply_approaches(customers: &Customers<'_>, verdicts: &mut [Verdict]) {
    let Some(approaches) = customers.approaches.filter(|found| !found.all.is_empty()) else { return };
    let n_offers = approaches.all[0].offers.len();
    if n_offers == 0 {
        return;
    }
    assert_eq!(verdicts.len(), customers.len() * n_offers, "one verdict a customer and offer");
    for (customer, verdicts) in verdicts.chunks_exact_mut(n_offers).enumerate() {
        let open = customers.open(customer);
        for (position, approach) in approaches.all.iter().enumerate() {
            let stand = approaches.stands[customer * approaches.all.len() + position];
            let Some(rule) = approach.bars(stand, open) else { continue };
            let named = verdicts.iter_mut().zip(&approach.offers).filter(|(_, is_named)| **is_named);
            for (verdict, _) in named.filter(|(verdict, _)| **verdict == Verdict::Eligible) {
                *verdict = Verdict::Removed(rule);
            }
        }
    }
}

impl Approach {
    fn bars(&self, stand: Stand, open: ChannelSet) -> Option<Rule> {
        match stand {
            Stand::Due(step) => {
                let channel = self.steps[usize::from(step)].channel?;
                (!open.contains(channel)).then_some(Rule::StepChannel)
            }
            Stand::Waiting => Some(Rule::StepWait),
            Stand::Stopped => Some(Rule::ApproachStopped),
            Stand::Done => Some(Rule::ApproachDone),
        }
    }
}

#[cfg(test)]
mod tests;
