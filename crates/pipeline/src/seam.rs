//! The seam: columns of checked tables become the plain slices kernels take.
//!
//! Absent arrivals become the event's own time here, joins become codes, and sampled customers become smaller blocks;
//! behind this file nobody sees a table.

use std::collections::BTreeMap;
use std::ops::Range;

use osusume_model::{Control, Result};
use osusume_tables::arrow::buffer::ScalarBuffer;
use osusume_tables::{Column, Part, TableFile, Texts, Values};
use osusume_windows::{EventColumn, EventValues, Maybe};

use crate::config::Source;
use crate::plan::{EventGroup, Use};
use crate::stages::ingest::held_column;

/// Since when everything of a cross-section is held: the midnight that began 1900 in UTC, before any time a table may hold.
const BEGINNING: i64 = -2_208_988_800_000_000;

/// The rows of a run of customers, by customer.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Customer `c` owns the rows `offsets[c]..offsets[c + 1]`.
    pub(crate) offsets: Vec<u32>,
    names: Vec<String>,
    columns: Vec<Column>,
}

impl Block {
    /// Reads `columns` of the rows of `customers`.
    pub(crate) fn read(
        table: &TableFile,
        customers: Range<u32>,
        columns: &[&str],
        control: &dyn Control,
    ) -> Result<Self> {
        let part: Part = table.read(customers.clone(), columns, control)?;
        let offsets = part.offsets(customers);
        let names = columns.iter().map(|&name| name.to_owned()).collect();
        Ok(Self { offsets, names, columns: part.columns })
    }

    /// Reads `columns` of the rows of some customers, by ascending index.
    pub(crate) fn read_of(
        table: &TableFile,
        customers: &[u32],
        columns: &[&str],
        control: &dyn Control,
    ) -> Result<Self> {
        let first = customers.first().copied().unwrap_or(0);
        let block = Self::read(table, first..customers.last().map_or(first, |last| last + 1), columns, control)?;
        let keep: Vec<u32> = customers.iter().map(|&customer| customer - first).collect();
        Ok(if keep.len() == block.n_customers() { block } else { block.select(&keep) })
    }

    /// A block of one row a customer with one column of whole numbers.
    pub(crate) fn of_integers(name: &str, values: Vec<i64>) -> Self {
        let offsets = (0..=values.len() as u32).collect();
        let column = Column { values: Values::I64(values.into()), valid: None, dictionary: None };
        Self { offsets, names: vec![name.to_owned()], columns: vec![column] }
    }

    /// A block of these columns, for tests.
    #[cfg(test)]
    pub(crate) fn of(offsets: Vec<u32>, columns: Vec<(&str, Column)>) -> Self {
        let (names, columns) = columns.into_iter().map(|(name, column)| (name.to_owned(), column)).unzip();
        Self { offsets, names, columns }
    }

    /// The rows of the customers at positions `keep` (ascending), packed together.
    pub(crate) fn select(&self, keep: &[u32]) -> Self {
        let mut offsets = Vec::with_capacity(keep.len() + 1);
        let mut rows: Vec<u32> = Vec::new();
        offsets.push(0);
        for &customer in keep {
            rows.extend(self.offsets[customer as usize]..self.offsets[customer as usize + 1]);
            offsets.push(rows.len() as u32);
        }
        self.take(offsets, &rows)
    }

    /// The rows for which `keep` holds.
    pub(crate) fn filter(&self, keep: impl Fn(usize) -> bool) -> Self {
        let mut offsets = vec![0];
        let mut rows: Vec<u32> = Vec::new();
        for bounds in self.offsets.windows(2) {
            rows.extend((bounds[0]..bounds[1]).filter(|&row| keep(row as usize)));
            offsets.push(rows.len() as u32);
        }
        self.take(offsets, &rows)
    }

