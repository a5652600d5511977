//! Report: the numbers of every stage as one page and as JSON.

mod curves;
mod features;

use std::collections::BTreeMap;

use osusume_decide::{self as deciding, Lever};
use osusume_evaluate as evaluate;
use osusume_model::{Date, FeatureSpec, Offer, Result};
use osusume_numeric::distributions::{Interval, two_sided_z};
use osusume_numeric::elementary::exp;
use osusume_propensity::quantity::QuantityBasis;
use osusume_report::{
    About, Arm, Audit, Band, CauseRow, Cell, ChannelRow, ChurnRow, ClosedGate, ContactRow, Customers, Data, Decisions,
    FORMAT_VERSION, Follow, LaneRow, Learning, LimitRow, Names, Numbers, OfferRow, QuantityRow, ReasonRow, RejectRow,
    Reloaded, Report, Rule, SMALLEST_SHOWN, SourceRow, StabilityRow, StepBackRow, Test, TestRow, TriggerRow,
};

use super::decide::{CapacityRow, Stability, churn_per_contact, evidence, lever};
use super::mine::{FollowSummary, ToldRule};
use super::train::{
    ArmRows, CONFIDENCE, Churn, Contact, DecileCounts, Gate, Measures, Models, OfferModel, Tested, deciles,
};
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::config::{Config, Mine, OwnRule, ValueBasis};
use crate::copies::CopiesTold;
use crate::job::Job;
use crate::summary::{OfferSummary, Pooled, Summary};
use crate::units::Units;

/// The page.
pub(crate) const PAGE: &str = "report.html";
/// Its numbers.
pub(crate) const NUMBERS: &str = "report.json";

/// What the stages before have to tell.
pub(crate) struct Told<'a> {
    pub(crate) summary: &'a Summary,
    pub(crate) models: &'a Models,
    pub(crate) specs: &'a [FeatureSpec],
    pub(crate) goods: &'a Goods,
    pub(crate) units: &'a Units,
}

/// Writes `report.json` and `report.html`, the latter in the language of the pipeline file; what it shows of groups of customers.
pub(crate) fn write(job: &Job<'_>, told: &Told<'_>, schedule: &Schedule) -> Result<Vec<Audit>> {
    let report = Report::new(told.numbers(job, schedule));
    job.staging.write_file(NUMBERS, &report.to_json(), None)?;
    job.staging.write_file(PAGE, report.html(report.language()).as_bytes(), None)?;
    Ok(report.numbers().audits.clone())
}

