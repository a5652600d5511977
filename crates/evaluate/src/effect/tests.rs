use osusume_numeric::distributions::wilson;
use proptest::prelude::*;

use super::*;

/// Arm, probability, household, value.
type Row = (bool, f64, u32, f64);

struct Columns {
    is_offered: Vec<bool>,
    probabilities: Vec<f64>,
    clusters: Vec<u32>,
    values: Vec<f64>,
}

impl Columns {
    fn new(rows: &[Row]) -> Self {
        Self {
            is_offered: rows.iter().map(|row| row.0).collect(),
            probabilities: rows.iter().map(|row| row.1).collect(),
            clusters: rows.iter().map(|row| row.2).collect(),
            values: rows.iter().map(|row| row.3).collect(),
        }
    }

    fn assignment(&self) -> Assignment<'_> {
        let Self { is_offered, probabilities, clusters, .. } = self;
        Assignment { is_offered, probabilities, clusters }
    }

    fn rate(&self) -> Result<Effect> {
        let is_taken: Vec<bool> = self.values.iter().map(|&value| value > 0.0).collect();
        rate_effect(&self.assignment(), &is_taken, 0.95)
    }

    fn mean(&self) -> Result<Effect> {
        mean_effect(&self.assignment(), &self.values, 0.95)
    }
}

/// Thirty customers an arm, each a household of their own, `takes` of them in each.
fn plain(takes: [usize; 2]) -> Columns {
    let row = |i: usize| (i < 30, 0.5, i as u32, f64::from(u8::from(i % 30 < takes[usize::from(i < 30)])));
    Columns::new(&(0..60).map(row).collect::<Vec<Row>>())
}

fn near(got: f64, expected: f64) {
    assert!((got - expected).abs() < 1e-12, "{got} is not {expected}");
}

#[test]
fn independent_customers_get_newcombes_interval() {
    // Without weights and households the effective size is the number of customers, but for G / (G − 1) in the measured part.
    let effect = plain([0, 0]).rate().unwrap();
    let (a, b) = (wilson(0, 30, 0.95), effect.interval.unwrap());
    near(b.upper, a.upper);
    near(b.lower, -a.upper);
    let effect = plain([3, 9]).rate().unwrap();
    near(effect.difference, 0.2);
    let size = |takes: f64| 30.0 / ((takes * 30.0 / 29.0 + PRIOR_TAKES) / (takes + PRIOR_TAKES));
    let (a, b) = (wilson_of_rate(0.3, size(9.0), 0.95), wilson_of_rate(0.1, size(3.0), 0.95));
    let interval = effect.interval.unwrap();
    near(interval.lower, 0.2 - ((0.3 - a.lower).powi(2) + (b.upper - 0.1).powi(2)).sqrt());
    near(interval.upper, 0.2 + ((a.upper - 0.3).powi(2) + (0.1 - b.lower).powi(2)).sqrt());
}

#[test]
fn weights_undo_unequal_probabilities() {
    // Two kinds of customers: the first take half the time and are mostly offered, the second never and are mostly held out.
    let kind = |held: u32, offered: u32, takes_every: u32| {
        let share = f64::from(offered) / f64::from(held + offered);
        (0..held + offered).map(move |i| {
            let is_offered = i >= held;
            let at = if is_offered { i - held } else { i };
            let value = f64::from(u8::from(takes_every > 0 && at % takes_every == 0));
            (is_offered, if is_offered { share } else { 1.0 - share }, value)
        })
    };
    let rows: Vec<Row> = kind(20, 180, 2)
        .chain(kind(180, 20, 0))
        .enumerate()
        .map(|(i, (arm, probability, value))| (arm, probability, i as u32, value))
        .collect();
    let effect = Columns::new(&rows).rate().unwrap();
    near(effect.offered, 0.25);
    near(effect.held_out, 0.25);
    assert!(effect.interval.unwrap().contains(0.0));
}

#[test]
fn households_that_act_alike_are_one_customer() {
    // Every customer three times: as households of three the interval is that of the single customers, as strangers it is narrower.
    let single = plain([6, 6]);
    let tripled = |household: &dyn Fn(u32, u32) -> u32| {
        let rows = (0..180_u32).map(|i| {
            let at = (i / 3) as usize;
            (single.is_offered[at], 0.5, household(i / 3, i), single.values[at])
        });
        Columns::new(&rows.collect::<Vec<Row>>()).rate().unwrap().interval.unwrap()
    };
    let width = |interval: Interval| interval.upper - interval.lower;
    let (one, alike) = (single.rate().unwrap().interval.unwrap(), tripled(&|household, _| household));
    assert!((width(alike) / width(one) - 1.0).abs() < 0.01, "{} beside {}", width(alike), width(one));
    assert!(width(tripled(&|_, row| row)) < 0.65 * width(one));
}

