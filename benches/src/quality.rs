//! How much of what can be known the propensities say: out-of-time log loss on generated companies.
//!
//! usage: quality DIR [--customers N] [--seeds K] [--times T]
//!
//! For each seed a company of N customers is scored as of 2026-06-26 and compared with the takes known by 2026-10-01.
//! The share is (base − ours) / (base − reference) of the log loss pooled over customers × offers, where base gives everybody
//! the offer's rate of the training rows, and the reference is the same model trained on T times as many customers of another
//! company in the same world, applied to the features of these. It is trained once; its run stays in `DIR/reference-T` for the
//! next time. The mean over seeds follows, with the interval of the seeds' spread.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod applied;
mod company;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use company::{company, run_isp};
use osusume_evaluate as evaluate;
use osusume_model::Date;
use osusume_pipeline::Summary;
use osusume_storage::RealFs;
use osusume_tables::arrow::array::AsArray;
use osusume_tables::arrow::datatypes::{Float32Type, UInt8Type, UInt32Type};
use osusume_tables::{CustomerIndex, read_batches};

const MEMORY: u64 = 16 << 30;

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().expect("usage: quality DIR [--customers N] [--seeds K] [--times T]"));
    let options: BTreeMap<String, u64> = pairs(args);
    let get = |name: &str, otherwise| options.get(name).copied().unwrap_or(otherwise);
    let (customers, seeds, times) = (get("--customers", 20_000), get("--seeds", 10), get("--times", 50));
    println!(
        "seed       rows  positives  AUC     ref AUC  difference ± se   base      ours      reference  share  pooled slope [95 %]"
    );
    let reference = (times > 1).then(|| reference(&dir, customers, times));
    let rows: Vec<[f64; 4]> =
        (1..=seeds).map(|seed| Test::new(&dir, customers, seed, reference.as_deref()).print(seed)).collect();
    for (position, name) in ["AUC above reference", "share", "slope", "observed / expected"].into_iter().enumerate() {
        let values: Vec<f64> = rows.iter().map(|row| row[position]).collect();
        println!("{name}: {}", spread(&values));
    }
}

/// Mean of the values, and the standard error of it.
fn spread(values: &[f64]) -> String {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    format!("mean {mean:.4} ± {:.4} over {n} seeds", (squares / (n - 1.0).max(1.0) / n).sqrt())
}

/// The seed of the company that the reference learns from: none of those tested.
const REFERENCE_SEED: u64 = 1_000;

fn test_date() -> Date {
    "2026-06-26".parse().expect("a date")
}

/// The run of the reference, trained now unless it was before.
fn reference(dir: &Path, customers: u64, times: u64) -> PathBuf {
    let place = dir.join(format!("reference-{times}"));
    let published = || {
        let name = std::fs::read_to_string(place.join("runs/isp/CURRENT")).ok()?;
        name.split(' ').next().map(|run| place.join("runs/isp").join(run))
    };
    published().unwrap_or_else(|| {
        company(&place.join("tables"), customers * times, REFERENCE_SEED, None);
        let all = format!("train.max_rows={}", customers * times * 8);
        run_isp(&place.join("tables"), test_date(), &place.join("runs"), MEMORY, &[&all]).dir
    })
}

fn pairs(mut args: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    while let (Some(name), Some(value)) = (args.next(), args.next()) {
        found.insert(name, value.parse().expect("a whole number"));
    }
    found
}

/// The rows of one seed, by offer.
struct Test {
    offers: Vec<OfferRows>,
}

#[derive(Default)]
struct OfferRows {
    base_rate: f64,
    y: Vec<bool>,
    ours: Vec<f64>,
    reference: Vec<f64>,
    customer: Vec<u32>,
}

impl Test {
    fn new(dir: &Path, customers: u64, seed: u64, reference: Option<&Path>) -> Self {
        let small = dir.join(format!("{customers}-{seed}"));
        company(&small, customers, seed, None);
        for old in ["ours", "labels"].map(|name| small.join(name)).iter().filter(|old| old.exists()) {
            std::fs::remove_dir_all(old).expect("an old run can be removed");
        }
        let ours = run_isp(&small, test_date(), &small.join("ours"), MEMORY, &[]);
        let one_date = ["train.as_of=[2026-06-26]", "train.tests=[]"];
        let later = "2026-10-01".parse().expect("a date");
        let labels = run_isp(&small, later, &small.join("labels"), MEMORY, &one_date);
        let scores = scores(&ours);
        let again = applied::apply(&ours.dir, &ours.dir);
        let same = |(id, ours): (&String, &Vec<f32>)| ours.iter().zip(&again[id]).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(scores.iter().all(same), "model files and features do not say what was scored");
        let reference = reference.map_or_else(|| scores.clone(), |reference| applied::apply(reference, &ours.dir));
        Self { offers: join(&ours, &scores, &labels, &reference) }
    }

