//! Point-in-time aggregates over event slices, holdings as they were known, and labels: everything that depends on an as-of instant.
//!
//! One forward pass a customer serves every as-of instant, window and aggregate ([`aggregate()`]); holdings are read as of each instant
//! with their own arrivals ([`holdings_as_of`]); labels look the other way in time ([`offer_labels`], [`category_labels`]).
//! What became of customers afterwards is read by [`add_held_revenue`], [`add_payments`] and [`was_held`].
//! A row is visible at `T` only if it happened before `T` and had arrived before `T`; nothing else can reach an output.
//!
//! Main types: [`Events`], [`Cutoffs`], [`Aggregate`], [`Plan`], [`Intervals`], [`Ladder`], [`Purchases`], [`Label`].
//!
//! ```
//! use osusume_windows::{aggregate, Aggregate, ColumnKind, Cutoffs, EventColumn, EventValues, Events, Measure, Plan, Span};
//! // One customer with two purchases; the second one happens exactly at the as-of instant and is not seen.
//! let columns = [EventColumn { values: EventValues::Money(&[300, 500]), valid: None }];
//! let events = Events { offsets: &[0, 2], at: &[10, 100], arrived: None, columns: &columns };
//! let cutoffs = Cutoffs::new(vec![100], vec![Span { start: 0, end: 100 }])?;
//! let sum = Aggregate { measure: Measure::Sum(0), filter: None, window: 0 };
//! let plan = Plan::new(&[sum], &[ColumnKind::Money], 1)?;
//! let mut out = [0.0_f32];
//! aggregate(&events, &cutoffs, &plan, &mut out, &osusume_model::NoControl)?;
//! assert_eq!(out, [300.0]);
//! # Ok::<(), osusume_windows::Error>(())
//! ```
//!
//! Not here: calendars and zones (resolved at the seam of crate `pipeline`), Arrow columns, models.

#![warn(missing_docs)]

mod aggregate;
mod counted;
mod decay;
mod double;
mod error;
mod events;
mod group;
mod intervals;
mod labels;
mod levels;
mod outcomes;
mod plan;
mod purchases;
mod quantile;
mod quota;
mod segment_plan;
mod segments;
mod split;
mod streak;
mod takes;

pub use aggregate::{Cell, Scratch, aggregate, aggregate_block};
pub use counted::{UnitsTaken, units_taken};
pub use error::Error;
pub use events::{Cutoffs, EventColumn, EventValues, Events, Span, earlier_start};
pub use intervals::{HoldingState, Intervals, Maybe, held_quantities, holdings_as_of, holds_anything};
pub use labels::{Label, LabelWindow, Labels, NO_TAKE, OfferRule, Truth, holder_labels, offer_labels};
pub use outcomes::{Payments, add_held_revenue, add_payments, was_held};
pub use plan::{Aggregate, Amount, ColumnKind, Filter, Measure, Plan};
pub use purchases::{CategoryWindow, Purchases, category_labels};
pub use quota::{Counted, Limit, QuotaCell, QuotaRows, QuotaUse, quota_cells, quota_use};
pub use split::{PositiveTake, check_disjoint_takes, is_purged};
pub use takes::{Ladder, Take, find_takes};
