//! What a contact adds: from customers contacted or held back at random, the probability of a take with and without contact.
//!
//! A propensity is that of a customer as the company treats them, contacted or not. Rows of the contacts table that were drawn at random
//! tell what the contact itself does ([`drawn`]); how many customers like these are contacted anyway ([`share`]) tells how much of it
//! the propensity holds already. Both together give the two probabilities the propensity is a mixture of.
//!
//! Where nothing was drawn, the pipeline file may say what a contact does (`decide.response`); that is then assumed.
//!
//! Contacts that chased likely buyers say nothing of what a contact adds, and never enter the effect.

mod churn;
mod drawn;
mod learned;
mod share;

use std::collections::BTreeMap;
use std::ops::Range;

use osusume_decide::worn;
use osusume_evaluate::{
    Assignment, Comparison, ContactEffect, Experiment, ResponsePrior, comparison, contact_effects, split,
};
use osusume_model::{Code, Date, Fault, Offer, Result};
use osusume_numeric::elementary::ln;
use osusume_propensity::design::Design;
use osusume_tables::Values;

use self::drawn::{Drawn, Lottery, labeled, lotteries};
pub(super) use self::learned::learned;
use self::share::Exposure;
use super::data::TrainingData;
use super::{CONFIDENCE, OfferModel, families};
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{BelievedResponse, LearnFrom, Role, Source};
use crate::job::Job;
use crate::seam::Block;
use crate::stages::consents::opted_out;
use crate::units::Units;

/// The share of the variance believed beforehand that takes must have taken away for an effect to count as found by them.
const LEAST_TOLD: f64 = 0.2;

/// What a contact adds to the log-odds of an offer's takes, and what that rests on.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Contact {
    /// What tells it.
    pub(crate) evidence: ContactEvidence,
    /// Change of the log-odds of a take.
    pub(crate) log_odds: f64,
    /// Its 95 % interval; what is assumed has none.
    pub(crate) interval: Option<[f64; 2]>,
    /// Share of the customers behind the propensity's level who were being contacted, weighted by their propensity.
    pub(crate) contacted_share: f64,
    /// The draws it comes from.
    pub(crate) draw: Option<Draw>,
}

/// Customers contacted or held back by draws.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Draw {
    /// What the offer's own rows say before they are drawn toward the family; absent where an arm has no take.
    pub(crate) own_log_odds: Option<f64>,
    /// What they are drawn toward.
    pub(crate) family_log_odds: f64,
    /// How much of the effect takes tell: the share of the variance believed beforehand that they took away.
    pub(crate) told: f64,
    /// Rows of those contacted, and takes in their windows.
    pub(crate) contacted: ArmRows,
    /// The same of those held back.
    pub(crate) held_back: ArmRows,
}

/// What tells what a contact adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContactEvidence {
    /// Customers contacted or held back by a draw.
    Randomised,
    /// The pipeline file: what it says of the response, or what is believed where draws say next to nothing.
    Assumed,
}

impl ContactEvidence {
    /// The word in the offer table's column `evidence`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Randomised => "randomised",
            Self::Assumed => "assumed",
        }
    }
}

/// One arm as it stands in the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ArmRows {
    /// Customers, each once a contact.
    pub(crate) rows: u64,
    /// Takes among them.
    pub(crate) takes: u64,
}

/// A propensity taken apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Parts {
    /// Without contact.
    pub(crate) alone: f64,
    /// With it.
    pub(crate) contacted: f64,
    /// The second less the first.
    pub(crate) uplift: f64,
    /// Its interval.
    pub(crate) interval: Option<[f64; 2]>,
}

impl Parts {
    /// The same where other contacts leave the share `kept` of what this one adds.
    pub(crate) fn worn(self, kept: f64) -> Self {
        let left = |uplift: f64| worn(0.0, uplift, kept);
        let uplift = left(self.uplift);
        Self { contacted: self.alone + uplift, uplift, interval: self.interval.map(|ends| ends.map(left)), ..self }
    }
}

impl Contact {
    /// The probabilities a propensity is a mixture of.
    pub(crate) fn parts(&self, propensity: f64) -> Parts {
        let at = |log_odds| split(propensity, self.contacted_share, log_odds);
        let uplift = |log_odds| at(log_odds)[1] - at(log_odds)[0];
        let [alone, contacted] = at(self.log_odds);
        Parts { alone, contacted, uplift: contacted - alone, interval: self.interval.map(|ends| ends.map(uplift)) }
    }

