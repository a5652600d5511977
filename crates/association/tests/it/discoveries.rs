use crate::worlds::{LEVEL, NULLS, false_share, mean_and_error, recall_and_false_share};

/// Few seeds keep the test short; `benches/discoveries.rs` runs 200.
const SEEDS: u64 = 30;

#[test]
fn null_worlds_give_no_more_discoveries_than_asked_for() {
    for world in NULLS {
        let shares: Vec<f64> = (0..SEEDS).map(|seed| false_share(world, seed)).collect();
        let (mean, _) = mean_and_error(&shares);
        // The standard error at the level itself: that of the mean is 0 when there are no discoveries.
        let error = (LEVEL * (1.0 - LEVEL) / SEEDS as f64).sqrt();
        assert!(mean <= LEVEL + 2.0 * error, "{world:?}: false share {mean}");
    }
}

#[test]
fn planted_pairs_are_found() {
    let seeds: Vec<(f64, f64)> = (0..5).map(recall_and_false_share).collect();
    let recall = seeds.iter().map(|seed| seed.0).sum::<f64>() / 5.0;
    let wrong = seeds.iter().map(|seed| seed.1).sum::<f64>() / 5.0;
    // 0.8 over many seeds; five of them stray by 0.06.
    assert!(recall >= 0.6, "recall {recall}");
    assert!(wrong <= LEVEL + 0.05, "false share {wrong}");
}
