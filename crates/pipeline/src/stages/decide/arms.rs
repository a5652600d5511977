//! Policy arms: who of a run gets what another policy than the ranking by value chooses, and what that is.
//!
//! Members are drawn once among those outside the holdout. Each arm has its share of every limit, by its customers, and whatever the
//! small arms leave goes to the ranking; rules, consents and contact limits hold for everybody.

use osusume_decide::{Arm, Arms, Explore, Limit, Ranked, Rule};
use osusume_model::{AsOf, Minor, OfferId, Result};

use super::arbitration::Arbitration;
use super::capacity::{Limits, settle};
use super::explorers::Explorers;
use super::scored::Scored;
use super::state::{Reader, State};
use super::{OFFER, PROPENSITY, RANDOM};
use crate::config::Decide;
use crate::units::Units;

/// The word of an arm in tables.
pub(crate) fn word(arm: Arm) -> &'static str {
    match arm {
        Arm::Full => OFFER,
        Arm::Propensity => PROPENSITY,
        Arm::Random => RANDOM,
    }
}

/// The arms of a run, where there are several.
pub(super) fn words(decide: &Decide) -> impl Iterator<Item = &'static str> {
    let (propensity, random) = (decide.learning.propensity_arm > 0.0, decide.learning.random_arm > 0.0);
    let arms = [(Arm::Full, propensity || random), (Arm::Propensity, propensity), (Arm::Random, random)];
    arms.into_iter().filter(|(_, is_there)| *is_there).map(|(arm, _)| word(arm))
}

/// What a customer of a small arm gets.
#[derive(Clone, Debug)]
pub(super) struct Member {
    customer: u32,
    pub(super) arm: Arm,
    /// Offers and channels, the first to be made first.
    pub(super) placed: Vec<(OfferId, u8)>,
    /// What limits count the customer by.
    segment: u16,
    /// With which probability a member of the arm gets what is placed.
    pub(super) probability: f64,
}

/// The customers of the small arms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apart {
    /// By customer.
    all: Vec<Member>,
    n_channels: usize,
}

impl Apart {
    /// The member a customer is.
    pub(super) fn of(&self, customer: u32) -> Option<&Member> {
        self.all.binary_search_by_key(&customer, |one| one.customer).ok().map(|at| &self.all[at])
    }

    /// Whether everybody is decided by the ranking.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What they use of each limit.
    pub(crate) fn used(&self, limits: &Limits) -> Vec<i64> {
        let at = |(offer, channel): &(OfferId, u8)| offer.0 as usize * self.n_channels + usize::from(*channel);
        let uses = |one: &Member| one.placed.iter().map(|placed| (one.segment, at(placed))).collect::<Vec<_>>();
        let uses: Vec<(u16, usize)> = self.all.iter().flat_map(uses).collect();
        let used = |limit: &Limit| uses.iter().map(|&(segment, at)| limit.uses_in(segment, at)).sum();
        limits.all.iter().map(used).collect()
    }
}

/// Replaces what the ranking gave the member at `position` of a block by what its arm did, as `placed` has it.
pub(super) fn set_apart(ranked: &mut Ranked, placed: &Ranked, (position, n_offers): (usize, usize), member: &Member) {
    ranked.set_apart(placed, position, n_offers, Rule::OtherArm);
    let order: Vec<OfferId> = member.placed.iter().map(|(offer, _)| *offer).collect();
    ranked.reorder(position, n_offers, &order);
}

/// The draw of a run: members by the key of its holdout, lots by its date too.
fn draw(decide: &Decide, as_of: AsOf) -> Arms {
    let key = format!("{}/arms", decide.holdout_salt.reveal());
    let lot_key = format!("{key}/{}", as_of.date);
    Arms { key, lot_key, propensity: decide.learning.propensity_arm, random: decide.learning.random_arm }
}

