//! The feature dictionary, drawn up before the first value exists: which aggregate of which table fills which column, and what it means.

mod clock;
mod own;
mod season;
mod tone;

use std::sync::Arc;

use osusume_model::{Family, FeatureKind, FeatureSpec, NullMeaning, Result, Unit, Window};
use osusume_windows::{Aggregate, Amount, ColumnKind, Filter, Measure, Plan};

use crate::beginnings::Beginnings;
use crate::calendar::{Calendar, Hours};
use crate::config::{Config, OwnPeriod, OwnWindow, Reach, Recipe, Role, Source};
use crate::kernel::windows_fault;

pub(crate) use tone::tone_change_windows;

/// Position of the window that reaches back to the beginning.
pub(crate) const EVER: usize = 0;

/// A level of a code column that gets features of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// Its code.
    pub(crate) code: u32,
    /// Its name as the tables spell it.
    pub(crate) name: String,
    /// How many levels have more rows.
    pub(crate) rank: usize,
}

/// A code column made from another one through a small table: product → category.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// Code of the column read → code of the level; one more than the last level for "none".
    pub(crate) map: Arc<[u32]>,
    /// Names of the levels, sorted.
    pub(crate) names: Arc<[String]>,
}

/// How a table's column is handed to the kernel.
#[derive(Clone, Debug)]
pub(crate) enum Use {
    /// Exact minor units.
    Money,
    /// Prices of one unit, to be made amounts by the quantity and the minor units in one.
    Priced {
        /// Minor units in one unit of the currency.
        minor_units: f64,
    },
    /// Real numbers.
    Real,
    /// Dictionary codes.
    Code {
        /// Size of the dictionary.
        n_codes: usize,
    },
    /// Codes passed through a join.
    Joined(Join),
    /// The real number that each code stands for.
    Told(Arc<[f64]>),
    /// Times: 1 where the clocks on the wall showed them, else 0.
    Clock(Arc<Hours>),
    /// Real numbers of the rows of one kind; those of others are absent.
    OfKind {
        /// The kind's code.
        code: u32,
    },
}

impl Use {
    fn kind(&self) -> ColumnKind {
        match self {
            Self::Money | Self::Priced { .. } => ColumnKind::Money,
            Self::Real | Self::Told(_) | Self::OfKind { .. } => ColumnKind::Real,
            Self::Clock(_) => ColumnKind::Code { n_codes: 2 },
            Self::Code { n_codes } => ColumnKind::Code { n_codes: *n_codes },
            Self::Joined(join) => ColumnKind::Code { n_codes: join.names.len() + 1 },
        }
    }
}

/// A column an event table brings, with the levels that get features of their own.
#[derive(Clone, Debug)]
pub(crate) struct EventColumn {
    /// Its name in the checked table.
    pub(crate) name: String,
    /// How the kernel sees it.
    pub(crate) kind: Use,
    /// Chosen levels, of code columns only.
    pub(crate) levels: Vec<Level>,
    /// What the column means to the recipes.
    pub(crate) sense: Sense,
}

/// What a column means to the recipes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sense {
    /// The metric or kind of event.
    Kind,
    /// A measured value.
    Value,
    /// Money paid.
    Amount,
    /// The product bought.
    Product,
    /// The basket.
    Basket,
    /// A category of the product, by the attribute's name.
    Category(String),
    /// Categories that are offered themselves.
    Offered,
    /// Satisfaction.
    Score,
    /// What a ticket was about.
    Topic,
    /// The tone of what was written.
    Tone,
    /// Whether it was at night.
    Night,
    /// Whether it was at a weekend.
    Weekend,
    /// Values of one kind alone, by its name.
    OfKind(String),
}

