//! A published report drawn again: in another language, or with what was measured since.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Code, Fault, Result};
use osusume_report::{Arm, ArmEffect, Effect, ExpectedRow, Report};
use osusume_storage::{Current, Fs, RealFs, Runs};
use osusume_text::Language;

use crate::evaluation::{
    ArmComparison, ArmEvaluation, Compared, EVALUATION, Effect as Measured, Evaluation, Expectation,
};
use crate::runs::read_json;
use crate::stages::report::NUMBERS;

/// A report with a thousand offers and their tests has a few megabytes.
const LIMIT_BYTES: u64 = 1 << 26;

/// The page of a run, in the run's own language unless another is asked for, with the newest evaluation of the run where one lies in
/// `evaluations/` beside `runs/`.
///
/// `run` is the run's directory, the directory of all runs of a pipeline (its current run is meant), or a `report.json`.
///
/// # Errors
/// `FileUnreadable`, `FileDamaged`, `FormatVersion`.
pub fn redraw(run: &Path, language: Option<Language>) -> Result<String> {
    let file = file_of(run)?;
    let bytes = RealFs.open_input(&file)?.read_all(LIMIT_BYTES)?;
    let mut report = Report::from_json(&bytes, &file.display().to_string())?;
    let dir = file.parent().map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
    if let Some(evaluation) = dir.map(|dir| newest_evaluation(dir, &report)).transpose()?.flatten() {
        report = report.with_evaluation(told(&evaluation));
    }
    Ok(report.html(language.unwrap_or_else(|| report.language())))
}

fn file_of(run: &Path) -> Result<PathBuf> {
    let is_dir = RealFs.metadata(run)?.is_some_and(|found| found.is_dir);
    if !is_dir {
        return Ok(run.to_owned());
    }
    let current = Current::read(&RealFs, run)?;
    Ok(current.map_or_else(|| run.to_owned(), |current| run.join(current.run_id.to_string())).join(NUMBERS))
}

/// The newest evaluation of the run that was published into `dir`; `None` where there is none.
fn newest_evaluation(dir: &Path, report: &Report) -> Result<Option<Evaluation>> {
    let about = &report.numbers().about;
    let absolute = std::path::absolute(dir).map_err(|error| Fault::new(Code::FileUnreadable).because(error))?;
    let Some(runs) = absolute.parent().and_then(Path::parent) else { return Ok(None) };
    let root = runs.with_file_name("evaluations").join(&about.pipeline).join(&about.run_id);
    if RealFs.metadata(&root)?.is_none() {
        return Ok(None);
    }
    let evaluations = Runs::new(Arc::new(RealFs), &root);
    if evaluations.current()?.is_none() {
        return Ok(None);
    }
    let value = read_json(&evaluations.open_current()?, EVALUATION)?;
    let damaged = |error| Fault::new(Code::FileDamaged).in_file(root.display().to_string()).because(error);
    let found: Evaluation = serde_json::from_value(value).map_err(damaged)?;
    Ok((found.run_id == about.run_id).then_some(found))
}

/// What a report tells of an evaluation.
fn told(found: &Evaluation) -> osusume_report::Evaluation {
    let arms = |offer: &crate::evaluation::OfferEvaluation| [offer.assigned.immature, offer.shadow.immature];
    let immature: u64 = found.offers.iter().flat_map(arms).sum();
    osusume_report::Evaluation {
        until: found.known_until.clone(),
        is_complete: immature + found.total.offer.immature + found.total.holdout.immature == 0,
        total: Some(Effect {
            offer: String::new(),
            offered: arm(&found.total.offer),
            held_back: arm(&found.total.holdout),
            difference: interval(&found.total.takes),
        }),
        revenue_minor: found.total.revenue.as_ref().and_then(interval),
        retention: interval(&found.total.retention),
        offers: found.offers.iter().map(effect).collect(),
        expected: expected(found),
        arms: found.comparisons.iter().map(|one| arm_effect(found, one)).collect(),
    }
}

fn effect(offer: &crate::evaluation::OfferEvaluation) -> Effect {
    Effect {
        offer: offer.offer.clone(),
        offered: arm(&offer.assigned),
        held_back: arm(&offer.shadow),
        difference: interval(&offer.effect),
    }
}

/// All offers together first.
fn expected(found: &Evaluation) -> Vec<ExpectedRow> {
    let all = found.expected.as_ref().map(|all| ("", all));
    let offers = found.offers.iter().filter_map(|offer| Some((offer.offer.as_str(), offer.expected.as_ref()?)));
    let row = |(offer, one): (&str, &Expectation)| ExpectedRow {
        offer: offer.to_owned(),
        made: Arm { customers: one.made.into(), takes: one.taken.into(), rate: one.takes.came.value },
        value_minor: one.expected_value_minor.round() as i64,
        takes: compared(&one.takes),
        added: one.added.as_ref().map(compared),
        margin_minor: one.added_margin_minor.as_ref().map(compared),
    };
    all.into_iter().chain(offers).map(row).collect()
}

fn compared(one: &Compared) -> osusume_report::Compared {
    let came = interval(&one.came);
    osusume_report::Compared {
        expected: one.expected,
        expected_interval: one.expected_interval.map(|span| [span.lower, span.upper]),
        came,
        factor: one.factor.filter(|factor| came.is_some() && factor.is_finite()),
        verdict: one.verdict.clone(),
    }
}

fn arm_effect(found: &Evaluation, one: &ArmComparison) -> ArmEffect {
    let numbers = |name: &str| {
        let known = found.arms.iter().find(|known| known.arm == name);
        arm(&known.map_or_else(ArmEvaluation::default, |known| known.numbers.clone()))
    };
    let takes = Effect {
        offer: one.arm.clone(),
        offered: numbers(&one.arm),
        held_back: numbers(&one.against),
        difference: interval(&one.takes),
    };
    ArmEffect {
        against: one.against.clone(),
        takes,
        revenue_minor: one.revenue.as_ref().and_then(interval),
        retention: interval(&one.retention),
        verdict: one.verdict.clone(),
    }
}

fn arm(arm: &ArmEvaluation) -> Arm {
    Arm { customers: arm.customers.into(), takes: arm.takes.into(), rate: arm.attach_rate }
}

/// A difference without an interval shows nothing.
fn interval(effect: &Measured) -> Option<[f64; 3]> {
    let (value, span) = effect.value.zip(effect.interval)?;
    let values = [value, span.lower, span.upper];
    values.iter().all(|value| value.is_finite()).then_some(values)
}

/// Writes a page to a file of the user's; one of that name is replaced in one step, and for good once this returns.
///
/// Until then the page has a name that no other process uses.
///
/// # Errors
/// `CannotWrite`, `DiskFull`, `SyncFailed`.
pub fn write_page(path: &Path, html: &str) -> Result<()> {
    crate::flat::write(path, html.as_bytes())
}
