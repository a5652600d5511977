//! `[features]`: what is known of a customer at an as-of date.

use super::Recipe;

/// `[features]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// Windows before the as-of date, strictly increasing.
    pub windows_days: Vec<u32>,
    /// Recipes in the order of [`Recipe::ALL`].
    pub recipes: Vec<Recipe>,
    /// Most levels of one column with features of their own.
    pub levels: usize,
    /// Days a purchase makes somebody a customer; `None` for ever.
    pub active_days: Option<u32>,
    /// The hours that are night.
    pub night: Night,
    /// The days that are no working days.
    pub weekend: Vec<Weekday>,
    /// Features beside those of the recipes.
    pub own: Vec<OwnFeature>,
    /// Limits, and what counts against them.
    pub quota: Vec<Quota>,
    /// How use is cut into stages; none without the section.
    pub utilisation: Option<Utilisation>,
    /// Features computed from others, in the order of the file.
    pub derived: Vec<DerivedFeature>,
}

/// `[features.utilisation]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Utilisation {
    /// Name of the source of purchases or events.
    pub source: String,
    /// Of purchases the attribute of the products whose levels are counted; without it products themselves.
    pub by: Option<String>,
    /// Of events the kind whose values say how deep use goes; without it rows do.
    pub depth: Option<String>,
    /// The window.
    pub window_days: u32,
}

/// One of `features.quota`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The columns' name, between the source's and what each says.
    pub name: String,
    /// Name of the source of events.
    pub source: String,
    /// The kind of event that counts; every kind without it.
    pub kind: Option<String>,
    /// The attribute of products or customers that holds the limit.
    pub limit: Option<String>,
    /// What is held against it.
    pub counted: QuotaCounted,
    /// The kind of event that says itself that the limit was reached.
    pub hit_kind: Option<String>,
}

/// What is held against a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaCounted {
    /// The newest value.
    Newest,
    /// All since the period began.
    Period(OwnPeriod),
    /// All of so many days.
    Days(u32),
}

/// The stretch of time that a window is, before any as-of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// So many civil days before the as-of date.
    Days(u32),
    /// A stretch of the calendar.
    Calendar(OwnWindow),
}

impl Features {
    /// Every window there is: those of the recipes, then the further ones of `own`, ascending, stretches of the calendar last.
    pub fn all_windows(&self) -> Vec<Reach> {
        let recipes: Vec<Reach> = self.windows_days.iter().copied().map(Reach::Days).collect();
        let mut further: Vec<Reach> = self.own.iter().flat_map(OwnFeature::reaches).collect();
        if self.recipes.contains(&Recipe::Season) {
            further.push(Reach::Calendar(OwnWindow::SeasonLastYear));
        }
        further.extend(self.utilisation.iter().map(|utilisation| Reach::Days(utilisation.window_days)));
        further.retain(|reach| !recipes.contains(reach));
        further.sort_unstable();
        further.dedup();
        [recipes, further].concat()
    }
}

/// The hours that are night, by the clock on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Night {
    /// The hour at which it begins, 0 to 24.
    pub from: u8,
    /// The hour at which it is over, 0 to 24; before `from` where the night goes over midnight.
    pub to: u8,
}

impl Night {
    /// Whether an hour of the day, 0 to 23, belongs to it.
    pub fn has(self, hour: u8) -> bool {
        if self.from < self.to { (self.from..self.to).contains(&hour) } else { hour >= self.from || hour < self.to }
    }
}

words! {
    /// A day of the week, in the order of the week.
    Weekday {
        /// Monday.
        Monday = "monday",
        /// Tuesday.
        Tuesday = "tuesday",
        /// Wednesday.
        Wednesday = "wednesday",
        /// Thursday.
        Thursday = "thursday",
        /// Friday.
        Friday = "friday",
        /// Saturday.
        Saturday = "saturday",
        /// Sunday.
        Sunday = "sunday",
    }
}

