//! Which rows of a customer each feature is computed from.

use std::collections::BTreeSet;

use osusume_model::{AsOf, FeatureKind, FeatureSpec, Result, Unit};
use osusume_tables::{Column, Values};
use osusume_windows::{Aggregate, Cutoffs, EventColumn, EventValues, Measure, Span, earlier_start};

use super::cases;
use super::cells::{self, Blocks, HoldingSlices, product_positions};
use super::groups::{AttributeCell, Group, Groups, HoldingCell};
use super::people::People;
use super::stage::StageGroup;
use super::{Wanted, labels, read_blocks};
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{ROLE_COLUMNS, Recipe, Role};
use crate::copies;
use crate::inspect::{Inspected, InspectedFeature, InspectedRow, InspectedTable, Value};
use crate::job::Job;
use crate::plan::EventGroup;
use crate::seam::{Block, EventSlices};
use crate::stages::{ingest, mine};

/// What features say of one customer on one date, and by which rows. The dictionary is that of a run with this `schedule`.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn inspect(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    schedule: &Schedule,
    (customer, at): (u32, AsOf),
) -> Result<Inspected> {
    let people = People::read(job, tables, goods, schedule)?;
    let first = schedule.mature.first().unwrap_or(&schedule.score).instant;
    let mut groups = Groups::draw(job, tables, goods, first, &people)?;
    if job.config.features.recipes.contains(&Recipe::Rules) && !job.config.is_cross_section() {
        let dated = schedule.with(at);
        let leads = job.config.mine.as_ref().map(|config| mine::leads(job, tables, goods, &dated, config));
        groups.rules(job, goods, leads.transpose()?);
    }
    groups.derive(job)?;
    groups.learn(job, tables, goods, &[at])?;
    let (blocks, _) = read_blocks(job, tables, goods, &Wanted::all(job, tables), &(customer..customer + 1))?;
    let is_customer = labels::active(job, goods, &blocks, &[at], 1)?[0];
    let cells = cells::compute::<f64>(job, &groups.groups, goods, &blocks, &[at])?;
    let values = cells.iter().flat_map(|group| group.values.iter().copied());
    let tracer = Tracer { job, goods, blocks: &blocks, at };
    let rows = groups.groups.iter().map(|group| tracer.rows(group)).collect::<Result<Vec<_>>>()?;
    let sources = groups.groups.iter().flat_map(|group| std::iter::repeat_n(group.table(), group.width()));
    let traced = groups.specs.iter().zip(values).zip(rows.into_iter().flatten().zip(sources));
    let features = traced.map(|((spec, value), (rows, source))| InspectedFeature {
        value: shown(job, spec, value),
        spec: spec.clone(),
        source: source.to_owned(),
        rows: rows.into_iter().map(|row| row + 1).collect(),
    });
    let features: Vec<InspectedFeature> = features.collect();
    Ok(Inspected { at: at.date, is_customer, tables: tracer.tables(&features), features })
}

/// What a feature's value is to a reader.
fn shown(job: &Job<'_>, spec: &FeatureSpec, value: f64) -> Value {
    match (&spec.kind, spec.unit) {
        _ if value.is_nan() => Value::Absent,
        (FeatureKind::Category(names), _) => {
            names.get(value as usize).map_or(Value::Other, |name| name.as_str().into())
        }
        (_, Unit::Minor) => Value::Number(value / minor_units(job)),
        _ => Value::Number(value),
    }
}

fn minor_units(job: &Job<'_>) -> f64 {
    f64::from(10_u32.pow(job.config.pipeline.minor_digits))
}

/// The rows of one customer, and a date.
struct Tracer<'a> {
    job: &'a Job<'a>,
    goods: &'a Goods,
    blocks: &'a Blocks,
    at: AsOf,
}

