//! End-to-end tests over whole pipelines and the built command.
//!
//! Golden files are rewritten with `UPDATE_GOLDEN=1` and reviewed as differences.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must say where, and a panic does")]

mod additive;
mod approach;
mod arms;
mod baskets;
mod benefit;
mod calendar;
mod capacity;
mod columns;
mod contact;
mod copies;
mod delivery;
mod demo;
mod determinism;
mod errors;
mod evaluate;
mod explore;
mod features;
mod flat;
mod follows;
mod grocer;
mod guard;
mod hierarchy;
mod household;
mod inputs;
mod inspect;
mod leakage;
mod ledger;
mod oddities;
mod offer_holdout;
mod offer_terms;
mod own;
mod policy;
mod power;
mod prove;
mod quantity;
mod quota;
mod real_tables;
mod recipes;
mod refusals;
mod rules;
mod run;
mod small_base;
mod stability;
mod stage;
mod stop;
mod support;
mod suppression;
mod timing;
mod tone;
mod units;
mod what_if;
mod why;