/// Features of one event table.
#[derive(Clone, Debug)]
pub(crate) struct EventGroup {
    /// The table.
    pub(crate) table: String,
    /// The columns that say when a row was known; the latest of them counts. Empty: known when it happened.
    pub(crate) known_by: Vec<&'static str>,
    /// Its columns, in the order aggregates number them.
    pub(crate) columns: Vec<EventColumn>,
    /// What is computed, one entry a feature.
    pub(crate) aggregates: Vec<Aggregate>,
    /// Positions of aggregates that are absent at dates to which the table does not reach back.
    pub(crate) reaching: Vec<usize>,
    /// How far the table reaches back; read where an aggregate asks.
    pub(crate) beginnings: Beginnings,
}

impl EventGroup {
    /// Features of nothing yet.
    pub(crate) fn new(table: &str, known_by: Vec<&'static str>, columns: Vec<EventColumn>) -> Self {
        let (aggregates, reaching, beginnings) = (Vec::new(), Vec::new(), Beginnings::default());
        Self { table: table.to_owned(), known_by, columns, aggregates, reaching, beginnings }
    }

    /// Forgets the columns that no aggregate reads.
    fn drop_unused(&mut self) {
        let mut is_used = vec![false; self.columns.len()];
        let mut note = |column: &mut usize| is_used[*column] = true;
        self.aggregates.iter_mut().for_each(|aggregate| columns_of(aggregate, &mut note));
        let place: Vec<usize> =
            (0..is_used.len()).map(|at| is_used[..at].iter().filter(|used| **used).count()).collect();
        let mut used = is_used.iter();
        self.columns.retain(|_| *used.next().expect("one entry a column"));
        let mut renumber = |column: &mut usize| *column = place[*column];
        self.aggregates.iter_mut().for_each(|aggregate| columns_of(aggregate, &mut renumber));
    }

    /// The kinds of the columns, as the kernel's plan wants them.
    pub(crate) fn kinds(&self) -> Vec<ColumnKind> {
        self.columns.iter().map(|column| column.kind.kind()).collect()
    }

    /// The kernel's plan over `n_windows`. A streak counts by the calendar at the position of its period.
    ///
    /// # Errors
    /// What the kernel cannot compute.
    pub(crate) fn plan(&self, n_windows: usize, calendar: &Calendar) -> Result<Plan> {
        let is_streak = |one: &Aggregate| matches!(one.measure, Measure::Streak { .. } | Measure::LongestStreak { .. });
        let periods: &[OwnPeriod] = if self.aggregates.iter().any(is_streak) { OwnPeriod::ALL } else { &[] };
        let calendars = periods.iter().map(|&period| calendar.begins(period)).collect();
        let plan = Plan::with_calendars(&self.aggregates, &self.kinds(), n_windows, calendars);
        plan.map_err(|e| windows_fault(&e))
    }
}

/// Shows every number of a column in an aggregate.
fn columns_of(aggregate: &mut Aggregate, see: &mut impl FnMut(&mut usize)) {
    if let Some(filter) = &mut aggregate.filter {
        see(&mut filter.column);
    }
    if let Some(column) = aggregate.measure.column_mut() {
        see(column);
    }
}

/// Draws up the features of one event table.
pub(crate) struct EventRecipes<'a> {
    config: &'a Config,
    source: &'a Source,
    group: EventGroup,
    specs: Vec<FeatureSpec>,
}

/// What a feature is called and means, besides its source.
struct Meaning {
    name: String,
    family: Family,
    unit: Unit,
    null: NullMeaning,
    text_key: &'static str,
    subject: String,
}

impl<'a> EventRecipes<'a> {
    /// Features of `source` with these columns, and their dictionary entries.
    pub(crate) fn draw(
        config: &'a Config,
        source: &'a Source,
        columns: Vec<EventColumn>,
    ) -> (EventGroup, Vec<FeatureSpec>) {
        let known_by = source.column("arrived").map(|_| "arrived").into_iter().collect();
        let group = EventGroup::new(&source.name, known_by, columns);
        let mut recipes = Self { config, source, group, specs: Vec::new() };
        match source.role {
            Role::Purchases => recipes.purchases(),
            Role::Voice => recipes.voice(),
            Role::Contacts => recipes.contacts(),
            _ => recipes.events(),
        }
        recipes.clock();
        recipes.season();
        recipes.own();
        recipes.group.drop_unused();
        (recipes.group, recipes.specs)
    }

