//! Small charts inside tables and sentences.

use super::plot::{dot, line, pixel, rectangle};
use crate::markup::{Markup, element, void};

/// A bar from the left as long as `share` of its cell.
pub(crate) fn bar(share: f64, is_muted: bool) -> Markup {
    let class = if is_muted { "muted-fill" } else { "fill" };
    let width = 100.0 * share.clamp(0.0, 1.0);
    let attributes =
        [("viewBox", "0 0 100 10"), ("preserveAspectRatio", "none"), ("class", "bar"), ("aria-hidden", "true")];
    element("svg", &attributes, [rectangle(class, [0.0, 0.0, width, 10.0])])
}

/// Steps of equal width around a line, as high as `top` at most.
pub(crate) fn curve(steps: &[f64], top: f64) -> Markup {
    let width = 100.0 / steps.len().max(1) as f64;
    let y = |effect: f64| 12.0 - 11.0 * (effect / top).clamp(-1.0, 1.0);
    let corners = steps
        .iter()
        .enumerate()
        .flat_map(|(i, &effect)| [i, i + 1].map(|edge| format!("{},{}", pixel(edge as f64 * width), pixel(y(effect)))));
    let points: Vec<String> = corners.collect();
    let marks = [
        line("reference", [0.0, 12.0, 100.0, 12.0]),
        void("polyline", &[("class", "line"), ("points", &points.join(" "))]),
    ];
    let attributes =
        [("viewBox", "0 0 100 24"), ("preserveAspectRatio", "none"), ("class", "curve"), ("aria-hidden", "true")];
    element("svg", &attributes, marks)
}

/// Width of an interval's cell.
const WIDTH: f64 = 150.0;

/// An interval `[value, lower, upper]` on a scale from `range[0]` to `range[1]`, with a mark at `reference`; all rows of a table share
/// the scale. What leaves the scale is cut.
pub(crate) fn interval([value, lower, upper]: [f64; 3], range: [f64; 2], reference: f64) -> Markup {
    let x = |value: f64| 5.0 + (WIDTH - 10.0) * ((value - range[0]) / (range[1] - range[0])).clamp(0.0, 1.0);
    let marks = [
        line("reference", [x(reference), 1.0, x(reference), 19.0]),
        line("whisker", [x(lower), 10.0, x(upper), 10.0]),
        dot(x(value), 10.0),
    ];
    let view = format!("0 0 {} 20", pixel(WIDTH));
    element("svg", &[("viewBox", &view), ("class", "interval"), ("aria-hidden", "true")], marks)
}

/// A part of a stacked bar.
pub(crate) struct Share {
    /// Class that colors it.
    pub(crate) class: &'static str,
    /// Its size.
    pub(crate) count: u64,
}

/// One bar made of parts, over the whole width.
pub(crate) fn stacked(parts: &[Share]) -> Markup {
    let total: u64 = parts.iter().map(|part| part.count).sum();
    let mut x = 0.0;
    let mut marks = Vec::new();
    for part in parts.iter().filter(|part| part.count > 0) {
        let width = 1000.0 * part.count as f64 / total as f64;
        marks.push(rectangle(part.class, [x, 0.0, (width - 2.0).max(1.0), 24.0]));
        x += width;
    }
    let attributes =
        [("viewBox", "0 0 998 24"), ("preserveAspectRatio", "none"), ("class", "stacked"), ("aria-hidden", "true")];
    element("svg", &attributes, marks)
}
