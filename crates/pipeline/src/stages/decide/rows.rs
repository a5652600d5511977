//! Rows of the published tables: offers, shadow, decisions.

use std::sync::Arc;

use osusume_model::{AsOf, Date, Offer, Result};
use osusume_tables::arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int16Array, Int64Array, RecordBatch, StringArray,
};
use osusume_tables::arrow::datatypes::{DataType, Field, Schema};

use super::PREVIOUS;
use super::approach::CHECK;
use super::conditions::Moment;
use crate::stages::score::UNITS;
use crate::stages::train::Parts;

/// One row of the offer table or of the shadow.
#[derive(Clone, Debug)]
pub(super) struct OfferRow {
    pub(super) customer_id: String,
    pub(super) rank: i16,
    pub(super) offer: usize,
    pub(super) channel: String,
    pub(super) propensity: f64,
    /// With and without contact, where it is known.
    pub(super) parts: Option<Parts>,
    /// How many a taker is expected to take; of what is sold in numbers.
    pub(super) units: Option<f64>,
    pub(super) margin: i64,
    pub(super) expected_value: i64,
    /// Its interval, where the effect of a contact has one.
    pub(super) interval: Option<[i64; 2]>,
    /// What the lever adds in the ranking.
    pub(super) lever: i64,
    /// What the contact costs.
    pub(super) contact_cost: i64,
    /// What it costs in goodwill.
    pub(super) fatigue: i64,
    pub(super) evidence: &'static str,
    pub(super) basis: &'static str,
    pub(super) reasons: [Option<String>; 3],
    pub(super) arm: &'static str,
    pub(super) action_probability: f64,
    /// The step of the approach it is made in.
    pub(super) step: Option<String>,
    /// Whether that step makes no offer.
    pub(super) is_check: bool,
    pub(super) moment: Moment,
    /// What it is good for, in English and in Japanese.
    pub(super) benefit: [Option<String>; 2],
}

/// What each column of offers and shadow means, for the reference; in the order of [`offer_schema`] where something is sold in numbers.
pub(crate) const OFFER_MEANINGS: [(&str, &str); 35] = [
    ("customer_id", "as your tables spell it"),
    ("as_of", "the date the run was made for"),
    ("rank", "1 for the offer worth most to this customer"),
    ("offer", "product code, or name of the category"),
    (
        "kind",
        "`upsell`, `cross_sell` or `category`; `check` where the step makes no offer yet: contact the customer as `step` says, and offer nothing",
    ),
    ("family", "the product's family"),
    (
        "channel",
        "the cheapest of `decide.channels` this customer consents to, the first of those that cost the same; with `decide.capacity` one of them that has a place",
    ),
    (
        "step",
        "the step of the approach in which the offer is made (`decide.approach`); null for offers without one. Report it back in `columns.step` of the contacts",
    ),
    ("propensity", "calibrated probability that the customer takes it in the label window, contacted or not"),
    (
        "propensity_contacted",
        "the same if the customer is contacted, with as many recent contacts and other offers of this run beside (`decide.wear_out`); `propensity` where `evidence` does not tell the two apart",
    ),
    (
        "propensity_alone",
        "the same if nobody contacts the customer; `propensity` lies between the two, nearer the one the customers learned from were treated by",
    ),
    ("uplift", "`propensity_contacted` − `propensity_alone`: what the contact adds; absent where nothing tells it"),
    ("uplift_lower", "lower end of its 95 % interval; absent where nothing was drawn"),
    ("uplift_upper", "upper end"),
    (
        "expected_quantity",
        "how many units a customer who takes it is expected to take; null for products that are not `counted`. The column is there only where some offered product is",
    ),
    (
        "margin_minor",
        "what a month adds, in the currency's minor unit: for an upgrade the new margin less the one it replaces; for a category the margin of one purchase; for what is sold in numbers that of `expected_quantity` units, as gain and `offer_cost` below are",
    ),
    (
        "expected_value_minor",
        "what the contact adds: `propensity_contacted` × (gain − `offer_cost`) − `propensity_alone` × gain − contact cost − fatigue − churn. The gain is the expected discounted margin over `decide.months`, each product with its own survival, the new less the one it replaces, without those who step back within 90 days; churn is `decide.churn_per_contact` of what the customer's products are still worth. Where `evidence` is neither `randomised` nor `assumed`, or `decide.value` is `taking`: propensity × (gain − `offer_cost`) − contact cost − churn, the value of a take and not of a contact. Where `kind` is `check`, minus what the contact costs: nothing is sold by it, and what it opens counts in the row that makes the offer",
    ),
    (
        "expected_value_lower_minor",
        "the same at one end of the interval of `uplift`; absent where nothing was drawn, or takes are valued",
    ),
    ("expected_value_upper_minor", "at the other end, the larger of the two"),
    (
        "lever_minor",
        "what `decide.levers` adds to the value by which offers are ranked and compared with `decide.min_value_minor`; `expected_value_minor` is without it",
    ),
    ("contact_cost_minor", "what the contact costs through this channel"),
    (
        "fatigue_minor",
        "what it costs in goodwill beside that (`decide.fatigue`): the mean over the offers of this run to this customer",
    ),
    (
        "evidence",
        "what tells what a contact adds: `randomised`, customers contacted or held back by a draw, of whom enough have taken it to change what was believed; `assumed`, the pipeline file says it (`decide.response`), or draws say so little that it is what is believed of contacts (`decide.believed_response`); `observational`, nothing does: the value is of what the customer buys, not of what the contact adds; `cross_section` where the tables are of one date: the propensity is then the share of holders among customers like this one, and no value made of it is money to come",
    ),
    (
        "basis",
        "`model`: the offer has a model of its own; `rate`: its takes are too few, and every eligible customer gets the same rate, drawn toward the family's",
    ),
    (
        "reason_1",
        "`family:feature:+`, `-` or `?` (above, below the usual value, or absent); the strongest contributions to the log-odds, one a feature family; where `basis` is `rate` nothing was weighed: `reason_1` is the tier held for an upgrade and null otherwise",
    ),
    ("reason_2", "the same for the next reason"),
    ("reason_3", "the same for the next reason"),
    (
        "expires_on",
        "the end of the label window, or sooner where a trigger says so (`decide.trigger`, `expire`); the propensity speaks of no day after it",
    ),
    ("trigger", "the first trigger of the pipeline file that holds for this customer and offer"),
    ("contact_from", "the first day to contact this customer about it, where a trigger gives dates"),
    ("contact_until", "the day from which it is too late, where that trigger gives one"),
    (
        "benefit_en",
        "what the offer is good for, in English with the customer's own figures: the first of `offers.benefit` that holds and lacks no value; absent where none does",
    ),
    ("benefit_ja", "the same in Japanese"),
    (
        "arm",
        "`offer`: chosen by the ranking; `explore`: drawn by lot (`decide.explore`); `propensity`, `random`: chosen by another policy to measure the ranking by (`decide.arms`); `holdout` in `shadow.parquet`, and there `offer_holdout` for an offer held back from a customer who may get others (`decide.holdout.offers`)",
    ),
    (
        "action_probability",
        "with which probability this customer was made this offer: 1 − holdout fraction, times 1 − ε if the ranking chooses it plus ε / (m + 1) if it is among the m a lot is drawn from, ε being the share that explores; in `shadow.parquet` the fraction of the holdout. Of the arm `propensity` 1 − holdout fraction times the arm's share; of `random` that times the probability of the lot: 1 / the offers the rules leave, less where places are too few for all lots. Of `offer_holdout` 1 − holdout fraction times the share held out of the offer. The shares of arms and single holdouts are not taken off the others', so rows of the ranking and of the shadow stay the two sides of one draw",
    ),
];

