//! Tests of rules with one item on the left: those with the same item together, a few at a time.
//!
//! What is asked of the transactions with the left side is the same for all of them, so they share the walk; the sums of the rules are
//! lanes of a vector. Every sum adds up the same terms in the same order as a rule on its own would.

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

use super::score::{Moments, Slope};
use super::strata::{Layer, Strata};
use crate::cover::Covers;
use crate::{Rules, Transactions};

/// Rules whose joint counts are found together.
const BATCH: usize = 32;
/// Rules whose sums are made together: lanes of a vector.
const LANES: usize = 8;
/// Groups whose sums are kept at once: few enough to stay in the second cache.
const GROUPS_AT_ONCE: usize = 1024;

type Lanes = [f64; LANES];

/// Rules with the same single item on the left.
pub(crate) struct Batch {
    left: u32,
    /// Items on the right, at most [`BATCH`].
    rights: Vec<u32>,
    /// Positions of the rules among all.
    pub rules: Vec<usize>,
}

impl Batch {
    /// All rules with one item on the left, in order of that item.
    pub(crate) fn all(rules: &Rules) -> Vec<Self> {
        let mut order: Vec<usize> = (0..rules.len()).filter(|r| rules.antecedent(*r).len() == 1).collect();
        order.sort_by_key(|r| rules.antecedent(*r)[0]);
        let batch = |same: &[usize]| Self {
            left: rules.antecedent(same[0])[0],
            rights: same.iter().map(|r| rules.consequents[*r]).collect(),
            rules: same.to_vec(),
        };
        order
            .chunk_by(|a, b| rules.antecedent(*a) == rules.antecedent(*b))
            .flat_map(|same| same.chunks(even_parts(same.len(), BATCH)))
            .map(batch)
            .collect()
    }

    /// Items on the right, by the vector their sums are in.
    fn parts(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.rights.chunks(even_parts(self.rights.len(), LANES))
    }
}

/// The length of parts of `len`, none longer than `most` and all about as long.
fn even_parts(len: usize, most: usize) -> usize {
    len.div_ceil(len.div_ceil(most))
}

/// The items of each transaction that some rule has on the right.
pub(crate) struct Rights {
    offsets: Vec<u32>,
    items: Vec<u32>,
}

impl Rights {
    pub(crate) fn new(db: &Transactions, rules: &Rules) -> Self {
        let mut is_right = vec![false; db.n_items() as usize];
        for r in (0..rules.len()).filter(|r| rules.antecedent(*r).len() == 1) {
            is_right[rules.consequents[r] as usize] = true;
        }
        let (mut offsets, mut items) = (Vec::with_capacity(db.len() + 1), Vec::new());
        offsets.push(0);
        for t in 0..db.len() {
            items.extend(db.basket(t).iter().filter(|item| is_right[**item as usize]));
            offsets.push(items.len() as u32);
        }
        Self { offsets, items }
    }

    fn of(&self, t: u32) -> &[u32] {
        &self.items[self.offsets[t as usize] as usize..self.offsets[t as usize + 1] as usize]
    }
}

/// What every batch looks at.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'a> {
    pub db: &'a Transactions,
    pub covers: &'a Covers<'a>,
    pub strata: &'a Strata,
    pub rights: &'a Rights,
}

/// One worker's buffers.
pub(crate) struct Scratch {
    /// Position of each item among those on the right of the batch; [`not_in_batch`] of others.
    place_of: Vec<u8>,
    slopes: Vec<Slopes>,
    sums: Vec<GroupSums>,
}

/// The tables of a rule, one a stratum, and its moments.
pub(crate) type Weighed = (Vec<Layer>, Moments);

impl Scratch {
    pub(crate) fn new(db: &Transactions) -> Self {
        Self {
            place_of: (0..db.n_items()).map(not_in_batch).collect(),
            slopes: Vec::new(),
            sums: vec![GroupSums::default(); GROUPS_AT_ONCE],
        }
    }

    /// What [`super::score::moments`] says of each rule of the batch.
    pub(crate) fn weigh(&mut self, tables: Tables<'_>, batch: &Batch) -> Vec<Weighed> {
        let (counts, both) = self.meet(tables, batch);
        let mut weighed = Vec::new();
        for (part, (rights, both)) in batch.parts().zip(&both).enumerate() {
            let layers = |(place, right): (usize, &u32)| -> Vec<Layer> {
                let layer = |(stratum, counts): (usize, &Counts)| {
                    tables.strata.layer_of_pair(stratum, batch.left, *right, counts[place])
                };
                counts.iter().enumerate().map(layer).collect()
            };
            let layers: Vec<Vec<Layer>> = (part * LANES..).zip(rights).map(layers).collect();
            let moments = self.moments(tables, batch.left, rights, both, &layers);
            weighed.extend(layers.into_iter().zip(moments));
        }
        weighed
    }

