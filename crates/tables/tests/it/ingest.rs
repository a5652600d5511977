//! Order, identity, and bytes that depend on nothing but the rows.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use osusume_model::{Code, NoControl, bucket_of};
use osusume_storage::{Digest, RealFs};
use osusume_tables::{
    Anonymous, ColumnKind, CustomerIndex, Cutoff, Files, Identity, Ingest, Keep, Later, SourceSpec, TableFile, Ties,
    Values,
};
use proptest::prelude::*;

use crate::common::{Random, column, events, run, run_within, target};

/// Writes two files of events, many of them of equal times.
fn write_events(dir: &Path, n_rows: u64, n_customers: u64) -> Vec<PathBuf> {
    let mut random = Random(7);
    let mut paths = Vec::new();
    for part in 0..2 {
        let mut text = String::from("id,day,kind,amount\n");
        for row in 0..n_rows / 2 {
            let day = random.below(400);
            let day = if day >= 390 { String::new() } else { (osusume_model::Date(20_000) + day as i32).to_string() };
            let kind = ["tv", "wifi", "", "a,b", "ねこ"][random.below(5) as usize];
            let quote = if kind.contains(',') { "\"" } else { "" };
            let customer = random.below(n_customers);
            writeln!(text, "C{customer},{day},{quote}{kind}{quote},{}.{part}", row % 1000).unwrap();
        }
        let path = dir.join(format!("part{part}.csv"));
        fs::write(&path, text).unwrap();
        paths.push(path);
    }
    paths
}

/// What ingest must give, by sorting everything in memory.
fn expected(paths: &[PathBuf]) -> Vec<(u32, String, String, String, String)> {
    let mut rows = Vec::new();
    for path in paths {
        for line in fs::read_to_string(path).unwrap().lines().skip(1) {
            let line = line.replace("\"a,b\"", "a;b");
            let mut fields = line.split(',').map(str::to_owned);
            let mut next = || fields.next().unwrap();
            let (id, day) = (next(), next());
            let key = if day.is_empty() { "9".to_owned() } else { day };
            rows.push((bucket_of(id.as_bytes()), id, key, next().replace(';', ","), next()));
        }
    }
    // Equal times by kind, an absent one last, and amount.
    let last = "\u{10ffff}".to_owned();
    let kind = |kind: &String| if kind.is_empty() { last.clone() } else { kind.clone() };
    let amount = |amount: &String| amount.parse::<f64>().unwrap();
    rows.sort_by(|a, b| {
        let rest = || (&a.2, kind(&a.3)).cmp(&(&b.2, kind(&b.3))).then(amount(&a.4).total_cmp(&amount(&b.4)));
        (a.0, &a.1).cmp(&(b.0, &b.1)).then_with(rest)
    });
    rows
}

