//! Numbers and lines in the page's language.

use osusume_model::{Arg, Date, Minor};
use osusume_text::reasons::rule_label;
use osusume_text::report::{Line, day, say, word};
use osusume_text::screen::{self, Word};
use osusume_text::{Language, money_with_digits, percent, thousands};

use crate::Cell;
use crate::markup::{Markup, classed, element};
use crate::numbers::{Band, Names, Numbers, OfferRow};

/// No currency has more digits; a file that says so may not make a power of ten overflow.
const MOST_DIGITS: u32 = 6;

/// The numbers, and the language to say them in.
pub(crate) struct Words<'a> {
    pub(crate) numbers: &'a Numbers,
    pub(crate) language: Language,
}

impl Words<'_> {
    pub(crate) fn word(&self, line: Line) -> &'static str {
        word(line, self.language)
    }

    pub(crate) fn say(&self, line: Line, args: &[(&str, Arg)]) -> String {
        say(line, self.language, args)
    }

    /// An element with a class, which may be empty, and a line without arguments.
    pub(crate) fn line(&self, element_name: &'static str, class: &'static str, line: Line) -> Markup {
        let attributes = [("class", class)];
        let attributes = if class.is_empty() { &attributes[..0] } else { &attributes[..] };
        element(element_name, attributes, [Markup::prose(self.word(line))])
    }

    /// A paragraph with its arguments filled in.
    pub(crate) fn paragraph(&self, class: &'static str, line: Line, args: &[(&str, Arg)]) -> Markup {
        element("p", &[("class", class)], [Markup::prose(&self.say(line, args))])
    }

    /// A count, or the word for what is withheld.
    pub(crate) fn count(&self, cell: Cell) -> String {
        cell.get().map_or_else(|| self.word(Line::Withheld).to_owned(), number)
    }

    /// A count as an argument.
    pub(crate) fn arg(&self, cell: Cell) -> Arg {
        cell.get().map_or_else(|| Arg::Number(self.word(Line::Withheld).to_owned()), Arg::from)
    }

    /// An amount of the run's currency, or the word for what is withheld.
    pub(crate) fn money(&self, minor: Option<i64>) -> String {
        let about = &self.numbers.about;
        let amount = |minor| {
            money_with_digits(Minor(minor), &about.currency, about.minor_digits.min(MOST_DIGITS), self.language)
        };
        minor.map_or_else(|| self.word(Line::Withheld).to_owned(), amount)
    }

    /// A date in words; what is no date stays as it is.
    pub(crate) fn day(&self, date: &str) -> String {
        date.parse::<Date>().map_or_else(|_| date.to_owned(), |date| day(date, self.language))
    }

    /// The offer's name in this language, else as the pipeline file calls it, else its name in the other language, else its key.
    pub(crate) fn name<'b>(&'b self, offer: &'b OfferRow) -> &'b str {
        let called = self.numbers.names.get(&offer.offer).map(String::as_str);
        let [own, other] = self.in_order(&offer.names);
        [own, called, other].into_iter().flatten().find(|name| !name.is_empty()).unwrap_or(&offer.offer)
    }

    /// The name of an offer by its key, or what the pipeline file calls whatever else has this name.
    pub(crate) fn name_of<'b>(&'b self, key: &'b str) -> &'b str {
        let offer = self.numbers.offers.iter().find(|offer| offer.offer == key);
        offer.map_or_else(|| self.called(key), |offer| self.name(offer))
    }

    /// What the pipeline file calls a name of its tables.
    pub(crate) fn called<'b>(&'b self, name: &'b str) -> &'b str {
        self.numbers.names.get(name).filter(|called| !called.is_empty()).map_or(name, String::as_str)
    }

    /// Texts in this language and in the other one.
    fn in_order<'b>(&self, names: &'b Names) -> [Option<&'b str>; 2] {
        let (en, ja) = (names.en.as_deref(), names.ja.as_deref());
        if self.language == Language::Ja { [ja, en] } else { [en, ja] }
    }

    /// What an outcome of a pair is called: a rule of the program's, or one the pipeline file declares, in its words.
    pub(crate) fn outcome(&self, id: &str) -> String {
        if let Some(label) = rule_label(id, self.language) {
            return label.to_owned();
        }
        let declared = self.numbers.decisions.own_rules.get(id).map(|said| self.in_order(said));
        let said = declared.into_iter().flatten().flatten().find(|said| !said.is_empty());
        said.map_or_else(|| self.called(id.strip_prefix("rule:").unwrap_or(id)).to_owned(), str::to_owned)
    }

    /// Sentences as a paragraph.
    pub(crate) fn sentences(&self, sentences: &[String]) -> Markup {
        // Japanese has no space after a full stop.
        let gap = if self.language == Language::Ja { "" } else { " " };
        element("p", &[("class", "fine")], [Markup::prose(&sentences.join(gap))])
    }

    /// Names as a list in a sentence.
    pub(crate) fn names(&self, offers: &[&OfferRow]) -> Arg {
        // A backtick would turn the rest of the sentence into code.
        Arg::Names(offers.iter().map(|offer| self.name(offer).replace('`', "'")).collect())
    }

    /// The word for the kind of an offer, or the id itself.
    pub(crate) fn kind<'b>(&self, offer: &'b OfferRow) -> &'b str {
        match offer.kind.as_str() {
            "upsell" => screen::word(Word::Upsell, self.language),
            "cross_sell" => screen::word(Word::CrossSell, self.language),
            "category" => screen::word(Word::Category, self.language),
            other => other,
        }
    }

    /// `[value, lower, upper]` in words, each by `shown`.
    pub(crate) fn interval(&self, values: [f64; 3], shown: impl Fn(f64) -> String) -> String {
        let [value, lower, upper] = values.map(|value| Arg::Number(shown(value)));
        self.say(Line::Interval, &[("value", value), ("lower", lower), ("upper", upper)])
    }

    /// A table of heads and rows; `class` says what it is to the style, each head whether its column is numbers (`num`) or else.
    pub(crate) fn table(
        class: &'static str,
        heads: &[(&'static str, &str)],
        rows: impl IntoIterator<Item = Vec<Markup>>,
    ) -> Markup {
        let head = heads
            .iter()
            .map(|(class, text)| element("th", &[("class", class), ("scope", "col")], [Markup::text(text)]));
        let body = rows.into_iter().map(|row| {
            let cells = row.into_iter().zip(heads).map(|(cell, (class, _))| element("td", &[("class", class)], [cell]));
            element("tr", &[], cells)
        });
        let parts = [element("thead", &[], [element("tr", &[], head)]), element("tbody", &[], body)];
        element("table", &[("class", class)], parts)
    }
}

/// A whole number with thousands separators.
pub(crate) fn number(count: u64) -> String {
    thousands(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A share in percent; very small ones with two digits.
pub(crate) fn share(value: f64) -> String {
    if value.abs() < 0.001 && value != 0.0 { format!("{:.2}%", value * 100.0) } else { percent(value) }
}

/// Rows and takes of all bands; their cells are never withheld one by one.
pub(crate) fn totals(bands: &[Band]) -> (u64, u64) {
    let sum = |cell: fn(&Band) -> Cell| bands.iter().filter_map(|band| cell(band).get()).sum();
    (sum(|band| band.rows), sum(|band| band.takes))
}

/// A term and its value in a row of facts.
pub(crate) fn fact(term: &str, value: &str) -> Markup {
    element("div", &[("class", "fact")], [classed("span", "term", term), classed("span", "value", value)])
}

/// A number with two digits, set like the counts.
pub(crate) fn digits(value: f64) -> Markup {
    classed("span", "n", &format!("{value:.2}"))
}
