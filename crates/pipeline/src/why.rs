//! Why: what became of every offer for one customer, retraced out of a published run and nothing else.
//!
//! The configuration is the one the run's manifest holds; products, holdings, contacts, consents, features, propensities and models
//! are the run's own files. What comes out is compared with the decisions the run published: an explanation of something
//! else than was decided would be worse than none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_decide::{Decision, Layer, NO_OFFER, Ranked, Rule, Stand, Worth};
use osusume_export::PublishedRun;
use osusume_model::{Code, Control, Date, Fault, FeatureSpec, Minor, OfferId, Result, check_stop};
use osusume_propensity::encoder::Encoder;
use osusume_storage::{Fs, RealFs, Run, RunId, Runs};
use osusume_tables::arrow::array::{Array, AsArray, RecordBatch};
use osusume_tables::arrow::datatypes::UInt32Type;
use osusume_tables::{read_batches, read_rows};

use crate::calendar::Calendar;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{Config, Decide, ValueBasis};
use crate::host::Host;
use crate::job::{Quiet, Scene};
use crate::linear::LinearModel;
use crate::run::{goods, runs_root};
use crate::stages::decide::{
    Arbiter, Conditions, DECISIONS, EXPLORE, Explainer, Grounds, HOLDOUT, Ledger, OFFER, OFFERS, PREVIOUS, PROPENSITY,
    Placed, RANDOM, Reader, SHADOW, Shared, State, Weights, least_worth,
};
use crate::stages::features::SCORING;
use crate::stages::score::{RawBlock, SCORES, propensities, with_units};
use crate::stages::train::{AnyModel, Curves, Effects, Parts, PublishedModel, raw_kinds, read_models};
use crate::units::Units;

/// Where the run to explain is found.
#[derive(Clone, Copy, Debug)]
pub enum RunAt<'a> {
    /// A run of a pipeline by name, the current one without a name.
    Pipeline(&'a Config, Option<&'a str>),
    /// The directory of a run, or of the runs of one pipeline.
    Directory(&'a Path),
    /// A run by name, or the current one, of the only pipeline whose runs lie below a directory.
    Below(&'a Path, Option<&'a str>),
}

/// What became of every offer.
#[derive(Clone, Debug)]
pub struct Why {
    /// The run.
    pub run_id: String,
    /// Its date.
    pub as_of: Date,
    /// The pipeline's currency (ISO 4217), and the digits amounts are kept with.
    pub currency: String,
    /// Digits after the point of an amount in minor units.
    pub minor_digits: u32,
    /// Months of margin that a take counts for.
    pub months: u32,
    /// What the customer was on the day.
    pub standing: Standing,
    /// The lane the customer was in; absent for who was no customer, and where the pipeline declares none.
    pub lane: Option<String>,
    /// The feature dictionary, for the sentences of reasons.
    pub dictionary: Vec<FeatureSpec>,
    /// Every offer: those made by rank, then those that lost from the nearest on, then those removed in the catalogue's order.
    pub offers: Vec<OfferFate>,
}

/// What a customer was on the day of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Offers were sent.
    Offered,
    /// In the holdout: decided about, and left alone.
    Holdout,
    /// One of their best offers, or none, was drawn by lot.
    Explorer,
    /// Offers were ranked by what a take is worth, whatever the contact adds.
    ByPropensity,
    /// Any offer the rules leave was drawn by lot.
    Random,
    /// Not a customer on that day: nothing was decided.
    Inactive,
}

/// One offer and what became of it.
#[derive(Clone, Debug)]
pub struct OfferFate {
    /// Key of the offer.
    pub offer: String,
    /// `upsell`, `cross_sell` or `category`.
    pub kind: &'static str,
    /// The family.
    pub family: String,
    /// `model` or `rate`.
    pub basis: String,
    /// Calibrated propensity; absent for customers who may not be asked.
    pub propensity: Option<f64>,
    /// The same with and without contact; absent where nothing tells the two apart.
    pub contact: Option<WithContact>,
    /// Expected value in minor units, levers aside; absent where a rule removed the offer.
    pub value: Option<i64>,
    /// Its parts.
    pub parts: Option<ValueParts>,
    /// What it is ranked by: the value with levers, and where a step prepares an offer what that is worth.
    pub ranked: Option<i64>,
    /// The step of the approach that is due, where the offer is made in one and no rule removed it.
    pub step: Option<StepFate>,
    /// Reason codes, the strongest first; none where a rule removed the offer.
    pub reasons: Vec<String>,
    /// What became of it.
    pub fate: Fate,
}

