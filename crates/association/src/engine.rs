//! The search: one task for each frequent item.

mod bitmap;
mod bits;
mod bulk;
mod closed;
mod conflicts;
mod dense;
mod lattice;
mod order;
mod pairs;
mod paths;
mod ranked;
mod root;
mod rows;
mod sink;
mod streams;
mod tally;
mod target;
mod words;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use osusume_model::Control;
use rayon::prelude::*;

use crate::error::check_stop;
use crate::{Error, ItemsetParams, Itemsets, Kind, SetCounts, Transactions};
use bitmap::Search;
use closed::Closed;
use conflicts::Conflicts;
use dense::Dense;
use pairs::Pairs;
use paths::Paths;
use ranked::{Frequent, Occurrences, Ranked};
use rows::StoredRank;
use sink::{Collect, Count, Sink};
use tally::Tally;
use target::{Counter, Place, Sizes};

/// Tasks are as small as this many for each thread, so that none is left with most of the work.
const TASKS_A_THREAD: usize = 32;
/// So many ranks fit a u16 and leave one value that is no rank.
const SMALL_RANKS: usize = u16::MAX as usize;

/// The itemsets, or `None` when there are more than `max_sets`.
pub(crate) fn collect(
    db: &Transactions,
    params: &ItemsetParams<'_>,
    control: &dyn Control,
) -> Result<Option<Itemsets>, Error> {
    check_stop(control)?;
    check_depth(db, params)?;
    if Pairs::are_enough(params) {
        return Ok(Pairs::find(db, params, control)?.map(|pairs| pairs.listed(db.n())));
    }
    if params.kind == Kind::All {
        return list_all(db, params, control);
    }
    let Some(parts) = restricted(db, params, control, |part: Collect| part.0)? else {
        return Ok(None);
    };
    let mut out = Itemsets { n: db.n(), ..Itemsets::default() };
    out.reserve_exact(parts.iter().map(Itemsets::n_nodes).sum());
    for part in parts {
        out.append(&part);
    }
    Ok(Some(out))
}

/// Refuses to list sets that may be longer than a depth of the trie can say.
fn check_depth(db: &Transactions, params: &ItemsetParams<'_>) -> Result<(), Error> {
    let longest = (0..db.len()).map(|transaction| db.basket(transaction).len()).max().unwrap_or(0);
    if u16::try_from(longest.min(params.max_length)).is_ok() {
        return Ok(());
    }
    let allowed = "at most 65,535 where itemsets are listed and baskets are longer";
    Err(Error::Parameter { name: "max_length", allowed, got: params.max_length as f64 })
}

/// How many itemsets there are, or `None` when there are more than `max_sets`.
pub(crate) fn count(
    db: &Transactions,
    params: &ItemsetParams<'_>,
    control: &dyn Control,
) -> Result<Option<SetCounts>, Error> {
    check_stop(control)?;
    if Pairs::are_enough(params) {
        return Ok(Pairs::find(db, params, control)?.map(|pairs| pairs.counted()));
    }
    if params.kind == Kind::All {
        // A tally runs ahead of a limit on the length, so that its sum says nothing of a limit on the sets.
        let is_exact = params.max_length < usize::MAX && params.max_sets < u64::MAX;
        let count = if is_exact { count_all::<Sizes> } else { count_all::<Tally> };
        return count(db, params, control);
    }
    let Some(parts) = restricted(db, params, control, |part: Count| part.0)? else {
        return Ok(None);
    };
    let mut out = SetCounts::default();
    for part in &parts {
        out.merge(part);
    }
    Ok(Some(out))
}

/// Root items of a task where tasks are handed out beforehand.
fn task_len(n_ranks: usize) -> usize {
    n_ranks.div_ceil(TASKS_A_THREAD * rayon::current_num_threads()).max(1)
}

fn list_all(db: &Transactions, params: &ItemsetParams<'_>, control: &dyn Control) -> Result<Option<Itemsets>, Error> {
    check_stop(control)?;
    let frequent = Frequent::new(db, params);
    let listed = if frequent.n_ranks() <= SMALL_RANKS {
        list_paths(Paths::<u16>::new(db, &frequent, control)?, params, control)
    } else {
        list_paths(Paths::<u32>::new(db, &frequent, control)?, params, control)
    };
    check_stop(control)?;
    Ok(listed?.map(|listed| Itemsets { n: db.n(), ..listed }))
}

