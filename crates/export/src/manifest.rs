//! The manifest beside a delivery: what a consumer checks before it imports.

use std::path::Path;

use osusume_model::Result;
use osusume_storage::Fs;
use serde_json::{Value, json};

use crate::csv_file::{Counts, Lineage};
use crate::parts::{Part, Place};

/// Version of this file.
const FORMAT_VERSION: u32 = 1;
/// A manifest with ten thousand parts has two megabytes.
const LIMIT_BYTES: u64 = 1 << 24;

/// The manifest's bytes: JSON, keys sorted, a final newline.
pub(crate) fn bytes(format: &Value, key: &[&str], lineage: &Lineage<'_>, counts: &Counts, parts: &[Part]) -> Vec<u8> {
    let parts: Vec<Value> = parts
        .iter()
        .map(|part| json!({ "name": part.name, "rows": part.rows, "bytes": part.bytes, "sha256": part.sha256.to_string() }))
        .collect();
    let mut manifest = json!({
        "format_version": FORMAT_VERSION,
        "schema_version": crate::SCHEMA_VERSION,
        "pipeline": lineage.pipeline,
        "run_id": lineage.run_id,
        "as_of": lineage.as_of.to_string(),
        "format": format,
        "key": key,
        "rows": counts.rows,
        "rows_not_selected": counts.not_selected,
        "rows_left_out": counts.left_out,
        "rows_transliterated": counts.transliterated,
        "cells_like_formulas": counts.risky_cells,
        "cells_like_null_token": counts.null_like_cells,
        "parts": parts,
    });
    if let Some(list) = lineage.without {
        manifest["rows_suppressed"] = counts.suppressed.into();
        manifest["suppression_sha256"] = list.digest().to_string().into();
    }
    let mut bytes = serde_json::to_vec_pretty(&manifest).expect("a value of strings and numbers is always JSON");
    bytes.push(b'\n');
    bytes
}

/// The names of the parts an earlier manifest lists; none when there is no manifest, or none that can be understood.
///
/// Only plain file names that belong to the place are believed: nothing else may be removed on their word.
pub(crate) fn parts_before(fs: &dyn Fs, place: &Place) -> Result<Vec<String>> {
    let path = place.dir.join(place.manifest_name());
    if !fs.metadata(&path)?.is_some_and(|found| found.is_file) {
        return Ok(Vec::new());
    }
    let Ok(manifest) = serde_json::from_slice::<Value>(&fs.open(&path)?.read_all(LIMIT_BYTES)?) else {
        return Ok(Vec::new());
    };
    let parts = manifest.get("parts").and_then(Value::as_array).into_iter().flatten();
    let names = parts.filter_map(|part| part.get("name")?.as_str());
    Ok(names.filter(|name| is_ours(name, &place.name)).map(str::to_owned).collect())
}

/// Whether a name is the destination's own or one of its numbered parts.
fn is_ours(name: &str, destination: &str) -> bool {
    let stem = Path::new(destination).file_stem().and_then(|stem| stem.to_str()).unwrap_or(destination);
    let is_plain = !name.contains(['/', '\\']);
    is_plain && (name == destination || name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(".part-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_files_are_believed() {
        assert!(is_ours("offers.csv", "offers.csv") && is_ours("offers.part-002.csv", "offers.csv"));
        for name in ["../offers.csv", "other.csv", "offers.part-1/../../x", "customers.csv", ""] {
            assert!(!is_ours(name, "offers.csv"), "{name}");
        }
    }
}
