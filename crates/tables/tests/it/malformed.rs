//! Malformed CSV: each case's code, line and byte.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use osusume_model::Code;
use osusume_storage::Digest;
use osusume_tables::{CsvDialect, Encoding, Format, OnError, RejectLimits};

use crate::common::{events, run};

const HEADER: &str = "id,day,kind,amount\n";
pub(crate) const GOOD: &str = "A,2026-01-01,x,1.5\n";

/// What is expected of a text: rejected rows as (code, line, byte), or a fault of the file.
pub(crate) enum Expected {
    Rows(u64, &'static [(Code, u64, u64)]),
    Fault(Code, Option<(u64, u64)>),
}
pub(crate) use Expected::{Fault, Rows};

pub(crate) fn check_bytes(name: &str, bytes: &[u8], encoding: Option<Encoding>, expected: &Expected) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.csv");
    fs::write(&path, bytes).unwrap();
    let mut spec = events(std::slice::from_ref(&path));
    spec.format = Format::Csv(CsvDialect { encoding, max_record_bytes: 1 << 16, ..CsvDialect::default() });
    let result = run(&dir.path().join("out"), &[spec]);
    match (result, expected) {
        (Ok((tables, counts)), Rows(accepted, rejects)) => {
            assert_eq!((counts[0].accepted, counts[0].rejected), (*accepted, rejects.len() as u64), "{name}");
            let place = |fault: &osusume_model::Fault| {
                (fault.code(), fault.place().line.unwrap_or(0), fault.place().byte.unwrap_or(0))
            };
            assert_eq!(tables.faults.iter().map(place).collect::<Vec<_>>(), *rejects, "{name}");
            let file = fs::read_to_string(dir.path().join("out/quarantine/rejects.csv")).unwrap();
            assert_eq!(file.lines().count(), rejects.len() + 1, "{name}");
        }
        (Err(fault), Fault(code, place)) => {
            assert_eq!(fault.code(), *code, "{name}");
            assert_eq!(fault.place().file.as_deref(), path.to_str(), "{name}");
            if let Some((line, byte)) = place {
                assert_eq!((fault.place().line, fault.place().byte), (Some(*line), Some(*byte)), "{name}");
            }
        }
        (Ok((tables, counts)), Fault(..)) => panic!("{name}: no fault, {counts:?} {:?}", tables.faults),
        (Err(fault), Rows(..)) => panic!("{name}: {fault:?}"),
    }
}

pub(crate) fn check(name: &str, text: &str, expected: &Expected) {
    check_bytes(name, text.as_bytes(), None, expected);
}

pub(crate) fn body(rows: &str) -> String {
    format!("{HEADER}{rows}")
}

#[test]
fn structure_of_files() {
    check("M001 no bytes", "", &Fault(Code::FileEmpty, None));
    check("M002 only a byte order mark", "\u{feff}", &Fault(Code::FileEmpty, None));
    check("M003 only a newline", "\n", &Fault(Code::FileEmpty, None));
    check("M004 header only", HEADER, &Rows(0, &[]));
    check("M004 header only, no newline", HEADER.trim_end(), &Rows(0, &[]));
    check("M005 no header", GOOD, &Fault(Code::ColumnMissing, None));
    check("M006 header name twice", "id,day,kind,amount,day\n", &Fault(Code::ColumnTwice, None));
    check("M008 header case", "ID,day,kind,amount\n", &Fault(Code::ColumnMissing, None));
    check("M009 other order", "amount,kind,day,id\n1,x,2026-01-01,A\n", &Rows(1, &[]));
    check("M010 extra column", "id,day,kind,amount,z\nA,2026-01-01,x,1,\n", &Rows(1, &[]));
    check("M011 missing column", "id,day,kind\nA,2026-01-01,x\n", &Fault(Code::ColumnMissing, None));
    check("M023 carriage returns", "id,day,kind,amount\rA,2026-01-01,x,1\r", &Fault(Code::WrongFormat, None));
    check("M029 semicolons", "id;day;kind;amount\n", &Fault(Code::ColumnMissing, None));
    check("M034 too many columns", &"a,".repeat(10_001), &Fault(Code::RecordTooLarge, None));
    check("M046 html", "<!DOCTYPE html>\n<html>", &Fault(Code::WrongFormat, None));
    check("M047 json", "[{\"id\":1}]", &Fault(Code::WrongFormat, None));
}

