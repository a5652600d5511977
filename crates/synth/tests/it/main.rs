//! Whole companies: what the tables must hold, and what the truth must look like.

#![expect(clippy::unwrap_used, reason = "a test that cannot read what it generated has failed")]

mod covariates;
mod other_worlds;
mod respond;
mod same_bytes;
mod sample;
mod support;
mod tables;
mod truth;
mod worth;
