//! The calibration gate: an offer whose probabilities did not hold from one window to the next is scored by its rate.
//!
//! The calibrator of a run is fitted on the newest window whose takes are known, so on that window it has a slope of 1 by construction,
//! and its own numbers there say nothing. What can be known of the window to come is how the same procedure would have done on the one
//! before: models and a calibrator that knew only windows that were over, met by the newest one ([`Tested::carried`]). The slope is
//! measured on that. The level is not: every run takes it anew from the newest window, and the rate an offer would fall back to drifts
//! as the model does. It is measured on calibrators that left out the customer, which also tells whether an offer suffers from being
//! drawn toward the others.

use osusume_evaluate as evaluate;
use osusume_model::{Code, Fault};
use osusume_numeric::distributions::{normal_cdf, two_sided_z};
use osusume_numeric::elementary::{exp, ln};

use super::backtest::{CONFIDENCE, Tested};
use super::{Evidence, OfferModel};
use osusume_propensity::calibration::Calibrator;

/// The slopes that are good enough: its interval must meet them.
const SLOPES: [f64; 2] = [0.8, 1.25];
/// The same of takes over expected takes.
const LEVELS: [f64; 2] = [0.9, 1.1];
/// Expected share of the offers turned away that should not have been.
const FALSE_DISCOVERIES: f64 = 0.05;

/// What the gate measured of an offer.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Gate {
    /// Calibration slope with its interval.
    pub(crate) slope: Option<[f64; 3]>,
    /// Takes over expected takes with its interval.
    pub(crate) observed_over_expected: Option<[f64; 3]>,
    /// Confidence of the intervals: such that of all offers turned away about one in twenty is so by chance.
    pub(crate) confidence: f64,
    /// Whether both intervals meet what is good enough.
    pub(crate) holds: bool,
}

/// A number, the bounds it should lie within, and its standard error; on the scale on which the error is symmetric.
#[derive(Clone, Copy, Debug)]
struct Measured {
    value: f64,
    standard_error: f64,
    bounds: [f64; 2],
}

impl Measured {
    /// Two-sided p-value of the nearest value within the bounds.
    fn p_value(&self) -> f64 {
        let beyond = (self.bounds[0] - self.value).max(self.value - self.bounds[1]).max(0.0);
        if beyond > 0.0 { 2.0 * normal_cdf(-beyond / self.standard_error) } else { 1.0 }
    }

    fn interval(&self, confidence: f64) -> [f64; 3] {
        let half = two_sided_z(confidence) * self.standard_error;
        [self.value, self.value - half, self.value + half]
    }
}

/// Slope and logarithm of the level of one offer at a test, where they can be measured.
fn measured(tested: &Tested) -> [Option<Measured>; 2] {
    let rows = |probabilities| evaluate::Rows { probabilities, labels: &tested.y, clusters: None };
    let carried = if tested.carried.is_empty() { &tested.propensity } else { &tested.carried };
    let slope = evaluate::slope_and_intercept(&rows(carried)).ok().map(|found| found.slope);
    let slope = slope.map(|slope| (slope.value, slope.standard_error, SLOPES));
    let level = evaluate::observed_over_expected(&rows(&tested.propensity), CONFIDENCE).ok();
    let level = level.filter(|level| level.observed > 0).map(|level| {
        let half_width = ln(level.interval.upper / level.ratio);
        (ln(level.ratio), half_width / two_sided_z(CONFIDENCE), LEVELS.map(ln))
    });
    [slope, level].map(|found| {
        let (value, standard_error, bounds) = found?;
        (standard_error > 0.0).then_some(Measured { value, standard_error, bounds })
    })
}

/// The level at which Benjamini's and Hochberg's procedure rejects: the largest `rate · k / m` that at least `k` of the `m` p-values meet.
/// Where none is rejected, that of the smallest.
fn threshold(mut p_values: Vec<f64>, rate: f64) -> f64 {
    p_values.sort_by(f64::total_cmp);
    let level = |k: usize| rate * k as f64 / p_values.len().max(1) as f64;
    (1..=p_values.len())
        .rev()
        .map(|k| (k, level(k)))
        .find(|&(k, level)| p_values[k - 1] <= level)
        .map_or(level(1), |(_, level)| level)
}

