use std::sync::atomic::{AtomicUsize, Ordering};

use osusume_association::{
    Baskets, Error, ItemRole, ItemsetParams, Kind, Transactions, count_itemsets, mine_itemsets, mine_top_k,
    propose_min_count,
};
use osusume_model::{Control, NoControl, Stop};

use crate::oracle::{Shop, Stream, listed};

/// What every way to mine must say of a database: the sets by enumeration.
pub(crate) fn check(shop: &Shop, params: &ItemsetParams<'_>, mut expected: Vec<(Vec<u32>, u64)>) {
    expected.retain(|(set, _)| set.len() <= params.max_length);
    let db = shop.db();
    let found = mine_itemsets(&db, params, &NoControl).expect("no limit is set");
    assert_eq!(listed(&found), expected, "{params:?} of {shop:?}");
    let counted = count_itemsets(&db, params, &NoControl).expect("no limit is set");
    assert_eq!(counted.sets, expected.len() as u64, "{params:?} of {shop:?}");
    for (size, sets) in counted.by_size.iter().enumerate() {
        assert_eq!(*sets, expected.iter().filter(|(set, _)| set.len() == size).count() as u64, "size {size}");
    }
    assert_eq!(counted, found.counted());
    if params.max_length != 3 {
        return;
    }
    let limited = |max_sets| count_itemsets(&db, &ItemsetParams { max_sets, ..*params }, &NoControl);
    assert_eq!(limited(counted.sets), Ok(counted.clone()), "{params:?} of {shop:?}");
    if let Some(fewer) = counted.sets.checked_sub(1) {
        assert!(matches!(limited(fewer), Err(Error::TooManySets { .. })), "{params:?} of {shop:?}");
    }
}

fn check_all(shop: &Shop, min_count: u64) {
    check(shop, &ItemsetParams::all(min_count), shop.frequent(min_count, None, None));
    check(shop, &ItemsetParams::closed(min_count), shop.closed(min_count));
    for max_length in 1..=4 {
        let params = ItemsetParams { max_length, ..ItemsetParams::all(min_count) };
        check(shop, &params, shop.frequent(min_count, None, None));
        check(shop, &ItemsetParams { kind: Kind::Closed, ..params }, shop.closed(min_count));
    }
}

#[test]
fn the_case_table() {
    let cases: &[(&str, Shop, u64)] = &[
        ("no basket", Shop::new(&[], 3), 1),
        ("only empty baskets", Shop::new(&[&[], &[]], 3), 1),
        ("one basket", Shop::new(&[&[0, 1, 2]], 3), 1),
        ("one item everywhere", Shop::new(&[&[0, 1], &[0, 2], &[0]], 3), 1),
        ("all the same", Shop::new(&[&[0, 1, 2], &[0, 1, 2], &[2, 1, 0]], 3), 2),
        ("duplicates within", Shop::new(&[&[1, 1, 1, 0], &[1, 0, 0]], 2), 2),
        ("nothing frequent", Shop::new(&[&[0], &[1], &[2]], 3), 2),
        ("beyond all counts", Shop::new(&[&[0], &[0]], 1), u64::MAX),
        ("a chain", Shop::new(&[&[0], &[0, 1], &[0, 1, 2], &[0, 1, 2, 3]], 4), 1),
        ("two worlds", Shop::new(&[&[0, 1], &[0, 1], &[2, 3], &[2, 3], &[0, 3]], 4), 2),
        ("all but one", Shop::new(&[&[1, 2, 3], &[0, 2, 3], &[0, 1, 3], &[0, 1, 2]], 4), 1),
    ];
    for (name, shop, min_count) in cases {
        assert!(std::panic::catch_unwind(|| check_all(shop, *min_count)).is_ok(), "{name}");
    }
}

#[test]
fn thousands_of_small_databases_by_enumeration() {
    let mut stream = Stream::new(1);
    for seed in 0..1_500 {
        let n_baskets = stream.below(24) as usize;
        let mut shop = Shop::random(seed, n_baskets, 1 + stream.below(7), 0.2 + 0.75 * stream.unit());
        if stream.below(2) == 0 {
            shop.weights = Some((0..n_baskets).map(|_| stream.below(6)).collect());
        }
        check_all(&shop, 1 + u64::from(stream.below(6)));
    }
}

