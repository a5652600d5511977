use osusume_model::NoControl;

use super::exact::upper_tail;
use super::strata::Layer;
use super::*;
use crate::{Baskets, RuleParams, Transactions, mine_rules};

fn plain(n: u64, left: u64, right: u64, both: u64) -> Layer {
    Layer { n, left, right, both, factor: 1.0 }
}

/// P(H ≥ both) by products of integers.
fn hypergeometric_tail(layer: &Layer) -> f64 {
    let choose = |n: u64, k: u64| (0..k).map(|i| (n - i) as f64 / (k - i) as f64).product::<f64>();
    let total = choose(layer.n, layer.left);
    let most = layer.left.min(layer.right);
    let from = layer.both.max((layer.left + layer.right).saturating_sub(layer.n));
    (from..=most).map(|x| choose(layer.right, x) * choose(layer.n - layer.right, layer.left - x) / total).sum()
}

#[test]
fn one_stratum_is_fishers_test() {
    for (n, left, right) in [(20_u64, 5_u64, 8_u64), (50, 30, 40), (12, 12, 3), (100, 2, 60)] {
        for both in (left + right).saturating_sub(n)..=left.min(right) {
            let layer = plain(n, left, right, both);
            let (got, expected) = (upper_tail(&[layer], 0.0), hypergeometric_tail(&layer));
            assert!((got - expected).abs() < 1e-12, "{layer:?}: {got}, expected {expected}");
        }
    }
}

#[test]
fn strata_add_up() {
    let (a, b) = (plain(10, 4, 5, 3), plain(14, 6, 3, 2));
    let mass = |layer: &Layer, both| {
        let at = |both| hypergeometric_tail(&Layer { both, ..*layer });
        at(both) - if both < layer.left.min(layer.right) { at(both + 1) } else { 0.0 }
    };
    let mut expected = 0.0;
    for x in 0..=4 {
        for y in 0..=3 {
            expected += if x + y >= 5 { mass(&a, x) * mass(&b, y) } else { 0.0 };
        }
    }
    assert!((upper_tail(&[a, b], 0.0) - expected).abs() < 1e-12);
}

#[test]
fn tiny_tails_stay_positive() {
    let tail = upper_tail(&[plain(1_000_000, 1_000, 1_000, 60)], 0.0);
    assert!(tail > 0.0 && tail < 1e-60, "{tail}");
}

#[test]
fn q_values_step_up_over_the_whole_family() {
    let q = q_values(&[0.01, 0.04, 0.02], 3, FalseDiscovery::BenjaminiHochberg);
    for (got, expected) in q.iter().zip([0.03, 0.04, 0.03]) {
        assert!((got - expected).abs() < 1e-15);
    }
    let wide = q_values(&[0.01, 0.04, 0.02], 300, FalseDiscovery::BenjaminiHochberg);
    assert!(wide.iter().all(|q| *q >= 1.0), "{wide:?}");
    let any = q_values(&[0.01], 4, FalseDiscovery::BenjaminiYekutieli);
    assert!((any[0] - 0.04 * (1.0 + 0.5 + 1.0 / 3.0 + 0.25)).abs() < 1e-15);
}

#[test]
fn harmonic_numbers_agree_where_the_formula_takes_over() {
    let sum: f64 = (1..=1_000_001_u64).rev().map(|i| 1.0 / i as f64).sum();
    assert!((harmonic(1_000_001) - sum).abs() < 1e-12);
}

const RULES: RuleParams<'_> = RuleParams {
    min_count: 1,
    max_length: 3,
    min_confidence: 0.0,
    min_lift: 0.0,
    min_improvement: f64::NEG_INFINITY,
    roles: None,
    hierarchy: None,
    max_sets: u64::MAX,
    max_rules: usize::MAX,
};
const TEST: TestParams = TestParams { false_discovery: FalseDiscovery::BenjaminiHochberg, level: 0.95 };

/// Two items that meet in every basket of two, and never by chance alone: every customer buys both each time.
fn evidence_of(groups: Option<&[u32]>, n_baskets: usize) -> Evidence {
    let items: Vec<u32> = (0..n_baskets as u32).flat_map(|t| if t % 2 == 0 { [0, 1] } else { [2, 3] }).collect();
    let offsets: Vec<usize> = (0..=n_baskets).map(|t| 2 * t).collect();
    let baskets = Baskets { offsets: &offsets, items: &items, n_items: 4, weights: None, groups };
    let (db, _) = Transactions::new(&baskets, 10).unwrap();
    let rules = mine_rules(&db, &RULES, &NoControl).unwrap();
    let evidence = test_rules(&db, &rules, &TEST, &NoControl).unwrap();
    let idx = (0..rules.len()).find(|r| rules.antecedent(*r) == [0] && rules.consequents[*r] == 1).unwrap();
    evidence[idx]
}

#[test]
fn few_customers_prove_little() {
    let alone = evidence_of(None, 40);
    assert!(alone.p_value < 1e-6 && alone.conditional_lift_lower > 1.5, "{alone:?}");
    let groups: Vec<u32> = (0..40).map(|t| t % 2).collect();
    let by_two_customers = evidence_of(Some(&groups), 40);
    assert!(by_two_customers.p_value > 0.05, "{by_two_customers:?}");
    assert!(by_two_customers.conditional_lift_lower < 1.0);
    let everyone: Vec<u32> = (0..40).collect();
    let each_their_own = evidence_of(Some(&everyone), 40);
    assert!((each_their_own.conditional_lift_lower - alone.conditional_lift_lower).abs() < 1e-12);
}

#[test]
fn a_floor_is_the_least_a_tail_can_be() {
    for both in 0..12 {
        let layers = [plain(60, 20, 15, both), plain(90, 12, 30, 2)];
        let tail = upper_tail(&layers, 0.0);
        for floor in [1e-6, 0.01, 0.3, 1.0] {
            assert!((upper_tail(&layers, floor) - tail.max(floor)).abs() < 1e-12, "{both} {floor}");
        }
    }
}

#[test]
fn a_weight_is_so_many_customers_with_the_same_basket() {
    let kinds: [&[u32]; 6] = [&[0, 1], &[0, 1, 2], &[2], &[1, 3], &[0, 3], &[0, 1, 2, 3]];
    let weights = [9, 4, 7, 3, 1, 2];
    let db = |baskets: &[&[u32]], weights: Option<&[u32]>| {
        let offsets: Vec<usize> = (0..=baskets.len()).map(|t| baskets[..t].iter().map(|b| b.len()).sum()).collect();
        let raw = Baskets { offsets: &offsets, items: &baskets.concat(), n_items: 4, weights, groups: None };
        Transactions::new(&raw, 10).unwrap().0
    };
    let copies: Vec<&[u32]> = kinds.iter().zip(weights).flat_map(|(kind, n)| vec![*kind; n as usize]).collect();
    let (few, many) = (db(&kinds, Some(&weights)), db(&copies, None));
    let rules = mine_rules(&many, &RULES, &NoControl).unwrap();
    assert!(rules.len() > 10);
    let [few, many] = [few, many].map(|db| test_rules(&db, &rules, &TEST, &NoControl).unwrap());
    for (few, many) in few.iter().zip(&many) {
        assert!((few.p_value - many.p_value).abs() < 1e-12 && (few.expected - many.expected).abs() < 1e-12);
        let bounds = [few.conditional_lift_lower, many.conditional_lift_lower];
        assert!((bounds[0] - bounds[1]).abs() < 1e-9 || bounds.iter().all(|b| b.is_nan()), "{few:?} {many:?}");
    }
}
