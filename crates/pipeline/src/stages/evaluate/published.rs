//! What the run decided, with customers as the tables number them now.

use std::collections::BTreeSet;
use std::path::Path;

use osusume_model::Result;
use osusume_storage::{Fs, Run};
use osusume_tables::arrow::array::{Array, AsArray, Float64Array, RecordBatch, StringArray};
use osusume_tables::arrow::datatypes::Float64Type;
use osusume_tables::{CustomerIndex, read_batches, read_metadata};

use super::damaged;
use crate::stages::decide::{self, DECISIONS, OFFERS, SHADOW};
use crate::stages::score::{SCORES, propensities};

/// Position of the holdout in what has an entry an arm.
pub(super) const HOLDOUT: usize = 0;
/// Position of those whom the ranking decided.
pub(super) const OFFER: usize = 1;
/// The words of all arms, by position; those after the first two were decided by another policy.
pub(super) const ARMS: [&str; 4] = [decide::HOLDOUT, decide::OFFER, decide::PROPENSITY, decide::RANDOM];

/// A customer an offer was assigned to, or would have been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assigned {
    pub(super) customer: u32,
    pub(super) propensity: f64,
    pub(super) probability: f64,
}

/// One arm of an offer.
#[derive(Clone, Debug, Default)]
pub(super) struct ArmRows {
    pub(super) rows: Vec<Assigned>,
    /// Rows of customers who are in no table any more.
    pub(super) lost: u64,
}

/// A published run, read.
pub(super) struct PublishedRun {
    /// The arm of every customer of the tables, `None` for those the run did not decide about.
    pub(super) arm: Vec<Option<usize>>,
    /// Customers decided about, and those of each arm who are in no table any more.
    pub(super) n_decided: u64,
    pub(super) lost: [u64; ARMS.len()],
    /// Ids of those whose offers the ranking did not choose: they are in neither arm of an offer.
    pub(super) apart: BTreeSet<String>,
    /// Keys of the offers, in the run's order.
    pub(super) offers: Vec<String>,
    /// By offer, its arms.
    pub(super) assigned: Vec<[ArmRows; 2]>,
    /// By offer, customers outside the holdout who would have been made it but for being held out of this one.
    pub(super) held_back: Vec<ArmRows>,
    /// Customers × offers; NaN for whom the run did not score.
    pub(super) propensity: Vec<f32>,
}

impl PublishedRun {
    /// Reads decisions, scores, offers and shadow.
    ///
    /// # Errors
    /// `FileDamaged`, and faults of reading.
    pub(super) fn read(fs: &dyn Fs, run: &Run, customers: &CustomerIndex) -> Result<Self> {
        let scores = run.path_of(SCORES)?;
        let (_, metadata) = read_metadata(fs, &scores)?;
        let keys = metadata.iter().find(|(key, _)| key == "offers").ok_or_else(|| damaged(&scores, "offers"))?;
        let offers: Vec<String> = keys.1.lines().map(str::to_owned).collect();
        let mut read = Self {
            arm: vec![None; customers.len()],
            n_decided: 0,
            lost: [0; ARMS.len()],
            apart: BTreeSet::new(),
            assigned: vec![<[ArmRows; 2]>::default(); offers.len()],
            held_back: vec![ArmRows::default(); offers.len()],
            propensity: vec![f32::NAN; customers.len() * offers.len()],
            offers,
        };
        read.decisions(fs, &run.path_of(DECISIONS)?, customers)?;
        read.scores(fs, &scores, customers)?;
        read.rows(fs, &run.path_of(OFFERS)?, customers, OFFER)?;
        read.rows(fs, &run.path_of(SHADOW)?, customers, HOLDOUT)?;
        Ok(read)
    }

