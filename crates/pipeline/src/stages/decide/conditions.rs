//! Conditions of rules, triggers, lanes, approaches and limits: bound to the columns there are, and told customer by customer.
//!
//! Kernels see bits and lanes, and never an expression. What a condition may read is the feature table of the run's date and, beside it, the
//! attributes of customers that are no features: restricted ones, which no model sees, and those a reload overwrites, whose values of today
//! are what counts on the day. Levels of attributes are those of the table, however few customers have them: a rule for somebody vulnerable
//! holds for one customer as for a thousand.

use std::collections::BTreeSet;

use osusume_decide::{Circumstances, Decision, Declared, DeclaredRule, Rule};
use osusume_model::{
    AsOf, Code, Date, Family, Fault, FeatureKind, FeatureSpec, NullMeaning, Offer, Result, Unit, suggest,
};
use osusume_tables::arrow::array::RecordBatch;
use rayon::prelude::*;

use super::approach::BoundApproaches;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{AttributeKind, Config, Effect, History, OwnRule, Role, Source, Timing};
use crate::expression::{Bound, Syntax, Wrong, bind_condition, bind_number, parse};
use crate::job::Scene;
use crate::plan::plain;
use crate::seam::Block;
use crate::stages::features::expression_fault;
use crate::stages::ingest::attribute_column;
use crate::stages::score::RawBlock;

/// The lane of everybody who is in no declared one.
pub(crate) const EVERYBODY: &str = "offer";

/// What a declared rule is called in files: this and its name.
const PREFIX: &str = "rule:";

/// Customers told at once by a thread.
const STRETCH: usize = 1024;

/// Everything `decide` declares, bound to the columns of a run.
pub(crate) struct Conditions {
    /// Which offers each rule, trigger and lane speaks of.
    pub(crate) declared: Declared,
    /// What each rule is called in files.
    pub(crate) rule_ids: Vec<String>,
    lane_names: Vec<String>,
    rules: Vec<(Bound, bool)>,
    triggers: Vec<Trigger>,
    lanes: Vec<Bound>,
    /// The approaches, and the condition that stops each.
    pub(crate) approaches: BoundApproaches,
    stops: Vec<Option<Bound>>,
    /// The conditions that limits count customers by, and how they are written.
    segments: Vec<Bound>,
    segment_texts: Vec<String>,
    columns: Vec<Place>,
    /// Columns of the customers' table that could be read, and those of them that are.
    attributes: Vec<String>,
    attributes_read: BTreeSet<usize>,
    /// Features that are read, by position in the dictionary.
    features: BTreeSet<usize>,
    names: Vec<String>,
}

struct Trigger {
    name: String,
    condition: Bound,
    offers: Vec<bool>,
    effect: BoundEffect,
}

enum BoundEffect {
    Unlock,
    Date { from: Option<Bound>, until: Option<Bound> },
    Expire(u32),
}

/// Where the value of a column comes from.
#[derive(Clone, Copy, Debug)]
enum Place {
    Feature(usize),
    /// A number or a level of the customers' table.
    Attribute(usize),
}

/// What a row of the offer table says of its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The first trigger that holds.
    pub(crate) trigger: Option<String>,
    /// The first day of contact.
    pub(crate) from: Option<Date>,
    /// The day from which it is too late.
    pub(crate) until: Option<Date>,
    /// The day on which the offer ends.
    pub(crate) expires: Date,
}

/// What holds of a block of customers, one entry each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    rules: Vec<u64>,
    triggers: Vec<u64>,
    lanes: Vec<u8>,
    /// Bit i where the condition that stops approach i holds.
    stops: Vec<u64>,
    /// Bit i where condition i of limits holds.
    segments: Vec<u16>,
}

impl Found {
    /// Whether the condition that stops an approach holds.
    pub(super) fn stops(&self, customer: usize, approach: usize) -> bool {
        self.stops.get(customer).is_some_and(|set| set >> approach & 1 == 1)
    }

    /// The segment of a customer: the set of the conditions of limits that hold.
    pub(super) fn segment(&self, customer: usize) -> u16 {
        self.segments.get(customer).copied().unwrap_or(0)
    }

    /// Whether a customer is in one of the lanes declared.
    pub(super) fn is_in_lane(&self, customer: usize) -> bool {
        self.lanes.get(customer).is_some_and(|lane| *lane > 0)
    }

    /// The kernel's view.
    pub(crate) fn view(&self) -> Circumstances<'_> {
        Circumstances { rules: &self.rules, triggers: &self.triggers, lanes: &self.lanes }
    }
}

