//! What customers hold on several days: the same holdings are one transaction with a weight, however many customers have them.

use std::collections::BTreeMap;

use osusume_association::{Baskets as Raw, Contingency, DEFAULT_MAX_BASKET, Rules, Transactions, recount};
use osusume_model::{AsOf, Control, Date, Result};

use super::bought::Starts;
use super::levels::Levels;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::job::Job;
use crate::kernel::association_fault;
use crate::stages::consents::without_opted_out;
use crate::stages::decide::{Known, held_rows};
use crate::stages::features::{known_products, product_positions};

/// Holdings of customers on some days and, in the end, on the last of them.
#[derive(Debug)]
pub(super) struct Held {
    n_items: u32,
    /// Every set of items that somebody holds on some day, ascending; the number of a set is its position.
    sets: Vec<Box<[u32]>>,
    /// For every day, customers by the set they hold then and the set they hold on the last day.
    days: BTreeMap<Date, BTreeMap<(u32, u32), u32>>,
}

/// Gives every set of items a number, in the order in which they are first seen.
#[derive(Default)]
struct Interner {
    numbers: BTreeMap<Box<[u32]>, u32>,
}

impl Interner {
    fn number(&mut self, set: &[u32]) -> u32 {
        if let Some(number) = self.numbers.get(set) {
            return *number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(set.into(), number);
        number
    }

    fn into_sets(self) -> Vec<Box<[u32]>> {
        let mut sets: Vec<(u32, Box<[u32]>)> = self.numbers.into_iter().map(|(set, number)| (number, set)).collect();
        sets.sort_unstable_by_key(|(number, _)| *number);
        sets.into_iter().map(|(_, set)| set).collect()
    }
}

/// The items of each customer of a block on one day, ascending.
pub(super) struct Lists {
    offsets: Vec<usize>,
    items: Vec<u32>,
}

impl Lists {
    /// `of_product` gives the item of each product; one of `n_items` or above is left out.
    pub(super) fn new(known: &Known<'_>, of_product: &[u32], n_items: u32) -> Self {
        let (bounds, products) = known.held();
        let (mut offsets, mut items) = (vec![0], Vec::with_capacity(products.len()));
        for bounds in bounds.windows(2) {
            let held = &products[bounds[0] as usize..bounds[1] as usize];
            let first = items.len();
            items.extend(held.iter().map(|product| of_product[product.0 as usize]).filter(|&item| item < n_items));
            items[first..].sort_unstable();
            offsets.push(items.len());
        }
        Self { offsets, items }
    }

    /// Lists one after the other, for tests.
    #[cfg(test)]
    pub(super) fn of_parts(offsets: Vec<usize>, items: Vec<u32>) -> Self {
        Self { offsets, items }
    }

    /// The items of a customer.
    pub(super) fn of(&self, customer: usize) -> &[u32] {
        &self.items[self.offsets[customer]..self.offsets[customer + 1]]
    }
}

impl Held {
    /// Reads the holdings once, for `starts` too; `days` ascend, and the last is the one all are compared with.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(super) fn read(
        job: &Job<'_>,
        tables: &Checked,
        goods: &Goods,
        (of_product, n_items): (&[u32], u32),
        days: &[AsOf],
        starts: &mut Starts<'_>,
    ) -> Result<Self> {
        let source = job.config.holdings().expect("the configuration was checked");
        let mut counter = Counter::new(days.len());
        let n_customers = tables.n_customers();
        for customers in tables.passes() {
            job.check_stop()?;
            job.host.progress(u64::from(customers.start), u64::from(n_customers));
            let customers: Vec<u32> = customers.collect();
            let Some(block) = held_rows(job, tables, source, &customers)? else { continue };
            let block = without_opted_out(job, tables, &customers, days[days.len() - 1], block)?;
            let block = known_products(goods, block).0;
            let positions = product_positions(goods, &block);
            let on = |day: &AsOf| Lists::new(&Known::new(&block, &positions, day.instant.0), of_product, n_items);
            counter.add(&days.iter().map(on).collect::<Vec<Lists>>(), customers.len());
            starts.add(&block, &positions)?;
        }
        Ok(counter.finish(n_items, days))
    }

    /// One transaction for each set that somebody holds on `day`, weighted by customers; who holds nothing is none then.
    pub(super) fn transactions(&self, day: Date, control: &dyn Control) -> Result<Transactions> {
        let mut weights: BTreeMap<u32, u32> = BTreeMap::new();
        for ((set, _), n) in self.of(day) {
            *weights.entry(set).or_default() += n;
        }
        let held = weights.into_iter().map(|(set, n)| (&self.sets[set as usize][..], n));
        transactions(held.filter(|(set, _)| !set.is_empty()), self.n_items, control)
    }

    /// Customers by the set on `day` and the set on the last one.
    fn of(&self, day: Date) -> impl Iterator<Item = ((u32, u32), u32)> {
        self.days.get(&day).into_iter().flatten().map(|(sets, n)| (*sets, *n))
    }

