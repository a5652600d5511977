//! `osusume mine` on files of baskets.

use std::fs;
use std::io::Write;
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int16Type, Int64Type};
use osusume_testkit::{check_golden, repository_root};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::support::{OSUSUME, names, text};

fn mine(dir: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(OSUSUME).current_dir(dir).arg("mine").args(arguments).args(["--language", "en"]).output().unwrap()
}

fn mined(dir: &std::path::Path, arguments: &[&str]) -> Value {
    let output = mine(dir, &[arguments, &["--output", "json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Names come from files, and a terminal obeys what it is shown.
#[test]
fn names_do_not_drive_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("rows.csv"), "tea\u{1b}[31m,milk\ntea\u{1b}[31m,milk\n").unwrap();
    let page = text(&mine(dir.path(), &["rows.csv", "--min-count", "2"]).stdout);
    assert!(page.contains("tea\\u{1b}[31m") && !page.contains('\u{1b}'), "{page}");
}

/// Five baskets of bread, milk and tea in every form a file may have.
fn shelves() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let numbers = "1 2 3\n2 1\n1 3\n\n2 1 1\n";
    fs::write(dir.path().join("n.dat"), numbers).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(numbers.as_bytes()).unwrap();
    fs::write(dir.path().join("n.dat.gz"), packed.finish().unwrap()).unwrap();
    fs::write(dir.path().join("lines.csv"), "bread,milk,tea\nmilk,bread\nbread,tea\n\nmilk,bread,bread\n").unwrap();
    let rows = "order,sku\nA,bread\nB,milk\nA,milk\nA,tea\nB,bread\nC,bread\nC,tea\nD,milk\nD,bread\nD,bread\n";
    fs::write(dir.path().join("rows.csv"), rows).unwrap();
    let cells = || rows.lines().skip(1).map(|row| row.split_once(',').unwrap());
    let orders: StringArray = cells().map(|(order, _)| Some(order)).collect();
    let skus: StringArray = cells().map(|(_, sku)| Some(sku)).collect();
    write_parquet(&dir.path().join("rows.parquet"), Arc::new(orders), Arc::new(skus));
    let numbered: Int64Array = cells().map(|(order, _)| Some(i64::from(order.as_bytes()[0]))).collect();
    let skus: Int64Array =
        cells().map(|(_, sku)| Some(sku.len() as i64 * 1_000_000_007 + i64::from(sku.as_bytes()[0]))).collect();
    write_parquet(&dir.path().join("numbers.parquet"), Arc::new(numbered), Arc::new(skus));
    dir
}

fn write_parquet(path: &std::path::Path, orders: ArrayRef, skus: ArrayRef) {
    let batch = RecordBatch::try_from_iter([("order", orders), ("sku", skus)]).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn every_form_of_a_file_gives_the_same_itemsets() {
    let dir = shelves();
    let columns = ["--basket", "order", "--item", "sku"];
    let long = ["rows.csv", "rows.parquet", "numbers.parquet"].map(|file| [&[file][..], &columns].concat());
    for arguments in [&["n.dat"][..], &["n.dat.gz"], &["lines.csv"], &long[0], &long[1], &long[2]] {
        for count_only in [&[][..], &["--count-only"]] {
            let found = mined(dir.path(), &[arguments, &["--min-count", "2"], count_only].concat());
            assert_eq!(found["sets"], 5, "{arguments:?}");
            assert_eq!(found["by_size"], json!({ "1": 3, "2": 2 }));
            assert_eq!(found["duplicate_items"], 1);
            assert!(found["read_seconds"].is_f64() && found["mine_seconds"].is_f64());
        }
        let closed = mined(dir.path(), &[arguments, &["--min-count", "2", "--kind", "closed"]].concat());
        assert_eq!(closed["sets"], 3, "bread; bread and milk; bread and tea");
    }
    let found = mined(dir.path(), &["lines.csv", "--min-support", "0.6"]);
    // Three of five baskets, the empty one included.
    assert_eq!((&found["min_count"], &found["baskets"], &found["empty_baskets"]), (&json!(3), &json!(5), &json!(1)));
    assert_eq!(found["top"], json!([{ "items": ["bread", "milk"], "count": 3 }]));
}

#[test]
fn the_most_frequent_are_found_without_a_support() {
    let dir = shelves();
    let found = mined(dir.path(), &["lines.csv", "--top", "2"]);
    let pair = |other: &str, count: u64| json!({ "items": ["bread", other], "count": count });
    assert_eq!((&found["sets"], &found["top"]), (&json!(2), &json!([pair("milk", 3), pair("tea", 2)])));
    // One alone is asked for and two are as frequent; single items count where they are asked for.
    let found = mined(dir.path(), &["lines.csv", "--top", "2", "--min-length", "1"]);
    let alone = |item: &str, count: u64| json!({ "items": [item], "count": count });
    assert_eq!(found["top"], json!([alone("bread", 4), pair("milk", 3), alone("milk", 3)]));
    // A support can end the list earlier.
    assert_eq!(mined(dir.path(), &["lines.csv", "--top", "2", "--min-support", "0.6"])["sets"], 1);
    let page = text(&mine(dir.path(), &["lines.csv", "--top", "2"]).stdout);
    assert!(page.contains("bread + milk") && page.contains("bread + tea") && !page.contains("0 of"), "{page}");
}

#[test]
fn large_baskets_are_left_out_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let huge: Vec<String> = (0..1_000_000).map(|item| item.to_string()).collect();
    fs::write(dir.path().join("n.dat"), format!("1 2\n{}\n1 2\n", huge.join(" "))).unwrap();
    let found = mined(dir.path(), &["n.dat", "--min-count", "2"]);
    assert_eq!((&found["sets"], &found["baskets"], &found["oversize_baskets"]), (&json!(3), &json!(2), &json!(1)));
}

#[test]
fn what_cannot_be_mined_is_named() {
    let dir = shelves();
    let check = |file: &str, content: &str, arguments: &[&str], exit: i32, said: &str| {
        fs::write(dir.path().join(file), content).unwrap();
        let output = mine(dir.path(), &[&[file], arguments].concat());
        assert_eq!(output.status.code(), Some(exit), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    };
    check("bad.dat", "1 2\n3 x\n", &["--min-count", "1"], 10, "E1022");
    check("bad.dat", "1 -2\n", &["--min-count", "1"], 10, "E1024");
    for share in ["2", "0", "NaN", "-1"] {
        check("bad.dat", "1 2\n", &[&format!("--min-support={share}")], 2, "above 0 and at most 1");
    }
    check("bad.dat", "1 2\n", &["--min-support", "-0.5"], 2, "above 0 and at most 1");
    check("bad.dat", "1 2\n", &["--min-count", "0"], 2, "min-count");
    check("bad.dat", "1 2\n", &[], 2, "--min-count");
    check("bad.dat", "1 2\n", &["--min-count", "1", "--min-support", "0.5"], 2, "--min-support");
    check("bad.dat", "1 2\n", &["--min-count", "1", "--min-length", "2"], 2, "--top");
    check("bad.dat", "1 2\n", &["--top", "0"], 2, "--top");
    check("bad.dat", "1 2\n", &["--top", "3", "--max-length", "1"], 2, "--min-length 1");
    check("bad.dat", "1 2\n", &["--min-count", "1", "--threads", "1025"], 2, "--threads");
    check("bad.dat", "1 2\n", &["--min-count", "1", "--memory", "1"], 2, "64MiB");
    check("bad.dat", "1 2\n", &["--min-count", "1", "--delimiter", ";"], 2, "--delimiter");
    let wide = (0..30).map(|item| item.to_string()).collect::<Vec<_>>().join(" ");
    check("wide.dat", &format!("{wide}\n{wide}\n7\n"), &["--min-count", "1", "--max-sets", "1000"], 14, "E4011");
}

/// A file's name and content, arguments, and the exit code and message they end with.
type Refusal<'a> = (&'a str, &'a [u8], &'a [&'a str], i32, &'a str);

/// Damaged, empty and foreign files end with a code, whatever they are called.
#[test]
fn what_is_no_file_of_baskets_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all("1 2 3\n".repeat(50_000).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as u8
    };
    let junk: Vec<u8> = (0..100_000).map(|_| next()).collect();
    let columns: &[&str] = &["--basket", "basket", "--item", "item"];
    let cases: &[Refusal<'_>] = &[
        ("huge.dat", b"1 2\n3 18446744073709551616\n", &[], 10, "huge.dat:2:3"),
        ("empty.dat", b"", &[], 10, "E1003"),
        ("empty.csv", b"", &[], 10, "E1003"),
        ("empty.parquet", b"", &[], 10, "E1003"),
        ("head.csv", b"basket,item\n", columns, 10, "E1003"),
        ("other.csv", b"order,sku\nA,tea\n", columns, 13, "columns are: order, sku"),
        ("short.csv", b"basket,item\nA,tea\nB\n", columns, 10, "E1019"),
        ("cut.dat.gz", &packed[..packed.len() / 2], &[], 10, "E1033"),
        ("cut.csv.gz", &packed[..packed.len() / 2], &[], 10, "E1033"),
        ("junk.dat", &junk, &[], 10, "error[E10"),
        ("junk.csv", &junk, &[], 10, "error[E10"),
        ("junk.csv", &junk, columns, 10, "error[E10"),
        ("junk.dat.gz", &junk, &[], 10, "E1006"),
        ("junk.dat.zst", &junk, &[], 10, "E1006"),
        ("junk.parquet", &junk, &[], 10, "E1006"),
        ("name.csv", &b"a".repeat(2_000_000), &[], 10, "E1021"),
        ("nul.csv", b"milk,te\0a\n", &[], 10, "E1036"),
    ];
    for (file, content, arguments, exit, said) in cases {
        fs::write(dir.path().join(file), content).unwrap();
        let output = mine(dir.path(), &[&[*file, "--min-count", "1"], *arguments].concat());
        assert_eq!(output.status.code(), Some(*exit), "{file}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{file}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

/// Hahsler, Hornik and Reutterer 2006: rules with one item on the right, the empty left side left out.
#[test]
fn the_groceries_have_as_many_rules_as_published() {
    let Some(dir) = osusume_testkit::data_dir("arules-groceries") else { return };
    for (support, confidence, rules) in [("0.001", "0.5", 5668), ("0.001", "0.8", 410), ("0.006", "0.25", 463)] {
        let asked = ["groceries.basket.csv.gz", "--rules", "--min-support", support, "--min-confidence", confidence];
        let found = mined(&dir, &[&asked[..], &["--min-lift", "0", "--min-improvement", "-1"]].concat());
        let counts = &found["rules"];
        assert_eq!(
            (&counts["found"], &counts["kept"], &counts["redundant"]),
            (&json!(rules), &json!(rules), &json!(0))
        );
        // Most of them are shadows of large baskets, or of shorter rules.
        let found = mined(&dir, &asked);
        let (reported, kept) = (found["rules"]["reported"].as_u64().unwrap(), found["rules"]["kept"].as_u64().unwrap());
        assert!(reported < kept && kept < rules, "{reported} of {kept} of {rules}");
        assert_eq!(found["rules"]["top"].as_array().unwrap().len() as u64, reported.min(20));
    }
}

/// Baskets of eight items, of which some keep company.
fn company() -> Vec<Vec<usize>> {
    let mut state = 7_u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut basket = |_| {
        let mut items: Vec<usize> = (0..8).filter(|item| next(10) < 2 + item % 4).map(|item| item as usize).collect();
        if items.contains(&1) && next(3) > 0 && !items.contains(&0) {
            items.push(0);
        }
        items
    };
    (0..500).map(&mut basket).collect()
}

const ITEMS: [&str; 8] = ["tea", "milk, fresh", "bread", "rice", "\u{9152}", "soap", "salt", "ink"];

fn write_lines(path: &std::path::Path, baskets: &[Vec<usize>]) {
    let quoted = |item: &usize| format!("\"{}\"", ITEMS[*item]);
    let lines = baskets.iter().map(|basket| basket.iter().map(quoted).collect::<Vec<_>>().join(","));
    fs::write(path, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
}

fn rows_of(path: &std::path::Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
    let batches: Vec<RecordBatch> = reader.with_batch_size(1 << 20).build().unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    batches.into_iter().next().unwrap()
}

/// The items of a list, by number.
fn members(column: &ArrayRef, row: usize) -> Vec<usize> {
    let names = column.as_list::<i32>().value(row);
    names.as_string::<i32>().iter().map(|name| ITEMS.iter().position(|item| Some(*item) == name).unwrap()).collect()
}

/// Every itemset and every rule there is, counted one by one, and every measure by its definition.
#[test]
fn files_hold_every_itemset_and_rule_with_its_measures() {
    let dir = tempfile::tempdir().unwrap();
    let baskets = company();
    write_lines(&dir.path().join("b.csv"), &baskets);
    let count =
        |items: &[usize]| baskets.iter().filter(|basket| items.iter().all(|item| basket.contains(item))).count() as i64;
    let asked = ["b.csv", "--min-count", "10", "--rules", "--min-lift", "0", "--min-improvement", "-1", "--out", "o"];
    let found = mined(dir.path(), &asked);
    assert_eq!(names(&dir.path().join("o")), ["itemsets.parquet", "rules.parquet"]);
    let (sets, rules) = (rows_of(&dir.path().join("o/itemsets.parquet")), rows_of(&dir.path().join("o/rules.parquet")));
    let subsets = (1_u32..256).map(|mask| (0..8).filter(|item| mask >> item & 1 == 1).collect::<Vec<usize>>());
    let frequent: Vec<Vec<usize>> = subsets.filter(|items| count(items) >= 10).collect();
    assert_eq!((sets.num_rows(), &found["sets"]), (frequent.len(), &json!(frequent.len())));
    for row in 0..sets.num_rows() {
        let items = members(sets.column(0), row);
        assert_eq!(sets.column(1).as_primitive::<Int16Type>().value(row) as usize, items.len());
        assert_eq!(sets.column(2).as_primitive::<Int64Type>().value(row), count(&items));
        let support = sets.column(3).as_primitive::<Float64Type>().value(row);
        assert!((support - count(&items) as f64 / 500.0).abs() < 1e-15);
    }
    let n_rules: usize = frequent.iter().map(Vec::len).filter(|len| *len > 1).sum();
    assert_eq!((rules.num_rows(), &found["rules"]["kept"]), (n_rules, &json!(n_rules)));
    let integer = |name: &str, row| rules.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(row);
    let number = |name: &str, row| rules.column_by_name(name).unwrap().as_primitive::<Float64Type>().value(row);
    let mut bound = f64::INFINITY;
    for row in 0..rules.num_rows() {
        let left = members(rules.column(0), row);
        let name = rules.column(1).as_string::<i32>().value(row);
        let right = ITEMS.iter().position(|item| *item == name).unwrap();
        let both = count(&[&left[..], &[right]].concat());
        let counts = ["n", "n_antecedent", "n_consequent", "n_both"].map(|name| integer(name, row));
        assert_eq!(counts, [500, count(&left), count(&[right]), both]);
        let [n, a, c, ac] = counts.map(|count| count as f64);
        let near = |name: &str, expected: f64| {
            let got = number(name, row);
            assert!(
                (got - expected).abs() < 1e-12 || got.to_bits() == expected.to_bits(),
                "{name}: {got}, not {expected}"
            );
        };
        near("support", ac / n);
        near("confidence", ac / a);
        near("lift", ac * n / (a * c));
        near("leverage", ac / n - a * c / (n * n));
        near("conviction", if a > ac { (1.0 - c / n) / (1.0 - ac / a) } else { f64::INFINITY });
        near("conditional_lift", ac / number("expected", row));
        let shorter = (0..(1_u32 << left.len()) - 1).map(|mask| {
            let part: Vec<usize> =
                left.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, item)| *item).collect();
            count(&[&part[..], &[right]].concat()) as f64 / count(&part) as f64
        });
        near("improvement", ac / a - shorter.fold(0.0, f64::max));
        let is_reported = rules.column_by_name("is_reported").unwrap().as_boolean().value(row);
        assert_eq!(is_reported, number("q_value", row) <= 0.05);
        let lower = number("conditional_lift_lower", row);
        assert!(lower <= bound || lower.is_nan(), "the strongest come first");
        bound = lower;
    }
    // The planted pair leads what is told.
    let first = &found["rules"]["top"][0];
    let mut pair = [&first["antecedent"][0], &first["consequent"]].map(|name| name.as_str().unwrap().to_owned());
    pair.sort();
    assert_eq!((first["antecedent"].as_array().unwrap().len(), pair), (1, ["milk, fresh", "tea"].map(str::to_owned)));
}

#[test]
fn only_what_is_named_stands_on_the_right() {
    let dir = tempfile::tempdir().unwrap();
    write_lines(&dir.path().join("b.csv"), &company());
    fs::write(dir.path().join("sold.txt"), "tea\r\n milk, fresh \n\n").unwrap();
    let kept = |consequents: &[&str]| {
        let asked = ["b.csv", "--min-count", "10", "--rules", "--fdr", "1", "--show", "1000"];
        let found = mined(dir.path(), &[&asked[..], consequents].concat());
        let top = found["rules"]["top"].as_array().unwrap().clone();
        assert!(!top.is_empty());
        let mut names: Vec<String> = top.iter().map(|rule| rule["consequent"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    };
    assert!(kept(&[]).len() > 2);
    assert_eq!(kept(&["--consequents", "tea, soap"]), ["soap", "tea"]);
    assert_eq!(kept(&["--consequents", "@sold.txt"]), ["milk, fresh", "tea"]);
    let check = |arguments: &[&str], exit: i32, said: &str| {
        let output = mine(dir.path(), &[&["b.csv", "--min-count", "10"][..], arguments].concat());
        assert_eq!(output.status.code(), Some(exit), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    };
    check(&["--rules", "--consequents", "teh"], 2, "did you mean `tea`?");
    check(&["--rules", "--consequents", "@absent.txt"], 10, "absent.txt");
    check(&["--consequents", "tea"], 2, "--rules");
    check(&["--rules", "--kind", "closed"], 2, "--kind closed");
    check(&["--rules", "--max-length", "1"], 2, "--max-length");
    check(&["--rules", "--top", "3"], 2, "--top");
    check(&["--out", "b.csv"], 14, "E3003");
    check(&["--rules", "--min-confidence", "2"], 2, "0 to 1");
}

/// A customer who buys the same every week is one witness.
#[test]
fn a_customer_is_one_witness() {
    let dir = tempfile::tempdir().unwrap();
    let mut rows = "order,who,sku\n".to_owned();
    let skus = ["tea", "milk", "ink", "salt", "soap", "rice"];
    for order in 0..400_usize {
        // Four customers buy the same pair again and again; everybody else buys any two things, once.
        let (who, first, second) =
            if order % 4 == 0 { (order % 16, 0, 1) } else { (100 + order, order % 6, (order + 1 + order / 6 % 5) % 6) };
        for sku in [skus[first], skus[second]] {
            rows.extend([format!("o{order},c{who},{sku}\n")]);
        }
    }
    fs::write(dir.path().join("rows.csv"), rows).unwrap();
    let asked = ["rows.csv", "--basket", "order", "--item", "sku", "--min-count", "10", "--rules", "--fdr", "1"];
    let p = |more: &[&str]| {
        let found = mined(dir.path(), &[&asked[..], more].concat());
        assert_eq!(found["baskets"], 400);
        found["rules"]["top"][0]["p_value"].as_f64().unwrap()
    };
    let (alone, together) = (p(&[]), p(&["--customer", "who"]));
    assert!(alone < 1e-6 && together > 1e3 * alone, "{alone} {together}");
}

/// Nothing is written where anything goes wrong, and what was there stays.
#[test]
fn files_are_replaced_whole() {
    let dir = tempfile::tempdir().unwrap();
    write_lines(&dir.path().join("b.csv"), &company());
    let out = dir.path().join("o");
    mined(dir.path(), &["b.csv", "--min-count", "10", "--rules", "--out", "o"]);
    let before = fs::read(out.join("rules.parquet")).unwrap();
    mined(dir.path(), &["b.csv", "--min-count", "10", "--rules", "--out", "o", "--threads", "3"]);
    assert_eq!(fs::read(out.join("rules.parquet")).unwrap(), before, "the same bytes for any number of threads");
    fs::remove_file(out.join("itemsets.parquet")).unwrap();
    fs::create_dir(out.join("itemsets.parquet")).unwrap();
    let refused = mine(dir.path(), &["b.csv", "--min-count", "30", "--rules", "--out", "o"]);
    assert_eq!(refused.status.code(), Some(14), "{}", text(&refused.stderr));
    assert_eq!(fs::read(out.join("rules.parquet")).unwrap(), before);
    assert_eq!(names(&out), ["itemsets.parquet", "rules.parquet"]);
}

#[test]
fn counts_beyond_all_numbers_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let check = |items: u32, sets: &str, json_sets: u64, saturated: bool| {
        let basket = (0..items).map(|item| item.to_string()).collect::<Vec<_>>().join(" ");
        fs::write(dir.path().join("b.dat"), format!("{basket}\n{basket}\n")).unwrap();
        let asked = ["b.dat", "--min-count", "2", "--count-only"];
        let page = text(&mine(dir.path(), &asked).stdout);
        assert!(page.contains(sets) && !page.contains("-1"), "{items}: {page}");
        let found = mined(dir.path(), &asked);
        assert_eq!((&found["sets"], &found["saturated"]), (&json!(json_sets), &json!(saturated)), "{items}");
    };
    check(62, "4,611,686,018,427,387,903", (1 << 62) - 1, false);
    check(63, "9,223,372,036,854,775,807", (1 << 63) - 1, false);
    check(64, "18,446,744,073,709,551,615 or more", u64::MAX, true);
    check(127, "18,446,744,073,709,551,615 or more", u64::MAX, true);
}

/// A million items that nobody else has are no reason to be deaf.
#[test]
fn closed_sets_of_a_huge_basket_are_counted_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let huge: Vec<String> = (1..=1_000_000).map(|item| item.to_string()).collect();
    fs::write(dir.path().join("b.dat"), format!("{}\n1 2\n1 2\n", huge.join(" "))).unwrap();
    let asked = ["b.dat", "--max-basket", "2000000", "--min-count", "1", "--kind", "closed"];
    let found = mined(dir.path(), &[&asked[..], &["--count-only"]].concat());
    assert_eq!((&found["sets"], &found["by_size"]), (&json!(2), &json!({ "2": 1, "1000000": 1 })));
    let refused = mine(dir.path(), &asked);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--count-only"), "{}", text(&refused.stderr));
}

#[test]
fn rows_without_an_item_or_a_basket_are_skipped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let rows = "order,sku\nA,bread\nA, milk \nB,milk\nB,\nB,bread\n,bread\nC, \nC,milk\n";
    fs::write(dir.path().join("rows.csv"), rows).unwrap();
    fs::write(dir.path().join("rows2.csv"), rows.replace(',', ";")).unwrap();
    let cells = || rows.lines().skip(1).map(|row| row.split_once(',').unwrap());
    let known = |cell: &'static str| Some(cell).filter(|cell| !cell.is_empty());
    let orders: StringArray = cells().map(|(order, _)| known(order)).collect();
    let skus: StringArray = cells().map(|(_, sku)| known(sku)).collect();
    write_parquet(&dir.path().join("rows.parquet"), Arc::new(orders), Arc::new(skus));
    fs::write(dir.path().join("lines.csv"), "bread, milk \nmilk,,bread\n \"\",milk\n").unwrap();
    let columns = ["--basket", "order", "--item", "sku"];
    let long = [&["rows.csv"][..], &["rows.parquet"], &["rows2.csv", "--delimiter", ";"]];
    let long = long.map(|file| [file, &columns].concat());
    for arguments in long.iter().map(Vec::as_slice).chain([&["lines.csv"][..]]) {
        let found = mined(dir.path(), &[arguments, &["--min-count", "2"]].concat());
        assert_eq!(found["top"], json!([{ "items": ["bread", "milk"], "count": 2 }]), "{arguments:?}: {found}");
        assert_eq!((&found["baskets"], &found["missing_items"]), (&json!(3), &json!(2)), "{arguments:?}");
        assert_eq!(found["missing_baskets"], u64::from(arguments.len() > 1));
    }
}

#[test]
fn what_does_not_fit_the_memory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let write = |items: u32, more: &str| {
        let basket = (0..items).map(|item| item.to_string()).collect::<Vec<_>>().join(" ");
        fs::write(dir.path().join("b.dat"), format!("{basket}\n{basket}\n{more}")).unwrap();
    };
    write(24, "3 4\n3 4 5\n");
    let asked = ["b.dat", "--min-count", "2", "--memory", "64MiB"];
    let output = mine(dir.path(), &asked);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(14), "{said}");
    assert!(said.contains("E3005") && said.contains("most of it for itemsets"), "{said}");
    assert!(said.contains("--min-count 3") && said.contains("--count-only"), "{said}");
    assert_eq!(mined(dir.path(), &[&asked[..], &["--count-only"]].concat())["sets"], (1 << 24) - 1);
    // Rules and files need more than the itemsets alone.
    write(20, "");
    assert_eq!(mined(dir.path(), &asked)["sets"], (1 << 20) - 1);
    for (more, largest) in [(&["--rules"][..], "rules"), (&["--out", "o"], "itemsets")] {
        let said = text(&mine(dir.path(), &[&asked[..], more].concat()).stderr);
        assert!(said.contains("E3005") && said.contains(&format!("most of it for {largest}")), "{said}");
    }
    assert!(!dir.path().join("o/itemsets.parquet").exists());
}

#[test]
fn messages_name_options_of_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 6] = [
        ("semicolons.csv", b"milk;bread\ntea;milk\n"),
        ("cp932.csv", b"\x83p\x83\x93,\x8b\x8d\x93\xfb\n"),
        ("quote.csv", b"milk,\"bread\nwhite\"\n"),
        ("rows.csv", b"order;sku\nA;milk\n"),
        ("old_mac.dat", b"1 2\r1 2\r"),
        ("texts.dat", b"milk bread\n"),
    ];
    for (file, content) in files {
        fs::write(dir.path().join(file), content).unwrap();
    }
    for language in ["en", "ja"] {
        let mut said = String::new();
        for (file, _) in files {
            let columns: &[&str] = if file == "rows.csv" { &["--basket", "order", "--item", "sku"] } else { &[] };
            let mut command = Command::new(OSUSUME);
            command.current_dir(dir.path()).args(["mine", file, "--min-count", "1", "--language", language]);
            let output = command.args(columns).output().unwrap();
            assert!(!output.status.success(), "{file}");
            said += &text(&output.stderr);
            said.push('\n');
        }
        check_golden(&repository_root().join(format!("tests/golden/mine_messages.{language}.txt")), &said);
    }
    let found = mined(dir.path(), &["cp932.csv", "--encoding", "cp932", "--min-count", "1"]);
    assert_eq!(found["top"][0]["items"], json!(["\u{30d1}\u{30f3}", "\u{725b}\u{4e73}"]));
}
