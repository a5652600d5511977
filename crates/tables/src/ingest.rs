//! Sources in, checked tables by customer out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Code, Control, Fault, Result, check_stop};
use osusume_storage::{Fs, SpillDir, create_dirs};
use rayon::prelude::*;

use crate::admit::{Admission, PlacedReject, Resolved, resolve};
use crate::block::{Block, InputFile, RecordSource};
use crate::csv::CsvSource;
use crate::customers::{CustomerIndex, Registry};
use crate::output::{FileFacts, Target};
use crate::parquet_source::ParquetSource;
use crate::quarantine::{IsEnd, Quarantine, RejectCount, Scan};
use crate::spec::{Format, Identity, SourceSpec};
use crate::store::Store;
use crate::suppressed::Suppressed;
use crate::table::TableFile;
use crate::write::{Goes, write_table};
use crate::zone::Zone;

/// Rows of a source: `read = accepted + rejected + suppressed + excluded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceCount {
    /// Records met, without blank lines and headers.
    pub read: u64,
    /// Rows in the table.
    pub accepted: u64,
    /// Rows in the quarantine.
    pub rejected: u64,
    /// Rows of customers who are on the list of those nothing may be done with.
    pub suppressed: u64,
    /// Rows left out for a reason that is no error: a customer's row repeated word for word, and the three below.
    pub excluded: u64,
    /// Those of the excluded rows that name no customer.
    pub anonymous: u64,
    /// Those of the excluded rows that the source does not keep.
    pub not_kept: u64,
    /// Those of the excluded rows that had not arrived by the cutoff, or belong to a customer who had not.
    pub not_yet_known: u64,
}

/// Where ingest leaves its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// Every table has a file.
    All,
    /// Only tables that memory does not hold have one.
    Unheld,
}

/// What ingest leaves behind.
pub struct Tables {
    /// All customers, also in `tables/customer_index.parquet`.
    pub customers: CustomerIndex,
    /// The tables written, in the order read: name and file.
    pub tables: Vec<(String, FileFacts)>,
    /// The tables that are still in memory, by name.
    pub held: BTreeMap<String, TableFile>,
    /// Rows of each source, in the order read.
    pub counts: Vec<(String, SourceCount)>,
    /// The files read: source and file, with digests.
    pub inputs: Vec<(String, InputFile)>,
    /// The first rejected rows of each file, code and column.
    pub faults: Vec<Fault>,
    /// All rejected rows, counted.
    pub rejects: Vec<RejectCount>,
}

/// Reads sources one after the other; the source that defines customers comes first.
pub struct Ingest<'a> {
    target: Target<'a>,
    budget_bytes: u64,
    is_digested: bool,
    control: &'a dyn Control,
    registry: Registry,
    quarantine: Quarantine,
    stores: Vec<Store>,
    spill: Option<SpillDir>,
    counts: Vec<(String, SourceCount)>,
    inputs: Vec<(String, InputFile)>,
    ahead: Option<Ahead>,
}

/// A file whose first rows have been read before it was its turn.
struct Ahead {
    name: String,
    path: PathBuf,
    source: Box<dyn RecordSource>,
    first: Vec<Block>,
}

impl<'a> Ingest<'a> {
    /// Starts with no customers. Rows beyond `budget_bytes` of memory go to work files in `target` until [`Ingest::finish`].
    pub fn new(target: Target<'a>, budget_bytes: u64, control: &'a dyn Control) -> Result<Self> {
        let quarantine = Quarantine::create(&target)?;
        Ok(Self {
            target,
            budget_bytes,
            is_digested: true,
            control,
            registry: Registry::default(),
            quarantine,
            stores: Vec::new(),
            spill: None,
            counts: Vec::new(),
            inputs: Vec::new(),
            ahead: None,
        })
    }

    /// Leaves the digests of Parquet files out, for readings that nothing published is made of: they are read twice otherwise.
    #[must_use]
    pub fn without_digests(self) -> Self {
        Self { is_digested: false, ..self }
    }

