//! Which transactions hold all of a set, for sets named one at a time.

use osusume_model::Control;
use rayon::prelude::*;

use crate::error::check_stop;
use crate::{Contingency, Error, Rules, Transactions};

/// Above this ratio of lengths searching the longer list beats walking it.
const SEARCH_RATIO: usize = 16;

/// Transactions of each item, ascending; only of items that were asked for.
pub(crate) struct Covers<'a> {
    db: &'a Transactions,
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl<'a> Covers<'a> {
    pub(crate) fn new(db: &'a Transactions, rules: &Rules) -> Self {
        let mut is_used = vec![false; db.n_items() as usize];
        for item in rules.antecedent_items.iter().chain(&rules.consequents) {
            is_used[*item as usize] = true;
        }
        let used = |t: usize| db.basket(t).iter().filter(|item| is_used[**item as usize]);
        let mut starts = vec![0; db.n_items() as usize + 1];
        (0..db.len()).for_each(|t| used(t).for_each(|item| starts[*item as usize + 1] += 1));
        for item in 1..starts.len() {
            starts[item] += starts[item - 1];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; starts[starts.len() - 1]];
        for t in 0..db.len() {
            for item in used(t) {
                rows[next[*item as usize]] = t as u32;
                next[*item as usize] += 1;
            }
        }
        Self { db, starts, rows }
    }

    /// Transactions with one item.
    pub(crate) fn of_item(&self, item: u32) -> &[u32] {
        &self.rows[self.starts[item as usize]..self.starts[item as usize + 1]]
    }

    /// Sets `out` to the transactions with every item; at least one item.
    pub(crate) fn of(&self, items: impl Iterator<Item = u32>, out: &mut Vec<u32>) {
        let mut lists: Vec<&[u32]> = items.map(|item| self.of_item(item)).collect();
        lists.sort_by_key(|list| list.len());
        out.clear();
        out.extend_from_slice(lists[0]);
        lists[1..].iter().for_each(|list| keep_common(out, list));
    }

    pub(crate) fn weigh(&self, rows: &[u32]) -> u64 {
        match self.db.weights() {
            None => rows.len() as u64,
            Some(weights) => rows.iter().map(|t| u64::from(weights[*t as usize])).sum(),
        }
    }
}

/// Removes from `a` what is not in `b`; both ascend, `a` is not much longer than `b`.
pub(crate) fn keep_common(a: &mut Vec<u32>, b: &[u32]) {
    let mut rest = b;
    if a.len() * SEARCH_RATIO < b.len() {
        a.retain(|t| {
            rest = &rest[rest.partition_point(|other| other < t)..];
            rest.first() == Some(t)
        });
        return;
    }
    a.retain(|t| {
        while rest.first().is_some_and(|other| other < t) {
            rest = &rest[1..];
        }
        rest.first() == Some(t)
    });
}

/// Counts the same rules in other transactions, such as those of a later period.
///
/// `later` must know the same items under the same numbers. Tables without the antecedent have a confidence of NaN.
///
/// # Errors
/// [`Error::Item`] for a rule with an item `later` does not know, [`Error::Stopped`].
pub fn recount(later: &Transactions, rules: &Rules, control: &dyn Control) -> Result<Vec<Contingency>, Error> {
    check_stop(control)?;
    let n_items = later.n_items();
    if let Some(item) = rules.antecedent_items.iter().chain(&rules.consequents).find(|item| **item >= n_items) {
        return Err(Error::Item { basket: 0, item: *item, n_items });
    }
    let joint = match PairTable::new(later, rules) {
        Some(table) => table.count(later, rules, control)?,
        None => by_covers(later, rules),
    };
    let table = |(r, [n_antecedent, n_both]): (usize, [u64; 2])| {
        let n_consequent = later.item_counts()[rules.consequents[r] as usize];
        Contingency { n: later.n(), n_antecedent, n_consequent, n_both }
    };
    check_stop(control)?;
    Ok(joint.into_iter().enumerate().map(table).collect())
}

