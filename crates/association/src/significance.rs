//! Whether a rule is more than chance, basket size and repeat customers allowed for.
//!
//! Big baskets contain everything, so two items that have nothing to do with each other still meet more often than the product of their
//! shares says. Every test here is conditional on basket size: transactions are divided into strata of equal size, the chance
//! expectation E = Σₛ Eₛ is made up within them, and `conditional_lift` is `n_both` / E. DESIGN.md derives the rest.
//!
//! The unit is the customer: where transactions come in groups, a p-value is the larger of the exact one, which takes transactions as
//! independent, and the one of a score test with the variance between groups.

mod batch;
mod exact;
mod score;
mod strata;

use osusume_model::Control;
use osusume_numeric::distributions::normal_quantile;
use rayon::prelude::*;

use crate::cover::{Covers, keep_common};
use crate::error::check_stop;
use crate::{Error, Rules, Transactions};
use batch::{Batch, Rights, Scratch, Tables};
use score::Moments;
use strata::{Layer, Strata};

/// Rules tested between two looks at the control.
const RULES_PER_TASK: usize = 64;

/// Which false-discovery rate is controlled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FalseDiscovery {
    /// Benjamini and Hochberg 1995: valid for independent and for positively dependent tests.
    BenjaminiHochberg,
    /// Benjamini and Yekutieli 2001: valid for any dependence, at the price of a factor of about ln(hypotheses).
    BenjaminiYekutieli,
}

/// How rules are tested.
#[derive(Clone, Copy, Debug)]
pub struct TestParams {
    /// Which rate the q-values control.
    pub false_discovery: FalseDiscovery,
    /// Level of the one-sided lower bound of the conditional lift, in (½, 1).
    pub level: f64,
}

/// What the data say for one rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Transactions expected to hold antecedent and consequent if they met by chance, given basket sizes.
    pub expected: f64,
    /// `n_both` / expected. NaN when nothing is expected.
    pub conditional_lift: f64,
    /// Lower confidence bound of the conditional lift, customers resampled: ln lift less the normal quantile times its standard error.
    pub conditional_lift_lower: f64,
    /// Largest one-sided p-value of: antecedent against consequent, and, for longer antecedents, each of their items against the
    /// consequent among the transactions with the other ones (Webb, "Discovering significant patterns", 2007: productive rules).
    pub p_value: f64,
    /// The smallest false-discovery rate at which the rule is among the discoveries.
    pub q_value: f64,
}

/// Tests every rule against the transactions it was mined from. The order is that of the rules.
///
/// # Errors
/// [`Error::Parameter`], [`Error::Stopped`]; [`Error::Item`] when the rules are about other items.
pub fn test_rules(
    db: &Transactions,
    rules: &Rules,
    params: &TestParams,
    control: &dyn Control,
) -> Result<Vec<Evidence>, Error> {
    if !(params.level > 0.5 && params.level < 1.0) {
        return Err(Error::Parameter { name: "level", allowed: "above 0.5 and below 1", got: params.level });
    }
    let n_items = db.n_items();
    if let Some(item) = rules.antecedent_items.iter().chain(&rules.consequents).find(|item| **item >= n_items) {
        return Err(Error::Item { basket: 0, item: *item, n_items });
    }
    check_stop(control)?;
    let covers = Covers::new(db, rules);
    let strata = Strata::new(db, &covers);
    let problem = Problem { db, covers, strata, z: normal_quantile(params.level) };
    let mut evidence = problem.test_all(rules, control)?;
    let p: Vec<f64> = evidence.iter().map(|it| it.p_value).collect();
    let q = q_values(&p, rules.n_hypotheses, params.false_discovery);
    evidence.iter_mut().zip(q).for_each(|(it, q)| it.q_value = q);
    Ok(evidence)
}

/// The smallest false-discovery rate at which each test is a discovery, when `n_hypotheses` were there to be tested.
///
/// Hypotheses without a p-value here count as p = 1: those that were cut because the joint count was small must stay in the family, since
/// the joint count is what is tested. `n_hypotheses` below the number of p-values is taken as that number.
pub fn q_values(p_values: &[f64], n_hypotheses: u64, rate: FalseDiscovery) -> Vec<f64> {
    let m = n_hypotheses.max(p_values.len() as u64);
    let factor = match rate {
        FalseDiscovery::BenjaminiHochberg => m as f64,
        FalseDiscovery::BenjaminiYekutieli => m as f64 * harmonic(m),
    };
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]).then(a.cmp(b)));
    let mut q = vec![1.0; p_values.len()];
    let mut least = 1.0_f64;
    for (rank, idx) in order.iter().enumerate().rev() {
        least = least.min(p_values[*idx] * factor / (rank + 1) as f64);
        q[*idx] = least;
    }
    q
}

/// 1 + ½ + … + 1/m.
fn harmonic(m: u64) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    // Beyond this the next term of the expansion, 1/(12 m²), is below 1e-13.
    if m > 1_000_000 {
        return osusume_numeric::elementary::ln(m as f64) + EULER + 0.5 / m as f64;
    }
    (1..=m).rev().map(|i| 1.0 / i as f64).sum()
}

