//! Which columns are worth having: what the residuals of some customers say about those of others, over many offers at once.
//!
//! With residuals rᵢ = yᵢ − μᵢ and weights cᵢ = μᵢ(1 − μᵢ) at some fit, and columns t that are functions of a code, g = Σ r t and
//! H = Σ c t tᵀ need nothing but the sums of r and c by code. One Newton step with a ridge κ is δ = (H + κ)⁻¹ g; for customers left out,
//! with g′ and H′, it changes the log-likelihood by δᵀg′ − δᵀH′δ / 2. Each fold of customers is left out once. Summed over the folds, for
//! the κ of a short list for which it is largest, this is the *gain* of the columns: once with one δ for all offers (*common*), once
//! with one an offer (*own*). Without an effect the gain is negative or small.
//!
//! Rows of a customer repeat one another from date to date and from offer to offer. They are in one fold, so that no row speaks for
//! its own repetition, and gains are divided by the *dispersion* Σ (Σ r)² / Σ c, the inner sum over the rows of a customer: those of
//! an offer for own gains, those of all offers for common ones. What remains is a gain in nats of independent rows, and columns are kept
//! when e^gain exceeds three times the number of things looked at: the odds against any one beforehand, and some doubt.

use osusume_model::Control;
use osusume_numeric::linalg::Cholesky;
use rayon::prelude::*;

use crate::additive::basis::{Basis, BasisColumn, Coded, bends, joint};
use crate::additive::terms::{Groups, Term};
use crate::error::{Error, check_control, check_len};

/// Ridges tried: 8⁰ to 8⁵.
const RIDGES: i32 = 6;
/// Odds anything must reach after all, beyond those against any one of the things looked at.
const DOUBT: f64 = 3.0;
/// Features pairs are sought among: those that gain most alone.
const PAIRED: usize = 30;
/// Rows times pairs looked at, about; beyond, every k-th row.
const MAX_VISITS: usize = 50_000_000;

/// Coded features by position, ascending, each with what it gains in nats.
pub type Gains = Vec<(usize, f64)>;

/// What the fit of one offer leaves over, row by row.
#[derive(Clone, Debug)]
pub struct Residuals<'a> {
    /// Positions of the offer's rows.
    pub rows: &'a [u32],
    /// y − μ.
    pub residual: Vec<f64>,
    /// μ (1 − μ).
    pub curvature: Vec<f64>,
}

impl<'a> Residuals<'a> {
    /// Residuals of linear predictors.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn new(rows: &'a [u32], y: &[bool], eta: &[f64]) -> Result<Self, Error> {
        check_len("y", y.len(), rows.len())?;
        check_len("eta", eta.len(), rows.len())?;
        let mu: Vec<f64> = eta.iter().map(|eta| osusume_numeric::elementary::sigmoid(*eta)).collect();
        let residual = y.iter().zip(&mu).map(|(y, mu)| f64::from(u8::from(*y)) - mu).collect();
        Ok(Self { rows, residual, curvature: mu.iter().map(|mu| mu * (1.0 - mu)).collect() })
    }

    /// Residuals of the rate of takes.
    pub fn of_rate(rows: &'a [u32], y: &[bool]) -> Self {
        let rate = y.iter().filter(|y| **y).count() as f64 / y.len().max(1) as f64;
        let residual = y.iter().map(|y| f64::from(u8::from(*y)) - rate).collect();
        Self { rows, residual, curvature: vec![rate * (1.0 - rate); y.len()] }
    }
}

/// What all offers share: codes, and the fold of every row.
#[derive(Clone, Copy)]
pub struct Screen<'a> {
    /// Features in codes.
    pub coded: &'a Coded,
    /// Fold of each row of the codes, below `n_folds`.
    pub fold: &'a [u8],
    /// Folds of customers.
    pub n_folds: u8,
    /// Customer of each row of the codes, ascending.
    pub customer: &'a [u32],
    /// Asked once a feature.
    pub control: &'a dyn Control,
}

/// How much more the residuals of whole customers vary than independent ones would, at least 1.
#[derive(Clone, Copy, Debug)]
struct Dispersion {
    own: f64,
    common: f64,
}

