//! What is known of a block of customers as of the run's date: held products, consents, contacts, complaints, purchases.

use std::ops::Range;

use osusume_decide::{ChannelSet, NEVER};
use osusume_model::{AsOf, Code, DAY_US, Fault, ProductId, Result};
use osusume_windows::held_quantities;

use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{Role, Source};
use crate::job::Job;
use crate::kernel::windows_fault;
use crate::seam::Block;
use crate::stages::features::{HoldingSlices, known_products, ladder, product_positions, sent_only};

/// Owned columns, one entry a customer of the block.
pub(super) struct State {
    pub(super) held_offsets: Vec<u32>,
    pub(super) held: Vec<ProductId>,
    pub(super) consents: Vec<ChannelSet>,
    pub(super) bought: Vec<bool>,
    pub(super) n_contacts: Vec<u16>,
    pub(super) days_since_complaint: Vec<u16>,
    pub(super) days_since_purchase: Vec<u16>,
}

/// Reads the tables for the customers `customers` (ascending indexes).
pub(super) struct Reader<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) tables: &'a Checked,
    pub(super) goods: &'a Goods,
    pub(super) as_of: AsOf,
}

impl Reader<'_> {
    /// The state of the customers as of the date.
    ///
    /// # Errors
    /// `ConsentGate` when consents are required and there is no such table.
    pub(super) fn read(&self, customers: &[u32]) -> Result<State> {
        let (held_offsets, held, since_holding) = self.holdings(customers)?;
        let (bought, since_purchase) = self.purchases(customers)?;
        let latest = since_holding.iter().zip(&since_purchase).map(|(a, b)| *a.min(b)).collect();
        Ok(State {
            held_offsets,
            held,
            consents: self.consents(customers)?,
            bought,
            n_contacts: self.contacts(customers)?,
            days_since_complaint: self.complaints(customers)?,
            days_since_purchase: latest,
        })
    }

    fn sources(&self, role: Role) -> impl Iterator<Item = &Source> {
        self.job.config.sources.values().filter(move |source| source.role == role)
    }

    fn block(&self, source: &Source, customers: &[u32], columns: &[&str]) -> Result<Option<Block>> {
        let (Some(table), Some(&first), Some(&last)) =
            (self.tables.table(&source.name), customers.first(), customers.last())
        else {
            return Ok(None);
        };
        let declared: Vec<&str> = columns.iter().copied().filter(|name| source.column(name).is_some()).collect();
        let range: Range<u32> = first..last + 1;
        let block = Block::read(table, range, &declared, &self.job.quiet())?;
        let keep: Vec<u32> = customers.iter().map(|&customer| customer - first).collect();
        Ok(Some(if keep.len() == block.n_customers() { block } else { block.select(&keep) }))
    }

    /// Whether a row with these times is visible.
    fn is_visible(&self, at: i64, arrived: Option<i64>) -> bool {
        at < self.as_of.instant.0 && arrived.is_none_or(|arrived| arrived < self.as_of.instant.0)
    }

    fn days_since(&self, at: Option<i64>) -> u16 {
        at.map_or(NEVER, |at| ((self.as_of.instant.0 - at) / DAY_US).clamp(0, i64::from(NEVER) - 1) as u16)
    }

    /// Products held, and days since the newest one began that does not merely continue another.
    fn holdings(&self, customers: &[u32]) -> Result<(Vec<u32>, Vec<ProductId>, Vec<u16>)> {
        let nothing = (vec![0; customers.len() + 1], Vec::new(), vec![NEVER; customers.len()]);
        let Some(source) = self.sources(Role::Holdings).next() else { return Ok(nothing) };
        let columns = ["product", "start", "end", "start_arrived", "end_arrived"];
        let Some(block) = self.block(source, customers, &columns)? else { return Ok(nothing) };
        let block = known_products(self.goods, block).0;
        let positions = product_positions(self.goods, &block);
        let slices = HoldingSlices::new(&block, &positions);
        let n_products = self.goods.tier.len();
        let mut units = vec![0_i64; block.n_customers() * n_products];
        let instant = [self.as_of.instant.0];
        held_quantities(&slices.intervals(), &ladder(self.goods), &instant, &mut units, &self.job.quiet())
            .map_err(|e| windows_fault(&e))?;
        let mut offsets = vec![0];
        let mut held = Vec::new();
        for units in units.chunks_exact(n_products) {
            held.extend((0..n_products).filter(|&p| units[p] > 0).map(|p| ProductId(p as u32)));
            offsets.push(held.len() as u32);
        }
        let since = (0..block.n_customers()).map(|c| self.days_since(self.newest_start(&block, &positions, c)));
        Ok((offsets, held, since.collect()))
    }

    /// The newest visible start of a product that was not held the day before: re-pricing and renewal continue a holding.
    fn newest_start(&self, block: &Block, positions: &[u32], customer: usize) -> Option<i64> {
        let rows = block.offsets[customer] as usize..block.offsets[customer + 1] as usize;
        let (start, end) = (block.times("start"), block.integers("end"));
        let arrived = block.integers("start_arrived");
        let product = block.codes("product")?;
        let stands_for =
            |row: usize| product.get(row).map(|code| self.goods.canonical[positions[code as usize] as usize]);
        let continues = |row: usize| {
            rows.clone().any(|other| {
                let until = end.and_then(|end| end.get(other));
                other != row
                    && stands_for(other) == stands_for(row)
                    && until.is_some_and(|e| (start[row] - e).abs() <= DAY_US)
            })
        };
        let visible = rows.clone().filter(|&row| self.is_visible(start[row], arrived.and_then(|a| a.get(row))));
        visible.filter(|&row| !continues(row)).map(|row| start[row]).max()
    }

    /// Customers × category offers: bought recently; and days since anything was bought.
    fn purchases(&self, customers: &[u32]) -> Result<(Vec<bool>, Vec<u16>)> {
        let category = self.job.config.offers.category.as_ref();
        let n_categories = category.map_or(0, |category| category.names.len());
        let mut bought = vec![false; customers.len() * n_categories];
        let mut since = vec![NEVER; customers.len()];
        for source in self.sources(Role::Purchases) {
            let Some(block) = self.block(source, customers, &["at", "arrived", "product"])? else { continue };
            let offered = category.filter(|category| category.source == source.name);
            let dictionary = block.column("product").and_then(|column| column.dictionary.clone());
            let position = offered.and_then(|category| {
                let join = self.goods.join(&category.level, dictionary.as_deref().unwrap_or(&[]))?;
                Some(offer_of_product(&join.map, &join.names, &category.names))
            });
            let recent = offered.map_or(i64::MAX, |category| {
                self.job.calendar.midnight(self.as_of.date - category.not_bought_days as i32).0
            });
            let (at, arrived, product) = (block.times("at"), block.integers("arrived"), block.codes("product"));
            for customer in 0..block.n_customers() {
                let rows = block.offsets[customer] as usize..block.offsets[customer + 1] as usize;
                for row in rows.filter(|&row| self.is_visible(at[row], arrived.and_then(|a| a.get(row)))) {
                    since[customer] = since[customer].min(self.days_since(Some(at[row])));
                    let offer = position.as_ref().and_then(|map| map[product.and_then(|p| p.get(row))? as usize]);
                    if let Some(offer) = offer.filter(|_| at[row] >= recent) {
                        bought[customer * n_categories + offer] = true;
                    }
                }
            }
        }
        Ok((bought, since))
    }

    /// The channels each customer consents to: the newest visible record of a channel counts.
    fn consents(&self, customers: &[u32]) -> Result<Vec<ChannelSet>> {
        let decide = &self.job.config.decide;
        let all = (0..decide.channels.len() as u8).fold(ChannelSet::default(), ChannelSet::with);
        let Some(source) = self.sources(Role::Consents).next() else {
            return if decide.is_consent_required {
                Err(Fault::new(Code::ConsentGate))
            } else {
                Ok(vec![all; customers.len()])
            };
        };
        let Some(block) = self.block(source, customers, &["at", "channel", "purpose", "allowed"])? else {
            return Ok(Vec::new());
        };
        let level = |column: &str, name: &str| {
            let names = block.column(column).and_then(|column| column.dictionary.clone())?;
            names.iter().position(|n| n == name).map(|i| i as u32)
        };
        let channels: Vec<Option<u32>> = decide.channels.iter().map(|name| level("channel", name)).collect();
        let purpose = level("purpose", &decide.consent_purpose);
        let has_purpose = source.column("purpose").is_some();
        let (at, channel, purposes) = (block.times("at"), block.codes("channel"), block.codes("purpose"));
        let allowed = block.integers("allowed");
        let mut sets = Vec::with_capacity(customers.len());
        for bounds in block.offsets.windows(2) {
            let mut set = if decide.is_consent_required { ChannelSet::default() } else { all };
            // Rows are sorted by time, so the last one that speaks of a channel is the newest.
            for row in (bounds[0] as usize..bounds[1] as usize).filter(|&row| self.is_visible(at[row], None)) {
                if has_purpose && (purpose.is_none() || purposes.and_then(|p| p.get(row)) != purpose) {
                    continue;
                }
                let spoken = channel.and_then(|c| c.get(row));
                let Some(index) = channels.iter().position(|c| c.is_some() && *c == spoken) else { continue };
                let is_allowed = allowed.and_then(|a| a.get(row)) == Some(1);
                set = if is_allowed { set.with(index as u8) } else { ChannelSet(set.0 & !(1 << index)) };
            }
            sets.push(set);
        }
        Ok(sets)
    }

    /// Contacts within the days the limit speaks of.
    fn contacts(&self, customers: &[u32]) -> Result<Vec<u16>> {
        let mut counts = vec![0_u16; customers.len()];
        let from = self.job.calendar.midnight(self.as_of.date - self.job.config.decide.contact_limit_days as i32).0;
        for source in self.sources(Role::Contacts) {
            let Some(block) = self.block(source, customers, &["at", "arrived", "arm"])? else { continue };
            let block = sent_only(&block);
            self.visit(&block, |customer, at| {
                if at >= from {
                    counts[customer] = counts[customer].saturating_add(1);
                }
            });
        }
        Ok(counts)
    }

    /// Days since the customer last turned to the company with a problem.
    fn complaints(&self, customers: &[u32]) -> Result<Vec<u16>> {
        let mut since = vec![NEVER; customers.len()];
        for source in self.sources(Role::Voice) {
            let Some(block) = self.block(source, customers, &["at", "arrived"])? else { continue };
            self.visit(&block, |customer, at| since[customer] = since[customer].min(self.days_since(Some(at))));
        }
        Ok(since)
    }

    fn visit(&self, block: &Block, mut visit: impl FnMut(usize, i64)) {
        let (at, arrived) = (block.times("at"), block.integers("arrived"));
        for customer in 0..block.n_customers() {
            let rows = block.offsets[customer] as usize..block.offsets[customer + 1] as usize;
            let known = rows.filter(|&row| self.is_visible(at[row], arrived.and_then(|a| a.get(row))));
            known.for_each(|row| visit(customer, at[row]));
        }
    }
}

/// Product code → position among the offered categories.
fn offer_of_product(map: &[u32], names: &[String], offered: &[String]) -> Vec<Option<usize>> {
    let of_level: Vec<Option<usize>> = names.iter().map(|name| offered.iter().position(|o| o == name)).collect();
    map.iter().map(|&level| of_level.get(level as usize).copied().flatten()).collect()
}
