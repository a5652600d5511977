//! The exact upper tail of a joint count made up of strata.

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

use osusume_numeric::distributions::binomial_upper_tail;

use super::strata::Layer;

/// Terms of a distribution smaller than this share of its largest are left out.
const NEGLIGIBLE: f64 = 1e-19;
/// Below this the convolution has lost its digits to terms left out, and the bound takes over.
const RELIABLE: f64 = 1e-14;
/// Multiplications a convolution may cost; beyond, the bound alone is used, which is close when counts are that large.
const MAX_WORK: f64 = 2e6;

/// P(Σₛ Hₛ ≥ Σₛ bothₛ), where Hₛ is hypergeometric with the stratum's margins, its odds such that its mean is Eₛ.
///
/// Each Hₛ is a sum of independent Bernoulli variables (Vatutin and Mikhailov 1982), so Hoeffding's bound of 1956 holds for the total: its
/// tail from E + 1 on is at most the binomial one with the same mean. The bound is used for screening and where exact terms would cost
/// too much; it is never too small. A tail whose bound is below `floor` is not looked at more closely: the result is then `floor`.
pub(crate) fn upper_tail(layers: &[Layer], floor: f64) -> f64 {
    let observed: u64 = layers.iter().map(|layer| layer.both).sum();
    let expected: f64 = layers.iter().map(Layer::expected).sum();
    let trials: u64 = layers.iter().map(|layer| layer.left.min(layer.right)).sum();
    if observed == 0 {
        return 1.0;
    }
    let bound = if observed as f64 >= expected + 1.0 {
        binomial_upper_tail(observed, trials, (expected / trials as f64).min(1.0))
    } else {
        1.0
    };
    if bound <= floor {
        return floor;
    }
    if bound < RELIABLE {
        return bound;
    }
    match convolved_tail(layers, observed) {
        Some(tail) if tail >= RELIABLE => tail.clamp(floor, 1.0),
        _ => bound,
    }
}

/// The tail by convolution; `None` when that would take too long.
fn convolved_tail(layers: &[Layer], observed: u64) -> Option<f64> {
    let mut total = Part { least: 0, weights: vec![1.0] };
    let mut work = 0.0;
    for layer in layers.iter().filter(|layer| layer.left > 0 && layer.right > 0) {
        let part = Part::of(layer, MAX_WORK)?;
        work += part.weights.len() as f64 * total.weights.len() as f64;
        if work > MAX_WORK {
            return None;
        }
        total = total.plus(&part);
    }
    let from = usize::try_from(observed.saturating_sub(total.least)).ok()?;
    // Small terms first, so that they are not lost.
    Some(total.weights.get(from..).map_or(0.0, |tail| tail.iter().rev().sum()))
}

/// A distribution over consecutive counts.
struct Part {
    least: u64,
    weights: Vec<f64>,
}

impl Part {
    /// The hypergeometric distribution of one stratum, cut where its terms vanish; `None` when it is wider than `max_width`.
    fn of(layer: &Layer, max_width: f64) -> Option<Self> {
        let least = (layer.left + layer.right).saturating_sub(layer.n);
        let most = layer.left.min(layer.right);
        let odds = odds_for_mean(layer);
        if odds <= 0.0 {
            return Some(Self { least, weights: vec![1.0] });
        }
        let mode = (layer.expected().floor() as u64).clamp(least, most);
        let ratios = Ratios { n: layer.n as f64, left: layer.left as f64, right: layer.right as f64, odds };
        let mut weights = Vec::new();
        fall(ratios, mode - least, mode as f64, max_width, &mut weights);
        let least = mode - weights.len() as u64;
        weights.reverse();
        if !rise(ratios, most - mode, mode as f64, max_width, &mut weights) {
            return None;
        }
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Some(Self { least, weights })
    }

    /// The distribution of the sum, without its vanishing ends.
    fn plus(&self, other: &Self) -> Self {
        let mut weights = vec![0.0; self.weights.len() + other.weights.len() - 1];
        let is_longer = self.weights.len() >= other.weights.len();
        let (long, short) = if is_longer { (self, other) } else { (other, self) };
        let margin = short.weights.len() - 1;
        let mut padded = vec![0.0; margin + weights.len() + BLOCK];
        padded[margin..margin + long.weights.len()].copy_from_slice(&long.weights);
        convolve(&padded, &short.weights, is_longer, &mut weights);
        let is_kept = |weight: &f64| *weight >= NEGLIGIBLE;
        let start = weights.iter().position(is_kept).unwrap_or(0);
        let end = weights.iter().rposition(is_kept).map_or(weights.len(), |last| last + 1);
        weights.truncate(end);
        weights.drain(..start);
        Self { least: self.least + other.least + start as u64, weights }
    }
}

