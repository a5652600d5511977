//! What customers bought, day by day, as known before a date: lines of receipts, or steps taken up the ladders of what is held.

use osusume_association::History;
use osusume_model::{AsOf, DAY_US, Date, Result};
use osusume_tables::Zone;
use osusume_windows::{Intervals, Ladder, Maybe, Take, Truth, find_takes};
use rayon::prelude::*;

use crate::catalogue::Goods;
use crate::job::Job;
use crate::kernel::windows_fault;
use crate::seam::Block;
use crate::stages::features::HoldingSlices;

/// What customers bought as known before a date.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bought {
    /// The date: nothing that happened or arrived on it or later is in here.
    pub(super) as_of: Date,
    n_items: u32,
    offsets: Vec<usize>,
    items: Vec<u32>,
    days: Vec<Date>,
    since: Vec<Date>,
    until: Vec<Date>,
}

impl Bought {
    pub(super) fn new(as_of: Date, n_items: u32) -> Self {
        let (items, days, since, until) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { as_of, n_items, offsets: vec![0], items, days, since, until }
    }

    /// Adds a customer whose tenure began on `since` and of whom nothing is known from `until` on, with what they bought by ascending day.
    pub(super) fn push(&mut self, (since, until): (Date, Date), rows: &[(Date, u32)]) {
        self.days.extend(rows.iter().map(|row| row.0));
        self.items.extend(rows.iter().map(|row| row.1));
        self.offsets.push(self.items.len());
        self.since.push(since);
        self.until.push(until);
    }

    /// Adds the customers of another, of the same date and items, behind these.
    fn append(&mut self, other: &Self) {
        let first = self.items.len();
        self.items.extend_from_slice(&other.items);
        self.days.extend_from_slice(&other.days);
        self.offsets.extend(other.offsets[1..].iter().map(|end| first + end));
        self.since.extend_from_slice(&other.since);
        self.until.extend_from_slice(&other.until);
    }

    /// The kernel's view.
    pub(super) fn history(&self) -> History<'_> {
        History {
            offsets: &self.offsets,
            items: &self.items,
            days: &self.days,
            since: &self.since,
            until: &self.until,
            n_items: self.n_items,
        }
    }
}

/// What customers with holdings bought: their takes, so that renewals, migrations and second lines are no purchases.
pub(super) struct Starts<'a> {
    goods: &'a Goods,
    /// The item of each product; one of `n_items` or above has none.
    of_product: &'a [u32],
    n_items: u32,
    zone: Zone,
    kept_us: i64,
    /// The dates asked about, with the instant from which on a customer's starts matter.
    dates: Vec<(AsOf, i64)>,
    found: Vec<Bought>,
}

