//! The last customers: chains of exchanges until every limit holds and none earns more.
//!
//! Customers whose alternatives are far from what they take at the clearing prices keep it. Among the others a move gives one customer
//! another offer, or none, or one more. Choices that use the same amounts of the limits are one node of a small graph; a move is an edge
//! between the nodes of what is given up and what is taken, weighted by the value lost. A path of moves changes what is used only at its
//! two ends. So the cheapest path from a node that uses too much to one with room mends a limit at the least cost, and a cycle of
//! negative weight earns something at no use. Where each choice counts toward one limit of whole places, this is the successive shortest
//! path method of minimum-cost flow (Ahuja, Magnanti and Orlin 1993, chapter 9) on a network contracted to its limits, and ends at the
//! optimum; with several limits on a choice it is a search that only improves.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use osusume_model::Control;
use rayon::prelude::*;

use super::choice::{Menu, Taken};
use super::dual::Dual;
use super::field::Field;
use super::market::{Choice, Market, NOTHING};
use super::{Assignment, Placement};
use crate::{DecideError, Result};

/// Sums below this share of the width are rounding.
const ROUNDING: f64 = 1e-7;
/// Of so few customers all are left to exchanges.
const FEW: usize = 1_000;
/// With so many at the margin it is not drawn wider for the gap's sake.
const MANY: usize = 200_000;
/// A gap to the bound that is looked into, as a share of it.
const GAP: f64 = 5e-5;
/// Share of the customers between two channels who are left to exchanges, and how many of an offer at least.
const BETWEEN: f64 = 0.01;
const BETWEEN_LEAST: f64 = 100.0;
/// How much wider the margin is drawn when no path is found within it.
const WIDEN: f64 = 16.0;

/// Settles the market at the prices; `field` is everybody at prices near them.
///
/// # Errors
/// `Stopped`.
pub(super) fn settle(market: &Market<'_>, dual: &Dual, field: Field, control: &dyn Control) -> Result<Assignment> {
    let furthest = furthest(market, dual);
    let mut margin = if market.bids.len() <= FEW { furthest } else { 2.0 * dual.width };
    let mut start = if margin < furthest {
        narrowed(market, dual, field, margin, control)?
    } else {
        Field::at(market, None, &dual.prices, margin, control)?
    };
    loop {
        let mut exchange = Exchange::new(market, dual, &start, margin);
        let bound = exchange.bound;
        exchange.run(margin >= furthest, control)?;
        let is_near = exchange.value() >= bound - GAP * bound.abs() || exchange.people.len() > MANY;
        if margin >= furthest || (exchange.excess() == 0 && is_near) {
            return Ok(exchange.finish(dual, bound));
        }
        margin = (WIDEN * margin).min(furthest);
        start = Field::at(market, None, &dual.prices, margin, control)?;
    }
}

/// Those of the field who are still open at the final prices within a margin.
fn narrowed(market: &Market<'_>, dual: &Dual, mut field: Field, margin: f64, control: &dyn Control) -> Result<Field> {
    let open = std::mem::take(&mut field.open);
    field.append(Field::at(market, Some(&open), &dual.prices, margin, control)?);
    Ok(field)
}

/// No alternative is further away than this.
fn furthest(market: &Market<'_>, dual: &Dual) -> f64 {
    let largest = market.bids.values.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
    let prices: f64 = market
        .terms
        .limits
        .iter()
        .zip(&dual.prices)
        .map(|(limit, price)| {
            let most = limit.uses.iter().copied().max().unwrap_or(0);
            most as f64 * price.abs()
        })
        .sum();
    2.0 * (f64::from(largest) + prices)
}

/// A customer who may still change.
struct Person {
    customer: u32,
    picks: Vec<Choice>,
    /// Counts changes, so that moves from before are known as such.
    version: u32,
}

impl Person {
    /// A customer with what the menu's prices give, and its value less price.
    fn at(market: &Market<'_>, menu: &Menu, customer: u32, taken: &mut Taken) -> (Self, f64) {
        market.choose(menu, customer as usize, taken);
        let class = usize::from(market.class_of[customer as usize]);
        let choice = |offer| market.choice(offer, menu.best_channel(class, offer));
        let picks = taken.picks.iter().map(|pick| choice(pick.offer)).collect();
        (Self { customer, picks, version: 0 }, taken.picks.iter().map(|pick| pick.net).sum())
    }
}

