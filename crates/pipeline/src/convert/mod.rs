//! Models in formats of other programs: ONNX for runtimes, PMML for scoring engines.
//!
//! A converted model needs nothing of this program. It takes the columns of a row as they stand in the file learned from and gives the
//! calibrated propensity; reasons stay here.

mod onnx;
mod pmml;
mod portable;
mod protobuf;
mod run;
#[cfg(test)]
mod tests;
mod xml;

use std::path::{Path, PathBuf};

use osusume_model::{Arg, Code, Fault, Result};
use osusume_storage::{Fs, RealFs};

pub use portable::InputKind;
pub(crate) use portable::{Input, Portable};

use crate::flat;

/// The formats there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Open Neural Network Exchange.
    Onnx,
    /// Predictive Model Markup Language.
    Pmml,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Onnx, Self::Pmml];

    /// Its name.
    pub fn id(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Pmml => "pmml",
        }
    }

    /// The format a file's name ends with.
    ///
    /// # Errors
    /// `ConfigNotAllowed` when it ends with none of them.
    pub fn of_name(path: &Path) -> Result<Self> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        let found = Self::ALL.into_iter().find(|format| format.id() == ending);
        found.ok_or_else(|| not_allowed(path, &Self::ALL))
    }
}

/// What is to be converted.
#[derive(Clone, Debug)]
pub struct ConvertRequest<'a> {
    /// A model file of `train`; or the directory of a run, or of the runs of one pipeline, whose offers become one model.
    pub model: &'a Path,
    /// The format to write.
    pub format: Format,
    /// The file to write; one of that name is replaced in one step.
    pub out: &'a Path,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The file.
    pub out: PathBuf,
    /// Its format.
    pub format: Format,
    /// What it takes, in order: name and kind.
    pub inputs: Vec<(String, InputKind)>,
    /// The names of its outputs: the propensity, and where the format has room for it the log-odds.
    pub outputs: Vec<String>,
}

/// A model and what files say of it besides its numbers.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The model.
    pub(crate) portable: Portable,
    /// Texts that are missing values, unless they are levels.
    pub(crate) missing: &'static [&'static str],
    /// What it predicts, in a sentence.
    pub(crate) doc: String,
    /// What is known of it, by name.
    pub(crate) properties: Vec<(&'static str, String)>,
    /// The column predicted, its positive value and the other one; `None` where there is an output an offer.
    pub(crate) target: Option<[String; 3]>,
}

/// A written model.
#[derive(Clone, Debug)]
struct Written {
    bytes: Vec<u8>,
    outputs: Vec<String>,
}

/// Writes a model in another format.
///
/// # Errors
/// Faults of reading the model and of writing; `ModelNotConvertible`; `ConfigNotAllowed` for a format that has one output where there
/// are many offers.
pub fn convert(request: &ConvertRequest<'_>) -> Result<Converted> {
    let is_run = RealFs.metadata(request.model)?.is_some_and(|found| found.is_dir);
    let mut source = if is_run {
        run::read(request.model)?
    } else {
        flat::check_other(request.out, request.model)?;
        flat::portable(request.model)?
    };
    source.portable.finish();
    let written = match (request.format, &source.target) {
        (Format::Onnx, _) => onnx::write(&source),
        (Format::Pmml, Some(target)) => pmml::write(&source, target).map_err(|text| {
            let fault = Fault::new(Code::ModelNotConvertible).in_file(request.model.display().to_string());
            fault.with("format", request.format.id().to_uppercase()).with("name", text.escape_debug().to_string())
        })?,
        (Format::Pmml, None) => return Err(not_allowed(request.out, &[Format::Onnx])),
    };
    flat::write(request.out, &written.bytes)?;
    let inputs = source.portable.inputs.iter().map(|input| (input.name.clone(), input.kind));
    Ok(Converted {
        out: request.out.to_owned(),
        format: request.format,
        inputs: inputs.collect(),
        outputs: written.outputs,
    })
}

fn not_allowed(out: &Path, allowed: &[Format]) -> Fault {
    let endings = allowed.iter().map(|format| format!("FILE.{}", format.id())).collect();
    let fault = Fault::new(Code::ConfigNotAllowed).with("key", "--out");
    fault.with("got", out.display().to_string()).with("allowed", Arg::Names(endings))
}
