//! Minima that are not met, and the proof that they cannot be.
//!
//! With weights y ≥ 0 on maxima and minima every assignment within the limits has Σ y⁻ min ≤ Σ y⁻ used and Σ y⁺ used ≤ Σ y⁺ max, so
//! that Σ y⁻ min − Σ y⁺ max is at most what customers could reach of Σ (y⁻ − y⁺) used if nothing else bound them. Where it is more, there is
//! no such assignment: this is Farkas' lemma with the customers' own choices kept whole (Schrijver 1986, section 7.3). The weights are
//! whole numbers and so are the sums: a proof holds exactly. None is found where only amounts that do not add up stand in the way.

use rayon::prelude::*;

use super::Shortfall;
use super::choice::{Menu, Taken};
use super::market::Market;

/// Steps in which prices are made weights.
const STEPS: f64 = 64.0;

/// Weights of all limits: above 0 of the maximum, below 0 of the minimum.
pub(super) type Weights = Vec<i64>;

/// The minima that `used` misses. `proofs` are weights to be tried beside those of `prices`.
pub(super) fn shortfalls(market: &Market<'_>, used: &[i64], prices: &[f64], proofs: &[Weights]) -> Vec<Shortfall> {
    let limits = market.terms.limits;
    let short: Vec<usize> = (0..limits.len()).filter(|&k| used[k] < limits[k].min).collect();
    let mut found: Vec<Shortfall> = Vec::with_capacity(short.len());
    for &k in &short {
        let mut conflict = Vec::new();
        if market.least[k] < limits[k].min {
            // More was not to be had of all customers together.
            conflict.push(k);
        } else if let Some(before) = found.iter().find(|other| other.conflict.contains(&k)) {
            conflict.clone_from(&before.conflict);
        } else if let Some(weights) = candidates(market, k, &short, prices, proofs).find(|y| is_proof(market, y)) {
            conflict = (0..weights.len()).filter(|&l| weights[l] != 0).collect();
        }
        found.push(Shortfall { limit: k, missing: limits[k].min - used[k], conflict });
    }
    found
}

/// Weights that could prove that the minimum of limit k cannot be met, the simplest first.
fn candidates<'a>(
    market: &'a Market<'_>,
    k: usize,
    short: &[usize],
    prices: &'a [f64],
    proofs: &'a [Weights],
) -> impl Iterator<Item = Weights> + 'a {
    let n = prices.len();
    let all_short: Weights = (0..n).map(|l| -i64::from(short.contains(&l))).collect();
    let highest = prices.iter().fold(0.0, |a: f64, price| a.max(price.abs()));
    let by_price = prices.iter().map(|price| (price / highest.max(f64::MIN_POSITIVE) * STEPS).round() as i64).collect();
    let against = (0..n).filter_map(move |l| against(market, k, l));
    against.chain([all_short]).chain(proofs.iter().cloned()).chain([by_price]).filter(move |weights| weights[k] < 0)
}

/// The minimum of limit k against the maximum of limit l, where whatever counts toward the first uses some of the second.
fn against(market: &Market<'_>, k: usize, l: usize) -> Option<Weights> {
    market.terms.limits[l].max.filter(|_| k != l)?;
    let mut least: Option<(i64, i64)> = None;
    for cell in 0..market.n_segments() * market.n_choices() {
        let uses = market.uses_of((cell / market.n_choices()) as u16, cell % market.n_choices());
        let (of_k, of_l) = (uses[k], uses[l]);
        let is_less = |(other_k, other_l): (i64, i64)| {
            i128::from(of_l) * i128::from(other_k) < i128::from(other_l) * i128::from(of_k)
        };
        if of_k > 0 && least.is_none_or(is_less) {
            least = Some((of_k, of_l));
        }
    }
    let (of_k, of_l) = least.filter(|&(_, of_l)| of_l > 0)?;
    let mut weights = vec![0; market.terms.limits.len()];
    (weights[k], weights[l]) = (-of_l, of_k);
    Some(weights)
}

/// Whether the weights show that not all limits they name can hold at once.
fn is_proof(market: &Market<'_>, weights: &[i64]) -> bool {
    let limits = market.terms.limits;
    let bound = |(limit, &weight): (&super::Limit, &i64)| match (weight > 0, limit.max) {
        (true, Some(max)) => Some(i128::from(weight) * i128::from(max)),
        (true, None) => None,
        (false, _) => Some(i128::from(weight) * i128::from(limit.min)),
    };
    let Some(asked): Option<i128> = limits.iter().zip(weights).map(bound).sum() else { return false };
    // Whole numbers below 2⁵³, exact as prices.
    let prices: Vec<f64> = weights.iter().map(|&weight| weight as f64).collect();
    let menu = Menu::of_limits_alone(market, &prices);
    let reached = |(taken, zeros): &mut (Taken, Vec<f32>), customer: usize| -> i128 {
        let offers = market.bids_of(customer).0;
        zeros.resize(offers.len(), 0.0);
        let places = usize::from(market.bids.places[customer]);
        let class = market.class_of(customer as u32);
        taken.choose((&menu, class), market.terms.families, places, (offers, zeros));
        taken.picks.iter().map(|pick| pick.net as i128).sum()
    };
    let reached: i128 =
        (0..market.bids.len()).into_par_iter().map_init(|| (Taken::default(), Vec::new()), reached).sum();
    reached + asked < 0
}
