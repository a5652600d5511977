//! A model file for people: what it predicts, how well, and what each column adds; as data and as a page.

use std::fmt::Write as _;
use std::path::Path;

use osusume_model::{Arg, Result};
use osusume_text::flat::{Word, say};
use osusume_text::{Language, thousands};

use super::Kind;
use super::file::ModelFile;
use super::infer::ColumnType;
use super::learn::Measured;
use super::place;
use crate::linear::{Coefficient, TransformName};

/// What a model file says.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The kind of model.
    pub kind: Kind,
    /// The version that learned it.
    pub tool_version: String,
    /// The column predicted.
    pub target: String,
    /// The value whose probability is predicted, and the other one.
    pub values: [String; 2],
    /// Rows learned from.
    pub rows: u64,
    /// Those with the positive value.
    pub positives: u64,
    /// How well unseen rows are told apart.
    pub measured: Option<Measured>,
    /// The columns, the strongest first.
    pub features: Vec<ShownFeature>,
}

/// One column of the data in a model.
#[derive(Clone, Debug)]
pub struct ShownFeature {
    /// Its name.
    pub name: String,
    /// What it is.
    pub column_type: ColumnType,
    /// Root of the sum of squared effects: about how far the column moves the log-odds of a typical row.
    pub strength: f64,
    /// What the model takes of it.
    pub columns: Vec<ShownColumn>,
}

/// One coefficient.
#[derive(Clone, Debug)]
pub struct ShownColumn {
    /// `linear`, `log1p`, `absent`, `level` or `other_than`.
    pub transform: &'static str,
    /// The levels it speaks of.
    pub levels: Vec<String>,
    /// Change of the calibrated log-odds: for one standard deviation of a number, for having the level of a category.
    pub effect: f64,
}

/// Reads a model file.
///
/// # Errors
/// `FileMissing` and other faults of reading, `FormatVersion`, `FileDamaged`.
pub fn show(path: &Path) -> Result<Shown> {
    let (file, model) = ModelFile::read(path)?;
    let slope = model.calibrator.slope;
    let mut features: Vec<ShownFeature> = file
        .features
        .iter()
        .map(|feature| {
            let of_feature = file.model.columns.iter().filter(|column| column.feature == feature.name);
            let (mut columns, mut squares) = (Vec::new(), 0.0);
            for column in of_feature {
                let effect = slope * column.beta;
                squares += effect * effect * spread(column);
                columns.push(ShownColumn {
                    transform: transform(column.transform),
                    levels: column.levels.clone().unwrap_or_default(),
                    effect: effect / step(column),
                });
            }
            ShownFeature {
                name: feature.name.clone(),
                column_type: feature.column_type,
                strength: squares.sqrt(),
                columns,
            }
        })
        .collect();
    features.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    Ok(Shown {
        kind: file.kind,
        tool_version: file.tool_version,
        target: file.target.column,
        values: [file.target.positive, file.target.negative],
        rows: file.rows,
        positives: file.positives,
        measured: file.measured,
        features,
    })
}

/// Mean square of a standardized column: 1 for numbers, and for an indicator of share m and scale s, m(1 − m)/s².
fn spread(column: &Coefficient) -> f64 {
    match column.transform {
        TransformName::Linear | TransformName::Log1p => 1.0,
        _ => column.mean * (1.0 - column.mean) / (column.scale * column.scale),
    }
}

/// The step an effect is told for, in units of the standardized column: one deviation of a number, all of an indicator.
fn step(column: &Coefficient) -> f64 {
    match column.transform {
        TransformName::Linear | TransformName::Log1p => 1.0,
        _ => column.scale,
    }
}

fn transform(name: TransformName) -> &'static str {
    match name {
        TransformName::Linear => "linear",
        TransformName::Log1p => "log1p",
        TransformName::Absent => "absent",
        TransformName::Level => "level",
        TransformName::OtherThan => "other_than",
    }
}

impl ShownColumn {
    /// What the coefficient is about, in words.
    pub fn label(&self, language: Language) -> String {
        let word = match self.transform {
            "linear" => Word::TakesNumber,
            "log1p" => Word::TakesLog,
            "absent" => Word::TakesMissing,
            "level" => Word::TakesLevel,
            _ => Word::TakesOther,
        };
        say(word, language, &[("level", Arg::from(self.levels.first().cloned().unwrap_or_default()))])
    }
}

