//! Signs of a leak that rebuilding cannot see, because it is in the tables themselves: a column that was written after the outcome says so
//! by knowing it too well.
//!
//! Everything is measured out of time: what a column's values promise is learned at the earlier half of the dates and asked at the later
//! half. Customers stand in several dates, so variances follow customers. Intervals allow for the number of questions asked.

use osusume_evaluate::{AucEstimate, auc_estimate};
use osusume_model::{DAY_US, Date, Family, FeatureKind, FeatureSpec};
use osusume_numeric::distributions::wilson;
use rayon::prelude::*;
use serde::Serialize;

use super::bins::Bins;
use crate::calendar::{Calendar, Schedule};
use crate::config::KnownSign;
use crate::stages::train::TrainingData;

/// Chance of a false alarm over all questions of a kind together.
const ALARM_RATE: f64 = 0.05;
/// Takes below which nothing is asked.
const MIN_TAKES: u64 = 20;
/// Area above which one column alone identifies the label, and the least its lower bound may be.
const IDENTIFIES: (f64, f64) = (0.90, 0.85);
/// Least lower bound of the area of an attribute's absence.
const MISSING: f64 = 0.60;
/// Take rate above which a value gives the label away, alone and as a multiple of everybody's.
const GIVES_AWAY: (f64, f64) = (0.35, 8.0);
/// Takers of a value below which nothing is said of it.
const MIN_TAKERS: u64 = 12;
/// Areas near the date and far from it: a proxy of the outcome is above the first and falls below the second.
const COLLAPSES: (f64, f64) = (0.70, 0.60);

/// How a leak shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignKind {
    /// One column alone ranks takers above nearly everybody else. The value is the area under the ROC curve.
    Identifies,
    /// That an attribute is absent, or there, tells takers. The value is that area.
    Missing,
    /// Customers with one value of a column take far more often than others. The value is their take rate.
    GivesAway,
    /// A column ranks takers of the first days and nobody later. The value is the area for the first quarter of the label window.
    Collapses,
    /// The place of a customer's row, or the order of ids, tells takers. The value is the area.
    Order,
    /// Many rows of takers stand in a table more than once. The value is the area.
    Repeated,
    /// Rows arrived before they happened: a zone is wrong, or an arrival. The value is their share.
    EarlyArrival,
}

impl SignKind {
    /// Every kind with its word in the pipeline file and in JSON, in the order of the reference.
    pub(crate) const ALL: [(Self, &'static str); 7] = [
        (Self::Identifies, "identifies"),
        (Self::Missing, "missing"),
        (Self::GivesAway, "gives_away"),
        (Self::Collapses, "collapses"),
        (Self::Order, "order"),
        (Self::Repeated, "repeated"),
        (Self::EarlyArrival, "early_arrival"),
    ];

    fn id(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, id)| id)
    }
}

/// A sign of a leak.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sign {
    /// How it shows.
    pub kind: SignKind,
    /// The source.
    pub source: String,
    /// The feature, or the column of the source.
    pub column: Option<String>,
    /// The offer whose label is known too well.
    pub offer: Option<String>,
    /// The value the kind speaks of.
    pub value: f64,
    /// Lower end of its interval.
    pub lower: f64,
    /// Upper end of its interval.
    pub upper: f64,
    /// Takes it rests on.
    pub takes: u64,
    /// Why it is no leak, where the pipeline file says so.
    pub known: Option<String>,
}

impl Sign {
    /// Whether it is the one the pipeline file speaks of.
    pub(super) fn is(&self, known: &KnownSign) -> bool {
        let agrees = |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        known.source == self.source
            && agrees(&known.sign, Some(self.kind.id()))
            && agrees(&known.column, self.column.as_deref())
            && agrees(&known.offer, self.offer.as_deref())
    }
}

/// The rows of one offer on one side of the split.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    /// Positions in the training table.
    pub(super) rows: Vec<u32>,
    /// Whether the offer was taken.
    pub(super) y: Vec<bool>,
    /// Dense customer of each row.
    pub(super) customers: Vec<u32>,
}

impl Side {
    fn of(data: &TrainingData, offer: usize, dates: &[Date]) -> Self {
        let outcomes = data.outcomes(offer, &data.rows_of(dates));
        let customers = outcomes.rows.iter().map(|&row| data.customer[row as usize]).collect();
        Self { rows: outcomes.rows, y: outcomes.y, customers }
    }

    fn takes(&self) -> u64 {
        self.y.iter().filter(|&&y| y).count() as u64
    }

    /// The area of a score of these rows; nothing where it cannot be told.
    pub(super) fn area(&self, scores: &[f64]) -> Option<AucEstimate> {
        auc_estimate(scores, &self.y, Some(&self.customers)).ok().filter(|area| area.standard_error.is_finite())
    }