/// The offers of the decided, each through a channel; `people` are joined by some who stand between two.
///
/// Where two channels cost the same within the width, the dual says what share comes through the second, and customers are
/// counted off accordingly. What is left over by rounding needs only a few of them for exchanges.
fn through_channels(market: &Market<'_>, dual: &Dual, field: &Field, people: &mut Vec<Person>) -> Vec<Placement> {
    let menu = Menu::new(&market.terms, &market.classes, &dual.prices, dual.width);
    let n_offers = market.n_offers();
    let mut counted = vec![0_u64; field.taken.len()];
    let mut decided = Vec::with_capacity(field.decided.len());
    for &(customer, offer) in &field.decided {
        let class = usize::from(market.class_of[customer as usize]);
        let cell = class * n_offers + usize::from(offer);
        let (first, second, share) = menu.channels(class, usize::from(offer));
        let before = counted[cell] as f64;
        counted[cell] += 1;
        let is_second = share > 0.0 && ((before + 1.0) * share).floor() > (before * share).floor();
        let channel = if is_second { second } else { first };
        let is_one_place = market.bids.places[customer as usize] == 1;
        if share > 0.0 && is_one_place && before < (BETWEEN * field.taken[cell]).max(BETWEEN_LEAST) {
            people.push(Person { customer, picks: vec![market.choice(offer, channel)], version: 0 });
        } else {
            decided.push(Placement { customer, offer, channel: channel as u8 });
        }
    }
    decided
}

/// What the limits cost at the prices: the part of the dual that is not the customers'.
fn rent(market: &Market<'_>, prices: &[f64]) -> f64 {
    let bound = |k: usize, price: f64| {
        if price > 0.0 { market.terms.limits[k].max.unwrap_or(0) } else { market.least[k] }
    };
    prices.iter().enumerate().map(|(k, &price)| price * bound(k, price) as f64).sum()
}

/// One customer gives up `from` for `to`.
#[derive(Clone, Copy, Debug)]
struct Move {
    /// Value lost.
    cost: f64,
    person: u32,
    version: u32,
    from: Choice,
    to: Choice,
}

impl Move {
    fn key(&self) -> (u32, Choice, Choice) {
        (self.person, self.from, self.to)
    }
}

impl PartialEq for Move {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Move {}

impl PartialOrd for Move {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Move {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.cost.total_cmp(&other.cost).then(self.key().cmp(&other.key()))
    }
}

struct Exchange<'a> {
    market: &'a Market<'a>,
    /// Node of each choice; 0 uses nothing, as does [`NOTHING`].
    node_of: Vec<usize>,
    /// What one choice of a node uses of each limit.
    uses: Vec<Vec<i64>>,
    /// Price of a choice of a node.
    price: Vec<f64>,
    used: Vec<i64>,
    /// The dual at the prices.
    bound: f64,
    /// Offers of customers who are decided.
    decided: Vec<Placement>,
    people: Vec<Person>,
    /// Nodes × nodes: the moves from one to the other, the cheapest first.
    moves: Vec<BinaryHeap<Reverse<Move>>>,
    margin: f64,
    rounding: f64,
}

