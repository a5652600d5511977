//! Limits and what counts against them: `features.quota` of the pipeline file.

use std::sync::Arc;

use osusume_model::{AsOf, Code, Family, Fault, FeatureKind, FeatureSpec, NullMeaning, Result, Unit, Window, suggest};
use osusume_tables::TableFile;
use osusume_windows::{Cell, Counted, Limit, QuotaCell, QuotaRows, quota_cells, quota_use};

use super::cells::{Blocks, HoldingSlices, cutoffs, product_positions};
use crate::catalogue::Goods;
use crate::config::{History, Quota, QuotaCounted, Role, Source};
use crate::job::Job;
use crate::kernel::windows_fault;
use crate::plan::plain;
use crate::seam::Block;
use crate::stages::ingest::attribute_column;

/// Names a message lists.
const NAMES_SHOWN: usize = 20;
/// The code of a kind that no row has.
const NO_KIND: u32 = u32::MAX;

/// Features of one limit.
pub(super) struct QuotaGroup {
    /// The table of what counts.
    pub(super) table: String,
    kind: Option<u32>,
    hit_kind: Option<u32>,
    has_values: bool,
    counted: QuotaCounted,
    /// The instants at which counting starts again, where it does.
    starts: Arc<[i64]>,
    limit: Where,
    pub(super) cells: Vec<QuotaCell>,
}

/// Where a limit stands.
enum Where {
    Nowhere,
    /// With the products held: the table, and each product's by position in the catalogue.
    Held(String, Vec<f64>),
    /// In a column of the customers: the table, the column, and whether its arrivals tell since when.
    Own(String, String, bool),
}

impl QuotaGroup {
    /// The features of one entry, at `position` of `features.quota`.
    ///
    /// # Errors
    /// A kind named that the table does not have.
    pub(super) fn draw(
        job: &Job<'_>,
        (position, quota): (usize, &Quota),
        table: &TableFile,
        goods: &Goods,
    ) -> Result<(Self, Vec<FeatureSpec>)> {
        let kinds = table.dictionary("kind").unwrap_or_default();
        let code = |key: &str, name: &Option<String>| {
            let Some(name) = name else { return Ok(None) };
            let found = kinds.iter().position(|kind| kind == name).map(|code| code as u32);
            found.map(Some).ok_or_else(|| unknown_kind(&format!("features.quota[{position}].{key}"), name, &kinds))
        };
        // Nobody may have reached the limit yet: then no row says so. A slip of the pen looks like a kind there is.
        let said = quota.hit_kind.as_ref().filter(|name| suggest(name, kinds.iter().map(String::as_str)).is_none());
        let hit_kind = if said.is_some() { Some(NO_KIND) } else { code("hit_kind", &quota.hit_kind)? };
        let kind = code("kind", &quota.kind)?;
        let starts = match quota.counted {
            QuotaCounted::Period(period) => job.calendar.begins(period),
            QuotaCounted::Newest | QuotaCounted::Days(_) => Arc::default(),
        };
        let (cells, specs) = features(job, quota);
        let group = Self {
            table: quota.source.clone(),
            kind,
            hit_kind,
            has_values: job.config.sources[&quota.source].column("value").is_some(),
            counted: quota.counted,
            starts,
            limit: quota.limit.as_ref().map_or(Where::Nowhere, |header| place(job, goods, header)),
            cells,
        };
        Ok((group, specs))
    }

