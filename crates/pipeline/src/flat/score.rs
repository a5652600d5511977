//! Scores: a propensity for every row of a file, with the three columns that move it most.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use osusume_model::{Arg, Fault, Result};
use osusume_numeric::elementary::sigmoid;
use osusume_propensity::contributions::Contributions;
use osusume_propensity::encoder::{RawColumns, Transform};
use osusume_storage::RealFs;
use osusume_tables::PlainBlock;
use osusume_text::Language;
use osusume_text::flat::{Word, say};
use rayon::prelude::*;

use super::Input;
use super::columns::{Column, NewLevels};
use super::file::{AnyModel, ModelFile};
use super::infer::ColumnType;
use super::place::{Whole, check_other};
use crate::additive::AdditiveModel;
use crate::host::Host;
use crate::job::Quiet;
use crate::kernel::propensity_fault;
use crate::linear::LinearModel;

/// Reasons in a row.
const REASONS: usize = 3;
/// Rows encoded and explained at once by one thread.
const STRIP_ROWS: usize = 2_048;

/// What is to be scored.
#[derive(Clone, Debug)]
pub struct ScoreRequest<'a> {
    /// The model file.
    pub model: &'a Path,
    /// The rows.
    pub input: Input<'a>,
    /// The CSV file to write: `row`, `propensity`, `reason_1` to `reason_3`.
    pub out: &'a Path,
    /// Language of the reasons.
    pub language: Language,
}

/// What was scored.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The CSV file.
    pub out: PathBuf,
    /// Rows in it.
    pub rows: u64,
    /// Sum of the propensities: how many positive rows are to be expected.
    pub expected: f64,
    /// Columns with values of another type than the model learned from, and how many; they counted as missing.
    pub strays: Vec<(String, u64)>,
}

/// Scores every row of a file by a model file.
///
/// Row n of the output is the n-th data row of the input, counted from 1. A propensity has as many digits as bring back the very number. A reason is a column
/// and, in brackets, what it adds to the log-odds against a row at the mean of every column; the three largest by magnitude.
///
/// # Errors
/// `ColumnMissing` for every column the model wants and the file lacks, faults of model file, input and output.
pub fn score(request: &ScoreRequest<'_>, host: &dyn Host) -> Result<Scored> {
    check_other(request.out, request.input.path)?;
    check_other(request.out, request.model)?;
    let (file, model) = ModelFile::read(request.model)?;
    let input = request.input.open()?;
    let position = |name: &str| input.columns().iter().position(|column| column.name == name);
    let missing = file.features.iter().filter(|feature| position(&feature.name).is_none());
    Fault::all(missing.map(|feature| input.missing(&feature.name)).collect())?;
    let wanted: Vec<usize> = file.features.iter().filter_map(|feature| position(&feature.name)).collect();
    let mut scorer = Scorer::new(&file, &model, request.language)?;
    let mut out = Whole::create(request.out)?;
    out.write(b"row,propensity,reason_1,reason_2,reason_3\n")?;
    let (mut rows, mut expected) = (0_u64, 0.0);
    input.read(&RealFs, &wanted, &Quiet::new(host), &mut |block| {
        let scores = scorer.block(&block)?;
        let mut text = String::new();
        for score in &scores {
            rows += 1;
            expected += score.propensity;
            write_row(&mut text, rows, score);
        }
        host.progress(rows, 0);
        out.write(text.as_bytes())
    })?;
    out.finish()?;
    let strays = scorer.columns.iter().filter(|column| column.strays > 0);
    let strays = strays.map(|column| (column.name.clone(), column.strays)).collect();
    Ok(Scored { out: request.out.to_owned(), rows, expected, strays })
}

/// One row's result.
struct Score {
    propensity: f64,
    reasons: [Option<String>; REASONS],
}

