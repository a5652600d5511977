//! The page from top to bottom: what a manager reads in a minute, then what it rests on.

mod decisions;
mod evaluation;
mod features;
mod guard;
mod learning;
mod limits;
mod models;
mod offers;
mod rules;
mod summary;
pub(crate) mod words;

use osusume_text::Language;
use osusume_text::report::Line;

use self::words::Words;
use crate::SMALLEST_SHOWN;
use crate::markup::{Markup, element, void};
use crate::numbers::Numbers;

const STYLE: &str = include_str!("style.css");

/// Nothing may be loaded and nothing run, whatever stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The whole document.
pub(crate) fn page(numbers: &Numbers, language: Language) -> String {
    let words = Words { numbers, language };
    let about = &numbers.about;
    let date = words.day(&about.as_of);
    let title = words.say(Line::Title, &[("pipeline", about.pipeline.as_str().into()), ("date", date.into())]);
    let head = element(
        "head",
        &[],
        [
            void("meta", &[("charset", "utf-8")]),
            void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]),
            void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]),
            void("meta", &[("name", "color-scheme"), ("content", "light dark")]),
            element("title", &[], [Markup::text(&title)]),
            Markup::style(STYLE),
        ],
    );
    let sections = [
        summary::summary(&words),
        offers::offers(&words),
        evaluation::evaluation(&words),
        decisions::decisions(&words),
        limits::limits(&words),
        limits::stability(&words),
        guard::guard(&words),
        rules::rules(&words),
        rules::follows(&words),
        models::models(&words),
        learning::learning(&words),
        learning::data(&words),
    ];
    let body = [header(&words, &title), element("main", &[], sections), footer(&words)];
    element("html", &[("lang", language.id())], [head, element("body", &[], body)]).into_document()
}

fn header(words: &Words<'_>, title: &str) -> Markup {
    let about = &words.numbers.about;
    let run = [("run", about.run_id.as_str().into()), ("version", about.tool_version.as_str().into())];
    let until = words.say(Line::ValidUntil, &[("date", words.day(&about.window_end).into())]);
    let purpose = Some(about.purpose.as_str()).filter(|purpose| !purpose.is_empty());
    let parts = [
        words.line("p", "kicker", Line::Kicker),
        element("h1", &[], [Markup::text(title)]),
        purpose.map(|purpose| element("p", &[("class", "purpose")], [Markup::text(purpose)])).unwrap_or_default(),
        words.sentences(&[until, words.say(Line::RunLine, &run)]),
    ];
    element("header", &[], parts)
}

fn footer(words: &Words<'_>) -> Markup {
    let text = words.say(Line::Footer, &[("most", (SMALLEST_SHOWN - 1).into())]);
    element("footer", &[], [element("p", &[("class", "fine")], [Markup::prose(&text)])])
}

/// A section with a heading and parts, or nothing without parts.
fn section(words: &Words<'_>, heading: Line, parts: impl IntoIterator<Item = Markup>) -> Markup {
    let content: Markup = parts.into_iter().collect();
    if content.is_empty() {
        return Markup::default();
    }
    element("section", &[], [words.line("h2", "", heading), content])
}