/// Position of the expected units among all columns.
const UNITS_AT: usize = 14;

/// The schema of offers and shadow; `is_counted`: whether something offered is sold in numbers.
pub(crate) fn offer_schema(is_counted: bool) -> Schema {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let reason = |name: &str| Field::new(name, DataType::Utf8, true);
    let number = |name: &str| Field::new(name, DataType::Float64, false);
    let uplift = |name: &str| Field::new(name, DataType::Float64, true);
    let mut fields = vec![
        text("customer_id"),
        Field::new("as_of", DataType::Date32, false),
        Field::new("rank", DataType::Int16, false),
        text("offer"),
        text("kind"),
        text("family"),
        text("channel"),
        reason("step"),
        number("propensity"),
        number("propensity_contacted"),
        number("propensity_alone"),
        uplift("uplift"),
        uplift("uplift_lower"),
        uplift("uplift_upper"),
        uplift(UNITS),
        Field::new("margin_minor", DataType::Int64, false),
        Field::new("expected_value_minor", DataType::Int64, false),
        Field::new("expected_value_lower_minor", DataType::Int64, true),
        Field::new("expected_value_upper_minor", DataType::Int64, true),
        Field::new("lever_minor", DataType::Int64, false),
        Field::new("contact_cost_minor", DataType::Int64, false),
        Field::new("fatigue_minor", DataType::Int64, false),
        text("evidence"),
        text("basis"),
        reason("reason_1"),
        reason("reason_2"),
        reason("reason_3"),
        Field::new("expires_on", DataType::Date32, false),
        reason("trigger"),
        Field::new("contact_from", DataType::Date32, true),
        Field::new("contact_until", DataType::Date32, true),
        reason("benefit_en"),
        reason("benefit_ja"),
        text("arm"),
        number("action_probability"),
    ];
    if !is_counted {
        fields.retain(|field| field.name() != UNITS);
    }
    Schema::new(fields)
}