/// What the gate says of every offer with a model that was tested at the newest window; `tested` is parallel to `offers`.
fn verdicts(offers: &[OfferModel], tested: &[Option<Tested>]) -> Vec<Option<Gate>> {
    let of = |(offer, tested): (&OfferModel, &Option<Tested>)| {
        let has_model = matches!(offer.evidence, Evidence::Model(_));
        tested.as_ref().filter(|_| has_model).map(measured)
    };
    let found: Vec<Option<[Option<Measured>; 2]>> = offers.iter().zip(tested).map(of).collect();
    let p_values: Vec<f64> = found.iter().flatten().flatten().flatten().map(Measured::p_value).collect();
    let level = threshold(p_values, FALSE_DISCOVERIES);
    let confidence = 1.0 - level;
    let verdict = |measured: [Option<Measured>; 2]| Gate {
        slope: measured[0].map(|slope| slope.interval(confidence)),
        observed_over_expected: measured[1].map(|level| level.interval(confidence).map(exp)),
        confidence,
        holds: measured.iter().flatten().all(|measured| measured.p_value() > level),
    };
    found.into_iter().map(|measured| measured.map(verdict)).collect()
}

/// Tells every offer what the gate found, and takes the model from those that fail. Returns a warning for each of these.
pub(super) fn close(offers: &mut [OfferModel], tested: &[Option<Tested>]) -> Vec<Fault> {
    let mut warnings = Vec::new();
    for (offer, gate) in (0..).zip(verdicts(offers, tested)) {
        let offer: &mut OfferModel = &mut offers[offer];
        if let Some(gate) = gate.as_ref().filter(|gate| !gate.holds) {
            warnings.push(warning(&offer.key, gate));
            (offer.evidence, offer.calibrator) = (Evidence::Rate, Calibrator::IDENTITY);
        }
        offer.gate = gate;
    }
    warnings
}

fn warning(offer: &str, gate: &Gate) -> Fault {
    let shown = |[value, lower, upper]: [f64; 3]| format!("{value:.2} ({lower:.2}–{upper:.2})");
    let numbers = [("slope", gate.slope), ("level", gate.observed_over_expected)];
    let found = numbers.into_iter().filter_map(|(name, found)| Some((name, shown(found?))));
    found.fold(Fault::new(Code::CalibrationGate).named(offer), |fault, (name, found)| fault.with(name, found))
}

#[cfg(test)]
mod tests {
    use osusume_model::{Date, NoControl};
    use osusume_propensity::design::Design;
    use osusume_propensity::logistic::{Fit, LogisticParams, Problem, fit};
    use osusume_propensity::shrink::ShrunkRate;

    use super::*;

    /// Takes that follow log-odds from −4 to 0 with slope `truth` around their middle, in a regular pattern: `n` rows at each of nine.
    fn tested(n: usize, truth: f64, shift: f64) -> Tested {
        let mut tested = Tested {
            date: Date(0),
            customer: Vec::new(),
            y: Vec::new(),
            propensity: Vec::new(),
            carried: Vec::new(),
            base_rate: 0.1,
            calibrator: Calibrator::IDENTITY,
        };
        for step in 0..9 {
            let eta = -4.0 + 0.5 * f64::from(step);
            let takes = (Calibrator::IDENTITY.propensity(-2.0 + truth * (eta + 2.0)) * n as f64).round() as usize;
            let mean = takes as f64 / n as f64;
            for row in 0..n {
                tested.customer.push(tested.y.len() as u32);
                tested.y.push(row < takes);
                tested.propensity.push((mean * exp(-shift)).clamp(1e-6, 0.999));
                tested.carried.push(Calibrator::IDENTITY.propensity(eta));
            }
        }
        tested
    }

