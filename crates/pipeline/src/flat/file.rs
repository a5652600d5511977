//! The model file: data only, readable by people, with a version, a checksum, and the columns it wants.

use std::path::Path;

use osusume_model::{Code, Fault, Result};
use osusume_storage::{Digest, Fs, RealFs};
use serde::{Deserialize, Serialize};

use super::Kind;
use super::columns::{Column, Table};
use super::infer::{ColumnType, Plan};
use super::learn::{Fitted, Learned, Measured, min_level_rows};
use crate::additive::{AdditiveFile, AdditiveModel, Written};
use crate::linear::{LinearFile, LinearModel, RawFeature};

/// Versions of the format: of a linear model, and of an additive one.
const FORMAT_VERSIONS: [u64; 2] = [1, 2];
/// A model of ten thousand columns has a few megabytes.
const LIMIT_BYTES: u64 = 1 << 26;
/// What stands in the place of the checksum while it is computed.
const NO_CHECKSUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The file, field by field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelFile {
    format_version: u64,
    /// SHA-256 of the file with zeros in the place of these digits.
    sha256: String,
    pub(super) kind: Kind,
    pub(super) tool_version: String,
    pub(super) target: Target,
    pub(super) rows: u64,
    pub(super) positives: u64,
    /// Digest over names and types of the features, in order.
    feature_schema: String,
    pub(super) features: Vec<Feature>,
    pub(super) measured: Option<Measured>,
    pub(super) model: AnyFile,
}

/// The numbers of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum AnyFile {
    Linear(LinearFile),
    Additive(AdditiveFile),
}

/// What is read back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum AnyModel {
    Linear(LinearModel),
    Additive(AdditiveModel),
}

impl AnyFile {
    fn kind(&self) -> Kind {
        match self {
            Self::Linear(_) => Kind::Linear,
            Self::Additive(_) => Kind::Additive,
        }
    }

    fn uses(&self, feature: &str) -> bool {
        match self {
            Self::Linear(model) => model.columns.iter().any(|used| used.feature == feature),
            Self::Additive(model) => model.curves.iter().any(|used| used.feature == feature),
        }
    }

    /// The levels a feature's part of the model names.
    fn levels(&self, feature: &str) -> Vec<String> {
        let levels = |named: Option<&Vec<String>>| named.cloned().unwrap_or_default();
        match self {
            Self::Linear(model) => {
                let columns = model.columns.iter().filter(|used| used.feature == feature);
                columns.flat_map(|used| levels(used.levels.as_ref())).collect()
            }
            Self::Additive(model) => {
                let curves = model.curves.iter().filter(|used| used.feature == feature);
                curves.flat_map(|used| levels(used.levels.as_ref())).collect()
            }
        }
    }

    fn read(&self, raw: &[RawFeature<'_>]) -> std::result::Result<AnyModel, String> {
        match self {
            Self::Linear(model) => model.read(raw).map(AnyModel::Linear),
            Self::Additive(model) => model.read(raw).map(AnyModel::Additive),
        }
    }
}

/// What is predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub(super) column: String,
    pub(super) positive: String,
    pub(super) negative: String,
}

/// A column the model wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Feature {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) column_type: ColumnType,
    /// Levels with a part in the model, and the most frequent one; all others are one to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) levels: Option<Vec<String>>,
}

impl Feature {
    fn raw(&self) -> RawFeature<'_> {
        RawFeature { name: &self.name, levels: self.levels.as_deref() }
    }

    /// An empty column that converts cells to what the model takes.
    pub(super) fn column(&self) -> Column {
        let mut column = Column::new(&self.name, self.column_type);
        for level in self.levels.iter().flatten() {
            column.levels.intern(level.as_bytes());
        }
        column
    }
}

impl ModelFile {
    /// The file of what was learned.
    pub(super) fn new(kind: Kind, plan: &Plan, table: &Table, learned: &Learned) -> Self {
        let levels: Vec<Option<Vec<String>>> = table.columns.iter().map(level_names).collect();
        let names = table.columns.iter().zip(&levels);
        let raw: Vec<RawFeature<'_>> =
            names.map(|(column, levels)| RawFeature { name: &column.name, levels: levels.as_deref() }).collect();
        let model = match &learned.fitted {
            Fitted::Linear { encoder, fit } => AnyFile::Linear(LinearFile::new(fit, learned.calibrator, encoder, &raw)),
            Fitted::Sparse { encoder, chosen } => {
                AnyFile::Linear(LinearFile::sparse(&chosen.fit, learned.calibrator, encoder, &raw))
            }
            Fitted::Additive { bins, codes, fit } => {
                let written = Written {
                    model: &fit.model,
                    bins,
                    shares: &codes.shares(bins),
                    strength: &fit.strength,
                    calibrator: learned.calibrator,
                    iterations: fit.iterations,
                    max_gradient: fit.max_gradient,
                    effective_dof: fit.effective_dof,
                };
                AnyFile::Additive(AdditiveFile::new(&written, &raw))
            }
        };
        let is_used = |column: &&Column| model.uses(&column.name);
        let used = table.columns.iter().zip(&table.values).filter(|(column, _)| is_used(column));
        let features: Vec<Feature> =
            used.map(|(column, values)| feature(column, usual(column, values), &model)).collect();
        let [positive, negative] = plan.values.clone();
        Self {
            format_version: version_of(kind),
            sha256: NO_CHECKSUM.to_owned(),
            kind,
            tool_version: crate::run::TOOL_VERSION.to_owned(),
            target: Target { column: plan.target_name.clone(), positive, negative },
            rows: table.y.len() as u64,
            positives: table.positives(),
            feature_schema: schema(&features),
            features,
            measured: learned.measured.clone(),
            model,
        }
    }

