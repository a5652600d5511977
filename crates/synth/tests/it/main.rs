//! Whole companies: what the tables must hold, and what the truth must look like.

mod same_bytes;
mod sample;
mod support;
