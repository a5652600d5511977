//! The feature dictionary's entry: what a column means, before its first value exists.

/// A family of features: what reasons are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Who the customer is.
    Attribute,
    /// How long since something last happened.
    Recency,
    /// How often something happened.
    Frequency,
    /// How much was spent or used.
    Money,
    /// Whether it grows or shrinks.
    Trend,
    /// A sharp rise against the window before.
    Surge,
    /// How long a customer.
    Tenure,
    /// How near a renewal.
    Renewal,
    /// How near a limit.
    Quota,
    /// What the use or the basket consists of.
    Mix,
    /// What is held now.
    Holding,
    /// What the customer says.
    Voice,
    /// What was offered before and how it was answered.
    Contact,
    /// Affinity of the customer to the offer's own family.
    Affinity,
    /// What goes together with what the customer has.
    Rules,
    /// What the pipeline file derives from other features.
    Own,
}

impl Family {
    /// All families, in the order of reports.
    pub const ALL: [Self; 16] = [
        Self::Attribute,
        Self::Recency,
        Self::Frequency,
        Self::Money,
        Self::Trend,
        Self::Surge,
        Self::Tenure,
        Self::Renewal,
        Self::Quota,
        Self::Mix,
        Self::Holding,
        Self::Voice,
        Self::Contact,
        Self::Affinity,
        Self::Rules,
        Self::Own,
    ];

    /// The name in files and configuration.
    pub fn id(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::Recency => "recency",
            Self::Frequency => "frequency",
            Self::Money => "money",
            Self::Trend => "trend",
            Self::Surge => "surge",
            Self::Tenure => "tenure",
            Self::Renewal => "renewal",
            Self::Quota => "quota",
            Self::Mix => "mix",
            Self::Holding => "holding",
            Self::Voice => "voice",
            Self::Contact => "contact",
            Self::Affinity => "affinity",
            Self::Rules => "rules",
            Self::Own => "own",
        }
    }
}

/// The stretch of time a feature looks at, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    /// Civil days counted back from the as-of date: `[as_of − start_days, as_of − end_days)`.
    Days {
        /// Days before the as-of date at which the window starts; larger than `end_days`.
        start_days: u32,
        /// Days before the as-of date at which it ends; 0 for "up to the as-of date".
        end_days: u32,
    },
    /// From the first of the as-of date's month up to the date; nothing on the first itself.
    MonthToDate,
    /// The whole month before the as-of date's.
    PreviousMonth,
    /// The whole month of the as-of date, a year earlier.
    SameMonthLastYear,
    /// What the label window of the as-of date was a year earlier.
    SeasonLastYear,
}

impl Window {
    /// Those that are no number of days.
    pub const CALENDAR: [Self; 4] =
        [Self::MonthToDate, Self::PreviousMonth, Self::SameMonthLastYear, Self::SeasonLastYear];

    /// The `days` before the as-of date.
    pub fn last(days: u32) -> Self {
        Self::Days { start_days: days, end_days: 0 }
    }

    /// Start and end in days before the as-of date, of a window that is counted so.
    pub fn days(self) -> Option<[u32; 2]> {
        match self {
            Self::Days { start_days, end_days } => Some([start_days, end_days]),
            _ => None,
        }
    }

    /// The name in files and configuration of a window that is not counted in days.
    pub fn id(self) -> Option<&'static str> {
        match self {
            Self::Days { .. } => None,
            Self::MonthToDate => Some("month_to_date"),
            Self::PreviousMonth => Some("previous_month"),
            Self::SameMonthLastYear => Some("same_month_last_year"),
            Self::SeasonLastYear => Some("season_last_year"),
        }
    }

    /// The window with this name, or else of these days.
    pub fn named(id: Option<&str>, days: Option<[u32; 2]>) -> Option<Self> {
        let calendar = Self::CALENDAR.into_iter().find(|window| id.is_some() && window.id() == id);
        calendar.or_else(|| days.map(|[start_days, end_days]| Self::Days { start_days, end_days }))
    }
}

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Days.
    Days,
    /// Minor units of the pipeline's currency.
    Minor,
    /// A share between 0 and 1.
    Share,
    /// A ratio or slope without unit.
    Ratio,
    /// 0 or 1.
    Flag,
    /// The source's own unit.
    Native,
    /// A level of a category.
    Level,
}

/// What an absent value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullMeaning {
    /// There is always a value.
    Never,
    /// It was not known at the as-of date.
    Unknown,
    /// It has not happened yet.
    NotYet,
    /// It does not apply to this customer.
    NotApplicable,
}

/// How the values are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeatureKind {
    /// A number (f32 in files).
    Numeric,
    /// A code into these levels (also f32 in files, whole numbers).
    Category(Vec<String>),
}

/// One column of the feature table: reasons, report and documentation are drawn from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureSpec {
    /// Unique column name, e.g. `traffic_sum_30d`.
    pub name: String,
    /// What reasons are grouped by.
    pub family: Family,
    /// The source table it is computed from.
    pub source: String,
    /// The window, where there is one.
    pub window: Option<Window>,
    /// What the value counts.
    pub unit: Unit,
    /// What an absent value means.
    pub null: NullMeaning,
    /// Numeric or a category's levels.
    pub kind: FeatureKind,
    /// Key of the sentence in crate `text` that describes it, e.g. `sum_window`.
    pub text_key: &'static str,
    /// What the sentence is about, e.g. the metric's name as the file spells it.
    pub subject: String,
}
