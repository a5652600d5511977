//! Out-of-fold linear predictors.
//!
//! Each fold's model starts from the full fit with the gradient of its own training rows, the sum over the other folds, so that all of
//! them together cost one pass. The steps that follow use gradients of the training rows only and end at their optimum; the factor of
//! the full fit shortens them, and of the held-out rows nothing but the starting point and this metric remains. All folds take their
//! steps together, in one read of the design.

use std::sync::Arc;

use osusume_model::Control;

use crate::error::{Error, check_len};
use crate::logistic::Fit;
use crate::newton::{Search, State, Stopping, minimize, scaled_tolerance};
use crate::prior::Prior;
use crate::problem::{Objective, Problem};
use crate::sweep::Place;

/// How the folds are fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldParams {
    /// As [`crate::logistic::LogisticParams::tolerance`]; 1e-4 is plenty for predictions.
    pub tolerance: f64,
    /// Newton steps allowed a fold.
    pub max_iterations: u32,
}

impl FoldParams {
    /// What the pipelines use: 1e-4, 100 steps.
    pub const STANDARD: Self = Self { tolerance: 1e-4, max_iterations: 100 };
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

/// The models of the folds.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldModels {
    /// Parameters of each fold's model, d coefficients and the intercept; empty for a fold without rows.
    pub params: Vec<Vec<f64>>,
    /// Newton steps of each fold.
    pub iterations: Vec<u32>,
}

/// Fits one model a fold on the rows outside it.
///
/// `fold[i] < n_folds` is the fold of the i-th row of the problem; `full` is the fit to all rows.
/// The prior stays the same, so α = λW is kept: λ grows as the training rows become fewer.
///
/// # Errors
/// [`Error::OneClassFold`] when a fold holds all rows of a class; otherwise as [`crate::logistic::fit`].
pub fn fit_folds(
    problem: &Problem<'_>,
    fold: &[u8],
    n_folds: u8,
    full: &Fit,
    params: &FoldParams,
    control: &dyn Control,
) -> Result<FoldModels, Error> {
    FoldSearch::new(problem, fold, n_folds, full, control)?.run(params)
}

/// As [`fit_folds`], and predicts the rows inside each fold.
///
/// # Errors
/// As [`fit_folds`].
pub fn out_of_fold(
    problem: &Problem<'_>,
    fold: &[u8],
    n_folds: u8,
    full: &Fit,
    params: &FoldParams,
    control: &dyn Control,
) -> Result<OutOfFold, Error> {
    let search = FoldSearch::new(problem, fold, n_folds, full, control)?;
    let FoldModels { params, iterations } = search.run(params)?;
    let mut all = vec![0.0; fold.len()];
    for (held_out, params) in search.held_out.iter().zip(&params).filter(|(_, params)| !params.is_empty()) {
        let mut eta = vec![0.0; held_out.objective.n_rows()];
        held_out.objective.eta(params, &mut eta);
        for (position, eta) in held_out.positions.iter().zip(eta) {
            all[*position as usize] = eta;
        }
    }
    Ok(OutOfFold { eta: all, params, iterations })
}

/// The rows of a fold and what the objective over them is at the full fit.
struct HeldOut<'a> {
    positions: Vec<u32>,
    objective: Objective<'a>,
    place: Place,
}

struct FoldSearch<'s, 'a> {
    problem: &'s Problem<'a>,
    fold: &'s [u8],
    full: &'s Fit,
    control: &'s dyn Control,
    /// Positions of the problem's rows by row of the design.
    order: Vec<u32>,
    held_out: Vec<HeldOut<'a>>,
}

