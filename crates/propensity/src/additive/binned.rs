//! The sum of log-losses over rows in cells, and its value, gradient and Hessian in passes whose order of additions is fixed.
//!
//! Parameters are the coefficients of all terms, one after the other, then the intercept. A coefficient's derivative is a sum over the
//! rows in its cell; an entry of the Hessian is the weight of the rows in two cells at once. So a pass adds one number a row and term
//! (gradient) or a row and pair of terms (Hessian), however many cells there are. Each table is filled by one thread, in order of rows.

use osusume_model::Control;
use osusume_numeric::sums::{self, BLOCK_ROWS, GROUPS};
use rayon::prelude::*;

use crate::additive::bins::Codes;
use crate::additive::cells::Cells;
use crate::error::{Error, check_control};
use crate::problem::{link_block, loss_block};

/// Rows in cells, with labels and weights.
pub(crate) struct Binned {
    /// One vector a term; a cell at the term's size is none.
    cells: Vec<Vec<u8>>,
    sizes: Vec<usize>,
    /// Position of each term's first coefficient, and of the intercept.
    offsets: Vec<usize>,
    y: Vec<f64>,
    w: Vec<f64>,
}

impl Binned {
    /// The terms' cells of rows with labels `y` (0 or 1) and weights `w`.
    pub(crate) fn new(codes: &Codes, terms: &[Cells], y: Vec<f64>, w: Vec<f64>) -> Self {
        let mut binned = Self { cells: Vec::new(), sizes: Vec::new(), offsets: vec![0], y, w };
        binned.extend(codes, terms);
        binned
    }

    /// Adds terms behind those there are.
    pub(crate) fn extend(&mut self, codes: &Codes, terms: &[Cells]) {
        self.cells.par_extend(terms.par_iter().map(|term| term.of_rows(codes)));
        for size in terms.iter().map(Cells::size) {
            self.sizes.push(size);
            self.offsets.push(self.intercept() + size);
        }
    }

    /// Every `stride`-th row.
    pub(crate) fn every(&self, stride: usize) -> Self {
        let thin = |values: &Vec<f64>| values.iter().copied().step_by(stride).collect();
        let cells = self.cells.par_iter().map(|cells| cells.iter().copied().step_by(stride).collect()).collect();
        Self { cells, sizes: self.sizes.clone(), offsets: self.offsets.clone(), y: thin(&self.y), w: thin(&self.w) }
    }

    pub(crate) fn n_terms(&self) -> usize {
        self.sizes.len()
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.y.len()
    }

    pub(crate) fn y(&self) -> &[f64] {
        &self.y
    }

    pub(crate) fn w(&self) -> &[f64] {
        &self.w
    }

    pub(crate) fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Position of the intercept: the number of coefficients.
    pub(crate) fn intercept(&self) -> usize {
        self.offsets[self.offsets.len() - 1]
    }

    /// Sets `out` to the linear predictor of `params`.
    pub(crate) fn linear(&self, params: &[f64], out: &mut [f64]) {
        let tables: Vec<[f64; 256]> = (0..self.sizes.len()).map(|term| self.table(params, term)).collect();
        out.par_chunks_mut(BLOCK_ROWS).enumerate().for_each(|(block, out)| {
            let rows = block * BLOCK_ROWS..block * BLOCK_ROWS + out.len();
            out.fill(params[self.intercept()]);
            for (cells, table) in self.cells.iter().zip(&tables) {
                out.iter_mut().zip(&cells[rows.clone()]).for_each(|(eta, cell)| *eta += table[usize::from(*cell)]);
            }
        });
    }

    /// The coefficients of a term by cell, zero beyond.
    fn table(&self, params: &[f64], term: usize) -> [f64; 256] {
        let mut table = [0.0; 256];
        table[..self.sizes[term]].copy_from_slice(&params[self.offsets[term]..self.offsets[term + 1]]);
        table
    }

    /// Sets `residual` to w (μ − y) and `curvature` to w μ (1 − μ).
    pub(crate) fn link(&self, eta: &[f64], residual: &mut [f64], curvature: &mut [f64]) {
        let outputs = residual.par_chunks_mut(BLOCK_ROWS).zip(curvature.par_chunks_mut(BLOCK_ROWS));
        let inputs = eta.par_chunks(BLOCK_ROWS).zip(self.y.par_chunks(BLOCK_ROWS)).zip(self.w.par_chunks(BLOCK_ROWS));
        outputs.zip(inputs).for_each(|((r, c), ((eta, y), w))| link_block(eta, y, w, r, c));
    }

    /// Σ w ℓ at η + t ξ.
    pub(crate) fn loss(&self, eta: &[f64], xi: &[f64], t: f64) -> f64 {
        let block = |sum: &mut f64, rows: std::ops::Range<usize>| {
            *sum += loss_block(&eta[rows.clone()], &xi[rows.clone()], t, &self.y[rows.clone()], &self.w[rows]);
        };
        sums::reduce(self.n_rows(), GROUPS, || 0.0, block, |sum, other| *sum += other)
    }

