//! One spelling of what can be written in several.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// The text in the form that everything here reads: NFKC (full-width letters and digits become narrow, half-width kana wide, `①` 1), lower
/// case, with straight apostrophes, and without characters that nobody sees.
///
/// Invisible are zero-width spaces and joiners, marks of direction, variation selectors, the soft hyphen, and any mark set on a digit:
/// they would hide a number from [`crate::mask`]. Applying it again changes nothing. Linear in the text.
///
/// ```
/// assert_eq!(osusume_voice::normalize("ｳﾞｧｲｵﾘﾝ　ＴＥＬ０９０\u{200b}１"), "ヴァイオリン tel0901");
/// ```
pub fn normalize(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let plain = |c| if matches!(c, '‘' | '’' | 'ʼ') { '\'' } else { c };
    let seen: String = text.chars().filter(|&c| !is_invisible(c)).map(plain).collect();
    let lower = composed(composed(seen).to_lowercase());
    let mut last = ' ';
    let is_kept = |&c: &char| {
        let is_mark = is_combining(c) && last.is_numeric();
        if !is_mark {
            last = c;
        }
        !is_mark && !is_invisible(c)
    };
    lower.chars().filter(is_kept).collect()
}

/// NFKC; most texts are in that form already.
fn composed(text: String) -> String {
    match is_nfkc_quick(text.chars()) {
        IsNormalized::Yes => text,
        _ => text.nfkc().collect(),
    }
}

/// Whether a character leaves no trace on a page.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Marks that sit on the character before them, those of digits in key caps included.
fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}
