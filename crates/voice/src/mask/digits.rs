//! Runs of digits in groups, and what they are likely to be.

use super::{ADDRESS, CARD, Masked, NUMBER, PHONE, POSTAL};
use crate::{goes_on, is_numeral};

/// Groups looked at together: a card number written digit by digit has nineteen.
const MAX_GROUPS: usize = 24;
/// Characters between two groups.
const MAX_BETWEEN: usize = 3;
/// Digits of one run that are looked at; whatever is longer is masked alike.
const LONG: usize = 7;
/// Digits of an amount; longer ones are masked, whatever stands around them.
const MAX_AMOUNT: usize = 9;
/// Digits of a card.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// What large numbers count: before these they are amounts. Units of time are none of them: 日 and 月 begin the names of days, and those
/// follow telephone numbers.
const UNITS: [&str; 22] = [
    "円",
    "万",
    "億",
    "人",
    "件",
    "ポイント",
    "バイト",
    "yen",
    "jpy",
    "usd",
    "eur",
    "dollar",
    "euro",
    "pound",
    "gb",
    "mb",
    "kb",
    "byte",
    "point",
    "people",
    "customers",
    "bps",
];

fn is_zero(c: char) -> bool {
    c == '0' || c == '〇'
}

/// Hyphens, dashes, and what is typed in their place.
pub(super) fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '_' | '~' | '\u{2010}'..='\u{2015}' | '\u{2212}' | 'ー' | '〜' | '─' | '━' | 'の' | '・')
}

fn is_between(c: char) -> bool {
    is_hyphen(c) || matches!(c, ' ' | '\t' | '.' | ',' | '/' | '(' | ')' | '[' | ']')
}

/// The end of a word of letters and digits at `at` that holds six digits or more: somebody's number, or something's.
pub(super) fn serial(chars: &[char], at: usize) -> Option<usize> {
    let run = chars[at..].iter().take_while(|c| c.is_ascii_alphanumeric()).count();
    let word = &chars[at..at + run];
    let digits = word.iter().filter(|c| c.is_ascii_digit()).count();
    // Digits before letters are an amount of something, e.g. 1000000yen.
    let leading = word.iter().take_while(|c| c.is_ascii_digit()).count();
    (digits >= 6 && digits < run && leading < digits).then_some(at + run)
}

/// Groups of digits, as far as they may belong together.
pub(super) struct Sequence {
    /// Start and end of each group.
    pub(super) groups: Vec<(usize, usize)>,
}

impl Sequence {
    /// The groups from the digit at `at` on.
    pub(super) fn read(chars: &[char], at: usize) -> Self {
        let mut groups = Vec::new();
        let mut start = at;
        while groups.len() < MAX_GROUPS {
            let end = start + chars[start..].iter().take_while(|c| is_numeral(**c)).count();
            groups.push((start, end));
            let between = chars[end..].iter().take(MAX_BETWEEN).take_while(|c| is_between(**c)).count();
            start = end + between;
            if between == 0 || !chars.get(start).copied().is_some_and(is_numeral) {
                break;
            }
        }
        Self { groups }
    }

    /// Where the first `n_groups` end.
    pub(super) fn end(&self, n_groups: usize) -> usize {
        self.groups[n_groups - 1].1
    }

    fn length(&self, group: usize) -> usize {
        self.groups[group].1 - self.groups[group].0
    }

