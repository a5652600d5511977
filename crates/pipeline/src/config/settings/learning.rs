//! How the ranking and its offers are measured: the part of `[decide]` that gives some customers something else.

use std::collections::BTreeMap;

/// Policy arms, and what the holdout shall show.
#[derive(Clone, Debug, PartialEq)]
pub struct Learning {
    /// Share of those outside the holdout whose offers are ranked by what a take is worth.
    pub propensity_arm: f64,
    /// Share who get any offer the rules leave; below 1 together.
    pub random_arm: f64,
    /// The effect worth detecting, as a share of the rate of takes.
    pub detect: f64,
    /// The largest share held out for it.
    pub at_most: f64,
    /// Share of customers held out of every single offer, in [0, 0.5].
    pub offer_fraction: f64,
    /// The same for the offers named here.
    pub offer_fractions: BTreeMap<String, f64>,
}

impl Learning {
    /// The share of customers an offer is never made to.
    pub fn held_back(&self, offer: &str) -> f64 {
        self.offer_fractions.get(offer).copied().unwrap_or(self.offer_fraction)
    }
}
