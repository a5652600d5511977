//! The values a delivered row can hold.

use osusume_model::{Code, Date, Fault, Minor, Result};
use osusume_text::{Language, minor_digits, reasons};

use crate::Lineage;

/// One row of a published offer table, borrowed from the block it was read from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OfferRow<'a> {
    /// The customer.
    pub customer: &'a str,
    /// The as-of date.
    pub as_of: Date,
    /// Place among the customer's offers, 1 for the best.
    pub rank: i16,
    /// Key of the offer.
    pub offer: &'a str,
    /// Upsell, cross-sell or category.
    pub kind: &'a str,
    /// Family of the offer.
    pub family: &'a str,
    /// Channel, where one was chosen.
    pub channel: Option<&'a str>,
    /// The step of an approach. Absent in tables without the column.
    pub step: Option<&'a str>,
    /// Calibrated probability.
    pub propensity: Option<f64>,
    /// The same with and without contact. Absent in tables without the columns.
    pub propensity_contacted: Option<f64>,
    /// See [`Self::propensity_contacted`].
    pub propensity_alone: Option<f64>,
    /// What a contact adds, and the ends of its interval; absent where nothing tells it.
    pub uplift: [Option<f64>; 3],
    /// Units a taker is expected to take. Absent in tables without the column.
    pub expected_quantity: Option<f64>,
    /// Margin in minor units.
    pub margin: Option<Minor>,
    /// What the offer is worth, in minor units: see the crate `decide`.
    pub expected_value: Option<Minor>,
    /// What the value rests on.
    pub evidence: Option<&'a str>,
    /// Whose rate the propensity is: the offer's own model's, or a pooled one's. Absent in tables without the column.
    pub basis: Option<&'a str>,
    /// Reason codes, the strongest first.
    pub reasons: [Option<&'a str>; 3],
    /// First day the offer no longer holds.
    pub expires_on: Option<Date>,
    /// The trigger that makes this the time for it. Absent in tables without the column.
    pub trigger: Option<&'a str>,
    /// First day to contact the customer about it, and the day from which it is too late.
    pub contact: [Option<Date>; 2],
    /// What it is good for, in English and in Japanese. Absent in tables without the columns.
    pub benefit: [Option<&'a str>; 2],
    /// Probability with which this action was chosen.
    pub action_probability: Option<f64>,
}

/// A value of a delivered row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The delivery key: customer, offer and as-of date in one text, see [`delivery_key`].
    Key,
    /// The customer.
    Customer,
    /// The as-of date.
    AsOf,
    /// Place among the customer's offers.
    Rank,
    /// Key of the offer.
    Offer,
    /// Upsell, cross-sell or category.
    Kind,
    /// Family of the offer.
    Family,
    /// Channel.
    Channel,
    /// Calibrated probability with six digits, rounded half to even.
    Propensity,
    /// The same if the customer is contacted.
    PropensityContacted,
    /// The same if nobody contacts them.
    PropensityAlone,
    /// What the contact adds.
    Uplift,
    /// Lower end of its interval.
    UpliftLower,
    /// Upper end of its interval.
    UpliftUpper,
    /// Units a taker is expected to take, of what is sold in numbers.
    ExpectedQuantity,
    /// Margin in the currency's major unit.
    Margin,
    /// Margin in minor units.
    MarginMinor,
    /// Expected value in the currency's major unit.
    ExpectedValue,
    /// Expected value in minor units.
    ExpectedValueMinor,
    /// What the value rests on.
    Evidence,
    /// Whose rate the propensity is.
    Basis,
    /// A reason code, 0 for the strongest.
    ReasonCode(u8),
    /// The sentence of a reason code in the delivery's language, 0 for the strongest.
    ReasonText(u8),
    /// The step of the approach it is made in.
    Step,
    /// First day the offer no longer holds.
    ExpiresOn,
    /// The trigger that holds.
    Trigger,
    /// First day of contact.
    ContactFrom,
    /// First day on which it is too late to contact.
    ContactUntil,
    /// What the offer is good for, in the delivery's language.
    Benefit,
    /// The same in English.
    BenefitEn,
    /// The same in Japanese.
    BenefitJa,
    /// Probability with which this action was chosen.
    ActionProbability,
    /// The run.
    RunId,
    /// The pipeline.
    Pipeline,
    /// The model that scored the offer.
    Model,
    /// Version of the delivered columns.
    SchemaVersion,
}

