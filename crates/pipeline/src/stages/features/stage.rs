//! The utilisation matrix: how broadly and how deeply a customer uses what there is, among all who use it, and the stage that follows.
//!
//! Thirds of breadth and depth are learned for each date, from the rows that had happened and arrived before it and nothing else.

use std::collections::BTreeMap;

use osusume_model::{AsOf, Family, FeatureKind, FeatureSpec, NullMeaning, Result, Unit, Window};
use osusume_tables::TableFile;
use osusume_windows::{Aggregate, Amount, Cell, EventValues, Filter, Measure, Plan};
use rayon::prelude::*;

use super::cells::events;
use super::quota::unknown_kind;
use crate::checked::most_customers;
use crate::config::{Reach, Role, Source, Utilisation};
use crate::job::Job;
use crate::plan::{EVER, EventColumn, EventGroup, Join, Sense, Use};
use crate::seam::{Block, EventSlices};

/// Most customers read at once by a thread.
const BLOCK: u32 = 1 << 14;

/// Less than this of the window before is a decline.
const DECLINE: f64 = 0.5;

/// The stages, in the order of their codes.
pub(super) const STAGES: [&str; 9] =
    ["not_started", "new", "light", "steady", "exploring", "focused", "full", "declining", "dormant"];

/// What the features are, in the order of their columns.
pub(super) const N_CELLS: usize = 3;

/// Positions of the aggregates that stages are made of.
const BREADTH: usize = 0;
const DEPTH: usize = 1;
const ROWS: usize = 2;
const GROWTH: usize = 3;
const FIRST: usize = 4;

/// Features of how the rows of one table are used.
pub(super) struct StageGroup {
    pub(super) events: EventGroup,
    plan: Plan,
    window_days: u32,
    edges: BTreeMap<i64, Edges>,
}

/// What was learned for one date: the upper edges of the lower two thirds, and of how many kinds anybody used one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Edges {
    breadth: [u32; 2],
    depth: [u32; 2],
    available: u32,
}

/// How many customers have each value, and which kinds are used by anybody.
#[derive(Clone, Debug, Default)]
struct Tally {
    breadth: BTreeMap<u32, u64>,
    depth: BTreeMap<u32, u64>,
    used: Vec<bool>,
}

impl StageGroup {
    /// The features of one table; edges are learned by [`Self::learn`].
    ///
    /// # Errors
    /// A kind named that the table does not have.
    pub(super) fn draw(
        job: &Job<'_>,
        source: &Source,
        table: &TableFile,
        product: Option<Join>,
    ) -> Result<(Self, Vec<FeatureSpec>)> {
        let config = job.config.features.utilisation.as_ref().expect("only drawn where it is declared");
        let columns = columns(job, source, table, product);
        let reaches = job.config.features.all_windows();
        let window = 1 + reaches.iter().position(|reach| *reach == Reach::Days(config.window_days)).unwrap_or_default();
        let kinds = table.dictionary("kind").unwrap_or_default();
        let position = |name: &String| {
            let found = kinds.iter().position(|kind| kind == name);
            found.ok_or_else(|| unknown_kind("features.utilisation.depth", name, &kinds))
        };
        let kind = config.depth.as_ref().map(position).transpose()?;
        let filter = kind.map(|code| Filter { column: 0, code: code as u32 });
        // Purchases have their amounts, a metric its values; rows else.
        let of = columns.iter().position(|column| matches!(column.sense, Sense::Value | Sense::Amount));
        let of = of.filter(|_| source.role == Role::Purchases || kind.is_some());
        let depth = of.map_or(Measure::Count, Measure::Sum);
        let growth = Measure::Surge(of.map_or(Amount::Rows, Amount::Sum));
        let mut group =
            EventGroup::new(&source.name, source.column("arrived").map(|_| "arrived").into_iter().collect(), columns);
        group.aggregates = vec![
            Aggregate { measure: Measure::Distinct(0), filter: None, window },
            Aggregate { measure: depth, filter, window },
            Aggregate { measure: Measure::Count, filter: None, window },
            Aggregate { measure: growth, filter, window },
            Aggregate { measure: Measure::FirstDays, filter: None, window: EVER },
        ];
        let plan = group.plan(reaches.len() + 1, job.calendar)?;
        let specs = specs(source, config);
        Ok((Self { events: group, plan, window_days: config.window_days, edges: BTreeMap::new() }, specs))
    }

