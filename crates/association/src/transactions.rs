//! The database of baskets, checked and repaired once.

use crate::{Error, Hierarchy};

/// The largest basket mined unless the caller says otherwise: a longer one is rarely a purchase and holds half a million pairs.
pub const DEFAULT_MAX_BASKET: usize = 1_000;

/// Baskets as they come: unsorted, with duplicates, in any order.
#[derive(Clone, Copy, Debug)]
pub struct Baskets<'a> {
    /// `n + 1` positions: basket `t` holds `items[offsets[t]..offsets[t + 1]]`.
    pub offsets: &'a [usize],
    /// Items below `n_items`.
    pub items: &'a [u32],
    /// How many items there are.
    pub n_items: u32,
    /// How often each basket occurs; absent: once. A basket of weight 0 is left out.
    pub weights: Option<&'a [u32]>,
    /// Whose basket it is: baskets with the same number are resampled together. Absent: everyone has one basket.
    pub groups: Option<&'a [u32]>,
}

/// What [`Transactions::new`] put right, in baskets unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Items named again in the same basket; each counts once.
    pub duplicate_items: u64,
    /// Baskets without items; they stay and count in `n`.
    pub empty_baskets: u64,
    /// Baskets with more distinct items than allowed, left out altogether: cutting them would invent baskets nobody bought.
    pub oversize_baskets: u64,
    /// Baskets of weight 0, left out.
    pub weightless_baskets: u64,
}

/// Checked baskets: every item once a basket, baskets of one group side by side.
///
/// Counts are u32 inside the engines, so all weights together stay below 2³².
#[derive(Clone, Debug)]
pub struct Transactions {
    offsets: Vec<usize>,
    items: Vec<u32>,
    weights: Option<Vec<u32>>,
    /// First transaction of each group and the end; absent when every transaction is its own group.
    group_offsets: Option<Vec<usize>>,
    /// Distinct items a basket had when it was bought; absent when `offsets` still say so.
    sizes: Option<Vec<u32>>,
    item_counts: Vec<u64>,
    n: u64,
}

impl Transactions {
    /// Checks and repairs baskets. Baskets of more than `max_basket` distinct items are left out and counted.
    ///
    /// O(items), plus a counting pass when there are groups.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Offsets`], [`Error::Item`], [`Error::Weight`]; [`Error::Parameter`] when `max_basket` is 0.
    pub fn new(baskets: &Baskets<'_>, max_basket: usize) -> Result<(Self, Repairs), Error> {
        check(baskets, max_basket)?;
        let order = baskets.groups.map(order_by_group);
        let mut builder = Builder::new(baskets, max_basket);
        match &order {
            None => (0..baskets.offsets.len() - 1).try_for_each(|basket| builder.add(basket))?,
            Some(order) => order.iter().try_for_each(|basket| builder.add(*basket as usize))?,
        }
        builder.finish()
    }

    /// The same baskets with the ancestors of every item added, so that rules can speak of categories.
    ///
    /// Sizes stay those of the baskets as bought.
    ///
    /// # Errors
    /// [`Error::Length`] when the hierarchy is for another number of items.
    pub fn with_ancestors(&self, hierarchy: &Hierarchy) -> Result<Self, Error> {
        if hierarchy.n_items() != self.n_items() {
            let (got, expected) = (hierarchy.n_items() as usize, self.n_items() as usize);
            return Err(Error::Length { what: "parents", got, expected });
        }
        let mut out = Self { offsets: vec![0], items: Vec::new(), sizes: Some(self.sizes()), ..self.clone() };
        out.item_counts.fill(0);
        let mut last_seen = vec![usize::MAX; self.n_items() as usize];
        for t in 0..self.len() {
            for item in self.basket(t) {
                for it in std::iter::once(*item).chain(hierarchy.ancestors(*item)) {
                    if std::mem::replace(&mut last_seen[it as usize], t) != t {
                        out.items.push(it);
                        out.item_counts[it as usize] += u64::from(self.weight(t));
                    }
                }
            }
            out.offsets.push(out.items.len());
        }
        Ok(out)
    }

