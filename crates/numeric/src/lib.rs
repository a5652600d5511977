//! Shared numerics: stable elementary functions, fixed-shape sums, small dense linear algebra, distributions, sorting, and the SIMD dispatch.
//!
//! Everything gives the same bits on every processor and for any number of threads: no platform `exp` or `ln`, no multiplication fused
//! with an addition but by name, constant lane counts and block sizes.
//!
//! Not here: models (crate `propensity`), metrics (crate `evaluate`).

pub mod dispatch;
pub mod distributions;
pub mod elementary;
pub mod linalg;
pub mod sort;
pub mod sums;
