//! What an offer is worth: the part of `[decide]` that values it.

use std::collections::BTreeMap;

words! {
    /// What counts as earned by a contact.
    ValueBasis {
        /// What the contact adds, where that is known; else the take.
        Incremental = "incremental",
        /// Every take, whether it would have come without the contact or not.
        Taking = "taking",
    }
}

words! {
    /// Where the share of customers that a contact loses comes from.
    ChurnBasis {
        /// The pipeline file.
        Declared = "declared",
        /// Customers contacted or held back by draws, where there are some.
        Estimated = "estimated",
    }
}

/// One of `[decide.levers]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeverSetting {
    /// Factor on what the offer brings, at least 0.
    pub factor: f64,
    /// Added to its value, in minor units.
    pub added_minor: i64,
}

/// `[decide.believed_response]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BelievedResponse {
    /// The share by which contacts change the odds on average, above −1.
    pub mean: f64,
    /// Standard deviation of that average from company to company, in log-odds.
    pub spread: f64,
    /// How far offers lie apart, in log-odds.
    pub between_offers: f64,
}

/// How offers are valued.
#[derive(Clone, Debug, PartialEq)]
pub struct Valuation {
    /// What counts as earned by a contact.
    pub basis: ValueBasis,
    /// What a contact costs by channel, in minor units; other channels cost `decide.contact_cost_minor`.
    pub channel_cost_minor: BTreeMap<String, i64>,
    /// Share of what a customer is still worth that a contact loses, in [0, 1].
    pub churn_per_contact: f64,
    /// Where that share comes from.
    pub churn: ChurnBasis,
    /// What is believed of contacts before any draw tells.
    pub believed: BelievedResponse,
    /// What each contact of a customer takes off the effect of the others, in [0, 1).
    pub wear_out: f64,
    /// By offer or family.
    pub levers: BTreeMap<String, LeverSetting>,
}
