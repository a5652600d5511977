//! The visible rows of one customer and one filter, as running quantities that can be cut back.

use crate::double::Double;
use crate::events::earlier_start;
use crate::levels::Levels;
use crate::plan::{GroupPlan, Needs, Quantity};
use crate::{EventColumn, EventValues, Events, Span};

/// Real values above this count as absent: their squares would leave the range of doubles and blur every later window.
const MAX_MAGNITUDE: f64 = 1e100;

/// In [`Distinct::next`]: the value does not come again.
const NEVER: u32 = u32::MAX;

/// The rows of a group in time order. Every list is only appended to, or cut at its end.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// When each row happened.
    pub(crate) at: Vec<i64>,
    /// Its position within the customer.
    rows: Vec<u32>,
    pub(crate) streams: Vec<Stream>,
    distincts: Vec<Distinct>,
    pub(crate) counters: Vec<Counter>,
    pub(crate) slots: Vec<Slot>,
}

/// Positions of a window's rows within the group: `from..to`, and `before..from` for the window before it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slot {
    pub(crate) before: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Running quantities of one value column; entry `i` covers the first `i` rows.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    needs: Needs,
    is_money: bool,
    count: Vec<u32>,
    /// Wrapping, so that every window whose own sum fits is exact.
    money: Vec<i64>,
    real: Vec<Double>,
    square: Vec<Double>,
    trend: Vec<TrendSums>,
    /// One a row, NaN where absent.
    value: Vec<f64>,
    /// One more than the position of the newest value.
    newest: Vec<u32>,
    low: Levels<false>,
    high: Levels<true>,
}

/// Sums over values x at times t (whole seconds since 1970, so that the sums of t stay exact).
#[derive(Clone, Copy, Debug, Default)]
struct TrendSums {
    t: Double,
    t_squared: Double,
    t_x: Double,
}

/// Links between rows of equal code, from which the number of different codes in a window follows:
/// a row counts when the row of the same code before it lies before the window.
#[derive(Debug, Default)]
struct Distinct {
    code: Vec<Option<u32>>,
    /// One more than the position of the previous row with the same code, 0 for none; `NEVER` where the row has no code.
    previous: Vec<u32>,
    next: Vec<u32>,
    /// By code: one more than the position of its newest row.
    newest: Vec<u32>,
}

/// The number of different codes in one window, kept up while the window moves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counter {
    from: usize,
    to: usize,
    pub(crate) n: u32,
}

impl Group {
    pub(crate) fn new(plan: &GroupPlan, is_money: impl Fn(usize) -> bool, n_codes: impl Fn(usize) -> usize) -> Self {
        Self {
            streams: plan.streams.iter().map(|s| Stream::new(s.needs, is_money(s.column))).collect(),
            distincts: plan.distincts.iter().map(|&c| Distinct::new(n_codes(c))).collect(),
            counters: vec![Counter::default(); plan.counters.len()],
            slots: vec![Slot::default(); plan.slots.len()],
            ..Self::default()
        }
    }

    #[inline]
    pub(crate) fn append(&mut self, plan: &GroupPlan, events: &Events<'_>, first_row: usize, row: usize) {
        let at = events.at[row];
        self.at.push(at);
        self.rows.push((row - first_row) as u32);
        for (stream, stream_plan) in self.streams.iter_mut().zip(&plan.streams) {
            stream.append(&events.columns[stream_plan.column], row, at);
        }
        for (distinct, &column) in self.distincts.iter_mut().zip(&plan.distincts) {
            distinct.append(events.columns[column].code(row));
        }
    }

    /// Forgets the rows at and after `row` (a position within the customer).
    pub(crate) fn cut(&mut self, plan: &GroupPlan, row: u32) {
        let len = self.rows.partition_point(|&r| r < row);
        if len == self.rows.len() {
            return;
        }
        for (counter, &(distinct, _)) in self.counters.iter_mut().zip(&plan.counters) {
            counter.cut(&self.distincts[distinct], len);
        }
        self.at.truncate(len);
        self.rows.truncate(len);
        for slot in &mut self.slots {
            *slot = Slot { before: slot.before.min(len), from: slot.from.min(len), to: slot.to.min(len) };
        }
        for stream in &mut self.streams {
            stream.truncate(len);
        }
        for distinct in &mut self.distincts {
            distinct.truncate(len);
        }
    }

    /// Moves every window of the group to the spans of the next as-of instant.
    pub(crate) fn advance(&mut self, plan: &GroupPlan, spans: &[Span]) {
        if self.at.is_empty() {
            return;
        }
        for (slot, slot_plan) in self.slots.iter_mut().zip(&plan.slots) {
            let span = spans[slot_plan.window];
            slot.to = advanced(&self.at, slot.to, span.end);
            slot.from = advanced(&self.at, slot.from, span.start);
            // Not a moving position: the window before a month to date also moves back.
            if !slot_plan.surges.is_empty() {
                let start = earlier_start(span);
                slot.before = self.at[..slot.from].partition_point(|&t| t < start);
            }
        }
        for (counter, &(distinct, slot)) in self.counters.iter_mut().zip(&plan.counters) {
            counter.advance(&self.distincts[distinct], self.slots[slot]);
        }
    }

