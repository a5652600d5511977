//! Arbitration: what was settled over all customers at once, and what becomes of any block of them after it.

use osusume_decide::{Member, Ranked, resting_members};
use osusume_model::{Minor, Result};
use osusume_tables::arrow::array::AsArray;
use osusume_tables::arrow::datatypes::UInt32Type;

use super::arbiter::Arbiter;
use super::capacity::{CapacitySummary, Limits, Settlement, settle};
use super::scored::Scored;
use super::state::{Reader, State};
use crate::config::Config;
use crate::units::Units;

/// Key of the draw between members of a household who are worth the same.
const HOUSEHOLD_KEY: &str = "household";

/// Rules, policy, and the places as they were given away.
pub(crate) struct Arbitration<'a> {
    reader: &'a Reader<'a>,
    arbiter: &'a Arbiter,
    /// Customers who rest because others of their household are asked, ascending.
    resting: Vec<u32>,
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
        units: &Units,
        is_held_out: &dyn Fn(&[u32]) -> Vec<bool>,
    ) -> Result<Self> {
        let mut arbitration = Self { reader, arbiter, resting: Vec::new(), settlement: None };
        if let Some(max) = reader.scene.config.decide.per_household {
            arbitration.resting = arbitration.resting_members(scored, units, max)?;
        }
        let settled = |limits| settle(&arbitration, scored, limits, is_held_out);
        arbitration.settlement = limits.map(settled).transpose()?;
        Ok(arbitration)
    }

    /// Who rests because others of the household are asked. Members are compared by what they would get if nobody else were there.
    fn resting_members(&self, scored: &Scored<'_>, units: &Units, max: usize) -> Result<Vec<u32>> {
        let Reader { scene, tables, as_of, .. } = *self.reader;
        let mut members = Vec::new();
        for batch in scored.batches(&["customer"])? {
            scene.check_stop()?;
            let (rows, propensity) = batch?;
            let customers = rows.column(0).as_primitive::<UInt32Type>().values();
            let ranked = self.arbiter.rank(scene, &self.reader.read(customers)?, &propensity, as_of)?;
            for choices in ranked.choices.chunk_by(|one, other| one.customer == other.customer) {
                let customer = customers[choices[0].customer as usize];
                members.extend(units.household(customer).map(|household| Member {
                    household,
                    customer,
                    value: choices.iter().fold(Minor(0), |sum, choice| sum + choice.expected_value),
                    draw: units.hash(HOUSEHOLD_KEY, customer),
                }));
            }
            scene.host.progress(u64::from(customers.last().copied().unwrap_or(0)), u64::from(tables.n_customers()));
        }
        Ok(resting_members(members, max))
    }

    /// What is known of customers (ascending), as every one of their decisions sees it.
    pub(super) fn state(&self, customers: &[u32]) -> Result<State> {
        let mut state = self.reader.read(customers)?;
        if !self.resting.is_empty() {
            state.is_resting = customers.iter().map(|one| self.resting.binary_search(one).is_ok()).collect();
        }
        Ok(state)
    }

    pub(super) fn reader(&self) -> &'a Reader<'a> {
        self.reader
    }

    pub(super) fn arbiter(&self) -> &'a Arbiter {
        self.arbiter
    }

    /// What becomes of the offers of `customers` (ascending); `propensity` is customers × offers, NaN where there is none.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn rank(&self, customers: &[u32], is_held_out: &[bool], propensity: &[f32]) -> Result<Ranked> {
        let Reader { scene, tables, as_of, .. } = *self.reader;
        let state = self.state(customers)?;
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