/// The model, ready to explain rows.
enum Explainer<'a> {
    Linear { model: &'a LinearModel, contributions: Contributions },
    Additive(&'a AdditiveModel),
}

struct Scorer<'a> {
    explainer: Explainer<'a>,
    columns: Vec<Column>,
    language: Language,
}

impl<'a> Scorer<'a> {
    fn new(file: &'a ModelFile, model: &'a AnyModel, language: Language) -> Result<Self> {
        let explainer = match model {
            AnyModel::Additive(model) => Explainer::Additive(model),
            AnyModel::Linear(model) => {
                let source: Vec<u32> = model.encoder.columns.iter().map(|column| column.raw).collect();
                let group: Vec<u32> = (0..file.features.len() as u32).collect();
                let made = Contributions::new(&model.beta, model.intercept, &model.calibrator, &source, &group);
                let contributions = made.map_err(|error| propensity_fault(&error, "model"))?;
                Explainer::Linear { model, contributions }
            }
        };
        Ok(Self { explainer, columns: file.features.iter().map(super::file::Feature::column).collect(), language })
    }

    fn block(&mut self, block: &PlainBlock) -> Result<Vec<Score>> {
        let mut values = vec![Vec::with_capacity(block.n_rows); self.columns.len()];
        for ((column, cells), values) in self.columns.iter_mut().zip(&block.columns).zip(&mut values) {
            column.convert(cells, NewLevels::Unknown, values);
        }
        let starts: Vec<usize> = (0..block.n_rows).step_by(STRIP_ROWS).collect();
        let strips: Result<Vec<Vec<Score>>> = starts
            .into_par_iter()
            .map(|start| self.strip(&values, start, (start + STRIP_ROWS).min(block.n_rows)))
            .collect();
        Ok(strips?.into_iter().flatten().collect())
    }

    fn strip(&self, values: &[Vec<f32>], start: usize, end: usize) -> Result<Vec<Score>> {
        let slices: Vec<&[f32]> = values.iter().map(|column| &column[start..end]).collect();
        let kinds: Vec<_> = self.columns.iter().map(Column::kind).collect();
        let raw = RawColumns { n_rows: end - start, columns: &slices, kinds: &kinds };
        let scores = match &self.explainer {
            Explainer::Linear { model, contributions } => self.linear(model, contributions, &raw),
            Explainer::Additive(model) => self.additive(model, &raw),
        };
        scores.map_err(|error| propensity_fault(&error, "model"))
    }

    fn linear(
        &self,
        model: &LinearModel,
        contributions: &Contributions,
        raw: &RawColumns<'_>,
    ) -> std::result::Result<Vec<Score>, osusume_propensity::Error> {
        let n_cols = model.encoder.n_cols();
        let mut x = vec![0.0; raw.n_rows * n_cols];
        model.encoder.encode_block(raw, &mut x)?;
        let mut sums = vec![0.0; contributions.n_groups()];
        let of_number = |transform: &Transform| matches!(transform, Transform::Linear { .. } | Transform::Log1p { .. });
        (0..raw.n_rows)
            .map(|row| {
                let x = &x[row * n_cols..(row + 1) * n_cols];
                contributions.of_row(x, &mut sums)?;
                let is_high = |at: usize| {
                    let mut columns = model.encoder.columns.iter().zip(x);
                    columns
                        .find(|(used, _)| used.raw as usize == at && of_number(&used.transform))
                        .is_some_and(|(_, x)| *x > 0.0)
                };
                Ok(self.score(contributions.reference(), &sums, raw, row, &is_high))
            })
            .collect()
    }

    fn additive(
        &self,
        model: &AdditiveModel,
        raw: &RawColumns<'_>,
    ) -> std::result::Result<Vec<Score>, osusume_propensity::Error> {
        let codes = model.bins.encode(raw)?;
        let (mut by_term, mut sums) = (vec![0.0; model.model.terms.len()], vec![0.0; self.columns.len()]);
        let mut of_row = vec![0; codes.columns.len()];
        (0..raw.n_rows)
            .map(|row| {
                of_row.iter_mut().zip(&codes.columns).for_each(|(code, column)| *code = column[row]);
                model.of_row(&of_row, &mut by_term, &mut sums)?;
                Ok(self.score(model.reference(), &sums, raw, row, &|at| model.is_high(at, of_row[at])))
            })
            .collect()
    }

