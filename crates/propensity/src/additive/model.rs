//! The fitted sum: plain data, to be written into a model file, and what it says of rows.

use rayon::prelude::*;

use crate::additive::bins::{Bins, Codes};
use crate::additive::terms::{Groups, Term, code_counts};
use crate::error::{Error, check_len};

/// Rounds of moving margins from maps to curves, at most.
const MAX_ROUNDS: u32 = 200;
/// Largest margin left in a map.
const NO_MARGIN: f64 = 1e-12;

/// η = intercept + Σ coefficient of the row's cell, over the terms.
///
/// Curves have mean zero over the training rows, and so has every row and every column of a map: a map is what two features do
/// together beyond what each does alone, and the picture of the model is unique.
#[derive(Clone, Debug, PartialEq)]
pub struct Additive {
    /// Curves in order of feature, then maps, the most useful first.
    pub terms: Vec<Term>,
    /// One vector a term, by cell, in log-odds.
    pub coefficients: Vec<Vec<f64>>,
    /// Log-odds of the mean row.
    pub intercept: f64,
}

impl Additive {
    /// The linear predictor of every row.
    ///
    /// # Errors
    /// [`Error::Shape`] when the codes have fewer features than the terms name.
    pub fn eta(&self, codes: &Codes) -> Result<Vec<f64>, Error> {
        self.check_features(codes.columns.len())?;
        let mut eta = vec![self.intercept; codes.n_rows];
        for (term, coefficients) in self.terms.iter().zip(&self.coefficients) {
            let cells = term.cells(codes);
            let add = |(eta, cell): (&mut f64, &u8)| *eta += coefficients.get(usize::from(*cell)).unwrap_or(&0.0);
            eta.par_iter_mut().zip(&cells).with_min_len(8_192).for_each(add);
        }
        Ok(eta)
    }

    /// What each term adds to the log-odds of one row, given by its codes. Sets `out`, one value a term; their sum and the
    /// intercept are the linear predictor.
    ///
    /// # Errors
    /// [`Error::Shape`] for too few codes or an `out` of another length.
    pub fn of_row(&self, codes: &[u8], out: &mut [f64]) -> Result<(), Error> {
        self.check_features(codes.len())?;
        check_len("out", out.len(), self.terms.len())?;
        for ((term, coefficients), out) in self.terms.iter().zip(&self.coefficients).zip(out) {
            *out = term.cell(codes).and_then(|cell| coefficients.get(cell)).copied().unwrap_or(0.0);
        }
        Ok(())
    }

    fn check_features(&self, got: usize) -> Result<(), Error> {
        let highest = |term: &Term| match term {
            Term::Curve { feature } => *feature,
            Term::Map { features, .. } => features[0].max(features[1]),
        };
        let needed = self.terms.iter().map(|term| highest(term) + 1).max().unwrap_or(0);
        if got < needed { Err(Error::Shape { what: "codes", got, expected: needed }) } else { Ok(()) }
    }

    /// Moves what a map says of one of its features alone to that feature's curve, and every term's mean over the rows to the
    /// intercept. The linear predictor of the rows stays.
    pub(crate) fn separate(&mut self, bins: &Bins, codes: &Codes) {
        for at in 0..self.terms.len() {
            if let Term::Map { features, groups } = self.terms[at].clone() {
                self.separate_map(at, features, &groups, &self.terms[at].cells(codes));
            }
        }
        let counts = code_counts(bins, codes);
        for (term, coefficients) in self.terms.iter().zip(&mut self.coefficients) {
            let Term::Curve { feature } = term else { continue };
            let sum: f64 = counts[*feature].iter().zip(&*coefficients).map(|(n, b)| *n as f64 * b).sum();
            let mean = sum / codes.n_rows.max(1) as f64;
            for b in coefficients {
                *b -= mean;
            }
            self.intercept += mean;
        }
    }

    /// Takes the margins of one map, in turn, until none is left.
    fn separate_map(&mut self, at: usize, features: [usize; 2], groups: &[Groups; 2], cells: &[u8]) {
        let n = [groups[0].n, groups[1].n];
        let mut weights = vec![0.0; n[0] * n[1] + 1];
        for cell in cells {
            weights[usize::from(*cell)] += 1.0;
        }
        let curve_of = |feature: usize| Term::Curve { feature };
        let curves = features.map(|feature| self.terms.iter().position(|term| *term == curve_of(feature)));
        for _ in 0..MAX_ROUNDS {
            let mut largest = 0.0_f64;
            for axis in 0..2 {
                // A map without its curve keeps its margin.
                let Some(curve) = curves[axis] else { continue };
                let margin = take_margin(&mut self.coefficients[at], &weights, n, axis);
                for (b, group) in self.coefficients[curve].iter_mut().zip(&groups[axis].of_code) {
                    *b += margin.get(usize::from(*group)).unwrap_or(&0.0);
                }
                largest = margin.iter().fold(largest, |largest, m| largest.max(m.abs()));
            }
            if largest < NO_MARGIN {
                break;
            }
        }
    }
}

/// Subtracts from each row (`axis` 0) or column (1) of a map its weighted mean, and returns the means.
fn take_margin(cells: &mut [f64], weights: &[f64], n: [usize; 2], axis: usize) -> Vec<f64> {
    let at = |i: usize, j: usize| if axis == 0 { i * n[1] + j } else { j * n[1] + i };
    (0..n[axis])
        .map(|i| {
            let others = 0..n[1 - axis];
            let weight: f64 = others.clone().map(|j| weights[at(i, j)]).sum();
            let sum: f64 = others.clone().map(|j| weights[at(i, j)] * cells[at(i, j)]).sum();
            let mean = if weight > 0.0 { sum / weight } else { 0.0 };
            others.for_each(|j| cells[at(i, j)] -= mean);
            mean
        })
        .collect()
}
