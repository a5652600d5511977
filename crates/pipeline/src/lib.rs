//! The pipeline: configuration, and the stages of a run in order.
//!
//! [`run()`] is the table of contents of a run; `stages/` holds one file a stage; `seam` is where table columns become plain slices.
//!
//! Not here: the terminal, the clock and the environment (crate `cli`), sentences (crate `text`), mathematics (the kernels).

mod calendar;
mod catalogue;
pub mod config;
mod host;
mod job;
mod kernel;
mod plan;
mod run;
mod seam;
mod stages;

pub use host::{Event, Host, Stage};
pub use run::{Outcome, Request, run};
