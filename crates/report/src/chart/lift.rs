//! Lift by bands: how many times the average rate each group of customers bought.

use super::plot::{Caption, Plot, Ticks, line, percent_of, rectangle, scale_top, ticks};
use crate::markup::Markup;
use crate::numbers::Band;
use crate::page::words::totals;

/// The widest interval drawn, as a multiple of the tallest bar: a longer one is cut, so that it does not flatten the bars.
const TALLEST: f64 = 1.8;

/// Bars as wide as their share of the customers, with the interval of each; the line is the average.
pub(crate) fn lift(bands: &[Band], caption: &Caption) -> Markup {
    let (rows, takes) = totals(bands);
    let average = takes as f64 / rows as f64;
    let tallest = bands.iter().map(|band| band.observed[0] / average).fold(1.0, f64::max);
    let highest = bands.iter().map(|band| band.observed[2] / average).fold(1.0, f64::max);
    let plot = Plot { across: 1.0, up: scale_top(highest.min(TALLEST * tallest)) };
    let mut before = 0.0;
    let mut marks = Vec::new();
    for band in bands {
        let share = band.rows.get().unwrap_or(0) as f64 / rows as f64;
        let [value, lower, upper] = band.observed.map(|rate| plot.y(rate / average));
        let (left, right) = (plot.x(before) + 1.0, plot.x(before + share) - 1.0);
        let middle = f64::midpoint(left, right);
        marks.push(rectangle("fill", [left, value, right - left, plot.y(0.0) - value]));
        marks.push(line("whisker", [middle, lower, middle, upper]));
        before += share;
    }
    let one = plot.y(1.0);
    marks.push(line("reference", [plot.x(0.0), one, plot.x(1.0), one]));
    let up = ticks(plot.up);
    let digits = usize::from(up.get(1).is_some_and(|step| step.fract().abs() > 1e-9));
    let axes = Ticks {
        across: &[0.0, 0.25, 0.5, 0.75, 1.0],
        across_text: &|share| percent_of(share, 1.0),
        up: &up,
        up_text: &|value| format!("{value:.digits$}"),
    };
    plot.draw(caption, &axes, marks)
}
