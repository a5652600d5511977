//! Labels and eligible rows of one partition, as of several dates.

use osusume_model::{AsOf, Result};
use osusume_windows::{
    CategoryWindow, Intervals, Label, LabelWindow, Labels, Ladder, Maybe, NO_TAKE, Purchases, Truth, category_labels,
    holder_labels, holds_anything, offer_labels, units_taken,
};

use super::cells::{Blocks, HoldingSlices, ladder, product_positions};
use crate::calendar::{Calendar, LabelDays, Schedule};
use crate::catalogue::Goods;
use crate::config::{CategoryOffers, Role};
use crate::job::Job;
use crate::kernel::windows_fault;
use crate::seam::{Block, MAX_WHOLE};

/// Labels of a partition: customers × dates × offers, row-major.
pub(crate) struct LabelCells {
    pub(crate) label: Vec<Label>,
    pub(crate) take_at: Vec<i64>,
    /// Customers × dates × offers sold in numbers ([`Goods::counted`]), row-major: units of the take of a positive, 0 elsewhere.
    pub(crate) units: Vec<i64>,
}

/// Labels every customer as of every date, for every offer.
pub(crate) fn label(
    job: &Job<'_>,
    goods: &Goods,
    blocks: &Blocks,
    schedule: &Schedule,
    dates: &[AsOf],
    n_customers: usize,
) -> Result<LabelCells> {
    let n_offers = goods.catalogue.offers.len();
    let rules = goods.rules();
    let n_cells = n_customers * dates.len();
    let counted = goods.counted();
    let mut all = LabelCells { units: vec![0; n_cells * counted.len()], ..LabelCells::new(n_cells * n_offers) };
    let windows: Vec<LabelWindow> = dates.iter().map(|date| window(job.calendar, schedule.label, *date)).collect();
    let truth = Truth {
        kept_us: i64::from(schedule.label.kept) * osusume_model::DAY_US,
        data_end: schedule.data_end.instant.0,
    };
    if let Some(block) = holdings_block(job, blocks).filter(|_| !rules.is_empty()) {
        let positions = product_positions(goods, block);
        let slices = HoldingSlices::new(block, &positions);
        let mut part = LabelCells::new(n_cells * rules.len());
        let (intervals, ladder, control) = (slices.intervals(), ladder(goods), job.quiet());
        if job.config.is_cross_section() {
            holder_labels(&intervals, &ladder, &rules, schedule.score.instant.0, &mut part.lend(), &control)
        } else {
            offer_labels(&intervals, &ladder, &rules, &windows, &truth, &mut part.lend(), &control)
        }
        .map_err(|e| windows_fault(&e))?;
        all.copy_columns(&part, 0, rules.len(), n_offers);
        all.tell_units((&intervals, &ladder), &counted, &truth, (dates.len(), n_offers))?;
    }
    if let Some(category) = &job.config.offers.category
        && let Some(block) = blocks.get(&category.source)
    {
        let part = label_categories(job, goods, category, block, &windows, dates, &truth)?;
        all.copy_columns(&part, rules.len(), category.names.len(), n_offers);
    }
    Ok(all)
}

impl LabelCells {
    fn new(n: usize) -> Self {
        Self { label: vec![Label::NotEligible; n], take_at: vec![NO_TAKE; n], units: Vec::new() }
    }

    /// Says how many units each take of an offer sold in numbers was of.
    fn tell_units(
        &mut self,
        (intervals, ladder): (&Intervals<'_>, &Ladder<'_>),
        counted: &[(usize, u32)],
        truth: &Truth,
        (n_dates, n_offers): (usize, usize),
    ) -> Result<()> {
        for (column, &(offer, product)) in counted.iter().enumerate() {
            let takes = units_taken(intervals, ladder, product, truth).map_err(|e| windows_fault(&e))?;
            for (row, at) in self.take_at.chunks_exact(n_offers).map(|row| row[offer]).enumerate() {
                let sought = ((row / n_dates) as u32, at);
                // Where there is no take, none is found: none begins before all time.
                if let Ok(found) = takes.binary_search_by_key(&sought, |(customer, take)| (*customer, take.start)) {
                    self.units[row * counted.len() + column] = takes[found].1.units;
                }
            }
        }
        Ok(())
    }

    fn lend(&mut self) -> Labels<'_> {
        Labels { label: &mut self.label, take_at: &mut self.take_at }
    }

    /// Sets the columns `first..first + width` of each row from `part`, whose rows are `width` long.
    fn copy_columns(&mut self, part: &Self, first: usize, width: usize, n_offers: usize) {
        for (row, from) in part.label.chunks_exact(width).enumerate() {
            let at = row * n_offers + first;
            self.label[at..at + width].copy_from_slice(from);
            self.take_at[at..at + width].copy_from_slice(&part.take_at[row * width..(row + 1) * width]);
        }
    }
}

