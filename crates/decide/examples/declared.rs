//! Time to ask the rules, triggers and lanes a pipeline declares: `cargo run --release -p osusume-decide --example declared -- 1000000`.

use std::time::Instant;

use osusume_decide::{Circumstances, Declared, DeclaredRule, Layer, Verdict, apply_declared};

const N_OFFERS: usize = 50;
const N_RULES: usize = 20;
const BLOCK: usize = 65_536;

/// Bits of splitmix64, each set with probability 1/8.
fn bits(state: u64) -> u64 {
    let draw = |i: u64| {
        let mut z = state.wrapping_mul(3).wrapping_add(i).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    draw(0) & draw(1) & draw(2)
}

#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures and prints")]
fn main() {
    let n: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let layers = [Layer::Eligibility, Layer::Applicability, Layer::Suitability];
    let every = |nth: usize| (0..N_OFFERS).map(|offer| offer % nth == 0).collect::<Vec<bool>>();
    let declared = Declared {
        rules: (0..N_RULES).map(|i| DeclaredRule { layer: layers[i % 3], offers: every(i % 5 + 1) }).collect(),
        unlocks: (0..3).map(|i| every(i + 7)).collect(),
        lanes: (0..3).map(|i| every(i + 2)).collect(),
    };
    let rules: Vec<u64> = (0..n as u64).map(|c| bits(c) & ((1 << N_RULES) - 1)).collect();
    let triggers: Vec<u64> = (0..n as u64).map(|c| bits(c + 1_000_003) & 7).collect();
    let lanes: Vec<u8> = (0..n as u64).map(|c| (bits(c + 77) % 16).min(3) as u8).collect();
    let (mut verdicts, mut seconds, mut left) = (Vec::new(), 0.0, 0);
    for from in (0..n).step_by(BLOCK) {
        let to = n.min(from + BLOCK);
        verdicts.clear();
        verdicts.resize((to - from) * N_OFFERS, Verdict::Eligible);
        let found = Circumstances { rules: &rules[from..to], triggers: &triggers[from..to], lanes: &lanes[from..to] };
        let began = Instant::now();
        apply_declared(&declared, &found, &mut verdicts);
        seconds += began.elapsed().as_secs_f64();
        left += verdicts.iter().filter(|verdict| **verdict == Verdict::Eligible).count();
    }
    println!("{n} customers x {N_OFFERS} offers, {N_RULES} rules: {seconds:.2} s, {left} pairs left");
}
