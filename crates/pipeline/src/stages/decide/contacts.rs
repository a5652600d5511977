//! Contacts made, and those that are out: how many, through which channel, how long ago, and how many in a row were ignored.

use osusume_decide::{NEVER, Touch};
use osusume_model::{Date, Result};

use super::approach::{Made, NO_STEP};
use super::ledger::{Contact, ELSE, Ledger, ToCome};
use super::state::Reader;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{ChannelLimit, HoldAfter, HoldEvent, Role};
use crate::job::Scene;
use crate::seam::Block;
use crate::stages::features::drawn_only;

/// One entry a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contacts {
    /// Contacts within the days of the limit, made or to come.
    pub(crate) n: Vec<u16>,
    /// Customers × channels: contacts left through each; empty without such a limit.
    pub(crate) channels_left: Vec<u16>,
    /// Days since the last one, made or to come.
    pub(crate) days_since: Vec<u16>,
    /// Days since the last of so many ignored in a row.
    pub(crate) days_since_ignored: Vec<u16>,
    /// Customers × approaches: the contacts that belong to each, oldest first.
    pub(crate) touches: Vec<Vec<Touch>>,
}

impl Reader<'_> {
    /// What is known of the customers' contacts.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(super) fn contacts(&self, customers: &[u32]) -> Result<Contacts> {
        let mut made = self.contacts_made(customers, self.ledger)?;
        made.sort_unstable();
        let decide = &self.scene.config.decide;
        let hold = decide.hold_after.iter().find(|hold| hold.event == HoldEvent::Ignored);
        let mut rest = made.as_slice();
        let mut found = Contacts::default();
        for (position, &customer) in customers.iter().enumerate() {
            let (own, others) = rest.split_at(rest.partition_point(|contact| contact.customer as usize <= position));
            rest = others;
            let to_come = self.ledger.unanswered(customer, own, (self.scene.calendar, self.as_of.date));
            let sent: Vec<&Contact> = own.iter().filter(|contact| contact.is_sent).collect();
            let own = Own { reader: self, sent: &sent, to_come: &to_come };
            found.touches.extend(self.touches(own.steps()));
            found.n.push(own.within(decide.contact_limit_days, u32::MAX));
            found.channels_left.extend(own.channels_left(&decide.timing.channel_limits, decide.channels.len()));
            found.days_since.push(own.days_since());
            found.days_since_ignored.push(hold.map_or(NEVER, |hold| own.days_since_ignored(hold)));
        }
        Ok(found)
    }

    /// Every contact that any limit or hold may look at; `ledger` numbers the offers they are about.
    pub(super) fn contacts_made(&self, customers: &[u32], ledger: &Ledger) -> Result<Vec<Contact>> {
        let decide = &self.scene.config.decide;
        let mut made = Vec::new();
        let names = ["at", "arrived", "arm", "offer", "channel", "step", "sent", "responded"];
        for source in self.sources(Role::Contacts) {
            let Some(block) = self.block(source, customers, &names)? else { continue };
            let block = drawn_only(&block);
            let levels =
                |name: &str| block.column(name).and_then(|column| column.dictionary.clone()).unwrap_or_default();
            let about: Vec<u32> = levels("offer").iter().map(|name| ledger.find(name).unwrap_or(ELSE)).collect();
            let is_mandatory: Vec<bool> = levels("offer")
                .iter()
                .map(|name| decide.timing.mandatory.iter().any(|one| one == name.trim()))
                .collect();
            let channel = |name: &String| decide.channels.iter().position(|channel| channel == name.trim());
            let through: Vec<u32> =
                levels("channel").iter().map(|name| channel(name).map_or(0, |channel| 1 << channel)).collect();
            let step_of: Vec<u16> = levels("step").iter().map(|name| ledger.step(name)).collect();
            let (offers, channels, steps) = (block.codes("offer"), block.codes("channel"), block.codes("step"));
            let (sent, responded) = (block.integers("sent"), block.integers("responded"));
            self.visit(&block, |customer, row, at| {
                let offer = offers.and_then(|codes| codes.get(row));
                if offer.is_some_and(|code| is_mandatory[code as usize]) {
                    return;
                }
                made.push(Contact {
                    customer: customer as u32,
                    at,
                    offer: offer.map(|code| about[code as usize]),
                    channels: channels.and_then(|codes| codes.get(row)).map_or(u32::MAX, |code| through[code as usize]),
                    step: steps.and_then(|codes| codes.get(row)).map_or(NO_STEP, |code| step_of[code as usize]),
                    is_sent: sent.and_then(|sent| sent.get(row)) != Some(0),
                    is_answered: responded.and_then(|at| at.get(row)).is_some_and(|at| at < self.as_of.instant.0),
                });
            });
        }
        Ok(made)
    }
}

