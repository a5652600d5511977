//! Labels of offers that follow from holdings: did the customer take it inside the label window, and may the row be used at all.

use std::ops::Range;

use osusume_model::{Control, OfferKind};
use rayon::prelude::*;

use crate::counted::{UnitsFinder, UnitsTaken};
use crate::error::check_length;
use crate::intervals::BLOCK;
use crate::takes::{Take, TakeFinder, check_codes};
use crate::{Error, Intervals, Ladder};

/// In the take instants: the row is no positive.
pub const NO_TAKE: i64 = i64::MIN;

/// What a customer × as-of × offer is for training. Only `Negative` and `Positive` are trained on; the others are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Label {
    /// The offer did not fit what the customer held, as known at the as-of instant.
    NotEligible = 0,
    /// The label window and the days to keep it are not over, by the end of the data.
    Immature = 1,
    /// Taken before the label window opened: inside the gap, or before the as-of instant in a row that arrived after it.
    GapTake = 2,
    /// Not taken.
    Negative = 3,
    /// Taken inside the label window and kept.
    Positive = 4,
}

/// The instants of one as-of: the label window is `[gap_end, window_end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelWindow {
    /// What is known lies strictly before it.
    pub as_of: i64,
    /// First instant of the label window, at or after `as_of`.
    pub gap_end: i64,
    /// First instant after the label window.
    pub window_end: i64,
    /// First instant at which its labels are known for certain: the days to keep a take, which only a calendar can count, are over.
    pub known_by: i64,
}

/// What the outcome is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth {
    /// How long a take must be kept, microseconds.
    pub kept_us: i64,
    /// Outcomes are read from what had happened and arrived strictly before this instant.
    pub data_end: i64,
}

impl LabelWindow {
    /// Whether the window and the time to keep a take are over at the end of the data.
    pub fn is_mature(&self, truth: &Truth) -> bool {
        self.known_by <= truth.data_end
    }
}

/// An offer that follows from the catalogue: a step of a ladder.
///
/// Who may have it is the rule of crate `decide`: what is learned from and what is decided must be the same people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferRule {
    /// `Upsell`: for those who hold a tier from the next lower one that is sold up to just below `tier` (withdrawn tiers between the two
    /// included). `CrossSell`: for those who hold nothing of the family, or nothing above what is offered where it is counted.
    /// A `Category` is for nobody here: see [`crate::category_labels`].
    pub kind: OfferKind,
    /// The family, as the ladder numbers it.
    pub family: u32,
    /// The tier offered; a higher one taken counts as well.
    pub tier: u16,
    /// `Upsell`: whether it is also for those who hold a tier below the next lower one.
    pub skips_steps: bool,
    /// `CrossSell` of a product sold in numbers: the product, after `replaces`. A take of it is [`crate::units_taken`], and nothing else.
    pub counted: Option<u32>,
    /// Families of each of which something must be held.
    pub requires: Vec<u32>,
    /// Families of which nothing may be held.
    pub excluded_families: Vec<u32>,
    /// Products that may not be held; a code that was replaced is not the product that replaces it.
    pub excluded_products: Vec<u32>,
}

/// Where labels are written: customers × windows × offers, row-major.
#[derive(Debug)]
pub struct Labels<'a> {
    /// One label a cell.
    pub label: &'a mut [Label],
    /// The instant of the take of a `Positive`, [`NO_TAKE`] elsewhere.
    pub take_at: &'a mut [i64],
}

