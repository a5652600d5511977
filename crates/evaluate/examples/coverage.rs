//! How often the 95 % intervals of an effect cover the truth, by base rate and size: `cargo run --release -p osusume-evaluate --example
//! coverage -- SEEDS`, 500 without the argument. `symmetric` is what the rate without an effect would get from a plain t interval.

#![expect(clippy::print_stdout, reason = "a program that prints its table")]

#[path = "../tests/it/world.rs"]
mod world;

use world::{Coverage, World};

/// Holdout fractions and rates of the two halves of the households, and how alike a household is.
const DESIGNS: [([f64; 2], [f64; 2], f64); 6] = [
    ([0.05, 0.05], [1.0, 1.0], 0.0),
    ([0.05, 0.05], [0.7, 1.3], 0.6),
    ([0.1, 0.1], [1.0, 1.0], 0.3),
    ([0.05, 0.2], [0.7, 1.3], 0.3),
    ([0.05, 0.2], [1.3, 0.7], 0.3),
    ([0.5, 0.5], [1.0, 1.0], 0.3),
];

fn main() {
    let seeds: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(500);
    println!(
        "holdout     rate by half  alike  customers   rate  held-out   no effect        effect x 2       symmetric       revenue"
    );
    println!(
        "                                                     takes  cov%  above%   cov%  above%   cov%  above%   cov%  above%"
    );
    for (fractions, halves, alike) in DESIGNS {
        for n_customers in [400, 2_000, 10_000, 50_000] {
            for rate in [0.003, 0.01, 0.05] {
                row(World { n_customers, rate, lift: 1.0, fractions, halves, alike }, seeds);
            }
        }
    }
}

fn row(world: World, seeds: u64) {
    let cells = [
        world.rate_coverage(0..seeds),
        World { lift: 2.0, ..world }.rate_coverage(0..seeds),
        world.symmetric_coverage(0..seeds),
        world.mean_coverage(0..seeds),
    ];
    let expected: f64 = (0..2).map(|half| 0.5 * world.fractions[half] * world.halves[half]).sum();
    let takes = expected * world.rate * world.n_customers as f64;
    let World { n_customers, rate, fractions: f, halves: h, alike, .. } = world;
    let shown: Vec<String> = cells.iter().map(|cell| cell_text(cell, seeds)).collect();
    println!(
        "{:.2} / {:.2}   {:.1} / {:.1}     {alike:.1}    {n_customers:>7}  {rate:.3}    {takes:6.1}  {}",
        f[0],
        f[1],
        h[0],
        h[1],
        shown.join("  ")
    );
}

/// Seeds that gave no interval are told behind the numbers.
fn cell_text(cell: &Coverage, seeds: u64) -> String {
    let none = seeds - u64::from(cell.n);
    let share = 100.0 * f64::from(cell.n_above) / f64::from(cell.n);
    let remark = if none == 0 { String::new() } else { format!(" (none: {none})") };
    format!("{:5.1}  {share:5.1}{remark}", cell.percent())
}
