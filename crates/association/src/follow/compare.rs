//! One consequent against many antecedents: windows are visited once for the cells and once for the variance.

use osusume_model::Control;
use osusume_numeric::distributions::{beta_cdf, normal_cdf, two_sided_z};
use osusume_numeric::elementary::{exp, ln};

use super::days::{Days, NO_WINDOW};
use super::{Follow, FollowParams, Follows};
use crate::Error;
use crate::error::check_stop;

/// Customers between two looks at the control.
const STOP_STEP: usize = 1 << 14;
/// An item that is no antecedent at hand.
const NOT_HERE: u32 = u32::MAX;
/// Beyond so many effective counts the exact tail is the normal one.
const MOST_EXACT: f64 = 1e6;

/// What is compared, whatever the pair.
pub(super) struct Problem<'a> {
    days: &'a Days,
    params: &'a FollowParams<'a>,
    n_items: u32,
    z: f64,
}

/// Windows of a stratum.
#[derive(Clone, Copy, Default)]
struct Side {
    /// Those that end with B. Whole numbers, so sums do not depend on their order.
    added: f64,
    /// Days of all of them.
    days: f64,
}

/// One window.
struct Window {
    /// The day that starts it.
    at: usize,
    stratum: usize,
    days: f64,
    is_added: bool,
}

/// The windows in which B may be added.
struct Target<'a> {
    days: &'a Days,
    /// By customer, the first day on which B is added or becomes impossible, and whether it is added.
    ends: Vec<(Option<usize>, bool)>,
    within: i32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// It is B.
    Adds,
    /// Whoever has it cannot add B.
    Closes,
}

impl<'a> Target<'a> {
    /// `effect` is what each item does to B.
    fn new(days: &'a Days, effect: &[Effect], within: i32) -> Self {
        let ends = days.of_customer.windows(2).map(|bounds| end(days, effect, bounds[0]..bounds[1])).collect();
        Self { days, ends, within }
    }

    /// Calls `f` for every window of a customer, in the order of days.
    fn windows(&self, customer: usize, mut f: impl FnMut(&Window)) {
        let range = self.days.of_customer[customer]..self.days.of_customer[customer + 1];
        let (end, adds) = self.ends[customer];
        let last = end.map(|end| self.days.date[end]);
        for at in range.start..end.unwrap_or(range.end) {
            let stratum = self.days.stratum[at];
            if stratum == NO_WINDOW {
                continue;
            }
            let day = self.days.date[at];
            let known = (self.days.until[customer] - day).min(self.within);
            let lead = last.map(|last| last - day).filter(|lead| *lead <= known);
            let days = f64::from(lead.unwrap_or(known));
            f(&Window { at, stratum: stratum as usize, days, is_added: adds && lead.is_some() });
        }
    }
}

/// The first of a customer's days on which B is added or becomes impossible, and whether it is added.
fn end(days: &Days, effect: &[Effect], of_customer: std::ops::Range<usize>) -> (Option<usize>, bool) {
    let starts = &days.item_starts[of_customer.start..=of_customer.end];
    let bought = &days.items[starts[0]..starts[starts.len() - 1]];
    let Some(first) = bought.iter().position(|item| effect[*item as usize] != Effect::None) else {
        return (None, false);
    };
    let day = of_customer.start + starts.partition_point(|start| *start <= starts[0] + first) - 1;
    (Some(day), days.items_of(day).iter().any(|item| effect[*item as usize] == Effect::Adds))
}

/// What windows say of one consequent and a tile of antecedents.
struct Cells {
    /// By stratum, windows after whatever.
    all: Vec<Side>,
    /// By stratum and antecedent, those after it.
    after: Vec<Side>,
    /// By antecedent: customers with a window after it.
    n_customers: Vec<u64>,
    /// By antecedent: windows after it.
    n_windows: Vec<u64>,
    /// Customers who add B in a window.
    n_adding: u64,
}

impl<'a> Problem<'a> {
    pub(super) fn new(days: &'a Days, params: &'a FollowParams<'a>, n_items: u32) -> Self {
        Self { days, params, n_items, z: two_sided_z(params.level) }
    }

