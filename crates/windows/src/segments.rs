//! The scan of a customer's rows between the borders of all windows.
//!
//! All windows of all as-of instants together have a few dozen borders. A row is added once, to the segment between two of them that it
//! lies in; every window is a stretch of segments. What a row costs depends neither on the length of windows nor on the number of instants.
//! For rows that were known when they happened, or before the next as-of instant: the window then holds them for every instant that has
//! the window.

use crate::aggregate::{Cell, days, ratio};
use crate::group::present_value;
use crate::segment_plan::{Addend, Borders, Extreme, Op, Part, Scatter, SegmentPlan, Stretch};
use crate::{EventColumn, EventValues, Events};

/// The working memory of one thread.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// By border: rows of the customer that happened before it, and the number of the customer's first row.
    rows_before: Vec<usize>,
    /// Borders × lanes: sums over the rows before each border that some window can hold.
    sums: Vec<i64>,
    /// By column asked for.
    extremes: Vec<Ranges>,
    newest: Vec<Newest>,
    /// By column asked for and stretch.
    distinct: Vec<Vec<u32>>,
    /// By column asked for and border: one more than the row of the newest value before it.
    lasts: Vec<Vec<usize>>,
    /// Segments × segments: rows of the second segment whose code was last seen in the first.
    pairs: Vec<u32>,
    running: Vec<u32>,
}

/// The extremes of all runs of 1, 2, 4, … segments (Bender and Farach-Colton, 2000): any stretch is the union of two of them.
#[derive(Debug, Default)]
struct Ranges {
    levels: Vec<Vec<f64>>,
}

/// By code: where it was last seen. Entries up to `base` are of earlier customers.
#[derive(Debug, Default)]
struct Newest {
    seen: Vec<u32>,
    base: u32,
    /// Above every number that was used.
    next: u32,
}

impl Segments {
    pub(crate) fn new(plan: &SegmentPlan, n_codes: impl Fn(usize) -> usize) -> Self {
        let newest = |&column: &usize| Newest { seen: vec![0; n_codes(column)], base: 0, next: 0 };
        Self {
            extremes: plan.extremes.iter().map(|_| Ranges::default()).collect(),
            newest: plan.distincts.iter().map(newest).collect(),
            distinct: plan.distincts.iter().map(|_| Vec::new()).collect(),
            lasts: plan.lasts.iter().map(|_| Vec::new()).collect(),
            ..Self::default()
        }
    }

    /// Writes the cells of the plan for a customer with the rows `first..end`, none of which arrived late.
    pub(crate) fn customer<C: Cell>(
        &mut self,
        events: &Events<'_>,
        (first, end): (usize, usize),
        as_of: &[i64],
        (plan, borders): (&SegmentPlan, &Borders),
        out: &mut [C],
    ) {
        self.find_borders(&events.at[first..end], first, &borders.at);
        self.add_up(events, plan);
        for (ranges, extreme) in self.extremes.iter_mut().zip(&plan.extremes) {
            ranges.gather(&events.columns[extreme.column], *extreme, &self.rows_before);
        }
        for (newest, &column) in self.lasts.iter_mut().zip(&plan.lasts) {
            gather_lasts(newest, &events.columns[column], &self.rows_before);
        }
        for (i, &column) in plan.distincts.iter().enumerate() {
            self.count_distinct(i, &events.columns[column], borders);
        }
        let n_windows = plan.windows.len();
        let n_outputs = out.len() / as_of.len();
        for ((cutoff, &as_of), out) in as_of.iter().enumerate().zip(out.chunks_exact_mut(n_outputs)) {
            for (w, window) in plan.windows.iter().enumerate() {
                let at = cutoff * n_windows + w;
                let stretch = borders.stretches[at];
                let (from, to) = (stretch.from * plan.n_lanes, stretch.to * plan.n_lanes);
                let (old, new) = (&self.sums[from..from + plan.n_lanes], &self.sums[to..to + plan.n_lanes]);
                for &(output, lane) in &window.lanes {
                    out[output] = C::from_f64(new[lane].wrapping_sub(old[lane]) as f64);
                }
                let look = Look { segments: self, events, n_lanes: plan.n_lanes, at, stretch, as_of };
                look.write(plan, &window.cells, out);
            }
        }
    }

    /// Fills `rows_before`; `at` is ascending.
    fn find_borders(&mut self, at: &[i64], first: usize, borders: &[i64]) {
        self.rows_before.clear();
        let mut row = 0;
        for &border in borders {
            row += at[row..].partition_point(|&t| t < border);
            self.rows_before.push(first + row);
        }
    }

