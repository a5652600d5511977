//! The encoder: rules, clips, levels, absence, and what it may not look at.

use osusume_propensity::Error;
use osusume_propensity::design::Design;
use osusume_propensity::encoder::{DropReason, Dropped, Encoder, EncoderParams, RawColumns, RawKind, Transform};
use proptest::prelude::*;

use crate::support::Noise;

const NUMERIC: RawKind = RawKind::Numeric;

fn params(min_level_count: u64) -> EncoderParams {
    EncoderParams { min_level_count, ..EncoderParams::STANDARD }
}

fn all(n: usize) -> Vec<u32> {
    (0..n as u32).collect()
}

fn fit(columns: &[&[f32]], kinds: &[RawKind], params: &EncoderParams) -> Encoder {
    let n_rows = columns[0].len();
    Encoder::fit(&RawColumns { n_rows, columns, kinds }, &all(n_rows), params).expect("numbers that can be encoded")
}

fn column(design: &Design, j: usize) -> Vec<f64> {
    (0..design.n_rows()).map(|row| f64::from(design.row(row)[j])).collect()
}

#[test]
fn carried_parameters_say_the_same_by_other_means_and_scales() {
    let number: Vec<f32> = (0..400).map(|i| (i * 37 % 101) as f32 / 10.0 - 5.0).collect();
    let level: Vec<f32> =
        (0..400).map(|i| if i % 7 == 0 { f32::NAN } else { [0.0, 0.0, 0.0, 1.0, 1.0, 2.0][i % 6] }).collect();
    let columns: [&[f32]; 2] = [&number, &level];
    let kinds = [RawKind::Numeric, RawKind::Category { n_levels: 3 }];
    let raw = RawColumns { n_rows: 400, columns: &columns, kinds: &kinds };
    let params = EncoderParams { clip_share: 0.0, min_level_count: 1, ..EncoderParams::STANDARD };
    let early = Encoder::fit(&raw, &(0..150).collect::<Vec<u32>>(), &params).unwrap();
    let late = Encoder::fit(&raw, &(0..400).collect::<Vec<u32>>(), &params).unwrap();
    assert_eq!(early.n_cols(), late.n_cols());
    let beta: Vec<f64> = (0..=early.n_cols()).map(|j| 0.3 - 0.2 * j as f64).collect();
    let carried = late.carry(&early, &beta).unwrap();
    let eta = |encoder: &Encoder, params: &[f64]| -> Vec<f64> {
        let design = Design::encode(encoder, &raw).unwrap();
        let (intercept, beta) = params.split_last().unwrap();
        (0..400)
            .map(|i| intercept + design.row(i).iter().zip(beta).map(|(x, b)| f64::from(*x) * b).sum::<f64>())
            .collect()
    };
    let (before, after) = (eta(&early, &beta), eta(&late, &carried));
    // An absent level is encoded as the mean, which moved.
    for i in (0..400).filter(|i| !level[*i].is_nan()) {
        assert!((before[i] - after[i]).abs() < 1e-5, "{i}: {} against {}", before[i], after[i]);
    }
    assert!(late.carry(&early, &beta[1..]).is_err());
}

#[test]
fn numbers_are_clipped_and_standardised() {
    let mut noise = Noise::new(1);
    let mut values: Vec<f32> = (0..10_000).map(|_| 5.0 + 2.0 * noise.normal() as f32).collect();
    values[17] = 1e9;
    let encoder = fit(&[&values], &[NUMERIC], &params(1));
    let raw = RawColumns { n_rows: 10_000, columns: &[&values], kinds: &[NUMERIC] };
    let x = column(&Design::encode(&encoder, &raw).unwrap(), 0);
    assert!((x.iter().sum::<f64>() / 1e4).abs() < 1e-6);
    assert!((x.iter().map(|v| v * v).sum::<f64>() / 1e4 - 1.0).abs() < 1e-5);
    // 99.5 % of a normal distribution.
    assert!(x[17] > 2.3 && x[17] < 2.9, "{}", x[17]);
    assert_eq!(encoder.columns.len(), 1);
}

