//! Copies of a source's files in which what a date must not see is disturbed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{AsOf, Result};
use osusume_tables::arrow::array::RecordBatch;
use osusume_tables::arrow::datatypes::SchemaRef;
use osusume_tables::{SourceSpec, StoredSink, Target, Zone, read_stored, zone_of};

use super::batch::{StoredBatch, Written};
use super::dated;
use crate::config::{Config, Format, History, Role, Source};
use crate::job::Quiet;
use crate::stages::ingest;

/// Files a shuffled file is dealt to.
const DEALT: usize = 3;

/// What is done to the rows a date must not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disturbance {
    /// Nothing: the files are only copied.
    Copied,
    /// They are taken out, and what became known later of other rows with them.
    Deleted,
    /// Their values are others.
    Changed,
    /// There are more of them.
    Added,
    /// They have other values, and there are more of them.
    Replaced,
    /// All rows stand in another order, in other files.
    Shuffled,
}

impl Disturbance {
    /// The name in structured output.
    pub fn id(self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Deleted => "deleted",
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Replaced => "replaced",
            Self::Shuffled => "shuffled",
        }
    }

    /// Whether rows that are there get other values.
    pub(super) fn changes(self) -> bool {
        matches!(self, Self::Changed | Self::Replaced)
    }

    /// Whether rows are added.
    pub(super) fn adds(self) -> bool {
        matches!(self, Self::Added | Self::Replaced)
    }
}

/// What is disturbed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    /// How.
    pub(super) disturbance: Disturbance,
    /// The date that must not see it.
    pub(super) as_of: AsOf,
    /// Whether that is the run's own date. Who is a customer is decided there, so that at earlier dates nobody is taken out.
    pub(super) is_of_run: bool,
    /// Only this source.
    pub(super) source: Option<&'a str>,
    /// Only this column of it, by our name; rows keep their number then.
    pub(super) column: Option<&'a str>,
}

/// Copies of the disturbed sources below `dir`, as a configuration that reads them, and the number of rows disturbed by source.
///
/// Sources in which there is nothing to disturb are read where they are.
///
/// # Errors
/// Faults of reading and writing, and a stop asked for.
pub(super) fn disturb(
    config: &Config,
    wish: &Wish<'_>,
    dir: &Path,
    control: &Quiet<'_>,
) -> Result<(Config, Vec<(String, u64)>)> {
    let mut disturbed = config.clone();
    let mut counts = dated::disturb(&mut disturbed, wish, dir)?;
    for source in config.sources.values().filter(|source| wish.source.is_none_or(|name| name == source.name)) {
        let spec = ingest::source_spec(config, source, Some(wish.as_of))?;
        let Some(wish) = wish.of(source, &spec) else { continue };
        let to = dir.join(&source.name);
        let copy = Copy { spec: &spec, source, wish, zone: zone_of(&spec)?, target: target(&to), control };
        let (paths, rows) = copy.write(&to)?;
        counts.push((source.name.clone(), rows));
        if rows > 0 {
            let source = disturbed.sources.get_mut(&source.name).expect("it is a clone");
            source.paths = paths.iter().map(|path| path.display().to_string()).collect();
            source.format = Format::Parquet;
        }
    }
    // Rows of people who were taken out are rejected, and rows that were changed may be: neither is the point here.
    disturbed.quality.max_rejects = u64::MAX;
    disturbed.quality.max_reject_rate = 1.0;
    Ok((disturbed, counts))
}

fn target(dir: &Path) -> Target<'static> {
    Target::Dir { fs: Arc::new(osusume_storage::RealFs), dir: dir.to_owned() }
}

impl Wish<'_> {
    /// What the wish is for one source; nothing where no row of it can be hidden.
    fn of(&self, source: &Source, spec: &SourceSpec) -> Option<Self> {
        let is_about_order = matches!(self.disturbance, Disturbance::Copied | Disturbance::Shuffled);
        if !is_about_order && spec.cutoff.is_none() {
            return None;
        }
        let is_of_people = source.role == Role::Customers && !self.is_of_run;
        let disturbance = match self.disturbance {
            Disturbance::Deleted if is_of_people => Disturbance::Changed,
            other => other,
        };
        Some(Self { disturbance, ..*self })
    }
}

/// One source on its way into other files.
struct Copy<'a> {
    spec: &'a SourceSpec,
    source: &'a Source,
    wish: Wish<'a>,
    zone: Zone,
    target: Target<'static>,
    control: &'a Quiet<'a>,
}

impl Copy<'_> {
    /// Writes every file of the source; returns the copies and the number of rows disturbed.
    fn write(&self, dir: &Path) -> Result<(Vec<PathBuf>, u64)> {
        let mut paths = self.spec.paths.clone();
        paths.sort();
        let (mut out, mut written) = (Vec::new(), Written::default());
        for (number, path) in paths.iter().enumerate() {
            let mut sinks = Sinks {
                target: &self.target,
                number,
                of: paths.len(),
                is_in_order: self.is_in_order(),
                files: Vec::new(),
            };
            let fs = &**self.target.fs();
            read_stored(fs, self.spec, path, self.control, &mut |batch| self.batch(batch, &mut sinks, &mut written))?;
            out.extend(sinks.finish()?.into_iter().map(|name| dir.join(name)));
        }
        Ok((out, written.touched))
    }

    fn batch(&self, batch: RecordBatch, sinks: &mut Sinks<'_>, written: &mut Written) -> Result<()> {
        let stored = StoredBatch::new(self.spec, batch, &self.zone)?;
        if self.wish.disturbance == Disturbance::Shuffled {
            for (file, rows) in stored.shuffled(DEALT, self.is_in_order(), written.read).into_iter().enumerate() {
                sinks.write(file, &rows)?;
            }
            written.touched += stored.n_rows() as u64;
        } else {
            let rows = stored.disturbed(&self.wish, self.source, written)?;
            sinks.write(0, &rows)?;
        }
        written.read += stored.n_rows() as u64;
        Ok(())
    }

    /// Whether the order of a customer's rows says something: the versions of a customer that arrived together.
    fn is_in_order(&self) -> bool {
        self.source.history == History::Versions
    }
}

/// The files one file becomes.
struct Sinks<'a> {
    target: &'a Target<'static>,
    number: usize,
    of: usize,
    is_in_order: bool,
    files: Vec<(String, StoredSink)>,
}

impl Sinks<'_> {
    fn write(&mut self, file: usize, rows: &RecordBatch) -> Result<()> {
        while self.files.len() <= file {
            let name = self.name(self.files.len());
            let schema: SchemaRef = rows.schema();
            let sink = StoredSink::create(self.target, &name, &schema)?;
            self.files.push((name, sink));
        }
        self.files[file].1.write(rows)
    }

    /// Names are in the order of the files, or where that says nothing, in the opposite one.
    fn name(&self, file: usize) -> String {
        let number = if self.is_in_order { self.number } else { self.of - 1 - self.number };
        format!("{number:06}-{:02}.parquet", DEALT - file.min(DEALT))
    }

    fn finish(self) -> Result<Vec<String>> {
        self.files.into_iter().map(|(name, sink)| sink.finish().map(|_| name)).collect()
    }
}