impl Told<'_> {
    fn numbers(&self, job: &Job<'_>, schedule: &Schedule) -> Numbers {
        let summary = self.summary;
        let described = summary.offers.iter().zip(&self.models.offers).zip(&self.goods.catalogue.offers);
        Numbers {
            format_version: FORMAT_VERSION,
            language: job.config.language.id().to_owned(),
            about: about(job, summary, schedule.score.date),
            customers: customers(summary),
            decisions: self.decisions(job),
            offers: described
                .enumerate()
                .map(|(i, ((row, model), offer))| self.offer(job, i, (row, model, offer)))
                .collect(),
            audits: summary.audits.clone(),
            learning: self.learning(),
            rules: summary.mined.iter().flat_map(|mined| &mined.top).map(rule).collect(),
            follows: summary.mined.iter().flat_map(|mined| &mined.follows).flat_map(follows).collect(),
            data: data(summary),
            names: job.config.spoken_names.clone(),
            evaluation: None,
        }
    }

    fn offer(&self, job: &Job<'_>, i: usize, (row, model, offer): (&OfferSummary, &OfferModel, &Offer)) -> OfferRow {
        let product = offer.product.and_then(|product| self.goods.names.get(product.0 as usize));
        let [en, ja] = product.cloned().unwrap_or_default();
        OfferRow {
            offer: row.key.clone(),
            names: Names { en, ja },
            kind: row.kind.to_owned(),
            basis: row.basis.to_owned(),
            gate: row.gate.as_ref().filter(|gate| !gate.holds).map(closed_gate),
            evidence: evidence(job.config, row.contact.as_ref()).to_owned(),
            contact: row.contact.as_ref().and_then(contact),
            step_backs: row
                .after
                .step_backs
                .map(|found| StepBackRow { takes: found.takes.into(), back: found.back.into() }),
            quantity: model.quantity.as_ref().map(|quantity| QuantityRow {
                takes: (quantity.fit.takers as u64).into(),
                mean: Some(quantity.fit.mean),
                is_own: quantity.fit.basis == QuantityBasis::Model,
            }),
            lever: pulled(job.config, offer),
            offered: row.offered.into(),
            expected_value_minor: self.summary.decided.expected_value_by_offer.get(i).map(|(_, value)| *value),
            rows: row.rows.into(),
            takes: row.positives.into(),
            tests: row.tests.iter().map(test).collect(),
            features: features::strongest(self, i, model),
        }
    }

    fn decisions(&self, job: &Job<'_>) -> Decisions {
        let found = self.models.offers.iter().find_map(|model| model.after.churn);
        let counted = churn_per_contact(&job.config.decide, &self.models.effects());
        let churn_per_contact = Some(counted).filter(|share| *share > 0.0);
        Decisions { churn_per_contact, churn: found.as_ref().map(churn), ..decisions(job, self.summary) }
    }

    fn learning(&self) -> Learning {
        let summary = self.summary;
        Learning {
            rows: summary.training_rows.into(),
            share_of_customers: summary.training_sample,
            features: summary.features,
            as_of_dates: summary.as_of_dates.clone(),
            tests: summary.pooled.iter().map(test_row).collect(),
            together: self.together(),
            reloaded: summary.copies.iter().map(reloaded).collect(),
        }
    }

    /// The newest test over all offers whose own counts are shown: otherwise the sum would tell the rest.
    fn together(&self) -> Option<Test> {
        let is_shown = |tested: &&Tested| {
            let takes = tested.y.iter().filter(|&&y| y).count() as u64;
            takes >= SMALLEST_SHOWN && tested.y.len() as u64 - takes >= SMALLEST_SHOWN
        };
        let newest: Vec<&Tested> = self.models.tested.last()?.iter().flatten().filter(is_shown).collect();
        let date = newest.first()?.date;
        let y: Vec<bool> = newest.iter().flat_map(|test| test.y.iter().copied()).collect();
        let propensity: Vec<f64> = newest.iter().flat_map(|test| test.propensity.iter().copied()).collect();
        let hash = |customer: &u32| self.units.hash("decile", *customer);
        let hashes: Vec<u64> = newest.iter().flat_map(|test| test.customer.iter().map(hash)).collect();
        Some(Test {
            as_of: date.to_string(),
            rows: (y.len() as u64).into(),
            takes: (y.iter().filter(|&&y| y).count() as u64).into(),
            auc: None,
            log_loss: evaluate::log_loss(&propensity, &y).ok(),
            base_log_loss: None,
            observed_over_expected: None,
            bands: bands(&deciles(&propensity, &y, &hashes)),
        })
    }
}

/// A lever that does anything.
fn pulled(config: &Config, offer: &Offer) -> Option<(f64, i64)> {
    let lever = lever(&config.decide.valuation.levers, offer);
    (lever != Lever::default()).then_some((lever.factor, lever.added.0))
}

fn churn(found: &Churn) -> ChurnRow {
    let [lower, upper] = found.interval;
    let difference = [found.difference, lower, upper];
    ChurnRow { contacted: arm(found.contacted), held_back: arm(found.held_back), difference }
}

fn arm(arm: ArmRows) -> Arm {
    Arm {
        customers: arm.rows.into(),
        takes: arm.takes.into(),
        rate: (arm.rows > 0).then(|| arm.takes as f64 / arm.rows as f64),
    }
}

/// What draws tell; what is assumed shows nothing.
fn contact(found: &Contact) -> Option<ContactRow> {
    let (draw, [lower, upper]) = found.draw.as_ref().zip(found.interval)?;
    let odds = [found.log_odds, lower, upper].map(exp);
    Some(ContactRow { contacted: arm(draw.contacted), held_back: arm(draw.held_back), odds })
}

fn reloaded(told: &CopiesTold) -> Reloaded {
    Reloaded {
        source: told.source.clone(),
        assumed_static: told.assumed_static.clone(),
        changing: told.changing.clone(),
        first: told.first.clone(),
        served: told.served,
    }
}

fn closed_gate(gate: &Gate) -> ClosedGate {
    ClosedGate { slope: gate.slope, observed_over_expected: gate.observed_over_expected }
}

fn about(job: &Job<'_>, summary: &Summary, as_of: Date) -> About {
    let offers = &job.config.offers;
    let window_start = as_of + offers.gap_days as i32;
    let window_end = window_start + offers.horizon_days as i32;
    About {
        pipeline: summary.pipeline.clone(),
        purpose: job.config.pipeline.purpose.clone(),
        run_id: summary.run_id.clone(),
        tool_version: crate::run::TOOL_VERSION.to_owned(),
        as_of: as_of.to_string(),
        window_start: window_start.to_string(),
        window_end: window_end.to_string(),
        measurable_from: (window_end + offers.kept_days as i32).to_string(),
        kept_days: offers.kept_days,
        currency: summary.currency.clone(),
        minor_digits: summary.minor_digits,
        is_cross_section: summary.is_cross_section,
        mines_baskets: job.config.mine.as_ref().is_some_and(Mine::is_of_purchases),
    }
}

