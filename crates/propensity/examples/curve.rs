//! How the time of a fit grows with rows and offers: 24 columns, λ = 1e-4, base rate about 5 %.
//!
//! Run: `cargo run --release -p osusume-propensity --example curve [MOST_ROWS]`; ten million rows unless told otherwise.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program that measures and prints")]

use std::time::Instant;

use osusume_model::NoControl;
use osusume_propensity::design::Design;
use osusume_propensity::logistic::{LogisticParams, Penalty, Problem, fit_each};

const COLUMNS: usize = 24;
const OFFERS: [usize; 3] = [1, 4, 16];
const REPEATS: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let most: usize = std::env::args().nth(1).map_or(Ok(10_000_000), |rows| rows.parse())?;
    println!("| rows | offers | seconds | nanoseconds a row and offer | steps |\n|---|---|---|---|---|");
    let mut rows = 10_000;
    while rows <= most {
        let (design, labels) = drawn(rows)?;
        for offers in OFFERS {
            let problems: Vec<Problem<'_>> = labels[..offers]
                .iter()
                .map(|y| Problem { design: &design, rows: None, y, weight: None, offset: None })
                .collect();
            let params = LogisticParams { penalty: Penalty::Fixed(1e-4), ..LogisticParams::STANDARD };
            let mut found = Vec::new();
            for _ in 0..REPEATS {
                let start = Instant::now();
                let fits = fit_each(&problems, &params, &NoControl)?;
                let steps = fits.iter().map(|fit| fit.iterations).max().unwrap_or(0);
                found.push((start.elapsed().as_secs_f64(), steps));
            }
            found.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (seconds, steps) = found[REPEATS / 2];
            println!("| {rows} | {offers} | {seconds:.4} | {:.1} | {steps} |", seconds * 1e9 / (rows * offers) as f64);
        }
        rows *= 10;
    }
    Ok(())
}

/// The columns, and the labels of each offer.
type Drawn = (Design, Vec<Vec<bool>>);

/// Columns with something in common, and the labels of every offer by coefficients of its own.
fn drawn(rows: usize) -> Result<Drawn, Box<dyn std::error::Error>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut unit = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    let most = OFFERS[OFFERS.len() - 1];
    let mut x = Vec::with_capacity(rows * COLUMNS);
    let mut labels = vec![Vec::with_capacity(rows); most];
    for row in 0..rows {
        let common = unit() - 0.5;
        x.extend((0..COLUMNS).map(|_| 2.4 * (unit() - 0.5) + 1.2 * common));
        for (offer, labels) in labels.iter_mut().enumerate() {
            let eta: f32 = x[row * COLUMNS..].iter().skip(offer % 7).step_by(3).map(|x| 0.3 * x).sum::<f32>() - 3.2;
            labels.push(unit() < 1.0 / (1.0 + (-eta).exp()));
        }
    }
    Ok((Design::from_parts(rows, x, (0..COLUMNS as u32).collect())?, labels))
}
