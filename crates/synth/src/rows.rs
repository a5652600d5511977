//! Lives become lines of CSV: ids, dates, delays, missing values and words.

use std::io::Write as _;

use osusume_model::{DAY_US, Date, Timestamp};

use crate::World;
use crate::columns::{ChanceColumns, UsageColumns, WorthColumns};
use crate::household::Life;
use crate::log::{Sent, TicketRow};
use crate::math::exp;
use crate::rng::{Purpose, Stream};
use crate::schema::{Attribute, AttributeKind, Ticket};

const SECOND_US: i64 = 1_000_000;
/// The nightly load begins at two in the morning, local time, and the export is made at six.
const LOAD_SECONDS: i32 = 2 * 3_600;
const EXPORT_SECONDS: i32 = 6 * 3_600;

/// The written tables of a run of customers, each without its header.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) customers: Table,
    pub(crate) holdings: Table,
    pub(crate) usage: UsageColumns,
    pub(crate) tickets: Table,
    pub(crate) contacts: Table,
    pub(crate) consents: Table,
    pub(crate) true_customers: Table,
    pub(crate) true_chances: ChanceColumns,
    pub(crate) true_worth: WorthColumns,
    pub(crate) true_triggers: Table,
    /// Only of a shop.
    pub(crate) purchases: Table,
    pub(crate) sold: Table,
}

/// Lines and how many there are.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: u64,
}

impl Table {
    pub(crate) fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.bytes.write_fmt(line).expect("memory takes every byte");
        self.bytes.push(b'\n');
        self.rows += 1;
    }
}

