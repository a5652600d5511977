//! What the rules of a date say for each offer, given what a customer has: rules in the form in which they fire.
//!
//! The evidence for an offer is Σ ln(lower bound of the conditional lift) over the reported rules that lead to it and of which the customer
//! has the whole antecedent: what naive Bayes would add to the log-odds, by the cautious end of each interval. Rules that overlap count
//! twice; how much of the sum is to be believed is the model's to learn. A rule of a date rests on nothing that happened or arrived on
//! or after it, and so does what the customer has.

use std::collections::BTreeMap;
use std::ops::Range;

use osusume_association::{Evidence, Hierarchy, Rules};
use osusume_model::{AsOf, Date};
use osusume_windows::Cell;
use rayon::prelude::*;

use super::Items;
use super::held::Lists;
use crate::catalogue::Goods;
use crate::job::Job;
use crate::seam::Block;
use crate::stages::decide::{Known, is_purchase};
use crate::stages::features::product_positions;

/// Customers looked at by one thread at a time.
const CHUNK: usize = 1024;

/// Rules that lead to offers, by date.
#[derive(Debug)]
pub(crate) struct Leads {
    dates: BTreeMap<Date, DateLeads>,
    /// Positions of the offers that rules may lead to, ascending.
    offers: Vec<u32>,
    /// For each product of the catalogue, or code of the purchases, its item; those from `n_items` on have none.
    of_key: Vec<u32>,
    n_items: u32,
    forest: Option<Hierarchy>,
    /// Days of purchases that count; absent where what is held counts.
    days: Option<u32>,
}

/// Rules of one date, by the rarest item on their left side: a customer who lacks that one never meets them.
#[derive(Debug, Default)]
pub(super) struct DateLeads {
    /// Leads of item i: `leads[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<u32>,
    leads: Vec<Lead>,
    /// The other items on the left side of every lead.
    others: Vec<u32>,
}

#[derive(Debug)]
struct Lead {
    others: Range<u32>,
    consequent: u32,
    /// Position of the offer, or of its feature once all dates are known.
    offer: u32,
    weight: f64,
}

impl DateLeads {
    /// Of `rules` those that are reported at the false-discovery rate `rate` and lead to an offer. `counts`: baskets with each item;
    /// `offered`: the position of the offer that an item is.
    pub(super) fn new(
        rules: &Rules,
        evidence: &[Evidence],
        rate: f64,
        counts: &[u64],
        offered: &[Option<u32>],
    ) -> Self {
        let mut found: Vec<(u32, Vec<u32>, u32, u32, f64)> = Vec::new();
        for (r, evidence) in evidence.iter().enumerate() {
            let (antecedent, consequent) = (rules.antecedent(r), rules.consequents[r]);
            // A bound of at most one speaks for nothing; without a bound there is none.
            let is_evidence = evidence.q_value <= rate && evidence.conditional_lift_lower > 1.0;
            let rarest = antecedent.iter().copied().min_by_key(|&item| (counts[item as usize], item));
            if let (true, Some(offer), Some(rarest)) = (is_evidence, offered[consequent as usize], rarest) {
                let others = antecedent.iter().copied().filter(|&item| item != rarest).collect();
                found.push((rarest, others, consequent, offer, evidence.conditional_lift_lower.ln()));
            }
        }
        found.sort_by(|a, b| (a.0, &a.1, a.2).cmp(&(b.0, &b.1, b.2)));
        let mut leads = Self { offsets: vec![0; counts.len() + 1], ..Self::default() };
        for (rarest, others, consequent, offer, weight) in found {
            leads.offsets[rarest as usize + 1] += 1;
            let start = leads.others.len() as u32;
            leads.others.extend(others);
            leads.leads.push(Lead { others: start..leads.others.len() as u32, consequent, offer, weight });
        }
        for item in 0..counts.len() {
            leads.offsets[item + 1] += leads.offsets[item];
        }
        leads
    }

    /// Adds the weight of every lead that fires to the sum of its offer. What is held already is not led to; what was bought can be again.
    fn add(&self, has: &Basket, is_held: bool, sums: &mut [f64]) {
        for &item in &has.items {
            let (start, end) = (self.offsets[item as usize], self.offsets[item as usize + 1]);
            for lead in &self.leads[start as usize..end as usize] {
                let others = &self.others[lead.others.start as usize..lead.others.end as usize];
                if others.iter().all(|&item| has.contains(item)) && !(is_held && has.contains(lead.consequent)) {
                    sums[lead.offer as usize] += lead.weight;
                }
            }
        }
    }
}

/// What one customer has on one date.
struct Basket {
    items: Vec<u32>,
    /// The round in which an item was last put in.
    seen: Vec<u32>,
    round: u32,
}

