//! When an offer is right, and for whom.

use std::collections::BTreeSet;

use osusume_decide::Layer;

/// One of `decide.rule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRule {
    /// What it is called.
    pub name: String,
    /// What it asks.
    pub layer: Layer,
    /// Offers or families; every offer without any.
    pub offers: Vec<String>,
    /// The condition as it was written.
    pub condition: String,
    /// Whether the rule removes where the condition is not true (`unless`) instead of where it is.
    pub is_negated: bool,
    /// What is said of it, in English and in Japanese.
    pub reason: [Option<String>; 2],
}

impl OwnRule {
    /// The key the condition stands under.
    pub fn key(&self) -> &'static str {
        if self.is_negated { "unless" } else { "when" }
    }
}

/// What a trigger does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Its offers need it, or another one that unlocks them.
    Unlock,
    /// It says when to contact.
    Date {
        /// Days from the as-of date to the first day.
        from: Option<String>,
        /// Days from the as-of date to the day from which it is too late.
        until: Option<String>,
    },
    /// Its offers last so many days at most.
    Expire(u32),
}

/// One of `decide.trigger`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// What it is called.
    pub name: String,
    /// The condition as it was written.
    pub condition: String,
    /// Offers or families; every offer without any.
    pub offers: Vec<String>,
    /// What it does.
    pub effect: Effect,
}

/// One of `decide.lane`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// What it is called.
    pub name: String,
    /// The condition as it was written.
    pub condition: String,
    /// Offers or families that stay; none without any.
    pub offers: Vec<String>,
}

/// One of `decide.channel_limit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelLimit {
    /// The channel, a position among `decide.channels`.
    pub channel: usize,
    /// Days in which contacts are counted.
    pub days: u32,
    /// Most contacts within those days.
    pub max: u16,
}

/// One step of an approach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepSetting {
    /// What it is called.
    pub name: String,
    /// The channel it goes through, a position among `decide.channels`; any without.
    pub channel: Option<usize>,
    /// Days from the contact before it at least.
    pub wait_days: u16,
    /// Whether it makes the offer.
    pub makes_offer: bool,
}

/// One of `decide.approach`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApproachSetting {
    /// What it is called.
    pub name: String,
    /// Offers or families.
    pub offers: Vec<String>,
    /// The steps, one at least.
    pub steps: Vec<StepSetting>,
    /// The condition under which no step is made, as it was written.
    pub stop_when: Option<String>,
    /// Contacts in a row without an answer after which it stops.
    pub stop_after_ignored: Option<u16>,
    /// Days without a contact after which it begins anew.
    pub again_days: Option<u16>,
}

/// What `decide` declares of timing and suitability.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Rules, in the order of the file.
    pub rules: Vec<OwnRule>,
    /// Triggers, in the order of the file.
    pub triggers: Vec<Trigger>,
    /// Lanes, in the order of the file.
    pub lanes: Vec<Lane>,
    /// Offers made in steps, in the order of the file.
    pub approaches: Vec<ApproachSetting>,
    /// Contacts a channel bears.
    pub channel_limits: Vec<ChannelLimit>,
    /// Offers of contacts that count for nothing.
    pub mandatory: Vec<String>,
    /// What one contact more costs in minor units, by contacts made; the last number for all who had more.
    pub fatigue: Vec<i64>,
}

impl Timing {
    /// The names of all steps of approaches, each once.
    pub fn step_names(&self) -> Vec<&str> {
        let steps = self.approaches.iter().flat_map(|approach| &approach.steps);
        let names: BTreeSet<&str> = steps.map(|step| step.name.as_str()).collect();
        names.into_iter().collect()
    }

    /// Whether nothing that speaks of offers or columns is declared.
    pub fn has_no_conditions(&self) -> bool {
        let has_none = self.rules.is_empty() && self.triggers.is_empty() && self.lanes.is_empty();
        has_none && self.approaches.is_empty()
    }
}
