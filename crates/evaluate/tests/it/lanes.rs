//! Lanes and explorers: a planted effect is found without bias, and would not be if everybody weighed the same.

use osusume_evaluate::{Assignment, rate_effect, share_left};

use crate::world::Random;

/// Share in a lane, held out, and of the others exploring.
const LANES: f64 = 0.25;
const HELD_OUT: f64 = 0.2;
const EXPLORE: f64 = 0.4;
/// Rates when left alone and what the ranking adds, outside of lanes and inside.
const RATE: [f64; 2] = [0.04, 0.20];
const ADDED: [f64; 2] = [0.05, -0.02];

/// What the whole population gains.
fn truth() -> f64 {
    ADDED[0] * (1.0 - LANES) + ADDED[1] * LANES
}

/// One population: the difference as it is estimated by `weighted` probabilities, or as if everybody outside the holdout weighed the same.
fn estimate(seed: u64, is_weighted: bool) -> (f64, bool) {
    let mut random = Random::new(seed);
    let (mut lanes, mut is_own, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for customer in 0..2_000_u32 {
        let lane = usize::from(random.unit() < LANES);
        let is_held_out = random.unit() < HELD_OUT;
        let explores = random.unit() < EXPLORE && lane == 0;
        let rate = RATE[lane] + if is_held_out { 0.0 } else { ADDED[lane] };
        let is_taken = random.unit() < rate;
        if !is_held_out {
            lanes.push(lane as u32);
            is_own.push(!explores);
        }
        // What a lot brings is neither: whatever comes of explorers, they are not looked at.
        rows.push((customer, lane, is_held_out, explores && !is_held_out, is_taken));
    }
    let shares = share_left(&lanes, &is_own);
    let mut outside = 0;
    let (mut is_offered, mut probabilities, mut clusters, mut takes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (customer, _, is_held_out, explores, is_taken) in rows {
        let share = if is_held_out { 1.0 } else { shares[outside] };
        outside += usize::from(!is_held_out);
        if explores {
            continue;
        }
        is_offered.push(!is_held_out);
        probabilities.push(match (is_held_out, is_weighted) {
            (true, _) => HELD_OUT,
            (false, true) => (1.0 - HELD_OUT) * share,
            (false, false) => 1.0 - HELD_OUT,
        });
        clusters.push(customer);
        takes.push(is_taken);
    }
    let assignment = Assignment { is_offered: &is_offered, probabilities: &probabilities, clusters: &clusters };
    let found = rate_effect(&assignment, &takes, 0.95).expect("probabilities");
    let interval = found.interval.expect("both arms");
    (found.difference, interval.lower <= truth() && truth() <= interval.upper)
}

/// Mean error over many populations, its standard error, and the share of intervals that hold the truth.
fn error(is_weighted: bool) -> (f64, f64, f64) {
    let n = 1_000;
    let found: Vec<(f64, bool)> = (0..n).map(|seed| estimate(seed, is_weighted)).collect();
    let mean = found.iter().map(|(value, _)| value - truth()).sum::<f64>() / n as f64;
    let variance = found.iter().map(|(value, _)| (value - truth() - mean).powi(2)).sum::<f64>() / n as f64;
    let covered = found.iter().filter(|(_, is_covered)| *is_covered).count() as f64 / n as f64;
    (mean, (variance / n as f64).sqrt(), covered)
}

#[test]
fn lanes_and_explorers_do_not_bias() {
    let (mean, standard_error, covered) = error(true);
    assert!(mean.abs() < 4.0 * standard_error, "{mean} ± {standard_error}");
    // Four standard errors of a coverage of 95 % are 2.8 points; the weights' own chance is not in the interval and only narrows the truth.
    assert!((0.922..=0.99).contains(&covered), "{covered}");
}

#[test]
fn equal_weights_would_take_lanes_for_an_effect() {
    let (mean, standard_error, covered) = error(false);
    // In lanes are 36 % of the ranking's own and 25 % of the holdout: (0.36 − 0.25) × (0.18 − 0.09).
    assert!((mean - 0.0096).abs() < 4.0 * standard_error, "{mean} ± {standard_error}");
    assert!(mean > 10.0 * standard_error && covered < 0.92, "{mean} ± {standard_error}, {covered}");
}
