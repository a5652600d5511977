//! Transactions as lines: each line a basket, its items between separators.
//!
//! For files that know nothing but baskets, such as those of the FIMI repository; anything with columns goes through ingest.
//! Only the line at hand and the items found so far are held, and never more of them than the memory budget allows.

use std::path::Path;

use memchr::{memchr, memchr2, memrchr3};
use osusume_model::{Code, Control, Fault, Result, check_stop};
use osusume_storage::Fs;

use crate::csv::{decoding_fault, has_replacement};
use crate::input::{Input, in_file};
use crate::interner::Interner;
use crate::scan::ReadMore;
use crate::spec::{CsvDialect, Encoding};
use crate::value::shape_of;

/// Numbers up to this many times the number of items are used as they are: a table with so many gaps is still smaller than a dictionary.
const MAX_SPREAD: u64 = 4;
/// So many numbers are used as they are in any case.
const SMALL_SPREAD: u64 = 1 << 16;
/// No number below 2⁶⁴ is longer than this, whatever zeros stand before it.
const MAX_DIGITS: usize = 1 << 10;
/// A name longer than this is no name, but the rest of a file behind a forgotten separator.
const MAX_NAME: usize = 1 << 20;

/// How a line holds its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineItems {
    /// Whole numbers between blanks.
    Numbers,
    /// Texts between separators, in double quotes where they hold one; blanks around a text are no part of it.
    Texts {
        /// The separator; without one a comma, and a file that seems to be parted by another sign is refused.
        delimiter: Option<u8>,
        /// UTF-8 without one.
        encoding: Option<Encoding>,
    },
}

/// Baskets by number: basket b holds `items[offsets[b]..offsets[b + 1]]`, as the file gives them, repeated ones and all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasketLists {
    /// One more than there are baskets.
    pub offsets: Vec<usize>,
    /// Items as dense numbers.
    pub items: Vec<u32>,
    /// The items' names.
    pub names: ItemNames,
    /// Fields that hold no item.
    pub missing_items: u64,
}

/// What items are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemNames {
    /// Item i is the number i; there are so many.
    Same(u32),
    /// Item i is the i-th number, ascending.
    Numbers(Vec<u64>),
    /// Item i is the i-th text.
    Texts(Vec<String>),
}

impl Default for ItemNames {
    fn default() -> Self {
        Self::Same(0)
    }
}

