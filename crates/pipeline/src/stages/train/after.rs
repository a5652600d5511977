//! What follows a take or a contact: steps back soon after a take, and customers who leave because they were contacted.

use std::ops::Range;

use osusume_model::{DAY_US, Date, OfferKind, Result};

use super::{ArmRows, Contact, OfferModel};
use crate::calendar::{Calendar, Schedule};
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::job::Job;
use crate::seam::Block;
use crate::stages::consents::opted_out;
use crate::stages::decide::held_rows;
use crate::stages::features::{known_products, product_positions};

/// A step back counts within so many days after the take.
const STEP_BACK_DAYS: i32 = 90;
/// Of fewer takes of all offers of a kind nothing is said; as many takes as this the usual share weighs in the one of an offer.
const FEWEST_TAKES: u64 = 50;

/// What is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct After {
    /// Steps back after takes of the offer; absent where too few takes of all offers of its kind are old enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step_backs: Option<StepBacks>,
    /// Customers lost by contacts, over all offers; absent where no draw tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) churn: Option<Churn>,
}

/// Takes of the past, and how many of them were given up within 90 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct StepBacks {
    /// Takes, kept as long as takes must be, that are 90 days old.
    pub(crate) takes: u64,
    /// Those after which less than the take had led to was held 90 days later.
    pub(crate) back: u64,
    /// The share over all offers of the same kind, upsells or others; that of the offer alone in runs that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usual: Option<f64>,
}

impl StepBacks {
    /// Share of takers expected to step back: `(back + 50 · usual) / (takes + 50)`, so that a dozen takes do not decide what an offer is
    /// worth.
    pub(crate) fn rate(&self) -> f64 {
        let (weight, usual) = self.usual.map_or((0.0, 0.0), |usual| (FEWEST_TAKES as f64, usual));
        (self.back as f64 + weight * usual) / (self.takes as f64 + weight).max(1.0)
    }
}

/// Gives every offer the share of its kind, where that rests on enough takes.
fn with_usual(found: &[(OfferKind, StepBacks)]) -> Vec<Option<StepBacks>> {
    let is_step = |kind: OfferKind| kind == OfferKind::Upsell;
    let of_kind = |kind: OfferKind| {
        let alike = found.iter().filter(|(other, _)| is_step(*other) == is_step(kind));
        alike.fold((0, 0), |(takes, back), (_, one)| (takes + one.takes, back + one.back))
    };
    let with = |(kind, one): &(OfferKind, StepBacks)| {
        let (takes, back) = of_kind(*kind);
        (takes >= FEWEST_TAKES).then(|| StepBacks { usual: Some(back as f64 / takes as f64), ..*one })
    };
    found.iter().map(with).collect()
}

/// Customers contacted or held back by draws, and how many of them (`takes`) hold nothing any more at the end of the window.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Churn {
    /// Those contacted.
    pub(crate) contacted: ArmRows,
    /// Those held back.
    pub(crate) held_back: ArmRows,
    /// Share of customers a contact loses.
    pub(crate) difference: f64,
    /// Its 95 % interval.
    pub(crate) interval: [f64; 2],
}

/// What is known of what comes of offering an offer, beside its propensity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effects<'a> {
    /// What a contact adds, where it is known.
    pub(crate) contact: Option<&'a Contact>,
    /// What follows.
    pub(crate) after: After,
}

