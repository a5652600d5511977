//! Additive models of many offers: planted truths, and that design, curves and scores are one model.

use osusume_model::NoControl;
use osusume_propensity::Error;
use osusume_propensity::additive::basis::{Basis, Coded, bends, joint};
use osusume_propensity::additive::score::{AdditiveScorer, OfferGround};
use osusume_propensity::additive::screen::{Residuals, Screen};
use osusume_propensity::additive::terms::Term;
use osusume_propensity::calibration::Calibrator;
use osusume_propensity::encoder::{Encoder, EncoderParams, RawColumns, RawKind};
use osusume_propensity::logistic::Problem;
use osusume_propensity::pooled::{PooledParams, Shared, fit_pooled};

use crate::support::{Noise, assert_close, problem};

const OFFERS: usize = 6;
const FOLDS: u8 = 5;

/// Rows of customers, their features, and who took which offer.
struct World {
    columns: Vec<Vec<f32>>,
    kinds: Vec<RawKind>,
    customer: Vec<u32>,
    fold: Vec<u8>,
    y: Vec<Vec<bool>>,
}

impl World {
    /// Five uniform numbers from −1 to 1, absent in a tenth of the rows of the last, and a category of four levels. Every customer has
    /// `dates` equal rows and takes an offer at all of them or at none.
    fn drawn(n_customers: usize, dates: usize, seed: u64, eta: impl Fn(usize, &[f32]) -> f64) -> Self {
        let mut noise = Noise::new(seed);
        let mut world = Self {
            columns: vec![Vec::new(); 6],
            kinds: vec![RawKind::Numeric; 5],
            customer: Vec::new(),
            fold: Vec::new(),
            y: vec![Vec::new(); OFFERS],
        };
        world.kinds.push(RawKind::Category { n_levels: 4 });
        for customer in 0..n_customers as u32 {
            let mut row: Vec<f32> = (0..5).map(|_| 2.0 * noise.unit() as f32 - 1.0).collect();
            row[4] = if noise.unit() < 0.1 { f32::NAN } else { row[4] };
            row.push((noise.unit() * 4.0).floor() as f32);
            let takes: Vec<bool> = (0..OFFERS).map(|k| noise.unit() < 1.0 / (1.0 + (-eta(k, &row)).exp())).collect();
            for _ in 0..dates {
                world.columns.iter_mut().zip(&row).for_each(|(column, value)| column.push(*value));
                world.y.iter_mut().zip(&takes).for_each(|(y, take)| y.push(*take));
                world.customer.push(customer);
                world.fold.push((customer % u32::from(FOLDS)) as u8);
            }
        }
        world
    }

    fn rows(&self) -> Vec<u32> {
        (0..self.customer.len() as u32).collect()
    }

    /// Codes and straight columns, fitted on all rows.
    fn coded(&self) -> (Coded, Basis) {
        let columns: Vec<&[f32]> = self.columns.iter().map(Vec::as_slice).collect();
        let raw = RawColumns { n_rows: self.customer.len(), columns: &columns, kinds: &self.kinds };
        let coded = Coded::new(&raw, &self.rows(), 10, 32).expect("finite values");
        let encoder = Encoder::fit(&raw, &self.rows(), &EncoderParams::WINDOWS).expect("finite values");
        let basis = Basis::straight(&encoder, &raw, &coded).expect("the encoder's columns");
        (coded, basis)
    }

    fn screen<'a>(&'a self, coded: &'a Coded) -> Screen<'a> {
        Screen { coded, fold: &self.fold, n_folds: FOLDS, customer: &self.customer, control: &NoControl }
    }

