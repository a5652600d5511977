//! What does not change about a customer: household, latent classes, attributes, thresholds, tastes.

use crate::World;
use crate::covariates::Given;
use crate::math::exp;
use crate::plan::Plan;
use crate::rng::{Purpose, Stream};
use crate::schema::{Attribute, AttributeKind, ConsentChannel, WorldFile};

/// Households are formed inside runs of so many consecutive customers, so that a customer's life depends on no one else's block.
pub(crate) const HOUSEHOLD_RUN: u64 = 4;

/// The constant part of a customer.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Customer number, from 0.
    pub(crate) number: u64,
    /// Number of the first customer of the household.
    pub(crate) household: u64,
    pub(crate) segment: usize,
    pub(crate) response: usize,
    /// Day of joining.
    pub(crate) joined: i32,
    pub(crate) writes_japanese: bool,
    /// Position of a category, a number, 0 or 1 of a flag.
    pub(crate) attributes: Vec<f64>,
    /// Factor on each personal threshold.
    pub(crate) thresholds: Vec<f64>,
    /// Factor on the take rate of each offer.
    pub(crate) tastes: Vec<f64>,
    /// Standard normal level of each metric.
    pub(crate) levels: Vec<f64>,
    /// Consent to each channel.
    pub(crate) consents: Vec<Consent>,
    /// By family, what a real customer is known to hold; empty of a drawn one.
    pub(crate) held: Vec<Given>,
}

/// Consent to one channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Consent {
    /// What the customer said first.
    pub(crate) first: bool,
    /// Day of the opposite answer, if there was one.
    pub(crate) changed: Option<i32>,
}

impl Consent {
    /// What holds on `day`: a withdrawal from its own day on, a permission from the next.
    pub(crate) fn allows(self, day: i32) -> bool {
        match self.changed {
            None => self.first,
            Some(on) if self.first => day < on,
            Some(on) => day > on,
        }
    }
}

/// The households of the run of customers that starts at `first`: lists of customer numbers below `n_customers`.
pub(crate) fn households(file: &WorldFile, seed: u64, first: u64, n_customers: u64) -> Vec<Vec<u64>> {
    let mut stream = Stream::new(seed, Purpose::Household, first / HOUSEHOLD_RUN);
    let end = first + HOUSEHOLD_RUN;
    let (mut next, mut households) = (first, Vec::new());
    while next < end {
        let size = stream.weighted(&file.setting.household_sizes) as u64 + 1;
        let stop = (next + size).min(end);
        households.push((next..stop).filter(|number| *number < n_customers).collect::<Vec<u64>>());
        next = stop;
    }
    households.retain(|members| !members.is_empty());
    households
}

impl Person {
    /// Draws the customer with this number.
    pub(crate) fn draw(file: &WorldFile, plan: &Plan, seed: u64, number: u64, household: u64) -> Self {
        let mut s = Stream::new(seed, Purpose::Person, number);
        let shares: Vec<f64> = file.segment.iter().map(|segment| segment.share).collect();
        let segment = s.weighted(&shares);
        let name = &file.segment[segment].name;
        let classes: Vec<f64> =
            file.response.iter().map(|r| r.share * r.by_segment.get(name).copied().unwrap_or(1.0)).collect();
        let response = s.weighted(&classes);
        let joined = draw_joined(file, plan, &mut s);
        Self {
            number,
            household,
            segment,
            response,
            joined,
            writes_japanese: s.chance(file.setting.japanese),
            attributes: file.attribute.iter().map(|a| draw_attribute(a, name, &mut s)).collect(),
            thresholds: plan.spreads.iter().map(|sd| exp(sd * s.normal())).collect(),
            tastes: file.offer.iter().map(|offer| exp(offer.taste * s.normal())).collect(),
            levels: file.metric.iter().map(|_| s.normal()).collect(),
            consents: file.setting.consents.iter().map(|channel| draw_consent(channel, plan, joined, &mut s)).collect(),
            held: Vec::new(),
        }
    }

    /// The customer with what is known of the real one in its place. Everything was drawn before, so no draw moves.
    pub(crate) fn made_real(mut self, world: &World) -> Self {
        let Some(real) = world.real(self.number) else { return self };
        if let Some(months) = real.joined_months() {
            self.joined = world.plan().end - 1 - (months.clamp(0.0, 1_200.0) * 365.25 / 12.0) as i32;
        }
        for (i, value) in self.attributes.iter_mut().enumerate() {
            *value = real.attribute(i).unwrap_or(*value);
        }
        for (i, level) in self.levels.iter_mut().enumerate() {
            *level = real.level(i).unwrap_or(*level);
        }
        self.held = (0..world.file().family.len()).map(|family| real.held(family)).collect();
        self
    }

    /// Day of the month on which usage is measured, 1 to 28.
    pub(crate) fn billing_day(&self) -> u32 {
        (self.number % 28) as u32 + 1
    }
}

/// Half of the older customers joined within the last third of the time before the history.
fn draw_joined(file: &WorldFile, plan: &Plan, s: &mut Stream) -> i32 {
    let is_older = s.chance(file.setting.joined_before);
    let u = s.uniform();
    if is_older {
        let days = file.setting.years_before * 365.25;
        plan.start - 1 - (days * u * u.sqrt()) as i32
    } else {
        plan.start + (f64::from(plan.end - plan.start) * u) as i32
    }
}

fn draw_consent(channel: &ConsentChannel, plan: &Plan, joined: i32, s: &mut Stream) -> Consent {
    let (first, changes, on) =
        (!s.chance(channel.refused), s.chance(channel.changed), s.days(plan.start, plan.end - 1));
    Consent { first, changed: (changes && on > joined).then_some(on) }
}

fn draw_attribute(attribute: &Attribute, segment: &str, s: &mut Stream) -> f64 {
    let own = attribute.by_segment.get(segment);
    match attribute.kind {
        AttributeKind::Category => {
            let equal = vec![1.0; attribute.values.len()];
            let weights = own.unwrap_or(if attribute.weights.is_empty() { &equal } else { &attribute.weights });
            s.weighted(weights) as f64
        }
        AttributeKind::Number => {
            let (mean, sd) = own.map_or((attribute.mean, attribute.sd), |list| (list[0], list[1]));
            (mean + sd * s.normal()).round().clamp(attribute.low, attribute.high)
        }
        AttributeKind::Flag => f64::from(u8::from(s.chance(own.map_or(attribute.share, |list| list[0])))),
        AttributeKind::After => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::World;

    #[test]
    fn households_cover_every_customer_once() {
        let world = World::isp();
        for n in [1_u64, 3, 4, 997] {
            let runs = (0..n).step_by(HOUSEHOLD_RUN as usize);
            let all: Vec<u64> = runs.flat_map(|first| households(world.file(), 1, first, n).concat()).collect();
            assert_eq!(all, (0..n).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn a_customer_does_not_depend_on_how_many_there_are() {
        let world = World::isp();
        let draw = || Person::draw(world.file(), world.plan(), 5, 77, 76);
        assert_eq!(format!("{:?}", draw()), format!("{:?}", draw()));
    }
}
