//! How often 95 % intervals of what a contact adds cover the truth: `cargo run --release -p osusume-evaluate --example contact_coverage --
//! SEEDS`, 300 companies of nine offers without the argument.

#![expect(clippy::print_stdout, reason = "a program that prints its table")]

#[path = "../tests/it/drawn.rs"]
mod drawn;

use osusume_evaluate::ResponsePrior;

use drawn::{Company, Effects, OPEN, USUAL};

fn main() {
    let seeds: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(300);
    for (name, prior) in [("little is believed", OPEN), ("as by default", USUAL)] {
        println!("{name}: {prior:?}");
        table(seeds, prior);
    }
}

fn table(seeds: u64, prior: ResponsePrior) {
    println!("effect: mean spread within   contacted    held back   rate           covered  above  below  width");
    for (mean, spread, within) in
        [(0.0, 0.0, 0.0), (0.095, 0.05, 0.04), (0.3, 0.0, 0.0), (0.1, 0.2, 0.15), (0.0, 0.3, 0.3)]
    {
        for held_back in [1.0, 0.05] {
            for contacted in [[300.0, 3_000.0], [1_000.0, 20_000.0], [20_000.0, 200_000.0]] {
                let company = Company {
                    effects: Effects { mean, spread, within },
                    contacted,
                    held_back,
                    rate: [0.003, 0.03],
                    prior,
                };
                let found = company.coverage(seeds);
                println!(
                    "        {mean:5.2}  {spread:5.2}  {within:5.2}   {:>5}-{:<7}  {held_back:4.2}     0.003-0.030     {:5.1} %  {:4.1}%  {:4.1}%  {:.2}",
                    contacted[0],
                    contacted[1],
                    100.0 * found.covered,
                    100.0 * found.above,
                    100.0 * found.below,
                    found.width
                );
            }
        }
    }
}
