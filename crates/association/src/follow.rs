//! "Buys A, adds B within N days": a rate, compared with the rate after any other purchase.
//!
//! Whoever has just bought anything is active, so a rate among buyers of A against the rate of everybody finds that A leads to everything.
//! Here the unit is a purchase: each starts a window of N days in which its customer, who does not own B yet, may add B. The window ends
//! early with the first B and with the end of what is known of the customer. Windows after A are compared with windows after purchases
//! of anything but A and B in the same band of tenure and the same calendar month; were A nothing but a mark that some purchases carry by
//! chance, both would have the same rate, whatever the customers' activity.
//!
//! The ratio is Mantel and Haenszel's for rates, R = Σₛ D₁ₛ T₀ₛ/Tₛ ∕ Σₛ D₀ₛ T₁ₛ/Tₛ with D added, T days, 1 after A, 0 after others
//! (Rothman and Boice 1979). Windows of one customer overlap and share their B, so the variance is that of the customers' sums in the
//! estimating equation, not the one for independent counts.

use osusume_model::{Control, Date};
use osusume_numeric::distributions::normal_quantile;
use osusume_numeric::elementary::exp;
use rayon::prelude::*;

use crate::Error;
use crate::error::check_stop;

/// Customers with what they bought, each by day.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// `n + 1` positions: customer c bought `items[offsets[c]..offsets[c + 1]]`.
    pub offsets: &'a [usize],
    /// Items below `n_items`.
    pub items: &'a [u32],
    /// Day of each purchase, ascending within a customer.
    pub days: &'a [Date],
    /// The day each customer's tenure began.
    pub since: &'a [Date],
    /// The first day of which nothing is known of each customer.
    pub until: &'a [Date],
    /// How many items there are.
    pub n_items: u32,
}

/// How windows are compared.
#[derive(Clone, Copy, Debug)]
pub struct FollowParams<'a> {
    /// Length of a window in days, at least 1.
    pub within_days: u32,
    /// Borders between bands of tenure in days, ascending.
    pub tenure_borders: &'a [u32],
    /// Level of the two-sided interval, in (0, 1).
    pub level: f64,
}

/// What follows A.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Follow {
    /// Purchases of A by customers without B.
    pub n_exposed: u64,
    /// Those followed by a first B within the window.
    pub n_added: u64,
    /// Days in the windows after A.
    pub exposed_days: u64,
    /// Rate after A over the rate after other purchases. NaN when a side has nothing to compare.
    pub rate_ratio: f64,
    /// Lower end of its interval.
    pub lower: f64,
    /// Upper end of its interval.
    pub upper: f64,
    /// Days from A to B, at the first quartile, the median and the third: the least day by which that share of those who added had.
    /// NaN without any.
    pub lead_days: [f64; 3],
}

/// Compares, for every pair (A, B), the rate of first purchases of B after A with the rate after other purchases.
///
/// A purchase on the day of the first B, or later, starts no window. O(purchases) a pair.
///
/// # Errors
/// [`Error::Length`], [`Error::Offsets`], [`Error::Item`] for an item or a pair outside `n_items`, [`Error::Parameter`], [`Error::Stopped`].
pub fn follow(
    history: &History<'_>,
    pairs: &[(u32, u32)],
    params: &FollowParams<'_>,
    control: &dyn Control,
) -> Result<Vec<Follow>, Error> {
    check(history, pairs, params)?;
    let first = first_month(history);
    let z = normal_quantile(0.5 + 0.5 * params.level);
    pairs
        .par_iter()
        .map(|(a, b)| {
            check_stop(control)?;
            Ok(Comparison { history, params, first_month: first, a: *a, b: *b }.run(z))
        })
        .collect()
}

fn check(history: &History<'_>, pairs: &[(u32, u32)], params: &FollowParams<'_>) -> Result<(), Error> {
    let Some(n) = history.offsets.len().checked_sub(1) else {
        return Err(Error::Length { what: "offsets", got: 0, expected: 1 });
    };
    let n_rows = history.items.len();
    let lengths =
        [("days", history.days.len(), n_rows), ("since", history.since.len(), n), ("until", history.until.len(), n)];
    for (what, got, expected) in lengths {
        if got != expected {
            return Err(Error::Length { what, got, expected });
        }
    }
    let ends_well = history.offsets[0] == 0 && history.offsets[n] == n_rows;
    let descent = history.offsets.windows(2).position(|w| w[1] < w[0]);
    if let Some(basket) = descent.or((!ends_well).then_some(0)) {
        return Err(Error::Offsets { basket });
    }
    let unsorted = |c: &usize| !history.days[history.offsets[*c]..history.offsets[*c + 1]].is_sorted();
    if let Some(basket) = (0..n).find(unsorted) {
        return Err(Error::Unsorted { what: "days", customer: basket });
    }
    let of_pairs = pairs.iter().flat_map(|(a, b)| [a, b]);
    if let Some(item) = history.items.iter().chain(of_pairs).find(|item| **item >= history.n_items) {
        return Err(Error::Item { basket: 0, item: *item, n_items: history.n_items });
    }
    if params.within_days == 0 {
        return Err(Error::Parameter { name: "within_days", allowed: "at least 1", got: 0.0 });
    }
    if !(params.level > 0.0 && params.level < 1.0) {
        return Err(Error::Parameter { name: "level", allowed: "above 0 and below 1", got: params.level });
    }
    Ok(())
}

