//! Arbitration: what was settled over all customers at once, and what becomes of any block of them after it.

use osusume_decide::{Choice, Decision, Member, Ranked, Stand, resting_members};
use osusume_model::{Minor, Result};

use super::arbiter::Arbiter;
use super::capacity::{CapacitySummary, Limits, Placed, Settlement, settle};
use super::conditions::Found;
use super::explorers::{Drawing, Explorer, Explorers, draw};
use super::previous::Previous;
use super::scored::Scored;
use super::shared::{Asked, claims};
use super::state::{Reader, State};
use crate::config::Config;
use crate::stages::score::RawBlock;
use crate::units::Units;

/// Key of the draw between members of a household who are worth the same.
const HOUSEHOLD_KEY: &str = "household";

/// What becomes of a block of customers.
pub(crate) struct Decided {
    /// Choices, decisions and values.
    pub(crate) ranked: Ranked,
    /// Who explores.
    pub(crate) is_explorer: Vec<bool>,
    /// What holds of the declared conditions.
    pub(crate) found: Found,
    /// Where customers stand in approaches.
    pub(crate) stands: Vec<Stand>,
    /// For each choice, the probability with which whoever is outside the holdout would have been made it.
    pub(crate) probability: Vec<f64>,
}

/// Rules, policy, and the places as they were given away.
pub(crate) struct Arbitration<'a> {
    reader: &'a Reader<'a>,
    arbiter: &'a Arbiter,
    previous: &'a Previous,
    /// Who is asked about what is sold to households and accounts.
    asked: Asked,
    /// Customers who rest because others of their household are asked, ascending.
    resting: Vec<u32>,
    explorers: Explorers,
    settlement: Option<Settlement<'a>>,
}

