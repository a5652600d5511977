//! Bad numbers, each with its verdict, over every engine: the linear Newton (`logistic`), the pooled prior (`pooled`), the elastic net
//! (`elastic_net`) and the additive model (`additive`).
//!
//! Engines get raw columns, as a file has them, through the encoder or the bins. A verdict is an error by kind or a model whose
//! log-odds are finite for every row and whose training log-loss does not exceed the base rate's.
//!
//! What is judged elsewhere:
//!
//! | case | where |
//! |---|---|
//! | logit of 0 and 1, exp beyond ±745 and ±709, logarithm of 0 | `numeric::elementary`; of predictors here |
//! | ties alone in an AUC, bins of a calibration without rows, O/E of nothing | crate `evaluate` |
//! | counts beyond 32 bits, lift and conviction of zero, chi-squared of small tables, p-values below the least number | crate `association` |
//! | mean 1e9 with a deviation of 1e-3 in sums of money and counts | crate `windows` |
//! | NaN scores never published, digits in files, JSON beyond 2⁵³ | crates `pipeline`, `tables` |
//! | a model of another schema | crate `pipeline`; other bins and other columns here |

use osusume_model::NoControl;
use osusume_propensity::additive::bins::Bins;
use osusume_propensity::additive::fit::{AdditiveParams, Problem as AdditiveProblem, fit as fit_additive};
use osusume_propensity::calibration::calibrate;
use osusume_propensity::design::Design;
use osusume_propensity::elastic_net::{ElasticNet, ElasticNetParams, fit as fit_elastic_net};
use osusume_propensity::encoder::{Encoder, EncoderParams, RawColumns, RawKind};
use osusume_propensity::logistic::{LogisticParams, Problem, fit};
use osusume_propensity::pooled::{PooledParams, Shared, fit_pooled};
use osusume_propensity::{Error, Warning};

use crate::support::Noise;

const ENGINES: [Engine; 4] = [Engine::Newton, Engine::Pooled, Engine::ElasticNet, Engine::Additive];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Engine {
    Newton,
    Pooled,
    ElasticNet,
    Additive,
}

/// A table to learn from.
#[derive(Clone)]
struct Case {
    columns: Vec<Vec<f32>>,
    kinds: Vec<RawKind>,
    y: Vec<bool>,
    weight: Option<Vec<f64>>,
}

/// Log-odds of the training rows, and findings where the engine has any.
#[derive(Debug)]
struct Model {
    eta: Vec<f64>,
    warnings: Vec<Warning>,
    /// Mean log-loss of the training rows.
    loss: f64,
}

impl Case {
    /// Numbers without absent values.
    fn numbers(columns: Vec<Vec<f32>>, y: Vec<bool>) -> Self {
        let kinds = vec![RawKind::Numeric; columns.len()];
        Self { columns, kinds, y, weight: None }
    }

    /// Two columns of which the first matters.
    fn sound(n_rows: usize, seed: u64) -> Self {
        let mut noise = Noise::new(seed);
        let columns: Vec<Vec<f32>> = (0..2).map(|_| (0..n_rows).map(|_| noise.normal() as f32).collect()).collect();
        let y = columns[0].iter().map(|x| noise.unit() < 1.0 / (1.0 + f64::from(-1.5 * x).exp())).collect();
        Self::numbers(columns, y)
    }

    fn with(mut self, column: Vec<f32>) -> Self {
        self.columns.push(column);
        self.kinds.push(RawKind::Numeric);
        self
    }

    fn weighted(self, weight: Vec<f64>) -> Self {
        Self { weight: Some(weight), ..self }
    }

