//! Customers who keep what prices gave them, and the channels their offers go through.
//!
//! They are counted by class and offer, a cell, and only the counts take part in the search. Who of a cell goes through which channel is
//! told at the end, by the order of a hash.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Placement;
use super::choice::{Menu, Taken};
use super::dual::Dual;
use super::exchange::Person;
use super::field::{Decided, Field};
use super::market::{Choice, Market, Part};
use crate::block::BLOCK_ROWS;

/// Share of the customers between two channels who are left to exchanges, and how many of a cell at least.
const BETWEEN: f64 = 0.01;
const BETWEEN_LEAST: f64 = 100.0;

/// A customer's place in the order of hashes.
type Rank = (u64, u32);

/// Everybody who is decided.
pub(super) struct Crowd<'a> {
    market: &'a Market<'a>,
    field: &'a Field,
    /// Customers who were open in the field at first and are not at the final prices, ascending.
    late: Vec<(u32, u16)>,
    /// Cells × channels: customers who get the offer through the channel.
    through: Vec<i64>,
    /// For cells between two channels, those who take the offer.
    takers: Vec<Vec<Rank>>,
    /// Of such cells the last one, in the order of hashes, who is left to exchanges.
    last_person: BTreeMap<usize, Rank>,
    value: f64,
    bound: f64,
}

/// Where a person comes from.
enum Source {
    /// A row of a part of the open, with what it takes.
    Open((u32, u32), Vec<Choice>),
    /// Somebody decided, by an offer of a value, who stands between two channels.
    Between(u16, f32, Choice),
}

/// What the open take, added up.
struct Asked {
    late: Vec<(u32, u16)>,
    /// Classes × offers.
    taken: Vec<i64>,
    /// Sum of the values of the late, in units.
    value: i128,
    /// Sum of value less price of the persons, in units.
    net: i128,
    persons: Vec<(u32, Source)>,
}

impl<'a> Crowd<'a> {
    /// Parts everybody at the final prices: who has an alternative within `margin` is a person, in the order of hashes.
    pub(super) fn new(
        market: &'a Market<'a>,
        dual: &Dual,
        field: &'a Field,
        margin: f64,
    ) -> (Self, (Part, Vec<Person>)) {
        let Asked { late, taken, value, net, persons } = ask(market, dual, field, margin);
        let mut persons: Vec<(Rank, Source)> =
            persons.into_iter().map(|(customer, source)| ((market.rank(customer), customer), source)).collect();
        let prices = Menu::new(market, &dual.prices, 0.0);
        let value = value + field.value;
        let mut bound = dual.unit.amount(value + net) + rent(market, &dual.prices);
        for (&taken, price) in taken.iter().zip(prices.all()).filter(|(taken, _)| **taken > 0) {
            bound -= taken as f64 * price;
        }
        let (n_offers, n_channels) = (market.n_offers(), market.n_channels());
        let menu = Menu::new(market, &dual.prices, dual.width);
        let channels = |cell: usize| menu.channels(cell / n_offers, cell % n_offers);
        let is_between: Vec<bool> = (0..taken.len()).map(|cell| taken[cell] > 0 && channels(cell).2 > 0.0).collect();
        let mut late: Vec<(u32, u16)> = field.late.iter().copied().chain(late).collect();
        late.par_sort_unstable();
        let mut crowd = Self {
            market,
            field,
            late,
            through: vec![0; taken.len() * n_channels],
            takers: Vec::new(),
            last_person: BTreeMap::new(),
            value: 0.0,
            bound,
        };
        crowd.takers = crowd.takers_of(&is_between);
        let mut given_away = 0;
        for (cell, &taken) in taken.iter().enumerate().filter(|(_, taken)| **taken > 0) {
            let (first, second, share) = channels(cell);
            let drawn = crowd.draw(cell);
            let n_second = (share * drawn.len() as f64) as usize;
            for (position, rank) in drawn.iter().enumerate() {
                let offer = (cell % n_offers) as u16;
                let channel = if position < n_second { second } else { first };
                let (offers, values) = market.bids_of(rank.1 as usize);
                let worth = offers.binary_search(&offer).map_or(0.0, |at| values[at]);
                given_away += i128::from(dual.unit.count(f64::from(worth)));
                persons.push((*rank, Source::Between(offer, worth, market.choice(offer, channel))));
            }
            let rest = taken - drawn.len() as i64;
            let through_second = (share * rest as f64).round() as i64;
            crowd.through[cell * n_channels + second] += through_second;
            crowd.through[cell * n_channels + first] += rest - through_second;
        }
        crowd.value = dual.unit.amount(value - given_away) - crowd.cost_of_channels();
        persons.sort_unstable_by_key(|(rank, _)| *rank);
        (crowd, gathered(market, field, persons))
    }

