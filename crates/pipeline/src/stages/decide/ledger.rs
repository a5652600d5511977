//! The contact ledger: what earlier published runs have out with a customer, and counts as a contact before there is one.
//!
//! A customer of the holdout gets no contact at all. Their shadow rows stand for it, as often as offers of the same run were contacted, so
//! that contact limits rest both arms alike and a later run still compares like with like. For the others contacts themselves count;
//! offers that are out count too where the pipeline file says so.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use osusume_model::{Code, Control, Date, Fault, Result, check_stop, keyed_hash, unit_interval};
use osusume_storage::{Fs, InputEntry, Run, Runs, Standing, hash_file};
use osusume_tables::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, RecordBatch, StringArray};
use osusume_tables::arrow::datatypes::{DataType, Date32Type, Field, Schema};
use osusume_tables::{CustomerIndex, ParquetSink, read_batches};

use super::approach::NO_STEP;
use super::{OFFER_HOLDOUT, OFFERS, Reader, SHADOW};
use crate::calendar::Calendar;
use crate::config::{Config, Decide, HoldEvent};
use crate::job::Job;

/// What earlier runs had out when the run was made.
pub(crate) const OUTSTANDING: &str = "outstanding.parquet";

/// Days that steps of approaches are looked for in earlier runs at most.
const LONGEST: u32 = 366;

/// The longest that any offer lasts: the longest gap, and the longest window after it.
const LASTING: u32 = 180 + 730;

/// Rows written, and customers whose contacts are read, at once.
const BLOCK: usize = 65_536;

/// The published runs whose rows count as contacts on `as_of`, oldest first: of each earlier date the last one, where any limit looks back
/// to that date, or where offers that are out count and its own lasted until `as_of`.
///
/// # Errors
/// Integrity faults of these runs: without them a limit might be passed unseen.
pub(crate) fn earlier_runs(runs: &Runs, config: &Config, as_of: Date) -> Result<Vec<Run>> {
    let first = as_of - days_looked_at(config) as i32;
    let oldest = if config.decide.counts_outstanding { first.min(as_of - LASTING as i32) } else { first };
    let mut by_date = BTreeMap::new();
    for listed in runs.list()? {
        if listed.standing != Standing::Unpublished && (oldest..as_of).contains(&listed.run_id.as_of()) {
            // Listed from the oldest on: the last of a date stays.
            by_date.insert(listed.run_id.as_of(), listed.run_id);
        }
    }
    let mut counted = Vec::new();
    for (date, run_id) in by_date {
        let run = runs.show(run_id)?;
        if first <= date || as_of < date + lasting(&run.manifest.config) as i32 {
            counted.push(run);
        }
    }
    Ok(counted)
}

/// Days that the offers of a run with this effective configuration last.
fn lasting(effective: &str) -> u32 {
    let days = || {
        let config: toml::Table = effective.parse().ok()?;
        let offers = config.get("offers")?.as_table()?;
        let days = |key: &str| u32::try_from(offers.get(key)?.as_integer()?).ok();
        Some(days("gap_days")? + days("horizon_days")?)
    };
    days().unwrap_or(LASTING)
}

/// Days before a run in which an offer of an earlier one may still stand for a contact: those of the limits, and where offers that are out
/// count the days an offer lasts.
pub(crate) fn days_looked_at(config: &Config) -> u32 {
    let decide = &config.decide;
    let lasting = config.offers.gap_days + config.offers.horizon_days;
    let limits = decide.timing.channel_limits.iter().map(|limit| limit.days);
    // What the holdout would have ignored, and its steps, are told from shadow rows alone.
    let limits = limits.chain(holds_after_ignored(decide).then_some(LONGEST));
    let approaches = decide.timing.approaches.iter().map(|one| one.again_days.map_or(LONGEST, u32::from).min(LONGEST));
    let limits = limits.chain(approaches);
    let most = limits.chain([decide.contact_limit_days, decide.min_days_between]).max().unwrap_or(0);
    if decide.counts_outstanding { most.max(lasting) } else { most }
}

