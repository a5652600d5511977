//! What the other members of a customer's household have, do and say: recipe `household`.
//!
//! Who belongs together, and what each member adds, is settled date by date before the first value: a member may lie in any partition.
//! Everything is what was known before the date; whoever had refused every channel adds nothing. A value is the sum of what the others
//! add, or their newest take; what a member adds is held in single precision.

use std::collections::BTreeMap;

use osusume_model::{AsOf, Code, DAY_US, Family, Fault, FeatureSpec, NullMeaning, Result, Unit, Window};
use osusume_tables::TableFile;
use osusume_windows::Cell;

use super::cells::{Blocks, HoldingSlices, product_positions};
use super::groups::spec;
use super::{Wanted, read_blocks};
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{History, Recipe, Role, Source};
use crate::job::Job;
use crate::seam::Block;
use crate::stages::consents::opted_out;
use crate::tone::Tones;

/// Name of the block that says which customers are at hand; no source is called so.
pub(super) const BLOCK: &str = "household@members";
/// A larger household is a value that stands for an unknown one.
const MOST_MEMBERS: usize = 50;
/// Days in which a complaint still hangs over a household.
const VOICE_DAYS: [u32; 2] = [30, 90];
/// A customer without a household.
const NOBODY: u32 = u32::MAX;

/// One feature.
#[derive(Clone, Debug, PartialEq, Eq)]
enum HouseholdCell {
    /// How many others there are.
    Members,
    /// How many of them hold something of a family.
    Holders(usize),
    /// Days since one of them last took something: of a family, or anything.
    Take(Option<usize>),
    /// What they paid in the days before.
    Spend(String, u32),
    /// How often they complained in the days before, or wrote, where nobody reads what.
    Voice(String, u32),
}

/// Features of households, and what members add to them on each date.
pub(super) struct HouseholdGroup {
    source: String,
    /// Whether the table's arrivals tell since when a household is known.
    is_arrival_known: bool,
    cells: Vec<HouseholdCell>,
    dates: BTreeMap<i64, Dated>,
}

/// The households of one date.
#[derive(Default)]
struct Dated {
    /// By customer: position among the members, or [`NOBODY`].
    place: Vec<u32>,
    /// By member, those of one household side by side: where its household begins and ends.
    bounds: Vec<(u32, u32)>,
    /// By member: what they add to each feature, NaN for nothing.
    adds: Vec<f32>,
}

impl HouseholdGroup {
    /// The features of the households that a table of customers tells; none where they are not asked for or not known.
    pub(super) fn draw(job: &Job<'_>, source: &Source, goods: &Goods) -> Option<(Self, Vec<FeatureSpec>)> {
        let is_asked = job.config.features.recipes.contains(&Recipe::Household) && !job.config.is_cross_section();
        // What a reload overwrites says nothing of the past.
        source.column("household").filter(|header| is_asked && source.is_static(header))?;
        let is_arrival_known = source.history != History::Snapshot && source.column("arrived").is_some();
        let (cells, specs) = drawn(job, source, goods).into_iter().unzip();
        Some((Self { source: source.name.clone(), is_arrival_known, cells, dates: BTreeMap::new() }, specs))
    }

    /// Number of features.
    pub(super) fn width(&self) -> usize {
        self.cells.len()
    }

    /// Learns for each date who belongs together and what they add.
    ///
    /// # Errors
    /// Faults of reading, `MemoryBudget`, and a stop asked for.
    pub(super) fn learn(&mut self, job: &Job<'_>, tables: &Checked, goods: &Goods, dates: &[AsOf]) -> Result<()> {
        let Some(table) = tables.table(&self.source) else { return Ok(()) };
        let households = self.households(job, (tables, table), dates)?;
        let mut learned = Vec::with_capacity(dates.len());
        for (date, households) in dates.iter().zip(households) {
            let (dated, too_large) = gathered(&households);
            // Of the dates the last one is that of the run: once is enough.
            if let Some((n_households, n_customers)) = too_large.filter(|_| Some(date) == dates.last()) {
                let fault = Fault::new(Code::HouseholdsTooLarge).with("source", self.source.as_str());
                let fault = fault.with("households", n_households).with("customers", n_customers);
                job.warn(fault.with("most", MOST_MEMBERS as u64));
            }
            learned.push(dated);
        }
        let bytes: u64 = learned.iter().map(|dated| (dated.bounds.len() * self.cells.len() * 4) as u64).sum();
        if bytes > job.memory / 2 {
            let fault = Fault::new(Code::MemoryBudget).with("budget", job.memory);
            return Err(fault.with("needed", 2 * bytes).with("largest", "households"));
        }
        for dated in &mut learned {
            dated.adds = vec![f32::NAN; dated.bounds.len() * self.cells.len()];
        }
        let wanted = wanted(job);
        for customers in tables.passes() {
            job.check_stop()?;
            let (blocks, _) = read_blocks(job, tables, goods, &wanted, &customers)?;
            let sources = Sources::new(job, goods, &blocks);
            for (date, dated) in dates.iter().zip(&mut learned) {
                for (position, customer) in customers.clone().enumerate() {
                    let place = dated.place[customer as usize];
                    if place != NOBODY {
                        let adds = &mut dated.adds[place as usize * self.cells.len()..][..self.cells.len()];
                        let added = self.cells.iter().map(|cell| sources.added(cell, position, *date));
                        adds.iter_mut().zip(added).for_each(|(add, added)| *add = added as f32);
                    }
                }
            }
        }
        self.dates = dates.iter().map(|date| date.instant.0).zip(learned).collect();
        Ok(())
    }

