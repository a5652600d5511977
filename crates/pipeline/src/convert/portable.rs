//! A model as sums of lookups and scaled numbers: what formats of other programs can say.
//!
//! Indicators of a linear model are lookups, too: what the levels of a category add stands in one table, as in an additive model, and so
//! does what a missing number adds. Calibration is part of the numbers. Every term has one effect an output, so that offers that share
//! bins or columns share terms.

use std::collections::{BTreeMap, BTreeSet};

use crate::additive::{AdditiveFile, CurveFile, MapFile};
use crate::linear::{Coefficient, LinearFile, TransformName};

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Numbers.
    Number,
    /// Days since 1970-01-01.
    Date,
    /// Texts.
    Category,
}

/// A column of the rows to be scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// Its name, told from those of all others.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) kind: InputKind,
}

/// How the values of an input fall into codes; the last code is for a missing value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cut {
    /// Code k is what is above edge k − 1, up to and with edge k.
    Edges(Vec<f64>),
    /// Code k is level k; the code after the last is any other level.
    Levels(Vec<String>),
}

/// What is done to a number besides rounding and clipping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing.
    Linear,
    /// log(1 + x).
    Log1p,
}

/// A standardized number: (shape(clip(x)) − mean) / scale rounded to f32, 0 where x is missing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scaled {
    pub(crate) input: usize,
    pub(crate) shape: Shape,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) mean: f64,
    pub(crate) scale: f64,
}

/// A lookup by the code of one input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    pub(crate) input: usize,
    pub(crate) cut: Cut,
}

/// A lookup by the codes of two curves' inputs, grouped.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Map {
    /// Positions of the curves.
    pub(crate) curves: [usize; 2],
    /// By side: the group of each code; the number of groups for a code that nothing is known of, to which the map adds nothing.
    pub(crate) groups: [Vec<usize>; 2],
    /// By side: number of groups.
    pub(crate) n: [usize; 2],
}

/// Terms of one kind and their effects: by term, one row a cell (a scaled number has one), one column an output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Terms<T> {
    pub(crate) terms: Vec<T>,
    pub(crate) effects: Vec<Vec<f64>>,
}

/// log-odds of output k = intercept k + Σ effects; a propensity is 1 / (1 + exp(−log-odds)).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Portable {
    /// Columns of the rows to be scored.
    pub(crate) inputs: Vec<Input>,
    /// One calibrated intercept an output.
    pub(crate) intercepts: Vec<f64>,
    pub(crate) scaled: Terms<Scaled>,
    pub(crate) curves: Terms<Curve>,
    pub(crate) maps: Terms<Map>,
}

impl<T: PartialEq> Terms<T> {
    fn none() -> Self {
        Self { terms: Vec::new(), effects: Vec::new() }
    }

    /// The position of a term, appended with effects of zero unless it is there; `expected` is where to look first.
    fn position(&mut self, term: T, expected: usize, n_effects: usize) -> usize {
        let n = self.terms.len();
        let found = (0..n).map(|k| (expected + k) % n).find(|&at| self.terms[at] == term);
        found.unwrap_or_else(|| {
            self.terms.push(term);
            self.effects.push(vec![0.0; n_effects]);
            n
        })
    }
}

/// What a row has of an input, as far as indicators tell rows apart.
#[derive(Clone, Copy)]
enum Seen<'a> {
    Level(&'a str),
    Other,
    Absent,
}

impl Portable {
    /// A model without terms, for so many outputs.
    pub(crate) fn new(inputs: Vec<Input>, outputs: usize) -> Self {
        let intercepts = vec![0.0; outputs];
        Self { inputs, intercepts, scaled: Terms::none(), curves: Terms::none(), maps: Terms::none() }
    }