    /// The positions among these rows that `keep` says.
    fn only(&self, keep: impl Fn(usize) -> bool) -> Self {
        let at: Vec<usize> = (0..self.rows.len()).filter(|&at| keep(at)).collect();
        Self {
            rows: at.iter().map(|&at| self.rows[at]).collect(),
            y: at.iter().map(|&at| self.y[at]).collect(),
            customers: at.iter().map(|&at| self.customers[at]).collect(),
        }
    }
}

/// An offer that can be asked about.
pub(super) struct Asked {
    pub(super) offer: usize,
    pub(super) learn: Side,
    pub(super) test: Side,
}

/// The offers with takes enough on both sides of the split.
pub(super) fn asked(data: &TrainingData, schedule: &Schedule, n_offers: usize) -> Vec<Asked> {
    let dates: Vec<Date> = schedule.mature.iter().map(|date| date.date).collect();
    let (earlier, later) = dates.split_at(dates.len() / 2);
    let of = |offer| Asked { offer, learn: Side::of(data, offer, earlier), test: Side::of(data, offer, later) };
    let is_enough = |asked: &Asked| asked.learn.takes() >= MIN_TAKES && asked.test.takes() >= MIN_TAKES;
    (0..n_offers).map(of).filter(is_enough).collect()
}

/// The confidence of each of `n` two-sided intervals.
pub(super) fn confidence(n: usize) -> f64 {
    1.0 - ALARM_RATE / n.max(1) as f64
}

/// Every column of the training table that knows an outcome too well.
pub(super) fn columns(
    data: &TrainingData,
    specs: &[FeatureSpec],
    asked: &[Asked],
    (offers, calendar, schedule): (&[String], &Calendar, &Schedule),
) -> Vec<Sign> {
    let confidence = confidence(asked.len() * specs.len());
    let far = Distances::of(data, calendar, schedule);
    let pairs: Vec<(&Asked, usize)> =
        asked.iter().flat_map(|asked| (0..specs.len()).map(move |at| (asked, at))).collect();
    let signs: Vec<Vec<Sign>> = pairs
        .par_iter()
        .map(|&(asked, at)| {
            let question = Question { data, spec: &specs[at], at, asked, confidence, far: &far };
            let sign = |(kind, value, lower, upper, takes)| Sign {
                kind,
                source: specs[at].source.clone(),
                column: Some(specs[at].name.clone()),
                offer: Some(offers[asked.offer].clone()),
                value,
                lower,
                upper,
                takes,
                known: None,
            };
            question.found().into_iter().map(sign).collect()
        })
        .collect();
    signs.concat()
}

/// Days from a row's date to its take.
struct Distances<'a> {
    data: &'a TrainingData,
    midnights: Vec<(Date, i64)>,
    /// The label window, in days from the date.
    window: (f64, f64),
}

impl<'a> Distances<'a> {
    fn of(data: &'a TrainingData, calendar: &Calendar, schedule: &Schedule) -> Self {
        let midnights = schedule.mature.iter().map(|date| (date.date, calendar.midnight(date.date).0)).collect();
        let label = schedule.label;
        Self { data, midnights, window: (f64::from(label.gap), f64::from(label.gap + label.horizon)) }
    }

    /// Where in the label window a row's take lies, from 0 to 1.
    fn share(&self, offer: usize, row: u32) -> Option<f64> {
        let at = self.data.take_times(offer)[row as usize]?;
        let date = self.data.date[row as usize];
        let midnight = self.midnights.iter().find(|(one, _)| *one == date)?.1;
        Some(((at - midnight) as f64 / DAY_US as f64 - self.window.0) / (self.window.1 - self.window.0))
    }
}

/// What was found: kind, value, interval and takes.
type Found = (SignKind, f64, f64, f64, u64);

/// One column, asked about one offer.
struct Question<'a> {
    data: &'a TrainingData,
    spec: &'a FeatureSpec,
    at: usize,
    asked: &'a Asked,
    confidence: f64,
    far: &'a Distances<'a>,
}

