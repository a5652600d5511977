//! One self-contained HTML page about a run, in English or Japanese, and the same numbers as JSON.
//!
//! A stage fills in [`Numbers`]; [`Report::new`] withholds every count of customers below [`SMALLEST_SHOWN`], and those it could be
//! worked out from; only then can it be written: [`Report::to_json`] and [`Report::html`] draw from the same numbers, and
//! [`Report::from_json`] draws a page again, in another language if need be.
//!
//! The page needs no network and no script, escapes whatever came from outside, and is the same bytes for the same numbers.
//! Charts are inline SVG whose colors follow the page, light, dark, or printed.
//!
//! Not here: where the numbers come from (crate `pipeline`), intervals and other statistics (kernels), sentences (crate `text`).

mod cell;
mod chart;
mod guard;
mod markup;
mod numbers;
mod page;
mod round;
mod suppress;

use osusume_model::{Code, Fault, Result};
use osusume_text::Language;

pub use cell::{Cell, SMALLEST_SHOWN};
pub use guard::{Audit, Group};
pub use numbers::{
    About, Arm, ArmEffect, Band, CauseRow, ChannelRow, ChurnRow, ClosedGate, Compared, ContactRow, Customers, Data,
    Decisions, Effect, Evaluation, ExpectedRow, Feature, Follow, LaneRow, Learning, LimitRow, Names, Numbers, OfferRow,
    Push, QuantityRow, ReasonRow, RejectRow, Reloaded, Rule, SourceRow, StabilityRow, StepBackRow, Test, TestRow,
    TriggerRow,
};

/// Version of `report.json`.
pub const FORMAT_VERSION: u32 = 1;

/// A report that may be read by anybody in the company: small counts are withheld.
#[derive(Clone, Debug, PartialEq)]
pub struct Report(Numbers);

impl Report {
    /// Withholds what must not be shown, and rounds to the digits that say something.
    pub fn new(mut numbers: Numbers) -> Self {
        suppress::suppress(&mut numbers);
        Self(round::rounded(&numbers))
    }

    /// The numbers that are shown.
    pub fn numbers(&self) -> &Numbers {
        &self.0
    }

    /// The language the run asked for.
    pub fn language(&self) -> Language {
        Language::parse(&self.0.language).unwrap_or_default()
    }

    /// The report with what was measured of it after its label window.
    #[must_use]
    pub fn with_evaluation(self, evaluation: Evaluation) -> Self {
        Self::new(Numbers { evaluation: Some(evaluation), ..self.0 })
    }

    /// `report.json`: two spaces of indentation and a final newline.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(&self.0).expect("numbers and texts always become JSON");
        bytes.push(b'\n');
        bytes
    }

    /// The report in `bytes`; `file` names it in faults.
    ///
    /// # Errors
    /// `FormatVersion` when it is from another version, `FileDamaged` when it is no report.
    pub fn from_json(bytes: &[u8], file: &str) -> Result<Self> {
        let damaged = |error: serde_json::Error| Fault::new(Code::FileDamaged).in_file(file).because(error);
        // The version first: a newer format may not even have our fields.
        let version = serde_json::from_slice::<serde_json::Value>(bytes).map_err(damaged)?;
        let found = version["format_version"].as_u64().unwrap_or(0);
        if found != u64::from(FORMAT_VERSION) {
            let fault = Fault::new(Code::FormatVersion).in_file(file).with("found", found);
            return Err(fault.with("supported", u64::from(FORMAT_VERSION)));
        }
        serde_json::from_slice(bytes).map(Self::new).map_err(damaged)
    }

    /// The page.
    pub fn html(&self, language: Language) -> String {
        page::page(&self.0, language)
    }
}