/// Everybody in a small arm, and what they get.
pub(super) fn apart(
    arbitration: &Arbitration<'_>,
    scored: &Scored<'_>,
    units: &Units,
    limits: Option<&Limits>,
    is_held_out: &dyn Fn(&[u32]) -> Vec<bool>,
) -> Result<Apart> {
    let Reader { scene, as_of, .. } = *arbitration.reader();
    let decide = &scene.config.decide;
    let arms = draw(decide, as_of);
    if arms.is_empty() {
        return Ok(Apart::default());
    }
    let arm_of = |customers: &[u32]| -> Vec<Option<Arm>> {
        let of = |(&customer, held_out): (&u32, bool)| (!held_out).then(|| arms.of(units.id(customer).as_bytes()));
        customers.iter().zip(is_held_out(customers)).map(of).collect()
    };
    let mut lots = Lots::new(&arms, arbitration, limits);
    let mut sizes = [0_u64; 3];
    arbitration.visit(scored, |customers, state, ranked| {
        let of = arm_of(customers);
        of.iter().flatten().for_each(|arm| sizes[*arm as usize] += 1);
        lots.add(customers, &of, state, &ranked);
    })?;
    let n_channels = decide.channels.len();
    let share = |arm: Arm| sizes[arm as usize] as f64 / sizes.iter().sum::<u64>().max(1) as f64;
    let mut apart = Apart { all: lots.finish(share(Arm::Random)), n_channels };
    if sizes[Arm::Propensity as usize] > 0 {
        let left = limits.map(|limits| limits.share(share(Arm::Propensity), &apart.used(limits)));
        let is_other = |customers: &[u32]| arm_of(customers).iter().map(|arm| *arm != Some(Arm::Propensity)).collect();
        apart.all.extend(by_taking(arbitration, scored, left.as_ref(), &is_other)?);
        apart.all.sort_unstable_by_key(|one| one.customer);
    }
    Ok(apart)
}

/// What the customers of whom `is_other` does not hold get by the value of takes, out of `limits`.
fn by_taking(
    arbitration: &Arbitration<'_>,
    scored: &Scored<'_>,
    limits: Option<&Limits>,
    is_other: &dyn Fn(&[u32]) -> Vec<bool>,
) -> Result<Vec<Member>> {
    let Reader { scene, tables, as_of, .. } = *arbitration.reader();
    let arbiter = arbitration.arbiter().by_taking();
    let settlement = limits.map(|limits| settle((arbitration, &arbiter), scored, limits, is_other)).transpose()?;
    let mut members = Vec::new();
    for batch in scored.batches(&arbitration.reader().columns())? {
        scene.check_stop()?;
        let (rows, propensity) = batch?;
        let rows = arbitration.reader().rows(&rows);
        let (state, customers) = (arbitration.state(&rows)?, rows.customer.as_slice());
        let others = is_other(customers);
        let ranked = match &settlement {
            Some(settlement) => {
                let wanted = arbiter.wanted(scene, &state, &propensity, as_of, settlement.is_due())?;
                let placed = settlement.of_block((customers, &others), (&wanted, &state.found), tables);
                arbiter.rank_placed(scene, &state, &propensity, as_of, &placed.view())?
            }
            None => arbiter.rank(scene, &state, &propensity, as_of)?,
        };
        let first = members.len();
        let position_of: Vec<usize> = (0..customers.len()).filter(|&position| !others[position]).collect();
        members.extend(position_of.iter().map(|&position| Member {
            customer: customers[position],
            arm: Arm::Propensity,
            placed: Vec::new(),
            segment: state.found.segment(position),
            probability: 1.0,
        }));
        for choice in &ranked.choices {
            if let Ok(at) = position_of.binary_search(&(choice.customer as usize)) {
                members[first + at].placed.push((choice.offer, choice.channel));
            }
        }
    }
    Ok(members)
}

