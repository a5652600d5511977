//! Additive models: planted truths, invariances, and what cannot be fitted.

use osusume_model::NoControl;
use osusume_propensity::additive::bins::{Bins, Codes};
use osusume_propensity::additive::fit::{AdditiveFit, AdditiveParams, Problem, fit, fit_directed};
use osusume_propensity::additive::folds::out_of_fold;
use osusume_propensity::additive::monotone::Direction;
use osusume_propensity::additive::terms::Term;
use osusume_propensity::encoder::{RawColumns, RawKind};
use osusume_propensity::{Error, Warning};

use crate::support::Noise;

const CURVES: AdditiveParams = AdditiveParams { max_maps: 0, ..AdditiveParams::STANDARD };

/// Raw columns of their own.
struct Data {
    columns: Vec<Vec<f32>>,
    kinds: Vec<RawKind>,
    y: Vec<bool>,
}

impl Data {
    /// Three uniform numbers and a category of four levels; `eta` gives the log-odds.
    fn drawn(n_rows: usize, seed: u64, eta: impl Fn(&[f32]) -> f64) -> Self {
        let mut noise = Noise::new(seed);
        let mut columns = vec![Vec::new(); 4];
        let mut y = Vec::new();
        for _ in 0..n_rows {
            let mut row: Vec<f32> = (0..3).map(|_| noise.unit() as f32).collect();
            row.push((noise.unit() * 4.0).floor() as f32);
            y.push(noise.unit() < 1.0 / (1.0 + (-eta(&row)).exp()));
            columns.iter_mut().zip(&row).for_each(|(column, value)| column.push(*value));
        }
        let mut kinds = vec![RawKind::Numeric; 3];
        kinds.push(RawKind::Category { n_levels: 4 });
        Self { columns, kinds, y }
    }

    fn coded(&self) -> (Bins, Codes) {
        let columns: Vec<&[f32]> = self.columns.iter().map(Vec::as_slice).collect();
        let raw = RawColumns { n_rows: self.y.len(), columns: &columns, kinds: &self.kinds };
        let bins = Bins::fit(&raw, 10).expect("finite values");
        let codes = bins.encode(&raw).expect("the same columns");
        (bins, codes)
    }

    fn fit(&self, params: &AdditiveParams) -> Result<AdditiveFit, Error> {
        let (bins, codes) = self.coded();
        fit(&Problem { bins: &bins, codes: &codes, y: &self.y, weight: None }, params, &NoControl)
    }
}

fn maps(fit: &AdditiveFit) -> Vec<[usize; 2]> {
    let pair = |term: &Term| if let Term::Map { features, .. } = term { Some(*features) } else { None };
    fit.model.terms.iter().filter_map(pair).collect()
}

#[test]
fn a_curve_with_a_step_is_found() {
    let truth = |x: f32| if x > 0.6 { 1.0 } else { -1.0 };
    let fitted = Data::drawn(6_000, 1, |x| truth(x[0])).fit(&CURVES).unwrap();
    let curve = &fitted.model.coefficients[0];
    let at = |x: f32| curve[(x * 127.9) as usize];
    assert!((at(0.9) - at(0.2) - 2.0).abs() < 0.35, "{curve:?}");
    assert!((at(0.5) - at(0.1)).abs() < 0.5 && (at(0.95) - at(0.7)).abs() < 0.35, "{curve:?}");
    // The other columns say nothing, and little is said of them.
    for other in 1..4 {
        assert!(
            fitted.model.coefficients[other].iter().all(|b| b.abs() < 0.4),
            "{other} {:?}",
            fitted.model.coefficients[other]
        );
    }
    assert!(fitted.effective_dof < 60.0, "{}", fitted.effective_dof);
}

#[test]
fn what_acts_together_gets_a_map_and_nothing_else_does() {
    let together = |x: &[f32]| if (x[0] > 0.5) == (x[2] > 0.5) { 0.8 } else { -0.8 };
    let data = Data::drawn(4_000, 2, together);
    let fitted = data.fit(&AdditiveParams::STANDARD).unwrap();
    assert_eq!(maps(&fitted), [[0, 2]]);
    let (_, codes) = data.coded();
    let eta = fitted.model.eta(&codes).unwrap();
    let right = eta
        .iter()
        .zip(0..)
        .filter(|(eta, row)| (**eta > 0.0) == ((data.columns[0][*row] > 0.5) == (data.columns[2][*row] > 0.5)));
    assert!(right.count() > 3_800);
    let separate = Data::drawn(4_000, 3, |x| f64::from(3.0 * x[0] - 2.0 * x[2]) + 0.5 * f64::from(x[3]));
    assert!(maps(&separate.fit(&AdditiveParams::STANDARD).unwrap()).is_empty());
}

