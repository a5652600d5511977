//! Reasons: which of a customer's features speak for an offer, by the model's own contributions.

use osusume_decide::{Direction, reasons};
use osusume_model::{Family, FeatureSpec, Offer, OfferKind, Result};
use osusume_propensity::additive::model::Additive;
use osusume_propensity::calibration::Calibrator;
use osusume_propensity::contributions::Contributions;
use osusume_propensity::encoder::{Encoder, RawKind, Transform};

use crate::additive::{is_high, middle, of_row};
use crate::kernel::propensity_fault;
use crate::stages::score::RawBlock;
use crate::stages::train::{Curves, raw_kinds};

/// The model of an offer over an encoder's columns, as far as contributions need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights<'a> {
    /// One coefficient a design column.
    pub(crate) beta: &'a [f64],
    /// The intercept.
    pub(crate) intercept: f64,
    /// From the linear predictor to log-odds.
    pub(crate) calibrator: Calibrator,
}

/// The models of all offers; `None` for those that rest on a rate.
pub(crate) enum Grounds<'a> {
    /// Over one encoder.
    Linear(&'a Encoder, Vec<Option<Weights<'a>>>),
    /// Curves and maps, and what calibrates each offer.
    Additive(&'a Curves, Vec<Calibrator>),
}

/// Tells reasons for any customer and offer of a run.
pub(crate) struct Explainer<'a> {
    by: By<'a>,
    families: Vec<Family>,
    kinds: Vec<RawKind>,
    names: Vec<String>,
    reason_of_rate: Vec<Option<String>>,
}

