//! Columns left out by an L1 penalty.

use osusume_model::NoControl;
use osusume_propensity::Error;
use osusume_propensity::design::Design;
use osusume_propensity::elastic_net::{
    ElasticNet, ElasticNetParams, SparseFit, choose, fit, largest_lambda, out_of_fold, path,
};
use osusume_propensity::logistic::Problem;
use proptest::prelude::*;

use crate::support::*;

const PARAMS: ElasticNetParams = ElasticNetParams::STANDARD;

fn fitted(problem: &Problem<'_>, lambda: f64, l1_share: f64) -> SparseFit {
    fit(problem, ElasticNet { lambda, l1_share }, &PARAMS, None, &NoControl).expect("it converges")
}

/// The objective straight from its definition; `objective` has L2 alone.
fn value(problem: &Problem<'_>, params: &[f64], lambda: f64, l1_share: f64) -> f64 {
    let beta = &params[..params.len() - 1];
    objective(problem, params, lambda * (1.0 - l1_share))
        + lambda * l1_share * beta.iter().map(|b| b.abs()).sum::<f64>()
}

#[test]
fn without_l1_it_is_the_ridge() {
    let design = design(2_000, 12, 7);
    let y = labels(&design, &truth(12), -1.0, 7);
    let problem = problem(&design, &y);
    let ridge = fit_with(&problem, &fixed(0.01)).unwrap();
    assert_close(&fitted(&problem, 0.01, 0.0).params(), &ridge.params(), 1e-7);
}

#[test]
fn no_neighbor_is_lower() {
    let design = design(1_500, 8, 8);
    let y = labels(&design, &truth(8), -1.5, 8);
    let problem = problem(&design, &y);
    for (lambda, l1_share) in [(0.02, 1.0), (0.05, 0.5), (0.001, 0.9)] {
        let fit = fitted(&problem, lambda, l1_share);
        let least = value(&problem, &fit.params(), lambda, l1_share);
        for j in 0..9 {
            for delta in [1e-4, -1e-4, 1e-2, -1e-2] {
                let mut moved = fit.params();
                moved[j] += delta;
                assert!(value(&problem, &moved, lambda, l1_share) > least, "{lambda} {l1_share} {j} {delta}");
            }
        }
    }
}

/// `tests/golden/scikit_learn.py` writes the file.
#[test]
fn scikit_learn_finds_the_same() {
    let design = design(400, 6, 21);
    let y = labels(&design, &truth(6), -0.5, 21);
    for line in include_str!("../golden/scikit_learn.csv").lines() {
        let numbers: Vec<f64> = line.split(',').map(|number| number.parse().unwrap()).collect();
        let fit = fitted(&problem(&design, &y), numbers[0], numbers[1]);
        assert_close(&fit.params(), &numbers[2..], 1e-7);
        assert_eq!(
            fit.beta.iter().map(|b| b.abs() > 0.0).collect::<Vec<_>>(),
            numbers[2..8].iter().map(|b| b.abs() > 0.0).collect::<Vec<_>>()
        );
    }
}

#[test]
fn subgradients_hold_zero() {
    let design = design(3_000, 30, 9);
    let y = labels(&design, &truth(30), -2.0, 9);
    let problem = problem(&design, &y);
    let fit = fitted(&problem, 0.01, 1.0);
    let gradient = numeric_gradient(&problem, &fit.params(), 0.0);
    for (b, g) in fit.beta.iter().zip(&gradient) {
        if b.abs() > 0.0 {
            assert!((g + 0.01 * b.signum()).abs() < 1e-7, "{b} {g}");
        } else {
            assert!(g.abs() <= 0.01 + 1e-7, "{g}");
        }
    }
    assert!(gradient[30].abs() < 1e-7);
    // The strong columns are there, most of the weak ones are not.
    assert!(fit.chosen().starts_with(&[0, 1, 2]));
    assert!(fit.chosen().len() < 15, "{:?}", fit.chosen());
}

#[test]
fn the_path_begins_with_nothing_and_ends_near_everything() {
    let design = design(2_000, 10, 10);
    let y = labels(&design, &truth(10), 0.5, 10);
    let problem = problem(&design, &y);
    let largest = largest_lambda(&problem, 0.8, &NoControl).unwrap();
    assert!(fitted(&problem, largest, 0.8).chosen().is_empty());
    assert_eq!(fitted(&problem, 0.999 * largest, 0.8).chosen().len(), 1);
    let fits = path(&problem, 0.8, (20, 1e-3), &PARAMS, &NoControl).unwrap();
    assert!(fits[0].chosen().is_empty());
    assert!(fits[19].chosen().len() >= 9);
    assert!(
        fits.windows(2).all(|pair| pair[1].loss <= pair[0].loss && pair[1].penalty.lambda < pair[0].penalty.lambda)
    );
    // A warm start changes nothing but the road.
    assert_close(&fits[10].params(), &fitted(&problem, fits[10].penalty.lambda, 0.8).params(), 1e-6);
}