/// More than 64 transactions an item, so that bitmaps span several words, and more items than small searches take.
#[test]
fn wider_databases_by_enumeration() {
    for seed in 0..12 {
        let shop = Shop::random(seed, 300, 11, 0.1 + 0.06 * seed as f64);
        for min_count in [2, 20, 90] {
            check(&shop, &ItemsetParams::all(min_count), shop.frequent(min_count, None, None));
            check(&shop, &ItemsetParams::closed(min_count), shop.closed(min_count));
        }
    }
}

/// Items that meet more than 64 others, some of them in most of their baskets: rows of few and of many columns, copied and weighted.
#[test]
fn databases_of_many_items() {
    for (seed, n_items, density, min_count) in [
        (1, 150, 0.06, 2),
        (2, 150, 0.06, 4),
        (3, 90, 0.1, 3),
        (4, 300, 0.02, 2),
        (5, 80, 0.3, 40),
        (6, 70, 0.85, 330),
        (7, 500, 0.085, 3),
    ] {
        let mut shop = Shop::random(seed, 700, n_items, density);
        let mut stream = Stream::new(seed);
        for basket in &mut shop.baskets {
            // A few bundles, so that long sets are frequent.
            if stream.below(25) == 0 {
                let bundle = stream.below(4);
                basket.extend((0..n_items).filter(|item| item % 9 == bundle && *item < 63));
                basket.sort_unstable();
                basket.dedup();
            }
        }
        for weighted in [false, true] {
            shop.weights = weighted.then(|| (0..700).map(|_| [1, 1, 3, 0, 2, 10][stream.below(6) as usize]).collect());
            let min_count = if weighted { 4 * min_count } else { min_count };
            let expected = shop.frequent_by_lists(min_count);
            assert!(expected.len() > 50, "{} sets", expected.len());
            check(&shop, &ItemsetParams::all(min_count), expected.clone());
            check(&shop, &ItemsetParams::closed(min_count), Shop::closed_among(&expected));
            for max_length in 2..=4 {
                check(&shop, &ItemsetParams { max_length, ..ItemsetParams::all(min_count) }, expected.clone());
            }
        }
    }
}

/// Baskets with most of the items among many small ones: whether they are few enough to be kept as bits or not.
#[test]
fn a_few_huge_baskets() {
    for (seed, n_small, n_huge) in [(0, 150, 9), (1, 1_200, 70), (2, 300, 40), (3, 400, 7)] {
        let mut shop = Shop::random(seed, n_small, 60, 0.05);
        shop.baskets.extend(Shop::random(100 + seed, n_huge, 60, 0.5).baskets);
        let mut stream = Stream::new(seed);
        shop.baskets.sort_by_cached_key(|_| stream.next());
        let weights: Vec<u32> = (0..shop.baskets.len()).map(|_| 1 + stream.below(20) / 19).collect();
        let min_count = n_huge as u64 / 4 + 2;
        for weights in [None, Some(weights)] {
            let shop = Shop { weights, ..shop.clone() };
            let expected = shop.frequent_by_lists(min_count);
            assert!(expected.iter().any(|(set, _)| set.len() > 2));
            for max_length in [usize::MAX, 3, 2] {
                check(&shop, &ItemsetParams { max_length, ..ItemsetParams::all(min_count) }, expected.clone());
            }
        }
    }
}

/// Says stop when it was asked more than so many times.
struct StopAfter(AtomicUsize);

impl Control for StopAfter {
    fn progress(&self, _done: u64, _total: u64) {}

    fn stop(&self) -> Option<Stop> {
        let asked = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        asked.is_err().then_some(Stop::Cancelled)
    }
}

/// How often `run` looks at its control when nothing stops it; stopped at any of these it must say so.
fn looks(run: impl Fn(&dyn Control) -> Result<(), Error>) -> usize {
    let patient = StopAfter(AtomicUsize::new(1_000_000));
    run(&patient).expect("asked less often than that");
    let n_looks = 1_000_000 - patient.0.load(Ordering::Relaxed);
    for look in (0..n_looks).step_by((n_looks / 6).max(1)) {
        assert_eq!(
            run(&StopAfter(AtomicUsize::new(look))),
            Err(Error::Stopped(Stop::Cancelled)),
            "look {look} of {n_looks}"
        );
    }
    n_looks
}

