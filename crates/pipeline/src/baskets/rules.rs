//! Rules with one item on the right, drawn from what was mined and tested as a run of a pipeline tests them.

use std::collections::BTreeMap;

use osusume_association::{Evidence, FalseDiscovery, ItemRole, RuleParams, Rules, TestParams, rules_of, test_rules};
use osusume_model::{Code, Fault, Result, suggest};

use super::hierarchy::Names;
use super::memory::Budget;
use super::{MinedBaskets, fault};
use crate::host::Host;
use crate::job::Quiet;
use crate::rule_table::Tested;
use crate::stages::mine::LEVEL;

/// Bytes a rule takes while it is drawn, and the best confidence of an item of a set.
const RULE_BYTES: u64 = 40;

/// Which rules.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleOptions {
    /// Least confidence, in [0, 1].
    pub min_confidence: f64,
    /// Least lift.
    pub min_lift: f64,
    /// Confidence a rule must have beyond every rule with fewer of its antecedents; below −1 all are kept.
    pub min_improvement: f64,
    /// Of more rules those with the highest leverage are kept.
    pub max_rules: usize,
    /// Share of chance finds among the rules reported.
    pub false_discovery_rate: f64,
    /// How it is kept.
    pub correction: FalseDiscovery,
    /// What may stand on the right; everything without it.
    pub consequents: Option<Vec<String>>,
}

/// Rules and what the data say for them, the strongest first.
pub struct MinedRules {
    rules: Rules,
    evidence: Vec<Evidence>,
    rate: f64,
    /// Rules in their order.
    order: Vec<usize>,
}

/// A rule with its counts and measures.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FoundRule {
    /// What is there.
    pub antecedent: Vec<String>,
    /// What is there as well.
    pub consequent: String,
    /// Baskets in all.
    pub n: u64,
    /// Those with the antecedent.
    pub n_antecedent: u64,
    /// Those with the consequent.
    pub n_consequent: u64,
    /// Those with both.
    pub n_both: u64,
    /// `n_both / n`.
    pub support: f64,
    /// `n_both / n_antecedent`.
    pub confidence: f64,
    /// Confidence over the consequent's share of all baskets.
    pub lift: f64,
    /// Confidence less the highest one of a rule with fewer antecedents.
    pub improvement: f64,
    /// Baskets with both that chance would give, by the sizes of baskets.
    pub expected: f64,
    /// `n_both / expected`.
    pub conditional_lift: f64,
    /// Its lower bound (one-sided, 95 %), customers resampled.
    pub conditional_lift_lower: f64,
    /// Of chance; of a longer antecedent, that one of its parts adds nothing.
    pub p_value: f64,
    /// The lowest false-discovery rate at which the rule is reported.
    pub q_value: f64,
}

/// Draws rules from itemsets that were listed, and tests them.
///
/// # Errors
/// `OutOfRange` for an option, `ConfigUnknownName` for a consequent no basket holds, `MemoryBudget`, and a stop asked for.
pub fn draw_rules(mined: &MinedBaskets, options: &RuleOptions, host: &dyn Host) -> Result<MinedRules> {
    let control = Quiet::new(host);
    let Some(itemsets) = &mined.itemsets else { return Err(Fault::new(Code::Bug).named("rules")) };
    let items_in_sets = mined.by_size.iter().zip(0_u64..).map(|(sets, size)| sets.saturating_mul(size));
    let needed = items_in_sets.fold(0, u64::saturating_add).saturating_mul(RULE_BYTES);
    Budget(mined.memory).check(mined.held().saturating_add(needed), "rules")?;
    let roles =
        options.consequents.as_deref().map(|names| roles(names, &mined.names, mined.db.item_counts())).transpose()?;
    let params = RuleParams {
        min_count: mined.min_count,
        // Rules longer than the sets that were looked for are no hypotheses: nobody would have seen them.
        max_length: mined.max_length,
        min_confidence: options.min_confidence,
        min_lift: options.min_lift,
        min_improvement: options.min_improvement,
        // No role keeps a set from being frequent, so the sets are those of every role.
        roles: roles.as_deref(),
        hierarchy: mined.hierarchy(),
        max_sets: u64::MAX,
        max_rules: options.max_rules,
    };
    let rules = rules_of(&mined.db, itemsets, &params, &control).map_err(|error| fault(&error))?;
    let test = TestParams { false_discovery: options.correction, level: LEVEL };
    let evidence = test_rules(&mined.db, &rules, &test, &control).map_err(|error| fault(&error))?;
    let rate = options.false_discovery_rate;
    let order = Tested { rules: &rules, evidence: &evidence, rate }.strongest_first();
    Ok(MinedRules { rules, evidence, rate, order })
}

