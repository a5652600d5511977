//! Customers who buy over time, and in whose lives nothing leads to anything but for what was planted.

use osusume_association::{FalseDiscovery, Follow, FollowParams, Follows, History, follow, q_values};
use osusume_model::{Date, NoControl};

use crate::oracle::Stream;

/// The false-discovery rate asked for.
pub(crate) const LEVEL: f64 = 0.1;
/// Days of which something is known.
const DAYS: i32 = 720;
/// Items of either world.
pub(crate) const N_ITEMS: u32 = 12;
/// What the planted item leads to, by how many times, within how many days.
pub(crate) const PLANTED: (u32, u32, f64, i32) = (6, 9, 3.0, 60);

pub(crate) const PARAMS: FollowParams<'_> = FollowParams {
    within_days: 60,
    from: Date(0),
    tenure_borders: &[30, 90, 365],
    level: 0.95,
    roles: None,
    closes: None,
    min_customers: 10,
    min_expected: 5.0,
};

/// Who the customers are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum World {
    /// They come more or less often, and those who come often buy more at once; what sells changes with the season.
    Shoppers,
    /// They join with two of four items and add each of the others once, sooner while they are new; some are never active, some leave.
    Subscribers,
}

pub(crate) const WORLDS: [World; 2] = [World::Shoppers, World::Subscribers];

/// Customers as lists of (day, item).
#[derive(Clone, Debug, Default)]
pub(crate) struct Lives {
    pub(crate) customers: Vec<Vec<(i32, u32)>>,
    pub(crate) since: Vec<Date>,
    pub(crate) until: Vec<Date>,
}

impl Lives {
    /// Lists of (day, item), all known from day 0 to before `until`.
    pub(crate) fn new(customers: &[&[(i32, u32)]], until: i32) -> Self {
        let n = customers.len();
        let customers = customers.iter().map(|bought| bought.to_vec()).collect();
        Self { customers, since: vec![Date(0); n], until: vec![Date(until); n] }
    }

    pub(crate) fn follow(&self, n_items: u32, params: &FollowParams<'_>) -> Follows {
        let ends = self.customers.iter().scan(0, |sum, bought| {
            *sum += bought.len();
            Some(*sum)
        });
        let offsets: Vec<usize> = std::iter::once(0).chain(ends).collect();
        let rows = self.customers.iter().flatten();
        let (days, items): (Vec<Date>, Vec<u32>) = rows.map(|(day, item)| (Date(*day), *item)).unzip();
        let (since, until) = (&self.since, &self.until);
        let history = History { offsets: &offsets, items: &items, days: &days, since, until, n_items };
        follow(&history, params, &NoControl).expect("a well-formed history")
    }

    /// A world; with `is_planted`, [`PLANTED`] happens in it.
    pub(crate) fn of(world: World, seed: u64, is_planted: bool) -> Self {
        let mut stream = Stream::new(seed + 1);
        let mut lives = Self::default();
        let n = if matches!(world, World::Shoppers) { 500 } else { 4_000 };
        for _ in 0..n {
            let (bought, since, until) = match world {
                World::Shoppers => (shopper(&mut stream, is_planted), 0, DAYS),
                World::Subscribers => subscriber(&mut stream, is_planted),
            };
            lives.customers.push(bought);
            lives.since.push(Date(since));
            lives.until.push(Date(until));
        }
        lives
    }
}

/// How much more likely `item` is bought on `day` because of what was bought before.
fn planted(is_planted: bool, bought: &[(i32, u32)], item: u32, day: i32) -> f64 {
    let (from, to, times, days) = PLANTED;
    let is_led = |(at, it): &(i32, u32)| *it == from && (1..=days).contains(&(day - at));
    if is_planted && item == to && bought.iter().any(is_led) { times } else { 1.0 }
}

fn shopper(stream: &mut Stream, is_planted: bool) -> Vec<(i32, u32)> {
    let activity = stream.unit().powi(3);
    let mut bought = Vec::new();
    for day in 0..DAYS {
        if stream.unit() >= 0.002 + 0.04 * activity {
            continue;
        }
        let mut size = 1;
        while size < 6 && stream.unit() < 0.3 + 0.5 * activity {
            size += 1;
        }
        let season = std::f64::consts::TAU * f64::from(day) / 365.0;
        let like = |item: u32| {
            let popularity = (1.0 + 0.5 * (season + f64::from(item)).sin()) / (3.0 + 2.0 * f64::from(item));
            popularity * planted(is_planted, &bought, item, day)
        };
        let mut weights: Vec<f64> = (0..N_ITEMS).map(like).collect();
        for _ in 0..size {
            let item = drawn(stream, &weights);
            weights[item] = 0.0;
            bought.push((day, item as u32));
        }
    }
    bought
}

fn drawn(stream: &mut Stream, weights: &[f64]) -> usize {
    let mut left = stream.unit() * weights.iter().sum::<f64>();
    let found = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    // Rounding may leave a hair of the last weight.
    found.unwrap_or_else(|| weights.iter().rposition(|weight| *weight > 0.0).expect("something is for sale"))
}

fn subscriber(stream: &mut Stream, is_planted: bool) -> (Vec<(i32, u32)>, i32, i32) {
    let since = (stream.unit() * f64::from(2 * DAYS)) as i32 - DAYS;
    let activity = 4.0 * stream.unit().powi(3);
    let mut bought = vec![(since, u32::from(stream.unit() < 0.4)), (since, 2 + u32::from(stream.unit() < 0.3))];
    let mut until = DAYS;
    let mut open: Vec<u32> = (4..N_ITEMS).collect();
    for day in since + 1..DAYS {
        let novelty = 1.0 + 2.0 * (-f64::from(day - since) / 60.0).exp();
        open.retain(|item| {
            let rate = 0.0006 * activity * novelty / (1.0 + 0.2 * f64::from(*item - 4));
            let is_taken = stream.unit() < rate * planted(is_planted, &bought, *item, day);
            if is_taken {
                bought.push((day, *item));
            }
            !is_taken
        });
        if stream.unit() < 0.0005 {
            until = day + 1;
            break;
        }
    }
    (bought, since, until)
}

/// What a world says, and which of it is a discovery.
pub(crate) fn discoveries(world: World, seed: u64, is_planted: bool) -> (Vec<Follow>, Vec<bool>) {
    let found = Lives::of(world, seed, is_planted).follow(N_ITEMS, &PARAMS);
    let p: Vec<f64> = found.found.iter().map(|it| it.p_value).collect();
    let q = q_values(&p, found.n_hypotheses, FalseDiscovery::BenjaminiHochberg);
    (found.found, q.into_iter().map(|q| q <= LEVEL).collect())
}

/// Whether a comparison is the planted one.
pub(crate) fn is_planted(it: &Follow) -> bool {
    (it.antecedent, it.consequent) == (PLANTED.0, PLANTED.1)
}
