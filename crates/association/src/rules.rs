//! Rules with one consequent, from the trie of frequent itemsets.

use std::cmp::Reverse;

use osusume_model::Control;

use crate::error::check_stop;
use crate::trie::Trie;
use crate::{Contingency, Error, Hierarchy, ItemRole, ItemsetParams, Itemsets, Kind, Transactions, mine_itemsets};

/// Nodes between two looks at the control.
const STOP_STEP: usize = 1 << 16;
/// Rules held are cut to the highest of them whenever they are twice as many as wanted and at least so many.
const MIN_HELD: usize = 1 << 10;

/// Which rules to find. Every field is the caller's decision.
#[derive(Clone, Copy, Debug)]
pub struct RuleParams<'a> {
    /// Least weighted number of transactions with antecedent and consequent, at least 1.
    pub min_count: u64,
    /// Most items of a rule, consequent included; at least 2.
    pub max_length: usize,
    /// Least confidence, in [0, 1].
    pub min_confidence: f64,
    /// Least lift; 0 keeps all.
    pub min_lift: f64,
    /// A rule is redundant unless its confidence exceeds that of every rule with fewer of its antecedents, the empty one included, by
    /// more than this (Bayardo, Agrawal and Gunopulos, "Constraint-based rule mining in large, dense databases", 2000).
    /// −∞ keeps all.
    pub min_improvement: f64,
    /// A role for every item; absent: [`ItemRole::Both`].
    pub roles: Option<&'a [ItemRole]>,
    /// No rule holds an item and its ancestor.
    pub hierarchy: Option<&'a Hierarchy>,
    /// Limit of the itemsets behind the rules, as [`ItemsetParams::max_sets`].
    pub max_sets: u64,
    /// Of more rules than this those with the highest leverage stay.
    pub max_rules: usize,
}

/// Rules in columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// `len() + 1` positions: the antecedent of rule r is `antecedent_items[antecedent_offsets[r]..antecedent_offsets[r + 1]]`.
    pub antecedent_offsets: Vec<usize>,
    /// Items, ascending within a rule.
    pub antecedent_items: Vec<u32>,
    /// The one item on the right.
    pub consequents: Vec<u32>,
    /// Weighted number of transactions with the antecedent.
    pub n_antecedent: Vec<u32>,
    /// Weighted number of transactions with the consequent.
    pub n_consequent: Vec<u32>,
    /// Weighted number of transactions with both.
    pub n_both: Vec<u32>,
    /// Confidence less the highest confidence of a rule with fewer antecedents, the empty one included.
    pub improvements: Vec<f64>,
    /// Weighted number of all transactions.
    pub n: u64,
    /// Rules that met the thresholds before redundant ones were left out and the cap was applied.
    pub n_found: u64,
    /// Rules left out as redundant.
    pub n_redundant: u64,
    /// Pairs of a frequent antecedent and a frequent consequent that may form a rule: every hypothesis the margins alone admit, whether
    /// the pair was frequent or not. Corrections for multiple tests divide by it.
    pub n_hypotheses: u64,
}

impl Rules {
    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.consequents.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.consequents.is_empty()
    }

    /// The items on the left of rule `r`, ascending.
    pub fn antecedent(&self, r: usize) -> &[u32] {
        &self.antecedent_items[self.antecedent_offsets[r]..self.antecedent_offsets[r + 1]]
    }

    /// The rules for which `keep` holds, in their order; what was found and tested stays what it was.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(usize) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.len()).filter(|&r| keep(r)).collect();
        let pick = |counts: &[u32]| kept.iter().map(|&r| counts[r]).collect();
        let (mut antecedent_offsets, mut antecedent_items) = (vec![0], Vec::new());
        for &r in &kept {
            antecedent_items.extend_from_slice(self.antecedent(r));
            antecedent_offsets.push(antecedent_items.len());
        }
        Self {
            antecedent_offsets,
            antecedent_items,
            consequents: pick(&self.consequents),
            n_antecedent: pick(&self.n_antecedent),
            n_consequent: pick(&self.n_consequent),
            n_both: pick(&self.n_both),
            improvements: kept.iter().map(|&r| self.improvements[r]).collect(),
            ..*self
        }
    }

    /// The four counts of rule `r`.
    pub fn contingency(&self, r: usize) -> Contingency {
        Contingency {
            n: self.n,
            n_antecedent: u64::from(self.n_antecedent[r]),
            n_consequent: u64::from(self.n_consequent[r]),
            n_both: u64::from(self.n_both[r]),
        }
    }
}