fn digests(dir: &Path) -> Vec<(String, Digest)> {
    let mut found = Vec::new();
    for folder in ["tables", "quarantine"] {
        for entry in fs::read_dir(dir.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            found.push((
                path.file_name().unwrap().to_string_lossy().into_owned(),
                Digest::of(&fs::read(&path).unwrap()),
            ));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn rows_come_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let paths = write_events(dir.path(), 20_000, 700);
    let (tables, counts) = run(&dir.path().join("out"), &[events(&paths)]).unwrap();
    assert_eq!(counts[0].accepted, 20_000);
    let table = TableFile::open(&RealFs, &dir.path().join("out/tables/events.parquet")).unwrap();
    let part = table.read(0..tables.customers.len() as u32, &["amount", "kind", "day"], &NoControl).unwrap();
    let expected = expected(&paths);
    assert_eq!(part.n_rows, expected.len());
    let levels = table.dictionary("kind").unwrap();
    assert!(levels.is_sorted() && levels.len() == 4);
    let (Values::F64(amounts), Values::Code(kinds), Values::I64(days)) =
        (&part.columns[0].values, &part.columns[1].values, &part.columns[2].values)
    else {
        panic!("types")
    };
    for (row, (_, id, day, kind, amount)) in expected.iter().enumerate() {
        assert_eq!(tables.customers.id(part.customer[row]), id);
        assert_eq!(amounts[row].to_bits(), amount.parse::<f64>().unwrap().to_bits());
        let found = if kinds[row] == u32::MAX { "" } else { &levels[kinds[row] as usize] };
        assert_eq!(found, kind);
        let is_valid = part.columns[2].valid.as_ref().unwrap()[row];
        assert_eq!(is_valid, day != "9");
        let instant = day.parse::<osusume_model::Date>().map_or(0, |date| date.utc_midnight().0 - 9 * 3_600_000_000);
        assert_eq!(days[row], instant);
    }
}

#[test]
fn neither_budget_nor_threads_change_a_byte() {
    let dir = tempfile::tempdir().unwrap();
    let paths = write_events(dir.path(), 60_000, 3_000);
    let mut all = Vec::new();
    let listed_backwards: Vec<PathBuf> = paths.iter().rev().cloned().collect();
    for (n, (threads, budget)) in
        [(2, 1 << 30), (1, 1 << 30), (7, 1 << 30), (2, 1 << 20), (7, 3 << 19)].iter().enumerate()
    {
        let out = dir.path().join(format!("out{n}"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(*threads).build().unwrap();
        let paths = if n % 2 == 0 { &paths } else { &listed_backwards };
        pool.install(|| run_within(&out, &[events(paths)], *budget)).unwrap();
        assert!(!out.join("spill").exists(), "work files are removed");
        all.push(digests(&out));
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:#?}");
}

/// The rows of a table in memory, read by `runs` of customers.
fn held_rows(spec: &SourceSpec, dir: &Path) -> Vec<(u32, i64, u32, u64)> {
    let mut ingest = Ingest::new(target(dir), 1 << 30, &NoControl).unwrap().without_digests();
    ingest.read(spec).unwrap();
    let tables = ingest.finish_holding(Files::Unheld, 1 << 30).unwrap();
    let (table, n) = (&tables.held["events"], tables.customers.len() as u32);
    let mut rows = Vec::new();
    let mut next = 0;
    for run in table.runs(0..n, 100) {
        assert!(run.start == next && run.len() <= 100 && !run.is_empty());
        next = run.end;
        let part = table.read(run, &["day", "kind", "amount"], &NoControl).unwrap();
        let (Values::I64(days), Values::Code(kinds), Values::F64(amounts)) =
            (&part.columns[0].values, &part.columns[1].values, &part.columns[2].values)
        else {
            panic!("types")
        };
        rows.extend((0..part.n_rows).map(|i| (part.customer[i], days[i], kinds[i], amounts[i].to_bits())));
    }
    assert_eq!(next, n);
    rows
}

#[test]
fn rows_in_memory_are_those_of_the_file_and_ties_may_be_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let spec = events(&write_events(dir.path(), 60_000, 900));
    let (tables, _) = run(&dir.path().join("out"), std::slice::from_ref(&spec)).unwrap();
    let table = TableFile::open(&RealFs, &dir.path().join("out/tables/events.parquet")).unwrap();
    let part = table.read_all(&["amount"], &NoControl).unwrap();
    let ordered = held_rows(&spec, &dir.path().join("held"));
    assert_eq!(part.customer[..], ordered.iter().map(|row| row.0).collect::<Vec<_>>());
    let Values::F64(amounts) = &part.columns[0].values else { panic!("type") };
    assert!(amounts.iter().zip(&ordered).all(|(amount, row)| amount.to_bits() == row.3));
    assert_eq!(table.runs(3..7, 2), [3..5, 5..7], "a file is read by what fits");
    assert_eq!(tables.customers.len(), 900);
    let mut any = held_rows(&SourceSpec { ties: Ties::Any, ..spec }, &dir.path().join("any"));
    // An absent day comes last.
    assert!(any.is_sorted_by_key(|row| (row.0, row.1 == 0, row.1)) && any != ordered);
    any.sort_unstable();
    let mut sorted = ordered;
    sorted.sort_unstable();
    assert_eq!(any, sorted);
}

#[test]
fn a_source_read_before_the_next_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let one = events(&write_events(dir.path(), 3_000, 40));
    let two = SourceSpec { name: "more".into(), identity: Identity::MustExist, ..one.clone() };
    let alone = dir.path().join("alone");
    run(&alone, &[one.clone(), two.clone()]).unwrap();
    let ahead = dir.path().join("ahead");
    let mut ingest = Ingest::new(target(&ahead), 1 << 30, &NoControl).unwrap();
    ingest.read_before(&one, &two).unwrap();
    ingest.read(&two).unwrap();
    ingest.finish().unwrap();
    assert_eq!(digests(&alone), digests(&ahead));
    // What is wrong with the next one is said when it is its turn.
    let missing = SourceSpec { paths: vec![dir.path().join("none.csv")], ..two };
    let mut ingest = Ingest::new(target(&dir.path().join("third")), 1 << 30, &NoControl).unwrap();
    assert_eq!(ingest.read_before(&one, &missing).unwrap().accepted, 3_000);
    assert!(ingest.read(&missing).is_err());
}

/// The bytes of the table of two files, after `edit` has changed the lines of each.
fn table_of(edit: impl Fn(usize, &mut Vec<&str>)) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let paths = write_events(dir.path(), 4_000, 40);
    for (part, path) in paths.iter().enumerate() {
        let text = fs::read_to_string(path).unwrap();
        let mut lines: Vec<&str> = text.lines().skip(1).collect();
        edit(part, &mut lines);
        fs::write(path, format!("id,day,kind,amount\n{}\n", lines.join("\n"))).unwrap();
    }
    // The files in the other order, too: they are read by name.
    fs::rename(&paths[0], dir.path().join("part9.csv")).unwrap();
    run(&dir.path().join("out"), &[events(&[dir.path().join("part9.csv"), paths[1].clone()])]).unwrap();
    fs::read(dir.path().join("out/tables/events.parquet")).unwrap()
}

#[test]
fn neither_the_order_of_rows_nor_that_of_files_changes_a_byte() {
    let expected = table_of(|_, _| {});
    assert!(expected == table_of(|_, lines| lines.reverse()));
    assert!(expected == table_of(|part, lines| lines.rotate_left(700 + part)));
    assert!(expected != table_of(|_, lines| lines.truncate(1_999)));
}

/// `id,day,kind,amount,until,seen,gone`, as known at the end of 2026-01-09 in UTC.
fn known_by(dir: &Path, rows: &str) -> SourceSpec {
    let path = dir.join("stays.csv");
    fs::write(&path, format!("id,day,kind,amount,until,seen,gone\n{rows}")).unwrap();
    let mut spec = SourceSpec { name: "stays".into(), zone: "UTC".into(), ..events(&[path]) };
    spec.columns.extend(["until", "seen", "gone"].map(|name| column(name, ColumnKind::Timestamp)));
    spec.interval = Some((1, 4));
    let before = "2026-01-10".parse::<osusume_model::Date>().unwrap().utc_midnight().0;
    let later = vec![Later { known: vec![6, 4], columns: vec![3, 4, 6] }];
    spec.cutoff = Some(Cutoff { before, known: vec![5, 1], later, unless: None });
    spec
}

#[test]
fn what_had_not_arrived_is_not_read() {
    let read = |rows: &str| {
        let dir = tempfile::tempdir().unwrap();
        let (tables, counts) = run(&dir.path().join("out"), &[known_by(dir.path(), rows)]).unwrap();
        let table = fs::read(dir.path().join("out/tables/stays.parquet")).unwrap();
        let index = fs::read(dir.path().join("out/tables/customer_index.parquet")).unwrap();
        (table, index, tables.customers.len(), counts[0])
    };
    let known =
        "A,2026-01-05,x,1,2026-01-08,,\nB,2026-01-09,y,,,2026-01-09T23:59:59Z,\nC,2026-01-11,z,2,,2026-01-01,\n";
    let expected = read(known);
    assert_eq!((expected.2, expected.3.accepted, expected.3.excluded), (3, 3, 0), "C is booked ahead");
    // Happened later; arrived later, of somebody known and of somebody new.
    let future = "A,2026-01-10,new,1,,,\nB,2026-01-02,new,1,,2026-01-10,\nD,2026-01-02,new,1,,2026-01-10,\n";
    let got = read(&format!("{future}{known}"));
    assert!(got.0 == expected.0 && got.1 == expected.1, "rows of the future reached the table");
    assert_eq!((got.3.read, got.3.accepted, got.3.excluded, got.3.not_yet_known), (6, 3, 3, 3));
    assert_eq!(got.3.reasons(), [("repeated", 0), ("anonymous", 0), ("not_kept", 0), ("not_yet_known", 3)]);
}

#[test]
fn an_end_that_was_not_known_is_none() {
    let dir = tempfile::tempdir().unwrap();
    // Ended and known; ended and known too late; announced in time; to end, nobody knows when it was said; ended before it began, said later.
    let rows = "A,2026-01-05,x,1,2026-01-08,,2026-01-09\nB,2026-01-05,x,1,2026-01-08,,2026-01-10\n\
        C,2026-01-05,x,1,2026-02-01,,2026-01-06\nD,2026-01-05,x,1,2026-02-01,,\nE,2026-01-05,x,1,2026-01-04,,2026-01-10\n";
    let (tables, counts) = run(&dir.path().join("out"), &[known_by(dir.path(), rows)]).unwrap();
    assert_eq!((counts[0].accepted, counts[0].rejected), (5, 0));
    let table = TableFile::open(&RealFs, &dir.path().join("out/tables/stays.parquet")).unwrap();
    let part = table.read(0..5, &["until", "amount", "gone"], &NoControl).unwrap();
    let has_end = |id: &str| {
        let row = part.customer.iter().position(|&customer| tables.customers.id(customer) == id).unwrap();
        part.columns.iter().map(|column| column.valid.as_ref().is_none_or(|valid| valid[row])).collect::<Vec<_>>()
    };
    assert_eq!(["A", "B", "C", "D", "E"].map(|id| has_end(id)[0]), [true, false, true, false, false]);
    assert_eq!((has_end("A"), has_end("B")), (vec![true; 3], vec![false; 3]));
}

#[test]
fn who_stands_only_in_rows_to_come_is_no_customer_yet() {
    let dir = tempfile::tempdir().unwrap();
    let (people, buys) = (dir.path().join("customers.csv"), dir.path().join("events.csv"));
    // B arrives later with another city: the row that had arrived stands. C arrives later only.
    fs::write(&people, "id,city,seen\nA,Nara,2026-01-01\nB,Oita,2026-01-10\nB,Nara,2026-01-01\nC,Kobe,2026-01-10\n")
        .unwrap();
    fs::write(&buys, "id,day,kind,amount\nA,2026-01-01,x,1\nB,2026-01-01,x,1\nC,2026-01-01,y,1\nZ,2026-01-01,z,1\n")
        .unwrap();
    let mut defining = customers(people);
    defining.columns.push(column("seen", ColumnKind::Timestamp));
    let before = "2026-01-10".parse::<osusume_model::Date>().unwrap().utc_midnight().0 - 9 * 3_600_000_000;
    defining.cutoff = Some(Cutoff { before, known: vec![2], later: Vec::new(), unless: None });
    let belonging = SourceSpec { identity: Identity::MustExist, ..events(&[buys]) };
    let (tables, counts) = run(&dir.path().join("out"), &[defining.clone(), belonging.clone()]).unwrap();
    assert_eq!((tables.customers.len(), tables.customers.find("C")), (2, None));
    assert_eq!((counts[0].accepted, counts[0].not_yet_known, counts[0].rejected), (2, 2, 0));
    // Nobody knew C yet, and nobody has ever heard of Z.
    assert_eq!((counts[1].accepted, counts[1].not_yet_known, counts[1].rejected), (2, 1, 1));
    let dictionary = |name: &str, column: &str| {
        let path = dir.path().join(format!("out/tables/{name}.parquet"));
        TableFile::open(&RealFs, &path).unwrap().dictionary(column).unwrap().to_vec()
    };
    assert_eq!(
        (dictionary("customers", "city"), dictionary("events", "kind")),
        (vec!["Nara".to_owned()], vec!["x".to_owned()])
    );
    // Who buys is a customer where purchases may say so.
    let extending = SourceSpec { name: "buys".into(), identity: Identity::Extends, ..belonging };
    let (tables, counts) = run(&dir.path().join("again"), &[defining, extending]).unwrap();
    assert_eq!((tables.customers.len(), counts[1].accepted, counts[1].not_yet_known), (4, 4, 0));
}

#[test]
fn a_budget_that_cannot_hold_is_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    let paths = write_events(dir.path(), 60_000, 3_000);
    let fault = run_within(&dir.path().join("out"), &[events(&paths)], 10_000).err().unwrap();
    assert_eq!(fault.code(), Code::MemoryBudget);
}

#[test]
fn ranges_of_customers_are_cut_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let paths = write_events(dir.path(), 5_000, 300);
    let (tables, _) = run(&dir.path().join("out"), &[events(&paths)]).unwrap();
    let table = TableFile::open(&RealFs, &dir.path().join("out/tables/events.parquet")).unwrap();
    let all = table.read_all(&["amount"], &NoControl).unwrap();
    let n = tables.customers.len() as u32;
    for range in [0..n, 0..1, 17..90, n - 1..n, 5..5] {
        let part = table.read(range.clone(), &["amount"], &NoControl).unwrap();
        let offsets = part.offsets(range.clone());
        assert_eq!(offsets.len(), range.len() + 1);
        let whole = all.offsets(range.clone());
        for (i, customer) in range.clone().enumerate() {
            assert!(part.customer[offsets[i] as usize..offsets[i + 1] as usize].iter().all(|&c| c == customer));
            assert_eq!(offsets[i + 1] - offsets[i], whole[i + 1] - whole[i]);
        }
        assert_eq!(part.n_rows, *offsets.last().unwrap() as usize);
    }
    assert_eq!(table.read(0..n, &["nothing"], &NoControl).unwrap_err().code(), Code::ColumnMissing);
    let index = CustomerIndex::open(&RealFs, &dir.path().join("out/tables/customer_index.parquet")).unwrap();
    assert_eq!(index, tables.customers);
}

