//! The solver: optimality, weights, penalties, warnings, determinism.

use osusume_model::{Control, NoControl, Stop};
use osusume_numeric::dispatch::{with_baseline, without_avx512};
use osusume_propensity::design::Design;
use osusume_propensity::logistic::{Fit, LogisticParams, Penalty, Problem, fit, fit_each};
use osusume_propensity::{Error, Warning};
use proptest::prelude::*;

use crate::support::*;

#[test]
fn the_optimum_satisfies_its_conditions_by_finite_differences() {
    let design = design(700, 5, 1);
    let y = labels(&design, &truth(5), -1.0, 1);
    let weight: Vec<f64> = (0..700).map(|i| f64::from(i % 3)).collect();
    let offset: Vec<f64> = (0..700).map(|i| f64::from(i % 7) * 0.1).collect();
    let problem = Problem { weight: Some(&weight), offset: Some(&offset), ..problem(&design, &y) };
    for lambda in [0.0, 0.01, 1.0] {
        let fit = fit_with(&problem, &fixed(lambda)).unwrap();
        assert!(fit.converged);
        // Central differences of step 1e-5 are exact to about 1e-10.
        assert_close(&numeric_gradient(&problem, &fit.params(), lambda), &[0.0; 6], 1.1e-8);
    }
}

#[test]
fn the_hessian_diagonal_matches_finite_differences() {
    let design = design(400, 3, 9);
    let y = labels(&design, &truth(3), 0.3, 9);
    let problem = problem(&design, &y);
    let fit = fit_with(&problem, &fixed(10.0)).unwrap();
    let params = fit.params();
    for (j, diagonal) in fit.hessian_diagonal.iter().enumerate() {
        let at = |delta: f64| {
            let mut moved = params.clone();
            moved[j] += delta;
            numeric_gradient(&problem, &moved, 0.0)[j]
        };
        let want = (at(1e-3) - at(-1e-3)) / 2e-3;
        assert!((diagonal / want - 1.0).abs() < 0.125, "{j}: {diagonal} against {want}");
    }
}

#[test]
fn the_truth_is_recovered() {
    let design = design(40_000, 6, 2);
    let y = labels(&design, &truth(6), -1.5, 2);
    let fit = fit_with(&problem(&design, &y), &LogisticParams::STANDARD).unwrap();
    // Four standard errors: 1 / √(n · 0.13).
    assert_close(&fit.beta, &truth(6), 0.06);
    assert!((fit.intercept + 1.5).abs() < 0.06);
}

#[test]
fn without_columns_the_intercept_is_the_logit_of_the_mean() {
    let empty = Design::from_parts(100, Vec::new(), Vec::new()).unwrap();
    let y: Vec<bool> = (0..100).map(|i| i % 4 == 0).collect();
    for params in [fixed(0.5), LogisticParams::STANDARD] {
        let fit = fit_with(&problem(&empty, &y), &params).unwrap();
        assert!((fit.intercept - (0.25_f64 / 0.75).ln()).abs() < 1e-12);
    }
}

#[test]
fn an_infinite_penalty_leaves_the_intercept_alone() {
    let design = design(500, 4, 3);
    let y = labels(&design, &truth(4), -0.5, 3);
    let fit = fit_with(&problem(&design, &y), &fixed(1e9)).unwrap();
    let mean = y.iter().filter(|y| **y).count() as f64 / 500.0;
    assert_close(&fit.beta, &[0.0; 4], 1e-8);
    assert!((fit.intercept - (mean / (1.0 - mean)).ln()).abs() < 1e-7);
    assert!((fit.effective_dof - 1.0).abs() < 1e-6);
}

