//! What contacts earn and cost within twelve months, from the truth: takes they bring or spoil, and customers they drive away.

use crate::World;
use crate::hazard::{effect_of_contact, natural_rate};
use crate::household::Snapshot;
use crate::life::{STEP_DAYS, Setup, State, leaves_after};
use crate::log::Log;
use crate::math::happens;
use crate::plan::{Gate, RECENT_CONTACTS, Term};
use crate::rng::{Purpose, Stream};
use crate::schema::WorldFile;
use crate::truth::N_FUTURES;

/// Days after the contact over which profit counts.
const YEAR_DAYS: i32 = 365;
const DAYS_PER_MONTH: f64 = 365.25 / 12.0;
/// Mean days for which a step is held that is stepped back from: see [`State::take`].
const STEPPED_BACK_DAYS: f64 = 60.0;

/// Profits of one eligible offer and customer over the twelve months after a contact, in minor units, before the contact's cost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OfferWorth {
    /// Position of the offer.
    pub(crate) offer: usize,
    /// What a month of it adds to what is held now; of a shop's products, the margin of the purchase.
    pub(crate) margin: f64,
    /// For each number of contacts, what it adds that one of them is about this offer.
    pub(crate) gains: Vec<f64>,
}

/// What contacts do to one customer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Worth {
    pub(crate) offers: Vec<OfferWorth>,
    /// For each number of contacts, what is lost whatever they are about: profits of those who leave because of them, and what
    /// earlier contacts would have brought had these not tired the customer.
    pub(crate) drags: Vec<f64>,
    /// Probability of leaving within the twelve months without a contact.
    pub(crate) leaves_alone: f64,
    /// For each number of contacts, the same with them.
    pub(crate) leaves: Vec<f64>,
}

/// The worth of so many contacts on the first day of the label window as each of `numbers` says, each contact about another offer.
///
/// Takes of different families are independent given the future, and the first of a family is the last: within a year a second
/// step is rare. Takes given back earn nothing. Nobody else contacts the customer in these twelve months.
pub(crate) fn worth(world: &World, seed: u64, snapshot: &Snapshot<'_>, numbers: &[u32]) -> Worth {
    let plan = world.plan();
    let eligible: Vec<usize> =
        (0..plan.offers.len()).filter(|offer| snapshot.state.is_eligible(plan, *offer)).collect();
    let margins: Vec<Margin> = eligible.iter().map(|offer| margin_added(world, snapshot.state, *offer)).collect();
    let mut sum = vec![Branch::new(eligible.len()); numbers.len() + 1];
    for future in 0..N_FUTURES {
        for (sum, branch) in
            sum.iter_mut().zip(play_future(world, seed, snapshot, (&eligible, &margins), (numbers, future)))
        {
            sum.add(&branch, 1.0 / N_FUTURES as f64);
        }
    }
    let (alone, contacted) = sum.split_first().expect("the first branch is without contact");
    let rest = |branch: &Branch| branch.base + branch.paths.iter().map(|path| path.profit[0]).sum::<f64>();
    let offers = eligible.iter().zip(&margins).enumerate().map(|(i, (offer, margin))| OfferWorth {
        offer: *offer,
        margin: if world.file().shop.is_some() { margin.at_once } else { margin.monthly },
        gains: contacted.iter().map(|branch| branch.paths[i].profit[1] - branch.paths[i].profit[0]).collect(),
    });
    Worth {
        offers: offers.collect(),
        drags: contacted.iter().map(|branch| rest(branch) - rest(alone)).collect(),
        leaves_alone: 1.0 - alone.stays,
        leaves: contacted.iter().map(|branch| 1.0 - branch.stays).collect(),
    }
}

/// What a product earns.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Margin {
    /// When it is bought.
    at_once: f64,
    /// Month by month.
    monthly: f64,
}

fn margin_of(file: &WorldFile, product: usize) -> Margin {
    let known = &file.product[product];
    let margin = known.margin as f64;
    if file.shop.is_none() {
        return Margin { at_once: 0.0, monthly: margin };
    }
    let refill = f64::from(known.refill_days);
    Margin { at_once: margin, monthly: if refill > 0.0 { margin * DAYS_PER_MONTH / refill } else { 0.0 } }
}