/// Terms of a sum kept in registers while it is made.
const BLOCK: usize = 32;
/// Ratios computed at once.
const STEP: usize = 8;

/// How terms of a hypergeometric distribution follow from each other.
#[derive(Clone, Copy)]
struct Ratios {
    n: f64,
    left: f64,
    right: f64,
    odds: f64,
}

impl Ratios {
    /// The terms at x + 1 over those at x, for `first`, `first` + `step` and so on.
    #[inline(always)]
    fn from(self, first: f64, step: f64) -> [f64; STEP] {
        let Self { n, left: a, right: b, odds } = self;
        let mut ratios = [0.0; STEP];
        for (at, ratio) in ratios.iter_mut().enumerate() {
            let x = first + step * at as f64;
            *ratio = odds * (a - x) * (b - x) / ((x + 1.0) * (n - a - b + x + 1.0));
        }
        ratios
    }
}

osusume_numeric::dispatch! {
    /// Pushes 1 for the mode and at most `n_terms` terms above it, until they vanish; `false` when all terms are more than `max_width`.
    fn rise(ratios: Ratios, n_terms: u64, mode: f64, max_width: f64, terms: &mut Vec<f64>) -> bool {
        let before = terms.len();
        let mut last = 1.0;
        terms.push(last);
        for step in (0..n_terms).step_by(STEP) {
            let block = ratios.from(mode + step as f64, 1.0);
            for ratio in &block[..(n_terms - step).min(STEP as u64) as usize] {
                last *= ratio;
                if last < NEGLIGIBLE {
                    return true;
                }
                terms.push(last);
                if (terms.len() - before) as f64 > max_width {
                    return false;
                }
            }
        }
        true
    }

    /// Pushes at most `n_terms` terms below the mode, where the term is 1, until they vanish or are too many.
    fn fall(ratios: Ratios, n_terms: u64, mode: f64, max_width: f64, terms: &mut Vec<f64>) {
        let mut last = 1.0;
        for step in (0..n_terms).step_by(STEP) {
            let block = ratios.from(mode - 1.0 - step as f64, -1.0);
            for ratio in &block[..(n_terms - step).min(STEP as u64) as usize] {
                last /= ratio;
                if last < NEGLIGIBLE || terms.len() as f64 > max_width {
                    return;
                }
                terms.push(last);
            }
        }
    }

    /// The terms of a sum of two variables. `padded` are the terms of one with as many zeros before as `others` has terms less one, and
    /// zeros behind; products are added in descending order of `others`, or else in ascending order.
    fn convolve(padded: &[f64], others: &[f64], descends: bool, out: &mut [f64]) {
        let last = others.len() - 1;
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let mut sums = [0.0; BLOCK];
            let from = &padded[block * BLOCK..];
            if descends {
                for at in 0..=last {
                    add_product(&mut sums, &from[at..], others[last - at]);
                }
            } else {
                for at in (0..=last).rev() {
                    add_product(&mut sums, &from[at..], others[last - at]);
                }
            }
            out.copy_from_slice(&sums[..out.len()]);
        }
    }
}

#[inline(always)]
fn add_product(sums: &mut [f64; BLOCK], terms: &[f64], other: f64) {
    for (sum, term) in sums.iter_mut().zip(&terms[..BLOCK]) {
        *sum += term * other;
    }
}

/// The odds ratio at which two margins are expected to meet Eₛ times: from the four shares that Eₛ leaves.
fn odds_for_mean(layer: &Layer) -> f64 {
    let (n, a, b, both) = (layer.n as f64, layer.left as f64, layer.right as f64, layer.expected());
    let (left_only, right_only, neither) = (a - both, b - both, n - a - b + both);
    if neither <= 0.0 {
        // Margins too full to avoid each other: chance cannot lower what must meet.
        return 1.0;
    }
    if left_only <= 0.0 || right_only <= 0.0 { 1.0 } else { both * neither / (left_only * right_only) }
}