#[test]
fn weight_two_is_the_row_twice_and_zero_the_row_absent() {
    let design = design(300, 4, 4);
    let y = labels(&design, &truth(4), -0.5, 4);
    let weight: Vec<f64> = (0..300).map(|i| f64::from(i % 3)).collect();
    let rows: Vec<u32> = (0..300_u32).flat_map(|i| std::iter::repeat_n(i, (i % 3) as usize)).collect();
    let repeated: Vec<bool> = rows.iter().map(|i| y[*i as usize]).collect();
    for params in [fixed(0.02), LogisticParams::STANDARD] {
        let weighted = fit_with(&Problem { weight: Some(&weight), ..problem(&design, &y) }, &params).unwrap();
        let twice = fit_with(&Problem { rows: Some(&rows), ..problem(&design, &repeated) }, &params).unwrap();
        assert_close(&weighted.params(), &twice.params(), 1e-8);
        assert_eq!((weighted.rows, twice.rows), (200, 300));
    }
}

#[test]
fn the_order_of_rows_does_not_matter_and_a_row_may_come_twice() {
    let design = design(700, 9, 44);
    let y = labels(&design, &truth(9), -1.0, 44);
    let once: Vec<u32> = (0..700).map(|i| i * 11 % 700).collect();
    let shuffled: Vec<bool> = once.iter().map(|row| y[*row as usize]).collect();
    let some = Problem { rows: Some(&once), ..problem(&design, &shuffled) };
    let in_order = fit_with(&problem(&design, &y), &fixed(0.01)).unwrap();
    assert_eq!(bits(&fit_with(&some, &fixed(0.01)).unwrap().params()), bits(&in_order.params()));
    // 300 rows of one strip.
    let rows: Vec<u32> = (0..700).chain([3; 300]).collect();
    let repeated: Vec<bool> = rows.iter().map(|row| y[*row as usize]).collect();
    let weight: Vec<f64> = (0..700).map(|row| if row == 3 { 301.0 } else { 1.0 }).collect();
    let weighted = Problem { weight: Some(&weight), ..problem(&design, &y) };
    let some = Problem { rows: Some(&rows), ..problem(&design, &repeated) };
    let [some, weighted] = [some, weighted].map(|problem| fit_with(&problem, &fixed(0.01)).unwrap().params());
    assert_close(&some, &weighted, 1e-8);
}

#[test]
fn flipping_labels_flips_signs() {
    let design = design(500, 4, 5);
    let y = labels(&design, &truth(4), -1.0, 5);
    let flipped: Vec<bool> = y.iter().map(|y| !y).collect();
    let a = fit_with(&problem(&design, &y), &fixed(0.01)).unwrap();
    let b = fit_with(&problem(&design, &flipped), &fixed(0.01)).unwrap();
    let negated: Vec<f64> = b.params().iter().map(|p| -p).collect();
    assert_close(&a.params(), &negated, 1e-8);
}

#[test]
fn threads_and_bodies_do_not_change_a_bit() {
    let design = design(20_011, 13, 6);
    let y = labels(&design, &truth(13), -2.0, 6);
    let run = || {
        let fit = fit_with(&problem(&design, &y), &LogisticParams::STANDARD).unwrap();
        bits(&[fit.params(), vec![fit.prior.lambda().unwrap(), fit.effective_dof, fit.loss]].concat())
    };
    let expected = run();
    assert_eq!(with_baseline(run), expected);
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(run), expected, "{threads} threads");
    }
}

#[test]
fn wide_designs_reach_the_fixed_point_with_the_same_bits() {
    // Wide and long enough for a rough first Hessian and for conjugate gradients.
    let design = design(5_000, 130, 24);
    let y = labels(&design, &truth(130), -2.5, 24);
    let problem = problem(&design, &y);
    let run = || fit_with(&problem, &LogisticParams::STANDARD).unwrap();
    let fit = run();
    assert_close(&numeric_gradient(&problem, &fit.params(), fit.prior.lambda().unwrap()), &[0.0; 131], 1e-8);
    let size: f64 = fit.beta.iter().map(|b| b * b).sum();
    let implied = (fit.effective_dof - 1.0) / (fit.total_weight * size);
    assert!(
        (implied / fit.prior.lambda().unwrap() - 1.0).abs() < 0.03,
        "{implied} against {}",
        fit.prior.lambda().unwrap()
    );
    // The same penalty from the start gives the same optimum.
    assert_close(&fit_with(&problem, &fixed(fit.prior.lambda().unwrap())).unwrap().params(), &fit.params(), 1e-7);
    let all =
        |fit: &Fit| bits(&[fit.params(), vec![fit.prior.lambda().unwrap(), fit.effective_dof, fit.loss]].concat());
    assert_eq!(all(&with_baseline(run)), all(&fit));
    assert_eq!(all(&without_avx512(run)), all(&fit));
    for threads in [1, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(all(&pool.install(run)), all(&fit), "{threads} threads");
    }
}

