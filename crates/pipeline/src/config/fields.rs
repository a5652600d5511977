//! Every key of the pipeline file, once: checks, defaults, the reference and the JSON Schema all come from this table.

use super::columns::RECIPES;
use super::field::Default::{Absent, Follows, Is, Required};
use super::field::Kind::{
    AutoOr, Choice, Columns, Date, Flag, Integer, List, Map, Named, Number, OneOrMore, Table, TableOr, Tables, Text,
};
use super::field::{Field, ListCheck};
use super::words::Form;

/// The roles a source can have, in the order of the reference.
pub(super) const ROLES: &[&str] =
    &["customers", "purchases", "holdings", "cross_section", "events", "voice", "contacts", "products", "consents"];

/// What a feature of one's own computes over the rows of a window.
pub(super) const MEASURES: &[&str] = &[
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "std_dev",
    "last",
    "distinct",
    "recency",
    "days_since",
    "first",
    "gap",
    "trend",
    "surge",
    "share",
];

/// The delivery profiles of crate `export`.
pub(super) const PROFILES: &[&str] =
    &["parquet", "csv", "csv-cp932", "excel-ja", "salesforce-bulk2", "hubspot-import", "kintone"];

/// Any whole number that money, counts or rows may reach: exact in a float.
const MANY: f64 = 1e15;