    /// The values of every customer of the blocks as of every date.
    pub(super) fn values<C: Cell>(
        &self,
        job: &Job<'_>,
        goods: &Goods,
        blocks: &Blocks,
        dates: &[AsOf],
    ) -> Result<Vec<C>> {
        let Some(block) = blocks.get(&self.table) else { return Ok(Vec::new()) };
        let slices = Slices::new(self, block);
        let mut values = vec![C::from_f64(0.0); block.n_customers() * dates.len() * self.cells.len()];
        let cutoffs = cutoffs(job, dates)?;
        let mut compute = |limit: Limit<'_>| {
            let rows = slices.rows(block);
            quota_cells(&rows, self.counted(), limit, (&cutoffs, &self.cells), &mut values, &job.quiet())
        };
        self.with_limit(goods, blocks, dates, &mut compute).map_err(|e| windows_fault(&e))?;
        Ok(values)
    }

    /// For each feature the rows of a single customer that it is computed from.
    pub(super) fn rows(&self, job: &Job<'_>, goods: &Goods, blocks: &Blocks, date: AsOf) -> Result<Vec<Vec<u32>>> {
        let Some(block) = blocks.get(&self.table) else { return Ok(vec![Vec::new(); self.cells.len()]) };
        let slices = Slices::new(self, block);
        let rows = slices.rows(block);
        let (dates, cutoffs) = ([date], cutoffs(job, &[date])?);
        let find = &mut |limit: Limit<'_>| quota_use(&rows, self.counted(), limit, 0, (&[date.instant.0], 0));
        let found = self.with_limit(goods, blocks, &dates, find);
        let is_known = |row: &usize| {
            let is_over = |time: i64| time < date.instant.0;
            is_over(rows.at[*row]) && rows.arrived.is_none_or(|arrived| is_over(arrived[*row]))
        };
        let counting = |span: osusume_windows::Span| -> Vec<u32> {
            let counts = (0..rows.at.len()).filter(is_known).filter(|&row| !rows.amount[row].is_nan());
            counts.filter(|&row| (span.start..span.end).contains(&rows.at[row])).map(|row| row as u32).collect()
        };
        let newest = |rows: Vec<u32>| rows.last().copied().into_iter().collect::<Vec<u32>>();
        let hits = |span: osusume_windows::Span| -> Vec<u32> {
            let within = found.hits.iter().filter(|row| (span.start..span.end).contains(&rows.at[**row]));
            within.map(|&row| row as u32).collect()
        };
        let of = |cell: &QuotaCell| match *cell {
            QuotaCell::Used if found.used.is_nan() => Vec::new(),
            QuotaCell::Used if matches!(self.counted, QuotaCounted::Newest) => newest(counting(found.current)),
            QuotaCell::Used => counting(found.current),
            QuotaCell::UsedBefore if found.used_before.is_nan() => Vec::new(),
            QuotaCell::UsedBefore => counting(found.before),
            QuotaCell::Hits(window) => hits(cutoffs.spans(0)[window]),
            QuotaCell::HitDays => newest(hits(cutoffs.spans(0)[crate::plan::EVER])),
        };
        Ok(self.cells.iter().map(of).collect())
    }

    fn counted(&self) -> Counted<'_> {
        match self.counted {
            QuotaCounted::Newest => Counted::Newest,
            QuotaCounted::Period(_) => Counted::Since(&self.starts),
            QuotaCounted::Days(days) => Counted::Days(days),
        }
    }

    /// Lends `take` the limits of the customers of the blocks.
    fn with_limit<T>(
        &self,
        goods: &Goods,
        blocks: &Blocks,
        dates: &[AsOf],
        take: &mut impl FnMut(Limit<'_>) -> T,
    ) -> T {
        match &self.limit {
            Where::Held(table, of) if blocks.contains_key(table) => {
                let block = &blocks[table];
                let positions = product_positions(goods, block);
                let slices = HoldingSlices::new(block, &positions);
                let intervals = slices.intervals();
                take(Limit::Held(&intervals, of))
            }
            Where::Own(table, column, is_arrival_known) if blocks.contains_key(table) => {
                take(Limit::Own(&own_limits(&blocks[table], column, *is_arrival_known, dates)))
            }
            _ => take(Limit::Unknown),
        }
    }
}

/// Slices that a block of events is turned into.
struct Slices {
    arrived: Option<Vec<i64>>,
    amount: Vec<f64>,
    said: Option<Vec<bool>>,
}

