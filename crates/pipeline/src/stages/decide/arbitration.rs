//! Arbitration: what was settled over all customers at once, and what becomes of any block of them after it.

use osusume_decide::Ranked;
use osusume_model::Result;

use super::arbiter::Arbiter;
use super::capacity::{CapacitySummary, Limits, Settlement, settle};
use super::scored::Scored;
use super::state::Reader;
use crate::config::Config;

/// Rules, policy, and the places as they were given away.
pub(crate) struct Arbitration<'a> {
    reader: &'a Reader<'a>,
    arbiter: &'a Arbiter,
    settlement: Option<Settlement<'a>>,
}

impl<'a> Arbitration<'a> {
    /// Settles what has to be settled over everybody; `is_held_out` says of a block of customers who shares no places.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn new(
        reader: &'a Reader<'a>,
        scored: &Scored<'_>,
        (limits, arbiter): (Option<&'a Limits>, &'a Arbiter),
        is_held_out: &dyn Fn(&[u32]) -> Vec<bool>,
    ) -> Result<Self> {
        let settled = |limits| settle(reader, scored, (limits, arbiter), is_held_out);
        Ok(Self { reader, arbiter, settlement: limits.map(settled).transpose()? })
    }

    /// What becomes of the offers of `customers` (ascending); `propensity` is customers × offers, NaN where there is none.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn rank(&self, customers: &[u32], is_held_out: &[bool], propensity: &[f32]) -> Result<Ranked> {
        let Reader { scene, tables, as_of, .. } = *self.reader;
        let state = self.reader.read(customers)?;
        let Some(settlement) = &self.settlement else {
            return self.arbiter.rank(scene, &state, propensity, as_of);
        };
        let wanted = self.arbiter.wanted(scene, &state, propensity, as_of, settlement.is_due())?;
        let placed = settlement.of_block((customers, is_held_out), &wanted, tables);
        self.arbiter.rank_placed(scene, &state, propensity, as_of, &placed.view())
    }

    /// How places were settled; `None` where there are places for all.
    pub(crate) fn summary(&self, config: &Config) -> Option<CapacitySummary> {
        self.settlement.as_ref().map(|settlement| settlement.summary(config))
    }
}