/// The step of an approach that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFate {
    /// Its name.
    pub name: String,
    /// Whether it makes the offer.
    pub makes_offer: bool,
}

/// What an expected value is made of; amounts in minor units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueParts {
    /// Whether takes that would come without the contact are taken off.
    pub is_incremental: bool,
    /// Probability of a take with the contact.
    pub contacted: f64,
    /// Without it; 0 where takes themselves are valued.
    pub alone: f64,
    /// What a take brings over its lifetime, without those who step back soon.
    pub gain: f64,
    /// What the company gives to a taker.
    pub incentive: i64,
    /// How many units a taker is expected to take, which `gain` and `incentive` are of; absent for what is not sold in numbers.
    pub units: Option<f64>,
    /// What the contact costs.
    pub contact_cost: i64,
    /// What it costs in customers who leave because of it.
    pub churn: f64,
    /// What the lever adds in the ranking.
    pub lever: i64,
    /// The value's interval; only of an offer that is made, and where draws tell what a contact adds.
    pub interval: Option<[i64; 2]>,
}

/// A propensity with and without contact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WithContact {
    /// If the customer is contacted.
    pub contacted: f64,
    /// If nobody contacts them.
    pub alone: f64,
    /// The first less the second.
    pub uplift: f64,
    /// Its 95 % interval; what is assumed has none.
    pub interval: Option<[f64; 2]>,
    /// What tells it, as in the offer table.
    pub evidence: &'static str,
}

/// What became of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was made.
    Chosen {
        /// Place among the customer's offers, 1 for the best.
        rank: u16,
        /// The channel.
        channel: String,
        /// What a month adds, in minor units.
        margin: i64,
    },
    /// Better offers took the places.
    Outranked {
        /// The last of those that took one.
        by: String,
        /// What that one is worth more, in minor units; 0 where the tie went by propensity or order, below 0 where it was made last time
        /// and is kept.
        ahead: i64,
    },
    /// Making no offer is worth more.
    BelowThreshold {
        /// What an offer must be worth, in minor units.
        threshold: i64,
    },
    /// A rule removed it.
    Removed {
        /// `eligibility`, `applicability` or `suitability`.
        layer: &'static str,
        /// The rule as it stands in `decisions.parquet`.
        rule: String,
        /// What the pipeline file says of it, where it declares the rule.
        declared: Option<DeclaredReason>,
    },
}

/// A rule of the pipeline file, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredReason {
    /// Its name.
    pub name: String,
    /// Its condition, as an expression that is true where the rule removes.
    pub condition: String,
    /// What is said of it, in English and in Japanese.
    pub reason: [Option<String>; 2],
}

impl Fate {
    /// Offers made, offers that lost, offers that were not valued, offers removed.
    fn order(&self) -> (u8, u16) {
        match self {
            Self::Chosen { rank, .. } => (0, *rank),
            Self::Outranked { .. } => (1, 0),
            Self::BelowThreshold { .. } => (2, 0),
            Self::Removed { .. } => (3, 0),
        }
    }
}

/// Retraces what became of every offer for `customer`. Reads; writes nothing.
///
/// # Errors
/// `CustomerNotInRun`, which does not name the customer; `NothingPublished`, `RunUnknown`, `RunNotNamed`; `RetraceDiffers` when the
/// run decided otherwise; integrity faults of the run's files.
pub fn why(at: RunAt<'_>, customer: &str, host: &dyn Host) -> Result<Why> {
    let run = published(at)?;
    let run = run.run();
    let manifest = run.dir.join("MANIFEST.json").display().to_string();
    // Secrets are hidden in the manifest, and nothing here needs one.
    let config = Config::parse(&manifest, &run.manifest.config, &|_| None)?;
    let calendar = Calendar::new(&config.pipeline.time_zone)?;
    let scene = Scene { config: &config, calendar: &calendar, host };
    let tables = Checked::published(&RealFs, run)?;
    let index = tables
        .customers
        .find(customer)
        .ok_or_else(|| Fault::new(Code::CustomerNotInRun).in_file(run.dir.display().to_string()))?;
    check_stop(&Quiet::new(host))?;
    let goods = goods(&config, &tables)?;
    let specs = specs(run)?;
    let retracing = Retracing { run, scene, tables: &tables, goods: &goods, specs: &specs };
    let (standing, lane, offers) = match row_of(run, index, &Quiet::new(host))? {
        None => (Standing::Inactive, None, Vec::new()),
        Some(row) => retracing.customer(index, row)?,
    };
    Ok(Why {
        run_id: run.current.run_id.to_string(),
        as_of: run.manifest.as_of,
        currency: config.pipeline.currency.clone(),
        minor_digits: config.pipeline.minor_digits,
        months: config.decide.months,
        standing,
        lane: lane.filter(|_| !config.decide.timing.lanes.is_empty()),
        dictionary: crate::dictionary::spoken(specs, &config.spoken_names),
        offers,
    })
}

