//! Where the scored customers of a run lie: its staging directory while it is made, its own directory once it is published.

use std::path::Path;

use osusume_model::{Code, Fault, Result};
use osusume_storage::Fs;
use osusume_tables::arrow::array::RecordBatch;
use osusume_tables::read_batches;

use super::has_column;
use crate::stages::features::SCORING;
use crate::stages::score::{SCORES, UNITS, propensities, with_units};

/// The tables with one row a scored customer, side by side.
#[derive(Clone, Copy)]
pub(crate) struct Scored<'a> {
    /// Where files are read from.
    pub(crate) fs: &'a dyn Fs,
    /// The directory they lie in.
    pub(crate) dir: &'a Path,
    /// Offers, of which each customer has a propensity.
    pub(crate) n_offers: usize,
}

impl Scored<'_> {
    /// Batches of feature rows with these columns (all where there are none) and expected units if there are any, and their propensities,
    /// customers × offers.
    ///
    /// # Errors
    /// Faults of reading; `Bug` where the two tables are not of the same customers.
    pub(crate) fn batches(
        &self,
        columns: &[&str],
    ) -> Result<impl Iterator<Item = Result<(RecordBatch, Vec<f32>)>> + use<>> {
        let n_offers = self.n_offers;
        let path = self.dir.join(SCORES);
        let told = if has_column(self.fs, &path, UNITS)? { &["propensity", UNITS][..] } else { &["propensity"] };
        let scores = read_batches(self.fs, &path, told)?;
        Ok(read_batches(self.fs, &self.dir.join(SCORING), columns)?.zip(scores).map(move |(rows, scores)| {
            let (rows, scores) = (rows?, scores?);
            let propensity = propensities(&scores);
            if propensity.len() != rows.num_rows() * n_offers {
                return Err(Fault::new(Code::Bug).because("scores and features are not the same customers"));
            }
            Ok((with_units(rows, &scores)?, propensity))
        }))
    }
}
