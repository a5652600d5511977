//! Decide: who is offered what through which channel, and why not; the holdout goes through the same and is written apart.

mod approach;
mod arbiter;
mod arbitration;
mod arms;
mod capacity;
mod conditions;
mod contacts;
mod explain;
mod explorers;
mod held;
mod held_back;
mod ledger;
mod previous;
mod rows;
mod scored;
mod shared;
mod state;
mod valuation;
mod without;

use std::collections::BTreeMap;
use std::sync::Arc;

use osusume_decide::{Choice, Holdout, Rule};
use osusume_model::{AsOf, Date, FeatureSpec, Offer, Result};
use osusume_storage::Run;
use osusume_tables::ParquetSink;

pub(crate) use self::arbiter::Arbiter;
pub(crate) use self::arbitration::{Arbitration, Decided};
pub use self::capacity::{CapacityRow, CapacitySummary};
pub(crate) use self::capacity::{Limits, Placed};
pub(crate) use self::conditions::Conditions;
pub(crate) use self::explain::{Explainer, Grounds, Weights};
pub(crate) use self::explorers::least_worth;
pub(crate) use self::held::Known;
pub(crate) use self::held_back::HeldBack;
pub(crate) use self::ledger::{Ledger, days_looked_at, earlier_runs, ledger_inputs};
pub use self::previous::Stability;
pub(crate) use self::previous::{Previous, has_column, previous_run};
pub(crate) use self::rows::{OFFER_MEANINGS, offer_schema};
pub(crate) use self::scored::Scored;
pub(crate) use self::shared::Shared;
pub(crate) use self::state::{Reader, State, held_rows, is_purchase};
pub(crate) use self::valuation::{churn_per_contact, lever};

use self::conditions::{Look, Moment};
use self::rows::{DecisionRow, OfferRow};
use super::score::RawBlock;
use super::train::{Columns, Contact, Evidence, Models, OfferModel};
use crate::benefit::{self, Benefits};
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::Config;
use crate::job::Job;
use crate::power::Power;
use crate::units::Units;

/// The published offer table.
pub(crate) const OFFERS: &str = "offers.parquet";
/// What the holdout would have been offered.
pub(crate) const SHADOW: &str = "shadow.parquet";
/// What became of every customer and offer.
pub(crate) const DECISIONS: &str = "decisions.parquet";

/// The column of the decisions that holds the first offer of the run before.
pub(crate) const PREVIOUS: &str = "previous";

/// The arm of those who were decided by the ranking, and were sent what it gave them.
pub(crate) const OFFER: &str = "offer";
/// The arm of those who were left alone.
pub(crate) const HOLDOUT: &str = "holdout";
/// The arm of those who were sent what a lot gave them.
pub(crate) const EXPLORE: &str = "explore";
/// The arm of rows of the shadow that stand for one offer held back from a customer who may get others.
pub(crate) const OFFER_HOLDOUT: &str = "offer_holdout";
/// The arm of those whose offers were ranked by what a take is worth.
pub(crate) const PROPENSITY: &str = "propensity";
/// The arm of those who were sent any offer the rules leave.
pub(crate) const RANDOM: &str = "random";

/// The numbers a run ends with.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct DecisionCounts {
    /// Customers decided about.
    pub customers: u64,
    /// Those in the holdout.
    pub holdout: u64,
    /// The share that is drawn into it.
    pub holdout_fraction: f64,
    /// What it can show; absent where nobody is held out, or nothing was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    /// Those outside it who explore.
    pub explorers: u64,
    /// Those outside it by policy arm; empty where everybody is decided by the ranking.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub arms: BTreeMap<String, u64>,
    /// Those outside the holdout with at least one offer.
    pub with_offer: u64,
    /// Those outside the holdout with none.
    pub without_offer: u64,
    /// The latter by cause: a rule, `below_threshold`, `lane` or `rules`.
    pub without: BTreeMap<String, u64>,
    /// Those of them whom no channel of the run may reach.
    pub unreachable: u64,
    /// Customers whom a channel may reach, inside the holdout and outside: only they are scored.
    pub scored: u64,
    /// Rows of the offer table by offer, in the order of offers.
    pub offers: Vec<(String, u64)>,
    /// Sum of the expected values of the offer table, in minor units.
    pub expected_value_minor: i64,
    /// The same by offer, in the order of offers.
    pub expected_value_by_offer: Vec<(String, i64)>,
    /// Rows of the offer table by channel.
    pub channels: BTreeMap<String, u64>,
    /// Rows of the offer table by the trigger that stands in them, `""` for none; empty where the pipeline file declares none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub triggers: BTreeMap<String, u64>,
    /// Rows of the offer table with a benefit text, by language; empty where the pipeline file declares none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub benefit_texts: BTreeMap<String, u64>,
    /// Rows of the shadow table that stand for the holdout.
    pub shadow_rows: u64,
    /// Customer × offer pairs removed, by rule.
    pub removed: BTreeMap<String, u64>,
    /// Contacts about what is neither an offer of this run nor a product: they count toward limits all the same.
    #[serde(skip_serializing_if = "is_zero")]
    pub contacts_of_unknown_offers: u64,
    /// Customers by lane, those of the holdout included.
    pub lanes: BTreeMap<String, u64>,
    /// How places were settled; absent where there are places for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<CapacitySummary>,
    /// How many first offers are others than in the run before; absent without one whose offers still stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stability: Option<Stability>,
}