    /// Compares B with the antecedents of a tile.
    pub(super) fn compare(&self, consequent: u32, tile: &[u32], control: &dyn Control) -> Result<Follows, Error> {
        let target = self.target(consequent);
        let cells = self.cells(&target, tile, control)?;
        let sums = Sums::of(&cells, tile.len());
        let lanes = self.testable(consequent, tile, &cells, &sums);
        if lanes.is_empty() {
            return Ok(Follows::default());
        }
        let ratios: Vec<Ratio> = lanes.iter().map(|left| Ratio::new(&sums[*left])).collect();
        let mut spread = Spread::new(&cells, tile, &lanes, &ratios, self);
        spread.visit(&target, self.days, control)?;
        let found = lanes.iter().zip(&ratios).enumerate().filter(|(_, (_, ratio))| ratio.value.is_finite());
        let found = found.map(|(lane, (&left, ratio))| {
            let error = spread.variance[lane].sqrt() / ratio.after;
            let leads = spread.leads_of(lane);
            Follow {
                antecedent: tile[left],
                consequent,
                n_customers: cells.n_customers[left],
                n_added: leads.iter().map(|n| u64::from(*n)).sum(),
                n_windows: cells.n_windows[left],
                days: sums[left].days as u64,
                rate_ratio: ratio.value,
                lower: ratio.lower(self.z, error),
                upper: ratio.upper(self.z, error),
                p_value: ratio.p_value(error),
                lead_days: [0.25, 0.5, 0.75].map(|share| quantile(leads, share)),
            }
        });
        Ok(Follows { found: found.collect(), n_hypotheses: lanes.len() as u64 })
    }

    fn target(&self, consequent: u32) -> Target<'a> {
        let mut effect = vec![Effect::None; self.n_items as usize];
        for (effect, closed) in effect.iter_mut().zip(self.params.closes.unwrap_or_default()) {
            if closed.contains(&consequent) {
                *effect = Effect::Closes;
            }
        }
        effect[consequent as usize] = Effect::Adds;
        Target::new(self.days, &effect, self.params.within_days as i32)
    }

    fn cells(&self, target: &Target<'_>, tile: &[u32], control: &dyn Control) -> Result<Cells, Error> {
        let mut cells = Cells {
            all: vec![Side::default(); self.days.n_strata],
            after: vec![Side::default(); self.days.n_strata * tile.len()],
            n_customers: vec![0; tile.len()],
            n_windows: vec![0; tile.len()],
            n_adding: 0,
        };
        let place = self.places(tile.iter().copied());
        // One more than the last customer seen with each antecedent.
        let mut last = vec![0; tile.len()];
        for customer in 0..self.days.n_customers() {
            if customer % STOP_STEP == 0 {
                check_stop(control)?;
            }
            let mut is_adding = false;
            target.windows(customer, |window| {
                is_adding |= window.is_added;
                let added = f64::from(u8::from(window.is_added));
                add(&mut cells.all[window.stratum], added, window.days);
                let after = &mut cells.after[window.stratum * tile.len()..][..tile.len()];
                for item in self.days.items_of(window.at) {
                    let left = place[*item as usize];
                    if left == NOT_HERE {
                        continue;
                    }
                    let left = left as usize;
                    add(&mut after[left], added, window.days);
                    cells.n_windows[left] += 1;
                    cells.n_customers[left] +=
                        u64::from(std::mem::replace(&mut last[left], customer + 1) != customer + 1);
                }
            });
            cells.n_adding += u64::from(is_adding);
        }
        Ok(cells)
    }

    /// By item, its position among `items`.
    fn places(&self, items: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut place = vec![NOT_HERE; self.n_items as usize];
        for (at, item) in (0..).zip(items) {
            place[item as usize] = at;
        }
        place
    }

    /// Positions of the antecedents that can be told from chance, by their margins alone.
    fn testable(&self, consequent: u32, tile: &[u32], cells: &Cells, sums: &[Sums]) -> Vec<usize> {
        let added: f64 = cells.all.iter().map(|side| side.added).sum();
        if cells.n_adding < self.params.min_customers.max(1) {
            return Vec::new();
        }
        let is_testable = |left: &usize| {
            let expected = sums[*left].expected;
            // Windows share what is added; as many customers stand for them as for windows at large.
            tile[*left] != consequent
                && cells.n_customers[*left] >= self.params.min_customers
                && expected > 0.0
                && expected * cells.n_adding as f64 / added >= self.params.min_expected
        };
        (0..tile.len()).filter(is_testable).collect()
    }
}

