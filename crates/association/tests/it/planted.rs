//! Worlds with known rules: pairs whose goods really go together, hidden among pairs that only seem to.
//!
//! Customers differ in how much they buy, so in a world without a single rule any two goods meet more often than their shares say. Each
//! planted pair has ten companions with the same margins that meet for that reason alone: whoever goes by lift reports them all.

use osusume_association::{
    Baskets, DEFAULT_MAX_BASKET, FalseDiscovery, ItemRole, RuleParams, TestParams, Transactions, mine_rules, test_rules,
};
use osusume_model::NoControl;

/// Planted pairs, with conditional lifts from 1.2 to 3 and from 50 to 2,000 customers expected to have both.
pub(crate) const PLANTED: usize = 20;
/// Companions of all planted pairs.
pub(crate) const NULLS: usize = 200;

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What a pair was made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// How many times as often as for customers who buy as much; 1 for a companion.
    pub(crate) lift: f64,
    /// Customers expected to have both.
    pub(crate) joint: f64,
    /// Share of the customers with each of the two goods.
    margin: f64,
}

/// How much customers buy against the mean, three kinds of them: their shares and factors. The factors have a mean of 1.
const ACTIVITY: [(f64, f64); 3] = [(0.5, 0.5), (0.4, 1.2), (0.1, 2.7)];

/// Item `2 k` is the first and `2 k + 1` the second of pair `k`; planted pairs come first.
pub(crate) fn pairs(n_customers: usize) -> Vec<Pair> {
    // E[a²]: by so much more do two goods meet by chance than their margins say.
    let square: f64 = ACTIVITY.iter().map(|(share, factor)| share * factor * factor).sum();
    let planted = (0..PLANTED).map(|k| {
        // Lifts run up while counts run through their range at another pace, so that all meet all.
        let lift = 1.2 * (3.0_f64 / 1.2).powf(k as f64 / (PLANTED - 1) as f64);
        let joint = 50.0 * 40.0_f64.powf((k * 7 % PLANTED) as f64 / (PLANTED - 1) as f64);
        Pair { lift, joint, margin: (joint / (n_customers as f64 * lift * square)).sqrt() }
    });
    let planted: Vec<Pair> = planted.collect();
    let companion = |k: usize| Pair { lift: 1.0, joint: planted[k].joint / planted[k].lift, ..planted[k] };
    let nulls: Vec<Pair> = (0..NULLS).map(|i| companion(i % PLANTED)).collect();
    [planted, nulls].concat()
}

/// What was reported in one world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Whether each planted pair was reported.
    pub(crate) is_found: Vec<bool>,
    /// Rules reported.
    pub(crate) reported: usize,
    /// Companions among them.
    pub(crate) companions: usize,
    /// Rules reported of goods out of two pairs.
    pub(crate) strangers: usize,
    /// Planted pairs that were tested.
    pub(crate) tested: usize,
    /// Those of them whose conditional lift lies at or above its lower bound (one-sided, 95 %).
    pub(crate) covered: usize,
    /// Pairs, planted or not, that a lift above 1.2 with the same count would have reported.
    pub(crate) by_lift: usize,
}

/// Makes a world and reports its rules at a false-discovery rate of `rate`.
pub(crate) fn report(seed: u64, n_customers: usize, rate: f64) -> Report {
    let pairs = pairs(n_customers);
    let db = world(seed, n_customers, &pairs);
    let roles: Vec<ItemRole> = [ItemRole::Antecedent, ItemRole::Consequent].repeat(pairs.len());
    let params = RuleParams {
        min_count: 25,
        max_length: 2,
        min_confidence: 0.0,
        min_lift: 1.0,
        min_improvement: 0.0,
        roles: Some(&roles),
        hierarchy: None,
        max_sets: 10_000_000,
        max_rules: usize::MAX,
    };
    let rules = mine_rules(&db, &params, &NoControl).expect("the parameters are in order");
    let test = TestParams { false_discovery: FalseDiscovery::BenjaminiHochberg, level: 0.95 };
    let evidence = test_rules(&db, &rules, &test, &NoControl).expect("the parameters are in order");
    let mut report = Report { is_found: vec![false; PLANTED], ..Report::default() };
    for (r, evidence) in evidence.iter().enumerate() {
        let (first, second) = (rules.antecedent(r)[0] as usize / 2, rules.consequents[r] as usize / 2);
        let planted = (first == second && first < PLANTED).then_some(first);
        report.by_lift += usize::from(rules.contingency(r).lift() > 1.2);
        report.tested += usize::from(planted.is_some());
        report.covered += usize::from(planted.is_some_and(|k| evidence.conditional_lift_lower <= pairs[k].lift));
        if evidence.q_value > rate {
            continue;
        }
        report.reported += 1;
        match planted {
            Some(k) => report.is_found[k] = true,
            None if first == second => report.companions += 1,
            None => report.strangers += 1,
        }
    }
    report
}

fn world(seed: u64, n_customers: usize, pairs: &[Pair]) -> Transactions {
    let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let (mut offsets, mut items) = (vec![0], Vec::new());
    for _ in 0..n_customers {
        let draw = random.unit();
        let mut passed = 0.0;
        let kind = ACTIVITY.iter().find(|(share, _)| {
            passed += share;
            draw < passed
        });
        let factor = kind.map_or(1.0, |(_, factor)| *factor);
        for (k, pair) in pairs.iter().enumerate() {
            let share = pair.margin * factor;
            let has_first = random.unit() < share;
            // Whoever lacks the first has the second less often, so that the margin is what it is without the rule.
            let lift = if has_first { pair.lift } else { (1.0 - pair.lift * share) / (1.0 - share) };
            let has_second = random.unit() < share * lift;
            items.extend(
                [has_first.then_some(2 * k as u32), has_second.then_some(2 * k as u32 + 1)].into_iter().flatten(),
            );
        }
        offsets.push(items.len());
    }
    let raw =
        Baskets { offsets: &offsets, items: &items, n_items: 2 * pairs.len() as u32, weights: None, groups: None };
    Transactions::new(&raw, DEFAULT_MAX_BASKET).expect("the baskets are in order").0
}

#[test]
fn planted_rules_are_told_from_pairs_that_only_seem_to_be() {
    let (rate, n_customers) = (0.05, 30_000);
    let pairs = pairs(n_customers);
    assert!(
        pairs[..PLANTED]
            .iter()
            .all(|pair| (49.9..2_000.1).contains(&pair.joint) && pair.margin * 2.7 * pair.lift < 1.0)
    );
    let reports: Vec<Report> = (1..=3).map(|seed| report(seed, n_customers, rate)).collect();
    let total = |of: &dyn Fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    let (reported, false_ones) = (total(&|r| r.reported), total(&|r| r.companions + r.strangers));
    // Three worlds at a rate of one in twenty: twice that is far outside what chance makes of it.
    assert!(reported >= 25 && false_ones * 10 <= reported, "{false_ones} of {reported}");
    // Every rule of much lift and many customers is among them.
    for (k, pair) in pairs[..PLANTED].iter().enumerate().filter(|(_, pair)| pair.lift >= 1.5 && pair.joint >= 300.0) {
        assert!(reports.iter().all(|report| report.is_found[k]), "{pair:?}");
    }
    assert!(total(&|r| r.by_lift) > 20 * reported, "lift alone takes the companions and strangers for rules");
}
