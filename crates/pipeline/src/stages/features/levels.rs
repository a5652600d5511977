//! Which levels of a category have a name: those that enough customers have, as far as was known on the dates that use them. The rest is one.

use std::ops::Range;
use std::sync::Arc;

use osusume_model::{Code, Fault, Result, Timestamp};
use osusume_report::SMALLEST_SHOWN;
use osusume_tables::TableFile;
use rayon::prelude::*;

use super::people::People;
use crate::checked::most_customers;
use crate::config::Source;
use crate::job::Job;
use crate::plan::{EventColumn, Level, Sense, Use};
use crate::seam::Block;

/// Customers read at once while levels are counted.
const COUNT_BLOCK: u32 = 1 << 16;
/// The same where rows are in memory, and reading a few costs no more than their share.
const HELD_BLOCK: u32 = 1 << 12;
/// Names a message lists.
const NAMES_SHOWN: usize = 20;

/// Rows and customers by level.
struct Tally {
    rows: Vec<u64>,
    customers: Vec<u64>,
    /// The customer last counted at each level; customers come one after the other.
    last: Vec<Option<u32>>,
}

impl Tally {
    fn new(n_levels: usize) -> Self {
        Self { rows: vec![0; n_levels], customers: vec![0; n_levels], last: vec![None; n_levels] }
    }

    fn add(&mut self, customer: u32, level: usize) {
        let Some(last) = self.last.get_mut(level) else { return };
        self.rows[level] += 1;
        if *last != Some(customer) {
            *last = Some(customer);
            self.customers[level] += 1;
        }
    }

    /// Adds the counts of other customers.
    fn merge(&mut self, other: &Self) {
        self.rows.iter_mut().zip(&other.rows).for_each(|(all, more)| *all += more);
        self.customers.iter_mut().zip(&other.customers).for_each(|(all, more)| *all += more);
    }

    /// Whether enough customers have the level for its name to be no hint at any of them.
    fn is_common(&self, level: usize) -> bool {
        self.customers[level] >= SMALLEST_SHOWN
    }
}

/// The levels of an attribute that have a name, and the code that features hold for each of the table's: its position among the names,
/// or their number for all others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    pub(super) names: Vec<String>,
    pub(super) codes: Arc<[u32]>,
}

impl Named {
    /// The levels of `column` among the customers of the run's dates.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(super) fn read(job: &Job<'_>, table: &TableFile, column: &str, people: &People) -> Result<Self> {
        let dictionary = table.dictionary(column).unwrap_or_default();
        let mut tally = Tally::new(dictionary.len());
        for start in (0..people.n_customers()).step_by(COUNT_BLOCK as usize) {
            job.check_stop()?;
            let customers = start..people.n_customers().min(start + COUNT_BLOCK);
            let block = Block::read(table, customers.clone(), &[column], &job.quiet())?;
            let Some(codes) = block.codes(column) else { continue };
            for at in people.among(&customers) {
                let rows = block.offsets[at] as usize..block.offsets[at + 1] as usize;
                rows.filter_map(|row| codes.get(row)).for_each(|code| tally.add(start + at as u32, code as usize));
            }
        }
        Ok(Self::of(&dictionary, |level| tally.is_common(level)))
    }

    fn of(dictionary: &[String], is_named: impl Fn(usize) -> bool) -> Self {
        let named: Vec<usize> = (0..dictionary.len()).filter(|&level| is_named(level)).collect();
        let code = |level| named.binary_search(&level).unwrap_or(named.len()) as u32;
        Self {
            codes: (0..dictionary.len()).map(code).collect(),
            names: named.iter().map(|&level| dictionary[level].clone()).collect(),
        }
    }
}

/// Gives every kind, topic and category column its most frequent levels among the rows that had happened and were known before `first`,
/// as many as a recipe or a feature of one's own may ask for, and those that the latter name.
///
/// # Errors
/// Faults of reading, a stop asked for, and a level named that the column does not have.
pub(super) fn count_levels(
    job: &Job<'_>,
    source: &Source,
    table: &TableFile,
    columns: &mut [EventColumn],
    first: Timestamp,
    n_customers: u32,
) -> Result<()> {
    let mut names: Vec<&str> = columns.iter().filter(|c| is_counted(c)).map(|c| c.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(());
    }
    names.push("at");
    names.extend(source.column("arrived").map(|_| "arrived"));
    let tallies = count_customers(job, table, &names, columns, first, n_customers)?;
    for (column, tally) in columns.iter_mut().zip(&tallies).filter(|(column, _)| is_counted(column)) {
        let dictionary = match &column.kind {
            Use::Joined(join) => Arc::clone(&join.names),
            _ => Arc::clone(table.dictionary(&column.name).unwrap_or_default().texts()),
        };
        let own = job.config.features.own.iter().enumerate().filter(|(_, own)| {
            own.source == source.name && own.by.as_deref().is_some_and(|by| is_called(&column.sense, by))
        });
        let (mut most, mut named) = (job.config.features.levels, Vec::new());
        for (i, own) in own {
            check_named(&format!("features.own[{i}].only"), &own.only, &dictionary)?;
            most = most.max(own.levels);
            named.extend(own.only.iter().map(String::as_str));
        }
        column.levels = levels_used(tally, &dictionary, most, &named);
    }
    Ok(())
}

/// Whether `features.own` calls a column of levels so.
fn is_called(sense: &Sense, name: &str) -> bool {
    match sense {
        Sense::Kind => name == "kind",
        Sense::Topic => name == "topic",
        Sense::Category(attribute) => attribute == name,
        _ => false,
    }
}

