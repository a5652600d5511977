use proptest::prelude::*;

use super::*;
use crate::effect::rate_effect;

/// Little is believed: contacts may help or harm, and offers differ.
const OPEN: ResponsePrior = ResponsePrior { mean: 0.0, spread: 0.3, between_offers: 0.2 };
/// What the pipeline believes without being told otherwise.
const USUAL: ResponsePrior = ResponsePrior { mean: 0.095, spread: 0.05, between_offers: 0.02 };

fn near(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
}

fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

/// Splitmix64: enough for tests, and the same everywhere.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

fn of(contacted: [f64; 2], held_back: [f64; 2]) -> Comparison {
    let arm = |[takes, n]: [f64; 2]| ArmCount { n, takes };
    Comparison { contacted: arm(contacted), held_back: arm(held_back) }
}

fn alone(comparison: Comparison) -> ContactEffect {
    let experiments = [Experiment { family: 0, comparisons: vec![comparison] }];
    contact_effects(&experiments, &OPEN, 0.95)[0].expect("there is a comparison")
}

#[test]
fn many_takes_speak_for_themselves() {
    let found = alone(of([1_300.0, 100_000.0], [1_000.0, 100_000.0]));
    let own = logit(0.013) - logit(0.01);
    let error = (1.0_f64 / 1_300.0 + 1.0 / 98_700.0 + 1.0 / 1_000.0 + 1.0 / 99_000.0).sqrt();
    near(found.own, own, 0.1 * error);
    near(found.log_odds, own, 0.3 * error);
    near(found.interval.upper - found.interval.lower, 2.0 * 1.96 * error, 0.2 * error);
    assert!(found.told > 0.95, "{found:?}");
}

#[test]
fn nothing_taken_tells_nothing() {
    let found = alone(of([0.0, 500.0], [0.0, 500.0]));
    near(found.log_odds, 0.0, 1e-9);
    assert!(found.told < 0.05, "{found:?}");
    // The interval is the prior's: whole, family and offer each vary by a fifth to a third.
    assert!(found.interval.lower < -0.7 && found.interval.upper > 0.7, "{found:?}");
    // However unequal the arms, an arm without takes pulls nowhere far.
    let found = alone(of([6.0, 1_900.0], [0.0, 100.0]));
    assert!(found.log_odds.abs() < 0.3 && found.interval.contains(0.0), "{found:?}");
    assert_eq!(contact_effects(&[Experiment { family: 0, comparisons: Vec::new() }], &OPEN, 0.95), [None]);
}

#[test]
fn what_is_believed_gives_way_to_takes() {
    let with = |takes: [f64; 2], n: f64| {
        let experiments = [Experiment { family: 0, comparisons: vec![of([takes[0], n], [takes[1], n])] }];
        contact_effects(&experiments, &USUAL, 0.95)[0].unwrap()
    };
    // Without takes the effect is the one believed, with the spreads of whole, family and offer around it.
    let nothing = with([0.0, 0.0], 500.0);
    near(nothing.log_odds, USUAL.mean, 1e-3);
    assert!(nothing.interval.lower > -0.25 && nothing.interval.lower < 0.0, "{nothing:?}");
    // A bad season of one offer moves it a little; a hundred times as many takes leave nothing of the belief.
    let few = with([10.0, 20.0], 1_000.0);
    assert!(few.log_odds > 0.0 && few.log_odds < USUAL.mean, "{few:?}");
    let many = with([10_000.0, 12_000.0], 1_000_000.0);
    near(many.log_odds, many.own, 0.01);
    assert!(many.interval.upper < -0.1, "{many:?}");
}

/// The normal model with known spreads has a closed form: weights by precision, along the tree.
#[test]
fn many_takes_an_arm_agree_with_the_normal_formula() {
    let experiment = |takes: f64| Experiment { family: 0, comparisons: vec![of([takes, 1e6], [10_000.0, 1e6])] };
    // So narrow a half normal leaves the least spread of the grid alone.
    let prior = ResponsePrior { mean: 0.05, spread: 0.04, between_offers: 0.004 };
    let effects = contact_effects(&[experiment(10_400.0), experiment(11_200.0)], &prior, 0.95);
    let (least, error) = (0.03_f64.powi(2), 1.0 / 10_000.0 + 1.0 / 10_800.0);
    let own = [0.0104, 0.0112].map(|rate| logit(rate) - logit(0.01));
    let of_family = 0.04_f64.powi(2) + least;
    let (weight, each) = (1.0 / of_family, 1.0 / (least + error));
    let family = (weight * 0.05 + each * (own[0] + own[1])) / (weight + 2.0 * each);
    for (effect, own) in effects.iter().zip(own) {
        let expected = (own / error + family / least) / (1.0 / error + 1.0 / least);
        near(effect.unwrap().log_odds, expected, 1e-3);
    }
}

#[test]
fn arms_are_mirror_images() {
    let (a, b) = (of([30.0, 1_000.0], [20.0, 900.0]), of([20.0, 900.0], [30.0, 1_000.0]));
    let (a, b) = (alone(a), alone(b));
    near(a.log_odds, -b.log_odds, 1e-9);
    near(a.interval.lower, -b.interval.upper, 1e-6);
    near(a.family, -b.family, 1e-9);
}

#[test]
fn few_takes_are_drawn_toward_the_family_first() {
    let (small, large) = (of([4.0, 300.0], [4.0, 300.0]), of([900.0, 30_000.0], [500.0, 30_000.0]));
    let experiment = |family, comparison| Experiment { family, comparisons: vec![comparison] };
    let among = |family: u32| {
        let others = (0..3).map(|_| experiment(0, large));
        let all: Vec<Experiment> = others.chain([experiment(family, small)]).collect();
        contact_effects(&all, &OPEN, 0.95)[3].unwrap()
    };
    let (inside, outside, alone) = (among(0), among(1), alone(small));
    assert!(inside.log_odds > outside.log_odds + 0.05 && outside.log_odds > alone.log_odds + 0.05);
    let width = |effect: ContactEffect| effect.interval.upper - effect.interval.lower;
    assert!(width(inside) < width(outside) && width(outside) < width(alone));
    near(inside.family, 0.6, 0.1);
    near(inside.own, 0.0, 0.05);
}