/// The features of the run; reasons of a model need every one of them.
pub(crate) fn specs(run: &Run) -> Result<Vec<FeatureSpec>> {
    let specs: Option<Vec<FeatureSpec>> = crate::dictionary::read(run)?.into_iter().collect();
    specs.ok_or_else(|| {
        let version = run.manifest.tool_version.as_str();
        Fault::new(Code::RetraceDiffers).in_file(run.dir.display().to_string()).with("version", version)
    })
}

/// The row of a customer in the tables with one row an active customer; `None` for one who is not active.
fn row_of(run: &Run, customer: u32, control: &dyn Control) -> Result<Option<u64>> {
    let mut before = 0;
    for batch in read_batches(&RealFs, &run.path_of(SCORING)?, &["customer"])? {
        check_stop(control)?;
        let batch = batch?;
        let indexes = batch.column(0).as_primitive::<UInt32Type>().values();
        let at = indexes.partition_point(|&index| index < customer);
        if at < indexes.len() {
            return Ok((indexes[at] == customer).then_some(before + at as u64));
        }
        before += indexes.len() as u64;
    }
    Ok(None)
}

/// A published run, opened.
struct Retracing<'a> {
    run: &'a Run,
    scene: Scene<'a>,
    tables: &'a Checked,
    goods: &'a Goods,
    specs: &'a [FeatureSpec],
}

/// What was found of one customer, by offer.
struct Retraced<'a> {
    worths: Vec<Option<Worth>>,
    reasons: Vec<Vec<String>>,
    threshold: i64,
    propensity: &'a [f32],
    ranked: &'a Ranked,
    conditions: &'a Conditions,
    stands: &'a [Stand],
}