    /// Sum of the values of what the crowd gets.
    pub(super) fn value(&self) -> f64 {
        self.value
    }

    /// The dual at the prices.
    pub(super) fn bound(&self) -> f64 {
        self.bound
    }

    /// What the crowd's channels cost more than the cheapest ones.
    fn cost_of_channels(&self) -> f64 {
        let (n_offers, n_channels) = (self.market.n_offers(), self.market.n_channels());
        let cost = |(at, &n): (usize, &i64)| {
            let class = self.market.classes[at / n_channels / n_offers];
            n as f64 * self.market.terms.extra(class.reach, at % n_channels)
        };
        self.through.iter().enumerate().filter(|(_, n)| **n > 0).map(cost).sum()
    }

    /// What the crowd uses of each limit.
    pub(super) fn used(&self) -> Vec<i64> {
        let mut used = vec![0; self.market.terms.limits.len()];
        let (n_offers, n_channels) = (self.market.n_offers(), self.market.n_channels());
        for (at, &n) in self.through.iter().enumerate().filter(|(_, n)| **n > 0) {
            let (cell, channel) = (at / n_channels, at % n_channels);
            let choice = self.market.choice((cell % n_offers) as u16, channel);
            self.market.add_uses(cell / n_offers, choice, n, &mut used);
        }
        used
    }

    fn cell(&self, customer: u32, offer: u16) -> usize {
        self.market.class_of(customer) * self.market.n_offers() + usize::from(offer)
    }

    /// For each cell that is wanted the decided who take its offer.
    fn takers_of(&self, is_wanted: &[bool]) -> Vec<Vec<Rank>> {
        let mut takers: Vec<Vec<Rank>> = vec![Vec::new(); is_wanted.len()];
        if !is_wanted.contains(&true) {
            return takers;
        }
        let of_block = |(number, decided): (usize, &Decided)| {
            let mut found: Vec<(u32, Rank)> = Vec::new();
            decided.each(number, |customer, offer| {
                let cell = self.cell(customer, offer);
                if is_wanted[cell] {
                    found.push((cell as u32, (self.market.rank(customer), customer)));
                }
            });
            found
        };
        let blocks: Vec<Vec<(u32, Rank)>> = self.field.decided.par_iter().enumerate().map(of_block).collect();
        for (cell, rank) in blocks.into_iter().flatten() {
            takers[cell as usize].push(rank);
        }
        for &(customer, offer) in &self.late {
            let cell = self.cell(customer, offer);
            if is_wanted[cell] {
                takers[cell].push((self.market.rank(customer), customer));
            }
        }
        takers
    }

    /// Takes some of a cell between two channels out of the crowd, in the order of hashes; of customers with one place alone, since
    /// others have offers beside.
    fn draw(&mut self, cell: usize) -> Vec<Rank> {
        let takers = &mut self.takers[cell];
        let n = ((BETWEEN * takers.len() as f64).max(BETWEEN_LEAST) as usize).min(takers.len());
        if n == 0 {
            return Vec::new();
        }
        let (_, &mut last, _) = takers.select_nth_unstable(n - 1);
        self.last_person.insert(cell, last);
        let places = &self.market.bids.places;
        let is_drawn = |rank: &Rank| *rank <= last && places[rank.1 as usize] == 1;
        let mut drawn: Vec<Rank> = takers[..n].iter().copied().filter(is_drawn).collect();
        takers.retain(|rank| !is_drawn(rank));
        drawn.sort_unstable();
        drawn
    }