#[test]
fn equal_columns_share_under_an_elastic_net() {
    let base = design(1_000, 3, 11);
    let x: Vec<f32> = (0..1_000).flat_map(|row| [0, 1, 2, 0].map(|column| base.row(row)[column])).collect();
    let design = Design::from_parts(1_000, x, vec![0, 1, 2, 3]).unwrap();
    let y = labels(&base, &truth(3), 0.0, 11);
    let fit = fitted(&problem(&design, &y), 0.02, 0.5);
    assert!((fit.beta[0] - fit.beta[3]).abs() < 1e-6 && fit.beta[0].abs() > 0.01, "{:?}", fit.beta);
    // Without L2 any split is as good; it ends all the same.
    let l1 = fitted(&problem(&design, &y), 0.02, 1.0);
    assert!((l1.beta[0] + l1.beta[3]).abs() > 0.01);
}

#[test]
fn held_out_folds_choose_few_columns_of_many() {
    let (n, d) = (1_500, 40);
    let design = design(n, d, 12);
    let mut beta = vec![0.0; d];
    beta[..4].copy_from_slice(&[0.9, -0.7, 0.6, 0.5]);
    let y = labels(&design, &beta, -1.0, 12);
    let fold: Vec<u8> = (0..n).map(|row| (row % 5) as u8).collect();
    let chosen =
        |errors: f64| choose(&problem(&design, &y), (&fold, 5), 1.0, (15, 2e-2), errors, &PARAMS, &NoControl).unwrap();
    let (best, simple) = (chosen(0.0), chosen(1.0));
    assert_eq!(simple.curve, best.curve);
    assert!(best.curve.iter().all(|(_, loss, _)| *loss >= best.curve.iter().map(|c| c.1).fold(1.0, f64::min)));
    assert!(simple.fit.penalty.lambda >= best.fit.penalty.lambda);
    assert!(simple.fit.chosen().starts_with(&[0, 1, 2, 3]) && simple.fit.chosen().len() <= 12);
    // Neither end of the path is the best.
    let at = best.curve.iter().position(|(lambda, ..)| *lambda <= best.fit.penalty.lambda).unwrap();
    assert!(0 < at && at < 14, "{at}");
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let design = design(50, 2, 13);
    let y = labels(&design, &truth(2), 0.0, 13);
    let problem = problem(&design, &y);
    let refused = |lambda: f64, l1_share: f64| {
        fit(&problem, ElasticNet { lambda, l1_share }, &PARAMS, None, &NoControl).unwrap_err()
    };
    for (lambda, l1_share) in
        [(0.0, 1.0), (-1.0, 0.5), (f64::NAN, 0.5), (f64::INFINITY, 0.5), (0.1, 1.1), (0.1, f64::NAN)]
    {
        assert!(matches!(refused(lambda, l1_share), Error::Parameter { .. }), "{lambda} {l1_share}");
    }
    assert!(matches!(largest_lambda(&problem, 0.0, &NoControl), Err(Error::Parameter { name: "l1_share", .. })));
    assert!(matches!(path(&problem, 1.0, (1, 0.1), &PARAMS, &NoControl), Err(Error::Parameter { name: "steps", .. })));
    let all = vec![true; 50];
    let one_class = Problem { y: &all, ..problem };
    assert!(matches!(
        fit(&one_class, ElasticNet { lambda: 0.1, l1_share: 1.0 }, &PARAMS, None, &NoControl),
        Err(Error::OneClass { positives: 50, rows: 50 })
    ));
    let once = ElasticNetParams { max_iterations: 1, ..PARAMS };
    assert!(matches!(
        fit(&problem, ElasticNet { lambda: 1e-3, l1_share: 0.5 }, &once, None, &NoControl),
        Err(Error::NotConverged { iterations: 1, .. })
    ));
}