    fn wants(&self, recipe: Recipe) -> bool {
        self.config.features.recipes.contains(&recipe)
    }

    /// Positions of the windows with a length; position 0 is "ever".
    fn windows(&self) -> impl Iterator<Item = usize> + use<> {
        1..=self.config.features.windows_days.len()
    }

    /// The days of one of the recipes' windows.
    fn days(&self, window: usize) -> u32 {
        self.config.features.windows_days[window - 1]
    }

    /// What the dictionary says of a window; nothing of the one that reaches back to the beginning.
    fn span(&self, window: usize) -> Option<Window> {
        let at = window.checked_sub(1)?;
        Some(match self.config.features.all_windows()[at] {
            Reach::Days(days) => Window::last(days),
            Reach::Calendar(OwnWindow::MonthToDate) => Window::MonthToDate,
            Reach::Calendar(OwnWindow::PreviousMonth) => Window::PreviousMonth,
            Reach::Calendar(OwnWindow::SameMonthLastYear) => Window::SameMonthLastYear,
            Reach::Calendar(OwnWindow::SeasonLastYear) => Window::SeasonLastYear,
        })
    }

    /// Windows long enough to see a tendency.
    fn long_windows(&self, at_least: u32) -> Vec<usize> {
        self.windows().filter(|&w| self.days(w) >= at_least).collect()
    }

    fn position(&self, sense: &Sense) -> Option<usize> {
        self.group.columns.iter().position(|column| column.sense == *sense)
    }

    fn levels(&self, column: usize) -> Vec<(Filter, String)> {
        let levels = self.group.columns[column].levels.iter();
        // Further levels are those that features of one's own ask for.
        levels
            .filter(|level| level.rank < self.config.features.levels)
            .map(|level| (Filter { column, code: level.code }, level.name.clone()))
            .collect()
    }

    fn add(&mut self, measure: Measure, filter: Option<Filter>, window: usize, meaning: Meaning) {
        let span = self.span(window);
        let suffix = match span {
            Some(Window::Days { start_days, .. }) => format!("_{start_days}d"),
            Some(calendar) => calendar.id().map(|id| format!("_{id}")).unwrap_or_default(),
            None => String::new(),
        };
        self.group.aggregates.push(Aggregate { measure, filter, window });
        self.specs.push(FeatureSpec {
            name: format!("{}_{}{suffix}", self.source.name, plain(&meaning.name)),
            family: meaning.family,
            source: self.source.name.clone(),
            window: span,
            unit: meaning.unit,
            null: meaning.null,
            kind: FeatureKind::Numeric,
            text_key: meaning.text_key,
            subject: meaning.subject,
        });
    }

    fn meaning(&self, name: impl Into<String>, family: Family, unit: Unit, text_key: &'static str) -> Meaning {
        let null = match unit {
            Unit::Count => NullMeaning::Never,
            Unit::Days => NullMeaning::NotYet,
            _ => NullMeaning::Unknown,
        };
        Meaning { name: name.into(), family, unit, null, text_key, subject: self.source.name.clone() }
    }

    fn recency(&mut self, family: Family, text_key: &'static str) {
        let meaning = self.meaning("recency", family, Unit::Days, text_key);
        self.add(Measure::RecencyDays, None, EVER, meaning);
    }

    fn events(&mut self) {
        if self.wants(Recipe::Recency) {
            self.recency(Family::Recency, "recency");
        }
        let kinds = self.position(&Sense::Kind).map_or_else(
            || vec![(None, self.source.name.clone())],
            |column| self.levels(column).into_iter().map(|(filter, name)| (Some(filter), name)).collect(),
        );
        let value = self.position(&Sense::Value);
        for (filter, name) in kinds {
            match value {
                Some(column) => self.metric(column, filter, &name),
                None => self.occurrences(filter, &name),
            }
        }
    }