fn customers(path: PathBuf) -> SourceSpec {
    SourceSpec {
        name: "customers".into(),
        columns: vec![column("id", ColumnKind::Customer), column("city", ColumnKind::Category)],
        order_by: None,
        identity: Identity::Defines,
        ..events(&[path])
    }
}

#[test]
fn customers_are_defined_once() {
    let dir = tempfile::tempdir().unwrap();
    let (people, buys) = (dir.path().join("customers.csv"), dir.path().join("events.csv"));
    // B stands twice with different cities, C twice alike, B a third time like the first.
    fs::write(&people, "id,city\nA,Nara\nB,Nara\nC,Oita\nB,Tokyo\nC,Oita\nB,Nara\n").unwrap();
    fs::write(&buys, "id,day,kind,amount\nA,2026-01-01,x,1\nB,2026-01-01,x,1\nZ,2026-01-01,gone,1\n").unwrap();
    let mut events = events(&[buys]);
    events.identity = Identity::MustExist;
    let (tables, counts) = run(&dir.path().join("out"), &[customers(people), events]).unwrap();
    assert_eq!((counts[0].read, counts[0].accepted, counts[0].rejected, counts[0].excluded), (6, 2, 3, 1));
    assert_eq!((counts[1].read, counts[1].accepted, counts[1].rejected), (3, 1, 2));
    assert_eq!((tables.customers.len(), tables.customers.find("B")), (2, None));
    let codes: Vec<(Code, Option<u64>)> =
        tables.faults.iter().map(|fault| (fault.code(), fault.place().line)).collect();
    let conflicts =
        [(Code::ConflictingRows, Some(5)), (Code::ConflictingRows, Some(7)), (Code::ConflictingRows, Some(3))];
    let unknown = [(Code::UnknownCustomer, Some(3)), (Code::UnknownCustomer, Some(4))];
    assert_eq!(codes, [&conflicts[..], &unknown].concat());
    let table = TableFile::open(&RealFs, &dir.path().join("out/tables/customers.parquet")).unwrap();
    assert_eq!(table.n_rows(), 2);
    let levels =
        TableFile::open(&RealFs, &dir.path().join("out/tables/events.parquet")).unwrap().dictionary("kind").unwrap();
    assert_eq!(*levels, ["x".to_owned()], "a level that only rejected rows hold is no level");
}