    /// The weight of transactions with both sides by stratum; and of each part of the batch those transactions, ascending, with the lane
    /// of the right side.
    fn meet(&mut self, tables: Tables<'_>, batch: &Batch) -> (Vec<Counts>, Vec<Vec<(u32, u8)>>) {
        for (part, rights) in batch.parts().enumerate() {
            for (place, item) in (part * LANES..).zip(rights) {
                self.place_of[*item as usize] = place as u8;
            }
        }
        let (counts, both) = meet(tables, batch.left, &self.place_of);
        for item in &batch.rights {
            self.place_of[*item as usize] = not_in_batch(*item);
        }
        (counts, by_part(&both, batch.parts().len()))
    }

    /// The moments of at most [`LANES`] rules.
    fn moments(
        &mut self,
        tables: Tables<'_>,
        left: u32,
        rights: &[u32],
        both: &[(u32, u8)],
        layers: &[Vec<Layer>],
    ) -> Vec<Moments> {
        self.slopes.clear();
        self.slopes.resize(tables.strata.len(), Slopes::default());
        for (lane, layers) in layers.iter().enumerate() {
            for (slopes, layer) in self.slopes.iter_mut().zip(layers) {
                slopes.set(lane, Slope::of(layer));
            }
        }
        let rows = Rows {
            left: tables.covers.of_item(left),
            rights: rights.iter().map(|item| tables.covers.of_item(*item)).collect(),
            both,
        };
        let totals = self.walk(tables, rows);
        let lanes = layers.iter().enumerate();
        let moments = |(lane, layers): (usize, &Vec<Layer>)| {
            Moments::new(layers, totals.squares[lane], totals.cross[lane], totals.expected_squares[lane])
        };
        lanes.map(moments).collect()
    }

    /// Adds up the groups that have a side somewhere, as many at once as there is room for.
    fn walk(&mut self, Tables { db, strata, .. }: Tables<'_>, mut rows: Rows<'_>) -> Totals {
        let mut totals = Totals::default();
        let n_groups = db.group_offsets().map_or(db.len(), |offsets| offsets.len() - 1);
        for first in (0..n_groups).step_by(GROUPS_AT_ONCE) {
            let end = n_groups.min(first + GROUPS_AT_ONCE);
            let end_row = db.group_offsets().map_or(end, |offsets| offsets[end]) as u32;
            let mine = rows.split_front(end_row);
            add_groups(strata, &self.slopes, &mine, first as u32, &mut self.sums[..end - first], &mut totals);
        }
        add_idle_squares(&strata.products, &self.slopes, &mut totals);
        totals
    }
}

/// Weight of transactions by place in the batch, and behind, of others.
type Counts = [u64; 2 * BATCH];

/// What stands for the place of an item that is not in the batch: one of several, so that counting one does not wait for another.
fn not_in_batch(item: u32) -> u8 {
    (BATCH + item as usize % BATCH) as u8
}

/// See [`Scratch::meet`]; places are not divided by part yet.
fn meet(tables: Tables<'_>, left: u32, place_of: &[u8]) -> (Vec<Counts>, Vec<(u32, u8)>) {
    let Tables { db, covers, strata, rights } = tables;
    let mut counts = vec![[0; 2 * BATCH]; strata.len()];
    let rows = covers.of_item(left);
    let mut both = vec![(0, 0); rows.iter().map(|t| rights.of(*t).len()).sum()];
    let mut len = 0;
    for t in rows {
        let (counts, weight) = (&mut counts[strata.stratum_of(*t)], u64::from(db.weight(*t as usize)));
        for item in rights.of(*t) {
            // Written in any case: whether an item is in the batch is not foreseen by a processor.
            let place = place_of[*item as usize];
            both[len] = (*t, place);
            counts[usize::from(place) % (2 * BATCH)] += weight;
            len += usize::from(usize::from(place) < BATCH);
        }
    }
    both.truncate(len);
    (counts, both)
}

/// Divides transactions by the part of their place; what is left of the place is the lane.
fn by_part(both: &[(u32, u8)], n_parts: usize) -> Vec<Vec<(u32, u8)>> {
    let mut n_of_part = [0; BATCH / LANES];
    for (_, place) in both {
        n_of_part[usize::from(*place) / LANES % (BATCH / LANES)] += 1;
    }
    let mut parts: Vec<Vec<(u32, u8)>> = n_of_part[..n_parts].iter().map(|n| Vec::with_capacity(*n)).collect();
    for (t, place) in both {
        parts[usize::from(*place) / LANES].push((*t, place % LANES as u8));
    }
    parts
}

/// Takes the elements for which `is_front` holds off the front of a partitioned slice.
fn split_front<'a, T>(slice: &mut &'a [T], is_front: impl Fn(&T) -> bool) -> &'a [T] {
    let (front, rest) = slice.split_at(slice.partition_point(is_front));
    *slice = rest;
    front
}

/// [`Slope`] of a stratum for every rule of a batch.
#[derive(Clone, Copy, Default)]
struct Slopes {
    left: Lanes,
    right: Lanes,
    neither: Lanes,
}

impl Slopes {
    fn set(&mut self, lane: usize, slope: Slope) {
        self.left[lane] = slope.left;
        self.right[lane] = slope.right;
        self.neither[lane] = slope.neither;
    }
}

