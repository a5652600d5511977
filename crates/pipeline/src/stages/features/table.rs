//! Features as a table of their own, for whoever works with them outside: one row a customer and date, amounts in whole units of the
//! currency, levels by name.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use osusume_model::{AsOf, Code, Fault, FeatureKind, FeatureSpec, Result, Unit};
use osusume_tables::arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use osusume_tables::arrow::buffer::NullBuffer;
use osusume_tables::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use osusume_tables::{CustomerIndex, ParquetSink, Target};
use rayon::prelude::*;

use super::cells::{self, Cells};
use super::groups::Groups;
use super::people::People;
use super::rows::RowAt;
use super::{Wanted, active_rows, labels, partitions, read_blocks};
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{AttributeKind, Recipe, Role};
use crate::job::Job;
use crate::stages::mine;

/// Name of the column of dates.
const AS_OF: &str = "as_of";

/// What was written.
pub(crate) struct FeatureTable {
    /// The dictionary, in the order of the columns.
    pub(crate) specs: Vec<FeatureSpec>,
    /// Rows: pairs of a customer and a date on which they were one.
    pub(crate) rows: u64,
}

/// Writes the features of every customer as of every date of `schedule`, the run's own included. `out`: the directory and the file in it,
/// which must not exist.
///
/// # Errors
/// Faults of reading and writing, and a stop asked for.
pub(crate) fn write_table(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    schedule: &Schedule,
    out: (&Target<'_>, &Path),
) -> Result<FeatureTable> {
    let dates: Vec<AsOf> = schedule.mature.iter().copied().chain([schedule.score]).collect();
    let named = |kind: &AttributeKind| *kind == AttributeKind::Category;
    let has_levels = job.config.sources_of(Role::Customers).any(|source| source.attributes.values().any(named));
    let people = if has_levels { People::read(job, tables, goods, schedule)? } else { People::nobody() };
    let mut groups = Groups::draw(job, tables, goods, dates[0].instant, &people)?;
    if job.config.features.recipes.contains(&Recipe::Rules) && !job.config.is_cross_section() {
        let leads = job.config.mine.as_ref().map(|config| mine::leads(job, tables, goods, schedule, config));
        groups.rules(job, goods, leads.transpose()?);
    }
    groups.derive(job)?;
    groups.learn(job, tables, goods, &dates)?;
    check_header(customer_header(job), &groups.specs)?;
    let layout = Layout::new(job, &tables.customers, &groups.specs);
    let mut sink = ParquetSink::create_quick(out.0, &out.1.to_string_lossy(), &layout.schema, &[])?;
    let wanted = Wanted::all(job, tables);
    let rows_of = |customers: &Range<u32>| {
        job.check_stop()?;
        let (blocks, _) = read_blocks(job, tables, goods, &wanted, customers)?;
        let active = labels::active(job, goods, &blocks, &dates, customers.len())?;
        let at = active_rows(&active, dates.len());
        let cells = cells::compute::<f64>(job, &groups.groups, goods, &blocks, &dates)?;
        crate::kernel::batch(&layout.schema, layout.columns(&tables.customers, customers, &at, &dates, &cells))
    };
    for customers in partitions(job, tables, groups.specs.len(), schedule, 1.0) {
        let blocks = if tables.are_held() { tables.runs(customers.clone(), BLOCK) } else { vec![customers.clone()] };
        let batches: Result<Vec<RecordBatch>> = blocks.par_iter().map(rows_of).collect();
        batches?.iter().try_for_each(|batch| sink.write(batch))?;
        job.host.progress(u64::from(customers.end), u64::from(tables.n_customers()));
    }
    let written = sink.finish()?;
    Ok(FeatureTable { specs: groups.specs, rows: written.rows })
}

/// Customers whose rows and cells are at hand together where reading them decodes no others: few enough for the caches and for every thread
/// to be busy to the end.
const BLOCK: u32 = 256;

/// Columns that are taken out of the cells together: as many as lie side by side in a cache line.
const BUNDLE: usize = 8;

/// Some columns of the cells at some places.
fn bundle((group, columns): (&Cells<f64>, Range<usize>), places: &[usize]) -> Vec<Vec<f64>> {
    let mut bundle: Vec<Vec<f64>> = columns.clone().map(|_| Vec::with_capacity(places.len())).collect();
    for place in places {
        let row = &group.values[place * group.width..][columns.clone()];
        bundle.iter_mut().zip(row).for_each(|(values, &value)| values.push(value));
    }
    bundle
}

/// How values are stored.
struct Layout {
    schema: Arc<Schema>,
    /// Whether every customer's id is a number, written as numbers are.
    has_numbers: bool,
    /// How each feature is stored.
    forms: Vec<Form>,
}

/// How a feature is stored.
enum Form {
    Whole,
    Real,
    /// In whole units of the currency: minor units over this.
    Money(f64),
    Level(Vec<String>),
}

impl Layout {
    fn new(job: &Job<'_>, customers: &CustomerIndex, specs: &[FeatureSpec]) -> Self {
        let has_numbers = (0..customers.len() as u32).all(|customer| number(customers.id(customer)).is_some());
        let minor_units = f64::from(10_u32.pow(job.config.pipeline.minor_digits));
        let forms: Vec<Form> = specs.iter().map(|spec| Form::of(spec, minor_units)).collect();
        let id = if has_numbers { DataType::Int64 } else { DataType::Utf8 };
        let mut fields = vec![
            Field::new(customer_header(job), id, false),
            Field::new(AS_OF, DataType::Timestamp(TimeUnit::Microsecond, None), false),
        ];
        fields.extend(specs.iter().zip(&forms).map(|(spec, form)| Field::new(&spec.name, form.data_type(), true)));
        Self { schema: Arc::new(Schema::new(fields)), has_numbers, forms }
    }

    /// The rows `at` of a run of customers.
    fn columns(
        &self,
        ids: &CustomerIndex,
        customers: &Range<u32>,
        at: &[RowAt],
        dates: &[AsOf],
        cells: &[Cells<f64>],
    ) -> Vec<ArrayRef> {
        let id = |row: &RowAt| ids.id(customers.start + row.customer);
        let customer: ArrayRef = if self.has_numbers {
            Arc::new(Int64Array::from_iter_values(at.iter().map(|row| number(id(row)).unwrap_or_default())))
        } else {
            Arc::new(at.iter().map(|row| Some(id(row))).collect::<StringArray>())
        };
        let midnight = |row: &RowAt| dates[row.date as usize].date.utc_midnight().0;
        let as_of: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(at.iter().map(midnight)));
        let places: Vec<usize> = at.iter().map(|row| row.customer as usize * dates.len() + row.date as usize).collect();
        let bundles: Vec<(&Cells<f64>, Range<usize>)> = cells
            .iter()
            .flat_map(|group| {
                let ends = move |start: usize| start..group.width.min(start + BUNDLE);
                (0..group.width).step_by(BUNDLE).map(move |start| (group, ends(start)))
            })
            .collect();
        let columns: Vec<Vec<f64>> = bundles.into_par_iter().flat_map_iter(|of| bundle(of, &places)).collect();
        let features = columns.into_par_iter().zip(&self.forms).map(|(values, form)| form.array(values));
        [customer, as_of].into_iter().chain(features.collect::<Vec<_>>()).collect()
    }
}