impl ItemNames {
    /// How many items there are.
    pub fn len(&self) -> u32 {
        match self {
            Self::Same(n) => *n,
            Self::Numbers(numbers) => numbers.len() as u32,
            Self::Texts(texts) => texts.len() as u32,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of an item.
    pub fn get(&self, item: u32) -> String {
        match self {
            Self::Same(_) => item.to_string(),
            Self::Numbers(numbers) => numbers[item as usize].to_string(),
            Self::Texts(texts) => texts[item as usize].clone(),
        }
    }
}

/// Reads a file of baskets, plain or compressed as its extension says. A blank line is an empty basket.
///
/// # Errors
/// Those of opening and decoding a text file; `WrongType` and `OutOfRange` for an item that is no whole number below 2⁶⁴,
/// `UnterminatedQuote`, `StrayQuote`, `RecordTooLarge` for a name beyond all measure, `WrongFormat` for carriage returns as line ends and
/// for another separator; `FileEmpty` without a basket; `MemoryBudget` when half of `memory` bytes cannot hold the baskets.
pub fn read_basket_lines(
    fs: &dyn Fs,
    path: &Path,
    kind: LineItems,
    memory: u64,
    control: &dyn Control,
) -> Result<BasketLists> {
    let lists = match kind {
        LineItems::Numbers => {
            let mut numbers = NumberReader::default();
            read(fs, path, None, memory, control, &mut numbers)?;
            check_memory(numbers.renumbering_bytes(), memory, "the items of all baskets")?;
            let (items, names) = numbers.numbers.into_items();
            BasketLists { offsets: numbers.offsets, items, names, missing_items: 0 }
        }
        LineItems::Texts { delimiter, encoding } => {
            let mut texts = TextReader::new(delimiter, encoding);
            read(fs, path, encoding, memory, control, &mut texts)?;
            texts.check_separator().map_err(|fault| fault.in_file(path.display().to_string()))?;
            let names = texts.known.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            BasketLists {
                offsets: texts.offsets,
                items: texts.items,
                names: ItemNames::Texts(names),
                missing_items: texts.missing_items,
            }
        }
    };
    if lists.offsets.len() < 2 {
        return Err(in_file(Code::FileEmpty, path).with("what", "rows"));
    }
    Ok(lists)
}

/// Takes a file's text piece by piece.
trait Taker {
    /// Takes as much of `text`, the file from where the last call ended, as can be told, and returns how many bytes that is. All of it
    /// when nothing follows.
    fn take(&mut self, text: &[u8], is_end: bool) -> Result<usize>;

    /// Bytes held.
    fn held(&self) -> u64;
}

fn read(
    fs: &dyn Fs,
    path: &Path,
    encoding: Option<Encoding>,
    memory: u64,
    control: &dyn Control,
    taker: &mut dyn Taker,
) -> Result<()> {
    let mut input = Input::open(fs, path, encoding)?;
    let mut text = Vec::new();
    loop {
        check_stop(control)?;
        let is_end = input.read_more(&mut text)? == 0;
        let (done, total) = input.passed();
        control.progress(done, total);
        let taken = taker.take(&text, is_end).map_err(|fault| fault.in_file(path.display().to_string()))?;
        text.drain(..taken);
        let (line, held) = (text.len() as u64, taker.held());
        let largest = if line > held { "a single line" } else { "the items of all baskets" };
        check_memory(line + held, memory, largest)?;
        if is_end {
            return input.finish().map(|_| ());
        }
    }
}

/// Half of the budget is for what is made of the baskets.
fn check_memory(held: u64, memory: u64, largest: &str) -> Result<()> {
    if held <= memory / 2 {
        return Ok(());
    }
    Err(Fault::new(Code::MemoryBudget).with("budget", memory).with("needed", 2 * held).with("largest", largest))
}

/// Numbers as they come; as narrow as they all fit.
enum Numbers {
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

impl Numbers {
    fn len(&self) -> usize {
        match self {
            Self::Narrow(numbers) => numbers.len(),
            Self::Wide(numbers) => numbers.len(),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Narrow(numbers) => 4 * numbers.len() as u64,
            Self::Wide(numbers) => 8 * numbers.len() as u64,
        }
    }

    fn push(&mut self, number: u64) {
        match (&mut *self, u32::try_from(number)) {
            (Self::Narrow(numbers), Ok(number)) => numbers.push(number),
            (Self::Wide(numbers), _) => numbers.push(number),
            (Self::Narrow(numbers), Err(_)) => {
                let mut wide: Vec<u64> = std::mem::take(numbers).into_iter().map(u64::from).collect();
                wide.push(number);
                *self = Self::Wide(wide);
            }
        }
    }

    /// Dense items: the numbers themselves where they are dense enough, else their places among the different ones.
    fn into_items(self) -> (Vec<u32>, ItemNames) {
        let most = match &self {
            Self::Narrow(numbers) => numbers.iter().max().map(|most| u64::from(*most)),
            Self::Wide(numbers) => numbers.iter().max().copied(),
        };
        let n_numbers = most.map_or(0, |most| most.saturating_add(1));
        let is_dense = n_numbers <= SMALL_SPREAD.max(MAX_SPREAD * self.len() as u64) && n_numbers < u64::from(u32::MAX);
        match self {
            Self::Narrow(numbers) if is_dense => (numbers, ItemNames::Same(n_numbers as u32)),
            Self::Narrow(numbers) => places(&numbers),
            Self::Wide(numbers) => places(&numbers),
        }
    }
}

/// The place of each number among the different ones, and these.
fn places<T: Copy + Ord + Into<u64>>(numbers: &[T]) -> (Vec<u32>, ItemNames) {
    let mut different = numbers.to_vec();
    different.sort_unstable();
    different.dedup();
    let items = numbers.iter().map(|number| different.partition_point(|other| other < number) as u32).collect();
    (items, ItemNames::Numbers(different.into_iter().map(Into::into).collect()))
}

/// Whole numbers between blanks.
struct NumberReader {
    offsets: Vec<usize>,
    numbers: Numbers,
    /// Line ends taken, and bytes taken since the last one.
    lines: u64,
    column: u64,
}

impl Default for NumberReader {
    fn default() -> Self {
        Self { offsets: vec![0], numbers: Numbers::Narrow(Vec::new()), lines: 0, column: 0 }
    }
}

impl NumberReader {
    /// Bytes held while far numbers get near ones.
    fn renumbering_bytes(&self) -> u64 {
        self.held() + self.numbers.bytes()
    }

    fn end_line(&mut self) {
        self.offsets.push(self.numbers.len());
        self.lines += 1;
        self.column = 0;
    }

    fn number(&mut self, word: &[u8]) -> Result<()> {
        let number = number(word).map_err(|code| number_fault(code, word).at(self.lines + 1, self.column + 1))?;
        self.numbers.push(number);
        self.column += word.len() as u64;
        Ok(())
    }
}

impl Taker for NumberReader {
    fn take(&mut self, text: &[u8], is_end: bool) -> Result<usize> {
        // Up to the last separator: the number behind it may go on. A carriage return is told by what follows it.
        let end = if is_end { Some(text.len()) } else { memrchr3(b'\n', b' ', b'\t', text).map(|last| last + 1) };
        let Some(end) = end else {
            return if text.len() > MAX_DIGITS { self.number(text).map(|()| 0) } else { Ok(0) };
        };
        let mut at = 0;
        while at < end {
            match text[at] {
                b'\n' => {
                    self.end_line();
                    at += 1;
                }
                b'\r' if text.get(at + 1).is_some_and(|next| *next != b'\n') => {
                    return Err(carriage_returns(self.lines + 1));
                }
                byte if byte.is_ascii_whitespace() => {
                    self.column += 1;
                    at += 1;
                }
                _ => {
                    let rest = &text[at..end];
                    let len = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
                    self.number(&rest[..len])?;
                    at += len;
                }
            }
        }
        if is_end && self.column > 0 {
            self.end_line();
        }
        Ok(end)
    }

    fn held(&self) -> u64 {
        8 * self.offsets.len() as u64 + self.numbers.bytes()
    }
}

fn number(word: &[u8]) -> std::result::Result<u64, Code> {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Code::WrongType);
    }
    let add = |value: u64, digit: &u8| value.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    let value = (digits.len() == word.len()).then(|| word.iter().try_fold(0, add)).flatten();
    value.filter(|_| word.len() <= MAX_DIGITS).ok_or(Code::OutOfRange)
}

fn number_fault(code: Code, word: &[u8]) -> Fault {
    let fault = Fault::new(code);
    match code {
        Code::OutOfRange => fault.with("allowed", "0 to 18446744073709551615"),
        _ => fault.with("expected", "whole number").with("bytes", word.len() as i64).with("shape", shape_of(word)),
    }
}

fn carriage_returns(line: u64) -> Fault {
    let fault = Fault::new(Code::WrongFormat).at(line, 1);
    fault.with("found", "carriage returns as line ends").with("expected", "line feeds")
}

/// Signs that may have been meant where no comma stands, and what a file parted by them holds.
const OTHER_SIGNS: [(u8, &str); 3] =
    [(b';', "items between semicolons"), (b'\t', "items between tabs"), (b'|', "items between bars")];

/// Texts between separators.
struct TextReader {
    dialect: CsvDialect,
    is_declared: bool,
    offsets: Vec<usize>,
    items: Vec<u32>,
    known: Interner,
    missing_items: u64,
    lines: u64,
    /// Lines that hold anything, a separator, or each of the other signs.
    filled: u64,
    parted: u64,
    signs: [u64; 3],
    field: Vec<u8>,
    /// Bytes of the line at hand that hold no line end.
    scanned: usize,
}

impl TextReader {
    fn new(delimiter: Option<u8>, encoding: Option<Encoding>) -> Self {
        Self {
            dialect: CsvDialect { delimiter: delimiter.unwrap_or(b','), encoding, ..CsvDialect::default() },
            is_declared: delimiter.is_some(),
            offsets: vec![0],
            items: Vec::new(),
            known: Interner::default(),
            missing_items: 0,
            lines: 0,
            filled: 0,
            parted: 0,
            signs: [0; 3],
            field: Vec::new(),
            scanned: 0,
        }
    }