impl<'a> Exchange<'a> {
    fn new(market: &'a Market<'a>, dual: &Dual, start: &Field, margin: f64) -> Self {
        let (node_of, uses) = nodes(market);
        let price_of =
            |uses: &[i64]| -> f64 { uses.iter().zip(&dual.prices).map(|(&use_, price)| use_ as f64 * price).sum() };
        let menu = Menu::new(&market.terms, &market.classes, &dual.prices, 0.0);
        let asked: Vec<(Person, f64)> = start
            .open
            .par_iter()
            .map_init(Taken::default, |taken, &customer| Person::at(market, &menu, customer, taken))
            .collect();
        let mut people: Vec<Person> = Vec::with_capacity(asked.len());
        let mut net = start.value;
        for (class, row) in start.taken.chunks(market.n_offers().max(1)).enumerate() {
            net -= row
                .iter()
                .zip(menu.row(class))
                .filter(|(taken, _)| **taken > 0.0)
                .map(|(taken, price)| taken * price)
                .sum::<f64>();
        }
        for (person, own) in asked {
            net += own;
            people.push(person);
        }
        let decided = through_channels(market, dual, start, &mut people);
        let mut used = vec![0; market.terms.limits.len()];
        for placement in &decided {
            market.add_uses(market.choice(placement.offer, usize::from(placement.channel)), 1, &mut used);
        }
        let mut exchange = Self {
            price: uses.iter().map(|uses| price_of(uses)).collect(),
            used,
            bound: net + rent(market, &dual.prices),
            decided,
            people,
            moves: (0..uses.len() * uses.len()).map(|_| BinaryHeap::new()).collect(),
            market,
            node_of,
            uses,
            margin,
            rounding: ROUNDING * dual.width,
        };
        let picks: Vec<Choice> = exchange.people.iter().flat_map(|person| person.picks.iter().copied()).collect();
        for choice in picks {
            market.add_uses(choice, 1, &mut exchange.used);
        }
        let moves: Vec<Vec<Move>> =
            (0..exchange.people.len()).into_par_iter().map(|person| exchange.moves_of(person)).collect();
        for moves in moves {
            exchange.push(moves);
        }
        exchange
    }

    fn node(&self, choice: Choice) -> usize {
        if choice == NOTHING { 0 } else { self.node_of[choice as usize] }
    }

    fn family(&self, choice: Choice) -> u16 {
        self.market.terms.families[choice as usize / self.market.n_channels()]
    }

    /// All moves of a person that the prices do not rule out.
    fn moves_of(&self, person: usize) -> Vec<Move> {
        let Person { customer, ref picks, version } = self.people[person];
        let (offers, values) = self.market.bids_of(customer as usize);
        let reach = self.market.bids.reach[customer as usize];
        let channels: Vec<usize> =
            (0..self.market.n_channels()).filter(|&c| reach.contains(self.market.terms.channels[c])).collect();
        let has_room = picks.len() < usize::from(self.market.bids.places[customer as usize]);
        let mut moves = Vec::new();
        for from in picks.iter().copied().chain(has_room.then_some(NOTHING)) {
            let lost = if from == NOTHING { 0.0 } else { self.value_of(customer, from) };
            let mut consider = |to: Choice, gained: f64| {
                let cost = lost - gained;
                let net = cost - self.price[self.node(from)] + self.price[self.node(to)];
                let is_idle = self.node(from) == self.node(to) && cost >= -self.rounding;
                if net <= self.margin && !is_idle {
                    moves.push(Move { cost, person: person as u32, version, from, to });
                }
            };
            if from != NOTHING {
                consider(NOTHING, 0.0);
            }
            for (&offer, &gained) in offers.iter().zip(values) {
                let family = self.market.terms.families[usize::from(offer)];
                if picks.iter().any(|&pick| pick != from && self.family(pick) == family) {
                    continue;
                }
                for &channel in &channels {
                    let to = self.market.choice(offer, channel);
                    if to != from {
                        consider(to, f64::from(gained));
                    }
                }
            }
        }
        moves
    }

    fn push(&mut self, moves: Vec<Move>) {
        let n = self.uses.len();
        for one in moves {
            let edge = self.node(one.from) * n + self.node(one.to);
            self.moves[edge].push(Reverse(one));
        }
    }

    /// How far all limits are exceeded or missed.
    fn excess(&self) -> i64 {
        self.used.iter().enumerate().map(|(k, &used)| self.market.excess(k, used)).sum()
    }

    /// How the excess changes when a unit of node `from` gives way to one of `to`.
    fn change(&self, from: usize, to: usize) -> i64 {
        let amounts = self.uses[from].iter().zip(&self.uses[to]).zip(&self.used).enumerate();
        let changed = |k: usize, now: i64, then: i64| self.market.excess(k, then) - self.market.excess(k, now);
        amounts.map(|(k, ((out, into), &used))| changed(k, used, used - out + into)).sum()
    }

