//! An additive model as it stands in files: one entry a curve and a map, readable by people, read back into what the kernels take.

use osusume_propensity::additive::bins::{Bins, Cut, FeatureBins, MAX_BINS, MAX_LEVELS};
use osusume_propensity::additive::model::Additive;
use osusume_propensity::additive::terms::{Groups, Term};
use osusume_propensity::calibration::Calibrator;
use osusume_propensity::encoder::RawKind;
use serde::{Deserialize, Serialize};

use crate::linear::RawFeature;

/// Curves and maps of log-odds, and their calibration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdditiveFile {
    iterations: u32,
    max_gradient: f64,
    effective_dof: f64,
    intercept: f64,
    calibration_slope: f64,
    calibration_intercept: f64,
    pub(crate) curves: Vec<CurveFile>,
    pub(crate) maps: Vec<MapFile>,
}

/// What one feature adds to the log-odds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CurveFile {
    pub(crate) feature: String,
    /// Of a number: bin k holds what is above edge k − 1, up to and with edge k.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edges: Option<Vec<f64>>,
    /// Of a category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) levels: Option<Vec<String>>,
    /// One a bin, or one a level and one for all other levels; the last is for a missing value.
    pub(crate) effects: Vec<f64>,
    /// Shares of the training rows, in the same order.
    pub(crate) shares: Vec<f64>,
    /// Precisions of the penalties; only where the offer was learned by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    strength: Vec<f64>,
}

/// What two features add together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MapFile {
    pub(crate) features: [String; 2],
    pub(crate) sides: [Side; 2],
    /// One row a group of the first feature, one column a group of the second.
    pub(crate) effects: Vec<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    strength: Vec<f64>,
}

/// How the bins or levels of a feature are grouped in a map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Side {
    /// The group of each entry of the feature's `effects`; `groups` for one no training row had, to which the map adds nothing.
    pub(crate) group: Vec<u8>,
    pub(crate) groups: usize,
    /// How many groups, from the first on, stand in the order of a number.
    pub(crate) ordered: usize,
}

/// A fitted model on its way into a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    /// The model.
    pub(crate) model: &'a Additive,
    /// Its bins.
    pub(crate) bins: &'a Bins,
    /// By feature of the bins: shares of the training rows by code.
    pub(crate) shares: &'a [Vec<f64>],
    /// By term: precisions of its penalties; empty where offers share them.
    pub(crate) strength: &'a [Vec<f64>],
    /// From its linear predictor to log-odds.
    pub(crate) calibrator: Calibrator,
    /// Newton steps.
    pub(crate) iterations: u32,
    /// Largest derivative left.
    pub(crate) max_gradient: f64,
    /// Coefficients the data determine.
    pub(crate) effective_dof: f64,
}

/// What is read back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AdditiveModel {
    pub(crate) bins: Bins,
    pub(crate) model: Additive,
    pub(crate) calibrator: Calibrator,
    /// Shares of the training rows by feature and code.
    pub(crate) shares: Vec<Vec<f64>>,
}