    /// Faults when no line has a separator and most have another sign.
    fn check_separator(&self) -> Result<()> {
        let meant = OTHER_SIGNS.iter().zip(&self.signs).find(|(_, lines)| 2 * **lines > self.filled);
        match meant {
            Some(((_, found), _)) if !self.is_declared && self.parted == 0 => {
                Err(Fault::new(Code::WrongFormat).with("found", *found).with("expected", "items between commas"))
            }
            _ => Ok(()),
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        let (number, line) = (self.lines + 1, line.strip_suffix(b"\r").unwrap_or(line));
        self.check_text(line).map_err(|fault| fault.at(number, 1))?;
        if memchr(b'\r', line).is_some() {
            return Err(carriage_returns(number));
        }
        let mut rest = Some(line).filter(|line| !line.trim_ascii().is_empty());
        self.filled += u64::from(rest.is_some());
        self.parted += u64::from(memchr(self.dialect.delimiter, line).is_some());
        if !self.is_declared && self.parted == 0 {
            for ((sign, _), lines) in OTHER_SIGNS.iter().zip(&mut self.signs) {
                *lines += u64::from(memchr(*sign, line).is_some());
            }
        }
        while let Some(start) = rest {
            rest = take_field(start, self.dialect.delimiter, &mut self.field).map_err(|code| {
                Fault::new(code).at(number, (start.as_ptr().addr() - line.as_ptr().addr()) as u64 + 1)
            })?;
            match self.field.len() {
                0 => self.missing_items += 1,
                1..=MAX_NAME => self.items.push(self.known.intern(&self.field)),
                bytes => return Err(name_too_long(bytes).at(number, 1)),
            }
        }
        self.offsets.push(self.items.len());
        self.lines += 1;
        Ok(())
    }

    /// Nothing is replaced or guessed.
    fn check_text(&self, line: &[u8]) -> Result<()> {
        if memchr(0, line).is_some() {
            return Err(Fault::new(Code::ControlByte));
        }
        let is_transcoded = self.dialect.encoding.is_some_and(|encoding| encoding != Encoding::Utf8);
        let is_text = std::str::from_utf8(line).is_ok() && !(is_transcoded && has_replacement(line));
        if is_text { Ok(()) } else { Err(decoding_fault(&self.dialect, line)) }
    }
}

fn name_too_long(bytes: usize) -> Fault {
    Fault::new(Code::RecordTooLarge).with("bytes", bytes).with("limit", MAX_NAME)
}

impl Taker for TextReader {
    fn take(&mut self, text: &[u8], is_end: bool) -> Result<usize> {
        let (mut at, mut from) = (0, self.scanned);
        while let Some(len) = memchr(b'\n', &text[from..]) {
            self.line(&text[at..from + len])?;
            at = from + len + 1;
            from = at;
        }
        let rest = &text[at..];
        self.scanned = rest.len();
        if is_end && !rest.is_empty() {
            self.line(rest)?;
            return Ok(text.len());
        }
        // A name beyond all measure is refused before its end is looked for.
        if rest.len() > MAX_NAME && memchr2(self.dialect.delimiter, b'\r', &rest[rest.len() - MAX_NAME..]).is_none() {
            return Err(name_too_long(rest.len()).at(self.lines + 1, 1));
        }
        Ok(at)
    }

