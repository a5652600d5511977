//! First and second moments of the joint count, group by group.

use osusume_numeric::distributions::normal_cdf;
use osusume_numeric::elementary::exp;

use super::Sides;
use super::strata::{Layer, Strata};
use crate::Transactions;

/// With Oᵍ a group's joint count and Lᵍ its part of E, linear in its transactions: Σᵍ Oᵍ = O, Σᵍ Lᵍ = E, and the squares.
///
/// In stratum s, with shares a = leftₛ/nₛ and b = rightₛ/nₛ, a transaction adds factorₛ · ([left] b + [right] a − a b) to L.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    pub observed: f64,
    pub expected: f64,
    squares: f64,
    cross: f64,
    expected_squares: f64,
}

impl Moments {
    /// Of the tables of all strata, and sums over groups.
    pub(super) fn new(layers: &[Layer], squares: f64, cross: f64, expected_squares: f64) -> Self {
        let observed: u64 = layers.iter().map(|layer| layer.both).sum();
        let expected = layers.iter().map(Layer::expected).sum();
        Self { observed: observed as f64, expected, squares, cross, expected_squares: expected_squares.max(0.0) }
    }

    /// Σ (Oᵍ − λ Lᵍ)²: the variance of O − λ E between groups.
    fn variance(&self, lift: f64) -> f64 {
        (self.squares - 2.0 * lift * self.cross + lift * lift * self.expected_squares).max(0.0)
    }

    /// One-sided p-value of the score (O − E) / √variance. Large groups enter both sums, which keeps the tail below the normal one.
    pub(crate) fn upper_tail(&self) -> f64 {
        let variance = self.variance(1.0);
        if variance > 0.0 { normal_cdf((self.expected - self.observed) / variance.sqrt()) } else { 1.0 }
    }

    /// Lower bound of O / E: λ e^(−z se), with se = √variance(λ) / O by the delta method.
    pub(crate) fn lift_lower(&self, z: f64) -> f64 {
        let lift = self.observed / self.expected;
        lift * exp(-z * self.variance(lift).sqrt() / self.observed)
    }
}

pub(crate) fn moments(db: &Transactions, strata: &Strata, sides: &Sides<'_>, layers: &[Layer]) -> Moments {
    let parts: Vec<Slope> = layers.iter().map(Slope::of).collect();
    let mut walk = Walk { db, strata, parts: &parts, rest: Rest::of(sides), out: Moments::new(layers, 0.0, 0.0, 0.0) };
    if let Some(base) = sides.base {
        walk.base(base);
    } else {
        walk.touched();
        // The groups with neither side are what is left when those touched are taken out of all, each as if it had neither.
        walk.out.expected_squares += quadratic(&strata.products, &parts);
    }
    walk.out.expected_squares = walk.out.expected_squares.max(0.0);
    walk.out
}

/// What a transaction of a stratum adds to E for its left side, its right side, and for being there.
#[derive(Clone, Copy)]
pub(super) struct Slope {
    pub left: f64,
    pub right: f64,
    pub neither: f64,
}

impl Slope {
    pub(super) fn of(layer: &Layer) -> Self {
        if layer.n == 0 {
            return Self { left: 0.0, right: 0.0, neither: 0.0 };
        }
        let (a, b) = (layer.left as f64 / layer.n as f64, layer.right as f64 / layer.n as f64);
        Self { left: layer.factor * b, right: layer.factor * a, neither: layer.factor * a * b }
    }
}

fn quadratic(products: &[f64], parts: &[Slope]) -> f64 {
    let row = |s: usize| -> f64 {
        parts.iter().zip(&products[s * parts.len()..]).map(|(part, product)| part.neither * product).sum()
    };
    parts.iter().enumerate().map(|(s, part)| if part.neither > 0.0 { part.neither * row(s) } else { 0.0 }).sum()
}

/// What is left of the sorted lists of a test.
struct Rest<'a> {
    left: &'a [u32],
    right: &'a [u32],
    both: &'a [u32],
}

impl<'a> Rest<'a> {
    fn of(sides: &Sides<'a>) -> Self {
        Self { left: sides.left, right: sides.right, both: sides.both }
    }

    /// The next transaction with a side.
    fn next(&self) -> Option<u32> {
        match (self.left.first(), self.right.first()) {
            (Some(a), Some(b)) => Some(*a.min(b)),
            (a, b) => a.or(b).copied(),
        }
    }
}

/// Takes what is below `end` off the front of a sorted list.
fn take_below<'a>(list: &mut &'a [u32], end: u32) -> &'a [u32] {
    let n = list.iter().take_while(|t| **t < end).count();
    let (taken, rest) = list.split_at(n);
    *list = rest;
    taken
}

struct Walk<'a> {
    db: &'a Transactions,
    strata: &'a Strata,
    parts: &'a [Slope],
    rest: Rest<'a>,
    out: Moments,
}

impl Walk<'_> {
    /// Every group with a transaction in the base.
    fn base(&mut self, base: &[u32]) {
        let mut base = base;
        while let Some(t) = base.first() {
            let (_, end) = self.group_of(*t);
            let mine = take_below(&mut base, end);
            let idle = mine.iter().map(|t| self.scale(*t) * self.part(*t).neither).sum();
            self.close(end, idle);
        }
    }

    /// Every group that has a left or a right side somewhere.
    fn touched(&mut self) {
        while let Some(t) = self.rest.next() {
            let (group, end) = self.group_of(t);
            let idle: f64 = match &self.strata.groups {
                None => self.scale(t) * self.part(t).neither,
                Some(groups) => {
                    let strata = groups.strata(group).iter();
                    strata.map(|(stratum, weight)| weight * self.parts[usize::from(*stratum)].neither).sum()
                }
            };
            self.out.expected_squares -= idle * idle;
            self.close(end, idle);
        }
    }

    /// The group of a transaction and the first transaction behind it.
    fn group_of(&self, t: u32) -> (usize, u32) {
        let group = self.strata.group_of(t) as usize;
        (group, self.db.group_offsets().map_or(t + 1, |offsets| offsets[group + 1] as u32))
    }

    fn part(&self, t: u32) -> Slope {
        self.parts[self.strata.stratum_of(t)]
    }

    fn scale(&self, t: u32) -> f64 {
        self.strata.scale(t)
    }

    /// Adds the group that ends before `end`, of which `idle` is −L with neither side anywhere.
    fn close(&mut self, end: u32, idle: f64) {
        let mut expected = -idle;
        for t in take_below(&mut self.rest.left, end) {
            expected += self.scale(*t) * self.part(*t).left;
        }
        for t in take_below(&mut self.rest.right, end) {
            expected += self.scale(*t) * self.part(*t).right;
        }
        let observed: f64 = take_below(&mut self.rest.both, end).iter().map(|t| self.scale(*t)).sum();
        self.out.squares += observed * observed;
        self.out.cross += observed * expected;
        self.out.expected_squares += expected * expected;
    }
}
