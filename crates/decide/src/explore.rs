//! Exploration: a few customers, drawn by hash, get one of their best offers or none by lot instead of by the ranking.
//!
//! What is never offered teaches nothing. An explorer's offer is drawn evenly from the options the customer has, so how likely it was is
//! known exactly, and what comes of it tells of customers the ranking would have passed over (Li, Chu, Langford, Schapire 2010, section 5,
//! on evaluation from uniform draws).

use osusume_model::{Minor, OfferId, keyed_hash, unit_interval};

use crate::rank::{Decision, Ranked};
use crate::rule::Rule;

/// Who explores, and among how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Explore {
    /// Names the draw; another key draws independently.
    pub key: String,
    /// Share of customers who explore, in [0, 1].
    pub fraction: f64,
    /// Offers a lot is drawn from at most, the best first; no offer is one lot more.
    pub among: usize,
}

impl Explore {
    /// Where a customer stands in the draw, in [0, 1): those below the fraction explore, so that a smaller one only leaves customers out.
    pub fn position(&self, id: &[u8]) -> f64 {
        unit_interval(keyed_hash(&self.key, id))
    }

    /// The lot of a customer with `n_options` offers to draw from: one of them, or `None`; each with probability 1 / (n + 1).
    pub fn lot(&self, id: &[u8], n_options: usize) -> Option<usize> {
        let draw = unit_interval(keyed_hash(&format!("{}/lot", self.key), id));
        let lot = (draw * (n_options + 1) as f64) as usize;
        (lot < n_options).then_some(lot)
    }

    /// The offers of `values` (one entry an offer, `None` for one that cannot be made) to draw from: those worth `least`, the best `among`,
    /// in order.
    pub fn options(&self, values: &[Option<Minor>], least: Minor) -> Vec<OfferId> {
        let worth = |(offer, value): (usize, &Option<Minor>)| {
            value.filter(|value| *value >= least).map(|value| (std::cmp::Reverse(value), OfferId(offer as u32)))
        };
        let mut options: Vec<_> = values.iter().enumerate().filter_map(worth).collect();
        options.sort_unstable();
        options.into_iter().take(self.among).map(|(_, offer)| offer).collect()
    }

    /// The probability with which a customer is made an offer: by lot if it is an option among `n_options`, by the ranking if `is_chosen`.
    pub fn probability(&self, n_options: usize, is_option: bool, is_chosen: bool) -> f64 {
        let by_lot = if is_option { self.fraction / (n_options + 1) as f64 } else { 0.0 };
        let by_rank = if is_chosen { 1.0 - self.fraction } else { 0.0 };
        by_lot + by_rank
    }
}

impl Ranked {
    /// Replaces what became of the customer at `position` by what `other` says of them: in `other` what another policy gave them is what
    /// was placed, so whatever else could have been made was removed by `rule`.
    pub fn set_apart(&mut self, other: &Self, position: usize, n_offers: usize, rule: Rule) {
        let cells = position * n_offers..(position + 1) * n_offers;
        for cell in cells {
            self.decisions[cell] = match other.decisions[cell] {
                Decision::Removed(Rule::NoCapacity | Rule::WearOut) | Decision::Outranked { .. } => {
                    Decision::Removed(rule)
                }
                decision => decision,
            };
        }
        let own = |choices: &[crate::Choice]| {
            let first = choices.partition_point(|choice| (choice.customer as usize) < position);
            first..first + choices[first..].iter().take_while(|choice| choice.customer as usize == position).count()
        };
        let lot = other.choices[own(&other.choices)].to_vec();
        self.choices.splice(own(&self.choices), lot);
    }

    /// Tells of the customer at `position`, who draws a lot, that what is worth `least` was in it, below the threshold or not.
    pub fn tell_undrawn(&mut self, position: usize, n_offers: usize, least: Minor) {
        for cell in position * n_offers..(position + 1) * n_offers {
            let is_worth_it = self.single_values[cell].is_some_and(|value| value >= least);
            if self.decisions[cell] == Decision::BelowThreshold && is_worth_it {
                self.decisions[cell] = Decision::Removed(Rule::NotDrawn);
            }
        }
    }

    /// Orders the choices of the customer at `position` as `order` has them, the first as rank 1, whatever they are worth.
    pub fn reorder(&mut self, position: usize, n_offers: usize, order: &[OfferId]) {
        let first = self.choices.partition_point(|choice| (choice.customer as usize) < position);
        let own = self.choices[first..].iter().take_while(|choice| choice.customer as usize == position).count();
        let own = &mut self.choices[first..first + own];
        own.sort_by_key(|choice| order.iter().position(|offer| *offer == choice.offer));
        for (choice, rank) in own.iter_mut().zip(1..) {
            choice.rank = rank;
            self.decisions[position * n_offers + choice.offer.0 as usize] = Decision::Chosen { rank };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explore(fraction: f64) -> Explore {
        Explore { key: "k".to_owned(), fraction, among: 3 }
    }

    #[test]
    fn lots_are_even_and_none_is_one_of_them() {
        let mut counts = [0_u32; 4];
        for id in 0..40_000 {
            counts[explore(1.0).lot(format!("C{id}").as_bytes(), 3).unwrap_or(3)] += 1;
        }
        // Five standard deviations of 10,000.
        assert!(counts.iter().all(|count| (9_567..10_433).contains(count)), "{counts:?}");
        assert_eq!(explore(1.0).lot(b"C", 0), None);
    }

    #[test]
    fn the_lot_says_nothing_of_who_explores() {
        let id = |n: u32| format!("C{n}");
        let explorers: Vec<u32> = (0..100_000).filter(|&n| explore(0.1).position(id(n).as_bytes()) < 0.1).collect();
        assert!((9_525..10_475).contains(&explorers.len()));
        let first = explorers.iter().filter(|&&n| explore(0.1).lot(id(n).as_bytes(), 1) == Some(0)).count() as f64;
        assert!((first / explorers.len() as f64 - 0.5).abs() < 0.025);
    }

    #[test]
    fn options_are_the_best_that_are_worth_it() {
        let values = [Some(Minor(5)), None, Some(Minor(9)), Some(Minor(5)), Some(Minor(1)), Some(Minor(7))];
        let options = |among| Explore { among, ..explore(0.1) }.options(&values, Minor(2));
        assert_eq!(options(3), [OfferId(2), OfferId(5), OfferId(0)]);
        assert_eq!(options(9), [OfferId(2), OfferId(5), OfferId(0), OfferId(3)]);
        assert!(Explore { among: 9, ..explore(0.1) }.options(&values, Minor(10)).is_empty());
    }

    #[test]
    fn probabilities_of_what_can_happen_add_up() {
        let explore = explore(0.2);
        // Three options, none, and the ranking chooses the first: the four lots, and the ranking's share on top of the first.
        let lots: f64 = (0..4).map(|lot| explore.probability(3, true, lot == 0)).sum();
        assert!((lots - 1.0).abs() < 1e-12);
        assert!((explore.probability(3, false, true) - 0.8).abs() < 1e-12);
    }
}
