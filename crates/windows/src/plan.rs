//! What to compute: the list of aggregates, compiled once into groups that share work.

use std::sync::Arc;

use crate::Error;
use crate::aggregate::Spare;
use crate::segment_plan::SegmentPlan;

/// The kind of a value column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Exact integers, see [`crate::EventValues::Money`].
    Money,
    /// Real numbers.
    Real,
    /// Dictionary codes.
    Code {
        /// Codes are `0..n_codes`; a table of this size is held by every thread.
        n_codes: usize,
    },
}

/// Only rows whose code column equals a code: a metric, a category, night or day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filter {
    /// Position of a code column.
    pub column: usize,
    /// The code rows must have.
    pub code: u32,
}

/// What a ratio compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Numbers of rows.
    Rows,
    /// Sums of a Money or Real column.
    Sum(usize),
}

/// What is computed over the visible rows of a window. "Values" are the present values of the column named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// Number of rows; 0 when there are none.
    Count,
    /// Sum of values; 0 when there are none.
    Sum(usize),
    /// Mean of values; absent when there are none.
    Mean(usize),
    /// Smallest value; absent when there are none.
    Min(usize),
    /// Largest value; absent when there are none.
    Max(usize),
    /// Number of different codes of a code column; 0 when there are none.
    Distinct(usize),
    /// Days from the newest row to the as-of instant; absent without rows.
    RecencyDays,
    /// Whole days of 24 hours from the newest row to the as-of instant; absent without rows.
    WholeDays,
    /// Days from the oldest row to the as-of instant; absent without rows.
    FirstDays,
    /// The newest value (of rows at one instant, the last in file order); absent when there are none.
    Last(usize),
    /// Sample standard deviation of values (divisor n − 1); absent below two values.
    StdDev(usize),
    /// Least-squares slope of values over time, in units a day; absent when fewer than two different instants (whole seconds) have values.
    Trend(usize),
    /// The window's amount over that of the window of the same length right before it; absent when that one is 0.
    Surge(Amount),
    /// The filtered rows' amount over that of all rows of the window; needs a filter; absent when that one is 0.
    Share(Amount),
    /// Mean days between one row and the next; absent below two rows.
    MeanGapDays,
    /// The oldest value (of rows at one instant, the first in file order); absent when there are none.
    FirstValue(usize),
    /// The value below which a share `level` of the values lies, in a straight line between two of them; absent when there are none.
    Quantile {
        /// The values.
        column: usize,
        /// In [0, 1]; 0.5 is the median.
        level: f64,
    },
    /// Σ 2^(−age / half-life) over rows, ages in days before the as-of instant; 0 when there are none.
    DecayedCount {
        /// Days after which a row weighs half; above 0.
        half_life_days: f64,
    },
    /// Σ value · 2^(−age / half-life), likewise; 0 when there are none.
    DecayedSum {
        /// The values.
        column: usize,
        /// Days after which a value weighs half; above 0.
        half_life_days: f64,
    },
    /// Periods in the longest run of consecutive periods of a calendar with a row of the window in each; 0 when there are none.
    LongestStreak {
        /// Position of the calendar.
        calendar: usize,
    },
    /// Periods in the run that lasts at the end of the window: its last period is the one in which the window ends or the one before,
    /// because a period that still runs breaks nothing; 0 when there is none.
    Streak {
        /// Position of the calendar.
        calendar: usize,
    },
}

impl Measure {
    /// Position of the column whose values it reads; `None` where it reads rows alone.
    pub fn column(mut self) -> Option<usize> {
        self.column_mut().copied()
    }

    /// The same, to be renumbered.
    pub fn column_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Sum(column)
            | Self::Mean(column)
            | Self::Min(column)
            | Self::Max(column)
            | Self::Distinct(column)
            | Self::Last(column)
            | Self::StdDev(column)
            | Self::Trend(column)
            | Self::FirstValue(column)
            | Self::Quantile { column, .. }
            | Self::DecayedSum { column, .. }
            | Self::Surge(Amount::Sum(column))
            | Self::Share(Amount::Sum(column)) => Some(column),
            Self::Count
            | Self::DecayedCount { .. }
            | Self::LongestStreak { .. }
            | Self::Streak { .. }
            | Self::RecencyDays
            | Self::WholeDays
            | Self::FirstDays
            | Self::MeanGapDays
            | Self::Surge(Amount::Rows)
            | Self::Share(Amount::Rows) => None,
        }
    }
}

