//! Mine: what is held or bought together, before every date models learn from and before the run's own.
//!
//! A rule of a date rests on nothing that happened or arrived on or after it. Beside it stand the counts of the time that followed: a rule
//! that was there before and holds afterwards is more than a find.

mod baskets;
mod bought;
mod follow_rows;
mod follows;
mod held;
mod leads;
mod levels;
mod rows;
mod small;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use osusume_association::{
    Contingency, Evidence, FalseDiscovery, ItemRole, ItemsetParams, Itemsets, Kind, MinSupport, RuleParams, Rules,
    TestParams, Transactions, mine_itemsets, rules_of, test_rules,
};
use osusume_model::{AsOf, Code, Date, Fault, Result};
use osusume_report::SMALLEST_SHOWN;
use rayon::prelude::*;

use self::baskets::Baskets;
pub(crate) use self::follow_rows::{FOLLOW_MEANINGS, follow_schema};
pub use self::follows::{FollowSummary, ToldFollow};
use self::leads::DateLeads;
pub(crate) use self::leads::Leads;
use self::levels::Levels;
use self::rows::Writer;
pub(crate) use self::rows::{RULE_MEANINGS, rule_schema};
use self::small::{tellable, tells_nobody};
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{Correction, Mine};
use crate::job::Job;
use crate::kernel::association_fault;
use crate::rule_table::Tested;

/// Most rules kept of one date: those with the highest leverage.
pub(crate) const MAX_RULES: usize = 100_000;
/// Level of the one-sided lower bound of the conditional lift.
pub(crate) const LEVEL: f64 = 0.95;
/// Rules the summary tells.
const TOLD: usize = 20;

/// What can stand in a basket.
struct Items {
    /// What each is called, and belongs to.
    levels: Levels,
    /// Where it may stand in a rule.
    roles: Vec<ItemRole>,
    /// The position of the offer it is.
    offered: Vec<Option<u32>>,
    /// For each item, what nobody who has it can add; absent where everything can be bought again.
    closes: Option<Vec<Vec<u32>>>,
}

/// What was found as of one date.
struct Found {
    as_of: Date,
    /// Transactions the rules were found in.
    n: u64,
    rules: Rules,
    evidence: Vec<Evidence>,
    /// The same rules in the time that followed; absent where none followed.
    later: Vec<Option<Later>>,
}

impl Found {
    /// The rules with their evidence; those with a q-value of at most `rate` are reported.
    fn tested(&self, rate: f64) -> Tested<'_> {
        Tested { rules: &self.rules, evidence: &self.evidence, rate }
    }
}

/// A rule counted again.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Later {
    /// First day of the time it was counted in; the rule was found before.
    from: Date,
    counts: Contingency,
}

/// What mining has to say in the summary.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct MineSummary {
    /// Baskets, or customers who hold something, before the run's date.
    pub transactions: u64,
    /// Frequent itemsets among them.
    pub itemsets: u64,
    /// Rules found among them.
    pub rules: u64,
    /// Those of them below the false-discovery rate.
    pub reported: u64,
    /// The strongest of these, by the lower bound of their lift.
    pub top: Vec<ToldRule>,
    /// What is added after what; absent where nobody asks.
    pub follows: Option<FollowSummary>,
}

/// A rule in the summary.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ToldRule {
    /// What is there.
    pub antecedent: Vec<String>,
    /// What is there as well.
    pub consequent: String,
    /// Baskets or customers with all of it.
    pub joint: u64,
    /// Their share of all.
    pub support: f64,
    /// Their share of those with the antecedent.
    pub confidence: f64,
    /// Confidence over the consequent's share of all.
    pub lift: f64,
    /// Lower bound of the lift, given the sizes of baskets.
    pub lift_lower: f64,
    /// Confidence in the time after the newest date models learn from, where the rule was found before it.
    pub later_confidence: Option<f64>,
    /// Lift there.
    pub later_lift: Option<f64>,
}

