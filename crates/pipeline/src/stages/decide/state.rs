//! What is known of a block of customers as of the run's date: held products, consents, contacts, complaints, purchases.

use osusume_decide::{ChannelSet, NEVER};
use osusume_model::{AsOf, FeatureSpec, ProductId, Result};
use osusume_tables::arrow::array::RecordBatch;
use osusume_tables::{Column, Values};

use super::conditions::{Conditions, Found};
use super::contacts::Contacts;
use super::held::Known;
use super::ledger::Ledger;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{HoldAfter, HoldEvent, Role, Source};
use crate::job::Scene;
use crate::seam::Block;
use crate::stages::consents::consents;
use crate::stages::features::{known_products, product_positions};
use crate::stages::ingest::{held_column, held_headers};
use crate::stages::score::RawBlock;
use crate::tone::Tones;

/// Owned columns, one entry a customer of the block.
pub(crate) struct State {
    pub(crate) held_offsets: Vec<u32>,
    pub(crate) held: Vec<ProductId>,
    pub(crate) consents: Vec<ChannelSet>,
    pub(crate) bought: Vec<bool>,
    pub(crate) contacts: Contacts,
    pub(crate) days_since_complaint: Vec<u16>,
    pub(crate) days_since_purchase: Vec<u16>,
    /// Others of the household are asked; empty where nobody rests for that.
    pub(crate) is_resting: Vec<bool>,
    /// Customers × offers: held out of the offer; empty where nobody is.
    pub(crate) is_held_back: Vec<bool>,
    /// The first offer of the run before, [`osusume_decide::NO_OFFER`] for none; empty where that does not matter.
    pub(crate) incumbents: Vec<u32>,
    /// What holds of the declared conditions.
    pub(crate) found: Found,
}

impl State {
    /// The channels through which a customer may still be reached.
    pub(super) fn open(&self, customer: usize) -> ChannelSet {
        let consents = self.consents[customer];
        let n_channels = self.contacts.channels_left.len() / self.consents.len();
        let left = &self.contacts.channels_left[customer * n_channels..][..n_channels];
        let used_up = left.iter().enumerate().filter(|(_, left)| **left == 0);
        ChannelSet(used_up.fold(consents.0, |set, (channel, _)| set & !(1 << channel)))
    }
}

/// Reads the tables for the customers `customers` (ascending indexes).
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) scene: &'a Scene<'a>,
    pub(crate) tables: &'a Checked,
    pub(crate) goods: &'a Goods,
    pub(crate) ledger: &'a Ledger,
    pub(crate) conditions: &'a Conditions,
    /// The features of the run.
    pub(crate) specs: &'a [FeatureSpec],
    pub(crate) as_of: AsOf,
}