    /// What draws tell, or what is believed where their takes are too few to change it.
    fn drawn(found: &Found, effect: &ContactEffect, contacted_share: f64) -> Self {
        let is_known = found.arms.iter().all(|arm| arm.takes > 0);
        Self {
            evidence: if effect.told >= LEAST_TOLD { ContactEvidence::Randomised } else { ContactEvidence::Assumed },
            log_odds: effect.log_odds,
            interval: Some([effect.interval.lower, effect.interval.upper]),
            contacted_share,
            draw: Some(Draw {
                own_log_odds: is_known.then_some(effect.own),
                family_log_odds: effect.family,
                told: effect.told,
                contacted: found.arms[1],
                held_back: found.arms[0],
            }),
        }
    }

    /// `response` is the share by which a contact is said to change the odds.
    fn assumed(response: f64, contacted_share: f64) -> Self {
        let log_odds = ln(1.0 + response);
        Self { evidence: ContactEvidence::Assumed, log_odds, interval: None, contacted_share, draw: None }
    }
}

/// Everything effects are read from.
pub(super) struct Ground<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) tables: &'a Checked,
    pub(super) goods: &'a Goods,
    pub(super) schedule: &'a Schedule,
    pub(super) units: &'a Units,
    pub(super) data: &'a TrainingData,
    pub(super) design: &'a Design,
}

/// What was done to a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Arm {
    /// Contacted because a rule said so.
    Targeted,
    /// Contacted by a draw.
    Random,
    /// Held back by a draw.
    Control,
}

/// A row of the contacts table.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ContactRow {
    customer: u32,
    offer: u32,
    day: Date,
    arm: Arm,
    /// Probability of what was done, where it is known.
    probability: Option<f64>,
}

/// The words for what was done, in any case.
pub(crate) const ARMS: [(&str, Arm); 3] =
    [("targeted", Arm::Targeted), ("random", Arm::Random), ("control", Arm::Control)];

/// Tells every offer what a contact adds to it, where the tables know or the pipeline file says.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(super) fn tell(ground: &Ground<'_>, offers: &mut [OfferModel]) -> Result<()> {
    let job = ground.job;
    let catalogue = &ground.goods.catalogue.offers;
    let responses = responses(&job.config.decide.response, catalogue);
    let source = job.config.sources.values().find(|source| source.role == Role::Contacts);
    let source = source.filter(|source| source.column("arm").is_some());
    if job.config.is_cross_section() || (source.is_none() && responses.iter().all(Option::is_none)) {
        return Ok(());
    }
    let (mut drawn, mut exposure) = (Vec::new(), Exposure::new(ground, offers));
    for customers in ground.tables.passes() {
        job.check_stop()?;
        let rows = source.map(|source| ground.contacts(source, &customers)).transpose()?.unwrap_or_default();
        drawn.extend(labeled(ground, &customers, &rows)?);
        exposure.add(&rows);
    }
    let found: Vec<Found> = (0..offers.len()).map(|offer| ground.found(offer as u32, &drawn)).collect::<Result<_>>()?;
    let experiments: Vec<Experiment> = found
        .iter()
        .zip(families(catalogue))
        .map(|(found, family)| Experiment { family, comparisons: found.comparisons.clone() })
        .collect();
    let effects = contact_effects(&experiments, &prior(&job.config.decide.valuation.believed), CONFIDENCE);
    let churn = churn::churn(ground, &drawn)?;
    for (offer, ((found, effect), response)) in found.iter().zip(effects).zip(responses).enumerate() {
        // Models of those left alone tell the probability without a contact.
        let share = if job.config.train.learn_from == LearnFrom::Everybody {
            exposure.share(offer, &offers[offer])
        } else {
            0.0
        };
        let randomised = effect.map(|effect| Contact::drawn(found, &effect, share));
        offers[offer].after.churn = churn;
        offers[offer].contact = randomised.or_else(|| response.map(|response| Contact::assumed(response, share)));
    }
    Ok(())
}

fn prior(believed: &BelievedResponse) -> ResponsePrior {
    let BelievedResponse { mean, spread, between_offers } = *believed;
    ResponsePrior { mean: ln(1.0 + mean), spread, between_offers }
}

/// What the pipeline file says of each offer's response: that of the offer itself, else that of its family.
fn responses(declared: &BTreeMap<String, f64>, offers: &[Offer]) -> Vec<Option<f64>> {
    offers.iter().map(|offer| declared.get(&offer.key).or_else(|| declared.get(&offer.family)).copied()).collect()
}

/// What the draws of one offer came to.
#[derive(Clone, Debug, Default)]
struct Found {
    comparisons: Vec<Comparison>,
    /// Held back, contacted.
    arms: [ArmRows; 2],
}

