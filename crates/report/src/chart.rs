//! Charts as inline SVG. Colors, strokes and fonts are classes of the page's style, so that a chart follows light, dark and print.
//!
//! Coordinates are rounded to a tenth of a pixel, which also makes the bytes independent of the last bits of a division.

mod calibration;
mod gains;
mod lift;
mod marks;
mod plot;

pub(crate) use calibration::calibration;
pub(crate) use gains::gains;
pub(crate) use lift::lift;
pub(crate) use marks::{Share, bar, curve, interval, stacked};
pub(crate) use plot::{Caption, scale_top};