impl AdditiveFile {
    /// The file of a model; `raw` are the raw columns, whose levels are in order of code.
    pub(crate) fn new(written: &Written<'_>, raw: &[RawFeature<'_>]) -> Self {
        let Written { model, bins, shares, calibrator, .. } = *written;
        let orders: Vec<Vec<usize>> = bins.features.iter().map(|feature| written_order(feature, raw)).collect();
        let mut file = Self {
            iterations: written.iterations,
            max_gradient: written.max_gradient,
            effective_dof: written.effective_dof,
            intercept: model.intercept,
            calibration_slope: calibrator.slope,
            calibration_intercept: calibrator.intercept,
            curves: Vec::new(),
            maps: Vec::new(),
        };
        for (at, (term, effects)) in model.terms.iter().zip(&model.coefficients).enumerate() {
            let strength = written.strength.get(at).cloned().unwrap_or_default();
            match term {
                Term::Curve { feature } => {
                    let order = &orders[*feature];
                    file.curves.push(CurveFile {
                        effects: order.iter().map(|code| effects[*code]).collect(),
                        shares: order.iter().map(|code| shares[*feature][*code]).collect(),
                        strength,
                        ..CurveFile::named(&bins.features[*feature], order, raw)
                    });
                }
                Term::Map { features, groups } => file.maps.push(MapFile {
                    features: features.map(|feature| raw[bins.features[feature].raw as usize].name.to_owned()),
                    sides: [0, 1].map(|side| Side::new(&groups[side], &orders[features[side]])),
                    effects: effects.chunks(groups[1].n.max(1)).map(<[f64]>::to_vec).collect(),
                    strength,
                }),
            }
        }
        file
    }

    /// Log-odds of the mean row before calibration.
    pub(crate) fn intercept(&self) -> f64 {
        self.intercept
    }

    /// From the model's linear predictor to log-odds.
    pub(crate) fn calibrator(&self) -> Calibrator {
        Calibrator { slope: self.calibration_slope, intercept: self.calibration_intercept }
    }

    /// The model over `features`, some of which have a curve, in their order; an error says what cannot be.
    pub(crate) fn read(&self, features: &[RawFeature<'_>]) -> Result<AdditiveModel, String> {
        let numbers = [self.intercept, self.calibration_slope, self.calibration_intercept];
        if numbers.iter().any(|x| !x.is_finite()) || self.calibration_slope <= 0.0 {
            return Err("intercept or calibration is no usable number".to_owned());
        }
        let mut read: Vec<ReadCurve> = Vec::with_capacity(self.curves.len());
        for curve in &self.curves {
            let found = curve.read(features)?;
            if read.last().is_some_and(|last| last.bins.raw >= found.bins.raw) {
                return Err(format!("curve of `{}`: features and curves are in different orders", curve.feature));
            }
            read.push(found);
        }
        let kind = |feature: &RawFeature<'_>| {
            feature.levels.map_or(RawKind::Numeric, |levels| RawKind::Category { n_levels: levels.len() as u32 })
        };
        let bins = Bins {
            kinds: features.iter().map(kind).collect(),
            features: read.iter().map(|curve| curve.bins.clone()).collect(),
        };
        let mut terms: Vec<Term> = (0..read.len()).map(|feature| Term::Curve { feature }).collect();
        let in_order =
            |curve: &ReadCurve, values: &[f64]| curve.order.iter().map(|at| values[*at]).collect::<Vec<f64>>();
        let curves = || read.iter().zip(&self.curves);
        let mut coefficients: Vec<Vec<f64>> = curves().map(|(read, curve)| in_order(read, &curve.effects)).collect();
        let shares = curves().map(|(read, curve)| in_order(read, &curve.shares)).collect();
        for map in &self.maps {
            terms.push(map.read(&self.curves, &read)?);
            coefficients.push(map.effects.concat());
        }
        Ok(AdditiveModel {
            bins,
            model: Additive { terms, coefficients, intercept: self.intercept },
            calibrator: self.calibrator(),
            shares,
        })
    }
}

/// A curve read back: its bins, and the written position of each code.
struct ReadCurve {
    bins: FeatureBins,
    order: Vec<usize>,
}

