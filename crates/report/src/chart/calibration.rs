//! Calibration: what was predicted against what happened.

use super::plot::{Caption, Plot, Ticks, dot, line, percent_of, scale_top, ticks};
use crate::markup::Markup;
use crate::numbers::Band;

/// The longest interval drawn, as a multiple of the largest rate.
const TALLEST: f64 = 1.6;

/// A dot a band with its interval; on the dotted line what was predicted is what happened.
pub(crate) fn calibration(bands: &[Band], caption: &Caption) -> Markup {
    let largest = bands.iter().map(|band| band.observed[0].max(band.predicted)).fold(0.0, f64::max);
    let highest = bands.iter().map(|band| band.observed[2]).fold(largest, f64::max);
    let top = scale_top(highest.min(TALLEST * largest)).min(1.0);
    let plot = Plot { across: top, up: top };
    let mut marks = vec![line("chance", [plot.x(0.0), plot.y(0.0), plot.x(top), plot.y(top)])];
    for band in bands {
        let x = plot.x(band.predicted);
        let [value, lower, upper] = band.observed.map(|rate| plot.y(rate));
        marks.push(line("whisker", [x, lower, x, upper]));
        marks.push(dot(x, value));
    }
    let at = ticks(top);
    let text = |share| percent_of(share, top);
    plot.draw(caption, &Ticks { across: &at, across_text: &text, up: &at, up_text: &text }, marks)
}
