//! The run before: what each customer's first offer was, and how many of them change, and why.

use std::collections::BTreeMap;
use std::path::Path;

use osusume_decide::{Decision, NO_OFFER};
use osusume_model::{Code, Control, Date, Fault, Result, check_stop};
use osusume_storage::{Fs, Run, Runs, Standing};
use osusume_tables::arrow::array::{AsArray, RecordBatch, StringArray};
use osusume_tables::arrow::datatypes::Int16Type;
use osusume_tables::{CustomerIndex, read_batches};

use super::ledger::checked_path;
use super::{DECISIONS, HOLDOUT, OFFER, OFFERS, PREVIOUS, SHADOW};
use crate::config::Offers;

/// The newest published run of a date before `as_of` whose offers still stood then.
///
/// # Errors
/// Faults of listing runs, and integrity faults of that one.
pub(crate) fn previous_run(runs: &Runs, offers: &Offers, as_of: Date) -> Result<Option<Run>> {
    let oldest = as_of - (offers.gap_days + offers.horizon_days) as i32;
    let stands = |date: Date| oldest <= date && date < as_of;
    let listed = runs.list()?;
    let newest =
        listed.iter().rev().find(|listed| listed.standing != Standing::Unpublished && stands(listed.run_id.as_of()));
    newest.map(|listed| runs.show(listed.run_id)).transpose()
}

/// First offers of the run before, by customer.
#[derive(Debug, Default)]
pub(crate) struct Previous {
    /// The run's name; empty where there is none.
    run_id: String,
    /// Names of offers, those of this run first, in its order.
    names: Vec<String>,
    /// By customer, one more than the position of the name; 0 for none.
    first: Vec<u32>,
}

impl Previous {
    /// Reads the first rows of offers and shadow; `offers` are the keys of this run.
    ///
    /// # Errors
    /// `DigestMismatch`, `FileDamaged`, faults of reading, and a stop asked for.
    pub(crate) fn read(
        fs: &dyn Fs,
        run: Option<&Run>,
        offers: &[String],
        customers: &CustomerIndex,
        control: &dyn Control,
    ) -> Result<Self> {
        let Some(run) = run else { return Ok(Self::default()) };
        let mut previous = Self::empty(run.current.run_id.to_string(), offers, customers);
        for name in [OFFERS, SHADOW] {
            let path = checked_path(fs, run, name, control)?;
            let mut columns = vec!["customer_id", "offer", "rank"];
            columns.extend(has_column(fs, &path, "arm")?.then_some("arm"));
            for batch in read_batches(fs, &path, &columns)? {
                check_stop(control)?;
                let batch = batch?;
                let (ids, names) = (texts(&batch, 0, &path)?, texts(&batch, 1, &path)?);
                let ranks = batch.column(2).as_primitive_opt::<Int16Type>().ok_or_else(|| damaged(&path))?;
                // What a lot or another policy gave was not the ranking's choice, and what is held back from a customer who gets other
                // offers was nobody's first. Runs from before there were arms tell none.
                let arms = if columns.len() > 3 { Some(texts(&batch, 3, &path)?) } else { None };
                let is_own = |row: usize| arms.is_none_or(|arms| [OFFER, HOLDOUT].contains(&arms.value(row)));
                let is_made = |row: usize| ranks.value(row) == 1 && is_own(row);
                for row in (0..batch.num_rows()).filter(|&row| is_made(row)) {
                    previous.set(customers, ids.value(row), names.value(row));
                }
            }
        }
        Ok(previous)
    }

    /// As a published run's decisions have them; nothing in a run of a version that kept none.
    ///
    /// # Errors
    /// `FileDamaged`, faults of reading, and a stop asked for.
    pub(crate) fn published(
        fs: &dyn Fs,
        run: &Run,
        offers: &[String],
        customers: &CustomerIndex,
        control: &dyn Control,
    ) -> Result<Self> {
        let path = run.path_of(DECISIONS)?;
        let mut previous = Self::empty(String::new(), offers, customers);
        if !has_column(fs, &path, PREVIOUS)? {
            return Ok(previous);
        }
        for batch in read_batches(fs, &path, &["customer_id", PREVIOUS])? {
            check_stop(control)?;
            let batch = batch?;
            let (ids, names) = (texts(&batch, 0, &path)?, texts(&batch, 1, &path)?);
            for (id, name) in ids.iter().zip(names) {
                if let Some((id, name)) = id.zip(name) {
                    previous.set(customers, id, name);
                }
            }
        }
        Ok(previous)
    }

    fn empty(run_id: String, offers: &[String], customers: &CustomerIndex) -> Self {
        Self { run_id, names: offers.to_vec(), first: vec![0; customers.len()] }
    }

