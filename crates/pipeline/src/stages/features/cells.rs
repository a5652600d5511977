//! The values of features: one partition of customers, as of several dates.

use std::collections::BTreeMap;

use osusume_model::{AsOf, DAY_US, Result};
use osusume_windows::{Cell, Cutoffs, Events, HoldingState, Intervals, Ladder, Plan, aggregate, holdings_as_of};

use super::cases;
use super::derived;
use super::groups::{AttributeCell, Group, HoldingCell};
use crate::catalogue::Goods;
use crate::job::Job;
use crate::kernel::windows_fault;
use crate::plan::EventGroup;
use crate::seam::{Block, EventSlices};

/// The rows of one partition, by table.
pub(crate) type Blocks = BTreeMap<String, Block>;

/// Cells of one group: customers × dates × width, row-major; NaN is absent.
pub(super) struct Cells<C> {
    pub(super) width: usize,
    pub(super) values: Vec<C>,
}

/// Computes the cells of every group as of every date.
pub(super) fn compute<C: Cell + Sync>(
    job: &Job<'_>,
    groups: &[Group],
    goods: &Goods,
    blocks: &Blocks,
    dates: &[AsOf],
) -> Result<Vec<Cells<C>>> {
    let n_rows = blocks.values().next().map_or(0, Block::n_customers) * dates.len();
    let mut done: Vec<Cells<C>> = Vec::with_capacity(groups.len());
    for group in groups {
        let values = match (group, blocks.get(group.table())) {
            (Group::Stages(stages), Some(block)) => stages.values(job, block, dates)?,
            (Group::Quota(quota), _) => quota.values(job, goods, blocks, dates)?,
            (Group::Derived(bound), _) => derived::values(bound, &done, n_rows),
            (Group::Events(group, plan), Some(block)) => events(job, group, plan, block, dates)?,
            (Group::Holdings { cells, .. }, Some(block)) => holdings(job, cells, goods, block, dates)?,
            (Group::Attributes { cells, is_arrival_known, copies, .. }, Some(block)) => {
                attributes(cells, (*is_arrival_known, copies), block, dates)
            }
            (Group::Household(household), Some(block)) => household.values(block, dates),
            (Group::Cases { cells, .. }, Some(block)) => cases::values(job, cells, block, dates),
            (Group::Rules { leads, .. }, Some(block)) => leads.values(job, goods, block, dates),
            (_, None) => Vec::new(),
        };
        done.push(Cells { width: group.width(), values });
    }
    Ok(done)
}

/// The dates with their windows.
pub(super) fn cutoffs(job: &Job<'_>, dates: &[AsOf]) -> Result<Cutoffs> {
    let as_of = dates.iter().map(|date| date.instant.0).collect();
    let spans = dates.iter().flat_map(|date| job.windows(*date)).collect();
    Cutoffs::new(as_of, spans).map_err(|e| windows_fault(&e))
}

pub(super) fn events<C: Cell>(
    job: &Job<'_>,
    group: &EventGroup,
    plan: &Plan,
    block: &Block,
    dates: &[AsOf],
) -> Result<Vec<C>> {
    let slices = EventSlices::new(group, block);
    let columns = slices.columns();
    let events = Events {
        offsets: &block.offsets,
        at: block.times("at"),
        arrived: slices.arrived.as_deref(),
        columns: &columns,
    };
    let mut values = vec![C::from_f64(0.0); block.n_customers() * dates.len() * plan.n_aggregates()];
    let cutoffs = cutoffs(job, dates)?;
    aggregate(&events, &cutoffs, plan, &mut values, &job.quiet()).map_err(|e| windows_fault(&e))?;
    forget_unreached(job, group, &cutoffs, plan.n_aggregates(), &mut values);
    Ok(values)
}

/// Takes the values of windows to whose beginning the table does not reach back.
fn forget_unreached<C: Cell>(job: &Job<'_>, group: &EventGroup, cutoffs: &Cutoffs, width: usize, values: &mut [C]) {
    if group.reaching.is_empty() {
        return;
    }
    let n_dates = cutoffs.as_of().len();
    for (d, &at) in cutoffs.as_of().iter().enumerate() {
        let reaches =
            |one: &usize| group.beginnings.reaches(job.calendar, at, cutoffs.spans(d)[group.aggregates[*one].window]);
        for &one in group.reaching.iter().filter(|one| !reaches(one)) {
            let rows = values.chunks_exact_mut(width).skip(d).step_by(n_dates);
            rows.for_each(|row| row[one] = C::from_f64(f64::NAN));
        }
    }
}

/// A block of holdings with nulls resolved, ready for the kernel.
pub(crate) struct HoldingSlices<'a> {
    block: &'a Block,
    product: Vec<u32>,
    start_arrived: Option<Vec<i64>>,
    /// Ends where the table has none: what began still lasts.
    no_end: (Vec<i64>, Vec<bool>),
    by_company: Option<Vec<bool>>,
}

impl<'a> HoldingSlices<'a> {
    /// `positions`: product code of the table → position in the catalogue; rows of unknown products were rejected at ingest.
    pub(crate) fn new(block: &'a Block, positions: &[u32]) -> Self {
        let product: Vec<u32> = block.codes_or("product", 0).into_iter().map(|code| positions[code as usize]).collect();
        let n_missing = if block.integers("end").is_some() { 0 } else { product.len() };
        let no_end = (vec![0; n_missing], vec![false; n_missing]);
        let by_company = block.flags("by_company");
        Self { block, product, start_arrived: block.arrivals("start_arrived", "start"), no_end, by_company }
    }