impl Retracing<'_> {
    /// The customer's standing, lane and fates; `row` is that of the tables with one row an active customer.
    fn customer(&self, customer: u32, row: u64) -> Result<(Standing, Option<String>, Vec<OfferFate>)> {
        let rows =
            |output: &str, columns: &[&str]| read_rows(&RealFs, &self.run.path_of(output)?, columns, row..row + 1);
        let as_of = self.scene.calendar.as_of(self.run.manifest.as_of);
        let scores = rows(SCORES, &[])?;
        let propensity = propensities(&scores);
        let models = read_models(self.run, &self.goods.catalogue.offers, self.specs)?;
        let effects: Vec<Effects<'_>> = models.iter().map(PublishedModel::effects).collect();
        let conditions = Conditions::bind(self.scene.config, self.tables, self.goods, self.specs)?;
        let arbiter = Arbiter::new(self.scene.config, self.goods, &conditions.declared, &effects)?;
        let ledger = self.ledger()?;
        let units = Units::read(self.scene.config, self.tables, as_of, &self.scene.quiet())?;
        let shared = Shared::gather(&self.scene, self.tables, self.goods, &units, as_of)?;
        let reader = Reader {
            shared: &shared,
            scene: &self.scene,
            tables: self.tables,
            goods: self.goods,
            ledger: &ledger,
            conditions: &conditions,
            specs: self.specs,
            as_of,
        };
        let decided = rows(DECISIONS, &[])?;
        let block = RawBlock::new(&with_units(rows(SCORING, &[])?, &scores)?, self.specs);
        // Who of a household is asked was settled over all customers, so it is read and not retraced.
        let incumbents = self.incumbents(&decided);
        let n_offers = self.goods.catalogue.offers.len();
        let is_held_back = (0..n_offers).map(|offer| held_back(&decided, self.key(offer))).collect();
        let is_asked_of_others = (0..n_offers).map(|offer| self.is_asked_of_others(&decided, offer)).collect();
        let is_resting = vec![rests(&decided)];
        let state = State { is_resting, is_held_back, is_asked_of_others, incumbents, ..reader.read(&block)? };
        let lane = conditions.lane(&state.found, 0).to_owned();
        let rule = match arm(&decided) {
            Some(EXPLORE) => Some(Rule::NotDrawn),
            Some(PROPENSITY | RANDOM) => Some(Rule::OtherArm),
            _ => None,
        };
        let ranked = if self.scene.config.decide.capacity.is_empty() && rule.is_none() {
            arbiter.rank(&self.scene, &state, &propensity, as_of)?
        } else {
            // Places and other arms were settled over all customers, so what this one got is read and not retraced.
            let is_scarce = if rule.is_none() { self.scarce(&decided) } else { Vec::new() };
            let placed = self.placed(customer, is_scarce)?;
            let ranked = arbiter.rank_placed(&self.scene, &state, &propensity, as_of, &placed.view())?;
            rule.map_or_else(|| ranked.clone(), |rule| set_apart(&ranked, rule, &placed, &self.scene.config.decide))
        };
        let standing = self.check(&decided, &ranked, (&conditions, &lane))?;
        let found = Retraced {
            worths: arbiter.worths(&self.scene, &state, &propensity, as_of)?,
            reasons: self.reasons(&models, &block, &ranked)?,
            threshold: arbiter.threshold().0,
            propensity: &propensity,
            ranked: &ranked,
            conditions: &conditions,
            stands: &state.stands,
        };
        Ok((standing, Some(lane), self.fates(found, &models, &effects)))
    }

    /// The offers of earlier runs that counted as contacts.
    fn ledger(&self) -> Result<Ledger> {
        let keys: Vec<String> = self.goods.catalogue.offers.iter().map(|offer| offer.key.clone()).collect();
        let named = (keys.as_slice(), &self.scene.config.decide);
        Ledger::published(&RealFs, self.run, named, &self.tables.customers, &self.scene.quiet())
    }

    /// What became of each offer, in the order it is told.
    fn fates(&self, found: Retraced<'_>, models: &[PublishedModel], effects: &[Effects<'_>]) -> Vec<OfferFate> {
        let Retraced { mut worths, reasons, threshold, propensity, ranked, conditions, stands } = found;
        let mut intervals = vec![None; worths.len()];
        for choice in &ranked.choices {
            let offer = choice.offer.0 as usize;
            (worths[offer], intervals[offer]) = (Some(choice.worth), choice.interval);
        }
        let told = self.goods.catalogue.offers.iter().zip(reasons).enumerate();
        let mut fates: Vec<OfferFate> = told
            .map(|(at, (offer, reasons))| OfferFate {
                offer: offer.key.clone(),
                kind: crate::words::offer_kind(offer.kind),
                family: offer.family.clone(),
                basis: models[at].basis.clone(),
                propensity: Some(f64::from(propensity[at])).filter(|p| !p.is_nan()),
                contact: with_contact(&models[at], propensity[at], worths[at].map_or(1.0, |worth| worth.kept)),
                value: worths[at].map(|worth| worth.expected().0),
                ranked: worths[at].map(|worth| worth.ranked().0),
                step: worths[at].and_then(|_| conditions.approaches.step(stands, 0, at)).map(step),
                parts: worths[at].map(|worth| parts(&worth, effects[at], self.scene.config, intervals[at])),
                reasons,
                fate: self.fate(at, ranked, threshold, conditions),
            })
            .collect();
        fates.sort_by_key(|fate| (fate.fate.order(), std::cmp::Reverse(fate.value)));
        fates
    }

    /// What the run gave the customer, sent or not.
    fn placed(&self, customer: u32, is_scarce: Vec<bool>) -> Result<Placed> {
        let id = self.tables.customers.id(customer);
        let offers = &self.goods.catalogue.offers;
        let mut placed = Vec::new();
        for table in [OFFERS, SHADOW] {
            for batch in read_batches(&RealFs, &self.run.path_of(table)?, &["customer_id", "offer", "channel"])? {
                check_stop(&self.scene.quiet())?;
                let batch = batch?;
                let [ids, names, channels] = [0, 1, 2].map(|column| batch.column(column).as_string::<i32>());
                for row in (0..batch.num_rows()).filter(|&row| ids.value(row) == id) {
                    let offer = offers.iter().position(|offer| offer.key == names.value(row));
                    let channel =
                        self.scene.config.decide.channels.iter().position(|channel| channel == channels.value(row));
                    let known = offer.zip(channel).map(|(offer, channel)| (OfferId(offer as u32), channel as u8));
                    placed.extend(known);
                }
            }
        }
        Ok(Placed::of_one(placed, is_scarce))
    }

    /// The first offer of the run before, where it stands before others that are worth little more.
    fn incumbents(&self, decided: &RecordBatch) -> Vec<u32> {
        if self.scene.config.decide.switch_gain <= 0.0 {
            return Vec::new();
        }
        let before = decided.column_by_name(PREVIOUS).and_then(|column| column.as_string_opt::<i32>());
        let before = before.filter(|column| column.is_valid(0)).map(|column| column.value(0));
        let at = before.and_then(|name| self.goods.catalogue.offers.iter().position(|offer| offer.key == name));
        vec![at.map_or(NO_OFFER, |at| at as u32)]
    }

    /// Whether the offer was removed because another member of its unit is asked: settled over all of them, so it is read and not retraced.
    fn is_asked_of_others(&self, decided: &RecordBatch, offer: usize) -> bool {
        self.is_told(decided, offer, Rule::UnitAsked)
    }

    /// The offers whose places went to others: so are limits that are short, which is settled over everybody.
    fn scarce(&self, decided: &RecordBatch) -> Vec<bool> {
        let offers = 0..self.goods.catalogue.offers.len();
        offers.map(|offer| self.is_told(decided, offer, Rule::NoCapacity)).collect()
    }

    fn is_told(&self, decided: &RecordBatch, offer: usize, rule: Rule) -> bool {
        let words = decided.column_by_name(self.key(offer)).and_then(|column| column.as_string_opt::<i32>());
        words.is_some_and(|words| words.is_valid(0) && words.value(0) == rule.id())
    }

    fn key(&self, offer: usize) -> &str {
        &self.goods.catalogue.offers[offer].key
    }

    fn fate(&self, offer: usize, ranked: &Ranked, threshold: i64, conditions: &Conditions) -> Fate {
        match ranked.decisions[offer] {
            Decision::Chosen { rank } => {
                let choice = ranked.choices.iter().find(|choice| choice.offer == OfferId(offer as u32));
                let choice = choice.expect("what is chosen is among the choices");
                let channel = self.scene.config.decide.channels[usize::from(choice.channel)].clone();
                Fate::Chosen { rank, channel, margin: choice.margin.0 }
            }
            Decision::Outranked { by } => {
                let value = |offer: usize| ranked.expected_values[offer].map_or(0, |value| value.0);
                let rival = by.0 as usize;
                Fate::Outranked { by: self.key(rival).to_owned(), ahead: value(rival).saturating_sub(value(offer)) }
            }
            Decision::BelowThreshold => Fate::BelowThreshold { threshold },
            decision @ Decision::Removed(rule) => Fate::Removed {
                layer: layer(rule),
                rule: conditions.words(decision).0.to_owned(),
                declared: self.declared(rule),
            },
        }
    }

    /// What the pipeline file says of a rule of its own.
    fn declared(&self, rule: Rule) -> Option<DeclaredReason> {
        let Rule::Declared(_, index) = rule else { return None };
        let rule = &self.scene.config.decide.timing.rules[usize::from(index)];
        let condition = if rule.is_negated { format!("not ({})", rule.condition) } else { rule.condition.clone() };
        Some(DeclaredReason { name: rule.name.clone(), condition, reason: rule.reason.clone() })
    }

    /// Reason codes of every offer that no rule removed.
    fn reasons(&self, models: &[PublishedModel], block: &RawBlock, ranked: &Ranked) -> Result<Vec<Vec<String>>> {
        let offers = &self.goods.catalogue.offers;
        let damaged = |what: &str| {
            let models = self.run.dir.join("models").display().to_string();
            Fault::new(Code::FileDamaged).in_file(models).because(what)
        };
        let additive = models.iter().any(|model| matches!(model.model, Some(AnyModel::Additive(_))));
        let curves = if additive { Curves::published(models).map(Some) } else { Ok(None) };
        let curves = curves.map_err(|()| damaged("the models have different curves"))?;
        let nothing = Encoder { kinds: raw_kinds(self.specs), columns: Vec::new(), dropped: Vec::new() };
        let grounds = match &curves {
            Some(curves) => Grounds::Additive(curves, models.iter().map(PublishedModel::calibrator).collect()),
            None => linear_grounds(models, &nothing).ok_or_else(|| damaged("the models have different columns"))?,
        };
        let explainer = Explainer::new(self.specs, offers, grounds)?;
        let encoded = explainer.encode(block)?;
        let reasons = |offer: usize| match ranked.decisions[offer] {
            Decision::Removed(_) => Ok(Vec::new()),
            _ => Ok(explainer.reasons(block, &encoded, 0, offer)?.into_iter().flatten().collect()),
        };
        (0..offers.len()).map(reasons).collect()
    }

    /// That the run decided the same, and in which arm the customer is.
    fn check(
        &self,
        published: &RecordBatch,
        ranked: &Ranked,
        (conditions, lane): (&Conditions, &str),
    ) -> Result<Standing> {
        let text = |name: &str| {
            let column = published.column_by_name(name)?.as_string_opt::<i32>()?;
            column.is_valid(0).then(|| column.value(0))
        };
        let is_same = |(offer, decision): (usize, &Decision)| {
            let (word, winner) = conditions.words(*decision);
            let key = self.key(offer);
            text(key) == Some(word) && text(&format!("{key}/won_by")) == winner.map(|winner| self.key(winner))
        };
        let is_retraced = text("lane") == Some(lane) && ranked.decisions.iter().enumerate().all(is_same);
        match arm(published) {
            Some(OFFER) if is_retraced => Ok(Standing::Offered),
            Some(HOLDOUT) if is_retraced => Ok(Standing::Holdout),
            Some(EXPLORE) if is_retraced => Ok(Standing::Explorer),
            Some(PROPENSITY) if is_retraced => Ok(Standing::ByPropensity),
            Some(RANDOM) if is_retraced => Ok(Standing::Random),
            _ => {
                let version = self.run.manifest.tool_version.as_str();
                let file = self.run.dir.join(DECISIONS).display().to_string();
                Err(Fault::new(Code::RetraceDiffers).in_file(file).with("version", version))
            }
        }
    }
}

