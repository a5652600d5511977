//! What the pipeline file declares beside the rules that are always asked: rules of its own, triggers that unlock offers, and lanes.
//!
//! Conditions are not known here. The caller says for each customer which of them hold, one bit a rule or trigger, and which lane the
//! customer is in; for each rule, trigger and lane the offers it speaks of.

use rayon::prelude::*;

use crate::{Layer, Rule, Verdict};

/// Most rules, and most triggers, a pipeline may declare: one bit each of what holds for a customer.
pub const MAX_DECLARED: usize = u64::BITS as usize;

/// Most lanes a pipeline may declare, the one everybody else is in aside.
pub const MAX_LANES: usize = u8::MAX as usize;

/// Customers judged in a stretch.
const STRETCH: usize = 1024;

/// A rule of the pipeline's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredRule {
    /// What it asks.
    pub layer: Layer,
    /// One flag an offer: whether the rule removes it where it holds.
    pub offers: Vec<bool>,
}

/// What a pipeline declares, over its offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Rules in the order of the file, [`MAX_DECLARED`] at most.
    pub rules: Vec<DeclaredRule>,
    /// For each trigger in the order of the file the offers it unlocks, one flag an offer; [`MAX_DECLARED`] at most.
    pub unlocks: Vec<Vec<bool>>,
    /// For each lane in the order of the file the offers that stay in it, one flag an offer; [`MAX_LANES`] at most.
    pub lanes: Vec<Vec<bool>>,
}

/// What holds of each customer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances<'a> {
    /// Rules that hold, bit i for rule i; one set a customer.
    pub rules: &'a [u64],
    /// Triggers that hold, bit i for trigger i; one set a customer.
    pub triggers: &'a [u64],
    /// The lane: 0 where no declared one holds, i + 1 for lane i; one a customer.
    pub lanes: &'a [u8],
}

/// Removes what the declarations remove, over verdicts that the other rules have been asked for.
///
/// A pair keeps its rule unless that stands in a later layer than the declared one: the first layer that removes an offer is told. Within
/// a layer the declared rules come after the others, in the order of the file; [`Rule::NoTrigger`] and [`Rule::Lane`] come before the
/// declared ones of their layers. An offer that some trigger unlocks is removed where none of these holds.
///
/// Sets: `verdicts` (customers × offers). O(customers × (1 + rules that hold × offers)).
pub fn apply_declared(declared: &Declared, found: &Circumstances, verdicts: &mut [Verdict]) {
    let n = found.rules.len();
    assert!(found.triggers.len() == n && found.lanes.len() == n, "one set, set and lane a customer");
    assert!(declared.rules.len() <= MAX_DECLARED && declared.unlocks.len() <= MAX_DECLARED, "a bit each");
    if n == 0 || verdicts.is_empty() {
        return;
    }
    assert_eq!(verdicts.len() % n, 0, "one verdict a customer and offer");
    let n_offers = verdicts.len() / n;
    let unlocked_by = unlocked_by(declared, n_offers);
    verdicts.par_chunks_mut(STRETCH * n_offers).enumerate().for_each(|(stretch, verdicts)| {
        for (at, verdicts) in verdicts.chunks_exact_mut(n_offers).enumerate() {
            let customer = stretch * STRETCH + at;
            declared.judge(found.rules[customer], Layer::Eligibility, verdicts);
            for (verdict, triggers) in verdicts.iter_mut().zip(&unlocked_by) {
                if triggers.is_some_and(|triggers| triggers & found.triggers[customer] == 0) {
                    remove(verdict, Rule::NoTrigger);
                }
            }
            declared.judge(found.rules[customer], Layer::Applicability, verdicts);
            if let Some(lane) = usize::from(found.lanes[customer]).checked_sub(1) {
                let left_out = verdicts.iter_mut().zip(&declared.lanes[lane]).filter(|(_, stays)| !**stays);
                left_out.for_each(|(verdict, _)| remove(verdict, Rule::Lane));
            }
            declared.judge(found.rules[customer], Layer::Suitability, verdicts);
        }
    });
}

/// The triggers that unlock each offer, as a set; `None` for an offer that needs none.
fn unlocked_by(declared: &Declared, n_offers: usize) -> Vec<Option<u64>> {
    let of_offer = |offer: usize| {
        let named = declared.unlocks.iter().enumerate().filter(|(_, offers)| offers[offer]);
        named.fold(None, |set, (trigger, _)| Some(set.unwrap_or(0) | 1 << trigger))
    };
    (0..n_offers).map(of_offer).collect()
}

impl Declared {
    /// Asks one customer's rules of a layer.
    fn judge(&self, holds: u64, layer: Layer, verdicts: &mut [Verdict]) {
        if holds == 0 {
            return;
        }
        let of_layer = self.rules.iter().enumerate().filter(|(_, rule)| rule.layer == layer);
        for (index, rule) in of_layer.filter(|(index, _)| holds >> index & 1 == 1) {
            let named = verdicts.iter_mut().zip(&rule.offers).filter(|(_, is_named)| **is_named);
            named.for_each(|(verdict, _)| remove(verdict, Rule::Declared(layer, index as u8)));
        }
    }
}

