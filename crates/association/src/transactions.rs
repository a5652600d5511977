//! The database of baskets, checked and repaired once.

use std::ops::Range;

use osusume_model::{Control, NoControl};
use rayon::prelude::*;

use crate::error::check_stop;
use crate::shares;
use crate::{Error, Hierarchy};

/// Baskets between two looks at the control.
const STOP_STEP: usize = 1 << 13;

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

/// Baskets a caller gives away, so that their items need not be held twice.
#[derive(Clone, Debug, Default)]
pub struct OwnedBaskets {
    /// As [`Baskets::offsets`].
    pub offsets: Vec<usize>,
    /// As [`Baskets::items`].
    pub items: Vec<u32>,
    /// As [`Baskets::n_items`].
    pub n_items: u32,
    /// As [`Baskets::weights`].
    pub weights: Option<Vec<u32>>,
    /// As [`Baskets::groups`]. Baskets of a group that are not side by side are copied.
    pub groups: Option<Vec<u32>>,
}

impl OwnedBaskets {
    /// The same baskets, lent.
    pub fn lent(&self) -> Baskets<'_> {
        Baskets {
            offsets: &self.offsets,
            items: &self.items,
            n_items: self.n_items,
            weights: self.weights.as_deref(),
            groups: self.groups.as_deref(),
        }
    }
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
    /// There are less than 2³² items in all.
    offsets: Vec<u32>,
    items: Vec<u32>,
    weights: Option<Vec<u32>>,
    /// First transaction of each group and the end; absent when every transaction is its own group.
    group_offsets: Option<Vec<usize>>,
    /// Distinct items a basket had when it was bought, the first of those it has; absent when it has no others.
    sizes: Option<Vec<u32>>,
    /// For each of `items`, how many items of its basket as bought it is or is an ancestor of; absent when each is only itself.
    stands_for: Option<Vec<u32>>,
    item_counts: Vec<u64>,
    n: u64,
}

impl Transactions {
    /// Checks and repairs baskets. Baskets of more than `max_basket` distinct items are left out and counted.
    ///
    /// O(items), plus a counting pass when there are groups. Without groups the threads of the current rayon pool share the work.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Offsets`], [`Error::Item`], [`Error::Weight`]; [`Error::Parameter`] when `max_basket` is 0.
    pub fn new(baskets: &Baskets<'_>, max_basket: usize) -> Result<(Self, Repairs), Error> {
        Self::build(baskets, max_basket, &NoControl)
    }

    /// As [`Transactions::new`], and ends when `control` says so.
    ///
    /// # Errors
    /// As [`Transactions::new`]; [`Error::Stopped`].
    pub fn build(baskets: &Baskets<'_>, max_basket: usize, control: &dyn Control) -> Result<(Self, Repairs), Error> {
        check(baskets, max_basket)?;
        check_stop(control)?;
        let order = baskets.groups.and_then(order_by_group);
        let source = Some(baskets.items);
        let items = vec![0; baskets.items.len()];
        Work { source, order, ..Work::on(baskets, max_basket, control) }.repair(items)
    }

    /// As [`Transactions::build`], of baskets the caller gives away: they are repaired where they are, so that memory holds their items once.
    ///
    /// # Errors
    /// As [`Transactions::build`].
    pub fn build_owned(
        mut baskets: OwnedBaskets,
        max_basket: usize,
        control: &dyn Control,
    ) -> Result<(Self, Repairs), Error> {
        check(&baskets.lent(), max_basket)?;
        if baskets.groups.as_ref().is_some_and(|groups| !groups.is_sorted()) {
            return Self::build(&baskets.lent(), max_basket, control);
        }
        check_stop(control)?;
        let items = std::mem::take(&mut baskets.items);
        Work::on(&baskets.lent(), max_basket, control).repair(items)
    }

