//! Seconds to assign offers to many customers under twelve limits, the gap to the bound, and a check of every limit.
//!
//! `cargo run --release -p osusume-decide --example capacity -- [CUSTOMERS] [OFFERS]`

use std::time::Instant;

use osusume_decide::{Bids, ChannelSet, Limit, Terms, assign};
use osusume_model::NoControl;
use rayon::prelude::*;

/// Channels: two with a limit, one without.
const CHANNELS: [u8; 3] = [0, 1, 2];

/// A number in [0, 1) from a counter.
fn uniform(i: u64) -> f64 {
    // splitmix64 (Steele, Lea and Flood 2014).
    let mut z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Nine offers with a maximum (one of them with a minimum), two channels, and a budget: twelve limits.
fn limits(n: usize, n_offers: usize) -> Vec<Limit> {
    let one = |counts: &dyn Fn(usize, usize) -> bool, min: usize, max: usize| Limit {
        uses: (0..n_offers * CHANNELS.len())
            .map(|c| i64::from(counts(c / CHANNELS.len(), c % CHANNELS.len())))
            .collect(),
        min: min as i64,
        max: Some(max as i64),
    };
    let mut limits: Vec<Limit> = (0..9)
        .map(|offer| one(&move |o, _| o == offer, if offer == 8 { n / 100 } else { 0 }, n / 60 + n * offer / 500))
        .collect();
    limits.push(one(&|_, channel| channel == 0, 0, n / 20));
    limits.push(one(&|_, channel| channel == 1, 0, n / 8));
    let cost = [300, 60, 1];
    limits.push(Limit {
        uses: (0..n_offers * CHANNELS.len()).map(|c| cost[c % CHANNELS.len()]).collect(),
        min: 0,
        max: Some(20 * n as i64),
    });
    limits
}

#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures and prints")]
fn main() {
    let number = |i: usize, other: usize| std::env::args().nth(i).and_then(|arg| arg.parse().ok()).unwrap_or(other);
    let (n, n_offers) = (number(1, 1_000_000), number(2, 50));
    let value = |cell: usize| {
        let (customer, offer) = (cell / n_offers, cell % n_offers);
        let (taste, need) = (uniform(customer as u64), uniform((n + cell) as u64));
        (1000.0 * taste * need * need * (1.0 + (offer % 7) as f64 / 7.0)) as f32
    };
    let values: Vec<f32> = (0..n * n_offers).into_par_iter().map(value).collect();
    let offers: Vec<u16> = (0..n * n_offers).map(|cell| (cell % n_offers) as u16).collect();
    let offsets: Vec<usize> = (0..=n).map(|customer| customer * n_offers).collect();
    let places = vec![1_u8; n];
    let reach: Vec<ChannelSet> =
        (0..n).map(|customer| ChannelSet([0b111, 0b110, 0b011, 0b100][customer % 4])).collect();
    let bids = Bids { offsets: &offsets, offers: &offers, values: &values, places: &places, reach: &reach };
    let families: Vec<u16> = (0..n_offers as u16).collect();
    let limits = limits(n, n_offers);
    let terms = Terms { families: &families, channels: &CHANNELS, limits: &limits };
    let start = Instant::now();
    let assignment = assign(&bids, &terms, &NoControl).expect("nobody stops it");
    let seconds = start.elapsed().as_secs_f64();
    let broken = limits.iter().zip(&assignment.used).filter(|(l, u)| **u < l.min || l.max.is_some_and(|max| **u > max));
    println!(
        "{{\"customers\": {n}, \"offers\": {n_offers}, \"limits\": {}, \"seconds\": {seconds:.3}, \"gap\": {:.2e}, \"made\": {}, \"broken\": {}}}",
        limits.len(),
        (assignment.bound - assignment.value) / assignment.bound,
        assignment.placements.len(),
        broken.count(),
    );
    for (limit, (used, price)) in limits.iter().zip(assignment.used.iter().zip(&assignment.prices)) {
        println!("min {:>9} max {:>10} used {used:>10} price {price:.4}", limit.min, limit.max.unwrap_or(-1));
    }
}
