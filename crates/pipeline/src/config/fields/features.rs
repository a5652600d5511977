//! What is known of a customer: `features`.

use super::super::columns::RECIPES;
use super::super::field::Default::{Absent, Follows, Is, Required};
use super::super::field::Kind::{Choice, Integer, List, Number, Table, Tables, Text};
use super::super::field::{Field, ListCheck};
use super::super::words::Form;
use super::{MEASURES, PERIODS, WINDOWS};

/// The keys, in the order of the reference.
pub(super) const FIELDS: &[Field] = &[
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
         bought within `mine.days`; it needs `[mine]`, and a cross-section makes none. \
         `tone` reads `columns.text` of sources of role `voice`: complaints and praise, the tone and its change by window, days since \
         the last complaint, and cases still open where there is `closed`; of a text nothing else is kept.",
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
         the number or sum against that of the window before (`surge`), or as a `share` of all rows' (needs `by`); the oldest value \
         (`first_value`); the `quantile` at `level`, in a straight line between two values; the number (`decayed_count`) or the sum \
         (`decayed_sum`) in which a row weighs half as much with every `half_life_days` that have passed; and how many `period`s in a \
         row have a row of the table, up to now (`streak`: one that still runs breaks nothing) or at most (`longest_streak`).",
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
    Field::new(
        "features.own[].window",
        Choice(WINDOWS),
        Absent,
        "A stretch of the calendar instead: from the first of the as-of date's month up to the date (nothing on the first itself), the \
         whole month before, the month of the date a year earlier, or what the label window was a year earlier \
         (`season_last_year`, cut off at the date). Where the table begins later than such a stretch, its sums and counts are 0 \
         like those of anybody who did nothing.",
    ),
    Field::new("features.own[].level", Number, Absent, "Which `quantile`: 0.5 is the median.").unit("share").between(0.0, 1.0),
    Field::new(
        "features.own[].half_life_days",
        Number,
        Absent,
        "After how many days a row weighs half in `decayed_count` and `decayed_sum`: 2^(−age / half-life).",
    )
    .unit("days")
    .above(0.0, 36_600.0),
    Field::new(
        "features.own[].period",
        Choice(PERIODS),
        Absent,
        "What a `streak` counts: civil days in the pipeline's zone (without this key), weeks from Monday, or calendar months.",
    ),
    Field::new(
        "features.derived",
        Tables,
        Is("[]"),
        "Features computed from other features, row by row, in the order of the file. A cross-section has none, because they could give away \
         what its models are to tell.",
    ),
    Field::new("features.derived[].name", Text, Required, "The name of the column, which no other feature has.").form(Form::Identifier),
    Field::new(
        "features.derived[].expression",
        Text,
        Required,
        "Features by the names of their columns (those derived before included), numbers, `+ - * /`, `< <= > >= == !=`, `and`, `or`, `not`, \
         brackets, `if(condition, then, otherwise)`, `min`, `max`, `abs`, `log1p`, `coalesce` (the first that is not absent) and `is_absent`: \
         `\"if(calls_90d > 0, gb_30d / calls_90d, 0)\"`. Amounts are in minor units, and are not added to days. What is computed from an \
         absent value is absent, and so is x / 0, the logarithm of what is not above 0, and what single precision cannot hold; a \
         comparison with an absent value is neither true nor false. A condition alone is 1 or 0. At most 1000 characters.",
    )
    .form(Form::Some),
];
