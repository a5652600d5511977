//! `osusume mine --hierarchy`: what items belong to.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::support::{OSUSUME, text};

/// Items, and behind them what they belong to.
const ITEMS: [&str; 11] =
    ["cheddar", "gouda", "brie", "milk", "crackers", "chips", "soap", "salt", "cheese", "dairy", "snacks"];
/// What each belongs to; soap and salt belong to nothing.
const PARENTS: [Option<usize>; 11] =
    [Some(8), Some(8), Some(8), Some(9), Some(10), Some(10), None, None, Some(9), None, None];
const N_BOUGHT: usize = 8;

fn mine(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(OSUSUME).current_dir(dir).arg("mine").args(arguments).args(["--language", "en"]).output().unwrap()
}

fn mined(dir: &Path, arguments: &[&str]) -> Value {
    let output = mine(dir, &[arguments, &["--output", "json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Baskets in which crackers go with cheese, whichever it is.
fn company() -> Vec<Vec<usize>> {
    let mut state = 11_u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut basket = |_| {
        let mut items: Vec<usize> = (3..N_BOUGHT).filter(|item| next(10) < 2 + (*item as u32) % 3).collect();
        if next(4) == 0 {
            items.push(next(3) as usize);
            if next(3) > 0 && !items.contains(&4) {
                items.push(4);
            }
        }
        items
    };
    (0..400).map(&mut basket).collect()
}

fn ancestors(item: usize) -> Vec<usize> {
    std::iter::successors(PARENTS[item], |parent| PARENTS[*parent]).collect()
}

/// A basket with everything above its items.
fn extended(basket: &[usize]) -> Vec<usize> {
    basket.iter().flat_map(|item| [vec![*item], ancestors(*item)].concat()).collect()
}

/// `b.csv` with the baskets and `p.csv` with the parents.
fn shop(baskets: &[Vec<usize>]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let lines = baskets.iter().map(|basket| basket.iter().map(|item| ITEMS[*item]).collect::<Vec<_>>().join(","));
    fs::write(dir.path().join("b.csv"), lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    let rows = PARENTS.iter().enumerate().filter_map(|(item, parent)| Some([ITEMS[item], ITEMS[(*parent)?]].join(",")));
    let rows = ["item,parent".to_owned()].into_iter().chain(rows);
    fs::write(dir.path().join("p.csv"), rows.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    dir
}

fn numbers(column: &ArrayRef, row: usize) -> Vec<usize> {
    let names = column.as_list::<i32>().value(row);
    names.as_string::<i32>().iter().map(|name| number(name.unwrap())).collect()
}

fn number(name: &str) -> usize {
    ITEMS.iter().position(|item| *item == name).unwrap()
}

fn rows_of(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
    reader.with_batch_size(1 << 20).build().unwrap().next().unwrap().unwrap()
}

/// Every itemset and rule over items and categories there is, but none of an item and what is above it.
#[test]
fn rules_speak_of_categories_and_never_of_an_item_and_its_own() {
    let baskets = company();
    let dir = shop(&baskets);
    let asked = ["b.csv", "--hierarchy", "p.csv", "--min-count", "10", "--rules", "--out", "o"];
    let found =
        mined(dir.path(), &[&asked[..], &["--min-lift", "0", "--min-improvement", "-1", "--show", "999"]].concat());
    assert_eq!(
        found["hierarchy"],
        json!({ "categories": 3, "levels": 2, "items_without_parent": 2, "rows_repeated": 0, "rows_skipped": 0, "rows_unused": 0 })
    );
    let extended: Vec<Vec<usize>> = baskets.iter().map(|basket| extended(basket)).collect();
    let count =
        |items: &[usize]| extended.iter().filter(|basket| items.iter().all(|item| basket.contains(item))).count();
    let is_apart = |items: &[usize]| items.iter().all(|item| ancestors(*item).iter().all(|it| !items.contains(it)));
    let subsets = (1_u32..1 << ITEMS.len()).map(|mask| (0..ITEMS.len()).filter(|item| mask >> item & 1 == 1).collect());
    let frequent: Vec<Vec<usize>> =
        subsets.filter(|items: &Vec<usize>| is_apart(items) && count(items) >= 10).collect();
    assert_eq!(found["sets"], frequent.len());
    let (sets, rules) = (rows_of(&dir.path().join("o/itemsets.parquet")), rows_of(&dir.path().join("o/rules.parquet")));
    let mut listed: Vec<Vec<usize>> = (0..sets.num_rows()).map(|row| numbers(sets.column(0), row)).collect();
    for items in &mut listed {
        items.sort_unstable();
    }
    listed.sort();
    let mut expected = frequent.clone();
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(rules.num_rows(), frequent.iter().map(Vec::len).filter(|len| *len > 1).sum::<usize>());
    for row in 0..rules.num_rows() {
        let left = numbers(rules.column(0), row);
        let right = number(rules.column(1).as_string::<i32>().value(row));
        assert!(is_apart(&[&left[..], &[right]].concat()));
        let counts = ["n", "n_antecedent", "n_consequent", "n_both"];
        let counts = counts.map(|name| {
            let column = rules.column_by_name(name).unwrap();
            column.as_primitive::<arrow::datatypes::Int64Type>().value(row) as usize
        });
        assert_eq!(counts, [400, count(&left), count(&[right]), count(&[&left[..], &[right]].concat())]);
    }
    // What was planted leads, by the category; no single cheese is as sure.
    let first = &found["rules"]["top"][0];
    assert_eq!((&first["antecedent"], &first["consequent"]), (&json!(["cheese"]), &json!("crackers")), "{first}");
    let again = mine(dir.path(), &[&asked[..], &["--threads", "3"]].concat());
    assert!(
        text(&again.stdout).contains("3 categories on 2 levels; 2 items belong to none"),
        "{}",
        text(&again.stdout)
    );
}

#[test]
fn any_form_of_the_parents_will_do() {
    let dir = shop(&company());
    let path = |name: &str| dir.path().join(name);
    let asked = |file: &str, parents: &str| {
        let found = mined(dir.path(), &[file, "--hierarchy", parents, "--min-count", "10"]);
        (found["sets"].as_u64().unwrap(), found["hierarchy"].clone())
    };
    let plain = asked("b.csv", "p.csv");
    // More rows in another order, blanks, other columns, a semicolon, another encoding's mark.
    let rows = fs::read_to_string(path("p.csv")).unwrap();
    let mut rows: Vec<String> =
        rows.lines().skip(1).map(|row| row.split_once(',').unwrap()).map(|(a, b)| format!("x; {b};{a} ")).collect();
    rows.reverse();
    rows.extend(["x;cheese;gouda", "x;;soap", "x;dairy;", "x;salt;salt", "x;wine;port"].map(str::to_owned));
    fs::write(path("more.csv"), format!("\u{feff}note;parent;item\n{}\n", rows.join("\n"))).unwrap();
    let more = asked("b.csv", "more.csv");
    assert_eq!(more.0, plain.0);
    assert_eq!(
        (&more.1["rows_repeated"], &more.1["rows_skipped"], &more.1["rows_unused"]),
        (&json!(1), &json!(3), &json!(1))
    );
    // Numbers in baskets and parents; a department that has a name.
    let numbered = |name: &str| number(name) as i64 + 100;
    let lines = fs::read_to_string(path("b.csv")).unwrap();
    let line = |line: &str| {
        let names = line.split(',').filter(|name| !name.is_empty());
        names.map(|name| numbered(name).to_string()).collect::<Vec<_>>().join(" ")
    };
    fs::write(path("b.dat"), lines.lines().map(line).collect::<Vec<_>>().join("\n") + "\n").unwrap();
    let pairs =
        || PARENTS.iter().enumerate().filter_map(|(item, parent)| Some((item as i64 + 100, (*parent)? as i64 + 100)));
    let batch = RecordBatch::try_from_iter([
        ("parent", Arc::new(pairs().map(|pair| pair.1).collect::<Int64Array>()) as ArrayRef),
        ("item", Arc::new(pairs().map(|pair| Some(pair.0.to_string())).collect::<StringArray>()) as ArrayRef),
    ]);
    let batch = batch.unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(path("p.parquet")).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert_eq!(asked("b.dat", "p.parquet"), plain);
    let rows: Vec<String> = pairs().map(|(item, parent)| format!("{item},{}", ITEMS[parent as usize - 100])).collect();
    let rows = rows.join("\n").replace("108,", "cheese,");
    fs::write(path("named.csv"), format!("item,parent\n{rows}\n")).unwrap();
    assert_eq!(asked("b.dat", "named.csv"), plain);
    // Categories may be asked for on the right, and are shown by name.
    let asked = ["b.dat", "--hierarchy", "named.csv", "--min-count", "10", "--rules", "--consequents", "snacks"];
    let found = mined(dir.path(), &[&asked[..], &["--fdr", "1"]].concat());
    let top = found["rules"]["top"].as_array().unwrap();
    assert!(!top.is_empty() && top.iter().all(|rule| rule["consequent"] == "snacks"), "{found}");
}

#[test]
fn what_cannot_be_a_hierarchy_is_named() {
    let dir = shop(&company());
    let check = |parents: &str, arguments: &[&str], exit: i32, said: &str| {
        fs::write(dir.path().join("bad.csv"), parents).unwrap();
        let asked = ["b.csv", "--min-count", "10", "--hierarchy", "bad.csv"];
        let output = mine(dir.path(), &[&asked[..], arguments].concat());
        assert_eq!(output.status.code(), Some(exit), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    };
    check("item,parent\nmilk,dairy\nbrie,cheese\nmilk,drinks\n", &[], 10, "E1038");
    check(
        "item,parent\nmilk,dairy\nbrie,cheese\nmilk,drinks\n",
        &[],
        10,
        "row 3 gives an item another parent than row 1",
    );
    check("item,parent\nmilk,dairy\ndairy,food\nfood,dairy\n", &[], 10, "E1039");
    check("item,parent\nmlik,dairy\n", &[], 2, "did you mean `milk`?");
    check("item,above\nmilk,dairy\n", &[], 13, "E1004");
    check("", &[], 10, "E1003");
    check("item,parent\n", &[], 10, "E1003");
    check("item,parent\n,\n", &[], 10, "E1003");
    check("item,parent\nmilk,da\u{fffd}ry\n", &["--kind", "closed"], 2, "--kind closed");
    let chain = (0..40).map(|level| format!("a{level},a{}\n", level + 1)).collect::<Vec<String>>().concat();
    check(&format!("item,parent\nmilk,a0\n{chain}"), &[], 10, "at most 32 levels");
    fs::create_dir(dir.path().join("o")).unwrap();
    fs::copy(dir.path().join("p.csv"), dir.path().join("o/rules.parquet")).unwrap();
    let asked = ["b.csv", "--min-count", "10", "--hierarchy", "o/rules.parquet", "--rules", "--out", "o"];
    assert_eq!(mine(dir.path(), &asked).status.code(), Some(2));
    assert_eq!(mine(dir.path(), &["b.csv", "--min-count", "10", "--hierarchy", "absent.csv"]).status.code(), Some(10));
}

/// Items of a `.dat` file are numbers, however a table of parents writes them.
#[test]
fn a_number_written_in_two_ways_is_one_item() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("b.dat"), "7 9 1\n7 9 2\n7 9\n1 2\n").unwrap();
    let asked = ["b.dat", "--min-count", "1", "--hierarchy", "p.csv"];
    let refused = |parents: &str, said: &str| {
        fs::write(dir.path().join("p.csv"), parents).unwrap();
        let output = mine(dir.path(), &asked);
        assert_eq!(output.status.code(), Some(10), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    };
    refused("item,parent\n7,9\n09,07\n1,x\n", "E1039");
    refused("item,parent\n7,A\n007,B\n1,A\n", "row 2 gives an item another parent than row 1");
    fs::write(dir.path().join("p.csv"), "item,parent\n7,A\n007,A\n1,A\n09,9\n").unwrap();
    let found = mined(dir.path(), &asked);
    let said = |key: &str| found["hierarchy"][key].as_u64();
    assert_eq!(
        (said("rows_repeated"), said("rows_skipped"), said("categories")),
        (Some(1), Some(1), Some(1)),
        "{found}"
    );
}
