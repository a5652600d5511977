//! What can go wrong while a model is fitted, and what is only worth a warning.

use osusume_model::{Control, Stop};

/// Why a fit, an encoder or a calibration was refused. Rows and columns are positions in the slices given.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Lengths that must agree do not.
    #[error("`{what}` has {got} values where {expected} are needed")]
    Shape {
        /// Which slice.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The length it must have.
        expected: usize,
    },
    /// NaN or infinity where a number is needed.
    #[error("`{what}` is not finite in row {row}, column {column}")]
    NotFinite {
        /// Which slice.
        what: &'static str,
        /// The first row with such a value.
        row: usize,
        /// Its column; 0 for a single column.
        column: usize,
    },
    /// A parameter outside what is allowed.
    #[error("`{name}` must be {allowed}, got {got}")]
    Parameter {
        /// Which parameter.
        name: &'static str,
        /// What is allowed.
        allowed: &'static str,
        /// The value.
        got: f64,
    },
    /// Nothing can be learned: all rows with a positive weight have the same label.
    #[error("only one class: {positives} positives in {rows} rows")]
    OneClass {
        /// Rows labeled 1 with a positive weight.
        positives: u64,
        /// Rows with a positive weight.
        rows: u64,
    },
    /// A fold leaves only one class to train on.
    #[error("without fold {fold} only one class is left: {positives} positives in {rows} rows")]
    OneClassFold {
        /// The fold.
        fold: u8,
        /// Rows labeled 1 outside the fold.
        positives: u64,
        /// Rows outside the fold.
        rows: u64,
    },
    /// The Hessian is singular: a column depends on the ones before it and the penalty is too small to decide between them.
    #[error(
        "column {column} is a combination of the columns before it and the penalty {lambda:e} is too small to decide"
    )]
    Singular {
        /// Design column; equal to the number of columns for the intercept.
        column: usize,
        /// The penalty.
        lambda: f64,
    },
    /// The tolerance was not reached.
    #[error("no convergence in {iterations} iterations: max |gradient| {max_gradient:e} > {tolerance:e}")]
    NotConverged {
        /// Newton steps done.
        iterations: u32,
        /// Largest absolute partial derivative of the objective at the end.
        max_gradient: f64,
        /// What it had to reach.
        tolerance: f64,
        /// The labels are separated by the last linear predictor: without a penalty no optimum exists.
        is_separated: bool,
    },
    /// The reference solver refused.
    #[error("the reference solver failed")]
    Reference(#[from] linfa_logistic::error::Error),
    /// A linfa dataset is malformed.
    #[error("the dataset is malformed")]
    Dataset(#[from] linfa::Error),
    /// The caller asked to stop.
    #[error("stopped by the caller")]
    Stopped(Stop),
}

/// An offer's fit failed.
#[derive(Debug, thiserror::Error)]
#[error("offer {offer}: {error}")]
pub struct OfferError {
    /// Position of the offer.
    pub offer: usize,
    /// Why.
    #[source]
    pub error: Error,
}

/// Findings that do not stop a fit. Columns are design columns.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// The fitted linear predictor separates the classes; only the penalty keeps the coefficients finite.
    Separated {
        /// The first column that separates them alone, if one does.
        column: Option<u32>,
    },
    /// These columns are combinations of columns before them; the penalty shares the effect among them.
    Collinear {
        /// The dependent columns, ascending.
        columns: Vec<u32>,
    },
    /// The empirical Bayes penalty reached its ceiling: no column carries a signal.
    NoSignal,
    /// The empirical Bayes penalty reached its floor: the data would accept even larger coefficients.
    PenaltyAtFloor,
}

/// Refuses a slice of the wrong length.
pub(crate) fn check_len(what: &'static str, got: usize, expected: usize) -> Result<(), Error> {
    if got == expected { Ok(()) } else { Err(Error::Shape { what, got, expected }) }
}

/// Refuses NaN and infinity in a single column.
pub(crate) fn check_finite(what: &'static str, values: &[f64]) -> Result<(), Error> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::NotFinite { what, row, column: 0 }),
    }
}

/// Asks the caller whether to go on.
pub(crate) fn check_control(control: &dyn Control) -> Result<(), Error> {
    match control.stop() {
        None => Ok(()),
        Some(stop) => Err(Error::Stopped(stop)),
    }
}