/// One output column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aggregate {
    /// What is computed.
    pub measure: Measure,
    /// Over which rows; `None` for all.
    pub filter: Option<Filter>,
    /// Position of the window among each as-of's windows.
    pub window: usize,
}

/// A list of aggregates, checked and arranged so that all that share a filter share one list of rows.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) columns: Vec<ColumnKind>,
    pub(crate) n_windows: usize,
    /// Group 0 holds all rows; the others those of one filter each.
    pub(crate) groups: Vec<GroupPlan>,
    pub(crate) tables: Vec<FilterTable>,
    /// The row of a customer without any visible row.
    pub(crate) empty_row: Vec<f64>,
    /// For each calendar the instants at which its periods begin, ascending.
    pub(crate) calendars: Vec<Arc<[i64]>>,
    /// The shorter way, for customers of whom no row arrived late.
    pub(crate) fast: Option<Box<Fast>>,
    /// Working memory between uses.
    pub(crate) spare: Spare,
}

/// The same aggregates in two parts.
#[derive(Clone, Debug)]
pub(crate) struct Fast {
    /// Those that follow from the segments between borders.
    pub(crate) segments: SegmentPlan,
    /// The others, if any.
    pub(crate) rest: Option<Plan>,
}

/// Which group the rows of a code belong to.
#[derive(Clone, Debug)]
pub(crate) struct FilterTable {
    pub(crate) column: usize,
    /// By code; 0 means none, because group 0 holds every row anyway.
    pub(crate) group_of: Vec<u32>,
}

/// The rows of one filter and what is wanted of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupPlan {
    pub(crate) streams: Vec<StreamPlan>,
    /// Code columns whose different values are counted.
    pub(crate) distincts: Vec<usize>,
    /// For each distinct counter: which of `distincts`, which of `slots`.
    pub(crate) counters: Vec<(usize, usize)>,
    pub(crate) slots: Vec<SlotPlan>,
}

/// A value column within a group, and which running quantities its cells need.
#[derive(Clone, Debug)]
pub(crate) struct StreamPlan {
    pub(crate) column: usize,
    pub(crate) needs: Needs,
}

/// The running quantities of a stream beyond the count of values.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five independent questions, read one by one")]
pub(crate) struct Needs {
    pub(crate) sum: bool,
    pub(crate) value: bool,
    pub(crate) square: bool,
    pub(crate) trend: bool,
    pub(crate) low: bool,
    pub(crate) high: bool,
}

/// A window within a group, with its output cells.
#[derive(Clone, Debug, Default)]
pub(crate) struct SlotPlan {
    pub(crate) window: usize,
    /// Computed when the window has rows.
    pub(crate) cells: Vec<(usize, Op)>,
    /// Computed when the window or the one before it has rows.
    pub(crate) surges: Vec<(usize, Quantity)>,
}

/// What a ratio reads: rows, or a stream of the group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quantity {
    Rows,
    Sum(usize),
}

/// A compiled measure; numbers are positions within the group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Count,
    Sum(usize),
    Mean(usize),
    Min(usize),
    Max(usize),
    Distinct(usize),
    Recency,
    WholeDays,
    First,
    Last(usize),
    StdDev(usize),
    Trend(usize),
    MeanGap,
    FirstValue(usize),
    Quantile(usize, f64),
    DecayedCount(f64),
    DecayedSum(usize, f64),
    LongestStreak(usize),
    /// Calendar and window.
    Streak(usize, usize),
    /// A share is a cell of group 0, which knows the denominator: group, slot and quantity of the numerator, quantity of the denominator.
    Share(usize, usize, Quantity, Quantity),
}

impl Plan {
    /// Checks and arranges `aggregates`; output columns keep their order. `columns`: the kinds of the events' columns, in order.
    ///
    /// # Errors
    /// A column that is absent or of the wrong kind, a window above `n_windows`, a share without a filter.
    pub fn new(aggregates: &[Aggregate], columns: &[ColumnKind], n_windows: usize) -> Result<Self, Error> {
        Self::with_calendars(aggregates, columns, n_windows, Vec::new())
    }