    /// Takes no row of whoever is on the list; such rows are counted by themselves.
    #[must_use]
    pub fn without(mut self, list: Suppressed) -> Self {
        self.registry.suppressed = list;
        self
    }

    /// Starts with the customers of another reading, so that its tables and these count them alike.
    #[must_use]
    pub fn knowing(mut self, customers: &CustomerIndex) -> Self {
        for customer in 0..customers.len() as u32 {
            self.registry.ids.intern(customers.id(customer).as_bytes());
        }
        self
    }

    /// Reads all files of a source.
    ///
    /// # Errors
    /// A specification that contradicts itself; what faults a file; the first rejected row with `OnError::Abort`; `TooManyRejects`; `MemoryBudget`; `CountBalance`.
    pub fn read(&mut self, spec: &SourceSpec) -> Result<SourceCount> {
        spec.check()?;
        let zone = zone_of(spec)?;
        let mut reading = Reading::new(spec, &self.registry, self.quarantine.n_files());
        for path in &reading.paths.clone() {
            self.read_file(&mut reading, path, &zone)?;
        }
        let Reading { paths, admission, mut store, files, total, first_file, .. } = reading;
        let last = paths.last().map_or(Path::new(""), |path| path);
        self.quarantine.check(spec, last, total, IsEnd::Yes)?;
        check_balance(spec, total, &files)?;
        for (i, (file, count)) in files.iter().enumerate() {
            self.quarantine.end_file(spec, first_file + i + 1, file, *count);
            self.inputs.push((spec.name.clone(), file.clone()));
        }
        self.quarantine.end_source(spec);
        store.dropped = admission.finish(&mut self.registry);
        self.stores.push(store);
        self.counts.push((spec.name.clone(), total));
        Ok(total)
    }

    /// Reads all files of a source, and meanwhile the first rows of the one that is read next: a small source leaves threads idle.
    ///
    /// # Errors
    /// As [`Ingest::read`]; what is wrong with the next source is said when it is read.
    pub fn read_before(&mut self, spec: &SourceSpec, next: &SourceSpec) -> Result<SourceCount> {
        let (fs, is_digested) = (Arc::clone(self.target.fs()), self.is_digested);
        let open = || -> Result<Ahead> {
            next.check()?;
            let path = next.paths.iter().min().ok_or_else(|| Fault::new(Code::FileMissing))?;
            let mut source = open(&*fs, path, next, &zone_of(next)?, is_digested)?;
            let first = source.next_blocks()?;
            Ok(Ahead { name: next.name.clone(), path: path.clone(), source, first })
        };
        let (count, ahead) = rayon::join(|| self.read(spec), open);
        self.ahead = ahead.ok();
        count
    }

    fn read_file(&mut self, reading: &mut Reading<'_>, path: &Path, zone: &Arc<Zone>) -> Result<()> {
        let is_this = |ahead: &Ahead| ahead.name == reading.spec.name && ahead.path == path;
        let (mut source, first) = match self.ahead.take().filter(is_this) {
            Some(Ahead { source, first, .. }) => (source, Some(first)),
            None => (open(&**self.target.fs(), path, reading.spec, zone, self.is_digested)?, None),
        };
        self.quarantine.begin_file(path);
        reading.begin_file();
        let mut blocks = first.map_or_else(|| source.next_blocks(), Ok)?;
        while !blocks.is_empty() {
            check_stop(self.control)?;
            let Self { registry, quarantine, .. } = self;
            // What these rows are told from the file only says later: the next are read meanwhile.
            let (next, taken) =
                rayon::join(|| source.next_blocks(), || reading.take(blocks, registry, quarantine, path));
            taken?;
            blocks = next?;
            self.control.progress(reading.total.read, 0);
            self.keep_budget(&mut reading.store)?;
        }
        let file = source.finish()?;
        let count = reading.file_counts.last().copied().unwrap_or_default();
        self.quarantine.check(reading.spec, path, count, IsEnd::Yes)?;
        reading.end_file(file);
        Ok(())
    }

