//! What if: a published run decided again under another `[decide]`, beside what it decided; nothing is learned, nothing is written.
//!
//! Tables, features, propensities and the contact ledger are the run's own. Both sides are decided here by the same code, and the first is
//! compared with what the run published.

use std::collections::{BTreeMap, BTreeSet};

use osusume_decide::{Decision, Ranked};
use osusume_model::{Code, Fault, Result};
use osusume_storage::{RealFs, Run};
use osusume_tables::arrow::array::{Array, AsArray};
use osusume_tables::arrow::datatypes::UInt32Type;
use osusume_tables::read_batches;

use crate::calendar::Calendar;
use crate::checked::Checked;
use crate::config::Config;
use crate::host::Host;
use crate::job::Scene;
use crate::run::goods;
use crate::stages::decide::{
    Apart, Arbiter, Arbitration, CapacitySummary, Conditions, DECISIONS, Explorers, HOLDOUT, HeldBack, Ledger, Limits,
    OFFERS, Previous, Reader, Scored, Shared,
};
use crate::stages::features::SCORING;
use crate::stages::train::{Effects, PublishedModel, read_models};
use crate::units::Units;
use crate::why::{RunAt, published, specs};

/// A run under two policies.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct WhatIf {
    /// The run.
    pub run_id: String,
    /// Its date.
    pub as_of: String,
    /// The pipeline's currency (ISO 4217), and the digits amounts are kept with.
    pub currency: String,
    /// Digits after the point of an amount in minor units.
    pub minor_digits: u32,
    /// The keys of `[decide]` that differ, with both values as TOML; a key that is not there is empty.
    pub changed: Vec<Changed>,
    /// As the run was decided.
    pub now: Side,
    /// As it would be.
    pub then: Side,
    /// What that changes for customers outside the holdout.
    pub moved: Moved,
}

/// A key of the pipeline file under both policies.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Changed {
    /// The key.
    pub key: String,
    /// Its value in the run.
    pub now: String,
    /// Its value in question.
    pub then: String,
}

/// What comes of one policy; customers of the holdout are not counted.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Side {
    /// Customers with an offer.
    pub reached: u64,
    /// Rows of the offer table.
    pub rows: u64,
    /// Sum of their expected values, in minor units.
    pub expected_value_minor: i64,
    /// Rows and values by offer, in the order of offers.
    pub offers: Vec<OfferSide>,
    /// Rows by channel.
    pub channels: BTreeMap<String, u64>,
    /// Customer × offer pairs removed, by rule; the holdout's among them, as in the run's summary.
    pub removed: BTreeMap<String, u64>,
    /// How places were settled; absent where there are places for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<CapacitySummary>,
}

/// One offer under one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct OfferSide {
    /// The offer.
    pub offer: String,
    /// Rows of the offer table.
    pub rows: u64,
    /// Sum of their expected values, in minor units.
    pub expected_value_minor: i64,
}

/// Customers by what becomes of their first offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Moved {
    /// The same first offer.
    pub same: u64,
    /// Another one.
    pub another: u64,
    /// An offer instead of none.
    pub gained: u64,
    /// None instead of an offer.
    pub lost: u64,
    /// None under either.
    pub neither: u64,
}

