//! Features of cases that no window tells: those still open, and how the tone has changed from one window to the next.

use std::ops::Range;
use std::sync::Arc;

use osusume_model::{AsOf, Family, FeatureSpec, NullMeaning, Unit, Window};
use osusume_windows::{Cell, Maybe, Span, earlier_start};

use super::groups::spec;
use crate::config::{Config, Recipe, Source};
use crate::job::Job;
use crate::plan::tone_change_windows;
use crate::seam::Block;
use crate::tone::Tones;

/// What a feature takes from the cases of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaseCell {
    /// Cases begun and not closed.
    Open,
    /// The mean tone of the texts of a window, less that of the window of the same length before it.
    Change {
        /// Position among the windows.
        window: usize,
    },
}

/// The features of `source`, with their dictionary entries; none where nobody asks for them.
pub(super) fn draw(config: &Config, source: &Source) -> (Vec<CaseCell>, Vec<FeatureSpec>) {
    let (mut cells, mut specs) = (Vec::new(), Vec::new());
    if source.column("text").is_none() || !config.features.recipes.contains(&Recipe::Tone) {
        return (cells, specs);
    }
    if source.column("closed").is_some() {
        cells.push(CaseCell::Open);
        let null = NullMeaning::Never;
        specs.push(spec(source, "open", Family::Voice, Unit::Count, null, "open_cases", &source.name));
    }
    for (window, days) in tone_change_windows(config) {
        cells.push(CaseCell::Change { window });
        let (name, null) = (format!("tone_change_{days}d"), NullMeaning::Unknown);
        let spec = spec(source, &name, Family::Voice, Unit::Native, null, "tone_change", &source.name);
        specs.push(FeatureSpec { window: Some(Window::last(days)), ..spec });
    }
    (cells, specs)
}

/// The values: customers × dates × cells, row-major; NaN is absent.
pub(super) fn values<C: Cell>(job: &Job<'_>, cells: &[CaseCell], block: &Block, dates: &[AsOf]) -> Vec<C> {
    let cases = Cases::new(block);
    let spans: Vec<Vec<Span>> = dates.iter().map(|date| job.windows(*date)).collect();
    let mut values = Vec::with_capacity(block.n_customers() * dates.len() * cells.len());
    for bounds in block.offsets.windows(2) {
        let rows = bounds[0] as usize..bounds[1] as usize;
        for (date, spans) in dates.iter().zip(&spans) {
            let value = |cell: &CaseCell| C::from_f64(cases.value(*cell, rows.clone(), date.instant.0, spans));
            values.extend(cells.iter().map(value));
        }
    }
    values
}

/// The rows of a cell among those of one customer.
pub(super) fn rows(job: &Job<'_>, cell: CaseCell, block: &Block, at: AsOf) -> Vec<u32> {
    let (cases, spans) = (Cases::new(block), job.windows(at));
    let n_rows = block.offsets.last().map_or(0, |&end| end as usize);
    let is_counted = |&row: &usize| match cell {
        CaseCell::Open => cases.is_open(row, at.instant.0),
        CaseCell::Change { window } => {
            let both = Span { start: earlier_start(spans[window]), ..spans[window] };
            cases.tone(row, at.instant.0, both).is_some()
        }
    };
    (0..n_rows).filter(is_counted).map(|row| row as u32).collect()
}

/// The columns of cases.
struct Cases<'a> {
    at: &'a [i64],
    closed: Option<Maybe<'a, i64>>,
    written: Option<Maybe<'a, u32>>,
    arrived: Option<Vec<i64>>,
    sentiments: Arc<[f64]>,
}

impl<'a> Cases<'a> {
    fn new(block: &'a Block) -> Self {
        let names = block.column("text").and_then(|column| column.dictionary.clone()).unwrap_or_default();
        let arrived = block.arrivals("arrived", "at");
        Self {
            at: block.times("at"),
            closed: block.integers("closed"),
            written: block.codes("text"),
            arrived,
            sentiments: Tones::of(&names).sentiments(),
        }
    }

    fn value(&self, cell: CaseCell, rows: Range<usize>, as_of: i64, spans: &[Span]) -> f64 {
        match cell {
            CaseCell::Open => rows.filter(|&row| self.is_open(row, as_of)).count() as f64,
            CaseCell::Change { window } => {
                let now = spans[window];
                let before = Span { start: earlier_start(now), end: now.start };
                let mean = |span| {
                    let tones = rows.clone().filter_map(|row| self.tone(row, as_of, span));
                    let (sum, n) = tones.fold((0.0, 0.0), |(sum, n), tone| (sum + tone, n + 1.0));
                    // Nothing divided by nothing is absent.
                    sum / n
                };
                mean(now) - mean(before)
            }
        }
    }

    fn is_visible(&self, row: usize, as_of: i64) -> bool {
        self.at[row] < as_of && self.arrived.as_ref().is_none_or(|arrived| arrived[row] < as_of)
    }

    fn is_open(&self, row: usize, as_of: i64) -> bool {
        let closed = self.closed.and_then(|closed| closed.get(row));
        self.is_visible(row, as_of) && closed.is_none_or(|closed| closed >= as_of)
    }

    /// The tone of a row of a window, if it was known.
    fn tone(&self, row: usize, as_of: i64, span: Span) -> Option<f64> {
        let is_in = (span.start..span.end).contains(&self.at[row]) && self.is_visible(row, as_of);
        let level = self.written.filter(|_| is_in)?.get(row)?;
        self.sentiments.get(level as usize).copied().filter(|tone| !tone.is_nan())
    }
}
