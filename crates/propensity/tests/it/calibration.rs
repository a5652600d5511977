//! Platt scaling, its prior and its fallbacks; shifts of the prior; shrunken rates.

use osusume_model::NoControl;
use osusume_propensity::Error;
use osusume_propensity::calibration::{
    Calibration, CalibrationKind, Calibrator, Sample, calibrate, calibrate_together,
};
use osusume_propensity::shrink::{OfferCount, shrink_rates};
use proptest::prelude::*;

use crate::support::Noise;

/// Predictors and labels drawn from σ(slope · η + intercept).
fn drawn(n: usize, slope: f64, intercept: f64, seed: u64) -> (Vec<f64>, Vec<bool>) {
    let mut noise = Noise::new(seed);
    let eta: Vec<f64> = (0..n).map(|_| 1.5 * noise.normal() - 1.0).collect();
    let y = eta.iter().map(|e| noise.unit() < 1.0 / (1.0 + (-(slope * e + intercept)).exp())).collect();
    (eta, y)
}

#[test]
fn an_overconfident_predictor_is_pulled_in() {
    let (eta, y) = drawn(60_000, 0.5, -0.7, 40);
    let result = calibrate(&eta, &y, None, &NoControl).unwrap();
    assert_eq!(result.kind, CalibrationKind::Platt);
    assert!((result.calibrator.slope - 0.5).abs() < 0.03, "{:?}", result.calibrator);
    assert!((result.calibrator.intercept + 0.7).abs() < 0.04);
    let mean = eta.iter().map(|e| result.calibrator.propensity(*e)).sum::<f64>() / 60_000.0;
    let observed = result.positives as f64 / result.rows as f64;
    assert!((mean - observed).abs() < 1e-4);
}

#[test]
fn few_positives_leave_the_slope_near_one() {
    let (eta, y) = drawn(60_000, 0.3, 0.0, 41);
    let keep: Vec<usize> = {
        let mut positives = 0;
        (0..3_000)
            .filter(|i| {
                !y[*i] || {
                    positives += 1;
                    positives <= 5
                }
            })
            .collect()
    };
    let few_eta: Vec<f64> = keep.iter().map(|i| eta[*i]).collect();
    let few_y: Vec<bool> = keep.iter().map(|i| y[*i]).collect();
    let few = calibrate(&few_eta, &few_y, None, &NoControl).unwrap();
    let many = calibrate(&eta, &y, None, &NoControl).unwrap();
    assert!((many.calibrator.slope - 0.3).abs() < 0.02);
    assert!(few.calibrator.slope > 0.45, "{:?}", few.calibrator);
}

#[test]
fn separated_rows_stay_finite() {
    let eta = [-3.0, -2.0, -1.0, 1.0, 2.0];
    let result = calibrate(&eta, &[false, false, false, true, true], None, &NoControl).unwrap();
    assert!(result.calibrator.slope.is_finite() && result.calibrator.slope < 1.5, "{result:?}");
    let far: Vec<f64> = eta.iter().map(|e| e * 1e4).collect();
    let result = calibrate(&far, &[false, false, false, true, true], None, &NoControl).unwrap();
    assert!(result.calibrator.slope.is_finite() && result.calibrator.slope > 0.0, "{result:?}");
}

#[test]
fn one_class_keeps_the_identity() {
    let result = calibrate(&[0.5, 1.0], &[false, false], None, &NoControl).unwrap();
    assert_eq!((result.calibrator, result.kind), (Calibrator::IDENTITY, CalibrationKind::IdentityOneClass));
    let weighted = calibrate(&[0.5, 1.0], &[false, true], Some(&[1.0, 0.0]), &NoControl).unwrap();
    assert_eq!(weighted.kind, CalibrationKind::IdentityOneClass);
    assert_eq!(calibrate(&[], &[], None, &NoControl).unwrap().rows, 0);
}