fn holds_after_ignored(decide: &Decide) -> bool {
    decide.hold_after.iter().any(|hold| hold.event == HoldEvent::Ignored)
}

/// The tables of earlier runs as inputs of this one. Their paths are seen from the directory of the pipeline's runs.
pub(crate) fn ledger_inputs(earlier: &[Run]) -> Vec<InputEntry> {
    let entry = |run: &Run, name: &str| {
        let output = run.manifest.output(name)?;
        let path = format!("{}/{name}", run.current.run_id);
        Some(InputEntry { path, bytes: output.bytes, sha256: output.sha256 })
    };
    earlier.iter().flat_map(|run| [OFFERS, SHADOW].into_iter().filter_map(|name| entry(run, name))).collect()
}

/// A row of an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Outstanding {
    customer: u32,
    as_of: Date,
    /// Position among the ledger's names.
    offer: u32,
    /// The channels it was meant for, as a set of those there are now.
    channels: u32,
    /// The step of an approach, a position among the names of steps; [`NO_STEP`] for none.
    step: u16,
    /// The day on which it ends; the last there is where that is settled already.
    expires: Date,
    /// Whether nothing was sent, the customer being held out.
    is_shadow: bool,
    /// What a customer of the holdout counts as having done about it.
    as_if: AsIf,
}

/// What a shadow row stands for, drawn as often as it came of the offers of the same run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AsIf {
    /// Nothing that is known: an offer, one that nobody was contacted about, or a run that asks for no more.
    Open,
    /// A contact that was answered.
    Answered,
    /// A contact without an answer.
    Ignored,
}

impl AsIf {
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Open => None,
            Self::Answered => Some("answered"),
            Self::Ignored => Some("ignored"),
        }
    }

    fn of(word: Option<&str>) -> Self {
        [Self::Answered, Self::Ignored].into_iter().find(|one| one.word() == word).unwrap_or(Self::Open)
    }
}

/// How often the offers of a run were contacted, and how often that was answered: shares of all its offers.
#[derive(Clone, Copy, Debug, Default)]
struct Shares {
    contacted: f64,
    answered: f64,
}

impl Shares {
    /// What a draw in [0, 1) stands for.
    fn as_if(self, draw: f64) -> AsIf {
        match draw {
            draw if draw < self.answered => AsIf::Answered,
            draw if draw < self.contacted => AsIf::Ignored,
            _ => AsIf::Open,
        }
    }
}

/// A contact that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Contact {
    /// Position of the customer in the block at hand.
    pub(super) customer: u32,
    /// When, microseconds UTC.
    pub(super) at: i64,
    /// The offer it was about, a position among the ledger's names, or [`ELSE`]; absent where it names none.
    pub(super) offer: Option<u32>,
    /// The channels it counts for, as a set: all where it tells none.
    pub(super) channels: u32,
    /// The step of an approach it tells, a position among the names of steps; [`NO_STEP`] for none.
    pub(super) step: u16,
    /// Whether it reached the customer; otherwise all it does is to end the offer that was out.
    pub(super) is_sent: bool,
    /// Whether an answer is known.
    pub(super) is_answered: bool,
}

/// What a contact was about that names something no run has offered: it is a contact, and answers no offer.
pub(super) const ELSE: u32 = u32::MAX;

/// A row of an earlier run that no contact has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ToCome {
    /// The date of its run.
    pub(super) told: Date,
    /// The channels it counts for, as a set.
    pub(super) channels: u32,
    /// The offer, a position among the ledger's names.
    pub(super) offer: u32,
    /// The step of an approach; [`NO_STEP`] for none.
    pub(super) step: u16,
    /// Whether it still stands.
    pub(super) stands: bool,
    /// Whether nothing was sent, the customer being held out.
    pub(super) is_shadow: bool,
    /// What it stands for, where that is asked.
    pub(super) as_if: AsIf,
}