    /// Parameters of the offers over the basis, and what they leave over.
    fn fitted<'a>(&self, coded: &Coded, basis: &Basis, rows: &'a [u32]) -> (Vec<Vec<f64>>, Vec<Residuals<'a>>) {
        let design = basis.design(&coded.codes).expect("codes of the basis");
        let (groups, n_features) = (basis.groups(), basis.n_groups());
        let shared =
            Shared { features: &groups, n_features, customers: Some(&self.customer), start: None, params: None };
        let problems: Vec<Problem<'_>> = self.y.iter().map(|y| problem(&design, y)).collect();
        let pooled = fit_pooled(&problems, &shared, &PooledParams::STANDARD, &NoControl).expect("both classes");
        let params: Vec<Vec<f64>> = pooled.fits.iter().map(osusume_propensity::logistic::Fit::params).collect();
        let left = |(params, y): (&Vec<f64>, &Vec<bool>)| {
            let eta = |row: &u32| {
                let x = design.row(*row as usize);
                x.iter().zip(params).map(|(x, b)| f64::from(*x) * b).sum::<f64>() + params[x.len()]
            };
            let eta: Vec<f64> = rows.iter().map(eta).collect();
            Residuals::new(rows, y, &eta).expect("one predictor a row")
        };
        let left = params.iter().zip(&self.y).map(left).collect();
        (params, left)
    }
}

fn features(columns: &[osusume_propensity::additive::basis::BasisColumn]) -> Vec<Vec<usize>> {
    let of = |term: &Term| match term {
        Term::Curve { feature } => vec![*feature],
        Term::Map { features, .. } => features.to_vec(),
    };
    let mut found: Vec<Vec<usize>> = columns.iter().map(|column| of(&column.term)).collect();
    found.dedup();
    found
}

#[test]
fn what_bends_and_what_acts_together_is_found_and_nothing_else() {
    // A line in 0, a bow in 1 that all share, a bow in 2 for half of the offers and its opposite for the rest, 0 and 1 together.
    let eta = |k: usize, x: &[f32]| {
        let [a, b, c] = [x[0], x[1], x[2]].map(f64::from);
        let side = if k.is_multiple_of(2) { 1.5 } else { -1.5 };
        -1.5 + 0.8 * a + 1.5 * b * b + side * (c * c - 0.33) + 1.2 * a * b
    };
    let world = World::drawn(4_000, 1, 7, eta);
    let (coded, mut basis) = world.coded();
    let screen = world.screen(&coded);
    let rows = world.rows();
    let rates: Vec<Residuals<'_>> = world.y.iter().map(|y| Residuals::of_rate(&rows, y)).collect();
    let useful = screen.useful(&basis, &rates).unwrap();
    assert_eq!(useful.iter().map(|(feature, _)| *feature).collect::<Vec<_>>(), [0, 1, 2]);
    basis.keep(|feature| feature < 3);
    let (_, left) = world.fitted(&coded, &basis, &rows);
    let bends = screen.bends(&basis, &[0, 1, 2], &left).unwrap();
    assert_eq!(features(&bends), [[1], [2]]);
    assert_eq!(features(&screen.bends_alone(&basis, &[0, 1, 2], &rates).unwrap()), [[1], [2]]);
    assert_eq!(features(&screen.pairs(&useful, &left, 5).unwrap()), [[0, 1]]);
    assert!(screen.pairs(&useful, &left, 0).unwrap().is_empty());
    // Once they are in, nothing is left.
    basis.extend(bends);
    basis.extend(joint(&coded, [0, 1]));
    assert_eq!((basis.bent(), basis.paired()), (vec![1, 2], vec![[0, 1]]));
    let (_, left) = world.fitted(&coded, &basis, &rows);
    assert!(screen.bends(&basis, &[0], &left).unwrap().is_empty());
    assert!(screen.pairs(&useful, &left, 5).unwrap().is_empty());
}

#[test]
fn repetition_is_no_evidence() {
    // Straight lines, but every customer eight times over: noise repeats itself.
    for seed in 0..4 {
        let world = World::drawn(400, 8, seed, |_, x| -1.0 + f64::from(x[0]) - 0.7 * f64::from(x[1]));
        let (coded, basis) = world.coded();
        let screen = world.screen(&coded);
        let rows = world.rows();
        let (_, left) = world.fitted(&coded, &basis, &rows);
        assert!(screen.bends(&basis, &[0, 1, 2, 3, 4], &left).unwrap().is_empty(), "{seed}");
        let all: Vec<(usize, f64)> = (0..6).map(|feature| (feature, 1.0)).collect();
        assert!(screen.pairs(&all, &left, 5).unwrap().is_empty(), "{seed}");
        let rates: Vec<Residuals<'_>> = world.y.iter().map(|y| Residuals::of_rate(&rows, y)).collect();
        let useful: Vec<usize> = screen.useful(&basis, &rates).unwrap().iter().map(|(feature, _)| *feature).collect();
        assert!(useful.iter().all(|feature| *feature < 2), "{seed}: {useful:?}");
    }
}