struct Problem<'a> {
    db: &'a Transactions,
    covers: Covers<'a>,
    strata: Strata,
    z: f64,
}

/// Transactions with the left side, the right side and both, within some base.
struct Sides<'a> {
    /// Transactions the test is about; absent: all.
    base: Option<&'a [u32]>,
    /// Items every transaction of the base holds, so that the test is about the rest of the basket.
    fixed: &'a [u32],
    left: &'a [u32],
    /// Items on the left whose places in the basket the right side cannot take.
    left_items: &'a [u32],
    /// The item on the right.
    consequent: u32,
    right: &'a [u32],
    both: &'a [u32],
}

impl Problem<'_> {
    /// Every rule, in their order; q-values are still those of no other tests.
    fn test_all(&self, rules: &Rules, control: &dyn Control) -> Result<Vec<Evidence>, Error> {
        let longer: Vec<usize> = (0..rules.len()).filter(|r| rules.antecedent(*r).len() != 1).collect();
        let test_longer = |rules_of_task: &[usize]| {
            check_stop(control)?;
            let test = |r: &usize| (*r, self.test(rules.antecedent(*r), rules.consequents[*r]));
            Ok(rules_of_task.iter().map(test).collect::<Vec<_>>())
        };
        let mut tested: Vec<Vec<(usize, Evidence)>> =
            longer.par_chunks(RULES_PER_TASK).map(test_longer).collect::<Result<_, Error>>()?;
        let rights = Rights::new(self.db, rules);
        let tables = Tables { db: self.db, covers: &self.covers, strata: &self.strata, rights: &rights };
        let test_batch = |scratch: &mut Scratch, batch: &Batch| {
            check_stop(control)?;
            let weighed = scratch.weigh(tables, batch);
            let evidence = weighed.iter().map(|(layers, moments)| self.evidence(layers, moments, 0.0));
            Ok(batch.rules.iter().copied().zip(evidence).collect())
        };
        let batches = Batch::all(rules).into_par_iter();
        let batches = batches.map_init(|| Scratch::new(self.db), |scratch, batch| test_batch(scratch, &batch));
        tested.extend(batches.collect::<Result<Vec<_>, Error>>()?);
        let mut tested = tested.concat();
        tested.sort_unstable_by_key(|(r, _)| *r);
        Ok(tested.into_iter().map(|(_, evidence)| evidence).collect())
    }

    fn test(&self, antecedent: &[u32], consequent: u32) -> Evidence {
        let right = self.covers.of_item(consequent);
        let (mut left, mut both) = (Vec::new(), Vec::new());
        self.covers.of(antecedent.iter().copied(), &mut left);
        both.clone_from(&left);
        keep_common(&mut both, right);
        let whole =
            Sides { base: None, fixed: &[], left: &left, left_items: antecedent, consequent, right, both: &both };
        let (layers, moments) = self.weigh(&whole);
        self.evidence(&layers, &moments, self.least_productive(antecedent, consequent, &left, &both))
    }

    /// What the sums say; the p-value is at least `least`.
    fn evidence(&self, layers: &[Layer], moments: &Moments, least: f64) -> Evidence {
        Evidence {
            expected: moments.expected,
            conditional_lift: moments.observed / moments.expected,
            conditional_lift_lower: moments.lift_lower(self.z),
            p_value: self.p_value(layers, moments).max(least),
            q_value: 1.0,
        }
    }

    /// The largest p-value of an item of the antecedent among the transactions with the other ones; 0 for a single item.
    fn least_productive(&self, antecedent: &[u32], consequent: u32, left: &[u32], both: &[u32]) -> f64 {
        if antecedent.len() < 2 {
            return 0.0;
        }
        let (mut base, mut right) = (Vec::new(), Vec::new());
        let mut largest = 0.0_f64;
        for item in antecedent {
            let fixed: Vec<u32> = antecedent.iter().copied().filter(|other| other != item).collect();
            self.covers.of(fixed.iter().copied(), &mut base);
            right.clone_from(&base);
            keep_common(&mut right, self.covers.of_item(consequent));
            let left_items = std::slice::from_ref(item);
            let sides = Sides { base: Some(&base), fixed: &fixed, left, left_items, consequent, right: &right, both };
            let (layers, moments) = self.weigh(&sides);
            largest = largest.max(self.p_value(&layers, &moments));
        }
        largest
    }

    fn weigh(&self, sides: &Sides<'_>) -> (Vec<Layer>, Moments) {
        let layers = self.strata.layers(self.db, sides);
        let moments = score::moments(self.db, &self.strata, sides, &layers);
        (layers, moments)
    }

    fn p_value(&self, layers: &[Layer], moments: &Moments) -> f64 {
        let score = if self.db.group_offsets().is_some() { moments.upper_tail() } else { 0.0 };
        exact::upper_tail(layers, score)
    }
}

#[cfg(test)]
mod tests;
