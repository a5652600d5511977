//! From outcomes to the numbers of `evaluation.json`.

use osusume_evaluate::{Assignment, NoInterval, adjusted, decile_table, mean_effect, rate_effect};
use osusume_model::{Code, Fault, Result};
use osusume_windows::Label;

use super::expected::expectation;
use super::outcomes::Outcomes;
use super::published::{ARMS, Assigned, Expected, HOLDOUT, OFFER, PublishedRun};
use crate::catalogue::Goods;
use crate::evaluation::{
    ArmComparison, ArmEvaluation, DecileLift, Described, Effect, Expectation, Group, HeldBackEvaluation,
    OfferEvaluation, PolicyArm, Span, TotalEvaluation,
};
use crate::units::Units;

/// Confidence of every interval.
pub(super) const CONFIDENCE: f64 = 0.95;

/// Everything the numbers come from.
pub(super) struct Numbers<'a> {
    pub(super) published: &'a PublishedRun,
    pub(super) outcomes: &'a Outcomes,
    pub(super) units: &'a Units,
    pub(super) goods: &'a Goods,
}

/// The customers of both arms whose outcome is known, one entry a customer.
#[derive(Default)]
pub(super) struct Known {
    pub(super) customers: Vec<u32>,
    pub(super) is_offered: Vec<bool>,
    probabilities: Vec<f64>,
    propensities: Vec<f64>,
    clusters: Vec<u32>,
    pub(super) is_taken: Vec<bool>,
    pub(super) expected: Vec<Expected>,
}

impl Known {
    fn push(&mut self, row: &Assigned, cluster: u32, is_offered: bool, is_taken: bool) {
        self.customers.push(row.customer);
        self.is_offered.push(is_offered);
        self.probabilities.push(row.probability);
        self.propensities.push(row.propensity);
        self.clusters.push(cluster);
        self.is_taken.push(is_taken);
        self.expected.push(row.expected);
    }

    /// The rows of which `is_of` holds, those of `other` behind these.
    pub(super) fn extend(&mut self, other: &Self, is_of: impl Fn(usize) -> bool) {
        for row in (0..other.customers.len()).filter(|&row| is_of(row)) {
            let (customer, probability) = (other.customers[row], other.probabilities[row]);
            let (propensity, expected) = (other.propensities[row], other.expected[row]);
            let assigned = Assigned { customer, propensity, probability, expected };
            self.push(&assigned, other.clusters[row], other.is_offered[row], other.is_taken[row]);
        }
    }

    pub(super) fn assignment(&self) -> Assignment<'_> {
        let Self { is_offered, probabilities, clusters, .. } = self;
        Assignment { is_offered, probabilities, clusters }
    }

    /// Positions of one arm.
    pub(super) fn rows(&self, arm: usize) -> Vec<usize> {
        (0..self.customers.len()).filter(|&row| self.is_offered[row] == (arm == OFFER)).collect()
    }

    /// Mean over `rows` by the arm's weights; `None` without rows.
    pub(super) fn mean(&self, rows: &[usize], of: impl Fn(usize) -> f64) -> Option<f64> {
        let weight = |row: usize| 1.0 / self.probabilities[row];
        let total: f64 = rows.iter().map(|&row| weight(row)).sum();
        (!rows.is_empty()).then(|| rows.iter().map(|&row| weight(row) * of(row)).sum::<f64>() / total)
    }
}

