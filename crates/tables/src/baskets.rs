//! Transactions as lines: each line a basket, its items between separators.
//!
//! For files that know nothing but baskets, such as those of the FIMI repository; anything with columns goes through ingest.

use std::path::Path;

use osusume_model::{Code, Control, Fault, Result, check_stop};
use osusume_storage::Fs;

use crate::input::{Input, in_file};
use crate::interner::Interner;
use crate::scan::ReadMore;
use crate::value::shape_of;

/// Numbers up to this many times the number of items are used as they are: a table with so many gaps is still smaller than a dictionary.
const MAX_SPREAD: u64 = 4;
/// So many numbers are used as they are in any case.
const SMALL_SPREAD: u64 = 1 << 16;

/// How a line holds its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineItems {
    /// Whole numbers between blanks.
    Numbers,
    /// Texts between commas, in double quotes where they hold commas; blanks around a text are no part of it.
    Texts,
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

/// Reads a file of baskets, plain or compressed as its extension says. A blank line is an empty basket, but for the file's last one.
///
/// # Errors
/// Those of opening and decoding a text file; `WrongType` and `OutOfRange` for an item that is no whole number below 2⁶⁴,
/// `UnterminatedQuote`; `FileEmpty` without a basket.
pub fn read_basket_lines(fs: &dyn Fs, path: &Path, kind: LineItems, control: &dyn Control) -> Result<BasketLists> {
    let text = read_text(fs, path, control)?;
    let lists = match kind {
        LineItems::Numbers => numbers(&text, path),
        LineItems::Texts => texts(&text, path),
    }?;
    if lists.offsets.len() < 2 {
        return Err(in_file(Code::FileEmpty, path).with("what", "rows"));
    }
    Ok(lists)
}

fn read_text(fs: &dyn Fs, path: &Path, control: &dyn Control) -> Result<Vec<u8>> {
    let mut input = Input::open(fs, path, None)?;
    let mut text = Vec::new();
    while input.read_more(&mut text)? > 0 {
        check_stop(control)?;
    }
    input.finish()?;
    Ok(text)
}

/// The lines without their ends; what follows the last line end is a line only when it holds something.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let lines = (!text.is_empty()).then(|| text.split(|byte| *byte == b'\n'));
    lines.into_iter().flatten().map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn numbers(text: &[u8], path: &Path) -> Result<BasketLists> {
    let (mut offsets, mut numbers) = (vec![0], Vec::new());
    for (idx, line) in lines(text).enumerate() {
        for word in line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
            numbers.push(number(word).map_err(|code| fault(code, word, line, idx, path))?);
        }
        offsets.push(numbers.len());
    }
    let (items, names) = number_items(numbers);
    Ok(BasketLists { offsets, items, names })
}

fn number(word: &[u8]) -> std::result::Result<u64, Code> {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Code::WrongType);
    }
    let add = |value: u64, digit: &u8| value.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    let value = (digits.len() == word.len()).then(|| word.iter().try_fold(0, add)).flatten();
    value.ok_or(Code::OutOfRange)
}

fn fault(code: Code, word: &[u8], line: &[u8], idx: usize, path: &Path) -> Fault {
    let column = word.as_ptr().addr() - line.as_ptr().addr() + 1;
    let fault = in_file(code, path).at(idx as u64 + 1, column as u64);
    match code {
        Code::OutOfRange => fault.with("allowed", "0 to 18446744073709551615"),
        _ => fault.with("expected", "whole number").with("bytes", word.len() as i64).with("shape", shape_of(word)),
    }
}

/// Numbers as dense items: themselves where they are dense enough, else their places among the different ones.
fn number_items(numbers: Vec<u64>) -> (Vec<u32>, ItemNames) {
    let n_numbers = numbers.iter().max().map_or(0, |most| most.saturating_add(1));
    if n_numbers <= SMALL_SPREAD.max(MAX_SPREAD * numbers.len() as u64) && n_numbers < u64::from(u32::MAX) {
        return (numbers.into_iter().map(|number| number as u32).collect(), ItemNames::Same(n_numbers as u32));
    }
    let mut different = numbers.clone();
    different.sort_unstable();
    different.dedup();
    let items = numbers.iter().map(|number| different.partition_point(|other| other < number) as u32).collect();
    (items, ItemNames::Numbers(different))
}

fn texts(text: &[u8], path: &Path) -> Result<BasketLists> {
    let (mut offsets, mut items, mut known) = (vec![0], Vec::new(), Interner::default());
    let mut field = Vec::new();
    for (idx, line) in lines(text).enumerate() {
        let mut rest = Some(line);
        while let Some(start) = rest {
            let next = take_field(start, &mut field)
                .map_err(|OpenQuote| in_file(Code::UnterminatedQuote, path).at(idx as u64 + 1, 1))?;
            if !field.is_empty() {
                items.push(known.intern(&field));
            }
            rest = next;
        }
        offsets.push(items.len());
    }
    let names = known.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    Ok(BasketLists { offsets, items, names: ItemNames::Texts(names) })
}

/// A quote without its end.
struct OpenQuote;

/// Sets `field` to the first field of `line` and returns what follows the comma after it, where there is one.
fn take_field<'a>(line: &'a [u8], field: &mut Vec<u8>) -> std::result::Result<Option<&'a [u8]>, OpenQuote> {
    field.clear();
    let trimmed = line.trim_ascii_start();
    let Some(mut quoted) = trimmed.strip_prefix(b"\"") else {
        let end = line.iter().position(|byte| *byte == b',');
        field.extend_from_slice(line[..end.unwrap_or(line.len())].trim_ascii());
        return Ok(end.map(|end| &line[end + 1..]));
    };
    loop {
        let end = quoted.iter().position(|byte| *byte == b'"').ok_or(OpenQuote)?;
        field.extend_from_slice(&quoted[..end]);
        quoted = &quoted[end + 1..];
        let Some(rest) = quoted.strip_prefix(b"\"") else { break };
        field.push(b'"');
        quoted = rest;
    }
    Ok(quoted.iter().position(|byte| *byte == b',').map(|end| &quoted[end + 1..]))
}

#[cfg(test)]
mod tests {
    use osusume_model::NoControl;
    use osusume_storage::RealFs;

    use super::*;

    fn read(name: &str, text: &str, kind: LineItems) -> Result<BasketLists> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), text).unwrap();
        read_basket_lines(&RealFs, &dir.path().join(name), kind, &NoControl)
    }

    fn check_fault(text: &str, kind: LineItems, code: Code, line: u64, column: u64) {
        let fault = read("baskets.dat", text, kind).unwrap_err();
        let place = fault.place();
        assert_eq!((fault.code(), place.line, place.column), (code, Some(line), Some(column)), "{text}");
    }

    #[test]
    fn a_line_is_a_basket_also_a_blank_one() {
        let lists = read("baskets.dat", "3 1\r\n\n2 2\t7", LineItems::Numbers).unwrap();
        let expected = BasketLists { offsets: vec![0, 2, 2, 5], items: vec![3, 1, 2, 2, 7], names: ItemNames::Same(8) };
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
        let lists = read("b.csv", "milk, \"bread, \"\"white\"\"\" ,tea\ntea,,milk\n", LineItems::Texts).unwrap();
        assert_eq!(lists.names, ItemNames::Texts(vec!["milk".into(), "bread, \"white\"".into(), "tea".into()]));
        assert_eq!((lists.items, lists.offsets), (vec![0, 1, 2, 2, 0], vec![0, 3, 5]));
        check_fault("a\n\"b,c\n", LineItems::Texts, Code::UnterminatedQuote, 2, 1);
    }
}