fn month_of(day: Date) -> i32 {
    let (year, month, _) = day.ymd();
    year * 12 + month as i32 - 1
}

fn first_month(history: &History<'_>) -> i32 {
    history.days.iter().min().map_or(0, |day| month_of(*day))
}

/// Windows of one stratum: added and days, after A and after others.
#[derive(Clone, Copy, Default)]
struct Cell {
    added: [f64; 2],
    days: [f64; 2],
}

impl Cell {
    fn all_days(&self) -> f64 {
        self.days[0] + self.days[1]
    }
}

/// One window.
struct Window {
    stratum: usize,
    /// 1 after A, 0 after others.
    side: usize,
    /// Days until it ended.
    days: f64,
    is_added: bool,
}

struct Comparison<'a> {
    history: &'a History<'a>,
    params: &'a FollowParams<'a>,
    first_month: i32,
    a: u32,
    b: u32,
}

impl Comparison<'_> {
    fn run(&self, z: f64) -> Follow {
        let mut cells: Vec<Cell> = Vec::new();
        let mut leads: Vec<f64> = Vec::new();
        let mut n_exposed = 0;
        for customer in 0..self.history.since.len() {
            self.windows(customer, |window| {
                if cells.len() <= window.stratum {
                    cells.resize(window.stratum + 1, Cell::default());
                }
                let cell = &mut cells[window.stratum];
                cell.days[window.side] += window.days;
                cell.added[window.side] += f64::from(u8::from(window.is_added));
                if window.side == 1 {
                    n_exposed += 1;
                    leads.extend(window.is_added.then_some(window.days));
                }
            });
        }
        // Products of an added one on a side and the days of the other, the two halves of R.
        let half = |side: usize| -> f64 {
            let filled = cells.iter().filter(|cell| cell.all_days() > 0.0);
            filled.map(|cell| cell.added[side] * cell.days[1 - side] / cell.all_days()).sum()
        };
        let (upper_half, lower_half) = (half(1), half(0));
        let rate_ratio = if lower_half > 0.0 { upper_half / lower_half } else { f64::NAN };
        let error = self.variance(&cells, rate_ratio).sqrt() / upper_half;
        let exposed_days: f64 = cells.iter().map(|cell| cell.days[1]).sum();
        leads.sort_unstable_by(f64::total_cmp);
        Follow {
            n_exposed,
            n_added: leads.len() as u64,
            exposed_days: exposed_days as u64,
            rate_ratio,
            lower: rate_ratio * exp(-z * error),
            upper: rate_ratio * exp(z * error),
            lead_days: [0.25, 0.5, 0.75].map(|share| quantile(&leads, share)),
        }
    }

    /// Σ over customers of (Σ over their windows of what each adds to Σₛ (D₁ T₀ − R D₀ T₁)/T)².
    fn variance(&self, cells: &[Cell], ratio: f64) -> f64 {
        let mut variance = 0.0;
        for customer in 0..self.history.since.len() {
            let mut sum = 0.0;
            self.windows(customer, |window| {
                let cell = &cells[window.stratum];
                let (total, added) = (cell.all_days(), f64::from(u8::from(window.is_added)));
                let other = 1 - window.side;
                let own = added * cell.days[other] * if window.side == 1 { 1.0 } else { -ratio };
                let days = window.days * cell.added[other] * if window.side == 1 { -ratio } else { 1.0 };
                let whole = (cell.added[1] * cell.days[0] - ratio * cell.added[0] * cell.days[1]) / total;
                sum += (own + days - window.days * whole) / total;
            });
            variance += sum * sum;
        }
        variance
    }

    fn windows(&self, customer: usize, mut f: impl FnMut(&Window)) {
        let range = self.history.offsets[customer]..self.history.offsets[customer + 1];
        let (items, days) = (&self.history.items[range.clone()], &self.history.days[range]);
        let first_b = items.iter().position(|item| *item == self.b).map(|at| days[at]);
        let (since, until) = (self.history.since[customer], self.history.until[customer]);
        for (item, day) in items.iter().zip(days) {
            if first_b.is_some_and(|first| *day >= first) {
                break;
            }
            let known = (until - *day).min(self.params.within_days as i32);
            if known <= 0 {
                break;
            }
            let lead = first_b.map(|first| first - *day).filter(|lead| *lead <= known);
            f(&Window {
                stratum: self.stratum(*day - since, *day),
                side: usize::from(*item == self.a),
                days: f64::from(lead.unwrap_or(known)),
                is_added: lead.is_some(),
            });
        }
    }

    fn stratum(&self, tenure: i32, day: Date) -> usize {
        let borders = self.params.tenure_borders;
        let band = borders.partition_point(|border| i64::from(*border) <= i64::from(tenure));
        (month_of(day) - self.first_month) as usize * (borders.len() + 1) + band
    }
}

/// The least value by which `share` of them is reached.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(at.max(1) - 1).copied().unwrap_or(f64::NAN)
}