    /// The transactions for which `is_kept` holds, in their order; groups of which none is left are left out.
    #[must_use]
    pub fn subset(&self, is_kept: impl Fn(usize) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.len()).filter(|t| is_kept(*t)).collect();
        let n_values = kept.iter().map(|t| self.basket(*t).len()).sum();
        let mut out = Self {
            offsets: Vec::with_capacity(kept.len() + 1),
            items: Vec::with_capacity(n_values),
            weights: self.weights.as_ref().map(|weights| kept.iter().map(|t| weights[*t]).collect()),
            group_offsets: self.group_offsets.as_ref().map(|offsets| group_offsets_of(offsets, &kept)),
            sizes: self.sizes.as_ref().map(|sizes| kept.iter().map(|t| sizes[*t]).collect()),
            item_counts: vec![0; self.item_counts.len()],
            n: kept.iter().map(|t| u64::from(self.weight(*t))).sum(),
        };
        out.offsets.push(0);
        for t in kept {
            let (basket, weight) = (self.basket(t), u64::from(self.weight(t)));
            for item in basket {
                out.item_counts[*item as usize] += weight;
            }
            out.items.extend_from_slice(basket);
            out.offsets.push(out.items.len());
        }
        out
    }

    /// Number of transactions as stored; [`Transactions::n`] is their weight.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Weighted number of transactions, empty ones included: what a support is a share of.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// How many items there are, bought or not.
    pub fn n_items(&self) -> u32 {
        self.item_counts.len() as u32
    }

    /// The items of a transaction, each once, in no particular order.
    pub fn basket(&self, t: usize) -> &[u32] {
        &self.items[self.offsets[t]..self.offsets[t + 1]]
    }

    /// How often a transaction occurs.
    pub fn weight(&self, t: usize) -> u32 {
        self.weights.as_ref().map_or(1, |weights| weights[t])
    }

    /// Weighted number of transactions with each item.
    pub fn item_counts(&self) -> &[u64] {
        &self.item_counts
    }

    /// Items in all baskets together.
    pub fn n_values(&self) -> usize {
        self.items.len()
    }

    /// Weights by transaction; absent when all are 1.
    pub(crate) fn weights(&self) -> Option<&[u32]> {
        self.weights.as_deref()
    }

    /// Ranges of transactions that belong to one group; absent when each is its own.
    pub(crate) fn group_offsets(&self) -> Option<&[usize]> {
        self.group_offsets.as_deref()
    }

    /// Distinct items of a basket as bought.
    pub(crate) fn sizes(&self) -> Vec<u32> {
        match &self.sizes {
            Some(sizes) => sizes.clone(),
            None => self.offsets.windows(2).map(|w| (w[1] - w[0]) as u32).collect(),
        }
    }
}

/// Where the groups of the transactions `kept`, ascending, start among them, and the end.
fn group_offsets_of(offsets: &[usize], kept: &[usize]) -> Vec<usize> {
    let mut starts: Vec<usize> = offsets.iter().map(|offset| kept.partition_point(|t| t < offset)).collect();
    starts.dedup();
    starts
}

fn check(baskets: &Baskets<'_>, max_basket: usize) -> Result<(), Error> {
    let Some(n) = baskets.offsets.len().checked_sub(1) else {
        return Err(Error::Length { what: "offsets", got: 0, expected: 1 });
    };
    if max_basket == 0 {
        return Err(Error::Parameter { name: "max_basket", allowed: "at least 1", got: 0.0 });
    }
    for (what, slice) in [("weights", baskets.weights), ("groups", baskets.groups)] {
        if let Some(slice) = slice
            && slice.len() != n
        {
            return Err(Error::Length { what, got: slice.len(), expected: n });
        }
    }
    if baskets.offsets[0] != 0 {
        return Err(Error::Offsets { basket: 0 });
    }
    if let Some(basket) = baskets.offsets.windows(2).position(|w| w[1] < w[0]) {
        return Err(Error::Offsets { basket });
    }
    if baskets.offsets[n] != baskets.items.len() {
        return Err(Error::Length { what: "items", got: baskets.items.len(), expected: baskets.offsets[n] });
    }
    Ok(())
}

/// Baskets in order of group, then input order.
fn order_by_group(groups: &[u32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..groups.len() as u32).collect();
    if !groups.is_sorted() {
        let mut keys: Vec<u64> = groups.iter().map(|g| u64::from(*g)).collect();
        osusume_numeric::sort::sort_u64(&mut keys, &mut order);
    }
    order
}

struct Builder<'a> {
    baskets: &'a Baskets<'a>,
    max_basket: usize,
    /// One more than the basket that last held the item.
    last_seen: Vec<usize>,
    last_group: Option<u32>,
    out: Transactions,
    repairs: Repairs,
}

impl<'a> Builder<'a> {
    fn new(baskets: &'a Baskets<'a>, max_basket: usize) -> Self {
        let n = baskets.offsets.len() - 1;
        let n_items = baskets.n_items as usize;
        let mut offsets = Vec::with_capacity(n + 1);
        offsets.push(0);
        let out = Transactions {
            offsets,
            items: Vec::with_capacity(baskets.items.len()),
            weights: baskets.weights.map(|_| Vec::with_capacity(n)),
            group_offsets: baskets.groups.map(|_| Vec::new()),
            sizes: None,
            item_counts: vec![0; n_items],
            n: 0,
        };
        Self { baskets, max_basket, last_seen: vec![0; n_items], last_group: None, out, repairs: Repairs::default() }
    }

