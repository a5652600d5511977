//! The numbers of a report, as `report.json` holds them. Counts of customers are [`Cell`]s; rows of files are plain numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Audit, Cell};

/// Everything a report says. Numbers that could not be computed are absent; every fraction is finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    /// [`crate::FORMAT_VERSION`].
    pub format_version: u32,
    /// `en` or `ja`: the language of the pipeline file.
    pub language: String,
    /// Which run, and what its numbers mean.
    pub about: About,
    /// What became of the customers.
    pub customers: Customers,
    /// What was decided.
    pub decisions: Decisions,
    /// One entry an offer, in the order of the offer table's columns.
    pub offers: Vec<OfferRow>,
    /// Whom the offers reach, by declared groups; empty where none are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audits: Vec<Audit>,
    /// What models learned from.
    pub learning: Learning,
    /// What is bought or held together; empty where nothing was mined.
    pub rules: Vec<Rule>,
    /// What is added after what, the surest first.
    #[serde(default)]
    pub follows: Vec<Follow>,
    /// Rows read, used and set aside.
    pub data: Data,
    /// What sentences call the names of the tables, by name, as the pipeline file says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// What the offers earned, once that is known.
    pub evaluation: Option<Evaluation>,
}

/// Which run, and what its numbers mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Name of the pipeline.
    pub pipeline: String,
    /// What the offers are for, in the company's words; may be empty.
    pub purpose: String,
    /// Name of the run.
    pub run_id: String,
    /// Version of the program that made it.
    pub tool_version: String,
    /// The as-of date.
    pub as_of: String,
    /// First day of the label window.
    pub window_start: String,
    /// First day after it: the propensities speak of no day from here on.
    pub window_end: String,
    /// First day on which every take in the window is known.
    pub measurable_from: String,
    /// Days a take must be kept.
    pub kept_days: u32,
    /// Currency, ISO 4217.
    pub currency: String,
    /// Digits of its minor unit.
    pub minor_digits: u32,
    /// Whether the tables are of one date, so that propensities say who resembles holders and nothing of what comes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cross_section: bool,
    /// Whether rules are about what is in one basket; otherwise about what a customer holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mines_baskets: bool,
}

/// All customers, each counted once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customers {
    /// All of them.
    pub known: Cell,
    /// Those with at least one offer.
    pub with_offer: Cell,
    /// Those decided about who get none, though a channel may reach them.
    pub without_offer: Cell,
    /// The same by cause; empty in reports of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<CauseRow>,
    /// Those nobody decided about: without a consent for any channel, or no customer any more.
    pub not_asked: Cell,
    /// Those held back.
    pub holdout: Cell,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decisions {
    /// Rows of the offer table.
    pub offers: Cell,
    /// Sum of their expected values, in minor units; `null` when the offers are withheld.
    pub expected_value_minor: Option<i64>,
    /// Offers by channel, the preferred channel first.
    pub channels: Vec<ChannelRow>,
    /// Customers decided about by lane, in the order of their names; none where the pipeline declares no lane.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<LaneRow>,
    /// Offers by the trigger that stands in their row, `null` for none; empty where the pipeline declares no trigger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<TriggerRow>,
    /// Places and budgets for all customers together, in the order of the pipeline file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitRow>,
    /// How many first offers are others than in the run before; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<StabilityRow>,
    /// Pairs of a customer and an offer that were decided about.
    pub pairs: Cell,
    /// What became of the pairs, every pair once: the rule's id, `offered`, or `shadow`.
    pub outcomes: Vec<ReasonRow>,
    /// What the company says of the rules it declares, by outcome (`rule:` and the name).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub own_rules: BTreeMap<String, Names>,
    /// Months of margin counted.
    pub months: u32,
    /// Most offers a customer gets.
    pub per_customer: u64,
    /// Least value of an offer made, in minor units.
    pub min_value_minor: i64,
    /// Share of customers held back.
    pub holdout_fraction: f64,
    /// Whether every take counts in full, also those that would come without a contact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub values_takes: bool,
    /// Share of customers a contact loses, as the value counts it; absent where it counts none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub churn_per_contact: Option<f64>,
    /// What draws say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub churn: Option<ChurnRow>,
}

/// Offers through one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelRow {
    /// Its name.
    pub channel: String,
    /// Rows of the offer table.
    pub offers: Cell,
}

/// Customers in one lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaneRow {
    /// Its name.
    pub lane: String,
    /// How many, those held back included.
    pub customers: Cell,
}

/// Offers with one trigger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerRow {
    /// Its name; `null` for offers without any.
    pub trigger: Option<String>,
    /// Rows of the offer table.
    pub offers: Cell,
}