/// Decides the run at `at` again under the `[decide]` of `asked`. Reads; writes nothing.
///
/// # Errors
/// `ConfigNotAllowed` for what cannot be asked without another run; `NothingPublished`, `RunUnknown`, `RunNotNamed`; `RetraceDiffers`
/// when the run decided otherwise than it says; integrity faults of its files; a stop asked for.
pub fn what_if(at: RunAt<'_>, asked: &Config, host: &dyn Host) -> Result<WhatIf> {
    let run = published(at)?;
    let run = run.run();
    let manifest = run.dir.join("MANIFEST.json").display().to_string();
    // Secrets are hidden in the manifest; the one that matters, the key of the holdout, is read off the decisions instead.
    let now = Config::parse(&manifest, &run.manifest.config, &|_| None)?;
    let changed = check_asked(&now, asked)?;
    let then = Config::parse(&manifest, &with_decide(&run.manifest.config, asked.effective()), &|_| None)?;
    let calendar = Calendar::new(&now.pipeline.time_zone)?;
    let tables = Checked::published(&RealFs, run)?;
    let goods = goods(&now, &tables)?;
    let keys: Vec<String> = goods.catalogue.offers.iter().map(|offer| offer.key.clone()).collect();
    let scene = Scene { config: &now, calendar: &calendar, host };
    let ledger = Ledger::published(&RealFs, run, (&keys, &now.decide), &tables.customers, &scene.quiet())?;
    let held_out = HeldOut::read(run, tables.n_customers(), &scene)?;
    let as_of = calendar.as_of(run.manifest.as_of);
    let explorers = Explorers::published(&RealFs, run, (&tables.customers, &keys), &now.decide, &scene.quiet())?;
    let apart = Apart::published(&RealFs, run, (&tables.customers, &keys), &now.decide, &scene.quiet())?;
    let held_back = HeldBack::published(&RealFs, run, (&tables.customers, &keys), &now.decide, &scene.quiet())?;
    let specs = specs(run)?;
    let bind = |config| Conditions::bind(config, &tables, &goods, &specs);
    let conditions = [bind(&now)?, bind(&then)?];
    let (ledger, specs, conditions) = (&ledger, specs.as_slice(), &conditions);
    let units = Units::read(&now, &tables, as_of, &scene.quiet())?;
    let shared = &Shared::gather(&scene, &tables, &goods, &units, as_of)?;
    let conditions_now = &conditions[0];
    let base = Reader {
        scene: &scene,
        tables: &tables,
        goods: &goods,
        ledger,
        shared,
        conditions: conditions_now,
        specs,
        as_of,
    };
    let other = Scene { config: &then, ..scene };
    let models = read_models(run, &goods.catalogue.offers, specs)?;
    let effects: Vec<Effects<'_>> = models.iter().map(PublishedModel::effects).collect();
    let asked = Reader { scene: &other, conditions: &conditions[1], ..base };
    let sides = [Deciding::new(base, &effects)?, Deciding::new(asked, &effects)?];
    let scored = Scored { fs: &RealFs, dir: &run.dir, n_offers: keys.len() };
    let previous = Previous::published(&RealFs, run, &keys, &tables.customers, &scene.quiet())?;
    let before = Settled {
        units: &units,
        held_out: &held_out,
        apart: &apart,
        held_back: &held_back,
        explorers: &explorers,
        previous: &previous,
    };
    let (tallies, moved) = compare(&sides, &scored, &before, &keys)?;
    let [now_side, then_side] = tallies;
    check_retraced(run, &now_side)?;
    Ok(WhatIf {
        run_id: run.current.run_id.to_string(),
        as_of: run.manifest.as_of.to_string(),
        currency: now.pipeline.currency.clone(),
        minor_digits: now.pipeline.minor_digits,
        changed,
        now: now_side,
        then: then_side,
        moved,
    })
}

/// The parts of a configuration that a decision does not rest on.
const IRRELEVANT: [&str; 4] = ["export", "prove", "report", "run"];
/// Keys of `[decide]` whose change needs another run: who is held out and who is scored is settled before anybody decides.
const SETTLED: [&str; 6] = ["holdout", "arms", "explore", "consent", "channels", "response"];

/// The keys of `[decide]` that differ; a fault for every other one that does.
fn check_asked(now: &Config, asked: &Config) -> Result<Vec<Changed>> {
    let (mut now, mut asked) = (tree(now.effective()), tree(asked.effective()));
    let mut faults = Vec::new();
    let decide = |tree: &mut toml::Table| match tree.remove("decide") {
        Some(toml::Value::Table(decide)) => decide,
        _ => toml::Table::new(),
    };
    let (before, after) = (decide(&mut now), decide(&mut asked));
    for key in IRRELEVANT {
        now.remove(key);
        asked.remove(key);
    }
    for (key, one, other) in differing("", &now, &asked) {
        faults.push(not_allowed(&key, &other, &one));
    }
    let mut changed = Vec::new();
    for (key, one, other) in differing("decide.", &before, &after) {
        if SETTLED.iter().any(|settled| key.strip_prefix("decide.").is_some_and(|key| under(key, settled))) {
            faults.push(not_allowed(&key, &other, &one));
        } else {
            changed.push(Changed { key, now: one, then: other });
        }
    }
    Fault::all(faults)?;
    Ok(changed)
}

fn under(key: &str, table: &str) -> bool {
    key == table || key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'))
}

