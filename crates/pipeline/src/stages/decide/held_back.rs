//! Offers single customers are never made, so that the effect of each can be measured while everything else goes on.

use osusume_decide::{Holdout, Rule};
use osusume_model::{Code, Control, Fault, OfferId, Result, check_stop};
use osusume_storage::{Fs, Run};
use osusume_tables::arrow::array::AsArray;
use osusume_tables::{CustomerIndex, read_batches};

use super::DECISIONS;
use super::explorers::texts;
use crate::checked::Checked;
use crate::config::Decide;
use crate::units::Units;

/// Customers and the offers they are held out of.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldBack {
    /// Ascending.
    pairs: Vec<(u32, OfferId)>,
}

impl HeldBack {
    /// Draws them by hash, every offer apart from the others, from the holdout and from the arms; households as a whole.
    pub(crate) fn draw(decide: &Decide, offers: &[String], tables: &Checked, units: &Units) -> Self {
        let of = |(offer, key): (usize, &String)| {
            let salt = format!("{}/offer/{key}", decide.holdout_salt.reveal());
            let holdout = Holdout { salt, fraction: decide.learning.held_back(key) };
            (holdout.fraction > 0.0).then_some((OfferId(offer as u32), holdout))
        };
        let holdouts: Vec<(OfferId, Holdout)> = offers.iter().enumerate().filter_map(of).collect();
        let mut pairs = Vec::new();
        if !holdouts.is_empty() {
            for customer in 0..tables.n_customers() {
                let id = units.id(customer).as_bytes();
                let held = holdouts.iter().filter(|(_, holdout)| holdout.contains(id));
                pairs.extend(held.map(|(offer, _)| (customer, *offer)));
            }
        }
        Self { pairs }
    }

    /// Those of a published run, as its decisions have them.
    ///
    /// # Errors
    /// `FileDamaged`, faults of reading, and a stop asked for.
    pub(crate) fn published(
        fs: &dyn Fs,
        run: &Run,
        (customers, offers): (&CustomerIndex, &[String]),
        decide: &Decide,
        control: &dyn Control,
    ) -> Result<Self> {
        let mut pairs = Vec::new();
        let asked: Vec<usize> = (0..offers.len()).filter(|&at| decide.learning.held_back(&offers[at]) > 0.0).collect();
        if asked.is_empty() {
            return Ok(Self { pairs });
        }
        let path = run.path_of(DECISIONS)?;
        let mut columns = vec!["customer_id"];
        columns.extend(asked.iter().map(|&at| offers[at].as_str()));
        for batch in read_batches(fs, &path, &columns)? {
            check_stop(control)?;
            let batch = batch?;
            let at = batch.schema().index_of("customer_id").unwrap_or(0);
            let ids = texts(&batch, at, &path)?;
            for &offer in &asked {
                let words = batch.column_by_name(&offers[offer]).and_then(|column| column.as_string_opt::<i32>());
                let words = words.ok_or_else(|| {
                    Fault::new(Code::FileDamaged).in_file(path.display().to_string()).because("not text")
                })?;
                let held = (0..batch.num_rows()).filter(|&row| words.value(row) == Rule::OfferHoldout.id());
                let customer = |row: usize| customers.find(ids.value(row));
                pairs.extend(held.filter_map(customer).map(|customer| (customer, OfferId(offer as u32))));
            }
        }
        pairs.sort_unstable();
        Ok(Self { pairs })
    }

    /// The offers a customer is held out of, ascending.
    pub(super) fn of(&self, customer: u32) -> &[(u32, OfferId)] {
        let first = self.pairs.partition_point(|(other, _)| *other < customer);
        let n = self.pairs[first..].partition_point(|(other, _)| *other == customer);
        &self.pairs[first..first + n]
    }

    /// Customers × offers: held out of it; empty where nobody is.
    pub(super) fn of_block(&self, customers: &[u32], n_offers: usize) -> Vec<bool> {
        if self.pairs.is_empty() {
            return Vec::new();
        }
        let mut is_held = vec![false; customers.len() * n_offers];
        for (position, &customer) in customers.iter().enumerate() {
            for (_, offer) in self.of(customer) {
                is_held[position * n_offers + offer.0 as usize] = true;
            }
        }
        is_held
    }
}