    /// The score of a row from what each column adds to the reference.
    fn score(
        &self,
        reference: f64,
        sums: &[f64],
        raw: &RawColumns<'_>,
        row: usize,
        is_high: &dyn Fn(usize) -> bool,
    ) -> Score {
        let mut strongest: Vec<usize> = (0..sums.len()).filter(|&feature| sums[feature] != 0.0).collect();
        strongest.sort_by(|&a, &b| sums[b].abs().total_cmp(&sums[a].abs()).then(a.cmp(&b)));
        let mut strongest = strongest.into_iter();
        let reasons = std::array::from_fn(|_| {
            strongest.next().map(|at| self.sentence(at, raw.columns[at][row], is_high(at), sums[at]))
        });
        Score { propensity: sigmoid(reference + sums.iter().sum::<f64>()), reasons }
    }

    /// What a column says of a row: its level, or whether its number is high.
    fn sentence(&self, at: usize, value: f32, is_high: bool, effect: f64) -> String {
        let column = &self.columns[at];
        let level = column.levels.iter().nth(value as usize).filter(|_| !value.is_nan());
        let word = match column.holds {
            _ if value.is_nan() => Word::ReasonMissing,
            ColumnType::Category if level.is_some() => Word::ReasonLevel,
            ColumnType::Category => Word::ReasonOther,
            ColumnType::Date if is_high => Word::ReasonLate,
            ColumnType::Date => Word::ReasonEarly,
            ColumnType::Number if is_high => Word::ReasonHigh,
            ColumnType::Number => Word::ReasonLow,
        };
        let level = level.map(|level| String::from_utf8_lossy(level).into_owned()).unwrap_or_default();
        let args = [
            ("column", Arg::from(column.name.as_str())),
            ("level", Arg::from(level)),
            ("effect", Arg::Number(format!("{effect:+.2}"))),
        ];
        say(word, self.language, &args)
    }
}

fn write_row(text: &mut String, row: u64, score: &Score) {
    // The shortest text that brings back the very number, without an exponent that a spreadsheet might misread.
    let _ = write!(text, "{row},{}", score.propensity);
    for reason in &score.reasons {
        text.push(',');
        push_cell(text, reason.as_deref().unwrap_or_default());
    }
    text.push('\n');
}

/// A cell as RFC 4180 wants it; what a spreadsheet would run as a formula gets an apostrophe.
fn push_cell(text: &mut String, cell: &str) {
    let cell = if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"', '\n', '\r']) {
        let _ = write!(text, "\"{}\"", cell.replace('"', "\"\""));
    } else {
        text.push_str(&cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_back_by_any_reader() {
        let mut text = String::new();
        let reasons = [Some("a, \"b\" is high (+0.50)".to_owned()), Some("=1+1 is low (-1.00)".to_owned()), None];
        write_row(&mut text, 7, &Score { propensity: 0.25, reasons });
        assert_eq!(text, "7,0.25,\"a, \"\"b\"\" is high (+0.50)\",'=1+1 is low (-1.00),\n");
    }

    #[test]
    fn propensities_are_read_back_to_the_last_bit() {
        for p in [0.5, 1.0, 0.0, 0.1 + 0.2, 1.234_567_890_123_456_7e-5, f64::MIN_POSITIVE] {
            let mut text = String::new();
            write_row(&mut text, 1, &Score { propensity: p, reasons: [None, None, None] });
            let cell = text.split(',').nth(1).unwrap();
            assert_eq!(cell.parse::<f64>().unwrap().to_bits(), p.to_bits(), "{cell}");
            assert!(!cell.contains('e'), "{cell}");
        }
    }
}
