//! Days with purchases, and the stratum of the window each may start.

use osusume_model::Date;

use super::{FollowParams, History};

/// The stratum of a day that starts no window.
pub(super) const NO_WINDOW: u32 = u32::MAX;

/// Days on which something was bought, of the customers with a day that starts a window.
pub(super) struct Days {
    /// Customer c has the days `of_customer[c]..of_customer[c + 1]`.
    pub(super) of_customer: Vec<usize>,
    /// The first day of which nothing is known of each customer.
    pub(super) until: Vec<Date>,
    /// Each day.
    pub(super) date: Vec<Date>,
    /// On day d was bought `items[item_starts[d]..item_starts[d + 1]]`, each once, ascending.
    pub(super) item_starts: Vec<usize>,
    /// Items of all days.
    pub(super) items: Vec<u32>,
    /// Stratum of each day's window, below `n_strata`, or [`NO_WINDOW`].
    pub(super) stratum: Vec<u32>,
    /// How many strata there are.
    pub(super) n_strata: usize,
}

/// Customers with an item.
#[derive(Clone, Copy, Default)]
pub(super) struct Counted {
    /// Who bought it on any day.
    pub(super) buying: u64,
    /// Who bought it on a day that starts a window.
    pub(super) starting: u64,
}

/// Month, band of tenure and band of size.
type Key = [u32; 3];

impl Days {
    /// `history` and `params` are checked.
    pub(super) fn new(history: &History<'_>, params: &FollowParams<'_>) -> Self {
        let mut days = Self {
            of_customer: vec![0],
            until: Vec::new(),
            date: Vec::new(),
            item_starts: vec![0],
            items: Vec::new(),
            stratum: Vec::new(),
            n_strata: 0,
        };
        let mut keys: Vec<Option<Key>> = Vec::new();
        let first = month_of(params.from.max(history.days.iter().copied().min().unwrap_or(params.from)));
        for (customer, &until) in history.until.iter().enumerate() {
            let rows = history.offsets[customer]..history.offsets[customer + 1];
            let may_start = |day: &Date| *day >= params.from && *day < until;
            if !history.days[rows.clone()].iter().any(may_start) {
                continue;
            }
            let (bought, dates) = (&history.items[rows.clone()], &history.days[rows]);
            let mut at = 0;
            for same in dates.chunk_by(|a, b| a == b) {
                let size = days.push(same[0], &bought[at..at + same.len()]);
                at += same.len();
                let tenure = i64::from(same[0] - history.since[customer]);
                let band = params.tenure_borders.partition_point(|border| i64::from(*border) <= tenure);
                let key = || [(month_of(same[0]) - first) as u32, band as u32, size_band(size)];
                keys.push(may_start(&same[0]).then(key));
            }
            days.of_customer.push(days.date.len());
            days.until.push(until);
        }
        days.number(&keys);
        days
    }

    /// Adds a day; returns how many different items were bought.
    fn push(&mut self, date: Date, bought: &[u32]) -> usize {
        let start = self.items.len();
        self.items.extend_from_slice(bought);
        self.items[start..].sort_unstable();
        let mut kept = start;
        for at in start..self.items.len() {
            if at == start || self.items[at] != self.items[kept - 1] {
                self.items[kept] = self.items[at];
                kept += 1;
            }
        }
        self.items.truncate(kept);
        self.date.push(date);
        self.item_starts.push(kept);
        kept - start
    }

    /// Gives every key that occurs a number, in the order of keys.
    fn number(&mut self, keys: &[Option<Key>]) {
        let mut shape = [0_usize; 3];
        for key in keys.iter().flatten() {
            shape.iter_mut().zip(key).for_each(|(most, at)| *most = (*most).max(*at as usize + 1));
        }
        let place = |key: &Key| {
            let [month, band, size] = key.map(|at| at as usize);
            (month * shape[1] + band) * shape[2] + size
        };
        let mut numbers = vec![NO_WINDOW; shape.iter().product()];
        keys.iter().flatten().for_each(|key| numbers[place(key)] = 0);
        for number in numbers.iter_mut().filter(|number| **number == 0) {
            *number = self.n_strata as u32;
            self.n_strata += 1;
        }
        self.stratum = keys.iter().map(|key| key.as_ref().map_or(NO_WINDOW, |key| numbers[place(key)])).collect();
    }

    /// How many customers there are.
    pub(super) fn n_customers(&self) -> usize {
        self.until.len()
    }

    /// What was bought on day `d`.
    pub(super) fn items_of(&self, d: usize) -> &[u32] {
        &self.items[self.item_starts[d]..self.item_starts[d + 1]]
    }

    /// By item, how many customers have it.
    pub(super) fn customers_by_item(&self, n_items: u32) -> Vec<Counted> {
        let mut counted = vec![Counted::default(); n_items as usize];
        // One more than the last customer seen with the item, on any day and on one that starts a window.
        let mut last = vec![[0; 2]; n_items as usize];
        for (customer, bounds) in self.of_customer.windows(2).enumerate() {
            for d in bounds[0]..bounds[1] {
                let starts = self.stratum[d] != NO_WINDOW;
                for item in self.items_of(d) {
                    let (last, counted) = (&mut last[*item as usize], &mut counted[*item as usize]);
                    counted.buying += u64::from(std::mem::replace(&mut last[0], customer + 1) != customer + 1);
                    if starts {
                        counted.starting += u64::from(std::mem::replace(&mut last[1], customer + 1) != customer + 1);
                    }
                }
            }
        }
        counted
    }
}

/// Days with as many items: every number up to eight, beyond that ranges of a quarter, within which the spread of sizes explains less
/// than half a percent of a rate that is proportional to it.
fn size_band(size: usize) -> u32 {
    let (mut band, mut border) = (size.min(8) as u32, 8_usize);
    while size > border {
        border += border / 4;
        band += 1;
    }
    band
}

fn month_of(day: Date) -> i32 {
    let (year, month, _) = day.ymd();
    year * 12 + month as i32 - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_of_size_grow_by_a_quarter() {
        assert_eq!([1, 8, 9, 10, 11, 12, 13, 15, 16].map(size_band), [1, 8, 9, 9, 10, 10, 11, 11, 12]);
        assert!(size_band(1_000) < 40);
    }

    #[test]
    fn only_customers_with_a_window_are_kept_and_with_all_their_days() {
        let day = |n: i32| Date(n);
        let (items, dates) = ([1, 0, 1, 2, 0], [3, 3, 40, 5, 41].map(day));
        let history = History {
            offsets: &[0, 3, 4, 5],
            items: &items,
            days: &dates,
            since: &[day(3), day(5), day(0)],
            until: &[day(100), day(100), day(41)],
            n_items: 3,
        };
        let params = FollowParams {
            within_days: 30,
            from: day(10),
            tenure_borders: &[30],
            level: 0.95,
            roles: None,
            closes: None,
            min_customers: 0,
            min_expected: 0.0,
        };
        let days = Days::new(&history, &params);
        assert_eq!((days.n_customers(), &days.date[..]), (1, &[day(3), day(40)][..]));
        assert_eq!((days.items_of(0), days.items_of(1)), (&[0, 1][..], &[1][..]));
        assert_eq!((&days.stratum[..], days.n_strata), (&[NO_WINDOW, 0][..], 1));
        let counted = days.customers_by_item(3);
        assert_eq!(
            [0, 1, 2].map(|item: usize| (counted[item].buying, counted[item].starting)),
            [(1, 0), (1, 1), (0, 0)]
        );
    }
}
