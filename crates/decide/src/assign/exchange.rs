//! The last customers: chains of exchanges until every limit holds and none earns more.
//!
//! Customers whose alternatives are far from what they take at the clearing prices keep it. Among the others a move gives one customer
//! another offer, or none, or one more. Choices that use the same amounts of the limits are one node of a small graph; a move is an edge
//! between the nodes of what is given up and what is taken, weighted by the value lost. A path of moves changes what is used only at its
//! two ends. So the cheapest path from a node that uses too much to one with room mends a limit at the least cost, and a cycle of
//! negative weight earns something at no use. Where each choice counts toward one limit of whole places, this is the successive shortest
//! path method of minimum-cost flow (Ahuja, Magnanti and Orlin 1993, chapter 9) on a network contracted to its limits, and ends at the
//! optimum; with several limits on a choice it is a search that only improves.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

use osusume_model::Control;
use rayon::prelude::*;

use super::crowd::Crowd;
use super::dual::{Dual, furthest_move};
use super::field::Field;
use super::market::{Choice, Market, NOTHING, Part};
use super::paths::{Paths, negative_cycle};
use super::shortfall::{Weights, shortfalls};
use super::{Assignment, Loser};
use crate::{DecideError, Result};

/// Sums below this share of the first margin are rounding.
const ROUNDING: f64 = 5e-8;
/// Of so few customers all are left to exchanges.
const FEW: usize = 1_000;
/// With so many at the margin it is not drawn wider for the gap's sake.
const MANY: usize = 200_000;
/// A gap to the bound that is looked into, as a share of it.
const GAP: f64 = 5e-5;
/// How much wider the margin is drawn when no path is found within it.
const WIDEN: f64 = 16.0;
/// No margin is so many times wider than the first, but the one that leaves nobody out.
const WIDEST: f64 = 1e6;

/// Settles the market at the prices; `field` is everybody at prices near them.
///
/// # Errors
/// `Stopped`.
pub(super) fn settle(market: &Market<'_>, dual: &Dual, mut field: Field, control: &dyn Control) -> Result<Assignment> {
    let mut margin = if market.bids.len() <= FEW { f64::INFINITY } else { dual.margin };
    loop {
        // Within so much of what they take at these prices nobody's bids were left out.
        let seen = field.margin - 2.0 * furthest_move(market, &field.prices, &dual.prices);
        if seen < margin {
            field = Field::at((market, dual.unit), None, &dual.prices, margin, control)?;
        }
        let (crowd, people) = Crowd::new(market, dual, &field, margin);
        let mut exchange = Exchange::new(market, dual, &crowd, &people, margin);
        exchange.run(margin == f64::INFINITY, control)?;
        let (value, bound) = (exchange.value() + crowd.value(), crowd.bound());
        let is_near = value >= bound - GAP * bound.abs() || exchange.people.len() > MANY;
        if margin == f64::INFINITY || (exchange.excess() == 0 && is_near) {
            return Ok(exchange.finish(crowd, value));
        }
        margin = if margin > WIDEST * dual.margin { f64::INFINITY } else { WIDEN * margin };
    }
}

/// A customer who may still change: a row of the part that holds them all.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) picks: Vec<Choice>,
    /// Counts changes, so that moves from before are known as such.
    pub(super) version: u32,
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
    /// Persons stand in an order of their own, so that equal costs are told apart whatever the order of customers.
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
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Move {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cost.total_cmp(&other.cost).then(self.key().cmp(&other.key()))
    }
}

struct Exchange<'a> {
    market: &'a Market<'a>,
    /// Node of each choice of each segment; 0 uses nothing, as does [`NOTHING`].
    node_of: Vec<usize>,
    /// What one choice of a node uses of each limit.
    uses: Vec<Vec<i64>>,
    /// Price of a choice of a node.
    price: Vec<f64>,
    /// Price of a unit of each limit.
    prices: Vec<f64>,
    used: Vec<i64>,
    /// The persons' bids, in the order of the persons.
    part: &'a Part,
    people: Vec<Person>,
    /// Nodes × nodes: the moves from one to the other, the cheapest first.
    moves: Vec<BinaryHeap<Reverse<Move>>>,
    margin: f64,
    rounding: f64,
    /// Nodes × nodes: whether any path led from one to the other at the end.
    leads: Vec<bool>,
}