    /// Spills everything when half of the budget is in use: the other half is for sorting, and for what is in flight.
    fn keep_budget(&mut self, current: &mut Store) -> Result<()> {
        let index = self.registry.ids.footprint() as u64;
        let rows: usize = self.stores.iter().map(Store::footprint).sum::<usize>() + current.footprint();
        if index + rows as u64 <= self.budget_bytes / 2 {
            return Ok(());
        }
        if index > self.budget_bytes / 2 {
            let fault = Fault::new(Code::MemoryBudget).with("budget", self.budget_bytes);
            return Err(fault.with("needed", 2 * index).with("largest", "customer ids"));
        }
        if self.spill.is_none() {
            let dir = self.target.path("spill");
            create_dirs(&**self.target.fs(), dir.parent().unwrap_or(Path::new("")))?;
            self.spill = Some(SpillDir::create(Arc::clone(self.target.fs()), dir, u64::MAX)?);
        }
        let Some(spill) = &self.spill else { unreachable!("set just above") };
        self.stores.iter_mut().chain([current]).try_for_each(|store| store.spill(spill))
    }

    /// Sorts and writes every table and the customer index.
    ///
    /// # Errors
    /// `MemoryBudget` when the rows of one 64th of the customers do not fit; faults of writing.
    pub fn finish(self) -> Result<Tables> {
        self.finish_holding(Files::All, 0)
    }

    /// Sorts every table. Those that fit into `held_bytes` together stay in memory, and reading them gives what reading their files does.
    ///
    /// # Errors
    /// As [`Ingest::finish`].
    pub fn finish_holding(self, files: Files, held_bytes: u64) -> Result<Tables> {
        let (customers, finals) = self.registry.index();
        drop(self.registry);
        if files == Files::All {
            customers.write(&self.target, "tables/customer_index.parquet")?;
        }
        let (mut tables, mut held, mut room) = (Vec::new(), BTreeMap::new(), held_bytes);
        for store in self.stores {
            check_stop(self.control)?;
            let name = store.spec.name.clone();
            let bytes: u64 = (0..store.n_partitions()).map(|partition| store.partition_bytes(partition)).sum();
            let goes = match files {
                _ if bytes > room => Goes::File,
                Files::All => Goes::Both,
                Files::Unheld => Goes::Memory,
            };
            room -= if goes == Goes::File { 0 } else { bytes };
            let (facts, table) = write_table(store, &self.target, &customers, &finals, self.budget_bytes, goes)?;
            held.extend(table.map(|table| (name.clone(), table)));
            tables.extend(facts.map(|facts| (name, facts)));
        }
        let (faults, rejects) = (self.quarantine.details.clone(), self.quarantine.totals.clone());
        self.quarantine.finish(&self.target)?;
        self.spill.map_or(Ok(()), SpillDir::remove)?;
        Ok(Tables { customers, tables, held, counts: self.counts, inputs: self.inputs, faults, rejects })
    }
}

pub(crate) fn zone_of(spec: &SourceSpec) -> Result<Arc<Zone>> {
    Ok(Arc::new(Zone::new(&spec.zone)?.with_dates(&spec.dates)))
}

pub(crate) fn open(
    fs: &dyn Fs,
    path: &Path,
    spec: &SourceSpec,
    zone: &Arc<Zone>,
    is_digested: bool,
) -> Result<Box<dyn RecordSource>> {
    let zone = Arc::clone(zone);
    Ok(match &spec.format {
        Format::Csv(dialect) => Box::new(CsvSource::open(fs, path, spec, dialect, zone)?),
        Format::Parquet => Box::new(ParquetSource::open(fs, path, spec, zone, is_digested)?),
    })
}

/// A source being read.
struct Reading<'s> {
    spec: &'s SourceSpec,
    /// Sorted, so that the order in which files are listed changes nothing.
    paths: Vec<PathBuf>,
    admission: Admission,
    store: Store,
    files: Vec<(InputFile, SourceCount)>,
    file_counts: Vec<SourceCount>,
    /// Files of earlier sources.
    first_file: usize,
    total: SourceCount,
}

