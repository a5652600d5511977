//! What became of every customer, from the tables as they stand now.

use std::ops::Range;

use osusume_model::Result;
use osusume_windows::{Label, Maybe, Payments, add_held_revenue, add_payments, was_held};

use super::Stretch;
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{Role, Source};
use crate::job::Job;
use crate::kernel::windows_fault;
use crate::seam::Block;
use crate::stages::features::{Blocks, HoldingSlices, block_of, known_products, label, product_positions};

/// The columns outcomes are read from, where a source has them.
const COLUMNS: [&str; 10] =
    ["product", "start", "end", "start_arrived", "end_arrived", "by_company", "price", "at", "arrived", "quantity"];

/// One entry a customer of the tables.
pub(super) struct Outcomes {
    /// Customers × offers of the catalogue.
    pub(super) labels: Vec<Label>,
    /// Revenue before and in the label window, minor units; empty where no table has money.
    pub(super) revenue: Vec<[i64; 2]>,
    /// Whether still a customer at the end of the label window: holds something then, or bought something inside it.
    pub(super) is_retained: Vec<bool>,
}

impl Outcomes {
    /// Reads the outcomes of all customers.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(super) fn read(job: &Job<'_>, tables: &Checked, goods: &Goods, schedule: &Schedule) -> Result<Self> {
        let n = tables.n_customers();
        let reader = Reader { job, tables, goods, schedule, stretch: Stretch::new(job, schedule) };
        let mut all = Self { labels: Vec::new(), revenue: Vec::new(), is_retained: Vec::new() };
        for customers in tables.passes() {
            job.check_stop()?;
            let end = customers.end;
            reader.partition(customers, &mut all)?;
            job.host.progress(u64::from(end), u64::from(n));
        }
        Ok(all)
    }
}

/// What outcomes are read from, of a run of customers.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn outcome_blocks(job: &Job<'_>, tables: &Checked, goods: &Goods, customers: Range<u32>) -> Result<Blocks> {
    let mut blocks = Blocks::new();
    for source in sources(job) {
        let Some(table) = tables.table(&source.name) else { continue };
        let columns: Vec<&str> =
            COLUMNS.into_iter().chain(["amount"]).filter(|name| source.column(name).is_some()).collect();
        let block = Block::read(table, customers.clone(), &columns, &job.quiet())?;
        let block = if source.role == Role::Holdings { known_products(goods, block).0 } else { block };
        blocks.insert(source.name.clone(), block);
    }
    Ok(blocks)
}

fn sources<'a>(job: &'a Job<'_>) -> impl Iterator<Item = &'a Source> {
    job.config.sources.values().filter(|source| matches!(source.role, Role::Holdings | Role::Purchases))
}

struct Reader<'a> {
    job: &'a Job<'a>,
    tables: &'a Checked,
    goods: &'a Goods,
    schedule: &'a Schedule,
    stretch: Stretch,
}

impl Reader<'_> {
    fn partition(&self, customers: Range<u32>, all: &mut Outcomes) -> Result<()> {
        let n = customers.len();
        let blocks = outcome_blocks(self.job, self.tables, self.goods, customers)?;
        let labels = label(self.job, self.goods, &blocks, self.schedule, &[self.stretch.as_of], n)?;
        all.labels.extend(labels.label);
        let mut revenue = vec![0; n * 2];
        let mut is_retained = vec![false; n];
        if let Some(block) = block_of(self.job, &blocks, Role::Holdings) {
            self.holdings(block, &mut revenue, &mut is_retained)?;
        }
        for source in sources(self.job).filter(|source| source.role == Role::Purchases) {
            if let Some(block) = blocks.get(&source.name) {
                self.purchases(block, &mut revenue, &mut is_retained)?;
            }
        }
        all.is_retained.extend(is_retained);
        if sources(self.job).any(|source| source.column("price").or(source.column("amount")).is_some()) {
            all.revenue.extend(revenue.chunks_exact(2).map(|pair| [pair[0], pair[1]]));
        }
        Ok(())
    }

    fn holdings(&self, block: &Block, revenue: &mut [i64], is_retained: &mut [bool]) -> Result<()> {
        let Stretch { before, window, known_by, .. } = self.stretch;
        let positions = product_positions(self.goods, block);
        let slices = HoldingSlices::new(block, &positions);
        let intervals = slices.intervals();
        add_held_revenue(&intervals, &[before, window], known_by, revenue).map_err(|e| windows_fault(&e))?;
        let is_held = was_held(&intervals, window.end, known_by).map_err(|e| windows_fault(&e))?;
        is_retained.iter_mut().zip(is_held).for_each(|(all, one)| *all |= one);
        Ok(())
    }

    fn purchases(&self, block: &Block, revenue: &mut [i64], is_retained: &mut [bool]) -> Result<()> {
        let Stretch { before, window, known_by, .. } = self.stretch;
        let arrived = block.arrivals("arrived", "at");
        let at = block.times("at");
        if let Some(amount) = block.integers("amount") {
            let payments = Payments { offsets: &block.offsets, at, arrived: arrived.as_deref(), amount };
            add_payments(&payments, &[before, window], known_by, revenue).map_err(|e| windows_fault(&e))?;
        }
        let ones = vec![1; at.len()];
        let amount = Maybe { values: &ones, valid: None };
        let mut counts = vec![0; is_retained.len()];
        let payments = Payments { offsets: &block.offsets, at, arrived: arrived.as_deref(), amount };
        add_payments(&payments, &[window], known_by, &mut counts).map_err(|e| windows_fault(&e))?;
        is_retained.iter_mut().zip(counts).for_each(|(all, count)| *all |= count > 0);
        Ok(())
    }
}
