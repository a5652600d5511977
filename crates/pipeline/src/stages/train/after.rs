//! What follows a take or a contact: steps back soon after a take, and customers who leave because they were contacted.

/// What is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct After {
    /// Steps back after takes of the offer; absent where too few takes are old enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step_backs: Option<StepBacks>,
    /// Customers lost by contacts, over all offers; absent where no draw tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) churn: Option<Churn>,
}

/// Takes of the past, and how many of them were given up within 90 days.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct StepBacks {
    /// Takes that are 90 days old.
    pub(crate) takes: u64,
    /// Those after which less was held 90 days later than the take had led to.
    pub(crate) back: u64,
}

impl StepBacks {
    /// Share of the takers who stepped back.
    pub(crate) fn rate(&self) -> f64 {
        self.back as f64 / self.takes.max(1) as f64
    }
}

/// Customers contacted or held back by draws, and how many of them hold nothing any more at the end of the window.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Churn {
    /// Those contacted, and those of them who left.
    pub(crate) contacted: super::ArmRows,
    /// The same of those held back.
    pub(crate) held_back: super::ArmRows,
    /// Share of customers a contact loses.
    pub(crate) difference: f64,
    /// Its 95 % interval.
    pub(crate) interval: [f64; 2],
}

/// What is known of what comes of offering an offer, beside its propensity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effects<'a> {
    /// What a contact adds, where it is known.
    pub(crate) contact: Option<&'a super::Contact>,
    /// What follows.
    pub(crate) after: After,
}
