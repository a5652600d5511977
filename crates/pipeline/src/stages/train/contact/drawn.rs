//! Customers whom a draw contacted or held back, and whether they took the offer.

use std::collections::BTreeSet;
use std::ops::Range;

use osusume_model::{Date, Result};
use osusume_windows::Label;

use super::{Arm, ContactRow, Ground};
use crate::calendar::{LabelDays, Schedule};
use crate::stages::evaluate::outcome_blocks;
use crate::stages::features::{Blocks, label};
use crate::stages::train::after::HeldRows;

/// A row of the contacts table whose window is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Drawn {
    pub(super) customer: u32,
    pub(super) offer: u32,
    pub(super) day: Date,
    pub(super) arm: Arm,
    pub(super) probability: Option<f64>,
    pub(super) is_taken: bool,
    /// Whether nothing is held any more at the end of the window; `None` for whoever held nothing on the day.
    pub(super) has_left: Option<bool>,
}

/// The largest share of customers by which exploration is believed to make the ranking's choice less likely than 1 − holdout.
const MOST_EXPLORE: f64 = 0.3;

/// Rows of one offer that one kind of draw decided about.
pub(super) struct Lottery<'a> {
    pub(super) rows: Vec<&'a Drawn>,
}

/// Of the rows of some customers those that a draw may have decided about, with what came of them.
///
/// The window begins on the contact's day, not after a gap: the gap of an as-of date is the time until a contact. Who may have the offer
/// is judged as of that day, before anything was done, and takes count as they do in labels; rows whose window, kept days included, is
/// not over at the end of the data, or whom the offer did not fit, are in neither arm.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(super) fn labeled(ground: &Ground<'_>, customers: &Range<u32>, rows: &[ContactRow]) -> Result<Vec<Drawn>> {
    let mut wanted: Vec<&ContactRow> = rows.iter().filter(|row| may_be_drawn(row)).collect();
    // A contact through two channels on one day is one.
    wanted.sort_by_key(|row| (row.day, row.customer, row.offer, row.arm));
    wanted.dedup_by_key(|row| (row.day, row.customer, row.offer, row.arm));
    let label_days = LabelDays { gap: 0, ..ground.schedule.label };
    wanted.retain(|row| row.day + label_days.until_known() <= ground.schedule.data_end.date);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let schedule = Schedule { label: label_days, ..ground.schedule.clone() };
    let blocks = outcome_blocks(ground.job, ground.tables, ground.goods, customers.clone())?;
    let held = HeldRows::read(ground.job, ground.tables, ground.goods, customers)?;
    let calendar = ground.job.calendar;
    let horizon = label_days.horizon as i32;
    let has_left = |row: &ContactRow| {
        let (held, customer) = (held.as_ref()?, (row.customer - customers.start) as usize);
        let at = |day| calendar.midnight(day).0;
        held.holds_at(customer, at(row.day)).then(|| !held.holds_at(customer, at(row.day + horizon)))
    };
    let n_offers = ground.goods.catalogue.offers.len();
    let mut drawn = Vec::new();
    for of_day in wanted.chunk_by(|a, b| a.day == b.day) {
        ground.job.check_stop()?;
        let there: Vec<u32> =
            of_day.iter().map(|row| row.customer - customers.start).collect::<BTreeSet<u32>>().into_iter().collect();
        let blocks: Blocks = blocks.iter().map(|(name, block)| (name.clone(), block.select(&there))).collect();
        let date = [ground.job.calendar.as_of(of_day[0].day)];
        let labels = label(ground.job, ground.goods, &blocks, &schedule, &date, there.len())?.label;
        for row in of_day {
            let at = there.binary_search(&(row.customer - customers.start)).expect("they are the customers of the day");
            let label = labels[at * n_offers + row.offer as usize];
            if matches!(label, Label::Negative | Label::Positive) {
                let ContactRow { customer, offer, day, arm, probability } = **row;
                let (is_taken, has_left) = (label == Label::Positive, has_left(row));
                drawn.push(Drawn { customer, offer, day, arm, probability, is_taken, has_left });
            }
        }
    }
    Ok(drawn)
}

/// A rule's contact is of use only with the probability of the draw behind it.
fn may_be_drawn(row: &ContactRow) -> bool {
    row.arm != Arm::Targeted || row.probability.is_some_and(|p| p < 1.0)
}

/// Rows of an offer by what drew them.
///
/// `targeted` rows are half of a draw whose other half are `control` rows: a run's offers and its holdout. With 1 − p for the
/// probability of those, that of the targeted is p; or, of rows of the same day, as little below it as a run that explores makes it
/// ([`MOST_EXPLORE`]). Where there are no such rows, nobody like the targeted was held back, and the rows say nothing. `random` rows belong with the `control` rows that are left.
/// Each draw is compared within itself, since each was among customers of its own.
pub(super) fn lotteries(offer: u32, drawn: &[Drawn]) -> Vec<Lottery<'_>> {
    let rows: Vec<&Drawn> = drawn.iter().filter(|row| row.offer == offer).collect();
    let of_days: BTreeSet<(Date, i64)> =
        rows.iter().filter(|row| row.arm == Arm::Control).filter_map(|row| Some((row.day, coin(row)?))).collect();
    let held_back: BTreeSet<i64> = of_days.iter().map(|(_, coin)| *coin).collect();
    let draw_of = |row: &Drawn| {
        let coin = coin(row)?;
        let nearest = of_days.range((row.day, coin)..=(row.day, i64::MAX)).next().map(|(_, draw)| *draw);
        let is_near = |draw: &i64| coin as f64 >= (1.0 - MOST_EXPLORE) * *draw as f64;
        held_back.get(&coin).copied().or(nearest.filter(is_near))
    };
    let tossed: BTreeSet<i64> =
        rows.iter().filter(|row| row.arm == Arm::Targeted).filter_map(|row| draw_of(row)).collect();
    let draw = |row: &Drawn| match row.arm {
        Arm::Random => None,
        Arm::Control => coin(row).filter(|coin| tossed.contains(coin)),
        Arm::Targeted => draw_of(row),
    };
    let of = |is_in: &dyn Fn(&Drawn) -> bool| Lottery { rows: rows.iter().copied().filter(|row| is_in(row)).collect() };
    let is_random = |row: &Drawn| row.arm != Arm::Targeted && draw(row).is_none();
    let lotteries = tossed.iter().map(|&wanted| of(&|row| draw(row) == Some(wanted)));
    lotteries.chain([of(&is_random)]).filter(|lottery| !lottery.rows.is_empty()).collect()
}

/// Probability of a contact in the draw that decided about a row, in millionths: tables round.
fn coin(row: &Drawn) -> Option<i64> {
    let of_contact = |p: f64| if row.arm == Arm::Control { 1.0 - p } else { p };
    row.probability.map(|p| (1e6 * of_contact(p)).round() as i64)
}

/// Days of a window that begins on `first` and is `days` long on which some contact is at work; `contacts` are days of contacts, each of
/// which works for as many days as the window has.
pub(super) fn days_covered(first: Date, days: i32, contacts: impl Iterator<Item = Date>) -> i32 {
    let mut covered = vec![false; days as usize];
    for contact in contacts {
        let from = (contact - first).clamp(0, days);
        let to = (contact - first).saturating_add(days).clamp(0, days);
        covered[from as usize..to.max(from) as usize].fill(true);
    }
    covered.into_iter().filter(|&covered| covered).count() as i32
}