impl Slices {
    fn new(group: &QuotaGroup, block: &Block) -> Self {
        let n_rows = block.times("at").len();
        let kinds = block.codes("kind");
        let kind = |row: usize| kinds.and_then(|kinds| kinds.get(row));
        let counts = |row: usize| group.kind.is_none_or(|code| kind(row) == Some(code));
        let value = |row: usize| if group.has_values { block.number("value", row) } else { 1.0 };
        let amount = |row: usize| if counts(row) { value(row) } else { f64::NAN };
        Self {
            arrived: block.arrivals("arrived", "at"),
            amount: (0..n_rows).map(amount).collect(),
            said: group.hit_kind.map(|code| (0..n_rows).map(|row| kind(row) == Some(code)).collect()),
        }
    }

    fn rows<'a>(&'a self, block: &'a Block) -> QuotaRows<'a> {
        QuotaRows {
            offsets: &block.offsets,
            at: block.times("at"),
            arrived: self.arrived.as_deref(),
            amount: &self.amount,
            said: self.said.as_deref(),
        }
    }
}

/// The limit in each customer's own row as it was known on each date.
fn own_limits(block: &Block, column: &str, is_arrival_known: bool, dates: &[AsOf]) -> Vec<f64> {
    let limit = |customer: usize, date: &AsOf| {
        let before = if is_arrival_known { date.instant.0 } else { i64::MAX };
        block.newest_known(customer, before).map_or(f64::NAN, |row| block.number(column, row))
    };
    (0..block.n_customers()).flat_map(|customer| dates.iter().map(move |date| limit(customer, date))).collect()
}

/// An attribute of the products, or else of the customers.
fn place(job: &Job<'_>, goods: &Goods, header: &str) -> Where {
    let holdings = job.config.source_of(Role::Holdings);
    if let (Some(of), Some(source)) = (goods.numbers.get(header), holdings) {
        return Where::Held(source.name.clone(), of.clone());
    }
    let own = |source: &Source| {
        Where::Own(source.name.clone(), attribute_column(header), source.history != History::Snapshot)
    };
    job.config.source_of(Role::Customers).map_or(Where::Nowhere, own)
}

pub(super) fn unknown_kind(key: &str, name: &str, known: &[String]) -> Fault {
    let allowed: Vec<String> = known.iter().take(NAMES_SHOWN).cloned().collect();
    let near = suggest(name, known.iter().map(String::as_str)).map(str::to_owned);
    let fault = Fault::new(Code::ConfigUnknownName).named(key).with("key", key);
    let fault = fault.with("got", name).with("allowed", allowed);
    near.into_iter().fold(fault, |fault, near| fault.with("suggestion", near))
}

/// What each column holds and what it means.
fn features(job: &Job<'_>, quota: &Quota) -> (Vec<QuotaCell>, Vec<FeatureSpec>) {
    let spec = |name: &str, unit, null, window, text_key| FeatureSpec {
        name: format!("{}_{}_{name}", quota.source, plain(&quota.name)),
        family: Family::Quota,
        source: quota.source.clone(),
        window,
        unit,
        null,
        kind: FeatureKind::Numeric,
        text_key,
        subject: quota.name.clone(),
    };
    let mut all = Vec::new();
    if quota.limit.is_some() {
        let null = NullMeaning::NotApplicable;
        all.push((QuotaCell::Used, spec("used", Unit::Share, null, None, "quota_used")));
        if quota.counted != QuotaCounted::Newest {
            all.push((QuotaCell::UsedBefore, spec("used_before", Unit::Share, null, None, "quota_used_before")));
        }
    }
    for (at, &days) in job.config.features.windows_days.iter().enumerate() {
        let spec =
            spec(&format!("hits_{days}d"), Unit::Count, NullMeaning::Never, Some(Window::last(days)), "quota_hits");
        all.push((QuotaCell::Hits(at + 1), spec));
    }
    all.push((QuotaCell::HitDays, spec("hit_recency", Unit::Days, NullMeaning::NotYet, None, "quota_hit_recency")));
    all.into_iter().unzip()
}
