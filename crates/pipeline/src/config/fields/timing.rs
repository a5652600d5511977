//! When an offer is right, and for whom: rules, triggers, lanes and approaches of `decide`.

use super::super::field::Default::{Absent, Is, Required};
use super::super::field::Kind::{Choice, Flag, Integer, List, Tables, Text};
use super::super::field::{Field, ListCheck};
use super::super::words::Form;
use super::MANY;

/// The layers a declared rule may stand in.
pub(in crate::config) const LAYERS: &[&str] = &["eligibility", "applicability", "suitability"];

/// What a trigger does.
pub(in crate::config) const EFFECTS: &[&str] = &["unlock", "date", "expire"];

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
    Field::new("decide.channel_limit", Tables, Is("[]"), "How often a customer may be contacted through one channel, beside `decide.contact_limit`. A channel that is used up is left out for this customer, and the next one they allow takes its place; where none is left nothing is offered."),
    Field::new("decide.channel_limit[].channel", Text, Required, "The channel, one of `decide.channels`. A contact of which no channel is told counts for all.").form(Form::Some),
    Field::new("decide.channel_limit[].days", Integer, Required, "The days in which contacts are counted.").unit("days").between(1.0, 366.0),
    Field::new("decide.channel_limit[].max", Integer, Required, "Contacts within those days at most, rows of the offer table included.").unit("contacts").between(0.0, 1000.0),
    Field::new("decide.mandatory", List(&Text), Is("[]"), "What stands in the column `offer` of contacts that had to be made, such as invoices or notices of a failure: they count toward no limit and no hold.")
        .form(Form::Some)
        .list(ListCheck::Unique),
    Field::new("decide.fatigue", List(&Integer), Is("[]"), "What one contact more costs in goodwill, by the contacts of the days of `decide.contact_limit`: the first number for a customer who had none, the last for all who had as many or more. Offers of one run count one after the other: a second one costs the second number, so it is made only where it is worth that. It is taken off the value of every offer. A price you declare; nothing here measures it.")
        .unit("minor units a contact")
        .between(0.0, MANY),
    Field::new("decide.rule", Tables, Is("[]"), "Rules of your own, asked beside those there are: each removes offers of the customers its condition holds for, and is counted, shown in `decisions.parquet` as `rule:` and its name, and explained by `osusume why`."),
    Field::new("decide.rule[].name", Text, Required, "What the rule is called; no two have a name.").form(Form::Identifier),
    Field::new("decide.rule[].layer", Choice(LAYERS), Required, "What it asks: `eligibility` (may we?), `applicability` (is it the time?) or `suitability` (should we?). Of several rules that remove an offer the first by layer is told."),
    Field::new("decide.rule[].offers", List(&Text), Is("[]"), "Offers or families it speaks of; without any, every offer.")
        .form(Form::Some)
        .list(ListCheck::Unique),
    Field::new("decide.rule[].when", Text, Absent, "A condition as in `features.derived`, over the columns of `features/scoring.parquet` and, as `<source>_<column>`, the attributes of customers that are no features, restricted ones included: `\"customers_birth_year <= 1951 and tickets_recency < 30\"`. A level of a category stands between quotes: `\"usage_stage == 'declining'\"`. Where it is true the offers are removed. Where a value it rests on is absent it is neither true nor false, and nothing is removed; ask `is_absent(x)` to catch that.")
        .form(Form::Some),
    Field::new("decide.rule[].unless", Text, Absent, "The same the other way round, in place of `when`: the offers are removed where the condition is not true, be it false or unknown.")
        .form(Form::Some),
    Field::new("decide.rule[].reason_en", Text, Absent, "What `osusume why` says of it in English; without it the condition itself.").form(Form::Some),
    Field::new("decide.rule[].reason_ja", Text, Absent, "The same in Japanese.").form(Form::Some),
    Field::new("decide.trigger", Tables, Is("[]"), "Moments at which an offer fits: after sign-up, near a limit, before a renewal. A trigger never changes a probability or a value; whether it lifts sales is for the models to find, which see the same columns. The first one that holds stands in the column `trigger` of the offer table."),
    Field::new("decide.trigger[].name", Text, Required, "What the trigger is called; no two have a name.").form(Form::Identifier),
    Field::new("decide.trigger[].when", Text, Required, "The condition, as in `decide.rule[].when`.").form(Form::Some),
    Field::new("decide.trigger[].offers", List(&Text), Is("[]"), "Offers or families it speaks of; without any, every offer.")
        .form(Form::Some)
        .list(ListCheck::Unique),
    Field::new("decide.trigger[].effect", Choice(EFFECTS), Required, "`unlock`: its offers are made only to customers for whom it, or another trigger that unlocks the same offer, holds. `date`: their rows say when to contact. `expire`: their rows expire sooner."),
    Field::new("decide.trigger[].from", Text, Absent, "Of `date`: days from the as-of date to the first day of contact, as an expression: `\"holdings_days_to_renewal - 60\"`. A day before the as-of date is that date. Without it, from the as-of date on.")
        .form(Form::Some),
    Field::new("decide.trigger[].until", Text, Absent, "Of `date`: the same for the day from which it is too late: `\"holdings_days_to_renewal - 30\"`. Without it, as long as the offer lasts. Where the days are over, begin after the offer ends, or cannot be computed, the trigger does not hold.")
        .form(Form::Some),
    Field::new("decide.trigger[].days", Integer, Absent, "Of `expire`: days from the as-of date on which the offer lasts at most.").unit("days").between(1.0, 730.0),
    Field::new("decide.lane", Tables, Is("[]"), "Lanes beside the one in which everything may be offered: customers who are leaving or have a complaint open need care first, others need help with what they have. The first lane whose condition holds is the customer's; `decisions.parquet` tells it of everybody, and `offer` where none holds."),
    Field::new("decide.lane[].name", Text, Required, "What the lane is called, such as `care` or `nurture`; no two have a name, and none is called `offer`.").form(Form::Identifier),
    Field::new("decide.lane[].when", Text, Required, "The condition, as in `decide.rule[].when`.").form(Form::Some),
    Field::new("decide.lane[].offers", List(&Text), Is("[]"), "Offers or families that may still be made in this lane, such as those that keep a customer; without any, none.")
        .form(Form::Some)
        .list(ListCheck::Unique),
    Field::new("decide.approach", Tables, Is("[]"), "Offers that are made in steps: a letter first and a call a fortnight later, or first a question whether all is well. Which step a customer is at follows from the contacts about these offers and, where `decide.contact_limit.outstanding` says so, from what earlier runs have out; an approach is one conversation, whichever of its offers a contact was about. The offer table tells the step in `step`; offers whose step is not due are removed by the rules `step_wait`, `step_channel`, `approach_stopped` and `approach_done`. An approach stops by itself when one of its offers is taken or, in a source of role `voice`, a complaint comes after its first contact."),
    Field::new("decide.approach[].name", Text, Required, "What the approach is called; no two have a name.").form(Form::Identifier),
    Field::new("decide.approach[].offers", List(&Text), Required, "Offers or families that are made in these steps only; no offer has two approaches.")
        .form(Form::Some)
        .list(ListCheck::SomeUnique),
    Field::new("decide.approach[].steps", Tables, Required, "The steps, in their order: one at least, 32 at most. The last one makes the offer."),
    Field::new("decide.approach[].steps[].name", Text, Required, "What the step is called, in the offer table and in `columns.step` of the contacts; no two of an approach have a name. A contact that tells no step of the approach is the next one if its wait was over by then, and else one more of the step before.").form(Form::Identifier),
    Field::new("decide.approach[].steps[].channel", Text, Absent, "The one channel it goes through, one of `decide.channels`; without it any the customer allows. Whom it may not reach is offered nothing of the approach (`step_channel`).").form(Form::Some),
    Field::new("decide.approach[].steps[].wait_days", Integer, Is("0"), "Days from the contact before it at least; 0 for the first step.").unit("days").between(0.0, 366.0),
    Field::new("decide.approach[].steps[].offer", Flag, Is("true"), "Whether the step makes the offer. `false` is a contact that prepares it, such as a question whether the customer is satisfied: its row has the kind `check`, counts as a contact in every limit, and costs what it costs; it is ranked by what the offer is worth, less what the steps up to it cost."),
    Field::new("decide.approach[].stop_when", Text, Absent, "A condition, as in `decide.rule[].when`: while it is true no step is made, not even the first.").form(Form::Some),
    Field::new("decide.approach[].stop_after_ignored", Integer, Absent, "Contacts of the approach in a row that were not answered when the next step is due, after which it stops. Needs `columns.responded` in the contacts.").unit("contacts").between(1.0, 32.0),
    Field::new("decide.approach[].again_days", Integer, Absent, "Days without any contact about its offers after which the approach begins anew, be it finished, stopped or broken off; without it never. For renewals, something less than the term.").unit("days").between(1.0, 3660.0),
];
