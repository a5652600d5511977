use super::*;
use crate::EvaluateError;
use proptest::prelude::*;

/// ½ for a tie, 1 for a win.
fn win(positive: f64, negative: f64) -> f64 {
    if positive > negative {
        1.0
    } else if positive < negative {
        0.0
    } else {
        0.5
    }
}

/// Scores of the positives and of the negatives.
fn split(scores: &[f64], labels: &[bool]) -> (Vec<f64>, Vec<f64>) {
    let of = |class| scores.iter().zip(labels).filter(|(_, l)| **l == class).map(|(s, _)| *s).collect();
    (of(true), of(false))
}

/// Area and covariance of two scores by the definition: all pairs.
fn oracle(a: &[f64], b: &[f64], labels: &[bool]) -> (f64, f64, f64) {
    let ((ap, an), (bp, bn)) = (split(a, labels), split(b, labels));
    let (m, n) = (ap.len() as f64, an.len() as f64);
    let by_positive = |p: &[f64], q: &[f64]| -> Vec<f64> {
        p.iter().map(|x| q.iter().map(|y| win(*x, *y)).sum::<f64>() / n).collect()
    };
    let by_negative = |p: &[f64], q: &[f64]| -> Vec<f64> {
        q.iter().map(|y| p.iter().map(|x| win(*x, *y)).sum::<f64>() / m).collect()
    };
    let covariance = |u: &[f64], v: &[f64]| {
        let n = u.len() as f64;
        let (mu, mv) = (u.iter().sum::<f64>() / n, v.iter().sum::<f64>() / n);
        u.iter().zip(v).map(|(x, y)| (x - mu) * (y - mv)).sum::<f64>() / (n - 1.0)
    };
    let (pa, pb) = (by_positive(&ap, &an), by_positive(&bp, &bn));
    let (na, nb) = (by_negative(&ap, &an), by_negative(&bp, &bn));
    let auc = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    (auc(&pa), auc(&pb), covariance(&pa, &pb) / m + covariance(&na, &nb) / n)
}

/// Rows with many ties and at least two of each class.
fn rows() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<bool>)> {
    prop::collection::vec(((-6..6_i32).prop_map(f64::from), (-6..6_i32).prop_map(f64::from), any::<bool>()), 2..60)
        .prop_map(|mut rows| {
            rows.extend([(0.0, 1.0, true), (2.0, 2.0, true), (0.0, 3.0, false), (-1.0, 1.0, false)]);
            let labels = rows.iter().map(|row| row.2).collect();
            (rows.iter().map(|row| row.0).collect(), rows.iter().map(|row| row.1).collect(), labels)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn area_and_variances_are_the_definitions((a, b, labels) in rows()) {
        let (auc_a, auc_b, cov) = oracle(&a, &b, &labels);
        let (var_a, var_b) = (oracle(&a, &a, &labels).2, oracle(&b, &b, &labels).2);
        let got = auc_difference(&a, &b, &labels, None).unwrap();
        prop_assert!((got.first - auc_a).abs() < 1e-12 && (got.second - auc_b).abs() < 1e-12);
        prop_assert!((got.standard_error.powi(2) - (var_a + var_b - 2.0 * cov)).abs() < 1e-12);
        let single = auc_estimate(&a, &labels, None).unwrap();
        prop_assert!((single.auc - auc_a).abs() < 1e-12 && (single.standard_error.powi(2) - var_a).abs() < 1e-12);
        prop_assert!((auc(&a, &labels).unwrap() - single.auc).abs() <= 0.0);
    }

    #[test]
    fn monotone_maps_keep_it_and_negation_mirrors_it((a, _, labels) in rows()) {
        let area = auc(&a, &labels).unwrap();
        let mapped: Vec<f64> = a.iter().map(|x| (x / 3.0).exp()).collect();
        let negated: Vec<f64> = a.iter().map(|x| -x).collect();
        prop_assert!((auc(&mapped, &labels).unwrap() - area).abs() <= 0.0);
        prop_assert!((auc(&negated, &labels).unwrap() - (1.0 - area)).abs() < 1e-15);
        let flipped: Vec<bool> = labels.iter().map(|l| !l).collect();
        prop_assert!((auc(&a, &flipped).unwrap() - (1.0 - area)).abs() < 1e-15);
    }

    /// Every customer's rows written twice carry no more information than once.
    #[test]
    fn duplicated_customers_do_not_narrow_a_clustered_interval((a, _, labels) in rows()) {
        let clusters: Vec<u32> = (0..labels.len() as u32).collect();
        let once = auc_estimate(&a, &labels, Some(&clusters)).unwrap();
        let twice = auc_estimate(&a.repeat(2), &labels.repeat(2), Some(&clusters.repeat(2))).unwrap();
        prop_assert!((once.standard_error - twice.standard_error).abs() < 1e-12);
    }
}

#[test]
fn edges() {
    assert_eq!(auc(&[], &[]), Err(EvaluateError::Empty));
    assert_eq!(auc(&[1.0, f64::NAN], &[true, false]), Err(EvaluateError::NotANumber { row: 1 }));
    assert_eq!(auc(&[1.0, 2.0], &[true, true]), Err(EvaluateError::SingleClass { rows: 2, label: true }));
    assert_eq!(auc(&[0.0, -0.0], &[true, false]), Ok(0.5));
    assert_eq!(auc(&[f64::INFINITY, f64::NEG_INFINITY], &[true, false]), Ok(1.0));
    assert!(auc_estimate(&[1.0, 2.0], &[true, false], None).unwrap().standard_error.is_nan());
    let same = auc_difference(&[1.0, 2.0, 3.0, 0.0], &[1.0, 2.0, 3.0, 0.0], &[true, false, true, false], None).unwrap();
    assert!(same.z.abs() <= 0.0 && (same.p_value - 1.0).abs() <= 0.0);
}
