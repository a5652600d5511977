//! Helpers for tests: golden files, the place of the real data, and the test that holds the layers.
//!
//! Only ever a development dependency.

mod data;
mod golden;

pub use data::{data_dir, repository_root};
pub use golden::check_golden;