    /// The rows of a cross-section as rows of holdings: one for each product that is held, begun before all time.
    pub(crate) fn unfolded(&self, source: &Source) -> Self {
        let products: Vec<HeldTest<'_>> = source.holds.values().map(|test| self.held_test(test)).collect();
        let (mut offsets, mut codes) = (vec![0], Vec::new());
        for bounds in self.offsets.windows(2) {
            for row in bounds[0]..bounds[1] {
                let held =
                    (0..).zip(&products).filter(|(_, test)| test.iter().all(|column| column.holds(row as usize)));
                codes.extend(held.map(|(code, _)| code));
            }
            offsets.push(codes.len() as u32);
        }
        let start = Column { values: Values::I64(vec![BEGINNING; codes.len()].into()), valid: None, dictionary: None };
        let names = source.holds.keys().cloned().collect();
        let product = Column { values: Values::Code(codes.into()), valid: None, dictionary: Some(names) };
        Self { offsets, names: vec!["product".to_owned(), "start".to_owned()], columns: vec![product, start] }
    }

    fn held_test(&self, test: &BTreeMap<String, Vec<String>>) -> HeldTest<'_> {
        let column = |(header, values): (&String, &Vec<String>)| {
            let name = held_column(header);
            let levels = self.column(&name).and_then(|column| column.dictionary.clone());
            let is_meant = levels.iter().flat_map(|levels| levels.iter()).map(|level| values.contains(level)).collect();
            HeldColumn { codes: self.codes(&name), is_meant }
        };
        test.iter().map(column).collect()
    }

    fn take(&self, offsets: Vec<u32>, rows: &[u32]) -> Self {
        let columns = self.columns.iter().map(|column| take_column(column, rows)).collect();
        Self { offsets, names: self.names.clone(), columns }
    }

    /// Number of customers.
    pub(crate) fn n_customers(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The column with this name, if it was read.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.names.iter().position(|n| n == name).map(|i| &self.columns[i])
    }

    /// An integer or time column as values and presence.
    pub(crate) fn integers(&self, name: &str) -> Option<Maybe<'_, i64>> {
        let column = self.column(name)?;
        match &column.values {
            Values::I64(values) => Some(Maybe { values, valid: column.valid.as_deref() }),
            _ => None,
        }
    }

    /// A column of flags; an absent one is false.
    pub(crate) fn flags(&self, name: &str) -> Option<Vec<bool>> {
        let column = self.integers(name)?;
        Some((0..column.values.len()).map(|row| column.get(row) == Some(1)).collect())
    }

    /// A code column as values and presence.
    pub(crate) fn codes(&self, name: &str) -> Option<Maybe<'_, u32>> {
        let column = self.column(name)?;
        match &column.values {
            Values::Code(values) => Some(Maybe { values, valid: column.valid.as_deref() }),
            _ => None,
        }
    }

    /// A number of a row; NaN where it is absent or no number. Ingest bounds decimals; a table written otherwise must still not make an
    /// infinity.
    pub(crate) fn number(&self, name: &str, row: usize) -> f64 {
        let Some(column) = self.column(name) else { return f64::NAN };
        match &column.values {
            _ if column.valid.as_ref().is_some_and(|valid| !valid[row]) => f64::NAN,
            Values::I64(values) => values[row] as f64,
            Values::F64(values) => values[row].clamp(f64::from(f32::MIN), f64::from(f32::MAX)),
            Values::Code(_) | Values::Text(_) => f64::NAN,
        }
    }

    /// A time column that is never absent.
    pub(crate) fn times(&self, name: &str) -> &[i64] {
        self.integers(name).map_or(&[], |times| times.values)
    }

    /// When each row arrived: the column `name`, or where it is absent the time in `otherwise`.
    pub(crate) fn arrivals(&self, name: &str, otherwise: &str) -> Option<Vec<i64>> {
        let arrived = self.integers(name)?;
        let at = self.times(otherwise);
        Some((0..at.len()).map(|row| arrived.get(row).unwrap_or(at[row])).collect())
    }

    /// A customer's row that arrived last before the instant `before`; one without an arrival was always known.
    pub(crate) fn newest_known(&self, customer: usize, before: i64) -> Option<usize> {
        let arrived = self.integers("arrived");
        let arrival = |row: usize| arrived.and_then(|arrived| arrived.get(row)).unwrap_or(i64::MIN);
        let rows = self.offsets[customer] as usize..self.offsets[customer + 1] as usize;
        // Of several that arrived together the last one written counts.
        rows.filter(|&row| arrival(row) < before).max_by_key(|&row| arrival(row))
    }

    /// The codes of `name`, absent ones as `none`.
    pub(crate) fn codes_or(&self, name: &str, none: u32) -> Vec<u32> {
        self.codes(name)
            .map_or_else(Vec::new, |codes| (0..codes.values.len()).map(|row| codes.get(row).unwrap_or(none)).collect())
    }
}

