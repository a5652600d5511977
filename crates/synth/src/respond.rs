//! Plays the customers' answers to any table of offers: a black box beside whatever made the table.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Code, Control, Fault, Result, check_stop};
use osusume_storage::{Fs, check_destination, create_dirs};
use osusume_tables::arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int16Array, RecordBatch, StringArray,
};
use osusume_tables::arrow::datatypes::{Field, Schema};
use osusume_tables::read_batches;
use rayon::prelude::*;

use crate::World;
use crate::columns::batch;
use crate::generate::{create_parquet, part};
use crate::household::{Approach, Life, Play, Snapshot, play};
use crate::log::Holding;
use crate::person::{HOUSEHOLD_RUN, households};
use crate::rows::{customer_id, customer_number};
use crate::truth::{Chance, chances};
use crate::worth::worth;

/// Runs of households a task.
const RUNS_AT_ONCE: usize = 4_096;

/// Whether the offers of the table reach their customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Every row is a contact, made when the label window begins.
    Sent,
    /// No row is: what a holdout would have done.
    Withheld,
}

/// Whether the truth behind an answer is written beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reveal {
    /// Only what a company would see.
    Answers,
    /// The probabilities with and without contact too, and what the contact is worth.
    Expected,
}

/// How to answer.
#[derive(Clone, Debug)]
pub struct RespondOptions {
    /// Seed the company was generated with; the world's own in [`World::default_seed`].
    pub seed: u64,
    /// Contacts or not.
    pub delivery: Delivery,
    /// Answers only, or the truth too.
    pub reveal: Reveal,
    /// The Parquet file to write; replaced when it exists.
    pub out: PathBuf,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answers {
    /// Rows of the offer table.
    pub rows: u64,
    /// Offers taken and kept.
    pub taken: u64,
    /// What the truth says of them all, where it was to be revealed.
    pub truth: Option<Truth>,
}

/// The truth about all rows of an offer table.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Truth {
    /// Takes expected without the contacts.
    pub without_contact: f64,
    /// Takes expected with them.
    pub with_contact: f64,
    /// Profit that the contacts add within twelve months, in minor units, before they are paid for.
    pub worth: f64,
    /// Customers of the table expected to leave within these months if nobody contacts them; each date counts anew.
    pub leaves_alone: f64,
    /// The same with the contacts.
    pub leaves_contacted: f64,
}

/// Answers a table of offers with the columns `customer_id`, `as_of`, `rank` and `offer`.
///
/// The lives of the customers go on after the history, without further campaigns but with the contacts of the table, those of
/// earlier as-of dates included. A take counts inside `[as_of + gap, as_of + gap + horizon)` when it is of the offer's family and
/// at least of its tier, none came in the gap, and it is kept.
/// The output has the rows of the table in their order: `customer_id, as_of, rank, offer, taken, taken_on` and, if asked for,
/// `without_contact, with_contact`, which are 0 for an offer the customer cannot take, and `worth`, the profit in minor units that the
/// contact adds within twelve months before it is paid for: margins of the takes it brings, less those of customers whom it drives
/// away and of takes that earlier contacts would have brought had this one not tired the customer; what cannot be told apart is
/// shared equally among the customer's offers of the date. `leaves_alone, leaves_contacted` are the probabilities of leaving within
/// these months, without and with all contacts of the date.
/// An as-of date inside a week of the world is seen as at the beginning of that week.
///
/// # Errors
/// `UnknownCustomer` and `UnknownProduct` for ids the world does not have, faults of reading and writing, the request to stop.
pub fn respond(
    world: &World,
    offers: &Path,
    options: &RespondOptions,
    fs: &Arc<dyn Fs>,
    control: &dyn Control,
) -> Result<Answers> {
    world.check_customers()?;
    let mut asked = read_asked(world, offers, &**fs)?;
    asked.sort_unstable_by_key(|ask| (ask.number, ask.as_of, ask.rank, ask.row));
    count_before(&mut asked);
    let runs: Vec<&[Asked]> = asked.chunk_by(|a, b| a.number / HOUSEHOLD_RUN == b.number / HOUSEHOLD_RUN).collect();
    let mut answers: Vec<Answer> = Vec::with_capacity(asked.len());
    for (i, some) in runs.chunks(RUNS_AT_ONCE).enumerate() {
        check_stop(control)?;
        let parts: Vec<Vec<Answer>> = some.par_iter().map(|run| answer_run(world, options, run)).collect();
        answers.extend(parts.into_iter().flatten());
        control.progress(((i + 1) * RUNS_AT_ONCE).min(runs.len()) as u64, runs.len() as u64);
    }
    answers.sort_unstable_by_key(|answer| answer.asked.row);
    write_answers(world, &answers, options, fs)?;
    let taken = answers.iter().filter(|answer| answer.taken_on.is_some()).count();
    let truth = (options.reveal == Reveal::Expected).then(|| truth_of(&answers));
    Ok(Answers { rows: answers.len() as u64, taken: taken as u64, truth })
}