    /// The file's bytes, with the checksum in its place.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let blank = Self { sha256: NO_CHECKSUM.to_owned(), ..self.clone() };
        let mut text = serde_json::to_string_pretty(&blank).expect("numbers and texts always become JSON");
        text.push('\n');
        let checksum = Digest::of(text.as_bytes()).to_string();
        text.replacen(NO_CHECKSUM, &checksum, 1).into_bytes()
    }

    /// Reads a model file and the model in it.
    ///
    /// # Errors
    /// `FormatVersion`, `FileDamaged` with what cannot be; faults of reading.
    pub(super) fn read(path: &Path) -> Result<(Self, AnyModel)> {
        let bytes = RealFs.open_input(path)?.read_all(LIMIT_BYTES).map_err(|fault| fault.in_file(shown(path)))?;
        let damaged =
            |detail: &dyn std::fmt::Display| Fault::new(Code::FileDamaged).in_file(shown(path)).because(detail);
        let value: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|_| damaged(&"not a model file: no JSON"))?;
        let version = value.get("format_version").and_then(serde_json::Value::as_u64);
        let Some(version) = version else { return Err(damaged(&"not a model file: no format_version")) };
        if !FORMAT_VERSIONS.contains(&version) {
            let fault = Fault::new(Code::FormatVersion).in_file(shown(path));
            return Err(fault.with("found", version).with("supported", FORMAT_VERSIONS[1]));
        }
        check_digest(&bytes, value.get("sha256").and_then(serde_json::Value::as_str), path)?;
        let file: Self = serde_json::from_value(value).map_err(|error| damaged(&error))?;
        if file.kind != file.model.kind() || version != version_of(file.kind) {
            return Err(damaged(&"kind, format_version and model disagree"));
        }
        if file.feature_schema != schema(&file.features) {
            return Err(damaged(&"features and feature_schema disagree"));
        }
        let raw: Vec<RawFeature<'_>> = file.features.iter().map(Feature::raw).collect();
        let model = file.model.read(&raw).map_err(|detail| damaged(&detail))?;
        Ok((file, model))
    }
}

impl ModelFile {
    /// SHA-256 of the file with zeros in the place of these digits.
    pub(super) fn checksum(&self) -> &str {
        &self.sha256
    }

    /// Digest over names and types of the features.
    pub(super) fn feature_schema(&self) -> &str {
        &self.feature_schema
    }
}

fn version_of(kind: Kind) -> u64 {
    match kind {
        Kind::Linear => FORMAT_VERSIONS[0],
        Kind::Additive => FORMAT_VERSIONS[1],
    }
}

fn check_digest(bytes: &[u8], checksum: Option<&str>, path: &Path) -> Result<()> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let is_whole = checksum
        .filter(|checksum| checksum.len() == NO_CHECKSUM.len())
        .is_some_and(|checksum| Digest::of(text.replacen(checksum, NO_CHECKSUM, 1).as_bytes()).to_string() == checksum);
    if is_whole {
        return Ok(());
    }
    Err(Fault::new(Code::FileDamaged).in_file(shown(path)).because("not what `train` wrote: the checksum differs"))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// All levels of a category in order of code.
fn level_names(column: &Column) -> Option<Vec<String>> {
    let texts = || column.levels.iter().map(|level| String::from_utf8_lossy(level).into_owned());
    (column.holds == ColumnType::Category).then(|| texts().collect())
}

/// A category keeps the levels its part of the model names, and the most frequent one, which needs no column in a linear model because
/// the others are told against it: a rare level is nobody's business.
fn feature(column: &Column, usual: Option<u32>, model: &AnyFile) -> Feature {
    let column_type = column.holds;
    let usual = usual.and_then(|code| column.levels.iter().nth(code as usize));
    let levels = (column_type == ColumnType::Category).then(|| {
        let mut levels = model.levels(&column.name);
        levels.extend(usual.map(|level| String::from_utf8_lossy(level).into_owned()));
        levels.sort();
        levels.dedup();
        levels
    });
    Feature { name: column.name.clone(), column_type, levels }
}

/// The most frequent level of a category, where enough rows have it to be named.
fn usual(column: &Column, values: &[f32]) -> Option<u32> {
    let mut counts = vec![0_u64; column.levels.len()];
    let codes = values.iter().filter(|value| column.holds == ColumnType::Category && !value.is_nan());
    codes.for_each(|&code| counts[code as usize] += 1);
    let named = (0..).zip(&counts).filter(|(_, count)| **count >= min_level_rows(values.len() as u64));
    named.max_by_key(|(level, count)| (**count, std::cmp::Reverse(*level))).map(|(level, _): (u32, _)| level)
}

fn schema(features: &[Feature]) -> String {
    let lines: Vec<String> = features
        .iter()
        .map(|feature| format!("{}\t{:?}\t{:?}\n", feature.name, feature.column_type, feature.levels))
        .collect();
    Digest::of_parts(lines.iter().map(String::as_bytes)).to_string()
}
