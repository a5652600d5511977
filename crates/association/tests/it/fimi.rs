//! Published numbers of itemsets, over the files at hand.

use std::io::Read;
use std::path::Path;

use osusume_association::{Baskets, ItemsetParams, Transactions, count_itemsets};
use osusume_model::NoControl;
use osusume_testkit::data_dir;

/// More closed sets than this take longer to visit than a test may.
const MAX_CLOSED: u64 = 2_000_000;

/// Transactions a line, items separated by blanks.
fn read(path: &Path) -> Transactions {
    let file = std::fs::File::open(path).expect("a readable file");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip of text");
    let (mut offsets, mut items) = (vec![0], Vec::new());
    for line in text.lines() {
        items.extend(line.split_ascii_whitespace().map(|word| word.parse::<u32>().expect("items are numbers")));
        offsets.push(items.len());
    }
    let n_items = items.iter().max().map_or(0, |item| item + 1);
    let baskets = Baskets { offsets: &offsets, items: &items, n_items, weights: None, groups: None };
    Transactions::new(&baskets, 1_000).expect("well-formed").0
}

/// The table counts the empty set; here it is never counted. Maximal sets are not mined.
#[test]
fn published_counts_agree() {
    let Some(folder) = data_dir("fimi") else { return };
    let table = std::fs::read_to_string(folder.join("fimi04_expected_counts.csv")).expect("the table of counts");
    let mut files: Vec<(String, Transactions)> = Vec::new();
    let mut n_checked = 0;
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (name, kind, min_count, published) = (fields[0], fields[1], fields[2], fields[3]);
        let path = folder.join(format!("{name}.dat.gz"));
        let published: u64 = published.parse().expect("a count");
        if kind == "maximal" || kind == "closed" && published > MAX_CLOSED || !path.is_file() {
            continue;
        }
        if files.last().is_none_or(|(last, _)| last != name) {
            files.push((name.to_owned(), read(&path)));
        }
        let db = &files.last().expect("just read").1;
        let min_count: u64 = min_count.parse().expect("a count");
        let params = if kind == "all" { ItemsetParams::all(min_count) } else { ItemsetParams::closed(min_count) };
        let found = count_itemsets(db, &params, &NoControl).expect("no limits are set");
        // An item in every transaction leaves the empty set without a place among the closed ones.
        let has_empty = kind == "all" || db.item_counts().iter().all(|count| *count < db.n());
        assert_eq!(found.sets, published - u64::from(has_empty), "{name}, {kind}, {min_count}");
        n_checked += 1;
    }
    assert!(n_checked > 50, "only {n_checked} published counts were there to compare");
}
