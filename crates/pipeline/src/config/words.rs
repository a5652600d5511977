//! Texts with a form of their own, and the nearest of several words.

use jiff::tz::TimeZoneDatabase;
use osusume_tables::DateFormat;
use osusume_text::suggest;

use super::currency::{is_currency, suggested};

/// A form a text must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// At least one character that is not white space.
    Some,
    /// A name that is safe as a directory or file name on every system.
    Name,
    /// A name as the pipeline's own parts are called by.
    Identifier,
    /// Such a name with `{days}`, `{level}` and `{rank}` in it, as feature columns are called by.
    ColumnName,
    /// A time zone of the IANA database.
    Zone,
    /// A currency by its three letters of ISO 4217.
    Currency,
    /// One ASCII character that may stand between fields.
    Delimiter,
    /// A number of days, weeks or months.
    Step,
    /// Year, month and day as a table writes them.
    DateFormat,
    /// A number of bytes with a unit.
    Size,
}

/// The time between two as-of dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many days.
    Days(u16),
    /// So many calendar months; the day is cut to the month's last one.
    Months(u16),
}

impl Form {
    /// Whether `text` has the form.
    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Some => !text.trim().is_empty() && !text.chars().any(char::is_control),
            Self::Name => is_name(text, |b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
            Self::Identifier => is_name(text, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
            Self::ColumnName => {
                let plain =
                    ["{days}", "{level}", "{rank}"].iter().fold(text.to_owned(), |t, part| t.replace(part, "0"));
                Self::Identifier.accepts(&plain) && !["customer", "as_of"].contains(&text)
            }
            Self::Zone => zones().get(text).is_ok(),
            Self::Currency => is_currency(text),
            Self::Delimiter => text.len() == 1 && text.bytes().all(is_delimiter),
            Self::Step => parse_step(text).is_some(),
            Self::DateFormat => DateFormat::parse(text).is_some(),
            Self::Size => parse_size(text).is_some(),
        }
    }

    /// What is allowed, in signs and examples that need no translation.
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Self::Some => "≠ \"\"",
            Self::Name => "A-Z a-z 0-9 _ - . (1–64)",
            Self::Identifier => "a-z 0-9 _ (1–64)",
            Self::ColumnName => "a-z 0-9 _ {days} {level} {rank} (1–64)",
            Self::Zone => "IANA: Asia/Tokyo, UTC, …",
            Self::Currency => "ISO 4217: JPY, USD, …",
            Self::Delimiter => "ASCII: , ; | \\t",
            Self::DateFormat => "%Y-%m-%d %Y/%m/%d %Y%m%d %d.%m.%Y %m/%d/%Y %Y年%m月%d日 %E年%m月%d日 …",
            Self::Step => "\"1 month\", \"2 weeks\", \"30 days\", …",
            Self::Size => "≥ 64 MiB: \"512MiB\", \"2GiB\", …",
        }
    }

    /// The nearest text that has the form, where the form is a list of names.
    pub(super) fn suggestion(self, text: &str) -> Option<String> {
        match self {
            Self::Zone => {
                let names: Vec<String> = zones().available().map(|name| name.to_string()).collect();
                nearest(text, names.iter().map(String::as_str)).map(str::to_owned)
            }
            Self::Currency => suggested(text).map(str::to_owned),
            _ => None,
        }
    }
}

/// The time zones compiled into the program: the same on every machine.
fn zones() -> TimeZoneDatabase {
    TimeZoneDatabase::bundled()
}

fn is_name(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(allowed) && text.as_bytes()[0].is_ascii_alphanumeric()
}

fn is_delimiter(byte: u8) -> bool {
    byte == b'\t' || (byte.is_ascii_graphic() && byte != b'"' && !byte.is_ascii_alphanumeric()) || byte == b' '
}

/// `1 month`, `2 weeks`, `30 days`.
pub(super) fn parse_step(text: &str) -> Option<Step> {
    let (number, unit) = text.trim().split_once(' ')?;
    let number: u16 = number.parse().ok().filter(|n| (1..=366).contains(n))?;
    match unit.trim().strip_suffix('s').unwrap_or(unit.trim()) {
        "day" => Some(Step::Days(number)),
        "week" => Some(Step::Days(number * 7)),
        "month" => Some(Step::Months(number)),
        _ => None,
    }
}

/// `512MiB`, `2 GiB`, as bytes; below 64 MiB nothing runs.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit).filter(|bytes| (64 << 20..=1 << 50).contains(bytes))
}

/// The one of `words` that `text` was probably meant to be: the nearest, or one that `text` is the beginning of.
pub(super) fn nearest<'a>(text: &str, words: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    // Nobody misspells a name this long, and the distance is quadratic.
    if text.len() > 80 {
        return None;
    }
    let begun = |word: &&str| text.len() >= 3 && word.starts_with(text);
    suggest(text, words.clone()).or_else(|| words.into_iter().find(begun))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_or_none() {
        let words = || ["horizon_days", "gap_days", "kept_days"].into_iter();
        assert_eq!(nearest("horizons_day", words()), Some("horizon_days"));
        assert_eq!(nearest("GAP_DAYS", words()), Some("gap_days"));
        assert_eq!(nearest("horizon", words()), Some("horizon_days"));
        assert_eq!(nearest("budget_minor", words()), None);
        assert_eq!(nearest("", words()), None);
    }

    #[test]
    fn forms_at_their_edges() {
        let check = |form: Form, good: &[&str], bad: &[&str]| {
            assert!(good.iter().all(|text| form.accepts(text)), "{form:?} {good:?}");
            assert!(!bad.iter().any(|text| form.accepts(text)), "{form:?} {bad:?}");
        };
        check(Form::Name, &["isp", "a.b-c_9"], &["", ".", "..", ".hidden", "a/b", "a b", "名前", "-x"]);
        check(Form::ColumnName, &["sum_{days}", "{level}", "n"], &["", "{day}", "N", "a b", "as_of", "customer"]);
        check(Form::Zone, &["Asia/Tokyo", "UTC", "America/New_York"], &["", "Tokyo/Asia", "../etc/passwd"]);
        check(Form::Delimiter, &[",", "\t", ";", "|"], &["", "\"", "\n", "ab", "a", "、"]);
        check(
            Form::Step,
            &["1 month", "366 days", "2 weeks"],
            &["month", "0 days", "367 days", "1 year", "1.5 months", "１ month"],
        );
        check(
            Form::Size,
            &["64MiB", "2 GiB"],
            &["63MiB", "2GB", "2", "", "99999999999999999999GiB", "18014398509481984MiB"],
        );
        assert_eq!(Form::Zone.suggestion("Asia/Tokio").as_deref(), Some("Asia/Tokyo"));
    }
}