    /// Mends what exceeds a limit or misses it, then earns what exchanges can earn; the last time maxima hold in any case.
    fn run(&mut self, is_last: bool, control: &dyn Control) -> Result<()> {
        let mut n_done = 0_u64;
        loop {
            if n_done.is_multiple_of(64)
                && let Some(stop) = control.stop()
            {
                return Err(DecideError::Stopped(stop));
            }
            n_done += 1;
            let weights = self.weights();
            if let Some(cycle) = negative_cycle(&weights, self.uses.len(), self.rounding) {
                self.follow(&cycle);
                continue;
            }
            let paths = Paths::new(weights, self.uses.len(), self.rounding);
            let Some((from, to)) = self.best_ends(&paths) else {
                if is_last && self.drop_one() {
                    continue;
                }
                self.price = self.settled_prices(&paths);
                return Ok(());
            };
            self.follow(&paths.between(from, to));
        }
    }

    /// Prices at which nobody at the margin would change: the dual's, where they lie between what those outside would pay for a place
    /// and what those inside would lose with theirs; else the middle of the two.
    fn settled_prices(&self, paths: &Paths) -> Vec<f64> {
        let n = self.uses.len();
        let price = |node: usize| {
            if node == 0 || (self.change(0, node) <= 0 && self.change(node, 0) <= 0) {
                return 0.0;
            }
            let (offered, lost) = (-paths.cost[node], paths.cost[node * n]);
            let dual = self.price[node];
            match (offered.is_finite(), lost.is_finite()) {
                (true, true) if !(offered..=lost).contains(&dual) => f64::midpoint(offered, lost),
                (true, false) => dual.max(offered),
                (false, true) => dual.min(lost),
                _ => dual,
            }
        };
        (0..n).map(price).collect()
    }

    /// The cheapest ends whose exchange mends a limit, or that earn something and harm none.
    fn best_ends(&self, paths: &Paths) -> Option<(usize, usize)> {
        let n = self.uses.len();
        let is_exceeded = self.excess() > 0;
        let mut best: Option<(f64, usize, usize)> = None;
        for from in 0..n {
            for to in (0..n).filter(|&to| to != from) {
                let cost = paths.cost[from * n + to];
                let change = if cost < f64::INFINITY { self.change(from, to) } else { 1 };
                let is_better = if is_exceeded { change < 0 } else { change == 0 && cost < -self.rounding };
                if is_better && best.is_none_or(|(least, _, _)| cost < least) {
                    best = Some((cost, from, to));
                }
            }
        }
        best.map(|(_, from, to)| (from, to))
    }

    /// The weight of every edge: its cheapest move. Moves from before a change are dropped on the way.
    fn weights(&mut self) -> Vec<f64> {
        let people = &self.people;
        self.moves
            .iter_mut()
            .map(|heap| {
                while let Some(Reverse(one)) = heap.peek() {
                    if people[one.person as usize].version == one.version {
                        return one.cost;
                    }
                    heap.pop();
                }
                f64::INFINITY
            })
            .collect()
    }

    /// Makes the moves of the edges of a path, given by its nodes.
    fn follow(&mut self, path: &[usize]) {
        let n = self.uses.len();
        let edges: Vec<usize> = path.windows(2).map(|pair| pair[0] * n + pair[1]).collect();
        let moves: Vec<Move> = edges.iter().filter_map(|&edge| self.moves[edge].peek().map(|one| one.0)).collect();
        let mut people: Vec<u32> = moves.iter().map(|one| one.person).collect();
        people.sort_unstable();
        if people.windows(2).any(|pair| pair[0] == pair[1]) {
            // One person cannot make both moves: the dearer of the path's moves is given up, and the search goes on.
            let last = moves.iter().zip(&edges).max_by(|a, b| a.0.cmp(b.0)).map(|(_, &edge)| edge);
            last.map(|edge| self.moves[edge].pop());
            return;
        }
        for one in &moves {
            self.make(one);
        }
    }

    fn make(&mut self, one: &Move) {
        self.market.add_uses(one.from, -1, &mut self.used);
        self.market.add_uses(one.to, 1, &mut self.used);
        let person = &mut self.people[one.person as usize];
        person.version += 1;
        person.picks.retain(|&pick| pick != one.from);
        if one.to != NOTHING {
            person.picks.push(one.to);
        }
        let moves = self.moves_of(one.person as usize);
        self.push(moves);
    }

