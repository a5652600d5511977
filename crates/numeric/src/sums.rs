//! Sums of fixed shape.
