//! Tests about the repository itself.

mod layering;
mod shape;
