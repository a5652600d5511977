//! Explorers: who of a run gets an offer by lot instead of by the ranking, and which.

use std::path::Path;

use osusume_decide::{ChannelSet, Explore, Limit, Ranked};
use osusume_model::{AsOf, Code, Fault, Minor, OfferId, Result};
use osusume_tables::arrow::array::{AsArray, RecordBatch, StringArray};

use super::capacity::Limits;
use super::state::State;
use super::valuation::contact_cost;
use crate::config::Decide;

/// The share of a limit that explorers use at most, on average.
const SHARE: f64 = 0.1;

/// One explorer: the customer, and the offer and channel of the lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Explorer {
    pub(crate) customer: u32,
    pub(crate) lot: Option<(OfferId, u8)>,
    /// What limits count the customer by.
    pub(crate) segment: u16,
}

/// All explorers of a run.
#[derive(Clone, Debug)]
pub(crate) struct Explorers {
    /// The draw, with the share of customers it came to.
    pub(super) explore: Explore,
    /// By customer.
    pub(super) all: Vec<Explorer>,
    /// What an offer must be worth to be a lot.
    least: Minor,
    n_channels: usize,
    /// Channels as customers are reached, with what a contact costs: the cheapest first, the preferred one of equals.
    order: Vec<(u8, i64)>,
    /// The limits that leave nothing.
    closed: Vec<Limit>,
}

impl Explorers {
    /// Nobody.
    pub(super) fn nobody() -> Self {
        Self {
            explore: Explore { key: String::new(), fraction: 0.0, among: 1 },
            all: Vec::new(),
            least: Minor(i64::MIN),
            n_channels: 0,
            order: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// Nobody yet, with what lots can be drawn from.
    pub(super) fn drawing(explore: Explore, least: Minor, decide: &Decide, limits: Option<&Limits>) -> Self {
        let n_channels = decide.channels.len();
        let cost = |channel: u8| contact_cost(decide, &decide.channels[usize::from(channel)]);
        let mut order: Vec<(u8, i64)> = (0..n_channels as u8).map(|channel| (channel, cost(channel))).collect();
        order.sort_by_key(|&(_, cost)| cost);
        let limits = limits.map_or(&[][..], |limits| limits.all.as_slice());
        let closed = limits.iter().filter(|limit| limit.max == Some(0)).cloned().collect();
        Self { explore, all: Vec::new(), least, n_channels, order, closed }
    }

    /// Where an offer through a channel stands in what a limit counts.
    pub(super) fn at(&self, (offer, channel): (OfferId, u8)) -> usize {
        offer.0 as usize * self.n_channels + usize::from(channel)
    }

    /// What a customer's lot is drawn from: offers and the first channel of `reach` each may be made through. `values` has an entry an offer,
    /// what it is worth through the first channel there is; a dearer one takes the difference off.
    pub(super) fn options(
        &self,
        values: &[Option<Minor>],
        (segment, reach): (u16, impl Fn(OfferId) -> ChannelSet),
    ) -> Vec<(OfferId, u8)> {
        let is_open = |offer: OfferId, channel: u8| {
            let at = self.at((offer, channel));
            self.closed.iter().all(|limit| limit.uses_in(segment, at) == 0)
        };
        let through = |offer: OfferId| {
            let reached = reach(offer);
            let mut channels = self.order.iter().filter(|(channel, _)| reached.contains(*channel));
            let &(_, least) = channels.clone().next()?;
            let &(channel, cost) = channels.find(|(channel, _)| is_open(offer, *channel))?;
            Some((channel, Minor(cost - least)))
        };
        let through: Vec<Option<(u8, Minor)>> = (0..values.len()).map(|offer| through(OfferId(offer as u32))).collect();
        let worth = |(value, through): (&Option<Minor>, &Option<(u8, Minor)>)| Some((*value)? - (*through)?.1);
        let values: Vec<Option<Minor>> = values.iter().zip(&through).map(worth).collect();
        let options = self.explore.options(&values, self.least);
        options.into_iter().filter_map(|offer| Some((offer, through[offer.0 as usize]?.0))).collect()
    }

    /// The lot of a customer who explores.
    pub(super) fn of(&self, customer: u32) -> Option<Explorer> {
        self.all.binary_search_by_key(&customer, |one| one.customer).ok().map(|at| self.all[at])
    }
}

pub(super) fn texts<'a>(batch: &'a RecordBatch, column: usize, path: &Path) -> Result<&'a StringArray> {
    let texts = batch.column(column).as_string_opt::<i32>();
    texts.ok_or_else(|| Fault::new(Code::FileDamaged).in_file(path.display().to_string()).because("not text"))
}