    fn fit(&self, engine: Engine) -> Result<Model, Error> {
        let slices: Vec<&[f32]> = self.columns.iter().map(Vec::as_slice).collect();
        let raw = RawColumns { n_rows: self.y.len(), columns: &slices, kinds: &self.kinds };
        if engine == Engine::Additive {
            return self.fit_additive(&raw);
        }
        let rows: Vec<u32> = (0..self.y.len() as u32).collect();
        let encoder = Encoder::fit(&raw, &rows, &EncoderParams { min_level_count: 1, ..EncoderParams::STANDARD })?;
        let design = Design::encode(&encoder, &raw)?;
        let problem = Problem { design: &design, rows: None, y: &self.y, weight: self.weight.as_deref(), offset: None };
        let (params, warnings) = match engine {
            Engine::Newton => {
                let fit = fit(&problem, &LogisticParams::STANDARD, None, &NoControl)?;
                (fit.params(), fit.warnings)
            }
            Engine::Pooled => {
                let features: Vec<u32> = encoder.columns.iter().map(|column| column.raw).collect();
                let shared = Shared {
                    features: &features,
                    n_features: self.columns.len(),
                    customers: None,
                    start: None,
                    params: None,
                };
                // Two offers of the same rows.
                let pooled = fit_pooled(&[problem, problem], &shared, &PooledParams::STANDARD, &NoControl)
                    .map_err(|error| error.error)?;
                assert_eq!(pooled.fits[0].beta, pooled.fits[1].beta);
                (pooled.fits[0].params(), pooled.fits[0].warnings.clone())
            }
            _ => {
                let penalty = ElasticNet { lambda: 1e-3, l1_share: 0.5 };
                let fit = fit_elastic_net(&problem, penalty, &ElasticNetParams::STANDARD, None, &NoControl)?;
                (fit.params(), Vec::new())
            }
        };
        let d = design.n_cols();
        let of_row =
            |row: usize| params[d] + design.row(row).iter().zip(&params).map(|(x, b)| f64::from(*x) * b).sum::<f64>();
        Ok(self.model((0..design.n_rows()).map(of_row).collect(), warnings))
    }

    fn fit_additive(&self, raw: &RawColumns<'_>) -> Result<Model, Error> {
        let bins = Bins::fit(raw, 1)?;
        let codes = bins.encode(raw)?;
        let problem = AdditiveProblem { bins: &bins, codes: &codes, y: &self.y, weight: self.weight.as_deref() };
        let fit = fit_additive(&problem, &AdditiveParams::STANDARD, &NoControl)?;
        Ok(self.model(fit.model.eta(&codes)?, fit.warnings))
    }

    fn weight(&self, row: usize) -> f64 {
        self.weight.as_ref().map_or(1.0, |weight| weight[row])
    }

    /// Mean of `value` by weight.
    fn mean(&self, value: impl Fn(usize) -> f64) -> f64 {
        let sum =
            |value: &dyn Fn(usize) -> f64| (0..self.y.len()).map(|row| self.weight(row) * value(row)).sum::<f64>();
        sum(&value) / sum(&|_| 1.0)
    }

