//! Pictures of an additive model as inline SVG: a curve a column, a map a pair.

use std::fmt::Write as _;

use osusume_model::Arg;
use osusume_text::Language;
use osusume_text::flat::{Word, say};

use super::show::{Shown, ShownColumn, ShownFeature, ShownMap, escaped};

/// Size of a curve, in CSS pixels.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 120.0;
/// Half of the height minus a margin.
const REACH: f64 = 52.0;
/// Room left of a map for names of rows, and above it for nothing; size of a cell.
const MARGIN: f64 = 180.0;
const CELL: [f64; 2] = [54.0, 26.0];

/// What pictures add to the page's style.
pub(super) const STYLE: &str = "h2{font-size:1rem;margin:1.5rem 0 .3rem}svg{max-width:100%;height:auto}\
.zero{stroke:#999}.curve{fill:none;stroke:#2a6f97;stroke-width:2;pointer-events:none}.hover{fill:transparent}\
.cell{fill:#2a6f97}.cell.minus{fill:#b5533c}svg text{font-size:12px;text-anchor:end;fill:currentColor}.ends{font-size:.85rem;margin:0}";

/// Appends all curves, the strongest column first, and all maps.
pub(super) fn curves_and_maps(page: &mut String, shown: &Shown, language: Language) {
    let columns = shown.features.iter().flat_map(|feature| &feature.columns);
    let largest = columns.map(|column| column.effect.abs()).fold(f64::MIN_POSITIVE, f64::max);
    for feature in &shown.features {
        let _ = writeln!(page, "<h2>{}</h2>", escaped(&feature.name));
        let ranges: Vec<&ShownColumn> = feature.columns.iter().filter(|column| column.transform == "range").collect();
        if !ranges.is_empty() {
            curve(page, &ranges, largest, language);
        }
        let others = feature.columns.iter().filter(|column| column.transform != "range");
        bars(page, others, largest, language);
        if let Some(ends) = ends(feature) {
            let _ = writeln!(page, "<p class=\"ends\">{}</p>", escaped(&ends));
        }
    }
    let largest = shown.maps.iter().map(ShownMap::largest).fold(f64::MIN_POSITIVE, f64::max);
    for shown in &shown.maps {
        map(page, shown, largest, language);
    }
}

/// First and last edge of a curve.
fn ends(feature: &ShownFeature) -> Option<String> {
    let edges = feature.columns.iter().filter(|column| column.transform == "range").filter_map(|c| c.levels.get(1));
    let edges: Vec<&String> = edges.filter(|edge| !edge.is_empty()).collect();
    Some(format!("{} … {}", edges.first()?, edges.last()?))
}

/// Steps of equal width, one a range; each tells its range and effect to the pointer.
fn curve(page: &mut String, ranges: &[&ShownColumn], largest: f64, language: Language) {
    let step = WIDTH / ranges.len() as f64;
    let middle = HEIGHT / 2.0;
    let _ = write!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\
         <line class=\"zero\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{middle}\" y2=\"{middle}\"/>"
    );
    let mut path = String::new();
    for (i, range) in ranges.iter().enumerate() {
        let (x, y) = (i as f64 * step, middle - REACH * range.effect / largest);
        let _ = write!(path, "{}{x:.1} {y:.1}H{:.1}", if i == 0 { "M" } else { "L" }, x + step);
        let _ = write!(
            page,
            "<rect class=\"hover\" x=\"{x:.1}\" y=\"0\" width=\"{step:.1}\" height=\"{HEIGHT}\"><title>{}: {:+.3}</title></rect>",
            escaped(&range.label(language)),
            range.effect
        );
    }
    let _ = writeln!(page, "<path class=\"curve\" d=\"{path}\"/></svg>");
}

/// A row a level, and one for missing values.
fn bars<'s>(page: &mut String, columns: impl Iterator<Item = &'s ShownColumn>, largest: f64, language: Language) {
    let mut rows = String::new();
    for column in columns {
        let class = if column.effect < 0.0 { "bar minus" } else { "bar" };
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td class=\"n\">{:+.3}</td><td><span class=\"{class}\" style=\"width:{:.1}%\"></span></td></tr>",
            escaped(&column.label(language)),
            column.effect,
            100.0 * column.effect.abs() / largest,
        );
    }
    if !rows.is_empty() {
        let _ = writeln!(page, "<table>\n{rows}</table>");
    }
}

/// A grid whose cells are the deeper the more they add, or take.
fn map(page: &mut String, map: &ShownMap, largest: f64, language: Language) {
    let [column, other] = map.features.each_ref().map(|name| Arg::from(name.as_str()));
    let title = say(Word::MapOf, language, &[("column", column), ("other", other)]);
    let width = MARGIN + CELL[0] * map.groups[1].len() as f64;
    let height = CELL[1] * map.groups[0].len() as f64;
    let _ = write!(
        page,
        "<h2>{}</h2>\n<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">",
        escaped(&title)
    );
    for (i, (row, name)) in map.effects.iter().zip(&map.groups[0]).enumerate() {
        let y = i as f64 * CELL[1];
        let _ = write!(page, "<text x=\"{}\" y=\"{}\">{}</text>", MARGIN - 8.0, y + 17.0, escaped(&shortened(name)));
        for (j, (effect, other)) in row.iter().zip(&map.groups[1]).enumerate() {
            let class = if *effect < 0.0 { "cell minus" } else { "cell" };
            let _ = write!(
                page,
                "<rect class=\"{class}\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill-opacity=\"{:.3}\">\
                 <title>{}: {}; {}: {}; {effect:+.3}</title></rect>",
                MARGIN + j as f64 * CELL[0],
                CELL[0] - 1.0,
                CELL[1] - 1.0,
                effect.abs() / largest,
                escaped(&map.features[0]),
                escaped(name),
                escaped(&map.features[1]),
                escaped(other),
            );
        }
    }
    page.push_str("</svg>\n");
    let columns: Vec<String> = map.groups[1].iter().map(|name| escaped(name)).collect();
    let _ = writeln!(page, "<p class=\"ends\">{}: {}</p>", escaped(&map.features[1]), columns.join(" | "));
}

/// What fits beside a row of a map.
fn shortened(name: &str) -> String {
    const MOST: usize = 24;
    if name.chars().count() <= MOST { name.to_owned() } else { name.chars().take(MOST - 1).chain(['…']).collect() }
}