/// Whether there is nothing to say.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What was published before a run that it decides by.
#[derive(Clone, Copy)]
pub(crate) struct Earlier<'a> {
    /// The runs whose rows count as contacts.
    pub(crate) ledger: &'a [Run],
    /// The run whose first offers are compared with this one's.
    pub(crate) previous: Option<&'a Run>,
    /// The share the run before held out, where this one's follows from it.
    pub(crate) held_out: Option<f64>,
}

/// Decides about every scored customer and writes offers, shadow and decisions.
///
/// # Errors
/// `ConsentGate`, contradictions of the catalogue, faults of reading and writing, and a stop asked for.
pub(crate) fn decide(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    (specs, conditions): (&[FeatureSpec], &Conditions),
    models: &Models,
    units: &Units,
    (as_of, earlier, holdout_fraction): (AsOf, Earlier<'_>, f64),
) -> Result<DecisionCounts> {
    let decider = Decider::new(job, goods, (specs, conditions), models, (units, holdout_fraction))?;
    let offers: Vec<String> = goods.catalogue.offers.iter().map(|offer| offer.key.clone()).collect();
    let nothing = Ledger::default();
    let shared = Shared::gather(job, tables, goods, units, as_of)?;
    let reader = Reader { scene: job, tables, goods, ledger: &nothing, shared: &shared, conditions, specs, as_of };
    let ledger = Ledger::gather(
        &**job.staging.fs(),
        earlier.ledger,
        (&offers, &job.config.decide),
        &tables.customers,
        &job.quiet(),
    )?
    .settled(&reader, job.config.decide.counts_outstanding)?;
    ledger.write(job, &tables.customers)?;
    let reader = Reader { ledger: &ledger, ..reader };
    let previous = Previous::read(&**job.staging.fs(), earlier.previous, &offers, &tables.customers, &job.quiet())?;
    let limits = Limits::of(job.config, &goods.catalogue.offers, conditions)?;
    let scored = Scored { fs: &**job.staging.fs(), dir: job.staging.dir(), n_offers: offers.len() };
    let is_held_out = |customers: &[u32]| decider.is_held_out(customers);
    let held_back = HeldBack::draw(&job.config.decide, &offers, tables, units);
    let mut arbitration = Arbitration::new(&reader, (&decider.arbiter, &previous, held_back), &scored, units)?;
    arbitration.part(&scored, (limits.as_ref(), units), &is_held_out)?;
    arbitration.explore(&scored, limits.as_ref(), &is_held_out)?;
    let left = limits.map(|limits| arbitration.left(&limits));
    if let Some(left) = &left {
        arbitration.settle(&scored, left, &is_held_out)?;
    }
    let mut writer = Writer::create(job, goods, conditions, as_of)?;
    writer.counts.holdout_fraction = holdout_fraction;
    writer.counts.contacts_of_unknown_offers = contacts::about_nothing_known(job, tables, goods)?;
    writer.counts.capacity = arbitration.summary(job.config);
    writer.counts.stability = previous.stability();
    for batch in scored.batches(&[])? {
        job.check_stop()?;
        let (rows, propensity) = batch?;
        let block = RawBlock::new(&rows, specs);
        let is_held_out = decider.is_held_out(&block.customer);
        let decided = arbitration.rank(&block, &is_held_out, &propensity)?;
        let look = conditions.look(job, tables, &block, as_of)?;
        decider.write(&mut writer, (&block, &look), &is_held_out, &decided, (tables, &previous))?;
        job.host.progress(writer.counts.customers, u64::from(tables.n_customers()));
    }
    writer.finish()
}

/// What does not change from block to block.
struct Decider<'a> {
    job: &'a Job<'a>,
    goods: &'a Goods,
    conditions: &'a Conditions,
    models: &'a Models,
    units: &'a Units,
    arbiter: Arbiter,
    explainer: Explainer<'a>,
    benefits: Benefits<'a>,
    holdout: Holdout,
}