/// The label window of a date, counted in civil days.
pub(crate) fn window(calendar: &Calendar, label: LabelDays, date: AsOf) -> LabelWindow {
    let gap_end = date.date + label.gap as i32;
    LabelWindow {
        as_of: date.instant.0,
        gap_end: calendar.midnight(gap_end).0,
        window_end: calendar.midnight(gap_end + label.horizon as i32).0,
        known_by: calendar.midnight(date.date + label.until_known()).0,
    }
}

pub(crate) fn block_of<'a>(job: &Job<'_>, blocks: &'a Blocks, role: Role) -> Option<&'a Block> {
    let source = job.config.sources.values().find(|source| source.role == role)?;
    blocks.get(&source.name)
}

/// What is held, of the source that tells it.
fn holdings_block<'a>(job: &Job<'_>, blocks: &'a Blocks) -> Option<&'a Block> {
    blocks.get(&job.config.holdings()?.name)
}

fn label_categories(
    job: &Job<'_>,
    goods: &Goods,
    category: &CategoryOffers,
    block: &Block,
    windows: &[LabelWindow],
    dates: &[AsOf],
    truth: &Truth,
) -> Result<LabelCells> {
    let dictionary = block.column("product").and_then(|column| column.dictionary.clone());
    let Some(join) = goods.join(&category.level, dictionary.as_deref().unwrap_or(&[])) else {
        return Ok(LabelCells::new(0));
    };
    let product = block.codes_or("product", 0);
    let none = join.names.len() as u32;
    let codes: Vec<u32> = product.iter().map(|&code| join.map.get(code as usize).copied().unwrap_or(none)).collect();
    let offers: Vec<u32> =
        category.names.iter().map(|name| join.names.binary_search(name).map_or(none, |code| code as u32)).collect();
    let windows: Vec<CategoryWindow> = windows
        .iter()
        .zip(dates)
        .map(|(window, date)| CategoryWindow {
            recent_start: job.calendar.midnight(date.date - category.not_bought_days as i32).0,
            label: *window,
        })
        .collect();
    let quantity = whole_units(block);
    let arrived = block.arrivals("arrived", "at");
    let purchases = Purchases {
        offsets: &block.offsets,
        at: block.times("at"),
        arrived: arrived.as_deref(),
        category: &codes,
        product: &product,
        quantity: quantity.as_ref().map(|(values, valid)| Maybe { values, valid: Some(valid) }),
    };
    let mut part = LabelCells::new(block.n_customers() * windows.len() * offers.len());
    category_labels(&purchases, &offers, join.names.len() + 1, &windows, truth, &mut part.lend(), &job.quiet())
        .map_err(|e| windows_fault(&e))?;
    Ok(part)
}

/// Quantities as whole units; a fraction counts as one unit of its sign, since it was bought or returned.
pub(crate) fn whole_units(block: &Block) -> Option<(Vec<i64>, Vec<bool>)> {
    let column = block.column("quantity")?;
    let osusume_tables::Values::F64(values) = &column.values else { return None };
    let whole = |&q: &f64| {
        let is_fraction = q.abs() < 1.0 && q != 0.0;
        if is_fraction { q.signum() as i64 } else { q.clamp(-MAX_WHOLE, MAX_WHOLE) as i64 }
    };
    let units = values.iter().map(whole);
    let valid = column.valid.clone().unwrap_or_else(|| vec![true; values.len()]);
    Some((units.collect(), valid))
}

/// Under this name stand the rows of a cross-section as they came; no source has it.
pub(super) const STANDS: &str = "cross_section/rows";

/// Who is a customer as of each date: holds something, has bought something, or stands in the cross-section, where whoever holds nothing
/// yet is a customer too. Customers × dates.
pub(super) fn active(
    job: &Job<'_>,
    goods: &Goods,
    blocks: &Blocks,
    dates: &[AsOf],
    n_customers: usize,
) -> Result<Vec<bool>> {
    let mut signs = Vec::new();
    if let Some(rows) = blocks.get(STANDS) {
        let stands = rows.offsets.windows(2).map(|bounds| bounds[0] < bounds[1]);
        signs.push(stands.flat_map(|stands| std::iter::repeat_n(stands, dates.len())).collect());
    } else if let Some(block) = holdings_block(job, blocks) {
        let positions = product_positions(goods, block);
        let slices = HoldingSlices::new(block, &positions);
        let as_of: Vec<i64> = dates.iter().map(|date| date.instant.0).collect();
        let mut holds = vec![false; n_customers * dates.len()];
        holds_anything(&slices.intervals(), &ladder(goods), &as_of, &mut holds, &job.quiet())
            .map_err(|e| windows_fault(&e))?;
        signs.push(holds);
    }
    let purchases = job.config.sources.values().filter(|source| source.role == Role::Purchases);
    let since: Vec<(i64, i64)> = dates.iter().map(|date| (active_since(job, *date), date.instant.0)).collect();
    signs.extend(purchases.filter_map(|source| blocks.get(&source.name)).map(|block| have_bought(block, &since)));
    Ok(any_of(signs, n_customers * dates.len()))
}