#[test]
fn a_reversed_predictor_is_not_turned_around() {
    let (eta, y) = drawn(20_000, -1.0, 0.0, 42);
    let result = calibrate(&eta, &y, None, &NoControl).unwrap();
    assert_eq!(result.kind, CalibrationKind::InterceptOnly);
    let mean = eta.iter().map(|e| result.calibrator.propensity(*e)).sum::<f64>() / 20_000.0;
    assert!((mean - result.positives as f64 / 20_000.0).abs() < 1e-3);
}

#[test]
fn weights_count_as_rows() {
    let (eta, y) = drawn(2_000, 0.8, 0.2, 43);
    let twice: Vec<f64> = eta.iter().chain(&eta).copied().collect();
    let twice_y: Vec<bool> = y.iter().chain(&y).copied().collect();
    let a = calibrate(&eta, &y, Some(&vec![2.0; 2_000]), &NoControl).unwrap().calibrator;
    let b = calibrate(&twice, &twice_y, None, &NoControl).unwrap().calibrator;
    assert!((a.slope - b.slope).abs() < 1e-8 && (a.intercept - b.intercept).abs() < 1e-8);
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    assert!(matches!(
        calibrate(&[0.0, f64::NAN], &[true, false], None, &NoControl),
        Err(Error::NotFinite { what: "eta", row: 1, .. })
    ));
    let identity = Calibrator::IDENTITY;
    assert!(matches!(identity.with_mean(&[0.0], None, 0.0), Err(Error::Parameter { name: "mean", .. })));
    assert!(matches!(identity.with_mean(&[], None, 0.5), Err(Error::Parameter { name: "mean", .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_shifted_prior_has_the_wanted_mean(
        eta in prop::collection::vec(-30.0_f64..30.0, 1..200),
        mean in 1e-6_f64..0.999_999,
        slope in 0.1_f64..3.0,
    ) {
        let shifted = Calibrator { slope, intercept: 0.4 }.with_mean(&eta, None, mean).unwrap();
        let reached = eta.iter().map(|e| shifted.propensity(*e)).sum::<f64>() / eta.len() as f64;
        prop_assert!((reached / mean - 1.0).abs() < 1e-8, "{reached} against {mean}");
    }

    #[test]
    fn shrunken_rates_lie_between_the_offer_and_its_prior(
        counts in prop::collection::vec((0_u32..3, 0_u64..10_000, 0.0_f64..0.2), 1..10),
        min_positives in 1_u64..100,
    ) {
        let offers: Vec<OfferCount> = counts
            .iter()
            .map(|(family, rows, share)| count(*family, *rows, (*rows as f64 * share) as u64))
            .collect();
        for (offer, shrunk) in offers.iter().zip(shrink_rates(&offers, min_positives)) {
            prop_assert!(shrunk.rate > 0.0 && shrunk.rate < 1.0);
            prop_assert!((0.0..=1.0).contains(&shrunk.prior_share));
            if offer.rows > 0 {
                let own = offer.positives as f64 / offer.rows as f64;
                let (low, high) = (own.min(shrunk.prior_rate), own.max(shrunk.prior_rate));
                prop_assert!(shrunk.rate >= low - 1e-12 && shrunk.rate <= high + 1e-12);
            }
            prop_assert_eq!(shrunk.prior_share > 0.0, offer.positives < min_positives);
        }
    }
}

fn count(family: u32, rows: u64, positives: u64) -> OfferCount {
    OfferCount { family, rows, positives, expected: None }
}

/// What is expected weighs as much as the takes an offer needs, and moves no other offer.
#[test]
fn a_declared_rate_takes_the_place_of_the_family() {
    let family = [count(0, 0, 0), count(0, 10_000, 500), count(0, 400, 20)];
    let expected = |offer: OfferCount| OfferCount { expected: Some(0.01), ..offer };
    let rates = shrink_rates(&[expected(family[0]), expected(family[1]), family[2]], 50);
    // Never sold: the expected rate itself. With enough takes: its own.
    assert!((rates[0].rate - 0.01).abs() < 1e-15 && (rates[0].prior_share - 1.0).abs() < 1e-15);
    assert!((rates[1].rate - 0.05).abs() < 1e-15 && rates[1].prior_share.abs() < 1e-15);
    assert_eq!(rates[2], shrink_rates(&family, 50)[2]);
    // 20 takes of 400, and 30 to come at 5 %.
    let some = shrink_rates(&[expected(family[2])], 50)[0];
    assert!((some.rate - 26.0 / 1_000.0).abs() < 1e-12, "{some:?}");
    // However low the rate declared, an offer about to stand alone has nearly its own.
    let low = |positives| {
        let offer = OfferCount { expected: Some(1e-6), ..count(0, 4_000, positives) };
        shrink_rates(&[offer], 50)[0].rate
    };
    assert!(low(49) > 0.97 * 49.0 / 4_000.0 && (low(50) - 0.0125).abs() < 1e-15, "{}", low(49));
}

#[test]
fn an_offer_without_rows_inherits_its_family() {
    let rates = shrink_rates(&[count(0, 0, 0), count(0, 10_000, 500), count(1, 10_000, 10)], 50);
    assert!((rates[0].rate - rates[0].prior_rate).abs() < 1e-15);
    assert!(rates[0].rate > 0.04 && rates[0].rate < 0.06, "{:?}", rates[0]);
    assert!((rates[1].rate - 0.05).abs() < 1e-15);
    assert!(rates[2].rate > 0.001 && rates[2].rate < 0.01, "{:?}", rates[2]);
}

/// Mean squared error of calibrated log-odds over the rows of all offers.
fn error_of(found: &[Calibration], offers: &[(Vec<f64>, Vec<bool>)], truth: impl Fn(usize, f64) -> f64) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for (k, (found, (eta, _))) in found.iter().zip(offers).enumerate() {
        for &eta in eta {
            sum += (found.calibrator.log_odds(eta) - truth(k, eta)).powi(2);
            n += 1.0;
        }
    }
    sum / n
}

fn together_and_alone(offers: &[(Vec<f64>, Vec<bool>)]) -> [Vec<Calibration>; 2] {
    let samples: Vec<Sample<'_>> = offers.iter().map(|(eta, y)| Sample { eta, y }).collect();
    let together = calibrate_together(&samples, &NoControl).expect("finite predictors");
    let alone = |(eta, y): &(Vec<f64>, Vec<bool>)| calibrate(eta, y, None, &NoControl).expect("finite predictors");
    let alone = offers.iter().map(alone).collect();
    [together, alone]
}

#[test]
fn offers_with_few_takes_share_a_drift_they_have_in_common() {
    let offers: Vec<_> = (0..9).map(|k| drawn(250, 0.95, -1.4, 60 + k)).collect();
    let [together, alone] = together_and_alone(&offers);
    let [together, alone] = [together, alone].map(|found| error_of(&found, &offers, |_, eta| 0.95 * eta - 1.4));
    assert!(together < 0.35 * alone, "{together} together, {alone} alone");
}

#[test]
fn offers_that_differ_keep_what_their_takes_say() {
    let intercept = |k: u64| -1.5 + 0.4 * k as f64;
    let offers: Vec<_> = (0..6).map(|k| drawn(20_000, 1.0, intercept(k), 80 + k)).collect();
    let [together, alone] = together_and_alone(&offers);
    for (k, (together, alone)) in (0..).zip(together.iter().zip(&alone)) {
        assert!((together.calibrator.intercept - intercept(k)).abs() < 0.08, "{k}");
        assert!((together.calibrator.intercept - alone.calibrator.intercept).abs() < 0.02, "{k}");
    }
}

#[test]
fn two_offers_or_one_class_are_calibrated_alone() {
    let offers: Vec<_> = (0..2).map(|k| drawn(500, 0.7, -1.0, 90 + k)).collect();
    let [together, alone] = together_and_alone(&offers);
    assert_eq!(together, alone);
    let mut offers: Vec<_> = (0..4).map(|k| drawn(500, 0.7, -1.0, 90 + k)).collect();
    offers[2].1.fill(false);
    let [together, _] = together_and_alone(&offers);
    assert_eq!(together[2].kind, CalibrationKind::IdentityOneClass);
    assert_eq!(together[2].calibrator, Calibrator::IDENTITY);
    assert_eq!(together_and_alone(&[])[0], []);
}