#[test]
fn a_warm_start_reaches_the_same_optimum_in_fewer_steps() {
    let design = design(3_000, 8, 7);
    let y = labels(&design, &truth(8), -1.0, 7);
    let problem = problem(&design, &y);
    let cold = fit_with(&problem, &fixed(0.01)).unwrap();
    let warm = fit(&problem, &fixed(0.011), Some(&cold.params()), &NoControl).unwrap();
    let again = fit_with(&problem, &fixed(0.011)).unwrap();
    assert_close(&warm.params(), &again.params(), 1e-7);
    assert!(warm.iterations < again.iterations);
}

#[test]
fn side_by_side_is_one_by_one() {
    let design = design(4_000, 70, 61);
    let y: Vec<Vec<bool>> = (0..4).map(|k| labels(&design, &truth(70), -1.0 - f64::from(k), 61 + k as u64)).collect();
    let problems: Vec<Problem<'_>> = y.iter().map(|y| problem(&design, y)).collect();
    let together = fit_each(&problems, &fixed(1e-3), &NoControl).unwrap();
    for (problem, fit) in problems.iter().zip(&together) {
        assert!(fit.converged);
        assert_close(&fit.params(), &fit_with(problem, &fixed(1e-3)).unwrap().params(), 1e-6);
        assert_close(&numeric_gradient(problem, &fit.params(), 1e-3), &[0.0; 71], 1e-8);
    }
    let one_class = [false; 4_000];
    let refused = [problems[0], problem(&design, &one_class)];
    let failed = fit_each(&refused, &fixed(1e-3), &NoControl).unwrap_err();
    assert!(failed.offer == 1 && matches!(failed.error, Error::OneClass { positives: 0, rows: 4_000 }));
    let failed = fit_each(&problems, &LogisticParams::STANDARD, &NoControl).unwrap_err();
    assert!(matches!(failed.error, Error::Parameter { name: "penalty", .. }));
    assert!(fit_each(&[], &fixed(1e-3), &NoControl).unwrap().is_empty());
}

#[test]
fn more_columns_than_rows() {
    let design = design(60, 200, 8);
    let y = labels(&design, &truth(200), 0.0, 8);
    let fit = fit_with(&problem(&design, &y), &fixed(0.05)).unwrap();
    assert!(fit.converged && has_warning(&fit, |w| matches!(w, Warning::Collinear { columns } if columns.len() > 100)));
    assert_close(&numeric_gradient(&problem(&design, &y), &fit.params(), 0.05), &vec![0.0; 201], 2e-8);
    assert!(matches!(fit_with(&problem(&design, &y), &fixed(0.0)), Err(Error::Singular { .. })));
    assert!(fit_with(&problem(&design, &y), &LogisticParams::STANDARD).unwrap().converged);
}

#[test]
fn empirical_bayes_beats_almost_no_penalty_on_new_rows() {
    for (n_cols, seed) in [(120, 10), (200, 11), (60, 12)] {
        let design = design(3_300, n_cols, seed);
        let y = labels(&design, &truth(n_cols), -1.5, seed);
        let train: Vec<u32> = (0..300).collect();
        let test: Vec<u32> = (300..3_300).collect();
        let on_train = Problem { rows: Some(&train), ..problem(&design, &y[..300]) };
        let on_test = Problem { rows: Some(&test), ..problem(&design, &y[300..]) };
        let chosen = fit_with(&on_train, &LogisticParams::STANDARD).unwrap();
        let loss = |params: &[f64]| objective(&on_test, params, 0.0);
        let tiny = fit_with(&on_train, &fixed(1e-6)).unwrap();
        assert!(loss(&chosen.params()) < loss(&tiny.params()) - 0.05, "{n_cols}");
        // Near the best penalty on a grid that has seen the test rows.
        let best = (-8..4)
            .map(|e| fit_with(&on_train, &fixed(f64::from(e).exp2())).unwrap())
            .map(|fit| loss(&fit.params()))
            .fold(f64::INFINITY, f64::min);
        assert!(loss(&chosen.params()) < best + 0.02, "{n_cols}: {} against {best}", loss(&chosen.params()));
    }
}

