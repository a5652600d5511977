//! Our optimum is linfa's, whichever class is the majority, and our trainer works behind linfa's traits.

use linfa::Dataset;
use linfa::traits::{Fit as _, Predict};
use ndarray::{Array1, Array2};
use osusume_propensity::Error;
use osusume_propensity::reference::{LogisticTrainer, fit_linfa};

use crate::support::*;

#[test]
fn both_solvers_reach_the_same_optimum() {
    // Base rates of about 2 % and 60 %: linfa's positive class is the negative label in the first and the positive in the second.
    for (intercept, low, high) in [(-4.3, 0.015, 0.03), (0.5, 0.55, 0.65)] {
        let design = design(4_000, 6, 50);
        let y = labels(&design, &truth(6), intercept, 50);
        let rate = y.iter().filter(|y| **y).count() as f64 / 4_000.0;
        assert!(rate > low && rate < high, "{rate}");
        for lambda in [1e-4, 1e-2] {
            let ours = fit_with(&problem(&design, &y), &fixed(lambda)).unwrap();
            let theirs = fit_linfa(&design, &y, lambda, 1e-8).unwrap();
            assert_close(&ours.beta, &theirs.beta, 1e-5);
            assert!((ours.intercept - theirs.intercept).abs() < 1e-5);
        }
    }
}

#[test]
fn a_silent_stop_of_the_reference_is_an_error() {
    let design = design(500, 4, 51);
    let y = labels(&design, &truth(4), 0.0, 51);
    // Below what double precision can reach.
    assert!(matches!(fit_linfa(&design, &y, 0.01, 1e-22), Err(Error::NotConverged { .. } | Error::Reference(_))));
    assert!(matches!(fit_linfa(&design, &[true; 500], 0.01, 1e-6), Err(Error::OneClass { .. })));
}

#[test]
fn the_trainer_serves_linfa_users() {
    let design = design(1_000, 3, 52);
    let y = labels(&design, &truth(3), -0.5, 52);
    let records = Array2::from_shape_fn((1_000, 3), |(i, j)| f64::from(design.row(i)[j]));
    let dataset = Dataset::new(records.clone(), Array1::from_vec(y.clone()));
    let model = LogisticTrainer(fixed(0.01)).fit(&dataset).unwrap();
    let direct = fit_with(&problem(&design, &y), &fixed(0.01)).unwrap();
    assert_eq!(bits(&model.params()), bits(&direct.params()));
    let propensity: Array1<f64> = model.predict(&records);
    let mean = propensity.sum() / 1_000.0;
    assert!((mean - y.iter().filter(|y| **y).count() as f64 / 1_000.0).abs() < 1e-6);

    let weighted = dataset.with_weights(Array1::from_elem(1_000, 2.0));
    let model = LogisticTrainer(fixed(0.01)).fit(&weighted).unwrap();
    assert!((model.total_weight - 2_000.0).abs() < 1e-9);
    assert_close(&model.params(), &direct.params(), 1e-8);
}
