//! Named bad inputs and what becomes of each: a rejected row, a fault of the file, or acceptance.
//!
//! The numbers are those of `malformed.rs`, which holds the plainest cases; here stand files and values that other programs leave behind.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Code, Control, NoControl, Stop};
use osusume_storage::RealFs;
use osusume_tables::arrow::array::{Array, ArrayRef, Decimal128Array, Float64Array, ListArray, StringArray};
use osusume_tables::arrow::array::{Int64Array, RecordBatch};
use osusume_tables::arrow::datatypes::Int32Type;
use osusume_tables::{ColumnKind, Format, Identity, Ingest, ParquetSink, SourceSpec, TableFile, Values};

use crate::common::{column, events, run, target};
use crate::malformed::{Fault, GOOD, Rows, body, check, check_bytes};

#[test]
fn headers() {
    check(
        "M012 a second header row",
        &body(&format!("text,date,text,number\n{GOOD}")),
        &Rows(1, &[(Code::WrongType, 2, 19)]),
    );
    check(
        "M013 lines before the header",
        &format!("Export of 2026-10-01\n\n{}", body(GOOD)),
        &Fault(Code::ColumnMissing, None),
    );
    check("M008 spaces in the header", "id, day,kind,amount\n", &Fault(Code::ColumnMissing, None));
    check("M008 full-width header", "ｉｄ,day,kind,amount\n", &Fault(Code::ColumnMissing, None));
    check("M030 tabs", "id\tday\tkind\tamount\n", &Fault(Code::ColumnMissing, None));
    // Columns are asked for by name, so one without a name is one that nobody asks for.
    check("M007 one column without a name", "id,day,kind,amount,\nA,2026-01-01,x,1,\n", &Rows(1, &[]));
    check("M007 two columns without a name", "id,day,kind,amount,,\n", &Fault(Code::ColumnTwice, None));
}

#[test]
fn rows() {
    let escaped = body(&format!("A,2026-01-01,\"x\\\"y\",1\n{GOOD}"));
    check("M021 quotes escaped by backslashes", &escaped, &Rows(1, &[(Code::StrayQuote, 2, 19)]));
    check("M027 two newlines at the end", &body(&format!("{GOOD}\n")), &Rows(1, &[]));
    check("M033 one row", &body(GOOD), &Rows(1, &[]));
    let two_tables = body(&format!("{GOOD}\ncity,zip\nNara,630\n"));
    check("M031 two tables", &two_tables, &Rows(1, &[(Code::RowTooShort, 4, 39), (Code::RowTooShort, 5, 48)]));
    let hole = body(&format!("{GOOD}{GOOD}{}", "\0".repeat(4_000)));
    check("M038 a tail of NUL", &hole, &Fault(Code::WrongFormat, Some((4, 57))));
    let rows = body(&GOOD.repeat(9).replacen("A,", "A\0,", 1));
    check("M037 a NUL among other bytes", &rows, &Rows(8, &[(Code::ControlByte, 2, 19)]));
}

#[test]
fn encodings_that_were_not_declared() {
    let japanese = body(&"A,2026-01-01,日本,1\n".repeat(20));
    let (euc, _, _) = encoding_rs::EUC_JP.encode(&japanese);
    check_bytes("M057 EUC-JP", &euc, None, &Fault(Code::WrongEncoding, Some((2, 19))));
    let western = body(&"A,2026-01-01,café,1\n".repeat(20));
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(&western);
    check_bytes("M058 Latin-1", &latin, None, &Fault(Code::WrongEncoding, Some((2, 19))));
    let mut surrogate = body(&GOOD.repeat(30)).into_bytes();
    surrogate.splice(32..33, *b"\xed\xa0\x80");
    check_bytes("M060 half a surrogate pair", &surrogate, None, &Rows(29, &[(Code::WrongEncoding, 2, 19)]));
    check("M066 one damaged name", &body(&GOOD.repeat(99).replacen('x', "\u{fffd}", 1)), &Rows(99, &[]));
    let lost = body(&"A,2026-01-01,caf\u{fffd},1\n".repeat(20));
    check("M066 names damaged throughout", &lost, &Fault(Code::WrongEncoding, Some((2, 19))));
}