/// Sums over strata of one antecedent; but for `days`, over those with windows on either side.
#[derive(Clone, Copy, Default)]
struct Sums {
    /// Days in the windows after A.
    days: f64,
    /// Windows after A that would end with B by chance.
    expected: f64,
    /// Σ D₁ T₀ / T and Σ D₀ T₁ / T.
    halves: [f64; 2],
    /// Windows that end with B after A and after others.
    added: [f64; 2],
}

impl Sums {
    fn of(cells: &Cells, width: usize) -> Vec<Self> {
        let mut sums = vec![Self::default(); width];
        for (all, row) in cells.all.iter().zip(cells.after.chunks_exact(width)) {
            for (sums, after) in sums.iter_mut().zip(row) {
                sums.add(all, after);
            }
        }
        sums
    }

    fn add(&mut self, all: &Side, after: &Side) {
        let days = all.days - after.days;
        self.days += after.days;
        if after.days > 0.0 && days > 0.0 {
            let others = all.added - after.added;
            self.expected += all.added * after.days / all.days;
            self.halves[0] += after.added * days / all.days;
            self.halves[1] += others * after.days / all.days;
            self.added = [self.added[0] + after.added, self.added[1] + others];
        }
    }
}

fn add(side: &mut Side, added: f64, days: f64) {
    side.added += added;
    side.days += days;
}

/// A ratio of rates and what its error needs.
struct Ratio {
    value: f64,
    /// Σ D₁ T₀ / T, the numerator.
    after: f64,
    /// Windows that end with B after A and after others, where both can be compared.
    added: [f64; 2],
}

impl Ratio {
    fn new(sums: &Sums) -> Self {
        let [after, other] = sums.halves;
        Self { value: if other > 0.0 { after / other } else { f64::NAN }, after, added: sums.added }
    }

    fn lower(&self, z: f64, error: f64) -> f64 {
        if self.value > 0.0 { self.value * exp(-z * error) } else { 0.0 }
    }

    fn upper(&self, z: f64, error: f64) -> f64 {
        if self.value > 0.0 { self.value * exp(z * error) } else { f64::INFINITY }
    }

    /// See [`Follow::p_value`]. Two Poisson counts in the proportion of those found, as large as makes the error of their ratio's logarithm
    /// the one found, are binomial given their sum; the logarithm alone would make too much of a few.
    fn p_value(&self, error: f64) -> f64 {
        // Without an error there is no evidence: everything hangs on one customer's windows.
        if self.value <= 0.0 || error.is_nan() || error <= 0.0 {
            return 1.0;
        }
        let normal = normal_cdf(-ln(self.value) / error);
        let scale = (1.0 / self.added[0] + 1.0 / self.added[1]) / (error * error);
        let counts = self.added.map(|added| added * scale);
        if counts[0] + counts[1] > MOST_EXACT {
            return normal;
        }
        let odds = self.added[0] / self.added[1] / self.value;
        normal.max(beta_cdf(odds / (1.0 + odds), counts[0], counts[1] + 1.0))
    }
}

/// Σ over customers of (Σ over their windows of what each adds to Σₛ (D₁ T₀ − R D₀ T₁)/T)², and the days from A to B.
struct Spread {
    n_lanes: usize,
    /// By stratum and lane: what a window after something else adds by its B, and by each of its days.
    by_added: Vec<f64>,
    by_day: Vec<f64>,
    /// How much more a window after A adds.
    more_by_added: Vec<f64>,
    more_by_day: Vec<f64>,
    /// Whether anybody adds B in the stratum; where nobody does it says nothing.
    is_telling: Vec<bool>,
    /// By item, its lane.
    lane: Vec<u32>,
    /// By lane.
    variance: Vec<f64>,
    /// By lane and day from 0: customers who added B so many days after their last A.
    leads: Vec<u32>,
    n_leads: usize,
}