impl Conditions {
    /// Binds what the pipeline file declares; `specs` is the dictionary of the features.
    ///
    /// # Errors
    /// `ConfigUnknownName` for columns, levels and offers there are not, `ConfigExpression` for what does not go together; all of them
    /// together.
    pub(crate) fn bind(config: &Config, tables: &Checked, goods: &Goods, specs: &[FeatureSpec]) -> Result<Self> {
        let mut binder = Binder::new(config, tables, goods, specs);
        let timing = &config.decide.timing;
        let rules: Vec<_> = timing.rules.iter().enumerate().filter_map(|(i, rule)| binder.rule(i, rule)).collect();
        let triggers: Vec<_> =
            timing.triggers.iter().enumerate().filter_map(|(i, one)| binder.trigger(i, one)).collect();
        let lanes = timing.lanes.iter().enumerate().filter_map(|(i, lane)| {
            let condition = binder.condition(&format!("decide.lane[{i}].when"), &lane.condition);
            let offers = binder.named(&format!("decide.lane[{i}].offers"), &lane.offers);
            Some((condition?, offers))
        });
        let lanes: Vec<_> = lanes.collect();
        let approaches = binder.approaches(timing);
        let segments = binder.segments(config);
        Fault::all(std::mem::take(&mut binder.faults))?;
        Ok(binder.bound(config, (rules, triggers, lanes), approaches, segments))
    }

    /// The word for what became of a pair, and the offer that won where there is one.
    pub(crate) fn words(&self, decision: Decision) -> (&str, Option<usize>) {
        match decision {
            Decision::Removed(Rule::Declared(_, index)) => (&self.rule_ids[usize::from(index)], None),
            Decision::Outranked { by } => (decision.id(), Some(by.0 as usize)),
            _ => (decision.id(), None),
        }
    }

    /// The segments in which the condition of a limit holds, as [`Found::segment`] numbers them; none where it has none.
    pub(super) fn segments_of(&self, condition: Option<&str>) -> Vec<u16> {
        let at = condition.and_then(|text| self.segment_texts.iter().position(|known| known == text));
        let all = 0..1_u16 << self.segments.len();
        at.map_or_else(Vec::new, |at| all.filter(|segment| segment >> at & 1 == 1).collect())
    }

    /// The lane of a customer, as files name it.
    pub(crate) fn lane(&self, found: &Found, row: usize) -> &str {
        let lane = found.lanes.get(row).copied().unwrap_or(0);
        usize::from(lane).checked_sub(1).map_or(EVERYBODY, |lane| &self.lane_names[lane])
    }

    /// The names of all lanes, that of everybody first.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = &str> {
        std::iter::once(EVERYBODY).chain(self.lane_names.iter().map(String::as_str))
    }

    /// The feature columns that conditions read.
    pub(crate) fn feature_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The feature rows of a batch that holds at least the columns conditions read.
    pub(crate) fn block(&self, batch: &RecordBatch, specs: &[FeatureSpec]) -> RawBlock {
        RawBlock::only(batch, specs, &self.features)
    }

    /// Looks at a block of customers.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(crate) fn look<'a>(
        &'a self,
        scene: &Scene<'_>,
        tables: &Checked,
        block: &'a RawBlock,
        as_of: AsOf,
    ) -> Result<Look<'a>> {
        let source = scene.config.source_of(Role::Customers).filter(|_| !self.attributes_read.is_empty());
        let found = source.and_then(|source| Some((source, tables.table(&source.name)?)));
        let mut attributes = vec![Vec::new(); self.attributes.len()];
        let Some((source, table)) = found else { return Ok(Look { conditions: self, block, attributes, as_of }) };
        // The arrival of a reload says when the table came, not since when its values are known.
        let is_arrival_known = source.history != History::Snapshot && source.column("arrived").is_some();
        let names = self.attributes_read.iter().map(|&at| self.attributes[at].as_str());
        let names = names.chain(is_arrival_known.then_some("arrived"));
        let rows = Block::read_of(table, &block.customer, &names.collect::<Vec<_>>(), &scene.quiet())?;
        let before = if is_arrival_known { as_of.instant.0 } else { i64::MAX };
        let newest: Vec<Option<usize>> =
            (0..rows.n_customers()).map(|customer| rows.newest_known(customer, before)).collect();
        for &at in &self.attributes_read {
            let name = &self.attributes[at];
            let codes = rows.codes(name);
            let value = |row: usize| match codes {
                Some(codes) => codes.get(row).map_or(f64::NAN, f64::from),
                None => rows.number(name, row),
            };
            attributes[at] = newest.iter().map(|row| row.map_or(f64::NAN, value)).collect();
        }
        Ok(Look { conditions: self, block, attributes, as_of })
    }
}