    /// What stands between the first `n_groups`.
    fn between<'c>(&self, n_groups: usize, chars: &'c [char]) -> impl Iterator<Item = &'c [char]> + use<'c, '_> {
        self.groups[..n_groups].windows(2).map(|pair| &chars[pair[0].1..pair[1].0])
    }

    /// The value of a group of at most four ASCII digits.
    fn value(&self, group: usize, chars: &[char]) -> Option<u32> {
        let (start, end) = self.groups[group];
        let digits = chars[start..end].iter().map(|c| c.to_digit(10)).collect::<Option<Vec<u32>>>()?;
        (digits.len() <= 4).then(|| digits.iter().fold(0, |value, digit| 10 * value + digit))
    }

    /// The end of a date, a decimal number or one with separated thousands at the beginning.
    pub(super) fn plain_end(&self, chars: &[char]) -> Option<usize> {
        if self.is_date(chars) {
            return Some(self.end(3));
        }
        let is_alone = self.between(self.groups.len(), chars).nth(1).is_none_or(|sign| sign.contains(&' '));
        let is_short = |group, most| self.length(group) <= most;
        if self.groups.len() > 1 && is_alone && is_short(0, 3) && is_short(1, MAX_AMOUNT) && self.is_decimal(2, chars) {
            return Some(self.end(2));
        }
        let thousands = 1 + self.between(self.groups.len(), chars).take_while(|between| *between == [',']).count();
        let whole = (1..thousands).take_while(|&group| self.length(group) == 3).count() + 1;
        let is_number = whole > 1 && whole == thousands && self.length(0) <= 3 && !is_zero(chars[self.groups[0].0]);
        is_number.then(|| self.end(whole))
    }

    /// A year, a month and a day, with nothing that goes on behind.
    fn is_date(&self, chars: &[char]) -> bool {
        if self.groups.len() < 3 || self.length(0) != 4 {
            return false;
        }
        let mut between = self.between(3, chars);
        let (first, second) = (between.next(), between.next());
        let is_sign = first.is_some_and(|sign| sign.len() == 1 && "-/.".contains(sign[0])) && first == second;
        let goes_on = self.between(self.groups.len(), chars).nth(2).is_some_and(|sign| Some(sign) == first);
        let part = |group, range: std::ops::RangeInclusive<u32>| {
            self.length(group) <= 2 && self.value(group, chars).is_some_and(|value| range.contains(&value))
        };
        let is_year = self.value(0, chars).is_some_and(is_year);
        is_sign && !goes_on && is_year && part(1, 1..=12) && part(2, 1..=31)
    }

    /// What the first `n_groups` are, `before` being the text so far.
    pub(super) fn token(&self, n_groups: usize, chars: &[char], before: &str) -> Option<&'static str> {
        let total: usize = (0..n_groups).map(|group| self.length(group)).sum();
        let is_zero_first = is_zero(chars[self.groups[0].0]);
        // Groups so short are nothing but the numbers of a house.
        if total < LONG && !before.chars().next_back().is_some_and(|c| c.is_alphabetic() && !c.is_ascii()) {
            return None;
        }
        if before.ends_with('+') && (8..=15).contains(&total) {
            return Some(PHONE);
        }
        if n_groups == 1 {
            return self.run_token(total, is_zero_first, chars, before);
        }
        if total <= MAX_AMOUNT && !is_zero_first && self.is_amount(n_groups, chars, before) {
            return None;
        }
        let lengths: Vec<usize> = (0..n_groups).map(|group| self.length(group)).collect();
        let is_joined = self.between(n_groups, chars).all(|sign| sign.iter().any(|c| !matches!(c, ' ' | '\t')));
        let is_hyphened = self.between(n_groups, chars).all(|sign| sign.iter().any(|c| is_hyphen(*c)));
        if is_zero_first && (9..=11).contains(&total) && !self.is_decimal(n_groups, chars) {
            return Some(PHONE);
        }
        if CARD_DIGITS.contains(&total)
            && (is_joined || lengths.iter().all(|&n| n >= 3) || lengths.iter().all(|&n| n == 1))
        {
            return Some(CARD);
        }
        if before.trim_end_matches(' ').ends_with('〒') && total == 7 {
            return Some(POSTAL);
        }
        let is_behind_word = before.chars().next_back().is_some_and(|c| c.is_alphabetic() && !c.is_ascii());
        if is_hyphened && n_groups >= 3 && total < 9 && is_behind_word {
            return Some(ADDRESS);
        }
        if is_hyphened && n_groups == 2 && total < 7 && before.ends_with(['町', '区', '市', '村', '字', '目']) {
            return Some(ADDRESS);
        }
        match lengths[..] {
            [3, 4] if is_hyphened => Some(POSTAL),
            [4, 4] if is_hyphened && !self.is_years(chars) => Some(PHONE),
            [3, 3, 4] => Some(PHONE),
            _ if is_joined && (9..=12).contains(&total) && !self.is_decimal(n_groups, chars) => Some(PHONE),
            _ if lengths.iter().any(|&n| n >= LONG) || (total > 19 && is_joined) => Some(NUMBER),
            _ => None,
        }
    }

    /// What one run of digits is.
    fn run_token(&self, total: usize, is_zero_first: bool, chars: &[char], before: &str) -> Option<&'static str> {
        if total < LONG || (total <= MAX_AMOUNT && !is_zero_first && self.is_amount(1, chars, before)) {
            return None;
        }
        if before.trim_end_matches(' ').ends_with('〒') && total == 7 {
            return Some(POSTAL);
        }
        match total {
            8 if self.is_day(chars) => None,
            10 | 11 if is_zero_first => Some(PHONE),
            n if CARD_DIGITS.contains(&n) => Some(CARD),
            _ => Some(NUMBER),
        }
    }

    /// Whether eight digits are a date.
    fn is_day(&self, chars: &[char]) -> bool {
        let number = |from: usize, to: usize| {
            chars[self.groups[0].0 + from..self.groups[0].0 + to]
                .iter()
                .try_fold(0, |value, c| Some(10 * value + c.to_digit(10)?))
        };
        number(0, 4).is_some_and(is_year)
            && number(4, 6).is_some_and(|month| (1..=12).contains(&month))
            && number(6, 8).is_some_and(|day| (1..=31).contains(&day))
    }

    /// Whether two groups are a number and its decimals.
    fn is_decimal(&self, n_groups: usize, chars: &[char]) -> bool {
        let is_point = self.between(n_groups, chars).all(|sign| sign == ['.']);
        n_groups == 2 && is_point && !(is_zero(chars[self.groups[0].0]) && self.length(0) > 1)
    }

    /// Whether both of two groups are years.
    fn is_years(&self, chars: &[char]) -> bool {
        (0..2).all(|group| self.value(group, chars).is_some_and(is_year))
    }

    /// Whether money stands before, or a unit behind.
    fn is_amount(&self, n_groups: usize, chars: &[char], before: &str) -> bool {
        let is_money = before.trim_end_matches(' ').ends_with(['¥', '$', '€', '£', '\\']);
        let end = self.end(n_groups);
        let spaces = chars[end..].iter().take(2).take_while(|&&c| c == ' ').count();
        is_money || UNITS.iter().any(|unit| goes_on(chars, end + spaces, unit))
    }

    /// Takes back the signs before the first group that belong to it.
    pub(super) fn take_back(&self, n_groups: usize, token: &'static str, chars: &[char], out: &mut Masked) {
        if token == POSTAL && out.text.trim_end_matches(' ').ends_with('〒') {
            out.take_back(usize::MAX, |c| c == ' ');
            out.take_back(1, |c| c == '〒');
        }
        let is_closed = self.between(n_groups, chars).any(|sign| sign.contains(&')') && !sign.contains(&'('));
        if token == PHONE && is_closed {
            out.take_back(1, |c| c == '(');
        }
        if token == PHONE {
            out.take_back(1, |c| c == '+');
        }
    }
}

fn is_year(value: u32) -> bool {
    (1900..2100).contains(&value)
}
