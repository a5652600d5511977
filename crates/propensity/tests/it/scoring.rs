//! From raw features to scores and their explanation.

use osusume_model::NoControl;
use osusume_numeric::dispatch::with_baseline;
use osusume_propensity::Error;
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
