//! A customer's life in steps of a week: needs, triggers, usage, campaigns, takes, returns, renewals, leaving.

use osusume_model::Date;

use crate::covariates::Given;
use crate::hazard::{View, rate_of_offer, season, sum_of_terms};
use crate::log::{Holding, Log, Measurement, Sent, TicketRow};
use crate::math::{exp, happens};
use crate::person::Person;
use crate::plan::{NEVER, NO_RENEWAL, Plan, bit};
use crate::rng::Stream;
use crate::schema::{Need, WorldFile};

/// Days of a step.
pub(crate) const STEP_DAYS: i32 = 7;
/// After a take, nothing else of the family is taken for so long.
const FAMILY_QUIET_DAYS: i32 = 120;
const DAYS_PER_YEAR: f64 = 365.25;
/// How much of a metric's deviation is left after a measurement.
const PERSISTENCE: f64 = 0.7;

/// A product held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) product: usize,
    pub(crate) start: i32,
    pub(crate) renewal: Option<i32>,
    /// Position of the open row in the log.
    row: usize,
}

/// Something that will end on a day: a return or a step back.
#[derive(Clone, Copy, Debug)]
struct Ending {
    day: i32,
    family: usize,
    product: usize,
    back_to: Option<usize>,
}

/// The part of a customer that changes.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) drivers: Vec<f64>,
    deviations: Vec<f64>,
    /// The three levels before the newest, newest first.
    earlier: Vec<[f64; 3]>,
    pub(crate) onsets: Vec<Option<i32>>,
    pub(crate) triggers: Vec<i32>,
    pub(crate) held: Vec<Option<Held>>,
    pub(crate) mask: u64,
    /// Day of the last contact for each offer.
    pub(crate) contacted: Vec<i32>,
    contact_days: Vec<i32>,
    /// Day of the last take of each family.
    pub(crate) taken: Vec<i32>,
    endings: Vec<Ending>,
    next_measurement: i32,
    n_measurements: u32,
    fees: Vec<i64>,
    next_change: usize,
    pub(crate) left: Option<i32>,
}

/// What stays the same while one customer is played.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) file: &'a WorldFile,
    pub(crate) plan: &'a Plan,
    pub(crate) person: &'a Person,
}

impl State {
    /// The state on the first day the history knows of the customer: the start of the world or the day of joining.
    pub(crate) fn begin(setup: Setup<'_>, rng: &mut Stream, log: &mut Log) -> Self {
        let Setup { file, plan, person } = setup;
        let day = person.joined.max(plan.start);
        let mut state = Self {
            drivers: vec![0.0; plan.n_drivers],
            deviations: vec![0.0; file.metric.len()],
            earlier: vec![[0.0; 3]; file.metric.len()],
            onsets: Vec::new(),
            triggers: vec![NEVER; file.trigger.len()],
            held: vec![None; file.family.len()],
            mask: 0,
            contacted: vec![NEVER; file.offer.len()],
            contact_days: Vec::new(),
            taken: vec![NEVER; file.family.len()],
            endings: Vec::new(),
            next_measurement: next_measurement(day - 1, person),
            n_measurements: 0,
            fees: file.product.iter().map(|product| product.fee).collect(),
            next_change: 0,
            left: None,
        };
        state.skip_old_changes(plan, day);
        state.begin_holdings(setup, day, rng, log);
        state.onsets = file.need.iter().map(|need| begin_need(need, day, rng)).collect();
        for (i, value) in person.attributes.iter().enumerate() {
            state.drivers[plan.first_attribute + i] = *value;
        }
        state.refresh(setup, day);
        for metric in 0..file.metric.len() {
            state.deviations[metric] = rng.normal();
            let level = state.level(setup, metric, day);
            state.earlier[metric] = [level; 3];
            state.drivers[plan.first_metric + metric] = level;
            state.drivers[plan.first_surge + metric] = 1.0;
        }
        state
    }

