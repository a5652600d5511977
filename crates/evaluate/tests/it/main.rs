//! Coverage of intervals in worlds whose truth is known.

mod contact;
mod coverage;
mod drawn;
mod lanes;
mod world;