impl Reader<'_> {
    /// The state of the customers of some feature rows as of the date.
    ///
    /// # Errors
    /// `ConsentGate` when consents are required and there is no such table.
    pub(crate) fn read(&self, rows: &RawBlock) -> Result<State> {
        let customers = rows.customer.as_slice();
        let (held_offsets, held, since_holding) = self.holdings(customers)?;
        let (bought, since_purchase) = self.purchases(customers)?;
        let latest = since_holding.iter().zip(&since_purchase).map(|(a, b)| *a.min(b)).collect();
        Ok(State {
            held_offsets,
            held,
            consents: consents(self.scene, self.tables, customers, self.as_of)?,
            bought,
            contacts: self.contacts(customers)?,
            days_since_complaint: self.complaints(customers)?,
            days_since_purchase: latest,
            is_resting: Vec::new(),
            is_held_back: Vec::new(),
            incumbents: Vec::new(),
            found: self.conditions.look(self.scene, self.tables, rows, self.as_of)?.found(),
        })
    }

    /// The columns of feature rows that [`Self::rows`] needs.
    pub(crate) fn columns(&self) -> Vec<&'_ str> {
        std::iter::once("customer").chain(self.conditions.feature_names()).collect()
    }

    /// The rows of a batch that has at least these columns.
    pub(crate) fn rows(&self, batch: &RecordBatch) -> RawBlock {
        self.conditions.block(batch, self.specs)
    }

    /// The id of a customer.
    pub(super) fn id(&self, customer: u32) -> &str {
        self.tables.customers.id(customer)
    }

    pub(super) fn sources(&self, role: Role) -> impl Iterator<Item = &Source> {
        self.scene.config.sources.values().filter(move |source| source.role == role)
    }

    pub(super) fn block(&self, source: &Source, customers: &[u32], columns: &[&str]) -> Result<Option<Block>> {
        declared_columns(self.scene, self.tables, source, customers, columns)
    }

    /// Whether a row with these times is visible.
    fn is_visible(&self, at: i64, arrived: Option<i64>) -> bool {
        at < self.as_of.instant.0 && arrived.is_none_or(|arrived| arrived < self.as_of.instant.0)
    }

    /// Civil days from the day of `at` to the run's.
    pub(super) fn days_since(&self, at: Option<i64>) -> u16 {
        let days = |at| (self.as_of.date - self.scene.calendar.day(at)).clamp(0, i32::from(NEVER) - 1) as u16;
        at.map_or(NEVER, days)
    }

    /// Products held, and days since the newest one began that does not merely continue another.
    fn holdings(&self, customers: &[u32]) -> Result<(Vec<u32>, Vec<ProductId>, Vec<u16>)> {
        let nothing = (vec![0; customers.len() + 1], Vec::new());
        let source = self.scene.config.holdings();
        let block = source.map(|source| held_rows(self.scene, self.tables, source, customers)).transpose()?.flatten();
        let Some(block) = block else { return Ok((nothing.0, nothing.1, vec![NEVER; customers.len()])) };
        let block = known_products(self.goods, block).0;
        let known = Known::new(&block, &product_positions(self.goods, &block), self.as_of.instant.0);
        let is_dated = !self.scene.config.is_cross_section();
        let newest = |c: usize| known.newest_start(c, &self.goods.canonical).filter(|_| is_dated);
        let since = (0..customers.len()).map(|c| self.days_since(newest(c)));
        // Where no offer stands on the ladder, decisions know no products.
        let (offsets, held) = if self.goods.rules().is_empty() { nothing } else { known.held() };
        Ok((offsets, held, since.collect()))
    }

    /// Customers × category offers: bought recently; and days since anything was bought.
    fn purchases(&self, customers: &[u32]) -> Result<(Vec<bool>, Vec<u16>)> {
        let category = self.scene.config.offers.category.as_ref();
        let n_categories = category.map_or(0, |category| category.names.len());
        let mut bought = vec![false; customers.len() * n_categories];
        let mut last: Vec<Option<i64>> = vec![None; customers.len()];
        for source in self.sources(Role::Purchases) {
            let Some(block) = self.block(source, customers, &["at", "arrived", "product", "quantity"])? else {
                continue;
            };
            let offered = category.filter(|category| category.source == source.name);
            let dictionary = block.column("product").and_then(|column| column.dictionary.clone());
            let position = offered.and_then(|category| {
                let join = self.goods.join(&category.level, dictionary.as_deref().unwrap_or(&[]))?;
                Some(offer_of_product(&join.map, &join.names, &category.names))
            });
            let recent = offered.map_or(i64::MAX, |category| {
                self.scene.calendar.midnight(self.as_of.date - category.not_bought_days as i32).0
            });
            let (at, arrived, product) = (block.times("at"), block.integers("arrived"), block.codes("product"));
            let is_purchase = |row: usize| is_purchase(block.column("quantity"), row);
            for customer in 0..block.n_customers() {
                let rows = block.offsets[customer] as usize..block.offsets[customer + 1] as usize;
                for row in
                    rows.filter(|&row| is_purchase(row) && self.is_visible(at[row], arrived.and_then(|a| a.get(row))))
                {
                    last[customer] = last[customer].max(Some(at[row]));
                    let offer = position.as_ref().and_then(|map| map[product.and_then(|p| p.get(row))? as usize]);
                    if let Some(offer) = offer.filter(|_| at[row] >= recent) {
                        bought[customer * n_categories + offer] = true;
                    }
                }
            }
        }
        Ok((bought, last.into_iter().map(|at| self.days_since(at)).collect()))
    }

    /// Days since the customer last turned to the company with a problem.
    fn complaints(&self, customers: &[u32]) -> Result<Vec<u16>> {
        let mut last: Vec<Option<i64>> = vec![None; customers.len()];
        let is_complaint = |hold: &&HoldAfter| hold.event == HoldEvent::Complaint;
        let is_by_tone = self.scene.config.decide.hold_after.iter().find(is_complaint).is_some_and(|h| h.is_by_tone);
        let columns: &[&str] = if is_by_tone { &["at", "arrived", "text"] } else { &["at", "arrived"] };
        for source in self.sources(Role::Voice) {
            let Some(block) = self.block(source, customers, columns)? else { continue };
            let written = block.codes("text");
            let names = block.column("text").and_then(|column| column.dictionary.clone()).unwrap_or_default();
            let tones = Tones::of(&names);
            let complains = |row| written.and_then(|codes| codes.get(row)).is_some_and(|code| tones.is_complaint(code));
            self.visit(&block, |customer, row, at| {
                if !is_by_tone || complains(row) {
                    last[customer] = last[customer].max(Some(at));
                }
            });
        }
        Ok(last.into_iter().map(|at| self.days_since(at)).collect())
    }

    /// Calls `visit` with customer, row and time of every visible row.
    pub(super) fn visit(&self, block: &Block, mut visit: impl FnMut(usize, usize, i64)) {
        let (at, arrived) = (block.times("at"), block.integers("arrived"));
        for customer in 0..block.n_customers() {
            let rows = block.offsets[customer] as usize..block.offsets[customer + 1] as usize;
            let known = rows.filter(|&row| self.is_visible(at[row], arrived.and_then(|a| a.get(row))));
            known.for_each(|row| visit(customer, row, at[row]));
        }
    }
}