/// Removes a pair, unless a rule of the same layer or an earlier one has.
fn remove(verdict: &mut Verdict, rule: Rule) {
    let is_first = match *verdict {
        Verdict::Eligible => true,
        Verdict::Removed(before) => before.layer() > rule.layer(),
    };
    if is_first {
        *verdict = Verdict::Removed(rule);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const N_OFFERS: usize = 3;
    const LAYERS: [Layer; 3] = [Layer::Eligibility, Layer::Applicability, Layer::Suitability];

    fn flags() -> impl Strategy<Value = Vec<bool>> {
        prop::collection::vec(any::<bool>(), N_OFFERS)
    }

    fn declared() -> impl Strategy<Value = Declared> {
        let rule = (0..3_usize, flags()).prop_map(|(layer, offers)| DeclaredRule { layer: LAYERS[layer], offers });
        let sets = || prop::collection::vec(flags(), 0..4);
        (prop::collection::vec(rule, 0..5), sets(), sets()).prop_map(|(rules, unlocks, lanes)| Declared {
            rules,
            unlocks,
            lanes,
        })
    }

    /// Verdicts before, and the bits of rules, triggers and the lane.
    type Person = (Vec<Verdict>, u64, u64, u8);

    fn person() -> impl Strategy<Value = Person> {
        let before = prop_oneof![
            4 => Just(Verdict::Eligible),
            1 => Just(Verdict::Removed(Rule::NoConsent)),
            1 => Just(Verdict::Removed(Rule::RecentPurchase)),
        ];
        (prop::collection::vec(before, N_OFFERS), 0..32_u64, 0..16_u64, 0..4_u8)
    }

    /// Every cause that applies, the first by layer and by place told.
    fn plain(declared: &Declared, (before, rules, triggers, lane): &Person, offer: usize) -> Verdict {
        let mut causes: Vec<(Layer, usize, Rule)> = Vec::new();
        if let Verdict::Removed(rule) = before[offer] {
            causes.push((rule.layer(), 0, rule));
        }
        let unlocking: Vec<usize> = (0..declared.unlocks.len()).filter(|&i| declared.unlocks[i][offer]).collect();
        if !unlocking.is_empty() && unlocking.iter().all(|&i| triggers & (1 << i) == 0) {
            causes.push((Layer::Applicability, 1, Rule::NoTrigger));
        }
        if *lane > 0 && !declared.lanes[usize::from(*lane) - 1][offer] {
            causes.push((Layer::Suitability, 1, Rule::Lane));
        }
        for (i, rule) in declared.rules.iter().enumerate() {
            if rules & (1 << i) != 0 && rule.offers[offer] {
                causes.push((rule.layer, 2 + i, Rule::Declared(rule.layer, i as u8)));
            }
        }
        causes.into_iter().min().map_or(Verdict::Eligible, |(_, _, rule)| Verdict::Removed(rule))
    }

    proptest! {
        #[test]
        fn the_first_layer_that_removes_is_told(declared in declared(), people in prop::collection::vec(person(), 1..8)) {
            let n_lanes = declared.lanes.len() as u8;
            let people: Vec<Person> =
                people.into_iter().map(|(v, rules, triggers, lane)| (v, rules, triggers, lane.min(n_lanes))).collect();
            let mut verdicts: Vec<Verdict> = people.iter().flat_map(|person| person.0.clone()).collect();
            let (rules, triggers): (Vec<u64>, Vec<u64>) = people.iter().map(|person| (person.1, person.2)).unzip();
            let lanes: Vec<u8> = people.iter().map(|person| person.3).collect();
            let found = Circumstances { rules: &rules, triggers: &triggers, lanes: &lanes };
            apply_declared(&declared, &found, &mut verdicts);
            for (cell, verdict) in verdicts.into_iter().enumerate() {
                prop_assert_eq!(verdict, plain(&declared, &people[cell / N_OFFERS], cell % N_OFFERS));
            }
        }
    }

    #[test]
    fn nobody_and_the_last_bit() {
        apply_declared(&Declared::default(), &Circumstances::default(), &mut []);
        let rule = |is_named| DeclaredRule { layer: Layer::Suitability, offers: vec![is_named] };
        let rules = (0..MAX_DECLARED).map(|index| rule(index == MAX_DECLARED - 1)).collect();
        let declared = Declared { rules, ..Declared::default() };
        let mut verdicts = [Verdict::Eligible; 2];
        let found = Circumstances { rules: &[1 << 63, u64::MAX >> 1], triggers: &[0, 0], lanes: &[0, 0] };
        apply_declared(&declared, &found, &mut verdicts);
        assert_eq!(verdicts, [Verdict::Removed(Rule::Declared(Layer::Suitability, 63)), Verdict::Eligible]);
    }
}