/// Writes a model file as one page that needs nothing else: no script, no font, no network.
///
/// # Errors
/// Faults of writing.
pub fn html(shown: &Shown, out: &Path, language: Language) -> Result<()> {
    place::write(out, page(shown, language).as_bytes())
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:left}\
td.n{text-align:right;font-variant-numeric:tabular-nums}.bar{display:inline-block;height:.7rem;background:#2a6f97}\
.bar.minus{background:#b5533c}@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}td,th{border-color:#444}}";

fn page(shown: &Shown, language: Language) -> String {
    let text = |word: Word, args: &[(&str, Arg)]| escaped(&say(word, language, args));
    let title = text(Word::PageTitle, &[("target", Arg::from(shown.target.as_str()))]);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n",
        language.id()
    );
    let learned = [
        ("rows", Arg::from(shown.rows)),
        ("positives", Arg::from(shown.positives)),
        ("positive", Arg::from(shown.values[0].as_str())),
    ];
    let _ = writeln!(page, "<p>{}</p>", text(Word::PageRows, &learned));
    if let Some(measured) = &shown.measured {
        let _ = writeln!(page, "<p>{}</p>", text(Word::MeasuredValue, &measured_args(measured)));
    }
    let _ = writeln!(page, "<p>{}</p>\n<table>", text(Word::PageHow, &[]));
    let heads = [Word::HeadColumn, Word::HeadTakes, Word::HeadEffect].map(|word| text(word, &[]));
    let _ = writeln!(page, "<tr><th>{}</th><th>{}</th><th></th><th>{}</th></tr>", heads[0], heads[1], heads[2]);
    let largest = shown.features.iter().flat_map(|feature| &feature.columns).map(|column| column.effect.abs());
    let largest = largest.fold(f64::MIN_POSITIVE, f64::max);
    for feature in &shown.features {
        for (i, column) in feature.columns.iter().enumerate() {
            let name = if i == 0 { escaped(&feature.name) } else { String::new() };
            let class = if column.effect < 0.0 { "bar minus" } else { "bar" };
            let _ = writeln!(
                page,
                "<tr><td>{name}</td><td>{}</td><td class=\"n\">{:+.3}</td><td><span class=\"{class}\" style=\"width:{:.1}%\"></span></td></tr>",
                escaped(&column.label(language)),
                column.effect,
                100.0 * column.effect.abs() / largest,
            );
        }
    }
    page.push_str("</table>\n</body></html>\n");
    page
}

/// The arguments of [`Word::MeasuredValue`].
pub(super) fn measured_args(measured: &Measured) -> [(&'static str, Arg); 5] {
    let number = |x: f64, digits: usize| Arg::Number(format!("{x:.digits$}"));
    [
        ("folds", Arg::Number(thousands(i64::from(measured.folds)))),
        ("auc", number(measured.auc, 4)),
        ("error", number(measured.auc_standard_error, 4)),
        ("loss", number(measured.log_loss, 4)),
        ("base", number(measured.base_log_loss, 4)),
    ]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Measured {
    /// The measures in one line.
    pub fn line(&self, language: Language) -> String {
        say(Word::MeasuredValue, language, &measured_args(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        let column = ShownColumn { transform: "level", levels: vec!["<b>".to_owned()], effect: -0.5 };
        let name = "<script>".to_owned();
        let feature = ShownFeature { name, column_type: ColumnType::Category, strength: 0.5, columns: vec![column] };
        let shown = Shown {
            kind: Kind::Linear,
            tool_version: "0".to_owned(),
            target: "\"><img src=x>".to_owned(),
            values: ["yes".to_owned(), "no".to_owned()],
            rows: 10,
            positives: 4,
            measured: None,
            features: vec![feature],
        };
        for language in Language::ALL {
            let page = page(&shown, language);
            assert!(!page.contains("<script>") && !page.contains("<img") && !page.contains("<b>"), "{page}");
            assert!(page.contains("&lt;script&gt;") && page.contains("bar minus"), "{page}");
        }
    }
}