#[test]
fn a_handful_of_positives_helps_or_does_no_harm() {
    for (signal, intercept) in [(0.8, -7.5), (0.0, -6.5)] {
        let design = design(20_000, 80, 23);
        let beta: Vec<f64> = (0..80).map(|j| if j < 6 { signal } else { 0.0 }).collect();
        let y = labels(&design, &beta, intercept, 23);
        let (train, test): (Vec<u32>, Vec<u32>) = (0..20_000).partition(|i| *i < 10_000);
        let on_train = Problem { rows: Some(&train), ..problem(&design, &y[..10_000]) };
        let on_test = Problem { rows: Some(&test), ..problem(&design, &y[10_000..]) };
        let chosen = fit_with(&on_train, &LogisticParams::STANDARD).unwrap();
        assert!(chosen.positives < 40);
        let loss = |params: &[f64]| objective(&on_test, params, 0.0);
        let null = loss(&fit_with(&on_train, &fixed(1e6)).unwrap().params());
        let ratio = loss(&chosen.params()) / null;
        assert!(ratio < if signal > 0.0 { 0.95 } else { 1.02 }, "{signal}: {ratio}");
    }
}

#[test]
fn empirical_bayes_is_a_fixed_point() {
    let design = design(2_000, 10, 13);
    let y = labels(&design, &truth(10), -1.0, 13);
    let fit = fit_with(&problem(&design, &y), &LogisticParams::STANDARD).unwrap();
    let size: f64 = fit.beta.iter().map(|b| b * b).sum();
    let implied = (fit.effective_dof - 1.0) / (fit.total_weight * size);
    assert!(
        (implied / fit.prior.lambda().unwrap() - 1.0).abs() < 0.05,
        "{implied} against {}",
        fit.prior.lambda().unwrap()
    );
    assert!(fit.warnings.is_empty());
}

#[test]
fn noise_alone_shrinks_to_nothing() {
    let design = design(2_000, 40, 14);
    let y: Vec<bool> = (0..2_000).map(|i| i % 10 == 0).collect();
    let fit = fit_with(&problem(&design, &y), &LogisticParams::STANDARD).unwrap();
    let spread: f64 = fit.beta.iter().map(|b| b * b).sum::<f64>().sqrt();
    assert!(spread < 0.35, "{spread}");
    assert!((fit.intercept - (0.1_f64 / 0.9).ln()).abs() < 0.05);
}

#[test]
fn separable_labels_are_named() {
    let mut noise = Noise::new(15);
    let x: Vec<f32> = (0..400).map(|_| noise.normal() as f32).collect();
    let design = Design::from_parts(200, x, vec![0, 1]).unwrap();
    let y: Vec<bool> = (0..200).map(|i| design.row(i)[1] > 0.2).collect();
    for params in [fixed(1e-3), LogisticParams::STANDARD] {
        let fit = fit_with(&problem(&design, &y), &params).unwrap();
        assert!(has_warning(&fit, |w| *w == Warning::Separated { column: Some(1) }), "{:?}", fit.warnings);
    }
    let error = fit_with(&problem(&design, &y), &fixed(0.0)).unwrap_err();
    // Without a penalty there is no optimum, only ever larger coefficients.
    assert!(matches!(error, Error::NotConverged { is_separated: true, .. } | Error::Singular { .. }), "{error}");
}

