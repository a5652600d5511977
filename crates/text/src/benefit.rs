//! Benefit texts: what an offer is good for, said with a customer's own figures, as a CRM merges it into a message.
//!
//! A template holds placeholders `{name}` or `{name:format}`; `{{` and `}}` stand for braces. Names are resolved by whoever fills the template;
//! formats, and how numbers, amounts and dates are written in each language, are here. A text is whole or not there at all: a placeholder
//! without a value leaves no gap.

use osusume_model::{Date, FeatureSpec, Minor};

use crate::labels::{label, tight, window_phrase};
use crate::template::fill_whole;
use crate::{Language, money_with_digits, thousands};

/// Characters a filled text may have: text fields of CRMs hold 255.
pub const MOST_CHARACTERS: usize = 255;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A whole number with a comma between thousands.
    Integer,
    /// A number with as many digits as are worth reading.
    Number,
    /// How many times as much: one digit after the point below 10.
    Ratio,
    /// A share as a percentage.
    Percent,
    /// An amount in the pipeline's currency.
    Money,
    /// A day.
    Date,
    /// The name of a month.
    Month,
}

impl Format {
    /// All formats, in the order of messages.
    pub const ALL: [Self; 7] =
        [Self::Integer, Self::Number, Self::Ratio, Self::Percent, Self::Money, Self::Date, Self::Month];

    /// The word in templates.
    pub fn id(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Ratio => "ratio",
            Self::Percent => "percent",
            Self::Money => "money",
            Self::Date => "date",
            Self::Month => "month",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.id() == word)
    }
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Words as they stand.
    Words(String),
    /// A value by name.
    Placeholder {
        /// Its name.
        name: String,
        /// How it is written; by what it counts where absent.
        format: Option<Format>,
    },
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The character it begins at, from 1.
    pub at: usize,
    /// What stands there.
    pub got: String,
    /// What may stand there.
    pub allowed: Vec<&'static str>,
}

/// Reads a template.
///
/// # Errors
/// Braces that do not close or hold no name, and formats there are not.
pub fn parse(template: &str) -> Result<Vec<Part>, Wrong> {
    let chars: Vec<char> = template.chars().collect();
    let (mut parts, mut words, mut at) = (Vec::new(), String::new(), 0);
    while let Some(&c) = chars.get(at) {
        match (c, chars.get(at + 1)) {
            ('{' | '}', Some(&next)) if next == c => {
                words.push(c);
                at += 2;
            }
            ('{', _) => {
                if !words.is_empty() {
                    parts.push(Part::Words(std::mem::take(&mut words)));
                }
                let inside: String = chars[at + 1..].iter().take_while(|&&c| c != '}').collect();
                let end = at + 1 + inside.chars().count();
                if end >= chars.len() {
                    return Err(Wrong { at: at + 1, got: "{".to_owned(), allowed: vec!["{name}", "{{"] });
                }
                parts.push(placeholder(&inside, at + 1)?);
                at = end + 1;
            }
            ('}', _) => return Err(Wrong { at: at + 1, got: "}".to_owned(), allowed: vec!["}}"] }),
            _ => {
                words.push(c);
                at += 1;
            }
        }
    }
    if !words.is_empty() {
        parts.push(Part::Words(words));
    }
    Ok(parts)
}

fn placeholder(inside: &str, at: usize) -> Result<Part, Wrong> {
    let (name, format) = inside.split_once(':').map_or((inside, None), |(name, format)| (name, Some(format)));
    if name.is_empty() || name.trim() != name || name.contains('{') {
        return Err(Wrong { at, got: format!("{{{inside}}}"), allowed: vec!["{name}", "{name:format}"] });
    }
    let format = match format {
        None => None,
        Some(word) => Some(Format::parse(word).ok_or_else(|| {
            let allowed = Format::ALL.map(Format::id).to_vec();
            Wrong { at, got: word.to_owned(), allowed }
        })?),
    };
    Ok(Part::Placeholder { name: name.to_owned(), format })
}