#[test]
fn rows_without_a_customer_can_be_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.csv");
    // Without an id; without an id and with a faulty day; with an id and a faulty day.
    fs::write(&path, "id,day,kind,amount\nA,2026-01-01,x,1\n,2026-01-01,gone,1\n,never,x,1\nA,never,x,1\n").unwrap();
    let mut spec = events(&[path]);
    spec.anonymous = Anonymous::Exclude;
    let (tables, counts) = run(&dir.path().join("out"), &[spec.clone()]).unwrap();
    let count = counts[0];
    assert_eq!((count.read, count.accepted, count.rejected), (4, 1, 1));
    assert_eq!((count.excluded, count.anonymous, count.not_kept), (2, 2, 0));
    assert_eq!(
        tables.rejects.iter().map(|reject| (reject.code, reject.count)).collect::<Vec<_>>(),
        [(Code::WrongType, 1)]
    );
    spec.anonymous = Anonymous::Reject;
    let (_, counts) = run(&dir.path().join("again"), &[spec]).unwrap();
    assert_eq!((counts[0].rejected, counts[0].excluded), (3, 0));
}

#[test]
fn only_rows_to_keep_are_kept_and_make_customers() {
    let dir = tempfile::tempdir().unwrap();
    let (people, buys) = (dir.path().join("customers.csv"), dir.path().join("events.csv"));
    fs::write(&people, "id,city\nA,Nara\nB,Oita\nC,\nD,Tokyo\nB,Nara\nA,Nara\n").unwrap();
    fs::write(&buys, "id,day,kind,amount\nA,2026-01-01,x,1\nD,2026-01-01,x,1\nC,2026-01-01,y,1\n").unwrap();
    let mut customers = customers(people);
    customers.keep = vec![Keep { column: 1, values: vec!["Nara".into(), "Tokyo".into()] }];
    let mut events = events(&[buys]);
    events.identity = Identity::MustExist;
    let (tables, counts) = run(&dir.path().join("out"), &[customers, events]).unwrap();
    // Oita and the absent city are left out; B's other row stays and A's second one repeats the first.
    assert_eq!((counts[0].read, counts[0].accepted, counts[0].rejected), (6, 3, 0));
    assert_eq!((counts[0].excluded, counts[0].anonymous, counts[0].not_kept), (3, 0, 2));
    assert_eq!((tables.customers.len(), tables.customers.find("C")), (3, None));
    assert_eq!((counts[1].accepted, counts[1].rejected), (2, 1), "who is not kept is no customer");
}

