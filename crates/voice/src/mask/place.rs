//! Numbers of houses.

use super::ADDRESS;
use super::digits::is_hyphen;
use crate::{goes_on, is_numeral};

/// Digits of one number of an address.
const MAX_DIGITS: usize = 5;
/// Words between a house's number and the word for its street.
const MAX_WORDS: usize = 3;
/// What streets are called, in full and short.
const STREETS: [&str; 14] = [
    "street",
    "st",
    "avenue",
    "ave",
    "road",
    "rd",
    "boulevard",
    "blvd",
    "lane",
    "square",
    "crescent",
    "terrace",
    "highway",
    "hwy",
];
/// Words that no street is named by, and that often follow a number.
const NOT_STREETS: [&str; 30] = [
    "a", "an", "the", "of", "on", "in", "at", "to", "and", "or", "from", "for", "with", "by", "per", "is", "are",
    "was", "day", "days", "hour", "hours", "minute", "minutes", "times", "people", "mbps", "gb", "month", "months",
];

/// The end of `1丁目2番3号`, in any of its short forms, at `at`. One of 丁目, 番地, 号室 or 番 and 号 has to be there: 番 alone counts, too.
pub(super) fn japanese(chars: &[char], at: usize) -> Option<usize> {
    let (mut position, mut end, mut is_sure, mut is_block) = (at, at, false, false);
    loop {
        let length = chars[position..].iter().take(MAX_DIGITS + 1).take_while(|&&c| is_numeral(c) || c == '十').count();
        if length == 0 || length > MAX_DIGITS {
            break;
        }
        position += length;
        end = position;
        let named = ["丁目", "番地", "号室"].iter().find(|word| goes_on(chars, position, word));
        if let Some(word) = named {
            is_sure = true;
            position += word.chars().count();
            end = position;
        } else if goes_on(chars, position, "番") && chars.get(position + 1).is_some_and(|&c| is_numeral(c)) {
            is_block = true;
            position += 1;
        } else if goes_on(chars, position, "号") && (is_block || is_sure) {
            is_sure = true;
            position += 1;
            end = position;
        }
        let spaces = chars[position..].iter().take(1).take_while(|&&c| is_hyphen(c) || c == ' ').count();
        position += spaces;
    }
    is_sure.then_some(end)
}

/// `12 baker street` and `po box 12` at `at`: the end, and the token.
pub(super) fn english(chars: &[char], at: usize) -> Option<(usize, &'static str)> {
    let end = if chars[at].is_ascii_digit() { house(chars, at) } else { box_of(chars, at) };
    end.map(|end| (end, ADDRESS))
}

fn house(chars: &[char], at: usize) -> Option<usize> {
    let digits = chars[at..].iter().take(MAX_DIGITS + 1).take_while(|c| c.is_ascii_digit()).count();
    if digits > MAX_DIGITS {
        return None;
    }
    let mut position = at + digits;
    for n_before in 0..=MAX_WORDS {
        position = space(chars, position)?;
        let length = chars[position..].iter().take(24).take_while(|c| c.is_ascii_alphabetic()).count();
        let word: String = chars[position..position + length].iter().collect();
        if n_before > 0 && STREETS.contains(&word.as_str()) {
            return Some(position + length);
        }
        if length < 2 || NOT_STREETS.contains(&word.as_str()) {
            return None;
        }
        position += length;
    }
    None
}

fn box_of(chars: &[char], at: usize) -> Option<usize> {
    let start =
        ["po box ", "p.o. box ", "p.o.box "].iter().find(|word| goes_on(chars, at, word)).map(|w| at + w.len())?;
    let digits = chars[start..].iter().take_while(|c| c.is_ascii_digit()).count();
    (digits > 0).then_some(start + digits)
}

/// The position behind one or two spaces.
fn space(chars: &[char], at: usize) -> Option<usize> {
    let spaces = chars[at.min(chars.len())..].iter().take(2).take_while(|&&c| c == ' ').count();
    (spaces > 0).then_some(at + spaces)
}