    /// Takes the offer of least value that exceeds a maximum back, where moves that were given up leave no path; whether there was one.
    fn drop_one(&mut self) -> bool {
        let limits = self.market.terms.limits;
        let is_exceeded = |k: usize| limits[k].max.is_some_and(|max| self.used[k] > max);
        let exceeded: Vec<usize> = (0..limits.len()).filter(|&k| is_exceeded(k)).collect();
        if exceeded.is_empty() {
            return false;
        }
        let is_over = |choice: Choice| exceeded.iter().any(|&k| limits[k].uses[choice as usize] > 0);
        let mut least: Option<Move> = None;
        for (person, who) in self.people.iter().enumerate() {
            for &from in who.picks.iter().filter(|&&pick| is_over(pick)) {
                let cost = self.value_of(who.customer, from);
                let one = Move { cost, person: person as u32, version: who.version, from, to: NOTHING };
                least = Some(least.map_or(one, |least| least.min(one)));
            }
        }
        let Some(least) = least else { return false };
        self.make(&least);
        true
    }

    /// What a choice is worth to a customer.
    fn value_of(&self, customer: u32, choice: Choice) -> f64 {
        let (offers, values) = self.market.bids_of(customer as usize);
        let offer = (choice as usize / self.market.n_channels()) as u16;
        offers.binary_search(&offer).map_or(0.0, |at| f64::from(values[at]))
    }

    /// Who gets what; channels by position.
    fn placements(&self) -> impl Iterator<Item = Placement> {
        let n = self.market.n_channels();
        let placement = move |customer: u32, choice: Choice| {
            let (offer, channel) = (choice as usize / n, choice as usize % n);
            Placement { customer, offer: offer as u16, channel: channel as u8 }
        };
        let open = self
            .people
            .iter()
            .flat_map(move |person| person.picks.iter().map(move |&choice| placement(person.customer, choice)));
        self.decided.iter().copied().chain(open)
    }

    /// Sum of the values of the offers made.
    fn value(&self) -> f64 {
        let value = |placement: Placement| {
            let (offers, values) = self.market.bids_of(placement.customer as usize);
            offers.binary_search(&placement.offer).map_or(0.0, |at| f64::from(values[at]))
        };
        self.placements().map(value).sum()
    }

    fn finish(self, dual: &Dual, bound: f64) -> Assignment {
        let market = self.market;
        let value = self.value();
        let mut placements: Vec<Placement> = self.placements().collect();
        placements.sort_unstable();
        let mut used = self.used;
        prefer_channels(market, &mut placements, &mut used);
        for placement in &mut placements {
            placement.channel = market.terms.channels[usize::from(placement.channel)];
        }
        let choice_prices = self.node_of.iter().map(|&node| self.price[node]).collect();
        Assignment { placements, prices: dual.prices.clone(), choice_prices, used, value, bound }
    }
}

/// Moves offers to channels that customers would rather be reached through, as far as there are places left in these.
///
/// A channel has no value of its own, so nothing is lost; customers come in their order.
fn prefer_channels(market: &Market<'_>, placements: &mut [Placement], used: &mut [i64]) {
    for placement in placements {
        let reach = market.bids.reach[placement.customer as usize];
        for channel in 0..placement.channel {
            if !reach.contains(market.terms.channels[usize::from(channel)]) {
                continue;
            }
            let [from, to] =
                [placement.channel, channel].map(|c| market.choice(placement.offer, usize::from(c)) as usize);
            let changed = market.terms.limits.iter().map(|limit| limit.uses[to] - limit.uses[from]);
            let is_allowed =
                |(k, change): (usize, i64)| market.excess(k, used[k] + change) <= market.excess(k, used[k]);
            if changed.clone().enumerate().all(is_allowed) {
                used.iter_mut().zip(changed).for_each(|(used, change)| *used += change);
                placement.channel = channel;
                break;
            }
        }
    }
}

