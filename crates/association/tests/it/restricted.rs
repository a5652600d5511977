//! Sets among which roles and hierarchy choose, against enumeration.

use osusume_association::{Hierarchy, ItemRole, ItemsetParams, Kind, NO_PARENT, mine_itemsets};
use osusume_model::NoControl;

use crate::itemsets::check;
use crate::oracle::{Shop, Stream, is_allowed, listed, maximal};

const LENGTHS: [usize; 5] = [1, 2, 3, 4, usize::MAX];

/// A role for every item; `usual` of ten items may stand anywhere.
fn roles(stream: &mut Stream, n_items: u32, usual: u32) -> Vec<ItemRole> {
    let role = |stream: &mut Stream| match stream.below(10) {
        it if it < usual => ItemRole::Both,
        it if it % 3 == 0 => ItemRole::Antecedent,
        it if it % 3 == 1 => ItemRole::Consequent,
        _ => ItemRole::Ignore,
    };
    (0..n_items).map(|_| role(stream)).collect()
}

/// Trees of any shape; one item in `n_roots` stands above all others of its tree.
fn forest(stream: &mut Stream, n_items: u32, n_roots: u32) -> Hierarchy {
    let turned = stream.below(2) == 0;
    // Numbers that fall or rise towards the root.
    let number = |at: u32| if turned { n_items - 1 - at } else { at };
    let mut parents = vec![NO_PARENT; n_items as usize];
    for at in 1..n_items {
        if stream.below(n_roots) > 0 {
            parents[number(at) as usize] = number(stream.below(at));
        }
    }
    Hierarchy::new(parents).expect("every parent was there before")
}

/// One item in ten is a family, and every second of the others belongs to one.
fn families(n_items: u32) -> Hierarchy {
    let parent = |item: u32| if matches!(item % 10, 2 | 4 | 6 | 8) { item / 10 * 10 } else { NO_PARENT };
    Hierarchy::new((0..n_items).map(parent).collect()).expect("families without parents")
}

/// The shop with the ancestors of every item in its baskets.
fn with_ancestors(shop: &Shop, hierarchy: &Hierarchy) -> Shop {
    let mut shop = shop.clone();
    for basket in &mut shop.baskets {
        let above: Vec<u32> = basket.iter().flat_map(|item| hierarchy.ancestors(*item)).collect();
        basket.extend(above);
        basket.sort_unstable();
        basket.dedup();
    }
    shop
}

/// Sets of any length by every engine, closed ones too.
fn check_all(shop: &Shop, params: &ItemsetParams<'_>, allowed: &[(Vec<u32>, u64)]) {
    let closed = maximal(allowed);
    for max_length in LENGTHS {
        check(shop, &ItemsetParams { max_length, ..*params }, allowed.to_vec());
        check(shop, &ItemsetParams { max_length, kind: Kind::Closed, ..*params }, closed.clone());
    }
}

#[test]
fn small_databases_by_enumeration() {
    let mut stream = Stream::new(11);
    for seed in 0..200 {
        let (n_baskets, n_items) = (stream.below(40) as usize, 2 + stream.below(7));
        let forest = forest(&mut stream, n_items, 2 + seed as u32 % 3);
        let roles = roles(&mut stream, n_items, seed as u32 % 9);
        let mut shop = Shop::random(seed, n_baskets, n_items, 0.3 + 0.6 * stream.unit());
        if seed % 3 == 0 {
            shop = with_ancestors(&shop, &forest);
        }
        if seed % 2 == 0 {
            shop.weights = Some((0..n_baskets).map(|_| stream.below(6)).collect());
        }
        let min_count = 1 + u64::from(stream.below(6));
        for (roles, hierarchy) in [(Some(&roles[..]), None), (None, Some(&forest)), (Some(&roles[..]), Some(&forest))] {
            let params = ItemsetParams { roles, hierarchy, ..ItemsetParams::all(min_count) };
            check_all(&shop, &params, &shop.frequent(min_count, roles, hierarchy));
        }
    }
}

