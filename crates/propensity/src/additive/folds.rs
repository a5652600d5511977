//! Out-of-fold linear predictors: every fold learns everything anew from the rows outside it, the pairs and the strengths too.

use osusume_model::Control;
use rayon::prelude::*;

use crate::additive::fit::{AdditiveParams, Problem, fit_directed};
use crate::additive::monotone::Direction;
use crate::error::{Error, check_len};

/// Rows above which the folds wait for each other: what they keep a row would be in memory as often as there are folds.
const MANY_ROWS: usize = 100_000;

/// Calibration and measures need no more digits than this leaves; see [`AdditiveParams::tolerance`].
const TOLERANCE: f64 = 1e-6;

/// Rows of a fold and their linear predictors.
type Predicted = (Vec<u32>, Vec<f64>);

/// Fits one model a fold on the rows outside it, under the `directions` of [`fit_directed`], and predicts the rows inside.
///
/// `fold[i] < n_folds` is the fold of row i. Bins stay those of all rows: labels play no part in them.
/// Nothing that a fit to all rows found goes into a fold's model, neither pairs nor strengths nor a place to start from: updates of
/// strengths end before they have forgotten where they began, and one that began with the labels of the rows inside would tell of them.
/// So the predictors tell honestly how well unseen rows are told apart.
///
/// # Errors
/// [`Error::OneClassFold`] when a fold holds all rows of a class; [`Error::Shape`] and otherwise as [`fit_directed`].
pub fn out_of_fold(
    problem: &Problem<'_>,
    fold: &[u8],
    n_folds: u8,
    directions: &[Direction],
    params: &AdditiveParams,
    control: &dyn Control,
) -> Result<Vec<f64>, Error> {
    check_len("fold", fold.len(), problem.codes.n_rows)?;
    check_len("y", problem.y.len(), problem.codes.n_rows)?;
    if let Some(bad) = fold.iter().find(|fold| **fold >= n_folds) {
        return Err(Error::Parameter { name: "fold", allowed: "below the number of folds", got: f64::from(*bad) });
    }
    let params = &AdditiveParams { tolerance: params.tolerance.max(TOLERANCE), ..*params };
    let one = |k: u8| {
        let inside = positions(fold, |f| f == k);
        if inside.is_empty() {
            return Ok((inside, Vec::new()));
        }
        let outside = positions(fold, |f| f != k);
        let y: Vec<bool> = outside.iter().map(|row| problem.y[*row as usize]).collect();
        let weight: Option<Vec<f64>> =
            problem.weight.map(|weight| outside.iter().map(|row| weight[*row as usize]).collect());
        let codes = problem.codes.at(&outside);
        let train = Problem { codes: &codes, y: &y, weight: weight.as_deref(), ..*problem };
        let fitted = fit_directed(&train, directions, params, control).map_err(|error| match error {
            Error::OneClass { positives, rows } => Error::OneClassFold { fold: k, positives, rows },
            other => other,
        })?;
        let eta = fitted.model.eta(&problem.codes.at(&inside))?;
        Ok((inside, eta))
    };
    let of_folds: Vec<Result<Predicted, Error>> = if fold.len() <= MANY_ROWS {
        (0..n_folds).into_par_iter().map(one).collect()
    } else {
        (0..n_folds).map(one).collect()
    };
    let mut eta = vec![0.0; fold.len()];
    for found in of_folds {
        let (inside, of_rows) = found?;
        inside.iter().zip(of_rows).for_each(|(row, value)| eta[*row as usize] = value);
    }
    Ok(eta)
}

fn positions(fold: &[u8], holds: impl Fn(u8) -> bool) -> Vec<u32> {
    (0..fold.len() as u32).filter(|row| holds(fold[*row as usize])).collect()
}