    /// The same baskets with the ancestors of every item as bought added, so that rules can speak of categories.
    ///
    /// Sizes stay those of the baskets as bought.
    ///
    /// # Errors
    /// [`Error::Length`] when the hierarchy is for another number of items, [`Error::Values`], [`Error::Stopped`].
    pub fn with_ancestors(&self, hierarchy: &Hierarchy, control: &dyn Control) -> Result<Self, Error> {
        if hierarchy.n_items() != self.n_items() {
            let (got, expected) = (hierarchy.n_items() as usize, self.n_items() as usize);
            return Err(Error::Length { what: "parents", got, expected });
        }
        let (mut items, mut stands_for) = (Vec::with_capacity(self.n_values()), Vec::with_capacity(self.n_values()));
        let (mut offsets, mut item_counts) = (Vec::with_capacity(self.offsets.len()), vec![0; self.item_counts.len()]);
        offsets.push(0);
        // One more than where an item was last put.
        let mut puts = vec![0; self.item_counts.len()];
        for t in 0..self.len() {
            if t % STOP_STEP == 0 {
                check_stop(control)?;
            }
            let (bought, start) = (self.bought(t), items.len());
            items.extend_from_slice(bought);
            stands_for.resize(items.len(), 1);
            bought.iter().zip(start + 1..).for_each(|(item, put)| puts[*item as usize] = put);
            for ancestor in bought.iter().flat_map(|item| hierarchy.ancestors(*item)) {
                let put = &mut puts[ancestor as usize];
                if *put > start {
                    stands_for[*put - 1] += 1;
                } else {
                    items.push(ancestor);
                    stands_for.push(1);
                    *put = items.len();
                }
            }
            items[start..].iter().for_each(|item| item_counts[*item as usize] += u64::from(self.weight(t)));
            check_n_values(items.len())?;
            offsets.push(items.len() as u32);
        }
        let (sizes, stands_for) = (Some(self.sizes()), Some(stands_for));
        Ok(Self { offsets, items, sizes, stands_for, item_counts, ..self.without_items() })
    }