#[test]
fn a_character_cut_by_a_buffer_is_whole() {
    // M061: characters of three bytes, each row a byte longer than a multiple of three, so that every cut of a buffer is met.
    let n = 60_000;
    let text = body(&"A,2026-01-01,表能力,12\n".repeat(n));
    check("M061 characters at buffer edges", &text, &Rows(n as u64, &[]));
}

/// One cell read as one kind: what the table holds, or the code of the rejected row.
fn cell(kind: ColumnKind, text: &str, zone: &str) -> Result<Values, Code> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.csv");
    fs::write(&path, format!("v,n\n\"{text}\",1\n")).unwrap();
    let spec = SourceSpec {
        columns: vec![column("v", kind), column("n", ColumnKind::Integer)],
        customer: (kind == ColumnKind::Customer).then_some(0),
        order_by: None,
        zone: zone.into(),
        ..events(&[path])
    };
    let (tables, _) = run(&dir.path().join("out"), &[spec]).unwrap();
    if let Some(fault) = tables.faults.first() {
        return Err(fault.code());
    }
    if kind == ColumnKind::Customer {
        return Ok(Values::I64(vec![tables.customers.find(text).map_or(-1, i64::from)].into()));
    }
    let table = TableFile::open(&RealFs, &dir.path().join("out/tables/events.parquet")).unwrap();
    Ok(table.read_all(&["v"], &NoControl).unwrap().columns.remove(0).values)
}

#[test]
fn numbers() {
    let decimal = |text: &str| cell(ColumnKind::Decimal, text, "UTC");
    let integer = |text: &str| cell(ColumnKind::Integer, text, "UTC");
    let amount = |text: &str| cell(ColumnKind::Minor { digits: 2 }, text, "UTC");
    assert_eq!(decimal("-0.0"), Ok(Values::F64(vec![-0.0].into())), "M070");
    assert_eq!(decimal("4.9e-324"), Ok(Values::F64(vec![5e-324].into())), "M071");
    assert_eq!(integer("9223372036854775808"), Err(Code::OutOfRange), "M072");
    for (name, text) in [
        ("M067", "nan"),
        ("M068", "Infinity"),
        ("M075", "1.234,5"),
        ("M076", "¥1200"),
        ("M077", "(100)"),
        ("M078", "12%"),
        ("M079", "0x1F"),
        ("M082", "#N/A"),
        ("M082", "NULL"),
        ("M082", "-"),
        ("a date", "2026-10-01"),
    ] {
        for (kind, got) in [("decimal", decimal(text)), ("integer", integer(text)), ("amount", amount(text))] {
            assert_eq!(got, Err(Code::WrongType), "{name} {text} as {kind}");
        }
    }
    for (name, text) in [("M074", "1,234"), ("M063", "１２３")] {
        for (kind, got) in [("decimal", decimal(text)), ("integer", integer(text))] {
            assert_eq!(got, Err(Code::WrongType), "{name} {text} as {kind}");
        }
    }
    // With two decimals at most, a comma before three digits can only part thousands.
    assert_eq!(amount("1,234"), Ok(Values::I64(vec![123_400].into())), "M074");
    assert_eq!(amount("１２３"), Ok(Values::I64(vec![12_300].into())), "M063");
    for text in ["1,23", "1,2345", "12,34,567", "1,234,5"] {
        assert_eq!(amount(text), Err(Code::WrongType), "M074 {text}");
    }
    assert_eq!(amount("12.345"), Err(Code::WrongType), "a third decimal is not rounded away");
    assert_eq!(amount("92233720368547758.08"), Err(Code::OutOfRange));
}

