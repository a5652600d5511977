//! Mining a file of baskets, without a pipeline file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_association::{
    Baskets, Error, ItemsetParams, Repairs, SetCounts, Transactions, count_itemsets, mine_itemsets, mine_top_k,
};
use osusume_model::{Code, Control, Fault, Result, Stop};
use osusume_storage::{Fs, RealFs};
use osusume_tables::{
    Anonymous, BasketLists, ColumnKind, ColumnSpec, CsvDialect, DateFormat, Format, Identity, Ingest, ItemNames,
    LineItems, RejectLimits, SourceSpec, TableFile, Target, Ties, Values, read_basket_lines,
};

pub use osusume_association::{DEFAULT_MAX_BASKET, Itemsets, Kind, MinSupport};

use crate::host::Host;
use crate::job::Quiet;

/// The source's name in messages and in the scratch directory.
const SOURCE: &str = "baskets";
/// The column of items in the scratch table.
const ITEM: &str = "item";

/// How a file holds its baskets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A basket a line, whole numbers between blanks (the FIMI repository's `.dat`).
    Numbers,
    /// A basket a line, texts between commas.
    Texts,
    /// A row for each item of a basket, CSV or Parquet.
    Rows {
        /// The column that names the basket.
        basket: String,
        /// The column that names the item.
        item: String,
    },
}

/// A file of baskets.
pub struct BasketSource<'a> {
    /// The file.
    pub path: &'a Path,
    /// How it holds them.
    pub layout: Layout,
    /// Memory budget in bytes for [`Layout::Rows`].
    pub memory: u64,
    /// A directory that does not exist yet; it is made, used and removed where rows must be sorted by basket.
    pub scratch: PathBuf,
}

/// What to mine.
#[derive(Clone, Copy, Debug)]
pub struct MineOptions {
    /// Least support.
    pub support: MinSupport,
    /// Which itemsets.
    pub kind: Kind,
    /// Longest itemset; [`usize::MAX`] without a limit.
    pub max_length: usize,
    /// Most items of a basket.
    pub max_basket: usize,
    /// Most itemsets; [`u64::MAX`] without a limit.
    pub max_sets: u64,
    /// Whether itemsets are listed or only counted.
    pub wanted: Wanted,
    /// Of listed itemsets, how many of the most frequent ones of two items and more to name.
    pub n_named: usize,
}

/// What is to come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Numbers of itemsets by size.
    Counts,
    /// The itemsets themselves.
    Sets,
    /// The most frequent ones, and those as frequent as the last of them.
    Top {
        /// How many.
        k: u64,
        /// Least number of items in one.
        min_length: usize,
    },
}

/// What was found.
#[derive(Clone, Debug)]
pub struct MinedBaskets {
    /// Baskets mined, empty ones included.
    pub baskets: u64,
    /// Baskets left out as too large.
    pub oversize_baskets: u64,
    /// Baskets without items.
    pub empty_baskets: u64,
    /// Items named again in the same basket.
    pub duplicate_items: u64,
    /// The count that stood for the support.
    pub min_count: u64,
    /// How many itemsets there are; the empty one is not counted.
    pub sets: u64,
    /// How many there are of each size; the first entry is that of the empty one, 0.
    pub by_size: Vec<u64>,
    /// The itemsets, where they were wanted.
    pub itemsets: Option<Itemsets>,
    /// The most frequent of them as items and count, equal counts in order of items.
    pub named: Vec<(Vec<u32>, u32)>,
}

/// Reads the baskets of a file.
///
/// # Errors
/// What crate `tables` says of the file.
pub fn read_baskets(source: &BasketSource<'_>, host: &dyn Host) -> Result<BasketLists> {
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let lines = |kind| read_basket_lines(&*fs, source.path, kind, &Quiet::new(host));
    match &source.layout {
        Layout::Numbers => lines(LineItems::Numbers),
        Layout::Texts => lines(LineItems::Texts),
        Layout::Rows { basket, item } => {
            let read = read_rows(source, [basket, item], &fs, host);
            // What was read matters more than a leftover in the scratch directory.
            drop(fs.remove_dir_all(&source.scratch));
            read
        }
    }
}

