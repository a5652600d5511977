//! Reasons: which of a customer's features speak for an offer, by the model's own contributions.

use osusume_decide::{Direction, reasons};
use osusume_model::{Family, FeatureSpec, Offer, OfferKind, Result};
use osusume_propensity::calibration::Calibrator;
use osusume_propensity::contributions::Contributions;
use osusume_propensity::encoder::{Encoder, RawKind, Transform};

use crate::kernel::propensity_fault;
use crate::stages::score::RawBlock;
use crate::stages::train::raw_kinds;

/// The model of an offer, as far as contributions need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights<'a> {
    /// One coefficient a design column.
    pub(crate) beta: &'a [f64],
    /// The intercept.
    pub(crate) intercept: f64,
    /// From the linear predictor to log-odds.
    pub(crate) calibrator: Calibrator,
}

/// Tells reasons for any customer and offer of a run.
pub(crate) struct Explainer<'a> {
    encoder: &'a Encoder,
    families: Vec<Family>,
    kinds: Vec<RawKind>,
    names: Vec<String>,
    contributions: Vec<Option<Contributions>>,
    reason_of_rate: Vec<Option<String>>,
}

impl<'a> Explainer<'a> {
    /// `weights`: one entry an offer, `None` for those that rest on a rate.
    ///
    /// # Errors
    /// A model that does not fit the encoder's columns.
    pub(crate) fn new(
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
        Ok(Self {
            encoder,
            families: specs.iter().map(|spec| spec.family).collect(),
            kinds: raw_kinds(specs),
            names: specs.iter().map(|spec| spec.name.clone()).collect(),
            contributions: weights.iter().zip(offers).map(contributions).collect::<Result<_>>()?,
            reason_of_rate: offers.iter().map(|offer| reason_of_rate(specs, offer)).collect(),
        })
    }

    /// The design rows of a block, row-major.
    pub(crate) fn encode(&self, block: &RawBlock) -> Result<Vec<f32>> {
        let slices = block.slices();
        let mut out = vec![0.0; block.customer.len() * self.encoder.n_cols()];
        self.encoder
            .encode_block(&block.raw(&slices, &self.kinds), &mut out)
            .map_err(|error| propensity_fault(&error, "reasons"))?;
        Ok(out)
    }

    /// `family:feature:+`, `-` or `?` (absent) of the three strongest reasons for the offer.
    pub(crate) fn reasons(
        &self,
        block: &RawBlock,
        encoded: &[f32],
        row: usize,
        offer: usize,
    ) -> Result<[Option<String>; 3]> {
        let Some(contributions) = &self.contributions[offer] else {
            return Ok([self.reason_of_rate[offer].clone(), None, None]);
        };
        let d = self.encoder.n_cols();
        let x = &encoded[row * d..(row + 1) * d];
        // Groups end at the last feature with a column; the features behind it contribute nothing.
        let mut sums = vec![0.0; contributions.n_groups()];
        contributions.of_row(x, &mut sums).map_err(|error| propensity_fault(&error, "reasons"))?;
        sums.resize(self.families.len(), 0.0);
        let found = reasons(&self.families, &sums, &self.deviations(block, x, row));
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

    /// Which way each feature lies against the usual value: the first column that is made of its number says so.
    fn deviations(&self, block: &RawBlock, x: &[f32], row: usize) -> Vec<f64> {
        let mut deviations: Vec<f64> =
            (0..self.families.len()).map(|f| if block.is_absent(row, f) { f64::NAN } else { 0.0 }).collect();
        for (column, &value) in self.encoder.columns.iter().zip(x).rev() {
            let deviation = &mut deviations[column.raw as usize];
            match column.transform {
                _ if deviation.is_nan() => {}
                Transform::Linear { .. } | Transform::Log1p { .. } => *deviation = f64::from(value),
                // A category that is present applies.
                Transform::Level(_) | Transform::Other { .. } => *deviation = 1.0,
                Transform::Absent => {}
            }
        }
        deviations
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