#[test]
fn maps_have_no_margins_and_curves_no_mean() {
    let data = Data::drawn(3_000, 4, |x| if (x[0] > 0.3) == (x[3] > 1.0) { 1.0 } else { -1.0 });
    let fitted = data.fit(&AdditiveParams::STANDARD).unwrap();
    assert_eq!(maps(&fitted), [[0, 3]]);
    let (bins, codes) = data.coded();
    let mut sums: Vec<Vec<f64>> = Vec::new();
    for (term, coefficients) in fitted.model.terms.iter().zip(&fitted.model.coefficients) {
        let cells = term.cells(&codes);
        let of_rows: Vec<f64> = cells.iter().map(|cell| coefficients[usize::from(*cell)]).collect();
        assert!(of_rows.iter().sum::<f64>().abs() < 1e-6);
        if let Term::Map { features, groups } = term {
            for (feature, groups) in features.iter().zip(groups) {
                let mut margin = vec![0.0; groups.n];
                for (row, value) in of_rows.iter().enumerate() {
                    margin[usize::from(groups.of_code[usize::from(codes.columns[*feature][row])])] += value;
                }
                sums.push(margin);
            }
        }
    }
    assert!(sums.iter().flatten().all(|sum| sum.abs() < 1e-6), "{sums:?}");
    // What it says of a row by terms is its linear predictor.
    let eta = fitted.model.eta(&codes).unwrap();
    let mut parts = vec![0.0; fitted.model.terms.len()];
    for row in 0..50 {
        let row_codes: Vec<u8> = codes.columns.iter().map(|column| column[row]).collect();
        fitted.model.of_row(&row_codes, &mut parts).unwrap();
        assert!((fitted.model.intercept + parts.iter().sum::<f64>() - eta[row]).abs() < 1e-12);
    }
    assert_eq!(bins.features.len(), 4);
}

#[test]
fn a_weight_of_two_is_the_row_twice() {
    let data = Data::drawn(800, 5, |x| f64::from(2.0 * x[1] - 1.0));
    let (bins, codes) = data.coded();
    let weight: Vec<f64> = (0..800).map(|i| f64::from(i % 3)).collect();
    let rows: Vec<u32> = (0..800).flat_map(|i| vec![i; (i % 3) as usize]).collect();
    let y: Vec<bool> = rows.iter().map(|row| data.y[*row as usize]).collect();
    let repeated = codes.at(&rows);
    let weighted = Problem { bins: &bins, codes: &codes, y: &data.y, weight: Some(&weight) };
    let twice = Problem { bins: &bins, codes: &repeated, y: &y, weight: None };
    let [a, b] = [weighted, twice].map(|problem| fit(&problem, &CURVES, &NoControl).unwrap());
    let [a_eta, b_eta] = [&a, &b].map(|fit| fit.model.eta(&codes).unwrap());
    assert!(a_eta.iter().zip(&b_eta).all(|(a, b)| (a - b).abs() < 1e-6));
    assert!((a.loss - b.loss).abs() < 1e-9);
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let data = Data::drawn(900, 6, |x| f64::from(x[0]) - 0.5 * f64::from(x[3]));
    let (bins, codes) = data.coded();
    let order: Vec<u32> = (0..900).map(|i| (i * 7 + 3) % 900).collect();
    let y: Vec<bool> = order.iter().map(|row| data.y[*row as usize]).collect();
    let mixed = codes.at(&order);
    let first = fit(&Problem { bins: &bins, codes: &codes, y: &data.y, weight: None }, &CURVES, &NoControl).unwrap();
    let second = fit(&Problem { bins: &bins, codes: &mixed, y: &y, weight: None }, &CURVES, &NoControl).unwrap();
    let [a, b] = [first, second].map(|fit| fit.model.eta(&codes).unwrap());
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-7));
}

#[test]
fn absence_speaks_for_itself() {
    let mut data = Data::drawn(3_000, 7, |x| if x[0] < 0.2 { 2.0 } else { -1.0 });
    data.columns[0].iter_mut().filter(|x| **x < 0.2).for_each(|x| *x = f32::NAN);
    let (bins, _) = data.coded();
    let fitted = data.fit(&CURVES).unwrap();
    let curve = &fitted.model.coefficients[0];
    let absent = usize::from(bins.features[0].absent());
    assert!(curve[absent] > 1.5 && curve[..absent].iter().all(|b| *b < 0.2), "{curve:?}");
}