    /// Who gets what, with the persons and the bits of the channels; `used` follows the channels.
    pub(super) fn placements(mut self, (part, people): (&Part, &mut [Person]), used: &mut [i64]) -> Vec<Placement> {
        self.prefer_channels((part, people), used);
        let n_channels = self.market.n_channels();
        let is_parted =
            |cell: usize| self.through[cell * n_channels..][..n_channels].iter().filter(|n| **n > 0).count() > 1;
        let parted: Vec<bool> = (0..self.through.len() / n_channels.max(1)).map(is_parted).collect();
        let is_new: Vec<bool> =
            parted.iter().zip(&self.takers).map(|(&is_parted, takers)| is_parted && takers.is_empty()).collect();
        let new = self.takers_of(&is_new);
        self.takers.iter_mut().zip(new).for_each(|(takers, mut new)| takers.append(&mut new));
        let ways: Vec<Vec<(Rank, u8)>> = (0..parted.len()).map(|cell| self.ways(cell)).collect();
        self.written(&ways, part, people)
    }

    /// The channels of a cell, each with the last customer, in the order of hashes, whose offer goes through it.
    fn ways(&mut self, cell: usize) -> Vec<(Rank, u8)> {
        let n_channels = self.market.n_channels();
        let counts: Vec<(u8, usize)> = (0..n_channels)
            .map(|channel| (channel as u8, self.through[cell * n_channels + channel] as usize))
            .filter(|(_, n)| *n > 0)
            .collect();
        let Some((&(last, _), others)) = counts.split_last() else { return Vec::new() };
        let mut ways = Vec::with_capacity(counts.len());
        if !others.is_empty() {
            let mut rest: &mut [Rank] = &mut self.takers[cell];
            for &(channel, n) in others {
                let (_, &mut end, after) = rest.select_nth_unstable(n - 1);
                ways.push((end, channel));
                rest = after;
            }
        }
        ways.push(((u64::MAX, u32::MAX), last));
        ways
    }

    /// All placements by (customer, offer).
    fn written(&self, ways: &[Vec<(Rank, u8)>], part: &Part, people: &[Person]) -> Vec<Placement> {
        let market = self.market;
        let n_channels = market.n_channels();
        let mut others: Vec<Placement> = people
            .par_iter()
            .enumerate()
            .flat_map_iter(|(row, person)| {
                person.picks.iter().map(move |&pick| Placement {
                    customer: part.customers[row],
                    offer: (pick as usize / n_channels) as u16,
                    channel: market.terms.channels[pick as usize % n_channels],
                })
            })
            .collect();
        others.extend(self.late.iter().filter_map(|&one| self.through_its_channel(ways, one)));
        others.par_sort_unstable();
        let counts: Vec<usize> = (0..self.field.decided.len())
            .into_par_iter()
            .map(|number| self.block(ways, &others, number, |_| ()))
            .collect();
        let nobody = Placement { customer: 0, offer: 0, channel: 0 };
        // By all threads: the first touch of fresh memory is most of the work.
        let mut all: Vec<Placement> = rayon::iter::repeat_n(nobody, counts.iter().sum()).collect();
        let mut rest = all.as_mut_slice();
        let mut parts = Vec::with_capacity(counts.len());
        for n in counts {
            let (part, after) = rest.split_at_mut(n);
            parts.push(part);
            rest = after;
        }
        parts.into_par_iter().enumerate().for_each(|(number, part)| {
            let mut places = part.iter_mut();
            self.block(ways, &others, number, |one| {
                if let Some(place) = places.next() {
                    *place = one;
                }
            });
        });
        all
    }

    /// Calls `each` with the placements of a block of customers; how many there are.
    fn block(
        &self,
        ways: &[Vec<(Rank, u8)>],
        others: &[Placement],
        number: usize,
        mut each: impl FnMut(Placement),
    ) -> usize {
        let [start, end] = [number, number + 1]
            .map(|number| others.partition_point(|one| (one.customer as usize) < number * BLOCK_ROWS));
        let mut others = others[start..end].iter().copied().peekable();
        let mut n = end - start;
        self.field.decided[number].each(number, |customer, offer| {
            // Nobody is in both.
            while let Some(other) = others.next_if(|other| other.customer < customer) {
                each(other);
            }
            if let Some(one) = self.through_its_channel(ways, (customer, offer)) {
                each(one);
                n += 1;
            }
        });
        others.for_each(each);
        n
    }

