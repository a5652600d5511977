//! A linear model as it stands in files: one entry a design column, readable by people, read back into what the kernels take.

use osusume_propensity::calibration::Calibrator;
use osusume_propensity::elastic_net::SparseFit;
use osusume_propensity::encoder::{Column, Encoder, RawKind, Transform};
use osusume_propensity::logistic::Fit;
use serde::{Deserialize, Serialize};

/// A raw feature as model files name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawFeature<'a> {
    /// Its unique name.
    pub(crate) name: &'a str,
    /// The levels of a category; `None` for a number.
    pub(crate) levels: Option<&'a [String]>,
}

impl RawFeature<'_> {
    fn kind(self) -> RawKind {
        self.levels.map_or(RawKind::Numeric, |levels| RawKind::Category { n_levels: levels.len() as u32 })
    }
}

/// Penalized logistic regression over standardized columns, and its calibration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinearFile {
    /// The penalty, where it is the same for every column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lambda: Option<f64>,
    /// The share of L1 in it, where there is one: columns without a coefficient are then left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    l1_share: Option<f64>,
    iterations: u32,
    max_gradient: f64,
    converged: bool,
    pub(crate) intercept: f64,
    calibration_slope: f64,
    calibration_intercept: f64,
    pub(crate) columns: Vec<Coefficient>,
}

/// One design column: `beta · (transform(feature) − mean) / scale`, and 0 where the feature is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Coefficient {
    pub(crate) feature: String,
    pub(crate) transform: TransformName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) low: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) high: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) levels: Option<Vec<String>>,
    pub(crate) mean: f64,
    pub(crate) scale: f64,
    pub(crate) beta: f64,
    /// The coefficient all offers have in common, toward which `beta` is drawn; 0 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    center: Option<f64>,
    /// How strongly: the penalty `precision / 2 · (beta − center)²` stands beside the mean log-loss; absent where `lambda` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    precision: Option<f64>,
}

/// What is taken of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TransformName {
    /// The number between `low` and `high`.
    Linear,
    /// log(1 + x) of that.
    Log1p,
    /// 1 where there is no value.
    Absent,
    /// 1 where the category has the one level named.
    Level,
    /// 1 where it has none of the levels named.
    OtherThan,
}

/// What is read back: the encoder, and the numbers of the model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinearModel {
    pub(crate) encoder: Encoder,
    pub(crate) beta: Vec<f64>,
    pub(crate) intercept: f64,
    pub(crate) calibrator: Calibrator,
}