#[test]
fn a_stop_ends_everything() {
    let mut stream = Stream::new(1);
    let n_items = 1_500;
    let items: Vec<u32> = (0..100_000).map(|_| stream.below(n_items)).collect();
    let offsets: Vec<usize> = (0..=20_000).map(|t| 5 * t).collect();
    let baskets = Baskets { offsets: &offsets, items: &items, n_items, weights: None, groups: None };
    assert!(looks(|control| Transactions::build(&baskets, 10, control).map(drop)) > 3);
    let db = Transactions::new(&baskets, 10).expect("well-formed baskets").0;
    let roles = vec![ItemRole::Both; n_items as usize];
    let all = ItemsetParams::all(20);
    let cases = [
        ItemsetParams { max_length: 2, ..all },
        // Items few enough for a table of pairs.
        ItemsetParams { max_length: 2, ..ItemsetParams::all(70) },
        all,
        ItemsetParams::closed(20),
        ItemsetParams { roles: Some(&roles), ..all },
    ];
    for params in cases {
        assert!(looks(|control| count_itemsets(&db, &params, control).map(drop)) > 3, "{params:?}");
        assert!(looks(|control| mine_itemsets(&db, &params, control).map(drop)) > 3, "{params:?}");
    }
}

/// Items of one basket: all but the rarest are in another's closure, and a stop must be seen among them too.
#[test]
fn a_stop_ends_closed_sets_of_a_huge_basket() {
    let items: Vec<u32> = (0..3_000).collect();
    let twice: Vec<u32> = items.iter().chain(&items[1..]).copied().collect();
    let offsets = [0, items.len(), twice.len()];
    let baskets = Baskets { offsets: &offsets, items: &twice, n_items: 3_000, weights: None, groups: None };
    let db = Transactions::new(&baskets, 3_000).expect("well-formed baskets").0;
    let params = ItemsetParams::closed(1);
    assert!(looks(|control| count_itemsets(&db, &params, control).map(drop)) > 3_000);
    assert_eq!(count_itemsets(&db, &params, &NoControl).expect("no limit is set").sets, 2);
}

/// Two hundred items of which most pairs are frequent and few threes: little is found below an item, and much is looked at.
#[test]
fn closed_sets_are_stopped_by_work_not_by_finds() {
    let db = Shop::random(4, 4_000, 200, 0.6).db();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let roles = [ItemRole::Both; 200];
    for roles in [None, Some(&roles[..])] {
        let params = ItemsetParams { roles, max_length: 2, ..ItemsetParams::closed(600) };
        let looks_at = |max_length| {
            let params = ItemsetParams { max_length, ..params };
            pool.install(|| looks(|control| count_itemsets(&db, &params, control).map(drop)))
        };
        let for_finds = count_itemsets(&db, &params, &NoControl).expect("no limit is set").sets as usize >> 14;
        let (only_items, with_pairs) = (looks_at(1), looks_at(2));
        assert!(with_pairs >= only_items + for_finds + 20, "{with_pairs} looks, {only_items} without pairs");
    }
}

#[test]
fn order_and_merging_change_nothing() {
    let shop = Shop::random(5, 200, 9, 0.4);
    let mut merged = Shop { baskets: Vec::new(), weights: Some(Vec::new()), ..shop.clone() };
    for basket in shop.baskets.iter().rev() {
        let weights = merged.weights.as_mut().unwrap();
        if let Some(at) = merged.baskets.iter().position(|other| other == basket) {
            weights[at] += 1;
        } else {
            merged.baskets.push(basket.clone());
            weights.push(1);
        }
    }
    let mine = |shop: &Shop| mine_itemsets(&shop.db(), &ItemsetParams::all(10), &NoControl).unwrap();
    assert_eq!(mine(&shop), mine(&merged));
}

#[test]
fn threads_change_nothing() {
    let db = Shop::random(3, 500, 30, 0.25).db();
    for params in [ItemsetParams::all(20), ItemsetParams::closed(20)] {
        let with = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| mine_itemsets(&db, &params, &NoControl).unwrap())
        };
        assert!(with(1) == with(8));
    }
}