/// Ingest takes a basket for a customer: it gathers the rows of each, whatever their order.
fn read_rows(
    source: &BasketSource<'_>,
    [basket, item]: [&str; 2],
    fs: &Arc<dyn Fs>,
    host: &dyn Host,
) -> Result<BasketLists> {
    let control = Quiet::new(host);
    let target = Target::Dir { fs: Arc::clone(fs), dir: source.scratch.clone() };
    let mut ingest = Ingest::new(target, source.memory, &control)?;
    ingest.read(&source_spec(source.path, basket, item))?;
    let tables = ingest.finish()?;
    let table = TableFile::open(&**fs, &source.scratch.join(format!("tables/{SOURCE}.parquet")))?;
    let n_baskets = tables.customers.len() as u32;
    let part = table.read(0..n_baskets, &[ITEM], &control)?;
    let (Values::Code(items), Some(levels)) = (&part.columns[0].values, &part.columns[0].dictionary) else {
        return Err(Fault::new(Code::Bug).named(ITEM));
    };
    let offsets = part.offsets(0..n_baskets).into_iter().map(|offset| offset as usize).collect();
    Ok(BasketLists { offsets, items: items.clone(), names: ItemNames::Texts(levels.to_vec()) })
}

fn source_spec(path: &Path, basket: &str, item: &str) -> SourceSpec {
    let column =
        |name: &str, header: &str, kind| ColumnSpec { name: name.into(), header: header.into(), kind, required: true };
    let is_parquet = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
    SourceSpec {
        name: SOURCE.into(),
        paths: vec![path.to_owned()],
        format: if is_parquet { Format::Parquet } else { Format::Csv(CsvDialect::default()) },
        zone: "UTC".into(),
        columns: vec![column("basket", basket, ColumnKind::Customer), column(ITEM, item, ColumnKind::Category)],
        customer: Some(0),
        order_by: None,
        limits: RejectLimits::default(),
        interval: None,
        dates: DateFormat::default(),
        identity: Identity::Extends,
        anonymous: Anonymous::Reject,
        keep: Vec::new(),
        ties: Ties::Input,
        cutoff: None,
    }
}

/// Mines baskets that were read.
///
/// # Errors
/// `OutOfRange` for an option, `ItemsetLimit` with a count that stays within it, and a stop asked for.
pub fn mine_baskets(lists: &BasketLists, options: &MineOptions, host: &dyn Host) -> Result<MinedBaskets> {
    let control = Quiet::new(host);
    let baskets = Baskets {
        offsets: &lists.offsets,
        items: &lists.items,
        n_items: lists.names.len(),
        weights: None,
        groups: None,
    };
    let (db, repairs) = Transactions::new(&baskets, options.max_basket).map_err(|error| fault(&error))?;
    let min_count = options.support.to_count(db.n()).map_err(|error| fault(&error))?;
    let params = ItemsetParams {
        kind: options.kind,
        min_count,
        max_length: options.max_length,
        roles: None,
        hierarchy: None,
        max_sets: options.max_sets,
    };
    let found = find(&db, &params, options, &control).map_err(|error| fault(&error))?;
    Ok(told(db.n(), repairs, min_count, found))
}

/// Numbers of itemsets, the itemsets where they are wanted, and the most frequent of them.
type Found = (SetCounts, Option<Itemsets>, Vec<(Vec<u32>, u32)>);

fn find(
    db: &Transactions,
    params: &ItemsetParams<'_>,
    options: &MineOptions,
    control: &dyn Control,
) -> std::result::Result<Found, Error> {
    let (itemsets, n_named, min_length) = match options.wanted {
        Wanted::Counts => return Ok((count_itemsets(db, params, control)?, None, Vec::new())),
        Wanted::Sets => (mine_itemsets(db, params, control)?, options.n_named, 2),
        Wanted::Top { k, min_length } => (mine_top_k(db, k, min_length, params, control)?, usize::MAX, min_length),
    };
    let named = itemsets.most_frequent(n_named, min_length, control)?;
    Ok((itemsets.counted(), Some(itemsets), named))
}

fn told(n: u64, repairs: Repairs, min_count: u64, (counts, itemsets, named): Found) -> MinedBaskets {
    MinedBaskets {
        baskets: n,
        oversize_baskets: repairs.oversize_baskets,
        empty_baskets: repairs.empty_baskets,
        duplicate_items: repairs.duplicate_items,
        min_count,
        sets: counts.sets,
        by_size: counts.by_size,
        itemsets,
        named,
    }
}

fn fault(error: &Error) -> Fault {
    match error {
        Error::Stopped(Stop::Cancelled) => Fault::new(Code::Cancelled),
        Error::Stopped(Stop::Deadline) => Fault::new(Code::DeadlinePassed),
        Error::Parameter { name, allowed, .. } => Fault::new(Code::OutOfRange).named(*name).with("allowed", *allowed),
        Error::Weight { allowed, .. } | Error::Values { allowed, .. } => {
            Fault::new(Code::OutOfRange).named(SOURCE).with("allowed", allowed.to_string())
        }
        Error::TooManySets { max_sets, min_count, proposed_min_count } => Fault::new(Code::ItemsetLimit)
            .with("limit", *max_sets)
            .with("count", *min_count)
            .with("proposed", *proposed_min_count),
        other => Fault::new(Code::Bug).because(other),
    }
}
