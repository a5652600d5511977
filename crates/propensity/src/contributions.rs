//! Which raw features moved a customer's log-odds away from the average customer's.

use crate::calibration::Calibrator;
use crate::error::{Error, check_len};
use crate::logistic::Fit;

/// Adds up exact contributions in log-odds by group of raw features.
///
/// A column contributes slope · βⱼ (xⱼ − x̄ⱼ), where x̄ⱼ is its training mean: 0, since design columns are centered. Therefore
/// calibrated log-odds = slope · intercept + calibrator intercept + Σ contributions, exactly up to rounding; the first two terms are
/// [`Contributions::reference`], the log-odds of a customer at the mean of every column.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributions {
    /// slope · βⱼ.
    effect: Vec<f64>,
    /// Group of each design column.
    group: Vec<u32>,
    n_groups: usize,
    reference: f64,
}

impl Contributions {
    /// Prepares a model: `source[j]` is the raw feature of design column j, `group[f]` the caller's group of raw feature f.
    ///
    /// # Errors
    /// [`Error::Shape`] when the model, the columns and the groups disagree.
    pub fn new(
        beta: &[f64],
        intercept: f64,
        calibrator: &Calibrator,
        source: &[u32],
        group: &[u32],
    ) -> Result<Self, Error> {
        check_len("source", source.len(), beta.len())?;
        let of_column: Option<Vec<u32>> = source.iter().map(|raw| group.get(*raw as usize).copied()).collect();
        let Some(of_column) = of_column else {
            let expected = source.iter().max().map_or(0, |raw| *raw as usize + 1);
            return Err(Error::Shape { what: "group", got: group.len(), expected });
        };
        Ok(Self {
            effect: beta.iter().map(|beta| calibrator.slope * beta).collect(),
            group: of_column,
            n_groups: group.iter().max().map_or(0, |group| *group as usize + 1),
            reference: calibrator.log_odds(intercept),
        })
    }

    /// As [`Contributions::new`] for a fit.
    ///
    /// # Errors
    /// As [`Contributions::new`].
    pub fn of_fit(fit: &Fit, calibrator: &Calibrator, source: &[u32], group: &[u32]) -> Result<Self, Error> {
        Self::new(&fit.beta, fit.intercept, calibrator, source, group)
    }

    /// Number of groups: the largest group of any raw feature, plus 1.
    pub fn n_groups(&self) -> usize {
        self.n_groups
    }

    /// Calibrated log-odds of a customer at the mean of every column.
    pub fn reference(&self) -> f64 {
        self.reference
    }

    /// Contributions of one encoded row (length `n_cols`). Sets `out` (length [`Contributions::n_groups`]), in log-odds.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn of_row(&self, x: &[f32], out: &mut [f64]) -> Result<(), Error> {
        check_len("x", x.len(), self.effect.len())?;
        check_len("out", out.len(), self.n_groups)?;
        out.fill(0.0);
        for ((x, effect), group) in x.iter().zip(&self.effect).zip(&self.group) {
            out[*group as usize] += effect * f64::from(*x);
        }
        Ok(())
    }
}
