//! The words of a text that may tell what it is about.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use icu_segmenter::{WordSegmenter, WordSegmenterBorrowed};

/// Longest word, in characters; what is longer is no word.
const MAX_WORD: usize = 24;

static SEGMENTER: LazyLock<WordSegmenterBorrowed<'static>> =
    LazyLock::new(|| WordSegmenter::new_dictionary(icu_segmenter::options::WordBreakInvariantOptions::default()));

/// Words that say nothing of what a text is about, one a line.
static STOPS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let lines = [include_str!("../data/stop_en.txt"), include_str!("../data/stop_ja.txt")];
    lines.into_iter().flat_map(str::lines).filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
});

/// The words of a masked text ([`crate::mask`]) in their order: segments of Unicode's word boundaries, those of Japanese by dictionary.
///
/// Left out are punctuation, anything with a digit, masks, words of one letter or katakana, of one or two hiragana or of more than 24
/// characters, and stop words.
/// Linear in the text.
///
/// ```
/// let words: Vec<&str> = osusume_voice::words("夜の速度が遅く、the line drops ⟨phone⟩ 3 times").collect();
/// assert_eq!(words, ["夜", "速度", "遅", "line", "drops"]);
/// ```
pub fn words(masked: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    let mut is_masked = false;
    let segments = SEGMENTER.segment_str(masked).iter_with_word_type().map(move |(end, kind)| {
        let segment = &masked[start..end];
        start = end;
        (segment, kind.is_word_like())
    });
    segments.filter_map(move |(segment, is_word)| {
        match segment {
            "⟨" => is_masked = true,
            "⟩" => is_masked = false,
            _ => {}
        }
        (is_word && !is_masked && is_telling(segment)).then_some(segment)
    })
}

fn is_telling(word: &str) -> bool {
    let n_chars = word.chars().take(MAX_WORD + 1).count();
    let is_hiragana = |c| ('\u{3041}'..='\u{309f}').contains(&c);
    let is_simple = |c: char| c.is_ascii() || is_hiragana(c) || ('\u{30a0}'..='\u{30ff}').contains(&c);
    n_chars <= MAX_WORD
        && !word.chars().any(char::is_numeric)
        && (n_chars > 1 || !word.chars().all(is_simple))
        // Two hiragana are an ending or a particle.
        && (n_chars > 2 || !word.chars().all(is_hiragana))
        && !STOPS.contains(word)
}