/// Linear models over their one encoder; `None` where they have several.
fn linear_grounds<'a>(models: &'a [PublishedModel], nothing: &'a Encoder) -> Option<Grounds<'a>> {
    let linear = |model: &'a PublishedModel| match &model.model {
        Some(AnyModel::Linear(linear)) => Some(linear),
        _ => None,
    };
    let encoder = models.iter().find_map(linear).map_or(nothing, |linear| &linear.encoder);
    let is_shared = models.iter().filter_map(linear).all(|linear| linear.encoder == *encoder);
    let weights = |linear: &'a LinearModel| Weights {
        beta: &linear.beta,
        intercept: linear.intercept,
        calibrator: linear.calibrator,
    };
    is_shared.then(|| Grounds::Linear(encoder, models.iter().map(|model| linear(model).map(weights)).collect()))
}

fn step((name, makes_offer): (&str, bool)) -> StepFate {
    StepFate { name: name.to_owned(), makes_offer }
}

fn parts(worth: &Worth, effects: Effects<'_>, config: &Config, interval: Option<[Minor; 2]>) -> ValueParts {
    ValueParts {
        is_incremental: effects.contact.is_some() && config.decide.valuation.basis == ValueBasis::Incremental,
        contacted: worth.contacted,
        alone: worth.alone,
        gain: worth.gain,
        incentive: worth.incentive.0,
        units: worth.units,
        contact_cost: (worth.contact_cost + worth.fatigue).0,
        churn: worth.churn_cost,
        lever: worth.pull().0,
        interval: interval.map(|ends| ends.map(|end| end.0)),
    }
}

