//! Cumulative gains: the share of all buyers among the customers with the highest probabilities.

use super::plot::{Caption, Plot, Ticks, dot, line, percent_of, through};
use crate::markup::Markup;
use crate::numbers::Band;
use crate::page::words::totals;

/// A line through the ends of the bands with its interval as an area; the dotted line is a random order.
pub(crate) fn gains(bands: &[Band], caption: &Caption) -> Markup {
    let (rows, _) = totals(bands);
    let plot = Plot { across: 1.0, up: 1.0 };
    let mut done = 0;
    let mut points = vec![(0.0, [0.0; 3])];
    for band in bands {
        done += band.rows.get().unwrap_or(0);
        points.push((done as f64 / rows as f64, band.gain));
    }
    let at = |which: usize| {
        points.iter().map(move |(share, gain)| (*share, gain[which])).map(|(x, y)| (plot.x(x), plot.y(y)))
    };
    let area: Vec<(f64, f64)> = at(2).chain(at(1).collect::<Vec<_>>().into_iter().rev()).collect();
    let curve: Vec<(f64, f64)> = at(0).collect();
    let mut marks = vec![
        through("polygon", "area", &area),
        line("chance", [plot.x(0.0), plot.y(0.0), plot.x(1.0), plot.y(1.0)]),
        through("polyline", "curve", &curve),
    ];
    marks.extend(curve.iter().skip(1).map(|(x, y)| dot(*x, *y)));
    let quarters = [0.0, 0.25, 0.5, 0.75, 1.0];
    let text = |share| percent_of(share, 1.0);
    plot.draw(caption, &Ticks { across: &quarters, across_text: &text, up: &quarters, up_text: &text }, marks)
}
