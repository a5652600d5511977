//! Out-of-fold linear predictors.
//!
//! Each fold's model starts from the full fit with the Hessian of its own training rows: the Hessian of all rows less that of the fold,
//! so that all of them together cost one pass. The steps that follow use gradients of the training rows only and end at their optimum;
//! of the held-out rows nothing but the starting point remains.

use osusume_model::Control;

use crate::error::{Error, check_len};
use crate::logistic::Fit;
use crate::newton::{State, Stopping, minimize, scaled_tolerance};
use crate::problem::{Objective, Problem};

/// How the folds are fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldParams {
    /// As [`crate::logistic::LogisticParams::tolerance`]; 1e-6 is plenty for predictions.
    pub tolerance: f64,
    /// Newton steps allowed a fold.
    pub max_iterations: u32,
}

impl FoldParams {
    /// What the pipelines use: 1e-6, 100 steps.
    pub const STANDARD: Self = Self { tolerance: 1e-6, max_iterations: 100 };
}

/// The out-of-fold result.
#[derive(Clone, Debug, PartialEq)]
pub struct OutOfFold {
    /// Linear predictor of each row of the problem, offset included, by the model that has not seen its fold.
    pub eta: Vec<f64>,
    /// Parameters of each fold's model, d coefficients and the intercept; empty for a fold without rows.
    pub params: Vec<Vec<f64>>,
    /// Newton steps of each fold.
    pub iterations: Vec<u32>,
}

/// Fits one model a fold on the rows outside it and predicts the rows inside.
///
/// `fold[i] < n_folds` is the fold of the i-th row of the problem; `full` is the fit to all rows.
/// The prior stays the same, so α = λW is kept: λ grows as the training rows become fewer.
///
/// # Errors
/// [`Error::OneClassFold`] when a fold holds all rows of a class; otherwise as [`crate::logistic::fit`].
pub fn out_of_fold(
    problem: &Problem<'_>,
    fold: &[u8],
    n_folds: u8,
    full: &Fit,
    params: &FoldParams,
    control: &dyn Control,
) -> Result<OutOfFold, Error> {
    let all = Objective::new(problem)?;
    check_len("fold", fold.len(), all.n_rows())?;
    check_len("beta", full.beta.len(), problem.design.n_cols())?;
    if let Some(bad) = fold.iter().find(|fold| **fold >= n_folds) {
        return Err(Error::Parameter { name: "fold", allowed: "below the number of folds", got: f64::from(*bad) });
    }
    let start = full.params();
    let held_out: Vec<Objective<'_>> =
        (0..n_folds).map(|k| Objective::at(problem, &positions(fold, |f| f == k))).collect();
    let hessians = fold_hessians(&held_out, &start, control)?;
    let mut result = OutOfFold { eta: vec![0.0; all.n_rows()], params: Vec::new(), iterations: Vec::new() };
    for (k, test) in (0..n_folds).zip(&held_out) {
        if test.n_rows() == 0 {
            result.params.push(Vec::new());
            result.iterations.push(0);
            continue;
        }
        let train = Objective::at(problem, &positions(fold, |f| f != k));
        let hessian = rest_hessian(&hessians, k, &train);
        let state = fit_fold(&train, k, &start, hessian, full, params, control)?;
        let mut eta = vec![0.0; test.n_rows()];
        test.eta(&state.params, &mut eta);
        for (position, eta) in positions(fold, |f| f == k).into_iter().zip(eta) {
            result.eta[position] = eta;
        }
        result.params.push(state.params);
        result.iterations.push(state.iterations);
    }
    Ok(result)
}

fn positions(fold: &[u8], belongs: impl Fn(u8) -> bool) -> Vec<usize> {
    (0..fold.len()).filter(|i| belongs(fold[*i])).collect()
}

/// Σ over each fold's rows of c x xᵀ at the starting point, not divided by any weight.
fn fold_hessians(held_out: &[Objective<'_>], start: &[f64], control: &dyn Control) -> Result<Vec<Vec<f64>>, Error> {
    held_out.iter().map(|objective| weighted_hessian(objective, start, control)).collect()
}

fn weighted_hessian(objective: &Objective<'_>, start: &[f64], control: &dyn Control) -> Result<Vec<f64>, Error> {
    let n = objective.n_rows();
    if n == 0 || objective.total_weight <= 0.0 {
        return Ok(vec![0.0; objective.n_params().pow(2)]);
    }
    let (mut eta, mut residual, mut row_weights) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    objective.eta(start, &mut eta);
    objective.link(&eta, &mut residual, &mut row_weights);
    let mut hessian = objective.hessian(&row_weights, control)?;
    for h in &mut hessian {
        *h *= objective.total_weight;
    }
    Ok(hessian)
}

/// Hessian of the mean log-loss outside fold `k`: the others' sum, which unlike a difference stays positive semi-definite.
fn rest_hessian(hessians: &[Vec<f64>], k: u8, train: &Objective<'_>) -> Vec<f64> {
    let mut rest = vec![0.0; train.n_params().pow(2)];
    for (_, hessian) in hessians.iter().enumerate().filter(|(other, _)| *other != usize::from(k)) {
        rest.iter_mut().zip(hessian).for_each(|(sum, h)| *sum += h);
    }
    for h in &mut rest {
        *h /= train.total_weight;
    }
    rest
}

fn fit_fold(
    train: &Objective<'_>,
    fold: u8,
    start: &[f64],
    hessian: Vec<f64>,
    full: &Fit,
    params: &FoldParams,
    control: &dyn Control,
) -> Result<State, Error> {
    let classes = train.classes();
    if !classes.is_mixed() {
        return Err(Error::OneClassFold { fold, positives: classes.positives, rows: classes.rows });
    }
    let prior = full.prior.rescaled(full.total_weight / train.total_weight);
    let mut state = State::new(train, start.to_vec());
    state.adopt(train, hessian);
    let stopping = Stopping { tolerance: params.tolerance, max_iterations: params.max_iterations };
    minimize(train, &prior, stopping, &mut state, control)?;
    if state.is_converged {
        return Ok(state);
    }
    Err(Error::NotConverged {
        iterations: state.iterations,
        max_gradient: state.max_gradient,
        tolerance: scaled_tolerance(train, params.tolerance),
        is_separated: false,
    })
}
