//! What is held, row by row: no matrix of customers and products is ever made.

use std::collections::BTreeSet;
use std::ops::Range;

use osusume_model::{DAY_US, ProductId};
use osusume_windows::Maybe;

use crate::seam::Block;

/// Rows of holdings as they were known at an instant, by the rule of [`osusume_windows::Intervals`].
pub(crate) struct Known<'a> {
    offsets: &'a [u32],
    /// Product of each row, a position in the catalogue.
    product: Vec<u32>,
    start: &'a [i64],
    start_arrived: Option<Maybe<'a, i64>>,
    end: Option<Maybe<'a, i64>>,
    end_arrived: Option<Maybe<'a, i64>>,
    by_company: Option<Vec<bool>>,
    at: i64,
}

impl<'a> Known<'a> {
    /// `positions`: product code of the table → position in the catalogue, every code being in it.
    pub(crate) fn new(block: &'a Block, positions: &[u32], at: i64) -> Self {
        Self {
            offsets: &block.offsets,
            product: block.codes_or("product", 0).into_iter().map(|code| positions[code as usize]).collect(),
            start: block.times("start"),
            start_arrived: block.integers("start_arrived"),
            end: block.integers("end"),
            end_arrived: block.integers("end_arrived"),
            by_company: block.flags("by_company"),
            at,
        }
    }

    fn rows(&self, customer: usize) -> Range<usize> {
        self.offsets[customer] as usize..self.offsets[customer + 1] as usize
    }

    fn has_started(&self, row: usize) -> bool {
        let arrived = self.start_arrived.and_then(|arrived| arrived.get(row)).unwrap_or(self.start[row]);
        self.start[row] < self.at && arrived < self.at
    }

    /// The end, if it is known: also one announced for later.
    fn end(&self, row: usize) -> Option<i64> {
        let end = self.end.and_then(|end| end.get(row))?;
        let arrived = self.end_arrived.and_then(|arrived| arrived.get(row)).unwrap_or(end);
        (arrived < self.at).then_some(end)
    }

    fn is_held(&self, row: usize) -> bool {
        self.has_started(row) && self.end(row).is_none_or(|end| end > self.at)
    }

    /// The products of every customer, ascending and each once, one list after the other, and where each list begins.
    ///
    /// A product that another one replaces stands here as itself: its margin and its code are its own.
    pub(crate) fn held(&self) -> (Vec<u32>, Vec<ProductId>) {
        let (mut offsets, mut held) = (vec![0], Vec::new());
        for customer in 0..self.offsets.len() - 1 {
            let rows = self.rows(customer).filter(|&row| self.is_held(row));
            let mut products: Vec<u32> = rows.map(|row| self.product[row]).collect();
            products.sort_unstable();
            products.dedup();
            held.extend(products.into_iter().map(ProductId));
            offsets.push(held.len() as u32);
        }
        (offsets, held)
    }

    /// The newest start that does not continue a holding of the same product (after `replaces`) that began before and ended within a
    /// day of it: renewal, re-pricing and migration are no new purchase, and neither is what the company did. Only products that
    /// `counts` names, after `replaces`. O(rows · log rows).
    pub(super) fn newest_start(&self, customer: usize, canonical: &[u32], counts: &dyn Fn(u32) -> bool) -> Option<i64> {
        let mut rows: Vec<usize> = self.rows(customer).filter(|&row| self.has_started(row)).collect();
        rows.sort_unstable_by_key(|&row| self.start[row]);
        let stands_for = |row: usize| canonical[self.product[row] as usize];
        let mut ended: BTreeSet<(u32, i64)> = BTreeSet::new();
        let mut newest = None;
        for rows in rows.chunk_by(|&a, &b| self.start[a] == self.start[b]) {
            let start = self.start[rows[0]];
            let by_company = |row: usize| self.by_company.as_ref().is_some_and(|flags| flags[row]);
            let around = |product| (product, start.saturating_sub(DAY_US))..=(product, start.saturating_add(DAY_US));
            let begins = |row: usize| ended.range(around(stands_for(row))).next().is_none() && counts(stands_for(row));
            if rows.iter().any(|&row| !by_company(row) && begins(row)) {
                newest = Some(start);
            }
            ended.extend(rows.iter().filter_map(|&row| Some((stands_for(row), self.end(row)?))));
        }
        newest
    }
}

#[cfg(test)]
mod tests {
    use osusume_model::NoControl;
    use osusume_windows::{Intervals, Ladder, held_quantities};

    use super::*;

    const NONE: i64 = i64::MIN;

