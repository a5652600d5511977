//! Baskets out of the checked tables: lines of one receipt, or what a customer holds on a day.

use osusume_association::{Baskets as Raw, Contingency, DEFAULT_MAX_BASKET, Rules, Transactions, recount};
use std::borrow::Cow;

use osusume_model::{AsOf, Code, Control, Date, Fault, Result, Timestamp};
use osusume_tables::{TableFile, Zone};

use super::Items;
use super::bought::{Bought, Starts, closed_items};
use super::held::Held;
use super::levels::Levels;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{Mine, Source};
use crate::job::Job;
use crate::kernel::association_fault;
use crate::seam::Block;
use crate::stages::consents::without_opted_out;
use crate::stages::decide::is_purchase;

/// Bytes a line of a purchase takes while baskets are made: item, basket and their share of the copy for one date.
const LINE_BYTES: u64 = 24;
/// Bytes more for each level above what was bought, and for what was bought itself where there is one: an item and what it stands for.
const LEVEL_BYTES: u64 = 8;
/// Bytes a row of holdings takes while what follows is found: day and item for two dates, and their days with strata.
const START_BYTES: u64 = 48;

/// What is mined, whatever the date.
pub(super) enum Baskets {
    /// Receipts, read once; a date chooses among them.
    Receipts(Box<Receipts>),
    /// What customers hold on every date, and what they bought before the newest ones, where what follows is asked.
    Held(Held, Vec<Bought>),
}

/// Every receipt with something on it.
pub(super) struct Receipts {
    /// Days before a date that count.
    days: u32,
    /// Receipts, those of a customer together.
    all: Transactions,
    /// When each was.
    at: Vec<i64>,
    /// Since when all of it was known.
    known: Vec<i64>,
    /// The day of each, and its customer.
    day: Vec<Date>,
    customer: Vec<u32>,
    /// Whether what follows is asked.
    is_followed: bool,
    /// Memory taken while one date is mined.
    bytes: u64,
}

/// Receipts as they are read.
struct Reader<'a> {
    levels: &'a Levels,
    /// Items of receipt r, each once: `items[offsets[r]..offsets[r + 1]]`.
    offsets: Vec<usize>,
    items: Vec<u32>,
    at: Vec<i64>,
    known: Vec<i64>,
    customer: Vec<u32>,
    /// How many receipts there were when an item was last on one, itself included.
    last_seen: Vec<usize>,
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
        let category = job.config.offers.category.as_ref();
        let items = |levels: Levels, closes| {
            let offered = levels.offered(goods, category, config);
            let roles = levels.roles(&offered, config)?;
            Ok(Items { levels, roles, offered, closes })
        };
        if !config.is_of_purchases() {
            let levels = held_levels(goods, config)?;
            let of_product = (&levels.of_key[..], levels.len());
            let mut starts = Starts::new(job, goods, of_product, followed_dates(job, config, dates), config.days)?;
            check_starts(job, tables, &starts)?;
            let held = Held::read(job, tables, goods, of_product, dates, &mut starts)?;
            let (closes, bought) = (closed_items(goods, of_product.0, of_product.1), starts.finish());
            return Ok((Self::Held(held, bought), items(levels, Some(closes))?));
        }
        let source = job.config.source_of(crate::config::Role::Purchases).expect("the configuration was checked");
        let table = tables.table(&source.name).expect("every source is a table");
        let dictionary = table.dictionary("product").unwrap_or_default();
        let levels = Levels::new(goods, config, &dictionary, |key| key)?;
        let asked = (tables, dates[dates.len() - 1]);
        let receipts = Receipts::read(job, asked, (source, table), &levels, config)?;
        Ok((Self::Receipts(Box::new(receipts)), items(levels, None)?))
    }

    /// Whether there is memory for the baskets of `n_dates` side by side.
    pub(super) fn fit(&self, job: &Job<'_>, n_dates: usize) -> bool {
        match self {
            Self::Receipts(receipts) => receipts.bytes * n_dates as u64 <= job.memory / 2,
            // The same few sets on every date.
            Self::Held(..) => true,
        }
    }

    /// What had happened and was known before `date`.
    pub(super) fn before(&self, job: &Job<'_>, items: &Items, date: AsOf) -> Result<Transactions> {
        let bought = match self {
            Self::Receipts(receipts) => {
                let from = job.calendar.midnight(date.date - receipts.days as i32).0;
                receipts.between(from, date.instant.0, date.instant.0)
            }
            Self::Held(held, _) => held.transactions(date.date, &job.quiet())?,
        };
        items.levels.extend(bought, &job.quiet())
    }

    /// What customers bought as known before `date`, one of the two newest; `None` where what follows is not asked.
    pub(super) fn bought(&self, date: AsOf) -> Option<Cow<'_, Bought>> {
        match self {
            Self::Receipts(receipts) => receipts.is_followed.then(|| Cow::Owned(receipts.bought(date))),
            Self::Held(_, bought) => bought.iter().find(|bought| bought.as_of == date.date).map(Cow::Borrowed),
        }
    }

    /// The rules counted in what followed `date`, as known at `end`: in the receipts of that time; of holdings, among those who did not hold
    /// the consequent at `date`, by whether they held it at `end`.
    pub(super) fn follow(
        &self,
        job: &Job<'_>,
        items: &Items,
        (date, end): (AsOf, AsOf),
        rules: &Rules,
    ) -> Result<Vec<Contingency>> {
        match self {
            Self::Receipts(receipts) => {
                let later = receipts.between(date.instant.0, end.instant.0, end.instant.0);
                let later = items.levels.extend(later, &job.quiet())?;
                recount(&later, rules, &job.quiet()).map_err(|error| association_fault(&error))
            }
            Self::Held(held, _) => held.taken(date.date, rules, &items.levels, &job.quiet()),
        }
    }
}