    fn held(&self) -> u64 {
        // Names are held twice while they become texts.
        let lists = 8 * self.offsets.len() as u64 + 4 * self.items.len() as u64;
        lists + 2 * self.known.footprint() as u64
    }
}

/// Sets `field` to the first field of `line` and returns what follows the separator after it, where there is one.
fn take_field<'a>(line: &'a [u8], delimiter: u8, field: &mut Vec<u8>) -> std::result::Result<Option<&'a [u8]>, Code> {
    field.clear();
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() && *byte != delimiter;
    let start = line.iter().position(|byte| !is_blank(byte)).unwrap_or(line.len());
    let Some(mut quoted) = line[start..].strip_prefix(b"\"") else {
        let end = memchr(delimiter, line);
        field.extend_from_slice(line[..end.unwrap_or(line.len())].trim_ascii());
        return Ok(end.map(|end| &line[end + 1..]));
    };
    loop {
        let end = memchr(b'"', quoted).ok_or(Code::UnterminatedQuote)?;
        field.extend_from_slice(&quoted[..end]);
        quoted = &quoted[end + 1..];
        let Some(rest) = quoted.strip_prefix(b"\"") else { break };
        field.push(b'"');
        quoted = rest;
    }
    let trimmed = field.trim_ascii().len();
    if trimmed < field.len() {
        *field = field.trim_ascii().to_vec();
    }
    let end = memchr(delimiter, quoted);
    if !quoted[..end.unwrap_or(quoted.len())].trim_ascii().is_empty() {
        return Err(Code::StrayQuote);
    }
    Ok(end.map(|end| &quoted[end + 1..]))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use osusume_model::NoControl;
    use osusume_storage::RealFs;

