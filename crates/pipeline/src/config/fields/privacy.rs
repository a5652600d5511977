//! What the data may be used for, and whose may not be used at all: `suppression`.

use super::super::field::Default::{Absent, Is, Required};
use super::super::field::Kind::{Choice, Flag, Integer, OneOrMore, Table, Text};
use super::super::field::{Field, ListCheck};
use super::super::words::Form;

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "suppression",
        Table,
        Absent,
        "A list of customers who must not be marketed to: those who objected, asked to be forgotten, or are spared for another reason. \
         No row of theirs enters a table of a run, so they are neither learned from nor scored nor offered anything, and the list is read \
         again before every delivery. Where it cannot be trusted the run ends, and nothing is delivered.",
    ),
    Field::new("suppression.path", OneOrMore(&Text), Required, "File, directory, or pattern with `*`.")
        .form(Form::Some)
        .list(ListCheck::SomeUnique),
    Field::new(
        "suppression.column",
        Text,
        Is("\"customer_id\""),
        "The header of the customers' ids. They are compared regardless of case, width and blanks around them.",
    )
    .form(Form::Some),
    Field::new("suppression.format", Choice(&["auto", "csv", "parquet"]), Is("\"auto\""), "As `sources.*.format`."),
    Field::new(
        "suppression.encoding",
        Choice(&["utf-8", "utf-16", "cp932"]),
        Is("\"utf-8\""),
        "As `sources.*.encoding`.",
    ),
    Field::new("suppression.delimiter", Text, Is("\",\""), "As `sources.*.delimiter`.").form(Form::Delimiter),
    Field::new(
        "suppression.max_age_days",
        Integer,
        Absent,
        "Days that the newest file may be older than the as-of date, by the time it was last written. A list nobody delivers any more \
         looks like one to which nobody was added.",
    )
    .unit("days")
    .between(0.0, 3650.0),
    Field::new("suppression.allow_empty", Flag, Is("false"), "Whether a list without anybody is one."),
    Field::new(
        "suppression.allow_unmatched",
        Flag,
        Is("false"),
        "Whether a list may hold nobody of whom the tables know: most likely its ids are others than theirs.",
    ),
];