    /// Prices before the day of joining are simply the prices.
    fn skip_old_changes(&mut self, plan: &Plan, day: i32) {
        while let Some(change) = plan.changes.get(self.next_change).filter(|change| change.day < day) {
            self.next_change += 1;
            if change.product == change.to {
                self.fees[change.product] = change.fee;
            }
        }
    }

    fn begin_holdings(&mut self, setup: Setup<'_>, day: i32, rng: &mut Stream, log: &mut Log) {
        let Setup { file, plan, person } = setup;
        let is_new = person.joined >= plan.start;
        for (family, start) in plan.starts.iter().enumerate() {
            let joining = if is_new { file.family[family].joining } else { 1.0 };
            let of_choice = |(w, choice): (&f64, &Option<usize>)| if choice.is_some() { w * joining } else { *w };
            let weights: Vec<f64> = start.weights[person.segment].iter().zip(&start.choices).map(of_choice).collect();
            let drawn = start.choices[rng.weighted(&weights)];
            let choice = match person.held.get(family) {
                Some(Given::Held(known)) => *known,
                Some(Given::Drawn) | None => drawn,
            };
            // Add-ons of older customers came at some day since joining, most of them with the line.
            let later = if rng.chance(0.6) { 0.0 } else { rng.uniform() };
            let since = person.joined + (f64::from((day - 1 - person.joined).max(0)) * later) as i32;
            if let Some(product) = choice {
                self.open(setup, product, since, log);
                let renews = plan.products[product].renews_months;
                if renews > 0 {
                    self.roll_renewal(family, renews, day, log);
                }
            }
        }
    }

    /// Terms begun long ago have been renewed since; only the running one is on record.
    fn roll_renewal(&mut self, family: usize, months: i32, day: i32, log: &mut Log) {
        let Some(held) = self.held[family].as_mut() else { return };
        while let Some(renewal) = held.renewal.filter(|renewal| *renewal < day) {
            held.start = renewal;
            held.renewal = Some(Date(renewal).add_months(months).0);
        }
        log.holdings[held.row].start = held.start;
        log.holdings[held.row].renewal = held.renewal;
    }

    /// One step of `days` days from `day`, everything but takes and campaigns: what would happen to the customer anyway.
    pub(crate) fn advance(&mut self, setup: Setup<'_>, day: i32, days: i32, rng: &mut Stream, log: &mut Log) {
        self.refresh(setup, day);
        let years = f64::from(days) / DAYS_PER_YEAR;
        for (need, onsets) in setup.plan.onsets.iter().enumerate() {
            let begins = rng.chance(happens(onsets[setup.person.segment] * years));
            if begins && self.onsets[need].is_none() && self.mask & setup.plan.satisfied[need] == 0 {
                self.onsets[need] = Some(day);
            }
        }
        for trigger in 0..setup.file.trigger.len() {
            self.advance_trigger(setup, trigger, day, days, rng, log);
        }
        while self.next_measurement < day + days {
            self.measure(setup, rng, log);
        }
    }

    fn advance_trigger(&mut self, setup: Setup<'_>, i: usize, day: i32, days: i32, rng: &mut Stream, log: &mut Log) {
        let trigger = &setup.file.trigger[i];
        let draw = rng.uniform();
        if day - self.triggers[i] < trigger.quiet_days {
            return;
        }
        let eta = sum_of_terms(&setup.plan.trigger_terms[i], &self.view(setup, day, NEVER));
        let rate = trigger.per_year * exp(eta) * f64::from(days) / DAYS_PER_YEAR;
        if draw >= happens(rate) {
            return;
        }
        let on = day + rng.days(0, days - 1);
        self.triggers[i] = on;
        log.triggers.push((i, on));
        if let Some(ticket) = &trigger.ticket {
            log.tickets.push(TicketRow::draw(ticket, i, on, setup.person.writes_japanese, rng));
        }
    }