/// Codes in the order they are written: levels by name.
fn written_order(feature: &FeatureBins, raw: &[RawFeature<'_>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..feature.n_codes()).collect();
    if let (Cut::Category { levels }, Some(names)) = (&feature.cut, raw[feature.raw as usize].levels) {
        order[..levels.len()].sort_by_key(|code| &names[levels[*code] as usize]);
    }
    order
}

impl CurveFile {
    fn named(feature: &FeatureBins, order: &[usize], raw: &[RawFeature<'_>]) -> Self {
        let of = raw[feature.raw as usize];
        let name = |level: u32| of.levels.map_or_else(|| level.to_string(), |names| names[level as usize].clone());
        let (edges, levels) = match &feature.cut {
            Cut::Number { edges } => (Some(edges.clone()), None),
            Cut::Category { levels } => {
                (None, Some(order[..levels.len()].iter().map(|code| name(levels[*code])).collect()))
            }
        };
        let (effects, shares, strength) = (Vec::new(), Vec::new(), Vec::new());
        Self { feature: of.name.to_owned(), edges, levels, effects, shares, strength }
    }

    fn read(&self, features: &[RawFeature<'_>]) -> Result<ReadCurve, String> {
        let refuse = |what: &str| Err(format!("curve of `{}`: {what}", self.feature));
        let Some(raw) = features.iter().position(|feature| feature.name == self.feature) else {
            return refuse("no such feature");
        };
        let (cut, mut order) = match (&self.edges, &self.levels, features[raw].levels) {
            (Some(edges), None, None) if edges.len() < MAX_BINS => {
                (Cut::Number { edges: edges.clone() }, (0..=edges.len()).collect())
            }
            (None, Some(levels), Some(known)) if levels.len() <= MAX_LEVELS => match codes_of(levels, known) {
                Some(codes) => {
                    let (levels, mut order): (Vec<u32>, Vec<usize>) = codes.into_iter().unzip();
                    order.push(levels.len());
                    (Cut::Category { levels }, order)
                }
                None => return refuse("a level and feature disagree"),
            },
            _ => return refuse("edges or levels and feature disagree"),
        };
        if self.edges.iter().flatten().any(|edge| !edge.is_finite()) {
            return refuse("an edge is no usable number");
        }
        if self.edges.as_ref().is_some_and(|edges| edges.windows(2).any(|pair| pair[0] >= pair[1])) {
            return refuse("edges do not ascend");
        }
        let bins = FeatureBins { raw: raw as u32, cut };
        order.push(order.len());
        if self.effects.len() != bins.n_codes() || self.shares.len() != bins.n_codes() {
            return refuse("effects or shares are too few or too many");
        }
        if self.effects.iter().chain(&self.shares).any(|x| !x.is_finite()) {
            return refuse("an effect or share is no usable number");
        }
        Ok(ReadCurve { bins, order })
    }
}

/// The codes of levels by name with the position of each, ascending; `None` where one is unknown or named twice.
fn codes_of(levels: &[String], known: &[String]) -> Option<Vec<(u32, usize)>> {
    let code = |(at, level): (usize, &String)| Some((known.iter().position(|other| other == level)? as u32, at));
    let mut codes: Vec<(u32, usize)> = levels.iter().enumerate().map(code).collect::<Option<_>>()?;
    codes.sort_unstable();
    codes.windows(2).all(|pair| pair[0].0 < pair[1].0).then_some(codes)
}

/// The last code with at most half of the rows below it.
pub(crate) fn middle(shares: &[f64]) -> u8 {
    let mut below = 0.0;
    let reached = shares.iter().take_while(|share| {
        below += **share;
        below < 0.5
    });
    reached.count() as u8
}

/// Whether a code of a number is above the middle of the training rows.
pub(crate) fn is_high(code: u8, middle: u8) -> bool {
    code > middle || (code > 0 && code == middle)
}

impl Side {
    fn new(groups: &Groups, order: &[usize]) -> Self {
        let group = order.iter().map(|code| groups.of_code[*code]).collect();
        Self { group, groups: groups.n, ordered: groups.n_ordered }
    }

    fn read(&self, curve: &ReadCurve) -> Option<Groups> {
        let is_usable = self.group.len() == curve.order.len()
            && self.group.iter().all(|group| usize::from(*group) <= self.groups)
            && self.ordered <= self.groups;
        let of_code = || curve.order.iter().map(|at| self.group[*at]).collect();
        is_usable.then(|| Groups { of_code: of_code(), n: self.groups, n_ordered: self.ordered })
    }
}

impl MapFile {
    fn read(&self, curves: &[CurveFile], read: &[ReadCurve]) -> Result<Term, String> {
        let refuse = |what: &str| format!("map of `{}` and `{}`: {what}", self.features[0], self.features[1]);
        let at = |side: usize| curves.iter().position(|curve| curve.feature == self.features[side]);
        let (Some(first), Some(second)) = (at(0), at(1)) else { return Err(refuse("no such curve")) };
        let (Some(a), Some(b)) = (self.sides[0].read(&read[first]), self.sides[1].read(&read[second])) else {
            return Err(refuse("groups and feature disagree"));
        };
        let is_whole = self.effects.len() == a.n && self.effects.iter().all(|row| row.len() == b.n);
        if first == second || !is_whole || a.n * b.n == 0 || a.n * b.n > usize::from(u8::MAX) {
            return Err(refuse("effects and groups disagree"));
        }
        if self.effects.iter().flatten().any(|effect| !effect.is_finite()) {
            return Err(refuse("an effect is no usable number"));
        }
        Ok(Term::Map { features: [first, second], groups: [a, b] })
    }
}

impl AdditiveModel {
    /// Log-odds of a row that every term takes for the mean.
    pub(crate) fn reference(&self) -> f64 {
        self.calibrator.log_odds(self.model.intercept)
    }

    /// Sets `by_feature` to what each feature adds to the calibrated log-odds of a row, half of a map to either of its features;
    /// `by_term` is scratch.
    pub(crate) fn of_row(
        &self,
        codes: &[u8],
        by_term: &mut [f64],
        by_feature: &mut [f64],
    ) -> Result<(), osusume_propensity::Error> {
        of_row(&self.model, self.calibrator, codes, by_term, by_feature)
    }

    /// Whether a number is above the middle of the training rows.
    pub(crate) fn is_high(&self, feature: usize, code: u8) -> bool {
        is_high(code, middle(&self.shares[feature]))
    }
}

/// Sets `by_feature` to what each feature of the bins adds to the calibrated log-odds of a row, half of a map to either of its
/// features; `by_term` is scratch.
pub(crate) fn of_row(
    model: &Additive,
    calibrator: Calibrator,
    codes: &[u8],
    by_term: &mut [f64],
    by_feature: &mut [f64],
) -> Result<(), osusume_propensity::Error> {
    model.of_row(codes, by_term)?;
    by_feature.fill(0.0);
    for (term, effect) in model.terms.iter().zip(by_term) {
        let effect = calibrator.slope * *effect;
        match term {
            Term::Curve { feature } => by_feature[*feature] += effect,
            Term::Map { features, .. } => {
                for feature in features {
                    by_feature[*feature] += effect / 2.0;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels() -> Vec<String> {
        ["a", "b"].map(str::to_owned).to_vec()
    }

    /// A number of three bins, and a category whose codes are not in order of name.
    fn file() -> AdditiveFile {
        let names = ["b".to_owned(), "rare".to_owned(), "a".to_owned()];
        let raw = [RawFeature { name: "x", levels: None }, RawFeature { name: "kind", levels: Some(&names) }];
        let features = vec![
            FeatureBins { raw: 0, cut: Cut::Number { edges: vec![1.5, 2.5] } },
            FeatureBins { raw: 1, cut: Cut::Category { levels: vec![0, 2] } },
        ];
        let bins = Bins { kinds: vec![RawKind::Numeric, RawKind::Category { n_levels: 3 }], features };
        let groups = |of_code: &[u8], n, n_ordered| Groups { of_code: of_code.to_vec(), n, n_ordered };
        let sides = [groups(&[0, 1, 1, 2], 2, 2), groups(&[1, 0, 2, 3], 3, 0)];
        let terms =
            vec![Term::Curve { feature: 0 }, Term::Curve { feature: 1 }, Term::Map { features: [0, 1], groups: sides }];
        let coefficients =
            vec![vec![-1.0, 0.0, 1.0, 0.5], vec![2.0, 3.0, 4.0, 5.0], vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6]];
        let written = Written {
            model: &Additive { terms, coefficients, intercept: -1.5 },
            bins: &bins,
            shares: &[vec![0.25; 4], vec![0.5, 0.25, 0.25, 0.0]],
            strength: &[vec![1.0, 2.0, 3.0], vec![4.0], vec![5.0]],
            calibrator: Calibrator { slope: 0.5, intercept: 0.25 },
            iterations: 7,
            max_gradient: 1e-9,
            effective_dof: 3.5,
        };
        AdditiveFile::new(&written, &raw)
    }

    fn read(file: &AdditiveFile) -> Result<AdditiveModel, String> {
        let names = levels();
        file.read(&[RawFeature { name: "x", levels: None }, RawFeature { name: "kind", levels: Some(&names) }])
    }

    #[test]
    fn what_is_written_is_read_back_in_order_of_names() {
        let file = file();
        let again: AdditiveFile = serde_json::from_str(&serde_json::to_string(&file).unwrap()).unwrap();
        assert_eq!(again, file);
        let model = read(&again).unwrap();
        // Level b was code 0 and is 1 now; a was 1 and is 0; the rare one is another.
        assert_eq!(model.model.coefficients[1], [3.0, 2.0, 4.0, 5.0]);
        let (mut by_term, mut by_feature) = (vec![0.0; 3], vec![0.0; 2]);
        let of = |value: f32, level: f32| [model.bins.features[0].code(value), model.bins.features[1].code(level)];
        model.of_row(&of(2.0, 1.0), &mut by_term, &mut by_feature).unwrap();
        assert_eq!(by_term, [0.0, 2.0, 0.5]);
        assert_eq!(by_feature, [0.125, 1.125]);
        assert!((model.reference() + 0.5).abs() < 1e-15);
        // Nobody had an absent number: no cell of the map is theirs.
        model.of_row(&of(f32::NAN, 0.0), &mut by_term, &mut by_feature).unwrap();
        assert_eq!(by_term, [0.5, 3.0, 0.0]);
        assert_eq!([0, 1, 2].map(|code| model.is_high(0, code)), [false, true, true]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let broken: [fn(&mut AdditiveFile); 12] = [
            |file| file.intercept = f64::NAN,
            |file| file.calibration_slope = 0.0,
            |file| file.curves[0].effects[1] = f64::INFINITY,
            |file| file.curves[0].shares[1] = f64::NAN,
            |file| file.curves[0].edges = Some(vec![2.5, 1.5]),
            |file| file.curves[0].edges = Some(vec![1.5]),
            |file| file.curves[1].levels = Some(vec!["a".to_owned(), "c".to_owned()]),
            |file| file.curves.swap(0, 1),
            |file| file.maps[0].features[0] = "y".to_owned(),
            |file| file.maps[0].sides[0].group[0] = 9,
            |file| file.maps[0].effects[0][0] = f64::NAN,
            |file| file.maps[0].effects.truncate(1),
        ];
        for (i, edit) in broken.into_iter().enumerate() {
            let mut file = file();
            edit(&mut file);
            assert!(read(&file).is_err(), "{i}");
        }
    }
}