/// Labels every customer × window × offer.
///
/// Eligibility is what was known at the as-of instant; the outcome is what is known at `truth.data_end`; see [`crate::find_takes`] and
/// [`crate::units_taken`] for what a take is. The order of judgment is that of [`Label`]: a row that is not eligible is never looked at further.
/// O(rows × windows + customers × windows × offers × takes).
///
/// # Errors
/// Lengths or codes that do not agree, and a stop asked for by `control`.
pub fn offer_labels(
    intervals: &Intervals<'_>,
    ladder: &Ladder<'_>,
    offers: &[OfferRule],
    windows: &[LabelWindow],
    truth: &Truth,
    out: &mut Labels<'_>,
    control: &dyn Control,
) -> Result<(), Error> {
    let n_customers = intervals.check(ladder)?;
    check_rules(offers, ladder)?;
    let steps: Vec<Step<'_>> = offers.iter().map(|rule| Step::new(rule, ladder)).collect();
    let counted: Vec<u32> = offers.iter().filter_map(|rule| rule.counted).collect();
    by_customer(out, n_customers, windows.len() * offers.len(), control, |memory: &mut Memory, customer, out| {
        memory.finder.find(intervals, ladder, customer, truth, &mut memory.takes);
        memory.units_taken.resize(counted.len(), Vec::new());
        for (&product, takes) in counted.iter().zip(&mut memory.units_taken) {
            memory.units_finder.find(intervals, ladder, (customer, product), truth, takes);
        }
        let cells = out.label.chunks_exact_mut(offers.len()).zip(out.take_at.chunks_exact_mut(offers.len()));
        for ((labels, take_at), window) in cells.zip(windows) {
            memory.hold(intervals, ladder, customer, window.as_of);
            for ((label, at), step) in labels.iter_mut().zip(take_at).zip(&steps) {
                (*label, *at) = if step.is_open(memory) {
                    judge(step.takes(&counted, memory), window, truth)
                } else {
                    (Label::NotEligible, NO_TAKE)
                };
            }
        }
    })
}

/// Labels who holds what is offered against who could have it, all at the one instant `as_of`: `Positive` is who holds the tier offered
/// or a higher one of the family, `Negative` who may be offered it; what the offer requires and excludes is asked of both.
///
/// Nothing here happens after anything else, so the labels say who resembles those who hold it, and nothing of who will take it.
/// O(rows + customers × offers).
///
/// # Errors
/// Lengths or codes that do not agree, and a stop asked for by `control`.
pub fn holder_labels(
    intervals: &Intervals<'_>,
    ladder: &Ladder<'_>,
    offers: &[OfferRule],
    as_of: i64,
    out: &mut Labels<'_>,
    control: &dyn Control,
) -> Result<(), Error> {
    let n_customers = intervals.check(ladder)?;
    check_rules(offers, ladder)?;
    let steps: Vec<Step<'_>> = offers.iter().map(|rule| Step::new(rule, ladder)).collect();
    by_customer(out, n_customers, offers.len(), control, |memory: &mut Memory, customer, out| {
        memory.hold(intervals, ladder, customer, as_of);
        out.take_at.fill(NO_TAKE);
        for (label, step) in out.label.iter_mut().zip(&steps) {
            *label = step.held(memory);
        }
    })
}

fn check_rules(offers: &[OfferRule], ladder: &Ladder<'_>) -> Result<(), Error> {
    offers.iter().try_for_each(|rule| {
        check_codes("offer family", &[rule.family], ladder.n_families)?;
        check_codes("counted product", rule.counted.as_slice(), ladder.tier.len())?;
        check_codes("required family", &rule.requires, ladder.n_families)?;
        check_codes("excluded family", &rule.excluded_families, ladder.n_families)
    })
}

/// An offer with the tiers one may hold for it.
#[derive(Clone, Debug)]
struct Step<'a> {
    rule: &'a OfferRule,
    tiers: Range<u16>,
}

impl<'a> Step<'a> {
    fn new(rule: &'a OfferRule, ladder: &Ladder<'_>) -> Self {
        let tiers = match rule.kind {
            OfferKind::Upsell if rule.skips_steps => 1..rule.tier,
            OfferKind::Upsell => ladder.next_lower(rule.family, rule.tier).map_or(0..0, |lower| lower..rule.tier),
            OfferKind::CrossSell => 0..1,
            OfferKind::Category => 0..0,
        };
        Self { rule, tiers }
    }

    /// Whether the offer fits what is held.
    fn is_open(&self, memory: &Memory) -> bool {
        let tier = memory.tiers[self.rule.family as usize];
        // Of what is sold in numbers more may be had.
        let is_more = self.rule.counted.is_some() && tier == self.rule.tier;
        (is_more || self.tiers.contains(&tier)) && self.fits_beside(memory)
    }

    /// Whether it is held, could be, or neither.
    fn held(&self, memory: &Memory) -> Label {
        let is_held =
            self.rule.kind != OfferKind::Category && memory.tiers[self.rule.family as usize] >= self.rule.tier;
        match is_held {
            true if self.fits_beside(memory) => Label::Positive,
            false if self.is_open(memory) => Label::Negative,
            _ => Label::NotEligible,
        }
    }