/// Sums of r and c by fold and cell.
type Sums = Vec<[f64; 2]>;

/// g and H of one fold.
struct Moments {
    g: Vec<f64>,
    h: Vec<f64>,
}

impl Screen<'_> {
    /// The coded features whose straight columns or bends gain enough over the offers' rates, in order, with their gains.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn useful(&self, basis: &Basis, offers: &[Residuals<'_>]) -> Result<Gains, Error> {
        let n = self.coded.bins.features.len();
        let dispersion = self.dispersion(offers);
        let gains = (0..n).into_par_iter().map(|feature| {
            let bends = bends(self.coded, basis, feature);
            let tables: Vec<&[f32]> =
                basis.of_feature(feature).chain(&bends).map(|column| column.table.as_slice()).collect();
            self.gain_of_feature(feature, &tables, offers, dispersion)
        });
        let gains: Vec<f64> = gains.collect::<Result<_, Error>>()?;
        Ok(gains.into_iter().enumerate().filter(|(_, gain)| *gain > threshold(n)).collect())
    }

    /// The bends of those of `features` that gain enough by them, in order of feature.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn bends(
        &self,
        basis: &Basis,
        features: &[usize],
        offers: &[Residuals<'_>],
    ) -> Result<Vec<BasisColumn>, Error> {
        let dispersion = self.dispersion(offers);
        let found = features.par_iter().map(|&feature| {
            let bends = bends(self.coded, basis, feature);
            let tables: Vec<&[f32]> = bends.iter().map(|column| column.table.as_slice()).collect();
            let gain = self.gain_of_feature(feature, &tables, offers, dispersion)?;
            Ok(if gain > threshold(features.len()) { bends } else { Vec::new() })
        });
        Ok(found.collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect())
    }

    /// The bends of those of `features` that gain enough by them over what their straight columns gain, in order of feature.
    ///
    /// For residuals of rates: no other feature is held fast, as must be where each offer may see different ones.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn bends_alone(
        &self,
        basis: &Basis,
        features: &[usize],
        offers: &[Residuals<'_>],
    ) -> Result<Vec<BasisColumn>, Error> {
        let dispersion = self.dispersion(offers);
        let found = features.par_iter().map(|&feature| {
            let bends = bends(self.coded, basis, feature);
            let straight: Vec<&[f32]> = basis.of_feature(feature).map(|column| column.table.as_slice()).collect();
            let all: Vec<&[f32]> = straight.iter().copied().chain(bends.iter().map(|b| b.table.as_slice())).collect();
            let of_straight = self.gain_of_feature(feature, &straight, offers, dispersion)?;
            let gain = self.gain_of_feature(feature, &all, offers, dispersion)? - of_straight;
            Ok(if gain > threshold(features.len()) { bends } else { Vec::new() })
        });
        Ok(found.collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect())
    }

    fn gain_of_feature(
        &self,
        feature: usize,
        tables: &[&[f32]],
        offers: &[Residuals<'_>],
        dispersion: Dispersion,
    ) -> Result<f64, Error> {
        check_control(self.control)?;
        if tables.is_empty() {
            return Ok(0.0);
        }
        let codes = &self.coded.codes.columns[feature];
        let n_cells = self.coded.bins.features[feature].n_codes();
        Ok(self.gain(n_cells, tables, offers, dispersion, |row| usize::from(codes[row])))
    }

    /// The larger of the common and the own gain of columns `tables`, functions of the cell of a row.
    fn gain(
        &self,
        n_cells: usize,
        tables: &[&[f32]],
        offers: &[Residuals<'_>],
        dispersion: Dispersion,
        cell: impl Fn(usize) -> usize,
    ) -> f64 {
        let of_offers: Vec<Vec<Moments>> =
            offers.iter().map(|offer| self.moments(n_cells, tables, offer, &cell)).collect();
        let own = best(|kappa| of_offers.iter().map(|moments| held_out(moments, kappa)).sum()) / dispersion.own;
        if offers.len() == 1 {
            return own;
        }
        let common: Vec<Moments> = (0..usize::from(self.n_folds))
            .map(|fold| Moments::sum(of_offers.iter().map(|moments| &moments[fold]), tables.len()))
            .collect();
        own.max(best(|kappa| held_out(&common, kappa)) / dispersion.common)
    }

    /// g and H of an offer, by fold.
    fn moments(
        &self,
        n_cells: usize,
        tables: &[&[f32]],
        offer: &Residuals<'_>,
        cell: impl Fn(usize) -> usize,
    ) -> Vec<Moments> {
        let mut sums: Sums = vec![[0.0; 2]; usize::from(self.n_folds) * n_cells];
        for ((row, r), c) in offer.rows.iter().zip(&offer.residual).zip(&offer.curvature) {
            let row = *row as usize;
            let sum = &mut sums[usize::from(self.fold[row]) * n_cells + cell(row)];
            sum[0] += r;
            sum[1] += c;
        }
        sums.chunks(n_cells).map(|sums| Moments::new(sums, tables)).collect()
    }

    /// The joint columns of the at most `max_maps` pairs that gain most in common to all offers, the best pair first.
    ///
    /// `features` are those to choose from with their gains alone; pairs are sought among the best of them.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn pairs(
        &self,
        features: &[(usize, f64)],
        offers: &[Residuals<'_>],
        max_maps: usize,
    ) -> Result<Vec<BasisColumn>, Error> {
        let mut order: Vec<(usize, f64)> = features.to_vec();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        order.truncate(PAIRED);
        let mut chosen: Vec<usize> = order.into_iter().map(|(feature, _)| feature).collect();
        chosen.sort_unstable();
        let pairs: Vec<[usize; 2]> =
            chosen.iter().enumerate().flat_map(|(i, b)| chosen[..i].iter().map(|a| [*a, *b])).collect();
        if pairs.is_empty() || max_maps == 0 {
            return Ok(Vec::new());
        }
        let stride = (self.coded.rows().len() * pairs.len()).div_ceil(MAX_VISITS).max(1);
        let rows: Vec<u32> = self.coded.rows().iter().copied().step_by(stride).collect();
        let together = self.together(offers, &rows);
        let dispersion = self.dispersion(offers);
        let found = pairs.par_iter().map(|&features| {
            check_control(self.control)?;
            let columns = joint(self.coded, features);
            let Some(BasisColumn { term: Term::Map { groups, .. }, .. }) = columns.first() else { return Ok(None) };
            let gain = self.gain_of_pair(features, groups, &columns, &together) / dispersion.common;
            Ok((gain > threshold(pairs.len())).then_some((gain, columns)))
        });
        let mut found: Vec<(f64, Vec<BasisColumn>)> =
            found.collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect();
        // Stable: equal gains stay in order of features.
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.truncate(max_maps);
        Ok(found.into_iter().flat_map(|(_, columns)| columns).collect())
    }

    fn gain_of_pair(
        &self,
        features: [usize; 2],
        groups: &[Groups; 2],
        columns: &[BasisColumn],
        together: &Residuals<'_>,
    ) -> f64 {
        let tables: Vec<&[f32]> = columns.iter().map(|column| column.table.as_slice()).collect();
        let [a, b] = features.map(|feature| &self.coded.codes.columns[feature]);
        let n = groups[1].n;
        let moments = self.moments(groups[0].n * n, &tables, together, |row| {
            // Every training code has a group.
            usize::from(groups[0].of_code[usize::from(a[row])]) * n
                + usize::from(groups[1].of_code[usize::from(b[row])])
        });
        best(|kappa| held_out(&moments, kappa))
    }

    /// The residuals of all offers added up, of some rows.
    fn together<'r>(&self, offers: &[Residuals<'_>], rows: &'r [u32]) -> Residuals<'r> {
        let sums = self.sums(offers);
        let at = |part: usize| rows.iter().map(|row| sums[*row as usize][part]).collect();
        Residuals { residual: at(0), curvature: at(1), rows }
    }

    /// Σ r and Σ c over the offers, by row of the codes.
    fn sums(&self, offers: &[Residuals<'_>]) -> Vec<[f64; 2]> {
        let mut sums = vec![[0.0; 2]; self.coded.codes.n_rows];
        for offer in offers {
            for ((row, r), c) in offer.rows.iter().zip(&offer.residual).zip(&offer.curvature) {
                sums[*row as usize][0] += r;
                sums[*row as usize][1] += c;
            }
        }
        sums
    }

    fn dispersion(&self, offers: &[Residuals<'_>]) -> Dispersion {
        let sums = self.sums(offers);
        let all = (0..).zip(&sums).map(|(row, [r, _])| (row, *r));
        let total: f64 = sums.iter().map(|[_, c]| c).sum::<f64>().max(f64::MIN_POSITIVE);
        let of_offer =
            |offer: &Residuals<'_>| self.squares(offer.rows.iter().copied().zip(offer.residual.iter().copied()));
        let own: f64 = offers.iter().map(of_offer).sum();
        Dispersion { own: (own / total).max(1.0), common: (self.squares(all) / total).max(1.0) }
    }

    /// Σ (Σ r)², the inner sum over the rows of a customer, which follow one another.
    fn squares(&self, rows: impl Iterator<Item = (u32, f64)>) -> f64 {
        let (mut squares, mut sum, mut last) = (0.0, 0.0, u32::MAX);
        for (row, r) in rows {
            let customer = self.customer[row as usize];
            if customer != last {
                squares += sum * sum;
                (sum, last) = (0.0, customer);
            }
            sum += r;
        }
        squares + sum * sum
    }
}

/// The gain one of `n` things must exceed.
fn threshold(n: usize) -> f64 {
    osusume_numeric::elementary::ln(DOUBT * n.max(1) as f64)
}

/// The largest of `gain` over the ridges; at least 0, which an endless ridge gains.
fn best(gain: impl Fn(f64) -> f64) -> f64 {
    (0..RIDGES).map(|k| gain(f64::from(8_i32.pow(k as u32)))).fold(0.0, f64::max)
}

impl Moments {
    fn new(sums: &[[f64; 2]], tables: &[&[f32]]) -> Self {
        let q = tables.len();
        let mut moments = Self { g: vec![0.0; q], h: vec![0.0; q * q] };
        let mut t = vec![0.0; q];
        for (cell, [r, c]) in sums.iter().enumerate().filter(|(_, [_, c])| *c > 0.0) {
            t.iter_mut().zip(tables).for_each(|(t, table)| *t = f64::from(table[cell]));
            for i in 0..q {
                moments.g[i] += r * t[i];
                let row = moments.h[i * q..].iter_mut().zip(&t[..=i]);
                row.for_each(|(h, other)| *h += c * t[i] * other);
            }
        }
        moments
    }

    fn sum<'m>(parts: impl Iterator<Item = &'m Self>, q: usize) -> Self {
        let mut sum = Self { g: vec![0.0; q], h: vec![0.0; q * q] };
        for part in parts {
            sum.g.iter_mut().zip(&part.g).for_each(|(a, b)| *a += b);
            sum.h.iter_mut().zip(&part.h).for_each(|(a, b)| *a += b);
        }
        sum
    }

    /// δᵀg − δᵀHδ / 2.
    fn gain(&self, delta: &[f64]) -> f64 {
        let q = delta.len();
        let quadratic = |i: usize| {
            let below: f64 = (0..i).map(|j| self.h[i * q + j] * delta[j]).sum();
            delta[i] * (2.0 * below + self.h[i * q + i] * delta[i])
        };
        (0..q).map(|i| delta[i] * self.g[i] - quadratic(i) / 2.0).sum()
    }
}

/// What a step with ridge κ learned from all folds but one says of that one, summed over the folds.
fn held_out(folds: &[Moments], kappa: f64) -> f64 {
    let q = folds.first().map_or(0, |fold| fold.g.len());
    let all = Moments::sum(folds.iter(), q);
    let gain = |fold: &Moments| {
        let mut h: Vec<f64> = all.h.iter().zip(&fold.h).map(|(all, own)| all - own).collect();
        (0..q).for_each(|i| h[i * q + i] += kappa);
        let mut delta: Vec<f64> = all.g.iter().zip(&fold.g).map(|(all, own)| all - own).collect();
        // Positive definite but for rounding.
        let Ok(factor) = Cholesky::in_place(h, q) else { return 0.0 };
        factor.solve(&mut delta);
        fold.gain(&delta)
    };
    folds.iter().map(gain).sum()
}
