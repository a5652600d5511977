//! The frame of a chart: axes, ticks, and the way from values to pixels.

use crate::markup::{Markup, element, void};

/// Size of a chart; a phone shows it at its own size, a desk three side by side.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 36.0;
const RIGHT: f64 = 306.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 182.0;

/// What a chart is called and says, for those who cannot see it, and the words on its axes.
#[derive(Clone, Debug)]
pub(crate) struct Caption {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) across: String,
    pub(crate) up: String,
}

/// A rectangle of values that start at 0.
pub(crate) struct Plot {
    /// Largest value across and up.
    pub(crate) across: f64,
    pub(crate) up: f64,
}

impl Plot {
    /// The pixel of a value across.
    pub(crate) fn x(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (value / self.across).clamp(0.0, 1.0)
    }

    /// The pixel of a value up.
    pub(crate) fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * (value / self.up).clamp(0.0, 1.0)
    }

    /// The whole chart: grid, labels and the marks in front of them.
    pub(crate) fn draw(&self, caption: &Caption, ticks: &Ticks<'_>, marks: impl IntoIterator<Item = Markup>) -> Markup {
        let frame = [
            element("title", &[], [Markup::text(&caption.title)]),
            element("desc", &[], [Markup::text(&caption.description)]),
        ];
        let rules = ticks.up.iter().map(|tick| {
            let y = self.y(*tick);
            [line("rule", [LEFT, y, RIGHT, y]), label("tick end", LEFT - 5.0, y + 3.5, &(ticks.up_text)(*tick))]
        });
        let marks_across = ticks
            .across
            .iter()
            .map(|tick| label("tick middle", self.x(*tick), BOTTOM + 15.0, &(ticks.across_text)(*tick)));
        let names = [label("axis", 0.0, 11.0, &caption.up), label("axis end", RIGHT, HEIGHT - 6.0, &caption.across)];
        let all = frame.into_iter().chain(rules.flatten()).chain(marks_across).chain(names);
        let view = format!("0 0 {WIDTH} {HEIGHT}");
        element("svg", &[("viewBox", &view), ("role", "img"), ("class", "chart")], all.chain(marks))
    }
}

/// Values with a label, and how the labels read.
pub(crate) struct Ticks<'a> {
    pub(crate) across: &'a [f64],
    pub(crate) across_text: &'a dyn Fn(f64) -> String,
    pub(crate) up: &'a [f64],
    pub(crate) up_text: &'a dyn Fn(f64) -> String,
}

/// Multiples of a round step from 0 up to `top`: at least 3 and at most 6.
pub(crate) fn ticks(top: f64) -> Vec<f64> {
    let step = step(top);
    // Times, not plus: the sum would drift.
    (0..=6).map(|i| f64::from(i) * step).filter(|tick| *tick <= top * 1.001).collect()
}

/// The smallest multiple of a round step that holds `largest`; 1 where nothing is larger than 0.
pub(crate) fn scale_top(largest: f64) -> f64 {
    if !largest.is_finite() || largest <= 0.0 {
        return 1.0;
    }
    let step = step(largest);
    step * (largest / step * 0.9999).ceil()
}

/// 1, 2 or 5 times a power of ten, at most 5 of which make up `top`.
fn step(top: f64) -> f64 {
    let mut power = 1.0;
    while power * 10.0 <= top {
        power *= 10.0;
    }
    while power > top {
        power /= 10.0;
    }
    let steps = [0.2, 0.5, 1.0, 2.0];
    power * steps.into_iter().find(|step| top / (power * step) <= 5.0).unwrap_or(2.0)
}

/// A pixel with one digit.
pub(crate) fn pixel(value: f64) -> String {
    let tenths = (value * 10.0).round() as i64;
    if tenths % 10 == 0 {
        (tenths / 10).to_string()
    } else {
        format!("{}{}.{}", if tenths < 0 { "-" } else { "" }, (tenths / 10).abs(), (tenths % 10).abs())
    }
}

/// A line from (x1, y1) to (x2, y2).
pub(crate) fn line(class: &'static str, [x1, y1, x2, y2]: [f64; 4]) -> Markup {
    let (x1, y1, x2, y2) = (pixel(x1), pixel(y1), pixel(x2), pixel(y2));
    void("line", &[("class", class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)])
}

/// A rectangle by its left upper corner and size.
pub(crate) fn rectangle(class: &'static str, [x, y, width, height]: [f64; 4]) -> Markup {
    let (x, y, width, height) = (pixel(x), pixel(y), pixel(width), pixel(height));
    void("rect", &[("class", class), ("x", &x), ("y", &y), ("width", &width), ("height", &height)])
}

/// A dot.
pub(crate) fn dot(x: f64, y: f64) -> Markup {
    void("circle", &[("class", "dot"), ("cx", &pixel(x)), ("cy", &pixel(y)), ("r", "3.5")])
}

/// A text at its baseline.
pub(crate) fn label(class: &'static str, x: f64, y: f64, text: &str) -> Markup {
    element("text", &[("class", class), ("x", &pixel(x)), ("y", &pixel(y))], [Markup::text(text)])
}

/// A line through points, or the area inside them.
pub(crate) fn through(name: &'static str, class: &'static str, points: &[(f64, f64)]) -> Markup {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", pixel(*x), pixel(*y))).collect();
    void(name, &[("class", class), ("points", &points.join(" "))])
}

/// A share in percent with as many digits as `top` needs.
pub(crate) fn percent_of(share: f64, top: f64) -> String {
    if top < 0.05 { format!("{:.1}%", share * 100.0) } else { format!("{:.0}%", share * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_hold_the_largest() {
        let cases = [
            (0.0, 1.0),
            (f64::NAN, 1.0),
            (0.031, 0.04),
            (1.0, 1.0),
            (1.01, 1.5),
            (2.3, 2.5),
            (4.0, 4.0),
            (7.2, 8.0),
            (11.0, 15.0),
        ];
        for (largest, top) in cases {
            assert!((scale_top(largest) - top).abs() < 1e-9, "{largest}: {}", scale_top(largest));
        }
        for largest in (1..400).map(|i| f64::from(i) / 40.0) {
            let top = scale_top(largest);
            assert!(top >= largest * 0.9998 && (3..=7).contains(&ticks(top).len()), "{largest} {top} {:?}", ticks(top));
        }
    }

    #[test]
    fn pixels_have_one_digit() {
        let cases = [(0.0, "0"), (-0.01, "0"), (-0.5, "-0.5"), (12.345, "12.3"), (12.96, "13"), (-12.25, "-12.3")];
        for (value, text) in cases {
            assert_eq!(pixel(value), text);
        }
    }
}