/// Counts below every root item first, so that each then writes where its sets belong: nothing grows and nothing is copied.
fn list_paths<R: StoredRank>(
    mut paths: Paths<'_, R>,
    params: &ItemsetParams<'_>,
    control: &dyn Control,
) -> Result<Option<Itemsets>, Error> {
    let frequent = paths.frequent();
    let conflicts = Conflicts::new(params);
    let unlimited = Budget { max_sets: u64::MAX, found: AtomicU64::new(0), control };
    let mut counts = vec![0_u64; frequent.n_ranks()];
    let mut end = counts.len();
    while end > 0 {
        let round = paths.read(end, control)?;
        let ranks = counts[round.clone()].par_iter_mut().zip(round.clone()).with_max_len(task_len(round.len()));
        ranks.for_each_init(
            || Dense::<Tally>::new(frequent.min_count, params.max_length, &conflicts, &unlimited),
            |search, (sets, rank)| {
                search.mine_root(&paths, rank as u32);
                *sets = std::mem::take(&mut search.target).into_counts(params.max_length).sets;
            },
        );
        end = round.start;
    }
    let n_sets = counts.iter().fold(0_u64, |sum, sets| sum.saturating_add(*sets));
    if n_sets > params.max_sets || control.stop().is_some() {
        return Ok(None);
    }
    let n_sets = n_sets as usize;
    let mut out = Itemsets { depths: vec![0; n_sets], items: vec![0; n_sets], counts: vec![0; n_sets], n: 0 };
    let mut places = places(&mut out, &counts);
    while !places.is_empty() {
        let round = paths.read(places.len(), control)?;
        let places = places.split_off(round.start).into_par_iter().zip(round.clone());
        places.with_max_len(task_len(round.len())).for_each_init(
            || Dense::<Place<'_>>::new(frequent.min_count, params.max_length, &conflicts, &unlimited),
            |search, (place, rank)| {
                search.target = place;
                search.mine_root(&paths, rank as u32);
            },
        );
    }
    Ok(Some(out))
}

/// Consecutive pieces of the columns, as long as `counts` says.
fn places<'a>(sets: &'a mut Itemsets, counts: &[u64]) -> Vec<Place<'a>> {
    let (mut depths, mut items, mut rest) = (&mut sets.depths[..], &mut sets.items[..], &mut sets.counts[..]);
    let mut places = Vec::with_capacity(counts.len());
    for n_sets in counts {
        let depths = depths.split_off_mut(..*n_sets as usize).expect("the columns are as long as all counts");
        let items = items.split_off_mut(..*n_sets as usize).expect("the columns are as long as all counts");
        let counts = rest.split_off_mut(..*n_sets as usize).expect("the columns are as long as all counts");
        places.push(Place { depths, items, counts, len: 0 });
    }
    places
}

fn count_all<T: Counter>(
    db: &Transactions,
    params: &ItemsetParams<'_>,
    control: &dyn Control,
) -> Result<Option<SetCounts>, Error> {
    check_stop(control)?;
    let frequent = Frequent::new(db, params);
    let budget = Budget::new(params, control);
    let counter: T = if frequent.n_ranks() <= SMALL_RANKS {
        count_paths(Paths::<u16>::new(db, &frequent, control)?, params, &budget)?
    } else {
        count_paths(Paths::<u32>::new(db, &frequent, control)?, params, &budget)?
    };
    check_stop(control)?;
    Ok((!budget.is_spent()).then(|| counter.into_counts(params.max_length)))
}

fn count_paths<R: StoredRank, T: Counter>(
    mut paths: Paths<'_, R>,
    params: &ItemsetParams<'_>,
    budget: &Budget<'_>,
) -> Result<T, Error> {
    let frequent = paths.frequent();
    let conflicts = Conflicts::new(params);
    let search = || Dense::<T>::new(frequent.min_count, params.max_length, &conflicts, budget);
    let mut searches: Vec<_> = (0..rayon::current_num_threads()).map(|_| search()).collect();
    let mut end = frequent.n_ranks();
    while end > 0 {
        let round = paths.read(end, budget.control)?;
        // The rarest items have most below them: they go first, each to the next worker that has nothing to do.
        let left = AtomicUsize::new(round.len());
        searches.par_iter_mut().with_max_len(1).for_each(|search| {
            while let Ok(at) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
                search.mine_root(&paths, (round.start + at - 1) as u32);
            }
        });
        end = round.start;
    }
    Ok(searches.into_iter().map(|search| search.target).fold(T::default(), T::merge))
}

