//! How many customers like those learned from were being contacted anyway: how much of a contact's effect a propensity already holds.

use osusume_model::Date;
use osusume_numeric::linalg::linear_rows_at;

use super::drawn::days_covered;
use super::{Arm, ContactRow, Ground};
use crate::stages::train::{Evidence, OfferModel};

/// Rows of one date and how much of their label windows a contact about each offer covers.
pub(super) struct Exposure<'a> {
    ground: &'a Ground<'a>,
    /// First day of the label window, and its days.
    first: Date,
    days: i32,
    /// By offer: the rows with a known outcome, ascending.
    rows: Vec<Vec<u32>>,
    /// By offer: rows with a contact at work and the share of their window it covers, by row.
    covered: Vec<Vec<(u32, f64)>>,
}

impl<'a> Exposure<'a> {
    /// The rows of the newest test, whose window gave every propensity its level; without a test, of the newest date.
    pub(super) fn new(ground: &'a Ground<'a>, offers: &[OfferModel]) -> Self {
        let schedule = ground.schedule;
        let newest = schedule.tests.last().map(|&test| schedule.mature[test]).or(schedule.mature.last().copied());
        let date = newest.unwrap_or(schedule.score).date;
        let of_date = ground.data.rows_of(&[date]);
        Self {
            ground,
            first: date + schedule.label.gap as i32,
            days: schedule.label.horizon as i32,
            rows: (0..offers.len()).map(|offer| ground.data.outcomes(offer, &of_date).rows).collect(),
            covered: vec![Vec::new(); offers.len()],
        }
    }

    /// Adds contacts, by customer.
    pub(super) fn add(&mut self, contacts: &[ContactRow]) {
        let customers = &self.ground.data.customer;
        for of_customer in contacts.chunk_by(|a, b| a.customer == b.customer) {
            let customer = of_customer[0].customer;
            for (offer, rows) in self.rows.iter().enumerate() {
                let made = of_customer.iter().filter(|made| made.arm != Arm::Control && made.offer as usize == offer);
                let days = days_covered(self.first, self.days, made.map(|made| made.day));
                let at = rows.partition_point(|&row| customers[row as usize] < customer);
                let row = rows.get(at).copied().filter(|&row| customers[row as usize] == customer);
                if let Some(row) = row.filter(|_| days > 0) {
                    self.covered[offer].push((row, f64::from(days) / f64::from(self.days)));
                }
            }
        }
    }

    /// Share of the rows covered, weighted by propensity: contacts that chase likely buyers cover more of the takes than of the customers.
    pub(super) fn share(&self, offer: usize, model: &OfferModel) -> f64 {
        let (rows, covered) = (&self.rows[offer], &self.covered[offer]);
        let Evidence::Model(fit) = &model.evidence else {
            return covered.iter().map(|(_, share)| share).sum::<f64>() / rows.len().max(1) as f64;
        };
        let propensities = |rows: &[u32]| -> Vec<f64> {
            let mut eta = vec![0.0; rows.len()];
            linear_rows_at(self.ground.design.x(), rows, &fit.beta, fit.intercept, &mut eta);
            eta.into_iter().map(|eta| model.calibrator.propensity(eta)).collect()
        };
        let total: f64 = propensities(rows).iter().sum();
        let of_covered = propensities(&covered.iter().map(|(row, _)| *row).collect::<Vec<u32>>());
        let sum: f64 = of_covered.iter().zip(covered).map(|(p, (_, share))| p * share).sum();
        if total > 0.0 { (sum / total).clamp(0.0, 1.0) } else { 0.0 }
    }
}
