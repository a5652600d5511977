//! Score: a calibrated propensity for every active customer and offer as of the run's date.

use std::collections::BTreeSet;
use std::sync::Arc;

use osusume_decide::ChannelSet;
use osusume_model::{AsOf, Code, Control, Fault, FeatureSpec, Result};
use osusume_numeric::elementary::logit;
use osusume_propensity::additive::score::{AdditiveScorer, OfferGround};
use osusume_propensity::calibration::Calibrator;
use osusume_propensity::encoder::{Encoder, RawColumns, RawKind};
use osusume_propensity::score::Scorer;
use osusume_tables::arrow::array::{
    ArrayRef, AsArray, Date32Array, FixedSizeListArray, Float32Array, RecordBatch, StringArray,
};
use osusume_tables::arrow::datatypes::{DataType, Field, Float32Type, Schema, UInt32Type};
use osusume_tables::{CustomerIndex, ParquetSink, read_batches};

use super::consents::consents;
use super::features::SCORING;
use super::train::expected_units;
use super::train::{Columns, Curves, Evidence, Models, OfferModel, raw_kinds};
use crate::checked::Checked;
use crate::job::Job;
use crate::kernel::propensity_fault;

/// The published scores. The propensities of customers whom no channel of the run may reach are null.
pub(crate) const SCORES: &str = "scores.parquet";

/// The column of scores, and of feature rows they stand beside, with the expected units of what is sold in numbers.
pub(crate) const UNITS: &str = "expected_quantity";

/// A block of feature rows as plain columns.
pub(crate) struct RawBlock {
    /// Index of the customer of each row, ascending.
    pub(crate) customer: Vec<u32>,
    columns: Vec<Vec<f32>>,
    /// Rows × offers: units a taker is expected to take, NaN of what is not sold in numbers; empty where nothing is.
    pub(crate) units: Vec<f32>,
}

impl RawBlock {
    /// The columns of a batch of feature rows.
    pub(crate) fn new(batch: &RecordBatch, specs: &[FeatureSpec]) -> Self {
        Self::of(batch, specs, |_| true)
    }

    /// The same of a batch that holds only the columns at positions `read`; the others are empty.
    pub(crate) fn only(batch: &RecordBatch, specs: &[FeatureSpec], read: &BTreeSet<usize>) -> Self {
        Self::of(batch, specs, |at| read.contains(&at))
    }

    fn of(batch: &RecordBatch, specs: &[FeatureSpec], is_read: impl Fn(usize) -> bool) -> Self {
        let column = |name: &str| batch.column_by_name(name).expect("the features stage wrote it");
        let values = |(at, spec): (usize, &FeatureSpec)| {
            let values = || column(&spec.name).as_primitive::<Float32Type>().iter().map(|v| v.unwrap_or(f32::NAN));
            if is_read(at) { values().collect() } else { Vec::new() }
        };
        let columns = specs.iter().enumerate().map(values).collect();
        let units = batch.column_by_name(UNITS).map(list_values).unwrap_or_default();
        Self { customer: column("customer").as_primitive::<UInt32Type>().values().to_vec(), columns, units }
    }

    /// The rows at positions `keep`, without units.
    fn select(&self, keep: &[usize]) -> Self {
        let columns = self.columns.iter().map(|column| keep.iter().map(|&row| column[row]).collect());
        let customer = keep.iter().map(|&row| self.customer[row]).collect();
        Self { customer, columns: columns.collect(), units: Vec::new() }
    }

    /// One slice a feature.
    pub(crate) fn slices(&self) -> Vec<&[f32]> {
        self.columns.iter().map(Vec::as_slice).collect()
    }

    /// The features as the encoder takes them.
    pub(crate) fn raw<'a>(&self, slices: &'a [&'a [f32]], kinds: &'a [RawKind]) -> RawColumns<'a> {
        RawColumns { n_rows: self.customer.len(), columns: slices, kinds }
    }

    /// The value of a feature, NaN where it is absent.
    pub(crate) fn value(&self, row: usize, feature: usize) -> f32 {
        self.columns[feature][row]
    }

    /// Whether the value of a feature is absent.
    pub(crate) fn is_absent(&self, row: usize, feature: usize) -> bool {
        self.columns[feature][row].is_nan()
    }
}

