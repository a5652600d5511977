//! Coverage of intervals in worlds whose truth is known.

mod coverage;
mod world;
