//! Propensities: raw features to a standardized design matrix, penalized logistic regression, calibration, contributions, scores.
//!
//! The road from data to a propensity: [`encoder::Encoder::fit`] on training rows, [`design::Design::encode`],
//! [`logistic::fit`] for each offer on its eligible rows, [`folds::out_of_fold`], [`calibration::calibrate`],
//! [`score::Scorer::score_block`]; [`contributions::Contributions`] explains a score.
//! [`additive`] is the other kind of model: bins instead of columns, a curve a feature and maps of pairs.
//! All functions work on slices, give the same bits for any number of threads, and poll a [`osusume_model::Control`].
//! `DESIGN.md` beside this crate derives the objective, the penalty and the calibration.
//!
//! ```
//! use osusume_model::NoControl;
//! use osusume_propensity::design::Design;
//! use osusume_propensity::encoder::{Encoder, EncoderParams, RawColumns, RawKind};
//! use osusume_propensity::logistic::{LogisticParams, Penalty, Problem, fit};
//!
//! let tenure = [1.0, 2.0, 3.0, 4.0, f32::NAN, 6.0];
//! let raw = RawColumns { n_rows: 6, columns: &[&tenure], kinds: &[RawKind::Numeric] };
//! let encoder = Encoder::fit(&raw, &[0, 1, 2, 3, 4, 5], &EncoderParams::STANDARD)?;
//! let design = Design::encode(&encoder, &raw)?;
//! let y = [false, false, true, false, true, true];
//! let problem = Problem { design: &design, rows: None, y: &y, weight: None, offset: None };
//! let params = LogisticParams { penalty: Penalty::Fixed(0.1), ..LogisticParams::STANDARD };
//! let model = fit(&problem, &params, None, &NoControl)?;
//! assert!(model.beta[0] > 0.0);
//! # Ok::<(), osusume_propensity::Error>(())
//! ```
//!
//! Not here: windows over events (crate `windows`), metrics of a score (crate `evaluate`), model files (crate `pipeline`).

pub mod additive;
pub mod calibration;
pub mod contributions;
pub mod design;
pub mod elastic_net;
pub mod encoder;
mod encoder_fit;
mod error;
mod evidence;
pub mod folds;
mod hessian;
pub mod logistic;
mod newton;
mod penalty;
pub mod pooled;
mod prior;
mod problem;
pub mod quantity;
pub mod reference;
pub mod score;
pub mod shrink;
mod sweep;
mod team;

pub use error::{Error, OfferError, Warning};
pub use prior::Prior;
