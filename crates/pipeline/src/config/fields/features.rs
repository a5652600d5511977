//! What is known of a customer: `features`.

use super::super::columns::RECIPES;
use super::super::field::Default::{Absent, Follows, Is, Required};
use super::super::field::Kind::{Choice, Integer, List, Number, Table, Tables, Text};
use super::super::field::{Field, ListCheck};
use super::super::words::Form;
use super::{MEASURES, PERIODS, WEEKDAYS, WINDOWS};

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
         `features.own`, `features.quota` and `features.utilisation`. `rules` says for each offer what the reported rules of the date add up to, given what the customer holds, or \
         bought within `mine.days`; it needs `[mine]`, and a cross-section makes none. `night` and `weekend` are shares of the rows of \
         purchases and events, and of what they amount to, by the clocks of the pipeline's zone (where times are dates alone, weekends are \
         those of the source's zone, and nothing is at night). `season` is what was done a year before the label window, cut off at the \
         date, and absent at dates to which a table does not reach back. \
         `tone` reads `columns.text` of sources of role `voice`: complaints and praise, the tone and its change by window, days since \
         the last complaint, and cases still open where there is `closed`; of a text nothing else is kept. `household` says of the other \
         members of a household (`columns.household` of the customers) how many there are, how many hold something of each family, how long \
         ago one last took something, of each family and of any, what they paid by window, and how often they complained within 30 and 90 days (where no \
         text is read, how often they wrote); who refused every channel adds nothing, and more than 50 members are none.",
    )
    .list(ListCheck::Unique),
    Field::new(
        "features.night_hours",
        List(&Integer),
        Is("[22, 6]"),
        "The hour at which `night` begins and the one at which it is over, by the clock on the wall: summer time makes no difference.",
    )
    .unit("hours")
    .between(0.0, 24.0),
    Field::new(
        "features.weekend",
        List(&Choice(WEEKDAYS)),
        Is(r#"["saturday", "sunday"]"#),
        "The days that are `weekend`. Public holidays are none.",
    )
    .list(ListCheck::SomeUnique),
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
        "features.quota",
        Tables,
        Is("[]"),
        "Limits and what counts against them: data of a month against the plan's cap, what is stored against the space there is, seats \
         against those paid for. Each makes the share that is used (`SOURCE_NAME_used`), that of the period before (`_used_before`), how \
         often the limit was reached in each of `features.windows_days` (`_hits_90d`) and the days since it last was (`_hit_recency`).",
    ),
    Field::new(
        "features.quota[].name",
        Text,
        Required,
        "What is limited, for the names of the columns: `data` makes `usage_data_used`.",
    )
    .form(Form::Identifier),
    Field::new("features.quota[].source", Text, Required, "The source of role `events` whose rows count.").form(Form::Some),
    Field::new(
        "features.quota[].kind",
        Text,
        Absent,
        "The kind of event that counts: its values, or its rows where the source has no `value`. Without it, every kind does.",
    )
    .form(Form::Some),
    Field::new(
        "features.quota[].limit",
        Text,
        Absent,
        "Where the limit stands: an attribute of the products that is a number, added up over what is held, or else one of the customers. \
         At every instant the limit of what was held then counts, so that who moves to a larger plan after reaching the limit has \
         reached it; the limit of a customer is the one known at the as-of date, for the past too. Products without a number add \
         nothing: an unlimited plan beside an addition of 5 has a limit of 5, so give it a number that nobody reaches. Without a limit, or with \
         one of 0 or less, nothing is used and nothing reached.",
    )
    .form(Form::Some),
    Field::new(
        "features.quota[].period",
        Choice(PERIODS),
        Absent,
        "When counting starts again: with the civil day, the week from Monday or the calendar month of the pipeline's zone. A limit that \
         was reached is reached again only after it was not: in a new period, or under a larger limit. At an as-of date on which a period begins nothing of it has been used, \
         and `_used_before` tells of the one that ended. Without `period` and `days` it is \
         the newest value that is held against the limit, as of storage or seats.",
    ),
    Field::new(
        "features.quota[].days",
        Integer,
        Absent,
        "Instead of a period: what counts is that of so many days of 24 hours before any instant.",
    )
    .unit("days")
    .between(1.0, 3660.0),
    Field::new(
        "features.quota[].hit_kind",
        Text,
        Absent,
        "The kind of event that says itself that the limit was reached, such as skips that were refused: then nothing else counts as \
         reaching it, and `limit` may be absent. A kind that has not happened yet is nobody's; one spelled nearly like another is refused.",
    )
    .form(Form::Some),
    Field::new(
        "features.utilisation",
        Table,
        Absent,
        "How broadly and how deeply customers use what there is, and the stage that follows: `SOURCE_breadth_90d`, the share of the kinds, \
         levels or products that anybody used in the window; `SOURCE_depth_90d`, the third in which the customer lies among all who used anything in it, 0 for the \
         lowest, 0.5 for the middle, 1 for the highest; and `SOURCE_stage_90d`. Thirds are learned for each date from the rows known before it. The stage is \
         the first that applies: `not_started` (nothing ever used), `new` (first used within the window), `dormant` (nothing used in it), \
         `declining` (less than half as deep as in the window before), `full` (highest third of both), `exploring` (of breadth), \
         `focused` (of depth), `light` (lowest third of both), `steady` (the rest).",
    ),
    Field::new("features.utilisation.source", Text, Required, "The source of role `events` or `purchases` that tells of use.")
        .form(Form::Some),
    Field::new(
        "features.utilisation.by",
        Text,
        Absent,
        "Of purchases: the attribute of the products, a category, or `family`, whose levels breadth counts; without it products \
         themselves. Of events it is the `kind`.",
    )
    .form(Form::Some),
    Field::new(
        "features.utilisation.depth",
        Text,
        Absent,
        "Of events: the kind whose values add up to depth; without it the number of rows is. Of purchases it is what was paid, or the \
         number of lines where no amount is known.",
    )
    .form(Form::Some),
    Field::new("features.utilisation.window_days", Integer, Is("90"), "The window before the as-of date.")
        .unit("days")
        .between(1.0, 3660.0),
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