impl<'s> Reading<'s> {
    fn new(spec: &'s SourceSpec, registry: &Registry, first_file: usize) -> Self {
        let mut paths = spec.paths.clone();
        paths.sort();
        Self {
            spec,
            paths,
            admission: Admission::new(registry),
            store: Store::new(spec),
            files: Vec::new(),
            file_counts: Vec::new(),
            first_file,
            total: SourceCount::default(),
        }
    }

    fn begin_file(&mut self) {
        self.file_counts.push(SourceCount::default());
    }

    fn take(
        &mut self,
        blocks: Vec<Block>,
        registry: &mut Registry,
        quarantine: &mut Quarantine,
        path: &Path,
    ) -> Result<()> {
        let known = &*registry;
        let mut resolved: Vec<Resolved> =
            blocks.into_par_iter().map(|block| resolve(block, self.spec, known)).collect();
        for block in &mut resolved {
            self.admission.admit(block, self.spec, registry, &mut self.file_counts);
            for PlacedReject { file, start, reject } in &block.rejects {
                let (file_id, path) = (self.first_file + file + 1, &self.paths[*file]);
                quarantine.take(Scan { spec: self.spec, file_id, path, start: *start }, reject)?;
            }
        }
        self.total = self.file_counts.iter().fold(SourceCount::default(), |sum, count| sum.plus(*count));
        let file = self.file_counts.last().copied().unwrap_or_default();
        quarantine.check(self.spec, path, file, IsEnd::NotYet)?;
        quarantine.check(self.spec, path, self.total, IsEnd::NotYet)?;
        let store = &mut self.store;
        let dictionaries = store.dictionaries.par_iter_mut().zip(&store.data);
        let maps: Vec<Vec<Vec<u32>>> = dictionaries
            .map(|(dictionary, &column)| resolved.iter().map(|block| block.intern_levels(column, dictionary)).collect())
            .collect();
        let store = &self.store;
        let blocks = resolved.into_par_iter().enumerate();
        let prepared: Vec<_> = blocks.map(|(number, block)| block.prepare(store, &maps, number)).collect();
        self.store.append(prepared);
        Ok(())
    }

    fn end_file(&mut self, file: InputFile) {
        self.files.push((file, SourceCount::default()));
        // A later file can still turn an accepted row of an earlier one into a rejected one.
        for ((_, count), latest) in self.files.iter_mut().zip(&self.file_counts) {
            *count = *latest;
        }
    }
}

impl SourceCount {
    /// The excluded rows by reason.
    pub fn reasons(&self) -> [(&'static str, u64); 4] {
        let repeated = self.excluded - self.anonymous - self.not_kept - self.not_yet_known;
        [
            ("repeated", repeated),
            ("anonymous", self.anonymous),
            ("not_kept", self.not_kept),
            ("not_yet_known", self.not_yet_known),
        ]
    }

    fn plus(self, other: Self) -> Self {
        Self {
            read: self.read + other.read,
            accepted: self.accepted + other.accepted,
            rejected: self.rejected + other.rejected,
            suppressed: self.suppressed + other.suppressed,
            excluded: self.excluded + other.excluded,
            anonymous: self.anonymous + other.anonymous,
            not_kept: self.not_kept + other.not_kept,
            not_yet_known: self.not_yet_known + other.not_yet_known,
        }
    }
}

fn check_balance(spec: &SourceSpec, total: SourceCount, files: &[(InputFile, SourceCount)]) -> Result<()> {
    let accounted = total.accepted + total.rejected + total.suppressed + total.excluded;
    let by_file: u64 = files.iter().map(|(_, count)| count.read).sum();
    if total.read == accounted && by_file == total.read {
        return Ok(());
    }
    let fault = Fault::new(Code::CountBalance).with("source", spec.name.as_str());
    Err(fault.with("read", total.read).with("accounted", accounted))
}

/// Whether rows of a source may make new customers.
pub(crate) fn may_add(identity: Identity) -> bool {
    identity != Identity::MustExist
}