    /// A decided customer's placement; none where it was left to exchanges.
    fn through_its_channel(&self, ways: &[Vec<(Rank, u8)>], (customer, offer): (u32, u16)) -> Option<Placement> {
        let cell = self.cell(customer, offer);
        let rank = || (self.market.rank(customer), customer);
        let is_person = self.last_person.get(&cell).is_some_and(|last| rank() <= *last)
            && self.market.bids.places[customer as usize] == 1;
        if is_person {
            return None;
        }
        let way = match &ways[cell][..] {
            [only] => only,
            several => several.iter().find(|(end, _)| rank() <= *end)?,
        };
        Some(Placement { customer, offer, channel: self.market.terms.channels[usize::from(way.1)] })
    }

    /// Moves offers to channels that customers would rather be reached through, as far as there are places left in these.
    ///
    /// Between channels that cost the same nothing is lost. Those whose move changes the same limits by the same amounts are moved
    /// together, persons first, as many as there is room for.
    fn prefer_channels(&mut self, (part, people): (&Part, &mut [Person]), used: &mut [i64]) {
        let n_channels = self.market.n_channels();
        for to in 0..n_channels {
            let costs = self.market.terms.costs;
            let is_as_dear = |&from: &usize| costs.is_empty() || costs[from].total_cmp(&costs[to]).is_eq();
            for from in (to + 1..n_channels).filter(is_as_dear) {
                for (change, mut group) in self.groups((part, people), from, to) {
                    let wanted = group.persons.len() as i64 + group.cells.iter().map(|cell| cell.1).sum::<i64>();
                    let n = self.n_allowed(&change, used, wanted);
                    used.iter_mut().zip(&change).for_each(|(used, change)| *used += n * change);
                    let n_persons = group.persons.len().min(n as usize);
                    for (row, pick) in group.persons.drain(..n_persons) {
                        people[row].picks[pick] = people[row].picks[pick] - from as Choice + to as Choice;
                    }
                    let mut rest = n - n_persons as i64;
                    for (cell, there) in group.cells {
                        let moved = rest.min(there);
                        self.through[cell * n_channels + from] -= moved;
                        self.through[cell * n_channels + to] += moved;
                        rest -= moved;
                    }
                }
            }
        }
    }

    /// Who has an offer through channel `from` and could have it through `to`, by what that would change.
    fn groups(&self, (part, people): (&Part, &[Person]), from: usize, to: usize) -> BTreeMap<Vec<i64>, Group> {
        let market = self.market;
        let (n_offers, n_channels) = (market.n_offers(), market.n_channels());
        let mut groups: BTreeMap<Vec<i64>, Group> = BTreeMap::new();
        let change = |class: usize, offer: usize| -> Option<Vec<i64>> {
            let class = market.classes[class];
            let uses = |channel: usize| market.uses_of(class.segment, offer * n_channels + channel);
            let is_open = market.terms.is_open(offer * n_channels + to);
            let is_reached = is_open && class.reach.contains(market.terms.channels[to]);
            is_reached.then(|| uses(to).iter().zip(uses(from)).map(|(to, from)| to - from).collect())
        };
        for cell in 0..self.through.len() / n_channels {
            let n = self.through[cell * n_channels + from];
            if n > 0
                && let Some(change) = change(cell / n_offers, cell % n_offers)
            {
                groups.entry(change).or_default().cells.push((cell, n));
            }
        }
        for (row, person) in people.iter().enumerate() {
            for (at, &pick) in person.picks.iter().enumerate().filter(|(_, pick)| **pick as usize % n_channels == from)
            {
                if let Some(change) = change(part.class_of(row), pick as usize / n_channels) {
                    groups.entry(change).or_default().persons.push((row, at));
                }
            }
        }
        groups
    }