impl<'a> Exchange<'a> {
    fn new(
        market: &'a Market<'a>,
        dual: &Dual,
        crowd: &Crowd<'_>,
        (part, people): &'a (Part, Vec<Person>),
        margin: f64,
    ) -> Self {
        let (node_of, uses) = nodes(market);
        let price_of =
            |uses: &[i64]| -> f64 { uses.iter().zip(&dual.prices).map(|(&use_, price)| use_ as f64 * price).sum() };
        let mut exchange = Self {
            price: uses.iter().map(|uses| price_of(uses)).collect(),
            prices: dual.prices.clone(),
            used: crowd.used(),
            part,
            people: people.clone(),
            moves: (0..uses.len() * uses.len()).map(|_| BinaryHeap::new()).collect(),
            market,
            node_of,
            uses,
            margin,
            rounding: ROUNDING * dual.margin,
            leads: Vec::new(),
        };
        for (row, person) in people.iter().enumerate() {
            person.picks.iter().for_each(|&pick| market.add_uses(part.class_of(row), pick, 1, &mut exchange.used));
        }
        let moves: Vec<Vec<Move>> =
            (0..people.len()).into_par_iter().map(|person| exchange.moves_of(person, margin)).collect();
        for (person, moves) in moves.into_iter().enumerate() {
            exchange.push(person, moves);
        }
        exchange
    }

    /// The node of a choice of a person.
    fn node(&self, person: usize, choice: Choice) -> usize {
        let segment = self.market.classes[self.part.class_of(person)].segment;
        if choice == NOTHING {
            0
        } else {
            self.node_of[usize::from(segment) * self.market.n_choices() + choice as usize]
        }
    }

    fn family(&self, choice: Choice) -> u16 {
        self.market.terms.families[choice as usize / self.market.n_channels()]
    }

