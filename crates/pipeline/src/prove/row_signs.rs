//! Signs of a leak in the rows of tables: their order, their number, and when they arrived.

use osusume_model::{Control, Result};
use osusume_storage::RealFs;
use osusume_tables::arrow::array::AsArray;
use osusume_tables::arrow::compute::cast;
use osusume_tables::arrow::datatypes::DataType;
use osusume_tables::{Column, CustomerIndex, Values, read_stored};

use super::rebuild::Built;
use super::signs::{Asked, Sign, SignKind, confidence};
use crate::config::{Config, Role, Source};
use crate::seam::Block;
use crate::stages::ingest;
use crate::stages::train::TrainingData;

/// Least distance of the bound of an area from one half for an order to tell something: early customers may well differ from late ones.
const ORDER: f64 = 0.25;
/// The same for rows that stand twice.
const REPEATED: f64 = 0.10;
/// Share of a customer's rows from which on they count as repeated.
const REPEATED_SHARE: f64 = 0.2;
/// Share of rows that arrived before they happened from which on it is told.
const EARLY: f64 = 0.01;

/// What is known of every customer and should say nothing.
struct Trait {
    kind: SignKind,
    source: String,
    column: Option<String>,
    values: Vec<f64>,
    least: f64,
}

/// Every sign in the rows of the tables of a build.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(super) fn rows(
    config: &Config,
    built: &Built,
    data: &TrainingData,
    asked: &[Asked],
    control: &dyn Control,
) -> Result<Vec<Sign>> {
    let mut traits = orders(config, built.customers(), control)?;
    let mut signs = Vec::new();
    for source in config.sources.values().filter(|source| is_of_happenings(source.role)) {
        let happenings = Happenings::read(built, source, control)?;
        signs.extend(happenings.early(source));
        if happenings.repeated.iter().any(|&n| n > 0.0) {
            let (source, values) = (source.name.clone(), happenings.repeated);
            traits.push(Trait { kind: SignKind::Repeated, source, column: None, values, least: REPEATED });
        }
    }
    let confidence = confidence(asked.len() * traits.len());
    for told in &traits {
        signs.extend(asked.iter().filter_map(|asked| told.sign(data, asked, &built.offers, confidence)));
    }
    Ok(signs)
}

fn is_of_happenings(role: Role) -> bool {
    matches!(role, Role::Events | Role::Voice | Role::Contacts | Role::Purchases)
}

impl Trait {
    fn sign(&self, data: &TrainingData, asked: &Asked, offers: &[String], confidence: f64) -> Option<Sign> {
        let of = |row: &u32| self.values[data.customer[*row as usize] as usize];
        let area = asked.test.area(&asked.test.rows.iter().map(of).collect::<Vec<_>>())?;
        let span = area.interval(confidence);
        let is_sign = span.lower > 0.5 + self.least || span.upper < 0.5 - self.least;
        is_sign.then(|| Sign {
            kind: self.kind,
            source: self.source.clone(),
            column: self.column.clone(),
            offer: Some(offers[asked.offer].clone()),
            value: area.auc,
            lower: span.lower,
            upper: span.upper,
            takes: area.n_positives,
            known: None,
        })
    }
}

