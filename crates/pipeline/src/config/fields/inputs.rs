//! What comes in: `pipeline`, `sources` and `quality`.

use super::super::field::Default::{Absent, Follows, Is, Required};
use super::super::field::Kind::{
    Choice, Columns, Date, Flag, Integer, List, Map, Named, Number, OneOrMore, Table, Text,
};
use super::super::field::{Field, ListCheck};
use super::super::words::Form;
use super::{MANY, ROLES};

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
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
         with one sign between them or none; `%Y年%m月%d日` reads `2026年10月1日`. `%E` in the place of `%Y` is the year of a Japanese \
         era: `%E年%m月%d日` reads `令和8年10月1日`, `%E.%m.%d` reads `R8.10.1`. The form `2026-10-01` is understood beside it.",
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
         the table is reloaded whole and old values are gone (`snapshot`). Of customers in a `snapshot`, the attributes in `assume_static` are features \
         at every date; of all others each run keeps a dated copy (`history/` beside the runs), and a date that is learned from sees the newest \
         copy of its day or before it. Without one they are left out, because their values of today would stand in the past, as are the renewal and the price of holdings in a \
         `snapshot` that are not in `assume_static`. `osusume check` says \
         how far copies reach.",
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
    Field::new(
        "sources.*.restricted",
        List(&Text),
        Is("[]"),
        "Headers of `attributes` that no feature, rule mined or model may see. They may still stand in the conditions of \
         `decide.rule`, `decide.trigger` and `decide.lane`, so that somebody vulnerable can be spared an offer.",
    )
    .form(Form::Some)
    .list(ListCheck::Unique)
    .only(&["customers"]),
    Field::new(
        "sources.*.data_class",
        Choice(&["raw", "pseudonymised", "anonymous"]),
        Is("\"raw\""),
        "What the rows are in the eyes of the law: of known people (`raw`), of people under pseudonyms whom nobody may contact or match \
         with their names (`pseudonymised`), or of nobody (`anonymous`). With a source that is not `raw` a run learns and scores, and \
         `[[export]]` is refused.",
    ),
    Field::new(
        "sources.*.purposes",
        List(&Text),
        Absent,
        "What the source may be used for. Where it is given, `pipeline.purpose` must be one of these, letter by letter.",
    )
    .form(Form::Some)
    .list(ListCheck::SomeUnique),
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
    Field::new(
        "quality.max_shrink",
        Number,
        Is("0.5"),
        "Share of its rows that a source may have lost since the run before; a run whose source lost more is refused, since the extract \
         most likely broke off. 1 turns it off, for the one run after a table was cut on purpose.",
    )
    .unit("share")
    .between(0.0, 1.0),
];
