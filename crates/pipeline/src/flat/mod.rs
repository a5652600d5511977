//! Models on plain files, without a pipeline: one table, one two-valued column to predict.
//!
//! [`train`] finds out what the columns are and writes a model file; [`score`] applies it to any file with the same columns;
//! [`show`] reads it for people. There is no time here: whoever has as-of dates, offers or customers wants a pipeline.
//!
//! A column is numbers, dates or a category by what stands in it (`infer.rs`); levels of categories that few rows have, and columns in
//! which nearly every row has a value of its own, never reach the model file.

mod columns;
mod file;
mod infer;
mod learn;
mod picture;
mod place;
mod portable;
mod score;
mod show;

use std::path::{Path, PathBuf};

use osusume_model::{Arg, Code, Fault, Result};
use osusume_storage::RealFs;
pub use osusume_tables::Encoding;
use osusume_tables::PlainFile;

pub use infer::{ColumnReport, ColumnType, LeftOut};
pub use learn::{ChosenColumns, Finding, Measured};
pub use score::{ScoreRequest, Scored, score};
pub use show::{Shown, ShownColumn, ShownFeature, ShownMap, html, show};

pub(crate) use place::{check_other, write};
pub(crate) use portable::portable;

use crate::host::Host;

/// The kinds of models a file can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A curve a column and maps of the pairs that need one, with learned smoothness.
    Additive,
    /// Penalized logistic regression over standardized columns.
    Linear,
}

impl Kind {
    /// The kinds there are.
    pub const NAMES: [&'static str; 2] = ["additive", "linear"];

    /// The kind of this name.
    ///
    /// # Errors
    /// `ModelKindUnavailable` for any other name.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "linear" => Ok(Self::Linear),
            "additive" => Ok(Self::Additive),
            _ => Err(Fault::new(Code::ModelKindUnavailable).with("kind", name).with("allowed", names(&Self::NAMES))),
        }
    }

    /// The name in model files.
    pub fn id(self) -> &'static str {
        match self {
            Self::Additive => Self::NAMES[0],
            Self::Linear => Self::NAMES[1],
        }
    }
}

/// Columns beyond which a model is linear unless asked otherwise: the time an additive one takes grows with their square, and its bins
/// get coarse.
pub const MAX_ADDITIVE_COLUMNS: usize = 150;

/// A plain file, and how its text is written where it is CSV.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The file.
    pub path: &'a Path,
    /// Between two fields; without one, what the first line has most of.
    pub delimiter: Option<u8>,
    /// UTF-8 without one.
    pub encoding: Option<Encoding>,
}

impl Input<'_> {
    fn open(&self) -> Result<PlainFile> {
        PlainFile::open(&RealFs, self.path, self.delimiter, self.encoding)
    }
}

/// What is to be learned.
#[derive(Clone, Debug)]
pub struct TrainRequest<'a> {
    /// Rows to learn from.
    pub input: Input<'a>,
    /// The column to predict; two values in all its rows.
    pub target: &'a str,
    /// The value whose probability is wanted; without one, see [`train`].
    pub positive: Option<&'a str>,
    /// Columns not to learn from.
    pub ignore: &'a [String],
    /// The kind of model; without one, additive up to [`MAX_ADDITIVE_COLUMNS`] columns and linear beyond.
    pub kind: Option<Kind>,
    /// Of a linear model, the share of L1 in its penalty: above 0, at most 1. With it columns that say too little are left out, and the
    /// penalty's strength is the one that serves held-out folds best; without it the penalty is L2, by empirical Bayes.
    pub l1_share: Option<f64>,
    /// The model file to write.
    pub out: &'a Path,
    /// Memory budget in bytes.
    pub memory: u64,
}

/// What was learned.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model file.
    pub out: PathBuf,
    /// The kind of model.
    pub kind: Kind,
    /// Between two fields, where the file is CSV.
    pub delimiter: Option<char>,
    /// Rows learned from.
    pub rows: u64,
    /// Rows left out because the target is missing.
    pub without_target: u64,
    /// The value whose probability is predicted, and the other one.
    pub values: [String; 2],
    /// Rows with the positive value.
    pub positives: u64,
    /// Every column but the target, in the file's order.
    pub columns: Vec<ColumnReport>,
    /// How well rows are told apart by models that have not seen them; absent where a fold holds all positives.
    pub measured: Option<Measured>,
    /// What a person should know of the data.
    pub findings: Vec<Finding>,
    /// What an L1 penalty left.
    pub chosen: Option<ChosenColumns>,
}

/// Learns to predict a two-valued column of a plain file, and writes the model file.
///
/// The positive value is the one asked for; else the larger of two numbers; else the one that says yes (`true`, `yes`, …); else the
/// rarer text. The file is read twice: once to find out what the columns are, once for their values.
///
/// # Errors
/// `ColumnMissing`, `TargetNotTwoValued`, `NoUsableColumns`, `MemoryBudget`, `NotConverged`; `OptionNotAllowed` for a share of L1 in an
/// additive model or out of its bounds; what is wrong with the file, with its place.
pub fn train(request: &TrainRequest<'_>, host: &dyn Host) -> Result<Trained> {
    check_other(request.out, request.input.path)?;
    check_l1_share(request)?;
    let input = request.input.open()?;
    let control = crate::job::Quiet::new(host);
    let plan = infer::infer(&input, request.target, request.positive, request.ignore, &control)?;
    host.progress(1, 4);
    let table = columns::read(&input, &plan, request.memory, &control)?;
    host.progress(2, 4);
    let is_linear = request.l1_share.is_some() || table.columns.len() > MAX_ADDITIVE_COLUMNS;
    let kind = request.kind.unwrap_or(if is_linear { Kind::Linear } else { Kind::Additive });
    let learned = learn::learn(&table, (kind, request.l1_share), request.memory, &control)?;
    host.progress(3, 4);
    let model = file::ModelFile::new(kind, &plan, &table, &learned);
    write(request.out, &model.bytes())?;
    host.progress(4, 4);
    Ok(Trained {
        out: request.out.to_owned(),
        kind,
        delimiter: input.delimiter(),
        rows: table.y.len() as u64,
        without_target: table.without_target,
        values: plan.values,
        positives: table.positives(),
        columns: infer::report(plan.reports, &table, &learned),
        measured: learned.measured.clone(),
        findings: learned.findings(&table),
        chosen: learned.chosen(),
    })
}

/// Less L1 than a thousandth leaves nothing out.
const LEAST_L1_SHARE: f64 = 0.001;

fn check_l1_share(request: &TrainRequest<'_>) -> Result<()> {
    let Some(share) = request.l1_share else { return Ok(()) };
    if request.kind == Some(Kind::Additive) {
        return Err(not_allowed("--model", Kind::Additive.id(), names(&[Kind::Linear.id()])));
    }
    if (LEAST_L1_SHARE..=1.0).contains(&share) {
        return Ok(());
    }
    Err(not_allowed("--l1-share", &share.to_string(), Arg::from(format!("{LEAST_L1_SHARE} ≤ x ≤ 1"))))
}

fn names(names: &[&str]) -> Arg {
    Arg::Names(names.iter().map(|&name| name.to_owned()).collect())
}

fn not_allowed(option: &str, got: &str, allowed: Arg) -> Fault {
    Fault::new(Code::OptionNotAllowed).with("option", option).with("got", got).with("allowed", allowed)
}