/// A propensity taken apart as the offer table has it.
fn with_contact(model: &PublishedModel, propensity: f32, kept: f64) -> Option<WithContact> {
    let contact = model.contact.as_ref().filter(|_| !propensity.is_nan())?;
    let evidence = contact.evidence.word();
    let Parts { alone, contacted, uplift, interval } = contact.parts(f64::from(propensity)).worn(kept);
    Some(WithContact { contacted, alone, uplift, interval, evidence })
}

/// Whether the customer of a row of decisions rested because others of the household were asked.
fn rests(decided: &RecordBatch) -> bool {
    let words = decided.columns().iter().filter_map(|column| column.as_string_opt::<i32>());
    words.filter(|column| column.is_valid(0)).any(|column| column.value(0) == Rule::HouseholdLimit.id())
}

/// Whether the customer of a row of decisions is held out of an offer; whoever is drawn is what a run settles once.
fn held_back(decided: &RecordBatch, offer: &str) -> bool {
    let word = decided.column_by_name(offer).and_then(|column| column.as_string_opt::<i32>());
    word.is_some_and(|column| column.is_valid(0) && column.value(0) == Rule::OfferHoldout.id())
}

/// The arm of a row of decisions.
fn arm(decided: &RecordBatch) -> Option<&str> {
    let column = decided.column_by_name("arm")?.as_string_opt::<i32>()?;
    column.is_valid(0).then(|| column.value(0))
}