impl Field {
    /// Every field, in the order of the plain profile.
    pub const ALL: [Self; 40] = [
        Self::Key,
        Self::Customer,
        Self::AsOf,
        Self::Rank,
        Self::Offer,
        Self::Kind,
        Self::Family,
        Self::Channel,
        Self::Step,
        Self::Propensity,
        Self::PropensityContacted,
        Self::PropensityAlone,
        Self::Uplift,
        Self::UpliftLower,
        Self::UpliftUpper,
        Self::ExpectedQuantity,
        Self::Margin,
        Self::MarginMinor,
        Self::ExpectedValue,
        Self::ExpectedValueMinor,
        Self::Evidence,
        Self::Basis,
        Self::ReasonCode(0),
        Self::ReasonCode(1),
        Self::ReasonCode(2),
        Self::ReasonText(0),
        Self::ReasonText(1),
        Self::ReasonText(2),
        Self::ExpiresOn,
        Self::Trigger,
        Self::ContactFrom,
        Self::ContactUntil,
        Self::Benefit,
        Self::BenefitEn,
        Self::BenefitJa,
        Self::ActionProbability,
        Self::RunId,
        Self::Pipeline,
        Self::Model,
        Self::SchemaVersion,
    ];

    /// The name in configuration files, and the header of the plain profile.
    pub fn id(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Customer => "customer_id",
            Self::AsOf => "as_of",
            Self::Rank => "rank",
            Self::Offer => "offer",
            Self::Kind => "kind",
            Self::Family => "family",
            Self::Channel => "channel",
            Self::Step => "step",
            Self::Propensity => "propensity",
            Self::PropensityContacted => "propensity_contacted",
            Self::PropensityAlone => "propensity_alone",
            Self::Uplift => "uplift",
            Self::UpliftLower => "uplift_lower",
            Self::UpliftUpper => "uplift_upper",
            Self::ExpectedQuantity => "expected_quantity",
            Self::Margin => "margin",
            Self::MarginMinor => "margin_minor",
            Self::ExpectedValue => "expected_value",
            Self::ExpectedValueMinor => "expected_value_minor",
            Self::Evidence => "evidence",
            Self::Basis => "basis",
            Self::ReasonCode(0) => "reason_1",
            Self::ReasonCode(1) => "reason_2",
            Self::ReasonCode(_) => "reason_3",
            Self::ReasonText(0) => "reason_text_1",
            Self::ReasonText(1) => "reason_text_2",
            Self::ReasonText(_) => "reason_text_3",
            Self::ExpiresOn => "expires_on",
            Self::Trigger => "trigger",
            Self::ContactFrom => "contact_from",
            Self::ContactUntil => "contact_until",
            Self::Benefit => "benefit",
            Self::BenefitEn => "benefit_en",
            Self::BenefitJa => "benefit_ja",
            Self::ActionProbability => "action_probability",
            Self::RunId => "run_id",
            Self::Pipeline => "pipeline",
            Self::Model => "model",
            Self::SchemaVersion => "schema_version",
        }
    }

    /// Whether the value is text: only text can be taken for a formula by a spreadsheet.
    pub fn is_text(self) -> bool {
        !matches!(
            self,
            Self::AsOf
                | Self::Rank
                | Self::Propensity
                | Self::PropensityContacted
                | Self::PropensityAlone
                | Self::Uplift
                | Self::UpliftLower
                | Self::UpliftUpper
                | Self::ExpectedQuantity
                | Self::Margin
                | Self::MarginMinor
                | Self::ExpectedValue
                | Self::ExpectedValueMinor
                | Self::ExpiresOn
                | Self::ContactFrom
                | Self::ContactUntil
                | Self::ActionProbability
                | Self::SchemaVersion
        )
    }

    /// The value in a row as text, or `None` where the row has none.
    ///
    /// # Errors
    /// `FileDamaged` for a number that is not finite: nothing of that kind is ever published.
    pub fn value(self, row: &OfferRow<'_>, lineage: &Lineage<'_>) -> Result<Option<String>> {
        let text = |value: &str| Some(value.to_owned());
        let minor = |value: Option<Minor>| value.map(|amount| amount.0.to_string());
        let major = |value: Option<Minor>| value.map(|amount| decimal(amount, minor_digits(lineage.currency)));
        Ok(match self {
            Self::Key if row.customer.is_empty() || row.offer.is_empty() => None,
            Self::Key => Some(delivery_key(row.customer, row.offer, row.as_of)),
            Self::Customer => text(row.customer),
            Self::AsOf => Some(row.as_of.to_string()),
            Self::Rank => Some(row.rank.to_string()),
            Self::Offer => text(row.offer),
            Self::Kind => text(row.kind),
            Self::Family => text(row.family),
            Self::Channel => row.channel.and_then(text),
            Self::Step => row.step.and_then(text),
            Self::Propensity => share(row.propensity, self)?,
            Self::PropensityContacted => share(row.propensity_contacted, self)?,
            Self::PropensityAlone => share(row.propensity_alone, self)?,
            Self::Uplift => share(row.uplift[0], self)?,
            Self::UpliftLower => share(row.uplift[1], self)?,
            Self::UpliftUpper => share(row.uplift[2], self)?,
            Self::ExpectedQuantity => share(row.expected_quantity, self)?,
            Self::Margin => major(row.margin),
            Self::MarginMinor => minor(row.margin),
            Self::ExpectedValue => major(row.expected_value),
            Self::ExpectedValueMinor => minor(row.expected_value),
            Self::Evidence => row.evidence.and_then(text),
            Self::Basis => row.basis.and_then(text),
            Self::ReasonCode(place) => row.reasons[usize::from(place.min(2))].and_then(text),
            Self::ReasonText(place) => row.reasons[usize::from(place.min(2))]
                .map(|code| reasons::sentence(code, lineage.dictionary, lineage.language)),
            Self::ExpiresOn => row.expires_on.map(|date| date.to_string()),
            Self::Trigger => row.trigger.and_then(text),
            Self::ContactFrom => row.contact[0].map(|date| date.to_string()),
            Self::ContactUntil => row.contact[1].map(|date| date.to_string()),
            Self::Benefit if lineage.language == Language::Ja => row.benefit[1].and_then(text),
            Self::Benefit | Self::BenefitEn => row.benefit[0].and_then(text),
            Self::BenefitJa => row.benefit[1].and_then(text),
            Self::ActionProbability => share(row.action_probability, self)?,
            Self::RunId => text(lineage.run_id),
            Self::Pipeline => text(lineage.pipeline),
            Self::Model => lineage.models.get(row.offer).cloned(),
            Self::SchemaVersion => Some(SCHEMA_VERSION.to_string()),
        })
    }
}

