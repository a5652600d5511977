//! Files of baskets in every form they have.

use std::path::Path;
use std::sync::Arc;

use osusume_model::{Arg, Code, Fault, Result};
use osusume_storage::{Fs, RealFs};
use osusume_tables::{
    Anonymous, BasketLists, ColumnKind, ColumnSpec, CsvDialect, DateFormat, Encoding, Format, Identity, Ingest,
    ItemNames, LineItems, Part, RejectLimits, SourceSpec, TableFile, Target, Ties, Values, read_basket_lines,
};

use super::memory::Budget;
use super::scratch::Scratch;
use crate::host::Host;
use crate::job::Quiet;

/// The source's name in messages and in the scratch directory.
pub(super) const SOURCE: &str = "baskets";
/// Columns of the scratch table.
const ITEM: &str = "item";
const OWNER: &str = "owner";
/// Baskets taken from the scratch table at once.
const BLOCK: u32 = 1 << 18;
/// Code of a cell without a value.
const NO_CODE: u32 = u32::MAX;

/// How a file holds its baskets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A basket a line, whole numbers between blanks (the FIMI repository's `.dat`).
    Numbers,
    /// A basket a line, texts between commas or another sign.
    Texts,
    /// A row for each item of a basket, CSV or Parquet.
    Rows {
        /// The column that names the basket.
        basket: String,
        /// The column that names the item.
        item: String,
        /// The column that names whose basket it is. Baskets of one name but of several customers are as many baskets.
        customer: Option<String>,
    },
}

/// A file of baskets.
pub struct BasketSource<'a> {
    /// The file.
    pub path: &'a Path,
    /// How it holds them.
    pub layout: Layout,
    /// What separates the texts of CSV; a comma without one.
    pub delimiter: Option<u8>,
    /// The encoding of CSV; UTF-8 without one.
    pub encoding: Option<Encoding>,
    /// Memory budget in bytes.
    pub memory: u64,
    /// A directory for work files, where rows must be sorted by basket.
    pub scratch: &'a Path,
}

/// Baskets as a file gives them.
pub struct BasketsRead {
    pub(super) lists: BasketLists,
    /// Whose basket each is, where the file says it.
    pub(super) groups: Option<Vec<u32>>,
    /// Rows without a basket.
    pub(super) missing_baskets: u64,
}

/// Reads the baskets of a file.
///
/// # Errors
/// What crate `tables` says of the file; `MemoryBudget`.
pub fn read_baskets(source: &BasketSource<'_>, host: &dyn Host) -> Result<BasketsRead> {
    let lines = |items| {
        let lists =
            read_basket_lines(&RealFs, source.path, items, source.memory, host).map_err(|fault| of_baskets(&fault))?;
        Ok(BasketsRead { lists, groups: None, missing_baskets: 0 })
    };
    match &source.layout {
        Layout::Numbers => lines(LineItems::Numbers),
        Layout::Texts => lines(LineItems::Texts { delimiter: source.delimiter, encoding: source.encoding }),
        Layout::Rows { basket, item, customer } => {
            read_rows(source, [basket, item], customer.as_deref(), host).map_err(|fault| of_baskets(&fault))
        }
    }
}

/// Ingest takes a basket for a customer: it gathers the rows of each, whatever their order.
fn read_rows(
    source: &BasketSource<'_>,
    columns: [&str; 2],
    customer: Option<&str>,
    host: &dyn Host,
) -> Result<BasketsRead> {
    let control = &Quiet::new(host);
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let scratch = Scratch::create(source.scratch, "osusume-mine")?;
    let target = Target::Dir { fs: Arc::clone(&fs), dir: scratch.path().to_owned() };
    let mut ingest = Ingest::new(target, source.memory, control)?;
    let count = ingest.read(&source_spec(source, columns, customer))?;
    let n_baskets = ingest.finish()?.customers.len() as u32;
    let table = TableFile::open(&*fs, &scratch.path().join(format!("tables/{SOURCE}.parquet")))?;
    let mut gathered = Gathered::new(&table, customer.is_some());
    let held = 4 * table.n_rows() + 12 * u64::from(n_baskets) + gathered.names_bytes();
    Budget(source.memory).check(held, "baskets to mine")?;
    let wanted: &[&str] = if customer.is_some() { &[ITEM, OWNER] } else { &[ITEM] };
    for start in (0..n_baskets).step_by(BLOCK as usize) {
        host.progress(u64::from(start), u64::from(n_baskets));
        let baskets = start..n_baskets.min(start.saturating_add(BLOCK));
        let part = table.read(baskets.clone(), wanted, control)?;
        gathered.add(&part, &part.offsets(baskets))?;
    }
    if n_baskets == 0 && count.anonymous == 0 {
        return Err(Fault::new(Code::FileEmpty).in_file(source.path.display().to_string()).with("what", "rows"));
    }
    Ok(gathered.finish(count.anonymous))
}

