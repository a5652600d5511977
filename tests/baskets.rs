//! `osusume mine` on files of baskets.

use std::fs;
use std::io::Write;
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use super::support::{OSUSUME, text};

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
    check("bad.dat", "1 2\n", &["--min-count", "0"], 2, "min-count");
    check("bad.dat", "1 2\n", &[], 2, "--min-count");
    check("bad.dat", "1 2\n", &["--min-count", "1", "--min-support", "0.5"], 2, "--min-support");
    check("bad.dat", "1 2\n", &["--min-count", "1", "--min-length", "2"], 2, "--top");
    check("bad.dat", "1 2\n", &["--top", "0"], 2, "--top");
    let wide = (0..30).map(|item| item.to_string()).collect::<Vec<_>>().join(" ");
    check("wide.dat", &format!("{wide}\n{wide}\n7\n"), &["--min-count", "1", "--max-sets", "1000"], 14, "E4011");
}