/// A block of customers with all that conditions ask of it.
pub(crate) struct Look<'a> {
    conditions: &'a Conditions,
    block: &'a RawBlock,
    /// By attribute one value a customer; of those that are not read none.
    attributes: Vec<Vec<f64>>,
    as_of: AsOf,
}

impl Look<'_> {
    /// What holds of every customer.
    pub(crate) fn found(&self) -> Found {
        let conditions = self.conditions;
        let of_row = |row: usize| {
            let bits = |bits: u64, (at, holds): (usize, bool)| bits | u64::from(holds) << at;
            let value = |column: usize| self.value(row, column);
            let rules = conditions.rules.iter().map(|(condition, is_negated)| condition.holds(&value) != *is_negated);
            let unlocks =
                |trigger: &Trigger| matches!(trigger.effect, BoundEffect::Unlock) && trigger.condition.holds(&value);
            let triggers = conditions.triggers.iter().map(unlocks);
            let lane = conditions.lanes.iter().position(|lane| lane.holds(&value)).map_or(0, |lane| lane + 1);
            let stops = conditions.stops.iter().map(|stop| stop.as_ref().is_some_and(|stop| stop.holds(&value)));
            let segments = conditions.segments.iter().map(|segment| segment.holds(&value));
            (
                [rules.enumerate().fold(0, bits), triggers.enumerate().fold(0, bits), stops.enumerate().fold(0, bits)],
                lane as u8,
                segments.enumerate().fold(0, bits) as u16,
            )
        };
        let n = self.block.customer.len();
        let all: Vec<([u64; 3], u8, u16)> = (0..n).into_par_iter().with_min_len(STRETCH).map(of_row).collect();
        Found {
            rules: all.iter().map(|one| one.0[0]).collect(),
            triggers: all.iter().map(|one| one.0[1]).collect(),
            stops: all.iter().map(|one| one.0[2]).collect(),
            lanes: all.iter().map(|one| one.1).collect(),
            segments: all.iter().map(|one| one.2).collect(),
        }
    }

    /// What the triggers say of an offer that ends on `expires`, or before it where a trigger ends it: days of contact lie before that end.
    pub(crate) fn moment(&self, row: usize, offer: usize, expires: Date) -> Moment {
        let triggers = || self.conditions.triggers.iter().filter(|trigger| trigger.offers[offer]);
        let end = |trigger: &Trigger| match trigger.effect {
            BoundEffect::Expire(days) if self.moment_of(trigger, row, expires).is_some() => {
                Some(self.as_of.date + days as i32)
            }
            _ => None,
        };
        let expires = triggers().filter_map(end).fold(expires, Date::min);
        let mut moment = Moment { expires, ..Moment::default() };
        for trigger in triggers() {
            let Some((from, until)) = self.moment_of(trigger, row, expires) else { continue };
            moment.trigger.get_or_insert_with(|| trigger.name.clone());
            if let BoundEffect::Date { .. } = trigger.effect
                && moment.from.is_none()
            {
                (moment.from, moment.until) = (Some(from), until);
            }
        }
        moment.until = moment.until.map(|until| until.min(moment.expires));
        moment
    }

    /// The days of contact of a trigger that holds.
    fn moment_of(&self, trigger: &Trigger, row: usize, expires: Date) -> Option<(Date, Option<Date>)> {
        let value = |column: usize| self.value(row, column);
        let today = self.as_of.date;
        let BoundEffect::Date { from, until } = &trigger.effect else {
            return trigger.condition.holds(&value).then_some((today, None));
        };
        let day =
            |bound: &Bound| Some(bound.value(&value)).filter(|days| !days.is_nan()).map(|days| today + whole(days));
        let from = from.as_ref().map_or(Some(today), day)?.max(today);
        let until = match until {
            Some(until) => Some(day(until)?),
            None => None,
        };
        let is_open = from < expires && until.is_none_or(|until| until > from);
        (is_open && trigger.condition.holds(&value)).then_some((from, until))
    }

    fn value(&self, row: usize, column: usize) -> f64 {
        match self.conditions.columns[column] {
            Place::Feature(feature) => f64::from(self.block.value(row, feature)),
            Place::Attribute(at) => self.attributes[at].get(row).copied().unwrap_or(f64::NAN),
        }
    }
}

/// Days as a date can be moved by: a thousand years at most, either way.
fn whole(days: f64) -> i32 {
    days.floor().clamp(-365_000.0, 365_000.0) as i32
}