/// A limit over all customers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitRow {
    /// The offer whose rows count; `null` for every offer's.
    pub offer: Option<String>,
    /// The channel whose rows count; `null` for every channel's.
    pub channel: Option<String>,
    /// Most rows.
    pub max: Option<i64>,
    /// Least rows.
    pub min: Option<i64>,
    /// Instead of rows, most that contacts may cost, in minor units.
    pub budget_minor: Option<i64>,
    /// Rows that count, or what they cost.
    pub used: Cell,
    /// What one place more would earn, or one minor unit of a budget; below 0 what each row of a minimum costs. In minor units.
    pub price_minor: f64,
    /// By how much more the next customer's offer would have had to be worth, in minor units.
    pub next_short_minor: Option<f64>,
    /// Whether a minimum is missed.
    pub is_missed: bool,
    /// Rows that a minimum is missed by.
    pub missing: Cell,
}

/// First offers beside those of the run before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StabilityRow {
    /// The run before.
    pub run_id: String,
    /// Customers with the same first offer.
    pub kept: Cell,
    /// With another one.
    pub changed: Cell,
    /// With none, after one.
    pub ended: Cell,
    /// With one, after none.
    pub begun: Cell,
    /// Share of those who had an offer and have another or none; `null` where it would tell a count withheld.
    pub flip_rate: Option<f64>,
    /// What became of the offers that are first no more.
    pub causes: Vec<CauseRow>,
}

/// Customers by cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CauseRow {
    /// A rule, `below_threshold`, `outranked`, `not_in_catalogue`, `lane` or `rules`.
    pub cause: String,
    /// Customers.
    pub customers: Cell,
}

/// Pairs of a customer and an offer with the same outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonRow {
    /// Id of the rule, `offered` or `shadow`.
    pub outcome: String,
    /// Pairs.
    pub pairs: Cell,
}

/// Names of an offer, or words about a rule, by language, where there are any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// English.
    pub en: Option<String>,
    /// Japanese.
    pub ja: Option<String>,
}

/// One offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferRow {
    /// Its key in tables.
    pub offer: String,
    /// Its names.
    pub names: Names,
    /// `upsell`, `cross_sell` or `category`.
    pub kind: String,
    /// `model` or `rate`.
    pub basis: String,
    /// What closed the calibration gate on its model; only where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<ClosedGate>,
    /// What tells what a contact adds: `randomised`, `assumed`, `observational` or `cross_section`.
    #[serde(default = "observational")]
    pub evidence: String,
    /// What a contact adds, where customers drawn at random tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactRow>,
    /// Steps back after takes of the past, where enough are old enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_backs: Option<StepBackRow>,
    /// How many units a taker takes, of what is sold in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<QuantityRow>,
    /// A wish of the business that moves the offer in the ranking: factor, and minor units added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lever: Option<(f64, i64)>,
    /// Rows of the offer table.
    pub offered: Cell,
    /// Sum of their expected values, in minor units; `null` when the offers are withheld.
    pub expected_value_minor: Option<i64>,
    /// Rows learned from: customers at past dates who could have had the offer.
    pub rows: Cell,
    /// Takes among them.
    pub takes: Cell,
    /// Tests, the oldest first.
    pub tests: Vec<Test>,
    /// What weighs most in the model, the strongest first.
    pub features: Vec<Feature>,
}

impl OfferRow {
    /// The newest test.
    pub fn newest(&self) -> Option<&Test> {
        self.tests.last()
    }
}

/// Reports of earlier versions do not say it.
fn observational() -> String {
    "observational".to_owned()
}

/// Takes of the past that are 90 days old.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepBackRow {
    /// All of them.
    pub takes: Cell,
    /// Those that were given up within the 90 days.
    pub back: Cell,
}

/// Units of what is sold in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantityRow {
    /// Takes learned from.
    pub takes: Cell,
    /// Units a take on average; `None` where the takes are withheld.
    pub mean: Option<f64>,
    /// Whether every customer is expected to take their own number; else all take the same.
    pub is_own: bool,
}

/// Customers who left after a contact, beside those held back from one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChurnRow {
    /// Those contacted, and those of them who left.
    pub contacted: Arm,
    /// The same of those held back.
    pub held_back: Arm,
    /// Share of customers a contact loses with its 95 % interval.
    pub difference: [f64; 3],
}

/// What a contact adds to an offer, from customers whom a draw contacted or held back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactRow {
    /// Those contacted.
    pub contacted: Arm,
    /// Those held back.
    pub held_back: Arm,
    /// The factor of a contact on the odds of a take with its 95 % interval, drawn toward the offer's family.
    pub odds: [f64; 3],
}

