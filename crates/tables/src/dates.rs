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
    /// The year of a Japanese era, such as `令和8` or `R8`.
    EraYear,
}

/// Names of the eras, the year before their first and their last.
const ERAS: [(&str, u8, u32, u32); 5] = [
    ("令和", b'R', 2018, 99),
    ("平成", b'H', 1988, 31),
    ("昭和", b'S', 1925, 64),
    ("大正", b'T', 1911, 15),
    ("明治", b'M', 1867, 45),
];

/// The year that begins a text, told in an era, and what stands behind it.
fn era_year(text: &[u8]) -> Option<(u32, &[u8])> {
    let (rest, (_, _, before, last)) = ERAS.iter().find_map(|era| {
        let short = || text.split_first().filter(|(first, _)| first.to_ascii_uppercase() == era.1);
        let rest = text.strip_prefix(era.0.as_bytes()).or_else(|| short().map(|(_, rest)| rest))?;
        Some((rest, era))
    })?;
    if let Some(rest) = rest.strip_prefix("元".as_bytes()) {
        return Some((before + 1, rest));
    }
    let n = rest.iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
    let year = rest[..n].iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    (1..=*last).contains(&year).then(|| (before + year, &rest[n..]))
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
    /// `%E` stands for `%Y` where years are told in Japanese eras: `%E年%m月%d日` reads `令和8年10月1日`, `%E.%m.%d` reads `R8.10.1`.
    ///
    /// Signs are no digits, letters of ASCII or blanks, so that a date always tells where it ends.
    pub fn parse(pattern: &str) -> Option<Self> {
        let mut parts = pattern.strip_prefix('%')?.split('%').map(|part| {
            let (kind, sign) = part.split_at_checked(1)?;
            let kind = match kind {
                "Y" => Part::Year,
                "E" => Part::EraYear,
                "m" => Part::Month,
                "d" => Part::Day,
                _ => return None,
            };
            let is_sign = |c: char| !c.is_ascii_alphanumeric() && !c.is_whitespace() && !c.is_control();
            sign.chars().all(is_sign).then(|| (kind, sign.to_owned()))
        });
        let parts = [parts.next()??, parts.next()??, parts.next()??];
        let has = |kind| parts.iter().any(|part| part.0 == kind);
        let is_each = (has(Part::Year) || has(Part::EraYear)) && has(Part::Month) && has(Part::Day);
        let has_both_or_none = parts[0].1.is_empty() == parts[1].1.is_empty();
        // Years of eras have one digit or two, so that a sign must tell where they end.
        let is_parted = !has(Part::EraYear) || !parts[0].1.is_empty();
        (pattern.matches('%').count() == 3 && is_each && has_both_or_none && is_parted).then_some(Self { parts })
    }

    /// The pattern, as it is declared.
    pub(crate) fn pattern(&self) -> String {
        let sign = |part: &(Part, String)| {
            let letter = match part.0 {
                Part::Year => 'Y',
                Part::Month => 'm',
                Part::Day => 'd',
                Part::EraYear => 'E',
            };
            format!("%{letter}{}", part.1)
        };
        self.parts.iter().map(sign).collect()
    }

    /// Year, month and day at the start of a text, and what stands behind them; `None` for another form.
    ///
    /// Between signs, months and days may have one digit.
    pub(crate) fn read<'a>(&self, mut text: &'a [u8]) -> Option<([u32; 3], &'a [u8])> {
        let is_fixed = self.parts[0].1.is_empty();
        let mut ymd = [0; 3];
        for (part, sign) in &self.parts {
            if *part == Part::EraYear {
                let (year, rest) = era_year(text)?;
                ymd[0] = year;
                text = rest.strip_prefix(sign.as_bytes())?;
                continue;
            }
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
        check("%E年%m月%d日", "令和8年10月1日", Some((day, "")));
        check("%E年%m月%d日", "令和元年5月1日", Some(([2019, 5, 1], "")));
        check("%E年%m月%d日", "昭和64年01月07日 9:05", Some(([1989, 1, 7], " 9:05")));
        check("%E.%m.%d", "R8.10.1", Some((day, "")));
        check("%E/%m/%d", "h31/04/30", Some(([2019, 4, 30], "")));
        for text in ["2026年10月1日", "平成32年1月1日", "令和0年1月1日", "令和年1月1日", "和8年1月1日", "R"]
        {
            check("%E年%m月%d日", text, None);
        }
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
            "%E%m%d",
            "%E/%Y/%m",
            "%",
        ] {
            assert_eq!(DateFormat::parse(pattern), None, "{pattern}");
        }
        assert_eq!(DateFormat::parse("%Y-%m-%d"), Some(DateFormat::default()));
    }
}