#[test]
fn flags_and_times() {
    let flag = |text: &str| cell(ColumnKind::Flag, text, "UTC");
    for (text, expected) in [("Y", 1), ("N", 0), ("1", 1), ("0", 0), ("True", 1), ("FALSE", 0)] {
        assert_eq!(flag(text), Ok(Values::I64(vec![expected].into())), "M083 {text}");
    }
    assert_eq!(flag("はい"), Ok(Values::I64(vec![1].into())));
    assert_eq!(flag("たぶん"), Err(Code::WrongType));
    let time = |text: &str| cell(ColumnKind::Timestamp, text, "America/New_York");
    for (name, text, code) in [
        ("M084", "2026-02-31", Code::WrongType),
        ("M085", "01/02/2024", Code::WrongType),
        ("M086", "45292", Code::WrongType),
        ("M087", "令和6年1月1日", Code::WrongType),
        ("M088", "9999-12-31", Code::OutOfRange),
        ("M089", "0000-00-00", Code::OutOfRange),
        ("M090", "1767225600000", Code::WrongType),
        ("M091 gap", "2026-03-08 02:30:00", Code::AmbiguousTime),
        ("M091 fold", "2026-11-01 01:30:00", Code::AmbiguousTime),
        ("two digits of a year", "26-10-01", Code::WrongType),
        ("an hour that is none", "2026-10-01 24:00:00", Code::WrongType),
    ] {
        assert_eq!(time(text), Err(code), "{name} {text}");
    }
    let leap = cell(ColumnKind::Timestamp, "2016-12-31 23:59:60", "UTC");
    assert_eq!(leap, Ok(Values::I64(vec![1_483_228_799_999_999].into())), "M092");
}

#[test]
fn ids() {
    let id = |text: &str| cell(ColumnKind::Customer, text, "UTC");
    for (name, text) in [
        ("M080", "00123"),
        ("M064", "A\u{3000}1"),
        ("M062", "e\u{301}"),
        ("M062", "\u{e9}"),
        ("a code that only looks like a number", "3E8"),
        ("a code with a plus", "E+1"),
        ("spaces", " A "),
    ] {
        assert_eq!(id(text), Ok(Values::I64(vec![0].into())), "{name}: kept as it is");
    }
    for (name, text, code) in [
        ("M065 no width", "A\u{200b}1", Code::ControlByte),
        ("M065 right to left", "A\u{202e}1", Code::ControlByte),
        ("M065 a second byte order mark", "\u{feff}A", Code::ControlByte),
        ("M081 rounded by a spreadsheet", "1.23457E+11", Code::WrongType),
        ("M081 rounded by a spreadsheet", "1E+05", Code::WrongType),
        ("control character of Latin-1", "A\u{85}1", Code::ControlByte),
        ("escape", "A\u{1b}[2J", Code::ControlByte),
    ] {
        assert_eq!(id(text), Err(code), "{name}");
    }
    let category = |text: &str| cell(ColumnKind::Category, text, "UTC");
    assert!(category("\u{5e2}\u{200f}").is_ok(), "texts of other scripts need their marks");
    assert_eq!(category("x\u{9b}31m"), Err(Code::ControlByte));
}