    /// Back to a customer without rows.
    pub(crate) fn clear(&mut self) {
        if self.at.is_empty() {
            return;
        }
        self.at.clear();
        self.rows.clear();
        self.slots.fill(Slot::default());
        self.counters.fill(Counter::default());
        for stream in &mut self.streams {
            stream.truncate(0);
        }
        for distinct in &mut self.distincts {
            distinct.clear();
        }
    }

    /// Rows or sum over the positions `from..to`.
    #[inline]
    pub(crate) fn quantity(&self, quantity: Quantity, from: usize, to: usize) -> f64 {
        match quantity {
            Quantity::Rows => (to - from) as f64,
            Quantity::Sum(stream) => self.streams[stream].sum(from, to),
        }
    }
}

/// The first position at or after `from` whose time is not before `bound`; times before `from` are known to be.
#[inline]
fn advanced(at: &[i64], from: usize, bound: i64) -> usize {
    from + at[from..].iter().take_while(|&&t| t < bound).count()
}

impl Stream {
    fn new(needs: Needs, is_money: bool) -> Self {
        let mut stream = Self { needs, is_money, ..Self::default() };
        stream.count.push(0);
        stream.newest.push(0);
        stream.money.push(0);
        stream.real.push(Double::default());
        stream.square.push(Double::default());
        stream.trend.push(TrendSums::default());
        stream
    }

    #[inline]
    fn append(&mut self, column: &EventColumn<'_>, row: usize, at: i64) {
        let (x, exact) = present_value(column, row);
        let is_present = !x.is_nan();
        push_running(&mut self.count, |n| n + u32::from(is_present));
        let amount = Double::from_f64(if is_present { x } else { 0.0 });
        let needs = self.needs;
        if self.is_money {
            push_running(&mut self.money, |sum| sum.wrapping_add(exact));
        }
        if (needs.sum && !self.is_money) || needs.square || needs.trend {
            push_running(&mut self.real, |sum| sum.add(amount));
        }
        if needs.square {
            let amount = amount.to_f64();
            push_running(&mut self.square, |sum| sum.add(Double::product(amount, amount)));
        }
        if needs.trend {
            push_running(&mut self.trend, |sums| if is_present { sums.add(at, amount.to_f64()) } else { sums });
        }
        if needs.value {
            self.value.push(x);
            let position = self.value.len() as u32;
            push_running(&mut self.newest, |newest| if is_present { position } else { newest });
        }
        if needs.low {
            self.low.appended(&self.value);
        }
        if needs.high {
            self.high.appended(&self.value);
        }
    }

    fn truncate(&mut self, len: usize) {
        self.count.truncate(len + 1);
        self.money.truncate(len + 1);
        self.real.truncate(len + 1);
        self.square.truncate(len + 1);
        self.trend.truncate(len + 1);
        self.newest.truncate(len + 1);
        self.value.truncate(len);
        self.low.truncate(len);
        self.high.truncate(len);
    }

    #[inline]
    fn n(&self, from: usize, to: usize) -> u32 {
        self.count[to] - self.count[from]
    }

    #[inline]
    pub(crate) fn sum(&self, from: usize, to: usize) -> f64 {
        if self.is_money {
            self.money[to].wrapping_sub(self.money[from]) as f64
        } else {
            self.real[to].sub(self.real[from]).to_f64()
        }
    }

    #[inline]
    pub(crate) fn mean(&self, from: usize, to: usize) -> f64 {
        // Not 0 / 0: a NaN that the processor makes has another sign than the one that is written.
        match self.n(from, to) {
            0 => f64::NAN,
            n => self.sum(from, to) / f64::from(n),
        }
    }

    pub(crate) fn min(&self, from: usize, to: usize) -> f64 {
        self.low.extreme(&self.value, from, to)
    }

    pub(crate) fn max(&self, from: usize, to: usize) -> f64 {
        self.high.extreme(&self.value, from, to)
    }

    pub(crate) fn last(&self, from: usize, to: usize) -> f64 {
        let newest = self.newest[to] as usize;
        if newest > from { self.value[newest - 1] } else { f64::NAN }
    }

    pub(crate) fn first(&self, from: usize, to: usize) -> f64 {
        self.values(from, to).iter().copied().find(|x| !x.is_nan()).unwrap_or(f64::NAN)
    }

    /// One a row, NaN where absent; kept where a measure needs values.
    pub(crate) fn values(&self, from: usize, to: usize) -> &[f64] {
        &self.value[from..to]
    }