    /// By date and customer: the code of the household as it was known then; none for those who had refused every channel.
    fn households(
        &self,
        job: &Job<'_>,
        (tables, table): (&Checked, &TableFile),
        dates: &[AsOf],
    ) -> Result<Vec<Vec<Option<u32>>>> {
        let columns = if self.is_arrival_known { &["household", "arrived"][..] } else { &["household"] };
        let mut found = vec![Vec::with_capacity(tables.n_customers() as usize); dates.len()];
        for customers in tables.passes() {
            job.check_stop()?;
            let block = Block::read(table, customers.clone(), columns, &job.quiet())?;
            let codes = block.codes("household");
            let asked: Vec<u32> = customers.collect();
            for (date, found) in dates.iter().zip(&mut found) {
                let refused = opted_out(job, tables, &asked, *date)?;
                let household = |(customer, refused): (usize, bool)| {
                    let row = block.newest_known(customer, date.instant.0).filter(|_| !refused)?;
                    codes.and_then(|codes| codes.get(row))
                };
                found.extend(refused.into_iter().enumerate().map(household));
            }
        }
        Ok(found)
    }

    /// The values of the customers that `block` names, as of several dates.
    pub(super) fn values<C: Cell>(&self, block: &Block, dates: &[AsOf]) -> Vec<C> {
        let width = self.cells.len();
        let mut values = Vec::with_capacity(block.n_customers() * dates.len() * width);
        for &customer in block.times(CUSTOMER) {
            for date in dates {
                let dated = self.dates.get(&date.instant.0);
                let others = dated.and_then(|dated| dated.others(customer as usize));
                for (at, cell) in self.cells.iter().enumerate() {
                    let value = match (dated, &others) {
                        (Some(dated), Some(others)) => {
                            together(cell, others.iter().map(|m| dated.adds[m * width + at]))
                        }
                        _ => f64::NAN,
                    };
                    values.push(C::from_f64(value));
                }
            }
        }
        values
    }
}

/// The column of [`BLOCK`]: the customers' indexes.
const CUSTOMER: &str = "customer";

/// Says which customers are at hand, so that a smaller block still does.
pub(super) fn block(customers: &std::ops::Range<u32>) -> Block {
    Block::of_integers(CUSTOMER, customers.clone().map(i64::from).collect())
}

/// What the others add comes to.
fn together(cell: &HouseholdCell, adds: impl Iterator<Item = f32>) -> f64 {
    let there = adds.filter(|add| !add.is_nan()).map(f64::from);
    match cell {
        HouseholdCell::Take(_) => there.fold(f64::NAN, f64::min),
        _ => there.fold(0.0, |sum, add| sum + add),
    }
}

impl Dated {
    /// The other members of a customer's household; nothing for one without.
    fn others(&self, customer: usize) -> Option<Vec<usize>> {
        let place = self.place.get(customer).copied().filter(|&place| place != NOBODY)?;
        let (start, end) = self.bounds[place as usize];
        Some((start..end).filter(|&member| member != place).map(|member| member as usize).collect())
    }
}

/// Members in the order of households, and the number of households too large to be one with that of their members.
fn gathered(households: &[Option<u32>]) -> (Dated, Option<(u64, u64)>) {
    let mut members: Vec<(u32, u32)> =
        (0..).zip(households).filter_map(|(customer, code)| Some(((*code)?, customer))).collect();
    members.sort_unstable();
    let mut dated = Dated { place: vec![NOBODY; households.len()], ..Dated::default() };
    let mut too_large = (0, 0);
    for household in members.chunk_by(|a, b| a.0 == b.0) {
        if household.len() > MOST_MEMBERS {
            too_large = (too_large.0 + 1, too_large.1 + household.len() as u64);
            continue;
        }
        let start = dated.bounds.len() as u32;
        for (member, (_, customer)) in (start..).zip(household) {
            dated.place[*customer as usize] = member;
            dated.bounds.push((start, start + household.len() as u32));
        }
    }
    (dated, Some(too_large).filter(|(households, _)| *households > 0))
}