/// What is out, by customer.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    names: Vec<String>,
    /// The channels of this run, by position.
    channels: Vec<String>,
    /// The names of steps.
    steps: Vec<String>,
    /// Sorted.
    rows: Vec<Outstanding>,
}

impl Ledger {
    /// Reads the offers and shadow rows of earlier runs; `offers` are the keys of this one. Customers who are in no table any more are
    /// left out.
    ///
    /// # Errors
    /// `DigestMismatch`, `FileDamaged`, faults of reading, and a stop asked for.
    pub(crate) fn gather(
        fs: &dyn Fs,
        earlier: &[Run],
        (offers, decide): (&[String], &Decide),
        customers: &CustomerIndex,
        control: &dyn Control,
    ) -> Result<Self> {
        let mut ledger = Self::empty(offers, decide);
        for run in earlier {
            for name in [OFFERS, SHADOW] {
                let path = checked_path(fs, run, name, control)?;
                ledger.read(fs, &path, name == SHADOW, customers, control)?;
            }
        }
        ledger.rows.sort();
        Ok(ledger)
    }

    /// The ledger a published run was decided with; empty for a run of a version that kept none.
    ///
    /// # Errors
    /// `FileDamaged`, faults of reading, and a stop asked for.
    pub(crate) fn published(
        fs: &dyn Fs,
        run: &Run,
        (offers, decide): (&[String], &Decide),
        customers: &CustomerIndex,
        control: &dyn Control,
    ) -> Result<Self> {
        let mut ledger = Self::empty(offers, decide);
        if run.manifest.output(OUTSTANDING).is_some() {
            // Only what counted was written, of either kind.
            ledger.read(fs, &run.path_of(OUTSTANDING)?, true, customers, control)?;
        }
        Ok(ledger)
    }

    fn empty(offers: &[String], decide: &Decide) -> Self {
        let steps = decide.timing.step_names().into_iter().map(str::to_owned).collect();
        Self { names: offers.to_vec(), channels: decide.channels.clone(), steps, rows: Vec::new() }
    }

    fn read(
        &mut self,
        fs: &dyn Fs,
        path: &Path,
        is_shadow: bool,
        customers: &CustomerIndex,
        control: &dyn Control,
    ) -> Result<()> {
        let optional = optional_columns(fs, path, &["step", "is_shadow", "arm", "contact_until", "as_if"])?;
        let columns = ["customer_id", "as_of", "offer", "channel", "expires_on"].into_iter().chain(optional);
        for batch in read_batches(fs, path, &columns.collect::<Vec<_>>())? {
            check_stop(control)?;
            let batch = batch?;
            let (ids, offers) = (texts(&batch, "customer_id", path)?, texts(&batch, "offer", path)?);
            let channels = texts(&batch, "channel", path)?;
            let (dates, ends) = (dates(&batch, "as_of", path)?, dates(&batch, "expires_on", path)?);
            let arms = batch.column_by_name("arm").and_then(|column| column.as_string_opt::<i32>());
            let steps = batch.column_by_name("step").and_then(|column| column.as_string_opt::<i32>());
            let shadows = batch.column_by_name("is_shadow").and_then(|column| column.as_boolean_opt());
            let as_if = batch.column_by_name("as_if").and_then(|column| column.as_string_opt::<i32>());
            let until =
                batch.column_by_name("contact_until").and_then(|column| column.as_primitive_opt::<Date32Type>());
            // Nobody is contacted about an offer from the day on which it is too late for it.
            let end = |row: usize| {
                let until = until.filter(|until| until.is_valid(row)).map(|until| until.value(row));
                Date(until.map_or(ends.value(row), |until| until.min(ends.value(row))))
            };
            // Rows of the shadow that stand for one offer of a customer who gets others are no contact, made or not.
            let is_counted = |row: &usize| arms.is_none_or(|arms| arms.value(*row) != OFFER_HOLDOUT);
            for row in (0..batch.num_rows()).filter(is_counted) {
                if let Some(customer) = customers.find(ids.value(row)) {
                    let step =
                        steps.filter(|steps| steps.is_valid(row)).map_or(NO_STEP, |steps| self.step(steps.value(row)));
                    let is_shadow = shadows.map_or(is_shadow, |flags| flags.value(row));
                    let offer = self.position(offers.value(row));
                    let channel = self.channels.iter().position(|channel| channel == channels.value(row));
                    let (as_of, expires) = (Date(dates.value(row)), end(row));
                    let channels = channel.map_or(0, |channel| 1 << channel);
                    let as_if = AsIf::of(as_if.filter(|words| words.is_valid(row)).map(|words| words.value(row)));
                    self.rows.push(Outstanding { customer, as_of, offer, channels, step, expires, is_shadow, as_if });
                }
            }
        }
        Ok(())
    }