#[test]
fn repeated_columns_share_their_effect_and_are_named() {
    let base = design(500, 2, 16);
    let x: Vec<f32> = (0..500).flat_map(|i| [base.row(i)[0], base.row(i)[1], base.row(i)[0], 0.7]).collect();
    let doubled = Design::from_parts(500, x, vec![0, 1, 2, 3]).unwrap();
    let y = labels(&base, &[1.0, -0.5], -0.3, 16);
    let fit = fit_with(&problem(&doubled, &y), &fixed(0.01)).unwrap();
    assert!((fit.beta[0] - fit.beta[2]).abs() < 1e-7);
    assert!(has_warning(&fit, |w| *w == Warning::Collinear { columns: vec![2, 3] }), "{:?}", fit.warnings);
    let error = fit_with(&problem(&doubled, &y), &fixed(0.0)).unwrap_err();
    assert!(matches!(error, Error::Singular { column: 2, .. }), "{error}");
}

#[test]
fn a_single_positive_moves_little() {
    let design = design(1_000, 30, 17);
    let y: Vec<bool> = (0..1_000).map(|i| i == 123).collect();
    let fit = fit_with(&problem(&design, &y), &LogisticParams::STANDARD).unwrap();
    let spread: f64 = fit.beta.iter().map(|b| b * b).sum::<f64>().sqrt();
    assert!(fit.converged && spread < 2.0, "{spread}");
    assert_eq!(fit.positives, 1);
}

#[test]
fn one_in_a_hundred_thousand() {
    let design = design(100_000, 5, 18);
    let mut y = vec![false; 100_000];
    y[77_777] = true;
    let fixed_fit = fit_with(&problem(&design, &y), &fixed(1e-5)).unwrap();
    let rate: f64 = (0..100_000)
        .map(|i| {
            let eta: f64 = design.row(i).iter().zip(&fixed_fit.beta).map(|(x, b)| f64::from(*x) * b).sum();
            1.0 / (1.0 + (-(eta + fixed_fit.intercept)).exp())
        })
        .sum();
    // A free intercept makes the mean propensity the base rate.
    assert!((rate - 1.0).abs() < 1e-5, "{rate}");
    assert!(fit_with(&problem(&design, &y), &LogisticParams::STANDARD).unwrap().converged);
}

#[test]
fn one_class_is_refused() {
    let design = design(50, 2, 19);
    let error = fit_with(&problem(&design, &[false; 50]), &LogisticParams::STANDARD).unwrap_err();
    assert!(matches!(error, Error::OneClass { positives: 0, rows: 50 }));
    let mut y = vec![true; 50];
    y[3] = false;
    let mut weight = vec![1.0; 50];
    weight[3] = 0.0;
    let problem = Problem { weight: Some(&weight), ..problem(&design, &y) };
    let error = fit_with(&problem, &LogisticParams::STANDARD).unwrap_err();
    assert!(matches!(error, Error::OneClass { positives: 49, rows: 49 }));
}

#[test]
fn values_that_are_no_numbers_are_refused_with_their_place() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = Design::from_parts(2, vec![0.0, 1.0, 2.0, bad], vec![0, 1]).unwrap_err();
        assert!(matches!(error, Error::NotFinite { what: "x", row: 1, column: 1 }));
    }
    let design = design(4, 1, 20);
    let y = [true, false, true, false];
    for bad in [f64::NAN, f64::INFINITY] {
        let values = [1.0, 1.0, bad, 1.0];
        let weighted = Problem { weight: Some(&values), ..problem(&design, &y) };
        assert!(matches!(fit_with(&weighted, &fixed(1.0)), Err(Error::NotFinite { what: "weight", row: 2, .. })));
        let shifted = Problem { offset: Some(&values), ..problem(&design, &y) };
        assert!(matches!(fit_with(&shifted, &fixed(1.0)), Err(Error::NotFinite { what: "offset", row: 2, .. })));
    }
    let negative = Problem { weight: Some(&[1.0, -1.0, 1.0, 1.0]), ..problem(&design, &y) };
    assert!(matches!(fit_with(&negative, &fixed(1.0)), Err(Error::Parameter { name: "weight", .. })));
    assert!(matches!(fit_with(&problem(&design, &y), &fixed(-1.0)), Err(Error::Parameter { name: "lambda", .. })));
    assert!(matches!(fit_with(&problem(&design, &y[..3]), &fixed(1.0)), Err(Error::Shape { what: "y", .. })));
    let rows = Problem { rows: Some(&[0, 1, 2, 4]), ..problem(&design, &y) };
    assert!(matches!(fit_with(&rows, &fixed(1.0)), Err(Error::Shape { what: "rows", .. })));
}

