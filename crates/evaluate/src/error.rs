//! Why a measure has no value.

/// The result of a measure.
pub type Result<T> = std::result::Result<T, EvaluateError>;

/// Why a measure has no value. Rows are 0-based positions in the slices given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvaluateError {
    /// There is no row.
    #[error("there are no rows")]
    Empty,
    /// A score is NaN.
    #[error("score of row {row} is not a number")]
    NotANumber {
        /// The first such row.
        row: usize,
    },
    /// A probability lies outside [0, 1] or is NaN.
    #[error("probability of row {row} is not in [0, 1]")]
    NotAProbability {
        /// The first such row.
        row: usize,
    },
    /// A probability is 0 or 1, so its log-odds are infinite.
    #[error("probability of row {row} is 0 or 1")]
    ProbabilityAtBound {
        /// The first such row.
        row: usize,
    },
    /// Every label is the same.
    #[error("all {rows} labels are {label}")]
    SingleClass {
        /// Number of rows.
        rows: usize,
        /// The label they all have.
        label: bool,
    },
    /// Every score is the same, so no slope can be found.
    #[error("all scores are equal")]
    ConstantScore,
    /// The scores separate the classes, so the slope is infinite.
    #[error("the scores separate the classes")]
    Separated,
    /// The expected number of positives is 0.
    #[error("the probabilities sum to 0")]
    NothingExpected,
    /// Newton's method has not converged.
    #[error("fit did not converge in {iterations} iterations: Newton decrement {decrement:e} > {tolerance:e}")]
    NotConverged {
        /// Iterations done, the maximum.
        iterations: usize,
        /// The length of the last step in standard errors.
        decrement: f64,
        /// The length at which it would have counted as converged.
        tolerance: f64,
    },
}

/// Same lengths (asserted), at least one row, and no NaN.
pub(crate) fn check_scores(scores: &[f64], labels: &[bool]) -> Result<()> {
    assert_eq!(scores.len(), labels.len(), "one label a score");
    if scores.is_empty() {
        return Err(EvaluateError::Empty);
    }
    scores.iter().position(|score| score.is_nan()).map_or(Ok(()), |row| Err(EvaluateError::NotANumber { row }))
}

/// Same lengths (asserted), at least one row, and all in [0, 1].
pub(crate) fn check_probabilities(probabilities: &[f64], labels: &[bool]) -> Result<()> {
    assert_eq!(probabilities.len(), labels.len(), "one label a probability");
    if probabilities.is_empty() {
        return Err(EvaluateError::Empty);
    }
    let is_outside = |p: &f64| !(0.0..=1.0).contains(p);
    probabilities.iter().position(is_outside).map_or(Ok(()), |row| Err(EvaluateError::NotAProbability { row }))
}

/// The numbers of positives and negatives, both above 0.
pub(crate) fn count_classes(labels: &[bool]) -> Result<(u64, u64)> {
    let positives = labels.iter().filter(|&&label| label).count();
    let negatives = labels.len() - positives;
    if positives == 0 || negatives == 0 {
        return Err(EvaluateError::SingleClass { rows: labels.len(), label: negatives == 0 });
    }
    Ok((positives as u64, negatives as u64))
}