    /// The kernel's view.
    pub(crate) fn intervals(&self) -> Intervals<'_> {
        let block = self.block;
        let absent = osusume_windows::Maybe { values: &self.no_end.0, valid: Some(&self.no_end.1) };
        Intervals {
            offsets: &block.offsets,
            product: &self.product,
            start: block.times("start"),
            end: block.integers("end").unwrap_or(absent),
            start_arrived: self.start_arrived.as_deref(),
            end_arrived: block.integers("end_arrived"),
            renews: block.integers("renews"),
            price: block.integers("price"),
            quantity: block.integers("quantity"),
            by_company: self.by_company.as_deref(),
        }
    }
}

/// The kernel's view of the catalogue.
pub(crate) fn ladder(goods: &Goods) -> Ladder<'_> {
    Ladder { family: &goods.family, tier: &goods.tier, canonical: &goods.canonical, n_families: goods.families.len() }
}

/// The state of every family and of anything, for every customer as of every date: customers × dates × (families + 1).
fn holding_states(job: &Job<'_>, goods: &Goods, block: &Block, dates: &[AsOf]) -> Result<Vec<HoldingState>> {
    let positions = product_positions(goods, block);
    let slices = HoldingSlices::new(block, &positions);
    let as_of: Vec<i64> = dates.iter().map(|date| date.instant.0).collect();
    let scopes = goods.families.len() + 1;
    let mut states = vec![HoldingState::NOTHING; block.n_customers() * dates.len() * scopes];
    holdings_as_of(&slices.intervals(), &ladder(goods), &as_of, &mut states, &job.quiet())
        .map_err(|e| windows_fault(&e))?;
    Ok(states)
}

/// Product code of the block's dictionary → position in the catalogue.
pub(crate) fn product_positions(goods: &Goods, block: &Block) -> Vec<u32> {
    let dictionary = block.column("product").and_then(|column| column.dictionary.clone());
    goods.positions(dictionary.as_deref().unwrap_or(&[]))
}

fn holdings<C: Cell>(
    job: &Job<'_>,
    cells: &[HoldingCell],
    goods: &Goods,
    block: &Block,
    dates: &[AsOf],
) -> Result<Vec<C>> {
    let states = holding_states(job, goods, block, dates)?;
    let scopes = goods.families.len() + 1;
    let mut values = Vec::with_capacity(states.len() / scopes * cells.len());
    for states in states.chunks_exact(scopes) {
        values.extend(cells.iter().map(|cell| C::from_f64(holding_value(*cell, states))));
    }
    Ok(values)
}

fn holding_value(cell: HoldingCell, states: &[HoldingState]) -> f64 {
    let anything = &states[states.len() - 1];
    match cell {
        HoldingCell::Renewal => anything.days_to_renewal,
        HoldingCell::Price => anything.price_minor,
        HoldingCell::Count => f64::from(anything.n_held),
        HoldingCell::Tenure => anything.tenure_days,
        HoldingCell::Tier(family) => f64::from(states[family].tier),
        HoldingCell::FamilyTenure(family) => states[family].tenure_days,
        HoldingCell::Units(family) => states[family].quantity as f64,
    }
}

/// A customer's row as of an instant: the newest that was known, and of dated copies the one in the newest copy, if there is one.
pub(super) fn row_known(block: &Block, customer: usize, at: i64, copies: &[i64]) -> Option<usize> {
    let row = block.newest_known(customer, at)?;
    let newest = copies.partition_point(|&known| known < at).checked_sub(1).map(|newest| copies[newest]);
    let arrived = || block.integers("arrived").and_then(|arrived| arrived.get(row));
    (copies.is_empty() || newest == arrived()).then_some(row)
}

fn attributes<C: Cell>(
    cells: &[AttributeCell],
    (is_arrival_known, copies): (bool, &[i64]),
    block: &Block,
    dates: &[AsOf],
) -> Vec<C> {
    let mut values = vec![C::from_f64(f64::NAN); block.n_customers() * dates.len() * cells.len()];
    let joined = block.integers("joined");
    for customer in 0..block.n_customers() {
        for (d, date) in dates.iter().enumerate() {
            let at = date.instant.0;
            // A customer who only stands in other tables has no row here, and no attributes.
            let before = if is_arrival_known { at } else { i64::MAX };
            let Some(row) = row_known(block, customer, before, copies) else { continue };
            let joined = joined.and_then(|joined| joined.get(row));
            let out = &mut values[(customer * dates.len() + d) * cells.len()..][..cells.len()];
            for (value, cell) in out.iter_mut().zip(cells) {
                *value = C::from_f64(attribute_value(cell, block, row, joined, at));
            }
        }
    }
    values
}

fn attribute_value(cell: &AttributeCell, block: &Block, row: usize, joined: Option<i64>, at: i64) -> f64 {
    match cell {
        AttributeCell::Joined => joined.filter(|&j| j < at).map_or(f64::NAN, |j| (at - j) as f64 / DAY_US as f64),
        AttributeCell::Level(name, codes) => {
            let level = block.codes(name).and_then(|levels| levels.get(row));
            level.map_or(f64::NAN, |level| f64::from(codes[level as usize]))
        }
        AttributeCell::Value(name) => block.number(name, row),
    }
}