    /// sqrt((n Σx² − (Σx)²) / (n (n − 1))).
    pub(crate) fn std_dev(&self, from: usize, to: usize) -> f64 {
        let n = f64::from(self.n(from, to));
        if n < 2.0 {
            return f64::NAN;
        }
        let sum = self.real[to].sub(self.real[from]);
        let squares = self.square[to].sub(self.square[from]).mul(Double::from_f64(n));
        let numerator = squares.sub(sum.mul(sum)).to_f64();
        // What lies below the rounding of the pairs is the zero of equal values.
        let floor = squares.to_f64() * f64::EPSILON * f64::EPSILON * n;
        if numerator <= floor { 0.0 } else { (numerator / (n * (n - 1.0))).sqrt() }
    }

    /// (n Σtx − Σt Σx) / (n Σt² − (Σt)²), with t in seconds, times the seconds of a day.
    pub(crate) fn trend(&self, from: usize, to: usize) -> f64 {
        let n = Double::from_f64(f64::from(self.n(from, to)));
        let x = self.real[to].sub(self.real[from]);
        let (new, old) = (self.trend[to], self.trend[from]);
        let (t, t_squared, t_x) = (new.t.sub(old.t), new.t_squared.sub(old.t_squared), new.t_x.sub(old.t_x));
        let denominator = n.mul(t_squared).sub(t.mul(t)).to_f64();
        if denominator <= 0.0 {
            return f64::NAN;
        }
        n.mul(t_x).sub(t.mul(x)).to_f64() / denominator * 86_400.0
    }
}

impl TrendSums {
    fn add(self, at: i64, x: f64) -> Self {
        let t = at.div_euclid(1_000_000) as f64;
        Self {
            t: self.t.add(Double::from_f64(t)),
            t_squared: self.t_squared.add(Double::product(t, t)),
            t_x: self.t_x.add(Double::product(t, x)),
        }
    }
}

#[inline]
fn push_running<T: Copy>(running: &mut Vec<T>, step: impl FnOnce(T) -> T) {
    let last = running[running.len() - 1];
    running.push(step(last));
}

/// The value as a double, NaN when absent, and the exact integer of money (0 when absent).
#[inline]
pub(crate) fn present_value(column: &EventColumn<'_>, row: usize) -> (f64, i64) {
    if !column.is_valid(row) {
        return (f64::NAN, 0);
    }
    match column.values {
        EventValues::Money(values) => (values[row] as f64, values[row]),
        // Adding 0.0 turns −0.0 into 0.0, whose order under min and max the hardware may choose.
        EventValues::Real(values) if values[row].abs() <= MAX_MAGNITUDE => (values[row] + 0.0, 0),
        EventValues::Real(_) | EventValues::Code(_) => (f64::NAN, 0),
    }
}

impl Distinct {
    fn new(n_codes: usize) -> Self {
        Self { newest: vec![0; n_codes], ..Self::default() }
    }

    fn append(&mut self, code: Option<u32>) {
        let position = self.code.len() as u32;
        self.code.push(code);
        let Some(code) = code else {
            // Neither entering nor leaving a window changes its count.
            self.previous.push(NEVER);
            self.next.push(0);
            return;
        };
        let previous = std::mem::replace(&mut self.newest[code as usize], position + 1);
        self.previous.push(previous);
        self.next.push(NEVER);
        if previous > 0 {
            self.next[previous as usize - 1] = position;
        }
    }

    fn truncate(&mut self, len: usize) {
        while self.code.len() > len {
            let (code, previous) = (self.code.pop().flatten(), self.previous.pop().unwrap_or(NEVER));
            self.next.pop();
            if let Some(code) = code {
                self.newest[code as usize] = previous;
                if previous > 0 {
                    self.next[previous as usize - 1] = NEVER;
                }
            }
        }
    }

    fn clear(&mut self) {
        for code in self.code.iter().flatten() {
            self.newest[*code as usize] = 0;
        }
        self.code.clear();
        self.previous.clear();
        self.next.clear();
    }

    /// How many of the rows `from..to` are the first of their code at or after `window_from`.
    #[inline]
    fn n_first(&self, from: usize, to: usize, window_from: usize) -> u32 {
        self.previous[from..to].iter().map(|&p| u32::from(p as usize <= window_from)).sum()
    }

    /// How many of the rows `from..to` are the last of their code before `window_to`.
    #[inline]
    fn n_last(&self, from: usize, to: usize, window_to: usize) -> u32 {
        self.next[from..to].iter().map(|&next| u32::from(next as usize >= window_to)).sum()
    }
}

impl Counter {
    fn advance(&mut self, distinct: &Distinct, slot: Slot) {
        if slot.from >= self.to {
            // Nothing of the old window is left.
            *self = Self { from: slot.from, to: slot.from, n: 0 };
        }
        self.n += distinct.n_first(self.to, slot.to, self.from);
        self.n -= distinct.n_last(self.from, slot.from, slot.to);
        (self.from, self.to) = (slot.from, slot.to);
    }

    /// Before the group is cut to `len` rows.
    fn cut(&mut self, distinct: &Distinct, len: usize) {
        if len < self.to {
            let kept = len.max(self.from);
            self.n -= distinct.n_first(kept, self.to, self.from);
        }
        (self.from, self.to) = (self.from.min(len), self.to.min(len));
    }
}