#[test]
fn what_cannot_be_told_is_not() {
    let few = |n: u32, has_holdout: bool| {
        let row = |i: u32| (i < n || !has_holdout, 0.5, i.min(2 * n - 1), 1.0);
        Columns::new(&(0..60).map(row).collect::<Vec<Row>>())
    };
    assert_eq!(few(9, true).rate().unwrap().interval, Err(NoInterval::FewClusters));
    assert!(few(10, true).rate().unwrap().interval.is_ok());
    let empty = few(10, false).mean().unwrap();
    assert_eq!(empty.interval, Err(NoInterval::EmptyArm));
    assert!(empty.difference.is_nan() && empty.held_out.is_nan());
    let nobody = Columns::new(&[]).rate().unwrap();
    assert_eq!(nobody.interval, Err(NoInterval::EmptyArm));
}

#[test]
fn wrong_input_is_refused() {
    for probability in [0.0, -0.1, 1.1, f64::NAN] {
        let columns = Columns::new(&[(true, 0.5, 0, 0.0), (false, probability, 1, 0.0)]);
        assert_eq!(columns.rate(), Err(EvaluateError::NotAProbability { row: 1 }));
    }
    let columns = Columns::new(&[(true, 0.5, 0, f64::INFINITY)]);
    assert_eq!(columns.mean(), Err(EvaluateError::NotANumber { row: 0 }));
}

#[test]
fn means_without_weights_get_welchs_interval() {
    // 1 to 30 against 11 to 40: variances 77.5 in each arm, 58 degrees of freedom.
    let row = |i: usize| (i < 30, 0.5, i as u32, (i % 30) as f64 + if i < 30 { 11.0 } else { 1.0 });
    let effect = Columns::new(&(0..60).map(row).collect::<Vec<Row>>()).mean().unwrap();
    let half = two_sided_t(0.95, 58.0) * (2.0 * 77.5 / 30.0_f64).sqrt();
    let interval = effect.interval.unwrap();
    near(effect.difference, 10.0);
    near(interval.lower, 10.0 - half);
    near(interval.upper, 10.0 + half);
    let alike = Columns::new(&(0..60).map(|i| (i < 30, 0.5, i, 5.0)).collect::<Vec<Row>>()).mean().unwrap();
    assert_eq!(alike.interval, Ok(Interval { lower: 0.0, upper: 0.0 }));
}

#[test]
fn what_was_known_before_is_taken_off() {
    let before: Vec<f64> = (0..40).map(f64::from).collect();
    let values: Vec<f64> =
        before.iter().enumerate().map(|(i, x)| 3.0 * x + if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let got = adjusted(&values, &before);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / 40.0;
    near(mean(&got), mean(&values));
    assert!(got.iter().all(|value| (value - mean(&got)).abs() < 1.2), "{got:?}");
    assert_eq!(adjusted(&values, &[7.0; 40]), values);
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (any::<bool>(), 1..10_u8, 0..60_u32, any::<bool>());
    let row = row.prop_map(|(arm, p, cluster, taken)| (arm, f64::from(p) / 10.0, cluster, f64::from(u8::from(taken))));
    prop::collection::vec(row, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn intervals_hold_their_difference_and_stay_among_differences(rows in rows()) {
        let columns = Columns::new(&rows);
        for effect in [columns.rate().unwrap(), columns.mean().unwrap()] {
            if let Ok(interval) = effect.interval {
                prop_assert!(interval.lower <= effect.difference && effect.difference <= interval.upper);
            }
        }
        if let Ok(interval) = columns.rate().unwrap().interval {
            prop_assert!((-1.0..=1.0).contains(&interval.lower) && (-1.0..=1.0).contains(&interval.upper));
        }
    }

    #[test]
    fn neither_the_arms_names_nor_the_scale_of_weights_matter(rows in rows()) {
        let effect = Columns::new(&rows).rate().unwrap();
        let swapped: Vec<Row> = rows.iter().map(|&(arm, p, cluster, value)| (!arm, p, cluster, value)).collect();
        let halved: Vec<Row> = rows.iter().map(|&(arm, p, cluster, value)| (arm, 0.5 * p, cluster, value)).collect();
        let (swapped, halved) = (Columns::new(&swapped).rate().unwrap(), Columns::new(&halved).rate().unwrap());
        prop_assert_eq!(effect.interval.is_ok(), swapped.interval.is_ok());
        if let (Ok(a), Ok(b), Ok(c)) = (effect.interval, swapped.interval, halved.interval) {
            prop_assert!((a.lower + b.upper).abs() < 1e-9 && (a.upper + b.lower).abs() < 1e-9);
            prop_assert!((a.lower - c.lower).abs() < 1e-9 && (a.upper - c.upper).abs() < 1e-9);
        }
    }
}