    /// A metric that is measured again and again: its level, its slope, and a sharp rise.
    fn metric(&mut self, value: usize, filter: Option<Filter>, metric: &str) {
        let about = |meaning: Meaning| Meaning { subject: metric.to_owned(), ..meaning };
        if self.wants(Recipe::Money) {
            for window in self.windows() {
                let meaning = about(self.meaning(format!("{metric}_mean"), Family::Money, Unit::Native, "mean_window"));
                self.add(Measure::Mean(value), filter, window, meaning);
            }
        }
        if self.wants(Recipe::Trend) {
            for window in self.long_windows(60) {
                let meaning = about(self.meaning(format!("{metric}_trend"), Family::Trend, Unit::Ratio, "trend"));
                self.add(Measure::Trend(value), filter, window, meaning);
            }
        }
        if self.wants(Recipe::Surge) {
            let short: Vec<usize> = self.long_windows(14).into_iter().filter(|&w| self.days(w) <= 120).collect();
            for window in short {
                let meaning = about(self.meaning(format!("{metric}_surge"), Family::Surge, Unit::Ratio, "surge"));
                self.add(Measure::Surge(Amount::Sum(value)), filter, window, meaning);
            }
        }
    }

    fn occurrences(&mut self, filter: Option<Filter>, kind: &str) {
        if self.wants(Recipe::Frequency) {
            for window in self.windows() {
                let mut meaning = self.meaning(format!("{kind}_count"), Family::Frequency, Unit::Count, "count_window");
                kind.clone_into(&mut meaning.subject);
                self.add(Measure::Count, filter, window, meaning);
            }
        }
        if self.wants(Recipe::Recency) {
            let mut meaning = self.meaning(format!("{kind}_recency"), Family::Recency, Unit::Days, "recency");
            kind.clone_into(&mut meaning.subject);
            self.add(Measure::RecencyDays, filter, EVER, meaning);
        }
    }

    fn purchases(&mut self) {
        if self.wants(Recipe::Recency) {
            self.recency(Family::Recency, "recency");
            let meaning = self.meaning("gap", Family::Recency, Unit::Days, "mean_gap");
            self.add(Measure::MeanGapDays, None, EVER, meaning);
        }
        if self.wants(Recipe::Frequency) {
            self.purchase_counts();
        }
        if let Some(amount) = self.position(&Sense::Amount) {
            self.purchase_amounts(amount);
        }
        if self.wants(Recipe::Mix) {
            for column in 0..self.group.columns.len() {
                if let Sense::Category(attribute) = self.group.columns[column].sense.clone() {
                    self.mix(column, &attribute);
                }
            }
        }
        if self.wants(Recipe::Affinity)
            && let Some(offered) = self.position(&Sense::Offered)
        {
            self.affinity(offered);
        }
    }

    fn purchase_counts(&mut self) {
        let product = self.position(&Sense::Product);
        let basket = self.position(&Sense::Basket);
        for window in self.windows() {
            let lines = self.meaning("count", Family::Frequency, Unit::Count, "count_window");
            self.add(Measure::Count, None, window, lines);
            for (column, name) in [(product, "products"), (basket, "baskets")] {
                if let Some(column) = column {
                    let meaning = self.meaning(name, Family::Frequency, Unit::Count, "distinct_window");
                    self.add(Measure::Distinct(column), None, window, Meaning { subject: name.to_owned(), ..meaning });
                }
            }
        }
    }

    fn purchase_amounts(&mut self, amount: usize) {
        if self.wants(Recipe::Money) {
            for window in self.windows() {
                for (measure, name, key) in [
                    (Measure::Sum(amount), "sum", "sum_window"),
                    (Measure::Mean(amount), "mean", "mean_window"),
                    (Measure::Max(amount), "max", "max_window"),
                ] {
                    let meaning = self.meaning(name, Family::Money, Unit::Minor, key);
                    self.add(measure, None, window, meaning);
                }
            }
        }
        if self.wants(Recipe::Surge) {
            for window in self.long_windows(14) {
                let meaning = self.meaning("surge", Family::Surge, Unit::Ratio, "surge");
                self.add(Measure::Surge(Amount::Sum(amount)), None, window, meaning);
            }
        }
    }