impl Spread {
    fn new(cells: &Cells, tile: &[u32], lanes: &[usize], ratios: &[Ratio], problem: &Problem<'_>) -> Self {
        let (n_lanes, n_strata) = (lanes.len(), cells.all.len());
        let zeros = || vec![0.0; n_strata * n_lanes];
        let n_leads = problem.params.within_days as usize + 1;
        let mut spread = Self {
            n_lanes,
            by_added: zeros(),
            by_day: zeros(),
            more_by_added: zeros(),
            more_by_day: zeros(),
            is_telling: cells.all.iter().map(|all| all.added > 0.0).collect(),
            lane: problem.places(lanes.iter().map(|left| tile[*left])),
            variance: vec![0.0; n_lanes],
            leads: vec![0; n_lanes * n_leads],
            n_leads,
        };
        for (stratum, all) in cells.all.iter().enumerate().filter(|(_, all)| all.added > 0.0) {
            for (lane, (&left, ratio)) in lanes.iter().zip(ratios).enumerate().filter(|(_, (_, r))| r.value.is_finite())
            {
                spread.set(stratum * n_lanes + lane, all, &cells.after[stratum * tile.len() + left], ratio.value);
            }
        }
        spread
    }

    fn set(&mut self, at: usize, all: &Side, after: &Side, ratio: f64) {
        let (others, days) = (all.added - after.added, all.days - after.days);
        let whole = (after.added * days - ratio * others * after.days) / all.days;
        self.by_added[at] = -ratio * after.days / all.days;
        self.by_day[at] = (after.added - whole) / all.days;
        self.more_by_added[at] = days / all.days - self.by_added[at];
        self.more_by_day[at] = (-ratio * others - whole) / all.days - self.by_day[at];
    }

    fn visit(&mut self, target: &Target<'_>, days: &Days, control: &dyn Control) -> Result<(), Error> {
        let n = self.n_lanes;
        let (mut sums, mut last) = (vec![0.0; n], vec![0_usize; n]);
        let mut added: Vec<u32> = Vec::new();
        for customer in 0..days.n_customers() {
            if customer % STOP_STEP == 0 {
                check_stop(control)?;
            }
            let mut is_told = false;
            target.windows(customer, |window| {
                if !self.is_telling[window.stratum] {
                    return;
                }
                if !std::mem::replace(&mut is_told, true) {
                    sums.fill(0.0);
                }
                let row = window.stratum * n..(window.stratum + 1) * n;
                add_scaled(window.days, &self.by_day[row.clone()], &mut sums);
                if window.is_added {
                    add_scaled(1.0, &self.by_added[row.clone()], &mut sums);
                }
                for item in days.items_of(window.at) {
                    let lane = self.lane[*item as usize];
                    if lane == NOT_HERE {
                        continue;
                    }
                    let at = row.start + lane as usize;
                    sums[lane as usize] += window.days * self.more_by_day[at];
                    if window.is_added {
                        sums[lane as usize] += self.more_by_added[at];
                        last[lane as usize] = window.days as usize;
                        added.push(lane);
                    }
                }
            });
            if is_told {
                add_squares(&sums, &mut self.variance);
            }
            // The last window counts: its lead replaced those of the ones before.
            for lane in added.drain(..) {
                let lead = std::mem::take(&mut last[lane as usize]);
                if lead > 0 {
                    self.leads[lane as usize * self.n_leads + lead] += 1;
                }
            }
        }
        Ok(())
    }

    fn leads_of(&self, lane: usize) -> &[u32] {
        &self.leads[lane * self.n_leads..(lane + 1) * self.n_leads]
    }
}

osusume_numeric::dispatch! {
    /// sums = sums + a x
    fn add_scaled(a: f64, x: &[f64], sums: &mut [f64]) {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += a * x;
        }
    }

    /// sums = sums + x²
    fn add_squares(x: &[f64], sums: &mut [f64]) {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += x * x;
        }
    }
}

/// The least day by which `share` of those counted by day had come.
fn quantile(counts: &[u32], share: f64) -> f64 {
    let all: u64 = counts.iter().map(|n| u64::from(*n)).sum();
    if all == 0 {
        return f64::NAN;
    }
    let wanted = ((share * all as f64).ceil() as u64).max(1);
    let mut seen = 0;
    let day = counts.iter().position(|n| {
        seen += u64::from(*n);
        seen >= wanted
    });
    day.map_or(f64::NAN, |day| day as f64)
}