    /// When it was taken and when that was known, by time. `counted`: the products of [`Memory::units_taken`].
    fn takes<'m>(&self, counted: &[u32], memory: &'m Memory) -> TakeTimes<'m> {
        match self.rule.counted.and_then(|product| counted.iter().position(|&other| other == product)) {
            Some(at) => TakeTimes::Units(memory.units_taken[at].iter()),
            None => TakeTimes::Steps(memory.takes.iter(), self.rule.family, self.rule.tier),
        }
    }

    /// Whether what it needs is held and what it excludes is not.
    fn fits_beside(&self, memory: &Memory) -> bool {
        let tier = |family: u32| memory.tiers[family as usize];
        self.rule.requires.iter().all(|&family| tier(family) > 0)
            && self.rule.excluded_families.iter().all(|&family| tier(family) == 0)
            && !self.rule.excluded_products.iter().any(|product| memory.held.contains(product))
    }
}

/// Reused memory of one thread.
#[derive(Debug, Default)]
struct Memory {
    finder: TakeFinder,
    takes: Vec<Take>,
    units_finder: UnitsFinder,
    /// By counted offer.
    units_taken: Vec<Vec<UnitsTaken>>,
    /// Highest tier held, by family.
    tiers: Vec<u16>,
    /// Products held, as they stand in the rows.
    held: Vec<u32>,
}

impl Memory {
    fn hold(&mut self, intervals: &Intervals<'_>, ladder: &Ladder<'_>, customer: usize, as_of: i64) {
        self.tiers.clear();
        self.tiers.resize(ladder.n_families, 0);
        self.held.clear();
        for row in intervals.rows(customer).filter(|&row| intervals.is_held(row, as_of)) {
            let (family, tier) = ladder.step(intervals.product[row]);
            self.tiers[family] = self.tiers[family].max(tier);
            self.held.push(intervals.product[row]);
        }
    }
}

/// The takes of one offer: units of a product, or steps to a tier of a family or above it.
enum TakeTimes<'a> {
    Units(std::slice::Iter<'a, UnitsTaken>),
    Steps(std::slice::Iter<'a, Take>, u32, u16),
}

impl Iterator for TakeTimes<'_> {
    /// Start and arrival.
    type Item = (i64, i64);

    fn next(&mut self) -> Option<(i64, i64)> {
        match self {
            Self::Units(takes) => takes.next().map(|take| (take.start, take.arrived)),
            Self::Steps(takes, family, tier) => {
                let step = takes.find(|take| take.family == *family && take.tier >= *tier);
                step.map(|take| (take.start, take.arrived))
            }
        }
    }
}

/// The label of who may have the offer.
fn judge(mut takes: TakeTimes<'_>, window: &LabelWindow, truth: &Truth) -> (Label, i64) {
    if !window.is_mature(truth) {
        return (Label::Immature, NO_TAKE);
    }
    let as_of = window.as_of;
    // What was already known at the as-of instant is past: it neither removes the row nor makes it a positive.
    match takes.find(|&(start, arrived)| start >= as_of || arrived >= as_of) {
        Some((start, _)) if start < window.gap_end => (Label::GapTake, NO_TAKE),
        Some((start, _)) if start < window.window_end => (Label::Positive, start),
        _ => (Label::Negative, NO_TAKE),
    }
}

/// Calls `fill(memory, customer, its part of out)` for every customer, blocks in parallel.
pub(crate) fn by_customer<M: Default>(
    out: &mut Labels<'_>,
    n_customers: usize,
    row_len: usize,
    control: &dyn Control,
    fill: impl Fn(&mut M, usize, Labels<'_>) + Sync,
) -> Result<(), Error> {
    check_length("label", out.label.len(), n_customers * row_len)?;
    check_length("take_at", out.take_at.len(), n_customers * row_len)?;
    if out.label.is_empty() {
        return Ok(());
    }
    let (labels, takes) = (out.label.par_chunks_mut(BLOCK * row_len), out.take_at.par_chunks_mut(BLOCK * row_len));
    labels.zip(takes).enumerate().try_for_each_init(M::default, |memory, (block, (label, take_at))| {
        if let Some(stop) = control.stop() {
            return Err(Error::Stopped(stop));
        }
        for (i, (label, take_at)) in label.chunks_exact_mut(row_len).zip(take_at.chunks_exact_mut(row_len)).enumerate()
        {
            fill(memory, block * BLOCK + i, Labels { label, take_at });
        }
        Ok(())
    })
}
