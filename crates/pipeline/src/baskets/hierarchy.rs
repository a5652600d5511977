//! What items belong to, as a table says it: a row for each item and the one thing it is part of, which may itself be an item of that table.

use std::borrow::Cow;
use std::path::Path;

use osusume_association::{Error, Hierarchy, NO_PARENT};
use osusume_model::{Code, Fault, Result};
use osusume_storage::RealFs;
use osusume_tables::{Encoding, Interner, ItemNames, PlainBlock, PlainCells, PlainFile, PlainKind};

use super::memory::Budget;
use super::read::of_baskets;
use super::rules::unknown;
use crate::host::Host;
use crate::job::Quiet;

/// Columns of the table.
const COLUMNS: [&str; 2] = ["item", "parent"];
/// More levels than any assortment has: beyond, the table is something else.
const MAX_LEVELS: usize = 32;
/// Bytes a name takes beside its text: where it ends and is looked up, its parent, its row.
const NAME_BYTES: u64 = 48;
/// Whole numbers from here on are not told apart once they are stored as floating-point numbers.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// What items are called: those of the baskets as their file calls them, and behind them what they belong to.
#[derive(Clone, Debug, Default)]
pub struct Names {
    bought: ItemNames,
    above: Vec<String>,
}

impl Names {
    /// Of items that belong to nothing.
    pub(super) fn of(bought: ItemNames) -> Self {
        Self { bought, above: Vec::new() }
    }

    /// How many items there are.
    pub fn len(&self) -> u32 {
        self.bought.len() + self.above.len() as u32
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of an item.
    pub fn get(&self, item: u32) -> String {
        self.name(item).into_owned()
    }

    /// The name of an item, borrowed where it can be.
    pub(super) fn name(&self, item: u32) -> Cow<'_, str> {
        match &self.bought {
            bought if item >= bought.len() => Cow::Borrowed(self.above[(item - bought.len()) as usize].as_str()),
            ItemNames::Texts(texts) => Cow::Borrowed(texts[item as usize].as_str()),
            bought => Cow::Owned(bought.get(item)),
        }
    }
}

/// What became of a table of parents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Belonging {
    /// What items of the baskets belong to, directly or not.
    pub categories: u64,
    /// Most of them one above the other.
    pub levels: u64,
    /// Items of the baskets that neither belong to anything nor have anything belong to them.
    pub items_without_parent: u64,
    /// Rows that say again what another has said.
    pub rows_repeated: u64,
    /// Rows without an item or without a parent; whatever belongs to itself has none.
    pub rows_skipped: u64,
    /// Rows of items that are in no basket, nor is anything that belongs to them.
    pub rows_unused: u64,
}

/// A table of parents, read and checked.
#[derive(Default)]
pub struct ParentsRead {
    names: Interner,
    /// By number of name.
    parents: Vec<u32>,
    /// The first row of each, from 1 on; 0 without one.
    rows: Vec<u64>,
    n_rows: u64,
    bytes: u64,
    said: Belonging,
    file: String,
}

/// Reads a table with the columns `item` and `parent`, CSV or Parquet.
///
/// # Errors
/// What crate `tables` says of the file; `HierarchyConflict` for an item with two parents, `HierarchyCircle`, `OutOfRange` for too many
/// levels, `MemoryBudget`, and a stop asked for.
pub fn read_parents(path: &Path, encoding: Option<Encoding>, memory: u64, host: &dyn Host) -> Result<ParentsRead> {
    let file = path.display().to_string();
    let read = || -> Result<ParentsRead> {
        let table = PlainFile::open(&RealFs, path, None, encoding)?;
        let [item, parent] = COLUMNS.map(|name| column(&table, name));
        let columns = [item?, parent?];
        let mut found = ParentsRead::default();
        table.read(&RealFs, &columns, &Quiet::new(host), &mut |block| {
            found.add(&block).map_err(|fault| fault.in_file(file.as_str()))?;
            Budget(memory).check(found.bytes, "the hierarchy")
        })?;
        if found.names.is_empty() {
            return Err(Fault::new(Code::FileEmpty).in_file(file.as_str()).with("what", "rows"));
        }
        Ok(found)
    };
    let mut found = read().map_err(|fault| of_baskets(&fault))?;
    found.file = file;
    found.check()?;
    Ok(found)
}

fn column(table: &PlainFile, name: &str) -> Result<usize> {
    let at = table.columns().iter().position(|column| column.name == name).ok_or_else(|| table.missing(name))?;
    match table.columns()[at].kind {
        PlainKind::Text | PlainKind::Number => Ok(at),
        PlainKind::Instant | PlainKind::Unsupported => {
            let fault = Fault::new(Code::ColumnType).in_file(table.path().display().to_string()).named(name);
            Err(fault.with("found", "another type").with("expected", "category"))
        }
    }
}