/// The newest date models learn from and the run's own, where what follows is asked; a cross-section knows no before and after.
fn followed_dates<'a>(job: &Job<'_>, config: &Mine, dates: &'a [AsOf]) -> &'a [AsOf] {
    let is_asked = config.follow_days > 0 && !job.config.is_cross_section();
    if is_asked { &dates[dates.len().saturating_sub(2)..] } else { &[] }
}

/// Whether there is memory for what customers with holdings bought.
fn check_starts(job: &Job<'_>, tables: &Checked, starts: &Starts<'_>) -> Result<()> {
    let table = job.config.holdings().and_then(|source| tables.table(&source.name));
    let needed = table.map_or(0, |table| table.n_rows() * START_BYTES);
    if starts.is_asked() && needed > job.memory / 2 {
        let fault = Fault::new(Code::MemoryBudget).with("budget", job.memory).with("needed", 2 * needed);
        return Err(fault.with("largest", "what follows what (mine.follow_days)"));
    }
    Ok(())
}

/// Items of holdings, by product: those that were replaced count as what replaces them.
fn held_levels(goods: &Goods, config: &Mine) -> Result<Levels> {
    let keys: Vec<String> = goods.catalogue.products.iter().map(|product| product.key.clone()).collect();
    Levels::new(goods, config, &keys, |product| goods.canonical[product] as usize)
}

impl Receipts {
    fn read(
        job: &Job<'_>,
        (tables, as_of): (&Checked, AsOf),
        (source, table): (&Source, &TableFile),
        levels: &Levels,
        config: &Mine,
    ) -> Result<Self> {
        let of_levels = if config.above.is_empty() { 0 } else { LEVEL_BYTES * (1 + config.above.len() as u64) };
        let needed = table.n_rows() * (LINE_BYTES + of_levels);
        if needed > job.memory / 2 {
            let fault = Fault::new(Code::MemoryBudget).with("budget", job.memory).with("needed", 2 * needed);
            return Err(fault.with("largest", "baskets to mine"));
        }
        let columns = ["at", "arrived", "product", "quantity", "basket"];
        let declared: Vec<&str> = columns.into_iter().filter(|name| source.column(name).is_some()).collect();
        let zone = Zone::new(&job.config.pipeline.time_zone)?;
        let mut reader = Reader::new(levels);
        for customers in tables.passes() {
            job.check_stop()?;
            let start = customers.start;
            let customers: Vec<u32> = customers.collect();
            let block = Block::read_of(table, &customers, &declared, &job.quiet())?;
            let block = without_opted_out(job, tables, &customers, as_of, block)?;
            for customer in 0..block.n_customers() {
                reader.add(&block, (customer, start + customer as u32), &zone);
            }
        }
        reader.finish((config.days, config.follow_days > 0), &zone, needed, &job.quiet())
    }

