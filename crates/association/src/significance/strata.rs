//! Strata of basket size, and the chance expectation within one.

use super::Sides;
use crate::Transactions;
use crate::cover::Covers;

/// Up to this size every size is a stratum of its own.
const EXACT_SIZES: u32 = 24;
/// Beyond, a stratum reaches this far above its smallest size: within 8 % the share that sizes explain differs by less than 0.1 %.
const STRATUM_GROWTH: f64 = 1.08;

/// Transactions by basket size.
pub(crate) struct Strata {
    of: Vec<Place>,
    /// What each transaction counts in its group's sums, see [`Strata::scale`]; absent when all count 1.
    scales: Option<Vec<f64>>,
    /// Weighted number of transactions a stratum.
    pub weights: Vec<u64>,
    /// Mean basket size.
    sizes: Vec<f64>,
    /// Σᵢ πᵢ (1 − πᵢ) over all items, πᵢ the share of the stratum's transactions with item i: the room for chance that a fixed size leaves.
    rooms: Vec<f64>,
    /// Σ over groups of (transactions in stratum s) · (transactions in stratum s′); row by row.
    pub products: Vec<f64>,
    /// Groups, where transactions come in some.
    pub groups: Option<Groups>,
    /// Weighted transactions of each item by stratum; empty for an item no rule names.
    of_item: Vec<Box<[u64]>>,
    /// For each item and stratum the places of a basket that an item takes where it is: how many items as bought it stands for. Absent
    /// where each takes one.
    crowds: Option<Vec<Box<[f64]>>>,
}

/// Where a transaction belongs; without groups each is its own.
#[derive(Clone, Copy)]
struct Place {
    group: u32,
    stratum: u16,
}

/// Transactions by group and stratum.
pub(crate) struct Groups {
    /// Group g has `strata[offsets[g]..offsets[g + 1]]`.
    offsets: Vec<usize>,
    /// A stratum and the weight of the group's transactions in it, ascending by stratum.
    strata: Vec<(u16, f64)>,
}

impl Groups {
    fn new(db: &Transactions, of_stratum: &[u16]) -> Option<Self> {
        let bounds = db.group_offsets()?;
        let (mut offsets, mut strata) = (vec![0], Vec::new());
        let mut mine: Vec<(u16, f64)> = Vec::new();
        for group in bounds.windows(2) {
            mine.clear();
            mine.extend((group[0]..group[1]).map(|t| (of_stratum[t], f64::from(db.weight(t)))));
            mine.sort_unstable_by_key(|(stratum, _)| *stratum);
            mine.dedup_by(|next, kept| {
                let is_same = next.0 == kept.0;
                kept.1 += if is_same { next.1 } else { 0.0 };
                is_same
            });
            strata.extend_from_slice(&mine);
            offsets.push(strata.len());
        }
        Some(Self { offsets, strata })
    }

    /// Strata of a group and the weight of its transactions there.
    pub(crate) fn strata(&self, group: usize) -> &[(u16, f64)] {
        &self.strata[self.offsets[group]..self.offsets[group + 1]]
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }
}

/// One stratum of one test: its 2×2 table and what chance would make of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layer {
    pub n: u64,
    pub left: u64,
    pub right: u64,
    pub both: u64,
    /// Eₛ = `factor` · left · right / n.
    pub factor: f64,
}

impl Layer {
    pub(crate) fn expected(&self) -> f64 {
        if self.n == 0 { 0.0 } else { self.factor * self.left as f64 * self.right as f64 / self.n as f64 }
    }
}

impl Strata {
    pub(crate) fn new(db: &Transactions, covers: &Covers<'_>) -> Self {
        let sizes = db.sizes();
        let of_size = strata_of_sizes(sizes.iter().copied().max().unwrap_or(0));
        let of: Vec<u16> = sizes.iter().map(|size| of_size[*size as usize]).collect();
        let n_strata = of_size.last().map_or(0, |last| usize::from(*last) + 1);
        let (mut weights, mut totals) = (vec![0_u64; n_strata], vec![0_u64; n_strata]);
        for (t, stratum) in of.iter().enumerate() {
            weights[usize::from(*stratum)] += u64::from(db.weight(t));
            totals[usize::from(*stratum)] += u64::from(db.weight(t)) * u64::from(sizes[t]);
        }
        let sizes = totals.iter().zip(&weights).map(|(sum, n)| *sum as f64 / (*n).max(1) as f64).collect();
        let rooms = rooms(db, &of, &weights);
        let groups = Groups::new(db, &of);
        let scales = db.weights().map(|weights| {
            let weights = weights.iter().map(|weight| f64::from(*weight));
            if groups.is_some() { weights.collect() } else { weights.map(f64::sqrt).collect() }
        });
        let of = places(db, &of);
        let (products, of_item) = (Vec::new(), Vec::new());
        let mut out = Self { of, scales, weights, sizes, rooms, products, groups, of_item, crowds: None };
        out.products = out.products_between();
        let of_item = (0..db.n_items()).map(|item| match covers.of_item(item) {
            [] => Box::default(),
            rows => out.tally(db, rows),
        });
        out.of_item = of_item.collect();
        out.crowds = out.crowds_of(db, covers);
        out
    }

