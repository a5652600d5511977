//! Twenty worlds, each with 20 planted rules beside 200 pairs with the same margins that only seem to go together: which of the planted
//! ones are reported, by joint count and conditional lift, and how many of the reported ones are true.
//!
//! `cargo run --release -p osusume-association --example planted`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

#[path = "../tests/it/planted.rs"]
#[expect(clippy::expect_used, reason = "a world that cannot be made ends the benchmark")]
mod planted;

use planted::{NULLS, PLANTED, Pair, Report, pairs, report};

const SEEDS: u64 = 20;
const CUSTOMERS: usize = 50_000;
const RATE: f64 = 0.05;
/// Where joint counts are told apart.
const JOINT_BINS: [f64; 4] = [50.0, 150.0, 500.0, 2_001.0];
/// Where conditional lifts are.
const LIFT_BINS: [f64; 4] = [1.2, 1.5, 2.0, 3.01];

fn main() {
    let pairs = pairs(CUSTOMERS);
    let reports: Vec<Report> = (1..=SEEDS).map(|seed| report(seed, CUSTOMERS, RATE)).collect();
    println!(
        "{SEEDS} worlds of {CUSTOMERS} customers, {PLANTED} planted rules and {NULLS} companions each, rate {RATE}"
    );
    println!("share of the planted rules that is reported:");
    let heads: Vec<String> = LIFT_BINS.windows(2).map(|bin| format!("lift {:.1}-{:.1}", bin[0], bin[1])).collect();
    println!("{:>16} {}", "customers", heads.iter().map(|head| format!("{head:>14}")).collect::<Vec<_>>().concat());
    for joint in JOINT_BINS.windows(2) {
        let cells = LIFT_BINS.windows(2).map(|lift| format!("{:>14}", recall(&pairs, &reports, joint, lift)));
        println!("{:>16} {}", format!("{:.0}-{:.0}", joint[0], joint[1]), cells.collect::<Vec<_>>().concat());
    }
    let total = |of: &dyn Fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    let (reported, companions, strangers) = (total(&|r| r.reported), total(&|r| r.companions), total(&|r| r.strangers));
    let found = total(&|r| r.is_found.iter().filter(|&&is_found| is_found).count());
    let n_planted = SEEDS as usize * PLANTED;
    println!("recall over all: {:.3} ({found} of {n_planted})", found as f64 / n_planted as f64);
    println!(
        "precision of the reported list: {:.3} ({found} of {reported}; {companions} companions, {strangers} of two pairs)",
        found as f64 / reported as f64
    );
    println!(
        "planted lifts at or above their lower bound (0.95 wanted): {:.3}",
        total(&|r| r.covered) as f64 / total(&|r| r.tested) as f64
    );
    println!("precision of a list by lift above 1.2: {:.4}", n_planted as f64 / total(&|r| r.by_lift) as f64);
}

/// Share of the planted pairs of a cell that were reported, and how many there were.
fn recall(pairs: &[Pair], reports: &[Report], joint: &[f64], lift: &[f64]) -> String {
    let is_in = |x: f64, bin: &[f64]| x >= bin[0] - 1e-9 && x < bin[1];
    let cell: Vec<usize> =
        (0..PLANTED).filter(|&k| is_in(pairs[k].joint, joint) && is_in(pairs[k].lift, lift)).collect();
    if cell.is_empty() {
        return "-".to_owned();
    }
    let found =
        reports.iter().flat_map(|report| cell.iter().map(|&k| report.is_found[k])).filter(|&found| found).count();
    format!("{:.2} ({})", found as f64 / (cell.len() * reports.len()) as f64, cell.len() * reports.len())
}