    /// What was on the receipts that had happened and were known before `date`, by customer and day.
    fn bought(&self, date: AsOf) -> Bought {
        let (before, mut at) = (date.instant.0, 0);
        let mut bought = Bought::new(date.date, self.all.n_items());
        let (mut receipts, mut rows): (Vec<usize>, Vec<(Date, u32)>) = (Vec::new(), Vec::new());
        for same in self.customer.chunk_by(|a, b| a == b) {
            let known = (at..at + same.len()).filter(|&receipt| self.at[receipt].max(self.known[receipt]) < before);
            receipts.clear();
            receipts.extend(known);
            receipts.sort_by_key(|&receipt| self.day[receipt]);
            at += same.len();
            rows.clear();
            for &receipt in &receipts {
                rows.extend(self.all.basket(receipt).iter().map(|item| (self.day[receipt], *item)));
            }
            if let Some((since, _)) = rows.first() {
                bought.push((*since, date.date), &rows);
            }
        }
        bought
    }

    /// Receipts from `from` to before `until` of which everything was known before `known_before`.
    fn between(&self, from: i64, until: i64, known_before: i64) -> Transactions {
        self.all.subset(|receipt| (from..until).contains(&self.at[receipt]) && self.known[receipt] < known_before)
    }
}

impl<'a> Reader<'a> {
    fn new(levels: &'a Levels) -> Self {
        Self {
            levels,
            offsets: vec![0],
            items: Vec::new(),
            at: Vec::new(),
            known: Vec::new(),
            customer: Vec::new(),
            last_seen: vec![0; levels.len() as usize],
        }
    }

    /// Adds the receipts of a customer: lines with the same basket, without returns and without what has no level. Where baskets of several
    /// customers have the same name, each customer has one. What nobody can have bought at once is left out.
    ///
    /// Lines that became known on another day are a receipt of their own: a line that is added to a receipt later must not change, nor hide,
    /// what was known of it on the dates between.
    fn add(&mut self, block: &Block, (customer, index): (usize, u32), zone: &Zone) {
        let (at, product) = (block.times("at"), block.codes("product"));
        let (arrived, basket, quantity) = (block.integers("arrived"), block.codes("basket"), block.column("quantity"));
        let rows = block.offsets[customer] as usize..block.offsets[customer + 1] as usize;
        let item = |row: usize| {
            let item = *self.levels.of_key.get(product?.get(row)? as usize)?;
            (item < self.levels.len() && is_purchase(quantity, row)).then_some(item)
        };
        let known = |row: usize| arrived.and_then(|arrived| arrived.get(row)).unwrap_or(at[row]).max(at[row]);
        let line = |row: usize| {
            let basket = basket.and_then(|basket| basket.get(row))?;
            Some((basket, zone.date_of(Timestamp(known(row))), row, item(row)?))
        };
        let mut lines: Vec<(u32, Date, usize, u32)> = rows.filter_map(line).collect();
        lines.sort_unstable();
        for receipt in lines.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            if self.add_items(receipt.iter().map(|line| line.3)) {
                self.at.push(at[receipt[0].2]);
                self.known.push(receipt.iter().map(|line| known(line.2)).max().unwrap_or(i64::MAX));
                self.customer.push(index);
            }
        }
    }

    /// Adds a receipt's items, each once; `false` when they are too many for a receipt.
    fn add_items(&mut self, items: impl Iterator<Item = u32>) -> bool {
        let n_receipts = self.offsets.len();
        for item in items {
            if std::mem::replace(&mut self.last_seen[item as usize], n_receipts) != n_receipts {
                self.items.push(item);
            }
        }
        let start = self.offsets[n_receipts - 1];
        if self.items.len() - start > DEFAULT_MAX_BASKET {
            self.items.truncate(start);
            self.last_seen.fill(0);
            return false;
        }
        self.offsets.push(self.items.len());
        true
    }

    fn finish(
        self,
        (days, is_followed): (u32, bool),
        zone: &Zone,
        bytes: u64,
        control: &dyn Control,
    ) -> Result<Receipts> {
        let Self { offsets, items, levels, customer, at, known, .. } = self;
        let n_items = levels.len();
        let raw = Raw { offsets: &offsets, items: &items, n_items, weights: None, groups: Some(&customer) };
        let all = Transactions::build(&raw, DEFAULT_MAX_BASKET, control).map(|(db, _)| db);
        let all = all.map_err(|error| association_fault(&error))?;
        // Without the question neither days nor customers are kept.
        let asked = if is_followed { &at[..] } else { &[] };
        let day = asked.iter().map(|at| zone.date_of(Timestamp(*at))).collect();
        let customer = if is_followed { customer } else { Vec::new() };
        Ok(Receipts { days, all, at, known, day, customer, is_followed, bytes })
    }
}

