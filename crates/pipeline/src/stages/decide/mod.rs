//! Decide: who is offered what through which channel, and why not; the holdout goes through the same and is written apart.

mod held;
mod rows;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

use osusume_decide::{
    Channel, ContactHistory, ContactPolicy, Customers, Decision, Direction, Holdout, Ladder, Lifetime, RankPolicy,
    Ranked, Rule, apply_contact_policy, eligibility, rank, reasons,
};
use osusume_model::{AsOf, Catalogue, Code, Family, Fault, FeatureSpec, Minor, Offer, OfferKind, Result};
use osusume_propensity::contributions::Contributions;
use osusume_propensity::encoder::{RawKind, Transform};
use osusume_tables::{ParquetSink, read_batches};

use self::rows::{DecisionRow, OfferRow};
use self::state::{Reader, State};
use super::consents::all_channels;
use super::features::SCORING;
use super::score::{RawBlock, SCORES, propensities};
use super::train::{Evidence, Models, raw_kinds};
use crate::catalogue::{Goods, contradictions};
use crate::checked::Checked;
use crate::config::{Config, HoldEvent};
use crate::job::Job;
use crate::kernel::{decide_fault, propensity_fault};
use crate::units::Units;

/// The published offer table.
pub(crate) const OFFERS: &str = "offers.parquet";
/// What the holdout would have been offered.
pub(crate) const SHADOW: &str = "shadow.parquet";
/// What became of every customer and offer.
pub(crate) const DECISIONS: &str = "decisions.parquet";

/// The numbers a run ends with.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct DecisionCounts {
    /// Customers decided about.
    pub customers: u64,
    /// Those in the holdout.
    pub holdout: u64,
    /// Those outside the holdout with at least one offer.
    pub with_offer: u64,
    /// Those outside the holdout with none.
    pub without_offer: u64,
    /// Rows of the offer table by offer, in the order of offers.
    pub offers: Vec<(String, u64)>,
    /// Sum of the expected values of the offer table, in minor units.
    pub expected_value_minor: i64,
    /// The same by offer, in the order of offers.
    pub expected_value_by_offer: Vec<(String, i64)>,
    /// Rows of the offer table by channel.
    pub channels: BTreeMap<String, u64>,
    /// Rows of the shadow table.
    pub shadow_rows: u64,
    /// Customer × offer pairs removed, by rule.
    pub removed: BTreeMap<String, u64>,
}

/// Decides about every scored customer and writes offers, shadow and decisions.
///
/// # Errors
/// `ConsentGate`, contradictions of the catalogue, faults of reading and writing, and a stop asked for.
pub(crate) fn decide(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    specs: &[FeatureSpec],
    models: &Models,
    units: &Units,
    as_of: AsOf,
) -> Result<DecisionCounts> {
    let decider = Decider::new(job, goods, specs, models, units)?;
    let reader = Reader { job, tables, goods, as_of };
    let mut writer = Writer::create(job, goods, as_of)?;
    let (fs, dir) = (&**job.staging.fs(), job.staging.dir());
    let scores = read_batches(fs, &dir.join(SCORES), &["propensity"])?;
    for (features, scores) in read_batches(fs, &dir.join(SCORING), &[])?.zip(scores) {
        job.check_stop()?;
        let block = RawBlock::new(&features?, specs);
        let propensity = propensities(&scores?);
        if propensity.len() != block.customer.len() * goods.catalogue.offers.len() {
            return Err(Fault::new(Code::Bug).because("scores and features are not the same customers"));
        }
        let state = reader.read(&block.customer)?;
        let ranked = decider.rank(&state, &propensity, as_of)?;
        decider.write(&mut writer, &block, &ranked, tables)?;
        job.host.progress(writer.counts.customers, u64::from(tables.n_customers()));
    }
    writer.finish()
}

/// What does not change from block to block.
struct Decider<'a> {
    job: &'a Job<'a>,
    goods: &'a Goods,
    models: &'a Models,
    units: &'a Units,
    ladder: Ladder,
    policy: RankPolicy,
    contact: ContactPolicy,
    holdout: Holdout,
    families: Vec<Family>,
    kinds: Vec<RawKind>,
    names: Vec<String>,
    contributions: Vec<Option<Contributions>>,
    reason_of_rate: Vec<Option<String>>,
}

