//! The truth: what each customer would do after an as-of date, with and without being contacted.

use crate::World;
use crate::hazard::{effect_of_contact, natural_rate, rate_of_offer};
use crate::household::Snapshot;
use crate::life::{STEP_DAYS, Setup, State, leaves};
use crate::log::Log;
use crate::math::happens;
use crate::rng::{Purpose, Stream};

/// Futures averaged. What happens after the as-of date is not known on it: new needs, surges, complaints.
pub(crate) const N_FUTURES: u64 = 4;

/// Take probabilities of one eligible customer and offer over the label window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Chance {
    /// Position of the offer.
    pub(crate) offer: usize,
    /// Without a new contact.
    pub(crate) without: f64,
    /// Contacted when the label window begins.
    pub(crate) with: f64,
    /// Relative effect of the contact on the rate.
    pub(crate) effect: f64,
}

/// The chances of every offer the customer is eligible for; `more_contacts` came on top of those in the state.
///
/// A take is one that is kept; competing takes of other families in the window are left out.
pub(crate) fn chances(world: &World, seed: u64, snapshot: &Snapshot<'_>, more_contacts: f64) -> Vec<Chance> {
    let (file, plan) = (world.file(), world.plan());
    let setup = Setup { file, plan, person: snapshot.person };
    let recent = snapshot.state.drivers[3] + more_contacts;
    let effect = effect_of_contact(snapshot.state, setup, snapshot.as_of, recent);
    let eligible: Vec<usize> =
        (0..plan.offers.len()).filter(|offer| snapshot.state.is_eligible(plan, *offer)).collect();
    let mut sums = vec![(0.0, 0.0); eligible.len()];
    for future in 0..N_FUTURES {
        let rates = play_future(world, seed, snapshot, &eligible, future);
        for (sum, (without, natural)) in sums.iter_mut().zip(rates) {
            sum.0 += happens(without) / N_FUTURES as f64;
            sum.1 += happens(natural * (1.0 + effect)) / N_FUTURES as f64;
        }
    }
    let kept = |offer: usize| 1.0 - file.offer[offer].returned;
    let chance = |(offer, (without, with)): (usize, (f64, f64))| Chance {
        offer,
        without: without * kept(offer),
        with: with * kept(offer),
        effect,
    };
    eligible.into_iter().zip(sums).map(chance).collect()
}

/// Rates integrated over the label window along one future: with the contacts of the past, and without any.
fn play_future(world: &World, seed: u64, snapshot: &Snapshot<'_>, eligible: &[usize], future: u64) -> Vec<(f64, f64)> {
    let (file, plan) = (world.file(), world.plan());
    let setup = Setup { file, plan, person: snapshot.person };
    let mut rng =
        Stream::new(seed ^ snapshot.as_of as u64, Purpose::Future, snapshot.person.number * N_FUTURES + future);
    let mut state = snapshot.state.clone();
    let mut scratch = Log { holdings: snapshot.log.holdings.clone(), ..Log::default() };
    let first = snapshot.as_of + file.setting.gap_days;
    let last = first + file.setting.horizon_days;
    let mut rates = vec![(0.0, 0.0); eligible.len()];
    let (mut day, mut stays) = (snapshot.as_of, 1.0);
    while day < last {
        let days = STEP_DAYS.min(last - day);
        state.administer(setup, day, days, &mut rng, &mut scratch);
        state.advance(setup, day, days, &mut rng, &mut scratch);
        stays *= 1.0 - leaves(&state, setup, day, days);
        let inside = stays * f64::from((day + days - day.max(first)).max(0)) / 60.0;
        if inside > 0.0 {
            add_rates(&state, setup, (day, inside), (eligible, &snapshot.others), &mut rates);
        }
        day += days;
    }
    rates
}

fn add_rates(
    state: &State,
    setup: Setup<'_>,
    (day, inside): (i32, f64),
    (eligible, others): (&[usize], &[i32]),
    rates: &mut [(f64, f64)],
) {
    for (offer, sum) in eligible.iter().zip(rates) {
        let family = setup.plan.offers[*offer].family;
        if !state.is_quiet(family, day) {
            sum.0 += inside * rate_of_offer(state, setup, *offer, day, others[family]);
            sum.1 += inside * natural_rate(state, setup, *offer, day, others[family]);
        }
    }
}
