//! Baskets out of the checked tables: lines of one receipt, or what a customer holds on a day.

use osusume_association::{Baskets as Raw, Contingency, DEFAULT_MAX_BASKET, Rules, Transactions, recount};
use osusume_model::{AsOf, Code, Fault, Result};
use osusume_tables::TableFile;

use super::held::Held;
use super::{Items, roles};
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{Mine, PRODUCT_LEVEL, Source};
use crate::job::Job;
use crate::kernel::association_fault;
use crate::plan::Join;
use crate::seam::Block;
use crate::stages::decide::is_purchase;

/// Customers read at once.
const BLOCK: u32 = 1 << 16;
/// Bytes a line of a purchase takes while baskets are made: item, basket and their share of the copy for one date.
const LINE_BYTES: u64 = 24;

/// What is mined, whatever the date.
pub(super) enum Baskets {
    /// Receipts, read once; a date chooses among them.
    Receipts(Box<Receipts>),
    /// What customers hold on every date.
    Held(Held),
}

/// Every receipt with something on it.
pub(super) struct Receipts {
    n_items: u32,
    /// Days before a date that count.
    days: u32,
    /// Items of receipt r: `items[offsets[r]..offsets[r + 1]]`.
    offsets: Vec<usize>,
    items: Vec<u32>,
    at: Vec<i64>,
    /// Since when all of it was known.
    known: Vec<i64>,
    customer: Vec<u32>,
}

impl Baskets {
    /// Finds out what can stand in a basket, and reads the receipts, or what is held on `dates`, the last of which is the run's own.
    ///
    /// # Errors
    /// `MemoryBudget`, `ConfigUnknownName`, faults of reading, and a stop asked for.
    pub(super) fn read(
        job: &Job<'_>,
        tables: &Checked,
        goods: &Goods,
        dates: &[AsOf],
        config: &Mine,
    ) -> Result<(Self, Items)> {
        let items = |names: Vec<String>| Ok(Items { roles: roles(goods, config, &names)?, names });
        if !config.is_of_purchases() {
            let (names, of_product) = held_items(goods, &config.level)?;
            let held = Held::read(job, tables, goods, (&of_product, names.len() as u32), dates)?;
            return Ok((Self::Held(held), items(names)?));
        }
        let source = job.config.source_of(crate::config::Role::Purchases).expect("the configuration was checked");
        let table = tables.table(&source.name).expect("every source is a table");
        let dictionary = table.dictionary("product").unwrap_or_else(|| std::sync::Arc::from([]));
        let join = goods.join(&config.level, &dictionary).ok_or_else(|| unknown_level(goods, &config.level))?;
        let names = join.names.to_vec();
        let receipts = Receipts::read(job, source, table, &join, (tables.n_customers(), config.days))?;
        Ok((Self::Receipts(Box::new(receipts)), items(names)?))
    }

    /// What had happened and was known before `date`.
    pub(super) fn before(&self, job: &Job<'_>, date: AsOf) -> Result<Transactions> {
        match self {
            Self::Receipts(receipts) => {
                let from = job.calendar.midnight(date.date - receipts.days as i32).0;
                receipts.between(from, date.instant.0, date.instant.0)
            }
            Self::Held(held) => held.transactions(date.date),
        }
    }

    /// The rules counted in what followed `date`, as known at `end`: in the receipts of that time; of holdings, among those who did not hold
    /// the consequent at `date`, by whether they held it at `end`.
    pub(super) fn follow(&self, job: &Job<'_>, (date, end): (AsOf, AsOf), rules: &Rules) -> Result<Vec<Contingency>> {
        match self {
            Self::Receipts(receipts) => {
                let later = receipts.between(date.instant.0, end.instant.0, end.instant.0)?;
                recount(&later, rules, &job.quiet()).map_err(|error| association_fault(&error))
            }
            Self::Held(held) => held.taken(date.date, rules, &job.quiet()),
        }
    }
}

fn unknown_level(goods: &Goods, level: &str) -> Fault {
    let known: Vec<String> = goods.attributes.keys().cloned().chain([PRODUCT_LEVEL.to_owned()]).collect();
    Fault::new(Code::ConfigUnknownName)
        .named("mine.level")
        .with("key", "mine.level")
        .with("got", level)
        .with("allowed", known)
}

