//! How a source writes its dates.

/// The order and the signs in which a source writes year, month and day, e.g. `%Y/%m/%d` or `%Y年%m月%d日`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateFormat {
    /// The three parts, each with the text behind it.
    parts: [(Part, String); 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
}

impl Default for DateFormat {
    /// ISO 8601: `%Y-%m-%d`.
    fn default() -> Self {
        let dash = || "-".to_owned();
        Self { parts: [(Part::Year, dash()), (Part::Month, dash()), (Part::Day, String::new())] }
    }
}

impl DateFormat {
    /// The format of a pattern: `%Y`, `%m` and `%d`, each once, with signs between them or with none.
    ///
    /// Signs are no digits, letters of ASCII or blanks, so that a date always tells where it ends.
    pub fn parse(pattern: &str) -> Option<Self> {
        let mut parts = pattern.strip_prefix('%')?.split('%').map(|part| {
            let (kind, sign) = part.split_at_checked(1)?;
            let kind = match kind {
                "Y" => Part::Year,
                "m" => Part::Month,
                "d" => Part::Day,
                _ => return None,
            };
            let is_sign = |c: char| !c.is_ascii_alphanumeric() && !c.is_whitespace() && !c.is_control();
            sign.chars().all(is_sign).then(|| (kind, sign.to_owned()))
        });
        let parts = [parts.next()??, parts.next()??, parts.next()??];
        let is_each = [Part::Year, Part::Month, Part::Day].iter().all(|kind| parts.iter().any(|part| part.0 == *kind));
        let has_both_or_none = parts[0].1.is_empty() == parts[1].1.is_empty();
        (pattern.matches('%').count() == 3 && is_each && has_both_or_none).then_some(Self { parts })
    }

    /// Year, month and day at the start of a text, and what stands behind them; `None` for another form.
    ///
    /// Between signs, months and days may have one digit.
    pub(crate) fn read<'a>(&self, mut text: &'a [u8]) -> Option<([u32; 3], &'a [u8])> {
        let is_fixed = self.parts[0].1.is_empty();
        let mut ymd = [0; 3];
        for (part, sign) in &self.parts {
            let most = if *part == Part::Year { 4 } else { 2 };
            let n = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
            if n == 0 || n < most && (is_fixed || *part == Part::Year) {
                return None;
            }
            let value = text[..n].iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
            ymd[*part as usize] = value;
            text = text[n..].strip_prefix(sign.as_bytes())?;
        }
        Some((ymd, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: Option<([u32; 3], &str)>) {
        let format = DateFormat::parse(pattern).unwrap();
        let got = format.read(text.as_bytes());
        assert_eq!(got, expected.map(|(date, rest)| (date, rest.as_bytes())), "{pattern} {text}");
    }

    #[test]
    fn dates_of_many_forms() {
        let day = [2026, 10, 1];
        check("%Y/%m/%d", "2026/10/01", Some((day, "")));
        check("%Y/%m/%d", "2026/10/1 9:05", Some((day, " 9:05")));
        check("%Y%m%d", "20261001", Some((day, "")));
        check("%d.%m.%Y", "1.10.2026", Some((day, "")));
        check("%m/%d/%Y", "10/01/2026", Some((day, "")));
        check("%Y年%m月%d日", "2026年10月1日", Some((day, "")));
        for text in ["2026-10-01", "26/10/01", "2026/10", "2026/10/", "/10/01", "", "２０２６/10/01"] {
            check("%Y/%m/%d", text, None);
        }
        check("%Y%m%d", "2026101", None);
        check("%Y年%m月%d日", "2026年10月1", None);
    }

    #[test]
    fn patterns_that_tell_no_date_are_refused() {
        for pattern in [
            "",
            "%Y",
            "%Y/%m",
            "%Y/%m/%y",
            "%Y/%m/%m",
            "%Y/%m%d",
            "%Y/%m/%d/%d",
            "/%Y/%m/%d",
            "%Y %m %d",
            "%YT%mT%d",
            "%",
        ] {
            assert_eq!(DateFormat::parse(pattern), None, "{pattern}");
        }
        assert_eq!(DateFormat::parse("%Y-%m-%d"), Some(DateFormat::default()));
    }
}