impl Basket {
    fn new(n_items: u32) -> Self {
        Self { items: Vec::new(), seen: vec![0; n_items as usize], round: 0 }
    }

    fn contains(&self, item: u32) -> bool {
        self.seen[item as usize] == self.round
    }

    /// Replaces what is in it by `items` and what they belong to, ascending.
    fn fill(&mut self, items: impl Iterator<Item = u32>, forest: Option<&Hierarchy>) {
        self.items.clear();
        self.round += 1;
        for item in items {
            self.put(item);
            forest.into_iter().flat_map(|forest| forest.ancestors(item)).for_each(|above| self.put(above));
        }
        self.items.sort_unstable();
    }

    fn put(&mut self, item: u32) {
        if !self.contains(item) {
            self.seen[item as usize] = self.round;
            self.items.push(item);
        }
    }
}

/// What the customers of a block have on some dates.
enum Had<'a> {
    /// One entry a date.
    Held(Vec<Lists>),
    Bought(Bought<'a>),
}

struct Bought<'a> {
    block: &'a Block,
    of_key: &'a [u32],
    n_items: u32,
    arrived: Option<Vec<i64>>,
    /// First instant that counts for each date, and the date's own.
    spans: Vec<Range<i64>>,
}

impl Bought<'_> {
    /// Items on the lines that had happened and were known before a date, and are no returns; an item may come more than once.
    fn items(&self, customer: usize, date: usize) -> impl Iterator<Item = u32> {
        let (at, span) = (self.block.times("at"), &self.spans[date]);
        let rows = self.block.offsets[customer] as usize..self.block.offsets[customer + 1] as usize;
        let first = rows.start;
        let times = &at[rows];
        let rows = first + times.partition_point(|&t| t < span.start)..first + times.partition_point(|&t| t < span.end);
        let (product, quantity) = (self.block.codes("product"), self.block.column("quantity"));
        let is_known = move |row: usize| self.arrived.as_ref().is_none_or(|arrived| arrived[row] < span.end);
        rows.filter(move |&row| is_known(row) && is_purchase(quantity, row)).filter_map(move |row| {
            let item = *self.of_key.get(product?.get(row)? as usize)?;
            (item < self.n_items).then_some(item)
        })
    }
}

impl Leads {
    /// Of every date with baskets.
    pub(super) fn new(mut dates: BTreeMap<Date, DateLeads>, items: Items, days: Option<u32>) -> Self {
        dates.retain(|_, leads| !leads.leads.is_empty());
        // Also those that no rule leads to: what a run finds may differ from the last one's, the names of its features not.
        let mut offers: Vec<u32> = items.offered.iter().flatten().copied().collect();
        offers.sort_unstable();
        offers.dedup();
        for lead in dates.values_mut().flat_map(|date| &mut date.leads) {
            lead.offer = offers.binary_search(&lead.offer).expect("its own offer is among them") as u32;
        }
        let n_items = items.levels.len();
        let (of_key, forest) = (items.levels.of_key, items.levels.forest);
        Self { dates, offers, of_key, n_items, forest, days }
    }

    /// Positions of the offers that have a feature, ascending.
    pub(crate) fn offers(&self) -> &[u32] {
        &self.offers
    }

    /// Days of purchases that count; absent where what is held counts.
    pub(crate) fn days(&self) -> Option<u32> {
        self.days
    }

    /// The evidence for every offer of [`Self::offers`], for every customer of a block of the baskets' table as of every date, row-major:
    /// 0 where no rule fires, NaN on a date without rules. O(rows × dates + rules that are met).
    pub(crate) fn values<C: Cell>(&self, job: &Job<'_>, goods: &Goods, block: &Block, dates: &[AsOf]) -> Vec<C> {
        let had = self.had(job, goods, block, dates);
        let by_date: Vec<Option<&DateLeads>> = dates.iter().map(|date| self.dates.get(&date.date)).collect();
        self.fire(&had, &by_date, block.n_customers())
    }

    fn fire<C: Cell>(&self, had: &Had<'_>, dates: &[Option<&DateLeads>], n_customers: usize) -> Vec<C> {
        let (width, n_dates) = (self.offers.len(), dates.len());
        let mut values = vec![C::from_f64(f64::NAN); n_customers * n_dates * width];
        let rows = values.par_chunks_mut((CHUNK * n_dates * width).max(1)).enumerate();
        rows.for_each(|(chunk, out)| {
            let (mut basket, mut sums) = (Basket::new(self.n_items), vec![0.0; width]);
            for (row, out) in out.chunks_exact_mut(width).enumerate() {
                let (customer, date) = (chunk * CHUNK + row / n_dates, row % n_dates);
                let Some(leads) = dates[date] else { continue };
                match had {
                    Had::Held(lists) => basket.fill(lists[date].of(customer).iter().copied(), self.forest.as_ref()),
                    Had::Bought(bought) => basket.fill(bought.items(customer, date), self.forest.as_ref()),
                }
                sums.fill(0.0);
                leads.add(&basket, self.days.is_none(), &mut sums);
                out.iter_mut().zip(&sums).for_each(|(value, sum)| *value = C::from_f64(*sum));
            }
        });
        values
    }