    /// Number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.intercepts.len()
    }

    /// Sets an output to the same log-odds for every row.
    pub(crate) fn set_rate(&mut self, output: usize, log_odds: f64) {
        self.intercepts[output] = log_odds;
    }

    /// Sets an output to a linear model over some of the inputs; one that has been read before.
    ///
    /// # Errors
    /// Names a feature that is no input.
    pub(crate) fn set_linear(&mut self, output: usize, file: &LinearFile) -> Result<(), String> {
        let calibrator = file.calibrator();
        self.intercepts[output] = calibrator.log_odds(file.intercept);
        let mut by_input: BTreeMap<usize, Vec<&Coefficient>> = BTreeMap::new();
        let position = self.positions();
        for column in &file.columns {
            by_input.entry(find(&position, &column.feature)?).or_default().push(column);
        }
        let (mut next_scaled, mut next_curve) = (0, 0);
        for (input, columns) in by_input {
            let (numbers, indicators): (Vec<&Coefficient>, Vec<&Coefficient>) =
                columns.into_iter().partition(|column| shape(column.transform).is_some());
            for column in numbers {
                let at = self.scaled.position(scaled(input, column)?, next_scaled, self.intercepts.len());
                self.scaled.effects[at][output] = calibrator.slope * column.beta;
                next_scaled = at + 1;
            }
            if !indicators.is_empty() {
                let (cut, effects) = lookup(self.inputs[input].kind, &indicators, calibrator.slope);
                next_curve = 1 + self.set_curve(Curve { input, cut }, next_curve, output, &effects);
            }
        }
        Ok(())
    }

    /// Sets an output to an additive model over some of the inputs; one that has been read before.
    ///
    /// # Errors
    /// Names a feature that is no input or has no curve.
    pub(crate) fn set_additive(&mut self, output: usize, file: &AdditiveFile) -> Result<(), String> {
        let calibrator = file.calibrator();
        self.intercepts[output] = calibrator.log_odds(file.intercept());
        let calibrated = |effects: &[f64]| effects.iter().map(|effect| calibrator.slope * effect).collect::<Vec<f64>>();
        let inputs: Vec<usize> = {
            let position = self.positions();
            file.curves.iter().map(|curve| find(&position, &curve.feature)).collect::<Result<_, String>>()?
        };
        let mut curves: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, (curve, input)) in file.curves.iter().zip(inputs).enumerate() {
            let term = Curve { input, cut: cut(curve) };
            curves.insert(&curve.feature, self.set_curve(term, at, output, &calibrated(&curve.effects)));
        }
        for (at, map) in file.maps.iter().enumerate() {
            let [first, second] = map.features.each_ref().map(|feature| find(&curves, feature));
            let n = [0, 1].map(|side| map.sides[side].groups);
            let term = Map { curves: [first?, second?], groups: [0, 1].map(|side| groups(map, side)), n };
            let cells = n[0] * n[1];
            let found = self.maps.position(term, at, cells * self.intercepts.len());
            self.fill_map(found, output, &calibrated(&map.effects.concat()));
        }
        Ok(())
    }

    /// Leaves out inputs that no term reads. A model without terms keeps one, so that there is something to count rows by.
    pub(crate) fn finish(&mut self) {
        if self.scaled.terms.is_empty() && self.curves.terms.is_empty() && !self.inputs.is_empty() {
            let cut = lookup(self.inputs[0].kind, &[], 1.0).0;
            self.curves.position(Curve { input: 0, cut }, 0, 2 * self.intercepts.len());
        }
        let mut is_read = vec![false; self.inputs.len()];
        let read =
            self.scaled.terms.iter().map(|term| term.input).chain(self.curves.terms.iter().map(|term| term.input));
        read.for_each(|input| is_read[input] = true);
        let before = |input: usize| is_read[..input].iter().filter(|read| **read).count();
        let position: Vec<usize> = (0..is_read.len()).map(before).collect();
        self.scaled.terms.iter_mut().for_each(|term| term.input = position[term.input]);
        self.curves.terms.iter_mut().for_each(|term| term.input = position[term.input]);
        let mut is_read = is_read.into_iter();
        self.inputs.retain(|_| is_read.next() == Some(true));
    }

    fn positions(&self) -> BTreeMap<&str, usize> {
        self.inputs.iter().enumerate().map(|(at, input)| (input.name.as_str(), at)).collect()
    }

    fn set_curve(&mut self, curve: Curve, expected: usize, output: usize, effects: &[f64]) -> usize {
        let outputs = self.intercepts.len();
        let at = self.curves.position(curve, expected, effects.len() * outputs);
        fill(&mut self.curves.effects[at], outputs, output, effects);
        at
    }

    fn fill_map(&mut self, at: usize, output: usize, effects: &[f64]) {
        let outputs = self.intercepts.len();
        fill(&mut self.maps.effects[at], outputs, output, effects);
    }
}

