//! The pipeline: configuration, and the stages of a run in order.
//!
//! [`run()`] is the table of contents of a run; `stages/` holds one file a stage; `seam` is where table columns become plain slices.
//!
//! Not here: the terminal, the clock and the environment (crate `cli`), sentences (crate `text`), mathematics (the kernels).

mod additive;
mod arrivals;
pub mod baskets;
mod beginnings;
mod benefit;
mod calendar;
mod catalogue;
pub mod check;
mod checked;
pub mod config;
pub mod convert;
mod copies;
mod dictionary;
mod doubts;
mod earlier;
pub mod evaluation;
mod expression;
mod feature_table;
pub mod flat;
mod history;
mod host;
pub mod inspect;
mod job;
mod kernel;
mod linear;
mod outputs;
mod plan;
mod power;
pub mod prove;
mod recipes;
mod registry;
pub mod report;
mod rule_table;
mod run;
pub mod runs;
mod seam;
mod stages;
mod summary;
mod suppression;
mod threads;
mod tone;
mod units;
pub mod what_if;
pub mod why;
mod words;

pub use copies::CopiesTold;
pub use feature_table::{FeaturesRequest, WrittenFeatures, write_features};
pub use host::{Event, Host, Stage};
pub use osusume_storage::{Fs, Lock, LockInfo, RealFs};
pub use outputs::outputs_page;
pub use power::Power;
pub use run::{Outcome, Ran, Request, run, runs_root};
pub use stages::decide::{CapacityRow, CapacitySummary, DecisionCounts, Stability};
pub use stages::evaluate::{EvaluateRequest, Evaluated, evaluate, evaluations_root};
pub use stages::export::{Exported, export, is_exported};
pub use stages::mine::{FollowSummary, MineSummary, ToldFollow, ToldRule};
pub use summary::{OfferSummary, Pooled, Summary};
pub use threads::with_threads;
