//! Out-of-fold predictions: the optimum without the fold, and nothing of the fold.

use osusume_model::NoControl;
use osusume_propensity::Error;
use osusume_propensity::folds::{FoldParams, out_of_fold};
use osusume_propensity::logistic::{LogisticParams, Problem};

use crate::support::*;

fn fold_of(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 7 % 5) as u8).collect()
}

#[test]
fn each_fold_equals_a_cold_fit_of_the_others() {
    let design = design(2_500, 7, 30);
    let y = labels(&design, &truth(7), -1.5, 30);
    let weight: Vec<f64> = (0..2_000).map(|i| 0.5 + f64::from(i % 4)).collect();
    let rows: Vec<u32> = (500..2_500).collect();
    let problem = Problem { rows: Some(&rows), weight: Some(&weight), ..problem(&design, &y[500..]) };
    let full = fit_with(&problem, &LogisticParams::STANDARD).unwrap();
    let fold = fold_of(2_000);
    let exact = FoldParams { tolerance: 1e-6, ..FoldParams::STANDARD };
    let result = out_of_fold(&problem, &fold, 5, &full, &exact, &NoControl).unwrap();
    let standard = out_of_fold(&problem, &fold, 5, &full, &FoldParams::STANDARD, &NoControl).unwrap();
    // What a tolerance of 1e-4 leaves open is far below what a fold's rows leave open.
    assert_close(&standard.eta, &result.eta, 5e-3);
    for k in 0..5_u8 {
        let train: Vec<usize> = (0..2_000).filter(|i| fold[*i] != k).collect();
        let train_rows: Vec<u32> = train.iter().map(|i| rows[*i]).collect();
        let train_y: Vec<bool> = train.iter().map(|i| problem.y[*i]).collect();
        let train_weight: Vec<f64> = train.iter().map(|i| weight[*i]).collect();
        let lambda = full.prior.lambda().unwrap() * full.total_weight / train_weight.iter().sum::<f64>();
        let subset = Problem {
            design: &design,
            rows: Some(&train_rows),
            y: &train_y,
            weight: Some(&train_weight),
            offset: None,
        };
        let cold = fit_with(&subset, &fixed(lambda)).unwrap();
        // A gradient of 1e-6 over curvatures of about 0.1.
        assert_close(&result.params[usize::from(k)], &cold.params(), 2e-5);
        for i in (0..2_000).filter(|i| fold[*i] == k) {
            let x = design.row(rows[i] as usize);
            let eta: f64 = cold.intercept + x.iter().zip(&cold.beta).map(|(x, b)| f64::from(*x) * b).sum::<f64>();
            assert!((result.eta[i] - eta).abs() < 2e-4);
        }
        assert!(result.iterations[usize::from(k)] <= 5);
    }
}

#[test]
fn predictions_stand_in_the_order_of_the_rows() {
    let design = design(900, 6, 35);
    let y = labels(&design, &truth(6), -1.0, 35);
    let full = fit_with(&problem(&design, &y), &fixed(0.01)).unwrap();
    let run = |rows: &[u32]| {
        let y: Vec<bool> = rows.iter().map(|row| y[*row as usize]).collect();
        let fold: Vec<u8> = rows.iter().map(|row| (row % 5) as u8).collect();
        let some = Problem { design: &design, rows: Some(rows), y: &y, weight: None, offset: None };
        out_of_fold(&some, &fold, 5, &full, &FoldParams::STANDARD, &NoControl).unwrap().eta
    };
    let rows: Vec<u32> = (0..900).collect();
    let shuffled: Vec<u32> = (0..900).map(|i| i * 7 % 900).collect();
    let (eta, eta_shuffled) = (run(&rows), run(&shuffled));
    let expected: Vec<f64> = shuffled.iter().map(|row| eta[*row as usize]).collect();
    assert_eq!(bits(&eta_shuffled), bits(&expected));
}

#[test]
fn labels_of_a_fold_do_not_reach_its_predictions() {
    let design = design(1_500, 5, 31);
    let y = labels(&design, &truth(5), -1.0, 31);
    let fold = fold_of(1_500);
    let full = fit_with(&problem(&design, &y), &fixed(0.01)).unwrap();
    let run =
        |y: &[bool]| out_of_fold(&problem(&design, y), &fold, 5, &full, &FoldParams::STANDARD, &NoControl).unwrap();
    let mut changed = y.clone();
    (0..1_500).filter(|i| fold[*i] == 2).for_each(|i| changed[i] = !changed[i]);
    let (before, after) = (run(&y), run(&changed));
    for i in (0..1_500).filter(|i| fold[*i] == 2) {
        assert_eq!(before.eta[i].to_bits(), after.eta[i].to_bits());
    }
}

#[test]
fn a_fold_with_all_positives_is_an_error() {
    let design = design(100, 2, 32);
    let fold = fold_of(100);
    let y: Vec<bool> = fold.iter().map(|fold| *fold == 3).collect();
    let full = fit_with(&problem(&design, &y), &fixed(0.1)).unwrap();
    let error = out_of_fold(&problem(&design, &y), &fold, 5, &full, &FoldParams::STANDARD, &NoControl).unwrap_err();
    assert!(matches!(error, Error::OneClassFold { fold: 3, positives: 0, rows: 80 }), "{error}");
    let error = out_of_fold(&problem(&design, &y), &fold, 4, &full, &FoldParams::STANDARD, &NoControl).unwrap_err();
    assert!(matches!(error, Error::Parameter { name: "fold", .. }));
}

#[test]
fn an_empty_fold_is_skipped_and_offsets_come_back() {
    let design = design(400, 3, 33);
    let y = labels(&design, &truth(3), 0.0, 33);
    let offset: Vec<f64> = (0..400).map(|i| f64::from(i % 5)).collect();
    let shifted = Problem { offset: Some(&offset), ..problem(&design, &y) };
    let full = fit_with(&shifted, &fixed(0.1)).unwrap();
    let fold: Vec<u8> = (0..400).map(|i| (i % 2) as u8 * 2).collect();
    let result = out_of_fold(&shifted, &fold, 3, &full, &FoldParams::STANDARD, &NoControl).unwrap();
    assert!(result.params[1].is_empty());
    let x = design.row(7);
    let params = &result.params[2];
    let eta: f64 = x.iter().zip(params).map(|(x, b)| f64::from(*x) * b).sum::<f64>() + params[3] + offset[7];
    assert!((result.eta[7] - eta).abs() < 1e-12);
}
