//! What an offer is worth: the part of `decide` that values it.

use super::super::field::Default::Is;
use super::super::field::Field;
use super::super::field::Kind::{Choice, Integer, Map, Named, Number};
use super::super::words::Form;
use super::MANY;

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "decide.value",
        Choice(&["incremental", "taking"]),
        Is("\"incremental\""),
        "What counts as earned by a contact. `incremental`: what it adds, where customers drawn at random or `decide.response` tell; where \
         nothing does, the take counts in full, the row says `observational`, and the report's first page that the ranking is not proven. \
         `taking`: every take counts in full, also those that would come without the contact.",
    ),
    Field::new(
        "decide.channel_cost_minor",
        Map(&Integer),
        Is("{}"),
        "What one contact costs, by channel; channels not named cost `decide.contact_cost_minor`. Where costs differ a customer is reached \
         through the cheapest channel allowed, and the preferred one of those that cost the same.",
    )
    .unit("minor units a contact")
    .between(0.0, MANY),
    Field::new(
        "decide.churn_per_contact",
        Number,
        Is("0.0"),
        "The share of customers who leave because they were contacted: so much of what a customer's products are still worth is taken off the \
         value of every offer.",
    )
    .unit("share a contact")
    .between(0.0, 1.0),
    Field::new(
        "decide.churn",
        Choice(&["declared", "estimated"]),
        Is("\"declared\""),
        "Whether that share is `decide.churn_per_contact`, or estimated from customers contacted or held back at random; the file's number \
         stands where there are none.",
    ),
    Field::new(
        "decide.levers",
        Named,
        Is("{}"),
        "Wishes of the business, by offer or family. They move an offer in the ranking; its probability and what it is said to be worth stay \
         as they are. That of the offer itself goes before that of its family.",
    )
    .form(Form::Some),
    Field::new("decide.levers.*.factor", Number, Is("1.0"), "Factor on what the offer brings before the contact is paid for.")
        .between(0.0, 1000.0),
    Field::new("decide.levers.*.added_minor", Integer, Is("0"), "Added to its value.").unit("minor units").between(-MANY, MANY),
];
