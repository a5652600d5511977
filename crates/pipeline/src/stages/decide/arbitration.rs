//! Arbitration: what was settled over all customers at once, and what becomes of any block of them after it.

use osusume_decide::{Arm, Choice, Decision, Member, Ranked, Rule, Stand, resting_members};
use osusume_model::{Minor, OfferId, Result};

use super::arbiter::Arbiter;
use super::arms::{Apart, apart, set_apart, word};
use super::capacity::{CapacitySummary, Limits, Placed, Settlement, settle};
use super::conditions::Found;
use super::explorers::{Drawing, Explorer, Explorers, draw, least_worth};
use super::held_back::HeldBack;
use super::previous::Previous;
use super::scored::Scored;
use super::shared::{Asked, claims};
use super::state::{Reader, State};
use super::{EXPLORE, OFFER};
use crate::config::Config;
use crate::stages::score::RawBlock;
use crate::units::Units;

/// Key of the draw between members of a household who are worth the same.
const HOUSEHOLD_KEY: &str = "household";

/// What becomes of a block of customers.
pub(crate) struct Decided {
    /// Choices, decisions and values.
    pub(crate) ranked: Ranked,
    /// The arm of each customer, were they not held out.
    pub(crate) arms: Vec<&'static str>,
    /// What holds of the declared conditions.
    pub(crate) found: Found,
    /// Offers that customers held out of them would have been made by the ranking, by customer and rank.
    pub(crate) as_if: Vec<Choice>,
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
    held_back: HeldBack,
    /// Who is asked about what is sold to households and accounts.
    asked: Asked,
    /// Customers who rest because others of their household are asked, ascending.
    resting: Vec<u32>,
    apart: Apart,
    explorers: Explorers,
    /// What the customers of other arms and explorers use of each limit.
    used: Vec<i64>,
    settlement: Option<Settlement<'a>>,
}

