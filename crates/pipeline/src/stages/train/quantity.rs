//! How many units a taker takes of an offer sold in numbers.

use osusume_model::Result;
use osusume_propensity::design::Design;
use osusume_propensity::encoder::{Encoder, EncoderParams, RawColumns};
use osusume_propensity::quantity::{FEWEST_TAKERS, QuantityBasis, QuantityFit, QuantityPrior, Takers, fit_quantity};
use rayon::prelude::*;
use serde::Serialize;

use super::OfferModel;
use super::data::TrainingData;
use crate::catalogue::Goods;
use crate::job::Job;
use crate::kernel::propensity_fault;
use crate::linear::{Coefficient, RawFeature, coefficient};

/// What was learned of the units of one offer.
#[derive(Clone, Debug)]
pub(crate) struct Quantity {
    /// The columns of the takers; none where the fit has no coefficients.
    encoder: Encoder,
    pub(crate) fit: QuantityFit,
}

/// The same in the model file: `exp(intercept + Σ beta · column)`, between the bounds.
#[derive(Debug, Serialize)]
pub(super) struct QuantityFile {
    basis: &'static str,
    takers: u64,
    mean: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lambda: Option<f64>,
    /// Share of the deviance of the mean that the regression explains out of fold.
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<f64>,
    intercept: f64,
    bounds: [f64; 2],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<Coefficient>,
}

impl Quantity {
    pub(super) fn file(&self, features: &[RawFeature<'_>]) -> QuantityFile {
        let fit = &self.fit;
        let columns = self.encoder.columns.iter().zip(&fit.beta);
        QuantityFile {
            basis: basis(fit.basis),
            takers: fit.takers as u64,
            mean: fit.mean,
            lambda: fit.lambda,
            explained: fit.explained,
            intercept: fit.intercept,
            bounds: fit.bounds,
            columns: columns.map(|(column, &beta)| coefficient(column, beta, None, features)).collect(),
        }
    }

    /// Sets `out` to the expected units of every row.
    fn predict(&self, raw: &RawColumns<'_>, out: &mut [f32]) -> Result<()> {
        let n_cols = self.encoder.n_cols();
        if n_cols == 0 {
            out.fill(self.fit.predict(&[]) as f32);
            return Ok(());
        }
        let design = Design::encode(&self.encoder, raw).map_err(|error| propensity_fault(&error, "quantity"))?;
        out.par_iter_mut().enumerate().for_each(|(row, out)| *out = self.fit.predict(design.row(row)) as f32);
        Ok(())
    }
}

/// The word in model files.
fn basis(basis: QuantityBasis) -> &'static str {
    match basis {
        QuantityBasis::Model => "model",
        QuantityBasis::Mean => "mean",
        QuantityBasis::Prior => "prior",
    }
}

/// Learns the units of every offer sold in numbers, from the takers among `rows`, each take once.
///
/// # Errors
/// `NotConverged`, a stop asked for.
pub(super) fn tell(
    job: &Job<'_>,
    (data, folds): (&TrainingData, &[u8]),
    goods: &Goods,
    rows: &[u32],
    offers: &mut [OfferModel],
) -> Result<()> {
    for (offer, _) in goods.counted() {
        job.check_stop()?;
        let taken = Taken::of(data, offer, rows);
        offers[offer].quantity = Some(taken.learn(job, data, folds, &offers[offer].key)?);
    }
    Ok(())
}

/// Takes of one offer: the row of each and its units.
struct Taken {
    rows: Vec<u32>,
    units: Vec<f64>,
}

impl Taken {
    /// The same take is a positive of several dates; the row of the last date before it knows most of it.
    fn of(data: &TrainingData, offer: usize, rows: &[u32]) -> Self {
        let (outcomes, times) = (data.outcomes(offer, rows), data.take_times(offer));
        let units = data.units(offer).unwrap_or_default();
        let mut taken = Self { rows: Vec::new(), units: Vec::new() };
        let mut before = None;
        for row in outcomes.rows {
            let (Some(at), Some(Some(n))) = (times[row as usize], units.get(row as usize)) else { continue };
            let take = Some((data.customer[row as usize], at));
            // Rows are by customer and date, so those of one take follow each other.
            if before == take {
                taken.rows.pop();
                taken.units.pop();
            }
            taken.rows.push(row);
            taken.units.push(*n as f64);
            before = take;
        }
        taken
    }

    fn learn(&self, job: &Job<'_>, data: &TrainingData, folds: &[u8], key: &str) -> Result<Quantity> {
        let fault = |error: osusume_propensity::Error| propensity_fault(&error, key);
        let n = self.rows.len();
        let nothing = Encoder { kinds: data.kinds().to_vec(), columns: Vec::new(), dropped: Vec::new() };
        let columns = if n < FEWEST_TAKERS { Vec::new() } else { data.columns_of(&self.rows) };
        let slices: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
        let (encoder, design) = if columns.is_empty() {
            (nothing.clone(), Design::from_parts(n, Vec::new(), Vec::new()).map_err(fault)?)
        } else {
            let raw = RawColumns { n_rows: n, columns: &slices, kinds: data.kinds() };
            let all: Vec<u32> = (0..n as u32).collect();
            let encoder = Encoder::fit(&raw, &all, &EncoderParams::WINDOWS).map_err(fault)?;
            let design = Design::encode(&encoder, &raw).map_err(fault)?;
            (encoder, design)
        };
        let fold: Vec<u8> = self.rows.iter().map(|&row| folds[row as usize]).collect();
        let positions: Vec<u32> = (0..n as u32).collect();
        let takers = Takers {
            design: &design,
            rows: &positions,
            quantity: &self.units,
            fold: &fold,
            n_folds: job.config.train.folds as u8,
        };
        let fit = fit_quantity(&takers, &QuantityPrior::STANDARD, &job.quiet()).map_err(fault)?;
        if fit.basis == QuantityBasis::Model {
            return Ok(Quantity { encoder, fit });
        }
        Ok(Quantity { encoder: nothing, fit: QuantityFit { beta: Vec::new(), ..fit } })
    }
}

/// The expected units of every row of a block, rows × offers, `None` of what is not sold in numbers; `None` where nothing is.
///
/// # Errors
/// `Bug` for columns that are not those learned from.
pub(crate) fn expected(offers: &[OfferModel], raw: &RawColumns<'_>) -> Result<Option<Vec<Option<f32>>>> {
    if offers.iter().all(|offer| offer.quantity.is_none()) {
        return Ok(None);
    }
    let mut units = vec![None; raw.n_rows * offers.len()];
    let mut column = vec![0.0; raw.n_rows];
    for (at, quantity) in offers.iter().enumerate().filter_map(|(at, offer)| Some((at, offer.quantity.as_ref()?))) {
        quantity.predict(raw, &mut column)?;
        let cells = units.iter_mut().skip(at).step_by(offers.len());
        cells.zip(&column).for_each(|(cell, &expected)| *cell = Some(expected));
    }
    Ok(Some(units))
}