/// What is read of each member.
fn wanted(job: &Job<'_>) -> Vec<Wanted> {
    let columns = |source: &Source| -> &[&str] {
        match source.role {
            Role::Holdings => &["product", "start", "end", "start_arrived", "end_arrived", "by_company"],
            Role::Purchases => &["at", "arrived", "amount"],
            Role::Voice if job.config.reads_text(source) => &["at", "arrived", "text"],
            Role::Voice => &["at", "arrived"],
            _ => &[],
        }
    };
    let told = job.config.sources.values().filter(|source| !columns(source).is_empty());
    let wanted = |source: &Source| Wanted {
        source: source.name.clone(),
        columns: columns(source)
            .iter()
            .filter(|name| source.column(name).is_some())
            .map(|name| (*name).to_owned())
            .collect(),
        role: source.role,
    };
    told.map(wanted).collect()
}

/// The rows of some customers.
struct Sources<'a> {
    job: &'a Job<'a>,
    blocks: &'a Blocks,
    goods: &'a Goods,
    holdings: Option<HoldingSlices<'a>>,
    purchases: Option<&'a Block>,
    complaints: BTreeMap<&'a str, Option<Vec<bool>>>,
}

impl<'a> Sources<'a> {
    fn new(job: &'a Job<'a>, goods: &'a Goods, blocks: &'a Blocks) -> Self {
        let of = |role| job.config.source_of(role).and_then(|source| blocks.get(&source.name));
        let holdings = of(Role::Holdings).map(|block| HoldingSlices::new(block, &product_positions(goods, block)));
        let voices = job.config.sources_of(Role::Voice).filter_map(|source| Some((source, blocks.get(&source.name)?)));
        let complaints = voices.map(|(source, block)| (source.name.as_str(), complaints(block))).collect();
        Self { job, blocks, goods, holdings, purchases: of(Role::Purchases), complaints }
    }

    /// What one customer adds to a feature of the others; NaN for nothing.
    fn added(&self, cell: &HouseholdCell, customer: usize, date: AsOf) -> f64 {
        match cell {
            HouseholdCell::Members => 1.0,
            HouseholdCell::Holders(family) => f64::from(u8::from(self.holds(customer, *family, date.instant.0))),
            HouseholdCell::Take(family) => self.days_since_take(customer, *family, date.instant.0),
            HouseholdCell::Spend(source, days) => {
                let Some(block) = self.blocks.get(source) else { return f64::NAN };
                let amounts = block.integers("amount");
                let rows = self.rows(block, customer, date, *days);
                let amount = |row| amounts.and_then(|amounts| amounts.get(row)).unwrap_or(0);
                rows.map(amount).sum::<i64>() as f64
            }
            HouseholdCell::Voice(source, days) => {
                let Some(block) = self.blocks.get(source) else { return f64::NAN };
                let told = self.complaints.get(source.as_str()).and_then(Option::as_ref);
                let rows = self.rows(block, customer, date, *days);
                rows.filter(|&row| told.is_none_or(|told| told[row])).count() as f64
            }
        }
    }

    fn holds(&self, customer: usize, family: usize, at: i64) -> bool {
        self.holdings.as_ref().is_some_and(|holdings| {
            let intervals = holdings.intervals();
            let mut rows = intervals.offsets[customer] as usize..intervals.offsets[customer + 1] as usize;
            let is_of = |row: usize| self.goods.family[intervals.product[row] as usize] as usize == family;
            rows.any(|row| is_of(row) && intervals.is_held(row, at))
        })
    }

    fn days_since_take(&self, customer: usize, family: Option<usize>, at: i64) -> f64 {
        let mut newest: Option<i64> = None;
        if let Some(holdings) = &self.holdings {
            let intervals = holdings.intervals();
            let rows = intervals.offsets[customer] as usize..intervals.offsets[customer + 1] as usize;
            let is_of = |row: &usize| {
                family.is_none_or(|family| self.goods.family[intervals.product[*row] as usize] as usize == family)
            };
            let is_own = |row: &usize| intervals.by_company.is_none_or(|by_company| !by_company[*row]);
            let rows = rows.filter(is_of).filter(is_own).filter(|&row| intervals.has_started(row, at));
            newest = rows.map(|row| intervals.start[row]).max();
        }
        if let (Some(block), None) = (self.purchases, family) {
            let (times, arrived) = (block.times("at"), block.integers("arrived"));
            let rows = block.offsets[customer] as usize..block.offsets[customer + 1] as usize;
            let bought = rows.filter(|&row| is_known(times, arrived, row, at)).map(|row| times[row]).max();
            newest = newest.max(bought);
        }
        newest.map_or(f64::NAN, |newest| (at - newest) as f64 / DAY_US as f64)
    }