/// The text of a template, or `None` where a placeholder has no value or the text is longer than a CRM takes.
pub fn filled(parts: &[Part], value: &mut dyn FnMut(usize) -> Option<String>) -> Option<String> {
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Words(words) => text.push_str(words),
            Part::Placeholder { .. } => text.push_str(&value(at).filter(|value| !value.is_empty())?),
        }
    }
    (text.chars().count() <= MOST_CHARACTERS).then_some(text)
}

/// A number as a format writes it; `None` where it is no finite number. `minor_digits`: how the pipeline keeps amounts.
///
/// Dates are written by [`date`] and [`month`].
pub fn number(value: f64, format: Format, (currency, minor_digits): (&str, u32), language: Language) -> Option<String> {
    if !value.is_finite() || value.abs() >= 1e15 {
        return None;
    }
    Some(match format {
        Format::Integer => whole(value),
        Format::Number => match value.abs() {
            size if size >= 100.0 || value.fract() == 0.0 => whole(value),
            size => short(value, if size >= 10.0 { 1 } else { 2 }),
        },
        Format::Ratio if value.abs() >= 9.95 => whole(value),
        Format::Ratio => signless(format!("{value:.1}")),
        Format::Percent => {
            let percent = value * 100.0;
            let digits = usize::from(percent.abs() < 0.95 && percent != 0.0);
            format!("{}%", signless(format!("{percent:.digits$}")))
        }
        Format::Money => money_with_digits(Minor(value.round() as i64), currency, minor_digits, language),
        Format::Date | Format::Month => return None,
    })
}

fn whole(value: f64) -> String {
    thousands(value.round() as i64)
}