impl<'a> Starts<'a> {
    /// For each of `dates`, of customers who started something in the `days` before it.
    pub(super) fn new(
        job: &Job<'_>,
        goods: &'a Goods,
        (of_product, n_items): (&'a [u32], u32),
        dates: &[AsOf],
        days: u32,
    ) -> Result<Self> {
        let from = |date: &AsOf| (*date, job.calendar.midnight(date.date - days as i32).0);
        Ok(Self {
            goods,
            of_product,
            n_items,
            zone: Zone::new(&job.config.pipeline.time_zone)?,
            kept_us: i64::from(job.config.offers.kept_days) * DAY_US,
            dates: dates.iter().map(from).collect(),
            found: dates.iter().map(|date| Bought::new(date.date, n_items)).collect(),
        })
    }

    /// Adds the customers of a block of holdings; `positions` as in [`HoldingSlices::new`].
    pub(super) fn add(&mut self, block: &Block, positions: &[u32]) -> Result<()> {
        let parts: Vec<Bought> =
            self.dates.par_iter().map(|date| self.of_block(block, positions, *date)).collect::<Result<_>>()?;
        self.found.iter_mut().zip(&parts).for_each(|(found, part)| found.append(part));
        Ok(())
    }

    /// Whether anything is asked.
    pub(super) fn is_asked(&self) -> bool {
        !self.dates.is_empty()
    }

    /// One for each date.
    pub(super) fn finish(self) -> Vec<Bought> {
        self.found
    }

    fn of_block(&self, block: &Block, positions: &[u32], (date, from): (AsOf, i64)) -> Result<Bought> {
        let known = KnownRows::new(block, date.instant.0);
        let starts = |row: usize| known.starts(row) && known.start[row] >= from;
        let rows =
            |customer: u32| block.offsets[customer as usize] as usize..block.offsets[customer as usize + 1] as usize;
        let wanted: Vec<u32> = (0..block.n_customers() as u32).filter(|&customer| rows(customer).any(starts)).collect();
        let block = block.select(&wanted);
        let (slices, known) = (HoldingSlices::new(&block, positions), KnownRows::new(&block, date.instant.0));
        let (intervals, goods) = (slices.intervals(), self.goods);
        let ladder = Ladder {
            family: &goods.family,
            tier: &goods.tier,
            canonical: &goods.canonical,
            n_families: goods.families.len(),
        };
        let truth = Truth { kept_us: self.kept_us, data_end: date.instant.0 };
        let takes = find_takes(&intervals, &ladder, &truth).map_err(|error| windows_fault(&error))?;
        let mut takes = takes.into_iter().peekable();
        let (mut bought, mut bought_rows) = (Bought::new(date.date, self.n_items), Vec::new());
        for customer in 0..block.n_customers() {
            let rows = block.offsets[customer] as usize..block.offsets[customer + 1] as usize;
            while let Some((_, take)) = takes.next_if(|(of, _)| *of as usize == customer) {
                let item = self.item(&intervals, rows.clone(), &take);
                bought_rows.extend(item.map(|item| (self.day(take.start), item)));
            }
            if let Some(since) = rows.clone().filter(|&row| known.starts(row)).map(|row| known.start[row]).min() {
                let until = known.until(rows).map_or(date.date, |end| self.day(end).min(date.date));
                bought_rows.sort_unstable();
                bought.push((self.day(since), until), &bought_rows);
            }
            bought_rows.clear();
        }
        Ok(bought)
    }

    /// What was taken: of several products of one family and tier that started together, the first of the catalogue.
    fn item(&self, intervals: &Intervals<'_>, rows: std::ops::Range<usize>, take: &Take) -> Option<u32> {
        let is_taken = |product: &u32| {
            let canonical = self.goods.canonical[*product as usize] as usize;
            (self.goods.family[canonical], self.goods.tier[canonical]) == (take.family, take.tier)
        };
        let started = rows.filter(|&row| intervals.start[row] == take.start).map(|row| intervals.product[row]);
        let product = started.filter(is_taken).min_by_key(|product| self.goods.canonical[*product as usize])?;
        Some(self.of_product[product as usize]).filter(|item| *item < self.n_items)
    }

    fn day(&self, at: i64) -> Date {
        self.zone.date_of(osusume_model::Timestamp(at))
    }
}

/// Rows of holdings as known before an instant.
struct KnownRows<'a> {
    start: &'a [i64],
    start_arrived: Option<Maybe<'a, i64>>,
    end: Option<Maybe<'a, i64>>,
    end_arrived: Option<Maybe<'a, i64>>,
    before: i64,
}

impl<'a> KnownRows<'a> {
    fn new(block: &'a Block, before: i64) -> Self {
        let [start_arrived, end, end_arrived] =
            ["start_arrived", "end", "end_arrived"].map(|name| block.integers(name));
        Self { start: block.times("start"), start_arrived, end, end_arrived, before }
    }

    /// Whether the row is known to have started.
    fn starts(&self, row: usize) -> bool {
        let arrived = self.start_arrived.and_then(|arrived| arrived.get(row));
        self.start[row].max(arrived.unwrap_or(i64::MIN)) < self.before
    }

    /// The instant at which the last of `rows` ended; `None` while one lasts.
    fn until(&self, rows: std::ops::Range<usize>) -> Option<i64> {
        let known_end = |row: usize| {
            let end = self.end.and_then(|end| end.get(row))?;
            let known = self.end_arrived.and_then(|arrived| arrived.get(row)).unwrap_or(end);
            (known < self.before).then_some(end)
        };
        let ends = rows.filter(|&row| self.starts(row)).map(|row| known_end(row).unwrap_or(i64::MAX));
        ends.max().filter(|end| *end < self.before)
    }
}

/// For each item, the others that nobody who has it can add: those of the same family whose tiers are not above its own.
///
/// An item of several products closes another where each of its products does so to each of the other's.
pub(super) fn closed_items(goods: &Goods, of_product: &[u32], n_items: u32) -> Vec<Vec<u32>> {
    let mut products: Vec<Vec<usize>> = vec![Vec::new(); n_items as usize];
    for (product, item) in of_product.iter().enumerate().filter(|(_, item)| **item < n_items) {
        products[*item as usize].push(goods.canonical[product] as usize);
    }
    let closes = |a: usize, b: usize| goods.family[a] == goods.family[b] && goods.tier[a] >= goods.tier[b];
    let is_closed = |item: usize, other: usize| {
        let [own, others] = [&products[item], &products[other]];
        item != other && !others.is_empty() && others.iter().all(|b| own.iter().all(|a| closes(*a, *b)))
    };
    let of_item = |item: usize| {
        if products[item].is_empty() {
            return Vec::new();
        }
        (0..n_items).filter(|other| is_closed(item, *other as usize)).collect()
    };
    (0..n_items as usize).map(of_item).collect()
}

#[cfg(test)]
mod tests {
    use osusume_model::{HeldBy, Minor, Product, Tier, Timestamp};
    use osusume_tables::{Column, Values};

    use super::*;

