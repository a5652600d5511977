//! Bins merged before anything is fitted: neighbors whose rates hardly differ share a coefficient.
//!
//! Of all ways to cut the bins of a number into runs, dynamic programming finds the one with the least
//!
//!   Σ over runs of −(P ln P/N + (N − P) ln (N − P)/N) + cost of a run,
//!
//! N being the weight of the rows in the run and P that of the positive ones: the log-likelihood of a rate a run, and a price for each.
//! A feature that says nothing alone may say something beside others, and so no run of several bins holds more than a fixed share of
//! the rows. Takes B² / 2 values of the log-likelihood for B bins. Numbers with few bins keep them.

use osusume_numeric::elementary::ln;

use crate::additive::bins::{FEW_BINS, FeatureBins};
use crate::additive::terms::Groups;

/// What a run costs, in nats: the best of some dozen cuts of noise gains about as much.
const RUN_COST: f64 = 6.0;
/// A run of several bins holds at most one in so many of the rows.
const FEWEST_RUNS: f64 = 20.0;

/// The codes of a curve in the groups that have a coefficient each, learned from the weight of all rows and of the positive ones by code.
pub(crate) fn merged(feature: &FeatureBins, all: &[f64], positive: &[f64]) -> Groups {
    let (n_ordered, n_codes) = (feature.n_ordered(), feature.n_codes());
    let starts =
        if n_ordered > FEW_BINS { runs(&all[..n_ordered], &positive[..n_ordered]) } else { (0..n_ordered).collect() };
    let n_runs = starts.len();
    let mut of_code = Vec::with_capacity(n_codes);
    let mut run = 0;
    for code in 0..n_ordered {
        run += usize::from(starts.get(run + 1) == Some(&code));
        of_code.push(run as u8);
    }
    of_code.extend((0..n_codes - n_ordered).map(|behind| (n_runs + behind) as u8));
    Groups { of_code, n: n_runs + n_codes - n_ordered, n_ordered: n_runs }
}

/// The first bin of each run.
fn runs(all: &[f64], positive: &[f64]) -> Vec<usize> {
    let n = all.len();
    let most = all.iter().sum::<f64>() / FEWEST_RUNS;
    // Least sum of the first k bins, and where the last of its runs starts.
    let mut best = vec![(0.0, 0); n + 1];
    for end in 1..=n {
        best[end].0 = f64::INFINITY;
        let (mut rows, mut takes) = (0.0, 0.0);
        for start in (0..end).rev() {
            rows += all[start];
            takes += positive[start];
            if rows > most && start + 1 < end {
                break;
            }
            let sum = best[start].0 + RUN_COST - log_likelihood(rows, takes);
            if sum < best[end].0 {
                best[end] = (sum, start);
            }
        }
    }
    let mut starts = Vec::new();
    let mut end = n;
    while end > 0 {
        end = best[end].1;
        starts.push(end);
    }
    starts.reverse();
    starts
}

fn log_likelihood(rows: f64, takes: f64) -> f64 {
    let part = |count: f64| if count > 0.0 { count * ln(count / rows) } else { 0.0 };
    part(takes) + part(rows - takes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::additive::bins::Cut;

    fn number(n_bins: usize) -> FeatureBins {
        FeatureBins { raw: 0, cut: Cut::Number { edges: (1..n_bins).map(|edge| edge as f64).collect() } }
    }

    /// The value dynamic programming minimizes, of some first bins of runs.
    fn value(starts: &[usize], all: &[f64], positive: &[f64]) -> f64 {
        let ends = starts[1..].iter().copied().chain([all.len()]);
        let of_run = |(start, end): (usize, usize)| {
            RUN_COST - log_likelihood(all[start..end].iter().sum(), positive[start..end].iter().sum())
        };
        starts.iter().copied().zip(ends).map(of_run).sum()
    }

    #[test]
    fn no_other_cut_is_better() {
        for seed in 0..40 {
            let noise = |k: usize| ((k * 7_919 + seed * 104_729) % 1_013) as f64 / 1_013.0;
            let n = 9;
            // One bin has most rows, so that none of the runs of the others is too large.
            let all: Vec<f64> =
                (0..n).map(|k| if k == 4 { 40_000.0 } else { 50.0 + (200.0 * noise(k)).floor() }).collect();
            let positive: Vec<f64> = (0..n).map(|k| (all[k] * noise(k + n)).floor()).collect();
            let found = runs(&all, &positive);
            let cuts =
                |set: usize| std::iter::once(0).chain((1..n).filter(|k| set >> (k - 1) & 1 == 1)).collect::<Vec<_>>();
            let is_allowed = |starts: &Vec<usize>| starts.contains(&4) && starts.contains(&5);
            let least = (0..1 << (n - 1)).map(cuts).filter(is_allowed).map(|starts| value(&starts, &all, &positive));
            assert!(value(&found, &all, &positive) <= least.fold(f64::INFINITY, f64::min) + 1e-9, "{seed} {found:?}");
        }
    }

    #[test]
    fn a_step_is_cut_where_it_is_and_no_run_grows_too_large() {
        let all = [100.0; 100];
        let positive: Vec<f64> = (0..100).map(|k| if k < 37 { 10.0 } else { 50.0 }).collect();
        let starts = runs(&all, &positive);
        assert!(starts.contains(&37), "{starts:?}");
        let widths = starts.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(widths.clone().all(|width| width <= 5) && widths.count() < 25, "{starts:?}");
    }

    #[test]
    fn absent_values_and_levels_stand_alone() {
        let groups = merged(&number(3), &[500.0, 0.0, 500.0, 7.0], &[250.0, 0.0, 250.0, 7.0]);
        assert_eq!((groups.n, groups.n_ordered, groups.of_code.len()), (groups.n_ordered + 1, groups.n_ordered, 4));
        assert_eq!(usize::from(groups.of_code[3]), groups.n_ordered);
        let levels = FeatureBins { raw: 0, cut: Cut::Category { levels: vec![2, 5] } };
        let groups = merged(&levels, &[10.0; 4], &[5.0; 4]);
        assert_eq!((groups.of_code, groups.n, groups.n_ordered), (vec![0, 1, 2, 3], 4, 0));
    }
}