/// The draw of a run: the key of its holdout and its date, so that every run draws anew and nobody can tell who it will be.
pub(super) fn draw(decide: &Decide, as_of: AsOf) -> Explore {
    Explore {
        key: format!("{}/explore/{}", decide.holdout_salt.reveal(), as_of.date),
        fraction: decide.explore_fraction,
        among: decide.explore_among,
    }
}

/// What an offer must be worth to be a lot; where nothing says so, worth does not matter: what is never offered teaches nothing.
pub(crate) fn least_worth(decide: &Decide) -> Minor {
    Minor(decide.explore_min_value_minor.unwrap_or(i64::MIN))
}

/// Draws lots, block by block, and settles in the end how many of those who drew one explore.
pub(super) struct Drawing<'a> {
    explorers: Explorers,
    limits: &'a [Limit],
    /// Positions in the draw below the fraction, and the lots.
    drawn: Vec<(f64, Explorer)>,
    /// What everybody's lots would use of each limit, on average.
    expected: Vec<f64>,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(explore: Explore, decide: &Decide, limits: Option<&'a Limits>) -> Self {
        let explorers = Explorers::drawing(explore, least_worth(decide), decide, limits);
        let limits = limits.map_or(&[][..], |limits| limits.all.as_slice());
        Self { explorers, limits, drawn: Vec::new(), expected: vec![0.0; limits.len()] }
    }

    /// A block of customers with their ids; those in the holdout, another arm or a declared lane draw no lot.
    pub(super) fn add(&mut self, customers: &[(u32, &str)], is_left_out: &[bool], state: &State, ranked: &Ranked) {
        let n_offers = ranked.single_values.len() / customers.len().max(1);
        for (position, &(customer, id)) in customers.iter().enumerate() {
            // In a lane of its own a customer is left to the care taken there.
            if is_left_out[position] || state.found.is_in_lane(position) {
                continue;
            }
            let values = &ranked.single_values[position * n_offers..(position + 1) * n_offers];
            let segment = state.found.segment(position);
            let options = self.explorers.options(values, (segment, |offer| state.reach(position, offer)));
            for option in &options {
                let at = self.explorers.at(*option);
                let share = 1.0 / (options.len() + 1) as f64;
                self.limits
                    .iter()
                    .zip(&mut self.expected)
                    .for_each(|(limit, sum)| *sum += limit.uses_in(segment, at) as f64 * share);
            }
            let explore = &self.explorers.explore;
            let place = explore.position(id.as_bytes());
            if place < explore.fraction {
                let lot = explore.lot(id.as_bytes(), options.len()).map(|lot| options[lot]);
                self.drawn.push((place, Explorer { customer, lot, segment }));
            }
        }
    }

    /// The explorers: as many of those who drew a lot as leave nine tenths of every limit to the others, on average.
    pub(super) fn finish(self) -> Explorers {
        let mut explorers = self.explorers;
        for (limit, expected) in self.limits.iter().zip(&self.expected) {
            if let Some(max) = limit.max.filter(|_| *expected > 0.0) {
                explorers.explore.fraction = explorers.explore.fraction.min(SHARE * max as f64 / expected);
            }
        }
        let fraction = explorers.explore.fraction;
        explorers.all = self.drawn.iter().filter(|(place, _)| *place < fraction).map(|(_, one)| *one).collect();
        explorers.all.sort_unstable();
        // Chance may draw more for a very small limit than it holds; whom to leave out then would be a choice, so nobody explores.
        let used = explorers.used(self.limits);
        if self.limits.iter().zip(used).any(|(limit, used)| limit.max.is_some_and(|max| used > max)) {
            explorers.explore.fraction = 0.0;
            explorers.all.clear();
        }
        explorers
    }
}

impl Explorers {
    /// What their lots use of each limit.
    pub(super) fn used(&self, limits: &[Limit]) -> Vec<i64> {
        let at = |one: &Explorer| one.lot.map(|lot| (one.segment, self.at(lot)));
        let lots: Vec<(u16, usize)> = self.all.iter().filter_map(at).collect();
        let used = |limit: &Limit| lots.iter().map(|&(segment, lot)| limit.uses_in(segment, lot)).sum();
        limits.iter().map(used).collect()
    }
}