    /// Whether who held the antecedent on `day` took the consequent, among those who held something but not the consequent.
    ///
    /// Beside what was held stand two marks for every consequent: it was open to the customer, and it was taken. A rule with the first mark on
    /// the left and the second on the right then counts just these.
    pub(super) fn taken(
        &self,
        day: Date,
        rules: &Rules,
        levels: &Levels,
        control: &dyn Control,
    ) -> Result<Vec<Contingency>> {
        let mut wanted: Vec<u32> = rules.consequents.clone();
        wanted.sort_unstable();
        wanted.dedup();
        let (open, took) = (|item: u32| self.n_items + item, |item: u32| 2 * self.n_items + item);
        let sets: Vec<Vec<u32>> = self.sets.iter().map(|set| levels.with_ancestors(set)).collect();
        let set = |number: u32| &sets[number as usize][..];
        let marked = self.of(day).map(|((before, after), n)| (set(before), set(after), n));
        let marked = marked.filter(|(before, ..)| !before.is_empty()).map(|(before, after, n)| {
            let is_open = |item: &&u32| before.binary_search(item).is_err();
            let marks = wanted.iter().filter(is_open).flat_map(|&item| {
                let took = after.binary_search(&item).is_ok().then(|| took(item));
                std::iter::once(open(item)).chain(took)
            });
            (before.iter().copied().chain(marks).collect::<Vec<u32>>(), n)
        });
        let db = transactions(marked, 3 * self.n_items, control)?;
        let mut asked = Rules { antecedent_offsets: vec![0], ..Rules::default() };
        for (r, &consequent) in rules.consequents.iter().enumerate() {
            asked.antecedent_items.extend_from_slice(rules.antecedent(r));
            asked.antecedent_items.push(open(consequent));
            asked.antecedent_offsets.push(asked.antecedent_items.len());
            asked.consequents.push(took(consequent));
        }
        let counts = recount(&db, &asked, control).map_err(|error| association_fault(&error))?;
        let among =
            |(counts, &item): (Contingency, &u32)| Contingency { n: db.item_counts()[open(item) as usize], ..counts };
        Ok(counts.into_iter().zip(&rules.consequents).map(among).collect())
    }
}

/// Customers by what they hold, block after block.
struct Counter {
    interner: Interner,
    days: Vec<BTreeMap<(u32, u32), u32>>,
}

impl Counter {
    fn new(n_days: usize) -> Self {
        Self { interner: Interner::default(), days: vec![BTreeMap::new(); n_days] }
    }

    /// Adds the customers of a block; `lists` has one entry a day.
    fn add(&mut self, lists: &[Lists], n_customers: usize) {
        let mut numbers: Vec<u32> = vec![0; lists.len()];
        for customer in 0..n_customers {
            for (day, list) in lists.iter().enumerate() {
                let held = list.of(customer);
                // From one day to the next most customers hold what they held.
                let is_same = day > 0 && held == lists[day - 1].of(customer);
                numbers[day] = if is_same { numbers[day - 1] } else { self.interner.number(held) };
            }
            let last = numbers[numbers.len() - 1];
            for (counts, &number) in self.days.iter_mut().zip(&numbers) {
                *counts.entry((number, last)).or_default() += 1;
            }
        }
    }

    fn finish(self, n_items: u32, days: &[AsOf]) -> Held {
        let days = days.iter().map(|day| day.date).zip(self.days).collect();
        Held { n_items, sets: self.interner.into_sets(), days }
    }
}

fn transactions<S: AsRef<[u32]>>(
    sets: impl Iterator<Item = (S, u32)>,
    n_items: u32,
    control: &dyn Control,
) -> Result<Transactions> {
    let (mut offsets, mut items, mut weights) = (vec![0], Vec::new(), Vec::new());
    for (set, n) in sets {
        items.extend_from_slice(set.as_ref());
        offsets.push(items.len());
        weights.push(n);
    }
    let raw = Raw { offsets: &offsets, items: &items, n_items, weights: Some(&weights), groups: None };
    Transactions::build(&raw, DEFAULT_MAX_BASKET, control).map(|(db, _)| db).map_err(|error| association_fault(&error))
}

#[cfg(test)]
mod tests {
    use osusume_model::{NoControl, Timestamp};

    use super::*;

    fn lists(held: &[&[u32]]) -> Lists {
        let mut offsets = vec![0];
        offsets.extend(held.iter().scan(0, |end, items| {
            *end += items.len();
            Some(*end)
        }));
        Lists { offsets, items: held.concat() }
    }

    /// Three items, on one day and on a later one.
    fn held(before: &[&[u32]], after: &[&[u32]]) -> Held {
        let mut counter = Counter::new(2);
        counter.add(&[lists(before), lists(after)], before.len());
        let day = |date| AsOf { date: Date(date), instant: Timestamp(0) };
        counter.finish(3, &[day(0), day(1)])
    }

    #[test]
    fn who_held_the_consequent_before_did_not_take_it() {
        // Item 0 goes with item 2. Who held nothing is no customer, whatever comes later.
        let held = held(&[&[0], &[0], &[1], &[0, 2], &[]], &[&[0, 2], &[0], &[1, 2], &[2], &[0, 2]]);
        let rules = Rules {
            antecedent_offsets: vec![0, 1, 3],
            antecedent_items: vec![0, 0, 1],
            consequents: vec![2, 2],
            ..Rules::default()
        };
        let counts = held.taken(Date(0), &rules, &Levels::plain(&["a", "b", "c"]), &NoControl).unwrap();
        let of = |n_antecedent, n_both| Contingency { n: 3, n_antecedent, n_consequent: 2, n_both };
        assert_eq!(counts, [of(2, 1), of(0, 0)]);
    }

    #[test]
    fn equal_holdings_are_one_transaction_with_their_weight() {
        let held = held(&[&[], &[0, 1], &[], &[2], &[0, 1]], &[&[1], &[0, 1], &[], &[], &[1]]);
        let before = held.transactions(Date(0), &NoControl).unwrap();
        assert_eq!((before.len(), before.n(), before.item_counts()), (2, 3, &[2, 2, 1][..]));
        let after = held.transactions(Date(1), &NoControl).unwrap();
        assert_eq!((after.len(), after.n(), after.item_counts()), (2, 3, &[1, 3, 0][..]));
        assert!(held.transactions(Date(2), &NoControl).unwrap().is_empty());
    }
}
