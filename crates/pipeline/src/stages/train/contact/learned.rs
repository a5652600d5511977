//! Which rows an offer is learned from, where that depends on who was being offered it.

use osusume_model::{Date, Result};

use super::{Arm, arms_of, offers_of};
use crate::calendar::LabelDays;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{LearnFrom, Role};
use crate::job::Job;
use crate::seam::Block;
use crate::stages::train::data::TrainingData;

/// A customer who was offered something on a day, or held back from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Approach {
    customer: u32,
    day: Date,
    is_held_back: bool,
}

/// By offer, whether each training row is learned from; `None` where all are.
///
/// A customer was being offered something as of a date when a contact about it lies between the date and the end of its label window.
/// Contacts without an arm were made.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(in super::super) fn learned(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    label: LabelDays,
    data: &TrainingData,
) -> Result<Option<Vec<Vec<bool>>>> {
    let from = job.config.train.learn_from;
    if from == LearnFrom::Everybody || job.config.is_cross_section() {
        return Ok(None);
    }
    let approaches = read(job, tables, goods)?;
    let days = (label.gap + label.horizon) as i32;
    let is_learned = |approaches: &Vec<Approach>| {
        let rows = data.customer.iter().zip(&data.date);
        rows.map(|(customer, date)| is_learned(from, of_window(approaches, *customer, *date, days))).collect()
    };
    Ok(Some(approaches.iter().map(is_learned).collect()))
}

fn is_learned(from: LearnFrom, approaches: &[Approach]) -> bool {
    match from {
        LearnFrom::Everybody => true,
        LearnFrom::LeftAlone => approaches.iter().all(|one| one.is_held_back),
        LearnFrom::HeldBack => !approaches.is_empty() && approaches.iter().all(|one| one.is_held_back),
    }
}

/// The approaches of a customer within so many days from a date on; they are sorted.
fn of_window(approaches: &[Approach], customer: u32, date: Date, days: i32) -> &[Approach] {
    let before = |day: Date| approaches.partition_point(|one| (one.customer, one.day) < (customer, day));
    &approaches[before(date)..before(date + days)]
}

/// All approaches by offer, sorted.
fn read(job: &Job<'_>, tables: &Checked, goods: &Goods) -> Result<Vec<Vec<Approach>>> {
    let mut all = vec![Vec::new(); goods.catalogue.offers.len()];
    let Some(source) = job.config.source_of(Role::Contacts) else { return Ok(all) };
    let Some(table) = tables.table(&source.name) else { return Ok(all) };
    let columns = ["at", "offer", "arm"].into_iter().filter(|name| source.column(name).is_some());
    let columns: Vec<&str> = columns.collect();
    for customers in tables.passes() {
        job.check_stop()?;
        let start = customers.start;
        let block = Block::read(table, customers, &columns, &job.quiet())?;
        let (offers, arms, at) = (offers_of(&goods.catalogue.offers, &block), arms_of(&block), block.times("at"));
        for (customer, bounds) in (start..).zip(block.offsets.windows(2)) {
            for row in bounds[0] as usize..bounds[1] as usize {
                let Some(offer) = offers[row] else { continue };
                let is_held_back = arms.get(row).copied().flatten() == Some(Arm::Control);
                all[offer as usize].push(Approach { customer, day: job.calendar.day(at[row]), is_held_back });
            }
        }
    }
    for approaches in &mut all {
        approaches.sort_unstable();
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approach(customer: u32, day: i32, is_held_back: bool) -> Approach {
        Approach { customer, day: Date(day), is_held_back }
    }

    #[test]
    fn the_window_is_half_open() {
        let all = [
            approach(1, 9, false),
            approach(1, 10, true),
            approach(1, 19, false),
            approach(1, 20, false),
            approach(2, 12, true),
        ];
        assert_eq!(of_window(&all, 1, Date(10), 10), &all[1..3]);
        assert_eq!(of_window(&all, 0, Date(10), 10), []);
        assert_eq!(of_window(&all, 2, Date(10), 10), &all[4..]);
    }

    #[test]
    fn who_is_learned_from() {
        let (made, held) = (approach(1, 1, false), approach(1, 2, true));
        let cases: [(&[Approach], [bool; 3]); 4] = [
            (&[], [true, true, false]),
            (&[made], [true, false, false]),
            (&[held], [true, true, true]),
            (&[made, held], [true, false, false]),
        ];
        for (approaches, expected) in cases {
            let got = [LearnFrom::Everybody, LearnFrom::LeftAlone, LearnFrom::HeldBack]
                .map(|from| is_learned(from, approaches));
            assert_eq!(got, expected, "{approaches:?}");
        }
    }
}