impl<'a> Decider<'a> {
    fn new(
        job: &'a Job<'a>,
        goods: &'a Goods,
        (specs, conditions): (&[FeatureSpec], &'a Conditions),
        models: &'a Models,
        (units, holdout_fraction): (&'a Units, f64),
    ) -> Result<Self> {
        let config = job.config;
        let grounds = match &models.columns {
            Columns::Linear(encoder) => Grounds::Linear(encoder, models.offers.iter().map(weights).collect()),
            Columns::Additive(curves) => {
                Grounds::Additive(curves, models.offers.iter().map(|model| model.calibrator).collect())
            }
        };
        Ok(Self {
            job,
            goods,
            conditions,
            models,
            units,
            arbiter: Arbiter::new(config, goods, &conditions.declared, &models.effects())?,
            explainer: Explainer::new(specs, &goods.catalogue.offers, grounds)?,
            benefits: Benefits::bind(config, goods, specs)?,
            holdout: Holdout { salt: config.decide.holdout_salt.reveal().to_owned(), fraction: holdout_fraction },
        })
    }

    fn is_held_out(&self, customers: &[u32]) -> Vec<bool> {
        customers.iter().map(|&customer| self.holdout.contains(self.units.id(customer).as_bytes())).collect()
    }

    fn write(
        &self,
        writer: &mut Writer,
        (block, look): (&RawBlock, &Look<'_>),
        is_held_out: &[bool],
        decided: &Decided,
        (tables, previous): (&Checked, &Previous),
    ) -> Result<()> {
        let Decided { ranked, arms, probability, found, stands, as_if } = decided;
        let arm = |row: usize| if is_held_out[row] { HOLDOUT } else { arms[row] };
        let n_offers = self.goods.catalogue.offers.len();
        let decisions: Vec<DecisionRow> = block
            .customer
            .iter()
            .zip(ranked.decisions.chunks_exact(n_offers))
            .enumerate()
            .map(|(row, (&customer, decisions))| DecisionRow {
                customer_id: tables.customers.id(customer).to_owned(),
                arm: arm(row),
                lane: self.conditions.lane(found, row),
                previous: previous.name(customer).map(str::to_owned),
                offers: decisions.iter().map(|decision| self.conditions.words(*decision)).collect(),
            })
            .collect();
        let encoded = self.explainer.encode(block)?;
        let (mut offers, mut shadow) = (Vec::new(), Vec::new());
        let expires = writer.expires;
        let fraction = self.holdout.fraction;
        let made = ranked.choices.iter().zip(probability).map(|(choice, probability)| {
            let row = choice.customer as usize;
            (choice, arm(row), if is_held_out[row] { fraction } else { (1.0 - fraction) * probability })
        });
        let learning = &self.job.config.decide.learning;
        let held_back = as_if.iter().map(|choice| {
            let key = &self.goods.catalogue.offers[choice.offer.0 as usize].key;
            (choice, OFFER_HOLDOUT, (1.0 - fraction) * learning.held_back(key))
        });
        for (choice, arm, action_probability) in made.chain(held_back) {
            let row = choice.customer as usize;
            let customer = tables.customers.id(block.customer[row]);
            let moment = look.moment(row, choice.offer.0 as usize, expires);
            let reasons = self.explainer.reasons(block, &encoded, row, choice.offer.0 as usize)?;
            let told = benefit_row((block, row, choice.offer.0 as usize), &moment, &reasons, writer.as_of.date);
            let step = self.conditions.approaches.step(stands, row, choice.offer.0 as usize);
            let is_check = step.is_some_and(|(_, makes_offer)| !makes_offer);
            // A step that makes no offer praises none.
            let benefit = if is_check { [None, None] } else { self.benefits.of(&told) };
            let offered = OfferRow {
                benefit,
                step: step.map(|(name, _)| name.to_owned()),
                is_check,
                ..self.offer_row(choice, (customer, arm, action_probability), moment, reasons)
            };
            if [HOLDOUT, OFFER_HOLDOUT].contains(&arm) { shadow.push((row, offered)) } else { offers.push(offered) }
        }
        // Rows of a customer stand together, in the order of customers, whoever is held out of what.
        shadow.sort_by_key(|(row, _)| *row);
        let shadow: Vec<OfferRow> = shadow.into_iter().map(|(_, offered)| offered).collect();
        writer.count(&decisions, &offers, &shadow, is_held_out);
        if let Some(stability) = &mut writer.counts.stability {
            let mut first = vec![None; block.customer.len()];
            for choice in ranked.choices.iter().filter(|choice| choice.rank == 1) {
                first[choice.customer as usize] = Some(choice.offer.0 as usize);
            }
            let fates = ranked.decisions.chunks_exact(n_offers);
            // What a lot or another policy gave is no change of the ranking's mind.
            for (row, fates) in fates.enumerate().filter(|(row, _)| arm(*row) == OFFER) {
                stability.add(previous.of(block.customer[row]), first[row], fates);
            }
        }
        writer.write(&decisions, &offers, &shadow)
    }

    fn offer_row(
        &self,
        choice: &Choice,
        (customer, arm, action_probability): (&str, &'static str, f64),
        moment: Moment,
        reasons: [Option<String>; 3],
    ) -> OfferRow {
        let offer = choice.offer.0 as usize;
        let contact = self.models.offers[offer].contact.as_ref();
        OfferRow {
            customer_id: customer.to_owned(),
            rank: choice.rank as i16,
            offer,
            channel: self.job.config.decide.channels[choice.channel as usize].clone(),
            propensity: choice.propensity,
            units: choice.worth.units,
            margin: choice.margin.0,
            expected_value: choice.expected_value.0,
            interval: choice.interval.map(|ends| ends.map(|end| end.0)),
            lever: choice.lever.0,
            contact_cost: choice.worth.contact_cost.0,
            fatigue: choice.worth.fatigue.0,
            parts: contact.map(|contact| contact.parts(choice.propensity).worn(choice.worth.kept)),
            evidence: evidence(self.job.config, contact),
            basis: self.models.offers[offer].basis(),
            reasons,
            arm,
            action_probability,
            step: None,
            is_check: false,
            moment,
            benefit: [None, None],
        }
    }
}

/// What a text is told of a row.
fn benefit_row<'a>(
    (block, at, offer): (&'a RawBlock, usize, usize),
    moment: &'a Moment,
    reasons: &'a [Option<String>; 3],
    as_of: Date,
) -> benefit::Row<'a> {
    let (expires, contact, trigger) = (moment.expires, [moment.from, moment.until], moment.trigger.as_deref());
    benefit::Row { block, at, offer, as_of, expires, contact, trigger, reasons }
}

fn weights(model: &OfferModel) -> Option<Weights<'_>> {
    match &model.evidence {
        Evidence::Model(fit) => {
            Some(Weights { beta: &fit.beta, intercept: fit.intercept, calibrator: model.calibrator })
        }
        Evidence::Rate => None,
    }
}

/// What is known of what a contact adds; in a cross-section not even what happens later is.
pub(crate) fn evidence(config: &Config, contact: Option<&Contact>) -> &'static str {
    match contact {
        Some(contact) => contact.evidence.word(),
        None if config.is_cross_section() => "cross_section",
        None => "observational",
    }
}

/// No row yet of each trigger and without any, where the pipeline file declares one.
fn triggers(config: &Config) -> BTreeMap<String, u64> {
    let declared = config.decide.timing.triggers.iter().map(|trigger| (trigger.name.clone(), 0));
    let none = (!config.decide.timing.triggers.is_empty()).then(|| (String::new(), 0));
    declared.chain(none).collect()
}

/// No text yet of each language, where the pipeline file declares any.
fn benefit_texts(config: &Config) -> BTreeMap<String, u64> {
    let languages = ["en", "ja"].into_iter().filter(|_| !config.offers.benefits.is_empty());
    languages.map(|language| (language.to_owned(), 0)).collect()
}

struct Writer {
    offers: ParquetSink,
    shadow: ParquetSink,
    decisions: ParquetSink,
    offer_schema: Arc<osusume_tables::arrow::datatypes::Schema>,
    decision_schema: Arc<osusume_tables::arrow::datatypes::Schema>,
    catalogue: Vec<Offer>,
    as_of: AsOf,
    expires: Date,
    rule_ids: Vec<String>,
    by_offer: Vec<u64>,
    value_by_offer: Vec<i64>,
    counts: DecisionCounts,
}

impl Writer {
    fn create(job: &Job<'_>, goods: &Goods, conditions: &Conditions, as_of: AsOf) -> Result<Self> {
        let catalogue = goods.catalogue.offers.clone();
        let schema_of_offers = Arc::new(offer_schema(!goods.counted().is_empty()));
        let decision_schema = Arc::new(rows::decision_schema(&catalogue));
        let create = |path, schema| ParquetSink::create(&job.target(), path, schema, &[]);
        let days = job.config.offers.gap_days + job.config.offers.horizon_days;
        Ok(Self {
            offers: create(OFFERS, &schema_of_offers)?,
            shadow: create(SHADOW, &schema_of_offers)?,
            decisions: create(DECISIONS, &decision_schema)?,
            offer_schema: schema_of_offers,
            decision_schema,
            by_offer: vec![0; catalogue.len()],
            value_by_offer: vec![0; catalogue.len()],
            catalogue,
            as_of,
            // The propensity speaks of the days up to the end of the label window, and of none after it.
            expires: as_of.date + days as i32,
            counts: DecisionCounts {
                triggers: triggers(job.config),
                benefit_texts: benefit_texts(job.config),
                arms: arms::words(&job.config.decide).map(|arm| (arm.to_owned(), 0)).collect(),
                lanes: conditions.lanes().map(|lane| (lane.to_owned(), 0)).collect(),
                ..DecisionCounts::default()
            },
            rule_ids: conditions.rule_ids.clone(),
        })
    }

