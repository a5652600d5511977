//! linfa: its logistic solver as an oracle for ours, and our trainer behind its traits.
//!
//! What must be known of linfa-logistic 0.8.1, all handled here: it minimizes the sum, so its α is λn; the more frequent class is its
//! positive one; its gradient tolerance applies to the sum; hitting the iteration limit is silent; it ignores weights; it is several
//! times faster on column-major matrices.

use linfa::traits::{Fit as LinfaFit, PredictInplace};
use linfa::{Dataset, DatasetBase};
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, ArrayBase, Data, Ix1, Ix2, ShapeBuilder};

use osusume_model::NoControl;
use osusume_numeric::elementary::sigmoid;

use crate::design::Design;
use crate::error::{Error, check_len};
use crate::logistic::{Fit, LogisticParams, fit};
use crate::newton::State;
use crate::problem::{Objective, Problem};

/// What the reference solver found, in our scale and orientation.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceFit {
    /// Coefficients.
    pub beta: Vec<f64>,
    /// Intercept.
    pub intercept: f64,
    /// max |∇f| of our objective there, computed by us.
    pub max_gradient: f64,
}

/// L-BFGS iterations allowed.
const MAX_ITERATIONS: u64 = 10_000;

/// Fits all rows of a design with linfa-logistic: (1/n) Σ ℓᵢ + (λ/2)‖β‖², intercept free.
///
/// # Errors
/// [`Error::OneClass`], [`Error::Reference`], and [`Error::NotConverged`] when max |∇f| as we compute it exceeds `tolerance`.
pub fn fit_linfa(design: &Design, y: &[bool], lambda: f64, tolerance: f64) -> Result<ReferenceFit, Error> {
    let problem = Problem { design, rows: None, y, weight: None, offset: None };
    let objective = Objective::new(&problem)?;
    let classes = objective.classes();
    if !classes.is_mixed() {
        return Err(Error::OneClass { positives: classes.positives, rows: classes.rows });
    }
    let n = y.len() as f64;
    let dataset = Dataset::new(column_major(design), Array1::from_vec(y.to_vec()));
    let fitted = LogisticRegression::default()
        .alpha(lambda * n)
        .gradient_tolerance(tolerance * n)
        .max_iterations(MAX_ITERATIONS)
        .fit(&dataset)?;
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    let beta: Vec<f64> = fitted.params().iter().map(|beta| sign * beta).collect();
    let intercept = sign * fitted.intercept();
    let max_gradient = max_gradient(&objective, &beta, intercept, lambda);
    if max_gradient <= tolerance {
        return Ok(ReferenceFit { beta, intercept, max_gradient });
    }
    Err(Error::NotConverged { iterations: MAX_ITERATIONS as u32, max_gradient, tolerance, is_separated: false })
}

fn column_major(design: &Design) -> Array2<f64> {
    let shape = (design.n_rows(), design.n_cols()).f();
    Array2::from_shape_fn(shape, |(row, column)| f64::from(design.row(row)[column]))
}

fn max_gradient(objective: &Objective<'_>, beta: &[f64], intercept: f64, lambda: f64) -> f64 {
    let params: Vec<f64> = beta.iter().copied().chain([intercept]).collect();
    let gradient = State::new(objective, params).at.gradient;
    let penalized = gradient.iter().zip(beta.iter().map(|beta| lambda * beta).chain([0.0])).map(|(g, p)| g + p);
    penalized.fold(0.0, |max: f64, g| max.max(g.abs()))
}

/// Our trainer for users of linfa: fits records of f64 (stored as f32) to boolean targets.
///
/// ```
/// use linfa::{Dataset, traits::{Fit, Predict}};
/// use ndarray::array;
/// use osusume_propensity::logistic::{LogisticParams, Penalty};
/// use osusume_propensity::reference::LogisticTrainer;
///
/// let dataset = Dataset::new(array![[-1.0], [-0.5], [0.5], [1.0]], array![false, true, false, true]);
/// let params = LogisticParams { penalty: Penalty::Fixed(0.1), ..LogisticParams::STANDARD };
/// let model = LogisticTrainer(params).fit(&dataset).unwrap();
/// let propensity = model.predict(&dataset);
/// assert!(propensity[3] > 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogisticTrainer(pub LogisticParams);

impl<D: Data<Elem = f64>, T: Data<Elem = bool>> LinfaFit<ArrayBase<D, Ix2>, ArrayBase<T, Ix1>, Error>
    for LogisticTrainer
{
    type Object = Fit;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, ArrayBase<T, Ix1>>) -> Result<Fit, Error> {
        let records = dataset.records();
        let x: Vec<f32> = records.rows().into_iter().flat_map(|row| row.to_vec()).map(|v| v as f32).collect();
        let source = (0..records.ncols() as u32).collect();
        let design = Design::from_parts(records.nrows(), x, source)?;
        let y = dataset.targets().to_vec();
        check_len("targets", y.len(), design.n_rows())?;
        // The f32 weights of a dataset are empty unless set.
        let weight: Option<Vec<f64>> = dataset.weights().map(|w| w.iter().map(|w| f64::from(*w)).collect());
        let problem = Problem { design: &design, rows: None, y: &y, weight: weight.as_deref(), offset: None };
        fit(&problem, &self.0, None, &NoControl)
    }
}

impl<D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<f64>> for Fit {
    fn predict_inplace<'a>(&'a self, x: &'a ArrayBase<D, Ix2>, y: &mut Array1<f64>) {
        assert_eq!(x.ncols(), self.beta.len(), "one column a coefficient");
        assert_eq!(x.nrows(), y.len(), "one propensity a row");
        for (row, out) in x.rows().into_iter().zip(y) {
            let eta: f64 = row.iter().zip(&self.beta).map(|(x, beta)| x * beta).sum();
            *out = sigmoid(eta + self.intercept);
        }
    }

    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<f64> {
        Array1::zeros(x.nrows())
    }
}