/// Mines itemsets, rules and what follows what, and writes their tables. What the rules of every date say for the offers is left for the
/// features.
///
/// # Errors
/// `MemoryBudget`, `ConfigUnknownName`, faults of reading and writing, and a stop asked for.
pub(crate) fn mine(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    schedule: &Schedule,
    config: &Mine,
) -> Result<(MineSummary, Leads)> {
    let dates = dates_of(schedule);
    let (baskets, items) = Baskets::read(job, tables, goods, &dates, config)?;
    items.levels.warnings().for_each(|warning| job.warn(warning));
    let done = AtomicU64::new(0);
    let miner = Miner { job, config, items: &items, baskets: &baskets, dates: &dates, done };
    let mut mined = miner.all(|date| miner.mine(date))?;
    for warning in mined.iter_mut().filter_map(|mined| mined.warning.take()) {
        job.warn(warning);
    }
    let leads = mined.iter_mut().map(|mined| (mined.found.as_of, std::mem::take(&mut mined.leads))).collect();
    let own = mined.pop().expect("the run's own date is the last");
    let later = remembered(&own.found.rules, mined.last().map(|mined| &mined.found));
    let own = Mined { found: Found { later, ..own.found }, ..own };
    let mut writer = Writer::create(job)?;
    for mined in mined.iter().chain([&own]) {
        writer.rules(&items, &mined.found, config.false_discovery_rate)?;
    }
    let n_itemsets = writer.itemsets(&items, schedule.score.date, &own.itemsets)?;
    writer.finish()?;
    let followed = follows::find(job, config, &items, &baskets, &dates)?;
    let told = followed.last().map(|own| follows::summary(config, &items, own));
    if told.is_some() {
        follow_rows::write(job, config, &items, &followed)?;
    }
    let summary = summary(&items, &own.found, n_itemsets, config.false_discovery_rate);
    Ok((MineSummary { follows: told, ..summary }, leads_of(leads, items, config)))
}

/// What the rules of every date say for the offers, and nothing else: no table is written, and nobody asks what followed.
///
/// # Errors
/// As [`mine`].
pub(crate) fn leads(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    schedule: &Schedule,
    config: &Mine,
) -> Result<Leads> {
    let config = &Mine { follow_days: 0, ..config.clone() };
    let dates = dates_of(schedule);
    let (baskets, items) = Baskets::read(job, tables, goods, &dates, config)?;
    let miner = Miner { job, config, items: &items, baskets: &baskets, dates: &dates, done: AtomicU64::new(0) };
    let leads = miner.all(|date| {
        job.check_stop()?;
        miner.find(date).map(|mined| (date.date, mined.leads))
    })?;
    Ok(leads_of(leads.into_iter().collect(), items, config))
}

fn leads_of(leads: BTreeMap<Date, DateLeads>, items: Items, config: &Mine) -> Leads {
    Leads::new(leads, items, config.is_of_purchases().then_some(config.days))
}

/// The dates models learn from, and behind them the run's own.
fn dates_of(schedule: &Schedule) -> Vec<AsOf> {
    let past = schedule.mature.iter().copied().filter(|date| date.date < schedule.score.date);
    past.chain([schedule.score]).collect()
}

impl From<Correction> for FalseDiscovery {
    fn from(correction: Correction) -> Self {
        match correction {
            Correction::BenjaminiHochberg => Self::BenjaminiHochberg,
            Correction::BenjaminiYekutieli => Self::BenjaminiYekutieli,
        }
    }
}

/// What is asked of the baskets of every date.
struct Miner<'a> {
    job: &'a Job<'a>,
    config: &'a Mine,
    items: &'a Items,
    baskets: &'a Baskets,
    /// Ascending, the last is the run's own.
    dates: &'a [AsOf],
    /// How many are mined.
    done: AtomicU64,
}

/// A date, mined.
struct Mined {
    found: Found,
    /// Those of the run's own date; empty for the others.
    itemsets: Itemsets,
    /// What its rules say for the offers.
    leads: DateLeads,
    /// What there is to say of the support.
    warning: Option<Fault>,
}