fn declared_columns(
    scene: &Scene<'_>,
    tables: &Checked,
    source: &Source,
    customers: &[u32],
    columns: &[&str],
) -> Result<Option<Block>> {
    let Some(table) = tables.table(&source.name) else { return Ok(None) };
    let declared: Vec<&str> = columns.iter().copied().filter(|name| source.column(name).is_some()).collect();
    Block::read_of(table, customers, &declared, &scene.quiet()).map(Some)
}

/// The rows that tell what `customers` (ascending indexes) hold.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn held_rows(
    scene: &Scene<'_>,
    tables: &Checked,
    source: &Source,
    customers: &[u32],
) -> Result<Option<Block>> {
    if source.role != Role::CrossSection {
        let columns = ["product", "start", "end", "start_arrived", "end_arrived", "by_company"];
        return declared_columns(scene, tables, source, customers, &columns);
    }
    let Some(table) = tables.table(&source.name) else { return Ok(None) };
    let columns: Vec<String> = held_headers(source).into_iter().map(held_column).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    Ok(Some(Block::read_of(table, customers, &columns, &scene.quiet())?.unfolded(source)))
}

/// Whether a row with this quantity is a purchase: neither a return nor nothing; without a quantity it is one.
pub(crate) fn is_purchase(quantity: Option<&Column>, row: usize) -> bool {
    let Some(column) = quantity.filter(|column| column.valid.as_ref().is_none_or(|valid| valid[row])) else {
        return true;
    };
    match &column.values {
        Values::F64(values) => values[row] > 0.0,
        Values::I64(values) => values[row] > 0,
        Values::Code(_) | Values::Text(_) => true,
    }
}

/// Product code → position among the offered categories.
fn offer_of_product(map: &[u32], names: &[String], offered: &[String]) -> Vec<Option<usize>> {
    let of_level: Vec<Option<usize>> = names.iter().map(|name| offered.iter().position(|o| o == name)).collect();
    map.iter().map(|&level| of_level.get(level as usize).copied().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_and_nothing_are_no_purchase() {
        let column = |valid| Column { values: Values::F64(vec![1.0, 0.0, -1.0, 0.5].into()), valid, dictionary: None };
        let check = |column: Option<&Column>, expected: [bool; 4]| {
            assert_eq!([0, 1, 2, 3].map(|row| is_purchase(column, row)), expected);
        };
        check(None, [true; 4]);
        check(Some(&column(None)), [true, false, false, true]);
        check(Some(&column(Some(vec![false, false, true, true]))), [true, true, false, true]);
    }
}
