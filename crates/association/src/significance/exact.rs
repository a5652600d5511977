//! The exact upper tail of a joint count made up of strata.

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
        let (n, a, b) = (layer.n as f64, layer.left as f64, layer.right as f64);
        let least = (layer.left + layer.right).saturating_sub(layer.n);
        let most = layer.left.min(layer.right);
        let odds = odds_for_mean(layer);
        if odds <= 0.0 {
            return Some(Self { least, weights: vec![1.0] });
        }
        let ratio = |x: f64| odds * (a - x) * (b - x) / ((x + 1.0) * (n - a - b + x + 1.0));
        let mode = (layer.expected().floor() as u64).clamp(least, most);
        let mut up = vec![1.0];
        for x in mode..most {
            let next = up[up.len() - 1] * ratio(x as f64);
            if next < NEGLIGIBLE {
                break;
            }
            up.push(next);
            if up.len() as f64 > max_width {
                return None;
            }
        }
        let mut down = Vec::new();
        let mut last = 1.0;
        for x in (least..mode).rev() {
            last /= ratio(x as f64);
            if last < NEGLIGIBLE || down.len() as f64 > max_width {
                break;
            }
            down.push(last);
        }
        let least = mode - down.len() as u64;
        let mut weights: Vec<f64> = down.into_iter().rev().chain(up).collect();
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Some(Self { least, weights })
    }

    /// The distribution of the sum, without its vanishing ends.
    fn plus(&self, other: &Self) -> Self {
        let mut weights = vec![0.0; self.weights.len() + other.weights.len() - 1];
        for (at, a) in self.weights.iter().enumerate() {
            for (sum, b) in weights[at..].iter_mut().zip(&other.weights) {
                *sum += a * b;
            }
        }
        let is_kept = |weight: &f64| *weight >= NEGLIGIBLE;
        let start = weights.iter().position(is_kept).unwrap_or(0);
        let end = weights.iter().rposition(is_kept).map_or(weights.len(), |last| last + 1);
        Self { least: self.least + other.least + start as u64, weights: weights[start..end].to_vec() }
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
