//! The training table in memory: raw feature columns, dates, customers, labels.

use std::collections::BTreeMap;
use std::path::Path;

use osusume_model::{Control, Date, FeatureKind, FeatureSpec, Result, check_stop};
use osusume_propensity::encoder::{RawColumns, RawKind};
use osusume_storage::Fs;
use osusume_tables::arrow::array::AsArray;
use osusume_tables::arrow::datatypes::{Date32Type, Float32Type, Int64Type, UInt8Type, UInt32Type};
use osusume_tables::read_batches;
use osusume_windows::{Label, PositiveTake};

use crate::job::Job;
use crate::stages::features::{TRAINING, label_column, take_column, units_column};

/// Every training row, by customer and date.
pub(crate) struct TrainingData {
    /// Index of the customer of each row.
    pub(crate) customer: Vec<u32>,
    /// As-of date of each row.
    pub(crate) date: Vec<Date>,
    columns: Vec<Vec<f32>>,
    kinds: Vec<RawKind>,
    labels: Vec<Vec<u8>>,
    takes: Vec<Vec<Option<i64>>>,
    /// By offer sold in numbers.
    units: BTreeMap<usize, Vec<Option<i64>>>,
    /// By offer, whether each row is learned from; `None` where all are.
    learned: Option<Vec<Vec<bool>>>,
}

/// What each feature's column holds, in the terms of the encoder.
pub(crate) fn raw_kinds(specs: &[FeatureSpec]) -> Vec<RawKind> {
    specs
        .iter()
        .map(|spec| match &spec.kind {
            FeatureKind::Numeric => RawKind::Numeric,
            FeatureKind::Category(levels) => RawKind::Category { n_levels: levels.len() as u32 },
        })
        .collect()
}

impl TrainingData {
    /// Reads the training table of this run.
    pub(crate) fn read(job: &Job<'_>, specs: &[FeatureSpec], n_offers: usize) -> Result<Self> {
        Self::read_in(&**job.staging.fs(), job.staging.dir(), specs, n_offers, &job.quiet())
    }

    /// Reads the training table below a directory.
    pub(crate) fn read_in(
        fs: &dyn Fs,
        dir: &Path,
        specs: &[FeatureSpec],
        n_offers: usize,
        control: &dyn Control,
    ) -> Result<Self> {
        let mut data = Self {
            customer: Vec::new(),
            date: Vec::new(),
            columns: vec![Vec::new(); specs.len()],
            kinds: raw_kinds(specs),
            labels: vec![Vec::new(); n_offers],
            takes: vec![Vec::new(); n_offers],
            units: BTreeMap::new(),
            learned: None,
        };
        for batch in read_batches(fs, &dir.join(TRAINING), &[])? {
            let batch = batch?;
            check_stop(control)?;
            let column = |name: &str| batch.column_by_name(name).expect("the features stage wrote it");
            data.customer.extend(column("customer").as_primitive::<UInt32Type>().values());
            data.date.extend(column("as_of").as_primitive::<Date32Type>().values().iter().map(|&d| Date(d)));
            for (values, spec) in data.columns.iter_mut().zip(specs) {
                let array = column(&spec.name).as_primitive::<Float32Type>();
                values.extend(array.iter().map(|v| v.unwrap_or(f32::NAN)));
            }
            for offer in 0..n_offers {
                data.labels[offer].extend(column(&label_column(offer)).as_primitive::<UInt8Type>().values());
                data.takes[offer].extend(column(&take_column(offer)).as_primitive::<Int64Type>().iter());
                if let Some(units) = batch.column_by_name(&units_column(offer)) {
                    data.units.entry(offer).or_default().extend(units.as_primitive::<Int64Type>().iter());
                }
            }
        }
        Ok(data)
    }

    /// Leaves the rows that are not in `learned`, by offer, out of what offers are learned from and tested on.
    pub(crate) fn restrict(&mut self, learned: Option<Vec<Vec<bool>>>) {
        self.learned = learned;
    }