/// Rows as a batch.
pub(super) fn offer_batch(
    schema: &Arc<Schema>,
    rows: &[OfferRow],
    offers: &[Offer],
    as_of: AsOf,
) -> Result<RecordBatch> {
    let text =
        |of: &dyn Fn(&OfferRow) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(of))) };
    let reason =
        |i: usize| -> ArrayRef { Arc::new(rows.iter().map(|row| row.reasons[i].as_deref()).collect::<StringArray>()) };
    let benefit =
        |i: usize| -> ArrayRef { Arc::new(rows.iter().map(|row| row.benefit[i].as_deref()).collect::<StringArray>()) };
    let dates = |of: &dyn Fn(&OfferRow) -> Option<Date>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| of(row).map(|date| date.0)).collect::<Date32Array>())
    };
    let number =
        |of: &dyn Fn(&OfferRow) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values(rows.iter().map(of))) };
    let uplift = |of: &dyn Fn(&Parts) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.parts.and_then(|parts| of(&parts))).collect::<Float64Array>())
    };
    let whole =
        |of: &dyn Fn(&OfferRow) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(rows.iter().map(of))) };
    let end = |i: usize| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.interval.map(|ends| ends[i])).collect::<Int64Array>())
    };
    let mut columns: Vec<ArrayRef> = vec![
        text(&|row| row.customer_id.clone()),
        dates(&|_| Some(as_of.date)),
        Arc::new(Int16Array::from_iter_values(rows.iter().map(|row| row.rank))),
        text(&|row| offers[row.offer].key.clone()),
        text(&|row| if row.is_check { CHECK } else { crate::words::offer_kind(offers[row.offer].kind) }.to_owned()),
        text(&|row| offers[row.offer].family.clone()),
        text(&|row| row.channel.clone()),
        Arc::new(rows.iter().map(|row| row.step.as_deref()).collect::<StringArray>()),
        number(&|row| row.propensity),
        number(&|row| row.parts.map_or(row.propensity, |parts| parts.contacted)),
        number(&|row| row.parts.map_or(row.propensity, |parts| parts.alone)),
        uplift(&|parts| Some(parts.uplift)),
        uplift(&|parts| parts.interval.map(|ends| ends[0])),
        uplift(&|parts| parts.interval.map(|ends| ends[1])),
        Arc::new(rows.iter().map(|row| row.units).collect::<Float64Array>()),
        whole(&|row| row.margin),
        whole(&|row| row.expected_value),
        end(0),
        end(1),
        whole(&|row| row.lever),
        whole(&|row| row.contact_cost),
        whole(&|row| row.fatigue),
        text(&|row| row.evidence.to_owned()),
        text(&|row| row.basis.to_owned()),
        reason(0),
        reason(1),
        reason(2),
        dates(&|row| Some(row.moment.expires)),
        Arc::new(rows.iter().map(|row| row.moment.trigger.as_deref()).collect::<StringArray>()),
        dates(&|row| row.moment.from),
        dates(&|row| row.moment.until),
        benefit(0),
        benefit(1),
        text(&|row| row.arm.to_owned()),
        number(&|row| row.action_probability),
    ];
    if schema.column_with_name(UNITS).is_none() {
        columns.remove(UNITS_AT);
    }
    crate::kernel::batch(schema, columns)
}

/// One row of the decisions: the arm, and for every offer what became of it and who won instead.
pub(super) struct DecisionRow<'a> {
    pub(super) customer_id: String,
    pub(super) arm: &'static str,
    pub(super) lane: &'a str,
    /// The first offer of the run before.
    pub(super) previous: Option<String>,
    /// One entry an offer: the code, and the winner where there is one.
    pub(super) offers: Vec<(&'a str, Option<usize>)>,
}

/// The schema of the decisions.
pub(super) fn decision_schema(offers: &[Offer]) -> Schema {
    let mut fields: Vec<Field> =
        ["customer_id", "arm", "lane"].into_iter().map(|name| Field::new(name, DataType::Utf8, false)).collect();
    fields.push(Field::new(PREVIOUS, DataType::Utf8, true));
    for offer in offers {
        fields.push(Field::new(&offer.key, DataType::Utf8, false));
        fields.push(Field::new(format!("{}/won_by", offer.key), DataType::Utf8, true));
    }
    Schema::new(fields)
}

/// Decisions as a batch.
pub(super) fn decision_batch(schema: &Arc<Schema>, rows: &[DecisionRow<'_>], offers: &[Offer]) -> Result<RecordBatch> {
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.customer_id))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.arm))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.lane))),
        Arc::new(rows.iter().map(|row| row.previous.as_deref()).collect::<StringArray>()),
    ];
    for offer in 0..offers.len() {
        columns.push(Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.offers[offer].0))));
        let winner = |row: &DecisionRow| row.offers[offer].1.map(|winner| offers[winner].key.as_str());
        columns.push(Arc::new(rows.iter().map(winner).collect::<StringArray>()));
    }
    crate::kernel::batch(schema, columns)
}
