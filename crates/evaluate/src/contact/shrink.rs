//! Effects of all offers at once: sums over grids, passed along the tree of offers, families and the whole.

use std::collections::BTreeMap;

use osusume_numeric::distributions::Interval;
use osusume_numeric::elementary::{exp, ln};
use rayon::prelude::*;

use super::{ContactEffect, Experiment, ResponsePrior, split};

/// Values of what a family, or all offers, have in common: log-odds from −2.4 to 2.4. The step is below the smallest spread, where sums
/// over a grid are as good as integrals.
const COMMON_POINTS: usize = 193;
const COMMON_STEP: f64 = 0.025;

/// Spreads within a family and between families, in log-odds, each as likely as the half normal of the prior says times the distance
/// between them.
const SPREADS: [f64; 7] = [0.03, 0.06, 0.1, 0.17, 0.28, 0.45, 0.7];

/// Values of one offer's effect, over eight standard errors to either side of its own estimate.
const OWN_POINTS: usize = 161;
const OWN_REACH: f64 = 8.0;
/// Where takes are few an offer's own error is unbounded; this far, in log-odds, the prior leaves nothing.
const WIDEST_ERROR: f64 = 0.6;

/// Below it a number counts as this, so that logarithms stay finite.
const LEAST: f64 = 1e-300;

/// The effect of each offer, parallel to `experiments`; `None` for one without a comparison. `confidence` in (0, 1).
///
/// Every offer is drawn toward the others of its family and, less, toward all; see the module. About 10⁷ multiplications an offer.
pub fn contact_effects(
    experiments: &[Experiment],
    prior: &ResponsePrior,
    confidence: f64,
) -> Vec<Option<ContactEffect>> {
    assert!(prior.spread > 0.0 && prior.between_offers > 0.0, "what is certain beforehand need not be estimated");
    let common = CommonGrid::new(prior);
    let own: Vec<Option<Own>> = experiments.par_iter().map(|experiment| Own::new(experiment, &common)).collect();
    let mut families: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, (experiment, own)) in experiments.iter().zip(&own).enumerate() {
        if own.is_some() {
            families.entry(experiment.family).or_default().push(at);
        }
    }
    let families: Vec<Vec<usize>> = families.into_values().collect();
    let settings: Vec<(usize, usize)> =
        (0..SPREADS.len()).flat_map(|within| (0..SPREADS.len()).map(move |between| (within, between))).collect();
    let beliefs: Vec<Belief> =
        settings.par_iter().map(|&setting| Belief::new(setting, &own, &families, &common)).collect();
    let weights = normalized(&beliefs.iter().map(|belief| belief.log_weight).collect::<Vec<f64>>());
    let effect = |(at, own): (usize, &Option<Own>)| {
        let own = own.as_ref()?;
        let family = families.iter().position(|family| family.contains(&at)).expect("every comparison is in a family");
        let told = Told { family, beliefs: &beliefs, weights: &weights, common: &common };
        Some(own.effect(&told, confidence))
    };
    own.par_iter().enumerate().map(effect).collect()
}

/// The grid of what is common, its prior, and the normal densities from point to point.
struct CommonGrid {
    values: Vec<f64>,
    log_prior: Vec<f64>,
    /// By spread: ln of its prior weight.
    log_prior_of_spread: Vec<f64>,
    /// By spread: N(value i; value j, spread²), row-major.
    kernels: Vec<Vec<f64>>,
    /// What one offer's effect is believed to vary by before any take.
    variance: f64,
}

impl CommonGrid {
    fn new(prior: &ResponsePrior) -> Self {
        let middle = (COMMON_POINTS / 2) as f64;
        let values: Vec<f64> = (0..COMMON_POINTS).map(|i| COMMON_STEP * (i as f64 - middle)).collect();
        let log_normal = |value: &f64| -0.5 * ((value - prior.mean) / prior.spread).powi(2);
        let log_prior = values.iter().map(log_normal).collect();
        let log_prior_of_spread: Vec<f64> =
            (0..SPREADS.len()).map(|at| log_half_normal(at, prior.between_offers)).collect();
        let squares = SPREADS.map(|spread| spread * spread);
        let variance = prior.spread * prior.spread + 2.0 * dot(&normalized(&log_prior_of_spread), &squares);
        let kernels = SPREADS.iter().map(|&spread| densities(&values, &values, spread)).collect();
        Self { values, log_prior, log_prior_of_spread, kernels, variance }
    }
}

/// N(at i; around j, spread²) up to a constant, row-major.
fn densities(at: &[f64], around: &[f64], spread: f64) -> Vec<f64> {
    let density = |x: f64, m: f64| exp(-0.5 * ((x - m) / spread) * ((x - m) / spread)) / spread;
    at.iter().flat_map(|&x| around.iter().map(move |&m| density(x, m))).collect()
}