    fn any_fit() -> Fit {
        let design = Design::from_parts(4, vec![0.0, 1.0, 0.0, 1.0], vec![0]).unwrap();
        let problem =
            Problem { design: &design, rows: None, y: &[false, true, true, false], weight: None, offset: None };
        fit(&problem, &LogisticParams::STANDARD, None, &NoControl).unwrap()
    }

    fn offers(n: usize) -> Vec<OfferModel> {
        let rate = ShrunkRate { rate: 0.1, prior_rate: 0.1, prior_share: 0.0 };
        let offer = |i| OfferModel {
            key: format!("offer{i}"),
            evidence: Evidence::Model(Box::new(any_fit())),
            calibrator: Calibrator { slope: 2.0, intercept: 1.0 },
            rate,
            rows: 0,
            positives: 0,
            tests: Vec::new(),
            withheld: Vec::new(),
            gate: None,
            contact: None,
            after: crate::stages::train::After::default(),
            quantity: None,
        };
        (0..n).map(offer).collect()
    }

    #[track_caller]
    fn check(tested: Tested, holds: bool) -> Gate {
        let mut one = offers(1);
        let warnings = close(&mut one, &[Some(tested)]);
        assert_eq!((warnings.len(), one[0].basis()), if holds { (0, "model") } else { (1, "rate") });
        one.remove(0).gate.unwrap()
    }

    #[test]
    fn slopes_within_the_bounds_or_uncertain_pass() {
        assert!(check(tested(4_000, 1.0, 0.0), true).confidence > 0.97);
        check(tested(4_000, 0.85, 0.0), true);
        check(tested(4_000, 1.2, 0.0), true);
        // Far off, and too few rows to tell.
        check(tested(20, 0.5, 0.0), true);
    }

    #[test]
    fn a_slope_that_did_not_hold_closes_the_gate() {
        for truth in [0.5, 1.8] {
            let gate = check(tested(4_000, truth, 0.0), false);
            let [value, lower, upper] = gate.slope.unwrap();
            assert!((value - truth).abs() < 0.05 && lower < value && value < upper, "{value}");
            let [level, ..] = gate.observed_over_expected.unwrap();
            assert!((level - 1.0).abs() < 1e-3, "{level}");
        }
    }

    #[test]
    fn a_level_that_is_off_closes_the_gate_and_only_its_own() {
        let mut two = offers(2);
        let warnings = close(&mut two, &[Some(tested(4_000, 1.0, -0.3)), Some(tested(4_000, 1.0, 0.05))]);
        assert_eq!((two[0].basis(), two[1].basis()), ("rate", "model"));
        let fault = &warnings[0];
        assert_eq!((fault.code(), fault.place().name.as_deref()), (Code::CalibrationGate, Some("offer0")));
        assert_eq!(two[0].calibrator, Calibrator::IDENTITY);
    }

    #[test]
    fn what_was_not_tested_or_has_no_model_is_left_alone() {
        let mut three = offers(3);
        three[1].evidence = Evidence::Rate;
        let warnings = close(&mut three, &[None, Some(tested(4_000, 0.5, 0.0)), Some(tested(4_000, 1.0, 0.0))]);
        assert!(warnings.is_empty() && three[0].gate.is_none() && three[1].gate.is_none());
        assert!(three[2].gate.as_ref().is_some_and(|gate| gate.holds));
    }

    #[test]
    fn without_earlier_windows_the_slope_is_that_of_the_test() {
        let mut alone = tested(4_000, 0.5, 0.0);
        alone.carried.clear();
        let [value, ..] = check(alone, true).slope.unwrap();
        assert!((value - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_threshold_is_that_of_benjamini_and_hochberg() {
        let check = |p_values: &[f64], expected: f64| {
            let got = threshold(p_values.to_vec(), 0.05);
            assert!((got - expected).abs() < 1e-15, "{got}");
        };
        check(&[], 0.05);
        check(&[0.2], 0.05);
        check(&[0.9, 0.8], 0.025);
        check(&[0.03, 0.9], 0.025);
        // The second smallest carries the smallest, which would not have done it alone.
        check(&[0.03, 0.04], 0.05);
        check(&[0.001, 0.9, 0.02, 0.8], 0.025);
    }
}
