//! Which pairs of features act together: what a map of the residuals of some rows says about the residuals of others.
//!
//! At the optimum of the curves, with residuals rᵢ = yᵢ − μᵢ and weights cᵢ = μᵢ(1 − μᵢ), one Newton step with a ridge κ gives cell g the
//! value e(g) = R(g) / (C(g) + κ), where R and C are the sums of r and c over the rows of the cell. For rows left out, with sums R′ and
//! C′, that changes the log-likelihood by Σ R′(g) e(g) − C′(g) e(g)² / 2. Each of five parts of the rows is left out once; the gain of a
//! pair is the sum, for the κ of a short list for which it is largest. Without an interaction the gain is negative or small; a
//! pair is kept when e^gain exceeds three times the number of pairs looked at: the odds against it beforehand, and some doubt.

use osusume_model::Control;
use osusume_numeric::elementary::ln;
use rayon::prelude::*;

use crate::additive::bins::{Bins, Codes};
use crate::additive::terms::{Groups, Term, code_counts};
use crate::error::{Error, check_control};

/// Parts of the rows that are left out in turn.
const PARTS: usize = 5;
/// Ridges tried: 4⁰ to 4⁶.
const RIDGES: i32 = 7;
/// Rows times pairs looked at, at most; beyond, every k-th row.
const MAX_VISITS: usize = 2_000_000_000;
/// Odds a pair must reach after all, beyond those against any one of the pairs.
const DOUBT: f64 = 3.0;
/// Cells of the largest map: seven groups on either side.
const MAX_CELLS: usize = 49;

/// A pair of features and what its map is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The map.
    pub term: Term,
    /// Change of the log-likelihood of rows left out, in nats.
    pub gain: f64,
}

/// What the curves leave over, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Residuals<'a> {
    /// w (y − μ).
    pub residual: &'a [f64],
    /// w μ (1 − μ).
    pub curvature: &'a [f64],
}

/// The at most `max_maps` pairs worth a map, the best first; equal gains in the order of the features.
///
/// # Errors
/// [`Error::Stopped`]; [`Error::Shape`] when the residuals are not parallel to the codes.
pub fn find(
    bins: &Bins,
    codes: &Codes,
    residuals: &Residuals<'_>,
    max_maps: usize,
    control: &dyn Control,
) -> Result<Vec<Candidate>, Error> {
    let all: Vec<usize> = (0..bins.features.len()).collect();
    find_among(bins, codes, residuals, &all, max_maps, control)
}

/// As [`find`], of pairs of some features, ascending.
pub(crate) fn find_among(
    bins: &Bins,
    codes: &Codes,
    residuals: &Residuals<'_>,
    features: &[usize],
    max_maps: usize,
    control: &dyn Control,
) -> Result<Vec<Candidate>, Error> {
    codes.check(bins)?;
    crate::error::check_len("residual", residuals.residual.len(), codes.n_rows)?;
    crate::error::check_len("curvature", residuals.curvature.len(), codes.n_rows)?;
    let counts = code_counts(bins, codes);
    let groups: Vec<Groups> =
        bins.features.iter().zip(&counts).map(|(bins, counts)| Groups::new(bins, counts)).collect();
    let usable: Vec<usize> = features.iter().copied().filter(|feature| groups[*feature].n > 1).collect();
    let pairs: Vec<[usize; 2]> =
        usable.iter().enumerate().flat_map(|(i, b)| usable[..i].iter().map(|a| [*a, *b])).collect();
    if pairs.is_empty() || max_maps == 0 {
        return Ok(Vec::new());
    }
    let stride = (codes.n_rows * pairs.len()).div_ceil(MAX_VISITS).max(1);
    let of_rows: Vec<Vec<u8>> =
        groups.par_iter().enumerate().map(|(i, groups)| grouped(groups, &codes.columns[i])).collect();
    let moments: Vec<[f64; 2]> = residuals.residual.iter().zip(residuals.curvature).map(|(r, c)| [*r, *c]).collect();
    let gain = |pair: &[usize; 2]| {
        check_control(control)?;
        let of_pair = pair.map(|feature| of_rows[feature].as_slice());
        Ok(gain(of_pair, pair.map(|feature| groups[feature].n), &moments, stride))
    };
    let gains: Result<Vec<f64>, Error> = pairs.par_iter().map(gain).collect();
    let threshold = ln(DOUBT * pairs.len() as f64);
    let mut found: Vec<(f64, [usize; 2])> =
        gains?.into_iter().zip(pairs).filter(|(gain, _)| *gain > threshold).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found.truncate(max_maps);
    let candidate = |(gain, features): (f64, [usize; 2])| {
        let groups = features.map(|feature| groups[feature].clone());
        Candidate { term: Term::Map { features, groups }, gain }
    };
    Ok(found.into_iter().map(candidate).collect())
}

fn grouped(groups: &Groups, codes: &[u8]) -> Vec<u8> {
    codes.iter().map(|code| groups.of_code[usize::from(*code)]).collect()
}

/// Sums of r and c by part and cell.
type Sums = [[[f64; 2]; MAX_CELLS]; PARTS];

fn gain([a, b]: [&[u8]; 2], n: [usize; 2], moments: &[[f64; 2]], stride: usize) -> f64 {
    let mut sums: Sums = [[[0.0; 2]; MAX_CELLS]; PARTS];
    let mut part = 0;
    for ((a, b), moment) in a.iter().zip(b).zip(moments).step_by(stride) {
        // Every training code has a group.
        let sum = &mut sums[part][usize::from(*a) * n[1] + usize::from(*b)];
        sum[0] += moment[0];
        sum[1] += moment[1];
        part = if part + 1 == PARTS { 0 } else { part + 1 };
    }
    let gain = (0..RIDGES).map(|k| held_out(&sums, n[0] * n[1], f64::from(4_i32.pow(k as u32)))).fold(0.0, f64::max);
    gain * stride as f64
}

/// What cells with ridge κ say about the part they have not seen, summed over the parts.
fn held_out(sums: &Sums, n_cells: usize, kappa: f64) -> f64 {
    let mut gain = 0.0;
    for cell in 0..n_cells {
        let all = sums.iter().fold([0.0; 2], |all, part| [all[0] + part[cell][0], all[1] + part[cell][1]]);
        for part in sums {
            let [r, c] = part[cell];
            let effect = (all[0] - r) / (all[1] - c + kappa);
            gain += r * effect - c * effect * effect / 2.0;
        }
    }
    gain
}