/// What is named may stand on either side, everything else on the left.
fn roles(consequents: &[String], names: &Names, counts: &[u64]) -> Result<Vec<ItemRole>> {
    let mut is_known: BTreeMap<&str, bool> = consequents.iter().map(|name| (name.as_str(), false)).collect();
    let mut roles = vec![ItemRole::Antecedent; names.len() as usize];
    let is_bought = |item: &u32| counts[*item as usize] > 0;
    for item in (0..names.len()).filter(is_bought) {
        if let Some(is_known) = is_known.get_mut(&*names.name(item)) {
            *is_known = true;
            roles[item as usize] = ItemRole::Both;
        }
    }
    let unknown = is_known
        .iter()
        .filter(|(_, is_known)| !**is_known)
        .map(|(name, _)| unknown("--consequents", name, names, counts));
    Fault::all(unknown.collect())?;
    Ok(roles)
}

/// `key` names an item that no basket holds.
pub(super) fn unknown(key: &str, name: &str, names: &Names, counts: &[u64]) -> Fault {
    let mut known: Vec<(u64, String)> = (0..names.len())
        .map(|item| (counts[item as usize], item))
        .filter(|(count, _)| *count > 0)
        .map(|(count, item)| (count, names.get(item)))
        .collect();
    // The most frequent first: the others are only counted.
    known.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let known: Vec<String> = known.into_iter().map(|(_, name)| name).collect();
    let mut fault = Fault::new(Code::ConfigUnknownName).with("key", key).with("got", name);
    if let Some(suggestion) = suggest(name, known.iter().map(String::as_str)) {
        fault = fault.with("suggestion", suggestion);
    }
    fault.with("allowed", known)
}

impl MinedRules {
    /// Rules that reach the thresholds.
    pub fn n_found(&self) -> u64 {
        self.rules.n_found
    }

    /// Those of them that improve too little on a shorter rule, and are left out.
    pub fn n_redundant(&self) -> u64 {
        self.rules.n_redundant
    }

    /// Those left out because there are too many.
    pub fn n_cut(&self) -> u64 {
        self.rules.n_found - self.rules.n_redundant - self.n_kept()
    }

    /// Rules kept.
    pub fn n_kept(&self) -> u64 {
        self.rules.len() as u64
    }

    /// Pairs of a frequent antecedent and a frequent consequent: what the false-discovery rate is over.
    pub fn n_hypotheses(&self) -> u64 {
        self.rules.n_hypotheses
    }

    /// Rules reported.
    pub fn n_reported(&self) -> u64 {
        (0..self.rules.len()).filter(|&r| self.tested().is_reported(r)).count() as u64
    }

    /// The `n` strongest of the rules reported.
    pub fn strongest(&self, names: &Names, n: usize) -> Vec<FoundRule> {
        let reported = self.order.iter().filter(|&&r| self.tested().is_reported(r));
        reported.take(n).map(|&r| self.rule(r, names)).collect()
    }

    fn rule(&self, r: usize, names: &Names) -> FoundRule {
        let (counts, evidence) = (self.rules.contingency(r), &self.evidence[r]);
        FoundRule {
            antecedent: self.rules.antecedent(r).iter().map(|&item| names.get(item)).collect(),
            consequent: names.get(self.rules.consequents[r]),
            n: counts.n,
            n_antecedent: counts.n_antecedent,
            n_consequent: counts.n_consequent,
            n_both: counts.n_both,
            support: counts.support(),
            confidence: counts.confidence(),
            lift: counts.lift(),
            improvement: self.rules.improvements[r],
            expected: evidence.expected,
            conditional_lift: evidence.conditional_lift,
            conditional_lift_lower: evidence.conditional_lift_lower,
            p_value: evidence.p_value,
            q_value: evidence.q_value,
        }
    }

    pub(super) fn tested(&self) -> Tested<'_> {
        Tested { rules: &self.rules, evidence: &self.evidence, rate: self.rate }
    }

    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }
}
