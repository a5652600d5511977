//! What an offer is worth: the part of `decide` that values it.

use super::super::field::Default::Is;
use super::super::field::Field;
use super::super::field::Kind::{Choice, Integer, Map, Named, Number, Table};
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
        "decide.believed_response",
        Table,
        Is("{}"),
        "What is believed of contacts before customers drawn at random tell: it decides alone where few have been drawn, and gives way as \
         takes come in. Unless told otherwise, contacts of a company are believed to raise the odds of a take by a tenth on average, \
         give or take a tenth, and those about different offers to lie a few hundredths apart. Where contacts are known to do nothing, or far more, say so. It is used only for offers with customers contacted or held back at random; `decide.response` is for the others.",
    ),
    Field::new(
        "decide.believed_response.mean",
        Number,
        Is("0.1"),
        "The share by which contacts change the odds of a take on average; `0.0` believes in nothing that draws do not show, and makes few \
         offers until they show it.",
    )
    .unit("share")
    .between(-0.9, 10.0),
    Field::new(
        "decide.believed_response.spread",
        Number,
        Is("0.05"),
        "How far the average of this company may lie from that: a standard deviation. The larger, the sooner draws decide.",
    )
    .unit("log-odds")
    .between(0.01, 2.0),
    Field::new(
        "decide.believed_response.between_offers",
        Number,
        Is("0.02"),
        "How far families and offers may lie apart: the larger, the less an offer learns from the others, and the more chance decides \
         between offers that few have taken.",
    )
    .unit("log-odds")
    .between(0.01, 2.0),
    Field::new(
        "decide.wear_out",
        Number,
        Is("0.25"),
        "The share of its effect that each contact of a customer loses by another one: one of the days of `decide.contact_limit`, or one of \
         the same run. So a second offer is made only where it adds more than it takes from the first. A share you declare; nothing here \
         measures it. It matters only to what a contact adds (`decide.value = \"incremental\"`), and softens no harm.",
    )
    .unit("share a contact")
    .between(0.0, 0.95),
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
        "Whether that share is `decide.churn_per_contact`, or what customers contacted or held back at random tell, drawn toward it: few of \
         them tell little, and an estimate within one in a thousand of the file's number takes about a hundred thousand.",
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