/// What the offer adds to what the customer pays now; some go two steps at once.
fn margin_added(world: &World, state: &State, offer: usize) -> Margin {
    let (file, known) = (world.file(), &world.plan().offers[offer]);
    let held = state.held[known.family].map_or(0.0, |held| margin_of(file, held.product).monthly);
    let own = margin_of(file, known.product);
    let further = known.next.map_or(own, |next| margin_of(file, next));
    let jump = file.offer[offer].jump;
    let mean = |own: f64, further: f64| own + jump * (further - own);
    Margin { at_once: mean(own.at_once, further.at_once), monthly: mean(own.monthly, further.monthly) - held }
}

/// One course of events: with so many contacts, or none.
#[derive(Clone, Debug)]
struct Branch {
    /// Probability of being a customer still.
    stays: f64,
    /// Profit from what is held already.
    base: f64,
    /// By eligible offer.
    paths: Vec<Path>,
}

/// An offer along one course of events, when the contacts are about others and when one is about it.
#[derive(Clone, Copy, Debug, Default)]
struct Path {
    rate: [f64; 2],
    taken: [f64; 2],
    profit: [f64; 2],
}

impl Branch {
    fn new(offers: usize) -> Self {
        Self { stays: 0.0, base: 0.0, paths: vec![Path::default(); offers] }
    }

    fn add(&mut self, other: &Self, weight: f64) {
        self.stays += weight * other.stays;
        self.base += weight * other.base;
        for (path, more) in self.paths.iter_mut().zip(&other.paths) {
            for (sum, profit) in path.profit.iter_mut().zip(more.profit) {
                *sum += weight * profit;
            }
        }
    }
}

/// A week of a future.
#[derive(Clone, Copy)]
struct Week<'a> {
    day: i32,
    days: i32,
    contact: i32,
    last: i32,
    /// By family, the day another member of the household last took something of it.
    others: &'a [i32],
    /// By eligible offer, the rate over 60 days without any contact about it.
    unasked: &'a [f64],
}

fn play_future(
    world: &World,
    seed: u64,
    snapshot: &Snapshot<'_>,
    offers: (&[usize], &[Margin]),
    (numbers, future): (&[u32], u64),
) -> Vec<Branch> {
    let setup = Setup { file: world.file(), plan: world.plan(), person: snapshot.person };
    let mut rng =
        Stream::new(seed ^ snapshot.as_of as u64, Purpose::Future, snapshot.person.number * N_FUTURES + future);
    let mut state = snapshot.state.clone();
    let mut scratch = Log { holdings: snapshot.log.holdings.clone(), ..Log::default() };
    let contact = snapshot.as_of + setup.file.setting.gap_days;
    let last = contact + YEAR_DAYS;
    let mut branches = vec![Branch { stays: 1.0, ..Branch::new(offers.0.len()) }; numbers.len() + 1];
    let mut day = snapshot.as_of;
    while day < last {
        let days = STEP_DAYS.min(last - day);
        state.administer(setup, day, days, &mut rng, &mut scratch);
        state.advance(setup, day, days, &mut rng, &mut scratch);
        let rates: Vec<f64> =
            offers.0.iter().map(|offer| unasked(&state, setup, *offer, day, &snapshot.others)).collect();
        let of_all = std::iter::once(0).chain(numbers.iter().copied());
        for (branch, number) in branches.iter_mut().zip(of_all) {
            let week = Week { day, days, contact, last, others: &snapshot.others, unasked: &rates };
            branch.step(&mut state, setup, week, number, offers);
        }
        day += days;
    }
    branches
}

/// The rate over 60 days without any contact about the offer; none where the family is quiet.
fn unasked(state: &State, setup: Setup<'_>, offer: usize, day: i32, others: &[i32]) -> f64 {
    let family = setup.plan.offers[offer].family;
    if state.is_quiet(family, day) { 0.0 } else { natural_rate(state, setup, offer, day, others[family]) }
}

/// Whether a term looks at the number of recent contacts: then it has to be summed for each course of events.
fn counts_contacts(terms: &[Term]) -> bool {
    let counts = |gate: &Gate| match gate {
        Gate::Above { driver, .. }
        | Gate::Below { driver, .. }
        | Gate::Between { driver, .. }
        | Gate::Saturating { driver, .. } => *driver == RECENT_CONTACTS,
        _ => false,
    };
    terms.iter().flat_map(|term| &term.gates).any(counts)
}

