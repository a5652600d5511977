//! The area under the ROC curve with its variance, and the difference of two.

use osusume_numeric::distributions::{Interval, normal_cdf};
use osusume_numeric::sort::order_ascending;

use crate::cluster::{clustered_variance, largest};
use crate::error::{Result, check_scores, count_classes};

/// An area under the ROC curve with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AucEstimate {
    /// The area, never folded: below 0.5 where the ranking is upside down.
    pub auc: f64,
    /// Its standard error; NaN when a class (or, clustered, the table) has fewer than two members.
    pub standard_error: f64,
    /// Rows with label true.
    pub n_positives: u64,
    /// Rows with label false.
    pub n_negatives: u64,
}

impl AucEstimate {
    /// Normal interval, cut to [0, 1].
    pub fn interval(&self, confidence: f64) -> Interval {
        let Interval { lower, upper } = Interval::normal(self.auc, self.standard_error, confidence);
        Interval { lower: lower.max(0.0), upper: upper.min(1.0) }
    }
}

/// The difference of two areas over the same rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AucDifference {
    /// First area.
    pub first: f64,
    /// Second area.
    pub second: f64,
    /// First − second.
    pub difference: f64,
    /// Paired standard error of the difference; NaN as in [`AucEstimate`].
    pub standard_error: f64,
    /// Difference / standard error; 0 where both are 0.
    pub z: f64,
    /// Two-sided p-value of "no difference".
    pub p_value: f64,
}

/// Area under the ROC curve: P(score of a positive > score of a negative) + ½ P(equal), over all pairs.
///
/// Pairs are counted in integers. −0 and 0 are equal. O(n) after a radix sort.
///
/// # Errors
/// `Empty`, `NotANumber`, `SingleClass`.
pub fn auc(scores: &[f64], labels: &[bool]) -> Result<f64> {
    check_scores(scores, labels)?;
    let classes = count_classes(labels)?;
    let mut twice_pairs = 0_u64;
    for_each_tie(scores, labels, |tie| twice_pairs += tie.positives * (2 * tie.negatives_below + tie.negatives));
    Ok(area(twice_pairs, classes))
}

/// The area with its standard error.
///
/// Without `clusters` the variance is that of `DeLong`, `DeLong` and Clarke-Pearson (1988): the sample variances of the placements of
/// the positives and the negatives over their numbers. With `clusters` (dense customer indexes, one a row) the same placements are
/// summed by customer (Obuchowski, 1997), for rows that are not independent.
///
/// # Errors
/// As [`auc`].
pub fn auc_estimate(scores: &[f64], labels: &[bool], clusters: Option<&[u32]>) -> Result<AucEstimate> {
    let placed = place(scores, labels)?;
    let (n_positives, n_negatives) = placed.classes;
    let standard_error = variance(&placed.influence, labels, placed.classes, clusters).sqrt();
    Ok(AucEstimate { auc: placed.auc, standard_error, n_positives, n_negatives })
}

/// The difference of two scores' areas over the same rows, with a paired test; `clusters` as in [`auc_estimate`].
///
/// # Errors
/// As [`auc`], for either score.
pub fn auc_difference(
    first: &[f64],
    second: &[f64],
    labels: &[bool],
    clusters: Option<&[u32]>,
) -> Result<AucDifference> {
    let (a, b) = (place(first, labels)?, place(second, labels)?);
    let influence: Vec<f64> = a.influence.iter().zip(&b.influence).map(|(a, b)| a - b).collect();
    let standard_error = variance(&influence, labels, a.classes, clusters).sqrt();
    let difference = a.auc - b.auc;
    let z = if difference.abs() <= 0.0 { 0.0 } else { difference / standard_error };
    Ok(AucDifference {
        first: a.auc,
        second: b.auc,
        difference,
        standard_error,
        z,
        p_value: 2.0 * normal_cdf(-z.abs()),
    })
}

/// A run of rows with the same score.
struct Tie<'a> {
    rows: &'a [u32],
    positives: u64,
    negatives: u64,
    positives_below: u64,
    negatives_below: u64,
}

/// Calls `visit` for every distinct score, ascending.
fn for_each_tie(scores: &[f64], labels: &[bool], mut visit: impl FnMut(&Tie)) {
    // Adding 0 turns −0 into 0, which the total order would hold apart.
    let scores: Vec<f64> = scores.iter().map(|score| score + 0.0).collect();
    let order = order_ascending(&scores);
    let (mut positives_below, mut negatives_below) = (0, 0);
    for rows in order.chunk_by(|&a, &b| scores[a as usize].total_cmp(&scores[b as usize]).is_eq()) {
        let positives = rows.iter().filter(|&&row| labels[row as usize]).count() as u64;
        let negatives = rows.len() as u64 - positives;
        visit(&Tie { rows, positives, negatives, positives_below, negatives_below });
        positives_below += positives;
        negatives_below += negatives;
    }
}

fn area(twice_pairs: u64, (positives, negatives): (u64, u64)) -> f64 {
    twice_pairs as f64 / (2.0 * positives as f64 * negatives as f64)
}

struct Placed {
    auc: f64,
    classes: (u64, u64),
    /// By row: (placement − auc) / size of the row's class; their sum is 0.
    influence: Vec<f64>,
}

/// A positive's placement is the share of negatives it beats, a negative's the share of positives that beat it; ties half.
fn place(scores: &[f64], labels: &[bool]) -> Result<Placed> {
    check_scores(scores, labels)?;
    let classes = count_classes(labels)?;
    let (n_positives, n_negatives) = (classes.0 as f64, classes.1 as f64);
    let mut placement = vec![0.0; scores.len()];
    let mut twice_pairs = 0;
    for_each_tie(scores, labels, |tie| {
        twice_pairs += tie.positives * (2 * tie.negatives_below + tie.negatives);
        let of_positive = (2 * tie.negatives_below + tie.negatives) as f64 / (2.0 * n_negatives);
        let positives_above = classes.0 - tie.positives_below - tie.positives;
        let of_negative = (2 * positives_above + tie.positives) as f64 / (2.0 * n_positives);
        for &row in tie.rows {
            placement[row as usize] = if labels[row as usize] { of_positive } else { of_negative };
        }
    });
    let auc = area(twice_pairs, classes);
    let centre =
        |(&placement, &label): (&f64, &bool)| (placement - auc) / if label { n_positives } else { n_negatives };
    let influence = placement.iter().zip(labels).map(centre).collect();
    Ok(Placed { auc, classes, influence })
}

fn variance(influence: &[f64], labels: &[bool], classes: (u64, u64), clusters: Option<&[u32]>) -> f64 {
    if let Some(clusters) = clusters {
        assert_eq!(clusters.len(), labels.len(), "one cluster a row");
        return clustered_variance(clusters.iter().copied().zip(influence.iter().copied()), largest(clusters));
    }
    let (mut of_positives, mut of_negatives) = (0.0, 0.0);
    for (value, &label) in influence.iter().zip(labels) {
        *(if label { &mut of_positives } else { &mut of_negatives }) += value * value;
    }
    // Sample variances divide by n − 1; a class of one has none.
    let unbiased = |sum: f64, n: u64| if n < 2 { f64::NAN } else { sum * n as f64 / (n - 1) as f64 };
    unbiased(of_positives, classes.0) + unbiased(of_negatives, classes.1)
}

#[cfg(test)]
mod tests;
