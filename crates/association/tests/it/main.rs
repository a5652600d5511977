//! The engines and rules against enumeration of every subset.

mod discoveries;
mod fimi;
mod follow;
mod groceries;
mod itemsets;
mod lives;
mod measures;
mod oracle;
mod planted;
mod restricted;
mod rules;
mod worlds;
