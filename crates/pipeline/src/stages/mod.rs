//! The stages of a run, one file each.

pub(crate) mod ingest;