/// Whether any of the signs holds, cell by cell; where there is none at all, everybody is a customer.
fn any_of(signs: Vec<Vec<bool>>, n_cells: usize) -> Vec<bool> {
    let either = |mut all: Vec<bool>, one: Vec<bool>| {
        all.iter_mut().zip(one).for_each(|(all, one)| *all |= one);
        all
    };
    signs.into_iter().reduce(either).unwrap_or_else(|| vec![true; n_cells])
}

/// The instant from which on a purchase makes somebody a customer at a date.
fn active_since(job: &Job<'_>, date: AsOf) -> i64 {
    job.config.features.active_days.map_or(i64::MIN, |days| job.calendar.midnight(date.date - days as i32).0)
}

/// Who has bought something since the first instant of each date, as known at the second; a return is no purchase. Customers × dates.
fn have_bought(block: &Block, dates: &[(i64, i64)]) -> Vec<bool> {
    let (at, arrived, units) = (block.times("at"), block.arrivals("arrived", "at"), whole_units(block));
    let is_purchase = |row: usize| units.as_ref().is_none_or(|(units, is_present)| !is_present[row] || units[row] > 0);
    let is_seen = |row: usize, date: i64| {
        at[row] < date && arrived.as_ref().is_none_or(|arrived| arrived[row] < date) && is_purchase(row)
    };
    let mut all = Vec::with_capacity(block.n_customers() * dates.len());
    for bounds in block.offsets.windows(2) {
        let (first, end) = (bounds[0] as usize, bounds[1] as usize);
        let times = &at[first..end];
        all.extend(dates.iter().map(|&(since, date)| {
            // Rows are in order of time, so only those of the stretch are looked at.
            let rows = times.partition_point(|&t| t < since)..times.partition_point(|&t| t < date);
            rows.map(|row| first + row).any(|row| is_seen(row, date))
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use osusume_tables::{Column, Values};

    use super::*;

    #[test]
    fn who_bought_long_ago_is_a_customer_no_more() {
        let column = |values: Vec<i64>| Column { values: Values::I64(values.into()), valid: None, dictionary: None };
        let (at, arrived) = (column(vec![10, 30, 40, 5]), column(vec![10, 30, 90, 5]));
        let block = Block::of(vec![0, 3, 3, 4], vec![("at", at), ("arrived", arrived)]);
        let dates = [(i64::MIN, 50), (10, 30), (11, 30), (31, 50), (31, 91)];
        let expected = [[true, true, false, false, true], [false; 5], [true, false, false, false, false]];
        assert_eq!(have_bought(&block, &dates), expected.concat());
    }

    #[test]
    fn a_customer_holds_something_or_has_bought_something() {
        let (held, bought) = (vec![true, false, false], vec![false, true, false]);
        assert_eq!(any_of(vec![held.clone(), bought.clone()], 3), [true, true, false]);
        assert_eq!(any_of(vec![bought], 3), [false, true, false]);
        assert_eq!(any_of(Vec::new(), 3), [true; 3]);
    }

    #[test]
    fn the_newest_date_is_mature_across_a_clock_change() {
        // Auckland put its clocks forward on 2026-09-27: the thirty days to keep a take are an hour short.
        let calendar = Calendar::new("Pacific/Auckland").unwrap();
        let label = LabelDays { gap: 7, horizon: 60, kept: 30 };
        let end = calendar.as_of("2026-10-01".parse().unwrap());
        let date = calendar.as_of(end.date - label.until_known());
        let window = window(&calendar, label, date);
        let truth = Truth { kept_us: 30 * osusume_model::DAY_US, data_end: end.instant.0 };
        assert!(window.window_end + truth.kept_us > truth.data_end, "the case at hand");
        assert!(window.is_mature(&truth));
        assert!(!window.is_mature(&Truth { data_end: truth.data_end - 1, ..truth }));
    }
}