    /// The rows of the days before a date that had happened and arrived.
    fn rows<'b>(&self, block: &'b Block, customer: usize, date: AsOf, days: u32) -> impl Iterator<Item = usize> + 'b {
        let since = self.job.calendar.midnight(date.date - days as i32).0;
        let (times, arrived, at) = (block.times("at"), block.integers("arrived"), date.instant.0);
        let rows = block.offsets[customer] as usize..block.offsets[customer + 1] as usize;
        rows.filter(move |&row| times[row] >= since && is_known(times, arrived, row, at))
    }
}

fn is_known(times: &[i64], arrived: Option<osusume_windows::Maybe<'_, i64>>, row: usize, at: i64) -> bool {
    times[row] < at && arrived.and_then(|arrived| arrived.get(row)).is_none_or(|arrived| arrived < at)
}

/// Whether each row complains, where its text was read.
fn complaints(block: &Block) -> Option<Vec<bool>> {
    let names = block.column("text")?.dictionary.clone()?;
    let (tones, codes) = (Tones::of(&names), block.codes("text")?);
    Some((0..codes.values.len()).map(|row| codes.get(row).is_some_and(|code| tones.is_complaint(code))).collect())
}

/// Features and their entries in the dictionary.
fn drawn(job: &Job<'_>, customers: &Source, goods: &Goods) -> Vec<(HouseholdCell, FeatureSpec)> {
    let entry = |name: &str, family, unit, null, text_key, subject: &str| {
        spec(customers, &format!("household_{name}"), family, unit, null, text_key, subject)
    };
    let (none, never) = (NullMeaning::NotApplicable, NullMeaning::NotYet);
    let about = customers.name.as_str();
    let mut all = vec![(
        HouseholdCell::Members,
        entry("members", Family::Attribute, Unit::Count, none, "household_members", about),
    )];
    let has = |role| job.config.source_of(role);
    if has(Role::Holdings).is_some() {
        for (at, family) in goods.families.iter().enumerate() {
            let (holders, take) = (format!("{family}_holders"), format!("{family}_take"));
            let holders = entry(&holders, Family::Holding, Unit::Count, none, "household_holders", family);
            let take = entry(&take, Family::Recency, Unit::Days, never, "household_take_of", family);
            all.extend([(HouseholdCell::Holders(at), holders), (HouseholdCell::Take(Some(at)), take)]);
        }
    }
    if has(Role::Holdings).or(has(Role::Purchases)).is_some() {
        let take = entry("take", Family::Recency, Unit::Days, never, "household_take", about);
        all.push((HouseholdCell::Take(None), take));
    }
    let dated = |name: &str, days, family, unit, text_key, subject: &str| {
        let window = Some(Window::last(days));
        FeatureSpec { window, ..entry(&format!("{name}_{days}d"), family, unit, none, text_key, subject) }
    };
    if let Some(source) = has(Role::Purchases).filter(|source| source.column("amount").is_some()) {
        all.extend(job.config.features.windows_days.iter().map(|&days| {
            let spend = dated("spend", days, Family::Money, Unit::Minor, "household_spend", about);
            (HouseholdCell::Spend(source.name.clone(), days), spend)
        }));
    }
    for source in job.config.sources_of(Role::Voice) {
        let text_key = if job.config.reads_text(source) { "household_complaints" } else { "household_voice" };
        all.extend(VOICE_DAYS.map(|days| {
            let voice = dated(&source.name, days, Family::Voice, Unit::Count, text_key, &source.name);
            (HouseholdCell::Voice(source.name.clone(), days), voice)
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_side_by_side_and_a_default_value_is_no_household() {
        let crowd = (0..60).map(|_| Some(7));
        let households: Vec<Option<u32>> = [Some(2), None, Some(1), Some(2)].into_iter().chain(crowd).collect();
        let (dated, too_large) = gathered(&households);
        assert_eq!(too_large, Some((1, 60)));
        let others = |customer| dated.others(customer);
        let of = |customer: usize| dated.place[customer] as usize;
        assert_eq!(others(0), Some(vec![of(3)]));
        assert_eq!((others(1), others(2), others(3)), (None, Some(Vec::new()), Some(vec![of(0)])));
        assert!((4..64).all(|customer| others(customer).is_none()));
    }

    #[test]
    fn the_newest_take_of_the_others_counts_and_everything_else_adds_up() {
        let adds = [3.0, f32::NAN, 1.5];
        assert!((together(&HouseholdCell::Take(None), adds.into_iter()) - 1.5).abs() < 1e-12);
        assert!((together(&HouseholdCell::Members, adds.into_iter()) - 4.5).abs() < 1e-12);
        assert!(together(&HouseholdCell::Take(None), std::iter::empty()).is_nan());
        assert_eq!(together(&HouseholdCell::Members, std::iter::empty()).to_bits(), 0.0_f64.to_bits());
    }
}
