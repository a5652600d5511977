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
use super::file::ModelFile;
use super::infer::ColumnType;
use super::place::{Whole, check_other};
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
/// Row n of the output is the n-th data row of the input, counted from 1. A propensity has nine significant digits. A reason is a column
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

struct Scorer<'a> {
    model: &'a LinearModel,
    columns: Vec<Column>,
    contributions: Contributions,
    language: Language,
}

impl<'a> Scorer<'a> {
    fn new(file: &'a ModelFile, model: &'a LinearModel, language: Language) -> Result<Self> {
        let source: Vec<u32> = model.encoder.columns.iter().map(|column| column.raw).collect();
        let group: Vec<u32> = (0..file.features.len() as u32).collect();
        let contributions = Contributions::new(&model.beta, model.intercept, &model.calibrator, &source, &group);
        Ok(Self {
            model,
            columns: file.features.iter().map(super::file::Feature::column).collect(),
            contributions: contributions.map_err(|error| propensity_fault(&error, "model"))?,
            language,
        })
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
        let n_cols = self.model.encoder.n_cols();
        let mut x = vec![0.0; raw.n_rows * n_cols];
        self.model.encoder.encode_block(&raw, &mut x).map_err(|error| propensity_fault(&error, "model"))?;
        let mut sums = vec![0.0; self.contributions.n_groups()];
        (0..raw.n_rows)
            .map(|row| {
                let x = &x[row * n_cols..(row + 1) * n_cols];
                self.contributions.of_row(x, &mut sums).map_err(|error| propensity_fault(&error, "model"))?;
                let log_odds = self.contributions.reference() + sums.iter().sum::<f64>();
                Ok(Score { propensity: sigmoid(log_odds), reasons: self.reasons(&sums, x, &slices, row) })
            })
            .collect()
    }

    /// The columns that move the row's log-odds most, either way.
    fn reasons(&self, sums: &[f64], x: &[f32], slices: &[&[f32]], row: usize) -> [Option<String>; REASONS] {
        let mut strongest: Vec<usize> = (0..sums.len()).filter(|&feature| sums[feature] != 0.0).collect();
        strongest.sort_by(|&a, &b| sums[b].abs().total_cmp(&sums[a].abs()).then(a.cmp(&b)));
        let mut strongest = strongest.into_iter();
        std::array::from_fn(|_| strongest.next().map(|at| self.sentence(at, slices[at][row], x, sums[at])))
    }

    fn sentence(&self, at: usize, value: f32, x: &[f32], effect: f64) -> String {
        let column = &self.columns[at];
        let is_high = || {
            let of_number =
                |transform: &Transform| matches!(transform, Transform::Linear { .. } | Transform::Log1p { .. });
            let columns = self.model.encoder.columns.iter().zip(x);
            let mut of_this = columns.filter(|(used, _)| used.raw as usize == at && of_number(&used.transform));
            of_this.next().is_some_and(|(_, x)| *x > 0.0)
        };
        let level = column.levels.iter().nth(value as usize).filter(|_| !value.is_nan());
        let word = match column.holds {
            _ if value.is_nan() => Word::ReasonMissing,
            ColumnType::Category if level.is_some() => Word::ReasonLevel,
            ColumnType::Category => Word::ReasonOther,
            ColumnType::Date if is_high() => Word::ReasonLate,
            ColumnType::Date => Word::ReasonEarly,
            ColumnType::Number if is_high() => Word::ReasonHigh,
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
    // Nine digits bring back the f32 a kernel would give, and ties stay as rare as they are.
    let _ = write!(text, "{row},{}", nine_digits(score.propensity));
    for reason in &score.reasons {
        text.push(',');
        push_cell(text, reason.as_deref().unwrap_or_default());
    }
    text.push('\n');
}

/// Nine significant digits without an exponent that a spreadsheet might misread.
fn nine_digits(p: f64) -> String {
    let zeros = (1..22).take_while(|&zeros| p > 0.0 && p < 10.0_f64.powi(-zeros)).count();
    format!("{p:.*}", 9 + zeros)
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
        assert_eq!(text, "7,0.250000000,\"a, \"\"b\"\" is high (+0.50)\",'=1+1 is low (-1.00),\n");
    }

    #[test]
    fn propensities_keep_nine_digits() {
        for (p, expected) in [
            (0.5, "0.500000000"),
            (0.000_012_345_678_91, "0.0000123456789"),
            (1.0, "1.000000000"),
            (0.0, "0.000000000"),
        ] {
            assert_eq!(nine_digits(p), expected);
        }
    }
}