/// Numbers of the newest test that were not good enough to rank by, `[value, lower, upper]`; either may be the reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedGate {
    /// Calibration slope, by a calibrator of earlier windows.
    pub slope: Option<[f64; 3]>,
    /// Takes over takes expected.
    pub observed_over_expected: Option<[f64; 3]>,
}

/// A test of one offer out of time. Intervals are `[value, lower, upper]`, 95 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Its date.
    pub as_of: String,
    /// Rows tested.
    pub rows: Cell,
    /// Takes among them.
    pub takes: Cell,
    /// Area under the ROC curve.
    pub auc: Option<[f64; 3]>,
    /// Mean log loss.
    pub log_loss: Option<f64>,
    /// The same of the base rate.
    pub base_log_loss: Option<f64>,
    /// Takes over takes expected.
    pub observed_over_expected: Option<[f64; 3]>,
    /// Groups of rows from the highest probability to the lowest, small neighbors joined.
    pub bands: Vec<Band>,
}

/// Neighboring rows by probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Rows.
    pub rows: Cell,
    /// Takes.
    pub takes: Cell,
    /// Mean probability.
    pub predicted: f64,
    /// Share of takes with its interval.
    pub observed: [f64; 3],
    /// Share of all takes in this and the bands before, with its interval.
    pub gain: [f64; 3],
}

/// One feature of a model in words: the fields of its dictionary entry that the words are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Column name.
    pub name: String,
    /// Id of the feature family.
    pub family: String,
    /// Source table.
    pub source: String,
    /// Window in days before the as-of date, start and end.
    pub window_days: Option<[u32; 2]>,
    /// The window by name, where it is a stretch of the calendar: `month_to_date`, `previous_month`, `same_month_last_year` or
    /// `season_last_year`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// What an absent value means: `never`, `unknown`, `not_yet` or `not_applicable`.
    pub absent: String,
    /// Key of the sentence.
    pub text_key: String,
    /// What the sentence is about.
    pub subject: String,
    /// What it says of the chance.
    pub push: Push,
    /// What its number adds to the log-odds, from the lowest values to the highest; empty where a model has no curve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<f64>,
}

/// How a feature moves the chance of a take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// `high`: a value above the usual; `flag`: yes; `absent`: no value; `level`: one of a category's levels.
    pub of: String,
    /// The level, for `level`; `null` where too few customers have it, or several are meant.
    pub level: Option<String>,
    /// The factor on the odds of a take: one standard deviation more, or yes, the level or absence against its opposite.
    pub odds: f64,
}

/// What models learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learning {
    /// Rows, one a customer and date.
    pub rows: Cell,
    /// Share of the customers among them.
    pub share_of_customers: f64,
    /// Columns of the feature table.
    pub features: u64,
    /// The dates learned from.
    pub as_of_dates: Vec<String>,
    /// Tests over all offers, the oldest first.
    pub tests: Vec<TestRow>,
    /// The newest test over all offers whose takes are shown, their rows in one order of probability.
    pub together: Option<Test>,
    /// Tables that are loaded again whole, and what is known of their past.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reloaded: Vec<Reloaded>,
}

/// A table that is loaded again whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reloaded {
    /// Its source.
    pub source: String,
    /// Columns that the pipeline file says never change.
    pub assumed_static: Vec<String>,
    /// Columns of whose past only dated copies tell.
    pub changing: Vec<String>,
    /// The date of the oldest copy.
    pub first: Option<String>,
    /// Dates learned from that see a copy.
    pub served: u64,
}

/// A test over all offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestRow {
    /// Its date.
    pub as_of: String,
    /// Offers tested.
    pub offers: u64,
    /// Mean of their areas under the ROC curve.
    pub mean_auc: Option<f64>,
    /// Log loss over all rows.
    pub log_loss: Option<f64>,
    /// The same of the base rates.
    pub base_log_loss: Option<f64>,
    /// Common calibration slope with its interval.
    pub slope: Option<[f64; 3]>,
}

/// What is bought or held together, from one contingency table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Products or categories customers have.
    pub antecedent: Vec<String>,
    /// What they also have.
    pub consequent: String,
    /// Customers or baskets with all of them.
    pub joint: Cell,
    /// Their share of all.
    pub support: f64,
    /// Share of those with the antecedent who also have the consequent.
    pub confidence: f64,
    /// Confidence over the consequent's share of all.
    pub lift: f64,
    /// Lower bound of the lift.
    pub lift_lower: Option<f64>,
    /// Confidence on later data the rule was not found in.
    pub later_confidence: Option<f64>,
    /// Lift on later data.
    pub later_lift: Option<f64>,
}