/// What all tasks share: how many sets were found so far, and whether to go on.
pub(crate) struct Budget<'a> {
    max_sets: u64,
    found: AtomicU64,
    control: &'a dyn Control,
}

impl<'a> Budget<'a> {
    fn new(params: &ItemsetParams<'_>, control: &'a dyn Control) -> Self {
        Self { max_sets: params.max_sets, found: AtomicU64::new(0), control }
    }

    /// Adds `sets` to those found; `false` when the search should end.
    pub(crate) fn spend(&self, sets: u64) -> bool {
        // Counts may be as large as a u64: a plain addition could go around to where there is room again.
        let add = |found: u64| Some(found.saturating_add(sets));
        let before = self.found.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).unwrap_or_else(|found| found);
        before.saturating_add(sets) <= self.max_sets && self.control.stop().is_none()
    }

    fn is_spent(&self) -> bool {
        self.found.load(Ordering::Relaxed) > self.max_sets
    }
}

/// A worker's view of the budget: looks at it now and then.
pub(crate) struct Watch<'a> {
    budget: &'a Budget<'a>,
    /// Sets found and work done since the last look.
    sets: u64,
    work: usize,
    has_ended: bool,
}

impl<'a> Watch<'a> {
    /// Sets found between two looks.
    const SETS: u64 = 1 << 14;
    /// Words of bitmaps read between two looks: less than a millisecond, however few sets that finds.
    const WORK: usize = 1 << 18;

    pub(crate) fn new(budget: &'a Budget<'a>) -> Self {
        Self { budget, sets: 0, work: 0, has_ended: false }
    }

    /// Whether the search should end.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(crate) fn found(&mut self, sets: u64) {
        self.sets = self.sets.saturating_add(sets);
        if self.sets >= Self::SETS {
            self.look();
        }
    }

    /// Says how many words were read.
    pub(crate) fn work(&mut self, n_words: usize) {
        self.work += n_words;
        if self.work >= Self::WORK {
            self.look();
        }
    }

    pub(crate) fn look(&mut self) {
        self.work = 0;
        self.has_ended |= !self.budget.spend(std::mem::take(&mut self.sets));
    }
}

/// What was found below each root item, in rank order; `None` when the budget is spent.
fn restricted<S: Sink, P: Send>(
    db: &Transactions,
    params: &ItemsetParams<'_>,
    control: &dyn Control,
    part_of: impl Fn(S) -> P + Sync,
) -> Result<Option<Vec<P>>, Error> {
    check_stop(control)?;
    let frequent = Frequent::new(db, params);
    let budget = Budget::new(params, control);
    let parts = if frequent.n_ranks() <= SMALL_RANKS {
        restricted_parts(&Ranked::<u16>::new(db, &frequent, control)?, params, &budget, part_of)
    } else {
        restricted_parts(&Ranked::<u32>::new(db, &frequent, control)?, params, &budget, part_of)
    };
    check_stop(control)?;
    Ok((!budget.is_spent()).then_some(parts))
}

fn restricted_parts<R: StoredRank, S: Sink, P: Send>(
    ranked: &Ranked<'_, R>,
    params: &ItemsetParams<'_>,
    budget: &Budget<'_>,
    part_of: impl Fn(S) -> P + Sync,
) -> Vec<P> {
    let occurrences = Occurrences::new(ranked);
    let n_ranks = ranked.frequent.n_ranks();
    let ranks = (0..n_ranks as u32).into_par_iter().with_max_len(task_len(n_ranks));
    if params.kind == Kind::Closed && params.roles.is_none() && params.hierarchy.is_none() {
        let search = || Closed::new(ranked, &occurrences, params.max_length, budget);
        return ranks
            .map_init(search, |search, rank| {
                let mut sink = S::default();
                search.mine_root(rank, &mut sink);
                part_of(sink)
            })
            .collect();
    }
    ranks
        .map_init(
            || Search::new(ranked, &occurrences, params, budget),
            |search, rank| {
                let mut sink = S::default();
                search.mine_root(rank, &mut sink);
                part_of(sink)
            },
        )
        .collect()
}
