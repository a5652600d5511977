//! Counter-based random streams: one per seed, purpose and customer, so that no draw depends on who else is generated.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::math::ln;

/// What a stream is drawn for. Each purpose has its own key, so that thinning one table moves no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Who lives together with whom.
    Household = 1,
    /// Attributes, latent classes, thresholds.
    Person = 2,
    /// What happens week by week.
    Life = 3,
    /// Noise of measurements.
    Usage = 4,
    /// Delays and missing values of what is written.
    Recording = 5,
    /// Possible futures behind the truth.
    Future = 6,
    /// What lies in baskets beside the products.
    Baskets = 7,
    /// Levels in the order of a real column.
    Covariates = 8,
}

/// One stream of random numbers.
#[derive(Clone)]
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of `purpose` with this number.
    pub(crate) fn new(seed: u64, purpose: Purpose, number: u64) -> Self {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose as u8;
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(number);
        Self(rng)
    }

    /// Uniform in [0, 1), 53 bits.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Uniform in `0..n`; 0 when `n` is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((self.uniform() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// Uniform day count in `low..=high`.
    pub(crate) fn days(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low).max(0) as usize + 1) as i32
    }

    /// Standard normal (Marsaglia's polar method; the second value is dropped so that a stream has no hidden state).
    pub(crate) fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * (-2.0 * ln(s) / s).sqrt();
            }
        }
    }

    /// A position drawn in proportion to `weights`.
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        let mut rest = self.uniform() * total;
        for (position, weight) in weights.iter().enumerate() {
            rest -= weight;
            if rest < 0.0 {
                return position;
            }
        }
        weights.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_number() {
        let first = |seed, purpose, number| Stream::new(seed, purpose, number).uniform().to_bits();
        let base = first(1, Purpose::Life, 0);
        assert_eq!(base, first(1, Purpose::Life, 0));
        assert_ne!(base, first(2, Purpose::Life, 0));
        assert_ne!(base, first(1, Purpose::Usage, 0));
        assert_ne!(base, first(1, Purpose::Life, 1));
    }

    #[test]
    fn normals_have_the_moments_of_normals() {
        let mut stream = Stream::new(7, Purpose::Life, 3);
        let draws: Vec<f64> = (0..40_000).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 40_000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 40_000.0;
        // Five standard errors: 1/200 of the mean, sqrt(2)/200 of the variance.
        assert!(mean.abs() < 0.025 && (variance - 1.0).abs() < 0.036, "{mean} {variance}");
    }

    #[test]
    fn weights_are_followed() {
        let mut stream = Stream::new(7, Purpose::Life, 4);
        let hits = (0..20_000).filter(|_| stream.weighted(&[1.0, 0.0, 3.0]) == 2).count();
        assert!((14_700..15_300).contains(&hits), "{hits}");
        assert_eq!(stream.weighted(&[0.0, 0.0]), 1);
    }
}