#[test]
fn structure_of_rows() {
    check("M015 short row", &body("A,2026-01-01\nA,2026-01-01,x,1\n"), &Rows(1, &[(Code::RowTooShort, 2, 19)]));
    check("M016 long row", &body("A,2026-01-01,x,1\nA,2026-01-01,x,1,2\n"), &Rows(1, &[(Code::RowTooLong, 3, 36)]));
    check("M014 total line", &body(&format!("{GOOD}total 1\n")), &Rows(1, &[(Code::RowTooShort, 3, 38)]));
    check("M017 quote open at the end", &body("A,2026-01-01,x,\"1\n"), &Fault(Code::UnterminatedQuote, Some((2, 34))));
    let swallowed = body(&format!("A,2026-01-01,\"x,1\n{}", GOOD.repeat(50)));
    check("M018 quote open mid-file", &swallowed, &Fault(Code::UnterminatedQuote, Some((2, 32))));
    check("M019 stray quote", &body(&format!("A,2026-01-01,x\"y,1\n{GOOD}")), &Rows(1, &[(Code::StrayQuote, 2, 19)]));
    check(
        "M020 text after a quote",
        &body(&format!("A,2026-01-01,\"x\"y,1\n{GOOD}")),
        &Rows(1, &[(Code::StrayQuote, 2, 19)]),
    );
    check("M022 quoted newline", &body("A,2026-01-01,x,\"1\"\nB,\"2026-01-01\",\"\",2\n"), &Rows(2, &[]));
    check("M024 mixed line ends", "id,day,kind,amount\r\nA,2026-01-01,x,1\nB,2026-01-01,x,1\r\n", &Rows(2, &[]));
    check(
        "M025 lone carriage return",
        &body(&format!("A,2026-01-01,x\ry,1\n{GOOD}")),
        &Rows(1, &[(Code::ControlByte, 2, 19)]),
    );
    check("M026 no last newline", body(GOOD).trim_end(), &Rows(1, &[]));
    check("M028 blank lines", &body(&format!("\n{GOOD}\r\n\n{GOOD}\n")), &Rows(2, &[]));
    check("M032 header again", &body(&format!("{GOOD}{HEADER}{GOOD}")), &Rows(2, &[(Code::HeaderRepeated, 3, 38)]));
    check("M037 NUL", &body(&format!("A,2026-01-01,x\0,1\n{GOOD}")), &Rows(1, &[(Code::ControlByte, 2, 19)]));
    check("M039 cut off", &body(&format!("{GOOD}A,2026-")), &Rows(1, &[(Code::RowTooShort, 3, 38)]));
    check("M048 control-Z", &body(&format!("{GOOD}\u{1a}")), &Rows(1, &[(Code::RowTooShort, 3, 38)]));
    let long = format!("A,2026-01-01,{},1\n", "x".repeat(70_000));
    check("M035 large field", &body(&long), &Rows(0, &[(Code::RecordTooLarge, 2, 19)]));
    let endless = body(&"x".repeat(3 << 20));
    check("M036 no line end", &endless, &Fault(Code::RecordTooLarge, Some((2, 19))));
    let newline_in_text = body(&format!("A,2026-01-01,\"x\ny\",1\n{GOOD}A,x,x,1\n"));
    check(
        "lines inside quotes count",
        &newline_in_text,
        &Rows(1, &[(Code::ControlByte, 2, 19), (Code::WrongType, 5, 59)]),
    );
}