#[test]
fn customers_and_orphans() {
    let dir = tempfile::tempdir().unwrap();
    let (people, buys) = (dir.path().join("people.csv"), dir.path().join("events.csv"));
    fs::write(&people, "id\ne\u{301}\nB\n").unwrap();
    fs::write(&buys, "id,day,kind,amount\n\u{e9},2026-01-01,x,1\nZ,2026-01-01,x,1\nB,2026-01-01,x,1\n").unwrap();
    let define = SourceSpec {
        name: "people".into(),
        columns: vec![column("id", ColumnKind::Customer)],
        order_by: None,
        identity: Identity::Defines,
        ..events(&[people])
    };
    let belong = SourceSpec { identity: Identity::MustExist, ..events(&[buys]) };
    let (tables, counts) = run(&dir.path().join("out"), &[define, belong]).unwrap();
    // M062, M096, M097: ids are compared byte by byte, orphans are set aside, and a customer without rows stays one.
    assert_eq!((counts[1].accepted, counts[1].rejected, tables.customers.len()), (1, 2, 2));
    assert!(tables.faults.iter().all(|fault| fault.code() == Code::UnknownCustomer));
    let rejects = fs::read_to_string(dir.path().join("out/quarantine/rejects.csv")).unwrap();
    let digest = osusume_storage::Digest::of(b"Z,2026-01-01,x,1\n").to_string();
    assert!(rejects.lines().nth(2).unwrap().ends_with(&format!(",,{digest}")), "{rejects}");
}

#[test]
fn an_interval_may_last_no_time_but_not_less() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("held.csv");
    fs::write(&path, "id,from,to\nA,2026-03-02,2026-03-01\nA,2026-03-01,2026-03-01\nA,2026-03-01,\n").unwrap();
    let spec = SourceSpec {
        columns: vec![
            column("id", ColumnKind::Customer),
            column("from", ColumnKind::Timestamp),
            column("to", ColumnKind::Timestamp),
        ],
        interval: Some((1, 2)),
        ..events(&[path])
    };
    let (tables, counts) = run(&dir.path().join("out"), &[spec]).unwrap();
    assert_eq!((counts[0].accepted, counts[0].rejected), (2, 1));
    let fault = &tables.faults[0];
    assert_eq!(
        (fault.code(), fault.place().line, fault.place().name.as_deref()),
        (Code::EndBeforeStart, Some(2), Some("to"))
    );
}

/// Appends a row to a file as soon as some of it has been read.
struct Writer(PathBuf);

impl Control for Writer {
    fn progress(&self, _done: u64, _total: u64) {
        let mut file = File::options().append(true).open(&self.0).unwrap();
        file.write_all(GOOD.as_bytes()).unwrap();
    }
    fn stop(&self) -> Option<Stop> {
        None
    }
}

#[test]
fn a_file_that_grows_while_it_is_read_is_refused() {
    // M049
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.csv");
    fs::write(&path, body(GOOD)).unwrap();
    let writer = Writer(path.clone());
    let mut ingest = Ingest::new(target(&dir.path().join("out")), 1 << 30, &writer).unwrap();
    assert_eq!(ingest.read(&events(&[path])).unwrap_err().code(), Code::FileChanged);
}

