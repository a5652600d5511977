//! Additive logistic regression: a curve a feature, maps of the pairs that need one, every smoothness learned.
//!
//! Numbers fall into at most 128 bins and categories into their levels ([`bins`]); each bin has one coefficient ([`terms`]), where there
//! are many the same in neighbors whose rates hardly differ (`merge.rs`).
//! Neighboring bins are drawn together and all are drawn to zero, as strongly as the evidence says for each feature (`evidence.rs`).
//! Where the residuals of the curves show that two features act together, a coarse map of the pair joins ([`pairs`]).
//! `DESIGN.md` beside this crate derives the objective and the updates.
//!
//! ```
//! use osusume_model::NoControl;
//! use osusume_propensity::additive::bins::Bins;
//! use osusume_propensity::additive::fit::{AdditiveParams, Problem, fit};
//! use osusume_propensity::encoder::{RawColumns, RawKind};
//!
//! let age: Vec<f32> = (0..400).map(|i| (i % 50) as f32).collect();
//! let y: Vec<bool> = (0..400).map(|i| (20..30).contains(&(i % 50)) != (i % 11 == 0)).collect();
//! let raw = RawColumns { n_rows: 400, columns: &[&age], kinds: &[RawKind::Numeric] };
//! let bins = Bins::fit(&raw, 10)?;
//! let codes = bins.encode(&raw)?;
//! let problem = Problem { bins: &bins, codes: &codes, y: &y, weight: None };
//! let fitted = fit(&problem, &AdditiveParams::STANDARD, &NoControl)?;
//! let eta = fitted.model.eta(&codes)?;
//! assert!(eta[25] > 0.0 && eta[5] < 0.0 && eta[45] < 0.0);
//! # Ok::<(), osusume_propensity::Error>(())
//! ```

pub mod basis;
mod binned;
pub mod bins;
mod cells;
mod evidence;
pub mod fit;
pub mod folds;
mod merge;
pub mod model;
pub mod monotone;
pub mod pairs;
mod penalty;
pub mod score;
pub mod screen;
mod search;
pub mod terms;