impl Numbers<'_> {
    /// Everybody the run decided about.
    ///
    /// # Errors
    /// `Bug` for probabilities a run cannot have.
    pub(super) fn total(&self) -> Result<TotalEvaluation> {
        let known = self.members([OFFER, HOLDOUT]);
        let arm = |arm: usize| ArmEvaluation {
            lost: self.published.lost[arm],
            mean_propensity: None,
            ..self.arm(&known, arm)
        };
        let is_retained: Vec<bool> = known.customers.iter().map(|&c| self.outcomes.is_retained[c as usize]).collect();
        Ok(TotalEvaluation {
            offer: arm(OFFER),
            holdout: arm(HOLDOUT),
            takes: effect(rate_effect(&known.assignment(), &known.is_taken, CONFIDENCE))?,
            revenue: self.revenue_effect(&known, CONFIDENCE)?,
            retention: effect(rate_effect(&known.assignment(), &is_retained, CONFIDENCE))?,
        })
    }

    /// Every arm of a run that has several, and every one against every other.
    ///
    /// # Errors
    /// `Bug` for probabilities a run cannot have.
    pub(super) fn arms(&self) -> Result<(Vec<PolicyArm>, Vec<ArmComparison>)> {
        let present: Vec<usize> = (0..ARMS.len()).filter(|&arm| self.published.arm.contains(&Some(arm))).collect();
        if !present.iter().any(|&arm| arm > OFFER) {
            return Ok((Vec::new(), Vec::new()));
        }
        let pairs: Vec<[usize; 2]> = present.iter().flat_map(|&b| present.iter().map(move |&a| [a, b])).collect();
        let pairs: Vec<[usize; 2]> = pairs.into_iter().filter(|[a, b]| a > b).collect();
        let told = |&arm: &usize| PolicyArm {
            arm: ARMS[arm].to_owned(),
            numbers: ArmEvaluation {
                lost: self.published.lost[arm],
                mean_propensity: None,
                ..self.arm(&self.members([arm, usize::MAX]), OFFER)
            },
        };
        let compared = |pair: &[usize; 2]| self.compared(*pair, pairs.len());
        Ok((present.iter().map(told).collect(), pairs.iter().map(compared).collect::<Result<_>>()?))
    }

    /// The members of two arms, the first as those offered. Of the ranking's own each stands for explorers of the same lane too; the others
    /// were as likely as each other.
    fn members(&self, [first, second]: [usize; 2]) -> Known {
        let n_offers = self.goods.catalogue.offers.len();
        let mut known = Known::default();
        for (customer, arm) in self.published.arm.iter().enumerate() {
            let Some(is_first) = arm.filter(|arm| *arm == first || *arm == second).map(|arm| arm == first) else {
                continue;
            };
            let share = self.published.share[customer];
            let expected = Expected::default();
            let row = Assigned { customer: customer as u32, propensity: 0.0, probability: share, expected };
            let labels = &self.outcomes.labels[customer * n_offers..(customer + 1) * n_offers];
            known.push(&row, self.units.cluster(row.customer), is_first, labels.contains(&Label::Positive));
        }
        known
    }

    /// One arm against another; `n_pairs` of them are compared.
    fn compared(&self, pair: [usize; 2], n_pairs: usize) -> Result<ArmComparison> {
        let known = self.members(pair);
        let is_retained: Vec<bool> = known.customers.iter().map(|&c| self.outcomes.is_retained[c as usize]).collect();
        let takes = |confidence| effect(rate_effect(&known.assignment(), &known.is_taken, confidence));
        let revenue = |confidence| self.revenue_effect(&known, confidence);
        // Of several comparisons one shows a difference by chance more often than each says.
        let strict = 1.0 - (1.0 - CONFIDENCE) / n_pairs as f64;
        let judged = match revenue(strict)? {
            Some(revenue) => revenue,
            None => takes(strict)?,
        };
        let verdict = match judged.interval {
            Some(span) if span.lower > 0.0 => "better",
            Some(span) if span.upper < 0.0 => "worse",
            _ => "not_shown",
        };
        Ok(ArmComparison {
            arm: ARMS[pair[0]].to_owned(),
            against: ARMS[pair[1]].to_owned(),
            takes: takes(CONFIDENCE)?,
            revenue: revenue(CONFIDENCE)?,
            retention: effect(rate_effect(&known.assignment(), &is_retained, CONFIDENCE))?,
            verdict: verdict.to_owned(),
            verdict_confidence: strict,
        })
    }

    /// Revenue in the window, less what the window before tells of it.
    fn revenue_effect(&self, known: &Known, confidence: f64) -> Result<Option<Effect>> {
        if self.outcomes.revenue.is_empty() {
            return Ok(None);
        }
        let revenue = |at: usize| -> Vec<f64> {
            known.customers.iter().map(|&customer| self.outcomes.revenue[customer as usize][at] as f64).collect()
        };
        let after = adjusted(&revenue(1), &revenue(0));
        effect(mean_effect(&known.assignment(), &after, confidence)).map(Some)
    }

    /// Every offer of the run, and what was expected of all of them.
    ///
    /// # Errors
    /// `Bug` for probabilities a run cannot have.
    pub(super) fn offers(&self) -> Result<(Vec<OfferEvaluation>, Option<Expectation>)> {
        let mut all = Known::default();
        let offers = (0..self.published.offers.len()).map(|offer| self.offer(offer, &mut all));
        let offers = offers.collect::<Result<Vec<_>>>()?;
        Ok((offers, expectation(&all, CONFIDENCE)?))
    }

    fn offer(&self, offer: usize, all: &mut Known) -> Result<OfferEvaluation> {
        let key = &self.published.offers[offer];
        let at = self.goods.catalogue.offers.iter().position(|known| known.key == *key);
        let mut known = Known::default();
        let mut left_out = [ArmEvaluation::default(), ArmEvaluation::default()];
        for arm in [HOLDOUT, OFFER] {
            let assigned = &self.published.assigned[offer][arm];
            left_out[arm].lost = assigned.lost;
            for row in &assigned.rows {
                self.judge(row, at, arm, &mut known, &mut left_out[arm]);
            }
        }
        let arm = |arm: usize| {
            let ArmEvaluation { gap_takes, immature, not_eligible, lost, .. } = left_out[arm];
            let deciles = at.map_or_else(Vec::new, |at| self.deciles(offer, at, arm));
            ArmEvaluation { gap_takes, immature, not_eligible, lost, deciles, ..self.arm(&known, arm) }
        };
        let effect = effect(rate_effect(&known.assignment(), &known.is_taken, CONFIDENCE))?;
        let (assigned, shadow) = (arm(OFFER), arm(HOLDOUT));
        let reach = assigned.customers as f64;
        all.extend(&known, |_| true);
        // Of several offers one is called overstated by chance more often than each says.
        let strict = 1.0 - (1.0 - CONFIDENCE) / self.published.offers.len() as f64;
        Ok(OfferEvaluation {
            expected: expectation(&known, strict)?,
            offer: key.clone(),
            kind: at.map_or("", |at| crate::words::offer_kind(self.goods.catalogue.offers[at].kind)).to_owned(),
            family: at.map_or_else(String::new, |at| self.goods.catalogue.offers[at].family.clone()),
            incremental_takes: effect
                .interval
                .map(|span| Span { lower: reach * span.lower, upper: reach * span.upper }),
            assigned,
            shadow,
            effect,
            described: self.described(&known),
            held_back: self.held_back(offer, at)?,
        })
    }

    /// The offer against itself held back, other offers going on as ever. Who is held back was drawn by a hash of the offer's own, so
    /// customers of one lane weigh the same on either side.
    fn held_back(&self, offer: usize, at: Option<usize>) -> Result<Option<HeldBackEvaluation>> {
        let of_hold = &self.published.held_back[offer];
        if of_hold.rows.is_empty() && of_hold.lost == 0 {
            return Ok(None);
        }
        let mut known = Known::default();
        let mut counts = [ArmEvaluation { lost: of_hold.lost, ..ArmEvaluation::default() }, ArmEvaluation::default()];
        for (arm, rows) in [(HOLDOUT, &of_hold.rows), (OFFER, &self.published.assigned[offer][OFFER].rows)] {
            for row in rows {
                self.judge(row, at, arm, &mut known, &mut counts[arm]);
            }
        }
        let effect = effect(rate_effect(&known.assignment(), &known.is_taken, CONFIDENCE))?;
        let ArmEvaluation { gap_takes, immature, not_eligible, lost, .. } = counts[HOLDOUT];
        let customers = ArmEvaluation { gap_takes, immature, not_eligible, lost, ..self.arm(&known, HOLDOUT) };
        Ok(Some(HeldBackEvaluation { customers, effect }))
    }

    /// Somebody who took it inside the gap stays in the comparison as one who did not take it in the window: to leave people out by what
    /// happened after the assignment would compare unlike with unlike. Whether the offer fitted was settled before it.
    fn judge(&self, row: &Assigned, at: Option<usize>, arm: usize, known: &mut Known, counts: &mut ArmEvaluation) {
        let n_offers = self.goods.catalogue.offers.len();
        let label = at.map_or(Label::NotEligible, |at| self.outcomes.labels[row.customer as usize * n_offers + at]);
        match label {
            Label::NotEligible => counts.not_eligible += 1,
            Label::Immature => counts.immature += 1,
            Label::GapTake | Label::Negative | Label::Positive => {
                counts.gap_takes += u64::from(label == Label::GapTake);
                known.push(row, self.units.cluster(row.customer), arm == OFFER, label == Label::Positive);
            }
        }
    }

    /// What is known of one arm; the counts of those left out are the caller's.
    fn arm(&self, known: &Known, arm: usize) -> ArmEvaluation {
        let rows = known.rows(arm);
        let mut clusters: Vec<u32> = rows.iter().map(|&row| known.clusters[row]).collect();
        clusters.sort_unstable();
        clusters.dedup();
        let group = self.group(known, &rows);
        ArmEvaluation {
            customers: rows.len() as u64,
            households: clusters.len() as u64,
            takes: rows.iter().filter(|&&row| known.is_taken[row]).count() as u64,
            attach_rate: known.mean(&rows, |row| f64::from(u8::from(known.is_taken[row]))),
            mean_propensity: known.mean(&rows, |row| known.propensities[row]),
            revenue_before_minor: group.revenue_before_minor,
            revenue_after_minor: group.revenue_after_minor,
            retention: group.retention,
            ..ArmEvaluation::default()
        }
    }

    fn group(&self, known: &Known, rows: &[usize]) -> Group {
        let customer = |row: usize| known.customers[row] as usize;
        let has_money = !self.outcomes.revenue.is_empty();
        let revenue = |at: usize| {
            let rows = if has_money { rows } else { &[] };
            let mean = known.mean(rows, |row| self.outcomes.revenue[customer(row)][at] as f64);
            mean.map(|mean| mean.round() as i64)
        };
        Group {
            customers: rows.len() as u64,
            revenue_before_minor: revenue(0),
            revenue_after_minor: revenue(1),
            retention: known.mean(rows, |row| f64::from(u8::from(self.outcomes.is_retained[customer(row)]))),
        }
    }

    fn described(&self, known: &Known) -> Described {
        let (takers, others): (Vec<usize>, Vec<usize>) =
            known.rows(OFFER).into_iter().partition(|&row| known.is_taken[row]);
        Described { takers: self.group(known, &takers), others: self.group(known, &others) }
    }

    /// Deciles over all customers of the arm whom the offer fitted and the run scored.
    fn deciles(&self, offer: usize, at: usize, arm: usize) -> Vec<DecileLift> {
        let (n_offers, n_labels) = (self.published.offers.len(), self.goods.catalogue.offers.len());
        let (mut scores, mut labels, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
        for (customer, is_in) in self.published.arm.iter().enumerate() {
            let score = self.published.propensity[customer * n_offers + offer];
            let label = self.outcomes.labels[customer * n_labels + at];
            if *is_in == Some(arm) && !score.is_nan() && matches!(label, Label::Negative | Label::Positive) {
                scores.push(f64::from(score));
                labels.push(label == Label::Positive);
                hashes.push(self.units.hash("deciles", customer as u32));
            }
        }
        let lift = |decile: &osusume_evaluate::Decile| DecileLift {
            decile: decile.decile,
            customers: decile.n_rows,
            takes: decile.n_positives,
            lift: Some(decile.decile_lift).filter(|lift| lift.is_finite()),
        };
        // Without both takers and others there is no lift.
        decile_table(&scores, &labels, &hashes).map_or_else(|_| Vec::new(), |table| table.iter().map(lift).collect())
    }
}

pub(super) fn effect(found: osusume_evaluate::Result<osusume_evaluate::Effect>) -> Result<Effect> {
    let found = found.map_err(|error| Fault::new(Code::Bug).because(error))?;
    Ok(Effect {
        value: Some(found.difference).filter(|value| value.is_finite()),
        interval: found.interval.ok().map(|interval| Span { lower: interval.lower, upper: interval.upper }),
        no_interval: found.interval.err().map(|reason| {
            let word = match reason {
                NoInterval::EmptyArm => "empty_arm",
                NoInterval::FewClusters => "few_clusters",
            };
            word.to_owned()
        }),
    })
}
