//! What if: a published run decided again under another `[decide]`, beside what it decided; nothing is learned, nothing is written.
//!
//! Tables, features, propensities and the contact ledger are the run's own, and so is who is held out. Both sides are decided here by the
//! same code, lots and arms drawn anew on either by the key that the pipeline file has now, since what is drawn from depends on the policy;
//! and the first is compared with what the run published.

use std::collections::{BTreeMap, BTreeSet};

use osusume_decide::{Decision, Ranked};
use osusume_model::{Code, Fault, Result};
use osusume_storage::{RealFs, Run};
use osusume_tables::arrow::array::{Array, AsArray};
use osusume_tables::arrow::datatypes::{Int64Type, UInt32Type};
use osusume_tables::read_batches;

use crate::calendar::Calendar;
use crate::checked::Checked;
use crate::config::Config;
use crate::host::Host;
use crate::job::Scene;
use crate::run::goods;
use crate::stages::decide::{
    Arbiter, Arbitration, CapacitySummary, Conditions, DECISIONS, HOLDOUT, HeldBack, Ledger, Limits, OFFERS, Previous,
    Reader, Scored, Shared, days_looked_at,
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
    // Secrets are hidden in the manifest; what the key of the holdout drew is read off the decisions, and lots by it are compared with them.
    let mut now = Config::parse(&manifest, &run.manifest.config, &|_| None)?;
    let changed = check_asked(&now, asked, run.manifest.previous.is_some())?;
    let mut then = Config::parse(&manifest, &with_decide(&run.manifest.config, asked.effective()), &|_| None)?;
    // Lots are drawn anew under both policies, so both need the key.
    for config in [&mut now, &mut then] {
        config.decide.holdout_salt.clone_from(&asked.decide.holdout_salt);
    }
    let calendar = Calendar::new(&now.pipeline.time_zone)?;
    let tables = Checked::published(&RealFs, run)?;
    let goods = goods(&now, &tables)?;
    let keys: Vec<String> = goods.catalogue.offers.iter().map(|offer| offer.key.clone()).collect();
    let scene = Scene { config: &now, calendar: &calendar, host };
    let ledger = Ledger::published(&RealFs, run, (&keys, &now.decide), &tables.customers, &scene.quiet())?;
    let arms = Arms::read(run, tables.n_customers(), &scene)?;
    let as_of = calendar.as_of(run.manifest.as_of);
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
    let before = Settled { units: &units, arms: &arms, held_back: &held_back, previous: &previous };
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
/// Keys of `[decide]` whose change needs another run, each with the word for why: what is settled before anybody decides.
const SETTLED: [(&str, &str); 8] = [
    ("holdout", "drawn"),
    ("arms", "lots"),
    ("explore", "lots"),
    ("response", "effect"),
    ("believed_response", "effect"),
    ("consent", "scored"),
    ("channels", "scored"),
    ("contact_limit.outstanding", LEDGER),
];
/// Keys that say how far back offers of earlier runs are looked for.
const LOOKING_BACK: [&str; 4] = ["approach", "channel_limit", "contact_limit.days", "contact_limit.min_days_between"];
/// The word for what earlier runs had out.
const LEDGER: &str = "ledger";

/// The keys of `[decide]` that differ; a fault for every other one that does. `has_earlier` says whether runs came before this one.
fn check_asked(run: &Config, asked: &Config, has_earlier: bool) -> Result<Vec<Changed>> {
    // The ledger holds what was out in the days the run looked back; for more of them it would have to be gathered again.
    let looks_further = has_earlier && days_looked_at(asked) > days_looked_at(run);
    let (mut now, mut asked) = (tree(run.effective()), tree(asked.effective()));
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
        match why_settled(&key, looks_further) {
            Some(why) => faults.push(not_allowed(&key, &other, &one).with(why, key.as_str())),
            None => changed.push(Changed { key, now: one, then: other }),
        }
    }
    Fault::all(faults)?;
    Ok(changed)
}

/// Why a key cannot be asked, if it cannot.
fn why_settled(key: &str, looks_further: bool) -> Option<&'static str> {
    let key = key.strip_prefix("decide.")?;
    let settled = SETTLED.iter().find(|(settled, _)| under(key, settled)).map(|(_, why)| *why);
    settled.or_else(|| (looks_further && LOOKING_BACK.iter().any(|one| under(key, one))).then_some(LEDGER))
}

fn under(key: &str, table: &str) -> bool {
    key == table || key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'))
}

