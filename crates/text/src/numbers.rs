//! Numbers and widths as people read them.

use osusume_model::Minor;

use crate::Language;

/// A whole number with a comma between thousands, e.g. `-1,234,567`.
pub fn thousands(value: i64) -> String {
    let digits = thousands_of(value.unsigned_abs());
    if value < 0 { format!("-{digits}") } else { digits }
}

/// The same for a count that may be beyond an `i64`.
pub fn thousands_of(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share between 0 and 1 as a percentage with one digit after the point, e.g. `12.3%`.
pub fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// An amount of minor units in a currency (ISO 4217), e.g. `JPY 1,234` and `USD 12.34`, `1,234円` and `12.34 USD`.
pub fn money(amount: Minor, currency: &str, language: Language) -> String {
    money_with_digits(amount, currency, minor_digits(currency), language)
}

/// Like [`money`], for amounts that are kept with other digits than their currency has.
pub fn money_with_digits(amount: Minor, currency: &str, digits: u32, language: Language) -> String {
    let number = decimal(amount.0, digits);
    match (language, currency) {
        (Language::En, _) => format!("{currency} {number}"),
        (Language::Ja, "JPY") => format!("{number}円"),
        (Language::Ja, _) => format!("{number} {currency}"),
    }
}

fn decimal(minor: i64, digits: u32) -> String {
    if digits == 0 {
        return thousands(minor);
    }
    let scale = 10_i64.pow(digits);
    let sign = if minor < 0 && minor > -scale { "-" } else { "" };
    let fraction = minor.unsigned_abs() % scale.unsigned_abs();
    format!("{sign}{}.{fraction:0width$}", thousands(minor / scale), width = digits as usize)
}

/// Digits after the point of a currency (ISO 4217); two for what is not listed.
pub fn minor_digits(currency: &str) -> u32 {
    match currency {
        "JPY" | "KRW" | "VND" | "CLP" | "ISK" | "UGX" | "XAF" | "XOF" | "XPF" | "PYG" | "RWF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Columns a text takes on a terminal: two for wide East Asian characters, one for others.
pub fn display_width(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// The wide and full-width blocks of Unicode's East Asian width table that Japanese text uses.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}')
}

/// `text` with spaces after it up to `width` columns of the terminal.
pub fn pad(text: &str, width: usize) -> String {
    let spaces = width.saturating_sub(display_width(text));
    format!("{text}{}", " ".repeat(spaces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (-1000, "-1,000"), (1_234_567, "1,234,567")];
        for (value, text) in cases {
            assert_eq!(thousands(value), text);
        }
        assert_eq!(thousands(i64::MIN), "-9,223,372,036,854,775,808");
    }

    #[test]
    fn amounts_follow_their_currency() {
        assert_eq!(money(Minor(1234), "JPY", Language::En), "JPY 1,234");
        assert_eq!(money(Minor(1234), "JPY", Language::Ja), "1,234円");
        assert_eq!(money(Minor(123_456), "USD", Language::En), "USD 1,234.56");
        assert_eq!(money(Minor(-5), "USD", Language::En), "USD -0.05");
        assert_eq!(money(Minor(-505), "USD", Language::Ja), "-5.05 USD");
        assert_eq!(money(Minor(1), "KWD", Language::En), "KWD 0.001");
        assert_eq!(money_with_digits(Minor(1234), "USD", 0, Language::En), "USD 1,234");
    }

    #[test]
    fn shares() {
        assert_eq!(percent(0.123_4), "12.3%");
        assert_eq!(percent(0.0), "0.0%");
    }

    #[test]
    fn japanese_is_two_columns_wide() {
        assert_eq!(display_width("顧客id"), 6);
        assert_eq!(display_width("オファー（件）"), 14);
        assert_eq!(pad("顧客", 6), "顧客  ");
        assert_eq!(pad("customers", 4), "customers");
    }
}