    fn position(&mut self, name: &str) -> u32 {
        let found = self.find(name);
        found.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() as u32 - 1
        })
    }

    /// The number of a step as a contact spells it; [`NO_STEP`] for one there is not.
    pub(super) fn step(&self, name: &str) -> u16 {
        self.steps.iter().position(|known| known == name.trim()).map_or(NO_STEP, |at| at as u16)
    }

    /// The position of a name as a contact spells it.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.names.iter().position(|known| known == name.trim()).map(|position| position as u32)
    }

    /// What counts as a contact: every row that has not expired where `counts_all` (and of the holdout every step of an approach and what
    /// stands for a contact in a hold after ignored ones), else of each earlier run as large a share of its shadow rows as of its offers
    /// has been contacted, drawn by a hash of the customer.
    ///
    /// # Errors
    /// Faults of reading contacts, and a stop asked for.
    pub(crate) fn settled(mut self, reader: &Reader<'_>, counts_all: bool) -> Result<Self> {
        let asks_answers = holds_after_ignored(&reader.scene.config.decide);
        let shares = if counts_all && !asks_answers { BTreeMap::new() } else { self.shares(reader)? };
        let seed = &reader.scene.config.train.seed;
        let drawn = |row: &Outstanding| {
            let hash = keyed_hash(&format!("{seed}/contacted/{}", row.as_of), reader.id(row.customer).as_bytes());
            shares.get(&row.as_of).map_or(AsIf::Open, |shares| shares.as_if(unit_interval(hash)))
        };
        let mut rows = std::mem::take(&mut self.rows);
        for row in rows.iter_mut().filter(|row| row.is_shadow) {
            row.as_if = drawn(row);
        }
        rows.retain(|row| {
            let is_step = row.is_shadow && row.step != NO_STEP;
            row.as_if != AsIf::Open || (counts_all && (row.expires > reader.as_of.date || is_step))
        });
        if !asks_answers {
            for row in &mut rows {
                row.as_if = AsIf::Open;
            }
        }
        self.rows = rows;
        Ok(self)
    }

    /// By date of an earlier run, what came of its offers.
    fn shares(&self, reader: &Reader<'_>) -> Result<BTreeMap<Date, Shares>> {
        let mut counts: BTreeMap<Date, [u32; 3]> = BTreeMap::new();
        let offered: Vec<&[Outstanding]> =
            self.rows.chunk_by(|a, b| a.customer == b.customer).filter(|rows| !rows[0].is_shadow).collect();
        for block in offered.chunks(BLOCK) {
            reader.scene.check_stop()?;
            let customers: Vec<u32> = block.iter().map(|rows| rows[0].customer).collect();
            let mut contacts = reader.contacts_made(&customers, self)?;
            contacts.retain(|contact| contact.is_sent);
            contacts.sort_unstable();
            let own = |at: usize| {
                let of = |customer: usize| contacts.partition_point(|contact| (contact.customer as usize) < customer);
                &contacts[of(at)..of(at + 1)]
            };
            for (at, rows) in block.iter().enumerate() {
                let own = own(at);
                for (row, contact) in rows.iter().zip(contacted(rows, own, reader.scene.calendar)) {
                    let [n_answered, n_contacted, n] = counts.entry(row.as_of).or_default();
                    *n_answered += u32::from(contact.is_some_and(|at| own[at].is_answered));
                    *n_contacted += u32::from(contact.is_some());
                    *n += 1;
                }
            }
        }
        let share = |part: u32, n: u32| f64::from(part) / f64::from(n);
        let shares = |[answered, contacted, n]: [u32; 3]| Shares {
            contacted: share(contacted, n),
            answered: share(answered, n),
        };
        Ok(counts.into_iter().map(|(date, counts)| (date, shares(counts))).collect())
    }

    /// Writes what counts below the run, for whoever asks why nothing was offered.
    ///
    /// # Errors
    /// Faults of writing.
    pub(crate) fn write(&self, job: &Job<'_>, customers: &CustomerIndex) -> Result<()> {
        let schema = Arc::new(Schema::new(vec![
            Field::new("customer_id", DataType::Utf8, false),
            Field::new("as_of", DataType::Date32, false),
            Field::new("offer", DataType::Utf8, false),
            Field::new("channel", DataType::Utf8, false),
            Field::new("expires_on", DataType::Date32, false),
            Field::new("step", DataType::Utf8, true),
            Field::new("is_shadow", DataType::Boolean, false),
            Field::new("as_if", DataType::Utf8, true),
        ]));
        let mut sink = ParquetSink::create(&job.target(), OUTSTANDING, &schema, &[])?;
        for rows in self.rows.chunks(BLOCK) {
            job.check_stop()?;
            let channel = |row: &Outstanding| {
                self.channels.get(row.channels.trailing_zeros() as usize).map_or("", String::as_str)
            };
            let step = |row: &Outstanding| self.steps.get(usize::from(row.step)).map(String::as_str);
            let columns: [ArrayRef; 8] = [
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| customers.id(row.customer)))),
                Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| row.as_of.0))),
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &self.names[row.offer as usize]))),
                Arc::new(StringArray::from_iter_values(rows.iter().map(channel))),
                Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| row.expires.0))),
                Arc::new(rows.iter().map(step).collect::<StringArray>()),
                Arc::new(rows.iter().map(|row| Some(row.is_shadow)).collect::<BooleanArray>()),
                Arc::new(rows.iter().map(|row| row.as_if.word()).collect::<StringArray>()),
            ];
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns.into());
            sink.write(&batch.map_err(|error| Fault::new(Code::Bug).because(error.to_string()))?)?;
        }
        sink.finish().map(drop)
    }

    /// The rows that count for `customer` on a day and that no contact has answered; `contacts` are theirs, in the order of time, what was
    /// not sent included.
    pub(super) fn unanswered(
        &self,
        customer: u32,
        contacts: &[Contact],
        (calendar, today): (&Calendar, Date),
    ) -> Vec<ToCome> {
        let from = self.rows.partition_point(|row| row.customer < customer);
        let to = from + self.rows[from..].partition_point(|row| row.customer == customer);
        let rows = self.rows[from..to].iter().zip(contacted(&self.rows[from..to], contacts, calendar));
        let to_come = |(row, _): (&Outstanding, Option<usize>)| {
            let Outstanding { as_of: told, channels, offer, step, expires, is_shadow, as_if, .. } = *row;
            ToCome { told, channels, offer, step, stands: expires > today, is_shadow, as_if }
        };
        rows.filter(|(_, contact)| contact.is_none()).map(to_come).collect()
    }
}

