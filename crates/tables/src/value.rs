//! One cell's text to one value.

use osusume_model::Code;

use crate::cells::{Cells, NO_CODE, NO_I64, TextCells};
use crate::interner::Interner;
use crate::spec::{Coder, ColumnKind};
use crate::zone::{TimeError, Zone};

/// Why a cell is not accepted; `expected` is what the quarantine says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CellFault {
    pub(crate) code: Code,
    pub(crate) expected: &'static str,
}

impl CellFault {
    pub(crate) fn wrong_type(kind: ColumnKind) -> Self {
        Self { code: Code::WrongType, expected: expected(kind) }
    }

    pub(crate) fn out_of_range(kind: ColumnKind) -> Self {
        Self { code: Code::OutOfRange, expected: expected(kind) }
    }
}

/// What a kind accepts, in the words of the quarantine files.
pub(crate) fn expected(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Customer => "customer id",
        ColumnKind::Text | ColumnKind::List | ColumnKind::Coded(_) => "text",
        ColumnKind::Category => "category",
        ColumnKind::Integer => "whole number",
        ColumnKind::Units => "whole number from 1 to 1000000000",
        ColumnKind::Decimal | ColumnKind::Measure => "decimal number",
        ColumnKind::Minor { digits: 0 } => "amount without decimals",
        ColumnKind::Minor { .. } => "amount",
        ColumnKind::Flag => "flag",
        ColumnKind::Timestamp => "date or time",
    }
}

/// Collects one column's values of a block.
#[derive(Debug)]
pub(crate) struct ColumnBuilder {
    kind: ColumnKind,
    pub(crate) cells: Cells,
    /// Levels of a category met in this block.
    pub(crate) levels: Interner,
}

impl ColumnBuilder {
    pub(crate) fn new(kind: ColumnKind) -> Self {
        let cells = match kind {
            ColumnKind::Customer | ColumnKind::Text | ColumnKind::List => Cells::Text(TextCells::default()),
            ColumnKind::Category | ColumnKind::Coded(_) => Cells::Code(Vec::new()),
            ColumnKind::Decimal | ColumnKind::Measure => Cells::F64(Vec::new()),
            ColumnKind::Integer
            | ColumnKind::Units
            | ColumnKind::Minor { .. }
            | ColumnKind::Flag
            | ColumnKind::Timestamp => Cells::I64(Vec::new()),
        };
        Self { kind, cells, levels: Interner::default() }
    }

    /// Appends an absent value.
    pub(crate) fn push_absent(&mut self) {
        match &mut self.cells {
            Cells::I64(v) => v.push(NO_I64),
            Cells::F64(v) => v.push(f64::NAN),
            Cells::Code(v) => v.push(NO_CODE),
            Cells::Text(v) => v.push(b""),
        }
    }

    /// Appends a whole number, amount, flag or instant.
    pub(crate) fn push_i64(&mut self, value: i64) {
        match &mut self.cells {
            Cells::I64(values) => values.push(value),
            _ => unreachable!("only kinds stored as whole numbers get one"),
        }
    }

    /// Appends a decimal.
    pub(crate) fn push_f64(&mut self, value: f64) {
        match &mut self.cells {
            Cells::F64(values) => values.push(value),
            _ => unreachable!("only decimals get one"),
        }
    }

    /// Appends the value of a present cell of valid UTF-8.
    pub(crate) fn push(&mut self, text: &[u8], zone: &Zone) -> Result<(), CellFault> {
        match &mut self.cells {
            // Rows come in runs of a customer, a basket, a day: what passed a row ago passes again.
            Cells::Text(cells) => {
                if self.kind == ColumnKind::Customer && cells.last() != Some(text) {
                    check_controls(text, self.kind)?;
                    check_id(text)?;
                }
                cells.push(text);
            }
            Cells::Code(codes) if let ColumnKind::Coded(coder) = self.kind => {
                codes.push(coded(coder, text).map_or(NO_CODE, |told| self.levels.intern(told.as_bytes())));
            }
            Cells::Code(codes) => match codes.last() {
                Some(&code) if code != NO_CODE && self.levels.get(code) == text => codes.push(code),
                _ => {
                    check_controls(text, self.kind)?;
                    codes.push(self.levels.intern(text));
                }
            },
            Cells::F64(values) => values.push(parse_decimal(trim(text))?),
            Cells::I64(values) => values.push(parse_i64(trim(text), self.kind, zone)?),
        }
        Ok(())
    }
}