/// Baskets taken from the rows of the scratch table.
struct Gathered {
    lists: BasketLists,
    /// The item of each level: names that differ only by blanks around them are one, and a name of nothing but blanks is none.
    item_of: Vec<u32>,
    groups: Option<Vec<u32>>,
    /// The group of the next basket that says nobody's: each is its own.
    next_group: u32,
}

impl Gathered {
    fn new(table: &TableFile, has_customers: bool) -> Self {
        let levels = table.dictionary(ITEM).unwrap_or_default();
        let mut names: Vec<&str> = levels.iter().map(|level| level.trim()).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        let item = |level: &String| names.binary_search(&level.trim()).map_or(NO_CODE, |item| item as u32);
        let item_of = levels.iter().map(item).collect();
        let names = names.into_iter().map(str::to_owned).collect();
        let n_customers = table.dictionary(OWNER).map_or(0, |customers| customers.len() as u32);
        let lists = BasketLists { offsets: vec![0], names: ItemNames::Texts(names), ..BasketLists::default() };
        Self { lists, item_of, groups: has_customers.then(Vec::new), next_group: n_customers }
    }

    fn names_bytes(&self) -> u64 {
        match &self.lists.names {
            ItemNames::Texts(names) => names.iter().map(|name| 32 + name.len() as u64).sum(),
            _ => 0,
        }
    }

    fn add(&mut self, part: &Part, offsets: &[u32]) -> Result<()> {
        let codes = |column: usize| match part.columns.get(column).map(|column| &column.values) {
            Some(Values::Code(codes)) => Ok(&codes[..]),
            _ => Err(Fault::new(Code::Bug).named(SOURCE)),
        };
        let items = codes(0)?;
        let customers = if self.groups.is_some() { Some(codes(1)?) } else { None };
        let mut rows = Vec::new();
        for bounds in offsets.windows(2) {
            let of_basket = bounds[0] as usize..bounds[1] as usize;
            rows.clear();
            rows.extend(of_basket.map(|row| (customers.map_or(0, |customers| customers[row]), items[row])));
            // In the order of the file within a customer.
            rows.sort_by_key(|row: &(u32, u32)| row.0);
            rows.chunk_by(|a, b| a.0 == b.0).for_each(|basket| self.push(basket));
        }
        Ok(())
    }

    /// Adds the rows of one basket of one customer, as customer and level.
    fn push(&mut self, rows: &[(u32, u32)]) {
        for (_, level) in rows {
            match self.item_of.get(*level as usize) {
                Some(&item) if item != NO_CODE => self.lists.items.push(item),
                _ => self.lists.missing_items += 1,
            }
        }
        self.lists.offsets.push(self.lists.items.len());
        if let Some(groups) = &mut self.groups {
            let customer = rows[0].0;
            groups.push(if customer == NO_CODE { self.next_group } else { customer });
            self.next_group += u32::from(customer == NO_CODE);
        }
    }

    fn finish(self, missing_baskets: u64) -> BasketsRead {
        BasketsRead { lists: self.lists, groups: self.groups, missing_baskets }
    }
}

fn source_spec(source: &BasketSource<'_>, [basket, item]: [&str; 2], customer: Option<&str>) -> SourceSpec {
    let column =
        |name: &str, header: &str, kind| ColumnSpec { name: name.into(), header: header.into(), kind, required: false };
    let mut columns = vec![column("basket", basket, ColumnKind::Customer), column(ITEM, item, ColumnKind::Category)];
    columns.extend(customer.map(|customer| column(OWNER, customer, ColumnKind::Category)));
    let is_parquet = source.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
    let dialect =
        CsvDialect { delimiter: source.delimiter.unwrap_or(b','), encoding: source.encoding, ..CsvDialect::default() };
    SourceSpec {
        name: SOURCE.into(),
        paths: vec![source.path.to_owned()],
        format: if is_parquet { Format::Parquet } else { Format::Csv(dialect) },
        zone: "UTC".into(),
        columns,
        customer: Some(0),
        order_by: None,
        limits: RejectLimits::default(),
        interval: None,
        dates: DateFormat::default(),
        identity: Identity::Extends,
        anonymous: Anonymous::Exclude,
        keep: Vec::new(),
        ties: Ties::Input,
        cutoff: None,
    }
}

/// A fault of reading in the words of baskets, with what helps where no pipeline file can.
pub(super) fn of_baskets(fault: &Fault) -> Fault {
    let place = fault.place().clone();
    let mut out = Fault::new(fault.code()).with("plain", 1_i64);
    for (name, value) in fault.args() {
        let value = match value {
            Arg::Name(text) if text == "customer id" => Arg::from("basket id"),
            Arg::Name(text) if text == "customer ids" => Arg::from("basket ids"),
            other => other.clone(),
        };
        out = out.with(name, value);
    }
    if let Some(file) = place.file {
        out = out.in_file(file);
    }
    if let (Some(line), Some(column)) = (place.line, place.column) {
        out = out.at(line, column);
    }
    if let Some(byte) = place.byte {
        out = out.at_byte(byte);
    }
    if let Some(name) = place.name {
        out = out.named(name);
    }
    out.and(fault.others().iter().map(of_baskets).collect())
}
