//! Personal data inside a text becomes a token, before anything else looks at the text.

mod digits;
mod net;
mod place;

use digits::Sequence;

use crate::is_numeral;

/// A telephone number.
pub(crate) const PHONE: &str = "⟨phone⟩";
/// A mail address, or the name of an account behind an `@`.
pub(crate) const MAIL: &str = "⟨mail⟩";
/// A group of digits as long as a payment card's.
pub(crate) const CARD: &str = "⟨card⟩";
/// A postal code.
pub(crate) const POSTAL: &str = "⟨postal⟩";
/// The numbers of a house, or a house and its street.
pub(crate) const ADDRESS: &str = "⟨address⟩";
/// Any other long number: a customer's, a contract's, a device's.
pub(crate) const NUMBER: &str = "⟨number⟩";
/// A link.
pub(crate) const URL: &str = "⟨url⟩";

/// A normalized text ([`crate::normalize`]) with personal data replaced by tokens.
///
/// | token | what it stands for |
/// |---|---|
/// | `⟨phone⟩` | digits that begin with 0 and number 9 to 11, or with + and number 8 to 15, or are grouped 4-4 or 3-3-4; other groups of 9 to 12 digits joined by hyphens |
/// | `⟨mail⟩` | `name@host`, also with spaces or `(at)`; `@name` |
/// | `⟨card⟩` | 13 to 19 digits, in one run, in groups of three or more, or one by one; no check digit is computed, for a mistyped card number is one all the same |
/// | `⟨postal⟩` | 〒 and seven digits; three digits, a hyphen, four digits |
/// | `⟨address⟩` | 1丁目2番3号 and its short forms, 1-2-3 behind a Japanese word, `12 baker street`, `po box 12` |
/// | `⟨number⟩` | any other run of seven digits or more, and words of letters with six digits or more |
/// | `⟨url⟩` | anything behind `http://`, `https://` or `www.`, and `host.name/…` |
///
/// Digits are those of any script, Japanese numerals included; between them may stand up to three spaces, dots, commas, slashes, brackets,
/// `の`, or hyphens and dashes of any kind, the long vowel sign among them.
/// Dates, amounts of money, thousands with commas, and numbers before a unit stay.
/// Names of people and of places are not told from other words; what keeps them out of tables is that a word has to be used by many.
///
/// Applying it again changes nothing. Linear in the text.
///
/// ```
/// use osusume_voice::{mask, normalize};
/// let text = normalize("０９０ー１２３４ー５６７８ か taro@example.jp へ。100 Mbps は 3 日だけ。");
/// assert_eq!(mask(&text), "⟨phone⟩ か ⟨mail⟩ へ。100 mbps は 3 日だけ。");
/// ```
pub fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Masked { text: String::with_capacity(text.len()) };
    let mut at = 0;
    while at < chars.len() {
        at = step(&chars, at, &mut out);
    }
    out.text
}

/// What has been written so far. Rules look back at it and not at the text, so that a second pass sees what the first saw.
struct Masked {
    text: String,
}

impl Masked {
    fn last(&self) -> Option<char> {
        self.text.chars().next_back()
    }

    /// Takes back what was written as long as `is_part` says so, at most `most` characters.
    fn take_back(&mut self, most: usize, is_part: impl Fn(char) -> bool) -> usize {
        let mut taken = 0;
        while taken < most && self.last().is_some_and(&is_part) {
            self.text.pop();
            taken += 1;
        }
        taken
    }

    fn put(&mut self, chars: &[char]) {
        self.text.extend(chars);
    }
}

/// Writes what begins at `at`, and says where to go on.
fn step(chars: &[char], at: usize, out: &mut Masked) -> usize {
    let c = chars[at];
    if let Some(end) = net::mail(chars, at, out) {
        out.text.push_str(MAIL);
        return end;
    }
    let is_inside = out.last().is_some_and(|last| last.is_ascii_alphanumeric());
    if c.is_ascii_alphanumeric() && !is_inside {
        if let Some((end, token)) = net::url(chars, at).map(|end| (end, URL)).or_else(|| place::english(chars, at)) {
            out.text.push_str(token);
            return end;
        }
        if let Some(end) = digits::serial(chars, at) {
            out.text.push_str(NUMBER);
            return end;
        }
    }
    if is_numeral(c) {
        return numbers(chars, at, out);
    }
    out.text.push(c);
    at + 1
}

/// Writes what begins with the digit at `at`.
fn numbers(chars: &[char], at: usize, out: &mut Masked) -> usize {
    if let Some(end) = place::japanese(chars, at) {
        out.text.push_str(ADDRESS);
        return end;
    }
    let sequence = Sequence::read(chars, at);
    if let Some(end) = sequence.plain_end(chars) {
        out.put(&chars[at..end]);
        return end;
    }
    for n_groups in (1..=sequence.groups.len()).rev() {
        let Some(token) = sequence.token(n_groups, chars, &out.text) else { continue };
        sequence.take_back(n_groups, token, chars, out);
        out.text.push_str(token);
        return sequence.end(n_groups);
    }
    out.put(&chars[at..sequence.end(1)]);
    sequence.end(1)
}