    /// Weights and groups alone.
    fn without_items(&self) -> Self {
        Self {
            offsets: Vec::new(),
            items: Vec::new(),
            weights: self.weights.clone(),
            group_offsets: self.group_offsets.clone(),
            sizes: None,
            stands_for: None,
            item_counts: Vec::new(),
            n: self.n,
        }
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
            stands_for: self.stands_for.as_ref().map(|_| Vec::with_capacity(n_values)),
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
            out.offsets.push(out.items.len() as u32);
            if let (Some(out), Some(stands_for)) = (&mut out.stands_for, self.stands_for(t)) {
                out.extend_from_slice(stands_for);
            }
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

    /// Where the items of a transaction are among all.
    fn range(&self, t: usize) -> Range<usize> {
        self.offsets[t] as usize..self.offsets[t + 1] as usize
    }

    /// The items of a transaction, each once, in no particular order.
    pub fn basket(&self, t: usize) -> &[u32] {
        &self.items[self.range(t)]
    }

    /// Those of them that were bought: all but the ancestors that were added.
    pub(crate) fn bought(&self, t: usize) -> &[u32] {
        let basket = self.basket(t);
        self.sizes.as_ref().map_or(basket, |sizes| &basket[..sizes[t] as usize])
    }

    /// Whether ancestors were added.
    pub(crate) fn has_ancestors(&self) -> bool {
        self.stands_for.is_some()
    }

    /// For each item of a transaction, how many of those bought it is or is an ancestor of; absent when each is only itself.
    pub(crate) fn stands_for(&self, t: usize) -> Option<&[u32]> {
        self.stands_for.as_ref().map(|stands_for| &stands_for[self.range(t)])
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

    /// Where each transaction starts among all items, and the end.
    pub(crate) fn offsets(&self) -> &[u32] {
        &self.offsets
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
            None => self.offsets.windows(2).map(|w| w[1] - w[0]).collect(),
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
    check_n_values(baskets.items.len())
}

/// Engines and offsets number items with 32 bits.
fn check_n_values(n_values: usize) -> Result<(), Error> {
    let (got, allowed) = (n_values as u64, u64::from(u32::MAX));
    if got > allowed { Err(Error::Values { got, allowed }) } else { Ok(()) }
}

/// Baskets in order of group, then input order; none when that is the order they are in.
fn order_by_group(groups: &[u32]) -> Option<Vec<u32>> {
    if groups.is_sorted() {
        return None;
    }
    let mut order: Vec<u32> = (0..groups.len() as u32).collect();
    let mut keys: Vec<u64> = groups.iter().map(|g| u64::from(*g)).collect();
    osusume_numeric::sort::sort_u64(&mut keys, &mut order);
    Some(order)
}

/// Baskets to repair.
#[derive(Clone)]
struct Work<'a> {
    /// The caller's, whose items may be elsewhere.
    baskets: &'a Baskets<'a>,
    /// Their items; absent when they are where the repaired ones are to be.
    source: Option<&'a [u32]>,
    /// The baskets in the order wanted, if it is another.
    order: Option<Vec<u32>>,
    max_basket: usize,
    control: &'a dyn Control,
}

impl<'a> Work<'a> {
    /// Baskets in the order they are in, whose items are where the repaired ones are to be.
    fn on(baskets: &'a Baskets<'a>, max_basket: usize, control: &'a dyn Control) -> Self {
        Self { baskets, source: None, order: None, max_basket, control }
    }

    /// The basket at a position of the order wanted.
    fn basket(&self, position: usize) -> usize {
        self.order.as_ref().map_or(position, |order| order[position] as usize)
    }

    /// Repairs the baskets in `items`, which is as long as all of theirs.
    fn repair(&self, mut items: Vec<u32>) -> Result<(Transactions, Repairs), Error> {
        let given = self.baskets.offsets;
        // A group must not be parted, and baskets in another order lie anywhere.
        let n_shares = self.baskets.groups.map_or(shares::n_shares(items.len()), |_| 1);
        let shares = shares::ranges(given, n_shares);
        let n_values = |share: &Range<usize>| given[share.end] - given[share.start];
        let mut offsets = vec![0; given.len()];
        let parts: Vec<Builder<'_>> = shares::split(&mut items, shares.iter().map(n_values))
            .into_iter()
            .zip(shares::split(&mut offsets[1..], shares.iter().map(Range::len)))
            .map(|(items, ends)| Builder::new(self, items, ends))
            .collect();
        let build = |(part, share): (Builder<'_>, &Range<usize>)| part.build(share);
        let built: Vec<Result<Built, Error>> = parts.into_par_iter().zip(&shares).with_max_len(1).map(build).collect();
        // In order of the shares: whoever does the work, the first basket at fault is named.
        let built = built.into_iter().collect::<Result<Vec<Built>, Error>>()?;
        let kept = shares.iter().map(n_values).zip(built.iter().map(|it| it.n_values));
        let n_kept = shares::close_gaps(&mut items, kept);
        items.truncate(n_kept);
        items.shrink_to_fit();
        let mut start = 0;
        for (share, it) in shares.iter().zip(&built) {
            offsets[1 + share.start..][..it.n_baskets].iter_mut().for_each(|end| *end += start);
            start += it.n_values as u32;
        }
        let kept = shares.iter().map(Range::len).zip(built.iter().map(|it| it.n_baskets));
        let n_kept = shares::close_gaps(&mut offsets[1..], kept);
        offsets.truncate(n_kept + 1);
        self.transactions(items, offsets, built)
    }

    /// The transactions of all shares, whose items and offsets are together already.
    fn transactions(
        &self,
        items: Vec<u32>,
        offsets: Vec<u32>,
        built: Vec<Built>,
    ) -> Result<(Transactions, Repairs), Error> {
        let baskets = self.baskets;
        let mut out = Transactions {
            weights: baskets.weights.map(|_| Vec::new()),
            group_offsets: baskets.groups.map(|_| Vec::new()),
            sizes: None,
            stands_for: None,
            item_counts: vec![0; baskets.n_items as usize],
            n: 0,
            offsets,
            items,
        };
        let mut repairs = Repairs::default();
        for it in built {
            out.n += it.n;
            repairs.add(&it.repairs);
            out.item_counts.iter_mut().zip(&it.seen).for_each(|(sum, seen)| *sum += u64::from(seen.count));
            if let Some(weights) = &mut out.weights {
                weights.extend(it.weights);
            }
            if let Some(starts) = &mut out.group_offsets {
                starts.extend(it.group_starts);
                starts.push(it.n_baskets);
            }
        }
        let allowed = u64::from(u32::MAX);
        if out.n > allowed {
            return Err(Error::Weight { got: out.n, allowed });
        }
        Ok((out, repairs))
    }
}

impl Repairs {
    fn add(&mut self, other: &Self) {
        self.duplicate_items += other.duplicate_items;
        self.empty_baskets += other.empty_baskets;
        self.oversize_baskets += other.oversize_baskets;
        self.weightless_baskets += other.weightless_baskets;
    }
}

/// What a share of the baskets came to, beside its items and where each basket ends.
#[derive(Default)]
struct Built {
    n_values: usize,
    n_baskets: usize,
    /// Sum of the weights.
    n: u64,
    weights: Vec<u32>,
    group_starts: Vec<usize>,
    seen: Vec<Seen>,
    repairs: Repairs,
}

/// An item, kept together because both are asked for at once.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// Number of the basket that last held it, from 1 on.
    last: u32,
    /// Weight of the baskets with it. Wraps, but not while all weights together are allowed.
    count: u32,
}

struct Builder<'a> {
    work: &'a Work<'a>,
    /// The kept items of the share, and behind them those still to be looked at; and where each basket ends among the kept ones.
    items: &'a mut [u32],
    ends: &'a mut [u32],
    /// Number of the current basket.
    number: u32,
    last_group: Option<u32>,
    built: Built,
}

impl<'a> Builder<'a> {
    fn new(work: &'a Work<'a>, items: &'a mut [u32], ends: &'a mut [u32]) -> Self {
        let built = Built { seen: vec![Seen::default(); work.baskets.n_items as usize], ..Built::default() };
        Self { work, items, ends, number: 0, last_group: None, built }
    }