/// What every column must say for a product to be held.
type HeldTest<'a> = Vec<HeldColumn<'a>>;

/// A column of a cross-section and, by level, whether it means that something is held.
struct HeldColumn<'a> {
    codes: Option<Maybe<'a, u32>>,
    is_meant: Vec<bool>,
}

impl HeldColumn<'_> {
    fn holds(&self, row: usize) -> bool {
        self.codes.and_then(|codes| codes.get(row)).is_some_and(|code| self.is_meant[code as usize])
    }
}

fn take_column(column: &Column, rows: &[u32]) -> Column {
    let pick = |row: &u32| *row as usize;
    let values = match &column.values {
        Values::I64(values) => Values::I64(rows.iter().map(|r| values[pick(r)]).collect()),
        Values::F64(values) => Values::F64(rows.iter().map(|r| values[pick(r)]).collect()),
        Values::Code(values) => Values::Code(rows.iter().map(|r| values[pick(r)]).collect()),
        // Texts never reach a kernel; blocks that are filtered drop them.
        Values::Text(_) => Values::Text(Texts::default()),
    };
    let valid = column.valid.as_ref().map(|valid| rows.iter().map(|r| valid[pick(r)]).collect());
    Column { values, valid, dictionary: column.dictionary.clone() }
}

/// An event table's columns, with joins carried out, ready to be lent to the kernel.
pub(crate) struct EventSlices {
    columns: Vec<OwnedColumn>,
    pub(crate) arrived: Option<Vec<i64>>,
}

enum OwnedColumn {
    Money(ScalarBuffer<i64>, Option<Vec<bool>>),
    Real(ScalarBuffer<f64>, Option<Vec<bool>>),
    Code(ScalarBuffer<u32>, Option<Vec<bool>>),
}

impl EventSlices {
    /// The columns of `group` out of `block`.
    pub(crate) fn new(group: &EventGroup, block: &Block) -> Self {
        let columns = group.columns.iter().map(|column| owned(&column.kind, block, &column.name)).collect();
        Self { columns, arrived: known_since(group, block) }
    }

    /// The slices, in the order aggregates number them.
    pub(crate) fn columns(&self) -> Vec<EventColumn<'_>> {
        self.columns
            .iter()
            .map(|column| match column {
                OwnedColumn::Money(values, valid) => lend(EventValues::Money(values), valid.as_deref()),
                OwnedColumn::Real(values, valid) => lend(EventValues::Real(values), valid.as_deref()),
                OwnedColumn::Code(values, valid) => lend(EventValues::Code(values), valid.as_deref()),
            })
            .collect()
    }
}

/// When each row was known: the latest of the columns that say so. A case that is not closed is never known by its closing.
fn known_since(group: &EventGroup, block: &Block) -> Option<Vec<i64>> {
    let mut known: Option<Vec<i64>> = None;
    for &name in &group.known_by {
        let times = match name {
            "closed" => {
                let closed = block.integers(name)?;
                (0..closed.values.len()).map(|row| closed.get(row).unwrap_or(i64::MAX)).collect()
            }
            _ => block.arrivals(name, "at")?,
        };
        known = Some(match known {
            None => times,
            Some(so_far) => so_far.into_iter().zip(times).map(|(a, b)| a.max(b)).collect(),
        });
    }
    known
}

fn lend<'a>(values: EventValues<'a>, valid: Option<&'a [bool]>) -> EventColumn<'a> {
    EventColumn { values, valid }
}

/// Largest magnitude of an amount or a number of units that is made of decimals; amounts in tables are held to the same.
pub(crate) const MAX_WHOLE: f64 = 1e15;