#[test]
fn more_coefficients_than_rows_and_repeated_columns() {
    let mut data = Data::drawn(60, 8, |x| f64::from(4.0 * x[0] - 2.0));
    for copy in 0..6 {
        data.columns.push(data.columns[copy % 2].clone());
        data.kinds.push(RawKind::Numeric);
    }
    let fitted = data.fit(&AdditiveParams::STANDARD).unwrap();
    assert!(fitted.model.coefficients.iter().flatten().all(|b| b.is_finite()));
    assert!(fitted.effective_dof < 20.0, "{}", fitted.effective_dof);
}

#[test]
fn a_single_positive_moves_little() {
    let mut data = Data::drawn(2_000, 9, |_| 0.0);
    data.y = (0..2_000).map(|i| i == 1_000).collect();
    let fitted = data.fit(&AdditiveParams::STANDARD).unwrap();
    let (_, codes) = data.coded();
    let eta = fitted.model.eta(&codes).unwrap();
    let highest = eta.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert!(highest < fitted.model.intercept + 3.0, "{highest} {}", fitted.model.intercept);
}

/// Ten files of noise with many columns: what a fit to all rows found of the labels of a fold would show here, and calibrate boldly.
#[test]
fn noise_is_told_to_be_noise() {
    let (n, columns) = (500_usize, 30);
    let fold: Vec<u8> = (0..n).map(|row| (row % 5) as u8).collect();
    let aucs = (0..10_u64).map(|seed| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed + 1);
        let mut unit = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 24) as f32
        };
        let drawn: Vec<Vec<f32>> = (0..columns).map(|_| (0..n).map(|_| unit()).collect()).collect();
        // As many labels in each fold, so that a fold's base rate tells nothing of the rows outside.
        let mut order: Vec<(f32, usize)> = (0..n).map(|row| (unit(), row)).collect();
        order.sort_by(|a, b| (a.1 % 5, a.0).partial_cmp(&(b.1 % 5, b.0)).unwrap());
        let mut y = vec![false; n];
        order.chunks(n / 5).for_each(|fold| fold[..30].iter().for_each(|(_, row)| y[*row] = true));
        let slices: Vec<&[f32]> = drawn.iter().map(Vec::as_slice).collect();
        let raw = RawColumns { n_rows: n, columns: &slices, kinds: &vec![RawKind::Numeric; columns] };
        let bins = Bins::fit(&raw, 10).unwrap();
        let codes = bins.encode(&raw).unwrap();
        let problem = Problem { bins: &bins, codes: &codes, y: &y, weight: None };
        let eta = out_of_fold(&problem, &fold, 5, &[], &AdditiveParams::STANDARD, &NoControl).unwrap();
        osusume_evaluate::auc_estimate(&eta, &y, None).unwrap().auc
    });
    // The standard error of one is 0.026.
    let mean = aucs.sum::<f64>() / 10.0;
    assert!((mean - 0.5).abs() < 0.02, "{mean}");
}

#[test]
fn what_cannot_be_told_apart_and_what_is_the_answer() {
    let mut data = Data::drawn(300, 11, |_| 0.0);
    data.y = data.columns[1].iter().map(|x| *x > 0.5).collect();
    // A tie of classes in one bin of the number would hide it: the category says it outright.
    data.columns[3] = data.y.iter().map(|y| f32::from(u8::from(*y))).collect();
    let fitted = data.fit(&CURVES).unwrap();
    assert!(matches!(fitted.warnings[..], [Warning::Separated { column: Some(1 | 3) }]), "{:?}", fitted.warnings);
    data.y = vec![true; 300];
    assert!(matches!(data.fit(&CURVES), Err(Error::OneClass { positives: 300, rows: 300 })));
    let (bins, codes) = data.coded();
    let negative = vec![-1.0; 300];
    let weighted = Problem { bins: &bins, codes: &codes, y: &data.y, weight: Some(&negative) };
    assert!(matches!(fit(&weighted, &CURVES, &NoControl), Err(Error::Parameter { name: "weight", .. })));
    data.y[0] = false;
    let fold = vec![0; 300];
    let problem = Problem { bins: &bins, codes: &codes, y: &data.y, weight: None };
    let folds = out_of_fold(&problem, &fold, 2, &[], &CURVES, &NoControl);
    assert!(matches!(folds, Err(Error::OneClassFold { fold: 0, .. })));
}