impl LinearFile {
    /// The file of a fit over `encoder`'s columns.
    pub(crate) fn new(fit: &Fit, calibrator: Calibrator, encoder: &Encoder, features: &[RawFeature<'_>]) -> Self {
        let lambda = fit.prior.lambda();
        let drawn = |j: usize| lambda.is_none().then(|| [fit.prior.center[j], fit.prior.precision[j]]);
        let columns = encoder.columns.iter().zip(&fit.beta).enumerate();
        Self {
            lambda,
            l1_share: None,
            iterations: fit.iterations,
            max_gradient: fit.max_gradient,
            converged: fit.converged,
            intercept: fit.intercept,
            calibration_slope: calibrator.slope,
            calibration_intercept: calibrator.intercept,
            columns: columns.map(|(j, (column, &beta))| coefficient(column, beta, drawn(j), features)).collect(),
        }
    }

    /// The file of a fit with a share of L1 over `encoder`'s columns: those it left.
    pub(crate) fn sparse(
        fit: &SparseFit,
        calibrator: Calibrator,
        encoder: &Encoder,
        features: &[RawFeature<'_>],
    ) -> Self {
        let columns = fit.chosen().into_iter().map(|j| (&encoder.columns[j as usize], fit.beta[j as usize]));
        Self {
            lambda: Some(fit.penalty.lambda),
            l1_share: Some(fit.penalty.l1_share),
            iterations: fit.iterations,
            max_gradient: fit.max_violation,
            converged: true,
            intercept: fit.intercept,
            calibration_slope: calibrator.slope,
            calibration_intercept: calibrator.intercept,
            columns: columns.map(|(column, beta)| coefficient(column, beta, None, features)).collect(),
        }
    }

    /// From the model's linear predictor to log-odds.
    pub(crate) fn calibrator(&self) -> Calibrator {
        Calibrator { slope: self.calibration_slope, intercept: self.calibration_intercept }
    }

    /// The model over `features`; an error says what cannot be.
    pub(crate) fn read(&self, features: &[RawFeature<'_>]) -> Result<LinearModel, String> {
        let numbers = [self.intercept, self.calibration_slope, self.calibration_intercept];
        if numbers.iter().any(|x| !x.is_finite()) || self.calibration_slope <= 0.0 {
            return Err("intercept or calibration is no usable number".to_owned());
        }
        let columns: Result<Vec<Column>, String> = self.columns.iter().map(|column| column.read(features)).collect();
        let kinds = features.iter().map(|feature| feature.kind()).collect();
        Ok(LinearModel {
            encoder: Encoder { kinds, columns: columns?, dropped: Vec::new() },
            beta: self.columns.iter().map(|column| column.beta).collect(),
            intercept: self.intercept,
            calibrator: self.calibrator(),
        })
    }
}

/// The entry of one design column. `drawn`: what its coefficient is drawn toward, and how strongly.
pub(crate) fn coefficient(
    column: &Column,
    beta: f64,
    drawn: Option<[f64; 2]>,
    features: &[RawFeature<'_>],
) -> Coefficient {
    let feature = features[column.raw as usize];
    let name = |level: &u32| feature.levels.map_or_else(|| level.to_string(), |names| names[*level as usize].clone());
    let (transform, low, high, levels) = match &column.transform {
        Transform::Linear { low, high } => (TransformName::Linear, Some(*low), Some(*high), None),
        Transform::Log1p { low, high } => (TransformName::Log1p, Some(*low), Some(*high), None),
        Transform::Absent => (TransformName::Absent, None, None, None),
        Transform::Level(level) => (TransformName::Level, None, None, Some(vec![name(level)])),
        Transform::Other { known } => (TransformName::OtherThan, None, None, Some(known.iter().map(name).collect())),
    };
    let (mean, scale) = (column.mean, column.scale);
    let (center, precision) = (drawn.map(|d| d[0]), drawn.map(|d| d[1]));
    Coefficient { feature: feature.name.to_owned(), transform, low, high, levels, mean, scale, beta, center, precision }
}

impl Coefficient {
    fn read(&self, features: &[RawFeature<'_>]) -> Result<Column, String> {
        let refuse = |what: &str| format!("column of `{}`: {what}", self.feature);
        let raw = features.iter().position(|feature| feature.name == self.feature);
        let raw = raw.ok_or_else(|| refuse("no such feature"))?;
        let is_usable = [self.mean, self.scale, self.beta].iter().all(|x| x.is_finite()) && self.scale > 0.0;
        if !is_usable {
            return Err(refuse("mean, scale or beta is no usable number"));
        }
        let transform = self.transform(features[raw]).ok_or_else(|| refuse("transform and feature disagree"))?;
        Ok(Column { raw: raw as u32, transform, mean: self.mean, scale: self.scale })
    }

    fn transform(&self, feature: RawFeature<'_>) -> Option<Transform> {
        let clips = || {
            let (low, high) = (self.low?, self.high?);
            (feature.levels.is_none() && low <= high).then_some((low, high))
        };
        Some(match self.transform {
            TransformName::Linear => clips().map(|(low, high)| Transform::Linear { low, high })?,
            TransformName::Log1p => {
                clips().filter(|(low, _)| *low > -1.0).map(|(low, high)| Transform::Log1p { low, high })?
            }
            TransformName::Absent => Transform::Absent,
            TransformName::Level => match self.codes(feature)?.as_slice() {
                [level] => Transform::Level(*level),
                _ => return None,
            },
            TransformName::OtherThan => {
                let mut known = self.codes(feature)?;
                known.sort_unstable();
                Transform::Other { known }
            }
        })
    }

    /// The codes of the levels named, which are all among the feature's.
    fn codes(&self, feature: RawFeature<'_>) -> Option<Vec<u32>> {
        let (names, known) = (self.levels.as_ref()?, feature.levels?);
        names.iter().map(|name| known.iter().position(|level| level == name).map(|code| code as u32)).collect()
    }
}

#[cfg(test)]
mod tests {
    use osusume_propensity::Prior;

    use super::*;

    fn levels() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).to_vec()
    }

    fn file() -> (LinearFile, Encoder) {
        let names = levels();
        let features = [RawFeature { name: "x", levels: None }, RawFeature { name: "kind", levels: Some(&names) }];
        let column = |raw, transform| Column { raw, transform, mean: 0.25, scale: 0.5 };
        let columns = vec![
            column(0, Transform::Linear { low: -1.0, high: 3.0 }),
            column(0, Transform::Log1p { low: 0.0, high: 3.0 }),
            column(0, Transform::Absent),
            column(1, Transform::Level(2)),
            column(1, Transform::Other { known: vec![0, 2] }),
        ];
        let kinds = vec![RawKind::Numeric, RawKind::Category { n_levels: 3 }];
        let encoder = Encoder { kinds, columns, dropped: Vec::new() };
        let fit = Fit {
            beta: vec![0.5, -0.25, 0.0, 1.0, 2.0],
            intercept: -1.5,
            prior: Prior { precision: vec![0.01, 0.02, 0.03, 0.04, 0.05], center: vec![0.4, 0.0, 0.0, 0.5, 1.5] },
            iterations: 3,
            max_gradient: 1e-9,
            converged: true,
            loss: 0.3,
            hessians: 3,
            hessian_diagonal: vec![1.0; 6],
            effective_dof: 4.0,
            factor: None,
            total_weight: 10.0,
            positives: 5,
            rows: 10,
            warnings: Vec::new(),
        };
        (LinearFile::new(&fit, Calibrator { slope: 0.9, intercept: 0.1 }, &encoder, &features), encoder)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let (file, encoder) = file();
        let text = serde_json::to_string(&file).unwrap();
        let again: LinearFile = serde_json::from_str(&text).unwrap();
        assert_eq!(again, file);
        let names = levels();
        let features = [RawFeature { name: "x", levels: None }, RawFeature { name: "kind", levels: Some(&names) }];
        let model = again.read(&features).unwrap();
        assert_eq!(model.encoder, encoder);
        assert_eq!(model.beta, [0.5, -0.25, 0.0, 1.0, 2.0]);
        assert_eq!(model.calibrator, Calibrator { slope: 0.9, intercept: 0.1 });
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let names = levels();
        let features = [RawFeature { name: "x", levels: None }, RawFeature { name: "kind", levels: Some(&names) }];
        let broken: [fn(&mut LinearFile); 8] = [
            |file| file.intercept = f64::NAN,
            |file| file.calibration_slope = 0.0,
            |file| file.columns[0].scale = 0.0,
            |file| file.columns[0].beta = f64::INFINITY,
            |file| file.columns[0].feature = "y".to_owned(),
            |file| file.columns[0].high = Some(-2.0),
            |file| file.columns[1].low = Some(-1.0),
            |file| file.columns[3].levels = Some(vec!["d".to_owned()]),
        ];
        for (i, edit) in broken.into_iter().enumerate() {
            let (mut file, _) = file();
            edit(&mut file);
            assert!(file.read(&features).is_err(), "{i}");
        }
    }
}
