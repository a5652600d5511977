//! Encoding and scoring a block of customers for all offers at once.

use rayon::prelude::*;

use osusume_model::Control;
use osusume_numeric::dispatch;
use osusume_numeric::elementary::sigmoid;
use osusume_numeric::linalg::mixed_dot;

use crate::calibration::Calibrator;
use crate::design::STRIP_ROWS;
use crate::encoder::{Encoder, RawColumns};
use crate::error::{Error, check_control, check_len};
use crate::logistic::Fit;

/// Strips between two polls of the control.
const STRIPS_A_POLL: usize = 64;

/// An encoder and the models of all offers, ready to score.
#[derive(Clone, Debug, PartialEq)]
pub struct Scorer {
    encoder: Encoder,
    /// Calibrated coefficients, `n_offers × n_cols`.
    beta: Vec<f64>,
    /// Calibrated intercepts.
    intercept: Vec<f64>,
}

impl Scorer {
    /// A scorer without offers.
    pub fn new(encoder: Encoder) -> Self {
        Self { encoder, beta: Vec::new(), intercept: Vec::new() }
    }

    /// Appends an offer: log-odds = slope (xβ + intercept) + calibrator intercept.
    ///
    /// # Errors
    /// [`Error::Shape`] when `beta` does not have the encoder's columns, [`Error::NotFinite`].
    pub fn push_offer(&mut self, beta: &[f64], intercept: f64, calibrator: &Calibrator) -> Result<(), Error> {
        check_len("beta", beta.len(), self.encoder.n_cols())?;
        let combined = calibrator.log_odds(intercept);
        crate::error::check_finite("beta", beta)?;
        crate::error::check_finite("intercept", &[combined])?;
        self.beta.extend(beta.iter().map(|beta| calibrator.slope * beta));
        self.intercept.push(combined);
        Ok(())
    }

    /// Appends the offer of a fit.
    ///
    /// # Errors
    /// As [`Scorer::push_offer`].
    pub fn push_fit(&mut self, fit: &Fit, calibrator: &Calibrator) -> Result<(), Error> {
        self.push_offer(&fit.beta, fit.intercept, calibrator)
    }

    /// Number of offers.
    pub fn n_offers(&self) -> usize {
        self.intercept.len()
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Propensities of all rows of a raw block for all offers. Sets `out` (`raw.n_rows × n_offers`, row-major). Sums in f64.
    ///
    /// Strips of rows run in parallel; each row depends on itself alone, so neither blocks nor threads change a bit.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Stopped`].
    pub fn score_block(&self, raw: &RawColumns<'_>, out: &mut [f32], control: &dyn Control) -> Result<(), Error> {
        self.encoder.check_raw(raw)?;
        let n_offers = self.n_offers();
        check_len("out", out.len(), raw.n_rows * n_offers)?;
        if out.is_empty() {
            return Ok(());
        }
        for (part, out) in out.chunks_mut(STRIP_ROWS * STRIPS_A_POLL * n_offers).enumerate() {
            check_control(control)?;
            let first = part * STRIP_ROWS * STRIPS_A_POLL;
            out.par_chunks_mut(STRIP_ROWS * n_offers).enumerate().for_each(|(strip, out)| {
                self.score_strip(raw, first + strip * STRIP_ROWS, out);
            });
            control.progress((first + out.len() / n_offers) as u64, raw.n_rows as u64);
        }
        Ok(())
    }

    fn score_strip(&self, raw: &RawColumns<'_>, start: usize, out: &mut [f32]) {
        let n_rows = out.len() / self.n_offers();
        let mut x = vec![0.0; n_rows * self.encoder.n_cols()];
        if !x.is_empty() {
            self.encoder.encode_strip(raw, start..start + n_rows, &mut x);
        }
        score_rows(&x, &self.beta, &self.intercept, self.encoder.n_cols(), out);
    }

    /// Calibrated log-odds of one encoded row for one offer.
    pub fn log_odds(&self, x: &[f32], offer: usize) -> f64 {
        let d = self.encoder.n_cols();
        self.intercept[offer] + mixed_dot(x, &self.beta[offer * d..(offer + 1) * d])
    }
}

dispatch! {
    fn score_rows(x: &[f32], beta: &[f64], intercept: &[f64], d: usize, out: &mut [f32]) {
        let n_offers = intercept.len();
        for (row, out) in out.chunks_exact_mut(n_offers).enumerate() {
            let x = &x[row * d..(row + 1) * d];
            for (offer, out) in out.iter_mut().enumerate() {
                let eta = intercept[offer] + mixed_dot(x, &beta[offer * d..(offer + 1) * d]);
                *out = sigmoid(eta) as f32;
            }
        }
    }
}
