//! The stages of a run, one file or folder each.

pub(crate) mod consents;
pub(crate) mod decide;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod features;
pub(crate) mod guard;
pub(crate) mod ingest;
pub(crate) mod mine;
pub(crate) mod report;
pub(crate) mod score;
pub(crate) mod train;
