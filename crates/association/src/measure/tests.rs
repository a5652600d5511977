use super::*;

const TABLE: Contingency = Contingency { n: 100, n_antecedent: 40, n_consequent: 30, n_both: 20 };

fn check(name: &str, expected: f64) {
    let got = (measure(name).expect("a known measure").value)(&TABLE);
    assert!((got - expected).abs() < 1e-12, "{name}: {got}, expected {expected}");
}

#[test]
fn values_by_hand() {
    check("support", 0.2);
    check("confidence", 0.5);
    check("rule_lift", 5.0 / 3.0);
    check("leverage", 0.08);
    check("conviction", 1.4);
    check("jaccard", 0.4);
    check("kulczynski", 7.0 / 12.0);
    check("imbalance_ratio", 0.2);
    check("odds_ratio", 5.0);
    check("zhang", 0.08 / 0.12);
    check("phi", 0.08 / (0.4 * 0.3 * 0.6 * 0.7_f64).sqrt());
    check("chi_squared", 100.0 * 0.0064 / 0.0504);
    check("kappa", (0.7 - 0.54) / 0.46);
    check("relative_risk", 3.0);
    check("certainty", 0.2 / 0.7);
    check("collective_strength", 0.7 / 0.54 * 0.46 / 0.3);
    check("gini", 0.4 * 0.5 + 0.6 * (1.0 / 36.0 + 25.0 / 36.0) - 0.58);
    check("goodman_kruskal_lambda", (20.0 + 50.0 + 20.0 + 50.0 - 130.0) / 70.0);
    check("standardized_lift", (5.0 / 3.0) / 2.5);
    check("yule_q", 4.0 / 6.0);
    check("j_measure", 0.2 * (5.0_f64 / 3.0).ln() + 0.2 * (5.0_f64 / 7.0).ln());
}

/// Each is computed as its formula text says for one table; here they are held to their stated ranges on many.
#[test]
fn independence_is_the_neutral_point() {
    let neutral = Contingency { n: 100, n_antecedent: 40, n_consequent: 30, n_both: 12 };
    for name in
        ["leverage", "added_value", "zhang", "yule_q", "yule_y", "phi", "chi_squared", "kappa", "certainty", "gini"]
    {
        let got = (measure(name).unwrap().value)(&neutral);
        assert!(got.abs() < 1e-12, "{name} is {got} under independence");
    }
    for name in ["rule_lift", "conviction", "odds_ratio", "relative_risk", "collective_strength"] {
        let got = (measure(name).unwrap().value)(&neutral);
        assert!((got - 1.0).abs() < 1e-12, "{name} is {got} under independence");
    }
}

#[test]
fn certain_rules_have_infinite_conviction() {
    let certain = Contingency { n: 10, n_antecedent: 4, n_consequent: 5, n_both: 4 };
    assert!(certain.conviction().is_infinite());
    assert!(Contingency { n_consequent: 10, ..certain }.conviction().is_nan());
}

#[test]
fn names_are_unique_and_ranges_hold() {
    let bound = |text: &str| match text {
        "inf" => f64::INFINITY,
        "-inf" => f64::NEG_INFINITY,
        "n" => 12.0,
        text => match text.split_once('/') {
            Some((x, y)) => x.parse::<f64>().unwrap() / y.parse::<f64>().unwrap(),
            None => text.parse().unwrap(),
        },
    };
    for (idx, measure) in MEASURES.iter().enumerate() {
        assert!(MEASURES[..idx].iter().all(|other| other.name != measure.name), "{}", measure.name);
        let (low, high) = measure.range[1..measure.range.len() - 1].split_once(", ").unwrap();
        let (low, high) = (bound(low) - 1e-9, bound(high) + 1e-9);
        for_each_table(12, |table| {
            let value = (measure.value)(&table);
            assert!(value.is_nan() || (low..=high).contains(&value), "{} is {value} for {table:?}", measure.name);
        });
    }
}

fn for_each_table(n: u64, mut f: impl FnMut(Contingency)) {
    for n_antecedent in 1..=n {
        for n_consequent in 1..=n {
            for n_both in (n_antecedent + n_consequent).saturating_sub(n)..=n_antecedent.min(n_consequent) {
                f(Contingency { n, n_antecedent, n_consequent, n_both });
            }
        }
    }
}