impl Branch {
    /// One week with `number` contacts behind the customer from the day of contact on.
    fn step(
        &mut self,
        state: &mut State,
        setup: Setup<'_>,
        week: Week<'_>,
        number: u32,
        (eligible, margins): (&[usize], &[Margin]),
    ) {
        let Week { day, days, contact, last, .. } = week;
        let is_contacted = number > 0 && day + days > contact;
        let quiet = state.drivers[RECENT_CONTACTS];
        if is_contacted && day - contact < setup.file.contact.fatigue_days {
            state.drivers[RECENT_CONTACTS] += f64::from(number);
        }
        let last_contact = if is_contacted { contact } else { state.last_contact() };
        self.stays *= 1.0 - leaves_after(state, setup, (day, days), last_contact);
        let months = f64::from(days) / DAYS_PER_MONTH * self.stays;
        let held = state.held.iter().flatten().map(|held| margin_of(setup.file, held.product).monthly);
        let beside = setup.file.shop.as_ref().map_or(0.0, |shop| shop.monthly_margin as f64);
        self.base += months * (held.sum::<f64>() + beside);
        let effect = effect_of_contact(state, setup, day, state.drivers[RECENT_CONTACTS] - 1.0);
        for (i, (path, (offer, margin))) in self.paths.iter_mut().zip(eligible.iter().zip(margins)).enumerate() {
            let counts = is_contacted && counts_contacts(&setup.plan.offers[*offer].terms);
            let natural = if counts { unasked(state, setup, *offer, day, week.others) } else { week.unasked[i] };
            let before = state.contacted[*offer];
            let rates = [before, if is_contacted { contact } else { before }].map(|contacted| {
                let lasts = day - contacted < setup.file.contact.lasts_days;
                (if lasts { natural * (1.0 + effect) } else { natural }) * f64::from(days) / 60.0
            });
            let known = &setup.file.offer[*offer];
            let left = f64::from(last - day).min(STEPPED_BACK_DAYS) / DAYS_PER_MONTH;
            path.step(rates, (months, self.stays, left), *margin, (known.returned, known.stepped_back));
        }
        state.drivers[RECENT_CONTACTS] = quiet;
    }
}

impl Path {
    /// Takes of the week of those who stay, and what the takes so far earn; `left` months remain of what is stepped back from later.
    fn step(
        &mut self,
        rates: [f64; 2],
        (months, stays, left): (f64, f64, f64),
        margin: Margin,
        (returned, stepped_back): (f64, f64),
    ) {
        let kept = (1.0 - returned - stepped_back).max(0.0);
        for (way, rate) in rates.into_iter().enumerate() {
            self.rate[way] += rate;
            let taken = happens(self.rate[way]);
            let new = taken - self.taken[way];
            // Half of the week's takes come in its first half.
            let held = self.taken[way] + new / 2.0;
            self.profit[way] += margin.monthly * (kept * months * held + stepped_back * stays * left * new);
            self.profit[way] += margin.at_once * kept * stays * new;
            self.taken[way] = taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exp;

    #[test]
    fn a_take_at_once_earns_every_month_and_one_stepped_back_from_earns_two() {
        let [mut kept, mut back, mut bought] = [Path::default(); 3];
        let monthly = Margin { at_once: 0.0, monthly: 100.0 };
        for week in 0..52 {
            let rates = if week == 0 { [0.0, 60.0] } else { [0.0, 0.0] };
            let when = (7.0 / DAYS_PER_MONTH, 1.0, 2.0);
            kept.step(rates, when, monthly, (0.0, 0.0));
            back.step(rates, when, monthly, (0.0, 1.0));
            bought.step(rates, when, Margin { at_once: 100.0, monthly: 0.0 }, (0.25, 0.25));
        }
        let year = 100.0 * 7.0 / DAYS_PER_MONTH * 51.5;
        assert!((kept.profit[1] - year).abs() < 1e-6 && kept.profit[0].abs() < 1e-12);
        assert!((back.profit[1] - 200.0).abs() < 1e-6);
        assert!((bought.profit[1] - 50.0).abs() < 1e-6);
        assert!((kept.taken[1] - (1.0 - exp(-60.0))).abs() < 1e-12);
    }
}
