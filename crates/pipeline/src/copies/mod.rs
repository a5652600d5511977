//! Dated copies of tables that are loaded again whole: what they said at each run, kept for the dates that later runs learn from.
//!
//! A run writes the columns of such a table that change into `history/SOURCE.parquet` (`rows.rs`). Once it is published, that file gets a
//! second name, `history/PIPELINE/SOURCE/DATE.DIGEST.parquet` beside the directory of the runs: one copy a date, one file a content. A
//! later run reads, for each date it looks back to, the newest copy of that date or before it; a copy after a date is unknown there. Names
//! are all there is: who removes a file removes what was known from then on until the next copy.

mod rows;

use std::path::PathBuf;

use osusume_model::{AsOf, Code, Date, Fault, Result};
use osusume_storage::{Digest, Fs, InputEntry, Run, create_dirs};
use serde::Serialize;

pub(crate) use self::rows::{attach, detach, write};
use crate::config::{Config, History, Source};
use crate::stages::ingest;

/// What comes behind a source's name in that of the table of its copies; no source is called so.
const SUFFIX: &str = "@copies";
/// Directory of a run that holds the copies it made.
const STAGED: &str = "history";

/// A copy that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopyFile {
    pub(crate) source: String,
    /// The date of the run that read the table.
    pub(crate) as_of: Date,
    pub(crate) path: PathBuf,
    sha256: Digest,
    bytes: u64,
}

/// The rows of the copies of one source that the dates of a run see.
pub(crate) struct Copied {
    /// Name of the table that holds them.
    pub(crate) table: String,
    /// Since when each copy is known, ascending, the table of the run itself last.
    pub(crate) known: Vec<i64>,
    /// The columns of it that any of the dates learned from can know.
    pub(crate) columns: Vec<String>,
}

/// What copies there are of a source, and what they are good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CopiesTold {
    /// The source.
    pub source: String,
    /// Headers whose values of today count at every date, because the file says that they never change.
    pub assumed_static: Vec<String>,
    /// Headers that only copies tell of the past.
    pub changing: Vec<String>,
    /// The date of the oldest copy before the run.
    pub first: Option<String>,
    /// Copies before the run.
    pub copies: u64,
    /// Dates learned from that a copy is known at.
    pub served: u64,
    /// Dates learned from.
    pub dates: u64,
}

/// The sources that copies are kept of: reloaded whole, with columns that may change.
pub(crate) fn sources(config: &Config) -> impl Iterator<Item = &Source> {
    config.sources.values().filter(|source| !changing(source).is_empty())
}

/// The headers of a reloaded table whose values of today say nothing of the past.
pub(crate) fn changing(source: &Source) -> Vec<String> {
    let is_changing = |header: &&str| source.history == History::Snapshot && !source.is_static(header);
    ingest::copied_headers(source).into_iter().filter(is_changing).map(str::to_owned).collect()
}

/// The directory of a source's copies.
fn directory(config: &Config, source: &str) -> PathBuf {
    config.run.copies.join(&config.pipeline.name).join(source)
}

/// The name of the table of a source's copies.
fn table_of(source: &str) -> String {
    format!("{source}{SUFFIX}")
}

/// The source whose copies a table holds, or the table's own name.
pub(crate) fn source_of(table: &str) -> &str {
    table.strip_suffix(SUFFIX).unwrap_or(table)
}

/// The copies of all sources that were made before a date, by source and date.
///
/// # Errors
/// Faults of reading; `FileDamaged` for a name that is none of a copy, since what it was would be missing without a word.
pub(crate) fn list(fs: &dyn Fs, config: &Config, before: Date) -> Result<Vec<CopyFile>> {
    let mut all = Vec::new();
    for source in sources(config) {
        all.extend(of_source(fs, config, &source.name)?.into_iter().filter(|copy| copy.as_of < before));
    }
    Ok(all)
}

/// The copies of one source, by date.
///
/// # Errors
/// As [`list`].
pub(crate) fn of_source(fs: &dyn Fs, config: &Config, source: &str) -> Result<Vec<CopyFile>> {
    let dir = directory(config, source);
    if fs.metadata(&dir)?.is_none() {
        return Ok(Vec::new());
    }
    let mut found: Vec<CopyFile> = Vec::new();
    for entry in fs.list_dir(&dir)?.into_iter().filter(|entry| !entry.name.starts_with('.')) {
        let path = dir.join(&entry.name);
        let refused = |why: &str| Fault::new(Code::FileDamaged).in_file(path.display().to_string()).because(why);
        let (as_of, sha256) = parse(&entry.name).ok_or_else(|| refused("not the name of a copy"))?;
        let bytes = fs.metadata(&path)?.filter(|found| found.is_file).map(|found| found.len);
        let bytes = bytes.ok_or_else(|| refused("not a regular file"))?;
        found.push(CopyFile { source: source.to_owned(), as_of, path, sha256, bytes });
    }
    // Two of one date are what a process that died between two names left; the run that is current settles it, see `keep`.
    found.sort_by_key(|copy| (copy.as_of, copy.sha256.to_string()));
    found.dedup_by(|later, first| later.as_of == first.as_of);
    Ok(found)
}

