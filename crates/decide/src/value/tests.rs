use super::*;
use proptest::prelude::*;

fn worth(alone: f64, contacted: f64, gain: f64) -> Worth {
    let (incentive, contact_cost, lever) = (Minor(0), Minor(0), Lever::default());
    let (fatigue, prepares) = (Minor(0), None);
    Worth {
        alone,
        contacted,
        kept: 1.0,
        gain,
        incentive,
        units: None,
        contact_cost,
        fatigue,
        churn_cost: 0.0,
        lever,
        prepares,
    }
}

fn check(worth: Worth, expected: i64) {
    assert_eq!((worth.expected(), worth.ranked()), (Minor(expected), Minor(expected)));
}

#[test]
fn halves_go_to_even_and_cost_is_taken_after() {
    check(worth(0.0, 0.5, 5.0), 2);
    check(worth(0.0, 0.5, 7.0), 4);
    check(worth(0.0, 0.5, -5.0), -2);
    check(Worth { contact_cost: Minor(1), ..worth(0.0, 0.5, 5.0) }, 1);
    check(Worth { contact_cost: Minor(300), ..worth(0.0, 0.25, 12_000.0) }, 2_700);
}

#[test]
fn what_comes_anyway_counts_for_nothing() {
    check(worth(0.25, 0.25, 4_000.0), 0);
    check(worth(0.25, 0.5, 4_000.0), 1_000);
    // A contact that puts customers off, and one to whom the gift goes that would have taken it without.
    check(worth(0.5, 0.25, 4_000.0), -1_000);
    check(Worth { incentive: Minor(1_000), ..worth(0.25, 0.25, 4_000.0) }, -250);
    check(Worth { churn_cost: 60.0, ..worth(0.25, 0.5, 4_000.0) }, 940);
}

#[test]
fn a_lever_moves_the_rank_and_not_the_value() {
    let lever = Lever { factor: 2.0, added: Minor(7) };
    let pulled = Worth { lever, contact_cost: Minor(10), churn_cost: 5.0, ..worth(0.0, 0.5, 100.0) };
    assert_eq!((pulled.expected(), pulled.ranked()), (Minor(35), Minor(92)));
    let none = Worth { lever: Lever { factor: 0.0, added: Minor(0) }, ..pulled };
    assert_eq!((none.expected(), none.ranked()), (Minor(35), Minor(-15)));
}

#[test]
fn amounts_beyond_the_range_stay_at_its_ends() {
    check(worth(0.0, 1.0, 1e300), i64::MAX);
    check(Worth { contact_cost: Minor(i64::MAX), ..worth(0.0, 1.0, -1e300) }, i64::MIN);
}

#[test]
fn months_by_hand() {
    let months = |horizon_months, monthly_survival, monthly_discount| {
        Lifetime { horizon_months, monthly_survival, monthly_discount }.expected_months()
    };
    assert!((months(24, 1.0, 0.0) - 24.0).abs() < 1e-12);
    assert!((months(24, 0.0, 0.0) - 1.0).abs() < 1e-12);
    assert!(months(0, 0.9, 0.0).abs() < 1e-12);
    assert!((months(3, 0.9, 0.0) - 2.71).abs() < 1e-12);
    assert!((months(2, 0.9, 0.25) - 1.72).abs() < 1e-12);
}

#[test]
fn steps_back_count_beyond_survival() {
    let lifetime = Lifetime { horizon_months: 12, monthly_survival: 0.9, monthly_discount: 0.0 };
    // 0.271 are gone after three months anyway.
    assert!((lifetime.early_loss(0.4) - 0.129).abs() < 1e-12);
    assert_eq!(lifetime.early_loss(0.2).to_bits(), 0.0_f64.to_bits());
    assert!((lifetime.with_survival(Some(1.0)).early_loss(0.4) - 0.4).abs() < 1e-12);
}

#[test]
fn harm_is_an_interval_below_zero() {
    let response = |interval| Response { contacted_share: 0.1, log_odds: -0.4, interval };
    assert!(response(Some([-0.7, -0.1])).is_harmful());
    assert!(!response(Some([-0.7, 0.0])).is_harmful());
    assert!(!response(None).is_harmful());
}

proptest! {
    #[test]
    fn grows_with_the_effect_where_a_take_is_worth_something(
        p in 0.001..0.999_f64, share in 0.0..=1.0_f64, a in -2.0..2.0_f64, b in -2.0..2.0_f64, gain in 0.0..1e6_f64,
    ) {
        let at = |log_odds| {
            let response = Response { contacted_share: share, log_odds, interval: None };
            let [alone, contacted] = response.parts(p);
            worth(alone, contacted, gain).exact()
        };
        prop_assert!(at(a.min(b)) <= at(a.max(b)) + 1e-6);
        prop_assert!(at(0.0).abs() < 1e-6);
    }

    #[test]
    fn unknown_effects_value_the_take(p in 0.0..1.0_f64, gain in -1e6..1e6_f64, cost in 0..1000_i64) {
        let worth = Worth { contact_cost: Minor(cost), ..worth(0.0, p, gain) };
        prop_assert_eq!(worth.expected(), Minor((p * gain).round_ties_even() as i64 - cost));
    }
}