/// Rules, triggers and lanes with their conditions, in the order of the file.
type BoundParts = (Vec<((Bound, bool), DeclaredRule)>, Vec<Trigger>, Vec<(Bound, Vec<bool>)>);

/// Binds expressions and names, collecting what is wrong.
struct Binder<'a> {
    offers: &'a [Offer],
    specs: Vec<FeatureSpec>,
    columns: Vec<Place>,
    attributes: Vec<String>,
    read: BTreeSet<usize>,
    faults: Vec<Fault>,
}

impl<'a> Binder<'a> {
    fn new(config: &Config, tables: &Checked, goods: &'a Goods, specs: &[FeatureSpec]) -> Self {
        let mut binder = Self {
            offers: &goods.catalogue.offers,
            specs: specs.to_vec(),
            columns: (0..specs.len()).map(Place::Feature).collect(),
            attributes: Vec::new(),
            read: BTreeSet::new(),
            faults: Vec::new(),
        };
        if let Some(source) = config.source_of(Role::Customers) {
            for (header, kind) in &source.attributes {
                binder.attribute(source, header, *kind, tables);
            }
        }
        binder
    }

    /// Adds an attribute that is no feature; of a category the table's own levels take the place of the feature's.
    fn attribute(&mut self, source: &Source, header: &str, kind: AttributeKind, tables: &Checked) {
        let column = attribute_column(header);
        let kind = match kind {
            AttributeKind::Category | AttributeKind::Text => {
                let levels = tables.table(&source.name).and_then(|table| table.dictionary(&column));
                FeatureKind::Category(levels.map_or_else(Vec::new, |levels| levels.to_vec()))
            }
            AttributeKind::Integer | AttributeKind::Number | AttributeKind::Flag => FeatureKind::Numeric,
        };
        let is_own = |spec: &FeatureSpec| {
            spec.family == Family::Attribute && spec.source == source.name && spec.subject == header
        };
        let place = Place::Attribute(self.attributes.len());
        match self.specs.iter().position(is_own) {
            Some(_) if kind == FeatureKind::Numeric => return,
            Some(at) => {
                self.specs[at].kind = kind;
                self.columns[at] = place;
            }
            None => {
                let name = format!("{}_{}", source.name, plain(header));
                if self.specs.iter().any(|spec| spec.name == name) {
                    return;
                }
                self.specs.push(attribute_spec(source, name, header, kind));
                self.columns.push(place);
            }
        }
        self.attributes.push(column);
    }

    fn rule(&mut self, position: usize, rule: &OwnRule) -> Option<((Bound, bool), DeclaredRule)> {
        let key = format!("decide.rule[{position}]");
        let condition = self.condition(&format!("{key}.{}", rule.key()), &rule.condition);
        let offers = self.named_or_all(&format!("{key}.offers"), &rule.offers);
        Some(((condition?, rule.is_negated), DeclaredRule { layer: rule.layer, offers }))
    }

    fn trigger(&mut self, position: usize, trigger: &crate::config::Trigger) -> Option<Trigger> {
        let key = format!("decide.trigger[{position}]");
        let condition = self.condition(&format!("{key}.when"), &trigger.condition);
        let offers = self.named_or_all(&format!("{key}.offers"), &trigger.offers);
        let effect = match &trigger.effect {
            Effect::Unlock => BoundEffect::Unlock,
            Effect::Expire(days) => BoundEffect::Expire(*days),
            Effect::Date { from, until } => {
                let mut day = |name: &str, text: &Option<String>| {
                    let text = text.as_ref()?;
                    self.expression(&format!("{key}.{name}"), text, bind_number)
                };
                BoundEffect::Date { from: day("from", from), until: day("until", until) }
            }
        };
        Some(Trigger { name: trigger.name.clone(), condition: condition?, offers, effect })
    }

    /// The approaches, and what stops each.
    fn approaches(&mut self, timing: &Timing) -> (BoundApproaches, Vec<Option<Bound>>) {
        let (mut offers, mut stops) = (Vec::new(), Vec::new());
        for (position, approach) in timing.approaches.iter().enumerate() {
            let key = format!("decide.approach[{position}]");
            offers.push(self.named(&format!("{key}.offers"), &approach.offers));
            stops.push(approach.stop_when.as_ref().and_then(|text| self.condition(&format!("{key}.stop_when"), text)));
        }
        let words = (self.offers, timing.step_names());
        let bound = BoundApproaches::new(&timing.approaches, offers, (words.0, &words.1), &mut self.faults);
        (bound, stops)
    }

