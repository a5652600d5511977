//! How the ranking and its offers are measured: the part of `[decide]` that gives some customers something else.

/// Policy arms.
#[derive(Clone, Debug, PartialEq)]
pub struct Learning {
    /// Share of those outside the holdout whose offers are ranked by what a take is worth.
    pub propensity_arm: f64,
    /// Share who get any offer the rules leave; below 1 together.
    pub random_arm: f64,
}