/// Items of holdings: products (those that were replaced as what replaces them) or levels of an attribute, and the item of each product.
fn held_items(goods: &Goods, level: &str) -> Result<(Vec<String>, Vec<u32>)> {
    let keys: Vec<String> = goods.catalogue.products.iter().map(|product| product.key.clone()).collect();
    let join = goods.join(level, &keys).ok_or_else(|| unknown_level(goods, level))?;
    let of_product = goods.canonical.iter().map(|&product| join.map[product as usize]).collect();
    Ok((join.names.to_vec(), of_product))
}

impl Receipts {
    fn read(
        job: &Job<'_>,
        source: &Source,
        table: &TableFile,
        join: &Join,
        (n_customers, days): (u32, u32),
    ) -> Result<Self> {
        let needed = table.n_rows() * LINE_BYTES;
        if needed > job.memory / 2 {
            let fault = Fault::new(Code::MemoryBudget).with("budget", job.memory).with("needed", 2 * needed);
            return Err(fault.with("largest", "baskets to mine"));
        }
        let columns = ["at", "arrived", "product", "quantity", "basket"];
        let declared: Vec<&str> = columns.into_iter().filter(|name| source.column(name).is_some()).collect();
        let n_items = join.names.len() as u32;
        let mut receipts = Self {
            n_items,
            days,
            offsets: vec![0],
            items: Vec::new(),
            at: Vec::new(),
            known: Vec::new(),
            customer: Vec::new(),
        };
        for start in (0..n_customers).step_by(BLOCK as usize) {
            job.check_stop()?;
            let block = Block::read(table, start..n_customers.min(start + BLOCK), &declared, &job.quiet())?;
            for customer in 0..block.n_customers() {
                receipts.add(&block, customer, start + customer as u32, join);
            }
        }
        Ok(receipts)
    }

    /// Adds the receipts of a customer: lines with the same basket, without returns and without what has no level. Where baskets of several
    /// customers have the same name, each customer has one.
    fn add(&mut self, block: &Block, customer: usize, index: u32, join: &Join) {
        let (at, product) = (block.times("at"), block.codes("product"));
        let (arrived, basket, quantity) = (block.integers("arrived"), block.codes("basket"), block.column("quantity"));
        let rows = block.offsets[customer] as usize..block.offsets[customer + 1] as usize;
        let item = |row: usize| {
            let level = *join.map.get(product?.get(row)? as usize)?;
            (level < self.n_items && is_purchase(quantity, row)).then_some(level)
        };
        let mut lines: Vec<(u32, usize, u32)> =
            rows.filter_map(|row| Some((basket.and_then(|basket| basket.get(row))?, row, item(row)?))).collect();
        lines.sort_unstable();
        for receipt in lines.chunk_by(|a, b| a.0 == b.0) {
            let known = |row: usize| arrived.and_then(|arrived| arrived.get(row)).unwrap_or(at[row]).max(at[row]);
            self.items.extend(receipt.iter().map(|line| line.2));
            self.offsets.push(self.items.len());
            self.at.push(at[receipt[0].1]);
            self.known.push(receipt.iter().map(|line| known(line.1)).max().unwrap_or(i64::MAX));
            self.customer.push(index);
        }
    }

    /// Receipts from `from` to before `until` of which everything was known before `known_before`.
    fn between(&self, from: i64, until: i64, known_before: i64) -> Result<Transactions> {
        let (mut offsets, mut items, mut groups) = (vec![0], Vec::new(), Vec::new());
        for receipt in 0..self.at.len() {
            if (from..until).contains(&self.at[receipt]) && self.known[receipt] < known_before {
                items.extend_from_slice(&self.items[self.offsets[receipt]..self.offsets[receipt + 1]]);
                offsets.push(items.len());
                groups.push(self.customer[receipt]);
            }
        }
        transactions(&offsets, &items, self.n_items, &groups)
    }
}

fn transactions(offsets: &[usize], items: &[u32], n_items: u32, groups: &[u32]) -> Result<Transactions> {
    let raw = Raw { offsets, items, n_items, weights: None, groups: Some(groups) };
    Transactions::new(&raw, DEFAULT_MAX_BASKET).map(|(db, _)| db).map_err(|error| association_fault(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_counts_once_all_of_it_is_known() {
        let receipts = Receipts {
            n_items: 2,
            days: 10,
            offsets: vec![0, 2, 3],
            items: vec![0, 1, 1],
            at: vec![10, 20],
            known: vec![10, 30],
            customer: vec![0, 0],
        };
        let n = |from, until, known| receipts.between(from, until, known).unwrap().n();
        assert_eq!((n(0, 30, 30), n(0, 30, 31), n(10, 20, 31), n(11, 20, 31)), (1, 2, 1, 0));
    }
}
