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
    let covers = Covers::new(later, rules);
    let counted = (0..rules.len())
        .into_par_iter()
        .map_init(Vec::new, |rows, r| {
            covers.of(rules.antecedent(r).iter().copied(), rows);
            let n_antecedent = covers.weigh(rows);
            keep_common(rows, covers.of_item(rules.consequents[r]));
            let n_consequent = later.item_counts()[rules.consequents[r] as usize];
            Contingency { n: later.n(), n_antecedent, n_consequent, n_both: covers.weigh(rows) }
        })
        .collect();
    check_stop(control)?;
    Ok(counted)
}
