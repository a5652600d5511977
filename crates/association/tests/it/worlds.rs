//! Shops in which nothing goes together but for what was planted, and what the tests say of them.

use osusume_association::{
    Baskets, Evidence, FalseDiscovery, Hierarchy, NO_PARENT, RuleParams, Rules, TestParams, Transactions, mine_rules,
    test_rules,
};
use osusume_model::NoControl;

use crate::oracle::{Shop, Stream};

/// The false-discovery rate asked for.
pub(crate) const LEVEL: f64 = 0.1;
/// Items of a null world.
const N_ITEMS: u32 = 40;
/// Baskets of a null world.
const N_BASKETS: usize = 3_000;
/// Baskets of a household.
const PER_HOUSEHOLD: usize = 10;
/// Planted pairs of the world that has some: items 2 i and 2 i + 1.
pub(crate) const N_PLANTED: u32 = 20;

/// A world in which every rule is false.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Null {
    /// Items come independently.
    Independent,
    /// Baskets have a size, far from Poisson's, and fill it by popularity.
    Sizes,
    /// Households like each item more or less, of their own.
    Taste,
}

pub(crate) const NULLS: [Null; 3] = [Null::Independent, Null::Sizes, Null::Taste];

/// Popularity of an item: 0.3, falling as in shops.
fn popularity(item: u32) -> f64 {
    0.3 / (1.0 + 0.25 * f64::from(item))
}

pub(crate) fn null_world(world: Null, seed: u64) -> Shop {
    let mut stream = Stream::new(seed + 1);
    let mut shop = Shop { baskets: Vec::new(), weights: None, groups: None, n_items: N_ITEMS };
    let mut tastes = Vec::new();
    for t in 0..N_BASKETS {
        if t % PER_HOUSEHOLD == 0 {
            // Multipliers of mean 1 between 0.1 and 3.7.
            tastes = (0..N_ITEMS).map(|_| 0.1 + 3.6 * stream.unit().powi(3)).collect::<Vec<f64>>();
        }
        shop.baskets.push(match world {
            Null::Independent => items_with(&mut stream, popularity),
            Null::Sizes => sized(&mut stream),
            Null::Taste => items_with(&mut stream, |item| popularity(item) * tastes[item as usize]),
        });
    }
    if matches!(world, Null::Taste) {
        shop.groups = Some((0..N_BASKETS).map(|t| (t / PER_HOUSEHOLD) as u32).collect());
    }
    shop
}

fn items_with(stream: &mut Stream, chance: impl Fn(u32) -> f64) -> Vec<u32> {
    (0..N_ITEMS).filter(|item| stream.unit() < chance(*item)).collect()
}

/// Sizes from 1 on, as likely to grow by one more as not to four times in five; then items by popularity, each once.
fn sized(stream: &mut Stream) -> Vec<u32> {
    let mut size = 1;
    while size < 25 && stream.unit() < 0.8 {
        size += 1;
    }
    let total: f64 = (0..N_ITEMS).map(popularity).sum();
    let mut basket = Vec::new();
    while basket.len() < size {
        let mut left = stream.unit() * total;
        let drawn = (0..N_ITEMS).find(|item| {
            left -= popularity(*item);
            left < 0.0
        });
        let drawn = drawn.unwrap_or(0);
        if !basket.contains(&drawn) {
            basket.push(drawn);
        }
    }
    basket
}

/// 10,000 baskets of 60 items at 12.4 %; each planted pair meets 1.3 times as often as by chance, about 200 times.
pub(crate) fn planted_world(seed: u64) -> Shop {
    const SHARE: f64 = 0.124;
    const LIFT: f64 = 1.3;
    let mut stream = Stream::new(seed + 1);
    let mut shop = Shop { baskets: Vec::new(), weights: None, groups: None, n_items: 60 };
    for _ in 0..10_000 {
        let mut basket = Vec::new();
        for pair in 0..30 {
            let has_first = stream.unit() < SHARE;
            let chance = match (pair < N_PLANTED, has_first) {
                (false, _) => SHARE,
                (true, true) => LIFT * SHARE,
                (true, false) => SHARE * (1.0 - LIFT * SHARE) / (1.0 - SHARE),
            };
            if has_first {
                basket.push(2 * pair);
            }
            if stream.unit() < chance {
                basket.push(2 * pair + 1);
            }
        }
        shop.baskets.push(basket);
    }
    shop
}

/// The items of a null world in as many categories, numbered behind them.
pub(crate) fn in_categories(shop: &mut Shop, n_categories: u32) -> Hierarchy {
    let parents = (0..N_ITEMS).map(|item| N_ITEMS + item % n_categories).chain((0..n_categories).map(|_| NO_PARENT));
    shop.n_items = N_ITEMS + n_categories;
    Hierarchy::new(parents.collect()).expect("categories have no parents")
}

/// Whether an item of a null world is a category.
pub(crate) fn is_category(item: u32) -> bool {
    item >= N_ITEMS
}

/// Rules of two items, or categories, and what the tests say of them.
pub(crate) fn tested(shop: &Shop, forest: Option<&Hierarchy>) -> (Rules, Vec<Evidence>) {
    let offsets: Vec<usize> = std::iter::once(0)
        .chain(shop.baskets.iter().scan(0, |sum, basket| {
            *sum += basket.len();
            Some(*sum)
        }))
        .collect();
    let baskets = Baskets {
        offsets: &offsets,
        items: &shop.baskets.concat(),
        n_items: shop.n_items,
        weights: None,
        groups: shop.groups.as_deref(),
    };
    let (mut db, _) = Transactions::new(&baskets, 1_000).expect("a well-formed shop");
    if let Some(forest) = forest {
        db = db.with_ancestors(forest, &NoControl).expect("the forest is of these items");
    }
    let params = RuleParams {
        min_count: 10,
        max_length: 2,
        min_confidence: 0.0,
        min_lift: 0.0,
        min_improvement: f64::NEG_INFINITY,
        roles: None,
        hierarchy: forest,
        max_sets: u64::MAX,
        max_rules: usize::MAX,
    };
    let rules = mine_rules(&db, &params, &NoControl).expect("no limit is set");
    let test = TestParams { false_discovery: FalseDiscovery::BenjaminiHochberg, level: 0.95 };
    let evidence = test_rules(&db, &rules, &test, &NoControl).expect("rules of these transactions");
    (rules, evidence)
}

/// Share of the discoveries of a null world that are false: all, or none when there are none.
pub(crate) fn false_share(world: Null, seed: u64) -> f64 {
    let (_, evidence) = tested(&null_world(world, seed), None);
    f64::from(u8::from(evidence.iter().any(|it| it.q_value <= LEVEL)))
}

/// Recall of the planted pairs, and the share of discoveries that are not planted.
pub(crate) fn recall_and_false_share(seed: u64) -> (f64, f64) {
    let (rules, evidence) = tested(&planted_world(seed), None);
    let is_found = |r: &usize| evidence[*r].q_value <= LEVEL;
    let is_planted = |r: &usize| {
        let (a, b) = (rules.antecedent(*r)[0], rules.consequents[*r]);
        a / 2 == b / 2 && a / 2 < N_PLANTED
    };
    let found: Vec<usize> = (0..rules.len()).filter(is_found).collect();
    let planted = found.iter().filter(|r| is_planted(r)).count();
    let wrong = found.len() - planted;
    (planted as f64 / f64::from(2 * N_PLANTED), wrong as f64 / found.len().max(1) as f64)
}

/// Mean and its standard error.
pub(crate) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}