    /// The different conditions of limits.
    fn segments(&mut self, config: &Config) -> (Vec<Bound>, Vec<String>) {
        let (mut bound, mut texts) = (Vec::new(), Vec::new());
        for (position, limit) in config.decide.capacity.iter().enumerate() {
            let Some(text) = limit.condition.as_ref().filter(|text| !texts.contains(*text)) else { continue };
            if let Some(condition) = self.condition(&format!("decide.capacity[{position}].when"), text) {
                bound.push(condition);
                texts.push(text.clone());
            }
        }
        (bound, texts)
    }

    fn condition(&mut self, key: &str, text: &str) -> Option<Bound> {
        self.expression(key, text, bind_condition)
    }

    fn expression(
        &mut self,
        key: &str,
        text: &str,
        bind: impl Fn(&Syntax, &[FeatureSpec]) -> std::result::Result<Bound, Wrong>,
    ) -> Option<Bound> {
        match parse(text).and_then(|syntax| bind(&syntax, &self.specs)) {
            Ok(bound) => {
                bound.reads(&mut self.read);
                Some(bound)
            }
            Err(wrong) => {
                self.faults.push(expression_fault(key, wrong));
                None
            }
        }
    }

    fn named_or_all(&mut self, key: &str, names: &[String]) -> Vec<bool> {
        if names.is_empty() { vec![true; self.offers.len()] } else { self.named(key, names) }
    }

    /// The offers that have one of these names, or are of a family that has.
    fn named(&mut self, key: &str, names: &[String]) -> Vec<bool> {
        let known: BTreeSet<&str> =
            self.offers.iter().flat_map(|offer| [offer.key.as_str(), offer.family.as_str()]).collect();
        for (position, name) in names.iter().enumerate().filter(|(_, name)| !known.contains(name.as_str())) {
            let key = format!("{key}[{position}]");
            let fault = Fault::new(Code::ConfigUnknownName).named(&key).with("key", key.as_str());
            let allowed: Vec<String> = known.iter().map(|&name| name.to_owned()).collect();
            let fault = fault.with("got", name.as_str()).with("allowed", allowed);
            self.faults.push(match suggest(name, known.iter().copied()) {
                Some(meant) => fault.with("suggestion", meant),
                None => fault,
            });
        }
        self.offers.iter().map(|offer| names.contains(&offer.key) || names.contains(&offer.family)).collect()
    }

    fn bound(
        mut self,
        config: &Config,
        (rules, triggers, lanes): BoundParts,
        (approaches, stops): (BoundApproaches, Vec<Option<Bound>>),
        (segments, segment_texts): (Vec<Bound>, Vec<String>),
    ) -> Conditions {
        let timing = &config.decide.timing;
        let nothing = || vec![false; self.offers.len()];
        let unlocks = triggers.iter().map(|one| match one.effect {
            BoundEffect::Unlock => one.offers.clone(),
            BoundEffect::Date { .. } | BoundEffect::Expire(_) => nothing(),
        });
        let unlocks = unlocks.collect();
        let (rules, declared_rules) = rules.into_iter().unzip();
        let (lanes, stay) = lanes.into_iter().unzip();
        let columns = std::mem::take(&mut self.columns);
        let read = |place: &Place| match place {
            Place::Feature(feature) => Some(*feature),
            Place::Attribute(_) => None,
        };
        let features: BTreeSet<usize> = self.read.iter().filter_map(|&column| read(&columns[column])).collect();
        let attribute = |place: &Place| match place {
            Place::Attribute(attribute) => Some(*attribute),
            Place::Feature(_) => None,
        };
        Conditions {
            declared: Declared { rules: declared_rules, unlocks, lanes: stay },
            rule_ids: timing.rules.iter().map(|rule| format!("{PREFIX}{}", rule.name)).collect(),
            lane_names: timing.lanes.iter().map(|lane| lane.name.clone()).collect(),
            rules,
            triggers,
            lanes,
            approaches,
            stops,
            segments,
            segment_texts,
            names: features.iter().map(|&feature| self.specs[feature].name.clone()).collect(),
            attributes: self.attributes,
            attributes_read: self.read.iter().filter_map(|&column| attribute(&columns[column])).collect(),
            columns,
            features,
        }
    }
}

/// An attribute as expressions see it.
fn attribute_spec(source: &Source, name: String, header: &str, kind: FeatureKind) -> FeatureSpec {
    FeatureSpec {
        name,
        family: Family::Attribute,
        source: source.name.clone(),
        window: None,
        unit: if kind == FeatureKind::Numeric { Unit::Native } else { Unit::Level },
        null: NullMeaning::Unknown,
        kind,
        text_key: "attribute",
        subject: header.to_owned(),
    }
}