/// Writes one customer after the other; what arrives after the export is not in it.
pub(crate) struct Recorder<'a> {
    pub(crate) world: &'a World,
    pub(crate) seed: u64,
    pub(crate) until: i32,
    /// For each metric the first day that is written, which thins the usage.
    usage_from: &'a [i32],
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(world: &'a World, seed: u64, until: i32, usage_from: &'a [i32]) -> Self {
        Self { world, seed, until, usage_from }
    }

    /// Writes everything about one customer.
    pub(crate) fn record(&self, life: &Life, tables: &mut Tables) {
        if life.person.joined >= self.until {
            return;
        }
        let mut rng = Stream::new(self.seed, Purpose::Recording, life.person.number);
        self.customer(life, &mut tables.customers, &mut rng);
        self.holdings(life, &mut tables.holdings, &mut rng);
        if let Some(shop) = &self.world.file().shop {
            self.purchases(life, shop, (&mut tables.purchases, &mut tables.sold));
        }
        self.tickets(life, &mut tables.tickets, &mut rng);
        self.contacts(life, &mut tables.contacts, &mut rng);
        self.consents(life, &mut tables.consents);
        self.usage(life, &mut tables.usage);
        self.true_customer(life, tables);
    }

    fn customer(&self, life: &Life, table: &mut Table, rng: &mut Stream) {
        let (person, file) = (&life.person, self.world.file());
        let mut cells = String::new();
        for (i, attribute) in file.attribute.iter().enumerate() {
            cells.push(',');
            let factor = attribute.missing_by_segment.get(&file.segment[person.segment].name).copied().unwrap_or(1.0);
            if !rng.chance(file.setting.missing * factor) {
                cells.push_str(&self.attribute(life, i, attribute));
            }
        }
        table.line(format_args!(
            "{},{},{},{}{cells}",
            customer_id(person.number),
            household_id(person.household),
            Date(person.joined),
            self.instant(person.joined + 1, LOAD_SECONDS),
        ));
    }

    fn attribute(&self, life: &Life, i: usize, attribute: &Attribute) -> String {
        let value = life.person.attributes[i];
        match attribute.kind {
            AttributeKind::Category => attribute.values[value as usize].clone(),
            AttributeKind::Number => format!("{value:.0}"),
            AttributeKind::Flag => (if value > 0.5 { "yes" } else { "no" }).to_owned(),
            AttributeKind::After => {
                let family = self.world.plan().after[i];
                let taken = life.log.takes.iter().find(|(of, _, _)| Some(*of) == family);
                taken.map_or(String::new(), |(_, _, day)| Date(*day).to_string())
            }
        }
    }

    fn holdings(&self, life: &Life, table: &mut Table, rng: &mut Stream) {
        let id = customer_id(life.person.number);
        for holding in &life.log.holdings {
            let (arrived, end_arrived) =
                (self.arrival(holding.start, rng), self.arrival(holding.end.unwrap_or(0), rng));
            if holding.end.is_some_and(|end| end <= holding.start) {
                continue;
            }
            let Some(arrived) = arrived else { continue };
            let end = holding.end.filter(|_| end_arrived.is_some());
            table.line(format_args!(
                "{id},{},{},1,{},{},{},{},{arrived},{}",
                line_id(life.person.number),
                self.world.file().product[holding.product].id,
                Date(holding.start),
                date_or_empty(end),
                date_or_empty(holding.renewal),
                self.world.amount(holding.fee),
                end.and(end_arrived).unwrap_or_default(),
            ));
        }
    }

    fn tickets(&self, life: &Life, table: &mut Table, rng: &mut Stream) {
        let file = self.world.file();
        for row in &life.log.tickets {
            let (arrived, asked) = (self.arrival(row.day, rng), rng.chance(1.0 - 6.0 * file.setting.missing));
            let (Some(arrived), Some(ticket)) = (arrived, &file.trigger[row.trigger].ticket) else { continue };
            let closed = row.day + row.closed_after;
            let is_closed = closed < self.until;
            let satisfaction = if is_closed && asked { row.satisfaction.to_string() } else { String::new() };
            let closed_at = if is_closed { self.instant(closed, row.second + 1_800) } else { String::new() };
            table.line(format_args!(
                "{},{},{closed_at},{},{},{satisfaction},{arrived}",
                customer_id(life.person.number),
                self.instant(row.day, row.second),
                if row.is_misfiled { "other" } else { &ticket.topic },
                quoted(&self.body(row, ticket)),
            ));
        }
    }

    /// A template with its places filled, all chosen by one number.
    fn body(&self, row: &TicketRow, ticket: &Ticket) -> String {
        let mut choice = row.choice;
        let mut pick = |n: usize| {
            let picked = choice % n.max(1) as u64;
            choice /= n.max(1) as u64;
            picked as usize
        };
        let texts = &ticket.texts[if row.is_japanese { "ja" } else { "en" }];
        let mut text = texts[pick(texts.len())].clone();
        for phrase in &self.world.file().phrase {
            let words = if row.is_japanese { &phrase.ja } else { &phrase.en };
            let place = format!("{{{}}}", phrase.name);
            if let Some(word) = words.get(pick(words.len())).filter(|_| text.contains(&place)) {
                text = text.replace(&place, word);
            }
        }
        text
    }

    fn contacts(&self, life: &Life, table: &mut Table, rng: &mut Stream) {
        let file = self.world.file();
        for sent in &life.log.sent {
            let (arrived, second) = (self.arrival(sent.day, rng), rng.days(10 * 3_600, 18 * 3_600));
            let answered = answer(sent, rng).filter(|day| *day < self.until);
            let Some(arrived) = arrived else { continue };
            table.line(format_args!(
                "{},{},{},{},{},{:.6},{},{arrived}",
                customer_id(life.person.number),
                self.instant(sent.day, second),
                file.offer[sent.offer].product,
                file.setting.consents[sent.channel].channel,
                sent.arm,
                sent.probability,
                answered.map_or(String::new(), |day| self.instant(day, 20 * 3_600)),
            ));
        }
    }

    fn consents(&self, life: &Life, table: &mut Table) {
        let yes_no = |allowed: bool| if allowed { "yes" } else { "no" };
        for (known, consent) in self.world.file().setting.consents.iter().zip(&life.person.consents) {
            let mut row = |allowed: bool, day: i32| {
                let id = customer_id(life.person.number);
                let at = self.instant(day, 12 * 3_600);
                table.line(format_args!("{id},{},marketing,{},{at}", known.channel, yes_no(allowed)));
            };
            row(consent.first, life.person.joined);
            if let Some(day) = consent.changed.filter(|day| *day < self.until) {
                row(!consent.first, day);
            }
        }
    }

    /// Measurements; every draw is made whether or not the row is written, so that thinning changes no other value.
    fn usage(&self, life: &Life, columns: &mut UsageColumns) {
        let file = self.world.file();
        let mut rng = Stream::new(self.seed, Purpose::Usage, life.person.number);
        for measured in &life.log.usage {
            let metric = &file.metric[measured.metric];
            let value = measured.level * exp(0.7 * metric.noise * rng.normal());
            let (is_missing, arrived) =
                (rng.chance(file.setting.missing), self.arrival_instant(measured.day, &mut rng));
            let is_written = !is_missing && measured.day >= self.usage_from[measured.metric];
            if let Some(arrived) = arrived.filter(|_| is_written) {
                let value = rounded(value.min(metric.most.unwrap_or(f64::INFINITY)), metric.decimals);
                columns.push(life.person.number, measured.day, measured.metric, value, arrived.0);
            }
        }
    }

    fn true_customer(&self, life: &Life, tables: &mut Tables) {
        let (file, person) = (self.world.file(), &life.person);
        let id = customer_id(person.number);
        let left = life.state.as_ref().and_then(|state| state.left);
        tables.true_customers.line(format_args!(
            "{id},{},{},{}",
            file.segment[person.segment].name,
            file.response[person.response].name,
            date_or_empty(left),
        ));
        for (trigger, day) in &life.log.triggers {
            tables.true_triggers.line(format_args!("{id},{},{}", file.trigger[*trigger].name, Date(*day)));
        }
    }

    /// The instant a row about `day` arrived as text, or `None` when that was after the export.
    pub(crate) fn arrival(&self, day: i32, rng: &mut Stream) -> Option<String> {
        self.arrival_instant(day, rng).map(show_instant)
    }

    /// The instant a row about `day` arrived, or `None` when that was after the export. Each night has one load.
    fn arrival_instant(&self, day: i32, rng: &mut Stream) -> Option<Timestamp> {
        let setting = &self.world.file().setting;
        let (is_late, delay) = (rng.chance(setting.late), rng.days(setting.late_days[0], setting.late_days[1]));
        let on = day + if is_late { delay } else { 1 };
        // The load does not end at the same minute every night.
        let second = LOAD_SECONDS + on.wrapping_mul(7_919).rem_euclid(7_200);
        let is_in = i64::from(on - self.until) * 86_400 + i64::from(second) <= i64::from(EXPORT_SECONDS);
        is_in.then(|| self.at(on, second))
    }

    /// Local day and second as `YYYY-MM-DDThh:mm:ssZ`.
    pub(crate) fn instant(&self, day: i32, second: i32) -> String {
        show_instant(self.at(day, second))
    }

    fn at(&self, day: i32, second: i32) -> Timestamp {
        let offset = self.world.file().setting.utc_offset_minutes * 60;
        Timestamp(i64::from(day) * DAY_US + i64::from(second - offset) * SECOND_US)
    }
}

