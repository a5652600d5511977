//! One cell: formulas, quotes and encoding, in this order.

use encoding_rs::{EncoderResult, SHIFT_JIS};

use crate::profile::{Encoding, Injection, Profile, Quoting, Unmappable};

/// What had to be done to a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// A spreadsheet would run it as a formula.
    pub(crate) is_risky: bool,
    /// Look-alikes were written for characters the encoding lacks.
    pub(crate) is_transliterated: bool,
}

/// The encoding lacks a character of the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoSuchCharacter;

/// Appends a cell to a record.
pub(crate) fn write_cell(
    record: &mut Vec<u8>,
    text: &str,
    is_text: bool,
    profile: &Profile,
) -> Result<Notes, NoSuchCharacter> {
    let is_risky = is_text && is_formula(text);
    let quoted = match (is_risky, profile.injection) {
        (true, Injection::Apostrophe) => quote(&format!("'{text}"), is_text, profile),
        _ => quote(text, is_text, profile),
    };
    let is_transliterated = encode(record, &quoted, profile)?;
    Ok(Notes { is_risky, is_transliterated })
}

/// Whether a spreadsheet may run the text: OWASP's list of first characters, and the full-width forms Japanese Excel takes for them.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '−', '＠'])
}

/// The cell as RFC 4180 wants it.
fn quote(text: &str, is_text: bool, profile: &Profile) -> String {
    let needs_it = text.contains([profile.delimiter, '"', '\r', '\n']) || text.trim().len() != text.len();
    if needs_it || (profile.quoting == Quoting::Text && is_text) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Appends the encoded text; whether look-alikes were used.
fn encode(record: &mut Vec<u8>, text: &str, profile: &Profile) -> Result<bool, NoSuchCharacter> {
    // The ASCII half of CP932 is ASCII.
    if profile.encoding == Encoding::Utf8 || text.is_ascii() {
        record.extend_from_slice(text.as_bytes());
        return Ok(false);
    }
    if let Some(bytes) = cp932(text) {
        record.extend_from_slice(&bytes);
        return Ok(false);
    }
    if profile.unmappable != Unmappable::Transliterate {
        return Err(NoSuchCharacter);
    }
    let alike: String = text.chars().map(look_alike).collect();
    record.extend_from_slice(&cp932(&alike).ok_or(NoSuchCharacter)?);
    Ok(true)
}

/// The text in CP932, or `None` when it would not come back the same.
///
/// The round trip matters: the encoder takes `¥` and `‾` for `\` and `~` without a word.
fn cp932(text: &str) -> Option<Vec<u8>> {
    let mut encoder = SHIFT_JIS.new_encoder();
    let capacity = encoder.max_buffer_length_from_utf8_without_replacement(text.len())?;
    let mut bytes = vec![0; capacity];
    let (result, _, n_written) = encoder.encode_from_utf8_without_replacement(text, &mut bytes, true);
    bytes.truncate(n_written);
    let is_whole = matches!(result, EncoderResult::InputEmpty);
    let came_back = || SHIFT_JIS.decode_without_bom_handling_and_without_replacement(&bytes).is_some_and(|t| t == text);
    (is_whole && came_back()).then_some(bytes)
}

/// The character of CP932 that Japanese software shows for the same key.
fn look_alike(c: char) -> char {
    match c {
        '\u{301c}' => '\u{ff5e}', // wave dash, full-width tilde
        '\u{2016}' => '\u{2225}', // double vertical line, parallel to
        '\u{2014}' => '\u{2015}', // em dash, horizontal bar
        '\u{2212}' => '\u{ff0d}', // minus sign, full-width hyphen-minus
        '\u{a5}' => '\u{ffe5}',   // yen sign, full-width yen sign
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::shipped::profile;

    fn check(name: &str, text: &str, expected: &str) {
        let mut record = Vec::new();
        write_cell(&mut record, text, true, &profile(name).unwrap()).unwrap();
        assert_eq!(String::from_utf8(record).unwrap(), expected);
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        check("csv", "plain", "plain");
        check("csv", "", "");
        check("csv", "a,b", "\"a,b\"");
        check("csv", "say \"hi\"", "\"say \"\"hi\"\"\"");
        check("csv", "two\nlines", "\"two\nlines\"");
        check("csv", " blank", "\" blank\"");
        check("excel-ja", "plain", "\"plain\"");
    }

    #[test]
    fn formulas_are_disarmed_only_for_spreadsheets() {
        for text in ["=1+1", "+81 3", "-x", "@cmd", "\tx", "\rx", "\nx", "＝A1", "＠x"] {
            let mut record = Vec::new();
            let notes = write_cell(&mut record, text, true, &profile("csv").unwrap()).unwrap();
            assert!(notes.is_risky && !String::from_utf8(record).unwrap().contains('\''), "{text:?}");
            check("excel-ja", text, &format!("\"'{text}\""));
        }
        let mut record = Vec::new();
        let notes = write_cell(&mut record, "-12.3", false, &profile("excel-ja").unwrap()).unwrap();
        assert_eq!((record.as_slice(), notes.is_risky), (b"-12.3".as_slice(), false), "numbers stay numbers");
    }

    #[test]
    fn cp932_is_strict() {
        assert_eq!(cp932("㈱髙﨑①"), Some(vec![0x87, 0x8a, 0xfb, 0xfc, 0xfa, 0xb1, 0x87, 0x40]));
        for text in ["𠮷", "〜", "—", "¥", "‾", "−", "é", "😀"] {
            assert_eq!(cp932(text), None, "{text}");
        }
    }

    #[test]
    fn look_alikes_are_written_only_when_asked_for() {
        let mut profile = profile("csv-cp932").unwrap();
        assert_eq!(write_cell(&mut Vec::new(), "10〜20", true, &profile), Err(NoSuchCharacter));
        profile.unmappable = Unmappable::Transliterate;
        let mut record = Vec::new();
        assert!(write_cell(&mut record, "10〜20¥−", true, &profile).unwrap().is_transliterated);
        assert_eq!(SHIFT_JIS.decode(&record).0, "10～20￥－");
        assert_eq!(write_cell(&mut Vec::new(), "𠮷", true, &profile), Err(NoSuchCharacter));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// A reader that shares no code with the writer gets back what went in.
        #[test]
        fn what_is_written_reads_back(cells in prop::collection::vec("[a-z,\"\r\n 顧=@-]{0,8}", 1..5)) {
            let profile = profile("csv").unwrap();
            let mut record = Vec::new();
            for (i, cell) in cells.iter().enumerate() {
                if i > 0 { record.push(b','); }
                write_cell(&mut record, cell, true, &profile).unwrap();
            }
            record.push(b'\n');
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(record.as_slice());
            let read: Vec<String> = match reader.records().next() {
                Some(read) => read.unwrap().iter().map(str::to_owned).collect(),
                None => vec![String::new()], // one empty cell is an empty line
            };
            prop_assert_eq!(read, cells);
        }
    }
}
