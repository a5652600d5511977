//! Published numbers of rules of the Groceries data (Hahsler, Hornik and Reutterer 2006), one item on the right.

use std::collections::BTreeMap;
use std::io::Read;

use osusume_association::{Baskets, MinSupport, RuleParams, Transactions, mine_rules};
use osusume_model::NoControl;
use osusume_testkit::data_dir;

/// A basket a line, items separated by commas.
fn read() -> Option<Transactions> {
    let path = data_dir("arules-groceries")?.join("groceries.basket.csv.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).ok()?).read_to_string(&mut text).expect("gzip of text");
    let (mut numbers, mut offsets, mut items) = (BTreeMap::new(), vec![0], Vec::new());
    for line in text.lines() {
        for name in line.split(',') {
            let next = numbers.len() as u32;
            items.push(*numbers.entry(name.to_owned()).or_insert(next));
        }
        offsets.push(items.len());
    }
    let baskets =
        Baskets { offsets: &offsets, items: &items, n_items: numbers.len() as u32, weights: None, groups: None };
    Some(Transactions::new(&baskets, 1_000).expect("well-formed").0)
}

#[test]
fn published_numbers_of_rules_agree() {
    let Some(db) = read() else { return };
    assert_eq!((db.n(), db.n_items(), db.n_values()), (9_835, 169, 43_367));
    let cases: [(f64, f64, &[usize]); 3] = [
        (0.001, 0.5, &[11, 1461, 3211, 939, 46]),
        (0.001, 0.8, &[0, 29, 229, 140, 12]),
        (0.006, 0.25, &[150, 297, 16]),
    ];
    for (min_support, min_confidence, published) in cases {
        let params = RuleParams {
            min_count: MinSupport::Fraction(min_support).to_count(db.n()).expect("a share"),
            max_length: usize::MAX,
            min_confidence,
            min_lift: 0.0,
            min_improvement: f64::NEG_INFINITY,
            roles: None,
            hierarchy: None,
            max_sets: u64::MAX,
            max_rules: usize::MAX,
        };
        let rules = mine_rules(&db, &params, &NoControl).expect("no limit is set");
        let mut by_length = vec![0; published.len()];
        (0..rules.len()).for_each(|r| by_length[rules.antecedent(r).len() - 1] += 1);
        assert_eq!(by_length, published, "support {min_support}, confidence {min_confidence}");
        assert_eq!((rules.n_found, rules.n_redundant), (published.iter().sum::<usize>() as u64, 0));
    }
}
