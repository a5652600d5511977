//! Which aggregates can be told from what lies between the borders of all windows, and what has to be gathered there.
//!
//! Sums of integers, counts, extremes and numbers of different codes of a stretch of segments follow from those of the segments.
//! What depends on every row of a window, or on the order in which doubles are added, does not: that is left to [`crate::group`].

use crate::events::{Cutoffs, earlier_start};
use crate::plan::{Aggregate, Amount, ColumnKind, Filter, Measure};

/// A quantity that is added up, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addend {
    /// 1 for every row.
    Row,
    /// The exact integers of a Money column, 0 where absent.
    Money(usize),
    /// 1 where a Money column has a value.
    Present(usize),
}

/// Addends of the rows of some codes, each code into a lane of its own.
#[derive(Clone, Debug)]
pub(crate) struct Scatter {
    /// The code column.
    pub(crate) column: usize,
    pub(crate) addend: Addend,
    /// By code; lane 0 collects what nobody asks for.
    pub(crate) lane_of: Vec<u32>,
}

/// The smallest or largest value of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extreme {
    pub(crate) column: usize,
    pub(crate) is_high: bool,
}

/// What a ratio reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Rows,
    Lane(usize),
}

/// A compiled measure; numbers are positions in the plan's lists.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Count,
    /// Sum over number of values.
    Mean(usize, Part),
    Extreme(usize),
    Distinct(usize),
    Recency,
    WholeDays,
    First,
    Last(usize),
    MeanGap,
    Surge(Part),
    /// Numerator and denominator.
    Share(Part, Part),
}

/// The cells of one window.
#[derive(Clone, Debug, Default)]
pub(crate) struct WindowPlan {
    pub(crate) window: usize,
    /// Output and lane: sums, and counts of filtered rows.
    pub(crate) lanes: Vec<(usize, usize)>,
    /// Everything else.
    pub(crate) cells: Vec<(usize, Op)>,
    /// Whether the window before is asked for.
    pub(crate) has_surge: bool,
    pub(crate) has_distinct: bool,
}

/// What is gathered between borders, and the cells that follow from it.
#[derive(Clone, Debug)]
pub(crate) struct SegmentPlan {
    /// Of all rows, with their lanes.
    pub(crate) totals: Vec<(Addend, usize)>,
    pub(crate) scatters: Vec<Scatter>,
    /// Lane 0 is nobody's.
    pub(crate) n_lanes: usize,
    pub(crate) extremes: Vec<Extreme>,
    /// Code columns whose different values are counted.
    pub(crate) distincts: Vec<usize>,
    /// Columns whose newest value is asked for.
    pub(crate) lasts: Vec<usize>,
    pub(crate) windows: Vec<WindowPlan>,
}

impl SegmentPlan {
    /// Whether an aggregate, checked before, can be told from segments.
    pub(crate) fn tells(aggregate: &Aggregate, columns: &[ColumnKind]) -> bool {
        let is_money = |column: usize| columns[column] == ColumnKind::Money;
        let adds = |amount: Amount| match amount {
            Amount::Rows => true,
            Amount::Sum(column) => is_money(column),
        };
        match aggregate.measure {
            Measure::Count => true,
            Measure::Sum(column) | Measure::Mean(column) => is_money(column),
            Measure::Surge(amount) | Measure::Share(amount) => adds(amount),
            Measure::Min(_)
            | Measure::Max(_)
            | Measure::Distinct(_)
            | Measure::Last(_)
            | Measure::RecencyDays
            | Measure::WholeDays
            | Measure::FirstDays
            | Measure::MeanGapDays => aggregate.filter.is_none(),
            _ => false,
        }
    }

    /// Arranges aggregates, each with its output, that all can be told.
    pub(crate) fn new(aggregates: &[(usize, Aggregate)], columns: &[ColumnKind]) -> Self {
        let mut plan = Self {
            totals: Vec::new(),
            scatters: Vec::new(),
            n_lanes: 1,
            extremes: Vec::new(),
            distincts: Vec::new(),
            lasts: Vec::new(),
            windows: Vec::new(),
        };
        for (output, aggregate) in aggregates {
            plan.add(*output, aggregate, columns);
        }
        plan
    }