    /// Learns the edges of every date, from the rows known before it.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(super) fn learn(&mut self, job: &Job<'_>, table: &TableFile, n_customers: u32, dates: &[AsOf]) -> Result<()> {
        let mut names: Vec<&str> = self.events.columns.iter().map(|column| column.name.as_str()).collect();
        names.extend(["at"].into_iter().chain(self.events.known_by.iter().copied()));
        names.extend(
            self.events.columns.iter().filter(|column| matches!(column.kind, Use::Priced { .. })).map(|_| "quantity"),
        );
        names.sort_unstable();
        names.dedup();
        let names: Vec<&str> =
            names.into_iter().filter(|name| job.config.sources[&self.events.table].column(name).is_some()).collect();
        let most = most_customers(n_customers, table.n_rows()).min(BLOCK);
        let none = || vec![Tally::default(); dates.len()];
        let count = |customers: &std::ops::Range<u32>| {
            job.check_stop()?;
            let block = Block::read(table, customers.clone(), &names, &job.quiet())?;
            self.tally(job, &block, dates)
        };
        let add = |mut all: Vec<Tally>, more: Vec<Tally>| {
            all.iter_mut().zip(&more).for_each(|(all, more)| all.merge(more));
            Ok(all)
        };
        let tallies = table.runs(0..n_customers, most).par_iter().map(count).try_reduce(none, add)?;
        self.edges = dates.iter().zip(&tallies).map(|(date, tally)| (date.instant.0, tally.edges())).collect();
        Ok(())
    }

    fn tally(&self, job: &Job<'_>, block: &Block, dates: &[AsOf]) -> Result<Vec<Tally>> {
        let values = events::<f64>(job, &self.events, &self.plan, block, dates)?;
        let mut tallies = vec![Tally::default(); dates.len()];
        for (at, cells) in values.chunks_exact(self.plan.n_aggregates()).enumerate() {
            // Who did not use anything in the window is in no third of those who did.
            if cells[ROWS] > 0.0 {
                let tally = &mut tallies[at % dates.len()];
                *tally.breadth.entry(key(cells[BREADTH])).or_default() += 1;
                *tally.depth.entry(key(cells[DEPTH])).or_default() += 1;
            }
        }
        let slices = EventSlices::new(&self.events, block);
        let (columns, times) = (slices.columns(), block.times("at"));
        let EventValues::Code(codes) = columns[BREADTH].values else { return Ok(tallies) };
        for (date, tally) in dates.iter().zip(&mut tallies) {
            let since = job.window(*date, Reach::Days(self.window_days)).start;
            let is_known = |row: usize| slices.arrived.as_ref().is_none_or(|arrived| arrived[row] < date.instant.0);
            for row in (0..times.len()).filter(|&row| (since..date.instant.0).contains(&times[row]) && is_known(row)) {
                if columns[BREADTH].valid.is_none_or(|valid| valid[row]) {
                    let code = codes[row] as usize;
                    tally.used.resize(tally.used.len().max(code + 1), false);
                    tally.used[code] = true;
                }
            }
        }
        Ok(tallies)
    }

    /// Share of breadth, third of depth and stage of every customer as of every date.
    pub(super) fn values<C: Cell>(&self, job: &Job<'_>, block: &Block, dates: &[AsOf]) -> Result<Vec<C>> {
        let values = events::<f64>(job, &self.events, &self.plan, block, dates)?;
        let mut out = Vec::with_capacity(block.n_customers() * dates.len() * N_CELLS);
        for (at, cells) in values.chunks_exact(self.plan.n_aggregates()).enumerate() {
            let edges = self.edges.get(&dates[at % dates.len()].instant.0).copied().unwrap_or_default();
            let is_used = cells[ROWS] > 0.0;
            let breadth = if edges.available > 0 { cells[BREADTH] / f64::from(edges.available) } else { f64::NAN };
            let depth = if is_used { f64::from(third(cells[DEPTH], edges.depth)) / 2.0 } else { f64::NAN };
            out.extend([breadth, depth, self.stage(cells, edges)].map(C::from_f64));
        }
        Ok(out)
    }

    /// For each feature the positions of the aggregates whose rows it is computed from.
    pub(super) const SOURCES: [&'static [usize]; N_CELLS] = [&[BREADTH], &[DEPTH], &[BREADTH, GROWTH, FIRST]];

    /// The code of a customer's stage. The first that applies: nothing ever used; first used within the window; nothing used in it; less
    /// than half as much as in the window before; else by the thirds of breadth and depth.
    fn stage(&self, cells: &[f64], edges: Edges) -> f64 {
        let name = if cells[FIRST].is_nan() {
            "not_started"
        } else if cells[FIRST] < f64::from(self.window_days) {
            "new"
        } else if cells[ROWS] == 0.0 {
            "dormant"
        } else if cells[GROWTH] < DECLINE {
            "declining"
        } else {
            match (third(cells[BREADTH], edges.breadth), third(cells[DEPTH], edges.depth)) {
                (2, 2) => "full",
                (2, _) => "exploring",
                (_, 2) => "focused",
                (0, 0) => "light",
                _ => "steady",
            }
        };
        STAGES.iter().position(|stage| *stage == name).unwrap_or(STAGES.len()) as f64
    }
}