    fn add(&mut self, basket: usize) -> Result<(), Error> {
        let weight = self.baskets.weights.map_or(1, |weights| weights[basket]);
        if weight == 0 {
            self.repairs.weightless_baskets += 1;
            return Ok(());
        }
        let start = self.out.items.len();
        let given = &self.baskets.items[self.baskets.offsets[basket]..self.baskets.offsets[basket + 1]];
        for item in given {
            let Some(seen) = self.last_seen.get_mut(*item as usize) else {
                return Err(Error::Item { basket, item: *item, n_items: self.baskets.n_items });
            };
            if std::mem::replace(seen, basket + 1) != basket + 1 {
                self.out.items.push(*item);
            }
        }
        let kept = self.out.items.len() - start;
        if kept > self.max_basket {
            self.out.items.truncate(start);
            self.repairs.oversize_baskets += 1;
            return Ok(());
        }
        self.repairs.duplicate_items += (given.len() - kept) as u64;
        self.repairs.empty_baskets += u64::from(kept == 0);
        for item in &self.out.items[start..] {
            self.out.item_counts[*item as usize] += u64::from(weight);
        }
        self.start_group(basket);
        self.out.offsets.push(self.out.items.len());
        self.out.n += u64::from(weight);
        if let Some(weights) = &mut self.out.weights {
            weights.push(weight);
        }
        Ok(())
    }

    fn start_group(&mut self, basket: usize) {
        if let (Some(groups), Some(starts)) = (self.baskets.groups, &mut self.out.group_offsets)
            && self.last_group.replace(groups[basket]) != Some(groups[basket])
        {
            starts.push(self.out.offsets.len() - 1);
        }
    }

    fn finish(mut self) -> Result<(Transactions, Repairs), Error> {
        let allowed = u64::from(u32::MAX);
        let n_values = self.out.items.len() as u64;
        if n_values > allowed {
            return Err(Error::Values { got: n_values, allowed });
        }
        if self.out.n > allowed {
            return Err(Error::Weight { got: self.out.n, allowed });
        }
        let n = self.out.len();
        if let Some(starts) = &mut self.out.group_offsets {
            starts.push(n);
        }
        Ok((self.out, self.repairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baskets<'a>(offsets: &'a [usize], items: &'a [u32]) -> Baskets<'a> {
        Baskets { offsets, items, n_items: 5, weights: None, groups: None }
    }

    #[test]
    fn repairs_are_counted() {
        let (db, repairs) = Transactions::new(&baskets(&[0, 3, 3, 7], &[1, 1, 2, 0, 1, 2, 3]), 3).unwrap();
        assert_eq!(
            repairs,
            Repairs { duplicate_items: 1, empty_baskets: 1, oversize_baskets: 1, weightless_baskets: 0 }
        );
        assert_eq!((db.n(), db.len(), db.item_counts()), (2, 2, &[0, 1, 1, 0, 0][..]));
    }

    #[test]
    fn groups_stand_side_by_side() {
        let given =
            Baskets { groups: Some(&[7, 3, 7]), weights: Some(&[1, 2, 0]), ..baskets(&[0, 1, 2, 3], &[0, 1, 2]) };
        let (db, repairs) = Transactions::new(&given, 10).unwrap();
        assert_eq!((db.basket(0), db.weight(0), db.basket(1)), (&[1][..], 2, &[0][..]));
        assert_eq!((db.group_offsets(), repairs.weightless_baskets), (Some(&[0, 1, 2][..]), 1));
    }

    #[test]
    fn a_subset_is_what_the_kept_baskets_alone_would_be() {
        let (offsets, items) = ([0, 2, 3, 5, 6, 7, 8], [0, 1, 2, 1, 3, 4, 0, 2]);
        let (groups, weights) = ([0, 0, 1, 2, 2, 3], [1, 2, 3, 1, 4, 2]);
        let given = Baskets { groups: Some(&groups), weights: Some(&weights), ..baskets(&offsets, &items) };
        let (all, _) = Transactions::new(&given, 10).unwrap();
        for mask in 0..1_u32 << groups.len() {
            let is_kept = |t: usize| mask >> t & 1 == 1;
            let left_out: Vec<u32> = (0..6).map(|t| if is_kept(t) { weights[t] } else { 0 }).collect();
            let (alone, _) = Transactions::new(&Baskets { weights: Some(&left_out), ..given }, 10).unwrap();
            let subset = all.subset(is_kept);
            assert_eq!((&subset.offsets, &subset.items), (&alone.offsets, &alone.items));
            assert_eq!((&subset.weights, &subset.group_offsets), (&alone.weights, &alone.group_offsets), "{mask:b}");
            assert_eq!((&subset.item_counts, subset.n), (&alone.item_counts, alone.n));
        }
    }

    #[test]
    fn bad_slices_are_named() {
        let check =
            |given: &Baskets<'_>, expected: Error| assert_eq!(Transactions::new(given, 10).unwrap_err(), expected);
        check(&baskets(&[], &[]), Error::Length { what: "offsets", got: 0, expected: 1 });
        check(&baskets(&[0, 2, 1], &[0, 1]), Error::Offsets { basket: 1 });
        check(&baskets(&[0, 1], &[5]), Error::Item { basket: 0, item: 5, n_items: 5 });
        check(&baskets(&[0, 1], &[0, 1]), Error::Length { what: "items", got: 2, expected: 1 });
        let heavy = Baskets { weights: Some(&[u32::MAX, 1]), ..baskets(&[0, 0, 0], &[]) };
        check(&heavy, Error::Weight { got: 1 << 32, allowed: u64::from(u32::MAX) });
    }
}
