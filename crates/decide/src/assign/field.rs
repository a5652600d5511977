//! Who is decided by prices, and who is not yet.

use osusume_model::Control;
use rayon::prelude::*;

use super::choice::{Menu, NO_OFFER, Taken};
use super::market::{Market, Part, Unit};
use crate::block::{BLOCK_ROWS, for_each_block};
use crate::{DecideError, Result};

/// Customers asked at some prices: those whose alternatives are further away than a margin keep the offers they take, the others are
/// open, with the bids that lie within the margin.
///
/// As long as no choice's price moves by more than half of the margin, nobody decided would take anything else and nobody open anything
/// that was left out, so all later passes touch the open alone, who lie side by side.
///
/// Which channel an offer goes through is left open for the decided too: a channel costs all customers it reaches the same, so that all
/// who can be reached by two of them stand between these as soon as their prices meet.
#[derive(Default)]
pub(super) struct Field {
    /// Price of a unit of each limit at which they were asked last.
    pub(super) prices: Vec<f64>,
    /// The margin, in value.
    pub(super) margin: f64,
    /// How many were asked.
    pub(super) n_asked: usize,
    /// What the decided take, by block of customers; nothing where not everybody was asked.
    pub(super) decided: Vec<Decided>,
    /// What those take who were open at first: customer and offer.
    pub(super) late: Vec<(u32, u16)>,
    /// Sum of the values of what all these take, in units.
    pub(super) value: i128,
    /// Classes × offers: how often it is taken.
    pub(super) taken: Vec<i64>,
    /// Customers who are open, in their order, by block.
    pub(super) open: Vec<Part>,
}

/// What the decided of a block of customers take.
#[derive(Default)]
pub(super) struct Decided {
    /// For each customer of the block the offer, where it has one place; [`NO_OFFER`] for nothing and for the open.
    one: Vec<u16>,
    /// Customers with several places, and offers.
    several: Vec<(u32, u16)>,
}

impl Decided {
    /// Calls `each` with the customers of the block, which is the `number`th, and their offers, ascending.
    pub(super) fn each(&self, number: usize, mut each: impl FnMut(u32, u16)) {
        let first = (number * BLOCK_ROWS) as u32;
        let mut several = self.several.iter().copied().peekable();
        for (customer, &offer) in (first..).zip(&self.one) {
            if offer != NO_OFFER {
                each(customer, offer);
            }
            while let Some((_, offer)) = several.next_if(|(other, _)| *other == customer) {
                each(customer, offer);
            }
        }
    }
}

/// The customers of a block, asked.
#[derive(Default)]
struct Block {
    /// Offers of customers with one place who are asked side by side.
    one: Vec<u16>,
    /// All others' that are decided.
    several: Vec<(u32, u16)>,
    value: i128,
    taken: Vec<i64>,
    open: Part,
}