/// Lots of the random arm, drawn block by block.
struct Lots<'a> {
    arms: &'a Arms,
    reader: &'a Reader<'a>,
    limits: Option<&'a Limits>,
    /// What can be drawn, by everything that is open; it draws nobody itself.
    options: Explorers,
    /// Where each member stands in the draw of places, and what it drew.
    drawn: Vec<(f64, Member)>,
    /// What everybody's lots would use of each limit, on average.
    expected: Vec<f64>,
}

impl<'a> Lots<'a> {
    fn new(arms: &'a Arms, arbitration: &Arbitration<'a>, limits: Option<&'a Limits>) -> Self {
        let reader = arbitration.reader();
        let any = Explore { key: String::new(), fraction: 0.0, among: usize::MAX };
        let options = Explorers::drawing(any, Minor(i64::MIN), &reader.scene.config.decide, limits);
        let expected = vec![0.0; limits.map_or(0, |limits| limits.all.len())];
        Self { arms, reader, limits, options, drawn: Vec::new(), expected }
    }

    fn add(&mut self, customers: &[u32], of: &[Option<Arm>], state: &State, ranked: &Ranked) {
        let n_offers = ranked.single_values.len() / customers.len().max(1);
        for position in (0..customers.len()).filter(|&position| of[position] == Some(Arm::Random)) {
            let values = &ranked.single_values[position * n_offers..(position + 1) * n_offers];
            let segment = state.found.segment(position);
            let mut options = self.options.options(values, (segment, |offer| state.reach(position, offer)));
            // The order of offers rather than of values: a lot then says nothing of what anything is worth.
            options.sort_unstable();
            let id = self.reader.id(customers[position]).as_bytes();
            let share = 1.0 / options.len().max(1) as f64;
            for (limit, sum) in self.limits.iter().flat_map(|limits| &limits.all).zip(&mut self.expected) {
                let uses = |&option: &(OfferId, u8)| limit.uses_in(segment, self.options.at(option)) as f64 * share;
                *sum += options.iter().map(uses).sum::<f64>();
            }
            let lot = self.arms.lot(id, options.len()).map(|lot| options[lot]);
            let placed = lot.into_iter().collect();
            let member =
                Member { customer: customers[position], arm: Arm::Random, placed, segment, probability: share };
            self.drawn.push((self.arms.turn(id), member));
        }
    }

    /// The members; of those whose lot uses a limit as many get it as the arm has places for, on average, whoever they are.
    fn finish(self, share: f64) -> Vec<Member> {
        let limits = self.limits.map_or(&[][..], |limits| limits.all.as_slice());
        let kept: Vec<f64> = limits
            .iter()
            .zip(&self.expected)
            .map(|(limit, expected)| match limit.max {
                Some(max) if *expected > 0.0 => (share * max as f64 / expected).min(1.0),
                _ => 1.0,
            })
            .collect();
        let mut drawn = self.drawn;
        drawn.sort_by(|(a, one), (b, other)| a.total_cmp(b).then(one.customer.cmp(&other.customer)));
        let mut left: Vec<Option<i64>> = limits.iter().map(|limit| limit.max).collect();
        for (turn, member) in &mut drawn {
            let Some(lot) = member.placed.first().copied() else { continue };
            let uses: Vec<i64> =
                limits.iter().map(|limit| limit.uses_in(member.segment, self.options.at(lot))).collect();
            let of_limits = uses.iter().zip(&kept).filter(|(uses, _)| **uses > 0);
            let kept = of_limits.fold(1.0_f64, |least, (_, kept)| least.min(*kept));
            // Chance may draw more for a very small limit than it holds; whoever's turn comes last gets nothing then.
            let has_room = left.iter().zip(&uses).all(|(left, uses)| left.is_none_or(|left| *uses <= left));
            member.probability *= kept;
            if *turn < kept && has_room {
                left.iter_mut().zip(&uses).for_each(|(left, uses)| *left = left.map(|left| left - uses));
            } else {
                member.placed.clear();
            }
        }
        let mut members: Vec<Member> = drawn.into_iter().map(|(_, member)| member).collect();
        members.sort_unstable_by_key(|one| one.customer);
        members
    }
}