/// Half away from zero at so many decimals.
fn rounded(value: f64, decimals: u32) -> f64 {
    let scale = 10_f64.powi(decimals as i32);
    (value * scale).round() / scale
}

/// `C` and nine digits.
pub(crate) fn customer_id(number: u64) -> String {
    format!("C{number:09}")
}

/// The number of a customer id.
pub(crate) fn customer_number(id: &str) -> Option<u64> {
    let digits = id.strip_prefix('C')?;
    (digits.len() >= 9 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

fn household_id(number: u64) -> String {
    format!("H{number:09}")
}

fn line_id(number: u64) -> String {
    format!("L{number:09}")
}

/// Those who take are noted with the take; some others answer that they do not want it.
fn answer(sent: &Sent, rng: &mut Stream) -> Option<i32> {
    let (refuses, after) = (rng.chance(0.04), rng.days(1, 20));
    sent.answered.or_else(|| (refuses && sent.arm != "control").then_some(sent.day + after))
}

fn date_or_empty(day: Option<i32>) -> String {
    day.map_or(String::new(), |day| Date(day).to_string())
}

fn show_instant(at: Timestamp) -> String {
    let (day, rest) = (at.0.div_euclid(DAY_US), at.0.rem_euclid(DAY_US) / SECOND_US);
    let date = Date(i32::try_from(day).expect("days of this millennium"));
    format!("{date}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

/// A field in quotes when it needs them.
pub(crate) fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
