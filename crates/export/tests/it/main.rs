//! Deliveries as destinations receive them.
//!
//! `UPDATE_GOLDEN=1 cargo test -p osusume-export` writes the golden files anew; the difference is read before it is committed.

#![expect(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod csv_files;
mod faults;
mod golden;
mod published;
mod shop;