    fn add_up(&mut self, events: &Events<'_>, plan: &SegmentPlan) {
        let n_lanes = plan.n_lanes;
        self.sums.clear();
        self.sums.resize(n_lanes * self.rows_before.len(), 0);
        for &(addend, lane) in &plan.totals {
            for (segment, rows) in self.rows_before.windows(2).enumerate() {
                self.sums[(segment + 1) * n_lanes + lane] = total(addend, events, rows[0], rows[1]);
            }
        }
        for scatter in &plan.scatters {
            let sums = self.sums.get_mut(n_lanes..).unwrap_or(&mut []);
            for (sums, rows) in sums.chunks_exact_mut(n_lanes).zip(self.rows_before.windows(2)) {
                scatter.add(events, rows[0], rows[1], sums);
            }
        }
        for at in n_lanes..self.sums.len() {
            self.sums[at] = self.sums[at].wrapping_add(self.sums[at - n_lanes]);
        }
    }

    /// Counts the different codes of every stretch: the rows whose code was last seen before the stretch, or never.
    fn count_distinct(&mut self, which: usize, column: &EventColumn<'_>, borders: &Borders) {
        let n_segments = self.rows_before.len().saturating_sub(1);
        let EventValues::Code(codes) = column.values else { return };
        self.pairs.clear();
        self.pairs.resize((n_segments + 1) * n_segments, 0);
        let newest = &mut self.newest[which];
        newest.next_customer(n_segments as u32 + 1);
        for (segment, rows) in self.rows_before.windows(2).enumerate() {
            for (row, &code) in (rows[0]..).zip(&codes[rows[0]..rows[1]]) {
                if column.is_valid(row) {
                    let before = newest.see(code, segment as u32);
                    self.pairs[before as usize * n_segments + segment] += 1;
                }
            }
        }
        // Added up from the first segment on, the pairs say for each segment how many of its rows are the first of their code since `from`.
        self.running.clear();
        self.running.resize(n_segments, 0);
        let counts = &mut self.distinct[which];
        counts.clear();
        counts.resize(borders.stretches.len(), 0);
        let mut next = 0;
        for &at in &borders.counted {
            let Stretch { from, to, .. } = borders.stretches[at];
            while next <= from && next <= n_segments {
                let pairs = &self.pairs[next * n_segments..][..n_segments];
                self.running.iter_mut().zip(pairs).for_each(|(all, more)| *all += more);
                next += 1;
            }
            counts[at] = self.running[from..to].iter().sum();
        }
    }
}

fn total(addend: Addend, events: &Events<'_>, from: usize, to: usize) -> i64 {
    let (column, is_sum) = match addend {
        Addend::Row => return (to - from) as i64,
        Addend::Money(column) => (&events.columns[column], true),
        Addend::Present(column) => (&events.columns[column], false),
    };
    let EventValues::Money(values) = column.values else { return 0 };
    let values = &values[from..to];
    match (column.valid, is_sum) {
        (None, true) => values.iter().fold(0, |sum, &x| sum.wrapping_add(x)),
        (None, false) => values.len() as i64,
        (Some(valid), true) => {
            let present = values.iter().zip(&valid[from..to]).filter(|(_, valid)| **valid);
            present.fold(0, |sum, (&x, _)| sum.wrapping_add(x))
        }
        (Some(valid), false) => valid[from..to].iter().filter(|valid| **valid).count() as i64,
    }
}

impl Scatter {
    /// Adds the rows `from..to` to the lanes of a segment.
    fn add(&self, events: &Events<'_>, from: usize, to: usize, sums: &mut [i64]) {
        let column = &events.columns[self.column];
        let EventValues::Code(codes) = column.values else { return };
        let lane = |row: usize| self.lane_of[codes[row] as usize] as usize;
        if let (None, Addend::Money(money)) = (column.valid, self.addend)
            && let EventColumn { values: EventValues::Money(values), valid: None } = events.columns[money]
        {
            for (code, value) in codes[from..to].iter().zip(&values[from..to]) {
                let sum = &mut sums[self.lane_of[*code as usize] as usize];
                *sum = sum.wrapping_add(*value);
            }
            return;
        }
        for row in (from..to).filter(|&row| column.is_valid(row)) {
            let addend = match self.addend {
                Addend::Row => 1,
                Addend::Money(money) => present_value(&events.columns[money], row).1,
                Addend::Present(money) => i64::from(events.columns[money].is_valid(row)),
            };
            let sum = &mut sums[lane(row)];
            *sum = sum.wrapping_add(addend);
        }
    }
}

impl Newest {
    /// Starts a customer, for whom the `n` numbers behind the base are used.
    fn next_customer(&mut self, n: u32) {
        if let Some(next) = self.next.checked_add(n) {
            (self.base, self.next) = (self.next, next);
        } else {
            self.seen.fill(0);
            (self.base, self.next) = (0, n);
        }
    }

    /// One more than the segment in which the code was last seen, 0 for none, and sees it in `segment`.
    #[inline]
    fn see(&mut self, code: u32, segment: u32) -> u32 {
        std::mem::replace(&mut self.seen[code as usize], self.base + segment + 1).saturating_sub(self.base)
    }
}

