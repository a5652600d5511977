//! Times one offer: 160,000 rows × 120 columns, cold fit, empirical Bayes, folds and scores.
//!
//! Run: `cargo run --release -p osusume-propensity --example timing [rows] [columns] [base rate]`

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program that measures and prints")]

use std::time::Instant;

use osusume_model::NoControl;
use osusume_propensity::calibration::calibrate;
use osusume_propensity::design::Design;
use osusume_propensity::encoder::{Encoder, EncoderParams, RawColumns, RawKind};
use osusume_propensity::folds::{FoldParams, out_of_fold};
use osusume_propensity::logistic::{Fit, LogisticParams, Penalty, Problem, fit};
use osusume_propensity::score::Scorer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<f64> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let argument = |at: usize, default: f64| arguments.get(at).copied().unwrap_or(default);
    let (n_rows, n_cols, rate) = (argument(0, 160_000.0) as usize, argument(1, 120.0) as usize, argument(2, 0.03));

    let columns = raw_columns(n_rows, n_cols);
    let slices: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
    let kinds = vec![RawKind::Numeric; n_cols];
    let raw = RawColumns { n_rows, columns: &slices, kinds: &kinds };
    let rows: Vec<u32> = (0..n_rows as u32).collect();
    let encoder = timed("encoder fit", || Encoder::fit(&raw, &rows, &EncoderParams::STANDARD))?;
    let design = timed("encode", || Design::encode(&encoder, &raw))?;
    let y = labels(&design, rate);
    println!("{n_rows} rows × {} columns, {} positives", design.n_cols(), y.iter().filter(|y| **y).count());

    let problem = Problem { design: &design, rows: None, y: &y, weight: None, offset: None };
    let fixed = LogisticParams { penalty: Penalty::Fixed(1e-4), ..LogisticParams::STANDARD };
    describe(&timed("fixed penalty", || fit(&problem, &fixed, None, &NoControl))?);
    let model = timed("empirical Bayes", || fit(&problem, &LogisticParams::STANDARD, None, &NoControl))?;
    describe(&model);
    let folds: Vec<u8> = (0..n_rows).map(|i| (i % 5) as u8).collect();
    let held_out = timed("five folds", || out_of_fold(&problem, &folds, 5, &model, &FoldParams::STANDARD, &NoControl))?;
    println!("    steps {:?}", held_out.iterations);
    let calibration = timed("calibration", || calibrate(&held_out.eta, &y, None, &NoControl))?;
    println!("    {calibration:?}");
    let mut scorer = Scorer::new(encoder);
    for _ in 0..20 {
        scorer.push_fit(&model, &calibration.calibrator)?;
    }
    let mut out = vec![0.0; n_rows * 20];
    timed("score 20 offers", || scorer.score_block(&raw, &mut out, &NoControl))?;
    Ok(())
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what:<16} {:>8.3} s", start.elapsed().as_secs_f64());
    result
}

fn describe(fit: &Fit) {
    println!(
        "    {} steps, {} Hessians, max |gradient| {:.1e}, lambda {:.2e}, {:.1} degrees of freedom, {:?}",
        fit.iterations,
        fit.hessians,
        fit.max_gradient,
        fit.prior.lambda().expect("one penalty for all columns"),
        fit.effective_dof,
        fit.warnings
    );
}

/// A different mixture of a shared factor and noise for each column, from a small generator.
fn raw_columns(n_rows: usize, n_cols: usize) -> Vec<Vec<f32>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut unit = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    let mut normal = move || (0..4).map(|_| unit()).sum::<f32>() * 1.7 - 3.4;
    let factor: Vec<f32> = (0..n_rows).map(|_| normal()).collect();
    (0..n_cols).map(|_| factor.iter().map(|shared| 0.4 * shared + normal()).collect()).collect()
}

fn labels(design: &Design, rate: f64) -> Vec<bool> {
    let intercept = (rate / (1.0 - rate)).ln() - 0.5;
    (0..design.n_rows())
        .map(|row| {
            let x = design.row(row);
            let eta: f64 = (0..x.len()).map(|j| f64::from(x[j]) * 0.8 / (j as f64 + 1.0)).sum::<f64>() + intercept;
            let draw =
                (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((draw >> 11) as f64 / (1_u64 << 53) as f64) < 1.0 / (1.0 + (-eta).exp())
        })
        .collect()
}