    /// All moves of a person that lose no more than a margin at the prices.
    fn moves_of(&self, person: usize, margin: f64) -> Vec<Move> {
        let Person { ref picks, version } = self.people[person];
        let (offers, values) = self.part.bids_of(person);
        let terms = &self.market.terms;
        let reach = self.market.classes[self.part.class_of(person)].reach;
        let channels: Vec<(usize, f64)> = (0..self.market.n_channels())
            .filter(|&c| reach.contains(terms.channels[c]))
            .map(|c| (c, terms.extra(reach, c)))
            .collect();
        let has_room = picks.len() < self.part.places(person);
        let mut moves = Vec::new();
        for from in picks.iter().copied().chain(has_room.then_some(NOTHING)) {
            let lost = self.value_of(person, from);
            let from_node = self.node(person, from);
            let mut consider = |to: Choice, gained: f64| {
                let cost = lost - gained;
                let to_node = self.node(person, to);
                let net = cost - self.price[from_node] + self.price[to_node];
                let is_idle = from_node == to_node && cost >= -self.rounding;
                if net <= margin && !is_idle {
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
                for &(channel, extra) in &channels {
                    let to = self.market.choice(offer, channel);
                    if to != from && self.market.terms.is_open(to as usize) {
                        consider(to, f64::from(gained) - extra);
                    }
                }
            }
        }
        moves
    }

    fn push(&mut self, person: usize, moves: Vec<Move>) {
        let n = self.uses.len();
        for one in moves {
            let edge = self.node(person, one.from) * n + self.node(person, one.to);
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
                self.leads = paths.cost.iter().map(|&cost| cost < f64::INFINITY).collect();
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
        if !self.are_possible_together(&moves) {
            // One person cannot make both moves: the dearer of the path's moves is given up, and the search goes on.
            let last = moves.iter().zip(&edges).max_by(|a, b| a.0.cmp(b.0)).map(|(_, &edge)| edge);
            last.map(|edge| self.moves[edge].pop());
            return;
        }
        for one in &moves {
            self.make(one);
        }
    }

    /// Whether every person can make all of its moves at once: each gives up another pick, and what is taken finds room and families of
    /// its own.
    fn are_possible_together(&self, moves: &[Move]) -> bool {
        let mut people: Vec<u32> = moves.iter().map(|one| one.person).collect();
        people.sort_unstable();
        people.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).all(|same| {
            let person = same[0] as usize;
            let mut picks = self.people[person].picks.clone();
            for one in moves.iter().filter(|one| one.person == same[0]) {
                let given_up = picks.iter().position(|&pick| pick == one.from);
                if one.from != NOTHING && given_up.is_none() {
                    return false;
                }
                given_up.map(|at| picks.remove(at));
            }
            picks.extend(moves.iter().filter(|one| one.person == same[0] && one.to != NOTHING).map(|one| one.to));
            let n = picks.len();
            let mut families: Vec<u16> = picks.iter().map(|&pick| self.family(pick)).collect();
            families.sort_unstable();
            families.dedup();
            n <= self.part.places(person) && families.len() == n
        })
    }

    fn make(&mut self, one: &Move) {
        let row = one.person as usize;
        let class = self.part.class_of(row);
        self.market.add_uses(class, one.from, -1, &mut self.used);
        self.market.add_uses(class, one.to, 1, &mut self.used);
        let person = &mut self.people[row];
        person.version += 1;
        person.picks.retain(|&pick| pick != one.from);
        if one.to != NOTHING {
            person.picks.push(one.to);
        }
        let moves = self.moves_of(row, self.margin);
        self.push(row, moves);
    }

    /// Takes the offer of least value that exceeds a maximum back, where moves that were given up leave no path; whether there was one.
    fn drop_one(&mut self) -> bool {
        let limits = self.market.terms.limits;
        let is_exceeded = |k: usize| limits[k].max.is_some_and(|max| self.used[k] > max);
        let exceeded: Vec<usize> = (0..limits.len()).filter(|&k| is_exceeded(k)).collect();
        if exceeded.is_empty() {
            return false;
        }
        let is_over = |row: usize, choice: Choice| {
            let uses = self.market.uses_of(self.market.classes[self.part.class_of(row)].segment, choice as usize);
            exceeded.iter().any(|&k| uses[k] > 0)
        };
        let mut least: Option<Move> = None;
        for (row, who) in self.people.iter().enumerate() {
            for &from in who.picks.iter().filter(|&&pick| is_over(row, pick)) {
                let cost = self.value_of(row, from);
                let one = Move { cost, person: row as u32, version: who.version, from, to: NOTHING };
                least = Some(least.map_or(one, |least| least.min(one)));
            }
        }
        let Some(least) = least else { return false };
        self.make(&least);
        true
    }

    /// What a choice is worth to a person.
    fn value_of(&self, person: usize, choice: Choice) -> f64 {
        if choice == NOTHING {
            return 0.0;
        }
        let (offer, channel) = (choice as usize / self.market.n_channels(), choice as usize % self.market.n_channels());
        let reach = self.market.classes[self.part.class_of(person)].reach;
        self.part.value_of(person, offer as u16) - self.market.terms.extra(reach, channel)
    }

    /// Sum of the values of the offers persons get.
    fn value(&self) -> f64 {
        let of =
            |(row, person): (usize, &Person)| person.picks.iter().map(|&pick| self.value_of(row, pick)).sum::<f64>();
        self.people.iter().enumerate().map(of).sum()
    }

    /// For each maximum with a price, who among the persons was nearest to using more of it, and how far from the last who did.
    fn losers(&self) -> Vec<Option<Loser>> {
        let limits = self.market.terms.limits.iter().zip(&self.prices);
        let is_full: Vec<bool> = limits.map(|(limit, &price)| limit.max.is_some() && price > 0.0).collect();
        let of = |person: usize| {
            let mut own = vec![Nearest::default(); is_full.len()];
            for one in self.moves_of(person, f64::INFINITY) {
                let [from, to] = [one.from, one.to].map(|choice| self.node(person, choice));
                let lost = one.cost - self.price[from] + self.price[to];
                for k in (0..is_full.len()).filter(|&k| is_full[k]) {
                    match self.uses[to][k].cmp(&self.uses[from][k]) {
                        Ordering::Greater => nearer(&mut own[k].entering, Some((lost, one))),
                        Ordering::Less => nearer(&mut own[k].leaving, Some((lost, one))),
                        Ordering::Equal => {}
                    }
                }
            }
            own
        };
        let merge = |mut all: Vec<Nearest>, own: Vec<Nearest>| {
            for (all, own) in all.iter_mut().zip(own) {
                nearer(&mut all.entering, own.entering);
                nearer(&mut all.leaving, own.leaving);
            }
            all
        };
        let nearest =
            (0..self.people.len()).into_par_iter().map(of).reduce(|| vec![Nearest::default(); is_full.len()], merge);
        let n = self.market.n_channels();
        let loser = |nearest: Nearest| {
            let (lost, one) = nearest.entering?;
            Some(Loser {
                customer: self.part.customers[one.person as usize],
                offer: (one.to as usize / n) as u16,
                channel: self.market.terms.channels[one.to as usize % n],
                by: (lost + nearest.leaving.map_or(0.0, |(lost, _)| lost)).max(0.0),
            })
        };
        nearest.into_iter().map(loser).collect()
    }

    /// For each minimum that is missed, all minima of those who could give up something for it: none of them could.
    fn proofs(&self) -> Vec<Weights> {
        let n = self.uses.len();
        let is_short = |k: usize| self.used[k] < self.market.least[k];
        let proof = |k: usize| {
            let is_asked = |node: usize| {
                self.uses[node][k] > 0 || (0..n).any(|to| self.uses[to][k] > 0 && self.leads[node * n + to])
            };
            let asked: Vec<usize> = (0..n).filter(|&node| is_asked(node)).collect();
            let weight = |l: usize| {
                let is_due = self.market.least[l] > 0 && asked.iter().any(|&node| self.uses[node][l] > 0);
                -i64::from(is_due)
            };
            (0..self.used.len()).map(weight).collect()
        };
        (0..self.used.len()).filter(|&k| is_short(k)).map(proof).collect()
    }

    fn finish(mut self, crowd: Crowd<'_>, value: f64) -> Assignment {
        let bound = crowd.bound();
        let last = self.losers();
        let placements = crowd.placements((self.part, &mut self.people), &mut self.used);
        let proofs = self.proofs();
        let shortfalls = shortfalls(self.market, &self.used, &self.prices, &proofs);
        let choice_prices = self.node_of.iter().map(|&node| self.price[node]).collect();
        Assignment { placements, prices: self.prices, choice_prices, used: self.used, value, bound, last, shortfalls }
    }
}

/// The moves that lose least at the prices, among those that use more of a limit and those that use less.
#[derive(Clone, Copy, Default)]
struct Nearest {
    entering: Option<(f64, Move)>,
    leaving: Option<(f64, Move)>,
}

/// Keeps the lesser; of equals the one of the earlier move.
fn nearer(kept: &mut Option<(f64, Move)>, other: Option<(f64, Move)>) {
    let is_less = match (&*kept, &other) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some((a, x)), Some((b, y))) => b.total_cmp(a).then(y.cmp(x)).is_lt(),
    };
    if is_less {
        *kept = other;
    }
}

/// The node of every choice, and what one of each node uses; the first node uses nothing.
fn nodes(market: &Market<'_>) -> (Vec<usize>, Vec<Vec<i64>>) {
    let mut uses: Vec<Vec<i64>> = vec![vec![0; market.terms.limits.len()]];
    let mut known: BTreeMap<Vec<i64>, usize> = BTreeMap::from([(uses[0].clone(), 0)]);
    let n = market.n_choices();
    let node_of = (0..market.n_segments() * n)
        .map(|cell| {
            let vector = market.uses_of((cell / n.max(1)) as u16, cell % n).to_vec();
            *known.entry(vector).or_insert_with_key(|vector| {
                uses.push(vector.clone());
                uses.len() - 1
            })
        })
        .collect();
    (node_of, uses)
}