/// Rows of some groups: those with the left side, with the right side of each rule, and with both.
struct Rows<'a> {
    left: &'a [u32],
    rights: Vec<&'a [u32]>,
    both: &'a [(u32, u8)],
}

impl Rows<'_> {
    /// Takes the rows before `end` off.
    fn split_front(&mut self, end: u32) -> Self {
        Self {
            left: split_front(&mut self.left, |t| *t < end),
            rights: self.rights.iter_mut().map(|right| split_front(right, |t| *t < end)).collect(),
            both: split_front(&mut self.both, |(t, _)| *t < end),
        }
    }
}

/// A group's sums for every rule of a batch.
#[derive(Clone, Copy, Default)]
struct GroupSums {
    /// Bit of each rule one of whose sides is in the group; the others have no meaning while there is none.
    touched: u8,
    /// −L with neither side anywhere.
    idle: Lanes,
    expected: Lanes,
    observed: Lanes,
}

/// Sums over groups, as those of [`Moments`].
#[derive(Default)]
struct Totals {
    squares: Lanes,
    cross: Lanes,
    expected_squares: Lanes,
}

osusume_numeric::dispatch! {
    /// Adds the groups from `first` on that have a side in `rows` to the totals, in their order; `sums` has a place for each.
    fn add_groups(
        strata: &Strata,
        slopes: &[Slopes],
        rows: &Rows<'_>,
        first: u32,
        sums: &mut [GroupSums],
        totals: &mut Totals,
    ) {
        for t in rows.left {
            let (scale, slope) = (strata.scale(*t), &slopes[strata.stratum_of(*t)]);
            let group = touched(strata, slopes, *t, first, sums);
            group.touched = u8::MAX;
            for (expected, left) in group.expected.iter_mut().zip(&slope.left) {
                *expected += scale * left;
            }
        }
        for (lane, right) in rows.rights.iter().enumerate() {
            for t in *right {
                let (scale, slope) = (strata.scale(*t), &slopes[strata.stratum_of(*t)]);
                let group = touched(strata, slopes, *t, first, sums);
                group.touched |= 1 << lane;
                group.expected[lane] += scale * slope.right[lane];
            }
        }
        for (t, lane) in rows.both {
            sums[(strata.group_of(*t) - first) as usize].observed[usize::from(*lane) % LANES] += strata.scale(*t);
        }
        for group in sums {
            if group.touched > 0 {
                close(group, totals);
                group.touched = 0;
            }
        }
    }

    /// Adds what the groups without either side would add if there were no others; [`close`] takes the others out.
    fn add_idle_squares(products: &[f64], slopes: &[Slopes], totals: &mut Totals) {
        let mut sums = [0.0; LANES];
        for (slope, products) in slopes.iter().zip(products.chunks_exact(slopes.len())) {
            let mut row = [0.0; LANES];
            for (other, product) in slopes.iter().zip(products) {
                for (sum, neither) in row.iter_mut().zip(&other.neither) {
                    *sum += neither * product;
                }
            }
            for ((sum, neither), row) in sums.iter_mut().zip(&slope.neither).zip(&row) {
                *sum += neither * row;
            }
        }
        for (total, sum) in totals.expected_squares.iter_mut().zip(&sums) {
            *total += sum;
        }
    }
}

/// The sums of the group of a transaction, made what they are without a side when this is the first one.
#[inline(always)]
fn touched<'s>(strata: &Strata, slopes: &[Slopes], t: u32, first: u32, sums: &'s mut [GroupSums]) -> &'s mut GroupSums {
    let group = strata.group_of(t);
    let sums = &mut sums[(group - first) as usize];
    if sums.touched == 0 {
        let idle = match &strata.groups {
            None => idle(&[(strata.stratum_of(t) as u16, strata.scale(t))], slopes),
            Some(groups) => idle(groups.strata(group as usize), slopes),
        };
        *sums = GroupSums { idle, ..GroupSums::default() };
        for (expected, idle) in sums.expected.iter_mut().zip(&idle) {
            *expected = -idle;
        }
    }
    sums
}

/// Σ weight · neither over the strata of a group.
#[inline(always)]
fn idle(strata: &[(u16, f64)], slopes: &[Slopes]) -> Lanes {
    let mut sums = [0.0; LANES];
    for (stratum, weight) in strata {
        for (sum, neither) in sums.iter_mut().zip(&slopes[usize::from(*stratum)].neither) {
            *sum += weight * neither;
        }
    }
    sums
}

/// Adds a group for the rules that have a side in it.
#[inline(always)]
fn close(group: &GroupSums, totals: &mut Totals) {
    for lane in 0..LANES {
        let (observed, expected, idle) = (group.observed[lane], group.expected[lane], group.idle[lane]);
        totals.squares[lane] += observed * observed;
        totals.cross[lane] += observed * expected;
        let before = totals.expected_squares[lane];
        let after = before - idle * idle + expected * expected;
        totals.expected_squares[lane] = if group.touched >> lane & 1 == 1 { after } else { before };
    }
}
