//! The columns that each role of a source knows, and the recipes that make features of them.

/// The recipes features are made by.
pub(super) const RECIPES: &[&str] = &[
    "recency",
    "frequency",
    "money",
    "trend",
    "surge",
    "tenure",
    "renewal",
    "mix",
    "voice",
    "attributes",
    "holding",
    "contact",
    "affinity",
    "rules",
    "night",
    "weekend",
    "season",
    "tone",
    "household",
];

/// A column that a role knows.
#[derive(Clone, Copy, Debug)]
pub struct RoleColumn {
    /// The role.
    pub role: &'static str,
    /// Our name of the column.
    pub name: &'static str,
    /// What its values are: `id`, `time`, `text`, `integer`, `units`, `number`, `money`, `flag`, `names`.
    pub kind: &'static str,
    /// Whether the role cannot do without it.
    pub is_required: bool,
    /// What it means.
    pub doc: &'static str,
}

const fn must(role: &'static str, name: &'static str, kind: &'static str, doc: &'static str) -> RoleColumn {
    RoleColumn { role, name, kind, is_required: true, doc }
}

const fn may(role: &'static str, name: &'static str, kind: &'static str, doc: &'static str) -> RoleColumn {
    RoleColumn { role, name, kind, is_required: false, doc }
}

const ARRIVED: &str = "When the row became known here. Without it, the row counts as known when it happened.";