fn truth_of(answers: &[Answer]) -> Truth {
    let mut truth = Truth::default();
    for Answer { asked, told, .. } in answers {
        truth.without_contact += told.without;
        truth.with_contact += told.with;
        truth.worth += told.worth;
        // Leaving is the customer's, whatever number of offers there was.
        if asked.before == 0 {
            truth.leaves_alone += told.leaves_alone;
            truth.leaves_contacted += told.leaves_contacted;
        }
    }
    truth
}

/// One row of the offer table.
#[derive(Clone, Copy, Debug)]
struct Asked {
    row: usize,
    number: u64,
    as_of: i32,
    rank: i16,
    offer: usize,
    /// Offers made to the customer on the same date with a lower rank.
    before: u32,
    /// All offers made to the customer on the same date.
    beside: u32,
}

/// The truth behind an answer; nothing where the customer is gone or cannot take the offer.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    row: usize,
    without: f64,
    with: f64,
    worth: f64,
    leaves_alone: f64,
    leaves_contacted: f64,
}

/// One row of the output.
#[derive(Clone, Copy, Debug)]
struct Answer {
    asked: Asked,
    taken_on: Option<i32>,
    told: Told,
}

/// The contacts an offer table asks for, by customer and day.
pub(crate) fn approaches(world: &World, offers: &Path, fs: &dyn Fs) -> Result<Vec<Approach>> {
    let gap = world.file().setting.gap_days;
    let asked = read_asked(world, offers, fs)?;
    let approach = |ask: &Asked| Approach { number: ask.number, day: ask.as_of + gap, offer: ask.offer };
    let mut approaches: Vec<Approach> = asked.iter().map(approach).collect();
    approaches.sort_unstable();
    Ok(approaches)
}

fn read_asked(world: &World, path: &Path, fs: &dyn Fs) -> Result<Vec<Asked>> {
    let mut asked: Vec<Asked> = Vec::new();
    for batch in read_batches(fs, path, &["customer_id", "as_of", "rank", "offer"])? {
        let batch = batch?;
        let customers = column::<StringArray>(&batch, 0, path)?;
        let dates = column::<Date32Array>(&batch, 1, path)?;
        let ranks = column::<Int16Array>(&batch, 2, path)?;
        let offers = column::<StringArray>(&batch, 3, path)?;
        for i in 0..batch.num_rows() {
            let unknown = |code| Fault::new(code).in_file(path.display().to_string()).at(asked.len() as u64 + 1, 1);
            let number = customer_number(customers.value(i)).ok_or_else(|| unknown(Code::UnknownCustomer))?;
            let offer = world.offer_keys().iter().position(|key| *key == offers.value(i));
            let offer = offer.ok_or_else(|| unknown(Code::UnknownProduct))?;
            asked.push(Asked {
                row: asked.len(),
                number,
                as_of: dates.value(i),
                rank: ranks.value(i),
                offer,
                before: 0,
                beside: 1,
            });
        }
    }
    Ok(asked)
}

