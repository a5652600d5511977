//! Sources through ingest and back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod basket_lines;
mod common;
mod ingest;
mod journey;
mod malformed;
mod named;
mod parquet_input;
mod parquet_mutations;