#[test]
fn threads_change_nothing() {
    let data = Data::drawn(2_000, 12, |x| if (x[0] > 0.5) == (x[1] > 0.5) { 1.0 } else { -1.0 });
    let (bins, codes) = data.coded();
    let problem = Problem { bins: &bins, codes: &codes, y: &data.y, weight: None };
    let cold = fit(&problem, &AdditiveParams::STANDARD, &NoControl).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap();
    let again = pool.install(|| fit(&problem, &AdditiveParams::STANDARD, &NoControl).unwrap());
    assert_eq!(again, cold);
}

#[test]
fn curves_run_as_they_are_told() {
    // Up and down again, and steps that lie within their noise.
    let data = Data::drawn(3_000, 12, |x| f64::from((6.0 * x[0]).sin() + 0.8 * x[1]));
    let (bins, codes) = data.coded();
    for (k, direction) in [Direction::Increasing, Direction::Decreasing].into_iter().enumerate() {
        let directions = [direction, direction, Direction::Any, Direction::Any];
        let problem = Problem { bins: &bins, codes: &codes, y: &data.y, weight: None };
        let fitted = fit_directed(&problem, &directions, &AdditiveParams::STANDARD, &NoControl).unwrap();
        for feature in 0..2 {
            let curve = &fitted.model.coefficients[feature][..bins.features[feature].n_ordered()];
            let holds = |pair: &[f64]| if k == 0 { pair[0] <= pair[1] } else { pair[0] >= pair[1] };
            assert!(curve.windows(2).all(holds), "{feature} {curve:?}");
        }
        // What rises has a curve where it may, and none where it may not.
        let range = |feature: usize| {
            let curve = &fitted.model.coefficients[feature];
            curve[bins.features[feature].n_ordered() - 1] - curve[0]
        };
        assert!(if k == 0 { range(1) > 0.3 } else { range(1) > -0.1 }, "{}", range(1));
        let fold: Vec<u8> = (0..3_000).map(|row| (row % 5) as u8).collect();
        let eta = out_of_fold(&problem, &fold, 5, &directions, &AdditiveParams::STANDARD, &NoControl).unwrap();
        assert!(eta.iter().all(|eta| eta.is_finite()));
    }
}

#[test]
fn what_rises_anyhow_is_not_changed_by_being_told_to() {
    let mut data = Data::drawn(4_000, 13, |x| f64::from(2.5 * x[0] - 1.0));
    data.columns[0].iter_mut().for_each(|x| *x = (*x * 4.0).floor());
    let (bins, codes) = data.coded();
    let problem = Problem { bins: &bins, codes: &codes, y: &data.y, weight: None };
    let told = [Direction::Increasing, Direction::Any, Direction::Any, Direction::Any];
    let [a, b] = [&[][..], &told].map(|told| fit_directed(&problem, told, &CURVES, &NoControl).unwrap());
    assert!(a.model.coefficients[0][..4].windows(2).all(|pair| pair[0] <= pair[1]), "{:?}", a.model.coefficients[0]);
    let gap = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(a.model.coefficients.iter().zip(&b.model.coefficients).map(gap).fold(0.0, f64::max) < 1e-9);
}

#[test]
fn what_has_a_direction_is_in_no_map_and_a_category_has_none() {
    let together = |x: &[f32]| if (x[0] > 0.5) == (x[2] > 0.5) { 0.8 } else { -0.8 };
    let data = Data::drawn(4_000, 2, together);
    let (bins, codes) = data.coded();
    let fitted = |directions: &[Direction]| {
        let problem = Problem { bins: &bins, codes: &codes, y: &data.y, weight: None };
        fit_directed(&problem, directions, &AdditiveParams::STANDARD, &NoControl)
    };
    let mut directions = [Direction::Any; 4];
    assert_eq!(maps(&fitted(&directions).unwrap()), [[0, 2]]);
    directions[2] = Direction::Increasing;
    assert!(maps(&fitted(&directions).unwrap()).is_empty());
    directions[3] = Direction::Decreasing;
    assert!(matches!(fitted(&directions), Err(Error::Parameter { name: "direction", .. })));
    assert!(matches!(fitted(&directions[..3]), Err(Error::Shape { what: "directions", .. })));
}