#[test]
fn a_specification_that_contradicts_itself_is_refused() {
    let check = |change: &dyn Fn(&mut SourceSpec), code: Code| {
        let mut spec = events(&[]);
        change(&mut spec);
        assert_eq!(spec.check().map_err(|fault| fault.code()), Err(code));
    };
    check(&|spec| spec.customer = Some(1), Code::ConfigWrongKind);
    check(&|spec| spec.paths = vec!["a.csv".into(), "a.csv".into()], Code::ConfigNotAllowed);
    check(&|spec| spec.order_by = Some(9), Code::ConfigWrongKind);
    check(&|spec| spec.keep = vec![Keep { column: 3, values: vec!["x".into()] }], Code::ConfigWrongKind);
    let cutoff = |known, columns, unless| {
        Some(Cutoff { before: 0, known, later: vec![Later { known: vec![1], columns }], unless })
    };
    check(&|spec| spec.cutoff = cutoff(vec![2], vec![3], None), Code::ConfigWrongKind);
    check(&|spec| spec.cutoff = cutoff(vec![1], vec![0], None), Code::ConfigWrongKind);
    check(&|spec| spec.cutoff = cutoff(vec![1], vec![3], Some(3)), Code::ConfigWrongKind);
    check(&|spec| spec.name = "../events".into(), Code::ConfigNotAllowed);
    check(&|spec| spec.columns[3].name = "day".into(), Code::ConfigNotAllowed);
    check(&|spec| spec.columns[3].name = "customer_index".into(), Code::ConfigNotAllowed);
    assert!(events(&[]).check().is_ok());
}