/// What stands for a text.
pub(crate) fn coded(coder: Coder, text: &[u8]) -> Option<String> {
    // Text that is not UTF-8 never comes so far; and a dictionary has one level a line.
    coder.0(std::str::from_utf8(text).ok()?).filter(|told| !told.is_empty() && !told.contains(char::is_control))
}

fn parse_i64(text: &[u8], kind: ColumnKind, zone: &Zone) -> Result<i64, CellFault> {
    match kind {
        ColumnKind::Timestamp => zone.parse(text).map_err(time_fault),
        ColumnKind::Flag => parse_flag(text),
        ColumnKind::Minor { digits } => match parse_minor(text, digits) {
            Err(fault) if fault.code == Code::WrongType => {
                plain_amount(text, digits).map_or(Err(fault), |plain| parse_minor(plain.as_bytes(), digits))
            }
            parsed => parsed,
        }
        .and_then(check_amount),
        ColumnKind::Units => parse_minor(text, 0)
            .map_err(|fault| CellFault { expected: expected(ColumnKind::Units), ..fault })
            .and_then(check_units),
        _ => parse_integer(text),
    }
}

/// The fault of a time that is none.
pub(crate) fn time_fault(error: TimeError) -> CellFault {
    match error {
        TimeError::Form => CellFault::wrong_type(ColumnKind::Timestamp),
        TimeError::Range => CellFault { code: Code::OutOfRange, expected: "1900-01-01 to 2199-12-31" },
        TimeError::Ambiguous => {
            CellFault { code: Code::AmbiguousTime, expected: "local time that exists once in the zone" }
        }
    }
}

/// Ids and categories reach reports and terminals, where control bytes would act.
fn check_controls(text: &[u8], kind: ColumnKind) -> Result<(), CellFault> {
    if text.iter().any(u8::is_ascii_control) || !text.is_ascii() && chars(text).any(char::is_control) {
        return Err(CellFault { code: Code::ControlByte, expected: expected(kind) });
    }
    Ok(())
}

/// Two ids that look the same must be the same, and an id that a spreadsheet took for a number is lost.
fn check_id(text: &[u8]) -> Result<(), CellFault> {
    if !text.is_ascii() && chars(text).any(is_invisible) {
        return Err(CellFault { code: Code::ControlByte, expected: "customer id without invisible characters" });
    }
    if is_rounded(text) {
        return Err(CellFault {
            code: Code::WrongType,
            expected: "customer id, not a number rounded by a spreadsheet",
        });
    }
    Ok(())
}

fn chars(text: &[u8]) -> impl Iterator<Item = char> {
    // Text that is not UTF-8 never comes so far.
    std::str::from_utf8(text).unwrap_or_default().chars()
}

/// Characters without width, and those that turn the direction of writing.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `1.23457E+11`: how spreadsheets write long numbers, the last digits of which are gone. They always write the plus.
fn is_rounded(text: &[u8]) -> bool {
    let Some(at) = text.iter().position(|&byte| byte == b'E') else { return false };
    let (mantissa, exponent) = (&text[..at], &text[at + 1..]);
    let are_digits = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let is_mantissa = match mantissa {
        [first, b'.', rest @ ..] => first.is_ascii_digit() && are_digits(rest),
        [first] => first.is_ascii_digit(),
        _ => false,
    };
    is_mantissa && exponent.strip_prefix(b"+").is_some_and(are_digits)
}

fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

fn parse_integer(text: &[u8]) -> Result<i64, CellFault> {
    parse_minor(text, 0).map_err(|fault| CellFault { expected: expected(ColumnKind::Integer), ..fault })
}