    /// What baskets consist of: money (or lines, without amounts) by category, over the longest window. A single category is bought too
    /// rarely for the shorter ones to add more than noise.
    fn mix(&mut self, column: usize, attribute: &str) {
        let longest = self.config.features.windows_days.len();
        let (measure, unit, key) = match self.position(&Sense::Amount) {
            Some(amount) => (Measure::Sum(amount), Unit::Minor, "sum_window"),
            None => (Measure::Count, Unit::Count, "count_window"),
        };
        for (filter, level) in self.levels(column) {
            let meaning = self.meaning(format!("{attribute}_{level}"), Family::Mix, unit, key);
            self.add(measure, Some(filter), longest, Meaning { subject: level, ..meaning });
        }
    }

    /// How near the customer has been to each offered category.
    fn affinity(&mut self, offered: usize) {
        for (filter, category) in self.levels(offered) {
            let recency =
                self.meaning(format!("offer_{category}_recency"), Family::Affinity, Unit::Days, "affinity_recency");
            self.add(Measure::RecencyDays, Some(filter), EVER, Meaning { subject: category.clone(), ..recency });
            let count =
                self.meaning(format!("offer_{category}_count"), Family::Affinity, Unit::Count, "affinity_count");
            self.add(Measure::Count, Some(filter), EVER, Meaning { subject: category, ..count });
        }
    }

    fn voice(&mut self) {
        if !self.wants(Recipe::Voice) {
            return;
        }
        self.recency(Family::Voice, "complaint_recency");
        for window in self.long_windows(30) {
            let meaning = self.meaning("count", Family::Voice, Unit::Count, "tickets_count");
            self.add(Measure::Count, None, window, meaning);
        }
        if let Some(topic) = self.position(&Sense::Topic) {
            let longest = self.config.features.windows_days.len();
            for (filter, name) in self.levels(topic) {
                let meaning = self.meaning(format!("topic_{name}"), Family::Voice, Unit::Count, "count_window");
                self.add(Measure::Count, Some(filter), longest, Meaning { subject: name, ..meaning });
            }
        }
    }

    /// Satisfaction is asked when a case is closed, so its rows are known from then on only: they form a group of their own.
    pub(crate) fn draw_scores(config: &'a Config, source: &'a Source) -> Option<(EventGroup, Vec<FeatureSpec>)> {
        source.column("score").filter(|_| config.features.recipes.contains(&Recipe::Voice))?;
        let score = EventColumn { name: "score".to_owned(), kind: Use::Real, levels: Vec::new(), sense: Sense::Score };
        let known_by = ["arrived", "closed"].into_iter().filter(|name| source.column(name).is_some()).collect();
        let group = EventGroup::new(&source.name, known_by, vec![score]);
        let mut recipes = Self { config, source, group, specs: Vec::new() };
        let last = recipes.meaning("score_last", Family::Voice, Unit::Native, "satisfaction_last");
        recipes.add(Measure::Last(0), None, EVER, last);
        let mean = recipes.meaning("score_mean", Family::Voice, Unit::Native, "satisfaction_mean");
        recipes.add(Measure::Mean(0), None, EVER, mean);
        Some((recipes.group, recipes.specs))
    }

    fn contacts(&mut self) {
        if !self.wants(Recipe::Contact) {
            return;
        }
        self.recency(Family::Contact, "contact_recency");
        for window in self.long_windows(30) {
            let meaning = self.meaning("count", Family::Contact, Unit::Count, "contacts_count");
            self.add(Measure::Count, None, window, meaning);
        }
    }
}

/// A name with letters, digits and underscores only, so that columns can be typed in SQL.
pub(crate) fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c.to_lowercase().next().unwrap_or(c) } else { '_' }).collect()
}
