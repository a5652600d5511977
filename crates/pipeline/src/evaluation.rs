//! What became of a run's offers once their label window has passed: the numbers of `evaluation.json`.
//!
//! Plain numbers and texts, so that a page, a report or a notebook can show them without knowing how they were found.

use serde::{Deserialize, Serialize};

/// Version of the layout of `evaluation.json`.
pub const EVALUATION_VERSION: u32 = 1;
/// Path of the numbers below an evaluation's directory.
pub const EVALUATION: &str = "evaluation.json";

/// The evaluation of one run. Money is in minor units of `currency`; dates are `YYYY-MM-DD`; rates lie in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// [`EVALUATION_VERSION`].
    pub format_version: u32,
    /// The run that was evaluated.
    pub run_id: String,
    /// Its pipeline.
    pub pipeline: String,
    /// Its as-of date.
    pub as_of: String,
    /// First day of the label window.
    pub window_first: String,
    /// First day after the label window.
    pub window_end: String,
    /// First day of the window before the as-of date, of the same length and ending with it; what "before" means.
    pub before_first: String,
    /// Days a take must be kept.
    pub kept_days: u32,
    /// First day whose outcomes are not known: the end of the data.
    pub known_until: String,
    /// Currency, ISO 4217.
    pub currency: String,
    /// Digits of the minor unit.
    pub minor_digits: u32,
    /// Confidence of every interval.
    pub confidence: f64,
    /// Share of customers held out in the run.
    pub holdout_fraction: f64,
    /// Customers the run decided about who are in no table any more; they are in no number below.
    pub lost_customers: u64,
    /// Everybody whom the ranking decided against everybody in the holdout.
    pub total: TotalEvaluation,
    /// The arms of a run with `decide.arms`, the holdout first; empty for other runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arms: Vec<PolicyArm>,
    /// Each of them against each that stands before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<ArmComparison>,
    /// What the run expected of all offers it made, beside what came; absent where it made none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expectation>,
    /// One entry an offer, in the order of the run.
    pub offers: Vec<OfferEvaluation>,
}

/// What a run expected of the offers the ranking made, each of them a row of the offer table, beside what came of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Offers made whose outcome is known.
    pub made: u64,
    /// Those of them that were taken.
    pub taken: u64,
    /// Customers they were made to.
    pub customers: u64,
    /// Mean of the value they were expected to have, minor units; over the months the pipeline counts, so it cannot have come yet.
    pub expected_value_minor: f64,
    /// Takes of each offer made, contacted as the run meant to.
    pub takes: Compared,
    /// Takes that each offer made adds, against those of the holdout it would have been made to; over the rows whose `uplift` something
    /// tells, and absent where there are none.
    pub added: Option<Compared>,
    /// What these bring in a month, minor units: `margin_minor` of each take.
    pub added_margin_minor: Option<Compared>,
}

/// A number a run expected, beside the one that came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// What was expected.
    pub expected: f64,
    /// Its interval, where what it rests on has one.
    pub expected_interval: Option<Span>,
    /// What came.
    pub came: Effect,
    /// Expected over came; absent unless both are above 0.
    pub factor: Option<f64>,
    /// `as_expected`; `overstated` or `understated` where the difference of the two leaves 0 out at `verdict_confidence`; `not_shown` where
    /// what came has no interval.
    pub verdict: String,
    /// `confidence` for all offers together: 1 − (1 − confidence) / their number.
    pub verdict_confidence: f64,
}

/// Everybody the run decided about, whether anything was offered to them or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TotalEvaluation {
    /// Those outside the holdout; a take is at least one take of any of the run's offers.
    pub offer: ArmEvaluation,
    /// The holdout.
    pub holdout: ArmEvaluation,
    /// Difference of the share of customers with at least one take.
    pub takes: Effect,
    /// Difference of revenue per customer in the label window, minor units, less what the window before told of it; absent where no
    /// table has money.
    pub revenue: Option<Effect>,
    /// Difference of the share still a customer at the end of the label window.
    pub retention: Effect,
}

/// One policy arm: everybody in it, whether anything was offered to them or not; a take is at least one take of any of the run's offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyArm {
    /// `holdout`, `offer` (the ranking), `propensity` or `random`.
    pub arm: String,
    /// What became of them.
    #[serde(flatten)]
    pub numbers: ArmEvaluation,
}