fn column<'a, T: Array + 'static>(batch: &'a RecordBatch, i: usize, path: &Path) -> Result<&'a T> {
    let fault = |found: String| {
        let name = batch.schema_ref().field(i).name().clone();
        Fault::new(Code::ColumnType).in_file(path.display().to_string()).named(name).with("found", found)
    };
    let array = batch.column(i);
    let typed = array.as_any().downcast_ref::<T>().ok_or_else(|| fault(array.data_type().to_string()));
    typed.and_then(|typed| if typed.null_count() == 0 { Ok(typed) } else { Err(fault("null".to_owned())) })
}

/// Numbers the rows of a customer and date: how many offers came before each, and how many there are.
fn count_before(asked: &mut [Asked]) {
    for group in asked.chunk_by_mut(|a, b| (a.number, a.as_of) == (b.number, b.as_of)) {
        let beside = group.len() as u32;
        for (before, ask) in group.iter_mut().enumerate() {
            ask.before = before as u32;
            ask.beside = beside;
        }
    }
}

/// Plays the households of one run and answers its rows.
fn answer_run(world: &World, options: &RespondOptions, run: &[Asked]) -> Vec<Answer> {
    let setting = &world.file().setting;
    let dates: Vec<i32> = run.iter().map(|ask| ask.as_of).collect::<BTreeSet<i32>>().into_iter().collect();
    let last = dates.last().expect("a run has a row");
    let until = last + setting.gap_days + setting.horizon_days + setting.kept_days + 1;
    let approach = |ask: &Asked| Approach { number: ask.number, day: ask.as_of + setting.gap_days, offer: ask.offer };
    let approaches: Vec<Approach> = match options.delivery {
        Delivery::Sent => run.iter().map(approach).collect(),
        Delivery::Withheld => Vec::new(),
    };
    let first = run[0].number / HOUSEHOLD_RUN * HOUSEHOLD_RUN;
    let mut answers: Vec<Answer> = Vec::new();
    for members in households(world.file(), options.seed, first, u64::MAX) {
        let asks: Vec<&Asked> = run.iter().filter(|ask| members.contains(&ask.number)).collect();
        if asks.is_empty() {
            continue;
        }
        let what = Play { world, seed: options.seed, members: &members, until, dates: &dates, approaches: &approaches };
        let mut told = Vec::new();
        let lives = play(what, &mut |snapshot| {
            if options.reveal == Reveal::Expected {
                told.extend(tell(world, options.seed, snapshot, &asks));
            }
        });
        answers.extend(asks.into_iter().map(|ask| answer(world, ask, &lives, &told)));
    }
    answers
}

/// The truth about the rows of the customer and date shown.
fn tell(world: &World, seed: u64, snapshot: &Snapshot<'_>, asks: &[&Asked]) -> Vec<Told> {
    let shown = (snapshot.person.number, snapshot.as_of);
    let mut of_shown = asks.iter().filter(|ask| (ask.number, ask.as_of) == shown).peekable();
    let Some(first) = of_shown.peek() else { return Vec::new() };
    let beside = first.beside;
    let worth = worth(world, seed, snapshot, &[beside]);
    let of_ask = |ask: &&Asked| {
        let chances = chances(world, seed, snapshot, f64::from(ask.before));
        let chance: Option<Chance> = chances.into_iter().find(|chance| chance.offer == ask.offer);
        let gain = worth.offers.iter().find(|offer| offer.offer == ask.offer).map_or(0.0, |offer| offer.gains[0]);
        Told {
            row: ask.row,
            without: chance.map_or(0.0, |chance| chance.without),
            with: chance.map_or(0.0, |chance| chance.with),
            worth: gain + worth.drags[0] / f64::from(beside),
            leaves_alone: worth.leaves_alone,
            leaves_contacted: worth.leaves[0],
        }
    };
    of_shown.map(of_ask).collect()
}

fn answer(world: &World, ask: &Asked, lives: &[Life], told: &[Told]) -> Answer {
    let life = lives.iter().find(|life| life.person.number == ask.number).expect("every member was played");
    let told = told.iter().find(|told| told.row == ask.row).copied().unwrap_or_default();
    Answer { asked: *ask, taken_on: taken_on(world, life, ask), told }
}

/// The day of the first take of the offer's family at its tier or above, if it lies in the window and is kept.
fn taken_on(world: &World, life: &Life, ask: &Asked) -> Option<i32> {
    let (plan, setting) = (world.plan(), &world.file().setting);
    let offer = &plan.offers[ask.offer];
    let tier = plan.products[offer.product].tier;
    let counts = |product: usize| plan.products[product].family == offer.family && plan.products[product].tier >= tier;
    let mut days = life.log.takes.iter().filter(|(_, product, _)| counts(*product)).map(|(_, _, day)| *day);
    let first = days.find(|day| *day >= ask.as_of)?;
    let opens = ask.as_of + setting.gap_days;
    let until = first + setting.kept_days;
    let is_held = |h: &Holding| h.start < until && h.end.is_none_or(|end| end >= until) && counts(h.product);
    let is_kept = life.log.holdings.iter().any(is_held);
    ((opens..opens + setting.horizon_days).contains(&first) && is_kept).then_some(first)
}

fn write_answers(world: &World, answers: &[Answer], options: &RespondOptions, fs: &Arc<dyn Fs>) -> Result<()> {
    let columns = answer_columns(world, answers, options.reveal);
    let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), *name == "taken_on"));
    let schema = Schema::new(fields.collect::<Vec<Field>>());
    let batch = batch(schema.clone(), columns.into_iter().map(|(_, array)| array).collect())?;
    write_replacing(fs, &options.out, &schema, &batch)
}