    fn had<'a>(&'a self, job: &Job<'_>, goods: &Goods, block: &'a Block, dates: &[AsOf]) -> Had<'a> {
        let Some(days) = self.days else {
            let positions = product_positions(goods, block);
            let known = |date: &AsOf| Known::new(block, &positions, date.instant.0);
            return Had::Held(dates.iter().map(|date| Lists::new(&known(date), &self.of_key, self.n_items)).collect());
        };
        let from = |date: &AsOf| job.calendar.midnight(date.date - days as i32).0;
        let spans = dates.iter().map(|date| from(date)..date.instant.0).collect();
        let arrived = block.arrivals("arrived", "at");
        Had::Bought(Bought { block, of_key: &self.of_key, n_items: self.n_items, arrived, spans })
    }
}

#[cfg(test)]
mod tests {
    use osusume_model::DAY_US;
    use osusume_tables::{Column, Values};

    use super::super::levels::Levels;
    use super::*;

    const N_ITEMS: u32 = 6;
    const RATE: f64 = 0.05;

    /// Antecedent, consequent, lower bound of the lift, q-value.
    type Drawn = (Vec<u32>, u32, f64, f64);

    fn rules(drawn: &[Drawn]) -> (Rules, Vec<Evidence>) {
        let mut rules = Rules { antecedent_offsets: vec![0], ..Rules::default() };
        let mut evidence = Vec::new();
        for (antecedent, consequent, bound, q_value) in drawn {
            rules.antecedent_items.extend(antecedent);
            rules.antecedent_offsets.push(rules.antecedent_items.len());
            rules.consequents.push(*consequent);
            let (q_value, conditional_lift_lower) = (*q_value, *bound);
            evidence.push(Evidence {
                expected: 1.0,
                conditional_lift: 3.0,
                conditional_lift_lower,
                p_value: 0.0,
                q_value,
            });
        }
        (rules, evidence)
    }

    /// Leads of one date; the items 0, 2, 4 are the offers 0, 1, 2. The higher an item, the rarer it is.
    fn leads(drawn: &[Drawn], forest: Option<Hierarchy>, days: Option<u32>) -> Leads {
        let (rules, evidence) = rules(drawn);
        let counts: Vec<u64> = (0..u64::from(N_ITEMS)).map(|item| 100 - item / 2).collect();
        let offered: Vec<Option<u32>> = (0..N_ITEMS).map(|item| item.is_multiple_of(2).then_some(item / 2)).collect();
        let date = DateLeads::new(&rules, &evidence, RATE, &counts, &offered);
        let mut levels = Levels::plain(&["a", "b", "c", "d", "e", "f"]);
        levels.forest = forest;
        let items = Items { levels, roles: Vec::new(), offered, closes: None };
        Leads::new(BTreeMap::from([(Date(0), date)]), items, days)
    }

    fn lists(held: &[Vec<u32>]) -> Lists {
        let ends = held.iter().scan(0, |end, items| {
            *end += items.len();
            Some(*end)
        });
        Lists::of_parts(std::iter::once(0).chain(ends).collect(), held.concat())
    }

    /// The evidence for all three offers, by definition; none where no rule leads to anything.
    fn by_definition(drawn: &[Drawn], has: &[u32], is_held: bool) -> Option<[f64; 3]> {
        let counts = |rule: &&Drawn| rule.3 <= RATE && rule.2 > 1.0 && rule.1.is_multiple_of(2);
        let leads: Vec<&Drawn> = drawn.iter().filter(counts).collect();
        let sum = |offer: u32| {
            let fires = |rule: &&&Drawn| {
                rule.1 == offer && rule.0.iter().all(|i| has.contains(i)) && !(is_held && has.contains(&offer))
            };
            leads.iter().filter(fires).map(|rule| rule.2.ln()).sum()
        };
        (!leads.is_empty()).then(|| [0, 2, 4].map(sum))
    }

    fn check(drawn: &[Drawn], held: &[Vec<u32>], days: Option<u32>) {
        let leads = leads(drawn, None, days);
        assert_eq!(leads.offers, [0, 1, 2]);
        let had = Had::Held(vec![lists(held)]);
        let got: Vec<f64> = leads.fire(&had, &[leads.dates.get(&Date(0))], held.len());
        for (has, got) in held.iter().zip(got.chunks(3)) {
            match by_definition(drawn, has, days.is_none()) {
                None => assert!(got.iter().all(|value| value.is_nan())),
                Some(sums) => {
                    let is_near = got.iter().zip(sums).all(|(got, expected)| (got - expected).abs() < 1e-12);
                    assert!(is_near, "{has:?}: {got:?} {sums:?}");
                }
            }
        }
    }

