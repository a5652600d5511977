//! Whom the audit of delivered offers tells apart: `guard`.

use super::super::field::Default::Is;
use super::super::field::Kind::{List, Map, Number, Table, Text};
use super::super::field::{Field, ListCheck};
use super::super::words::Form;

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
    Field::new("guard", Table, Is("{}"), "Whom the offers reach, group by group; nothing here changes an offer."),
    Field::new("guard.groups", List(&Text), Is("[]"), "Attributes of the customers by which delivered offers are audited, restricted ones included: `[\"birth_year\", \"prefecture\"]`. The report and `summary.json` show for each group the share with an offer and its ratio to everybody's, the share the rules leave an offer, the mean value and probability, and how far probabilities held in the newest test, with intervals; counts of fewer than ten customers, and what they could be worked out from, are withheld.")
        .form(Form::Some)
        .list(ListCheck::Unique),
    Field::new("guard.bands", Map(&List(&Number)), Is("{}"), "Where the bands of an attribute begin that is a number: `{ birth_year = [1955, 1975, 1995] }` makes four.")
        .list(ListCheck::SomeIncreasing),
];
