//! Rates of offers too rare for a model of their own.

/// Takes of one offer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OfferCount {
    /// Which offers are alike: an index the caller chose.
    pub family: u32,
    /// Eligible customers observed.
    pub rows: u64,
    /// Takes among them.
    pub positives: u64,
    /// The rate somebody expects of the offer, strictly between 0 and 1; it takes the place of the family's.
    pub expected: Option<f64>,
}

/// The rate to use for an offer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShrunkRate {
    /// Posterior mean.
    pub rate: f64,
    /// Mean of the prior: the expected rate, else the family's.
    pub prior_rate: f64,
    /// Share of the prior in `rate`, in [0, 1]; 0 for an offer with enough positives.
    pub prior_share: f64,
}

/// Posterior means of the offers' rates; an offer with at least `min_positives` keeps its own.
///
/// Beta-binomial: rate = (k + s m) / (n + s) with k takes among n, m the family's rate, and s = (`min_positives` − k) / max(m, k / n): the
/// prior weighs as much as the takes that are missing until the offer stands alone, and so many rows as they would come from at the
/// higher of the two rates, so that one far too low cannot outweigh what was seen. The family's rate is shrunk in the same way toward the rate of all
/// offers, and that toward one half by Jeffreys' half take, so every rate is strictly between 0 and 1. What is expected of an offer
/// takes the place of its family's rate, and says nothing of the others.
/// The result is parallel to `offers`; `min_positives` of 0 counts as 1.
pub fn shrink_rates(offers: &[OfferCount], min_positives: u64) -> Vec<ShrunkRate> {
    let weight = min_positives.max(1) as f64;
    let [all_positives, all_rows] = totals(offers.iter());
    let global = (all_positives + 0.5) / (all_rows + 1.0);
    offers
        .iter()
        .map(|offer| {
            let [positives, rows] = totals(offers.iter().filter(|other| other.family == offer.family));
            let family = posterior_mean(positives, rows, global, weight);
            shrink(offer, offer.expected.unwrap_or(family), min_positives, weight)
        })
        .collect()
}

fn shrink(offer: &OfferCount, prior: f64, min_positives: u64, weight: f64) -> ShrunkRate {
    let [positives, rows] = [offer.positives as f64, offer.rows as f64];
    if offer.positives >= min_positives.max(1) && offer.positives < offer.rows {
        return ShrunkRate { rate: positives / rows, prior_rate: prior, prior_share: 0.0 };
    }
    let own = if rows > 0.0 { positives / rows } else { 0.0 };
    let strength = (weight - positives).max(1.0) / prior.max(own);
    ShrunkRate {
        rate: (positives + strength * prior) / (rows + strength),
        prior_rate: prior,
        prior_share: strength / (rows + strength),
    }
}

fn posterior_mean(positives: f64, rows: f64, prior: f64, weight: f64) -> f64 {
    (positives + weight) / (rows + weight / prior)
}

fn totals<'a>(offers: impl Iterator<Item = &'a OfferCount>) -> [f64; 2] {
    let (positives, rows) = offers.fold((0_u64, 0_u64), |(p, n), offer| (p + offer.positives, n + offer.rows));
    [positives as f64, rows as f64]
}
