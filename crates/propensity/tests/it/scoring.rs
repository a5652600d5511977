//! From raw features to scores and their explanation.

use osusume_model::NoControl;
use osusume_numeric::dispatch::{with_baseline, without_avx512};
use osusume_propensity::Error;
use osusume_propensity::additive::bins::{Bins, Codes, Cut, FeatureBins};
use osusume_propensity::additive::model::Additive;
use osusume_propensity::additive::score::{AdditiveScorer, OfferGround};
use osusume_propensity::additive::terms::{Groups, Term};
use osusume_propensity::calibration::Calibrator;
use osusume_propensity::contributions::Contributions;
use osusume_propensity::design::Design;
use osusume_propensity::encoder::{Encoder, EncoderParams, RawColumns, RawKind};
use osusume_propensity::logistic::Fit;
use osusume_propensity::score::Scorer;

use crate::support::*;

/// Three raw features of 3,000 customers: a number, a heavy-tailed number with gaps, a category.
fn raw_columns() -> Vec<Vec<f32>> {
    let mut noise = Noise::new(60);
    let number = (0..3_000).map(|_| noise.normal() as f32).collect();
    let heavy =
        (0..3_000).map(|_| if noise.unit() < 0.1 { f32::NAN } else { (1.5 * noise.normal()).exp() as f32 }).collect();
    let level = (0..3_000).map(|i| (i % 4) as f32).collect();
    vec![number, heavy, level]
}

const KINDS: [RawKind; 3] = [RawKind::Numeric, RawKind::Numeric, RawKind::Category { n_levels: 4 }];
const CALIBRATOR: Calibrator = Calibrator { slope: 0.8, intercept: -0.3 };

fn with_models<R>(check: impl FnOnce(&RawColumns<'_>, &Encoder, &Design, &[Fit]) -> R) -> R {
    let columns = raw_columns();
    let slices: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
    let raw = RawColumns { n_rows: 3_000, columns: &slices, kinds: &KINDS };
    let rows: Vec<u32> = (0..3_000).collect();
    let encoder = Encoder::fit(&raw, &rows, &EncoderParams::STANDARD).expect("finite numbers");
    let design = Design::encode(&encoder, &raw).expect("the same columns");
    let fits: Vec<Fit> = [-2.0, 0.0, 1.0]
        .iter()
        .map(|intercept| {
            let y = labels(&design, &truth(design.n_cols()), *intercept, 60);
            fit_with(&problem(&design, &y), &fixed(0.01)).expect("it converges")
        })
        .collect();
    check(&raw, &encoder, &design, &fits)
}

fn scorer(encoder: &Encoder, fits: &[Fit]) -> Scorer {
    let mut scorer = Scorer::new(encoder.clone());
    for fit in fits {
        scorer.push_fit(fit, &CALIBRATOR).expect("the encoder's columns");
    }
    scorer
}

#[test]
fn scores_are_calibrated_sigmoids() {
    with_models(|raw, encoder, design, fits| {
        let mut out = vec![0.0; 3_000 * 3];
        scorer(encoder, fits).score_block(raw, &mut out, &NoControl).unwrap();
        for row in 0..3_000 {
            for (offer, fit) in fits.iter().enumerate() {
                let xb: f64 = design.row(row).iter().zip(&fit.beta).map(|(x, b)| f64::from(*x) * b).sum();
                let want = CALIBRATOR.propensity(xb + fit.intercept);
                assert!((f64::from(out[row * 3 + offer]) - want).abs() < 1e-7);
            }
        }
    });
}

#[test]
fn threads_bodies_and_blocks_do_not_change_a_bit() {
    with_models(|raw, encoder, _, fits| {
        let scorer = scorer(encoder, fits);
        let run = || {
            let mut out = vec![0.0; 3_000 * 3];
            scorer.score_block(raw, &mut out, &NoControl).unwrap();
            out.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        };
        let expected = run();
        assert_eq!(with_baseline(run), expected);
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(run), expected);
        }
        let tail: Vec<&[f32]> = raw.columns.iter().map(|column| &column[2_999..]).collect();
        let mut last = vec![0.0; 3];
        scorer.score_block(&RawColumns { n_rows: 1, columns: &tail, kinds: &KINDS }, &mut last, &NoControl).unwrap();
        assert_eq!(last.into_iter().map(f32::to_bits).collect::<Vec<_>>(), expected[3 * 2_999..]);
    });
}

#[test]
fn contributions_add_up_to_the_log_odds() {
    with_models(|_, encoder, design, fits| {
        let scorer = scorer(encoder, fits);
        // The number alone, the other two together.
        let parts = Contributions::of_fit(&fits[1], &CALIBRATOR, design.source(), &[0, 1, 1]).unwrap();
        let mut sums = vec![0.0; 2];
        let mut out = vec![0.0; 2];
        for row in 0..3_000 {
            parts.of_row(design.row(row), &mut out).unwrap();
            let total = parts.reference() + out.iter().sum::<f64>();
            assert!((total - scorer.log_odds(design.row(row), 1)).abs() < 1e-12);
            sums.iter_mut().zip(&out).for_each(|(sum, part)| *sum += part);
        }
        // The reference is the training mean: over the training rows every group cancels.
        assert_close(&sums, &[0.0; 2], 1e-2);
    });
}

