//! Tables in and out: sources are read, checked, quarantined, sorted by customer and written as Parquet; tables are read back by ranges of customers.
//!
//! Main types: [`SourceSpec`] says what a source is, [`Ingest`] turns sources into [`Tables`], [`TableFile`] reads one by
//! ranges of the [`CustomerIndex`] into plain vectors, [`ParquetSink`] and [`read_batches`] write and read any Parquet file.
//! Whatever the memory budget and the number of threads, the same input gives the same bytes.
//!
//! ```
//! use std::sync::Arc;
//! use osusume_model::NoControl;
//! use osusume_storage::RealFs;
//! use osusume_tables::*;
//! # fn main() -> osusume_model::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let dir = dir.path();
//! std::fs::write(dir.join("buys.csv"), "who,day,what\nB,2026-01-02,milk\nA,2026-01-03,tea\nB,2026-01-01,tea\n").unwrap();
//! let column = |name: &str, kind| ColumnSpec { name: name.into(), header: name.into(), kind, required: true };
//! let spec = SourceSpec {
//!     name: "buys".into(),
//!     paths: expand(&dir.join("*.csv"))?,
//!     format: Format::Csv(CsvDialect::default()),
//!     zone: "Asia/Tokyo".into(),
//!     columns: vec![
//!         column("who", ColumnKind::Customer),
//!         column("day", ColumnKind::Timestamp),
//!         column("what", ColumnKind::Category),
//!     ],
//!     customer: Some(0),
//!     order_by: Some(1),
//!     limits: RejectLimits::default(),
//!     interval: None,
//!     dates: DateFormat::default(),
//!     identity: Identity::Extends,
//!     anonymous: Anonymous::Reject,
//!     keep: Vec::new(),
//!     ties: Ties::Content,
//!     cutoff: None,
//! };
//! let target = Target::Dir { fs: Arc::new(RealFs), dir: dir.join("out") };
//! let mut ingest = Ingest::new(target, 1 << 30, &NoControl)?;
//! assert_eq!(ingest.read(&spec)?.accepted, 3);
//! let tables = ingest.finish()?;
//! let table = TableFile::open(&RealFs, &dir.join("out/tables/buys.parquet"))?;
//! let part = table.read(0..tables.customers.len() as u32, &["what"], &NoControl)?;
//! let b = tables.customers.find("B").unwrap();
//! assert_eq!(part.offsets(b..b + 1).len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! Not here: what the columns mean (crate `pipeline`), sentences (crate `text`), any kernel.

mod admit;
mod baskets;
mod block;
mod cells;
mod chunks;
mod convert;
mod csv;
mod customers;
mod cutoff;
mod dates;
mod direct;
mod footer;
mod ingest;
mod input;
mod interner;
mod levels;
mod order;
mod output;
mod parquet_source;
mod plain;
mod quarantine;
mod rows;
mod scan;
mod sink;
mod spec;
mod store;
mod stored;
mod suppressed;
mod table;
mod value;
mod write;
mod zone;

/// The arrow crate this crate is built with; others take its types from here.
pub use arrow;

pub use baskets::{BasketLists, ItemNames, LineItems, read_basket_lines};
pub use block::{Block, BlockColumn, BlockStart, InputFile, Places, RecordSource, Reject, RowPlace};
pub use cells::{Cells, TextCells};
pub use customers::CustomerIndex;
pub use cutoff::{Cutoff, Later};
pub use dates::DateFormat;
pub use ingest::{Files, Ingest, SourceCount, Tables};
pub use interner::Interner;
pub use levels::Names;
pub use output::{FileFacts, OutputFile, Target};
pub use parquet_source::decode_columns;
pub use plain::{PlainBlock, PlainCells, PlainColumn, PlainFile, PlainKind, parse_number};
pub use quarantine::{RejectCount, first_of_each};
pub use rows::read_rows;
pub use sink::{ParquetSink, read_batches, read_metadata};
pub use spec::{
    Anonymous, Coder, ColumnKind, ColumnSpec, CsvDialect, Encoding, Format, Identity, Keep, OnError, RejectLimits,
    SourceSpec, Ties, expand, split_list,
};
pub use stored::{NewCell, StoredColumn, StoredSink, read_stored, stored_cells, stored_column, zone_of};
pub use suppressed::{Suppressed, read_suppressed};
pub use table::{Column, Part, TableFile, Texts, Values};
pub use zone::Zone;
