//! Constructed problems with a known truth.

use osusume_model::NoControl;
use osusume_propensity::design::Design;
use osusume_propensity::logistic::{Fit, LogisticParams, Penalty, Problem, fit};
use osusume_propensity::{Error, Warning};

/// A small generator: the tests need the same data everywhere, not good randomness.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// In [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly normal, variance 1: a sum of twelve.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

pub(crate) fn design(n_rows: usize, n_cols: usize, seed: u64) -> Design {
    let mut noise = Noise::new(seed);
    let x = (0..n_rows * n_cols).map(|_| noise.normal() as f32).collect();
    Design::from_parts(n_rows, x, (0..n_cols as u32).collect()).expect("finite values of the right number")
}

/// Labels drawn from σ(xβ + intercept).
pub(crate) fn labels(design: &Design, beta: &[f64], intercept: f64, seed: u64) -> Vec<bool> {
    let mut noise = Noise::new(seed ^ 0xabcd);
    (0..design.n_rows())
        .map(|row| {
            let eta = intercept + design.row(row).iter().zip(beta).map(|(x, b)| f64::from(*x) * b).sum::<f64>();
            noise.unit() < 1.0 / (1.0 + (-eta).exp())
        })
        .collect()
}

/// Coefficients that fall off: 0.8, -0.4, 0.27, -0.2, …
pub(crate) fn truth(n_cols: usize) -> Vec<f64> {
    (0..n_cols).map(|j| 0.8 / (j as f64 + 1.0) * if j % 2 == 0 { 1.0 } else { -1.0 }).collect()
}

pub(crate) fn problem<'a>(design: &'a Design, y: &'a [bool]) -> Problem<'a> {
    Problem { design, rows: None, y, weight: None, offset: None }
}

pub(crate) fn fixed(lambda: f64) -> LogisticParams {
    LogisticParams { penalty: Penalty::Fixed(lambda), ..LogisticParams::STANDARD }
}

pub(crate) fn fit_with(problem: &Problem<'_>, params: &LogisticParams) -> Result<Fit, Error> {
    fit(problem, params, None, &NoControl)
}

/// The objective in plain f64 loops, straight from its definition.
pub(crate) fn objective(problem: &Problem<'_>, params: &[f64], lambda: f64) -> f64 {
    let d = problem.design.n_cols();
    let mut sum = 0.0;
    let mut total = 0.0;
    for i in 0..problem.n_rows() {
        let row = problem.rows.map_or(i, |rows| rows[i] as usize);
        let w = problem.weight.map_or(1.0, |w| w[i]);
        let xb: f64 = problem.design.row(row).iter().zip(params).map(|(x, b)| f64::from(*x) * b).sum();
        let eta = xb + params[d] + problem.offset.map_or(0.0, |o| o[i]);
        sum += w * ((1.0 + eta.exp()).ln() - if problem.y[i] { eta } else { 0.0 });
        total += w;
    }
    sum / total + 0.5 * lambda * params[..d].iter().map(|b| b * b).sum::<f64>()
}

/// Central differences of [`objective`].
pub(crate) fn numeric_gradient(problem: &Problem<'_>, params: &[f64], lambda: f64) -> Vec<f64> {
    let step = 1e-5;
    (0..params.len())
        .map(|j| {
            let at = |delta: f64| {
                let mut moved = params.to_vec();
                moved[j] += delta;
                objective(problem, &moved, lambda)
            };
            (at(step) - at(-step)) / (2.0 * step)
        })
        .collect()
}

#[track_caller]
pub(crate) fn assert_close(got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (j, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= tolerance, "{j}: {got} against {want}");
    }
}

pub(crate) fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

pub(crate) fn has_warning(fit: &Fit, wanted: impl Fn(&Warning) -> bool) -> bool {
    fit.warnings.iter().any(wanted)
}