    /// The same with calendars, which streaks count by: for each the instants at which its periods begin, strictly ascending, from before
    /// the first row.
    ///
    /// # Errors
    /// As [`Self::new`], and a calendar that is absent or does not ascend.
    pub fn with_calendars(
        aggregates: &[Aggregate],
        columns: &[ColumnKind],
        n_windows: usize,
        calendars: Vec<Arc<[i64]>>,
    ) -> Result<Self, Error> {
        for (i, aggregate) in aggregates.iter().enumerate() {
            check(i, aggregate, columns, n_windows)?;
            check_setting(i, aggregate.measure, calendars.len())?;
        }
        for starts in &calendars {
            if let Some(idx) = (1..starts.len()).find(|&i| starts[i] <= starts[i - 1]) {
                return Err(Error::Unsorted { what: "calendar", idx });
            }
        }
        let all: Vec<(usize, Aggregate)> = aggregates.iter().copied().enumerate().collect();
        let empty_row = aggregates.iter().map(|a| empty_value(a.measure)).collect();
        let plan = Self::arranged(&all, columns, n_windows, calendars.clone());
        let (told, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, a)| SegmentPlan::tells(a, columns));
        let fast = (!told.is_empty()).then(|| {
            let rest = (!rest.is_empty()).then(|| Self::arranged(&rest, columns, n_windows, calendars));
            Box::new(Fast { segments: SegmentPlan::new(&told, columns), rest })
        });
        Ok(Self { empty_row, fast, ..plan })
    }

    /// Arranges aggregates that were checked, each with its output, into groups.
    fn arranged(
        aggregates: &[(usize, Aggregate)],
        columns: &[ColumnKind],
        n_windows: usize,
        calendars: Vec<Arc<[i64]>>,
    ) -> Self {
        let mut filters: Vec<Filter> = aggregates.iter().filter_map(|(_, a)| a.filter).collect();
        filters.sort_unstable();
        filters.dedup();
        let mut plan = Self {
            columns: columns.to_vec(),
            n_windows,
            groups: vec![GroupPlan::default(); filters.len() + 1],
            tables: filter_tables(&filters, columns),
            empty_row: Vec::new(),
            calendars,
            fast: None,
            spare: Spare::default(),
        };
        for (output, aggregate) in aggregates {
            let group = aggregate.filter.map_or(0, |f| 1 + filters.partition_point(|g| *g < f));
            plan.add(*output, aggregate, group);
        }
        plan
    }

    /// Number of output columns.
    pub fn n_aggregates(&self) -> usize {
        self.empty_row.len()
    }

    fn add(&mut self, output: usize, aggregate: &Aggregate, group: usize) {
        if let Measure::Share(amount) = aggregate.measure {
            let numerator = self.groups[group].quantity(amount);
            let denominator = self.groups[0].quantity(amount);
            let slot = self.groups[group].slot(aggregate.window);
            let all = self.groups[0].slot(aggregate.window);
            self.groups[0].slots[all].cells.push((output, Op::Share(group, slot, numerator, denominator)));
            return;
        }
        self.groups[group].add(output, aggregate);
    }
}

impl GroupPlan {
    fn add(&mut self, output: usize, aggregate: &Aggregate) {
        let slot = self.slot(aggregate.window);
        let op = match aggregate.measure {
            Measure::Count => Op::Count,
            Measure::Sum(c) => Op::Sum(self.stream(c, |n| n.sum = true)),
            Measure::Mean(c) => Op::Mean(self.stream(c, |n| n.sum = true)),
            Measure::Min(c) => Op::Min(self.stream(c, |n| (n.value, n.low) = (true, true))),
            Measure::Max(c) => Op::Max(self.stream(c, |n| (n.value, n.high) = (true, true))),
            Measure::Last(c) => Op::Last(self.stream(c, |n| n.value = true)),
            Measure::StdDev(c) => Op::StdDev(self.stream(c, |n| n.square = true)),
            Measure::Trend(c) => Op::Trend(self.stream(c, |n| n.trend = true)),
            Measure::Distinct(c) => Op::Distinct(self.counter(c, slot)),
            Measure::RecencyDays => Op::Recency,
            Measure::WholeDays => Op::WholeDays,
            Measure::FirstDays => Op::First,
            Measure::MeanGapDays => Op::MeanGap,
            Measure::FirstValue(c) => Op::FirstValue(self.stream(c, |n| n.value = true)),
            Measure::Quantile { column, level } => Op::Quantile(self.stream(column, |n| n.value = true), level),
            Measure::DecayedCount { half_life_days } => Op::DecayedCount(half_life_days),
            Measure::DecayedSum { column, half_life_days } => {
                Op::DecayedSum(self.stream(column, |n| n.value = true), half_life_days)
            }
            Measure::LongestStreak { calendar } => Op::LongestStreak(calendar),
            Measure::Streak { calendar } => Op::Streak(calendar, aggregate.window),
            Measure::Surge(amount) => {
                let quantity = self.quantity(amount);
                self.slots[slot].surges.push((output, quantity));
                return;
            }
            Measure::Share(_) => unreachable!("shares are placed by the plan"),
        };
        self.slots[slot].cells.push((output, op));
    }