    fn measure(&mut self, setup: Setup<'_>, rng: &mut Stream, log: &mut Log) {
        let day = self.next_measurement;
        let month = self.n_measurements;
        self.n_measurements += 1;
        self.next_measurement = next_measurement(day, setup.person);
        for metric in 0..setup.file.metric.len() {
            let innovation = (1.0 - PERSISTENCE * PERSISTENCE).sqrt() * rng.normal();
            self.deviations[metric] = PERSISTENCE * self.deviations[metric] + innovation;
            let level = self.level(setup, metric, day);
            let [a, b, c] = self.earlier[metric];
            self.earlier[metric] = [self.drivers[setup.plan.first_metric + metric], a, b];
            self.drivers[setup.plan.first_metric + metric] = level;
            self.drivers[setup.plan.first_surge + metric] = 3.0 * level / (a + b + c);
            // Metrics measured less often do not all come on the same date.
            if (month + metric as u32).is_multiple_of(setup.file.metric[metric].every_months) {
                log.usage.push(Measurement { day, metric, level });
            }
        }
    }

    /// The level of a metric, without the noise of a single measurement.
    fn level(&self, setup: Setup<'_>, metric: usize, day: i32) -> f64 {
        let known = &setup.file.metric[metric];
        let years = f64::from(day - setup.plan.start) / DAYS_PER_YEAR;
        // A triangle wave: no sine is needed for a season.
        let wave = 2.0 * season(day, known.season_peak) - 1.0;
        let log_level = setup.plan.medians[metric][setup.person.segment]
            + known.sd * setup.person.levels[metric]
            + known.growth_per_year * years
            + known.season * wave
            + sum_of_terms(&setup.plan.metric_terms[metric], &self.view(setup, day, NEVER))
            + 0.7 * known.noise * self.deviations[metric];
        exp(log_level).min(known.most.unwrap_or(f64::INFINITY))
    }

    /// Brings the drivers that follow the calendar to `day`.
    pub(crate) fn refresh(&mut self, setup: Setup<'_>, day: i32) {
        let plan = setup.plan;
        let renewal = self.held[plan.renewal_family].and_then(|held| held.renewal);
        let recent = self.contact_days.iter().filter(|on| day - **on < setup.file.contact.fatigue_days).count();
        self.drivers[0] = f64::from(day - setup.person.joined);
        self.drivers[1] = renewal.map_or(NO_RENEWAL, |on| f64::from(on - day));
        self.drivers[2] = f64::from(self.mask.count_ones());
        self.drivers[3] = recent as f64;
        for (need, known) in setup.file.need.iter().enumerate() {
            let weeks = self.onsets[need].map_or(0.0, |on| f64::from((day - on).max(0)) / 7.0);
            self.drivers[plan.first_need + need] = happens(weeks / known.growth_weeks);
        }
    }

    /// What gates look at.
    pub(crate) fn view<'s>(&'s self, setup: Setup<'s>, day: i32, household_take: i32) -> View<'s> {
        View {
            person: setup.person,
            drivers: &self.drivers,
            triggers: &self.triggers,
            mask: self.mask,
            day,
            household_take,
        }
    }

    /// Whether the offer may be taken now: the next lower tier is held, or nothing of the family for its first tier.
    pub(crate) fn is_eligible(&self, plan: &Plan, offer: usize) -> bool {
        let wanted = &plan.products[plan.offers[offer].product];
        let tier = self.held[wanted.family].map_or(0, |held| plan.products[held.product].tier);
        tier + 1 == wanted.tier
            && wanted.requires.iter().all(|mask| mask & self.mask != 0)
            && wanted.excludes & self.mask == 0
    }

    /// Whether a new take of the family is possible so soon after the last.
    pub(crate) fn is_quiet(&self, family: usize, day: i32) -> bool {
        day - self.taken[family] < FAMILY_QUIET_DAYS
    }