impl Form {
    fn of(spec: &FeatureSpec, minor_units: f64) -> Self {
        match (&spec.kind, spec.unit) {
            (FeatureKind::Category(names), _) => Self::Level(names.clone()),
            (_, Unit::Count) => Self::Whole,
            (_, Unit::Minor) => Self::Money(minor_units),
            _ => Self::Real,
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            Self::Whole => DataType::UInt32,
            Self::Real | Self::Money(_) => DataType::Float64,
            Self::Level(_) => DataType::Utf8,
        }
    }

    /// Values as they are stored; NaN is absent. A level behind the names is one too few have.
    fn array(&self, mut values: Vec<f64>) -> ArrayRef {
        let is_whole = !values.iter().any(|value| value.is_nan());
        let nulls = (!is_whole).then(|| values.iter().map(|value| !value.is_nan()).collect::<NullBuffer>());
        match self {
            Self::Whole => {
                // An absent value becomes 0, and is none.
                let whole: Vec<u32> = values.iter().map(|&value| value as u32).collect();
                Arc::new(UInt32Array::new(whole.into(), nulls))
            }
            Self::Real => Arc::new(Float64Array::new(values.into(), nulls)),
            Self::Money(units) => {
                for value in &mut values {
                    *value /= units;
                }
                Arc::new(Float64Array::new(values.into(), nulls))
            }
            Self::Level(names) => {
                let name = |value: &f64| names.get(*value as usize).filter(|_| !value.is_nan()).map(String::as_str);
                Arc::new(values.iter().map(name).collect::<StringArray>())
            }
        }
    }
}

/// No feature may be called as the column of customers is.
fn check_header(header: &str, specs: &[FeatureSpec]) -> Result<()> {
    if !specs.iter().any(|spec| spec.name == header) {
        return Ok(());
    }
    let fault = Fault::new(Code::ConfigNotAllowed).named("features.own").with("key", "features.own[].name");
    Err(fault.with("got", header).with("allowed", format!("≠ {header}")))
}

/// What the source that tells who is a customer calls their ids.
fn customer_header<'a>(job: &Job<'a>) -> &'a str {
    let mut sources = crate::stages::ingest::reading_order(job.config).into_iter();
    sources.find_map(|source| source.column("customer")).unwrap_or("customer_id")
}

/// The number an id is, if it is written as that number would be.
fn number(id: &str) -> Option<i64> {
    id.parse().ok().filter(|number: &i64| number.to_string() == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_written_as_numbers_are_numbers() {
        assert_eq!(["7", "-3", "9223372036854775807"].map(number), [Some(7), Some(-3), Some(i64::MAX)]);
        assert_eq!(["07", "+7", "", "-0", "1e3", "9223372036854775808", "C1"].map(number), [None; 7]);
    }

    #[test]
    fn values_in_units_a_reader_expects() {
        let array = |form: &Form| form.array(vec![250.0, f64::NAN, 1.0]);
        let float = |form: Form| -> Vec<Option<f64>> {
            array(&form).as_any().downcast_ref::<Float64Array>().unwrap().iter().collect()
        };
        assert_eq!(float(Form::Money(100.0)), [Some(2.5), None, Some(0.01)]);
        assert_eq!(float(Form::Real), [Some(250.0), None, Some(1.0)]);
        let names = array(&Form::Level(vec!["a".to_owned(), "b".to_owned()]));
        let names: Vec<Option<&str>> = names.as_any().downcast_ref::<StringArray>().unwrap().iter().collect();
        assert_eq!(names, [None, None, Some("b")]);
    }
}
