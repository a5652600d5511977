use osusume_association::{
    Contingency, FalseDiscovery, Hierarchy, ItemRole, NO_PARENT, RuleParams, Rules, TestParams, mine_rules, recount,
    test_rules,
};
use osusume_model::NoControl;

use crate::oracle::Shop;

fn params(min_count: u64) -> RuleParams<'static> {
    RuleParams {
        min_count,
        max_length: 5,
        min_confidence: 0.0,
        min_lift: 0.0,
        min_improvement: f64::NEG_INFINITY,
        roles: None,
        hierarchy: None,
        max_sets: u64::MAX,
        max_rules: usize::MAX,
    }
}

/// A rule, its table and its improvement, by counting.
type Expected = (Vec<u32>, u32, Contingency, f64);

fn confidence(shop: &Shop, antecedent: &[u32], both: &[u32]) -> f64 {
    shop.count(both) as f64 / shop.count(antecedent) as f64
}

fn enumerate(shop: &Shop, params: &RuleParams<'_>) -> (Vec<Expected>, u64, u64) {
    let role = |item: u32| params.roles.map_or(ItemRole::Both, |roles| roles[item as usize]);
    let (mut rules, mut redundant, mut hypotheses) = (Vec::new(), 0, 0);
    let mut sets = shop.frequent(1, None, params.hierarchy);
    sets.retain(|(set, _)| set.len() <= params.max_length);
    // A pair that never meets is a hypothesis too, so all sets over the items matter, met or not.
    for mask in 1_u32..1 << shop.n_items {
        let antecedent: Vec<u32> = (0..shop.n_items).filter(|item| mask >> item & 1 == 1).collect();
        let is_related = |a: u32, b: u32| params.hierarchy.is_some_and(|forest| forest.is_related(a, b));
        let clashes = antecedent.iter().any(|a| antecedent.iter().any(|b| is_related(*a, *b)));
        let is_wrong = clashes || !antecedent.iter().all(|item| role(*item).may_precede());
        if is_wrong || antecedent.len() >= params.max_length || shop.count(&antecedent) < params.min_count {
            continue;
        }
        for consequent in 0..shop.n_items {
            let is_barred = antecedent.contains(&consequent) || antecedent.iter().any(|a| is_related(*a, consequent));
            if is_barred || !role(consequent).may_follow() || shop.count(&[consequent]) < params.min_count {
                continue;
            }
            hypotheses += 1;
            let both: Vec<u32> = antecedent.iter().copied().chain([consequent]).collect();
            let table = Contingency {
                n: shop.n(),
                n_antecedent: shop.count(&antecedent),
                n_consequent: shop.count(&[consequent]),
                n_both: shop.count(&both),
            };
            if table.n_both < params.min_count
                || table.confidence() < params.min_confidence
                || table.lift() < params.min_lift
            {
                continue;
            }
            let best = (0..(1_u32 << antecedent.len()) - 1)
                .map(|part| {
                    let less: Vec<u32> =
                        antecedent.iter().enumerate().filter(|(i, _)| part >> i & 1 == 1).map(|(_, it)| *it).collect();
                    let with: Vec<u32> = less.iter().copied().chain([consequent]).collect();
                    confidence(shop, &less, &with)
                })
                .fold(0.0, f64::max);
            let improvement = table.confidence() - best;
            if improvement <= params.min_improvement {
                redundant += 1;
            } else {
                rules.push((antecedent.clone(), consequent, table, improvement));
            }
        }
    }
    (rules, redundant, hypotheses)
}

fn listed(rules: &Rules) -> Vec<Expected> {
    (0..rules.len())
        .map(|r| (rules.antecedent(r).to_vec(), rules.consequents[r], rules.contingency(r), rules.improvements[r]))
        .collect()
}

fn check(shop: &Shop, params: &RuleParams<'_>) {
    let rules = mine_rules(&shop.db(), params, &NoControl).expect("no limit is set");
    let (mut expected, redundant, hypotheses) = enumerate(shop, params);
    let mut got = listed(&rules);
    let key = |rule: &Expected| (rule.0.clone(), rule.1);
    got.sort_by_key(key);
    expected.sort_by_key(key);
    assert_eq!(got, expected, "{params:?} of {shop:?}");
    assert_eq!((rules.n_redundant, rules.n_hypotheses), (redundant, hypotheses));
    assert_eq!(rules.n_found, redundant + rules.len() as u64);
}