#[test]
fn separated_classes_and_constant_columns_have_an_optimum() {
    let x: Vec<f32> = (0..200).flat_map(|row| [if row < 100 { -1.0 } else { 1.0 }, 0.0]).collect();
    let design = Design::from_parts(200, x, vec![0, 1]).unwrap();
    let y: Vec<bool> = (0..200).map(|row| row >= 100).collect();
    let fit = fitted(&problem(&design, &y), 1e-4, 1.0);
    // σ(−β) = λ at the optimum.
    assert!((fit.beta[0] - (1.0_f64 / 1e-4 - 1.0).ln()).abs() < 1e-3, "{:?}", fit.beta);
    assert!(fit.beta[1].abs() <= 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn doubled_rows_are_weights_of_two_and_signs_of_columns_do_not_matter(seed in 1_u64..1_000) {
        let design = design(120, 4, seed);
        let y = labels(&design, &truth(4), 0.0, seed);
        let weight: Vec<f64> = (0..120).map(|row| if row % 3 == 0 { 2.0 } else { 1.0 }).collect();
        let rows: Vec<u32> = (0..120).flat_map(|row| vec![row; if row % 3 == 0 { 2 } else { 1 }]).collect();
        let repeated: Vec<bool> = rows.iter().map(|row| y[*row as usize]).collect();
        let weighted = fitted(&Problem { weight: Some(&weight), ..problem(&design, &y) }, 0.03, 0.7);
        let doubled = fitted(&Problem { rows: Some(&rows), ..problem(&design, &repeated) }, 0.03, 0.7);
        assert_close(&weighted.params(), &doubled.params(), 1e-7);
        let x: Vec<f32> = design.x().chunks(4).flat_map(|row| [-row[0], row[1], row[2], row[3]]).collect();
        let mirrored = Design::from_parts(120, x, vec![0, 1, 2, 3]).unwrap();
        let mut expected = fitted(&problem(&design, &y), 0.03, 0.7).params();
        expected[0] = -expected[0];
        assert_close(&fitted(&problem(&mirrored, &y), 0.03, 0.7).params(), &expected, 1e-7);
    }
}

#[test]
fn threads_change_no_bit() {
    let design = design(9_000, 12, 14);
    let y = labels(&design, &truth(12), -2.0, 14);
    let run = || bits(&fitted(&problem(&design, &y), 0.005, 0.9).params());
    let expected = run();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(run), expected, "{threads} threads");
    }
}

/// More columns than rows, and more than a Hessian is made of: those left out of it are none that belong in.
#[test]
fn columns_left_out_of_the_hessian_are_held_to_the_optimum() {
    let (rows, d) = (160, 700);
    let design = design(rows, d, 23);
    let y = labels(&design, &truth(d), -0.3, 23);
    let problem = problem(&design, &y);
    for l1_share in [1.0, 0.6] {
        let fits = path(&problem, l1_share, (12, 0.05), &PARAMS, &NoControl).unwrap();
        assert!(fits[11].chosen().len() > 20);
        for fit in [&fits[4], &fits[11]] {
            let gradient = numeric_gradient(&problem, &fit.params(), 0.0);
            let (l1, l2) = (fit.penalty.lambda * l1_share, fit.penalty.lambda * (1.0 - l1_share));
            for (b, g) in fit.beta.iter().zip(&gradient) {
                if b.abs() > 0.0 {
                    assert!((g + l2 * b + l1 * b.signum()).abs() < 1e-6, "{b} {g}");
                } else {
                    assert!(g.abs() <= l1 + 1e-6, "{g} {l1}");
                }
            }
        }
        // From nothing, the same.
        let last = &fits[11];
        assert_close(&fitted(&problem, last.penalty.lambda, l1_share).params(), &last.params(), 1e-5);
    }
}

#[test]
fn a_fold_is_predicted_by_the_others() {
    let design = design(900, 8, 13);
    let y = labels(&design, &truth(8), -1.0, 13);
    let all = problem(&design, &y);
    let full = fitted(&all, 0.01, 0.5);
    // Rows in any order, folds of unequal size, and one of them empty.
    let fold: Vec<u8> = (0..900).map(|row| [0, 1, 1, 3][row * 7 % 4]).collect();
    let eta = out_of_fold(&all, (&fold, 4), &full, &PARAMS, &NoControl).unwrap();
    for number in [0, 1, 3] {
        let outside: Vec<u32> = (0..900).filter(|row| fold[*row as usize] != number).collect();
        let y_outside: Vec<bool> = outside.iter().map(|row| y[*row as usize]).collect();
        let others = Problem { rows: Some(&outside), y: &y_outside, ..all };
        let params = fitted(&others, 0.01, 0.5).params();
        for row in (0..900).filter(|row| fold[*row] == number) {
            let x = design.row(row).iter().zip(&params).map(|(x, b)| f64::from(*x) * b).sum::<f64>();
            assert!((eta[row] - x - params[8]).abs() < 1e-6, "{row}");
        }
    }
    // All positives in one fold: the others have nothing to learn from.
    let gathered: Vec<u8> = y.iter().map(|y| u8::from(*y)).collect();
    let refused = out_of_fold(&all, (&gathered, 2), &full, &PARAMS, &NoControl);
    assert!(matches!(refused, Err(Error::OneClassFold { fold: 0 | 1, .. })), "{refused:?}");
}