/// Roots of few and of many columns, tables of both widths, words, huge baskets.
#[test]
fn databases_of_many_items() {
    let mut stream = Stream::new(5);
    for (seed, n_baskets, n_items, density, min_count) in [
        (1, 700, 150, 0.06, 3),
        (2, 700, 90, 0.08, 4),
        (3, 700, 12, 0.6, 5),
        (4, 500, 60, 0.08, 9),
        (5, 400, 300, 0.03, 2),
    ] {
        let mut shop = Shop::random(seed, n_baskets, n_items, density);
        if seed == 2 {
            shop.baskets.extend(Shop::random(9, 12, n_items, 0.4).baskets);
        }
        for basket in &mut shop.baskets {
            // A few bundles, so that long sets are frequent.
            if stream.below(25) == 0 {
                let bundle = stream.below(4);
                basket.extend((0..n_items).filter(|item| item % 9 == bundle && *item < 50));
                basket.sort_unstable();
                basket.dedup();
            }
        }
        let roles = roles(&mut stream, n_items, 6);
        let forest = if seed == 4 { families(n_items) } else { forest(&mut stream, n_items, 2) };
        if seed == 4 {
            shop = with_ancestors(&shop, &forest);
        }
        for weighted in [false, true] {
            // So heavy that counters of 16 bits do not hold them.
            let unit = if seed == 3 { 100 } else { 1 };
            let weights =
                (0..shop.baskets.len()).map(|_| unit * [1, 1, 3, 0, 2, 10][stream.below(6) as usize]).collect();
            shop.weights = weighted.then_some(weights);
            let min_count = if weighted { u64::from(unit) * 4 * min_count } else { min_count };
            let all = shop.frequent_by_lists(min_count);
            for (roles, hierarchy) in
                [(Some(&roles[..]), None), (None, Some(&forest)), (Some(&roles[..]), Some(&forest))]
            {
                let mut allowed = all.clone();
                allowed.retain(|(set, _)| is_allowed(set, roles, hierarchy));
                assert!(allowed.len() > 50 && allowed.len() < all.len(), "{} of {} sets", allowed.len(), all.len());
                assert!(all.len() < 100_000, "{} sets take too long", all.len());
                let params = ItemsetParams { roles, hierarchy, ..ItemsetParams::all(min_count) };
                for max_length in LENGTHS {
                    check(&shop, &ItemsetParams { max_length, ..params }, allowed.clone());
                }
            }
        }
    }
}

#[test]
fn threads_change_nothing() {
    let mut stream = Stream::new(2);
    let shop = Shop::random(3, 500, 30, 0.3);
    let (forest, roles) = (forest(&mut stream, 30, 3), roles(&mut stream, 30, 5));
    let db = shop.db();
    for params in [ItemsetParams::all(20), ItemsetParams::closed(20)] {
        let params = ItemsetParams { roles: Some(&roles), hierarchy: Some(&forest), ..params };
        let with = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("threads");
            pool.install(|| mine_itemsets(&db, &params, &NoControl).expect("no limit is set"))
        };
        assert!(with(1) == with(8));
        assert!(listed(&with(1)).len() > 100);
    }
}

/// No step is left in the trie that leads to nothing.
#[test]
fn steps_lead_to_closed_sets() {
    let mut stream = Stream::new(8);
    for seed in 0..40 {
        let shop = Shop::random(seed, 40, 8, 0.7);
        let forest = forest(&mut stream, 8, 3);
        let shop = with_ancestors(&shop, &forest);
        let params = ItemsetParams { hierarchy: Some(&forest), ..ItemsetParams::closed(3) };
        let found = mine_itemsets(&shop.db(), &params, &NoControl).expect("no limit is set");
        for (node, count) in found.counts.iter().enumerate() {
            let goes_on = found.depths.get(node + 1).is_some_and(|depth| *depth > found.depths[node]);
            assert!(*count > 0 || goes_on, "node {node} of {found:?}");
        }
    }
}
