//! A model file for people: what it predicts, how well, and what each column adds; as data and as a page.

use std::fmt::Write as _;
use std::path::Path;

use osusume_model::{Arg, Date, Result};
use osusume_text::flat::{Word, say};
use osusume_text::{Language, thousands};

use super::Kind;
use super::file::{AnyFile, AnyModel, Feature, ModelFile};
use super::infer::ColumnType;
use super::learn::Measured;
use super::picture;
use super::place;
use crate::additive::{AdditiveFile, CurveFile, MapFile, Side};
use crate::linear::{Coefficient, LinearFile, TransformName};

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
    /// What two columns add together beyond what each adds alone; of an additive model, the most useful first.
    pub maps: Vec<ShownMap>,
}

/// What two columns add together.
#[derive(Clone, Debug)]
pub struct ShownMap {
    /// Their names.
    pub features: [String; 2],
    /// What each group of values of either is, in words.
    pub groups: [Vec<String>; 2],
    /// Calibrated log-odds by group of the first, then of the second.
    pub effects: Vec<Vec<f64>>,
}

/// One column of the data in a model.
#[derive(Clone, Debug)]
pub struct ShownFeature {
    /// Its name.
    pub name: String,
    /// What it is.
    pub column_type: ColumnType,
    /// How far the column alone moves the log-odds of a typical row: the root of the mean squared effect.
    pub strength: f64,
    /// What the model takes of it.
    pub columns: Vec<ShownColumn>,
}

/// One coefficient.
#[derive(Clone, Debug)]
pub struct ShownColumn {
    /// `linear`, `log1p`, `absent`, `level`, `other_than`; of an additive model's numbers, `range`.
    pub transform: &'static str,
    /// The levels it speaks of; of a range, what it lies above and what it goes up to, empty where it has no end.
    pub levels: Vec<String>,
    /// Change of the calibrated log-odds: for one standard deviation of a number, for having the level of a category; of an
    /// additive model, against the mean row.
    pub effect: f64,
}

/// Reads a model file.
///
/// # Errors
/// `FileMissing` and other faults of reading, `FormatVersion`, `FileDamaged`.
pub fn show(path: &Path) -> Result<Shown> {
    let (file, model) = ModelFile::read(path)?;
    let slope = match &model {
        AnyModel::Linear(model) => model.calibrator.slope,
        AnyModel::Additive(model) => model.calibrator.slope,
    };
    let (mut features, maps) = match &file.model {
        AnyFile::Linear(model) => {
            (file.features.iter().map(|feature| of_linear(feature, model, slope)).collect::<Vec<_>>(), Vec::new())
        }
        AnyFile::Additive(model) => {
            let curves = file.features.iter().zip(&model.curves);
            (
                curves.map(|(feature, curve)| of_curve(feature, curve, slope)).collect(),
                maps(&file.features, model, slope),
            )
        }
    };
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
        maps,
    })
}

fn of_linear(feature: &Feature, model: &LinearFile, slope: f64) -> ShownFeature {
    let (mut columns, mut squares) = (Vec::new(), 0.0);
    for column in model.columns.iter().filter(|column| column.feature == feature.name) {
        let effect = slope * column.beta;
        squares += effect * effect * spread(column);
        columns.push(ShownColumn {
            transform: transform(column.transform),
            levels: column.levels.clone().unwrap_or_default(),
            effect: effect / step(column),
        });
    }
    ShownFeature { name: feature.name.clone(), column_type: feature.column_type, strength: squares.sqrt(), columns }
}

/// Every code that training rows have.
fn of_curve(feature: &Feature, curve: &CurveFile, slope: f64) -> ShownFeature {
    let (mut columns, mut squares) = (Vec::new(), 0.0);
    for (code, (effect, share)) in curve.effects.iter().zip(&curve.shares).enumerate() {
        let effect = slope * effect;
        squares += share * effect * effect;
        if *share > 0.0 {
            let (transform, levels) = meaning(feature, curve, code);
            columns.push(ShownColumn { transform, levels, effect });
        }
    }
    ShownFeature { name: feature.name.clone(), column_type: feature.column_type, strength: squares.sqrt(), columns }
}

/// What a code of a curve stands for.
fn meaning(feature: &Feature, curve: &CurveFile, code: usize) -> (&'static str, Vec<String>) {
    if code + 1 == curve.effects.len() {
        return ("absent", Vec::new());
    }
    if let Some(levels) = &curve.levels {
        return match levels.get(code) {
            Some(level) => ("level", vec![level.clone()]),
            None => ("other_than", levels.clone()),
        };
    }
    let edges = curve.edges.as_deref().unwrap_or_default();
    let end =
        |at: Option<usize>| at.and_then(|at| edges.get(at)).map_or_else(String::new, |edge| ends_at(feature, *edge));
    ("range", vec![end(code.checked_sub(1)), end(Some(code))])
}

/// An edge as people write it: five digits of a number, the last day of a range of days.
fn ends_at(feature: &Feature, edge: f64) -> String {
    match feature.column_type {
        ColumnType::Date => Date(edge.floor() as i32).to_string(),
        _ => format!("{edge:.4e}").parse().map_or_else(|_| edge.to_string(), |short: f64| short.to_string()),
    }
}