enum By<'a> {
    Linear { encoder: &'a Encoder, contributions: Vec<Option<Contributions>> },
    Additive { curves: &'a Curves, calibrators: Vec<Calibrator>, middle: Vec<u8> },
}

/// A block of customers as the models take it, row-major.
pub(crate) enum EncodedBlock {
    Columns(Vec<f32>),
    Codes(Vec<u8>),
}

/// What each feature adds for one customer and offer, and which way it lies against the usual value.
struct Told {
    sums: Vec<f64>,
    deviations: Vec<f64>,
}

impl<'a> Explainer<'a> {
    /// # Errors
    /// A model that does not fit the encoder's columns.
    pub(crate) fn new(specs: &[FeatureSpec], offers: &[Offer], grounds: Grounds<'a>) -> Result<Self> {
        let by = match grounds {
            Grounds::Linear(encoder, weights) => By::linear(specs, offers, encoder, &weights)?,
            Grounds::Additive(curves, calibrators) => By::Additive {
                curves,
                calibrators,
                middle: curves.shares.iter().map(|shares| middle(shares)).collect(),
            },
        };
        Ok(Self {
            by,
            families: specs.iter().map(|spec| spec.family).collect(),
            kinds: raw_kinds(specs),
            names: specs.iter().map(|spec| spec.name.clone()).collect(),
            reason_of_rate: offers.iter().map(|offer| reason_of_rate(specs, offer)).collect(),
        })
    }

    /// The rows of a block as the models take them.
    pub(crate) fn encode(&self, block: &RawBlock) -> Result<EncodedBlock> {
        let slices = block.slices();
        let raw = block.raw(&slices, &self.kinds);
        match &self.by {
            By::Linear { encoder, .. } => {
                let mut out = vec![0.0; block.customer.len() * encoder.n_cols()];
                encoder.encode_block(&raw, &mut out).map_err(|error| propensity_fault(&error, "reasons"))?;
                Ok(EncodedBlock::Columns(out))
            }
            By::Additive { curves, .. } => {
                let codes = curves.bins.encode(&raw).map_err(|error| propensity_fault(&error, "reasons"))?;
                let row = |row: usize| codes.columns.iter().map(move |column| column[row]);
                Ok(EncodedBlock::Codes((0..codes.n_rows).flat_map(row).collect()))
            }
        }
    }

    /// `family:feature:+`, `-` or `?` (absent) of the three strongest reasons for the offer.
    pub(crate) fn reasons(
        &self,
        block: &RawBlock,
        encoded: &EncodedBlock,
        row: usize,
        offer: usize,
    ) -> Result<[Option<String>; 3]> {
        let fault = |error: osusume_propensity::Error| propensity_fault(&error, "reasons");
        let told = match (&self.by, encoded) {
            (By::Linear { encoder, contributions }, EncodedBlock::Columns(x)) => {
                let d = encoder.n_cols();
                let x = &x[row * d..(row + 1) * d];
                let contributions = contributions[offer].as_ref();
                contributions.map(|contributions| self.of_columns(encoder, contributions, block, x, row)).transpose()
            }
            (By::Additive { curves, calibrators, middle }, EncodedBlock::Codes(codes)) => {
                let n = curves.bins.features.len();
                let codes = &codes[row * n..(row + 1) * n];
                let model = curves.offers[offer].as_ref();
                model.map(|model| self.of_codes(curves, model, calibrators[offer], middle, codes)).transpose()
            }
            _ => Ok(None),
        };
        let Some(Told { sums, deviations }) = told.map_err(fault)? else {
            return Ok([self.reason_of_rate[offer].clone(), None, None]);
        };
        let found = reasons(&self.families, &sums, &deviations);
        Ok(found.map(|reason| {
            reason.map(|reason| {
                let sign = match reason.direction {
                    Direction::Above => '+',
                    Direction::Below => '-',
                    Direction::Absent => '?',
                };
                format!("{}:{}:{sign}", reason.family.id(), self.names[reason.feature])
            })
        }))
    }

    fn of_columns(
        &self,
        encoder: &Encoder,
        contributions: &Contributions,
        block: &RawBlock,
        x: &[f32],
        row: usize,
    ) -> std::result::Result<Told, osusume_propensity::Error> {
        // Groups end at the last feature with a column; the features behind it contribute nothing.
        let mut sums = vec![0.0; contributions.n_groups()];
        contributions.of_row(x, &mut sums)?;
        sums.resize(self.families.len(), 0.0);
        let mut deviations: Vec<f64> =
            (0..self.families.len()).map(|f| if block.is_absent(row, f) { f64::NAN } else { 0.0 }).collect();
        // The first column that is made of a feature's number says which way it lies.
        for (column, &value) in encoder.columns.iter().zip(x).rev() {
            let deviation = &mut deviations[column.raw as usize];
            match column.transform {
                _ if deviation.is_nan() => {}
                Transform::Linear { .. } | Transform::Log1p { .. } => *deviation = f64::from(value),
                // A category that is present applies.
                Transform::Level(_) | Transform::Other { .. } => *deviation = 1.0,
                Transform::Absent => {}
            }
        }
        Ok(Told { sums, deviations })
    }

    fn of_codes(
        &self,
        curves: &Curves,
        model: &Additive,
        calibrator: Calibrator,
        middle: &[u8],
        codes: &[u8],
    ) -> std::result::Result<Told, osusume_propensity::Error> {
        let (mut by_term, mut by_feature) = (vec![0.0; model.terms.len()], vec![0.0; codes.len()]);
        of_row(model, calibrator, codes, &mut by_term, &mut by_feature)?;
        let n = self.families.len();
        let mut told = Told { sums: vec![0.0; n], deviations: vec![0.0; n] };
        for (at, feature) in curves.bins.features.iter().enumerate() {
            let raw = feature.raw as usize;
            told.sums[raw] = by_feature[at];
            told.deviations[raw] = match codes[at] {
                code if code == feature.absent() => f64::NAN,
                // A category that is present applies.
                code if feature.n_ordered() == 0 || is_high(code, middle[at]) => 1.0,
                _ => -1.0,
            };
        }
        Ok(told)
    }
}

impl<'a> By<'a> {
    fn linear(
        specs: &[FeatureSpec],
        offers: &[Offer],
        encoder: &'a Encoder,
        weights: &[Option<Weights<'_>>],
    ) -> Result<Self> {
        let source: Vec<u32> = encoder.columns.iter().map(|column| column.raw).collect();
        let group: Vec<u32> = (0..specs.len() as u32).collect();
        let contributions = |(weights, offer): (&Option<Weights<'_>>, &Offer)| {
            let Some(Weights { beta, intercept, calibrator }) = weights else { return Ok(None) };
            let contributions = Contributions::new(beta, *intercept, calibrator, &source, &group);
            contributions.map(Some).map_err(|error| propensity_fault(&error, &offer.key))
        };
        let contributions = weights.iter().zip(offers).map(contributions).collect::<Result<_>>()?;
        Ok(Self::Linear { encoder, contributions })
    }
}

/// A rate weighs nothing that is known of the customer. What makes a step up possible at all is the tier held, and that is told;
/// everything else rests on the rate alone, as `basis` says.
fn reason_of_rate(specs: &[FeatureSpec], offer: &Offer) -> Option<String> {
    let is_tier = |spec: &&FeatureSpec| spec.text_key == "tier" && spec.subject == offer.family;
    let spec = specs.iter().filter(|_| offer.kind == OfferKind::Upsell).find(is_tier)?;
    Some(format!("{}:{}:+", spec.family.id(), spec.name))
}

#[cfg(test)]
mod tests {
    use osusume_model::{FeatureKind, Minor, NullMeaning, Unit};

    use super::*;

    #[test]
    fn a_rate_tells_the_tier_held_where_there_is_one() {
        let spec = |name: &str, text_key, subject: &str| FeatureSpec {
            name: name.to_owned(),
            family: Family::Holding,
            source: "holdings".to_owned(),
            window: None,
            unit: Unit::Count,
            null: NullMeaning::Never,
            kind: FeatureKind::Numeric,
            text_key,
            subject: subject.to_owned(),
        };
        let specs = [spec("a", "held_count", "line"), spec("b", "tier", "tv"), spec("c", "tier", "line")];
        let check = |kind, family: &str, expected: Option<&str>| {
            let offer = Offer {
                key: "offered".to_owned(),
                kind,
                family: family.to_owned(),
                product: None,
                margin: Minor(0),
                valid_from: None,
                valid_until: None,
            };
            assert_eq!(reason_of_rate(&specs, &offer).as_deref(), expected);
        };
        check(OfferKind::Upsell, "line", Some("holding:c:+"));
        check(OfferKind::CrossSell, "tv", None);
        check(OfferKind::Upsell, "wifi", None);
    }
}
