//! How good a ranking or a probability is (AUC, log loss, Brier score, calibration, deciles, gains, hits), and what offers added, with
//! intervals.
//!
//! Functions on plain slices: `scores` or `probabilities`, and `labels` of the same length (a different length is a broken invariant).
//! Where a customer stands in many rows, `clusters` gives each row's customer and the variances follow the customers instead of the rows.
//! Sums run in row order, and orders are total, so the same rows give the same bits.
//!
//! Main entries: [`auc`], [`auc_difference`], [`log_loss`], [`brier`], [`observed_over_expected`], [`slope_and_intercept`],
//! [`pooled_slope`], [`decile_table`], [`bands()`], [`hits_at_k`]; and of what an assignment added: [`rate_effect`], [`mean_effect`],
//! [`share_left`] for whom a draw set apart, [`against_expected`] for what a run had promised, and [`contact_effects`] over all offers; and of a group beside everybody: [`ratio_to_everybody`].
//!
//! ```
//! let (scores, labels) = ([0.1, 0.4, 0.35, 0.8], [false, false, true, true]);
//! assert_eq!(osusume_evaluate::auc(&scores, &labels), Ok(0.75));
//! ```
//!
//! Not here: fitting of models or calibrators (crate `propensity`), splits by customer and time (crate `pipeline`).

mod apart;
mod auc;
mod audit;
mod bands;
mod bins;
mod calibration;
mod cluster;
mod contact;
mod effect;
mod error;
mod expected;
mod gains;
mod hits;
mod loss;
mod slope;

pub use apart::share_left;
pub use auc::{AucDifference, AucEstimate, auc, auc_difference, auc_estimate};
pub use audit::ratio_to_everybody;
pub use bands::{Band, Tenth, bands, tenths};
pub use calibration::{ObservedOverExpected, ReliabilityBin, observed_over_expected, reliability_bins};
pub use contact::{ArmCount, Comparison, ContactEffect, Experiment, ResponsePrior, comparison, contact_effects, split};
pub use effect::{Assignment, Effect, MIN_CLUSTERS, NoInterval, adjusted, mean_effect, rate_effect};
pub use error::{EvaluateError, Result};
pub use expected::{Came, against_expected, offered_rate};
pub use gains::{Decile, decile_table, deciles, kolmogorov_smirnov};
pub use hits::{Hits, hits_at_k};
pub use loss::{Brier, brier, log_loss};
pub use slope::{Estimate, PooledSlope, Rows, SlopeAndIntercept, pooled_slope, slope_and_intercept};
