//! How many a taker takes: optimum, planted truth, and what must not matter.

use osusume_model::NoControl;
use osusume_propensity::Error;
use osusume_propensity::design::Design;
use osusume_propensity::quantity::{FEWEST_TAKERS, QuantityBasis, QuantityFit, QuantityPrior, Takers, fit_quantity};

/// Numbers in [0, 1) that look like chance.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About standard normal.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }

    /// Poisson by multiplication of uniforms, at least 1.
    fn units(&mut self, mean: f64) -> f64 {
        let (limit, mut product, mut n) = ((-mean).exp(), self.next(), 0.0);
        while product > limit {
            product *= self.next();
            n += 1.0;
        }
        f64::max(n, 1.0)
    }
}

struct World {
    design: Design,
    rows: Vec<u32>,
    quantity: Vec<f64>,
    fold: Vec<u8>,
    mean: Vec<f64>,
}

impl World {
    /// Quantities of mean exp(b + β x₀), `d` columns of which the first one matters.
    fn new(n: usize, d: usize, b: f64, beta: f64, seed: u64) -> Self {
        let mut chance = Chance(seed);
        let x: Vec<f32> = (0..n * d).map(|_| chance.normal() as f32).collect();
        let mean: Vec<f64> = x.chunks_exact(d).map(|x| (b + beta * f64::from(x[0])).exp()).collect();
        let quantity = mean.iter().map(|&mean| chance.units(mean)).collect();
        let design = Design::from_parts(n, x, (0..d as u32).collect()).expect("whole and finite");
        let fold = (0..n).map(|at| (at * 7 % 5) as u8).collect();
        Self { design, rows: (0..n as u32).collect(), quantity, fold, mean }
    }

    fn takers(&self) -> Takers<'_> {
        Takers { design: &self.design, rows: &self.rows, quantity: &self.quantity, fold: &self.fold, n_folds: 5 }
    }

    fn fit(&self) -> QuantityFit {
        fit(&self.takers())
    }
}

fn fit(takers: &Takers<'_>) -> QuantityFit {
    fit_quantity(takers, &QuantityPrior::STANDARD, &NoControl).expect("takers that can be")
}

fn bits(fit: &QuantityFit) -> Vec<u64> {
    fit.beta.iter().chain([&fit.intercept, &fit.calibration]).map(|value| value.to_bits()).collect()
}

#[test]
fn a_planted_dependence_is_found_and_calibrated() {
    let world = World::new(4_000, 6, 2.0, 0.6, 1);
    let fit = world.fit();
    assert_eq!(fit.basis, QuantityBasis::Model);
    assert!((fit.beta[0] - 0.6).abs() < 0.03, "{fit:?}");
    assert!(fit.beta[1..].iter().all(|beta| beta.abs() < 0.03), "{fit:?}");
    assert!(fit.explained.unwrap() > 0.5, "{fit:?}");
    assert!((fit.calibration - 1.0).abs() < 1e-12, "{fit:?}");
    let expected: f64 = (0..4_000).map(|row| fit.predict(world.design.row(row))).sum();
    let truth: f64 = world.mean.iter().sum();
    assert!((expected / truth - 1.0).abs() < 0.02, "{expected} {truth}");
}

#[test]
fn the_gradient_is_zero_by_its_definition() {
    let world = World::new(600, 4, 1.5, 0.5, 2);
    let fit = world.fit();
    // Calibration moves the intercept alone: the optimum's own makes the sums of quantities and means equal, whatever the penalty.
    let raw = |row: usize| -> f64 {
        world.design.row(row).iter().zip(&fit.beta).map(|(x, beta)| f64::from(*x) * beta).sum::<f64>().exp()
    };
    let total: f64 = world.quantity.iter().sum();
    let level = total / (0..600).map(raw).sum::<f64>();
    for (j, beta) in fit.beta.iter().enumerate() {
        let data: f64 =
            (0..600).map(|row| (level * raw(row) - world.quantity[row]) * f64::from(world.design.row(row)[j])).sum();
        let gradient = data / total + fit.lambda.unwrap() * beta;
        assert!(gradient.abs() < 1e-8, "{j}: {gradient:e}");
    }
    assert!(fit.max_gradient < 1e-8);
}

/// Two groups coded ±1 and next to no penalty: each group's mean is its own, in closed form.
#[test]
fn two_groups_have_their_means() {
    let n = 4_000;
    let x: Vec<f32> = (0..n).map(|at| if at % 2 == 0 { -1.0 } else { 1.0 }).collect();
    let design = Design::from_parts(n, x, vec![0]).unwrap();
    let quantity: Vec<f64> = (0..n).map(|at| if at % 2 == 0 { 2.0 } else { 20.0 }).collect();
    let (rows, fold): (Vec<u32>, Vec<u8>) = (0..n).map(|at| (at as u32, (at / 2 % 5) as u8)).unzip();
    let fit = fit(&Takers { design: &design, rows: &rows, quantity: &quantity, fold: &fold, n_folds: 5 });
    let half = 0.5 * 10.0_f64.ln();
    // tanh(β) = r − λ β with r = 9 / 11: the optimum of the penalized problem, by bisection.
    let (mut low, mut high) = (0.0, half);
    for _ in 0..60 {
        let middle: f64 = 0.5 * (low + high);
        if middle.tanh() + fit.lambda.unwrap() * middle < 9.0 / 11.0 { low = middle } else { high = middle }
    }
    assert!((fit.beta[0] - low).abs() < 1e-7, "{} {low}", fit.beta[0]);
}