/// Mines the itemsets of `db` that rules need, and the rules.
///
/// # Errors
/// [`Error::Parameter`], and those of [`mine_itemsets`].
pub fn mine_rules(db: &Transactions, params: &RuleParams<'_>, control: &dyn Control) -> Result<Rules, Error> {
    check(params)?;
    let itemset_params = ItemsetParams {
        kind: Kind::All,
        min_count: params.min_count,
        max_length: params.max_length,
        roles: params.roles,
        hierarchy: params.hierarchy,
        max_sets: params.max_sets,
    };
    let itemsets = mine_itemsets(db, &itemset_params, control)?;
    rules_of(db, &itemsets, params, control)
}

/// The rules within all frequent itemsets of `db`, mined with the same count, length, roles and hierarchy.
///
/// Counts of the antecedents are read off the trie while walking it: the children of a node Z are among the children of Z less one item,
/// in the same order, so one cursor for each item of Z only moves forward. What a shorter antecedent reaches is kept for every set and
/// item: eight bytes a rule.
///
/// # Errors
/// [`Error::Parameter`], [`Error::Stopped`].
pub fn rules_of(
    db: &Transactions,
    itemsets: &Itemsets,
    params: &RuleParams<'_>,
    control: &dyn Control,
) -> Result<Rules, Error> {
    check(params)?;
    check_stop(control)?;
    let trie = Trie::new(itemsets);
    let mut walk = Walk::new(db, &trie, params);
    for node in 0..itemsets.n_nodes() {
        if node % STOP_STEP == 0 {
            check_stop(control)?;
        }
        walk.visit(node as u32);
    }
    Ok(walk.finish())
}

fn check(params: &RuleParams<'_>) -> Result<(), Error> {
    let refuse = |name, allowed, got| Err(Error::Parameter { name, allowed, got });
    if params.max_length < 2 {
        return refuse("max_length", "at least 2", params.max_length as f64);
    }
    if !(0.0..=1.0).contains(&params.min_confidence) {
        return refuse("min_confidence", "in [0, 1]", params.min_confidence);
    }
    if params.min_lift.is_nan() || params.min_lift < 0.0 {
        return refuse("min_lift", "at least 0", params.min_lift);
    }
    if params.min_improvement.is_nan() || params.min_improvement >= 1.0 {
        return refuse("min_improvement", "below 1", params.min_improvement);
    }
    Ok(())
}

/// A rule by the node of its itemset.
#[derive(Clone, Copy)]
struct Found {
    node: u32,
    consequent: u32,
    n_antecedent: u32,
    n_both: u32,
    improvement: f64,
}

struct Walk<'a> {
    db: &'a Transactions,
    trie: &'a Trie<'a>,
    params: &'a RuleParams<'a>,
    /// Items from the root to the current node, and their nodes.
    path: Vec<u32>,
    path_nodes: Vec<u32>,
    /// For each node on the path and each of its items: the node of the set without that item. Level d has d entries from d (d − 1) / 2.
    without: Vec<u32>,
    /// For each entry of `without`: the next of its children to look at.
    cursors: Vec<u32>,
    /// For each node and each of its items: the highest confidence with that item on the right and some of the others, or none, on the
    /// left. Only of one-smaller sets is the highest needed: theirs holds all smaller ones.
    best: Vec<f64>,
    /// Where a node's entries of `best` start.
    best_starts: Vec<usize>,
    /// How many frequent items may stand on the right.
    n_targets: u64,
    /// For a hierarchy, how many of those each item is an ancestor of.
    n_targets_below: Vec<u64>,
    /// Ancestors of the items of a path.
    above: Vec<u32>,
    found: Vec<Found>,
    /// What a rule's excess must reach to be among those wanted, as far as they were cut.
    least_excess: Option<u128>,
    n_found: u64,
    n_redundant: u64,
    n_hypotheses: u64,
}

