use crate::worlds::{
    LEVEL, NULLS, false_share, in_categories, is_category, mean_and_error, null_world, recall_and_false_share, tested,
};

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

/// It is items that compete for the places of a basket, and a category takes as many as it has items there.
#[test]
fn categories_meet_no_more_than_by_chance() {
    for world in NULLS {
        // Joint counts and what is expected, for pairs of two, one and no item that was bought.
        let (mut discoveries, mut sums) = (0, [[0.0; 2]; 3]);
        for seed in 0..SEEDS {
            let mut shop = null_world(world, seed);
            let forest = in_categories(&mut shop, 8);
            let (rules, evidence) = tested(&shop, Some(&forest));
            discoveries += i32::from(evidence.iter().any(|it| it.q_value <= LEVEL));
            for (r, evidence) in evidence.iter().enumerate() {
                let (a, b) = (rules.antecedent(r)[0], rules.consequents[r]);
                assert!(!forest.is_related(a, b));
                let sums = &mut sums[usize::from(is_category(a)) + usize::from(is_category(b))];
                sums[0] += f64::from(rules.n_both[r]);
                sums[1] += evidence.expected;
            }
        }
        let lifts = sums.map(|[both, expected]| both / expected);
        // Without regard to the places a category takes these are 0.92, 0.89 and 0.88.
        assert!(
            (lifts[0] - 1.0).abs() < 0.02 && lifts.iter().all(|lift| (0.95..1.02).contains(lift)),
            "{world:?}: {lifts:?}"
        );
        let error = (LEVEL * (1.0 - LEVEL) / SEEDS as f64).sqrt();
        assert!(f64::from(discoveries) / SEEDS as f64 <= LEVEL + 2.0 * error, "{world:?}: {discoveries}");
    }
}