    fn set(&mut self, customers: &CustomerIndex, id: &str, name: &str) {
        let Some(customer) = customers.find(id) else { return };
        let known = self.names.iter().position(|known| known == name);
        let at = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        self.first[customer as usize] = at as u32 + 1;
    }

    /// Position of the name of the customer's first offer; below the number of this run's offers it is one of them.
    pub(crate) fn of(&self, customer: u32) -> Option<usize> {
        self.first.get(customer as usize).and_then(|at| at.checked_sub(1)).map(|at| at as usize)
    }

    /// The customers' first offers, those of `n_offers` of this run; [`NO_OFFER`] for others and none.
    pub(super) fn incumbents(&self, customers: &[u32], n_offers: usize) -> Vec<u32> {
        let of = |&customer: &u32| self.of(customer).filter(|&at| at < n_offers).map_or(NO_OFFER, |at| at as u32);
        customers.iter().map(of).collect()
    }

    /// The name of the customer's first offer.
    pub(crate) fn name(&self, customer: u32) -> Option<&str> {
        self.of(customer).map(|at| self.names[at].as_str())
    }

    /// The counts to begin with; `None` where there is no run before.
    pub(crate) fn stability(&self) -> Option<Stability> {
        (!self.run_id.is_empty()).then(|| Stability { run_id: self.run_id.clone(), ..Stability::default() })
    }
}

/// How many first offers are others than in the run before, outside the holdout.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Stability {
    /// The run before.
    pub run_id: String,
    /// Customers with the same first offer.
    pub kept: u64,
    /// With another one.
    pub changed: u64,
    /// With none, after one.
    pub ended: u64,
    /// With one, after none.
    pub begun: u64,
    /// Share of those who had an offer and have another or none.
    pub flip_rate: f64,
    /// What became of the offers that are first no more: a rule, `below_threshold`, `outranked`, or `not_in_catalogue`.
    pub causes: BTreeMap<String, u64>,
}

impl Stability {
    /// A customer's first offer before and now, positions among the run's offers (others lie behind them), and what became of every offer.
    pub(crate) fn add(&mut self, before: Option<usize>, now: Option<usize>, decisions: &[Decision]) {
        match (before, now) {
            (None, None) => return,
            (None, Some(_)) => self.begun += 1,
            (Some(before), Some(now)) if before == now => self.kept += 1,
            (Some(_), Some(_)) => self.changed += 1,
            (Some(_), None) => self.ended += 1,
        }
        if let Some(before) = before.filter(|before| Some(*before) != now) {
            let cause = decisions.get(before).map_or("not_in_catalogue", |decision| match decision {
                // Still offered, behind another.
                Decision::Chosen { .. } => "outranked",
                decision => decision.id(),
            });
            *self.causes.entry(cause.to_owned()).or_default() += 1;
        }
        let flipped = self.changed + self.ended;
        let had = self.kept + flipped;
        self.flip_rate = if had == 0 { 0.0 } else { flipped as f64 / had as f64 };
    }
}

/// Whether a table has a column; one of an earlier version may not.
pub(crate) fn has_column(fs: &dyn Fs, path: &Path, name: &str) -> Result<bool> {
    let first = read_batches(fs, path, &[])?.next().transpose()?;
    Ok(first.is_some_and(|batch| batch.column_by_name(name).is_some()))
}

fn texts<'a>(batch: &'a RecordBatch, column: usize, path: &Path) -> Result<&'a StringArray> {
    batch.column(column).as_string_opt::<i32>().ok_or_else(|| damaged(path))
}

fn damaged(path: &Path) -> Fault {
    Fault::new(Code::FileDamaged).in_file(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use osusume_decide::Rule;

    use super::*;

    #[test]
    fn flips_are_counted_with_what_became_of_the_offer() {
        let decisions =
            [Decision::Chosen { rank: 1 }, Decision::Removed(Rule::AlreadyHeld), Decision::Chosen { rank: 2 }];
        let mut found = Stability::default();
        found.add(None, None, &decisions);
        found.add(Some(0), Some(0), &decisions);
        found.add(None, Some(0), &decisions);
        found.add(Some(1), Some(0), &decisions);
        found.add(Some(2), Some(0), &decisions);
        found.add(Some(7), None, &decisions);
        assert_eq!((found.kept, found.changed, found.ended, found.begun), (1, 2, 1, 1));
        assert!((found.flip_rate - 0.75).abs() < 1e-12);
        let causes: Vec<(&str, u64)> = found.causes.iter().map(|(cause, n)| (cause.as_str(), *n)).collect();
        assert_eq!(causes, [("already_held", 1), ("not_in_catalogue", 1), ("outranked", 1)]);
    }
}
