//! What is learned: `train` and `mine`.

use super::super::field::Default::{Absent, Is, Required};
use super::super::field::Kind::{AutoOr, Choice, Date, Flag, Integer, List, Number, Table, TableOr, Tables, Text};
use super::super::field::{Field, ListCheck};
use super::super::words::Form;

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
    Field::new("train", Table, Is("{}"), "How the models are fitted and tested."),
    Field::new(
        "train.as_of",
        TableOr(&Date),
        Is("{}"),
        "The past dates the models learn from: counted back from the newest date whose label window has ended, or a \
         list of dates.",
    )
    .list(ListCheck::SomeIncreasing),
    Field::new("train.as_of.every", Text, Is("\"1 month\""), "The time between two as-of dates.").form(Form::Step),
    Field::new("train.as_of.count", Integer, Is("8"), "How many as-of dates, the test included.")
        .unit("dates")
        .between(2.0, 120.0),
    Field::new(
        "train.tests",
        List(&Date),
        Is("[]"),
        "Which dates of the list `train.as_of` are tests; each is predicted by models fitted on the label windows that \
         had ended by then. Without any, the newest date whose label window has ended is the test.",
    )
    .list(ListCheck::Increasing),
    Field::new(
        "train.model",
        Choice(&["linear", "additive"]),
        Is("\"linear\""),
        "The kind of model: one logistic regression an offer, or the same with a curve for each feature that bends and a map \
         for each pair that acts together, where the offers say so.",
    ),
    Field::new(
        "train.solver",
        Choice(&["newton", "linfa"]),
        Is("\"newton\""),
        "Who fits it: our Newton method, or linfa-logistic as a reference.",
    ),
    Field::new(
        "train.penalty",
        AutoOr(&Number),
        Is("\"auto\""),
        "Strength of the L2 penalty on standardized coefficients, against the mean log loss, the same for every column of \
         every offer. `auto` learns it by feature, over all offers at once, and draws each offer toward what they have in \
         common.",
    )
    .above(0.0, 1e6),
    Field::new(
        "train.max_rows",
        Integer,
        Is("250_000"),
        "Rows to learn from, a customer on a date each; where there are more, that share of the customers is drawn by hash.",
    )
    .unit("rows")
    .between(1000.0, 1e9),
    Field::new(
        "train.min_positives",
        Integer,
        Is("50"),
        "Takes an offer needs in training; below it, it gets its family's pooled rate instead of a model.",
    )
    .unit("takes")
    .between(1.0, 1e9),
    Field::new("train.prior", Tables, Is("[]"), "What you expect of offers never or hardly sold; without it their family's rate."),
    Field::new("train.prior[].offer", Text, Required, "The offer, by its key."),
    Field::new("train.prior[].rate", Number, Required, "Share of those eligible who take it in a label window. It weighs as much as the takes that are missing to `train.min_positives`, and fades as they come in.").between(1e-6, 0.999_999),
    Field::new(
        "train.calibration_gate",
        Flag,
        Is("true"),
        "Whether an offer whose calibration slope or level did not hold at the newest test gets its rate instead of a model.",
    ),
    Field::new(
        "train.learn_from",
        Choice(&["everybody", "left_alone", "held_back"]),
        Is("\"everybody\""),
        "Whom the model of an offer learns from, by the contacts about it between an as-of date and the end of its label window: everybody, \
         contacted or not; only those who were not contacted (`left_alone`), so that the propensity is that of a customer nobody asks; or \
         only those a draw held back (`held_back`, arm `control`). What contacts add is read from draws in any case.",
    ),
    Field::new(
        "train.include_opted_out",
        Flag,
        Is("false"),
        "Whether models and rules also learn from customers who refused every channel; saying nothing refuses nothing.",
    ),
    Field::new("train.folds", Integer, Is("5"), "Folds of customers for the calibration.")
        .unit("folds")
        .between(2.0, 20.0),
    Field::new("train.seed", Text, Is("\"osusume\""), "The key by which customers are drawn and put into folds.")
        .form(Form::Some),
    Field::new("mine", Table, Absent, "What is held or bought together; without this section nothing is mined."),
    Field::new("mine.baskets", Choice(&["holdings", "purchases"]), Required, "What a basket is: all that a customer holds on a day, or the lines of a purchase with the same `basket`."),
    Field::new("mine.level", Text, Is("\"product\""), "What lies in a basket: the product itself, or an attribute of the products that is a category.").form(Form::Some),
    Field::new("mine.above", List(&Text), Is("[]"), "What lies in a basket belongs to, the nearest level first: attributes of the products that are categories, or `family`. Baskets then hold these too, under names such as `family:tv`, and no rule is about something and what it belongs to.")
        .form(Form::Some)
        .list(ListCheck::Unique),
    Field::new(
        "mine.days",
        Integer,
        Is("365"),
        "Purchases within so many days before a date are its baskets, and what follows is looked for after purchases in them. \
         Holdings are those of the day.",
    )
    .unit("days")
    .between(1.0, 3660.0),
    Field::new(
        "mine.min_support",
        Number,
        Is("0.005"),
        "An itemset is frequent if this share of the baskets holds all of it.",
    )
    .unit("share")
    .above(0.0, 1.0),
    Field::new("mine.max_length", Integer, Is("3"), "The most items of an itemset, or of a rule with its consequent.")
        .unit("items")
        .between(2.0, 10.0),
    Field::new(
        "mine.consequents",
        Choice(&["offers", "all"]),
        Is("\"offers\""),
        "What a rule may lead to: only what is offered, or everything.",
    ),
    Field::new(
        "mine.false_discovery_rate",
        Number,
        Is("0.05"),
        "The share that is chance among the rules reported, and among what is reported to follow, over all pairs the margins admit.",
    )
    .unit("share")
    .above(0.0, 0.5),
    Field::new(
        "mine.correction",
        Choice(&["benjamini_hochberg", "benjamini_yekutieli"]),
        Is("\"benjamini_hochberg\""),
        "How many tests are allowed for: by the first, as far as tests are independent or depend on each other positively; by the \
         second, however they depend, at the price of fewer findings.",
    ),
    Field::new(
        "mine.follow_days",
        Integer,
        Is("90"),
        "What is added within so many days after something else was bought or taken, compared with what is added after other \
         purchases; 0 leaves it out.",
    )
    .unit("days")
    .between(0.0, 366.0),
    Field::new(
        "mine.max_itemsets",
        Integer,
        Is("1_000_000"),
        "Where there are more frequent itemsets, the least support that has fewer is used instead, with a warning. They take \
         about ten bytes each.",
    )
    .unit("itemsets")
    .between(1000.0, 1e9),
];
