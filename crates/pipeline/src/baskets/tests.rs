use std::fmt::Write as _;

use osusume_association::{Baskets, Evidence, RuleParams, Rules, TestParams, mine_rules, test_rules};
use osusume_model::NoControl;

use super::*;
use crate::host::Event;

struct Silent;

impl Control for Silent {
    fn progress(&self, _done: u64, _total: u64) {}

    fn stop(&self) -> Option<Stop> {
        None
    }
}

impl Host for Silent {
    fn event(&self, _event: Event) {}

    fn secret(&self, _name: &str) -> Option<String> {
        None
    }

    fn elapsed_seconds(&self) -> f64 {
        0.0
    }
}

/// Orders as customer and items.
fn orders() -> Vec<(u32, Vec<u32>)> {
    let mut state = 3_u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut order = |_| {
        let customer = next(60);
        let mut items: Vec<u32> = (0..9).filter(|item| next(10) < 3 + (item + customer) % 3).collect();
        if items.contains(&2) && next(10) > 0 && !items.contains(&7) {
            items.push(7);
        }
        (customer, items)
    };
    (0..600).map(&mut order).filter(|(_, items)| !items.is_empty()).collect()
}

/// The rules of the orders and their evidence, drawn by the library alone.
fn of_the_library(orders: &[(u32, Vec<u32>)]) -> (Rules, Vec<Evidence>) {
    let mut offsets = vec![0];
    offsets.extend(orders.iter().scan(0, |end, order| {
        *end += order.1.len();
        Some(*end)
    }));
    let items: Vec<u32> = orders.iter().flat_map(|order| order.1.clone()).collect();
    let groups: Vec<u32> = orders.iter().map(|order| order.0).collect();
    let raw = Baskets { offsets: &offsets, items: &items, n_items: 9, weights: None, groups: Some(&groups) };
    let (db, _) = Transactions::new(&raw, 100).unwrap();
    let params = RuleParams {
        min_count: 20,
        max_length: 4,
        min_confidence: 0.0,
        min_lift: 1.0,
        min_improvement: 0.0,
        roles: None,
        hierarchy: None,
        max_sets: u64::MAX,
        max_rules: usize::MAX,
    };
    let rules = mine_rules(&db, &params, &NoControl).unwrap();
    let test = TestParams { false_discovery: FalseDiscovery::BenjaminiYekutieli, level: 0.95 };
    let evidence = test_rules(&db, &rules, &test, &NoControl).unwrap();
    (rules, evidence)
}

/// What the command says is what the library says of the same baskets in another order, customers and all.
#[test]
fn evidence_is_that_of_the_library() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.csv");
    let orders = orders();
    let mut text = "sku,who,order\n".to_owned();
    for (at, (customer, items)) in orders.iter().enumerate() {
        for item in items {
            let _ = writeln!(text, "i{item},c{customer},o{at}");
        }
    }
    std::fs::write(&path, text).unwrap();
    let columns = ["order", "sku", "who"].map(str::to_owned);
    let [basket, item, customer] = columns;
    let source = BasketSource {
        path: &path,
        layout: Layout::Rows { basket, item, customer: Some(customer) },
        delimiter: None,
        encoding: None,
        memory: 1 << 28,
        scratch: dir.path(),
    };
    let read = read_baskets(&source, &Silent).unwrap();
    let options = MineOptions {
        support: MinSupport::Count(20),
        kind: Kind::All,
        max_length: 4,
        max_basket: 100,
        max_sets: u64::MAX,
        wanted: Wanted::Sets,
        n_named: 0,
    };
    let mined = mine_baskets(read, None, &options, source.memory, &Silent).unwrap();
    let asked = RuleOptions {
        min_confidence: 0.0,
        min_lift: 1.0,
        min_improvement: 0.0,
        max_rules: usize::MAX,
        false_discovery_rate: 1.0,
        correction: FalseDiscovery::BenjaminiYekutieli,
        consequents: None,
    };
    let drawn = draw_rules(&mined, &asked, &Silent).unwrap();

    let (rules, evidence) = of_the_library(&orders);
    let told = drawn.strongest(&mined.names, usize::MAX);
    assert_eq!((told.len(), drawn.n_hypotheses(), drawn.n_found()), (rules.len(), rules.n_hypotheses, rules.n_found));
    let least = told.iter().map(|rule| rule.q_value).fold(1.0, f64::min);
    assert!(rules.len() > 20 && least < 0.01, "{} {least}", rules.len());
    for (r, expected) in evidence.iter().enumerate() {
        let left: Vec<String> = rules.antecedent(r).iter().map(|item| format!("i{item}")).collect();
        let right = format!("i{}", rules.consequents[r]);
        let got = told.iter().find(|rule| rule.antecedent == left && rule.consequent == right).unwrap();
        assert_eq!(got.n_both, u64::from(rules.n_both[r]));
        // Customers are summed in another order.
        let pairs = [
            (got.expected, expected.expected),
            (got.conditional_lift_lower, expected.conditional_lift_lower),
            (got.p_value, expected.p_value),
            (got.q_value, expected.q_value),
        ];
        for (got, expected) in pairs {
            assert!((got - expected).abs() <= 1e-9 * expected.abs(), "{got}, not {expected}");
        }
    }
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["rows.csv"], "work files are removed");
}