fn rule(told: &ToldRule) -> Rule {
    Rule {
        antecedent: told.antecedent.clone(),
        consequent: told.consequent.clone(),
        joint: told.joint.into(),
        support: told.support,
        confidence: told.confidence,
        lift: told.lift,
        lift_lower: Some(told.lift_lower).filter(|lower| lower.is_finite()),
        later_confidence: told.later_confidence,
        later_lift: told.later_lift,
    }
}

fn follows(told: &FollowSummary) -> impl Iterator<Item = Follow> + '_ {
    told.top.iter().map(|pair| Follow {
        antecedent: pair.antecedent.clone(),
        consequent: pair.consequent.clone(),
        within_days: told.within_days,
        customers: pair.customers.into(),
        added: pair.added.into(),
        rate_ratio: pair.rate_ratio,
        lead_days: pair.lead_days,
        later_rate_ratio: pair.later_rate_ratio,
    })
}

fn customers(summary: &Summary) -> Customers {
    let decided = &summary.decided;
    Customers {
        known: summary.customers.into(),
        with_offer: decided.with_offer.into(),
        without_offer: decided.without_offer.saturating_sub(decided.unreachable).into(),
        without: without(summary),
        not_asked: (summary.customers.saturating_sub(decided.customers) + decided.unreachable).into(),
        holdout: decided.holdout.into(),
    }
}

/// Why customers whom a channel may reach get no offer.
fn without(summary: &Summary) -> Vec<CauseRow> {
    let causes = summary.decided.without.iter().filter(|(cause, _)| *cause != deciding::Rule::NoConsent.id());
    causes.map(|(cause, n)| CauseRow { cause: cause.clone(), customers: (*n).into() }).collect()
}

fn decisions(job: &Job<'_>, summary: &Summary) -> Decisions {
    let (decide, decided) = (&job.config.decide, &summary.decided);
    let offers: u64 = decided.offers.iter().map(|(_, rows)| rows).sum();
    let channel = |name: &String| ChannelRow {
        channel: name.clone(),
        offers: decided.channels.get(name).copied().unwrap_or(0).into(),
    };
    let pairs = decided.customers * summary.offers.len() as u64;
    Decisions {
        offers: offers.into(),
        expected_value_minor: Some(decided.expected_value_minor),
        channels: decide.channels.iter().map(channel).collect(),
        lanes: lanes(job, summary),
        triggers: triggers(summary),
        limits: decided.capacity.iter().flat_map(|found| &found.limits).map(limit).collect(),
        stability: decided.stability.as_ref().map(stability),
        pairs: pairs.into(),
        outcomes: outcomes(summary, pairs, offers),
        own_rules: own_rules(job),
        months: decide.months,
        per_customer: decide.per_customer as u64,
        min_value_minor: decide.min_value_minor,
        holdout_fraction: decided.holdout_fraction,
        values_takes: decide.valuation.basis == ValueBasis::Taking,
        churn_per_contact: None,
        churn: None,
    }
}

/// What the pipeline file says of the rules it declares.
fn own_rules(job: &Job<'_>) -> BTreeMap<String, Names> {
    let said = |rule: &OwnRule| {
        let [en, ja] = rule.reason.clone();
        (format!("rule:{}", rule.name), Names { en, ja })
    };
    job.config.decide.timing.rules.iter().map(said).collect()
}

/// Customers by lane, where the pipeline declares any.
fn lanes(job: &Job<'_>, summary: &Summary) -> Vec<LaneRow> {
    let is_told = !job.config.decide.timing.lanes.is_empty();
    let row = |(lane, n): (&String, &u64)| LaneRow { lane: lane.clone(), customers: (*n).into() };
    summary.decided.lanes.iter().filter(|_| is_told).map(row).collect()
}

fn triggers(summary: &Summary) -> Vec<TriggerRow> {
    let row = |(trigger, rows): (&String, &u64)| TriggerRow {
        trigger: Some(trigger.clone()).filter(|name| !name.is_empty()),
        offers: (*rows).into(),
    };
    let mut rows: Vec<TriggerRow> = summary.decided.triggers.iter().map(row).collect();
    // Offers without any come last.
    let n_without = usize::from(rows.first().is_some_and(|row| row.trigger.is_none()));
    rows.rotate_left(n_without);
    rows
}