/// Exact decimal text as an integer of `digits` implied decimals; further decimals must be zeros.
fn parse_minor(text: &[u8], digits: u8) -> Result<i64, CellFault> {
    let kind = ColumnKind::Minor { digits };
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (whole, fraction) = match memchr::memchr(b'.', text) {
        // A point needs digits behind it, and a whole number has none.
        Some(at) if digits > 0 && at + 1 < text.len() => (&text[..at], &text[at + 1..]),
        Some(_) => return Err(CellFault::wrong_type(kind)),
        None => (text, &[][..]),
    };
    if whole.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(CellFault::wrong_type(kind));
    }
    let (kept, cut) = fraction.split_at(fraction.len().min(digits.into()));
    if cut.iter().any(|&b| b != b'0') {
        return Err(CellFault::wrong_type(kind));
    }
    let padding = std::iter::repeat_n(&b'0', usize::from(digits) - kept.len());
    let value = whole
        .iter()
        .chain(kept)
        .chain(padding)
        .try_fold(0_i64, |sum, b| sum.checked_mul(10)?.checked_add(i64::from(b - b'0')));
    // i64::MIN cannot arise: the magnitude is at most i64::MAX.
    value.map(|value| if negative { -value } else { value }).ok_or(CellFault::out_of_range(kind))
}

/// Largest amount in minor units: beyond it lies no price, and sums over a customer's rows would leave the range of `i64`.
const MAX_AMOUNT: u64 = 1_000_000_000_000_000;

/// Refuses amounts larger than any price.
pub(crate) fn check_amount(minor: i64) -> Result<i64, CellFault> {
    let expected = "amount of at most 10^15 minor units";
    if minor.unsigned_abs() <= MAX_AMOUNT { Ok(minor) } else { Err(CellFault { code: Code::OutOfRange, expected }) }
}

/// Most units one row can hold.
const MAX_UNITS: i64 = 1_000_000_000;

/// Refuses what is no number of units: nothing, less than nothing, and more than anybody holds.
pub(crate) fn check_units(units: i64) -> Result<i64, CellFault> {
    if (1..=MAX_UNITS).contains(&units) { Ok(units) } else { Err(CellFault::out_of_range(ColumnKind::Units)) }
}

/// Powers of ten that f64 holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

pub(crate) fn parse_decimal(text: &[u8]) -> Result<f64, CellFault> {
    if let Some(value) = parse_short_decimal(text) {
        return Ok(value);
    }
    let wrong = CellFault::wrong_type(ColumnKind::Decimal);
    // The library also reads `inf` and `nan`: only digits, signs, point and exponent may pass.
    let plain = text.iter().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let text = std::str::from_utf8(text).ok().filter(|_| plain).ok_or(wrong)?;
    let value: f64 = text.parse().map_err(|_| wrong)?;
    check_decimal(value)?;
    Ok(value)
}

/// Largest magnitude of a decimal: beyond it lies no measurement, and sums of squares would leave the range of `f32`.
const MAX_DECIMAL: f64 = 1e30;

/// Refuses decimals that are infinite, not a number, or larger than any measurement.
pub(crate) fn check_decimal(value: f64) -> Result<(), CellFault> {
    if value.abs() <= MAX_DECIMAL {
        return Ok(());
    }
    Err(CellFault { code: Code::OutOfRange, expected: "decimal number from -1e30 to 1e30" })
}

/// `[-]digits[.digits]` with at most 15 digits: mantissa and power of ten are exact, so one division rounds right (Clinger, 1990).
fn parse_short_decimal(text: &[u8]) -> Option<f64> {
    let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    let (mut mantissa, mut digits, mut point) = (0_u64, 0, None);
    for &b in text {
        match b {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + u64::from(b - b'0');
                digits += 1;
            }
            b'.' if point.is_none() => point = Some(digits),
            _ => return None,
        }
    }
    if digits == 0 || digits > 15 {
        return None;
    }
    let value = mantissa as f64 / POWERS[digits - point.unwrap_or(digits)];
    Some(if negative { -value } else { value })
}