/// Sets one column of a table with a row a cell.
fn fill(table: &mut [f64], outputs: usize, output: usize, effects: &[f64]) {
    table[output..].iter_mut().step_by(outputs).zip(effects).for_each(|(cell, effect)| *cell = *effect);
}

fn find(positions: &BTreeMap<&str, usize>, name: &str) -> Result<usize, String> {
    positions.get(name).copied().ok_or_else(|| format!("`{name}`: no such feature"))
}

fn shape(transform: TransformName) -> Option<Shape> {
    match transform {
        TransformName::Linear => Some(Shape::Linear),
        TransformName::Log1p => Some(Shape::Log1p),
        TransformName::Absent | TransformName::Level | TransformName::OtherThan => None,
    }
}

fn scaled(input: usize, column: &Coefficient) -> Result<Scaled, String> {
    let parts = (shape(column.transform), column.low, column.high);
    let (Some(shape), Some(low), Some(high)) = parts else {
        return Err(format!("`{}`: transform and clips disagree", column.feature));
    };
    Ok(Scaled { input, shape, low, high, mean: column.mean, scale: column.scale })
}

/// What all indicators of one input add, by code.
fn lookup(kind: InputKind, columns: &[&Coefficient], slope: f64) -> (Cut, Vec<f64>) {
    let added = |seen: Seen<'_>| -> f64 { columns.iter().map(|column| slope * column.beta * cell(column, seen)).sum() };
    if kind != InputKind::Category {
        return (Cut::Edges(Vec::new()), vec![added(Seen::Other), added(Seen::Absent)]);
    }
    let mut levels: Vec<String> = columns.iter().flat_map(|column| column.levels.iter().flatten()).cloned().collect();
    levels.sort();
    levels.dedup();
    let mut effects: Vec<f64> = levels.iter().map(|level| added(Seen::Level(level))).collect();
    effects.extend([added(Seen::Other), added(Seen::Absent)]);
    (Cut::Levels(levels), effects)
}

/// The design value of an indicator, rounded as the encoder rounds it.
fn cell(column: &Coefficient, seen: Seen<'_>) -> f64 {
    let names = |level: &str| column.levels.iter().flatten().any(|named| named == level);
    let holds = match (column.transform, seen) {
        (TransformName::Absent, seen) => matches!(seen, Seen::Absent),
        (_, Seen::Absent) => return 0.0,
        (TransformName::OtherThan, Seen::Level(level)) => !names(level),
        (TransformName::OtherThan, Seen::Other) => true,
        (_, Seen::Level(level)) => names(level),
        (_, Seen::Other) => false,
    };
    f64::from(((f64::from(u8::from(holds)) - column.mean) / column.scale) as f32)
}

fn cut(curve: &CurveFile) -> Cut {
    match (&curve.edges, &curve.levels) {
        (_, Some(levels)) => Cut::Levels(levels.clone()),
        (edges, None) => Cut::Edges(edges.clone().unwrap_or_default()),
    }
}

fn groups(map: &MapFile, side: usize) -> Vec<usize> {
    map.sides[side].group.iter().map(|group| usize::from(*group)).collect()
}

/// Names for what a format needs names for besides the inputs: none is that of an input, and none is given twice.
#[derive(Clone, Debug)]
pub(crate) struct Names<'a> {
    taken: BTreeSet<&'a str>,
    given: BTreeSet<String>,
    /// By word: the number to try next.
    next: BTreeMap<String, u32>,
}

impl<'a> Names<'a> {
    /// None given yet; `also` are taken besides the inputs.
    pub(crate) fn new(model: &'a Portable, also: &[&'a str]) -> Self {
        let inputs = model.inputs.iter().map(|input| input.name.as_str());
        Self { taken: inputs.chain(also.iter().copied()).collect(), given: BTreeSet::new(), next: BTreeMap::new() }
    }

    /// `word` if it is free, else the first free one of `word_2`, `word_3` and so on.
    pub(crate) fn give(&mut self, word: &str) -> String {
        let mut number = self.next.get(word).copied().unwrap_or(1);
        loop {
            let name = if number == 1 { word.to_owned() } else { format!("{word}_{number}") };
            number += 1;
            if !self.taken.contains(name.as_str()) && self.given.insert(name.clone()) {
                self.next.insert(word.to_owned(), number);
                return name;
            }
        }
    }
}