#[test]
fn heavy_tails_also_get_a_logarithm() {
    let mut noise = Noise::new(2);
    let heavy: Vec<f32> = (0..5_000).map(|_| (2.0 * noise.normal()).exp() as f32).collect();
    let light: Vec<f32> = (0..5_000).map(|_| noise.unit() as f32).collect();
    let signed: Vec<f32> = heavy.iter().map(|v| -v).collect();
    let encoder = fit(&[&heavy, &light, &signed], &[NUMERIC; 3], &params(1));
    let sources: Vec<u32> = encoder.columns.iter().map(|column| column.raw).collect();
    assert_eq!(sources, [0, 0, 1, 2]);
    assert!(matches!(encoder.columns[1].transform, Transform::Log1p { .. }));
    let alone = EncoderParams { min_level_count: 1, ..EncoderParams::WINDOWS };
    let alone = fit(&[&heavy, &light, &signed], &[NUMERIC; 3], &alone);
    assert_eq!(alone.columns, encoder.columns[1..]);
}

#[test]
fn a_rare_value_survives_the_clip() {
    let values: Vec<f32> = (0..1_000).map(|i| f32::from(u8::from(i == 500)) * 3.0).collect();
    let encoder = fit(&[&values], &[NUMERIC], &params(1));
    assert!(matches!(encoder.columns[0].transform, Transform::Linear { low: 0.0, high: 3.0 }));
}

#[test]
fn absence_is_the_mean_and_an_indicator_when_frequent() {
    let often: Vec<f32> = (0..1_000).map(|i| if i % 10 == 0 { f32::NAN } else { i as f32 }).collect();
    let together: Vec<f32> = often.iter().map(|v| v * v % 7.0).collect();
    let seldom: Vec<f32> = (0..1_000).map(|i| if i == 1 { f32::NAN } else { i as f32 }).collect();
    let encoder = fit(&[&often, &together, &seldom], &[NUMERIC; 3], &params(1));
    let absents: Vec<u32> =
        encoder.columns.iter().filter(|c| c.transform == Transform::Absent).map(|c| c.raw).collect();
    assert_eq!(absents, [0]);
    assert_eq!(encoder.dropped, [Dropped { raw: 1, reason: DropReason::SameAbsence { kept: 0 } }]);
    let raw = RawColumns { n_rows: 1_000, columns: &[&often, &together, &seldom], kinds: &[NUMERIC; 3] };
    let design = Design::encode(&encoder, &raw).unwrap();
    assert_eq!(design.row(0)[0].to_bits(), 0.0_f32.to_bits());
    // (1 − 0.1) / ½ and (0 − 0.1) / ½.
    assert_eq!((design.row(0)[1], design.row(1)[1]), (1.8, -0.2));
}

#[test]
fn constants_and_empty_columns_are_dropped_and_named() {
    let constant = [4.0; 100];
    let absent = [f32::NAN; 100];
    let one_level = [2.0; 100];
    let kinds = [NUMERIC, NUMERIC, RawKind::Category { n_levels: 3 }];
    let encoder = fit(&[&constant, &absent, &one_level], &kinds, &params(1));
    assert!(encoder.columns.is_empty());
    let reasons: Vec<DropReason> = encoder.dropped.iter().map(|dropped| dropped.reason).collect();
    assert_eq!(reasons, [DropReason::Constant, DropReason::AlwaysAbsent, DropReason::Constant]);
    let raw = RawColumns { n_rows: 100, columns: &[&constant, &absent, &one_level], kinds: &kinds };
    assert_eq!(Design::encode(&encoder, &raw).unwrap().n_cols(), 0);
}

#[test]
fn levels_get_columns_except_the_most_frequent() {
    // Level 0: 50 rows, 1: 30, 2: 18, 3 and 4: one each.
    let values: Vec<f32> =
        [(0, 50), (1, 30), (2, 18), (3, 1), (4, 1)].iter().flat_map(|(v, n)| vec![*v as f32; *n]).collect();
    let kinds = [RawKind::Category { n_levels: 5 }];
    let encoder = fit(&[&values], &kinds, &params(10));
    let transforms: Vec<&Transform> = encoder.columns.iter().map(|column| &column.transform).collect();
    assert_eq!(transforms, [&Transform::Level(1), &Transform::Level(2), &Transform::Other { known: vec![0, 1, 2] }]);
    // Level 3, an unknown code, a fraction and a negative number are all "other"; absence is the mean.
    let new = [3.0, 99.0, 1.5, -1.0, f32::NAN, 1.0];
    let raw = RawColumns { n_rows: 6, columns: &[&new], kinds: &kinds };
    let design = Design::encode(&encoder, &raw).unwrap();
    for row in 0..4 {
        assert_eq!(design.row(row), [-0.6, -0.36, 1.96], "{row}");
    }
    assert_eq!(design.row(4), [0.0; 3]);
    assert_eq!(design.row(5), [1.4, -0.36, -0.04]);
}