#[test]
fn without_a_dependence_the_mean_is_kept() {
    let mut models = 0;
    for seed in 100..140 {
        let world = World::new(300, 8, 1.5, 0.0, seed);
        let fit = world.fit();
        if fit.basis == QuantityBasis::Model {
            models += 1;
            assert!(fit.explained.unwrap() < 0.1, "{fit:?}");
        } else {
            let mean = world.quantity.iter().sum::<f64>() / 300.0;
            assert!((fit.predict(world.design.row(0)) - mean).abs() < 1e-12);
        }
    }
    // One standard error lets through a sixth at most, were only one penalty tried.
    assert!(models <= 6, "{models} of 40");
}

#[test]
fn few_takers_have_a_mean_drawn_toward_the_prior() {
    let world = World::new(FEWEST_TAKERS - 1, 3, 2.0, 0.5, 4);
    let total: f64 = world.quantity.iter().sum();
    let fit = world.fit();
    assert_eq!(fit.basis, QuantityBasis::Prior);
    let expected = (10.0 + total) / (10.0 + 49.0);
    assert!((fit.predict(world.design.row(5)) - expected).abs() < 1e-12);
    let nobody = Takers { rows: &[], quantity: &[], fold: &[], ..world.takers() };
    assert!((self::fit(&nobody).predict(world.design.row(0)) - 1.0).abs() < 1e-12);
}

#[test]
fn the_order_of_takers_and_threads_change_no_bit() {
    let world = World::new(500, 5, 2.0, 0.5, 5);
    let expected = bits(&world.fit());
    let order: Vec<usize> = (0..500).map(|at| at * 137 % 500).collect();
    let rows: Vec<u32> = order.iter().map(|&at| world.rows[at]).collect();
    let quantity: Vec<f64> = order.iter().map(|&at| world.quantity[at]).collect();
    let fold: Vec<u8> = order.iter().map(|&at| world.fold[at]).collect();
    let shuffled = Takers { rows: &rows, quantity: &quantity, fold: &fold, ..world.takers() };
    assert_eq!(bits(&fit(&shuffled)), expected);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| bits(&world.fit())), expected, "{threads} threads");
    }
}

#[test]
fn units_by_the_dozen_are_as_well_predicted() {
    let world = World::new(800, 4, 2.0, 0.5, 6);
    let dozens: Vec<f64> = world.quantity.iter().map(|y| y * 12.0).collect();
    let (single, twelve) = (world.fit(), fit(&Takers { quantity: &dozens, ..world.takers() }));
    for (one, other) in single.beta.iter().zip(&twelve.beta) {
        assert!((one - other).abs() < 1e-7);
    }
    assert_eq!(single.lambda, twelve.lambda);
    assert!((single.explained.unwrap() - twelve.explained.unwrap()).abs() < 1e-7);
}

#[test]
fn predictions_stay_within_what_was_seen() {
    let world = World::new(2_000, 2, 2.0, 0.8, 7);
    let fit = world.fit();
    let largest = world.quantity.iter().copied().fold(0.0, f64::max);
    assert!(fit.bounds[0] >= 1.0 && fit.bounds[1] <= largest, "{fit:?}");
    assert!((fit.predict(&[50.0, 0.0]) - fit.bounds[1]).abs() < 1e-12);
    assert!((fit.predict(&[-50.0, 0.0]) - fit.bounds[0]).abs() < 1e-12);
}

#[test]
fn quantities_that_cannot_be_are_refused() {
    let world = World::new(60, 2, 1.0, 0.5, 8);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut quantity = world.quantity.clone();
        quantity[17] = bad;
        let refused =
            fit_quantity(&Takers { quantity: &quantity, ..world.takers() }, &QuantityPrior::STANDARD, &NoControl);
        assert!(matches!(refused, Err(Error::Parameter { name: "quantity", .. })), "{bad}");
    }
    let short = Takers { fold: &world.fold[1..], ..world.takers() };
    assert!(matches!(fit_quantity(&short, &QuantityPrior::STANDARD, &NoControl), Err(Error::Shape { .. })));
    let prior = QuantityPrior { mean: 0.0, takers: 10.0 };
    assert!(matches!(fit_quantity(&world.takers(), &prior, &NoControl), Err(Error::Parameter { .. })));
}
