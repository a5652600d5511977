//! Escaping: what comes from outside can neither drive a terminal nor break out of a JSON string.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` with control characters written as escapes (`\n`, `\t`, `\u{1b}`), so that it stays on one line and cannot drive a terminal.
///
/// Besides C0 and C1 controls these are the line and paragraph separators and the characters that reorder or hide text
/// (bidirectional controls, zero-width characters, the byte order mark), which make a message read as another one.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_risky) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if is_risky(c) => push(&mut escaped, format_args!("\\u{{{:x}}}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

fn is_risky(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{061c}' | '\u{feff}')
}

/// `text` as a JSON string with its quotes (RFC 8259, section 7).
pub fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            // Risky characters all lie in the basic plane, so one \u escape holds each.
            c if is_risky(c) => push(&mut json, format_args!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// Appends formatted text.
pub(crate) fn push(out: &mut String, args: std::fmt::Arguments<'_>) {
    out.write_fmt(args).expect("writing to a String never fails");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_escaped() {
        assert_eq!(escape_controls("a\u{1b}[31mb\r\nc\u{9b}d"), "a\\u{1b}[31mb\\r\\nc\\u{9b}d");
        assert_eq!(escape_controls("x\u{202e}y\u{2028}z\u{7f}\0"), "x\\u{202e}y\\u{2028}z\\u{7f}\\u{0}");
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(escape_controls("顧客 data/isp.csv é"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_strings() {
        assert_eq!(json_string("a\"b\\c\n\u{1b}\u{2028}d顧"), "\"a\\\"b\\\\c\\n\\u001b\\u2028d顧\"");
    }

    #[test]
    fn every_risky_character_fits_one_json_escape() {
        for c in (0..=0x0010_ffff_u32).filter_map(char::from_u32).filter(|&c| is_risky(c)) {
            assert!(u32::from(c) <= 0xffff);
        }
    }
}
