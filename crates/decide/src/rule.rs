//! The rules that remove an offer, in their three layers.

/// What a rule asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// May this customer have it?
    Eligibility,
    /// Is now the time?
    Applicability,
    /// Should it be offered at all?
    Suitability,
}

/// Why an offer was removed for a customer. The first that applies, in the order below, is the one reported; a declared one after the
/// others of its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The as-of date lies outside the offer's validity.
    NotValid,
    /// The customer is on a suppression list.
    Suppressed,
    /// No channel of the run has the customer's consent.
    NoConsent,
    /// The customer is among those the offer is never made to, so that its own effect can be measured.
    OfferHoldout,
    /// The product, or one of its tier, is held; for a cross-sell anything of the family.
    AlreadyHeld,
    /// A higher tier of the family is held.
    HigherTierHeld,
    /// The next lower tier is not held.
    LadderStep,
    /// A required family is not held.
    Prerequisite,
    /// An excluded family or product is held.
    Excluded,
    /// The category was bought recently.
    RecentPurchase,
    /// As many contacts as allowed have been made.
    ContactLimit,
    /// Every channel that has the customer's consent has been used as often as allowed.
    ChannelLimit,
    /// The last contact is too recent.
    TooSoon,
    /// A complaint is too recent.
    HoldAfterComplaint,
    /// A purchase is too recent.
    HoldAfterPurchase,
    /// The last contacts were all ignored, and the last of them is too recent.
    HoldAfterIgnored,
    /// The offer is made in steps, and the next one is not due yet.
    StepWait,
    /// The step that is due goes through a channel that is not open to the customer.
    StepChannel,
    /// The approach the offer is made in was stopped.
    ApproachStopped,
    /// All steps of the approach the offer is made in were made.
    ApproachDone,
    /// None of the triggers that unlock the offer holds.
    NoTrigger,
    /// What is offered is sold to a household or an account together, and another member is asked.
    UnitAsked,
    /// Others of the household are asked.
    HouseholdLimit,
    /// The places there are went to customers for whom they are worth more.
    NoCapacity,
    /// One contact more would take more from the others than it adds.
    WearOut,
    /// The customer explores, and the lot fell on something else.
    NotDrawn,
    /// The customer is in an arm whose offers another policy chooses, and it chose something else.
    OtherArm,
    /// A contact makes takes of the offer rarer.
    Harmful,
    /// The customer is in a lane in which the offer is not made.
    Lane,
    /// There is no calibrated propensity for the pair.
    NotScored,
    /// A rule of the pipeline's own, by its layer and its place among those declared. Where it comes among the others its layer says.
    Declared(Layer, u8),
}

impl Rule {
    /// Every rule but the declared ones, in the order in which they are asked.
    pub const ALL: [Self; 30] = [
        Self::NotValid,
        Self::Suppressed,
        Self::NoConsent,
        Self::OfferHoldout,
        Self::AlreadyHeld,
        Self::HigherTierHeld,
        Self::LadderStep,
        Self::Prerequisite,
        Self::Excluded,
        Self::RecentPurchase,
        Self::ContactLimit,
        Self::ChannelLimit,
        Self::TooSoon,
        Self::HoldAfterComplaint,
        Self::HoldAfterPurchase,
        Self::HoldAfterIgnored,
        Self::StepWait,
        Self::StepChannel,
        Self::ApproachStopped,
        Self::ApproachDone,
        Self::NoTrigger,
        Self::UnitAsked,
        Self::HouseholdLimit,
        Self::NoCapacity,
        Self::WearOut,
        Self::NotDrawn,
        Self::OtherArm,
        Self::Harmful,
        Self::Lane,
        Self::NotScored,
    ];

    /// The name in files; of a declared rule what it begins with.
    pub fn id(self) -> &'static str {
        match self {
            Self::NotValid => "not_valid",
            Self::Suppressed => "suppressed",
            Self::NoConsent => "no_consent",
            Self::OfferHoldout => "offer_holdout",
            Self::AlreadyHeld => "already_held",
            Self::HigherTierHeld => "higher_tier_held",
            Self::LadderStep => "ladder_step",
            Self::Prerequisite => "prerequisite",
            Self::Excluded => "excluded",
            Self::RecentPurchase => "recent_purchase",
            Self::ContactLimit => "contact_limit",
            Self::ChannelLimit => "channel_limit",
            Self::TooSoon => "too_soon",
            Self::HoldAfterComplaint => "hold_after_complaint",
            Self::HoldAfterPurchase => "hold_after_purchase",
            Self::HoldAfterIgnored => "hold_after_ignored",
            Self::StepWait => "step_wait",
            Self::StepChannel => "step_channel",
            Self::ApproachStopped => "approach_stopped",
            Self::ApproachDone => "approach_done",
            Self::NoTrigger => "no_trigger",
            Self::UnitAsked => "unit_asked",
            Self::HouseholdLimit => "household_limit",
            Self::NoCapacity => "no_capacity",
            Self::WearOut => "wear_out",
            Self::NotDrawn => "not_drawn",
            Self::OtherArm => "other_arm",
            Self::Harmful => "harmful",
            Self::Lane => "lane",
            Self::NotScored => "not_scored",
            Self::Declared(..) => "rule",
        }
    }

    /// The layer it belongs to.
    pub fn layer(self) -> Layer {
        match self {
            Self::RecentPurchase
            | Self::ContactLimit
            | Self::ChannelLimit
            | Self::TooSoon
            | Self::HoldAfterComplaint
            | Self::HoldAfterPurchase
            | Self::HoldAfterIgnored
            | Self::StepWait
            | Self::StepChannel
            | Self::ApproachStopped
            | Self::ApproachDone
            | Self::NoTrigger
            | Self::UnitAsked
            | Self::HouseholdLimit
            | Self::NoCapacity
            | Self::WearOut
            | Self::NotDrawn
            | Self::OtherArm => Layer::Applicability,
            Self::Harmful | Self::Lane | Self::NotScored => Layer::Suitability,
            Self::Declared(layer, _) => layer,
            _ => Layer::Eligibility,
        }
    }
}

/// Whether an offer may go to a customer so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing has removed it.
    Eligible,
    /// This rule removed it.
    Removed(Rule),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rules_are_listed_once_in_order() {
        assert!(Rule::ALL.windows(2).all(|pair| pair[0] < pair[1] && pair[0].layer() <= pair[1].layer()));
        assert!(Rule::ALL.iter().all(|rule| *rule < Rule::Declared(Layer::Eligibility, 0)));
        let mut ids = Rule::ALL.map(Rule::id);
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
