//! Seconds to assign offers to many customers under twelve limits, the gap to the bound, and a check of every limit.
//!
//! `cargo run --release -p osusume-decide --example capacity -- [CUSTOMERS] [OFFERS]`, or `-- curve [MOST_CUSTOMERS] [OFFERS]` for a table
//! from 10,000 customers on.

use std::time::Instant;

use osusume_decide::{Assignment, Bids, ChannelSet, Limit, Terms, assign};
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
        segments: Vec::new(),
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
        segments: Vec::new(),
    });
    limits
}

/// Bids of customers on all offers, reached through some of the channels.
struct Company {
    offsets: Vec<usize>,
    offers: Vec<u16>,
    values: Vec<f32>,
    places: Vec<u8>,
    reach: Vec<ChannelSet>,
    families: Vec<u16>,
    limits: Vec<Limit>,
}

impl Company {
    fn of(n: usize, n_offers: usize) -> Self {
        let value = |cell: usize| {
            let (customer, offer) = (cell / n_offers, cell % n_offers);
            let (taste, need) = (uniform(customer as u64), uniform((n + cell) as u64));
            (1000.0 * taste * need * need * (1.0 + (offer % 7) as f64 / 7.0)) as f32
        };
        Self {
            offsets: (0..=n).map(|customer| customer * n_offers).collect(),
            offers: (0..n * n_offers).into_par_iter().map(|cell| (cell % n_offers) as u16).collect(),
            values: (0..n * n_offers).into_par_iter().map(value).collect(),
            places: vec![1; n],
            reach: (0..n).map(|customer| ChannelSet([0b111, 0b110, 0b011, 0b100][customer % 4])).collect(),
            families: (0..n_offers as u16).collect(),
            limits: limits(n, n_offers),
        }
    }

    /// The assignment and the seconds it took.
    #[expect(clippy::disallowed_methods, reason = "a program that measures")]
    fn assign(&self) -> (Assignment, f64) {
        let bids = Bids {
            offsets: &self.offsets,
            offers: &self.offers,
            values: &self.values,
            places: &self.places,
            reach: &self.reach,
            segments: &[],
            keys: &[],
        };
        let terms =
            Terms { families: &self.families, channels: &CHANNELS, costs: &[], limits: &self.limits, open: &[] };
        let start = Instant::now();
        let assignment = assign(&bids, &terms, &NoControl).expect("nobody stops it");
        (assignment, start.elapsed().as_secs_f64())
    }

    /// How many limits do not hold, and how many customers have more than one offer, counted from the placements.
    fn n_broken(&self, assignment: &Assignment) -> usize {
        let mut used = vec![0; self.limits.len()];
        for one in &assignment.placements {
            let channel = CHANNELS.iter().position(|&bit| bit == one.channel).expect("a channel of ours");
            let choice = usize::from(one.offer) * CHANNELS.len() + channel;
            used.iter_mut().zip(&self.limits).for_each(|(used, limit)| *used += limit.uses[choice]);
        }
        let is_broken = |limit: &Limit, used: i64| used < limit.min || limit.max.is_some_and(|max| used > max);
        let limits = self.limits.iter().zip(&used).filter(|(limit, used)| is_broken(limit, **used)).count();
        let twice = assignment.placements.windows(2).filter(|pair| pair[0].customer == pair[1].customer).count();
        limits + twice + usize::from(used != assignment.used)
    }
}

fn gap(assignment: &Assignment) -> f64 {
    (assignment.bound - assignment.value) / assignment.bound
}

#[expect(clippy::print_stdout, reason = "a program that measures and prints")]
fn curve(most: usize, n_offers: usize) {
    println!("| customers | seconds, median of 5 | nanoseconds a customer | gap to the bound | offers made | broken |");
    println!("|---|---|---|---|---|---|");
    for n in [10_000, 31_623, 100_000, 316_228, 1_000_000, 3_162_278, 10_000_000].into_iter().filter(|&n| n <= most) {
        let company = Company::of(n, n_offers);
        let mut runs: Vec<(Assignment, f64)> = (0..5).map(|_| company.assign()).collect();
        runs.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (assignment, seconds) = &runs[2];
        println!(
            "| {n} | {seconds:.3} | {:.0} | {:.1e} | {} | {} |",
            seconds / n as f64 * 1e9,
            gap(assignment),
            assignment.placements.len(),
            company.n_broken(assignment),
        );
    }
}

#[expect(clippy::print_stdout, reason = "a program that measures and prints")]
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, other: usize| args.get(i).and_then(|arg| arg.parse().ok()).unwrap_or(other);
    if args.first().is_some_and(|arg| arg == "curve") {
        return curve(number(1, 10_000_000), number(2, 50));
    }
    let (n, n_offers) = (number(0, 1_000_000), number(1, 50));
    let company = Company::of(n, n_offers);
    let (assignment, seconds) = company.assign();
    println!(
        "{{\"customers\": {n}, \"offers\": {n_offers}, \"limits\": {}, \"seconds\": {seconds:.3}, \"value\": {:.4}, \"gap\": {:.2e}, \"made\": {}, \"broken\": {}}}",
        company.limits.len(),
        assignment.value,
        gap(&assignment),
        assignment.placements.len(),
        company.n_broken(&assignment),
    );
    for (k, limit) in company.limits.iter().enumerate() {
        let last = assignment.last[k].map_or(String::new(), |last| {
            format!(", last place lost by {:.5} (customer {}, offer {})", last.by, last.customer, last.offer)
        });
        println!(
            "min {:>9} max {:>10} used {:>10} price {:.4}{last}",
            limit.min,
            limit.max.unwrap_or(-1),
            assignment.used[k],
            assignment.prices[k],
        );
    }
}