/// Counts the steps back after takes of every offer; nobody is counted who is not learned from.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(super) fn tell(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    schedule: &Schedule,
    offers: &mut [OfferModel],
) -> Result<()> {
    if job.config.is_cross_section() {
        return Ok(());
    }
    let mut found = vec![StepBacks::default(); offers.len()];
    for customers in tables.passes() {
        job.check_stop()?;
        let Some(held) = HeldRows::read(job, tables, goods, &customers)? else { return Ok(()) };
        let asked: Vec<u32> = customers.collect();
        let left_out = opted_out(job, tables, &asked, schedule.score)?;
        for (customer, _) in left_out.iter().enumerate().filter(|(_, out)| !**out) {
            for (offer, found) in goods.catalogue.offers.iter().zip(&mut found) {
                let Some(product) = offer.product else { continue };
                let (family, tier) = (goods.family[product.0 as usize], goods.tier[product.0 as usize]);
                let is_step = offer.kind == OfferKind::Upsell;
                if let Some(is_back) = held.stepped_back(customer, (family, tier, is_step), job.calendar, schedule) {
                    found.takes += 1;
                    found.back += u64::from(is_back);
                }
            }
        }
    }
    let kinds = goods.catalogue.offers.iter().map(|offer| offer.kind);
    let found: Vec<(OfferKind, StepBacks)> = kinds.zip(found).collect();
    for (offer, found) in offers.iter_mut().zip(with_usual(&found)) {
        offer.after.step_backs = found;
    }
    Ok(())
}

/// What some customers held, row by row.
pub(super) struct HeldRows {
    offsets: Vec<u32>,
    family: Vec<u32>,
    tier: Vec<u16>,
    start: Vec<i64>,
    /// `i64::MAX` while it lasts.
    end: Vec<i64>,
    by_company: Vec<bool>,
}

impl HeldRows {
    /// `None` where nothing is held in this pipeline.
    pub(super) fn read(job: &Job<'_>, tables: &Checked, goods: &Goods, customers: &Range<u32>) -> Result<Option<Self>> {
        let Some(source) = job.config.holdings().filter(|_| !goods.rules().is_empty()) else { return Ok(None) };
        let asked: Vec<u32> = customers.clone().collect();
        let Some(block) = held_rows(job, tables, source, &asked)? else { return Ok(None) };
        Ok(Some(Self::of(goods, &known_products(goods, block).0)))
    }

    fn of(goods: &Goods, block: &Block) -> Self {
        let positions = product_positions(goods, block);
        // A replaced product stands where its successor does.
        let stands_for = |code: u32| goods.canonical[positions[code as usize] as usize] as usize;
        let products: Vec<usize> = block.codes_or("product", 0).into_iter().map(stands_for).collect();
        let ends = block.integers("end");
        let n = products.len();
        Self {
            family: products.iter().map(|&product| goods.family[product]).collect(),
            tier: products.iter().map(|&product| goods.tier[product]).collect(),
            start: block.times("start").to_vec(),
            end: (0..n).map(|row| ends.and_then(|ends| ends.get(row)).unwrap_or(i64::MAX)).collect(),
            by_company: block.flags("by_company").unwrap_or_else(|| vec![false; n]),
            offsets: block.offsets.clone(),
        }
    }

    fn rows(&self, customer: usize) -> Range<usize> {
        self.offsets[customer] as usize..self.offsets[customer + 1] as usize
    }

    /// Whether anything is held at an instant; what ends and begins again within a day has not ended.
    pub(super) fn holds_at(&self, customer: usize, at: i64) -> bool {
        self.rows(customer).any(|row| self.start[row] <= at && at < self.end[row].saturating_add(DAY_US))
    }

    /// The highest tier of a family held at an instant, 0 for none; as in [`Self::holds_at`] where `grace`.
    fn tier_at(&self, customer: usize, family: u32, at: i64, grace: i64) -> u16 {
        let is_held = |row: &usize| self.start[*row] <= at && at < self.end[*row].saturating_add(grace);
        let of_family = self.rows(customer).filter(|&row| self.family[row] == family);
        of_family.filter(is_held).map(|row| self.tier[row]).max().unwrap_or(0)
    }