fn not_allowed(key: &str, got: &str, allowed: &str) -> Fault {
    Fault::new(Code::WhatIfNeedsRun).with("key", key).with("got", got).with("allowed", allowed)
}

/// An effective configuration; it was printed by us.
fn tree(effective: &str) -> toml::Table {
    effective.parse().expect("an effective configuration is TOML")
}

/// Keys below `prefix` that two tables do not agree on, with their values as TOML.
fn differing(prefix: &str, one: &toml::Table, other: &toml::Table) -> Vec<(String, String, String)> {
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let mut found = Vec::new();
    for key in keys {
        let path = format!("{prefix}{key}");
        match (one.get(key), other.get(key)) {
            (a, b) if a == b => {}
            (Some(toml::Value::Table(a)), Some(toml::Value::Table(b))) => {
                found.extend(differing(&format!("{path}."), a, b));
            }
            (a, b) => {
                let text = |value: Option<&toml::Value>| value.map_or_else(String::new, ToString::to_string);
                found.push((path, text(a), text(b)));
            }
        }
    }
    found
}

/// The run's configuration with the other's `[decide]`.
fn with_decide(run: &str, asked: &str) -> String {
    let (mut root, mut other) = (tree(run), tree(asked));
    other.remove("decide").into_iter().for_each(|decide| drop(root.insert("decide".to_owned(), decide)));
    root.to_string()
}

/// Who of all customers is in the holdout, as the run drew it.
struct HeldOut(Vec<bool>);

impl HeldOut {
    fn read(run: &Run, n_customers: u32, scene: &Scene<'_>) -> Result<Self> {
        let mut held_out = vec![false; n_customers as usize];
        let customers = read_batches(&RealFs, &run.path_of(SCORING)?, &["customer"])?;
        let mut arms = Vec::new();
        for batch in read_batches(&RealFs, &run.path_of(DECISIONS)?, &["arm"])? {
            scene.check_stop()?;
            let batch = batch?;
            let words = batch.column(0).as_string::<i32>();
            arms.extend((0..words.len()).map(|row| words.value(row) == HOLDOUT));
        }
        let mut row = 0;
        for batch in customers {
            for &customer in batch?.column(0).as_primitive::<UInt32Type>().values() {
                held_out[customer as usize] = arms.get(row).copied().unwrap_or(false);
                row += 1;
            }
        }
        Ok(Self(held_out))
    }

    fn of(&self, customers: &[u32]) -> Vec<bool> {
        customers.iter().map(|&customer| self.0[customer as usize]).collect()
    }
}

/// What the run settled before anybody was ranked, the same under both policies.
#[derive(Clone, Copy)]
struct Settled<'a> {
    units: &'a Units,
    held_out: &'a HeldOut,
    apart: &'a Apart,
    held_back: &'a HeldBack,
    explorers: &'a Explorers,
    previous: &'a Previous,
}

/// One policy, ready to decide.
struct Deciding<'a> {
    reader: Reader<'a>,
    arbiter: Arbiter,
    limits: Option<Limits>,
}

impl<'a> Deciding<'a> {
    fn new(reader: Reader<'a>, effects: &[Effects<'_>]) -> Result<Self> {
        let (config, goods) = (reader.scene.config, reader.goods);
        let arbiter = Arbiter::new(config, goods, &reader.conditions.declared, effects)?;
        Ok(Self { reader, arbiter, limits: Limits::of(config, &goods.catalogue.offers, reader.conditions)? })
    }

    /// The policy's places, and what it decides by but for who gets them.
    fn begun(&'a self, scored: &Scored<'_>, before: &Settled<'a>) -> Result<(Arbitration<'a>, Option<Limits>)> {
        let settled = (&self.arbiter, before.previous, before.held_back.clone());
        let mut arbitration = Arbitration::new(&self.reader, settled, scored, before.units)?;
        arbitration.drawn(before.apart.clone(), before.explorers.clone());
        arbitration.segment_drawn(scored)?;
        let left = self.limits.as_ref().map(|limits| arbitration.left(limits));
        Ok((arbitration, left))
    }
}