    use super::*;

    const TEXTS: LineItems = LineItems::Texts { delimiter: None, encoding: None };

    fn read(name: &str, text: impl AsRef<[u8]>, kind: LineItems) -> Result<BasketLists> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), text).unwrap();
        read_basket_lines(&RealFs, &dir.path().join(name), kind, 1 << 30, &NoControl)
    }

    fn check_fault(text: impl AsRef<[u8]>, kind: LineItems, code: Code, line: u64, column: u64) {
        let text = text.as_ref();
        let fault = read("baskets.dat", text, kind).unwrap_err();
        let place = fault.place();
        assert_eq!((fault.code(), place.line, place.column), (code, Some(line), Some(column)), "{text:?}");
    }

    #[test]
    fn a_line_is_a_basket_also_a_blank_one() {
        let lists = read("baskets.dat", "3 1\r\n\n2 2\t7", LineItems::Numbers).unwrap();
        let expected = BasketLists {
            offsets: vec![0, 2, 2, 5],
            items: vec![3, 1, 2, 2, 7],
            names: ItemNames::Same(8),
            missing_items: 0,
        };
        assert_eq!(lists, expected);
    }

    #[test]
    fn far_numbers_get_near_ones() {
        let lists = read("baskets.dat", "18446744073709551615 5\n5 900000\n", LineItems::Numbers).unwrap();
        assert_eq!(lists.items, [2, 0, 0, 1]);
        assert_eq!(lists.names, ItemNames::Numbers(vec![5, 900_000, u64::MAX]));
        assert_eq!(lists.names.get(1), "900000");
    }

    #[test]
    fn what_is_no_number_is_told_with_its_place() {
        check_fault("1 2\n3 x4\n", LineItems::Numbers, Code::WrongType, 2, 3);
        check_fault("1 -2\n", LineItems::Numbers, Code::OutOfRange, 1, 3);
        check_fault("18446744073709551616\n", LineItems::Numbers, Code::OutOfRange, 1, 1);
        check_fault("1.5\n", LineItems::Numbers, Code::WrongType, 1, 1);
        assert_eq!(read("baskets.dat", "", LineItems::Numbers).unwrap_err().code(), Code::FileEmpty);
    }

    #[test]
    fn texts_may_be_quoted() {
        let lists = read("b.csv", "milk, \"bread, \"\"white\"\"\" ,tea\ntea,,milk\n", TEXTS).unwrap();
        assert_eq!(lists.names, ItemNames::Texts(vec!["milk".into(), "bread, \"white\"".into(), "tea".into()]));
        assert_eq!((lists.items, lists.offsets), (vec![0, 1, 2, 2, 0], vec![0, 3, 5]));
        check_fault("a\n\"b,c\n", TEXTS, Code::UnterminatedQuote, 2, 1);
    }

    #[test]
    fn a_file_may_come_in_any_pieces() {
        let line = |line: u32| format!("{line} {} 7\n", u64::from(line) * 99_991);
        let lines = (0..200_000).map(line).collect::<Vec<String>>().concat();
        let lists = read("b.dat", &lines, LineItems::Numbers).unwrap();
        assert_eq!((lists.offsets.len(), lists.items.len()), (200_001, 600_000));
        let name = |at: usize| lists.names.get(lists.items[at]).parse::<u64>().unwrap();
        assert!(
            (0..200_000).all(|line| [name(3 * line), name(3 * line + 1), name(3 * line + 2)]
                == [line as u64, line as u64 * 99_991, 7])
        );
        let texts = read("b.csv", lines.replace(' ', ","), TEXTS).unwrap();
        assert_eq!((texts.offsets, texts.items.len()), (lists.offsets, 600_000));
        // A line longer than what is read at once, and a line that fits exactly.
        let long = (0..300_000).map(|item: u32| format!("{item},")).collect::<Vec<String>>().concat();
        let texts = read("b.csv", format!("{long}\nx\n"), TEXTS).unwrap();
        assert_eq!((texts.offsets, texts.missing_items), (vec![0, 300_000, 300_001], 1));
    }

    #[test]
    fn nothing_is_guessed_about_the_text() {
        check_fault("a,b\n\u{8336},c\n".as_bytes().split_at(6).0, TEXTS, Code::WrongEncoding, 2, 1);
        let (cp932, _, _) = encoding_rs::SHIFT_JIS.encode("a,b\n\u{8336},\u{5869}\n");
        let fault = read("b.csv", &cp932, TEXTS).unwrap_err();
        assert_eq!((fault.code(), fault.place().line), (Code::WrongEncoding, Some(2)));
        assert!(fault.args().contains(&("hint", "cp932".into())));
        let declared = |delimiter, encoding| LineItems::Texts { delimiter, encoding };
        let lists = read("b.csv", &cp932, declared(None, Some(Encoding::Cp932))).unwrap();
        assert_eq!(lists.names.get(2), "\u{8336}");
        check_fault(b"a,\x81\x20\n", declared(None, Some(Encoding::Cp932)), Code::WrongEncoding, 1, 1);
        check_fault("a\0,b\n", TEXTS, Code::ControlByte, 1, 1);
        for line_ends in [TEXTS, LineItems::Numbers] {
            check_fault("1\r2\r3\r", line_ends, Code::WrongFormat, 1, 1);
        }
        for (text, sign) in [("milk;bread\ntea;milk\n", b';'), ("milk\tbread\ntea\tmilk\n", b'\t'), ("a|b\n", b'|')] {
            assert_eq!(read("b.csv", text, TEXTS).unwrap_err().code(), Code::WrongFormat, "{text}");
            assert!(read("b.csv", text, declared(Some(sign), None)).unwrap().names.len() > 1);
            let taken_as_it_is = read("b.csv", text, declared(Some(b','), None)).unwrap();
            assert_eq!(taken_as_it_is.items.len(), text.lines().count());
        }
        check_fault("a,\"b\"c\n", TEXTS, Code::StrayQuote, 1, 3);
        assert_eq!(read("b.csv", "x".repeat(3 << 20), TEXTS).unwrap_err().code(), Code::RecordTooLarge);
    }

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let check = |name: &str, text: &[u8], kind, largest: &str| {
            let path = dir.path().join(name);
            let mut packed =
                flate2::write::GzEncoder::new(std::fs::File::create(&path).unwrap(), flate2::Compression::fast());
            packed.write_all(text).unwrap();
            packed.finish().unwrap();
            let fault = read_basket_lines(&RealFs, &path, kind, 1 << 20, &NoControl).unwrap_err();
            assert_eq!(fault.code(), Code::MemoryBudget, "{name}");
            assert!(fault.args().contains(&("largest", largest.into())), "{fault:?}");
        };
        check("many.dat.gz", "1 2\n".repeat(100_000).as_bytes(), LineItems::Numbers, "the items of all baskets");
        check("line.csv.gz", "ab,".repeat(400_000).as_bytes(), TEXTS, "a single line");
        check("many.csv.gz", "a,b,c,d\n".repeat(100_000).as_bytes(), TEXTS, "the items of all baskets");
    }
}