    /// Number of rows.
    pub(crate) fn n_rows(&self) -> usize {
        self.customer.len()
    }

    /// The features as the encoder takes them; `slices` are those of [`Self::slices`].
    pub(crate) fn raw<'a>(&'a self, slices: &'a [&'a [f32]]) -> RawColumns<'a> {
        RawColumns { n_rows: self.n_rows(), columns: slices, kinds: &self.kinds }
    }

    /// One slice a feature.
    pub(crate) fn slices(&self) -> Vec<&[f32]> {
        self.columns.iter().map(Vec::as_slice).collect()
    }

    /// The values of a feature, by its position; NaN is absent.
    pub(crate) fn column(&self, feature: usize) -> &[f32] {
        &self.columns[feature]
    }

    /// When each row took an offer, if it is a positive of it.
    pub(crate) fn take_times(&self, offer: usize) -> &[Option<i64>] {
        &self.takes[offer]
    }

    /// The units each row took of an offer, if it is sold in numbers and the row is a positive of it.
    pub(crate) fn units(&self, offer: usize) -> Option<&[Option<i64>]> {
        self.units.get(&offer).map(Vec::as_slice)
    }

    /// The features of some rows.
    pub(crate) fn columns_of(&self, rows: &[u32]) -> Vec<Vec<f32>> {
        self.columns.iter().map(|column| rows.iter().map(|&row| column[row as usize]).collect()).collect()
    }

    /// What each feature's column holds.
    pub(crate) fn kinds(&self) -> &[RawKind] {
        &self.kinds
    }

    /// Rows of the given dates, ascending.
    pub(crate) fn rows_of(&self, dates: &[Date]) -> Vec<u32> {
        (0..self.n_rows() as u32).filter(|&row| dates.contains(&self.date[row as usize])).collect()
    }

    /// Those of `rows` an offer is learned from or tested on, with their outcomes.
    pub(crate) fn outcomes(&self, offer: usize, rows: &[u32]) -> Outcomes {
        let labels = &self.labels[offer];
        let learned = self.learned.as_ref().map(|learned| &learned[offer]);
        let is_learned = |row: u32| learned.is_none_or(|learned| learned[row as usize]);
        let is_known = |row: &&u32| labels[**row as usize] >= Label::Negative as u8 && is_learned(**row);
        let rows: Vec<u32> = rows.iter().filter(is_known).copied().collect();
        let y = rows.iter().map(|&row| labels[row as usize] == Label::Positive as u8).collect();
        Outcomes { rows, y }
    }

    /// The takes counted as positives among `rows`.
    pub(crate) fn takes(&self, offer: usize, rows: &[u32]) -> Vec<PositiveTake> {
        let positive = rows.iter().filter_map(|&row| Some((row, self.takes[offer][row as usize]?)));
        positive
            .map(|(row, at)| PositiveTake { customer: self.customer[row as usize], offer: offer as u32, at })
            .collect()
    }
}

/// Rows with a known outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcomes {
    /// Positions in the training table, ascending.
    pub(crate) rows: Vec<u32>,
    /// Whether the offer was taken.
    pub(crate) y: Vec<bool>,
}

impl Outcomes {
    /// Number of takes.
    pub(crate) fn positives(&self) -> u64 {
        self.y.iter().filter(|&&y| y).count() as u64
    }

    /// Whether there are takes enough for a model, and refusals.
    pub(crate) fn is_learnable(&self, min_positives: u64) -> bool {
        let positives = self.positives();
        positives >= min_positives && self.is_mixed()
    }

    /// Whether there are both takes and refusals.
    pub(crate) fn is_mixed(&self) -> bool {
        let positives = self.positives();
        0 < positives && positives < self.y.len() as u64
    }

    /// Share of takes; 0 without rows.
    pub(crate) fn rate(&self) -> f64 {
        self.positives() as f64 / self.y.len().max(1) as f64
    }
}