/// Amounts in minor units out of prices of one unit; without a quantity it is one unit.
fn priced(prices: &[f64], valid: Option<Vec<bool>>, quantity: Option<&Column>, minor_units: f64) -> OwnedColumn {
    let units = |row: usize| match quantity.map(|column| (&column.values, column.valid.as_deref())) {
        Some((Values::F64(values), valid)) if valid.is_none_or(|valid| valid[row]) => values[row],
        _ => 1.0,
    };
    // No price is larger, and the sum of a customer's rows stays within i64.
    let amount =
        |(row, price): (usize, &f64)| (price * units(row) * minor_units).clamp(-MAX_WHOLE, MAX_WHOLE).round() as i64;
    OwnedColumn::Money(prices.iter().enumerate().map(amount).collect(), valid)
}

fn owned(kind: &Use, block: &Block, name: &str) -> OwnedColumn {
    let Some(column) = block.column(name) else { return OwnedColumn::Real(ScalarBuffer::from(Vec::new()), None) };
    let valid = column.valid.clone();
    match (kind, &column.values) {
        (Use::Money, Values::I64(values)) => OwnedColumn::Money(values.clone(), valid),
        (Use::Priced { minor_units }, Values::F64(prices)) => {
            priced(prices, valid, block.column("quantity"), *minor_units)
        }
        (Use::Joined(join), Values::Code(codes)) => {
            let none = join.names.len() as u32;
            OwnedColumn::Code(
                codes.iter().map(|&code| join.map.get(code as usize).copied().unwrap_or(none)).collect(),
                valid,
            )
        }
        (Use::Told(numbers), Values::Code(codes)) => {
            let number = |&code: &u32| numbers.get(code as usize).copied().unwrap_or(f64::NAN);
            OwnedColumn::Real(codes.iter().map(number).collect(), valid)
        }
        (Use::Clock(hours), Values::I64(times)) => {
            OwnedColumn::Code(times.iter().map(|&at| u32::from(hours.has(at))).collect(), valid)
        }
        (Use::OfKind { code }, Values::F64(values)) => {
            let kinds = block.codes("kind");
            let is_of = |row: usize| kinds.and_then(|kinds| kinds.get(row)) == Some(*code);
            let is_valid = |row: usize| valid.as_ref().is_none_or(|valid| valid[row]) && is_of(row);
            OwnedColumn::Real(values.clone(), Some((0..values.len()).map(is_valid).collect()))
        }
        (_, Values::Code(codes)) => OwnedColumn::Code(codes.clone(), valid),
        (_, Values::F64(values)) => OwnedColumn::Real(values.clone(), valid),
        (_, Values::I64(values)) => OwnedColumn::Real(values.iter().map(|&v| v as f64).collect(), valid),
        (_, Values::Text(_)) => OwnedColumn::Real(ScalarBuffer::from(Vec::new()), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_amount_is_larger_than_a_table_may_hold() {
        let quantity = Column { values: Values::F64(vec![3.0, -1e29].into()), valid: None, dictionary: None };
        let OwnedColumn::Money(amounts, _) = priced(&[1.25, 1e18], None, Some(&quantity), 100.0) else { panic!() };
        assert_eq!(amounts[..], [375, -1_000_000_000_000_000]);
    }

    #[test]
    fn the_version_that_arrived_last_before_the_date_counts() {
        let arrived = Values::I64(vec![0, 10, 20, 20, 5].into());
        let valid = Some(vec![false, true, true, true, true]);
        let column = Column { values: arrived, valid, dictionary: None };
        let block = Block::of(vec![0, 4, 4, 5], vec![("arrived", column)]);
        let newest = |before| [0, 1, 2].map(|customer| block.newest_known(customer, before));
        assert_eq!(newest(5), [Some(0), None, None], "what has no arrival was always known");
        assert_eq!(newest(6), [Some(0), None, Some(4)]);
        assert_eq!(newest(20), [Some(1), None, Some(4)]);
        assert_eq!(newest(21), [Some(3), None, Some(4)], "of several at once the last one written");
        let bare = Block::of(vec![0, 1], Vec::new());
        assert_eq!(bare.newest_known(0, i64::MIN + 1), Some(0));
    }
}
