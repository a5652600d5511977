use super::*;

fn baskets<'a>(offsets: &'a [usize], items: &'a [u32]) -> Baskets<'a> {
    Baskets { offsets, items, n_items: 5, weights: None, groups: None }
}

fn owned(given: &Baskets<'_>) -> OwnedBaskets {
    OwnedBaskets {
        offsets: given.offsets.to_vec(),
        items: given.items.to_vec(),
        n_items: given.n_items,
        weights: given.weights.map(<[u32]>::to_vec),
        groups: given.groups.map(<[u32]>::to_vec),
    }
}

#[test]
fn repairs_are_counted() {
    let (db, repairs) = Transactions::new(&baskets(&[0, 3, 3, 7], &[1, 1, 2, 0, 1, 2, 3]), 3).unwrap();
    assert_eq!(repairs, Repairs { duplicate_items: 1, empty_baskets: 1, oversize_baskets: 1, weightless_baskets: 0 });
    assert_eq!((db.n(), db.len(), db.item_counts()), (2, 2, &[0, 1, 1, 0, 0][..]));
}

/// Baskets of up to 14 items out of 40, some twice, some too long, weightless or empty.
#[test]
fn threads_change_nothing() {
    let baskets: Vec<Vec<u32>> =
        (0..5_000_u32).map(|t| (0..t * 7 % 15).map(|at| (t * 31 + at * (1 + t % 9)) % 40).collect()).collect();
    let weights: Vec<u32> = (0..5_000).map(|t| t % 4).collect();
    let offsets: Vec<usize> = std::iter::once(0)
        .chain(baskets.iter().scan(0, |sum, it| Some(std::mem::replace(sum, *sum + it.len()) + it.len())))
        .collect();
    let items = baskets.concat();
    let plain = Baskets { offsets: &offsets, items: &items, n_items: 40, weights: None, groups: None };
    let with = |given: &Baskets<'_>, n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let (lent, owned) = pool.install(|| {
            let owned = Transactions::build_owned(owned(given), 12, &NoControl);
            (Transactions::new(given, 12), owned)
        });
        let plain = |built: Result<(Transactions, Repairs), Error>| built.map(|(db, it)| (format!("{db:?}"), it));
        let (lent, owned) = (plain(lent), plain(owned));
        assert!(lent == owned, "whose the baskets are changes something");
        lent
    };
    let groups: Vec<u32> = (0..5_000).map(|t| t / 3).collect();
    let mixed: Vec<u32> = (0..5_000).map(|t| t * 7 % 501).collect();
    let weighted = Baskets { weights: Some(&weights), ..plain };
    let (side_by_side, apart) =
        (Baskets { groups: Some(&groups), ..weighted }, Baskets { groups: Some(&mixed), ..plain });
    for given in [plain, weighted, side_by_side, apart] {
        let alone = with(&given, 1).unwrap();
        assert!(alone.1.oversize_baskets > 0 && alone.1.duplicate_items > 0 && alone.1.empty_baskets > 0);
        assert!(alone == with(&given, 3).unwrap());
        let few = Baskets { n_items: 39, ..given };
        assert_eq!(with(&few, 1), with(&few, 3));
    }
}

#[test]
fn groups_stand_side_by_side() {
    let given = Baskets { groups: Some(&[7, 3, 7]), weights: Some(&[1, 2, 0]), ..baskets(&[0, 1, 2, 3], &[0, 1, 2]) };
    let (db, repairs) = Transactions::new(&given, 10).unwrap();
    assert_eq!((db.basket(0), db.weight(0), db.basket(1)), (&[1][..], 2, &[0][..]));
    assert_eq!((db.group_offsets(), repairs.weightless_baskets), (Some(&[0, 1, 2][..]), 1));
}

#[test]
fn a_subset_is_what_the_kept_baskets_alone_would_be() {
    let (offsets, items) = ([0, 2, 3, 5, 6, 7, 8], [0, 1, 2, 1, 3, 4, 0, 2]);
    let (groups, weights) = ([0, 0, 1, 2, 2, 3], [1, 2, 3, 1, 4, 2]);
    let given = Baskets { groups: Some(&groups), weights: Some(&weights), ..baskets(&offsets, &items) };
    let (all, _) = Transactions::new(&given, 10).unwrap();
    for mask in 0..1_u32 << groups.len() {
        let is_kept = |t: usize| mask >> t & 1 == 1;
        let left_out: Vec<u32> = (0..6).map(|t| if is_kept(t) { weights[t] } else { 0 }).collect();
        let (alone, _) = Transactions::new(&Baskets { weights: Some(&left_out), ..given }, 10).unwrap();
        let subset = all.subset(is_kept);
        assert_eq!((&subset.offsets, &subset.items), (&alone.offsets, &alone.items));
        assert_eq!((&subset.weights, &subset.group_offsets), (&alone.weights, &alone.group_offsets), "{mask:b}");
        assert_eq!((&subset.item_counts, subset.n), (&alone.item_counts, alone.n));
    }
}

/// Items 0 and 1 are of category 3, item 2 and category 3 of department 4; somebody buys from the category as such.
#[test]
fn ancestors_stand_behind_what_was_bought() {
    let forest = Hierarchy::new(vec![3, 3, 4, 4, crate::NO_PARENT]).unwrap();
    let given = Baskets { weights: Some(&[1, 2, 1, 5]), ..baskets(&[0, 2, 5, 5, 6], &[1, 0, 2, 3, 0, 4]) };
    let (plain, _) = Transactions::new(&given, 10).unwrap();
    let db = plain.with_ancestors(&forest, &NoControl).unwrap();
    assert_eq!((db.basket(0), db.stands_for(0).unwrap()), (&[1, 0, 3, 4][..], &[1, 1, 2, 2][..]));
    assert_eq!((db.basket(1), db.stands_for(1).unwrap()), (&[2, 3, 0, 4][..], &[1, 2, 1, 3][..]));
    assert_eq!((db.bought(1), db.sizes(), db.n()), (&[2, 3, 0][..], plain.sizes(), 9));
    assert_eq!(db.item_counts(), [3, 1, 2, 3, 8]);
    let again = db.with_ancestors(&forest, &NoControl).unwrap();
    assert_eq!(format!("{again:?}"), format!("{db:?}"), "ancestors have no ancestors of their own");
    let some = db.subset(|t| t != 0);
    let alone = plain.subset(|t| t != 0).with_ancestors(&forest, &NoControl).unwrap();
    assert_eq!(format!("{some:?}"), format!("{alone:?}"));
    let few = Hierarchy::new(vec![crate::NO_PARENT; 4]).unwrap();
    assert!(matches!(plain.with_ancestors(&few, &NoControl), Err(Error::Length { got: 4, expected: 5, .. })));
}

#[test]
fn bad_slices_are_named() {
    let check = |given: &Baskets<'_>, expected: Error| assert_eq!(Transactions::new(given, 10).unwrap_err(), expected);
    check(&baskets(&[], &[]), Error::Length { what: "offsets", got: 0, expected: 1 });
    check(&baskets(&[0, 2, 1], &[0, 1]), Error::Offsets { basket: 1 });
    check(&baskets(&[0, 1], &[5]), Error::Item { basket: 0, item: 5, n_items: 5 });
    check(&baskets(&[0, 1], &[0, 1]), Error::Length { what: "items", got: 2, expected: 1 });
    let heavy = Baskets { weights: Some(&[u32::MAX, 1]), ..baskets(&[0, 0, 0], &[]) };
    check(&heavy, Error::Weight { got: 1 << 32, allowed: u64::from(u32::MAX) });
}
