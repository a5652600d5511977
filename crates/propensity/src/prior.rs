//! A Gaussian prior on the coefficients, one precision and one center a column.

/// The penalty Σⱼ (λⱼ / 2) (βⱼ − mⱼ)² beside the mean log-loss; the intercept carries none.
///
/// As a prior: βⱼ ~ N(mⱼ, 1 / (λⱼ W)), W being the sum of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// λⱼ ≥ 0, one a coefficient.
    pub precision: Vec<f64>,
    /// mⱼ, one a coefficient.
    pub center: Vec<f64>,
}

impl Prior {
    /// The same λ for all of `d` coefficients, around zero.
    pub fn uniform(lambda: f64, d: usize) -> Self {
        Self { precision: vec![lambda; d], center: vec![0.0; d] }
    }

    /// λ, where it is the same for all coefficients and they are shrunk toward zero.
    pub fn lambda(&self) -> Option<f64> {
        let first = *self.precision.first()?;
        let is_uniform = self.precision.iter().all(|p| p.to_bits() == first.to_bits());
        (is_uniform && self.center.iter().all(|m| m.abs() <= 0.0)).then_some(first)
    }

    /// The same prior beside a mean over another sum of weights: λ W is kept.
    #[must_use]
    pub fn rescaled(&self, factor: f64) -> Self {
        Self { precision: self.precision.iter().map(|p| p * factor).collect(), center: self.center.clone() }
    }

    /// Adds λⱼ (βⱼ − mⱼ) to the gradient of each coefficient.
    pub(crate) fn add_gradient(&self, params: &[f64], gradient: &mut [f64]) {
        for (((g, beta), p), m) in gradient.iter_mut().zip(params).zip(&self.precision).zip(&self.center) {
            *g += p * (beta - m);
        }
    }

    /// Adds λⱼ vⱼ: the penalty's part of a product with the Hessian.
    pub(crate) fn add_product(&self, v: &[f64], product: &mut [f64]) {
        for ((h, v), p) in product.iter_mut().zip(v).zip(&self.precision) {
            *h += p * v;
        }
    }

    /// Adds λ to the diagonal of the coefficients of an `n × n` Hessian.
    pub(crate) fn add_diagonal(&self, hessian: &mut [f64], n: usize) {
        for (j, p) in self.precision.iter().enumerate() {
            hessian[j * n + j] += p;
        }
    }

    /// The penalty at β + t s as c₀ + c₁ t + c₂ t².
    pub(crate) fn along(&self, beta: &[f64], step: &[f64]) -> [f64; 3] {
        let mut terms = [0.0; 3];
        for (((b, s), p), m) in beta.iter().zip(step).zip(&self.precision).zip(&self.center) {
            terms[0] += 0.5 * p * (b - m) * (b - m);
            terms[1] += p * (b - m) * s;
            terms[2] += 0.5 * p * s * s;
        }
        terms
    }

    /// Σ λⱼ `variance[j]`.
    pub(crate) fn weighted_sum(&self, variance: &[f64]) -> f64 {
        self.precision.iter().zip(variance).map(|(p, v)| p * v).sum()
    }
}
