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
    /// Stratum of each transaction.
    pub of: Vec<u16>,
    /// Weighted number of transactions a stratum.
    pub weights: Vec<u64>,
    /// Mean basket size.
    sizes: Vec<f64>,
    /// Σᵢ πᵢ (1 − πᵢ) over all items, πᵢ the share of the stratum's transactions with item i: the room for chance that a fixed size leaves.
    rooms: Vec<f64>,
    /// Σ over groups of (transactions in stratum s) · (transactions in stratum s′); row by row.
    pub products: Vec<f64>,
    /// Group of each transaction; absent when each is its own.
    pub groups: Option<Vec<u32>>,
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
    pub(crate) fn new(db: &Transactions) -> Self {
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
        let groups = db.group_offsets().map(groups_of);
        let mut out = Self { of, weights, sizes, rooms, products: Vec::new(), groups };
        out.products = out.products_between(db);
        out
    }

    pub(crate) fn len(&self) -> usize {
        self.weights.len()
    }

    /// The tables of a test, one a stratum.
    pub(crate) fn layers(&self, db: &Transactions, covers: &Covers<'_>, sides: &Sides<'_>) -> Vec<Layer> {
        let mut layers = vec![Layer::default(); self.len()];
        match sides.base {
            None => layers.iter_mut().zip(&self.weights).for_each(|(layer, n)| layer.n = *n),
            Some(base) => self.tally(db, base, |stratum, weight| layers[stratum].n += weight),
        }
        self.tally(db, sides.left, |stratum, weight| layers[stratum].left += weight);
        self.tally(db, sides.right, |stratum, weight| layers[stratum].right += weight);
        self.tally(db, sides.both, |stratum, weight| layers[stratum].both += weight);
        let mut taken = vec![0.0; self.len()];
        if sides.left_items.len() > 1 {
            for item in sides.left_items {
                self.tally(db, covers.of_item(*item), |stratum, weight| taken[stratum] += weight as f64);
            }
        }
        for (stratum, layer) in layers.iter_mut().enumerate().filter(|(_, layer)| layer.n > 0) {
            let n = layer.n as f64;
            let left = if sides.left_items.len() > 1 { taken[stratum] / n } else { layer.left as f64 / n };
            let places = sides.left_items.len() as f64 - left;
            layer.factor = self.factor(stratum, sides.n_fixed, places, layer.right as f64 / n);
        }
        layers
    }

    /// By how much less than independently two things meet that compete for the places of a basket of fixed size.
    ///
    /// Items drawn independently given their shares, conditional on the size, meet with probability
    /// π₁ π₂ (1 − (1 − π₁)(1 − π₂) / d), d = Σᵢ πᵢ (1 − πᵢ)
    /// (Hájek, "Asymptotic theory of rejective sampling with varying probabilities from a finite population", 1964, theorem 5.2).
    /// For a size of one d is at most 1, and nothing meets.
    fn factor(&self, stratum: usize, n_fixed: usize, places: f64, right: f64) -> f64 {
        let size = self.sizes[stratum];
        let room = self.rooms[stratum] * (size - n_fixed as f64) / size;
        if room > 0.0 { (1.0 - places * (1.0 - right) / room).clamp(0.0, 1.0) } else { 0.0 }
    }

    fn tally(&self, db: &Transactions, rows: &[u32], mut add: impl FnMut(usize, u64)) {
        for t in rows {
            add(usize::from(self.of[*t as usize]), u64::from(db.weight(*t as usize)));
        }
    }

    fn products_between(&self, db: &Transactions) -> Vec<f64> {
        let n_strata = self.len();
        let mut products = vec![0.0; n_strata * n_strata];
        let Some(offsets) = db.group_offsets() else {
            for (stratum, weight) in self.weights.iter().enumerate() {
                products[stratum * n_strata + stratum] = *weight as f64;
            }
            return products;
        };
        let mut mine: Vec<(u16, f64)> = Vec::new();
        for group in offsets.windows(2) {
            mine.clear();
            mine.extend((group[0]..group[1]).map(|t| (self.of[t], f64::from(db.weight(t)))));
            mine.sort_unstable_by_key(|(stratum, _)| *stratum);
            mine.dedup_by(|next, kept| {
                let is_same = next.0 == kept.0;
                kept.1 += if is_same { next.1 } else { 0.0 };
                is_same
            });
            for (s, a) in &mine {
                for (other, b) in &mine {
                    products[usize::from(*s) * n_strata + usize::from(*other)] += a * b;
                }
            }
        }
        products
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

fn groups_of(offsets: &[usize]) -> Vec<u32> {
    let sizes = offsets.windows(2).map(|w| w[1] - w[0]);
    sizes.enumerate().flat_map(|(group, size)| std::iter::repeat_n(group as u32, size)).collect()
}

fn rooms(db: &Transactions, of: &[u16], weights: &[u64]) -> Vec<f64> {
    let mut order: Vec<u32> = (0..db.len() as u32).collect();
    order.sort_by_key(|t| of[*t as usize]);
    let mut counts = vec![0_u64; db.n_items() as usize];
    let mut rooms = Vec::with_capacity(weights.len());
    let mut rest = &order[..];
    for (stratum, weight) in weights.iter().enumerate() {
        let (mine, later) = rest.split_at(rest.partition_point(|t| usize::from(of[*t as usize]) <= stratum));
        rest = later;
        for t in mine {
            let weight = u64::from(db.weight(*t as usize));
            db.basket(*t as usize).iter().for_each(|item| counts[*item as usize] += weight);
        }
        let mut room = 0.0;
        for item in mine.iter().flat_map(|t| db.basket(*t as usize)) {
            let share = std::mem::take(&mut counts[*item as usize]) as f64 / *weight as f64;
            room += share * (1.0 - share);
        }
        rooms.push(room);
    }
    rooms
}