/// Every column of every role, role by role.
pub const ROLE_COLUMNS: &[RoleColumn] = &[
    must("customers", "customer", "id", "The customer."),
    may("customers", "joined", "time", "When the customer joined: tenure is counted from here."),
    may(
        "customers",
        "household",
        "id",
        "The household; folds keep its members together, and what is `held_by` a household is held by all of them.",
    ),
    may(
        "customers",
        "account",
        "id",
        "The business account; what is `held_by` an account is held by all of its customers.",
    ),
    may("customers", "arrived", "time", ARRIVED),
    must("purchases", "customer", "id", "Who bought."),
    must("purchases", "at", "time", "When."),
    must("purchases", "product", "id", "What, as the products table names it."),
    may("purchases", "quantity", "number", "How many; a return is negative."),
    may("purchases", "amount", "money", "What was paid; a refund is negative."),
    may(
        "purchases",
        "unit_price",
        "number",
        "What one unit cost: where there is no `amount`, it is this times `quantity`.",
    ),
    may("purchases", "basket", "id", "Which lines were bought together."),
    may("purchases", "arrived", "time", ARRIVED),
    must("holdings", "customer", "id", "Who holds."),
    must("holdings", "product", "id", "What, as the products table names it."),
    must("holdings", "start", "time", "Since when."),
    may("holdings", "contract", "id", "The contract, where one customer has several."),
    may("holdings", "end", "time", "Until when; empty while it lasts."),
    may("holdings", "renews", "time", "When it is renewed next."),
    may("holdings", "price", "money", "What it costs a month."),
    may(
        "holdings",
        "quantity",
        "units",
        "How many units of it (seats, licences), a whole number from 1 on; one where it is empty, and without the column. A row in which it is anything else is set aside. It is known with the start: a change of number ends the row and begins another.",
    ),
    may("holdings", "start_arrived", "time", "When the start became known here."),
    may("holdings", "end_arrived", "time", "When the end became known here."),
    may(
        "holdings",
        "by_company",
        "flag",
        "Whether the company made the change, such as a free upgrade: that is no take. Without it, customers made them all.",
    ),
    must("cross_section", "customer", "id", "Whose holdings; the columns that tell them stand in `holds`."),
    must("events", "customer", "id", "Whose event."),
    must("events", "at", "time", "When."),
    may("events", "kind", "text", "What happened or was measured; without it, all rows are of one kind."),
    may("events", "value", "number", "How much; without it, rows are only counted."),
    may("events", "arrived", "time", ARRIVED),
    must("voice", "customer", "id", "Who said it."),
    must("voice", "at", "time", "When."),
    may(
        "voice",
        "text",
        "text",
        "What was said. Read only where `features.recipes` has `tone`, or a hold `by_tone`, and then only its tone is kept; in Japanese, English or both.",
    ),
    may("voice", "topic", "text", "What it was about."),
    may("voice", "score", "number", "How satisfied the customer was."),
    may("voice", "closed", "time", "When the case was closed: the score is not known before."),
    may("voice", "arrived", "time", ARRIVED),
    must("contacts", "customer", "id", "Who was contacted, or kept back as a control."),
    must("contacts", "at", "time", "When."),
    must(
        "contacts",
        "offer",
        "id",
        "With which offer. What is neither an offer of the run nor a product counts toward limits all the same, and is counted in `summary.json` (`decisions.contacts_of_unknown_offers`).",
    ),
    may("contacts", "channel", "text", "Through which channel."),
    may(
        "contacts",
        "arm",
        "text",
        "`random` for a customer contacted by a draw, `control` for one it held back, who was not contacted, `targeted` for one a rule chose. What a contact adds is read from draws alone.",
    ),
    may(
        "contacts",
        "probability",
        "number",
        "The probability with which this was done. With it, `targeted` rows count as a draw where `control` rows of the same offer have one minus it: a run's offers and its holdout.",
    ),
    may(
        "contacts",
        "step",
        "text",
        "Which step of an approach it was (`decide.approach`), as the offer table names it.",
    ),
    may("contacts", "responded", "time", "When the customer answered."),
    may(
        "contacts",
        "sent",
        "flag",
        "`false` for what was planned and never reached the customer, or was withdrawn: no contact, and an offer that is out no longer. Empty means sent.",
    ),
    may("contacts", "arrived", "time", ARRIVED),
    must("products", "product", "id", "The product."),
    may("products", "family", "text", "Its family; upsell and cross-sell need it."),
    may(
        "products",
        "tier",
        "integer",
        "Its step in the family's ladder, 1 for the lowest; upsell and cross-sell need it.",
    ),
    may(
        "products",
        "held_by",
        "text",
        "`customer`, `contract`, `household` or `account`: the unit it is sold to. What one member of a household or an account holds all of them hold, and one of them is asked about it (rule `unit_asked`); who is in none is a unit of their own. Of several contracts of a customer the highest tier counts.",
    ),
    may("products", "price", "money", "What it costs a month."),
    may("products", "margin", "money", "What it earns a month; upsell and cross-sell need it."),
    may(
        "products",
        "survival",
        "number",
        "The share of its holders who still hold it a month later, such as 0.995 for a two-year term; `decide.monthly_survival` where absent.",
    ),
    may(
        "products",
        "offer_cost",
        "money",
        "What the company gives to whoever takes it when offered: a discount, a device. It is given also to those who would have taken it anyway.",
    ),
    may(
        "products",
        "counted",
        "flag",
        "Whether it is sold in numbers, such as licences: `price`, `margin` and `offer_cost` are then those of one unit, whoever holds it may be offered more, buying more units of it is a take, and offers say how many (`expected_quantity`). Its family may be offered as cross-sell, not as upsell. Empty means no.",
    ),
    may("products", "valid_from", "time", "The first day it may be offered."),
    may("products", "valid_until", "time", "The first day it may no longer be offered."),
    may("products", "requires", "names", "Families of which something must be held, with `|` between."),
    may("products", "excludes", "names", "Families or products of which nothing may be held, with `|` between."),
    may("products", "replaces", "names", "Products this one replaces, with `|` between: moving on is no take."),
    may("products", "name_en", "text", "Its name in English."),
    may("products", "name_ja", "text", "Its name in Japanese."),
    must("consents", "customer", "id", "Who decided."),
    must("consents", "channel", "text", "For which channel."),
    must("consents", "allowed", "flag", "Whether it is allowed."),
    must(
        "consents",
        "at",
        "time",
        "When that was recorded; the latest counts. A refusal counts as soon as it is in the table, also one recorded after the run's date.",
    ),
    may(
        "consents",
        "purpose",
        "text",
        "For which purpose; without the column, for every one. A refusal that names no purpose is one of all, and its names may differ in case and blanks.",
    ),
    may("consents", "arrived", "time", ARRIVED),
];

/// The columns a role knows.
pub(super) fn columns_of(role: &str) -> impl Iterator<Item = &'static RoleColumn> + use<'_> {
    ROLE_COLUMNS.iter().filter(move |column| column.role == role)
}