/// The contact each row of one customer came to, if any. A contact is one row's: on the row's date or later, and about the same offer, or
/// about none it names.
fn contacted(rows: &[Outstanding], contacts: &[Contact], calendar: &Calendar) -> impl Iterator<Item = Option<usize>> {
    let mut is_used = vec![false; contacts.len()];
    rows.iter().map(move |row| {
        let begins = calendar.midnight(row.as_of).0;
        let mut find = |offer: Option<u32>| {
            let fits = |i: &usize| !is_used[*i] && contacts[*i].at >= begins && contacts[*i].offer == offer;
            let found = (0..contacts.len()).find(fits);
            if let Some(i) = found {
                is_used[i] = true;
            }
            found
        };
        find(Some(row.offer)).or_else(|| find(None))
    })
}

/// Those of some columns that a table has; those of earlier versions lack some.
fn optional_columns<'a>(fs: &dyn Fs, path: &Path, names: &[&'a str]) -> Result<Vec<&'a str>> {
    let first = read_batches(fs, path, &[])?.next().transpose()?;
    let has = |name: &str| first.as_ref().is_some_and(|batch| batch.column_by_name(name).is_some());
    Ok(names.iter().copied().filter(|name| has(name)).collect())
}

/// The path of a run's table, its bytes compared with the manifest.
pub(super) fn checked_path(fs: &dyn Fs, run: &Run, name: &str, control: &dyn Control) -> Result<std::path::PathBuf> {
    let path = run.path_of(name)?;
    let expected = run.manifest.output(name).map(|output| output.sha256);
    if expected != Some(hash_file(fs, &path, control)?.sha256) {
        let file = path.display().to_string();
        return Err(Fault::new(Code::DigestMismatch).in_file(file).with("what", "bytes"));
    }
    Ok(path)
}