/// All offers, ready to score; one without a model gives its shrunken rate to everybody.
pub(crate) enum AnyScorer {
    /// Products of columns and coefficients.
    Linear(Scorer),
    /// Lookups in tables.
    Additive(AdditiveScorer),
}

impl AnyScorer {
    pub(crate) fn new(models: &Models) -> Result<Self> {
        match &models.columns {
            Columns::Linear(encoder) => linear(encoder, &models.offers).map(Self::Linear),
            Columns::Additive(curves) => additive(curves, &models.offers).map(Self::Additive),
        }
    }

    fn n_offers(&self) -> usize {
        match self {
            Self::Linear(scorer) => scorer.n_offers(),
            Self::Additive(scorer) => scorer.n_offers(),
        }
    }

    fn score_block(&self, raw: &RawColumns<'_>, out: &mut [f32], control: &dyn Control) -> Result<()> {
        match self {
            Self::Linear(scorer) => scorer.score_block(raw, out, control),
            Self::Additive(scorer) => scorer.score_block(raw, out, control),
        }
        .map_err(|error| propensity_fault(&error, "score"))
    }
}

fn linear(encoder: &Encoder, offers: &[OfferModel]) -> Result<Scorer> {
    let mut scorer = Scorer::new(encoder.clone());
    for offer in offers {
        let pushed = match &offer.evidence {
            Evidence::Model(fit) => scorer.push_fit(fit, &offer.calibrator),
            Evidence::Rate => {
                let nothing = vec![0.0; encoder.n_cols()];
                scorer.push_offer(&nothing, logit(offer.rate.rate), &Calibrator::IDENTITY)
            }
        };
        pushed.map_err(|error| propensity_fault(&error, &offer.key))?;
    }
    Ok(scorer)
}

fn additive(curves: &Curves, offers: &[OfferModel]) -> Result<AdditiveScorer> {
    let grounds: Vec<OfferGround<'_>> = offers
        .iter()
        .zip(&curves.offers)
        .map(|(offer, model)| match model {
            Some(model) => OfferGround::Model(model, offer.calibrator),
            None => OfferGround::LogOdds(logit(offer.rate.rate)),
        })
        .collect();
    AdditiveScorer::new(&curves.bins, &curves.terms, &grounds).map_err(|error| propensity_fault(&error, "score"))
}

/// Scores every row of the scoring features whose customer consents to a channel of the run; returns the number of rows written.
///
/// # Errors
/// `ConsentGate`, `NoCustomers` when no customer consents to any channel of the run, faults of reading and writing, and a stop asked for.
pub(crate) fn score(
    job: &Job<'_>,
    specs: &[FeatureSpec],
    models: &Models,
    tables: &Checked,
    as_of: AsOf,
) -> Result<u64> {
    let scorer = AnyScorer::new(models)?;
    let kinds = raw_kinds(specs);
    let is_counted = models.offers.iter().any(|offer| offer.quantity.is_some());
    let schema = Arc::new(schema(models.offers.len(), is_counted));
    let keys: Vec<&str> = models.offers.iter().map(|offer| offer.key.as_str()).collect();
    let metadata = [("offers".to_owned(), keys.join("\n"))];
    let mut sink = ParquetSink::create(&job.target(), SCORES, &schema, &metadata)?;
    let (mut done, mut reached) = (0, 0);
    for batch in read_batches(&**job.staging.fs(), &job.staging.dir().join(SCORING), &[])? {
        job.check_stop()?;
        let block = RawBlock::new(&batch?, specs);
        let consents = consents(job, tables, &block.customer, as_of)?;
        let asked: Vec<usize> = (0..consents.len()).filter(|&row| consents[row] != ChannelSet::default()).collect();
        reached += asked.len();
        let rows = block.select(&asked);
        let slices = rows.slices();
        let mut propensity = vec![0.0; asked.len() * scorer.n_offers()];
        scorer.score_block(&rows.raw(&slices, &kinds), &mut propensity, &job.quiet())?;
        let units = expected_units(&models.offers, &rows.raw(&slices, &kinds))?;
        let propensity: Vec<Option<f32>> = propensity.into_iter().map(Some).collect();
        let lists = [Some(propensity), units].into_iter().flatten();
        let lists = lists.map(|list| spread(&asked, &list, consents.len(), scorer.n_offers())).collect();
        sink.write(&batch_of(&schema, &block.customer, &tables.customers, as_of, lists)?)?;
        done += block.customer.len() as u64;
        job.host.progress(done, u64::from(tables.n_customers()));
    }
    // An offer table without a row would clear the CRM; nobody to ask is far likelier a fault of the consents than a wish.
    if reached == 0 {
        return Err(Fault::new(Code::NoCustomers));
    }
    Ok(sink.finish()?.rows)
}