impl<'a> Arbitration<'a> {
    /// Settles what the households of `units` say; [`Self::explore`] and [`Self::settle`] come after it.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn new(
        reader: &'a Reader<'a>,
        (arbiter, previous): (&'a Arbiter, &'a Previous),
        scored: &Scored<'_>,
        units: &Units,
    ) -> Result<Self> {
        let explorers = Explorers::nobody();
        let (asked, resting) = (Asked::default(), Vec::new());
        let mut new = Self { reader, arbiter, previous, asked, resting, explorers, settlement: None };
        if reader.shared.is_offered() {
            let mut all = Vec::new();
            new.visit(scored, |customers, _, ranked| claims(reader.shared, units, customers, &ranked, &mut all))?;
            new.asked = Asked::of(all);
        }
        if let Some(max) = reader.scene.config.decide.per_household {
            new.resting = new.resting_members(scored, units, max)?;
        }
        Ok(new)
    }

    /// Draws the explorers among those outside the holdout.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn explore(
        &mut self,
        scored: &Scored<'_>,
        limits: Option<&Limits>,
        is_held_out: &dyn Fn(&[u32]) -> Vec<bool>,
    ) -> Result<()> {
        let decide = &self.reader.scene.config.decide;
        if decide.explore_fraction <= 0.0 {
            return Ok(());
        }
        let explore = draw(decide, self.reader.as_of);
        let mut drawing = Drawing::new(explore, self.arbiter.threshold(), decide, limits);
        self.visit(scored, |customers, state, ranked| {
            let ids: Vec<(u32, &str)> = customers.iter().map(|&one| (one, self.reader.id(one))).collect();
            drawing.add(&ids, &is_held_out(customers), state, &ranked);
        })?;
        self.explorers = drawing.finish();
        Ok(())
    }

    /// Takes explorers as an earlier draw has them.
    pub(crate) fn explored(&mut self, explorers: Explorers) {
        self.explorers = explorers;
    }

    /// Finds out what limits count the explorers by, where an earlier draw does not tell.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn segment_explorers(&mut self, scored: &Scored<'_>) -> Result<()> {
        if self.explorers.all.is_empty() || !self.reader.conditions.has_segments() {
            return Ok(());
        }
        let Reader { scene, tables, as_of, conditions, .. } = *self.reader;
        for batch in scored.batches(&self.reader.columns())? {
            scene.check_stop()?;
            let rows = self.reader.rows(&batch?.0);
            let found = conditions.look(scene, tables, &rows, as_of)?.found();
            for (position, &customer) in rows.customer.iter().enumerate() {
                self.explorers.set_segment(customer, found.segment(position));
            }
        }
        Ok(())
    }

    /// Who explores.
    pub(crate) fn explorers(&self) -> &Explorers {
        &self.explorers
    }

    /// Gives the places of `limits` to the customers who are neither in the holdout nor explorers.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn settle(
        &mut self,
        scored: &Scored<'_>,
        limits: &'a Limits,
        is_held_out: &dyn Fn(&[u32]) -> Vec<bool>,
    ) -> Result<()> {
        let shares_none = |customers: &[u32]| self.shares_none(customers, &is_held_out(customers));
        let settlement = settle(self, scored, limits, &shares_none)?;
        self.settlement = Some(settlement);
        Ok(())
    }

    fn shares_none(&self, customers: &[u32], is_held_out: &[bool]) -> Vec<bool> {
        let none = |(&customer, held_out): (&u32, &bool)| *held_out || self.explorers.of(customer).is_some();
        customers.iter().zip(is_held_out).map(none).collect()
    }

    /// Ranks every customer as if places were not scarce.
    fn visit(&self, scored: &Scored<'_>, mut each: impl FnMut(&[u32], &State, Ranked)) -> Result<()> {
        let Reader { scene, tables, as_of, .. } = *self.reader;
        for batch in scored.batches(&self.reader.columns())? {
            scene.check_stop()?;
            let (rows, propensity) = batch?;
            let rows = self.reader.rows(&rows);
            let customers = rows.customer.as_slice();
            let state = self.state(&rows)?;
            each(customers, &state, self.arbiter.rank(scene, &state, &propensity, as_of)?);
            scene.host.progress(u64::from(customers.last().copied().unwrap_or(0)), u64::from(tables.n_customers()));
        }
        Ok(())
    }

    /// Who rests because others of the household are asked. Members are compared by what they would get if nobody else were there.
    fn resting_members(&self, scored: &Scored<'_>, units: &Units, max: usize) -> Result<Vec<u32>> {
        let mut members = Vec::new();
        self.visit(scored, |customers, _, ranked| {
            for choices in ranked.choices.chunk_by(|one, other| one.customer == other.customer) {
                let customer = customers[choices[0].customer as usize];
                members.extend(units.household(customer).map(|household| Member {
                    household,
                    customer,
                    value: choices.iter().fold(Minor(0), |sum, choice| sum + choice.worth.ranked()),
                    draw: units.hash(HOUSEHOLD_KEY, customer),
                }));
            }
        })?;
        Ok(resting_members(members, max))
    }

    /// What is known of the customers of some feature rows, as every one of their decisions sees it.
    pub(super) fn state(&self, rows: &RawBlock) -> Result<State> {
        let mut state = self.reader.read(rows)?;
        if self.reader.scene.config.decide.switch_gain > 0.0 {
            state.incumbents = self.previous.incumbents(&rows.customer, self.reader.goods.catalogue.offers.len());
        }
        if !self.asked.is_empty() {
            state.is_asked_of_others = self.asked.of_others(self.reader.shared, &rows.customer);
        }
        if !self.resting.is_empty() {
            state.is_resting = rows.customer.iter().map(|one| self.resting.binary_search(one).is_ok()).collect();
        }
        Ok(state)
    }

    pub(super) fn reader(&self) -> &'a Reader<'a> {
        self.reader
    }

    pub(super) fn arbiter(&self) -> &'a Arbiter {
        self.arbiter
    }

    /// What becomes of the offers of the customers of some feature rows; `propensity` is customers × offers, NaN where there is none.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn rank(&self, rows: &RawBlock, is_held_out: &[bool], propensity: &[f32]) -> Result<Decided> {
        let (state, customers) = (self.state(rows)?, rows.customer.as_slice());
        let ranked = self.by_rank(customers, is_held_out, &state, propensity)?;
        let lots: Vec<Option<Explorer>> = customers.iter().map(|&one| self.explorers.of(one)).collect();
        let is_explorer: Vec<bool> = lots.iter().map(Option::is_some).collect();
        let explored =
            is_explorer.contains(&true).then(|| self.by_lot(&lots, &state, &ranked, propensity)).transpose()?;
        let by_rank = ranked;
        let ranked = explored.unwrap_or_else(|| by_rank.clone());
        let probability = self.probabilities(&state, &ranked, &by_rank);
        Ok(Decided { ranked, is_explorer, probability, found: state.found, stands: state.stands })
    }

    /// What the ranking gives every customer, explorers too.
    fn by_rank(&self, customers: &[u32], is_held_out: &[bool], state: &State, propensity: &[f32]) -> Result<Ranked> {
        let Reader { scene, tables, as_of, .. } = *self.reader;
        let Some(settlement) = &self.settlement else {
            return self.arbiter.rank(scene, state, propensity, as_of);
        };
        let wanted = self.arbiter.wanted(scene, state, propensity, as_of, settlement.is_due())?;
        let shares_none = self.shares_none(customers, is_held_out);
        let placed = settlement.of_block((customers, &shares_none), (&wanted, &state.found), tables);
        self.arbiter.rank_placed(scene, state, propensity, as_of, &placed.view())
    }

    /// The same with what explorers drew.
    fn by_lot(&self, lots: &[Option<Explorer>], state: &State, ranked: &Ranked, propensity: &[f32]) -> Result<Ranked> {
        let Reader { scene, as_of, .. } = *self.reader;
        let placed = Placed::of_each(lots.iter().map(|one| one.and_then(|one| one.lot)));
        let drawn = self.arbiter.rank_placed(scene, state, propensity, as_of, &placed.view())?;
        let n_offers = ranked.decisions.len() / lots.len();
        let mut ranked = ranked.clone();
        for position in (0..lots.len()).filter(|&position| lots[position].is_some()) {
            ranked.explored(&drawn, position, n_offers);
        }
        Ok(ranked)
    }

    fn probabilities(&self, state: &State, ranked: &Ranked, by_rank: &Ranked) -> Vec<f64> {
        let explore = &self.explorers.explore;
        if explore.fraction <= 0.0 {
            return vec![1.0; ranked.choices.len()];
        }
        let n_offers = ranked.decisions.len() / state.consents.len().max(1);
        let of = |choice: &Choice| {
            let customer = choice.customer as usize;
            if state.found.is_in_lane(customer) {
                return 1.0;
            }
            let first = customer * n_offers;
            let reach = (state.found.segment(customer), |offer| state.reach(customer, offer));
            let options = self.explorers.options(&ranked.expected_values[first..first + n_offers], reach);
            let is_option = options.iter().any(|(offer, _)| *offer == choice.offer);
            let is_chosen = matches!(by_rank.decisions[first + choice.offer.0 as usize], Decision::Chosen { .. });
            explore.probability(options.len(), is_option, is_chosen)
        };
        ranked.choices.iter().map(of).collect()
    }

    /// How places were settled; `None` where there are places for all.
    pub(crate) fn summary(&self, config: &Config) -> Option<CapacitySummary> {
        self.settlement.as_ref().map(|settlement| settlement.summary(config, &self.explorers))
    }
}