/// Contacts about what is neither an offer of this run, nor a product, nor named in `decide.mandatory`. They count toward limits like any
/// other and belong to no approach; whether offers were made that nobody knows any more or names are wrong, nothing here tells.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(super) fn about_nothing_known(scene: &Scene<'_>, tables: &Checked, goods: &Goods) -> Result<u64> {
    let Some(source) = scene.config.source_of(Role::Contacts) else { return Ok(0) };
    let Some(table) = tables.table(&source.name) else { return Ok(0) };
    let mandatory = &scene.config.decide.timing.mandatory;
    let is_known = |name: &str| {
        let is_offer = goods.catalogue.offers.iter().any(|offer| offer.key == name);
        is_offer || goods.position(name).is_some() || mandatory.iter().any(|one| one == name)
    };
    let names = table.dictionary("offer").unwrap_or_default();
    let is_unknown: Vec<bool> = names.iter().map(|name| !is_known(name.trim())).collect();
    if !is_unknown.contains(&true) {
        return Ok(0);
    }
    let mut n = 0;
    for customers in tables.passes() {
        let block = Block::read(table, customers, &["offer"], &scene.quiet())?;
        let Some(codes) = block.codes("offer") else { continue };
        let rows = 0..block.offsets.last().copied().unwrap_or(0) as usize;
        n += rows.filter(|&row| codes.get(row).is_some_and(|code| is_unknown[code as usize])).count() as u64;
    }
    Ok(n)
}

/// One customer's contacts, in the order of time, and the offers that are out.
struct Own<'a> {
    reader: &'a Reader<'a>,
    sent: &'a [&'a Contact],
    to_come: &'a [ToCome],
}

impl Own<'_> {
    /// Contacts within so many days through any of these channels.
    fn within(&self, days: u32, channels: u32) -> u16 {
        let first = self.reader.as_of.date - days as i32;
        let from = self.reader.scene.calendar.midnight(first).0;
        let sent = self.sent.iter().filter(|contact| contact.at >= from && contact.channels & channels != 0);
        let is_through = |through: u32| through & channels != 0 || channels == u32::MAX;
        let to_come = self.counted().filter(|row| self.counted_on(row.told) >= first && is_through(row.channels));
        u16::try_from(sent.count() + to_come.count()).unwrap_or(u16::MAX)
    }

    /// The day an offer that is out counts as a contact on: one that still may be made as much as one of today, one that stands for what
    /// others were sent as one of its own date.
    fn counted_on(&self, told: Date) -> Date {
        if self.reader.scene.config.decide.counts_outstanding { self.reader.as_of.date } else { told }
    }

    /// What is to come and counts toward limits: not what has expired where only what stands does.
    fn counted(&self) -> impl Iterator<Item = &ToCome> {
        let counts_all = !self.reader.scene.config.decide.counts_outstanding;
        self.to_come.iter().filter(move |row| counts_all || row.stands)
    }

    /// All contacts as approaches see them. One that stands for what others were sent is as good as made, and nobody could answer it.
    fn steps(&self) -> Vec<Made> {
        let reader = self.reader;
        if reader.conditions.approaches.all.is_empty() {
            return Vec::new();
        }
        let sent = self.sent.iter().map(|contact| Made {
            day: reader.scene.calendar.day(contact.at),
            offer: contact.offer.filter(|&offer| offer != ELSE),
            step: contact.step,
            is_answered: contact.is_answered,
            is_out: false,
        });
        let is_campaign = reader.scene.config.decide.counts_outstanding;
        let to_come = self.to_come.iter().map(|row| Made {
            day: row.told,
            offer: Some(row.offer),
            step: row.step,
            is_answered: true,
            is_out: is_campaign && !row.is_shadow,
        });
        sent.chain(to_come).collect()
    }

    /// What is left through each channel; nothing where no limit speaks of one.
    fn channels_left(&self, limits: &[ChannelLimit], n_channels: usize) -> Vec<u16> {
        if limits.is_empty() {
            return Vec::new();
        }
        let mut left = vec![u16::MAX; n_channels];
        for limit in limits {
            let slot = &mut left[limit.channel];
            *slot = (*slot).min(limit.max.saturating_sub(self.within(limit.days, 1 << limit.channel)));
        }
        left
    }

    fn days_since(&self) -> u16 {
        let sent = self.reader.days_since(self.sent.last().map(|contact| contact.at));
        let told = self.counted().map(|row| self.reader.days_from(self.counted_on(row.told)));
        told.fold(sent, u16::min)
    }

    /// Goes back from the newest contact for as long as none was answered; those that may still be are passed over.
    fn days_since_ignored(&self, hold: &HoldAfter) -> u16 {
        let due = self.reader.scene.calendar.midnight(self.reader.as_of.date - hold.answer_days as i32).0;
        let unanswered = self.sent.iter().rev().take_while(|contact| !contact.is_answered);
        let ignored: Vec<i64> = unanswered.map(|contact| contact.at).filter(|&at| at < due).collect();
        if ignored.len() >= hold.n as usize { self.reader.days_since(ignored.first().copied()) } else { NEVER }
    }
}
