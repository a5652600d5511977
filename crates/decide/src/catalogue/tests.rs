use super::*;
use osusume_model::{HeldBy, Minor};

/// `key family tier` and then `requires:x`, `excludes:x`, `replaces:x`, one product a line.
fn products(lines: &[&str]) -> Vec<Product> {
    let product = |line: &&str| {
        let words: Vec<&str> = line.split(' ').collect();
        let list =
            |prefix: &str| words.iter().filter_map(|word| word.strip_prefix(prefix)).map(str::to_owned).collect();
        Product {
            key: words[0].to_owned(),
            family: words[1].to_owned(),
            tier: Tier(words[2].parse().unwrap()),
            held_by: HeldBy::Customer,
            margin: Minor(100),
            requires: list("requires:"),
            excludes: list("excludes:"),
            replaces: list("replaces:"),
            ..Product::default()
        }
    };
    lines.iter().map(product).collect()
}

fn names(families: &[&str]) -> Vec<String> {
    families.iter().map(|&family| family.to_owned()).collect()
}

const PROVIDER: [&str; 13] = [
    "line_100m line 1 replaces:line_100m_old",
    "line_100m_old line 1",
    "line_10g line 3 requires:support",
    "line_1g line 2 replaces:line_1g_old",
    "line_1g_old line 2",
    "security security 1 requires:line",
    "security_family security 2 requires:line",
    "storage storage 1",
    "support_24h support 2",
    "support_basic support 1",
    "term_1y term 1",
    "term_2y term 2",
    "wifi_mesh wifi 1 requires:line excludes:line_100m",
];

#[test]
fn offers_of_a_provider_come_in_their_order() {
    let products = products(&PROVIDER);
    let upsell = names(&["line", "support", "term", "security"]);
    let offers = offers_of(&products, &upsell, &names(&["wifi", "security", "storage"])).unwrap();
    let keys: Vec<&str> = offers.iter().map(|offer| offer.key.as_str()).collect();
    let expected =
        ["line_1g", "line_10g", "support_24h", "term_2y", "security_family", "wifi_mesh", "security", "storage"];
    assert_eq!(keys, expected);
    assert!(offers[..5].iter().all(|offer| offer.kind == OfferKind::Upsell));
    assert!(offers[5..].iter().all(|offer| offer.kind == OfferKind::CrossSell));
    assert!(offers.iter().all(|offer| products[offer.product.unwrap().0 as usize].key == offer.key));
}

#[test]
fn next_tiers_skip_what_is_replaced_and_end_at_the_top() {
    let products = products(&PROVIDER);
    assert_eq!(next_tier(&products, "line", Tier(0)), Some(Tier(1)));
    assert_eq!(next_tier(&products, "line", Tier(1)), Some(Tier(2)));
    assert_eq!(next_tier(&products, "line", Tier(3)), None);
    assert_eq!(next_tier(&products, "tv", Tier(0)), None);
}

fn check(lines: &[&str], expected: &[CatalogueError]) {
    assert_eq!(check_products(&products(lines)), if expected.is_empty() { Ok(()) } else { Err(expected.to_vec()) });
}

#[test]
fn contradictions_are_named() {
    let s = str::to_owned;
    check(&PROVIDER, &[]);
    check(&[], &[]);
    check(&["b f 1", "a g 1"], &[CatalogueError::NotSorted { product: s("a") }]);
    check(&["a f 1", "a f 2"], &[CatalogueError::NotSorted { product: s("a") }]);
    check(&["a f 0"], &[CatalogueError::TierZero { product: s("a") }]);
    check(&["a f 1 excludes:f"], &[CatalogueError::ExcludesNeeded { product: s("a"), family: s("f") }]);
    check(
        &["a f 1 requires:g excludes:g", "b g 1"],
        &[CatalogueError::ExcludesNeeded { product: s("a"), family: s("g") }],
    );
    check(&["a f 1 replaces:b", "b g 1"], &[CatalogueError::ReplacesOtherFamily { product: s("a"), replaced: s("b") }]);
    check(&["a f 1 replaces:a"], &[CatalogueError::ReplacesCycle { products: names(&["a"]) }]);
    check(
        &["a f 1 replaces:b", "b f 1 replaces:c", "c f 1 replaces:a", "d f 2 replaces:c"],
        &[CatalogueError::ReplacesCycle { products: names(&["a", "b", "c"]) }],
    );
    // All faults are reported together.
    check(
        &["a f 1 requires:x excludes:y", "b g 0"],
        &[
            CatalogueError::UnknownRequired { product: s("a"), family: s("x") },
            CatalogueError::UnknownExcluded { product: s("a"), name: s("y") },
            CatalogueError::TierZero { product: s("b") },
        ],
    );
}

#[test]
fn prerequisites_may_meet_only_where_one_of_them_can_come_first() {
    check(
        &["a f 1 requires:g", "b g 1 requires:h", "c h 1 requires:f", "d i 1"],
        &[CatalogueError::RequiresCycle { products: names(&["a", "b", "c"]) }],
    );
    check(&["a f 1 requires:f"], &[CatalogueError::RequiresCycle { products: names(&["a"]) }]);
    // The first tier of f asks for nothing, so the circle between its second tier and g opens.
    check(&["a f 1", "b f 2 requires:g", "c g 1 requires:f"], &[]);
    check(&["a f 1", "b f 2 requires:f"], &[]);
}

#[test]
fn lists_that_contradict_the_catalogue() {
    let products = products(&["a f 1", "b g 2", "c h 1", "d h 1", "e h 2"]);
    let s = str::to_owned;
    let check = |upsell: &[&str], cross_sell: &[&str], expected: Vec<CatalogueError>| {
        assert_eq!(offers_of(&products, &names(upsell), &names(cross_sell)), Err(expected));
    };
    check(
        &["x"],
        &["y"],
        vec![CatalogueError::UnknownFamily { family: s("x") }, CatalogueError::UnknownFamily { family: s("y") }],
    );
    check(&["f"], &[], vec![CatalogueError::NothingToUpsell { family: s("f") }]);
    check(&["g"], &[], vec![CatalogueError::NoLowerTier { product: s("b") }]);
    check(&["h", "h"], &[], vec![CatalogueError::FamilyTwice { family: s("h") }]);
    let twice = CatalogueError::LowestTierTwice { family: s("h"), products: names(&["c", "d"]) };
    assert_eq!(twice.parts(), ("lowest_tier_twice", vec!["h", "c", "d"]));
    check(&[], &["h"], vec![CatalogueError::LowestTierTwice { family: s("h"), products: names(&["c", "d"]) }]);
    assert_eq!(offers_of(&products, &[], &[]), Ok(vec![]));
}
