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
    let mut walk = Walk { db, strata, parts: &parts, group: None, sums: Sums::default(), out: zero(layers) };
    if let Some(base) = sides.base {
        walk.rows(base, sides);
        walk.close();
    } else {
        walk.touched(sides);
        // The groups with neither side are what is left when those touched are taken out of all, each as if it had neither.
        walk.out.expected_squares += quadratic(&strata.products, &parts);
    }
    walk.out.expected_squares = walk.out.expected_squares.max(0.0);
    walk.out
}

fn zero(layers: &[Layer]) -> Moments {
    let observed: u64 = layers.iter().map(|layer| layer.both).sum();
    let expected = layers.iter().map(Layer::expected).sum();
    Moments { observed: observed as f64, expected, squares: 0.0, cross: 0.0, expected_squares: 0.0 }
}

/// What a transaction of a stratum adds to E for its left side, its right side, and for being there.
#[derive(Clone, Copy)]
struct Slope {
    left: f64,
    right: f64,
    neither: f64,
}

impl Slope {
    fn of(layer: &Layer) -> Self {
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

/// One group so far: its O, its L, and the L it would have with neither side anywhere.
#[derive(Clone, Copy, Default)]
struct Sums {
    observed: f64,
    expected: f64,
    idle: f64,
}

struct Walk<'a> {
    db: &'a Transactions,
    strata: &'a Strata,
    parts: &'a [Slope],
    group: Option<u32>,
    sums: Sums,
    out: Moments,
}

impl Walk<'_> {
    /// Every transaction of the base, group after group.
    fn rows(&mut self, base: &[u32], sides: &Sides<'_>) {
        let mut cursor = Cursor::new(sides);
        for t in base {
            self.step(*t, &mut cursor, true);
        }
    }

    /// Every transaction of the groups that have a left or a right side somewhere.
    fn touched(&mut self, sides: &Sides<'_>) {
        let mut cursor = Cursor::new(sides);
        let Some(groups) = &self.strata.groups else {
            while let Some(t) = cursor.next_touched() {
                self.step(t, &mut cursor, false);
            }
            self.close_touched();
            return;
        };
        let offsets = self.db.group_offsets().expect("transactions with groups have offsets");
        while let Some(t) = cursor.next_touched() {
            let group = groups[t as usize] as usize;
            for t in offsets[group]..offsets[group + 1] {
                self.step(t as u32, &mut cursor, false);
            }
        }
        self.close_touched();
    }

    fn step(&mut self, t: u32, cursor: &mut Cursor<'_>, is_whole: bool) {
        let group = self.strata.groups.as_ref().map_or(t, |groups| groups[t as usize]);
        if self.group.replace(group) != Some(group) {
            if is_whole { self.close() } else { self.close_touched() }
        }
        let part = self.parts[usize::from(self.strata.of[t as usize])];
        let weight = f64::from(self.db.weight(t as usize));
        let (left, right) = cursor.sides_of(t);
        let expected = f64::from(left) * part.left + f64::from(right) * part.right - part.neither;
        // Without groups the copies of a basket are customers of their own.
        let scale = if self.strata.groups.is_some() { weight } else { weight.sqrt() };
        self.sums.observed += scale * f64::from(left * right);
        self.sums.expected += scale * expected;
        self.sums.idle -= scale * part.neither;
    }

    fn close(&mut self) {
        let Sums { observed, expected, .. } = std::mem::take(&mut self.sums);
        self.out.squares += observed * observed;
        self.out.cross += observed * expected;
        self.out.expected_squares += expected * expected;
    }

    fn close_touched(&mut self) {
        let idle = self.sums.idle;
        self.out.expected_squares -= idle * idle;
        self.close();
    }
}

/// Steps through the sorted lists of both sides.
struct Cursor<'a> {
    left: &'a [u32],
    right: &'a [u32],
}

impl<'a> Cursor<'a> {
    fn new(sides: &Sides<'a>) -> Self {
        Self { left: sides.left, right: sides.right }
    }

    fn next_touched(&self) -> Option<u32> {
        match (self.left.first(), self.right.first()) {
            (Some(a), Some(b)) => Some(*a.min(b)),
            (a, b) => a.or(b).copied(),
        }
    }

    /// Whether `t` has the left and the right side, as 0 or 1; `t` ascends from call to call.
    fn sides_of(&mut self, t: u32) -> (u8, u8) {
        (take(&mut self.left, t), take(&mut self.right, t))
    }
}

fn take(list: &mut &[u32], t: u32) -> u8 {
    let is_here = list.first() == Some(&t);
    if is_here {
        *list = &list[1..];
    }
    u8::from(is_here)
}
