//! Fits additive models to arrays as plain files' training does, with folds and calibration, and tests them on other rows.
//!
//! Run: `cargo run --release -p osusume-propensity --example additive -- DIR...`. Each DIR has `X.f32` (rows × columns), `y.u8`, and `meta`:
//! training rows, test rows, and for each column 0 for a number or how many levels it has, NaN being absent. Directories `NAME-K` are parts
//! of one table.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program that measures and prints")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use osusume_model::NoControl;
use osusume_propensity::additive::bins::Bins;
use osusume_propensity::additive::fit::{AdditiveParams, Problem, fit};
use osusume_propensity::additive::folds::out_of_fold;
use osusume_propensity::calibration::calibrate;
use osusume_propensity::encoder::{RawColumns, RawKind};

const FOLDS: u8 = 5;

struct Table {
    columns: Vec<Vec<f32>>,
    kinds: Vec<RawKind>,
    y: Vec<bool>,
    n_train: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let dirs: Vec<String> = std::env::args().skip(1).collect();
    let name =
        |dir: &String| dir.rsplit('/').next().unwrap_or(dir).rsplit_once('-').map_or(dir.clone(), |n| n.0.to_owned());
    let mut means = [0.0; 2];
    let mut n_names = 0.0;
    let mut all = 0.0;
    for part in dirs.chunk_by(|a, b| name(a) == name(b)) {
        let results = part.iter().map(|dir| run(Path::new(dir))).collect::<Result<Vec<_>, _>>()?;
        let mean = |at: usize| results.iter().map(|r| r[at]).sum::<f64>() / results.len() as f64;
        println!(
            "{:<16} auc {:.4} loss {:.4} fit {:.3} folds {:.3} s  maps {:.1} dof {:.1} steps {:.0}",
            name(&part[0]),
            mean(0),
            mean(1),
            mean(2),
            mean(3),
            mean(4),
            mean(5),
            mean(6)
        );
        means[0] += mean(0);
        means[1] += mean(1);
        all += mean(2) + mean(3);
        n_names += 1.0;
    }
    println!("mean             auc {:.5} loss {:.5} seconds {all:.3}", means[0] / n_names, means[1] / n_names);
    Ok(())
}

fn run(dir: &Path) -> Result<[f64; 7], Box<dyn Error>> {
    let table = read(dir)?;
    let n_rows = table.n_train;
    let part = |rows: std::ops::Range<usize>| table.columns.iter().map(|c| &c[rows.clone()]).collect::<Vec<&[f32]>>();
    let (train, test) = (part(0..n_rows), part(n_rows..table.y.len()));
    let raw = RawColumns { n_rows, columns: &train, kinds: &table.kinds };
    let y = &table.y[..n_rows];
    let start = Instant::now();
    let bins = Bins::fit(&raw, (n_rows as u64 / 1_000).clamp(10, 50))?;
    let codes = bins.encode(&raw)?;
    let problem = Problem { bins: &bins, codes: &codes, y, weight: None };
    let params = AdditiveParams::STANDARD;
    let fitted = fit(&problem, &params, &NoControl)?;
    let fit_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let fold: Vec<u8> = (0..n_rows).map(|i| (i * 7919 % 104_729 % usize::from(FOLDS)) as u8).collect();
    let eta = out_of_fold(&problem, &fold, FOLDS, &[], &params, &NoControl)?;
    let calibrator = calibrate(&eta, y, None, &NoControl)?.calibrator;
    let fold_seconds = start.elapsed().as_secs_f64();
    let rest = RawColumns { n_rows: table.y.len() - n_rows, columns: &test, kinds: &table.kinds };
    let p: Vec<f64> =
        fitted.model.eta(&bins.encode(&rest)?)?.into_iter().map(|eta| calibrator.propensity(eta)).collect();
    let labels = &table.y[n_rows..];
    let loss =
        p.iter().zip(labels).map(|(p, y)| -if *y { p.ln() } else { (1.0 - p).ln() }).sum::<f64>() / p.len() as f64;
    let maps = fitted.model.terms.len() - bins.features.len();
    Ok([
        auc(&p, labels),
        loss,
        fit_seconds,
        fold_seconds,
        maps as f64,
        fitted.effective_dof,
        f64::from(fitted.iterations),
    ])
}

fn auc(p: &[f64], y: &[bool]) -> f64 {
    let mut order: Vec<(f64, bool)> = p.iter().copied().zip(y.iter().copied()).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut sum) = (0.0, 0.0);
    for ties in order.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let positives = ties.iter().filter(|t| t.1).count() as f64;
        let negatives = ties.len() as f64 - positives;
        sum += positives * (below + negatives / 2.0);
        below += negatives;
    }
    let positives = y.iter().filter(|y| **y).count() as f64;
    sum / (positives * (y.len() as f64 - positives))
}

fn read(dir: &Path) -> Result<Table, Box<dyn Error>> {
    let meta = std::fs::read_to_string(dir.join("meta"))?;
    let numbers: Vec<usize> = meta.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let kinds: Vec<RawKind> = numbers[2..]
        .iter()
        .map(|n| if *n == 0 { RawKind::Numeric } else { RawKind::Category { n_levels: *n as u32 } })
        .collect();
    let bytes = std::fs::read(dir.join("X.f32"))?;
    let x: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let columns = (0..kinds.len()).map(|j| x.iter().skip(j).step_by(kinds.len()).copied().collect()).collect();
    let y = std::fs::read(dir.join("y.u8"))?.into_iter().map(|y| y != 0).collect();
    Ok(Table { columns, kinds, y, n_train: numbers[0] })
}