/// The node of every choice, and what one of each node uses; the first node uses nothing.
fn nodes(market: &Market<'_>) -> (Vec<usize>, Vec<Vec<i64>>) {
    let limits = market.terms.limits;
    let mut uses: Vec<Vec<i64>> = vec![vec![0; limits.len()]];
    let mut known: BTreeMap<Vec<i64>, usize> = BTreeMap::from([(uses[0].clone(), 0)]);
    let node_of = (0..market.n_offers() * market.n_channels())
        .map(|choice| {
            let vector: Vec<i64> = limits.iter().map(|limit| limit.uses[choice]).collect();
            *known.entry(vector).or_insert_with_key(|vector| {
                uses.push(vector.clone());
                uses.len() - 1
            })
        })
        .collect();
    (node_of, uses)
}

/// A closed path, first node repeated at its end, whose weights sum to less than −`rounding` an edge (Bellman and Ford).
fn negative_cycle(weights: &[f64], n: usize, rounding: f64) -> Option<Vec<usize>> {
    if let Some(node) = (0..n).find(|&node| weights[node * n + node] < -rounding) {
        return Some(vec![node, node]);
    }
    let (mut cost, mut before) = (vec![0.0; n], vec![usize::MAX; n]);
    for _ in 0..n {
        let mut changed = None;
        for from in 0..n {
            for to in 0..n {
                let through = cost[from] + weights[from * n + to];
                if through < cost[to] - rounding {
                    cost[to] = through;
                    before[to] = from;
                    changed = Some(to);
                }
            }
        }
        changed?;
        // A cycle among the predecessors is one of negative weight.
        if let Some(cycle) = cycle_of(&before) {
            return Some(cycle);
        }
    }
    None
}

/// A cycle of the predecessors, in the direction of the edges.
fn cycle_of(before: &[usize]) -> Option<Vec<usize>> {
    let mut seen_from = vec![usize::MAX; before.len()];
    for start in 0..before.len() {
        let mut node = start;
        while node != usize::MAX && seen_from[node] == usize::MAX {
            seen_from[node] = start;
            node = before[node];
        }
        if node != usize::MAX && seen_from[node] == start {
            let mut cycle = vec![node];
            let mut back = before[node];
            while back != node {
                cycle.push(back);
                back = before[back];
            }
            cycle.push(node);
            cycle.reverse();
            return Some(cycle);
        }
    }
    None
}

/// Cheapest paths between all nodes, of the fewest edges among those equally cheap (Floyd and Warshall).
struct Paths {
    n: usize,
    cost: Vec<f64>,
    n_edges: Vec<u32>,
    /// The node after the first on the way.
    next: Vec<usize>,
}

impl Paths {
    fn new(weights: Vec<f64>, n: usize, rounding: f64) -> Self {
        let next = (0..n * n).map(|edge| if weights[edge] < f64::INFINITY { edge % n } else { usize::MAX }).collect();
        let mut paths = Self { n, cost: weights, n_edges: vec![1; n * n], next };
        for through in 0..n {
            for from in (0..n).filter(|&from| from != through) {
                let first = from * n + through;
                if paths.cost[first] == f64::INFINITY {
                    continue;
                }
                for to in (0..n).filter(|&to| to != through && to != from) {
                    paths.improve(from * n + to, first, through * n + to, rounding);
                }
            }
        }
        paths
    }

    /// Takes the path over `first` and `second` where it is cheaper, or as cheap with fewer edges.
    fn improve(&mut self, direct: usize, first: usize, second: usize, rounding: f64) {
        let cost = self.cost[first] + self.cost[second];
        let n_edges = self.n_edges[first] + self.n_edges[second];
        let is_shorter = cost <= self.cost[direct] + rounding && n_edges < self.n_edges[direct];
        if cost < self.cost[direct] - rounding || is_shorter {
            self.cost[direct] = cost;
            self.n_edges[direct] = n_edges;
            self.next[direct] = self.next[first];
        }
    }

    /// The nodes of the path.
    fn between(&self, from: usize, to: usize) -> Vec<usize> {
        let mut path = vec![from];
        let mut node = from;
        while node != to && path.len() <= self.n {
            node = self.next[node * self.n + to];
            path.push(node);
        }
        path
    }
}