/// All sets sorted by count say which are the first k, ties with the last included.
#[test]
fn the_most_frequent_by_enumeration() {
    for seed in 0..60 {
        let shop = Shop::random(seed, 40, 8, 0.5);
        for (k, min_length, min_count) in [(1, 1, 1), (5, 2, 1), (20, 2, 4), (20, 3, 1), (1_000_000, 1, 3), (3, 9, 1)] {
            for kind in [Kind::All, Kind::Closed] {
                let params = ItemsetParams { kind, ..ItemsetParams::all(min_count) };
                let mut expected = match kind {
                    Kind::All => shop.frequent(min_count, None, None),
                    Kind::Closed => shop.closed(min_count),
                };
                expected.retain(|(set, _)| set.len() >= min_length);
                let mut counts: Vec<u64> = expected.iter().map(|(_, count)| *count).collect();
                counts.sort_unstable_by(|a, b| b.cmp(a));
                let last = counts.get(k - 1).copied().unwrap_or(0);
                expected.retain(|(_, count)| *count >= last);
                let found = mine_top_k(&shop.db(), k as u64, min_length, &params, &NoControl).unwrap();
                assert_eq!(listed(&found), expected, "{k} of {min_length} items, {kind:?} of {shop:?}");
                assert_eq!(found.n, shop.n());
            }
        }
    }
    let db = Shop::random(1, 40, 8, 0.5).db();
    let refused = mine_top_k(&db, 0, 1, &ItemsetParams::all(1), &NoControl);
    assert_eq!(refused.unwrap_err(), Error::Parameter { name: "k", allowed: "at least 1", got: 0.0 });
}

#[test]
fn the_most_frequent_of_those_listed_come_first() {
    for seed in 0..40 {
        let shop = Shop::random(seed, 30, 7, 0.5);
        let found = mine_itemsets(&shop.db(), &ItemsetParams::all(2), &NoControl).unwrap();
        for (n, min_length) in [(0, 1), (1, 1), (5, 2), (20, 3), (1_000, 2)] {
            let mut expected = listed(&found);
            expected.retain(|(set, _)| set.len() >= min_length);
            expected.sort_by(|(a, n), (b, m)| m.cmp(n).then(a.cmp(b)));
            expected.truncate(n);
            let first = found.most_frequent(n, min_length, &NoControl).unwrap();
            let first: Vec<(Vec<u32>, u64)> = first.into_iter().map(|(set, count)| (set, u64::from(count))).collect();
            assert_eq!(first, expected, "{n} of {min_length} items in {shop:?}");
        }
    }
}

#[test]
fn a_limit_proposes_a_count_that_stays_within_it() {
    let db = Shop::random(3, 500, 30, 0.25).db();
    let params = ItemsetParams { max_sets: 1_000, ..ItemsetParams::all(5) };
    let Err(Error::TooManySets { proposed_min_count, max_sets: 1_000, min_count: 5 }) =
        mine_itemsets(&db, &params, &NoControl)
    else {
        panic!("thirty items at count 5 give more than a thousand sets");
    };
    let sets_from = |min_count| count_itemsets(&db, &ItemsetParams::all(min_count), &NoControl).unwrap().sets;
    assert!(sets_from(proposed_min_count) <= 1_000 && sets_from(proposed_min_count - 1) > 1_000);
    assert_eq!(propose_min_count(&db, &params, &NoControl), Ok(proposed_min_count));
}

#[test]
fn bad_parameters_are_named() {
    let db = Shop::new(&[&[0]], 2).db();
    let check = |params: ItemsetParams<'_>, expected: Error| {
        assert_eq!(mine_itemsets(&db, &params, &NoControl).unwrap_err(), expected);
        assert_eq!(count_itemsets(&db, &params, &NoControl).unwrap_err(), expected);
    };
    check(ItemsetParams::all(0), Error::Parameter { name: "min_count", allowed: "at least 1", got: 0.0 });
    let no_length = ItemsetParams { max_length: 0, ..ItemsetParams::all(1) };
    check(no_length, Error::Parameter { name: "max_length", allowed: "at least 1", got: 0.0 });
    let few_roles = ItemsetParams { roles: Some(&[ItemRole::Both]), ..ItemsetParams::all(1) };
    check(few_roles, Error::Length { what: "roles", got: 1, expected: 2 });
}
