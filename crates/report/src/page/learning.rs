//! What models learned from and how they did over all offers; rows read and rows set aside.

use osusume_model::Arg;
use osusume_text::report::{Line, code_title};

use super::models::log_loss;
use super::section;
use super::words::{Words, number, share};
use crate::markup::{Markup, element};
use crate::numbers::TestRow;

pub(super) fn learning(words: &Words<'_>) -> Markup {
    let learning = &words.numbers.learning;
    let (Some(first), Some(last)) = (learning.as_of_dates.first(), learning.as_of_dates.last()) else {
        return Markup::default();
    };
    let args = [
        ("rows", words.arg(learning.rows)),
        ("dates", learning.as_of_dates.len().into()),
        ("first", words.day(first).into()),
        ("last", words.day(last).into()),
        ("features", learning.features.into()),
        ("share", Arg::Number(share(learning.share_of_customers))),
    ];
    section(words, Line::Learning, [words.paragraph("", Line::LearningText, &args), tests(words)])
}

fn tests(words: &Words<'_>) -> Markup {
    let tests = &words.numbers.learning.tests;
    if tests.is_empty() {
        return Markup::default();
    }
    let heads = [
        ("name", words.word(Line::TestDate)),
        ("num", words.word(Line::TestOffers)),
        ("num", words.word(Line::MeanAuc)),
        ("num", words.word(Line::LogLossBase)),
        ("num", words.word(Line::Slope)),
    ];
    let none = || "–".to_owned();
    let row = |test: &TestRow| {
        let two = |value: f64| format!("{value:.2}");
        let cells = [
            test.as_of.clone(),
            number(test.offers),
            test.mean_auc.map_or_else(none, |auc| format!("{auc:.3}")),
            test.log_loss.zip(test.base_log_loss).map_or_else(none, |(model, base)| log_loss(words, model, base)),
            test.slope.map_or_else(none, |slope| words.interval(slope, two)),
        ];
        cells.iter().map(|cell| Markup::text(cell)).collect()
    };
    let table = Words::table("numbers", &heads, tests.iter().map(row));
    [words.line("h3", "", Line::TestsTable), table, words.line("p", "fine", Line::SlopeMeans)].into_iter().collect()
}

pub(super) fn data(words: &Words<'_>) -> Markup {
    let data = &words.numbers.data;
    let heads = [
        ("name", words.word(Line::Source)),
        ("num", words.word(Line::Read)),
        ("num", words.word(Line::Used)),
        ("num", words.word(Line::SetAside)),
        ("num", words.word(Line::Repeated)),
    ];
    let rows = data.sources.iter().map(|row| {
        let counts = [row.read, row.accepted, row.rejected, row.excluded].map(|count| Markup::text(&number(count)));
        std::iter::once(Markup::text(&row.source)).chain(counts).collect()
    });
    let mut parts = vec![Words::table("numbers", &heads, rows.collect::<Vec<_>>())];
    if data.unknown_products > 0 {
        parts.push(words.paragraph("", Line::UnknownProducts, &[("rows", data.unknown_products.into())]));
    }
    parts.push(rejects(words));
    section(words, Line::Data, parts)
}

fn rejects(words: &Words<'_>) -> Markup {
    let rejects = &words.numbers.data.rejects;
    if rejects.is_empty() {
        return words.line("p", "", Line::NothingSetAside);
    }
    let heads = [("name", words.word(Line::Code)), ("name", words.word(Line::Reason)), ("num", words.word(Line::Rows))];
    let rows = rejects.iter().map(|row| {
        let title = code_title(&row.code, words.language).unwrap_or_default();
        vec![element("code", &[], [Markup::text(&row.code)]), Markup::prose(&title), Markup::text(&number(row.rows))]
    });
    let table = Words::table("numbers", &heads, rows.collect::<Vec<_>>());
    [words.line("h3", "", Line::SetAsideBy), table, words.line("p", "fine", Line::SetAsideWhere)].into_iter().collect()
}