/// Every key, sections and keys in the order of the reference.
pub const FIELDS: &[Field] = &[
    Field::new("pipeline", Table, Required, "What this pipeline is and how it reads dates and money."),
    Field::new(
        "pipeline.name",
        Text,
        Required,
        "The pipeline's name; its runs and models lie in directories of this name.",
    )
    .form(Form::Name),
    Field::new(
        "pipeline.time_zone",
        Text,
        Required,
        "The zone in which days begin: as-of dates, and every source that names no zone of its own. \
         There is no default, because a wrong zone moves events silently to the day before or after.",
    )
    .form(Form::Zone),
    Field::new("pipeline.currency", Text, Required, "The currency of every amount.").form(Form::Currency),
    Field::new(
        "pipeline.minor_digits",
        Integer,
        Follows("what ISO 4217 says of `pipeline.currency`: 0 for JPY, 2 for USD"),
        "Digits of the minor unit: with 2, an amount of 1.50 in a table is 150 minor units.",
    )
    .unit("digits")
    .between(0.0, 4.0),
    Field::new(
        "pipeline.purpose",
        Text,
        Required,
        "What the personal data are used for, as the customers were told. It is written into every run's manifest.",
    )
    .form(Form::Some),
    Field::new(
        "pipeline.as_of",
        Date,
        Absent,
        "The date that counts as now; `--as-of` goes before it. The wall clock is never asked.",
    ),
    Field::new(
        "sources",
        Named,
        Required,
        "The input tables, each under a name of your choice. Messages, features and quarantine files use that name.",
    )
    .form(Form::Identifier),
    Field::new(
        "sources.*.role",
        Choice(ROLES),
        Required,
        "What one row is: a customer, a purchase line, an interval of holding a product, a customer with all that is held at one \
         date (`cross_section`), an event, something said, a contact, a product, or a consent. Events and voice may have \
         several sources, every other role one. A pipeline with a `cross_section` has no time: it says who resembles those who \
         hold a product, not who will buy it.",
    ),
    Field::new(
        "sources.*.path",
        OneOrMore(&Text),
        Required,
        "File, directory, or pattern with `*`. A relative path starts at the folder of the pipeline file, \
         also when an overlay or `--set` gives it.",
    )
    .form(Form::Some)
    .list(ListCheck::SomeUnique),
    Field::new(
        "sources.*.format",
        Choice(&["auto", "csv", "parquet"]),
        Is("\"auto\""),
        "The files' format; `auto` goes by the ending of each name.",
    ),
    Field::new(
        "sources.*.encoding",
        Choice(&["utf-8", "utf-16", "cp932"]),
        Is("\"utf-8\""),
        "The characters' encoding in CSV. A byte order mark is skipped; without one, `utf-16` has its little end first.",
    ),
    Field::new("sources.*.delimiter", Text, Is("\",\""), "What stands between two fields in CSV.")
        .form(Form::Delimiter),
    Field::new(
        "sources.*.null_tokens",
        List(&Text),
        Is("[]"),
        "Texts that mean that a value is absent in CSV, besides the empty one, such as `9999-12-31` for an end that is open.",
    )
    .form(Form::Some)
    .list(ListCheck::Unique),
    Field::new(
        "sources.*.time_zone",
        Text,
        Follows("`pipeline.time_zone`"),
        "The zone of the source's dates and of its times without an offset.",
    )
    .form(Form::Zone),
    Field::new(
        "sources.*.date_format",
        Text,
        Is("\"%Y-%m-%d\""),
        "How texts write dates, also those with a time behind: `%Y` is the year, `%m` the month and `%d` the day, \
         with one sign between them or none. The form `2026-10-01` is understood beside it.",
    )
    .form(Form::DateFormat),
    Field::new(
        "sources.*.columns",
        Columns,
        Required,
        "What the source calls the columns that the role knows, as `ours = \"theirs\"`. The next table lists ours.",
    )
    .form(Form::Some),
    Field::new(
        "sources.*.attributes",
        Map(&Choice(&["integer", "number", "category", "flag", "text"])),
        Is("{}"),
        "Further columns by their own header, each with its kind. Only columns listed here reach a model: \
         leave out what is filled in after the outcome.",
    )
    .form(Form::Some)
    .only(&["customers", "products"]),
    Field::new(
        "sources.*.history",
        Choice(&["append", "snapshot", "versions"]),
        Is("\"append\""),
        "How the table tells the past: rows are only added (`append`); a row is added whenever one of a customer's values \
         has changed, and the newest that had arrived counts (`versions`, of customers only, with a column `arrived`); or \
         the table is reloaded whole and old values are gone (`snapshot`). Of customers in a `snapshot`, only the attributes in `assume_static` become features; all \
         others are left out, because their values of today would stand in the past. `osusume check` names them.",
    ),
    Field::new(
        "sources.*.assume_static",
        List(&Text),
        Is("[]"),
        "Headers of a reloaded table (`history = \"snapshot\"`) whose values never change: they are used at every past \
         as-of date, and no arrival is asked of them.",
    )
    .form(Form::Some)
    .list(ListCheck::Unique)
    .only(&["customers", "holdings", "products"]),
    Field::new(
        "sources.*.complete",
        Flag,
        Is("true"),
        "Whether every customer stands in this table. With `false`, customers who appear only in purchases or \
         holdings are customers too, without attributes; with `true`, their rows are rejected.",
    )
    .only(&["customers"]),
    Field::new(
        "sources.*.anonymous",
        Choice(&["reject", "exclude"]),
        Is("\"reject\""),
        "What becomes of rows without a customer id: they are faulty, or in order (somebody bought without a card or an \
         account), counted and left out.",
    )
    .only(&["purchases", "events", "voice"]),
    Field::new(
        "sources.*.keep",
        Map(&OneOrMore(&Text)),
        Is("{}"),
        "Only rows with one of these values are kept, by header: `{ Churn = \"No\" }`. The others are counted and left out, \
         and whoever is not kept as a customer is none.",
    )
    .form(Form::Some)
    .list(ListCheck::SomeUnique),
    Field::new(
        "sources.*.holds",
        Map(&Map(&OneOrMore(&Text))),
        Absent,
        "What is held, read off columns: for each product the values that mean it is held, as \
         `product = { Header = \"value\" }`. Several headers must all agree; any other value, or none, means that it is not held.",
    )
    .form(Form::Some)
    .list(ListCheck::SomeUnique)
    .only(&["cross_section"]),
    Field::new(
        "sources.*.reveals",
        Map(&OneOrMore(&Text)),
        Is("{}"),
        "Attributes that give away what is held, by header, and the families they give away: a bill holds the price of \
         everything on it. In a cross-section, models of offers of these families do not see them.",
    )
    .form(Form::Some)
    .list(ListCheck::SomeUnique)
    .only(&["customers"]),
    Field::new("quality", Table, Is("{}"), "How much bad input a run endures."),
    Field::new(
        "quality.on_error",
        Choice(&["abort", "quarantine"]),
        Is("\"abort\""),
        "What a row that breaks its declaration does: it ends the run, or it goes into `quarantine/` and the run goes \
         on below both limits.",
    ),
    Field::new("quality.max_rejects", Integer, Is("0"), "Rejected rows a source may have. Of consents none may be, but those of people who are no customers.")
        .unit("rows")
        .between(0.0, MANY),
    Field::new(
        "quality.max_reject_rate",
        Number,
        Is("0.0"),
        "Rejected rows a source or one of its files may have, as a share of the rows read. Both limits hold.",
    )
    .unit("share")
    .between(0.0, 1.0),
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
    Field::new("features", Table, Is("{}"), "What is known of a customer at an as-of date."),
    Field::new(
        "features.windows_days",
        List(&Integer),
        Is("[7, 30, 90, 365]"),
        "The windows before the as-of date in which things are counted and summed.",
    )
    .unit("days")
    .between(1.0, 3660.0)
    .list(ListCheck::SomeIncreasing),
    Field::new(
        "features.recipes",
        List(&Choice(RECIPES)),
        Is(r#"["recency", "frequency", "money", "trend", "surge", "tenure", "renewal", "mix", "voice", "attributes", "holding", "contact", "affinity", "rules"]"#),
        "Which families of features are made. A recipe whose source is not there makes none; without any there are only those of \
         `features.own`. `rules` says for each offer what the reported rules of the date add up to, given what the customer holds, or \
         bought within `mine.days`; it needs `[mine]`, and a cross-section makes none.",
    )
    .list(ListCheck::Unique),
    Field::new(
        "features.levels",
        Integer,
        Is("20"),
        "How many metrics, categories or levels of one column get features of their own; the most frequent before the \
         first as-of date do, the rest are counted together.",
    )
    .unit("levels")
    .between(1.0, 1000.0),
    Field::new(
        "features.active_days",
        Integer,
        Absent,
        "Who bought something is a customer for so many days after it; without it, for ever. Whoever holds something is one \
         in any case.",
    )
    .unit("days")
    .between(1.0, 3660.0),
    Field::new(
        "features.own",
        Tables,
        Is("[]"),
        "Features of your own beside those of the recipes: one entry a measure, one feature for each of its windows and levels.",
    ),
    Field::new(
        "features.own[].name",
        Text,
        Required,
        "The name of the column. `{days}` stands for the window, `{level}` for the level and `{rank}` for its rank among the \
         levels, from 0: `\"dep{rank}_{days}\"`.",
    )
    .form(Form::ColumnName),
    Field::new(
        "features.own[].source",
        Text,
        Required,
        "The source whose rows count: of role `purchases`, `events`, `voice` or `contacts`.",
    )
    .form(Form::Some),
    Field::new(
        "features.own[].measure",
        Choice(MEASURES),
        Required,
        "What is computed over the rows of a window: their number (`count`), of the values `of` a column the `sum`, `mean`, `min`, \
         `max`, `std_dev`, `last` or `trend` (change a day), the number of `distinct` values, days since the newest row with a \
         fraction (`recency`) or whole ones of 24 hours (`days_since`), days since the `first`, days between rows (`gap`), \
         the number or sum against that of the window before (`surge`), or as a `share` of all rows' (needs `by`).",
    ),
    Field::new(
        "features.own[].of",
        Text,
        Absent,
        "The column the measure reads: `amount` of purchases, `value` of events; of `distinct` also `product`, `basket`, `kind`, \
         `topic`, or an attribute of the products that is a category.",
    )
    .form(Form::Some),
    Field::new(
        "features.own[].by",
        Text,
        Absent,
        "A feature for each level of this: an attribute of the products that is a category, `kind` of events, or `topic` of voice.",
    )
    .form(Form::Some),
    Field::new(
        "features.own[].levels",
        Integer,
        Follows("`features.levels`"),
        "How many levels, those with most rows before the first as-of date. A level that fewer than ten customers have is none of them.",
    )
    .unit("levels")
    .between(1.0, 1000.0),
    Field::new(
        "features.own[].only",
        List(&Text),
        Is("[]"),
        "These levels instead of the most frequent ones; the first has rank 0. One that fewer than ten customers have makes no feature.",
    )
    .form(Form::Some)
    .list(ListCheck::Unique),
    Field::new(
        "features.own[].windows_days",
        List(&Integer),
        Is("[]"),
        "The windows before the as-of date; without any, everything before it.",
    )
    .unit("days")
    .between(1.0, 3660.0)
    .list(ListCheck::Increasing),
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
    Field::new("decide", Table, Is("{}"), "Who gets which offer, and who gets none."),
    Field::new("decide.per_customer", Integer, Is("3"), "Offers a customer gets at most.").unit("offers").between(1.0, 20.0),
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
        "The channels as the consents name them, the preferred one first; a customer gets the first that is allowed.",
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
    Field::new("decide.holdout.fraction", Number, Is("0.05"), "The share of customers held out.")
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
    Field::new("decide.contact_limit", Table, Is("{}"), "How often a customer may be contacted."),
    Field::new("decide.contact_limit.days", Integer, Is("30"), "The days in which contacts are counted.")
        .unit("days")
        .between(1.0, 366.0),
    Field::new("decide.contact_limit.max", Integer, Is("2"), "Contacts within those days at most, those past and the rows of the offer table together: each row is a contact to come.")
        .unit("contacts")
        .between(1.0, 1000.0),
    Field::new(
        "decide.contact_limit.outstanding",
        Flag,
        Is("false"),
        "Whether an offer of an earlier run of this pipeline counts as a contact from the run's date on, even before the contact \
         itself is in the tables; once it is, the two count as one. Say `true` where every run is a campaign of its own, \
         so that what is still being worked is not offered twice; with `false` an offer stays in every new table until \
         somebody has acted on it. Shadow rows count for the holdout alike, or as often as offers were contacted.",
    ),
    Field::new("decide.response", Map(&Number), Is("{}"), "By which share a contact is assumed to change the odds of a take, by offer or family (`line = 0.2`: a fifth higher). It fills `uplift` of offers for which the contacts hold no customers contacted or held back at random; what these tell goes before it.")
        .unit("share")
        .between(-0.95, 10.0),
    Field::new("decide.hold_after", Tables, Is("[]"), "Events after which a customer is left in peace."),
    Field::new(
        "decide.hold_after[].event",
        Choice(&["complaint", "purchase"]),
        Required,
        "Anything said in a source of role `voice`, be it a complaint or not, or a purchase or new holding. List only complaints in that source, or choose its rows with `keep`, to be silent after these alone.",
    ),
    Field::new("decide.hold_after[].days", Integer, Required, "How long no offer is made after it.")
        .unit("days")
        .between(1.0, 366.0),
    Field::new("decide.capacity", Tables, Is("[]"), "Places there are for all customers together. Who gets them is settled over everybody at once, so that they earn the most."),
    Field::new("decide.capacity[].offer", Text, Absent, "The offer whose rows count; without it those of every offer do."),
    Field::new("decide.capacity[].channel", Text, Absent, "The channel whose rows count, one of `decide.channels`; without it those of every channel do. Where a customer allows several channels, a place in any of them will do."),
    Field::new("decide.capacity[].max", Integer, Absent, "Rows of the offer table at most.").unit("rows").between(0.0, 1e9),
    Field::new("decide.capacity[].min", Integer, Absent, "Rows at least, as far as there are customers the rules leave; also of offers worth less than `decide.min_value_minor`.").unit("rows").between(0.0, 1e9),
    Field::new("export", Tables, Is("[]"), "Where the published offers are delivered to."),
    Field::new(
        "export[].profile",
        Choice(PROFILES),
        Required,
        "The form of the file: the table as it is, or as a CRM takes it.",
    ),
    Field::new(
        "export[].profile_file",
        Text,
        Absent,
        "A profile file laid over the profile: encoding, headers, columns, limits; `docs/delivery-profiles.md` lists its keys.",
    )
    .form(Form::Some),
    Field::new("export[].path", Text, Required, "The file to write; a relative path starts at the folder of the pipeline file.")
        .form(Form::Some),
    Field::new("report", Table, Is("{}"), "What is said of a run."),
    Field::new("report.language", Choice(&["en", "ja"]), Is("\"en\""), "The language of reasons and reports."),
    Field::new(
        "report.names",
        Map(&Text),
        Is("{}"),
        "What sentences call the names in your tables (attributes, metrics, topics, families), as `traffic_gb = \"data used\"`; \
         a name that is not listed stands as it is.",
    )
    .form(Form::Some),
    Field::new("run", Table, Is("{}"), "Where and with what a run works; nothing here changes a result."),
    Field::new(
        "run.directory",
        Text,
        Is("\"../runs\""),
        "The folder that holds `<pipeline>/<run>/`; a relative path starts at the folder of the pipeline file.",
    )
    .form(Form::Some),
    Field::new(
        "run.threads",
        AutoOr(&Integer),
        Is("\"auto\""),
        "Threads to use; `auto` takes what the machine or container allows, and `--threads` goes before it.",
    )
    .unit("threads")
    .between(1.0, 1024.0),
    Field::new(
        "run.memory",
        AutoOr(&Text),
        Is("\"auto\""),
        "Memory to keep within; `auto` takes a share of what the machine or container has, and `--memory` goes before it.",
    )
    .form(Form::Size),
];