impl Tally {
    fn merge(&mut self, other: &Self) {
        for (all, more) in [(&mut self.breadth, &other.breadth), (&mut self.depth, &other.depth)] {
            for (&key, &count) in more {
                *all.entry(key).or_default() += count;
            }
        }
        self.used.resize(self.used.len().max(other.used.len()), false);
        self.used.iter_mut().zip(&other.used).for_each(|(all, &more)| *all |= more);
    }

    fn edges(&self) -> Edges {
        let available = self.used.iter().filter(|used| **used).count() as u32;
        Edges { breadth: upper_edges(&self.breadth), depth: upper_edges(&self.depth), available }
    }
}

/// The values below or at which a third and two thirds of the customers lie.
fn upper_edges(counts: &BTreeMap<u32, u64>) -> [u32; 2] {
    let n: u64 = counts.values().sum();
    [1, 2].map(|thirds| {
        let mut below = 0;
        let reaches = |(_, count): &(&u32, &u64)| {
            below += **count;
            below * 3 >= n * thirds
        };
        counts.iter().find(reaches).map_or(0, |(&key, _)| key)
    })
}

/// 0 for the lowest third, 2 for the highest. Equal values lie in one third, the lower one.
fn third(value: f64, edges: [u32; 2]) -> u8 {
    edges.iter().filter(|edge| key(value) > **edge).count() as u8
}

/// A value to eleven binary digits, so that as many different ones are counted whatever the number of customers; in the order of values.
/// What is below 0 by refunds is no use.
fn key(value: f64) -> u32 {
    (value.max(0.0) as f32).to_bits() >> 12
}

/// The column that breadth counts, and the one of depth.
fn columns(job: &Job<'_>, source: &Source, table: &TableFile, product: Option<Join>) -> Vec<EventColumn> {
    let column = |name: &str, kind, sense| EventColumn { name: name.to_owned(), kind, levels: Vec::new(), sense };
    let n_codes = |name: &str| table.dictionary(name).map_or(0, |names| names.len());
    if source.role == Role::Events {
        let kind = column("kind", Use::Code { n_codes: n_codes("kind") }, Sense::Kind);
        let value = source.column("value").map(|_| column("value", Use::Real, Sense::Value));
        return std::iter::once(kind).chain(value).collect();
    }
    let broad = product.map_or(Use::Code { n_codes: n_codes("product") }, Use::Joined);
    let priced = Use::Priced { minor_units: f64::from(10_u32.pow(job.config.pipeline.minor_digits)) };
    let amount = source.column("amount").map(|_| column("amount", Use::Money, Sense::Amount));
    let price = || source.column("unit_price").map(|_| column("unit_price", priced, Sense::Amount));
    std::iter::once(column("product", broad, Sense::Product)).chain(amount.or_else(price)).collect()
}

fn specs(source: &Source, config: &Utilisation) -> Vec<FeatureSpec> {
    let window = Window::last(config.window_days);
    let spec = |name: &str, unit, null, kind, text_key| FeatureSpec {
        name: format!("{}_{name}_{}d", source.name, config.window_days),
        family: Family::Mix,
        source: source.name.clone(),
        window: Some(window),
        unit,
        null,
        kind,
        text_key,
        subject: source.name.clone(),
    };
    let stages = FeatureKind::Category(STAGES.map(str::to_owned).to_vec());
    vec![
        spec("breadth", Unit::Share, NullMeaning::Unknown, FeatureKind::Numeric, "breadth"),
        spec("depth", Unit::Share, NullMeaning::NotApplicable, FeatureKind::Numeric, "depth"),
        spec("stage", Unit::Level, NullMeaning::Never, stages, "stage"),
    ]
}
