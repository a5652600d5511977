//! Who is a customer on the dates a run uses, as known on each: from how many rows is drawn, and whose attributes may have a name.

use std::ops::Range;

use osusume_model::{AsOf, Result};

use super::{Wanted, labels, read_blocks};
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::Role;
use crate::job::Job;
use crate::stages::consents::opted_out;
use crate::stages::ingest;

/// Customers on the dates of a run. What arrived on or after a date says nothing of it, so later rows change nothing here.
pub(super) struct People {
    /// Pairs of a customer and a date to learn from.
    pub(super) rows: u64,
    /// By customer: whether one on any of the dates, the run's own included, and not opted out.
    is_learned: Vec<bool>,
    /// Customers on any of the dates who are left out because they refused every channel.
    pub(super) opted_out: u64,
}

impl People {
    /// Nobody: where no level of an attribute asks who is a customer.
    pub(super) fn nobody() -> Self {
        Self { rows: 0, is_learned: Vec::new(), opted_out: 0 }
    }

    /// Reads what is held and bought, once.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(super) fn read(job: &Job<'_>, tables: &Checked, goods: &Goods, schedule: &Schedule) -> Result<Self> {
        let dates: Vec<AsOf> = schedule.mature.iter().copied().chain([schedule.score]).collect();
        let wanted = wanted(job);
        let mut people = Self { rows: 0, is_learned: Vec::new(), opted_out: 0 };
        for customers in tables.passes() {
            job.check_stop()?;
            let (blocks, _) = read_blocks(job, tables, goods, &wanted, &customers)?;
            let active = labels::active(job, goods, &blocks, &dates, customers.len())?;
            let asked: Vec<u32> = customers.collect();
            let opted_out = opted_out(job, tables, &asked, schedule.score)?;
            for (dates, opted_out) in active.chunks_exact(dates.len()).zip(opted_out) {
                let (_, learned) = dates.split_last().expect("the run's own date is among them");
                let is_customer = dates.contains(&true);
                people.opted_out += u64::from(is_customer && opted_out);
                people.is_learned.push(is_customer && !opted_out);
                if !opted_out {
                    people.rows += learned.iter().filter(|&&is_customer| is_customer).count() as u64;
                }
            }
        }
        Ok(people)
    }

    /// Number of customers, of any date.
    pub(super) fn n_customers(&self) -> u32 {
        self.is_learned.len() as u32
    }

    /// Those of a run of customers who may be learned from, by position in it.
    pub(super) fn among(&self, customers: &Range<u32>) -> impl Iterator<Item = usize> {
        let is_learned = &self.is_learned[customers.start as usize..customers.end as usize];
        is_learned.iter().enumerate().filter(|(_, is_learned)| **is_learned).map(|(at, _)| at)
    }
}

/// The columns that tell who holds or has bought something.
fn wanted(job: &Job<'_>) -> Vec<Wanted> {
    let columns = |role| match role {
        Role::Holdings => ["product", "start", "end", "start_arrived", "end_arrived"].as_slice(),
        Role::Purchases => &["at", "arrived", "quantity"],
        _ => &[],
    };
    let telling = |role| matches!(role, Role::Holdings | Role::Purchases | Role::CrossSection);
    let sources = job.config.sources.values().filter(|source| telling(source.role));
    sources
        .map(|source| {
            let declared = columns(source.role).iter().filter(|name| source.column(name).is_some());
            let held = ingest::held_headers(source).into_iter().map(ingest::held_column);
            let columns = declared.map(|&name| name.to_owned()).chain(held).collect();
            Wanted { source: source.name.clone(), columns, role: source.role }
        })
        .collect()
}