impl<'a> Walk<'a> {
    fn new(db: &'a Transactions, trie: &'a Trie<'a>, params: &'a RuleParams<'a>) -> Self {
        let targets = (0..db.n_items()).filter(|item| is_target(db, params, *item));
        let mut n_targets_below = params.hierarchy.map_or_else(Vec::new, |_| vec![0; db.n_items() as usize]);
        for item in targets.clone().flat_map(|item| params.hierarchy.into_iter().flat_map(move |it| it.ancestors(item)))
        {
            n_targets_below[item as usize] += 1;
        }
        Self {
            db,
            trie,
            params,
            path: Vec::new(),
            path_nodes: Vec::new(),
            without: Vec::new(),
            cursors: Vec::new(),
            best: Vec::with_capacity(trie.n_values()),
            best_starts: Vec::with_capacity(trie.n_nodes()),
            n_targets: targets.count() as u64,
            n_targets_below,
            above: Vec::new(),
            found: Vec::new(),
            least_excess: None,
            n_found: 0,
            n_redundant: 0,
            n_hypotheses: 0,
        }
    }

    fn visit(&mut self, node: u32) {
        let item = self.trie.item(node);
        self.step_to(node, item);
        let (last, is_antecedent) = self.last();
        if last.is_none() && self.path.len() < self.params.max_length {
            self.n_hypotheses += self.hypotheses();
        }
        let depth = self.path.len();
        self.best_starts.push(self.best.len());
        if depth == 1 {
            self.best.push(self.db.item_counts()[item as usize] as f64 / self.db.n() as f64);
            return;
        }
        let start = self.best.len();
        self.find_best_below();
        for idx in 0..depth {
            let consequent = self.path[idx];
            let is_rule = is_antecedent && role(self.params, consequent).may_follow();
            if is_rule && last.is_none_or(|last| last == consequent) {
                self.try_rule(node, idx, start + idx);
            }
        }
    }

    /// The path's first item that stands only on the right, and whether it is the only one, if any.
    fn last(&self) -> (Option<u32>, bool) {
        let Some(roles) = self.params.roles else { return (None, true) };
        let mut lasts = self.path.iter().copied().filter(|item| !roles[*item as usize].may_precede());
        (lasts.next(), lasts.next().is_none())
    }

    /// Makes `node` the end of the path and finds the nodes of its one-smaller subsets.
    fn step_to(&mut self, node: u32, item: u32) {
        let depth = self.trie.depth(node);
        self.path.truncate(depth - 1);
        self.path_nodes.truncate(depth - 1);
        let level = depth * (depth - 1) / 2;
        let parent_level = level.saturating_sub(depth - 1);
        self.without.truncate(level);
        self.cursors.truncate(level);
        for idx in 0..depth - 1 {
            let at = match self.without[parent_level + idx] {
                Trie::ROOT => self.trie.single(item),
                _ => self.trie.find_from(self.cursors[parent_level + idx], item),
            };
            self.cursors[parent_level + idx] = at;
            self.without.push(at);
        }
        self.without.push(self.path_nodes.last().copied().unwrap_or(Trie::ROOT));
        for idx in level..level + depth {
            self.cursors.push(Trie::first_child(self.without[idx]));
        }
        self.path.push(item);
        self.path_nodes.push(node);
    }

    /// Consequents this path could have by its margins: not its own items, nor what is above or below one of them.
    fn hypotheses(&mut self) -> u64 {
        let own = self.path.iter().filter(|item| role(self.params, **item).may_follow()).count() as u64;
        let Some(hierarchy) = self.params.hierarchy else { return self.n_targets - own };
        // No item of a path is above another, so that only what is above them can be the same.
        let below: u64 = self.path.iter().map(|item| self.n_targets_below[*item as usize]).sum();
        self.above.clear();
        self.above.extend(self.path.iter().flat_map(|item| hierarchy.ancestors(*item)));
        self.above.sort_unstable();
        self.above.dedup();
        let above = self.above.iter().filter(|item| is_target(self.db, self.params, **item)).count() as u64;
        self.n_targets - own - below - above
    }

    /// The rule with the path's item at `idx` on the right; its entry of `best` is at `at` and so far leaves it out.
    fn try_rule(&mut self, node: u32, idx: usize, at: usize) {
        let depth = self.path.len();
        let consequent = self.path[idx];
        let n_antecedent = self.trie.count(self.without[depth * (depth - 1) / 2 + idx]);
        let n_both = self.trie.count(node);
        let table = Contingency {
            n: self.db.n(),
            n_antecedent: u64::from(n_antecedent),
            n_consequent: self.db.item_counts()[consequent as usize],
            n_both: u64::from(n_both),
        };
        let (confidence, below) = (table.confidence(), self.best[at]);
        self.best[at] = confidence.max(below);
        // A division less where any lift will do.
        let is_lifted = self.params.min_lift <= 0.0 || table.lift() >= self.params.min_lift;
        if confidence < self.params.min_confidence || !is_lifted {
            return;
        }
        self.n_found += 1;
        let improvement = confidence - below;
        if improvement <= self.params.min_improvement {
            self.n_redundant += 1;
            return;
        }
        self.hold(Found { node, consequent, n_antecedent, n_both, improvement });
    }