#[test]
fn wrong_shapes_are_refused() {
    with_models(|raw, encoder, design, fits| {
        let mut out = vec![0.0; 5];
        let scorer = scorer(encoder, fits);
        assert!(matches!(scorer.score_block(raw, &mut out, &NoControl), Err(Error::Shape { what: "out", .. })));
        assert!(matches!(Scorer::new(encoder.clone()).push_offer(&[1.0], 0.0, &CALIBRATOR), Err(Error::Shape { .. })));
        let bad = vec![f64::NAN; encoder.n_cols()];
        assert!(matches!(
            Scorer::new(encoder.clone()).push_offer(&bad, 0.0, &CALIBRATOR),
            Err(Error::NotFinite { .. })
        ));
        let groups = Contributions::of_fit(&fits[0], &CALIBRATOR, design.source(), &[0, 1]);
        assert!(matches!(groups, Err(Error::Shape { what: "group", got: 2, expected: 3 })));
    });
}

/// Nine features of five codes, maps of three pairs, and offers of which the last has a rate alone.
fn tabled(n_offers: usize) -> (Bins, Vec<Term>, Vec<Additive>) {
    let feature = |raw: u32| FeatureBins { raw, cut: Cut::Number { edges: vec![0.0, 1.0, 2.0] } };
    let bins = Bins { kinds: vec![RawKind::Numeric; 9], features: (0..9).map(feature).collect() };
    // Nobody had an absent value: no cell is theirs.
    let groups = Groups { of_code: vec![0, 0, 1, 1, 2], n: 2, n_ordered: 2 };
    let map = |first: usize| Term::Map { features: [first, first + 2], groups: [groups.clone(), groups.clone()] };
    let terms: Vec<Term> = (0..9).map(|feature| Term::Curve { feature }).chain([0, 3, 6].map(map)).collect();
    let mut noise = Noise::new(61);
    let model = |_| Additive {
        terms: terms.clone(),
        coefficients: terms.iter().map(|term| (0..term.size(&bins)).map(|_| noise.normal()).collect()).collect(),
        intercept: -1.0,
    };
    let models = (0..n_offers - 1).map(model).collect();
    (bins, terms, models)
}

#[test]
fn tiles_threads_and_bodies_change_no_bit_of_tabled_scores() {
    // More offers than a tile has, more rows than a block has.
    let (n_offers, n_rows) = (19, 2_500);
    let (bins, terms, models) = tabled(n_offers);
    let mut grounds: Vec<OfferGround<'_>> = models.iter().map(|model| OfferGround::Model(model, CALIBRATOR)).collect();
    grounds.push(OfferGround::LogOdds(-2.0));
    let scorer = AdditiveScorer::new(&bins, &terms, &grounds).unwrap();
    let columns = (0..9).map(|feature| (0..n_rows).map(|row| ((row * (feature + 2) / 3) % 5) as u8).collect());
    let codes = Codes { n_rows, columns: columns.collect() };
    let run = || {
        let mut out = vec![0.0; n_rows * n_offers];
        scorer.score_codes(&codes, &mut out, &NoControl).unwrap();
        out
    };
    let out = run();
    for (offer, model) in models.iter().enumerate() {
        for (row, eta) in model.eta(&codes).unwrap().into_iter().enumerate() {
            let expected = CALIBRATOR.propensity(eta);
            assert!((f64::from(out[row * n_offers + offer]) / expected - 1.0).abs() < 1e-6, "{offer} {row}");
        }
    }
    assert!(out.chunks(n_offers).all(|row| (row[n_offers - 1] - 0.119_202_92).abs() < 1e-7));
    let bits = |out: Vec<f32>| out.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
    let expected = bits(out);
    assert_eq!(bits(with_baseline(run)), expected);
    assert_eq!(bits(without_avx512(run)), expected);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(bits(pool.install(run)), expected, "{threads} threads");
    }
    let mut broken = codes.clone();
    broken.columns[4][7] = 5;
    let refused = scorer.score_codes(&broken, &mut vec![0.0; n_rows * n_offers], &NoControl);
    assert!(matches!(refused, Err(Error::Shape { what: "code", got: 5, expected: 5 })));
}

#[test]
fn tabled_scores_are_exact_to_half_a_unit_a_term_whatever_their_scale() {
    let n_rows = 300;
    let columns = (0..9).map(|feature| (0..n_rows).map(|row| ((row * (feature + 2) / 3) % 5) as u8).collect());
    let codes = Codes { n_rows, columns: columns.collect() };
    for scale in [1e-12, 1e-3, 1.0, 40.0, 1e6] {
        let (bins, terms, mut models) = tabled(2);
        let model = &mut models[0];
        model.coefficients.iter_mut().flatten().for_each(|b| *b *= scale);
        let scorer = AdditiveScorer::new(&bins, &terms, &[OfferGround::Model(model, CALIBRATOR)]).unwrap();
        let mut out = vec![0.0; n_rows];
        scorer.score_codes(&codes, &mut out, &NoControl).unwrap();
        let largest = |b: &Vec<f64>| b.iter().fold(0.0, |most: f64, b| most.max(b.abs()));
        let most = 1.1 + CALIBRATOR.slope * model.coefficients.iter().map(largest).sum::<f64>();
        // Thirteen roundings, units of up to most / 2²⁹.
        let error = 6.5 * most / f64::from(1 << 29);
        for (score, eta) in out.iter().zip(model.eta(&codes).unwrap()) {
            let (low, high) = (CALIBRATOR.log_odds(eta) - error, CALIBRATOR.log_odds(eta) + error);
            let [low, high] = [low, high].map(|eta| 1.0 / (1.0 + (-eta).exp()));
            let score = f64::from(*score);
            assert!(score >= low * (1.0 - 1e-7) && score <= high * (1.0 + 1e-7), "{scale}: {low} {score} {high}");
        }
    }
}