/// So many digits after the point at most, without zeros at the end.
fn short(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    signless(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// What rounds to 0 has no sign.
fn signless(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| b == b'0' || b == b'.') => rest.to_owned(),
        _ => text,
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A day in words, e.g. "October 1, 2026" and 「2026年10月1日」.
pub fn date(date: Date, language: Language) -> String {
    let (year, _, day) = date.ymd();
    language.pick(format!("{} {day}, {year}", month(date, Language::En)), {
        let month = month(date, Language::Ja);
        format!("{year}年{month}{day}日")
    })
}

/// The month of a day, e.g. "July" and 「7月」.
pub fn month(date: Date, language: Language) -> String {
    let (_, month, _) = date.ymd();
    match language {
        Language::En => MONTHS[month as usize - 1].to_owned(),
        Language::Ja => format!("{month}月"),
    }
}

/// Whether there are words for what a feature says of a customer; of others its label and figure are told.
pub fn has_cause(spec: &FeatureSpec) -> bool {
    CAUSES.iter().any(|cause| cause.key == spec.text_key)
}

/// What a feature says of a customer with its figure, e.g. "data used over the last 30 days is 2.3 times what it was in the period before".
///
/// `figure` writes the customer's value in a format, or as it counts.
pub fn cause(
    spec: &FeatureSpec,
    figure: &dyn Fn(Option<Format>) -> Option<String>,
    language: Language,
) -> Option<String> {
    let known = CAUSES.iter().find(|cause| cause.key == spec.text_key);
    let figure = figure(known.and_then(|cause| cause.format))?;
    let Some(cause) = known else {
        let label = label(spec, language);
        return Some(language.pick(format!("{label}: {figure}"), format!("{label}：{figure}")));
    };
    let lookup = |name: &str| match name {
        "figure" => Some(osusume_model::Arg::Number(figure.clone())),
        "subject" if !spec.subject.is_empty() => Some(osusume_model::Arg::from(spec.subject.as_str())),
        "about" if !spec.subject.is_empty() && spec.subject != spec.source => {
            Some(osusume_model::Arg::from(spec.subject.as_str()))
        }
        "window" => spec.window.map(|window| osusume_model::Arg::from(window_phrase(window, language))),
        _ => None,
    };
    let text = fill_whole(language.pick(cause.words[0], cause.words[1]), &lookup, language)?;
    Some(language.pick(text.clone(), tight(&text)))
}

/// The words for one `text_key`.
struct Cause {
    key: &'static str,
    format: Option<Format>,
    words: [&'static str; 2],
}

const CAUSES: &[Cause] = &[
    Cause {
        key: "surge",
        format: Some(Format::Ratio),
        words: [
            "{subject}<< over {window}>> is {figure} times what it was in the period before",
            "<<{window}の >>{subject} がその前の期間の{figure}倍になっている",
        ],
    },
    Cause {
        key: "count_window",
        format: Some(Format::Integer),
        words: ["{figure} × {subject}<< in {window}>>", "<<{window}に >>{subject} が{figure}回"],
    },
    Cause {
        key: "quota_used",
        format: Some(Format::Percent),
        words: ["{figure} of the limit of {subject} is used", "{subject} が上限の{figure}に達している"],
    },
    Cause {
        key: "quota_used_before",
        format: Some(Format::Percent),
        words: [
            "{figure} of the limit of {subject} was used in the period before",
            "前の期間に {subject} が上限の{figure}に達した",
        ],
    },
    Cause {
        key: "quota_hits",
        format: Some(Format::Integer),
        words: [
            "the limit of {subject} was reached {figure} times<< in {window}>>",
            "<<{window}に >>{subject} が上限に{figure}回達した",
        ],
    },
    Cause {
        key: "days_to_renewal",
        format: Some(Format::Integer),
        words: ["{figure} days to renewal<< ({about})>>", "<<{about} の>>更新日まであと{figure}日"],
    },
    Cause {
        key: "tenure",
        format: Some(Format::Integer),
        words: ["a customer for {figure} days", "利用開始から{figure}日"],
    },
    Cause {
        key: "share_window",
        format: Some(Format::Percent),
        words: ["{subject} makes up {figure}<< over {window}>>", "<<{window}に占める >>{subject} の割合が{figure}"],
    },
    Cause {
        key: "night_share",
        format: Some(Format::Percent),
        words: ["{figure} of {subject}<< over {window}>> is at night", "<<{window}の >>{subject} の{figure}が夜間"],
    },
    Cause {
        key: "weekend_share",
        format: Some(Format::Percent),
        words: ["{figure} of {subject}<< over {window}>> is at weekends", "<<{window}の >>{subject} の{figure}が週末"],
    },
];

#[cfg(test)]
mod tests {
    use osusume_model::{Family, FeatureKind, NullMeaning, Unit, Window};

    use super::*;

    const JPY: (&str, u32) = ("JPY", 0);

    fn spec(text_key: &'static str, subject: &str, window: Option<Window>) -> FeatureSpec {
        FeatureSpec {
            name: "x".to_owned(),
            family: Family::Surge,
            source: "usage".to_owned(),
            window,
            unit: Unit::Ratio,
            null: NullMeaning::Unknown,
            kind: FeatureKind::Numeric,
            text_key,
            subject: subject.to_owned(),
        }
    }

    #[test]
    fn templates_are_words_and_placeholders() {
        let parts = parse("{{x}} {a:ratio} times {b}.").unwrap();
        let name = |name: &str, format| Part::Placeholder { name: name.to_owned(), format };
        let words = |words: &str| Part::Words(words.to_owned());
        let expected = [words("{x} "), name("a", Some(Format::Ratio)), words(" times "), name("b", None), words(".")];
        assert_eq!(parts, expected);
        assert_eq!(filled(&parts, &mut |at| Some(at.to_string())).unwrap(), "{x} 1 times 3.");
        assert_eq!(filled(&parts, &mut |at| (at == 1).then(|| "y".to_owned())), None, "no gap");
        assert_eq!(filled(&parts, &mut |_| Some(String::new())), None, "no empty value");
        assert_eq!(filled(&parts, &mut |_| Some("x".repeat(200))), None, "too long");
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn what_is_no_template_is_told_with_its_place() {
        let cases = [
            ("a {", 3, "{", "{name}"),
            ("a {b", 3, "{", "{name}"),
            ("a } b", 3, "}", "}}"),
            ("夜{}", 2, "{}", "{name}"),
            ("{ a}", 1, "{ a}", "{name}"),
            ("{a:x}", 1, "x", "integer"),
            ("{a{b}", 1, "{a{b}", "{name}"),
        ];
        for (template, at, got, allowed) in cases {
            let wrong = parse(template).unwrap_err();
            assert_eq!((wrong.at, wrong.got.as_str(), wrong.allowed[0]), (at, got, allowed), "{template}");
        }
    }

    #[test]
    fn numbers_are_as_people_read_them() {
        let cases = [
            (2.345, Format::Ratio, "2.3"),
            (12.6, Format::Ratio, "13"),
            (9.96, Format::Ratio, "10"),
            (1234.6, Format::Integer, "1,235"),
            (-0.2, Format::Integer, "0"),
            (0.234, Format::Percent, "23%"),
            (0.0042, Format::Percent, "0.4%"),
            (0.0, Format::Percent, "0%"),
            (-0.0001, Format::Percent, "0.0%"),
            (12.34, Format::Number, "12.3"),
            (1.25, Format::Number, "1.25"),
            (1.5, Format::Number, "1.5"),
            (3.0, Format::Number, "3"),
            (1_234.5, Format::Number, "1,235"),
            (5000.0, Format::Money, "JPY 5,000"),
        ];
        for (value, format, text) in cases {
            assert_eq!(number(value, format, JPY, Language::En).as_deref(), Some(text), "{value} {format:?}");
        }
        assert_eq!(number(5000.0, Format::Money, JPY, Language::Ja).as_deref(), Some("5,000円"));
        assert_eq!(number(1234.0, Format::Money, ("USD", 2), Language::En).as_deref(), Some("USD 12.34"));
        for value in [f64::NAN, f64::INFINITY, f64::MAX, -1e16] {
            for format in Format::ALL {
                assert_eq!(number(value, format, JPY, Language::En), None);
            }
        }
    }

    #[test]
    fn days_and_months_have_names() {
        let day: Date = "2026-07-01".parse().unwrap();
        assert_eq!(date(day, Language::En), "July 1, 2026");
        assert_eq!(date(day, Language::Ja), "2026年7月1日");
        assert_eq!(month(day, Language::Ja), "7月");
        for (i, name) in MONTHS.into_iter().enumerate() {
            assert_eq!(month(Date::from_ymd(2026, i as u32 + 1, 28).unwrap(), Language::En), name);
        }
    }

    #[test]
    fn causes_have_a_figure() {
        let figure = |_: Option<Format>| Some("2.3".to_owned());
        let surge = spec("surge", "evening traffic", Some(Window::last(30)));
        let en = cause(&surge, &figure, Language::En).unwrap();
        assert_eq!(en, "evening traffic over the last 30 days is 2.3 times what it was in the period before");
        let surge = spec("surge", "夜間の通信量", Some(Window::last(30)));
        let ja = cause(&surge, &figure, Language::Ja).unwrap();
        assert_eq!(ja, "直近30日間の夜間の通信量がその前の期間の2.3倍になっている");
        let renewal = spec("days_to_renewal", "usage", None);
        assert_eq!(cause(&renewal, &figure, Language::Ja).unwrap(), "更新日まであと2.3日");
        let other = spec("price", "line", None);
        assert!(cause(&other, &figure, Language::En).unwrap().ends_with(": 2.3"));
        assert_eq!(cause(&other, &|_| None, Language::En), None);
        assert!(CAUSES.iter().all(|cause| crate::labels::keys().any(|key| key == cause.key)));
    }
}