/// Decides every customer under both policies.
fn compare<'a>(
    sides: &'a [Deciding<'a>; 2],
    scored: &Scored<'_>,
    before: &Settled<'a>,
    keys: &[String],
) -> Result<([Side; 2], Moved)> {
    let held_out = before.held_out;
    let [(one, left_of_one), (other, left_of_other)] =
        [sides[0].begun(scored, before)?, sides[1].begun(scored, before)?];
    let mut arbitrations = [one, other];
    for (arbitration, left) in arbitrations.iter_mut().zip([&left_of_one, &left_of_other]) {
        if let Some(limits) = left {
            arbitration.settle(scored, limits, &|customers| held_out.of(customers))?;
        }
    }
    let empty = || Side {
        offers: keys.iter().map(|key| OfferSide { offer: key.clone(), ..OfferSide::default() }).collect(),
        ..Side::default()
    };
    let (mut tallies, mut moved) = ([empty(), empty()], Moved::default());
    let host = sides[0].reader.scene.host;
    let columns: BTreeSet<&str> = sides.iter().flat_map(|side| side.reader.columns()).collect();
    for batch in scored.batches(&columns.into_iter().collect::<Vec<_>>())? {
        sides[0].reader.scene.check_stop()?;
        let (batch, propensity) = batch?;
        let customers = &sides[0].reader.rows(&batch).customer;
        let is_held_out = held_out.of(customers);
        let mut firsts = Vec::with_capacity(2);
        for ((arbitration, side), tally) in arbitrations.iter().zip(sides).zip(&mut tallies) {
            let ranked = arbitration.rank(&side.reader.rows(&batch), &is_held_out, &propensity)?.ranked;
            tally.add(&ranked, &is_held_out, &side.reader);
            firsts.push(first_offers(&ranked, customers.len()));
        }
        for (customer, held_out) in is_held_out.iter().enumerate() {
            if !held_out {
                moved.add(firsts[0][customer], firsts[1][customer]);
            }
        }
        let seen = u64::from(customers.last().copied().unwrap_or(0));
        host.progress(seen, u64::from(sides[0].reader.tables.n_customers()));
    }
    for ((tally, arbitration), side) in tallies.iter_mut().zip(&arbitrations).zip(sides) {
        tally.capacity = arbitration.summary(side.reader.scene.config);
    }
    Ok((tallies, moved))
}

/// The first offer of each customer of a block.
fn first_offers(ranked: &Ranked, n_customers: usize) -> Vec<Option<u32>> {
    let mut firsts = vec![None; n_customers];
    for choice in ranked.choices.iter().filter(|choice| choice.rank == 1) {
        firsts[choice.customer as usize] = Some(choice.offer.0);
    }
    firsts
}

impl Side {
    fn add(&mut self, ranked: &Ranked, is_held_out: &[bool], reader: &Reader<'_>) {
        let channels = &reader.scene.config.decide.channels;
        for choice in ranked.choices.iter().filter(|choice| !is_held_out[choice.customer as usize]) {
            let value = choice.expected_value.0;
            let offer = &mut self.offers[choice.offer.0 as usize];
            offer.rows += 1;
            offer.expected_value_minor = offer.expected_value_minor.saturating_add(value);
            self.rows += 1;
            self.reached += u64::from(choice.rank == 1);
            self.expected_value_minor = self.expected_value_minor.saturating_add(value);
            *self.channels.entry(channels[usize::from(choice.channel)].clone()).or_default() += 1;
        }
        for decision in &ranked.decisions {
            if let Decision::Removed(_) | Decision::BelowThreshold = decision {
                *self.removed.entry(reader.conditions.words(*decision).0.to_owned()).or_default() += 1;
            }
        }
    }
}

impl Moved {
    fn add(&mut self, now: Option<u32>, then: Option<u32>) {
        let count = match (now, then) {
            (None, None) => &mut self.neither,
            (None, Some(_)) => &mut self.gained,
            (Some(_), None) => &mut self.lost,
            (Some(one), Some(other)) if one == other => &mut self.same,
            _ => &mut self.another,
        };
        *count += 1;
    }
}

/// That the run published as many rows as its own policy gives here.
fn check_retraced(run: &Run, now: &Side) -> Result<()> {
    let published: usize = read_batches(&RealFs, &run.path_of(OFFERS)?, &["rank"])?
        .map(|batch| batch.map(|batch| batch.num_rows()))
        .sum::<Result<usize>>()?;
    if published as u64 == now.rows {
        return Ok(());
    }
    let file = run.dir.join(OFFERS).display().to_string();
    Err(Fault::new(Code::RetraceDiffers).in_file(file).with("version", run.manifest.tool_version.as_str()))
}