fn limit(row: &CapacityRow) -> LimitRow {
    LimitRow {
        offer: row.offer.clone(),
        channel: row.channel.clone(),
        max: row.max,
        min: Some(row.min).filter(|min| *min > 0),
        budget_minor: row.budget_minor,
        used: row.used.unsigned_abs().into(),
        price_minor: row.price_minor,
        next_short_minor: row.next_short_minor.filter(|short| short.is_finite()),
        is_missed: row.missing.is_some(),
        missing: row.missing.unwrap_or(0).unsigned_abs().into(),
    }
}

fn stability(found: &Stability) -> StabilityRow {
    let cause = |(cause, n): (&String, &u64)| CauseRow { cause: cause.clone(), customers: (*n).into() };
    StabilityRow {
        run_id: found.run_id.clone(),
        kept: found.kept.into(),
        changed: found.changed.into(),
        ended: found.ended.into(),
        begun: found.begun.into(),
        flip_rate: Some(found.flip_rate),
        causes: found.causes.iter().map(cause).collect(),
    }
}

/// Every pair once: what was neither offered nor removed by a rule lost to offers worth more.
fn outcomes(summary: &Summary, pairs: u64, offers: u64) -> Vec<ReasonRow> {
    let decided = &summary.decided;
    let removed: u64 = decided.removed.values().sum();
    let outranked = pairs - offers - decided.shadow_rows - removed;
    let counted = [("offered", offers), ("shadow", decided.shadow_rows), ("outranked", outranked)];
    let removed = decided.removed.iter().map(|(rule, pairs)| (rule.as_str(), *pairs));
    let row = |(outcome, pairs): (&str, u64)| ReasonRow { outcome: outcome.to_owned(), pairs: pairs.into() };
    counted.into_iter().chain(removed).map(row).collect()
}

fn data(summary: &Summary) -> Data {
    let source = |(name, count): &(String, osusume_tables::SourceCount)| SourceRow {
        source: name.clone(),
        read: count.read,
        accepted: count.accepted,
        rejected: count.rejected,
        excluded: count.excluded + count.suppressed,
    };
    let reject = |(code, rows): &(String, u64)| RejectRow { code: code.clone(), rows: *rows };
    Data {
        sources: summary.counts.iter().map(source).collect(),
        rejects: summary.rejects.iter().map(reject).collect(),
        unknown_products: summary.unknown_products,
    }
}

fn test(measures: &Measures) -> Test {
    let z = two_sided_z(CONFIDENCE);
    let auc = measures.auc.zip(measures.auc_standard_error);
    Test {
        as_of: measures.as_of.clone(),
        rows: measures.rows.into(),
        takes: measures.positives.into(),
        auc: auc.map(|(auc, error)| [auc, (auc - z * error).max(0.0), (auc + z * error).min(1.0)]),
        log_loss: measures.log_loss,
        base_log_loss: measures.base_log_loss,
        observed_over_expected: measures.observed_over_expected.filter(is_finite),
        bands: bands(&measures.deciles),
    }
}

/// An interval without an end says nothing that could be drawn.
fn is_finite(values: &[f64; 3]) -> bool {
    values.iter().all(|value| value.is_finite())
}

fn bands(deciles: &[DecileCounts]) -> Vec<Band> {
    let tenth = |decile: &DecileCounts| evaluate::Tenth {
        n_rows: decile.rows,
        n_positives: decile.positives,
        expected: decile.expected,
    };
    let around = |value: f64, interval: Interval| [value, interval.lower, interval.upper];
    let band = |band: evaluate::Band| Band {
        rows: Cell::from(band.sums.n_rows),
        takes: Cell::from(band.sums.n_positives),
        predicted: band.sums.expected / band.sums.n_rows as f64,
        observed: around(band.rate, band.rate_interval),
        gain: around(band.gain, band.gain_interval),
    };
    let tenths: Vec<evaluate::Tenth> = deciles.iter().map(tenth).collect();
    evaluate::bands(&tenths, SMALLEST_SHOWN, CONFIDENCE).into_iter().map(band).collect()
}

fn test_row(pooled: &Pooled) -> TestRow {
    TestRow {
        as_of: pooled.as_of.clone(),
        offers: pooled.offers,
        mean_auc: pooled.mean_auc,
        log_loss: pooled.log_loss,
        base_log_loss: pooled.base_log_loss,
        slope: pooled.slope.filter(is_finite),
    }
}