#[cfg(test)]
mod tests {
    use osusume_model::{DAY_US, NoControl, Stop};
    use osusume_tables::{Column, Values};

    use super::*;

    struct Asked;

    impl Control for Asked {
        fn progress(&self, _done: u64, _total: u64) {}

        fn stop(&self) -> Option<Stop> {
            Some(Stop::Cancelled)
        }
    }

    #[test]
    fn making_baskets_ends_when_asked_to() {
        let levels = Levels::plain(&["bread"]);
        let mut reader = Reader::new(&levels);
        assert!(reader.add_items([0].into_iter()));
        (reader.at, reader.known, reader.customer) = (vec![1], vec![1], vec![0]);
        let stopped = reader.finish((10, false), &Zone::new("UTC").unwrap(), 0, &Asked).map(|_| ());
        assert_eq!(stopped.unwrap_err().code(), Code::Cancelled);
    }

    /// Found by `prove leakage` on a shop's invoices: a line of the future hid what had been bought before it.
    #[test]
    fn a_line_added_later_hides_nothing_of_its_receipt() {
        let levels = Levels::plain(&["bread", "milk"]);
        let column = |values| Column { values, valid: None, dictionary: None };
        let columns = vec![
            ("at", column(Values::I64(vec![10, 20, 3 * DAY_US].into()))),
            ("product", column(Values::Code(vec![0, 1, 1].into()))),
            ("basket", column(Values::Code(vec![7; 3].into()))),
        ];
        let (mut reader, zone) = (Reader::new(&levels), Zone::new("UTC").unwrap());
        reader.add(&Block::of(vec![0, 3], columns), (0, 0), &zone);
        let receipts = reader.finish((10, true), &zone, 0, &NoControl).unwrap();
        assert_eq!(
            receipts.between(0, DAY_US, DAY_US).item_counts(),
            [1, 1],
            "both lines of the first day are one receipt"
        );
        assert_eq!(receipts.all.n(), 2);
    }

    #[test]
    fn a_receipt_counts_once_all_of_it_is_known() {
        let levels = Levels::plain(&["bread", "milk"]);
        let mut reader = Reader::new(&levels);
        for (items, at, known, customer) in [(vec![0, 1, 0], 10, 10, 0), (vec![1], 20, 30, 0), (vec![0], DAY_US, 0, 4)]
        {
            assert!(reader.add_items(items.into_iter()));
            reader.at.push(at);
            reader.known.push(known);
            reader.customer.push(customer);
        }
        let receipts = reader.finish((10, true), &Zone::new("Asia/Tokyo").unwrap(), 0, &NoControl).unwrap();
        assert_eq!(receipts.all.item_counts(), [2, 2]);
        let n = |from, until, known| receipts.between(from, until, known).n();
        assert_eq!((n(0, 30, 30), n(0, 30, 31), n(10, 20, 31), n(11, 20, 31)), (1, 2, 1, 0));
        let bought = |instant| {
            let bought = receipts.bought(AsOf { date: Date(9), instant: Timestamp(instant) });
            let history = bought.history();
            (history.offsets.to_vec(), history.items.to_vec(), history.days.to_vec())
        };
        assert_eq!(bought(30), (vec![0, 2], vec![0, 1], vec![Date(0); 2]), "the second was not known yet");
        assert_eq!(bought(DAY_US), (vec![0, 3], vec![0, 1, 1], vec![Date(0); 3]));
        // The other customer bought at nine in the morning of Tokyo's next day.
        assert_eq!(bought(i64::MAX).2, [Date(0), Date(0), Date(0), Date(1)]);
    }
}