impl Tracer<'_> {
    /// For each feature of a group, the rows of its table that it is computed from, ascending.
    fn rows(&self, group: &Group) -> Result<Vec<Vec<u32>>> {
        let Some(block) = self.blocks.get(group.table()) else { return Ok(vec![Vec::new(); group.width()]) };
        Ok(match group {
            Group::Events(group, _) => self.events(group, block)?,
            Group::Holdings { cells, .. } => self.holdings(cells, block),
            Group::Stages(stages) => {
                let rows = self.events(&stages.events, block)?;
                let of = |aggregates: &&'static [usize]| {
                    let all: BTreeSet<u32> = aggregates.iter().flat_map(|&at| rows[at].iter().copied()).collect();
                    all.into_iter().collect()
                };
                StageGroup::SOURCES.iter().map(of).collect()
            }
            Group::Quota(quota) => quota.rows(self.job, self.goods, self.blocks, self.at)?,
            Group::Attributes { cells, is_arrival_known, copies, .. } => {
                let before = if *is_arrival_known { self.at.instant.0 } else { i64::MAX };
                let newest = cells::row_known(block, 0, before, copies).map(|row| row as u32);
                let newest: Vec<u32> = newest.into_iter().collect();
                let of = |cell| if is_present(block, column_of(cell), &newest) { newest.clone() } else { Vec::new() };
                cells.iter().map(of).collect()
            }
            Group::Cases { cells, .. } => {
                cells.iter().map(|&cell| cases::rows(self.job, cell, block, self.at)).collect()
            }
            // Its features have rows of several tables, which stand beside the features it reads.
            Group::Derived(derived) => vec![Vec::new(); derived.len()],
            // They are rows of other people.
            Group::Household(household) => vec![Vec::new(); household.width()],
            Group::Rules { leads, .. } => {
                let rows = match leads.days() {
                    Some(days) => self.bought(block, days),
                    None => self.holdings(&[HoldingCell::Count], block).remove(0),
                };
                vec![rows; group.width()]
            }
        })
    }

    fn events(&self, group: &EventGroup, block: &Block) -> Result<Vec<Vec<u32>>> {
        let slices = EventSlices::new(group, block);
        let (columns, times) = (slices.columns(), block.times("at"));
        let cutoffs = cells::cutoffs(self.job, &[self.at])?;
        let as_of = self.at.instant.0;
        let is_visible =
            |row: usize| times[row] < as_of && slices.arrived.as_ref().is_none_or(|arrived| arrived[row] < as_of);
        let visible: Vec<usize> = (0..times.len()).filter(|&row| is_visible(row)).collect();
        let is_absent = |position: usize, one: &Aggregate| {
            let window = cutoffs.spans(0)[one.window];
            group.reaching.contains(&position) && !group.beginnings.reaches(self.job.calendar, as_of, window)
        };
        let rows = group.aggregates.iter().enumerate().map(|(position, one)| {
            if is_absent(position, one) { Vec::new() } else { counted(one, &columns, times, &visible, &cutoffs) }
        });
        Ok(rows.collect())
    }

    fn holdings(&self, cells: &[HoldingCell], block: &Block) -> Vec<Vec<u32>> {
        let positions = product_positions(self.goods, block);
        let slices = HoldingSlices::new(block, &positions);
        let (intervals, at) = (slices.intervals(), self.at.instant.0);
        let family = |row: usize| self.goods.family[intervals.product[row] as usize] as usize;
        let renews = |row: usize| intervals.renews.and_then(|renews| renews.get(row)).is_some_and(|day| day >= at);
        let priced = |row: usize| intervals.price.and_then(|price| price.get(row)).is_some();
        let is_counted = |cell: &HoldingCell, row: usize| match *cell {
            HoldingCell::Tenure => intervals.has_started(row, at),
            HoldingCell::FamilyTenure(of) => intervals.has_started(row, at) && family(row) == of,
            HoldingCell::Count => intervals.is_held(row, at),
            HoldingCell::Tier(of) | HoldingCell::Units(of) => intervals.is_held(row, at) && family(row) == of,
            HoldingCell::Renewal => intervals.is_held(row, at) && renews(row),
            HoldingCell::Price => intervals.is_held(row, at) && priced(row),
        };
        let rows =
            |cell| (0..intervals.start.len()).filter(|&row| is_counted(cell, row)).map(|row| row as u32).collect();
        cells.iter().map(rows).collect()
    }

    /// Rows of purchases in the days before the date.
    fn bought(&self, block: &Block, days: u32) -> Vec<u32> {
        let since = self.job.calendar.midnight(self.at.date - days as i32).0;
        let (at, arrived) = (block.times("at"), block.arrivals("arrived", "at"));
        let is_known = |row: usize| arrived.as_ref().is_none_or(|arrived| arrived[row] < self.at.instant.0);
        let is_counted = |&row: &usize| (since..self.at.instant.0).contains(&at[row]) && is_known(row);
        (0..at.len()).filter(is_counted).map(|row| row as u32).collect()
    }

    /// The tables that features read, with the rows that had happened and arrived; a row keeps its number among all rows.
    fn tables(&self, features: &[InspectedFeature]) -> Vec<InspectedTable> {
        let mut tables = Vec::new();
        for (source, block) in self.blocks {
            if !features.iter().any(|feature| feature.source == *source) {
                continue;
            }
            let declared = copies::source_of(source);
            // What others of the household do is no table.
            let Some(role) = self.job.config.sources.get(declared).map(|source| source.role) else { continue };
            let columns = self.shown_columns(declared, block, role);
            let is_known = |row: usize| self.is_known(block, row);
            let rows = (0..block.offsets[1] as usize).filter(|&row| is_known(row)).map(|row| InspectedRow {
                number: row as u32 + 1,
                cells: columns.iter().map(|shown| self.cell(block, shown, row)).collect(),
            });
            let rows: Vec<InspectedRow> = rows.collect();
            let hidden = u64::from(block.offsets[1]) - rows.len() as u64;
            let columns = columns.iter().map(|shown| shown.name.clone()).collect();
            tables.push(InspectedTable { source: source.clone(), columns, rows, hidden });
        }
        tables
    }

    /// The columns of a table by the names that the pipeline file has for them.
    fn shown_columns<'b>(&self, source: &str, block: &'b Block, role: Role) -> Vec<Shown<'b>> {
        let declared = &self.job.config.sources[source];
        let columns = ROLE_COLUMNS.iter().filter(|column| column.role == role.id());
        let own = columns.map(|column| (column.name.to_owned(), column.name.to_owned(), column.kind == "time"));
        let attributes =
            declared.attributes.keys().map(|header| (header.clone(), ingest::attribute_column(header), false));
        // The products that a row of a cross-section says are held.
        let held = (role == Role::CrossSection).then(|| ("product".to_owned(), "product".to_owned(), false));
        let all = own.chain(attributes).chain(held);
        all.filter_map(|(name, stored, is_time)| Some(Shown { column: block.column(&stored)?, name, is_time }))
            .collect()
    }

    /// Whether a row had begun and arrived before the date.
    fn is_known(&self, block: &Block, row: usize) -> bool {
        let before = |name: &str| {
            let time = block.integers(name).and_then(|times| times.get(row));
            time.is_none_or(|time| time < self.at.instant.0)
        };
        ["at", "start", "arrived", "start_arrived"].into_iter().all(before)
    }

    /// The value of a row as it was known on the date: an end or an answer that came later was not.
    fn cell(&self, block: &Block, shown: &Shown<'_>, row: usize) -> Value {
        let is_over = |name: &str| {
            let time = block.integers(name).and_then(|times| times.get(row));
            time.is_some_and(|time| time < self.at.instant.0)
        };
        let is_known = match shown.name.as_str() {
            "end" if block.column("end_arrived").is_some() => is_over("end_arrived"),
            "score" if block.column("closed").is_some() => is_over("closed"),
            "end" | "end_arrived" | "closed" | "responded" => is_over(&shown.name),
            _ => true,
        };
        let column = shown.column;
        if !is_known || column.valid.as_ref().is_some_and(|valid| !valid[row]) {
            return Value::Absent;
        }
        match (&column.values, &column.dictionary) {
            (Values::I64(values), _) if shown.is_time => Value::Text(self.job.calendar.shown(values[row])),
            (Values::I64(values), _) if shown.is_money() => Value::Number(values[row] as f64 / minor_units(self.job)),
            (Values::I64(values), _) => Value::Number(values[row] as f64),
            (Values::F64(values), _) => Value::Number(values[row]),
            (Values::Code(codes), Some(names)) => {
                names.get(codes[row] as usize).map_or(Value::Absent, |name| name.as_str().into())
            }
            (Values::Code(_) | Values::Text(_), _) => Value::Absent,
        }
    }
}