impl Miner<'_> {
    /// Every date, side by side where memory allows.
    fn all<T: Send>(&self, each: impl Fn(AsOf) -> Result<T> + Sync) -> Result<Vec<T>> {
        if !self.baskets.fit(self.job, self.dates.len()) {
            return self.dates.iter().map(|date| each(*date)).collect();
        }
        let mined: Vec<Result<T>> = self.dates.par_iter().with_max_len(1).map(|date| each(*date)).collect();
        // Of several faults that of the first date, whichever came first.
        mined.into_iter().collect()
    }

    /// Itemsets and rules in what had happened and was known before `date`, and the rules in what followed.
    fn mine(&self, date: AsOf) -> Result<Mined> {
        self.job.check_stop()?;
        let mut mined = self.find(date)?;
        let end = self.dates[self.dates.len() - 1];
        if date.date < end.date {
            let counts = self.baskets.follow(self.job, self.items, (date, end), &mined.found.rules)?;
            mined.found.later = counts
                .into_iter()
                .map(|counts| Some(Later { from: date.date, counts }).filter(|later| tells_nobody(&later.counts)))
                .collect();
            mined.itemsets = Itemsets::default();
        }
        self.job.host.progress(self.done.fetch_add(1, Ordering::Relaxed) + 1, self.dates.len() as u64);
        Ok(mined)
    }

    fn find(&self, date: AsOf) -> Result<Mined> {
        let db = self.baskets.before(self.job, self.items, date)?;
        let control = self.job.quiet();
        let params = ItemsetParams {
            kind: Kind::All,
            min_count: self.min_count(&db)?,
            max_length: self.config.max_length,
            roles: Some(&self.items.roles),
            hierarchy: self.items.levels.forest.as_ref(),
            max_sets: self.config.max_itemsets,
        };
        let (params, itemsets, warning) = self.itemsets(&db, params, date)?;
        let rules = rules_of(&db, &itemsets, &rule_params(&params), &control).map_err(|e| association_fault(&e))?;
        let test = TestParams { false_discovery: self.config.correction.into(), level: LEVEL };
        let evidence = test_rules(&db, &rules, &test, &control).map_err(|e| association_fault(&e))?;
        let (rate, counts) = (self.config.false_discovery_rate, db.item_counts());
        let leads = DateLeads::new(&rules, &evidence, rate, counts, &self.items.offered);
        let (rules, evidence) = tellable(&rules, &evidence);
        let later = vec![None; rules.len()];
        Ok(Mined { found: Found { as_of: date.date, n: db.n(), rules, evidence, later }, itemsets, leads, warning })
    }

    /// The itemsets. A support that is too low for the limit must not end a scheduled run: the least one that fits is used, and said.
    fn itemsets<'p>(
        &self,
        db: &Transactions,
        params: ItemsetParams<'p>,
        date: AsOf,
    ) -> Result<(ItemsetParams<'p>, Itemsets, Option<Fault>)> {
        let control = self.job.quiet();
        let mine = |params: &ItemsetParams<'_>| mine_itemsets(db, params, &control);
        match mine(&params) {
            Err(osusume_association::Error::TooManySets { proposed_min_count, .. }) => {
                let warning = too_many(self.config, date, proposed_min_count, db.n());
                let params = ItemsetParams { min_count: proposed_min_count, ..params };
                mine(&params).map(|found| (params, found, Some(warning)))
            }
            found => found.map(|found| (params, found, None)),
        }
        .map_err(|error| association_fault(&error))
    }

    /// Nothing that fewer have than a report shows is looked for.
    fn min_count(&self, db: &Transactions) -> Result<u64> {
        let support = MinSupport::Fraction(self.config.min_support);
        let count = support.to_count(db.n()).map_err(|error| association_fault(&error))?;
        Ok(count.max(SMALLEST_SHOWN))
    }
}

fn rule_params<'a>(params: &ItemsetParams<'a>) -> RuleParams<'a> {
    RuleParams {
        min_count: params.min_count,
        max_length: params.max_length.max(2),
        min_confidence: 0.0,
        min_lift: 1.0,
        min_improvement: 0.0,
        roles: params.roles,
        hierarchy: params.hierarchy,
        max_sets: params.max_sets,
        max_rules: MAX_RULES,
    }
}

fn too_many(config: &Mine, date: AsOf, min_count: u64, n: u64) -> Fault {
    Fault::new(Code::TooManyItemsets)
        .named("mine.min_support")
        .with("limit", config.max_itemsets)
        .with("date", date.date.to_string())
        .with("support", format!("{:.6}", min_count as f64 / n.max(1) as f64).as_str())
}