#[test]
fn rules_by_enumeration() {
    use ItemRole::{Antecedent, Both, Consequent, Ignore};
    let roles = [Both, Consequent, Antecedent, Consequent, Ignore, Both];
    let forest = Hierarchy::new(vec![2, 2, NO_PARENT, 2, NO_PARENT, 4]).unwrap();
    for seed in 0..150 {
        let mut shop = Shop::random(seed, 25, 6, 0.3 + 0.004 * seed as f64);
        if seed % 3 == 0 {
            shop.weights = Some((0..25).map(|t| t % 4).collect());
        }
        for min_count in [1, 3] {
            let all = params(min_count);
            check(&shop, &all);
            check(&shop, &RuleParams { min_confidence: 0.5, min_lift: 1.1, ..all });
            check(&shop, &RuleParams { min_improvement: 0.0, ..all });
            check(&shop, &RuleParams { roles: Some(&roles), max_length: 3, ..all });
            check(&shop, &RuleParams { hierarchy: Some(&forest), ..all });
            check(&shop, &RuleParams { roles: Some(&roles), hierarchy: Some(&forest), min_improvement: 0.0, ..all });
        }
    }
}

#[test]
fn the_cap_keeps_the_highest_leverage() {
    let shop = Shop::random(4, 60, 8, 0.4);
    let all = mine_rules(&shop.db(), &params(3), &NoControl).unwrap();
    let few = mine_rules(&shop.db(), &RuleParams { max_rules: 10, ..params(3) }, &NoControl).unwrap();
    assert_eq!((few.len(), few.n_found, few.n_hypotheses), (10, all.n_found, all.n_hypotheses));
    let least = listed(&few).iter().map(|rule| rule.2.leverage()).fold(f64::INFINITY, f64::min);
    let above = listed(&all).iter().filter(|rule| rule.2.leverage() > least + 1e-12).count();
    assert!(above < 10);
}

#[test]
fn later_transactions_are_counted_for_the_same_rules() {
    let (first, later) = (Shop::random(1, 60, 8, 0.4), Shop::random(2, 90, 8, 0.3));
    let rules = mine_rules(&first.db(), &params(5), &NoControl).unwrap();
    let again = recount(&later.db(), &rules, &NoControl).unwrap();
    for (r, table) in again.iter().enumerate() {
        let both: Vec<u32> = rules.antecedent(r).iter().copied().chain([rules.consequents[r]]).collect();
        let expected = Contingency {
            n: 90,
            n_antecedent: later.count(rules.antecedent(r)),
            n_consequent: later.count(&[rules.consequents[r]]),
            n_both: later.count(&both),
        };
        assert_eq!(*table, expected);
    }
}

/// Baskets that are either small or big: within a size nothing goes together, overall everything does.
#[test]
fn big_baskets_alone_are_no_evidence() {
    let mut shop = Shop::random(9, 3_000, 20, 0.12);
    let big = Shop::random(10, 1_000, 20, 0.7);
    shop.baskets.extend(big.baskets);
    let db = shop.db();
    let rules = mine_rules(&db, &RuleParams { max_length: 2, ..params(30) }, &NoControl).unwrap();
    let lifted = listed(&rules).iter().filter(|rule| rule.2.lift() > 1.2).count();
    assert!(lifted * 10 > rules.len() * 9, "the confounding is there: {lifted} of {}", rules.len());
    let test = TestParams { false_discovery: FalseDiscovery::BenjaminiHochberg, level: 0.95 };
    let evidence = test_rules(&db, &rules, &test, &NoControl).unwrap();
    let n_discoveries = evidence.iter().filter(|it| it.q_value <= 0.1).count();
    assert_eq!(n_discoveries, 0);
    let mean = evidence.iter().map(|it| it.conditional_lift).sum::<f64>() / evidence.len() as f64;
    assert!((mean - 1.0).abs() < 0.02, "conditional lift {mean} on average");
}