    fn count(&mut self, decisions: &[DecisionRow<'_>], offers: &[OfferRow], shadow: &[OfferRow], is_held_out: &[bool]) {
        let held_out = is_held_out.iter().filter(|&&held_out| held_out).count() as u64;
        let with_offer = offers.iter().filter(|row| row.rank == 1).count() as u64;
        let counts = &mut self.counts;
        counts.customers += decisions.len() as u64;
        counts.holdout += held_out;
        counts.with_offer += with_offer;
        counts.without_offer += decisions.len() as u64 - held_out - with_offer;
        for row in decisions.iter().filter(|row| row.arm != HOLDOUT && row.arm != EXPLORE) {
            counts.arms.entry(row.arm.to_owned()).and_modify(|count| *count += 1);
        }
        counts.explorers += decisions.iter().filter(|row| row.arm == EXPLORE).count() as u64;
        for (row, &held_out) in decisions.iter().zip(is_held_out) {
            // A missing consent is the customer's, so it removes every offer or none.
            let is_barred = row.offers.iter().any(|(code, _)| *code == Rule::NoConsent.id());
            counts.scored += u64::from(!is_barred);
            counts.unreachable += u64::from(is_barred && !held_out);
            let fates: Vec<&str> = row.offers.iter().map(|(code, _)| *code).collect();
            let cause = without::cause(&fates, row.lane);
            if let Some(cause) = cause.filter(|_| !held_out) {
                *counts.without.entry(cause.to_owned()).or_default() += 1;
            }
            *counts.lanes.entry(row.lane.to_owned()).or_default() += 1;
        }
        // What is held back one by one is counted by its rule.
        counts.shadow_rows += shadow.iter().filter(|row| row.arm == HOLDOUT).count() as u64;
        for row in offers {
            counts.expected_value_minor = counts.expected_value_minor.saturating_add(row.expected_value);
            self.by_offer[row.offer] += 1;
            self.value_by_offer[row.offer] = self.value_by_offer[row.offer].saturating_add(row.expected_value);
            *counts.channels.entry(row.channel.clone()).or_default() += 1;
            if let Some(trigger) = counts.triggers.get_mut(row.moment.trigger.as_deref().unwrap_or_default()) {
                *trigger += 1;
            }
            for ((_, texts), text) in counts.benefit_texts.iter_mut().zip(&row.benefit) {
                *texts += u64::from(text.is_some());
            }
        }
        let removed = decisions.iter().flat_map(|row| &row.offers).map(|(code, _)| *code);
        let is_rule = |code: &str| {
            Rule::ALL.iter().any(|rule| rule.id() == code) || self.rule_ids.iter().any(|rule| rule == code)
        };
        for code in removed.filter(|code| is_rule(code) || *code == "below_threshold") {
            *counts.removed.entry(code.to_owned()).or_default() += 1;
        }
    }

    fn write(&mut self, decisions: &[DecisionRow<'_>], offers: &[OfferRow], shadow: &[OfferRow]) -> Result<()> {
        let batch = |rows: &[OfferRow]| rows::offer_batch(&self.offer_schema, rows, &self.catalogue, self.as_of);
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
