//! Whose data may not be used.

use std::path::Path;

use super::{At, integer, resolve};
use crate::config::settings::{Encoding, Format, Suppression};

pub(in crate::config) fn suppression(at: At, base: &Path) -> Suppression {
    let flag = |key: &str| at.flag(key).unwrap_or(false);
    Suppression {
        paths: at.texts("path").iter().map(|path| resolve(base, path).to_string_lossy().into_owned()).collect(),
        column: at.text("column"),
        format: at.word("format", Format::parse),
        encoding: at.word("encoding", Encoding::parse),
        delimiter: at.text("delimiter").as_bytes()[0],
        max_age_days: at.find("max_age_days").and_then(integer),
        allow_empty: flag("allow_empty"),
        allow_unmatched: flag("allow_unmatched"),
    }
}
