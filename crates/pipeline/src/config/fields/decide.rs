//! Who gets what: `decide`.

use super::super::field::Default::{Absent, Follows, Is, Required};
use super::super::field::Kind::{AutoOr, Choice, Flag, Integer, List, Map, Number, Table, Tables, Text};
use super::super::field::{Field, ListCheck};
use super::super::words::Form;
use super::MANY;

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
    Field::new("decide", Table, Is("{}"), "Who gets which offer, and who gets none."),
    Field::new("decide.per_customer", Integer, Is("3"), "Offers a customer gets at most.").unit("offers").between(1.0, 20.0),
    Field::new(
        "decide.per_household",
        Integer,
        Absent,
        "Members of a household who are offered anything in one run at most; those whose offers are worth the most together. Without it each \
         customer stands alone. It needs `columns.household` in the source of role `customers`.",
    )
    .unit("customers")
    .between(1.0, 100.0),
    Field::new("decide.months", Integer, Is("12"), "Months of margin an offer's value counts.").unit("months").between(1.0, 120.0),
    Field::new(
        "decide.monthly_survival",
        Number,
        Is("0.98"),
        "The share of takers who still hold the product a month later.",
    )
    .unit("share a month")
    .above(0.0, 1.0),
    Field::new("decide.yearly_discount", Number, Is("0.05"), "What a year's wait takes off money.")
        .unit("share a year")
        .between(0.0, 0.99),
    Field::new("decide.min_value_minor", Integer, Is("0"), "An offer worth less than this is not made.")
        .unit("minor units")
        .between(0.0, MANY),
    Field::new("decide.contact_cost_minor", Integer, Is("0"), "What one contact costs; it is taken off the value.")
        .unit("minor units a contact")
        .between(0.0, MANY),
    Field::new(
        "decide.channels",
        List(&Text),
        Is("[\"mail\"]"),
        "The channels as the consents name them, the preferred one first; a customer is reached through the cheapest that is allowed, the preferred one of equals.",
    )
    .form(Form::Some)
    .list(ListCheck::SomeUnique),
    Field::new("decide.consent", Table, Is("{}"), "Whose permission a contact needs."),
    Field::new(
        "decide.consent.required",
        Flag,
        Is("true"),
        "Whether a contact needs a recorded consent; nobody without one is offered anything. Only `false`, written \
         down, lets a pipeline run that has no source of role `consents`.",
    ),
    Field::new(
        "decide.consent.purpose",
        Text,
        Is("\"marketing\""),
        "The purpose a consent must name, where the consents have such a column.",
    )
    .form(Form::Some),
    Field::new(
        "decide.holdout",
        Table,
        Is("{}"),
        "Customers never contacted, so that what the offers earned can be measured. They are drawn once, by hash.",
    ),
    Field::new(
        "decide.holdout.fraction",
        AutoOr(&Number),
        Is("0.05"),
        "The share of customers held out. `auto` takes as many as show an effect worth detecting (`decide.holdout.detect`) in one run, by the \
         rate of takes learned from, and never fewer than the newest published run of an earlier date, so that nobody once held out comes back.",
    )
    .unit("share")
    .between(0.0, 0.5),
    Field::new(
        "decide.holdout.detect",
        Number,
        Is("0.1"),
        "The effect worth detecting: by what share more takes there are with the offers than without, to be seen with 80 % power by a two-sided \
         test at 5 %. `osusume check` and every run say in how many months the holdout shows it.",
    )
    .unit("share")
    .above(0.0, 10.0),
    Field::new("decide.holdout.at_most", Number, Is("0.2"), "The largest share that `auto` takes, however small the company.")
        .unit("share")
        .above(0.0, 0.5),
    Field::new(
        "decide.holdout.offers",
        Table,
        Is("{}"),
        "Customers a single offer is never made to, so that its own effect can be measured while every other offer goes on. Each offer draws its \
         own, by hash and for good; the rule `offer_holdout` removes it, and `shadow.parquet` has it where it would have been made.",
    ),
    Field::new("decide.holdout.offers.fraction", Number, Is("0.0"), "The share of customers held out of each offer.")
        .unit("share")
        .between(0.0, 0.5),
    Field::new(
        "decide.holdout.per_offer",
        Map(&Number),
        Is("{}"),
        "The same by offer, instead of `decide.holdout.offers.fraction` (`tv = 0.05`).",
    )
    .unit("share")
    .between(0.0, 0.5),
    Field::new(
        "decide.holdout.salt",
        Text,
        Follows("`pipeline.name`"),
        "The key by which they are drawn; another key draws others. It may be a reference to a secret, so that nobody \
         can work out who is held out; `--set` may only give a reference.",
    )
    .form(Form::Some)
    .may_be_secret(),
    Field::new(
        "decide.switch_gain",
        Number,
        Is("0.0"),
        "By what share more another offer must be worth before a customer's first offer changes from one run to the next: 0.1 keeps the one \
         made last time unless another is worth a tenth more. Rules and thresholds hold for it as for any other.",
    )
    .unit("share")
    .between(0.0, 10.0),
    Field::new(
        "decide.explore",
        Table,
        Is("{}"),
        "Customers who get one of their best offers, or none, by lot: what is never offered teaches nothing. They are drawn anew in each run; \
         rules, consents and limits hold for them as for everybody.",
    ),
    Field::new("decide.explore.fraction", Number, Is("0.0"), "The share of customers outside the holdout who explore. Where places are scarce it is smaller: explorers take a tenth of any limit at most.")
        .unit("share")
        .between(0.0, 0.5),
    Field::new("decide.explore.among", Integer, Is("5"), "Offers a lot is drawn from at most, the best first; no offer is one lot more. They need not be worth `decide.min_value_minor`.")
        .unit("offers")
        .between(1.0, 50.0),
    Field::new(
        "decide.explore.min_value_minor",
        Integer,
        Absent,
        "An offer worth less than this is no lot. Without it, what an offer is believed to be worth does not matter: what is never offered \
         teaches nothing. Below 0 it is the most one lot may be expected to cost.",
    )
    .unit("minor units")
    .between(-MANY, MANY),
    Field::new("decide.contact_limit", Table, Is("{}"), "How often a customer may be contacted."),
    Field::new("decide.contact_limit.days", Integer, Is("30"), "The days in which contacts are counted.")
        .unit("days")
        .between(1.0, 366.0),
    Field::new("decide.contact_limit.max", Integer, Is("2"), "Contacts within those days at most, those past and the rows of the offer table together: each row is a contact to come.")
        .unit("contacts")
        .between(1.0, 1000.0),
    Field::new("decide.contact_limit.min_days_between", Integer, Is("0"), "Days from one contact of a customer to the next at least. Where it is above 0 a customer gets one row, which is a contact to come.")
        .unit("days")
        .between(0.0, 366.0),
    Field::new(
        "decide.contact_limit.outstanding",
        Flag,
        Is("false"),
        "Whether an offer of an earlier run of this pipeline counts as a contact from the run's date on, even before the contact \
         itself is in the tables; once it is, the two count as one. It counts until it expires, or the contacts report that it was not sent (`columns.sent`). Say `true` where every run is a campaign of its own, \
         so that what is still being worked is not offered twice; with `false` an offer stays in every new table until \
         somebody has acted on it. Shadow rows count for the holdout alike, or as often as offers were contacted.",
    ),
    Field::new("decide.response", Map(&Number), Is("{}"), "By which share a contact is assumed to change the odds of a take, by offer or family (`line = 0.2`: a fifth higher). It fills `uplift` of offers for which the contacts hold no customers contacted or held back at random; what these tell goes before it.")
        .unit("share")
        .between(-0.95, 10.0),
    Field::new("decide.hold_after", Tables, Is("[]"), "Events after which a customer is left in peace."),
    Field::new(
        "decide.hold_after[].event",
        Choice(&["complaint", "purchase", "ignored"]),
        Required,
        "Anything said in a source of role `voice`, be it a complaint or not, a purchase or new holding, or the last of several contacts in a row that nobody answered (`ignored`, which needs `columns.responded` in the contacts). List only complaints in that source, choose its rows with `keep`, or say `by_tone`, to be silent after these alone.",
    ),
    Field::new(
        "decide.hold_after[].by_tone",
        Flag,
        Is("false"),
        "Of `complaint`: `true` counts only what was written, and of that only texts whose tone is a complaint, be it in Japanese or \
         English. It needs `columns.text` in a source of role `voice`.",
    ),
    Field::new("decide.hold_after[].n", Integer, Is("3"), "Of `ignored`: contacts in a row without an answer.").unit("contacts").between(1.0, 100.0),
    Field::new("decide.hold_after[].answer_days", Integer, Is("7"), "Of `ignored`: days a customer has to answer; a contact younger than that was not ignored yet.").unit("days").between(0.0, 366.0),
    Field::new("decide.hold_after[].days", Integer, Required, "How long no offer is made after it.")
        .unit("days")
        .between(1.0, 366.0),
    Field::new("decide.capacity", Tables, Is("[]"), "Places there are for all customers together. Who gets them is settled over everybody at once, so that they earn the most."),
    Field::new("decide.capacity[].offer", Text, Absent, "The offer whose rows count; without it those of every offer do."),
    Field::new("decide.capacity[].channel", Text, Absent, "The channel whose rows count, one of `decide.channels`; without it those of every channel do. Where a customer allows several channels, a place in any of them will do."),
    Field::new("decide.capacity[].max", Integer, Absent, "Rows of the offer table at most.").unit("rows").between(0.0, 1e9),
    Field::new("decide.capacity[].budget_minor", Integer, Absent, "Instead of a number of rows: what contacting the customers of these rows may cost together.").unit("minor units").between(0.0, MANY),
    Field::new("decide.capacity[].min", Integer, Absent, "Rows at least, as far as there are customers the rules leave; also of offers worth less than `decide.min_value_minor`.").unit("rows").between(0.0, 1e9),
    Field::new("decide.capacity[].when", Text, Absent, "Count only rows of customers for whom this condition holds, as in `decide.rule[].when`: `\"customers_prefecture == 'osaka'\"`. The limit then says nothing of anybody else; 8 different conditions at most.").form(Form::Some),
];
