//! How the ranking itself is measured: policy arms.

use super::super::field::Default::Is;
use super::super::field::Field;
use super::super::field::Kind::{Number, Table};

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "decide.arms",
        Table,
        Is("{}"),
        "Customers whose offers another policy chooses, so that `osusume evaluate` can tell what the ranking is worth: the rest, whom the ranking \
         decides, is compared with them and all with the holdout, which arms need. Members are drawn once by a hash that has nothing to do with \
         the holdout's, households as a whole; a larger share only adds members. Rules, consents, contact limits and places hold for every arm, \
         places by its share of the customers. Together the shares lie below 1.",
    ),
    Field::new(
        "decide.arms.propensity",
        Number,
        Is("0.0"),
        "The share of customers outside the holdout whose offers are ranked by what a take is worth: propensity × margin less the cost of the \
         contact, whatever the contact adds, levers and kept offers aside.",
    )
    .unit("share")
    .between(0.0, 1.0),
    Field::new(
        "decide.arms.random",
        Number,
        Is("0.0"),
        "The share who get one offer drawn evenly, in every run anew, from those the rules leave, whatever it is worth.",
    )
    .unit("share")
    .between(0.0, 1.0),
];
