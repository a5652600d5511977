//! Tables of one date: who resembles those who hold an offer. Nothing here says who will take it.
//!
//! The model of an offer learns who holds it from everything but what gives the holding away, and is tested on customers it has not seen.

use osusume_model::{FeatureSpec, Offer, Result};
use osusume_propensity::Prior;
use osusume_propensity::calibration::{Calibrator, calibrate};
use osusume_propensity::design::Design;
use osusume_propensity::folds::{FoldParams, out_of_fold};
use osusume_propensity::logistic::Fit;
use osusume_propensity::shrink::ShrunkRate;

use super::backtest::{Tested, measure};
use super::data::{Outcomes, TrainingData};
use super::fit::{Encoded, Task, fit_alone, problem};
use super::{Evidence, OfferModel};
use crate::catalogue::Goods;
use crate::config::{Config, Role};
use crate::job::Job;
use crate::kernel::propensity_fault;

/// What all offers share.
pub(super) struct Setting<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) data: &'a TrainingData,
    pub(super) encoded: &'a Encoded,
    /// Fold of each training row.
    pub(super) folds: &'a [u8],
    pub(super) goods: &'a Goods,
    pub(super) specs: &'a [FeatureSpec],
}

impl Setting<'_> {
    /// Learns one offer from its holders and those who could hold it, and tests it by folds of customers.
    pub(super) fn offer(
        &self,
        offer: usize,
        outcomes: &Outcomes,
        rate: ShrunkRate,
        hash: impl Fn(u32) -> u64,
    ) -> Result<(OfferModel, Option<Tested>)> {
        let declared = &self.goods.catalogue.offers[offer];
        let positives = outcomes.positives();
        let rows = outcomes.y.len() as u64;
        let withheld = withheld(self.job.config, self.goods, self.specs, declared);
        let mut model = OfferModel {
            key: declared.key.clone(),
            evidence: Evidence::Rate,
            calibrator: Calibrator::IDENTITY,
            rate,
            rows,
            positives,
            tests: Vec::new(),
            gate: None,
            contact: None,
            after: super::After::default(),
            quantity: None,
            withheld: withheld.iter().map(|&feature| self.specs[feature].name.clone()).collect(),
        };
        if positives < self.job.config.train.min_positives || positives == rows {
            return Ok((model, None));
        }
        let narrow = Narrow::new(&self.encoded.design, &withheld, &model.key)?;
        let task = Task { name: &model.key, outcomes };
        let fitted = fit_alone(self.job, &narrow.design, &task)?;
        let tested = self.tested(&narrow, outcomes, &fitted, &model.key)?;
        // Without a test the score was never compared with who holds the product: then the rate says more.
        if let Some(tested) = &tested {
            model.calibrator = tested.calibrator;
            model.tests = vec![measure(tested, hash)];
            model.evidence = Evidence::Model(Box::new(narrow.widen(fitted)));
        }
        Ok((model, tested))
    }

    /// Every customer by the model that left out their fold.
    fn tested(&self, narrow: &Narrow, outcomes: &Outcomes, full: &Fit, offer: &str) -> Result<Option<Tested>> {
        let job = self.job;
        let fold: Vec<u8> = outcomes.rows.iter().map(|&row| self.folds[row as usize]).collect();
        let n_folds = job.config.train.folds as u8;
        let problem = problem(&narrow.design, outcomes);
        let eta = match out_of_fold(&problem, &fold, n_folds, full, &FoldParams::STANDARD, &job.quiet()) {
            Ok(folds) => folds.eta,
            Err(osusume_propensity::Error::OneClassFold { .. }) => return Ok(None),
            Err(error) => return Err(propensity_fault(&error, offer)),
        };
        let customer: Vec<u32> = outcomes.rows.iter().map(|&row| self.data.customer[row as usize]).collect();
        Ok(Some(Tested {
            date: self.data.date[outcomes.rows[0] as usize],
            customer,
            propensity: cross_calibrated(job, &eta, &outcomes.y, &fold, offer)?,
            calibrator: calibrator(job, &eta, &outcomes.y, offer)?,
            y: outcomes.y.clone(),
            base_rate: outcomes.rate(),
            carried: Vec::new(),
        }))
    }
}