    /// How often a change can be made, at most `wanted` times, without any limit being exceeded or missed by more.
    fn n_allowed(&self, change: &[i64], used: &[i64], wanted: i64) -> i64 {
        let of = |k: usize| {
            let harms = |n: i64| {
                let excess = |n: i64| self.market.excess(k, used[k] + n * change[k]);
                excess(n) > excess(n - 1)
            };
            // The excess is convex in what is used, so that once a change does harm the next ones do.
            let (mut most, mut too_many) = (0, wanted + 1);
            while too_many - most > 1 {
                let middle = i64::midpoint(most, too_many);
                if harms(middle) { too_many = middle } else { most = middle }
            }
            most
        };
        (0..used.len()).filter(|&k| change[k] != 0).map(of).min().unwrap_or(wanted)
    }
}

/// Offers whose move from one channel to another changes the same.
#[derive(Default)]
struct Group {
    /// Persons and positions among their picks.
    persons: Vec<(usize, usize)>,
    /// Cells, and how many there are.
    cells: Vec<(usize, i64)>,
}

/// Whether a customer is open, and the offers it takes with value less price.
type Answer = (bool, Vec<(u16, f64)>);

/// Asks those the field left open at the final prices.
fn ask(market: &Market<'_>, dual: &Dual, field: &Field, margin: f64) -> Asked {
    let menu = Menu::new(market, &dual.prices, 0.0);
    let n_offers = market.n_offers();
    let of_part = |part: &Part| -> Vec<Answer> {
        let mut taken = Taken::default();
        let of = |row: usize| {
            part.choose(&market.terms, &menu, row, &mut taken);
            let mut is_open = false;
            taken.alternatives(|_, _, gap| is_open |= gap <= margin);
            (is_open, taken.picks.iter().map(|pick| (pick.offer, pick.net)).collect())
        };
        (0..part.len()).map(of).collect()
    };
    let parts: Vec<Vec<Answer>> = field.open.par_iter().map(of_part).collect();
    let mut asked = Asked { late: Vec::new(), taken: field.taken.clone(), value: 0, net: 0, persons: Vec::new() };
    let rows = parts
        .into_iter()
        .enumerate()
        .flat_map(|(at, rows)| rows.into_iter().enumerate().map(move |(row, one)| (at, row, one)));
    for (at, row, (is_open, picks)) in rows {
        let part = &field.open[at];
        let (customer, class) = (part.customers[row], part.class_of(row));
        if is_open {
            let choice = |offer| market.choice(offer, menu.best_channel(class, offer));
            asked.net += picks.iter().map(|pick| i128::from(dual.unit.count(pick.1))).sum::<i128>();
            asked.persons.push((
                customer,
                Source::Open((at as u32, row as u32), picks.iter().map(|pick| choice(pick.0)).collect()),
            ));
            continue;
        }
        for (offer, _) in picks {
            asked.late.push((customer, offer));
            asked.taken[class * n_offers + usize::from(offer)] += 1;
            asked.value += i128::from(dual.unit.count(part.value_of(row, offer)));
        }
    }
    asked
}

/// The persons' bids side by side.
fn gathered(market: &Market<'_>, field: &Field, persons: Vec<(Rank, Source)>) -> (Part, Vec<Person>) {
    let (mut part, mut people) = (Part::default(), Vec::with_capacity(persons.len()));
    for ((_, customer), source) in persons {
        let picks = match source {
            Source::Open((at, row), picks) => {
                part.push(market, customer, field.open[at as usize].bids_of(row as usize), |_, _| true);
                picks
            }
            Source::Between(offer, value, choice) => {
                part.push(market, customer, (&[offer], &[value]), |_, _| true);
                vec![choice]
            }
        };
        people.push(Person { picks, version: 0 });
    }
    (part, people)
}

/// What the limits cost at the prices: the part of the dual that is not the customers'.
fn rent(market: &Market<'_>, prices: &[f64]) -> f64 {
    let bound = |k: usize, price: f64| {
        if price > 0.0 { market.terms.limits[k].max.unwrap_or(0) } else { market.least[k] }
    };
    prices.iter().enumerate().map(|(k, &price)| price * bound(k, price) as f64).sum()
}