/// Words of flags, as messages show them.
pub(crate) const FLAGS_SHOWN: &str = "yes/no, true/false, 1/0, はい/いいえ, 有/無, あり/なし, 可/不可, ○/×";

fn parse_flag(text: &[u8]) -> Result<i64, CellFault> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is(&["1", "true", "t", "yes", "y", "はい", "有", "有り", "あり", "可", "○", "◯", "〇"]) {
        Ok(1)
    } else if is(&["0", "false", "f", "no", "n", "いいえ", "無", "無し", "なし", "不可", "×", "✕"]) {
        Ok(0)
    } else {
        Err(CellFault::wrong_type(ColumnKind::Flag))
    }
}

/// An amount as it is printed: `8,800`, in yen also `¥8,800` and `8,800円`, of ASCII or of full width. Commas part thousands and nothing
/// else, and never where a currency has thousandths: there `8,800` may be either.
fn plain_amount(text: &[u8], digits: u8) -> Option<String> {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{ffe5}' => '¥',
        '−' | '\u{2010}' => '-',
        c => c,
    };
    let text: String = std::str::from_utf8(text).ok()?.chars().map(narrow).collect();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let in_yen = |text: &str| -> Option<String> {
        let bare = text.strip_prefix('¥').or_else(|| text.strip_suffix('円')).filter(|_| digits == 0);
        Some(bare.unwrap_or(text).trim().to_owned())
    };
    let text = in_yen(text)?;
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(',');
    let is_first = groups.next().is_some_and(|first| are_digits(first) && (first.len() <= 3 || !whole.contains(',')));
    let is_grouped = is_first && groups.all(|group| group.len() == 3 && are_digits(group));
    let is_clear = digits < 3 || !whole.contains(',');
    let fraction = fraction.map_or_else(String::new, |fraction| format!(".{fraction}"));
    (is_grouped && is_clear).then(|| format!("{sign}{}{fraction}", whole.replace(',', "")))
}