    /// Σ of `values` by cell of every term, and over all rows: the gradient where `values` are the residuals.
    pub(crate) fn by_cell(&self, values: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.intercept() + 1];
        let (of_terms, of_all) = sums.split_at_mut(self.intercept());
        of_all[0] = values.chunks(BLOCK_ROWS).map(sums::sum).sum();
        self.strips(of_terms, 1).into_par_iter().for_each(|(term, sums)| {
            let mut table = [0.0; 256];
            self.cells[term].iter().zip(values).for_each(|(cell, value)| table[usize::from(*cell)] += value);
            sums.copy_from_slice(&table[..sums.len()]);
        });
        sums
    }

    /// Lower triangle of the Hessian, row-major of order d + 1, from the row weights w μ (1 − μ).
    pub(crate) fn hessian(&self, curvature: &[f64], control: &dyn Control) -> Result<Vec<f64>, Error> {
        let n = self.intercept() + 1;
        let mut hessian = vec![0.0; n * n];
        self.fill_hessian(curvature, 0, &mut hessian, control)?;
        Ok(hessian)
    }

    /// As [`Self::hessian`], where `before` is the Hessian of the first `n_terms` terms.
    pub(crate) fn extend_hessian(
        &self,
        before: &[f64],
        n_terms: usize,
        curvature: &[f64],
        control: &dyn Control,
    ) -> Result<Vec<f64>, Error> {
        let (n, kept) = (self.intercept() + 1, self.offsets[n_terms]);
        let mut hessian = vec![0.0; n * n];
        for (row, of_row) in before.chunks_exact(kept + 1).take(kept).enumerate() {
            hessian[row * n..=row * n + row].copy_from_slice(&of_row[..=row]);
        }
        self.fill_hessian(curvature, n_terms, &mut hessian, control)?;
        Ok(hessian)
    }

    /// Sets the rows of the terms from `first` on, and of the intercept.
    fn fill_hessian(
        &self,
        curvature: &[f64],
        first: usize,
        hessian: &mut [f64],
        control: &dyn Control,
    ) -> Result<(), Error> {
        let n = self.intercept() + 1;
        let (of_terms, last) = hessian.split_at_mut((n - 1) * n);
        let mut strips = self.strips(of_terms, n);
        strips.truncate(self.sizes.len() - first);
        let filled = strips.into_par_iter().map(|(term, strip)| {
            check_control(control)?;
            (0..=term).for_each(|other| self.add_table(term, other, curvature, strip, n));
            Ok(())
        });
        filled.collect::<Result<(), Error>>()?;
        last[n - 1] = curvature.chunks(BLOCK_ROWS).map(sums::sum).sum();
        for j in 0..n - 1 {
            last[j] = of_terms[j * n + j];
        }
        Ok(())
    }

    /// The rows of each term in a matrix of `width` columns.
    fn strips<'m>(&self, matrix: &'m mut [f64], width: usize) -> Vec<(usize, &'m mut [f64])> {
        let mut rest = matrix;
        let mut strips = Vec::with_capacity(self.sizes.len());
        for (term, size) in self.sizes.iter().enumerate() {
            let (strip, behind) = rest.split_at_mut(size * width);
            strips.push((term, strip));
            rest = behind;
        }
        // The last terms have the most tables.
        strips.reverse();
        strips
    }

    /// Sets the block of two terms in the strip of the first: the weight of the rows in each pair of cells.
    fn add_table(&self, term: usize, other: usize, curvature: &[f64], strip: &mut [f64], n: usize) {
        let at = self.offsets[other];
        if term == other {
            let mut table = [0.0; 256];
            self.cells[term].iter().zip(curvature).for_each(|(cell, c)| table[usize::from(*cell)] += c);
            (0..self.sizes[term]).for_each(|cell| strip[cell * n + at + cell] = table[cell]);
            return;
        }
        let width = self.sizes[other] + 1;
        // Two tables in turn: rows next to each other are often in the same cells, and an addition would wait for the one before.
        let size = (self.sizes[term] + 1) * width;
        let mut tables = vec![0.0; 2 * size];
        let (even, odd) = tables.split_at_mut(size);
        let rows = self.cells[term].chunks(2).zip(self.cells[other].chunks(2)).zip(curvature.chunks(2));
        for ((a, b), c) in rows {
            even[usize::from(a[0]) * width + usize::from(b[0])] += c[0];
            if c.len() == 2 {
                odd[usize::from(a[1]) * width + usize::from(b[1])] += c[1];
            }
        }
        for cell in 0..self.sizes[term] {
            let from = cell * width..cell * width + width - 1;
            let pairs = even[from.clone()].iter().zip(&odd[from]);
            strip[cell * n + at..][..width - 1].iter_mut().zip(pairs).for_each(|(h, (a, b))| *h = a + b);
        }
    }
}
