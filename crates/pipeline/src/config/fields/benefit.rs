//! What an offer is good for, in words: `offers.benefit`.

use super::super::field::Default::{Absent, Is};
use super::super::field::Kind::{List, Tables, Text};
use super::super::field::{Field, ListCheck};
use super::super::words::Form;

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
    Field::new("offers.benefit", Tables, Is("[]"), "What an offer is good for, said to the customer with their own figures: the columns `benefit_en` and `benefit_ja` of the offer table, to be merged into messages. Of the texts that fit an offer the first one that holds is taken, in each language on its own; one that lacks a value is passed over, so end with one that has no figures."),
    Field::new("offers.benefit[].offers", List(&Text), Is("[]"), "Offers or families it speaks of; without any, every offer.")
        .form(Form::Some)
        .list(ListCheck::Unique),
    Field::new("offers.benefit[].when", Text, Absent, "A condition as in `features.derived`, over the columns of `features/scoring.parquet`: `\"usage_traffic_gb_surge_30d > 1.5\"`. Without it the text always holds. Unlike rules it cannot read restricted attributes: what is said would give them away.")
        .form(Form::Some),
    Field::new("offers.benefit[].trigger", Text, Absent, "Only where this trigger of `decide.trigger` stands in the column `trigger` of the row.")
        .form(Form::Some),
    Field::new("offers.benefit[].en", Text, Absent, "The text in English: `\"Your evening traffic is {usage_traffic_gb_surge_30d:ratio} times what it was.\"`. In braces stand columns of `features/scoring.parquet`, `product_name`, `product_family`, `product_price`, `product_valid_until` and, as `product_<header>`, attributes of products that are numbers; `offer`, `as_of`, `expires_on`, `contact_from`, `contact_until`; and `cause`, what the trigger, or else the strongest reason, says with its figure. After a colon the format: `integer`, `number`, `ratio`, `percent`, `money`, `date` (also of days since or until something), `month` (the name of a date's month, or of a calendar month a feature looks at); without it as the value counts. `{{` is a brace. At most 255 characters once filled; a longer one is passed over.")
        .form(Form::Some),
    Field::new("offers.benefit[].ja", Text, Absent, "The same in Japanese.").form(Form::Some),
];