fn maps(features: &[Feature], model: &AdditiveFile, slope: f64) -> Vec<ShownMap> {
    let side = |map: &MapFile, side: usize| {
        let of_name = |(feature, _): &(&Feature, &CurveFile)| feature.name == map.features[side];
        let found = features.iter().zip(&model.curves).find(of_name);
        found.map_or_else(Vec::new, |(feature, curve)| groups(feature, curve, &map.sides[side]))
    };
    let calibrated = |row: &Vec<f64>| row.iter().map(|effect| slope * effect).collect();
    let shown = |map: &MapFile| ShownMap {
        features: map.features.clone(),
        groups: [side(map, 0), side(map, 1)],
        effects: map.effects.iter().map(calibrated).collect(),
    };
    model.maps.iter().map(shown).collect()
}

/// What each group of a side is, in words of no language: ends of a range, names of levels, `…` for others, `–` for missing.
fn groups(feature: &Feature, curve: &CurveFile, side: &Side) -> Vec<String> {
    let of_group = |group: usize| {
        let codes: Vec<usize> = (0..side.group.len()).filter(|code| usize::from(side.group[*code]) == group).collect();
        let meanings: Vec<(&str, Vec<String>)> = codes.iter().map(|code| meaning(feature, curve, *code)).collect();
        if let (Some(("range", first)), Some(("range", last))) = (meanings.first(), meanings.last()) {
            return format!("{} … {}", first[0], last[1]).trim().to_owned();
        }
        let words = meanings.iter().map(|(transform, levels)| match *transform {
            "level" => levels[0].as_str(),
            "absent" => "–",
            _ => "…",
        });
        words.collect::<Vec<_>>().join(", ")
    };
    (0..side.groups).map(of_group).collect()
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

impl ShownFeature {
    /// The columns worth a line on a terminal: of a number's many ranges, the one with the lowest effect and the one with the highest.
    pub fn main_columns(&self) -> Vec<&ShownColumn> {
        let is_range = |column: &&ShownColumn| column.transform == "range";
        let by_effect = |a: &&ShownColumn, b: &&ShownColumn| a.effect.total_cmp(&b.effect);
        let lowest = self.columns.iter().filter(is_range).min_by(by_effect);
        let highest = self.columns.iter().filter(is_range).max_by(by_effect);
        let is_main = |column: &&ShownColumn| {
            let is_end = |end: Option<&ShownColumn>| end.is_some_and(|end| std::ptr::eq(end, *column));
            column.transform != "range" || is_end(lowest) || is_end(highest)
        };
        self.columns.iter().filter(is_main).collect()
    }
}

impl ShownMap {
    /// The largest effect, either way.
    pub fn largest(&self) -> f64 {
        self.effects.iter().flatten().fold(0.0, |largest, effect| largest.max(effect.abs()))
    }
}

impl ShownColumn {
    /// What the coefficient is about, in words.
    pub fn label(&self, language: Language) -> String {
        let ends = |at: usize| self.levels.get(at).cloned().unwrap_or_default();
        let word = match self.transform {
            "range" if ends(0).is_empty() && ends(1).is_empty() => Word::TakesNumber,
            "range" if ends(0).is_empty() => Word::TakesUpTo,
            "range" if ends(1).is_empty() => Word::TakesAbove,
            "range" => Word::TakesRange,
            "linear" => Word::TakesNumber,
            "log1p" => Word::TakesLog,
            "absent" => Word::TakesMissing,
            "level" => Word::TakesLevel,
            _ => Word::TakesOther,
        };
        let args = [("level", Arg::from(ends(0))), ("low", Arg::Number(ends(0))), ("high", Arg::Number(ends(1)))];
        say(word, language, &args)
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
         <title>{title}</title><style>{STYLE}{}</style></head><body>\n<h1>{title}</h1>\n",
        language.id(),
        if shown.kind == Kind::Additive { picture::STYLE } else { "" }
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
    let how = if shown.kind == Kind::Additive { Word::PageHowAdditive } else { Word::PageHow };
    let _ = writeln!(page, "<p>{}</p>", text(how, &[]));
    if shown.kind == Kind::Additive {
        picture::curves_and_maps(&mut page, shown, language);
    } else {
        coefficients(&mut page, shown, language);
    }
    page.push_str("</body></html>\n");
    page
}

/// A row a coefficient.
fn coefficients(page: &mut String, shown: &Shown, language: Language) {
    let text = |word: Word| escaped(&say(word, language, &[]));
    page.push_str("<table>\n");
    let heads = [Word::HeadColumn, Word::HeadTakes, Word::HeadEffect].map(text);
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
    page.push_str("</table>\n");
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

pub(super) fn escaped(text: &str) -> String {
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
            maps: Vec::new(),
        };
        for language in Language::ALL {
            let page = page(&shown, language);
            assert!(!page.contains("<script>") && !page.contains("<img") && !page.contains("<b>"), "{page}");
            assert!(page.contains("&lt;script&gt;") && page.contains("bar minus"), "{page}");
        }
    }
}