    /// Two steps of a line, an older code of the second, and television.
    fn goods() -> Goods {
        let product = |(key, family, tier, replaces): (&str, &str, u16, &[&str])| Product {
            key: key.to_owned(),
            family: family.to_owned(),
            tier: Tier(tier),
            held_by: HeldBy::Customer,
            margin: Minor(0),
            requires: Vec::new(),
            excludes: Vec::new(),
            replaces: replaces.iter().map(|&key| key.to_owned()).collect(),
            ..Product::default()
        };
        let products = [
            ("line_1", "line", 1, &[][..]),
            ("line_2", "line", 2, &["line_2_old"]),
            ("line_2_old", "line", 2, &[]),
            ("tv", "tv", 1, &[]),
        ];
        Goods::of_products(products.map(product).into())
    }

    const OF_PRODUCT: [u32; 4] = [0, 1, 1, 3];

    /// A row of holdings: product, first day, day of the end, and the days on which start and end were known.
    type Row = (u32, i64, Option<i64>, i64, i64);

    fn block(customers: &[&[Row]]) -> Block {
        let rows: Vec<Row> = customers.concat();
        let mut offsets = vec![0];
        offsets.extend(customers.iter().scan(0, |end, rows| {
            *end += rows.len() as u32;
            Some(*end)
        }));
        let plain = |values: Values| Column { values, valid: None, dictionary: None };
        let days = |day: fn(&Row) -> i64| plain(Values::I64(rows.iter().map(|row| day(row) * DAY_US).collect()));
        let names = ["line_1", "line_2", "line_2_old", "tv"].map(str::to_owned).into_iter().collect();
        let product = Values::Code(rows.iter().map(|row| row.0).collect());
        let ends = Some(rows.iter().map(|row| row.2.is_some()).collect());
        let columns = vec![
            ("product", Column { dictionary: Some(names), ..plain(product) }),
            ("start", days(|row| row.1)),
            ("end", Column { valid: ends, ..days(|row| row.2.unwrap_or(0)) }),
            ("start_arrived", days(|row| row.3)),
            ("end_arrived", days(|row| row.4)),
        ];
        Block::of(offsets, columns)
    }

    /// As known before `date`, of customers who started something in the year before it.
    fn bought(customers: &[&[Row]], date: i32) -> Bought {
        let goods = goods();
        let date = AsOf { date: Date(date), instant: Timestamp(i64::from(date) * DAY_US) };
        let mut starts = Starts {
            goods: &goods,
            of_product: &OF_PRODUCT,
            n_items: 4,
            zone: Zone::new("UTC").unwrap(),
            kept_us: 30 * DAY_US,
            dates: vec![(date, date.instant.0 - 365 * DAY_US)],
            found: vec![Bought::new(date.date, 4)],
        };
        starts.add(&block(customers), &[0, 1, 2, 3]).unwrap();
        starts.finish().remove(0)
    }

    #[test]
    fn purchases_are_takes_as_known_before_the_date() {
        let customers: [&[Row]; 4] = [
            // A step up, and television that was entered late.
            &[(0, 0, Some(100), 0, 100), (1, 100, None, 100, 0), (3, 150, None, 170, 0)],
            // Left on day 120.
            &[(0, 10, Some(120), 10, 120)],
            // Nothing new for years.
            &[(0, -500, None, -500, 0)],
            // A migration, a renewal, and a second line: no purchase but the first.
            &[(2, 20, Some(50), 20, 50), (1, 50, Some(90), 50, 90), (1, 90, None, 90, 0), (0, 95, None, 95, 0)],
        ];
        let day = |days: &[i32]| days.iter().map(|day| Date(*day)).collect::<Vec<Date>>();
        let then = bought(&customers, 160);
        assert_eq!((then.offsets, then.items, then.days), (vec![0, 2, 3, 4], vec![0, 1, 0, 1], day(&[0, 100, 10, 20])));
        assert_eq!((then.since, then.until), (day(&[0, 10, 20]), day(&[160, 120, 160])));
        let before = bought(&customers, 115);
        assert_eq!(before.until, day(&[115; 3]), "the end was not known yet");
        let after = bought(&customers, 171);
        assert_eq!((&after.items[..3], &after.days[..3]), (&[0, 1, 3][..], &day(&[0, 100, 150])[..]));
    }

    #[test]
    fn a_start_that_was_undone_is_no_purchase_once_that_is_known() {
        let customers: [&[Row]; 1] = [&[(0, 0, None, 0, 0), (3, 10, Some(20), 10, 20)]];
        assert_eq!(bought(&customers, 15).items, [0, 3]);
        assert_eq!(bought(&customers, 25).items, [0]);
    }

    #[test]
    fn a_step_closes_those_below_it() {
        let nothing = Vec::<u32>::new;
        assert_eq!(closed_items(&goods(), &OF_PRODUCT, 4), [nothing(), vec![0], nothing(), nothing()]);
        assert_eq!(
            closed_items(&goods(), &[0, 0, 0, 1], 2),
            [nothing(), nothing()],
            "by family nothing closes anything"
        );
    }
}