#[test]
fn comparisons_of_one_offer_are_added_up() {
    // Two draws with different odds of being contacted and different customers: pooling them would see an effect where there is none.
    let (likely, unlikely) = (of([90.0, 900.0], [10.0, 100.0]), of([1.0, 100.0], [9.0, 900.0]));
    let experiment = Experiment { family: 0, comparisons: vec![likely, unlikely] };
    let found = contact_effects(&[experiment], &OPEN, 0.95)[0].unwrap();
    near(found.own, 0.0, 0.1);
    let pooled = alone(of([91.0, 1_000.0], [19.0, 1_000.0]));
    assert!(pooled.interval.lower > 0.5 && found.interval.contains(0.0));
}

/// A third are customers likely to buy, whom past campaigns chased; being contacted does nothing.
#[test]
fn chased_buyers_fool_the_naive_comparison_and_not_the_draw() {
    let (mut naive_fooled, mut covered, n) = (0, 0, 60);
    for seed in 0..n {
        let mut draws = Draws(77 + seed);
        let mut rows: Vec<(bool, bool, bool)> = Vec::new();
        for _ in 0..6_000 {
            let is_likely = draws.uniform() < 0.3;
            let is_drawn = draws.uniform() < 0.3;
            let is_contacted = draws.uniform() < if is_drawn || !is_likely { 0.5 } else { 0.9 };
            let is_contacted = is_contacted && (is_drawn || is_likely);
            let is_taken = draws.uniform() < if is_likely { 0.05 } else { 0.01 };
            rows.push((is_drawn, is_contacted, is_taken));
        }
        let compared = |rows: &[&(bool, bool, bool)]| {
            let is_offered: Vec<bool> = rows.iter().map(|row| row.1).collect();
            let is_taken: Vec<bool> = rows.iter().map(|row| row.2).collect();
            let (probabilities, clusters) = (vec![0.5; rows.len()], (0..rows.len() as u32).collect::<Vec<u32>>());
            let assignment = Assignment { is_offered: &is_offered, probabilities: &probabilities, clusters: &clusters };
            let naive = rate_effect(&assignment, &is_taken, 0.95).unwrap().interval.unwrap();
            (naive, alone(comparison(&assignment, &is_taken).unwrap().unwrap()))
        };
        let (naive, _) = compared(&rows.iter().collect::<Vec<_>>());
        let (_, drawn) = compared(&rows.iter().filter(|row| row.0).collect::<Vec<_>>());
        naive_fooled += u64::from(naive.lower > 0.005);
        covered += u64::from(drawn.interval.contains(0.0));
    }
    assert!(naive_fooled * 10 >= n * 9, "the naive comparison is fooled: {naive_fooled} of {n}");
    assert!(covered * 100 >= n * 93, "{covered} of {n}");
}

#[test]
fn a_comparison_counts_at_effective_sizes() {
    let n = 400;
    let is_offered: Vec<bool> = (0..n).map(|i| i % 2 == 0).collect();
    let is_taken: Vec<bool> = (0..n).map(|i| i % 10 < 2).collect();
    let (even, alone): (Vec<f64>, Vec<u32>) = (vec![0.5; n], (0..n as u32).collect());
    let read = |probabilities: &[f64], clusters: &[u32]| {
        comparison(&Assignment { is_offered: &is_offered, probabilities, clusters }, &is_taken).unwrap()
    };
    let plain = read(&even, &alone).unwrap();
    near(plain.contacted.n, 200.0, 1.0);
    near(plain.contacted.takes / plain.contacted.n, 0.2, 1e-12);
    // Households of four who do alike tell less, and so do unequal weights.
    let households: Vec<u32> = (0..n as u32).map(|i| (i % 10) + 10 * (i / 80)).collect();
    assert!(read(&even, &households).unwrap().contacted.n < 100.0);
    let unequal: Vec<f64> = (0..n).map(|i| if i % 3 == 0 { 0.05 } else { 0.5 }).collect();
    assert!(read(&unequal, &alone).unwrap().contacted.n < 150.0);
    let few: Vec<u32> = (0..n as u32).map(|i| i % 18).collect();
    assert_eq!(read(&even, &few), None);
}

proptest! {
    #[test]
    fn a_mixture_of_both_is_the_propensity(p in 1e-5..0.95_f64, share in 0.0..1.0_f64, effect in -3.0..3.0_f64) {
        let [alone, contacted] = split(p, share, effect);
        prop_assert!((alone * (1.0 - share) + contacted * share - p).abs() < 1e-12);
        prop_assert!((logit(contacted) - logit(alone) - effect).abs() < 1e-6);
        prop_assert!(alone.min(contacted) <= p + 1e-15 && p <= alone.max(contacted) + 1e-15);
        prop_assert!(split(p, share, effect + 0.1)[1] >= contacted - 1e-15);
    }
}

#[test]
fn what_cannot_be_split_stays() {
    for p in [0.0, 1.0] {
        for rate in split(p, 0.3, 1.0) {
            near(rate, p, 0.0);
        }
    }
    assert!(split(f64::NAN, 0.3, 1.0)[0].is_nan());
    let [alone, contacted] = split(0.3, 0.4, 0.0);
    near(alone, 0.3, 1e-15);
    near(contacted, 0.3, 1e-15);
}
