//! What is sold to households and accounts: held by one member it is held by all, and one of them is asked about it.

use osusume_decide::{Claim, Ranked, asked_members};
use osusume_model::{AsOf, HeldBy, ProductId, Result};

use super::held::Known;
use super::state::held_rows;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{History, Role};
use crate::job::Scene;
use crate::seam::Block;
use crate::stages::features::{known_products, product_positions};
use crate::units::Units;

/// Key of the draw between members to whom an offer is worth the same.
const DRAW_KEY: &str = "unit";

/// Units of either kind, and what their members hold.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// By offer, whether it is sold to one of the two kinds of units.
    kinds: Vec<Option<usize>>,
    /// By offer, a number for its family.
    families: Vec<u32>,
    /// For households and accounts: the unit of each customer, the two kinds numbered apart; none for who is in none.
    units: [Vec<Option<u32>>; 2],
    /// Units and the products that are sold to units of their kind and that a member holds, ascending.
    held: Vec<(u32, ProductId)>,
}

/// The kind of unit a product is sold to, where it is not the customer.
fn kind(held_by: HeldBy) -> Option<usize> {
    match held_by {
        HeldBy::Household => Some(0),
        HeldBy::Account => Some(1),
        HeldBy::Customer | HeldBy::Contract => None,
    }
}

impl Shared {
    /// Reads units and what their members hold as of the date; nothing where no product is sold to units.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn gather(
        scene: &Scene<'_>,
        tables: &Checked,
        goods: &Goods,
        units: &Units,
        as_of: AsOf,
    ) -> Result<Self> {
        let products = &goods.catalogue.products;
        let Some(source) = scene.config.holdings().filter(|_| products.iter().any(|p| kind(p.held_by).is_some()))
        else {
            return Ok(Self::default());
        };
        let offers = &goods.catalogue.offers;
        let family = |offer: &osusume_model::Offer| {
            offers.iter().position(|other| other.family == offer.family).unwrap_or(0) as u32
        };
        let households: Vec<Option<u32>> =
            (0..tables.n_customers()).map(|customer| units.household(customer)).collect();
        let n_households = households.iter().flatten().max().map_or(0, |most| most + 1);
        let accounts = accounts(scene, tables, as_of)?;
        let mut shared = Self {
            kinds: offers.iter().map(|offer| kind(products[offer.product?.0 as usize].held_by)).collect(),
            families: offers.iter().map(family).collect(),
            units: [households, accounts.into_iter().map(|one| one.map(|one| one + n_households)).collect()],
            held: Vec::new(),
        };
        for customers in tables.passes() {
            scene.check_stop()?;
            let customers: Vec<u32> = customers.collect();
            let Some(block) = held_rows(scene, tables, source, &customers)? else { continue };
            let block = known_products(goods, block).0;
            let (offsets, held) = Known::new(&block, &product_positions(goods, &block), as_of.instant.0).held();
            for (at, &customer) in customers.iter().enumerate() {
                for &product in &held[offsets[at] as usize..offsets[at + 1] as usize] {
                    let kind = kind(products[product.0 as usize].held_by);
                    let unit = kind.and_then(|kind| shared.unit(kind, customer));
                    shared.held.extend(unit.map(|unit| (unit, product)));
                }
            }
        }
        shared.held.sort_unstable();
        shared.held.dedup();
        Ok(shared)
    }

    fn unit(&self, kind: usize, customer: u32) -> Option<u32> {
        self.units[kind].get(customer as usize).copied().flatten()
    }

    /// Whether something is offered to units.
    pub(super) fn is_offered(&self) -> bool {
        self.kinds.iter().any(Option::is_some)
    }

    /// What customers hold (offsets and products, ascending within each) with what their units hold.
    pub(super) fn with_units(
        &self,
        customers: &[u32],
        offsets: Vec<u32>,
        held: Vec<ProductId>,
    ) -> (Vec<u32>, Vec<ProductId>) {
        if self.held.is_empty() {
            return (offsets, held);
        }
        let (mut ends, mut all) = (vec![0], Vec::with_capacity(held.len()));
        for (at, &customer) in customers.iter().enumerate() {
            let mut own = held[offsets[at] as usize..offsets[at + 1] as usize].to_vec();
            for unit in (0..2).filter_map(|kind| self.unit(kind, customer)) {
                let first = self.held.partition_point(|one| one.0 < unit);
                own.extend(self.held[first..].iter().take_while(|one| one.0 == unit).map(|one| one.1));
            }
            own.sort_unstable();
            own.dedup();
            all.extend(own);
            ends.push(all.len() as u32);
        }
        (ends, all)
    }

    /// The unit and family of an offer to a customer, where it is sold to a unit the customer is in.
    fn sold_to(&self, customer: u32, offer: usize) -> Option<(u32, u32)> {
        let unit = self.unit((*self.kinds.get(offer)?)?, customer)?;
        Some((unit, self.families[offer]))
    }
}

/// The account of each customer as it was known at `as_of`; none without such a column.
fn accounts(scene: &Scene<'_>, tables: &Checked, as_of: AsOf) -> Result<Vec<Option<u32>>> {
    let source = scene.config.source_of(Role::Customers).filter(|source| source.column("account").is_some());
    let Some((source, table)) = source.and_then(|source| Some((source, tables.table(&source.name)?))) else {
        return Ok(Vec::new());
    };
    let is_arrival_known = source.history != History::Snapshot && source.column("arrived").is_some();
    let columns = if is_arrival_known { &["account", "arrived"][..] } else { &["account"] };
    let mut accounts = Vec::new();
    for customers in tables.passes() {
        let block = Block::read(table, customers, columns, &scene.quiet())?;
        let codes = block.codes("account");
        accounts.extend((0..block.n_customers()).map(|customer| {
            let row = block.newest_known(customer, as_of.instant.0);
            row.and_then(|row| codes.and_then(|codes| codes.get(row)))
        }));
    }
    Ok(accounts)
}

/// Who is asked about what is sold to units.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Unit and family, and the customer; only those with several claims.
    all: Vec<((u32, u32), u32)>,
}

impl Asked {
    pub(super) fn of(claims: Vec<Claim>) -> Self {
        Self { all: asked_members(claims) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Customers × offers: whether another member of the unit is asked.
    pub(super) fn of_others(&self, shared: &Shared, customers: &[u32]) -> Vec<bool> {
        let is_asked = |customer: u32, offer: usize| {
            let unit = shared.sold_to(customer, offer)?;
            let at = self.all.binary_search_by_key(&unit, |one| one.0).ok()?;
            Some(self.all[at].1 != customer)
        };
        let offers = 0..shared.kinds.len();
        let of = |&customer: &u32| offers.clone().map(move |offer| is_asked(customer, offer).unwrap_or(false));
        customers.iter().flat_map(of).collect()
    }
}

/// The claims of a block of customers on what is sold to units; `ranked` is what they would get if nobody else were there.
pub(super) fn claims(shared: &Shared, units: &Units, customers: &[u32], ranked: &Ranked, claims: &mut Vec<Claim>) {
    let n_offers = shared.kinds.len();
    for (cell, value) in ranked.expected_values.iter().enumerate() {
        let (customer, offer) = (customers[cell / n_offers], cell % n_offers);
        let Some((value, unit)) = value.zip(shared.sold_to(customer, offer)) else { continue };
        let is_chosen = matches!(ranked.decisions[cell], osusume_decide::Decision::Chosen { .. });
        claims.push(Claim { unit, customer, is_chosen, value, draw: units.hash(DRAW_KEY, customer) });
    }
}
