//! What is known of a block of customers as of the run's date: held products, consents, contacts, complaints, purchases.

use std::sync::Arc;

use osusume_decide::{Approach, ChannelSet, NEVER, Stand, Stops};
use osusume_model::{AsOf, Date, FeatureSpec, OfferId, ProductId, Result};
use osusume_tables::arrow::array::RecordBatch;
use osusume_tables::{Column, Values};

use super::approach;
use super::conditions::{Conditions, Found};
use super::contacts::Contacts;
use super::held::Known;
use super::ledger::Ledger;
use super::shared::Shared;
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
    /// Customers × offers: another member of the unit it is sold to is asked; empty where that is nobody's case.
    pub(crate) is_asked_of_others: Vec<bool>,
    /// The first offer of the run before, [`osusume_decide::NO_OFFER`] for none; empty where that does not matter.
    pub(crate) incumbents: Vec<u32>,
    /// Customers × offers: units a taker is expected to take; empty where nothing is sold in numbers.
    pub(crate) units: Vec<f32>,
    /// What holds of the declared conditions.
    pub(crate) found: Found,
    /// The approaches offers are made in.
    pub(crate) approaches: Arc<[Approach]>,
    /// Customers × approaches: where each customer stands.
    pub(crate) stands: Vec<Stand>,
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

impl State {
    /// The channels through which an offer may reach a customer: those open, or that of the step that is due.
    pub(super) fn reach(&self, customer: usize, offer: OfferId) -> ChannelSet {
        approach::channels(&self.approaches, &self.stands, (customer, offer.0 as usize), self.open(customer))
    }
}

