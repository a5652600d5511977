//! Tests of the crate through its public functions: oracles that rescan everything, boundaries, and one case for each clause of a take.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![expect(clippy::float_cmp, reason = "values here are exact, or NaN, and the tests say so")]

mod aggregates;
mod counted;
mod holdings;
mod leakage;
mod oracle;
mod outcomes;
mod purchases;
mod quota;
mod rejects;
mod split;
mod takes;
mod world;