/// Weight of the transactions with the antecedent, and with both sides, of every rule.
fn by_covers(later: &Transactions, rules: &Rules) -> Vec<[u64; 2]> {
    let covers = Covers::new(later, rules);
    let count = |rows: &mut Vec<u32>, r: usize| {
        covers.of(rules.antecedent(r).iter().copied(), rows);
        let n_antecedent = covers.weigh(rows);
        keep_common(rows, covers.of_item(rules.consequents[r]));
        [n_antecedent, covers.weigh(rows)]
    };
    (0..rules.len()).into_par_iter().map_init(Vec::new, count).collect()
}

/// Most counters of a table of pairs: 8 MB.
const MOST_COUNTERS: usize = 1 << 20;
/// Transactions between two looks at the control.
const STOP_STEP: usize = 1 << 13;

/// Counters for each item that some rule has on the left with each that some rule has on the right, where all rules are pairs.
struct PairTable {
    /// Row of each item, or that behind the last.
    row_of: Vec<u32>,
    column_of: Vec<u32>,
    n_rows: usize,
    n_columns: usize,
}

impl PairTable {
    /// `None` where a rule has several items on the left, and where there would be too many counters.
    fn new(db: &Transactions, rules: &Rules) -> Option<Self> {
        if rules.antecedent_items.len() != rules.len() {
            return None;
        }
        let (row_of, n_rows) = number(db.n_items(), &rules.antecedent_items);
        let (column_of, n_columns) = number(db.n_items(), &rules.consequents);
        (n_rows * n_columns <= MOST_COUNTERS).then_some(Self { row_of, column_of, n_rows, n_columns })
    }

    /// One pass over the transactions.
    fn count(&self, db: &Transactions, rules: &Rules, control: &dyn Control) -> Result<Vec<[u64; 2]>, Error> {
        let mut counts = vec![0_u64; self.n_rows * self.n_columns];
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        for t in 0..db.len() {
            if t % STOP_STEP == 0 {
                check_stop(control)?;
            }
            let (basket, weight) = (db.basket(t), u64::from(db.weight(t)));
            select(basket, &self.column_of, self.n_columns, &mut columns);
            if columns.is_empty() {
                continue;
            }
            select(basket, &self.row_of, self.n_rows, &mut rows);
            for row in &rows {
                let counts = &mut counts[*row as usize * self.n_columns..][..self.n_columns];
                for column in &columns {
                    counts[*column as usize] += weight;
                }
            }
        }
        let of_rule = |r: usize| {
            let [left, right] = [rules.antecedent_items[r], rules.consequents[r]].map(|item| item as usize);
            let at = self.row_of[left] as usize * self.n_columns + self.column_of[right] as usize;
            [db.item_counts()[left], counts[at]]
        };
        Ok((0..rules.len()).map(of_rule).collect())
    }
}

/// Numbers the items that are named, in their order; others get the number behind the last, which is how many are named.
fn number(n_items: u32, named: &[u32]) -> (Vec<u32>, usize) {
    let mut is_named = vec![false; n_items as usize];
    for item in named {
        is_named[*item as usize] = true;
    }
    let n_named = is_named.iter().filter(|is_named| **is_named).count();
    let mut next = 0..n_named as u32;
    let number = |is_named: bool| is_named.then(|| next.next()).flatten().unwrap_or(n_named as u32);
    (is_named.into_iter().map(number).collect(), n_named)
}

/// Sets `out` to the numbers of a basket's items that have one below `n_numbers`.
fn select(basket: &[u32], numbers: &[u32], n_numbers: usize, out: &mut Vec<u32>) {
    out.resize(basket.len(), 0);
    let mut len = 0;
    for item in basket {
        // Written in any case: whether an item is named is not foreseen by a processor.
        out[len] = numbers[*item as usize];
        len += usize::from((out[len] as usize) < n_numbers);
    }
    out.truncate(len);
}
