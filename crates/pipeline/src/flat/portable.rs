//! A model file as other formats take it.

use std::path::Path;

use osusume_model::{Code, Fault, Result};

use super::file::{AnyFile, ModelFile};
use super::infer::{ColumnType, MISSING};
use crate::convert::{Input, InputKind, Portable, Source};

/// Texts that stand for missing values in a file, the empty one among them.
const ABSENT: [&str; 11] = {
    let mut texts = [""; 11];
    let mut at = 0;
    while at < MISSING.len() {
        texts[at + 1] = MISSING[at];
        at += 1;
    }
    texts
};

/// Reads a model file for conversion.
///
/// # Errors
/// As [`ModelFile::read`].
pub(crate) fn portable(path: &Path) -> Result<Source> {
    let (file, _) = ModelFile::read(path)?;
    let inputs = file.features.iter().map(|feature| Input {
        name: feature.name.clone(),
        kind: match feature.column_type {
            ColumnType::Number => InputKind::Number,
            ColumnType::Date => InputKind::Date,
            ColumnType::Category => InputKind::Category,
        },
    });
    let mut portable = Portable::new(inputs.collect(), 1);
    let set = match &file.model {
        AnyFile::Linear(model) => portable.set_linear(0, model),
        AnyFile::Additive(model) => portable.set_additive(0, model),
    };
    set.map_err(|detail| Fault::new(Code::FileDamaged).in_file(path.display().to_string()).because(detail))?;
    let target = file.target.clone();
    let mut properties = vec![
        ("kind", file.kind.id().to_owned()),
        ("target", target.column.clone()),
        ("positive", target.positive.clone()),
        ("negative", target.negative.clone()),
        ("rows", file.rows.to_string()),
        ("positives", file.positives.to_string()),
        ("model_sha256", file.checksum().to_owned()),
        ("feature_schema", file.feature_schema().to_owned()),
    ];
    if let Some(measured) = &file.measured {
        properties.extend([("auc", measured.auc.to_string()), ("log_loss", measured.log_loss.to_string())]);
    }
    let doc = format!("probability that `{}` is `{}`, not `{}`", target.column, target.positive, target.negative);
    let target = Some([target.column, target.positive, target.negative]);
    Ok(Source { portable, missing: &ABSENT, doc, properties, target })
}
