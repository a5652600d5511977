//! The checked tables of a run, opened for reading.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use osusume_model::Result;
use osusume_storage::{Fs, Run};
use osusume_tables::{CustomerIndex, SourceCount, TableFile, Tables};

use crate::copies::Copied;

/// Path of the customer index below a run.
const CUSTOMER_INDEX: &str = "tables/customer_index.parquet";

/// Customers read at once.
const READ_CUSTOMERS: u32 = 1 << 16;
/// Rows of a table read at once: a run of few customers with many rows each fits into a small memory budget too.
const READ_ROWS: u64 = 1 << 20;

/// How many of `n_customers` to read at once of a table of so many rows.
pub(crate) fn most_customers(n_customers: u32, n_rows: u64) -> u32 {
    let most = READ_ROWS.saturating_mul(u64::from(n_customers)) / n_rows.max(1);
    most.clamp(1, u64::from(READ_CUSTOMERS)) as u32
}

/// Every table ingest wrote, and who the customers are.
pub(crate) struct Checked {
    /// All customers.
    pub(crate) customers: Arc<CustomerIndex>,
    tables: BTreeMap<String, TableFile>,
    /// By source: what dated copies of it say.
    copies: BTreeMap<String, Copied>,
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
        Ok(Self { customers: Arc::new(written.customers), tables, copies: BTreeMap::new(), counts: written.counts })
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
        Ok(Self { customers: Arc::new(customers), tables, copies: BTreeMap::new(), counts: Vec::new() })
    }

    /// Adds what dated copies of a source say.
    pub(crate) fn attach(&mut self, source: &str, table: TableFile, copied: Copied) {
        self.tables.insert(copied.table.clone(), table);
        self.copies.insert(source.to_owned(), copied);
    }

    /// What dated copies of a source say, where a date sees any.
    pub(crate) fn copied(&self, source: &str) -> Option<&Copied> {
        self.copies.get(source)
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

    /// All customers in runs to be read one after the other: [`READ_CUSTOMERS`] at most, and so few that they have about [`READ_ROWS`] rows
    /// in the largest table.
    pub(crate) fn passes(&self) -> Vec<Range<u32>> {
        let n_rows = self.tables.values().map(TableFile::n_rows).max().unwrap_or(0);
        self.runs(0..self.n_customers(), most_customers(self.n_customers(), n_rows))
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