    fn crowds_of(&self, db: &Transactions, covers: &Covers<'_>) -> Option<Vec<Box<[f64]>>> {
        if !db.has_ancestors() {
            return None;
        }
        let mut taken: Vec<Box<[u64]>> = self.of_item.iter().map(|counts| vec![0; counts.len()].into()).collect();
        for t in 0..db.len() {
            let (stratum, weight) = (self.stratum_of(t as u32), u64::from(db.weight(t)));
            for (item, places) in db.basket(t).iter().zip(db.stands_for(t).unwrap_or_default()) {
                if !covers.of_item(*item).is_empty() {
                    taken[*item as usize][stratum] += weight * u64::from(*places);
                }
            }
        }
        let crowd = |(taken, count): (&u64, &u64)| if *count == 0 { 1.0 } else { *taken as f64 / *count as f64 };
        Some(
            taken
                .iter()
                .zip(&self.of_item)
                .map(|(taken, counts)| taken.iter().zip(counts).map(crowd).collect())
                .collect(),
        )
    }

    /// Places an item takes in a basket that has it.
    fn crowd(&self, item: u32, stratum: usize) -> f64 {
        self.crowds.as_ref().map_or(1.0, |crowds| crowds[item as usize][stratum])
    }

    pub(crate) fn len(&self) -> usize {
        self.weights.len()
    }

    /// The tables of a test, one a stratum.
    pub(crate) fn layers(&self, db: &Transactions, sides: &Sides<'_>) -> Vec<Layer> {
        let n = sides.base.map(|base| self.tally(db, base));
        let n = n.as_deref().unwrap_or(&self.weights);
        let left = (sides.left_items.len() > 1 || sides.base.is_some()).then(|| self.tally(db, sides.left));
        let left = left.as_deref().unwrap_or_else(|| self.of_item(sides.left_items[0]));
        let right = sides.base.map(|_| self.tally(db, sides.right));
        let right = right.as_deref().unwrap_or_else(|| self.of_item(sides.consequent));
        let both = self.tally(db, sides.both);
        let layer = |stratum: usize| {
            let [n, left, right, both] = [n, left, right, &both].map(|counts| counts[stratum]);
            Layer { n, left, right, both, factor: self.factor_of(stratum, sides, [n, left, right]) }
        };
        (0..self.len()).map(layer).collect()
    }

    /// One table of a rule between two single items.
    pub(crate) fn layer_of_pair(&self, stratum: usize, left: u32, right: u32, both: u64) -> Layer {
        let n = self.weights[stratum];
        let crowds = [left, right].map(|item| self.crowd(item, stratum));
        let [left, right] = [left, right].map(|item| self.of_item(item)[stratum]);
        if n == 0 {
            return Layer { n, left, right, both, factor: 0.0 };
        }
        let free = |count: u64| 1.0 - count as f64 / n as f64;
        let factor = self.factor(stratum, 0.0, crowds[0] * free(left), crowds[1] * free(right));
        Layer { n, left, right, both, factor }
    }

    /// Stratum of a transaction.
    #[inline]
    pub(crate) fn stratum_of(&self, t: u32) -> usize {
        usize::from(self.of[t as usize].stratum)
    }

    /// Group of a transaction; without groups each is its own.
    #[inline]
    pub(crate) fn group_of(&self, t: u32) -> u32 {
        self.of[t as usize].group
    }

    /// What a transaction counts in its group's sums. Without groups the copies of a basket are customers of their own.
    #[inline]
    pub(crate) fn scale(&self, t: u32) -> f64 {
        self.scales.as_ref().map_or(1.0, |scales| scales[t as usize])
    }

    /// Weighted transactions with an item that a rule names, by stratum.
    fn of_item(&self, item: u32) -> &[u64] {
        &self.of_item[item as usize]
    }

    fn factor_of(&self, stratum: usize, sides: &Sides<'_>, [n, left, right]: [u64; 3]) -> f64 {
        if n == 0 {
            return 0.0;
        }
        let free = |item: u32, count: u64| self.crowd(item, stratum) * (1.0 - count as f64 / n as f64);
        let places = match sides.left_items {
            [item] => free(*item, left),
            items => items.iter().map(|item| free(*item, self.of_item(*item)[stratum])).sum(),
        };
        let fixed = sides.fixed.iter().map(|item| self.crowd(*item, stratum)).sum();
        self.factor(stratum, fixed, places, free(sides.consequent, right))
    }

