//! Stable radix sorts.
