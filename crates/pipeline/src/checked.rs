//! The checked tables of a run, opened for reading.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use osusume_model::Result;
use osusume_storage::{Fs, Run};
use osusume_tables::{CustomerIndex, SourceCount, TableFile, Tables};

/// Path of the customer index below a run.
const CUSTOMER_INDEX: &str = "tables/customer_index.parquet";

/// Every table ingest wrote, and who the customers are.
pub(crate) struct Checked {
    /// All customers.
    pub(crate) customers: Arc<CustomerIndex>,
    tables: BTreeMap<String, TableFile>,
    /// Rows of each source.
    pub(crate) counts: Vec<(String, SourceCount)>,
}

impl Checked {
    /// Opens the tables below `dir`.
    pub(crate) fn open(fs: &dyn Fs, dir: &std::path::Path, written: Tables) -> Result<Self> {
        let mut tables = written.held;
        for (name, _) in written.tables {
            let path = dir.join(format!("tables/{name}.parquet"));
            if let Entry::Vacant(entry) = tables.entry(name) {
                entry.insert(TableFile::open(fs, &path)?);
            }
        }
        Ok(Self { customers: Arc::new(written.customers), tables, counts: written.counts })
    }

    /// Opens the tables of a published run.
    pub(crate) fn published(fs: &dyn Fs, run: &Run) -> Result<Self> {
        let customers = CustomerIndex::open(fs, &run.path_of(CUSTOMER_INDEX)?)?;
        let mut tables = BTreeMap::new();
        for output in run.manifest.outputs.iter().filter(|output| output.path != CUSTOMER_INDEX) {
            let name = output.path.strip_prefix("tables/").and_then(|path| path.strip_suffix(".parquet"));
            if let Some(name) = name {
                tables.insert(name.to_owned(), TableFile::open(fs, &run.dir.join(&output.path))?);
            }
        }
        Ok(Self { customers: Arc::new(customers), tables, counts: Vec::new() })
    }

    /// The table of a source.
    pub(crate) fn table(&self, name: &str) -> Option<&TableFile> {
        self.tables.get(name)
    }

    /// Whether no table has to be decoded again.
    pub(crate) fn are_held(&self) -> bool {
        self.tables.values().all(TableFile::is_held)
    }

    /// `customers` in runs of `most` at most, cut where the largest table can lend its rows instead of copying them.
    pub(crate) fn runs(&self, customers: Range<u32>, most: u32) -> Vec<Range<u32>> {
        let largest = self.tables.values().max_by_key(|table| table.n_rows());
        largest.map_or_else(|| vec![customers.clone()], |table| table.runs(customers.clone(), most))
    }

    /// Number of customers.
    pub(crate) fn n_customers(&self) -> u32 {
        self.customers.len() as u32
    }

    /// Bytes all rows would take in memory, about.
    pub(crate) fn decoded_bytes(&self) -> u64 {
        self.tables.values().map(|table| table.n_rows() * (8 * table.columns().len() as u64 + 4)).sum()
    }
}
