//! What weighs most in an additive model: each feature's curve in one number, and the step that tells it.

use osusume_model::Unit;
use osusume_propensity::additive::bins::{Cut, FeatureBins};
use osusume_propensity::additive::terms::Term;

use super::features::Weight;
use crate::stages::train::{Curves, OfferModel};

/// Where the middle of the rows lies, and where one standard deviation above it lies if they are normal.
const USUAL: f64 = 0.5;
const HIGH: f64 = 0.841_344_746;

/// A curve of fewer steps shows nothing that its one number does not.
const FEWEST_STEPS: usize = 3;

/// Every feature with a curve and what is told of it, by raw feature.
pub(super) fn weights(
    curves: &Curves,
    offer: usize,
    model: &OfferModel,
    unit: impl Fn(u32) -> Unit,
) -> Vec<(u32, Weight)> {
    let Some(additive) = &curves.offers[offer] else { return Vec::new() };
    let curve = |(term, effects): (&Term, &Vec<f64>)| {
        let Term::Curve { feature } = term else { return None };
        let bins = &curves.bins.features[*feature];
        let effects: Vec<f64> = effects.iter().map(|effect| model.calibrator.slope * effect).collect();
        let weight = told(bins, &curves.shares[*feature], &effects, unit(bins.raw) == Unit::Flag)?;
        Some((bins.raw, weight))
    };
    additive.terms.iter().zip(&additive.coefficients).filter_map(curve).collect()
}

/// The step that says most of a curve. Its importance is the standard deviation of the whole curve over the rows.
fn told(bins: &FeatureBins, shares: &[f64], effects: &[f64], is_flag: bool) -> Option<Weight> {
    let mean: f64 = shares.iter().zip(effects).map(|(share, effect)| share * effect).sum();
    let variance: f64 = shares.iter().zip(effects).map(|(share, effect)| share * (effect - mean).powi(2)).sum();
    let absent = usize::from(bins.absent());
    // Having a code against not having it.
    let against = |code: usize| {
        let others = 1.0 - shares[code];
        if others > 0.0 { effects[code] - (mean - shares[code] * effects[code]) / others } else { 0.0 }
    };
    let weight = |of, level, step, share: f64| Weight {
        of,
        level,
        step,
        importance: (share * (1.0 - share)).sqrt() * f64::abs(step),
        curve: Vec::new(),
    };
    let of_absent = weight("absent", None, against(absent), shares[absent]);
    let of_present = match &bins.cut {
        Cut::Category { levels } => {
            let code = |code: usize| weight("level", levels.get(code).copied(), against(code), shares[code]);
            (0..absent).map(code).max_by(|a, b| a.importance.total_cmp(&b.importance))
        }
        Cut::Number { .. } if is_flag => {
            let step = effects[usize::from(bins.code(1.0))] - effects[usize::from(bins.code(0.0))];
            Some(weight("flag", None, step, shares[usize::from(bins.code(1.0))]))
        }
        Cut::Number { .. } => {
            let step = effects[at(&shares[..absent], HIGH)] - effects[at(&shares[..absent], USUAL)];
            Some(Weight { of: "high", level: None, step, importance: step.abs(), curve: Vec::new() })
        }
    };
    let strongest = of_present.into_iter().chain([of_absent]).max_by(|a, b| a.importance.total_cmp(&b.importance))?;
    let curve = if bins.n_ordered() < FEWEST_STEPS { Vec::new() } else { effects[..bins.n_ordered()].to_vec() };
    Some(Weight { importance: variance.sqrt(), curve, ..strongest })
}

/// Share of the training rows with a level of a raw feature.
pub(super) fn share_of_level(curves: &Curves, raw: u32, level: u32) -> f64 {
    let share = || {
        let at = curves.bins.features.iter().position(|feature| feature.raw == raw)?;
        let Cut::Category { levels } = &curves.bins.features[at].cut else { return None };
        levels.binary_search(&level).ok().map(|code| curves.shares[at][code])
    };
    share().unwrap_or(0.0)
}

/// The code in which a quantile of the rows with a value lies.
fn at(shares: &[f64], quantile: f64) -> usize {
    let total: f64 = shares.iter().sum();
    let mut below = 0.0;
    let reached = shares.iter().take_while(|share| {
        below += **share;
        below < quantile * total
    });
    reached.count().min(shares.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn a_number_is_told_by_its_curve_from_the_middle_up() {
        let bins = FeatureBins { raw: 0, cut: Cut::Number { edges: vec![1.0, 2.0, 3.0] } };
        let weight = told(&bins, &[0.25, 0.25, 0.25, 0.25, 0.0], &[-1.0, 0.0, 0.25, 0.75, 9.0], false).unwrap();
        assert_eq!((weight.of, weight.curve.as_slice()), ("high", &[-1.0, 0.0, 0.25, 0.75][..]));
        assert!(close(weight.step, 0.75) && close(weight.importance, (0.40625_f64).sqrt()), "{}", weight.importance);
    }

    #[test]
    fn absence_levels_and_flags_are_told_against_the_rest() {
        let bins = FeatureBins { raw: 0, cut: Cut::Number { edges: vec![0.5] } };
        let weight = told(&bins, &[0.5, 0.0, 0.5], &[-0.5, 0.0, 0.5], true).unwrap();
        assert_eq!(weight.of, "absent");
        assert!(close(weight.step, 1.0) && close(weight.importance, 0.5));
        let weight = told(&bins, &[0.75, 0.25, 0.0], &[-0.25, 0.75, 0.0], true).unwrap();
        assert!(weight.of == "flag" && close(weight.step, 1.0));
        let bins = FeatureBins { raw: 0, cut: Cut::Category { levels: vec![3, 5] } };
        let weight = told(&bins, &[0.5, 0.25, 0.25, 0.0], &[0.25, -0.75, 0.25, 0.0], false).unwrap();
        assert_eq!((weight.of, weight.level), ("level", Some(5)));
        assert!(close(weight.step, -1.0));
    }
}