#[test]
fn too_few_steps_are_an_error_unless_accepted() {
    let design = design(500, 4, 21);
    let y = labels(&design, &truth(4), -1.0, 21);
    let hasty = LogisticParams { penalty: Penalty::Fixed(0.01), max_iterations: 1, ..LogisticParams::STANDARD };
    assert!(matches!(fit_with(&problem(&design, &y), &hasty), Err(Error::NotConverged { iterations: 1, .. })));
    let accepted = fit_with(&problem(&design, &y), &LogisticParams { accept_unconverged: true, ..hasty }).unwrap();
    assert!(!accepted.converged && accepted.max_gradient > 0.0);
}

#[test]
fn a_stop_is_obeyed() {
    struct Stopped;
    impl Control for Stopped {
        fn progress(&self, _done: u64, _total: u64) {}
        fn stop(&self) -> Option<Stop> {
            Some(Stop::Deadline)
        }
    }
    let design = design(50, 2, 22);
    let y = labels(&design, &truth(2), 0.0, 22);
    let result = fit(&problem(&design, &y), &fixed(0.1), None, &Stopped);
    assert!(matches!(result, Err(Error::Stopped(Stop::Deadline))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn small_problems_reach_their_optimum(
        n_rows in 4_usize..80,
        n_cols in 0_usize..6,
        seed in 1_u64..1_000_000,
        exponent in -12_i32..4,
    ) {
        let design = design(n_rows, n_cols, seed);
        let mut y = labels(&design, &truth(n_cols), -0.5, seed);
        (y[0], y[1]) = (true, false);
        let weight: Vec<f64> = (0..n_rows).map(|i| 0.25 + f64::from(i as u32 % 5)).collect();
        let problem = Problem { weight: Some(&weight), ..problem(&design, &y) };
        let lambda = f64::from(exponent).exp2();
        let fit = fit_with(&problem, &fixed(lambda)).unwrap();
        for slope in numeric_gradient(&problem, &fit.params(), lambda) {
            prop_assert!(slope.abs() < 2e-8, "{slope}");
        }
    }
}

#[test]
fn hessians_of_samples_lead_to_the_same_optimum() {
    // At 128 rows a parameter, samples of half of them. The second offer lacks every seventh row.
    let (n, d) = (21_000, 66);
    let design = design(n, d, 51);
    let y = labels(&design, &truth(d), -3.0, 51);
    let some: Vec<u32> = (0..n as u32).filter(|row| row % 7 != 0).collect();
    let y_some: Vec<bool> = some.iter().map(|row| y[*row as usize]).collect();
    let problems = [problem(&design, &y), Problem { rows: Some(&some), ..problem(&design, &y_some) }];
    let run = || fit_each(&problems, &fixed(1e-4), &NoControl).unwrap();
    let together = run();
    for (each, problem) in together.iter().zip(&problems) {
        let alone = fit_with(problem, &fixed(1e-4)).unwrap();
        assert!(each.converged);
        assert_close(&each.params(), &alone.params(), 1e-6);
        for (sampled, whole) in each.hessian_diagonal.iter().zip(&alone.hessian_diagonal) {
            assert!((sampled / whole - 1.0).abs() < 0.2, "{sampled} against {whole}");
        }
    }
    let all = |fits: &[Fit]| fits.iter().flat_map(|fit| bits(&fit.params())).collect::<Vec<_>>();
    assert_eq!(all(&without_avx512(run)), all(&together));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(all(&pool.install(run)), all(&together));
}