fn texts<'a>(batch: &'a RecordBatch, name: &str, path: &Path) -> Result<&'a StringArray> {
    let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    column.filter(|column| column.null_count() == 0).ok_or_else(|| damaged(path, name))
}

fn dates<'a>(batch: &'a RecordBatch, name: &str, path: &Path) -> Result<&'a Date32Array> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Date32Type>());
    column.filter(|column| column.null_count() == 0).ok_or_else(|| damaged(path, name))
}

fn damaged(path: &Path, column: &str) -> Fault {
    Fault::new(Code::FileDamaged).in_file(path.display().to_string()).because(column)
}

#[cfg(test)]
mod tests {
    use osusume_model::DAY_US;

    use super::*;

    fn ledger() -> Ledger {
        let row = |customer, day, offer| Outstanding {
            customer,
            as_of: Date(day),
            offer,
            channels: 1,
            step: NO_STEP,
            expires: Date(day + 60),
            is_shadow: false,
            as_if: AsIf::Open,
        };
        Ledger {
            names: vec!["wifi".into(), "tv".into()],
            channels: vec!["mail".into()],
            steps: Vec::new(),
            rows: vec![row(3, 10, 0), row(3, 20, 0), row(3, 20, 1), row(7, 20, 1)],
        }
    }

    fn check(customer: u32, contacts: &[(i32, Option<u32>)], expected: usize) {
        let contact = |&(day, offer): &(i32, Option<u32>)| Contact {
            customer: 0,
            at: i64::from(day) * DAY_US,
            offer,
            channels: 1,
            step: NO_STEP,
            is_sent: day % 2 == 0,
            is_answered: false,
        };
        let contacts: Vec<Contact> = contacts.iter().map(contact).collect();
        let calendar = Calendar::new("UTC").unwrap();
        let rows = ledger().unanswered(customer, &contacts, (&calendar, Date(30)));
        assert_eq!(rows.len(), expected, "{customer}: {contacts:?}");
    }

    #[test]
    fn a_contact_answers_one_row_of_its_offer() {
        check(3, &[], 3);
        check(5, &[(21, Some(0))], 0);
        check(3, &[(12, Some(0))], 2);
        check(3, &[(12, Some(0)), (22, Some(1))], 1);
        // Before any row was out.
        check(3, &[(9, Some(0))], 3);
        // The row of day 10 takes the first; the second contact is the only one left for that of day 20.
        check(3, &[(21, Some(0)), (22, Some(0)), (23, Some(0))], 1);
        // About television, which this customer's only row is about; and about something else.
        check(7, &[(20, Some(1))], 0);
        check(7, &[(20, Some(0))], 1);
        check(7, &[(20, None)], 0);
        check(7, &[(20, Some(ELSE)), (22, Some(ELSE))], 1);
    }
}
