//! The verbs, one file each.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod convert;
pub(crate) mod demo;
pub(crate) mod evaluate;
pub(crate) mod explain;
pub(crate) mod features;
pub(crate) mod flat;
pub(crate) mod inspect;
pub(crate) mod mine;
pub(crate) mod prove;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod synth;
pub(crate) mod what_if;
pub(crate) mod why;