#[test]
fn what_unpacks_without_end_is_refused() {
    // M043: empty lines are no rows, so nothing but the size could stop this.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.csv.zst");
    let mut encoder = zstd::stream::Encoder::new(File::create(&path).unwrap(), 1).unwrap();
    encoder.write_all(body(GOOD).as_bytes()).unwrap();
    for _ in 0..80 {
        encoder.write_all(&vec![b'\n'; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap();
    let fault = run(&dir.path().join("out"), &[events(&[path])]).err().unwrap();
    assert_eq!(fault.code(), Code::CompressionDamaged);
}

fn write_parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut sink = ParquetSink::create(&target(path.parent().unwrap()), name, &batch.schema(), &[]).unwrap();
    sink.write(&batch).unwrap();
    sink.finish().unwrap();
}

fn event_columns() -> Vec<(&'static str, ArrayRef)> {
    let texts = |values: [&str; 2]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    vec![
        ("id", texts(["A", "B"])),
        ("day", texts(["2026-01-01", "2026-01-02"])),
        ("kind", texts(["x", "y"])),
        ("amount", Arc::new(Float64Array::from(vec![1.0, 2.0]))),
    ]
}

fn read_parquet(paths: &[PathBuf]) -> Result<u64, Code> {
    let out = tempfile::tempdir().unwrap();
    let spec = SourceSpec { format: Format::Parquet, ..events(paths) };
    run(&out.path().join("out"), &[spec]).map(|(_, counts)| counts[0].accepted).map_err(|fault| fault.code())
}

#[test]
fn parquet_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.parquet");
    write_parquet(&path, event_columns());
    assert_eq!(read_parquet(std::slice::from_ref(&path)), Ok(2));
    let whole = fs::read(&path).unwrap();
    let n = whole.len();
    let check = |name: &str, bytes: Vec<u8>, code: Code| {
        fs::write(&path, bytes).unwrap();
        assert_eq!(read_parquet(std::slice::from_ref(&path)), Err(code), "{name}");
    };
    let with_footer = |length: u32| [&whole[..n - 8], &length.to_le_bytes(), b"PAR1"].concat();
    check("no bytes", Vec::new(), Code::FileEmpty);
    check("M123 no magic", [b"XXXX", &whole[4..]].concat(), Code::WrongFormat);
    check("M123 no magic at the end", [&whole[..n - 4], b"XXXX"].concat(), Code::ParquetDamaged);
    check("M124 a footer longer than the file", with_footer(u32::MAX), Code::ParquetDamaged);
    check("M125 a footer of no length", with_footer(0), Code::ParquetDamaged);
    check("M126 cut off", whole[..n / 2].to_vec(), Code::ParquetDamaged);
    check("M126 cut in the middle", [&whole[..40], &whole[n / 2..]].concat(), Code::ParquetDamaged);
    check("M128 encrypted", [b"PARE", &whole[4..n - 4], b"PARE"].concat(), Code::WrongFormat);
    check("CSV by another name", body(GOOD).into_bytes(), Code::WrongFormat);
}

#[test]
fn parquet_columns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.parquet");
    let replaced = |name: &'static str, array: ArrayRef| {
        let mut columns = event_columns();
        columns.iter_mut().filter(|column| column.0 == name).for_each(|column| column.1 = Arc::clone(&array));
        write_parquet(&path, columns);
        let read = read_parquet(std::slice::from_ref(&path));
        fs::remove_file(&path).unwrap();
        read
    };
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), Some([Some(2)])]);
    assert_eq!(replaced("amount", Arc::new(list)), Err(Code::ColumnType), "M130");
    let wide = Decimal128Array::from(vec![10_i128.pow(37), 5]).with_precision_and_scale(38, 0).unwrap();
    assert_eq!(replaced("amount", Arc::new(wide)), Ok(1), "M132: what is out of range is a row, not a panic");
    assert_eq!(replaced("id", Arc::new(Float64Array::from(vec![9e15, 1.0]))), Err(Code::ColumnType), "M073");
    assert_eq!(replaced("id", Arc::new(Int64Array::from(vec![1, 2]))), Ok(2));
    let days: ArrayRef = Arc::new(StringArray::from(vec!["2026-01-01", "tomorrow"]));
    assert_eq!(replaced("day", days), Ok(1));
    let empty: Vec<(&str, ArrayRef)> =
        event_columns().into_iter().map(|(name, array)| (name, array.slice(0, 0))).collect();
    write_parquet(&path, empty);
    assert_eq!(read_parquet(std::slice::from_ref(&path)), Ok(0), "M138 no row group");
    // M140: a part with another name for a column, and one with another type.
    let (renamed, retyped) = (dir.path().join("z1.parquet"), dir.path().join("z2.parquet"));
    let mut columns = event_columns();
    columns[3].0 = "value";
    write_parquet(&renamed, columns);
    let mut columns = event_columns();
    columns[0].1 = Arc::new(Float64Array::from(vec![1.0, 2.0]));
    write_parquet(&retyped, columns);
    assert_eq!(read_parquet(&[path.clone(), renamed]), Err(Code::ColumnMissing));
    assert_eq!(read_parquet(&[path, retyped]), Err(Code::ColumnType));
}