impl Ranges {
    fn gather(&mut self, column: &EventColumn<'_>, extreme: Extreme, rows_before: &[usize]) {
        if self.levels.is_empty() {
            self.levels.push(Vec::new());
        }
        let of_rows = |rows: &[usize]| extreme.of_rows(column, rows[0], rows[1]);
        self.levels[0].clear();
        self.levels[0].extend(rows_before.windows(2).map(of_rows));
        let (mut level, mut step) = (0, 1);
        while 2 * step <= self.levels[0].len() {
            if level + 1 == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let (below, above) = self.levels.split_at_mut(level + 1);
            let (below, above) = (&below[level], &mut above[0]);
            above.clear();
            above.extend(below.iter().zip(&below[step..]).map(|(&a, &b)| extreme.of(a, b)));
            (level, step) = (level + 1, 2 * step);
        }
    }

    /// Of the segments `from..to`; NaN where they have no value.
    fn of(&self, extreme: Extreme, from: usize, to: usize) -> f64 {
        let Some(level) = (to - from).checked_ilog2() else { return f64::NAN };
        let values = &self.levels[level as usize];
        extreme.of(values[from], values[to - (1 << level)])
    }
}

impl Extreme {
    /// `f64::min` and `f64::max` return the other argument when one is NaN.
    #[inline]
    fn of(self, a: f64, b: f64) -> f64 {
        if self.is_high { a.max(b) } else { a.min(b) }
    }

    fn of_rows(self, column: &EventColumn<'_>, from: usize, to: usize) -> f64 {
        if let EventColumn { values: EventValues::Money(values), valid: None } = column {
            let values = values[from..to].iter().copied();
            let found = if self.is_high { values.max() } else { values.min() };
            return found.map_or(f64::NAN, |found| found as f64);
        }
        (from..to).fold(f64::NAN, |best, row| self.of(best, present_value(column, row).0))
    }
}

/// By border: one more than the row of the newest value before it, 0 where none is.
fn gather_lasts(newest: &mut Vec<usize>, column: &EventColumn<'_>, rows_before: &[usize]) {
    newest.clear();
    newest.extend(rows_before.first().map(|_| 0));
    let mut before = 0;
    for rows in rows_before.windows(2) {
        let found = (rows[0]..rows[1]).rev().find(|&row| !present_value(column, row).0.is_nan());
        before = found.map_or(before, |row| row + 1);
        newest.push(before);
    }
}

/// One window of a customer.
struct Look<'a> {
    segments: &'a Segments,
    events: &'a Events<'a>,
    n_lanes: usize,
    /// Its position among all stretches.
    at: usize,
    stretch: Stretch,
    as_of: i64,
}

impl Look<'_> {
    /// Writes cells; those without a value keep that of nothing.
    fn write<C: Cell>(&self, plan: &SegmentPlan, cells: &[(usize, Op)], out: &mut [C]) {
        let Stretch { from, to, before } = self.stretch;
        let (first, end) = (self.segments.rows_before[from], self.segments.rows_before[to]);
        for &(output, op) in cells {
            let value = match op {
                Op::Surge(part) => ratio(self.part(part, from, to), self.part(part, before, from)),
                _ if first == end => continue,
                _ => self.value(plan, op, (first, end)),
            };
            out[output] = C::from_f64(value);
        }
    }

    /// One cell over the rows `first..end`; there is at least one.
    #[inline]
    fn value(&self, plan: &SegmentPlan, op: Op, (first, end): (usize, usize)) -> f64 {
        let Stretch { from, to, .. } = self.stretch;
        let at = |row: usize| self.events.at[row];
        match op {
            Op::Count => (end - first) as f64,
            Op::Mean(sum, n) => ratio(self.lane(sum, from, to), self.part(n, from, to)),
            Op::Extreme(i) => self.segments.extremes[i].of(plan.extremes[i], from, to),
            Op::Distinct(i) => f64::from(self.segments.distinct[i][self.at]),
            Op::Recency => days(at(end - 1), self.as_of),
            Op::WholeDays => days(at(end - 1), self.as_of).floor(),
            Op::First => days(at(first), self.as_of),
            Op::Last(i) => match self.segments.lasts[i][to] {
                newest if newest > first => present_value(&self.events.columns[plan.lasts[i]], newest - 1).0,
                _ => f64::NAN,
            },
            Op::MeanGap if end - first < 2 => f64::NAN,
            Op::MeanGap => days(at(first), at(end - 1)) / (end - first - 1) as f64,
            Op::Share(part, all) => ratio(self.part(part, from, to), self.part(all, from, to)),
            Op::Surge(_) => f64::NAN,
        }
    }

    fn lane(&self, lane: usize, from: usize, to: usize) -> f64 {
        let sums = &self.segments.sums;
        sums[to * self.n_lanes + lane].wrapping_sub(sums[from * self.n_lanes + lane]) as f64
    }

    fn part(&self, part: Part, from: usize, to: usize) -> f64 {
        match part {
            Part::Rows => (self.segments.rows_before[to] - self.segments.rows_before[from]) as f64,
            Part::Lane(lane) => self.lane(lane, from, to),
        }
    }
}
