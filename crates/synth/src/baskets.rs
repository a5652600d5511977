//! What customers of a shop carry home: products when they are taken and again when they run out, other items now and then.

use osusume_model::Date;

use crate::household::Life;
use crate::log::Holding;
use crate::math::{exp, ln};
use crate::plan::bit;
use crate::rng::{Purpose, Stream};
use crate::rows::{Recorder, Table, customer_id};
use crate::schema::{Item, Shop};

/// How much likelier an item is for those who own what it goes with.
const GOES_WITH: f64 = 6.0;
/// What is given back within the cooling-off time ends sooner than this.
const RETURNED_WITHIN_DAYS: i32 = 26;
/// However often a world says its customers come.
const MOST_A_DAY: f64 = 10.0;
const DAYS_PER_YEAR: f64 = 365.25;

/// A line of a basket.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    day: i32,
    /// Lines of one number lie in one basket.
    basket: usize,
    id: &'a str,
    quantity: i32,
    price: i64,
}

impl Recorder<'_> {
    /// Writes the lines of a customer's baskets by day, and the products sold with the day each was given back. Every draw is the
    /// customer's own.
    pub(crate) fn purchases(&self, life: &Life, shop: &Shop, (table, sold): (&mut Table, &mut Table)) {
        let mut rng = Stream::new(self.seed, Purpose::Baskets, life.person.number);
        let mut lines = Vec::new();
        let mut baskets = 0;
        for (number, holding) in life.log.holdings.iter().enumerate().filter(|(_, holding)| self.is_sold(holding)) {
            let returned = returned_on(life, holding).filter(|day| *day < self.until);
            self.products((holding, returned), life, shop, (&mut lines, &mut baskets), &mut rng);
            let (id, product) = (customer_id(life.person.number), &self.world.file().product[holding.product].id);
            let (arrived, back) =
                (self.arrival(holding.start, &mut rng), self.arrival(returned.unwrap_or(0), &mut rng));
            let returned = returned.filter(|_| back.is_some());
            if let Some(arrived) = arrived.filter(|_| holding.start < self.until) {
                let on = returned.map_or(String::new(), |day| Date(day).to_string());
                let back = returned.and(back).unwrap_or_default();
                sold.line(format_args!("{id},{id}-{number},{product},{},{on},{arrived},{back}", Date(holding.start)));
            }
        }
        self.items(life, shop, (&mut lines, &mut baskets), &mut rng);
        lines.sort_by_key(|line| (line.day, line.basket));
        let id = customer_id(life.person.number);
        for Line { day, basket, id: item, quantity, price } in lines {
            let (arrived, second) = (self.arrival(day, &mut rng), 8 * 3_600 + (basket as i32 * 1_471) % 50_000);
            // What would be bought after the export is not there.
            if let Some(arrived) = arrived.filter(|_| day < self.until) {
                let at = self.instant(day, second);
                let price = self.world.amount(price);
                table.line(format_args!("{id},{id}-{basket},{at},{item},{quantity},{price},{arrived}"));
            }
        }
    }

    /// A change of codes is no purchase.
    fn is_sold(&self, holding: &Holding) -> bool {
        let mut changes = self.world.plan().changes.iter();
        let is_change = changes.any(|change| change.to == holding.product && change.day == holding.start);
        !is_change && holding.end != Some(holding.start)
    }

    /// A product bought, given back, and bought again.
    fn products<'a>(
        &'a self,
        (holding, returned): (&Holding, Option<i32>),
        life: &Life,
        shop: &'a Shop,
        (lines, baskets): (&mut Vec<Line<'a>>, &mut usize),
        rng: &mut Stream,
    ) {
        let product = &self.world.file().product[holding.product];
        let mut buy = |day: i32, quantity: i32, rng: &mut Stream| {
            lines.push(Line { day, basket: *baskets, id: &product.id, quantity, price: holding.fee });
            if quantity > 0 && rng.chance(shop.beside) {
                lines.push(self.draw(shop, day, *baskets, bit(holding.product), rng));
            }
            *baskets += 1;
        };
        buy(holding.start, 1, rng);
        if let Some(day) = returned {
            buy(day, -1, rng);
        }
        let end = holding.end.or_else(|| life.state.as_ref()?.left).unwrap_or(i32::MAX);
        if product.refill_days > 0 {
            let mut day = holding.start;
            loop {
                day += (f64::from(product.refill_days) * exp(0.3 * rng.normal())).max(1.0) as i32;
                if day >= end.min(self.until) {
                    break;
                }
                buy(day, 1, rng);
            }
        }
    }

    /// Baskets without a product.
    fn items<'a>(
        &'a self,
        life: &Life,
        shop: &'a Shop,
        (lines, baskets): (&mut Vec<Line<'a>>, &mut usize),
        rng: &mut Stream,
    ) {
        let (file, person) = (self.world.file(), &life.person);
        let factor = shop.by_segment.get(&file.segment[person.segment].name).copied().unwrap_or(1.0);
        let a_day = (shop.baskets_per_year * factor * exp(shop.sd * rng.normal()) / DAYS_PER_YEAR).min(MOST_A_DAY);
        let until = life.state.as_ref().and_then(|state| state.left).unwrap_or(self.until).min(self.until);
        let mut day = f64::from(person.joined.max(self.world.plan().start));
        loop {
            // Without any rate the first one never comes.
            day += -ln(1.0 - rng.uniform()) / a_day;
            if day >= f64::from(until) || day.is_nan() {
                break;
            }
            let owned = owned(&life.log.holdings, day as i32);
            loop {
                lines.push(self.draw(shop, day as i32, *baskets, owned, rng));
                if !rng.chance(shop.more_items / (1.0 + shop.more_items)) {
                    break;
                }
            }
            *baskets += 1;
        }
    }

    fn draw<'a>(&self, shop: &'a Shop, day: i32, basket: usize, owned: u64, rng: &mut Stream) -> Line<'a> {
        let weight = |(item, mask): (&Item, &u64)| item.weight * if mask & owned == 0 { 1.0 } else { GOES_WITH };
        let weights: Vec<f64> = shop.item.iter().zip(&self.world.plan().goes_with).map(weight).collect();
        let item = &shop.item[rng.weighted(&weights)];
        Line { day, basket, id: &item.id, quantity: 1 + i32::from(rng.chance(0.15)), price: item.price }
    }
}

/// The day on which a product is given back, if it is: whoever leaves keeps everything.
fn returned_on(life: &Life, holding: &Holding) -> Option<i32> {
    let left = life.state.as_ref().and_then(|state| state.left);
    holding.end.filter(|end| *end < holding.start + RETURNED_WITHIN_DAYS && left != Some(*end))
}

/// The products owned on a day.
fn owned(holdings: &[Holding], day: i32) -> u64 {
    let is_owned = |h: &&Holding| h.start <= day && h.end.is_none_or(|end| end > day);
    holdings.iter().filter(is_owned).fold(0, |mask, holding| mask | bit(holding.product))
}
