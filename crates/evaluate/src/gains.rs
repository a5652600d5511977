//! Deciles, cumulative gains, decile lift and the Kolmogorov-Smirnov distance.

use osusume_numeric::sort::{f64_key, order_descending, sort_u64};

use crate::error::{Result, check_scores, count_classes};

/// One tenth of the rows by score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decile {
    /// 1 for the highest scores, 10 for the lowest.
    pub decile: u8,
    /// Rows in it.
    pub n_rows: u64,
    /// Rows with label true.
    pub n_positives: u64,
    /// Share of positives; NaN without rows.
    pub rate: f64,
    /// Share of all positives in this and the higher deciles; 1 at decile 10.
    pub cumulative_gain: f64,
    /// Rate / overall rate; NaN without rows.
    pub decile_lift: f64,
}

/// The decile (1 = highest score) of every row: `1 + ⌊10 · rank / n⌋`, rank from 0 by descending score.
///
/// Equal scores are ordered by ascending `hashes` (a keyed hash of the customer id, one a row), then by position, so that a tie at a
/// border falls the same way whatever the order of rows.
///
/// # Errors
/// `Empty`, `NotANumber`.
pub fn deciles(scores: &[f64], hashes: &[u64]) -> Result<Vec<u8>> {
    assert_eq!(scores.len(), hashes.len(), "one hash a score");
    check_scores(scores, &vec![false; scores.len()])?;
    let n = scores.len();
    let mut order: Vec<u32> = (0..u32::try_from(n).expect("fewer than 2^32 rows")).collect();
    // Two stable sorts, the weaker key first.
    sort_u64(&mut hashes.to_vec(), &mut order);
    let mut keys: Vec<u64> = order.iter().map(|&row| !f64_key(scores[row as usize] + 0.0)).collect();
    sort_u64(&mut keys, &mut order);
    let mut deciles = vec![0; n];
    for (rank, row) in order.into_iter().enumerate() {
        deciles[row as usize] = 1 + (10 * rank / n) as u8;
    }
    Ok(deciles)
}

/// The ten deciles with their rates, gains and lifts; ties as in [`deciles`].
///
/// # Errors
/// `Empty`, `NotANumber`, `SingleClass`.
pub fn decile_table(scores: &[f64], labels: &[bool], hashes: &[u64]) -> Result<[Decile; 10]> {
    check_scores(scores, labels)?;
    let (total, _) = count_classes(labels)?;
    let mut counts = [(0_u64, 0_u64); 10];
    for (decile, &label) in deciles(scores, hashes)?.into_iter().zip(labels) {
        let count = &mut counts[usize::from(decile) - 1];
        count.0 += 1;
        count.1 += u64::from(label);
    }
    let overall = total as f64 / labels.len() as f64;
    let mut cumulative = 0;
    let mut position = 0;
    Ok(counts.map(|(n_rows, n_positives)| {
        cumulative += n_positives;
        position += 1;
        let rate = n_positives as f64 / n_rows as f64;
        let cumulative_gain = cumulative as f64 / total as f64;
        Decile { decile: position, n_rows, n_positives, rate, cumulative_gain, decile_lift: rate / overall }
    }))
}

/// The largest distance between the distribution functions of the positives' and the negatives' scores, in [0, 1].
///
/// Differences are taken after whole runs of equal scores, in integers.
///
/// # Errors
/// `Empty`, `NotANumber`, `SingleClass`.
pub fn kolmogorov_smirnov(scores: &[f64], labels: &[bool]) -> Result<f64> {
    check_scores(scores, labels)?;
    let (n_positives, n_negatives) = count_classes(labels)?;
    let scores: Vec<f64> = scores.iter().map(|score| score + 0.0).collect();
    let (mut positives, mut negatives, mut largest) = (0_u64, 0_u64, 0_u64);
    for tie in order_descending(&scores).chunk_by(|&a, &b| scores[a as usize].total_cmp(&scores[b as usize]).is_eq()) {
        let in_tie = tie.iter().filter(|&&row| labels[row as usize]).count() as u64;
        positives += in_tie;
        negatives += tie.len() as u64 - in_tie;
        largest = largest.max((positives * n_negatives).abs_diff(negatives * n_positives));
    }
    Ok(largest as f64 / (n_positives as f64 * n_negatives as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EvaluateError;
    use proptest::prelude::*;

    type Row = (f64, bool, u64);

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        prop::collection::vec(((-5..6_i32).prop_map(f64::from), any::<bool>(), 0..50_u64), 0..120).prop_map(
            |mut rows| {
                rows.extend([(0.0, true, 3), (1.0, false, 3)]);
                rows
            },
        )
    }

    fn columns(rows: &[Row]) -> (Vec<f64>, Vec<bool>, Vec<u64>) {
        (rows.iter().map(|r| r.0).collect(), rows.iter().map(|r| r.1).collect(), rows.iter().map(|r| r.2).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn totals_are_totals_and_gains_end_at_one(rows in rows()) {
            let (scores, labels, hashes) = columns(&rows);
            let table = decile_table(&scores, &labels, &hashes).unwrap();
            prop_assert_eq!(table.iter().map(|d| d.n_rows).sum::<u64>(), labels.len() as u64);
            prop_assert_eq!(table.iter().map(|d| d.n_positives).sum::<u64>(), labels.iter().filter(|l| **l).count() as u64);
            prop_assert!((table[9].cumulative_gain - 1.0).abs() <= 0.0);
            prop_assert!(table.windows(2).all(|d| d[0].cumulative_gain <= d[1].cumulative_gain));
            let sizes: Vec<u64> = table.iter().map(|d| d.n_rows).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }

        #[test]
        fn deciles_are_the_plain_sort(rows in rows()) {
            let (scores, _, hashes) = columns(&rows);
            let got = deciles(&scores, &hashes).unwrap();
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(hashes[a].cmp(&hashes[b])).then(a.cmp(&b)));
            for (rank, row) in order.into_iter().enumerate() {
                prop_assert_eq!(usize::from(got[row]), 1 + rank * 10 / rows.len());
            }
        }

        #[test]
        fn distance_is_the_largest_over_all_thresholds(rows in rows()) {
            let (scores, labels, _) = columns(&rows);
            let share = |class: bool, t: f64| {
                let of: Vec<f64> = rows.iter().filter(|r| r.1 == class).map(|r| r.0).collect();
                of.iter().filter(|s| **s >= t).count() as f64 / of.len() as f64
            };
            let expected = scores.iter().map(|&t| (share(true, t) - share(false, t)).abs()).fold(0.0, f64::max);
            prop_assert!((kolmogorov_smirnov(&scores, &labels).unwrap() - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn edges() {
        assert_eq!(deciles(&[], &[]), Err(EvaluateError::Empty));
        assert_eq!(deciles(&[1.0, 2.0, 3.0], &[0, 0, 0]), Ok(vec![7, 4, 1]));
        assert_eq!(kolmogorov_smirnov(&[2.0, 1.0], &[true, false]), Ok(1.0));
        assert_eq!(kolmogorov_smirnov(&[1.0, 1.0], &[true, false]), Ok(0.0));
    }
}
