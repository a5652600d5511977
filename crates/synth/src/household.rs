//! Plays whole households: their members' weeks in turn, so that one member's purchase can move another.

use crate::World;
use crate::life::{STEP_DAYS, Setup, State, campaigns, leaves, take_up};
use crate::log::{Log, Sent};
use crate::person::Person;
use crate::plan::{NEVER, Plan};
use crate::rng::{Purpose, Stream};

/// One customer with everything that happened.
pub(crate) struct Life {
    pub(crate) person: Person,
    pub(crate) log: Log,
    /// Absent until the customer has joined.
    pub(crate) state: Option<State>,
    rng: Stream,
}

/// A customer as of a date, with what the household did.
pub(crate) struct Snapshot<'a> {
    pub(crate) person: &'a Person,
    pub(crate) state: &'a State,
    pub(crate) log: &'a Log,
    /// For each family, the day another member last took something of it.
    pub(crate) others: Vec<i32>,
    pub(crate) as_of: i32,
}

/// A contact from outside the world's own campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Approach {
    /// Customer number.
    pub(crate) number: u64,
    pub(crate) day: i32,
    /// Position of the offer.
    pub(crate) offer: usize,
}

impl Approach {
    /// The row it leaves in the log of contacts: through the first channel the customer allows that day.
    fn sent(&self, person: &Person) -> Sent {
        let channel = person.consents.iter().position(|consent| consent.allows(self.day)).unwrap_or(0);
        Sent { day: self.day, offer: self.offer, channel, arm: "targeted", probability: 1.0, answered: None }
    }
}

/// What to play.
#[derive(Clone, Copy)]
pub(crate) struct Play<'a> {
    pub(crate) world: &'a World,
    pub(crate) seed: u64,
    /// Customer numbers of the household.
    pub(crate) members: &'a [u64],
    pub(crate) until: i32,
    /// Dates on which every member is shown: as at the beginning of the step they lie in.
    pub(crate) dates: &'a [i32],
    /// Contacts to make on top of the world's campaigns.
    pub(crate) approaches: &'a [Approach],
}

/// A week, or what the start of the history or the end of the play leaves of it.
#[derive(Clone, Copy)]
struct Step {
    day: i32,
    days: i32,
    /// First day of the next step.
    next: i32,
}

/// Plays a household; `see` is shown every member on each date.
pub(crate) fn play(play: Play<'_>, see: &mut dyn FnMut(&Snapshot<'_>)) -> Vec<Life> {
    let Play { world, seed, members, until, dates, approaches } = play;
    let plan = world.plan();
    let mut lives: Vec<Life> = members.iter().map(|number| Life::new(world, seed, *number, members[0])).collect();
    for step in steps(plan, until) {
        for as_of in dates.iter().filter(|date| (step.day..step.next).contains(*date)) {
            show(world, &lives, (step.day, *as_of), see);
        }
        for i in 0..lives.len() {
            let others = takes_of_others(&lives, i, plan.starts.len());
            lives[i].step(world, step, &others, approaches);
        }
    }
    let is_between_steps = (until - plan.end).rem_euclid(STEP_DAYS) == 0;
    for as_of in dates.iter().filter(|date| **date == until && is_between_steps) {
        show(world, &lives, (until, *as_of), see);
    }
    lives
}

/// Steps of a week from the start, laid so that one ends at the end of the history.
fn steps(plan: &Plan, until: i32) -> impl Iterator<Item = Step> {
    let first = plan.start - (plan.start - plan.end).rem_euclid(STEP_DAYS);
    let start = plan.start;
    (0..).map(move |i| first + i * STEP_DAYS).take_while(move |day| *day < until).map(move |begins| {
        let (day, next) = (begins.max(start), begins + STEP_DAYS);
        Step { day, days: next.min(until) - day, next }
    })
}

fn show(world: &World, lives: &[Life], (day, as_of): (i32, i32), see: &mut dyn FnMut(&Snapshot<'_>)) {
    for (i, life) in lives.iter().enumerate() {
        let Some(state) = life.state.as_ref().filter(|state| state.left.is_none()) else { continue };
        let setup = Setup { file: world.file(), plan: world.plan(), person: &life.person };
        let mut state = state.clone();
        state.refresh(setup, day);
        let others = takes_of_others(lives, i, world.plan().starts.len());
        see(&Snapshot { person: &life.person, state: &state, log: &life.log, others, as_of });
    }
}

fn takes_of_others(lives: &[Life], me: usize, n_families: usize) -> Vec<i32> {
    let mut last = vec![NEVER; n_families];
    for state in lives.iter().enumerate().filter(|(i, _)| *i != me).filter_map(|(_, life)| life.state.as_ref()) {
        for (newest, day) in last.iter_mut().zip(&state.taken) {
            *newest = (*newest).max(*day);
        }
    }
    last
}

impl Life {
    fn new(world: &World, seed: u64, number: u64, household: u64) -> Self {
        Self {
            person: Person::draw(world.file(), world.plan(), seed, number, household).made_real(world),
            log: Log::default(),
            state: None,
            rng: Stream::new(seed, Purpose::Life, number),
        }
    }

    fn step(&mut self, world: &World, step: Step, others: &[i32], approaches: &[Approach]) {
        let Self { person, log, state, rng } = self;
        let Step { day, days, .. } = step;
        let setup = Setup { file: world.file(), plan: world.plan(), person };
        if person.joined >= day + days || state.as_ref().is_some_and(|state| state.left.is_some()) {
            return;
        }
        let is_first = state.is_none();
        let state = state.get_or_insert_with(|| State::begin(setup, rng, log));
        if is_first && person.joined >= day {
            // The week of joining is the time of setting up; life begins with the next.
            return;
        }
        state.administer(setup, day, days, rng, log);
        state.advance(setup, day, days, rng, log);
        if rng.chance(leaves(state, setup, day, days)) {
            state.leave(day + rng.days(0, days - 1), log);
            return;
        }
        campaigns(state, setup, (day, days), rng, log);
        for made in approaches.iter().filter(|a| a.number == person.number && (day..day + days).contains(&a.day)) {
            state.contact(made.offer, made.day);
            log.sent.push(made.sent(person));
        }
        take_up(state, setup, (day, days), others, rng, log);
    }
}