impl<'a> Arbitration<'a> {
    /// Settles what the households of `units` say; [`Self::part`], [`Self::explore`] and [`Self::settle`] come after it.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn new(
        reader: &'a Reader<'a>,
        (arbiter, previous, held_back): (&'a Arbiter, &'a Previous, HeldBack),
        scored: &Scored<'_>,
        units: &Units,
    ) -> Result<Self> {
        let (explorers, apart, asked) = (Explorers::nobody(), Apart::default(), Asked::default());
        let (resting, used) = (Vec::new(), Vec::new());
        let mut new =
            Self { reader, arbiter, previous, held_back, asked, resting, apart, explorers, used, settlement: None };
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

    /// Settles what the customers of other arms get, among those outside the holdout.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn part(
        &mut self,
        scored: &Scored<'_>,
        (limits, units): (Option<&Limits>, &Units),
        is_held_out: &dyn Fn(&[u32]) -> Vec<bool>,
    ) -> Result<()> {
        self.apart = apart(self, scored, units, limits, is_held_out)?;
        Ok(())
    }

    /// Draws the explorers among those outside the holdout and the other arms.
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
        let limits = limits.map(|limits| limits.less(&self.apart.used(limits)));
        let limits = limits.as_ref();
        let explore = draw(decide, self.reader.as_of);
        let mut drawing = Drawing::new(explore, decide, limits);
        self.visit(scored, |customers, state, ranked| {
            let ids: Vec<(u32, &str)> = customers.iter().map(|&one| (one, self.reader.id(one))).collect();
            drawing.add(&ids, &self.shares_none(customers, &is_held_out(customers)), state, &ranked);
        })?;
        self.explorers = drawing.finish();
        Ok(())
    }

    /// What the customers of other arms and explorers leave of `limits` to the ranking.
    pub(crate) fn left(&mut self, limits: &Limits) -> Limits {
        let both = self.apart.used(limits).into_iter().zip(self.explorers.used(&limits.all));
        self.used = both.map(|(apart, explored)| apart + explored).collect();
        limits.less(&self.used)
    }

    /// Gives the places of `limits` to the customers who are neither in the holdout nor in another arm nor explorers.
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
        let settlement = settle((self, self.arbiter), scored, limits, &shares_none)?;
        self.settlement = Some(settlement);
        Ok(())
    }

    fn shares_none(&self, customers: &[u32], is_held_out: &[bool]) -> Vec<bool> {
        let is_apart = |customer: u32| self.apart.of(customer).is_some() || self.explorers.of(customer).is_some();
        let none = |(&customer, held_out): (&u32, &bool)| *held_out || is_apart(customer);
        customers.iter().zip(is_held_out).map(none).collect()
    }

    /// Ranks every customer as if places were not scarce.
    pub(super) fn visit(&self, scored: &Scored<'_>, mut each: impl FnMut(&[u32], &State, Ranked)) -> Result<()> {
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
        // Lots and the other arms make offers that are worth too little for the ranking, and so may a minimum: then everybody who could
        // get one is compared.
        let decide = &self.reader.scene.config.decide;
        let is_drawn =
            decide.explore_fraction > 0.0 || decide.learning.propensity_arm + decide.learning.random_arm > 0.0;
        let is_due = is_drawn || decide.capacity.iter().any(|one| one.min > 0);
        self.visit(scored, |customers, _, ranked| {
            let n_offers = ranked.decisions.len() / customers.len().max(1);
            let mut best: Vec<Option<Minor>> = vec![None; customers.len()];
            if is_due {
                let values = ranked.expected_values.chunks_exact(n_offers.max(1));
                best.iter_mut().zip(values).for_each(|(best, values)| *best = values.iter().flatten().max().copied());
            }
            for choices in ranked.choices.chunk_by(|one, other| one.customer == other.customer) {
                let sum = choices.iter().fold(Minor(0), |sum, choice| sum + choice.worth.ranked());
                best[choices[0].customer as usize] = Some(sum);
            }
            for (&customer, value) in customers.iter().zip(best) {
                let household = value.and_then(|_| units.household(customer));
                let member = |(household, value)| Member {
                    household,
                    customer,
                    value,
                    draw: units.hash(HOUSEHOLD_KEY, customer),
                };
                members.extend(household.zip(value).map(member));
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
        state.is_held_back = self.held_back.of_block(&rows.customer, self.reader.goods.catalogue.offers.len());
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
        let (mut state, customers) = (self.state(rows)?, rows.customer.as_slice());
        let shares_none = self.shares_none(customers, is_held_out);
        let ranked = self.by_rank(customers, &shares_none, &state, propensity)?;
        let lots: Vec<Option<Explorer>> = customers.iter().map(|&one| self.explorers.of(one)).collect();
        let arm = |(lot, &customer): (&Option<Explorer>, &u32)| {
            let otherwise = if lot.is_some() { EXPLORE } else { OFFER };
            self.apart.of(customer).map_or(otherwise, |member| word(member.arm))
        };
        let arms: Vec<&'static str> = lots.iter().zip(customers).map(arm).collect();
        let is_other = arms.iter().any(|arm| *arm != OFFER);
        let others = is_other.then(|| self.by_others(customers, &lots, (&state, propensity), &ranked)).transpose()?;
        let by_rank = ranked;
        let ranked = others.unwrap_or_else(|| by_rank.clone());
        let probability = self.probabilities(customers, &state, &ranked, &by_rank);
        let is_asked: Vec<bool> = (0..customers.len()).map(|row| !is_held_out[row] && arms[row] == OFFER).collect();
        let as_if = self.as_if((customers, &shares_none), &is_asked, &mut state, propensity)?;
        Ok(Decided { ranked, arms, probability, found: state.found, stands: state.stands, as_if })
    }

    /// What the ranking gives every customer, explorers too.
    fn by_rank(&self, customers: &[u32], shares_none: &[bool], state: &State, propensity: &[f32]) -> Result<Ranked> {
        let Reader { scene, tables, as_of, .. } = *self.reader;
        let Some(settlement) = &self.settlement else {
            return self.arbiter.rank(scene, state, propensity, as_of);
        };
        let wanted = self.arbiter.wanted(scene, state, propensity, as_of, settlement.is_due())?;
        let placed = settlement.of_block((customers, shares_none), (&wanted, &state.found), tables);
        self.arbiter.rank_placed(scene, state, propensity, as_of, &placed.view())
    }

    /// What the customers of whom `is_asked` holds would have been made of the offers they are held out of, each as if it were the only one
    /// that is not held back from them: then they differ from those who are made it by nothing but the draw.
    fn as_if(
        &self,
        (customers, shares_none): (&[u32], &[bool]),
        is_asked: &[bool],
        state: &mut State,
        propensity: &[f32],
    ) -> Result<Vec<Choice>> {
        let n_offers = self.reader.goods.catalogue.offers.len();
        let held = |position: usize| if is_asked[position] { self.held_back.of(customers[position]) } else { &[] };
        let most = (0..customers.len()).map(|position| held(position).len()).max().unwrap_or(0);
        let mut as_if = Vec::new();
        for nth in 0..most {
            let restored: Vec<Option<OfferId>> =
                (0..customers.len()).map(|position| held(position).get(nth).map(|(_, offer)| *offer)).collect();
            let cells = |(position, offer): (usize, &Option<OfferId>)| {
                offer.map(|offer| position * n_offers + offer.0 as usize)
            };
            let cells: Vec<usize> = restored.iter().enumerate().filter_map(cells).collect();
            for &cell in &cells {
                state.is_held_back[cell] = false;
            }
            // They shared the places without this offer; with it, the prices say what they would get.
            let at_prices: Vec<bool> =
                shares_none.iter().zip(&restored).map(|(none, one)| *none || one.is_some()).collect();
            let ranked = self.by_rank(customers, &at_prices, state, propensity)?;
            for &cell in &cells {
                state.is_held_back[cell] = true;
            }
            let is_restored = |choice: &&Choice| restored[choice.customer as usize] == Some(choice.offer);
            as_if.extend(ranked.choices.iter().filter(is_restored).copied());
        }
        as_if.sort_by_key(|choice| (choice.customer, choice.rank, choice.offer));
        Ok(as_if)
    }

    /// The same with what explorers drew, and what other arms gave.
    fn by_others(
        &self,
        customers: &[u32],
        lots: &[Option<Explorer>],
        (state, propensity): (&State, &[f32]),
        ranked: &Ranked,
    ) -> Result<Ranked> {
        let Reader { scene, as_of, .. } = *self.reader;
        let mut placed = Placed::default();
        for (lot, &customer) in lots.iter().zip(customers) {
            match self.apart.of(customer) {
                Some(member) => placed.push(&member.placed),
                None => placed.push(lot.and_then(|one| one.lot).as_slice()),
            }
        }
        let drawn = self.arbiter.rank_placed(scene, state, propensity, as_of, &placed.view())?;
        let n_offers = ranked.decisions.len() / lots.len();
        let mut ranked = ranked.clone();
        for (position, &customer) in customers.iter().enumerate() {
            if let Some(member) = self.apart.of(customer) {
                set_apart(&mut ranked, &drawn, (position, n_offers), member);
            } else if lots[position].is_some() {
                ranked.set_apart(&drawn, position, n_offers, Rule::NotDrawn);
                ranked.tell_undrawn(position, n_offers, least_worth(&scene.config.decide));
            }
        }
        Ok(ranked)
    }

    fn probabilities(&self, customers: &[u32], state: &State, ranked: &Ranked, by_rank: &Ranked) -> Vec<f64> {
        let explore = &self.explorers.explore;
        if explore.fraction <= 0.0 && self.apart.is_empty() {
            return vec![1.0; ranked.choices.len()];
        }
        let n_offers = ranked.decisions.len() / state.consents.len().max(1);
        let of = |choice: &Choice| {
            let customer = choice.customer as usize;
            if let Some(member) = self.apart.of(customers[customer]) {
                return member.probability * self.share(member.arm);
            }
            if state.found.is_in_lane(customer) {
                return 1.0;
            }
            let first = customer * n_offers;
            let reach = (state.found.segment(customer), |offer| state.reach(customer, offer));
            let options = self.explorers.options(&ranked.single_values[first..first + n_offers], reach);
            let is_option = options.iter().any(|(offer, _)| *offer == choice.offer);
            let is_chosen = matches!(by_rank.decisions[first + choice.offer.0 as usize], Decision::Chosen { .. });
            explore.probability(options.len(), is_option, is_chosen)
        };
        ranked.choices.iter().map(of).collect()
    }

    /// The share of those outside the holdout whom an arm was drawn from.
    fn share(&self, arm: Arm) -> f64 {
        let learning = &self.reader.scene.config.decide.learning;
        match arm {
            Arm::Full => 1.0,
            Arm::Propensity => learning.propensity_arm,
            Arm::Random => learning.random_arm,
        }
    }

    /// How places were settled; `None` where there are places for all.
    pub(crate) fn summary(&self, config: &Config) -> Option<CapacitySummary> {
        self.settlement.as_ref().map(|settlement| settlement.summary(config, &self.used))
    }
}