/// A level named in the pipeline file must be one of the column: a slip of the pen would leave its features out.
fn check_named(key: &str, named: &[String], known: &[String]) -> Result<()> {
    let unknown = named.iter().filter(|name| known.binary_search(name).is_err());
    let fault = |name: &String| {
        let allowed: Vec<String> = known.iter().take(NAMES_SHOWN).cloned().collect();
        let fault = Fault::new(Code::ConfigUnknownName).named(key).with("key", key);
        fault.with("got", name.as_str()).with("allowed", allowed)
    };
    Fault::all(unknown.map(fault).collect())
}

/// Whether a column's levels are counted.
fn is_counted(column: &EventColumn) -> bool {
    matches!(column.sense, Sense::Kind | Sense::Topic | Sense::Category(_))
}

/// Rows and customers by level of every column, those not counted included, with none.
fn count_customers(
    job: &Job<'_>,
    table: &TableFile,
    names: &[&str],
    columns: &[EventColumn],
    first: Timestamp,
    n_customers: u32,
) -> Result<Vec<Tally>> {
    let size = |column| if is_counted(column) { n_levels(column) } else { 0 };
    let none = || columns.iter().map(|column| Tally::new(size(column))).collect::<Vec<_>>();
    let most = if table.is_held() { HELD_BLOCK } else { most_customers(n_customers, table.n_rows()) };
    let runs = table.runs(0..n_customers, most);
    let count = |customers: &Range<u32>| {
        job.check_stop()?;
        let (start, block) = (customers.start, Block::read(table, customers.clone(), names, &job.quiet())?);
        let mut tallies = none();
        for (column, tally) in columns.iter().zip(&mut tallies).filter(|(column, _)| is_counted(column)) {
            count_block(&block, start, column, first.0, tally);
        }
        Ok(tallies)
    };
    let add = |mut all: Vec<Tally>, more: Vec<Tally>| {
        all.iter_mut().zip(&more).for_each(|(all, more)| all.merge(more));
        Ok(all)
    };
    runs.par_iter().map(count).try_reduce(none, add)
}

fn n_levels(column: &EventColumn) -> usize {
    match &column.kind {
        Use::Code { n_codes } => *n_codes,
        Use::Joined(join) => join.names.len() + 1,
        Use::Money | Use::Priced { .. } | Use::Real | Use::Told(_) | Use::Clock(_) | Use::OfKind { .. } => 0,
    }
}

/// Counts the rows of a block whose first customer is `start`.
fn count_block(block: &Block, start: u32, column: &EventColumn, first: i64, tally: &mut Tally) {
    let Some(codes) = block.codes(&column.name) else { return };
    let (times, arrived) = (block.times("at"), block.integers("arrived"));
    let is_known = |row: usize| {
        let at = times[row];
        arrived.and_then(|arrived| arrived.get(row)).map_or(at, |arrived| arrived.max(at)) < first
    };
    for (customer, bounds) in (start..).zip(block.offsets.windows(2)) {
        let rows = (bounds[0] as usize..bounds[1] as usize).filter(|&row| is_known(row));
        rows.filter_map(|row| codes.get(row)).for_each(|code| {
            let level = match &column.kind {
                Use::Joined(join) => join.map.get(code as usize).copied().unwrap_or(join.names.len() as u32),
                _ => code,
            };
            tally.add(customer, level as usize);
        });
    }
}

/// The `most` levels with the highest counts (ties by name) and those `named`, in the order of their codes.
fn levels_used(tally: &Tally, names: &[String], most: usize, named: &[&str]) -> Vec<Level> {
    let mut ranked: Vec<usize> = (0..names.len()).filter(|&level| tally.is_common(level)).collect();
    // Dictionaries are sorted, so the smaller code is the smaller name.
    ranked.sort_by_key(|&level| (std::cmp::Reverse(tally.rows[level]), level));
    let level = |(rank, code): (usize, usize)| Level { code: code as u32, name: names[code].clone(), rank };
    let is_used = |(rank, code): &(usize, usize)| *rank < most || named.contains(&names[*code].as_str());
    let mut used: Vec<Level> = ranked.into_iter().enumerate().filter(is_used).map(level).collect();
    used.sort_unstable_by_key(|level| level.code);
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_level_of_few_customers_has_no_name_however_often_they_use_it() {
        let mut tally = Tally::new(3);
        for customer in 0..SMALLEST_SHOWN as u32 {
            tally.add(customer, 0);
            if customer > 0 {
                (0..50).for_each(|_| tally.add(customer, 1));
            }
            tally.add(customer, 2);
            tally.add(customer, 2);
            tally.add(customer, 9);
        }
        let levels = |most| levels_used(&tally, &names(&["a", "b", "c"]), most, &["b", "c"]);
        assert_eq!(levels(20).iter().map(|level| (level.code, level.rank)).collect::<Vec<_>>(), [(0, 1), (2, 0)]);
        assert_eq!(levels(0), [Level { code: 2, name: "c".to_owned(), rank: 0 }], "named, unlike a");
    }

    #[test]
    fn what_has_no_name_is_one_level_more() {
        let named = Named::of(&names(&["a", "b", "c", "d"]), |level| level % 2 == 1);
        assert_eq!((named.names, &*named.codes), (names(&["b", "d"]), &[2, 0, 2, 1][..]));
        assert_eq!(Named::of(&names(&["a"]), |_| false), Named { names: Vec::new(), codes: Arc::from([0]) });
    }
}