fn parse(name: &str) -> Option<(Date, Digest)> {
    let (date, digest) = name.strip_suffix(".parquet")?.split_once('.')?;
    Some((date.parse().ok()?, digest.parse().ok()?))
}

/// The name of a copy.
pub(crate) fn name_of(as_of: Date, sha256: &Digest) -> String {
    format!("{as_of}.{sha256}.parquet")
}

/// What a run reads, in the terms of its key: a copy more or less is another run.
pub(crate) fn inputs(copies: &[CopyFile]) -> impl Iterator<Item = InputEntry> {
    copies.iter().map(|copy| InputEntry {
        path: format!("{STAGED}/{}/{}", copy.source, copy.as_of),
        bytes: copy.bytes,
        sha256: copy.sha256,
    })
}

/// Keeps the copies that a published run made. Again is the same; of one date the copy of the newest run stays.
///
/// # Errors
/// Faults of writing, and `CannotWrite` where runs and copies do not share a file system.
pub(crate) fn keep(fs: &dyn Fs, config: &Config, run: &Run) -> Result<()> {
    let Run { dir, manifest, .. } = run;
    for source in sources(config) {
        let Some(output) = manifest.output(&staged(&source.name)) else { continue };
        let copies = directory(config, &source.name);
        let name = name_of(manifest.as_of, &output.sha256);
        create_dirs(fs, &copies)?;
        let there: Vec<String> = fs.list_dir(&copies)?.into_iter().map(|entry| entry.name).collect();
        if !there.contains(&name) {
            let same = there.iter().find(|name| parse(name).is_some_and(|(_, sha256)| sha256 == output.sha256));
            let from = same.map_or_else(|| dir.join(&output.path), |name| copies.join(name));
            fs.link(&from, &copies.join(&name))?;
            fs.sync_dir(&copies)?;
        }
        let is_older =
            |other: &&String| **other != name && parse(other).is_some_and(|(date, _)| date == manifest.as_of);
        for other in there.iter().filter(is_older) {
            fs.remove_file(&copies.join(other))?;
        }
        fs.sync_dir(&copies)?;
    }
    Ok(())
}

/// Path below a run of the copy it made of a source.
fn staged(source: &str) -> String {
    format!("{STAGED}/{source}.parquet")
}

/// The newest copy of a date or before it.
fn newest(copies: &[&CopyFile], at: Date) -> Option<usize> {
    copies.partition_point(|copy| copy.as_of <= at).checked_sub(1)
}

/// What is told of the copies of every reloaded table.
pub(crate) fn told(config: &Config, copies: &[CopyFile], mature: &[AsOf]) -> Vec<CopiesTold> {
    let reloaded = config.sources.values().filter(|source| source.history == History::Snapshot);
    let tell = |source: &Source| {
        let own: Vec<&CopyFile> = copies.iter().filter(|copy| copy.source == source.name).collect();
        CopiesTold {
            source: source.name.clone(),
            assumed_static: source.assume_static.clone(),
            changing: changing(source),
            first: own.first().map(|copy| copy.as_of.to_string()),
            copies: own.len() as u64,
            served: mature.iter().filter(|at| newest(&own, at.date).is_some()).count() as u64,
            dates: mature.len() as u64,
        }
    };
    let told = reloaded.map(tell);
    told.filter(|told| !(told.assumed_static.is_empty() && told.changing.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_date_and_digest_and_nothing_else_is_a_copy() {
        let (date, digest) = ("2026-10-01".parse().unwrap(), Digest::of(b"rows"));
        let name = name_of(date, &digest);
        assert_eq!(parse(&name), Some((date, digest)));
        let cut = |from: usize, to: usize| parse(&name[from..to]);
        assert_eq!((cut(1, name.len()), cut(0, name.len() - 1), parse("notes.txt")), (None, None, None));
    }

    #[test]
    fn a_date_sees_the_newest_copy_of_that_day_or_before() {
        let copy = |as_of: &str| CopyFile {
            source: "s".to_owned(),
            as_of: as_of.parse().unwrap(),
            path: PathBuf::new(),
            sha256: Digest::of(b""),
            bytes: 0,
        };
        let (a, b) = (copy("2026-09-01"), copy("2026-10-01"));
        let at = |date: &str| newest(&[&a, &b], date.parse().unwrap());
        assert_eq!(
            [at("2026-08-31"), at("2026-09-01"), at("2026-09-30"), at("2026-10-01")],
            [None, Some(0), Some(0), Some(1)]
        );
    }
}