    /// Renewals, returns, re-pricings and migrations of the step.
    pub(crate) fn administer(&mut self, setup: Setup<'_>, day: i32, days: i32, rng: &mut Stream, log: &mut Log) {
        self.end_returns(setup, day + days, log);
        for family in 0..self.held.len() {
            let due =
                self.held[family].and_then(|held| held.renewal.filter(|on| *on < day + days).map(|on| (held, on)));
            if let Some((held, on)) = due {
                self.close(family, on, log);
                self.open(setup, held.product, on, log);
            }
        }
        while let Some(change) = setup.plan.changes.get(self.next_change).filter(|c| c.day < day + days) {
            self.next_change += 1;
            let concerned = rng.chance(change.share);
            if change.product == change.to {
                self.fees[change.product] = change.fee;
            }
            let family = setup.plan.products[change.product].family;
            if concerned && self.held[family].is_some_and(|h| h.product == change.product && h.start < change.day) {
                self.close(family, change.day, log);
                self.open(setup, change.to, change.day, log);
            }
        }
    }

    fn end_returns(&mut self, setup: Setup<'_>, before: i32, log: &mut Log) {
        let (due, later) = self.endings.iter().partition(|ending| ending.day < before);
        self.endings = later;
        let due: Vec<Ending> = due;
        for ending in due {
            if self.held[ending.family].is_some_and(|held| held.product == ending.product) {
                self.close(ending.family, ending.day, log);
                if let Some(product) = ending.back_to {
                    self.open(setup, product, ending.day, log);
                }
            }
        }
    }

    /// The customer takes `product` on `day`; some takes do not last.
    pub(crate) fn take(
        &mut self,
        setup: Setup<'_>,
        offer: usize,
        product: usize,
        day: i32,
        rng: &mut Stream,
        log: &mut Log,
    ) {
        let (known, family) = (&setup.file.offer[offer], setup.plan.offers[offer].family);
        let before = self.held[family].map(|held| held.product);
        // A renewal of the same week may lie later: an interval lasts at least a day.
        let day = self.held[family].map_or(day, |held| day.max(held.start + 1));
        self.close(family, day, log);
        self.open(setup, product, day, log);
        self.taken[family] = day;
        for (need, mask) in setup.plan.satisfied.iter().enumerate() {
            if mask & bit(product) != 0 {
                self.onsets[need] = None;
            }
        }
        let (fate, early, late) = (rng.uniform(), rng.days(8, 25), rng.days(32, 88));
        let lasts = if fate < known.returned { early } else { late };
        if fate < known.returned + known.stepped_back {
            self.endings.push(Ending { day: day + lasts, family, product, back_to: before });
        }
        log.note_take(setup, family, product, day, rng);
    }

    /// The customer leaves: everything ends.
    pub(crate) fn leave(&mut self, day: i32, log: &mut Log) {
        for family in 0..self.held.len() {
            self.close(family, day, log);
        }
        self.left = Some(day);
    }

    /// The customer is contacted about an offer.
    pub(crate) fn contact(&mut self, offer: usize, day: i32) {
        self.contacted[offer] = day;
        self.contact_days.push(day);
    }

    /// Day of the newest contact.
    pub(crate) fn last_contact(&self) -> i32 {
        self.contact_days.last().copied().unwrap_or(NEVER)
    }

    fn open(&mut self, setup: Setup<'_>, product: usize, day: i32, log: &mut Log) {
        let known = &setup.plan.products[product];
        let renewal = (known.renews_months > 0).then(|| Date(day).add_months(known.renews_months).0);
        let fee = self.fees[product];
        let row = log.holdings.len();
        log.holdings.push(Holding { product, start: day, end: None, renewal, fee });
        self.held[known.family] = Some(Held { product, start: day, renewal, row });
        self.mask |= bit(product);
    }

    fn close(&mut self, family: usize, day: i32, log: &mut Log) {
        if let Some(held) = self.held[family].take() {
            self.mask &= !bit(held.product);
            log.end(held.row, day);
        }
    }
}