    fn quantity(&mut self, amount: Amount) -> Quantity {
        match amount {
            Amount::Rows => Quantity::Rows,
            Amount::Sum(column) => Quantity::Sum(self.stream(column, |n| n.sum = true)),
        }
    }

    fn slot(&mut self, window: usize) -> usize {
        self.slots.iter().position(|s| s.window == window).unwrap_or_else(|| {
            self.slots.push(SlotPlan { window, ..SlotPlan::default() });
            self.slots.len() - 1
        })
    }

    fn stream(&mut self, column: usize, need: impl FnOnce(&mut Needs)) -> usize {
        let found = self.streams.iter().position(|s| s.column == column);
        let idx = found.unwrap_or_else(|| {
            self.streams.push(StreamPlan { column, needs: Needs::default() });
            self.streams.len() - 1
        });
        need(&mut self.streams[idx].needs);
        idx
    }

    fn counter(&mut self, column: usize, slot: usize) -> usize {
        let found = self.distincts.iter().position(|&c| c == column);
        let distinct = found.unwrap_or_else(|| {
            self.distincts.push(column);
            self.distincts.len() - 1
        });
        self.counters.push((distinct, slot));
        self.counters.len() - 1
    }
}

fn empty_value(measure: Measure) -> f64 {
    match measure {
        Measure::Count
        | Measure::Sum(_)
        | Measure::Distinct(_)
        | Measure::DecayedCount { .. }
        | Measure::DecayedSum { .. }
        | Measure::LongestStreak { .. }
        | Measure::Streak { .. } => 0.0,
        _ => f64::NAN,
    }
}

fn filter_tables(filters: &[Filter], columns: &[ColumnKind]) -> Vec<FilterTable> {
    let mut tables: Vec<FilterTable> = Vec::new();
    for (i, filter) in filters.iter().enumerate() {
        // Filters are sorted by column, so a column's table is always the newest one.
        if tables.last().is_none_or(|t| t.column != filter.column) {
            let ColumnKind::Code { n_codes } = columns[filter.column] else { unreachable!("checked to be codes") };
            tables.push(FilterTable { column: filter.column, group_of: vec![0; n_codes] });
        }
        // A code no row can have keeps its group, which stays empty.
        if let Some(table) = tables.last_mut()
            && let Some(group) = table.group_of.get_mut(filter.code as usize)
        {
            *group = i as u32 + 1;
        }
    }
    tables
}

fn check(i: usize, aggregate: &Aggregate, columns: &[ColumnKind], n_windows: usize) -> Result<(), Error> {
    if aggregate.window >= n_windows {
        return Err(Error::Window { aggregate: i, window: aggregate.window, n_windows });
    }
    if let Some(filter) = aggregate.filter {
        check_column(i, filter.column, columns, true)?;
    }
    match aggregate.measure {
        Measure::Share(_) if aggregate.filter.is_none() => Err(Error::ShareWithoutFilter { aggregate: i }),
        measure @ Measure::Distinct(_) => {
            measure.column().map_or(Ok(()), |column| check_column(i, column, columns, true))
        }
        measure => measure.column().map_or(Ok(()), |column| check_column(i, column, columns, false)),
    }
}

/// Levels, half-lives and calendars.
fn check_setting(aggregate: usize, measure: Measure, n_calendars: usize) -> Result<(), Error> {
    let is_right = match measure {
        Measure::Quantile { level, .. } => (0.0..=1.0).contains(&level),
        Measure::DecayedCount { half_life_days } | Measure::DecayedSum { half_life_days, .. } => {
            half_life_days > 0.0 && half_life_days.is_finite()
        }
        Measure::LongestStreak { calendar } | Measure::Streak { calendar } => calendar < n_calendars,
        _ => true,
    };
    if is_right { Ok(()) } else { Err(Error::Setting { aggregate }) }
}

fn check_column(aggregate: usize, column: usize, columns: &[ColumnKind], wants_code: bool) -> Result<(), Error> {
    match columns.get(column) {
        Some(kind) if matches!(kind, ColumnKind::Code { .. }) == wants_code => Ok(()),
        _ => Err(Error::Column { aggregate, column }),
    }
}