    /// Prints the row; returns AUC above the reference's, share, pooled slope, and observed over expected.
    fn print(&self, seed: u64) -> [f64; 4] {
        let sum = |p: &dyn Fn(&OfferRows) -> Vec<f64>| -> f64 {
            self.offers.iter().map(|o| evaluate::log_loss(&p(o), &o.y).expect("probabilities") * o.y.len() as f64).sum()
        };
        let n: usize = self.offers.iter().map(|o| o.y.len()).sum();
        let positives: usize = self.offers.iter().map(|o| o.y.iter().filter(|&&y| y).count()).sum();
        let (base, ours, reference) =
            (sum(&|o| vec![o.base_rate; o.y.len()]), sum(&|o| o.ours.clone()), sum(&|o| o.reference.clone()));
        let differences: Vec<evaluate::AucDifference> = self
            .offers
            .iter()
            .map(|o| evaluate::auc_difference(&o.ours, &o.reference, &o.y, None).expect("both classes"))
            .collect();
        let k = differences.len() as f64;
        let mean = |of: &dyn Fn(&evaluate::AucDifference) -> f64| differences.iter().map(of).sum::<f64>() / k;
        let se = differences.iter().map(|d| d.standard_error * d.standard_error).sum::<f64>().sqrt() / k;
        let rows: Vec<evaluate::Rows<'_>> = self
            .offers
            .iter()
            .map(|o| evaluate::Rows { probabilities: &o.ours, labels: &o.y, clusters: Some(&o.customer) })
            .collect();
        let slope = evaluate::pooled_slope(&rows).expect("calibration can be measured").slope;
        let interval = slope.interval(0.95);
        println!(
            "{seed:>4} {n:>10} {positives:>10}  {:.4}  {:.4}   {:+.4} ± {se:.4}   {:.6}  {:.6}  {:.6}  {:>5.3}  {:.3} [{:.3}, {:.3}]",
            mean(&|d| d.first),
            mean(&|d| d.second),
            mean(&|d| d.difference),
            base / n as f64,
            ours / n as f64,
            reference / n as f64,
            (base - ours) / (base - reference),
            slope.value,
            interval.lower,
            interval.upper,
        );
        let expected: f64 = self.offers.iter().flat_map(|o| &o.ours).sum();
        [mean(&|d| d.difference), (base - ours) / (base - reference), slope.value, positives as f64 / expected]
    }
}

/// Customer id → propensities, of those who were scored.
fn scores(summary: &Summary) -> Scores {
    let mut found = BTreeMap::new();
    let path = summary.dir.join("scores.parquet");
    for batch in read_batches(&RealFs, &path, &["customer_id", "propensity"]).expect("scores can be read") {
        let batch = batch.expect("scores can be read");
        let lists = batch.column(1).as_list::<i32>();
        for (row, id) in batch.column(0).as_string::<i32>().iter().enumerate() {
            let values = lists.value(row);
            // Whoever may not be contacted is not scored.
            if values.null_count() == 0 {
                found
                    .insert(id.expect("never null").to_owned(), values.as_primitive::<Float32Type>().values().to_vec());
            }
        }
    }
    found
}

/// Propensities by customer.
type Scores = BTreeMap<String, Vec<f32>>;

fn join(ours: &Summary, our_scores: &Scores, labels: &Summary, reference_scores: &Scores) -> Vec<OfferRows> {
    let customers = CustomerIndex::open(&RealFs, &labels.dir.join("tables/customer_index.parquet")).expect("the index");
    let n_offers = labels.offers.len();
    let mut offers: Vec<OfferRows> = (0..n_offers).map(|_| OfferRows::default()).collect();
    for (rows, offer) in offers.iter_mut().zip(&ours.offers) {
        rows.base_rate = offer.positives as f64 / offer.rows.max(1) as f64;
    }
    for batch in read_batches(&RealFs, &labels.dir.join("features/training.parquet"), &[]).expect("labels can be read")
    {
        let batch = batch.expect("labels can be read");
        let customer = batch.column_by_name("customer").expect("written").as_primitive::<UInt32Type>().values();
        for (offer, rows) in offers.iter_mut().enumerate() {
            let label = batch.column_by_name(&format!("label_{offer:03}")).expect("written");
            for (row, label) in label.as_primitive::<UInt8Type>().values().iter().enumerate().filter(|(_, l)| **l >= 3)
            {
                let id = customers.id(customer[row]);
                let (Some(ours), Some(theirs)) = (our_scores.get(id), reference_scores.get(id)) else { continue };
                rows.y.push(*label == 4);
                rows.ours.push(f64::from(ours[offer]));
                rows.reference.push(f64::from(theirs[offer]));
                rows.customer.push(customer[row]);
            }
        }
    }
    offers
}