impl Field {
    /// Asks `customers`, or everybody, at `prices`.
    ///
    /// # Errors
    /// `Stopped`.
    pub(super) fn at(
        (market, unit): (&Market<'_>, Unit),
        customers: Option<&[u32]>,
        prices: &[f64],
        margin: f64,
        control: &dyn Control,
    ) -> Result<Self> {
        let menu = Menu::new(market, prices, 0.0);
        let n = customers.map_or(market.bids.len(), <[u32]>::len);
        let blocks = for_each_block(n, control, |rows| {
            let everybody: Vec<u32>;
            let customers = if let Some(customers) = customers {
                &customers[rows]
            } else {
                everybody = (rows.start as u32..rows.end as u32).collect();
                &everybody
            };
            let mut block = Block::new(market);
            block.ask((market, unit), &menu, customers, margin);
            Ok(block)
        })?;
        if let Some(stop) = control.stop() {
            return Err(DecideError::Stopped(stop));
        }
        let taken = vec![0; market.classes.len() * market.n_offers()];
        let mut field = Self { prices: prices.to_vec(), margin, n_asked: n, taken, ..Self::default() };
        for block in blocks {
            let (one, mut several) = field.add(block);
            if customers.is_none() {
                several.sort_unstable();
                field.decided.push(Decided { one, several });
            }
        }
        Ok(field)
    }

    /// Asks the open again at prices nearby, with a smaller margin.
    pub(super) fn narrow(&mut self, (market, unit): (&Market<'_>, Unit), prices: &[f64], margin: f64) {
        let menu = Menu::new(market, prices, 0.0);
        let open = std::mem::take(&mut self.open);
        let of_part = |open: &Part| {
            let mut block = Block::new(market);
            let mut taken = Taken::default();
            for row in 0..open.len() {
                let (customer, bids) = (open.customers[row], open.bids_of(row));
                block.ask_one((market, unit), &menu, (customer, open.places(row)), bids, margin, &mut taken);
            }
            block
        };
        let blocks: Vec<Block> = open.par_iter().map(of_part).collect();
        for block in blocks {
            let (_, several) = self.add(block);
            self.late.extend(several);
        }
        (self.prices, self.margin) = (prices.to_vec(), margin);
    }

    /// Adds a block but for what the decided take, which is returned.
    fn add(&mut self, block: Block) -> (Vec<u16>, Vec<(u32, u16)>) {
        self.value += block.value;
        self.taken.iter_mut().zip(block.taken).for_each(|(a, b)| *a += b);
        if block.open.len() > 0 {
            self.open.push(block.open);
        }
        (block.one, block.several)
    }
}

impl Block {
    fn new(market: &Market<'_>) -> Self {
        Self { taken: vec![0; market.classes.len() * market.n_offers()], ..Self::default() }
    }

    fn ask(&mut self, (market, unit): (&Market<'_>, Unit), menu: &Menu, customers: &[u32], margin: f64) {
        let mut seen = vec![Seen::default(); customers.len()];
        let classes: Vec<u16> = customers.iter().map(|&customer| market.class_of(customer) as u16).collect();
        survey(market, menu.all(), &classes, customers, margin, &mut Vec::new(), &mut seen);
        self.one = vec![NO_OFFER; customers.len()];
        let mut taken = Taken::default();
        for (position, (&customer, seen)) in customers.iter().zip(seen).enumerate() {
            let places = usize::from(market.bids.places[customer as usize]);
            let bids = market.bids_of(customer as usize);
            if places != 1 {
                self.ask_one((market, unit), menu, (customer, places), bids, margin, &mut taken);
            } else if seen.n_near > usize::from(seen.best > margin) {
                self.open(market, menu, customer, bids, seen.best.max(0.0) - margin);
            } else if seen.best > 0.0 {
                self.count((market, unit), customer, seen.offer, f64::from(seen.value));
                self.one[position] = seen.offer;
            }
        }
    }

    fn ask_one(
        &mut self,
        (market, unit): (&Market<'_>, Unit),
        menu: &Menu,
        (customer, places): (u32, usize),
        bids: (&[u16], &[f32]),
        margin: f64,
        taken: &mut Taken,
    ) {
        taken.choose((menu, market.class_of(customer)), market.terms.families, places, bids);
        let mut is_open = false;
        taken.alternatives(|_, _, gap| is_open |= gap <= margin);
        if is_open {
            let last = if taken.picks.len() < places { None } else { taken.picks.last() };
            self.open(market, menu, customer, bids, last.map_or(0.0, |pick| pick.net) - margin);
            return;
        }
        for pick in &taken.picks {
            let value = bids.0.binary_search(&pick.offer).map_or(0.0, |at| f64::from(bids.1[at]));
            self.count((market, unit), customer, pick.offer, value);
            self.several.push((customer, pick.offer));
        }
    }

    fn count(&mut self, (market, unit): (&Market<'_>, Unit), customer: u32, offer: u16, value: f64) {
        self.value += i128::from(unit.count(value));
        self.taken[market.class_of(customer) * market.n_offers() + usize::from(offer)] += 1;
    }

    /// Leaves a customer open, with the bids whose value less price is no less than `least`.
    fn open(&mut self, market: &Market<'_>, menu: &Menu, customer: u32, bids: (&[u16], &[f32]), least: f64) {
        let row = menu.row(market.class_of(customer));
        let is_near = |offer: u16, value: f32| f64::from(value) - row[usize::from(offer)] >= least;
        self.open.push(market, customer, bids, is_near);
    }
}

/// What a customer with one place sees.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// The best value less price.
    best: f64,
    /// Bids within the margin of it, or of nothing where that is better.
    n_near: usize,
    /// The best offer and its value.
    offer: u16,
    value: f32,
}

/// Partial maxima, for vectors of any width.
const LANES: usize = 8;

osusume_numeric::dispatch! {
    /// The best bid of every customer, and how many others are near.
    fn survey(
        market: &Market<'_>,
        prices: &[f64],
        classes: &[u16],
        customers: &[u32],
        margin: f64,
        nets: &mut Vec<f64>,
        seen: &mut [Seen],
    ) {
        let n_offers = prices.len() / market.classes.len().max(1);
        let bids = market.bids;
        for ((&customer, &class), seen) in customers.iter().zip(classes).zip(seen) {
            let range = bids.offsets[customer as usize]..bids.offsets[customer as usize + 1];
            let (offers, values) = (&bids.offers[range.clone()], &bids.values[range]);
            let prices = &prices[usize::from(class) * n_offers..][..n_offers];
            nets.clear();
            nets.resize(offers.len().next_multiple_of(LANES), f64::NEG_INFINITY);
            for ((net, &offer), &value) in nets.iter_mut().zip(offers).zip(values) {
                *net = f64::from(value) - prices[usize::from(offer)];
            }
            let mut best = [f64::NEG_INFINITY; LANES];
            for chunk in nets.chunks_exact(LANES) {
                for (best, &net) in best.iter_mut().zip(chunk) {
                    *best = if net > *best { net } else { *best };
                }
            }
            let best = best.into_iter().fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
            let least = (if best > 0.0 { best } else { 0.0 }) - margin;
            let n_near: u32 = nets.iter().map(|&net| u32::from(net >= least)).sum();
            let at = nets.iter().position(|&net| net >= best).unwrap_or(0);
            *seen = Seen {
                best,
                n_near: n_near as usize,
                offer: offers.get(at).copied().unwrap_or(0),
                value: values.get(at).copied().unwrap_or(0.0),
            };
        }
    }
}