/// ln of Σᵢ kernel(i, j) exp(log(i)) for every j; kernels are symmetric.
fn log_spread(kernel: &[f64], log: &[f64]) -> Vec<f64> {
    let largest = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let values: Vec<f64> = log.iter().map(|value| exp(value - largest)).collect();
    let sum = |row: &[f64]| row.iter().zip(&values).map(|(k, v)| k * v).sum::<f64>();
    kernel.chunks_exact(log.len()).map(|row| ln(sum(row).max(LEAST)) + largest).collect()
}

/// Numbers whose logarithms these are, up to a common factor, with the sum 1.
fn normalized(log: &[f64]) -> Vec<f64> {
    let largest = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let values: Vec<f64> = log.iter().map(|value| exp(value - largest)).collect();
    let total: f64 = values.iter().sum();
    values.into_iter().map(|value| value / total).collect()
}

/// What is known beyond one offer.
struct Told<'a> {
    /// Position of the offer's family.
    family: usize,
    beliefs: &'a [Belief],
    /// Of the beliefs, summing to 1.
    weights: &'a [f64],
    common: &'a CommonGrid,
}

/// What the takes of one offer say.
struct Own {
    values: Vec<f64>,
    likelihood: Vec<f64>,
    /// By spread: N(value; common value, spread²), values × common values.
    kernels: Vec<Vec<f64>>,
    /// By spread: ln of the likelihood of each value of what the family has in common.
    log_family: Vec<Vec<f64>>,
}

impl Own {
    fn new(experiment: &Experiment, common: &CommonGrid) -> Option<Self> {
        if experiment.comparisons.is_empty() {
            return None;
        }
        let (center, error) = rough(experiment);
        let reach = OWN_REACH * error.min(WIDEST_ERROR);
        let step = 2.0 * reach / (OWN_POINTS - 1) as f64;
        let values: Vec<f64> = (0..OWN_POINTS).map(|i| center - reach + step * i as f64).collect();
        let log: Vec<f64> = values.iter().map(|&value| log_likelihood(experiment, value)).collect();
        let largest = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let likelihood: Vec<f64> = log.iter().map(|value| exp(value - largest)).collect();
        let kernels: Vec<Vec<f64>> = SPREADS.iter().map(|&spread| densities(&values, &common.values, spread)).collect();
        let log_family = kernels.iter().map(|kernel| log_sums(kernel, &likelihood)).collect();
        Some(Self { values, likelihood, kernels, log_family })
    }

    /// The effect by all beliefs together.
    fn effect(&self, told: &Told<'_>, confidence: f64) -> ContactEffect {
        let mut family_mean = 0.0;
        // By spread within the family: what the others say of it, each belief over how well it foretold this offer.
        let mut expected = vec![vec![0.0; COMMON_POINTS]; SPREADS.len()];
        for (belief, weight) in told.beliefs.iter().zip(told.weights) {
            let log_all = &belief.log_family[told.family];
            let log_own = &self.log_family[belief.within];
            let others = normalized(&log_all.iter().zip(log_own).map(|(all, own)| all - own).collect::<Vec<f64>>());
            let foretold: f64 = others.iter().zip(log_own).map(|(other, own)| other * exp(*own)).sum();
            let weight_here = weight / foretold.max(LEAST);
            expected[belief.within].iter_mut().zip(&others).for_each(|(sum, other)| *sum += weight_here * other);
            family_mean += weight * dot(&normalized(log_all), &told.common.values);
        }
        let mut density = vec![0.0; OWN_POINTS];
        for (kernel, expected) in self.kernels.iter().zip(&expected) {
            let rows = kernel.chunks_exact(COMMON_POINTS).zip(&self.likelihood);
            density.iter_mut().zip(rows).for_each(|(sum, (row, l))| *sum += l * dot(row, expected));
        }
        let best = (0..OWN_POINTS).max_by(|&i, &j| self.likelihood[i].total_cmp(&self.likelihood[j])).unwrap_or(0);
        let tail = 0.5 * (1.0 - confidence);
        let total: f64 = density.iter().sum();
        let mean = dot(&density, &self.values) / total;
        let variance =
            density.iter().zip(&self.values).map(|(d, value)| d * (value - mean) * (value - mean)).sum::<f64>() / total;
        ContactEffect {
            log_odds: mean,
            told: (1.0 - variance / told.common.variance).clamp(0.0, 1.0),
            interval: Interval {
                lower: quantile(&self.values, &density, tail),
                upper: quantile(&self.values, &density, 1.0 - tail),
            },
            own: self.values[best],
            family: family_mean,
        }
    }
}

