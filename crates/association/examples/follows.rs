//! What the comparison of windows says where nothing leads to anything, and of what was planted, over many seeds.
//!
//! `cargo run --release -p osusume-association --example follows -- [SEEDS]`

#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(dead_code, reason = "the worlds are those of the tests, which use more of them")]

#[path = "../tests/it/lives.rs"]
mod lives;
#[path = "../tests/it/oracle.rs"]
mod oracle;

use lives::{LEVEL, WORLDS, discoveries, is_planted};
use osusume_association::Follow;

fn main() {
    let asked = std::env::args().nth(1);
    let n_seeds: u64 = asked.map_or(300, |n| n.parse().expect("a number of seeds"));
    println!("level {LEVEL}, {n_seeds} seeds");
    for world in WORLDS {
        let found: Vec<(Vec<Follow>, Vec<bool>)> = (0..n_seeds).map(|seed| discoveries(world, seed, false)).collect();
        let all: Vec<&Follow> = found.iter().flat_map(|(found, _)| found).collect();
        let mut ratios: Vec<f64> = all.iter().map(|it| it.rate_ratio).collect();
        ratios.sort_by(f64::total_cmp);
        let share = |is_counted: &dyn Fn(&Follow) -> bool| {
            100.0 * all.iter().filter(|it| is_counted(it)).count() as f64 / all.len() as f64
        };
        let (median, covered) = (ratios[ratios.len() / 2], share(&|it| it.lower <= 1.0 && 1.0 <= it.upper));
        println!("{world:?}: {} pairs, median ratio {median:.3}, intervals that cover 1: {covered:.1} %", all.len());
        let tails = [0.1, 0.01, 0.001].map(|level| format!("{level}: {:.3} %", share(&|it| it.p_value <= level)));
        println!("{world:?}: p-values of at most {}", tails.join(", "));
        let n_false = found.iter().filter(|(_, is_found)| is_found.contains(&true)).count() as f64 / n_seeds as f64;
        let error = (n_false * (1.0 - n_false) / n_seeds as f64).sqrt();
        println!("{world:?}: mean false share {n_false:.3}, standard error {error:.3}");
        let planted: Vec<(Vec<Follow>, Vec<bool>)> = (0..n_seeds).map(|seed| discoveries(world, seed, true)).collect();
        let the_pair = |(found, is_found): &(Vec<Follow>, Vec<bool>)| {
            let at = found.iter().position(is_planted)?;
            Some((found[at].rate_ratio, is_found[at]))
        };
        let told: Vec<(f64, bool)> = planted.iter().filter_map(the_pair).collect();
        let recall = told.iter().filter(|it| it.1).count() as f64 / n_seeds as f64;
        let mean = told.iter().map(|it| it.0).sum::<f64>() / told.len() as f64;
        println!("{world:?}: planted pair found in {recall:.3} of the worlds, mean ratio {mean:.2}");
    }
}