    fn decisions(&mut self, fs: &dyn Fs, path: &Path, customers: &CustomerIndex) -> Result<()> {
        for batch in read_batches(fs, path, &["customer_id", "arm"])? {
            let batch = batch?;
            let (ids, arms) = (texts(&batch, "customer_id", path)?, texts(&batch, "arm", path)?);
            for (id, arm) in ids.iter().flatten().zip(arms.iter().flatten()) {
                self.n_decided += 1;
                let position = ARMS.iter().position(|word| *word == arm);
                if position.is_none_or(|position| position > OFFER) {
                    self.apart.insert(id.to_owned());
                }
                let arm = match (position, arm) {
                    (Some(position), _) => position,
                    // What a lot gave is no part of what any policy earned.
                    (None, decide::EXPLORE) => continue,
                    _ => return Err(damaged(path, "arm")),
                };
                match customers.find(id) {
                    Some(customer) => self.arm[customer as usize] = Some(arm),
                    None => self.lost[arm] += 1,
                }
            }
        }
        Ok(())
    }

    fn scores(&mut self, fs: &dyn Fs, path: &Path, customers: &CustomerIndex) -> Result<()> {
        let n_offers = self.offers.len();
        for batch in read_batches(fs, path, &["customer_id", "propensity"])? {
            let batch = batch?;
            let ids = texts(&batch, "customer_id", path)?;
            let values = propensities(&batch);
            if values.len() != ids.len() * n_offers {
                return Err(damaged(path, "propensity"));
            }
            for (id, values) in ids.iter().flatten().zip(values.chunks_exact(n_offers.max(1))) {
                if let Some(customer) = customers.find(id) {
                    let at = customer as usize * n_offers;
                    self.propensity[at..at + n_offers].copy_from_slice(values);
                }
            }
        }
        Ok(())
    }

    fn rows(&mut self, fs: &dyn Fs, path: &Path, customers: &CustomerIndex, arm: usize) -> Result<()> {
        let has_arms = decide::has_column(fs, path, "arm")?;
        let mut columns = vec!["customer_id", "offer", "propensity", "action_probability"];
        columns.extend(has_arms.then_some("arm"));
        for batch in read_batches(fs, path, &columns)? {
            let batch = batch?;
            let (ids, keys) = (texts(&batch, "customer_id", path)?, texts(&batch, "offer", path)?);
            let propensity = numbers(&batch, "propensity", path)?;
            let probability = numbers(&batch, "action_probability", path)?;
            let arms = if has_arms { Some(texts(&batch, "arm", path)?) } else { None };
            for row in 0..batch.num_rows() {
                let offer = self.offers.iter().position(|key| key == keys.value(row));
                let offer = offer.ok_or_else(|| damaged(path, "offer"))?;
                let probability = Some(probability.value(row)).filter(|&p| p > 0.0 && p <= 1.0);
                let probability = probability.ok_or_else(|| damaged(path, "action_probability"))?;
                if self.apart.contains(ids.value(row)) {
                    continue;
                }
                // They were drawn by hashes of their own: among the others every offer of an arm was as likely as every other.
                let probability = if self.apart.is_empty() { probability } else { 1.0 };
                let is_held_back = arms.is_some_and(|arms| arms.value(row) == decide::OFFER_HOLDOUT);
                let rows = if is_held_back { &mut self.held_back[offer] } else { &mut self.assigned[offer][arm] };
                match customers.find(ids.value(row)) {
                    Some(customer) => {
                        rows.rows.push(Assigned { customer, propensity: propensity.value(row), probability });
                    }
                    None => rows.lost += 1,
                }
            }
        }
        Ok(())
    }
}

fn texts<'a>(batch: &'a RecordBatch, name: &str, path: &Path) -> Result<&'a StringArray> {
    let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    column.filter(|column| column.null_count() == 0).ok_or_else(|| damaged(path, name))
}

fn numbers<'a>(batch: &'a RecordBatch, name: &str, path: &Path) -> Result<&'a Float64Array> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
    column.filter(|column| column.null_count() == 0).ok_or_else(|| damaged(path, name))
}