/// The calibrator of linear predictors.
fn calibrator(job: &Job<'_>, eta: &[f64], y: &[bool], offer: &str) -> Result<Calibrator> {
    calibrate(eta, y, None, &job.quiet())
        .map(|calibration| calibration.calibrator)
        .map_err(|error| propensity_fault(&error, offer))
}

/// Propensities by calibrators that each left out the fold they are applied to.
fn cross_calibrated(job: &Job<'_>, eta: &[f64], y: &[bool], fold: &[u8], offer: &str) -> Result<Vec<f64>> {
    let mut propensity = vec![0.0; eta.len()];
    for k in 0..job.config.train.folds as u8 {
        let others: Vec<usize> = (0..eta.len()).filter(|&i| fold[i] != k).collect();
        let eta_others: Vec<f64> = others.iter().map(|&i| eta[i]).collect();
        let y_others: Vec<bool> = others.iter().map(|&i| y[i]).collect();
        let calibrator = calibrator(job, &eta_others, &y_others, offer)?;
        for i in (0..eta.len()).filter(|&i| fold[i] == k) {
            propensity[i] = calibrator.propensity(eta[i]);
        }
    }
    Ok(propensity)
}

/// Positions of the features that the model of an offer may not see, since they give away whether it is held: what is held of its own
/// family and of families with a product that requires it, and the attributes that reveal its family.
fn withheld(config: &Config, goods: &Goods, specs: &[FeatureSpec], offer: &Offer) -> Vec<usize> {
    let products = &goods.catalogue.products;
    let requiring = products.iter().filter(|product| product.requires.contains(&offer.family));
    let families: Vec<&str> = requiring.map(|product| product.family.as_str()).chain([offer.family.as_str()]).collect();
    let customers = config.source_of(Role::Customers);
    let gives_away = |spec: &FeatureSpec| match spec.text_key {
        "tier" => families.contains(&spec.subject.as_str()),
        "attribute" => customers
            .and_then(|source| source.reveals.get(&spec.subject))
            .is_some_and(|revealed| revealed.contains(&offer.family)),
        _ => false,
    };
    (0..specs.len()).filter(|&feature| gives_away(&specs[feature])).collect()
}

/// A design without some columns, and the way back.
struct Narrow {
    design: Design,
    /// Position in the wide design of each column.
    columns: Vec<usize>,
    n_wide: usize,
}

impl Narrow {
    /// `withheld`: the raw features whose columns are left out.
    fn new(wide: &Design, withheld: &[usize], offer: &str) -> Result<Self> {
        let is_seen = |column: &usize| !withheld.contains(&(wide.source()[*column] as usize));
        let columns: Vec<usize> = (0..wide.n_cols()).filter(is_seen).collect();
        let x = (0..wide.n_rows()).flat_map(|row| columns.iter().map(move |&column| wide.row(row)[column])).collect();
        let source = columns.iter().map(|&column| wide.source()[column]).collect();
        let design = Design::from_parts(wide.n_rows(), x, source).map_err(|error| propensity_fault(&error, offer))?;
        Ok(Self { design, columns, n_wide: wide.n_cols() })
    }

    /// The fit as one of the wide design, with coefficients of exactly zero for what it has not seen.
    fn widen(&self, fit: Fit) -> Fit {
        let spread = |values: &[f64]| {
            let mut wide = vec![0.0; self.n_wide];
            self.columns.iter().zip(values).for_each(|(&column, &value)| wide[column] = value);
            wide
        };
        let mut hessian_diagonal = spread(&fit.hessian_diagonal);
        hessian_diagonal.extend(fit.hessian_diagonal.last());
        let prior = Prior { precision: spread(&fit.prior.precision), center: spread(&fit.prior.center) };
        Fit { beta: spread(&fit.beta), prior, hessian_diagonal, factor: None, ..fit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_comes_back_as_zero() {
        let x = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let wide = Design::from_parts(2, x, vec![0, 1, 1]).unwrap();
        let narrow = Narrow::new(&wide, &[0], "offer").unwrap();
        assert_eq!((narrow.design.x(), narrow.design.source()), (&[2.0, 3.0, 5.0, 6.0][..], &[1, 1][..]));
        let none = Narrow::new(&wide, &[], "offer").unwrap();
        assert_eq!(none.design, wide);
    }
}