#[test]
fn only_training_rows_count() {
    let mut noise = Noise::new(3);
    let mut values: Vec<f32> = (0..500).map(|_| noise.normal() as f32).collect();
    let mut level: Vec<f32> = (0..500).map(|i| (i % 4) as f32).collect();
    let kinds = [NUMERIC, RawKind::Category { n_levels: 9 }];
    let train = all(300);
    let fit_now = |values: &[f32], level: &[f32]| {
        Encoder::fit(&RawColumns { n_rows: 500, columns: &[values, level], kinds: &kinds }, &train, &params(5)).unwrap()
    };
    let before = fit_now(&values, &level);
    values[300..].fill(f32::INFINITY);
    level[300..].fill(8.0);
    assert_eq!(before, fit_now(&values, &level));
}

#[test]
fn infinite_numbers_are_refused_in_training_and_clipped_after() {
    let values = [0.0, 1.0, f32::INFINITY, 2.0];
    let raw = RawColumns { n_rows: 4, columns: &[&values], kinds: &[NUMERIC] };
    let error = Encoder::fit(&raw, &all(4), &params(1)).unwrap_err();
    assert!(matches!(error, Error::NotFinite { what: "raw", row: 2, column: 0 }));
    let encoder = Encoder::fit(&raw, &[0, 1, 3], &params(1)).unwrap();
    let design = Design::encode(&encoder, &raw).unwrap();
    assert_eq!(design.row(2), design.row(3));
}

#[test]
fn wrong_shapes_and_parameters_are_refused() {
    let values = [0.0, 1.0];
    let raw = RawColumns { n_rows: 2, columns: &[&values], kinds: &[NUMERIC] };
    assert!(matches!(Encoder::fit(&raw, &[2], &params(1)), Err(Error::Shape { what: "rows", .. })));
    assert!(matches!(Encoder::fit(&raw, &[0], &params(0)), Err(Error::Parameter { name: "min_level_count", .. })));
    let wide = EncoderParams { clip_share: 0.5, ..EncoderParams::STANDARD };
    assert!(matches!(Encoder::fit(&raw, &[0], &wide), Err(Error::Parameter { name: "clip_share", .. })));
    let encoder = Encoder::fit(&raw, &[0, 1], &params(1)).unwrap();
    let two = RawColumns { n_rows: 2, columns: &[&values, &values], kinds: &[NUMERIC; 2] };
    assert!(matches!(Design::encode(&encoder, &two), Err(Error::Shape { .. })));
    let category = RawColumns { kinds: &[RawKind::Category { n_levels: 2 }], ..raw };
    assert!(matches!(Design::encode(&encoder, &category), Err(Error::Shape { what: "kinds", .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_cell_is_finite_and_blocks_do_not_matter(
        values in prop::collection::vec(prop_oneof![
            3 => -1e30_f32..1e30, 3 => -3.0_f32..3.0, 1 => Just(f32::NAN), 1 => Just(0.0_f32)
        ], 2..600),
        cut in 0.0_f64..1.0,
    ) {
        let n = values.len();
        let codes: Vec<f32> = values.iter().map(|v| (v.abs() % 7.0).floor()).collect();
        let kinds = [NUMERIC, RawKind::Category { n_levels: 5 }];
        let raw = RawColumns { n_rows: n, columns: &[&values, &codes], kinds: &kinds };
        let encoder = Encoder::fit(&raw, &all(n), &params(3)).unwrap();
        let design = Design::encode(&encoder, &raw).unwrap();
        prop_assert!(design.x().iter().all(|v| v.is_finite()));
        let cut = (cut * n as f64) as usize;
        let d = encoder.n_cols();
        let mut blocks = vec![0.0; n * d];
        let (head, tail) = blocks.split_at_mut(cut * d);
        let part = |range: std::ops::Range<usize>, out: &mut [f32]| {
            let columns = [&values[range.clone()], &codes[range.clone()]];
            encoder.encode_block(&RawColumns { n_rows: range.len(), columns: &columns, kinds: &kinds }, out).unwrap();
        };
        part(0..cut, head);
        part(cut..n, tail);
        prop_assert_eq!(blocks.as_slice(), design.x());
    }
}