impl<'s, 'a> FoldSearch<'s, 'a> {
    fn new(
        problem: &'s Problem<'a>,
        fold: &'s [u8],
        n_folds: u8,
        full: &'s Fit,
        control: &'s dyn Control,
    ) -> Result<Self, Error> {
        problem.check()?;
        check_len("fold", fold.len(), problem.n_rows())?;
        check_len("beta", full.beta.len(), problem.design.n_cols())?;
        if let Some(bad) = fold.iter().find(|fold| **fold >= n_folds) {
            return Err(Error::Parameter { name: "fold", allowed: "below the number of folds", got: f64::from(*bad) });
        }
        let order = problem.ascending();
        let of = |k: u8| order.iter().copied().filter(|i| fold[*i as usize] == k).collect();
        let positions: Vec<Vec<u32>> = (0..n_folds).map(of).collect();
        let objectives: Vec<Objective<'a>> =
            positions.iter().map(|positions| Objective::at(problem, positions)).collect();
        let states = State::new_each(&objectives, vec![full.params(); objectives.len()]);
        let held_out = positions
            .into_iter()
            .zip(objectives)
            .zip(states)
            .map(|((positions, objective), state)| HeldOut { positions, objective, place: state.at })
            .collect();
        Ok(Self { problem, fold, full, control, order, held_out })
    }

    /// Each fold's model at its optimum.
    fn run(&self, params: &FoldParams) -> Result<FoldModels, Error> {
        let mut trained = Vec::new();
        for (k, held_out) in (0_u8..).zip(&self.held_out) {
            if !held_out.positions.is_empty() {
                trained.push((k, self.start(k)?));
            }
        }
        let stopping = Stopping { tolerance: params.tolerance, max_iterations: params.max_iterations };
        let mut searches: Vec<Search<'_, '_>> =
            trained.iter_mut().map(|(_, (objective, prior, state))| Search { objective, prior, state }).collect();
        minimize(&mut searches, stopping, self.control).map_err(|(_, error)| error)?;
        let n_folds = self.held_out.len();
        let mut models = FoldModels { params: vec![Vec::new(); n_folds], iterations: vec![0; n_folds] };
        for (k, (objective, _, state)) in trained {
            if !state.is_converged {
                return Err(Error::NotConverged {
                    iterations: state.iterations,
                    max_gradient: state.max_gradient,
                    tolerance: scaled_tolerance(&objective, params.tolerance),
                    is_separated: false,
                });
            }
            models.iterations[usize::from(k)] = state.iterations;
            models.params[usize::from(k)] = state.params;
        }
        Ok(models)
    }

    /// The model of fold `k` at the full fit. Sums over the other folds: unlike a difference they say nothing of fold `k`, not even
    /// by rounding.
    fn start(&self, k: u8) -> Result<(Objective<'a>, Prior, State), Error> {
        let positions: Vec<u32> = self.order.iter().copied().filter(|i| self.fold[*i as usize] != k).collect();
        let objective = Objective::at(self.problem, &positions);
        let classes = objective.classes();
        if !classes.is_mixed() {
            return Err(Error::OneClassFold { fold: k, positives: classes.positives, rows: classes.rows });
        }
        let n = objective.n_params();
        let (mut loss, mut gradient) = (0.0, vec![0.0; n]);
        for (_, other) in self.held_out.iter().enumerate().filter(|(other, _)| *other != usize::from(k)) {
            // An empty fold has no mean.
            if other.objective.total_weight > 0.0 {
                let share = other.objective.total_weight / objective.total_weight;
                loss += share * other.place.loss;
                gradient.iter_mut().zip(&other.place.gradient).for_each(|(sum, g)| *sum += share * g);
            }
        }
        let eta = self.gather(k);
        let prior = self.full.prior.rescaled(self.full.total_weight / objective.total_weight);
        let trial = Place { eta: vec![0.0; eta.len()], ..Place::default() };
        let mut state = State::at(self.full.params(), Place { eta, gradient, loss }, trial);
        if let Some(factor) = &self.full.factor {
            state.adopt_factor(Arc::clone(factor), &prior);
        }
        Ok((objective, prior, state))
    }

    /// η at the full fit of all rows outside fold `k`.
    fn gather(&self, k: u8) -> Vec<f64> {
        let mut next = vec![0; self.held_out.len()];
        let mut values = Vec::with_capacity(self.order.len());
        for &position in &self.order {
            let fold = self.fold[position as usize];
            if fold != k {
                let at = &mut next[usize::from(fold)];
                let place = &self.held_out[usize::from(fold)].place;
                values.push(place.eta[*at]);
                *at += 1;
            }
        }
        values
    }
}