/// Reads the tables for the customers `customers` (ascending indexes).
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) scene: &'a Scene<'a>,
    pub(crate) tables: &'a Checked,
    pub(crate) goods: &'a Goods,
    pub(crate) ledger: &'a Ledger,
    /// What households and accounts hold together.
    pub(crate) shared: &'a Shared,
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
        let Held { offsets: held_offsets, products: held, since: since_holding, takes } = self.holdings(customers)?;
        let Bought { recently: bought, since: since_purchase, takes: bought_takes } = self.purchases(customers)?;
        let latest = since_holding.iter().zip(&since_purchase).map(|(a, b)| *a.min(b)).collect();
        let contacts = self.contacts(customers)?;
        let days_since_complaint = self.complaints(customers)?;
        let found = self.conditions.look(self.scene, self.tables, rows, self.as_of)?.found();
        let n_approaches = self.conditions.approaches.all.len();
        let stands = self.stands(&contacts.touches, |customer, approach| Stops {
            is_declared: found.stops(customer, approach),
            days_since_complaint: days_since_complaint[customer],
            days_since_take: takes[customer * n_approaches + approach]
                .min(bought_takes[customer * n_approaches + approach]),
        });
        Ok(State {
            held_offsets,
            held,
            consents: consents(self.scene, self.tables, customers, self.as_of)?,
            bought,
            contacts,
            days_since_complaint,
            days_since_purchase: latest,
            is_resting: Vec::new(),
            is_held_back: Vec::new(),
            is_asked_of_others: Vec::new(),
            incumbents: Vec::new(),
            units: rows.units.clone(),
            found,
            approaches: Arc::clone(&self.conditions.approaches.all),
            stands,
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

    /// Civil days from a day to the run's.
    pub(super) fn days_from(&self, day: Date) -> u16 {
        (self.as_of.date - day).clamp(0, i32::from(NEVER) - 1) as u16
    }

    /// Civil days from the day of `at` to the run's.
    pub(super) fn days_since(&self, at: Option<i64>) -> u16 {
        at.map_or(NEVER, |at| self.days_from(self.scene.calendar.day(at)))
    }

    /// What is held, and what began.
    fn holdings(&self, customers: &[u32]) -> Result<Held> {
        let nothing = (vec![0; customers.len() + 1], Vec::new());
        let approaches = &self.conditions.approaches.all;
        let source = self.scene.config.holdings();
        let block = source.map(|source| held_rows(self.scene, self.tables, source, customers)).transpose()?.flatten();
        let Some(block) = block else {
            let (since, takes) = (vec![NEVER; customers.len()], vec![NEVER; customers.len() * approaches.len()]);
            return Ok(Held { offsets: nothing.0, products: nothing.1, since, takes });
        };
        let block = known_products(self.goods, block).0;
        let known = Known::new(&block, &product_positions(self.goods, &block), self.as_of.instant.0);
        let is_dated = !self.scene.config.is_cross_section();
        let canonical = &self.goods.canonical;
        let newest = |c: usize| known.newest_start(c, canonical, &|_| true).filter(|_| is_dated);
        let since = (0..customers.len()).map(|c| self.days_since(newest(c)));
        let offers = &self.goods.catalogue.offers;
        let is_of = |approach: &Approach, product: u32| {
            let named = offers.iter().zip(&approach.offers).filter(|(_, is_named)| **is_named);
            named.filter_map(|(offer, _)| offer.product).any(|id| canonical[id.0 as usize] == product)
        };
        let take = |c: usize, approach: &Approach| {
            known.newest_start(c, canonical, &|product| is_of(approach, product)).filter(|_| is_dated)
        };
        let takes = (0..customers.len()).flat_map(|c| approaches.iter().map(move |approach| (c, approach)));
        let takes = takes.map(|(c, approach)| self.days_since(take(c, approach))).collect();
        // Where no offer stands on the ladder, decisions know no products.
        let (offsets, held) = if self.goods.rules().is_empty() { nothing } else { known.held() };
        let (offsets, held) = self.shared.with_units(customers, offsets, held);
        Ok(Held { offsets, products: held, since: since.collect(), takes })
    }

    /// What was bought.
    fn purchases(&self, customers: &[u32]) -> Result<Bought> {
        let category = self.scene.config.offers.category.as_ref();
        let n_categories = category.map_or(0, |category| category.names.len());
        let mut bought: Vec<Option<i64>> = vec![None; customers.len() * n_categories];
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
            let (at, arrived, product) = (block.times("at"), block.integers("arrived"), block.codes("product"));
            let is_purchase = |row: usize| is_purchase(block.column("quantity"), row);
            for customer in 0..block.n_customers() {
                let rows = block.offsets[customer] as usize..block.offsets[customer + 1] as usize;
                for row in
                    rows.filter(|&row| is_purchase(row) && self.is_visible(at[row], arrived.and_then(|a| a.get(row))))
                {
                    last[customer] = last[customer].max(Some(at[row]));
                    let offer = position.as_ref().and_then(|map| map[product.and_then(|p| p.get(row))? as usize]);
                    if let Some(offer) = offer {
                        let slot = &mut bought[customer * n_categories + offer];
                        *slot = (*slot).max(Some(at[row]));
                    }
                }
            }
        }
        let recent = category.map_or(i64::MAX, |category| {
            self.scene.calendar.midnight(self.as_of.date - category.not_bought_days as i32).0
        });
        let n_others = self.goods.catalogue.offers.len() - n_categories;
        let takes = (0..customers.len()).flat_map(|c| self.conditions.approaches.all.iter().map(move |one| (c, one)));
        let takes = takes.map(|(c, approach)| {
            // Categories are the last of the offers.
            let named = bought[c * n_categories..][..n_categories].iter().zip(&approach.offers[n_others..]);
            self.days_since(named.filter(|(_, is_named)| **is_named).filter_map(|(at, _)| *at).max())
        });
        Ok(Bought {
            takes: takes.collect(),
            recently: bought.iter().map(|at| at.is_some_and(|at| at >= recent)).collect(),
            since: last.into_iter().map(|at| self.days_since(at)).collect(),
        })
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

/// What customers hold.
struct Held {
    offsets: Vec<u32>,
    products: Vec<ProductId>,
    /// Days since the newest holding began that does not merely continue another.
    since: Vec<u16>,
    /// Customers × approaches: days since one of the approach's products was taken.
    takes: Vec<u16>,
}

/// What customers bought.
struct Bought {
    /// Customers × category offers: lately.
    recently: Vec<bool>,
    /// Days since anything was.
    since: Vec<u16>,
    /// Customers × approaches: days since one of the approach's categories was.
    takes: Vec<u16>,
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