impl Ground<'_> {
    /// Contacts of a run of customers about offers of this pipeline, by customer; nothing of whoever is not learned from.
    fn contacts(&self, source: &Source, customers: &Range<u32>) -> Result<Vec<ContactRow>> {
        let Some(table) = self.tables.table(&source.name) else { return Ok(Vec::new()) };
        let columns = ["at", "offer", "arm", "probability"];
        let declared: Vec<&str> = columns.into_iter().filter(|name| source.column(name).is_some()).collect();
        let block = Block::read(table, customers.clone(), &declared, &self.job.quiet())?;
        let asked: Vec<u32> = customers.clone().collect();
        let left_out = opted_out(self.job, self.tables, &asked, self.schedule.score)?;
        let (offers, arms) = (offers_of(&self.goods.catalogue.offers, &block), arms_of(&block));
        let at = block.times("at");
        let mut rows = Vec::new();
        for (position, bounds) in block.offsets.windows(2).enumerate() {
            if left_out[position] {
                continue;
            }
            for row in bounds[0] as usize..bounds[1] as usize {
                let (Some(offer), Some(arm)) = (offers[row], arms[row]) else { continue };
                let day = self.job.calendar.day(at[row]);
                let customer = customers.start + position as u32;
                rows.push(ContactRow { customer, offer, day, arm, probability: probability(&block, row) });
            }
        }
        Ok(rows)
    }

    /// The comparisons of one offer: takes of both arms of every draw that has customers enough in both.
    fn found(&self, offer: u32, drawn: &[Drawn]) -> Result<Found> {
        let mut found = Found::default();
        for Lottery { rows } in lotteries(offer, drawn) {
            let is_taken: Vec<bool> = rows.iter().map(|row| row.is_taken).collect();
            let compared = with_assignment(self, &rows, |assignment| comparison(assignment, &is_taken));
            let compared = compared.map_err(|error| Fault::new(Code::Bug).because(error))?;
            let Some(compared) = compared else { continue };
            found.comparisons.push(compared);
            for row in rows {
                let arm = &mut found.arms[usize::from(row.arm != Arm::Control)];
                arm.rows += 1;
                arm.takes += u64::from(row.is_taken);
            }
        }
        Ok(found)
    }
}

/// Hands the rows of one draw to `ask` as an assignment.
fn with_assignment<T>(ground: &Ground<'_>, rows: &[&Drawn], ask: impl FnOnce(&Assignment<'_>) -> T) -> T {
    let is_offered: Vec<bool> = rows.iter().map(|row| row.arm != Arm::Control).collect();
    let is_logged = rows.iter().all(|row| row.probability.is_some());
    let weighed = |row: &&Drawn| if is_logged { row.probability.unwrap_or(1.0) } else { 1.0 };
    let probabilities: Vec<f64> = rows.iter().map(weighed).collect();
    let clusters: Vec<u32> = rows.iter().map(|row| ground.units.cluster(row.customer)).collect();
    ask(&Assignment { is_offered: &is_offered, probabilities: &probabilities, clusters: &clusters })
}

/// The offer each row is about, by its key.
fn offers_of(offers: &[Offer], block: &Block) -> Vec<Option<u32>> {
    let names = block.column("offer").and_then(|column| column.dictionary.clone());
    let position = |name: &String| offers.iter().position(|offer| offer.key == name.trim()).map(|at| at as u32);
    by_code(block, "offer", &names.iter().flat_map(|names| names.iter()).map(position).collect::<Vec<_>>())
}

/// What was done, row by row; nothing where the word is none of the three.
fn arms_of(block: &Block) -> Vec<Option<Arm>> {
    let names = block.column("arm").and_then(|column| column.dictionary.clone());
    let arm = |name: &String| ARMS.iter().find(|(word, _)| name.trim().eq_ignore_ascii_case(word)).map(|(_, arm)| *arm);
    by_code(block, "arm", &names.iter().flat_map(|names| names.iter()).map(arm).collect::<Vec<_>>())
}

fn by_code<T: Copy>(block: &Block, column: &str, of: &[Option<T>]) -> Vec<Option<T>> {
    let n = block.times("at").len();
    let codes = block.codes(column);
    (0..n).map(|row| codes.and_then(|codes| codes.get(row)).and_then(|code| of[code as usize])).collect()
}

/// The logged probability of a row; one outside (0, 1] is none.
fn probability(block: &Block, row: usize) -> Option<f64> {
    let column = block.column("probability")?;
    let Values::F64(values) = &column.values else { return None };
    let is_there = column.valid.as_ref().is_none_or(|valid| valid[row]);
    Some(values[row]).filter(|p| is_there && *p > 0.0 && *p <= 1.0)
}

#[cfg(test)]
mod tests;
