//! Frequent itemsets, rules with one consequent, and the evidence that a rule is more than chance.
//!
//! Baskets become [`Transactions`] once; [`mine_itemsets`] and [`count_itemsets`] find what occurs together, [`mine_top_k`] the most frequent of it, [`mine_rules`] draws rules
//! with sellable consequents from it, [`test_rules`] tests them given basket size with the customer as the unit, and [`recount`] counts
//! them again in a later period. [`follow()`] asks what is added in the days after a purchase, beyond what is added after any other. Every measure of [`MEASURES`] follows from a rule's [`Contingency`].
//!
//! ```
//! use osusume_association::{Baskets, ItemsetParams, Transactions, count_itemsets, mine_itemsets};
//! use osusume_model::NoControl;
//! // Three baskets: {0, 1}, {0, 1, 2}, {2}.
//! let baskets =
//!     Baskets { offsets: &[0, 2, 5, 6], items: &[0, 1, 0, 1, 2, 2], n_items: 3, weights: None, groups: None };
//! let (db, repairs) = Transactions::new(&baskets, 1_000)?;
//! assert_eq!(repairs.duplicate_items, 0);
//! let found = mine_itemsets(&db, &ItemsetParams::all(2), &NoControl)?;
//! let mut pairs = Vec::new();
//! found.for_each(|itemset, count| pairs.push((itemset.to_vec(), count)));
//! assert!(pairs.contains(&(vec![0, 1], 2)));
//! assert_eq!(count_itemsets(&db, &ItemsetParams::all(2), &NoControl)?.by_size, [0, 3, 1]);
//! # Ok::<(), osusume_association::Error>(())
//! ```
//!
//! Not here: files and item names (crate `pipeline`), which of two rules is told to whom (stage `mine` and the report).

#![warn(missing_docs)]

mod contingency;
mod cover;
mod engine;
mod error;
mod follow;
mod hierarchy;
mod itemsets;
mod measure;
mod mine;
mod rules;
mod shares;
mod significance;
mod support;
mod transactions;
mod trie;

pub use contingency::Contingency;
pub use cover::recount;
pub use error::Error;
pub use follow::{Follow, FollowParams, Follows, History, follow};
pub use hierarchy::{Hierarchy, NO_PARENT};
pub use itemsets::{Itemsets, SetCounts, count_itemset};
pub use measure::{MEASURES, Measure, measure};
pub use mine::{ItemRole, ItemsetParams, Kind, count_itemsets, mine_itemsets, mine_top_k, propose_min_count};
pub use rules::{RuleParams, Rules, mine_rules, rules_of};
pub use significance::{Evidence, FalseDiscovery, TestParams, q_values, test_rules};
pub use support::MinSupport;
pub use transactions::{Baskets, DEFAULT_MAX_BASKET, OwnedBaskets, Repairs, Transactions};
