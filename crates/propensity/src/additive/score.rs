//! Scoring a block of customers for all offers at once: a table lookup a term.

use osusume_model::Control;
use osusume_numeric::elementary::sigmoid;
use rayon::prelude::*;

use crate::additive::bins::Bins;
use crate::additive::model::Additive;
use crate::additive::terms::Term;
use crate::calibration::Calibrator;
use crate::design::STRIP_ROWS;
use crate::encoder::RawColumns;
use crate::error::{Error, check_control, check_len};

/// Strips between two polls of the control.
const STRIPS_A_POLL: usize = 64;

/// The models of all offers over the same bins and terms, ready to score.
#[derive(Clone, Debug, PartialEq)]
pub struct AdditiveScorer {
    bins: Bins,
    terms: Vec<Term>,
    n_offers: usize,
    /// By term: the calibrated log-odds of each cell for every offer, cell by cell.
    tables: Vec<Vec<f64>>,
    /// Calibrated intercepts.
    intercept: Vec<f64>,
}

/// What an offer's propensity comes from.
#[derive(Clone, Copy, Debug)]
pub enum OfferGround<'a> {
    /// A model and what calibrates it.
    Model(&'a Additive, Calibrator),
    /// Log-odds that are the same for everybody.
    LogOdds(f64),
}

impl AdditiveScorer {
    /// A scorer of offers over the same bins and terms.
    ///
    /// # Errors
    /// [`Error::Shape`] when a model's terms are not `terms`, [`Error::NotFinite`].
    pub fn new(bins: &Bins, terms: &[Term], offers: &[OfferGround<'_>]) -> Result<Self, Error> {
        let n_offers = offers.len();
        let mut tables: Vec<Vec<f64>> = terms.iter().map(|term| vec![0.0; term.size(bins) * n_offers]).collect();
        let mut intercept = Vec::with_capacity(n_offers);
        for (offer, model) in offers.iter().enumerate() {
            let (model, calibrator) = match model {
                OfferGround::Model(model, calibrator) => (model, calibrator),
                OfferGround::LogOdds(log_odds) => {
                    intercept.push(*log_odds);
                    continue;
                }
            };
            if model.terms != terms {
                return Err(Error::Shape { what: "terms", got: model.terms.len(), expected: terms.len() });
            }
            intercept.push(calibrator.log_odds(model.intercept));
            for (table, coefficients) in tables.iter_mut().zip(&model.coefficients) {
                check_len("coefficients", coefficients.len() * n_offers, table.len())?;
                crate::error::check_finite("coefficients", coefficients)?;
                let cells = table[offer..].iter_mut().step_by(n_offers);
                cells.zip(coefficients).for_each(|(cell, b)| *cell = calibrator.slope * b);
            }
        }
        crate::error::check_finite("intercept", &intercept)?;
        Ok(Self { bins: bins.clone(), terms: terms.to_vec(), n_offers, tables, intercept })
    }

    /// Number of offers.
    pub fn n_offers(&self) -> usize {
        self.n_offers
    }

    /// Propensities of all rows of a raw block for all offers. Sets `out` (`raw.n_rows × n_offers`, row-major). Sums in f64, in the order
    /// of the terms; each row depends on itself alone, so neither blocks nor threads change a bit.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Stopped`].
    pub fn score_block(&self, raw: &RawColumns<'_>, out: &mut [f32], control: &dyn Control) -> Result<(), Error> {
        check_len("columns", raw.columns.len(), self.bins.kinds.len())?;
        raw.columns.iter().try_for_each(|column| check_len("column", column.len(), raw.n_rows))?;
        check_len("out", out.len(), raw.n_rows * self.n_offers)?;
        if out.is_empty() {
            return Ok(());
        }
        for (part, out) in out.chunks_mut(STRIP_ROWS * STRIPS_A_POLL * self.n_offers).enumerate() {
            check_control(control)?;
            let first = part * STRIP_ROWS * STRIPS_A_POLL;
            out.par_chunks_mut(STRIP_ROWS * self.n_offers).enumerate().for_each(|(strip, out)| {
                self.score_strip(raw, first + strip * STRIP_ROWS, out);
            });
            control.progress((first + out.len() / self.n_offers) as u64, raw.n_rows as u64);
        }
        Ok(())
    }

    fn score_strip(&self, raw: &RawColumns<'_>, start: usize, out: &mut [f32]) {
        let n_rows = out.len() / self.n_offers;
        let rows = start..start + n_rows;
        // Feature by feature: codes of a strip stay in the first-level cache, and so does one table.
        let codes: Vec<Vec<u8>> = self
            .bins
            .features
            .iter()
            .map(|feature| raw.columns[feature.raw as usize][rows.clone()].iter().map(|v| feature.code(*v)).collect())
            .collect();
        let mut eta = self.intercept.repeat(n_rows);
        for (term, table) in self.terms.iter().zip(&self.tables) {
            for (row, eta) in eta.chunks_exact_mut(self.n_offers).enumerate() {
                let Some(cell) = term.cell_by(|feature| codes[feature][row]) else { continue };
                let effects = &table[cell * self.n_offers..(cell + 1) * self.n_offers];
                eta.iter_mut().zip(effects).for_each(|(eta, effect)| *eta += effect);
            }
        }
        out.iter_mut().zip(&eta).for_each(|(out, eta)| *out = sigmoid(*eta) as f32);
    }
}
