//! Whether the offers a customer took stand among the first k of that customer's ranking.

use osusume_numeric::sort::order_descending;

use crate::error::{EvaluateError, Result};

/// How often the first k ranks caught a take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Customers with at least one row.
    pub n_customers: u64,
    /// Customers with at least one take.
    pub n_takers: u64,
    /// Takers with at least one take among their first k ranks.
    pub n_hit_takers: u64,
    /// Takes of all customers.
    pub n_takes: u64,
    /// Takes among the first k ranks.
    pub n_hit_takes: u64,
}

impl Hits {
    /// Share of takers with a take among their first k ranks; NaN without takers.
    pub fn hit_rate(&self) -> f64 {
        self.n_hit_takers as f64 / self.n_takers as f64
    }

    /// Share of takes among the first k ranks; NaN without takes.
    pub fn recall(&self) -> f64 {
        self.n_hit_takes as f64 / self.n_takes as f64
    }
}

/// Hits within each customer's `k` highest scores; equal scores rank by position, which is the order of the offers.
///
/// `offsets`: ascending positions, one more than customers; the rows of customer c are `offsets[c]..offsets[c + 1]` of `scores` and `labels`.
///
/// # Errors
/// `NotANumber`.
pub fn hits_at_k(offsets: &[usize], scores: &[f64], labels: &[bool], k: usize) -> Result<Hits> {
    assert_eq!(scores.len(), labels.len(), "one label a score");
    if let Some(row) = scores.iter().position(|score| score.is_nan()) {
        return Err(EvaluateError::NotANumber { row });
    }
    let mut hits = Hits::default();
    for bounds in offsets.windows(2) {
        let rows = bounds[0]..bounds[1];
        hits.add(&scores[rows.clone()], &labels[rows], k);
    }
    Ok(hits)
}

impl Hits {
    fn add(&mut self, scores: &[f64], labels: &[bool], k: usize) {
        let takes = labels.iter().filter(|&&label| label).count() as u64;
        self.n_customers += u64::from(!labels.is_empty());
        if takes == 0 {
            return;
        }
        let scores: Vec<f64> = scores.iter().map(|score| score + 0.0).collect();
        let caught = order_descending(&scores).iter().take(k).filter(|&&row| labels[row as usize]).count() as u64;
        self.n_takers += 1;
        self.n_takes += takes;
        self.n_hit_takers += u64::from(caught > 0);
        self.n_hit_takes += caught;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_takers_and_takes() {
        let offsets = [0, 3, 3, 5, 8];
        let scores = [0.1, 0.9, 0.5, 0.2, 0.3, 0.7, 0.7, 0.7];
        let labels = [true, false, true, false, false, false, true, false];
        let at = |k| hits_at_k(&offsets, &scores, &labels, k).unwrap();
        let hits =
            |n_hit_takers, n_hit_takes| Hits { n_customers: 3, n_takers: 2, n_hit_takers, n_takes: 3, n_hit_takes };
        assert_eq!(at(0), hits(0, 0));
        assert_eq!(at(1), hits(0, 0));
        assert_eq!(at(2), hits(2, 2));
        assert_eq!(at(3), hits(2, 3));
        assert_eq!(at(99), hits(2, 3));
        assert!((at(2).hit_rate() - 1.0).abs() <= 0.0 && (at(2).recall() - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn edges() {
        assert_eq!(hits_at_k(&[0], &[], &[], 3), Ok(Hits::default()));
        assert_eq!(hits_at_k(&[0, 1], &[f64::NAN], &[true], 3), Err(EvaluateError::NotANumber { row: 0 }));
        assert!(Hits::default().hit_rate().is_nan());
    }
}