fn not_allowed(key: &str, got: &str, allowed: &str) -> Fault {
    // What one of the two does not say has no value to show.
    let values = [("got", got), ("allowed", allowed)].into_iter().filter(|(_, value)| !value.is_empty());
    values.fold(Fault::new(Code::WhatIfNeedsRun).with("key", key), |fault, (name, value)| fault.with(name, value))
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

/// The arm of every customer, as the run drew it; empty for those it did not decide about.
struct Arms(Vec<String>);

impl Arms {
    fn read(run: &Run, n_customers: u32, scene: &Scene<'_>) -> Result<Self> {
        let mut of_customers = vec![String::new(); n_customers as usize];
        let customers = read_batches(&RealFs, &run.path_of(SCORING)?, &["customer"])?;
        let mut arms = Vec::new();
        for batch in read_batches(&RealFs, &run.path_of(DECISIONS)?, &["arm"])? {
            scene.check_stop()?;
            let batch = batch?;
            let words = batch.column(0).as_string::<i32>();
            arms.extend((0..words.len()).map(|row| words.value(row).to_owned()));
        }
        let mut arms = arms.into_iter();
        for batch in customers {
            for (&customer, arm) in batch?.column(0).as_primitive::<UInt32Type>().values().iter().zip(&mut arms) {
                of_customers[customer as usize] = arm;
            }
        }
        Ok(Self(of_customers))
    }

    fn is_held_out(&self, customers: &[u32]) -> Vec<bool> {
        customers.iter().map(|&customer| self.0[customer as usize] == HOLDOUT).collect()
    }

    /// Whether they are in the arms drawn here, but for who is held out, which is not drawn again.
    fn are_drawn(&self, customers: &[u32], drawn: &[&'static str]) -> bool {
        let mut pairs = customers.iter().map(|&customer| self.0[customer as usize].as_str()).zip(drawn);
        pairs.all(|(arm, drawn)| arm == HOLDOUT || arm == *drawn)
    }
}

/// What the run settled before anybody was ranked, the same under both policies.
#[derive(Clone, Copy)]
struct Settled<'a> {
    units: &'a Units,
    arms: &'a Arms,
    held_back: &'a HeldBack,
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
        let is_held_out = |customers: &[u32]| before.arms.is_held_out(customers);
        // What an arm gives and what a lot is drawn from depend on the policy, as in a run with it.
        arbitration.part(scored, (self.limits.as_ref(), before.units), &is_held_out)?;
        arbitration.explore(scored, self.limits.as_ref(), &is_held_out)?;
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
    let arms = before.arms;
    let [(one, left_of_one), (other, left_of_other)] =
        [sides[0].begun(scored, before)?, sides[1].begun(scored, before)?];
    let mut arbitrations = [one, other];
    for (arbitration, left) in arbitrations.iter_mut().zip([&left_of_one, &left_of_other]) {
        if let Some(limits) = left {
            arbitration.settle(scored, limits, &|customers| arms.is_held_out(customers))?;
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
        let is_held_out = arms.is_held_out(customers);
        let mut firsts = Vec::with_capacity(2);
        for ((arbitration, side), tally) in arbitrations.iter().zip(sides).zip(&mut tallies) {
            let decided = arbitration.rank(&side.reader.rows(&batch), &is_held_out, &propensity)?;
            if firsts.is_empty() && !arms.are_drawn(customers, &decided.arms) {
                // Drawn by another key than the pipeline file has now.
                let fault = Fault::new(Code::WhatIfNeedsRun).with("key", "decide.holdout.salt");
                return Err(fault.with("salt", "decide.holdout.salt"));
            }
            let ranked = decided.ranked;
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

/// That the run published the rows its own policy gives here: as many of each offer, worth as much.
fn check_retraced(run: &Run, now: &Side) -> Result<()> {
    let mut published: BTreeMap<String, OfferSide> = BTreeMap::new();
    for batch in read_batches(&RealFs, &run.path_of(OFFERS)?, &["offer", "expected_value_minor"])? {
        let batch = batch?;
        let values = batch.column(1).as_primitive::<Int64Type>().values();
        for (offer, value) in batch.column(0).as_string::<i32>().iter().flatten().zip(values) {
            let of_offer = published.entry(offer.to_owned()).or_default();
            of_offer.rows += 1;
            of_offer.expected_value_minor = of_offer.expected_value_minor.saturating_add(*value);
        }
    }
    let is_same = |side: &OfferSide| {
        let found = published.get(&side.offer).map_or((0, 0), |found| (found.rows, found.expected_value_minor));
        found == (side.rows, side.expected_value_minor)
    };
    if now.offers.iter().all(is_same) && published.values().map(|offer| offer.rows).sum::<u64>() == now.rows {
        return Ok(());
    }
    let file = run.dir.join(OFFERS).display().to_string();
    Err(Fault::new(Code::RetraceDiffers).in_file(file).with("version", run.manifest.tool_version.as_str()))
}