#[test]
fn encodings() {
    check("M051 byte order mark", &format!("\u{feff}{}", body(GOOD)), &Rows(1, &[]));
    let utf16: Vec<u8> = format!("\u{feff}{}", body(GOOD)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    check_bytes("M052 UTF-16 undeclared", &utf16, None, &Fault(Code::WrongEncoding, None));
    check_bytes("M052 UTF-16 declared", &utf16, Some(Encoding::Utf16), &Rows(1, &[]));
    check_bytes("M053 UTF-16, no mark", &utf16[2..], None, &Fault(Code::WrongEncoding, None));
    let japanese = body(&"A,2026-01-01,表能,1\n".repeat(20));
    let (cp932, _, _) = encoding_rs::SHIFT_JIS.encode(&japanese);
    check_bytes("M054 CP932 undeclared", &cp932, None, &Fault(Code::WrongEncoding, Some((2, 19))));
    check_bytes("M055 CP932 declared", &cp932, Some(Encoding::Cp932), &Rows(20, &[]));
    let mut overlong = body(&GOOD.repeat(9)).into_bytes();
    overlong[32] = 0xc0;
    check_bytes("M059 one broken byte", &overlong, None, &Rows(8, &[(Code::WrongEncoding, 2, 19)]));
    let mut broken = cp932.to_vec();
    broken[32] = 0xff;
    check_bytes("broken CP932", &broken, Some(Encoding::Cp932), &Rows(19, &[(Code::WrongEncoding, 2, 19)]));
}

#[test]
fn values() {
    let cases: &[(&str, &str, Code)] = &[
        ("M067", "A,2026-01-01,x,NaN", Code::WrongType),
        ("M068", "A,2026-01-01,x,-inf", Code::WrongType),
        ("M069", "A,2026-01-01,x,1e309", Code::OutOfRange),
        ("M074", "A,2026-01-01,x,\"1,234\"", Code::WrongType),
        ("M076", "A,2026-01-01,x,¥1", Code::WrongType),
        ("M079", "A,2026-01-01,x,0x1F", Code::WrongType),
        ("M084", "A,2026-02-31,x,1", Code::WrongType),
        ("M085", "A,01/02/2024,x,1", Code::WrongType),
        ("M086", "A,45292,x,1", Code::WrongType),
        ("M087", "A,令和6年1月1日,x,1", Code::WrongType),
        ("M088", "A,9999-12-31,x,1", Code::OutOfRange),
        ("M089", "A,0001-01-01,x,1", Code::OutOfRange),
        ("M093", ",2026-01-01,x,1", Code::ValueMissing),
        ("control byte in an id", "A\u{1b}[0m,2026-01-01,x,1", Code::ControlByte),
    ];
    for (name, row, code) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.csv");
        fs::write(&path, body(&format!("{row}\n{GOOD}"))).unwrap();
        let mut spec = events(&[path]);
        spec.columns[0].required = true;
        let (tables, counts) = run(&dir.path().join("out"), &[spec]).unwrap();
        assert_eq!((counts[0].read, counts[0].accepted, counts[0].rejected), (2, 1, 1), "{name}");
        assert_eq!(tables.faults[0].code(), *code, "{name}");
        assert_eq!(tables.rejects[0].count, 1);
    }
}

#[test]
fn an_id_is_never_absent() {
    check("empty id", &body(&format!(",2026-01-01,x,1\n{GOOD}")), &Rows(1, &[(Code::ValueMissing, 2, 19)]));
}

#[test]
fn limits_stop_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.csv");
    fs::write(&path, body(&format!("{}A,x,x,1\nA,y,x,1\n", GOOD.repeat(98)))).unwrap();
    let with = |n: u32, limits: RejectLimits| {
        let mut spec = events(std::slice::from_ref(&path));
        spec.limits = limits;
        run(&dir.path().join(format!("out{n}")), &[spec])
            .map(|(_, counts)| counts[0].rejected)
            .map_err(|fault| fault.code())
    };
    let limits = |max_rejects, max_reject_rate, on_error| RejectLimits { max_rejects, max_reject_rate, on_error };
    assert_eq!(with(0, limits(2, 0.02, OnError::Quarantine)), Ok(2));
    assert_eq!(with(1, limits(1, 1.0, OnError::Quarantine)), Err(Code::TooManyRejects));
    assert_eq!(with(2, limits(9, 0.019, OnError::Quarantine)), Err(Code::TooManyRejects));
    assert_eq!(with(3, limits(9, 1.0, OnError::Abort)), Err(Code::WrongType));
}

#[test]
fn quarantine_holds_places_and_shapes_but_no_value() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.csv");
    fs::write(&path, body(&format!("SECRET-ID,2026-13-77,x,1\n{GOOD}"))).unwrap();
    run(&dir.path().join("out"), &[events(&[path])]).unwrap();
    let rejects = fs::read_to_string(dir.path().join("out/quarantine/rejects.csv")).unwrap();
    let line = rejects.lines().nth(1).unwrap();
    let digest = Digest::of(b"SECRET-ID,2026-13-77,x,1\n");
    assert_eq!(line, format!(",1,2,1,19,25,,,2,day,E1022,WrongType,date or time,10,digits+signs,{digest}"));
    let scans = fs::read_to_string(dir.path().join("out/quarantine/scans.csv")).unwrap();
    assert!(scans.lines().nth(1).unwrap().ends_with(",2,1,1,0,E1022"), "{scans}");
    assert!(!rejects.contains("SECRET") && !rejects.contains("2026-13"));
    let mode = fs::metadata(dir.path().join("out/quarantine/rejects.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