#[test]
fn tables_without_customers_keep_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("products.csv");
    fs::write(&path, "key,fee,tags,sold\nz,12.50,b|a,Y\na,-3,,n\n\nm,,x,\n").unwrap();
    let spec = SourceSpec {
        name: "products".into(),
        columns: vec![
            column("key", ColumnKind::Text),
            column("fee", ColumnKind::Minor { digits: 2 }),
            column("tags", ColumnKind::List),
            column("sold", ColumnKind::Flag),
        ],
        customer: None,
        order_by: None,
        ..events(&[path])
    };
    run(&dir.path().join("out"), &[spec]).unwrap();
    let table = TableFile::open(&RealFs, &dir.path().join("out/tables/products.parquet")).unwrap();
    let part = table.read_all(&["sold", "key", "fee"], &NoControl).unwrap();
    assert_eq!(part.columns[0].values, Values::I64(vec![1, 0, 0].into()));
    assert_eq!(part.columns[0].valid, Some(vec![true, true, false]));
    let Values::Text(keys) = &part.columns[1].values else { panic!("type") };
    assert_eq!(keys.iter().collect::<Vec<_>>(), ["z", "a", "m"]);
    assert_eq!(part.columns[2].values, Values::I64(vec![1250, -300, 0].into()));
}

#[test]
fn runs_of_a_file_end_with_its_row_groups_and_leave_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let spec = events(&write_events(dir.path(), 600_000, 900));
    run(&dir.path().join("out"), &[spec]).unwrap();
    let table = TableFile::open(&RealFs, &dir.path().join("out/tables/events.parquet")).unwrap();
    for most in [1, 7, 200, 500, 899, 900, u32::MAX] {
        let runs = table.runs(0..900, most);
        let customers: Vec<u32> = runs.iter().cloned().flatten().collect();
        assert_eq!(customers, (0..900).collect::<Vec<_>>());
        assert!(runs.iter().all(|run| !run.is_empty() && run.len() as u64 <= u64::from(most)));
    }
    // Four row groups of about a quarter of the customers each: two of them fit, and the third is not begun.
    let runs = table.runs(0..900, 500);
    assert!((400..500).contains(&runs[0].len()) && runs.len() == 2, "{runs:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever the bytes, rows are accounted for or the file is refused; nothing panics.
    #[test]
    fn every_row_is_accounted_for(body in "[AB\",\r\n0-9x\u{0}é-]{0,200}") {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.csv");
        fs::write(&path, format!("id,day,kind,amount\n{body}")).unwrap();
        if let Ok((tables, counts)) = run(&dir.path().join("out"), &[events(&[path])]) {
            let count = counts[0];
            prop_assert_eq!(count.read, count.accepted + count.rejected + count.excluded);
            let rows = TableFile::open(&RealFs, &dir.path().join("out/tables/events.parquet")).unwrap().n_rows();
            prop_assert_eq!(rows, count.accepted);
            prop_assert_eq!(tables.rejects.iter().map(|r| r.count).sum::<u64>(), count.rejected);
        }
    }
}