impl ParentsRead {
    fn add(&mut self, block: &PlainBlock) -> Result<()> {
        for row in 0..block.n_rows {
            self.n_rows += 1;
            let [item, parent] = [0, 1].map(|column| cell(&block.columns[column], row));
            let (item, parent) = (item?, parent?);
            let [item, parent] = [item.trim(), parent.trim()];
            if item.is_empty() || parent.is_empty() || item == parent {
                self.said.rows_skipped += 1;
                continue;
            }
            let (item, parent) = (self.number(item) as usize, self.number(parent));
            match self.parents[item] {
                NO_PARENT => (self.parents[item], self.rows[item]) = (parent, self.n_rows),
                known if known == parent => self.said.rows_repeated += 1,
                _ => return Err(conflict(self.n_rows, self.rows[item])),
            }
        }
        Ok(())
    }

    fn number(&mut self, name: &str) -> u32 {
        let number = self.names.intern(name.as_bytes());
        if number as usize == self.parents.len() {
            self.parents.push(NO_PARENT);
            self.rows.push(0);
            self.bytes += NAME_BYTES + name.len() as u64;
        }
        number
    }

    /// Faults where something is above itself, or under too much.
    fn check(&self) -> Result<()> {
        let forest = Hierarchy::new(self.parents.clone()).map_err(|error| match error {
            Error::Circle { item } => {
                Fault::new(Code::HierarchyCircle).with("row", self.rows[item as usize]).in_file(self.file.as_str())
            }
            other => Fault::new(Code::Bug).because(other),
        })?;
        let is_deep = |name: &u32| forest.ancestors(*name).nth(MAX_LEVELS).is_some();
        match (0..self.parents.len() as u32).find(is_deep) {
            Some(_) => {
                let fault = Fault::new(Code::OutOfRange).with("allowed", format!("at most {MAX_LEVELS} levels"));
                Err(fault.in_file(self.file.as_str()))
            }
            None => Ok(()),
        }
    }

    /// Brings together what is said of one item under several names: where items are numbers, `7` and `07` are the same.
    ///
    /// # Errors
    /// As when they had been written alike.
    fn brought_together(mut self, items: &[u32]) -> Result<Self> {
        let mut first_names = std::collections::BTreeMap::new();
        let first = |(name, item): (u32, &u32)| match *item {
            NO_PARENT => name,
            item => *first_names.entry(item).or_insert(name),
        };
        let first: Vec<u32> = (0..).zip(items).map(first).collect();
        if (0..).zip(&first).all(|(name, first)| name == *first) {
            return Ok(self);
        }
        let (parents, rows) = (std::mem::take(&mut self.parents), std::mem::take(&mut self.rows));
        self.parents = vec![NO_PARENT; parents.len()];
        self.rows = vec![0; rows.len()];
        let mut said: Vec<usize> = (0..parents.len()).filter(|name| parents[*name] != NO_PARENT).collect();
        said.sort_unstable_by_key(|name| rows[*name]);
        for name in said {
            let (item, parent) = (first[name] as usize, first[parents[name] as usize]);
            match self.parents[item] {
                _ if item == parent as usize => self.said.rows_skipped += 1,
                NO_PARENT => (self.parents[item], self.rows[item]) = (parent, rows[name]),
                known if known == parent => self.said.rows_repeated += 1,
                _ => return Err(conflict(rows[name], self.rows[item]).in_file(self.file.as_str())),
            }
        }
        self.check()?;
        Ok(self)
    }

    /// The hierarchy of the items of baskets and of what they belong to, which is numbered behind them in order of names. Of the items
    /// only those that were bought count.
    ///
    /// # Errors
    /// `HierarchyConflict` and `HierarchyCircle` where numbers are written in several ways.
    pub(super) fn over(self, bought: ItemNames, is_bought: &[bool]) -> Result<(Names, Above)> {
        let mut items = self.items(&bought);
        let whole = self.brought_together(&items)?;
        Ok(whole.numbered(&mut items, bought, is_bought))
    }

