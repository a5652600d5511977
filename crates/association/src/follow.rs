//! "Buys A, adds B within N days": a rate, compared with the rate after any other purchase.
//!
//! Whoever has just bought anything is active, so a rate among buyers of A against the rate of everybody finds that A leads to everything.
//! Here the unit is a day with purchases: each starts a window of N days in which its customer, who does not own B yet, may add B. The
//! window ends early with the first B, with what makes B impossible, and with the end of what is known of the customer. Windows after days
//! with A are compared with windows after days without it, in the same band of tenure, in the same calendar month, and with as many items
//! bought: large purchases hold everything, and those who make them come back sooner. Were A nothing but a mark that some items carry by
//! chance, both would have the same rate, whatever the customers' activity.
//!
//! The ratio is Mantel and Haenszel's for rates, R = Σₛ D₁ₛ T₀ₛ/Tₛ ∕ Σₛ D₀ₛ T₁ₛ/Tₛ with D windows that end with B, T days, 1 after A, 0
//! after others (Rothman and Boice 1979). Windows of one customer overlap and share their B, so the variance is that of the customers'
//! sums in the estimating equation, not the one for independent counts.

mod compare;
mod days;

use osusume_model::{Control, Date};
use rayon::prelude::*;

use self::compare::Problem;
use self::days::Days;
use crate::error::check_stop;
use crate::{Error, ItemRole};

/// Antecedents compared together; their cells and coefficients stay within some megabytes.
const TILE: usize = 512;

/// Customers with what they bought, each by day.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// `n + 1` positions: customer c bought `items[offsets[c]..offsets[c + 1]]`.
    pub offsets: &'a [usize],
    /// Items below `n_items`; one that occurs twice on a day counts once.
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

/// How windows are compared, and which pairs.
#[derive(Clone, Copy, Debug)]
pub struct FollowParams<'a> {
    /// Length of a window in days, from 1 to 3,660.
    pub within_days: u32,
    /// First day on which a window may start; what was bought before still counts as owned.
    pub from: Date,
    /// Borders between bands of tenure in days, ascending.
    pub tenure_borders: &'a [u32],
    /// Level of the two-sided interval, in (0, 1).
    pub level: f64,
    /// Where each item may stand; absent: [`ItemRole::Both`].
    pub roles: Option<&'a [ItemRole]>,
    /// For each item, what can no longer be added once it was bought: lower steps of its ladder. Absent: nothing but the item itself.
    pub closes: Option<&'a [Vec<u32>]>,
    /// Fewest customers with a window after A, and fewest who add B in any window.
    pub min_customers: u64,
    /// Fewest customers expected to add B after A by chance.
    pub min_expected: f64,
}

/// What follows A.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Follow {
    /// A.
    pub antecedent: u32,
    /// B.
    pub consequent: u32,
    /// Customers who bought A without owning B.
    pub n_customers: u64,
    /// Those of them who added B within a window.
    pub n_added: u64,
    /// Days on which A was bought by customers without B.
    pub n_windows: u64,
    /// Days in the windows after them.
    pub days: u64,
    /// Rate after A over the rate after other purchases.
    pub rate_ratio: f64,
    /// Lower end of its interval.
    pub lower: f64,
    /// Upper end of its interval; infinite where nobody added B.
    pub upper: f64,
    /// One-sided, of a ratio of at most 1: the larger of the normal one of ln R over its error, and the exact one of two Poisson counts
    /// that are as uncertain.
    pub p_value: f64,
    /// Days to B from the last A before it, at the first quartile, the median and the third: the least day by which that share of those
    /// who added had. NaN without any.
    pub lead_days: [f64; 3],
}

/// Every pair compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Follows {
    /// By consequent, then antecedent.
    pub found: Vec<Follow>,
    /// Pairs that could be tested by their margins, among them those without a ratio because nobody added B after anything else:
    /// corrections for multiple tests divide by it.
    pub n_hypotheses: u64,
}

/// Compares, for every pair (A, B) that could be told from chance, the rate of first purchases of B after A with the rate after other
/// purchases.
///
/// A pair is compared when its margins allow it: enough customers with windows after A, enough who add B after whatever, and enough
/// expected to do both. Who adds B after A is not asked, because that is what is tested. A purchase on the day of the first B, or later,
/// starts no window. O(items bought) a consequent, and O(windows) a pair.
///
/// # Errors
/// [`Error::Length`], [`Error::Offsets`], [`Error::Unsorted`], [`Error::Item`], [`Error::Parameter`], [`Error::Stopped`].
pub fn follow(history: &History<'_>, params: &FollowParams<'_>, control: &dyn Control) -> Result<Follows, Error> {
    check(history)?;
    check_params(history.n_items, params)?;
    check_stop(control)?;
    let days = Days::new(history, params);
    let may = |item: u32, stands: fn(ItemRole) -> bool| params.roles.is_none_or(|roles| stands(roles[item as usize]));
    let counted = days.customers_by_item(history.n_items);
    let is_left = |item: &u32| {
        may(*item, ItemRole::may_precede) && counted[*item as usize].starting >= params.min_customers.max(1)
    };
    let is_right =
        |item: &u32| may(*item, ItemRole::may_follow) && counted[*item as usize].buying >= params.min_customers.max(1);
    let lefts: Vec<u32> = (0..history.n_items).filter(is_left).collect();
    let rights: Vec<u32> = (0..history.n_items).filter(is_right).collect();
    let tasks: Vec<(u32, &[u32])> =
        rights.iter().flat_map(|right| lefts.chunks(TILE).map(move |tile| (*right, tile))).collect();
    let problem = Problem::new(&days, params, history.n_items);
    let compared: Vec<Follows> =
        tasks.par_iter().map(|(right, tile)| problem.compare(*right, tile, control)).collect::<Result<_, Error>>()?;
    let n_hypotheses = compared.iter().map(|it| it.n_hypotheses).sum();
    Ok(Follows { found: compared.into_iter().flat_map(|it| it.found).collect(), n_hypotheses })
}

fn check(history: &History<'_>) -> Result<(), Error> {
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
    if let Some(item) = history.items.iter().find(|item| **item >= history.n_items) {
        return Err(Error::Item { basket: 0, item: *item, n_items: history.n_items });
    }
    Ok(())
}

fn check_params(n_items: u32, params: &FollowParams<'_>) -> Result<(), Error> {
    // Ten years: longer windows are no longer about what was bought, and their days must fit a table.
    if !(1..=3_660).contains(&params.within_days) {
        let got = f64::from(params.within_days);
        return Err(Error::Parameter { name: "within_days", allowed: "from 1 to 3660", got });
    }
    if !(params.level > 0.0 && params.level < 1.0) {
        return Err(Error::Parameter { name: "level", allowed: "above 0 and below 1", got: params.level });
    }
    if params.min_expected.is_nan() || params.min_expected < 0.0 {
        return Err(Error::Parameter { name: "min_expected", allowed: "at least 0", got: params.min_expected });
    }
    let by_item = [("roles", params.roles.map(<[_]>::len)), ("closes", params.closes.map(<[_]>::len))];
    for (what, len) in by_item {
        if let Some(got) = len.filter(|len| *len != n_items as usize) {
            return Err(Error::Length { what, got, expected: n_items as usize });
        }
    }
    let closed = params.closes.unwrap_or_default().iter().flatten().find(|item| **item >= n_items);
    closed.map_or(Ok(()), |item| Err(Error::Item { basket: 0, item: *item, n_items }))
}