    /// Takes the baskets of `share`, positions in the order wanted.
    fn build(mut self, share: &Range<usize>) -> Result<Built, Error> {
        let offsets = self.work.baskets.offsets;
        for first in share.clone().step_by(STOP_STEP) {
            check_stop(self.work.control)?;
            let positions = first..share.end.min(first + STOP_STEP);
            let mut at = self.bring(&positions, offsets[share.start]);
            for position in positions {
                let basket = self.work.basket(position);
                let end = at + offsets[basket + 1] - offsets[basket];
                self.add(basket, at..end)?;
                at = end;
            }
        }
        Ok(self.built)
    }

    /// Brings the items of baskets behind those kept, or leaves them where they are, and says where they start. Those of the share start at
    /// `start` of all.
    fn bring(&mut self, positions: &Range<usize>, start: usize) -> usize {
        let (offsets, to) = (self.work.baskets.offsets, self.built.n_values);
        let Some(source) = self.work.source else {
            return offsets[positions.start] - start;
        };
        let mut end = to;
        let mut copy = |baskets: Range<usize>| {
            let given = &source[offsets[baskets.start]..offsets[baskets.end]];
            self.items[end..end + given.len()].copy_from_slice(given);
            end += given.len();
        };
        match &self.work.order {
            None => copy(positions.clone()),
            Some(order) => {
                order[positions.clone()].iter().for_each(|basket| copy(*basket as usize..*basket as usize + 1));
            }
        }
        to
    }

    /// Keeps of a basket, whose items are at `given`, each item once.
    fn add(&mut self, basket: usize, given: Range<usize>) -> Result<(), Error> {
        let baskets = self.work.baskets;
        let weight = baskets.weights.map_or(1, |weights| weights[basket]);
        if weight == 0 {
            self.built.repairs.weightless_baskets += 1;
            return Ok(());
        }
        if self.number == u32::MAX {
            self.built.seen.iter_mut().for_each(|seen| seen.last = 0);
            self.number = 0;
        }
        self.number += 1;
        let n_given = given.len();
        let shift = given.start - self.built.n_values;
        let out = &mut self.items[self.built.n_values..given.end];
        let mut kept = 0;
        for at in shift..out.len() {
            let item = out[at];
            let Some(seen) = self.built.seen.get_mut(item as usize) else {
                return Err(Error::Item { basket, item, n_items: baskets.n_items });
            };
            let is_new = seen.last != self.number;
            *seen = Seen { last: self.number, count: seen.count.wrapping_add(if is_new { weight } else { 0 }) };
            // Written in any case: whether an item was named before is not foreseen by a processor.
            out[kept] = item;
            kept += usize::from(is_new);
        }
        if kept > self.work.max_basket {
            for item in &out[..kept] {
                let count = &mut self.built.seen[*item as usize].count;
                *count = count.wrapping_sub(weight);
            }
            self.built.repairs.oversize_baskets += 1;
            return Ok(());
        }
        self.built.repairs.duplicate_items += (n_given - kept) as u64;
        self.built.repairs.empty_baskets += u64::from(kept == 0);
        self.keep(basket, kept, weight);
        Ok(())
    }

    /// The items of a basket are written, `n_values` of them: it stays.
    fn keep(&mut self, basket: usize, n_values: usize, weight: u32) {
        let built = &mut self.built;
        if let Some(groups) = self.work.baskets.groups
            && self.last_group.replace(groups[basket]) != Some(groups[basket])
        {
            built.group_starts.push(built.n_baskets);
        }
        if self.work.baskets.weights.is_some() {
            built.weights.push(weight);
        }
        built.n_values += n_values;
        self.ends[built.n_baskets] = built.n_values as u32;
        built.n_baskets += 1;
        built.n += u64::from(weight);
    }
}

#[cfg(test)]
mod tests;
