//! What a life leaves behind, as positions and days, before anything is written.

use crate::life::Setup;
use crate::rng::Stream;
use crate::schema::Ticket;

/// One interval of a holding.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) product: usize,
    pub(crate) start: i32,
    pub(crate) end: Option<i32>,
    pub(crate) renewal: Option<i32>,
    pub(crate) fee: i64,
}

/// The level of a metric on a day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    pub(crate) day: i32,
    pub(crate) metric: usize,
    pub(crate) level: f64,
}

/// A contact sent, or withheld from the control arm.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) day: i32,
    pub(crate) offer: usize,
    pub(crate) channel: usize,
    pub(crate) arm: &'static str,
    /// Probability with which the recorded action was chosen.
    pub(crate) probability: f64,
    /// Day of the answer.
    pub(crate) answered: Option<i32>,
}

/// A ticket as choices; the text is put together when it is written.
#[derive(Clone, Debug)]
pub(crate) struct TicketRow {
    pub(crate) trigger: usize,
    pub(crate) day: i32,
    pub(crate) second: i32,
    pub(crate) closed_after: i32,
    pub(crate) is_misfiled: bool,
    pub(crate) is_japanese: bool,
    pub(crate) satisfaction: i32,
    /// Chooses text and phrases.
    pub(crate) choice: u64,
}

impl TicketRow {
    /// Draws the parts of a ticket.
    pub(crate) fn draw(ticket: &Ticket, trigger: usize, day: i32, writes_japanese: bool, rng: &mut Stream) -> Self {
        Self {
            trigger,
            day,
            second: rng.days(7 * 3_600, 23 * 3_600),
            closed_after: rng.days(0, ticket.closed_days),
            is_misfiled: rng.chance(ticket.misfiled),
            // Now and then somebody writes in the other language.
            is_japanese: writes_japanese != rng.chance(0.03),
            satisfaction: (ticket.satisfaction + 0.9 * rng.normal()).round().clamp(1.0, 5.0) as i32,
            choice: (rng.uniform() * 1e15) as u64,
        }
    }
}

/// Everything one customer's life left behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) holdings: Vec<Holding>,
    pub(crate) usage: Vec<Measurement>,
    pub(crate) tickets: Vec<TicketRow>,
    pub(crate) sent: Vec<Sent>,
    /// Trigger and day.
    pub(crate) triggers: Vec<(usize, i32)>,
    /// Family, product and day of each take.
    pub(crate) takes: Vec<(usize, usize, i32)>,
}

impl Log {
    /// Ends an interval. One that ended before it began (two changes in one step) ends where it began.
    pub(crate) fn end(&mut self, row: usize, day: i32) {
        let holding = &mut self.holdings[row];
        holding.end = Some(day.max(holding.start));
    }

    /// Notes a take, and the answer it is to a contact about the family.
    pub(crate) fn note_take(&mut self, setup: Setup<'_>, family: usize, product: usize, day: i32, rng: &mut Stream) {
        self.takes.push((family, product, day));
        let answers = rng.chance(0.9);
        let lasts = setup.file.contact.lasts_days;
        let is_asked = |sent: &&mut Sent| {
            setup.plan.offers[sent.offer].family == family
                && sent.arm != "control"
                && sent.day <= day
                && day - sent.day < lasts
        };
        if let Some(sent) = self.sent.iter_mut().rev().find(is_asked).filter(|_| answers) {
            sent.answered = Some(day);
        }
    }
}
