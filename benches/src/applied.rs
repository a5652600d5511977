//! The published model files of one run, applied to the published features of another: both formats read as a stranger would.

use std::collections::BTreeMap;
use std::path::Path;

use osusume_storage::RealFs;
use osusume_tables::arrow::array::{Array, AsArray, RecordBatch};
use osusume_tables::arrow::datatypes::{Float32Type, UInt32Type};
use osusume_tables::{CustomerIndex, read_batches};
use serde_json::Value;

/// Customer id → propensity of every offer, by the models of the run in `models` and the features of the run in `features`.
///
/// # Panics
/// When a file is not what a run publishes.
pub(crate) fn apply(models: &Path, features: &Path) -> BTreeMap<String, Vec<f32>> {
    let levels = levels(features);
    let models: Vec<Linear> = model_files(models).iter().map(|file| Linear::new(file, &levels)).collect();
    let customers = CustomerIndex::open(&RealFs, &features.join("tables/customer_index.parquet")).expect("the index");
    let mut found = BTreeMap::new();
    for batch in read_batches(&RealFs, &features.join("features/scoring.parquet"), &[]).expect("features can be read") {
        let batch = batch.expect("features can be read");
        let customer = batch.column_by_name("customer").expect("written").as_primitive::<UInt32Type>().values();
        let columns: Vec<Vec<f32>> = models.iter().map(|model| model.propensities(&batch)).collect();
        for (row, &customer) in customer.iter().enumerate() {
            found.insert(customers.id(customer).to_owned(), columns.iter().map(|column| column[row]).collect());
        }
    }
    found
}

/// The model files of a run, in the order of its offers, which starts each name.
fn model_files(run: &Path) -> Vec<Value> {
    let entries = std::fs::read_dir(run.join("models")).expect("a run has models");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths.iter().map(|path| json(path)).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON")
}

/// The levels of every categorical feature, in the order of their codes.
fn levels(run: &Path) -> BTreeMap<String, Vec<String>> {
    let dictionary = json(&run.join("features/dictionary.json"));
    let features = dictionary["features"].as_array().expect("a list").iter();
    features.map(|feature| (text(&feature["name"]), texts(&feature["levels"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().map(|list| list.iter().map(text).collect()).unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// A model as its file tells it: logit p = shift + slope · (intercept + Σ β · (transform(x) − mean) / scale).
struct Linear {
    terms: Vec<Term>,
    intercept: f64,
    slope: f64,
    shift: f64,
}

struct Term {
    feature: String,
    transform: Transform,
    mean: f64,
    scale: f64,
    beta: f64,
}

enum Transform {
    Linear { low: f64, high: f64 },
    Log1p { low: f64, high: f64 },
    Absent,
    Level(Vec<f32>),
    OtherThan(Vec<f32>),
}

impl Linear {
    fn new(file: &Value, levels: &BTreeMap<String, Vec<String>>) -> Self {
        let model = &file["model"];
        if model.is_null() {
            let rate = number(&file["rate"]);
            return Self { terms: Vec::new(), intercept: (rate / (1.0 - rate)).ln(), slope: 1.0, shift: 0.0 };
        }
        let columns = model["columns"].as_array().expect("a list").iter();
        Self {
            terms: columns.map(|column| Term::new(column, levels)).collect(),
            intercept: number(&model["intercept"]),
            slope: number(&model["calibration_slope"]),
            shift: number(&model["calibration_intercept"]),
        }
    }

    fn propensities(&self, batch: &RecordBatch) -> Vec<f32> {
        let mut logits = vec![self.intercept; batch.num_rows()];
        for term in &self.terms {
            term.add(batch, &mut logits);
        }
        logits.iter().map(|z| (1.0 / (1.0 + (-(self.shift + self.slope * z)).exp())) as f32).collect()
    }
}

impl Term {
    fn new(column: &Value, levels: &BTreeMap<String, Vec<String>>) -> Self {
        let feature = text(&column["feature"]);
        // A level that these features have never seen is nobody's.
        let codes = || {
            let known = levels.get(&feature).map_or(&[][..], Vec::as_slice);
            let code = |level: &String| known.iter().position(|name| name == level).map(|code| code as f32);
            texts(&column["levels"]).iter().filter_map(code).collect()
        };
        let clips = || (number(&column["low"]), number(&column["high"]));
        let transform = match column["transform"].as_str() {
            Some("linear") => {
                let (low, high) = clips();
                Transform::Linear { low, high }
            }
            Some("log1p") => {
                let (low, high) = clips();
                Transform::Log1p { low, high }
            }
            Some("absent") => Transform::Absent,
            Some("level") => Transform::Level(codes()),
            Some("other_than") => Transform::OtherThan(codes()),
            other => panic!("transform {other:?}"),
        };
        let [mean, scale, beta] = ["mean", "scale", "beta"].map(|key| number(&column[key]));
        Self { feature, transform, mean, scale, beta }
    }

    /// Adds the term to the logit of every row; a value that is not there adds nothing, save where absence is what is asked.
    fn add(&self, batch: &RecordBatch, logits: &mut [f64]) {
        let column = batch.column_by_name(&self.feature).map(AsArray::as_primitive::<Float32Type>);
        for (row, logit) in logits.iter_mut().enumerate() {
            let value = column.filter(|column| column.is_valid(row)).map(|column| column.value(row));
            let flag = |is: bool| if is { 1.0 } else { 0.0 };
            let x = match (&self.transform, value.filter(|value| !value.is_nan())) {
                (Transform::Absent, value) => flag(value.is_none()),
                (_, None) => continue,
                (Transform::Linear { low, high }, Some(value)) => f64::from(value).clamp(*low, *high),
                (Transform::Log1p { low, high }, Some(value)) => f64::from(value).clamp(*low, *high).ln_1p(),
                (Transform::Level(codes), Some(value)) => flag(codes.contains(&value)),
                (Transform::OtherThan(codes), Some(value)) => flag(!codes.contains(&value)),
            };
            *logit += self.beta * (x - self.mean) / self.scale;
        }
    }
}
