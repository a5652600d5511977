//! What customers write, read without being kept: one spelling, personal data masked, words, and a tone, in Japanese, English or both.
//!
//! [`read`] does all of it for one text; [`normalize`], [`mask`] and [`words`] are its steps. What is wrong or well is told by lexicons
//! (`data/*.tsv`, both languages) of expressions with weights; a denial turns them round.
//!
//! ```
//! let said = osusume_voice::read("The line keeps dropping. 解約も考えています。090-1234-5678").expect("there are words");
//! assert!(said.is_complaint && said.is_leaving && !said.is_praise);
//! assert_eq!(said.sentiment, -0.5);
//! assert_eq!(said.terms, ["dropping", "line", "考え", "解約"]);
//! ```
//!
//! Not here: customers, dates, which words become features (crate `pipeline`), any file.

#![warn(missing_docs)]

mod lexicon;
mod mask;
mod normal;
mod tone;
mod words;

pub use mask::mask;
pub use normal::normalize;
pub use words::words;

/// Characters of a text that are read; what stands behind them changes nothing.
pub const MAX_CHARS: usize = 20_000;
/// Different words of a text that are kept.
pub const MAX_TERMS: usize = 64;
/// Characters at most given up where a text is cut, so that no half of a number or name is taken for a whole one.
const CUT_BACK: usize = 400;

/// What one text says.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "four answers that do not depend on one another")]
pub struct Said {
    /// (praise − complaint) / (praise + complaint + 1), in (−1, 1): praise and complaint are the sums of the weights of expressions,
    /// a denied praise counts as a complaint of the same weight, a denied complaint as praise of one half.
    pub sentiment: f64,
    /// Something is wrong: complaints weigh 1 or more.
    pub is_complaint: bool,
    /// The customer is content with something: praise weighs 1 or more. A text may be both.
    pub is_praise: bool,
    /// The customer thinks of leaving.
    pub is_leaving: bool,
    /// It cannot wait.
    pub is_urgent: bool,
    /// The different words of [`words`], sorted; the first [`MAX_TERMS`] of them in the text.
    pub terms: Vec<String>,
}

/// Reads a text; none that has neither a letter nor a digit.
///
/// The text is normalized and masked first; nothing of it is kept but the words. Only the first [`MAX_CHARS`] characters are read. Linear
/// in the text.
pub fn read(text: &str) -> Option<Said> {
    let masked = readable(text)?;
    let mut terms: Vec<&str> = Vec::new();
    for word in words(&masked) {
        if terms.len() == MAX_TERMS {
            break;
        }
        if let Err(place) = terms.binary_search(&word) {
            terms.insert(place, word);
        }
    }
    Some(Said { terms: terms.into_iter().map(str::to_owned).collect(), ..said(&masked) })
}

/// What [`read`] says of a text but for its words, at a fraction of the cost: [`Said::terms`] is empty.
pub fn read_tone(text: &str) -> Option<Said> {
    readable(text).map(|masked| said(&masked))
}

/// A text normalized and masked; none that has neither a letter nor a digit.
fn readable(text: &str) -> Option<String> {
    let masked = mask(&normalize(beginning(text)));
    masked.chars().any(char::is_alphanumeric).then_some(masked)
}

fn said(masked: &str) -> Said {
    let tone = tone::Tone::of(masked);
    Said {
        sentiment: tone.sentiment(),
        is_complaint: tone.is_complaint(),
        is_praise: tone.is_praise(),
        is_leaving: tone.is_leaving(),
        is_urgent: tone.is_urgent(),
        terms: Vec::new(),
    }
}

/// At most [`MAX_CHARS`] characters, cut behind a blank or the end of a sentence.
fn beginning(text: &str) -> &str {
    let Some((end, _)) = text.char_indices().nth(MAX_CHARS) else { return text };
    let cut = &text[..end];
    let is_gap = |c: char| c.is_whitespace() || matches!(c, '。' | '、' | '！' | '？');
    let kept = cut.char_indices().rev().take(CUT_BACK).find(|(_, c)| is_gap(*c)).map(|(at, _)| at);
    &cut[..kept.or_else(|| cut.char_indices().rev().nth(CUT_BACK).map(|(at, _)| at)).unwrap_or(0)]
}

/// Whether `chars` go on with `word` at `at`.
fn goes_on(chars: &[char], at: usize, word: &str) -> bool {
    word.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c))
}

/// Whether a character is a digit of any script or a Japanese numeral.
fn is_numeral(c: char) -> bool {
    c.is_numeric() || "一二三四五六七八九".contains(c)
}