/// Where each customer stands in the files of the source that tells who is one, and among the ids.
fn orders(config: &Config, customers: &CustomerIndex, control: &dyn Control) -> Result<Vec<Trait>> {
    let Some(source) = config.source_of(Role::Customers) else { return Ok(Vec::new()) };
    let mut place = vec![f64::NAN; customers.len()];
    let spec = ingest::source_spec(config, source, None)?;
    let mut n_rows = 0.0;
    let header = source.column("customer").unwrap_or_default();
    for path in &spec.paths {
        read_stored(&RealFs, &spec, path, control, &mut |batch| {
            let Some(column) = batch.column_by_name(header) else { return Ok(()) };
            let ids = cast(column, &DataType::Utf8).map_err(crate::kernel::arrow_fault)?;
            for id in ids.as_string::<i32>() {
                n_rows += 1.0;
                let customer = id.and_then(|id| customers.find(id));
                if let Some(place) = customer.map(|customer| &mut place[customer as usize]).filter(|at| at.is_nan()) {
                    *place = n_rows;
                }
            }
            Ok(())
        })?;
    }
    place.iter_mut().filter(|place| place.is_nan()).for_each(|place| *place = n_rows);
    let mut order: Vec<u32> = (0..customers.len() as u32).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (customers.id(a), customers.id(b));
        (a.len(), a).cmp(&(b.len(), b))
    });
    let mut rank = vec![0.0; customers.len()];
    order.iter().enumerate().for_each(|(at, &customer)| rank[customer as usize] = at as f64);
    let of = |column: Option<String>, values| Trait {
        kind: SignKind::Order,
        source: source.name.clone(),
        column,
        values,
        least: ORDER,
    };
    Ok(vec![of(None, place), of(Some(header.to_owned()), rank)])
}

/// What the rows of a source are beside their values.
struct Happenings {
    /// By customer: 1 where many rows stand there more than once.
    repeated: Vec<f64>,
    /// Rows with an arrival, and those that arrived before they happened.
    arrived: u64,
    early: u64,
}

impl Happenings {
    fn read(built: &Built, source: &Source, control: &dyn Control) -> Result<Self> {
        let n = built.customers().len() as u32;
        let mut read = Self { repeated: vec![0.0; n as usize], arrived: 0, early: 0 };
        let Some(table) = built.tables.table(&source.name) else { return Ok(read) };
        let columns: Vec<&str> =
            source.columns.keys().map(String::as_str).filter(|name| !matches!(*name, "customer" | "text")).collect();
        for customers in built.tables.passes() {
            let block = Block::read(table, customers.clone(), &columns, control)?;
            for (customer, bounds) in customers.zip(block.offsets.windows(2)) {
                // Rows of one time are ordered by their values, so that the same rows stand side by side.
                let twice = (bounds[0] as usize + 1..bounds[1] as usize).filter(|&row| is_same(&block, &columns, row));
                let (twice, rows) = (twice.count() as f64, f64::from(bounds[1] - bounds[0]));
                // Who has many rows has some twice by chance.
                read.repeated[customer as usize] = f64::from(u8::from(twice > 0.0 && twice >= REPEATED_SHARE * rows));
            }
            if let Some(arrived) = block.integers("arrived") {
                for (row, &at) in block.times("at").iter().enumerate() {
                    let Some(arrival) = arrived.get(row) else { continue };
                    read.arrived += 1;
                    read.early += u64::from(arrival < at);
                }
            }
        }
        Ok(read)
    }

    fn early(&self, source: &Source) -> Option<Sign> {
        let share = self.early as f64 / self.arrived.max(1) as f64;
        (share > EARLY).then(|| Sign {
            kind: SignKind::EarlyArrival,
            source: source.name.clone(),
            column: source.column("arrived").map(str::to_owned),
            offer: None,
            value: share,
            lower: share,
            upper: share,
            takes: 0,
            known: None,
        })
    }
}

/// Whether a row says the same as the one before it.
fn is_same(block: &Block, columns: &[&str], row: usize) -> bool {
    let is_same = |column: &Column| {
        let is_there = |row: usize| column.valid.as_ref().is_none_or(|valid| valid[row]);
        is_there(row) == is_there(row - 1)
            && match &column.values {
                Values::I64(values) => values[row] == values[row - 1],
                Values::F64(values) => values[row].to_bits() == values[row - 1].to_bits(),
                Values::Code(values) => values[row] == values[row - 1],
                Values::Text(texts) => texts.get(row) == texts.get(row - 1),
            }
    };
    columns.iter().filter_map(|name| block.column(name)).all(is_same)
}