impl Question<'_> {
    fn found(&self) -> Vec<Found> {
        let Asked { learn, test, .. } = self.asked;
        let values = |side: &Side| -> Vec<f32> {
            let column = self.data.column(self.at);
            side.rows.iter().map(|&row| column[row as usize]).collect()
        };
        let levels = match &self.spec.kind {
            FeatureKind::Category(levels) => Some(levels.len()),
            FeatureKind::Numeric => None,
        };
        let (learned, tested) = (values(learn), values(test));
        let bins = Bins::draw(&learned, levels);
        let (of_learn, of_test) = (bins.of(&learned), bins.of(&tested));
        let rates = bins.rates(&of_learn, &learn.y);
        let scores: Vec<f64> = of_test.iter().map(|&bin| rates[bin]).collect();
        let identifies = self.identifies(&scores);
        let found = [identifies, self.missing(&learned, &tested), self.gives_away(&bins, &of_learn, &of_test)];
        let mut found: Vec<Found> = found.into_iter().flatten().collect();
        if found.is_empty() {
            found.extend(self.collapses(&bins, &of_learn, &of_test));
        }
        found
    }

    fn identifies(&self, scores: &[f64]) -> Option<Found> {
        let area = self.asked.test.area(scores)?;
        let span = area.interval(self.confidence);
        let is_sign = area.auc > IDENTIFIES.0 && span.lower > IDENTIFIES.1;
        is_sign.then_some((SignKind::Identifies, area.auc, span.lower, span.upper, area.n_positives))
    }

    /// Only of attributes: that a window is empty is behavior.
    fn missing(&self, learned: &[f32], tested: &[f32]) -> Option<Found> {
        if self.spec.family != Family::Attribute {
            return None;
        }
        let flags = |values: &[f32]| values.iter().map(|value| f64::from(u8::from(value.is_nan()))).collect::<Vec<_>>();
        let (before, now) = (flags(learned), flags(tested));
        let direction = if self.asked.learn.area(&before)?.auc < 0.5 { -1.0 } else { 1.0 };
        let area = self.asked.test.area(&now.iter().map(|flag| flag * direction).collect::<Vec<_>>())?;
        let span = area.interval(self.confidence);
        (span.lower > MISSING).then_some((SignKind::Missing, area.auc, span.lower, span.upper, area.n_positives))
    }

    /// Rates are of customers, each counted once.
    fn gives_away(&self, bins: &Bins, of_learn: &[usize], of_test: &[usize]) -> Option<Found> {
        let (before, now) = (counts(bins, of_learn, &self.asked.learn), counts(bins, of_test, &self.asked.test));
        let rate = |(takers, n): (u64, u64)| takers as f64 / n.max(1) as f64;
        let whole = now.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let least = GIVES_AWAY.0.max(GIVES_AWAY.1 * rate(whole));
        let found = before.iter().zip(&now).filter_map(|(&before, &now)| {
            let span = wilson(now.0, now.1.max(1), self.confidence);
            let is_sign = now.0 >= MIN_TAKERS && span.lower > least && rate(before) > GIVES_AWAY.0;
            is_sign.then_some((SignKind::GivesAway, rate(now), span.lower, span.upper, now.0))
        });
        found.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// What ranks takers of the first quarter of the window, and nobody of its second half.
    fn collapses(&self, bins: &Bins, of_learn: &[usize], of_test: &[usize]) -> Option<Found> {
        let Asked { offer, learn, test } = self.asked;
        let share = |side: &Side, at: usize| self.far.share(*offer, side.rows[at]);
        let is_near = |side: &Side, at: usize| !side.y[at] || share(side, at).is_some_and(|share| share < 0.25);
        let is_far = |at: usize| !test.y[at] || share(test, at).is_some_and(|share| share >= 0.5);
        let near_learn = learn.only(|at| is_near(learn, at));
        let bins_of = |bins: &[usize], keep: &dyn Fn(usize) -> bool| -> Vec<usize> {
            (0..bins.len()).filter(|&at| keep(at)).map(|at| bins[at]).collect()
        };
        let rates = bins.rates(&bins_of(of_learn, &|at| is_near(learn, at)), &near_learn.y);
        let ask = |side: &Side, bins: &[usize]| {
            side.area(&bins.iter().map(|&bin| rates[bin]).collect::<Vec<_>>())
                .filter(|area| area.n_positives >= MIN_TAKES / 2)
        };
        let near = ask(&test.only(|at| is_near(test, at)), &bins_of(of_test, &|at| is_near(test, at)))?;
        let far = ask(&test.only(is_far), &bins_of(of_test, &is_far))?;
        let (near_span, far_span) = (near.interval(self.confidence), far.interval(0.95));
        let is_sign = near_span.lower > COLLAPSES.0 && far_span.upper < COLLAPSES.1.max(near_span.lower - 0.15);
        let is_sign = is_sign && far.auc < COLLAPSES.1;
        is_sign.then_some((SignKind::Collapses, near.auc, near_span.lower, near_span.upper, near.n_positives))
    }
}

/// By bin: customers who took, and customers.
fn counts(bins: &Bins, of: &[usize], side: &Side) -> Vec<(u64, u64)> {
    let mut rows: Vec<(u32, usize, bool)> =
        side.customers.iter().zip(of).zip(&side.y).map(|((&customer, &bin), &y)| (customer, bin, y)).collect();
    rows.sort_unstable();
    let mut counts = vec![(0, 0); bins.len()];
    for customer in rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let count = &mut counts[customer[0].1];
        count.0 += u64::from(customer.iter().any(|row| row.2));
        count.1 += 1;
    }
    counts
}