/// Version of the delivered columns; raised when one changes its name or meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// The key of a delivered row, the same in every delivery of the same offer: `customer:offer:as-of`.
///
/// `:` and `%` inside a part are percent-encoded, so that no two rows share a key by accident.
pub fn delivery_key(customer: &str, offer: &str, as_of: Date) -> String {
    let part = |text: &str| text.replace('%', "%25").replace(':', "%3A");
    format!("{}:{}:{as_of}", part(customer), part(offer))
}

/// Six digits after the point: finer than any calibration, effect or quantity. Rust rounds the exact binary value half to even.
fn share(value: Option<f64>, field: Field) -> Result<Option<String>> {
    match value {
        Some(value) if !value.is_finite() => {
            Err(Fault::new(Code::FileDamaged).named(field.id()).because("not a finite number"))
        }
        // What rounds to 0 has no sign.
        value => Ok(value.map(|value| format!("{:.6}", if value.abs() < 5e-7 { 0.0 } else { value }))),
    }
}

/// Minor units as a plain decimal number, e.g. `-12.34`.
fn decimal(amount: Minor, digits: u32) -> String {
    if digits == 0 {
        return amount.0.to_string();
    }
    let scale = 10_u64.pow(digits);
    let sign = if amount.0 < 0 { "-" } else { "" };
    let (whole, fraction) = (amount.0.unsigned_abs() / scale, amount.0.unsigned_abs() % scale);
    format!("{sign}{whole}.{fraction:0width$}", width = digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_collide() {
        let date: Date = "2026-10-01".parse().unwrap();
        assert_eq!(delivery_key("C1", "line_1g", date), "C1:line_1g:2026-10-01");
        assert_ne!(delivery_key("a:b", "c", date), delivery_key("a", "b:c", date));
        assert_ne!(delivery_key("a%3Ab", "c", date), delivery_key("a:b", "c", date));
    }

    #[test]
    fn amounts_in_major_units() {
        assert_eq!(decimal(Minor(-5), 2), "-0.05");
        assert_eq!(decimal(Minor(123_456), 2), "1234.56");
        assert_eq!(decimal(Minor(-1200), 0), "-1200");
        assert_eq!(decimal(Minor(i64::MIN), 3), "-9223372036854775.808");
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        assert_eq!(share(Some(0.123_456_78), Field::Propensity), Ok(Some("0.123457".to_owned())));
        assert_eq!(share(None, Field::Propensity), Ok(None));
        assert_eq!(share(Some(-0.012), Field::Uplift), Ok(Some("-0.012000".to_owned())));
        assert_eq!(share(Some(-4e-7), Field::Uplift), Ok(Some("0.000000".to_owned())));
        for value in [f64::NAN, f64::INFINITY] {
            assert_eq!(share(Some(value), Field::Propensity).unwrap_err().code(), Code::FileDamaged);
        }
    }

    #[test]
    fn ids_are_unique() {
        let ids: std::collections::BTreeSet<&str> = Field::ALL.into_iter().map(Field::id).collect();
        assert_eq!(ids.len(), Field::ALL.len());
    }
}