impl<'a> Decider<'a> {
    fn new(
        job: &'a Job<'a>,
        goods: &'a Goods,
        specs: &[FeatureSpec],
        models: &'a Models,
        units: &'a Units,
    ) -> Result<Self> {
        let config = job.config;
        // Products of a shop form no ladder; only what is held does.
        let products = if goods.rules().is_empty() { Vec::new() } else { goods.catalogue.products.clone() };
        let catalogue = Catalogue { products, offers: goods.catalogue.offers.clone() };
        let source: Vec<u32> = models.encoder.columns.iter().map(|column| column.raw).collect();
        let group: Vec<u32> = (0..specs.len() as u32).collect();
        let contributions = models.offers.iter().map(|offer| match &offer.evidence {
            Evidence::Model(fit) => Contributions::of_fit(fit, &offer.calibrator, &source, &group)
                .map(Some)
                .map_err(|error| propensity_fault(&error, &offer.key)),
            Evidence::Rate => Ok(None),
        });
        Ok(Self {
            job,
            goods,
            models,
            units,
            ladder: Ladder::new(&catalogue).map_err(|errors| contradictions(&errors))?,
            policy: policy(config),
            contact: contact_policy(config),
            holdout: Holdout {
                salt: config.decide.holdout_salt.reveal().to_owned(),
                fraction: config.decide.holdout_fraction,
            },
            families: specs.iter().map(|spec| spec.family).collect(),
            kinds: raw_kinds(specs),
            names: specs.iter().map(|spec| spec.name.clone()).collect(),
            contributions: contributions.collect::<Result<_>>()?,
            reason_of_rate: catalogue.offers.iter().map(|offer| reason_of_rate(specs, offer)).collect(),
        })
    }

    fn rank(&self, state: &State, propensity: &[f32], as_of: AsOf) -> Result<Ranked> {
        let customers = Customers {
            held_offsets: &state.held_offsets,
            held: &state.held,
            consents: &state.consents,
            suppressed: None,
            bought: (!state.bought.is_empty()).then_some(state.bought.as_slice()),
        };
        let channels = all_channels(self.job);
        let fault = |error: osusume_decide::DecideError| decide_fault(&error);
        let control = self.job.quiet();
        let mut verdicts = eligibility(&self.ladder, &customers, as_of.date, channels, &control).map_err(fault)?;
        let history = ContactHistory {
            n_contacts: &state.n_contacts,
            days_since_complaint: &state.days_since_complaint,
            days_since_purchase: &state.days_since_purchase,
        };
        apply_contact_policy(&self.contact, &history, &mut verdicts);
        rank(&self.ladder, &customers, (&verdicts, propensity), &self.policy, &control).map_err(fault)
    }

    fn write(&self, writer: &mut Writer, block: &RawBlock, ranked: &Ranked, tables: &Checked) -> Result<()> {
        let n_offers = self.goods.catalogue.offers.len();
        let is_held_out: Vec<bool> =
            block.customer.iter().map(|&customer| self.holdout.contains(self.units.id(customer).as_bytes())).collect();
        let decisions: Vec<DecisionRow> = block
            .customer
            .iter()
            .zip(ranked.decisions.chunks_exact(n_offers))
            .zip(&is_held_out)
            .map(|((&customer, decisions), &held_out)| DecisionRow {
                customer_id: tables.customers.id(customer).to_owned(),
                arm: if held_out { "holdout" } else { "offer" },
                offers: decisions.iter().map(|decision| decision_words(*decision)).collect(),
            })
            .collect();
        let encoded = self.encode(block)?;
        let (mut offers, mut shadow) = (Vec::new(), Vec::new());
        for choice in &ranked.choices {
            let row = choice.customer as usize;
            let held_out = is_held_out[row];
            let fraction = self.holdout.fraction;
            let offer = choice.offer.0 as usize;
            let offered = OfferRow {
                customer_id: tables.customers.id(block.customer[row]).to_owned(),
                rank: choice.rank as i16,
                offer,
                channel: self.job.config.decide.channels[choice.channel as usize].clone(),
                propensity: choice.propensity,
                margin: choice.margin.0,
                expected_value: choice.expected_value.0,
                basis: self.models.offers[offer].basis(),
                reasons: self.reasons(block, &encoded, row, offer)?,
                action_probability: if held_out { fraction } else { 1.0 - fraction },
            };
            if held_out { shadow.push(offered) } else { offers.push(offered) }
        }
        writer.count(&decisions, &offers, &shadow, &is_held_out);
        writer.write(&decisions, &offers, &shadow)
    }

    fn encode(&self, block: &RawBlock) -> Result<Vec<f32>> {
        let slices = block.slices();
        let mut out = vec![0.0; block.customer.len() * self.models.encoder.n_cols()];
        self.models
            .encoder
            .encode_block(&block.raw(&slices, &self.kinds), &mut out)
            .map_err(|error| propensity_fault(&error, "reasons"))?;
        Ok(out)
    }