/// `values` (`width` a row) of the rows `at` among `n_rows`; absent everywhere else.
fn spread(at: &[usize], values: &[Option<f32>], n_rows: usize, width: usize) -> Vec<Option<f32>> {
    let mut all = vec![None; n_rows * width];
    for (&row, values) in at.iter().zip(values.chunks_exact(width)) {
        all[row * width..(row + 1) * width].copy_from_slice(values);
    }
    all
}

fn schema(n_offers: usize, is_counted: bool) -> Schema {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let list = DataType::FixedSizeList(item, n_offers as i32);
    let mut fields = vec![
        Field::new("customer_id", DataType::Utf8, false),
        Field::new("as_of", DataType::Date32, false),
        Field::new("propensity", list.clone(), false),
    ];
    fields.extend(is_counted.then(|| Field::new(UNITS, list, false)));
    Schema::new(fields)
}

fn batch_of(
    schema: &Arc<Schema>,
    customer: &[u32],
    customers: &CustomerIndex,
    as_of: AsOf,
    lists: Vec<Vec<Option<f32>>>,
) -> Result<RecordBatch> {
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(customer.iter().map(|&c| customers.id(c)))),
        Arc::new(Date32Array::from(vec![as_of.date.0; customer.len()])),
    ];
    for list in lists {
        let n_offers = list.len().checked_div(customer.len()).unwrap_or(0);
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let list = FixedSizeListArray::try_new(item, n_offers as i32, Arc::new(Float32Array::from(list)), None);
        columns.push(Arc::new(list.map_err(crate::kernel::arrow_fault)?));
    }
    crate::kernel::batch(schema, columns)
}

/// Reads the propensities of a batch of scores, row-major; NaN for customers who were not scored.
pub(crate) fn propensities(batch: &RecordBatch) -> Vec<f32> {
    list_values(batch.column_by_name("propensity").expect("the score stage wrote it"))
}

/// Rows of features with the expected units of the rows of scores beside them, where these have any.
///
/// # Errors
/// `Bug` where the two are not the same rows.
pub(crate) fn with_units(rows: RecordBatch, scores: &RecordBatch) -> Result<RecordBatch> {
    let Some(units) = scores.column_by_name(UNITS) else { return Ok(rows) };
    let (schema, mut columns, _) = rows.into_parts();
    let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(UNITS, units.data_type().clone(), true)));
    columns.push(Arc::clone(units));
    crate::kernel::batch(&Arc::new(Schema::new(fields)), columns)
}

/// The numbers of lists, one list after the other; NaN where absent.
fn list_values(lists: &ArrayRef) -> Vec<f32> {
    // Tables are written with lists of fixed size, and read back with lists of any.
    let values = lists
        .as_list_opt::<i32>()
        .map(osusume_tables::arrow::array::GenericListArray::values)
        .or_else(|| Some(lists.as_fixed_size_list_opt()?.values()));
    let numbers =
        values.map(|values| values.as_primitive::<Float32Type>().iter().map(|v| v.unwrap_or(f32::NAN)).collect());
    numbers.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use osusume_tables::arrow::array::ListArray;

    use super::*;

    #[test]
    fn whoever_is_not_scored_has_no_propensity() {
        assert_eq!(spread(&[1], &[Some(0.25), Some(0.5)], 3, 2), [None, None, Some(0.25), Some(0.5), None, None]);
        assert_eq!(spread(&[], &[], 1, 2), [None, None]);
    }

    #[test]
    fn absent_propensities_are_read_as_nan() {
        let lists = ListArray::from_iter_primitive::<Float32Type, _, _>([Some([Some(0.5), None])]);
        let batch = RecordBatch::try_from_iter([("propensity", Arc::new(lists) as ArrayRef)]).unwrap();
        let got = propensities(&batch);
        assert!(got[0].to_bits() == 0.5_f32.to_bits() && got[1].is_nan());
    }
}