    /// By how much less than independently two things meet that compete for the places of a basket of fixed size.
    ///
    /// Items drawn independently given their shares, conditional on the size, meet with probability
    /// π₁ π₂ (1 − (1 − π₁)(1 − π₂) / d), d = Σᵢ πᵢ (1 − πᵢ)
    /// (Hájek, "Asymptotic theory of rejective sampling with varying probabilities from a finite population", 1964, theorem 5.2).
    /// For a size of one d is at most 1, and nothing meets. Without room every item is in all baskets or in none: those that are there meet.
    ///
    /// The term is cov(A, S) cov(B, S) / (P(A) P(B) var S), S the size before it was fixed. For a category of which a basket that has it
    /// holds c items on average, cov(A, S) / P(A) is c (1 − P(A)) instead of 1 − π: `left` and `right` are these.
    fn factor(&self, stratum: usize, fixed: f64, left: f64, right: f64) -> f64 {
        let size = self.sizes[stratum];
        let room = self.rooms[stratum] * (size - fixed) / size;
        if room > 0.0 { (1.0 - left * right / room).clamp(0.0, 1.0) } else { 1.0 }
    }

    /// Weighted transactions of `rows` by stratum.
    fn tally(&self, db: &Transactions, rows: &[u32]) -> Box<[u64]> {
        let mut counts = vec![0; self.len()];
        for t in rows {
            counts[self.stratum_of(*t)] += u64::from(db.weight(*t as usize));
        }
        counts.into_boxed_slice()
    }

    fn products_between(&self) -> Vec<f64> {
        let n_strata = self.len();
        let mut products = vec![0.0; n_strata * n_strata];
        let Some(groups) = &self.groups else {
            for (stratum, weight) in self.weights.iter().enumerate() {
                products[stratum * n_strata + stratum] = *weight as f64;
            }
            return products;
        };
        for mine in (0..groups.len()).map(|group| groups.strata(group)) {
            for (s, a) in mine {
                for (other, b) in mine {
                    products[usize::from(*s) * n_strata + usize::from(*other)] += a * b;
                }
            }
        }
        products
    }
}

fn places(db: &Transactions, strata: &[u16]) -> Vec<Place> {
    let place = |(group, stratum): (u32, &u16)| Place { group, stratum: *stratum };
    match db.group_offsets() {
        None => (0..).zip(strata).map(place).collect(),
        Some(offsets) => {
            let groups = (0..).zip(offsets.windows(2));
            groups.flat_map(|(group, w)| strata[w[0]..w[1]].iter().map(move |it| place((group, it)))).collect()
        }
    }
}

/// Stratum of every basket size up to the largest.
fn strata_of_sizes(largest: u32) -> Vec<u16> {
    let mut of_size = vec![0_u16];
    let mut start = 0;
    for size in 1..=largest {
        let is_new = size <= EXACT_SIZES || f64::from(size) >= f64::from(start) * STRATUM_GROWTH;
        if is_new {
            start = size;
        }
        of_size.push(of_size[of_size.len() - 1] + u16::from(is_new));
    }
    of_size
}

fn rooms(db: &Transactions, of: &[u16], weights: &[u64]) -> Vec<f64> {
    let order = by_stratum(of, weights.len());
    let mut counts = vec![0_u64; db.n_items() as usize];
    let mut rooms = Vec::with_capacity(weights.len());
    let same = order.chunk_by(|a, b| of[*a as usize] == of[*b as usize]);
    let mut same = same.peekable();
    for (stratum, weight) in weights.iter().enumerate() {
        let mine = same.next_if(|rows| usize::from(of[rows[0] as usize]) == stratum).unwrap_or_default();
        for t in mine {
            let weight = u64::from(db.weight(*t as usize));
            db.bought(*t as usize).iter().for_each(|item| counts[*item as usize] += weight);
        }
        let mut room = 0.0;
        for item in mine.iter().flat_map(|t| db.bought(*t as usize)) {
            let share = std::mem::take(&mut counts[*item as usize]) as f64 / *weight as f64;
            room += share * (1.0 - share);
        }
        rooms.push(room);
    }
    rooms
}

/// Transactions by stratum, those of one in their order.
fn by_stratum(of: &[u16], n_strata: usize) -> Vec<u32> {
    let mut next = vec![0; n_strata + 1];
    for stratum in of {
        next[usize::from(*stratum) + 1] += 1;
    }
    for stratum in 1..next.len() {
        next[stratum] += next[stratum - 1];
    }
    let mut order = vec![0; of.len()];
    for (t, stratum) in (0..).zip(of) {
        let at = &mut next[usize::from(*stratum)];
        order[*at] = t;
        *at += 1;
    }
    order
}
