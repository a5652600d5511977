//! The search: one task for each frequent item, bitmaps below it.

mod bitmap;
mod ranked;
mod sink;

use std::sync::atomic::{AtomicU64, Ordering};

use osusume_model::Control;
use rayon::prelude::*;

use crate::error::check_stop;
use crate::{Error, ItemsetParams, Itemsets, SetCounts, Transactions};
use bitmap::Search;
use ranked::Ranked;
use sink::{Collect, Count, Sink};

/// The itemsets, or `None` when there are more than `max_sets`.
pub(crate) fn collect(
    db: &Transactions,
    params: &ItemsetParams<'_>,
    control: &dyn Control,
) -> Result<Option<Itemsets>, Error> {
    let Some(parts) = run::<Collect>(db, params, control)? else {
        return Ok(None);
    };
    let mut out = Itemsets { n: db.n(), ..Itemsets::default() };
    out.reserve_exact(parts.iter().map(|part| part.0.n_nodes()).sum());
    for part in parts {
        out.append(&part.0);
    }
    Ok(Some(out))
}

/// How many itemsets there are, or `None` when there are more than `max_sets`.
pub(crate) fn count(
    db: &Transactions,
    params: &ItemsetParams<'_>,
    control: &dyn Control,
) -> Result<Option<SetCounts>, Error> {
    let Some(parts) = run::<Count>(db, params, control)? else {
        return Ok(None);
    };
    let mut out = SetCounts::default();
    for part in &parts {
        out.merge(&part.0);
    }
    Ok(Some(out))
}

/// What all tasks share: how many sets were found so far, and whether to go on.
pub(crate) struct Budget<'a> {
    max_sets: u64,
    found: AtomicU64,
    control: &'a dyn Control,
}

impl Budget<'_> {
    /// Adds `sets` to those found; `false` when the search should end.
    pub(crate) fn spend(&self, sets: u64) -> bool {
        let before = self.found.fetch_add(sets, Ordering::Relaxed);
        before.saturating_add(sets) <= self.max_sets && self.control.stop().is_none()
    }

    fn is_spent(&self) -> bool {
        self.found.load(Ordering::Relaxed) > self.max_sets
    }
}

/// One sink a root item, in rank order; `None` when the budget is spent.
fn run<S: Sink>(db: &Transactions, params: &ItemsetParams<'_>, control: &dyn Control) -> Result<Option<Vec<S>>, Error> {
    check_stop(control)?;
    let ranked = Ranked::new(db, params);
    let budget = Budget { max_sets: params.max_sets, found: AtomicU64::new(0), control };
    let parts: Vec<S> = (0..ranked.n_ranks() as u32)
        .into_par_iter()
        .map_init(
            || Search::new(&ranked, params, &budget),
            |search, rank| {
                let mut sink = S::default();
                search.mine_root(rank, &mut sink);
                sink
            },
        )
        .collect();
    check_stop(control)?;
    Ok((!budget.is_spent()).then_some(parts))
}
