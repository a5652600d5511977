//! Companies with a known truth: customers who live, need, use, complain, buy and leave by rules no model here knows.
//!
//! A [`World`] is read from a world file (`docs/world-file.md`); [`generate`] writes its tables and, apart, the truth behind them;
//! [`respond`] plays the customers' answers to any table of offers.
//! Every customer has random streams of its own, so the bytes depend on the seed alone and never on threads or on other customers.
//!
//! ```
//! let world = osusume_synth::World::isp();
//! assert_eq!(world.end().to_string(), "2026-10-01");
//! assert!(world.offer_keys().contains(&"line_1g"));
//! ```
//!
//! Not here: anything of features, models or decisions; nothing here is shared with them, so that nobody marks their own exam.

mod baskets;
mod check;
mod columns;
mod covariates;
mod generate;
mod hazard;
mod household;
mod life;
mod log;
mod math;
mod person;
mod plan;
mod reference;
mod respond;
mod rng;
mod rows;
pub mod schema;
mod truth;
mod world;
mod worth;

pub use generate::{Options, Summary, Written, generate};
pub use reference::world_file_reference;
pub use respond::{Answers, Delivery, RespondOptions, Reveal, Truth, respond};
pub use world::World;