words! {
    /// A stretch of the calendar before an as-of date.
    OwnWindow {
        /// From the first of its month up to it.
        MonthToDate = "month_to_date",
        /// The whole month before its own.
        PreviousMonth = "previous_month",
        /// The whole month, a year earlier.
        SameMonthLastYear = "same_month_last_year",
        /// The label window, a year earlier.
        SeasonLastYear = "season_last_year",
    }
}

words! {
    /// What a streak counts.
    OwnPeriod {
        /// Civil days.
        Day = "day",
        /// Weeks that begin on Monday.
        Week = "week",
        /// Calendar months.
        Month = "month",
    }
}

words! {
    /// What a feature of one's own computes.
    OwnMeasure {
        /// The number of rows.
        Count = "count",
        /// The sum of values.
        Sum = "sum",
        /// Their mean.
        Mean = "mean",
        /// The smallest value.
        Min = "min",
        /// The largest value.
        Max = "max",
        /// Their standard deviation.
        StdDev = "std_dev",
        /// The newest value.
        Last = "last",
        /// The number of different values.
        Distinct = "distinct",
        /// Days since the newest row.
        Recency = "recency",
        /// Whole days since the newest row.
        DaysSince = "days_since",
        /// Days since the oldest row.
        First = "first",
        /// Mean days between rows.
        Gap = "gap",
        /// Change of values a day.
        Trend = "trend",
        /// Against the window before.
        Surge = "surge",
        /// Of all rows' of the window.
        Share = "share",
        /// The oldest value.
        FirstValue = "first_value",
        /// A quantile of the values.
        Quantile = "quantile",
        /// The number of rows, the recent ones weighing most.
        DecayedCount = "decayed_count",
        /// The sum of values, the recent ones weighing most.
        DecayedSum = "decayed_sum",
        /// Periods in a row with a row in each, up to now.
        Streak = "streak",
        /// The most periods in a row.
        LongestStreak = "longest_streak",
    }
}

impl OwnMeasure {
    /// Whether it reads numbers and cannot do without.
    pub(in crate::config) fn needs_numbers(self) -> bool {
        use OwnMeasure::{DecayedSum, FirstValue, Last, Max, Mean, Min, Quantile, StdDev, Sum, Trend};
        matches!(self, Sum | Mean | Min | Max | StdDev | Last | Trend | FirstValue | Quantile | DecayedSum)
    }

    /// Whether it may read numbers.
    pub(crate) fn takes_numbers(self) -> bool {
        self.needs_numbers() || matches!(self, Self::Surge | Self::Share)
    }
}

/// One of `features.derived`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedFeature {
    /// The column's name.
    pub name: String,
    /// The expression, which can be read but may name features that are not there.
    pub expression: String,
}

/// One of `features.own`.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnFeature {
    /// The columns' name, with placeholders.
    pub name: String,
    /// Name of the source.
    pub source: String,
    /// What is computed.
    pub measure: OwnMeasure,
    /// The column it reads.
    pub of: Option<String>,
    /// What the levels are of.
    pub by: Option<String>,
    /// Most levels.
    pub levels: usize,
    /// The levels; empty for the most frequent ones.
    pub only: Vec<String>,
    /// The windows, strictly increasing; none for everything before the date, or for `window`.
    pub windows_days: Vec<u32>,
    /// The one window, where it is a stretch of the calendar.
    pub window: Option<OwnWindow>,
    /// Which quantile, in [0, 1]; 0.5 for measures without.
    pub level: f64,
    /// Days after which a row weighs half; 1 for measures without.
    pub half_life_days: f64,
    /// What a streak counts.
    pub period: OwnPeriod,
}

impl OwnFeature {
    /// Its windows; none for everything before the date.
    pub fn reaches(&self) -> Vec<Reach> {
        let days = self.windows_days.iter().copied().map(Reach::Days);
        days.chain(self.window.map(Reach::Calendar)).collect()
    }
}
