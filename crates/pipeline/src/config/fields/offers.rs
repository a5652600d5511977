//! What can be offered: `offers`.

use super::super::field::Default::{Absent, Is, Required};
use super::super::field::Kind::{Flag, Integer, List, Table, Text};
use super::super::field::{Field, ListCheck};
use super::super::words::Form;
use super::MANY;

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
    Field::new("offers", Table, Required, "What can be offered, and what counts as a take."),
    Field::new("offers.upsell", Table, Is("{}"), "Steps up a ladder."),
    Field::new(
        "offers.upsell.families",
        List(&Text),
        Is("[]"),
        "Families whose products of tier 2 and more are offered to those who hold the next lower tier.",
    )
    .form(Form::Some)
    .list(ListCheck::Unique),
    Field::new(
        "offers.upsell.skip_steps",
        Flag,
        Is("false"),
        "Whether every higher tier is offered to those who hold any lower one. Otherwise only the next tier up is.",
    ),
    Field::new(
        "offers.upsell.replaces",
        Flag,
        Is("true"),
        "Whether the higher tier takes the place of the one held, as a plan does: then an upsell adds the new margin less the old one. \
         `false` where things are bought: whoever buys the better machine had paid for the other, and the whole margin is new.",
    ),
    Field::new("offers.cross_sell", Table, Is("{}"), "What stands beside what is held."),
    Field::new(
        "offers.cross_sell.families",
        List(&Text),
        Is("[]"),
        "Families whose lowest tier is offered to those who hold nothing of the family.",
    )
    .form(Form::Some)
    .list(ListCheck::Unique),
    Field::new("offers.category", Table, Absent, "Categories of purchases the customer has not bought for a while."),
    Field::new("offers.category.source", Text, Required, "The source of role `purchases` that tells who bought.")
        .form(Form::Some),
    Field::new(
        "offers.category.level",
        Text,
        Required,
        "The attribute of the products that holds the category; `product` for the product itself, which needs no products \
         table.",
    )
    .form(Form::Some),
    Field::new(
        "offers.category.names",
        List(&Text),
        Required,
        "The categories (or products) to offer, as the tables spell them; each is one offer.",
    )
    .form(Form::Some)
    .list(ListCheck::SomeUnique),
    Field::new(
        "offers.category.not_bought_days",
        Integer,
        Is("182"),
        "A customer may be offered a category if nothing of it was bought in so many days before the as-of date.",
    )
    .unit("days")
    .between(1.0, 3660.0),
    Field::new("offers.category.margin_minor", Integer, Required, "What one purchase out of the category earns.")
        .unit("minor units a purchase")
        .between(0.0, MANY),
    Field::new(
        "offers.horizon_days",
        Integer,
        Is("60"),
        "Length of the label window: a take counts if it happens within so many days after the gap.",
    )
    .unit("days")
    .between(1.0, 730.0),
    Field::new(
        "offers.gap_days",
        Integer,
        Is("7"),
        "Days between the as-of date and the label window, for the offers to reach anybody. \
         Who takes it meanwhile leaves the row, counted.",
    )
    .unit("days")
    .between(0.0, 180.0),
    Field::new(
        "offers.kept_days",
        Integer,
        Is("30"),
        "A take counts only if the product is kept so long: cooling-off, returns and steps back cancel it.",
    )
    .unit("days")
    .between(0.0, 365.0),
];
