//! Who is decided by prices, and who is not yet.

use osusume_model::Control;

use super::choice::{Menu, Taken};
use super::market::Market;
use crate::Result;
use crate::block::for_each_block;

/// Everybody at some prices: those whose alternatives are further away than a margin keep the offers they take, the others are open.
///
/// Which channel an offer goes through is left open for the decided too: a channel has no value of its own, so that all customers
/// who can be reached by two of them stand between these as soon as their prices meet.
#[derive(Default)]
pub(super) struct Field {
    /// What the decided take: customer and offer.
    pub(super) decided: Vec<(u32, u16)>,
    /// Sum of its values.
    pub(super) value: f64,
    /// Sets of channels × offers: how often it is taken.
    pub(super) taken: Vec<f64>,
    /// Customers who are open, ascending.
    pub(super) open: Vec<u32>,
}

impl Field {
    /// Asks `customers`, or everybody, at `prices`.
    ///
    /// # Errors
    /// `Stopped`.
    pub(super) fn at(
        market: &Market<'_>,
        customers: Option<&[u32]>,
        prices: &[f64],
        margin: f64,
        control: &dyn Control,
    ) -> Result<Self> {
        let menu = Menu::new(&market.terms, &market.classes, prices, 0.0);
        let n = customers.map_or(market.bids.len(), <[u32]>::len);
        let blocks = for_each_block(n, control, |rows| {
            let mut block = Self::nobody(market);
            let mut taken = Taken::default();
            for row in rows {
                let customer = customers.map_or(row as u32, |customers| customers[row]);
                block.ask(market, &menu, customer, margin, &mut taken);
            }
            Ok(block)
        })?;
        let mut field = Self::nobody(market);
        for block in blocks {
            field.append(block);
        }
        Ok(field)
    }

    /// Nobody decided and nobody open.
    pub(super) fn nobody(market: &Market<'_>) -> Self {
        Self { taken: vec![0.0; market.classes.len() * market.n_offers()], ..Self::default() }
    }

    fn ask(&mut self, market: &Market<'_>, menu: &Menu, customer: u32, margin: f64, taken: &mut Taken) {
        let class = usize::from(market.class_of[customer as usize]);
        market.choose(menu, customer as usize, taken);
        let mut is_open = false;
        taken.alternatives(|_, _, gap| is_open |= gap <= margin);
        if is_open {
            self.open.push(customer);
            return;
        }
        for pick in &taken.picks {
            let offer = usize::from(pick.offer);
            self.value += pick.net + menu.row(class)[offer];
            self.taken[class * market.n_offers() + offer] += 1.0;
            self.decided.push((customer, pick.offer));
        }
    }

    /// Adds customers who were asked apart.
    pub(super) fn append(&mut self, other: Self) {
        self.decided.extend(other.decided);
        self.value += other.value;
        self.taken.iter_mut().zip(other.taken).for_each(|(a, b)| *a += b);
        self.open.extend(other.open);
    }
}