    fn model(&self, eta: Vec<f64>, warnings: Vec<Warning>) -> Model {
        let loss = self.mean(|row| {
            let margin = if self.y[row] { eta[row] } else { -eta[row] };
            (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
        });
        Model { eta, warnings, loss }
    }

    /// A model of every engine, finite and no worse than the base rate.
    #[track_caller]
    fn models(&self) -> Vec<(Engine, Model)> {
        let rate = self.mean(|row| f64::from(u8::from(self.y[row])));
        let entropy = -(rate * rate.ln() + (1.0 - rate) * (1.0 - rate).ln());
        let check = |engine: Engine| {
            let model = self.fit(engine).unwrap_or_else(|error| panic!("{engine:?}: {error}"));
            assert!(model.eta.iter().all(|eta| eta.is_finite()), "{engine:?}");
            let loss = model.loss;
            assert!(loss <= entropy * (1.0 + 1e-6) + 1e-9, "{engine:?}: {loss} above {entropy}");
            (engine, model)
        };
        ENGINES.into_iter().map(check).collect()
    }

    /// Every engine refuses, as `is_expected` says.
    #[track_caller]
    fn refused(&self, is_expected: impl Fn(&Error) -> bool) {
        for engine in ENGINES {
            match self.fit(engine) {
                Err(error) => assert!(is_expected(&error), "{engine:?}: {error}"),
                Ok(_) => panic!("{engine:?} fitted it"),
            }
        }
    }

    /// What every engine says with `columns` in place of those there are differs by at most `tolerance`.
    #[track_caller]
    fn agrees_with(&self, other: &Self, tolerance: f64) {
        for ((engine, here), (_, there)) in self.models().into_iter().zip(other.models()) {
            let gap = here.eta.iter().zip(&there.eta).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(gap <= tolerance, "{engine:?}: {gap}");
        }
    }
}

#[test]
fn infinite_numbers_are_refused() {
    for bad in [f32::INFINITY, f32::NEG_INFINITY] {
        let mut case = Case::sound(100, 1);
        case.columns[1][7] = bad;
        case.refused(|error| matches!(error, Error::NotFinite { row: 7, column: 1, .. }));
    }
}

#[test]
fn absent_values_are_no_numbers_and_no_harm() {
    let mut case = Case::sound(600, 2);
    // NaN is how a value that is not there looks: here and there, a whole row, a whole column.
    (0..600).step_by(9).for_each(|row| case.columns[0][row] = f32::NAN);
    (0..2).for_each(|column| case.columns[column][5] = f32::NAN);
    let plain = case.models();
    for ((engine, with), (_, without)) in case.clone().with(vec![f32::NAN; 600]).models().iter().zip(&plain) {
        let gap = with.eta.iter().zip(&without.eta).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(gap < 1e-6, "{engine:?}: {gap}");
    }
}

#[test]
fn constant_columns_change_nothing() {
    let case = Case::sound(600, 3);
    for constant in [0.0, -3.5, 1e30, f32::MIN_POSITIVE] {
        case.agrees_with(&case.clone().with(vec![constant; 600]), 1e-6);
    }
}

#[test]
fn one_odd_row_moves_no_other() {
    let n = 20_000;
    let case = Case::sound(n, 4);
    let mut odd = vec![0.0; n];
    odd[n / 2] = 1.0;
    let with = case.clone().with(odd).models();
    for ((engine, with), (_, without)) in with.iter().zip(&case.models()) {
        let gap = |row: usize| (with.eta[row] - without.eta[row]).abs();
        let others = (0..n).filter(|row| *row != n / 2).map(gap).fold(0.0, f64::max);
        assert!(others < 0.1, "{engine:?} {others}");
        // A standard deviation of such a column is a hundredth and the row is far out: a straight line says much of it, a bin little.
        let most = if *engine == Engine::Additive { 2.0 } else { 12.0 };
        assert!(gap(n / 2) < most, "{engine:?} {}", gap(n / 2));
    }
}

#[test]
fn one_class_is_refused() {
    for label in [false, true] {
        let mut case = Case::sound(50, 5);
        case.y = vec![label; 50];
        case.refused(|error| matches!(error, Error::OneClass { rows: 50, .. }));
    }
}

#[test]
fn a_single_row_and_no_row_are_one_class() {
    for n in [0, 1] {
        let case = Case::numbers(vec![vec![1.0; n]], vec![true; n]);
        case.refused(|error| matches!(error, Error::OneClass { .. }));
    }
}

#[test]
fn a_single_positive_moves_odds_by_no_more_than_its_weight() {
    let mut case = Case::sound(400, 6);
    case.y = (0..400).map(|row| row == 17).collect();
    for (engine, model) in case.models() {
        let spread = model.eta.iter().fold(f64::NEG_INFINITY, |most, eta| most.max(*eta)) - (1.0_f64 / 399.0).ln();
        assert!(spread < 6.0, "{engine:?}: {spread}");
    }
}

#[test]
fn one_in_a_hundred_thousand_has_an_optimum() {
    let n = 100_000;
    let mut case = Case::sound(n, 7);
    case.y = (0..n).map(|row| row == n / 3).collect();
    for (engine, model) in case.models() {
        let expected = model.eta.iter().map(|eta| 1.0 / (1.0 + (-eta).exp())).sum::<f64>();
        assert!((expected - 1.0).abs() < 1e-3, "{engine:?}: {expected}");
    }
}

#[test]
fn separated_classes_stay_finite_and_are_told() {
    let mut case = Case::sound(400, 8);
    case.y = case.columns[0].iter().map(|x| *x > 0.2).collect();
    for (engine, model) in case.models() {
        // A fit that is held back too much to separate them says that it is.
        let is_told = |warning: &Warning| matches!(warning, Warning::Separated { .. } | Warning::PenaltyAtFloor);
        let is_separated = (0..400).all(|row| (model.eta[row] > 0.0) == case.y[row]);
        let told = model.warnings.iter().any(is_told);
        assert!(told || !is_separated || engine == Engine::ElasticNet, "{engine:?} {:?}", model.warnings);
        assert!(model.eta.iter().all(|eta| eta.abs() < 60.0), "{engine:?}");
    }
}

#[test]
fn quasi_separated_classes_stay_finite() {
    // Above 0 all are positive; at 0 both occur.
    let x: Vec<f32> = (0..400).map(|row| ((row % 5) as f32 - 2.0).max(0.0)).collect();
    let y = x.iter().enumerate().map(|(row, x)| *x > 0.0 || row % 10 == 0).collect();
    for (engine, model) in Case::numbers(vec![x], y).models() {
        assert!(model.eta.iter().all(|eta| eta.abs() < 60.0), "{engine:?}");
    }
}

#[test]
fn repeated_and_combined_columns_have_an_optimum() {
    let case = Case::sound(800, 9);
    let repeated = case.columns[0].clone();
    let sum: Vec<f32> = case.columns[0].iter().zip(&case.columns[1]).map(|(a, b)| 2.0 * a - b).collect();
    case.clone().with(repeated.clone()).models();
    // Three columns, two dimensions, and one of them twice.
    case.with(sum).with(repeated).models();
}

#[test]
fn indicators_of_all_levels_have_an_optimum() {
    // The dummy trap: they add up to the constant.
    let level = |row: usize| row * 7 % 11 % 3;
    let columns = (0..3).map(|k| (0..600).map(|row| f32::from(u8::from(level(row) == k))).collect()).collect();
    let mut noise = Noise::new(10);
    let y = (0..600).map(|row| noise.unit() < [0.2, 0.5, 0.7][level(row)]).collect();
    for (engine, model) in Case::numbers(columns, y).models() {
        let rates = |k: usize| {
            let rows: Vec<f64> = (0..600).filter(|row| level(*row) == k).map(|row| model.eta[row]).collect();
            1.0 / (1.0 + (-rows[0]).exp())
        };
        assert!((rates(0) - 0.2).abs() < 0.1 && (rates(2) - 0.7).abs() < 0.1, "{engine:?} {} {}", rates(0), rates(2));
    }
}

#[test]
fn more_columns_than_rows_have_an_optimum() {
    let mut noise = Noise::new(11);
    let columns = (0..60).map(|_| (0..40).map(|_| noise.normal() as f32).collect()).collect();
    let y = (0..40).map(|row| row % 3 == 0).collect();
    Case::numbers(columns, y).models();
}

#[test]
fn weights_that_are_no_weights_are_refused() {
    for bad in [-1.0, f64::NAN, f64::INFINITY, -f64::MIN_POSITIVE] {
        let mut weight = vec![1.0; 100];
        weight[3] = bad;
        Case::sound(100, 12)
            .weighted(weight)
            .refused(|error| matches!(error, Error::NotFinite { .. } | Error::Parameter { .. }));
    }
    Case::sound(100, 12).weighted(vec![0.0; 100]).refused(|error| matches!(error, Error::OneClass { rows: 0, .. }));
    Case::sound(100, 12).weighted(vec![1.0; 99]).refused(|error| matches!(error, Error::Shape { .. }));
}

#[test]
fn a_row_of_weight_zero_is_not_there() {
    let case = Case::sound(500, 13);
    let weight: Vec<f64> = (0..500).map(|row| f64::from(u8::from(row % 4 != 0))).collect();
    let mut turned = case.clone();
    (0..500).step_by(4).for_each(|row| turned.y[row] = !turned.y[row]);
    case.weighted(weight.clone()).agrees_with(&turned.weighted(weight), 0.0);
}

#[test]
fn weights_of_any_scale_have_an_optimum() {
    for scale in [1e-12, 1e12] {
        Case::sound(300, 14).weighted(vec![scale; 300]).models();
    }
}

#[test]
fn the_unit_of_a_column_does_not_matter() {
    let case = Case::sound(600, 15);
    let in_units = |units: [f32; 2]| {
        let columns = case.columns.iter().zip(units);
        let columns = columns.map(|(column, unit)| column.iter().map(|x| x * unit).collect()).collect();
        Case::numbers(columns, case.y.clone())
    };
    // Powers of two change no digit.
    case.agrees_with(&in_units([2.0_f32.powi(50), 2.0_f32.powi(-50)]), 1e-9);
    case.agrees_with(&in_units([1e15, 1e-15]), 1e-4);
}

#[test]
fn numbers_below_the_normal_ones_are_numbers() {
    // 0, or the least number there is times a few: they differ by 1e-44 and that is a difference.
    let mut noise = Noise::new(16);
    let x: Vec<f32> = (0..600).map(|row| f32::from_bits(row as u32 % 4)).collect();
    let y = (0..600).map(|row| noise.unit() < [0.2, 0.3, 0.6, 0.8][row % 4]).collect();
    for (engine, model) in Case::numbers(vec![x], y).models() {
        assert!(model.eta[3] - model.eta[0] > 1.0, "{engine:?} {:?}", &model.eta[..4]);
    }
}

#[test]
fn a_small_spread_around_a_large_mean_is_kept_where_the_number_keeps_it() {
    let case = Case::sound(800, 17);
    let around = |mean: f32, spread: f32| {
        let column = case.columns[0].iter().map(|x| mean + spread * x).collect();
        Case::numbers(vec![column, case.columns[1].clone()], case.y.clone())
    };
    // A thousandth of the spread is a step of the number: rows at an edge change their bin, and what is learned is as good.
    for ((engine, here), (_, there)) in case.models().into_iter().zip(around(1e4, 1.0).models()) {
        let gap = (here.loss - there.loss).abs();
        assert!(gap < 0.01, "{engine:?}: {gap}");
    }
    // 1e9 with a spread of 1e-3 is one number: a constant, and the other column is all there is.
    let alone = Case::numbers(vec![case.columns[1].clone()], case.y.clone());
    alone.agrees_with(&around(1e9, 1e-3), 1e-6);
}

#[test]
fn predictors_beyond_what_exp_holds_are_calibrated() {
    let far = [-1e6, -745.2, -709.8, -1.0, 1.0, 709.8, 745.2, 1e6];
    let eta: Vec<f64> = far.into_iter().cycle().take(800).collect();
    let y: Vec<bool> = (0..800).map(|row| (row % 8 > 3) != (row % 37 == 0)).collect();
    let calibrator = calibrate(&eta, &y, None, &NoControl).unwrap().calibrator;
    for eta in far.into_iter().chain([f64::MAX, f64::MIN]) {
        let p = calibrator.propensity(eta);
        assert!((0.0..=1.0).contains(&p), "{eta}: {p}");
    }
}

#[test]
fn identical_rows_have_identical_scores() {
    let mut case = Case::sound(300, 18);
    let (columns, y) = (case.columns.clone(), case.y.clone());
    case.columns.iter_mut().zip(columns).for_each(|(column, more)| column.extend(more));
    case.y.extend(y.into_iter().map(|y| !y));
    for (engine, model) in case.models() {
        assert!((0..300).all(|row| model.eta[row].to_bits() == model.eta[row + 300].to_bits()), "{engine:?}");
        // Either label has the same rows: there is nothing to learn.
        assert!(model.eta.iter().all(|eta| eta.abs() < 1e-6), "{engine:?}");
    }
}

#[test]
fn the_order_of_rows_changes_rounding_alone() {
    let case = Case::sound(900, 19);
    let order: Vec<usize> = (0..900).map(|row| row * 7 % 900).collect();
    let columns = case.columns.iter().map(|column| order.iter().map(|row| column[*row]).collect()).collect();
    let other = Case::numbers(columns, order.iter().map(|row| case.y[*row]).collect());
    for ((engine, here), (_, there)) in case.models().into_iter().zip(other.models()) {
        let gap = order.iter().zip(&there.eta).map(|(row, eta)| (here.eta[*row] - eta).abs()).fold(0.0, f64::max);
        assert!(gap < 1e-5, "{engine:?}: {gap}");
    }
}

#[test]
fn levels_nobody_had_are_one_and_infinities_are_the_outermost_bins() {
    let values: Vec<f32> = (0..300).map(|row| (row % 3) as f32).collect();
    let levels: Vec<f32> = (0..300).map(|row| (row % 5 / 2) as f32).collect();
    let kinds = [RawKind::Numeric, RawKind::Category { n_levels: 4 }];
    let raw = RawColumns { n_rows: 300, columns: &[&values, &levels], kinds: &kinds };
    let y: Vec<bool> = (0..300).map(|row| row % 3 == 2).collect();
    let bins = Bins::fit(&raw, 1).unwrap();
    let codes = bins.encode(&raw).unwrap();
    let problem = AdditiveProblem { bins: &bins, codes: &codes, y: &y, weight: None };
    let fitted = fit_additive(&problem, &AdditiveParams::STANDARD, &NoControl).unwrap();
    let eta = |number: f32, level: f32| {
        let raw = RawColumns { n_rows: 1, columns: &[&[number], &[level]], kinds: &kinds };
        fitted.model.eta(&bins.encode(&raw).unwrap()).unwrap()[0]
    };
    let same = |a: f64, b: f64| assert_eq!(a.to_bits(), b.to_bits());
    same(eta(f32::INFINITY, 0.0), eta(2.0, 0.0));
    same(eta(f32::NEG_INFINITY, 0.0), eta(0.0, 0.0));
    same(eta(1.0, 3.0), eta(1.0, 4_000.0));
    assert!(eta(1.0, 3.0).is_finite() && eta(f32::NAN, f32::NAN).is_finite());
}

#[test]
fn a_model_of_other_columns_is_refused() {
    let case = Case::sound(100, 20);
    let slices: Vec<&[f32]> = case.columns.iter().map(Vec::as_slice).collect();
    let raw = RawColumns { n_rows: 100, columns: &slices, kinds: &case.kinds };
    let fewer = RawColumns { n_rows: 100, columns: &slices[..1], kinds: &case.kinds[..1] };
    let bins = Bins::fit(&raw, 1).unwrap();
    assert!(matches!(bins.encode(&fewer), Err(Error::Shape { .. })));
    let rows: Vec<u32> = (0..100).collect();
    let encoder = Encoder::fit(&raw, &rows, &EncoderParams::STANDARD).unwrap();
    assert!(matches!(Design::encode(&encoder, &fewer), Err(Error::Shape { .. })));
    let codes = bins.encode(&raw).unwrap();
    let problem = AdditiveProblem { bins: &bins, codes: &codes, y: &case.y, weight: None };
    let fitted = fit_additive(&problem, &AdditiveParams::STANDARD, &NoControl).unwrap();
    let few = Bins::fit(&fewer, 1).unwrap().encode(&fewer).unwrap();
    assert!(matches!(fitted.model.eta(&few), Err(Error::Shape { .. })));
    // Codes of other bins than the model's.
    let mut beyond = codes.clone();
    beyond.columns[0][0] = 255;
    let problem = AdditiveProblem { bins: &bins, codes: &beyond, y: &case.y, weight: None };
    let refused = fit_additive(&problem, &AdditiveParams::STANDARD, &NoControl);
    assert!(matches!(refused, Err(Error::Shape { .. })));
}