    /// Numbers what is above the items, of which `items` has those of the names.
    fn numbered(self, items: &mut [u32], bought: ItemNames, is_bought: &[bool]) -> (Names, Above) {
        items
            .iter_mut()
            .filter(|item| **item != NO_PARENT && !is_bought[**item as usize])
            .for_each(|item| *item = NO_PARENT);
        let mut is_reached = vec![false; self.parents.len()];
        let mut levels = 0;
        for (start, _) in items.iter().enumerate().filter(|(_, item)| **item != NO_PARENT) {
            let (mut at, mut level) = (start, 0);
            while self.parents[at] != NO_PARENT {
                at = self.parents[at] as usize;
                level += 1;
                is_reached[at] = true;
            }
            levels = level.max(levels);
        }
        let mut above: Vec<usize> =
            (0..items.len()).filter(|&name| is_reached[name] && items[name] == NO_PARENT).collect();
        above.sort_unstable_by_key(|&name| self.names.get(name as u32));
        (bought.len()..).zip(&above).for_each(|(item, &name)| items[name] = item);
        let text = |&name: &usize| String::from_utf8_lossy(self.names.get(name as u32)).into_owned();
        let names = Names { bought, above: above.iter().map(text).collect() };
        let mut parents = vec![NO_PARENT; names.len() as usize];
        let mut said = Belonging { levels, ..self.said };
        for (name, parent) in self.parents.iter().enumerate().filter(|(_, parent)| **parent != NO_PARENT) {
            match items[name] {
                NO_PARENT => said.rows_unused += 1,
                item => parents[item as usize] = items[*parent as usize],
            }
        }
        said.categories = is_reached.iter().filter(|is_reached| **is_reached).count() as u64;
        let forest = Hierarchy::new(parents).expect("a part of what was checked has no circle");
        let first = self.names.iter().next().map(|name| String::from_utf8_lossy(name).into_owned());
        (names, Above { forest, said, first: first.unwrap_or_default() })
    }

    /// The item of the baskets that each name is, or [`NO_PARENT`].
    fn items(&self, bought: &ItemNames) -> Vec<u32> {
        let mut items = vec![NO_PARENT; self.parents.len()];
        if let ItemNames::Texts(texts) = bought {
            for (item, text) in (0..).zip(texts) {
                if let Some(name) = self.names.find(text.as_bytes()) {
                    items[name as usize] = item;
                }
            }
            return items;
        }
        let number = |name: &[u8]| std::str::from_utf8(name).ok()?.parse::<u64>().ok();
        for (item, name) in items.iter_mut().zip(self.names.iter()) {
            let found = number(name).and_then(|number| match bought {
                ItemNames::Numbers(numbers) => numbers.binary_search(&number).ok().map(|item| item as u32),
                _ => u32::try_from(number).ok().filter(|item| *item < bought.len()),
            });
            *item = found.unwrap_or(NO_PARENT);
        }
        items
    }
}

/// What the items of baskets belong to.
pub(super) struct Above {
    pub(super) forest: Hierarchy,
    said: Belonging,
    /// The first item the table is about.
    first: String,
}

impl Above {
    /// What there is to say once it is known which items were bought.
    ///
    /// # Errors
    /// `ConfigUnknownName` when none of them belongs to anything.
    pub(super) fn told(&self, counts: &[u64], names: &Names) -> Result<Belonging> {
        let items = self.forest.n_items();
        let mut is_above = vec![false; items as usize];
        (0..items).filter_map(|item| self.forest.ancestors(item).next()).for_each(|it| is_above[it as usize] = true);
        let bought: Vec<u32> = (0..items).filter(|item| counts[*item as usize] > 0).collect();
        let (below, alone): (Vec<u32>, Vec<u32>) =
            bought.into_iter().partition(|item| self.forest.ancestors(*item).next().is_some());
        if below.is_empty() && !alone.is_empty() {
            return Err(unknown("--hierarchy", &self.first, names, counts));
        }
        let alone = alone.iter().filter(|item| !is_above[**item as usize]).count() as u64;
        Ok(Belonging { items_without_parent: alone, ..self.said })
    }

    /// Items in all baskets together once ancestors are added, at most.
    pub(super) fn values(&self, counts: &[u64]) -> u64 {
        let with_ancestors = |(item, count): (u32, &u64)| *count * (1 + self.forest.ancestors(item).count() as u64);
        (0..).zip(counts).map(with_ancestors).fold(0, u64::saturating_add)
    }
}

fn conflict(row: u64, first: u64) -> Fault {
    Fault::new(Code::HierarchyConflict).with("row", row).with("first", first)
}

/// A cell as text; empty where it is absent.
fn cell(cells: &PlainCells, row: usize) -> Result<Cow<'_, str>> {
    match cells {
        PlainCells::Text(texts) => Ok(String::from_utf8_lossy(texts.get(row))),
        PlainCells::Number(numbers) if numbers[row].is_nan() => Ok(Cow::Borrowed("")),
        PlainCells::Number(numbers) if numbers[row].abs() < MAX_EXACT => Ok(Cow::Owned(numbers[row].to_string())),
        PlainCells::Number(_) => Err(Fault::new(Code::OutOfRange).with("allowed", "below 9007199254740992")),
        PlainCells::Instant(_) => Err(Fault::new(Code::Bug).named("hierarchy")),
    }
}
