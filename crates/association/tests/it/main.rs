//! The engines and rules against enumeration of every subset.

mod fimi;
mod itemsets;
mod oracle;
mod rules;