/// What became of the one customer of `placed`, where another policy than the ranking placed it.
fn set_apart(placed: &Ranked, rule: Rule, order: &Placed, decide: &Decide) -> Ranked {
    let mut ranked = placed.clone();
    let n_offers = placed.decisions.len();
    ranked.set_apart(placed, 0, n_offers, rule);
    if rule == Rule::NotDrawn {
        ranked.tell_undrawn(0, n_offers, least_worth(decide));
    }
    // Another policy ranks otherwise than by the values told here.
    let order: Vec<OfferId> = order.view().offers.iter().map(|(offer, _)| *offer).collect();
    ranked.reorder(0, n_offers, &order);
    ranked
}

fn layer(rule: Rule) -> &'static str {
    match rule.layer() {
        Layer::Eligibility => "eligibility",
        Layer::Applicability => "applicability",
        Layer::Suitability => "suitability",
    }
}

/// The run, which some reader has seen published.
pub(crate) fn published(at: RunAt<'_>) -> Result<PublishedRun> {
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let (root, name) = match at {
        RunAt::Pipeline(config, name) => (runs_root(config), name.map(str::to_owned)),
        RunAt::Directory(dir) => root_and_name(dir),
        RunAt::Below(dir, name) => (only_root(&*fs, dir)?, name.map(str::to_owned)),
    };
    let runs = Runs::new(fs, root);
    let Some(name) = name else { return PublishedRun::current(&runs) };
    match name.parse::<RunId>() {
        Ok(run_id) => PublishedRun::named(&runs, run_id),
        Err(_) => Err(crate::runs::unknown(&runs, &name)?),
    }
}

/// A run's directory is named like the run.
fn root_and_name(dir: &Path) -> (PathBuf, Option<String>) {
    let name = dir.file_name().and_then(|name| name.to_str()).filter(|name| name.parse::<RunId>().is_ok());
    match (name, dir.parent()) {
        (Some(name), Some(root)) => (root.to_owned(), Some(name.to_owned())),
        _ => (dir.to_owned(), None),
    }
}

/// The only directory below `dir` in which something has been published.
fn only_root(fs: &dyn Fs, dir: &Path) -> Result<PathBuf> {
    let nothing = || Fault::new(Code::NothingPublished).in_file(dir.display().to_string());
    if fs.metadata(dir)?.is_none() {
        return Err(nothing());
    }
    let mut roots = Vec::new();
    for entry in fs.list_dir(dir)? {
        let root = dir.join(entry.name);
        if fs.metadata(&root.join("CURRENT"))?.is_some() {
            roots.push(root);
        }
    }
    roots.sort();
    match roots.as_slice() {
        [] => Err(nothing()),
        [root] => Ok(root.clone()),
        several => {
            let names: Vec<String> = several.iter().map(|root| root.display().to_string()).collect();
            Err(Fault::new(Code::RunNotNamed).with("runs", names))
        }
    }
}
