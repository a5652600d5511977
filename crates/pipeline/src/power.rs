//! What the holdout of a run can show, and how large it has to be for an effect worth detecting.

use osusume_decide::Design;
use osusume_model::{Code, Date, Fault, Result};
use osusume_storage::{InputEntry, Run, Runs, Standing};

use crate::config::Config;
use crate::runs::read_json;

/// Probability with which an effect that is there shall be seen.
const POWER: f64 = 0.8;
/// Confidence of the two-sided interval that shall leave 0 out.
const CONFIDENCE: f64 = 0.95;
/// Days of a month.
const MONTH_DAYS: f64 = 365.25 / 12.0;
/// The file that tells what an earlier run held out.
const SUMMARY: &str = "summary.json";

/// What a holdout shows of the share of customers who take anything in a label window.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Power {
    /// Customers decided about, the holdout among them.
    pub customers: u64,
    /// Share held out.
    pub holdout_fraction: f64,
    /// Takes a customer and label window.
    pub base_rate: f64,
    /// The smallest increase of that rate one run shows.
    pub detectable: f64,
    /// The increase worth detecting, as a share of the rate: `decide.holdout.detect`.
    pub detect: f64,
    /// Months until a run a label window long, one after another, has shown that increase.
    pub months: f64,
}

fn design(customers: u64, base_rate: f64) -> Design {
    Design { n_units: customers, base_rate, power: POWER, confidence: CONFIDENCE }
}

/// What a holdout of `fraction` shows; `None` where nobody is held out, or where the rate is none.
pub(crate) fn power(config: &Config, customers: u64, fraction: f64, base_rate: f64) -> Option<Power> {
    let is_rate = base_rate > 0.0 && base_rate < 1.0;
    if !is_rate || fraction * (customers as f64) < 1.0 || config.is_cross_section() {
        return None;
    }
    let (design, detect) = (design(customers, base_rate), config.decide.learning.detect);
    let needed = design.units_for(fraction, (detect * base_rate).min(1.0 - base_rate));
    let windows = (needed / customers as f64).ceil().max(1.0);
    let offers = &config.offers;
    let days = windows * f64::from(offers.horizon_days) + f64::from(offers.gap_days + offers.kept_days);
    Some(Power {
        customers,
        holdout_fraction: fraction,
        base_rate,
        detectable: design.detectable_effect(fraction),
        detect,
        months: days / MONTH_DAYS,
    })
}

/// The share a run holds out: as the file says, or as large as the effect worth detecting asks for, and never smaller than `before`.
pub(crate) fn fraction(config: &Config, customers: u64, base_rate: f64, before: Option<f64>) -> f64 {
    let decide = &config.decide;
    if let Some(fraction) = decide.holdout_fraction {
        return fraction;
    }
    let (most, is_rate) = (decide.learning.at_most, base_rate > 0.0 && base_rate < 1.0);
    let asked = is_rate.then(|| design(customers, base_rate).fraction_for(decide.learning.detect * base_rate));
    let asked = asked.flatten().map_or(most, |asked| asked.min(most));
    asked.max(before.unwrap_or(0.0))
}

/// Takes of any offer a row learned from; `labels` by offer as the features stage counts them.
pub(crate) fn base_rate(labels: &[[u64; 5]], rows: u64) -> f64 {
    let takes: u64 = labels.iter().map(|of_offer| of_offer[osusume_windows::Label::Positive as usize]).sum();
    takes as f64 / rows.max(1) as f64
}

/// The newest published run of a date before `as_of`, where the size of the holdout follows from it.
///
/// # Errors
/// Faults of listing runs, and integrity faults of that one.
pub(crate) fn earlier(runs: &Runs, config: &Config, as_of: Date) -> Result<Option<Run>> {
    if config.decide.holdout_fraction.is_some() {
        return Ok(None);
    }
    let listed = runs.list()?;
    let is_before = |date: Date| date < as_of;
    let mut newest =
        listed.iter().rev().filter(|one| one.standing != Standing::Unpublished && is_before(one.run_id.as_of()));
    newest.next().map(|one| runs.show(one.run_id)).transpose()
}

/// The file of that run which tells, as an input of this one.
pub(crate) fn inputs(earlier: Option<&Run>) -> Option<InputEntry> {
    let run = earlier?;
    let output = run.manifest.output(SUMMARY)?;
    let path = format!("{}/{SUMMARY}", run.current.run_id);
    Some(InputEntry { path, bytes: output.bytes, sha256: output.sha256 })
}

/// The share a published run held out, and the rate it knew; a run of an earlier version tells the share by its pipeline file alone.
///
/// # Errors
/// Faults of reading; `FileDamaged` where it tells neither.
pub(crate) fn held_out(run: &Run) -> Result<(f64, Option<f64>)> {
    let summary = read_json(run, SUMMARY)?;
    let decisions = &summary["decisions"];
    let rate = decisions["power"]["base_rate"].as_f64();
    let told = decisions["holdout_fraction"].as_f64().filter(|share| (0.0..1.0).contains(share));
    let fraction = match told {
        Some(fraction) => Some(fraction),
        None => Config::parse("MANIFEST.json", &run.manifest.config, &|_| None)?.decide.holdout_fraction,
    };
    let damaged = || Fault::new(Code::FileDamaged).in_file(run.dir.join(SUMMARY).display().to_string());
    Ok((fraction.ok_or_else(|| damaged().named("holdout_fraction").because("not as a run has it"))?, rate))
}