/// Byte length and character classes of a cell: all that messages and quarantine may say about it.
pub(crate) fn shape_of(text: &[u8]) -> String {
    let lossy = String::from_utf8_lossy(text);
    let mut classes: [(&str, bool); 8] = [
        ("digits", false),
        ("letters", false),
        ("kana_or_kanji", false),
        ("spaces", false),
        ("signs", false),
        ("points", false),
        ("control", false),
        ("other", false),
    ];
    for c in lossy.chars() {
        let class = match c {
            '0'..='9' => 0,
            'a'..='z' | 'A'..='Z' => 1,
            '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ff66}'..='\u{ff9f}' => 2,
            ' ' | '\u{3000}' => 3,
            '+' | '-' | '/' | ':' => 4,
            '.' | ',' => 5,
            c if c.is_control() => 6,
            _ => 7,
        };
        classes[class].1 = true;
    }
    let names: Vec<&str> = classes.iter().filter(|class| class.1).map(|class| class.0).collect();
    names.join("+")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code<T>(result: Result<T, CellFault>) -> Code {
        result.err().expect("a fault").code
    }

    #[test]
    fn integers_and_amounts() {
        assert_eq!(parse_integer(b"-9223372036854775807"), Ok(-i64::MAX));
        assert_eq!(code(parse_integer(b"9223372036854775808")), Code::OutOfRange);
        assert_eq!(parse_minor(b"12.5", 2), Ok(1250));
        assert_eq!(parse_minor(b"-0.05", 2), Ok(-5));
        assert_eq!(parse_minor(b"1.2300", 2), Ok(123));
        assert_eq!(parse_minor(b"1200", 0), Ok(1200));
        let zone = Zone::new("UTC").unwrap();
        let amount = |text: &str| parse_i64(text.as_bytes(), ColumnKind::Minor { digits: 2 }, &zone);
        assert_eq!(amount("-10000000000000"), Ok(-1_000_000_000_000_000));
        assert_eq!(code(amount("10000000000000.01")), Code::OutOfRange);
        assert_eq!(parse_i64(b"9223372036854775807", ColumnKind::Integer, &zone), Ok(i64::MAX));
        for text in ["", "-", "1.", ".5", "1,200", "1e5", "0x1F", "(100)", "12%", "1.005", "--1", "\u{ff11}"] {
            assert_eq!(code(parse_minor(text.as_bytes(), 2)), Code::WrongType, "{text}");
        }
        assert_eq!(code(parse_integer(b"1.0")), Code::WrongType);
    }

    #[test]
    fn decimals() {
        for text in ["", ".", "nan", "NaN", "inf", "-inf", "infinity", "1_000", "1 2", "1e", "e5", "--1"] {
            assert_eq!(code(parse_decimal(text.as_bytes())), Code::WrongType, "{text}");
        }
        assert_eq!(code(parse_decimal(b"1e309")), Code::OutOfRange);
        assert_eq!(code(parse_decimal(b"-1.1e30")), Code::OutOfRange);
        assert_eq!(parse_decimal(b"1e30"), Ok(1e30));
        assert_eq!(parse_decimal(b"-0.0").map(f64::to_bits), Ok((-0.0_f64).to_bits()));
        assert_eq!(parse_decimal(b"+1.5e3"), Ok(1500.0));
    }

    #[test]
    fn flags() {
        let japanese = [
            ("はい", 1),
            ("有", 1),
            ("可", 1),
            ("○", 1),
            ("いいえ", 0),
            ("無", 0),
            ("不可", 0),
            ("×", 0),
            ("あり", 1),
            ("無し", 0),
        ];
        for (text, expected) in [("Y", 1), ("true", 1), ("0", 0), ("No", 0)].into_iter().chain(japanese) {
            assert_eq!(parse_flag(text.as_bytes()), Ok(expected));
        }
        assert_eq!(code(parse_flag(b"2")), Code::WrongType);
        assert_eq!(code(parse_flag("対象".as_bytes())), Code::WrongType);
    }

    #[test]
    fn amounts_as_they_are_printed() {
        let zone = Zone::new("Asia/Tokyo").unwrap();
        let amount = |text: &str, digits| parse_i64(text.as_bytes(), ColumnKind::Minor { digits }, &zone);
        for text in ["8,800", "¥8,800", "￥8,800", "8,800円", "８，８００円", "８８００", "8800円"] {
            assert_eq!(amount(text, 0), Ok(8800), "{text}");
        }
        assert_eq!(amount("-1,234,567", 0), Ok(-1_234_567));
        assert_eq!(amount("1,234.50", 2), Ok(123_450));
        for text in ["8,80", "8,8000", ",800", "8,,800", "8800,", "1234,567", "¥", "円", "8,800ドル", "30%", "８，８"]
        {
            assert_eq!(code(amount(text, 0)), Code::WrongType, "{text}");
        }
        assert_eq!(code(amount("8.800,50", 2)), Code::WrongType, "other countries part them otherwise");
        assert_eq!(code(amount("¥8,800", 2)), Code::WrongType, "no yen");
        assert_eq!(code(amount("8,800", 3)), Code::WrongType, "thousandths or thousands");
    }

    #[test]
    fn shapes_say_no_value() {
        assert_eq!(shape_of(b"2026-1-1"), "digits+signs");
        assert_eq!(shape_of("令和6年".as_bytes()), "digits+kana_or_kanji");
        assert_eq!(shape_of(b"\x1b[0m"), "digits+letters+control+other");
    }

    proptest! {
        #[test]
        fn short_decimals_round_as_the_library_does(text in "-?[0-9]{1,9}(\\.[0-9]{0,8})?") {
            let expected: f64 = text.parse().unwrap();
            prop_assert_eq!(parse_decimal(text.as_bytes()).map(f64::to_bits), Ok(expected.to_bits()));
        }
    }
}