#[test]
fn straight_columns_are_the_encoders() {
    let world = World::drawn(2_000, 1, 3, |_, x| f64::from(x[0]));
    let columns: Vec<&[f32]> = world.columns.iter().map(Vec::as_slice).collect();
    let raw = RawColumns { n_rows: 2_000, columns: &columns, kinds: &world.kinds };
    // Levels of which only the first half of the rows know three.
    let rows: Vec<u32> = (0..2_000).filter(|row| world.columns[5][*row as usize] < 3.0).collect();
    let encoder = Encoder::fit(&raw, &rows, &EncoderParams::WINDOWS).unwrap();
    let coded = Coded::new(&raw, &rows, 50, 32).unwrap();
    let basis = Basis::straight(&encoder, &raw, &coded).unwrap();
    assert_eq!(basis.columns.len(), encoder.n_cols());
    let probe: Vec<Vec<f32>> =
        vec![vec![0.3, f32::NAN, 9.0]; 5].into_iter().chain([vec![1.0, f32::NAN, 3.0]]).collect();
    let probe: Vec<&[f32]> = probe.iter().map(Vec::as_slice).collect();
    let probe = RawColumns { n_rows: 3, columns: &probe, kinds: &world.kinds };
    let mut expected = vec![0.0; 3 * encoder.n_cols()];
    encoder.encode_block(&probe, &mut expected).unwrap();
    let design = basis.design(&coded.bins.encode(&probe).unwrap()).unwrap();
    for (i, (got, want)) in design.x().iter().zip(&expected).enumerate() {
        // A thirty-second of the range between the least and the largest, in standard deviations.
        let is_number = encoder.columns[i % encoder.n_cols()].raw < 5;
        assert!((got - want).abs() < if is_number { 0.12 } else { 1e-6 }, "{i}: {got} {want}");
    }
    assert_eq!(design.source(), encoder.columns.iter().map(|column| column.raw).collect::<Vec<u32>>());
}

#[test]
fn bends_are_orthogonal_to_the_line_and_smoother_ones_weigh_less() {
    let world = World::drawn(3_000, 1, 5, |_, _| 0.0);
    let (coded, basis) = world.coded();
    let found = bends(&coded, &basis, 4);
    assert!(!found.is_empty() && bends(&coded, &basis, 5).is_empty());
    let codes = &coded.codes.columns[4];
    let straight = basis.of_feature(4).next().unwrap();
    let mean =
        |f: &dyn Fn(usize) -> f64| codes.iter().map(|code| f(usize::from(*code))).sum::<f64>() / codes.len() as f64;
    for (k, bend) in found.iter().enumerate() {
        let at = |code: usize| f64::from(bend.table[code]);
        assert!(mean(&at).abs() < 1e-4 && mean(&|code| at(code) * f64::from(straight.table[code])).abs() < 1e-4);
        let of_present = codes.iter().filter(|code| **code != coded.bins.features[4].absent()).count() as f64;
        let variance = mean(&|code| at(code).powi(2)) * codes.len() as f64 / of_present;
        assert!((variance - 1.0 / ((k + 1) * (k + 1)) as f64).abs() < 1e-3, "{variance}");
        assert!(bend.table[usize::from(coded.bins.features[4].absent())].abs() <= 0.0);
    }
}