    #[test]
    fn rules_fire_as_defined() {
        let mut state = 1_u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        for round in 0..300 {
            let mut some = |chances: u32| (0..N_ITEMS).filter(|_| next(10) < chances).collect::<Vec<u32>>();
            let lefts: Vec<Vec<u32>> = (0..round % 30).map(|_| some(3)).filter(|left| !left.is_empty()).collect();
            let held: Vec<Vec<u32>> = (0..9).map(|has| some(has + 1)).collect();
            let mut number = |most: f64| f64::from(next(1000)) / 1000.0 * most;
            let drawn: Vec<Drawn> = lefts
                .into_iter()
                .map(|left| {
                    let (bound, q_value) = (0.5 + number(3.0), number(0.1));
                    (left, number(f64::from(N_ITEMS)) as u32, bound, q_value)
                })
                .collect();
            check(&drawn, &held, (round % 2 == 0).then_some(30));
        }
    }

    #[test]
    fn a_rule_without_a_bound_says_nothing() {
        let leads = leads(&[(vec![1], 0, f64::NAN, 0.0), (vec![1], 2, f64::INFINITY, 0.5)], None, None);
        assert!(leads.dates.is_empty());
    }

    #[test]
    fn a_date_without_rules_says_nothing_of_anybody() {
        let leads = leads(&[(vec![1], 0, 2.0, 0.0)], None, None);
        let had = Had::Held(vec![lists(&[vec![1], vec![]]), lists(&[vec![1], vec![]])]);
        let got: Vec<f64> = leads.fire(&had, &[None, leads.dates.get(&Date(0))], 2);
        assert!(got[..3].iter().chain(&got[6..9]).all(|value| value.is_nan()));
        assert_eq!((&got[3..6], &got[9..]), (&[2.0_f64.ln(), 0.0, 0.0][..], &[0.0; 3][..]));
    }

    #[test]
    fn what_things_belong_to_is_had_with_them() {
        // Items 1 and 3 belong to 5.
        let none = osusume_association::NO_PARENT;
        let forest = Hierarchy::new(vec![none, 5, none, 5, none, none]).unwrap();
        let leads = leads(&[(vec![5], 0, 2.0, 0.0), (vec![1, 3], 0, 3.0, 0.0)], Some(forest), None);
        let had = Had::Held(vec![lists(&[vec![1], vec![1, 3], vec![2]])]);
        let got: Vec<f64> = leads.fire(&had, &[leads.dates.get(&Date(0))], 3);
        let of_first: Vec<f64> = got.into_iter().step_by(3).collect();
        assert_eq!(of_first, [2.0_f64.ln(), 2.0_f64.ln() + 3.0_f64.ln(), 0.0]);
    }

    #[test]
    fn only_purchases_known_before_the_date_and_within_the_days_count() {
        let column = |values: Vec<i64>| Column { values: Values::I64(values.into()), valid: None, dictionary: None };
        let day = |days: i64| days * DAY_US;
        // Too early; in time; in time but known later; a return; on the date itself; of no item.
        let at = column([1, 5, 6, 7, 10, 8].map(day).to_vec());
        let arrived = column([1, 5, 10, 7, 10, 8].map(day).to_vec());
        let units = Values::F64(vec![1.0, 2.0, 1.0, -1.0, 1.0, 1.0].into());
        let quantity = Column { values: units, valid: None, dictionary: None };
        let product = Column { values: Values::Code(vec![0, 1, 2, 3, 4, 6].into()), valid: None, dictionary: None };
        let columns = vec![("at", at), ("arrived", arrived), ("quantity", quantity), ("product", product)];
        let block = Block::of(vec![0, 0, 6], columns);
        let of_key = [0, 1, 2, 3, 4, 5, u32::MAX];
        let span = |from: i64, until: i64| day(from)..day(until);
        let spans = vec![span(5, 10), span(1, 10), span(5, 11), span(11, 12)];
        let arrived = block.arrivals("arrived", "at");
        let bought = Bought { block: &block, of_key: &of_key, n_items: N_ITEMS, arrived, spans };
        let items = |customer, date| bought.items(customer, date).collect::<Vec<u32>>();
        assert_eq!([items(1, 0), items(1, 1), items(1, 2)], [vec![1], vec![0, 1], vec![1, 2, 4]]);
        assert!(items(1, 3).is_empty() && items(0, 1).is_empty());
    }
}