/// ln Σᵢ kernel(i, j) weight(i) for every j.
fn log_sums(kernel: &[f64], weight: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; COMMON_POINTS];
    for (row, &weight) in kernel.chunks_exact(COMMON_POINTS).zip(weight) {
        sums.iter_mut().zip(row).for_each(|(sum, k)| *sum += k * weight);
    }
    sums.into_iter().map(|sum| ln(sum.max(LEAST))).collect()
}

/// About where an offer's own effect lies and how sure it is: half a take more in every cell (Gart, 1966), weighted over comparisons.
fn rough(experiment: &Experiment) -> (f64, f64) {
    let (mut sum, mut total) = (0.0, 0.0);
    for comparison in &experiment.comparisons {
        let (mut value, mut variance) = (0.0, 0.0);
        for (sign, arm) in [(1.0, comparison.contacted), (-1.0, comparison.held_back)] {
            let (takes, others) = (arm.takes + 0.5, arm.n - arm.takes + 0.5);
            value += sign * ln(takes / others);
            variance += 1.0 / takes + 1.0 / others;
        }
        sum += value / variance;
        total += 1.0 / variance;
    }
    (sum / total, (1.0 / total).sqrt())
}

/// ln of the likelihood of an effect, at the odds of each comparison's held back that suit it best.
fn log_likelihood(experiment: &Experiment, effect: f64) -> f64 {
    let profile = |comparison: &super::Comparison| {
        let arms = [comparison.held_back, comparison.contacted];
        let n = arms[0].n + arms[1].n;
        let rate = (arms[0].takes + arms[1].takes) / n;
        // The score equation of the odds asks that the mixture of both arms be the rate of both.
        let rates = split(rate, arms[1].n / n, effect);
        let of = |arm: super::ArmCount, p: f64| times_ln(arm.takes, p) + times_ln(arm.n - arm.takes, 1.0 - p);
        of(arms[0], rates[0]) + of(arms[1], rates[1])
    };
    experiment.comparisons.iter().map(profile).sum()
}

/// x ln p, 0 where x is.
fn times_ln(x: f64, p: f64) -> f64 {
    if x > 0.0 { x * ln(p.max(LEAST)) } else { 0.0 }
}

/// What is known of families and the whole, given how much they spread.
struct Belief {
    /// Position of the spread within families.
    within: usize,
    /// ln of the weight of these spreads.
    log_weight: f64,
    /// By family: ln of the posterior over its grid, up to a constant.
    log_family: Vec<Vec<f64>>,
}

impl Belief {
    fn new(
        (within, between): (usize, usize),
        own: &[Option<Own>],
        families: &[Vec<usize>],
        common: &CommonGrid,
    ) -> Self {
        let kernel = &common.kernels[between];
        let said: Vec<Vec<f64>> = families
            .iter()
            .map(|family| {
                let mut sum = vec![0.0; COMMON_POINTS];
                for own in family.iter().filter_map(|&at| own[at].as_ref()) {
                    sum.iter_mut().zip(&own.log_family[within]).for_each(|(sum, log)| *sum += log);
                }
                sum
            })
            .collect();
        let up: Vec<Vec<f64>> = said.iter().map(|said| log_spread(kernel, said)).collect();
        let mut whole = common.log_prior.clone();
        for up in &up {
            whole.iter_mut().zip(up).for_each(|(whole, log)| *whole += log);
        }
        let down = |(said, up): (&Vec<f64>, &Vec<f64>)| {
            let others: Vec<f64> = whole.iter().zip(up).map(|(whole, up)| whole - up).collect();
            log_spread(kernel, &others).iter().zip(said).map(|(prior, said)| prior + said).collect()
        };
        let largest = whole.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let evidence = ln(whole.iter().map(|log| exp(log - largest)).sum::<f64>()) + largest;
        Self {
            within,
            log_weight: evidence + common.log_prior_of_spread[within] + common.log_prior_of_spread[between],
            log_family: said.iter().zip(&up).map(down).collect(),
        }
    }
}

/// ln of half normal density times the distance between the midpoints around a spread.
fn log_half_normal(at: usize, scale: f64) -> f64 {
    let spread = SPREADS[at];
    let lower = if at == 0 { 0.0 } else { 0.5 * (SPREADS[at - 1] + spread) };
    let upper = SPREADS.get(at + 1).map_or(1.5 * spread, |next| 0.5 * (spread + next));
    ln(upper - lower) - 0.5 * (spread / scale) * (spread / scale)
}

/// The value below which the share `q` of the density lies, linear between the points.
fn quantile(values: &[f64], density: &[f64], q: f64) -> f64 {
    let step = values[1] - values[0];
    let total: f64 = density.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).sum();
    let mut left = q * total;
    for (i, pair) in density.windows(2).enumerate() {
        let mass = 0.5 * (pair[0] + pair[1]);
        if left <= mass {
            return values[i] + step * if mass > 0.0 { left / mass } else { 0.0 };
        }
        left -= mass;
    }
    values[values.len() - 1]
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
