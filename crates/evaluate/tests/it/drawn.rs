//! Companies whose offers were drawn for at random, with effects that are known.

use osusume_evaluate::{ArmCount, Comparison, Experiment, ResponsePrior, contact_effects};
use osusume_numeric::distributions::normal_quantile;

/// Little is believed: contacts may help or harm, and offers differ.
pub(crate) const OPEN: ResponsePrior = ResponsePrior { mean: 0.0, spread: 0.3, between_offers: 0.2 };
/// What the pipeline believes without being told otherwise.
pub(crate) const USUAL: ResponsePrior = ResponsePrior { mean: 0.095, spread: 0.05, between_offers: 0.05 };

/// How effects vary: around a whole with this mean and spread, families around it and offers around these with `within`.
#[derive(Clone, Copy)]
pub(crate) struct Effects {
    pub(crate) mean: f64,
    pub(crate) spread: f64,
    pub(crate) within: f64,
}

/// A company of three families with three offers each.
#[derive(Clone, Copy)]
pub(crate) struct Company {
    pub(crate) effects: Effects,
    /// Customers contacted an offer, from the first to the second, as often any size between.
    pub(crate) contacted: [f64; 2],
    /// Customers held back for each one contacted.
    pub(crate) held_back: f64,
    /// Rate of takes without contact, likewise.
    pub(crate) rate: [f64; 2],
    /// What is believed beforehand.
    pub(crate) prior: ResponsePrior,
}

/// Shares of intervals that cover the truth, lie above it and below it, and their mean width in log-odds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) covered: f64,
    pub(crate) above: f64,
    pub(crate) below: f64,
    pub(crate) width: f64,
}

impl Company {
    /// What the 95 % intervals of `seeds` companies say.
    pub(crate) fn coverage(&self, seeds: u64) -> Found {
        let (mut all, mut n) = (Found { covered: 0.0, above: 0.0, below: 0.0, width: 0.0 }, 0.0);
        for seed in 0..seeds {
            let (experiments, truth) = self.draw(seed);
            for (found, truth) in contact_effects(&experiments, &self.prior, 0.95).into_iter().zip(truth) {
                let interval = found.expect("every offer was drawn for").interval;
                n += 1.0;
                all.covered += f64::from(u8::from(interval.contains(truth)));
                all.above += f64::from(u8::from(interval.lower > truth));
                all.below += f64::from(u8::from(interval.upper < truth));
                all.width += interval.upper - interval.lower;
            }
        }
        Found { covered: all.covered / n, above: all.above / n, below: all.below / n, width: all.width / n }
    }

    fn draw(&self, seed: u64) -> (Vec<Experiment>, Vec<f64>) {
        let mut draws = Draws(seed.wrapping_mul(0x1234_5678_9abc_def1));
        let Effects { mean, spread, within } = self.effects;
        let whole = mean + spread * draws.normal();
        let (mut experiments, mut truth) = (Vec::new(), Vec::new());
        for family in 0..3 {
            let of_family = whole + within * draws.normal();
            for _ in 0..3 {
                let own = of_family + within * draws.normal();
                let (rate, n) = (draws.between(self.rate), draws.between(self.contacted).round());
                let comparison = draws.comparison([n, (n * self.held_back).round()], rate, own);
                experiments.push(Experiment { family, comparisons: vec![comparison] });
                truth.push(own);
            }
        }
        (experiments, truth)
    }
}

/// Splitmix64: enough for tests, and the same everywhere.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn between(&mut self, [low, high]: [f64; 2]) -> f64 {
        low * (high / low).powf(self.uniform())
    }

    fn normal(&mut self) -> f64 {
        normal_quantile(self.uniform())
    }

    /// Successes of `n` trials: jumps from one to the next.
    fn binomial(&mut self, n: f64, p: f64) -> f64 {
        let (mut at, mut successes) = (0.0, 0.0);
        loop {
            at += (self.uniform().ln() / (1.0 - p).ln()).floor() + 1.0;
            if at > n {
                return successes;
            }
            successes += 1.0;
        }
    }

    fn comparison(&mut self, n: [f64; 2], rate: f64, effect: f64) -> Comparison {
        let odds = rate / (1.0 - rate) * effect.exp();
        let [contacted, held_back] =
            [(n[0], odds / (1.0 + odds)), (n[1], rate)].map(|(n, rate)| ArmCount { n, takes: self.binomial(n, rate) });
        Comparison { contacted, held_back }
    }
}