#[test]
fn design_curves_and_scores_are_one_model() {
    let world = World::drawn(1_500, 2, 11, |k, x| f64::from(x[1] * x[1] * x[0]) - 0.1 * k as f64);
    let (coded, mut basis) = world.coded();
    basis.keep(|feature| feature != 2);
    let of_one = bends(&coded, &basis, 1);
    basis.extend(of_one);
    basis.extend(joint(&coded, [0, 1]));
    basis.extend(joint(&coded, [1, 5]));
    let rows = world.rows();
    let (params, _) = world.fitted(&coded, &basis, &rows);
    let design = basis.design(&coded.codes).unwrap();
    let d = basis.columns.len();
    let models: Vec<_> = params.iter().map(|params| basis.model(&params[..d], params[d], &coded).unwrap()).collect();
    let used = basis.used();
    assert_eq!(used, [0, 1, 3, 4, 5]);
    let bins = coded.bins_of(&used);
    let columns: Vec<&[f32]> = world.columns.iter().map(Vec::as_slice).collect();
    let raw = RawColumns { n_rows: rows.len(), columns: &columns, kinds: &world.kinds };
    let codes = bins.encode(&raw).unwrap();
    let calibrator = Calibrator { slope: 0.8, intercept: -0.2 };
    let mut grounds: Vec<OfferGround<'_>> = models.iter().map(|model| OfferGround::Model(model, calibrator)).collect();
    grounds.insert(2, OfferGround::LogOdds(-2.0));
    let scorer = AdditiveScorer::new(&bins, &models[0].terms, &grounds).unwrap();
    let mut scores = vec![0.0; rows.len() * scorer.n_offers()];
    scorer.score_block(&raw, &mut scores, &NoControl).unwrap();
    for (model, (params, offer)) in models.iter().zip(params.iter().zip([0, 1, 3, 4, 5, 6])) {
        let eta = model.eta(&codes).unwrap();
        let product =
            |row: usize| design.row(row).iter().zip(params).map(|(x, b)| f64::from(*x) * b).sum::<f64>() + params[d];
        let expected: Vec<f64> = (0..rows.len()).map(product).collect();
        assert_close(&eta, &expected, 1e-9);
        for (row, eta) in eta.iter().enumerate() {
            let expected = 1.0 / (1.0 + (0.2 - 0.8 * eta).exp());
            assert!((f64::from(scores[row * 7 + offer]) - expected).abs() < 1e-6);
        }
        // Every term is told against the mean row.
        for (term, coefficients) in model.terms.iter().zip(&model.coefficients) {
            let mean =
                term.cells(&codes).iter().map(|cell| coefficients[usize::from(*cell)]).sum::<f64>() / eta.len() as f64;
            assert!(mean.abs() < 1e-9, "{mean}");
        }
    }
    assert!(scores.chunks(7).all(|row| (row[2] - 0.119_202_92).abs() < 1e-6));
    // From codes, the same bits.
    let mut of_codes = vec![0.0; scores.len()];
    scorer.score_codes(&codes, &mut of_codes, &NoControl).unwrap();
    assert!(of_codes.iter().zip(&scores).all(|(a, b)| a.to_bits() == b.to_bits()));
    // Another block, the same bits.
    let part: Vec<&[f32]> = columns.iter().map(|column| &column[700..1_001]).collect();
    let part = RawColumns { n_rows: 301, columns: &part, kinds: &world.kinds };
    let mut again = vec![0.0; 301 * 7];
    scorer.score_block(&part, &mut again, &NoControl).unwrap();
    assert!(again.iter().zip(&scores[700 * 7..]).all(|(a, b)| a.to_bits() == b.to_bits()));
    // Other terms, too few coefficients, and rows there are not.
    assert!(matches!(AdditiveScorer::new(&bins, &models[0].terms[1..], &grounds), Err(Error::Shape { .. })));
    assert!(matches!(basis.model(&params[0][..3], 0.0, &coded), Err(Error::Shape { .. })));
    assert!(matches!(Coded::new(&raw, &[9_999_999], 10, 32), Err(Error::Shape { .. })));
}

#[test]
fn threads_change_nothing() {
    let world = World::drawn(2_000, 2, 13, |_, x| f64::from(x[1] * x[1]) - f64::from(x[0]));
    let run = || {
        let (coded, mut basis) = world.coded();
        let screen = world.screen(&coded);
        let rows = world.rows();
        let rates: Vec<Residuals<'_>> = world.y.iter().map(|y| Residuals::of_rate(&rows, y)).collect();
        let useful = screen.useful(&basis, &rates).unwrap();
        let found = screen.bends_alone(&basis, &[0, 1, 2], &rates).unwrap();
        basis.extend(found);
        let design = basis.design(&coded.codes).unwrap();
        let bits: Vec<u32> = design.x().iter().map(|x| x.to_bits()).collect();
        (useful.iter().map(|(feature, gain)| (*feature, gain.to_bits())).collect::<Vec<_>>(), bits)
    };
    let expected = run();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(pool.install(run) == expected, "{threads}");
    }
}
