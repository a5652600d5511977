//! False discoveries in worlds where nothing goes together, and recall of what was planted, over many seeds.
//!
//! `cargo bench -p osusume-association --bench discoveries -- [SEEDS]`

#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(dead_code, reason = "the worlds are those of the tests, which use more of them")]

#[path = "../tests/it/oracle.rs"]
mod oracle;
#[path = "../tests/it/worlds.rs"]
mod worlds;

use worlds::{LEVEL, NULLS, false_share, mean_and_error, recall_and_false_share};

fn main() {
    let asked = std::env::args().skip(1).find(|argument| argument != "--bench");
    let n_seeds: u64 = asked.map_or(200, |n| n.parse().expect("a number of seeds"));
    println!("level {LEVEL}, {n_seeds} seeds");
    for world in NULLS {
        let shares: Vec<f64> = (0..n_seeds).map(|seed| false_share(world, seed)).collect();
        let (mean, error) = mean_and_error(&shares);
        println!("{world:?}: mean false share {mean:.3}, standard error {error:.3}");
    }
    let planted: Vec<(f64, f64)> = (0..n_seeds).map(recall_and_false_share).collect();
    let (recall, error) = mean_and_error(&planted.iter().map(|it| it.0).collect::<Vec<_>>());
    println!("planted: recall {recall:.3}, standard error {error:.3}");
    let (wrong, error) = mean_and_error(&planted.iter().map(|it| it.1).collect::<Vec<_>>());
    println!("planted: mean false share {wrong:.3}, standard error {error:.3}");
}
