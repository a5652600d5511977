//! Counts that may have to be withheld, and which others must be withheld with them.

use serde::{Deserialize, Serialize};

/// The smallest count of customers a report shows; 0 says nothing about anybody and is shown.
pub const SMALLEST_SHOWN: u64 = 10;

/// A count of customers, rows of customers, or takes; `null` in JSON when it is withheld.
///
/// A withheld count may be small, or be one a small count could be worked out from; the report does not tell which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cell(Option<u64>);

impl Cell {
    /// A count that is withheld.
    pub const WITHHELD: Self = Self(None);

    /// The count, unless it is withheld.
    pub fn get(self) -> Option<u64> {
        self.0
    }

    /// Whether the count is known here and too small to be shown.
    pub(crate) fn is_small(self) -> bool {
        self.0.is_some_and(is_small)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self(Some(count))
    }
}

/// Between 1 and the largest count that is withheld.
pub(crate) fn is_small(count: u64) -> bool {
    (1..SMALLEST_SHOWN).contains(&count)
}

/// Withholds parts of a shown total until none that is small can be worked out: neither a single part, nor what several withheld
/// parts are together (the total minus the parts shown).
///
/// `parts` must hold every part of `total`. What is withheld beside the small parts is the smallest part shown that is not 0,
/// of equal ones the first. Source: Hundepool et al., *Statistical Disclosure Control* (2012), section 4.4, for one dimension.
pub(crate) fn withhold(total: u64, parts: &mut [&mut Cell]) {
    for part in parts.iter_mut().filter(|part| part.is_small()) {
        **part = Cell::WITHHELD;
    }
    loop {
        let shown: u64 = parts.iter().filter_map(|part| part.get()).sum();
        let n_withheld = parts.iter().filter(|part| part.get().is_none()).count();
        let together = total.saturating_sub(shown);
        if n_withheld == 0 || n_withheld > 1 && !is_small(together) {
            return;
        }
        let smallest =
            parts.iter_mut().filter(|part| part.get().is_some_and(|count| count > 0)).min_by_key(|part| part.get());
        match smallest {
            Some(part) => **part = Cell::WITHHELD,
            // Everything is withheld already; then the total itself is what is left, and its owner decides.
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn withheld(counts: &[u64]) -> Vec<Option<u64>> {
        let mut cells: Vec<Cell> = counts.iter().map(|&count| Cell::from(count)).collect();
        withhold(counts.iter().sum(), &mut cells.iter_mut().collect::<Vec<_>>());
        cells.into_iter().map(Cell::get).collect()
    }

    #[test]
    fn a_single_small_part_takes_the_smallest_other_with_it() {
        assert_eq!(withheld(&[500, 3, 40, 0, 90]), [Some(500), None, None, Some(0), Some(90)]);
        assert_eq!(withheld(&[10, 20, 0]), [Some(10), Some(20), Some(0)]);
        assert_eq!(withheld(&[]), []);
    }

    #[test]
    fn small_parts_that_are_small_together_take_another_with_them() {
        assert_eq!(withheld(&[500, 3, 4, 40]), [Some(500), None, None, None]);
        assert_eq!(withheld(&[500, 6, 7, 40]), [Some(500), None, None, Some(40)]);
    }

    /// All ways to write `rest` as a sum of `n` counts of at least 1: a reader knows that a withheld count is not 0.
    fn splits(rest: u64, n: usize) -> Vec<Vec<u64>> {
        if n == 1 {
            return if rest > 0 { vec![vec![rest]] } else { Vec::new() };
        }
        let longer = |first: u64| splits(rest - first, n - 1).into_iter().map(move |tail| [vec![first], tail].concat());
        (1..rest).flat_map(longer).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Whoever knows the total and the parts shown finds more than one value for every withheld part.
        #[test]
        fn nothing_small_can_be_worked_out(counts in prop::collection::vec(0..26_u64, 1..5)) {
            let shown = withheld(&counts);
            let total: u64 = counts.iter().sum();
            prop_assert!(shown.iter().flatten().all(|&count| !is_small(count)));
            let n_withheld = shown.iter().filter(|part| part.is_none()).count();
            let rest = total - shown.iter().flatten().sum::<u64>();
            // A total that is itself small, or all that is left, is its owner's to withhold.
            if n_withheld > 0 && !is_small(total) && shown.iter().zip(&counts).any(|(part, &count)| part.is_some() && count > 0 || n_withheld > 1) {
                prop_assert!(!is_small(rest));
                let splits = splits(rest, n_withheld);
                for part in 0..n_withheld {
                    let mut values: Vec<u64> = splits.iter().map(|split| split[part]).collect();
                    values.sort_unstable();
                    values.dedup();
                    prop_assert!(values.len() > 1, "{:?} of {:?}", shown, counts);
                }
            }
        }

        #[test]
        fn what_is_shown_is_true_and_enough_is_shown(counts in prop::collection::vec(prop_oneof![0..12_u64, 10..1000_u64], 1..8)) {
            let shown = withheld(&counts);
            prop_assert!(shown.iter().zip(&counts).all(|(part, &count)| part.is_none_or(|part| part == count)));
            if counts.iter().all(|&count| !is_small(count)) {
                prop_assert!(shown.iter().all(Option::is_some));
            }
        }
    }
}
