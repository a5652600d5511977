//! What being contacted adds to the probability of a take: from customers contacted or held back at random, offer by offer, drawn
//! toward what offers of the family have in common.
//!
//! **Data.** A [`Comparison`] is one draw that decided who was contacted: takes among the contacted and among the held back, at
//! effective sizes, so that weights and households count as they should (module `effect`). An offer may have several. No score of the
//! customers enters: takes are rare, and of a rare event the log odds ratio has the variance 1/takes + 1/takes, whatever else is known of
//! the customers; for the same reason the ratio given a score is the one without.
//!
//! **Model.** δ of an offer is the log odds ratio of a take, contacted against not. The likelihood of a comparison is profiled over the
//! odds of those held back; where takes are rare it is that of the contacted share of all takes, a binomial, so zero takes in an arm need
//! no correction. δ ~ N(family, τ²), family ~ N(all, σ²), all ~ N(mean, spread²), and τ and σ half normal, as [`ResponsePrior`] has them:
//! an effect is drawn toward its family as far as the offers are alike and its own takes are few. Nothing is plugged in: all of it is summed over grids,
//! exactly on the tree of offers, families and the whole (Pearl, 1988), so the interval knows that the spread is itself a guess.

mod shrink;

pub use shrink::contact_effects;

use osusume_numeric::distributions::Interval;
use osusume_numeric::elementary::exp;

use crate::effect::{Assignment, MIN_CLUSTERS, arms, within_clusters};
use crate::error::Result;

/// What is believed of the effects of contacts before any draw tells, in log-odds.
///
/// A company of 20,000 customers has a hundred takes an arm over all offers: their own error, 0.12 to 0.2, is as large as what contacts
/// mostly do. So what is believed decides whether anybody is contacted, until there is more to go by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponsePrior {
    /// What contacts do on average.
    pub mean: f64,
    /// How far that average of one company may lie from it: a standard deviation, above 0.
    pub spread: f64,
    /// How far families, and offers of a family, lie apart: the scale of a half normal, above 0.
    pub between_offers: f64,
}

/// Customers of one arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArmCount {
    /// Customers that, drawn independently with equal weights, would tell as much.
    pub n: f64,
    /// As many takes among them as give the arm's weighted rate.
    pub takes: f64,
}

/// One draw that decided who was contacted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Those contacted.
    pub contacted: ArmCount,
    /// Those the draw held back.
    pub held_back: ArmCount,
}

/// The comparison an assignment makes, those offered against those held out; `None` where an arm has fewer than [`MIN_CLUSTERS`]
/// clusters, of which too little is known to weigh them. O(n log n).
///
/// # Errors
/// `NotAProbability` for a probability outside (0, 1].
pub fn comparison(assignment: &Assignment<'_>, is_taken: &[bool]) -> Result<Option<Comparison>> {
    let values: Vec<f64> = is_taken.iter().map(|&taken| f64::from(u8::from(taken))).collect();
    let [held_back, contacted] = arms(assignment, &values)?;
    if held_back.n_clusters.min(contacted.n_clusters) < MIN_CLUSTERS {
        return Ok(None);
    }
    let correlation = within_clusters(&[&held_back, &contacted]);
    let count = |arm: &crate::effect::Arm| {
        let n = arm.effective_size(correlation);
        ArmCount { n, takes: (arm.mean * n).clamp(0.0, n) }
    };
    Ok(Some(Comparison { contacted: count(&contacted), held_back: count(&held_back) }))
}

/// The comparisons of one offer.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Which offers are alike: an index the caller chose.
    pub family: u32,
    /// None for an offer that was never drawn for.
    pub comparisons: Vec<Comparison>,
}

/// What a contact does to the log-odds of a take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContactEffect {
    /// Posterior mean.
    pub log_odds: f64,
    /// Equal-tailed posterior interval.
    pub interval: Interval,
    /// What the offer alone says: the most likely value.
    pub own: f64,
    /// Posterior mean of what it is drawn toward, its family's.
    pub family: f64,
    /// How much of it takes tell: the share of the variance believed beforehand that all comparisons together took away, in [0, 1].
    pub told: f64,
}

/// The probabilities of a take without and with contact, in this order, of a customer whose probability is `propensity` when the share
/// `contacted_share` of customers like them is contacted; a contact adds `effect` to the log-odds.
///
/// With o the odds without contact, r = e^effect and s the share: propensity = (1 − s) o / (1 + o) + s r o / (1 + r o), a quadratic in o
/// with one positive root. So the propensity always lies between the two, and a mixture of them is the propensity again. `propensity` and
/// `contacted_share` in [0, 1] and a finite effect; a NaN stays NaN.
pub fn split(propensity: f64, contacted_share: f64, effect: f64) -> [f64; 2] {
    if !(propensity > 0.0 && propensity < 1.0) {
        return [propensity; 2];
    }
    let (p, s, r) = (propensity, contacted_share, exp(effect));
    let (a, b, c) = (r * (1.0 - p), (1.0 - s) + s * r - p * (1.0 + r), -p);
    let root = (b * b - 4.0 * a * c).sqrt();
    // The form without a difference of near numbers.
    let odds = if b >= 0.0 { -2.0 * c / (b + root) } else { (root - b) / (2.0 * a) };
    [odds / (1.0 + odds), r * odds / (1.0 + r * odds)]
}

#[cfg(test)]
mod tests;