fn answer_columns(world: &World, answers: &[Answer], reveal: Reveal) -> Vec<(&'static str, ArrayRef)> {
    let offers = world.offer_keys();
    let ids = answers.iter().map(|a| customer_id(a.asked.number));
    let keys = answers.iter().map(|a| offers[a.asked.offer]);
    let taken = answers.iter().map(|a| Some(a.taken_on.is_some()));
    let mut columns: Vec<(&'static str, ArrayRef)> = vec![
        ("customer_id", Arc::new(StringArray::from_iter_values(ids))),
        ("as_of", Arc::new(Date32Array::from_iter_values(answers.iter().map(|a| a.asked.as_of)))),
        ("rank", Arc::new(Int16Array::from_iter_values(answers.iter().map(|a| a.asked.rank)))),
        ("offer", Arc::new(StringArray::from_iter_values(keys))),
        ("taken", Arc::new(taken.collect::<BooleanArray>())),
        ("taken_on", Arc::new(answers.iter().map(|a| a.taken_on).collect::<Date32Array>())),
    ];
    if reveal == Reveal::Expected {
        let number = |of: fn(&Answer) -> f64| Arc::new(Float64Array::from_iter_values(answers.iter().map(of)));
        columns.push(("without_contact", number(|answer| answer.told.without)));
        columns.push(("with_contact", number(|answer| answer.told.with)));
        columns.push(("worth", number(|answer| answer.told.worth)));
        columns.push(("leaves_alone", number(|answer| answer.told.leaves_alone)));
        columns.push(("leaves_contacted", number(|answer| answer.told.leaves_contacted)));
    }
    columns
}

fn write_replacing(fs: &Arc<dyn Fs>, out: &Path, schema: &Schema, batch: &RecordBatch) -> Result<()> {
    let dir = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| Fault::new(Code::CannotWrite).in_file(out.display().to_string()))?;
    check_destination(&**fs, out)?;
    create_dirs(&**fs, dir)?;
    let mut sink = create_parquet(fs, dir, &name, schema)?;
    sink.write(batch)?;
    sink.finish()?;
    fs.rename(&part(dir, &name), out)
}