    /// `family:feature:+`, `-` or `?` (absent) of the three strongest reasons for the offer.
    fn reasons(&self, block: &RawBlock, encoded: &[f32], row: usize, offer: usize) -> Result<[Option<String>; 3]> {
        let Some(contributions) = &self.contributions[offer] else {
            return Ok([self.reason_of_rate[offer].clone(), None, None]);
        };
        let d = self.models.encoder.n_cols();
        let x = &encoded[row * d..(row + 1) * d];
        // Groups end at the last feature with a column; the features behind it contribute nothing.
        let mut sums = vec![0.0; contributions.n_groups()];
        contributions.of_row(x, &mut sums).map_err(|error| propensity_fault(&error, "reasons"))?;
        sums.resize(self.families.len(), 0.0);
        let found = reasons(&self.families, &sums, &self.deviations(block, x, row));
        Ok(found.map(|reason| {
            reason.map(|reason| {
                let sign = match reason.direction {
                    Direction::Above => '+',
                    Direction::Below => '-',
                    Direction::Absent => '?',
                };
                format!("{}:{}:{sign}", reason.family.id(), self.names[reason.feature])
            })
        }))
    }

    /// Which way each feature lies against the usual value: the first column that is made of its number says so.
    fn deviations(&self, block: &RawBlock, x: &[f32], row: usize) -> Vec<f64> {
        let mut deviations: Vec<f64> =
            (0..self.families.len()).map(|f| if block.is_absent(row, f) { f64::NAN } else { 0.0 }).collect();
        for (column, &value) in self.models.encoder.columns.iter().zip(x).rev() {
            let deviation = &mut deviations[column.raw as usize];
            match column.transform {
                _ if deviation.is_nan() => {}
                Transform::Linear { .. } | Transform::Log1p { .. } => *deviation = f64::from(value),
                // A category that is present applies.
                Transform::Level(_) | Transform::Other { .. } => *deviation = 1.0,
                Transform::Absent => {}
            }
        }
        deviations
    }
}

/// A rate weighs nothing that is known of the customer. What makes a step up possible at all is the tier held, and that is told;
/// everything else rests on the rate alone, as `basis` says.
fn reason_of_rate(specs: &[FeatureSpec], offer: &Offer) -> Option<String> {
    let is_tier = |spec: &&FeatureSpec| spec.text_key == "tier" && spec.subject == offer.family;
    let spec = specs.iter().filter(|_| offer.kind == OfferKind::Upsell).find(is_tier)?;
    Some(format!("{}:{}:+", spec.family.id(), spec.name))
}

fn policy(config: &Config) -> RankPolicy {
    let decide = &config.decide;
    RankPolicy {
        per_customer: decide.per_customer,
        per_family: 1,
        threshold: Minor(decide.min_value_minor),
        channels: (0..decide.channels.len() as u8)
            .map(|index| Channel { index, contact_cost: Minor(decide.contact_cost_minor) })
            .collect(),
        lifetime: Lifetime {
            horizon_months: decide.months,
            monthly_survival: decide.monthly_survival,
            monthly_discount: monthly_interest(decide.yearly_discount),
        },
    }
}

/// The monthly interest i at which money a year later is worth 1 − `yearly_discount`: (1 + i)^−12 = 1 − discount.
fn monthly_interest(yearly_discount: f64) -> f64 {
    use osusume_numeric::elementary::{exp, ln};
    exp(-ln(1.0 - yearly_discount) / 12.0) - 1.0
}

fn contact_policy(config: &Config) -> ContactPolicy {
    let decide = &config.decide;
    let hold = |event: HoldEvent| {
        let days = decide.hold_after.iter().find(|hold| hold.event == event).map(|hold| hold.days)?;
        u16::try_from(days).ok()
    };
    ContactPolicy {
        max_contacts: u16::try_from(decide.contact_limit_max).ok(),
        hold_after_complaint_days: hold(HoldEvent::Complaint),
        hold_after_purchase_days: hold(HoldEvent::Purchase),
    }
}

fn decision_words(decision: Decision) -> (&'static str, Option<usize>) {
    match decision {
        Decision::Chosen { .. } => ("chosen", None),
        Decision::Removed(rule) => (rule.id(), None),
        Decision::BelowThreshold => ("below_threshold", None),
        Decision::Outranked { by } => ("outranked", Some(by.0 as usize)),
    }
}

struct Writer {
    offers: ParquetSink,
    shadow: ParquetSink,
    decisions: ParquetSink,
    offer_schema: Arc<osusume_tables::arrow::datatypes::Schema>,
    decision_schema: Arc<osusume_tables::arrow::datatypes::Schema>,
    catalogue: Vec<Offer>,
    as_of: AsOf,
    expires: osusume_model::Date,
    by_offer: Vec<u64>,
    value_by_offer: Vec<i64>,
    counts: DecisionCounts,
}

