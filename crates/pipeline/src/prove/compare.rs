//! What two builds differ in: files, columns of tables, places in models.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use osusume_model::{Code, Fault, FeatureSpec, Result};
use osusume_storage::{Fs, RealFs};
use osusume_tables::arrow::array::ArrayRef;
use osusume_tables::arrow::compute::concat;
use osusume_tables::read_batches;
use serde_json::Value;

use super::rebuild::Built;
use crate::kernel::arrow_fault;

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Its path in a run.
    pub(super) file: String,
    /// The first column of it, or place in it, that differs.
    pub(super) column: Option<String>,
    /// The source that column is made of, where it is a feature.
    pub(super) feature_of: Option<String>,
}

/// Files that tell nothing learned: they say what was read, with all its rows.
fn tells_nothing(path: &str) -> bool {
    path.starts_with("tables/") || path.starts_with("quarantine") || path.starts_with("spill")
}

/// The files in which everything learned and decided stands, sorted.
///
/// # Errors
/// Faults of reading.
pub(super) fn learned_files(built: &Built) -> Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    collect(&built.dir, "", &mut files)?;
    Ok(files)
}

fn collect(dir: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in RealFs.list_dir(dir)? {
        let (path, name) = (dir.join(&entry.name), format!("{prefix}{}", entry.name));
        if entry.is_dir {
            collect(&path, &format!("{name}/"), files)?;
        } else if !tells_nothing(&name) {
            files.insert(name, path);
        }
    }
    Ok(())
}

/// Every file of two builds that is not the same byte for byte, those of earlier stages first.
///
/// # Errors
/// Faults of reading.
pub(super) fn differences(one: &Built, other: &Built) -> Result<(u64, Vec<Difference>)> {
    let (ours, theirs) = (learned_files(one)?, learned_files(other)?);
    let mut differences = Vec::new();
    for (file, path) in &ours {
        let Some(there) = theirs.get(file) else {
            differences.push(Difference { file: file.clone(), column: None, feature_of: None });
            continue;
        };
        if bytes(path)? != bytes(there)? {
            differences.push(difference(file, path, there, &one.specs)?);
        }
    }
    let new = theirs.keys().filter(|file| !ours.contains_key(*file));
    differences.extend(new.map(|file| Difference { file: file.clone(), column: None, feature_of: None }));
    differences.sort_by_key(|difference| (order(&difference.file), difference.file.clone()));
    Ok((ours.len() as u64, differences))
}

/// The stages' files in the order in which they are made.
const STAGES: [(&str, &str); 9] = [
    ("rules", "mine"),
    ("itemsets", "mine"),
    ("follows", "mine"),
    ("features/", "features"),
    ("models/", "train"),
    ("scores", "score"),
    ("offers", "decide"),
    ("shadow", "decide"),
    ("decisions", "decide"),
];

fn order(file: &str) -> usize {
    STAGES.iter().position(|(start, _)| file.starts_with(start)).unwrap_or(STAGES.len())
}

/// The stage that makes a file.
pub(super) fn stage_of(file: &str) -> &'static str {
    STAGES.get(order(file)).map_or("train", |(_, stage)| stage)
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let file = RealFs.open(path)?;
    file.read_all(u64::MAX)
}

fn difference(file: &str, ours: &Path, theirs: &Path, specs: &[FeatureSpec]) -> Result<Difference> {
    let column = match ours.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => first_column(ours, theirs)?,
        Some("json") => first_place(ours, theirs)?,
        _ => None,
    };
    let source = |column: &String| Some(specs.iter().find(|spec| spec.name == *column)?.source.clone());
    let feature_of = column.as_ref().and_then(source);
    Ok(Difference { file: file.to_owned(), column, feature_of })
}

/// The first column of two tables that differs; nothing where none does but the files do.
fn first_column(ours: &Path, theirs: &Path) -> Result<Option<String>> {
    let (names, others) = (columns_of(ours)?, columns_of(theirs)?);
    for name in &names {
        if !others.contains(name) || column(ours, name)? != column(theirs, name)? {
            return Ok(Some(name.clone()));
        }
    }
    Ok(others.into_iter().find(|name| !names.contains(name)))
}

fn columns_of(path: &Path) -> Result<Vec<String>> {
    let Some(batch) = read_batches(&RealFs, path, &[])?.next() else { return Ok(Vec::new()) };
    Ok(batch?.schema().fields().iter().map(|field| field.name().clone()).collect())
}

fn column(path: &Path, name: &str) -> Result<Option<ArrayRef>> {
    let batches = read_batches(&RealFs, path, &[name])?;
    let parts: Vec<ArrayRef> = batches.map(|batch| Ok(ArrayRef::clone(batch?.column(0)))).collect::<Result<_>>()?;
    let parts: Vec<&dyn osusume_tables::arrow::array::Array> = parts.iter().map(AsRef::as_ref).collect();
    if parts.is_empty() { Ok(None) } else { concat(&parts).map(Some).map_err(arrow_fault) }
}

/// The first place at which two documents differ, as keys with dots between.
fn first_place(ours: &Path, theirs: &Path) -> Result<Option<String>> {
    let document = |path: &Path| -> Result<Value> {
        let damaged = |error| Fault::new(Code::FileDamaged).in_file(path.display().to_string()).because(error);
        serde_json::from_slice(&bytes(path)?).map_err(damaged)
    };
    Ok(place(&document(ours)?, &document(theirs)?, ""))
}

fn place(ours: &Value, theirs: &Value, at: &str) -> Option<String> {
    let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let differing = a.iter().find_map(|(key, value)| place(value, b.get(key)?, &below(key)));
            let unknown = || a.keys().find(|key| !b.contains_key(*key)).or(b.keys().find(|key| !a.contains_key(*key)));
            differing.or_else(|| unknown().map(|key| below(key)))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (a, b))| place(a, b, &below(&name_of(a, i))))
        }
        _ => (ours != theirs).then(|| at.to_owned()),
    }
}

/// Members of a list by their name, where they have one.
fn name_of(value: &Value, position: usize) -> String {
    let name = ["name", "offer", "key"].iter().find_map(|key| value.get(key)?.as_str());
    name.map_or_else(|| position.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_place_that_differs() {
        let check = |a: &Value, b: &Value, expected: Option<&str>| {
            assert_eq!(place(a, b, "").as_deref(), expected, "{a} {b}");
        };
        let one = json!({ "offers": [{ "offer": "tv", "slope": [1.0, 2.0] }], "version": 1 });
        check(&one, &one, None);
        check(
            &one,
            &json!({ "offers": [{ "offer": "tv", "slope": [1.0, 2.5] }], "version": 1 }),
            Some("offers.tv.slope.1"),
        );
        check(&one, &json!({ "offers": [], "version": 1 }), Some("offers"));
        check(&one, &json!({ "offers": [{ "offer": "tv", "slope": [1.0, 2.0] }] }), Some("version"));
    }

    #[test]
    fn every_file_has_a_stage() {
        let files =
            ["rules.parquet", "features/training.parquet", "models/tv.json", "scores.parquet", "shadow.parquet"];
        assert_eq!(files.map(stage_of), ["mine", "features", "train", "score", "decide"]);
    }
}
