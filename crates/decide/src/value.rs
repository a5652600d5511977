//! What an offer is worth to the company, in minor units: what the contact adds.

use osusume_evaluate::split;
use osusume_model::Minor;

/// How long a margin is counted, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lifetime {
    /// Months counted at most.
    pub horizon_months: u32,
    /// Probability of still holding the product a month later, in [0, 1].
    pub monthly_survival: f64,
    /// Interest a month, at least 0: money a month later is worth 1 / (1 + interest).
    pub monthly_discount: f64,
}

impl Lifetime {
    /// Expected discounted months, `Σ_{m = 0}^{horizon − 1} (survival / (1 + discount))^m`: between 0 and `horizon_months`.
    ///
    /// The first month is paid for certain once the offer is taken. Parameters outside their ranges are a broken invariant.
    pub fn expected_months(&self) -> f64 {
        assert!((0.0..=1.0).contains(&self.monthly_survival), "survival is a probability");
        assert!(self.monthly_discount >= 0.0 && self.monthly_discount.is_finite(), "interest is not negative");
        let kept = self.monthly_survival / (1.0 + self.monthly_discount);
        let (mut months, mut weight) = (0.0, 1.0);
        for _ in 0..self.horizon_months {
            months += weight;
            weight *= kept;
        }
        months
    }

    /// The same for a product with a survival of its own.
    #[must_use]
    pub fn with_survival(self, monthly_survival: Option<f64>) -> Self {
        Self { monthly_survival: monthly_survival.unwrap_or(self.monthly_survival), ..self }
    }

    /// Share of the takers who step back within 90 days beyond those whom survival counts as gone after three months.
    pub fn early_loss(&self, step_back_rate: f64) -> f64 {
        let survival = self.monthly_survival;
        (step_back_rate - (1.0 - survival * survival * survival)).clamp(0.0, 1.0)
    }
}

/// What a contact does to the odds of a take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// Share of the customers behind the propensity who were being contacted, in [0, 1].
    pub contacted_share: f64,
    /// What a contact adds to the log-odds.
    pub log_odds: f64,
    /// Its interval; what is assumed has none.
    pub interval: Option<[f64; 2]>,
}

impl Response {
    /// The probabilities of a take without and with contact.
    pub fn parts(&self, propensity: f64) -> [f64; 2] {
        split(propensity, self.contacted_share, self.log_odds)
    }

    /// Whether the interval lies below zero: a contact makes takes rarer.
    pub fn is_harmful(&self) -> bool {
        self.interval.is_some_and(|[_, upper]| upper < 0.0)
    }
}

/// A wish of the business: it moves an offer in the ranking, and neither its probability nor what it is said to be worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lever {
    /// Factor on what the offer brings before the contact is paid for, at least 0.
    pub factor: f64,
    /// Added to its value.
    pub added: Minor,
}

impl Default for Lever {
    fn default() -> Self {
        Self { factor: 1.0, added: Minor(0) }
    }
}

/// What is the same of an offer for all customers, beside its place in the catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OfferTerms {
    /// What a contact adds; without it a take counts in full, contacted or not.
    pub response: Option<Response>,
    /// Whether contacts are known to make takes rarer: nobody is offered it, whatever its value.
    pub is_harmful: bool,
    /// Share of past takers who stepped back or left within 90 days, in [0, 1].
    pub step_back_rate: f64,
    /// A wish of the business.
    pub lever: Lever,
}

/// The value of one customer and offer through one channel, in its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worth {
    /// Probability of a take without a contact; 0 where nothing tells it and the take itself is valued.
    pub alone: f64,
    /// Probability of a take with it, after other contacts have worn it.
    pub contacted: f64,
    /// Share of what the contact would add alone that other contacts leave of it, in (0, 1].
    pub kept: f64,
    /// Expected discounted margin that a take adds up to the horizon, without those who step back: negative where what is held is
    /// worth more.
    pub gain: f64,
    /// What the company gives to a taker, for all units taken.
    pub incentive: Minor,
    /// How many a taker is expected to take, which `gain` and `incentive` hold already; `None` of what is not sold in numbers.
    pub units: Option<f64>,
    /// What the contact costs through its channel.
    pub contact_cost: Minor,
    /// What one contact more costs in goodwill, as one of those of the run.
    pub fatigue: Minor,
    /// What the contact costs in customers who leave because of it.
    pub churn_cost: f64,
    /// A wish of the business.
    pub lever: Lever,
    /// Where the contact makes no offer but prepares one: what the steps after it cost until the offer is made.
    pub prepares: Option<Minor>,
}

impl Worth {
    /// `p₁ (gain − incentive) − p₀ gain`, before the contact is paid for.
    pub fn gross(&self) -> f64 {
        self.contacted * (self.gain - self.incentive.0 as f64) - self.alone * self.gain
    }

    /// What the contact adds: [`Self::gross`] − churn, rounded once, less what the contact costs in money and goodwill. One that makes no
    /// offer earns nothing itself.
    ///
    /// Rounding is half to even, so that sums of many values carry no bias; results beyond an `i64` stay at its ends.
    pub fn expected(&self) -> Minor {
        let earned = if self.prepares.is_some() { 0.0 } else { self.gross() };
        rounded(earned - self.churn_cost) - self.contact_cost - self.fatigue
    }

    /// The same with the lever: what offers are ranked by. A contact that prepares an offer stands in for it, less all that is still to be paid
    /// for until it is made.
    pub fn ranked(&self) -> Minor {
        rounded(self.lever.factor * self.gross() - self.churn_cost) + self.lever.added - self.costs()
    }

    /// What the lever adds to [`Self::ranked`].
    pub fn pull(&self) -> Minor {
        self.ranked() - Self { lever: Lever::default(), ..*self }.ranked()
    }

    fn costs(&self) -> Minor {
        self.contact_cost + self.fatigue + self.prepares.unwrap_or(Minor(0))
    }

    /// [`Self::ranked`] before it is rounded.
    pub(crate) fn exact(&self) -> f64 {
        self.lever.factor * self.gross() - self.churn_cost + self.lever.added.0 as f64 - self.costs().0 as f64
    }

    /// The same pair if a contact added `log_odds` to the log-odds of a take.
    #[must_use]
    pub(crate) fn at(self, response: &Response, propensity: f64, log_odds: f64) -> Self {
        let [alone, contacted] = split(propensity, response.contacted_share, log_odds);
        Self { alone, ..self }.worn(contacted, self.kept)
    }

    /// The same pair where `kept` is left of what a contact adds that alone would make the probability `fresh`.
    #[must_use]
    pub(crate) fn worn(self, fresh: f64, kept: f64) -> Self {
        Self { contacted: worn(self.alone, fresh, kept), kept, ..self }
    }
}

/// The probability of a take with a contact of whose effect `kept` is left, alone `alone`, and with one that nothing wears `fresh`.
/// What makes takes rarer does so undiminished.
pub fn worn(alone: f64, fresh: f64, kept: f64) -> f64 {
    if fresh > alone { alone + kept * (fresh - alone) } else { fresh }
}

/// The nearest whole amount, half to even; results beyond an `i64` stay at its ends.
pub(crate) fn rounded(amount: f64) -> Minor {
    Minor(amount.round_ties_even() as i64)
}

#[cfg(test)]
mod tests;