impl Writer {
    fn create(job: &Job<'_>, goods: &Goods, as_of: AsOf) -> Result<Self> {
        let catalogue = goods.catalogue.offers.clone();
        let offer_schema = Arc::new(rows::offer_schema());
        let decision_schema = Arc::new(rows::decision_schema(&catalogue));
        let create = |path, schema| ParquetSink::create(&job.target(), path, schema, &[]);
        let days = job.config.offers.gap_days + job.config.offers.horizon_days;
        Ok(Self {
            offers: create(OFFERS, &offer_schema)?,
            shadow: create(SHADOW, &offer_schema)?,
            decisions: create(DECISIONS, &decision_schema)?,
            offer_schema,
            decision_schema,
            by_offer: vec![0; catalogue.len()],
            value_by_offer: vec![0; catalogue.len()],
            catalogue,
            as_of,
            // The propensity speaks of the days up to the end of the label window, and of none after it.
            expires: as_of.date + days as i32,
            counts: DecisionCounts::default(),
        })
    }

    fn count(&mut self, decisions: &[DecisionRow], offers: &[OfferRow], shadow: &[OfferRow], is_held_out: &[bool]) {
        let held_out = is_held_out.iter().filter(|&&held_out| held_out).count() as u64;
        let with_offer = offers.iter().filter(|row| row.rank == 1).count() as u64;
        let counts = &mut self.counts;
        counts.customers += decisions.len() as u64;
        counts.holdout += held_out;
        counts.with_offer += with_offer;
        counts.without_offer += decisions.len() as u64 - held_out - with_offer;
        counts.shadow_rows += shadow.len() as u64;
        for row in offers {
            counts.expected_value_minor = counts.expected_value_minor.saturating_add(row.expected_value);
            self.by_offer[row.offer] += 1;
            self.value_by_offer[row.offer] = self.value_by_offer[row.offer].saturating_add(row.expected_value);
            *counts.channels.entry(row.channel.clone()).or_default() += 1;
        }
        let removed = decisions.iter().flat_map(|row| &row.offers).map(|(code, _)| *code);
        for code in removed.filter(|code| Rule::ALL.iter().any(|rule| rule.id() == *code) || *code == "below_threshold")
        {
            *counts.removed.entry(code.to_owned()).or_default() += 1;
        }
    }

    fn write(&mut self, decisions: &[DecisionRow], offers: &[OfferRow], shadow: &[OfferRow]) -> Result<()> {
        let batch =
            |rows: &[OfferRow]| rows::offer_batch(&self.offer_schema, rows, &self.catalogue, self.as_of, self.expires);
        self.offers.write(&batch(offers)?)?;
        self.shadow.write(&batch(shadow)?)?;
        self.decisions.write(&rows::decision_batch(&self.decision_schema, decisions, &self.catalogue)?)
    }

    fn finish(mut self) -> Result<DecisionCounts> {
        self.offers.finish()?;
        self.shadow.finish()?;
        self.decisions.finish()?;
        let keys = || self.catalogue.iter().map(|offer| offer.key.clone());
        self.counts.offers = keys().zip(self.by_offer).collect();
        self.counts.expected_value_by_offer = keys().zip(self.value_by_offer).collect();
        Ok(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use osusume_model::{FeatureKind, NullMeaning, Unit};

    use super::*;

    #[test]
    fn a_rate_tells_the_tier_held_where_there_is_one() {
        let spec = |name: &str, text_key, subject: &str| FeatureSpec {
            name: name.to_owned(),
            family: Family::Holding,
            source: "holdings".to_owned(),
            window: None,
            unit: Unit::Count,
            null: NullMeaning::Never,
            kind: FeatureKind::Numeric,
            text_key,
            subject: subject.to_owned(),
        };
        let specs = [spec("a", "held_count", "line"), spec("b", "tier", "tv"), spec("c", "tier", "line")];
        let check = |kind, family: &str, expected: Option<&str>| {
            let offer = Offer {
                key: "offered".to_owned(),
                kind,
                family: family.to_owned(),
                product: None,
                margin: Minor(0),
                valid_from: None,
                valid_until: None,
            };
            assert_eq!(reason_of_rate(&specs, &offer).as_deref(), expected);
        };
        check(OfferKind::Upsell, "line", Some("holding:c:+"));
        check(OfferKind::CrossSell, "tv", None);
        check(OfferKind::Upsell, "wifi", None);
    }
}
