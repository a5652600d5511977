//! Customers in households, offered or held out, whose takes follow a known truth; and how often intervals cover it.

use osusume_evaluate::{Assignment, mean_effect, rate_effect};

/// A world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    /// Customers in both arms together.
    pub(crate) n_customers: usize,
    /// Rate of takes in the holdout.
    pub(crate) rate: f64,
    /// Rate of those offered over the rate of the holdout: 1 where offers change nothing.
    pub(crate) lift: f64,
    /// Probability of the holdout for each half of the households.
    pub(crate) fractions: [f64; 2],
    /// Rate of each half of the households over the rate of all.
    pub(crate) halves: [f64; 2],
    /// Share of the further members of a household who do what the first one does.
    pub(crate) alike: f64,
}

/// How often the interval covered the truth, and where it missed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) n: u32,
    pub(crate) n_covering: u32,
    pub(crate) n_above: u32,
    pub(crate) width: f64,
}

impl Coverage {
    /// In percent; NaN where no seed gave an interval.
    pub(crate) fn percent(&self) -> f64 {
        100.0 * f64::from(self.n_covering) / f64::from(self.n)
    }
}

/// What one seed of a world showed.
struct Draw {
    is_offered: Vec<bool>,
    probabilities: Vec<f64>,
    clusters: Vec<u32>,
    is_taken: Vec<bool>,
    /// Revenue, with a long right tail.
    revenue: Vec<f64>,
}

impl World {
    /// The true difference of the rates.
    pub(crate) fn effect(&self) -> f64 {
        self.rate * (self.lift - 1.0) * 0.5 * (self.halves[0] + self.halves[1])
    }

    /// Coverage of the interval of the rate over `seeds`.
    pub(crate) fn rate_coverage(&self, seeds: std::ops::Range<u64>) -> Coverage {
        self.coverage(seeds, self.effect(), |draw, arms| {
            let effect = rate_effect(arms, &draw.is_taken, 0.95).expect("a world has probabilities");
            effect.interval.ok().map(|interval| (interval.lower, interval.upper))
        })
    }

    /// Coverage of the symmetric interval of the rate, which is what rates would get if they were means like others.
    pub(crate) fn symmetric_coverage(&self, seeds: std::ops::Range<u64>) -> Coverage {
        self.coverage(seeds, self.effect(), |draw, arms| {
            let values: Vec<f64> = draw.is_taken.iter().map(|&taken| f64::from(u8::from(taken))).collect();
            let effect = mean_effect(arms, &values, 0.95).expect("a world has probabilities");
            effect.interval.ok().map(|interval| (interval.lower, interval.upper))
        })
    }

    /// Coverage of the interval of mean revenue, which offers do not change.
    pub(crate) fn mean_coverage(&self, seeds: std::ops::Range<u64>) -> Coverage {
        self.coverage(seeds, 0.0, |draw, arms| {
            let effect = mean_effect(arms, &draw.revenue, 0.95).expect("a world has probabilities");
            effect.interval.ok().map(|interval| (interval.lower, interval.upper))
        })
    }

    fn coverage(
        &self,
        seeds: std::ops::Range<u64>,
        truth: f64,
        interval: impl Fn(&Draw, &Assignment<'_>) -> Option<(f64, f64)>,
    ) -> Coverage {
        let mut coverage = Coverage::default();
        for seed in seeds {
            let draw = self.draw(seed);
            let Draw { is_offered, probabilities, clusters, .. } = &draw;
            let Some((lower, upper)) = interval(&draw, &Assignment { is_offered, probabilities, clusters }) else {
                continue;
            };
            coverage.n += 1;
            coverage.n_covering += u32::from(lower <= truth && truth <= upper);
            coverage.n_above += u32::from(lower > truth);
            coverage.width += upper - lower;
        }
        coverage.width /= f64::from(coverage.n);
        coverage
    }

    fn draw(&self, seed: u64) -> Draw {
        let mut random = Random::new(seed);
        let mut draw = Draw {
            is_offered: Vec::new(),
            probabilities: Vec::new(),
            clusters: Vec::new(),
            is_taken: Vec::new(),
            revenue: Vec::new(),
        };
        for cluster in 0.. {
            if draw.is_taken.len() >= self.n_customers {
                break;
            }
            self.household(cluster, &mut random, &mut draw);
        }
        draw
    }

    /// One to three members with a common inclination: one household in five takes eight and a half times as often as the others.
    fn household(&self, cluster: u32, random: &mut Random, draw: &mut Draw) {
        let half = usize::from(random.unit() < 0.5);
        let fraction = self.fractions[half];
        let is_offered = random.unit() >= fraction;
        let size = [1, 1, 1, 1, 1, 2, 2, 2, 3, 3][(random.unit() * 10.0) as usize];
        let inclination = if random.unit() < 0.8 { 0.4 } else { 3.4 };
        let lift = if is_offered { self.lift } else { 1.0 };
        let rate = self.rate * self.halves[half] * inclination * lift;
        let wealth = -(1.0 - random.unit()).ln();
        let mut first = false;
        for member in 0..size {
            let is_alike = member > 0 && random.unit() < self.alike;
            let is_taken = if is_alike { first } else { random.unit() < rate };
            first = if member == 0 { is_taken } else { first };
            draw.is_offered.push(is_offered);
            draw.probabilities.push(if is_offered { 1.0 - fraction } else { fraction });
            draw.clusters.push(cluster);
            draw.is_taken.push(is_taken);
            draw.revenue.push(3000.0 * (wealth - (1.0 - random.unit()).ln()));
        }
    }
}

/// Steele, Lea and Flood's `SplitMix64`.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xD134_2543_DE82_EF95))
    }

    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