/// For the rules of the run's date, at which nothing has followed yet: how those of them that were known at the newest date models learn
/// from have done since. A rule that is new was seen in that time and has nothing to show.
fn remembered(rules: &Rules, newest: Option<&Found>) -> Vec<Option<Later>> {
    let known: BTreeMap<(&[u32], u32), Option<Later>> = newest.map_or_else(BTreeMap::new, |found| {
        let key = |r: usize| (found.rules.antecedent(r), found.rules.consequents[r]);
        (0..found.rules.len()).map(|r| (key(r), found.later[r])).collect()
    });
    (0..rules.len()).map(|r| known.get(&(rules.antecedent(r), rules.consequents[r])).copied().flatten()).collect()
}

/// Rules by the lower bound of the conditional lift, highest first; ties by joint count, then by the order of items.
fn ranked(found: &Found) -> Vec<usize> {
    found.tested(0.0).strongest_first()
}

fn summary(items: &Items, found: &Found, itemsets: u64, rate: f64) -> MineSummary {
    let reported: Vec<usize> = ranked(found).into_iter().filter(|&r| found.evidence[r].q_value <= rate).collect();
    let told = |&r: &usize| {
        let counts = found.rules.contingency(r);
        let later = found.later[r].map(|later| later.counts);
        ToldRule {
            antecedent: found
                .rules
                .antecedent(r)
                .iter()
                .map(|&item| items.levels.names[item as usize].clone())
                .collect(),
            consequent: items.levels.names[found.rules.consequents[r] as usize].clone(),
            joint: counts.n_both,
            support: counts.support(),
            confidence: counts.confidence(),
            lift: counts.lift(),
            lift_lower: found.evidence[r].conditional_lift_lower,
            later_confidence: later.map(Contingency::confidence).filter(|x| x.is_finite()),
            later_lift: later.map(Contingency::lift).filter(|x| x.is_finite()),
        }
    };
    MineSummary {
        transactions: found.n,
        itemsets,
        rules: found.rules.len() as u64,
        reported: reported.len() as u64,
        top: reported.iter().take(TOLD).map(told).collect(),
        follows: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(pairs: &[(u32, u32)]) -> Rules {
        Rules {
            antecedent_offsets: (0..=pairs.len()).collect(),
            antecedent_items: pairs.iter().map(|pair| pair.0).collect(),
            consequents: pairs.iter().map(|pair| pair.1).collect(),
            n_antecedent: vec![50; pairs.len()],
            n_consequent: vec![40; pairs.len()],
            n_both: (0..pairs.len() as u32).map(|i| 20 + i % 2).collect(),
            improvements: vec![0.1; pairs.len()],
            n: 100,
            ..Rules::default()
        }
    }

    fn found(pairs: &[(u32, u32)], bounds: &[f64]) -> Found {
        let evidence = |&bound: &f64| Evidence {
            expected: 10.0,
            conditional_lift: 2.0,
            conditional_lift_lower: bound,
            p_value: 0.001,
            q_value: 0.01,
        };
        let rules = rules(pairs);
        let later = Later { from: Date(0), counts: rules.contingency(0) };
        let later = vec![Some(later); rules.len()];
        Found { as_of: Date(0), n: 100, rules, evidence: bounds.iter().map(evidence).collect(), later }
    }

    #[test]
    fn only_a_rule_known_before_is_out_of_time() {
        let newest = found(&[(0, 1), (2, 1)], &[1.0, 1.0]);
        let now = rules(&[(2, 1), (0, 2), (0, 1)]);
        let is_known: Vec<bool> = remembered(&now, Some(&newest)).iter().map(Option::is_some).collect();
        assert_eq!(is_known, [true, false, true]);
        assert_eq!(remembered(&now, None), [None; 3]);
    }

    #[test]
    fn rules_are_ranked_by_bound_then_count_then_items() {
        // The second of each two rules has one basket more.
        let found = found(&[(3, 1), (2, 1), (0, 1), (5, 1), (1, 1)], &[1.5, 1.5, f64::NAN, 2.0, 1.5]);
        assert_eq!(ranked(&found), [3, 1, 4, 0, 2]);
    }
}