    /// Rows of one customer: product, start, arrival of the start, end, arrival of the end; `NONE` is absent.
    fn known<R>(rows: &[[i64; 5]], at: i64, ask: impl Fn(&Known<'_>) -> R) -> R {
        let column = |i: usize| rows.iter().map(|row| row[i]).collect::<Vec<i64>>();
        let columns = [column(0), column(1), column(2), column(3), column(4)];
        let valid = columns.clone().map(|column| column.iter().map(|&value| value != NONE).collect::<Vec<bool>>());
        let maybe = |i: usize| Some(Maybe { values: columns[i].as_slice(), valid: Some(valid[i].as_slice()) });
        ask(&Known {
            offsets: &[0, rows.len() as u32],
            product: columns[0].iter().map(|&product| product as u32).collect(),
            start: &columns[1],
            start_arrived: maybe(2),
            end: maybe(3),
            end_arrived: maybe(4),
            by_company: None,
            at,
        })
    }

    fn kernel_holds(row: [i64; 5], at: i64) -> bool {
        let [_, start, arrived, end, end_arrived] = row;
        let intervals = Intervals {
            offsets: &[0, 1],
            product: &[0],
            start: &[start],
            end: Maybe { values: &[end], valid: Some(&[end != NONE]) },
            start_arrived: Some(&[if arrived == NONE { start } else { arrived }]),
            end_arrived: Some(Maybe { values: &[end_arrived], valid: Some(&[end_arrived != NONE]) }),
            renews: None,
            price: None,
            quantity: None,
            by_company: None,
        };
        let ladder = Ladder { family: &[0], tier: &[1], canonical: &[0], n_families: 1 };
        let mut out = [0];
        held_quantities(&intervals, &ladder, &[at], &mut out, &NoControl).unwrap();
        out[0] > 0
    }

    #[test]
    fn what_is_held_is_what_the_features_see() {
        let times = [NONE, 1, 2, 3];
        for start in 1..4 {
            for (arrived, (end, end_arrived)) in
                times.into_iter().flat_map(|a| times.into_iter().flat_map(move |e| times.map(|k| (a, (e, k)))))
            {
                let row = [0, start, arrived, end, end_arrived];
                let held = known(&[row], 2, |known| known.held().1);
                assert_eq!(!held.is_empty(), kernel_holds(row, 2), "{row:?}");
            }
        }
    }

    #[test]
    fn a_replaced_product_is_held_as_itself_and_once() {
        let rows = [[2, 1, NONE, NONE, NONE], [1, 1, NONE, NONE, NONE], [2, 3, NONE, NONE, NONE]];
        known(&rows, 5, |known| assert_eq!(known.held(), (vec![0, 2], vec![ProductId(1), ProductId(2)])));
    }

    /// Contracts that overlap, one of them ended by mistake before the other began: each product is held once, for as long as one lasts.
    #[test]
    fn overlapping_holdings_are_one() {
        let rows = [[1, 1, NONE, 9, NONE], [1, 3, NONE, 4, NONE], [1, 2, NONE, NONE, NONE], [2, 3, NONE, 4, NONE]];
        known(&rows, 5, |known| assert_eq!(known.held(), (vec![0, 1], vec![ProductId(1)])));
        known(&rows[..2], 10, |known| assert_eq!(known.held().1, []));
    }

    fn check_newest(rows: &[[i64; 5]], expected: Option<i64>) {
        let days = |row: &[i64; 5]| {
            let mut row = *row;
            row[1..].iter_mut().filter(|time| **time != NONE).for_each(|time| *time *= DAY_US);
            row
        };
        let rows: Vec<[i64; 5]> = rows.iter().map(days).collect();
        // Product 1 became product 0.
        let got = known(&rows, 100 * DAY_US, |known| known.newest_start(0, &[0, 0, 2], &|_| true));
        assert_eq!(got, expected.map(|day| day * DAY_US));
    }

    #[test]
    fn only_a_start_that_continues_nothing_is_new() {
        check_newest(&[], None);
        check_newest(&[[0, 10, NONE, 50, NONE], [0, 50, NONE, NONE, NONE]], Some(10));
        check_newest(&[[1, 10, NONE, 50, NONE], [0, 51, NONE, NONE, NONE]], Some(10));
        check_newest(&[[0, 10, NONE, 50, NONE], [0, 52, NONE, NONE, NONE]], Some(52));
        check_newest(&[[0, 10, NONE, 50, NONE], [2, 50, NONE, NONE, NONE]], Some(50));
        // A holding of less than a day continues neither itself nor what it is continued by.
        check_newest(&[[0, 20, NONE, 21, NONE], [0, 21, NONE, 22, NONE]], Some(20));
    }

    #[test]
    fn what_the_company_did_is_no_purchase() {
        let days = |day: i64| day * DAY_US;
        let start = [days(10), days(50)];
        let known = Known {
            offsets: &[0, 2],
            product: vec![0, 2],
            start: &start,
            start_arrived: None,
            end: None,
            end_arrived: None,
            by_company: Some(vec![false, true]),
            at: days(100),
        };
        assert_eq!(known.newest_start(0, &[0, 1, 2], &|_| true), Some(days(10)));
        assert_eq!(known.newest_start(0, &[0, 1, 2], &|product| product == 2), None);
        assert_eq!(Known { by_company: None, ..known }.newest_start(0, &[0, 1, 2], &|_| true), Some(days(50)));
    }

    #[test]
    fn what_is_not_known_yet_changes_no_newest_start() {
        // The end arrives after the as-of date, the start arrives after it, the start lies after it.
        check_newest(&[[0, 10, NONE, 50, 100], [0, 50, NONE, NONE, NONE]], Some(50));
        check_newest(&[[0, 10, 100, 50, NONE], [0, 50, NONE, NONE, NONE]], Some(50));
        check_newest(&[[0, 10, NONE, NONE, NONE], [0, 100, 60, NONE, NONE]], Some(10));
    }
}