    /// Of the first take of a tier: whether less was held 90 days after it; `None` without a take that was kept and is old enough.
    fn stepped_back(
        &self,
        customer: usize,
        (family, tier, is_step): (u32, u16, bool),
        calendar: &Calendar,
        schedule: &Schedule,
    ) -> Option<bool> {
        let led_to = |row: &usize| self.family[*row] == family && self.tier[*row] == tier && !self.by_company[*row];
        let row = self.rows(customer).filter(led_to).min_by_key(|&row| self.start[row])?;
        let start = self.start[row];
        // An instant earlier: a step up ends the lower tier when the higher one begins.
        let before = self.tier_at(customer, family, start - 1, DAY_US);
        let is_take = if is_step { 0 < before && before < tier } else { before == 0 };
        let day: Date = calendar.day(start);
        if !is_take || day + STEP_BACK_DAYS > schedule.data_end.date {
            return None;
        }
        let later = |days: i32| self.tier_at(customer, family, calendar.midnight(day + days).0, DAY_US);
        (later(schedule.label.kept as i32) >= tier).then(|| later(STEP_BACK_DAYS) < tier)
    }
}

#[cfg(test)]
mod tests {
    use osusume_model::AsOf;

    use super::*;
    use crate::calendar::LabelDays;

    /// Rows of one customer: tier, first and last day of a family; 0 for "still held".
    fn check(rows: &[(u16, i64, i64)], is_step: bool, expected: Option<bool>) {
        let calendar = Calendar::new("UTC").unwrap();
        let day = |day: i64| day * DAY_US;
        let held = HeldRows {
            offsets: vec![0, rows.len() as u32],
            family: vec![0; rows.len()],
            tier: rows.iter().map(|row| row.0).collect(),
            start: rows.iter().map(|row| day(row.1)).collect(),
            end: rows.iter().map(|row| if row.2 == 0 { i64::MAX } else { day(row.2) }).collect(),
            by_company: vec![false; rows.len()],
        };
        let at = |day: i32| -> AsOf { calendar.as_of(Date(day)) };
        let schedule = Schedule {
            mature: Vec::new(),
            tests: Vec::new(),
            open: Vec::new(),
            score: at(1000),
            data_end: at(1000),
            label: LabelDays { gap: 0, horizon: 60, kept: 30 },
        };
        assert_eq!(held.stepped_back(0, (0, 2, is_step), &calendar, &schedule), expected, "{rows:?}");
    }

    #[test]
    fn a_step_back_is_less_held_ninety_days_after_a_take_that_was_kept() {
        check(&[(1, 10, 100), (2, 100, 0)], true, Some(false));
        check(&[(1, 10, 100), (2, 100, 150), (1, 150, 0)], true, Some(true));
        check(&[(1, 10, 100), (2, 100, 150)], true, Some(true));
        // Not kept: no take at all. Kept beyond the ninety days: no step back.
        check(&[(1, 10, 100), (2, 100, 120), (1, 120, 0)], true, None);
        check(&[(1, 10, 100), (2, 100, 200), (1, 200, 0)], true, Some(false));
        // A renewal, a step further up, and a take that is too young.
        check(&[(1, 10, 100), (2, 100, 150), (2, 150, 0)], true, Some(false));
        check(&[(1, 10, 100), (2, 100, 150), (3, 150, 0)], true, Some(false));
        check(&[(1, 10, 950), (2, 950, 0)], true, None);
    }

    #[test]
    fn few_takes_are_drawn_toward_what_is_usual() {
        let of = |takes, back| StepBacks { takes, back, usual: None };
        let found = [
            (OfferKind::Upsell, of(150, 15)),
            (OfferKind::Upsell, of(0, 0)),
            (OfferKind::Upsell, of(50, 45)),
            (OfferKind::CrossSell, of(49, 3)),
        ];
        let rates: Vec<Option<f64>> = with_usual(&found).iter().map(|one| one.map(|one| one.rate())).collect();
        // The upsells together: 60 of 200. Of the others there are too few.
        assert_eq!(rates, [Some(30.0 / 200.0), Some(0.3), Some(60.0 / 100.0), None]);
        assert!((of(40, 10).rate() - 0.25).abs() < 1e-12, "as runs of earlier versions have it");
    }

    #[test]
    fn what_began_with_nothing_held_is_the_take_of_an_add_on() {
        check(&[(2, 100, 150)], false, Some(true));
        check(&[(2, 100, 0)], false, Some(false));
        check(&[(2, 100, 0)], true, None);
        check(&[(1, 10, 0), (2, 100, 0)], false, None);
    }
}