    fn hold(&mut self, rule: Found) {
        if self.least_excess.is_some_and(|least| self.excess(&rule) < least) {
            return;
        }
        self.found.push(rule);
        if self.found.len() / 2 >= self.params.max_rules && self.found.len() >= MIN_HELD {
            self.cut();
        }
    }

    /// n² times the leverage, exactly, moved to be positive.
    fn excess(&self, rule: &Found) -> u128 {
        let n = u128::from(self.db.n());
        let expected = u128::from(rule.n_antecedent) * u128::from(self.db.item_counts()[rule.consequent as usize]);
        n * n + u128::from(rule.n_both) * n - expected
    }

    /// Of more rules than wanted those with the highest leverage stay, in no order.
    fn cut(&mut self) {
        let Some(last) = self.params.max_rules.checked_sub(1) else {
            self.found.clear();
            return;
        };
        let mut found = std::mem::take(&mut self.found);
        let order = |rule: &Found| (Reverse(self.excess(rule)), rule.node, rule.consequent);
        let (_, last, _) = found.select_nth_unstable_by_key(last, order);
        self.least_excess = Some(self.excess(last));
        found.truncate(self.params.max_rules);
        self.found = found;
    }

    /// Pushes, for every item of the path, the highest confidence of a rule with it on the right and fewer antecedents than the path has,
    /// or none: the highest entry of the sets without one of the other items.
    fn find_best_below(&mut self) {
        let (depth, start) = (self.path.len(), self.best.len());
        self.best.resize(start + depth, 0.0);
        let (known, new) = self.best.split_at_mut(start);
        for (at, node) in self.without[depth * (depth - 1) / 2..].iter().enumerate() {
            let entries = &known[self.best_starts[*node as usize]..][..depth - 1];
            // The entries of the set without item `at` skip it.
            raise(&mut new[..at], &entries[..at]);
            raise(&mut new[at + 1..], &entries[at..]);
        }
    }

    fn finish(mut self) -> Rules {
        if self.found.len() > self.params.max_rules {
            self.cut();
        }
        if self.least_excess.is_some() {
            self.found.sort_unstable_by_key(|rule| (rule.node, rule.consequent));
        }
        let mut rules = Rules {
            antecedent_offsets: vec![0],
            n: self.db.n(),
            n_found: self.n_found,
            n_redundant: self.n_redundant,
            n_hypotheses: self.n_hypotheses,
            ..Rules::default()
        };
        let mut path = Vec::new();
        let mut node = 0;
        for rule in &self.found {
            while node <= rule.node {
                path.truncate(self.trie.depth(node) - 1);
                path.push(self.trie.item(node));
                node += 1;
            }
            push(&mut rules, rule, &path, self.db);
        }
        rules
    }
}

/// Sets each value to the higher one of both.
fn raise(values: &mut [f64], others: &[f64]) {
    for (value, other) in values.iter_mut().zip(others) {
        *value = if *other > *value { *other } else { *value };
    }
}

fn push(rules: &mut Rules, rule: &Found, path: &[u32], db: &Transactions) {
    let start = rules.antecedent_items.len();
    rules.antecedent_items.extend(path.iter().filter(|item| **item != rule.consequent));
    rules.antecedent_items[start..].sort_unstable();
    rules.antecedent_offsets.push(rules.antecedent_items.len());
    rules.consequents.push(rule.consequent);
    rules.n_antecedent.push(rule.n_antecedent);
    rules.n_consequent.push(db.item_counts()[rule.consequent as usize] as u32);
    rules.n_both.push(rule.n_both);
    rules.improvements.push(rule.improvement);
}

/// Whether an item is frequent and may stand on the right.
fn is_target(db: &Transactions, params: &RuleParams<'_>, item: u32) -> bool {
    db.item_counts()[item as usize] >= params.min_count && role(params, item).may_follow()
}

fn role(params: &RuleParams<'_>, item: u32) -> ItemRole {
    params.roles.map_or(ItemRole::Both, |roles| roles[item as usize])
}
