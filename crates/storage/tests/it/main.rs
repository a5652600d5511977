//! Tests of the whole crate: protocol, power cuts, failing operations, mutated files, the real file system.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]
#![expect(clippy::print_stdout, reason = "a campaign reports its counts and seed")]

mod crash;
mod failing;
mod mutated;
mod protocol;
mod real;
mod runs_of_a_shop;
mod spills;