/// One step of takes: every offer the customer is eligible for, in the order of the file.
pub(crate) fn take_up(
    state: &mut State,
    setup: Setup<'_>,
    step: (i32, i32),
    others: &[i32],
    rng: &mut Stream,
    log: &mut Log,
) {
    let (day, days) = step;
    for offer in 0..setup.plan.offers.len() {
        let known = &setup.plan.offers[offer];
        if !state.is_eligible(setup.plan, offer) || state.is_quiet(known.family, day) {
            continue;
        }
        let rate = rate_of_offer(state, setup, offer, day, others[known.family]);
        if rng.chance(happens(rate * f64::from(days) / 60.0)) {
            let on = day + rng.days(0, days - 1);
            let jumps = rng.chance(setup.file.offer[offer].jump);
            let product = known.next.filter(|_| jumps).unwrap_or(known.product);
            state.take(setup, offer, product, on, rng, log);
        }
    }
}

/// One step of campaigns: the rule's hits and the randomised slice.
pub(crate) fn campaigns(state: &mut State, setup: Setup<'_>, step: (i32, i32), rng: &mut Stream, log: &mut Log) {
    let (day, days) = step;
    for (campaign, known) in setup.plan.campaigns.iter().zip(&setup.file.campaign) {
        if day >= campaign.until || day + days <= campaign.from {
            continue;
        }
        let Some(on) = day_of_wave(known.day, day, days) else { continue };
        if on < campaign.from || on >= campaign.until || !setup.person.consents[campaign.channel].allows(on) {
            continue;
        }
        let eligible: Vec<usize> =
            campaign.offers.iter().copied().filter(|offer| state.is_eligible(setup.plan, *offer)).collect();
        let (slice, choice, sent) = (rng.uniform(), rng.below(eligible.len()), rng.uniform());
        if eligible.is_empty() {
            continue;
        }
        let row = |offer, arm, probability| Sent {
            day: on,
            offer,
            channel: campaign.channel,
            arm,
            probability,
            answered: None,
        };
        if slice < known.slice {
            let one = known.slice / eligible.len() as f64;
            if sent < known.sent {
                state.contact(eligible[choice], on);
                log.sent.push(row(eligible[choice], "random", one * known.sent));
            } else {
                log.sent.push(row(eligible[choice], "control", one * (1.0 - known.sent)));
            }
        } else if sent < known.worked
            && sum_of_terms(&campaign.terms, &state.view(setup, day, NEVER)) >= known.threshold
        {
            state.contact(eligible[0], on);
            log.sent.push(row(eligible[0], "targeted", (1.0 - known.slice) * known.worked));
        }
    }
}

/// The rate of leaving over a step.
pub(crate) fn leaves(state: &State, setup: Setup<'_>, day: i32, days: i32) -> f64 {
    leaves_after(state, setup, (day, days), state.last_contact())
}

/// The same where the newest contact was on `last_contact`.
pub(crate) fn leaves_after(state: &State, setup: Setup<'_>, (day, days): (i32, i32), last_contact: i32) -> f64 {
    let churn = &setup.file.churn;
    let class = &setup.file.response[setup.person.response];
    let is_recent = day - last_contact < setup.file.contact.churn_days;
    let factor = if is_recent { class.churn } else { 1.0 };
    let eta = sum_of_terms(&setup.plan.churn, &state.view(setup, day, NEVER));
    happens(churn.per_year * factor * exp(eta) * f64::from(days) / DAYS_PER_YEAR)
}

/// The day of the month (1 to 28) inside the step, if it is inside.
fn day_of_wave(day_of_month: u32, day: i32, days: i32) -> Option<i32> {
    let (year, month, _) = Date(day).ymd();
    let this = Date::from_ymd(year, month, day_of_month)?;
    let on = if this.0 < day { this.add_months(1).0 } else { this.0 };
    (on < day + days).then_some(on)
}

fn next_measurement(after: i32, person: &Person) -> i32 {
    let (year, month, day) = Date(after).ymd();
    let this = Date::from_ymd(year, month, person.billing_day()).expect("every month has a day 28").0;
    if day < person.billing_day() { this } else { Date(this).add_months(1).0 }
}

fn begin_need(need: &Need, day: i32, rng: &mut Stream) -> Option<i32> {
    let (has, stage) = (rng.chance(need.initial), rng.uniform());
    has.then(|| day - (stage * 2.0 * need.growth_weeks * 7.0) as i32)
}
