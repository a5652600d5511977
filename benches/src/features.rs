//! Point-in-time features of a table of transactions, from Parquet file to Parquet file: `osusume features` on a pipeline file that
//! declares them, timed as a whole process.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use osusume_tables::arrow::array::AsArray;
use osusume_tables::arrow::datatypes::{Float64Type, UInt32Type};
use osusume_tables::{decode_columns, read_batches};
use serde_json::json;

/// Columns that the features are made of.
const COLUMNS: [&str; 5] = ["household_id", "basket_id", "product_id", "sales_value", "transaction_timestamp"];
/// Runs, of which the shortest counts.
const RUNS: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [osusume, transactions, products, out] = arguments.as_slice() else {
        eprintln!("usage: features OSUSUME TRANSACTIONS.parquet PRODUCTS.parquet OUT.parquet");
        return ExitCode::from(2);
    };
    match measure(osusume, transactions, products, out) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn measure(osusume: &Path, transactions: &Path, products: &Path, out: &Path) -> Outcome<String> {
    let dir = std::env::temp_dir().join(format!("osusume-bench-features-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let pipeline = dir.join("pipeline.toml");
    std::fs::write(&pipeline, pipeline_file(&absolute(transactions)?, &absolute(products)?))?;
    let seconds = lowest(|| features(osusume, &pipeline, out));
    let decode = lowest(|| {
        decode_columns(&osusume_pipeline::RealFs, transactions, &COLUMNS)?;
        Ok(())
    });
    std::fs::remove_dir_all(&dir)?;
    let (seconds, decode) = (seconds?, decode?);
    let checked = Checked::read(out)?;
    Ok(json!({
        "task": "features", "peer": "osusume", "seconds": round(seconds, 1e3), "rows": checked.rows,
        "check": [checked.lines, round(checked.sales, 1e2), checked.products, round(checked.department, 1e2)],
        "decode_seconds": round(decode, 1e3), "times_decode": round(seconds / decode, 1e2),
    })
    .to_string())
}

fn absolute(path: &Path) -> Outcome<String> {
    Ok(path.canonicalize()?.to_str().ok_or("a path that is no text")?.to_owned())
}

/// The shortest of several runs, in seconds.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn lowest(run: impl Fn() -> Outcome<()>) -> Outcome<f64> {
    let mut lowest = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        run()?;
        lowest = lowest.min(start.elapsed().as_secs_f64());
    }
    Ok(lowest)
}

fn features(osusume: &Path, pipeline: &Path, out: &Path) -> Outcome<()> {
    let done = Command::new(osusume).arg("features").arg(pipeline).arg("--out").arg(out).arg("--quiet").output()?;
    if done.status.success() {
        return Ok(());
    }
    std::io::stderr().write_all(&done.stderr)?;
    Err("osusume features failed".into())
}

fn pipeline_file(transactions: &str, products: &str) -> String {
    include_str!("../features.toml").replace("{transactions}", transactions).replace("{products}", products)
}

/// What every program that computes these features must agree on.
#[derive(Default)]
struct Checked {
    rows: usize,
    lines: u64,
    sales: f64,
    products: u64,
    department: f64,
}

impl Checked {
    fn read(out: &Path) -> Outcome<Self> {
        let mut checked = Self::default();
        let columns = ["n_182", "sum_91", "products_28", "dep0_182"];
        for batch in read_batches(&osusume_pipeline::RealFs, out, &columns)? {
            let batch = batch?;
            let whole = |at: usize| -> u64 {
                batch.column(at).as_primitive::<UInt32Type>().iter().flatten().map(u64::from).sum()
            };
            let real = |at: usize| -> f64 { batch.column(at).as_primitive::<Float64Type>().iter().flatten().sum() };
            checked.rows += batch.num_rows();
            checked.lines += whole(0);
            checked.sales += real(1);
            checked.products += whole(2);
            checked.department += real(3);
        }
        Ok(checked)
    }
}

fn round(value: f64, units: f64) -> f64 {
    (value * units).round() / units
}