    fn add(&mut self, output: usize, aggregate: &Aggregate, columns: &[ColumnKind]) {
        let filter = aggregate.filter;
        let mut lane = |addend| self.lane(addend, filter, columns);
        let op = match aggregate.measure {
            Measure::Count if filter.is_none() => Op::Count,
            Measure::Count => return self.lane_cell(output, aggregate, Addend::Row, columns),
            Measure::Sum(column) => return self.lane_cell(output, aggregate, Addend::Money(column), columns),
            Measure::Mean(column) => {
                let sum = lane(Addend::Money(column));
                Op::Mean(sum, Part::Lane(lane(Addend::Present(column))))
            }
            Measure::Min(column) => Op::Extreme(place(&mut self.extremes, Extreme { column, is_high: false })),
            Measure::Max(column) => Op::Extreme(place(&mut self.extremes, Extreme { column, is_high: true })),
            Measure::Distinct(column) => Op::Distinct(place(&mut self.distincts, column)),
            Measure::Last(column) => Op::Last(place(&mut self.lasts, column)),
            Measure::RecencyDays => Op::Recency,
            Measure::WholeDays => Op::WholeDays,
            Measure::FirstDays => Op::First,
            Measure::MeanGapDays => Op::MeanGap,
            Measure::Surge(amount) => Op::Surge(self.part(amount, filter, columns)),
            Measure::Share(amount) => {
                let part = self.part(amount, filter, columns);
                Op::Share(part, self.part(amount, None, columns))
            }
            _ => unreachable!("segments were asked before"),
        };
        let window = self.window(aggregate.window);
        window.has_surge |= matches!(op, Op::Surge(_));
        window.has_distinct |= matches!(op, Op::Distinct(_));
        window.cells.push((output, op));
    }

    fn lane_cell(&mut self, output: usize, aggregate: &Aggregate, addend: Addend, columns: &[ColumnKind]) {
        let lane = self.lane(addend, aggregate.filter, columns);
        self.window(aggregate.window).lanes.push((output, lane));
    }

    fn part(&mut self, amount: Amount, filter: Option<Filter>, columns: &[ColumnKind]) -> Part {
        match (amount, filter) {
            (Amount::Rows, None) => Part::Rows,
            (Amount::Rows, Some(_)) => Part::Lane(self.lane(Addend::Row, filter, columns)),
            (Amount::Sum(column), _) => Part::Lane(self.lane(Addend::Money(column), filter, columns)),
        }
    }

    fn window(&mut self, window: usize) -> &mut WindowPlan {
        let found = self.windows.iter().position(|plan| plan.window == window);
        let at = found.unwrap_or_else(|| {
            self.windows.push(WindowPlan { window, ..WindowPlan::default() });
            self.windows.len() - 1
        });
        &mut self.windows[at]
    }

    /// The lane of an addend, of all rows or of those of a code.
    fn lane(&mut self, addend: Addend, filter: Option<Filter>, columns: &[ColumnKind]) -> usize {
        let next = self.n_lanes;
        let lane = match filter {
            None => {
                let known = self.totals.iter().find(|(other, _)| *other == addend).map(|(_, lane)| *lane);
                if known.is_none() {
                    self.totals.push((addend, next));
                }
                known.unwrap_or(next)
            }
            Some(Filter { column, code }) => {
                let found = self.scatters.iter().position(|s| s.column == column && s.addend == addend);
                let at = found.unwrap_or_else(|| {
                    let ColumnKind::Code { n_codes } = columns[column] else { unreachable!("checked to be codes") };
                    self.scatters.push(Scatter { column, addend, lane_of: vec![0; n_codes] });
                    self.scatters.len() - 1
                });
                // A code no row can have keeps its lane, which stays empty.
                match self.scatters[at].lane_of.get_mut(code as usize) {
                    Some(lane) if *lane > 0 => *lane as usize,
                    Some(lane) => {
                        *lane = next as u32;
                        next
                    }
                    None => next,
                }
            }
        };
        self.n_lanes = self.n_lanes.max(lane + 1);
        lane
    }
}

fn place<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|other| *other == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

/// The borders of all windows that are asked for, ascending, and where each window lies between them.
#[derive(Clone, Debug)]
pub(crate) struct Borders {
    pub(crate) at: Vec<i64>,
    /// Cutoffs × windows of the plan.
    pub(crate) stretches: Vec<Stretch>,
    /// Stretches whose different codes are counted, by ascending first border.
    pub(crate) counted: Vec<usize>,
}

/// Positions of borders: the window lies between `from` and `to`, the one before it between `before` and `from`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) before: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Borders {
    pub(crate) fn new(cutoffs: &Cutoffs, plan: &SegmentPlan) -> Self {
        let spans = (0..cutoffs.as_of().len())
            .flat_map(|cutoff| plan.windows.iter().map(move |window| (cutoffs.spans(cutoff)[window.window], window)));
        let mut at = Vec::new();
        for (span, window) in spans.clone() {
            at.extend([span.start, span.end]);
            if window.has_surge {
                at.push(earlier_start(span));
            }
        }
        at.sort_unstable();
        at.dedup();
        let border = |instant: i64| at.partition_point(|&other| other < instant);
        let stretch = |(span, window): (crate::Span, &WindowPlan)| Stretch {
            before: border(if window.has_surge { earlier_start(span) } else { span.start }),
            from: border(span.start),
            to: border(span.end),
        };
        let stretches: Vec<Stretch> = spans.map(stretch).collect();
        let n_windows = plan.windows.len().max(1);
        let mut counted: Vec<usize> =
            (0..stretches.len()).filter(|&i| plan.windows[i % n_windows].has_distinct).collect();
        counted.sort_by_key(|&i| stretches[i].from);
        Self { at, stretches, counted }
    }
}