/// How many times as often something is added after something else was bought as after other purchases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// What was bought.
    pub antecedent: String,
    /// What is added.
    pub consequent: String,
    /// Within so many days.
    pub within_days: u32,
    /// Customers who bought the first without owning the second.
    pub customers: Cell,
    /// Those of them who added the second in time.
    pub added: Cell,
    /// The ratio with its 95 % interval.
    pub rate_ratio: [f64; 3],
    /// Days by which a quarter, half and three quarters of them had.
    pub lead_days: [f64; 3],
    /// The ratio on later data the pair was not found in.
    pub later_rate_ratio: Option<f64>,
}

/// Rows read, used and set aside. Rows of files, not customers: they are never withheld.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// One entry a source.
    pub sources: Vec<SourceRow>,
    /// Rows set aside by error code.
    pub rejects: Vec<RejectRow>,
    /// Rows of holdings without a product in the catalogue.
    pub unknown_products: u64,
}

/// Rows of one source: `read = accepted + rejected + excluded`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRow {
    /// Its name in the pipeline file.
    pub source: String,
    /// Rows read.
    pub read: u64,
    /// Rows used.
    pub accepted: u64,
    /// Rows set aside.
    pub rejected: u64,
    /// Rows that repeat others.
    pub excluded: u64,
}

/// Rows set aside for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectRow {
    /// The error code.
    pub code: String,
    /// Rows.
    pub rows: u64,
}

/// What the offers earned, measured against the holdout. Intervals are `[value, lower, upper]`, 95 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The tables it was measured on reach to the day before.
    pub until: String,
    /// Whether every take in the window is known by then.
    pub is_complete: bool,
    /// All offers together: everybody with offers against everybody held back.
    pub total: Option<Effect>,
    /// Revenue a customer in the label window, in minor units, more than among those held back; absent where no table has money.
    pub revenue_minor: Option<[f64; 3]>,
    /// Share still a customer at its end, more than among those held back.
    pub retention: Option<[f64; 3]>,
    /// One entry an offer.
    pub offers: Vec<Effect>,
    /// What the run expected, beside what came: all offers together, then one entry an offer that was made; empty for evaluations of
    /// earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<ExpectedRow>,
    /// Policy arms, each against each; empty for a run without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arms: Vec<ArmEffect>,
}

/// What was expected of an offer, beside what came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRow {
    /// The offer's key; empty for all together.
    pub offer: String,
    /// Offers made whose outcome is known, and takes of them.
    pub made: Arm,
    /// Mean value they were made for, over the months the pipeline counts, in minor units.
    pub value_minor: i64,
    /// Takes of each offer made.
    pub takes: Compared,
    /// Takes each of them adds; absent where nothing told what a contact adds.
    pub added: Option<Compared>,
    /// What these bring in a month, in minor units.
    pub margin_minor: Option<Compared>,
}

/// A number that was expected, beside the one that came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// What was expected.
    pub expected: f64,
    /// Its interval, lower and upper end, where it has one.
    pub expected_interval: Option<[f64; 2]>,
    /// What came; absent without an interval, or where it would tell a count that is withheld.
    pub came: Option<[f64; 3]>,
    /// Expected over came, where both are above 0 and what came is shown.
    pub factor: Option<f64>,
    /// `as_expected`, `overstated`, `understated` or `not_shown`, all offers considered.
    pub verdict: String,
}

/// One policy arm against another: everybody in them, offered something or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmEffect {
    /// `holdout`, `offer` (the ranking), `propensity` or `random`.
    pub against: String,
    /// The arm in the place of the offer, its customers as those offered, and the others' as those held back.
    pub takes: Effect,
    /// Difference of revenue a customer, in minor units.
    pub revenue_minor: Option<[f64; 3]>,
    /// Difference of the share still a customer.
    pub retention: Option<[f64; 3]>,
    /// `better`, `worse` or `not_shown`, all comparisons considered.
    pub verdict: String,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// The offer's key; empty for all together.
    pub offer: String,
    /// Customers who were assigned the offer.
    pub offered: Arm,
    /// Customers who would have been, but are in the holdout.
    pub held_back: Arm,
    /// Takes a customer more than without the offer; absent without an interval.
    pub difference: Option<[f64; 3]>,
}

/// Customers who were treated alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Customers.
    pub customers: Cell,
    /// Those who took the offer and kept it.
    pub takes: Cell,
    /// Their share, weighted by the logged probabilities; `null` when the takes are withheld.
    pub rate: Option<f64>,
}
