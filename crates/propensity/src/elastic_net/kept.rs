//! The Hessian a search keeps: of all columns, or of those that may matter where there are many.
//!
//! A Hessian takes n d² operations and d² numbers. Under an L1 penalty most columns rest at zero, and which of them may leave it the
//! gradient says, in n d operations. The search minimizes over the others, sees by the gradient of all columns whether it was right, and
//! goes on with more of them if not, so the optimum is that of all. (The threshold is that of the strong rules for a path whose λ shrinks
//! by a sixth a step: Tibshirani and others, Journal of the Royal Statistical Society B 74, 2012.)

use osusume_model::Control;

use crate::error::Error;
use crate::hessian::{Accuracy, relative_change};
use crate::problem::Objective;

/// Fewer columns than this are all taken: their Hessian is cheaper than leaving some out.
const FEW_COLUMNS: usize = 256;
/// A column at zero may matter where its gradient is at least this share of the penalty that keeps it there.
const MAY_MATTER: f64 = 0.75;

/// A Hessian and some of the row weights it was computed with.
pub(super) struct Kept {
    /// The columns it is of, ascending.
    columns: Vec<usize>,
    /// Symmetric, of these columns and the intercept.
    pub(super) hessian: Vec<f64>,
    probe: Vec<f64>,
}

impl Kept {
    /// The Hessian of some columns at η.
    pub(super) fn new(
        objective: &Objective<'_>,
        columns: Vec<usize>,
        eta: &[f64],
        control: &dyn Control,
    ) -> Result<Self, Error> {
        let found = if columns.len() == objective.design.n_cols() {
            objective.hessian(eta, Accuracy::Exact, control)?
        } else {
            let part = objective.columns(&columns);
            objective.over(&part).hessian(eta, Accuracy::Exact, control)?
        };
        let mut hessian = found.expect("only samples may have no row");
        let n = columns.len() + 1;
        for i in 0..n {
            for j in 0..i {
                hessian[j * n + i] = hessian[i * n + j];
            }
        }
        Ok(Self { columns, hessian, probe: objective.probe(eta) })
    }

    /// Whether it is of all the columns `wanted`, which ascend.
    pub(super) fn covers(&self, wanted: &[usize]) -> bool {
        let mut own = self.columns.iter();
        wanted.iter().all(|column| own.any(|other| other == column))
    }

    /// How far the row weights at η are from its own.
    pub(super) fn drift(&self, objective: &Objective<'_>, eta: &[f64]) -> f64 {
        relative_change(&objective.probe(eta), &self.probe)
    }

    /// Of one value a parameter, those of its columns and of the intercept.
    pub(super) fn gather(&self, values: &[f64]) -> Vec<f64> {
        let intercept = values.last().copied();
        self.columns.iter().map(|column| values[*column]).chain(intercept).collect()
    }

    /// One value a parameter of `n`: the given ones in the places of its columns and of the intercept, 0 elsewhere.
    pub(super) fn scatter(&self, values: &[f64], n: usize) -> Vec<f64> {
        let mut all = vec![0.0; n];
        for (column, value) in self.columns.iter().chain([&(n - 1)]).zip(values) {
            all[*column] = *value;
        }
        all
    }
}

/// The columns that have a coefficient or may get one, `l1` being what keeps a column at zero; all where that is most of them or few.
pub(super) fn candidates(params: &[f64], gradient: &[f64], l1: f64) -> Vec<usize> {
    let d = params.len() - 1;
    if d <= FEW_COLUMNS {
        return (0..d).collect();
    }
    let may_matter = |j: &usize| params[*j].abs() > 0.0 || gradient[*j].abs() >= MAY_MATTER * l1;
    let some: Vec<usize> = (0..d).filter(may_matter).collect();
    if 2 * some.len() > d { (0..d).collect() } else { some }
}