/// A column as it is shown.
struct Shown<'a> {
    name: String,
    column: &'a Column,
    is_time: bool,
}

impl Shown<'_> {
    /// Amounts are kept in minor units.
    fn is_money(&self) -> bool {
        matches!(self.name.as_str(), "amount" | "price")
    }
}

/// The column of the customers table that a feature shows.
fn column_of(cell: &AttributeCell) -> &str {
    match cell {
        AttributeCell::Joined => "joined",
        AttributeCell::Value(name) | AttributeCell::Level(name, _) => name,
    }
}

fn is_present(block: &Block, name: &str, rows: &[u32]) -> bool {
    let column = block.column(name);
    let valid = |column: &Column| rows.iter().all(|&row| column.valid.as_ref().is_none_or(|valid| valid[row as usize]));
    column.is_some_and(valid)
}

/// The rows of `visible` that an aggregate counts: of its filter and window, with a value where it reads one, and only those that decide
/// it where a single row does.
fn counted(
    aggregate: &Aggregate,
    columns: &[EventColumn<'_>],
    at: &[i64],
    visible: &[usize],
    cutoffs: &Cutoffs,
) -> Vec<u32> {
    let span = cutoffs.spans(0)[aggregate.window];
    let span = match aggregate.measure {
        Measure::Surge(_) => Span { start: earlier_start(span), ..span },
        _ => span,
    };
    // The base of a share is all rows.
    let filter = aggregate.filter.filter(|_| !matches!(aggregate.measure, Measure::Share(_)));
    let value = aggregate.measure.column();
    let has = |row: usize, column: usize| columns[column].valid.is_none_or(|valid| valid[row]);
    let is_of = |row: usize| {
        filter.is_none_or(|filter| match columns[filter.column].values {
            EventValues::Code(codes) => has(row, filter.column) && codes[row] == filter.code,
            EventValues::Money(_) | EventValues::Real(_) => false,
        })
    };
    let is_counted = |&row: &usize| {
        (span.start..span.end).contains(&at[row]) && is_of(row) && value.is_none_or(|column| has(row, column))
    };
    let mut rows: Vec<u32> = visible.iter().copied().filter(is_counted).map(|row| row as u32).collect();
    match aggregate.measure {
        Measure::RecencyDays | Measure::WholeDays | Measure::Last(_) => {
            rows.drain(..rows.len().saturating_sub(1));
        }
        Measure::FirstDays | Measure::FirstValue(_) => rows.truncate(1),
        _ => {}
    }
    rows
}