/// One arm less another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmComparison {
    /// The arm.
    pub arm: String,
    /// The one it is compared with.
    pub against: String,
    /// Difference of the share of customers with at least one take.
    pub takes: Effect,
    /// Difference of revenue per customer as in the totals; absent where no table has money.
    pub revenue: Option<Effect>,
    /// Difference of the share still a customer at the end of the label window.
    pub retention: Effect,
    /// `better` or `worse` where an interval of `verdict_confidence` of the revenue (of the takes, where no table has money) leaves 0 out,
    /// else `not_shown`.
    pub verdict: String,
    /// `confidence` for all comparisons together: 1 − (1 − confidence) / their number.
    pub verdict_confidence: f64,
}

/// One offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferEvaluation {
    /// The offer's key.
    pub offer: String,
    /// `upsell`, `cross_sell` or `category`; empty where the products tell of it no more.
    pub kind: String,
    /// The product's family.
    pub family: String,
    /// Customers outside the holdout to whom the run assigned the offer, contacted or not.
    pub assigned: ArmEvaluation,
    /// Holdout customers to whom it would have been assigned.
    pub shadow: ArmEvaluation,
    /// Difference of the attach rate: what the assignment added.
    pub effect: Effect,
    /// `effect` times the customers assigned: takes there would not have been otherwise.
    pub incremental_takes: Option<Span>,
    /// What the run expected of it, beside what came; absent where it made none whose outcome is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expectation>,
    /// Takers and others among the assigned. A description: takers differ from others in more than the offer.
    pub described: Described,
    /// The assigned against those from whom this offer alone was held back; absent where nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back: Option<HeldBackEvaluation>,
}

/// Customers who would have been assigned an offer and never are, but for that one offer treated as everybody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldBackEvaluation {
    /// What became of them.
    pub customers: ArmEvaluation,
    /// The attach rate of the assigned less theirs: what this offer adds to all the others.
    pub effect: Effect,
}

/// One arm of a comparison. `customers` are those with a known outcome; means over them are weighted by 1 / logged probability of the arm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ArmEvaluation {
    /// Customers with a known outcome: the reach.
    pub customers: u64,
    /// Households (or customers without one) among them.
    pub households: u64,
    /// Customers who took it inside the label window and kept it.
    pub takes: u64,
    /// Customers among `customers` who took it before the label window opened; they count as no take.
    pub gap_takes: u64,
    /// Customers left out because their window is not over yet.
    pub immature: u64,
    /// Customers left out because, as the tables tell it now, the offer never fitted them, or is offered no more.
    pub not_eligible: u64,
    /// Customers left out because they are in no table any more.
    pub lost: u64,
    /// Takes a customer; absent without customers.
    pub attach_rate: Option<f64>,
    /// Mean propensity the run gave them; absent for the totals.
    pub mean_propensity: Option<f64>,
    /// Revenue per customer in the window before the as-of date, minor units; absent where no table has money.
    pub revenue_before_minor: Option<i64>,
    /// Revenue per customer in the label window.
    pub revenue_after_minor: Option<i64>,
    /// Share still a customer at the end of the label window.
    pub retention: Option<f64>,
    /// Deciles of the propensity among all customers of the arm whom the offer fitted, offered or not; empty for the totals, and where
    /// nobody or everybody took it.
    pub deciles: Vec<DecileLift>,
}

/// One tenth of an arm's customers by propensity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecileLift {
    /// 1 for the highest propensities.
    pub decile: u8,
    /// Customers in it.
    pub customers: u64,
    /// Takes among them.
    pub takes: u64,
    /// Rate over the rate of all ten; absent without customers.
    pub lift: Option<f64>,
}

/// A difference between the arms, those outside the holdout less the holdout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The difference; absent when an arm is empty.
    pub value: Option<f64>,
    /// Its interval; absent where `no_interval` says why.
    pub interval: Option<Span>,
    /// `empty_arm` when an arm has nobody, `few_clusters` when one has too few households.
    pub no_interval: Option<String>,
}

/// A closed interval around a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// Takers beside the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Described {
    /// Those who took it.
    pub takers: Group,
    /// Those who did not.
    pub others: Group,
}

/// What some customers were worth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Customers.
    pub customers: u64,
    /// Revenue per customer before, minor units.
    pub revenue_before_minor: Option<i64>,
    /// Revenue per customer in the label window.
    pub revenue_after_minor: Option<i64>,
    /// Share still a customer at its end.
    pub retention: Option<f64>,
}
